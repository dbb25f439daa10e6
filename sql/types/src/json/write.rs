//! JSON of SQL values: `to_json` and all that builds on it.
//!
//! Booleans, numbers and JSON go in as they are (a NaN as a string), arrays as arrays, rows as objects, dates and times
//! in ISO 8601 with a `T`, everything else as a string of its text form.

use super::Jsonb;
use crate::datetime::{self, DateStyle};
use crate::datum::{ArrayValue, Datum};
use crate::error::{Error, Result, SqlState};
use crate::function::{RESULT_BYTES_MAX, too_long};
use crate::settings::Settings;
use crate::sqltype::{SqlType, oid};
use crate::text_io;

/// Appends a string with its quotes.
pub(crate) fn string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| b < 0x20 || matches!(b, b'"' | b'\\')) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Appends a string with its quotes, measured first where its escapes could make it too long.
///
/// # Errors
/// 54000.
pub(crate) fn checked_string(text: &str, out: &mut String) -> Result<()> {
    let room = RESULT_BYTES_MAX.saturating_sub(out.len());
    // An escape takes six bytes at most.
    if text.len() > room / 6 {
        let written = |byte: u8| match byte {
            b'"' | b'\\' | 0x08 | 0x0c | b'\n' | b'\r' | b'\t' => 2usize,
            0..0x20 => 6,
            _ => 1,
        };
        if text.bytes().map(written).sum::<usize>() > room {
            return Err(too_long());
        }
    }
    string(text, out);
    Ok(())
}

/// Appends the JSON of a value. `line_feeds` puts the parts of an outermost array or row on lines of their own.
///
/// # Errors
/// 54000 when `out` gets too long.
pub(crate) fn value(value: &Datum, ty: SqlType, settings: &Settings, line_feeds: bool, out: &mut String) -> Result<()> {
    match value {
        Datum::Null => out.push_str("null"),
        Datum::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Datum::Jsonb(value) => out.push_str(value.as_str()),
        Datum::Text(text) if ty.oid == oid::JSON => out.push_str(text),
        Datum::Array(value) => {
            let element = ty.element().unwrap_or(SqlType::of(value.element));
            if value.elements.is_empty() {
                out.push_str("[]");
            } else {
                array(value, element, 0, &mut value.elements.iter(), settings, line_feeds, out)?;
            }
        }
        Datum::Record(fields) => {
            let names = (1..=fields.len()).map(|i| format!("f{i}"));
            let fields = fields.iter().map(|field| (field, text_io::natural_type(field)));
            object(names.zip(fields), settings, line_feeds, out)?;
        }
        _ => scalar(value, ty, settings, out)?,
    }
    // Elements that share one long value take little room before they are written.
    if out.len() > RESULT_BYTES_MAX { Err(too_long()) } else { Ok(()) }
}

fn scalar(value: &Datum, ty: SqlType, settings: &Settings, out: &mut String) -> Result<()> {
    let mut text = Vec::new();
    match value {
        Datum::Date(days) => datetime::write_date(*days, DateStyle::default(), &mut text),
        Datum::Timestamp(micros) => datetime::write_timestamp(*micros, DateStyle::default(), &mut text),
        Datum::Timestamptz(micros) => {
            datetime::write_timestamptz(*micros, &settings.timezone, DateStyle::default(), &mut text);
        }
        _ => text_io::write_text(value, ty, settings, &mut text)?,
    }
    let text = String::from_utf8_lossy(&text);
    let number = ty.is_numeric() && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e'));
    match value {
        _ if number => out.push_str(&text),
        Datum::Timestamp(_) => string(&text.replacen(' ', "T", 1), out),
        Datum::Timestamptz(micros) => {
            let mut text = text.replacen(' ', "T", 1);
            // ISO 8601 as XML has it wants the minutes of a zone.
            if !datetime::is_infinite(*micros)
                && let Some(sign) = text.rfind(['+', '-'])
                && text.len() - sign == 3
            {
                text.push_str(":00");
            }
            string(&text, out);
        }
        _ => checked_string(&text, out)?,
    }
    Ok(())
}

fn array<'a>(
    array: &ArrayValue,
    element: SqlType,
    depth: usize,
    elements: &mut impl Iterator<Item = &'a Datum>,
    settings: &Settings,
    line_feeds: bool,
    out: &mut String,
) -> Result<()> {
    out.push('[');
    for i in 0..array.dims[depth] {
        if i > 0 {
            out.push_str(if line_feeds { ",\n " } else { "," });
        }
        if depth + 1 < array.dims.len() {
            self::array(array, element, depth + 1, elements, settings, false, out)?;
        } else {
            value(elements.next().unwrap_or(&Datum::Null), element, settings, false, out)?;
        }
    }
    out.push(']');
    Ok(())
}

/// Appends an object of named values, as `row_to_json` does.
pub(crate) fn object<'a, N: AsRef<str>>(
    members: impl Iterator<Item = (N, (&'a Datum, SqlType))>,
    settings: &Settings,
    line_feeds: bool,
    out: &mut String,
) -> Result<()> {
    out.push('{');
    for (i, (name, (field, ty))) in members.enumerate() {
        if i > 0 {
            out.push_str(if line_feeds { ",\n " } else { "," });
        }
        string(name.as_ref(), out);
        out.push(':');
        value(field, ty, settings, false, out)?;
    }
    out.push('}');
    Ok(())
}

/// Appends the key that a value makes, with its quotes.
///
/// # Errors
/// 22023 for what has no simple text; 54000 when it is too long.
pub(crate) fn key(value: &Datum, ty: SqlType, settings: &Settings, out: &mut String) -> Result<()> {
    checked_string(&key_text(value, ty, settings)?, out)
}

fn key_text(value: &Datum, ty: SqlType, settings: &Settings) -> Result<String> {
    match value {
        Datum::Array(_) | Datum::Record(_) | Datum::Jsonb(_) => {}
        Datum::Text(_) if ty.oid == oid::JSON => {}
        Datum::Bool(value) => return Ok(if *value { "true" } else { "false" }.to_owned()),
        Datum::Date(_) | Datum::Timestamp(_) | Datum::Timestamptz(_) => {
            let mut quoted = String::new();
            scalar(value, ty, settings, &mut quoted)?;
            return Ok(quoted.trim_matches('"').to_owned());
        }
        _ => return text_io::as_text(value, ty, settings),
    }
    let message = "key value must be scalar, not array, composite, or json";
    Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

/// The jsonb of a value.
///
/// # Errors
/// As those of the text of a json inside it.
pub(crate) fn to_jsonb(datum: &Datum, ty: SqlType, settings: &Settings) -> Result<Jsonb> {
    if let Datum::Jsonb(value) = datum {
        return Ok(value.clone());
    }
    let mut text = String::new();
    value(datum, ty, settings, false, &mut text)?;
    Jsonb::parse(&text)
}
