//! The part of `information_schema` that tells who may do what with tables and views.

use std::sync::Arc;

use types::{Datum, Result};

use super::information::{database, relations};
use super::row::{t, yes};
use crate::catalog::{AclItem, Privileges, Relation, VirtualSource, well_known};
use crate::functions::has_rights_of;

type Rows = Result<Vec<Vec<Datum>>>;

/// What is granted on one table or view to one role, or to the public.
struct Grant<'a> {
    relation: &'a Relation,
    schema: Arc<str>,
    item: AclItem,
    /// Whether the grantee may grant all of it on because it has the owner's rights.
    owns: bool,
}

/// The grants that the user gave or has; with those to the public if `public`.
fn grants<'a>(from: &'a VirtualSource<'_>, public: bool) -> Result<Vec<Grant<'a>>> {
    let user = from.session.role()?;
    let is_enabled = |role: u32| has_rights_of(from.catalog, &user, role);
    let mut grants = Vec::new();
    for (relation, schema) in relations(from) {
        let (owner, acl) = match relation {
            Relation::Table(it) => (it.owner, it.acl.clone()),
            Relation::View(it) => (it.owner, it.acl.clone()),
            Relation::Virtual(_) => (well_known::POSTGRES_ROLE, None),
            Relation::Index(_) | Relation::Sequence(_) => continue,
        };
        let privileges = Privileges::ALL_TABLE;
        let own = AclItem { grantee: owner, grantor: owner, privileges, grantable: Privileges::NONE };
        let items = match (acl, relation) {
            (Some(acl), _) => acl.to_vec(),
            (None, Relation::Virtual(_)) => vec![own, AclItem { grantee: 0, privileges: Privileges::SELECT, ..own }],
            (None, _) => vec![own],
        };
        for item in items {
            let has = if item.grantee == 0 { public } else { is_enabled(item.grantee) };
            if has || is_enabled(item.grantor) {
                let grantee = from.catalog.role(item.grantee);
                let owns = grantee.is_some_and(|grantee| has_rights_of(from.catalog, grantee, owner));
                grants.push(Grant { relation, schema: schema.clone(), item, owns });
            }
        }
    }
    Ok(grants)
}

fn rows(from: &VirtualSource<'_>, public: bool) -> Rows {
    let role = |oid: u32| from.catalog.role(oid).map_or(Datum::Null, |role| t(&role.name));
    let mut rows = Vec::new();
    for Grant { relation, schema, item, owns } in grants(from, public)? {
        rows.extend(item.privileges.each().map(|(privilege, word)| {
            vec![
                role(item.grantor),
                if item.grantee == 0 { t("PUBLIC") } else { role(item.grantee) },
                database(from),
                t(&schema),
                t(relation.name()),
                t(word),
                yes(owns || item.grantable.contains(privilege)),
                yes(privilege == Privileges::SELECT),
            ]
        }));
    }
    Ok(rows)
}

pub(super) fn table_privileges(from: &VirtualSource<'_>) -> Rows {
    rows(from, true)
}

pub(super) fn role_table_grants(from: &VirtualSource<'_>) -> Rows {
    rows(from, false)
}

/// Grants are by table: each is one of all its columns.
pub(super) fn column_privileges(from: &VirtualSource<'_>) -> Rows {
    let role = |oid: u32| from.catalog.role(oid).map_or(Datum::Null, |role| t(&role.name));
    let mut rows = Vec::new();
    for Grant { relation, schema, item, owns } in grants(from, true)? {
        let columns: Vec<&str> = match relation {
            Relation::Table(it) => {
                it.columns.iter().filter(|column| !column.dropped).map(|column| &*column.name).collect()
            }
            Relation::View(it) => it.columns.iter().map(|(name, _)| &**name).collect(),
            Relation::Virtual(it) => it.columns.iter().map(|column| column.name).collect(),
            Relation::Index(_) | Relation::Sequence(_) => continue,
        };
        for (privilege, word) in item.privileges.common(Privileges::ALL_COLUMN).each() {
            rows.extend(columns.iter().map(|column| {
                vec![
                    role(item.grantor),
                    if item.grantee == 0 { t("PUBLIC") } else { role(item.grantee) },
                    database(from),
                    t(&schema),
                    t(relation.name()),
                    t(column),
                    t(word),
                    yes(owns || item.grantable.contains(privilege)),
                ]
            }));
        }
    }
    Ok(rows)
}

/// Who is a member of what, of those roles whose rights the user has. `pg_database_owner` has a member without a grant.
pub(super) fn applicable_roles(from: &VirtualSource<'_>) -> Rows {
    let user = from.session.role()?;
    let name = |oid: u32| from.catalog.role(oid).map_or(Datum::Null, |role| t(&role.name));
    let owner = from.catalog.database(from.catalog.database).map(|database| database.owner);
    let mut rows = Vec::new();
    for role in from.catalog.roles().filter(|role| has_rights_of(from.catalog, &user, role.oid)) {
        let implicit = (owner == Some(role.oid)).then_some(well_known::PG_DATABASE_OWNER);
        let groups = role.member_of.iter().copied().chain(implicit);
        rows.extend(groups.map(|group| vec![t(&role.name), name(group), yes(role.admin_of.contains(&group))]));
    }
    Ok(rows)
}

pub(super) fn enabled_roles(from: &VirtualSource<'_>) -> Rows {
    let user = from.session.role()?;
    let enabled = from.catalog.roles().filter(|role| has_rights_of(from.catalog, &user, role.oid));
    Ok(enabled.map(|role| vec![t(&role.name)]).collect())
}
