//! The planner: rearranges a bound plan so that it reads little. It never changes what a node yields.
//!
//! The binder writes what the statement says: a filter over joins over full scans. [`optimize`] then
//!
//! 1. pushes each conjunct as far down as its columns allow ([`pushdown`]), and below the fence of a view with
//!    `security_barrier` if it cannot fail ([`leakproof`]);
//! 2. turns EXISTS and IN over queries into semi and anti joins where their meaning is surely the same ([`semijoin`]);
//! 3. orders inner joins by what connects them, finds hash keys, and looks the inner side up by an index where the outer
//!    side is small ([`join`]);
//! 4. gives every scan the best way into its table ([`access`]), behind the conditions that read no row;
//! 5. drops sorts whose order the access yields anyway ([`order`]), and takes min and max from the end of an index
//!    ([`extremes`]);
//! 6. drops the columns that nobody reads ([`prune`]).
//!
//! Estimates ([`rows`]) are coarse: a row count from the catalog and fixed selectivities. They choose between a lookup and
//! a hash, no more.
//!
//! **Columns and frames.** Every step keeps the output row of the node it replaces. Where an expression moves under a
//! lateral join it gains a frame, and [`walk::shift_expr`](crate::bound::walk::shift_expr) says so.

mod access;
pub mod explain;
mod extremes;
pub mod implication;
mod join;
mod leakproof;
mod order;
mod prune;
mod pushdown;
mod rows;
mod semijoin;

use crate::bound::walk;
use crate::bound::{Assignment, ConflictAction, CopyDirection, Expr, Plan, Query, Statement, WithPart};
use std::sync::Arc;

pub use pushdown::grows;

/// Optimises every plan of a statement in place.
pub fn optimize(statement: &mut Statement) {
    rearrange(statement);
    prune::prune(statement);
}

/// Optimises a query of a WITH clause that changes rows.
pub fn optimize_part(part: &mut WithPart) {
    match part {
        WithPart::Query(cte) => {
            replace(&mut cte.plan);
            cte.recursive.iter_mut().for_each(replace);
            prune::cte(cte);
        }
        WithPart::Change { statement, .. } => optimize(statement),
    }
}

fn rearrange(statement: &mut Statement) {
    match statement {
        Statement::Query(query) => optimize_query(query),
        Statement::Declare(cursor) => optimize_query(&mut cursor.query),
        Statement::Explain(explain) => rearrange(&mut explain.statement),
        Statement::Insert(insert) => {
            let insert = Arc::make_mut(insert);
            replace(&mut insert.source);
            insert.defaults.iter_mut().for_each(optimize_assignment);
            if let Some(conflict) = &mut insert.on_conflict
                && let ConflictAction::Update { assignments, condition, .. } = &mut conflict.action
            {
                assignments.iter_mut().for_each(optimize_assignment);
                condition.iter_mut().for_each(optimize_subqueries);
            }
            insert.check_options.iter_mut().for_each(|check| optimize_subqueries(&mut check.expr));
            insert.returning.iter_mut().flatten().for_each(optimize_subqueries);
        }
        Statement::Update(update) => {
            let update = Arc::make_mut(update);
            replace(&mut update.source);
            update.assignments.iter_mut().for_each(optimize_assignment);
            update.recheck.iter_mut().for_each(optimize_subqueries);
            update.check_options.iter_mut().for_each(|check| optimize_subqueries(&mut check.expr));
            update.returning.iter_mut().flatten().for_each(optimize_subqueries);
        }
        Statement::Delete(delete) => {
            let delete = Arc::make_mut(delete);
            replace(&mut delete.source);
            delete.recheck.iter_mut().for_each(optimize_subqueries);
            delete.returning.iter_mut().flatten().for_each(optimize_subqueries);
        }
        Statement::Copy(copy) => {
            if let CopyDirection::Out { plan, .. } = &mut Arc::make_mut(copy).direction {
                replace(Arc::make_mut(plan));
            }
        }
        _ => {}
    }
}

fn optimize_query(query: &mut Query) {
    replace(Arc::make_mut(&mut query.plan));
}

fn optimize_assignment(assignment: &mut Assignment) {
    optimize_subqueries(&mut assignment.value);
}

/// Optimises a plan in place.
fn replace(plan: &mut Plan) {
    let taken = std::mem::replace(plan, Plan::one_row());
    *plan = pushdown::place(taken, Vec::new());
}

/// Optimises the plans of the subqueries in an expression.
fn optimize_subqueries(expr: &mut Expr) {
    if let Expr::Subquery(subquery) = expr {
        replace(Arc::make_mut(&mut subquery.plan));
        if let Some(test) = subquery.kind.test_mut() {
            optimize_subqueries(test);
        }
    }
    walk::children_mut(expr, &mut optimize_subqueries);
}

/// Puts conjuncts over an optimised plan, if there are any. What no row can change comes first, by itself: where it is not
/// true nothing below is evaluated.
fn filter(input: Plan, mut conjuncts: Vec<Expr>) -> Plan {
    conjuncts.iter_mut().for_each(optimize_subqueries);
    let (once, rest) = pushdown::split(conjuncts, Expr::is_one_time);
    filter_plainly(filter_plainly(input, rest), once)
}

/// Whether every column that `expr` reads lies in `columns`.
fn reads_only(expr: &Expr, columns: std::ops::Range<usize>) -> bool {
    let mut only = true;
    walk::columns_of(expr, &mut |index| only &= columns.contains(&index));
    only
}

/// Puts conjuncts over a plan that is not optimised yet.
fn filter_plainly(input: Plan, conjuncts: Vec<Expr>) -> Plan {
    match Expr::and(conjuncts) {
        Some(predicate) => input.filtered(predicate),
        None => input,
    }
}
