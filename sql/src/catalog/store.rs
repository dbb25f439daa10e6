//! The catalog's rows in the engine's catalog tree: scanning them into a snapshot, writing them inside a transaction.

use std::ops::Bound;
use std::sync::Arc;

use engine::{Direction, Engine, InsertOutcome, Isolation, KeyRange, LockStrength, Rows, Txn, Verdict, View};
use protocol::Lsn;
use types::{Error, Result, SqlState};

use super::build;
use super::codec::{self, Class, Object};
use super::database::DatabaseDef;
use super::snapshot::{CatalogSnapshot, Comment};
use super::{FIRST_NORMAL_OID, SequenceDef, well_known};
use crate::exec::Lift;

/// Rows read at once.
const BATCH_ROWS: usize = 256;
/// Oids made usable by one record.
const OIDS_PER_RECORD: u64 = 64;

/// Where a database's rows are; shared ones belong to database 0.
fn home(database: u32, object: &Object) -> u32 {
    match object {
        Object::Role(_) | Object::Database(_) | Object::Counter(_) => 0,
        Object::Comment(comment) if comment.class == well_known::PG_DATABASE => 0,
        _ => database,
    }
}

fn key_of(database: u32, object: &Object) -> Vec<u8> {
    let home = home(database, object);
    match object {
        Object::Schema(it) => codec::key(home, Class::Schema, it.oid),
        Object::Table(it) => codec::key(home, Class::Table, it.oid),
        Object::View(it) => codec::key(home, Class::View, it.oid),
        Object::Index(it) => codec::key(home, Class::Index, it.oid),
        Object::Constraint(it) => codec::key(home, Class::Constraint, it.oid),
        Object::Sequence(it) => codec::key(home, Class::Sequence, it.oid),
        Object::Role(it) => codec::key(home, Class::Role, it.oid),
        Object::Database(it) => codec::key(home, Class::Database, it.oid),
        Object::Comment(it) => codec::comment_key(home, it),
        Object::Counter(_) => codec::key(home, Class::Counter, 0),
    }
}

/// Reads everything that `view` sees of a database.
///
/// # Errors
/// XX001 for rows that cannot be read; what the engine returns.
pub(crate) async fn load(engine: &Arc<Engine>, view: &View, database: u32, version: u64) -> Result<CatalogSnapshot> {
    let mut objects = Vec::new();
    for home in [0, database] {
        let range = KeyRange {
            lower: Bound::Included(codec::key(home, Class::Counter, 0)),
            upper: Bound::Excluded(codec::key(home, Class::SequenceState, 0)),
        };
        let mut scan = engine.scan(view, engine.catalog_tree(), range, Direction::Forward);
        let mut rows = Rows::new();
        while scan.next_batch(&mut rows, BATCH_ROWS).await.lift()? > 0 {
            for (key, row) in rows.iter() {
                let class = codec::class_of(key);
                let class = class.ok_or_else(|| Error::new(SqlState::DATA_CORRUPTED, "a catalog row of no class"))?;
                objects.push(codec::decode(class, row)?);
            }
        }
    }
    Ok(CatalogSnapshot { observed: view.observed(), ..build::snapshot(version, database, objects) })
}

/// Writes rows of a definition, new or not, inside the user's transaction.
pub(crate) struct Writer<'a> {
    pub engine: &'a Arc<Engine>,
    pub database: u32,
}

impl Writer<'_> {
    /// Stores a definition in place of any older one.
    ///
    /// # Errors
    /// What the engine returns.
    pub async fn put(&self, txn: &mut Txn, object: &Object) -> Result<()> {
        put(self.engine, txn, &key_of(self.database, object), codec::encode(object)?).await
    }

    /// Removes a definition.
    ///
    /// # Errors
    /// What the engine returns.
    pub async fn remove(&self, txn: &mut Txn, object: &Object) -> Result<()> {
        self.remove_key(txn, &key_of(self.database, object)).await
    }

    async fn remove_key(&self, txn: &mut Txn, key: &[u8]) -> Result<()> {
        txn.touch_catalog();
        let view = self.engine.statement(txn);
        let tree = self.engine.catalog_tree();
        self.engine.delete(txn, &view, tree, key, None, &mut |_, _| Ok(true)).await.lift()?;
        Ok(())
    }

    /// Sets or removes a comment.
    ///
    /// # Errors
    /// What the engine returns.
    pub async fn comment(&self, txn: &mut Txn, class: u32, object: u32, column: i32, text: Option<&str>) -> Result<()> {
        let comment = Comment { class, object, column, text: Arc::from(text.unwrap_or("")) };
        let row = Object::Comment(comment);
        match text {
            Some(_) => self.put(txn, &row).await,
            None => self.remove(txn, &row).await,
        }
    }

    /// Gives a new database its schemas.
    ///
    /// # Errors
    /// What the engine returns.
    pub async fn found(&self, txn: &mut Txn, database: &DatabaseDef) -> Result<()> {
        self.put(txn, &Object::Database(database.clone())).await?;
        let own = Writer { engine: self.engine, database: database.oid };
        for schema in build::initial_schemas() {
            own.put(txn, &Object::Schema(schema)).await?;
        }
        Ok(())
    }
}

async fn put(engine: &Arc<Engine>, txn: &mut Txn, key: &[u8], row: Vec<u8>) -> Result<()> {
    txn.touch_catalog();
    let view = engine.statement(txn);
    let tree = engine.catalog_tree();
    if engine.insert(txn, &view, tree, key, &row).await.lift()? == InsertOutcome::Inserted {
        return Ok(());
    }
    let replace = &mut |_: &[u8], _: bool| Ok(Verdict::Replace(row.clone()));
    engine.update(txn, &view, tree, key, LockStrength::NoKeyUpdate, replace).await.lift()?;
    Ok(())
}

/// Fills the catalog of a new volume; does nothing if there is one.
///
/// # Errors
/// What the engine returns.
pub(crate) async fn bootstrap(engine: &Arc<Engine>) -> Result<()> {
    let mut txn = engine.begin(Isolation::ReadCommitted);
    let view = engine.statement(&mut txn);
    let existing = load(engine, &view, 0, 0).await?;
    if existing.databases().next().is_some() {
        return Ok(());
    }
    let writer = Writer { engine, database: 0 };
    for object in build::initial_shared() {
        match &object {
            Object::Database(database) => writer.found(&mut txn, database).await?,
            object => writer.put(&mut txn, object).await?,
        }
    }
    writer.put(&mut txn, &Object::Counter(u64::from(FIRST_NORMAL_OID))).await?;
    engine.commit(txn).await.lift()?;
    Ok(())
}

/// Hands out oids from a counter that is raised before they are used.
#[derive(Debug, Default)]
pub(crate) struct Oids {
    range: tokio::sync::Mutex<(u64, u64)>,
}

impl Oids {
    /// A fresh oid.
    ///
    /// # Errors
    /// What the engine returns; 54000 when all are used up.
    pub async fn next(&self, engine: &Arc<Engine>) -> Result<u32> {
        let mut range = self.range.lock().await;
        if range.0 == range.1 {
            let first = raise_counter(engine, OIDS_PER_RECORD).await?;
            *range = (first, first + OIDS_PER_RECORD);
        }
        let oid = u32::try_from(range.0).ok().filter(|oid| *oid < 0x4000_0000);
        range.0 += 1;
        oid.ok_or_else(|| Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "object identifiers are used up"))
    }

    /// Forgets what was reserved: this server has just become the writer.
    pub async fn clear(&self) {
        *self.range.lock().await = (0, 0);
    }
}

/// Raises the oid counter in a transaction of its own; returns its value before.
async fn raise_counter(engine: &Arc<Engine>, by: u64) -> Result<u64> {
    let key = codec::key(0, Class::Counter, 0);
    let mut before = None;
    let mut failed = None;
    write_alone(engine, &key, |row| {
        match row.map(|row| codec::decode(Class::Counter, row)) {
            Some(Ok(Object::Counter(value))) => before = Some(value),
            Some(Err(error)) => failed = Some(error),
            _ => before = Some(u64::from(FIRST_NORMAL_OID)),
        }
        codec::encode(&Object::Counter(before.unwrap_or(0) + by)).unwrap_or_default()
    })
    .await?;
    match (before, failed) {
        (Some(before), None) => Ok(before),
        (_, failed) => Err(failed.unwrap_or_else(|| Error::internal("the counter of oids is unreadable"))),
    }
}

/// Reads and writes one row of the catalog tree in a transaction of its own, outside of any user's. `change` is given the
/// newest row, if there is one, and may be called more than once. Returns the LSN of the commit.
///
/// # Errors
/// What the engine returns.
pub(crate) async fn write_alone(
    engine: &Arc<Engine>,
    key: &[u8],
    mut change: impl FnMut(Option<&[u8]>) -> Vec<u8> + Send,
) -> Result<Lsn> {
    let mut txn = engine.begin(Isolation::ReadCommitted);
    let view = engine.statement(&mut txn);
    let tree = engine.catalog_tree();
    let replace = &mut |row: &[u8], _: bool| Ok(Verdict::Replace(change(Some(row))));
    let outcome = engine.update(&mut txn, &view, tree, key, LockStrength::NoKeyUpdate, replace).await.lift()?;
    if outcome == engine::WriteOutcome::Gone {
        let row = change(None);
        engine.insert(&mut txn, &view, tree, key, &row).await.lift()?;
    }
    engine.commit(txn).await.lift()
}

/// The key of a sequence's state. That of its first generation has no number.
pub(crate) fn sequence_key(database: u32, sequence: &SequenceDef) -> Vec<u8> {
    let mut key = codec::key(database, Class::SequenceState, sequence.oid);
    if sequence.generation > 0 {
        key.extend(sequence.generation.to_be_bytes());
    }
    key
}
