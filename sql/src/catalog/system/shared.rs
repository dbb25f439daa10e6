//! What all databases of a volume share: databases, roles, tablespaces.

use std::sync::Arc;

use types::{Datum, Result, oid};

use super::row::{acl, b, c, i4, null, o, opt, t, text_array};
use crate::catalog::{RoleDef, VirtualSource, well_known};

type Rows = Result<Vec<Vec<Datum>>>;

/// PostgreSQL's number for UTF8.
const UTF8: i32 = 6;

/// Where the ids of transactions that are still told apart begin, as far as anyone is to mind: nothing wraps around here, and
/// who watches the age of that is to see none.
pub(super) fn frozen(from: &VirtualSource<'_>) -> Datum {
    o(from.session.database.engine.next_txid_now() as u32)
}

pub(super) fn pg_database(from: &VirtualSource<'_>) -> Rows {
    let row = |it: &Arc<crate::catalog::DatabaseDef>| {
        vec![
            o(it.oid),
            t(&it.name),
            o(it.owner),
            i4(UTF8),
            c(b'c'),
            b(it.is_template),
            b(it.allow_connections),
            i4(it.connection_limit),
            frozen(from),
            o(1),
            o(well_known::DEFAULT_TABLESPACE),
            t("C.UTF-8"),
            t("C.UTF-8"),
            null(),
            null(),
            acl(&it.acl, from.catalog),
        ]
    };
    Ok(from.catalog.databases().map(row).collect())
}

fn valid_until(role: &RoleDef) -> Datum {
    opt(role.valid_until.map(Datum::Timestamptz))
}

fn settings(settings: &[(Arc<str>, Arc<str>)]) -> Datum {
    if settings.is_empty() {
        return Datum::Null;
    }
    let lines: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    text_array(lines.iter().map(String::as_str))
}

pub(super) fn pg_authid(from: &VirtualSource<'_>) -> Rows {
    let row = |it: &Arc<RoleDef>| {
        vec![
            o(it.oid),
            t(&it.name),
            b(it.superuser),
            b(it.inherit),
            b(it.create_role),
            b(it.create_database),
            b(it.login),
            b(it.replication),
            b(it.bypass_row_security),
            i4(it.connection_limit),
            opt(it.password.as_ref().map(|password| t(password))),
            valid_until(it),
        ]
    };
    Ok(from.catalog.roles().map(row).collect())
}

pub(super) fn pg_roles(from: &VirtualSource<'_>) -> Rows {
    let row = |it: &Arc<RoleDef>| {
        vec![
            t(&it.name),
            b(it.superuser),
            b(it.inherit),
            b(it.create_role),
            b(it.create_database),
            b(it.login),
            b(it.replication),
            i4(it.connection_limit),
            t("********"),
            valid_until(it),
            b(it.bypass_row_security),
            settings(&it.settings),
            o(it.oid),
        ]
    };
    Ok(from.catalog.roles().map(row).collect())
}

pub(super) fn pg_user(from: &VirtualSource<'_>) -> Rows {
    let row = |it: &Arc<RoleDef>| {
        vec![
            t(&it.name),
            o(it.oid),
            b(it.create_database),
            b(it.superuser),
            b(it.replication),
            b(it.bypass_row_security),
            t("********"),
            valid_until(it),
            settings(&it.settings),
        ]
    };
    Ok(from.catalog.roles().filter(|role| role.login).map(row).collect())
}

pub(super) fn pg_group(from: &VirtualSource<'_>) -> Rows {
    let row = |it: &Arc<RoleDef>| {
        let members = from.catalog.roles().filter(|role| role.member_of.contains(&it.oid));
        vec![t(&it.name), o(it.oid), Datum::array(oid::OID, members.map(|role| o(role.oid)).collect())]
    };
    Ok(from.catalog.roles().filter(|role| !role.login).map(row).collect())
}

pub(super) fn pg_db_role_setting(from: &VirtualSource<'_>) -> Rows {
    let of_databases = from.catalog.databases().map(|it| (it.oid, 0, &it.settings));
    let of_roles = from.catalog.roles().map(|it| (0, it.oid, &it.settings));
    let set = of_databases.chain(of_roles).filter(|(.., given)| !given.is_empty());
    Ok(set.map(|(database, role, given)| vec![o(database), o(role), settings(given)]).collect())
}

pub(super) fn pg_auth_members(from: &VirtualSource<'_>) -> Rows {
    let mut rows = Vec::new();
    for role in from.catalog.roles() {
        for group in &role.member_of {
            rows.push(vec![o(*group), o(role.oid), o(well_known::POSTGRES_ROLE), b(role.admin_of.contains(group))]);
        }
    }
    Ok(rows)
}

pub(super) fn pg_tablespace(_: &VirtualSource<'_>) -> Rows {
    let row = |oid, name| vec![o(oid), t(name), o(well_known::POSTGRES_ROLE), null(), null()];
    Ok(vec![row(well_known::DEFAULT_TABLESPACE, "pg_default"), row(well_known::GLOBAL_TABLESPACE, "pg_global")])
}
