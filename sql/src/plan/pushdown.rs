//! Pushing conjuncts down to where their columns come from.
//!
//! Below a projection a conjunct has expressions for columns. It stays above where that would have it evaluate anything
//! volatile, grow beyond [`GROWTH_MAX`], or could fail over rows that a view with
//! `security_barrier` hides ([`leakproof`](super::leakproof)).

use super::{access, extremes, filter, join, leakproof, optimize_subqueries, order, reads_only, semijoin};
use crate::bound::walk;
use crate::bound::{Expr, Join, JoinKind, Node, Plan, Recheck};

/// By how many nodes a conjunct may grow on its way below one projection because it names columns again. Without a bound
/// each view that names a column of the next one twice would double it.
const GROWTH_MAX: usize = 1_000;

/// The optimised equivalent of `plan` filtered by `conjuncts`.
pub fn place(plan: Plan, conjuncts: Vec<Expr>) -> Plan {
    let Plan { node, fields } = plan;
    match node {
        Node::Filter { input, predicate, .. } => {
            let mut all = predicate.into_conjuncts();
            all.extend(conjuncts);
            let (input, all) = semijoin::decorrelate(*input, all);
            // Semi joins yield the left columns only: the row is what it was.
            place(input, all)
        }
        Node::Scan(mut scan) => {
            let mut all = scan.filter.take().map(Expr::into_conjuncts).unwrap_or_default();
            all.extend(conjuncts);
            access::choose(&mut scan, all);
            let once = access::take_one_time(&mut scan);
            scan.filter.iter_mut().for_each(optimize_subqueries);
            filter(Plan::new(Node::Scan(scan), fields), once)
        }
        Node::Project { input, exprs } => {
            let (down, above) = split(conjuncts, |conjunct| passes_projection(conjunct, &exprs));
            let down = down.into_iter().map(|conjunct| substitute(conjunct, &exprs)).collect();
            let input = Box::new(place(*input, down));
            rebuilt(Node::Project { input, exprs }, fields, above)
        }
        Node::Join(join) => place_over_join(*join, fields, conjuncts),
        Node::Sort { input, keys } => {
            let mut input = place(*input, conjuncts);
            if order::satisfy(&mut input, &keys, false) {
                return input;
            }
            rebuilt(Node::Sort { input: Box::new(input), keys }, fields, Vec::new())
        }
        Node::Distinct { input, on: None } => {
            let (down, above) = split(conjuncts, |conjunct| !conjunct.is_volatile());
            let input = Box::new(place(*input, down));
            rebuilt(Node::Distinct { input, on: None }, fields, above)
        }
        Node::Aggregate(mut aggregate) => {
            let keys = aggregate.keys.len();
            // With grouping sets a key is null in some groups; without keys a filter below would keep the one group.
            let through = |conjunct: &Expr| {
                aggregate.grouping_sets.is_none()
                    && keys > 0
                    && reads_only(conjunct, 0..keys)
                    && passes_projection(conjunct, &aggregate.keys)
            };
            let (down, above) = split(conjuncts, through);
            let down = down.into_iter().map(|conjunct| substitute(conjunct, &aggregate.keys)).collect();
            let input = std::mem::replace(&mut aggregate.input, Plan::one_row());
            aggregate.input = place(input, down);
            extremes::limit_input(&mut aggregate);
            rebuilt(Node::Aggregate(aggregate), fields, above)
        }
        Node::SetOp(mut set_op) => {
            let (down, above) = split(conjuncts, |conjunct| !conjunct.is_volatile());
            let left = std::mem::replace(&mut set_op.left, Plan::one_row());
            let right = std::mem::replace(&mut set_op.right, Plan::one_row());
            set_op.left = place(left, down.clone());
            set_op.right = place(right, down);
            rebuilt(Node::SetOp(set_op), fields, above)
        }
        Node::With { mut ctes, body } => {
            for cte in &mut ctes {
                super::replace(&mut cte.plan);
                cte.recursive.iter_mut().for_each(super::replace);
            }
            let body = Box::new(place(*body, conjuncts));
            rebuilt(Node::With { ctes, body }, fields, Vec::new())
        }
        Node::Limit { input, limit: None, offset: None, with_ties: None } => {
            let (down, above) = split(conjuncts, leakproof::is_leakproof);
            rebuilt(place(*input, down).fenced().node, fields, above)
        }
        Node::Limit { input, limit, offset, with_ties } => {
            let mut input = place(*input, Vec::new());
            // Under a limit an ordered walk over a secondary index beats sorting everything.
            if let Node::Sort { input: sorted, keys } = &mut input.node
                && order::satisfy(sorted, keys, true)
            {
                input = std::mem::replace(&mut **sorted, Plan::one_row());
            }
            rebuilt(Node::Limit { input: Box::new(input), limit, offset, with_ties }, fields, conjuncts)
        }
        Node::LockRows(mut locked) => {
            // Rows that go anyway are not locked, and a row that is read again must meet these conditions, too.
            let (down, above) = split(conjuncts, |conjunct| !conjunct.is_volatile());
            let rechecks = down.iter().map(|it| Recheck { condition: it.clone(), nulls: Vec::new() });
            locked.recheck.extend(rechecks);
            let input = std::mem::replace(&mut locked.input, Plan::one_row());
            locked.input = place(input, down);
            rebuilt(Node::LockRows(locked), fields, above)
        }
        mut node => {
            walk::inputs_mut(&mut node, &mut |input, _| super::replace(input));
            rebuilt(node, fields, conjuncts)
        }
    }
}

/// A node whose inputs are optimised, with its subqueries optimised, under what could not go below it.
fn rebuilt(mut node: Node, fields: Vec<crate::bound::Field>, above: Vec<Expr>) -> Plan {
    walk::node_exprs_mut(&mut node, &mut optimize_subqueries);
    filter(Plan::new(node, fields), above)
}

/// Those that hold `test`, and the rest, each in order.
pub fn split(exprs: Vec<Expr>, test: impl Fn(&Expr) -> bool) -> (Vec<Expr>, Vec<Expr>) {
    exprs.into_iter().partition(test)
}

/// Whether a conjunct over the projected row means the same over the input row, and is not much larger there. Evaluating
/// an expression twice is allowed when it is cheap to do and always gives the same.
fn passes_projection(conjunct: &Expr, exprs: &[Expr]) -> bool {
    let mut passes = !conjunct.is_volatile() && !grows(conjunct, exprs);
    walk::columns_of(conjunct, &mut |index| passes &= !exprs[index].is_volatile() && !exprs[index].has_subquery());
    // A reference from inside a subquery must stay a plain column of the frame.
    let nested = conjunct.has_subquery();
    walk::columns_of(conjunct, &mut |index| passes &= !nested || matches!(exprs[index], Expr::Column { .. }));
    passes
}

/// Whether a conjunct over the projected row is much larger over the input row than it and the columns that it names.
pub fn grows(conjunct: &Expr, exprs: &[Expr]) -> bool {
    let mut named = vec![false; exprs.len()];
    let mut growth = 0;
    walk::columns_of(conjunct, &mut |index| {
        if std::mem::replace(&mut named[index], true) && growth <= GROWTH_MAX {
            growth += walk::size(&exprs[index]) - 1;
        }
    });
    growth > GROWTH_MAX
}

fn substitute(mut conjunct: Expr, exprs: &[Expr]) -> Expr {
    walk::replace_columns(&mut conjunct, &mut |index, ty, depth| match (depth, &exprs[index]) {
        (None, expr) => expr.clone(),
        (Some(depth), Expr::Column { index, .. }) => Expr::Outer { depth, index: *index, ty },
        (Some(_), _) => unreachable!("passes_projection lets only plain columns into subqueries"),
    });
    conjunct
}

fn place_over_join(join: Join, fields: Vec<crate::bound::Field>, conjuncts: Vec<Expr>) -> Plan {
    if join.kind == JoinKind::Inner && !join.lateral {
        return join::inner(Plan::new(Node::Join(Box::new(join)), fields), conjuncts);
    }
    let Join { kind, left, right, keys, filter: on, lateral, ordered: _ } = join;
    let (left_width, both) = (left.width(), left.width() + right.width());
    let preserves_left = !matches!(kind, JoinKind::Right | JoinKind::Full);
    let preserves_right = matches!(kind, JoinKind::Right);
    let on = on.map(Expr::into_conjuncts).unwrap_or_default();

    // What reads no row stays above, where it decides for both sides.
    let (once, conjuncts) = split(conjuncts, Expr::is_one_time);
    // From above: to the side whose rows the join keeps as they are.
    let (to_left, rest) = split(conjuncts, |it| preserves_left && !it.is_volatile() && reads_only(it, 0..left_width));
    let (to_right, mut above) =
        split(rest, |it| preserves_right && !lateral && !it.is_volatile() && reads_only(it, left_width..both));
    above.extend(once);
    // From ON: to the side that only gives matches.
    let inner_left = matches!(kind, JoinKind::Right);
    let (on_left, on) = split(on, |it| inner_left && !it.is_volatile() && reads_only(it, 0..left_width));
    let inner_right = matches!(kind, JoinKind::Left | JoinKind::Semi | JoinKind::Anti);
    let (on_right, on) =
        split(on, |it| inner_right && !lateral && !it.is_volatile() && reads_only(it, left_width..both));

    let left = place(left, to_left.into_iter().chain(on_left).collect());
    let on_right = to_right.into_iter().chain(on_right).map(|conjunct| moved(conjunct, left_width)).collect();
    let right = place(right, on_right);
    let joined = join::build(kind, left, right, keys, on, lateral);
    rebuilt(joined, fields, above)
}

/// A conjunct over the right part of a joined row, over the right row alone.
fn moved(mut conjunct: Expr, left_width: usize) -> Expr {
    walk::map_columns(&mut conjunct, &|index| index - left_width);
    conjunct
}
