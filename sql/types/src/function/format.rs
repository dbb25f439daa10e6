//! `format(text, ...)`: printf for SQL, with `%s`, `%I`, `%L`, positions, widths and flags.

use super::args::{RESULT_BYTES_MAX, invalid_parameter, too_long};
use super::text::{quoted_identifier, quoted_literal, shown};
use super::{Call, Function};
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::sqltype::oid::*;

fn too_few() -> Error {
    invalid_parameter("too few arguments for format()")
}

/// A width that came as an argument: an int4 whose magnitude is one too.
fn argument_width(text: &str) -> Result<i64> {
    let width: i32 = text.trim().parse().map_err(|_| {
        Error::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type integer: \"{text}\""))
    })?;
    if width == i32::MIN {
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "number is out of range"));
    }
    Ok(i64::from(width))
}

fn format(call: &mut Call<'_>) -> Result<Datum> {
    if call.arg(0).is_null() {
        return Ok(Datum::Null);
    }
    let mut chars = call.str(0)?.chars().peekable();
    let mut out = String::new();
    let mut next = 1usize;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.peek() == Some(&'%') {
            chars.next();
            out.push('%');
            continue;
        }
        let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| -> Result<Option<usize>> {
            let mut value = None::<usize>;
            while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                chars.next();
                let grown = value.unwrap_or(0).checked_mul(10).and_then(|v| v.checked_add(digit as usize));
                value = Some(
                    grown
                        .filter(|v| *v <= i32::MAX as usize)
                        .ok_or_else(|| Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "number is out of range"))?,
                );
            }
            Ok(value)
        };
        let (mut position, mut width, mut left) = (None, None::<i64>, false);
        if let Some(value) = number(&mut chars)? {
            if chars.peek() == Some(&'$') {
                chars.next();
                position = Some(value);
            } else {
                width = Some(value as i64);
            }
        }
        if width.is_none() {
            while chars.peek() == Some(&'-') {
                chars.next();
                left = true;
            }
            if chars.peek() == Some(&'*') {
                chars.next();
                let from = number(&mut chars)?;
                if from.is_some() && chars.next() != Some('$') {
                    return Err(invalid_parameter("width argument position must be ended by \"$\""));
                }
                let at = from.unwrap_or(next);
                if at == 0 {
                    return Err(invalid_parameter("format specifies argument 0, but arguments are numbered from 1"));
                }
                next = at + 1;
                let value = call.args.get(at).ok_or_else(too_few)?;
                width = Some(if value.is_null() { 0 } else { argument_width(&shown(call, at)?)? });
            } else {
                width = number(&mut chars)?.map(|value| value as i64);
            }
        }
        let kind = chars.next().ok_or_else(|| {
            invalid_parameter("unterminated format() type specifier").hint("For a single \"%\" use \"%%\".")
        })?;
        if !matches!(kind, 's' | 'I' | 'L') {
            return Err(invalid_parameter(format!("unrecognized format() type specifier \"{kind}\""))
                .hint("For a single \"%\" use \"%%\"."));
        }
        if position == Some(0) {
            return Err(invalid_parameter("format specifies argument 0, but arguments are numbered from 1"));
        }
        let at = position.unwrap_or(next);
        next = at + 1;
        let value = call.args.get(at).ok_or_else(too_few)?;
        let piece = match kind {
            's' if value.is_null() => String::new(),
            's' => shown(call, at)?,
            'L' if value.is_null() => "NULL".to_string(),
            'L' => quoted_literal(&shown(call, at)?),
            _ if value.is_null() => {
                return Err(Error::new(
                    SqlState::NULL_VALUE_NOT_ALLOWED,
                    "null values cannot be formatted as an SQL identifier",
                ));
            }
            _ => quoted_identifier(&shown(call, at)?),
        };
        let width = width.unwrap_or(0);
        let missing = (width.unsigned_abs() as usize).saturating_sub(piece.chars().count());
        if out.len().saturating_add(piece.len()).saturating_add(missing) > RESULT_BYTES_MAX {
            return Err(too_long());
        }
        let padding = " ".repeat(missing);
        if left || width < 0 {
            out.push_str(&piece);
            out.push_str(&padding);
        } else {
            out.push_str(&padding);
            out.push_str(&piece);
        }
    }
    Ok(Datum::Text(out.into()))
}

#[rustfmt::skip]
pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(3539, "format", &[TEXT, ANY], TEXT, format).called_on_null().stable().variadic(),
    Function::strict(3540, "format", &[TEXT], TEXT, format).called_on_null().stable(),
];
