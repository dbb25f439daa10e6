//! Functions of arrays.

use std::sync::Arc;

use super::args::{RESULT_BYTES_MAX, invalid_parameter, out_of_range, too_long};
use super::{Call, Function};
use crate::array_io::{DIMENSIONS_MAX, ELEMENTS_MAX, check_bounds, too_many_elements};
use crate::datum::{ArrayValue, Datum};
use crate::error::{Error, Result, SqlState};
use crate::sqltype::SqlType;
use crate::sqltype::oid::*;
use crate::text_io;

fn array(value: ArrayValue) -> Result<Datum> {
    if value.elements.len() > ELEMENTS_MAX {
        return Err(too_many_elements());
    }
    check_bounds(&value.dims, &value.lower_bounds)?;
    Ok(Datum::Array(Arc::new(value)))
}

/// The size and first subscript of the dimension that an argument names (from 1).
fn dimension(call: &Call<'_>) -> Result<Option<(i32, i32)>> {
    let array = call.array(0)?;
    let Some(at) = usize::try_from(call.i32(1)?).ok().and_then(|n| n.checked_sub(1)) else { return Ok(None) };
    Ok(array.dims.get(at).map(|size| (*size, array.lower_bounds[at])))
}

fn or_null(value: Option<i32>) -> Result<Datum> {
    Ok(value.map_or(Datum::Null, Datum::Int4))
}

fn array_length(call: &mut Call<'_>) -> Result<Datum> {
    or_null(dimension(call)?.map(|(size, _)| size))
}

fn array_lower(call: &mut Call<'_>) -> Result<Datum> {
    or_null(dimension(call)?.map(|(_, lower)| lower))
}

fn array_upper(call: &mut Call<'_>) -> Result<Datum> {
    or_null(dimension(call)?.map(|(size, lower)| (i64::from(lower) + i64::from(size) - 1) as i32))
}

fn array_ndims(call: &mut Call<'_>) -> Result<Datum> {
    let dimensions = call.array(0)?.dims.len() as i32;
    or_null((dimensions > 0).then_some(dimensions))
}

fn array_dims(call: &mut Call<'_>) -> Result<Datum> {
    let array = call.array(0)?;
    if array.dims.is_empty() {
        return Ok(Datum::Null);
    }
    let shown: Vec<String> = array
        .dims
        .iter()
        .zip(&array.lower_bounds)
        .map(|(size, lower)| format!("[{lower}:{}]", i64::from(*lower) + i64::from(*size) - 1))
        .collect();
    Ok(Datum::Text(shown.concat().into()))
}

fn cardinality(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int4(call.array(0)?.elements.len() as i32))
}

/// The element type of an array argument, by its declared type or by what it holds.
fn element_type(call: &Call<'_>, i: usize) -> u32 {
    let held = call.arg(i).as_array().map(|array| array.element);
    call.arg_type(i).element().map(|ty| ty.oid).or(held).unwrap_or(TEXT)
}

fn empty(element: u32) -> Arc<ArrayValue> {
    Arc::new(ArrayValue::from_elements(element, Vec::new()))
}

fn one_dimensional(array: &ArrayValue) -> Result<()> {
    if array.dims.len() > 1 {
        return Err(Error::new(SqlState::DATA_EXCEPTION, "argument must be empty or one-dimensional array"));
    }
    Ok(())
}

fn array_append(call: &mut Call<'_>) -> Result<Datum> {
    let base = call.arg(0).as_array().cloned().unwrap_or_else(|| empty(element_type(call, 0)));
    one_dimensional(&base)?;
    let mut value = (*base).clone();
    value.elements.push(call.arg(1).clone());
    grow(&mut value)?;
    array(value)
}

fn array_prepend(call: &mut Call<'_>) -> Result<Datum> {
    let base = call.arg(1).as_array().cloned().unwrap_or_else(|| empty(element_type(call, 1)));
    one_dimensional(&base)?;
    let mut value = (*base).clone();
    value.elements.insert(0, call.arg(0).clone());
    grow(&mut value)?;
    array(value)
}

/// Makes a one-dimensional array's size that of its elements; its first subscript stays.
fn grow(value: &mut ArrayValue) -> Result<()> {
    let size = i32::try_from(value.elements.len()).map_err(|_| out_of_range("integer"))?;
    value.dims = vec![size];
    if value.lower_bounds.is_empty() {
        value.lower_bounds.push(1);
    }
    Ok(())
}

fn array_cat(call: &mut Call<'_>) -> Result<Datum> {
    let (left, right) = match (call.arg(0), call.arg(1)) {
        (Datum::Null, other) | (other, Datum::Null) => return Ok(other.clone()),
        _ => (call.array(0)?, call.array(1)?),
    };
    if left.dims.is_empty() {
        return Ok(call.arg(1).clone());
    }
    if right.dims.is_empty() {
        return Ok(call.arg(0).clone());
    }
    let incompatible = || {
        Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "cannot concatenate incompatible arrays")
            .detail("Arrays with differing dimensions are not compatible for concatenation.")
    };
    let mut elements = left.elements.clone();
    elements.extend(right.elements.iter().cloned());
    let (mut dims, lower_bounds);
    if left.dims.len() == right.dims.len() {
        if left.dims[1..] != right.dims[1..] {
            return Err(incompatible());
        }
        dims = left.dims.clone();
        dims[0] = dims[0].checked_add(right.dims[0]).ok_or_else(too_many_elements)?;
        lower_bounds = left.lower_bounds.clone();
    } else if left.dims.len() == right.dims.len() + 1 {
        if left.dims[1..] != right.dims[..] {
            return Err(incompatible());
        }
        dims = left.dims.clone();
        dims[0] += 1;
        lower_bounds = left.lower_bounds.clone();
    } else if left.dims.len() + 1 == right.dims.len() {
        if right.dims[1..] != left.dims[..] {
            return Err(incompatible());
        }
        dims = right.dims.clone();
        dims[0] += 1;
        lower_bounds = right.lower_bounds.clone();
    } else {
        return Err(incompatible());
    }
    array(ArrayValue { element: left.element, dims, lower_bounds, elements })
}

fn positions<'a>(call: &Call<'a>) -> Result<impl Iterator<Item = i32> + use<'a>> {
    let array = call.array(0)?;
    if array.dims.len() > 1 {
        return Err(Error::unsupported("searching for elements in multidimensional arrays"));
    }
    let lower = array.lower_bounds.first().copied().unwrap_or(1);
    let wanted = call.arg(1);
    let found = array.elements.iter().enumerate().filter(move |(_, element)| *element == wanted);
    Ok(found.map(move |(i, _)| lower.saturating_add(i as i32)))
}

fn array_position(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() {
        return Ok(Datum::Null);
    }
    let from = if call.args.len() > 2 { call.i32(2)? } else { i32::MIN };
    or_null(positions(call)?.find(|position| *position >= from))
}

fn array_positions(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() {
        return Ok(Datum::Null);
    }
    Ok(Datum::array(INT4, positions(call)?.map(Datum::Int4).collect()))
}

fn array_remove(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() {
        return Ok(Datum::Null);
    }
    let base = call.array(0)?;
    if base.dims.len() > 1 {
        return Err(Error::unsupported("removing elements from multidimensional arrays"));
    }
    let kept = base.elements.iter().filter(|element| *element != call.arg(1)).cloned().collect();
    array(ArrayValue::from_elements(base.element, kept))
}

fn array_replace(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() {
        return Ok(Datum::Null);
    }
    let mut value = (**call.array(0)?).clone();
    for element in &mut value.elements {
        if element == call.arg(1) {
            *element = call.arg(2).clone();
        }
    }
    array(value)
}

fn has(array: &ArrayValue, wanted: &Datum) -> bool {
    !wanted.is_null() && array.elements.contains(wanted)
}

fn contains(call: &mut Call<'_>) -> Result<Datum> {
    let (whole, part) = (call.array(0)?, call.array(1)?);
    Ok(Datum::Bool(part.elements.iter().all(|wanted| has(whole, wanted))))
}

fn contained(call: &mut Call<'_>) -> Result<Datum> {
    let (part, whole) = (call.array(0)?, call.array(1)?);
    Ok(Datum::Bool(part.elements.iter().all(|wanted| has(whole, wanted))))
}

fn overlaps(call: &mut Call<'_>) -> Result<Datum> {
    let (left, right) = (call.array(0)?, call.array(1)?);
    Ok(Datum::Bool(left.elements.iter().any(|wanted| has(right, wanted))))
}

fn array_to_string(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() || call.arg(1).is_null() {
        return Ok(Datum::Null);
    }
    let array = call.array(0)?;
    let element = SqlType::of(element_type(call, 0));
    let null_text = if call.args.len() > 2 && !call.arg(2).is_null() { Some(call.str(2)?) } else { None };
    let separator = call.str(1)?;
    // What is too long at any rate is refused before anything is written.
    let shown = array.elements.iter().filter(|value| !value.is_null() || null_text.is_some());
    let lengths = shown.map(|value| text_io::least_length(value).saturating_add(separator.len()));
    if lengths.fold(0, usize::saturating_add).saturating_sub(separator.len()) > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    let mut out = Vec::new();
    let mut first = true;
    for value in &array.elements {
        if value.is_null() && null_text.is_none() {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.extend_from_slice(separator.as_bytes());
        }
        match null_text {
            Some(null_text) if value.is_null() => out.extend_from_slice(null_text.as_bytes()),
            _ => text_io::write_text(value, element, call.settings, &mut out)?,
        }
        if out.len() > RESULT_BYTES_MAX {
            return Err(too_long());
        }
    }
    let text = String::from_utf8(out).map_err(|_| Error::internal("text parts joined to no text"))?;
    Ok(Datum::Text(text.into()))
}

fn string_parts(call: &Call<'_>) -> Result<Vec<Datum>> {
    let text = call.str(0)?;
    let null_text = if call.args.len() > 2 && !call.arg(2).is_null() { Some(call.str(2)?) } else { None };
    let part = |part: &str| if Some(part) == null_text { Datum::Null } else { Datum::text(part) };
    if text.is_empty() {
        return Ok(Vec::new());
    }
    // One more tells that there are too many.
    let most = ELEMENTS_MAX + 1;
    let parts: Vec<Datum> = match call.arg(1) {
        Datum::Null => text.chars().take(most).map(|c| part(c.encode_utf8(&mut [0; 4]))).collect(),
        _ if call.str(1)?.is_empty() => vec![part(text)],
        _ => text.split(call.str(1)?).take(most).map(part).collect(),
    };
    if parts.len() == most { Err(too_many_elements()) } else { Ok(parts) }
}

fn string_to_array(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() {
        return Ok(Datum::Null);
    }
    Ok(Datum::array(TEXT, string_parts(call)?))
}

fn string_to_table(call: &mut Call<'_>) -> Result<Datum> {
    let rows = if call.arg(0).is_null() { Vec::new() } else { string_parts(call)? };
    call.return_set(Box::new(rows.into_iter().map(Ok)))
}

fn array_fill(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(1).is_null() {
        return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension array or low bound array cannot be null"));
    }
    let ints = |i: usize| -> Result<Vec<i32>> {
        call.array(i)?
            .elements
            .iter()
            .map(|n| n.as_i64().map(|n| n as i32).ok_or_else(|| invalid_parameter("dimension values cannot be null")))
            .collect()
    };
    let dims = ints(1)?;
    let lower_bounds = if call.args.len() > 2 { ints(2)? } else { vec![1; dims.len()] };
    let element = call.result.element().map_or(element_type(call, 0), |ty| ty.oid);
    let count = dims.iter().try_fold(1usize, |n, d| n.checked_mul(usize::try_from(*d).ok()?));
    let count = count.filter(|n| *n <= ELEMENTS_MAX && dims.len() <= DIMENSIONS_MAX).ok_or_else(too_many_elements)?;
    if lower_bounds.len() != dims.len() {
        return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts"));
    }
    check_bounds(&dims, &lower_bounds)?;
    if dims.is_empty() || count == 0 {
        return array(ArrayValue::from_elements(element, Vec::new()));
    }
    array(ArrayValue { element, dims, lower_bounds, elements: vec![call.arg(0).clone(); count] })
}

fn trim_array(call: &mut Call<'_>) -> Result<Datum> {
    let base = call.array(0)?;
    let n = call.i32(1)?;
    let size = base.dims.first().copied().unwrap_or(0);
    if n < 0 || n > size {
        return Err(Error::new(
            SqlState::ARRAY_ELEMENT_ERROR,
            format!("number of elements to trim must be between 0 and {size}"),
        ));
    }
    if base.elements.is_empty() {
        return array(ArrayValue::from_elements(base.element, Vec::new()));
    }
    let mut value = (**base).clone();
    if let Some(first) = value.dims.first_mut() {
        let row = value.elements.len() / *first as usize;
        *first -= n;
        value.elements.truncate(row * *first as usize);
    }
    if value.elements.is_empty() {
        return array(ArrayValue::from_elements(base.element, Vec::new()));
    }
    value.lower_bounds.fill(1);
    array(value)
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(376, "string_to_array", &[TEXT, TEXT, TEXT], TEXT_ARRAY, string_to_array).called_on_null(),
    Function::strict(378, "array_append", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE], ANYCOMPATIBLEARRAY, array_append).called_on_null(),
    Function::strict(379, "array_prepend", &[ANYCOMPATIBLE, ANYCOMPATIBLEARRAY], ANYCOMPATIBLEARRAY, array_prepend).called_on_null(),
    Function::strict(383, "array_cat", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLEARRAY], ANYCOMPATIBLEARRAY, array_cat).called_on_null(),
    Function::strict(384, "array_to_string", &[ANYARRAY, TEXT, TEXT], TEXT, array_to_string).called_on_null().stable(),
    Function::strict(394, "string_to_array", &[TEXT, TEXT], TEXT_ARRAY, string_to_array).called_on_null(),
    Function::strict(395, "array_to_string", &[ANYARRAY, TEXT], TEXT, array_to_string).stable(),
    Function::strict(747, "array_dims", &[ANYARRAY], TEXT, array_dims),
    Function::strict(748, "array_ndims", &[ANYARRAY], INT4, array_ndims),
    Function::strict(1193, "array_fill", &[ANYELEMENT, INT4_ARRAY], ANYARRAY, array_fill).called_on_null(),
    Function::strict(1286, "array_fill", &[ANYELEMENT, INT4_ARRAY, INT4_ARRAY], ANYARRAY, array_fill).called_on_null(),
    Function::strict(2091, "array_lower", &[ANYARRAY, INT4], INT4, array_lower),
    Function::strict(2092, "array_upper", &[ANYARRAY, INT4], INT4, array_upper),
    Function::strict(2176, "array_length", &[ANYARRAY, INT4], INT4, array_length),
    Function::strict(2747, "arrayoverlap", &[ANYARRAY, ANYARRAY], BOOL, overlaps),
    Function::strict(2748, "arraycontains", &[ANYARRAY, ANYARRAY], BOOL, contains),
    Function::strict(2749, "arraycontained", &[ANYARRAY, ANYARRAY], BOOL, contained),
    Function::strict(3167, "array_remove", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE], ANYCOMPATIBLEARRAY, array_remove).called_on_null(),
    Function::strict(3168, "array_replace", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE, ANYCOMPATIBLE], ANYCOMPATIBLEARRAY, array_replace).called_on_null(),
    Function::strict(3179, "cardinality", &[ANYARRAY], INT4, cardinality),
    Function::strict(3277, "array_position", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE], INT4, array_position).called_on_null(),
    Function::strict(3278, "array_position", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE, INT4], INT4, array_position).called_on_null(),
    Function::strict(3279, "array_positions", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE], INT4_ARRAY, array_positions).called_on_null(),
    Function::strict(6160, "string_to_table", &[TEXT, TEXT], TEXT, string_to_table).called_on_null().set(),
    Function::strict(6161, "string_to_table", &[TEXT, TEXT, TEXT], TEXT, string_to_table).called_on_null().set(),
    Function::strict(6172, "trim_array", &[ANYARRAY, INT4], ANYARRAY, trim_array),
];
