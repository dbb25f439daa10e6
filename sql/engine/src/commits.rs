//! The commit map: which transactions committed, and when.
//!
//! **Rule.** Ids are dense and come from a limit that is logged before use. An id below the limit without an entry, and
//! not active in this writer's memory, aborted. The commit record *is* the entry: one [`Change::StampRaw`] whose LSN is
//! the commit LSN, applied and published inside the append's critical section.
//!
//! **Layout.** Raw pages of [`ENTRIES`] entries of eight bytes; the leaves hold entries by txid, three levels of
//! directories above them page numbers (0: none, for page 0 is the control page). A page's owner field is [`MAP_OWNER`]
//! with the level in bits 56..60 and its index at that level below.
//!
//! ```text
//! entry    0              none
//!          1..2^62        commit LSN
//!          2^63 | txid    subtransaction of txid
//! ```
//!
//! Leaves below every id that decides on a version, which is not settled, are freed (their directory entries become 0); see
//! [`Engine::vacuum`](crate::Engine::vacuum).
//!
//! **Cache.** The newest commits stand in a ring indexed by id, so that visibility rarely touches a page.
//!
//! [`Change::StampRaw`]: protocol::redo::Change::StampRaw

use crate::cache::PageHasher;
use crate::txn::TxnShared;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use protocol::page::{PAGE_BYTES, PAGE_HEADER_BYTES};
use protocol::{Lsn, PageId, TxnId};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Entries of a map or directory page.
pub const ENTRIES: u64 = ((PAGE_BYTES - PAGE_HEADER_BYTES) / 8) as u64;
/// Directory levels above the leaves.
pub const LEVELS: u32 = 3;
/// Owner field of map pages.
pub const MAP_OWNER: u64 = 1 << 62;
const CHILD_OF: u64 = 1 << 63;
const LEVEL_SHIFT: u32 = 56;
const RING: usize = 1 << 16;
const ACTIVE_SHARDS: usize = 16;

/// Highest txid that the map can hold.
pub const TXID_MAX: u64 = ENTRIES.pow(LEVELS + 1) - 1;

/// An entry, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapEntry {
    None,
    Committed(Lsn),
    ChildOf(TxnId),
}

impl MapEntry {
    pub fn decode(value: u64) -> MapEntry {
        match value {
            0 => MapEntry::None,
            value if value & CHILD_OF != 0 => MapEntry::ChildOf(TxnId(value & !CHILD_OF)),
            value => MapEntry::Committed(Lsn(value)),
        }
    }

    pub fn child_of(top: TxnId) -> u64 {
        CHILD_OF | top.0
    }
}

/// Where an id's entry is: the leaf's index, and the offset in its page.
pub fn locate(txid: TxnId) -> (u64, u16) {
    (txid.0 / ENTRIES, slot_offset(txid.0 % ENTRIES))
}

/// Offset of entry `index` in a map or directory page.
pub fn slot_offset(index: u64) -> u16 {
    (PAGE_HEADER_BYTES as u64 + index * 8) as u16
}

/// The owner field of the map page at `level` with `index`.
pub fn owner(level: u32, index: u64) -> u64 {
    MAP_OWNER | u64::from(level) << LEVEL_SHIFT | index
}

/// The leaf index of an owner field, when it is a leaf's.
pub fn leaf_index(owner: u64) -> Option<u64> {
    (owner >> LEVEL_SHIFT == MAP_OWNER >> LEVEL_SHIFT).then_some(owner & ((1 << LEVEL_SHIFT) - 1))
}

struct RingSlot {
    txid: AtomicU64,
    lsn: AtomicU64,
}

type ByTxid<T> = HashMap<u64, T, BuildHasherDefault<PageHasher>>;

/// What is known of transactions without looking at pages.
pub struct Commits {
    ring: Box<[RingSlot]>,
    /// Serialises writers of the ring; readers do not take it.
    ring_writer: Mutex<()>,
    active: Box<[Mutex<ByTxid<Arc<TxnShared>>>]>,
    /// Leaf index to page. Map pages do not move.
    leaves: RwLock<ByTxid<PageId>>,
    /// And back: a replica learns from it which ids a record concerns.
    indexes: RwLock<HashMap<PageId, u64, BuildHasherDefault<PageHasher>>>,
}

impl Default for Commits {
    fn default() -> Commits {
        let slot = |_| RingSlot { txid: AtomicU64::new(0), lsn: AtomicU64::new(0) };
        Commits {
            ring: (0..RING).map(slot).collect(),
            ring_writer: Mutex::default(),
            active: (0..ACTIVE_SHARDS).map(|_| Mutex::default()).collect(),
            leaves: RwLock::default(),
            indexes: RwLock::default(),
        }
    }
}

impl Commits {
    /// The commit LSN of a recently committed transaction.
    pub fn recent(&self, txid: TxnId) -> Option<Lsn> {
        let slot = &self.ring[txid.0 as usize % RING];
        if slot.txid.load(Ordering::Acquire) != txid.0 {
            return None;
        }
        let lsn = slot.lsn.load(Ordering::Acquire);
        // A writer clears the id first and sets it last: an id that is still there had this LSN.
        (slot.txid.load(Ordering::Acquire) == txid.0).then_some(Lsn(lsn))
    }

    /// Remembers a commit.
    pub fn remember(&self, txid: TxnId, lsn: Lsn) {
        let _writer = self.ring_writer.lock();
        let slot = &self.ring[txid.0 as usize % RING];
        slot.txid.store(0, Ordering::Release);
        slot.lsn.store(lsn.0, Ordering::Release);
        slot.txid.store(txid.0, Ordering::Release);
    }

    fn shard(&self, txid: TxnId) -> &Mutex<ByTxid<Arc<TxnShared>>> {
        &self.active[txid.0 as usize % ACTIVE_SHARDS]
    }

    /// The running transaction with this id.
    pub fn active(&self, txid: TxnId) -> Option<Arc<TxnShared>> {
        self.shard(txid).lock().get(&txid.0).cloned()
    }

    pub fn activate(&self, txid: TxnId, txn: Arc<TxnShared>) {
        self.shard(txid).lock().insert(txid.0, txn);
    }

    pub fn deactivate(&self, txid: TxnId) {
        self.shard(txid).lock().remove(&txid.0);
    }

    pub fn active_count(&self) -> usize {
        self.active.iter().map(|shard| shard.lock().len()).sum()
    }

    /// The lowest id of a running transaction.
    pub fn lowest_active(&self) -> Option<TxnId> {
        self.active.iter().filter_map(|shard| shard.lock().keys().min().copied()).min().map(TxnId)
    }

    /// Forgets a leaf that was freed.
    pub fn forget_leaf(&self, index: u64, page: PageId) {
        self.leaves.write().remove(&index);
        self.indexes.write().remove(&page);
    }

    /// The page of a leaf, if known.
    pub fn leaf_page(&self, index: u64) -> Option<PageId> {
        self.leaves.read().get(&index).copied()
    }

    /// Which leaf a page is, if known.
    pub fn leaf_of_page(&self, page: PageId) -> Option<u64> {
        self.indexes.read().get(&page).copied()
    }

    pub fn set_leaf(&self, index: u64, page: PageId) {
        self.leaves.write().insert(index, page);
        self.indexes.write().insert(page, index);
    }
}

const _: () = assert!(TXID_MAX < 1 << LEVEL_SHIFT, "ids and indexes fit the owner field");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_told_apart() {
        assert_eq!(MapEntry::decode(0), MapEntry::None);
        assert_eq!(MapEntry::decode(77), MapEntry::Committed(Lsn(77)));
        assert_eq!(MapEntry::decode(MapEntry::child_of(TxnId(9))), MapEntry::ChildOf(TxnId(9)));
        assert_eq!(leaf_index(owner(0, 5)), Some(5));
        assert_eq!(leaf_index(owner(1, 5)), None);
        assert_eq!(leaf_index(5), None);
    }

    #[test]
    fn the_ring_forgets_but_does_not_confuse() {
        let commits = Commits::default();
        commits.remember(TxnId(5), Lsn(100));
        assert_eq!(commits.recent(TxnId(5)), Some(Lsn(100)));
        commits.remember(TxnId(5 + RING as u64), Lsn(200));
        assert_eq!(commits.recent(TxnId(5)), None);
    }
}
