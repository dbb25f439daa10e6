//! `pg_locks`: what is locked, by whom, and who waits.

use std::collections::HashMap;
use std::sync::Arc;

use engine::{LockStrength, Locked, TableLockMode};
use types::{Datum, Result};

use super::row::{b, i2, i4, null, o, opt, t};
use crate::catalog::VirtualSource;
use crate::session::{AdvisoryLock, Backend, Pids};

/// A row of `pg_locks`; what is absent is NULL.
#[derive(Default)]
struct LockRow {
    kind: &'static str,
    database: Option<u32>,
    relation: Option<u32>,
    tuple: Option<(i32, i16)>,
    transaction: Option<u64>,
    object: Option<(u32, u32, i16)>,
    pid: i32,
    mode: &'static str,
    granted: bool,
}

impl LockRow {
    fn into_row(self) -> Vec<Datum> {
        vec![
            t(self.kind),
            opt(self.database.map(o)),
            opt(self.relation.map(o)),
            opt(self.tuple.map(|it| i4(it.0))),
            opt(self.tuple.map(|it| i2(it.1))),
            null(),
            opt(self.transaction.map(|id| o(id as u32))),
            opt(self.object.map(|it| o(it.0))),
            opt(self.object.map(|it| o(it.1))),
            opt(self.object.map(|it| i2(it.2))),
            null(),
            i4(self.pid),
            t(self.mode),
            b(self.granted),
            b(false),
            null(),
        ]
    }

    fn advisory(lock: AdvisoryLock) -> LockRow {
        LockRow {
            kind: "advisory",
            database: Some(lock.key.database),
            object: Some((lock.key.class, lock.key.object, if lock.key.pair { 2 } else { 1 })),
            pid: lock.pid,
            mode: if lock.exclusive { "ExclusiveLock" } else { "ShareLock" },
            granted: lock.granted,
            ..LockRow::default()
        }
    }
}

fn table_mode(mode: TableLockMode) -> &'static str {
    match mode {
        TableLockMode::AccessShare => "AccessShareLock",
        TableLockMode::RowShare => "RowShareLock",
        TableLockMode::RowExclusive => "RowExclusiveLock",
        TableLockMode::ShareUpdateExclusive => "ShareUpdateExclusiveLock",
        TableLockMode::Share => "ShareLock",
        TableLockMode::ShareRowExclusive => "ShareRowExclusiveLock",
        TableLockMode::Exclusive => "ExclusiveLock",
        TableLockMode::AccessExclusive => "AccessExclusiveLock",
    }
}

/// The mode in which PostgreSQL locks a tuple to lock a row.
fn row_mode(strength: LockStrength) -> &'static str {
    match strength {
        LockStrength::KeyShare => "AccessShareLock",
        LockStrength::Share => "RowShareLock",
        LockStrength::NoKeyUpdate => "ExclusiveLock",
        LockStrength::Update => "AccessExclusiveLock",
    }
}

/// Locks of transactions, tables, rows and numbers. A row is shown with page and tuple as PostgreSQL does, so that queries
/// which join holders and waiters find them; the two numbers are a hash of its key. Rows that nobody waits for and that no
/// `SELECT ... FOR` locked are locked by their versions alone, and not among these.
pub(super) fn pg_locks(from: &VirtualSource<'_>) -> Result<Vec<Vec<Datum>>> {
    let database = &from.session.database;
    let pids = Pids::of(database);
    let backends: HashMap<i32, Arc<Backend>> =
        database.backends.list().into_iter().map(|backend| (backend.pid, backend)).collect();
    let database_of = |pid: i32| {
        let name = &backends.get(&pid)?.database_name;
        from.catalog.database_named(name).map(|database| database.oid)
    };
    let trees: HashMap<u64, u32> = from
        .catalog
        .tables()
        .flat_map(|table| {
            let indexes = table.indexes.iter().map(|index| (index.tree, index.oid));
            // The primary key's index has the table's own tree.
            indexes.chain(std::iter::once((table.tree, table.oid)))
        })
        .collect();
    let mut rows: Vec<LockRow> = Vec::new();
    for lock in database.engine.list_locks() {
        let Some(pid) = pids.get(&lock.session) else { continue };
        let of_session = LockRow { database: database_of(pid), pid, granted: lock.granted, ..LockRow::default() };
        rows.push(match lock.locked {
            Locked::Row { tree, row, strength } => LockRow {
                kind: "tuple",
                relation: trees.get(&tree).copied(),
                tuple: Some(((row >> 32) as i32, row as i16)),
                mode: row_mode(strength),
                ..of_session
            },
            Locked::Object { object, mode } if from.catalog.relation(object as u32).is_some() => {
                LockRow { kind: "relation", relation: Some(object as u32), mode: table_mode(mode), ..of_session }
            }
            Locked::Object { object, mode } => {
                LockRow { kind: "object", object: Some((0, object as u32, 0)), mode: table_mode(mode), ..of_session }
            }
        });
    }
    for backend in backends.values() {
        if let Some(id) = backend.state().transaction {
            let (kind, mode) = ("transactionid", "ExclusiveLock");
            rows.push(LockRow {
                kind,
                transaction: Some(id),
                pid: backend.pid,
                mode,
                granted: true,
                ..LockRow::default()
            });
        }
    }
    rows.extend(database.advisory.list().into_iter().map(LockRow::advisory));
    Ok(rows.into_iter().map(LockRow::into_row).collect())
}
