//! Counters, and the snapshot of them that the server publishes.

use protocol::Lsn;
use std::sync::atomic::AtomicU64;

/// Counters that only grow.
#[derive(Debug, Default)]
pub struct Counters {
    pub misses: AtomicU64,
    pub pages_fetched: AtomicU64,
    pub evictions: AtomicU64,
    pub eviction_waits: AtomicU64,
    pub splits: AtomicU64,
    pub prunes: AtomicU64,
    pub versions_pruned: AtomicU64,
    pub leaves_unlinked: AtomicU64,
    pub horizons_logged: AtomicU64,
    pub deadlocks: AtomicU64,
    pub lock_waits: AtomicU64,
    pub pages_allocated: AtomicU64,
    pub pages_reused: AtomicU64,
    pub pages_freed: AtomicU64,
}

/// What the engine has done and holds. Counters are since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Descents that met a page that was not cached.
    pub misses: u64,
    /// Pages read from storage.
    pub pages_fetched: u64,
    /// Pages now in the cache.
    pub pages_cached: u64,
    /// Pages sent away to make room.
    pub evictions: u64,
    /// Times that no page could be evicted at once.
    pub eviction_waits: u64,
    pub splits: u64,
    /// Leaves from which something was pruned.
    pub prunes: u64,
    pub versions_pruned: u64,
    pub leaves_unlinked: u64,
    /// Horizon records written.
    pub horizons_logged: u64,
    pub deadlocks: u64,
    pub lock_waits: u64,
    /// Pages taken into use, reused ones included.
    pub pages_allocated: u64,
    pub pages_reused: u64,
    pub pages_freed: u64,
    pub live_snapshots: u64,
    /// The oldest live snapshot on this server.
    pub oldest_snapshot: Option<Lsn>,
    pub active_transactions: u64,
    /// What locks take in memory, in bytes.
    pub lock_bytes: u64,
}

impl Stats {
    /// Names and values of the numbers, in the order of the fields.
    #[must_use]
    pub fn list(&self) -> [(&'static str, u64); 18] {
        [
            ("misses", self.misses),
            ("pages_fetched", self.pages_fetched),
            ("pages_cached", self.pages_cached),
            ("evictions", self.evictions),
            ("eviction_waits", self.eviction_waits),
            ("splits", self.splits),
            ("prunes", self.prunes),
            ("versions_pruned", self.versions_pruned),
            ("leaves_unlinked", self.leaves_unlinked),
            ("horizons_logged", self.horizons_logged),
            ("deadlocks", self.deadlocks),
            ("lock_waits", self.lock_waits),
            ("pages_allocated", self.pages_allocated),
            ("pages_reused", self.pages_reused),
            ("pages_freed", self.pages_freed),
            ("live_snapshots", self.live_snapshots),
            ("active_transactions", self.active_transactions),
            ("lock_bytes", self.lock_bytes),
        ]
    }
}
