//! Expressions back to SQL, in the form in which PostgreSQL shows them (`ruleutils.c`): in `\d`, in EXPLAIN, and as the
//! catalog keeps defaults and CHECK constraints.
//!
//! Operators inside operators stand in parentheses; a conversion that the binder added is shown, except at the top.

use types::function::CALL_VARIADIC;
use types::sqltype::format_type;
use types::{Datum, Registry, Settings, SqlType, oid, text_io};

use super::expr::{BoolTest, CallExpr, Expr, MinMax, SubqueryKind, Subscript};
use super::plan::Field;
use crate::parse::quote_identifier;

/// How columns are called.
pub struct Names<'a> {
    /// The input row.
    pub fields: &'a [Field],
    /// Rows of the frames around, innermost last.
    pub frames: &'a [&'a [Field]],
    /// Whether a column is written with its table's name.
    pub qualified: bool,
    pub settings: &'a Settings,
}

/// The text of an expression over a row.
pub fn deparse(expr: &Expr, names: &Names<'_>) -> String {
    let top = match expr {
        Expr::Cast(cast) if !cast.shown => &cast.arg,
        other => other,
    };
    let mut out = String::new();
    write(top, names, &mut out);
    out
}

fn field_name(field: Option<&Field>, qualified: bool) -> String {
    let Some(field) = field else { return "?".to_owned() };
    match &field.relation {
        Some(relation) if qualified && !relation.is_empty() => {
            format!("{}.{}", quote_identifier(relation), quote_identifier(&field.name))
        }
        _ => quote_identifier(&field.name),
    }
}

/// A string as a literal. Backslashes stand for themselves, as with `standard_conforming_strings` they do.
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn constant(value: &Datum, ty: SqlType, settings: &Settings) -> String {
    if value.is_null() {
        let unknown = ty.oid == oid::UNKNOWN;
        return if unknown { "NULL".to_owned() } else { format!("NULL::{}", format_type(ty.oid, ty.typmod)) };
    }
    match (value, ty.oid) {
        (Datum::Bool(value), _) => value.to_string(),
        (Datum::Int4(value), oid::INT4) if *value >= 0 => value.to_string(),
        (Datum::Numeric(_), oid::NUMERIC) => {
            let text = text_io::to_text(value, ty, settings);
            if text.starts_with(|c: char| c.is_ascii_digit()) && ty.typmod < 0 {
                text
            } else {
                format!("'{text}'::{}", format_type(ty.oid, ty.typmod))
            }
        }
        (_, oid::UNKNOWN) => quote_literal(&text_io::to_text(value, SqlType::TEXT, settings)),
        _ => {
            let shown = format_type(ty.oid, -1);
            format!("{}::{shown}", quote_literal(&text_io::to_text(value, ty, settings)))
        }
    }
}

/// An operand: in parentheses unless it is simple.
fn operand(expr: &Expr, names: &Names<'_>, out: &mut String) {
    let bare = match expr {
        Expr::Call(call) => call.operator.is_none(),
        Expr::And(_)
        | Expr::Or(_)
        | Expr::Not(_)
        | Expr::IsNull { .. }
        | Expr::IsBool { .. }
        | Expr::IsDistinct { .. }
        | Expr::InList { .. }
        | Expr::AnyAll { .. }
        | Expr::RowCompare(_) => false,
        _ => true,
    };
    write_in_parentheses_unless(bare, expr, names, out);
}

fn write_in_parentheses_unless(bare: bool, expr: &Expr, names: &Names<'_>, out: &mut String) {
    if bare {
        write(expr, names, out);
    } else {
        out.push('(');
        write(expr, names, out);
        out.push(')');
    }
}

fn list(exprs: &[Expr], names: &Names<'_>, out: &mut String) {
    for (at, expr) in exprs.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write(expr, names, out);
    }
}

fn write(expr: &Expr, names: &Names<'_>, out: &mut String) {
    match expr {
        Expr::Const { value, ty } => out.push_str(&constant(value, *ty, names.settings)),
        Expr::Column { index, .. } => out.push_str(&field_name(names.fields.get(*index), names.qualified)),
        Expr::Outer { depth, index, .. } => {
            let frame = names.frames.len().checked_sub(depth + 1).map(|at| names.frames[at]);
            out.push_str(&field_name(frame.and_then(|fields| fields.get(*index)), true));
        }
        Expr::Param { index, .. } => out.push_str(&format!("${}", index + 1)),
        Expr::Call(call) => match (call.operator, call.args.as_slice()) {
            (Some(operator), [left, right]) => {
                operand(left, names, out);
                out.push_str(&format!(" {} ", operator.name));
                operand(right, names, out);
            }
            (Some(operator), [arg]) => {
                out.push_str(&format!("{} ", operator.name));
                operand(arg, names, out);
            }
            _ => {
                let special = matches!(call.function.name, "current_user" | "session_user" | "current_schema")
                    && call.args.is_empty();
                if special {
                    out.push_str(&call.function.name.to_ascii_uppercase());
                } else {
                    plain_call(call, names, out);
                }
            }
        },
        Expr::Cast(cast) => {
            operand_of_cast(&cast.arg, names, out);
            out.push_str(&format!("::{}", format_type(cast.to.oid, cast.to.typmod)));
        }
        Expr::And(terms) | Expr::Or(terms) => {
            let word = if matches!(expr, Expr::And(_)) { " AND " } else { " OR " };
            for (at, term) in terms.iter().enumerate() {
                if at > 0 {
                    out.push_str(word);
                }
                operand(term, names, out);
            }
        }
        Expr::Not(arg) => {
            out.push_str("NOT ");
            operand(arg, names, out);
        }
        Expr::IsNull { arg, negated } => {
            operand(arg, names, out);
            out.push_str(if *negated { " IS NOT NULL" } else { " IS NULL" });
        }
        Expr::IsBool { arg, test, negated } => {
            operand(arg, names, out);
            out.push_str(if *negated { " IS NOT " } else { " IS " });
            out.push_str(match test {
                BoolTest::True => "TRUE",
                BoolTest::False => "FALSE",
                BoolTest::Unknown => "UNKNOWN",
            });
        }
        Expr::IsDistinct { equal, negated } => {
            if let [left, right] = equal.args.as_slice() {
                operand(left, names, out);
                out.push_str(if *negated { " IS NOT DISTINCT FROM " } else { " IS DISTINCT FROM " });
                operand(right, names, out);
            }
        }
        Expr::Case(case) => {
            out.push_str("CASE");
            if let Some(operand) = &case.operand {
                out.push(' ');
                write(operand, names, out);
            }
            for arm in &case.arms {
                out.push_str(" WHEN ");
                match &arm.when {
                    Expr::Call(call) if case.operand.is_some() && call.args.len() == 2 => {
                        write(&call.args[1], names, out)
                    }
                    when => write(when, names, out),
                }
                out.push_str(" THEN ");
                write(&arm.then, names, out);
            }
            out.push_str(" ELSE ");
            write(&case.otherwise, names, out);
            out.push_str(" END");
        }
        Expr::CaseOperand { .. } => out.push_str("CASE_TEST_EXPR"),
        Expr::Coalesce { args, .. } => function("COALESCE", args, names, out),
        Expr::MinMax { which, args, .. } => {
            let name = if *which == MinMax::Greatest { "GREATEST" } else { "LEAST" };
            function(name, args, names, out);
        }
        Expr::NullIf { arg, equal } => {
            let args = [(**arg).clone(), equal.args[1].clone()];
            function("NULLIF", &args, names, out);
        }
        Expr::InList { arg, list: items, negated, operator } => {
            // PostgreSQL shows IN of constants as it keeps it: a comparison with an array.
            operand(arg, names, out);
            let constants = items.iter().all(|item| matches!(item, Expr::Const { .. }));
            let word = if *negated { "<> ALL" } else { "= ANY" };
            let ty = items.first().map_or(SqlType::TEXT, Expr::ty);
            let array = ty.array();
            if let (true, Some(array)) = (constants, array) {
                let values = items
                    .iter()
                    .map(|item| match item {
                        Expr::Const { value, .. } => value.clone(),
                        _ => Datum::Null,
                    })
                    .collect();
                let datum = Datum::array(ty.oid, values);
                out.push_str(&format!(" {word} ({})", constant(&datum, array, names.settings)));
            } else {
                out.push_str(&format!(" {word} (ARRAY["));
                list(items, names, out);
                out.push_str("])");
            }
            debug_assert_eq!(operator.name, "=");
        }
        Expr::AnyAll { left, array, operator, all } => {
            operand(left, names, out);
            out.push_str(&format!(" {} {} (", operator.name, if *all { "ALL" } else { "ANY" }));
            write(array, names, out);
            out.push(')');
        }
        Expr::Array { elements, ty, .. } => {
            out.push_str("ARRAY[");
            list(elements, names, out);
            out.push(']');
            // Without elements nothing else tells the type.
            if elements.is_empty() {
                out.push_str(&format!("::{}", format_type(ty.oid, -1)));
            }
        }
        Expr::Subscript { array, subscripts, .. } => {
            operand_of_cast(array, names, out);
            for subscript in subscripts {
                out.push('[');
                match subscript {
                    Subscript::Index(index) => write(index, names, out),
                    Subscript::Slice(lower, upper) => {
                        if let Some(lower) = lower {
                            write(lower, names, out);
                        }
                        out.push(':');
                        if let Some(upper) = upper {
                            write(upper, names, out);
                        }
                    }
                }
                out.push(']');
            }
        }
        Expr::Row { fields, .. } => function("ROW", fields, names, out),
        Expr::RowCompare(compare) => {
            function("ROW", &compare.left, names, out);
            out.push_str(&format!(" {} ", compare.operator));
            function("ROW", &compare.right, names, out);
        }
        Expr::Subquery(subquery) => match &subquery.kind {
            SubqueryKind::Exists => out.push_str("EXISTS(SubPlan)"),
            SubqueryKind::Scalar | SubqueryKind::Row { .. } => out.push_str("(SubPlan)"),
            SubqueryKind::Array => out.push_str("ARRAY(SubPlan)"),
            SubqueryKind::Any { all, .. } => out.push_str(if *all { "(ALL SubPlan)" } else { "(hashed SubPlan)" }),
        },
    }
}

/// `f(a, b)`. Arguments that were gathered in an array, or given as one, are marked: read again, they are one array.
fn plain_call(call: &CallExpr, names: &Names<'_>, out: &mut String) {
    let (function, args, array) = match call.args.as_slice() {
        // Which function it is stands before the arguments.
        [Expr::Const { value: Datum::Oid(oid), .. }, args @ ..] if call.function.oid == CALL_VARIADIC => {
            (Registry::builtin().function(*oid).unwrap_or(call.function), args, true)
        }
        args => (call.function, args, call.function.variadic && call.function.args.last() != Some(&oid::ANY)),
    };
    out.push_str(&quote_identifier(function.name));
    out.push('(');
    match args.split_last() {
        Some((last, others)) if array => {
            list(others, names, out);
            out.push_str(if others.is_empty() { "VARIADIC " } else { ", VARIADIC " });
            write(last, names, out);
        }
        _ => list(args, names, out),
    }
    out.push(')');
}

fn function(name: &str, args: &[Expr], names: &Names<'_>, out: &mut String) {
    out.push_str(name);
    out.push('(');
    list(args, names, out);
    out.push(')');
}

/// What stands before `::` or a bracket: parentheses unless it is a name or a call.
fn operand_of_cast(expr: &Expr, names: &Names<'_>, out: &mut String) {
    let plain = match expr {
        Expr::Column { .. } | Expr::Outer { .. } | Expr::Param { .. } => names.qualified,
        Expr::Call(call) => call.operator.is_none(),
        _ => false,
    };
    let bare = plain || matches!(expr, Expr::Cast(_)) || matches!(expr, Expr::Column { .. });
    write_in_parentheses_unless(bare, expr, names, out);
}
