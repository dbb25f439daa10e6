//! The vector executor: bound plans run by DataFusion.
//!
//! The only module that knows DataFusion; the rest of the database knows [`sql::exec::VectorExecutor`].
//!
//! The life of a query here:
//!
//! 1. [`DataFusionExecutor::execute`] asks [`worth`] whether the plan is one for columns at all: it joins, groups or sorts
//!    tables that are not small, and reads them by more than keys.
//! 2. [`lower`] turns the bound plan into a logical plan of DataFusion, without SQL text and without DataFusion's SQL
//!    planner: names, types and conversions are decided, and PostgreSQL's semantics with them. Where DataFusion has no
//!    operator of exactly the same meaning, [`kernel`] and [`aggregate`] have our own; any other expression is evaluated
//!    by SQL's own evaluator, row by row: a function has one definition. What has no exact equivalent is refused, and the
//!    row executor runs the plan.
//! 3. [`repr`] says how values travel: lossless, and so that Arrow's order and equality are PostgreSQL's.
//! 4. [`scan`] reads a table's tree at the statement's snapshot into batches of columns.
//! 5. [`execute`] optimises and runs the plan and turns its batches back into rows of datums; dropping the stream ends
//!    everything, and [`cancel`] has joins notice that the statement is cancelled.
//! 6. What does not fit in memory goes to temporary files of the session ([`spill`]), as the row executor's does. A run
//!    that fails before it has handed out a row is given up, and the row executor runs the plan from the start.
//!
//! **What is refused** (and run by the row executor): volatile functions, set-returning functions, window functions,
//! recursive queries, GROUPING SETS, DISTINCT ON, WITH TIES, INTERSECT ALL and EXCEPT ALL, row locks, system columns,
//! catalog relations, views with `security_barrier`, lateral joins and correlated subqueries that are not a join in
//! disguise, and aggregates that depend on the order of their input without saying ORDER BY, or say WITHIN GROUP.

mod aggregate;
mod cancel;
mod error;
mod execute;
mod kernel;
mod lower;
mod repr;
mod scan;
mod spill;
mod worth;

use std::sync::Arc;

use futures::future::BoxFuture;
use sql::bound::Plan;
use sql::exec::{ExecContext, RowStream, Step, VectorExecutor};
use types::Result;

use execute::{Environment, Run};

/// The default of [`Options::memory_bytes`].
pub const MEMORY_BYTES: usize = 512 << 20;

/// How the executor runs queries.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many parts of a query run at once.
    pub partitions: usize,
    /// The most memory that the operators of one query may use, in bytes. Sorts and groups beyond it are spilled; a
    /// query that has more of what cannot be spilled here, such as hash tables of joins, is left to the row executor.
    pub memory_bytes: usize,
    /// Whether plans over small tables are left to the row executor. Tests turn it off.
    pub only_worthwhile: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { partitions: 1, memory_bytes: MEMORY_BYTES, only_worthwhile: true }
    }
}

/// The vector executor over DataFusion.
pub struct DataFusionExecutor {
    environment: Arc<Environment>,
    only_worthwhile: bool,
}

impl DataFusionExecutor {
    pub fn new(options: Options) -> DataFusionExecutor {
        let (partitions, memory_bytes) = (options.partitions.max(1), options.memory_bytes);
        let environment = Arc::new(Environment { partitions, memory_bytes });
        DataFusionExecutor { environment, only_worthwhile: options.only_worthwhile }
    }

    /// Why this executor leaves a plan to the row executor; `None` if it runs it.
    pub fn refusal(&self, plan: &Plan, context: &Arc<ExecContext>) -> Option<String> {
        if self.only_worthwhile && !worth::is_worth(plan, context) {
            return Some("too little to do".into());
        }
        Run::new(&self.environment, plan, context).err().map(|refusal| refusal.to_string())
    }
}

impl VectorExecutor for DataFusionExecutor {
    fn takes(&self, plan: &Plan, context: &Arc<ExecContext>) -> bool {
        self.refusal(plan, context).is_none()
    }

    fn execute(&self, plan: &Plan, context: &Arc<ExecContext>) -> Option<Result<Box<dyn RowStream>>> {
        if self.only_worthwhile && !worth::is_worth(plan, context) {
            return None;
        }
        match Run::new(&self.environment, plan, context) {
            Ok(run) => Some(Ok(Box::new(run))),
            Err(refusal) => {
                tracing::debug!(%refusal, "the row executor runs the plan");
                None
            }
        }
    }
}

impl RowStream for Run {
    fn next(&mut self) -> BoxFuture<'_, Result<Step>> {
        Box::pin(self.next_step())
    }
}
