//! Schemas (namespaces).

use std::sync::Arc;

use super::acl::Acl;

#[derive(Clone, Debug)]
pub struct SchemaDef {
    pub oid: u32,
    pub name: Arc<str>,
    pub owner: u32,
    pub acl: Acl,
}
