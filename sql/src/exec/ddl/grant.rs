//! GRANT and REVOKE.
//!
//! Grants are made by the owner, or by a member of the owner, in the owner's name. The privileges of single columns are
//! not kept: asking for them is refused. REVOKE takes what was granted by anyone.
//!
//! An object is held against other changes of its definition and then read again. PostgreSQL takes no lock here and lets
//! the later of two fail ("tuple concurrently updated"); both count here.

use types::{Error, Result, SqlState};

use super::role;
use super::work::Work;
use crate::bound::{Grant, GrantTarget};
use crate::catalog::codec::Object;
use crate::catalog::{Acl, AclItem, DatabaseDef, Privileges, Relation, SchemaDef, SequenceDef, TableDef, ViewDef};

/// Whether a role has a part in some grants.
pub(super) fn mentions(acl: &Acl, role: u32) -> bool {
    acl.iter().flat_map(|items| items.iter()).any(|item| item.grantee == role || item.grantor == role)
}

pub(super) async fn run(work: &mut Work, grant: &Grant) -> Result<String> {
    let tag = if grant.revoke { "REVOKE" } else { "GRANT" };
    if grant.privileges.iter().any(|(_, columns)| !columns.is_empty()) {
        return Err(Error::unsupported("granting privileges on columns"));
    }
    match &grant.on {
        GrantTarget::Relations(relations) => {
            for relation in relations {
                work.check_relation_owner(relation)?;
                work.hold(relation.oid()).await?;
                if work.catalog.relation(relation.oid()).is_none() {
                    let message = format!("relation \"{}\" does not exist", relation.name());
                    return Err(Error::new(SqlState::UNDEFINED_TABLE, message));
                }
                on_relation(work, grant, relation.oid()).await?;
            }
        }
        GrantTarget::AllTablesIn(schemas) => {
            for schema in schemas {
                let inside = work.catalog.relations().filter(|relation| {
                    matches!(relation, Relation::Table(_) | Relation::View(_))
                        && work.catalog.schema_of(relation) == schema.oid
                });
                let oids: Vec<u32> = inside.map(Relation::oid).collect();
                on_all(work, grant, oids).await?;
            }
        }
        GrantTarget::AllSequencesIn(schemas) => {
            for schema in schemas {
                let inside = work.catalog.relations().filter(|relation| {
                    matches!(relation, Relation::Sequence(_)) && work.catalog.schema_of(relation) == schema.oid
                });
                let oids: Vec<u32> = inside.map(Relation::oid).collect();
                on_all(work, grant, oids).await?;
            }
        }
        GrantTarget::Schemas(schemas) => {
            for schema in schemas {
                work.check_owner(schema.owner, "schema", &schema.name)?;
                work.hold(schema.oid).await?;
                let found = work.catalog.schema(schema.oid).cloned();
                let found = found.ok_or_else(|| {
                    let message = format!("schema \"{}\" does not exist", schema.name);
                    Error::new(SqlState::INVALID_SCHEMA_NAME, message)
                })?;
                work.check_owner(found.owner, "schema", &found.name)?;
                let defaults = Privileges::NONE;
                let acl = changed(work, grant, found.owner, &found.acl, Privileges::ALL_SCHEMA, defaults)?;
                work.put(Object::Schema(SchemaDef { acl, ..(*found).clone() })).await?;
            }
        }
        GrantTarget::Databases(names) => {
            for name in names {
                super::database::lock(work, name).await?;
                let found = work.catalog.database_named(name).cloned();
                let found = found.ok_or_else(|| super::database::missing(name))?;
                work.check_owner(found.owner, "database", name)?;
                let defaults = Privileges::CONNECT.union(Privileges::TEMPORARY);
                let acl = changed(work, grant, found.owner, &found.acl, Privileges::ALL_DATABASE, defaults)?;
                work.put(Object::Database(DatabaseDef { acl, ..(*found).clone() })).await?;
            }
        }
        GrantTarget::Roles(roles) => {
            on_roles(work, grant, roles).await?;
            work.reload().await?;
            return Ok(format!("{tag} ROLE"));
        }
        GrantTarget::Other(_) => {}
    }
    work.reload().await?;
    Ok(tag.to_owned())
}

/// Of what was found in a schema, what is still there once it is locked.
async fn on_all(work: &mut Work, grant: &Grant, oids: Vec<u32>) -> Result<()> {
    for oid in oids {
        work.check_relation_owner(&work.relation(oid)?)?;
        work.hold(oid).await?;
        if work.catalog.relation(oid).is_some() {
            on_relation(work, grant, oid).await?;
        }
    }
    Ok(())
}

/// The caller holds the relation.
async fn on_relation(work: &mut Work, grant: &Grant, oid: u32) -> Result<()> {
    let relation = work.relation(oid)?;
    work.check_relation_owner(&relation)?;
    match &relation {
        Relation::Table(it) => {
            let acl = changed(work, grant, it.owner, &it.acl, Privileges::ALL_TABLE, Privileges::NONE)?;
            work.put_table(TableDef { acl, ..(**it).clone() }).await?;
        }
        Relation::View(it) => {
            let acl = changed(work, grant, it.owner, &it.acl, Privileges::ALL_TABLE, Privileges::NONE)?;
            work.put(Object::View(ViewDef { acl, ..(**it).clone() })).await?;
        }
        Relation::Sequence(it) => {
            let acl = changed(work, grant, it.owner, &it.acl, Privileges::ALL_SEQUENCE, Privileges::NONE)?;
            work.put(Object::Sequence(SequenceDef { acl, ..(**it).clone() })).await?;
        }
        Relation::Index(_) | Relation::Virtual(_) => {
            let message = format!("\"{}\" is an index", relation.name());
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message));
        }
    }
    work.reload().await
}

/// The grants after the change. `all` is what ALL means for the kind of object, `public` what PUBLIC has by default.
fn changed(work: &Work, grant: &Grant, owner: u32, acl: &Acl, all: Privileges, public: Privileges) -> Result<Acl> {
    let mut wanted = Privileges::NONE;
    for (word, _) in &grant.privileges {
        let privilege = if word == "ALL" { Some(all) } else { Privileges::named(word) };
        if privilege.is_none() {
            let message = format!("unrecognized privilege type \"{}\"", word.to_ascii_lowercase());
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        let privilege = privilege.filter(|privilege| all.contains(*privilege)).ok_or_else(|| {
            let message = format!("invalid privilege type {word} for this kind of object");
            Error::new(SqlState::INVALID_GRANT_OPERATION, message)
        })?;
        wanted = wanted.union(privilege);
    }
    if grant.privileges.is_empty() {
        wanted = all;
    }
    let mut items = match acl {
        Some(items) => items.to_vec(),
        None => {
            let own = AclItem { grantee: owner, grantor: owner, privileges: all, grantable: Privileges::NONE };
            let others = AclItem { grantee: 0, privileges: public, ..own };
            [others, own].into_iter().filter(|item| !item.privileges.is_empty()).collect()
        }
    };
    for name in &grant.grantees {
        let grantee = if name == "public" { 0 } else { work.role_named(name)?.oid };
        if grantee == 0 && grant.grant_option && !grant.revoke {
            let message = "grant options can only be granted to roles";
            return Err(Error::new(SqlState::INVALID_GRANT_OPERATION, message));
        }
        if grant.revoke {
            for item in items.iter_mut().filter(|item| item.grantee == grantee) {
                item.grantable = item.grantable.without(wanted);
                if !grant.grant_option {
                    item.privileges = item.privileges.without(wanted);
                }
            }
            continue;
        }
        let grantable = if grant.grant_option { wanted } else { Privileges::NONE };
        match items.iter_mut().find(|item| item.grantee == grantee && item.grantor == owner) {
            Some(item) => {
                item.privileges = item.privileges.union(wanted);
                item.grantable = item.grantable.union(grantable);
            }
            None => items.push(AclItem { grantee, grantor: owner, privileges: wanted, grantable }),
        }
    }
    items.retain(|item| !item.privileges.is_empty());
    Ok(Some(items.into()))
}

async fn on_roles(work: &mut Work, grant: &Grant, roles: &[String]) -> Result<()> {
    for group in roles {
        let group = work.role_named(group)?.clone();
        let user = work.role()?;
        if !user.superuser && (!user.create_role || group.superuser) {
            let verb = if grant.revoke { "revoke" } else { "grant" };
            let message = format!("permission denied to {verb} role \"{}\"", group.name);
            return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        for name in &grant.grantees {
            let mut member = role::held(work, work.role_named(name)?.oid, name).await?;
            let is_member = member.member_of.contains(&group.oid);
            match (grant.revoke, is_member) {
                (false, true) => {
                    let message =
                        format!("role \"{name}\" has already been granted membership in role \"{}\"", group.name);
                    work.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                    continue;
                }
                (false, false) => role::add_membership(work, &mut member, group.oid)?,
                (true, true) => member.member_of.retain(|oid| *oid != group.oid),
                (true, false) => {
                    let message = format!("role \"{name}\" is not a member of role \"{}\"", group.name);
                    work.notice(SqlState::WARNING, message);
                    continue;
                }
            }
            work.put(Object::Role(member)).await?;
            work.reload().await?;
        }
    }
    Ok(())
}
