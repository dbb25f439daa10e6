//! What every part of Redoubt agrees on: positions, pages, redo, and the messages between compute and storage.
//!
//! Nothing here knows a disk, a clock, a quorum or SQL. `storage` and `sql` meet only at [`volume`] and [`redo`].
//!
//! # The life of a redo record
//!
//! 1. The engine gathers and latches the pages of a mini-transaction and describes what it will do to each as a
//!    [`Change`](redo::Change).
//! 2. [`RedoLog::append`](volume::RedoLog::append) gives every change its [`Lsn`] and its three back-links: to the
//!    record before it in the volume, in its protection group, and on its page. That makes it a [`Record`](redo::Record).
//! 3. The engine runs [`redo::apply`] on its cached pages: the one function that changes page bytes, here and everywhere.
//! 4. Records gather into a [`Batch`](batch::Batch) for each protection group. The batch is encoded once; six storage
//!    nodes receive, store and relay the same bytes.
//! 5. A node runs the same [`redo::apply`] over the record's page when it builds or coalesces it; a replica runs it on
//!    the pages it has cached.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | LSN | position in the volume's redo stream: the offset of a record's end; allocated only by the writer, never reused |
//! | MTR | mini-transaction: records applied all or not at all |
//! | CPL | consistency point: the last record of an MTR |
//! | group, PG | protection group: a fixed range of pages, kept as six segments |
//! | segment | one copy of a group, on one node |
//! | SCL | segment complete LSN: no record of the group is missing from the segment up to here |
//! | PGCL | group complete LSN: four of six segments have their SCL at or above it |
//! | VCL | volume complete LSN: every record up to here is at or below its group's PGCL |
//! | VDL | volume durable LSN: the highest CPL at or below the VCL |
//! | PGMRPL, GC floor | lowest read point that a server may still use |
//! | LAL | allocation limit: how many bytes of LSN the writer may be ahead of the flushed VDL |
//! | ballot | (counter, instance): the epoch of one recovery, totally ordered |
//! | truncation table | the history of ballots, each with the VDL it recovered to and its first LSN |
//! | read point | the LSN as of which a page is read |
//! | received, flushed | handed to the kernel; fsynced. Two watermarks everywhere |

pub mod batch;
pub mod bytes_io;
pub mod error;
pub mod ids;
pub mod lsn;
pub mod node;
pub mod page;
pub mod redo;
pub mod task;
pub mod volume;

pub use error::Error;
pub use ids::{Ballot, BootId, GroupId, NodeId, PageId, TxnId, VolumeId};
pub use lsn::Lsn;
pub use page::{PAGE_BYTES, Page};

/// The format of every file and message. A newer one is refused untouched.
pub const FORMAT_VERSION: u32 = 1;

/// The generated gRPC definitions.
pub mod rpc {
    /// Compute or peer to storage node.
    pub mod storage {
        tonic::include_proto!("redoubt.storage.v1");
    }
    /// Server to server.
    pub mod cluster {
        tonic::include_proto!("redoubt.cluster.v1");
    }
}
