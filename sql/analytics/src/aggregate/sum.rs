//! Sums.

use std::marker::PhantomData;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use types::{Error, SqlState};

use super::each_row;
use crate::error::to_datafusion;
use crate::kernel::add_units;

/// How values of one type are added up in another.
pub(super) trait Summand<S: ArrowPrimitiveType>: ArrowPrimitiveType + Send {
    /// What every value added to is itself: among floats this is -0, for a sum of nothing but -0 is -0.
    const NOTHING: S::Native;

    fn add(sum: S::Native, value: Self::Native) -> Result<S::Native>;

    /// Whether the sum and the number of values are all that an average of such values takes.
    #[inline]
    fn is_averaged_by_sum(_value: Self::Native) -> bool {
        true
    }
}

/// Up to here the squares of a float8's distances from any mean do not overflow, nor does the sum of them over 10^12 rows.
const SQUARED_MAX: f64 = 1e140;

fn out_of_range(message: &'static str) -> datafusion::error::DataFusionError {
    to_datafusion(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message))
}

impl Summand<Int64Type> for Int16Type {
    const NOTHING: i64 = 0;

    #[inline]
    fn add(sum: i64, value: i16) -> Result<i64> {
        sum.checked_add(i64::from(value)).ok_or_else(|| out_of_range("bigint out of range"))
    }
}

impl Summand<Int64Type> for Int32Type {
    const NOTHING: i64 = 0;

    #[inline]
    fn add(sum: i64, value: i32) -> Result<i64> {
        sum.checked_add(i64::from(value)).ok_or_else(|| out_of_range("bigint out of range"))
    }
}

impl Summand<Int64Type> for Int64Type {
    const NOTHING: i64 = 0;

    #[inline]
    fn add(sum: i64, value: i64) -> Result<i64> {
        sum.checked_add(value).ok_or_else(|| out_of_range("bigint out of range"))
    }
}

macro_rules! units {
    ($type:ty) => {
        impl Summand<Decimal128Type> for $type {
            const NOTHING: i128 = 0;

            #[inline]
            fn add(sum: i128, value: Self::Native) -> Result<i128> {
                add_units(sum, i128::from(value))
            }
        }
    };
}

units!(Int16Type);
units!(Int32Type);
units!(Int64Type);
units!(Decimal128Type);

impl Summand<Float32Type> for Float32Type {
    const NOTHING: f32 = -0.0;

    #[inline]
    fn add(sum: f32, value: f32) -> Result<f32> {
        let total = sum + value;
        if total.is_infinite() && sum.is_finite() && value.is_finite() {
            return Err(out_of_range("value out of range: overflow"));
        }
        Ok(total)
    }
}

impl Summand<Float64Type> for Float64Type {
    const NOTHING: f64 = -0.0;

    #[inline]
    fn add(sum: f64, value: f64) -> Result<f64> {
        let total = sum + value;
        if total.is_infinite() && sum.is_finite() && value.is_finite() {
            return Err(out_of_range("value out of range: overflow"));
        }
        Ok(total)
    }

    /// PostgreSQL sums squared distances beside, as for a deviation, and fails when these overflow.
    #[inline]
    fn is_averaged_by_sum(value: f64) -> bool {
        !value.is_finite() || value.abs() <= SQUARED_MAX
    }
}

impl Summand<Float64Type> for Float32Type {
    const NOTHING: f64 = -0.0;

    #[inline]
    fn add(sum: f64, value: f32) -> Result<f64> {
        <Float64Type as Summand<Float64Type>>::add(sum, f64::from(value))
    }
}

/// The sum of each group; null without a value. Values are added in the order of the rows.
pub(super) struct Sums<T, S: ArrowPrimitiveType> {
    sums: Vec<S::Native>,
    seen: Vec<bool>,
    output: DataType,
    of: PhantomData<T>,
}

impl<T, S: ArrowPrimitiveType> Sums<T, S> {
    pub(super) fn new(output: DataType) -> Sums<T, S> {
        Sums { sums: Vec::new(), seen: Vec::new(), output, of: PhantomData }
    }

    fn take(&mut self, emit_to: EmitTo) -> ArrayRef {
        let sums = emit_to.take_needed(&mut self.sums);
        let seen = emit_to.take_needed(&mut self.seen);
        let array = PrimitiveArray::<S>::new(sums.into(), Some(NullBuffer::from(seen)));
        std::sync::Arc::new(array.with_data_type(self.output.clone()))
    }

    fn update<V: Summand<S>>(
        &mut self,
        values: &ArrayRef,
        groups: &[usize],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let values = values.as_primitive::<V>();
        each_row(values.nulls(), filter, values.len(), |row| {
            let group = groups[row];
            let sum = &mut self.sums[group];
            *sum = V::add(*sum, values.value(row))?;
            self.seen[group] = true;
            Ok(())
        })
    }
}

impl<T: Summand<S>, S: Summand<S>> Sums<T, S> {
    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, T::NOTHING);
        self.seen.resize(groups, false);
    }
}

impl<T: Summand<S>, S: Summand<S>> GroupsAccumulator for Sums<T, S> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        match values {
            [values] => self.update::<T>(values, group_indices, opt_filter),
            _ => Ok(()),
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.take(emit_to))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.take(emit_to)])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.grow(total_num_groups);
        self.update::<S>(&values[0], group_indices, None)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let mut each = Sums::<T, S>::new(self.output.clone());
        let groups: Vec<usize> = (0..rows).collect();
        each.update_batch(values, &groups, opt_filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<S::Native>() + self.seen.capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Float64Array;

    use super::*;

    #[test]
    fn a_sum_of_negative_zeros_is_one() {
        let mut sums = Sums::<Float64Type, Float64Type>::new(DataType::Float64);
        let values: ArrayRef = Arc::new(Float64Array::from(vec![-0.0, -0.0, 1.0]));
        sums.update_batch(&[values], &[0, 0, 1], None, 3).expect("no overflow");
        let result = sums.evaluate(EmitTo::All).expect("a column");
        let result = result.as_primitive::<Float64Type>();
        assert!(result.value(0) == 0.0 && result.value(0).is_sign_negative());
        assert!(result.value(1) == 1.0);
        assert!(result.is_null(2));
    }
}
