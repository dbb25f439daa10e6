//! Joins with keys whose right side is more than memory holds: both sides are sorted on their keys and merged.
//!
//! The right rows of one key form a group, which a [`Spool`] keeps while the left rows of that key pass. Rows with a null
//! key meet nobody: they are sorted to the front, under a key that no group has.
//!
//! The result is in the order of the keys. Where the plan relies on the order of the left side, left rows carry their
//! places, and the result is sorted by them.

use std::cmp::Ordering;
use std::sync::Arc;

use futures::future::BoxFuture;
use types::{Datum, Result, SqlType};

use super::frames::Row;
use super::hash_key::KeyTypes;
use super::join::{Pairing, Shape, Unmatched};
use super::source::{BATCH_ROWS_MAX, Batch, BoxSource, Source};
use super::spill::{Entry, Sorted, Sorter, Spool, Spooled, order_bytes};
use crate::bound::Expr;

/// Before the key of a row that may have partners; a row that has none has no key at all.
const MAY_MATCH: u8 = 1;

/// One side of the join.
pub(super) struct Side {
    pub keys: Vec<Expr>,
    /// Rows that have been read.
    pub read: Vec<Row>,
    pub rest: BoxSource,
}

/// Sorts both sides and starts the merge.
///
/// # Errors
/// Those of the sides and of temporary files.
pub(super) async fn open(left: Side, right: Side, mut shape: Shape, ordered: bool) -> Result<BoxSource> {
    let right = sorted(right, &shape, false).await?;
    let left = sorted(left, &shape, ordered).await?;
    if ordered {
        // The place stands behind the left row, so it is between the sides of a pair.
        shape.left_width += 1;
        if let Some(filter) = &mut shape.filter {
            let width = shape.left_width - 1;
            crate::bound::walk::map_columns(filter, &|index| if index < width { index } else { index + 1 });
        }
    }
    let place = shape.left_width - 1;
    let at = shape.at.clone();
    let mut merge = MergeJoin {
        left,
        left_head: None,
        right,
        right_head: None,
        group: None,
        shape,
        current: None,
        unmatched: None,
    };
    merge.left_head = merge.left.next().await?;
    merge.right_head = merge.right.next().await?;
    if !ordered {
        return Ok(Box::new(merge));
    }
    let mut by_place = Sorter::new(&at.context, None);
    loop {
        let batch = merge.next(BATCH_ROWS_MAX).await?;
        if batch.is_empty() {
            break;
        }
        for mut row in batch {
            let value = row.remove(place);
            let mut key = Vec::with_capacity(9);
            // Right rows without a partner have no place: null, which comes last.
            order_bytes(&value, SqlType::INT8, false, false, &mut key);
            by_place.push(key, row).await?;
        }
    }
    Ok(Box::new(InOrder(by_place.finish().await?)))
}

/// Sorts one side on its keys. With `places` each row gets its number appended.
async fn sorted(mut side: Side, shape: &Shape, places: bool) -> Result<Sorted> {
    let context = &shape.at.context;
    let types = KeyTypes::new(side.keys.iter().map(Expr::ty));
    let mut sorter = Sorter::new(context, None);
    let mut batch = std::mem::take(&mut side.read);
    let mut count = 0;
    loop {
        if batch.is_empty() {
            batch = side.rest.next(BATCH_ROWS_MAX).await?;
            if batch.is_empty() {
                return sorter.finish().await;
            }
        }
        context.check()?;
        tokio::task::consume_budget().await;
        for mut row in batch.drain(..) {
            let values = shape.at.evaluate_all(&side.keys, &row).await?;
            let mut key = Vec::new();
            if !values.iter().any(Datum::is_null) {
                key.push(MAY_MATCH);
                key.extend_from_slice(&types.of(&values, context)?);
            }
            if places {
                row.push(Datum::Int8(count));
                count += 1;
            }
            sorter.push(key, row).await?;
        }
    }
}

/// The right rows of one key.
struct Group {
    key: Box<[u8]>,
    rows: Arc<Spooled>,
    /// For each row whether it found a partner, when that matters.
    matched: Vec<bool>,
}

struct MergeJoin {
    left: Sorted,
    /// The next left row.
    left_head: Option<Entry>,
    right: Sorted,
    /// The first right row behind the group.
    right_head: Option<Entry>,
    group: Option<Group>,
    shape: Shape,
    current: Option<Pairing>,
    /// The rest of the group, which no further left row meets.
    unmatched: Option<Unmatched>,
}

impl MergeJoin {
    /// Adds right rows without a partner up to those with this key (all, if there is none) until `out` is full; true
    /// when that is done.
    async fn skip_right(&mut self, key: Option<&[u8]>, out: &mut Batch) -> Result<bool> {
        while let Some(head) = &self.right_head
            && key.is_none_or(|key| *head.key < *key)
        {
            if out.is_full() {
                return Ok(false);
            }
            let next = self.right.next().await?;
            if let Some(passed) = std::mem::replace(&mut self.right_head, next)
                && self.shape.keeps_right()
            {
                out.push(self.shape.right_alone(&passed.row));
            }
        }
        Ok(true)
    }

    /// Gathers the right rows with this key.
    async fn gather(&mut self, key: &[u8]) -> Result<()> {
        let mut spool = Spool::new(&self.shape.at.context);
        while let Some(head) = self.right_head.take() {
            if *head.key != *key {
                self.right_head = Some(head);
                break;
            }
            spool.push(head.row).await?;
            self.right_head = self.right.next().await?;
        }
        let rows = spool.finish().await?;
        let matched = if self.shape.keeps_right() { vec![false; rows.len()] } else { Vec::new() };
        self.group = Some(Group { key: key.into(), rows, matched });
        Ok(())
    }

    /// Ends the group; its rows without a partner follow.
    fn leave_group(&mut self) {
        match &self.group {
            Some(group) if self.shape.keeps_right() => self.unmatched = Some(Unmatched::new(group.rows.read())),
            _ => self.group = None,
        }
    }
}

impl MergeJoin {
    /// Takes the next step: `out` is not full. False at the end.
    async fn step(&mut self, out: &mut Batch) -> Result<bool> {
        if let (Some(unmatched), Some(group)) = (&mut self.unmatched, &self.group) {
            if unmatched.advance(&self.shape, &group.matched, out).await? {
                self.unmatched = None;
                self.group = None;
            }
            return Ok(true);
        }
        if let (Some(current), Some(group)) = (&mut self.current, &mut self.group) {
            if current.advance(&self.shape, &mut group.matched, out).await? {
                self.current = None;
            }
            return Ok(true);
        }
        let Some(left) = self.left_head.take() else {
            if self.group.is_some() {
                self.leave_group();
                return Ok(true);
            }
            return Ok(!self.skip_right(None, out).await?);
        };
        match self.group.as_ref().map(|group| group.key.cmp(&left.key)) {
            Some(Ordering::Equal) => {}
            Some(_) => {
                self.leave_group();
                self.left_head = Some(left);
                return Ok(true);
            }
            None if left.key.is_empty() => {}
            None => {
                // The left row may come out by itself, and needs room, too.
                if !self.skip_right(Some(&left.key), out).await? || out.is_full() {
                    self.left_head = Some(left);
                    return Ok(true);
                }
                if self.right_head.as_ref().is_some_and(|head| head.key == left.key) {
                    self.gather(&left.key).await?;
                }
            }
        }
        match &self.group {
            Some(group) => self.current = Some(Pairing::new(left.row, group.rows.read())),
            None => self.shape.settle(left.row, false, out),
        }
        self.left_head = self.left.next().await?;
        Ok(true)
    }
}

impl Source for MergeJoin {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            let mut out = Batch::new(max);
            while !out.is_full() && self.step(&mut out).await? {}
            Ok(out.into_rows())
        })
    }
}

/// Rows that have been sorted.
struct InOrder(Sorted);

impl Source for InOrder {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(self.0.take(max))
    }
}
