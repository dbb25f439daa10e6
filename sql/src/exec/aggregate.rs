//! Grouping, by hash. Groups come out in the order in which they were first met.
//!
//! When the groups are more than memory holds, those that are there stay and go on growing; the rows of all others are
//! sorted by their group's key and then make one group after the other. The state of one group stays in memory whatever
//! its size.

use futures::future::BoxFuture;
use hashbrown::{HashMap, HashSet};
use types::aggregate::{Accumulator, AggregateKind};
use types::row::check_made;
use types::{Datum, Result, Settings, SqlType, oid};

use super::basic::Place;
use super::frames::Row;
use super::hash_key::KeyTypes;
use super::memory::{Claim, row_bytes};
use super::sort::{comparable, compare_keys, key_values};
use super::source::{BATCH_ROWS_MAX, Batch, BoxSource, Source};
use super::spill::{Entry, Sorted, Sorter};
use crate::bound::{Aggregate, AggregateCall, Expr, SortKey};

pub(crate) struct Aggregation {
    input: Option<BoxSource>,
    keys: Vec<Expr>,
    key_types: KeyTypes,
    calls: Vec<Call>,
    grouping_sets: Option<Vec<Vec<usize>>>,
    groupings: Vec<Vec<usize>>,
    at: Place,
    groups: std::vec::IntoIter<Group>,
    claim: Claim,
    rest: Option<Rest>,
    /// The arguments of one call over one row; kept for its memory.
    args: Row,
}

/// The rows of groups that did not fit, by group. Each is its group's keys, followed by the input row.
struct Rest {
    rows: Sorted,
    /// The first row of the next group.
    head: Option<Entry>,
}

/// A call, and what it is to all groups.
struct Call {
    call: AggregateCall,
    /// What is computed of each row: the arguments, or the values that WITHIN GROUP sorts.
    args: Vec<Expr>,
    arg_types: KeyTypes,
    /// The order in which rows count; none if it makes no difference.
    order: Vec<SortKey>,
    /// How many keys of the order are computed of each row; the others are its arguments.
    computed: usize,
}

/// One aggregate call over one group.
struct CallState {
    accumulator: Box<dyn Accumulator>,
    /// The direct arguments of an ordered-set aggregate.
    direct: Vec<Datum>,
    /// The most that the accumulator was found to hold: this is claimed.
    claimed: usize,
    /// Arguments seen, for DISTINCT.
    seen: Option<HashSet<Box<[u8]>>>,
    /// Arguments kept back until they can be sorted: (sort values, arguments).
    ordered: Option<Vec<(Vec<Datum>, Vec<Datum>)>>,
}

struct Group {
    /// Which of the grouping sets it is of; 0 without any.
    set: usize,
    keys: Vec<Datum>,
    states: Vec<CallState>,
}

/// The groups in memory.
#[derive(Default)]
struct Table {
    groups: Vec<Group>,
    by_key: HashMap<Box<[u8]>, usize>,
    /// The rows of all other groups.
    rest: Option<Sorter>,
}

impl Call {
    fn new(call: &AggregateCall) -> Call {
        let mut order = call.order.clone();
        if call.aggregate.kind != AggregateKind::Normal {
            let args: Vec<Expr> = order.iter().map(|key| key.expr.clone()).collect();
            let arg_types = KeyTypes::new(args.iter().map(Expr::ty));
            return Call { call: call.clone(), args, arg_types, order, computed: 0 };
        }
        // PostgreSQL sorts to find duplicates: by what ORDER BY says, then by the arguments.
        if call.distinct && (minds_order(call) || !order.is_empty()) {
            let key = |expr: &Expr| SortKey { expr: expr.clone(), descending: false, nulls_first: false };
            order.extend(call.args.iter().map(key));
        }
        let (args, arg_types) = (call.args.clone(), KeyTypes::new(call.args.iter().map(Expr::ty)));
        Call { call: call.clone(), args, arg_types, order, computed: call.order.len() }
    }
}

/// Whether the order of the rows shows in the result.
fn minds_order(call: &AggregateCall) -> bool {
    match call.aggregate.name {
        "count" | "min" | "max" | "bool_and" | "bool_or" | "every" | "bit_and" | "bit_or" | "bit_xor" => false,
        "sum" | "avg" => matches!(call.ty.oid, oid::FLOAT4 | oid::FLOAT8),
        _ => true,
    }
}

impl CallState {
    fn new(call: &Call, direct: Vec<Datum>, settings: &Settings) -> CallState {
        let types: Vec<SqlType> = call.args.iter().map(Expr::ty).collect();
        let mut accumulator = call.call.aggregate.start(&types, settings);
        accumulator.direct(&direct);
        CallState {
            accumulator,
            direct,
            claimed: 0,
            seen: call.call.distinct.then(HashSet::new),
            ordered: (!call.order.is_empty()).then(Vec::new),
        }
    }

    fn finish(&mut self, call: &Call) -> Result<Datum> {
        if let Some(mut rows) = self.ordered.take() {
            rows.sort_by(|a, b| compare_keys(&call.order, &a.0, &b.0));
            if call.call.aggregate.kind == AggregateKind::HypotheticalSet {
                self.compare(call, &rows)?;
            } else {
                for (_, args) in rows {
                    self.accumulator.add(&args)?;
                }
            }
        }
        let value = self.accumulator.finish()?;
        check_made(&value)?;
        Ok(value)
    }

    /// Tells how sorted rows compare to the one that the direct arguments make.
    fn compare(&mut self, call: &Call, rows: &[(Vec<Datum>, Vec<Datum>)]) -> Result<()> {
        let given = self.direct.iter().zip(&call.args);
        let given: Vec<Datum> = given.map(|(value, expr)| comparable(value.clone(), expr.ty())).collect();
        let mut last: Option<&[Datum]> = None;
        for (values, _) in rows {
            let order = compare_keys(&call.order, values, &given);
            let starts = last.is_none_or(|last| compare_keys(&call.order, last, values).is_ne());
            self.accumulator.add(&[Datum::Int4(order as i32), Datum::Bool(starts)])?;
            last = Some(values.as_slice());
        }
        Ok(())
    }
}

impl Aggregation {
    pub fn new(at: Place, input: BoxSource, aggregate: &Aggregate) -> Aggregation {
        Aggregation {
            input: Some(input),
            keys: aggregate.keys.clone(),
            key_types: KeyTypes::new(aggregate.keys.iter().map(Expr::ty)),
            calls: aggregate.calls.iter().map(Call::new).collect(),
            grouping_sets: aggregate.grouping_sets.clone(),
            groupings: aggregate.groupings.clone(),
            claim: Claim::new(at.context.memory()),
            at,
            groups: Vec::new().into_iter(),
            rest: None,
            args: Row::new(),
        }
    }

    /// The group that a row starts; without one its direct arguments read no column.
    async fn new_group(&mut self, set: usize, keys: Vec<Datum>, row: &[Datum]) -> Result<Group> {
        let mut states = Vec::with_capacity(self.calls.len());
        for call in &self.calls {
            let direct = match call.call.direct() {
                [] => Vec::new(),
                direct => {
                    let direct = self.at.evaluate_all(direct, row).await?;
                    self.claim.add(row_bytes(&direct))?;
                    direct
                }
            };
            states.push(CallState::new(call, direct, &self.at.context.settings));
        }
        Ok(Group { set, keys, states })
    }

    fn set_key(&self, set: usize, keys: &[Datum]) -> Result<Box<[u8]>> {
        let mut key = Vec::from(self.key_types.of(keys, &self.at.context)?);
        key.extend((set as u32).to_be_bytes());
        Ok(key.into_boxed_slice())
    }

    async fn add(&mut self, group: &mut Group, row: &[Datum]) -> Result<()> {
        let mut grown = 0;
        let mut args = std::mem::take(&mut self.args);
        for (i, state) in group.states.iter_mut().enumerate() {
            let Call { call, args: exprs, arg_types, order, computed } = &self.calls[i];
            if let Some(filter) = &call.filter
                && !self.at.holds(filter, row).await?
            {
                continue;
            }
            self.at.evaluate_into(exprs, row, &mut args).await?;
            if let Some(seen) = &mut state.seen {
                let key = arg_types.of(&args, &self.at.context)?;
                let bytes = key.len() + 48;
                if !seen.insert(key) {
                    continue;
                }
                grown += bytes;
            }
            match &mut state.ordered {
                Some(rows) => {
                    let mut values = key_values(&self.at, &order[..*computed], row).await?;
                    if values.len() < order.len() {
                        let compared = args.iter().zip(exprs).map(|(arg, expr)| comparable(arg.clone(), expr.ty()));
                        values.extend(compared);
                    }
                    grown += row_bytes(&values) + row_bytes(&args);
                    rows.push((values, std::mem::take(&mut args)));
                }
                None => {
                    state.accumulator.add(&args)?;
                    let held = state.accumulator.size();
                    if held > state.claimed {
                        grown += held - state.claimed;
                        state.claimed = held;
                    }
                }
            }
        }
        self.args = args;
        if grown > 0 {
            self.claim.add(grown)?;
        }
        Ok(())
    }

    async fn run(&mut self, mut input: BoxSource) -> Result<()> {
        let (mut table, mut key) = (Table::default(), Vec::new());
        let sets = self.grouping_sets.clone();
        if self.keys.is_empty() && sets.is_none() {
            table.groups.push(self.new_group(0, Vec::new(), &[]).await?);
        }
        if let Some(sets) = &sets {
            // A grand total exists even without rows.
            for (number, set) in sets.iter().enumerate() {
                if !set.is_empty() {
                    continue;
                }
                let keys = vec![Datum::Null; self.keys.len()];
                table.by_key.insert(self.set_key(number, &keys)?, table.groups.len());
                table.groups.push(self.new_group(number, keys, &[]).await?);
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
                    self.add(&mut table.groups[0], &row).await?;
                    continue;
                }
                let keys = self.at.evaluate_all(&self.keys, &row).await?;
                let Some(sets) = &sets else {
                    let key = self.key_types.of_in(&keys, &self.at.context, &mut key)?;
                    self.add_to(&mut table, 0, key, keys, &row).await?;
                    continue;
                };
                for (number, set) in sets.iter().enumerate() {
                    let part = |(i, key): (usize, &Datum)| if set.contains(&i) { key.clone() } else { Datum::Null };
                    let keys: Vec<Datum> = keys.iter().enumerate().map(part).collect();
                    let key = self.set_key(number, &keys)?;
                    self.add_to(&mut table, number, &key, keys, &row).await?;
                }
            }
        }
        if let Some(rest) = table.rest {
            let mut rows = rest.finish().await?;
            let head = rows.next().await?;
            self.rest = Some(Rest { rows, head });
        }
        self.groups = table.groups.into_iter();
        Ok(())
    }

    /// Adds a row to its group, or to the rows of those that do not fit.
    async fn add_to(
        &mut self,
        table: &mut Table,
        set: usize,
        key: &[u8],
        mut keys: Vec<Datum>,
        row: &[Datum],
    ) -> Result<()> {
        if let Some(at) = table.by_key.get(key) {
            return self.add(&mut table.groups[*at], row).await;
        }
        if table.rest.is_none() && self.claim.is_over() {
            table.rest = Some(Sorter::new(&self.at.context, None));
        }
        if let Some(rest) = &mut table.rest {
            keys.extend_from_slice(row);
            return rest.push(key.to_vec(), keys).await;
        }
        self.claim.add(key.len() + row_bytes(&keys) + 64 + self.calls.len() * 96)?;
        table.by_key.insert(key.into(), table.groups.len());
        let mut group = self.new_group(set, keys, row).await?;
        self.add(&mut group, row).await?;
        table.groups.push(group);
        Ok(())
    }

    fn result(&self, group: Group) -> Result<Row> {
        let (set, mut row) = (group.set, group.keys);
        for (mut state, call) in group.states.into_iter().zip(&self.calls) {
            row.push(state.finish(call)?);
        }
        let takes_part = |key: &usize| self.grouping_sets.as_ref().is_none_or(|sets| sets[set].contains(key));
        for asked in &self.groupings {
            row.push(Datum::Int4(asked.iter().fold(0, |bits, key| (bits << 1) | i32::from(!takes_part(key)))));
        }
        Ok(row)
    }

    /// The next group of those that did not fit.
    async fn next_sorted(&mut self, rest: &mut Rest) -> Result<Option<Row>> {
        let Some(first) = rest.head.take() else { return Ok(None) };
        let width = self.keys.len();
        let held = self.claim.bytes();
        let set = if self.grouping_sets.is_some() { set_of(&first.key) } else { 0 };
        let mut group = self.new_group(set, first.row[..width].to_vec(), &first.row[width..]).await?;
        self.add(&mut group, &first.row[width..]).await?;
        while let Some(entry) = rest.rows.next().await? {
            if entry.key != first.key {
                rest.head = Some(entry);
                break;
            }
            self.add(&mut group, &entry.row[width..]).await?;
        }
        let row = self.result(group)?;
        self.claim.keep(held);
        Ok(Some(row))
    }
}

/// The set of a key that [`Aggregation::set_key`] made.
fn set_of(key: &[u8]) -> usize {
    let (_, set) = key.split_last_chunk().expect("such a key ends with the number of its set");
    u32::from_be_bytes(*set) as usize
}

impl Source for Aggregation {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if let Some(input) = self.input.take() {
                self.run(input).await?;
            }
            let mut batch = Batch::new(max);
            while !batch.is_full()
                && let Some(group) = self.groups.next()
            {
                batch.push(self.result(group)?);
            }
            if batch.is_empty()
                && let Some(mut rest) = self.rest.take()
            {
                // What was in memory has been handed out.
                self.claim.keep(0);
                while !batch.is_full()
                    && let Some(row) = self.next_sorted(&mut rest).await?
                {
                    batch.push(row);
                }
                self.rest = Some(rest);
            }
            Ok(batch.into_rows())
        })
    }
}
