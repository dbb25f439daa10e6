//! Prepared statements and portals.

use std::borrow::Cow;
use std::sync::Arc;

use engine::TableLockMode;
use parking_lot::Mutex;
use smallvec::SmallVec;
use types::{Datum, Error, Result, SqlState};

use super::client::Column;
use super::cursor::{BATCH_ROWS, Cursor};
use super::database::now;
use super::identity::Actor;
use super::run::locks_of;
use super::state::{Session, is_transaction_control, wire_columns};
use super::transaction::Block;
use crate::bind::{self, BindContext};
use crate::bound::{Bound, Statement};
use crate::catalog::CatalogSnapshot;
use crate::exec::{ExecContext, Gathered, RowSource, lift};
use crate::functions::searched;
use crate::parse::Parsed;
use crate::parse::lift::Slot;
use crate::plan;

/// A statement that was parsed, bound and planned.
pub(crate) struct Prepared {
    pub sql: Arc<str>,
    /// `None` for an empty statement.
    pub parsed: Option<Parsed>,
    pub bound: Bound,
    /// The catalog that the plan was made under.
    pub catalog: Option<Arc<CatalogSnapshot>>,
    /// Where its names were looked up.
    pub search_path: Arc<[Arc<str>]>,
    /// By whom: a schema that one may not use is not searched.
    pub user: Actor,
    /// Result columns, if the statement alone says what they are.
    pub columns: Option<Arc<[Column]>>,
    /// The literals that became parameters, in the order of these; all of its parameters if there are any.
    pub lifted: Box<[Slot]>,
    pub made: i64,
    /// The text of the PREPARE that made it; `None` if the client's protocol did.
    pub by: Option<Arc<str>>,
}

impl Prepared {
    /// Whether other sessions, and other executions, may use it under this version of the catalog: the statement is one of
    /// those that come often, and means the same each time. A plan with notices would have to give them each time.
    pub fn is_shareable(&self, catalog: u64) -> bool {
        let repeatable = matches!(
            self.bound.statement,
            Statement::Query(_)
                | Statement::Insert(_)
                | Statement::Update(_)
                | Statement::Delete(_)
                | Statement::Transaction(_)
        );
        // The catalog may have moved on while it was bound.
        let current = self.catalog.as_ref().is_some_and(|it| it.version == catalog);
        repeatable && current && self.bound.notices.is_empty() && !self.bound.reads_clock
    }

    /// The types of its parameters: those that it keeps when it is bound again, for their values are, or will be, of these.
    pub fn param_types(&self) -> Vec<u32> {
        self.bound.params.iter().map(|ty| ty.oid).collect()
    }

    /// Whether its names were looked up along this path.
    fn follows(&self, path: &Arc<[Arc<str>]>) -> bool {
        Arc::ptr_eq(&self.search_path, path) || self.search_path == *path
    }

    /// Whether another statement's result has columns of the same names and types.
    fn yields_as(&self, other: &Prepared) -> bool {
        let own = self.columns.as_deref().unwrap_or_default();
        let others = other.columns.as_deref().unwrap_or_default();
        own.len() == others.len() && own.iter().zip(others).all(|(a, b)| a.name == b.name && a.ty == b.ty)
    }

    pub fn empty(sql: Arc<str>) -> Prepared {
        let bound = Bound {
            statement: Statement::Empty,
            params: Vec::new(),
            required: Vec::new(),
            notices: Vec::new(),
            with: Vec::new(),
            reads_clock: false,
        };
        Prepared {
            sql,
            parsed: None,
            bound,
            catalog: None,
            search_path: Arc::from([]),
            user: Actor::Known { oid: 0, superuser: false },
            columns: None,
            lifted: Box::default(),
            made: now(),
            by: None,
        }
    }
}

/// Format codes as in Bind; mostly one for all columns.
pub(crate) type Formats = SmallVec<[i16; 4]>;

/// A portal: a statement with its parameters, and how far it came.
pub(crate) struct Portal {
    pub prepared: Arc<Prepared>,
    pub params: Vec<Datum>,
    /// Result formats as in Bind.
    pub formats: Formats,
    pub columns: Option<Arc<[Column]>>,
    pub state: PortalState,
    /// Where FETCH left off.
    pub cursor: Cursor,
    /// Whether the statement is one of several of a simple query.
    pub multiple: bool,
    /// Whether the client knows the columns of its rows, or could have asked for them: those of a prepared statement stay.
    pub is_described: bool,
    /// Whether Bind has found, under the catalog of its plan, that the user may run it.
    pub is_permitted: bool,
    /// How many savepoints there were when it was made: it goes with the innermost of them.
    pub depth: usize,
    pub hold: Hold,
    /// The text of the Query message it came with, which is not its plan's if literals were lifted.
    pub text: Option<Arc<str>>,
}

/// Whether a portal outlives its transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hold {
    No,
    /// It was declared WITH HOLD, and stays if its transaction commits.
    AtCommit,
    /// Its transaction has committed: it goes with no other.
    Held,
}

pub(crate) enum PortalState {
    Ready,
    Running(Running),
    /// The rows that were left of a cursor WITH HOLD when its transaction came to its end. Behind a mutex as those of
    /// [`Running`].
    Held(Mutex<RowSource>),
    /// Run to its end. With the tag that it is answered with when it is executed again, for there are no more rows; without
    /// one it cannot be, as it would do again what it did.
    Done(Option<Cow<'static, str>>),
    /// An error ended it, behind a savepoint that it does not go with: it cannot go on.
    Failed,
}

/// Rows being sent.
pub(crate) struct Running {
    /// Behind a mutex that nobody locks: with it a session may be shared between threads, if only by reference.
    pub source: Mutex<RowSource>,
    pub context: Arc<ExecContext>,
    /// The tag, without the count for SELECT and FETCH.
    pub tag: Tag,
}

/// How a statement's end is told.
#[derive(Clone, Debug)]
pub(crate) enum Tag {
    /// Followed by the number of rows sent.
    Counted(&'static str),
    /// As it stands.
    Fixed(Cow<'static, str>),
}

/// A tag with a number of rows; of the commonest none is made anew.
pub(crate) fn counted(word: &'static str, rows: u64) -> Cow<'static, str> {
    Cow::Borrowed(match (word, rows) {
        ("SELECT", 0) => "SELECT 0",
        ("SELECT", 1) => "SELECT 1",
        ("INSERT 0", 1) => "INSERT 0 1",
        ("UPDATE", 0) => "UPDATE 0",
        ("UPDATE", 1) => "UPDATE 1",
        ("DELETE", 0) => "DELETE 0",
        ("DELETE", 1) => "DELETE 1",
        _ => return Cow::Owned(format!("{word} {rows}")),
    })
}

impl Portal {
    pub fn new(prepared: Arc<Prepared>, params: Vec<Datum>, formats: Formats) -> Portal {
        Portal {
            prepared,
            params,
            formats,
            columns: None,
            state: PortalState::Ready,
            cursor: Cursor::new(false),
            multiple: false,
            is_described: true,
            is_permitted: false,
            depth: 0,
            hold: Hold::No,
            text: None,
        }
    }

    pub fn is_started(&self) -> bool {
        !matches!(self.state, PortalState::Ready)
    }

    /// Whether it goes with no transaction.
    pub fn is_held(&self) -> bool {
        self.hold == Hold::Held
    }

    /// Reads what is left of its rows, which are then its own, whatever becomes of the tables.
    ///
    /// # Errors
    /// Those of its query, and of writing a temporary file.
    async fn gather(&mut self) -> Result<()> {
        let mut rows = Gathered::default();
        if let PortalState::Running(running) = &mut self.state {
            let source = running.source.get_mut();
            loop {
                let batch = source.next(BATCH_ROWS).await?;
                if batch.is_empty() {
                    break;
                }
                running.context.check()?;
                for row in batch {
                    rows.push(row, &running.context).await?;
                }
            }
        }
        self.state = PortalState::Held(Mutex::new(RowSource::gathered(rows).await?));
        self.depth = 0;
        Ok(())
    }
}

/// 55000.
pub(super) fn failed_portal(name: &str) -> Error {
    Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("portal \"{name}\" cannot be run"))
}

impl Session {
    /// Forgets the portals of a transaction that ends. Those that are held stay.
    pub(super) fn forget_portals(&mut self) {
        self.portals.retain(|_, portal| portal.is_held());
    }

    /// Before a transaction commits: reads what is left of its cursors WITH HOLD, and forgets its other portals.
    ///
    /// # Errors
    /// Those of their queries; then the transaction is to be rolled back.
    pub(super) async fn gather_portals(&mut self) -> Result<()> {
        let stays = |portal: &Portal| match portal.hold {
            Hold::No => false,
            Hold::AtCommit => !matches!(portal.state, PortalState::Failed),
            Hold::Held => true,
        };
        self.portals.retain(|_, portal| stays(portal));
        for portal in self.portals.values_mut().filter(|portal| !portal.is_held()) {
            portal.gather().await?;
        }
        Ok(())
    }

    /// The context in which rows are shown that are held: whatever they tell has been committed by this session.
    pub(super) fn showing_held(&mut self, prepared: &Prepared) -> Arc<ExecContext> {
        self.depend_on(self.context.last_commit().max(self.context.observed()));
        self.showing(prepared)
    }

    /// Binds and plans a statement under the present catalog and settings.
    pub(super) async fn prepare(&mut self, sql: Arc<str>, parsed: Parsed, given: &[u32]) -> Result<Prepared> {
        self.prepare_without(&[], sql, parsed, given).await
    }

    /// As [`Session::prepare`], reading nothing through the indexes with these trees.
    async fn prepare_without(
        &mut self,
        unseen: &[u64],
        sql: Arc<str>,
        parsed: Parsed,
        given: &[u32],
    ) -> Result<Prepared> {
        self.refresh_settings();
        let catalog = self.catalog().await?;
        self.note_temporary(&parsed.statement, &catalog).await?;
        let registry = crate::functions::registry();
        let context = BindContext { catalog: &catalog, registry, settings: &self.settings, unseen };
        let mut bound = bind::bind(&parsed, &sql, context, given)?;
        plan::optimize(&mut bound.statement);
        bound.with.iter_mut().for_each(plan::optimize_part);
        let columns = bound.statement.columns();
        let columns =
            (!columns.is_empty() || matches!(bound.statement, Statement::Query(_))).then(|| wire_columns(columns));
        Ok(Prepared {
            sql,
            parsed: Some(parsed),
            bound,
            catalog: Some(catalog),
            search_path: self.settings.search_path.clone(),
            user: self.origin.user.clone(),
            columns,
            lifted: Box::default(),
            made: self.settings.statement_timestamp,
            by: None,
        })
    }

    /// Binds the statement of a portal again if the catalog has changed since. Its parameters keep their types, of which the
    /// client may have been told, and in which their values are, or will be, read.
    ///
    /// # Errors
    /// 0A000 when the result would have other columns than the client was told.
    pub(super) async fn renew(&mut self, portal: &mut Portal) -> Result<()> {
        let prepared = &portal.prepared;
        if prepared.parsed.is_none() {
            return Ok(());
        }
        if self.private.is_none()
            && !self.private_stale
            && let Some(catalog) = &prepared.catalog
            && catalog.version == self.database.engine.catalog_version()
        {
            self.context.set_catalog(catalog);
            return Ok(());
        }
        let newest = self.catalog().await?;
        if prepared.catalog.as_ref().is_some_and(|catalog| catalog.version == newest.version) {
            return Ok(());
        }
        self.rebind(portal).await
    }

    /// As [`Session::renew`], for a statement that was prepared: its names are looked up along the present path. Those of
    /// a portal stay what they were when it was bound.
    pub(super) async fn renew_prepared(&mut self, portal: &mut Portal) -> Result<()> {
        match self.finds_as(&portal.prepared) {
            true => self.renew(portal).await,
            false => self.rebind(portal).await,
        }
    }

    /// Whether names are looked for now where those of this statement were: along the same path, or one that comes to the
    /// same, as where `$user` stands for another schema that is not there.
    fn finds_as(&self, prepared: &Prepared) -> bool {
        let (path, user) = (&self.settings.search_path, &self.origin.user);
        if prepared.follows(path) && prepared.user == *user {
            return true;
        }
        let catalog = self.context.catalog();
        searched(&catalog, prepared.user.find(&catalog), &prepared.search_path)
            == searched(&catalog, user.find(&catalog), path)
    }

    async fn rebind(&mut self, portal: &mut Portal) -> Result<()> {
        let prepared = &portal.prepared;
        let Some(parsed) = &prepared.parsed else { return Ok(()) };
        let renewed = match &portal.text {
            // What it finds wrong now has its place in the portal's own text.
            Some(text) if !prepared.lifted.is_empty() => {
                portal.params.clear();
                self.parse_one(text, &[]).await?
            }
            _ => self.prepare(prepared.sql.clone(), parsed.clone(), &prepared.param_types()).await?,
        };
        let renewed = Prepared { made: prepared.made, by: prepared.by.clone(), ..renewed };
        if portal.is_described && !prepared.yields_as(&renewed) {
            // By the routine pgjdbc, ActiveRecord and postgres.js know that the statement is to be prepared anew.
            let message = "cached plan must not change result type";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).routine("RevalidateCachedQuery"));
        }
        let renewed = Arc::new(renewed);
        for kept in self.statements.values_mut() {
            if Arc::ptr_eq(kept, prepared) {
                *kept = renewed.clone();
            }
        }
        portal.prepared = renewed;
        portal.is_permitted = false;
        Ok(())
    }

    /// As [`Session::renew_prepared`], when the statement is bound or described and not only when it runs: what is wrong
    /// with it by now the client is told before it is told of columns.
    pub(super) async fn renew_early(&mut self, portal: &mut Portal) -> Result<()> {
        let (prepared, engine) = (&portal.prepared, &self.database.engine);
        let is_current = self.finds_as(prepared)
            && self.private.is_none()
            && !self.private_stale
            && prepared.catalog.as_ref().is_none_or(|catalog| catalog.version == engine.catalog_version());
        if is_current || self.block == Block::Failed || is_transaction_control(&prepared.bound.statement) {
            return Ok(());
        }
        let renewed = Box::pin(self.renew_prepared(portal)).await;
        if renewed.is_err() {
            self.depend_on_observed().await;
        }
        renewed
    }

    /// As [`Session::renew_early`], behind whoever changes one of the statement's tables just now: the client is to be told of
    /// the columns that there will be. Where nobody changes any table, nothing is locked before the statement runs.
    pub(super) async fn renew_behind_changes(&mut self, portal: &mut Portal) -> Result<()> {
        self.renew_early(portal).await?;
        let mut held: SmallVec<[(u64, TableLockMode); 4]> = SmallVec::new();
        while self.block != Block::Failed && self.database.engine.has_strong_locks() {
            let locks = match &portal.prepared.bound.statement {
                Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
                    locks_of(&portal.prepared, self.database.engine.is_writer())
                }
                _ => return Ok(()),
            };
            // None of its tables changes any more, whatever else is published.
            if locks.iter().all(|lock| held.contains(lock)) {
                return Ok(());
            }
            self.ensure_transaction().await?;
            self.tell_lock_timeout().await;
            self.lock_tables(&locks).await?;
            held.extend(locks);
            self.renew_early(portal).await?;
        }
        Ok(())
    }

    /// Plans the statement of a portal again without the indexes that have these trees, for this run alone.
    pub(super) async fn replan_without(&mut self, unseen: &[u64], portal: &mut Portal) -> Result<()> {
        let prepared = portal.prepared.clone();
        let Some(parsed) = &prepared.parsed else { return Err(lift(engine::Error::Serialization)) };
        let types = prepared.param_types();
        let planned = self.prepare_without(unseen, prepared.sql.clone(), parsed.clone(), &types).await?;
        let lifted = prepared.lifted.clone();
        portal.prepared = Arc::new(Prepared { made: prepared.made, by: prepared.by.clone(), lifted, ..planned });
        Ok(())
    }
}
