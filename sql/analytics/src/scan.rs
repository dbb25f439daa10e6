//! Tables as DataFusion sees them: columns built batch by batch from the rows of a tree, at the statement's snapshot.
//!
//! Only the columns a query uses are decoded, straight from the stored rows into column builders. A limit that reaches
//! the scan ends it. Of the keys only the ranges are read that the planner's access allows; filters, those of the access
//! included, run on the batches, above the scan.

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use engine::{Direction, KeyRange, Rows, Scan};
use sql::bound::Access;
use sql::catalog::TableDef;
use sql::exec::{ExecContext, known_ranges};

use crate::error::{lift, to_datafusion};
use crate::repr::{Builder, Shape};

/// Rows in a batch.
pub(crate) const BATCH_ROWS: usize = 8_192;

/// Some columns of a table at the statement's snapshot.
#[derive(Clone)]
pub(crate) struct TableRows {
    table: Arc<TableDef>,
    /// Positions in the table's columns.
    attributes: Vec<usize>,
    shapes: Vec<Shape>,
    schema: SchemaRef,
    /// What is read of the table's tree.
    ranges: Vec<KeyRange>,
    context: Arc<ExecContext>,
}

impl TableRows {
    /// Some columns of the rows that `access` may reach.
    pub(crate) fn new(
        table: Arc<TableDef>,
        access: &Access,
        attributes: Vec<usize>,
        shapes: Vec<Shape>,
        schema: SchemaRef,
        context: Arc<ExecContext>,
    ) -> TableRows {
        let ranges = match access {
            // A secondary index has no rows to read.
            Access::Index(access) if access.index.as_ref().is_none_or(|index| index.tree == table.tree) => {
                known_ranges(&table, access, &context)
            }
            _ => None,
        };
        let ranges = ranges.unwrap_or_else(|| vec![KeyRange::all()]);
        TableRows { table, attributes, shapes, schema, ranges, context }
    }

    fn estimated_rows(&self) -> Precision<usize> {
        let tree = protocol::PageId(self.table.tree);
        let entries = |range| self.context.engine().estimate_entries(tree, range);
        let whole = || Some(self.table.estimated_rows);
        let rows = self.ranges.iter().map(entries).sum::<Option<f64>>().or_else(whole).unwrap_or(-1.0);
        if rows >= 0.0 { Precision::Inexact(rows as usize) } else { Precision::Absent }
    }
}

impl fmt::Debug for TableRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.table.name)
    }
}

#[async_trait]
impl TableProvider for TableRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut rows = self.clone();
        if let Some(projection) = projection {
            rows.attributes = projection.iter().map(|column| self.attributes[*column]).collect();
            rows.shapes = projection.iter().map(|column| self.shapes[*column]).collect();
            rows.schema = Arc::new(self.schema.project(projection)?);
        }
        Ok(Arc::new(ScanExec::new(rows, limit)))
    }
}

/// The scan in a physical plan.
struct ScanExec {
    rows: TableRows,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl ScanExec {
    fn new(rows: TableRows, limit: Option<usize>) -> ScanExec {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&rows.schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        ScanExec { rows, limit, properties: Arc::new(properties) }
    }
}

impl fmt::Debug for ScanExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScanExec({:?})", self.rows)
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScanExec: table={:?}", self.rows)?;
        match self.limit {
            Some(limit) => write!(f, ", limit={limit}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return Err(DataFusionError::Internal("a scan has one partition".into()));
        }
        let ranges = self.rows.ranges.clone().into_iter();
        let state = Reading { ranges, scan: None, stored: Rows::new(), rows: self.rows.clone(), left: self.limit };
        let batches = futures::stream::try_unfold(state, |mut state| async move {
            Ok(state.next().await?.map(|batch| (batch, state)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.rows.schema), batches)))
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &datafusion::physical_plan::StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics {
            num_rows: self.rows.estimated_rows(),
            total_byte_size: Precision::Absent,
            column_statistics: vec![ColumnStatistics::new_unknown(); self.rows.shapes.len()],
        }))
    }
}

/// A scan under way.
struct Reading {
    /// Ranges still to be read.
    ranges: std::vec::IntoIter<KeyRange>,
    scan: Option<Scan>,
    stored: Rows,
    rows: TableRows,
    /// How many more rows are wanted.
    left: Option<usize>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let wanted = self.left.map_or(BATCH_ROWS, |left| left.min(BATCH_ROWS));
        if wanted == 0 {
            return Ok(None);
        }
        let count = loop {
            let Some(scan) = &mut self.scan else {
                let Some(range) = self.ranges.next() else { return Ok(None) };
                let TableRows { table, context, .. } = &self.rows;
                let tree = protocol::PageId(table.tree);
                self.scan = Some(context.engine().scan(&context.view, tree, range, Direction::Forward));
                continue;
            };
            let read = scan.next_batch(&mut self.stored, wanted).await;
            match read.map_err(|error| to_datafusion(lift(&error)))? {
                0 => self.scan = None,
                count => break count,
            }
        };
        if let Some(left) = &mut self.left {
            *left -= count.min(*left);
        }
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.rows.shapes.len());
        let layout = &self.rows.table.shape.layout;
        let views = self.stored.iter().map(|(_, row)| layout.view(row));
        let views = views.collect::<types::Result<Vec<_>>>().map_err(to_datafusion)?;
        for (attribute, shape) in self.rows.attributes.iter().zip(&self.rows.shapes) {
            let mut builder = Builder::new(*shape, count);
            builder.append_column(&views, *attribute)?;
            columns.push(builder.finish());
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(&self.rows.schema), columns, &options)?))
    }
}
