//! How SQL values are held in Arrow arrays.
//!
//! The mapping loses nothing: a value read back from an array is the value put in, down to the display scale of a
//! numeric and the padding of a char(n). It follows from the SQL type, except for numerics, which have two forms:
//!
//! | SQL type | Arrow | |
//! |---|---|---|
//! | bool | Boolean | |
//! | int2, int4, int8 | Int16, Int32, Int64 | |
//! | oid, xid, reg* | UInt32 | |
//! | "char" | UInt8 | |
//! | float4, float8 | Float32, Float64 | as they are: -0 and NaN are made canonical where they are compared |
//! | numeric | Decimal128(38, s) | when the scale of every value is known to be s: see below |
//! | text, varchar, name, json | Utf8View | |
//! | char(n) | Utf8View | without its padding, so that bytes compare as PostgreSQL compares; padded on the way out |
//! | bytea, uuid | BinaryView | |
//! | date | Int32 | days since 2000-01-01, infinities included |
//! | time, timestamp, timestamptz | Int64 | microseconds, infinities included |
//! | any other, and other numerics | BinaryView | our own encoding ([`types::tagged`]) |
//!
//! **Fixed-point numerics.** A column of numeric(p,s) holds values of scale exactly s, so does a sum or product of such
//! columns, and the scale follows from the operands' as in PostgreSQL. Such a value is an i128 of units of 10^-s. The
//! largest i128 stands for NaN: it sorts and compares above all numbers, as NaN must, and kernels look for it.
//! [`Repr::Decimal`] also tracks how many digits a value can have; arithmetic that could exceed 38 is checked.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewBuilder, BooleanBuilder, Decimal128Builder, Float32Builder, Float64Builder,
    Int16Builder, Int32Builder, Int64Builder, StringViewBuilder, UInt8Builder, UInt32Builder,
};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt32Type,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::scalar::ScalarValue;
use types::row::RowView;
use types::{Datum, Numeric, SqlType, Str, oid, tagged};

use crate::error::{inexact, to_datafusion};

/// The most digits of a fixed-point numeric.
pub(crate) const DIGITS_MAX: u8 = 38;

/// What stands for NaN among the units of a fixed-point numeric.
pub(crate) const NAN_UNITS: i128 = i128::MAX;

/// Units of this size or larger have more than [`DIGITS_MAX`] digits.
pub(crate) const UNITS_END: i128 = 10i128.pow(DIGITS_MAX as u32);

/// The form in which values of an expression travel through Arrow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Repr {
    Bool,
    Int16,
    Int32,
    Int64,
    Oid,
    Byte,
    Float32,
    Float64,
    /// Units of 10^-`scale` with at most `digits` digits.
    Decimal {
        digits: u8,
        scale: u8,
    },
    Text,
    /// char(n) without its padding.
    Padded,
    Bytes,
    Opaque,
}

/// An expression's SQL type and form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Shape {
    pub ty: SqlType,
    pub repr: Repr,
}

impl Shape {
    /// The form that values of this type have when nothing more is known; `decimals` allows fixed-point numerics.
    pub(crate) fn of(ty: SqlType, decimals: bool) -> Shape {
        let repr = match ty.oid {
            oid::BOOL => Repr::Bool,
            oid::INT2 => Repr::Int16,
            oid::INT4 | oid::DATE => Repr::Int32,
            oid::INT8 | oid::TIME | oid::TIMESTAMP | oid::TIMESTAMPTZ => Repr::Int64,
            oid::CHAR => Repr::Byte,
            oid::FLOAT4 => Repr::Float32,
            oid::FLOAT8 => Repr::Float64,
            oid::TEXT | oid::VARCHAR | oid::NAME | oid::JSON => Repr::Text,
            oid::BPCHAR if ty.char_limit().is_some() => Repr::Padded,
            oid::BYTEA | oid::UUID => Repr::Bytes,
            oid::NUMERIC => match ty.precision_scale() {
                Some((digits, scale)) if decimals && (0..=digits).contains(&scale) && digits <= DIGITS_MAX.into() => {
                    Repr::Decimal { digits: digits as u8, scale: scale as u8 }
                }
                _ => Repr::Opaque,
            },
            _ if ty.is_oid_like() => Repr::Oid,
            _ => Repr::Opaque,
        };
        Shape { ty, repr }
    }

    /// The form of a constant: a numeric has that of its own digits.
    pub(crate) fn of_constant(value: &Datum, ty: SqlType, decimals: bool) -> Shape {
        let shape = Shape::of(ty, decimals);
        match value {
            Datum::Numeric(number) if decimals && shape.repr == Repr::Opaque => match exact_units(number) {
                Some((units, scale)) => {
                    Shape { ty, repr: Repr::Decimal { digits: digits_of(units).max(scale), scale } }
                }
                None => shape,
            },
            _ => shape,
        }
    }

    pub(crate) fn arrow(&self) -> DataType {
        self.repr.arrow()
    }

    /// Whether equal arrays of bytes or numbers mean equal values and the other way round. Floats are not: -0 equals 0.
    pub(crate) fn is_canonical(&self) -> bool {
        match self.repr {
            Repr::Opaque | Repr::Float32 | Repr::Float64 => false,
            // Blanks at the end do not count, and here they are still there.
            Repr::Text => self.ty.oid != oid::BPCHAR,
            _ => true,
        }
    }

    /// A literal of this form.
    pub(crate) fn scalar(&self, value: &Datum) -> Result<ScalarValue> {
        let mut builder = Builder::new(*self, 1);
        builder.append(value)?;
        ScalarValue::try_from_array(&builder.finish(), 0)
    }
}

impl Repr {
    pub(crate) fn arrow(self) -> DataType {
        match self {
            Repr::Bool => DataType::Boolean,
            Repr::Int16 => DataType::Int16,
            Repr::Int32 => DataType::Int32,
            Repr::Int64 => DataType::Int64,
            Repr::Oid => DataType::UInt32,
            Repr::Byte => DataType::UInt8,
            Repr::Float32 => DataType::Float32,
            Repr::Float64 => DataType::Float64,
            Repr::Decimal { scale, .. } => decimal_type(scale),
            Repr::Text | Repr::Padded => DataType::Utf8View,
            Repr::Bytes | Repr::Opaque => DataType::BinaryView,
        }
    }
}

/// Arrow's type of a fixed-point numeric. The precision is always the largest: how many digits there are is our own
/// knowledge, and arrays of one scale are of one type.
pub(crate) fn decimal_type(scale: u8) -> DataType {
    DataType::Decimal128(DIGITS_MAX, scale as i8)
}

/// How many decimal digits a number has; 1 for zero.
pub(crate) fn digits_of(units: i128) -> u8 {
    units.unsigned_abs().checked_ilog10().map_or(1, |log| log as u8 + 1)
}

/// (units, scale) of a finite number with few enough digits.
fn exact_units(number: &Numeric) -> Option<(i128, u8)> {
    let (units, scale) = match number.as_small() {
        Some((units, scale)) => (i128::from(units), scale),
        None => {
            let (units, scale) = number.to_parts()?;
            (i128::try_from(units).ok()?, scale)
        }
    };
    let fits = units.unsigned_abs() < UNITS_END.unsigned_abs() && scale <= u16::from(DIGITS_MAX);
    fits.then_some((units, scale as u8))
}

/// The units of a number in a column of this scale.
///
/// # Errors
/// [`crate::error::Inexact`] if the number has another scale or too many digits, or is infinite.
#[inline]
pub(crate) fn to_units(number: &Numeric, scale: u8) -> Result<i128> {
    if let Some((units, found)) = number.as_small()
        && found == u16::from(scale)
    {
        return Ok(i128::from(units));
    }
    if number.is_nan() {
        return Ok(NAN_UNITS);
    }
    match exact_units(number) {
        Some((units, found)) if found == scale => Ok(units),
        _ => Err(inexact()),
    }
}

/// The number with these units.
#[inline]
pub(crate) fn from_units(units: i128, scale: u8) -> Numeric {
    if units == NAN_UNITS { Numeric::NAN } else { Numeric::from_i128(units, u16::from(scale)) }
}

/// Builds one column.
pub(crate) enum Builder {
    Bool(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Oid(UInt32Builder),
    Byte(UInt8Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8),
    Text(StringViewBuilder),
    Padded(StringViewBuilder),
    Bytes(BinaryViewBuilder),
    Opaque(BinaryViewBuilder, Vec<u8>),
}

impl Builder {
    /// A builder with room for `rows` values.
    pub(crate) fn new(shape: Shape, rows: usize) -> Builder {
        match shape.repr {
            Repr::Bool => Builder::Bool(BooleanBuilder::with_capacity(rows)),
            Repr::Int16 => Builder::Int16(Int16Builder::with_capacity(rows)),
            Repr::Int32 => Builder::Int32(Int32Builder::with_capacity(rows)),
            Repr::Int64 => Builder::Int64(Int64Builder::with_capacity(rows)),
            Repr::Oid => Builder::Oid(UInt32Builder::with_capacity(rows)),
            Repr::Byte => Builder::Byte(UInt8Builder::with_capacity(rows)),
            Repr::Float32 => Builder::Float32(Float32Builder::with_capacity(rows)),
            Repr::Float64 => Builder::Float64(Float64Builder::with_capacity(rows)),
            Repr::Decimal { scale, .. } => {
                Builder::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(decimal_type(scale)), scale)
            }
            Repr::Text => Builder::Text(StringViewBuilder::with_capacity(rows)),
            Repr::Padded => Builder::Padded(StringViewBuilder::with_capacity(rows)),
            Repr::Bytes => Builder::Bytes(BinaryViewBuilder::with_capacity(rows)),
            Repr::Opaque => Builder::Opaque(BinaryViewBuilder::with_capacity(rows), Vec::new()),
        }
    }

    pub(crate) fn append_null(&mut self) {
        match self {
            Builder::Bool(b) => b.append_null(),
            Builder::Int16(b) => b.append_null(),
            Builder::Int32(b) => b.append_null(),
            Builder::Int64(b) => b.append_null(),
            Builder::Oid(b) => b.append_null(),
            Builder::Byte(b) => b.append_null(),
            Builder::Float32(b) => b.append_null(),
            Builder::Float64(b) => b.append_null(),
            Builder::Decimal(b, _) => b.append_null(),
            Builder::Text(b) | Builder::Padded(b) => b.append_null(),
            Builder::Bytes(b) | Builder::Opaque(b, _) => b.append_null(),
        }
    }

    /// Appends a value of the builder's type.
    ///
    /// # Errors
    /// [`crate::error::Inexact`] for a numeric that does not fit; an internal error for a value of another type.
    #[inline]
    pub(crate) fn append(&mut self, value: &Datum) -> Result<()> {
        match (self, value) {
            (this, Datum::Null) => this.append_null(),
            (Builder::Bool(b), Datum::Bool(v)) => b.append_value(*v),
            (Builder::Int16(b), Datum::Int2(v)) => b.append_value(*v),
            (Builder::Int32(b), Datum::Int4(v) | Datum::Date(v)) => b.append_value(*v),
            (Builder::Int64(b), Datum::Int8(v) | Datum::Time(v) | Datum::Timestamp(v) | Datum::Timestamptz(v)) => {
                b.append_value(*v)
            }
            (Builder::Oid(b), Datum::Oid(v)) => b.append_value(*v),
            (Builder::Byte(b), Datum::Char(v)) => b.append_value(*v),
            (Builder::Float32(b), Datum::Float4(v)) => b.append_value(*v),
            (Builder::Float64(b), Datum::Float8(v)) => b.append_value(*v),
            (Builder::Decimal(b, scale), Datum::Numeric(v)) => b.append_value(to_units(v, *scale)?),
            (Builder::Text(b), Datum::Text(v)) => b.try_append_value(v.as_str())?,
            (Builder::Padded(b), Datum::Text(v)) => b.try_append_value(v.as_str().trim_end_matches(' '))?,
            (Builder::Bytes(b), Datum::Bytea(v)) => b.try_append_value(v)?,
            (Builder::Bytes(b), Datum::Uuid(v)) => b.try_append_value(v)?,
            (Builder::Opaque(b, buffer), value) => {
                buffer.clear();
                tagged::encode(value, buffer);
                b.try_append_value(buffer.as_slice())?;
            }
            (_, value) => {
                return Err(DataFusionError::Internal(format!("a column of another type is given {value:?}")));
            }
        }
        Ok(())
    }

    /// Appends one column of stored rows.
    ///
    /// # Errors
    /// As [`Builder::append`], and XX001 for corrupt rows.
    pub(crate) fn append_column(&mut self, rows: &[RowView<'_>], column: usize) -> Result<()> {
        match self {
            Builder::Text(_) | Builder::Padded(_) => {
                for row in rows {
                    match (row.get_str(column).map_err(to_datafusion)?, &mut *self) {
                        (Some(text), Builder::Text(b)) => b.try_append_value(text)?,
                        (Some(text), Builder::Padded(b)) => b.try_append_value(text.trim_end_matches(' '))?,
                        // Null, or a row that is older than the column.
                        (_, other) => other.append(&row.get(column).map_err(to_datafusion)?)?,
                    }
                }
            }
            other => {
                for row in rows {
                    other.append(&row.get(column).map_err(to_datafusion)?)?;
                }
            }
        }
        Ok(())
    }

    /// Appends to a builder of bytes.
    pub(crate) fn append_bytes(&mut self, value: &[u8]) -> Result<()> {
        match self {
            Builder::Bytes(b) | Builder::Opaque(b, _) => Ok(b.try_append_value(value)?),
            _ => Err(DataFusionError::Internal("bytes for a column of another type".into())),
        }
    }

    /// The column; the builder is empty afterwards.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Bool(b) => Arc::new(b.finish()),
            Builder::Int16(b) => Arc::new(b.finish()),
            Builder::Int32(b) => Arc::new(b.finish()),
            Builder::Int64(b) => Arc::new(b.finish()),
            Builder::Oid(b) => Arc::new(b.finish()),
            Builder::Byte(b) => Arc::new(b.finish()),
            Builder::Float32(b) => Arc::new(b.finish()),
            Builder::Float64(b) => Arc::new(b.finish()),
            Builder::Decimal(b, _) => Arc::new(b.finish()),
            Builder::Text(b) | Builder::Padded(b) => Arc::new(b.finish()),
            Builder::Bytes(b) | Builder::Opaque(b, _) => Arc::new(b.finish()),
        }
    }
}

/// Reads the value in row `row` of an array of this shape.
///
/// # Errors
/// An internal error if the array's bytes are not ours.
#[inline]
pub(crate) fn datum_at(array: &dyn Array, shape: Shape, row: usize) -> Result<Datum> {
    if array.is_null(row) {
        return Ok(Datum::Null);
    }
    Ok(match shape.repr {
        Repr::Bool => Datum::Bool(array.as_boolean().value(row)),
        Repr::Int16 => Datum::Int2(array.as_primitive::<Int16Type>().value(row)),
        Repr::Int32 => {
            let value = array.as_primitive::<Int32Type>().value(row);
            if shape.ty.oid == oid::DATE { Datum::Date(value) } else { Datum::Int4(value) }
        }
        Repr::Int64 => {
            let value = array.as_primitive::<Int64Type>().value(row);
            match shape.ty.oid {
                oid::TIME => Datum::Time(value),
                oid::TIMESTAMP => Datum::Timestamp(value),
                oid::TIMESTAMPTZ => Datum::Timestamptz(value),
                _ => Datum::Int8(value),
            }
        }
        Repr::Oid => Datum::Oid(array.as_primitive::<UInt32Type>().value(row)),
        Repr::Byte => Datum::Char(array.as_primitive::<UInt8Type>().value(row)),
        Repr::Float32 => Datum::Float4(array.as_primitive::<Float32Type>().value(row)),
        Repr::Float64 => Datum::Float8(array.as_primitive::<Float64Type>().value(row)),
        Repr::Decimal { scale, .. } => {
            Datum::Numeric(from_units(array.as_primitive::<Decimal128Type>().value(row), scale))
        }
        Repr::Text => Datum::Text(Str::from(array.as_string_view().value(row))),
        Repr::Padded => Datum::Text(pad(array.as_string_view().value(row), shape.ty)),
        Repr::Bytes => {
            let bytes = array.as_binary_view().value(row);
            match <[u8; 16]>::try_from(bytes) {
                Ok(uuid) if shape.ty.oid == oid::UUID => Datum::Uuid(uuid),
                _ => Datum::Bytea(bytes::Bytes::copy_from_slice(bytes)),
            }
        }
        Repr::Opaque => tagged::decode(array.as_binary_view().value(row)).map_err(to_datafusion)?,
    })
}

/// Fills a char(n) up with blanks.
fn pad(text: &str, ty: SqlType) -> Str {
    let limit = ty.char_limit().unwrap_or(0);
    let length = if text.is_ascii() { text.len() } else { text.chars().count() };
    if length >= limit {
        return Str::from(text);
    }
    let mut padded = String::with_capacity(text.len() + limit - length);
    padded.push_str(text);
    padded.extend(std::iter::repeat_n(' ', limit - length));
    Str::from(padded)
}

#[cfg(test)]
mod tests {
    use types::{Interval, oid};

    use super::*;

    fn round_trip(ty: SqlType, values: &[Datum]) {
        let shape = Shape::of(ty, true);
        let mut builder = Builder::new(shape, values.len());
        for value in values {
            builder.append(value).expect("the value has the column's type");
        }
        let array = builder.finish();
        assert_eq!(array.data_type(), &shape.arrow());
        for (row, value) in values.iter().enumerate() {
            let read = datum_at(&array, shape, row).expect("the array is ours");
            // Equality of datums does not see scale or sign of zero; their debug form does.
            assert_eq!(format!("{read:?}"), format!("{value:?}"));
        }
    }

    #[test]
    fn nothing_is_lost() {
        let number = |text: &str| Datum::Numeric(Numeric::parse(text).expect("a number"));
        round_trip(SqlType::BOOL, &[Datum::Bool(true), Datum::Null, Datum::Bool(false)]);
        round_trip(SqlType::INT2, &[Datum::Int2(i16::MIN), Datum::Null]);
        round_trip(SqlType::DATE, &[Datum::Date(i32::MAX), Datum::Date(-1)]);
        round_trip(SqlType::TIMESTAMPTZ, &[Datum::Timestamptz(i64::MIN)]);
        round_trip(SqlType::FLOAT8, &[Datum::Float8(-0.0), Datum::Float8(f64::NAN)]);
        round_trip(SqlType::numeric(15, 2), &[number("-12.30"), number("NaN"), Datum::Null]);
        round_trip(SqlType::NUMERIC, &[number("1.0"), number("1.00"), number("1e60"), number("-Infinity")]);
        round_trip(SqlType::bpchar(5), &[Datum::text("ab   "), Datum::text("äöü  "), Datum::text("     ")]);
        round_trip(SqlType::BPCHAR, &[Datum::text("ab "), Datum::text("")]);
        round_trip(SqlType::UUID, &[Datum::Uuid([7; 16])]);
        round_trip(SqlType::BYTEA, &[Datum::Bytea(bytes::Bytes::from_static(&[1; 16]))]);
        round_trip(SqlType::REGCLASS, &[Datum::Oid(1259)]);
        round_trip(SqlType::INTERVAL, &[Datum::Interval(Interval { months: 1, days: -2, micros: 3 })]);
        round_trip(SqlType::INT4_ARRAY, &[Datum::array(oid::INT4, vec![Datum::Int4(1), Datum::Null])]);
    }

    #[test]
    fn a_numeric_of_another_scale_does_not_fit() {
        let mut builder = Builder::new(Shape::of(SqlType::numeric(15, 2), true), 1);
        let number = Datum::Numeric(Numeric::parse("1.5").expect("a number"));
        let error = builder.append(&number).expect_err("the scale is not 2");
        assert!(matches!(crate::error::classify(&error), crate::error::Failure::Inexact));
    }

    #[test]
    fn constants_have_the_form_of_their_digits() {
        let number = Datum::Numeric(Numeric::parse("0.05").expect("a number"));
        let shape = Shape::of_constant(&number, SqlType::NUMERIC, true);
        assert_eq!(shape.repr, Repr::Decimal { digits: 2, scale: 2 });
        assert_eq!(Shape::of_constant(&number, SqlType::NUMERIC, false).repr, Repr::Opaque);
    }
}
