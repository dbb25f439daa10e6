//! Subqueries in expressions.
//!
//! A correlated one is run for every row, with that row pushed as a frame. One that reads no frame is run once, and its
//! rows are kept for the statement; those of `x IN (query)` with a hash table of their values ([`Matches`]). A correlated
//! EXISTS may come to be answered without being run ([`probe`]).

use std::sync::Arc;

use hashbrown::HashSet;
use types::operator::Operator;
use types::{Datum, Result, SqlType, oid};

use super::context::ExecContext;
use super::eval::{collect_subquery, evaluate, quantified, single_row};
use super::frames::{Frames, Row};
use super::hash_key::KeyTypes;
use super::memory::{Claim, row_bytes};
use super::probe;
use super::source::{collect, open};
use crate::bound::{Expr, Node, Plan, Subquery, SubqueryKind, walk};

/// The rows of a subquery that reads no frame.
pub(crate) struct KeptRows {
    rows: Vec<Row>,
    /// If they are compared for equality, and there is memory for it.
    matches: Option<Matches>,
    /// The WITH queries that they come from.
    pub reads: Vec<usize>,
    _claim: Claim,
}

/// The rows of `x IN (query)` by their values, so that `x` need not be compared with each of them.
struct Matches {
    /// Of the rows without nulls.
    keys: HashSet<Box<[u8]>>,
    /// The rows with nulls: `x` is in none of them for certain.
    unknown: Vec<Row>,
    types: KeyTypes,
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
        return match (&subquery.kind, &kept.matches) {
            (SubqueryKind::Any { test, .. }, Some(matches)) => matches.test(test, &kept.rows, context, &inner).await,
            _ => finish(subquery, &kept.rows, context, &inner).await,
        };
    }
    match &subquery.kind {
        // One row decides these, so no more than needed is pulled.
        SubqueryKind::Exists => {
            if let Some(exists) = probe::exists(subquery, context, &inner).await? {
                return Ok(Datum::Bool(exists));
            }
            let mut source = open(&subquery.plan, context, &inner)?;
            let rows = source.next(2).await?;
            probe::note_run(subquery, context, !rows.is_empty());
            finish(subquery, &rows, context, &inner).await
        }
        SubqueryKind::Scalar | SubqueryKind::Row { .. } => {
            let mut source = open(&subquery.plan, context, &inner)?;
            let mut rows = source.next(2).await?;
            if rows.len() == 1 {
                rows.extend(source.next(1).await?);
            }
            finish(subquery, &rows, context, &inner).await
        }
        SubqueryKind::Array => {
            let mut source = open(&subquery.plan, context, &inner)?;
            let mut claim = Claim::new(context.memory());
            let rows = collect(&mut source, context, &mut claim).await?;
            collect_subquery(subquery, &rows)
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
        _ => collect_subquery(subquery, rows),
    }
}

async fn kept_rows(subquery: &Subquery, context: &Arc<ExecContext>, frames: &Frames) -> Result<Arc<KeptRows>> {
    let key = Arc::as_ptr(&subquery.plan).addr();
    if let Some(kept) = context.kept(key) {
        return Ok(kept);
    }
    let mut source = open(&subquery.plan, context, frames)?;
    let mut claim = Claim::new(context.memory());
    let mut matches = None;
    let rows = match &subquery.kind {
        SubqueryKind::Exists => source.next(1).await?,
        SubqueryKind::Scalar | SubqueryKind::Row { .. } => {
            let mut rows = source.next(2).await?;
            if rows.len() == 1 {
                rows.extend(source.next(1).await?);
            }
            rows
        }
        SubqueryKind::Array => collect(&mut source, context, &mut claim).await?,
        SubqueryKind::Any { test, all } => {
            let rows = collect(&mut source, context, &mut claim).await?;
            if !all {
                matches = Matches::new(test, &rows, context, frames, &mut claim).await?;
            }
            rows
        }
    };
    let kept = Arc::new(KeptRows { rows, matches, reads: with_queries(&subquery.plan), _claim: claim });
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

/// A comparison in a test: what is evaluated over the row outside, what over the subquery's row, and by what they compare.
pub(super) type Sides<'t> = (&'t Expr, &'t Expr, &'static Operator);

/// The comparisons of a test, which must all hold. None for other tests.
fn comparisons(test: &Expr) -> Option<Vec<Sides<'_>>> {
    let terms = match test {
        Expr::And(terms) => terms.as_slice(),
        term => std::slice::from_ref(term),
    };
    terms.iter().map(sides).collect()
}

pub(super) fn sides(term: &Expr) -> Option<Sides<'_>> {
    let Expr::Call(call) = term else { return None };
    let [left, right] = &*call.args else { return None };
    Some((left, right, call.operator?))
}

/// Whether a comparison is for equality, of values that have equal keys when they are equal.
pub(super) fn is_by_key(&(left, right, operator): &Sides<'_>) -> bool {
    let mut apart = !right.is_volatile();
    walk::columns_of(left, &mut |_| apart = false);
    walk::visit(right, &mut |expr| apart &= !matches!(expr, Expr::Outer { .. } | Expr::Subquery(_)));
    apart && operator.name == "=" && has_keys(operator, left.ty())
}

/// Whether values that an operator finds equal have equal keys, by [`key_value`] and the operator's types.
fn has_keys(operator: &Operator, ty: SqlType) -> bool {
    let Some(left) = operator.left else { return false };
    (left == operator.right && ty.oid != oid::RECORD) || (is_integer(left) && is_integer(operator.right))
}

fn is_integer(ty: u32) -> bool {
    matches!(ty, oid::INT2 | oid::INT4 | oid::INT8)
}

/// Integers of all widths as those of one.
pub(super) fn key_value(value: Datum) -> Datum {
    match value {
        Datum::Int2(value) => Datum::Int8(value.into()),
        Datum::Int4(value) => Datum::Int8(value.into()),
        value => value,
    }
}

impl Matches {
    /// None if the test is not one for equality, or there is no memory for it.
    async fn new(
        test: &Expr,
        rows: &[Row],
        context: &Arc<ExecContext>,
        frames: &Frames,
        claim: &mut Claim,
    ) -> Result<Option<Matches>> {
        let Some(sides) = comparisons(test).filter(|sides| sides.iter().all(is_by_key)) else { return Ok(None) };
        let types = KeyTypes::new(sides.iter().map(|(.., operator)| SqlType::of(operator.right)));
        let mut matches = Matches { keys: HashSet::new(), unknown: Vec::new(), types };
        let held = claim.bytes();
        let mut values = Vec::with_capacity(sides.len());
        for row in rows {
            context.check()?;
            values.clear();
            for (_, right, _) in &sides {
                values.push(key_value(evaluate(right, context, row, frames).await?));
            }
            let mut bytes = 0;
            if !values.iter().any(Datum::is_null) {
                let Ok(key) = matches.types.of(&values, context) else {
                    claim.keep(held);
                    return Ok(None);
                };
                bytes = key.len() + 48;
                matches.keys.insert(key);
            } else if sides.len() > 1 || matches.unknown.is_empty() {
                // Of single nulls one says as much as many.
                bytes = row_bytes(row);
                matches.unknown.push(row.clone());
            }
            if claim.add(bytes).is_err() {
                // The rows are compared one by one then.
                claim.keep(held);
                return Ok(None);
            }
        }
        Ok(Some(matches))
    }

    /// Whether one of the rows, all of which are given, equals the left side: null if that is unknown.
    async fn test(&self, test: &Expr, rows: &[Row], context: &Arc<ExecContext>, frames: &Frames) -> Result<Datum> {
        let sides = comparisons(test).unwrap_or_default();
        if rows.is_empty() {
            return Ok(Datum::Bool(false));
        }
        let mut values = Vec::with_capacity(sides.len());
        for (left, ..) in &sides {
            values.push(key_value(evaluate(left, context, &[], frames).await?));
        }
        let is_null = values.iter().any(Datum::is_null);
        if !is_null && self.keys.contains(&self.types.of(&values, context)?) {
            return Ok(Datum::Bool(true));
        }
        match (is_null, sides.len()) {
            (true, 1) => Ok(Datum::Null),
            (false, 1) => Ok(if self.unknown.is_empty() { Datum::Bool(false) } else { Datum::Null }),
            // Of several columns one may differ for certain.
            (true, _) => quantified(test, false, rows, context, frames).await,
            (false, _) => quantified(test, false, &self.unknown, context, frames).await,
        }
    }
}
