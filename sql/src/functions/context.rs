//! [`SessionContext`]: what the functions of a session can find out about it and its server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use protocol::{Lsn, NodeId};
use types::function::Random;
use types::{Call, Error, RegNames, Registry, Result, Settings, SqlState, oid};

use super::cluster::{FailoverStatus, GroupStatus, ReplicaStatus, ServerStatus, StorageNodeStatus};
use super::procedures;
use super::rights::{check_usable, usable_path};
use crate::bound::OnCommit;
use crate::catalog::describe::{quote_identifier, relation_name};
use crate::catalog::store::Patience;
use crate::catalog::{CatalogSnapshot, Relation, RoleDef};
use crate::exec::Deferred;
use crate::session::{Actor, Announced, Backend, Database, Mailbox, Variables};

/// What only the process around the database can do.
pub trait Admin: Send + Sync {
    /// Makes this server the writer and waits until it is.
    fn promote(&self) -> BoxFuture<'_, Result<()>>;

    /// The cluster as `status --json` prints it.
    fn status_json(&self) -> BoxFuture<'_, Result<String>>;

    /// On a replica: how long ago it last knew that it had everything the writer had. `None` when it cannot say.
    fn staleness(&self) -> Option<Duration>;

    /// How many clients may be connected: `max_connections`.
    fn connections_max(&self) -> usize;

    /// Cancels what a session runs; false if there is no such session.
    fn cancel_backend(&self, pid: i32) -> bool;

    /// Ends a session, whatever it does or waits for; false if there is no such session.
    fn terminate_backend(&self, pid: i32) -> bool;

    /// The servers of the cluster.
    fn servers(&self) -> Vec<ServerStatus>;

    /// On the writer: the replicas that follow it.
    fn replicas(&self) -> Vec<ReplicaStatus>;

    /// When this server became the writer, oldest first.
    fn failovers(&self) -> Vec<FailoverStatus>;

    /// The storage nodes, as they were a moment ago.
    fn storage_nodes(&self) -> Vec<StorageNodeStatus>;

    /// The protection groups, as they were a moment ago.
    fn protection_groups(&self) -> Vec<GroupStatus>;

    /// On the writer: begins to replace a storage node by the one at an address, or by the best spare. Returns what takes
    /// its place when the replacement is made; it goes on by itself.
    fn replace_storage_node(&self, node: NodeId, address: Option<String>) -> BoxFuture<'_, Result<String>>;

    /// On the writer: ends the replacement of a storage node in its favour.
    fn revert_storage_node(&self, node: NodeId) -> BoxFuture<'_, Result<()>>;
}

/// A row of `pg_prepared_statements`.
pub(crate) struct ListedStatement {
    pub name: Arc<str>,
    pub statement: Arc<str>,
    pub types: Vec<u32>,
    pub from_sql: bool,
    pub made: i64,
}

/// A row of `pg_cursors`.
pub(crate) struct ListedCursor {
    pub name: Arc<str>,
    pub statement: Arc<str>,
    pub holds: bool,
    pub scrolls: bool,
    pub made: i64,
}

/// What a session has prepared and declared, as of the last statement that asked.
#[derive(Default)]
pub(crate) struct Listed {
    pub statements: Vec<ListedStatement>,
    pub cursors: Vec<ListedCursor>,
}

/// The oids of the views that show [`Listed`]: `pg_cursors` and `pg_prepared_statements`.
pub(crate) const SESSION_VIEWS: [u32; 2] = [12_077, 12_095];

/// One session as functions see it. Shared between the session and its running statements.
pub struct SessionContext {
    pub database: Arc<Database>,
    pub backend: Arc<Backend>,
    pub(crate) variables: Variables,
    /// The catalog of the present statement.
    catalog: RwLock<Arc<CatalogSnapshot>>,
    search_path: RwLock<Arc<[Arc<str>]>>,
    /// Who logged in.
    pub(crate) authenticated: Actor,
    /// Values that nextval gave or setval set in this session, by sequence, and the sequence that was drawn from last.
    currvals: Mutex<(HashMap<u32, i64>, Option<u32>)>,
    /// What `random` draws from; `None` before it is first called.
    random: Mutex<Option<Random>>,
    /// The highest LSN that must be durable before the client hears of anything: what was learned outside of the
    /// transaction, such as a sequence's value.
    observed: AtomicU64,
    /// What the session committed last, or had observed when it did.
    last_commit: AtomicU64,
    /// The transaction's id, once it has one, else 0.
    transaction: AtomicU64,
    read_only: AtomicBool,
    listed: Mutex<Arc<Listed>>,
    /// How deep the transaction is in savepoints.
    depth: AtomicU32,
    /// The foreign keys that are to be judged at its end.
    pub(crate) deferred: Mutex<Deferred>,
    /// Whether the transaction may hold advisory locks.
    advisory: AtomicBool,
    /// What the transaction tells other sessions and listens to.
    announced: Mutex<Announced>,
    /// Whether it may have any of that.
    announces: AtomicBool,
    /// Made when the session first listens.
    mailbox: OnceLock<Arc<Mailbox>>,
    /// What the session's temporary files hold, in bytes.
    pub(crate) temporary_bytes: AtomicU64,
    /// The temporary tables that ask for something at a commit, by oid.
    on_commit: Mutex<Vec<(u32, OnCommit)>>,
}

impl SessionContext {
    pub(crate) fn new(
        database: Arc<Database>,
        backend: Arc<Backend>,
        catalog: Arc<CatalogSnapshot>,
        user: &RoleDef,
    ) -> SessionContext {
        let observed = AtomicU64::new(catalog.observed.0);
        let (variables, authenticated) = (Variables::default(), Actor::of(user));
        variables.authenticate(&user.name, &authenticated);
        let deferred = Mutex::new(Deferred::new(&database));
        SessionContext {
            database,
            backend,
            variables,
            authenticated,
            catalog: RwLock::new(catalog),
            search_path: RwLock::new(Arc::from([])),
            currvals: Mutex::default(),
            random: Mutex::default(),
            observed,
            last_commit: AtomicU64::new(0),
            transaction: AtomicU64::new(0),
            read_only: AtomicBool::new(false),
            listed: Mutex::default(),
            depth: AtomicU32::new(0),
            deferred,
            advisory: AtomicBool::new(false),
            announced: Mutex::default(),
            announces: AtomicBool::new(false),
            mailbox: OnceLock::new(),
            temporary_bytes: AtomicU64::new(0),
            on_commit: Mutex::default(),
        }
    }

    /// The context of a call.
    ///
    /// # Errors
    /// 55000 outside of a session.
    pub(crate) fn of<'a>(call: &'a Call<'_>) -> Result<&'a SessionContext> {
        SessionContext::within(call.settings).ok_or_else(|| {
            let message = "this function needs a session";
            Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        })
    }

    /// The context of a session with these settings; `None` outside of one.
    pub(crate) fn within(settings: &Settings) -> Option<&SessionContext> {
        settings.session.as_ref().and_then(|session| session.downcast_ref::<SessionContext>())
    }

    pub fn registry(&self) -> &'static Registry {
        super::registry()
    }

    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    pub fn catalog(&self) -> Arc<CatalogSnapshot> {
        self.catalog.read().clone()
    }

    pub(crate) fn set_catalog(&self, catalog: &Arc<CatalogSnapshot>) {
        // Most statements find it unchanged; a read lock is then all.
        if !Arc::ptr_eq(&*self.catalog.read(), catalog) {
            self.observe(catalog.observed);
            *self.catalog.write() = catalog.clone();
            self.recognize();
        }
    }

    pub fn search_path(&self) -> Arc<[Arc<str>]> {
        self.search_path.read().clone()
    }

    /// The search path without the schemas that the current user may not look into.
    pub(crate) fn usable_path(&self) -> Arc<[Arc<str>]> {
        let path = self.search_path();
        match self.role() {
            Ok(role) if !role.superuser => usable_path(&self.catalog(), &role, &path),
            _ => path,
        }
    }

    pub(crate) fn set_search_path(&self, path: Arc<[Arc<str>]>) {
        *self.search_path.write() = path;
    }

    pub(crate) fn observe(&self, lsn: Lsn) {
        if self.observed.load(Ordering::Relaxed) < lsn.0 {
            self.observed.fetch_max(lsn.0, Ordering::AcqRel);
        }
    }

    pub(crate) fn observed(&self) -> Lsn {
        Lsn(self.observed.load(Ordering::Acquire))
    }

    pub(crate) fn note_commit(&self, lsn: Lsn) {
        self.last_commit.fetch_max(lsn.0, Ordering::Relaxed);
    }

    /// The token of the session's last commit: a server that shows everything up to here shows it. Zero before the first.
    pub(crate) fn last_commit(&self) -> Lsn {
        Lsn(self.last_commit.load(Ordering::Relaxed))
    }

    pub(crate) fn set_transaction(&self, id: u64) {
        self.transaction.store(id, Ordering::Relaxed);
    }

    pub fn transaction(&self) -> Option<u64> {
        let id = self.transaction.load(Ordering::Relaxed);
        (id != 0).then_some(id)
    }

    pub(crate) fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::Relaxed);
    }

    pub fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed)
    }

    pub(crate) fn note_on_commit(&self, table: u32, on_commit: OnCommit) {
        self.on_commit.lock().push((table, on_commit));
    }

    pub(crate) fn set_on_commit(&self, tables: Vec<(u32, OnCommit)>) {
        *self.on_commit.lock() = tables;
    }

    pub(crate) fn on_commit(&self) -> Vec<(u32, OnCommit)> {
        self.on_commit.lock().clone()
    }

    pub(crate) fn set_listed(&self, listed: Listed) {
        *self.listed.lock() = Arc::new(listed);
    }

    pub(crate) fn listed(&self) -> Arc<Listed> {
        self.listed.lock().clone()
    }

    /// The transaction takes an advisory lock. Returns its depth in savepoints.
    pub(crate) fn note_advisory(&self) -> u32 {
        self.advisory.store(true, Ordering::Relaxed);
        self.depth.load(Ordering::Relaxed)
    }

    /// The transaction stands under so many savepoints: there is a new one, or those beyond were released, or the last
    /// was rolled back to.
    pub(crate) fn set_depth(&self, depth: u32, undone: bool) {
        self.depth.store(depth, Ordering::Relaxed);
        self.deferred.lock().set_depth(depth as usize, undone);
        if self.announces() {
            self.announced.lock().set_depth(depth, undone);
        }
        if !self.advisory.load(Ordering::Relaxed) {
            return;
        }
        let locks = &self.database.advisory;
        if undone { locks.undo(self.backend.pid, depth) } else { locks.merge(self.backend.pid, depth) }
    }

    /// The transaction ended.
    pub(crate) fn end_depth(&self) {
        self.depth.store(0, Ordering::Relaxed);
        self.deferred.lock().end();
        self.end_announced();
        if self.advisory.swap(false, Ordering::Relaxed) {
            self.database.advisory.undo(self.backend.pid, 0);
        }
    }

    /// Adds to what the transaction tells and listens to, at its depth in savepoints, or looks at it.
    pub(crate) fn announce<T>(&self, add: impl FnOnce(u32, &mut Announced) -> T) -> T {
        self.announces.store(true, Ordering::Relaxed);
        add(self.depth.load(Ordering::Relaxed), &mut self.announced.lock())
    }

    /// Whether the transaction may tell something or listen to something else.
    pub(crate) fn announces(&self) -> bool {
        self.announces.load(Ordering::Relaxed)
    }

    fn end_announced(&self) {
        if self.announces.load(Ordering::Relaxed) {
            self.announces.store(false, Ordering::Relaxed);
            *self.announced.lock() = Announced::default();
        }
    }

    /// Where notifications are delivered, if the session has ever listened.
    pub(crate) fn mailbox(&self) -> Option<&Arc<Mailbox>> {
        self.mailbox.get()
    }

    pub(crate) fn mailbox_made(&self) -> &Arc<Mailbox> {
        self.mailbox.get_or_init(Arc::default)
    }

    /// The session has ended.
    pub(crate) fn leave_notifications(&self) {
        self.end_announced();
        if let Some(mailbox) = self.mailbox() {
            self.database.notifications.leave(self.backend.pid, mailbox);
        }
    }

    /// How long the session waits for what it writes outside of its transaction.
    pub(crate) fn patience(&self) -> Patience {
        Patience { cancel: self.backend.cancel.clone(), lock_timeout: self.variables.timeout("lock_timeout") }
    }

    /// nextval gave a value.
    pub(crate) fn note_drawn(&self, sequence: u32, value: i64) {
        let mut currvals = self.currvals.lock();
        currvals.0.insert(sequence, value);
        currvals.1 = Some(sequence);
    }

    /// setval set a value, which is not drawing it: `lastval` stays with the sequence that it tells of.
    pub(crate) fn note_set(&self, sequence: u32, value: i64) {
        self.currvals.lock().0.insert(sequence, value);
    }

    pub(crate) fn currval(&self, sequence: u32) -> Option<i64> {
        self.currvals.lock().0.get(&sequence).copied()
    }

    /// The sequence that was drawn from last, and its value.
    pub(crate) fn lastval(&self) -> Option<(u32, i64)> {
        let currvals = self.currvals.lock();
        let last = currvals.1?;
        currvals.0.get(&last).map(|value| (last, *value))
    }

    /// The session's next random number.
    pub(crate) fn random(&self) -> f64 {
        self.random.lock().get_or_insert_with(Random::unseeded).next_f64()
    }

    /// Has the random numbers follow from a seed.
    pub(crate) fn set_seed(&self, seed: f64) {
        *self.random.lock() = Some(Random::seeded(seed));
    }

    pub(crate) fn forget_sequences(&self) {
        *self.currvals.lock() = Default::default();
    }
}

/// Splits a possibly qualified name as written by a user: (schema, name), unquoted parts in lower case.
pub(crate) fn split_name(text: &str) -> Result<(Option<String>, String)> {
    let invalid = || Error::new(SqlState::INVALID_NAME, "invalid name syntax");
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut part = String::new();
            let mut tail = quoted;
            loop {
                let end = tail.find('"').ok_or_else(invalid)?;
                part.push_str(&tail[..end]);
                tail = &tail[end + 1..];
                match tail.strip_prefix('"') {
                    Some(more) => {
                        part.push('"');
                        tail = more;
                    }
                    None => break,
                }
            }
            parts.push(part);
            rest = tail;
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            parts.push(rest[..end].trim().to_lowercase());
            rest = &rest[end..];
        }
        rest = rest.trim_start();
        match rest.strip_prefix('.') {
            Some(more) => rest = more.trim_start(),
            None if rest.is_empty() => break,
            None => return Err(invalid()),
        }
    }
    if parts.iter().any(String::is_empty) {
        return Err(invalid());
    }
    match (parts.pop(), parts.pop()) {
        (Some(name), None) => Ok((None, name)),
        // A third part is the database, which can only be this one.
        (Some(name), schema) => Ok((schema, name)),
        _ => Err(invalid()),
    }
}

/// The relation that a text names, as the input of `regclass`.
///
/// # Errors
/// 42602 it is no name, 3F000 its schema is not there, 42P01 there is none.
pub(crate) fn relation_named<'c>(
    catalog: &'c CatalogSnapshot,
    text: &str,
    search_path: &[Arc<str>],
) -> Result<&'c Relation> {
    let (schema, name) = split_name(text)?;
    if let Some(schema) = &schema
        && catalog.schema_called(schema, search_path).is_none()
    {
        return Err(Error::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist")));
    }
    catalog.find_relation(schema.as_deref(), &name, search_path).ok_or_else(|| {
        let shown = schema.map_or_else(|| name.clone(), |schema| format!("{schema}.{name}"));
        Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{shown}\" does not exist"))
    })
}

/// # Errors
/// 42602 it is no name, 42501 when it has a schema that the role may not look into.
pub(crate) fn check_name(
    catalog: &CatalogSnapshot,
    text: &str,
    search_path: &[Arc<str>],
    role: &RoleDef,
) -> Result<()> {
    let (schema, _) = split_name(text)?;
    let schema = schema.and_then(|schema| catalog.schema_called(&schema, search_path));
    schema.map_or(Ok(()), |schema| check_usable(catalog, role, schema))
}

impl SessionContext {
    fn relation_oid(&self, text: &str) -> Result<u32> {
        let (catalog, path) = (self.catalog(), self.usable_path());
        if let Ok(role) = self.role() {
            check_name(&catalog, text, &path, &role)?;
        }
        relation_named(&catalog, text, &path).map(Relation::oid)
    }

    fn type_oid(&self, text: &str) -> Result<u32> {
        let mut name = text.trim();
        let array = name.ends_with("[]");
        name = name.trim_end_matches("[]").trim();
        let plain = name.split('(').next().unwrap_or(name).trim().to_lowercase();
        let behind_schema = plain.strip_prefix("pg_catalog.").or_else(|| plain.strip_prefix("\"pg_catalog\"."));
        let plain = behind_schema.unwrap_or(&plain);
        let quoted = plain.trim_matches('"');
        let found = types::sqltype::type_by_name(plain).or_else(|| types::sqltype::type_by_name(quoted));
        let found = if array { found.and_then(types::SqlType::array) } else { found };
        if let Some(ty) = found {
            return Ok(ty.oid);
        }
        let (schema, name) = split_name(text)?;
        let catalog = self.catalog();
        let row_type = match catalog.find_relation(schema.as_deref(), &name, &self.search_path()) {
            Some(Relation::Table(table)) => Some(table.row_type),
            Some(Relation::View(view)) => Some(view.row_type),
            _ => None,
        };
        row_type.ok_or_else(|| Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{text}\" does not exist")))
    }

    fn function_oid(&self, text: &str) -> Result<u32> {
        let bare = text.split('(').next().unwrap_or(text);
        let (_, name) = split_name(bare)?;
        let candidates = procedures::named(&name);
        let wanted: Option<Vec<u32>> = text.split_once('(').map(|(_, args)| {
            let args = args.trim_end_matches(')').trim();
            if args.is_empty() {
                Vec::new()
            } else {
                args.split(',').filter_map(|arg| self.type_oid(arg).ok()).collect()
            }
        });
        let mut found =
            candidates.iter().filter(|it| wanted.as_ref().is_none_or(|wanted| it.args == wanted.as_slice()));
        match (found.next(), found.next()) {
            (Some(function), None) => Ok(function.oid),
            (Some(_), Some(_)) => {
                let message = format!("more than one function named \"{name}\"");
                Err(Error::new(SqlState::AMBIGUOUS_FUNCTION, message))
            }
            (None, _) => Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("function \"{text}\" does not exist"))),
        }
    }
}

impl RegNames for SessionContext {
    fn name_of(&self, reg_type: u32, number: u32) -> Option<String> {
        let catalog = self.catalog();
        match reg_type {
            oid::REGCLASS => relation_name(&catalog, number, &self.usable_path()),
            oid::REGTYPE => {
                if types::sqltype::type_row(number).is_some() {
                    return Some(types::SqlType::of(number).name());
                }
                let relation = catalog.relations().find(|relation| match relation {
                    Relation::Table(table) => table.row_type == number,
                    Relation::View(view) => view.row_type == number,
                    _ => false,
                })?;
                relation_name(&catalog, relation.oid(), &self.usable_path())
            }
            oid::REGPROC => procedures::by_oid(number).map(|function| {
                // A name that several functions share is printed with its schema, as it could not be read back.
                match procedures::named(function.name).len() {
                    1 => quote_identifier(function.name),
                    _ => format!("pg_catalog.{}", quote_identifier(function.name)),
                }
            }),
            oid::REGPROCEDURE => procedures::by_oid(number).map(|function| {
                let args = function.args.iter().map(|arg| types::SqlType::of(*arg).name());
                format!("{}({})", quote_identifier(function.name), args.collect::<Vec<_>>().join(","))
            }),
            oid::REGOPER | oid::REGOPERATOR => self.registry().operator(number).map(|operator| {
                if reg_type == oid::REGOPER {
                    return format!("pg_catalog.{}", operator.name);
                }
                let left = operator.left.map_or("NONE".into(), |left| types::SqlType::of(left).name());
                format!("{}({left},{})", operator.name, types::SqlType::of(operator.right).name())
            }),
            oid::REGROLE => catalog.role(number).map(|role| quote_identifier(&role.name)),
            oid::REGNAMESPACE => catalog.schema(number).map(|schema| quote_identifier(&schema.name)),
            oid::REGCOLLATION => match number {
                crate::catalog::well_known::DEFAULT_COLLATION => Some("\"default\"".into()),
                crate::catalog::well_known::C_COLLATION => Some("\"C\"".into()),
                951 => Some("\"POSIX\"".into()),
                _ => None,
            },
            _ => None,
        }
    }

    fn oid_of(&self, reg_type: u32, name: &str) -> Result<u32> {
        let catalog = self.catalog();
        match reg_type {
            oid::REGCLASS => self.relation_oid(name),
            oid::REGTYPE => self.type_oid(name),
            oid::REGPROC | oid::REGPROCEDURE => self.function_oid(name),
            oid::REGROLE => {
                let (_, name) = split_name(name)?;
                catalog
                    .role_named(&name)
                    .map(|role| role.oid)
                    .ok_or_else(|| Error::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist")))
            }
            oid::REGNAMESPACE => {
                let (_, name) = split_name(name)?;
                catalog
                    .schema_named(&name)
                    .map(|schema| schema.oid)
                    .ok_or_else(|| Error::new(SqlState::UNDEFINED_SCHEMA, format!("schema \"{name}\" does not exist")))
            }
            oid::REGOPER | oid::REGOPERATOR => {
                let bare = name.split('(').next().unwrap_or(name).trim();
                let bare = bare.strip_prefix("pg_catalog.").unwrap_or(bare);
                match types::operator::operators_named(bare) {
                    [operator] => Ok(operator.oid),
                    [] => Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {name}"))),
                    _ => {
                        let message = format!("more than one operator named {name}");
                        Err(Error::new(SqlState::AMBIGUOUS_FUNCTION, message))
                    }
                }
            }
            oid::REGCOLLATION => match name.trim_matches('"') {
                "default" => Ok(crate::catalog::well_known::DEFAULT_COLLATION),
                "C" => Ok(crate::catalog::well_known::C_COLLATION),
                "POSIX" => Ok(951),
                other => {
                    let message = format!("collation \"{other}\" for encoding \"UTF8\" does not exist");
                    Err(Error::new(SqlState::UNDEFINED_OBJECT, message))
                }
            },
            _ => Err(Error::unsupported(format!("a name for type {}", types::SqlType::of(reg_type).name()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split_name;

    #[test]
    fn names_are_split_and_folded() {
        assert_eq!(split_name("Foo").expect("a name"), (None, "foo".into()));
        assert_eq!(split_name(" a . \"B\"\"c\" ").expect("two parts"), (Some("a".into()), "B\"c".into()));
        assert_eq!(split_name("\"A.b\"").expect("quoted"), (None, "A.b".into()));
        assert!(split_name("a..b").is_err());
        assert!(split_name("\"a").is_err());
    }
}
