//! Cancelling what is joined.
//!
//! Scans look for a cancel request, and DataFusion has its sources yield now and then, so that whoever waits for the
//! statement gets a turn. But a join can make far more than it reads, or compare far more than it makes. So every join
//! yields as its batches are taken, and one that need not make a row of every pair that it meets looks for a cancel request
//! as it judges them: a row with a batch when it compares all pairs, a batch of pairs with equal keys when it hashes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use engine::CancelToken;
use sql::exec::ExecContext;

use crate::error::{lift, to_datafusion};

/// Makes the joins of a plan heed the end of their statement. The last rule, for it hides joins from others.
#[derive(Debug)]
pub(crate) struct CancellableJoins(pub Watch);

/// Tells whether a statement was cancelled.
#[derive(Clone)]
pub(crate) struct Watch {
    cancel: CancelToken,
    /// This finds a timeout, too, whose timer waits for the thread that a join keeps.
    is_cancelled: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl Watch {
    pub fn new(context: &ExecContext) -> Watch {
        Watch { cancel: context.cancel.clone(), is_cancelled: context.settings.is_cancelled.clone() }
    }

    fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() || self.is_cancelled.as_ref().is_some_and(|is_cancelled| is_cancelled()) {
            return Err(to_datafusion(lift(&engine::Error::Cancelled)));
        }
        Ok(())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.cancel, f)
    }
}

impl CancellableJoins {
    fn heed(&self, node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        let join: Arc<dyn ExecutionPlan> = if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            let filter = join.filter().map(|filter| self.heeding(filter));
            Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?)
        } else if let Some(join) = node.downcast_ref::<HashJoinExec>() {
            let filter = match join.filter() {
                Some(filter) => Some(self.heeding(filter)),
                None if makes_all_pairs(*join.join_type()) => None,
                None => Some(self.heeding(&JoinFilter::new(lit(true), Vec::new(), Arc::new(Schema::empty())))),
            };
            Arc::new(join.builder().with_filter(filter).build()?)
        } else if node.downcast_ref::<CrossJoinExec>().is_some() {
            node
        } else {
            return Ok(Transformed::no(node));
        };
        Ok(Transformed::yes(Arc::new(CooperativeExec::new(join))))
    }

    fn heeding(&self, filter: &JoinFilter) -> JoinFilter {
        let condition = Heeding { condition: Arc::clone(filter.expression()), watch: self.0.clone() };
        JoinFilter::new(Arc::new(condition), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    }
}

/// Whether a join without a filter makes a row of each pair of rows with equal keys. Others ask only whether there is one, and
/// still go through all of them.
fn makes_all_pairs(kind: JoinType) -> bool {
    matches!(kind, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full)
}

impl PhysicalOptimizerRule for CancellableJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| self.heed(node)).data()
    }

    fn name(&self) -> &str {
        "cancellable_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A condition that is evaluated only while nobody has cancelled the statement.
#[derive(Debug)]
struct Heeding {
    condition: Arc<dyn PhysicalExpr>,
    watch: Watch,
}

impl PartialEq for Heeding {
    fn eq(&self, other: &Heeding) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for Heeding {}

impl Hash for Heeding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for Heeding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.condition, f)
    }
}

impl PhysicalExpr for Heeding {
    fn data_type(&self, input_schema: &Schema) -> Result<DataType> {
        self.condition.data_type(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.condition.nullable(input_schema)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.condition.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.watch.check()?;
        self.condition.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let Some(condition) = children.into_iter().next() else {
            return Err(DataFusionError::Internal("a condition without itself".into()));
        };
        Ok(Arc::new(Heeding { condition, watch: self.watch.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}
