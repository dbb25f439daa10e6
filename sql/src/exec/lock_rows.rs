//! `SELECT ... FOR UPDATE` and its kin.
//!
//! At READ COMMITTED a row that was changed meanwhile is read again, and kept only if it still meets the statement's
//! conditions; where an update moved it to another key, it is followed there. To these conditions its ctid is not what it
//! was ([`super::system_column`]).

use engine::{LockOutcome, LockStrength as EngineStrength, WaitPolicy};
use futures::future::BoxFuture;
use types::{Datum, Error, Result, SqlState};

use super::basic::Place;
use super::frames::Row;
use super::lift::{Lift, lift};
use super::scan::column_value;
use super::source::{BoxSource, Source};
use super::system_column::NOWHERE;
use super::table::tree;
use crate::bound::{LockRows, LockStrength, LockWait, Recheck, RowLock, ScanColumn, SystemColumn};

pub(crate) struct LockedRows {
    input: BoxSource,
    locks: Vec<RowLock>,
    recheck: Vec<Recheck>,
    at: Place,
}

pub(crate) fn engine_strength(strength: LockStrength) -> EngineStrength {
    match strength {
        LockStrength::KeyShare => EngineStrength::KeyShare,
        LockStrength::Share => EngineStrength::Share,
        LockStrength::NoKeyUpdate => EngineStrength::NoKeyUpdate,
        LockStrength::Update => EngineStrength::Update,
    }
}

impl LockedRows {
    pub fn new(at: Place, input: BoxSource, node: &LockRows) -> LockedRows {
        LockedRows { input, locks: node.locks.clone(), recheck: node.recheck.clone(), at }
    }
}

/// Locks the rows behind one result row; `None` if it is not part of the result after all.
async fn lock(at: &Place, locks: &[RowLock], recheck: &[Recheck], mut row: Row) -> Result<Option<Row>> {
    let context = &at.context;
    let mut any_changed = false;
    let mut ctids: Vec<(usize, Datum)> = Vec::new();
    for lock in locks {
        let Datum::Bytea(first) = &row[lock.key] else { continue };
        let (mut key, seen) = (first.clone(), context.view.seen());
        let mut view = &seen;
        let policy = match lock.wait {
            LockWait::Block => WaitPolicy::Wait,
            LockWait::NoWait => WaitPolicy::NoWait,
            LockWait::SkipLocked => WaitPolicy::SkipLocked,
        };
        loop {
            let outcome = {
                let mut txn = context.txn().await?;
                let strength = engine_strength(lock.strength);
                context.engine().lock_row(&mut txn, view, tree(lock.table.tree), &key, strength, policy).await
            };
            let outcome = match outcome {
                Err(engine::Error::LockNotAvailable) if lock.wait == LockWait::NoWait => {
                    let name = &lock.table.name;
                    let message = format!("could not obtain lock on row in relation \"{name}\"");
                    return Err(Error::new(SqlState::LOCK_NOT_AVAILABLE, message));
                }
                other => other.map_err(lift)?,
            };
            match outcome {
                LockOutcome::Locked { version, .. } if !version.changed => break,
                LockOutcome::Locked { row: newest, version } => {
                    let view = lock.table.shape.layout.view(&newest)?;
                    for (place, column) in &lock.columns {
                        row[*place] = column_value(&lock.table, *column, &key, Some(version.writer), &view)?;
                        if *column == ScanColumn::System(SystemColumn::Ctid) {
                            ctids.push((*place, std::mem::replace(&mut row[*place], Datum::Tid(NOWHERE))));
                        }
                    }
                    any_changed = true;
                    break;
                }
                LockOutcome::Moved(to) => {
                    key = to;
                    // The view may see another row there.
                    view = &context.view;
                }
                LockOutcome::Gone | LockOutcome::Skipped => return Ok(None),
            }
        }
    }
    for recheck in recheck.iter().filter(|_| any_changed) {
        if at.holds(&recheck.condition, &row).await? {
            continue;
        }
        if recheck.nulls.is_empty() {
            return Ok(None);
        }
        recheck.nulls.iter().for_each(|null| row[*null] = Datum::Null);
    }
    for (place, ctid) in ctids {
        if !row[place].is_null() {
            row[place] = ctid;
        }
    }
    Ok(Some(row))
}

impl Source for LockedRows {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            loop {
                let batch = self.input.next(max).await?;
                if batch.is_empty() {
                    return Ok(batch);
                }
                let mut kept = Vec::with_capacity(batch.len());
                for row in batch {
                    self.at.context.cancel.check().lift()?;
                    kept.extend(lock(&self.at, &self.locks, &self.recheck, row).await?);
                }
                if !kept.is_empty() {
                    return Ok(kept);
                }
            }
        })
    }
}
