//! `has_..._privilege`, `pg_has_role`, and the check that statements go through.

use types::oid::*;
use types::{Call, Datum, Error, Function, RegNames, Result, SqlState};

use super::context::SessionContext;
use crate::catalog::{Acl, CatalogSnapshot, DatabaseDef, Privileges, Relation, RoleDef};

/// Whether `role` is `group`, or a member of it, directly or not.
fn is_member(catalog: &CatalogSnapshot, role: &RoleDef, group: u32, depth: usize) -> bool {
    // Membership cannot be circular; the depth only guards against a damaged catalog.
    role.oid == group
        || depth < 32
            && role
                .member_of
                .iter()
                .any(|parent| catalog.role(*parent).is_some_and(|parent| is_member(catalog, parent, group, depth + 1)))
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
    if role.superuser || is_member(catalog, role, owner, 0) {
        return true;
    }
    let mut held = Privileges::NONE;
    match acl {
        None => held = default_public,
        Some(items) => {
            for item in items.iter() {
                if item.grantee == 0 || is_member(catalog, role, item.grantee, 0) {
                    held = held.union(item.privileges);
                }
            }
        }
    }
    held.contains(wanted)
}

/// Whether a role may do `wanted` with a relation.
pub(crate) fn relation_allows(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    relation: &Relation,
    wanted: Privileges,
) -> bool {
    match relation {
        Relation::Table(it) => allows(catalog, role, it.owner, &it.acl, Privileges::NONE, wanted),
        Relation::View(it) => allows(catalog, role, it.owner, &it.acl, Privileges::NONE, wanted),
        Relation::Sequence(it) => allows(catalog, role, it.owner, &it.acl, Privileges::NONE, wanted),
        Relation::Index(it) => {
            catalog.table(it.table).is_some_and(|it| allows(catalog, role, it.owner, &it.acl, Privileges::NONE, wanted))
        }
        Relation::Virtual(_) => role.superuser || wanted == Privileges::SELECT,
    }
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
        return Ok(Question { role: catalog.role_named(&session.user()).cloned(), rest: 0 });
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

/// The privilege words of the last argument: any of them suffices.
fn wanted(call: &Call<'_>) -> Result<Vec<Privileges>> {
    let text = call.args.last().and_then(Datum::as_str).unwrap_or("");
    text.split(',')
        .map(|word| {
            let word = word.trim();
            let upper = word.to_ascii_uppercase();
            let plain = upper.strip_suffix(" WITH GRANT OPTION").unwrap_or(&upper);
            Privileges::named(plain).ok_or_else(|| {
                let message = format!("unrecognized privilege type: \"{word}\"");
                Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
            })
        })
        .collect()
}

fn answer(
    call: &Call<'_>,
    without_role: usize,
    check: impl Fn(&CatalogSnapshot, &RoleDef, &Datum, Privileges) -> Result<Option<bool>>,
) -> Result<Datum> {
    let catalog = SessionContext::of(call)?.catalog();
    let Question { role, rest } = question(call, without_role)?;
    let Some(role) = role else { return Ok(Datum::Bool(false)) };
    let mut any = false;
    for privilege in wanted(call)? {
        match check(&catalog, &role, &call.args[rest], privilege)? {
            Some(allowed) => any |= allowed,
            None => return Ok(Datum::Null),
        }
    }
    Ok(Datum::Bool(any))
}

fn relation_privilege(call: &Call<'_>, without_role: usize) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    answer(call, without_role, |catalog, role, object, privilege| {
        let oid = match object {
            Datum::Text(name) => session.oid_of(REGCLASS, name)?,
            other => other.as_oid().unwrap_or(0),
        };
        Ok(catalog.relation(oid).map(|relation| relation_allows(catalog, role, relation, privilege)))
    })
}

fn has_table_privilege(call: &mut Call<'_>) -> Result<Datum> {
    relation_privilege(call, 2)
}

/// Grants are by table; a column's privileges are its table's.
fn has_column_privilege(call: &mut Call<'_>) -> Result<Datum> {
    relation_privilege(call, 3)
}

fn has_schema_privilege(call: &mut Call<'_>) -> Result<Datum> {
    answer(call, 2, |catalog, role, object, privilege| {
        let schema =
            match object {
                Datum::Text(name) => Some(catalog.schema_named(name).ok_or_else(|| {
                    Error::new(SqlState::UNDEFINED_SCHEMA, format!("schema \"{name}\" does not exist"))
                })?),
                other => catalog.schema(other.as_oid().unwrap_or(0)),
            };
        Ok(schema.map(|it| allows(catalog, role, it.owner, &it.acl, Privileges::NONE, privilege)))
    })
}

/// Whether a role has a privilege on a database.
pub(crate) fn database_allows(
    catalog: &CatalogSnapshot,
    role: &RoleDef,
    database: &DatabaseDef,
    privilege: Privileges,
) -> bool {
    let public = Privileges::CONNECT.union(Privileges::TEMPORARY);
    allows(catalog, role, database.owner, &database.acl, public, privilege)
}

fn has_database_privilege(call: &mut Call<'_>) -> Result<Datum> {
    answer(call, 2, |catalog, role, object, privilege| {
        let database = match object {
            Datum::Text(name) => Some(catalog.database_named(name).ok_or_else(|| {
                Error::new(SqlState::UNDEFINED_DATABASE, format!("database \"{name}\" does not exist"))
            })?),
            other => catalog.database(other.as_oid().unwrap_or(0)),
        };
        Ok(database.map(|it| database_allows(catalog, role, it, privilege)))
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
    Ok(Datum::Bool(role.superuser || is_member(&catalog, &role, group, 0)))
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
    stable(2181, "has_sequence_privilege", &[NAME, TEXT, TEXT], has_table_privilege),
    stable(2182, "has_sequence_privilege", &[NAME, OID, TEXT], has_table_privilege),
    stable(2185, "has_sequence_privilege", &[TEXT, TEXT], has_table_privilege),
    stable(2186, "has_sequence_privilege", &[OID, TEXT], has_table_privilege),
    stable(3024, "has_any_column_privilege", &[NAME, TEXT, TEXT], has_table_privilege),
    stable(3025, "has_any_column_privilege", &[NAME, OID, TEXT], has_table_privilege),
    stable(3028, "has_any_column_privilege", &[TEXT, TEXT], has_table_privilege),
    stable(3029, "has_any_column_privilege", &[OID, TEXT], has_table_privilege),
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
