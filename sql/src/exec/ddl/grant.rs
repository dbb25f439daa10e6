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
    let wanted = wanted(work, grant)?;
    match &grant.on {
        GrantTarget::Relations(relations) | GrantTarget::Sequences(relations) => {
            for relation in relations {
                if !on_relation(work, grant, wanted, relation).await? {
                    let message = format!("relation \"{}\" does not exist", relation.name());
                    return Err(Error::new(SqlState::UNDEFINED_TABLE, message));
                }
            }
        }
        GrantTarget::AllTablesIn(schemas) => {
            for schema in schemas {
                let inside = work.catalog.relations().filter(|relation| {
                    matches!(relation, Relation::Table(_) | Relation::View(_))
                        && work.catalog.schema_of(relation) == schema.oid
                });
                let oids: Vec<u32> = inside.map(Relation::oid).collect();
                on_all(work, grant, wanted, oids).await?;
            }
        }
        GrantTarget::AllSequencesIn(schemas) => {
            for schema in schemas {
                let inside = work.catalog.relations().filter(|relation| {
                    matches!(relation, Relation::Sequence(_)) && work.catalog.schema_of(relation) == schema.oid
                });
                let oids: Vec<u32> = inside.map(Relation::oid).collect();
                on_all(work, grant, wanted, oids).await?;
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
                let acl = changed(work, grant, wanted, found.owner, &found.acl, Privileges::ALL_SCHEMA, defaults)?;
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
                let acl = changed(work, grant, wanted, found.owner, &found.acl, Privileges::ALL_DATABASE, defaults)?;
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

/// The privileges that a statement names, or all that its kind of object has.
///
/// # Errors
/// 42704 for a role that does not exist, 42601 for what is no privilege, 0LP01 for one of other objects.
fn wanted(work: &Work, grant: &Grant) -> Result<Privileges> {
    let (all, kind) = match &grant.on {
        GrantTarget::Relations(_) | GrantTarget::AllTablesIn(_) => {
            (Privileges::ALL_TABLE.union(Privileges::ALL_SEQUENCE), "relation")
        }
        GrantTarget::Sequences(_) | GrantTarget::AllSequencesIn(_) => (Privileges::ALL_SEQUENCE, "sequence"),
        GrantTarget::Schemas(_) => (Privileges::ALL_SCHEMA, "schema"),
        GrantTarget::Databases(_) => (Privileges::ALL_DATABASE, "database"),
        GrantTarget::Roles(_) | GrantTarget::Other(_) => return Ok(Privileges::NONE),
    };
    for name in grant.grantees.iter().filter(|name| *name != "public") {
        work.role_named(name)?;
    }
    if grant.privileges.is_empty() {
        return Ok(all);
    }
    let mut wanted = Privileges::NONE;
    for (word, _) in &grant.privileges {
        let privilege = Privileges::named(word).ok_or_else(|| {
            let message = format!("unrecognized privilege type \"{}\"", word.to_ascii_lowercase());
            Error::new(SqlState::SYNTAX_ERROR, message)
        })?;
        if !all.contains(privilege) {
            let message = format!("invalid privilege type {word} for {kind}");
            return Err(Error::new(SqlState::INVALID_GRANT_OPERATION, message));
        }
        wanted = wanted.union(privilege);
    }
    Ok(wanted)
}

/// What of that a statement gives on a relation, which may be of another kind than it says.
///
/// # Errors
/// 42809 for what is no sequence or no such relation, 0LP01 for a privilege that only sequences have.
fn given(work: &mut Work, grant: &Grant, wanted: Privileges, relation: &Relation) -> Result<Privileges> {
    let (name, are_named) = (relation.name(), !grant.privileges.is_empty());
    match relation {
        Relation::Index(_) => Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is an index"))),
        Relation::Sequence(_) => {
            let others = wanted.without(Privileges::ALL_SEQUENCE);
            if are_named && !others.is_empty() {
                let message = format!("sequence \"{name}\" only supports USAGE, SELECT, and UPDATE privileges");
                work.warning(SqlState::INVALID_GRANT_OPERATION, message);
            }
            Ok(wanted.without(others))
        }
        _ if matches!(grant.on, GrantTarget::Sequences(_)) => {
            Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not a sequence")))
        }
        Relation::Table(_) | Relation::View(_) | Relation::Virtual(_) => {
            if are_named && !Privileges::ALL_TABLE.contains(wanted) {
                let message = "invalid privilege type USAGE for table";
                return Err(Error::new(SqlState::INVALID_GRANT_OPERATION, message));
            }
            Ok(wanted.without(Privileges::USAGE))
        }
    }
}

/// Of what was found in a schema, what is still there once it is locked.
async fn on_all(work: &mut Work, grant: &Grant, wanted: Privileges, oids: Vec<u32>) -> Result<()> {
    for oid in oids {
        if let Some(relation) = work.catalog.relation(oid).cloned() {
            on_relation(work, grant, wanted, &relation).await?;
        }
    }
    Ok(())
}

/// False: it is gone.
async fn on_relation(work: &mut Work, grant: &Grant, wanted: Privileges, relation: &Relation) -> Result<bool> {
    let given = given(work, grant, wanted, relation)?;
    work.check_relation_owner(relation)?;
    work.hold(relation.oid()).await?;
    let Some(relation) = work.catalog.relation(relation.oid()).cloned() else { return Ok(false) };
    work.check_relation_owner(&relation)?;
    match &relation {
        Relation::Table(it) => {
            let acl = changed(work, grant, given, it.owner, &it.acl, Privileges::ALL_TABLE, Privileges::NONE)?;
            work.put_table(TableDef { acl, ..(**it).clone() }).await?;
        }
        Relation::View(it) => {
            let acl = changed(work, grant, given, it.owner, &it.acl, Privileges::ALL_TABLE, Privileges::NONE)?;
            work.put(Object::View(ViewDef { acl, ..(**it).clone() })).await?;
        }
        Relation::Sequence(it) => {
            let acl = changed(work, grant, given, it.owner, &it.acl, Privileges::ALL_SEQUENCE, Privileges::NONE)?;
            work.put(Object::Sequence(SequenceDef { acl, ..(**it).clone() })).await?;
        }
        Relation::Index(_) | Relation::Virtual(_) => return Err(Error::internal("a grant on what has none")),
    }
    work.reload().await?;
    Ok(true)
}

/// The grants after the change. `all` is what the owner of such an object has by default, `public` what PUBLIC has.
fn changed(
    work: &Work,
    grant: &Grant,
    wanted: Privileges,
    owner: u32,
    acl: &Acl,
    all: Privileges,
    public: Privileges,
) -> Result<Acl> {
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
        role::check_may_grant(work, &group)?;
        for name in &grant.grantees {
            let mut member = role::held(work, work.role_named(name)?.oid, name).await?;
            let is_member = member.member_of.contains(&group.oid);
            match (grant.revoke, is_member) {
                (false, true) => {
                    let message = format!("role \"{name}\" is already a member of role \"{}\"", group.name);
                    work.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                    continue;
                }
                (false, false) => role::add_membership(work, &mut member, group.oid)?,
                (true, true) => member.member_of.retain(|oid| *oid != group.oid),
                (true, false) => {
                    let message = format!("role \"{name}\" is not a member of role \"{}\"", group.name);
                    work.warning(SqlState::WARNING, message);
                    continue;
                }
            }
            work.put(Object::Role(member)).await?;
            work.reload().await?;
        }
    }
    Ok(())
}
