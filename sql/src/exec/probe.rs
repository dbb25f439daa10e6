//! A correlated EXISTS that compares a table's columns with the row outside for equality, as `EXISTS (SELECT FROM b WHERE
//! b.k = a.k AND b.z > 5)`: its rows are found by their keys once it has been run often enough.
//!
//! Each run reads the table to its end, or to the first row that fits, if no index serves the comparison. (One that does is
//! part of the scan's access, and nothing is done here; nor for what stands on its own in a WHERE, which is a semi join by
//! now.) So the runs are counted, and when those that were made have cost about as much as reading the whole table does, it is
//! read once more, and the keys of its rows are kept for the statement. It goes on as it began if they take more than
//! `work_mem`. PostgreSQL plans both ways and takes one by estimates ("AlternativeSubPlan"). A LIMIT inside, and conditions on
//! the row outside alone, are never probed.
//!
//! No error comes of that which the runs do not meet: reading the table evaluates its other conditions for rows that no
//! comparison let through, and a probe evaluates all that is compared with the table's columns, where a run ends at the
//! first difference. What fails then is run.
//!
//! EXISTS is never unknown, so a null on either side of a comparison is merely no match.

use std::sync::Arc;

use hashbrown::HashSet;
use types::{Datum, Result, SqlType};

use super::context::ExecContext;
use super::eval::{evaluate, holds};
use super::frames::Frames;
use super::hash_key::KeyTypes;
use super::memory::Claim;
use super::source::{BATCH_ROWS_MAX, open};
use super::subquery::{is_by_key, key_value, sides};
use crate::bound::{Expr, Node, Plan, Relation, Scan, Subquery, walk};

/// After so many runs without a row, each of which read all that its scan's access leads to, reading it once more is cheap.
const EMPTY_RUNS: u32 = 4;
/// Before so many runs nothing is tried for those that found a row, nor where other conditions are to be judged for all rows.
const RUNS_MIN: u32 = 64;
/// How many rows may be read for each run that was made, while few of them found none: a scan takes as long to begin.
const ROWS_PER_RUN: usize = 100;

/// What is known of a correlated EXISTS in a statement.
#[derive(Clone)]
pub(crate) enum Probe {
    /// It is run, and may be probed later.
    Runs(Runs),
    Keys(Arc<Keys>),
    /// It is run every time.
    Plain,
}

#[derive(Clone, Copy)]
pub(crate) struct Runs {
    all: u32,
    /// Those that found no row.
    empty: u32,
    /// When the keys are gathered, in runs, and when if [`EMPTY_RUNS`] found no row.
    due: u32,
    due_empty: u32,
}

impl Runs {
    fn are_many(self) -> bool {
        self.all >= self.due || self.are_empty() && self.all >= self.due_empty
    }

    fn are_empty(self) -> bool {
        self.empty >= EMPTY_RUNS
    }
}

/// The keys of all its rows.
pub(crate) struct Keys {
    keys: HashSet<Box<[u8]>>,
    types: KeyTypes,
    /// What is compared with them, over the row outside as a frame.
    outer: Vec<Expr>,
    _claim: Claim,
}

/// An EXISTS taken apart.
struct Parts {
    /// Its scan, without a filter: what passes one is no measure of what is read.
    plan: Plan,
    /// The conditions on the table's row alone.
    own: Option<Expr>,
    /// The sides of the comparisons, and their types.
    outer: Vec<Expr>,
    inner: Vec<Expr>,
    types: Vec<SqlType>,
}

/// Whether there is a row, if that is known without running the query. The frames are those of its plan.
pub(super) async fn exists(subquery: &Subquery, context: &Arc<ExecContext>, frames: &Frames) -> Result<Option<bool>> {
    let keys = match context.probe(&subquery.plan) {
        Some(Probe::Keys(keys)) => keys,
        Some(Probe::Runs(runs)) if runs.are_many() => {
            let probe = match parts(&subquery.plan) {
                Some(parts) if parts.own.is_some() && runs.all < RUNS_MIN => {
                    Probe::Runs(Runs { due_empty: RUNS_MIN, ..runs })
                }
                Some(parts) => match Box::pin(gather(parts, runs, context, frames)).await {
                    Ok(probe) => probe,
                    Err(_) => {
                        // A cancel ends the statement all the same.
                        context.check()?;
                        Probe::Plain
                    }
                },
                None => Probe::Plain,
            };
            context.note_probe(&subquery.plan, probe.clone());
            match probe {
                Probe::Keys(keys) => keys,
                _ => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    if keys.keys.is_empty() {
        return Ok(Some(false));
    }
    let mut values = Vec::with_capacity(keys.outer.len());
    for expr in &keys.outer {
        let Ok(value) = evaluate(expr, context, &[], frames).await else {
            context.check()?;
            return Ok(None);
        };
        if value.is_null() {
            return Ok(Some(false));
        }
        values.push(key_value(value));
    }
    // Without memory for the key the query is run.
    Ok(keys.types.of(&values, context).ok().map(|key| keys.keys.contains(&key)))
}

/// Notes that the query was run.
pub(super) fn note_run(subquery: &Subquery, context: &ExecContext, found: bool) {
    let mut runs = match context.probe(&subquery.plan) {
        // Whether it can be probed at all is seen when it is to be: most are run a few times.
        None => Runs { all: 0, empty: 0, due: RUNS_MIN, due_empty: 0 },
        Some(Probe::Runs(runs)) => runs,
        Some(_) => return,
    };
    runs.all = runs.all.saturating_add(1);
    runs.empty = runs.empty.saturating_add(u32::from(!found));
    context.note_probe(&subquery.plan, Probe::Runs(runs));
}

async fn gather(parts: Parts, runs: Runs, context: &Arc<ExecContext>, frames: &Frames) -> Result<Probe> {
    let Parts { plan, own, outer, inner, types } = parts;
    let rows_max = if runs.are_empty() { usize::MAX } else { runs.all as usize * ROWS_PER_RUN };
    let types = KeyTypes::new(types);
    let mut source = open(&plan, context, frames)?;
    let mut claim = Claim::new(context.memory());
    let mut keys: HashSet<Box<[u8]>> = HashSet::new();
    let mut values = Vec::with_capacity(inner.len());
    let mut rows = 0;
    loop {
        let batch = source.next(BATCH_ROWS_MAX).await?;
        if batch.is_empty() {
            return Ok(Probe::Keys(Arc::new(Keys { keys, types, outer, _claim: claim })));
        }
        context.check()?;
        tokio::task::consume_budget().await;
        rows += batch.len();
        if rows > rows_max {
            // The runs are cheaper than this.
            return Ok(Probe::Runs(Runs { due: runs.all.saturating_mul(2), ..runs }));
        }
        for row in &batch {
            if let Some(own) = &own
                && !holds(own, context, row, frames).await?
            {
                continue;
            }
            values.clear();
            for expr in &inner {
                values.push(key_value(evaluate(expr, context, row, frames).await?));
            }
            if values.iter().any(Datum::is_null) {
                continue;
            }
            let key = types.of(&values, context)?;
            let bytes = key.len() + 48;
            if keys.insert(key) && (claim.add(bytes).is_err() || claim.is_over()) {
                return Ok(Probe::Plain);
            }
        }
    }
}

/// The parts of a query over one table that reads the row outside only in comparisons for equality.
fn parts(plan: &Plan) -> Option<Parts> {
    let scan = match &plan.node {
        // What is in the rows does not matter.
        Node::Project { input, exprs } if !exprs.iter().any(Expr::is_volatile) => return parts(input),
        Node::Scan(scan) => scan,
        _ => return None,
    };
    let Relation::Table(_) = &scan.relation else { return None };
    let (mut outer, mut inner, mut types, mut own) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for conjunct in scan.filter.clone()?.into_conjuncts() {
        if let Some((left, right, ty)) = comparison(&conjunct) {
            outer.push(left);
            inner.push(right);
            types.push(ty);
        } else if is_simple(&conjunct) && !reads_outside(&conjunct) {
            own.push(conjunct);
        } else {
            return None;
        }
    }
    let scan = Scan { filter: None, ..(**scan).clone() };
    let plan = Plan::new(Node::Scan(Box::new(scan)), plan.fields.clone());
    let own = Expr::and(own);
    // The scan's way into the table may read the row outside, too, or other rows around it.
    (!outer.is_empty() && !walk::is_correlated(&plan)).then_some(Parts { plan, own, outer, inner, types })
}

/// The side over the row outside and the one over the table's row, of a comparison whose values have keys.
fn comparison(conjunct: &Expr) -> Option<(Expr, Expr, SqlType)> {
    let (left, right, operator) = sides(conjunct)?;
    let (outer, inner, _) = [(left, right, operator), (right, left, operator)]
        .into_iter()
        .find(|sides| is_by_key(sides) && is_simple(sides.0) && reads_outside(sides.0))?;
    // To compare arrays takes no memory, and their keys any length.
    if outer.ty().element().is_some() {
        return None;
    }
    Some((outer.clone(), inner.clone(), SqlType::of(operator.right)))
}

/// Without subqueries, which may read what changes meanwhile, and volatile calls.
fn is_simple(expr: &Expr) -> bool {
    !expr.is_volatile() && !expr.has_subquery()
}

fn reads_outside(expr: &Expr) -> bool {
    let mut reads = false;
    walk::visit(expr, &mut |expr| reads |= matches!(expr, Expr::Outer { .. }));
    reads
}
