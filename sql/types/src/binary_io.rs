//! Binary forms of values: what drivers send in Bind and read from DataRow, exactly PostgreSQL's `typsend`/`typreceive`.
//!
//! All numbers are big-endian. Input comes from the network: every length is checked, and whatever does not fit is 22P03.

use std::sync::Arc;

use crate::array_io::{DIMENSIONS_MAX, ELEMENTS_MAX, too_many_elements};
use crate::datetime::{self, MICROS_PER_DAY};
use crate::datum::{ArrayValue, Datum, Interval};
use crate::error::{Error, Result, SqlState};
use crate::function::{RESULT_BYTES_MAX, too_long};
use crate::json::Jsonb;
use crate::numeric::Numeric;
use crate::settings::Settings;
use crate::sqltype::{SqlType, oid};
use crate::text_io;
use crate::tid::Tid;

/// The one form that a jsonb has on the wire: its text behind this byte.
const JSONB_VERSION: u8 = 1;
const NUMERIC_POSITIVE: u16 = 0x0000;
const NUMERIC_NEGATIVE: u16 = 0x4000;
const NUMERIC_NAN: u16 = 0xc000;
const NUMERIC_INFINITY: u16 = 0xd000;
const NUMERIC_NEG_INFINITY: u16 = 0xf000;

#[cold]
fn malformed(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_BINARY_REPRESENTATION, message)
}

/// Takes fields off the front of a message part.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, rest) =
            self.0.split_at_checked(count).ok_or_else(|| malformed("insufficient data left in message"))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.bytes(N)?.try_into().expect("bytes returns as many as asked"))
    }

    fn i16(&mut self) -> Result<i16> {
        self.array().map(i16::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(malformed("incorrect binary data format")) }
    }
}

/// Reads the binary form of a value, applying the type's modifier.
///
/// # Errors
/// 22P03 malformed, 22021 text that is not UTF-8 or has a zero byte, 22001 and 22003 as the modifier says.
pub fn from_binary(bytes: &[u8], ty: SqlType) -> Result<Datum> {
    // The common integers, without a reader.
    match (ty.oid, bytes.len()) {
        (oid::INT4, 4) => return Ok(Datum::Int4(Reader(bytes).i32()?)),
        (oid::INT8, 8) => return Ok(Datum::Int8(Reader(bytes).i64()?)),
        _ => {}
    }
    let mut reader = Reader(bytes);
    let value = read(&mut reader, bytes, ty)?;
    if ty.typmod >= 0 { crate::cast::coerce_typmod(value, ty, false) } else { Ok(value) }
}

fn read(reader: &mut Reader<'_>, all: &[u8], ty: SqlType) -> Result<Datum> {
    let value = match ty.oid {
        oid::INT4 => Datum::Int4(reader.i32()?),
        oid::INT8 => Datum::Int8(reader.i64()?),
        oid::PG_LSN | oid::XID8 => text_io::unsigned(reader.i64()? as u64, ty)?,
        oid::INT2 => Datum::Int2(reader.i16()?),
        oid::BOOL => Datum::Bool(reader.array::<1>()?[0] != 0),
        oid::FLOAT8 => Datum::Float8(f64::from_be_bytes(reader.array()?)),
        oid::FLOAT4 => Datum::Float4(f32::from_be_bytes(reader.array()?)),
        oid::BYTEA => return Ok(Datum::Bytea(bytes::Bytes::copy_from_slice(all))),
        oid::CHAR => Datum::Char(reader.array::<1>()?[0]),
        oid::UUID => Datum::Uuid(reader.array()?),
        oid::DATE => {
            let days = reader.i32()?;
            let finite = days != datetime::DATE_INFINITY && days != datetime::DATE_NEG_INFINITY;
            if finite && !datetime::date_in_range(days) {
                return Err(datetime::date_out_of_range());
            }
            Datum::Date(days)
        }
        oid::TIME => {
            let micros = reader.i64()?;
            if !(0..=MICROS_PER_DAY).contains(&micros) {
                return Err(datetime::out_of_range("time"));
            }
            Datum::Time(micros)
        }
        oid::TIMESTAMP | oid::TIMESTAMPTZ => {
            let micros = reader.i64()?;
            if !datetime::is_infinite(micros) && !datetime::timestamp_in_range(micros) {
                return Err(datetime::out_of_range("timestamp"));
            }
            if ty.oid == oid::TIMESTAMP { Datum::Timestamp(micros) } else { Datum::Timestamptz(micros) }
        }
        oid::INTERVAL => {
            let (micros, days, months) = (reader.i64()?, reader.i32()?, reader.i32()?);
            Datum::Interval(Interval { months, days, micros })
        }
        oid::NUMERIC => Datum::Numeric(numeric(reader)?),
        oid::JSONB => {
            let version = reader.array::<1>()?[0];
            if version != JSONB_VERSION {
                return Err(Error::internal(format!("unsupported jsonb version number {version}")));
            }
            return Jsonb::parse(check_text(reader.0)?).map(Datum::Jsonb);
        }
        oid::TID => {
            let (block, offset) = (reader.u32()?, reader.u16()?);
            Datum::Tid(Tid { block, offset })
        }
        oid::VOID => return Ok(Datum::Null),
        oid::RECORD => record(reader)?,
        _ if ty.is_oid_like() => Datum::Oid(reader.u32()?),
        _ if ty.is_array() => array(reader, ty)?,
        _ if ty.is_pseudo() && !matches!(ty.oid, oid::UNKNOWN | oid::CSTRING) => {
            return Err(Error::unsupported(format!("binary input of type {}", ty.name())));
        }
        // text, varchar, char(n), name, json and whatever else is text to us
        _ => {
            let text = check_text(all)?;
            if ty.oid == oid::JSON {
                crate::json::check(text)?;
            }
            return Ok(Datum::text(if ty.oid == oid::NAME { text_io::cut_name(text) } else { text }));
        }
    };
    reader.end()?;
    Ok(value)
}

/// Checks that bytes from a client are text: UTF-8 without a zero byte.
///
/// # Errors
/// 22021 with the first offending bytes.
pub fn check_text(bytes: &[u8]) -> Result<&str> {
    let shown = |at: usize| {
        let tail = &bytes[at..bytes.len().min(at + 4)];
        let hex: Vec<String> = tail.iter().map(|b| format!("0x{b:02x}")).collect();
        let hex = if tail.first() == Some(&0) { "0x00".to_string() } else { hex.join(" ") };
        Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, format!("invalid byte sequence for encoding \"UTF8\": {hex}"))
    };
    let text = std::str::from_utf8(bytes).map_err(|error| shown(error.valid_up_to()))?;
    // A search for one byte goes by words; where it is matters to the error alone.
    if !bytes.contains(&0) {
        return Ok(text);
    }
    Err(shown(bytes.iter().position(|b| *b == 0).unwrap_or(0)))
}

fn numeric(reader: &mut Reader<'_>) -> Result<Numeric> {
    let (count, weight, sign, scale) = (reader.u16()?, reader.i16()?, reader.u16()?, reader.u16()?);
    let raw = reader.bytes(usize::from(count) * 2)?;
    let groups: Vec<u16> = raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    if groups.iter().any(|group| *group > 9_999) {
        return Err(malformed("invalid digit in external \"numeric\" value"));
    }
    if scale > 0x3fff {
        return Err(malformed("invalid scale in external \"numeric\" value"));
    }
    match sign {
        NUMERIC_NAN => Ok(Numeric::NAN),
        NUMERIC_INFINITY => Ok(Numeric::INFINITY),
        NUMERIC_NEG_INFINITY => Ok(Numeric::NEG_INFINITY),
        NUMERIC_POSITIVE | NUMERIC_NEGATIVE => {
            Numeric::from_groups(sign == NUMERIC_NEGATIVE, &groups, i64::from(weight), scale)
        }
        _ => Err(malformed("invalid sign in external \"numeric\" value")),
    }
}

fn array(reader: &mut Reader<'_>, ty: SqlType) -> Result<Datum> {
    let element = ty.element().ok_or_else(|| Error::internal("an array type without an element type"))?;
    let dimensions = reader.i32()?;
    if dimensions < 0 || dimensions as usize > DIMENSIONS_MAX {
        return Err(malformed(format!("invalid number of dimensions: {dimensions}")));
    }
    let flags = reader.i32()?;
    if flags != 0 && flags != 1 {
        return Err(malformed("invalid array flags"));
    }
    let sent = reader.u32()?;
    if sent != element.oid {
        return Err(Error::new(
            SqlState::DATATYPE_MISMATCH,
            format!(
                "binary data has array element type {sent} ({}) instead of expected {} ({})",
                SqlType::of(sent).name(),
                element.oid,
                SqlType::of(element.oid).name()
            ),
        ));
    }
    let (mut dims, mut lower_bounds) = (Vec::new(), Vec::new());
    let mut count = usize::from(dimensions > 0);
    for _ in 0..dimensions {
        let (size, lower) = (reader.i32()?, reader.i32()?);
        if size < 0 || lower.checked_add(size).is_none() {
            return Err(malformed("invalid array dimension"));
        }
        count = count.checked_mul(size as usize).filter(|n| *n <= ELEMENTS_MAX).ok_or_else(too_many_elements)?;
        dims.push(size);
        lower_bounds.push(lower);
    }
    // Each element has at least its length, so the announced count cannot make us allocate more than was sent.
    if count > reader.0.len() / 4 {
        return Err(malformed("insufficient data left in message"));
    }
    let mut elements = Vec::with_capacity(count);
    for _ in 0..count {
        elements.push(field(reader, element)?);
    }
    if count == 0 {
        return Ok(match ty.oid {
            oid::INT2VECTOR | oid::OIDVECTOR => Datum::Array(Arc::new(ArrayValue::vector(element.oid, elements))),
            _ => Datum::Array(Arc::new(ArrayValue::from_elements(element.oid, elements))),
        });
    }
    Ok(Datum::Array(Arc::new(ArrayValue { element: element.oid, dims, lower_bounds, elements })))
}

/// A length and a value; -1 is null.
fn field(reader: &mut Reader<'_>, ty: SqlType) -> Result<Datum> {
    match reader.i32()? {
        -1 => Ok(Datum::Null),
        length if length >= 0 => from_binary(reader.bytes(length as usize)?, ty),
        _ => Err(malformed("invalid length in binary data")),
    }
}

fn record(reader: &mut Reader<'_>) -> Result<Datum> {
    let count = reader.i32()?;
    // A field has at least a type and a length.
    if count < 0 || count as usize > reader.0.len() / 8 {
        return Err(malformed("wrong number of columns"));
    }
    let mut fields = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let ty = SqlType::of(reader.u32()?);
        // Nesting would let a message dictate the depth of our recursion.
        if ty.oid == oid::RECORD || ty.element().is_some_and(|element| element.oid == oid::RECORD) {
            return Err(Error::unsupported("binary input of nested records"));
        }
        fields.push(field(reader, ty)?.into_field(ty));
    }
    Ok(Datum::Record(fields.into()))
}

/// Appends the binary form of a value, without a length in front; nothing for null.
///
/// # Errors
/// 54000 when it is longer than a value can be, as for [`text_io::write_text`].
pub fn write_binary(value: &Datum, ty: SqlType, out: &mut Vec<u8>) -> Result<()> {
    if text_io::is_too_long(value) {
        return Err(too_long());
    }
    let end = out.len() + RESULT_BYTES_MAX;
    append(value, ty, end, out)
}

/// Writes the binary form behind what is in `out`, up to `end` as [`text_io::append`] does.
fn append(value: &Datum, ty: SqlType, end: usize, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Datum::Null => {}
        Datum::Bool(value) => out.push(u8::from(*value)),
        Datum::Int2(value) => out.extend_from_slice(&value.to_be_bytes()),
        Datum::Int4(value) => out.extend_from_slice(&value.to_be_bytes()),
        Datum::Int8(value) => out.extend_from_slice(&value.to_be_bytes()),
        Datum::Float4(value) => out.extend_from_slice(&value.to_be_bytes()),
        Datum::Float8(value) => out.extend_from_slice(&value.to_be_bytes()),
        Datum::Numeric(value) => write_numeric(value, out),
        Datum::Text(value) | Datum::Padded(value) => text_io::extend(value.as_bytes(), end, out)?,
        Datum::Jsonb(value) => {
            out.push(JSONB_VERSION);
            text_io::extend(value.as_str().as_bytes(), end, out)?;
        }
        Datum::Bytea(value) => text_io::extend(value, end, out)?,
        Datum::Date(value) => out.extend_from_slice(&value.to_be_bytes()),
        Datum::Time(value) | Datum::Timestamp(value) | Datum::Timestamptz(value) => {
            out.extend_from_slice(&value.to_be_bytes());
        }
        Datum::Interval(value) => {
            out.extend_from_slice(&value.micros.to_be_bytes());
            out.extend_from_slice(&value.days.to_be_bytes());
            out.extend_from_slice(&value.months.to_be_bytes());
        }
        Datum::Oid(value) => out.extend_from_slice(&value.to_be_bytes()),
        Datum::Char(value) => out.push(*value),
        Datum::Uuid(value) => out.extend_from_slice(value),
        Datum::Tid(value) => {
            out.extend_from_slice(&value.block.to_be_bytes());
            out.extend_from_slice(&value.offset.to_be_bytes());
        }
        Datum::Array(value) => write_array(value, ty, end, out)?,
        Datum::Record(fields) => {
            out.extend_from_slice(&(fields.len() as i32).to_be_bytes());
            for field in fields.iter() {
                let ty = text_io::natural_type(field);
                out.extend_from_slice(&ty.oid.to_be_bytes());
                write_field(field, ty, end, out)?;
            }
        }
    }
    Ok(())
}

fn write_field(value: &Datum, ty: SqlType, end: usize, out: &mut Vec<u8>) -> Result<()> {
    if value.is_null() {
        out.extend_from_slice(&(-1i32).to_be_bytes());
        return Ok(());
    }
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    append(value, ty, end, out)?;
    text_io::check_room(0, end, out)?;
    let length = (out.len() - at - 4) as i32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn write_array(array: &ArrayValue, ty: SqlType, end: usize, out: &mut Vec<u8>) -> Result<()> {
    let element = ty.element().unwrap_or(SqlType::of(array.element));
    out.extend_from_slice(&(array.dims.len() as i32).to_be_bytes());
    out.extend_from_slice(&i32::from(array.elements.iter().any(Datum::is_null)).to_be_bytes());
    out.extend_from_slice(&element.oid.to_be_bytes());
    for (size, lower) in array.dims.iter().zip(&array.lower_bounds) {
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(&lower.to_be_bytes());
    }
    for value in &array.elements {
        write_field(value, element, end, out)?;
    }
    Ok(())
}

fn write_numeric(value: &Numeric, out: &mut Vec<u8>) {
    let (groups, weight, sign, scale) = match value.to_groups() {
        Some((groups, weight)) => {
            let negative = value.is_negative();
            let sign = if negative { NUMERIC_NEGATIVE } else { NUMERIC_POSITIVE };
            (groups, weight, sign, value.scale().unwrap_or(0))
        }
        None if value.is_nan() => (Vec::new(), 0, NUMERIC_NAN, 0),
        None if value.is_negative() => (Vec::new(), 0, NUMERIC_NEG_INFINITY, 0),
        None => (Vec::new(), 0, NUMERIC_INFINITY, 0),
    };
    out.extend_from_slice(&(groups.len() as u16).to_be_bytes());
    out.extend_from_slice(&(weight as i16).to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
    for group in groups {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// Reads a parameter in the format a client chose: 0 for text, 1 for binary.
///
/// # Errors
/// As [`text_io::parse`] and [`from_binary`]; 22023 for another format code.
pub fn from_wire(bytes: &[u8], format: i16, ty: SqlType, settings: &Settings) -> Result<Datum> {
    match format {
        0 => text_io::parse(check_text(bytes)?, ty, settings),
        1 => from_binary(bytes, ty),
        _ => Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("unsupported format code: {format}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(value: &Datum, ty: SqlType) -> Vec<u8> {
        let mut out = Vec::new();
        write_binary(value, ty, &mut out).expect("fits");
        out
    }

    fn datum() -> impl Strategy<Value = (Datum, SqlType)> {
        prop_oneof![
            any::<bool>().prop_map(|v| (Datum::Bool(v), SqlType::BOOL)),
            any::<i16>().prop_map(|v| (Datum::Int2(v), SqlType::INT2)),
            any::<i32>().prop_map(|v| (Datum::Int4(v), SqlType::INT4)),
            any::<i64>().prop_map(|v| (Datum::Int8(v), SqlType::INT8)),
            any::<f64>().prop_map(|v| (Datum::Float8(v), SqlType::FLOAT8)),
            (any::<i128>(), 0u16..50).prop_map(|(v, s)| (Datum::Numeric(Numeric::from_i128(v, s)), SqlType::NUMERIC)),
            "[a-zé\"\\\\{}, ]{0,9}".prop_map(|v| (Datum::text(&v), SqlType::TEXT)),
            proptest::collection::vec(any::<u8>(), 0..9).prop_map(|v| (Datum::Bytea(v.into()), SqlType::BYTEA)),
            (-2_000_000i32..2_000_000).prop_map(|v| (Datum::Date(v), SqlType::DATE)),
            (0i64..=MICROS_PER_DAY).prop_map(|v| (Datum::Time(v), SqlType::TIME)),
            (-200_000_000_000_000_000i64..200_000_000_000_000_000)
                .prop_map(|v| (Datum::Timestamp(v), SqlType::TIMESTAMP)),
            (any::<i32>(), any::<i32>(), any::<i64>()).prop_map(|(months, days, micros)| {
                (Datum::Interval(Interval { months, days, micros }), SqlType::INTERVAL)
            }),
            any::<[u8; 16]>().prop_map(|v| (Datum::Uuid(v), SqlType::UUID)),
            any::<(u32, u16)>().prop_map(|(block, offset)| (Datum::Tid(Tid { block, offset }), SqlType::TID)),
            proptest::collection::vec(proptest::option::of("[a-z\"\\\\{}, ]{0,5}"), 0..5).prop_map(|v| {
                let elements = v.into_iter().map(|t| t.map_or(Datum::Null, |t| Datum::text(&t))).collect();
                (Datum::array(oid::TEXT, elements), SqlType::TEXT_ARRAY)
            }),
        ]
    }

    proptest! {
        #[test]
        fn binary_round_trip((value, ty) in datum()) {
            let bytes = sent(&value, ty);
            let back = from_binary(&bytes, ty).expect("own form reads back");
            prop_assert_eq!(&back, &value);
            prop_assert_eq!(sent(&back, ty), bytes);
        }

        #[test]
        fn text_round_trip((value, ty) in datum()) {
            let settings = Settings::default();
            let text = text_io::to_text(&value, ty, &settings);
            // An interval at the edge of its range prints more hours than it reads, as in PostgreSQL.
            if let Ok(back) = text_io::parse(&text, ty, &settings) {
                prop_assert_eq!(text_io::to_text(&back, ty, &settings), text);
                prop_assert_eq!(back, value);
            } else {
                prop_assert!(matches!(value, Datum::Interval(_)), "{}", text);
            }
        }

        #[test]
        fn garbage_is_refused_or_read_but_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for row in crate::sqltype::all_types() {
                let _ = from_binary(&bytes, SqlType::of(row.oid));
                if let Ok(text) = std::str::from_utf8(&bytes) {
                    let _ = text_io::parse(text, SqlType::of(row.oid), &Settings::default());
                }
            }
        }
    }

    #[test]
    fn a_char_in_a_record_comes_back_as_one() {
        let record = |text: &str| Datum::Record([Datum::text(text).into_field(SqlType::BPCHAR)].into());
        let back = from_binary(&sent(&record("a "), SqlType::RECORD), SqlType::RECORD).expect("own form reads back");
        assert_eq!(back, record("a"));
        assert_eq!(text_io::to_text(&back, SqlType::RECORD, &Settings::default()), "(\"a \")");
    }

    #[test]
    fn malformed_binary_is_22p03() {
        let huge_array = [&3i32.to_be_bytes()[..], &[0; 4], &23u32.to_be_bytes(), &[0, 0, 4, 0, 0, 0, 0, 1].repeat(3)];
        for (bytes, ty) in [
            (vec![0; 3], SqlType::INT4),
            (vec![0; 5], SqlType::INT4),
            (vec![], SqlType::INT8),
            (vec![0; 3], SqlType::DATE),
            (vec![0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff], SqlType::NUMERIC),
            (vec![0xff, 0xff, 0, 0, 0, 0, 0, 0], SqlType::NUMERIC),
            (vec![0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 23], SqlType::INT4_ARRAY),
        ] {
            let error = from_binary(&bytes, ty).expect_err("malformed");
            assert_eq!(error.sqlstate, SqlState::INVALID_BINARY_REPRESENTATION, "{ty} {bytes:?}");
        }
        assert!(from_binary(&huge_array.concat(), SqlType::INT4_ARRAY).is_err());
        assert_eq!(
            from_binary(b"a\0b", SqlType::TEXT).expect_err("a zero byte").sqlstate,
            SqlState::CHARACTER_NOT_IN_REPERTOIRE
        );
        assert_eq!(
            from_binary(b"\xff", SqlType::TEXT).expect_err("not UTF-8").message,
            "invalid byte sequence for encoding \"UTF8\": 0xff"
        );
    }

    #[test]
    fn numeric_wire_form() {
        let value = Numeric::parse("-12345.678").expect("a number");
        let bytes = sent(&Datum::Numeric(value), SqlType::NUMERIC);
        assert_eq!(bytes, [0, 3, 0, 1, 0x40, 0, 0, 3, 0, 1, 0x09, 0x29, 0x1a, 0x7c]);
    }
}
