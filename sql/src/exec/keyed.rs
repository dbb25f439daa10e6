//! Keyed statements: one row by its whole key, without an operator tree.
//!
//! A SELECT of a point access computes the key, descends once, and decodes the columns that its select list names. An UPDATE
//! does not read the row first: the new version is computed from the newest one inside the write, under its latch. Neither does
//! a DELETE for which the key is the whole condition. At READ COMMITTED that is a statement whose snapshot was taken a moment
//! later; at REPEATABLE READ the general way is taken, and also by a statement in parts, which all see the same rows, and where
//! computing may take long: see [`is_brief`]. Who inserts the row just now is not awaited, nor who changes one that does not
//! meet the condition: see [`View::unread`](engine::View::unread).

use std::sync::Arc;

use engine::{Isolation, Verdict, WriteOutcome};
use smallvec::SmallVec;
use types::{Datum, Error, Result};

use super::brief::is_brief;
use super::changes::StatementEnd;
use super::context::ExecContext;
use super::dml::Changed;
use super::eval::{Env, Stop, eval, evaluate, holds};
use super::frames::{Frames, Row};
use super::lift::Lift;
use super::scan::column_value;
use super::table::{push_key, tree};
use super::write::TableWriter;
use crate::bound::{Delete, Expr, Fit, IndexAccess, Node, Plan, Relation, Scan, Update};
use crate::catalog::TableDef;

/// The key that a point access of the table's own tree names: `None` when no row can have it. Nothing when it is computed.
fn point_key(table: &TableDef, access: &IndexAccess, context: &ExecContext) -> Result<Option<Option<Vec<u8>>>> {
    let types = &table.shape.key_types;
    let mut key = Vec::with_capacity(types.len() * 10);
    for (expr, ty) in access.prefix.iter().zip(types) {
        let value = match expr {
            Expr::Const { value, .. } => value.clone(),
            Expr::Param { index, .. } => context.param(*index)?.clone(),
            _ => return Ok(None),
        };
        match Fit::new(value, *ty) {
            Fit::Value(value) => push_key(&value, *ty, &mut key),
            Fit::Below | Fit::Above | Fit::Null => return Ok(Some(None)),
        }
    }
    Ok(Some(Some(key)))
}

/// The scan of a plan that reads one row of a table by its primary key.
fn point_scan(plan: &Plan) -> Option<(&Scan, &Arc<TableDef>, &IndexAccess)> {
    let Node::Scan(scan) = &plan.node else { return None };
    let Relation::Table(table) = &scan.relation else { return None };
    let access = scan.access.point()?;
    let own_tree = access.index.as_ref().is_none_or(|index| index.tree == table.tree);
    (own_tree && access.any.is_none() && access.prefix.len() == table.key.len()).then_some((&**scan, table, access))
}

/// Runs a keyed SELECT, which has one row or none; `None` if the plan is not one.
pub(crate) async fn select(plan: &Plan, context: &Arc<ExecContext>) -> Result<Option<Option<Row>>> {
    let (scan_plan, exprs) = match &plan.node {
        Node::Project { input, exprs } => (&**input, Some(exprs)),
        _ => (plan, None),
    };
    let Some((scan, table, access)) = point_scan(scan_plan) else { return Ok(None) };
    let Some(key) = point_key(table, access, context)? else { return Ok(None) };
    let Some(key) = key else { return Ok(Some(None)) };
    let mut bytes = Vec::with_capacity(128);
    let writer = context.engine().get_version(&context.view, tree(table.tree), &key, &mut bytes).await.lift()?;
    if writer.is_none() {
        return Ok(Some(None));
    }
    let view = table.shape.layout.view(&bytes)?;
    let mut row: SmallVec<[Datum; 4]> = SmallVec::with_capacity(scan.columns.len());
    for column in &scan.columns {
        row.push(column_value(table, *column, &key, writer, &view)?);
    }
    let frames = Frames::none();
    if let Some(filter) = &scan.filter
        && !holds(filter, context, &row, &frames).await?
    {
        return Ok(Some(None));
    }
    let Some(exprs) = exprs else { return Ok(Some(Some(row.into_vec()))) };
    let mut values = Vec::with_capacity(exprs.len());
    for expr in exprs {
        values.push(match expr {
            Expr::Column { index, .. } => row[*index].clone(),
            expr => evaluate(expr, context, &row, &frames).await?,
        });
    }
    Ok(Some(Some(values)))
}

/// What the write found when it called back.
enum Met {
    Nothing,
    /// The versions it put in place of each other. The old one is empty if nobody asks what changed.
    Written {
        old: Row,
        new: Row,
    },
    Failed(Error),
    /// Something must be waited for, which a latch does not allow.
    Waits,
}

/// Runs a keyed UPDATE; `None` if it is not one, in which case nothing was done. What waits for the statement's end goes to
/// `end`.
pub(super) async fn update(
    update: &Update,
    context: &Arc<ExecContext>,
    end: &mut StatementEnd,
) -> Result<Option<Changed>> {
    let table = &update.table;
    let changes = |position: usize| {
        update.assignments.iter().chain(&update.generated).any(|assignment| assignment.column == position)
    };
    if context.isolation != Isolation::ReadCommitted
        || end.is_in_parts()
        || update.returning.is_some()
        || !update.system.is_empty()
        || !update.check_options.is_empty()
        || table.key.iter().any(|position| changes(*position))
    {
        return Ok(None);
    }
    let Some((scan, _, access)) = point_scan(&update.source) else { return Ok(None) };
    let assigned = update.assignments.iter().chain(&update.generated).map(|assignment| &assignment.value);
    let checked = update.checks.iter().map(|check| &check.expr);
    if !assigned.chain(checked).chain(&scan.filter).all(is_brief) {
        return Ok(None);
    }
    let Some(key) = point_key(table, access, context)? else { return Ok(None) };
    let Some(key) = key else { return Ok(Some(Changed::default())) };
    let columns = update.assignments.iter().map(|assignment| assignment.column);
    let mut writer = TableWriter::new(table, context).giving(columns);
    let (strength, follows) = (writer.strength(changes), writer.follows_changes(changes));
    let mut met = Met::Nothing;
    let outcome = {
        let mut replace = |bytes: &[u8], _| {
            met = new_version(update, scan, context, &writer, follows, bytes);
            let Met::Written { new, .. } = &met else { return Ok(Verdict::Skip) };
            let mut encoded = Vec::with_capacity(bytes.len() + 16);
            if let Err(error) = table.shape.layout.encode(new, &mut encoded) {
                met = Met::Failed(error);
                return Ok(Verdict::Skip);
            }
            Ok(Verdict::Replace(encoded))
        };
        let mut txn = context.txn().await?;
        let (engine, view) = (context.engine(), context.view.unread());
        engine.update(&mut txn, &view, tree(table.tree), &key, strength, &mut replace).await.lift()?
    };
    match outcome {
        WriteOutcome::Done => {
            let Met::Written { old, new } = met else { return Err(Error::internal("a row was replaced by nothing")) };
            if follows {
                writer.after_update(&mut *context.txn().await?, &key, &old, &new).await?;
                end.add(writer);
            }
            Ok(Some(Changed { count: 1, ..Changed::default() }))
        }
        WriteOutcome::Skipped => match met {
            Met::Failed(error) => Err(error),
            Met::Waits => Ok(None),
            Met::Nothing | Met::Written { .. } => Ok(Some(Changed::default())),
        },
        WriteOutcome::Gone | WriteOutcome::SelfModified => Ok(Some(Changed::default())),
        // The general way follows the row to where it moved.
        WriteOutcome::Moved(_) => Ok(None),
    }
}

/// Runs a keyed DELETE; `None` if it is not one, in which case nothing was done. What waits for the statement's end goes to
/// `end`.
pub(super) async fn delete(
    delete: &Delete,
    context: &Arc<ExecContext>,
    end: &mut StatementEnd,
) -> Result<Option<Changed>> {
    let table = &delete.table;
    if context.isolation != Isolation::ReadCommitted
        || end.is_in_parts()
        || delete.returning.is_some()
        || !delete.system.is_empty()
    {
        return Ok(None);
    }
    let Some((scan, _, access)) = point_scan(&delete.source) else { return Ok(None) };
    if scan.filter.is_some() {
        // A row that does not pass it is not waited for.
        return Ok(None);
    }
    let Some(key) = point_key(table, access, context)? else { return Ok(None) };
    let Some(key) = key else { return Ok(Some(Changed::default())) };
    let mut writer = TableWriter::new(table, context).giving(std::iter::empty());
    let follows = writer.follows_deletions();
    let mut version = Vec::new();
    let outcome = {
        let mut agree = |bytes: &[u8], _| {
            version.clear();
            if follows {
                version.extend_from_slice(bytes);
            }
            Ok(true)
        };
        let mut txn = context.txn().await?;
        let (engine, view) = (context.engine(), context.view.unread());
        engine.delete(&mut txn, &view, tree(table.tree), &key, None, &mut agree).await.lift()?
    };
    match outcome {
        WriteOutcome::Done => {
            if follows {
                let mut old = Row::new();
                table.shape.layout.decode_into(&version, &mut old)?;
                writer.after_delete(&mut *context.txn().await?, &key, old).await?;
                end.add(writer);
            }
            Ok(Some(Changed { count: 1, ..Changed::default() }))
        }
        WriteOutcome::Skipped | WriteOutcome::Gone | WriteOutcome::SelfModified => Ok(Some(Changed::default())),
        // The general way follows the row to where it moved.
        WriteOutcome::Moved(_) => Ok(None),
    }
}

/// Computes the version that follows `bytes`.
fn new_version(
    update: &Update,
    scan: &Scan,
    context: &ExecContext,
    writer: &TableWriter,
    follows: bool,
    bytes: &[u8],
) -> Met {
    match try_new_version(update, scan, context, writer, follows, bytes) {
        Ok(met) => met,
        Err(error) => Met::Failed(error),
    }
}

fn try_new_version(
    update: &Update,
    scan: &Scan,
    context: &ExecContext,
    writer: &TableWriter,
    follows: bool,
    bytes: &[u8],
) -> Result<Met> {
    let table = &update.table;
    let mut old = Vec::with_capacity(table.columns.len());
    table.shape.layout.decode_into(bytes, &mut old)?;
    let frames = Frames::none();
    let mut values: SmallVec<[Datum; 4]> = SmallVec::with_capacity(update.assignments.len());
    {
        let env = Env::new(context, &old, &frames);
        if let Some(filter) = &scan.filter {
            match eval(filter, &env) {
                Ok(Datum::Bool(true)) => {}
                Ok(_) => return Ok(Met::Nothing),
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Need(_)) => return Ok(Met::Waits),
            }
        }
        for assignment in &update.assignments {
            values.push(match eval(&assignment.value, &env) {
                Ok(value) => value,
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Need(_)) => return Ok(Met::Waits),
            });
        }
    }
    let (old, mut new) = if follows { (old.clone(), old) } else { (Row::new(), old) };
    for (assignment, value) in update.assignments.iter().zip(values) {
        new[assignment.column] = value;
    }
    for assignment in &update.generated {
        let value = match eval(&assignment.value, &Env::new(context, &new, &frames)) {
            Ok(value) => value,
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Need(_)) => return Ok(Met::Waits),
        };
        new[assignment.column] = value;
    }
    writer.check_nulls(&new)?;
    for check in &update.checks {
        match eval(&check.expr, &Env::new(context, &new, &frames)) {
            Ok(Datum::Bool(false)) => return Err(writer.check_violation(&check.name, &new)),
            Ok(_) => {}
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Need(_)) => return Ok(Met::Waits),
        }
    }
    Ok(Met::Written { old, new })
}
