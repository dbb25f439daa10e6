//! Locks: rows, keys and objects, four row strengths and PostgreSQL's eight table modes, nearly first come first served.
//!
//! **Rule.** The head version of an active transaction is its lock; this table holds only locks without a version, and
//! waiters. Who finds such a version enters its owner here (under the leaf's latch, so nothing slips between) and queues
//! behind it. When a holder ends, ownership is handed to who is next; a newcomer finds the entry and queues.
//!
//! Who asks for an object queues behind those who wait in a conflicting mode. Who asks for a row in a mode that no holder
//! excludes has it, whoever waits, as in PostgreSQL: else a child would wait for who waits to delete its parent, and be part of
//! cycles that no one expects.
//!
//! **Near ones first.** Of those who wait for a row in the same mode the first who runs on the thread that gives it up is
//! preferred: it need not be woken across cores, which is much of what a short transaction on a hot row takes. Once
//! [`PASSED_OVER_FOR`] has gone since somebody was first passed over, nobody passes it over again; so where locks are held
//! for longer than that, it happens to each once at most. On two cores, 2026-11-23, medians of ten runs in turns, 4785f1c
//! over 623ef1c: `pgbench -M prepared -c 32 -j 2` at scale 1 from 2,673 to 3,579 tps, server CPU from 426 to 343 us.
//!
//! **Deadlocks** are found when a wait begins: who waits is in a graph under one lock, edges are read from the entries
//! (conflicting holders, and conflicting waiters ahead). Of a waiter that holds nothing in the queue's entry, those
//! ahead in its own mode are not followed: they wait for some of the others, and a long queue is gone through once. The
//! last wait of a cycle sees it whole and gives up. Who passes over others waits for nobody then, and its next wait
//! finds them waiting for it. When someone makes known a version's owner for whom others then wait, it is the owner's
//! wait that is looked at, and ended.
//!
//! **Weak locks** of objects, which every statement takes, stay out of the table while nobody wants a strong one there: see
//! [`crate::weak`].
//!
//! **Bound.** What the table and the transactions' lists take is counted in bytes. A row that would exceed the bound is not
//! locked (53200); the last part of the bound is kept for transactions that hold little, so that who locks millions of rows
//! stops alone. Locks of objects, and what a wait leaves behind, are not refused: there are few for each session.
//!
//! **Hashing.** Clients choose the keys, and could choose those that collide if they knew the seed. That comes from the system's
//! randomness, not only from where in memory something lies, and is hard to guess; foldhash promises no more.
//!
//! Order of locks: graph, then shard, then a slot of weak locks, then a transaction's list of held locks, then that of its
//! subtransactions.

mod list;

pub use list::{ListedLock, LockWait, Locked};

use crate::TreeId;
use crate::cancel::{CancelToken, Wait};
use crate::error::{Error, Result};
use crate::stats::Counters;
use crate::txn::{GivenUp, Ownership, TxnShared};
use crate::weak::WeakLocks;
use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use protocol::TxnId;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread::{self, ThreadId};
use std::time::Duration;
use tokio::sync::Notify;

/// Who waits for a row is passed over for so long since it first was...
const PASSED_OVER_FOR: Duration = Duration::from_millis(2);
/// ...by those who are among the first so many.
const NEAR_AMONG_MAX: usize = 32;
const SHARDS: usize = 64;
/// What an entry takes beside its key, about.
const ENTRY_BYTES: usize = 176;
/// What a lock takes in its transaction's list beside its key.
const HELD_BYTES: usize = size_of::<HeldLock>();
/// The part of the bound that is kept for transactions with at most [`FEW_LOCKS`].
const RESERVED_PART: usize = 8;
/// Locks that a transaction may have and still count as small.
const FEW_LOCKS: usize = 1024;

/// How strongly a row is locked, as in PostgreSQL's `SELECT ... FOR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockStrength {
    /// Keeps the row and its key from going: foreign keys hold it on the parent.
    KeyShare,
    /// Keeps the row from changing.
    Share,
    /// An update that leaves every unique key alone.
    NoKeyUpdate,
    /// A delete, or an update of a unique key.
    Update,
}

/// How an object is locked: PostgreSQL's table-level modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableLockMode {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

/// What to do when a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitPolicy {
    Wait,
    /// Fail with 55P03.
    NoWait,
    /// Report it as skipped.
    SkipLocked,
}

/// Either kind of mode, as a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u8);

/// Modes 0..4 are row strengths, 4..12 table modes; bit n of an entry: conflicts with mode n.
const CONFLICTS: [u16; 12] = [
    0b1000,
    0b1100,
    0b1110,
    0b1111,
    0b1000_0000 << 4,
    0b1100_0000 << 4,
    0b1111_0000 << 4,
    0b1111_1000 << 4,
    0b1110_1100 << 4,
    0b1111_1100 << 4,
    0b1111_1110 << 4,
    0b1111_1111 << 4,
];

/// Table modes that conflict with none of themselves: those of statements that read or write rows.
const WEAK: u16 = 0b111 << 4;
/// Table modes that conflict with a weak one.
const STRONG: u16 = 0b1111 << 8;

impl Mode {
    pub fn bit(self) -> u16 {
        1 << self.0
    }

    /// Those that a set of bits contains.
    fn of(modes: u16) -> impl Iterator<Item = Mode> {
        (0..16).map(Mode).filter(move |mode| modes & mode.bit() != 0)
    }

    fn conflicts(self) -> u16 {
        CONFLICTS[usize::from(self.0)]
    }

    fn is_weak(self) -> bool {
        self.bit() & WEAK != 0
    }

    fn is_strong(self) -> bool {
        self.bit() & STRONG != 0
    }

    /// Whether who holds this mode needs no `other`.
    pub fn covers(self, other: Mode) -> bool {
        other.covered_by(self.bit())
    }

    /// Whether holding `held` makes this mode superfluous.
    fn covered_by(self, held: u16) -> bool {
        if held & self.bit() != 0 {
            return true;
        }
        (0..12).any(|other| held & 1 << other != 0 && CONFLICTS[other] & self.conflicts() == self.conflicts())
    }
}

impl From<LockStrength> for Mode {
    fn from(strength: LockStrength) -> Mode {
        Mode(strength as u8)
    }
}

impl From<TableLockMode> for Mode {
    fn from(mode: TableLockMode) -> Mode {
        Mode(4 + mode as u8)
    }
}

/// What is locked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LockKey {
    Row(TreeId, Box<[u8]>),
    Object(u64),
}

impl LockKey {
    fn bytes(&self) -> usize {
        match self {
            LockKey::Row(_, key) => key.len(),
            LockKey::Object(_) => 0,
        }
    }
}

/// A lock in a transaction's list.
#[derive(Debug)]
pub struct HeldLock {
    pub key: LockKey,
    pub mode: Mode,
    /// Not a version's lock, but one of this table.
    pub explicit: bool,
    /// The savepoint depth at which it was taken.
    pub depth: u32,
}

/// A version that locks its row.
#[derive(Clone, Copy)]
pub struct VersionLock<'a> {
    /// An active transaction.
    pub owner: &'a Arc<TxnShared>,
    /// What the version bears: the owner's id, or one of its subtransactions'.
    pub txid: TxnId,
    pub mode: Mode,
}

struct Holder {
    txn: Arc<TxnShared>,
    modes: u16,
}

const WAITING: u8 = 0;
const GRANTED: u8 = 1;
/// Ended by another's wait, with which it was in a cycle.
const DEADLOCKED: u8 = 2;

/// One wait.
pub struct Waiter {
    key: LockKey,
    txn: Arc<TxnShared>,
    mode: Mode,
    /// Holds nothing once it is let through.
    passing: bool,
    state: AtomicU8,
    notify: Notify,
    /// Where it ran when it asked.
    thread: ThreadId,
    /// When it was first passed over.
    passed_over: OnceLock<Duration>,
}

impl Waiter {
    fn is_waiting(&self) -> bool {
        self.state.load(Ordering::Acquire) == WAITING
    }
}

#[derive(Default)]
struct Entry {
    holders: SmallVec<[Holder; 2]>,
    queue: VecDeque<Arc<Waiter>>,
    /// A strong lock was announced, and weak ones are here.
    announced: bool,
}

impl Entry {
    fn blocked(&self, txn: &Arc<TxnShared>, mode: Mode) -> bool {
        self.holders.iter().any(|holder| holder.modes & mode.conflicts() != 0 && !Arc::ptr_eq(&holder.txn, txn))
    }

    fn held_by(&self, txn: &Arc<TxnShared>) -> u16 {
        self.holders.iter().find(|holder| Arc::ptr_eq(&holder.txn, txn)).map_or(0, |holder| holder.modes)
    }

    /// Those whose locks, or whose requests ahead in the queue, keep a waiter waiting. With each whether it waits itself for
    /// some of the others and for nobody else: so it is with one ahead in the same mode, if the waiter holds nothing here.
    fn in_the_way<'e>(&'e self, waiter: &'e Arc<Waiter>) -> impl Iterator<Item = (&'e Arc<TxnShared>, bool)> {
        let holds_nothing = self.held_by(&waiter.txn) == 0;
        let holders = self.holders.iter().filter(|holder| holder.modes & waiter.mode.conflicts() != 0);
        let ahead = self.queue.iter().take_while(|ahead| !Arc::ptr_eq(ahead, waiter));
        let ahead = ahead.filter(|ahead| ahead.mode.conflicts() & waiter.mode.bit() != 0);
        let ahead = ahead.map(move |ahead| (&ahead.txn, holds_nothing && ahead.mode == waiter.mode));
        let all = holders.map(|holder| (&holder.txn, false)).chain(ahead);
        all.filter(|(other, _)| !Arc::ptr_eq(other, &waiter.txn))
    }

    /// Whose turn it is when a row is given up on the thread `here` and the first of the queue is not blocked: its place. One
    /// who waits on that thread passes over those before it, if they all wait in the same mode and hold nothing here, and none
    /// of them was first passed over too long ago.
    fn next(&self, here: ThreadId, now: Duration) -> usize {
        let Some(mode) = self.queue.front().map(|first| first.mode) else { return 0 };
        // Where they do not exclude each other all of them are granted at once.
        if mode.conflicts() & mode.bit() == 0 {
            return 0;
        }
        for (at, waiter) in self.queue.iter().enumerate().take(NEAR_AMONG_MAX) {
            if waiter.mode != mode || self.held_by(&waiter.txn) != 0 {
                return 0;
            }
            if waiter.thread == here {
                self.queue.range(..at).for_each(|passed| _ = passed.passed_over.get_or_init(|| now));
                return at;
            }
            if waiter.passed_over.get().is_some_and(|since| now.saturating_sub(*since) >= PASSED_OVER_FOR) {
                return 0;
            }
        }
        0
    }

    fn add(&mut self, txn: &Arc<TxnShared>, modes: u16) {
        match self.holders.iter_mut().find(|holder| Arc::ptr_eq(&holder.txn, txn)) {
            Some(holder) => holder.modes |= modes,
            None => self.holders.push(Holder { txn: txn.clone(), modes }),
        }
    }

    fn is_strong(&self) -> bool {
        let held = self.holders.iter().any(|holder| holder.modes & STRONG != 0);
        held || self.queue.iter().any(|waiter| waiter.mode.is_strong())
    }

    /// Takes from other holders what conflicts with a version of `owner`. Only who was handed the row when the owner
    /// rolled back to a savepoint, while an older version of it stayed, can hold such a mode. Returns whether someone did;
    /// the owner's own wait then comes first.
    fn yield_to(&mut self, owner: &Arc<TxnShared>, version: Mode) -> bool {
        let mut yielded = false;
        for holder in self.holders.iter_mut().filter(|holder| !Arc::ptr_eq(&holder.txn, owner)) {
            yielded |= holder.modes & version.conflicts() != 0;
            holder.modes &= !version.conflicts();
        }
        if yielded {
            self.holders.retain(|holder| holder.modes != 0);
            if let Some(at) = self.queue.iter().position(|waiter| Arc::ptr_eq(&waiter.txn, owner))
                && let Some(waiter) = self.queue.remove(at)
            {
                self.queue.push_front(waiter);
            }
        }
        yielded
    }
}

type Entries = HashMap<LockKey, Entry, SeedableRandomState>;

struct Shard {
    /// Entries of rows: zero lets a write skip the lock.
    rows: AtomicUsize,
    entries: Mutex<Entries>,
}

impl Shard {
    fn new() -> Shard {
        Shard { rows: AtomicUsize::new(0), entries: Mutex::new(Entries::with_hasher(seeded())) }
    }
}

/// hashbrown's hash by random seeds, another one for each caller.
fn seeded() -> SeedableRandomState {
    /// What the system gave, mixed; the standard library's own hash would cost each operation more.
    fn random() -> u64 {
        RandomState::new().hash_one(0u64)
    }
    static SHARED: LazyLock<SharedSeed> = LazyLock::new(|| SharedSeed::from_u64(random()));
    SeedableRandomState::with_seed(random(), LazyLock::force(&SHARED))
}

/// What asking for a lock led to.
pub enum Acquired {
    Granted,
    /// Wait for it with [`LockTable::wait`].
    Wait(Arc<Waiter>),
    /// Held, and the policy is not to wait.
    Refused,
    /// The owner of the version ended meanwhile, or rolled it back: look at the row again.
    Retry,
    /// The table has no room for the lock.
    Full,
}

/// The table.
pub struct LockTable {
    shards: Box<[Shard]>,
    hasher: SeedableRandomState,
    graph: Mutex<HashMap<u64, Arc<Waiter>>>,
    weak: WeakLocks,
    /// What entries and lists of held locks take.
    bytes: AtomicUsize,
    bytes_max: usize,
    counters: Arc<Counters>,
}

impl LockTable {
    pub fn new(bytes_max: usize, counters: Arc<Counters>) -> LockTable {
        LockTable {
            shards: (0..SHARDS).map(|_| Shard::new()).collect(),
            hasher: seeded(),
            graph: Mutex::default(),
            weak: WeakLocks::default(),
            bytes: AtomicUsize::new(0),
            bytes_max,
            counters,
        }
    }

    /// What the table takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The error of a lock for which there is no room.
    pub fn full(&self) -> Error {
        Error::LockTableFull { bytes_max: self.bytes_max }
    }

    fn is_full_for(&self, txn: &TxnShared) -> bool {
        let bytes = self.bytes();
        bytes >= self.bytes_max
            || bytes >= self.bytes_max - self.bytes_max / RESERVED_PART && txn.locks_held() > FEW_LOCKS
    }

    /// Enters a lock in its transaction's list; false when that has ended.
    fn hold(&self, txn: &TxnShared, lock: HeldLock) -> bool {
        let bytes = HELD_BYTES + lock.key.bytes();
        let holds = txn.hold(lock);
        if holds {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        holds
    }

    /// Enters what a version locks; false when its owner has ended, or rolled it back.
    fn hold_version(&self, version: VersionLock<'_>, key: LockKey) -> bool {
        let bytes = HELD_BYTES + key.bytes();
        let lock = HeldLock { key, mode: version.mode, explicit: false, depth: 0 };
        let holds = version.owner.hold_version(lock, version.txid);
        if holds {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        holds
    }

    fn entry<'e>(&self, shard: &Shard, entries: &'e mut Entries, key: &LockKey) -> &'e mut Entry {
        entries.entry(key.clone()).or_insert_with(|| {
            self.bytes.fetch_add(ENTRY_BYTES + key.bytes(), Ordering::Relaxed);
            if matches!(key, LockKey::Row(..)) {
                shard.rows.fetch_add(1, Ordering::AcqRel);
            }
            Entry::default()
        })
    }

    fn row_hash(&self, tree: TreeId, key: &[u8]) -> u64 {
        self.hasher.hash_one((tree, key))
    }

    fn shard(&self, key: &LockKey) -> &Shard {
        let hash = match key {
            LockKey::Row(tree, key) => self.row_hash(*tree, key),
            LockKey::Object(object) => self.hasher.hash_one(object),
        };
        &self.shards[hash as usize % SHARDS]
    }

    /// Whether no lock of this table can concern the row: the common case, one load.
    pub fn is_quiet(&self, tree: TreeId, key: &[u8]) -> bool {
        let hash = self.row_hash(tree, key);
        self.shards[hash as usize % SHARDS].rows.load(Ordering::Acquire) == 0
    }

    /// Whether `txn` holds a lock of this table that covers `mode`, or nobody else holds or awaits one.
    /// Unlike [`LockTable::acquire`] it leaves no entry: a version that follows is the lock.
    pub fn may_write(&self, key: &LockKey, txn: &Arc<TxnShared>, mode: Mode) -> bool {
        let entries = self.shard(key).entries.lock();
        let Some(entry) = entries.get(key) else { return true };
        if entry.blocked(txn, mode) {
            return false;
        }
        entry.held_by(txn) != 0 || entry.queue.is_empty()
    }

    /// Asks for a lock. `version`: the head version of the row, when that locks it.
    pub fn acquire(
        &self,
        key: LockKey,
        txn: &Arc<TxnShared>,
        mode: Mode,
        version: Option<VersionLock<'_>>,
        policy: WaitPolicy,
    ) -> Acquired {
        self.ask(key, txn, mode, version, policy, false)
    }

    /// Asks for an object's lock.
    pub fn acquire_object(&self, object: u64, txn: &Arc<TxnShared>, mode: Mode, policy: WaitPolicy) -> Acquired {
        if mode.is_weak() && self.weak.take(object, txn, mode) {
            return Acquired::Granted;
        }
        self.acquire(LockKey::Object(object), txn, mode, None, policy)
    }

    /// Whether somebody holds or awaits a lock on an object that a statement's may have to wait for.
    pub fn has_strong_objects(&self) -> bool {
        self.weak.is_strong_somewhere()
    }

    /// Announces a strong lock, and moves the weak ones of the object here.
    fn gather_weak(&self, key: &LockKey, entry: &mut Entry) {
        let LockKey::Object(object) = *key else { return };
        self.weak.announce(object, |txn, modes| {
            for mode in Mode::of(modes) {
                if txn.move_weak(object, mode) {
                    self.bytes.fetch_add(HELD_BYTES + key.bytes(), Ordering::Relaxed);
                    entry.add(txn, mode.bit());
                }
            }
        });
    }

    /// Asks to be woken when the lock could be had, without taking it.
    pub fn await_owner(&self, key: LockKey, txn: &Arc<TxnShared>, mode: Mode, version: VersionLock<'_>) -> Acquired {
        self.ask(key, txn, mode, Some(version), WaitPolicy::Wait, true)
    }

    fn ask(
        &self,
        key: LockKey,
        txn: &Arc<TxnShared>,
        mode: Mode,
        version: Option<VersionLock<'_>>,
        policy: WaitPolicy,
        passing: bool,
    ) -> Acquired {
        let mut entered = false;
        let acquired = self.ask_in_shard(key, txn, mode, version, policy, passing, &mut entered);
        if let Some(version) = version
            && entered
        {
            self.end_cycle_of(version.owner);
        }
        acquired
    }

    /// `entered`: set when the owner of the version became a holder for which others wait already.
    #[allow(clippy::too_many_arguments)]
    fn ask_in_shard(
        &self,
        key: LockKey,
        txn: &Arc<TxnShared>,
        mode: Mode,
        version: Option<VersionLock<'_>>,
        policy: WaitPolicy,
        passing: bool,
        entered: &mut bool,
    ) -> Acquired {
        let shard = self.shard(&key);
        let mut entries = shard.entries.lock();
        let mut yielded = false;
        if let Some(version) = version
            && !Arc::ptr_eq(version.owner, txn)
        {
            let (owner, held) = (version.owner, version.mode);
            if mode.conflicts() & held.bit() != 0 && policy != WaitPolicy::Wait {
                // A savepoint may have taken it back since the row was looked at.
                let is_gone = owner.ownership(version.txid) == Ownership::OwnAborted;
                return if is_gone { Acquired::Retry } else { Acquired::Refused };
            }
            let entry_holds = entries.get(&key).is_some_and(|entry| entry.held_by(owner) & held.bit() != 0);
            if !entry_holds {
                if !self.hold_version(version, key.clone()) {
                    return Acquired::Retry;
                }
                let entry = self.entry(shard, &mut entries, &key);
                yielded = entry.yield_to(owner, held);
                entry.add(owner, held.bit());
                *entered = !entry.queue.is_empty();
                if yielded {
                    self.settle(shard, &mut entries, &key);
                }
            }
        }
        let entry = self.entry(shard, &mut entries, &key);
        if mode.is_strong() && !entry.announced {
            entry.announced = true;
            self.gather_weak(&key, entry);
        }
        let held = entry.held_by(txn);
        if held != 0 && mode.covered_by(held) && !entry.blocked(txn, mode) {
            return Acquired::Granted;
        }
        let conflicts = |ahead: &Arc<Waiter>| ahead.mode.conflicts() & mode.bit() != 0;
        let overtakes = held == 0 && matches!(key, LockKey::Object(_)) && entry.queue.iter().any(conflicts);
        if !entry.blocked(txn, mode) && !overtakes {
            let refused = !passing && matches!(key, LockKey::Row(..)) && self.is_full_for(txn);
            let depth = txn.depth();
            if !passing && !refused && self.hold(txn, HeldLock { key: key.clone(), mode, explicit: true, depth }) {
                entry.add(txn, mode.bit());
            } else {
                // Nothing may be left in the entry.
                self.settle(shard, &mut entries, &key);
            }
            return if refused { Acquired::Full } else { Acquired::Granted };
        }
        if policy != WaitPolicy::Wait {
            self.settle(shard, &mut entries, &key);
            return Acquired::Refused;
        }
        let waiter = Arc::new(Waiter {
            key,
            txn: txn.clone(),
            mode,
            passing,
            state: AtomicU8::new(WAITING),
            notify: Notify::new(),
            thread: thread::current().id(),
            passed_over: OnceLock::new(),
        });
        if held != 0 || yielded {
            entry.queue.push_front(waiter.clone());
        } else {
            entry.queue.push_back(waiter.clone());
        }
        Acquired::Wait(waiter)
    }

    /// Waits for a lock until it is granted.
    ///
    /// # Errors
    /// [`Error::Deadlock`], [`Error::Cancelled`], or [`Error::LockNotAvailable`] after `timeout`. The wait has then left
    /// the queue.
    pub async fn wait(&self, waiter: Arc<Waiter>, cancel: &CancelToken, timeout: Option<Duration>) -> Result<()> {
        self.counters.lock_waits.fetch_add(1, Ordering::Relaxed);
        let guard = WaitGuard { table: self, waiter: &waiter };
        let _shown = waiter.txn.cancel.waiting(match waiter.key {
            LockKey::Row(..) => Wait::RowLock,
            LockKey::Object(_) => Wait::ObjectLock,
        });
        {
            let mut graph = self.graph.lock();
            graph.insert(waiter.txn.key(), waiter.clone());
            if self.closes_cycle(&graph, &waiter) {
                graph.remove(&waiter.txn.key());
                drop(graph);
                self.counters.deadlocks.fetch_add(1, Ordering::Relaxed);
                return Err(Error::Deadlock);
            }
        }
        let granted = async {
            loop {
                let notified = waiter.notify.notified();
                match waiter.state.load(Ordering::Acquire) {
                    WAITING => notified.await,
                    GRANTED => return Ok(()),
                    _ => return Err(Error::Deadlock),
                }
            }
        };
        let expired = async {
            match timeout {
                Some(timeout) => protocol::task::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let result = tokio::select! {
            biased;
            granted = granted => granted,
            () = cancel.cancelled() => Err(Error::Cancelled),
            () = expired => Err(Error::LockNotAvailable),
        };
        drop(guard);
        result
    }

    /// Others who waited for a row wait for `owner` from now on, without having asked: its own wait, if it is in one, ends
    /// where that closes a cycle. The wait at hand would not find it, which need not be part of it.
    fn end_cycle_of(&self, owner: &Arc<TxnShared>) {
        let graph = self.graph.lock();
        let Some(waiter) = graph.get(&owner.key()) else { return };
        if !self.closes_cycle(&graph, waiter) {
            return;
        }
        let shard = self.shard(&waiter.key);
        let mut entries = shard.entries.lock();
        let Some(entry) = entries.get_mut(&waiter.key) else { return };
        // Who is granted a lock leaves the queue under the shard's lock, too.
        let Some(at) = entry.queue.iter().position(|queued| Arc::ptr_eq(queued, waiter)) else { return };
        entry.queue.remove(at);
        waiter.state.store(DEADLOCKED, Ordering::Release);
        waiter.notify.notify_one();
        self.counters.deadlocks.fetch_add(1, Ordering::Relaxed);
        self.settle(shard, &mut entries, &waiter.key);
    }

    fn closes_cycle(&self, graph: &HashMap<u64, Arc<Waiter>>, origin: &Arc<Waiter>) -> bool {
        let mut seen: HashSet<u64> = HashSet::new();
        let mut pending = vec![origin.clone()];
        while let Some(waiter) = pending.pop() {
            let entries = self.shard(&waiter.key).entries.lock();
            let Some(entry) = entries.get(&waiter.key) else { continue };
            if !waiter.is_waiting() {
                continue;
            }
            for (blocker, adds_nothing) in entry.in_the_way(&waiter) {
                if Arc::ptr_eq(blocker, &origin.txn) {
                    return true;
                }
                // Else a long queue would be gone through once for each who waits in it.
                if !adds_nothing
                    && seen.insert(blocker.key())
                    && let Some(next) = graph.get(&blocker.key())
                {
                    pending.push(next.clone());
                }
            }
        }
        false
    }

    /// Takes from a transaction what it gave up, handing each lock to who is next.
    pub fn release(&self, txn: &Arc<TxnShared>, given: GivenUp) {
        for (weak, left) in &given.weak {
            self.weak.lower(txn, weak, *left);
        }
        for (lock, left) in given.locks {
            self.bytes.fetch_sub(HELD_BYTES + lock.key.bytes(), Ordering::Relaxed);
            let shard = self.shard(&lock.key);
            let mut entries = shard.entries.lock();
            let Some(entry) = entries.get_mut(&lock.key) else { continue };
            if let Some(holder) = entry.holders.iter_mut().find(|holder| Arc::ptr_eq(&holder.txn, txn)) {
                // A weak lock that stays may have come here behind the count of what is left.
                holder.modes = left | txn.moved_meanwhile(&lock.key);
            }
            entry.holders.retain(|holder| holder.modes != 0);
            self.settle(shard, &mut entries, &lock.key);
        }
    }

    /// Grants what can be granted, and drops the entry when nothing is left.
    fn settle(&self, shard: &Shard, entries: &mut Entries, key: &LockKey) {
        let Some(entry) = entries.get_mut(key) else { return };
        while let Some(first) = entry.queue.front() {
            if entry.blocked(&first.txn, first.mode) {
                break;
            }
            let is_contended = entry.queue.len() > 1 && matches!(key, LockKey::Row(..));
            let at = if is_contended { entry.next(thread::current().id(), protocol::task::now()) } else { 0 };
            let Some(next) = entry.queue.remove(at) else { break };
            let (mode, depth) = (next.mode, next.txn.depth());
            if !next.passing && self.hold(&next.txn, HeldLock { key: key.clone(), mode, explicit: true, depth }) {
                entry.add(&next.txn, mode.bit());
            }
            next.state.store(GRANTED, Ordering::Release);
            next.notify.notify_one();
        }
        if entry.announced && !entry.is_strong() {
            entry.announced = false;
            if let LockKey::Object(object) = key {
                self.weak.withdraw(*object);
            }
        }
        if entry.holders.is_empty() && entry.queue.is_empty() {
            entries.remove(key);
            self.bytes.fetch_sub(ENTRY_BYTES + key.bytes(), Ordering::Relaxed);
            if matches!(key, LockKey::Row(..)) {
                shard.rows.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

/// Takes a wait out of queue and graph, also when its future is dropped.
struct WaitGuard<'a> {
    table: &'a LockTable,
    waiter: &'a Arc<Waiter>,
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.table.graph.lock().remove(&self.waiter.txn.key());
        let shard = self.table.shard(&self.waiter.key);
        let mut entries = shard.entries.lock();
        if let Some(entry) = entries.get_mut(&self.waiter.key) {
            entry.queue.retain(|queued| !Arc::ptr_eq(queued, self.waiter));
            // Those behind may have waited only for this one.
            self.table.settle(shard, &mut entries, &self.waiter.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Options};
    use crate::testing::MemoryVolume;
    use crate::txn::{Isolation, Txn};

    /// Who found a version may ask for its lock when the owner has gone back to a savepoint, and would wait for its end.
    #[tokio::test]
    async fn a_version_that_was_rolled_back_locks_nothing() {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let mut owner = engine.begin(Isolation::ReadCommitted);
        let whole = engine.assign(&mut owner).await.expect("there are ids");
        let savepoint = engine.savepoint(&mut owner);
        let part = engine.assign(&mut owner).await.expect("there are ids");
        assert_ne!(whole, part);
        engine.rollback_to(&mut owner, savepoint);
        let other = engine.begin(Isolation::ReadCommitted);
        let key = LockKey::Row(protocol::PageId(7), Box::from(b"key".as_slice()));
        let mode = Mode::from(LockStrength::Update);
        let ask = |txid, policy| {
            let version = VersionLock { owner: &owner.shared, txid, mode };
            engine.locks.acquire(key.clone(), &other.shared, mode, Some(version), policy)
        };
        for policy in [WaitPolicy::Wait, WaitPolicy::NoWait] {
            assert!(matches!(ask(part, policy), Acquired::Retry));
        }
        assert_eq!(engine.locks.bytes(), 0);
        assert!(matches!(ask(whole, WaitPolicy::NoWait), Acquired::Refused));
        assert!(matches!(ask(whole, WaitPolicy::Wait), Acquired::Wait(_)));
        drop(other);
        engine.rollback(owner);
        assert_eq!(engine.locks.bytes(), 0);
    }

    fn is_granted(engine: &Engine, txn: &Txn, object: u64, mode: TableLockMode) -> bool {
        let asked = engine.locks.acquire_object(object, &txn.shared, mode.into(), WaitPolicy::NoWait);
        matches!(asked, Acquired::Granted)
    }

    /// A strong lock may be announced between the two steps of a rollback to a savepoint.
    #[tokio::test]
    async fn a_weak_lock_that_is_being_given_up_does_not_move_to_the_table() {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let ask = |txn: &Txn, object, mode| is_granted(&engine, txn, object, mode);
        let mut owner = engine.begin(Isolation::ReadCommitted);
        assert!(ask(&owner, 7, TableLockMode::AccessShare));
        let savepoint = engine.savepoint(&mut owner);
        assert!(ask(&owner, 7, TableLockMode::RowExclusive));
        assert!(ask(&owner, 8, TableLockMode::RowExclusive));
        let given = owner.rollback_to(savepoint);
        let other = engine.begin(Isolation::ReadCommitted);
        assert!(ask(&other, 7, TableLockMode::Exclusive), "the one before the savepoint does not conflict");
        assert!(!ask(&other, 7, TableLockMode::AccessExclusive), "and stays");
        assert!(ask(&other, 8, TableLockMode::AccessExclusive));
        engine.locks.release(&owner.shared, given);
        owner.shared.gave_up();
        assert!(!ask(&other, 7, TableLockMode::AccessExclusive), "still");
        drop(owner);
        assert!(ask(&other, 7, TableLockMode::AccessExclusive));
        drop(other);
        assert_eq!(engine.locks.bytes(), 0);
    }

    /// And may bring a weak lock that stays to the table, where another on the same object is about to be given up.
    #[tokio::test]
    async fn a_weak_lock_that_moves_while_another_is_given_up_stays() {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let ask = |txn: &Txn, object, mode| is_granted(&engine, txn, object, mode);
        let mut owner = engine.begin(Isolation::ReadCommitted);
        assert!(ask(&owner, 7, TableLockMode::AccessShare));
        let savepoint = engine.savepoint(&mut owner);
        assert!(ask(&owner, 7, TableLockMode::ShareUpdateExclusive), "neither weak nor strong: in the table at once");
        let given = owner.rollback_to(savepoint);
        let other = engine.begin(Isolation::ReadCommitted);
        assert!(!ask(&other, 7, TableLockMode::AccessExclusive));
        engine.locks.release(&owner.shared, given);
        owner.shared.gave_up();
        assert!(!ask(&other, 7, TableLockMode::AccessExclusive), "it is held still");
        assert!(ask(&other, 7, TableLockMode::ShareUpdateExclusive), "and the other is not");
        drop(owner);
        assert!(ask(&other, 7, TableLockMode::AccessExclusive));
        drop(other);
        assert_eq!(engine.locks.bytes(), 0);
    }

    /// Each who joins a long queue goes through it once.
    #[tokio::test]
    async fn who_waits_ahead_in_the_same_mode_leads_to_nobody_else() {
        use TableLockMode::{Exclusive, Share};
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let txns: [Txn; 4] = std::array::from_fn(|_| engine.begin(Isolation::ReadCommitted));
        let ask =
            |txn: &Txn, mode: TableLockMode| engine.locks.acquire_object(7, &txn.shared, mode.into(), WaitPolicy::Wait);
        assert!(matches!(ask(&txns[0], Exclusive), Acquired::Granted));
        assert!(matches!(ask(&txns[1], Share), Acquired::Wait(_)));
        assert!(matches!(ask(&txns[2], Exclusive), Acquired::Wait(_)));
        let Acquired::Wait(last) = ask(&txns[3], Exclusive) else { panic!("it is held") };
        let adds_nothing: Vec<bool> = {
            let entries = engine.locks.shard(&last.key).entries.lock();
            entries[&last.key].in_the_way(&last).map(|(_, adds_nothing)| adds_nothing).collect()
        };
        assert_eq!(adds_nothing, [false, false, true]);
    }

    #[tokio::test]
    async fn whoever_of_a_queue_holds_what_its_head_waits_for_closes_a_cycle() {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let txns: [Txn; 4] = std::array::from_fn(|_| engine.begin(Isolation::ReadCommitted));
        let ask = |txn: &Txn, object: u64| {
            let mode = TableLockMode::Exclusive.into();
            engine.locks.acquire_object(object, &txn.shared, mode, WaitPolicy::Wait)
        };
        for (object, txn) in (0..).zip(&txns) {
            assert!(matches!(ask(txn, object), Acquired::Granted));
        }
        let mut graph = HashMap::default();
        for txn in &txns[1..] {
            let Acquired::Wait(waiter) = ask(txn, 0) else { panic!("it is held") };
            assert!(!engine.locks.closes_cycle(&graph, &waiter));
            graph.insert(txn.shared.key(), waiter);
        }
        for object in 1..4 {
            let Acquired::Wait(origin) = ask(&txns[0], object) else { panic!("it is held") };
            assert!(engine.locks.closes_cycle(&graph, &origin), "through number {object} of the queue");
        }
    }

    #[tokio::test]
    async fn who_waits_near_is_preferred_among_its_like_and_nobody_passed_over_for_long() {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let txns: Vec<Txn> = (0..=NEAR_AMONG_MAX).map(|_| engine.begin(Isolation::ReadCommitted)).collect();
        let thread = || thread::spawn(|| thread::current().id()).join().expect("it only says who it is");
        let (here, afar, beyond) = (thread(), thread(), thread());
        let queue = |waiters: &[(ThreadId, LockStrength)]| {
            let waiter = |(number, &(thread, strength)): (usize, &(ThreadId, LockStrength))| {
                let (txn, mode, state) = (txns[number].shared.clone(), strength.into(), AtomicU8::new(WAITING));
                let key = LockKey::Object(number as u64);
                let (notify, passed_over) = (Notify::new(), OnceLock::new());
                Arc::new(Waiter { key, txn, mode, passing: false, state, notify, thread, passed_over })
            };
            Entry { queue: waiters.iter().enumerate().map(waiter).collect(), ..Entry::default() }
        };
        // Who is next, by its number, when one on this thread gives the row up at this millisecond.
        let take = |entry: &mut Entry, (thread, millis)| {
            let next = entry.next(thread, Duration::from_millis(millis));
            let taken = entry.queue.remove(next).expect("somebody waits");
            match taken.key {
                LockKey::Object(number) => number,
                LockKey::Row(..) => unreachable!("numbers only"),
            }
        };
        use LockStrength::{NoKeyUpdate, Share, Update};
        let mut entry = queue(&[(afar, Update), (here, Update), (afar, Update), (here, Update), (here, Update)]);
        let taken = [10, 11, 12, 13, 13].map(|millis| take(&mut entry, (here, millis)));
        assert_eq!(taken, [1, 3, 0, 2, 4], "two milliseconds after it was first passed over it is somebody's turn");
        let mut entry = queue(&[(afar, Update), (here, Update), (afar, Update), (here, Update)]);
        let taken = [10, 1000, 2000, 3000].map(|millis| take(&mut entry, (here, millis)));
        assert_eq!(taken, [1, 0, 3, 2], "once where locks are held long");
        let mut entry = queue(&[(afar, Update), (beyond, Update), (here, Update), (afar, Update)]);
        let taken = [(here, 0), (here, 1000), (afar, 2000), (here, 3000)].map(|given_up| take(&mut entry, given_up));
        assert_eq!(taken, [2, 0, 1, 3], "also who is not the first is passed over once");
        let mut entry = queue(&[(afar, Update), (here, NoKeyUpdate), (here, Update)]);
        assert_eq!([10; 3].map(|millis| take(&mut entry, (here, millis))), [0, 1, 2], "another mode is not overtaken");
        let mut entry = queue(&[(afar, Share), (here, Share)]);
        assert_eq!(take(&mut entry, (here, 10)), 0, "all are granted at once");
        for (ahead, next) in [(NEAR_AMONG_MAX - 1, NEAR_AMONG_MAX - 1), (NEAR_AMONG_MAX, 0)] {
            let waiters: Vec<_> =
                (0..=ahead).map(|number| (if number < ahead { afar } else { here }, Update)).collect();
            assert_eq!(take(&mut queue(&waiters), (here, 10)), next as u64, "one far behind is not looked for");
        }
        for holder in &txns[..2] {
            let mut entry = queue(&[(afar, Update), (here, Update)]);
            entry.add(&holder.shared, Mode::from(Share).bit());
            assert_eq!(take(&mut entry, (here, 10)), 0, "who holds something comes first");
        }
    }

    #[tokio::test]
    async fn a_row_goes_to_who_waits_on_the_thread_that_gives_it_up_and_an_object_to_the_first() {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let row = LockKey::Row(protocol::PageId(7), Box::from(b"key".as_slice()));
        for (key, mode, near_is_next) in [
            (row, Mode::from(LockStrength::Update), true),
            (LockKey::Object(7), Mode::from(TableLockMode::Exclusive), false),
        ] {
            let [owner, far, near] = std::array::from_fn(|_| engine.begin(Isolation::ReadCommitted));
            let ask = |txn: &Txn| engine.locks.acquire(key.clone(), &txn.shared, mode, None, WaitPolicy::Wait);
            assert!(matches!(ask(&owner), Acquired::Granted));
            let asked = thread::scope(|scope| scope.spawn(|| ask(&far)).join().expect("it only asks"));
            let (Acquired::Wait(far), Acquired::Wait(near)) = (asked, ask(&near)) else { panic!("it is held") };
            engine.rollback(owner);
            assert_eq!((near.is_waiting(), far.is_waiting()), (!near_is_next, near_is_next));
        }
    }

    #[test]
    fn the_matrices_are_postgresqls() {
        use LockStrength::*;
        let rows = [KeyShare, Share, NoKeyUpdate, Update];
        let conflicting = |a: LockStrength| -> Vec<LockStrength> {
            rows.into_iter().filter(|&b| Mode::from(a).conflicts() & Mode::from(b).bit() != 0).collect()
        };
        assert_eq!(conflicting(KeyShare), [Update]);
        assert_eq!(conflicting(Share), [NoKeyUpdate, Update]);
        assert_eq!(conflicting(NoKeyUpdate), [Share, NoKeyUpdate, Update]);
        assert_eq!(conflicting(Update), rows);
        for (a, row) in CONFLICTS.iter().enumerate() {
            for (b, column) in CONFLICTS.iter().enumerate() {
                assert_eq!(row >> b & 1, column >> a & 1, "the matrix is symmetric at {a}, {b}");
            }
        }
        let counts: Vec<u32> = CONFLICTS[4..].iter().map(|row| row.count_ones()).collect();
        assert_eq!(counts, [1, 2, 4, 5, 5, 6, 7, 8]);
    }

    /// Of a shard's keys the low bits of the hash that chose it are all the same: its own table hashes by another seed.
    #[test]
    fn the_tables_of_shards_are_hashed_otherwise_than_the_choice_of_the_shard() {
        let key = LockKey::Row(protocol::PageId(7), Box::from(b"key".as_slice()));
        let table = LockTable::new(1 << 20, Arc::new(Counters::default()));
        let mut hashes: HashSet<u64> =
            table.shards.iter().map(|shard| shard.entries.lock().hasher().hash_one(&key)).collect();
        hashes.insert(table.hasher.hash_one(&key));
        assert_eq!(hashes.len(), SHARDS + 1);
    }
}
