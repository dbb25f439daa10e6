//! Who waits for whom: through locks of the engine and through advisory locks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engine::CancelToken;

use super::database::Database;

/// The sessions of a server by what the engine knows them by.
pub(crate) struct Pids(HashMap<usize, i32>);

impl Pids {
    pub fn of(database: &Database) -> Pids {
        Pids(database.backends.list().iter().map(|backend| (backend.cancel.id(), backend.pid)).collect())
    }

    /// `None`: the session has ended.
    pub fn get(&self, session: &CancelToken) -> Option<i32> {
        self.0.get(&session.id()).copied()
    }
}

/// Each session that waits for locks, with those that are in its way.
pub(crate) struct Waits(BTreeMap<i32, BTreeSet<i32>>);

impl Waits {
    pub fn of(database: &Database) -> Waits {
        let pids = Pids::of(database);
        let mut waits: BTreeMap<i32, BTreeSet<i32>> = BTreeMap::new();
        for wait in database.engine.lock_waits() {
            if let Some(pid) = pids.get(&wait.session) {
                waits.entry(pid).or_default().extend(wait.blockers.iter().filter_map(|other| pids.get(other)));
            }
        }
        for (pid, blockers) in database.advisory.waits() {
            waits.entry(pid).or_default().extend(blockers);
        }
        Waits(waits)
    }

    /// Those that keep a session waiting, themselves.
    pub fn blockers(&self, pid: i32) -> impl Iterator<Item = i32> {
        self.0.get(&pid).into_iter().flatten().copied()
    }

    /// Whether a session waits for itself, through others.
    pub fn is_deadlocked(&self, pid: i32) -> bool {
        let mut seen = BTreeSet::new();
        let mut next: Vec<i32> = self.blockers(pid).collect();
        while let Some(other) = next.pop() {
            if other == pid {
                return true;
            }
            if seen.insert(other) {
                next.extend(self.blockers(other));
            }
        }
        false
    }
}
