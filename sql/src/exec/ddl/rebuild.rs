//! Writing a table anew: into another tree, by another key or with other values.
//!
//! The old tree is read by its newest state under ACCESS EXCLUSIVE, the new one filled through a [`Sorter`], and every
//! index built from scratch: it leads to keys that may be others now. The old trees are dropped, which the commit makes
//! true.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::{Rows, TreeKind};
use types::{Datum, Result};

use super::newest::NewestScan;
use super::sort::Sorter;
use super::work::Work;
use super::{column, index};
use crate::bound::{Assignment, Check, Expr};
use crate::catalog::codec::Object;
use crate::catalog::{IndexDef, TableDef};
use crate::exec::basic::Place;
use crate::exec::frames::{Frames, Row};
use crate::exec::table::push_key;
use crate::exec::write::TableWriter;

/// What happens to each row.
#[derive(Default)]
pub(super) struct Change {
    /// New values, over the old row.
    pub set: Vec<(usize, Expr)>,
    /// Over the new row.
    pub generated: Vec<Assignment>,
    pub checks: Vec<Check>,
}

impl Change {
    fn is_nothing(&self) -> bool {
        self.set.is_empty() && self.generated.is_empty() && self.checks.is_empty()
    }

    async fn apply(&self, at: &Place, writer: &TableWriter, old: &[Datum]) -> Result<Row> {
        let table = &writer.table;
        let mut row = old.to_vec();
        row.resize(table.columns.len(), Datum::Null);
        for (column, value) in &self.set {
            row[*column] = at.evaluate(value, old).await?;
        }
        for assignment in &self.generated {
            row[assignment.column] = at.evaluate(&assignment.value, &row).await?;
        }
        for (value, column) in row.iter_mut().zip(&table.columns) {
            if column.dropped {
                *value = Datum::Null;
            }
        }
        writer.check_nulls(&row)?;
        for check in &self.checks {
            if matches!(at.evaluate(&check.expr, &row).await?, Datum::Bool(false)) {
                return Err(index::check_failed(table, &check.name));
            }
        }
        Ok(row)
    }
}

/// Gives a table new trees. `new` is what it becomes: its key says how the rows are kept. Stores the definitions of
/// the table and its indexes; returns the number of rows.
///
/// # Errors
/// 23505 when the new key is not unique; whatever the change meets.
pub(super) async fn table(work: &Work, old: &TableDef, mut new: TableDef, change: &Change) -> Result<u64> {
    let tree = work.create_tree(TreeKind::Clustered).await?;
    new.tree = tree.0;
    new.valid_from = work.valid_from().await?;
    new.reshape();
    for index in &mut new.indexes {
        let index = Arc::make_mut(index);
        index.valid_from = new.valid_from;
        if index.primary {
            index.tree = new.tree;
        }
    }
    let rows = fill(work, old, &new, change).await?;
    for index in &new.indexes {
        let mut index = (**index).clone();
        if !index.primary {
            let before = index.tree;
            index.tree = work.create_tree(TreeKind::Index).await?.0;
            index::build(work, &new, &index).await?;
            work.drop_tree(before).await?;
        }
        work.put(Object::Index(index)).await?;
    }
    work.drop_tree(old.tree).await?;
    new.estimated_rows = rows as f64;
    work.put_table(new).await?;
    Ok(rows)
}

async fn fill(work: &Work, old: &TableDef, new: &TableDef, change: &Change) -> Result<u64> {
    let context = work.fresh_context().await?;
    let at = Place::new(&context, &Frames::none());
    let shared = Arc::new(new.clone());
    let writer = TableWriter::new(&shared, &context);
    let ids = context.session.database.row_ids.counter(context.engine(), new.tree).await?;
    let mut scan = NewestScan::open(work, old.tree).await?;
    let mut sorter = Sorter::new(new.tree);
    let mut rows = Rows::new();
    let (mut key, mut bytes, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut count = 0;
    loop {
        let found = scan.next(work, &mut rows).await?;
        let mut full = found == 0;
        for (_, row) in rows.iter() {
            count += 1;
            key.clear();
            if change.is_nothing() {
                // The stored form stays; only the key is another.
                let view = old.shape.layout.view(row)?;
                if new.has_row_id() {
                    key.extend(ids.fetch_add(1, Ordering::Relaxed).to_be_bytes());
                }
                for (position, ty) in new.key.iter().zip(&new.shape.key_types) {
                    push_key(&view.get(*position)?, *ty, &mut key);
                }
                full |= sorter.push(&key, row);
                continue;
            }
            values.clear();
            old.shape.layout.decode_into(row, &mut values)?;
            let changed = change.apply(&at, &writer, &values).await?;
            if new.has_row_id() {
                key.extend(ids.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            } else {
                crate::exec::table::row_key(new, &changed, &mut key)?;
            }
            bytes.clear();
            new.shape.layout.encode(&changed, &mut bytes)?;
            full |= sorter.push(&key, &bytes);
        }
        if full {
            let mut txn = work.txn().await?;
            let view = work.engine().statement(&mut txn);
            if let Some(row) = sorter.flush(work.engine(), &mut txn, &view).await? {
                let mut values = Vec::new();
                new.shape.layout.decode_into(&row, &mut values)?;
                return Err(index::not_unique(work, new, new.primary_key().map(|index| &**index), &values));
            }
        }
        if found == 0 {
            return Ok(count);
        }
    }
}

/// Keys the table by other columns (none: by row ids), making sure that they hold no nulls.
pub(super) async fn rekey(work: &Work, old: &TableDef, mut new: TableDef, key: &[usize]) -> Result<()> {
    column::check_not_null(work, old, key).await?;
    for position in key {
        new.columns[*position].not_null = true;
    }
    new.key = key.to_vec();
    table(work, old, new, &Change::default()).await?;
    Ok(())
}

/// Builds the indexes of a table anew. The table's own tree, the primary key's, cannot differ from itself.
pub(super) async fn reindex(work: &mut Work, table: u32) -> Result<()> {
    let table = work.table(table)?;
    for old in crate::exec::table::secondary_indexes(&table) {
        let tree = work.create_tree(TreeKind::Index).await?.0;
        let index = IndexDef { tree, valid_from: work.valid_from().await?, ..(**old).clone() };
        index::build(work, &table, &index).await?;
        work.drop_tree(old.tree).await?;
        work.put(Object::Index(index)).await?;
    }
    work.reload().await
}
