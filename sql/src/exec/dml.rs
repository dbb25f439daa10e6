//! INSERT, UPDATE and DELETE.
//!
//! The rows to change come from the statement's source plan, read at its view; the changes themselves meet the newest
//! state under locks. At READ COMMITTED a row that was changed meanwhile is judged again with its newest version, and
//! followed when it moved to another key.

use std::ops::Bound;
use std::sync::Arc;

use engine::{Isolation, KeyRange, Txn, Verdict, Version, View, WriteOutcome};
use protocol::TxnId;
use types::row::check_length;
use types::{Datum, Error, Result, SqlState};

use super::basic::Place;
use super::changes::StatementEnd;
use super::context::ExecContext;
use super::frames::{Frames, Row};
use super::keyed;
use super::lift::{Lift, lift};
use super::source::{BATCH_ROWS_MAX, BoxSource, open};
use super::spill::Gathered;
use super::system_column::{Met, NOWHERE, renew, tell_ended};
use super::table::{entry_key, row_key, tree};
use super::write::{Inserted, TableWriter, same_key};
use crate::bound::{Assignment, Check, ConflictAction, Delete, Expr, Insert, Node, OnConflict, SystemColumn, Update};
use crate::catalog::{IndexDef, TableDef};

/// What a statement did.
#[derive(Default)]
pub struct Changed {
    /// Rows inserted, updated or deleted.
    pub count: u64,
    /// The rows of RETURNING.
    pub(crate) rows: Gathered,
}

/// Computes what assignments give over `input`, into `row`.
pub(super) async fn assign(at: &Place, assignments: &[Assignment], input: &[Datum], row: &mut [Datum]) -> Result<()> {
    for assignment in assignments {
        row[assignment.column] = at.evaluate(&assignment.value, input).await?;
    }
    Ok(())
}

/// Computes generated columns over the row itself.
pub(super) async fn generate(at: &Place, generated: &[Assignment], row: &mut [Datum]) -> Result<()> {
    for assignment in generated {
        let value = at.evaluate(&assignment.value, row).await?;
        row[assignment.column] = value;
    }
    Ok(())
}

/// Checks NOT NULL and CHECK.
pub(crate) async fn check_row(at: &Place, writer: &TableWriter, checks: &[Check], row: &[Datum]) -> Result<()> {
    writer.check_nulls(row)?;
    for check in checks {
        if matches!(at.evaluate(&check.expr, row).await?, Datum::Bool(false)) {
            return Err(writer.check_violation(&check.name, row));
        }
    }
    Ok(())
}

/// Holds a row that was written against the check options of the views that it was written through.
async fn check_written(at: &Place, writer: &TableWriter, check_options: &[Check], row: &[Datum]) -> Result<()> {
    for check in check_options {
        if !at.holds(&check.expr, row).await? {
            return Err(writer.check_option_violation(&check.name, row));
        }
    }
    Ok(())
}

/// Builds rows for a table from the values a statement gives.
pub(crate) struct RowMaker<'a> {
    pub at: &'a Place,
    pub targets: &'a [usize],
    pub defaults: &'a [Assignment],
    pub generated: &'a [Assignment],
    pub columns: usize,
}

impl RowMaker<'_> {
    pub async fn make(&self, values: Row) -> Result<Row> {
        let mut row = vec![Datum::Null; self.columns];
        for (position, value) in self.targets.iter().zip(values) {
            row[*position] = value;
        }
        assign(self.at, self.defaults, &[], &mut row).await?;
        generate(self.at, self.generated, &mut row).await?;
        Ok(row)
    }
}

/// Runs an INSERT and ends its statement, of which `end` are the parts before it.
///
/// # Errors
/// Whatever its rows meet.
pub(crate) async fn insert(insert: &Insert, context: &Arc<ExecContext>, mut end: StatementEnd) -> Result<Changed> {
    let changed = insert_rows(insert, context, &mut end).await?;
    end.judge().await?;
    Ok(changed)
}

/// As [`insert()`], for an UPDATE.
///
/// # Errors
/// Whatever its rows meet.
pub(crate) async fn update(update: &Update, context: &Arc<ExecContext>, mut end: StatementEnd) -> Result<Changed> {
    let changed = update_rows(update, context, &mut end).await?;
    end.judge().await?;
    Ok(changed)
}

/// As [`insert()`], for a DELETE.
///
/// # Errors
/// Whatever its rows meet.
pub(crate) async fn delete(delete: &Delete, context: &Arc<ExecContext>, mut end: StatementEnd) -> Result<Changed> {
    let changed = delete_rows(delete, context, &mut end).await?;
    end.judge().await?;
    Ok(changed)
}

/// Runs a part of a statement, or all of it: what waits for the end goes to `end`.
pub(super) async fn insert_rows(
    insert: &Insert,
    context: &Arc<ExecContext>,
    end: &mut StatementEnd,
) -> Result<Changed> {
    let at = Place::new(context, &Frames::none());
    let assigned = match &insert.on_conflict {
        Some(OnConflict { action: ConflictAction::Update { assignments, .. }, .. }) => assignments.as_slice(),
        _ => &[],
    };
    let given = insert.targets.iter().copied().chain(assigned.iter().map(|assignment| assignment.column));
    let mut writer = TableWriter::new(&insert.table, context).giving(given);
    let columns = insert.table.columns.len();
    let (targets, defaults, generated) = (&insert.targets, &insert.defaults, &insert.generated);
    let maker = RowMaker { at: &at, targets, defaults, generated, columns };
    let mut changed = Changed::default();
    // VALUES need no operator: most inserts are of one row.
    let mut source = match &insert.source.node {
        Node::Values(rows) => Incoming::Values(rows.iter()),
        _ => Incoming::Plan(open(&insert.source, context, &at.frames)?),
    };
    loop {
        let batch = match &mut source {
            Incoming::Values(rows) => match rows.next() {
                Some(exprs) => vec![at.evaluate_all(exprs, &[]).await?],
                None => break,
            },
            Incoming::Plan(source) => source.next(BATCH_ROWS_MAX).await?,
        };
        if batch.is_empty() {
            break;
        }
        for values in batch {
            context.check()?;
            let row = maker.make(values).await?;
            check_row(&at, &writer, &insert.checks, &row).await?;
            let stored = match &insert.on_conflict {
                None => {
                    let mut txn = context.txn().await?;
                    match writer.insert(&mut txn, &row).await? {
                        Inserted::Row(key) => Some(Stored { key, row, replaces: false }),
                        Inserted::Duplicate(index) => return Err(writer.unique_violation(&index, &row)),
                    }
                }
                Some(conflict) => insert_or(&at, &mut writer, insert, conflict, row).await?,
            };
            if let Some(mut stored) = stored {
                check_written(&at, &writer, &insert.check_options, &stored.row).await?;
                changed.count += 1;
                if let Some(returning) = &insert.returning {
                    if insert.returns_system {
                        let version = context.txn().await?.writer();
                        stored.add_system_columns(&insert.table, version);
                    }
                    changed.rows.push(at.evaluate_all(returning, &stored.row).await?, context).await?;
                }
                writer.recycle(stored.key);
            }
        }
    }
    end.add(writer);
    Ok(changed)
}

/// Where the rows of an INSERT come from.
enum Incoming<'a> {
    Values(std::slice::Iter<'a, Vec<Expr>>),
    Plan(BoxSource),
}

/// A row that an INSERT has stored.
struct Stored {
    key: Vec<u8>,
    row: Row,
    /// Whether it was there already: ON CONFLICT DO UPDATE.
    replaces: bool,
}

impl Stored {
    /// Puts all system columns behind the row.
    fn add_system_columns(&mut self, table: &TableDef, writer: Option<TxnId>) {
        let places: Vec<_> = SystemColumn::ALL.into_iter().zip(self.row.len()..).collect();
        self.row.resize(self.row.len() + places.len(), Datum::Null);
        renew(&places, table, &self.key, writer, &mut self.row);
        if self.replaces {
            tell_ended(&places, writer, &mut self.row);
        }
    }
}

/// A row that stands in the way of an insertion.
struct Obstacle {
    /// Its key in the table.
    key: Vec<u8>,
    row: Vec<u8>,
}

/// Looks for a committed or own row with the same key in one of the arbiter indexes, by the newest state.
async fn find_obstacle(
    context: &Arc<ExecContext>,
    txn: &mut Txn,
    insert: &Insert,
    arbiters: &[Arc<IndexDef>],
    row: &[Datum],
) -> Result<Option<Obstacle>> {
    let table = &insert.table;
    let exact = |key: Vec<u8>| KeyRange { lower: Bound::Included(key.clone()), upper: Bound::Included(key) };
    for index in arbiters {
        if index.column_positions().any(|position| row[position].is_null()) {
            continue;
        }
        let key = if index.tree == table.tree {
            let mut key = Vec::new();
            row_key(table, row, &mut key)?;
            key
        } else {
            for position in index.column_positions() {
                check_length(&row[position])?;
            }
            let Some(entry) = entry_key(context, table, index, row, &[])? else { continue };
            match context.engine().probe(txn, &context.view, tree(index.tree), exact(entry)).await.lift()? {
                Some((_, key)) => key.to_vec(),
                None => continue,
            }
        };
        let found = context.engine().probe(txn, &context.view, tree(table.tree), exact(key)).await.lift()?;
        if let Some((key, row)) = found {
            return Ok(Some(Obstacle { key: key.to_vec(), row: row.to_vec() }));
        }
    }
    Ok(None)
}

/// INSERT ... ON CONFLICT for one row: what was stored, or `None` if nothing was.
async fn insert_or(
    at: &Place,
    writer: &mut TableWriter,
    insert: &Insert,
    conflict: &OnConflict,
    row: Row,
) -> Result<Option<Stored>> {
    let context = &at.context;
    let all: Vec<Arc<IndexDef>>;
    let arbiters: &[Arc<IndexDef>] = if conflict.arbiters.is_empty() {
        all = insert.table.indexes.iter().filter(|index| index.unique).cloned().collect();
        &all
    } else {
        &conflict.arbiters
    };
    loop {
        context.check()?;
        let mut txn = context.txn().await?;
        let obstacle = find_obstacle(context, &mut txn, insert, arbiters, &row).await?;
        let Some(obstacle) = obstacle else {
            match writer.insert(&mut txn, &row).await? {
                Inserted::Row(key) => return Ok(Some(Stored { key, row, replaces: false })),
                Inserted::Duplicate(index) => {
                    if !arbiters.iter().any(|arbiter| arbiter.oid == index.oid) {
                        return Err(writer.unique_violation(&index, &row));
                    }
                    // Between the look and the insertion another took a key of a later index. That is rare, so it is not
                    // prepared for: a savepoint for each row would cost an id and an entry of the commit map.
                    writer.take_back(&mut txn, &row, &index).await?;
                    continue;
                }
            }
        };
        // Neither action passes by a row that the snapshot does not see, whatever the condition.
        let (engine, view) = (context.engine(), &context.view);
        if context.isolation == Isolation::RepeatableRead
            && !engine.sees_newest(&txn, view, tree(insert.table.tree), &obstacle.key).await.lift()?
        {
            return Err(lift(engine::Error::Serialization));
        }
        let ConflictAction::Update { assignments, condition, system } = &conflict.action else { return Ok(None) };
        drop(txn);
        let mut expected = Expected { row: obstacle.row, writer: None };
        if !system.is_empty() {
            expected.row.clear();
            let (newest, tree) = (engine.newest_beside(view), tree(insert.table.tree));
            expected.writer = engine.get_version(&newest, tree, &obstacle.key, &mut expected.row).await.lift()?;
            if expected.writer.is_none() {
                continue;
            }
        }
        let mut current = Vec::with_capacity(row.len() * 2);
        insert.table.shape.layout.decode_into(&expected.row, &mut current)?;
        current.extend(row.iter().cloned());
        if !system.is_empty() {
            current.resize(current.len() + SystemColumn::ALL.len(), Datum::Null);
            renew(system, &insert.table, &obstacle.key, expected.writer, &mut current);
        }
        let target = Target {
            assignments,
            generated: &insert.generated,
            checks: &insert.checks,
            recheck: condition.as_ref(),
            first_check: true,
            system,
        };
        match update_row(at, writer, &target, view, obstacle.key, current, Some(expected)).await? {
            Updated::Row { key, new, .. } => return Ok(Some(Stored { key, row: new, replaces: true })),
            Updated::Unqualified => return Ok(None),
            Updated::Again => {
                let message = "ON CONFLICT DO UPDATE command cannot affect row a second time";
                let hint = "Ensure that no rows proposed for insertion within the same command have duplicate \
                            constrained values.";
                return Err(Error::new(SqlState::CARDINALITY_VIOLATION, message).hint(hint));
            }
            // It went away meanwhile: try to insert again.
            Updated::Gone => {}
        }
    }
}

/// What to do with each row of an update.
struct Target<'a> {
    assignments: &'a [Assignment],
    generated: &'a [Assignment],
    checks: &'a [Check],
    recheck: Option<&'a Expr>,
    /// Whether the condition must be checked the first time, too: it was not part of a source plan.
    first_check: bool,
    /// Where the row has system columns that are read.
    system: &'a [(SystemColumn, usize)],
}

/// A version that was read by the newest state, and on which a statement has decided.
struct Expected {
    row: Vec<u8>,
    /// If it is known.
    writer: Option<TxnId>,
}

impl Expected {
    fn is(&self, row: &[u8], version: Version) -> bool {
        self.row == row && self.writer.is_none_or(|writer| writer == version.writer)
    }
}

enum Updated {
    Row {
        key: Vec<u8>,
        old: Row,
        new: Row,
    },
    /// The row's newest version does not meet the condition.
    Unqualified,
    Gone,
    /// This statement wrote it before.
    Again,
}

/// Updates one row. `current` begins with the row's attributes; `expected` is the version they were read from, if it is
/// not the view's.
async fn update_row(
    at: &Place,
    writer: &mut TableWriter,
    target: &Target<'_>,
    view: &View,
    mut key: Vec<u8>,
    mut current: Row,
    mut expected: Option<Expected>,
) -> Result<Updated> {
    let context = &at.context;
    let table = writer.table.clone();
    let columns = table.columns.len();
    let (mut view, mut check) = (view, target.first_check);
    loop {
        if check && let Some(recheck) = target.recheck {
            let holds = match target.first_check {
                // It is for the newest version, wherever that is.
                true => at.holds(recheck, &current).await?,
                false => still_holds(at, recheck, target.system, &current).await?,
            };
            if !holds {
                return Ok(Updated::Unqualified);
            }
        }
        let old: Row = current[..columns].to_vec();
        let mut new = old.clone();
        assign(at, target.assignments, &current, &mut new).await?;
        generate(at, target.generated, &mut new).await?;
        check_row(at, writer, target.checks, &new).await?;
        let mut new_key = key.clone();
        if !table.has_row_id() && table.key.iter().any(|position| !same_key(&old[*position], &new[*position])) {
            new_key.clear();
            row_key(&table, &new, &mut new_key)?;
        }
        let moves = new_key != key;
        let mut bytes = Vec::new();
        if !moves {
            table.shape.layout.encode(&new, &mut bytes)?;
        }
        let mut newest: Option<Expected> = None;
        let mut is_expected = |row: &[u8], version: Version| {
            newest = None;
            if !version.changed || expected.as_ref().is_some_and(|expected| expected.is(row, version)) {
                return true;
            }
            newest = Some(Expected { row: row.to_vec(), writer: Some(version.writer) });
            false
        };
        let mut txn = context.txn().await?;
        let outcome = if moves {
            let moved = Some(new_key.as_slice());
            let agree = &mut |row: &[u8], version: Version| Ok(is_expected(row, version));
            context.engine().delete(&mut txn, view, tree(table.tree), &key, moved, agree).await.lift()?
        } else {
            let strength = writer.strength(|position| !same_key(&old[position], &new[position]));
            let replace = &mut |row: &[u8], version: Version| {
                let expected = is_expected(row, version);
                Ok(if expected { Verdict::Replace(bytes.clone()) } else { Verdict::Skip })
            };
            context.engine().update(&mut txn, view, tree(table.tree), &key, strength, replace).await.lift()?
        };
        match outcome {
            WriteOutcome::Done => {
                if moves {
                    writer.after_move(&mut txn, &key, &new_key, &old, &new).await?;
                } else {
                    writer.after_update(&mut txn, &key, &old, &new).await?;
                }
                return Ok(Updated::Row { key: if moves { new_key } else { key }, old: current, new });
            }
            WriteOutcome::Gone => return Ok(Updated::Gone),
            WriteOutcome::SelfModified => return Ok(Updated::Again),
            WriteOutcome::Moved(to) => {
                key = to.to_vec();
                // The view may see another row there.
                view = &context.view;
                expected = None;
            }
            WriteOutcome::Skipped => {
                let Some(found) = newest else {
                    return Err(Error::internal("an update was declined without a reason"));
                };
                refresh(&table, &found, &mut current)?;
                renew(target.system, &table, &key, found.writer, &mut current);
                expected = Some(found);
                check = true;
            }
        }
    }
}

/// Puts the newest version's values in place of the row's first attributes.
fn refresh(table: &TableDef, newest: &Expected, current: &mut Row) -> Result<()> {
    let mut values = Vec::with_capacity(table.columns.len());
    table.shape.layout.decode_into(&newest.row, &mut values)?;
    for (slot, value) in current.iter_mut().zip(values) {
        *slot = value;
    }
    Ok(())
}

/// Whether a condition holds for a row that is not the one that the statement saw: it is not where it was.
async fn still_holds(at: &Place, condition: &Expr, system: &[(SystemColumn, usize)], row: &[Datum]) -> Result<bool> {
    let Some((_, ctid)) = system.iter().find(|(column, _)| *column == SystemColumn::Ctid) else {
        return at.holds(condition, row).await;
    };
    let mut row = row.to_vec();
    row[*ctid] = Datum::Tid(NOWHERE);
    at.holds(condition, &row).await
}

/// As [`insert_rows`], for an UPDATE.
pub(super) async fn update_rows(
    update: &Update,
    context: &Arc<ExecContext>,
    end: &mut StatementEnd,
) -> Result<Changed> {
    if let Some(changed) = keyed::update(update, context, end).await? {
        return Ok(changed);
    }
    let at = Place::new(context, &Frames::none());
    let given = update.assignments.iter().map(|assignment| assignment.column);
    let mut writer = TableWriter::new(&update.table, context).giving(given);
    let mut changed = Changed::default();
    let columns = update.table.columns.len();
    let target = Target {
        assignments: &update.assignments,
        generated: &update.generated,
        checks: &update.checks,
        recheck: update.recheck.as_ref(),
        first_check: false,
        system: &update.system,
    };
    let mut met = Met::default();
    let view = context.view.seen();
    let mut source = open(&update.source, context, &at.frames)?;
    loop {
        let batch = source.next(BATCH_ROWS_MAX).await?;
        if batch.is_empty() {
            break;
        }
        for current in batch {
            context.check()?;
            let Datum::Bytea(key) = &current[update.key] else { continue };
            if update.by_ctid {
                met.meet(&update.table, key, context)?;
            }
            let key = key.to_vec();
            let updated = update_row(&at, &mut writer, &target, &view, key, current, None).await?;
            if let Updated::Row { key, old, new } = updated {
                check_written(&at, &writer, &update.check_options, &new).await?;
                changed.count += 1;
                if let Some(returning) = &update.returning {
                    let mut row = new;
                    row.extend(old.into_iter().skip(columns));
                    if !update.system.is_empty() {
                        let version = context.txn().await?.writer();
                        renew(&update.system, &update.table, &key, version, &mut row);
                    }
                    changed.rows.push(at.evaluate_all(returning, &row).await?, context).await?;
                }
            }
        }
    }
    end.add(writer);
    Ok(changed)
}

/// As [`insert_rows`], for a DELETE.
pub(super) async fn delete_rows(
    delete: &Delete,
    context: &Arc<ExecContext>,
    end: &mut StatementEnd,
) -> Result<Changed> {
    if let Some(changed) = keyed::delete(delete, context, end).await? {
        return Ok(changed);
    }
    let at = Place::new(context, &Frames::none());
    let mut writer = TableWriter::new(&delete.table, context).giving(std::iter::empty());
    let mut changed = Changed::default();
    let mut met = Met::default();
    let view = context.view.seen();
    let mut source = open(&delete.source, context, &at.frames)?;
    loop {
        let batch = source.next(BATCH_ROWS_MAX).await?;
        if batch.is_empty() {
            break;
        }
        for current in batch {
            context.check()?;
            if let (true, Datum::Bytea(key)) = (delete.by_ctid, &current[delete.key]) {
                met.meet(&delete.table, key, context)?;
            }
            if let Some(mut old) = delete_row(&at, &mut writer, delete, &view, current).await? {
                changed.count += 1;
                if let Some(returning) = &delete.returning {
                    if !delete.system.is_empty() {
                        let version = context.txn().await?.writer();
                        tell_ended(&delete.system, version, &mut old);
                    }
                    changed.rows.push(at.evaluate_all(returning, &old).await?, context).await?;
                }
            }
        }
    }
    end.add(writer);
    Ok(changed)
}

/// Deletes one row: its source row as it was, or `None` if it no longer qualifies.
async fn delete_row(
    at: &Place,
    writer: &mut TableWriter,
    delete: &Delete,
    view: &View,
    mut current: Row,
) -> Result<Option<Row>> {
    let context = &at.context;
    let table = writer.table.clone();
    let Datum::Bytea(key) = &current[delete.key] else { return Ok(None) };
    let (mut view, mut key) = (view, key.to_vec());
    let mut expected: Option<Expected> = None;
    loop {
        let mut newest: Option<Expected> = None;
        let agree = &mut |row: &[u8], version: Version| {
            newest = None;
            if !version.changed || expected.as_ref().is_some_and(|expected| expected.is(row, version)) {
                return Ok(true);
            }
            newest = Some(Expected { row: row.to_vec(), writer: Some(version.writer) });
            Ok(false)
        };
        let mut txn = context.txn().await?;
        let outcome = context.engine().delete(&mut txn, view, tree(table.tree), &key, None, agree).await.lift()?;
        match outcome {
            WriteOutcome::Done => {
                let old = current[..table.columns.len()].to_vec();
                writer.after_delete(&mut txn, &key, old).await?;
                return Ok(Some(current));
            }
            WriteOutcome::Gone | WriteOutcome::SelfModified => return Ok(None),
            WriteOutcome::Moved(to) => {
                key = to.to_vec();
                view = &context.view;
                expected = None;
            }
            WriteOutcome::Skipped => {
                let Some(found) = newest else {
                    return Err(Error::internal("a delete was declined without a reason"));
                };
                drop(txn);
                refresh(&table, &found, &mut current)?;
                renew(&delete.system, &table, &key, found.writer, &mut current);
                if let Some(recheck) = &delete.recheck
                    && !still_holds(at, recheck, &delete.system, &current).await?
                {
                    return Ok(None);
                }
                expected = Some(found);
            }
        }
    }
}
