//! [`Loader`]: rows into a table and its indexes, a batch at a time.
//!
//! Each batch is one call of the engine for the table, in the order of the rows, and one for each index, in the order of
//! its keys: that makes few records of many rows. Parents of foreign keys are checked after each batch, or at the very end
//! when rows may refer to rows of the same COPY.

use std::sync::Arc;

use engine::Rows;
use types::{Datum, Error, Result};

use super::format::with_context;
use crate::bound::{Assignment, Check, Expr};
use crate::catalog::{ConstraintKind, IndexDef, TableDef};
use crate::exec::basic::Place;
use crate::exec::context::ExecContext;
use crate::exec::dml::{RowMaker, check_row};
use crate::exec::frames::{Frames, Row};
use crate::exec::lift::Lift;
use crate::exec::table::{entry_key, row_key, secondary_indexes, tree};
use crate::exec::write::TableWriter;

/// Rows of one batch.
const BATCH_ROWS_MAX: usize = 1000;
/// Bytes of one batch.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// The entries of one index, gathered for a batch.
struct Entries {
    index: Arc<IndexDef>,
    /// Key, and the row's number in the batch.
    entries: Vec<(Vec<u8>, usize)>,
}

pub(super) struct Loader<'a> {
    pub table: Arc<TableDef>,
    at: Place,
    writer: TableWriter,
    targets: &'a [usize],
    defaults: &'a [Assignment],
    generated: &'a [Assignment],
    checks: &'a [Check],
    filter: Option<&'a Expr>,
    has_foreign_keys: bool,
    refers_to_itself: bool,
    rows: Rows,
    bytes: usize,
    /// The line of each row of the batch.
    lines: Vec<u64>,
    indexes: Vec<Entries>,
    key: Vec<u8>,
    row: Vec<u8>,
    count: u64,
}

impl<'a> Loader<'a> {
    pub fn new(
        context: &Arc<ExecContext>,
        table: &Arc<TableDef>,
        targets: &'a [usize],
        defaults: &'a [Assignment],
        generated: &'a [Assignment],
        checks: &'a [Check],
        filter: Option<&'a Expr>,
    ) -> Loader<'a> {
        let parents = || {
            table.constraints.iter().filter_map(|constraint| match &constraint.kind {
                ConstraintKind::Foreign(foreign) => Some(foreign.parent),
                _ => None,
            })
        };
        Loader {
            table: table.clone(),
            at: Place::new(context, &Frames::none()),
            writer: TableWriter::new(table, context).giving(targets.iter().copied()),
            targets,
            defaults,
            generated,
            checks,
            filter,
            has_foreign_keys: parents().next().is_some(),
            refers_to_itself: parents().any(|parent| parent == table.oid),
            rows: Rows::new(),
            bytes: 0,
            lines: Vec::new(),
            indexes: secondary_indexes(table)
                .map(|index| Entries { index: index.clone(), entries: Vec::new() })
                .collect(),
            key: Vec::new(),
            row: Vec::new(),
            count: 0,
        }
    }

    /// Completes a row from the values of its fields, checks it, and adds it to the batch.
    ///
    /// # Errors
    /// 23502 and 23514 without a context, which the caller knows better; whatever the batch meets.
    pub async fn add(&mut self, values: Row, line: u64) -> Result<()> {
        let columns = self.table.columns.len();
        let maker = RowMaker {
            at: &self.at,
            targets: self.targets,
            defaults: self.defaults,
            generated: self.generated,
            columns,
        };
        let row = maker.make(values).await?;
        if let Some(filter) = self.filter
            && !self.at.holds(filter, &row).await?
        {
            return Ok(());
        }
        check_row(&self.at, &self.writer, self.checks, &row).await?;
        self.key.clear();
        if self.table.has_row_id() {
            let database = &self.at.context.session.database;
            let id = database.row_ids.next(self.at.context.engine(), self.table.tree).await?;
            self.key.extend(id.to_be_bytes());
        } else {
            row_key(&self.table, &row, &mut self.key)?;
        }
        self.row.clear();
        self.table.shape.layout.encode(&row, &mut self.row)?;
        for entries in &mut self.indexes {
            let made = entry_key(&self.at.context, &self.table, &entries.index, &row, &self.key)?;
            let Some(entry) = made else { continue };
            self.bytes += entry.len();
            entries.entries.push((entry, self.lines.len()));
        }
        if self.has_foreign_keys {
            self.writer.note_child(&row, None)?;
        }
        self.rows.push(&self.key, &self.row);
        self.bytes += self.key.len() + self.row.len();
        self.lines.push(line);
        if self.lines.len() >= BATCH_ROWS_MAX || self.bytes >= BATCH_BYTES_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes the batch.
    async fn flush(&mut self) -> Result<()> {
        let context = self.at.context.clone();
        context.check()?;
        let mut txn = context.txn().await?;
        let (engine, view) = (context.engine(), &context.view);
        let outcome = engine.insert_many(&mut txn, view, tree(self.table.tree), &self.rows).await.lift()?;
        if outcome.duplicate {
            let primary = self.table.primary_key().cloned();
            let primary = primary.ok_or_else(|| Error::internal("a row id was given out twice"))?;
            return Err(self.duplicate(&primary, outcome.inserted)?);
        }
        let mut sorted = Rows::new();
        for number in 0..self.indexes.len() {
            let mut entries = std::mem::take(&mut self.indexes[number].entries);
            entries.sort_unstable();
            sorted.clear();
            for (key, row) in &entries {
                sorted.push(key, self.rows.get(*row).0);
            }
            let index = self.indexes[number].index.clone();
            let outcome = engine.insert_many(&mut txn, view, tree(index.tree), &sorted).await.lift()?;
            if outcome.duplicate {
                return Err(self.duplicate(&index, entries[outcome.inserted].1)?);
            }
            entries.clear();
            self.indexes[number].entries = entries;
        }
        if self.has_foreign_keys && !self.refers_to_itself {
            drop(txn);
            self.writer.finish().await?;
        }
        self.count += self.lines.len() as u64;
        self.rows.clear();
        self.lines.clear();
        self.bytes = 0;
        Ok(())
    }

    /// 23505 for a row of the batch.
    fn duplicate(&self, index: &IndexDef, row: usize) -> Result<Error> {
        let mut values: Vec<Datum> = Vec::new();
        self.table.shape.layout.decode_into(self.rows.get(row).1, &mut values)?;
        let error = self.writer.unique_violation(index, &values);
        Ok(with_context(error, || format!("COPY {}, line {}", self.table.name, self.lines[row])))
    }

    /// Writes what is left and checks what waits for the end. Returns the number of rows.
    ///
    /// # Errors
    /// 23503; whatever the batch meets.
    pub async fn finish(mut self) -> Result<u64> {
        self.flush().await?;
        self.writer.finish().await?;
        Ok(self.count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use engine::testing::MemoryVolume;
    use engine::{Engine, Options};
    use types::{Datum, Result, Settings};

    use super::BATCH_ROWS_MAX;
    use crate::session::{Client, Column, Database, Session, SessionOptions};

    const BATCHES: usize = 20;

    /// Sends a batch of rows at a time, each row with a parent of its own, and watches what is held in memory.
    struct Feeder {
        database: Arc<Database>,
        sent: usize,
        most: usize,
    }

    impl Client for Feeder {
        fn data_row(&mut self, _: &[Datum], _: &[Column], _: &[i16], _: &Settings) -> Result<()> {
            Ok(())
        }

        async fn copy_in_next(&mut self) -> Result<Option<Bytes>> {
            self.most = self.most.max(self.database.memory.used());
            if self.sent == BATCHES * BATCH_ROWS_MAX {
                return Ok(None);
            }
            let lines = self.sent..self.sent + BATCH_ROWS_MAX;
            self.sent = lines.end;
            Ok(Some(lines.map(|line| format!("{line}\n")).collect::<String>().into()))
        }
    }

    #[tokio::test]
    async fn keys_of_parents_are_forgotten_with_their_batch() {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let database = Database::open(engine, None).await.expect("a fresh catalog");
        let options =
            SessionOptions { user: "postgres".into(), database: "postgres".into(), ..SessionOptions::default() };
        let mut session = Session::new(database.clone(), options).await.expect("the superuser may connect");
        let mut client = Feeder { database, sent: 0, most: 0 };
        for statement in [
            "create table p (id int primary key)",
            &format!("insert into p select generate_series(0, {})", BATCHES * BATCH_ROWS_MAX),
            "create table c (id int references p)",
            "copy c from stdin",
        ] {
            session.simple(statement, &mut client).await.expect("it runs");
        }
        assert_eq!(client.sent, BATCHES * BATCH_ROWS_MAX);
        // A key takes some hundred bytes.
        assert!(client.most < 4 * 256 * BATCH_ROWS_MAX, "{} bytes are held", client.most);
    }
}
