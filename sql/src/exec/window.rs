//! Window functions: the whole input in memory, each call over its own order of the rows.
//!
//! Rows come out in the order of the first call's partitions and ordering, as they do from PostgreSQL. A frame that starts
//! where its partition does is accumulated once, row by row; any other is added up anew for each row.

use std::cmp::Ordering;
use std::ops::Range;

use futures::future::BoxFuture;
use types::row::check_made;
use types::{Datum, Error, Result, SqlState, SqlType};

use super::basic::Place;
use super::frames::Row;
use super::memory::{Claim, datum_bytes, row_bytes};
use super::sort::{comparable, compare_keys, key_values};
use super::source::{BoxSource, OwnedRows, Source, collect};
use crate::bound::{Expr, FrameBound, FrameMode, WindowCall, WindowFunction};

pub(crate) struct Window {
    input: Option<BoxSource>,
    calls: Vec<WindowCall>,
    at: Place,
    results: OwnedRows,
    claim: Claim,
}

impl Window {
    pub fn new(at: Place, input: BoxSource, calls: Vec<WindowCall>) -> Window {
        let claim = Claim::new(at.context.memory());
        Window { input: Some(input), calls, at, results: OwnedRows::new(Vec::new()), claim }
    }

    async fn run(&mut self, mut input: BoxSource) -> Result<()> {
        let rows = collect(&mut input, &self.at.context, &mut self.claim).await?;
        let mut output_order: Option<Vec<usize>> = None;
        let mut columns: Vec<Vec<Datum>> = Vec::with_capacity(self.calls.len());
        for call in &self.calls {
            let ordered = Ordered::new(&self.at, call, &rows).await?;
            let held = self.claim.bytes();
            self.claim.add(ordered.bytes())?;
            let mut values = vec![Datum::Null; rows.len()];
            for (from, to) in ordered.partitions() {
                self.at.context.check()?;
                let partition = Partition::new(&self.at, call, &rows, &ordered, from, to).await?;
                partition.compute(&self.at, &mut values, &mut self.claim).await?;
            }
            columns.push(values);
            if output_order.is_none() {
                output_order = Some(ordered.order);
            }
            self.claim.keep(held);
        }
        let order = output_order.unwrap_or_else(|| (0..rows.len()).collect());
        let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
        let mut results = Vec::with_capacity(rows.len());
        for at in order {
            let Some(mut row) = rows[at].take() else { continue };
            for column in &mut columns {
                row.push(std::mem::replace(&mut column[at], Datum::Null));
            }
            results.push(row);
        }
        self.results = OwnedRows::new(results);
        Ok(())
    }
}

impl Source for Window {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if let Some(input) = self.input.take() {
                self.run(input).await?;
            }
            Ok(self.results.take(max))
        })
    }
}

/// The rows in the order of one call: by partition, then by its ORDER BY.
struct Ordered {
    order: Vec<usize>,
    partition_values: Vec<Vec<Datum>>,
    order_values: Vec<Vec<Datum>>,
}

impl Ordered {
    async fn new(at: &Place, call: &WindowCall, rows: &[Row]) -> Result<Ordered> {
        let mut partition_values = Vec::with_capacity(rows.len());
        let mut order_values = Vec::with_capacity(rows.len());
        for row in rows {
            let values = at.evaluate_all(&call.partition, row).await?.into_iter().zip(&call.partition);
            partition_values.push(values.map(|(value, expr)| comparable(value, expr.ty())).collect::<Row>());
            order_values.push(key_values(at, &call.order, row).await?);
        }
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|&a, &b| {
            compare_rows(&partition_values[a], &partition_values[b])
                .then_with(|| compare_keys(&call.order, &order_values[a], &order_values[b]))
        });
        Ok(Ordered { order, partition_values, order_values })
    }

    /// The estimated size of the values.
    fn bytes(&self) -> usize {
        self.partition_values.iter().chain(&self.order_values).map(|values| row_bytes(values)).sum()
    }

    /// Half-open ranges of `order`.
    fn partitions(&self) -> Vec<(usize, usize)> {
        let mut ranges = Vec::new();
        let mut from = 0;
        for i in 1..=self.order.len() {
            let ends = i == self.order.len()
                || self.partition_values[self.order[i]] != self.partition_values[self.order[from]];
            if ends {
                ranges.push((from, i));
                from = i;
            }
        }
        ranges
    }
}

fn compare_rows(left: &[Datum], right: &[Datum]) -> Ordering {
    left.iter().zip(right).map(|(l, r)| l.compare(r)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// One partition of one call. Positions count from the partition's start.
struct Partition<'a> {
    call: &'a WindowCall,
    rows: &'a [Row],
    order: &'a [usize],
    order_values: &'a [Vec<Datum>],
    /// The first and one past the last position of each row's peers.
    peers: Vec<(usize, usize)>,
    /// The number of each row's peer group, from 0, and the start of each group.
    groups: Vec<usize>,
    group_starts: Vec<usize>,
    /// The positions whose first ordering value is not null.
    valued: Range<usize>,
    start_offset: Option<Datum>,
    end_offset: Option<Datum>,
}

impl<'a> Partition<'a> {
    async fn new(
        at: &Place,
        call: &'a WindowCall,
        rows: &'a [Row],
        ordered: &'a Ordered,
        from: usize,
        to: usize,
    ) -> Result<Partition<'a>> {
        let order = &ordered.order[from..to];
        let mut peers = vec![(0, 0); order.len()];
        let mut groups = vec![0; order.len()];
        let mut group_starts = Vec::new();
        let mut start = 0;
        for i in 1..=order.len() {
            let ends = i == order.len() || ordered.order_values[order[i]] != ordered.order_values[order[start]];
            if ends {
                for position in start..i {
                    peers[position] = (start, i);
                    groups[position] = group_starts.len();
                }
                group_starts.push(start);
                start = i;
            }
        }
        let mut offsets = [None, None];
        for (slot, bound) in offsets.iter_mut().zip([&call.frame.start, &call.frame.end]) {
            if let FrameBound::Preceding(expr) | FrameBound::Following(expr) = bound {
                *slot = Some(at.evaluate(expr, &[]).await?);
            }
        }
        let [start_offset, end_offset] = offsets;
        let order_values = &ordered.order_values;
        // Nulls stand at one end.
        let null = |row: &usize| order_values[*row].first().is_some_and(Datum::is_null);
        let first = order.partition_point(|row| null(row) && null(&order[0]));
        let valued = first..first + order[first..].partition_point(|row| !null(row));
        Ok(Partition { call, rows, order, order_values, peers, groups, group_starts, valued, start_offset, end_offset })
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    async fn args(&self, at: &Place, position: usize) -> Result<Vec<Datum>> {
        at.evaluate_all(&self.call.args, &self.rows[self.order[position]]).await
    }

    async fn compute(&self, at: &Place, values: &mut [Datum], claim: &mut Claim) -> Result<()> {
        match self.call.function {
            WindowFunction::Aggregate(aggregate) => self.aggregate(at, aggregate, values, claim).await?,
            WindowFunction::RowNumber => self.fill(values, |i| Datum::Int8(i as i64 + 1)),
            WindowFunction::Rank => self.fill(values, |i| Datum::Int8(self.peers[i].0 as i64 + 1)),
            WindowFunction::DenseRank => self.fill(values, |i| Datum::Int8(self.groups[i] as i64 + 1)),
            WindowFunction::PercentRank => self.fill(values, |i| {
                let others = (self.len() - 1) as f64;
                Datum::Float8(if others == 0.0 { 0.0 } else { self.peers[i].0 as f64 / others })
            }),
            WindowFunction::CumeDist => {
                self.fill(values, |i| Datum::Float8(self.peers[i].1 as f64 / self.len() as f64));
            }
            WindowFunction::Ntile => self.ntile(at, values).await?,
            WindowFunction::Lag | WindowFunction::Lead => self.shifted(at, values).await?,
            WindowFunction::FirstValue | WindowFunction::LastValue | WindowFunction::NthValue => {
                self.nth(at, values).await?;
            }
        }
        Ok(())
    }

    fn fill(&self, values: &mut [Datum], value: impl Fn(usize) -> Datum) {
        for (i, at) in self.order.iter().enumerate() {
            values[*at] = value(i);
        }
    }

    async fn ntile(&self, at: &Place, values: &mut [Datum]) -> Result<()> {
        let Some(buckets) = self.args(at, 0).await?.first().and_then(Datum::as_i64) else { return Ok(()) };
        if buckets <= 0 {
            let state = SqlState::INVALID_ARGUMENT_FOR_NTILE;
            return Err(Error::new(state, "argument of ntile must be greater than zero"));
        }
        let rows = self.len() as i64;
        let (size, larger) = (rows / buckets, rows % buckets);
        self.fill(values, |i| {
            let i = i as i64;
            let bucket =
                if i < larger * (size + 1) { i / (size + 1) } else { larger + (i - larger * (size + 1)) / size.max(1) };
            Datum::Int4(bucket as i32 + 1)
        });
        Ok(())
    }

    async fn shifted(&self, at: &Place, values: &mut [Datum]) -> Result<()> {
        let sign = if matches!(self.call.function, WindowFunction::Lag) { -1 } else { 1 };
        for i in 0..self.len() {
            let args = self.args(at, i).await?;
            let offset = match args.get(1) {
                None => 1,
                Some(offset) => match offset.as_i64() {
                    Some(offset) => offset,
                    None => continue,
                },
            };
            let target = i as i64 + sign * offset;
            values[self.order[i]] = match usize::try_from(target) {
                Ok(target) if target < self.len() => self.args(at, target).await?.swap_remove(0),
                _ => args.into_iter().nth(2).unwrap_or(Datum::Null),
            };
        }
        Ok(())
    }

    async fn nth(&self, at: &Place, values: &mut [Datum]) -> Result<()> {
        for i in 0..self.len() {
            at.context.check()?;
            tokio::task::consume_budget().await;
            let (from, to) = self.frame(i)?;
            let target = match self.call.function {
                WindowFunction::FirstValue => Some(from),
                WindowFunction::LastValue => to.checked_sub(1),
                _ => match self.args(at, i).await?.get(1).and_then(Datum::as_i64) {
                    Some(n) if n > 0 => Some(from + n as usize - 1),
                    Some(_) => {
                        let state = SqlState::INVALID_ARGUMENT_FOR_NTH_VALUE;
                        return Err(Error::new(state, "argument of nth_value must be greater than zero"));
                    }
                    None => None,
                },
            };
            if let Some(target) = target.filter(|target| *target >= from && *target < to) {
                values[self.order[i]] = self.args(at, target).await?.swap_remove(0);
            }
        }
        Ok(())
    }

    async fn aggregate(
        &self,
        at: &Place,
        aggregate: &'static types::aggregate::Aggregate,
        values: &mut [Datum],
        claim: &mut Claim,
    ) -> Result<()> {
        let types: Vec<SqlType> = self.call.args.iter().map(Expr::ty).collect();
        let mut running = aggregate.start(&types, &at.context.settings);
        let (mut run_from, mut run_to) = (0, 0);
        let mut known: Option<Datum> = None;
        for i in 0..self.len() {
            // What a single row takes may be long.
            at.context.check()?;
            tokio::task::consume_budget().await;
            let (from, to) = self.frame(i)?;
            if from != run_from || to < run_to {
                running = aggregate.start(&types, &at.context.settings);
                (run_from, run_to) = (from, from);
                known = None;
            }
            for position in run_to..to {
                let row = &self.rows[self.order[position]];
                if let Some(filter) = &self.call.filter
                    && !at.holds(filter, row).await?
                {
                    continue;
                }
                let args = self.args(at, position).await?;
                running.add(&args)?;
                // Only accumulators that collect grow with their rows.
                if running.size() > 256 {
                    claim.add(args.iter().map(datum_bytes).sum())?;
                }
                known = None;
            }
            run_to = run_to.max(to);
            let value = match known.take() {
                Some(value) => value,
                None => {
                    let value = running.finish()?;
                    check_made(&value)?;
                    claim.add(datum_bytes(&value))?;
                    value
                }
            };
            known = Some(value.clone());
            values[self.order[i]] = value;
        }
        Ok(())
    }

    /// The frame of a row as a half-open range of positions; empty frames have their end at their start.
    fn frame(&self, i: usize) -> Result<(usize, usize)> {
        let from = self.bound(i, &self.call.frame.start, self.start_offset.as_ref(), true)?;
        let to = self.bound(i, &self.call.frame.end, self.end_offset.as_ref(), false)?;
        Ok((from, to.max(from)))
    }

    /// A bound's position: of the first row of the frame, or one past the last.
    fn bound(&self, i: usize, bound: &FrameBound, offset: Option<&Datum>, start: bool) -> Result<usize> {
        let past = usize::from(!start);
        let forward = match bound {
            FrameBound::UnboundedPreceding => return Ok(0),
            FrameBound::UnboundedFollowing => return Ok(self.len()),
            FrameBound::CurrentRow => {
                return Ok(match (self.call.frame.mode, start) {
                    (FrameMode::Rows, _) => i + past,
                    (_, true) => self.peers[i].0,
                    (_, false) => self.peers[i].1,
                });
            }
            FrameBound::Preceding(_) => false,
            FrameBound::Following(_) => true,
        };
        let offset = offset.unwrap_or(&Datum::Null);
        if self.call.frame.mode == FrameMode::Range {
            return self.range_bound(i, offset, forward, start);
        }
        let Some(offset) = offset.as_i64() else {
            let what = if start { "starting" } else { "ending" };
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, format!("frame {what} offset must not be null")));
        };
        if offset < 0 {
            let what = if start { "starting" } else { "ending" };
            let state = SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE;
            return Err(Error::new(state, format!("frame {what} offset must not be negative")));
        }
        let shift = |from: usize| -> i64 {
            let from = from as i64;
            if forward { from.saturating_add(offset) } else { from - offset }
        };
        Ok(if self.call.frame.mode == FrameMode::Rows {
            shift(i).saturating_add(past as i64).clamp(0, self.len() as i64) as usize
        } else {
            let group = shift(self.groups[i]).saturating_add(past as i64);
            match usize::try_from(group) {
                Ok(group) => self.group_starts.get(group).copied().unwrap_or(self.len()),
                Err(_) => 0,
            }
        })
    }

    /// `RANGE` with an offset, over one ordering column of a number type.
    fn range_bound(&self, i: usize, offset: &Datum, forward: bool, start: bool) -> Result<usize> {
        let unsupported = || Error::unsupported("RANGE with offset PRECEDING/FOLLOWING over this column type");
        let key = self.call.order.first().ok_or_else(unsupported)?;
        let value = |position: usize| &self.order_values[self.order[position]][0];
        let current = value(i);
        if current.is_null() {
            return Ok(if start { self.peers[i].0 } else { self.peers[i].1 });
        }
        // Going forward in a descending order means towards smaller values.
        let add = forward != key.descending;
        let limit = match (current.as_i64(), offset.as_i64()) {
            (Some(current), Some(offset)) if offset >= 0 => {
                Datum::Int8(if add { current.saturating_add(offset) } else { current.saturating_sub(offset) })
            }
            (Some(_), Some(_)) => {
                let state = SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE;
                return Err(Error::new(state, "invalid preceding or following size in window function"));
            }
            _ => match (current.as_f64(), offset.as_f64()) {
                (Some(current), Some(offset)) => Datum::Float8(if add { current + offset } else { current - offset }),
                _ => return Err(unsupported()),
            },
        };
        let is_before = |row: &usize| {
            let order = self.order_values[*row][0].compare(&limit);
            let order = if key.descending { order.reverse() } else { order };
            if start { order.is_lt() } else { order.is_le() }
        };
        // Nulls are outside of every value's range.
        let valued = self.valued.clone();
        Ok(valued.start + self.order[valued].partition_point(is_before))
    }
}
