//! Sorting and duplicate elimination, in memory.

use std::cmp::Ordering;

use futures::future::BoxFuture;
use hashbrown::HashSet;
use types::{Datum, Result};

use super::basic::Place;
use super::frames::Row;
use super::hash_key;
use super::memory::row_bytes;
use super::source::{BATCH_ROWS_MAX, BoxSource, OwnedRows, Source};
use crate::bound::{Expr, SortKey};

/// The values of the sort keys over a row.
pub(crate) async fn key_values(at: &Place, keys: &[SortKey], row: &[Datum]) -> Result<Vec<Datum>> {
    let mut values = Vec::with_capacity(keys.len());
    for key in keys {
        values.push(at.evaluate(&key.expr, row).await?);
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
    sorted: OwnedRows,
    charged: usize,
}

/// Below this many rows a bounded sort does not bother to cut.
const CUT_ROWS_MIN: usize = 1024;

impl Sort {
    pub fn new(at: Place, input: BoxSource, keys: Vec<SortKey>, bound: Option<usize>) -> Sort {
        Sort { input: Some(input), keys, bound, at, sorted: OwnedRows::new(Vec::new()), charged: 0 }
    }

    async fn fill(&mut self, mut input: BoxSource) -> Result<()> {
        let mut rows: Vec<(Vec<Datum>, Row)> = Vec::new();
        loop {
            let batch = input.next(BATCH_ROWS_MAX).await?;
            if batch.is_empty() {
                break;
            }
            self.at.context.check()?;
            let mut bytes = 0;
            for row in batch {
                let values = key_values(&self.at, &self.keys, &row).await?;
                bytes += row_bytes(&row) + row_bytes(&values);
                rows.push((values, row));
            }
            self.charged += bytes;
            self.at.context.memory.charge(bytes)?;
            if let Some(bound) = self.bound
                && rows.len() > bound.saturating_mul(2).max(CUT_ROWS_MIN)
            {
                let average = self.charged / rows.len();
                rows.sort_by(|a, b| compare_keys(&self.keys, &a.0, &b.0));
                let surplus = (rows.len() - bound) * average;
                rows.truncate(bound);
                self.charged -= surplus;
                self.at.context.memory.release(surplus);
            }
        }
        rows.sort_by(|a, b| compare_keys(&self.keys, &a.0, &b.0));
        self.sorted = OwnedRows::new(rows.into_iter().map(|(_, row)| row).collect());
        Ok(())
    }
}

impl Source for Sort {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if let Some(input) = self.input.take() {
                self.fill(input).await?;
            }
            Ok(self.sorted.take(max))
        })
    }
}

impl Drop for Sort {
    fn drop(&mut self) {
        self.at.context.memory.release(self.charged);
    }
}

/// Keeps the first row of each set of equal ones.
pub(crate) struct Distinct {
    input: BoxSource,
    on: Option<Vec<Expr>>,
    at: Place,
    seen: HashSet<Box<[u8]>>,
    charged: usize,
}

impl Distinct {
    pub fn new(at: Place, input: BoxSource, on: Option<Vec<Expr>>) -> Distinct {
        Distinct { input, on, at, seen: HashSet::new(), charged: 0 }
    }
}

impl Source for Distinct {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            loop {
                let batch = self.input.next(max).await?;
                if batch.is_empty() {
                    return Ok(batch);
                }
                self.at.context.check()?;
                let mut kept = Vec::new();
                for row in batch {
                    let key = match &self.on {
                        Some(exprs) => hash_key::of(&self.at.evaluate_all(exprs, &row).await?),
                        None => hash_key::of(&row),
                    };
                    let bytes = key.len() + 48;
                    if self.seen.insert(key) {
                        self.charged += bytes;
                        self.at.context.memory.charge(bytes)?;
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

impl Drop for Distinct {
    fn drop(&mut self) {
        self.at.context.memory.release(self.charged);
    }
}
