//! Roles. They are shared by all databases.

use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SecureRandom;
use ring::{digest, hmac, pbkdf2};
use types::{Datum, Error, Result, SqlState, SqlType};

use super::work::{Work, missing_role};
use crate::bound::RoleOption;
use crate::catalog::codec::Object;
use crate::catalog::{CatalogSnapshot, DatabaseDef, RoleDef, well_known};
use crate::functions::{is_member, may_admit};
use crate::session::{Refused, Variables, identity};

/// PostgreSQL's.
const SCRAM_ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("4,096 is not zero");
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;

/// The verifier to store for a password, in PostgreSQL's form; one that is given already is kept.
///
/// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, as RFC 5802 computes the keys.
fn verifier(password: &str) -> Result<String> {
    if password.starts_with("SCRAM-SHA-256$") && password.split('$').count() == 3 {
        return Ok(password.to_owned());
    }
    let mut salt = [0; SALT_BYTES];
    let random = ring::rand::SystemRandom::new().fill(&mut salt);
    random.map_err(|_| Error::internal("the system has no random numbers"))?;
    Ok(verifier_with(password, &salt))
}

fn verifier_with(password: &str, salt: &[u8]) -> String {
    let mut salted = [0; KEY_BYTES];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, SCRAM_ITERATIONS, salt, password.as_bytes(), &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let client_key = hmac::sign(&key, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let server_key = hmac::sign(&key, b"Server Key");
    format!(
        "SCRAM-SHA-256${SCRAM_ITERATIONS}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored_key),
        STANDARD.encode(server_key)
    )
}

fn may_manage(work: &Work) -> Result<bool> {
    let role = work.role()?;
    Ok(role.superuser || role.create_role)
}

fn denied(what: &str) -> Error {
    Error::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied to {what} role"))
}

fn check_name(name: &str) -> Result<()> {
    if name.starts_with("pg_") {
        return Err(Error::new(SqlState::RESERVED_NAME, format!("role name \"{name}\" is reserved"))
            .detail("Role names starting with \"pg_\" are reserved."));
    }
    if matches!(name, "public" | "none") {
        return Err(Error::new(SqlState::RESERVED_NAME, format!("role name \"{name}\" is reserved")));
    }
    Ok(())
}

/// # Errors
/// 42939 for one of the predefined roles, which stay what they are.
fn check_may_change(name: &str) -> Result<()> {
    if !name.starts_with("pg_") {
        return Ok(());
    }
    let message = format!("role name \"{name}\" is reserved");
    Err(Error::new(SqlState::RESERVED_NAME, message).detail("Cannot alter reserved roles."))
}

pub(super) async fn create(work: &mut Work, name: &str, options: &[RoleOption]) -> Result<String> {
    check_name(name)?;
    work.claim_shared(&format!("role {name}")).await?;
    match makes_members(options) {
        true => hold_memberships(work).await?,
        false => work.reload().await?,
    }
    let reserved = options.iter().find_map(|option| match option {
        RoleOption::Superuser(true) => Some("superusers"),
        RoleOption::Replication(true) => Some("replication users"),
        RoleOption::BypassRowSecurity(true) => Some("bypassrls users"),
        _ => None,
    });
    if let Some(what) = reserved
        && !work.role()?.superuser
    {
        let message = format!("must be superuser to create {what}");
        return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
    }
    if !may_manage(work)? {
        return Err(denied("create"));
    }
    if work.catalog.role_named(name).is_some() {
        return Err(Error::new(SqlState::DUPLICATE_OBJECT, format!("role \"{name}\" already exists")));
    }
    let mut role = RoleDef {
        oid: work.oid().await?,
        name: Arc::from(name),
        superuser: false,
        inherit: true,
        create_role: false,
        create_database: false,
        login: false,
        replication: false,
        bypass_row_security: false,
        connection_limit: -1,
        password: None,
        valid_until: None,
        member_of: Vec::new(),
        admin_of: Vec::new(),
        settings: Vec::new(),
    };
    apply(work, &mut role, options).await?;
    work.put(Object::Role(role)).await?;
    Ok("CREATE ROLE".to_owned())
}

async fn apply(work: &mut Work, role: &mut RoleDef, options: &[RoleOption]) -> Result<()> {
    for option in options {
        match option {
            RoleOption::Superuser(on) => role.superuser = *on,
            RoleOption::CreateDatabase(on) => role.create_database = *on,
            RoleOption::CreateRole(on) => role.create_role = *on,
            RoleOption::Inherit(on) => role.inherit = *on,
            RoleOption::Login(on) => role.login = *on,
            RoleOption::Replication(on) => role.replication = *on,
            RoleOption::BypassRowSecurity(on) => role.bypass_row_security = *on,
            RoleOption::ConnectionLimit(limit) => role.connection_limit = *limit,
            RoleOption::Password(password) => {
                role.password = match password.as_deref() {
                    None => None,
                    Some("") => None,
                    Some(password) => Some(Arc::from(verifier(password)?)),
                };
            }
            RoleOption::ValidUntil(text) => {
                let parsed = types::text_io::parse(text, SqlType::TIMESTAMPTZ, &work.context.settings)?;
                role.valid_until = match parsed {
                    Datum::Timestamptz(i64::MAX) => None,
                    Datum::Timestamptz(micros) => Some(micros),
                    _ => None,
                };
            }
            RoleOption::InRole(groups) => {
                for group in groups {
                    let group = work.role_named(group)?;
                    check_may_grant(work, group)?;
                    add_membership(work, role, group.oid, false)?;
                }
            }
            RoleOption::Members(members) | RoleOption::Admins(members) => {
                for member in members {
                    let mut member = held(work, work.role_named(member)?.oid, member).await?;
                    check_may_be_member(&member)?;
                    if is_member(&work.catalog, role, member.oid) {
                        return Err(circular(&role.name, &member.name));
                    }
                    join(&mut member, role.oid, matches!(option, RoleOption::Admins(_)));
                    work.put(Object::Role(member)).await?;
                }
            }
        }
    }
    Ok(())
}

/// # Errors
/// 42501 to who may not say who is a member of this role.
pub(super) fn check_may_grant(work: &Work, group: &RoleDef) -> Result<()> {
    let user = work.role()?;
    if user.superuser || !group.superuser && (user.create_role || may_admit(&work.catalog, user, group.oid)) {
        return Ok(());
    }
    let message = match group.superuser {
        true => "must be superuser to alter superusers".to_owned(),
        false => format!("must have admin option on role \"{}\"", group.name),
    };
    Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
}

fn join(member: &mut RoleDef, group: u32, admin: bool) {
    if !member.member_of.contains(&group) {
        member.member_of.push(group);
    }
    if admin && !member.admin_of.contains(&group) {
        member.admin_of.push(group);
    }
}

/// Makes a role a member of another, with ADMIN OPTION if `admin`.
///
/// # Errors
/// 0LP01 when the group is a member of the role, XX000 when one of them is `pg_database_owner`.
pub(super) fn add_membership(work: &Work, role: &mut RoleDef, group: u32, admin: bool) -> Result<()> {
    if group == well_known::PG_DATABASE_OWNER {
        let message = "role \"pg_database_owner\" cannot have explicit members";
        return Err(Error::new(SqlState::INTERNAL_ERROR, message));
    }
    check_may_be_member(role)?;
    let found = work.catalog.role(group).ok_or_else(|| missing_role(&group.to_string()))?;
    if is_member(&work.catalog, found, role.oid) {
        return Err(circular(&found.name, &role.name));
    }
    join(role, group, admin);
    Ok(())
}

fn check_may_be_member(role: &RoleDef) -> Result<()> {
    if role.oid != well_known::PG_DATABASE_OWNER {
        return Ok(());
    }
    let message = format!("role \"{}\" cannot be a member of any role", role.name);
    Err(Error::new(SqlState::INTERNAL_ERROR, message))
}

fn circular(group: &str, member: &str) -> Error {
    let message = format!("role \"{group}\" is a member of role \"{member}\"");
    Error::new(SqlState::INVALID_GRANT_OPERATION, message)
}

/// Keeps others from making members until the transaction ends: of two who each make half of a circle, neither would see the
/// other's. The catalog is current after this.
pub(super) async fn hold_memberships(work: &mut Work) -> Result<()> {
    work.claim_shared("memberships").await?;
    work.reload().await
}

fn makes_members(options: &[RoleOption]) -> bool {
    options.iter().any(|it| matches!(it, RoleOption::InRole(_) | RoleOption::Members(_) | RoleOption::Admins(_)))
}

/// A role as it is now, held against other changes until the transaction ends.
pub(super) async fn held(work: &mut Work, oid: u32, name: &str) -> Result<RoleDef> {
    work.lock(u64::from(oid), engine::TableLockMode::Exclusive).await?;
    work.reload().await?;
    work.catalog.role(oid).map(|role| (**role).clone()).ok_or_else(|| missing_role(name))
}

/// The role to be changed, held until the transaction ends.
///
/// # Errors
/// 42501 to who may not, in the words for superusers and for others.
async fn found(work: &mut Work, name: &str, own: bool, [of_superuser, of_other]: [&str; 2]) -> Result<RoleDef> {
    let oid = work.role_named(name)?.oid;
    let role = held(work, oid, name).await?;
    let user = work.role()?;
    if user.superuser || (user.create_role && !role.superuser) || (own && user.oid == oid) {
        return Ok(role);
    }
    let message = if role.superuser { of_superuser } else { of_other };
    Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
}

/// # Errors
/// 42501 to who may not change these attributes of a role.
fn check_may_alter(user: &RoleDef, role: &RoleDef, options: &[RoleOption]) -> Result<()> {
    let changes = |wanted: fn(&RoleOption) -> bool| options.iter().any(wanted);
    // Everyone may change their own password.
    let is_own = user.oid == role.oid && options.iter().all(|option| matches!(option, RoleOption::Password(_)));
    let message = if user.superuser {
        return Ok(());
    } else if role.superuser || changes(|option| matches!(option, RoleOption::Superuser(_))) {
        "must be superuser to alter superuser roles or change superuser attribute"
    } else if role.replication || changes(|option| matches!(option, RoleOption::Replication(_))) {
        "must be superuser to alter replication roles or change replication attribute"
    } else if changes(|option| matches!(option, RoleOption::BypassRowSecurity(_))) {
        "must be superuser to change bypassrls attribute"
    } else if user.create_role || is_own {
        return Ok(());
    } else {
        "permission denied"
    };
    Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
}

pub(super) async fn alter(work: &mut Work, name: &str, options: &[RoleOption]) -> Result<String> {
    check_may_change(name)?;
    if makes_members(options) {
        hold_memberships(work).await?;
    }
    let oid = work.role_named(name)?.oid;
    let mut role = held(work, oid, name).await?;
    check_may_alter(work.role()?, &role, options)?;
    apply(work, &mut role, options).await?;
    work.put(Object::Role(role)).await?;
    Ok("ALTER ROLE".to_owned())
}

pub(super) async fn set(work: &mut Work, name: &str, setting: &str, value: Option<&[String]>) -> Result<String> {
    check_may_change(name)?;
    let mut role = found(work, name, true, ["must be superuser to alter superusers", "permission denied"]).await?;
    store_setting(work, &mut role.settings, setting, value)?;
    work.put(Object::Role(role)).await?;
    Ok("ALTER ROLE".to_owned())
}

/// Changes what a role or database has for its sessions; no value is RESET.
///
/// # Errors
/// 42704 for a setting that there is not, 22023 for a value that it cannot have.
pub(super) fn store_setting(
    work: &mut Work,
    settings: &mut Vec<(Arc<str>, Arc<str>)>,
    setting: &str,
    value: Option<&[String]>,
) -> Result<()> {
    if value.is_none() && setting != "all" && identity(setting).is_none() {
        Variables::check_resettable(setting)?;
    }
    let lower = setting.to_lowercase();
    settings.retain(|(known, _)| known.to_lowercase() != lower && setting != "all");
    if let Some(values) = value {
        // One that cannot be would be told to whoever connects.
        let text = Variables::text_of(setting, values)?;
        judge(work, setting, &text)?;
        settings.push((Arc::from(Variables::display_name(setting)), Arc::from(text)));
    }
    Ok(())
}

/// Whether a setting can have this value. That a role cannot be set now is no more than told.
fn judge(work: &mut Work, setting: &str, value: &str) -> Result<()> {
    let Some(setting) = identity(setting) else { return Variables::judge(setting, value) };
    match work.context.session.judge(setting, value) {
        Ok(_) => {}
        Err(Refused::Missing) => work.notice(SqlState::UNDEFINED_OBJECT, format!("role \"{value}\" does not exist")),
        Err(Refused::Denied) => {
            let message = format!("permission will be denied to set {} \"{value}\"", setting.replace('_', " "));
            work.notice(SqlState::INSUFFICIENT_PRIVILEGE, message);
        }
    }
    Ok(())
}

pub(super) async fn rename(work: &mut Work, name: &str, to: &str) -> Result<String> {
    check_name(to)?;
    let renamed = work.role_named(name)?;
    let session = &work.context.session;
    for (actor, what) in [(session.session_actor(), "session"), (session.actor(), "current")] {
        if actor.is(renamed) {
            let message = format!("{what} user cannot be renamed");
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
    }
    check_name(name)?;
    let messages = ["must be superuser to rename superusers", "permission denied to rename role"];
    let role = found(work, name, false, messages).await?;
    work.claim_shared(&format!("role {to}")).await?;
    work.reload().await?;
    if work.catalog.role_named(to).is_some() {
        return Err(Error::new(SqlState::DUPLICATE_OBJECT, format!("role \"{to}\" already exists")));
    }
    work.put(Object::Role(RoleDef { name: Arc::from(to), ..role })).await?;
    Ok("ALTER ROLE".to_owned())
}

pub(super) async fn drop(work: &mut Work, names: &[String], if_exists: bool) -> Result<String> {
    if !may_manage(work)? {
        return Err(denied("drop"));
    }
    hold_memberships(work).await?;
    for name in names {
        if work.catalog.role_named(name).is_none() && if_exists {
            work.notice(SqlState::SUCCESSFUL_COMPLETION, format!("role \"{name}\" does not exist, skipping"));
            continue;
        }
        let (dropped, session) = (work.role_named(name)?, &work.context.session);
        for (actor, what) in [(session.actor(), "current"), (session.session_actor(), "session")] {
            if actor.is(dropped) {
                return Err(Error::new(SqlState::OBJECT_IN_USE, format!("{what} user cannot be dropped")));
            }
        }
        let messages = ["must be superuser to drop superusers", "permission denied to drop role"];
        let role = found(work, name, false, messages).await?;
        if role.oid < crate::catalog::FIRST_NORMAL_OID {
            let message = format!("cannot drop role {name} because it is required by the database system");
            return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message));
        }
        // Who is granting something to the role keeps it until that is known.
        work.lock(u64::from(role.oid), engine::TableLockMode::AccessExclusive).await?;
        work.reload().await?;
        let depends = belongings(work, role.oid).await?;
        if !depends.is_empty() {
            let message = format!("role \"{name}\" cannot be dropped because some objects depend on it");
            return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message).detail(depends.join("\n")));
        }
        let members: Vec<Arc<RoleDef>> =
            work.catalog.roles().filter(|other| other.member_of.contains(&role.oid)).cloned().collect();
        for member in members {
            let mut member = held(work, member.oid, &member.name).await?;
            member.member_of.retain(|group| *group != role.oid);
            member.admin_of.retain(|group| *group != role.oid);
            work.put(Object::Role(member)).await?;
        }
        work.remove(Object::Role(role)).await?;
        work.reload().await?;
    }
    Ok("DROP ROLE".to_owned())
}

/// What a role owns or was granted, as the detail of the refusal says it: in other databases only how much that is.
async fn belongings(work: &Work, role: u32) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for database in work.catalog.databases() {
        if database.owner == role {
            found.push(format!("owner of database {}", database.name));
        } else if super::grant::mentions(&database.acl, role) {
            found.push(format!("privileges for database {}", database.name));
        }
    }
    found.extend(belongings_in(work, &work.catalog, role));
    let mut others: Vec<Arc<DatabaseDef>> = work.catalog.databases().cloned().collect();
    others.retain(|database| database.oid != work.catalog.database);
    for database in others {
        let inside = super::database::catalog_of(work, database.oid).await?;
        let count = belongings_in(work, &inside, role).len();
        if count > 0 {
            let objects = if count == 1 { "object" } else { "objects" };
            found.push(format!("{count} {objects} in database {}", database.name));
        }
    }
    Ok(found)
}

/// What is a role's in the database of this catalog.
fn belongings_in(work: &Work, catalog: &CatalogSnapshot, role: u32) -> Vec<String> {
    let mut found = Vec::new();
    for schema in catalog.schemas() {
        if schema.owner == role {
            found.push(format!("owner of schema {}", schema.name));
        } else if super::grant::mentions(&schema.acl, role) {
            found.push(format!("privileges for schema {}", schema.name));
        }
    }
    for relation in catalog.relations() {
        let Some((owner, acl)) = relation.ownership() else { continue };
        if owner == role {
            found.push(format!("owner of {}", work.describe(relation)));
        } else if super::grant::mentions(acl, role) {
            found.push(format!("privileges for {}", work.describe(relation)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_that_of_rfc_7677() {
        // The example of RFC 7677, section 3: user `user`, password `pencil`.
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
        assert_eq!(
            verifier_with("pencil", &salt),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
             wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn a_verifier_is_kept_as_it_is() {
        let given = "SCRAM-SHA-256$4096:AA==$BB==:CC==";
        assert_eq!(verifier(given).expect("it is one"), given);
    }
}
