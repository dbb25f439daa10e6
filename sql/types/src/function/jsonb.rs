//! Functions of jsonb alone: containment, changes, and its conversions to scalars.

use super::args::invalid_parameter;
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result};
use crate::json::path::{self, Change};
use crate::json::{Json, Jsonb};
use crate::numeric::Numeric;
use crate::sqltype::oid::*;

fn tree(call: &Call<'_>, i: usize) -> Result<Json> {
    match call.arg(i) {
        Datum::Jsonb(value) => value.tree(),
        other => Err(Error::internal(format!("argument {} is {other:?}, expected jsonb", i + 1))),
    }
}

fn datum(tree: &Json) -> Result<Datum> {
    Ok(Datum::Jsonb(Jsonb::from(tree)))
}

/// The elements of an array of text, null for null.
fn texts<'a>(call: &Call<'a>, i: usize) -> Result<Vec<Option<&'a str>>> {
    Ok(call.array(i)?.elements.iter().map(Datum::as_str).collect())
}

fn contains(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(tree(call, 0)?.contains(&tree(call, 1)?)))
}

fn contained(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(tree(call, 1)?.contains(&tree(call, 0)?)))
}

fn exists(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(tree(call, 0)?.has(call.str(1)?)))
}

fn exists_any(call: &mut Call<'_>) -> Result<Datum> {
    let value = tree(call, 0)?;
    Ok(Datum::Bool(texts(call, 1)?.into_iter().flatten().any(|key| value.has(key))))
}

fn exists_all(call: &mut Call<'_>) -> Result<Datum> {
    let value = tree(call, 0)?;
    Ok(Datum::Bool(texts(call, 1)?.into_iter().flatten().all(|key| value.has(key))))
}

/// The operator `||`: members of both objects, else elements of both arrays, where anything else is an array of one.
fn concat(call: &mut Call<'_>) -> Result<Datum> {
    let elements = |tree: Json| match tree {
        Json::Array(elements) => elements,
        single => vec![single],
    };
    datum(&match (tree(call, 0)?, tree(call, 1)?) {
        (Json::Object(mut members), Json::Object(more)) => {
            members.extend(more);
            Json::object(members)
        }
        (left, right) => {
            let mut joined = elements(left);
            joined.extend(elements(right));
            Json::Array(joined)
        }
    })
}

/// A container without the members, or the strings, that have one of these names.
fn without(tree: Json, names: &[&str]) -> Result<Datum> {
    datum(&match tree {
        Json::Object(mut members) => {
            members.retain(|(key, _)| !names.contains(&key.as_str()));
            Json::Object(members)
        }
        Json::Array(mut elements) => {
            elements.retain(|element| !matches!(element, Json::String(text) if names.contains(&text.as_str())));
            Json::Array(elements)
        }
        _ => return Err(invalid_parameter("cannot delete from scalar")),
    })
}

fn delete_name(call: &mut Call<'_>) -> Result<Datum> {
    without(tree(call, 0)?, &[call.str(1)?])
}

fn delete_names(call: &mut Call<'_>) -> Result<Datum> {
    let names: Vec<&str> = texts(call, 1)?.into_iter().flatten().collect();
    without(tree(call, 0)?, &names)
}

fn delete_element(call: &mut Call<'_>) -> Result<Datum> {
    let index = call.i64(1)?;
    match tree(call, 0)? {
        Json::Array(mut elements) => {
            let at = if index < 0 { index + elements.len() as i64 } else { index };
            if let Some(at) = usize::try_from(at).ok().filter(|at| *at < elements.len()) {
                elements.remove(at);
            }
            datum(&Json::Array(elements))
        }
        Json::Object(_) => Err(invalid_parameter("cannot delete from object using integer index")),
        _ => Err(invalid_parameter("cannot delete from scalar")),
    }
}

fn change(call: &Call<'_>, new: &Json, how: Change) -> Result<Datum> {
    let value = tree(call, 0)?;
    if value.is_scalar() {
        let what = if how == Change::Delete { "cannot delete path in scalar" } else { "cannot set path in scalar" };
        return Err(invalid_parameter(what));
    }
    datum(&path::change(value, &texts(call, 1)?, new, how)?)
}

fn delete_path(call: &mut Call<'_>) -> Result<Datum> {
    change(call, &Json::Null, Change::Delete)
}

fn set(call: &mut Call<'_>) -> Result<Datum> {
    let adds = call.args.len() < 4 || call.bool(3)?;
    change(call, &tree(call, 2)?, if adds { Change::Set } else { Change::Replace })
}

fn insert(call: &mut Call<'_>) -> Result<Datum> {
    let after = call.args.len() > 3 && call.bool(3)?;
    change(call, &tree(call, 2)?, if after { Change::InsertAfter } else { Change::InsertBefore })
}

fn pretty(call: &mut Call<'_>) -> Result<Datum> {
    let mut out = String::new();
    tree(call, 0)?.write_pretty(0, &mut out);
    Ok(Datum::Text(out.into()))
}

/// The number in a jsonb that is cast to a type of numbers, or the boolean.
///
/// # Errors
/// 22023 when it holds something else.
pub(crate) fn scalar(value: &Jsonb, target: u32) -> Result<Datum> {
    let tree = value.tree()?;
    match (&tree, target) {
        (Json::Bool(value), BOOL) => return Ok(Datum::Bool(*value)),
        (Json::Number(value), _) if target != BOOL => return Ok(Datum::Numeric(Numeric::clone(value))),
        _ => {}
    }
    let what = match tree {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "numeric",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    let target = crate::sqltype::format_type(target, -1);
    Err(invalid_parameter(format!("cannot cast jsonb {what} to type {target}")))
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(2580, "float8", &[JSONB], FLOAT8, crate::cast::convert),
    Function::strict(3301, "jsonb_concat", &[JSONB, JSONB], JSONB, concat),
    Function::strict(3302, "jsonb_delete", &[JSONB, TEXT], JSONB, delete_name),
    Function::strict(3303, "jsonb_delete", &[JSONB, INT4], JSONB, delete_element),
    Function::strict(3304, "jsonb_delete_path", &[JSONB, TEXT_ARRAY], JSONB, delete_path),
    Function::strict(3305, "jsonb_set", &[JSONB, TEXT_ARRAY, JSONB, BOOL], JSONB, set),
    Function::strict(15_931, "jsonb_set", &[JSONB, TEXT_ARRAY, JSONB], JSONB, set),
    Function::strict(3306, "jsonb_pretty", &[JSONB], TEXT, pretty),
    Function::strict(3343, "jsonb_delete", &[JSONB, TEXT_ARRAY], JSONB, delete_names).variadic(),
    Function::strict(3449, "numeric", &[JSONB], NUMERIC, crate::cast::convert),
    Function::strict(3450, "int2", &[JSONB], INT2, crate::cast::convert),
    Function::strict(3451, "int4", &[JSONB], INT4, crate::cast::convert),
    Function::strict(3452, "int8", &[JSONB], INT8, crate::cast::convert),
    Function::strict(3453, "float4", &[JSONB], FLOAT4, crate::cast::convert),
    Function::strict(3556, "bool", &[JSONB], BOOL, crate::cast::convert),
    Function::strict(3579, "jsonb_insert", &[JSONB, TEXT_ARRAY, JSONB, BOOL], JSONB, insert),
    Function::strict(15_932, "jsonb_insert", &[JSONB, TEXT_ARRAY, JSONB], JSONB, insert),
    Function::strict(4046, "jsonb_contains", &[JSONB, JSONB], BOOL, contains),
    Function::strict(4047, "jsonb_exists", &[JSONB, TEXT], BOOL, exists),
    Function::strict(4048, "jsonb_exists_any", &[JSONB, TEXT_ARRAY], BOOL, exists_any),
    Function::strict(4049, "jsonb_exists_all", &[JSONB, TEXT_ARRAY], BOOL, exists_all),
    Function::strict(4050, "jsonb_contained", &[JSONB, JSONB], BOOL, contained),
];
