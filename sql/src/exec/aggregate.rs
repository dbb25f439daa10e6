//! Grouping, by hash. Groups come out in the order in which they were first met.

use futures::future::BoxFuture;
use hashbrown::{HashMap, HashSet};
use types::aggregate::Accumulator;
use types::{Datum, Result, SqlType};

use super::basic::Place;
use super::frames::Row;
use super::hash_key;
use super::memory::{datum_bytes, row_bytes};
use super::sort::{compare_keys, key_values};
use super::source::{BATCH_ROWS_MAX, BoxSource, OwnedRows, Source};
use crate::bound::{Aggregate, AggregateCall, Expr};

pub(crate) struct Aggregation {
    input: Option<BoxSource>,
    keys: Vec<Expr>,
    calls: Vec<AggregateCall>,
    grouping_sets: Option<Vec<Vec<usize>>>,
    at: Place,
    results: OwnedRows,
    charged: usize,
}

/// One aggregate call over one group.
struct CallState {
    accumulator: Box<dyn Accumulator>,
    /// Arguments seen, for DISTINCT.
    seen: Option<HashSet<Box<[u8]>>>,
    /// Arguments kept back until they can be sorted, for ORDER BY: (sort values, arguments).
    ordered: Option<Vec<(Vec<Datum>, Vec<Datum>)>>,
}

struct Group {
    keys: Vec<Datum>,
    states: Vec<CallState>,
}

impl CallState {
    fn new(call: &AggregateCall) -> CallState {
        let types: Vec<SqlType> = call.args.iter().map(Expr::ty).collect();
        CallState {
            accumulator: call.aggregate.start(&types),
            seen: call.distinct.then(HashSet::new),
            ordered: (!call.order.is_empty()).then(Vec::new),
        }
    }

    fn finish(&mut self, call: &AggregateCall) -> Result<Datum> {
        if let Some(mut rows) = self.ordered.take() {
            rows.sort_by(|a, b| compare_keys(&call.order, &a.0, &b.0));
            for (_, args) in rows {
                self.accumulator.add(&args)?;
            }
        }
        self.accumulator.finish()
    }
}

impl Aggregation {
    pub fn new(at: Place, input: BoxSource, aggregate: &Aggregate) -> Aggregation {
        Aggregation {
            input: Some(input),
            keys: aggregate.keys.clone(),
            calls: aggregate.calls.clone(),
            grouping_sets: aggregate.grouping_sets.clone(),
            at,
            results: OwnedRows::new(Vec::new()),
            charged: 0,
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<()> {
        self.charged += bytes;
        self.at.context.memory.charge(bytes)
    }

    fn new_group(&self, keys: Vec<Datum>) -> Group {
        Group { keys, states: self.calls.iter().map(CallState::new).collect() }
    }

    async fn add(&mut self, group: &mut Group, row: &[Datum]) -> Result<()> {
        let mut grown = 0;
        for (i, state) in group.states.iter_mut().enumerate() {
            let call = &self.calls[i];
            if let Some(filter) = &call.filter
                && !self.at.holds(filter, row).await?
            {
                continue;
            }
            let args = self.at.evaluate_all(&call.args, row).await?;
            if let Some(seen) = &mut state.seen {
                let key = hash_key::of(&args);
                let bytes = key.len() + 48;
                if !seen.insert(key) {
                    continue;
                }
                grown += bytes;
            }
            match &mut state.ordered {
                Some(rows) => {
                    let values = key_values(&self.at, &call.order, row).await?;
                    grown += row_bytes(&values) + row_bytes(&args);
                    rows.push((values, args));
                }
                None => {
                    state.accumulator.add(&args)?;
                    // Only accumulators that collect grow with their rows; the argument is a fair measure of by how much.
                    if state.accumulator.size() > 256 {
                        grown += args.iter().map(datum_bytes).sum::<usize>();
                    }
                }
            }
        }
        if grown > 0 {
            self.charge(grown)?;
        }
        Ok(())
    }

    async fn run(&mut self, mut input: BoxSource) -> Result<()> {
        let mut groups: Vec<Group> = Vec::new();
        let mut by_key: HashMap<Box<[u8]>, usize> = HashMap::new();
        let sets = self.grouping_sets.clone();
        if self.keys.is_empty() && sets.is_none() {
            groups.push(self.new_group(Vec::new()));
        }
        if let Some(sets) = &sets {
            // A grand total exists even without rows.
            for (number, _) in sets.iter().enumerate().filter(|(_, set)| set.is_empty()) {
                let keys = vec![Datum::Null; self.keys.len()];
                by_key.insert(set_key(number, &keys), groups.len());
                groups.push(self.new_group(keys));
            }
        }
        loop {
            let batch = input.next(BATCH_ROWS_MAX).await?;
            if batch.is_empty() {
                break;
            }
            self.at.context.check()?;
            tokio::task::consume_budget().await;
            for row in batch {
                if self.keys.is_empty() && sets.is_none() {
                    self.add(&mut groups[0], &row).await?;
                    continue;
                }
                let keys = self.at.evaluate_all(&self.keys, &row).await?;
                let Some(sets) = &sets else {
                    let at = self.find_group(&mut groups, &mut by_key, hash_key::of(&keys), keys)?;
                    self.add(&mut groups[at], &row).await?;
                    continue;
                };
                for (number, set) in sets.iter().enumerate() {
                    let part = |(i, key): (usize, &Datum)| if set.contains(&i) { key.clone() } else { Datum::Null };
                    let keys: Vec<Datum> = keys.iter().enumerate().map(part).collect();
                    let at = self.find_group(&mut groups, &mut by_key, set_key(number, &keys), keys)?;
                    self.add(&mut groups[at], &row).await?;
                }
            }
        }
        let mut results = Vec::with_capacity(groups.len());
        for group in groups {
            let mut row = group.keys;
            for (mut state, call) in group.states.into_iter().zip(&self.calls) {
                row.push(state.finish(call)?);
            }
            results.push(row);
        }
        self.results = OwnedRows::new(results);
        Ok(())
    }

    fn find_group(
        &mut self,
        groups: &mut Vec<Group>,
        by_key: &mut HashMap<Box<[u8]>, usize>,
        key: Box<[u8]>,
        keys: Vec<Datum>,
    ) -> Result<usize> {
        if let Some(at) = by_key.get(&key) {
            return Ok(*at);
        }
        let bytes = key.len() + row_bytes(&keys) + 64 + self.calls.len() * 96;
        self.charge(bytes)?;
        by_key.insert(key, groups.len());
        groups.push(self.new_group(keys));
        Ok(groups.len() - 1)
    }
}

fn set_key(set: usize, keys: &[Datum]) -> Box<[u8]> {
    let mut key = Vec::from(hash_key::of(keys));
    key.extend((set as u32).to_be_bytes());
    key.into_boxed_slice()
}

impl Source for Aggregation {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if let Some(input) = self.input.take() {
                self.run(input).await?;
            }
            Ok(self.results.take(max))
        })
    }
}

impl Drop for Aggregation {
    fn drop(&mut self) {
        self.at.context.memory.release(self.charged);
    }
}
