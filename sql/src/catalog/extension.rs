//! Extensions. They come with the server: none can be added, and none dropped.
//!
//! **`plpgsql`** is there by name alone. Schemas that applications load, and dumps of old servers, begin by creating it, and
//! have seldom a function in it: those are refused, and `pg_language` has no such language.
//!
//! **`uuid-ossp`** is what schemas create that are older than `gen_random_uuid`. Its functions are those of the `types` crate,
//! in any schema: nothing tells where it was to go. Who creates it finds it created.

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
    /// Whether a database of PostgreSQL has it from the start, so that creating it again is a mistake.
    pub is_given: bool,
}

/// The extension that what is our own belongs to.
pub const OWN: u32 = 15_899;

/// The functions that come with an extension which a schema may have been told to hold.
const MOVABLE: [&str; 8] = [
    "uuid_generate_v3",
    "uuid_generate_v4",
    "uuid_generate_v5",
    "uuid_nil",
    "uuid_ns_dns",
    "uuid_ns_oid",
    "uuid_ns_url",
    "uuid_ns_x500",
];

pub static EXTENSIONS: [Extension; 3] = [
    Extension {
        oid: 15_897,
        name: "uuid-ossp",
        schema: well_known::PG_CATALOG,
        version: "1.1",
        comment: "generate universally unique identifiers (UUIDs)",
        is_given: false,
    },
    Extension {
        oid: 15_898,
        name: "plpgsql",
        schema: well_known::PG_CATALOG,
        version: "1.0",
        comment: "PL/pgSQL procedural language, by name alone: it is not supported",
        is_given: true,
    },
    Extension {
        oid: OWN,
        name: "redoubt",
        schema: well_known::REDOUBT,
        version: env!("CARGO_PKG_VERSION"),
        comment: "what the server tells of itself",
        is_given: true,
    },
];

/// The extension with this name.
pub fn named(name: &str) -> Option<&'static Extension> {
    EXTENSIONS.iter().find(|extension| extension.name == name)
}

/// Whether a function is found in any schema: dumps name it by the one that its extension was in.
pub fn is_movable(function: &str) -> bool {
    MOVABLE.contains(&function)
}
