//! Walking expressions and plans: visiting, rewriting, and keeping column numbers and frames right while doing so.
//!
//! The functions without `frames` in their name do not enter the plans of subqueries: a column of a subquery's plan is
//! not a column of ours. Those with it do, and count the frames they cross.

use super::access::{Access, AnyKey};
use super::expr::{Expr, Subquery, Subscript};
use super::plan::{FrameBound, Join, Node, Plan, ProjectItem, Scan};
use std::sync::Arc;

pub use super::same::{same, same_aggregate_call, same_window_call};

/// Calls `each` with the expression and all expressions in it, outermost first; subquery plans are not entered.
pub fn visit(expr: &Expr, each: &mut dyn FnMut(&Expr)) {
    each(expr);
    children(expr, &mut |child| visit(child, each));
}

/// Calls `each` with the direct parts of an expression; subquery plans are not entered, and neither is the test of
/// an ANY, which is over another row.
pub fn children(expr: &Expr, each: &mut dyn FnMut(&Expr)) {
    child_refs(expr).into_iter().for_each(each);
}

/// The parts that [`children`] visits.
pub fn child_refs(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Const { .. }
        | Expr::Column { .. }
        | Expr::Outer { .. }
        | Expr::Param { .. }
        | Expr::CaseOperand { .. }
        | Expr::Subquery(_) => Vec::new(),
        Expr::Call(call) => call.args.iter().collect(),
        Expr::Cast(cast) => vec![&cast.arg],
        Expr::And(terms) | Expr::Or(terms) => terms.iter().collect(),
        Expr::Not(arg) | Expr::IsNull { arg, .. } | Expr::IsBool { arg, .. } => vec![arg],
        Expr::IsDistinct { equal, .. } => equal.args.iter().collect(),
        Expr::Case(case) => {
            let arms = case.arms.iter().flat_map(|arm| [&arm.when, &arm.then]);
            case.operand.iter().chain(arms).chain([&case.otherwise]).collect()
        }
        Expr::Coalesce { args, .. } | Expr::MinMax { args, .. } => args.iter().collect(),
        Expr::NullIf { arg, equal } => std::iter::once(&**arg).chain(&equal.args).collect(),
        Expr::InList { arg, list, .. } => std::iter::once(&**arg).chain(list).collect(),
        Expr::AnyAll { left, array, .. } => vec![left, array],
        Expr::Array { elements, .. } => elements.iter().collect(),
        Expr::Subscript { array, subscripts, .. } => {
            let parts = subscripts.iter().flat_map(|subscript| match subscript {
                Subscript::Index(index) => vec![index],
                Subscript::Slice(lower, upper) => lower.iter().chain(upper).collect(),
            });
            std::iter::once(&**array).chain(parts).collect()
        }
        Expr::Row { fields, .. } => fields.iter().collect(),
        Expr::RowCompare(compare) => compare.left.iter().chain(&compare.right).collect(),
    }
}

/// As [`children`], to change them.
pub fn children_mut(expr: &mut Expr, each: &mut dyn FnMut(&mut Expr)) {
    match expr {
        Expr::Const { .. }
        | Expr::Column { .. }
        | Expr::Outer { .. }
        | Expr::Param { .. }
        | Expr::CaseOperand { .. }
        | Expr::Subquery(_) => {}
        Expr::Call(call) => call.args.iter_mut().for_each(each),
        Expr::Cast(cast) => each(&mut cast.arg),
        Expr::And(terms) | Expr::Or(terms) => terms.iter_mut().for_each(each),
        Expr::Not(arg) | Expr::IsNull { arg, .. } | Expr::IsBool { arg, .. } => each(arg),
        Expr::IsDistinct { equal, .. } => equal.args.iter_mut().for_each(each),
        Expr::Case(case) => {
            case.operand.iter_mut().for_each(&mut *each);
            for arm in &mut case.arms {
                each(&mut arm.when);
                each(&mut arm.then);
            }
            each(&mut case.otherwise);
        }
        Expr::Coalesce { args, .. } | Expr::MinMax { args, .. } => args.iter_mut().for_each(each),
        Expr::NullIf { arg, equal } => {
            each(arg);
            equal.args.iter_mut().for_each(each);
        }
        Expr::InList { arg, list, .. } => {
            each(arg);
            list.iter_mut().for_each(each);
        }
        Expr::AnyAll { left, array, .. } => {
            each(left);
            each(array);
        }
        Expr::Array { elements, .. } => elements.iter_mut().for_each(each),
        Expr::Subscript { array, subscripts, .. } => {
            each(array);
            for subscript in subscripts {
                match subscript {
                    Subscript::Index(index) => each(index),
                    Subscript::Slice(lower, upper) => lower.iter_mut().chain(upper).for_each(&mut *each),
                }
            }
        }
        Expr::Row { fields, .. } => fields.iter_mut().for_each(each),
        Expr::RowCompare(compare) => compare.left.iter_mut().chain(&mut compare.right).for_each(each),
    }
}

/// Every expression of this node itself (not of its inputs) that is evaluated over its input row or without a row.
pub fn node_exprs_mut(node: &mut Node, each: &mut dyn FnMut(&mut Expr)) {
    match node {
        Node::Values(rows) => rows.iter_mut().flatten().for_each(each),
        Node::Scan(scan) => {
            if let Access::Index(access) = &mut scan.access {
                access.prefix.iter_mut().for_each(&mut *each);
                match &mut access.any {
                    Some(AnyKey::List(list)) => list.iter_mut().for_each(&mut *each),
                    Some(AnyKey::Array(array)) => each(array),
                    None => {}
                }
                access.lower.iter_mut().chain(&mut access.upper).for_each(|bound| each(&mut bound.value));
            }
            scan.filter.iter_mut().for_each(each);
        }
        Node::Function(scan) => scan.calls.iter_mut().for_each(each),
        Node::Filter { predicate, .. } => each(predicate),
        Node::Project { exprs, .. } => exprs.iter_mut().for_each(each),
        Node::ProjectSet { items, .. } => {
            for item in items {
                match item {
                    ProjectItem::Scalar(expr) => each(expr),
                    ProjectItem::Set { args, .. } => args.iter_mut().for_each(&mut *each),
                }
            }
        }
        Node::Join(join) => {
            for (left, right) in &mut join.keys {
                each(left);
                each(right);
            }
            join.filter.iter_mut().for_each(each);
        }
        Node::Aggregate(aggregate) => {
            aggregate.keys.iter_mut().for_each(&mut *each);
            aggregate.calls.iter_mut().for_each(|call| call.parts_mut(each));
        }
        Node::Window { calls, .. } => {
            for call in calls {
                call.args.iter_mut().chain(&mut call.partition).for_each(&mut *each);
                call.order.iter_mut().for_each(|key| each(&mut key.expr));
                call.filter.iter_mut().for_each(&mut *each);
                for bound in [&mut call.frame.start, &mut call.frame.end] {
                    if let FrameBound::Preceding(expr) | FrameBound::Following(expr) = bound {
                        each(expr);
                    }
                }
            }
        }
        Node::Sort { keys, .. } => keys.iter_mut().for_each(|key| each(&mut key.expr)),
        Node::Distinct { on, .. } => on.iter_mut().flatten().for_each(each),
        Node::Limit { limit, offset, with_ties, .. } => {
            limit.iter_mut().chain(offset).for_each(&mut *each);
            with_ties.iter_mut().flatten().for_each(|key| each(&mut key.expr));
        }
        Node::LockRows(lock) => lock.recheck.iter_mut().for_each(|recheck| each(&mut recheck.condition)),
        Node::SetOp(_) | Node::With { .. } | Node::CteScan { .. } | Node::WorkTable { .. } => {}
    }
}

/// The plans below a node, with the number of frames that are pushed on the way (1 for the right side of a lateral
/// join). Plans in expressions are not among them.
pub fn inputs_mut<'a>(node: &'a mut Node, each: &mut dyn FnMut(&'a mut Plan, usize)) {
    match node {
        Node::Values(_) | Node::Scan(_) | Node::Function(_) | Node::CteScan { .. } | Node::WorkTable { .. } => {}
        Node::Filter { input, .. }
        | Node::Project { input, .. }
        | Node::ProjectSet { input, .. }
        | Node::Window { input, .. }
        | Node::Sort { input, .. }
        | Node::Distinct { input, .. }
        | Node::Limit { input, .. } => each(input, 0),
        Node::Aggregate(aggregate) => each(&mut aggregate.input, 0),
        Node::LockRows(lock) => each(&mut lock.input, 0),
        Node::Join(join) => {
            let Join { left, right, lateral, .. } = &mut **join;
            each(left, 0);
            each(right, usize::from(*lateral));
        }
        Node::SetOp(set) => {
            let set = &mut **set;
            each(&mut set.left, 0);
            each(&mut set.right, 0);
        }
        Node::With { ctes, body } => {
            for cte in ctes {
                each(&mut cte.plan, 0);
                cte.recursive.iter_mut().for_each(|plan| each(plan, 0));
            }
            each(body, 0);
        }
    }
}

/// As [`inputs_mut`], to read.
pub fn inputs(node: &Node) -> Vec<(&Plan, usize)> {
    match node {
        Node::Values(_) | Node::Scan(_) | Node::Function(_) | Node::CteScan { .. } | Node::WorkTable { .. } => vec![],
        Node::Filter { input, .. }
        | Node::Project { input, .. }
        | Node::ProjectSet { input, .. }
        | Node::Window { input, .. }
        | Node::Sort { input, .. }
        | Node::Distinct { input, .. }
        | Node::Limit { input, .. } => vec![(input, 0)],
        Node::Aggregate(aggregate) => vec![(&aggregate.input, 0)],
        Node::LockRows(lock) => vec![(&lock.input, 0)],
        Node::Join(join) => vec![(&join.left, 0), (&join.right, usize::from(join.lateral))],
        Node::SetOp(set) => vec![(&set.left, 0), (&set.right, 0)],
        Node::With { ctes, body } => {
            let mut all: Vec<(&Plan, usize)> = Vec::new();
            for cte in ctes {
                all.push((&cte.plan, 0));
                all.extend(cte.recursive.iter().map(|plan| (plan, 0)));
            }
            all.push((body, 0));
            all
        }
    }
}

/// Rewrites every column of the input row, in an expression over that row. Inside subqueries the row is a frame, and
/// the references to that frame are rewritten too. `map` gives the new index; the types stay.
pub fn map_columns(expr: &mut Expr, map: &dyn Fn(usize) -> usize) {
    replace_columns(expr, &mut |index, ty, depth| match depth {
        None => Expr::Column { index: map(index), ty },
        Some(depth) => Expr::Outer { depth, index: map(index), ty },
    });
}

/// Replaces every reference to the expression's row: `Column`s directly in it (depth `None`), and in its subqueries
/// the `Outer`s that lead to the row, with the depth at which they stand.
pub fn replace_columns(expr: &mut Expr, with: &mut dyn FnMut(usize, types::SqlType, Option<usize>) -> Expr) {
    frames_in_expr(expr, None, &mut |expr, level| match (&*expr, level) {
        (&Expr::Column { index, ty }, None) => *expr = with(index, ty, None),
        (&Expr::Outer { depth, index, ty }, Some(level)) if depth == level => *expr = with(index, ty, Some(depth)),
        _ => {}
    });
}

/// The columns of its row that an expression reads, in subqueries too.
pub fn columns_of(expr: &Expr, each: &mut dyn FnMut(usize)) {
    visit_frames(expr, None, &mut |expr, level| match (expr, level) {
        (Expr::Column { index, .. }, None) => each(*index),
        (Expr::Outer { depth, index, .. }, Some(level)) if *depth == level => each(*index),
        _ => {}
    });
}

/// Moves an expression (or, by [`shift_plan`], a plan) under `by` more frames: references that lead out of it get deeper.
pub fn shift_expr(expr: &mut Expr, by: usize) {
    frames_in_expr(expr, None, &mut |expr, level| {
        if let Expr::Outer { depth, .. } = expr
            && *depth >= level.map_or(0, |level| level + 1)
        {
            *depth += by;
        }
    });
}

/// Takes an expression over the right side of a join to the joined row, of whose left side there are `left` columns. What
/// leads to a lateral join's left row is a column of the same row then.
pub fn join_right(expr: &mut Expr, left: usize, lateral: bool) {
    frames_in_expr(expr, None, &mut |expr, level| match (&mut *expr, level) {
        (Expr::Column { index, .. }, None) => *index += left,
        (Expr::Outer { depth, index, .. }, Some(level)) if *depth == level => *index += left,
        (&mut Expr::Outer { depth: 0, index, ty }, None) if lateral => *expr = Expr::Column { index, ty },
        (Expr::Outer { depth, .. }, level) if lateral && *depth > level.unwrap_or(0) => *depth -= 1,
        _ => {}
    });
}

/// Takes an expression that reads none of the innermost `by` rows, its own included, over the next row out.
pub fn lift_expr(expr: &mut Expr, by: usize) {
    frames_in_expr(expr, None, &mut |expr, level| {
        let pushed = level.map_or(0, |level| level + 1);
        if let Expr::Outer { depth, index, ty } = expr
            && *depth + 1 >= pushed + by
        {
            if *depth + 1 == by && level.is_none() {
                *expr = Expr::Column { index: *index, ty: *ty };
            } else {
                *depth -= by;
            }
        }
    });
}

/// See [`shift_expr`].
pub fn shift_plan(plan: &mut Plan, by: usize) {
    frames_in_plan(plan, 0, &mut |expr, level| {
        if let Expr::Outer { depth, .. } = expr
            && *depth >= level
        {
            *depth += by;
        }
    });
}

/// Whether a plan reads a frame outside of itself.
pub fn is_correlated(plan: &Plan) -> bool {
    let mut correlated = false;
    visit_plan_frames(plan, 0, &mut |expr, level| {
        correlated |= matches!(expr, Expr::Outer { depth, .. } if *depth >= level);
    });
    correlated
}

/// Calls `each` with every expression of a plan, those of nested plans and subqueries included, and the number of
/// frames pushed between the plan and the place: there, `Outer` of that depth or deeper leads out of the plan. Parts come
/// before the whole, so that what `each` puts in place of an expression is not visited again.
pub fn frames_in_plan(plan: &mut Plan, level: usize, each: &mut dyn FnMut(&mut Expr, usize)) {
    node_exprs_mut(&mut plan.node, &mut |expr| {
        frames_in_node_expr(expr, level, each);
    });
    inputs_mut(&mut plan.node, &mut |input, pushed| frames_in_plan(input, level + pushed, each));
}

fn frames_in_node_expr(expr: &mut Expr, level: usize, each: &mut dyn FnMut(&mut Expr, usize)) {
    children_mut(expr, &mut |child| frames_in_node_expr(child, level, each));
    if let Expr::Subquery(subquery) = expr {
        let Subquery { plan, kind, .. } = &mut **subquery;
        frames_in_plan(Arc::make_mut(plan), level + 1, each);
        if let Some(test) = kind.test_mut() {
            frames_in_node_expr(test, level + 1, each);
        }
    }
    each(expr, level);
}

/// As [`frames_in_plan`] for one expression: the level is `None` in the expression itself, `Some(0)` directly inside a
/// subquery of it, and so on. `Outer` at `Some(n)` with depth n leads to the expression's row.
fn frames_in_expr(expr: &mut Expr, level: Option<usize>, each: &mut dyn FnMut(&mut Expr, Option<usize>)) {
    children_mut(expr, &mut |child| frames_in_expr(child, level, each));
    if let Expr::Subquery(subquery) = expr {
        let inside = level.map_or(0, |level| level + 1);
        let Subquery { plan, kind, .. } = &mut **subquery;
        frames_in_plan(Arc::make_mut(plan), inside, &mut |expr, level| each(expr, Some(level)));
        if let Some(test) = kind.test_mut() {
            frames_in_node_expr(test, inside, &mut |expr, level| each(expr, Some(level)));
        }
    }
    each(expr, level);
}

/// Calls `each` with an expression and everything in it, subqueries and their plans included, and the number of frames
/// between the place and the expression (`None`: directly in it).
pub fn visit_frames(expr: &Expr, level: Option<usize>, each: &mut dyn FnMut(&Expr, Option<usize>)) {
    each(expr, level);
    children(expr, &mut |child| visit_frames(child, level, each));
    if let Expr::Subquery(subquery) = expr {
        let inside = level.map_or(0, |level| level + 1);
        visit_plan_frames(&subquery.plan, inside, &mut |expr, level| each(expr, Some(level)));
        if let Some(test) = subquery.kind.test() {
            visit_node_expr(test, inside, &mut |expr, level| each(expr, Some(level)));
        }
    }
}

/// How many expressions an expression consists of, itself and those of its subqueries included.
pub fn size(expr: &Expr) -> usize {
    let mut size = 0;
    visit_frames(expr, None, &mut |_, _| size += 1);
    size
}

/// As [`frames_in_plan`], to read.
pub fn visit_plan_frames(plan: &Plan, level: usize, each: &mut dyn FnMut(&Expr, usize)) {
    node_exprs(&plan.node, &mut |expr| visit_node_expr(expr, level, each));
    for (input, pushed) in inputs(&plan.node) {
        visit_plan_frames(input, level + pushed, each);
    }
}

/// Calls `each` with every node of a plan, those of subqueries too.
pub fn visit_nodes(plan: &Plan, each: &mut dyn FnMut(&Node)) {
    each(&plan.node);
    let mut subqueries: Vec<Arc<Plan>> = Vec::new();
    node_exprs(&plan.node, &mut |expr| subqueries_of(expr, &mut subqueries));
    subqueries.iter().for_each(|plan| visit_nodes(plan, each));
    inputs(&plan.node).into_iter().for_each(|(input, _)| visit_nodes(input, each));
}

/// Calls `each` with every scan of a plan, those of subqueries too.
pub fn visit_scans(plan: &Plan, each: &mut dyn FnMut(&Scan)) {
    visit_nodes(plan, &mut |node| {
        if let Node::Scan(scan) = node {
            each(scan);
        }
    });
}

fn subqueries_of(expr: &Expr, found: &mut Vec<Arc<Plan>>) {
    visit(expr, &mut |expr| {
        if let Expr::Subquery(subquery) = expr {
            found.push(subquery.plan.clone());
            if let Some(test) = subquery.kind.test() {
                subqueries_of(test, found);
            }
        }
    });
}

fn visit_node_expr(expr: &Expr, level: usize, each: &mut dyn FnMut(&Expr, usize)) {
    each(expr, level);
    children(expr, &mut |child| visit_node_expr(child, level, each));
    if let Expr::Subquery(subquery) = expr {
        visit_plan_frames(&subquery.plan, level + 1, each);
        if let Some(test) = subquery.kind.test() {
            visit_node_expr(test, level + 1, each);
        }
    }
}

/// As [`node_exprs_mut`], to read.
pub fn node_exprs(node: &Node, each: &mut dyn FnMut(&Expr)) {
    match node {
        Node::Values(rows) => rows.iter().flatten().for_each(each),
        Node::Scan(scan) => {
            if let Access::Index(access) = &scan.access {
                access.prefix.iter().for_each(&mut *each);
                match &access.any {
                    Some(AnyKey::List(list)) => list.iter().for_each(&mut *each),
                    Some(AnyKey::Array(array)) => each(array),
                    None => {}
                }
                access.lower.iter().chain(&access.upper).for_each(|bound| each(&bound.value));
            }
            scan.filter.iter().for_each(each);
        }
        Node::Function(scan) => scan.calls.iter().for_each(each),
        Node::Filter { predicate, .. } => each(predicate),
        Node::Project { exprs, .. } => exprs.iter().for_each(each),
        Node::ProjectSet { items, .. } => {
            for item in items {
                match item {
                    ProjectItem::Scalar(expr) => each(expr),
                    ProjectItem::Set { args, .. } => args.iter().for_each(&mut *each),
                }
            }
        }
        Node::Join(join) => {
            for (left, right) in &join.keys {
                each(left);
                each(right);
            }
            join.filter.iter().for_each(each);
        }
        Node::Aggregate(aggregate) => {
            aggregate.keys.iter().for_each(&mut *each);
            aggregate.calls.iter().for_each(|call| call.parts(each));
        }
        Node::Window { calls, .. } => {
            for call in calls {
                call.args.iter().chain(&call.partition).for_each(&mut *each);
                call.order.iter().for_each(|key| each(&key.expr));
                call.filter.iter().for_each(&mut *each);
                for bound in [&call.frame.start, &call.frame.end] {
                    if let FrameBound::Preceding(expr) | FrameBound::Following(expr) = bound {
                        each(expr);
                    }
                }
            }
        }
        Node::Sort { keys, .. } => keys.iter().for_each(|key| each(&key.expr)),
        Node::Distinct { on, .. } => on.iter().flatten().for_each(each),
        Node::Limit { limit, offset, with_ties, .. } => {
            limit.iter().chain(offset).for_each(&mut *each);
            with_ties.iter().flatten().for_each(|key| each(&key.expr));
        }
        Node::LockRows(lock) => lock.recheck.iter().for_each(|recheck| each(&recheck.condition)),
        Node::SetOp(_) | Node::With { .. } | Node::CteScan { .. } | Node::WorkTable { .. } => {}
    }
}
