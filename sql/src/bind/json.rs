//! Rows that become JSON.
//!
//! A value of type record does not know the names of its fields, but an expression that makes one does. So where a
//! function that makes JSON is given such an expression, it is given a json instead: a call over the names and the fields.

use types::function::JSON_OF_ROW;
use types::{Datum, Registry, SqlType, oid};

use crate::bound::{CallExpr, CaseArm, CaseExpr, Expr};

/// Functions and aggregates that make JSON of whatever they are given: row_to_json, to_json, json_agg and their kin.
const MAKERS: &[u32] =
    &[3155, 3156, 3175, 3176, 3197, 3198, 3200, 3267, 3270, 3271, 3273, 3787, types::aggregate::JSON_AGG_OF_ROWS];
/// row_to_json with a second argument, which says whether each field has a line of its own.
const PRETTY: u32 = 3156;

/// Replaces rows among the arguments of the function or aggregate with this oid, if it makes JSON.
pub(super) fn rows_as_json(registry: &Registry, function: u32, args: &mut [Expr]) {
    if !MAKERS.contains(&function) {
        return;
    }
    let pretty = match args {
        [_, pretty] if function == PRETTY => pretty.clone(),
        _ => Expr::bool(false),
    };
    for arg in args {
        if matches!(arg, Expr::Row { .. }) {
            let row = std::mem::replace(arg, Expr::bool(false));
            *arg = json_of(registry, row, pretty.clone());
        }
    }
}

fn json_of(registry: &Registry, row: Expr, pretty: Expr) -> Expr {
    let Expr::Row { fields, names, optional, .. } = row else { return row };
    let Some(function) = registry.function(JSON_OF_ROW) else {
        return Expr::Row { fields, names, optional, ty: SqlType::RECORD };
    };
    let null = optional.then(|| Expr::IsNull {
        arg: Box::new(Expr::Row { fields: fields.clone(), names: names.clone(), optional, ty: SqlType::RECORD }),
        negated: false,
    });
    let shown = names.iter().map(|name| Datum::text(name)).collect();
    let mut args = vec![pretty, Expr::constant(Datum::array(oid::TEXT, shown), SqlType::TEXT_ARRAY)];
    args.extend(fields.into_iter().map(|field| json_of(registry, field, Expr::bool(false))));
    let call = Expr::Call(Box::new(CallExpr { function, operator: None, args, ty: SqlType::JSON }));
    // Only the row of a side of an outer join may be missing.
    let Some(when) = null else { return call };
    let arm = CaseArm { when, then: Expr::null(SqlType::JSON) };
    Expr::Case(Box::new(CaseExpr { operand: None, arms: vec![arm], otherwise: call, ty: SqlType::JSON }))
}
