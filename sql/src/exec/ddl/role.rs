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
use crate::catalog::{Relation, RoleDef};

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

pub(super) async fn create(work: &mut Work, name: &str, options: &[RoleOption]) -> Result<String> {
    check_name(name)?;
    work.claim_shared(&format!("role {name}")).await?;
    work.reload().await?;
    if !may_manage(work)? {
        return Err(denied("create").detail("Only roles with the CREATEROLE attribute may create roles."));
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
        settings: Vec::new(),
    };
    apply(work, &mut role, options).await?;
    work.put(Object::Role(role)).await?;
    Ok("CREATE ROLE".to_owned())
}

async fn apply(work: &mut Work, role: &mut RoleDef, options: &[RoleOption]) -> Result<()> {
    let superuser = work.role()?.superuser;
    for option in options {
        let reserved = match option {
            RoleOption::Superuser(wanted) => *wanted != role.superuser,
            RoleOption::Replication(wanted) | RoleOption::BypassRowSecurity(wanted) => *wanted,
            _ => false,
        };
        if reserved && !superuser {
            let message = "permission denied: only superusers may set this attribute of a role";
            return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
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
                    let group = work.role_named(group)?.oid;
                    add_membership(work, role, group)?;
                }
            }
            RoleOption::Members(members) | RoleOption::Admins(members) => {
                for member in members {
                    let mut member = held(work, work.role_named(member)?.oid, member).await?;
                    if is_within(work, role, member.oid, 0) {
                        return Err(circular(&role.name, &member.name));
                    }
                    if !member.member_of.contains(&role.oid) {
                        member.member_of.push(role.oid);
                    }
                    work.put(Object::Role(member)).await?;
                }
            }
        }
    }
    Ok(())
}

/// Makes a role a member of another.
///
/// # Errors
/// 0LP01 when the group is a member of the role.
pub(super) fn add_membership(work: &Work, role: &mut RoleDef, group: u32) -> Result<()> {
    let found = work.catalog.role(group).ok_or_else(|| missing_role(&group.to_string()))?;
    if is_within(work, found, role.oid, 0) {
        return Err(circular(&found.name, &role.name));
    }
    if !role.member_of.contains(&group) {
        role.member_of.push(group);
    }
    Ok(())
}

fn circular(group: &str, member: &str) -> Error {
    let message = format!("role \"{group}\" is a member of role \"{member}\"");
    Error::new(SqlState::INVALID_GRANT_OPERATION, message)
}

/// Whether `role` is `group` or a member of it.
fn is_within(work: &Work, role: &RoleDef, group: u32, depth: usize) -> bool {
    role.oid == group
        || depth < 32
            && role
                .member_of
                .iter()
                .any(|parent| work.catalog.role(*parent).is_some_and(|it| is_within(work, it, group, depth + 1)))
}

/// A role as it is now, held against other changes until the transaction ends.
pub(super) async fn held(work: &mut Work, oid: u32, name: &str) -> Result<RoleDef> {
    work.lock(u64::from(oid), engine::TableLockMode::Exclusive).await?;
    work.reload().await?;
    work.catalog.role(oid).map(|role| (**role).clone()).ok_or_else(|| missing_role(name))
}

/// The role to be changed, held until the transaction ends.
async fn found(work: &mut Work, name: &str, what: &str, own: bool) -> Result<RoleDef> {
    let oid = work.role_named(name)?.oid;
    let role = held(work, oid, name).await?;
    let user = work.role()?;
    let allowed = user.superuser || (user.create_role && !role.superuser) || (own && user.oid == oid);
    if allowed { Ok(role) } else { Err(denied(what)) }
}

pub(super) async fn alter(work: &mut Work, name: &str, options: &[RoleOption]) -> Result<String> {
    // Everyone may change their own password.
    let own = options.iter().all(|option| matches!(option, RoleOption::Password(_)));
    let mut role = found(work, name, "alter", own).await?;
    apply(work, &mut role, options).await?;
    work.put(Object::Role(role)).await?;
    Ok("ALTER ROLE".to_owned())
}

pub(super) async fn set(work: &mut Work, name: &str, setting: &str, value: Option<&[String]>) -> Result<String> {
    let mut role = found(work, name, "alter", true).await?;
    let lower = setting.to_lowercase();
    role.settings.retain(|(known, _)| **known != *lower && setting != "all");
    if let Some(values) = value {
        role.settings.push((Arc::from(lower), Arc::from(values.join(", "))));
    }
    work.put(Object::Role(role)).await?;
    Ok("ALTER ROLE".to_owned())
}

pub(super) async fn rename(work: &mut Work, name: &str, to: &str) -> Result<String> {
    check_name(to)?;
    let role = found(work, name, "rename", false).await?;
    work.claim_shared(&format!("role {to}")).await?;
    work.reload().await?;
    if work.catalog.role_named(to).is_some() {
        return Err(Error::new(SqlState::DUPLICATE_OBJECT, format!("role \"{to}\" already exists")));
    }
    if *role.name == *work.context.session.user() || *role.name == *work.context.settings.session_user {
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "session user cannot be renamed"));
    }
    work.put(Object::Role(RoleDef { name: Arc::from(to), ..role })).await?;
    Ok("ALTER ROLE".to_owned())
}

pub(super) async fn drop(work: &mut Work, names: &[String], if_exists: bool) -> Result<String> {
    for name in names {
        if work.catalog.role_named(name).is_none() && if_exists {
            work.notice(SqlState::SUCCESSFUL_COMPLETION, format!("role \"{name}\" does not exist, skipping"));
            continue;
        }
        let role = found(work, name, "drop", false).await?;
        if role.oid == work.role()?.oid || *role.name == *work.context.settings.session_user {
            let what = if role.oid == work.role()?.oid { "current user" } else { "session user" };
            return Err(Error::new(SqlState::OBJECT_IN_USE, format!("{what} cannot be dropped")));
        }
        if role.oid < crate::catalog::FIRST_NORMAL_OID {
            let message = format!("cannot drop role {name} because it is required by the database system");
            return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message));
        }
        let depends = belongings(work, role.oid);
        if !depends.is_empty() {
            let message = format!("role \"{name}\" cannot be dropped because some objects depend on it");
            return Err(Error::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message).detail(depends.join("\n")));
        }
        let members: Vec<Arc<RoleDef>> =
            work.catalog.roles().filter(|other| other.member_of.contains(&role.oid)).cloned().collect();
        for member in members {
            let mut member = held(work, member.oid, &member.name).await?;
            member.member_of.retain(|group| *group != role.oid);
            work.put(Object::Role(member)).await?;
        }
        work.remove(Object::Role(role)).await?;
        work.reload().await?;
    }
    Ok("DROP ROLE".to_owned())
}

/// What a role owns or was granted, as the detail of the refusal says it. Other databases are not looked into.
fn belongings(work: &Work, role: u32) -> Vec<String> {
    let mut found = Vec::new();
    for database in work.catalog.databases() {
        if database.owner == role {
            found.push(format!("owner of database {}", database.name));
        }
    }
    for schema in work.catalog.schemas() {
        if schema.owner == role {
            found.push(format!("owner of schema {}", schema.name));
        } else if super::grant::mentions(&schema.acl, role) {
            found.push(format!("privileges for schema {}", schema.name));
        }
    }
    for relation in work.catalog.relations() {
        let (owner, acl) = match relation {
            Relation::Table(it) => (it.owner, &it.acl),
            Relation::View(it) => (it.owner, &it.acl),
            Relation::Sequence(it) => (it.owner, &it.acl),
            Relation::Index(_) | Relation::Virtual(_) => continue,
        };
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
