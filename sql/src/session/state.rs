//! [`Session`]: one client, in the shape of the two query protocols.
//!
//! **Simple.** All statements of one Query message run in one implicit transaction block, unless they say BEGIN.
//! **Extended.** Statements are prepared, bound to portals and executed; what runs outside of a block belongs to an
//! implicit transaction that Sync ends.
//!
//! **Durability.** Before a reply leaves, the connection calls [`Session::settle`]. What it waits for is raised whenever
//! something is told to the client that a crash must not take back: rows, errors, and the end of a transaction, but not
//! the tag of an UPDATE inside a block.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use engine::{Isolation, Wait};
use hashbrown::HashMap;
use protocol::Lsn;
use protocol::volume::Durability;
use tokio::sync::watch;
use tokio::time::Instant;
use types::{Datum, Error, Result, Settings, SqlState, SqlType};

use super::backend::{Backend, CancelReason, Encryption};
use super::client::{Client, Column, NoticeSeverity};
use super::database::{Database, now};
use super::forwarding::Forwarding;
use super::freshness::Freshness;
use super::plans::{Key, Origin, TEXT_BYTES_MAX};
use super::portal::{Formats, Portal, PortalState, Prepared, failed_portal};
use super::transaction::Block;
use super::variables::SavedVariables;
use crate::bound::{Notice, Statement, TransactionStatement};
use crate::catalog::{CatalogSnapshot, DatabaseDef, Privileges, RoleDef, path_with};
use crate::exec::{TxnCell, lift};
use crate::functions::{Secured, SessionContext};
use crate::parse;
use crate::parse::shape::Shape;

/// Who opens a session, and from where.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    pub user: String,
    pub database: String,
    /// Known to the client from BackendKeyData; 0 to have one chosen.
    pub pid: i32,
    pub client_address: Option<SocketAddr>,
    /// `None` for a plain connection.
    pub encryption: Option<Encryption>,
    /// Settings of the start-up packet, `options` already taken apart.
    pub settings: Vec<(String, String)>,
    /// Whether the client is a replica that forwards a session's statements: it is told of every setting that changes.
    pub forwarded: bool,
}

/// A savepoint of the present transaction.
pub(super) struct Savepoint {
    pub name: String,
    pub id: engine::SavepointId,
    pub variables: SavedVariables,
    /// What the transaction was when it was made, and is again when it goes: whether read-only, and whether by choice.
    pub read_only: (bool, bool),
}

/// How long a client may stay silent before its connection is ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdleLimit {
    /// `idle_in_transaction_session_timeout`: 25P03.
    Transaction(Duration),
    /// `idle_session_timeout`: 57P05.
    Session(Duration),
}

/// One client's session. Its calls are made one at a time and never dropped half-way.
pub struct Session {
    pub(super) context: Arc<SessionContext>,
    pub(super) database: Arc<Database>,
    pub(super) database_oid: u32,
    pub(super) settings: Settings,
    settings_generation: u64,
    /// The generation of the settings that the client was told of last.
    told_generation: u64,
    pub(super) durability: Durability,
    pub(super) statement_timeout: Option<Duration>,
    /// When the statement times out that messages of the extended protocol are about.
    pub(super) due: Option<Instant>,
    pub(super) lock_timeout: Option<Duration>,
    /// What the transaction has been told of it.
    pub(super) lock_timeout_told: Option<Duration>,
    pub(super) txn: Arc<TxnCell>,
    pub(super) block: Block,
    /// Settings as they were when the transaction began.
    pub(super) saved: Option<SavedVariables>,
    pub(super) savepoints: Vec<Savepoint>,
    pub(super) isolation: Isolation,
    pub(super) read_only: bool,
    /// Whether someone asked for that, and it is not only that this server is a replica.
    pub(super) read_only_by_choice: bool,
    /// What transactions begin with; follow the settings.
    pub(super) default_isolation: Isolation,
    pub(super) default_read_only: bool,
    /// Whether the transaction has run a statement, after which its level cannot change.
    pub(super) has_run: bool,
    /// The catalog with the transaction's own DDL, if it has done any.
    pub(super) private: Option<Arc<CatalogSnapshot>>,
    /// Whether there is DDL since `private` was read.
    pub(super) private_stale: bool,
    /// The version of the catalog of all that `private` includes.
    pub(super) private_under: u64,
    /// How many private catalogs the session has read.
    private_count: u64,
    pub(super) statements: HashMap<String, Arc<Prepared>>,
    /// What shared plans are found by, besides their texts; follows the settings.
    pub(super) origin: Arc<Origin>,
    /// `plan_cache_mode` does not ask for plans of this session's own.
    pub(super) shares_plans: bool,
    /// The shape of the last text that was looked for.
    pub(super) shape: Shape,
    pub(super) portals: HashMap<String, Portal>,
    /// What must be durable, at which level, before anything more is told to the client.
    pub(super) pending_flushed: Lsn,
    pub(super) pending_received: Lsn,
    /// Whether the client takes this server for a replica: what `in_hot_standby` told it last.
    standby: bool,
    role: watch::Receiver<bool>,
    pub(super) freshness: Freshness,
    /// The commit that the client was told of last.
    pub(super) told_commit: Lsn,
    pub(super) forwarding: Forwarding,
    /// Whether the client is a server: see [`SessionOptions::forwarded`].
    pub(super) forwarded: bool,
    /// The number of the schema of its temporary objects, once it has made any: see [`temporary`](super::temporary).
    pub(super) temporary: Option<u32>,
    /// `idle_session_timeout` and `idle_in_transaction_session_timeout`.
    idle_timeouts: (Option<Duration>, Option<Duration>),
    /// What the client is to be told at the start of the connection.
    warnings: Vec<Error>,
    /// The statement that the last Parse has made, as long as the client is not told of its columns.
    untold: Option<String>,
}

impl Session {
    /// Opens a session for a user who is authenticated.
    ///
    /// # Errors
    /// 3D000 unknown database, 28000 unknown role, 42501 no CONNECT right, 53300 too many of the role or the database, and what a start-up setting reports; all fatal.
    pub async fn new(database: Arc<Database>, options: SessionOptions) -> Result<Session> {
        Session::open(database, options).await.map_err(Error::fatal)
    }

    async fn open(database: Arc<Database>, options: SessionOptions) -> Result<Session> {
        let shared = database.catalog(0).await?;
        let Some(role) = shared.role_named(&options.user).filter(|role| role.login) else {
            let known = shared.role_named(&options.user).is_some();
            let message = if known {
                format!("role \"{}\" is not permitted to log in", options.user)
            } else {
                format!("role \"{}\" does not exist", options.user)
            };
            return Err(Error::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, message));
        };
        let Some(found) = shared.database_named(&options.database) else {
            let message = format!("database \"{}\" does not exist", options.database);
            return Err(Error::new(SqlState::INVALID_CATALOG_NAME, message));
        };
        if !found.allow_connections {
            let message = format!("database \"{}\" is not currently accepting connections", found.name);
            return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
        }
        if !Secured::database(found).allows(&shared, role, Privileges::CONNECT) {
            let message = format!("permission denied for database \"{}\"", found.name);
            let error = Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message);
            return Err(error.detail("User does not have CONNECT privilege."));
        }
        // On the writer there may be one more of each that a replica forwards.
        if !role.superuser && !options.forwarded {
            let full = |limit: i32, has: &dyn Fn(&Backend) -> bool| {
                let others = || database.backends.list().iter().filter(|it| has(it)).count();
                usize::try_from(limit).is_ok_and(|limit| others() >= limit)
            };
            let too_many = |whose: &str, name: &str| {
                Error::new(SqlState::TOO_MANY_CONNECTIONS, format!("too many connections for {whose} \"{name}\""))
            };
            if full(role.connection_limit, &|it| it.user == role.name) {
                return Err(too_many("role", &role.name));
            }
            if full(found.connection_limit, &|it| it.database_name == found.name) {
                return Err(too_many("database", &found.name));
            }
        }
        Session::of(database, role, found, options).await
    }

    /// A session of `role` in the database `found`, whoever may connect to it. Who it is for stands in these, and not in the
    /// options.
    ///
    /// # Errors
    /// What reading the catalog and a start-up setting report.
    pub(super) async fn of(
        database: Arc<Database>,
        role: &RoleDef,
        found: &DatabaseDef,
        options: SessionOptions,
    ) -> Result<Session> {
        let catalog = database.catalog(found.oid).await?;
        let name = found.name.clone();
        let at = now();
        let backend = database.backends.add(
            options.pid,
            role.name.clone(),
            name.clone(),
            options.client_address,
            options.encryption,
            at,
        );
        let context = Arc::new(SessionContext::new(database.clone(), backend, catalog, role));
        let backend = context.backend.clone();
        let settings = Settings {
            database: name,
            reg_names: Some(context.clone()),
            session: Some(context.clone()),
            is_cancelled: Some(Arc::new(move || backend.is_cancelled())),
            statement_timestamp: at,
            transaction_timestamp: at,
            ..Settings::default()
        };
        let path = settings.search_path.clone();
        let origin = Origin::new(found.oid, path, context.actor(), settings.timezone, settings.styles);
        let mut session = Session {
            settings,
            context,
            database_oid: found.oid,
            database: database.clone(),
            settings_generation: 0,
            told_generation: 0,
            durability: Durability::Flushed,
            statement_timeout: None,
            due: None,
            lock_timeout: None,
            lock_timeout_told: None,
            txn: Arc::default(),
            block: Block::Idle,
            saved: None,
            savepoints: Vec::new(),
            isolation: Isolation::ReadCommitted,
            read_only: false,
            read_only_by_choice: false,
            default_isolation: Isolation::ReadCommitted,
            default_read_only: false,
            has_run: false,
            private: None,
            private_stale: false,
            private_under: 0,
            private_count: 0,
            statements: HashMap::new(),
            origin,
            shares_plans: true,
            shape: Shape::default(),
            portals: HashMap::new(),
            pending_flushed: Lsn::ZERO,
            pending_received: Lsn::ZERO,
            standby: !database.engine.is_writer(),
            role: database.role.subscribe(),
            freshness: Freshness::default(),
            told_commit: Lsn::ZERO,
            forwarding: Forwarding::default(),
            forwarded: options.forwarded,
            temporary: None,
            idle_timeouts: (None, None),
            warnings: Vec::new(),
            untold: None,
        };
        let variables = session.context.variables();
        variables.force("in_hot_standby", standby_value(session.standby));
        if let Ok(admin) = database.admin() {
            variables.force("max_connections", &admin.connections_max().to_string());
        }
        // Who cannot connect because of one could not take it back either.
        let given = found.settings.iter().chain(&role.settings);
        let warnings = given.filter_map(|(name, value)| session.context.set_default(name, value).err()).collect();
        for (name, value) in &options.settings {
            session.context.set_default(name, value)?;
        }
        // What was set so far is told at the start of the connection, not as a change.
        variables.take_changed();
        if options.forwarded {
            variables.report_all();
        }
        session.warnings = warnings;
        session.refresh_settings();
        Ok(session)
    }

    /// ParameterStatus pairs for the start of the connection.
    pub fn parameters(&self) -> Vec<(String, String)> {
        self.context.variables().reported()
    }

    /// Cancels whatever the session runs, from any thread.
    pub fn cancel_handle(&self) -> Arc<dyn Fn(CancelReason) + Send + Sync> {
        let backend: Arc<Backend> = self.context.backend.clone();
        Arc::new(move |reason| backend.cancel(reason))
    }

    /// `b'I'` idle, `b'T'` in a transaction block, `b'E'` in a failed one.
    pub fn status(&self) -> u8 {
        match self.block {
            Block::Idle | Block::Implicit => b'I',
            Block::Begun => b'T',
            Block::Failed => b'E',
        }
    }

    /// Waits until everything the client has been told, or is about to be, is durable at the session's level.
    ///
    /// # Errors
    /// 40003, fatal, when this server was fenced meanwhile.
    pub async fn settle(&mut self) -> Result<()> {
        if self.is_settled() {
            return Ok(());
        }
        let engine = &self.database.engine;
        for (lsn, level) in [(self.pending_flushed, Durability::Flushed), (self.pending_received, Durability::Received)]
        {
            if lsn != Lsn::ZERO && !engine.is_durable(lsn, level) {
                let _waiting = self.context.backend.cancel.waiting(Wait::WriteQuorum);
                engine.wait_durable(lsn, level).await.map_err(|error| lift(error).fatal())?;
            }
        }
        self.pending_flushed = Lsn::ZERO;
        self.pending_received = Lsn::ZERO;
        Ok(())
    }

    /// Whether [`Session::settle`] would have nothing to wait for.
    pub fn is_settled(&mut self) -> bool {
        let engine = &self.database.engine;
        let is_durable = |lsn, level| lsn == Lsn::ZERO || engine.is_durable(lsn, level);
        if !is_durable(self.pending_flushed, Durability::Flushed)
            || !is_durable(self.pending_received, Durability::Received)
        {
            return false;
        }
        self.pending_flushed = Lsn::ZERO;
        self.pending_received = Lsn::ZERO;
        true
    }

    /// Replies now depend on everything up to `lsn`.
    pub(super) fn depend_on(&mut self, lsn: Lsn) {
        match self.durability {
            Durability::Flushed => self.pending_flushed = self.pending_flushed.max(lsn),
            Durability::Received => self.pending_received = self.pending_received.max(lsn),
            Durability::None => {}
        }
    }

    /// Replies now depend on all that the session has observed.
    pub(super) async fn depend_on_observed(&mut self) {
        let seen = self.txn.lock().await.as_ref().map(|txn| self.database.engine.observed(txn));
        let observed = self.context.observed().max(seen.unwrap_or(Lsn::ZERO));
        self.depend_on(observed);
    }

    /// How long the client may stay silent, in a transaction block or outside of one.
    pub fn idle_limit(&self, in_block: bool) -> Option<IdleLimit> {
        let (session, transaction) = self.idle_timeouts;
        if in_block { transaction.map(IdleLimit::Transaction) } else { session.map(IdleLimit::Session) }
    }

    /// Recomputes what is derived from the settings, if they changed.
    pub(super) fn refresh_settings(&mut self) {
        let variables = self.context.variables();
        if variables.generation() == self.settings_generation {
            return;
        }
        // What the end of a transaction has brought back may be a role that is known by now.
        self.context.recognize();
        self.settings_generation = variables.generation();
        self.durability = variables.durability();
        self.statement_timeout = variables.timeout("statement_timeout");
        self.lock_timeout = variables.timeout("lock_timeout");
        self.default_isolation = match variables.get("default_transaction_isolation").as_deref() {
            Ok("repeatable read") => Isolation::RepeatableRead,
            _ => Isolation::ReadCommitted,
        };
        self.default_read_only = variables.is_on("default_transaction_read_only");
        self.freshness = Freshness::of(variables);
        self.forwarding.refresh(variables);
        self.idle_timeouts =
            (variables.timeout("idle_session_timeout"), variables.timeout("idle_in_transaction_session_timeout"));
        if let Some(zone) = variables.get("TimeZone").ok().and_then(|name| types::datetime::TimeZone::parse(&name)) {
            self.settings.timezone = zone;
        }
        self.settings.styles = variables.styles();
        let digits = variables.get("extra_float_digits").ok().and_then(|digits| digits.parse().ok());
        self.settings.extra_float_digits = digits.unwrap_or(1);
        self.shares_plans = variables.get("plan_cache_mode").as_deref() != Ok("force_custom_plan");
        let name: Arc<str> = variables.get("application_name").unwrap_or_default().into();
        self.context.backend.update(|state| state.application_name = name);
        self.refresh_path();
    }

    /// Recomputes where names are looked up.
    pub(super) fn refresh_path(&mut self) {
        let user = self.context.actor().name(&self.context.catalog());
        let named = self.context.variables().search_path(user.as_deref());
        let path: Arc<[Arc<str>]> = path_with(named, self.temporary_schema().as_ref()).into();
        self.settings.search_path = path.clone();
        let (actor, settings) = (self.context.actor(), &self.settings);
        self.origin = Origin::new(self.database_oid, path.clone(), actor, settings.timezone, settings.styles);
        self.context.set_search_path(path);
    }

    /// Tells the client of reported settings that changed.
    pub(super) fn report_settings<C: Client>(&mut self, client: &mut C) {
        self.note_role();
        self.refresh_settings();
        for warning in std::mem::take(&mut self.warnings) {
            self.send_notice(NoticeSeverity::Warning, &warning, client);
        }
        if self.told_generation != self.settings_generation {
            self.told_generation = self.settings_generation;
            for (name, value) in self.context.variables().take_changed() {
                client.parameter_status(&name, &value);
            }
        }
        if self.has_commit_to_tell() {
            self.told_commit = self.context.last_commit();
            client.parameter_status("redoubt.commit_lsn", &self.told_commit.to_string());
        }
    }

    /// Whether the client is to be told of something that happened without a statement: a commit at Sync, settings that
    /// an error took back, or settings of its role that cannot be, notifications.
    pub fn has_news(&self) -> bool {
        let variables = self.context.variables();
        let has_changed = self.told_generation != variables.generation() && variables.has_changed();
        self.has_commit_to_tell() || has_changed || !self.warnings.is_empty() || self.has_mail()
    }

    fn has_commit_to_tell(&self) -> bool {
        self.freshness.reports_commits && self.told_commit < self.context.last_commit()
    }

    /// A promotion changes a setting that nobody set.
    fn note_role(&mut self) {
        let standby = !self.database.engine.is_writer();
        if self.standby != standby {
            self.standby = standby;
            self.context.variables().force("in_hot_standby", standby_value(standby));
        }
    }

    /// Resolves when there is something to [`Session::tell`] a client that is idle: this server was promoted, or there are
    /// notifications.
    pub async fn news(&mut self) {
        let mailbox = self.context.mailbox().filter(|_| self.block == Block::Idle).cloned();
        let mail = async {
            match mailbox {
                Some(mailbox) => mailbox.filled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.promoted() => {}
            () = mail => {}
        }
    }

    async fn promoted(&mut self) {
        while self.standby != self.database.engine.is_writer() {
            if self.role.changed().await.is_err() {
                // The database is going away, and this session with it.
                return std::future::pending().await;
            }
        }
    }

    /// Tells an idle client what changed by itself, and what others tell it.
    pub fn tell<C: Client>(&mut self, client: &mut C) {
        self.report_settings(client);
        if self.has_mail() {
            self.tell_mail(client);
        }
    }

    /// The catalog that the next statement is bound under.
    pub(super) async fn catalog(&mut self) -> Result<Arc<CatalogSnapshot>> {
        let engine = &self.database.engine;
        let under = engine.catalog_version();
        if self.private_stale || self.private.is_some() && self.private_under != under {
            let mut guard = self.txn.lock().await;
            if let Some(txn) = guard.as_mut() {
                let mut view = engine.statement(txn);
                // As in `Database::catalog`; a snapshot that stays will not come to show it.
                while view.snapshot().lsn() < engine.catalog_lsn() && self.isolation == Isolation::ReadCommitted {
                    tokio::task::yield_now().await;
                    view = engine.statement(txn);
                }
                // Numbers above all that commits give, so that no plan of a private catalog passes for a public one.
                self.private_count += 1;
                let version = (1 << 63) | self.private_count;
                let loaded = crate::catalog::store::load(engine, &view, self.database_oid, version).await?;
                self.private = Some(Arc::new(loaded));
                if view.snapshot().lsn() >= engine.catalog_lsn() {
                    self.private_under = under;
                }
            }
            self.private_stale = false;
        }
        let catalog = match &self.private {
            Some(private) => private.clone(),
            None => self.database.catalog(self.database_oid).await?,
        };
        self.context.set_catalog(&catalog);
        Ok(catalog)
    }

    pub(super) fn send_notices<C: Client>(&self, notices: &[Notice], client: &mut C) {
        for notice in notices {
            let severity = match notice.severity {
                "WARNING" => NoticeSeverity::Warning,
                "INFO" => NoticeSeverity::Info,
                _ => NoticeSeverity::Notice,
            };
            self.send_notice(severity, &Error::new(notice.sqlstate, notice.message.clone()), client);
        }
    }

    pub(super) fn send_notice<C: Client>(&self, severity: NoticeSeverity, notice: &Error, client: &mut C) {
        let least = match self.context.variables().get("client_min_messages").as_deref() {
            Ok("warning") => NoticeSeverity::Warning,
            Ok("error") => return,
            Ok("notice") => NoticeSeverity::Notice,
            _ => NoticeSeverity::Debug,
        };
        // INFO is always sent.
        if severity == NoticeSeverity::Info || severity >= least {
            client.notice(severity, notice);
        }
    }

    /// Runs a statement with its timeout, and says in the error why it ended if it was cancelled. It stays where it was made:
    /// it is some kilobytes large.
    async fn guarded<T>(
        backend: &Backend,
        timeout: Option<Duration>,
        mut work: Pin<&mut impl Future<Output = Result<T>>>,
    ) -> Result<T> {
        let result = match timeout {
            None => work.await,
            Some(limit) => {
                backend.set_deadline(Some(Instant::now() + limit));
                // In this order what does not wait sets no timer. Work that yields because its budget is used up leaves
                // none to the timer, which must run out all the same.
                let result = tokio::select! {
                    biased;
                    result = &mut work => result,
                    () = tokio::task::unconstrained(tokio::time::sleep(limit)) => {
                        backend.cancel(CancelReason::Timeout);
                        work.await
                    }
                };
                backend.set_deadline(None);
                if result.is_ok() && backend.is_timed_out() {
                    // It was done in time after all, and the next one has its own.
                    backend.clear_cancel();
                }
                result
            }
        };
        match result {
            Err(error) if error.sqlstate() == SqlState::QUERY_CANCELED && backend.cancel.is_cancelled() => {
                Err(backend.cancel_error())
            }
            other => other,
        }
    }

    /// A message has come. Its time is that of its statements, and of a transaction that begins with it: texts such as
    /// `'now'` are read by that before it has begun.
    fn read_clock(&mut self) {
        self.settings.statement_timestamp = now();
        if self.block == Block::Idle {
            self.settings.transaction_timestamp = self.settings.statement_timestamp;
        }
    }

    fn note_activity(&self, query: Arc<str>) {
        let at = self.settings.statement_timestamp;
        self.context.backend.update(|state| {
            state.state = "active";
            state.query = query;
            state.query_started = Some(at);
            state.changed = at;
        });
    }

    pub(super) fn note_idle(&self) {
        let at = now();
        let state = match self.block {
            Block::Idle | Block::Implicit => "idle",
            Block::Begun => "idle in transaction",
            Block::Failed => "idle in transaction (aborted)",
        };
        self.context.backend.update(|it| {
            it.state = state;
            it.changed = at;
        });
    }

    // ---- the simple protocol ----

    /// Runs a whole Query message and emits descriptions, rows and tags.
    ///
    /// # Errors
    /// Whatever a statement reports; what came before it was emitted.
    pub async fn simple<C: Client>(&mut self, sql: &str, client: &mut C) -> Result<()> {
        self.context.backend.clear_cancel();
        self.due = None;
        self.read_clock();
        let text: Arc<str> = Arc::from(sql);
        self.note_activity(text.clone());
        // Unnamed statement and portal do not survive a simple query.
        self.untold = None;
        self.statements.remove("");
        self.close_portal_named("");
        let result = self.simple_statements(text, client).await;
        if result.is_err() {
            self.depend_on_observed().await;
        }
        self.note_idle();
        result
    }

    async fn simple_statements<C: Client>(&mut self, text: Arc<str>, client: &mut C) -> Result<()> {
        let shaped = self.reads_shape(&text);
        let backend = self.context.backend.clone();
        if shaped && let Some((prepared, params)) = self.shared_by_shape(&text)? {
            let timeout = self.statement_timeout;
            let statement = pin!(self.simple_statement(prepared, params, &text, false, true, client));
            return Session::guarded(&backend, timeout, statement).await;
        }
        let parsed = parse::parse(&text)?;
        if parsed.is_empty() {
            client.empty_query();
            return self.end_implicit().await;
        }
        let count = parsed.len();
        for (number, parsed) in parsed.into_iter().enumerate() {
            let last = number + 1 == count;
            // Each has the time that is set when it begins.
            let timeout = self.statement_timeout;
            let statement = pin!(async {
                self.check_not_failed(&parsed.statement)?;
                self.freshen_for(&parsed.statement).await?;
                let (prepared, params) = match shaped && count == 1 {
                    true => self.share_by_shape(&text, parsed).await?,
                    false => (Arc::new(self.prepare(text.clone(), parsed, &[]).await?), Vec::new()),
                };
                self.simple_statement(prepared, params, &text, count > 1, last, client).await
            });
            Session::guarded(&backend, timeout, statement).await?;
        }
        Ok(())
    }

    /// Runs one statement of a Query message.
    async fn simple_statement<C: Client>(
        &mut self,
        prepared: Arc<Prepared>,
        params: Vec<Datum>,
        text: &Arc<str>,
        multiple: bool,
        last: bool,
        client: &mut C,
    ) -> Result<()> {
        if prepared.bound.params.len() != params.len() {
            return Err(Error::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1"));
        }
        self.send_notices(&prepared.bound.notices, client);
        let mut portal = Portal::new(prepared, params, Formats::new());
        portal.multiple = multiple;
        portal.text = Some(text.clone());
        portal.is_described = false;
        let tag = self.run_portal(&mut portal, 0, client).await?;
        drop(portal);
        // A transaction that ends here ends before its last statement is said to be done.
        if last {
            self.end_implicit().await?;
        }
        self.report_settings(client);
        if let Some(tag) = tag {
            client.command_complete(&tag);
        }
        Ok(())
    }

    // ---- the extended protocol ----

    /// How long the statement may still take that a message is about. As in PostgreSQL its time runs from the first
    /// message since Sync, or since the Execute that ended the statement before, whatever the client does between messages.
    ///
    /// # Errors
    /// 57014 when there is none left.
    fn time_left(&mut self) -> Result<Option<Duration>> {
        // Made current at the end of the message before.
        let Some(timeout) = self.statement_timeout else {
            self.due = None;
            return Ok(None);
        };
        let now = Instant::now();
        let left = self.due.get_or_insert(now + timeout).saturating_duration_since(now);
        if left.is_zero() {
            self.context.backend.cancel(CancelReason::Timeout);
            return Err(self.context.backend.cancel_error());
        }
        Ok(Some(left))
    }

    /// Prepares `sql` as `name`; the empty name is replaced.
    ///
    /// # Errors
    /// 42P05 for a name that exists, 42601 for several statements, and whatever binding finds.
    pub async fn parse(&mut self, name: &str, sql: &str, param_types: &[u32]) -> Result<()> {
        self.context.backend.clear_cancel();
        self.read_clock();
        if !name.is_empty() && self.statements.contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(Error::new(SqlState::DUPLICATE_PSTATEMENT, message));
        }
        let (left, backend) = (self.time_left()?, self.context.backend.clone());
        let result = Session::guarded(&backend, left, pin!(self.parse_shared(sql, param_types))).await;
        if result.is_err() {
            self.depend_on_observed().await;
        }
        self.statements.insert(name.to_owned(), result?);
        self.untold = Some(name.to_owned());
        Ok(())
    }

    /// The statement, from the plans that sessions share where it can be.
    async fn parse_shared(&mut self, sql: &str, param_types: &[u32]) -> Result<Arc<Prepared>> {
        self.refresh_settings();
        if !self.may_share_plans() || sql.len() > TEXT_BYTES_MAX {
            return Ok(Arc::new(self.parse_one(sql, param_types).await?));
        }
        let key = Key::Text { text: sql, given: param_types };
        let version = self.database.engine.catalog_version();
        if let Some(plan) = self.database.plans.get(version, &self.origin, key) {
            if let Some(parsed) = &plan.parsed {
                self.check_not_failed(&parsed.statement)?;
            }
            return Ok(plan);
        }
        let plan = Arc::new(self.parse_one(sql, param_types).await?);
        if plan.is_shareable(version) {
            self.database.plans.put(version, &self.origin, key, plan.clone());
        }
        Ok(plan)
    }

    pub(super) async fn parse_one(&mut self, sql: &str, param_types: &[u32]) -> Result<Prepared> {
        let mut parsed = parse::parse(sql)?;
        if parsed.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        match parsed.pop() {
            None => Ok(Prepared::empty(Arc::from(sql))),
            Some(parsed) => {
                self.check_not_failed(&parsed.statement)?;
                self.freshen_for(&parsed.statement).await?;
                self.prepare(Arc::from(sql), parsed, param_types).await
            }
        }
    }

    /// Makes a portal of a prepared statement and its parameters.
    ///
    /// # Errors
    /// 26000 unknown statement, 42P03 duplicate portal, 08P01 wrong number of parameters, 22P02 and 22P03 bad values, 42501 a
    /// query of what the user may not read, 25006 one that locks rows in a read-only transaction, and whatever binding the
    /// statement again finds, if the catalog has changed.
    pub async fn bind(
        &mut self,
        portal: &str,
        statement: &str,
        param_formats: &[i16],
        params: &[Option<&[u8]>],
        result_formats: &[i16],
    ) -> Result<()> {
        self.context.backend.clear_cancel();
        self.read_clock();
        let (left, backend) = (self.time_left()?, self.context.backend.clone());
        let bound = pin!(self.bind_in_time(portal, statement, param_formats, params, result_formats));
        Session::guarded(&backend, left, bound).await
    }

    async fn bind_in_time(
        &mut self,
        portal: &str,
        statement: &str,
        param_formats: &[i16],
        params: &[Option<&[u8]>],
        result_formats: &[i16],
    ) -> Result<()> {
        let prepared = self.prepared(statement)?;
        let wanted = prepared.bound.params.len();
        if params.len() != wanted {
            let message = format!(
                "bind message supplies {} parameters, but prepared statement \"{statement}\" requires {wanted}",
                params.len()
            );
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, message));
        }
        if let Some(statement) = &prepared.parsed {
            self.check_not_failed(&statement.statement)?;
        }
        if !portal.is_empty() && self.portals.contains_key(portal) {
            return Err(Error::new(SqlState::DUPLICATE_CURSOR, format!("cursor \"{portal}\" already exists")));
        }
        if let Some(parsed) = &prepared.parsed {
            self.freshen_for(&parsed.statement).await?;
        }
        let mut made = Portal::new(prepared, Vec::new(), result_formats.into());
        made.is_described = self.untold.as_deref() != Some(statement);
        self.renew_behind_changes(&mut made).await?;
        made.is_described = true;
        let mut values = Vec::with_capacity(params.len());
        for (i, (param, ty)) in params.iter().zip(&made.prepared.bound.params).enumerate() {
            let format = match param_formats {
                [] => 0,
                [one] => *one,
                many => many.get(i).copied().unwrap_or(0),
            };
            values.push(match param {
                None => Datum::Null,
                Some(bytes) => self.param(bytes, format, *ty, i)?,
            });
        }
        made.params = values;
        // A query that may not be run is refused before anything is told of its columns; what changes rows when it is executed.
        let bound = &made.prepared.bound;
        if matches!(bound.statement, Statement::Query(_)) && bound.with.is_empty() {
            let checked = self.check_allowed(&made);
            if checked.is_err() {
                self.confirm().await?;
                if let Some(catalog) = &made.prepared.catalog {
                    self.context.set_catalog(catalog);
                }
                self.depend_on_observed().await;
            }
            checked?;
            made.is_permitted = true;
        }
        made.columns = made.prepared.columns.clone();
        // One format is that of all columns.
        if let Some(columns) = &made.columns
            && result_formats.len() > 1
            && result_formats.len() != columns.len()
        {
            let (formats, columns) = (result_formats.len(), columns.len());
            let message = format!("bind message has {formats} result formats but query has {columns} columns");
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, message));
        }
        made.depth = self.savepoints.len();
        self.close_portal_named(portal);
        self.portals.insert(portal.to_owned(), made);
        Ok(())
    }

    fn param(&self, bytes: &[u8], format: i16, ty: SqlType, number: usize) -> Result<Datum> {
        types::binary_io::from_wire(bytes, format, ty, &self.settings).map_err(|error| {
            if error.where_.is_some() {
                error
            } else {
                error.context(format!("unnamed portal parameter ${}", number + 1))
            }
        })
    }

    pub(super) fn prepared(&self, name: &str) -> Result<Arc<Prepared>> {
        self.statements.get(name).cloned().ok_or_else(|| {
            if name.is_empty() {
                let message = "unnamed prepared statement does not exist";
                return Error::new(SqlState::INVALID_SQL_STATEMENT_NAME, message);
            }
            let message = format!("prepared statement \"{name}\" does not exist");
            // By the routine postgres.js knows that it is to be prepared anew.
            Error::new(SqlState::INVALID_SQL_STATEMENT_NAME, message).routine("FetchPreparedStatement")
        })
    }

    /// Emits ParameterDescription and RowDescription or NoData.
    ///
    /// # Errors
    /// 26000, and whatever binding the statement again finds, if the catalog has changed.
    pub async fn describe_statement<C: Client>(&mut self, name: &str, client: &mut C) -> Result<()> {
        self.context.backend.clear_cancel();
        self.read_clock();
        let mut portal = Portal::new(self.prepared(name)?, Vec::new(), Formats::new());
        portal.is_described = self.untold.as_deref() != Some(name);
        let (left, backend) = (self.time_left()?, self.context.backend.clone());
        Session::guarded(&backend, left, pin!(self.renew_behind_changes(&mut portal))).await?;
        if !portal.is_described {
            self.untold = None;
        }
        let prepared = portal.prepared;
        let types = prepared.param_types();
        if let Statement::Execute { name, .. } = &prepared.bound.statement {
            self.renew_executed(name).await?;
        }
        let columns = self.result_columns(&prepared)?;
        client.parameter_description(&types);
        match columns {
            Some(columns) => client.row_description(&columns, &[]),
            None => client.no_data(),
        }
        Ok(())
    }

    /// Emits RowDescription or NoData.
    ///
    /// # Errors
    /// 34000; 26000, and whatever binding it again finds, of the statement that an EXECUTE names.
    pub async fn describe_portal<C: Client>(&mut self, name: &str, client: &mut C) -> Result<()> {
        let Some(portal) = self.portals.get(name) else { return Err(no_portal(name)) };
        if let Statement::Execute { name, .. } = &portal.prepared.bound.statement {
            let executed = name.clone();
            self.renew_executed(&executed).await?;
        }
        // Looked up again: to hold on to its plan, which sessions share, would cost every Describe more.
        let Some(portal) = self.portals.get(name) else { return Err(no_portal(name)) };
        match self.result_columns(&portal.prepared)? {
            Some(columns) => client.row_description(&columns, &portal.formats),
            None => client.no_data(),
        }
        self.untold = None;
        Ok(())
    }

    /// Emits up to `max_rows` rows (0: all), then CommandComplete, PortalSuspended or EmptyQueryResponse.
    ///
    /// # Errors
    /// 34000, and whatever the statement reports.
    pub async fn execute<C: Client>(&mut self, name: &str, max_rows: u32, client: &mut C) -> Result<()> {
        self.context.backend.clear_cancel();
        self.read_clock();
        let (left, backend) = (self.time_left()?, self.context.backend.clone());
        if self.block == Block::Failed
            && let Some(parsed) = self.portals.get(name).and_then(|portal| portal.prepared.parsed.as_ref())
        {
            self.check_not_failed(&parsed.statement)?;
        }
        // It stays out of the map while it runs, so that the statement may change the map.
        let Some(mut portal) = self.portals.remove(name) else {
            // It went with what failed.
            return Err(if self.block == Block::Failed { failed_block() } else { no_portal(name) });
        };
        if matches!(portal.state, PortalState::Failed | PortalState::Done(None)) {
            self.portals.insert(name.to_owned(), portal);
            return Err(failed_portal(name));
        }
        let result = Session::guarded(&backend, left, pin!(self.execute_portal(&mut portal, max_rows, client))).await;
        // The time of what is suspended runs on.
        if result.is_err() || !matches!(portal.state, PortalState::Running(_)) {
            self.due = None;
        }
        match &result {
            Ok(()) => {
                if portal.is_held() || !matches!(self.block, Block::Idle) {
                    self.portals.entry(name.to_owned()).or_insert(portal);
                }
            }
            Err(_) => {
                if portal.is_held() || portal.is_started() && portal.depth < self.savepoints.len() {
                    portal.state = PortalState::Failed;
                    self.portals.insert(name.to_owned(), portal);
                }
                self.depend_on_observed().await;
            }
        }
        result
    }

    async fn execute_portal<C: Client>(&mut self, portal: &mut Portal, max_rows: u32, client: &mut C) -> Result<()> {
        if portal.prepared.parsed.is_none() {
            client.empty_query();
            return Ok(());
        }
        if !portal.is_started() {
            self.note_activity(portal.prepared.sql.clone());
            self.send_notices(&portal.prepared.bound.notices, client);
        }
        let tag = self.run_portal(portal, max_rows, client).await?;
        self.report_settings(client);
        match tag {
            Some(tag) => client.command_complete(&tag),
            None => client.portal_suspended(),
        }
        Ok(())
    }

    /// Forgets a prepared statement; closing what does not exist is no error.
    pub async fn close_statement(&mut self, name: &str) -> Result<()> {
        self.forget_statements(Some(name));
        Ok(())
    }

    /// Forgets a portal; closing what does not exist is no error.
    pub async fn close_portal(&mut self, name: &str) -> Result<()> {
        self.close_portal_named(name);
        Ok(())
    }

    pub(super) fn close_portal_named(&mut self, name: &str) {
        self.portals.remove(name);
    }

    /// Ends the implicit transaction of a pipeline: commits it, or rolls it back after [`Session::fail`].
    ///
    /// # Errors
    /// What the commit reports.
    pub async fn sync(&mut self) -> Result<()> {
        self.due = None;
        self.untold = None;
        let result = match self.start_bound().await {
            Ok(()) => self.end_implicit().await,
            Err(error) => Err(error),
        };
        if self.block == Block::Idle {
            // Those of a pipeline that executed nothing, too.
            self.forget_portals();
        }
        self.note_idle();
        result
    }

    /// Opens the queries that were bound in a transaction block and not executed yet: their rows are those of now, whatever the
    /// transaction does before it fetches them. As a rule there are none: a pipeline executes what it binds.
    async fn start_bound(&mut self) -> Result<()> {
        if self.block != Block::Begun {
            return Ok(());
        }
        let is_bound = |portal: &Portal| {
            let prepared = &portal.prepared;
            let reads = matches!(prepared.bound.statement, Statement::Query(_)) && prepared.bound.with.is_empty();
            reads && matches!(portal.state, PortalState::Ready)
        };
        let bound = self.portals.iter().filter(|(name, portal)| !name.is_empty() && is_bound(portal));
        for name in bound.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            let Some(mut portal) = self.portals.remove(&name) else { continue };
            let (left, backend) = (self.time_left()?, self.context.backend.clone());
            let opened = Session::guarded(&backend, left, pin!(self.open_portal(&mut portal))).await;
            self.due = None;
            if opened.is_err() {
                portal.state = PortalState::Failed;
            }
            self.portals.insert(name, portal);
            opened?;
        }
        Ok(())
    }

    /// An error was reported: a transaction block becomes a failed one, an implicit transaction is rolled back.
    pub fn fail(&mut self) {
        self.abort_after_error();
    }

    /// 25P02 for anything but the end of a failed block.
    pub(super) fn check_not_failed(&self, statement: &parse::ast::Statement) -> Result<()> {
        if self.block != Block::Failed || ends_failed_block(statement) {
            return Ok(());
        }
        Err(failed_block())
    }
}

fn failed_block() -> Error {
    let message = "current transaction is aborted, commands ignored until end of transaction block";
    Error::new(SqlState::IN_FAILED_SQL_TRANSACTION, message)
}

/// COMMIT, ROLLBACK and ROLLBACK TO are all that a failed block takes.
fn ends_failed_block(statement: &parse::ast::Statement) -> bool {
    matches!(
        statement,
        parse::ast::Statement::Transaction(
            TransactionStatement::Commit { .. }
                | TransactionStatement::Rollback { .. }
                | TransactionStatement::RollbackTo(_)
        )
    )
}

/// `in_hot_standby`, by which libpq tells a primary from a standby (`target_session_attrs`).
fn standby_value(standby: bool) -> &'static str {
    if standby { "on" } else { "off" }
}

fn no_portal(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_CURSOR, format!("portal \"{name}\" does not exist"))
}

impl Drop for Session {
    fn drop(&mut self) {
        self.portals.clear();
        self.database.advisory.end_session(self.context.backend.pid);
        self.context.leave_notifications();
        if let Some(number) = self.temporary {
            self.database.temporaries.end(self.database_oid, number);
        }
        self.database.backends.remove(&self.context.backend);
    }
}

/// The columns of a result, as the wire describes them.
pub(super) fn wire_columns(columns: &[crate::bound::ResultColumn]) -> Arc<[Column]> {
    columns
        .iter()
        .map(|column| Column {
            name: column.name.clone(),
            // What the modifier of a record says is for the binder.
            ty: if column.ty.oid == types::oid::RECORD { SqlType::RECORD } else { column.ty },
            table: column.table,
            attribute: column.attribute,
        })
        .collect()
}

/// Whether a statement controls transactions, and so needs none of its own.
pub(super) fn is_transaction_control(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Transaction(
            TransactionStatement::Begin(_)
                | TransactionStatement::Start(_)
                | TransactionStatement::Commit { .. }
                | TransactionStatement::Rollback { .. }
                | TransactionStatement::Savepoint(_)
                | TransactionStatement::Release(_)
                | TransactionStatement::RollbackTo(_)
        ) | Statement::Empty
    )
}
