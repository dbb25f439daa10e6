//! Databases. Roles and databases are shared; everything else belongs to one database.

use std::sync::Arc;

use super::acl::Acl;

#[derive(Clone, Debug)]
pub struct DatabaseDef {
    pub oid: u32,
    pub name: Arc<str>,
    pub owner: u32,
    pub acl: Acl,
    pub is_template: bool,
    pub allow_connections: bool,
    /// -1 for no limit.
    pub connection_limit: i32,
    /// ALTER DATABASE ... SET, as (name, value).
    pub settings: Vec<(Arc<str>, Arc<str>)>,
}
