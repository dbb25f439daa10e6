//! Whether a plan has enough to do for columns.
//!
//! Planning for DataFusion costs a millisecond or so, about what the row executor needs for some thousand rows. So a plan
//! goes to DataFusion only if it joins, groups, sorts or deduplicates, and reads enough rows from tables by other means
//! than whole keys. Rows that are merely read and filtered are better read as rows.
//!
//! How many rows a table or a range of keys holds is asked of the tree, with the statement's own values: a prepared plan is
//! one for rows when its range is short, and one for columns when it is long.

use std::sync::Arc;

use engine::KeyRange;
use sql::bound::{Access, Expr, Node, Plan, Relation, walk};
use sql::exec::{ExecContext, known_ranges};

/// Plans that read fewer rows than this from tables are left to the row executor.
const ROWS_MIN: f64 = 2_000.0;

/// What a table that was never counted is taken to hold when its tree cannot tell.
const ROWS_UNKNOWN: f64 = 100_000.0;

/// What share of an index a range of it is taken to be.
const RANGE_SHARE: f64 = 0.3;

/// What share of an index the keys with one prefix are taken to be.
const PREFIX_SHARE: f64 = 0.005;

/// What share of the rows passes a condition.
const CONDITION_SHARE: f64 = 0.25;

/// Whether DataFusion should run this plan, if it can.
pub(crate) fn is_worth(plan: &Plan, context: &Arc<ExecContext>) -> bool {
    combines(plan) && read_rows(plan, context) >= ROWS_MIN
}

/// Whether rows are joined, grouped, sorted or compared with each other.
fn combines(plan: &Plan) -> bool {
    let mut found = matches!(
        plan.node,
        Node::Join(_) | Node::Aggregate(_) | Node::Sort { .. } | Node::Distinct { .. } | Node::SetOp(_)
    );
    walk::node_exprs(&plan.node, &mut |expr| found |= expr.has_subquery());
    found || walk::inputs(&plan.node).into_iter().any(|(input, _)| combines(input))
}

/// How many rows the row executor would read from tables, an estimate.
fn read_rows(plan: &Plan, context: &Arc<ExecContext>) -> f64 {
    let mut rows = match &plan.node {
        Node::Scan(scan) => scanned_rows(&scan.relation, &scan.access, context),
        Node::Join(join) if join.lateral => {
            read_rows(&join.left, context) + result_rows(&join.left, context) * read_rows(&join.right, context).max(1.0)
        }
        Node::Limit { input, limit: Some(Expr::Const { value, .. }), offset: None, .. } if is_streamed(input) => {
            let limit = value.as_i64().map_or(f64::INFINITY, |limit| limit as f64);
            read_rows(input, context).min(limit)
        }
        node => walk::inputs(node).into_iter().map(|(input, _)| read_rows(input, context)).sum(),
    };
    let mut evaluations = None;
    walk::node_exprs(&plan.node, &mut |expr| {
        walk::visit(expr, &mut |expr| {
            if let Expr::Subquery(subquery) = expr {
                let times = if subquery.correlated {
                    *evaluations.get_or_insert_with(|| input_rows(plan, context))
                } else {
                    1.0
                };
                rows += times * read_rows(&subquery.plan, context);
            }
        });
    });
    rows
}

/// Whether a plan yields a row for each that it reads, as it reads it.
fn is_streamed(plan: &Plan) -> bool {
    match &plan.node {
        Node::Scan(scan) => scan.filter.is_none(),
        Node::Project { input, .. } => is_streamed(input),
        _ => false,
    }
}

/// How many rows the expressions of a node are evaluated for, an estimate.
fn input_rows(plan: &Plan, context: &Arc<ExecContext>) -> f64 {
    match &plan.node {
        Node::Scan(scan) => scanned_rows(&scan.relation, &scan.access, context),
        node => walk::inputs(node).into_iter().map(|(input, _)| result_rows(input, context)).fold(1.0, f64::max),
    }
}

/// How many rows a plan yields, an estimate.
fn result_rows(plan: &Plan, context: &Arc<ExecContext>) -> f64 {
    match &plan.node {
        Node::Scan(scan) => {
            let share = if scan.filter.is_some() { CONDITION_SHARE } else { 1.0 };
            (scanned_rows(&scan.relation, &scan.access, context) * share).max(1.0)
        }
        Node::Filter { .. } => (input_rows(plan, context) * CONDITION_SHARE).max(1.0),
        Node::Join(join) if join.lateral => result_rows(&join.left, context) * result_rows(&join.right, context),
        Node::Aggregate(aggregate) if aggregate.keys.is_empty() => 1.0,
        Node::Values(rows) => rows.len() as f64,
        _ => input_rows(plan, context),
    }
}

fn scanned_rows(relation: &Relation, access: &Access, context: &Arc<ExecContext>) -> f64 {
    let Relation::Table(table) = relation else { return 0.0 };
    let counted = (table.estimated_rows >= 0.0).then_some(table.estimated_rows);
    let of_tree = || context.engine().estimate_entries(protocol::PageId(table.tree), &KeyRange::all());
    let all = of_tree().or(counted).unwrap_or(ROWS_UNKNOWN);
    let Access::Index(access) = access else { return all };
    if access.unique {
        return 1.0;
    }
    let tree = protocol::PageId(access.index.as_ref().map_or(table.tree, |index| index.tree));
    let entries = known_ranges(table, access, context).and_then(|ranges| {
        ranges.iter().map(|range| context.engine().estimate_entries(tree, range)).sum::<Option<f64>>()
    });
    match (entries, access) {
        (Some(entries), _) => entries,
        (None, access) if !access.prefix.is_empty() || access.any.is_some() => (all * PREFIX_SHARE).max(1.0),
        (None, access) if access.lower.is_some() || access.upper.is_some() => all * RANGE_SHARE,
        (None, _) => all,
    }
}
