//! Sources: the operators of the row executor, pulled from the top.
//!
//! A source is made from a plan node by [`open`], owns what it needs of the plan (a portal may be suspended for as long as
//! its transaction lives), and yields its rows in batches. The caller says how many rows it wants at most, so that a
//! LIMIT or a portal with a row count reads little more than it shows. An empty batch is the end.

use std::sync::Arc;

use futures::future::BoxFuture;
use types::Result;

use super::context::ExecContext;
use super::frames::{Frames, Row};
use super::memory::{Claim, row_bytes};
use super::spill::{SpoolReader, Spooled};
use super::{aggregate, basic, cte, join, lock_rows, scan, set_op, sort, window};
use crate::bound::{Node, Plan};

/// The most rows an operator asks for at once.
pub(crate) const BATCH_ROWS_MAX: usize = 256;

/// An operator.
pub(crate) trait Source: Send {
    /// The next rows: at least one and at most `max` (which is at least 1), or none at the end.
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>>;
}

pub(crate) type BoxSource = Box<dyn Source>;

/// Makes the operator tree of a plan, to be run once with these frames.
///
/// # Errors
/// Only broken invariants; whatever else goes wrong does so when rows are pulled.
pub(crate) fn open(plan: &Plan, context: &Arc<ExecContext>, frames: &Frames) -> Result<BoxSource> {
    let at = basic::Place::new(context, frames);
    Ok(match &plan.node {
        Node::Values(rows) => Box::new(basic::Values::new(at, rows)),
        Node::Scan(scan) => scan::open(at, scan)?,
        Node::Function(function) => Box::new(basic::FunctionRows::new(at, function)),
        Node::Filter { input, predicate, once: true } => {
            debug_assert!(predicate.is_one_time());
            Box::new(basic::Gate::new(at, open(input, context, frames)?, predicate.clone()))
        }
        Node::Filter { input, predicate, once: false } => {
            Box::new(basic::Filter { input: open(input, context, frames)?, predicate: predicate.clone(), at })
        }
        Node::Project { input, exprs } if basic::is_identity(exprs, input.width()) => open(input, context, frames)?,
        Node::Project { input, exprs } => match scan::projected(input, exprs) {
            Some(scan) => scan::open(at, &scan)?,
            None => Box::new(basic::Project::new(at, open(input, context, frames)?, exprs.clone())),
        },
        Node::ProjectSet { input, items } => {
            Box::new(basic::ProjectSet::new(at, open(input, context, frames)?, items.clone()))
        }
        Node::Join(join) => join::open(at, join)?,
        Node::Aggregate(aggregate) => {
            Box::new(aggregate::Aggregation::new(at, open(&aggregate.input, context, frames)?, aggregate))
        }
        Node::Window { input, calls } => {
            Box::new(window::Window::new(at, open(input, context, frames)?, calls.clone()))
        }
        Node::Sort { input, keys } => Box::new(sort::Sort::new(at, open(input, context, frames)?, keys.clone(), None)),
        Node::Distinct { input, on } => {
            Box::new(sort::Distinct::new(at, open(input, context, frames)?, input.types(), on.clone()))
        }
        Node::Limit { input, limit, offset, with_ties } => {
            basic::open_limit(at, input, limit.as_ref(), offset.as_ref(), with_ties.as_deref())?
        }
        Node::SetOp(op) => {
            let sides = (open(&op.left, context, frames)?, open(&op.right, context, frames)?);
            set_op::open(at, sides, op.left.types(), op.kind, op.all)
        }
        Node::With { ctes, body } => {
            let queries = ctes.iter().map(|query| cte::declare(query, context, frames)).collect();
            Box::new(cte::With::new(open(body, context, frames)?, queries))
        }
        Node::CteScan { id, .. } => cte::read(context.cte(*id)?.as_ref()),
        Node::WorkTable { id, .. } => Box::new(SpooledRows::new(&context.work_table(*id)?)),
        Node::LockRows(locks) => Box::new(lock_rows::LockedRows::new(at, open(&locks.input, context, frames)?, locks)),
    })
}

/// Pulls everything into memory that `claim` then holds.
pub(crate) async fn collect(source: &mut BoxSource, context: &ExecContext, claim: &mut Claim) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    loop {
        let batch = source.next(BATCH_ROWS_MAX).await?;
        if batch.is_empty() {
            return Ok(rows);
        }
        context.check()?;
        claim.add(batch.iter().map(|row| row_bytes(row)).sum())?;
        rows.extend(batch);
    }
}

/// Rows that are already there, shared with others.
pub(crate) struct SpooledRows(SpoolReader);

impl SpooledRows {
    pub fn new(rows: &Arc<Spooled>) -> SpooledRows {
        SpooledRows(rows.read())
    }
}

impl Source for SpooledRows {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move { Ok(self.0.next(max).await?.into_owned()) })
    }
}

/// Rows that are already there and wanted once.
pub(crate) struct OwnedRows(std::vec::IntoIter<Row>);

impl OwnedRows {
    pub fn new(rows: Vec<Row>) -> OwnedRows {
        OwnedRows(rows.into_iter())
    }

    pub fn take(&mut self, max: usize) -> Vec<Row> {
        self.0.by_ref().take(max).collect()
    }
}

impl Source for OwnedRows {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(std::future::ready(Ok(self.take(max))))
    }
}
