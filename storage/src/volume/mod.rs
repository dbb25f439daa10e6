//! The compute side of storage: six nodes made into one volume.
//!
//! A writer opens the volume with [`writer::WriterVolume`], a replica with [`replica::ReplicaVolume`]; both are a
//! [`PageSource`](protocol::volume::PageSource), the writer is a [`RedoLog`](protocol::volume::RedoLog) as well. Only redo
//! leaves a server, and only towards storage.
//!
//! # The life of a commit
//!
//! 1. [`takeover`] has made this server the only writer: it drove [`recovery`], which found the VDL and closed what lay
//!    beyond.
//! 2. A session appends a mini-transaction: [`log::LogBuffer`] gives it LSNs and links and puts its records into the open
//!    batch of each group. The session parks in [`waiters`].
//! 3. The shipper's thread seals what has gathered when someone waits for it and four nodes are free, and sends the same
//!    bytes to all: [`shipping`] decides what and when, [`flushers`] which four fsync at once.
//! 4. A node's ack raises its SCL in [`tracker`]; the fourth one moves the VDL; the sessions it covers are woken in the
//!    same pass.
//! 5. Replicas have pulled the redo meanwhile, [`ahead`] of the [`notices`] message by which it counts, and [`assembly`] puts
//!    it back into volume order.
//!
//! When a member is replaced, [`members`] drives that beside all this, and whoever else uses the volume follows in its
//! [`roster`].
//!
//! # Cores and shells
//!
//! `tracker`, `recovery`, `shipping`, `flushers`, `log` and `assembly` hold no clock, lock, socket or thread. `writer`,
//! `replica`, `takeover`, `members` and `reader` are the shells around them.

pub mod age;
pub mod ahead;
pub mod assembly;
pub mod cluster;
pub mod counters;
pub mod floor;
pub mod flushers;
pub mod joining;
pub mod log;
pub mod members;
pub mod notices;
pub mod reader;
pub mod recovery;
pub mod replica;
pub mod roster;
pub mod seats;
pub mod shipping;
pub mod sources;
pub mod takeover;
pub mod tracker;
pub mod waiters;
pub mod writer;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use protocol::node::StorageNode;
use protocol::task::Runtime;
use protocol::volume::VolumeError;
use std::sync::Arc;
use std::time::Duration;

/// The six nodes of a volume, in the order of their numbers.
pub type Nodes = Arc<[Arc<dyn StorageNode>]>;

/// Monotonic time since some start, passed in.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Microseconds since 1970, passed in. For people and lag figures; nothing depends on it.
pub type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A call to a node that takes longer is given up.
pub const VOLUME_CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The operating system's monotonic clock.
#[must_use]
pub fn monotonic_clock() -> Clock {
    let start = std::time::Instant::now();
    Arc::new(move || start.elapsed())
}

/// The operating system's calendar.
#[must_use]
pub fn wall_clock() -> WallClock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| since.as_micros() as u64)
    })
}

fn corrupt(why: &str) -> VolumeError {
    VolumeError::Corrupt(why.to_owned())
}

/// Ends the process when it is dropped by a panic, of what no one could go on without: failover is the handler.
struct AbortOnPanic(&'static str);

impl AbortOnPanic {
    /// For a task or a thread. In a simulated world a panic is what the run ends with, and is told with its seed.
    fn around(what: &'static str, runtime: &Runtime) -> Option<AbortOnPanic> {
        matches!(runtime, Runtime::Tokio(_)).then_some(AbortOnPanic(what))
    }
}

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a panic in {} ends the process", self.0);
            std::process::abort();
        }
    }
}
