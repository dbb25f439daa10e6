//! UNION, INTERSECT and EXCEPT.

use futures::future::BoxFuture;
use hashbrown::{HashMap, HashSet};
use types::Result;

use super::basic::Place;
use super::frames::Row;
use super::hash_key;
use super::source::{BATCH_ROWS_MAX, BoxSource, Source};
use crate::bound::SetOpKind;

pub(crate) struct SetOperation {
    left: BoxSource,
    right: BoxSource,
    kind: SetOpKind,
    all: bool,
    at: Place,
    left_done: bool,
    /// Rows of the right side that have not found a partner, for INTERSECT and EXCEPT.
    right_counts: Option<HashMap<Box<[u8]>, u64>>,
    /// Rows already yielded, without ALL.
    seen: HashSet<Box<[u8]>>,
    charged: usize,
}

impl SetOperation {
    pub fn new(at: Place, left: BoxSource, right: BoxSource, kind: SetOpKind, all: bool) -> SetOperation {
        SetOperation {
            left,
            right,
            kind,
            all,
            at,
            left_done: false,
            right_counts: None,
            seen: HashSet::new(),
            charged: 0,
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<()> {
        self.charged += bytes;
        self.at.context.memory.charge(bytes)
    }

    async fn union(&mut self, max: usize) -> Result<Vec<Row>> {
        loop {
            let batch = if self.left_done { self.right.next(max).await? } else { self.left.next(max).await? };
            if batch.is_empty() {
                if self.left_done {
                    return Ok(batch);
                }
                self.left_done = true;
                continue;
            }
            if self.all {
                return Ok(batch);
            }
            let kept = self.unseen(batch)?;
            if !kept.is_empty() {
                return Ok(kept);
            }
        }
    }

    fn unseen(&mut self, batch: Vec<Row>) -> Result<Vec<Row>> {
        self.at.context.check()?;
        let mut kept = Vec::new();
        for row in batch {
            let key = hash_key::of(&row);
            let bytes = key.len() + 48;
            if self.seen.insert(key) {
                self.charge(bytes)?;
                kept.push(row);
            }
        }
        Ok(kept)
    }

    async fn count_right(&mut self) -> Result<()> {
        let mut counts: HashMap<Box<[u8]>, u64> = HashMap::new();
        loop {
            let batch = self.right.next(BATCH_ROWS_MAX).await?;
            if batch.is_empty() {
                break;
            }
            self.at.context.check()?;
            for row in batch {
                let key = hash_key::of(&row);
                let bytes = key.len() + 56;
                let count = counts.entry(key).or_insert(0);
                *count += 1;
                if *count == 1 {
                    self.charge(bytes)?;
                }
            }
        }
        self.right_counts = Some(counts);
        Ok(())
    }

    async fn matched(&mut self, max: usize) -> Result<Vec<Row>> {
        if self.right_counts.is_none() {
            self.count_right().await?;
        }
        loop {
            let batch = self.left.next(max).await?;
            if batch.is_empty() {
                return Ok(batch);
            }
            self.at.context.check()?;
            let Some(counts) = &mut self.right_counts else { return Ok(Vec::new()) };
            let intersect = self.kind == SetOpKind::Intersect;
            let mut kept = Vec::new();
            for row in batch {
                let count = counts.get_mut(&hash_key::of(&row));
                let found = match count {
                    Some(count) if *count > 0 => {
                        // With ALL each right row stands for one left row.
                        if self.all {
                            *count -= 1;
                        }
                        true
                    }
                    _ => false,
                };
                if found == intersect {
                    kept.push(row);
                }
            }
            if !self.all {
                kept = self.unseen(kept)?;
            }
            if !kept.is_empty() {
                return Ok(kept);
            }
        }
    }
}

impl Source for SetOperation {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            match self.kind {
                SetOpKind::Union => self.union(max).await,
                SetOpKind::Intersect | SetOpKind::Except => self.matched(max).await,
            }
        })
    }
}

impl Drop for SetOperation {
    fn drop(&mut self) {
        self.at.context.memory.release(self.charged);
    }
}
