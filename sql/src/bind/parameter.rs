//! Arguments that are given by the names of their parameters, and parameters with a default that are left out.

use types::{Datum, Error, Registry, Result, SqlState, SqlType};

use crate::bound::Expr;
use crate::parse::ast::FunctionCall;

/// A parameter's name, and the text of its default if it has one.
type Parameter = (&'static str, Option<&'static str>);

/// Functions that are called so, by name, with the parameters that PostgreSQL's `pg_proc` names.
const PARAMETERS: &[(&str, &[Parameter])] = &[
    ("jsonb_insert", &[("jsonb_in", None), ("path", None), ("replacement", None), ("insert_after", Some("false"))]),
    ("jsonb_set", &[("jsonb_in", None), ("path", None), ("replacement", None), ("create_if_missing", Some("true"))]),
    (
        "jsonb_set_lax",
        &[
            ("jsonb_in", None),
            ("path", None),
            ("replacement", None),
            ("create_if_missing", Some("true")),
            ("null_value_treatment", Some("use_json_null")),
        ],
    ),
    ("make_date", &[("year", None), ("month", None), ("day", None)]),
    (
        "make_interval",
        &[
            ("years", Some("0")),
            ("months", Some("0")),
            ("weeks", Some("0")),
            ("days", Some("0")),
            ("hours", Some("0")),
            ("mins", Some("0")),
            ("secs", Some("0")),
        ],
    ),
    ("make_time", &[("hour", None), ("min", None), ("sec", None)]),
    ("make_timestamp", MOMENT),
    ("make_timestamptz", MOMENT),
    (
        "make_timestamptz",
        &[
            ("year", None),
            ("month", None),
            ("mday", None),
            ("hour", None),
            ("min", None),
            ("sec", None),
            ("timezone", None),
        ],
    ),
    ("parse_ident", &[("str", None), ("strict", Some("true"))]),
    ("pg_promote", &[("wait", Some("true")), ("wait_seconds", Some("60"))]),
];

const MOMENT: &[Parameter] =
    &[("year", None), ("month", None), ("mday", None), ("hour", None), ("min", None), ("sec", None)];

/// Whether the parameters of a function have names.
pub(super) fn has_names(function: &str) -> bool {
    PARAMETERS.iter().any(|(name, _)| *name == function)
}

/// Checks that named arguments are last, and that no two have one name.
///
/// # Errors
/// 42601.
pub(super) fn check_names(call: &FunctionCall) -> Result<()> {
    let named = call.args.iter().filter_map(|arg| arg.name.as_ref());
    for (i, name) in named.clone().enumerate() {
        if named.clone().take(i).any(|other| other.name == name.name) {
            let message = format!("argument name \"{}\" used more than once", name.name);
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(name.pos + 1));
        }
    }
    let first = call.args.iter().position(|arg| arg.name.is_some()).unwrap_or(call.args.len());
    match call.args[first..].iter().find(|arg| arg.name.is_none()) {
        Some(arg) => {
            Err(Error::new(SqlState::SYNTAX_ERROR, "positional argument cannot follow named argument")
                .at(arg.expr.pos + 1))
        }
        None => Ok(()),
    }
}

/// The bound arguments of a call in the order of the parameters, with what was left out; `None` if no function fits.
pub(super) fn in_order(
    registry: &Registry,
    call: &FunctionCall,
    args: Vec<(Expr, u32)>,
    pos: u32,
) -> Option<Vec<(Expr, u32)>> {
    let function = call.name.object();
    if !has_names(function) {
        return Some(args);
    }
    let complete = registry.functions_named(function).iter().any(|known| known.args.len() == args.len());
    let named = call.args.iter().any(|arg| arg.name.is_some());
    if complete && !named {
        return Some(args);
    }
    let mut fitting = PARAMETERS.iter().filter(|(name, _)| *name == function);
    let (parameters, places) = fitting.find_map(|(_, parameters)| Some((parameters, places(parameters, call)?)))?;
    let left_out =
        |(_, default): &Parameter| default.map(|default| (Expr::constant(Datum::text(default), SqlType::UNKNOWN), pos));
    let mut ordered: Vec<Option<(Expr, u32)>> = parameters.iter().map(left_out).collect();
    for (place, arg) in places.into_iter().zip(args) {
        ordered[place] = Some(arg);
    }
    ordered.into_iter().collect()
}

/// Which parameter each argument is for; `None` unless each is for another, and those left over have a default.
fn places(parameters: &[Parameter], call: &FunctionCall) -> Option<Vec<usize>> {
    let mut places = Vec::with_capacity(call.args.len());
    for (i, arg) in call.args.iter().enumerate() {
        let place = match &arg.name {
            Some(name) => parameters.iter().position(|(known, _)| *known == name.name)?,
            None => i,
        };
        if place >= parameters.len() || places.contains(&place) {
            return None;
        }
        places.push(place);
    }
    let complete = parameters.iter().enumerate().all(|(i, (_, default))| default.is_some() || places.contains(&i));
    complete.then_some(places)
}
