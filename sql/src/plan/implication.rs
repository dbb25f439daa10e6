//! Whether a query's conditions imply that of a partial index, by what they say and not by what there is.
//!
//! Every term of the index's condition must be one of the query's, or follow from one: `x = 5` from `x IN (5)`, `x > 3` from
//! `x = 5`, `x IS NOT NULL` from any comparison of x, a disjunction from one of its terms. As in PostgreSQL nothing follows
//! from a parameter, whose value is not known while planning.

use std::cmp::Ordering;

use types::{Datum, oid};

use super::access::{keeps_key_order, strip};
use crate::bound::walk::{self, same};
use crate::bound::{Expr, Scan, ScanColumn};
use crate::catalog::IndexDef;

/// Whether all rows of a scan that meet these conditions have entries in an index of its table.
pub fn has_all(scan: &Scan, index: &IndexDef, conjuncts: &[Expr]) -> bool {
    let Some(predicate) = &index.predicate else { return true };
    let Some(predicate) = predicate.known() else { return false };
    let mut predicate = predicate.clone();
    walk::map_columns(&mut predicate, &|attribute| {
        let known = scan.columns.iter().position(|column| *column == ScanColumn::Attribute(attribute));
        // What the scan does not read its conditions do not name.
        known.unwrap_or(usize::MAX)
    });
    implied(&predicate, conjuncts)
}

/// Whether a condition holds wherever all these do, over the same row.
pub fn implied(condition: &Expr, by: &[Expr]) -> bool {
    match condition {
        Expr::And(terms) => terms.iter().all(|term| implied(term, by)),
        _ => by.iter().any(|known| follows(condition, known)),
    }
}

/// Whether `wanted`, which is no conjunction, is true wherever `known` is.
fn follows(wanted: &Expr, known: &Expr) -> bool {
    if same(wanted, known) {
        return true;
    }
    match (wanted, known) {
        (_, Expr::And(terms)) => terms.iter().any(|known| follows(wanted, known)),
        (_, Expr::Or(terms)) => terms.iter().all(|known| implied(wanted, std::slice::from_ref(known))),
        (Expr::Or(terms), _) => terms.iter().any(|wanted| implied(wanted, std::slice::from_ref(known))),
        // Of a row it says that no field is.
        (Expr::IsNull { arg, negated: true }, _) => arg.ty().oid != oid::RECORD && rejects_null(known, arg),
        _ if truth(known).is_some_and(|(arg, is)| truth(wanted).is_some_and(|it| it.1 == is && same(it.0, arg))) => {
            true
        }
        (_, Expr::InList { arg, list, operator, negated: false }) if operator.name == "=" => {
            let Some(wanted) = comparison(wanted) else { return false };
            let follows = |item: &Expr| match strip(item) {
                Expr::Const { value, .. } => wanted.follows_from("=", value),
                _ => false,
            };
            let is_ordered = keeps_key_order(operator) && operator.right != oid::BPCHAR;
            is_ordered && same(wanted.of, strip(arg)) && list.iter().all(follows)
        }
        _ => match (comparison(wanted), comparison(known)) {
            (Some(wanted), Some(known)) => same(wanted.of, known.of) && wanted.follows_from(known.operator, known.with),
            _ => false,
        },
    }
}

/// What is said to be true or false: by itself, by NOT, or by comparing it.
fn truth(expr: &Expr) -> Option<(&Expr, bool)> {
    match expr {
        Expr::Not(arg) => truth(arg).map(|(arg, is)| (arg, !is)),
        Expr::Call(call) if call.operator.is_some_and(|it| it.name == "=" && it.right == oid::BOOL) => {
            match &*call.args {
                [arg, Expr::Const { value: Datum::Bool(is), .. }]
                | [Expr::Const { value: Datum::Bool(is), .. }, arg] => Some((arg, *is)),
                _ => None,
            }
        }
        Expr::Column { .. } => Some((expr, true)),
        _ => None,
    }
}

/// Whether a condition is not true where `arg` is null.
fn rejects_null(condition: &Expr, arg: &Expr) -> bool {
    match condition {
        // Of no elements it is false whatever there is before it, so that only here it tells of a null.
        Expr::AnyAll { left, all: false, .. } => same(strip(left), strip(arg)),
        _ => is_null_with(condition, arg),
    }
}

/// Whether an expression is null where `arg` is.
fn is_null_with(expr: &Expr, arg: &Expr) -> bool {
    same(strip(expr), strip(arg))
        || match expr {
            Expr::Call(call) => call.function.strict && call.args.iter().any(|it| is_null_with(it, arg)),
            Expr::InList { arg: it, .. } | Expr::Not(it) => is_null_with(it, arg),
            _ => false,
        }
}

/// A comparison with a constant, in the order of the constant's type.
struct Comparison<'a> {
    of: &'a Expr,
    operator: &'static str,
    with: &'a Datum,
}

fn comparison(expr: &Expr) -> Option<Comparison<'_>> {
    let Expr::Call(call) = expr else { return None };
    let operator = call.operator.filter(|it| keeps_key_order(it) && it.right != oid::BPCHAR)?;
    let [left, right] = &*call.args else { return None };
    let (of, operator, with) = match (strip(left), strip(right)) {
        (of, Expr::Const { value, .. }) => (of, operator.name, value),
        (Expr::Const { value, .. }, of) => (of, operator.commutator, value),
        _ => return None,
    };
    let is_known = matches!(operator, "=" | "<>" | "<" | "<=" | ">" | ">=");
    (is_known && !with.is_null()).then_some(Comparison { of, operator, with })
}

impl Comparison<'_> {
    /// Whether this is true of all values that compare so with another constant.
    fn follows_from(&self, operator: &str, with: &Datum) -> bool {
        let Some(order) = order_of(with, self.with) else { return false };
        match (operator, self.operator) {
            ("=", "=") => order.is_eq(),
            ("=", "<>") => order.is_ne(),
            ("=" | "<=", "<") => order.is_lt(),
            ("=" | "<" | "<=", "<=") | ("<", "<" | "<>") => order.is_le(),
            ("<=", "<>") => order.is_lt(),
            ("=" | ">=", ">") => order.is_gt(),
            ("=" | ">" | ">=", ">=") | (">", ">" | "<>") => order.is_ge(),
            (">=", "<>") => order.is_gt(),
            ("<>", "<>") => order.is_eq(),
            _ => false,
        }
    }
}

/// How two constants stand to each other, if they are of one kind.
fn order_of(one: &Datum, other: &Datum) -> Option<Ordering> {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        (None, None) if std::mem::discriminant(one) == std::mem::discriminant(other) => Some(one.compare(other)),
        _ => None,
    }
}

fn integer(value: &Datum) -> Option<i64> {
    match value {
        Datum::Int2(value) => Some(i64::from(*value)),
        Datum::Int4(value) => Some(i64::from(*value)),
        Datum::Int8(value) => Some(*value),
        _ => None,
    }
}
