//! Dropping columns that nobody reads.
//!
//! The binder lets every scan offer all columns of its table and the system columns behind them. From the top down each
//! node is told which of its columns are wanted; scans, projections and what passes rows through drop the others, and say
//! where the rest went, so that the expressions above can be renumbered.

use std::sync::Arc;

use crate::bound::{
    Assignment, CopyDirection, Cte, Delete, Expr, JoinKind, Node, Plan, ProjectItem, SetOp, Statement, SystemColumn,
    Update, walk,
};

/// Where each old column is now; `None` for those that are gone.
type Moves = Vec<Option<usize>>;

/// Prunes every plan of a statement; its outputs stay as they are.
pub fn prune(statement: &mut Statement) {
    match statement {
        Statement::Query(query) => whole(Arc::make_mut(&mut query.plan)),
        Statement::Declare(cursor) => whole(Arc::make_mut(&mut cursor.query.plan)),
        Statement::Explain(explain) => prune(&mut explain.statement),
        Statement::Insert(insert) => whole(&mut Arc::make_mut(insert).source),
        Statement::Update(update) => {
            let Update { source, key, system, assignments, recheck, returning, .. } = Arc::make_mut(update);
            let values = assignments.iter_mut().map(|Assignment { value, .. }| value);
            changed(source, *key, system, values.chain(recheck).chain(returning.iter_mut().flatten()).collect());
        }
        Statement::Delete(delete) => {
            let Delete { source, key, system, recheck, returning, .. } = Arc::make_mut(delete);
            changed(source, *key, system, recheck.iter_mut().chain(returning.iter_mut().flatten()).collect());
        }
        Statement::Copy(copy) => {
            if let CopyDirection::Out { plan, .. } = &mut Arc::make_mut(copy).direction {
                whole(Arc::make_mut(plan));
            }
        }
        _ => {}
    }
}

/// Prunes a plan all of whose columns are wanted.
/// Prunes a query of WITH, all of whose columns may be read.
pub(super) fn cte(cte: &mut Cte) {
    whole(&mut cte.plan);
    cte.recursive.iter_mut().for_each(whole);
}

fn whole(plan: &mut Plan) {
    let wanted = vec![true; plan.width()];
    narrow(plan, &wanted);
}

/// Prunes the source of an UPDATE or DELETE: the attributes and the key stay in their places, the rest as it is read.
fn changed(source: &mut Plan, key: usize, system: &mut Vec<(SystemColumn, usize)>, mut exprs: Vec<&mut Expr>) {
    let mut wanted = vec![false; source.width()];
    wanted[..=key].fill(true);
    exprs.iter().for_each(|expr| mark(expr, &mut wanted));
    let moves = narrow(source, &wanted);
    debug_assert!(moves[..=key].iter().enumerate().all(|(at, now)| *now == Some(at)));
    exprs.iter_mut().for_each(|expr| renumber(expr, &moves));
    *system = system.iter().filter_map(|(what, at)| Some((*what, moves[*at]?))).collect();
}

fn mark(expr: &Expr, wanted: &mut [bool]) {
    walk::columns_of(expr, &mut |index| wanted[index] = true);
}

fn renumber(expr: &mut Expr, moves: &Moves) {
    walk::map_columns(expr, &|index| moves[index].expect("a column that is read is kept"));
    inner_plans(expr);
}

/// Prunes the plans of the subqueries in an expression.
fn inner_plans(expr: &mut Expr) {
    if let Expr::Subquery(subquery) = expr {
        whole(Arc::make_mut(&mut subquery.plan));
        if let Some(test) = subquery.kind.test_mut() {
            inner_plans(test);
        }
    }
    walk::children_mut(expr, &mut inner_plans);
}

/// Nothing moves.
fn unmoved(width: usize) -> Moves {
    (0..width).map(Some).collect()
}

/// Keeps the wanted columns of a list, and says where they went.
fn keep<T>(items: &mut Vec<T>, wanted: &[bool]) -> Moves {
    let mut next = 0;
    let moves = wanted
        .iter()
        .map(|&wanted| {
            wanted.then(|| {
                next += 1;
                next - 1
            })
        })
        .collect();
    let mut at = 0;
    items.retain(|_| {
        at += 1;
        wanted[at - 1]
    });
    moves
}

/// Drops columns of a plan that are not wanted, as far as it can.
fn narrow(plan: &mut Plan, wanted: &[bool]) -> Moves {
    let Plan { node, fields } = plan;
    match node {
        Node::Scan(scan) => {
            let mut used = wanted.to_vec();
            scan.filter.iter().for_each(|filter| mark(filter, &mut used));
            let moves = keep(&mut scan.columns, &used);
            keep(fields, &used);
            scan.filter.iter_mut().for_each(|filter| renumber(filter, &moves));
            moves
        }
        Node::Filter { input, predicate, .. } => {
            let mut used = wanted.to_vec();
            mark(predicate, &mut used);
            let moves = narrow(input, &used);
            renumber(predicate, &moves);
            fields.clone_from(&input.fields);
            moves
        }
        Node::Sort { input, keys } => {
            let mut used = wanted.to_vec();
            keys.iter().for_each(|key| mark(&key.expr, &mut used));
            let moves = narrow(input, &used);
            keys.iter_mut().for_each(|key| renumber(&mut key.expr, &moves));
            fields.clone_from(&input.fields);
            moves
        }
        Node::Limit { input, with_ties, .. } => {
            let mut used = wanted.to_vec();
            with_ties.iter().flatten().for_each(|key| mark(&key.expr, &mut used));
            let moves = narrow(input, &used);
            with_ties.iter_mut().flatten().for_each(|key| renumber(&mut key.expr, &moves));
            fields.clone_from(&input.fields);
            moves
        }
        Node::LockRows(lock) => {
            let mut used = wanted.to_vec();
            lock.recheck.iter().for_each(|recheck| mark(&recheck.condition, &mut used));
            lock.locks.iter().for_each(|lock| used[lock.key] = true);
            let moves = narrow(&mut lock.input, &used);
            for recheck in &mut lock.recheck {
                renumber(&mut recheck.condition, &moves);
                recheck.nulls = recheck.nulls.iter().filter_map(|at| moves[*at]).collect();
            }
            for lock in &mut lock.locks {
                lock.key = moves[lock.key].expect("the key is kept");
                lock.columns = lock.columns.iter().filter_map(|(at, what)| moves[*at].map(|at| (at, *what))).collect();
            }
            fields.clone_from(&lock.input.fields);
            moves
        }
        Node::Project { input, exprs } => {
            // What a volatile expression does must happen.
            let used: Vec<bool> =
                exprs.iter().zip(wanted).map(|(expr, wanted)| *wanted || expr.is_volatile()).collect();
            let moves = keep(exprs, &used);
            keep(fields, &used);
            let mut below = vec![false; input.width()];
            exprs.iter().for_each(|expr| mark(expr, &mut below));
            let inner = narrow(input, &below);
            exprs.iter_mut().for_each(|expr| renumber(expr, &inner));
            moves
        }
        Node::ProjectSet { input, items } => {
            let used: Vec<bool> = items
                .iter()
                .zip(wanted)
                .map(|(item, wanted)| *wanted || matches!(item, ProjectItem::Set { .. }))
                .collect();
            let moves = keep(items, &used);
            keep(fields, &used);
            let mut exprs: Vec<&mut Expr> = Vec::new();
            for item in items {
                match item {
                    ProjectItem::Scalar(expr) => exprs.push(expr),
                    ProjectItem::Set { args, .. } => exprs.extend(args),
                }
            }
            through(input, exprs);
            moves
        }
        Node::Aggregate(aggregate) => {
            let width = fields.len();
            let mut exprs: Vec<&mut Expr> = aggregate.keys.iter_mut().collect();
            for call in &mut aggregate.calls {
                exprs.extend(call.args.iter_mut().chain(&mut call.filter));
                exprs.extend(call.order.iter_mut().map(|key| &mut key.expr));
            }
            through(&mut aggregate.input, exprs);
            unmoved(width)
        }
        Node::Window { input, .. } => {
            let width = input.width();
            let mut used = wanted[..width].to_vec();
            let (moves, calls) = {
                let mut all = std::mem::replace(node, Node::Values(Vec::new()));
                walk::node_exprs(&all, &mut |expr| mark(expr, &mut used));
                let Node::Window { input, .. } = &mut all else { unreachable!("it was one above") };
                let moves = narrow(input, &used);
                let below = input.fields.clone();
                walk::node_exprs_mut(&mut all, &mut |expr| renumber(expr, &moves));
                let calls = fields.split_off(width);
                *fields = below;
                *node = all;
                (moves, calls)
            };
            let base = fields.len();
            let added = calls.len();
            fields.extend(calls);
            moves.into_iter().chain((0..added).map(|at| Some(base + at))).collect()
        }
        Node::Distinct { input, on } => match on {
            None => {
                whole(input);
                unmoved(fields.len())
            }
            Some(on) => {
                let mut used = wanted.to_vec();
                on.iter().for_each(|expr| mark(expr, &mut used));
                let moves = narrow(input, &used);
                on.iter_mut().for_each(|expr| renumber(expr, &moves));
                fields.clone_from(&input.fields);
                moves
            }
        },
        Node::Join(join) => {
            let (left_width, right_width) = (join.left.width(), join.right.width());
            let half = matches!(join.kind, JoinKind::Semi | JoinKind::Anti);
            let mut used = wanted.to_vec();
            used.resize(left_width + right_width, false);
            join.filter.iter().for_each(|filter| mark(filter, &mut used));
            let (left_used, right_used) = used.split_at_mut(left_width);
            for (left, right) in &join.keys {
                mark(left, left_used);
                mark(right, right_used);
            }
            if join.lateral {
                walk::visit_plan_frames(&join.right, 0, &mut |expr, level| {
                    if let Expr::Outer { depth, index, .. } = expr
                        && *depth == level
                    {
                        left_used[*index] = true;
                    }
                });
            }
            let left = narrow(&mut join.left, left_used);
            let right = narrow(&mut join.right, right_used);
            if join.lateral {
                walk::frames_in_plan(&mut join.right, 0, &mut |expr, level| {
                    if let Expr::Outer { depth, index, .. } = expr
                        && *depth == level
                    {
                        *index = left[*index].expect("a column that is read is kept");
                    }
                });
            }
            for (a, b) in &mut join.keys {
                renumber(a, &left);
                renumber(b, &right);
            }
            let base = join.left.width();
            let both: Moves = left.iter().copied().chain(right.into_iter().map(|at| at.map(|at| base + at))).collect();
            join.filter.iter_mut().for_each(|filter| renumber(filter, &both));
            fields.clone_from(&join.left.fields);
            if half {
                return left;
            }
            fields.extend(join.right.fields.iter().cloned());
            both
        }
        Node::SetOp(set) => {
            let SetOp { left, right, .. } = &mut **set;
            whole(left);
            whole(right);
            unmoved(fields.len())
        }
        Node::With { ctes, body } => {
            ctes.iter_mut().for_each(cte);
            let moves = narrow(body, wanted);
            fields.clone_from(&body.fields);
            moves
        }
        Node::Values(_) | Node::Function(_) | Node::CteScan { .. } | Node::WorkTable { .. } => {
            walk::node_exprs_mut(node, &mut inner_plans);
            unmoved(fields.len())
        }
    }
}

/// Prunes an input of which only these expressions read.
fn through(input: &mut Plan, mut exprs: Vec<&mut Expr>) {
    let mut used = vec![false; input.width()];
    exprs.iter().for_each(|expr| mark(expr, &mut used));
    let moves = narrow(input, &used);
    exprs.iter_mut().for_each(|expr| renumber(expr, &moves));
}
