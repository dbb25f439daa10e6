//! Casts: rows of `pg_cast`, and the length coercions that follow a cast.
//!
//! All rows share one conversion, [`convert`], which looks at the value and at the target. What has no row goes through
//! the text form ([`Coercion::Text`](crate::resolve::Coercion)): any type to a string type on assignment, a string to any
//! type explicitly.

use crate::datetime::{
    self, MICROS_PER_DAY, date_to_timestamp, is_infinite, local_to_utc, round_precision, split_timestamp,
};
use crate::datum::{Datum, Interval};
use crate::error::{Error, Result, SqlState};
use crate::function::{Call, Eval, Registry, out_of_range, too_long};
use crate::json::Jsonb;
use crate::numeric::Numeric;
use crate::settings::Settings;
use crate::sqltype::oid::*;
use crate::sqltype::{SqlType, oid};
use crate::text_io;

/// PostgreSQL's `MaxAttrSize`: the largest n of char(n).
const CHAR_LENGTH_MAX: usize = 10_485_760;

/// Where a cast may be applied without being written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CastContext {
    /// Anywhere.
    Implicit,
    /// When storing into a column, and explicitly.
    Assignment,
    /// Only when written as a cast.
    Explicit,
}

/// A row of `pg_cast`.
#[derive(Debug)]
pub struct Cast {
    pub from: u32,
    pub to: u32,
    pub context: CastContext,
    /// The oid of the cast's function in `pg_proc`, 0 when the representations are the same.
    pub function: u32,
    /// Called with the value as the only argument (never null) and the target, modifier included, as result type. The
    /// modifier is applied by [`coerce_typmod`] afterwards, not here.
    pub eval: Eval,
}

/// The cast between two different types, if there is a row.
pub fn find_cast(from: u32, to: u32) -> Option<&'static Cast> {
    Registry::builtin().find_cast(from, to)
}

/// Every row of `pg_cast`.
pub fn all_casts() -> &'static [Cast] {
    CASTS
}

/// Casts a value from one type to another, by whatever way is allowed explicitly, modifier included. Null stays null.
///
/// # Errors
/// 42846 when there is no cast; otherwise as the conversion and the modifier say.
pub fn cast(value: &Datum, from: SqlType, to: SqlType, settings: &Settings, explicit: bool) -> Result<Datum> {
    if value.is_null() {
        return Ok(Datum::Null);
    }
    let converted = if from.oid == to.oid {
        value.clone()
    } else if let Some(cast) = find_cast(from.oid, to.oid) {
        (cast.eval)(&mut Call::new(std::slice::from_ref(value), &[from], to, settings))?
    } else if let (Some(from_element), Some(to_element), Datum::Array(array)) = (from.element(), to.element(), value) {
        let elements = array
            .elements
            .iter()
            .map(|element| cast(element, SqlType::of(from_element.oid), to_element, settings, explicit))
            .collect::<Result<Vec<_>>>()?;
        let (dims, lower_bounds) = (array.dims.clone(), array.lower_bounds.clone());
        let converted = crate::ArrayValue { element: to_element.oid, dims, lower_bounds, elements };
        return Ok(Datum::Array(std::sync::Arc::new(converted)));
    } else if from.category() == b'S' || from.oid == UNKNOWN || to.category() == b'S' {
        let text = text_io::as_text(value, from, settings)?;
        // A written cast to a short string cuts it, so the modifier is applied here and not by the parser.
        let parsed = text_io::parse(&text, if to.category() == b'S' { SqlType::of(to.oid) } else { to }, settings)?;
        return coerce_typmod(parsed, to, explicit);
    } else {
        return Err(Error::new(SqlState::CANNOT_COERCE, format!("cannot cast type {} to {}", from.name(), to.name())));
    };
    coerce_typmod(converted, to, explicit)
}

/// Appends blanks, many at a time: most of what a load of char(n) columns writes.
fn push_blanks(text: &mut String, mut count: usize) {
    const BLANKS: &str = "                                                                ";
    while count > 0 {
        let some = count.min(BLANKS.len());
        text.push_str(&BLANKS[..some]);
        count -= some;
    }
}

/// Applies a type's modifier to a value that already has the type: cuts or refuses too long strings, pads char(n),
/// rounds numerics and times.
///
/// `explicit` is for a written cast, which cuts where an assignment refuses.
///
/// # Errors
/// 22001 string too long, 22003 numeric field overflow.
pub fn coerce_typmod(value: Datum, target: SqlType, explicit: bool) -> Result<Datum> {
    if target.typmod < 0 {
        return Ok(value);
    }
    match (value, target.oid) {
        (Datum::Text(text), oid::VARCHAR | oid::BPCHAR) => {
            let Some(limit) = target.char_limit() else { return Ok(Datum::Text(text)) };
            // A declared type is within the limit; the functions behind the casts take any modifier.
            if target.oid == oid::BPCHAR && limit > CHAR_LENGTH_MAX {
                return Err(too_long());
            }
            let length = if text.is_ascii() { text.len() } else { text.chars().count() };
            if length > limit {
                let cut = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
                // Blanks alone may be lost without a word.
                if !explicit && text[cut..].bytes().any(|b| b != b' ') {
                    return Err(Error::new(
                        SqlState::STRING_DATA_RIGHT_TRUNCATION,
                        format!("value too long for type {}", target.name()),
                    ));
                }
                return Ok(Datum::text(&text[..cut]));
            }
            if target.oid == oid::BPCHAR && length < limit {
                let mut padded = String::with_capacity(text.len() + limit - length);
                padded.push_str(&text);
                push_blanks(&mut padded, limit - length);
                return Ok(Datum::Text(padded.into()));
            }
            Ok(Datum::Text(text))
        }
        (Datum::Numeric(number), oid::NUMERIC) => match target.precision_scale() {
            Some((precision, scale)) => number.fit(precision, scale).map(Datum::Numeric),
            None => Ok(Datum::Numeric(number)),
        },
        (Datum::Time(micros), _) => Ok(Datum::Time(round_precision(micros, target.typmod))),
        (Datum::Timestamp(micros), _) => Ok(Datum::Timestamp(round_precision(micros, target.typmod))),
        (Datum::Timestamptz(micros), _) => Ok(Datum::Timestamptz(round_precision(micros, target.typmod))),
        (Datum::Interval(interval), _) => Ok(Datum::Interval(datetime::apply_interval_typmod(interval, target.typmod))),
        (Datum::Array(array), _) => {
            let Some(element) = target.element() else { return Ok(Datum::Array(array)) };
            let mut coerced = (*array).clone();
            for value in &mut coerced.elements {
                *value = coerce_typmod(std::mem::replace(value, Datum::Null), element, explicit)?;
            }
            Ok(Datum::Array(std::sync::Arc::new(coerced)))
        }
        (value, _) => Ok(value),
    }
}

fn integer(value: i64, target: u32) -> Result<Datum> {
    match target {
        INT2 => i16::try_from(value).map(Datum::Int2).map_err(|_| out_of_range("smallint")),
        INT4 => i32::try_from(value).map(Datum::Int4).map_err(|_| out_of_range("integer")),
        _ => Ok(Datum::Int8(value)),
    }
}

fn type_of_integer(target: u32) -> &'static str {
    match target {
        INT2 => "smallint",
        INT4 => "integer",
        _ => "bigint",
    }
}

/// Rounds half to even, as the C cast through rint does.
fn float_to_integer(value: f64, target: u32) -> Result<Datum> {
    let rounded = value.round_ties_even();
    // -2^63 is a float, and 2^63 the first one past the range.
    if rounded.is_nan() || !(i64::MIN as f64..-(i64::MIN as f64)).contains(&rounded) {
        return Err(out_of_range(type_of_integer(target)));
    }
    integer(rounded as i64, target)
}

fn numeric_to_integer(value: &Numeric, target: u32) -> Result<Datum> {
    let name = type_of_integer(target);
    if !value.is_finite() {
        let what = if value.is_nan() { "NaN" } else { "infinity" };
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("cannot convert {what} to {name}")));
    }
    integer(value.to_i64().ok_or_else(|| out_of_range(name))?, target)
}

fn float_to_real(value: f64) -> Result<Datum> {
    let narrow = value as f32;
    if narrow.is_infinite() && value.is_finite() {
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow"));
    }
    if narrow == 0.0 && value != 0.0 {
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow"));
    }
    Ok(Datum::Float4(narrow))
}

/// The bits of an int2 or int4, and the number of an int8.
fn oid_of(value: &Datum) -> Result<Datum> {
    let oid = match value {
        Datum::Int2(value) => Some(i32::from(*value) as u32),
        Datum::Int4(value) => Some(*value as u32),
        other => other.as_i64().and_then(|value| u32::try_from(value).ok()),
    };
    oid.map(Datum::Oid).ok_or_else(|| Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "OID out of range"))
}

/// The conversion behind every row of `pg_cast`: the first argument to the result type, without its modifier.
pub(crate) fn convert(call: &mut Call<'_>) -> Result<Datum> {
    let zone = &call.settings.timezone;
    let target = call.result.oid;
    Ok(match (call.arg(0), target) {
        (Datum::Null, _) => Datum::Null,
        (Datum::Int2(_) | Datum::Int4(_) | Datum::Int8(_), INT2 | INT4 | INT8) => {
            return integer(call.i64(0)?, target);
        }
        (Datum::Int2(_) | Datum::Int4(_) | Datum::Int8(_), FLOAT8) => Datum::Float8(call.i64(0)? as f64),
        (Datum::Int2(_) | Datum::Int4(_) | Datum::Int8(_), FLOAT4) => Datum::Float4(call.i64(0)? as f32),
        (Datum::Int2(_) | Datum::Int4(_) | Datum::Int8(_), NUMERIC) => Datum::Numeric(Numeric::from(call.i64(0)?)),
        (Datum::Int4(value), BOOL) => Datum::Bool(*value != 0),
        (Datum::Bool(value), INT4) => Datum::Int4(i32::from(*value)),
        (Datum::Bool(value), TEXT | VARCHAR | BPCHAR) => Datum::text(if *value { "true" } else { "false" }),
        (Datum::Int4(value), CHAR) => {
            let byte = i8::try_from(*value)
                .map_err(|_| Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "\"char\" out of range"))?;
            Datum::Char(byte as u8)
        }
        (Datum::Char(value), INT4) => Datum::Int4(i32::from(*value as i8)),
        (Datum::Char(value), TEXT | VARCHAR | BPCHAR | NAME) => {
            let mut out = Vec::new();
            text_io::write_char(*value, &mut out);
            Datum::text(&String::from_utf8_lossy(&out))
        }
        (Datum::Text(value), JSONB) => Datum::Jsonb(Jsonb::parse(value)?),
        (Datum::Jsonb(value), JSON) => Datum::text(value.as_str()),
        (Datum::Jsonb(value), BOOL) => return crate::function::jsonb::scalar(value, target),
        (Datum::Jsonb(value), _) => {
            let number = crate::function::jsonb::scalar(value, target)?;
            let to = call.result;
            return convert(&mut Call::new(&[number], &[SqlType::NUMERIC], to, call.settings));
        }
        (Datum::Text(value), CHAR) => Datum::Char(text_io::parse_char(value)),
        (Datum::Text(value), NAME) => Datum::text(text_io::cut_name(value.trim_end_matches(' '))),
        (Datum::Text(value), TEXT | VARCHAR) if call.arg_type(0).oid == BPCHAR => {
            Datum::text(value.trim_end_matches(' '))
        }
        (Datum::Text(value), REGCLASS) => return text_io::parse(value, SqlType::REGCLASS, call.settings),
        (value @ Datum::Text(_), _) => value.clone(),
        (Datum::Float4(_) | Datum::Float8(_), INT2 | INT4 | INT8) => return float_to_integer(call.f64(0)?, target),
        (Datum::Float4(value), FLOAT8) => Datum::Float8(f64::from(*value)),
        (Datum::Float8(value), FLOAT4) => return float_to_real(*value),
        (Datum::Float4(value), NUMERIC) => Datum::Numeric(Numeric::from_f32(*value)),
        (Datum::Float8(value), NUMERIC) => Datum::Numeric(Numeric::from_f64(*value)),
        (Datum::Numeric(value), INT2 | INT4 | INT8) => return numeric_to_integer(value, target),
        (Datum::Numeric(value), FLOAT8) => {
            let float = value.to_f64();
            if float.is_infinite() && value.is_finite() {
                let message = format!("\"{value}\" is out of range for type double precision");
                return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
            }
            Datum::Float8(float)
        }
        (Datum::Numeric(value), FLOAT4) => match value.is_finite() {
            true => Datum::Float4(text_io::parse_f32(&value.to_string())?),
            false => Datum::Float4(value.to_f64() as f32),
        },
        (Datum::Oid(value), INT4) => Datum::Int4(*value as i32),
        (Datum::Oid(value), INT8) => Datum::Int8(i64::from(*value)),
        (Datum::Oid(value), _) => Datum::Oid(*value),
        // Of an xid8, for no integer is cast to xid.
        (Datum::Int8(value), XID) => Datum::Oid(*value as u32),
        (value @ (Datum::Int2(_) | Datum::Int4(_) | Datum::Int8(_)), _) if call.result.is_oid_like() => {
            return oid_of(value);
        }
        (Datum::Date(days), TIMESTAMP) => Datum::Timestamp(date_to_timestamp(*days)?),
        (Datum::Date(days), TIMESTAMPTZ) => Datum::Timestamptz(local_to_utc(date_to_timestamp(*days)?, zone)?),
        (Datum::Timestamp(micros), DATE) => Datum::Date(day_of(*micros)),
        (Datum::Timestamp(micros), TIME) => time_of(*micros),
        (Datum::Timestamp(micros), TIMESTAMPTZ) => Datum::Timestamptz(local_to_utc(*micros, zone)?),
        (Datum::Timestamptz(micros), DATE) => Datum::Date(day_of(zone.to_local(*micros))),
        (Datum::Timestamptz(micros), TIME) => time_of(zone.to_local(*micros)),
        (Datum::Timestamptz(micros), TIMESTAMP) => Datum::Timestamp(zone.to_local(*micros)),
        (Datum::Time(micros), INTERVAL) => Datum::Interval(Interval { months: 0, days: 0, micros: *micros }),
        (Datum::Interval(value), TIME) => Datum::Time(value.micros.rem_euclid(MICROS_PER_DAY)),
        (Datum::Array(array), INT2_ARRAY | OID_ARRAY) => Datum::Array(array.clone()),
        (value, _) => value.clone(),
    })
}

fn day_of(local: i64) -> i32 {
    match local {
        datetime::TIMESTAMP_INFINITY => datetime::DATE_INFINITY,
        datetime::TIMESTAMP_NEG_INFINITY => datetime::DATE_NEG_INFINITY,
        _ => split_timestamp(local).0,
    }
}

fn time_of(local: i64) -> Datum {
    if is_infinite(local) { Datum::Null } else { Datum::Time(split_timestamp(local).1) }
}

const fn row(from: u32, to: u32, context: CastContext, function: u32) -> Cast {
    Cast { from, to, context, function, eval: convert }
}

use CastContext::{Assignment, Explicit, Implicit};

#[rustfmt::skip]
static CASTS: &[Cast] = &[
    row(BOOL, INT4, Explicit, 2558),
    row(BOOL, TEXT, Assignment, 2971),
    row(BOOL, BPCHAR, Assignment, 2971),
    row(BOOL, VARCHAR, Assignment, 2971),
    row(CHAR, INT4, Explicit, 77),
    row(CHAR, TEXT, Implicit, 946),
    row(CHAR, BPCHAR, Assignment, 860),
    row(CHAR, VARCHAR, Assignment, 946),
    row(NAME, TEXT, Implicit, 406),
    row(NAME, BPCHAR, Assignment, 408),
    row(NAME, VARCHAR, Assignment, 1401),
    row(INT8, INT2, Assignment, 714),
    row(INT8, INT4, Assignment, 480),
    row(INT8, REGPROC, Implicit, 1287),
    row(INT8, OID, Implicit, 1287),
    row(INT8, FLOAT4, Implicit, 652),
    row(INT8, FLOAT8, Implicit, 482),
    row(INT8, NUMERIC, Implicit, 1781),
    row(INT8, REGPROCEDURE, Implicit, 1287),
    row(INT8, REGOPER, Implicit, 1287),
    row(INT8, REGOPERATOR, Implicit, 1287),
    row(INT8, REGCLASS, Implicit, 1287),
    row(INT8, REGTYPE, Implicit, 1287),
    row(INT8, REGNAMESPACE, Implicit, 1287),
    row(INT8, REGROLE, Implicit, 1287),
    row(INT8, REGCOLLATION, Implicit, 1287),
    row(INT2, INT8, Implicit, 754),
    row(INT2, INT4, Implicit, 313),
    row(INT2, REGPROC, Implicit, 313),
    row(INT2, OID, Implicit, 313),
    row(INT2, FLOAT4, Implicit, 236),
    row(INT2, FLOAT8, Implicit, 235),
    row(INT2, NUMERIC, Implicit, 1782),
    row(INT2, REGPROCEDURE, Implicit, 313),
    row(INT2, REGOPER, Implicit, 313),
    row(INT2, REGOPERATOR, Implicit, 313),
    row(INT2, REGCLASS, Implicit, 313),
    row(INT2, REGTYPE, Implicit, 313),
    row(INT2, REGNAMESPACE, Implicit, 313),
    row(INT2, REGROLE, Implicit, 313),
    row(INT2, REGCOLLATION, Implicit, 313),
    row(INT4, BOOL, Explicit, 2557),
    row(INT4, CHAR, Explicit, 78),
    row(INT4, INT8, Implicit, 481),
    row(INT4, INT2, Assignment, 314),
    row(INT4, REGPROC, Implicit, 0),
    row(INT4, OID, Implicit, 0),
    row(INT4, FLOAT4, Implicit, 318),
    row(INT4, FLOAT8, Implicit, 316),
    row(INT4, NUMERIC, Implicit, 1740),
    row(INT4, REGPROCEDURE, Implicit, 0),
    row(INT4, REGOPER, Implicit, 0),
    row(INT4, REGOPERATOR, Implicit, 0),
    row(INT4, REGCLASS, Implicit, 0),
    row(INT4, REGTYPE, Implicit, 0),
    row(INT4, REGNAMESPACE, Implicit, 0),
    row(INT4, REGROLE, Implicit, 0),
    row(INT4, REGCOLLATION, Implicit, 0),
    row(JSON, JSONB, Assignment, 0),
    row(JSONB, JSON, Assignment, 0),
    row(JSONB, BOOL, Explicit, 3556),
    row(JSONB, NUMERIC, Explicit, 3449),
    row(JSONB, INT2, Explicit, 3450),
    row(JSONB, INT4, Explicit, 3451),
    row(JSONB, INT8, Explicit, 3452),
    row(JSONB, FLOAT4, Explicit, 3453),
    row(JSONB, FLOAT8, Explicit, 2580),
    row(REGPROC, INT8, Assignment, 1288),
    row(REGPROC, INT4, Assignment, 0),
    row(REGPROC, OID, Implicit, 0),
    row(REGPROC, REGPROCEDURE, Implicit, 0),
    row(TEXT, CHAR, Assignment, 944),
    row(TEXT, NAME, Implicit, 407),
    row(TEXT, BPCHAR, Implicit, 0),
    row(TEXT, VARCHAR, Implicit, 0),
    row(TEXT, REGCLASS, Implicit, 1079),
    row(OID, INT8, Assignment, 1288),
    row(OID, INT4, Assignment, 0),
    row(OID, REGPROC, Implicit, 0),
    row(OID, REGPROCEDURE, Implicit, 0),
    row(OID, REGOPER, Implicit, 0),
    row(OID, REGOPERATOR, Implicit, 0),
    row(OID, REGCLASS, Implicit, 0),
    row(OID, REGTYPE, Implicit, 0),
    row(OID, REGNAMESPACE, Implicit, 0),
    row(OID, REGROLE, Implicit, 0),
    row(OID, REGCOLLATION, Implicit, 0),
    row(PG_NODE_TREE, TEXT, Implicit, 0),
    row(FLOAT4, INT8, Assignment, 653),
    row(FLOAT4, INT2, Assignment, 238),
    row(FLOAT4, INT4, Assignment, 319),
    row(FLOAT4, FLOAT8, Implicit, 311),
    row(FLOAT4, NUMERIC, Assignment, 1742),
    row(FLOAT8, INT8, Assignment, 483),
    row(FLOAT8, INT2, Assignment, 237),
    row(FLOAT8, INT4, Assignment, 317),
    row(FLOAT8, FLOAT4, Assignment, 312),
    row(FLOAT8, NUMERIC, Assignment, 1743),
    row(BPCHAR, CHAR, Assignment, 944),
    row(BPCHAR, NAME, Implicit, 409),
    row(BPCHAR, TEXT, Implicit, 401),
    row(BPCHAR, VARCHAR, Implicit, 401),
    row(VARCHAR, CHAR, Assignment, 944),
    row(VARCHAR, NAME, Implicit, 1400),
    row(VARCHAR, TEXT, Implicit, 0),
    row(VARCHAR, BPCHAR, Implicit, 0),
    row(VARCHAR, REGCLASS, Implicit, 1079),
    row(DATE, TIMESTAMP, Implicit, 2024),
    row(DATE, TIMESTAMPTZ, Implicit, 1174),
    row(TIME, INTERVAL, Implicit, 1370),
    row(TIMESTAMP, DATE, Assignment, 2029),
    row(TIMESTAMP, TIME, Assignment, 1316),
    row(TIMESTAMP, TIMESTAMPTZ, Implicit, 2028),
    row(TIMESTAMPTZ, DATE, Assignment, 1178),
    row(TIMESTAMPTZ, TIME, Assignment, 2019),
    row(TIMESTAMPTZ, TIMESTAMP, Assignment, 2027),
    row(INTERVAL, TIME, Assignment, 1419),
    row(NUMERIC, INT8, Assignment, 1779),
    row(NUMERIC, INT2, Assignment, 1783),
    row(NUMERIC, INT4, Assignment, 1744),
    row(NUMERIC, FLOAT4, Implicit, 1745),
    row(NUMERIC, FLOAT8, Implicit, 1746),
    row(REGPROCEDURE, INT8, Assignment, 1288),
    row(REGPROCEDURE, INT4, Assignment, 0),
    row(REGPROCEDURE, REGPROC, Implicit, 0),
    row(REGPROCEDURE, OID, Implicit, 0),
    row(REGOPER, INT8, Assignment, 1288),
    row(REGOPER, INT4, Assignment, 0),
    row(REGOPER, OID, Implicit, 0),
    row(REGOPER, REGOPERATOR, Implicit, 0),
    row(REGOPERATOR, INT8, Assignment, 1288),
    row(REGOPERATOR, INT4, Assignment, 0),
    row(REGOPERATOR, OID, Implicit, 0),
    row(REGOPERATOR, REGOPER, Implicit, 0),
    row(REGCLASS, INT8, Assignment, 1288),
    row(REGCLASS, INT4, Assignment, 0),
    row(REGCLASS, OID, Implicit, 0),
    row(REGTYPE, INT8, Assignment, 1288),
    row(REGTYPE, INT4, Assignment, 0),
    row(REGTYPE, OID, Implicit, 0),
    row(REGNAMESPACE, INT8, Assignment, 1288),
    row(REGNAMESPACE, INT4, Assignment, 0),
    row(REGNAMESPACE, OID, Implicit, 0),
    row(REGROLE, INT8, Assignment, 1288),
    row(REGROLE, INT4, Assignment, 0),
    row(REGROLE, OID, Implicit, 0),
    row(REGCOLLATION, INT8, Assignment, 1288),
    row(REGCOLLATION, INT4, Assignment, 0),
    row(REGCOLLATION, OID, Implicit, 0),
    row(XID8, XID, Explicit, 5071),
];
