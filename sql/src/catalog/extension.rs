//! Extensions. They come with the server: none can be added, and none dropped.
//!
//! **`plpgsql`** is there by name alone. Schemas that applications load, and dumps of old servers, begin by creating it, and
//! have seldom a function in it: those are refused, and `pg_language` has no such language.

use super::well_known;

/// What there is to say of an extension.
#[derive(Debug)]
pub struct Extension {
    /// Below those of users' objects: so clients that copy a database (pg_dump) leave it alone, as they do with what comes with
    /// any server.
    pub oid: u32,
    pub name: &'static str,
    /// Oid of its schema.
    pub schema: u32,
    pub version: &'static str,
    /// What stands for the comment that nobody has set.
    pub comment: &'static str,
}

/// The extension that what is our own belongs to.
pub const OWN: u32 = 15_899;

pub static EXTENSIONS: [Extension; 2] = [
    Extension {
        oid: 15_898,
        name: "plpgsql",
        schema: well_known::PG_CATALOG,
        version: "1.0",
        comment: "PL/pgSQL procedural language, by name alone: it is not supported",
    },
    Extension {
        oid: OWN,
        name: "redoubt",
        schema: well_known::REDOUBT,
        version: env!("CARGO_PKG_VERSION"),
        comment: "what the server tells of itself",
    },
];

/// The extension with this name.
pub fn named(name: &str) -> Option<&'static Extension> {
    EXTENSIONS.iter().find(|extension| extension.name == name)
}
