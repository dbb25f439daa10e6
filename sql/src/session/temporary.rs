//! Temporary objects: ordinary ones in a schema of the session's own, which goes with the session.
//!
//! **Rule.** The schema `pg_temp_N` is made with the first object in it, in the same transaction, and again if that is rolled
//! back. Its number is a fresh oid, so that no other session ever has it: what a session leaves behind is in nobody's way, and
//! is dropped as soon as may be ([`Database::drop_left`]), whether it left, was terminated or went down with its server. What
//! others see of it is its rows in the catalog, and that its tables may not be read.
//!
//! **Caveats.** Its redo is written and kept by six nodes like any other, and each CREATE and DROP is a change of the catalog
//! for everybody, as is each commit that empties a table (ON COMMIT DELETE ROWS). A session whose writes a replica forwards has
//! no temporary objects: what it reads, it reads on the replica, which would not know which are its own.

use std::collections::{BTreeSet, HashSet};
use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use types::{Error, Result, SqlState};

use super::database::Database;
use super::portal::Prepared;
use super::state::{Session, SessionOptions};
use crate::catalog::{CatalogSnapshot, DatabaseDef, PG_TEMP, RoleDef, temporary_name, well_known};
use crate::exec;
use crate::parse::ast::{Name, Statement};

/// The numbers of a server's sessions that have temporary objects, and where those are of sessions that are gone.
#[derive(Debug, Default)]
pub(crate) struct Temporaries {
    numbers: Mutex<HashSet<u32>>,
    left_in: Mutex<BTreeSet<u32>>,
    left: Notify,
}

impl Temporaries {
    /// A session of `database` with this number is gone.
    pub fn end(&self, database: u32, number: u32) {
        // In this order: who looks in between finds what it has left now, or is told once more.
        self.numbers.lock().remove(&number);
        self.left_in.lock().insert(database);
        self.left.notify_one();
    }
}

/// How long dropping what a session has left waits for a lock, as on a table with a default from a temporary sequence, and has
/// others wait behind it.
const LOCK_TIMEOUT: &str = "1s";

/// The name that a statement gives to what it makes, and its command.
fn made(statement: &Statement) -> Option<(&Name, &'static str)> {
    match statement {
        Statement::CreateTable(table) => Some((&table.name, "CREATE TABLE")),
        Statement::CreateTableAs(table) => Some((&table.name, "CREATE TABLE AS")),
        Statement::CreateSequence { name, .. } => Some((name, "CREATE SEQUENCE")),
        Statement::CreateView(view) => Some((&view.name, "CREATE VIEW")),
        Statement::Explain { statement, .. } => made(statement),
        _ => None,
    }
}

impl Session {
    /// Gives the session a schema for temporary objects if the statement makes one and there is none yet.
    ///
    /// # Errors
    /// 0A000 in a session that a replica forwards, 25006 on a replica; what the engine returns.
    pub(super) async fn note_temporary(&mut self, statement: &Statement, catalog: &CatalogSnapshot) -> Result<()> {
        if self.temporary.is_some() {
            return Ok(());
        }
        let Some((name, command)) = made(statement) else { return Ok(()) };
        let names_it = match name.schema() {
            Some(schema) => schema == PG_TEMP,
            // Behind another schema it is only searched.
            None => {
                let path = self.context.usable_path();
                let first = path.iter().find(|name| &***name == PG_TEMP || catalog.schema_named(name).is_some());
                first.is_some_and(|name| &**name == PG_TEMP)
            }
        };
        if !names_it {
            return Ok(());
        }
        if self.forwarded {
            return Err(Error::unsupported("a temporary object in a session whose writes a replica forwards"));
        }
        if !self.database.engine.is_writer() {
            let message = format!("cannot execute {command} in a read-only transaction");
            return Err(Error::new(SqlState::READ_ONLY_SQL_TRANSACTION, message));
        }
        // Boxed, so that statements which make nothing temporary are no larger for it.
        let patience = self.context.patience();
        let number = Box::pin(self.database.oids.next(&self.database.engine, &patience)).await?;
        self.database.temporaries.numbers.lock().insert(number);
        self.temporary = Some(number);
        self.refresh_path();
        Ok(())
    }

    /// The name of the schema of the session's temporary objects, once it has one.
    pub(super) fn temporary_schema(&self) -> Option<Arc<str>> {
        self.temporary.map(temporary_name)
    }

    /// Does what temporary tables ask for when the transaction, which is about to commit, has written anything.
    ///
    /// # Errors
    /// As [`exec::on_commit`].
    pub(super) async fn finish_temporary(&mut self) -> Result<()> {
        let tables = self.context.on_commit();
        let writes = self.txn.lock().await.as_ref().is_some_and(|txn| txn.txid().is_some());
        if tables.is_empty() || !writes {
            return Ok(());
        }
        // The context's is to have what the transaction has made.
        self.catalog().await?;
        let context = self.exec_context(&Prepared::empty(Arc::from("")), Vec::new()).await?;
        let kept = exec::on_commit(&tables, &context).await?;
        self.context.set_on_commit(kept);
        Ok(())
    }

    /// Drops the session's temporary objects in its transaction.
    ///
    /// # Errors
    /// What the engine returns.
    pub(super) async fn discard_temporary(&mut self, prepared: &Prepared) -> Result<()> {
        let Some(number) = self.temporary else { return Ok(()) };
        let context = self.exec_context(prepared, Vec::new()).await?;
        exec::drop_temporary(number, &context).await?;
        self.after_ddl().await;
        Ok(())
    }
}

impl Database {
    /// Drops the temporary objects of sessions that are gone: of this server's, and `everywhere` of all that a writer before it
    /// has left. Does nothing on a replica.
    ///
    /// # Errors
    /// What the engine returns. Then some may be left, and must be looked for everywhere.
    pub async fn drop_left(self: &Arc<Self>, everywhere: bool) -> Result<()> {
        let left_in = mem::take(&mut *self.temporaries.left_in.lock());
        if !self.engine.is_writer() {
            return Ok(());
        }
        let shared = self.catalog(0).await?;
        let databases = shared.databases().filter(|it| everywhere || left_in.contains(&it.oid));
        let databases: Vec<Arc<DatabaseDef>> = databases.cloned().collect();
        let mut result = Ok(());
        for database in databases {
            let catalog = self.catalog(database.oid).await?;
            // After the catalog was read: a session has its number before there is anything in the catalog.
            let left: Vec<u32> = {
                let numbers = self.temporaries.numbers.lock();
                let schemas = catalog.schemas().filter(|it| it.is_temporary() && !numbers.contains(&it.oid));
                schemas.map(|it| it.oid).collect()
            };
            for number in left {
                // What must wait keeps nothing else from going.
                result = self.drop_temporary(&catalog, &database, number).await.and(result);
            }
        }
        result
    }

    async fn drop_temporary(
        self: &Arc<Self>,
        catalog: &CatalogSnapshot,
        database: &DatabaseDef,
        number: u32,
    ) -> Result<()> {
        let Some(superuser) = catalog.role(well_known::POSTGRES_ROLE) else { return Ok(()) };
        // Neither's settings are meant for this. Nor is it in the way of DROP DATABASE, which finds nobody in the database and
        // waits for the lock.
        let superuser = RoleDef { settings: Vec::new(), ..(**superuser).clone() };
        let unnamed = DatabaseDef { name: Arc::from(""), settings: Vec::new(), ..database.clone() };
        let settings = vec![("lock_timeout".to_owned(), LOCK_TIMEOUT.to_owned())];
        let options = SessionOptions { settings, ..SessionOptions::default() };
        let mut session = Session::of(self.clone(), &superuser, &unnamed, options).await?;
        session.ensure_transaction().await?;
        let context = session.exec_context(&Prepared::empty(Arc::from("")), Vec::new()).await?;
        exec::drop_left(number, &database.name, &context).await?;
        session.commit().await
    }

    /// Resolves when a session that had temporary objects is gone.
    pub async fn temporaries_left(&self) {
        self.temporaries.left.notified().await;
    }
}
