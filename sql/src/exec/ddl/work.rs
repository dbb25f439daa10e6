//! [`Work`]: a DDL statement at work in its transaction.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use engine::{Engine, Isolation, TableLockMode, TreeId, TreeKind, View, WaitPolicy};
use hashbrown::HashMap;
use parking_lot::Mutex;
use types::{Error, Result, SqlState};

use crate::bound::OnCommit;
use crate::catalog::codec::{self, Object};
use crate::catalog::store::{self, Writer};
use crate::catalog::{
    CatalogSnapshot, Comment, Privileges, Relation, RoleDef, SchemaDef, SequenceDef, TableDef, ViewDef, expression,
    well_known,
};
use crate::exec::context::{ExecContext, TxnGuard};
use crate::exec::lift::{Lift, lift};
use crate::functions::{Secured, has_rights_of, may_become};
use crate::session::NoticeSeverity;

/// Locks of names are apart from those of objects, which are their oids.
const NAME_LOCKS: u64 = 1 << 63;
/// Private catalogs have versions of their own.
const PRIVATE_VERSION: u64 = 1 << 63;

/// A statement at work.
pub(super) struct Work {
    pub context: Arc<ExecContext>,
    /// What is committed now, and the transaction's own changes. Also at REPEATABLE READ, as in PostgreSQL: a name is taken
    /// and a table referred to though an older snapshot does not show by what.
    pub catalog: Arc<CatalogSnapshot>,
    pub notices: Vec<(NoticeSeverity, Error)>,
    /// Of the table that is to be made.
    pub on_commit: Option<OnCommit>,
    /// What the statement has stored (or removed: `None`) since the catalog at hand was read, by the rows' keys.
    stored: Mutex<HashMap<Vec<u8>, Option<Object>>>,
}

impl Work {
    /// Reads the catalog.
    ///
    /// # Errors
    /// 25006 in a read-only transaction; what the engine returns.
    pub async fn begin(context: &Arc<ExecContext>) -> Result<Work> {
        let mut work = Work {
            context: context.clone(),
            catalog: context.catalog.clone(),
            notices: Vec::new(),
            on_commit: None,
            stored: Mutex::default(),
        };
        work.reload().await?;
        Ok(work)
    }

    pub fn engine(&self) -> &Arc<Engine> {
        self.context.engine()
    }

    pub async fn txn(&self) -> Result<TxnGuard<'_>> {
        self.context.txn().await
    }

    /// A view that sees what the statement did and what others committed until now.
    pub async fn view(&self) -> Result<View> {
        let txn = self.txn().await?;
        Ok(self.engine().newest(&txn))
    }

    /// Reads the catalog again: after locks were taken, and after own changes that later steps look at.
    pub async fn reload(&mut self) -> Result<()> {
        self.catalog = self.load().await?;
        self.stored.get_mut().clear();
        Ok(())
    }

    /// The catalog as it is now.
    pub async fn load(&self) -> Result<Arc<CatalogSnapshot>> {
        let view = self.view().await?;
        let database = self.context.catalog.database;
        Ok(Arc::new(store::load(self.engine(), &view, database, PRIVATE_VERSION).await?))
    }

    /// Locks an object until the transaction ends.
    pub async fn lock(&self, object: u64, mode: TableLockMode) -> Result<()> {
        let mut txn = self.txn().await?;
        self.engine().lock_object(&mut txn, object, mode, WaitPolicy::Wait).await.lift()
    }

    /// Locks an object until the transaction ends, if that can be had at once.
    pub async fn lock_now(&self, object: u64, mode: TableLockMode) -> Result<bool> {
        let mut txn = self.txn().await?;
        match self.engine().lock_object(&mut txn, object, mode, WaitPolicy::NoWait).await {
            Ok(()) => Ok(true),
            Err(engine::Error::LockNotAvailable) => Ok(false),
            Err(error) => Err(lift(error)),
        }
    }

    /// Locks a table and reads the catalog again. False: it is not what the statement was bound to.
    ///
    /// # Errors
    /// 42501 to those who do not own it; 40001 when a snapshot that stays is too old to see what the table is now.
    pub async fn lock_table(&mut self, table: &Arc<TableDef>, mode: TableLockMode) -> Result<bool> {
        self.check_owner(table.owner, "table", &table.name)?;
        self.lock_permitted(table, mode).await
    }

    /// As [`Work::lock_table`], whoever owns the table.
    ///
    /// # Errors
    /// 40001 as there.
    pub async fn lock_permitted(&mut self, table: &Arc<TableDef>, mode: TableLockMode) -> Result<bool> {
        self.lock(u64::from(table.oid), mode).await?;
        self.reload().await?;
        let same = match self.catalog.table(table.oid) {
            Some(found) => same_table(found, table)?,
            None => false,
        };
        if !same && self.sees_the_past() {
            // Binding again would find the same.
            return Err(lift(engine::Error::Serialization));
        }
        Ok(same)
    }

    /// # Errors
    /// 55006 while foreign keys of the table, or to it, wait for the end of the transaction.
    pub fn check_not_pending(&self, table: &TableDef, command: &str) -> Result<()> {
        if !self.context.session.deferred.lock().concerns(table.oid) {
            return Ok(());
        }
        let message = format!("cannot {command} \"{}\" because it has pending trigger events", table.name);
        Err(Error::new(SqlState::OBJECT_IN_USE, message))
    }

    /// Keeps the relations that expressions name, which the catalog is to keep, as they are until others know of these. False:
    /// one is not any more what the statement was bound to.
    ///
    /// # Errors
    /// 40001 as [`Work::lock_permitted`].
    pub async fn hold_named(&mut self, expressions: &[&str]) -> Result<bool> {
        let path = self.context.settings.search_path.clone();
        let named = |catalog: &CatalogSnapshot| -> Vec<Vec<u32>> {
            expressions.iter().map(|text| expression::named_in(text, catalog, &path)).collect()
        };
        let bound = named(&self.context.catalog);
        if bound.iter().all(Vec::is_empty) {
            return Ok(true);
        }
        for relation in bound.iter().flatten().filter_map(|oid| self.context.catalog.relation(*oid)) {
            if !matches!(relation, Relation::Virtual(_)) {
                self.hold_name_of(self.context.catalog.schema_of(relation)).await?;
                self.lock(locked_with(relation), TableLockMode::AccessShare).await?;
            }
        }
        self.reload().await?;
        let same = named(&self.catalog) == bound;
        if !same && self.sees_the_past() {
            return Err(lift(engine::Error::Serialization));
        }
        Ok(same)
    }

    /// Keeps a schema from getting another name, which would give one to what is in it, and from being dropped.
    pub async fn hold_name_of(&self, schema: u32) -> Result<()> {
        self.lock(u64::from(schema), TableLockMode::AccessShare).await
    }

    /// Locks an object against all who change its definition, but against nobody who reads it or writes rows, and reads
    /// the catalog again.
    pub async fn hold(&mut self, object: u32) -> Result<()> {
        self.lock(u64::from(object), TableLockMode::ShareUpdateExclusive).await?;
        self.reload().await
    }

    /// Locks a relation, or the table of an index. The catalog is current after this.
    pub async fn lock_relation(&mut self, relation: &Relation, mode: TableLockMode) -> Result<()> {
        self.lock(locked_with(relation), mode).await?;
        self.reload().await
    }

    /// Keeps a role, which is about to own something, from being dropped. The catalog is current after this.
    ///
    /// # Errors
    /// 42704 when it is gone.
    pub async fn hold_role(&mut self, role: u32) -> Result<()> {
        self.lock(u64::from(role), TableLockMode::AccessShare).await?;
        self.reload().await?;
        self.catalog
            .role(role)
            .map(drop)
            .ok_or_else(|| Error::new(SqlState::UNDEFINED_OBJECT, format!("role {role} was concurrently dropped")))
    }

    /// Reserves a name in a schema until the transaction ends, and holds the schema and the user. The catalog is current after
    /// this.
    ///
    /// # Errors
    /// 3F000 when no schema has this name any more, 42501 to those who may not create in it.
    pub async fn claim(&mut self, schema: &SchemaDef, name: &str) -> Result<()> {
        self.hold_name_of(schema.oid).await?;
        self.claim_more(schema.oid, name).await?;
        self.hold_role(self.role()?.oid).await?;
        if schema.is_temporary() {
            self.open_temporary(schema).await?;
        }
        let Some(schema) = self.catalog.schema(schema.oid).filter(|it| it.name == schema.name).cloned() else {
            let message = format!("schema \"{}\" does not exist", schema.name);
            return Err(Error::new(SqlState::INVALID_SCHEMA_NAME, message));
        };
        if matches!(
            schema.oid,
            well_known::PG_CATALOG | well_known::INFORMATION_SCHEMA | well_known::PG_TOAST | well_known::REDOUBT
        ) {
            let message = format!("permission denied to create \"{}.{name}\"", schema.name);
            return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message)
                .detail("System catalog modifications are currently disallowed."));
        }
        self.check_creates(self.role()?, &schema)
    }

    /// # Errors
    /// 42501 unless the role may create in the schema.
    pub fn check_creates(&self, role: &RoleDef, schema: &SchemaDef) -> Result<()> {
        if Secured::schema(schema).allows(&self.catalog, role, Privileges::CREATE) {
            return Ok(());
        }
        let message = format!("permission denied for schema {}", schema.name);
        Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
    }

    /// # Errors
    /// 42501 unless the user may create in the schema with this oid.
    pub fn check_creates_in(&self, schema: u32) -> Result<()> {
        let schema = self.catalog.schema(schema);
        schema.map_or(Ok(()), |schema| self.check_creates(self.role()?, schema))
    }

    /// Makes the session's schema of temporary objects if it is not there yet.
    ///
    /// # Errors
    /// 42501 to those who may make nothing temporary in this database.
    async fn open_temporary(&mut self, schema: &SchemaDef) -> Result<()> {
        let catalog = &self.catalog;
        let is_open = catalog.schema(schema.oid).is_some();
        if let Some(database) = catalog.database(catalog.database)
            && !self.holds(Secured::database(database), Privileges::TEMPORARY)?
        {
            let message = match is_open {
                true => format!("permission denied for schema {}", schema.name),
                false => format!("permission denied to create temporary tables in database \"{}\"", database.name),
            };
            return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        if is_open {
            return Ok(());
        }
        self.put(Object::Schema(schema.clone())).await?;
        self.reload().await
    }

    /// Reserves another name, of an index or sequence that comes with a table.
    pub async fn claim_more(&self, schema: u32, name: &str) -> Result<()> {
        self.claim_in(self.context.catalog.database, schema, name).await
    }

    /// Reserves the name of what all databases share: a role, a database.
    pub async fn claim_shared(&self, name: &str) -> Result<()> {
        self.claim_in(0, 0, name).await
    }

    async fn claim_in(&self, database: u32, schema: u32, name: &str) -> Result<()> {
        let mut hasher = DefaultHasher::new();
        (database, schema, name).hash(&mut hasher);
        self.lock(NAME_LOCKS | hasher.finish(), TableLockMode::Exclusive).await
    }

    /// Stores a definition, new or in place of the one in the catalog at hand. That is not changed: see [`Work::reload`].
    ///
    /// # Errors
    /// XX000 when another has been stored since.
    pub async fn put(&self, object: Object) -> Result<()> {
        let writer = Writer { engine: self.engine(), database: self.context.catalog.database };
        let key = store::key_of(writer.database, &object);
        let before = self.known(&key, &object);
        let mut txn = self.txn().await?;
        match &before {
            Some(before) => writer.replace(&mut txn, before, &object).await?,
            None => writer.create(&mut txn, &object).await?,
        }
        self.stored.lock().insert(key, Some(object));
        Ok(())
    }

    /// The definition that stands where this one is to be stored, as far as the statement knows.
    fn known(&self, key: &[u8], object: &Object) -> Option<Object> {
        if let Some(stored) = self.stored.lock().get(key) {
            return stored.clone();
        }
        let catalog = &self.catalog;
        match object {
            Object::Schema(it) => catalog.schema(it.oid).map(|it| Object::Schema((**it).clone())),
            Object::Table(it) => catalog.table(it.oid).map(|it| Object::Table(Box::new((**it).clone()))),
            Object::View(it) => catalog.view(it.oid).map(|it| Object::View((**it).clone())),
            Object::Index(it) => catalog.index(it.oid).map(|it| Object::Index((**it).clone())),
            Object::Constraint(it) => catalog.constraint(it.oid).map(|it| Object::Constraint((**it).clone())),
            Object::Sequence(it) => catalog.sequence(it.oid).map(|it| Object::Sequence((**it).clone())),
            Object::Role(it) => catalog.role(it.oid).map(|it| Object::Role((**it).clone())),
            Object::Database(it) => catalog.database(it.oid).map(|it| Object::Database((**it).clone())),
            Object::Comment(it) => catalog
                .comment(it.class, it.object, it.column)
                .map(|text| Object::Comment(Comment { text: text.clone(), ..it.clone() })),
            Object::Counter(_) => None,
        }
    }

    /// Sets or removes a comment; the caller has locked what it is on.
    pub async fn comment(&self, class: u32, object: u32, column: i32, text: Option<&str>) -> Result<()> {
        let comment = Object::Comment(Comment { class, object, column, text: Arc::from(text.unwrap_or("")) });
        if text.is_some() { self.put(comment).await } else { self.remove(comment).await }
    }

    pub async fn put_table(&self, table: TableDef) -> Result<()> {
        self.put(Object::Table(Box::new(table))).await
    }

    /// Removes a definition, if there is one.
    ///
    /// # Errors
    /// XX000 when another has been stored since the catalog at hand was read.
    pub async fn remove(&self, object: Object) -> Result<()> {
        let writer = Writer { engine: self.engine(), database: self.context.catalog.database };
        let key = store::key_of(writer.database, &object);
        let Some(before) = self.known(&key, &object) else { return Ok(()) };
        let mut txn = self.txn().await?;
        writer.remove(&mut txn, &before).await?;
        self.stored.lock().insert(key, None);
        Ok(())
    }

    /// A fresh oid.
    pub async fn oid(&self) -> Result<u32> {
        let session = &self.context.session;
        session.database.oids.next(self.engine(), &session.patience()).await
    }

    pub async fn create_tree(&self, kind: TreeKind) -> Result<TreeId> {
        let mut txn = self.txn().await?;
        self.engine().create_tree(&mut txn, kind).await.lift()
    }

    pub async fn drop_tree(&self, tree: u64) -> Result<()> {
        let mut txn = self.txn().await?;
        self.engine().drop_tree(&mut txn, crate::exec::table::tree(tree)).await.lift()
    }

    /// What a definition says of a tree that this statement fills with the newest state: older snapshots must not use it, the
    /// transaction's own among them.
    pub async fn valid_from(&self) -> Result<u64> {
        Ok(self.view().await?.snapshot().lsn().0)
    }

    /// Whether newest state and view may differ for everything the transaction reads.
    pub fn sees_the_past(&self) -> bool {
        self.context.isolation == Isolation::RepeatableRead
    }

    pub fn notice(&mut self, state: SqlState, message: impl Into<String>) {
        self.notices.push((NoticeSeverity::Notice, Error::new(state, message)));
    }

    pub fn warning(&mut self, state: SqlState, message: impl Into<String>) {
        self.notices.push((NoticeSeverity::Warning, Error::new(state, message)));
    }

    /// The current user.
    pub fn role(&self) -> Result<&Arc<RoleDef>> {
        let actor = self.context.session.actor();
        actor.find(&self.catalog).ok_or_else(|| actor.missing())
    }

    /// The role with this name, or the current user.
    pub fn role_or_user(&self, name: Option<&str>) -> Result<u32> {
        match name {
            None => Ok(self.role()?.oid),
            Some(name) => self.role_named(name).map(|role| role.oid),
        }
    }

    /// A role by name; `current_user` and `session_user` are themselves.
    pub fn role_named(&self, name: &str) -> Result<&Arc<RoleDef>> {
        match name {
            "current_user" | "current_role" | "user" => self.role(),
            "session_user" => {
                let actor = self.context.session.session_actor();
                actor.find(&self.catalog).ok_or_else(|| actor.missing())
            }
            name => self.catalog.role_named(name).ok_or_else(|| missing_role(name)),
        }
    }

    /// Whether the user has the rights of the role with this oid.
    pub fn has_rights_of(&self, role: u32) -> Result<bool> {
        Ok(has_rights_of(&self.catalog, self.role()?, role))
    }

    /// # Errors
    /// 42501 unless the user may become the role with this oid.
    pub fn check_may_become(&self, role: u32) -> Result<()> {
        if may_become(&self.catalog, self.role()?, role) {
            return Ok(());
        }
        let name = self.catalog.role(role).map_or("", |role| &*role.name);
        Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("must be member of role \"{name}\"")))
    }

    /// Whether the user has a privilege on an object.
    pub fn holds(&self, secured: Secured<'_>, wanted: Privileges) -> Result<bool> {
        Ok(secured.allows(&self.catalog, self.role()?, wanted))
    }

    /// # Errors
    /// 42501 unless the user has a privilege on a table.
    pub fn check_holds(&self, table: &TableDef, wanted: Privileges) -> Result<()> {
        if self.holds(Secured::relation(table.owner, &table.acl), wanted)? {
            return Ok(());
        }
        let message = format!("permission denied for table {}", table.name);
        Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
    }

    /// # Errors
    /// 42501 unless the user owns the object.
    pub fn check_owner(&self, owner: u32, kind: &str, name: &str) -> Result<()> {
        if self.has_rights_of(owner)? {
            return Ok(());
        }
        let message = format!("must be owner of {kind} {name}");
        Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
    }

    /// # Errors
    /// 42501 unless the user owns the relation; system relations belong to nobody.
    pub fn check_relation_owner(&self, relation: &Relation) -> Result<()> {
        let owner = match relation {
            Relation::Table(it) => it.owner,
            Relation::View(it) => it.owner,
            Relation::Sequence(it) => it.owner,
            Relation::Index(it) => self.table(it.table)?.owner,
            Relation::Virtual(it) => {
                let message = format!("permission denied: \"{}\" is a system catalog", it.name);
                return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
            }
        };
        self.check_owner(owner, relation.kind_name(), relation.name())
    }

    /// A table as it is now.
    pub fn table(&self, oid: u32) -> Result<Arc<TableDef>> {
        self.catalog.table(oid).cloned().ok_or_else(|| gone(oid))
    }

    /// A view as it is now, which the statement calls `name`.
    pub fn view_named(&self, oid: u32, name: &str) -> Result<Arc<ViewDef>> {
        self.catalog
            .view(oid)
            .cloned()
            .ok_or_else(|| Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist")))
    }

    /// A sequence as it is now.
    pub fn sequence(&self, oid: u32) -> Result<Arc<SequenceDef>> {
        self.catalog.sequence(oid).cloned().ok_or_else(|| gone(oid))
    }

    /// The relation with this oid, as it is now.
    pub fn relation(&self, oid: u32) -> Result<Relation> {
        self.catalog.relation(oid).cloned().ok_or_else(|| gone(oid))
    }
}

/// The object that is locked for a relation.
fn locked_with(relation: &Relation) -> u64 {
    match relation {
        Relation::Index(index) => u64::from(index.table),
        other => u64::from(other.oid()),
    }
}

fn gone(oid: u32) -> Error {
    Error::new(SqlState::UNDEFINED_TABLE, format!("could not open relation with OID {oid}"))
}

pub(super) fn missing_role(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist"))
}

/// Whether two definitions say the same, with what hangs on the table.
fn same_table(a: &TableDef, b: &TableDef) -> Result<bool> {
    // An estimate is no definition: COPY and ANALYZE change it under the locks of others.
    let row =
        |table: &TableDef| codec::encode(&Object::Table(Box::new(TableDef { estimated_rows: 0.0, ..table.clone() })));
    let indexes = |table: &TableDef| table.indexes.iter().map(|it| (it.oid, it.tree)).collect::<Vec<_>>();
    let constraints =
        |table: &TableDef| table.constraints.iter().map(|it| (it.oid, it.name.clone())).collect::<Vec<_>>();
    let references = |table: &TableDef| table.referenced_by.iter().map(|it| it.oid).collect::<Vec<_>>();
    Ok(row(a)? == row(b)?
        && indexes(a) == indexes(b)
        && constraints(a) == constraints(b)
        && references(a) == references(b))
}
