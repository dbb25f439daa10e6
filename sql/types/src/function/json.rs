//! Functions of json and jsonb alike: looking into values, and making them of others.
//!
//! Where the two types give different answers to the same question (`json_each` of an array), it is PostgreSQL that does.

use super::args::invalid_parameter;
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::json::scan::{self, Kind, Walk};
use crate::json::{Json, Jsonb, write};
use crate::sqltype::oid::*;
use crate::sqltype::{SqlType, oid};

/// Rows of this crate's own, for PostgreSQL's functions with defaults and for what has no function there.
pub const JSON_OF_ROW: u32 = 15_930;

/// The text of a json or jsonb.
fn text_of(value: &Datum) -> Result<&str> {
    match value {
        Datum::Jsonb(value) => Ok(value.as_str()),
        Datum::Text(value) => Ok(value),
        other => Err(Error::internal(format!("an argument is {other:?}, expected json"))),
    }
}

pub(super) fn text<'a>(call: &Call<'a>, i: usize) -> Result<&'a str> {
    text_of(call.arg(i))
}

/// A part of a json or jsonb, of the type of the whole.
fn part_of(whole: &Datum, part: &str) -> Datum {
    if matches!(whole, Datum::Jsonb(_)) { Datum::Jsonb(Jsonb::from_canonical(part)) } else { Datum::text(part) }
}

fn is_jsonb(call: &Call<'_>) -> bool {
    matches!(call.arg(0), Datum::Jsonb(_))
}

/// A part as json, or as text.
fn shown(whole: &Datum, part: &str, as_text: bool) -> Result<Datum> {
    if as_text { scan::as_text(part).map(text_datum) } else { Ok(part_of(whole, part)) }
}

/// A part as json, or as text where the function gives text.
fn answer(call: &Call<'_>, found: Option<&str>) -> Result<Datum> {
    found.map_or(Ok(Datum::Null), |found| shown(call.arg(0), found, call.result.oid == oid::TEXT))
}

fn text_datum(text: Option<String>) -> Datum {
    text.map_or(Datum::Null, |text| Datum::Text(text.into()))
}

/// The rows that `row` makes of the argument, each when it is asked for, until there is none.
pub(super) fn rows<F>(call: &mut Call<'_>, mut row: F) -> Result<Datum>
where
    F: FnMut(&Datum, &str) -> Result<Option<Datum>> + Send + 'static,
{
    let value = call.arg(0).clone();
    call.return_set(Box::new(std::iter::from_fn(move || {
        text_of(&value).and_then(|text| row(&value, text)).transpose()
    })))
}

fn object_field(call: &mut Call<'_>) -> Result<Datum> {
    let found = scan::member(text(call, 0)?, call.str(1)?)?;
    answer(call, found)
}

fn array_element(call: &mut Call<'_>) -> Result<Datum> {
    let (value, index) = (text(call, 0)?, call.i64(1)?);
    // To PostgreSQL a jsonb that is a scalar is an array of one.
    let found = match is_jsonb(call) && matches!(index, 0 | -1) && scan::kind(value)?.is_scalar() {
        true => Some(value),
        false => scan::element(value, index)?,
    };
    answer(call, found)
}

fn extract_path(call: &mut Call<'_>) -> Result<Datum> {
    let path = call.array(1)?;
    let Some(path) = path.elements.iter().map(Datum::as_str).collect::<Option<Vec<&str>>>() else {
        return Ok(Datum::Null);
    };
    let found = scan::at_path(text(call, 0)?, &path)?;
    answer(call, found)
}

fn type_of(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::text(scan::kind(text(call, 0)?)?.name()))
}

fn array_length(call: &mut Call<'_>) -> Result<Datum> {
    let value = text(call, 0)?;
    match scan::length(value)? {
        Some(length) => Ok(Datum::Int4(length as i32)),
        None if scan::kind(value)?.is_scalar() => Err(invalid_parameter("cannot get array length of a scalar")),
        None => Err(invalid_parameter("cannot get array length of a non-array")),
    }
}

fn object_keys(call: &mut Call<'_>) -> Result<Datum> {
    let value = text(call, 0)?;
    let Some(mut walk) = Walk::object(value)? else {
        let name = if is_jsonb(call) { "jsonb_object_keys" } else { "json_object_keys" };
        let what = if scan::kind(value)? == Kind::Array { "an array" } else { "a scalar" };
        return Err(invalid_parameter(format!("cannot call {name} on {what}")));
    };
    rows(call, move |_, text| Ok(walk.member(text)?.map(|(key, _)| Datum::Text(key.into()))))
}

fn array_elements(call: &mut Call<'_>) -> Result<Datum> {
    let value = text(call, 0)?;
    let Some(mut walk) = Walk::array(value)? else {
        let scalar = scan::kind(value)?.is_scalar();
        return Err(invalid_parameter(match (is_jsonb(call), scalar) {
            (true, true) => "cannot extract elements from a scalar".to_owned(),
            (true, false) => "cannot extract elements from an object".to_owned(),
            (false, _) => {
                let name = if call.result.oid == TEXT { "json_array_elements_text" } else { "json_array_elements" };
                format!("cannot call {name} on a {}", if scalar { "scalar" } else { "non-array" })
            }
        }));
    };
    let as_text = call.result.oid == TEXT;
    rows(call, move |whole, text| walk.element(text)?.map(|element| shown(whole, element, as_text)).transpose())
}

fn each_as(call: &mut Call<'_>, as_text: bool) -> Result<Datum> {
    let value = text(call, 0)?;
    let Some(mut walk) = Walk::object(value)? else {
        return Err(invalid_parameter(match (is_jsonb(call), scan::kind(value)?) {
            (true, _) => format!("cannot call jsonb_each{} on a non-object", if as_text { "_text" } else { "" }),
            (false, Kind::Array) => "cannot deconstruct an array as an object".to_owned(),
            (false, _) => "cannot deconstruct a scalar".to_owned(),
        }));
    };
    rows(call, move |whole, text| {
        let Some((key, value)) = walk.member(text)? else { return Ok(None) };
        Ok(Some(Datum::Record([Datum::Text(key.into()), shown(whole, value, as_text)?].into())))
    })
}

fn each(call: &mut Call<'_>) -> Result<Datum> {
    each_as(call, false)
}

fn each_text(call: &mut Call<'_>) -> Result<Datum> {
    each_as(call, true)
}

/// Text made for a result of type json or jsonb.
fn made(call: &Call<'_>, text: String) -> Result<Datum> {
    if call.result.oid == JSONB { Jsonb::parse(&text).map(Datum::Jsonb) } else { Ok(Datum::Text(text.into())) }
}

fn to_json(call: &mut Call<'_>) -> Result<Datum> {
    let pretty = call.args.len() > 1 && call.bool(1)?;
    let mut out = String::new();
    write::value(call.arg(0), call.arg_type(0), call.settings, pretty, &mut out)?;
    Ok(Datum::Text(out.into()))
}

fn to_jsonb(call: &mut Call<'_>) -> Result<Datum> {
    write::to_jsonb(call.arg(0), call.arg_type(0), call.settings).map(Datum::Jsonb)
}

/// A row as an object: whether to use line feeds, the names of its fields, then the fields.
fn json_of_row(call: &mut Call<'_>) -> Result<Datum> {
    let pretty = call.bool(0)?;
    let names = call.array(1)?;
    let names = names.elements.iter().map(|name| name.as_str().unwrap_or(""));
    let fields = (2..call.args.len()).map(|i| (call.arg(i), call.arg_type(i)));
    let mut out = String::new();
    write::object(names.zip(fields), call.settings, pretty, &mut out)?;
    Ok(Datum::Text(out.into()))
}

fn build_array(call: &mut Call<'_>) -> Result<Datum> {
    let mut out = String::from("[");
    for i in 0..call.args.len() {
        out.push_str(if i > 0 { ", " } else { "" });
        write::value(call.arg(i), call.arg_type(i), call.settings, false, &mut out)?;
    }
    out.push(']');
    made(call, out)
}

fn build_object(call: &mut Call<'_>) -> Result<Datum> {
    let binary = call.result.oid == JSONB;
    if !call.args.len().is_multiple_of(2) {
        let name = if binary { "jsonb_build_object()" } else { "json_build_object()" };
        return Err(invalid_parameter("argument list must have even number of elements")
            .hint(format!("The arguments of {name} must consist of alternating keys and values.")));
    }
    let mut out = String::from("{");
    for i in (0..call.args.len()).step_by(2) {
        out.push_str(if i > 0 { ", " } else { "" });
        if call.arg(i).is_null() {
            return Err(if binary {
                invalid_parameter(format!("argument {}: key must not be null", i + 1))
            } else {
                invalid_parameter(format!("argument {} cannot be null", i + 1)).hint("Object keys should be text.")
            });
        }
        write::key(call.arg(i), call.arg_type(i), call.settings, &mut out)?;
        out.push_str(" : ");
        write::value(call.arg(i + 1), call.arg_type(i + 1), call.settings, false, &mut out)?;
    }
    out.push('}');
    made(call, out)
}

/// `json_object(text[])`, and with keys and values apart.
fn object_of_arrays(call: &mut Call<'_>) -> Result<Datum> {
    let subscript = |message: &str| Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message);
    let keys = call.array(0)?;
    let pairs: Vec<(&Datum, &Datum)> = if call.args.len() == 2 {
        let values = call.array(1)?;
        if keys.dims.len() > 1 || values.dims.len() > 1 {
            return Err(subscript("wrong number of array subscripts"));
        }
        if keys.elements.len() != values.elements.len() {
            return Err(subscript("mismatched array dimensions"));
        }
        keys.elements.iter().zip(&values.elements).collect()
    } else {
        match keys.dims.as_slice() {
            [] => {}
            [count] if count % 2 == 0 => {}
            [_] => return Err(subscript("array must have even number of elements")),
            [_, 2] => {}
            [_, _] => return Err(subscript("array must have two columns")),
            _ => return Err(subscript("wrong number of array subscripts")),
        }
        keys.elements.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect()
    };
    let mut out = String::from("{");
    for (i, (key, value)) in pairs.into_iter().enumerate() {
        out.push_str(if i > 0 { ", " } else { "" });
        let Some(key) = key.as_str() else {
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "null value not allowed for object key"));
        };
        write::checked_string(key, &mut out)?;
        out.push_str(" : ");
        write::value(value, SqlType::TEXT, call.settings, false, &mut out)?;
    }
    out.push('}');
    made(call, out)
}

/// Appends a json without the members that are null.
fn strip(value: &str, out: &mut String) -> Result<()> {
    if let Some(mut walk) = Walk::object(value)? {
        out.push('{');
        let mut first = true;
        while let Some((key, value)) = walk.member(value)? {
            if scan::kind(value)? != Kind::Null {
                out.push_str(if std::mem::take(&mut first) { "" } else { "," });
                write::string(&key, out);
                out.push(':');
                strip(value, out)?;
            }
        }
        out.push('}');
    } else if let Some(mut walk) = Walk::array(value)? {
        out.push('[');
        let mut first = true;
        while let Some(element) = walk.element(value)? {
            out.push_str(if std::mem::take(&mut first) { "" } else { "," });
            strip(element, out)?;
        }
        out.push(']');
    } else if let Json::String(string) = Json::parse(value)? {
        write::string(&string, out);
    } else {
        out.push_str(value);
    }
    Ok(())
}

fn strip_nulls(call: &mut Call<'_>) -> Result<Datum> {
    let mut out = String::new();
    strip(text(call, 0)?.trim_matches([' ', '\t', '\n', '\r']), &mut out)?;
    made(call, out)
}

const fn variadic(oid: u32, name: &'static str, args: &'static [u32], result: u32, eval: super::Eval) -> Function {
    Function::strict(oid, name, args, result, eval).variadic()
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(JSON_OF_ROW, "row_to_json", &[BOOL, TEXT_ARRAY, ANY], JSON, json_of_row).stable().variadic().called_on_null(),
    Function::strict(3153, "array_to_json", &[ANYARRAY], JSON, to_json).stable(),
    Function::strict(3154, "array_to_json", &[ANYARRAY, BOOL], JSON, to_json).stable(),
    Function::strict(3155, "row_to_json", &[RECORD], JSON, to_json).stable(),
    Function::strict(3156, "row_to_json", &[RECORD, BOOL], JSON, to_json).stable(),
    Function::strict(3176, "to_json", &[ANYELEMENT], JSON, to_json).stable(),
    Function::strict(3198, "json_build_array", &[ANY], JSON, build_array).stable().variadic().called_on_null(),
    Function::strict(3199, "json_build_array", &[], JSON, build_array).stable(),
    Function::strict(3200, "json_build_object", &[ANY], JSON, build_object).stable().variadic().called_on_null(),
    Function::strict(3201, "json_build_object", &[], JSON, build_object).stable(),
    Function::strict(3202, "json_object", &[TEXT_ARRAY], JSON, object_of_arrays),
    Function::strict(3203, "json_object", &[TEXT_ARRAY, TEXT_ARRAY], JSON, object_of_arrays),
    Function::strict(3207, "jsonb_array_length", &[JSONB], INT4, array_length),
    Function::strict(3208, "jsonb_each", &[JSONB], RECORD, each).set(),
    Function::strict(3210, "jsonb_typeof", &[JSONB], TEXT, type_of),
    Function::strict(3214, "jsonb_object_field_text", &[JSONB, TEXT], TEXT, object_field),
    Function::strict(3215, "jsonb_array_element", &[JSONB, INT4], JSONB, array_element),
    Function::strict(3216, "jsonb_array_element_text", &[JSONB, INT4], TEXT, array_element),
    variadic(3217, "jsonb_extract_path", &[JSONB, TEXT_ARRAY], JSONB, extract_path),
    Function::strict(3219, "jsonb_array_elements", &[JSONB], JSONB, array_elements).set(),
    Function::strict(3261, "json_strip_nulls", &[JSON], JSON, strip_nulls),
    Function::strict(3262, "jsonb_strip_nulls", &[JSONB], JSONB, strip_nulls),
    Function::strict(3263, "jsonb_object", &[TEXT_ARRAY], JSONB, object_of_arrays),
    Function::strict(3264, "jsonb_object", &[TEXT_ARRAY, TEXT_ARRAY], JSONB, object_of_arrays),
    Function::strict(3271, "jsonb_build_array", &[ANY], JSONB, build_array).stable().variadic().called_on_null(),
    Function::strict(3272, "jsonb_build_array", &[], JSONB, build_array).stable(),
    Function::strict(3273, "jsonb_build_object", &[ANY], JSONB, build_object).stable().variadic().called_on_null(),
    Function::strict(3274, "jsonb_build_object", &[], JSONB, build_object).stable(),
    Function::strict(3465, "jsonb_array_elements_text", &[JSONB], TEXT, array_elements).set(),
    Function::strict(3478, "jsonb_object_field", &[JSONB, TEXT], JSONB, object_field),
    Function::strict(3787, "to_jsonb", &[ANYELEMENT], JSONB, to_jsonb).stable(),
    Function::strict(3931, "jsonb_object_keys", &[JSONB], TEXT, object_keys).set(),
    Function::strict(3932, "jsonb_each_text", &[JSONB], RECORD, each_text).set(),
    variadic(3940, "jsonb_extract_path_text", &[JSONB, TEXT_ARRAY], TEXT, extract_path),
    Function::strict(3947, "json_object_field", &[JSON, TEXT], JSON, object_field),
    Function::strict(3948, "json_object_field_text", &[JSON, TEXT], TEXT, object_field),
    Function::strict(3949, "json_array_element", &[JSON, INT4], JSON, array_element),
    Function::strict(3950, "json_array_element_text", &[JSON, INT4], TEXT, array_element),
    variadic(3951, "json_extract_path", &[JSON, TEXT_ARRAY], JSON, extract_path),
    variadic(3953, "json_extract_path_text", &[JSON, TEXT_ARRAY], TEXT, extract_path),
    Function::strict(3955, "json_array_elements", &[JSON], JSON, array_elements).set(),
    Function::strict(3956, "json_array_length", &[JSON], INT4, array_length),
    Function::strict(3957, "json_object_keys", &[JSON], TEXT, object_keys).set(),
    Function::strict(3958, "json_each", &[JSON], RECORD, each).set(),
    Function::strict(3959, "json_each_text", &[JSON], RECORD, each_text).set(),
    Function::strict(3968, "json_typeof", &[JSON], TEXT, type_of),
    Function::strict(3969, "json_array_elements_text", &[JSON], TEXT, array_elements).set(),
];
