//! The GC floor that a writer announces: below it nodes keep one version of each page and no redo.
//!
//! **Rule.** The floor is the lowest of what each of those may still need who cannot get it elsewhere:
//!
//! | who | what it holds | for how long |
//! |---|---|---|
//! | a server | the lowest point at which it may still read a page | its lease: the engine drops it from then on (T16, T26) |
//! | an archive | what it has not got yet (T23) | for ever: the volume was created to be archived |
//! | a peer of a node | redo that it has not flushed | until the node's log is too long: then it gets images |
//!
//! The first two are here. The third each node knows by itself, and better: it hears its peers
//! ([`gossip`](crate::node::gossip)).
//!
//! The floor never falls, at a node either: a new writer begins at zero, which no node takes for lower than what it heard.

use super::writer::WriterVolume;
use protocol::Lsn;
use std::sync::atomic::{AtomicU64, Ordering};

/// The terms of the floor.
pub struct Floor {
    read: AtomicU64,
    archived: AtomicU64,
}

impl Floor {
    /// Nobody has said anything yet. `archived`: an archive counts.
    #[must_use]
    pub fn new(archived: bool) -> Floor {
        Floor { read: AtomicU64::new(0), archived: AtomicU64::new(if archived { 0 } else { u64::MAX }) }
    }

    /// No server reads below `floor` any more.
    pub fn raise_read(&self, floor: Lsn) {
        self.read.fetch_max(floor.0, Ordering::Relaxed);
    }

    /// The archive has everything up to `lsn`.
    pub fn raise_archived(&self, lsn: Lsn) {
        self.archived.fetch_max(lsn.0, Ordering::Relaxed);
    }

    /// The floor.
    #[must_use]
    pub fn lowest(&self) -> Lsn {
        Lsn(self.read.load(Ordering::Relaxed).min(self.archived.load(Ordering::Relaxed)))
    }
}

impl WriterVolume {
    /// An archive has all redo up to `lsn`, and images of what lies before it. Nothing above is destroyed of a volume that was
    /// created to be archived, whoever else can do without it: its members could be replaced one by one, and what no
    /// archive has yet would be gone. A new writer holds everything until it is told.
    pub fn set_archived(&self, lsn: Lsn) {
        self.inner.floor.raise_archived(lsn);
    }

    /// What nodes are told that nobody needs anything below.
    #[must_use]
    pub fn gc_floor(&self) -> Lsn {
        self.inner.floor.lowest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_lowest_term_and_never_falls() {
        let floor = Floor::new(false);
        floor.raise_read(Lsn(50));
        floor.raise_read(Lsn(40));
        assert_eq!(floor.lowest(), Lsn(50), "there is no archive to wait for");
        let floor = Floor::new(true);
        floor.raise_read(Lsn(50));
        assert_eq!(floor.lowest(), Lsn::ZERO, "the archive has nothing yet");
        floor.raise_archived(Lsn(30));
        floor.raise_archived(Lsn(20));
        assert_eq!(floor.lowest(), Lsn(30));
        floor.raise_archived(Lsn(90));
        assert_eq!(floor.lowest(), Lsn(50));
    }
}
