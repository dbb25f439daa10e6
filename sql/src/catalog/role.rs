//! Roles: users and groups. They are shared by all databases of a volume.

use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct RoleDef {
    pub oid: u32,
    pub name: Arc<str>,
    pub superuser: bool,
    pub inherit: bool,
    pub create_role: bool,
    pub create_database: bool,
    pub login: bool,
    pub replication: bool,
    pub bypass_row_security: bool,
    /// -1 for no limit.
    pub connection_limit: i32,
    /// A SCRAM-SHA-256 verifier in PostgreSQL's text form; never a password.
    pub password: Option<Arc<str>>,
    /// Microseconds since 2000-01-01 UTC.
    pub valid_until: Option<i64>,
    /// Roles that this one is a member of.
    pub member_of: Vec<u32>,
    /// Those of them of which this one may make others members: ADMIN OPTION.
    pub admin_of: Vec<u32>,
    /// ALTER ROLE ... SET, as (name, value).
    pub settings: Vec<(Arc<str>, Arc<str>)>,
}
