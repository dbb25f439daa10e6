//! The catalog's rows in the engine's catalog tree: scanning them into a snapshot, writing them inside a transaction.
//!
//! **Rule.** A definition is stored in place of the one it was made from, and of no other. Whoever writes one says what
//! was there when it looked; if the row is not that any more, the statement fails as PostgreSQL's does ("tuple
//! concurrently updated"). Locks make such a meeting rare, and what the loser waited for is then read again under them:
//! this is the net below, without which one forgotten lock would undo a committed definition, or bring back a dropped one
//! over a tree that is another's by now.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use engine::{
    CancelToken, Direction, Engine, InsertOutcome, Isolation, KeyRange, LockStrength, Rows, Txn, Verdict, View,
    WriteOutcome,
};
use protocol::Lsn;
use types::{Error, Result, SqlState};

use super::build;
use super::codec::{self, Class, Object};
use super::database::DatabaseDef;
use super::snapshot::CatalogSnapshot;
use super::{FIRST_NORMAL_OID, SequenceDef, well_known};
use crate::exec::{Lift, lift};

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

/// Where a definition is stored.
pub(crate) fn key_of(database: u32, object: &Object) -> Vec<u8> {
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
    /// Stores a definition that is new.
    ///
    /// # Errors
    /// XX000 when there is one by now; what the engine returns.
    pub async fn create(&self, txn: &mut Txn, object: &Object) -> Result<()> {
        txn.touch_catalog();
        let (key, row) = (key_of(self.database, object), codec::encode(object)?);
        let view = self.engine.newest(txn);
        match self.engine.insert(txn, &view, self.engine.catalog_tree(), &key, &row).await.lift()? {
            InsertOutcome::Inserted => Ok(()),
            InsertOutcome::Duplicate { .. } => Err(overtaken("updated")),
        }
    }

    /// Stores a definition in place of `before`, from which it was made.
    ///
    /// # Errors
    /// XX000 when that is not what is stored; what the engine returns.
    pub async fn replace(&self, txn: &mut Txn, before: &Object, object: &Object) -> Result<()> {
        txn.touch_catalog();
        let (key, row) = (key_of(self.database, object), codec::encode(object)?);
        let mut expected = Expected::of(&key, before)?;
        let view = self.engine.newest(txn);
        let decide = &mut |stored: &[u8], _| match expected.is(stored) {
            true => Ok(Verdict::Replace(row.clone())),
            false => Ok(Verdict::Skip),
        };
        let tree = self.engine.catalog_tree();
        let outcome = self.engine.update(txn, &view, tree, &key, LockStrength::NoKeyUpdate, decide).await.lift()?;
        expected.met(&outcome)?;
        if outcome == WriteOutcome::Gone { Err(overtaken("deleted")) } else { Ok(()) }
    }

    /// Removes a definition. That somebody else has removed it is as good.
    ///
    /// # Errors
    /// XX000 when another is stored; what the engine returns.
    pub async fn remove(&self, txn: &mut Txn, object: &Object) -> Result<()> {
        txn.touch_catalog();
        let key = key_of(self.database, object);
        let mut expected = Expected::of(&key, object)?;
        let view = self.engine.newest(txn);
        let tree = self.engine.catalog_tree();
        let agree = &mut |stored: &[u8], _| Ok(expected.is(stored));
        let outcome = self.engine.delete(txn, &view, tree, &key, None, agree).await.lift()?;
        expected.met(&outcome)
    }

    /// Gives a new database its schemas.
    ///
    /// # Errors
    /// What the engine returns.
    pub async fn found(&self, txn: &mut Txn, database: &DatabaseDef) -> Result<()> {
        self.create(txn, &Object::Database(database.clone())).await?;
        let own = Writer { engine: self.engine, database: database.oid };
        for schema in build::initial_schemas() {
            own.create(txn, &Object::Schema(schema)).await?;
        }
        Ok(())
    }
}

/// What a row must be for it to be replaced or removed.
struct Expected {
    class: Class,
    row: Vec<u8>,
    /// A row that cannot be read.
    failed: Option<Error>,
}

impl Expected {
    fn of(key: &[u8], before: &Object) -> Result<Expected> {
        let class = codec::class_of(key).ok_or_else(|| Error::internal("a definition of no class"))?;
        Ok(Expected { class, row: codec::encode(before)?, failed: None })
    }

    fn is(&mut self, stored: &[u8]) -> bool {
        if stored == self.row {
            return true;
        }
        // One that an older version has stored may say the same in fewer bytes.
        let again = codec::decode(self.class, stored).and_then(|object| match object {
            Object::Schema(schema) => codec::encode(&Object::Schema(build::shown(schema))),
            object => codec::encode(&object),
        });
        match again {
            Ok(again) => again == self.row,
            Err(error) => {
                self.failed = Some(error);
                false
            }
        }
    }

    fn met(self, outcome: &WriteOutcome) -> Result<()> {
        match self.failed {
            Some(error) => Err(error),
            None if *outcome == WriteOutcome::Skipped => Err(overtaken("updated")),
            None => Ok(()),
        }
    }
}

/// As PostgreSQL says it of the same race.
fn overtaken(how: &str) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, format!("tuple concurrently {how}"))
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
            object => writer.create(&mut txn, object).await?,
        }
    }
    writer.create(&mut txn, &Object::Counter(u64::from(FIRST_NORMAL_OID))).await?;
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
    pub async fn next(&self, engine: &Arc<Engine>, patience: &Patience) -> Result<u32> {
        let mut range = patience.take(&self.range).await?;
        if range.0 == range.1 {
            let first = raise_counter(engine, patience, OIDS_PER_RECORD).await?;
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
async fn raise_counter(engine: &Arc<Engine>, patience: &Patience, by: u64) -> Result<u64> {
    let key = codec::key(0, Class::Counter, 0);
    let mut before = None;
    let mut failed = None;
    write_alone(engine, patience, &key, |row| {
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

/// How long somebody waits who writes outside of their transaction: as long as inside of it.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    pub cancel: CancelToken,
    pub lock_timeout: Option<Duration>,
}

impl Patience {
    /// Waits for a mutex that is held over a write.
    ///
    /// # Errors
    /// 57014.
    pub async fn take<'a, T>(&self, mutex: &'a tokio::sync::Mutex<T>) -> Result<tokio::sync::MutexGuard<'a, T>> {
        tokio::select! {
            guard = mutex.lock() => Ok(guard),
            () = self.cancel.cancelled() => Err(lift(engine::Error::Cancelled)),
        }
    }
}

/// Reads and writes one row of the catalog tree in a transaction of its own, outside of any user's. `change` is given the
/// newest row, if there is one, and may be called more than once. Returns the LSN of the commit.
///
/// # Errors
/// What the engine returns.
pub(crate) async fn write_alone(
    engine: &Arc<Engine>,
    patience: &Patience,
    key: &[u8],
    mut change: impl FnMut(Option<&[u8]>) -> Vec<u8> + Send,
) -> Result<Lsn> {
    let mut txn = engine.begin_with(Isolation::ReadCommitted, patience.cancel.clone());
    txn.set_lock_timeout(patience.lock_timeout);
    let tree = engine.catalog_tree();
    loop {
        let view = engine.statement(&mut txn);
        let replace = &mut |row: &[u8], _| Ok(Verdict::Replace(change(Some(row))));
        let outcome = engine.update(&mut txn, &view, tree, key, LockStrength::NoKeyUpdate, replace).await.lift()?;
        if outcome != WriteOutcome::Gone {
            break;
        }
        let row = change(None);
        if engine.insert(&mut txn, &view, tree, key, &row).await.lift()? == InsertOutcome::Inserted {
            break;
        }
        // Somebody else was the first: theirs is the newest row now.
    }
    engine.commit(txn).await.lift()
}

/// A sequence as `view` sees it; `None` if it is gone. `known` is what it was.
///
/// # Errors
/// XX001 for a row that cannot be read; what the engine returns.
pub(crate) async fn sequence_seen(
    engine: &Arc<Engine>,
    view: &View,
    database: u32,
    known: &SequenceDef,
) -> Result<Option<SequenceDef>> {
    let key = codec::key(database, Class::Sequence, known.oid);
    let Some(row) = engine.get(view, engine.catalog_tree(), &key).await.lift()? else {
        return Ok(None);
    };
    match codec::decode(Class::Sequence, &row)? {
        Object::Sequence(found) => Ok(Some(SequenceDef { schema_name: known.schema_name.clone(), ..found })),
        _ => Err(Error::internal("the row of a sequence holds something else")),
    }
}

/// The key of a sequence's state. That of its first generation has no number.
pub(crate) fn sequence_key(database: u32, sequence: &SequenceDef) -> Vec<u8> {
    let mut key = codec::key(database, Class::SequenceState, sequence.oid);
    if sequence.generation > 0 {
        key.extend(sequence.generation.to_be_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::SchemaDef;
    use engine::Options;
    use engine::testing::MemoryVolume;

    #[tokio::test]
    async fn a_definition_takes_the_place_of_the_one_it_was_made_from() {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        bootstrap(&engine).await.expect("an empty catalog");
        let writer = Writer { engine: &engine, database: 5 };
        let owned = |owner| Object::Schema(SchemaDef { oid: 20_000, name: Arc::from("s"), owner, acl: None });
        let (first, second, third) = (owned(1), owned(2), owned(3));
        let updated = |result: Result<()>| {
            assert_eq!(result.expect_err("another stands there").message, "tuple concurrently updated");
        };
        let mut txn = engine.begin(Isolation::ReadCommitted);
        writer.create(&mut txn, &first).await.expect("there is none");
        engine.commit(txn).await.expect("it commits");
        let mut txn = engine.begin(Isolation::ReadCommitted);
        updated(writer.create(&mut txn, &second).await);
        updated(writer.replace(&mut txn, &second, &third).await);
        updated(writer.remove(&mut txn, &second).await);
        writer.replace(&mut txn, &first, &second).await.expect("it is what is there");
        updated(writer.replace(&mut txn, &first, &third).await);
        writer.remove(&mut txn, &second).await.expect("it is what is there");
        let gone = writer.replace(&mut txn, &second, &third).await.expect_err("it is removed");
        assert_eq!(gone.message, "tuple concurrently deleted");
        writer.remove(&mut txn, &second).await.expect("it is gone already");
        engine.commit(txn).await.expect("it commits");
    }
}
