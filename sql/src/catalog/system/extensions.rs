//! pg_extension, and the views of what can be installed, which is what is.

use types::{Datum, Result};

use super::row::{b, null, o, opt, t};
use crate::catalog::extension::{EXTENSIONS, Extension};
use crate::catalog::{VirtualSource, well_known};

type Rows = Result<Vec<Vec<Datum>>>;

pub(super) fn pg_extension(_: &VirtualSource<'_>) -> Rows {
    let row = |it: &Extension| {
        let owner = o(well_known::POSTGRES_ROLE);
        vec![o(it.oid), t(it.name), owner, o(it.schema), b(false), t(it.version), null(), null()]
    };
    Ok(EXTENSIONS.iter().map(row).collect())
}

pub(super) fn pg_available_extensions(_: &VirtualSource<'_>) -> Rows {
    let row = |it: &Extension| vec![t(it.name), t(it.version), t(it.version), t(it.comment)];
    Ok(EXTENSIONS.iter().map(row).collect())
}

pub(super) fn pg_available_extension_versions(from: &VirtualSource<'_>) -> Rows {
    let row = |it: &Extension| {
        let schema = opt(from.catalog.schema(it.schema).map(|schema| t(&schema.name)));
        let (superuser, trusted, relocatable) = (b(true), b(true), b(false));
        vec![t(it.name), t(it.version), b(true), superuser, trusted, relocatable, schema, null(), t(it.comment)]
    };
    Ok(EXTENSIONS.iter().map(row).collect())
}
