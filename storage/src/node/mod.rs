//! The storage node: one copy of every group, one log for all of them.
//!
//! **Rule.** A node acknowledges as *flushed* what its log has fsynced, and as *received* what the kernel has. It serves a
//! page only under a ballot whose truncation table it holds, and only when no record of the page's group is missing up to
//! the tail that the reader names. It destroys nothing above the durable point and the GC floor that it has heard.
//!
//! ```text
//!   Append, Fill, Prepare, InstallTable          ReadPage, Pull, Hold
//!              |  bounded queue                         |
//!       [writer] one thread, in order            [pages] any thread
//!              |  check ballots, find what is new       |  chain of the page by its back-links
//!              |  one write, one fsync a round          |  over a cached page or an image
//!              v                                        v
//!           [log] files of 16 MiB -------------> [state] segments, page heads, recent batches
//!              ^                                        |
//!              |  oldest file is recycled               v
//!       [background] ------------------------------> [images] newest image of a page, redb
//! ```
//!
//! # Ballots
//!
//! `promised` is the highest ballot a recovery has prepared or installed here; the table's highest ballot is never above it.
//! An append is taken only when its ballot *is* the promise and the table has it. A reply to a stream of a lower ballot
//! carries no marks: what gossip filled in after the promise must not count as an acknowledgement to the old writer. A
//! stream that has not sent a batch yet has no ballot; its replies carry marks *and* `promised`, and its writer must not
//! count marks when `promised` is above its own ballot.
//!
//! # What a start reads
//!
//! The two superblocks, the index file of every sealed log file, and the frames of the last file, which are copied into a
//! new one and fsynced before any watermark is told. Never the log.

pub mod clock;
pub mod disk;

use protocol::NodeId;
use std::sync::Arc;

/// What a node is told at its start.
#[derive(Clone)]
pub struct NodeOptions {
    /// Its number in the volume.
    pub id: NodeId,
    /// Its zone: two of the six are in each.
    pub zone: String,
    /// What others dial; shown by `status`.
    pub address: String,
    /// Memory for built pages, in bytes.
    pub page_cache_bytes: usize,
    /// Memory for the newest batches as they came, in bytes.
    pub recent_bytes: usize,
    /// Size of a log file.
    pub log_file_bytes: u64,
    /// Log beyond this is retired, oldest file first, once its pages have images.
    pub log_retention_bytes: u64,
    /// Share of the disk, in percent, below which no log file is added.
    pub headroom_percent: u64,
    /// Whether the node works on threads of its own, or in the caller's, one step at a time, for tests and simulation.
    pub mode: Mode,
    /// Time.
    pub clock: Arc<dyn clock::Clock>,
}

/// Who runs a node's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A thread for the log and one for the background.
    Threads,
    /// Each request is worked off by the thread that brings it; the background runs only in [`Node::tend`].
    Inline,
}
