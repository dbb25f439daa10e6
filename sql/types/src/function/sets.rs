//! Set-returning functions: generate_series, unnest, generate_subscripts.

use super::args::{invalid_parameter, out_of_range};
use super::{Call, Function, SetFunction};
use crate::datetime::{is_infinite, timestamp_in_range};
use crate::datum::{Datum, Interval};
use crate::error::Result;
use crate::numeric::Numeric;
use crate::sqltype::oid::*;

fn zero_step() -> crate::Error {
    invalid_parameter("step size cannot equal zero")
}

/// Integers from `first` to `last`; the end of the type's range ends the series, as in PostgreSQL.
fn integers(first: i64, last: i64, step: i64, datum: fn(i64) -> Datum) -> Result<SetFunction> {
    if step == 0 {
        return Err(zero_step());
    }
    let inside = move |n: &i64| if step > 0 { *n <= last } else { *n >= last };
    let series = std::iter::successors(Some(first).filter(inside), move |n| n.checked_add(step).filter(inside));
    Ok(Box::new(series.map(move |n| Ok(datum(n)))))
}

fn step(call: &Call<'_>) -> Result<i64> {
    if call.args.len() > 2 { call.i64(2) } else { Ok(1) }
}

fn int4_series(call: &mut Call<'_>) -> Result<Datum> {
    let series = integers(call.i64(0)?, call.i64(1)?, step(call)?, |n| Datum::Int4(n as i32))?;
    call.return_set(series)
}

fn int8_series(call: &mut Call<'_>) -> Result<Datum> {
    let series = integers(call.i64(0)?, call.i64(1)?, step(call)?, Datum::Int8)?;
    call.return_set(series)
}

fn numeric_series(call: &mut Call<'_>) -> Result<Datum> {
    let (first, last) = (call.numeric(0)?.clone(), call.numeric(1)?.clone());
    let step = if call.args.len() > 2 { call.numeric(2)?.clone() } else { Numeric::ONE };
    for (value, what) in [(&first, "start"), (&last, "stop"), (&step, "step")] {
        if !value.is_finite() {
            let found = if value.is_nan() { "NaN" } else { "infinity" };
            return Err(invalid_parameter(format!(
                "{what} {} cannot be {found}",
                if what == "step" { "size" } else { "value" }
            )));
        }
    }
    if step.is_zero() {
        return Err(zero_step());
    }
    let inside = move |n: &Numeric| if step.is_negative() { *n >= last } else { *n <= last };
    let step = if call.args.len() > 2 { call.numeric(2)?.clone() } else { Numeric::ONE };
    let mut next = Some(first);
    call.return_set(Box::new(std::iter::from_fn(move || {
        let value = next.take().filter(&inside)?;
        // Past the range of the type there is nothing left to return.
        next = value.add(&step).ok();
        Some(Ok(Datum::Numeric(value)))
    })))
}

/// Timestamps stepped by an interval; months and days step in the session's zone for timestamptz.
fn timestamp_series(call: &mut Call<'_>) -> Result<Datum> {
    let (first, last, step) = (call.micros(0)?, call.micros(1)?, call.interval(2)?);
    let zoned = matches!(call.arg(0), Datum::Timestamptz(_));
    let sign = step.compare(Interval::default());
    if sign.is_eq() {
        return Err(zero_step());
    }
    let zone = call.settings.timezone;
    let mut next = Some(first);
    call.return_set(Box::new(std::iter::from_fn(move || {
        let value = next.take()?;
        if if sign.is_gt() { value > last } else { value < last } {
            return None;
        }
        if !is_infinite(value) && !timestamp_in_range(value) {
            return Some(Err(out_of_range("timestamp")));
        }
        match super::datetime::add_interval(value, step, zoned.then_some(&zone)) {
            // An infinity stays where it is; once is enough.
            Ok(following) => next = Some(following).filter(|following| *following != value),
            Err(error) => return Some(Err(error)),
        }
        Some(Ok(if zoned { Datum::Timestamptz(value) } else { Datum::Timestamp(value) }))
    })))
}

fn unnest(call: &mut Call<'_>) -> Result<Datum> {
    let array = call.array(0)?.clone();
    call.return_set(Box::new((0..array.elements.len()).map(move |i| Ok(array.elements[i].clone()))))
}

fn generate_subscripts(call: &mut Call<'_>) -> Result<Datum> {
    let array = call.array(0)?;
    let at = usize::try_from(call.i32(1)?).ok().and_then(|n| n.checked_sub(1));
    let Some((size, lower)) = at.and_then(|at| Some((*array.dims.get(at)?, array.lower_bounds[at]))) else {
        return call.return_set(Box::new(std::iter::empty()));
    };
    let reverse = call.args.len() > 2 && call.bool(2)?;
    let (first, last) = (i64::from(lower), i64::from(lower) + i64::from(size) - 1);
    let datum: fn(i64) -> Datum = |n| Datum::Int4(n as i32);
    let series = if reverse { integers(last, first, -1, datum)? } else { integers(first, last, 1, datum)? };
    call.return_set(series)
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(938, "generate_series", &[TIMESTAMP, TIMESTAMP, INTERVAL], TIMESTAMP, timestamp_series).set(),
    Function::strict(939, "generate_series", &[TIMESTAMPTZ, TIMESTAMPTZ, INTERVAL], TIMESTAMPTZ, timestamp_series).stable().set(),
    Function::strict(1066, "generate_series", &[INT4, INT4, INT4], INT4, int4_series).set(),
    Function::strict(1067, "generate_series", &[INT4, INT4], INT4, int4_series).set(),
    Function::strict(1068, "generate_series", &[INT8, INT8, INT8], INT8, int8_series).set(),
    Function::strict(1069, "generate_series", &[INT8, INT8], INT8, int8_series).set(),
    Function::strict(1191, "generate_subscripts", &[ANYARRAY, INT4, BOOL], INT4, generate_subscripts).set(),
    Function::strict(1192, "generate_subscripts", &[ANYARRAY, INT4], INT4, generate_subscripts).set(),
    Function::strict(2331, "unnest", &[ANYARRAY], ANYELEMENT, unnest).set(),
    Function::strict(3259, "generate_series", &[NUMERIC, NUMERIC, NUMERIC], NUMERIC, numeric_series).set(),
    Function::strict(3260, "generate_series", &[NUMERIC, NUMERIC], NUMERIC, numeric_series).set(),
];
