//! Counts, sums, averages, extremes and collections.

use std::sync::Arc;

use super::Accumulator;
use crate::array_io::{DIMENSIONS_MAX, ELEMENTS_MAX, too_many_dimensions, too_many_elements};
use crate::datum::{ArrayValue, Datum, Interval};
use crate::error::{Error, Result, SqlState};
use crate::function::{RESULT_BYTES_MAX, out_of_range, too_long};
use crate::numeric::Numeric;
use crate::settings::Settings;
use crate::sqltype::{SqlType, oid};
use crate::text_io::natural_type;

/// `count(*)` and `count(any)`.
#[derive(Default)]
pub(super) struct Count(i64);

impl Accumulator for Count {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        self.0 += i64::from(args.first().is_none_or(|value| !value.is_null()));
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(Datum::Int8(self.0))
    }
}

fn integer(value: &Datum) -> Result<i64> {
    value.as_i64().ok_or_else(|| Error::internal(format!("an integer aggregate met {value:?}")))
}

/// sum(int2) and sum(int4): a bigint.
#[derive(Default)]
pub(super) struct IntegerSum(Option<i64>);

impl Accumulator for IntegerSum {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if !args[0].is_null() {
            let sum = self.0.unwrap_or(0).checked_add(integer(&args[0])?);
            self.0 = Some(sum.ok_or_else(|| out_of_range("bigint"))?);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(self.0.map_or(Datum::Null, Datum::Int8))
    }
}

/// sum(int8): a numeric. An i128 holds 2^64 addends.
#[derive(Default)]
pub(super) struct WideSum(Option<i128>);

impl Accumulator for WideSum {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if !args[0].is_null() {
            self.0 = Some(self.0.unwrap_or(0) + i128::from(integer(&args[0])?));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(self.0.map_or(Datum::Null, |sum| Datum::Numeric(Numeric::from_i128(sum, 0))))
    }
}

/// avg of integers: a numeric.
#[derive(Default)]
pub(super) struct IntegerAverage {
    sum: i128,
    count: i64,
}

impl Accumulator for IntegerAverage {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if !args[0].is_null() {
            self.sum += i128::from(integer(&args[0])?);
            self.count += 1;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        if self.count == 0 {
            return Ok(Datum::Null);
        }
        Numeric::from_i128(self.sum, 0).div(&Numeric::from(self.count)).map(Datum::Numeric)
    }
}

/// A running decimal sum: in 128 bits at one scale as long as that works.
#[derive(Default)]
pub(super) struct DecimalTotal {
    fast: i128,
    fast_scale: u16,
    /// What did not fit the fast sum.
    slow: Option<Numeric>,
    pub(super) count: i64,
}

impl DecimalTotal {
    pub(super) fn add(&mut self, value: &Numeric) -> Result<()> {
        self.count += 1;
        if let Some((unscaled, scale)) = value.as_small()
            && scale <= 18
            && let Some((sum, top)) = self.fast_sum(unscaled, scale)
        {
            (self.fast, self.fast_scale) = (sum, top);
            return Ok(());
        }
        self.slow = Some(match &self.slow {
            Some(slow) => slow.add(value)?,
            None => value.clone(),
        });
        Ok(())
    }

    fn fast_sum(&self, unscaled: i64, scale: u16) -> Option<(i128, u16)> {
        if scale == self.fast_scale {
            return Some((self.fast.checked_add(i128::from(unscaled))?, scale));
        }
        let top = scale.max(self.fast_scale);
        let widen = |value: i128, from: u16| value.checked_mul(10i128.pow(u32::from(top - from)));
        Some((widen(self.fast, self.fast_scale)?.checked_add(widen(i128::from(unscaled), scale)?)?, top))
    }

    pub(super) fn total(&self) -> Result<Numeric> {
        let fast = Numeric::from_i128(self.fast, self.fast_scale);
        match &self.slow {
            Some(slow) => slow.add(&fast),
            None => Ok(fast),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.slow.as_ref().map_or(0, Numeric::heap_bytes)
    }
}

pub(super) fn decimal(value: &Datum) -> Result<&Numeric> {
    match value {
        Datum::Numeric(value) => Ok(value),
        other => Err(Error::internal(format!("a numeric aggregate met {other:?}"))),
    }
}

/// sum(numeric).
#[derive(Default)]
pub(super) struct NumericSum(DecimalTotal);

impl Accumulator for NumericSum {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if args[0].is_null() { Ok(()) } else { self.0.add(decimal(&args[0])?) }
    }

    fn finish(&mut self) -> Result<Datum> {
        if self.0.count == 0 { Ok(Datum::Null) } else { self.0.total().map(Datum::Numeric) }
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

/// avg(numeric).
#[derive(Default)]
pub(super) struct NumericAverage(DecimalTotal);

impl Accumulator for NumericAverage {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if args[0].is_null() { Ok(()) } else { self.0.add(decimal(&args[0])?) }
    }

    fn finish(&mut self) -> Result<Datum> {
        if self.0.count == 0 {
            return Ok(Datum::Null);
        }
        self.0.total()?.div(&Numeric::from(self.0.count)).map(Datum::Numeric)
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

pub(super) fn float(value: &Datum) -> Result<f64> {
    value.as_f64().ok_or_else(|| Error::internal(format!("a float aggregate met {value:?}")))
}

/// sum of floats, in the width of the argument.
#[derive(Default)]
pub(super) struct FloatSum(Option<Datum>);

impl Accumulator for FloatSum {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let sum = match (&self.0, &args[0]) {
            (_, Datum::Null) => return Ok(()),
            (None, first) => first.clone(),
            (Some(Datum::Float4(sum)), Datum::Float4(value)) => Datum::Float4(sum + value),
            (Some(sum), value) => Datum::Float8(float(sum)? + float(value)?),
        };
        let finite_before = self.0.as_ref().and_then(Datum::as_f64).is_none_or(f64::is_finite);
        if float(&sum)?.is_infinite() && finite_before && float(&args[0])?.is_finite() {
            return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow"));
        }
        self.0 = Some(sum);
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(self.0.clone().unwrap_or(Datum::Null))
    }
}

/// sum(interval), and avg(interval) when `AVERAGE`.
#[derive(Default)]
pub(super) struct IntervalSum<const AVERAGE: bool> {
    sum: Interval,
    count: i64,
}

impl<const AVERAGE: bool> Accumulator for IntervalSum<AVERAGE> {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let Datum::Interval(value) = &args[0] else { return Ok(()) };
        let overflow = || Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range");
        self.sum = Interval {
            months: self.sum.months.checked_add(value.months).ok_or_else(overflow)?,
            days: self.sum.days.checked_add(value.days).ok_or_else(overflow)?,
            micros: self.sum.micros.checked_add(value.micros).ok_or_else(overflow)?,
        };
        self.count += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        if self.count == 0 {
            return Ok(Datum::Null);
        }
        if AVERAGE {
            let count = self.count as f64;
            crate::function::scaled_interval(self.sum, |part| part / count)
        } else {
            Ok(Datum::Interval(self.sum))
        }
    }
}

/// min, and max when `LARGEST`.
#[derive(Default)]
pub(super) struct Extreme<const LARGEST: bool> {
    best: Option<Datum>,
    /// What is behind it.
    bytes: usize,
}

impl<const LARGEST: bool> Accumulator for Extreme<LARGEST> {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let value = &args[0];
        let better = |best: &Datum| if LARGEST { value.compare(best).is_gt() } else { value.compare(best).is_lt() };
        if !value.is_null() && self.best.as_ref().is_none_or(better) {
            self.bytes = value.heap_bytes();
            self.best = Some(value.clone());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(self.best.clone().unwrap_or(Datum::Null))
    }

    fn size(&self) -> usize {
        self.bytes
    }
}

/// min and max of char(n), which compares without trailing blanks.
#[derive(Default)]
pub(super) struct PaddedExtreme<const LARGEST: bool>(Option<Datum>);

impl<const LARGEST: bool> Accumulator for PaddedExtreme<LARGEST> {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let Some(value) = args[0].as_str() else { return Ok(()) };
        let better = |best: &Datum| {
            let order = crate::function::compare_padded(value, best.as_str().unwrap_or(""));
            if LARGEST { order.is_gt() } else { order.is_lt() }
        };
        if self.0.as_ref().is_none_or(better) {
            self.0 = Some(args[0].clone());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(self.0.clone().unwrap_or(Datum::Null))
    }

    fn size(&self) -> usize {
        self.0.as_ref().map_or(0, Datum::heap_bytes)
    }
}

/// bool_and and every, and bool_or unless `ALL`.
#[derive(Default)]
pub(super) struct Every<const ALL: bool>(Option<bool>);

impl<const ALL: bool> Accumulator for Every<ALL> {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if let Datum::Bool(value) = args[0] {
            let before = self.0.unwrap_or(ALL);
            self.0 = Some(if ALL { before && value } else { before || value });
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(self.0.map_or(Datum::Null, Datum::Bool))
    }
}

/// bit_and (`&`), bit_or (`|`) and bit_xor (`#`).
#[derive(Default)]
pub(super) struct Bits<const OPERATOR: char>(Option<Datum>);

impl<const OPERATOR: char> Accumulator for Bits<OPERATOR> {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let combine = |a: i64, b: i64| match OPERATOR {
            '&' => a & b,
            '|' => a | b,
            _ => a ^ b,
        };
        self.0 = match (&self.0, &args[0]) {
            (_, Datum::Null) => return Ok(()),
            (None, first) => Some(first.clone()),
            (Some(Datum::Int2(a)), Datum::Int2(b)) => Some(Datum::Int2(combine(i64::from(*a), i64::from(*b)) as i16)),
            (Some(Datum::Int4(a)), Datum::Int4(b)) => Some(Datum::Int4(combine(i64::from(*a), i64::from(*b)) as i32)),
            (Some(a), b) => Some(Datum::Int8(combine(integer(a)?, integer(b)?))),
        };
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(self.0.clone().unwrap_or(Datum::Null))
    }
}

/// string_agg over text or bytea: each value after the first brings its own separator.
#[derive(Default)]
pub(super) struct Joined {
    bytes: Vec<u8>,
    is_text: bool,
    started: bool,
}

impl Accumulator for Joined {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        fn bytes_of(value: &Datum) -> &[u8] {
            match value {
                Datum::Text(text) => text.as_bytes(),
                Datum::Bytea(bytes) => bytes,
                _ => &[],
            }
        }
        if args[0].is_null() {
            return Ok(());
        }
        self.is_text = matches!(args[0], Datum::Text(_));
        if self.started {
            self.bytes.extend_from_slice(args.get(1).map_or(&[], bytes_of));
        }
        self.started = true;
        self.bytes.extend_from_slice(bytes_of(&args[0]));
        if self.bytes.len() > RESULT_BYTES_MAX { Err(too_long()) } else { Ok(()) }
    }

    fn finish(&mut self) -> Result<Datum> {
        if !self.started {
            return Ok(Datum::Null);
        }
        if !self.is_text {
            return Ok(Datum::Bytea(self.bytes.clone().into()));
        }
        let text = std::str::from_utf8(&self.bytes).map_err(|_| Error::internal("text parts joined to no text"))?;
        Ok(Datum::text(text))
    }

    fn size(&self) -> usize {
        self.bytes.capacity()
    }
}

/// array_agg of elements, nulls included.
#[derive(Default)]
pub(super) struct Gathered {
    element: Option<u32>,
    values: Vec<Datum>,
    bytes: usize,
}

impl Accumulator for Gathered {
    fn bind(&mut self, arg_types: &[SqlType], _settings: &Settings) {
        self.element = arg_types.first().map(|ty| ty.oid);
    }

    fn add(&mut self, args: &[Datum]) -> Result<()> {
        self.bytes += size_of::<Datum>() + args[0].heap_bytes();
        self.values.push(args[0].clone());
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        if self.values.is_empty() {
            return Ok(Datum::Null);
        }
        let seen = self.values.iter().find(|value| !value.is_null()).map(|value| natural_type(value).oid);
        let element = self.element.or(seen).unwrap_or(oid::TEXT);
        Ok(Datum::array(element, self.values.clone()))
    }

    fn size(&self) -> usize {
        self.bytes
    }
}

/// array_agg of arrays, which become one of a dimension more.
#[derive(Default)]
pub(super) struct GatheredArrays {
    whole: Option<ArrayValue>,
    bytes: usize,
}

impl Accumulator for GatheredArrays {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let refused = |message: &str| Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
        let Datum::Array(array) = &args[0] else {
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "cannot accumulate null arrays"));
        };
        match &self.whole {
            Some(whole) if whole.dims[1..] != array.dims || whole.lower_bounds[1..] != array.lower_bounds => {
                return refused("cannot accumulate arrays of different dimensionality");
            }
            Some(_) => {}
            None if array.dims.is_empty() => return refused("cannot accumulate empty arrays"),
            None if array.dims.len() == DIMENSIONS_MAX => return Err(too_many_dimensions(DIMENSIONS_MAX + 1)),
            None => {}
        }
        let whole = self.whole.get_or_insert_with(|| ArrayValue {
            element: array.element,
            dims: [0].into_iter().chain(array.dims.iter().copied()).collect(),
            lower_bounds: [1].into_iter().chain(array.lower_bounds.iter().copied()).collect(),
            elements: Vec::new(),
        });
        if whole.elements.len() + array.elements.len() > ELEMENTS_MAX {
            return Err(too_many_elements());
        }
        self.bytes += size_of::<Datum>() + args[0].heap_bytes();
        whole.elements.extend(array.elements.iter().cloned());
        whole.dims[0] += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<Datum> {
        Ok(self.whole.clone().map_or(Datum::Null, |whole| Datum::Array(Arc::new(whole))))
    }

    fn size(&self) -> usize {
        self.bytes
    }
}

/// The array of the arrays of a subquery, empty without any.
///
/// # Errors
/// As `array_agg`: 22004 for a null, 2202E where dimensions differ, 54000 too many.
pub fn array_of_arrays<'a>(arrays: impl Iterator<Item = &'a Datum>, element: u32) -> Result<Datum> {
    let mut gathered = GatheredArrays::default();
    for array in arrays {
        gathered.add(std::slice::from_ref(array))?;
    }
    let whole = gathered.whole.unwrap_or_else(|| ArrayValue::from_elements(element, Vec::new()));
    Ok(Datum::Array(Arc::new(whole)))
}
