//! Locks as others may see them: what is held, who waits, and for whom.

use super::{LockKey, LockStrength, LockTable, Mode, TableLockMode, Waiter};
use crate::cancel::CancelToken;
use crate::txn::TxnShared;
use std::sync::Arc;

const STRENGTHS: [LockStrength; 4] =
    [LockStrength::KeyShare, LockStrength::Share, LockStrength::NoKeyUpdate, LockStrength::Update];
const TABLE_MODES: [TableLockMode; 8] = [
    TableLockMode::AccessShare,
    TableLockMode::RowShare,
    TableLockMode::RowExclusive,
    TableLockMode::ShareUpdateExclusive,
    TableLockMode::Share,
    TableLockMode::ShareRowExclusive,
    TableLockMode::Exclusive,
    TableLockMode::AccessExclusive,
];

/// What is locked, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    /// `row` tells rows of one tree apart: a hash of the key.
    Row {
        tree: u64,
        row: u64,
        strength: LockStrength,
    },
    Object {
        object: u64,
        mode: TableLockMode,
    },
}

/// A lock in one mode that a transaction holds or waits for.
#[derive(Clone, Debug)]
pub struct ListedLock {
    pub locked: Locked,
    /// Of the session whose transaction it is.
    pub session: CancelToken,
    pub granted: bool,
}

/// One who waits, and whose locks or earlier requests are in the way.
#[derive(Clone, Debug)]
pub struct LockWait {
    pub session: CancelToken,
    pub blockers: Vec<CancelToken>,
}

impl LockTable {
    /// Every lock, once for each mode, and every wait. A row that a transaction has changed is locked by its version, and
    /// here only once somebody has come upon it. Each is true of its own moment.
    pub fn list(&self) -> Vec<ListedLock> {
        let mut all = Vec::new();
        for shard in &self.shards {
            for (key, entry) in &*shard.entries.lock() {
                for holder in &entry.holders {
                    self.add_listed(&mut all, key, &holder.txn, holder.modes, true);
                }
                for waiter in &entry.queue {
                    self.add_listed(&mut all, key, &waiter.txn, waiter.mode.bit(), false);
                }
            }
        }
        self.weak.visit(|object, txn, modes| self.add_listed(&mut all, &LockKey::Object(object), txn, modes, true));
        all
    }

    fn add_listed(&self, all: &mut Vec<ListedLock>, key: &LockKey, txn: &Arc<TxnShared>, modes: u16, granted: bool) {
        let add = |mode: Mode| {
            let mode = usize::from(mode.0);
            let locked = match key {
                LockKey::Row(tree, key) => {
                    Locked::Row { tree: tree.0, row: self.row_hash(*tree, key), strength: STRENGTHS[mode] }
                }
                LockKey::Object(object) => {
                    Locked::Object { object: *object, mode: TABLE_MODES[mode - STRENGTHS.len()] }
                }
            };
            ListedLock { locked, session: txn.cancel.clone(), granted }
        };
        all.extend(Mode::of(modes).map(add));
    }

    /// Who waits, and for whom.
    pub fn waits(&self) -> Vec<LockWait> {
        let graph = self.graph.lock();
        let blockers = |waiter: &Arc<Waiter>| -> Vec<CancelToken> {
            let entries = self.shard(&waiter.key).entries.lock();
            let entry = entries.get(&waiter.key).filter(|_| waiter.is_waiting());
            entry.map_or(Vec::new(), |entry| entry.in_the_way(waiter).map(|(other, _)| other.cancel.clone()).collect())
        };
        let waits = graph.values().map(|it| LockWait { session: it.txn.cancel.clone(), blockers: blockers(it) });
        waits.collect()
    }
}
