//! What the engine asks of a volume. The storage crate implements it over six nodes; tests implement it over memory.
//!
//! A server has a [`PageSource`]; a writer also has a [`RedoLog`]; a replica is also a [`RedoSink`], into which its volume
//! pours redo. The engine knows that a volume exists, not how many nodes make it.

use crate::redo::{Change, Record};
use crate::{Lsn, Page, PageId};
use futures::future::BoxFuture;

/// How durable a commit must be before its client is told: PostgreSQL's `synchronous_commit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// `off`: waits for nothing.
    None,
    /// `remote_write`: four of six have received it.
    Received,
    /// `on`: four of six have flushed it.
    Flushed,
}

/// One page's part of a mini-transaction.
#[derive(Clone, Debug)]
pub struct PageChange {
    /// The page; the caller holds its exclusive latch.
    pub page: PageId,
    /// The page's LSN before the change; zero when it was never written. A second change of the same page in one MTR gives
    /// the same value: the log links it to the first.
    pub prev_page: Lsn,
    /// What happens to it.
    pub change: Change,
}

/// Why a volume cannot do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VolumeError {
    /// Another server is the writer now. What this one has not been told is durable has an unknown fate.
    #[error("another server became the writer")]
    Fenced,
    /// Too few storage nodes answer; trying later may help.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// So many storage nodes have a full disk that writes must wait for one; trying later may help.
    #[error("storage is full: {0}")]
    Full(String),
    /// The read point fell below the GC floor: read again at a newer one.
    #[error("the read point is no longer retained")]
    ReadPointGone,
    /// Storage returned what cannot be right.
    #[error("storage is corrupt: {0}")]
    Corrupt(String),
    /// The volume was closed by this server's shutdown.
    #[error("the volume is closed")]
    Closed,
}

/// A page as read from storage.
#[derive(Debug)]
pub struct Fetched {
    /// The page; [`Page::empty`] when it was never written.
    pub page: Page,
    /// The LSN as of which it was read: all records of the page at or below it are in, none above.
    pub read_point: Lsn,
}

/// Where missing pages come from.
pub trait PageSource: Send + Sync + 'static {
    /// Reads a page as of a read point that is taken after this call begins: the caller registers its placeholder first,
    /// so that no change slips between (a read point taken earlier loses an update). A replica's source takes it under the
    /// lock that it holds while redo is applied: a record either meets the placeholder or is below the read point.
    ///
    /// # Errors
    /// [`VolumeError::Unavailable`] after the source's own retries, [`VolumeError::Corrupt`], [`VolumeError::Closed`].
    fn fetch(&self, page: PageId) -> BoxFuture<'_, Result<Fetched, VolumeError>>;

    /// The highest LSN durable on a quorum: a cached page may be evicted only when its LSN is at or below it.
    fn flushed_vdl(&self) -> Lsn;
}

/// The writer's redo log: allocates LSNs and ships records.
pub trait RedoLog: PageSource {
    /// Waits until `bytes` more of LSN may be allocated (LAL back-pressure) and what is in the log becomes durable in good
    /// time. Called before the first latch of an MTR. May be dropped.
    ///
    /// # Errors
    /// [`VolumeError::Fenced`], [`VolumeError::Closed`]; [`VolumeError::Unavailable`] or [`VolumeError::Full`] after a while.
    /// Nothing is in the log of what it was asked for.
    fn reserve(&self, bytes: u64) -> BoxFuture<'_, Result<(), VolumeError>>;

    /// Whether [`RedoLog::reserve`] would return at once: the hot path asks this first.
    fn has_room(&self, bytes: u64) -> bool;

    /// Appends one mini-transaction: allocates LSNs to its changes in order, links and queues them; the last is its CPL.
    /// `publish` runs with the LSN of each record inside the same critical section, in LSN order over all appends. There
    /// the caller applies the changes to its latched pages and makes a commit visible. Never blocks on I/O.
    ///
    /// A log that is fenced still appends and publishes, to nobody: what depends on it fails at [`RedoLog::wait`].
    ///
    /// # Panics
    /// When `changes` is empty.
    fn append(&self, changes: &[PageChange], publish: &mut dyn FnMut(&[Lsn]));

    /// LSN of the last record appended.
    fn end(&self) -> Lsn;

    /// Whether `lsn` is durable already at `durability`.
    fn is_durable(&self, lsn: Lsn, durability: Durability) -> bool;

    /// Waits until `lsn` is durable at `durability`.
    ///
    /// # Errors
    /// [`VolumeError::Fenced`] or [`VolumeError::Closed`], and [`VolumeError::Unavailable`] after a long time without a
    /// quorum: the fate of the record is then unknown.
    fn wait(&self, lsn: Lsn, durability: Durability) -> BoxFuture<'_, Result<(), VolumeError>>;

    /// Whether storage lately knew of no other writer. The hot path asks this before each statement: what is cached says
    /// nothing of a successor.
    fn is_confirmed(&self) -> bool {
        true
    }

    /// Waits, not for long, until [`RedoLog::is_confirmed`].
    ///
    /// # Errors
    /// [`VolumeError::Unavailable`]: another server may be the writer. Asking again later may help.
    fn confirm(&self) -> BoxFuture<'_, Result<(), VolumeError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Tells storage that no server reads below `floor` any more.
    fn set_gc_floor(&self, floor: Lsn);
}

/// What a replica's volume pours redo into: the engine.
pub trait RedoSink: Send + Sync + 'static {
    /// Applies whole mini-transactions, in volume order, all at or below the flushed VDL; then `applied` becomes the
    /// snapshot of new statements. Records of pages that are neither cached nor being fetched are skipped.
    ///
    /// # Errors
    /// [`VolumeError::Corrupt`] when a record does not fit its cached page.
    fn apply(&self, records: &[Record], applied: Lsn) -> Result<(), VolumeError>;

    /// Drops every cached page: the redo that would bring them up to date is no longer to be had, or too long to replay.
    /// Reading goes on at `applied`.
    fn invalidate(&self, applied: Lsn);
}
