//! The threads that share their work: all of a server but its sessions' short statements, which have lanes ([`crate::pgwire`]).

use std::io;
use storage::node::host::THREADS_MAX;
use tokio::runtime::{Builder, Runtime};

/// Statements are bound and planned on these threads and on lanes, recursively up to the depth limit.
pub const STACK_BYTES: usize = 16 << 20;
/// Threads for what would block those: as many as may wait for the disks of volumes, and beside them as many as tokio has by
/// itself.
const BLOCKING_MAX: usize = THREADS_MAX + 512;

/// A thread for each core, named `name`.
///
/// # Errors
/// When the threads cannot be had.
pub fn runtime(name: &str) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().thread_stack_size(STACK_BYTES).max_blocking_threads(BLOCKING_MAX).thread_name(name).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn all_that_may_wait_for_a_disk_that_hangs_leaves_threads_to_others() {
        let runtime = runtime("test").expect("threads can be had");
        let disk = Arc::new(Mutex::new(()));
        let hanging = disk.lock();
        for _ in 0..THREADS_MAX {
            let disk = disk.clone();
            runtime.spawn_blocking(move || drop(disk.lock()));
        }
        let other = runtime.spawn_blocking(|| ());
        let served = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), other).await });
        drop(hanging);
        assert!(served.is_ok(), "it waits for the disk, too");
    }
}
