//! Views: a query with a name.

use std::sync::Arc;

use types::SqlType;

use super::acl::Acl;

/// A view. Its query is kept as text and bound where the view is used, under the search path it was written with.
#[derive(Clone, Debug)]
pub struct ViewDef {
    pub oid: u32,
    pub name: Arc<str>,
    pub schema: u32,
    pub schema_name: Arc<str>,
    pub owner: u32,
    pub acl: Acl,
    pub row_type: u32,
    /// The SELECT or VALUES statement, without a semicolon.
    pub query: Arc<str>,
    /// Schemas in the order in which the query's names are looked up.
    pub search_path: Vec<Arc<str>>,
    /// Output columns, renamed by the view's column list where it has one.
    pub columns: Vec<(Arc<str>, SqlType)>,
}
