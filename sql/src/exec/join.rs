//! Joins: by hash where the plan has keys, else by comparing every pair; lateral ones run their right side per left row.
//!
//! The right side is the one that is kept. Left rows stream, so that their order survives; a join with keys whose right
//! side is more than memory holds is merged instead ([`merge_join`](super::merge_join)), and sorted back into that order
//! if the plan relies on it ([`Join::ordered`]).

use futures::future::BoxFuture;
use types::{Datum, Result};

use super::basic::Place;
use super::frames::Row;
use super::hash_join::HashJoin;
use super::loop_join::LoopJoin;
use super::sort::comparable;
use super::source::{self, Batch, BoxSource, Source};
use super::spill::SpoolReader;
use crate::bound::{Expr, Join, JoinKind, Plan};

pub(crate) fn open(at: Place, join: &Join) -> Result<BoxSource> {
    let left = open_plan(&at, &join.left)?;
    let shape = Shape {
        kind: join.kind,
        left_width: join.left.width(),
        right_width: join.right.width(),
        filter: join.filter.clone(),
        at: at.clone(),
    };
    if join.lateral {
        return Ok(Box::new(LateralJoin {
            left,
            right: join.right.clone(),
            keys: join.keys.clone(),
            shape,
            batch: Vec::new().into_iter(),
            current: None,
        }));
    }
    let right = open_plan(&at, &join.right)?;
    if join.keys.is_empty() {
        return Ok(Box::new(LoopJoin::new(left, right, shape)));
    }
    Ok(Box::new(HashJoin::new(left, right, join.keys.iter().cloned().unzip(), shape, join.ordered)))
}

fn open_plan(at: &Place, plan: &Plan) -> Result<BoxSource> {
    source::open(plan, &at.context, &at.frames)
}

/// What a join makes of its rows.
pub(super) struct Shape {
    pub kind: JoinKind,
    pub left_width: usize,
    pub right_width: usize,
    pub filter: Option<Expr>,
    pub at: Place,
}

impl Shape {
    pub fn combine(&self, left: &[Datum], right: &[Datum]) -> Row {
        let mut row = Vec::with_capacity(self.left_width + self.right_width);
        row.extend_from_slice(left);
        row.extend_from_slice(right);
        row
    }

    pub fn left_alone(&self, mut left: Row) -> Row {
        left.extend(std::iter::repeat_n(Datum::Null, self.right_width));
        left
    }

    pub fn right_alone(&self, right: &[Datum]) -> Row {
        let mut row = vec![Datum::Null; self.left_width];
        row.extend_from_slice(right);
        row
    }

    pub async fn passes(&self, row: &[Datum]) -> Result<bool> {
        match &self.filter {
            Some(filter) => self.at.holds(filter, row).await,
            None => Ok(true),
        }
    }

    pub fn keeps_right(&self) -> bool {
        matches!(self.kind, JoinKind::Right | JoinKind::Full)
    }

    /// Whether one match decides what becomes of a left row.
    pub fn is_test(&self) -> bool {
        matches!(self.kind, JoinKind::Semi | JoinKind::Anti)
    }

    /// Adds what becomes of a left row besides its pairs, once it is known whether there is one.
    pub fn settle(&self, left: Row, any: bool, out: &mut Batch) {
        match (self.kind, any) {
            (JoinKind::Left | JoinKind::Full, false) => out.push(self.left_alone(left)),
            (JoinKind::Semi, true) | (JoinKind::Anti, false) => out.push(left),
            _ => {}
        }
    }
}

/// A left row on its way past right rows.
pub(super) struct Pairing {
    left: Row,
    right: SpoolReader,
    /// How many right rows it has passed.
    passed: usize,
    any: bool,
}

/// How many right rows are read at once.
const PAIRS: usize = 1024;

impl Pairing {
    pub fn new(left: Row, right: SpoolReader) -> Pairing {
        Pairing { left, right, passed: 0, any: false }
    }

    /// Passes further right rows until `out` is full; true at their end. Notes in `matched`, if it has room, which
    /// right rows found a partner.
    pub async fn advance(&mut self, shape: &Shape, matched: &mut [bool], out: &mut Batch) -> Result<bool> {
        while !out.is_full() {
            shape.at.context.check()?;
            tokio::task::consume_budget().await;
            let rows = self.right.next(out.room().min(PAIRS)).await?;
            let ended = rows.is_empty();
            for right in rows.iter() {
                let at = self.passed;
                self.passed += 1;
                let row = shape.combine(&self.left, right);
                if !shape.passes(&row).await? {
                    continue;
                }
                self.any = true;
                if shape.is_test() {
                    break;
                }
                if let Some(matched) = matched.get_mut(at) {
                    *matched = true;
                }
                out.push(row);
            }
            if ended || (self.any && shape.is_test()) {
                shape.settle(std::mem::take(&mut self.left), self.any, out);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The right rows that found no partner.
pub(super) struct Unmatched {
    right: SpoolReader,
    passed: usize,
}

impl Unmatched {
    pub fn new(right: SpoolReader) -> Unmatched {
        Unmatched { right, passed: 0 }
    }

    /// Adds some of them to `out` until it is full; true at their end.
    pub async fn advance(&mut self, shape: &Shape, matched: &[bool], out: &mut Batch) -> Result<bool> {
        while !out.is_full() {
            shape.at.context.check()?;
            let rows = self.right.next(out.room()).await?;
            if rows.is_empty() {
                return Ok(true);
            }
            for row in rows.iter() {
                if !matched[self.passed] {
                    out.push(shape.right_alone(row));
                }
                self.passed += 1;
            }
        }
        Ok(false)
    }
}

/// The right side run once for each left row.
struct LateralJoin {
    left: BoxSource,
    right: Plan,
    keys: Vec<(Expr, Expr)>,
    shape: Shape,
    batch: std::vec::IntoIter<Row>,
    current: Option<Current>,
}

struct Current {
    left: Row,
    right: BoxSource,
    matched: bool,
}

impl LateralJoin {
    /// Pulls from the right side of the current left row; true when it is used up.
    async fn advance(&mut self, out: &mut Batch) -> Result<bool> {
        let Some(mut current) = self.current.take() else { return Ok(true) };
        let wanted = if self.shape.is_test() { 16 } else { out.room() };
        let batch = current.right.next(wanted).await?;
        let ended = batch.is_empty();
        let mut decided = ended;
        for right in batch {
            if !keys_match(&self.shape.at, &self.keys, &current.left, &right).await? {
                continue;
            }
            let row = self.shape.combine(&current.left, &right);
            if !self.shape.passes(&row).await? {
                continue;
            }
            current.matched = true;
            if self.shape.is_test() {
                decided = true;
                break;
            }
            out.push(row);
        }
        if decided {
            self.shape.settle(current.left, current.matched, out);
        } else {
            self.current = Some(current);
        }
        Ok(decided)
    }
}

impl Source for LateralJoin {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            let mut out = Batch::new(max);
            while !out.is_full() {
                if self.current.is_none() {
                    let left = match self.batch.next() {
                        Some(left) => left,
                        None => {
                            self.batch = self.left.next(max).await?.into_iter();
                            match self.batch.next() {
                                Some(left) => left,
                                None => break,
                            }
                        }
                    };
                    self.shape.at.context.check()?;
                    let frames = self.shape.at.frames.push(left.clone());
                    let right = source::open(&self.right, &self.shape.at.context, &frames)?;
                    self.current = Some(Current { left, right, matched: false });
                }
                self.advance(&mut out).await?;
            }
            Ok(out.into_rows())
        })
    }
}

/// Whether the pair is equal in all keys.
async fn keys_match(at: &Place, keys: &[(Expr, Expr)], left: &[Datum], right: &[Datum]) -> Result<bool> {
    for (left_key, right_key) in keys {
        let left = comparable(at.evaluate(left_key, left).await?, left_key.ty());
        let right = comparable(at.evaluate(right_key, right).await?, right_key.ty());
        if left.is_null() || right.is_null() || left != right {
            return Ok(false);
        }
    }
    Ok(true)
}
