//! The threads that share their work: all of a server but its sessions' short statements, which have lanes ([`crate::pgwire`]).

use std::io;
use tokio::runtime::{Builder, Runtime};

/// Statements are bound and planned on these threads and on lanes, recursively up to the depth limit.
pub const STACK_BYTES: usize = 16 << 20;

/// A thread for each core, named `name`.
///
/// # Errors
/// When the threads cannot be had.
pub fn runtime(name: &str) -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().thread_stack_size(STACK_BYTES).thread_name(name).build()
}
