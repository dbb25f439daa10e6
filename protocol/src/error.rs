//! What can be wrong with bytes that came from a disk or a network.

use crate::{Lsn, PageId};

/// Bytes that are not what they claim to be. Never a panic: the caller drops them, asks a peer, or refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{what} ends before its announced length")]
    Truncated { what: &'static str },
    #[error("{what} has a wrong checksum")]
    Checksum { what: &'static str },
    #[error("{what} is malformed: {why}")]
    Malformed { what: &'static str, why: &'static str },
    #[error("{what} has format version {found}, newer than the supported {supported}")]
    NewerFormat { what: &'static str, found: u32, supported: u32 },
    #[error("redo for {page} at {lsn} follows {expected}, but the page is at {found}")]
    OutOfOrder { page: PageId, lsn: Lsn, expected: Lsn, found: Lsn },
    #[error("redo for {page} at {lsn} does not fit the page: {why}")]
    Inapplicable { page: PageId, lsn: Lsn, why: &'static str },
}
