//! Weak locks on objects: those of statements that read or write rows, which never conflict with each other.
//!
//! **Rule.** A weak lock is taken in a slot of its own, one of few that the running thread prefers, as long as nobody holds or awaits
//! a strong lock on an object of the same partition. Who wants a strong lock first announces it in the partition's counter,
//! then moves every weak lock on the object into the lock table, where it waits for their holders as for any others.
//!
//! **Mechanism.** The counter is read under the slot's lock, and the slots are searched after the counter was raised: a weak
//! lock is either found, or its taker sees the counter and goes to the lock table. So a statement touches two cache lines
//! that are its own and one that is only read, however many read the same table.
//!
//! **Source.** PostgreSQL's fast-path locks (`src/backend/storage/lmgr/README`), with the visible readers table of BRAVO
//! (Dice and Kogan, USENIX ATC 2019) in place of an array in each backend.
//!
//! Order of locks: the lock table's, then a slot, then a transaction's list of held locks.

use crate::locks::Mode;
use crate::txn::TxnShared;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Slots for weak locks: a search for a strong lock visits all of them.
const SLOTS: usize = 1024;
/// Slots that a thread looks at, its own: their lines stay in its processor's cache.
const SLOTS_OF_THREAD: usize = 8;
const _: () = assert!(SLOTS.is_multiple_of(SLOTS_OF_THREAD), "the slots of a thread do not wrap around");
/// Counters of strong locks.
const PARTITIONS: usize = 1024;
/// An odd number whose multiples spread: 2^64 over the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A weak lock in a transaction's list.
#[derive(Clone, Copy, Debug)]
pub struct WeakHeld {
    pub object: u64,
    pub mode: Mode,
    /// The savepoint depth at which it was taken.
    pub depth: u32,
    pub slot: usize,
}

thread_local! {
    /// The first slot of this thread; more threads than there are places share them.
    static FIRST_SLOT: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) * SLOTS_OF_THREAD % SLOTS
    };
}

struct WeakLock {
    object: u64,
    txn: Arc<TxnShared>,
    modes: u16,
}

/// A line of its own: neighbours belong to other threads.
#[repr(align(64))]
#[derive(Default)]
struct Slot(Mutex<Option<WeakLock>>);

/// See the module's head.
pub struct WeakLocks {
    slots: Box<[Slot]>,
    /// Objects, by partition, on which somebody holds or awaits a strong lock.
    strong: Box<[AtomicU32]>,
    /// All of them together.
    announced: AtomicUsize,
}

impl Default for WeakLocks {
    fn default() -> WeakLocks {
        WeakLocks {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            strong: (0..PARTITIONS).map(|_| AtomicU32::new(0)).collect(),
            announced: AtomicUsize::new(0),
        }
    }
}

impl WeakLocks {
    fn partition(&self, object: u64) -> &AtomicU32 {
        &self.strong[(object.wrapping_mul(SPREAD) >> 32) as usize % PARTITIONS]
    }

    /// Takes a weak lock, if nothing strong is near and a slot is free. False: the lock table decides.
    pub fn take(&self, object: u64, txn: &Arc<TxnShared>, mode: Mode) -> bool {
        let first = FIRST_SLOT.with(|first| *first);
        for slot in first..first + SLOTS_OF_THREAD {
            {
                let mut lock = self.slots[slot].0.lock();
                if self.partition(object).load(Ordering::Acquire) != 0 {
                    return false;
                }
                match &mut *lock {
                    None => *lock = Some(WeakLock { object, txn: txn.clone(), modes: mode.bit() }),
                    Some(held) if held.object == object && Arc::ptr_eq(&held.txn, txn) => {
                        if held.modes & mode.bit() != 0 {
                            return true;
                        }
                        held.modes |= mode.bit();
                    }
                    // Another transaction's, or another object's.
                    Some(_) => continue,
                }
            }
            let held = WeakHeld { object, mode, depth: txn.depth(), slot };
            if !txn.hold_weak(held) {
                self.lower(txn, &held, 0);
            }
            return true;
        }
        false
    }

    /// Leaves `txn` with `modes` where it held a weak lock, unless that was moved to the lock table.
    pub fn lower(&self, txn: &Arc<TxnShared>, held: &WeakHeld, modes: u16) {
        let mut lock = self.slots[held.slot].0.lock();
        if let Some(found) = lock.as_mut().filter(|lock| lock.object == held.object && Arc::ptr_eq(&lock.txn, txn)) {
            found.modes = modes;
            if modes == 0 {
                *lock = None;
            }
        }
    }

    /// Announces a strong lock on `object`, and hands every weak one on it to `move_to`, with its modes.
    pub fn announce(&self, object: u64, mut move_to: impl FnMut(&Arc<TxnShared>, u16)) {
        self.announced.fetch_add(1, Ordering::AcqRel);
        self.partition(object).fetch_add(1, Ordering::AcqRel);
        for slot in &self.slots {
            let mut lock = slot.0.lock();
            if lock.as_ref().is_some_and(|lock| lock.object == object)
                && let Some(lock) = lock.take()
            {
                move_to(&lock.txn, lock.modes);
            }
        }
    }

    /// Whether somebody holds or awaits a strong lock on anything.
    pub fn is_strong_somewhere(&self) -> bool {
        self.announced.load(Ordering::Acquire) != 0
    }

    /// Shows each lock with its modes.
    pub fn visit(&self, mut see: impl FnMut(u64, &Arc<TxnShared>, u16)) {
        for slot in &self.slots {
            if let Some(lock) = &*slot.0.lock() {
                see(lock.object, &lock.txn, lock.modes);
            }
        }
    }

    /// Nobody holds or awaits a strong lock on `object` any more.
    pub fn withdraw(&self, object: u64) {
        self.partition(object).fetch_sub(1, Ordering::AcqRel);
        self.announced.fetch_sub(1, Ordering::AcqRel);
    }
}
