//! When two expressions are the same: written the same, over the same row.
//!
//! By this GROUP BY, ORDER BY and DISTINCT know an item of the select list again. In the plans of subqueries the names of tables
//! and columns count, as they do in PostgreSQL's `equal`; the numbers of WITH queries do not. Constants are compared by their
//! image, as there, and not by `=`: a month is not 30 days, nor 1.0 the same as 1.00. Plans are compared as the binder makes
//! them: none that the planner has led through an index is the same as another, and none that locks rows.

use std::mem::discriminant;
use std::sync::Arc;

use types::Datum;

use super::access::Access;
use super::expr::{CallExpr, Expr, Subquery, SubqueryKind, Subscript};
use super::plan::{
    AggregateCall, Field, FrameBound, Node, Plan, ProjectItem, Relation, SortKey, WindowCall, WindowFunction,
};

/// Whether two expressions are the same, syntactically: volatile calls may be, although their values are not.
pub fn same(a: &Expr, b: &Expr) -> bool {
    same_expr(a, b, &[])
}

/// As [`same`], of two aggregate calls.
pub fn same_aggregate_call(a: &AggregateCall, b: &AggregateCall) -> bool {
    same_aggregate(a, b, &[])
}

/// As [`same`], of two window calls.
pub fn same_window_call(a: &WindowCall, b: &WindowCall) -> bool {
    same_window(a, b, &[])
}

/// The numbers of the WITH queries around a place on the one side and on the other, outermost first.
type Pairs<'p> = &'p [(usize, usize)];

fn every<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

fn both<T>(a: Option<&T>, b: Option<&T>, same: impl Fn(&T, &T) -> bool) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    }
}

fn same_exprs(a: &[Expr], b: &[Expr], pairs: Pairs<'_>) -> bool {
    every(a, b, |a, b| same_expr(a, b, pairs))
}

fn same_option(a: &Option<Expr>, b: &Option<Expr>, pairs: Pairs<'_>) -> bool {
    both(a.as_ref(), b.as_ref(), |a, b| same_expr(a, b, pairs))
}

/// The bytes of a constant. Values that are equal may differ in them, and then by what is computed from them.
fn image(value: &Datum) -> Vec<u8> {
    let mut bytes = Vec::new();
    types::tagged::encode(value, &mut bytes);
    bytes
}

/// Whether two calls are of the same function over the same expressions.
fn same_call(a: &CallExpr, b: &CallExpr, pairs: Pairs<'_>) -> bool {
    std::ptr::eq(a.function, b.function) && same_exprs(&a.args, &b.args, pairs)
}

fn same_expr(a: &Expr, b: &Expr, pairs: Pairs<'_>) -> bool {
    let one = |a: &Expr, b: &Expr| same_expr(a, b, pairs);
    let all = |a: &[Expr], b: &[Expr]| same_exprs(a, b, pairs);
    match (a, b) {
        (Expr::Const { value: x, ty: s }, Expr::Const { value: y, ty: t }) => {
            s == t && x.compare(y).is_eq() && image(x) == image(y)
        }
        (Expr::Column { index: x, .. }, Expr::Column { index: y, .. })
        | (Expr::Param { index: x, .. }, Expr::Param { index: y, .. }) => x == y,
        (Expr::Outer { depth: d, index: x, .. }, Expr::Outer { depth: e, index: y, .. }) => d == e && x == y,
        (Expr::CaseOperand { .. }, Expr::CaseOperand { .. }) => true,
        (Expr::Call(x), Expr::Call(y)) => same_call(x, y, pairs),
        (Expr::Cast(x), Expr::Cast(y)) => x.to == y.to && one(&x.arg, &y.arg),
        (Expr::And(x), Expr::And(y)) | (Expr::Or(x), Expr::Or(y)) => all(x, y),
        (Expr::Not(x), Expr::Not(y)) => one(x, y),
        (Expr::IsNull { arg: x, negated: n }, Expr::IsNull { arg: y, negated: m }) => n == m && one(x, y),
        (Expr::IsBool { arg: x, test: s, negated: n }, Expr::IsBool { arg: y, test: t, negated: m }) => {
            s == t && n == m && one(x, y)
        }
        (Expr::IsDistinct { equal: x, negated: n }, Expr::IsDistinct { equal: y, negated: m }) => {
            n == m && same_call(x, y, pairs)
        }
        (Expr::Case(x), Expr::Case(y)) => {
            same_option(&x.operand, &y.operand, pairs)
                && every(&x.arms, &y.arms, |x, y| one(&x.when, &y.when) && one(&x.then, &y.then))
                && one(&x.otherwise, &y.otherwise)
        }
        (Expr::Coalesce { args: x, .. }, Expr::Coalesce { args: y, .. }) => all(x, y),
        (Expr::NullIf { arg: a, equal: x }, Expr::NullIf { arg: b, equal: y }) => one(a, b) && same_call(x, y, pairs),
        (Expr::MinMax { which: w, args: x, .. }, Expr::MinMax { which: v, args: y, .. }) => w == v && all(x, y),
        (
            Expr::InList { arg: x, list: l, operator: o, negated: n },
            Expr::InList { arg: y, list: k, operator: p, negated: m },
        ) => n == m && std::ptr::eq(*o, *p) && one(x, y) && all(l, k),
        (
            Expr::AnyAll { left: x, array: s, operator: o, all: n },
            Expr::AnyAll { left: y, array: t, operator: p, all: m },
        ) => n == m && std::ptr::eq(*o, *p) && one(x, y) && one(s, t),
        (Expr::Array { elements: x, ty: s, .. }, Expr::Array { elements: y, ty: t, .. }) => s == t && all(x, y),
        (Expr::Row { fields: x, optional: o, .. }, Expr::Row { fields: y, optional: p, .. }) => o == p && all(x, y),
        (Expr::Subscript { array: x, subscripts: s, .. }, Expr::Subscript { array: y, subscripts: t, .. }) => {
            one(x, y)
                && every(s, t, |s, t| match (s, t) {
                    (Subscript::Index(a), Subscript::Index(b)) => one(a, b),
                    (Subscript::Slice(a, b), Subscript::Slice(c, d)) => {
                        same_option(a, c, pairs) && same_option(b, d, pairs)
                    }
                    _ => false,
                })
        }
        (Expr::RowCompare(x), Expr::RowCompare(y)) => {
            x.operator == y.operator && all(&x.left, &y.left) && all(&x.right, &y.right)
        }
        (Expr::Subquery(x), Expr::Subquery(y)) => same_subquery(x, y, pairs),
        _ => false,
    }
}

fn same_subquery(a: &Subquery, b: &Subquery, pairs: Pairs<'_>) -> bool {
    let kind = match (&a.kind, &b.kind) {
        (SubqueryKind::Any { test: x, all: n }, SubqueryKind::Any { test: y, all: m }) => {
            n == m && same_expr(x, y, pairs)
        }
        (SubqueryKind::Row { test: x }, SubqueryKind::Row { test: y }) => same_expr(x, y, pairs),
        (x, y) => discriminant(x) == discriminant(y),
    };
    kind && a.ty == b.ty && (Arc::ptr_eq(&a.plan, &b.plan) || same_plan(&a.plan, &b.plan, pairs))
}

fn same_plan(a: &Plan, b: &Plan, pairs: Pairs<'_>) -> bool {
    let field = |a: &Field, b: &Field| a.name == b.name && a.relation == b.relation && a.ty == b.ty;
    every(&a.fields, &b.fields, field) && same_node(&a.node, &b.node, pairs)
}

fn same_node(a: &Node, b: &Node, pairs: Pairs<'_>) -> bool {
    let one = |a: &Expr, b: &Expr| same_expr(a, b, pairs);
    let all = |a: &[Expr], b: &[Expr]| same_exprs(a, b, pairs);
    let plan = |a: &Plan, b: &Plan| same_plan(a, b, pairs);
    match (a, b) {
        (Node::Values(x), Node::Values(y)) => every(x, y, |x, y| all(x, y)),
        (Node::Scan(x), Node::Scan(y)) => {
            let relation = match (&x.relation, &y.relation) {
                (Relation::Table(x), Relation::Table(y)) => x.oid == y.oid,
                (Relation::Virtual(x), Relation::Virtual(y)) => x.oid == y.oid,
                (Relation::Sequence(x), Relation::Sequence(y)) => x.oid == y.oid,
                _ => false,
            };
            relation
                && x.alias == y.alias
                && x.columns == y.columns
                && matches!((&x.access, &y.access), (Access::Full, Access::Full))
                && same_option(&x.filter, &y.filter, pairs)
        }
        (Node::Function(x), Node::Function(y)) => {
            x.widths == y.widths && x.ordinality == y.ordinality && all(&x.calls, &y.calls)
        }
        (Node::Filter { input: x, predicate: p, .. }, Node::Filter { input: y, predicate: q, .. }) => {
            one(p, q) && plan(x, y)
        }
        (Node::Project { input: x, exprs: p }, Node::Project { input: y, exprs: q }) => all(p, q) && plan(x, y),
        (Node::ProjectSet { input: x, items: p }, Node::ProjectSet { input: y, items: q }) => {
            let item = |p: &ProjectItem, q: &ProjectItem| match (p, q) {
                (ProjectItem::Scalar(p), ProjectItem::Scalar(q)) => one(p, q),
                (
                    ProjectItem::Set { function: f, args: p, ty: s },
                    ProjectItem::Set { function: g, args: q, ty: t },
                ) => std::ptr::eq(*f, *g) && s == t && all(p, q),
                _ => false,
            };
            every(p, q, item) && plan(x, y)
        }
        (Node::Join(x), Node::Join(y)) => {
            x.kind == y.kind
                && x.lateral == y.lateral
                && every(&x.keys, &y.keys, |x, y| one(&x.0, &y.0) && one(&x.1, &y.1))
                && same_option(&x.filter, &y.filter, pairs)
                && plan(&x.left, &y.left)
                && plan(&x.right, &y.right)
        }
        (Node::Aggregate(x), Node::Aggregate(y)) => {
            x.grouping_sets == y.grouping_sets
                && x.groupings == y.groupings
                && all(&x.keys, &y.keys)
                && every(&x.calls, &y.calls, |x, y| same_aggregate(x, y, pairs))
                && plan(&x.input, &y.input)
        }
        (Node::Window { input: x, calls: p }, Node::Window { input: y, calls: q }) => {
            every(p, q, |p, q| same_window(p, q, pairs)) && plan(x, y)
        }
        (Node::Sort { input: x, keys: p }, Node::Sort { input: y, keys: q }) => same_keys(p, q, pairs) && plan(x, y),
        (Node::Distinct { input: x, on: p }, Node::Distinct { input: y, on: q }) => {
            both(p.as_ref(), q.as_ref(), |p, q| all(p, q)) && plan(x, y)
        }
        (
            Node::Limit { input: x, limit: l, offset: o, with_ties: t },
            Node::Limit { input: y, limit: m, offset: p, with_ties: u },
        ) => {
            same_option(l, m, pairs)
                && same_option(o, p, pairs)
                && both(t.as_ref(), u.as_ref(), |t, u| same_keys(t, u, pairs))
                && plan(x, y)
        }
        (Node::SetOp(x), Node::SetOp(y)) => {
            x.kind == y.kind && x.all == y.all && plan(&x.left, &y.left) && plan(&x.right, &y.right)
        }
        (Node::With { ctes: p, body: x }, Node::With { ctes: q, body: y }) => {
            let mut inside = pairs.to_vec();
            inside.extend(p.iter().zip(q).map(|(p, q)| (p.id, q.id)));
            let plan = |a: &Plan, b: &Plan| same_plan(a, b, &inside);
            every(p, q, |p, q| {
                p.name == q.name
                    && p.distinct == q.distinct
                    && plan(&p.plan, &q.plan)
                    && both(p.recursive.as_ref(), q.recursive.as_ref(), plan)
            }) && plan(x, y)
        }
        (Node::CteScan { id: x, .. }, Node::CteScan { id: y, .. })
        | (Node::WorkTable { id: x, .. }, Node::WorkTable { id: y, .. }) => {
            let pair = pairs.iter().rev().find(|(p, q)| p == x || q == y);
            pair.map_or(x == y, |(p, q)| p == x && q == y)
        }
        _ => false,
    }
}

fn same_keys(a: &[SortKey], b: &[SortKey], pairs: Pairs<'_>) -> bool {
    every(a, b, |a, b| {
        a.descending == b.descending && a.nulls_first == b.nulls_first && same_expr(&a.expr, &b.expr, pairs)
    })
}

fn same_aggregate(a: &AggregateCall, b: &AggregateCall, pairs: Pairs<'_>) -> bool {
    std::ptr::eq(a.aggregate, b.aggregate)
        && a.distinct == b.distinct
        && same_exprs(&a.args, &b.args, pairs)
        && same_keys(&a.order, &b.order, pairs)
        && same_option(&a.filter, &b.filter, pairs)
}

fn same_window(a: &WindowCall, b: &WindowCall, pairs: Pairs<'_>) -> bool {
    let function = match (&a.function, &b.function) {
        (WindowFunction::Aggregate(x), WindowFunction::Aggregate(y)) => std::ptr::eq(*x, *y),
        (x, y) => discriminant(x) == discriminant(y),
    };
    let bound = |a: &FrameBound, b: &FrameBound| match (a, b) {
        (FrameBound::Preceding(x), FrameBound::Preceding(y)) | (FrameBound::Following(x), FrameBound::Following(y)) => {
            same_expr(x, y, pairs)
        }
        (x, y) => discriminant(x) == discriminant(y),
    };
    function
        && same_exprs(&a.args, &b.args, pairs)
        && same_exprs(&a.partition, &b.partition, pairs)
        && same_keys(&a.order, &b.order, pairs)
        && a.frame.mode == b.frame.mode
        && a.frame.exclude == b.frame.exclude
        && bound(&a.frame.start, &b.frame.start)
        && bound(&a.frame.end, &b.frame.end)
        && same_option(&a.filter, &b.filter, pairs)
}
