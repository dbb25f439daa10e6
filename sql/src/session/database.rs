//! [`Database`]: what all sessions of one server share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use engine::Engine;
use parking_lot::Mutex;
use protocol::Lsn;
use protocol::volume::RedoLog;
use tokio::sync::watch;
use types::{Error, Result, SqlState};

use super::advisory::AdvisoryLocks;
use super::backend::Backends;
use super::notifications::Notifications;
use super::plans::{PlanStats, Plans};
use super::sequences::Sequences;
use super::temporary::Temporaries;
use crate::catalog::CatalogSnapshot;
use crate::catalog::store::{self, Oids};
use crate::exec::{Lift, RowIds, ServerMemory, SpillCounts, TemporaryDirectory, VectorExecutor};
use crate::functions::Admin;

/// The SQL side of one server, over its engine. All databases of the volume are served by one of these.
pub struct Database {
    pub engine: Arc<Engine>,
    pub backends: Backends,
    pub sequences: Sequences,
    /// When this server started, in microseconds since 2000-01-01 UTC.
    pub started: i64,
    pub(crate) row_ids: RowIds,
    pub(crate) advisory: AdvisoryLocks,
    pub(crate) notifications: Notifications,
    pub(crate) memory: ServerMemory,
    pub(crate) spilled: SpillCounts,
    pub(crate) oids: Oids,
    pub(crate) temporaries: Temporaries,
    pub(crate) plans: Plans,
    /// Whether this server is the writer, for those who wait for it to change.
    pub(crate) role: watch::Sender<bool>,
    vector: Option<Arc<dyn VectorExecutor>>,
    admin: OnceLock<Arc<dyn Admin>>,
    temporary_directory: OnceLock<TemporaryDirectory>,
    catalogs: Mutex<HashMap<u32, Arc<CatalogSnapshot>>>,
    /// Held by who reads a catalog, for all who wait for it.
    reading: tokio::sync::Mutex<()>,
}

/// Microseconds since 2000-01-01 UTC.
pub(crate) fn now() -> i64 {
    /// From 1970-01-01 to 2000-01-01.
    const EPOCH_MICROS: i64 = 946_684_800_000_000;
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_micros() as i64);
    since_1970 - EPOCH_MICROS
}

impl Database {
    /// Opens the SQL side of a server. On a writer with a fresh volume this fills the catalog.
    ///
    /// # Errors
    /// What the engine returns.
    pub async fn open(engine: Arc<Engine>, vector: Option<Arc<dyn VectorExecutor>>) -> Result<Arc<Database>> {
        if engine.is_writer() {
            store::bootstrap(&engine).await?;
        }
        let role = watch::Sender::new(engine.is_writer());
        Ok(Arc::new(Database {
            engine,
            backends: Backends::default(),
            sequences: Sequences::default(),
            started: now(),
            row_ids: RowIds::default(),
            advisory: AdvisoryLocks::default(),
            notifications: Notifications::default(),
            memory: ServerMemory::default(),
            spilled: SpillCounts::default(),
            oids: Oids::default(),
            temporaries: Temporaries::default(),
            plans: Plans::default(),
            role,
            vector,
            admin: OnceLock::new(),
            temporary_directory: OnceLock::new(),
            catalogs: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }))
    }

    /// Tells what the process can do for `pg_promote()` and `redoubt.status()`. The first call counts.
    pub fn set_admin(&self, admin: Arc<dyn Admin>) {
        // A second one would be the same process.
        let _ = self.admin.set(admin);
    }

    /// Tells where spilled rows go; without it, to the system's temporary directory. The first call counts.
    pub fn set_temporary_directory(&self, directory: TemporaryDirectory) {
        // A second one would be the same process.
        let _ = self.temporary_directory.set(directory);
    }

    pub(crate) fn temporary_directory(&self) -> &TemporaryDirectory {
        self.temporary_directory.get_or_init(TemporaryDirectory::default)
    }

    pub(crate) fn admin(&self) -> Result<&Arc<dyn Admin>> {
        self.admin.get().ok_or_else(|| {
            Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "this server does not manage a cluster")
        })
    }

    /// How the plans that sessions share are used.
    pub fn plan_stats(&self) -> PlanStats {
        self.plans.stats()
    }

    pub(crate) fn vector(&self) -> Option<&Arc<dyn VectorExecutor>> {
        self.vector.as_ref()
    }

    /// Makes this server the writer over `log`, whose end is `vdl`; its sessions hear of it.
    ///
    /// What it remembers of counters is from another writer's time. That goes *before* the engine lets writes in: a row id
    /// drawn in between would be forgotten, and given out again.
    ///
    /// # Errors
    /// What the engine returns; the server is then what it was.
    pub async fn promote(&self, log: Arc<dyn RedoLog>, vdl: Lsn) -> Result<()> {
        if self.engine.is_writer() {
            return Ok(());
        }
        self.sequences.clear();
        self.row_ids.clear();
        self.oids.clear().await;
        self.engine.promote(log, vdl).await.lift()?;
        self.role.send_replace(true);
        Ok(())
    }

    /// The newest committed catalog of a database (0: the shared objects alone), as of no earlier than the call.
    ///
    /// # Errors
    /// What reading it returns.
    pub async fn catalog(&self, database: u32) -> Result<Arc<CatalogSnapshot>> {
        let wanted = self.engine.catalog_version();
        if let Some(found) = self.kept_catalog(database, wanted) {
            return Ok(found);
        }
        let _reading = self.reading.lock().await;
        if let Some(found) = self.kept_catalog(database, wanted) {
            return Ok(found);
        }
        loop {
            let version = self.engine.catalog_version();
            let newest = self.engine.snapshot();
            // The version moves a moment before the commit that moved it is published, on a replica with the redo around it.
            // If it stands, the snapshot is of this version, whatever moves it while the catalog is read.
            if newest.lsn() < self.engine.catalog_lsn() || self.engine.catalog_version() != version {
                tokio::task::yield_now().await;
                continue;
            }
            let view = self.engine.view(newest);
            let catalog = Arc::new(store::load(&self.engine, &view, database, version).await?);
            self.catalogs.lock().insert(database, catalog.clone());
            return Ok(catalog);
        }
    }

    /// The catalog in memory, if it is of this version or a later one.
    fn kept_catalog(&self, database: u32, version: u64) -> Option<Arc<CatalogSnapshot>> {
        self.catalogs.lock().get(&database).filter(|kept| kept.version >= version).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::testing::MemoryVolume;
    use engine::{Isolation, Options};
    use protocol::volume::RedoSink;

    async fn move_version(engine: &Arc<Engine>) {
        let mut txn = engine.begin(Isolation::ReadCommitted);
        txn.touch_catalog();
        engine.assign(&mut txn).await.expect("there are ids");
        engine.commit(txn).await.expect("it commits");
    }

    #[tokio::test]
    async fn a_catalog_that_moves_while_it_is_read_is_read_once() {
        let volume = MemoryVolume::new();
        let engine = Engine::bootstrap(volume.clone(), Options::default()).await.expect("an empty volume");
        let database = Database::open(engine.clone(), None).await.expect("a fresh catalog");
        engine.invalidate(engine.visible_up_to());
        volume.slow_reads(3);
        // What a commit needs is cached from here on, and the catalog is not.
        move_version(&engine).await;
        let version = engine.catalog_version();
        let (read, ()) = futures::future::join(database.catalog(0), move_version(&engine)).await;
        assert_eq!(read.expect("it can be read").version, version);
        assert_eq!(engine.catalog_version(), version + 1);
        assert_eq!(database.catalog(0).await.expect("it can be read").version, version + 1);
    }

    #[tokio::test]
    async fn a_catalog_is_read_by_one_for_all_who_wait() {
        let volume = MemoryVolume::new();
        let engine = Engine::bootstrap(volume.clone(), Options::default()).await.expect("an empty volume");
        let database = Database::open(engine.clone(), None).await.expect("a fresh catalog");
        engine.invalidate(engine.visible_up_to());
        volume.slow_reads(3);
        let (one, other) = futures::future::join(database.catalog(0), database.catalog(0)).await;
        assert!(Arc::ptr_eq(&one.expect("it can be read"), &other.expect("it can be read")));
    }
}
