//! Coarse row counts.

use crate::bound::{Access, Expr, JoinKind, Node, Plan, Relation, Scan};

/// Rows of a table that was never counted.
const UNKNOWN_ROWS: f64 = 10_000.0;
/// Rows of a catalog relation.
const VIRTUAL_ROWS: f64 = 200.0;
/// Rows under one value of an index that is not unique.
const ROWS_PER_KEY: f64 = 10.0;
/// Share of the rows that one more conjunct keeps.
const SELECTIVITY: f64 = 0.25;

/// Rows that a plan probably yields, at least one.
pub fn estimate(plan: &Plan) -> f64 {
    let rows = match &plan.node {
        Node::Values(rows) => rows.len() as f64,
        Node::Scan(scan) => estimate_scan(scan),
        Node::Function(_) => 100.0,
        Node::Filter { input, predicate, .. } => estimate(input) * selectivity(predicate),
        Node::Project { input, .. } | Node::Sort { input, .. } | Node::Window { input, .. } => estimate(input),
        Node::ProjectSet { input, .. } => estimate(input) * 10.0,
        Node::Join(join) => {
            let (left, right) = (estimate(&join.left), estimate(&join.right));
            match join.kind {
                JoinKind::Semi | JoinKind::Anti => left * 0.5,
                _ if join.lateral => left * right,
                _ if join.keys.is_empty() => left * right * if join.filter.is_some() { SELECTIVITY } else { 1.0 },
                _ => left.max(right),
            }
        }
        Node::Aggregate(aggregate) if aggregate.keys.is_empty() => 1.0,
        Node::Aggregate(aggregate) => estimate(&aggregate.input) * 0.1,
        Node::Distinct { input, .. } => estimate(input) * 0.5,
        Node::Limit { input, limit, .. } => {
            let rows = estimate(input);
            match limit {
                Some(Expr::Const { value, .. }) => value.as_i64().map_or(rows, |limit| rows.min(limit as f64)),
                _ => rows,
            }
        }
        Node::SetOp(set_op) => estimate(&set_op.left) + estimate(&set_op.right),
        Node::With { body, .. } => estimate(body),
        Node::CteScan { .. } | Node::WorkTable { .. } => 1_000.0,
        Node::LockRows(lock) => estimate(&lock.input),
    };
    rows.max(1.0)
}

/// Rows of the whole relation.
pub fn relation_rows(relation: &Relation) -> f64 {
    match relation {
        Relation::Virtual(_) => VIRTUAL_ROWS,
        Relation::Sequence(_) => 1.0,
        Relation::Table(table) if table.estimated_rows >= 0.0 => table.estimated_rows.max(1.0),
        Relation::Table(_) => UNKNOWN_ROWS,
    }
}

fn estimate_scan(scan: &Scan) -> f64 {
    let all = relation_rows(&scan.relation);
    let reached = match &scan.access {
        Access::Full => all,
        Access::Index(access) if access.unique => 1.0,
        Access::Index(access) => {
            let mut rows = if access.prefix.is_empty() { all } else { ROWS_PER_KEY.min(all) };
            if access.any.is_some() {
                rows = (ROWS_PER_KEY * 3.0).min(all);
            }
            for _ in access.lower.iter().chain(&access.upper) {
                rows *= SELECTIVITY;
            }
            rows
        }
    };
    reached * scan.filter.as_ref().map_or(1.0, selectivity)
}

fn selectivity(predicate: &Expr) -> f64 {
    match predicate {
        Expr::And(terms) => SELECTIVITY.powi(terms.len().min(4) as i32),
        _ => SELECTIVITY,
    }
}
