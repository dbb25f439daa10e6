//! Order-preserving encoding of keys: comparing encoded keys byte by byte is comparing the datums.
//!
//! Every column starts with a tag: 0x01 before a value, 0xff for null, so that nulls sort last. Then, big-endian:
//!
//! | value | bytes |
//! |---|---|
//! | bool, "char" | 1 |
//! | int2, int4, int8, date, time, timestamps | 2, 4 or 8, sign bit flipped |
//! | oid | 4 |
//! | float4, float8 | bits; -0 as 0, one NaN; all bits flipped if negative, else the sign bit |
//! | uuid | 16 |
//! | tid | 6: block, offset |
//! | text, bytea | bytes with 00 as 00 ff, then 00 00 |
//! | interval | 16: microseconds with a month of 30 days and a day of 24 hours, sign bit flipped |
//! | numeric | class (-inf, negative, 0, positive, inf, NaN), exponent of ten, digits in pairs plus one, 00; bits flipped if negative |
//! | array | elements as columns, 00, number of dimensions, sizes, lower bounds |
//! | record | fields as columns, 00 |
//! | jsonb | rank on the top level, then the value: rank; of a container the count in 4, then its elements, or keys (as text) and values |
//!
//! Keys are a canonical form: equal values have equal keys. So a numeric (in a jsonb, too) loses its trailing zeros, an interval its split
//! into months and days, -0 its sign and a char(n) its padding; where [`is_exact`] is false, the row itself must be asked
//! for the value as it was written.
//!
//! All datums of one key column must be of one type: an int4 and an int8 have keys of different widths.

use std::sync::Arc;

use num_bigint::{BigInt, BigUint, Sign};

use crate::datetime::MICROS_PER_DAY;
use crate::datum::{ArrayValue, Datum, Interval, Str};
use crate::error::{Error, Result, SqlState};
use crate::json::{Json, Jsonb};
use crate::numeric::Numeric;
use crate::row::Repr;
use crate::sqltype::{SqlType, oid};
use crate::tid::Tid;

const TAG_VALUE: u8 = 0x01;
const TAG_NULL: u8 = 0xff;
const TERMINATOR: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xff;

/// The ranks of whole jsonb values begin here; 0 stands for one that cannot be read.
const JSON_RANKS: u8 = 1;

const CLASS_NEG_INFINITY: u8 = 0;
const CLASS_NEGATIVE: u8 = 1;
const CLASS_ZERO: u8 = 2;
const CLASS_POSITIVE: u8 = 3;
const CLASS_INFINITY: u8 = 4;
const CLASS_NAN: u8 = 5;

/// Appends the key of several columns. Trailing blanks of char(n) count, but in arrays and records: see [`encode_key_typed`].
pub fn encode_key(values: &[Datum], out: &mut Vec<u8>) {
    for value in values {
        encode_column(value, out);
    }
}

/// A char(n) without the blanks at its end, which do not count: of short values most of the text.
pub fn unpadded(text: &str) -> &str {
    let bytes = text.as_bytes();
    let mut end = bytes.len();
    while end >= 8 && bytes[end - 8..end] == [b' '; 8] {
        end -= 8;
    }
    while end > 0 && bytes[end - 1] == b' ' {
        end -= 1;
    }
    &text[..end]
}

/// As [`encode_key`], with char(n) columns stripped of their padding, so that keys equal when `=` holds.
pub fn encode_key_typed(values: &[Datum], types: &[SqlType], out: &mut Vec<u8>) {
    for (value, ty) in values.iter().zip(types) {
        match value {
            Datum::Text(text) if ty.oid == oid::BPCHAR => put_padded(text, out),
            _ => encode_column(value, out),
        }
    }
}

#[inline]
fn put_padded(text: &str, out: &mut Vec<u8>) {
    out.push(TAG_VALUE);
    put_bytes(unpadded(text).as_bytes(), out);
}

/// Whether a value of this type comes back from its key exactly as it went in.
pub fn is_exact(ty: SqlType) -> bool {
    match Repr::of(ty) {
        Repr::Numeric | Repr::Interval | Repr::Float4 | Repr::Float8 | Repr::Record | Repr::Jsonb => false,
        Repr::Array => ty.element().is_some_and(|element| element.oid != oid::BPCHAR && is_exact(element)),
        _ => true,
    }
}

/// Turns a key into the smallest byte string above every string that starts with it, for use as an exclusive end of a
/// range. Returns false when there is none (the key is empty or all 0xff).
pub fn prefix_successor(key: &mut Vec<u8>) -> bool {
    while let Some(last) = key.last_mut() {
        if *last < 0xff {
            *last += 1;
            return true;
        }
        key.pop();
    }
    false
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    // Almost no text has a zero byte, and a search that only says so goes by words.
    while rest.contains(&0)
        && let Some(at) = rest.iter().position(|b| *b == 0)
    {
        out.extend_from_slice(&rest[..=at]);
        out.push(ESCAPED_ZERO);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(&[TERMINATOR, 0]);
}

#[inline]
fn encode_column(value: &Datum, out: &mut Vec<u8>) {
    if value.is_null() {
        out.push(TAG_NULL);
        return;
    }
    out.push(TAG_VALUE);
    match value {
        Datum::Null => {}
        Datum::Bool(v) => out.push(u8::from(*v)),
        Datum::Char(v) => out.push(*v),
        Datum::Int2(v) => out.extend_from_slice(&(*v as u16 ^ 1 << 15).to_be_bytes()),
        Datum::Int4(v) | Datum::Date(v) => out.extend_from_slice(&(*v as u32 ^ 1 << 31).to_be_bytes()),
        Datum::Int8(v) | Datum::Time(v) | Datum::Timestamp(v) | Datum::Timestamptz(v) => {
            out.extend_from_slice(&(*v as u64 ^ 1 << 63).to_be_bytes());
        }
        Datum::Oid(v) => out.extend_from_slice(&v.to_be_bytes()),
        Datum::Float4(v) => {
            let bits = if v.is_nan() { f32::NAN.abs().to_bits() } else { (v + 0.0).to_bits() };
            let ordered = if bits >> 31 == 1 { !bits } else { bits ^ 1 << 31 };
            out.extend_from_slice(&ordered.to_be_bytes());
        }
        Datum::Float8(v) => {
            let bits = if v.is_nan() { f64::NAN.abs().to_bits() } else { (v + 0.0).to_bits() };
            let ordered = if bits >> 63 == 1 { !bits } else { bits ^ 1 << 63 };
            out.extend_from_slice(&ordered.to_be_bytes());
        }
        Datum::Uuid(v) => out.extend_from_slice(v),
        Datum::Tid(v) => {
            out.extend_from_slice(&v.block.to_be_bytes());
            out.extend_from_slice(&v.offset.to_be_bytes());
        }
        Datum::Text(v) => put_bytes(v.as_bytes(), out),
        Datum::Padded(v) => put_bytes(unpadded(v).as_bytes(), out),
        Datum::Bytea(v) => put_bytes(v, out),
        Datum::Interval(v) => out.extend_from_slice(&(v.span() as u128 ^ 1 << 127).to_be_bytes()),
        Datum::Numeric(v) => put_numeric(v, out),
        Datum::Array(array) => {
            for element in &array.elements {
                match element {
                    Datum::Text(text) if array.element == oid::BPCHAR => put_padded(text, out),
                    element => encode_column(element, out),
                }
            }
            out.push(TERMINATOR);
            out.push(array.dims.len() as u8);
            for size in &array.dims {
                out.extend_from_slice(&(*size as u32 ^ 1 << 31).to_be_bytes());
            }
            for lower in &array.lower_bounds {
                out.extend_from_slice(&(*lower as u32 ^ 1 << 31).to_be_bytes());
            }
        }
        Datum::Jsonb(value) => put_jsonb(value, out),
        Datum::Record(fields) => {
            encode_key(fields, out);
            out.push(TERMINATOR);
        }
    }
}

/// A damaged value sorts first and by its bytes, as nothing else is known of it.
fn put_jsonb(value: &Jsonb, out: &mut Vec<u8>) {
    match value.tree() {
        Ok(tree) => {
            out.push(JSON_RANKS + tree.top_rank());
            put_json(&tree, out);
        }
        Err(_) => {
            out.push(0);
            put_bytes(value.as_str().as_bytes(), out);
        }
    }
}

fn put_json(tree: &Json, out: &mut Vec<u8>) {
    out.push(tree.rank());
    // No container has more parts than its text has bytes, and that is at most 1 GiB.
    let count = |parts: usize| (parts as u32).to_be_bytes();
    match tree {
        Json::Null => {}
        Json::Bool(value) => out.push(u8::from(*value)),
        Json::Number(value) => put_numeric(value, out),
        Json::String(value) => put_bytes(value.as_bytes(), out),
        Json::Array(elements) => {
            out.extend_from_slice(&count(elements.len()));
            elements.iter().for_each(|element| put_json(element, out));
        }
        Json::Object(members) => {
            out.extend_from_slice(&count(members.len()));
            for (key, value) in members {
                put_bytes(key.as_bytes(), out);
                put_json(value, out);
            }
        }
    }
}

fn put_numeric(number: &Numeric, out: &mut Vec<u8>) {
    let Some((unscaled, scale)) = number.to_parts() else {
        out.push(if number.is_nan() {
            CLASS_NAN
        } else if number.is_negative() {
            CLASS_NEG_INFINITY
        } else {
            CLASS_INFINITY
        });
        return;
    };
    if unscaled.sign() == Sign::NoSign {
        out.push(CLASS_ZERO);
        return;
    }
    let digits = unscaled.magnitude().to_string();
    // The value is 0.ddd * 10^exponent.
    let exponent = digits.len() as i32 - i32::from(scale);
    let digits = digits.trim_end_matches('0').as_bytes();
    let flip = if unscaled.sign() == Sign::Minus { 0xff } else { 0 };
    out.push(if flip == 0 { CLASS_POSITIVE } else { CLASS_NEGATIVE });
    out.extend((exponent as u32 ^ 1 << 31).to_be_bytes().map(|b| b ^ flip));
    for pair in digits.chunks(2) {
        let value = (pair[0] - b'0') * 10 + pair.get(1).map_or(0, |d| d - b'0');
        out.push((value + 1) ^ flip);
    }
    out.push(TERMINATOR ^ flip);
}

#[cold]
fn corrupt() -> Error {
    Error::new(SqlState::INDEX_CORRUPTED, "corrupt index key")
}

/// Decodes a key's leading columns, one for each type; further bytes are left alone.
///
/// # Errors
/// XX002 on corrupt bytes.
pub fn decode_key(key: &[u8], types: &[SqlType]) -> Result<Vec<Datum>> {
    let mut rest = key;
    let mut values = Vec::with_capacity(types.len());
    for ty in types {
        values.push(decode_column(&mut rest, *ty)?);
    }
    Ok(values)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or_else(corrupt)?;
    *bytes = rest;
    Ok(*head)
}

fn take_bytes(bytes: &mut &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let at = bytes.iter().position(|b| *b == 0).ok_or_else(corrupt)?;
        out.extend_from_slice(&bytes[..at]);
        let mark = *bytes.get(at + 1).ok_or_else(corrupt)?;
        *bytes = &bytes[at + 2..];
        match mark {
            ESCAPED_ZERO => out.push(0),
            0 => return Ok(out),
            _ => return Err(corrupt()),
        }
    }
}

fn decode_column(bytes: &mut &[u8], ty: SqlType) -> Result<Datum> {
    match take::<1>(bytes)?[0] {
        TAG_NULL => return Ok(Datum::Null),
        TAG_VALUE => {}
        _ => return Err(corrupt()),
    }
    let i32_of = |bytes: &mut &[u8]| take(bytes).map(|b| (u32::from_be_bytes(b) ^ 1 << 31) as i32);
    let i64_of = |bytes: &mut &[u8]| take(bytes).map(|b| (u64::from_be_bytes(b) ^ 1 << 63) as i64);
    Ok(match Repr::of(ty) {
        Repr::Bool => Datum::Bool(take::<1>(bytes)?[0] != 0),
        Repr::Char => Datum::Char(take::<1>(bytes)?[0]),
        Repr::Int2 => Datum::Int2((u16::from_be_bytes(take(bytes)?) ^ 1 << 15) as i16),
        Repr::Int4 => Datum::Int4(i32_of(bytes)?),
        Repr::Date => Datum::Date(i32_of(bytes)?),
        Repr::Int8 => Datum::Int8(i64_of(bytes)?),
        Repr::Time => Datum::Time(i64_of(bytes)?),
        Repr::Timestamp => Datum::Timestamp(i64_of(bytes)?),
        Repr::Timestamptz => Datum::Timestamptz(i64_of(bytes)?),
        Repr::Oid => Datum::Oid(u32::from_be_bytes(take(bytes)?)),
        Repr::Float4 => {
            let ordered = u32::from_be_bytes(take(bytes)?);
            Datum::Float4(f32::from_bits(if ordered >> 31 == 1 { ordered ^ 1 << 31 } else { !ordered }))
        }
        Repr::Float8 => {
            let ordered = u64::from_be_bytes(take(bytes)?);
            Datum::Float8(f64::from_bits(if ordered >> 63 == 1 { ordered ^ 1 << 63 } else { !ordered }))
        }
        Repr::Uuid => Datum::Uuid(take(bytes)?),
        Repr::Tid => {
            let block = u32::from_be_bytes(take(bytes)?);
            Datum::Tid(Tid { block, offset: u16::from_be_bytes(take(bytes)?) })
        }
        Repr::Bytea => Datum::Bytea(take_bytes(bytes)?.into()),
        Repr::Text => {
            let mut text = String::from_utf8(take_bytes(bytes)?).map_err(|_| corrupt())?;
            if let (oid::BPCHAR, Some(limit)) = (ty.oid, ty.char_limit()) {
                let length = text.chars().count();
                text.extend(std::iter::repeat_n(' ', limit.saturating_sub(length)));
            }
            Datum::Text(Str::from(text))
        }
        Repr::Interval => {
            let span = (u128::from_be_bytes(take(bytes)?) ^ 1 << 127) as i128;
            let days = (span / i128::from(MICROS_PER_DAY)).clamp(i128::from(i32::MIN), i128::from(i32::MAX));
            let micros = span - days * i128::from(MICROS_PER_DAY);
            let (days, micros) = (days as i32, i64::try_from(micros).map_err(|_| corrupt())?);
            Datum::Interval(Interval { months: 0, days, micros })
        }
        Repr::Numeric => {
            let number = take_numeric(bytes)?;
            match ty.precision_scale() {
                Some((_, scale)) if scale > 0 => Datum::Numeric(number.round(scale).map_err(|_| corrupt())?),
                _ => Datum::Numeric(number),
            }
        }
        Repr::Array => {
            let element = ty.element().ok_or_else(corrupt)?;
            let mut elements = Vec::new();
            while *bytes.first().ok_or_else(corrupt)? != TERMINATOR {
                elements.push(decode_column(bytes, element)?);
            }
            let [_, count] = take::<2>(bytes)?;
            let dims = (0..count).map(|_| i32_of(bytes)).collect::<Result<Vec<_>>>()?;
            let lower_bounds = (0..count).map(|_| i32_of(bytes)).collect::<Result<Vec<_>>>()?;
            let array = ArrayValue { element: element.oid, dims, lower_bounds, elements };
            if !array.is_consistent() {
                return Err(corrupt());
            }
            Datum::Array(Arc::new(array))
        }
        Repr::Jsonb => match take::<1>(bytes)?[0] {
            0 => {
                let text = String::from_utf8(take_bytes(bytes)?).map_err(|_| corrupt())?;
                Datum::Jsonb(Jsonb::from_canonical(&text))
            }
            _ => Datum::Jsonb(Jsonb::try_from(&take_json(bytes, 0)?)?),
        },
        Repr::Record => return Err(Error::unsupported("decoding a record from a key")),
    })
}

fn take_json(bytes: &mut &[u8], depth: usize) -> Result<Json> {
    if depth > crate::json::DEPTH_MAX {
        return Err(corrupt());
    }
    let text = |bytes: &mut &[u8]| String::from_utf8(take_bytes(bytes)?).map_err(|_| corrupt());
    Ok(match take::<1>(bytes)?[0] {
        1 => Json::Null,
        2 => Json::String(text(bytes)?),
        3 => Json::Number(take_numeric(bytes)?),
        4 => Json::Bool(take::<1>(bytes)?[0] != 0),
        5 => {
            let count = u32::from_be_bytes(take(bytes)?);
            Json::Array((0..count).map(|_| take_json(bytes, depth + 1)).collect::<Result<_>>()?)
        }
        6 => {
            let count = u32::from_be_bytes(take(bytes)?);
            let members = (0..count).map(|_| Ok((text(bytes)?, take_json(bytes, depth + 1)?)));
            Json::object(members.collect::<Result<_>>()?)
        }
        _ => return Err(corrupt()),
    })
}

fn take_numeric(bytes: &mut &[u8]) -> Result<Numeric> {
    let flip = match take::<1>(bytes)?[0] {
        CLASS_NEG_INFINITY => return Ok(Numeric::NEG_INFINITY),
        CLASS_INFINITY => return Ok(Numeric::INFINITY),
        CLASS_NAN => return Ok(Numeric::NAN),
        CLASS_ZERO => return Ok(Numeric::ZERO),
        CLASS_POSITIVE => 0,
        CLASS_NEGATIVE => 0xff,
        _ => return Err(corrupt()),
    };
    let exponent = (u32::from_be_bytes(take::<4>(bytes)?.map(|b| b ^ flip)) ^ 1 << 31) as i32;
    let mut digits = String::new();
    loop {
        match take::<1>(bytes)?[0] ^ flip {
            TERMINATOR => break,
            pair @ 1..=100 => {
                digits.push(char::from(b'0' + (pair - 1) / 10));
                digits.push(char::from(b'0' + (pair - 1) % 10));
            }
            _ => return Err(corrupt()),
        }
    }
    let digits = digits.trim_end_matches('0');
    let magnitude = BigUint::parse_bytes(digits.as_bytes(), 10).ok_or_else(corrupt)?;
    let unscaled = BigInt::from_biguint(if flip == 0 { Sign::Plus } else { Sign::Minus }, magnitude);
    let scale = i64::from(digits.len() as i32) - i64::from(exponent);
    Numeric::from_scaled(unscaled, scale).map_err(|_| corrupt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    fn key(values: &[Datum]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_key(values, &mut out);
        out
    }

    #[test]
    fn integer_keys_are_pinned() {
        assert_eq!(key(&[Datum::Int4(1)]), [1, 0x80, 0, 0, 1]);
        assert_eq!(key(&[Datum::Int4(-1)]), [1, 0x7f, 0xff, 0xff, 0xff]);
        assert_eq!(key(&[Datum::Int8(i64::MIN), Datum::Null]), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff]);
        assert_eq!(key(&[Datum::text("a\0")]), [1, b'a', 0, 0xff, 0, 0]);
    }

    #[test]
    fn equal_values_have_equal_keys() {
        let n = |text: &str| Datum::Numeric(Numeric::parse(text).expect("a number"));
        assert_eq!(key(&[n("1.0")]), key(&[n("1.00")]));
        assert_eq!(key(&[n("100")]), key(&[n("1e2")]));
        assert_eq!(key(&[Datum::Float8(0.0)]), key(&[Datum::Float8(-0.0)]));
        assert_eq!(key(&[Datum::Float8(f64::NAN)]), key(&[Datum::Float8(-f64::NAN)]));
        let (mut padded, mut bare) = (Vec::new(), Vec::new());
        encode_key_typed(&[Datum::text("ab  ")], &[SqlType::bpchar(4)], &mut padded);
        encode_key_typed(&[Datum::text("ab")], &[SqlType::bpchar(4)], &mut bare);
        assert_eq!(padded, bare);
        let back = decode_key(&padded, &[SqlType::bpchar(4)]).expect("own key");
        assert_eq!(back[0].as_str(), Some("ab  "));
        let array = |text: &str| Datum::array(oid::BPCHAR, vec![Datum::text(text), Datum::Null]);
        assert_eq!(key(&[array("ab  ")]), key(&[array("ab")]));
        assert_eq!(array("ab  "), array("ab"));
        let record = |text: &str| Datum::Record([Datum::text(text).into_field(SqlType::BPCHAR)].into());
        assert_eq!(key(&[record("ab  ")]), key(&[record("ab")]));
        assert_eq!(record("ab  "), record("ab"));
    }

    #[test]
    fn keys_of_char_are_in_its_order() {
        let key = |text: &str, behind: &str| {
            let mut key = Vec::new();
            encode_key_typed(&[Datum::text(text), Datum::text(behind)], &[SqlType::BPCHAR, SqlType::TEXT], &mut key);
            key
        };
        // Some characters are below a blank, and a column behind must not disturb the order of the one before.
        let mut before = Vec::new();
        for text in ["", "\t", " \t", " a", "a", "a\t", "a\n", "a \t", "a b", "a!", "ab", "ä"] {
            assert_eq!(key(text, ""), key(&format!("{text}   "), ""));
            assert!(before < key(text, ""), "{text:?}");
            before = key(text, "\u{10ffff}");
        }
    }

    #[test]
    fn successors() {
        let mut end = vec![1, 0xff, 0xff];
        assert!(prefix_successor(&mut end));
        assert_eq!(end, [2]);
        assert!(!prefix_successor(&mut vec![0xff, 0xff]));
    }

    fn pair() -> impl Strategy<Value = (Datum, Datum, SqlType)> {
        fn two<T: std::fmt::Debug + Clone + 'static>(
            strategy: impl Strategy<Value = T> + Clone + 'static,
            ty: SqlType,
            datum: fn(T) -> Datum,
        ) -> BoxedStrategy<(Datum, Datum, SqlType)> {
            let nullable = proptest::option::weighted(0.95, strategy);
            (nullable.clone(), nullable)
                .prop_map(move |(a, b)| (a.map_or(Datum::Null, datum), b.map_or(Datum::Null, datum), ty))
                .boxed()
        }
        let numeric = prop_oneof![
            (-1000i64..1000, 0u16..6).prop_map(|(v, s)| Numeric::from_parts(v, s)),
            (any::<i128>(), 0u16..60).prop_map(|(v, s)| Numeric::from_i128(v, s)),
            Just(Numeric::NAN),
            Just(Numeric::INFINITY),
            Just(Numeric::NEG_INFINITY),
        ];
        let interval = (-3i32..3, -90i32..90, -100_000_000_000i64..100_000_000_000)
            .prop_map(|(months, days, micros)| Interval { months, days, micros });
        let floats = prop_oneof![any::<f64>(), Just(0.0), Just(-0.0), -2.0..2.0];
        prop_oneof![
            two(any::<bool>(), SqlType::BOOL, Datum::Bool),
            two(any::<i16>(), SqlType::INT2, Datum::Int2),
            two(prop_oneof![any::<i32>(), -3..3], SqlType::INT4, Datum::Int4),
            two(any::<i64>(), SqlType::INT8, Datum::Int8),
            two(floats.clone(), SqlType::FLOAT8, Datum::Float8),
            two(floats, SqlType::FLOAT4, |v| Datum::Float4(v as f32)),
            two(numeric, SqlType::NUMERIC, Datum::Numeric),
            two("[a\0b]{0,4}", SqlType::TEXT, |v| Datum::text(&v)),
            two(proptest::collection::vec(prop_oneof![Just(0u8), Just(255), Just(1)], 0..4), SqlType::BYTEA, |v| {
                Datum::Bytea(v.into())
            }),
            two(any::<i32>(), SqlType::DATE, Datum::Date),
            two(any::<i64>(), SqlType::TIMESTAMP, Datum::Timestamp),
            two(interval, SqlType::INTERVAL, Datum::Interval),
            two(crate::json::tests::trees(), SqlType::JSONB, |tree| {
                Datum::Jsonb(Jsonb::try_from(&tree).expect("short"))
            }),
            two(any::<u32>(), SqlType::OID, Datum::Oid),
            two(any::<[u8; 16]>(), SqlType::UUID, Datum::Uuid),
            two(any::<(u32, u16)>(), SqlType::TID, |(block, offset)| Datum::Tid(Tid { block, offset })),
            two(proptest::collection::vec(proptest::option::of(-2i32..2), 0..4), SqlType::INT4_ARRAY, |v| {
                Datum::array(oid::INT4, v.into_iter().map(|e| e.map_or(Datum::Null, Datum::Int4)).collect())
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn order_is_preserved((a, b, _) in pair(), tail in any::<i32>()) {
            // A column behind must not disturb the order of the one before.
            let (left, right) = (key(&[a.clone(), Datum::Int4(tail)]), key(&[b.clone(), Datum::Int4(0)]));
            let expected = a.compare(&b).then(tail.cmp(&0));
            prop_assert_eq!(left.cmp(&right), expected, "{:?} {:?}", a, b);
        }

        #[test]
        fn keys_decode((a, b, ty) in pair()) {
            let back = decode_key(&key(&[a.clone(), b.clone()]), &[ty, ty]).expect("own key");
            prop_assert_eq!(back[0].compare(&a), Ordering::Equal);
            prop_assert_eq!(back[1].compare(&b), Ordering::Equal);
        }

        #[test]
        fn prefixes_end_before_their_successor((a, b, _) in pair()) {
            let prefix = key(std::slice::from_ref(&a));
            let mut end = prefix.clone();
            if prefix_successor(&mut end) {
                let longer = key(&[a, b]);
                prop_assert!(prefix <= longer && longer < end);
            }
        }

        #[test]
        fn corrupt_keys_never_panic(bytes in any::<Vec<u8>>(), (_, _, ty) in pair()) {
            let _ = decode_key(&bytes, &[ty, ty]);
        }
    }
}
