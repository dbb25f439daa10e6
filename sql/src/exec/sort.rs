//! Sorting and duplicate elimination.

use std::cmp::Ordering;

use futures::future::BoxFuture;
use hashbrown::HashSet;
use types::{Datum, Error, Result, SqlType, oid};

use super::basic::Place;
use super::frames::Row;
use super::hash_key::KeyTypes;
use super::memory::{Claim, LateClaim, UNCHARGED_BYTES_MAX};
use super::source::{BATCH_ROWS_MAX, BoxSource, Source};
use super::spill::{Sorted, Sorter, order_bytes};
use crate::bound::{Expr, SortKey};

/// A value as it is compared: char(n) without the blanks at its end, which do not count.
pub(crate) fn comparable(value: Datum, ty: SqlType) -> Datum {
    match &value {
        Datum::Text(text) if ty.oid == oid::BPCHAR => Datum::text(types::keycode::unpadded(text)),
        _ => value,
    }
}

/// The values of the sort keys over a row, as they are compared.
pub(crate) async fn key_values(at: &Place, keys: &[SortKey], row: &[Datum]) -> Result<Vec<Datum>> {
    let mut values = Vec::with_capacity(keys.len());
    for key in keys {
        values.push(comparable(at.evaluate(&key.expr, row).await?, key.expr.ty()));
    }
    Ok(values)
}

/// Compares two rows by their key values.
pub(crate) fn compare_keys(keys: &[SortKey], left: &[Datum], right: &[Datum]) -> Ordering {
    for (key, (left, right)) in keys.iter().zip(left.iter().zip(right)) {
        let order = match (left.is_null(), right.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if key.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if key.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if key.descending => right.compare(left),
            (false, false) => left.compare(right),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Sorts its whole input, keeping the order of equal rows. With a bound it keeps no more than twice the bound at a time.
pub(crate) struct Sort {
    input: Option<BoxSource>,
    keys: Vec<SortKey>,
    bound: Option<usize>,
    at: Place,
    sorted: Option<Sorted>,
}

impl Sort {
    pub fn new(at: Place, input: BoxSource, keys: Vec<SortKey>, bound: Option<usize>) -> Sort {
        Sort { input: Some(input), keys, bound, at, sorted: None }
    }

    async fn fill(&mut self, mut input: BoxSource) -> Result<()> {
        let mut sorter = Sorter::new(&self.at.context, self.bound);
        let mut bytes = Vec::new();
        loop {
            let batch = input.next(BATCH_ROWS_MAX).await?;
            if batch.is_empty() {
                break;
            }
            self.at.context.check()?;
            tokio::task::consume_budget().await;
            for row in batch {
                bytes.clear();
                bytes.shrink_to(UNCHARGED_BYTES_MAX);
                let mut making = LateClaim::default();
                for key in &self.keys {
                    let computed;
                    let value = match &key.expr {
                        // What most keys are needs no copy.
                        Expr::Column { index, .. } => &row[*index],
                        expr => {
                            computed = self.at.evaluate(expr, &row).await?;
                            &computed
                        }
                    };
                    making.add(value.heap_bytes(), &self.at.context)?;
                    order_bytes(value, key.expr.ty(), key.descending, key.nulls_first, &mut bytes);
                }
                drop(making);
                sorter.push(bytes.clone(), row).await?;
            }
        }
        self.sorted = Some(sorter.finish().await?);
        Ok(())
    }
}

impl Source for Sort {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if let Some(input) = self.input.take() {
                self.fill(input).await?;
            }
            match &mut self.sorted {
                Some(sorted) => sorted.take(max).await,
                None => Ok(Vec::new()),
            }
        })
    }
}

/// Keeps the first row of each set of equal ones, in their order.
///
/// When the rows seen are more than memory holds, those that follow and are not among them are sorted twice: by what
/// makes them equal, to find the first of each set, and back by their places in the input.
pub(crate) struct Distinct {
    input: BoxSource,
    on: Option<Vec<Expr>>,
    types: KeyTypes,
    at: Place,
    seen: HashSet<Box<[u8]>>,
    /// The key of one row; kept for its memory.
    key: Vec<u8>,
    claim: Claim,
    unseen: Option<Unseen>,
    rest: Option<Sorted>,
}

/// Rows that are perhaps the first of their kind. Each carries its place in the input behind it.
struct Unseen {
    sorter: Sorter,
    rows: i64,
}

impl Distinct {
    /// Of rows of these types.
    pub fn new(at: Place, input: BoxSource, types: Vec<SqlType>, on: Option<Vec<Expr>>) -> Distinct {
        let claim = Claim::new(at.context.memory());
        let types = match &on {
            Some(exprs) => KeyTypes::new(exprs.iter().map(Expr::ty)),
            None => KeyTypes::new(types),
        };
        Distinct { input, on, types, at, seen: HashSet::new(), key: Vec::new(), claim, unseen: None, rest: None }
    }

    /// The row, if it is surely the first of its kind.
    async fn pass(&mut self, mut row: Row) -> Result<Option<Row>> {
        let key = match &self.on {
            Some(exprs) => {
                let values = self.at.evaluate_all(exprs, &row).await?;
                self.types.of_in(&values, &self.at.context, &mut self.key)?
            }
            None => self.types.of_in(&row, &self.at.context, &mut self.key)?,
        };
        if self.seen.contains(key) {
            return Ok(None);
        }
        if self.unseen.is_none() && self.claim.is_over() {
            self.unseen = Some(Unseen { sorter: Sorter::new(&self.at.context, None), rows: 0 });
        }
        match &mut self.unseen {
            Some(unseen) => {
                row.push(Datum::Int8(unseen.rows));
                unseen.rows += 1;
                unseen.sorter.push(key.to_vec(), row).await?;
                Ok(None)
            }
            None => {
                self.claim.add(key.len() + 48)?;
                self.seen.insert(key.into());
                Ok(Some(row))
            }
        }
    }

    async fn finish(&mut self, unseen: Unseen) -> Result<Sorted> {
        self.seen = HashSet::new();
        self.claim.keep(0);
        let mut by_key = unseen.sorter.finish().await?;
        let mut by_place = Sorter::new(&self.at.context, None);
        let mut last: Option<Box<[u8]>> = None;
        while let Some(mut entry) = by_key.next().await? {
            if last.as_ref() == Some(&entry.key) {
                continue;
            }
            let place = entry.row.pop().ok_or_else(|| Error::internal("a row without its place"))?;
            let mut key = Vec::with_capacity(9);
            order_bytes(&place, SqlType::INT8, false, false, &mut key);
            by_place.push(key, entry.row).await?;
            last = Some(entry.key);
        }
        by_place.finish().await
    }
}

impl Source for Distinct {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            loop {
                if let Some(rest) = &mut self.rest {
                    return rest.take(max).await;
                }
                let batch = self.input.next(max).await?;
                if batch.is_empty() {
                    let Some(unseen) = self.unseen.take() else { return Ok(batch) };
                    self.rest = Some(self.finish(unseen).await?);
                    continue;
                }
                self.at.context.check()?;
                let mut kept = Vec::new();
                for row in batch {
                    kept.extend(self.pass(row).await?);
                }
                if !kept.is_empty() {
                    return Ok(kept);
                }
            }
        })
    }
}
