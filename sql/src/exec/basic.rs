//! The small operators: VALUES, functions in FROM, filters, projections, limits.

use std::sync::Arc;

use futures::future::BoxFuture;
use types::function::SetFunction;
use types::{Call, Datum, Error, Result, SqlState};

use super::context::ExecContext;
use super::eval::{Env, Memo, Stop, eval, evaluate, holds, resume, types_of};
use super::frames::{Frames, Row};
use super::sort::{self, Sort};
use super::source::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, Batch, BoxSource, Source, long_bytes, open};
use crate::bound::{Expr, FunctionScan, Node, Plan, ProjectItem, SortKey};

/// Where an operator runs: its statement and the enclosing rows.
#[derive(Clone)]
pub(crate) struct Place {
    pub context: Arc<ExecContext>,
    pub frames: Frames,
}

impl Place {
    pub fn new(context: &Arc<ExecContext>, frames: &Frames) -> Place {
        Place { context: context.clone(), frames: frames.clone() }
    }

    pub async fn evaluate(&self, expr: &Expr, row: &[Datum]) -> Result<Datum> {
        evaluate(expr, &self.context, row, &self.frames).await
    }

    /// Looks for a cancel, too: what a single row takes may be long.
    pub async fn holds(&self, expr: &Expr, row: &[Datum]) -> Result<bool> {
        self.context.check()?;
        holds(expr, &self.context, row, &self.frames).await
    }

    pub async fn evaluate_all(&self, exprs: &[Expr], row: &[Datum]) -> Result<Row> {
        let mut values = Vec::with_capacity(exprs.len());
        self.evaluate_into(exprs, row, &mut values).await?;
        Ok(values)
    }

    /// Replaces what is in `values`, whose memory is used again. Looks for a cancel, too: what a single row takes may be
    /// long.
    pub async fn evaluate_into(&self, exprs: &[Expr], row: &[Datum], values: &mut Row) -> Result<()> {
        self.context.check()?;
        values.clear();
        for expr in exprs {
            let memo = Memo::default();
            let tried = eval(expr, &Env::new(&self.context, row, &self.frames).with_memo(&memo));
            // Awaiting costs a state machine per value, so the common case goes straight through.
            values.push(match tried {
                Ok(value) => value,
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Need(need)) => resume(expr, need, memo, &self.context, row, &self.frames).await?,
            });
        }
        Ok(())
    }

    /// The rows of a set-returning call.
    pub async fn set(&self, item: &SetCall, row: &[Datum]) -> Result<SetFunction> {
        let args = self.evaluate_all(&item.args, row).await?;
        let types = types_of(&item.args);
        item.function.call_set(&mut Call::new(&args, &types, item.ty, &self.context.settings))
    }
}

/// A set-returning call.
#[derive(Clone)]
pub(crate) struct SetCall {
    pub function: &'static types::Function,
    pub args: Vec<Expr>,
    pub ty: types::SqlType,
}

pub(crate) struct Values {
    rows: std::vec::IntoIter<Vec<Expr>>,
    at: Place,
}

impl Values {
    pub fn new(at: Place, rows: &[Vec<Expr>]) -> Values {
        Values { rows: Vec::from(rows).into_iter(), at }
    }
}

impl Source for Values {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            let mut batch = Batch::new(max);
            while !batch.is_full()
                && let Some(exprs) = self.rows.next()
            {
                batch.push(self.at.evaluate_all(&exprs, &[]).await?);
            }
            Ok(batch.into_rows())
        })
    }
}

pub(crate) struct Filter {
    pub input: BoxSource,
    pub predicate: Expr,
    pub at: Place,
}

impl Source for Filter {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            loop {
                let batch = self.input.next(max).await?;
                if batch.is_empty() {
                    return Ok(batch);
                }
                self.at.context.check()?;
                // As in a scan: what is below may be there already.
                tokio::task::consume_budget().await;
                let mut kept = Vec::with_capacity(batch.len());
                for row in batch {
                    if self.at.holds(&self.predicate, &row).await? {
                        kept.push(row);
                    }
                }
                if !kept.is_empty() {
                    return Ok(kept);
                }
            }
        })
    }
}

/// A filter that no row can change: judged before the first row is asked for.
pub(crate) struct Gate {
    input: BoxSource,
    /// Until it is judged.
    predicate: Option<Expr>,
    is_open: bool,
    at: Place,
}

impl Gate {
    pub fn new(at: Place, input: BoxSource, predicate: Expr) -> Gate {
        Gate { input, predicate: Some(predicate), is_open: false, at }
    }
}

impl Source for Gate {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if let Some(predicate) = &self.predicate {
                self.is_open = self.at.holds(predicate, &[]).await?;
                self.predicate = None;
            }
            if self.is_open { self.input.next(max).await } else { Ok(Vec::new()) }
        })
    }
}

/// Whether expressions over rows of `width` values are these values as they stand.
pub(crate) fn is_identity(exprs: &[Expr], width: usize) -> bool {
    let is = |(place, expr): (usize, &Expr)| matches!(expr, Expr::Column { index, .. } if *index == place);
    exprs.len() == width && exprs.iter().enumerate().all(is)
}

pub(crate) struct Project {
    input: BoxSource,
    exprs: Vec<Expr>,
    at: Place,
    /// Input that is to be computed yet, in order.
    rest: Vec<Row>,
}

impl Project {
    pub fn new(at: Place, input: BoxSource, exprs: Vec<Expr>) -> Project {
        Project { input, exprs, at, rest: Vec::new() }
    }
}

impl Source for Project {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            let mut batch = std::mem::take(&mut self.rest);
            if batch.is_empty() {
                batch = self.input.next(max).await?;
            } else if batch.len() > max {
                self.rest = batch.split_off(max);
            }
            // Each row is made in the memory of the one before it.
            let mut made = Row::with_capacity(self.exprs.len());
            let mut bytes = 0;
            for index in 0..batch.len() {
                self.at.evaluate_into(&self.exprs, &batch[index], &mut made).await?;
                bytes += long_bytes(&made);
                std::mem::swap(&mut batch[index], &mut made);
                if bytes > BATCH_BYTES_MAX {
                    let mut rest = batch.split_off(index + 1);
                    rest.append(&mut self.rest);
                    self.rest = rest;
                    break;
                }
            }
            Ok(batch)
        })
    }
}

/// A select list with set-returning functions: all sets of one input row advance in step until the longest ends.
pub(crate) struct ProjectSet {
    input: BoxSource,
    items: Vec<Item>,
    at: Place,
    pending: std::vec::IntoIter<Row>,
    current: Option<(Row, Vec<Option<SetFunction>>)>,
}

enum Item {
    Scalar(Expr),
    Set(SetCall),
}

impl ProjectSet {
    pub fn new(at: Place, input: BoxSource, items: Vec<ProjectItem>) -> ProjectSet {
        let item = |item| match item {
            ProjectItem::Scalar(expr) => Item::Scalar(expr),
            ProjectItem::Set { function, args, ty } => Item::Set(SetCall { function, args, ty }),
        };
        let items = items.into_iter().map(item).collect();
        ProjectSet { input, items, at, pending: Vec::new().into_iter(), current: None }
    }

    async fn start_row(&mut self) -> Result<bool> {
        let row = match self.pending.next() {
            Some(row) => row,
            None => {
                self.pending = self.input.next(1).await?.into_iter();
                match self.pending.next() {
                    Some(row) => row,
                    None => return Ok(false),
                }
            }
        };
        let mut sets = Vec::with_capacity(self.items.len());
        for item in &self.items {
            sets.push(match item {
                Item::Scalar(_) => None,
                Item::Set(call) => Some(self.at.set(call, &row).await?),
            });
        }
        self.current = Some((row, sets));
        Ok(true)
    }
}

impl Source for ProjectSet {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            let mut batch = Batch::new(max);
            while !batch.is_full() {
                if self.current.is_none() && !self.start_row().await? {
                    break;
                }
                let Some((row, sets)) = &mut self.current else { break };
                let mut values = Vec::with_capacity(self.items.len());
                let mut any = false;
                for set in sets.iter_mut() {
                    values.push(match set {
                        None => Datum::Null,
                        Some(set) => match set.next().transpose()? {
                            Some(value) => {
                                any = true;
                                value
                            }
                            None => Datum::Null,
                        },
                    });
                }
                if !any {
                    self.current = None;
                    self.at.context.check()?;
                    continue;
                }
                for (item, value) in self.items.iter().zip(&mut values) {
                    if let Item::Scalar(expr) = item {
                        *value = self.at.evaluate(expr, row).await?;
                    }
                }
                batch.push(values);
            }
            self.at.context.check()?;
            Ok(batch.into_rows())
        })
    }
}

/// Functions in FROM.
pub(crate) struct FunctionRows {
    calls: Vec<Expr>,
    widths: Vec<usize>,
    ordinality: bool,
    at: Place,
    sets: Option<Vec<Option<SetFunction>>>,
    number: i64,
}

impl FunctionRows {
    pub fn new(at: Place, scan: &FunctionScan) -> FunctionRows {
        let FunctionScan { calls, widths, ordinality } = scan.clone();
        FunctionRows { calls, widths, ordinality, at, sets: None, number: 0 }
    }

    async fn start(&mut self) -> Result<()> {
        let mut sets: Vec<Option<SetFunction>> = Vec::with_capacity(self.calls.len());
        for call in &self.calls {
            sets.push(Some(match call {
                Expr::Call(set) if set.function.returns_set => {
                    let call = SetCall { function: set.function, args: set.args.clone(), ty: set.ty };
                    self.at.set(&call, &[]).await?
                }
                expr => Box::new(std::iter::once(Ok(self.at.evaluate(expr, &[]).await?))),
            }));
        }
        self.sets = Some(sets);
        Ok(())
    }
}

impl Source for FunctionRows {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if self.sets.is_none() {
                self.start().await?;
            }
            let Some(sets) = &mut self.sets else { return Ok(Vec::new()) };
            let mut batch = Batch::new(max);
            while !batch.is_full() {
                let mut row = Vec::with_capacity(self.widths.iter().sum::<usize>() + 1);
                let mut any = false;
                for (slot, width) in sets.iter_mut().zip(&self.widths) {
                    let value = match slot {
                        Some(set) => set.next().transpose()?,
                        None => None,
                    };
                    match value {
                        None => {
                            *slot = None;
                            row.extend(std::iter::repeat_n(Datum::Null, *width));
                        }
                        Some(Datum::Record(fields)) if *width != 1 || fields.len() == 1 => {
                            any = true;
                            row.extend(fields.iter().map(Datum::from_field));
                        }
                        Some(Datum::Null) => {
                            any = true;
                            row.extend(std::iter::repeat_n(Datum::Null, *width));
                        }
                        Some(value) => {
                            any = true;
                            row.push(value);
                        }
                    }
                }
                if !any {
                    break;
                }
                self.number += 1;
                if self.ordinality {
                    row.push(Datum::Int8(self.number));
                }
                batch.push(row);
            }
            self.at.context.check()?;
            Ok(batch.into_rows())
        })
    }
}

/// LIMIT and OFFSET; over a sort, the sort is told how many rows are wanted.
struct Limit {
    input: BoxSource,
    /// Rows still to be skipped.
    skip: u64,
    /// Rows still to be yielded; `None` for no limit.
    left: Option<u64>,
    ties: Option<Ties>,
    at: Place,
}

/// FETCH FIRST ... WITH TIES: rows equal to the last one in these keys follow.
struct Ties {
    keys: Vec<SortKey>,
    last: Option<Vec<Datum>>,
}

/// A limit whose counts are not yet known.
struct PendingLimit {
    input: Option<Input>,
    limit: Option<Expr>,
    offset: Option<Expr>,
    ties: Option<Vec<SortKey>>,
    at: Place,
    open: Option<Limit>,
}

enum Input {
    Any(BoxSource),
    Sort(BoxSource, Vec<SortKey>),
}

pub(crate) fn open_limit(
    at: Place,
    input: &Plan,
    limit: Option<&Expr>,
    offset: Option<&Expr>,
    ties: Option<&[SortKey]>,
) -> Result<BoxSource> {
    let source = match &input.node {
        Node::Sort { input, keys } if ties.is_none() => {
            Input::Sort(open(input, &at.context, &at.frames)?, keys.clone())
        }
        _ => Input::Any(open(input, &at.context, &at.frames)?),
    };
    let (limit, offset) = (limit.cloned(), offset.cloned());
    let ties = ties.map(<[SortKey]>::to_vec);
    Ok(Box::new(PendingLimit { input: Some(source), limit, offset, ties, at, open: None }))
}

impl PendingLimit {
    async fn count(at: &Place, expr: Option<&Expr>, state: SqlState, what: &str) -> Result<Option<u64>> {
        let Some(expr) = expr else { return Ok(None) };
        match at.evaluate(expr, &[]).await? {
            Datum::Null => Ok(None),
            value => match u64::try_from(value.as_i64().unwrap_or(0)) {
                Ok(count) => Ok(Some(count)),
                Err(_) => Err(Error::new(state, format!("{what} must not be negative"))),
            },
        }
    }

    async fn start(&mut self) -> Result<()> {
        let offset_state = SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE;
        let skip = PendingLimit::count(&self.at, self.offset.as_ref(), offset_state, "OFFSET").await?.unwrap_or(0);
        let limit_state = SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE;
        let left = PendingLimit::count(&self.at, self.limit.as_ref(), limit_state, "LIMIT").await?;
        let Some(input) = self.input.take() else { return Ok(()) };
        let input = match input {
            Input::Any(source) => source,
            Input::Sort(source, keys) => {
                let bound = left.map(|left| left.saturating_add(skip));
                let bound = bound.and_then(|rows| usize::try_from(rows).ok());
                Box::new(Sort::new(self.at.clone(), source, keys, bound))
            }
        };
        let ties = self.ties.take().map(|keys| Ties { keys, last: None });
        self.open = Some(Limit { input, skip, left, ties, at: self.at.clone() });
        Ok(())
    }
}

impl Source for PendingLimit {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if self.open.is_none() {
                self.start().await?;
            }
            match &mut self.open {
                Some(limit) => limit.next(max).await,
                None => Ok(Vec::new()),
            }
        })
    }
}

impl Limit {
    async fn next(&mut self, max: usize) -> Result<Vec<Row>> {
        while self.skip > 0 {
            let wanted = usize::try_from(self.skip).unwrap_or(usize::MAX).min(BATCH_ROWS_MAX);
            let skipped = self.input.next(wanted).await?;
            if skipped.is_empty() {
                return Ok(skipped);
            }
            self.skip -= skipped.len() as u64;
        }
        let wanted = match self.left {
            Some(0) => return self.next_ties().await,
            Some(left) => max.min(usize::try_from(left).unwrap_or(usize::MAX)),
            None => max,
        };
        let batch = self.input.next(wanted).await?;
        if let Some(left) = &mut self.left {
            *left -= batch.len() as u64;
        }
        if let (Some(ties), Some(last)) = (&mut self.ties, batch.last()) {
            ties.last = Some(sort::key_values(&self.at, &ties.keys, last).await?);
        }
        Ok(batch)
    }

    async fn next_ties(&mut self) -> Result<Vec<Row>> {
        let Some(ties) = &mut self.ties else { return Ok(Vec::new()) };
        let Some(last) = &ties.last else { return Ok(Vec::new()) };
        let batch = self.input.next(1).await?;
        if let Some(row) = batch.first() {
            let values = sort::key_values(&self.at, &ties.keys, row).await?;
            if values != *last {
                self.ties = None;
                return Ok(Vec::new());
            }
        }
        Ok(batch)
    }
}
