//! The catalog: what exists in a database, kept as versioned rows like everything else.
//!
//! **Definitions** ([`TableDef`], [`IndexDef`], ...) are plain immutable values, each stored as one row under
//! (database, class, oid) in the engine's catalog tree. DDL writes such rows inside the user's transaction; it commits,
//! rolls back and becomes visible like any other write.
//!
//! **A [`CatalogSnapshot`]** is everything one database holds at one snapshot, gathered into maps and shared behind an
//! `Arc`. It is built by scanning the tree, by one session for all that wait for it, and kept as long as the catalog's
//! version stands. A transaction that has done DDL builds a private one that includes its own rows.
//!
//! **Virtual relations** ([`VirtualRelation`]) are `pg_catalog` and `information_schema`: relations that any query can
//! join, whose rows are made from the snapshot when they are scanned.
//!
//! Expressions in definitions (defaults, CHECK, view queries) are kept as SQL text and bound when they are used; what
//! they name is resolved under the search path that was in force when they were written. Literals that name relations are
//! written with their schemas when the definition is made.

mod acl;
pub(crate) mod build;
pub(crate) mod codec;
mod constraint;
mod database;
pub mod describe;
pub mod expression;
pub mod extension;
mod grants;
mod index;
pub mod parameters;
mod relation;
mod role;
mod schema;
mod sequence;
mod snapshot;
pub(crate) mod store;
mod system;
mod table;
mod view;

pub use acl::{Acl, AclItem, Privileges};
pub use constraint::{ConstraintDef, ConstraintKind, ForeignKey, ReferentialAction, Timing};
pub use database::DatabaseDef;
pub(crate) use grants::{Grants, with_new_owner};
pub use index::{IndexColumn, IndexDef, Predicate};
pub(crate) use relation::SEQUENCE_COLUMNS;
pub use relation::{Relation, VirtualColumn, VirtualRelation, VirtualSource};
pub use role::RoleDef;
pub(crate) use schema::{PG_TEMP, is_others, named_part, own_temporary, path_with, temporary_name};
pub use schema::{SchemaDef, is_temporary};
pub use sequence::{SequenceDef, SequenceOwner};
pub use snapshot::{CatalogSnapshot, Comment};
pub(crate) use system::is_called;
pub use table::{ColumnDef, Generated, Identity, TableDef, TableShape};
pub use view::{CheckOption, ViewDef, ViewParameters};

/// Oids below are PostgreSQL's own; the counter for new objects starts here.
pub const FIRST_NORMAL_OID: u32 = 16_384;

/// Well-known oids of the catalog's own objects, PostgreSQL's.
pub mod well_known {
    pub const PG_CATALOG: u32 = 11;
    pub const PG_TOAST: u32 = 99;
    pub const PUBLIC: u32 = 2200;
    pub const INFORMATION_SCHEMA: u32 = 13_000;
    /// Where server-specific functions and views live.
    pub const REDOUBT: u32 = 13_001;
    /// The superuser made at initialisation.
    pub const POSTGRES_ROLE: u32 = 10;
    pub const PG_READ_ALL_SETTINGS: u32 = 3374;
    pub const PG_READ_ALL_STATS: u32 = 3375;
    pub const PG_READ_ALL_DATA: u32 = 6181;
    pub const PG_WRITE_ALL_DATA: u32 = 6182;
    pub const PG_SIGNAL_BACKEND: u32 = 4200;
    pub const PG_CHECKPOINT: u32 = 4544;
    /// Its one member is the owner of the database.
    pub const PG_DATABASE_OWNER: u32 = 6171;
    pub const TEMPLATE1: u32 = 1;
    pub const TEMPLATE0: u32 = 4;
    pub const POSTGRES_DATABASE: u32 = 5;
    pub const PG_CLASS: u32 = 1259;
    pub const PG_REWRITE: u32 = 2618;
    pub const PG_TYPE: u32 = 1247;
    pub const PG_PROC: u32 = 1255;
    pub const PG_ATTRIBUTE: u32 = 1249;
    pub const PG_NAMESPACE: u32 = 2615;
    pub const PG_EXTENSION: u32 = 3079;
    pub const PG_CONSTRAINT: u32 = 2606;
    pub const PG_DATABASE: u32 = 1262;
    pub const PG_AUTHID: u32 = 1260;
    pub const PG_ATTRDEF: u32 = 2604;
    pub const PG_INDEX: u32 = 2610;
    pub const PG_SEQUENCES: u32 = 12_048;
    pub const PG_SHADOW: u32 = 12_005;
    /// pg_am: the heap and btree access methods.
    pub const HEAP: u32 = 2;
    pub const BTREE: u32 = 403;
    /// pg_collation: default, C.
    pub const DEFAULT_COLLATION: u32 = 100;
    pub const C_COLLATION: u32 = 950;
    pub const DEFAULT_TABLESPACE: u32 = 1663;
    pub const GLOBAL_TABLESPACE: u32 = 1664;
}
