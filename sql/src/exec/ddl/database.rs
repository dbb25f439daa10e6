//! CREATE DATABASE and DROP DATABASE.

use std::sync::Arc;

use types::{Error, Result, SqlState};

use super::work::Work;
use crate::bound::NewDatabase;
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
    let user = work.role()?;
    if !user.superuser && !user.create_database {
        return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, "permission denied to create database"));
    }
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
        is_template: false,
        allow_connections: new.allow_connections,
        connection_limit: new.connection_limit,
        settings: Vec::new(),
    };
    let writer = Writer { engine: work.engine(), database: 0 };
    let mut txn = work.txn().await?;
    writer.found(&mut txn, &database).await?;
    Ok("CREATE DATABASE".to_owned())
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
    let others = work.context.session.database.backends.list();
    let users = others.iter().filter(|backend| *backend.database_name == *name).count();
    if users > 0 {
        let sessions = if users == 1 { "is 1 other session" } else { "are other sessions" };
        return Err(Error::new(
            SqlState::OBJECT_IN_USE,
            format!("database \"{name}\" is being accessed by other users"),
        )
        .detail(format!("There {sessions} using the database.")));
    }
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
