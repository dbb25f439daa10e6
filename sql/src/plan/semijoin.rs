//! EXISTS and IN over queries, as semi and anti joins.
//!
//! `EXISTS (q)` is a semi join when everything that `q` reads from outside stands in its topmost filter: that filter then
//! becomes the join's condition. `NOT EXISTS` is an anti join alike. `x IN (q)` is one when `q` reads nothing from outside.
//! `NOT IN` is left alone: a null on either side makes it unknown, which an anti join does not know.

use crate::bound::walk;
use crate::bound::{Expr, Join, JoinKind, Node, Plan, Subquery, SubqueryKind};
use std::sync::Arc;

/// Takes what can be a semi or anti join out of the conjuncts over `input`.
pub fn decorrelate(input: Plan, conjuncts: Vec<Expr>) -> (Plan, Vec<Expr>) {
    let mut input = input;
    let mut rest = Vec::new();
    for conjunct in conjuncts {
        let (negated, subquery) = match &conjunct {
            Expr::Subquery(subquery) => (false, Some(&**subquery)),
            Expr::Not(inner) => match &**inner {
                Expr::Subquery(subquery) => (true, Some(&**subquery)),
                _ => (true, None),
            },
            _ => (false, None),
        };
        let joined = subquery.and_then(|subquery| parts(subquery, negated, input.width()));
        match joined {
            Some((right, on)) => {
                let kind = if negated { JoinKind::Anti } else { JoinKind::Semi };
                let fields = input.fields.clone();
                let join = Join {
                    kind,
                    left: input,
                    right,
                    keys: Vec::new(),
                    filter: Expr::and(on),
                    lateral: false,
                    ordered: false,
                };
                input = Plan::new(Node::Join(Box::new(join)), fields);
            }
            None => rest.push(conjunct),
        }
    }
    (input, rest)
}

/// The right side and the condition over the left row followed by the right row.
fn parts(subquery: &Subquery, negated: bool, left_width: usize) -> Option<(Plan, Vec<Expr>)> {
    match &subquery.kind {
        SubqueryKind::Exists => {
            let (mut right, conjuncts) = bare(&subquery.plan);
            if walk::is_correlated(&right) || conjuncts.iter().any(Expr::is_volatile) {
                return None;
            }
            // The plan had the expression's row as a frame and has none now; it reads neither it nor what lies beyond.
            let mut on = Vec::new();
            let mut own = Vec::new();
            for conjunct in conjuncts {
                if reads_frames(&conjunct) { on.push(unframed(conjunct, left_width)?) } else { own.push(conjunct) }
            }
            if on.is_empty() {
                return None;
            }
            right = super::filter_plainly(right, own);
            Some((right, on))
        }
        SubqueryKind::Any { test, all: false }
            if !negated && !test.is_volatile() && !walk::is_correlated(&subquery.plan) =>
        {
            let right = Arc::unwrap_or_clone(subquery.plan.clone());
            Some((right, vec![unframed((**test).clone(), left_width)?]))
        }
        _ => None,
    }
}

/// A query without what EXISTS does not look at, and the conjuncts of its topmost filter.
fn bare(plan: &Plan) -> (Plan, Vec<Expr>) {
    match &plan.node {
        // Only whether there is a row matters, not what is in it.
        Node::Project { input, exprs } if !exprs.iter().any(Expr::is_volatile) => bare(input),
        Node::Sort { input, .. } => bare(input),
        Node::Filter { input, predicate, .. } => ((**input).clone(), predicate.clone().into_conjuncts()),
        _ => (plan.clone(), Vec::new()),
    }
}

fn reads_frames(expr: &Expr) -> bool {
    let mut reads = false;
    walk::visit_frames(expr, None, &mut |expr, level| {
        reads |= matches!(expr, Expr::Outer { depth, .. } if *depth >= level.map_or(0, |level| level + 1));
    });
    reads
}

/// An expression over the right row with the left row as its innermost frame, over both rows side by side. None when a
/// subquery in it reads either row: those references would have to change their frames.
fn unframed(mut expr: Expr, left_width: usize) -> Option<Expr> {
    if expr.has_subquery() {
        return None;
    }
    rewrite(&mut expr, left_width);
    Some(expr)
}

fn rewrite(expr: &mut Expr, left_width: usize) {
    match expr {
        Expr::Column { index, .. } => *index += left_width,
        Expr::Outer { depth: 0, index, ty } => *expr = Expr::Column { index: *index, ty: *ty },
        Expr::Outer { depth, .. } => *depth -= 1,
        _ => walk::children_mut(expr, &mut |child| rewrite(child, left_width)),
    }
}
