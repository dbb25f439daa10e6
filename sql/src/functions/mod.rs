//! Functions over the catalog and the session, beside those over values that the `types` crate has.
//!
//! They reach what they need through [`Settings::session`](types::Settings), which holds a [`SessionContext`]. They are
//! synchronous like all functions; those that must wait (`nextval` with an empty reserve, `pg_sleep`, `pg_promote`) are
//! known to the executor by their oids, which does their work itself: see [`exec::waits`](crate::exec).

mod admin;
pub(crate) mod advisory;
mod catalog;
mod cluster;
mod context;
mod privileges;
pub(crate) mod procedures;
mod rights;
mod sequence;
mod state;

use std::sync::LazyLock;

use types::{Function, Registry};

pub use cluster::{FailoverStatus, GroupStatus, Hydration, NodeRole, ReplicaStatus, ServerStatus, StorageNodeStatus};
pub use context::{Admin, SessionContext};
pub(crate) use context::{Listed, ListedCursor, ListedStatement, SESSION_VIEWS, check_name, relation_named};
pub(crate) use rights::{
    SECRET, Secured, check_usable, has_rights_of, is_member, may_admit, may_become, relation_allows, searched,
    sequence_allows, usable_path,
};
pub(crate) use sequence::{LOOKING, NEXT_OF_IDENTITY, check_right, sequence_by_oid};

/// Oids of the functions that the executor runs itself because they wait.
pub(crate) mod waiting {
    pub const NEXTVAL: u32 = 1574;
    /// What an identity column draws: see [`NEXT_OF_IDENTITY`](super::NEXT_OF_IDENTITY).
    pub const NEXT_OF_IDENTITY: u32 = 15_939;
    pub const SETVAL: u32 = 1576;
    pub const SETVAL_CALLED: u32 = 1765;
    pub const SEQUENCE_LAST_VALUE: u32 = 4032;
    pub const SLEEP: u32 = 2626;
    pub const SLEEP_FOR: u32 = 3935;
    pub const SLEEP_UNTIL: u32 = 3936;
    pub const PROMOTE: u32 = 3436;
    /// `pg_promote()` with its defaults, and `pg_promote(wait)`.
    pub const PROMOTE_DEFAULT: u32 = 15_901;
    pub const PROMOTE_WAIT: u32 = 15_902;
    /// `redoubt.status()`: an oid of our own, below those of users' objects.
    pub const STATUS: u32 = 15_900;
    pub const TXID_CURRENT: u32 = 2943;
    pub const CURRENT_XACT_ID: u32 = 5059;
    /// `redoubt.wait_for_lsn(lsn)` and `redoubt.wait_for_lsn(lsn, milliseconds)`.
    pub const WAIT_FOR_LSN: u32 = 15_921;
    pub const WAIT_FOR_LSN_TIMEOUT: u32 = 15_922;
    /// `redoubt.replace_storage_node(number)` and `redoubt.replace_storage_node(number, address)`.
    pub const REPLACE_NODE: u32 = 15_923;
    pub const REPLACE_NODE_WITH: u32 = 15_924;
    /// `redoubt.revert_storage_node(number)`.
    pub const REVERT_NODE: u32 = 15_925;
    /// pg_relation_size and its kin.
    pub const RELATION_SIZE: u32 = 2325;
    pub const RELATION_SIZE_FORK: u32 = 2332;
    pub const TABLE_SIZE: u32 = 2997;
    pub const INDEXES_SIZE: u32 = 2998;
    pub const TOTAL_RELATION_SIZE: u32 = 2286;
    pub const DATABASE_SIZE: u32 = 2324;
    pub const DATABASE_SIZE_NAMED: u32 = 2168;
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    // What the types crate defines as well is its own: a function is defined once.
    let own = [
        admin::FUNCTIONS,
        advisory::FUNCTIONS,
        catalog::FUNCTIONS,
        privileges::FUNCTIONS,
        sequence::FUNCTIONS,
        state::FUNCTIONS,
    ];
    let missing = own.iter().flat_map(|table| table.iter());
    let missing = missing.filter(|function| Registry::builtin().function(function.oid).is_none()).map(copy);
    Registry::new(&[Vec::leak(missing.collect())])
});

fn copy(function: &'static Function) -> Function {
    let Function { oid, name, args, variadic, result, strict, volatility, returns_set, eval } = *function;
    Function { oid, name, args, variadic, result, strict, volatility, returns_set, eval }
}

/// All functions, operators, casts and aggregates of the server.
pub fn registry() -> &'static Registry {
    &REGISTRY
}
