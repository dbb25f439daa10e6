//! Functions, operators and casts against results printed by PostgreSQL 15 (`scripts/functions.golden`).

use types::cast::{cast, coerce_typmod};
use types::sqltype::type_by_name;
use types::{Call, Datum, Error, Registry, Result, Settings, SqlState, SqlType, text_io};

const GOLDEN: &str = include_str!("../scripts/functions.golden");

/// `numeric(5,2)`, `integer[]`, `text`.
fn type_named(name: &str) -> SqlType {
    if let Some(element) = name.strip_suffix("[]") {
        return type_named(element).array().expect("an array type");
    }
    let Some((base, modifier)) = name.strip_suffix(')').and_then(|name| name.split_once('(')) else {
        return type_by_name(name).unwrap_or_else(|| panic!("no type {name}"));
    };
    let numbers: Vec<i32> = modifier.split(',').map(|n| n.parse().expect("a number")).collect();
    match (base, numbers.as_slice()) {
        ("varchar", [n]) => SqlType::varchar(*n),
        ("char", [n]) => SqlType::bpchar(*n),
        ("numeric", [p, s]) => SqlType::numeric(*p, *s),
        ("interval", [p]) => SqlType::with_typmod(SqlType::INTERVAL.oid, 0x7fff << 16 | *p),
        (_, [n]) => SqlType::with_typmod(type_named(base).oid, *n),
        _ => panic!("no type {name}"),
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            }),
            _ => out.push(c),
        }
    }
    out
}

fn evaluate(kind: &str, name: &str, declared: &[SqlType], args: &[String]) -> Result<String> {
    let settings = Settings::default();
    let mut values = Vec::new();
    for (text, ty) in args.iter().zip(declared) {
        // A written cast of a literal: parsed without the modifier, then cut by it.
        let value = text_io::parse(text, SqlType::of(ty.oid), &settings)?;
        values.push(coerce_typmod(value, *ty, true)?);
    }
    let shown = |value: &Datum, ty: SqlType| {
        if value.is_null() { "<null>".to_string() } else { text_io::to_text(value, ty, &settings) }
    };
    if kind == "c" {
        let target = type_named(name);
        return Ok(shown(&cast(&values[0], declared[0], target, &settings, true)?, target));
    }
    let oids: Vec<u32> = declared.iter().map(|ty| ty.oid).collect();
    let registry = Registry::builtin();
    let (function, arg_types, result) = if kind == "f" {
        let found = registry.resolve_function(name, &oids)?;
        (found.function, found.arg_types, found.result)
    } else {
        let found = registry.resolve_operator(name, Some(oids[0]), oids[1])?;
        (found.operator.function, found.arg_types, found.result)
    };
    let types: Vec<SqlType> = arg_types.iter().map(|oid| SqlType::of(*oid)).collect();
    for ((value, from), to) in values.iter_mut().zip(declared).zip(&types) {
        *value = cast(value, *from, *to, &settings, false)?;
    }
    let result = SqlType::of(result);
    let value = function.call(&mut Call::new(&values, &types, result, &settings))?;
    Ok(shown(&value, result))
}

#[test]
fn results_are_those_of_postgresql() {
    let mut wrong = Vec::new();
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [kind, name, types, args @ .., expected] = fields.as_slice() else { panic!("a short line: {line}") };
        // A modifier has commas of its own, but only a cast's source could carry one.
        let declared: Vec<SqlType> = types.split(',').map(type_named).collect();
        let args: Vec<String> = args.iter().map(|arg| unescape(arg)).collect();
        let found = evaluate(kind, name, &declared, &args);
        let found = found.unwrap_or_else(|error: Error| format!("ERROR {}", error.sqlstate));
        if found != unescape(expected) {
            wrong.push(format!("{line}\n    found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ from PostgreSQL:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn set_functions_return_their_rows() {
    let settings = Settings::default();
    let found = Registry::builtin().resolve_function("generate_series", &[23, 23, 23]).expect("a function");
    let args = [Datum::Int4(1), Datum::Int4(7), Datum::Int4(3)];
    let types = [SqlType::INT4; 3];
    let rows = found.function.call_set(&mut Call::new(&args, &types, SqlType::INT4, &settings)).expect("a set");
    let rows: Vec<Datum> = rows.map(|row| row.expect("in range")).collect();
    assert_eq!(rows, [Datum::Int4(1), Datum::Int4(4), Datum::Int4(7)]);
    let zero = [Datum::Int4(1), Datum::Int4(7), Datum::Int4(0)];
    let error = found.function.call_set(&mut Call::new(&zero, &types, SqlType::INT4, &settings)).err();
    assert_eq!(error.map(|error| error.sqlstate), Some(SqlState::INVALID_PARAMETER_VALUE));
}
