//! Joins with keys: the right side in a hash table. When it is more than memory holds, the join is merged instead
//! ([`super::merge_join`]).

use futures::future::BoxFuture;
use hashbrown::HashMap;
use types::{Datum, Result};

use super::frames::Row;
use super::hash_key::KeyTypes;
use super::join::Shape;
use super::memory::{Claim, row_bytes};
use super::merge_join::{self, Side};
use super::source::{BATCH_ROWS_MAX, Batch, BoxSource, Source};
use crate::bound::Expr;

enum State {
    Left,
    /// The left side is used up; unmatched right rows from here follow.
    Right(usize),
    Done,
}

pub(super) struct HashJoin {
    left: Option<BoxSource>,
    /// Until it has been read.
    right: Option<BoxSource>,
    left_keys: Vec<Expr>,
    right_keys: Vec<Expr>,
    /// Of both sides, which are of one type in each pair.
    key_types: KeyTypes,
    shape: Option<Shape>,
    ordered: bool,
    table: Table,
    batch: std::vec::IntoIter<Row>,
    current: Option<Current>,
    state: State,
    /// The join itself, when the right side was too large.
    merged: Option<BoxSource>,
}

/// A left row on its way past its partners.
struct Current {
    left: Row,
    /// None if a part of it is null: it has no partners then.
    key: Option<Box<[u8]>>,
    /// How many partners it has passed.
    passed: usize,
    any: bool,
}

/// The right side.
struct Table {
    rows: Vec<Row>,
    /// For each right row whether it found a partner, when that matters.
    matched: Vec<bool>,
    by_key: HashMap<Box<[u8]>, Vec<u32>>,
    claim: Claim,
}

impl HashJoin {
    pub fn new(
        left: BoxSource,
        right: BoxSource,
        (left_keys, right_keys): (Vec<Expr>, Vec<Expr>),
        shape: Shape,
        ordered: bool,
    ) -> HashJoin {
        let claim = Claim::new(shape.at.context.memory());
        let key_types = KeyTypes::new(left_keys.iter().map(Expr::ty));
        HashJoin {
            left: Some(left),
            right: Some(right),
            left_keys,
            right_keys,
            key_types,
            shape: Some(shape),
            ordered,
            table: Table { rows: Vec::new(), matched: Vec::new(), by_key: HashMap::new(), claim },
            batch: Vec::new().into_iter(),
            current: None,
            state: State::Left,
            merged: None,
        }
    }

    async fn build(&mut self, mut right: BoxSource) -> Result<()> {
        let Some(shape) = &self.shape else { return Ok(()) };
        loop {
            let batch = right.next(BATCH_ROWS_MAX).await?;
            if batch.is_empty() {
                break;
            }
            shape.at.context.check()?;
            for row in batch {
                let mut bytes = row_bytes(&row);
                let key = shape.at.evaluate_all(&self.right_keys, &row).await?;
                if !key.iter().any(Datum::is_null) {
                    let key = self.key_types.of(&key, &shape.at.context)?;
                    bytes += key.len() + 64;
                    self.table.by_key.entry(key).or_default().push(self.table.rows.len() as u32);
                } else if !shape.keeps_right() {
                    continue;
                }
                self.table.claim.add(bytes)?;
                self.table.rows.push(row);
            }
            if self.table.claim.is_over() {
                return self.merge(right).await;
            }
        }
        if shape.keeps_right() {
            self.table.matched = vec![false; self.table.rows.len()];
        }
        Ok(())
    }

    /// Leaves the join, and what has been read of the right side, to a merge.
    async fn merge(&mut self, right: BoxSource) -> Result<()> {
        let (Some(left), Some(shape)) = (self.left.take(), self.shape.take()) else { return Ok(()) };
        self.table.by_key = HashMap::new();
        let read = std::mem::take(&mut self.table.rows);
        let left = Side { keys: std::mem::take(&mut self.left_keys), read: Vec::new(), rest: left };
        let right = Side { keys: std::mem::take(&mut self.right_keys), read, rest: right };
        // The rows that were read are given to the sort, which claims them anew.
        self.table.claim.keep(0);
        self.merged = Some(merge_join::open(left, right, shape, self.ordered).await?);
        Ok(())
    }

    /// Adds what a left row yields to `out`, which has room, until that is full: the rest follows the next time.
    async fn join_row(&mut self, mut current: Current, out: &mut Batch) -> Result<()> {
        let (Some(shape), table) = (&self.shape, &mut self.table) else { return Ok(()) };
        let partners: &[u32] = match &current.key {
            Some(key) => table.by_key.get(key).map_or(&[], Vec::as_slice),
            None => &[],
        };
        while let Some(at) = partners.get(current.passed) {
            if out.is_full() {
                self.current = Some(current);
                return Ok(());
            }
            current.passed += 1;
            if current.passed.is_multiple_of(1024) {
                shape.at.context.check()?;
                tokio::task::consume_budget().await;
            }
            let at = *at as usize;
            if shape.is_test() && shape.filter.is_none() {
                current.any = true;
                break;
            }
            let row = shape.combine(&current.left, &table.rows[at]);
            if !shape.passes(&row).await? {
                continue;
            }
            current.any = true;
            if shape.is_test() {
                break;
            }
            if shape.keeps_right() {
                table.matched[at] = true;
            }
            out.push(row);
        }
        shape.settle(current.left, current.any, out);
        Ok(())
    }

    async fn probe(&mut self, max: usize) -> Result<Vec<Row>> {
        let mut out = Batch::new(max);
        while !out.is_full() {
            if let Some(current) = self.current.take() {
                self.join_row(current, &mut out).await?;
                continue;
            }
            let (Some(shape), Some(left)) = (&self.shape, &mut self.left) else { break };
            match self.state {
                State::Left => match self.batch.next() {
                    Some(row) => {
                        let values = shape.at.evaluate_all(&self.left_keys, &row).await?;
                        let is_null = values.iter().any(Datum::is_null);
                        let key = if is_null { None } else { Some(self.key_types.of(&values, &shape.at.context)?) };
                        self.current = Some(Current { left: row, key, passed: 0, any: false });
                    }
                    // What is there is handed on before more is read.
                    None if !out.is_empty() => break,
                    None => {
                        shape.at.context.check()?;
                        self.batch = left.next(max).await?.into_iter();
                        if self.batch.len() == 0 {
                            self.state = if shape.keeps_right() { State::Right(0) } else { State::Done };
                        }
                    }
                },
                State::Right(from) => {
                    let mut at = from;
                    while at < self.table.rows.len() && !out.is_full() {
                        if !self.table.matched[at] {
                            out.push(shape.right_alone(&self.table.rows[at]));
                        }
                        at += 1;
                    }
                    self.state = if at == self.table.rows.len() { State::Done } else { State::Right(at) };
                }
                State::Done => break,
            }
        }
        Ok(out.into_rows())
    }
}

impl Source for HashJoin {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if let Some(right) = self.right.take() {
                self.build(right).await?;
            }
            match &mut self.merged {
                Some(merged) => merged.next(max).await,
                None => self.probe(max).await,
            }
        })
    }
}
