//! Averages.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryViewBuilder, BooleanArray, Float64Array, Int64Array,
    PrimitiveArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use types::{Datum, Numeric, tagged};

use super::each_row;
use super::sum::Summand;
use crate::error::{inexact, to_datafusion};
use crate::repr::{decimal_type, from_units};

/// The sum and the number of values of each group; null without a value.
pub(super) struct Averages<T, S: ArrowPrimitiveType> {
    sums: Vec<S::Native>,
    counts: Vec<i64>,
    scale: u8,
    of: PhantomData<T>,
}

impl<T, S: ArrowPrimitiveType> Averages<T, S> {
    /// `scale` is that of the units, unless the values are floats.
    pub(super) fn new(scale: u8) -> Averages<T, S> {
        Averages { sums: Vec::new(), counts: Vec::new(), scale, of: PhantomData }
    }

    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, S::Native::default());
        self.counts.resize(groups, 0);
    }
}

/// What the sum divided by the count is.
pub(super) trait Quotient: ArrowPrimitiveType {
    fn state_type(scale: u8) -> DataType;
    fn divide(sums: Vec<Self::Native>, counts: Vec<i64>, scale: u8) -> Result<ArrayRef>;
}

impl Quotient for Float64Type {
    fn state_type(_: u8) -> DataType {
        DataType::Float64
    }

    fn divide(sums: Vec<f64>, counts: Vec<i64>, _: u8) -> Result<ArrayRef> {
        let quotient = |(sum, count): (f64, i64)| (count > 0).then(|| sum / count as f64);
        Ok(Arc::new(sums.into_iter().zip(counts).map(quotient).collect::<Float64Array>()))
    }
}

impl Quotient for Decimal128Type {
    fn state_type(scale: u8) -> DataType {
        decimal_type(scale)
    }

    /// Division of numerics chooses the scale by the values: so the result has no fixed point.
    fn divide(sums: Vec<i128>, counts: Vec<i64>, scale: u8) -> Result<ArrayRef> {
        let mut builder = BinaryViewBuilder::with_capacity(sums.len());
        let mut buffer = Vec::new();
        for (sum, count) in sums.into_iter().zip(counts) {
            if count == 0 {
                builder.append_null();
                continue;
            }
            let quotient = from_units(sum, scale).div(&Numeric::from(count)).map_err(to_datafusion)?;
            buffer.clear();
            tagged::encode(&Datum::Numeric(quotient), &mut buffer);
            builder.try_append_value(buffer.as_slice())?;
        }
        Ok(Arc::new(builder.finish()))
    }
}

impl<T: Summand<S>, S: Summand<S> + Quotient> GroupsAccumulator for Averages<T, S> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let [values] = values else { return Ok(()) };
        let values = values.as_primitive::<T>();
        each_row(values.nulls(), opt_filter, values.len(), |row| {
            let (group, value) = (group_indices[row], values.value(row));
            if !T::is_averaged_by_sum(value) {
                return Err(inexact());
            }
            self.sums[group] = T::add(self.sums[group], value)?;
            self.counts[group] += 1;
            Ok(())
        })
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = emit_to.take_needed(&mut self.sums);
        S::divide(sums, emit_to.take_needed(&mut self.counts), self.scale)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let sums = emit_to.take_needed(&mut self.sums);
        let counts = emit_to.take_needed(&mut self.counts);
        let nulls = NullBuffer::from(counts.iter().map(|count| *count > 0).collect::<Vec<bool>>());
        let sums = PrimitiveArray::<S>::new(sums.into(), Some(nulls)).with_data_type(S::state_type(self.scale));
        Ok(vec![Arc::new(sums), Arc::new(Int64Array::from(counts))])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.grow(total_num_groups);
        let sums = values[0].as_primitive::<S>();
        let counts = values[1].as_primitive::<Int64Type>();
        each_row(sums.nulls(), None, sums.len(), |row| {
            let group = group_indices[row];
            self.sums[group] = S::add(self.sums[group], sums.value(row))?;
            self.counts[group] += counts.value(row);
            Ok(())
        })
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let mut each = Averages::<T, S>::new(self.scale);
        let groups: Vec<usize> = (0..rows).collect();
        each.update_batch(values, &groups, opt_filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<S::Native>() + self.counts.capacity() * size_of::<i64>()
    }
}
