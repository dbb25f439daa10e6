//! Cursors of `DECLARE`: where they stand, and how FETCH and MOVE move them.
//!
//! A cursor stands on a row, before the first (position 0) or behind the last. One declared with SCROLL keeps the rows
//! that it has read, charged to the memory of its statement, so that it can go back; any other only goes forward, and a
//! step back is refused (55000). PostgreSQL also goes back without SCROLL where the plan happens to allow it.

use types::{Error, Result, SqlState};

use super::portal::Running;
use crate::bound::FetchDirection;
use crate::exec::Row;

/// How many rows are asked of the plan at once.
const BATCH_ROWS: usize = 256;

/// What a portal of DECLARE is beside its running statement.
pub(crate) struct Cursor {
    /// The rows read so far, if the cursor can scroll.
    kept: Option<Vec<Row>>,
    /// How many rows were read.
    read: u64,
    /// Whether the plan has no more.
    ended: bool,
    /// The row it stands on, from 1; 0 before the first, `read + 1` behind the last.
    position: u64,
}

impl Cursor {
    pub fn new(scroll: bool) -> Cursor {
        Cursor { kept: scroll.then(Vec::new), read: 0, ended: false, position: 0 }
    }

    /// Whether it can go back.
    pub fn scrolls(&self) -> bool {
        self.kept.is_some()
    }

    /// Moves, and returns the rows passed that FETCH is to show.
    pub async fn go(&mut self, running: &mut Running, direction: FetchDirection) -> Result<Vec<Row>> {
        match direction {
            FetchDirection::ForwardAll => self.forward(running, u64::MAX).await,
            FetchDirection::BackwardAll => self.backward(u64::MAX),
            FetchDirection::Forward(0) | FetchDirection::Backward(0) | FetchDirection::Relative(0) => self.again(),
            FetchDirection::Forward(count) if count > 0 => self.forward(running, count.unsigned_abs()).await,
            FetchDirection::Backward(count) if count < 0 => self.forward(running, count.unsigned_abs()).await,
            FetchDirection::Forward(count) | FetchDirection::Backward(count) => self.backward(count.unsigned_abs()),
            FetchDirection::Relative(count) if count > 0 => self.only(running, count.unsigned_abs()).await,
            FetchDirection::Relative(count) => {
                let target = self.position.saturating_sub(count.unsigned_abs());
                self.back_to(target)
            }
            FetchDirection::Absolute(place) => {
                let target = match u64::try_from(place) {
                    Ok(target) => target,
                    Err(_) => {
                        self.forward(running, u64::MAX).await?;
                        (self.read + 1).saturating_sub(place.unsigned_abs())
                    }
                };
                if target > self.position {
                    return self.only(running, target - self.position).await;
                }
                self.back_to(target)
            }
        }
    }

    /// Up to `count` further rows.
    async fn forward(&mut self, running: &mut Running, count: u64) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        if let Some(kept) = &self.kept {
            let from = self.position.min(self.read) as usize;
            let wanted = usize::try_from(count).unwrap_or(usize::MAX);
            rows.extend(kept[from..].iter().take(wanted).cloned());
            self.position += rows.len() as u64;
        }
        while (rows.len() as u64) < count && !self.ended {
            let left = usize::try_from(count - rows.len() as u64).unwrap_or(usize::MAX);
            let batch = running.source.get_mut().next(left.min(BATCH_ROWS)).await?;
            self.ended = batch.is_empty();
            running.context.memory().charge(batch.len() * 64)?;
            self.read += batch.len() as u64;
            self.position = self.read;
            if let Some(kept) = &mut self.kept {
                kept.extend(batch.iter().cloned());
            }
            rows.extend(batch);
        }
        if (rows.len() as u64) < count {
            self.position = self.read + 1;
        }
        Ok(rows)
    }

    /// The last of `count` further rows, if there are so many.
    async fn only(&mut self, running: &mut Running, count: u64) -> Result<Vec<Row>> {
        let mut rows = self.forward(running, count).await?;
        let reached = rows.len() as u64 == count;
        Ok(if reached { rows.pop().into_iter().collect() } else { Vec::new() })
    }

    /// Up to `count` rows back, the nearest first.
    fn backward(&mut self, count: u64) -> Result<Vec<Row>> {
        let kept = self.kept.as_ref().ok_or_else(forward_only)?;
        let passed = self.position.saturating_sub(1);
        let shown = count.min(passed);
        let target = passed - shown;
        let rows = kept[target as usize..passed as usize].iter().rev().cloned().collect();
        self.position = if shown < count { 0 } else { target + 1 };
        Ok(rows)
    }

    /// The row at a place that is not ahead; nothing at 0.
    fn back_to(&mut self, target: u64) -> Result<Vec<Row>> {
        if self.kept.is_none() && target < self.position {
            return Err(forward_only());
        }
        self.position = target;
        self.again()
    }

    /// The row it stands on.
    fn again(&mut self) -> Result<Vec<Row>> {
        if self.position == 0 || self.position > self.read {
            return Ok(Vec::new());
        }
        let kept = self.kept.as_ref().ok_or_else(forward_only)?;
        Ok(vec![kept[self.position as usize - 1].clone()])
    }
}

fn forward_only() -> Error {
    Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "cursor can only scan forward")
        .hint("Declare it with SCROLL option to enable backward scan.")
}
