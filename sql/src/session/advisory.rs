//! Advisory locks: numbers that clients lock by agreement among themselves.
//!
//! They live in the memory of the writer and of each replica alone, as sessions do: a lock that outlived its server
//! would have nobody to release it. A session may hold a lock several times, for itself (until it unlocks it as often, or
//! ends) and for its transaction (until that ends, or is rolled back to a savepoint before).
//!
//! Requests are granted in their order, except that a session which holds a lock may always take it again. Who waits looks
//! at once, and then now and again, whether it waits for itself through others, and gives up with 40P01: such a cycle may
//! pass through locks of the engine ([`super::waits`]), whose own search for deadlocks knows nothing of these.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use engine::{CancelToken, Wait};
use parking_lot::Mutex;
use tokio::sync::Notify;
use types::{Error, Result, SqlState};

use crate::exec::lift;

/// What is locked: one number of 64 bits, or two of 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AdvisoryKey {
    pub database: u32,
    /// The upper half of a single number.
    pub class: u32,
    pub object: u32,
    /// Whether there are two numbers.
    pub pair: bool,
}

/// How long a lock is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    Session,
    /// At this depth of savepoints.
    Transaction(u32),
}

#[derive(Default)]
struct Entry {
    holders: Vec<Holder>,
    waiters: VecDeque<Waiter>,
}

/// One time that a session holds a lock.
struct Holder {
    pid: i32,
    exclusive: bool,
    scope: Scope,
}

struct Waiter {
    pid: i32,
    exclusive: bool,
}

/// What a session asks for.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub key: AdvisoryKey,
    pub pid: i32,
    pub exclusive: bool,
    pub scope: Scope,
}

/// How long after its beginning a wait looks for a deadlock again, through locks that were asked for since; doubled each time,
/// up to the other.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(8);

impl Entry {
    /// The sessions that a request must wait for: holders, and waiters that came before.
    fn in_the_way(&self, pid: i32, exclusive: bool) -> Vec<i32> {
        if self.holders.iter().any(|holder| holder.pid == pid && (holder.exclusive || !exclusive)) {
            return Vec::new();
        }
        let holders = self.holders.iter().map(|holder| (holder.pid, holder.exclusive));
        let before = self.waiters.iter().take_while(|waiter| waiter.pid != pid);
        let holds = self.holders.iter().any(|holder| holder.pid == pid);
        let before = before.filter(|_| !holds).map(|waiter| (waiter.pid, waiter.exclusive));
        let conflicts = |&(other, theirs): &(i32, bool)| other != pid && (exclusive || theirs);
        holders.chain(before).filter(conflicts).map(|(other, _)| other).collect()
    }
}

type Entries = BTreeMap<AdvisoryKey, Entry>;

/// A lock as `pg_locks` shows it.
#[derive(Clone, Debug)]
pub struct AdvisoryLock {
    pub key: AdvisoryKey,
    pub pid: i32,
    pub exclusive: bool,
    pub granted: bool,
}

/// The advisory locks of a server.
#[derive(Default)]
pub struct AdvisoryLocks {
    entries: Mutex<Entries>,
    /// Told whenever a lock is released or a waiter leaves.
    changed: Notify,
    /// Held by the waiter that looks for a deadlock.
    looking: Mutex<()>,
}

/// A place in the queue of a lock, given up when dropped.
struct Place<'a> {
    locks: &'a AdvisoryLocks,
    key: AdvisoryKey,
    pid: i32,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.locks.leave(self.key, self.pid);
    }
}

impl AdvisoryLocks {
    /// Changes entries, drops those that are empty, and lets waiters look again.
    fn change<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> T {
        let result = {
            let mut entries = self.entries.lock();
            let result = change(&mut entries);
            entries.retain(|_, entry| !entry.holders.is_empty() || !entry.waiters.is_empty());
            result
        };
        self.changed.notify_waiters();
        result
    }

    /// Gives up the place in a queue, if there is one.
    fn leave(&self, key: AdvisoryKey, pid: i32) {
        self.change(|entries| {
            if let Some(entry) = entries.get_mut(&key) {
                entry.waiters.retain(|waiter| waiter.pid != pid);
            }
        });
    }

    /// Takes the lock if nobody is in the way.
    pub fn try_lock(&self, request: Request) -> bool {
        let Request { key, pid, exclusive, scope } = request;
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get(&key)
            && !entry.in_the_way(pid, exclusive).is_empty()
        {
            return false;
        }
        entries.entry(key).or_default().holders.push(Holder { pid, exclusive, scope });
        true
    }

    /// Waits for the lock. `deadlocked`: whether the session waits for itself now.
    ///
    /// # Errors
    /// 40P01 when sessions wait for each other, 55P03 after the timeout, 57014.
    pub async fn lock(
        &self,
        request: Request,
        cancel: &CancelToken,
        timeout: Option<Duration>,
        deadlocked: impl Fn() -> bool,
    ) -> Result<()> {
        if self.try_lock(request) {
            return Ok(());
        }
        let Request { key, pid, exclusive, .. } = request;
        self.entries.lock().entry(key).or_default().waiters.push_back(Waiter { pid, exclusive });
        let _place = Place { locks: self, key, pid };
        let _shown = cancel.waiting(Wait::AdvisoryLock);
        // One at a time, so that of a cycle only one leaves.
        let look = || {
            let _looking = self.looking.lock();
            if !deadlocked() {
                return Ok(());
            }
            self.leave(key, pid);
            Err(Error::new(SqlState::T_R_DEADLOCK_DETECTED, "deadlock detected"))
        };
        look()?;
        let mut pause = LOOK_AGAIN;
        let looking = tokio::time::sleep(pause);
        tokio::pin!(looking);
        let expired = async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(expired);
        loop {
            // Asked for before looking, so that no release in between is missed.
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.try_lock(request) {
                return Ok(());
            }
            tokio::select! {
                () = changed => {}
                () = &mut looking => {
                    look()?;
                    pause = (pause * 2).min(LOOK_AGAIN_MAX);
                    looking.as_mut().reset(tokio::time::Instant::now() + pause);
                }
                () = cancel.cancelled() => return Err(lift(engine::Error::Cancelled)),
                () = &mut expired => {
                    let message = "canceling statement due to lock timeout";
                    return Err(Error::new(SqlState::LOCK_NOT_AVAILABLE, message));
                }
            }
        }
    }

    /// Gives up one hold of the session; false if it has none.
    pub fn unlock(&self, key: AdvisoryKey, pid: i32, exclusive: bool) -> bool {
        self.change(|entries| {
            let Some(entry) = entries.get_mut(&key) else { return false };
            let is = |it: &Holder| it.pid == pid && it.exclusive == exclusive && it.scope == Scope::Session;
            let Some(at) = entry.holders.iter().position(is) else { return false };
            entry.holders.swap_remove(at);
            true
        })
    }

    fn release(&self, pid: i32, which: impl Fn(Scope) -> bool) {
        self.change(|entries| {
            for entry in entries.values_mut() {
                entry.holders.retain(|holder| holder.pid != pid || !which(holder.scope));
            }
        });
    }

    /// Gives up what the session holds for itself.
    pub fn unlock_all(&self, pid: i32) {
        self.release(pid, |scope| scope == Scope::Session);
    }

    /// The session ends.
    pub fn end_session(&self, pid: i32) {
        self.release(pid, |_| true);
    }

    /// Gives up what the transaction took at a depth of `from` or more: all of it from 0.
    pub fn undo(&self, pid: i32, from: u32) {
        self.release(pid, |scope| matches!(scope, Scope::Transaction(depth) if depth >= from));
    }

    /// A savepoint was released: what was taken under it belongs to the one before.
    pub fn merge(&self, pid: i32, to: u32) {
        for entry in self.entries.lock().values_mut() {
            for holder in entry.holders.iter_mut().filter(|holder| holder.pid == pid) {
                if let Scope::Transaction(depth) = &mut holder.scope {
                    *depth = (*depth).min(to);
                }
            }
        }
    }

    /// Who waits, by pid, each with those that are in its way.
    pub fn waits(&self) -> Vec<(i32, Vec<i32>)> {
        let entries = self.entries.lock();
        let waits = |entry: &Entry| -> Vec<(i32, Vec<i32>)> {
            entry.waiters.iter().map(|it| (it.pid, entry.in_the_way(it.pid, it.exclusive))).collect()
        };
        entries.values().flat_map(waits).collect()
    }

    /// Every lock once for each session and mode, in the order of their keys.
    pub fn list(&self) -> Vec<AdvisoryLock> {
        let mut locks: Vec<AdvisoryLock> = Vec::new();
        for (key, entry) in &*self.entries.lock() {
            let held = entry.holders.iter().map(|it| (it.pid, it.exclusive, true));
            for (pid, exclusive, granted) in held.chain(entry.waiters.iter().map(|it| (it.pid, it.exclusive, false))) {
                let same = |it: &AdvisoryLock| {
                    it.key == *key && it.pid == pid && it.exclusive == exclusive && it.granted == granted
                };
                if !locks.iter().any(same) {
                    locks.push(AdvisoryLock { key: *key, pid, exclusive, granted });
                }
            }
        }
        locks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: AdvisoryKey = AdvisoryKey { database: 1, class: 0, object: 7, pair: false };
    const OTHER: AdvisoryKey = AdvisoryKey { object: 8, ..KEY };

    fn exclusive(key: AdvisoryKey, pid: i32) -> Request {
        Request { key, pid, exclusive: true, scope: Scope::Session }
    }

    fn shared(key: AdvisoryKey, pid: i32) -> Request {
        Request { exclusive: false, ..exclusive(key, pid) }
    }

    fn in_transaction(key: AdvisoryKey, pid: i32, depth: u32) -> Request {
        Request { scope: Scope::Transaction(depth), ..exclusive(key, pid) }
    }

    #[test]
    fn shared_and_exclusive_exclude_each_other() {
        let locks = AdvisoryLocks::default();
        assert!(locks.try_lock(shared(KEY, 1)));
        assert!(locks.try_lock(shared(KEY, 2)));
        assert!(!locks.try_lock(exclusive(KEY, 1)));
        assert!(locks.try_lock(in_transaction(OTHER, 1, 0)));
        assert!(!locks.try_lock(shared(OTHER, 2)));
        assert!(locks.unlock(KEY, 2, false));
        assert!(!locks.unlock(KEY, 2, false));
        assert!(locks.try_lock(exclusive(KEY, 1)));
        assert!(!locks.unlock(OTHER, 1, true), "a transaction's lock is not the session's to release");
        locks.undo(1, 0);
        locks.unlock_all(1);
        assert!(locks.list().is_empty());
    }

    #[test]
    fn savepoints_give_back_what_was_taken_under_them() {
        let locks = AdvisoryLocks::default();
        assert!(locks.try_lock(in_transaction(KEY, 1, 0)));
        assert!(locks.try_lock(in_transaction(OTHER, 1, 2)));
        locks.merge(1, 1);
        locks.undo(1, 2);
        assert_eq!(locks.list().len(), 2);
        locks.undo(1, 1);
        assert_eq!(locks.list().len(), 1);
    }

    #[tokio::test]
    async fn waiters_are_served_in_order_and_a_cycle_is_broken() {
        let locks = AdvisoryLocks::default();
        let cancel = CancelToken::new();
        assert!(locks.try_lock(exclusive(KEY, 1)));
        assert!(locks.try_lock(exclusive(OTHER, 2)));
        let waiting = locks.lock(exclusive(KEY, 2), &cancel, None, || false);
        tokio::pin!(waiting);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        let seen = || locks.waits() == [(2, vec![1]), (1, vec![2])];
        let back = locks.lock(exclusive(OTHER, 1), &cancel, None, seen).await;
        assert_eq!(back.expect_err("a cycle").sqlstate(), SqlState::T_R_DEADLOCK_DETECTED);
        assert!(locks.unlock(KEY, 1, true));
        // Who comes later does not overtake.
        assert!(!locks.try_lock(shared(KEY, 3)));
        waiting.await.expect("the lock is free");
        let short = Some(Duration::from_millis(1));
        let late = locks.lock(shared(KEY, 3), &cancel, short, || false).await;
        assert_eq!(late.expect_err("held").sqlstate(), SqlState::LOCK_NOT_AVAILABLE);
        assert_eq!(locks.list().len(), 2);
    }
}
