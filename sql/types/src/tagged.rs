//! A self-describing encoding of any datum: how executors hold and spill values whose types they need not know.
//!
//! One tag byte, then the value; lengths are little-endian u32. The bytes live no longer than a query (at most in one of
//! its spill files), so there is no version. Equal values need not have equal bytes: 1.0 and 1.00 differ.

use std::sync::Arc;

use crate::datum::{ArrayValue, Datum, Interval, Str};
use crate::error::{Error, Result};
use crate::json::Jsonb;
use crate::numeric::Numeric;
use crate::tid::Tid;
use bytes::Bytes;

const NULL: u8 = 0;
const BOOL: u8 = 1;
const INT2: u8 = 2;
const INT4: u8 = 3;
const INT8: u8 = 4;
const FLOAT4: u8 = 5;
const FLOAT8: u8 = 6;
/// A numeric with units of at most 64 bits: i64, u16.
const SMALL_NUMERIC: u8 = 7;
/// Any other numeric: its text.
const NUMERIC: u8 = 8;
const TEXT: u8 = 9;
const BYTEA: u8 = 10;
const DATE: u8 = 11;
const TIME: u8 = 12;
const TIMESTAMP: u8 = 13;
const TIMESTAMPTZ: u8 = 14;
const INTERVAL: u8 = 15;
const OID: u8 = 16;
const CHAR: u8 = 17;
const UUID: u8 = 18;
const ARRAY: u8 = 19;
const RECORD: u8 = 20;
const JSONB: u8 = 21;
const TID: u8 = 22;
const PADDED: u8 = 23;

/// Appends the encoding of a value.
pub fn encode(value: &Datum, out: &mut Vec<u8>) {
    match value {
        Datum::Null => out.push(NULL),
        Datum::Bool(v) => out.extend([BOOL, u8::from(*v)]),
        Datum::Int2(v) => fixed(out, INT2, &v.to_le_bytes()),
        Datum::Int4(v) => fixed(out, INT4, &v.to_le_bytes()),
        Datum::Int8(v) => fixed(out, INT8, &v.to_le_bytes()),
        Datum::Float4(v) => fixed(out, FLOAT4, &v.to_bits().to_le_bytes()),
        Datum::Float8(v) => fixed(out, FLOAT8, &v.to_bits().to_le_bytes()),
        Datum::Numeric(v) => match v.as_small() {
            Some((units, scale)) => {
                fixed(out, SMALL_NUMERIC, &units.to_le_bytes());
                out.extend(scale.to_le_bytes());
            }
            None => sized(out, NUMERIC, v.to_string().as_bytes()),
        },
        Datum::Text(v) => sized(out, TEXT, v.as_bytes()),
        Datum::Padded(v) => sized(out, PADDED, v.as_bytes()),
        Datum::Jsonb(v) => sized(out, JSONB, v.as_str().as_bytes()),
        Datum::Bytea(v) => sized(out, BYTEA, v),
        Datum::Date(v) => fixed(out, DATE, &v.to_le_bytes()),
        Datum::Time(v) => fixed(out, TIME, &v.to_le_bytes()),
        Datum::Timestamp(v) => fixed(out, TIMESTAMP, &v.to_le_bytes()),
        Datum::Timestamptz(v) => fixed(out, TIMESTAMPTZ, &v.to_le_bytes()),
        Datum::Interval(v) => {
            fixed(out, INTERVAL, &v.months.to_le_bytes());
            out.extend(v.days.to_le_bytes());
            out.extend(v.micros.to_le_bytes());
        }
        Datum::Oid(v) => fixed(out, OID, &v.to_le_bytes()),
        Datum::Char(v) => out.extend([CHAR, *v]),
        Datum::Uuid(v) => fixed(out, UUID, v),
        Datum::Tid(v) => {
            fixed(out, TID, &v.block.to_le_bytes());
            out.extend(v.offset.to_le_bytes());
        }
        Datum::Array(v) => {
            fixed(out, ARRAY, &v.element.to_le_bytes());
            out.extend((v.dims.len() as u32).to_le_bytes());
            for number in v.dims.iter().chain(&v.lower_bounds) {
                out.extend(number.to_le_bytes());
            }
            all(out, &v.elements);
        }
        Datum::Record(v) => {
            out.push(RECORD);
            all(out, v);
        }
    }
}

fn fixed(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

fn sized(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn all(out: &mut Vec<u8>, values: &[Datum]) {
    out.extend((values.len() as u32).to_le_bytes());
    for value in values {
        encode(value, out);
    }
}

/// The value with this encoding.
///
/// # Errors
/// XX000 if the bytes are not an encoding.
pub fn decode(bytes: &[u8]) -> Result<Datum> {
    let mut reader = Reader { bytes };
    let value = reader.value()?;
    if reader.bytes.is_empty() { Ok(value) } else { Err(broken()) }
}

/// Appends the encodings of a row's values, their number first.
pub fn encode_row(row: &[Datum], out: &mut Vec<u8>) {
    all(out, row);
}

/// The row with this encoding.
///
/// # Errors
/// XX000 if the bytes are not an encoding.
pub fn decode_row(bytes: &[u8]) -> Result<Vec<Datum>> {
    let mut reader = Reader { bytes };
    let row = reader.values()?;
    if reader.bytes.is_empty() { Ok(row) } else { Err(broken()) }
}

fn broken() -> Error {
    Error::internal("an intermediate value is not in its encoding")
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.bytes.split_at_checked(count).ok_or_else(broken)?;
        self.bytes = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, tail) = self.bytes.split_first_chunk::<N>().ok_or_else(broken)?;
        self.bytes = tail;
        Ok(*head)
    }

    fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_le_bytes)
    }

    fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn sized(&mut self) -> Result<&'a [u8]> {
        let count = self.u32()? as usize;
        self.take(count)
    }

    fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.sized()?).map_err(|_| broken())
    }

    fn values(&mut self) -> Result<Vec<Datum>> {
        let count = self.u32()? as usize;
        (0..count).map(|_| self.value()).collect()
    }

    fn value(&mut self) -> Result<Datum> {
        let [tag] = self.array()?;
        Ok(match tag {
            NULL => Datum::Null,
            BOOL => Datum::Bool(self.array()? == [1]),
            INT2 => Datum::Int2(i16::from_le_bytes(self.array()?)),
            INT4 => Datum::Int4(self.i32()?),
            INT8 => Datum::Int8(self.i64()?),
            FLOAT4 => Datum::Float4(f32::from_bits(self.u32()?)),
            FLOAT8 => Datum::Float8(f64::from_bits(u64::from_le_bytes(self.array()?))),
            SMALL_NUMERIC => {
                let units = self.i64()?;
                Datum::Numeric(Numeric::from_parts(units, u16::from_le_bytes(self.array()?)))
            }
            NUMERIC => Datum::Numeric(Numeric::parse(self.text()?)?),
            TEXT => Datum::Text(Str::from(self.text()?)),
            PADDED => Datum::Padded(Str::from(self.text()?)),
            JSONB => Datum::Jsonb(Jsonb::from_canonical(self.text()?)),
            BYTEA => Datum::Bytea(Bytes::copy_from_slice(self.sized()?)),
            DATE => Datum::Date(self.i32()?),
            TIME => Datum::Time(self.i64()?),
            TIMESTAMP => Datum::Timestamp(self.i64()?),
            TIMESTAMPTZ => Datum::Timestamptz(self.i64()?),
            INTERVAL => Datum::Interval(Interval { months: self.i32()?, days: self.i32()?, micros: self.i64()? }),
            OID => Datum::Oid(self.u32()?),
            CHAR => {
                let [value] = self.array()?;
                Datum::Char(value)
            }
            UUID => Datum::Uuid(self.array()?),
            TID => {
                let block = self.u32()?;
                Datum::Tid(Tid { block, offset: u16::from_le_bytes(self.array()?) })
            }
            ARRAY => {
                let element = self.u32()?;
                let count = self.u32()?;
                let dims = (0..count).map(|_| self.i32()).collect::<Result<_>>()?;
                let lower_bounds = (0..count).map(|_| self.i32()).collect::<Result<_>>()?;
                let elements = self.values()?;
                Datum::Array(Arc::new(ArrayValue { element, dims, lower_bounds, elements }))
            }
            RECORD => Datum::Record(self.values()?.into()),
            _ => return Err(broken()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_come_back() {
        let place = Datum::Tid(Tid { block: 7, offset: 9 });
        let padded = Datum::text("x ").into_field(crate::SqlType::BPCHAR);
        let inner = Datum::Record(Arc::from([Datum::Null, Datum::text("x"), padded, Datum::Uuid([1; 16]), place]));
        let value = Datum::Array(Arc::new(ArrayValue {
            element: 2249,
            dims: vec![1, 2],
            lower_bounds: vec![0, -3],
            elements: vec![inner.clone(), inner],
        }));
        let mut bytes = Vec::new();
        encode(&value, &mut bytes);
        assert_eq!(format!("{:?}", decode(&bytes).expect("our own encoding")), format!("{value:?}"));
    }

    #[test]
    fn cut_or_longer_bytes_are_refused() {
        let mut bytes = Vec::new();
        encode(&Datum::text("abc"), &mut bytes);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err());
        }
        bytes.push(0);
        assert!(decode(&bytes).is_err());
    }
}
