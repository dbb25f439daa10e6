//! Any aggregate, by SQL's own accumulators, row by row.
//!
//! Such states cannot be written to a spill file: a query whose groups do not fit into memory is left to the row
//! executor.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use sql::exec::datum_bytes;
use types::aggregate::{Accumulator, Aggregate};
use types::keycode::{encode_key_typed, unpadded};
use types::{Datum, Settings, SqlType, oid};

use super::{each_row, no_spill};
use crate::error::to_datafusion;
use crate::repr::{Builder, Shape, datum_at};

/// What one accumulator is charged for beside what it collects, in bytes.
const STATE_BYTES: usize = 160;

/// A call of an aggregate.
pub(crate) struct Generic {
    pub aggregate: &'static Aggregate,
    pub args: Vec<Shape>,
    pub output: Shape,
    pub distinct: bool,
    /// The sort keys of its ORDER BY: columns that follow the arguments.
    pub order: Vec<OrderKey>,
}

/// One key of an aggregate's ORDER BY.
pub(crate) struct OrderKey {
    pub shape: Shape,
    pub descending: bool,
    pub nulls_first: bool,
}

impl std::fmt::Debug for Generic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.aggregate.name)
    }
}

impl OrderKey {
    fn compare(&self, left: &Datum, right: &Datum) -> Ordering {
        let nulls = if self.nulls_first { Ordering::Less } else { Ordering::Greater };
        let values = || match (left, right) {
            // Blanks at the end of a char(n) do not count.
            (Datum::Text(left), Datum::Text(right)) if self.shape.ty.oid == oid::BPCHAR => {
                unpadded(left).cmp(unpadded(right))
            }
            _ => left.compare(right),
        };
        match (left.is_null(), right.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => nulls,
            (false, true) => nulls.reverse(),
            (false, false) if self.descending => values().reverse(),
            (false, false) => values(),
        }
    }
}

struct State {
    accumulator: Box<dyn Accumulator>,
    /// The most that the accumulator was found to hold.
    counted: usize,
    /// Keys of the arguments seen, for DISTINCT.
    seen: HashSet<Box<[u8]>>,
    /// (sort values, arguments), kept back until all are there, for ORDER BY.
    held: Vec<(Vec<Datum>, Vec<Datum>)>,
}

pub(super) struct Groups {
    call: Arc<Generic>,
    states: Vec<State>,
    types: Vec<SqlType>,
    /// An estimate of the bytes held behind the states.
    bytes: usize,
}

impl Groups {
    pub(super) fn new(call: Arc<Generic>) -> Groups {
        let types = call.args.iter().map(|shape| shape.ty).collect();
        Groups { call, states: Vec::new(), types, bytes: 0 }
    }

    fn add(&mut self, group: usize, args: &[Datum], order: Vec<Datum>) -> types::Result<()> {
        let state = &mut self.states[group];
        if self.call.distinct {
            let mut key = Vec::new();
            encode_key_typed(args, &self.types, &mut key);
            let bytes = key.len() + 32;
            if !state.seen.insert(key.into_boxed_slice()) {
                return Ok(());
            }
            self.bytes += bytes;
        }
        if self.call.order.is_empty() {
            state.accumulator.add(args)?;
            let held = state.accumulator.size();
            if held > state.counted {
                self.bytes += held - state.counted;
                state.counted = held;
            }
        } else {
            self.bytes += order.iter().chain(args).map(datum_bytes).sum::<usize>();
            state.held.push((order, args.to_vec()));
        }
        Ok(())
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        while self.states.len() < total_num_groups {
            // Those that read settings stay with the row executor.
            let accumulator = self.call.aggregate.start(&self.types, &Settings::default());
            self.states.push(State { accumulator, counted: 0, seen: HashSet::new(), held: Vec::new() });
            self.bytes += STATE_BYTES;
        }
        let call = Arc::clone(&self.call);
        let arity = call.args.len();
        if values.len() < arity {
            return Ok(());
        }
        let mut args = vec![Datum::Null; arity];
        each_row(None, opt_filter, group_indices.len(), |row| {
            for ((value, column), shape) in args.iter_mut().zip(values).zip(&call.args) {
                *value = datum_at(column, *shape, row)?;
            }
            let order = call.order.iter().zip(&values[arity..]);
            let order = order.map(|(key, column)| datum_at(column, key.shape, row)).collect::<Result<_>>()?;
            self.add(group_indices[row], &args, order).map_err(to_datafusion)
        })
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let states = emit_to.take_needed(&mut self.states);
        let mut builder = Builder::new(self.call.output, states.len());
        for mut state in states {
            state.held.sort_by(|(left, _), (right, _)| {
                let keys = self.call.order.iter().zip(left).zip(right);
                keys.map(|((key, left), right)| key.compare(left, right))
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            });
            for (_, args) in state.held {
                state.accumulator.add(&args).map_err(to_datafusion)?;
            }
            builder.append(&state.accumulator.finish().map_err(to_datafusion)?)?;
        }
        Ok(builder.finish())
    }

    fn state(&mut self, _: EmitTo) -> Result<Vec<ArrayRef>> {
        Err(no_spill(self.call.aggregate.name))
    }

    fn merge_batch(&mut self, _: &[ArrayRef], _: &[usize], _: usize) -> Result<()> {
        Err(no_spill(self.call.aggregate.name))
    }

    fn convert_to_state(&self, _: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        Err(no_spill(self.call.aggregate.name))
    }

    fn size(&self) -> usize {
        self.bytes + self.states.capacity() * size_of::<State>()
    }
}
