//! Window functions: the whole input in memory, each call over its own order of the rows.
//!
//! Rows come out in the order of the first call's partitions and ordering, as they do from PostgreSQL. A frame that starts
//! where its partition does is accumulated once, row by row; any other, or one that excludes rows, is added up anew for each
//! row.

use std::cmp::Ordering;
use std::ops::Range;

use futures::future::BoxFuture;
use types::datetime::TimeZone;
use types::row::check_made;
use types::{Datum, Error, Result, SqlState, SqlType, in_range};

use super::basic::Place;
use super::frames::Row;
use super::memory::{Claim, row_bytes};
use super::sort::{comparable, compare_keys, key_values};
use super::source::{BoxSource, OwnedRows, Source, collect};
use crate::bound::{Expr, FrameBound, FrameExclusion, FrameMode, WindowCall, WindowFunction};

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
            self.claim.add(rows.len() * size_of::<Datum>())?;
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
    /// What the values hold.
    _claim: Claim,
}

impl Ordered {
    async fn new(at: &Place, call: &WindowCall, rows: &[Row]) -> Result<Ordered> {
        let mut claim = Claim::new(at.context.memory());
        let mut partition_values = Vec::with_capacity(rows.len());
        let mut order_values = Vec::with_capacity(rows.len());
        for row in rows {
            let partition = at.evaluate_all(&call.partition, row).await?.into_iter().zip(&call.partition);
            let partition: Row = partition.map(|(value, expr)| comparable(value, expr.ty())).collect();
            let order = key_values(at, &call.order, row).await?;
            claim.add(row_bytes(&partition) + row_bytes(&order))?;
            partition_values.push(partition);
            order_values.push(order);
        }
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|&a, &b| {
            compare_rows(&partition_values[a], &partition_values[b])
                .then_with(|| compare_keys(&call.order, &order_values[a], &order_values[b]))
        });
        Ok(Ordered { order, partition_values, order_values, _claim: claim })
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

/// Whether its values are in memory anyway.
fn is_there(expr: &Expr) -> bool {
    matches!(expr, Expr::Column { .. } | Expr::Const { .. })
}

/// Claims what is behind a value.
fn claim_value(value: &Datum, claim: &mut Claim) -> Result<()> {
    let bytes = value.heap_bytes();
    if bytes > 0 { claim.add(bytes) } else { Ok(()) }
}

/// The n-th of the positions in these ranges, from 0.
fn nth_of(parts: &[Range<usize>], mut n: usize) -> Option<usize> {
    for part in parts {
        if n < part.len() {
            return Some(part.start + n);
        }
        n -= part.len();
    }
    None
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
    zone: &'a TimeZone,
}

impl<'a> Partition<'a> {
    async fn new(
        at: &'a Place,
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
        Ok(Partition {
            call,
            rows,
            order,
            order_values,
            peers,
            groups,
            group_starts,
            valued,
            start_offset,
            end_offset,
            zone: &at.context.settings.timezone,
        })
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
            WindowFunction::Lag | WindowFunction::Lead => self.shifted(at, values, claim).await?,
            WindowFunction::FirstValue | WindowFunction::LastValue | WindowFunction::NthValue => {
                self.nth(at, values, claim).await?;
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

    /// The value of one argument over the row at a position, null if there is no such argument. What is behind it is
    /// claimed, unless it is the row's own.
    async fn value(&self, at: &Place, position: usize, arg: usize, claim: &mut Claim) -> Result<Datum> {
        let Some(expr) = self.call.args.get(arg) else { return Ok(Datum::Null) };
        let value = at.evaluate(expr, &self.rows[self.order[position]]).await?;
        if !is_there(expr) {
            claim_value(&value, claim)?;
        }
        Ok(value)
    }

    async fn shifted(&self, at: &Place, values: &mut [Datum], claim: &mut Claim) -> Result<()> {
        let sign = if matches!(self.call.function, WindowFunction::Lag) { -1 } else { 1 };
        for i in 0..self.len() {
            at.context.check()?;
            let offset = if self.call.args.len() > 1 { self.value(at, i, 1, claim).await?.as_i64() } else { Some(1) };
            let Some(offset) = offset else { continue };
            let target = i as i64 + sign * offset;
            values[self.order[i]] = match usize::try_from(target) {
                Ok(target) if target < self.len() => self.value(at, target, 0, claim).await?,
                _ => self.value(at, i, 2, claim).await?,
            };
        }
        Ok(())
    }

    async fn nth(&self, at: &Place, values: &mut [Datum], claim: &mut Claim) -> Result<()> {
        for i in 0..self.len() {
            at.context.check()?;
            tokio::task::consume_budget().await;
            let (from, to) = self.frame(i)?;
            let parts = self.parts(i, from..to);
            let target = match self.call.function {
                WindowFunction::FirstValue => nth_of(&parts, 0),
                WindowFunction::LastValue => parts.iter().rev().find(|part| !part.is_empty()).map(|part| part.end - 1),
                _ => match self.value(at, i, 1, claim).await?.as_i64() {
                    Some(n) if n > 0 => nth_of(&parts, n as usize - 1),
                    Some(_) => {
                        let state = SqlState::INVALID_ARGUMENT_FOR_NTH_VALUE;
                        return Err(Error::new(state, "argument of nth_value must be greater than zero"));
                    }
                    None => None,
                },
            };
            if let Some(target) = target {
                values[self.order[i]] = self.value(at, target, 0, claim).await?;
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
        // What the running state holds.
        let mut held = Claim::new(at.context.memory());
        // What these find is the value of a row.
        let is_found = matches!(aggregate.name, "min" | "max") && self.call.args.iter().all(is_there);
        let (mut run_from, mut run_to) = (0, 0);
        let excluding = self.call.frame.exclude != FrameExclusion::NoOthers;
        let mut known: Option<Datum> = None;
        for i in 0..self.len() {
            // What a single row takes may be long.
            at.context.check()?;
            tokio::task::consume_budget().await;
            let (from, to) = self.frame(i)?;
            if excluding || from != run_from || to < run_to {
                running = aggregate.start(&types, &at.context.settings);
                held.keep(0);
                (run_from, run_to) = (from, from);
                known = None;
            }
            for position in self.parts(i, run_to..to).into_iter().flatten() {
                let row = &self.rows[self.order[position]];
                if let Some(filter) = &self.call.filter
                    && !at.holds(filter, row).await?
                {
                    continue;
                }
                let args = self.args(at, position).await?;
                running.add(&args)?;
                held.grow(running.size())?;
                known = None;
            }
            run_to = run_to.max(to);
            let value = match known.take() {
                Some(value) => value,
                None => {
                    let value = running.finish()?;
                    check_made(&value)?;
                    if !is_found {
                        claim_value(&value, claim)?;
                    }
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

    /// What EXCLUDE leaves of these positions of a row's frame, in their order.
    fn parts(&self, i: usize, positions: Range<usize>) -> [Range<usize>; 3] {
        let Range { start, end } = positions;
        let inside = |position: usize| position.clamp(start, end);
        let (from, to) = match self.call.frame.exclude {
            FrameExclusion::NoOthers => (end, end),
            FrameExclusion::CurrentRow => (i, i + 1),
            FrameExclusion::Group | FrameExclusion::Ties => self.peers[i],
        };
        let kept = if self.call.frame.exclude == FrameExclusion::Ties { inside(i)..inside(i + 1) } else { end..end };
        [start..inside(from), kept, inside(to)..end]
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
        let what = if start { "starting" } else { "ending" };
        let Some(offset) = offset.filter(|offset| !offset.is_null()) else {
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, format!("frame {what} offset must not be null")));
        };
        if self.call.frame.mode == FrameMode::Range {
            return self.range_bound(i, offset, forward, start);
        }
        let offset = offset.as_i64().ok_or_else(|| Error::internal("a frame offset that is no integer"))?;
        if offset < 0 {
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

    /// `RANGE` with an offset, over one ordering column.
    fn range_bound(&self, i: usize, offset: &Datum, forward: bool, start: bool) -> Result<usize> {
        let key = self.call.order.first().ok_or_else(|| Error::internal("a RANGE frame without an order"))?;
        let current = &self.order_values[self.order[i]][0];
        if current.is_null() {
            return Ok(if start { self.peers[i].0 } else { self.peers[i].1 });
        }
        // Going forward in a descending order means towards smaller values.
        let limit = in_range::reach(current, offset, forward != key.descending, start != key.descending, self.zone)?;
        let is_before = |row: &usize| {
            let order = in_range::compare(&self.order_values[*row][0], &limit);
            let order = if key.descending { order.reverse() } else { order };
            if start { order.is_lt() } else { order.is_le() }
        };
        // Nulls are outside of every value's range.
        let valued = self.valued.clone();
        Ok(valued.start + self.order[valued].partition_point(is_before))
    }
}
