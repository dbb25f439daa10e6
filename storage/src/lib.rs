//! Storage: the node that keeps one of six copies, and the compute side that makes a volume of six nodes.
//!
//! A page is bytes with an LSN here; nothing knows a table, a row or a tree.
//!
//! # The life of a redo record, from the volume to a page
//!
//! 1. `volume` gives a mini-transaction its LSNs, encodes one [`Batch`](protocol::batch::Batch) for each group it touches,
//!    and sends the same bytes to six nodes.
//! 2. A [`node::Node`] checks the ballot against its promise and its [`history::TruncationTable`], asks the group's
//!    [`node::segment::Segment`] which of the records are new, appends the batch as it came to its one log, and answers with
//!    two watermarks: *received* once it is written, *flushed* after the fsync.
//! 3. `volume` counts watermarks by rank ([`quorum`]): what four of six have flushed is durable.
//! 4. A node finds a page's records by their back-links and folds them over its newest image; in the background it makes
//!    images of pages with long chains, and in one sweep of every page of a row of log files, up to the durable point it has
//!    heard; then it recycles the oldest log files.
//! 5. What a node missed it pulls from its peers ([`node::gossip`]): redo, or page images where the redo is retired.
//!
//! The two halves meet only at [`protocol::node::StorageNode`], at [`history`], [`membership`] and [`quorum`]. [`rpc`] carries
//! that trait over gRPC; [`sim`] has the disk that loses, tears and fails on demand.

pub mod column;
pub mod history;
pub mod membership;
pub mod node;
pub mod quorum;
pub mod rpc;
pub mod sim;
pub mod volume;
