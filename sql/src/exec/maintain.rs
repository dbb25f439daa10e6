//! Counting a table's rows, and values without rows.

use std::sync::Arc;

use engine::{Direction, KeyRange, Rows, View};
use types::{Datum, Result, SqlType};

use super::context::ExecContext;
use super::eval::{apply_cast, evaluate};
use super::frames::Frames;
use super::lift::Lift;
use super::table::tree;
use crate::bound::{CastExpr, Expr};
use crate::catalog::TableDef;

/// Rows read at once.
const SCAN_ROWS: usize = 1024;

/// Counts the rows of a table.
///
/// # Errors
/// What the engine returns.
pub(super) async fn count_rows(table: &TableDef, view: &View, context: &ExecContext) -> Result<usize> {
    let mut scan = context.engine().scan(view, tree(table.tree), KeyRange::all(), Direction::Forward);
    let mut rows = Rows::new();
    let mut count = 0usize;
    loop {
        context.check()?;
        let found = scan.next_batch(&mut rows, SCAN_ROWS).await.lift()?;
        if found == 0 {
            return Ok(count);
        }
        count += found;
    }
}

/// Whether a table has a row.
///
/// # Errors
/// What the engine returns.
pub(super) async fn has_rows(table: &TableDef, view: &View, context: &ExecContext) -> Result<bool> {
    let mut scan = context.engine().scan(view, tree(table.tree), KeyRange::all(), Direction::Forward);
    Ok(scan.next_batch(&mut Rows::new(), 1).await.lift()? > 0)
}

/// The value of an expression without input row, converted to a parameter's type as an assignment would.
///
/// # Errors
/// 42804 when there is no such conversion; what evaluation returns.
pub(crate) async fn evaluate_as(expr: &Expr, to: SqlType, context: &Arc<ExecContext>) -> Result<Datum> {
    let value = evaluate(expr, context, &[], &Frames::none()).await?;
    let from = expr.ty();
    if from.oid == to.oid {
        return Ok(value);
    }
    let coercion = context.registry().find_coercion(from.oid, to.oid, types::cast::CastContext::Assignment);
    let coercion = coercion.ok_or_else(|| {
        let message = format!("parameter of type {} cannot be coerced to the expected type {}", from.name(), to.name());
        types::Error::new(types::SqlState::DATATYPE_MISMATCH, message)
    })?;
    apply_cast(&CastExpr { arg: Expr::null(from), coercion, to, explicit: false, shown: false }, value, context)
}
