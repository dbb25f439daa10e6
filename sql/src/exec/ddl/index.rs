//! CREATE INDEX, and the filling of any index.

use std::ops::Bound;
use std::sync::Arc;

use engine::{KeyRange, Rows, TableLockMode, TreeKind};
use types::{Datum, Error, Result, SqlState};

use super::name::joined;
use super::newest::NewestScan;
use super::rename;
use super::sort::Sorter;
use super::work::Work;
use crate::bound::{AlterIndex, CreateIndex, IndexSpec};
use crate::catalog::codec::Object;
use crate::catalog::parameters::{self, Bearer, kept};
use crate::catalog::{IndexDef, Relation, TableDef};
use crate::exec::lift::Lift;
use crate::exec::table::{has_entry, key_text, push_key, tree};

/// The caller holds SHARE on the table, CONCURRENTLY or not.
pub(super) async fn create(work: &mut Work, spec: &CreateIndex) -> Result<String> {
    let table = work.table(spec.table.oid)?;
    work.check_creates_in(table.schema)?;
    parameters::check(Bearer::Index, &spec.index.options)?;
    let name = match &spec.name {
        Some(name) => {
            work.claim_more(table.schema, name).await?;
            work.reload().await?;
            if work.catalog.relation_in(table.schema, name).is_some() {
                if spec.if_not_exists {
                    let message = format!("relation \"{name}\" already exists, skipping");
                    work.notice(SqlState::DUPLICATE_TABLE, message);
                    return Ok("CREATE INDEX".to_owned());
                }
                work.check_free(table.schema, name)?;
            }
            name.clone()
        }
        None => {
            let columns = joined(&table, spec.index.columns.iter().map(|column| column.column));
            work.choose_relation(table.schema, &table.name, &columns, "idx", &[]).await?
        }
    };
    let index = define(work, &table, &name, &spec.index).await?;
    let rows = build(work, &table, &index).await?;
    work.put(Object::Index(index)).await?;
    note_rows(work, &table, rows).await?;
    work.reload().await?;
    Ok("CREATE INDEX".to_owned())
}

/// ALTER INDEX.
pub(super) async fn alter(work: &mut Work, index: &Arc<IndexDef>, actions: &[AlterIndex]) -> Result<()> {
    // Who reads and writes goes on.
    let mode = TableLockMode::ShareUpdateExclusive;
    let Relation::Index(found) = rename::locked(work, &Relation::Index(index.clone()), mode).await? else {
        return Err(Error::internal("an index became something else"));
    };
    let mut new = (*found).clone();
    for action in actions {
        match action {
            AlterIndex::SetOptions(options) => parameters::set(Bearer::Index, &mut new.options, options)?,
            AlterIndex::ResetOptions(names) => parameters::reset(&mut new.options, names),
        }
    }
    work.put(Object::Index(new)).await?;
    work.reload().await
}

/// The definition of an index that is no constraint's, its tree empty.
pub(super) async fn define(work: &Work, table: &TableDef, name: &str, spec: &IndexSpec) -> Result<IndexDef> {
    Ok(IndexDef {
        oid: work.oid().await?,
        name: name.into(),
        schema: table.schema,
        table: table.oid,
        tree: work.create_tree(TreeKind::Index).await?.0,
        valid_from: work.valid_from().await?,
        unique: spec.unique,
        primary: false,
        columns: spec.columns.clone(),
        options: kept(Bearer::Index, &spec.options)?,
        predicate: spec.predicate.clone(),
        constraint: None,
    })
}

/// Keeps the number of rows, when it says more than what was known. Not worth waiting for: whoever makes another index at the
/// same time counts them, too.
pub(super) async fn note_rows(work: &mut Work, table: &TableDef, rows: u64) -> Result<()> {
    let (known, rows) = (table.estimated_rows, rows as f64);
    if known >= 0.0 && (known - rows).abs() <= known * 0.1 {
        return Ok(());
    }
    if !work.lock_now(u64::from(table.oid), TableLockMode::ShareUpdateExclusive).await? {
        return Ok(());
    }
    work.reload().await?;
    let mut table = (*work.table(table.oid)?).clone();
    table.estimated_rows = rows;
    work.put_table(table).await
}

/// Fills an index from the newest state of its table; returns the number of rows.
///
/// # Errors
/// 23505 when the index is unique and the rows are not; 54000 when a key is too long.
pub(super) async fn build(work: &Work, table: &TableDef, index: &IndexDef) -> Result<u64> {
    let mut scan = NewestScan::open(work, table.tree).await?;
    let mut sorter = Sorter::new(index.tree);
    let mut rows = Rows::new();
    let (mut entry, mut values) = (Vec::new(), Vec::new());
    let mut count = 0;
    loop {
        let found = scan.next(work, &mut rows).await?;
        let mut full = found == 0;
        for (key, row) in rows.iter() {
            count += 1;
            if index.predicate.is_some() {
                values.clear();
                table.shape.layout.decode_into(row, &mut values)?;
                if !has_entry(&work.context, table, index, &values)? {
                    continue;
                }
            }
            let view = table.shape.layout.view(row)?;
            let mut null = false;
            entry.clear();
            for position in index.column_positions() {
                let value = view.get(position)?;
                null |= value.is_null();
                push_key(&value, table.columns[position].ty, &mut entry);
            }
            // As the row writer does it: see `exec::table::entry_key`.
            if !index.unique || null {
                entry.extend_from_slice(key);
            }
            full |= sorter.push(&entry, key);
        }
        if full {
            let mut txn = work.txn().await?;
            let view = work.engine().statement(&mut txn);
            if let Some(key) = sorter.flush(work.engine(), &mut txn, &view).await? {
                // The row that the duplicate entry leads to.
                let range = KeyRange { lower: Bound::Included(key.clone()), upper: Bound::Included(key) };
                let found = work.engine().probe(&mut txn, &view, tree(table.tree), range).await.lift()?;
                let mut values = Vec::new();
                if let Some((_, row)) = found {
                    table.shape.layout.decode_into(&row, &mut values)?;
                }
                return Err(not_unique(work, table, Some(index), &values));
            }
        }
        if found == 0 {
            return Ok(count);
        }
    }
}

/// The error of a unique index over rows that are not.
pub(super) fn not_unique(work: &Work, table: &TableDef, index: Option<&IndexDef>, row: &[Datum]) -> Error {
    let name = index.map_or("", |index| &*index.name);
    let error = Error::new(SqlState::UNIQUE_VIOLATION, format!("could not create unique index \"{name}\""))
        .schema(&*table.schema_name)
        .table(&*table.name)
        .constraint(name);
    let Some(index) = index.filter(|_| !row.is_empty()) else { return error };
    let positions: Vec<usize> = index.column_positions().collect();
    let values = positions.iter().map(|position| &row[*position]);
    match key_text(table, &positions, values, &work.context.settings) {
        Ok(key) => error.detail(format!("Key {key} is duplicated.")),
        Err(error) => error,
    }
}

/// The error of a CHECK that is added while a row violates it.
pub(super) fn check_failed(table: &TableDef, name: &str) -> Error {
    let message = format!("check constraint \"{name}\" of relation \"{}\" is violated by some row", table.name);
    Error::new(SqlState::CHECK_VIOLATION, message).schema(&*table.schema_name).table(&*table.name).constraint(name)
}
