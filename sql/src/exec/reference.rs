//! The two sides of a foreign key: the parent of a child, the children of a parent, and what an action makes of a child.
//!
//! Both sides are looked for by the newest state, never the snapshot's. Their columns may differ in width: each value is
//! converted to the type of the side on which it is looked for ([`Fit`]), and one that does not fit has no counterpart
//! there. Values are compared by their key bytes, so that `char(3)` and `char(5)` agree.

use std::ops::Bound;
use std::sync::Arc;

use engine::{KeyRange, LockOutcome, LockStrength, Pass, Txn, WaitPolicy, WriteOutcome};
use types::{Datum, Error, Result, SqlType};

use super::basic::Place;
use super::context::ExecContext;
use super::dml::{assign, check_row, generate};
use super::frames::{Frames, Row};
use super::lift::Lift;
use super::table::{after_prefix, push_key, tree};
use super::write::TableWriter;
use crate::bind::{BindContext, ChildUpdate, bind_child_update};
use crate::bound::Fit;
use crate::catalog::{ForeignKey, ReferentialAction, TableDef};

/// Appends the key of a value as it is in a column of this type; false if no value there equals it.
fn push_fitting(value: &Datum, ty: SqlType, out: &mut Vec<u8>) -> bool {
    match Fit::new(value.clone(), ty) {
        Fit::Value(value) => push_key(&value, ty, out),
        Fit::Below | Fit::Above | Fit::Null => return false,
    }
    true
}

/// The key bytes of some columns of a stored row.
fn key_of(table: &TableDef, positions: &[usize], row: &[u8]) -> Result<Vec<u8>> {
    let view = table.shape.layout.view(row)?;
    let mut key = Vec::new();
    for position in positions {
        push_key(&view.get(*position)?, table.columns[*position].ty, &mut key);
    }
    Ok(key)
}

/// The key of values of the other side in columns of this one; `None` if there cannot be such a row.
fn fitting_key(table: &TableDef, positions: &[usize], values: &[Datum]) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    let fits = positions.iter().zip(values).all(|(at, value)| push_fitting(value, table.columns[*at].ty, &mut key));
    fits.then_some(key)
}

/// The entry that the values of a constraint have in the parent's index; `None` if there cannot be such a parent. The
/// index may have the columns in another order than the constraint.
///
/// # Errors
/// XX000 if it has others.
pub(crate) fn parent_entry(parent: &TableDef, foreign: &ForeignKey, values: &[Datum]) -> Result<Option<Vec<u8>>> {
    let index = parent.index(foreign.parent_index);
    let index = index.ok_or_else(|| Error::internal("a foreign key without its parent's index"))?;
    let mut key = Vec::new();
    for position in index.column_positions() {
        let place = foreign.parent_columns.iter().position(|column| *column == position);
        let place = place.ok_or_else(|| Error::internal("a foreign key that does not fit its index"))?;
        if !push_fitting(&values[place], parent.columns[position].ty, &mut key) {
            return Ok(None);
        }
    }
    Ok(Some(key))
}

/// Locks the parent with these key values against deletion; false if there is none.
pub(super) async fn lock_parent(
    context: &Arc<ExecContext>,
    parent: &TableDef,
    foreign: &ForeignKey,
    values: &[Datum],
) -> Result<bool> {
    let index = parent.index(foreign.parent_index);
    let index = index.ok_or_else(|| Error::internal("a foreign key without its parent's index"))?;
    let Some(key) = parent_entry(parent, foreign, values)? else { return Ok(false) };
    let Some(wanted) = fitting_key(parent, &foreign.parent_columns, values) else { return Ok(false) };
    let mut row_key = if index.tree == parent.tree {
        key
    } else {
        // What others have not committed is none, and nobody waits for it: it would be found below and awaited.
        let newest = context.engine().newest_beside(&context.view);
        if context.engine().get(&newest, tree(index.tree), &key).await.lift()?.is_none() {
            return Ok(false);
        }
        let range = KeyRange { lower: Bound::Included(key.clone()), upper: after_prefix(&key) };
        let mut txn = context.txn().await?;
        match context.engine().probe(&mut txn, &context.view, tree(index.tree), range).await.lift()? {
            Some((_, row_key)) => row_key.to_vec(),
            None => return Ok(false),
        }
    };
    loop {
        let (view, strength, policy) = (&context.view, LockStrength::KeyShare, WaitPolicy::Wait);
        let mut txn = context.txn().await?;
        let outcome =
            context.engine().lock_row(&mut txn, view, tree(parent.tree), &row_key, strength, policy).await.lift()?;
        match outcome {
            // It may have been changed while we waited.
            LockOutcome::Locked { row, .. } => return Ok(key_of(parent, &foreign.parent_columns, &row)? == wanted),
            LockOutcome::Moved(to) => row_key = to.to_vec(),
            LockOutcome::Gone | LockOutcome::Skipped => return Ok(false),
        }
    }
}

/// A row that refers to a parent, as it was when it was found. Nothing is locked yet: who writes it compares.
pub(super) struct Child {
    pub key: Vec<u8>,
    pub row: Vec<u8>,
    pub values: Vec<Datum>,
}

/// The rows of a table that refer to a parent, one after the other.
pub(super) struct Children<'a> {
    table: &'a TableDef,
    foreign: &'a ForeignKey,
    /// The key bytes of their referring columns; `None` if there can be none.
    wanted: Option<Vec<u8>>,
    /// Where they are looked for, and the beginning of the keys there.
    source: u64,
    prefix: Vec<u8>,
    /// Where the search has come to.
    from: Option<Vec<u8>>,
    /// The search since it began, or began again.
    pass: Option<Pass>,
}

impl<'a> Children<'a> {
    pub fn of(table: &'a TableDef, foreign: &'a ForeignKey, values: &[Datum]) -> Children<'a> {
        let wanted = fitting_key(table, &foreign.columns, values);
        // Any index that begins with the constraint's columns, in any order, narrows the search to the children themselves.
        let count = foreign.columns.len();
        let covering = table.indexes.iter().find(|index| {
            index.predicate.is_none()
                && index.columns.len() >= count
                && index.columns[..count].iter().all(|column| foreign.columns.contains(&column.column))
        });
        let mut prefix = Vec::new();
        for column in covering.iter().flat_map(|index| &index.columns[..count]) {
            let pairs = foreign.columns.iter().zip(values);
            for (_, value) in pairs.filter(|(position, _)| **position == column.column).take(1) {
                push_fitting(value, table.columns[column.column].ty, &mut prefix);
            }
        }
        let source = covering.map_or(table.tree, |index| index.tree);
        Children { table, foreign, wanted, source, prefix, from: None, pass: None }
    }

    /// The rows that have exactly these values in their referring columns, nulls among them: those refer to no parent.
    pub fn bearing(table: &'a TableDef, foreign: &'a ForeignKey, values: &[Datum]) -> Children<'a> {
        let mut key = Vec::new();
        for (position, value) in foreign.columns.iter().zip(values) {
            push_key(value, table.columns[*position].ty, &mut key);
        }
        Children { table, foreign, wanted: Some(key), source: table.tree, prefix: Vec::new(), from: None, pass: None }
    }

    /// Begins again: a row was not what it had been found to be.
    pub fn look_again(&mut self) {
        (self.from, self.pass) = (None, None);
    }

    /// The next of them, by the newest state. Of rows in flight only those are awaited that were among them. At the end
    /// all are looked at again if one has gone meanwhile: it may be where nobody looks any more.
    pub async fn next(&mut self, context: &Arc<ExecContext>) -> Result<Option<Child>> {
        let Children { table, foreign, wanted, source, prefix, from, pass } = self;
        let Some(wanted) = wanted else { return Ok(None) };
        // A row that cannot be read is for the caller to fail on.
        let refers = |row: &[u8]| key_of(table, &foreign.columns, row).map_or(true, |key| key == *wanted);
        let any = |_: &[u8]| true;
        loop {
            context.check()?;
            let lower = match from.take() {
                Some(last) => Bound::Excluded(last),
                None => Bound::Included(prefix.clone()),
            };
            let upper = if prefix.is_empty() { Bound::Unbounded } else { after_prefix(prefix) };
            let range = KeyRange { lower, upper };
            let (engine, view) = (context.engine(), &context.view);
            let looking = pass.get_or_insert_with(|| engine.pass());
            let txn = &mut *context.txn().await?;
            let is_index = *source != table.tree;
            let found = match is_index {
                true => engine.probe_where(txn, view, tree(*source), range, &any, looking).await.lift()?,
                false => engine.probe_where(txn, view, tree(*source), range, &refers, looking).await.lift()?,
            };
            let Some((entry, found)) = found else {
                if pass.take().is_some_and(|pass| pass.has_lost()) {
                    continue;
                }
                return Ok(None);
            };
            *from = Some(entry.to_vec());
            let (key, row) = match is_index {
                false => (entry, found),
                true => {
                    let exact =
                        KeyRange { lower: Bound::Included(found.to_vec()), upper: Bound::Included(found.to_vec()) };
                    match engine.probe_where(txn, view, tree(table.tree), exact, &refers, looking).await.lift()? {
                        Some(found) => found,
                        None => continue,
                    }
                }
            };
            let mut values = Vec::new();
            table.shape.layout.decode_into(&row, &mut values)?;
            return Ok(Some(Child { key: key.to_vec(), row: row.to_vec(), values }));
        }
    }
}

/// Deletes a child, unless it is not what was found any more.
pub(super) async fn delete_newest(
    context: &Arc<ExecContext>,
    txn: &mut Txn,
    table: &TableDef,
    found: &Child,
) -> Result<bool> {
    let view = context.engine().statement(txn);
    let agree = &mut |row: &[u8], _| Ok(row == found.row);
    let outcome = context.engine().delete(txn, &view, tree(table.tree), &found.key, None, agree).await.lift()?;
    Ok(outcome == WriteOutcome::Done)
}

/// Makes the rows that an action puts in place of children.
pub(super) struct ChildMaker {
    update: ChildUpdate,
    at: Place,
}

impl ChildMaker {
    /// # Errors
    /// Those of a default's expression.
    pub fn bind(
        context: &Arc<ExecContext>,
        foreign: &ForeignKey,
        parent: &TableDef,
        child: &Arc<TableDef>,
        action: ReferentialAction,
    ) -> Result<ChildMaker> {
        let (catalog, registry, settings) = (&context.catalog, context.registry(), &context.settings);
        let binding = BindContext { catalog, registry, settings, unseen: &[] };
        let update = bind_child_update(foreign, parent, child, action, binding)?;
        Ok(ChildMaker { update, at: Place::new(context, &Frames::none()) })
    }

    /// What becomes of a child whose parent now has these key values.
    ///
    /// # Errors
    /// 23502, 23514; what the conversion to the child's types and its defaults and generated columns return.
    pub async fn make(&self, writer: &TableWriter, old: &[Datum], parent: &[Datum]) -> Result<Row> {
        let mut new = old.to_vec();
        assign(&self.at, &self.update.assignments, parent, &mut new).await?;
        generate(&self.at, &self.update.generated, &mut new).await?;
        check_row(&self.at, writer, &self.update.checks, &new).await?;
        Ok(new)
    }
}
