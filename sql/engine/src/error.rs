//! What can go wrong in the engine, and what the caller should do about it.

use protocol::volume::VolumeError;
use protocol::{Lsn, PageId};

/// The engine's errors. Each maps to one SQLSTATE, see [`Error::sqlstate`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A row that the transaction wants to change was changed behind its snapshot (40001).
    #[error("could not serialize access due to concurrent update")]
    Serialization,
    /// The wait would close a cycle (40P01). The transaction must be rolled back.
    #[error("deadlock detected")]
    Deadlock,
    /// The lock is held and the caller would not wait, or not that long (55P03).
    #[error("could not obtain lock")]
    LockNotAvailable,
    /// The versions that the snapshot needs may be gone (72000).
    #[error("snapshot {snapshot} is too old: versions before {horizon} are no longer kept")]
    SnapshotTooOld { snapshot: Lsn, horizon: Lsn },
    /// This server is a replica (25006).
    #[error("cannot write on a replica")]
    ReadOnly,
    /// The key exceeds [`KEY_BYTES_MAX`](crate::KEY_BYTES_MAX) (54000).
    #[error("index row size {bytes} exceeds maximum {max}")]
    KeyTooLarge { bytes: usize, max: usize },
    /// The row exceeds [`ROW_BYTES_MAX`](crate::ROW_BYTES_MAX) (54000).
    #[error("row size {bytes} exceeds maximum {max}")]
    RowTooLarge { bytes: usize, max: usize },
    /// Another server became the writer; what was appended but not durable has an unknown fate (40003).
    #[error("another server became the writer: the fate of the transaction is unknown")]
    FateUnknown,
    /// Storage does not answer (57P03).
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// Too many storage nodes have a full disk (53100).
    #[error("storage is full: {0}")]
    StorageFull(String),
    /// What was appended did not become durable in time and may yet (40003).
    #[error("the fate of the transaction is unknown: {0}")]
    FateUndecided(String),
    /// Cancelled by request, timeout or disconnect (57014).
    #[error("canceling statement due to user request")]
    Cancelled,
    /// The tree does not exist at this snapshot: it was dropped, or never was (XX000 unless the catalog is being raced).
    #[error("tree {0} does not exist")]
    NoSuchTree(PageId),
    /// The volume holds no database: `bootstrap` makes one (57P03).
    #[error("the volume is empty")]
    NotBootstrapped,
    /// A table of bounded size is full (53200).
    #[error("out of {what}: the limit is {limit}")]
    OutOfMemory { what: &'static str, limit: usize },
    /// There is no room for another row's lock (53200).
    #[error("out of shared memory")]
    LockTableFull { bytes_max: usize },
    /// A page does not hold what it must (XX001).
    #[error("{page} is corrupt: {why}")]
    Corrupt { page: PageId, why: String },
}

/// What the caller should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Run the transaction again.
    RetryTransaction,
    /// Fix the request, or run it elsewhere.
    Request,
    /// Give up this statement: it was cancelled or would have waited.
    Statement,
    /// Try later.
    Later,
    /// Step down: this server is no longer the writer.
    Fenced,
    /// Someone must look.
    Corruption,
}

impl Error {
    /// What the caller should do next.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Serialization | Error::Deadlock | Error::SnapshotTooOld { .. } => ErrorKind::RetryTransaction,
            Error::LockNotAvailable | Error::Cancelled => ErrorKind::Statement,
            Error::ReadOnly | Error::KeyTooLarge { .. } | Error::RowTooLarge { .. } | Error::NoSuchTree(_) => {
                ErrorKind::Request
            }
            Error::Unavailable(_)
            | Error::StorageFull(_)
            | Error::FateUndecided(_)
            | Error::NotBootstrapped
            | Error::OutOfMemory { .. }
            | Error::LockTableFull { .. } => ErrorKind::Later,
            Error::FateUnknown => ErrorKind::Fenced,
            Error::Corrupt { .. } => ErrorKind::Corruption,
        }
    }

    /// The SQLSTATE, five characters.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Error::Serialization => "40001",
            Error::Deadlock => "40P01",
            Error::LockNotAvailable => "55P03",
            Error::SnapshotTooOld { .. } => "72000",
            Error::ReadOnly => "25006",
            Error::KeyTooLarge { .. } | Error::RowTooLarge { .. } => "54000",
            Error::FateUnknown | Error::FateUndecided(_) => "40003",
            Error::StorageFull(_) => "53100",
            Error::Unavailable(_) | Error::NotBootstrapped => "57P03",
            Error::Cancelled => "57014",
            Error::NoSuchTree(_) => "XX000",
            Error::OutOfMemory { .. } | Error::LockTableFull { .. } => "53200",
            Error::Corrupt { .. } => "XX001",
        }
    }
}

impl From<VolumeError> for Error {
    fn from(error: VolumeError) -> Error {
        match error {
            VolumeError::Fenced => Error::FateUnknown,
            VolumeError::Unavailable(why) => Error::Unavailable(why),
            VolumeError::Full(why) => Error::StorageFull(why),
            VolumeError::ReadPointGone => Error::Unavailable("the read point is no longer retained".into()),
            VolumeError::Corrupt(why) => Error::Corrupt { page: PageId::NONE, why },
            VolumeError::Closed => Error::Unavailable("the volume is closed".into()),
        }
    }
}

/// Shorthand.
pub type Result<T, E = Error> = std::result::Result<T, E>;
