//! The value of the first row of a group.
//!
//! Groups of values without a canonical form (generic numerics, floats, ...) are made by their keys; this keeps the value
//! that the group shows.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use sql::exec::datum_bytes;
use std::sync::Arc;
use types::Datum;

use super::each_row;
use crate::repr::{Builder, Shape, datum_at};

pub(super) struct AnyValues {
    shape: Shape,
    /// `None` until a row came.
    values: Vec<Option<Datum>>,
    /// Bytes behind the values, an estimate.
    bytes: usize,
}

impl AnyValues {
    pub(super) fn new(shape: Shape) -> AnyValues {
        AnyValues { shape, values: Vec::new(), bytes: 0 }
    }

    fn update(&mut self, column: &ArrayRef, groups: &[usize], filter: Option<&BooleanArray>) -> Result<()> {
        each_row(None, filter, column.len(), |row| {
            let value = &mut self.values[groups[row]];
            if value.is_none() {
                let first = value.insert(datum_at(column, self.shape, row)?);
                self.bytes += datum_bytes(first);
            }
            Ok(())
        })
    }

    /// Takes the values of the groups that are emitted, which are then no longer held.
    fn take(&mut self, emit_to: EmitTo) -> Vec<Option<Datum>> {
        let values = emit_to.take_needed(&mut self.values);
        self.bytes -= values.iter().flatten().map(datum_bytes).sum::<usize>();
        values
    }

    fn build(&self, values: &[Option<Datum>]) -> Result<ArrayRef> {
        let mut builder = Builder::new(self.shape, values.len());
        for value in values {
            match value {
                Some(value) => builder.append(value)?,
                None => builder.append_null(),
            }
        }
        Ok(builder.finish())
    }
}

impl GroupsAccumulator for AnyValues {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.values.resize(total_num_groups, None);
        match values {
            [column] => self.update(column, group_indices, opt_filter),
            _ => Ok(()),
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let values = self.take(emit_to);
        self.build(&values)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let values = self.take(emit_to);
        let seen: BooleanArray = values.iter().map(|value| Some(value.is_some())).collect();
        Ok(vec![self.build(&values)?, Arc::new(seen)])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.values.resize(total_num_groups, None);
        self.update(&values[0], group_indices, Some(values[1].as_boolean()))
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let seen = (0..rows).map(|row| Some(opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))));
        Ok(vec![Arc::clone(&values[0]), Arc::new(seen.collect::<BooleanArray>())])
    }

    fn size(&self) -> usize {
        self.values.capacity() * size_of::<Option<Datum>>() + self.bytes
    }
}
