//! Transactions and what a statement sees.
//!
//! A transaction gets its id at its first write, a subtransaction its own at its first write inside a savepoint, so that
//! rolling back to a savepoint is one flag in memory: an id without an entry in the commit map counts as aborted.
//! [`TxnShared`] is what others may hold of a transaction: waiters, the table of active ones, views.

use crate::cancel::CancelToken;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::locks::{HeldLock, LockKey, Mode};
use crate::snapshot::Snapshot;
use crate::weak::WeakHeld;
use hashbrown::HashMap;
use parking_lot::Mutex;
use protocol::{Lsn, TxnId};
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Isolation levels. READ UNCOMMITTED is READ COMMITTED, as in PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement has its own snapshot; writes re-evaluate on the newest version.
    ReadCommitted,
    /// One snapshot for the transaction; writes fail with 40001 where it is outdated.
    RepeatableRead,
}

/// A savepoint of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SavepointId(u64);

/// Whose a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    Foreign,
    Own,
    /// Own, but rolled back to a savepoint.
    OwnAborted,
}

#[derive(Default)]
struct Held {
    ended: bool,
    /// Those that are explicit, in the order of their depths.
    locks: Vec<HeldLock>,
    weak: SmallVec<[WeakHeld; 4]>,
    /// Between the two steps of a rollback to a savepoint: weak locks that are not in the list may be in their slots still.
    /// Those that stay and have moved to the lock table since the first step, by object, with their modes.
    giving_up: Option<SmallVec<[(u64, u16); 2]>>,
}

impl Held {
    /// Adds a lock, not a version's.
    fn enter(&mut self, lock: HeldLock) {
        // A weak lock that moves to the lock table may be older than what was locked since.
        let is_older = |other: &HeldLock| other.explicit && other.depth <= lock.depth;
        let at = self.locks.iter().rposition(is_older).map_or(0, |older| older + 1);
        self.locks.insert(at, lock);
    }
}

/// Locks that a transaction gives up, each with the modes that stay with it.
#[derive(Default)]
pub struct GivenUp {
    pub locks: Vec<(HeldLock, u16)>,
    pub weak: SmallVec<[(WeakHeld, u16); 4]>,
}

impl GivenUp {
    pub fn is_empty(&self) -> bool {
        self.locks.is_empty() && self.weak.is_empty()
    }
}

/// The part of a transaction that others may hold.
pub struct TxnShared {
    key: u64,
    top: AtomicU64,
    depth: AtomicU32,
    has_subs: AtomicBool,
    /// Subtransaction ids; false: rolled back.
    subs: Mutex<HashMap<u64, bool>>,
    observed: AtomicU64,
    pub cancel: CancelToken,
    held: Mutex<Held>,
}

impl TxnShared {
    pub fn new(key: u64, cancel: CancelToken) -> TxnShared {
        TxnShared {
            key,
            top: AtomicU64::new(0),
            depth: AtomicU32::new(0),
            has_subs: AtomicBool::new(false),
            subs: Mutex::default(),
            observed: AtomicU64::new(0),
            cancel,
            held: Mutex::default(),
        }
    }

    /// Names the transaction among those of this process, also before it has an id.
    pub fn key(&self) -> u64 {
        self.key
    }

    pub fn depth(&self) -> u32 {
        self.depth.load(Ordering::Relaxed)
    }

    /// The top transaction's id, or none yet.
    pub fn top(&self) -> TxnId {
        TxnId(self.top.load(Ordering::Acquire))
    }

    pub fn ownership(&self, txid: TxnId) -> Ownership {
        if txid == TxnId::NONE {
            return Ownership::Foreign;
        }
        if txid == self.top() {
            return Ownership::Own;
        }
        if !self.has_subs.load(Ordering::Acquire) {
            return Ownership::Foreign;
        }
        match self.subs.lock().get(&txid.0) {
            None => Ownership::Foreign,
            Some(true) => Ownership::Own,
            Some(false) => Ownership::OwnAborted,
        }
    }

    /// Notes that the transaction has seen the effect of a commit at `lsn`.
    pub fn observe(&self, lsn: Lsn) {
        if self.observed.load(Ordering::Relaxed) < lsn.0 {
            self.observed.fetch_max(lsn.0, Ordering::AcqRel);
        }
    }

    pub fn observed(&self) -> Lsn {
        Lsn(self.observed.load(Ordering::Acquire))
    }

    /// Adds a lock to the list, not a version's; false when the transaction has ended.
    pub fn hold(&self, lock: HeldLock) -> bool {
        let mut held = self.held.lock();
        if !held.ended {
            held.enter(lock);
        }
        !held.ended
    }

    /// Adds the lock that a version is, which bears `txid`; false when the transaction has ended, or rolled that back. Who
    /// found the version may come here behind a rollback to a savepoint, which gives up only what it finds in the list.
    pub fn hold_version(&self, lock: HeldLock, txid: TxnId) -> bool {
        let mut held = self.held.lock();
        // Under the list's lock: a rollback first tells what it takes back, then looks at the list.
        let holds = !held.ended && self.ownership(txid) != Ownership::OwnAborted;
        if holds {
            held.locks.push(lock);
        }
        holds
    }

    /// Adds a weak lock; false when the transaction has ended.
    pub fn hold_weak(&self, lock: WeakHeld) -> bool {
        let mut held = self.held.lock();
        if !held.ended {
            held.weak.push(lock);
        }
        !held.ended
    }

    /// Makes a weak lock one of the lock table, in one step, so that a rollback to a savepoint finds it as the one or the other.
    /// False when the transaction has ended, or gives the lock up just now.
    pub fn move_weak(&self, object: u64, mode: Mode) -> bool {
        let mut held = self.held.lock();
        if held.ended {
            return false;
        }
        let depth = match held.weak.iter().position(|lock| lock.object == object && lock.mode == mode) {
            Some(at) => held.weak.swap_remove(at).depth,
            None if held.giving_up.is_some() => return false,
            // It is being taken just now.
            None => self.depth(),
        };
        if let Some(moved) = &mut held.giving_up {
            moved.push((object, mode.bit()));
        }
        held.enter(HeldLock { key: LockKey::Object(object), mode, explicit: true, depth });
        true
    }

    /// The modes in which this lock moved to the lock table since a rollback to a savepoint took out what it gives up.
    pub fn moved_meanwhile(&self, key: &LockKey) -> u16 {
        let LockKey::Object(object) = *key else { return 0 };
        let held = self.held.lock();
        let moved = held.giving_up.iter().flatten().filter(|(other, _)| *other == object);
        moved.fold(0, |modes, (_, mode)| modes | mode)
    }

    /// How many locks it has in the lock table.
    pub fn locks_held(&self) -> usize {
        self.held.lock().locks.len()
    }

    /// Ends the transaction: no lock is added after this.
    pub fn end(&self) -> GivenUp {
        let mut held = self.held.lock();
        held.ended = true;
        GivenUp {
            locks: std::mem::take(&mut held.locks).into_iter().map(|lock| (lock, 0)).collect(),
            weak: std::mem::take(&mut held.weak).into_iter().map(|lock| (lock, 0)).collect(),
        }
    }

    /// Takes out the locks to give up when rolling back to `depth`: those taken deeper, and versions others wait for,
    /// which those others must look at again. What was taken before in a weaker mode stays in that. Once they are released,
    /// [`TxnShared::gave_up`] follows.
    fn take_deeper(&self, depth: u32) -> GivenUp {
        let mut held = self.held.lock();
        let (keep, gone): (Vec<HeldLock>, Vec<HeldLock>) =
            std::mem::take(&mut held.locks).into_iter().partition(|lock| lock.explicit && lock.depth <= depth);
        let mut left: HashMap<LockKey, u16> = gone.iter().map(|lock| (lock.key.clone(), 0)).collect();
        if !left.is_empty() {
            for lock in &keep {
                if let Some(modes) = left.get_mut(&lock.key) {
                    *modes |= lock.mode.bit();
                }
            }
        }
        let left: Vec<u16> = gone.iter().map(|lock| left[&lock.key]).collect();
        let locks = gone.into_iter().zip(left).collect();
        held.locks = keep;
        let (keep, weak_gone): (SmallVec<[WeakHeld; 4]>, SmallVec<[WeakHeld; 4]>) =
            std::mem::take(&mut held.weak).into_iter().partition(|lock| lock.depth <= depth);
        let weak_left = |gone: WeakHeld| {
            let same = keep.iter().filter(|kept| kept.object == gone.object && kept.slot == gone.slot);
            (gone, same.fold(0, |modes, kept| modes | kept.mode.bit()))
        };
        let weak = weak_gone.into_iter().map(weak_left).collect();
        held.weak = keep;
        held.giving_up = Some(SmallVec::new());
        GivenUp { locks, weak }
    }

    /// What a rollback to a savepoint gave up is released.
    pub fn gave_up(&self) {
        self.held.lock().giving_up = None;
    }

    /// What was locked at `depth` or deeper belongs to the level around it from now on.
    fn keep_for(&self, depth: u32) {
        // Those of versions stand anywhere in the list.
        let mut held = self.held.lock();
        for lock in held.locks.iter_mut().rev().take_while(|lock| !lock.explicit || lock.depth >= depth) {
            lock.depth = lock.depth.min(depth - 1);
        }
        for lock in &mut held.weak {
            lock.depth = lock.depth.min(depth - 1);
        }
    }
}

impl fmt::Debug for TxnShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TxnShared({}, txid {})", self.key, self.top())
    }
}

/// What a statement sees: commits at or below its snapshot, and what its own transaction wrote before it began.
#[derive(Clone, Debug)]
pub struct View {
    pub(crate) snapshot: Snapshot,
    pub(crate) txn: Arc<TxnShared>,
    pub(crate) start: Lsn,
    pub(crate) aim: Aim,
}

/// Which row under a key a statement means to change or to lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Whichever is there.
    Newest,
    /// See [`View::seen`].
    Seen,
    /// See [`View::unread`].
    Unread,
}

impl View {
    /// The same, for who changes or locks the row that the view sees under a key. When that is deleted it is gone, though
    /// another row may have come under its key; when it moves it is followed.
    #[must_use]
    pub fn seen(&self) -> View {
        View { aim: Aim::Seen, ..self.clone() }
    }

    /// As [`View::seen`], for the update or delete of a row that the statement has not read. Where the row's newest version is
    /// in flight, the callback is shown the committed one first; where it declines, or there is none, nobody is awaited. One
    /// that lies out of line is not read for that, and who changes it is awaited.
    #[must_use]
    pub fn unread(&self) -> View {
        View { aim: Aim::Unread, ..self.clone() }
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The highest commit LSN among what was read: it must be durable before a client is told of it.
    #[must_use]
    pub fn observed(&self) -> Lsn {
        self.txn.observed()
    }

    /// Cancels reads through this view, too.
    #[must_use]
    pub fn cancel_token(&self) -> &CancelToken {
        &self.txn.cancel
    }
}

struct Level {
    savepoint: SavepointId,
    txid: Option<TxnId>,
    /// Ids of released subtransactions.
    merged: Vec<TxnId>,
}

/// A transaction. Dropping it rolls it back.
pub struct Txn {
    engine: Arc<Engine>,
    pub(crate) shared: Arc<TxnShared>,
    isolation: Isolation,
    snapshot: Option<Snapshot>,
    levels: Vec<Level>,
    next_savepoint: u64,
    pub(crate) touches_catalog: bool,
    /// Whether a version bears an id of this transaction.
    pub(crate) wrote: bool,
    pub(crate) lock_timeout: Option<Duration>,
    ended: bool,
}

impl Txn {
    pub(crate) fn new(engine: Arc<Engine>, shared: Arc<TxnShared>, isolation: Isolation) -> Txn {
        Txn {
            engine,
            shared,
            isolation,
            snapshot: None,
            levels: vec![Level { savepoint: SavepointId(0), txid: None, merged: Vec::new() }],
            next_savepoint: 1,
            touches_catalog: false,
            wrote: false,
            lock_timeout: None,
            ended: false,
        }
    }

    /// The isolation level.
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Changes the level; has effect only before the first statement.
    pub fn set_isolation(&mut self, isolation: Isolation) {
        if self.snapshot.is_none() {
            self.isolation = isolation;
        }
    }

    /// The transaction's id, once it has written.
    #[must_use]
    pub fn txid(&self) -> Option<TxnId> {
        let top = self.shared.top();
        (top != TxnId::NONE).then_some(top)
    }

    /// The id that its next version bears, once it is assigned: inside a savepoint another than the transaction's.
    #[must_use]
    pub fn writer(&self) -> Option<TxnId> {
        self.levels.last().expect("there is a top level").txid
    }

    /// Marks the transaction as one that changes the catalog: its commit moves the catalog version on every server.
    pub fn touch_catalog(&mut self) {
        self.touches_catalog = true;
    }

    /// How long to wait for a lock; `None`: for ever.
    pub fn set_lock_timeout(&mut self, timeout: Option<Duration>) {
        self.lock_timeout = timeout;
    }

    /// The token that ends this transaction's waits.
    #[must_use]
    pub fn cancel_token(&self) -> &CancelToken {
        &self.shared.cancel
    }

    /// Raises the observed LSN: for what the caller learned by other means, such as a sequence's value.
    pub fn observe(&mut self, lsn: Lsn) {
        self.shared.observe(lsn);
    }

    pub(crate) fn statement_snapshot(&mut self, take: impl FnOnce() -> Snapshot) -> Snapshot {
        match self.isolation {
            Isolation::ReadCommitted => take(),
            Isolation::RepeatableRead => self.snapshot.get_or_insert_with(take).clone(),
        }
    }

    pub(crate) fn savepoint(&mut self) -> SavepointId {
        let savepoint = SavepointId(self.next_savepoint);
        self.next_savepoint += 1;
        self.levels.push(Level { savepoint, txid: None, merged: Vec::new() });
        self.shared.depth.store(self.levels.len() as u32 - 1, Ordering::Relaxed);
        savepoint
    }

    fn depth_of(&self, savepoint: SavepointId) -> usize {
        self.levels
            .iter()
            .position(|level| level.savepoint == savepoint)
            .expect("the caller names a savepoint of this transaction that it has not released")
    }

    /// Rolls back to `savepoint`, which stays. Returns the locks to give up; [`TxnShared::gave_up`] is to follow.
    pub(crate) fn rollback_to(&mut self, savepoint: SavepointId) -> GivenUp {
        let depth = self.depth_of(savepoint);
        let mut subs = self.shared.subs.lock();
        for level in self.levels.drain(depth..) {
            for txid in level.merged.into_iter().chain(level.txid) {
                subs.insert(txid.0, false);
            }
        }
        drop(subs);
        self.levels.push(Level { savepoint, txid: None, merged: Vec::new() });
        self.shared.depth.store(depth as u32, Ordering::Relaxed);
        self.shared.take_deeper(depth as u32 - 1)
    }

    /// Forgets `savepoint` and those inside it; what they did becomes the enclosing level's.
    pub(crate) fn release(&mut self, savepoint: SavepointId) {
        let depth = self.depth_of(savepoint);
        let released: Vec<Level> = self.levels.drain(depth..).collect();
        let outer = self.levels.last_mut().expect("the top level is never released");
        for level in released {
            outer.merged.extend(level.merged.into_iter().chain(level.txid));
        }
        self.shared.depth.store(depth as u32 - 1, Ordering::Relaxed);
        self.shared.keep_for(depth as u32);
    }

    /// Gives an id to the top level, or once that has one to the innermost.
    pub(crate) fn assign(&mut self, txid: TxnId) {
        if self.shared.top() == TxnId::NONE {
            self.shared.top.store(txid.0, Ordering::Release);
            self.levels[0].txid = Some(txid);
        } else {
            self.shared.subs.lock().insert(txid.0, true);
            self.shared.has_subs.store(true, Ordering::Release);
            self.levels.last_mut().expect("there is a top level").txid = Some(txid);
        }
    }

    /// Ids of subtransactions that were not rolled back, ascending.
    pub(crate) fn live_subs(&self) -> Vec<TxnId> {
        if !self.shared.has_subs.load(Ordering::Acquire) {
            return Vec::new();
        }
        let subs = self.shared.subs.lock();
        let mut live: Vec<TxnId> = subs.iter().filter(|&(_, &live)| live).map(|(&txid, _)| TxnId(txid)).collect();
        live.sort_unstable();
        live
    }

    /// Every id of the transaction.
    pub(crate) fn txids(&self) -> SmallVec<[TxnId; 1]> {
        let mut txids: SmallVec<[TxnId; 1]> = self.txid().into_iter().collect();
        if self.shared.has_subs.load(Ordering::Acquire) {
            txids.extend(self.shared.subs.lock().keys().map(|&txid| TxnId(txid)));
        }
        txids
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.engine.is_writer() { self.shared.cancel.check() } else { Err(Error::ReadOnly) }
    }

    /// Ends it; false when it had ended.
    pub(crate) fn finish(&mut self) -> bool {
        !std::mem::replace(&mut self.ended, true)
    }
}

impl Drop for Txn {
    fn drop(&mut self) {
        if self.finish() {
            self.engine.clone().end_txn(self);
        }
    }
}

impl fmt::Debug for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Txn({:?}, {:?})", self.shared, self.isolation)
    }
}
