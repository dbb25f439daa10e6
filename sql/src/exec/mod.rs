//! The row executor: runs every plan, changes rows, defines objects, copies.
//!
//! A query is a tree of [sources](source) pulled from the top in batches. Expressions are evaluated synchronously; what
//! must be waited for unwinds (see [`eval`]). Keyed statements take a way of their own that builds no tree at all.
//!
//! Plans that are large and that it supports are run by the [`VectorExecutor`] instead, if there is one.

mod aggregate;
mod basic;
mod brief;
mod changes;
mod context;
mod copy;
mod cte;
mod ddl;
mod deferred;
mod dml;
mod eval;
mod frames;
mod hash_join;
mod hash_key;
mod join;
mod keyed;
mod lift;
mod lock_rows;
mod loop_join;
mod maintain;
mod memory;
mod merge_join;
mod probe;
mod query;
mod reference;
mod scan;
mod set_op;
mod sort;
mod source;
mod spill;
mod subquery;
mod system_column;
mod table;
mod waits;
mod window;
mod write;

pub use context::{ExecContext, TxnCell};
pub use eval::{evaluate_row, needs_only_row};
pub use frames::{Frames, Row};
pub use memory::{Claim, Memory, SERVER_BYTES_MAX, STATEMENT_BYTES_MAX, ServerMemory, datum_bytes};
pub use query::{RowBatch, RowStream, Step, VectorExecutor};
pub use scan::known_ranges;
pub use spill::{SpillCounts, TemporaryDirectory, TemporaryFile};
pub use table::RowIds;

pub(crate) use changes::{StatementEnd, run as run_changes};
pub(crate) use copy::{run_in as copy_in, run_out as copy_out};
pub(crate) use ddl::{Executed, analyze, drop_left, drop_temporary, execute as execute_ddl, on_commit, truncate};
pub(crate) use deferred::{Deferred, check_deferred};
pub(crate) use dml::{Changed, delete, insert, update};
pub(crate) use keyed::select as select_by_key;
pub(crate) use lift::{Lift, lift};
pub(crate) use maintain::evaluate_as;
pub(crate) use memory::{LateClaim, row_bytes};
pub(crate) use query::RowSource;
pub(crate) use spill::Gathered;
