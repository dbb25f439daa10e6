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
use crate::bound::{Subquery, SubqueryKind};

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
        let rows = kept_rows(subquery, context, &inner).await?;
        return finish(subquery, &rows, context, &inner).await;
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
                for row in &batch {
                    match evaluate(test, context, row, &inner).await? {
                        Datum::Bool(value) if value != *all => return Ok(Datum::Bool(!all)),
                        Datum::Bool(_) => {}
                        _ => null = true,
                    }
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

async fn kept_rows(subquery: &Subquery, context: &Arc<ExecContext>, frames: &Frames) -> Result<Arc<Vec<Row>>> {
    let key = Arc::as_ptr(&subquery.plan).addr();
    if let Some(rows) = context.kept(key) {
        return Ok(rows);
    }
    let mut source = open(&subquery.plan, context, frames)?;
    let mut claim = Claim::new(context.memory());
    let rows = match subquery.kind {
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
    let rows = Arc::new(rows);
    context.keep(key, rows.clone(), claim);
    Ok(rows)
}
