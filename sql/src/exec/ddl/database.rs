//! CREATE, ALTER and DROP DATABASE.

use std::sync::Arc;

use types::{Error, Result, SqlState};

use super::work::Work;
use super::{rename, role};
use crate::bound::{DatabaseChange, NewDatabase};
use crate::catalog::codec::Object;
use crate::catalog::store::{self, Writer};
use crate::catalog::{CatalogSnapshot, DatabaseDef, Relation};

pub(super) fn missing(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_DATABASE, format!("database \"{name}\" does not exist"))
}

/// Keeps others from changing or making a database of this name until the transaction ends.
pub(super) async fn lock(work: &mut Work, name: &str) -> Result<()> {
    work.claim_shared(&format!("database {name}")).await?;
    work.reload().await
}

/// The catalog of another database.
pub(super) async fn catalog_of(work: &Work, database: u32) -> Result<CatalogSnapshot> {
    let view = work.view().await?;
    store::load(work.engine(), &view, database, 0).await
}

pub(super) async fn create(work: &mut Work, new: &NewDatabase) -> Result<String> {
    let name = &*new.name;
    lock(work, name).await?;
    check_may_create(work, "create")?;
    if work.catalog.database_named(name).is_some() {
        return Err(Error::new(SqlState::DUPLICATE_DATABASE, format!("database \"{name}\" already exists")));
    }
    let owner = work.role_or_user(new.owner.as_deref())?;
    work.check_may_become(owner)?;
    work.hold_role(owner).await?;
    let template = new.template.as_deref().unwrap_or("template1");
    let source = work.catalog.database_named(template).map(|database| database.oid);
    let source = source.ok_or_else(|| {
        Error::new(SqlState::UNDEFINED_DATABASE, format!("template database \"{template}\" does not exist"))
    })?;
    let has_objects =
        catalog_of(work, source).await?.relations().any(|relation| !matches!(relation, Relation::Virtual(_)));
    if has_objects {
        return Err(Error::unsupported("a template database with objects of its own"));
    }
    let database = DatabaseDef {
        oid: work.oid().await?,
        name: Arc::from(name),
        owner,
        acl: None,
        is_template: new.options.is_template.unwrap_or(false),
        allow_connections: new.options.allow_connections.unwrap_or(true),
        connection_limit: new.options.connection_limit.unwrap_or(-1),
        settings: Vec::new(),
    };
    let writer = Writer { engine: work.engine(), database: 0 };
    let mut txn = work.txn().await?;
    writer.found(&mut txn, &database).await?;
    Ok("CREATE DATABASE".to_owned())
}

/// # Errors
/// 55006 while there are sessions in the database, which is not the user's.
fn check_unused(work: &Work, name: &str) -> Result<()> {
    let others = work.context.session.database.backends.list();
    let sessions = match others.iter().filter(|backend| *backend.database_name == *name).count() {
        0 => return Ok(()),
        1 => "is 1 other session".to_owned(),
        count => format!("are {count} other sessions"),
    };
    let message = format!("database \"{name}\" is being accessed by other users");
    Err(Error::new(SqlState::OBJECT_IN_USE, message).detail(format!("There {sessions} using the database.")))
}

/// # Errors
/// 42501 to who may not create databases.
fn check_may_create(work: &Work, what: &str) -> Result<()> {
    let user = work.role()?;
    if user.superuser || user.create_database {
        return Ok(());
    }
    Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied to {what} database")))
}

pub(super) async fn alter(work: &mut Work, name: &str, change: &DatabaseChange) -> Result<String> {
    lock(work, name).await?;
    let found = work.catalog.database_named(name).cloned().ok_or_else(|| missing(name))?;
    let mut database = (*found).clone();
    let is_own = database.oid == work.catalog.database;
    let own = |work: &Work| work.check_owner(found.owner, "database", name);
    match change {
        DatabaseChange::Rename(to) => {
            own(work)?;
            check_may_create(work, "rename")?;
            lock(work, to).await?;
            if work.catalog.database_named(to).is_some() {
                return Err(Error::new(SqlState::DUPLICATE_DATABASE, format!("database \"{to}\" already exists")));
            }
            if is_own {
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "current database cannot be renamed"));
            }
            check_unused(work, name)?;
            database.name = Arc::from(&**to);
        }
        DatabaseChange::Owner(to) => {
            let owner = work.role_named(to)?.oid;
            if owner != database.owner {
                own(work)?;
                work.check_may_become(owner)?;
                check_may_create(work, "change owner of")?;
                work.hold_role(owner).await?;
                database.acl = rename::owned_by(&database.acl, database.owner, owner);
                database.owner = owner;
            }
        }
        DatabaseChange::Set { setting, value } => {
            own(work)?;
            role::store_setting(work, &mut database.settings, setting, value.as_deref())?;
        }
        DatabaseChange::Options(options) => {
            own(work)?;
            if options.allow_connections == Some(false) && is_own {
                let message = "cannot disallow connections for current database";
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
            database.allow_connections = options.allow_connections.unwrap_or(database.allow_connections);
            database.connection_limit = options.connection_limit.unwrap_or(database.connection_limit);
            database.is_template = options.is_template.unwrap_or(database.is_template);
        }
    }
    work.put(Object::Database(database)).await?;
    Ok("ALTER DATABASE".to_owned())
}

pub(super) async fn drop(work: &mut Work, name: &str, if_exists: bool) -> Result<String> {
    let tag = "DROP DATABASE".to_owned();
    lock(work, name).await?;
    let Some(database) = work.catalog.database_named(name).cloned() else {
        if !if_exists {
            return Err(missing(name));
        }
        work.notice(SqlState::SUCCESSFUL_COMPLETION, format!("database \"{name}\" does not exist, skipping"));
        return Ok(tag);
    };
    work.check_owner(database.owner, "database", name)?;
    if database.is_template {
        return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, "cannot drop a template database"));
    }
    if database.oid == work.catalog.database {
        return Err(Error::new(SqlState::OBJECT_IN_USE, "cannot drop the currently open database"));
    }
    check_unused(work, name)?;
    let inside = catalog_of(work, database.oid).await?;
    let writer = Writer { engine: work.engine(), database: database.oid };
    let mut objects: Vec<Object> = Vec::new();
    for table in inside.tables() {
        work.drop_tree(table.tree).await?;
        for index in table.indexes.iter().filter(|index| index.tree != table.tree) {
            work.drop_tree(index.tree).await?;
        }
    }
    for relation in inside.relations() {
        match relation {
            Relation::Table(it) => objects.push(Object::Table(Box::new((**it).clone()))),
            Relation::View(it) => objects.push(Object::View((**it).clone())),
            Relation::Index(it) => objects.push(Object::Index((**it).clone())),
            Relation::Sequence(it) => objects.push(Object::Sequence((**it).clone())),
            Relation::Virtual(_) => {}
        }
    }
    objects.extend(inside.constraints().map(|it| Object::Constraint((**it).clone())));
    objects.extend(inside.schemas().map(|it| Object::Schema((**it).clone())));
    objects.extend(inside.comments().iter().map(|it| Object::Comment(it.clone())));
    objects.push(Object::Database((*database).clone()));
    let mut txn = work.txn().await?;
    for object in &objects {
        writer.remove(&mut txn, object).await?;
    }
    Ok(tag)
}
