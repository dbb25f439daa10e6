//! Typed access to the arguments of a call.
//!
//! Resolution and casts guarantee the representations; a mismatch is a mistake of ours, reported as XX000 rather than by
//! a panic, because it may be met while a transaction is open.

use std::sync::Arc;

use bytes::Bytes;

use super::Call;
use crate::datum::{ArrayValue, Datum, Interval};
use crate::error::{Error, Result, SqlState};
use crate::numeric::Numeric;

fn mismatch(i: usize, found: &Datum, expected: &str) -> Error {
    Error::internal(format!("argument {} is {found:?}, expected {expected}", i + 1))
}

impl<'a> Call<'a> {
    pub(crate) fn arg(&self, i: usize) -> &'a Datum {
        self.args.get(i).unwrap_or(&Datum::Null)
    }

    pub(crate) fn bool(&self, i: usize) -> Result<bool> {
        self.arg(i).as_bool().ok_or_else(|| mismatch(i, self.arg(i), "bool"))
    }

    /// An int2, int4, int8 or oid.
    #[inline]
    pub(crate) fn i64(&self, i: usize) -> Result<i64> {
        self.arg(i).as_i64().ok_or_else(|| mismatch(i, self.arg(i), "integer"))
    }

    pub(crate) fn i32(&self, i: usize) -> Result<i32> {
        match self.arg(i) {
            Datum::Int4(value) => Ok(*value),
            other => {
                other.as_i64().and_then(|value| i32::try_from(value).ok()).ok_or_else(|| mismatch(i, other, "integer"))
            }
        }
    }

    pub(crate) fn f64(&self, i: usize) -> Result<f64> {
        self.arg(i).as_f64().ok_or_else(|| mismatch(i, self.arg(i), "float"))
    }

    pub(crate) fn numeric(&self, i: usize) -> Result<&'a Numeric> {
        match self.arg(i) {
            Datum::Numeric(value) => Ok(value),
            other => Err(mismatch(i, other, "numeric")),
        }
    }

    pub(crate) fn str(&self, i: usize) -> Result<&'a str> {
        match self.arg(i) {
            Datum::Text(value) => Ok(value),
            other => Err(mismatch(i, other, "text")),
        }
    }

    pub(crate) fn bytes(&self, i: usize) -> Result<&'a Bytes> {
        match self.arg(i) {
            Datum::Bytea(value) => Ok(value),
            other => Err(mismatch(i, other, "bytea")),
        }
    }

    pub(crate) fn array(&self, i: usize) -> Result<&'a Arc<ArrayValue>> {
        match self.arg(i) {
            Datum::Array(value) => Ok(value),
            other => Err(mismatch(i, other, "array")),
        }
    }

    pub(crate) fn uuid(&self, i: usize) -> Result<[u8; 16]> {
        match self.arg(i) {
            Datum::Uuid(value) => Ok(*value),
            other => Err(mismatch(i, other, "uuid")),
        }
    }

    pub(crate) fn date(&self, i: usize) -> Result<i32> {
        match self.arg(i) {
            Datum::Date(value) => Ok(*value),
            other => Err(mismatch(i, other, "date")),
        }
    }

    /// A time, timestamp or timestamptz.
    pub(crate) fn micros(&self, i: usize) -> Result<i64> {
        match self.arg(i) {
            Datum::Time(value) | Datum::Timestamp(value) | Datum::Timestamptz(value) => Ok(*value),
            other => Err(mismatch(i, other, "timestamp")),
        }
    }

    pub(crate) fn interval(&self, i: usize) -> Result<Interval> {
        match self.arg(i) {
            Datum::Interval(value) => Ok(*value),
            other => Err(mismatch(i, other, "interval")),
        }
    }
}

/// 22003 for a type, such as `integer out of range`.
pub(crate) fn out_of_range(type_name: &str) -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{type_name} out of range"))
}

/// PostgreSQL's `MaxAllocSize`: the largest value a function may build, in bytes.
pub(crate) const RESULT_BYTES_MAX: usize = 0x3fff_ffff;

/// 54000 for a result beyond [`RESULT_BYTES_MAX`].
pub(crate) fn too_long() -> Error {
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "requested length too large")
}

/// The parts with a separator between them, measured before anything is allocated.
///
/// # Errors
/// 54000 when the result is too long.
pub(crate) fn joined<S: AsRef<str>>(parts: &[S], separator: &str) -> Result<String> {
    let between = separator.len().saturating_mul(parts.len().saturating_sub(1));
    let length = parts.iter().fold(between, |length, part| length.saturating_add(part.as_ref().len()));
    if length > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    let mut out = String::with_capacity(length);
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(part.as_ref());
    }
    Ok(out)
}

/// 22023.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}
