//! `has_..._privilege` and `pg_has_role`.

use types::oid::*;
use types::{Call, Datum, Error, Function, RegNames, Result, SqlState};

use super::context::SessionContext;
use super::rights::{Secured, has_rights_of, may_admit, may_become, relation_allows, relation_grantable};
use super::sequence::sequence_by_oid;
use crate::catalog::{CatalogSnapshot, Privileges, Relation, RoleDef};

/// What is asked of a role: a privilege, or that it may grant it on.
#[derive(Clone, Copy)]
struct Asked {
    privilege: Privileges,
    grantable: bool,
}

impl Asked {
    fn of_relation(self, catalog: &CatalogSnapshot, role: &RoleDef, relation: &Relation) -> bool {
        match self.grantable {
            true => relation_grantable(catalog, role, relation, self.privilege),
            false => relation_allows(catalog, role, relation, self.privilege),
        }
    }

    fn of(self, catalog: &CatalogSnapshot, role: &RoleDef, secured: Secured<'_>) -> bool {
        match self.grantable {
            true => secured.grantable(catalog, role).contains(self.privilege),
            false => secured.allows(catalog, role, self.privilege),
        }
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
        Ok(catalog.relation(oid).map(|relation| asked.of_relation(catalog, role, relation)))
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
        Ok(Some(asked.of(catalog, role, Secured::relation(sequence.owner, &sequence.acl))))
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
        Ok(schema.map(|it| asked.of(catalog, role, Secured::schema(it))))
    })
}

fn has_database_privilege(call: &mut Call<'_>) -> Result<Datum> {
    answer(call, 2, Privileges::ALL_DATABASE, |catalog, role, object, asked| {
        let database = match object {
            Datum::Text(name) => Some(catalog.database_named(name).ok_or_else(|| {
                Error::new(SqlState::UNDEFINED_DATABASE, format!("database \"{name}\" does not exist"))
            })?),
            other => catalog.database(other.as_oid().unwrap_or(0)),
        };
        Ok(database.map(|it| asked.of(catalog, role, Secured::database(it))))
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
            "USAGE WITH GRANT OPTION"
            | "USAGE WITH ADMIN OPTION"
            | "MEMBER WITH GRANT OPTION"
            | "MEMBER WITH ADMIN OPTION" => may_admit(&catalog, &role, group),
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
