//! Sources: the operators of the row executor, pulled from the top.
//!
//! A source is made from a plan node by [`open`], owns what it needs of the plan (a portal may be suspended for as long as
//! its transaction lives), and yields its rows in batches. The caller says how many rows it wants at most, so that a
//! LIMIT or a portal with a row count reads little more than it shows. An empty batch is the end.

use std::sync::Arc;

use futures::future::BoxFuture;
use types::{Datum, Result};

use super::context::ExecContext;
use super::frames::{Frames, Row};
use super::memory::{Claim, row_bytes};
use super::spill::{SpoolReader, Spooled};
use super::{aggregate, basic, cte, join, lock_rows, scan, set_op, sort, window};
use crate::bound::{Node, Plan};

/// The most rows an operator asks for at once.
pub(crate) const BATCH_ROWS_MAX: usize = 256;

/// A batch ends when what is behind its values takes more than this.
pub(crate) const BATCH_BYTES_MAX: usize = 64 << 20;

/// What is behind the values of a row; no more is counted than shows that it is more than a batch may take.
pub(crate) fn long_bytes(values: &[Datum]) -> usize {
    let mut total = 0;
    for value in values {
        total += value.heap_bytes();
        if total > BATCH_BYTES_MAX {
            break;
        }
    }
    total
}

/// Rows to be handed on together: as many as are asked for, or fewer when they are long.
pub(crate) struct Batch {
    rows: Vec<Row>,
    rows_max: usize,
    bytes: usize,
}

impl Batch {
    /// An empty batch of at most so many rows, at least 1.
    pub fn new(rows_max: usize) -> Batch {
        Batch { rows: Vec::new(), rows_max, bytes: 0 }
    }

    pub fn push(&mut self, row: Row) {
        self.bytes += long_bytes(&row);
        self.rows.push(row);
    }

    /// Whether it is to be handed on before another row is made.
    pub fn is_full(&self) -> bool {
        self.room() == 0 || self.bytes > BATCH_BYTES_MAX
    }

    /// How many more rows may be asked for.
    pub fn room(&self) -> usize {
        self.rows_max.saturating_sub(self.rows.len())
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_with_its_rows_or_with_their_bytes() {
        let mut short = Batch::new(3);
        let mut long = Batch::new(100);
        let text = Datum::text(&"x".repeat(BATCH_BYTES_MAX / 2));
        for _ in 0..2 {
            short.push(vec![Datum::Int4(1)]);
            assert!(!long.is_full());
            long.push(vec![Datum::Null, text.clone()]);
        }
        assert!(!short.is_full() && short.room() == 1);
        short.push(Vec::new());
        assert!(short.is_full() && long.is_full());
        assert_eq!(long.into_rows().len(), 2);
    }
}
