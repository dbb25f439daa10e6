//! Subqueries in expressions.
//!
//! A correlated one is run for every row, with that row pushed as a frame. One that reads no frame is run once, and its
//! rows are kept for the statement.

use std::sync::Arc;

use types::{Datum, Result};

use super::context::ExecContext;
use super::eval::{collect_subquery, evaluate, quantified, single_row};
use super::frames::{Frames, Row};
use super::memory::Claim;
use super::source::{collect, open};
use crate::bound::{Node, Plan, Subquery, SubqueryKind, walk};

/// The rows of a subquery that reads no frame.
pub(crate) struct KeptRows {
    rows: Vec<Row>,
    /// The WITH queries that they come from.
    pub reads: Vec<usize>,
    _claim: Claim,
}

/// The value of a subquery expression over a row.
pub(crate) async fn value(
    subquery: &Subquery,
    context: &Arc<ExecContext>,
    row: &[Datum],
    frames: &Frames,
) -> Result<Datum> {
    context.check()?;
    let inner = frames.push(row.to_vec());
    if !subquery.correlated {
        let kept = kept_rows(subquery, context, &inner).await?;
        return match &subquery.kind {
            SubqueryKind::Any { test, all } => quantified(test, *all, &kept.rows, context, &inner).await,
            kind => collect_subquery(kind, &kept.rows, subquery.ty),
        };
    }
    match &subquery.kind {
        // One row decides these, so no more than needed is pulled.
        SubqueryKind::Exists | SubqueryKind::Scalar | SubqueryKind::Row { .. } => {
            let mut source = open(&subquery.plan, context, &inner)?;
            let mut rows = source.next(2).await?;
            if !matches!(subquery.kind, SubqueryKind::Exists) && rows.len() == 1 {
                rows.extend(source.next(1).await?);
            }
            finish(subquery, &rows, context, &inner).await
        }
        SubqueryKind::Array => {
            let mut source = open(&subquery.plan, context, &inner)?;
            let mut claim = Claim::new(context.memory());
            let rows = collect(&mut source, context, &mut claim).await?;
            collect_subquery(&subquery.kind, &rows, subquery.ty)
        }
        SubqueryKind::Any { test, all } => {
            let mut source = open(&subquery.plan, context, &inner)?;
            let mut null = false;
            loop {
                let batch = source.next(64).await?;
                if batch.is_empty() {
                    return Ok(if null { Datum::Null } else { Datum::Bool(*all) });
                }
                match quantified(test, *all, &batch, context, &inner).await? {
                    Datum::Bool(value) if value != *all => return Ok(Datum::Bool(value)),
                    Datum::Bool(_) => {}
                    _ => null = true,
                }
            }
        }
    }
}

async fn finish(subquery: &Subquery, rows: &[Row], context: &Arc<ExecContext>, frames: &Frames) -> Result<Datum> {
    match &subquery.kind {
        SubqueryKind::Any { test, all } => quantified(test, *all, rows, context, frames).await,
        SubqueryKind::Row { test } => match single_row(rows)? {
            Some(row) => evaluate(test, context, row, frames).await,
            None => Ok(Datum::Null),
        },
        kind => collect_subquery(kind, rows, subquery.ty),
    }
}

async fn kept_rows(subquery: &Subquery, context: &Arc<ExecContext>, frames: &Frames) -> Result<Arc<KeptRows>> {
    let key = Arc::as_ptr(&subquery.plan).addr();
    if let Some(kept) = context.kept(key) {
        return Ok(kept);
    }
    let mut source = open(&subquery.plan, context, frames)?;
    let mut claim = Claim::new(context.memory());
    let rows = match &subquery.kind {
        SubqueryKind::Exists => source.next(1).await?,
        SubqueryKind::Scalar | SubqueryKind::Row { .. } => {
            let mut rows = source.next(2).await?;
            if rows.len() == 1 {
                rows.extend(source.next(1).await?);
            }
            rows
        }
        _ => collect(&mut source, context, &mut claim).await?,
    };
    let kept = Arc::new(KeptRows { rows, reads: with_queries(&subquery.plan), _claim: claim });
    context.keep(key, kept.clone());
    Ok(kept)
}

/// The WITH queries that a plan reads.
fn with_queries(plan: &Plan) -> Vec<usize> {
    let mut reads = Vec::new();
    walk::visit_nodes(plan, &mut |node| {
        if let Node::CteScan { id, .. } | Node::WorkTable { id, .. } = node {
            reads.push(*id);
        }
    });
    reads
}
