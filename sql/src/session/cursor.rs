//! Cursors of `DECLARE`: where they stand, and how FETCH and MOVE move them.
//!
//! A cursor stands on a row, before the first (position 0) or behind the last. One declared with SCROLL keeps the rows
//! that it has read, charged to the memory of its statement, so that it can go back; any other only goes forward, and a
//! step back is refused (55000). PostgreSQL also goes back without SCROLL where the plan happens to allow it.
//!
//! One declared WITH HOLD outlives its transaction: the rows that are left are gathered when it commits, in memory and then
//! in a temporary file, and the cursor goes on over these, wherever it stood.

use std::sync::Arc;

use types::{Error, Result, SqlState};

use crate::bound::FetchDirection;
use crate::exec::{ExecContext, Gathered, LateClaim, Row, RowSource, row_bytes};

/// How many rows are asked of the plan at once.
pub(super) const BATCH_ROWS: usize = 256;

/// What a portal of DECLARE is beside its running statement.
pub(crate) struct Cursor {
    /// The rows read so far, if the cursor can scroll.
    kept: Option<Vec<Row>>,
    claim: LateClaim,
    /// How many rows were read.
    read: u64,
    /// Whether the plan has no more.
    ended: bool,
    /// The row it stands on, from 1; 0 before the first, `read + 1` behind the last.
    position: u64,
}

/// Where the rows of a cursor come from, and who asks for them.
pub(super) struct Pulled<'a> {
    pub source: &'a mut RowSource,
    pub context: &'a Arc<ExecContext>,
}

/// What a movement passed.
#[derive(Default)]
pub(super) struct Passed {
    /// Rows.
    pub count: u64,
    /// Those that FETCH is to show.
    pub rows: Gathered,
}

impl Cursor {
    pub fn new(scroll: bool) -> Cursor {
        let claim = LateClaim::default();
        Cursor { kept: scroll.then(Vec::new), claim, read: 0, ended: false, position: 0 }
    }

    /// Whether it can go back.
    pub fn scrolls(&self) -> bool {
        self.kept.is_some()
    }

    /// Moves; `shows`: and returns the rows passed that FETCH is to show.
    pub async fn go(&mut self, from: &mut Pulled<'_>, direction: FetchDirection, shows: bool) -> Result<Passed> {
        match direction {
            FetchDirection::ForwardAll => self.forward(from, u64::MAX, shows).await,
            FetchDirection::BackwardAll => self.backward(from.context, u64::MAX, shows).await,
            FetchDirection::Forward(0) | FetchDirection::Backward(0) | FetchDirection::Relative(0) => {
                self.again(from.context).await
            }
            FetchDirection::Forward(count) if count > 0 => self.forward(from, count.unsigned_abs(), shows).await,
            FetchDirection::Backward(count) if count < 0 => self.forward(from, count.unsigned_abs(), shows).await,
            FetchDirection::Forward(count) | FetchDirection::Backward(count) => {
                self.backward(from.context, count.unsigned_abs(), shows).await
            }
            FetchDirection::Relative(count) if count > 0 => self.only(from, count.unsigned_abs()).await,
            FetchDirection::Relative(count) => {
                let target = self.position.saturating_sub(count.unsigned_abs());
                self.back_to(from.context, target).await
            }
            FetchDirection::Absolute(place) => {
                let target = match u64::try_from(place) {
                    Ok(target) => target,
                    Err(_) => {
                        self.forward(from, u64::MAX, false).await?;
                        (self.read + 1).saturating_sub(place.unsigned_abs())
                    }
                };
                if target > self.position {
                    return self.only(from, target - self.position).await;
                }
                self.back_to(from.context, target).await
            }
        }
    }

    /// Up to `count` further rows.
    async fn forward(&mut self, from: &mut Pulled<'_>, count: u64, shows: bool) -> Result<Passed> {
        let mut passed = Passed::default();
        if let Some(kept) = &self.kept {
            let start = self.position.min(self.read) as usize;
            let wanted = usize::try_from(count).unwrap_or(usize::MAX);
            for row in kept[start..].iter().take(wanted) {
                passed.count += 1;
                if shows {
                    passed.rows.push(row.clone(), from.context).await?;
                }
            }
            self.position += passed.count;
        }
        while passed.count < count && !self.ended {
            let left = usize::try_from(count - passed.count).unwrap_or(usize::MAX);
            let batch = from.source.next(left.min(BATCH_ROWS)).await?;
            self.ended = batch.is_empty();
            self.read += batch.len() as u64;
            self.position = self.read;
            passed.count += batch.len() as u64;
            if let Some(kept) = &mut self.kept {
                self.claim.add(batch.iter().map(|row| row_bytes(row)).sum(), from.context)?;
                kept.extend(batch.iter().cloned());
            }
            for row in batch.into_iter().filter(|_| shows) {
                passed.rows.push(row, from.context).await?;
            }
        }
        if passed.count < count {
            self.position = self.read + 1;
        }
        Ok(passed)
    }

    /// The last of `count` further rows, if there are so many.
    async fn only(&mut self, from: &mut Pulled<'_>, count: u64) -> Result<Passed> {
        let before = self.forward(from, count - 1, false).await?;
        match before.count == count - 1 {
            true => self.forward(from, 1, true).await,
            false => Ok(Passed::default()),
        }
    }

    /// Up to `count` rows back, the nearest first.
    async fn backward(&mut self, context: &Arc<ExecContext>, count: u64, shows: bool) -> Result<Passed> {
        let kept = self.kept.as_ref().ok_or_else(forward_only)?;
        let behind = self.position.saturating_sub(1);
        let shown = count.min(behind);
        let target = behind - shown;
        let mut passed = Passed { count: shown, ..Passed::default() };
        for row in kept[target as usize..behind as usize].iter().rev().filter(|_| shows) {
            passed.rows.push(row.clone(), context).await?;
        }
        self.position = if shown < count { 0 } else { target + 1 };
        Ok(passed)
    }

    /// The row at a place that is not ahead; nothing at 0.
    async fn back_to(&mut self, context: &Arc<ExecContext>, target: u64) -> Result<Passed> {
        if self.kept.is_none() && target < self.position {
            return Err(forward_only());
        }
        self.position = target;
        self.again(context).await
    }

    /// The row it stands on.
    async fn again(&mut self, context: &Arc<ExecContext>) -> Result<Passed> {
        let mut passed = Passed::default();
        if self.position == 0 || self.position > self.read {
            return Ok(passed);
        }
        let kept = self.kept.as_ref().ok_or_else(forward_only)?;
        passed.count = 1;
        passed.rows.push(kept[self.position as usize - 1].clone(), context).await?;
        Ok(passed)
    }
}

fn forward_only() -> Error {
    Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "cursor can only scan forward")
        .hint("Declare it with SCROLL option to enable backward scan.")
}
