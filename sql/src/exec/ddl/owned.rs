//! REASSIGN OWNED and DROP OWNED: what is some roles' in this database, and what of theirs all databases share.
//!
//! DROP OWNED takes from the roles what they were granted, whoever granted it: PostgreSQL 15 leaves the grants of others than
//! the owner, and the role then still cannot be dropped. Databases it leaves to their owners, as there.

use std::sync::Arc;

use engine::TableLockMode;
use types::{Error, Result, SqlState};

use super::work::Work;
use super::{database, drop, grant, rename};
use crate::catalog::codec::Object;
use crate::catalog::{DatabaseDef, FIRST_NORMAL_OID, Relation, SchemaDef};

/// The roles with these names.
///
/// # Errors
/// 42704 for one that does not exist, 42501 unless the user has the rights of all.
fn roles(work: &Work, names: &[String], what: &str) -> Result<Vec<u32>> {
    let roles = names.iter().map(|name| work.role_named(name).map(|role| role.oid)).collect::<Result<Vec<_>>>()?;
    for role in &roles {
        check_rights(work, *role, what)?;
    }
    Ok(roles)
}

fn check_rights(work: &Work, role: u32, what: &str) -> Result<()> {
    if work.has_rights_of(role)? {
        return Ok(());
    }
    Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied to {what} objects")))
}

/// # Errors
/// 2BP01 for a role that comes with the system: what it owns does, too.
fn check_not_required(work: &Work, roles: &[u32], what: &str) -> Result<()> {
    let Some(pinned) = roles.iter().find(|role| **role < FIRST_NORMAL_OID) else { return Ok(()) };
    let name = work.catalog.role(*pinned).map_or("", |role| &*role.name);
    let message =
        format!("cannot {what} objects owned by role {name} because they are required by the database system");
    Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message))
}

/// Whether a relation is some role's of these by itself: a sequence that belongs to a column goes with that.
fn is_of(relation: &Relation, roles: &[u32]) -> bool {
    let is_part = matches!(relation, Relation::Sequence(it) if it.owned_by.is_some());
    !is_part && relation.ownership().is_some_and(|(owner, _)| roles.contains(&owner))
}

fn relations_of(work: &Work, roles: &[u32]) -> Vec<Relation> {
    work.catalog.relations().filter(|relation| is_of(relation, roles)).cloned().collect()
}

fn schemas_of(work: &Work, roles: &[u32]) -> Vec<Arc<SchemaDef>> {
    work.catalog.schemas().filter(|schema| roles.contains(&schema.owner)).cloned().collect()
}

pub(super) async fn reassign(work: &mut Work, from: &[String], to: &str) -> Result<String> {
    let from = roles(work, from, "reassign")?;
    let to_oid = work.role_named(to)?.oid;
    check_rights(work, to_oid, "reassign")?;
    check_not_required(work, &from, "reassign ownership of")?;
    work.hold_role(to_oid).await?;
    for schema in schemas_of(work, &from) {
        work.hold(schema.oid).await?;
        // Another may have given or dropped it meanwhile.
        if let Some(found) = work.catalog.schema(schema.oid).filter(|it| from.contains(&it.owner)).cloned() {
            rename::set_schema_owner(work, &found, to).await?;
        }
    }
    for relation in relations_of(work, &from) {
        work.lock_relation(&relation, TableLockMode::AccessExclusive).await?;
        let Some(found) = work.catalog.relation(relation.oid()).cloned() else { continue };
        if is_of(&found, &from) {
            rename::give(work, &found, to_oid).await?;
        }
    }
    let theirs = work.catalog.databases().filter(|database| from.contains(&database.owner));
    for name in theirs.map(|database| database.name.clone()).collect::<Vec<_>>() {
        database::lock(work, &name).await?;
        let Some(found) = work.catalog.database_named(&name).filter(|it| from.contains(&it.owner)).cloned() else {
            continue;
        };
        let acl = rename::owned_by(&found.acl, found.owner, to_oid);
        work.put(Object::Database(DatabaseDef { owner: to_oid, acl, ..(*found).clone() })).await?;
    }
    work.reload().await?;
    Ok("REASSIGN OWNED".to_owned())
}

pub(super) async fn drop(work: &mut Work, names: &[String], cascade: bool) -> Result<String> {
    let roles = roles(work, names, "drop")?;
    check_not_required(work, &roles, "drop")?;
    let (schemas, relations) = (schemas_of(work, &roles), relations_of(work, &roles));
    let meant: Vec<u32> = schemas.iter().map(|it| it.oid).chain(relations.iter().map(Relation::oid)).collect();
    for oid in &meant {
        work.lock(u64::from(*oid), TableLockMode::AccessExclusive).await?;
    }
    work.reload().await?;
    // What of that is theirs still, as it is now.
    let (mut schemas, mut relations) = (schemas_of(work, &roles), relations_of(work, &roles));
    schemas.retain(|it| meant.contains(&it.oid));
    relations.retain(|it| meant.contains(&it.oid()));
    drop::everything(work, &schemas, relations, cascade).await?;
    grant::revoke_from(work, &roles).await?;
    Ok("DROP OWNED".to_owned())
}
