//! Functions of arrays.

use std::sync::Arc;

use super::args::{RESULT_BYTES_MAX, out_of_range, too_long};
use super::{Call, Function};
use crate::array_io::{DIMENSIONS_MAX, ELEMENTS_MAX, check_bounds, too_many_dimensions, too_many_elements};
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
        subscript_error("cannot concatenate incompatible arrays")
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
    let is_wanted = move |(_, element): &(usize, &Datum)| array.compare_elements(element, wanted).is_eq();
    let found = array.elements.iter().enumerate().filter(is_wanted);
    Ok(found.map(move |(i, _)| lower.saturating_add(i as i32)))
}

/// The place of a value among thresholds in ascending order: how many are not above it.
fn width_bucket(call: &mut Call<'_>) -> Result<Datum> {
    let thresholds = call.array(1)?;
    if thresholds.dims.len() > 1 {
        return Err(subscript_error("thresholds must be one-dimensional array"));
    }
    if thresholds.elements.iter().any(Datum::is_null) {
        return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "thresholds array must not contain NULLs"));
    }
    let is_reached = |threshold: &Datum| thresholds.compare_elements(threshold, call.arg(0)).is_le();
    Ok(Datum::Int4(thresholds.elements.partition_point(is_reached) as i32))
}

fn array_position(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() {
        return Ok(Datum::Null);
    }
    let mut found = positions(call)?;
    // Where nothing can be found, it does not matter from where.
    let elements = &call.array(0)?.elements;
    if elements.is_empty() || call.arg(1).is_null() && !elements.iter().any(Datum::is_null) {
        return Ok(Datum::Null);
    }
    let from = match call.args.get(2) {
        Some(Datum::Null) => {
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "initial position must not be null"));
        }
        Some(_) => call.i32(2)?,
        None => i32::MIN,
    };
    or_null(found.find(|position| *position >= from))
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
    let stays = |element: &&Datum| base.compare_elements(element, call.arg(1)).is_ne();
    let kept = base.elements.iter().filter(stays).cloned().collect();
    array(ArrayValue::from_elements(base.element, kept))
}

fn array_replace(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() {
        return Ok(Datum::Null);
    }
    let base = call.array(0)?;
    let mut value = (**base).clone();
    for element in &mut value.elements {
        if base.compare_elements(element, call.arg(1)).is_eq() {
            *element = call.arg(2).clone();
        }
    }
    array(value)
}

fn has(array: &ArrayValue, wanted: &Datum) -> bool {
    !wanted.is_null() && array.elements.iter().any(|element| array.compare_elements(element, wanted).is_eq())
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
    let lengths = shown.map(|value| text_io::least_length(value, call.settings).saturating_add(separator.len()));
    if lengths.fold(0, usize::saturating_add).saturating_sub(separator.len()) > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    let mut out = Vec::new();
    let mut first = true;
    for (step, value) in array.elements.iter().enumerate() {
        if value.is_null() && null_text.is_none() {
            continue;
        }
        call.settings.check_cancel(step)?;
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
    if call.args[1..].iter().any(Datum::is_null) {
        return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension array or low bound array cannot be null"));
    }
    let wrong = |detail: &str| subscript_error("wrong number of array subscripts").detail(detail);
    let missing = || Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension values cannot be null");
    let ints = |i: usize| -> Result<Vec<i32>> {
        let given = call.array(i)?;
        if given.dims.len() > 1 {
            return Err(wrong("Dimension array must be one dimensional."));
        }
        given.elements.iter().map(|n| n.as_i64().map(|n| n as i32).ok_or_else(missing)).collect()
    };
    let dims = ints(1)?;
    if dims.len() > DIMENSIONS_MAX {
        return Err(too_many_dimensions(dims.len()));
    }
    let lower_bounds = if call.args.len() > 2 { ints(2)? } else { vec![1; dims.len()] };
    let element = call.result.element().map_or(element_type(call, 0), |ty| ty.oid);
    let count = count_of(dims.iter().copied().map(i64::from))?;
    if lower_bounds.len() != dims.len() {
        return Err(wrong("Low bound array has different size than dimensions array."));
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

/// An array with parts changed: what assignments to `array[i]` and `array[from:to]` are bound to. An oid of our own.
///
/// Behind the array stand three arguments for each part, more than a caller can give: the value, the subscripts, and
/// null for an element. A slice has two subscripts for every dimension, and in place of that null which ones were given.
pub const SET_ARRAY_PARTS: u32 = 15_936;

fn set_parts(call: &mut Call<'_>) -> Result<Datum> {
    let element = call.result.element().map_or(TEXT, |element| element.oid);
    let mut value = match call.arg(0) {
        Datum::Null => ArrayValue::from_elements(element, Vec::new()),
        _ => (**call.array(0)?).clone(),
    };
    for at in (1..call.args.len()).step_by(3) {
        // Each of many parts may cost as much as the whole.
        call.settings.check_cancel_now()?;
        let subscripts = subscripts(call.array(at + 1)?)?;
        let is_slice = !call.arg(at + 2).is_null();
        let dimensions = if is_slice { subscripts.len() / 2 } else { subscripts.len() };
        if dimensions > DIMENSIONS_MAX {
            return Err(too_many_dimensions(dimensions));
        }
        match call.arg(at) {
            new if !is_slice => set_element(&mut value, new, subscripts)?,
            Datum::Null => {}
            _ => set_slice(&mut value, call.array(at)?, &subscripts, call.array(at + 2)?)?,
        }
        check_bounds(&value.dims, &value.lower_bounds)?;
    }
    array(value)
}

fn subscript_error(message: &str) -> Error {
    Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
}

/// The subscripts of an assignment.
fn subscripts(given: &ArrayValue) -> Result<Vec<i32>> {
    let numbers = given.elements.iter().map(|subscript| i32::try_from(subscript.as_i64()?).ok());
    numbers.collect::<Option<Vec<i32>>>().ok_or_else(|| {
        let message = "array subscript in assignment must not be null";
        Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message)
    })
}

/// Makes a one-dimensional array reach from one subscript to another, with nulls between.
fn reach(value: &mut ArrayValue, from: i32, to: i32) -> Result<()> {
    let lower = i64::from(value.lower_bounds[0]);
    let end = lower + i64::from(value.dims[0]);
    let first = lower.min(i64::from(from));
    let count = (end.max(i64::from(to) + 1) - first) as usize;
    if count > ELEMENTS_MAX {
        return Err(too_many_elements());
    }
    value.elements.splice(0..0, std::iter::repeat_n(Datum::Null, (lower - first) as usize));
    value.elements.resize(count, Datum::Null);
    value.lower_bounds[0] = first as i32;
    value.dims[0] = count as i32;
    Ok(())
}

/// Where among the elements the one with these subscripts is.
fn place(value: &ArrayValue, subscripts: &[i32]) -> Result<usize> {
    let mut at = 0;
    for (i, subscript) in subscripts.iter().enumerate() {
        let offset = i64::from(*subscript) - i64::from(value.lower_bounds[i]);
        if !(0..i64::from(value.dims[i])).contains(&offset) {
            return Err(subscript_error("array subscript out of range"));
        }
        at = at * value.dims[i] as usize + offset as usize;
    }
    Ok(at)
}

/// A one-dimensional array grows until it has the element, with nulls between; an empty one gets its dimensions of it.
fn set_element(value: &mut ArrayValue, new: &Datum, subscripts: Vec<i32>) -> Result<()> {
    if subscripts.is_empty() || !(value.dims.is_empty() || value.dims.len() == subscripts.len()) {
        return Err(subscript_error("wrong number of array subscripts"));
    }
    if value.dims.is_empty() {
        value.dims = vec![1; subscripts.len()];
        value.lower_bounds = subscripts;
        value.elements = vec![new.clone()];
        return Ok(());
    }
    if let [subscript] = subscripts.as_slice() {
        reach(value, *subscript, *subscript)?;
    }
    let at = place(value, &subscripts)?;
    value.elements[at] = new.clone();
    Ok(())
}

/// A slice takes the elements of another array in their order; the array grows as it does for an element.
fn set_slice(value: &mut ArrayValue, new: &ArrayValue, bounds: &[i32], given: &ArrayValue) -> Result<()> {
    let mut given = given.elements.iter().map(|given| matches!(given, Datum::Bool(true)));
    let mut spans: Vec<(i32, i32)> = bounds.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    if value.dims.is_empty() && !spans.is_empty() {
        if !given.all(|given| given) {
            return Err(subscript_error("array slice subscript must provide both boundaries").detail(
                "When assigning to a slice of an empty array value, slice boundaries must be fully specified.",
            ));
        }
        *value = new_slice(value.element, &spans, &new.elements)?;
        return Ok(());
    }
    if spans.is_empty() || value.dims.len() < spans.len() {
        return Err(subscript_error("wrong number of array subscripts"));
    }
    let line = value.dims.len() == 1;
    for i in 0..value.dims.len() {
        let (first, last) = (value.lower_bounds[i], value.lower_bounds[i] + value.dims[i] - 1);
        let Some((lower, upper)) = spans.get_mut(i) else {
            spans.push((first, last));
            continue;
        };
        for (bound, own) in [(&mut *lower, first), (&mut *upper, last)] {
            if given.next() == Some(false) {
                *bound = own;
            }
        }
        if *lower > *upper {
            return Err(subscript_error("upper bound cannot be less than lower bound"));
        }
        if !line && (*lower < first || *upper > last) {
            return Err(subscript_error("array subscript out of range"));
        }
    }
    let sizes = spans.iter().map(|(lower, upper)| i64::from(*upper) - i64::from(*lower) + 1);
    let count = count_of(sizes)?;
    if new.elements.len() < count {
        return Err(subscript_error("source array too small"));
    }
    if line {
        reach(value, spans[0].0, spans[0].1)?;
    }
    let mut at: Vec<i32> = spans.iter().map(|(lower, _)| *lower).collect();
    for element in new.elements.iter().take(count) {
        let place = place(value, &at)?;
        value.elements[place] = element.clone();
        for (subscript, (lower, upper)) in at.iter_mut().zip(&spans).rev() {
            if *subscript < *upper {
                *subscript += 1;
                break;
            }
            *subscript = *lower;
        }
    }
    Ok(())
}

/// The array that an assignment to a slice makes of an empty one.
fn new_slice(element: u32, spans: &[(i32, i32)], elements: &[Datum]) -> Result<ArrayValue> {
    let sizes = spans.iter().map(|(lower, upper)| i64::from(*upper) - i64::from(*lower) + 1);
    let count = count_of(sizes.clone())?;
    let elements = elements.get(..count).ok_or_else(|| subscript_error("source array too small"))?.to_vec();
    if count == 0 {
        return Ok(ArrayValue::from_elements(element, elements));
    }
    let dims = sizes.map(|size| size as i32).collect();
    Ok(ArrayValue { element, dims, lower_bounds: spans.iter().map(|(lower, _)| *lower).collect(), elements })
}

/// How many elements dimensions of these sizes hold.
///
/// # Errors
/// 54000 more than an array may have; a size below zero.
fn count_of(mut sizes: impl Iterator<Item = i64>) -> Result<usize> {
    let count = sizes.try_fold(1usize, |count, size| count.checked_mul(usize::try_from(size).ok()?));
    count.filter(|count| *count <= ELEMENTS_MAX).ok_or_else(too_many_elements)
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
    Function::strict(3218, "width_bucket", &[ANYCOMPATIBLE, ANYCOMPATIBLEARRAY], INT4, width_bucket),
    Function::strict(3277, "array_position", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE], INT4, array_position).called_on_null(),
    Function::strict(3278, "array_position", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE, INT4], INT4, array_position).called_on_null(),
    Function::strict(3279, "array_positions", &[ANYCOMPATIBLEARRAY, ANYCOMPATIBLE], INT4_ARRAY, array_positions).called_on_null(),
    Function::strict(6160, "string_to_table", &[TEXT, TEXT], TEXT, string_to_table).called_on_null().set(),
    Function::strict(6161, "string_to_table", &[TEXT, TEXT, TEXT], TEXT, string_to_table).called_on_null().set(),
    Function::strict(SET_ARRAY_PARTS, "array_set_parts", &[ANYARRAY, ANYELEMENT, INT4_ARRAY, BOOL_ARRAY], ANYARRAY, set_parts).called_on_null(),
    Function::strict(6172, "trim_array", &[ANYARRAY, INT4], ANYARRAY, trim_array),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn an_assignment_to_parts_is_cancelled() {
        let settings = Settings { is_cancelled: Some(Arc::new(|| true)), ..Settings::default() };
        let args = [Datum::Null, Datum::Int4(1), Datum::array(INT4, vec![Datum::Int4(1)]), Datum::Null];
        let result = set_parts(&mut Call::new(&args, &[], SqlType::INT4_ARRAY, &settings));
        assert_eq!(result.err().map(|error| error.sqlstate), Some(SqlState::QUERY_CANCELED));
    }
}
