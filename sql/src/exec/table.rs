//! Tables and indexes in terms of the engine's trees: keys, entries, row ids.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::{Direction, Engine, KeyRange, Rows, TreeId};
use parking_lot::Mutex;
use types::keycode::encode_key_typed;
use types::row::check_length;
use types::text_io::as_text;
use types::{Datum, Error, Result, Settings, SqlType};

use super::context::ExecContext;
use super::eval::evaluate_row;
use super::lift::Lift;
use crate::bind::{BindContext, bind_predicate};
use crate::catalog::{IndexDef, TableDef};

pub(crate) fn tree(number: u64) -> TreeId {
    protocol::PageId(number)
}

/// The key of a row in its table's tree. Not for tables with a hidden row id.
///
/// # Errors
/// 54000 for a value that is too long to be stored.
pub(crate) fn row_key(table: &TableDef, row: &[Datum], out: &mut Vec<u8>) -> Result<()> {
    for (position, ty) in table.key.iter().zip(&table.shape.key_types) {
        let value = &row[*position];
        check_length(value)?;
        encode_key_typed(std::slice::from_ref(value), std::slice::from_ref(ty), out);
    }
    Ok(())
}

/// Whether an index has an entry of a row.
///
/// # Errors
/// Those of the condition of a partial index.
pub(crate) fn has_entry(context: &ExecContext, table: &TableDef, index: &IndexDef, row: &[Datum]) -> Result<bool> {
    let Some(predicate) = &index.predicate else { return Ok(true) };
    let (catalog, registry, settings) = (&context.catalog, context.registry(), &context.settings);
    let predicate = bind_predicate(predicate, table, BindContext { catalog, registry, settings, unseen: &[] })?;
    Ok(matches!(evaluate_row(predicate, context, row)?, Datum::Bool(true)))
}

/// The key of a row's entry in an index; `None`: it has none. `row_key` is the row's key in the table. The row is stored, or
/// was looked at by [`check_length`]: nothing here ends what is too long.
///
/// # Errors
/// As [`has_entry`].
pub(crate) fn entry_key(
    context: &ExecContext,
    table: &TableDef,
    index: &IndexDef,
    row: &[Datum],
    row_key: &[u8],
) -> Result<Option<Vec<u8>>> {
    if !has_entry(context, table, index, row)? {
        return Ok(None);
    }
    let mut key = Vec::with_capacity(index.columns.len() * 10 + row_key.len());
    let mut null = false;
    for position in index.column_positions() {
        let value = &row[position];
        null |= value.is_null();
        encode_key_typed(std::slice::from_ref(value), std::slice::from_ref(&table.columns[position].ty), &mut key);
    }
    if !index.unique || null {
        key.extend_from_slice(row_key);
    }
    Ok(Some(key))
}

/// The indexes with trees of their own.
pub(crate) fn secondary_indexes(table: &TableDef) -> impl Iterator<Item = &Arc<IndexDef>> {
    table.indexes.iter().filter(|index| index.tree != table.tree)
}

/// Appends the key encoding of one column's value.
pub(crate) fn push_key(value: &Datum, ty: SqlType, out: &mut Vec<u8>) {
    encode_key_typed(std::slice::from_ref(value), std::slice::from_ref(&ty), out);
}

/// `(a, b)=(1, 2)`: columns and their values, for a message.
///
/// # Errors
/// 54000 when a value is too long to be shown.
pub(crate) fn key_text<'a>(
    table: &TableDef,
    positions: &[usize],
    values: impl IntoIterator<Item = &'a Datum>,
    settings: &Settings,
) -> Result<String> {
    let names: Vec<&str> = positions.iter().map(|position| &*table.columns[*position].name).collect();
    let values = values.into_iter().zip(positions).map(|(value, position)| match value {
        Datum::Null => Ok("null".to_owned()),
        value => as_text(value, table.columns[*position].ty, settings),
    });
    Ok(format!("({})=({})", names.join(", "), values.collect::<Result<Vec<_>>>()?.join(", ")))
}

/// The first key after all keys that begin with `prefix`; `None` if there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut key = prefix.to_vec();
    while let Some(last) = key.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            return Bound::Excluded(key);
        }
        key.pop();
    }
    Bound::Unbounded
}

/// Hidden row ids, by tree: a counter each, started behind the highest key there is.
#[derive(Debug, Default)]
pub struct RowIds {
    counters: Mutex<HashMap<u64, Arc<AtomicU64>>>,
}

impl RowIds {
    /// The counter of a tree.
    ///
    /// # Errors
    /// What reading the last key returns.
    pub(crate) async fn counter(&self, engine: &Arc<Engine>, number: u64) -> Result<Arc<AtomicU64>> {
        if let Some(counter) = self.counters.lock().get(&number) {
            return Ok(counter.clone());
        }
        // Nobody inserts into the tree before its counter exists, so the newest snapshot shows every row that has
        // committed; rows of writers that died keep their keys to themselves.
        let view = engine.view(engine.snapshot());
        let mut rows = Rows::new();
        let mut scan = engine.scan(&view, tree(number), KeyRange::all(), Direction::Backward);
        let found = scan.next_batch(&mut rows, 1).await.lift()?;
        let last = if found == 0 { 0 } else { row_id(rows.get(0).0)? };
        let mut counters = self.counters.lock();
        Ok(counters.entry(number).or_insert_with(|| Arc::new(AtomicU64::new(last + 1))).clone())
    }

    /// The next id of a tree.
    pub(crate) async fn next(&self, engine: &Arc<Engine>, number: u64) -> Result<u64> {
        let known = self.counters.lock().get(&number).map(|counter| counter.fetch_add(1, Ordering::Relaxed));
        match known {
            Some(id) => Ok(id),
            None => Ok(self.counter(engine, number).await?.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Forgets everything: this server has just become the writer.
    pub fn clear(&self) {
        self.counters.lock().clear();
    }
}

fn row_id(key: &[u8]) -> Result<u64> {
    let bytes: [u8; 8] = key.try_into().map_err(|_| Error::internal("a row id of another length than eight"))?;
    Ok(u64::from_be_bytes(bytes))
}
