//! The stored form of a row.
//!
//! Fixed-width columns come first, each at an offset that depends on the schema alone, so that updating an integer
//! changes a few bytes in place and its redo is small. Null columns keep their place (filled with zeros).
//!
//! ```text
//! offset          size   field
//! 0               2      schema version
//! 2               2      number of columns n; bit 15 set: ends are 4 bytes
//! 4               (n+7)/8  null bitmap, bit i%8 of byte i/8 set for null
//! .               F      fixed-width columns in order, no padding
//! .               2|4 each  end of every variable column, relative to the start of the bytes
//! .               ...    bytes of the variable columns
//! ```
//! Numbers are little-endian. A row written under an older schema has fewer columns; the missing ones read as defaults.
//! Dropped columns keep their position in the schema.
//!
//! Variable values: text as UTF-8, jsonb as its canonical text, bytea as is, numeric as kind byte, scale (2) and magnitude (least bytes), arrays and
//! records as a list of tagged values.

use std::sync::Arc;

use bytes::Bytes;
use num_bigint::{BigInt, Sign};

use crate::datum::{ArrayValue, Datum, Interval};
use crate::error::{Error, Result, SqlState};
use crate::function::RESULT_BYTES_MAX;
use crate::json::Jsonb;
use crate::numeric::{Numeric, SCALE_MAX};
use crate::sqltype::{SqlType, oid};
use crate::tid::Tid;

const HEADER_BYTES: usize = 4;
/// Set in the column count when variable ends take four bytes.
const WIDE_ENDS: u16 = 0x8000;
/// Columns of one row, as PostgreSQL limits them.
pub const COLUMNS_MAX: usize = 1_600;
/// Depth of arrays and records within each other that a stored value may have.
const NESTING_MAX: usize = 32;
/// Arrays and records in each other where they are made: what goes through them takes a frame of the stack for each.
const MADE_NESTING_MAX: usize = 1000;

/// How a type's values are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repr {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Oid,
    Char,
    Uuid,
    Tid,
    Numeric,
    Text,
    Bytea,
    Array,
    Record,
    Jsonb,
}

impl Repr {
    pub(crate) fn of(ty: SqlType) -> Repr {
        match ty.oid {
            oid::BOOL => Repr::Bool,
            oid::INT2 => Repr::Int2,
            oid::INT4 => Repr::Int4,
            oid::INT8 | oid::XID8 | oid::PG_LSN => Repr::Int8,
            oid::FLOAT4 => Repr::Float4,
            oid::FLOAT8 => Repr::Float8,
            oid::DATE => Repr::Date,
            oid::TIME => Repr::Time,
            oid::TIMESTAMP => Repr::Timestamp,
            oid::TIMESTAMPTZ => Repr::Timestamptz,
            oid::INTERVAL => Repr::Interval,
            oid::CHAR => Repr::Char,
            oid::UUID => Repr::Uuid,
            oid::TID => Repr::Tid,
            oid::NUMERIC => Repr::Numeric,
            oid::BYTEA => Repr::Bytea,
            oid::JSONB => Repr::Jsonb,
            oid::RECORD => Repr::Record,
            _ if ty.is_oid_like() => Repr::Oid,
            _ if ty.is_array() => Repr::Array,
            _ => Repr::Text,
        }
    }

    /// Bytes of a fixed-width value, `None` for a variable one.
    pub(crate) const fn width(self) -> Option<usize> {
        Some(match self {
            Repr::Bool | Repr::Char => 1,
            Repr::Int2 => 2,
            Repr::Int4 | Repr::Float4 | Repr::Date | Repr::Oid => 4,
            Repr::Int8 | Repr::Float8 | Repr::Time | Repr::Timestamp | Repr::Timestamptz => 8,
            Repr::Interval | Repr::Uuid => 16,
            Repr::Tid => 6,
            Repr::Numeric | Repr::Text | Repr::Bytea | Repr::Array | Repr::Record | Repr::Jsonb => return None,
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Column {
    repr: Repr,
    /// Offset among the fixed-width columns, or index among the variable ones.
    place: u32,
    /// Bytes of fixed-width columns, and number of variable ones, up to and including this column.
    fixed_through: u32,
    variable_through: u32,
}

/// The layout of a schema's rows, computed once per schema.
#[derive(Clone, Debug)]
pub struct RowLayout {
    version: u16,
    columns: Vec<Column>,
    /// What a row that lacks a column reads there.
    defaults: Vec<Datum>,
}

#[cold]
fn corrupt(what: &str) -> Error {
    Error::new(SqlState::DATA_CORRUPTED, format!("corrupt row: {what}"))
}

impl RowLayout {
    /// `defaults` may be shorter than `types`; what it lacks is null.
    pub fn new(version: u16, types: &[SqlType], defaults: &[Datum]) -> RowLayout {
        assert!(types.len() <= COLUMNS_MAX, "the binder limits the number of columns");
        let (mut fixed, mut variable) = (0u32, 0u32);
        let mut columns = Vec::with_capacity(types.len());
        for ty in types {
            let repr = Repr::of(*ty);
            let place = match repr.width() {
                Some(width) => {
                    fixed += width as u32;
                    fixed - width as u32
                }
                None => {
                    variable += 1;
                    variable - 1
                }
            };
            columns.push(Column { repr, place, fixed_through: fixed, variable_through: variable });
        }
        let mut defaults = defaults.to_vec();
        defaults.resize(types.len(), Datum::Null);
        RowLayout { version, columns, defaults }
    }

    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Appends the stored form of a row.
    ///
    /// # Errors
    /// XX000 when a value is not of its column's type, 54000 above 1 GiB.
    pub fn encode(&self, values: &[Datum], out: &mut Vec<u8>) -> Result<()> {
        if values.len() != self.columns.len() {
            return Err(Error::internal(format!("{} values for {} columns", values.len(), self.columns.len())));
        }
        let start = out.len();
        if self.encode_with_ends(values, 2, out)? {
            return Ok(());
        }
        out.truncate(start);
        if self.encode_with_ends(values, 4, out)? {
            return Ok(());
        }
        Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "row is too large"))
    }

    /// Returns false when the variable bytes do not fit ends of this width.
    fn encode_with_ends(&self, values: &[Datum], end_bytes: usize, out: &mut Vec<u8>) -> Result<bool> {
        let start = out.len();
        let count = self.columns.len() as u16 | if end_bytes == 4 { WIDE_ENDS } else { 0 };
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        let (fixed, variable) = self.areas(self.columns.len());
        let fixed_at = start + HEADER_BYTES + self.columns.len().div_ceil(8);
        let ends_at = fixed_at + fixed;
        let bytes_at = ends_at + variable * end_bytes;
        out.resize(bytes_at, 0);
        for (i, (column, value)) in self.columns.iter().zip(values).enumerate() {
            if value.is_null() {
                out[start + HEADER_BYTES + i / 8] |= 1 << (i % 8);
            }
            match column.repr.width() {
                Some(width) => {
                    let at = fixed_at + column.place as usize;
                    if !value.is_null() {
                        put_fixed(value, column.repr, &mut out[at..at + width])?;
                    }
                }
                None => {
                    if !value.is_null() {
                        put_variable(value, column.repr, out, 0)?;
                    }
                    let end = out.len() - bytes_at;
                    let at = ends_at + column.place as usize * end_bytes;
                    if end_bytes == 2 {
                        let Ok(end) = u16::try_from(end) else { return Ok(false) };
                        out[at..at + 2].copy_from_slice(&end.to_le_bytes());
                    } else {
                        if end > RESULT_BYTES_MAX {
                            return Ok(false);
                        }
                        out[at..at + 4].copy_from_slice(&(end as u32).to_le_bytes());
                    }
                }
            }
        }
        Ok(true)
    }

    /// Bytes of the fixed area and number of variable columns among the first `count` columns.
    fn areas(&self, count: usize) -> (usize, usize) {
        match count.checked_sub(1).map(|last| self.columns[last]) {
            Some(last) => (last.fixed_through as usize, last.variable_through as usize),
            None => (0, 0),
        }
    }

    /// Opens a stored row for reading single columns.
    ///
    /// # Errors
    /// XX001 when the bytes are not a row of this schema or an older one.
    #[inline]
    pub fn view<'a>(&'a self, bytes: &'a [u8]) -> Result<RowView<'a>> {
        let header: [u8; HEADER_BYTES] =
            bytes.get(..HEADER_BYTES).and_then(|h| h.try_into().ok()).ok_or_else(|| corrupt("no header"))?;
        let count = u16::from_le_bytes([header[2], header[3]]);
        let end_bytes = if count & WIDE_ENDS != 0 { 4 } else { 2 };
        let count = usize::from(count & !WIDE_ENDS);
        if count > self.columns.len() {
            return Err(corrupt("more columns than the schema"));
        }
        let (fixed, variable) = self.areas(count);
        let fixed_at = HEADER_BYTES + count.div_ceil(8);
        let ends_at = fixed_at + fixed;
        let bytes_at = ends_at + variable * end_bytes;
        if bytes.len() < bytes_at {
            return Err(corrupt("shorter than its columns"));
        }
        Ok(RowView { layout: self, bytes, count, fixed_at, ends_at, bytes_at, end_bytes })
    }

    /// Decodes all columns, appending to `out`.
    ///
    /// # Errors
    /// XX001 on corrupt bytes.
    pub fn decode_into(&self, bytes: &[u8], out: &mut Vec<Datum>) -> Result<()> {
        let view = self.view(bytes)?;
        out.reserve(self.columns.len());
        for (i, column) in self.columns[..view.count].iter().enumerate() {
            let place = column.place as usize;
            // The common types here, without a call and a result each.
            out.push(match column.repr {
                _ if view.stored_null(i) => Datum::Null,
                Repr::Int4 => Datum::Int4(i32::from_le_bytes(view.fixed(place)?)),
                Repr::Int8 => Datum::Int8(i64::from_le_bytes(view.fixed(place)?)),
                Repr::Text => Datum::text(view.text(place)?),
                _ => view.get(i)?,
            });
        }
        out.extend_from_slice(&self.defaults[view.count..]);
        Ok(())
    }
}

/// A stored row of which columns are decoded one by one.
#[derive(Clone, Copy)]
pub struct RowView<'a> {
    layout: &'a RowLayout,
    bytes: &'a [u8],
    count: usize,
    fixed_at: usize,
    ends_at: usize,
    bytes_at: usize,
    end_bytes: usize,
}

impl<'a> RowView<'a> {
    /// The schema version under which the row was written.
    pub fn version(&self) -> u16 {
        u16::from_le_bytes([self.bytes[0], self.bytes[1]])
    }

    /// Whether column `i` is null (its default, if the row is older than the column).
    pub fn is_null(&self, i: usize) -> bool {
        if i >= self.count {
            return self.layout.defaults[i].is_null();
        }
        self.stored_null(i)
    }

    /// Whether column `i`, which the row has, is null.
    #[inline]
    fn stored_null(&self, i: usize) -> bool {
        self.bytes[HEADER_BYTES + i / 8] & (1 << (i % 8)) != 0
    }

    /// The bytes of the fixed-width column at `place`.
    #[inline]
    fn fixed<const N: usize>(&self, place: usize) -> Result<[u8; N]> {
        match self.bytes[self.fixed_at + place..].first_chunk::<N>() {
            Some(bytes) => Ok(*bytes),
            None => Err(corrupt("a value is cut short")),
        }
    }

    /// The text of the variable column at `place`.
    #[inline]
    fn text(&self, place: usize) -> Result<&'a str> {
        std::str::from_utf8(self.variable(place)?).map_err(|_| corrupt("text is not UTF-8"))
    }

    /// Column `i`.
    ///
    /// # Errors
    /// XX001 on corrupt bytes.
    ///
    /// # Panics
    /// When the schema has no column `i`.
    #[inline]
    pub fn get(&self, i: usize) -> Result<Datum> {
        if i >= self.count {
            return Ok(self.layout.defaults[i].clone());
        }
        if self.is_null(i) {
            return Ok(Datum::Null);
        }
        let column = &self.layout.columns[i];
        let place = column.place as usize;
        match column.repr {
            Repr::Int4 => Ok(Datum::Int4(i32::from_le_bytes(self.fixed(place)?))),
            Repr::Int8 => Ok(Datum::Int8(i64::from_le_bytes(self.fixed(place)?))),
            Repr::Text => Ok(Datum::text(self.text(place)?)),
            repr => match repr.width() {
                Some(width) => {
                    let at = self.fixed_at + place;
                    get_fixed(repr, &self.bytes[at..at + width])
                }
                None => get_variable(repr, self.variable(place)?, 0),
            },
        }
    }

    /// The text of column `i` without copying; `None` for null or a column that is not text.
    ///
    /// # Errors
    /// XX001 on corrupt bytes.
    pub fn get_str(&self, i: usize) -> Result<Option<&'a str>> {
        if i >= self.count || self.is_null(i) || self.layout.columns[i].repr != Repr::Text {
            return Ok(None);
        }
        self.text(self.layout.columns[i].place as usize).map(Some)
    }

    #[inline]
    fn variable(&self, place: usize) -> Result<&'a [u8]> {
        let end = |place: usize| {
            let at = self.ends_at + place * self.end_bytes;
            if self.end_bytes == 2 {
                usize::from(u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]))
            } else {
                u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes")) as usize
            }
        };
        let from = if place == 0 { 0 } else { end(place - 1) };
        self.bytes[self.bytes_at..].get(from..end(place)).ok_or_else(|| corrupt("column ends out of order"))
    }
}

/// Appends the stored form of a row of schema version 0. [`RowLayout::encode`] is faster for many rows.
///
/// # Errors
/// As [`RowLayout::encode`].
pub fn encode_row(values: &[Datum], types: &[SqlType], out: &mut Vec<u8>) -> Result<()> {
    RowLayout::new(0, types, &[]).encode(values, out)
}

/// Decodes a row; columns it lacks read as `defaults`. [`RowLayout`] is faster for many rows.
///
/// # Errors
/// XX001 on corrupt bytes.
pub fn decode_row(bytes: &[u8], types: &[SqlType], defaults: &[Datum]) -> Result<Vec<Datum>> {
    let mut values = Vec::new();
    RowLayout::new(0, types, defaults).decode_into(bytes, &mut values)?;
    Ok(values)
}

fn mismatch(value: &Datum, repr: Repr) -> Error {
    Error::internal(format!("value {value:?} does not fit a column stored as {repr:?}"))
}

#[inline]
fn put_fixed(value: &Datum, repr: Repr, out: &mut [u8]) -> Result<()> {
    match (repr, value) {
        (Repr::Int4, Datum::Int4(v)) => out.copy_from_slice(&v.to_le_bytes()),
        (Repr::Int8, Datum::Int8(v)) => out.copy_from_slice(&v.to_le_bytes()),
        (Repr::Int2, Datum::Int2(v)) => out.copy_from_slice(&v.to_le_bytes()),
        (Repr::Bool, Datum::Bool(v)) => out[0] = u8::from(*v),
        (Repr::Float4, Datum::Float4(v)) => out.copy_from_slice(&v.to_le_bytes()),
        (Repr::Float8, Datum::Float8(v)) => out.copy_from_slice(&v.to_le_bytes()),
        (Repr::Date, Datum::Date(v)) => out.copy_from_slice(&v.to_le_bytes()),
        (Repr::Time, Datum::Time(v))
        | (Repr::Timestamp, Datum::Timestamp(v))
        | (Repr::Timestamptz, Datum::Timestamptz(v)) => out.copy_from_slice(&v.to_le_bytes()),
        (Repr::Oid, Datum::Oid(v)) => out.copy_from_slice(&v.to_le_bytes()),
        (Repr::Char, Datum::Char(v)) => out[0] = *v,
        (Repr::Uuid, Datum::Uuid(v)) => out.copy_from_slice(v),
        (Repr::Tid, Datum::Tid(v)) => {
            out[..4].copy_from_slice(&v.block.to_le_bytes());
            out[4..].copy_from_slice(&v.offset.to_le_bytes());
        }
        (Repr::Interval, Datum::Interval(v)) => {
            out[..8].copy_from_slice(&v.micros.to_le_bytes());
            out[8..12].copy_from_slice(&v.days.to_le_bytes());
            out[12..].copy_from_slice(&v.months.to_le_bytes());
        }
        _ => return Err(mismatch(value, repr)),
    }
    Ok(())
}

fn take<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.get(..N).and_then(|b| b.try_into().ok()).ok_or_else(|| corrupt("a value is cut short"))
}

fn get_fixed(repr: Repr, bytes: &[u8]) -> Result<Datum> {
    Ok(match repr {
        Repr::Int4 => Datum::Int4(i32::from_le_bytes(take(bytes)?)),
        Repr::Int8 => Datum::Int8(i64::from_le_bytes(take(bytes)?)),
        Repr::Int2 => Datum::Int2(i16::from_le_bytes(take(bytes)?)),
        Repr::Bool => Datum::Bool(take::<1>(bytes)?[0] != 0),
        Repr::Float4 => Datum::Float4(f32::from_le_bytes(take(bytes)?)),
        Repr::Float8 => Datum::Float8(f64::from_le_bytes(take(bytes)?)),
        Repr::Date => Datum::Date(i32::from_le_bytes(take(bytes)?)),
        Repr::Time => Datum::Time(i64::from_le_bytes(take(bytes)?)),
        Repr::Timestamp => Datum::Timestamp(i64::from_le_bytes(take(bytes)?)),
        Repr::Timestamptz => Datum::Timestamptz(i64::from_le_bytes(take(bytes)?)),
        Repr::Oid => Datum::Oid(u32::from_le_bytes(take(bytes)?)),
        Repr::Char => Datum::Char(take::<1>(bytes)?[0]),
        Repr::Uuid => Datum::Uuid(take(bytes)?),
        Repr::Tid => {
            Datum::Tid(Tid { block: u32::from_le_bytes(take(bytes)?), offset: u16::from_le_bytes(take(&bytes[4..])?) })
        }
        Repr::Interval => Datum::Interval(Interval {
            micros: i64::from_le_bytes(take(bytes)?),
            days: i32::from_le_bytes(take(&bytes[8..])?),
            months: i32::from_le_bytes(take(&bytes[12..])?),
        }),
        _ => return Err(Error::internal("a variable-width value among the fixed ones")),
    })
}

fn put_variable(value: &Datum, repr: Repr, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    if depth > NESTING_MAX {
        return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "value is nested too deeply to be stored"));
    }
    match (repr, value) {
        (Repr::Text, Datum::Text(text) | Datum::Padded(text)) => out.extend_from_slice(text.as_bytes()),
        (Repr::Bytea, Datum::Bytea(bytes)) => out.extend_from_slice(bytes),
        (Repr::Jsonb, Datum::Jsonb(value)) => out.extend_from_slice(value.as_str().as_bytes()),
        (Repr::Numeric, Datum::Numeric(number)) => put_numeric(number, out),
        (Repr::Array, Datum::Array(array)) => {
            if depth == 0 {
                check_length(value)?;
            }
            out.extend_from_slice(&array.element.to_le_bytes());
            out.push(array.dims.len() as u8);
            for (size, lower) in array.dims.iter().zip(&array.lower_bounds) {
                out.extend_from_slice(&size.to_le_bytes());
                out.extend_from_slice(&lower.to_le_bytes());
            }
            for element in &array.elements {
                put_tagged(element, out, depth + 1)?;
            }
        }
        (Repr::Record, Datum::Record(fields)) => {
            if depth == 0 {
                check_length(value)?;
            }
            for field in fields.iter() {
                put_tagged(field, out, depth + 1)?;
            }
        }
        _ => return Err(mismatch(value, repr)),
    }
    Ok(())
}

/// Refuses an array or record that takes more than a value can be, before it is written or made a key: its parts may share one
/// long text.
///
/// # Errors
/// 54000.
#[inline]
pub fn check_length(value: &Datum) -> Result<()> {
    match value {
        Datum::Array(_) if crate::text_io::is_too_long(value) => {
            let message = "array size exceeds the maximum allowed (1073741823)";
            Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message))
        }
        Datum::Record(_) if crate::text_io::is_too_long(value) => Err(too_large()),
        _ => Ok(()),
    }
}

/// Refuses an array or record that takes more than a value can be, or in which others are nested so deeply that nothing could go
/// through them: what makes arrays and records asks this of each, so that all that there are can be written, compared and made
/// keys.
///
/// # Errors
/// 54000, 54001.
#[inline]
pub fn check_made(value: &Datum) -> Result<()> {
    match value {
        Datum::Array(_) | Datum::Record(_) => check_parts(value),
        _ => Ok(()),
    }
}

fn check_parts(value: &Datum) -> Result<()> {
    if matches!(value, Datum::Array(array) if array.has_fixed_elements()) {
        return Ok(());
    }
    if is_deeper(value, MADE_NESTING_MAX) {
        return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
    }
    check_length(value)
}

/// Whether more than `levels` arrays and records are in each other.
fn is_deeper(value: &Datum, levels: usize) -> bool {
    let parts: &[Datum] = match value {
        Datum::Array(array) => &array.elements,
        Datum::Record(fields) => fields,
        _ => return false,
    };
    levels == 0 || parts.iter().any(|part| is_deeper(part, levels - 1))
}

fn too_large() -> Error {
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "value is too large")
}

const TAG_NULL: u8 = 0;
const TAGS: [Repr; 21] = [
    Repr::Bool,
    Repr::Int2,
    Repr::Int4,
    Repr::Int8,
    Repr::Float4,
    Repr::Float8,
    Repr::Date,
    Repr::Time,
    Repr::Timestamp,
    Repr::Timestamptz,
    Repr::Interval,
    Repr::Oid,
    Repr::Char,
    Repr::Uuid,
    Repr::Numeric,
    Repr::Text,
    Repr::Bytea,
    Repr::Array,
    Repr::Record,
    Repr::Jsonb,
    Repr::Tid,
];

/// One element: a tag (0 for null, else 1 + index into [`TAGS`]), and for variable values the length in four bytes.
fn put_tagged(value: &Datum, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    if value.is_null() {
        out.push(TAG_NULL);
        return Ok(());
    }
    let repr = Repr::of(crate::text_io::natural_type(value));
    let tag = TAGS.iter().position(|known| *known == repr).expect("every representation has a tag");
    out.push(tag as u8 + 1);
    let at = out.len();
    match repr.width() {
        Some(width) => {
            out.resize(at + width, 0);
            put_fixed(value, repr, &mut out[at..])
        }
        None => {
            out.extend_from_slice(&[0; 4]);
            put_variable(value, repr, out, depth)?;
            let length = u32::try_from(out.len() - at - 4).map_err(|_| too_large())?;
            out[at..at + 4].copy_from_slice(&length.to_le_bytes());
            Ok(())
        }
    }
}

fn get_tagged(bytes: &mut &[u8], depth: usize) -> Result<Datum> {
    let (tag, rest) = bytes.split_first().ok_or_else(|| corrupt("a value is cut short"))?;
    *bytes = rest;
    if *tag == TAG_NULL {
        return Ok(Datum::Null);
    }
    let repr = *TAGS.get(usize::from(*tag) - 1).ok_or_else(|| corrupt("unknown kind of value"))?;
    let width = match repr.width() {
        Some(width) => width,
        None => {
            let length = u32::from_le_bytes(take(bytes)?) as usize;
            *bytes = &bytes[4..];
            length
        }
    };
    let (value, rest) = bytes.split_at_checked(width).ok_or_else(|| corrupt("a value is cut short"))?;
    *bytes = rest;
    if repr.width().is_some() { get_fixed(repr, value) } else { get_variable(repr, value, depth) }
}

fn get_variable(repr: Repr, bytes: &[u8], depth: usize) -> Result<Datum> {
    if depth > NESTING_MAX {
        return Err(corrupt("nested too deeply"));
    }
    match repr {
        Repr::Text => {
            let text = std::str::from_utf8(bytes).map_err(|_| corrupt("text is not UTF-8"))?;
            Ok(Datum::text(text))
        }
        Repr::Jsonb => {
            let text = std::str::from_utf8(bytes).map_err(|_| corrupt("jsonb is not UTF-8"))?;
            Ok(Datum::Jsonb(Jsonb::from_canonical(text)))
        }
        Repr::Bytea => Ok(Datum::Bytea(Bytes::copy_from_slice(bytes))),
        Repr::Numeric => get_numeric(bytes).map(Datum::Numeric),
        Repr::Array => {
            let element = u32::from_le_bytes(take(bytes)?);
            let count = usize::from(take::<1>(&bytes[4..])?[0]);
            let mut rest = &bytes[5..];
            let (mut dims, mut lower_bounds) = (Vec::new(), Vec::new());
            for _ in 0..count {
                dims.push(i32::from_le_bytes(take(rest)?));
                lower_bounds.push(i32::from_le_bytes(take(&rest[4..])?));
                rest = &rest[8.min(rest.len())..];
            }
            let mut elements = Vec::new();
            while !rest.is_empty() {
                elements.push(get_tagged(&mut rest, depth + 1)?);
            }
            let array = ArrayValue { element, dims, lower_bounds, elements };
            if !array.is_consistent() {
                return Err(corrupt("an array does not fill its dimensions"));
            }
            Ok(Datum::Array(Arc::new(array)))
        }
        Repr::Record => {
            let mut rest = bytes;
            let mut fields = Vec::new();
            while !rest.is_empty() {
                fields.push(get_tagged(&mut rest, depth + 1)?);
            }
            Ok(Datum::Record(fields.into()))
        }
        _ => Err(Error::internal("a fixed-width value among the variable ones")),
    }
}

const NUMERIC_POSITIVE: u8 = 0;
const NUMERIC_NEGATIVE: u8 = 1;
const NUMERIC_NAN: u8 = 2;
const NUMERIC_INFINITY: u8 = 3;
const NUMERIC_NEG_INFINITY: u8 = 4;

fn put_numeric(number: &Numeric, out: &mut Vec<u8>) {
    if let Some((unscaled, scale)) = number.as_small() {
        out.push(if unscaled < 0 { NUMERIC_NEGATIVE } else { NUMERIC_POSITIVE });
        out.extend_from_slice(&scale.to_le_bytes());
        let magnitude = unscaled.unsigned_abs();
        let used = 8 - magnitude.leading_zeros() as usize / 8;
        out.extend_from_slice(&magnitude.to_le_bytes()[..used]);
        return;
    }
    match number.to_parts() {
        Some((unscaled, scale)) => {
            out.push(if unscaled.sign() == Sign::Minus { NUMERIC_NEGATIVE } else { NUMERIC_POSITIVE });
            out.extend_from_slice(&scale.to_le_bytes());
            out.extend_from_slice(&unscaled.magnitude().to_bytes_le());
        }
        None if number.is_nan() => out.push(NUMERIC_NAN),
        None if number.is_negative() => out.push(NUMERIC_NEG_INFINITY),
        None => out.push(NUMERIC_INFINITY),
    }
}

fn get_numeric(bytes: &[u8]) -> Result<Numeric> {
    let negative = match take::<1>(bytes)?[0] {
        NUMERIC_POSITIVE => false,
        NUMERIC_NEGATIVE => true,
        NUMERIC_NAN => return Ok(Numeric::NAN),
        NUMERIC_INFINITY => return Ok(Numeric::INFINITY),
        NUMERIC_NEG_INFINITY => return Ok(Numeric::NEG_INFINITY),
        _ => return Err(corrupt("unknown kind of numeric")),
    };
    let scale = u16::from_le_bytes(take(&bytes[1..])?);
    if i64::from(scale) > SCALE_MAX {
        return Err(corrupt("a numeric has too many digits after the point"));
    }
    let magnitude = &bytes[3..];
    if magnitude.len() <= 8 {
        let mut word = [0u8; 8];
        word[..magnitude.len()].copy_from_slice(magnitude);
        let value = i128::from(u64::from_le_bytes(word));
        return Ok(Numeric::from_i128(if negative { -value } else { value }, scale));
    }
    let sign = if negative { Sign::Minus } else { Sign::Plus };
    Numeric::from_bigint(BigInt::from_bytes_le(sign, magnitude), scale).map_err(|_| corrupt("numeric out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_layout_is_pinned() {
        let types = [SqlType::INT4, SqlType::TEXT, SqlType::INT4, SqlType::TEXT];
        let layout = RowLayout::new(7, &types, &[]);
        let mut row = Vec::new();
        layout.encode(&[Datum::Int4(1), Datum::text("ab"), Datum::Null, Datum::text("c")], &mut row).expect("fits");
        let expected = [7, 0, 4, 0, 0b0100, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, b'a', b'b', b'c'];
        assert_eq!(row, expected);
    }

    #[test]
    fn updating_an_integer_changes_its_bytes_alone() {
        let types = [SqlType::TEXT, SqlType::INT8, SqlType::NUMERIC];
        let number = Datum::Numeric(Numeric::parse("12.50").expect("a number"));
        let (mut before, mut after) = (Vec::new(), Vec::new());
        encode_row(&[Datum::text("x"), Datum::Int8(100), number.clone()], &types, &mut before).expect("fits");
        encode_row(&[Datum::text("x"), Datum::Int8(101), number], &types, &mut after).expect("fits");
        assert_eq!(before.len(), after.len());
        assert_eq!(before.iter().zip(&after).filter(|(a, b)| a != b).count(), 1);
    }

    #[test]
    fn an_array_of_one_long_text_is_refused_before_it_is_written() {
        let long = Datum::array(oid::TEXT, vec![Datum::text(&"x".repeat(1 << 20)); 2_000]);
        for (value, ty) in [(long.clone(), SqlType::TEXT_ARRAY), (Datum::Record(vec![long].into()), SqlType::RECORD)] {
            let mut row = Vec::new();
            let refused = encode_row(&[value], &[ty], &mut row).expect_err("more than 1 GiB");
            assert_eq!(refused.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
            assert!(row.capacity() < 1 << 20, "{}", row.capacity());
        }
    }

    #[test]
    fn an_older_row_reads_defaults() {
        let old = [SqlType::INT4, SqlType::TEXT];
        let new = [SqlType::INT4, SqlType::TEXT, SqlType::INT8, SqlType::TEXT];
        let mut row = Vec::new();
        encode_row(&[Datum::Int4(1), Datum::text("a")], &old, &mut row).expect("fits");
        let defaults = [Datum::Null, Datum::Null, Datum::Int8(5)];
        let values = decode_row(&row, &new, &defaults).expect("a row");
        assert_eq!(values, [Datum::Int4(1), Datum::text("a"), Datum::Int8(5), Datum::Null]);
        assert!(decode_row(&row, &old[..1], &[]).is_err());
    }

    #[test]
    fn long_values_take_wide_ends() {
        let types = [SqlType::TEXT, SqlType::INT4, SqlType::TEXT];
        let values = [Datum::text(&"x".repeat(70_000)), Datum::Int4(3), Datum::text("tail")];
        let mut row = Vec::new();
        encode_row(&values, &types, &mut row).expect("fits");
        assert_eq!(decode_row(&row, &types, &[]).expect("a row"), values);
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        assert!(encode_row(&[Datum::Int8(1)], &[SqlType::INT4], &mut Vec::new()).is_err());
    }

    pub(crate) fn typed() -> impl Strategy<Value = (Datum, SqlType)> {
        let numeric = (any::<i128>(), 0u16..40).prop_map(|(v, s)| Numeric::from_i128(v, s));
        prop_oneof![
            any::<bool>().prop_map(|v| (Datum::Bool(v), SqlType::BOOL)),
            any::<i16>().prop_map(|v| (Datum::Int2(v), SqlType::INT2)),
            any::<i32>().prop_map(|v| (Datum::Int4(v), SqlType::INT4)),
            any::<i64>().prop_map(|v| (Datum::Int8(v), SqlType::INT8)),
            any::<f32>().prop_map(|v| (Datum::Float4(v), SqlType::FLOAT4)),
            any::<f64>().prop_map(|v| (Datum::Float8(v), SqlType::FLOAT8)),
            numeric.prop_map(|v| (Datum::Numeric(v), SqlType::NUMERIC)),
            any::<String>().prop_map(|v| (Datum::text(&v), SqlType::TEXT)),
            any::<Vec<u8>>().prop_map(|v| (Datum::Bytea(v.into()), SqlType::BYTEA)),
            any::<i32>().prop_map(|v| (Datum::Date(v), SqlType::DATE)),
            any::<i64>().prop_map(|v| (Datum::Timestamptz(v), SqlType::TIMESTAMPTZ)),
            any::<u32>().prop_map(|v| (Datum::Oid(v), SqlType::REGCLASS)),
            any::<[u8; 16]>().prop_map(|v| (Datum::Uuid(v), SqlType::UUID)),
            any::<(u32, u16)>().prop_map(|(block, offset)| (Datum::Tid(Tid { block, offset }), SqlType::TID)),
            (any::<i32>(), any::<i32>(), any::<i64>()).prop_map(|(months, days, micros)| {
                (Datum::Interval(Interval { months, days, micros }), SqlType::INTERVAL)
            }),
            proptest::collection::vec(proptest::option::of(any::<i32>()), 0..5).prop_map(|v| {
                let elements = v.into_iter().map(|e| e.map_or(Datum::Null, Datum::Int4)).collect();
                (Datum::array(oid::INT4, elements), SqlType::INT4_ARRAY)
            }),
        ]
    }

    proptest! {
        #[test]
        fn round_trip(columns in proptest::collection::vec((typed(), any::<bool>()), 0..20)) {
            let types: Vec<SqlType> = columns.iter().map(|((_, ty), _)| *ty).collect();
            let values: Vec<Datum> =
                columns.into_iter().map(|((value, _), null)| if null { Datum::Null } else { value }).collect();
            let layout = RowLayout::new(3, &types, &[]);
            let mut row = Vec::new();
            layout.encode(&values, &mut row).expect("fits");
            let mut back = Vec::new();
            layout.decode_into(&row, &mut back).expect("own bytes");
            prop_assert_eq!(&back, &values);
            let view = layout.view(&row).expect("own bytes");
            for (i, value) in values.iter().enumerate().rev() {
                prop_assert_eq!(&view.get(i).expect("own bytes"), value);
            }
        }

        #[test]
        fn corrupt_rows_never_panic(bytes in any::<Vec<u8>>(), ((_, a), (_, b)) in (typed(), typed())) {
            let _ = decode_row(&bytes, &[a, b, SqlType::TEXT, SqlType::INT4_ARRAY], &[]);
        }

        #[test]
        fn damaged_rows_never_panic((value, ty) in typed(), at in any::<usize>(), byte in any::<u8>()) {
            let types = [ty, SqlType::TEXT, SqlType::NUMERIC];
            let mut row = Vec::new();
            encode_row(&[value, Datum::text("abc"), Datum::Numeric(Numeric::from(7))], &types, &mut row).expect("fits");
            let at = at % row.len();
            row[at] = byte;
            let _ = decode_row(&row, &types, &[]);
        }
    }
}
