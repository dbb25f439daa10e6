//! How far a `RANGE` frame with an offset reaches: what PostgreSQL's `in_range` support functions decide.

use std::cmp::Ordering;

use crate::datetime::{TIMESTAMP_INFINITY, TimeZone, date_to_timestamp};
use crate::datum::{Datum, Interval};
use crate::error::{Error, Result, SqlState};
use crate::function::{add_interval, negated_interval};
use crate::numeric::Numeric;

/// A value of an ordering column moved by an offset, `up` to greater values or down: the `least` value in the frame, or the
/// greatest.
///
/// # Errors
/// 22013 the offset is negative or not a number; 22008 beyond the last timestamp.
pub fn reach(value: &Datum, offset: &Datum, up: bool, least: bool, zone: &TimeZone) -> Result<Datum> {
    let wrong_size = || {
        let message = "invalid preceding or following size in window function";
        Err(Error::new(SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE, message))
    };
    if let (Some(value), Some(offset)) = (value.as_i64(), offset.as_i64()) {
        if offset < 0 {
            return wrong_size();
        }
        return Ok(Datum::Int8(if up { value.saturating_add(offset) } else { value.saturating_sub(offset) }));
    }
    // An infinity that is moved by an infinity reaches everything.
    if let (Some(value), Some(offset)) = (value.as_f64(), offset.as_f64()) {
        if offset.is_nan() || offset < 0.0 {
            return wrong_size();
        }
        let moved = if up { value + offset } else { value - offset };
        let end = if least { f64::NEG_INFINITY } else { f64::INFINITY };
        return Ok(Datum::Float8(if moved.is_nan() && !value.is_nan() { end } else { moved }));
    }
    match (value, offset) {
        (Datum::Numeric(value), Datum::Numeric(offset)) => {
            if offset.is_nan() || offset.is_negative() {
                return wrong_size();
            }
            let moved = if up { value.add(offset)? } else { value.sub(offset)? };
            let end = if least { Numeric::NEG_INFINITY } else { Numeric::INFINITY };
            Ok(Datum::Numeric(if moved.is_nan() && !value.is_nan() { end } else { moved }))
        }
        (value, Datum::Interval(offset)) => {
            // A time of day is not moved by months and days, which do not count for the sign either then.
            let span = if matches!(value, Datum::Time(_)) { i128::from(offset.micros) } else { offset.span() };
            if span < 0 {
                return wrong_size();
            }
            moved(value, if up { *offset } else { negated_interval(*offset)? }, zone)
        }
        _ => Err(Error::internal("a frame offset that does not fit its column")),
    }
}

/// A date becomes a timestamp, and a time may leave its day.
fn moved(value: &Datum, by: Interval, zone: &TimeZone) -> Result<Datum> {
    let overflow = || Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range");
    Ok(match value {
        Datum::Date(days) => Datum::Timestamp(add_interval(date_to_timestamp(*days)?, by, None)?),
        Datum::Timestamp(micros) => Datum::Timestamp(add_interval(*micros, by, None)?),
        Datum::Timestamptz(micros) => Datum::Timestamptz(add_interval(*micros, by, Some(zone))?),
        Datum::Time(micros) => Datum::Time(micros.saturating_add(by.micros)),
        Datum::Interval(value) => Datum::Interval(value.checked_add(by).ok_or_else(overflow)?),
        _ => return Err(Error::internal("a frame offset that does not fit its column")),
    })
}

/// Compares a value of the ordering column with what [`reach`] gave.
pub fn compare(value: &Datum, limit: &Datum) -> Ordering {
    match (value, limit) {
        (Datum::Date(days), Datum::Timestamp(limit)) => {
            date_to_timestamp(*days).unwrap_or(TIMESTAMP_INFINITY).cmp(limit)
        }
        _ => value.compare(limit),
    }
}
