//! Functions of jsonb alone: containment, changes, and its conversions to scalars.

use super::args::invalid_parameter;
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
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
    Jsonb::try_from(tree).map(Datum::Jsonb)
}

/// The elements of an array of text, null for null.
fn texts<'a>(call: &Call<'a>, i: usize) -> Result<Vec<Option<&'a str>>> {
    Ok(call.array(i)?.elements.iter().map(Datum::as_str).collect())
}

/// As [`texts`], of an array that must be a plain list: of the keys to delete, or of those on a path.
///
/// # Errors
/// 2202E for an array of several dimensions.
fn list_of_texts<'a>(call: &Call<'a>, i: usize) -> Result<Vec<Option<&'a str>>> {
    if call.array(i)?.dims.len() > 1 {
        return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts"));
    }
    texts(call, i)
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
    let names: Vec<&str> = list_of_texts(call, 1)?.into_iter().flatten().collect();
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
    let steps = list_of_texts(call, 1)?;
    let value = tree(call, 0)?;
    if value.is_scalar() {
        let what = if how == Change::Delete { "cannot delete path in scalar" } else { "cannot set path in scalar" };
        return Err(invalid_parameter(what));
    }
    // In an empty one there is nothing that a path could lead to.
    let empty = matches!(&value, Json::Array(elements) if elements.is_empty())
        || matches!(&value, Json::Object(members) if members.is_empty());
    if empty && matches!(how, Change::Delete | Change::Replace) {
        return datum(&value);
    }
    datum(&path::change(value, &steps, new, how)?)
}

fn delete_path(call: &mut Call<'_>) -> Result<Datum> {
    change(call, &Json::Null, Change::Delete)
}

fn set(call: &mut Call<'_>) -> Result<Datum> {
    let adds = call.args.len() < 4 || call.bool(3)?;
    change(call, &tree(call, 2)?, if adds { Change::Set } else { Change::Replace })
}

/// jsonb_set with a last argument that says what a null as the new value means.
fn set_lax(call: &mut Call<'_>) -> Result<Datum> {
    if [0, 1, 3].into_iter().any(|i| call.arg(i).is_null()) {
        return Ok(Datum::Null);
    }
    let adds = call.bool(3)?;
    let change_to = |new: &Json| change(call, new, if adds { Change::Set } else { Change::Replace });
    let treatment = call.arg(4).as_str();
    if treatment.is_some() && !call.arg(2).is_null() {
        return change_to(&tree(call, 2)?);
    }
    match treatment {
        Some("raise_exception") => Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "JSON value must not be null")
            .detail("Exception was raised because null_value_treatment is \"raise_exception\".")
            .hint(
                "To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.",
            )),
        Some("use_json_null") => change_to(&Json::Null),
        Some("delete_key") => delete_path(call),
        Some("return_target") => Ok(call.arg(0).clone()),
        _ => Err(invalid_parameter(
            "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \
             \"raise_exception\"",
        )),
    }
}

fn insert(call: &mut Call<'_>) -> Result<Datum> {
    let after = call.args.len() > 3 && call.bool(3)?;
    change(call, &tree(call, 2)?, if after { Change::InsertAfter } else { Change::InsertBefore })
}

/// A jsonb with parts changed: what assignments to `json['key'][0]` are bound to. An oid of our own.
///
/// Behind the jsonb stand three arguments for each part, more than a caller can give: the part, the path to it, and
/// whether a null becomes an array rather than an object.
pub const SET_JSONB_PARTS: u32 = 15_938;

fn set_parts(call: &mut Call<'_>) -> Result<Datum> {
    let mut value = if call.arg(0).is_null() { None } else { Some(tree(call, 0)?) };
    for at in (1..call.args.len()).step_by(3) {
        // Each of many parts may cost as much as the whole.
        call.settings.check_cancel_now()?;
        let path = texts(call, at + 1)?;
        if path.contains(&None) {
            let message = "jsonb subscript in assignment must not be null";
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
        }
        let new = if call.arg(at).is_null() { Json::Null } else { tree(call, at)? };
        let whole = match value {
            Some(whole) => whole,
            None if call.bool(at + 2)? => Json::Array(Vec::new()),
            None => Json::Object(Vec::new()),
        };
        // What many parts make together is no more than what one may make.
        whole.check_size()?;
        value = Some(path::change(whole, &path, &new, Change::Assign)?);
    }
    value.map_or(Ok(Datum::Null), |value| datum(&value))
}

fn pretty(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Text(tree(call, 0)?.to_text(true)?.into()))
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
    let target = crate::sqltype::SqlType::of(target).name();
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
    Function::strict(5054, "jsonb_set_lax", &[JSONB, TEXT_ARRAY, JSONB, BOOL, TEXT], JSONB, set_lax).called_on_null(),
    Function::strict(SET_JSONB_PARTS, "jsonb_set_parts", &[JSONB, JSONB, TEXT_ARRAY, BOOL], JSONB, set_parts).called_on_null(),
    Function::strict(4046, "jsonb_contains", &[JSONB, JSONB], BOOL, contains),
    Function::strict(4047, "jsonb_exists", &[JSONB, TEXT], BOOL, exists),
    Function::strict(4048, "jsonb_exists_any", &[JSONB, TEXT_ARRAY], BOOL, exists_any),
    Function::strict(4049, "jsonb_exists_all", &[JSONB, TEXT_ARRAY], BOOL, exists_all),
    Function::strict(4050, "jsonb_contained", &[JSONB, JSONB], BOOL, contained),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::settings::Settings;
    use crate::sqltype::SqlType;

    #[test]
    fn an_assignment_to_parts_is_cancelled() {
        let settings = Settings { is_cancelled: Some(Arc::new(|| true)), ..Settings::default() };
        let path = Datum::array(TEXT, vec![Datum::text("a")]);
        let args = [Datum::Null, Datum::Null, path, Datum::Bool(false)];
        let result = set_parts(&mut Call::new(&args, &[], SqlType::JSONB, &settings));
        assert_eq!(result.err().map(|error| error.sqlstate), Some(SqlState::QUERY_CANCELED));
    }
}
