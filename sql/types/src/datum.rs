//! [`Datum`]: one SQL value in memory.
//!
//! A datum knows its representation, not its SQL type: `Text` serves text, varchar, char(n), name and json, `Oid` serves
//! oid, xid and the reg* types, `Int8` serves int8, xid8 and pg_lsn. Code that must tell them apart is given the
//! [`SqlType`](crate::SqlType) beside the value.
//!
//! Clones are cheap: long values are behind reference counts.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use crate::function::{RESULT_BYTES_MAX, compare_padded};
use crate::json::Jsonb;
use crate::keycode::unpadded;
use crate::numeric::Numeric;
use crate::row::Repr;
use crate::sqltype::{SqlType, oid};
use crate::tid::Tid;

/// What the counts of references take that stand before the bytes of a shared value.
pub(crate) const COUNTS_BYTES: usize = 2 * size_of::<usize>();

/// An immutable UTF-8 string that is cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(Arc<str>);

impl Str {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Str {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Str {
        Str(Arc::from(text))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Str {
        Str(Arc::from(text))
    }
}

impl From<Arc<str>> for Str {
    fn from(text: Arc<str>) -> Str {
        Str(text)
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A span of time in PostgreSQL's three independent parts.
///
/// `PartialEq` is by parts; [`Interval::compare`] is SQL's comparison, which takes a month for 30 days and a day for 24
/// hours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

impl Interval {
    /// Microseconds with a month of 30 days and a day of 24 hours.
    pub fn span(self) -> i128 {
        let days = i128::from(self.months) * 30 + i128::from(self.days);
        days * 86_400_000_000 + i128::from(self.micros)
    }

    pub fn compare(self, other: Interval) -> Ordering {
        self.span().cmp(&other.span())
    }

    /// Field by field; `None` when one is out of range.
    pub(crate) fn checked_add(self, other: Interval) -> Option<Interval> {
        Some(Interval {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            micros: self.micros.checked_add(other.micros)?,
        })
    }

    /// As [`Interval::checked_add`].
    pub(crate) fn checked_sub(self, other: Interval) -> Option<Interval> {
        Some(Interval {
            months: self.months.checked_sub(other.months)?,
            days: self.days.checked_sub(other.days)?,
            micros: self.micros.checked_sub(other.micros)?,
        })
    }

    /// As [`Interval::checked_add`].
    pub(crate) fn checked_neg(self) -> Option<Interval> {
        Interval::default().checked_sub(self)
    }
}

/// An array: a rectangular block of elements in row-major order.
#[derive(Clone, Debug)]
pub struct ArrayValue {
    /// The oid of the element type.
    pub element: u32,
    /// Elements along each dimension; empty for an empty array.
    pub dims: Vec<i32>,
    /// The first subscript of each dimension, 1 unless said otherwise.
    pub lower_bounds: Vec<i32>,
    pub elements: Vec<Datum>,
}

impl ArrayValue {
    /// A one-dimensional array from subscript 1, or the empty array.
    pub fn from_elements(element: u32, elements: Vec<Datum>) -> ArrayValue {
        if elements.is_empty() {
            return ArrayValue { element, dims: Vec::new(), lower_bounds: Vec::new(), elements };
        }
        ArrayValue { element, dims: vec![elements.len() as i32], lower_bounds: vec![1], elements }
    }

    /// Whether the dimensions hold exactly the elements and every subscript, and the one past the last, is an int4.
    pub(crate) fn is_consistent(&self) -> bool {
        let count = self.dims.iter().try_fold(1usize, |n, size| n.checked_mul(usize::try_from(*size).ok()?));
        let expected = if self.dims.is_empty() { Some(0) } else { count };
        self.dims.len() == self.lower_bounds.len()
            && expected == Some(self.elements.len())
            && self.dims.iter().zip(&self.lower_bounds).all(|(size, lower)| lower.checked_add(*size).is_some())
    }

    /// Whether nothing is behind the elements, whatever their values.
    pub(crate) fn has_fixed_elements(&self) -> bool {
        Repr::of(SqlType::of(self.element)).width().is_some()
    }

    /// The estimated bytes of memory that it takes.
    fn bytes(&self) -> usize {
        let elements = match self.has_fixed_elements() {
            true => size_of_val(&self.elements[..]),
            false => parts_bytes(&self.elements),
        };
        size_of::<ArrayValue>() + size_of_val(&self.dims[..]) + size_of_val(&self.lower_bounds[..]) + elements
    }

    /// An int2vector or oidvector: one dimension from subscript 0.
    pub fn vector(element: u32, elements: Vec<Datum>) -> ArrayValue {
        ArrayValue { element, dims: vec![elements.len() as i32], lower_bounds: vec![0], elements }
    }

    /// The element at these subscripts, `None` outside the bounds or with the wrong number of subscripts.
    pub fn get(&self, subscripts: &[i32]) -> Option<&Datum> {
        if subscripts.len() != self.dims.len() || subscripts.is_empty() {
            return None;
        }
        let mut at = 0usize;
        for (i, subscript) in subscripts.iter().enumerate() {
            let offset = i64::from(*subscript) - i64::from(self.lower_bounds[i]);
            if offset < 0 || offset >= i64::from(self.dims[i]) {
                return None;
            }
            at = at * self.dims[i] as usize + offset as usize;
        }
        self.elements.get(at)
    }

    /// The order of two values as elements of this array: of char(n) the blanks at the end do not count.
    pub(crate) fn compare_elements(&self, left: &Datum, right: &Datum) -> Ordering {
        match (left, right) {
            (Datum::Text(left), Datum::Text(right)) if self.is_padded() => compare_padded(left, right),
            _ => left.compare(right),
        }
    }

    /// Whether it is of char(n).
    fn is_padded(&self) -> bool {
        self.element == oid::BPCHAR
    }

    /// PostgreSQL's array order: element by element, then length, then dimensions, then lower bounds.
    pub fn compare(&self, other: &ArrayValue) -> Ordering {
        let of_one_kind = self.is_padded() == other.is_padded();
        for (left, right) in self.elements.iter().zip(&other.elements) {
            let order = match (left, right) {
                // In records anything may meet, and what is sorted needs an order.
                (Datum::Text(_), Datum::Text(_)) if !of_one_kind => self.is_padded().cmp(&other.is_padded()),
                _ => self.compare_elements(left, right),
            };
            match order {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        self.elements
            .len()
            .cmp(&other.elements.len())
            .then_with(|| self.dims.len().cmp(&other.dims.len()))
            .then_with(|| self.dims.cmp(&other.dims))
            .then_with(|| self.lower_bounds.cmp(&other.lower_bounds))
    }
}

/// One SQL value.
#[derive(Clone, Debug)]
pub enum Datum {
    Null,
    Bool(bool),
    Int2(i16),
    Int4(i32),
    /// int8, xid8, pg_lsn (the latter two not negative).
    Int8(i64),
    Float4(f32),
    Float8(f64),
    Numeric(Numeric),
    /// text, varchar, char(n) with its padding, name, json, aclitem.
    Text(Str),
    /// char(n) as a field of a record, whose fields have no types beside them: it is compared without its padding. Everywhere
    /// else it is a [`Datum::Text`]: see [`Datum::into_field`].
    Padded(Str),
    Bytea(Bytes),
    /// Days since 2000-01-01; `i32::MIN` and `i32::MAX` are -infinity and infinity.
    Date(i32),
    /// Microseconds since midnight, 0 to 86,400,000,000 inclusive.
    Time(i64),
    /// Microseconds since 2000-01-01 00:00 local; `i64::MIN` and `i64::MAX` are -infinity and infinity.
    Timestamp(i64),
    /// Microseconds since 2000-01-01 00:00 UTC; infinities as for `Timestamp`.
    Timestamptz(i64),
    Interval(Interval),
    /// oid, xid, cid and the reg* types.
    Oid(u32),
    /// The one-byte type `"char"`.
    Char(u8),
    Uuid([u8; 16]),
    Tid(Tid),
    Array(Arc<ArrayValue>),
    Record(Arc<[Datum]>),
    Jsonb(Jsonb),
}

/// PostgreSQL's float order: NaN above everything and equal to itself, -0 equal to 0.
pub(crate) fn compare_floats(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

impl Datum {
    /// A text datum.
    pub fn text(text: &str) -> Datum {
        Datum::Text(Str::from(text))
    }

    /// A one-dimensional array of the given element type.
    pub fn array(element: u32, elements: Vec<Datum>) -> Datum {
        Datum::Array(Arc::new(ArrayValue::from_elements(element, elements)))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Datum::Null)
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Datum::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of an int2, int4, int8 or oid.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Datum::Int2(value) => Some(i64::from(*value)),
            Datum::Int4(value) => Some(i64::from(*value)),
            Datum::Int8(value) => Some(*value),
            Datum::Oid(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Datum::Float4(value) => Some(f64::from(*value)),
            Datum::Float8(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Datum::Text(value) => Some(value),
            _ => None,
        }
    }

    /// A value of this type as a field of a record.
    #[must_use]
    pub fn into_field(self, ty: SqlType) -> Datum {
        match self {
            Datum::Text(text) if ty.oid == oid::BPCHAR => Datum::Padded(text),
            value => value,
        }
    }

    /// A field of a record as a value by itself.
    #[must_use]
    pub fn from_field(field: &Datum) -> Datum {
        match field {
            Datum::Padded(text) => Datum::Text(text.clone()),
            field => field.clone(),
        }
    }

    pub fn as_array(&self) -> Option<&Arc<ArrayValue>> {
        match self {
            Datum::Array(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_oid(&self) -> Option<u32> {
        match self {
            Datum::Oid(value) => Some(*value),
            _ => None,
        }
    }

    /// The estimated bytes of memory behind the value, beside the datum itself; those that it shares with others, too.
    /// Of what is more than a value can be, no more is counted than shows that it is.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Datum::Null
            | Datum::Bool(_)
            | Datum::Int2(_)
            | Datum::Int4(_)
            | Datum::Int8(_)
            | Datum::Float4(_)
            | Datum::Float8(_)
            | Datum::Date(_)
            | Datum::Time(_)
            | Datum::Timestamp(_)
            | Datum::Timestamptz(_)
            | Datum::Interval(_)
            | Datum::Oid(_)
            | Datum::Char(_)
            | Datum::Uuid(_)
            | Datum::Tid(_) => 0,
            Datum::Numeric(number) => number.heap_bytes(),
            Datum::Text(text) | Datum::Padded(text) => COUNTS_BYTES + text.len(),
            Datum::Jsonb(value) => COUNTS_BYTES + value.as_str().len(),
            // The counts are in a piece of memory of their own.
            Datum::Bytea(bytes) => 2 * COUNTS_BYTES + bytes.len(),
            Datum::Array(array) => COUNTS_BYTES + array.bytes(),
            Datum::Record(fields) => COUNTS_BYTES + parts_bytes(fields),
        }
    }

    /// A total order, PostgreSQL's for values of one type: NaN above all numbers, -0 equal to 0, text by bytes, null
    /// above everything (as NULLS LAST sorts).
    ///
    /// Integers of different widths compare by value, as do floats, and dates with timestamps are *not* mixed: values of
    /// different kinds order by kind, which is arbitrary but stable. Trailing blanks of char(n) count here, but in
    /// arrays and records; the operators of char(n) trim them first.
    pub fn compare(&self, other: &Datum) -> Ordering {
        use Datum::*;
        match (self, other) {
            (Int4(a), Int4(b)) => a.cmp(b),
            (Int8(a), Int8(b)) => a.cmp(b),
            (Text(a), Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Padded(a), Padded(b)) => compare_padded(a, b),
            (Numeric(a), Numeric(b)) => a.compare(b),
            (Float8(a), Float8(b)) => compare_floats(*a, *b),
            (Bool(a), Bool(b)) => a.cmp(b),
            (Bytea(a), Bytea(b)) => a.cmp(b),
            (Date(a), Date(b)) => a.cmp(b),
            (Time(a), Time(b)) | (Timestamp(a), Timestamp(b)) | (Timestamptz(a), Timestamptz(b)) => a.cmp(b),
            (Interval(a), Interval(b)) => a.compare(*b),
            (Oid(a), Oid(b)) => a.cmp(b),
            (Char(a), Char(b)) => a.cmp(b),
            (Uuid(a), Uuid(b)) => a.cmp(b),
            (Tid(a), Tid(b)) => a.cmp(b),
            (Array(a), Array(b)) => a.compare(b),
            (Record(a), Record(b)) => compare_records(a, b),
            (Jsonb(a), Jsonb(b)) => a.compare(b),
            (Int2(_) | Int4(_) | Int8(_), Int2(_) | Int4(_) | Int8(_)) => self.as_i64().cmp(&other.as_i64()),
            (Float4(_) | Float8(_), Float4(_) | Float8(_)) => {
                compare_floats(self.as_f64().unwrap_or(f64::NAN), other.as_f64().unwrap_or(f64::NAN))
            }
            _ => self.kind().cmp(&other.kind()),
        }
    }

    /// The rank of this kind of value among the others; null comes last.
    fn kind(&self) -> u8 {
        match self {
            Datum::Bool(_) => 1,
            Datum::Int2(_) | Datum::Int4(_) | Datum::Int8(_) => 2,
            Datum::Float4(_) | Datum::Float8(_) => 3,
            Datum::Numeric(_) => 4,
            Datum::Text(_) => 5,
            Datum::Bytea(_) => 6,
            Datum::Date(_) => 7,
            Datum::Time(_) => 8,
            Datum::Timestamp(_) => 9,
            Datum::Timestamptz(_) => 10,
            Datum::Interval(_) => 11,
            Datum::Oid(_) => 12,
            Datum::Char(_) => 13,
            Datum::Uuid(_) => 14,
            Datum::Array(_) => 15,
            Datum::Record(_) => 16,
            Datum::Jsonb(_) => 17,
            Datum::Tid(_) => 18,
            Datum::Padded(_) => 19,
            Datum::Null => 255,
        }
    }
}

/// What the elements of an array or the fields of a record take.
fn parts_bytes(parts: &[Datum]) -> usize {
    let mut total = size_of_val(parts);
    for part in parts {
        if total > RESULT_BYTES_MAX {
            break;
        }
        total += part.heap_bytes();
    }
    total
}

fn compare_records(left: &[Datum], right: &[Datum]) -> Ordering {
    for (a, b) in left.iter().zip(right) {
        match a.compare(b) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    left.len().cmp(&right.len())
}

/// Equality as [`Datum::compare`] has it: nulls equal each other. SQL's three-valued `=` is the operator's business.
impl PartialEq for Datum {
    fn eq(&self, other: &Datum) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

impl Eq for Datum {}

/// Values that are equal hash alike: integers of all widths, -0 and 0, all NaNs, 1.0 and 1.00, a month and 30 days, and
/// char(n) in arrays and records whatever the blanks at its end.
impl Hash for Datum {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind().hash(state);
        match self {
            Datum::Null => {}
            Datum::Bool(value) => value.hash(state),
            Datum::Int2(_) | Datum::Int4(_) | Datum::Int8(_) => self.as_i64().hash(state),
            Datum::Float4(_) | Datum::Float8(_) => {
                let value = self.as_f64().unwrap_or(f64::NAN);
                let bits = if value.is_nan() { f64::NAN.abs().to_bits() } else { (value + 0.0).to_bits() };
                bits.hash(state);
            }
            Datum::Numeric(value) => value.hash(state),
            Datum::Text(value) => value.hash(state),
            Datum::Padded(value) => unpadded(value).hash(state),
            Datum::Bytea(value) => value.hash(state),
            Datum::Date(value) => value.hash(state),
            Datum::Time(value) | Datum::Timestamp(value) | Datum::Timestamptz(value) => value.hash(state),
            Datum::Interval(value) => value.span().hash(state),
            Datum::Oid(value) => value.hash(state),
            Datum::Char(value) => value.hash(state),
            Datum::Uuid(value) => value.hash(state),
            Datum::Tid(value) => value.hash(state),
            Datum::Array(value) => {
                for element in &value.elements {
                    match element {
                        Datum::Text(text) if value.is_padded() => unpadded(text).hash(state),
                        element => element.hash(state),
                    }
                }
            }
            Datum::Record(fields) => fields.hash(state),
            Datum::Jsonb(value) => value.hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_odd_values() {
        assert_eq!(Datum::Float8(f64::NAN).compare(&Datum::Float8(f64::INFINITY)), Ordering::Greater);
        assert_eq!(Datum::Float8(f64::NAN).compare(&Datum::Float8(f64::NAN)), Ordering::Equal);
        assert_eq!(Datum::Float8(-0.0).compare(&Datum::Float8(0.0)), Ordering::Equal);
        assert_eq!(Datum::Null.compare(&Datum::text("z")), Ordering::Greater);
        assert_eq!(Datum::Int2(3).compare(&Datum::Int8(3)), Ordering::Equal);
        let month = Interval { months: 1, days: 0, micros: 0 };
        let days = Interval { months: 0, days: 30, micros: 0 };
        assert_eq!(Datum::Interval(month).compare(&Datum::Interval(days)), Ordering::Equal);
        let chars = Datum::array(oid::BPCHAR, vec![Datum::text("a ")]);
        for text in ["a", "a ", "b"] {
            let texts = Datum::array(oid::TEXT, vec![Datum::text(text)]);
            assert_eq!((chars.compare(&texts), texts.compare(&chars)), (Ordering::Greater, Ordering::Less));
        }
    }

    #[test]
    fn a_datum_stays_small() {
        assert!(size_of::<Datum>() <= 40, "a row of datums is copied on the hot path");
    }

    #[test]
    fn memory_behind_a_value_is_counted() {
        let number = Datum::Numeric(Numeric::parse(&"9".repeat(100_000)).expect("a number"));
        // 3.32 bits a digit.
        assert!((41_500..42_000).contains(&number.heap_bytes()), "{}", number.heap_bytes());
        assert_eq!(Datum::Numeric(Numeric::ONE).heap_bytes(), 0);
        assert_eq!(Datum::Interval(Interval::default()).heap_bytes(), 0);
        let numbers = Datum::array(crate::oid::NUMERIC, vec![number.clone(); 10]);
        assert!((415_000..425_000).contains(&numbers.heap_bytes()), "{}", numbers.heap_bytes());
        let record = Datum::Record(vec![numbers, Datum::text(&"x".repeat(1000)), Datum::Null].into());
        assert!((416_000..426_000).contains(&record.heap_bytes()), "{}", record.heap_bytes());
        let integers = Datum::array(crate::oid::INT4, vec![Datum::Int4(1); 1000]);
        assert_eq!(integers.heap_bytes() / 1000, size_of::<Datum>());
    }

    #[test]
    fn array_subscripts() {
        let array = ArrayValue {
            element: 23,
            dims: vec![2, 2],
            lower_bounds: vec![0, 1],
            elements: (1..=4).map(Datum::Int4).collect(),
        };
        assert_eq!(array.get(&[1, 1]), Some(&Datum::Int4(3)));
        assert_eq!(array.get(&[2, 1]), None);
        assert_eq!(array.get(&[1]), None);
    }
}
