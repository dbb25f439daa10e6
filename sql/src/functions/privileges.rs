//! `has_..._privilege`, `pg_has_role`, and the check that statements go through.

use types::oid::*;
use types::{Call, Datum, Error, Function, RegNames, Result, SqlState};

use super::context::SessionContext;
use super::sequence::sequence_by_oid;
use crate::catalog::{
    Acl, AclItem, CatalogSnapshot, DatabaseDef, Privileges, Relation, RoleDef, SequenceDef, well_known,
};

/// Whether `role` is `group`, or a member of it, directly or not; when it `inherits`, by way of roles that inherit rights.
fn is_within(catalog: &CatalogSnapshot, role: &RoleDef, group: u32, inherits: bool, depth: usize) -> bool {
    // Membership cannot be circular; the depth only guards against a damaged catalog.
    if role.oid == group || depth >= 32 {
        return role.oid == group;
    }
    if group == well_known::PG_DATABASE_OWNER {
        let owner = catalog.database(catalog.database).and_then(|database| catalog.role(database.owner));
        return owner.is_some_and(|owner| {
            (owner.inherit || !inherits) && is_within(catalog, role, owner.oid, inherits, depth + 1)
        });
    }
    let mut parents = role.member_of.iter().filter_map(|parent| catalog.role(*parent));
    (role.inherit || !inherits) && parents.any(|parent| is_within(catalog, parent, group, inherits, depth + 1))
}

/// Whether a user has the rights of a role without becoming it: being it, inheriting them as a member, or as a superuser.
pub(crate) fn has_rights_of(catalog: &CatalogSnapshot, user: &RoleDef, role: u32) -> bool {
    user.superuser || is_within(catalog, user, role, true, 0)
}

/// Whether a user may become a role: being it, being a member of it, or as a superuser.
pub(crate) fn may_become(catalog: &CatalogSnapshot, user: &RoleDef, role: u32) -> bool {
    user.superuser || is_within(catalog, user, role, false, 0)
}

/// Whether a role has all of `wanted` on an object with this owner and these grants.
pub(crate) fn allows(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    owner: u32,
    acl: &Acl,
    default_public: Privileges,
    wanted: Privileges,
) -> bool {
    has_rights_of(catalog, role, owner)
        || match acl {
            None => default_public.contains(wanted),
            Some(items) => held(catalog, role, items, |item| item.privileges).contains(wanted),
        }
}

/// Of each grant to a role, itself or by way of others, a part.
fn held(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    items: &[AclItem],
    part: impl Fn(&AclItem) -> Privileges,
) -> Privileges {
    let to_role = items.iter().filter(|item| item.grantee == 0 || has_rights_of(catalog, role, item.grantee));
    to_role.fold(Privileges::NONE, |held, item| held.union(part(item)))
}

/// Whether a role may do `wanted` with a relation.
pub(crate) fn relation_allows(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    relation: &Relation,
    wanted: Privileges,
) -> bool {
    relation_has(catalog, role, relation, Asked { privilege: wanted, grantable: false })
}

/// Whether a role has any of these privileges on a sequence.
pub(crate) fn sequence_allows(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    sequence: &SequenceDef,
    any: &[Privileges],
) -> bool {
    any.iter().any(|wanted| allows(catalog, role, sequence.owner, &sequence.acl, Privileges::NONE, *wanted))
}

/// What is asked of a role: a privilege, or that it may grant it on.
#[derive(Clone, Copy)]
struct Asked {
    privilege: Privileges,
    grantable: bool,
}

fn relation_has(catalog: &CatalogSnapshot, role: &RoleDef, relation: &Relation, asked: Asked) -> bool {
    let has = |owner: u32, acl: &Acl| has(catalog, role, owner, acl, Privileges::NONE, asked);
    match relation {
        Relation::Table(it) => has(it.owner, &it.acl),
        Relation::View(it) => has(it.owner, &it.acl),
        Relation::Sequence(it) => has(it.owner, &it.acl),
        Relation::Index(it) => catalog.table(it.table).is_some_and(|it| has(it.owner, &it.acl)),
        Relation::Virtual(_) => role.superuser || (asked.privilege == Privileges::SELECT && !asked.grantable),
    }
}

fn has(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    owner: u32,
    acl: &Acl,
    default_public: Privileges,
    asked: Asked,
) -> bool {
    if !asked.grantable {
        return allows(catalog, role, owner, acl, default_public, asked.privilege);
    }
    let items = acl.as_deref().unwrap_or_default();
    has_rights_of(catalog, role, owner) || held(catalog, role, items, |item| item.grantable).contains(asked.privilege)
}

/// Splits the arguments of `has_..._privilege([role,] object, [column,] privilege)`.
struct Question {
    role: Option<std::sync::Arc<RoleDef>>,
    /// Arguments after the role.
    rest: usize,
}

fn question(call: &Call<'_>, without_role: usize) -> Result<Question> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    if call.args.len() == without_role {
        return Ok(Question { role: session.role().ok(), rest: 0 });
    }
    let role = match &call.args[0] {
        Datum::Text(name) => Some(
            catalog
                .role_named(name)
                .cloned()
                .ok_or_else(|| Error::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist")))?,
        ),
        other => catalog.role(other.as_oid().unwrap_or(0)).cloned(),
    };
    Ok(Question { role, rest: 1 })
}

/// The privilege words of the last argument, of those that there are for the kind of object: any of them suffices.
fn wanted(call: &Call<'_>, all: Privileges) -> Result<Vec<Asked>> {
    let text = call.args.last().and_then(Datum::as_str).unwrap_or("");
    text.split(',')
        .map(|word| {
            let word = word.trim();
            let upper = word.to_ascii_uppercase();
            let to_grant = upper.strip_suffix(" WITH GRANT OPTION");
            let privilege = Privileges::named(to_grant.unwrap_or(&upper)).filter(|privilege| all.contains(*privilege));
            let privilege = privilege.ok_or_else(|| unrecognized(word))?;
            Ok(Asked { privilege, grantable: to_grant.is_some() })
        })
        .collect()
}

fn unrecognized(word: &str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("unrecognized privilege type: \"{word}\""))
}

fn answer(
    call: &Call<'_>,
    without_role: usize,
    all: Privileges,
    check: impl Fn(&CatalogSnapshot, &RoleDef, &Datum, Asked) -> Result<Option<bool>>,
) -> Result<Datum> {
    let catalog = SessionContext::of(call)?.catalog();
    let Question { role, rest } = question(call, without_role)?;
    let wanted = wanted(call, all)?;
    let Some(role) = role else { return Ok(Datum::Bool(false)) };
    let mut any = false;
    for asked in wanted {
        match check(&catalog, &role, &call.args[rest], asked)? {
            Some(allowed) => any |= allowed,
            None => return Ok(Datum::Null),
        }
    }
    Ok(Datum::Bool(any))
}

fn relation_oid(session: &SessionContext, object: &Datum) -> Result<u32> {
    match object {
        Datum::Text(name) => session.oid_of(REGCLASS, name),
        other => Ok(other.as_oid().unwrap_or(0)),
    }
}

fn relation_privilege(call: &Call<'_>, without_role: usize, all: Privileges) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    answer(call, without_role, all, |catalog, role, object, asked| {
        let oid = relation_oid(session, object)?;
        Ok(catalog.relation(oid).map(|relation| relation_has(catalog, role, relation, asked)))
    })
}

fn has_table_privilege(call: &mut Call<'_>) -> Result<Datum> {
    relation_privilege(call, 2, Privileges::ALL_TABLE)
}

fn has_any_column_privilege(call: &mut Call<'_>) -> Result<Datum> {
    relation_privilege(call, 2, Privileges::ALL_COLUMN)
}

/// Grants are by table; a column's privileges are its table's.
fn has_column_privilege(call: &mut Call<'_>) -> Result<Datum> {
    relation_privilege(call, 3, Privileges::ALL_COLUMN)
}

fn has_sequence_privilege(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    answer(call, 2, Privileges::ALL_SEQUENCE, |catalog, role, object, asked| {
        let oid = relation_oid(session, object)?;
        if catalog.relation(oid).is_none() {
            return Ok(None);
        }
        let sequence = sequence_by_oid(catalog, oid)?;
        Ok(Some(has(catalog, role, sequence.owner, &sequence.acl, Privileges::NONE, asked)))
    })
}

fn has_schema_privilege(call: &mut Call<'_>) -> Result<Datum> {
    answer(call, 2, Privileges::ALL_SCHEMA, |catalog, role, object, asked| {
        let schema =
            match object {
                Datum::Text(name) => Some(catalog.schema_named(name).ok_or_else(|| {
                    Error::new(SqlState::UNDEFINED_SCHEMA, format!("schema \"{name}\" does not exist"))
                })?),
                other => catalog.schema(other.as_oid().unwrap_or(0)),
            };
        Ok(schema.map(|it| has(catalog, role, it.owner, &it.acl, Privileges::NONE, asked)))
    })
}

/// Whether a role has a privilege on a database.
pub(crate) fn database_allows(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    database: &DatabaseDef,
    privilege: Privileges,
) -> bool {
    database_has(catalog, role, database, Asked { privilege, grantable: false })
}

fn database_has(catalog: &CatalogSnapshot, role: &RoleDef, database: &DatabaseDef, asked: Asked) -> bool {
    let public = Privileges::CONNECT.union(Privileges::TEMPORARY);
    has(catalog, role, database.owner, &database.acl, public, asked)
}

fn has_database_privilege(call: &mut Call<'_>) -> Result<Datum> {
    answer(call, 2, Privileges::ALL_DATABASE, |catalog, role, object, asked| {
        let database = match object {
            Datum::Text(name) => Some(catalog.database_named(name).ok_or_else(|| {
                Error::new(SqlState::UNDEFINED_DATABASE, format!("database \"{name}\" does not exist"))
            })?),
            other => catalog.database(other.as_oid().unwrap_or(0)),
        };
        Ok(database.map(|it| database_has(catalog, role, it, asked)))
    })
}

/// Functions, types and tablespaces: everyone may use them.
fn always(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(true))
}

fn has_role(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let Question { role, rest } = question(call, 2)?;
    let Some(role) = role else { return Ok(Datum::Bool(false)) };
    let group = match &call.args[rest] {
        Datum::Text(name) => session.oid_of(REGROLE, name)?,
        other => other.as_oid().unwrap_or(0),
    };
    let mut any = false;
    for word in call.args.last().and_then(Datum::as_str).unwrap_or("").split(',') {
        any |= match word.trim().to_ascii_uppercase().as_str() {
            "USAGE" => has_rights_of(&catalog, &role, group),
            "MEMBER" => may_become(&catalog, &role, group),
            // Who may hand a membership on is not kept.
            "USAGE WITH GRANT OPTION"
            | "USAGE WITH ADMIN OPTION"
            | "MEMBER WITH GRANT OPTION"
            | "MEMBER WITH ADMIN OPTION" => role.superuser,
            _ => return Err(unrecognized(word.trim())),
        };
    }
    Ok(Datum::Bool(any))
}

fn row_security_active(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(false))
}

const fn stable(oid: u32, name: &'static str, args: &'static [u32], eval: types::function::Eval) -> Function {
    Function::strict(oid, name, args, BOOL, eval).stable()
}

pub(super) static FUNCTIONS: &[Function] = &[
    stable(1922, "has_table_privilege", &[NAME, TEXT, TEXT], has_table_privilege),
    stable(1923, "has_table_privilege", &[NAME, OID, TEXT], has_table_privilege),
    stable(1924, "has_table_privilege", &[OID, TEXT, TEXT], has_table_privilege),
    stable(1925, "has_table_privilege", &[OID, OID, TEXT], has_table_privilege),
    stable(1926, "has_table_privilege", &[TEXT, TEXT], has_table_privilege),
    stable(1927, "has_table_privilege", &[OID, TEXT], has_table_privilege),
    stable(2181, "has_sequence_privilege", &[NAME, TEXT, TEXT], has_sequence_privilege),
    stable(2182, "has_sequence_privilege", &[NAME, OID, TEXT], has_sequence_privilege),
    stable(2183, "has_sequence_privilege", &[OID, TEXT, TEXT], has_sequence_privilege),
    stable(2184, "has_sequence_privilege", &[OID, OID, TEXT], has_sequence_privilege),
    stable(2185, "has_sequence_privilege", &[TEXT, TEXT], has_sequence_privilege),
    stable(2186, "has_sequence_privilege", &[OID, TEXT], has_sequence_privilege),
    stable(3024, "has_any_column_privilege", &[NAME, TEXT, TEXT], has_any_column_privilege),
    stable(3025, "has_any_column_privilege", &[NAME, OID, TEXT], has_any_column_privilege),
    stable(3028, "has_any_column_privilege", &[TEXT, TEXT], has_any_column_privilege),
    stable(3029, "has_any_column_privilege", &[OID, TEXT], has_any_column_privilege),
    stable(3012, "has_column_privilege", &[NAME, TEXT, TEXT, TEXT], has_column_privilege),
    stable(3014, "has_column_privilege", &[NAME, OID, TEXT, TEXT], has_column_privilege),
    stable(3015, "has_column_privilege", &[NAME, OID, INT2, TEXT], has_column_privilege),
    stable(3020, "has_column_privilege", &[TEXT, TEXT, TEXT], has_column_privilege),
    stable(3022, "has_column_privilege", &[OID, TEXT, TEXT], has_column_privilege),
    stable(3023, "has_column_privilege", &[OID, INT2, TEXT], has_column_privilege),
    stable(2268, "has_schema_privilege", &[NAME, TEXT, TEXT], has_schema_privilege),
    stable(2269, "has_schema_privilege", &[NAME, OID, TEXT], has_schema_privilege),
    stable(2270, "has_schema_privilege", &[OID, TEXT, TEXT], has_schema_privilege),
    stable(2272, "has_schema_privilege", &[TEXT, TEXT], has_schema_privilege),
    stable(2273, "has_schema_privilege", &[OID, TEXT], has_schema_privilege),
    stable(2250, "has_database_privilege", &[NAME, TEXT, TEXT], has_database_privilege),
    stable(2251, "has_database_privilege", &[NAME, OID, TEXT], has_database_privilege),
    stable(2252, "has_database_privilege", &[OID, TEXT, TEXT], has_database_privilege),
    stable(2254, "has_database_privilege", &[TEXT, TEXT], has_database_privilege),
    stable(2255, "has_database_privilege", &[OID, TEXT], has_database_privilege),
    stable(2260, "has_function_privilege", &[TEXT, TEXT], always),
    stable(2261, "has_function_privilege", &[OID, TEXT], always),
    stable(2394, "has_tablespace_privilege", &[TEXT, TEXT], always),
    stable(2395, "has_tablespace_privilege", &[OID, TEXT], always),
    stable(3142, "has_type_privilege", &[TEXT, TEXT], always),
    stable(3143, "has_type_privilege", &[OID, TEXT], always),
    stable(2705, "pg_has_role", &[NAME, NAME, TEXT], has_role),
    stable(2706, "pg_has_role", &[NAME, OID, TEXT], has_role),
    stable(2707, "pg_has_role", &[OID, NAME, TEXT], has_role),
    stable(2708, "pg_has_role", &[OID, OID, TEXT], has_role),
    stable(2709, "pg_has_role", &[NAME, TEXT], has_role),
    stable(2710, "pg_has_role", &[OID, TEXT], has_role),
    stable(3298, "row_security_active", &[OID], row_security_active),
    stable(3299, "row_security_active", &[TEXT], row_security_active),
];
