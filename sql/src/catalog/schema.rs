//! Schemas (namespaces), and which of them are of temporary objects.
//!
//! A session's temporary objects are in a schema of its own, `pg_temp_N`, where N is the schema's oid: no two sessions ever
//! have the same. Its name stands in the session's search path, where `pg_temp` is looked for. Where the path does not name
//! `pg_temp`, the schema is searched before all others: then it stands first, and `pg_temp` itself, which no schema is
//! called, between what is searched without being named and what is named.

use std::sync::Arc;

use super::acl::{Acl, AclItem, Privileges};
use super::well_known;

/// What a session calls the schema of its own temporary objects.
pub(crate) const PG_TEMP: &str = "pg_temp";
const PREFIX: &str = "pg_temp_";

#[derive(Clone, Debug)]
pub struct SchemaDef {
    pub oid: u32,
    pub name: Arc<str>,
    pub owner: u32,
    pub acl: Acl,
}

impl SchemaDef {
    /// The schema of temporary objects with this name, as it is when it is made; `None` for other names.
    pub(crate) fn temporary(name: &str) -> Option<SchemaDef> {
        let oid = name.strip_prefix(PREFIX)?.parse().ok()?;
        // Whoever the session acts as may use it.
        let owner = well_known::POSTGRES_ROLE;
        let all = |grantee| AclItem {
            grantee,
            grantor: owner,
            privileges: Privileges::ALL_SCHEMA,
            grantable: Privileges::NONE,
        };
        Some(SchemaDef { oid, name: Arc::from(name), owner, acl: Some(Arc::from([all(owner), all(0)])) })
    }

    /// Whether it is of a session's temporary objects.
    pub fn is_temporary(&self) -> bool {
        is_temporary(&self.name)
    }
}

/// The name of the schema with this oid for temporary objects.
pub(crate) fn temporary_name(oid: u32) -> Arc<str> {
    Arc::from(format!("{PREFIX}{oid}"))
}

/// Whether a schema of this name is of a session's temporary objects.
pub fn is_temporary(schema: &str) -> bool {
    schema.starts_with(PREFIX)
}

/// Whether a schema of this name is of the temporary objects of another session than the one with this search path.
pub(crate) fn is_others(schema: &Arc<str>, search_path: &[Arc<str>]) -> bool {
    is_temporary(schema) && !search_path.contains(schema)
}

/// The search path of a session with these names in `search_path`, whose temporary objects are in `own`. Those of others are
/// not searched.
pub(crate) fn path_with(mut named: Vec<Arc<str>>, own: Option<&Arc<str>>) -> Vec<Arc<str>> {
    named.retain(|name| !is_temporary(name) || own == Some(name));
    let Some(own) = own else { return named };
    for name in &mut named {
        if &**name == PG_TEMP {
            *name = own.clone();
        }
    }
    if named.contains(own) {
        return named;
    }
    let mut path = vec![own.clone()];
    if !named.iter().any(|name| &**name == "pg_catalog") {
        path.push(Arc::from("pg_catalog"));
    }
    path.push(Arc::from(PG_TEMP));
    path.append(&mut named);
    path
}

/// The part of a search path that `search_path` names.
pub(crate) fn named_part(path: &[Arc<str>]) -> &[Arc<str>] {
    let from = path.iter().position(|name| &**name == PG_TEMP).map_or(0, |at| at + 1);
    let has_implicit = path.first().is_some_and(|first| is_temporary(first));
    if has_implicit { path.get(from..).unwrap_or_default() } else { path }
}

/// The schema of the temporary objects of the session with this search path.
pub(crate) fn own_temporary(path: &[Arc<str>]) -> Option<&Arc<str>> {
    path.iter().find(|name| is_temporary(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(named: &[&str], own: Option<&str>) -> Vec<String> {
        let named = named.iter().map(|name| Arc::from(*name)).collect();
        path_with(named, own.map(Arc::from).as_ref()).iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn temporary_objects_are_searched_first_or_where_the_path_says() {
        let own = Some("pg_temp_7");
        assert_eq!(path(&["public", "pg_temp_8"], None), ["public"]);
        assert_eq!(path(&["a", "public"], own), ["pg_temp_7", "pg_catalog", "pg_temp", "a", "public"]);
        assert_eq!(path(&["a", "pg_catalog"], own), ["pg_temp_7", "pg_temp", "a", "pg_catalog"]);
        assert_eq!(path(&["a", "pg_temp", "pg_temp_8"], own), ["a", "pg_temp_7"]);
    }

    #[test]
    fn what_is_searched_without_being_named_is_told_from_what_is() {
        let own: Arc<str> = Arc::from("pg_temp_7");
        for (named, shown) in [(["a", "pg_catalog"], ["a", "pg_catalog"]), (["pg_temp", "b"], ["pg_temp_7", "b"])] {
            let full = path_with(named.iter().map(|name| Arc::from(*name)).collect(), Some(&own));
            assert_eq!(named_part(&full).iter().map(|name| &**name).collect::<Vec<_>>(), shown);
        }
    }
}
