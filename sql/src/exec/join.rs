//! Joins: by hash where the plan has keys, else by comparing every pair; lateral ones run their right side per left row.
//!
//! The right side is the one that is kept in memory. Left rows stream, so that their order survives.

use futures::future::BoxFuture;
use hashbrown::HashMap;
use types::{Datum, Result};

use super::basic::Place;
use super::frames::Row;
use super::hash_key;
use super::memory::row_bytes;
use super::source::{self, BATCH_ROWS_MAX, BoxSource, Source};
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
    let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = join.keys.iter().cloned().unzip();
    if join.lateral {
        let condition = join.keys.clone();
        return Ok(Box::new(LateralJoin {
            left,
            right: join.right.clone(),
            keys: condition,
            shape,
            batch: Vec::new().into_iter(),
            current: None,
        }));
    }
    Ok(Box::new(MemoryJoin {
        left,
        right: Some(open_plan(&at, &join.right)?),
        left_keys,
        right_keys,
        shape,
        rows: Vec::new(),
        matched: Vec::new(),
        by_key: HashMap::new(),
        batch: Vec::new().into_iter(),
        out: Vec::new(),
        state: State::Left,
        charged: 0,
    }))
}

fn open_plan(at: &Place, plan: &Plan) -> Result<BoxSource> {
    source::open(plan, &at.context, &at.frames)
}

struct Shape {
    kind: JoinKind,
    left_width: usize,
    right_width: usize,
    filter: Option<Expr>,
    at: Place,
}

impl Shape {
    fn combine(&self, left: &[Datum], right: &[Datum]) -> Row {
        let mut row = Vec::with_capacity(self.left_width + self.right_width);
        row.extend_from_slice(left);
        row.extend_from_slice(right);
        row
    }

    fn left_alone(&self, mut left: Row) -> Row {
        left.extend(std::iter::repeat_n(Datum::Null, self.right_width));
        left
    }

    fn right_alone(&self, right: &[Datum]) -> Row {
        let mut row = vec![Datum::Null; self.left_width];
        row.extend_from_slice(right);
        row
    }

    async fn passes(&self, row: &[Datum]) -> Result<bool> {
        match &self.filter {
            Some(filter) => self.at.holds(filter, row).await,
            None => Ok(true),
        }
    }

    fn keeps_right(&self) -> bool {
        matches!(self.kind, JoinKind::Right | JoinKind::Full)
    }
}

enum State {
    Left,
    /// The left side is used up; unmatched right rows from here follow.
    Right(usize),
    Done,
}

/// The right side in memory, hashed if there are keys.
struct MemoryJoin {
    left: BoxSource,
    right: Option<BoxSource>,
    left_keys: Vec<Expr>,
    right_keys: Vec<Expr>,
    shape: Shape,
    rows: Vec<Row>,
    /// For each right row whether it found a partner, when that matters.
    matched: Vec<bool>,
    by_key: HashMap<Box<[u8]>, Vec<u32>>,
    batch: std::vec::IntoIter<Row>,
    out: Vec<Row>,
    state: State,
    charged: usize,
}

impl MemoryJoin {
    async fn build(&mut self, mut right: BoxSource) -> Result<()> {
        loop {
            let batch = right.next(BATCH_ROWS_MAX).await?;
            if batch.is_empty() {
                break;
            }
            self.shape.at.context.check()?;
            let mut bytes = 0;
            for row in batch {
                bytes += row_bytes(&row);
                if !self.right_keys.is_empty() {
                    let key = self.shape.at.evaluate_all(&self.right_keys, &row).await?;
                    if !key.iter().any(Datum::is_null) {
                        let key = hash_key::of(&key);
                        bytes += key.len() + 64;
                        self.by_key.entry(key).or_default().push(self.rows.len() as u32);
                    } else if !self.shape.keeps_right() {
                        continue;
                    }
                }
                self.rows.push(row);
            }
            self.charged += bytes;
            self.shape.at.context.memory.charge(bytes)?;
        }
        if self.shape.keeps_right() {
            self.matched = vec![false; self.rows.len()];
        }
        Ok(())
    }

    /// Adds what one left row yields to `out`.
    async fn join_row(&mut self, left: Row) -> Result<()> {
        let candidates: Option<&[u32]> = if self.left_keys.is_empty() {
            None
        } else {
            let key = self.shape.at.evaluate_all(&self.left_keys, &left).await?;
            Some(if key.iter().any(Datum::is_null) {
                &[]
            } else {
                self.by_key.get(&hash_key::of(&key)).map_or(&[], Vec::as_slice)
            })
        };
        let count = candidates.map_or(self.rows.len(), <[u32]>::len);
        let mut any = false;
        for i in 0..count {
            if i % 1024 == 1023 {
                self.shape.at.context.check()?;
                tokio::task::consume_budget().await;
            }
            let at = candidates.map_or(i, |candidates| candidates[i] as usize);
            let simple = self.shape.filter.is_none();
            let row = if simple && matches!(self.shape.kind, JoinKind::Semi | JoinKind::Anti) {
                None
            } else {
                Some(self.shape.combine(&left, &self.rows[at]))
            };
            if let Some(row) = &row
                && !self.shape.passes(row).await?
            {
                continue;
            }
            any = true;
            match self.shape.kind {
                JoinKind::Semi | JoinKind::Anti => break,
                _ => {
                    if self.shape.keeps_right() {
                        self.matched[at] = true;
                    }
                    self.out.extend(row);
                }
            }
        }
        match (self.shape.kind, any) {
            (JoinKind::Left | JoinKind::Full, false) => self.out.push(self.shape.left_alone(left)),
            (JoinKind::Semi, true) | (JoinKind::Anti, false) => self.out.push(left),
            _ => {}
        }
        Ok(())
    }
}

impl Source for MemoryJoin {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if let Some(right) = self.right.take() {
                self.build(right).await?;
            }
            while self.out.is_empty() {
                match self.state {
                    State::Left => match self.batch.next() {
                        Some(left) => self.join_row(left).await?,
                        None => {
                            self.shape.at.context.check()?;
                            self.batch = self.left.next(max).await?.into_iter();
                            if self.batch.len() == 0 {
                                self.state = if self.shape.keeps_right() { State::Right(0) } else { State::Done };
                            }
                        }
                    },
                    State::Right(from) => {
                        let mut at = from;
                        while at < self.rows.len() && self.out.len() < max {
                            if !self.matched[at] {
                                self.out.push(self.shape.right_alone(&self.rows[at]));
                            }
                            at += 1;
                        }
                        self.state = if at == self.rows.len() { State::Done } else { State::Right(at) };
                    }
                    State::Done => return Ok(Vec::new()),
                }
            }
            if self.out.len() <= max {
                return Ok(std::mem::take(&mut self.out));
            }
            let rest = self.out.split_off(max);
            Ok(std::mem::replace(&mut self.out, rest))
        })
    }
}

impl Drop for MemoryJoin {
    fn drop(&mut self) {
        self.shape.at.context.memory.release(self.charged);
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
    async fn advance(&mut self, max: usize, out: &mut Vec<Row>) -> Result<bool> {
        let Some(mut current) = self.current.take() else { return Ok(true) };
        let kind = self.shape.kind;
        let wanted = if matches!(kind, JoinKind::Semi | JoinKind::Anti) { 16 } else { max };
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
            if matches!(kind, JoinKind::Semi | JoinKind::Anti) {
                decided = true;
                break;
            }
            out.push(row);
        }
        if decided {
            match (kind, current.matched) {
                (JoinKind::Left | JoinKind::Full, false) => out.push(self.shape.left_alone(current.left)),
                (JoinKind::Semi, true) | (JoinKind::Anti, false) => out.push(current.left),
                _ => {}
            }
        } else {
            self.current = Some(current);
        }
        Ok(decided)
    }
}

impl Source for LateralJoin {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            let mut out = Vec::new();
            while out.len() < max {
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
                let room = max - out.len();
                self.advance(room, &mut out).await?;
            }
            Ok(out)
        })
    }
}

/// Whether the pair is equal in all keys.
async fn keys_match(at: &Place, keys: &[(Expr, Expr)], left: &[Datum], right: &[Datum]) -> Result<bool> {
    for (left_key, right_key) in keys {
        let left = at.evaluate(left_key, left).await?;
        let right = at.evaluate(right_key, right).await?;
        if left.is_null() || right.is_null() || left != right {
            return Ok(false);
        }
    }
    Ok(true)
}
