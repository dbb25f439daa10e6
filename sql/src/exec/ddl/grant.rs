//! GRANT and REVOKE.
//!
//! Who owns an object, or is a superuser, grants in the owner's name; others as the one of their roles that may grant the
//! most of what is named ([`Secured::grantor`]). REVOKE takes back what was granted in that name, and what hangs from it
//! ([`Grants`]). The privileges of single columns are not kept: asking for them is refused.
//!
//! An object is held against other changes of its definition and then read again. PostgreSQL takes no lock here and lets
//! the later of two fail ("tuple concurrently updated"); both count here.

use types::{Error, Result, SqlState};

use super::role;
use super::work::Work;
use crate::bound::{Grant, GrantTarget};
use crate::catalog::codec::Object;
use crate::catalog::{
    Acl, AclItem, DatabaseDef, Grants, Privileges, Relation, SEQUENCE_COLUMNS, SchemaDef, SequenceDef, TableDef,
    ViewDef,
};
use crate::functions::{Secured, has_rights_of};

/// An object that privileges are granted on.
struct Granted<'a> {
    /// What the refusal calls it.
    kind: &'static str,
    name: &'a str,
    secured: Secured<'a>,
    /// Everything that applies to such an object.
    all: Privileges,
}

impl<'a> Granted<'a> {
    /// A view is called a table, as in PostgreSQL.
    fn relation(relation: &'a Relation) -> Result<Granted<'a>> {
        let Some((owner, acl)) = relation.ownership() else { return Err(Error::internal("a grant on what has none")) };
        let (kind, all) = match relation {
            Relation::Sequence(_) => ("sequence", Privileges::ALL_SEQUENCE),
            _ => ("table", Privileges::ALL_TABLE),
        };
        Ok(Granted { kind, name: relation.name(), secured: Secured::relation(owner, acl), all })
    }

    fn schema(schema: &'a SchemaDef) -> Granted<'a> {
        let (secured, all) = (Secured::schema(schema), Privileges::ALL_SCHEMA);
        Granted { kind: "schema", name: &schema.name, secured, all }
    }

    fn database(database: &'a DatabaseDef) -> Granted<'a> {
        let (secured, all) = (Secured::database(database), Privileges::ALL_DATABASE);
        Granted { kind: "database", name: &database.name, secured, all }
    }

    /// # Errors
    /// 42501 to those who may do nothing with the object. Who may do something is told what they could not grant.
    fn check(&self, work: &Work) -> Result<()> {
        let user = work.role()?;
        let may = self.secured.held(&work.catalog, user).union(self.secured.grantable(&work.catalog, user));
        if !may.common(self.all).is_empty() {
            return Ok(());
        }
        let message = format!("permission denied for {} {}", self.kind, self.name);
        Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
    }
}

/// Whether a role has a part in some grants.
pub(super) fn mentions(acl: &Acl, role: u32) -> bool {
    acl.iter().flat_map(|items| items.iter()).any(|item| item.grantee == role || item.grantor == role)
}

pub(super) async fn run(work: &mut Work, grant: &Grant) -> Result<String> {
    let tag = if grant.revoke { "REVOKE" } else { "GRANT" };
    if grant.privileges.iter().any(|(_, columns)| !columns.is_empty()) {
        return Err(Error::unsupported("granting privileges on columns"));
    }
    let names_other = names_other(work, grant)?;
    if names_other && !matches!(grant.on, GrantTarget::Roles(_)) {
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "grantor must be current user"));
    }
    let wanted = wanted(work, grant)?;
    if !grant.revoke && !wanted.is_empty() {
        hold_grantees(work, grant).await?;
    }
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
                Granted::schema(schema).check(work)?;
                work.hold(schema.oid).await?;
                let found = work.catalog.schema(schema.oid).cloned();
                let found = found.ok_or_else(|| {
                    let message = format!("schema \"{}\" does not exist", schema.name);
                    Error::new(SqlState::INVALID_SCHEMA_NAME, message)
                })?;
                let acl = changed(work, grant, wanted, &Granted::schema(&found))?;
                work.put(Object::Schema(SchemaDef { acl, ..(*found).clone() })).await?;
            }
        }
        GrantTarget::Databases(names) => {
            for name in names {
                super::database::lock(work, name).await?;
                let found = work.catalog.database_named(name).cloned();
                let found = found.ok_or_else(|| super::database::missing(name))?;
                let acl = changed(work, grant, wanted, &Granted::database(&found))?;
                work.put(Object::Database(DatabaseDef { acl, ..(*found).clone() })).await?;
            }
        }
        GrantTarget::Roles(roles) => {
            on_roles(work, grant, roles, names_other).await?;
            work.reload().await?;
            return Ok(format!("{tag} ROLE"));
        }
        GrantTarget::Other(_) => {}
    }
    work.reload().await?;
    Ok(tag.to_owned())
}

/// Whether GRANTED BY names another than the user.
///
/// # Errors
/// 42704 for a role that does not exist.
fn names_other(work: &Work, grant: &Grant) -> Result<bool> {
    match &grant.grantor {
        Some(name) => Ok(work.role_named(name)?.oid != work.role()?.oid),
        None => Ok(false),
    }
}

/// Keeps the roles that are granted something from being dropped until that is known. The catalog is current after this.
async fn hold_grantees(work: &mut Work, grant: &Grant) -> Result<()> {
    for name in grant.grantees.iter().filter(|name| *name != "public") {
        let role = work.role_named(name)?.oid;
        work.lock(u64::from(role), engine::TableLockMode::AccessShare).await?;
    }
    work.reload().await
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
/// 42809 for what is no sequence or no such relation, 0LP01 for a privilege that only sequences have, 42501 for what is the
/// system's.
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
        Relation::Virtual(_) => {
            let message = format!("permission denied: \"{name}\" is a system catalog");
            Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
        }
        Relation::Table(_) | Relation::View(_) => {
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
    let wanted = given(work, grant, wanted, relation)?;
    if wanted.is_empty() {
        return Ok(true);
    }
    Granted::relation(relation)?.check(work)?;
    work.hold(relation.oid()).await?;
    let Some(relation) = work.catalog.relation(relation.oid()).cloned() else { return Ok(false) };
    let acl = changed(work, grant, wanted, &Granted::relation(&relation)?)?;
    warn_of_columns(work, grant, wanted, &relation)?;
    put(work, &relation, acl).await?;
    work.reload().await?;
    Ok(true)
}

/// Stores a relation with these grants.
async fn put(work: &Work, relation: &Relation, acl: Acl) -> Result<()> {
    match relation {
        Relation::Table(it) => work.put_table(TableDef { acl, ..(**it).clone() }).await,
        Relation::View(it) => work.put(Object::View(ViewDef { acl, ..(**it).clone() })).await,
        Relation::Sequence(it) => work.put(Object::Sequence(SequenceDef { acl, ..(**it).clone() })).await,
        Relation::Index(_) | Relation::Virtual(_) => Err(Error::internal("a grant on what has none")),
    }
}

/// Takes from some roles all that they were granted in this database and on what all databases share, and what hangs from it.
pub(super) async fn revoke_from(work: &mut Work, roles: &[u32]) -> Result<()> {
    let has_some = |acl: &Acl| acl.iter().flat_map(|items| items.iter()).any(|item| roles.contains(&item.grantee));
    let catalog = work.catalog.clone();
    for relation in catalog.relations().filter(|it| it.ownership().is_some_and(|(_, acl)| has_some(acl))) {
        work.hold(relation.oid()).await?;
        let Some(found) = work.catalog.relation(relation.oid()).cloned() else { continue };
        let acl = left(work, roles, &Granted::relation(&found)?)?;
        put(work, &found, acl).await?;
    }
    for schema in catalog.schemas().filter(|schema| has_some(&schema.acl)) {
        work.hold(schema.oid).await?;
        let Some(found) = work.catalog.schema(schema.oid).cloned() else { continue };
        let acl = left(work, roles, &Granted::schema(&found))?;
        work.put(Object::Schema(SchemaDef { acl, ..(*found).clone() })).await?;
    }
    for database in catalog.databases().filter(|database| has_some(&database.acl)) {
        super::database::lock(work, &database.name).await?;
        let Some(found) = work.catalog.database_named(&database.name).cloned() else { continue };
        let acl = left(work, roles, &Granted::database(&found))?;
        work.put(Object::Database(DatabaseDef { acl, ..(*found).clone() })).await?;
    }
    work.reload().await
}

/// The grants of an object without those to some roles; its owner keeps what is granted to it.
fn left(work: &Work, roles: &[u32], on: &Granted<'_>) -> Result<Acl> {
    let catalog = &work.catalog;
    let follows = |role: u32, other: u32| catalog.role(role).is_some_and(|role| has_rights_of(catalog, role, other));
    let (items, owner) = (on.secured.items(on.all), on.secured.owner());
    let mut grants = Grants::new(items.clone(), owner, &follows);
    for item in items.into_iter().filter(|item| item.grantee != owner && roles.contains(&item.grantee)) {
        grants.remove(item, true)?;
    }
    Ok(Some(grants.into_items().into()))
}

/// Tells when not all is granted or revoked that was to be.
fn warn(work: &mut Work, grant: &Grant, privileges: Privileges, expected: Privileges, on: &str) {
    let how_many = match privileges.is_empty() {
        true => "no",
        false if privileges != expected => "not all",
        false => return,
    };
    let (state, outcome) = match grant.revoke {
        true => (SqlState::WARNING_PRIVILEGE_NOT_REVOKED, "could be revoked"),
        false => (SqlState::WARNING_PRIVILEGE_NOT_GRANTED, "were granted"),
    };
    work.warning(state, format!("{how_many} privileges {outcome} for {on}"));
}

/// REVOKE takes privileges from the columns of a relation, too. They have none of their own here, but what could not be taken
/// is told of each, those of the system first.
fn warn_of_columns(work: &mut Work, grant: &Grant, wanted: Privileges, relation: &Relation) -> Result<()> {
    const SYSTEM: &[&str] = &["tableoid", "cmax", "xmax", "cmin", "xmin", "ctid"];
    let wanted = wanted.common(Privileges::ALL_COLUMN);
    if !grant.revoke || wanted.is_empty() {
        return Ok(());
    }
    let (_, privileges) = Granted::relation(relation)?.secured.grantor(&work.catalog, work.role()?, wanted);
    let own: Vec<&str> = match relation {
        Relation::Table(it) => it.columns.iter().filter(|column| !column.dropped).map(|column| &*column.name).collect(),
        Relation::View(it) => it.columns.iter().map(|(name, _)| &**name).collect(),
        _ => SEQUENCE_COLUMNS.iter().map(|column| column.name).collect(),
    };
    let system: &[&str] = if matches!(relation, Relation::View(_)) { &[] } else { SYSTEM };
    let expected = if wanted == Privileges::ALL_COLUMN { privileges } else { wanted };
    for column in system.iter().copied().chain(own) {
        let on = format!("column \"{column}\" of relation \"{}\"", relation.name());
        warn(work, grant, privileges, expected, &on);
    }
    Ok(())
}

/// The grants after the change.
///
/// # Errors
/// 42501 to those who may do nothing with the object, and those of [`Grants`].
fn changed(work: &mut Work, grant: &Grant, wanted: Privileges, on: &Granted<'_>) -> Result<Acl> {
    on.check(work)?;
    let catalog = work.catalog.clone();
    let (grantor, privileges) = on.secured.grantor(&catalog, work.role()?, wanted);
    let expected = if grant.privileges.is_empty() { privileges } else { wanted };
    warn(work, grant, privileges, expected, &format!("\"{}\"", on.name));
    let follows = |role: u32, other: u32| catalog.role(role).is_some_and(|role| has_rights_of(&catalog, role, other));
    let mut grants = Grants::new(on.secured.items(on.all), on.secured.owner(), &follows);
    for name in &grant.grantees {
        let grantee = if name == "public" { 0 } else { work.role_named(name)?.oid };
        if grantee == 0 && grant.grant_option && !grant.revoke {
            let message = "grant options can only be granted to roles";
            return Err(Error::new(SqlState::INVALID_GRANT_OPERATION, message));
        }
        let when = |is: bool| if is { privileges } else { Privileges::NONE };
        let item = |privileges, grantable| AclItem { grantee, grantor, privileges, grantable };
        match grant.revoke {
            true => grants.remove(item(when(!grant.grant_option), privileges), grant.cascade)?,
            false => grants.add(item(privileges, when(grant.grant_option)))?,
        }
    }
    Ok(Some(grants.into_items().into()))
}

/// Who grants a membership is not kept.
async fn on_roles(work: &mut Work, grant: &Grant, roles: &[String], names_other: bool) -> Result<()> {
    if !grant.revoke {
        role::hold_memberships(work).await?;
    }
    for group in roles {
        let group = work.role_named(group)?.clone();
        role::check_may_grant(work, &group)?;
        if names_other && !grant.revoke && !work.role()?.superuser {
            let message = "must be superuser to set grantor";
            return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        for name in &grant.grantees {
            let mut member = role::held(work, work.role_named(name)?.oid, name).await?;
            let is_member = member.member_of.contains(&group.oid);
            let is_admin = member.admin_of.contains(&group.oid);
            match (grant.revoke, is_member) {
                (false, true) if is_admin || !grant.grant_option => {
                    let message = format!("role \"{name}\" is already a member of role \"{}\"", group.name);
                    work.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                    continue;
                }
                (false, _) => role::add_membership(work, &mut member, group.oid, grant.grant_option)?,
                (true, true) => {
                    member.admin_of.retain(|oid| *oid != group.oid);
                    if !grant.grant_option {
                        member.member_of.retain(|oid| *oid != group.oid);
                    }
                }
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
