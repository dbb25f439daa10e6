//! Text forms of values: what a client sends and sees, exactly PostgreSQL's.
//!
//! [`parse`] and [`write_text`] are inverse for every value that the type can hold (intervals, floats with
//! `extra_float_digits` below 1, reg* names and, in a DateStyle that is not ISO, times with a zone aside, whose text is not
//! the whole value).

use crate::array_io;
use crate::datetime;
use crate::datum::Datum;
use crate::error::{Error, Result, SqlState};
use crate::function::{RESULT_BYTES_MAX, too_long};
use crate::json::Jsonb;
use crate::numeric::Numeric;
use crate::settings::{ByteaOutput, Settings};
use crate::sqltype::{SqlType, oid};
use crate::tid::Tid;

/// Reads the text form of a value, applying the type's modifier as an assignment does (too long text is refused).
///
/// # Errors
/// 22P02 syntax, 22003 number out of range, 22007 and 22008 dates, 22001 too long, 42704 and kin for reg* names.
pub fn parse(text: &str, ty: SqlType, settings: &Settings) -> Result<Datum> {
    let value = match ty.oid {
        oid::INT4 => return parse_integer::<i32>(text, "integer").map(Datum::Int4),
        oid::INT8 => return parse_integer::<i64>(text, "bigint").map(Datum::Int8),
        oid::INT2 => return parse_integer::<i16>(text, "smallint").map(Datum::Int2),
        oid::TEXT | oid::UNKNOWN | oid::CSTRING | oid::PG_NODE_TREE | oid::ACLITEM => return Ok(Datum::text(text)),
        oid::JSON => {
            crate::json::check(text)?;
            return Ok(Datum::text(text));
        }
        oid::JSONB => return Jsonb::parse(text).map(Datum::Jsonb),
        oid::VARCHAR | oid::BPCHAR => Datum::text(text),
        oid::NAME => return Ok(Datum::text(cut_name(text))),
        oid::BOOL => return parse_bool(text).map(Datum::Bool),
        oid::FLOAT8 => return parse_f64(text).map(Datum::Float8),
        oid::FLOAT4 => return parse_f32(text).map(Datum::Float4),
        oid::NUMERIC => Datum::Numeric(Numeric::parse(text)?),
        oid::BYTEA => return parse_bytea(text).map(|bytes| Datum::Bytea(bytes.into())),
        oid::DATE => return datetime::parse_date(text, settings).map(Datum::Date),
        oid::TIME => return datetime::parse_time(text, ty.typmod, settings).map(Datum::Time),
        oid::TIMESTAMP => return datetime::parse_timestamp(text, ty.typmod, settings).map(Datum::Timestamp),
        oid::TIMESTAMPTZ => return datetime::parse_timestamptz(text, ty.typmod, settings).map(Datum::Timestamptz),
        oid::INTERVAL => {
            return datetime::parse_interval(text, ty.typmod, settings.styles.interval).map(Datum::Interval);
        }
        oid::OID => return parse_oid(text, &ty.name()).map(Datum::Oid),
        oid::XID | oid::CID => return Ok(Datum::Oid(leading_number(text) as u32)),
        oid::XID8 => return unsigned(leading_number(text), ty),
        oid::PG_LSN => return parse_lsn(text),
        oid::CHAR => return Ok(Datum::Char(parse_char(text))),
        oid::UUID => return parse_uuid(text).map(Datum::Uuid),
        oid::TID => return Tid::parse(text).map(Datum::Tid),
        oid::VOID => return Ok(Datum::Null),
        oid::INT2VECTOR | oid::OIDVECTOR => return array_io::parse_vector(text, ty, settings),
        _ if ty.is_reg() => return parse_reg(text, ty, settings),
        _ if ty.is_array() => return array_io::parse_array(text, ty, settings),
        _ => {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("cannot accept a value of type {}", ty.name()),
            ));
        }
    };
    crate::cast::coerce_typmod(value, ty, false)
}

/// Appends the text form of a value; nothing for null.
///
/// # Errors
/// 54000 when it is longer than a value can be. What shows so without being written is refused at once; otherwise a part of
/// the text stays in `out`.
pub fn write_text(value: &Datum, ty: SqlType, settings: &Settings, out: &mut Vec<u8>) -> Result<()> {
    if least_length(value, settings) > RESULT_BYTES_MAX {
        return Err(too_long());
    }
    let end = out.len() + RESULT_BYTES_MAX;
    append(value, ty, settings, end, out)
}

/// Writes the text form behind what is in `out`, which grows not much beyond `end` bytes: by what is no array, row or long
/// text.
///
/// # Errors
/// 54000 when there is no room for it.
pub(crate) fn append(value: &Datum, ty: SqlType, settings: &Settings, end: usize, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Datum::Null => {}
        Datum::Bool(value) => out.push(if *value { b't' } else { b'f' }),
        Datum::Int2(value) => datetime::write_integer(i64::from(*value), out),
        Datum::Int4(value) => datetime::write_integer(i64::from(*value), out),
        Datum::Int8(value) => match ty.oid {
            oid::PG_LSN => {
                let bits = *value as u64;
                out.extend_from_slice(format!("{:X}/{:X}", bits >> 32, bits & 0xffff_ffff).as_bytes());
            }
            oid::XID8 => out.extend_from_slice((*value as u64).to_string().as_bytes()),
            _ => datetime::write_integer(*value, out),
        },
        Datum::Float4(value) => write_f32(*value, settings.extra_float_digits, out),
        Datum::Float8(value) => write_f64(*value, settings.extra_float_digits, out),
        Datum::Numeric(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Datum::Text(value) | Datum::Padded(value) => extend(value.as_bytes(), end, out)?,
        Datum::Jsonb(value) => extend(value.as_str().as_bytes(), end, out)?,
        Datum::Bytea(value) => match settings.styles.bytea {
            ByteaOutput::Hex => {
                check_room(2 + 2 * value.len(), end, out)?;
                out.extend_from_slice(b"\\x");
                write_hex(value, out);
            }
            ByteaOutput::Escape => {
                check_room(escaped_length(value), end, out)?;
                write_escaped(value, out);
            }
        },
        Datum::Date(value) => datetime::write_date(*value, settings.styles.date, out),
        Datum::Time(value) => datetime::write_time(*value, out),
        Datum::Timestamp(value) => datetime::write_timestamp(*value, settings.styles.date, out),
        Datum::Timestamptz(value) => {
            datetime::write_timestamptz(*value, &settings.timezone, settings.styles.date, out);
        }
        Datum::Interval(value) => datetime::write_interval(*value, settings.styles.interval, out),
        Datum::Oid(value) => write_oid(*value, ty, settings, out),
        Datum::Char(value) => write_char(*value, out),
        Datum::Uuid(value) => write_uuid(value, out),
        Datum::Tid(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Datum::Array(value) => match ty.oid {
            oid::INT2VECTOR | oid::OIDVECTOR => array_io::write_vector(value, out),
            _ => array_io::write_array(value, ty, settings, end, out)?,
        },
        Datum::Record(fields) => array_io::write_record(fields, settings, end, out)?,
    }
    Ok(())
}

/// Checks that `more` bytes behind those of `out` end at or before `end`.
///
/// # Errors
/// 54000.
pub(crate) fn check_room(more: usize, end: usize, out: &[u8]) -> Result<()> {
    if out.len() + more > end { Err(too_long()) } else { Ok(()) }
}

/// Appends bytes if there is room for them.
///
/// # Errors
/// 54000.
pub(crate) fn extend(bytes: &[u8], end: usize, out: &mut Vec<u8>) -> Result<()> {
    check_room(bytes.len(), end, out)?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn string(text: Vec<u8>) -> String {
    // Every branch of `append` writes UTF-8.
    String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The text form of a value as a string, for EXPLAIN, the catalog's texts of defaults and checks, and tests: what
/// [`write_text`] refuses is cut.
pub fn to_text(value: &Datum, ty: SqlType, settings: &Settings) -> String {
    let mut out = Vec::new();
    // What was written before there was no room is the cut text.
    let _ = append(value, ty, settings, RESULT_BYTES_MAX, &mut out);
    string(out)
}

/// The text form of a value that becomes a value itself, or a part of a message.
///
/// # Errors
/// As [`write_text`].
pub fn as_text(value: &Datum, ty: SqlType, settings: &Settings) -> Result<String> {
    let mut out = Vec::new();
    write_text(value, ty, settings, &mut out)?;
    Ok(string(out))
}

/// What the text form of a value takes at least; of what is too long no more is counted than shows that it is. The elements
/// of an array may share one long text or number, so that what is small in memory takes any length when it is written.
pub(crate) fn least_length(value: &Datum, settings: &Settings) -> usize {
    least(value, |scalar| match scalar {
        Datum::Text(text) | Datum::Padded(text) => text.len(),
        Datum::Bytea(bytes) => match settings.styles.bytea {
            ByteaOutput::Hex => 2 + 2 * bytes.len(),
            ByteaOutput::Escape => bytes.len(),
        },
        Datum::Jsonb(json) => json.as_str().len(),
        Datum::Numeric(number) => number.least_length(),
        _ => 0,
    })
}

/// Whether a value is longer than a value can be in whatever form, binary and stored ones, too, which keep its texts as they
/// are and write numbers more densely.
pub fn is_too_long(value: &Datum) -> bool {
    let bytes = least(value, |scalar| match scalar {
        Datum::Text(text) | Datum::Padded(text) => text.len(),
        Datum::Bytea(bytes) => bytes.len(),
        Datum::Jsonb(json) => json.as_str().len(),
        // A digit takes 0.41 bytes where it takes least.
        Datum::Numeric(number) => number.least_length() / 3,
        _ => 0,
    });
    bytes > RESULT_BYTES_MAX
}

/// What the scalars in a value take together, with a byte behind each: a comma, a brace or a part of a length.
fn least(value: &Datum, scalar: impl Fn(&Datum) -> usize + Copy) -> usize {
    let parts: &[Datum] = match value {
        Datum::Array(array) => &array.elements[..],
        Datum::Record(fields) => &fields[..],
        value => return scalar(value),
    };
    let mut total = 0;
    for part in parts {
        total += least(part, scalar) + 1;
        if total > RESULT_BYTES_MAX {
            break;
        }
    }
    total
}

/// The type whose text form a bare datum has: used inside records, whose fields carry no type.
pub(crate) fn natural_type(value: &Datum) -> SqlType {
    match value {
        Datum::Bool(_) => SqlType::BOOL,
        Datum::Int2(_) => SqlType::INT2,
        Datum::Int4(_) => SqlType::INT4,
        Datum::Int8(_) => SqlType::INT8,
        Datum::Float4(_) => SqlType::FLOAT4,
        Datum::Float8(_) => SqlType::FLOAT8,
        Datum::Numeric(_) => SqlType::NUMERIC,
        Datum::Null | Datum::Text(_) => SqlType::TEXT,
        Datum::Padded(_) => SqlType::BPCHAR,
        Datum::Jsonb(_) => SqlType::JSONB,
        Datum::Bytea(_) => SqlType::BYTEA,
        Datum::Date(_) => SqlType::DATE,
        Datum::Time(_) => SqlType::TIME,
        Datum::Timestamp(_) => SqlType::TIMESTAMP,
        Datum::Timestamptz(_) => SqlType::TIMESTAMPTZ,
        Datum::Interval(_) => SqlType::INTERVAL,
        Datum::Oid(_) => SqlType::OID,
        Datum::Char(_) => SqlType::CHAR,
        Datum::Uuid(_) => SqlType::UUID,
        Datum::Tid(_) => SqlType::TID,
        Datum::Array(array) => SqlType::of(array.element).array().unwrap_or(SqlType::TEXT_ARRAY),
        Datum::Record(_) => SqlType::RECORD,
    }
}

/// 22P02 in PostgreSQL's words.
pub(crate) fn invalid_syntax(type_name: &str, text: &str) -> Error {
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type {type_name}: \"{text}\""))
}

pub(crate) fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

fn parse_integer<T: TryFrom<i64>>(text: &str, type_name: &str) -> Result<T> {
    let trimmed = text.trim_matches(is_space);
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid_syntax(type_name, text));
    }
    trimmed.parse::<i64>().ok().and_then(|value| T::try_from(value).ok()).ok_or_else(|| {
        Error::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("value \"{text}\" is out of range for type {type_name}"),
        )
    })
}

pub(crate) fn parse_bool(text: &str) -> Result<bool> {
    let trimmed = text.trim_matches(is_space).to_ascii_lowercase();
    let prefix = |word: &str, least: usize| trimmed.len() >= least && word.starts_with(&trimmed);
    if prefix("true", 1) || prefix("yes", 1) || trimmed == "on" || trimmed == "1" {
        Ok(true)
    } else if prefix("false", 1) || prefix("no", 1) || prefix("off", 2) || trimmed == "0" {
        Ok(false)
    } else {
        Err(invalid_syntax("boolean", text))
    }
}

/// Reads a float; `None` for bad syntax. Rust's own parser takes a superset apart from hexadecimal.
fn float_words<T>(text: &str, special: impl Fn(f64) -> T, plain: impl Fn(&str) -> Option<T>) -> Option<T> {
    let trimmed = text.trim_matches(is_space);
    let body = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return plain(trimmed);
    }
    let sign = if trimmed.starts_with('-') { -1.0 } else { 1.0 };
    match body.to_ascii_lowercase().as_str() {
        "nan" => Some(special(f64::NAN)),
        "inf" | "infinity" => Some(special(sign * f64::INFINITY)),
        _ => None,
    }
}

fn float_range(text: &str, type_name: &str) -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("\"{text}\" is out of range for type {type_name}"))
}

/// Whether the mantissa of a float's text has a digit other than 0.
fn has_value(text: &str) -> bool {
    text.bytes().take_while(|b| !matches!(b, b'e' | b'E')).any(|b| (b'1'..=b'9').contains(&b))
}

pub(crate) fn parse_f64(text: &str) -> Result<f64> {
    let parsed = float_words(text, |value| value, |digits| digits.parse::<f64>().ok());
    let value = parsed.ok_or_else(|| invalid_syntax("double precision", text))?;
    let written = text.trim_matches(is_space).trim_start_matches(['+', '-']);
    if written.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && (value.is_infinite() || value == 0.0 && has_value(written))
    {
        return Err(float_range(text, "double precision"));
    }
    Ok(value)
}

pub(crate) fn parse_f32(text: &str) -> Result<f32> {
    let parsed = float_words(text, |value| value as f32, |digits| digits.parse::<f32>().ok());
    let value = parsed.ok_or_else(|| invalid_syntax("real", text))?;
    let written = text.trim_matches(is_space).trim_start_matches(['+', '-']);
    if written.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && (value.is_infinite() || value == 0.0 && has_value(written))
    {
        return Err(float_range(text, "real"));
    }
    Ok(value)
}

/// Appends a float from its shortest digits `d.ddde±x`: plain between 1e-4 and 1e15, else with an exponent of at least
/// two digits, as PostgreSQL's `%g` does.
fn write_scientific(text: &str, plain_below: i32, out: &mut Vec<u8>) {
    let (mantissa, exponent) = text.split_once('e').expect("{:e} writes an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} writes a number");
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    out.extend_from_slice(sign.as_bytes());
    if !(-4..plain_below).contains(&exponent) {
        out.extend_from_slice(mantissa.as_bytes());
        out.extend_from_slice(format!("e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()).as_bytes());
        return;
    }
    let digits: Vec<u8> = mantissa.bytes().filter(|b| *b != b'.').collect();
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend_from_slice(&digits);
        return;
    }
    let whole = exponent as usize + 1;
    for i in 0..whole {
        out.push(digits.get(i).copied().unwrap_or(b'0'));
    }
    if digits.len() > whole {
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    }
}

fn write_special(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    });
}

/// Rounds to `digits` significant digits and drops trailing zeros, as `%.*g` does.
fn write_rounded(value: f64, digits: i32, out: &mut Vec<u8>) {
    let digits = digits.max(1);
    let text = format!("{value:.*e}", digits as usize - 1);
    let (mantissa, exponent) = text.split_once('e').expect("{:e} writes an exponent");
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    write_scientific(&format!("{mantissa}e{exponent}"), digits, out);
}

/// `value` as `%.15g`, the form in which PostgreSQL turns floats into other things.
pub fn write_f64(value: f64, extra_digits: i32, out: &mut Vec<u8>) {
    if !value.is_finite() {
        write_special(value, out);
    } else if extra_digits > 0 {
        write_scientific(&format!("{value:e}"), 15, out);
    } else {
        write_rounded(value, 15 + extra_digits, out);
    }
}

/// `value` as `%g`: of six digits.
pub fn general(value: f64) -> String {
    let mut out = Vec::new();
    write_f64(value, -9, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// As [`write_f64`] for a float4.
pub fn write_f32(value: f32, extra_digits: i32, out: &mut Vec<u8>) {
    if !value.is_finite() {
        write_special(f64::from(value), out);
    } else if extra_digits > 0 {
        write_scientific(&format!("{value:e}"), 6, out);
    } else {
        write_rounded(f64::from(value), 6 + extra_digits, out);
    }
}

/// The first 63 bytes of a name, on a character boundary: what PostgreSQL keeps.
pub fn cut_name(name: &str) -> &str {
    const NAME_BYTES_MAX: usize = 63;
    cut(name, NAME_BYTES_MAX)
}

/// The characters that lie in the first `bytes_max` bytes of a text.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

const HEX: &[u8; 16] = b"0123456789abcdef";

pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}

/// Whether the escape form shows a byte as it is.
fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) && byte != b'\\'
}

/// Bytes of the escape form.
fn escaped_length(bytes: &[u8]) -> usize {
    let length = |byte: u8| match byte {
        b'\\' => 2usize,
        byte if is_plain(byte) => 1,
        _ => 4,
    };
    bytes.iter().copied().map(length).sum()
}

fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            byte if is_plain(byte) => out.push(byte),
            _ => out.extend([b'\\', b'0' + (byte >> 6), b'0' + ((byte >> 3) & 7), b'0' + (byte & 7)]),
        }
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Reads hexadecimal digits, blanks between pairs allowed.
pub(crate) fn parse_hex(text: &str) -> Result<Vec<u8>> {
    let bad =
        |byte: char| Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid hexadecimal digit: \"{byte}\""));
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c.is_ascii_whitespace() {
            continue;
        }
        let high = u8::try_from(c).ok().and_then(hex_digit).ok_or_else(|| bad(c))?;
        let Some(next) = chars.next() else {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "invalid hexadecimal data: odd number of digits",
            ));
        };
        let low = u8::try_from(next).ok().and_then(hex_digit).ok_or_else(|| bad(next))?;
        bytes.push(high << 4 | low);
    }
    Ok(bytes)
}

/// Hexadecimal form with `\x`, or the escape form.
pub(crate) fn parse_bytea(text: &str) -> Result<Vec<u8>> {
    if let Some(hex) = text.strip_prefix("\\x") {
        return parse_hex(hex);
    }
    parse_bytea_escape(text)
}

/// `\\` and `\ooo` escapes.
pub(crate) fn parse_bytea_escape(text: &str) -> Result<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    let octal = |i: usize, top: u8| bytes.get(i).filter(|b| (b'0'..=top).contains(b)).map(|b| b - b'0');
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            out.push(bytes[at]);
            at += 1;
        } else if let (Some(a), Some(b), Some(c)) = (octal(at + 1, b'3'), octal(at + 2, b'7'), octal(at + 3, b'7')) {
            out.push(a << 6 | b << 3 | c);
            at += 4;
        } else if bytes.get(at + 1) == Some(&b'\\') {
            out.push(b'\\');
            at += 2;
        } else {
            return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea"));
        }
    }
    Ok(out)
}

fn parse_oid(text: &str, type_name: &str) -> Result<u32> {
    let trimmed = text.trim_matches(is_space);
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid_syntax(type_name, text));
    }
    let range = || {
        Error::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("value \"{text}\" is out of range for type {type_name}"),
        )
    };
    let value: i64 = trimmed.parse().map_err(|_| range())?;
    // A negative number is taken modulo 2^32, as strtoul does.
    if value < 0 {
        return i32::try_from(value).map(|v| v as u32).map_err(|_| range());
    }
    u32::try_from(value).map_err(|_| range())
}

/// An xid8 or pg_lsn, which are held as signed integers. No server comes to 2^63, from where on they would sort before
/// zero.
///
/// # Errors
/// 0A000 from 2^63 on.
pub(crate) fn unsigned(value: u64, ty: SqlType) -> Result<Datum> {
    let largest = if ty.oid == oid::PG_LSN { "7FFFFFFF/FFFFFFFF" } else { "9223372036854775807" };
    i64::try_from(value)
        .map(Datum::Int8)
        .map_err(|_| Error::unsupported(format!("a value of type {} beyond {largest}", ty.name())))
}

/// The number that a text begins with, as C's `strtoul` reads it in base 0: decimal, octal behind `0` or hexadecimal behind
/// `0x`, 0 if there is none.
fn leading_number(text: &str) -> u64 {
    let signed = text.trim_start_matches(is_space);
    let digits = signed.strip_prefix(['+', '-']).unwrap_or(signed);
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (radix, digits) = match hexadecimal {
        Some(digits) => (16, digits),
        None if digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let value = digits
        .chars()
        .map_while(|c| c.to_digit(radix))
        .try_fold(0u64, |value, digit| value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit)));
    match value {
        Some(value) if signed.starts_with('-') => value.wrapping_neg(),
        Some(value) => value,
        None => u64::MAX,
    }
}

fn parse_lsn(text: &str) -> Result<Datum> {
    let half = |part: &str| {
        let valid = (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit());
        valid.then(|| u64::from_str_radix(part, 16).ok()).flatten()
    };
    let parsed = text.split_once('/').and_then(|(high, low)| Some(half(high)? << 32 | half(low)?));
    unsigned(parsed.ok_or_else(|| invalid_syntax("pg_lsn", text))?, SqlType::PG_LSN)
}

/// The first byte; `\ooo` for bytes that are not ASCII, as PostgreSQL prints them.
pub(crate) fn parse_char(text: &str) -> u8 {
    let bytes = text.as_bytes();
    if let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'] = bytes {
        return (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0');
    }
    bytes.first().copied().unwrap_or(0)
}

pub(crate) fn write_char(value: u8, out: &mut Vec<u8>) {
    if value >= 0x80 {
        out.extend_from_slice(format!("\\{value:03o}").as_bytes());
    } else if value != 0 {
        out.push(value);
    }
}

fn parse_uuid(text: &str) -> Result<[u8; 16]> {
    let invalid = || invalid_syntax("uuid", text);
    let body = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}').ok_or_else(invalid)?,
        None => text,
    };
    let bytes = body.as_bytes();
    let mut uuid = [0u8; 16];
    let mut at = 0;
    for (i, byte) in uuid.iter_mut().enumerate() {
        // A hyphen may stand after any group of four digits.
        if i > 0 && i % 2 == 0 && bytes.get(at) == Some(&b'-') {
            at += 1;
        }
        let digit = |at: usize| bytes.get(at).copied().and_then(hex_digit).ok_or_else(invalid);
        *byte = digit(at)? << 4 | digit(at + 1)?;
        at += 2;
    }
    if at == bytes.len() { Ok(uuid) } else { Err(invalid()) }
}

fn write_uuid(value: &[u8; 16], out: &mut Vec<u8>) {
    for (i, byte) in value.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        write_hex(&[*byte], out);
    }
}

fn parse_reg(text: &str, ty: SqlType, settings: &Settings) -> Result<Datum> {
    if text == "-" {
        return Ok(Datum::Oid(0));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return parse_oid(text, &ty.name()).map(Datum::Oid);
    }
    if let Some(names) = &settings.reg_names {
        return names.oid_of(ty.oid, text).map(Datum::Oid);
    }
    // Without a catalog only types are known.
    let found = (ty.oid == oid::REGTYPE).then(|| crate::sqltype::type_by_name(text)).flatten();
    found
        .map(|found| Datum::Oid(found.oid))
        .ok_or_else(|| Error::new(SqlState::UNDEFINED_OBJECT, format!("type \"{text}\" does not exist")))
}

fn write_oid(value: u32, ty: SqlType, settings: &Settings, out: &mut Vec<u8>) {
    if ty.is_reg() {
        if value == 0 {
            out.push(b'-');
            return;
        }
        if let Some(name) = settings.reg_names.as_ref().and_then(|names| names.name_of(ty.oid, value)) {
            out.extend_from_slice(name.as_bytes());
            return;
        }
        if ty.oid == oid::REGTYPE && crate::sqltype::type_row(value).is_some() {
            out.extend_from_slice(SqlType::of(value).name().as_bytes());
            return;
        }
    }
    datetime::write_integer(i64::from(value), out);
}
