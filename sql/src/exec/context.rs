//! [`ExecContext`]: one running statement.

use std::sync::{Arc, OnceLock, Weak};

use engine::{CancelToken, Engine, Isolation, Txn, View};
use futures::lock::{MutexGuard, MutexLockFuture};
use hashbrown::HashMap;
use parking_lot::Mutex;
use types::{Datum, Error, Registry, Result, Settings, SqlState};

use super::cte::CteState;
use super::lift::lift;
use super::memory::Memory;
use super::probe::Probe;
use super::scan::ByOid;
use super::spill::Spooled;
use super::subquery::KeptRows;
use crate::bound::Plan;
use crate::catalog::CatalogSnapshot;
use crate::functions::SessionContext;

/// A session's transaction, shared with the statements and portals that run in it.
#[derive(Default)]
pub struct TxnCell(futures::lock::Mutex<Option<Txn>>);

impl TxnCell {
    /// The transaction, once nobody else holds it. Nobody does unless parts of a statement run beside each other: the
    /// lock is one that costs little while it is free, and gives those who wait no turns.
    pub fn lock(&self) -> MutexLockFuture<'_, Option<Txn>> {
        self.0.lock()
    }

    /// The transaction, if nobody holds it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, Option<Txn>>> {
        self.0.try_lock()
    }
}

/// A running statement: what its operators share.
pub struct ExecContext {
    pub session: Arc<SessionContext>,
    /// What the statement sees.
    pub view: View,
    pub catalog: Arc<CatalogSnapshot>,
    pub settings: Settings,
    /// `$1` and so on.
    pub params: Vec<Datum>,
    pub cancel: CancelToken,
    pub isolation: Isolation,
    pub(crate) txn: Arc<TxnCell>,
    /// Made when first asked for: keyed statements hold nothing.
    memory: OnceLock<Arc<Memory>>,
    /// Rows of subqueries that read no frame, by the address of their plan.
    kept: Mutex<HashMap<usize, Arc<KeptRows>>>,
    /// Of subqueries that do, likewise. The plan stays, so that no other comes to its address.
    probes: Mutex<HashMap<usize, (Arc<Plan>, Probe)>>,
    /// Those that are held by their WITH clauses.
    ctes: Mutex<HashMap<usize, Weak<CteState>>>,
    work_tables: Mutex<HashMap<usize, Arc<Spooled>>>,
    /// Rows of tables of the system, by the table and the place of a column.
    by_oid: Mutex<HashMap<(u32, usize), Arc<ByOid>>>,
}

impl ExecContext {
    pub(crate) fn new(
        session: Arc<SessionContext>,
        view: View,
        isolation: Isolation,
        catalog: Arc<CatalogSnapshot>,
        settings: Settings,
        params: Vec<Datum>,
        txn: Arc<TxnCell>,
    ) -> ExecContext {
        ExecContext {
            session,
            cancel: view.cancel_token().clone(),
            view,
            catalog,
            settings,
            params,
            isolation,
            txn,
            memory: OnceLock::new(),
            kept: Mutex::default(),
            probes: Mutex::default(),
            ctes: Mutex::default(),
            work_tables: Mutex::default(),
            by_oid: Mutex::default(),
        }
    }

    /// The server's engine. By way of the session, for a reference of its own would cost each statement.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.session.database.engine
    }

    /// What the statement holds in memory.
    pub fn memory(&self) -> &Arc<Memory> {
        self.memory.get_or_init(|| Arc::new(Memory::new(self.session.clone())))
    }

    pub fn registry(&self) -> &'static Registry {
        self.session.registry()
    }

    /// Ends a statement that was cancelled. Called once per batch of rows.
    ///
    /// # Errors
    /// 57014.
    pub fn check(&self) -> Result<()> {
        self.cancel.check().map_err(lift)
    }

    pub(crate) fn param(&self, index: usize) -> Result<&Datum> {
        self.params
            .get(index)
            .ok_or_else(|| Error::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter ${}", index + 1)))
    }

    /// The transaction, for a write. No expression is evaluated while it is held: some functions take it themselves.
    pub(crate) async fn txn(&self) -> Result<TxnGuard<'_>> {
        let guard = self.txn.lock().await;
        if guard.is_none() {
            return Err(Error::internal("a statement outlived its transaction"));
        }
        Ok(TxnGuard(guard))
    }

    pub(crate) fn kept(&self, key: usize) -> Option<Arc<KeptRows>> {
        self.kept.lock().get(&key).cloned()
    }

    pub(crate) fn keep(&self, key: usize, rows: Arc<KeptRows>) {
        self.kept.lock().insert(key, rows);
    }

    pub(super) fn by_oid(&self, key: (u32, usize)) -> Option<Arc<ByOid>> {
        self.by_oid.lock().get(&key).cloned()
    }

    pub(super) fn keep_by_oid(&self, key: (u32, usize), rows: Arc<ByOid>) {
        self.by_oid.lock().insert(key, rows);
    }

    pub(crate) fn probe(&self, plan: &Arc<Plan>) -> Option<Probe> {
        self.probes.lock().get(&Arc::as_ptr(plan).addr()).map(|(_, probe)| probe.clone())
    }

    pub(crate) fn note_probe(&self, plan: &Arc<Plan>, probe: Probe) {
        self.probes.lock().insert(Arc::as_ptr(plan).addr(), (plan.clone(), probe));
    }

    /// Forgets what subqueries made of a WITH query, or of a round of it, that is not theirs any more.
    fn forget_kept(&self, id: usize) {
        self.kept.lock().retain(|_, rows| !rows.reads.contains(&id));
    }

    pub(crate) fn declare_cte(&self, id: usize, state: &Arc<CteState>) {
        if self.ctes.lock().insert(id, Arc::downgrade(state)).is_some() {
            // Declared anew, for another outer row.
            self.forget_kept(id);
        }
    }

    pub(crate) fn cte(&self, id: usize) -> Result<Arc<CteState>> {
        let known = self.ctes.lock().get(&id).and_then(Weak::upgrade);
        known.ok_or_else(|| Error::internal("a scan of an unknown WITH query"))
    }

    pub(crate) fn set_work_table(&self, id: usize, rows: Arc<Spooled>) {
        if self.work_tables.lock().insert(id, rows).is_some() {
            self.forget_kept(id);
        }
    }

    pub(crate) fn work_table(&self, id: usize) -> Result<Arc<Spooled>> {
        let rows = self.work_tables.lock().get(&id).cloned();
        rows.ok_or_else(|| Error::internal("a scan of an unknown recursive query"))
    }
}

/// The transaction, held for one operation.
pub(crate) struct TxnGuard<'a>(MutexGuard<'a, Option<Txn>>);

impl std::ops::Deref for TxnGuard<'_> {
    type Target = Txn;
    fn deref(&self) -> &Txn {
        self.0.as_ref().expect("checked when the guard was made")
    }
}

impl std::ops::DerefMut for TxnGuard<'_> {
    fn deref_mut(&mut self) -> &mut Txn {
        self.0.as_mut().expect("checked when the guard was made")
    }
}
