//! [`is_brief`]: whether an expression may be evaluated under the latch of a page.
//!
//! **Rule.** Who holds a leaf's latch holds up everyone who comes to that leaf, and the threads they run on; and no cancel
//! reaches it. So under a latch only that is evaluated whose time is bounded by the size of the expression and of the values
//! at hand, as copying the row is: columns, parameters and constants; operators on types of fixed width; comparing, adding
//! and subtracting numbers of any length, and comparing or cutting strings. A pattern match, a product of long numbers, a
//! function that makes a text as long as it is told to: these are for before the latch.

use types::oid;
use types::operator::Operator;
use types::resolve::Coercion;
use types::{Function, SqlType, Volatility};

use crate::bound::{CallExpr, CastExpr, Expr};

/// Whether all values of a type take the same few bytes.
fn has_fixed_width(ty: SqlType) -> bool {
    matches!(
        ty.oid,
        oid::BOOL
            | oid::INT2
            | oid::INT4
            | oid::INT8
            | oid::FLOAT4
            | oid::FLOAT8
            | oid::OID
            | oid::DATE
            | oid::TIME
            | oid::TIMESTAMP
            | oid::TIMESTAMPTZ
            | oid::INTERVAL
            | oid::UUID
    )
}

/// Whether values are compared, cut, added and subtracted in a time that their width bounds.
fn is_plain(ty: SqlType) -> bool {
    has_fixed_width(ty) || matches!(ty.oid, oid::NUMERIC | oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::BYTEA)
}

fn is_plain_operator(operator: &Operator) -> bool {
    matches!(operator.name, "=" | "<>" | "<" | "<=" | ">" | ">=" | "+" | "-")
}

fn is_brief_function(function: &Function, operator: Option<&Operator>, args: &[Expr], result: SqlType) -> bool {
    if function.volatility == Volatility::Volatile || function.returns_set {
        return false;
    }
    let fixed = has_fixed_width(result) && args.iter().all(|arg| has_fixed_width(arg.ty()));
    match operator {
        Some(operator) => {
            fixed || is_plain_operator(operator) && is_plain(result) && args.iter().all(|arg| is_plain(arg.ty()))
        }
        // Of what is only stable, the time of day and its kin; not what looks something up.
        None => fixed && (function.volatility == Volatility::Immutable || args.is_empty()),
    }
}

fn is_brief_call(call: &CallExpr) -> bool {
    is_brief_function(call.function, call.operator, &call.args, call.ty) && call.args.iter().all(is_brief)
}

fn is_brief_cast(cast: &CastExpr) -> bool {
    let (from, to) = (cast.arg.ty(), cast.to);
    let is_number = |ty: SqlType| has_fixed_width(ty) || ty.oid == oid::NUMERIC;
    let converts = match cast.coercion {
        Coercion::Relabel => true,
        Coercion::Cast(_) => is_number(from) && is_number(to) || from.is_string() && to.is_string(),
        Coercion::Text | Coercion::Elements => false,
    };
    // Cutting to a length or a precision: of plain values alone.
    converts && (to.typmod == -1 || is_plain(to)) && is_brief(&cast.arg)
}

/// Whether evaluating an expression is bounded as copying its values is; see the head of this file.
pub(super) fn is_brief(expr: &Expr) -> bool {
    match expr {
        Expr::Const { .. } | Expr::Column { .. } | Expr::Param { .. } | Expr::CaseOperand { .. } => true,
        Expr::Call(call) => is_brief_call(call),
        Expr::Cast(cast) => is_brief_cast(cast),
        Expr::And(terms) | Expr::Or(terms) => terms.iter().all(is_brief),
        Expr::Not(arg) | Expr::IsNull { arg, .. } | Expr::IsBool { arg, .. } => is_brief(arg),
        Expr::IsDistinct { equal, .. } => is_brief_call(equal),
        Expr::Case(case) => {
            let arms = case.arms.iter().all(|arm| is_brief(&arm.when) && is_brief(&arm.then));
            arms && case.operand.iter().all(is_brief) && is_brief(&case.otherwise)
        }
        Expr::Coalesce { args, .. } => args.iter().all(is_brief),
        Expr::NullIf { arg, equal } => is_brief(arg) && is_brief_call(equal),
        Expr::MinMax { args, ty, .. } => is_plain(*ty) && args.iter().all(is_brief),
        Expr::InList { arg, list, operator, .. } => {
            is_plain_operator(operator) && is_plain(arg.ty()) && is_brief(arg) && list.iter().all(is_brief)
        }
        Expr::Outer { .. }
        | Expr::AnyAll { .. }
        | Expr::Array { .. }
        | Expr::Subscript { .. }
        | Expr::Row { .. }
        | Expr::RowCompare(_)
        | Expr::Subquery(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bind::{BindContext, bind};
    use crate::bound::{Node, Statement};
    use crate::catalog::build::{initial_schemas, initial_shared, snapshot};
    use crate::catalog::codec::Object;
    use crate::catalog::well_known;
    use types::Settings;

    /// Whether `select` of this is brief; `$1` is of the type that its cast names.
    fn brief(text: &str) -> bool {
        let objects = initial_shared().into_iter().chain(initial_schemas().into_iter().map(Object::Schema));
        let catalog = std::sync::Arc::new(snapshot(1, well_known::POSTGRES_DATABASE, objects));
        let settings = Settings::default();
        let registry = crate::functions::registry();
        let context = BindContext { catalog: &catalog, registry, settings: &settings, unseen: &[] };
        let text = format!("select {text}");
        let parsed = crate::parse::parse(&text).expect("it parses").remove(0);
        let bound = bind(&parsed, &text, context, &[]).unwrap_or_else(|error| panic!("{text}: {error}"));
        let Statement::Query(query) = bound.statement else { panic!("{text} is no query") };
        match &query.plan.node {
            Node::Project { exprs, .. } => exprs.iter().all(is_brief),
            Node::Values(rows) => rows.iter().flatten().all(is_brief),
            _ => panic!("{text} is more than an expression"),
        }
    }

    #[test]
    fn what_keyed_updates_are_made_of_is_brief() {
        for text in [
            "$1::int + 7",
            "$1::int8 - 1 > 0 and $2::bool is not true",
            "$1::numeric(12,2) + 3",
            "$1::numeric - $2::numeric",
            "case when $1::numeric <= 100 then $2::int else $2 + 91 end",
            "$1::text",
            "$1::char(120)",
            "$1::text::varchar(20)",
            "$1::text = 'x'",
            "$1::jsonb",
            "now()",
            "current_timestamp",
            "$1::timestamptz + interval '1 day'",
            "coalesce($1::text, 'nothing')",
            "greatest($1::int, 3)",
            "$1::int in (1, 2, 3)",
            "abs($1::int) % 10",
            "nullif($1::int, 1)",
            "$1::int is distinct from 4",
            "$1::int::numeric",
            "true",
        ] {
            assert!(brief(text), "{text}");
        }
    }

    #[test]
    fn what_can_take_long_is_not() {
        for text in [
            "$1::text like $2::text",
            "$1::text ~ 'a*b'",
            "repeat($1::text, 1000000)",
            "$1::text || 'x'",
            "length($1::text)",
            "$1::numeric * $2::numeric",
            "$1::numeric / 7",
            "power($1::numeric, 100000)",
            "$1::jsonb = $2::jsonb",
            "$1::text::int",
            "$1::int::text",
            "$1::int = any($2::int[])",
            "array[$1::int]",
            "random()",
            "1 + case when $1::text like 'a%' then 1 else 2 end",
            "coalesce($1::text, upper($2::text))",
            "($1::text like 'a') is not null",
            "not ($1::text like 'a')",
            "$1::int in (1, length($2::text))",
            "(select 1)",
            "least($1::jsonb, $2::jsonb)",
        ] {
            assert!(!brief(text), "{text}");
        }
    }
}
