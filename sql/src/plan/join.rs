//! Joins: their order, their keys, and lookups by an index in place of hashing.

use super::access::{keeps_key_order, lookup, strip};
use super::pushdown::place;
use super::rows::{estimate, relation_rows};
use super::{filter, reads_only};
use crate::bound::walk;
use crate::bound::{Access, CastExpr, Expr, Field, Join, JoinKind, Node, Plan, Relation, Scan, ScanColumn};
use types::cast::find_cast;
use types::resolve::Coercion;
use types::{SqlType, oid};

/// A lookup costs about as much as hashing this many rows.
const ROWS_PER_LOOKUP: f64 = 4.0;

/// What connects the leaves of a tree of inner joins, over the row of all leaves in their written order.
enum Condition {
    Conjunct(Expr),
    /// A pair that the binder made of USING.
    Pair(Expr, Expr),
}

impl Condition {
    fn columns(&self, each: &mut dyn FnMut(usize)) {
        match self {
            Condition::Conjunct(expr) => walk::columns_of(expr, each),
            Condition::Pair(left, right) => {
                walk::columns_of(left, each);
                walk::columns_of(right, each);
            }
        }
    }
}

/// One input of a tree of inner joins.
struct Leaf {
    plan: Plan,
    /// Where its columns lie in the row of all leaves.
    start: usize,
    rows: f64,
}

/// Inner joins, flattened and put together again, smallest first along what connects them.
pub fn inner(plan: Plan, conjuncts: Vec<Expr>) -> Plan {
    let fields = plan.fields.clone();
    let mut leaves = Vec::new();
    let mut conditions: Vec<Condition> = conjuncts.into_iter().map(Condition::Conjunct).collect();
    flatten(plan, 0, &mut leaves, &mut conditions);

    let mut locals: Vec<Vec<Expr>> = leaves.iter().map(|_| Vec::new()).collect();
    let mut constant = Vec::new();
    let mut joining = Vec::new();
    for condition in conditions {
        let mut touched = std::collections::BTreeSet::new();
        condition.columns(&mut |index| {
            touched.insert(leaf_of(&leaves, index));
        });
        match (touched.len(), condition) {
            (1, Condition::Conjunct(mut expr)) if !expr.is_volatile() => {
                let leaf = touched.pop_first().expect("it has one element");
                let start = leaves[leaf].0;
                walk::map_columns(&mut expr, &|index| index - start);
                locals[leaf].push(expr);
            }
            (0 | 1, Condition::Conjunct(expr)) => constant.push(expr),
            (_, condition) => joining.push(condition),
        }
    }
    let mut rest: Vec<Leaf> = leaves
        .into_iter()
        .zip(locals)
        .map(|((start, plan), local)| {
            let plan = place(plan, local);
            Leaf { rows: estimate(&plan), plan, start }
        })
        .collect();

    let first = smallest(&rest, |_| true).expect("a join has inputs");
    let Leaf { plan: mut current, start, .. } = rest.remove(first);
    // The column of the row of all leaves at each place of the current row.
    let mut layout: Vec<usize> = (start..start + current.width()).collect();
    while !rest.is_empty() {
        let connected = |leaf: &Leaf| {
            let range = leaf.start..leaf.start + leaf.plan.width();
            joining.iter().any(|condition| connects(condition, &layout, range.clone()))
        };
        let next = smallest(&rest, connected).or_else(|| smallest(&rest, |_| true)).expect("some are left");
        let leaf = rest.remove(next);
        let leaf_layout: Vec<usize> = (leaf.start..leaf.start + leaf.plan.width()).collect();
        let mut here = Vec::new();
        joining = joining
            .into_iter()
            .filter_map(|condition| {
                let mut covered = true;
                condition.columns(&mut |index| covered &= layout.contains(&index) || leaf_layout.contains(&index));
                if covered {
                    here.push(condition);
                    return None;
                }
                Some(condition)
            })
            .collect();
        (current, layout) = join_pair(current, layout, leaf.plan, leaf_layout, here);
    }
    let residual = joining.into_iter().filter_map(|condition| match condition {
        Condition::Conjunct(expr) => Some(expr),
        Condition::Pair(..) => None,
    });
    let above: Vec<Expr> = constant.into_iter().chain(residual).map(|expr| relocated(expr, &layout)).collect();
    let joined = filter(current, above);
    if layout.iter().enumerate().all(|(place, column)| place == *column) {
        return Plan::new(joined.node, fields);
    }
    let place_of = |column: usize| layout.iter().position(|it| *it == column).expect("every leaf was joined");
    let exprs = fields.iter().enumerate().map(|(column, field)| Expr::column(place_of(column), field.ty)).collect();
    Plan::new(Node::Project { input: Box::new(joined), exprs }, fields)
}

fn flatten(plan: Plan, start: usize, leaves: &mut Vec<(usize, Plan)>, conditions: &mut Vec<Condition>) {
    let shifted = |mut expr: Expr, by: usize| {
        walk::map_columns(&mut expr, &|index| index + by);
        expr
    };
    match plan.node {
        Node::Join(join) if join.kind == JoinKind::Inner && !join.lateral => {
            let right_start = start + join.left.width();
            for (left, right) in join.keys {
                conditions.push(Condition::Pair(shifted(left, start), shifted(right, right_start)));
            }
            for conjunct in join.filter.map(Expr::into_conjuncts).unwrap_or_default() {
                conditions.push(Condition::Conjunct(shifted(conjunct, start)));
            }
            flatten(join.left, start, leaves, conditions);
            flatten(join.right, right_start, leaves, conditions);
        }
        node => leaves.push((start, Plan::new(node, plan.fields))),
    }
}

fn leaf_of(leaves: &[(usize, Plan)], column: usize) -> usize {
    leaves.iter().rposition(|(start, _)| *start <= column).expect("the first leaf starts at column 0")
}

fn smallest(leaves: &[Leaf], wanted: impl Fn(&Leaf) -> bool) -> Option<usize> {
    let candidates = leaves.iter().enumerate().filter(|(_, leaf)| wanted(leaf));
    candidates.min_by(|(_, a), (_, b)| a.rows.total_cmp(&b.rows)).map(|(index, _)| index)
}

/// Whether an equality leads from the columns joined so far to a leaf.
fn connects(condition: &Condition, layout: &[usize], leaf: std::ops::Range<usize>) -> bool {
    let equality = match condition {
        Condition::Pair(..) => true,
        Condition::Conjunct(expr) => as_equality(expr).is_some(),
    };
    let (mut joined, mut new, mut other) = (false, false, false);
    condition.columns(&mut |index| {
        let (is_joined, is_new) = (layout.contains(&index), leaf.contains(&index));
        joined |= is_joined;
        new |= is_new;
        other |= !is_joined && !is_new;
    });
    equality && joined && new && !other
}

fn as_equality(expr: &Expr) -> Option<(&Expr, &Expr)> {
    let Expr::Call(call) = expr else { return None };
    let operator = call.operator?;
    let [left, right] = &*call.args else { return None };
    (operator.name == "=" && keeps_key_order(operator) && !expr.is_volatile()).then_some((left, right))
}

fn relocated(mut expr: Expr, layout: &[usize]) -> Expr {
    walk::map_columns(&mut expr, &|column| {
        layout.iter().position(|it| *it == column).expect("the condition's columns were joined")
    });
    expr
}

/// Joins two plans, the smaller one as the hashed side; returns the plan and the layout of its row.
fn join_pair(
    left: Plan,
    left_layout: Vec<usize>,
    right: Plan,
    right_layout: Vec<usize>,
    conditions: Vec<Condition>,
) -> (Plan, Vec<usize>) {
    let swap = estimate(&right) > estimate(&left)
        && lookup_of(&left, &right, &left_layout, &right_layout, &conditions).is_none();
    let (left, right, left_layout, right_layout) =
        if swap { (right, left, right_layout, left_layout) } else { (left, right, left_layout, right_layout) };
    let width = left.width();
    let layout: Vec<usize> = left_layout.into_iter().chain(right_layout).collect();
    let mut keys = Vec::new();
    let mut conjuncts = Vec::new();
    for condition in conditions {
        match condition {
            Condition::Conjunct(expr) => conjuncts.push(relocated(expr, &layout)),
            Condition::Pair(a, b) => {
                let (a, b) = (relocated(a, &layout), relocated(b, &layout));
                let (mut left, mut right) = if reads_only(&a, 0..width) { (a, b) } else { (b, a) };
                if !reads_only(&left, 0..width) {
                    std::mem::swap(&mut left, &mut right);
                }
                walk::map_columns(&mut right, &|index| index - width);
                keys.push((left, right));
            }
        }
    }
    let fields: Vec<Field> = left.fields.iter().chain(&right.fields).cloned().collect();
    let mut node = build(JoinKind::Inner, left, right, keys, conjuncts, false);
    walk::node_exprs_mut(&mut node, &mut super::optimize_subqueries);
    (Plan::new(node, fields), layout)
}

/// Whether the right side would be looked up for each left row.
fn lookup_of(
    left: &Plan,
    right: &Plan,
    left_layout: &[usize],
    right_layout: &[usize],
    conditions: &[Condition],
) -> Option<()> {
    let width = left_layout.len();
    let layout: Vec<usize> = left_layout.iter().chain(right_layout).copied().collect();
    let pairs = conditions.iter().filter_map(|condition| match condition {
        Condition::Pair(a, b) => Some((relocated(a.clone(), &layout), relocated(b.clone(), &layout))),
        Condition::Conjunct(expr) => {
            as_equality(expr).map(|(a, b)| (relocated(a.clone(), &layout), relocated(b.clone(), &layout)))
        }
    });
    let sided: Vec<(Expr, Expr)> = pairs.filter_map(|(a, b)| sides(a, b, width, width + right_layout.len())).collect();
    probe(left, scanned(right)?, &sided).map(drop)
}

/// The scan of a plan, beneath what is judged once before it.
fn scanned(plan: &Plan) -> Option<&Scan> {
    match &plan.node {
        Node::Scan(scan) => Some(scan),
        Node::Filter { input, once: true, .. } => scanned(input),
        _ => None,
    }
}

/// The same scan with that among its own conditions: it is looked into for each left row.
fn unfiltered(plan: Plan) -> Plan {
    let Plan { node, fields } = plan;
    let Node::Filter { input, predicate, .. } = node else { return Plan::new(node, fields) };
    let mut plan = unfiltered(*input);
    if let Node::Scan(scan) = &mut plan.node {
        let own = scan.filter.take().map(Expr::into_conjuncts).unwrap_or_default();
        scan.filter = Expr::and(own.into_iter().chain(predicate.into_conjuncts()).collect());
    }
    plan
}

/// Orders the sides of an equality: left ones over the left row, right ones over the right row.
fn sides(a: Expr, b: Expr, left_width: usize, both: usize) -> Option<(Expr, Expr)> {
    let reads_some = |expr: &Expr| {
        let mut some = false;
        walk::columns_of(expr, &mut |_| some = true);
        some
    };
    let (left, mut right) = if reads_only(&a, 0..left_width) && reads_only(&b, left_width..both) && reads_some(&b) {
        (a, b)
    } else if reads_only(&b, 0..left_width) && reads_only(&a, left_width..both) && reads_some(&a) {
        (b, a)
    } else {
        return None;
    };
    walk::map_columns(&mut right, &|index| index - left_width);
    Some((left, right))
}

/// A join of two optimised plans: equalities become keys, a small left side looks the right one up.
pub fn build(kind: JoinKind, left: Plan, right: Plan, keys: Vec<(Expr, Expr)>, on: Vec<Expr>, lateral: bool) -> Node {
    let (width, both) = (left.width(), left.width() + right.width());
    let mut keys = keys;
    let mut rest = Vec::new();
    if lateral {
        return Node::Join(Box::new(Join { kind, left, right, keys, filter: Expr::and(on), lateral, ordered: false }));
    }
    // Pairs of two integer types stay as they are for a lookup and are widened for hashing.
    let mut pairs: Vec<(Expr, Expr)> = Vec::new();
    for conjunct in on {
        match as_equality(&conjunct).and_then(|(a, b)| sides(a.clone(), b.clone(), width, both)) {
            Some(pair) => pairs.push(pair),
            None => rest.push(conjunct),
        }
    }
    pairs.splice(0..0, keys.drain(..));
    if matches!(kind, JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti)
        && let Some(scan) = scanned(&right)
        && let Some((access, used)) = probe(&left, scan, &pairs)
    {
        return lookup_join(kind, left, unfiltered(right), access, pairs, &used, rest);
    }
    for (left, right) in pairs {
        keys.push(widened(left, right));
    }
    Node::Join(Box::new(Join { kind, left, right, keys, filter: Expr::and(rest), lateral: false, ordered: false }))
}

/// The access by which each left row finds its right rows, over the left row as a frame, with the pairs it guarantees;
/// none where hashing is better.
fn probe(left: &Plan, scan: &Scan, pairs: &[(Expr, Expr)]) -> Option<(crate::bound::IndexAccess, Vec<usize>)> {
    // A scan that its own conjuncts lead in keeps that way.
    if !matches!(scan.access, Access::Full) || !matches!(scan.relation, Relation::Table(_)) {
        return None;
    }
    if estimate(left) * ROWS_PER_LOOKUP > relation_rows(&scan.relation) {
        return None;
    }
    let mut attributes = Vec::new();
    let mut origin = Vec::new();
    for (at, (left, right)) in pairs.iter().enumerate() {
        let Expr::Column { index, .. } = strip(right) else { continue };
        let ScanColumn::Attribute(attribute) = scan.columns[*index] else { continue };
        attributes.push((attribute, left.clone()));
        origin.push(at);
    }
    let (access, used) = lookup(scan, &attributes)?;
    Some((access, used.into_iter().map(|at| origin[at]).collect()))
}

fn lookup_join(
    kind: JoinKind,
    left: Plan,
    mut right: Plan,
    mut access: crate::bound::IndexAccess,
    pairs: Vec<(Expr, Expr)>,
    used: &[usize],
    rest: Vec<Expr>,
) -> Node {
    // The right side gains a frame, the left row: what it read from outside lies one deeper.
    walk::shift_plan(&mut right, 1);
    for value in &mut access.prefix {
        walk::shift_expr(value, 1);
        walk::replace_columns(value, &mut |index, ty, depth| Expr::Outer {
            depth: depth.map_or(0, |depth| depth + 1),
            index,
            ty,
        });
    }
    let Node::Scan(scan) = &mut right.node else { unreachable!("the caller looked") };
    scan.access = Access::Index(access);
    let keys = pairs
        .into_iter()
        .enumerate()
        .filter(|(at, _)| !used.contains(at))
        .map(|(_, (left, right))| widened(left, right))
        .collect();
    Node::Join(Box::new(Join { kind, left, right, keys, filter: Expr::and(rest), lateral: true, ordered: false }))
}

/// A pair of two integer types as one of the wider.
fn widened(left: Expr, right: Expr) -> (Expr, Expr) {
    let rank = |ty: SqlType| match ty.oid {
        oid::INT2 => 1,
        oid::INT4 => 2,
        oid::INT8 => 3,
        _ => 0,
    };
    let (l, r) = (left.ty(), right.ty());
    let cast = |arg: Expr, to: SqlType| match find_cast(arg.ty().oid, to.oid) {
        Some(cast) => {
            let coercion = Coercion::Cast(cast);
            Expr::Cast(Box::new(CastExpr { arg, coercion, to, explicit: false, shown: false }))
        }
        None => arg,
    };
    match (rank(l), rank(r)) {
        (a, b) if a == b || a == 0 || b == 0 => (left, right),
        (a, b) if a < b => (cast(left, r), right),
        _ => (left, cast(right, l)),
    }
}
