//! What may be evaluated over rows that a view with `security_barrier` hides.
//!
//! A condition that fails, or says something, tells of the row that it was evaluated over. Comparisons of most types do
//! neither.
//!
//! **Source.** `proleakproof` in PostgreSQL's `pg_proc`, of which these are the comparisons, without those of two types
//! that are not both integers.

use crate::bound::{Expr, walk};
use types::oid;
use types::operator::Operator;
use types::resolve::Coercion;

/// Beside the integers.
const TYPES: &[u32] = &[
    oid::BOOL,
    oid::FLOAT4,
    oid::FLOAT8,
    oid::OID,
    oid::TEXT,
    oid::BPCHAR,
    oid::NAME,
    oid::BYTEA,
    oid::DATE,
    oid::TIME,
    oid::TIMESTAMP,
    oid::TIMESTAMPTZ,
    oid::INTERVAL,
    oid::UUID,
];

/// Whether evaluating an expression tells nothing but its value.
pub fn is_leakproof(expr: &Expr) -> bool {
    let mut leakproof = true;
    walk::visit(expr, &mut |part| {
        leakproof &= match part {
            Expr::Const { .. }
            | Expr::Column { .. }
            | Expr::Outer { .. }
            | Expr::Param { .. }
            | Expr::And(_)
            | Expr::Or(_)
            | Expr::Not(_)
            | Expr::IsNull { .. }
            | Expr::IsBool { .. } => true,
            Expr::Cast(cast) => matches!(cast.coercion, Coercion::Relabel) && cast.to.typmod < 0,
            Expr::Call(call) => call.operator.is_some_and(compares),
            Expr::InList { operator, .. } | Expr::AnyAll { operator, .. } => compares(operator),
            _ => false,
        }
    });
    leakproof
}

/// Whether an operator is a comparison that never fails.
fn compares(operator: &Operator) -> bool {
    let is_integer = |ty: u32| matches!(ty, oid::INT2 | oid::INT4 | oid::INT8);
    let fits = operator.left.is_some_and(|left| {
        left == operator.right && TYPES.contains(&left) || is_integer(left) && is_integer(operator.right)
    });
    fits && matches!(operator.name, "=" | "<>" | "<" | "<=" | ">" | ">=")
}
