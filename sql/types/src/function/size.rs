//! Sizes in bytes as people write them: `pg_size_pretty` and `pg_size_bytes`.

use super::args::invalid_parameter;
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result};
use crate::numeric::Numeric;
use crate::sqltype::SqlType;
use crate::sqltype::oid::*;

/// A unit's name, how many of them are too many, and whether they are counted in halves and rounded in the end.
struct Unit {
    name: &'static str,
    limit: i64,
    halves: bool,
}

const fn unit(name: &'static str) -> Unit {
    Unit { name, limit: 20 * 1024 - 1, halves: true }
}

/// Each is 1,024 of the one before.
const UNITS: [Unit; 6] = [
    Unit { name: "bytes", limit: 10 * 1024, halves: false },
    unit("kB"),
    unit("MB"),
    unit("GB"),
    unit("TB"),
    unit("PB"),
];

/// The size in the smallest unit of which it is not too many.
fn pretty(mut size: Numeric) -> Result<String> {
    let two = Numeric::from(2);
    for (i, unit) in UNITS.iter().enumerate() {
        let Some(next) = UNITS.get(i + 1).filter(|_| size.abs() >= Numeric::from(unit.limit)) else {
            if unit.halves {
                let one = if size.is_negative() { Numeric::from(-1) } else { Numeric::ONE };
                size = size.add(&one)?.div_trunc(&two)?;
            }
            return Ok(format!("{size} {}", unit.name));
        };
        size = size.div_trunc(&Numeric::from(if unit.halves == next.halves { 1024 } else { 512 }))?;
    }
    Err(Error::internal("the last unit takes all sizes"))
}

fn size_pretty(call: &mut Call<'_>) -> Result<Datum> {
    let size = match call.arg(0) {
        Datum::Numeric(size) => size.clone(),
        _ => Numeric::from(call.i64(0)?),
    };
    Ok(Datum::Text(pretty(size)?.into()))
}

/// How long the number is that a text begins with; `None` without digits.
fn number_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = |at: usize| usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
    let mut end = sign(0);
    let whole = digits(end);
    end += whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let from = end + 1 + sign(end + 1);
        // Without digits it is the beginning of a unit.
        if digits(from) > 0 {
            end = from + digits(from);
        }
    }
    Some(end)
}

fn size_bytes(call: &mut Call<'_>) -> Result<Datum> {
    let blank = |c: char| c.is_ascii_whitespace() || c == '\x0b';
    let text = call.str(0)?;
    let invalid = || invalid_parameter(format!("invalid size: \"{text}\""));
    let trimmed = text.trim_matches(blank);
    let (number, unit) = trimmed.split_at(number_length(trimmed).ok_or_else(invalid)?);
    let unit = unit.trim_start_matches(blank);
    let mut size = Numeric::parse(number)?;
    if !unit.is_empty() {
        let Some(at) = UNITS.iter().position(|known| known.name.eq_ignore_ascii_case(unit)) else {
            return Err(invalid()
                .detail(format!("Invalid size unit: \"{unit}\"."))
                .hint("Valid units are \"bytes\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\"."));
        };
        size = size.mul(&Numeric::from(1i64 << (10 * at)))?;
    }
    crate::cast::cast(&Datum::Numeric(size), SqlType::NUMERIC, SqlType::INT8, call.settings, true)
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(2288, "pg_size_pretty", &[INT8], TEXT, size_pretty),
    Function::strict(3166, "pg_size_pretty", &[NUMERIC], TEXT, size_pretty),
    Function::strict(3334, "pg_size_bytes", &[TEXT], INT8, size_bytes),
];
