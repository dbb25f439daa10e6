//! UNION, INTERSECT and EXCEPT.
//!
//! The right side of INTERSECT and EXCEPT is counted by row in a hash table. When that is more than memory holds, both
//! sides are sorted by row instead, and equal rows counted as they pass.

use futures::future::BoxFuture;
use hashbrown::HashMap;
use types::{Datum, Result, SqlType};

use super::basic::Place;
use super::frames::Row;
use super::hash_key::KeyTypes;
use super::memory::Claim;
use super::sort::Distinct;
use super::source::{BATCH_ROWS_MAX, Batch, BoxSource, Source};
use super::spill::{Sorted, Sorter};
use crate::bound::SetOpKind;

/// The source of a set operation on rows of these types.
pub(crate) fn open(
    at: Place,
    (left, right): (BoxSource, BoxSource),
    types: Vec<SqlType>,
    kind: SetOpKind,
    all: bool,
) -> BoxSource {
    let rows: BoxSource = match kind {
        SetOpKind::Union => Box::new(Union { left, right, left_done: false }),
        SetOpKind::Intersect | SetOpKind::Except => Box::new(Counted {
            left,
            right,
            intersect: kind == SetOpKind::Intersect,
            all,
            types: KeyTypes::new(types.iter().copied()),
            claim: Claim::new(at.context.memory()),
            counts: None,
            sorted: None,
            at: at.clone(),
        }),
    };
    if all { rows } else { Box::new(Distinct::new(at, rows, types, None)) }
}

/// UNION ALL.
struct Union {
    left: BoxSource,
    right: BoxSource,
    left_done: bool,
}

impl Source for Union {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if !self.left_done {
                let batch = self.left.next(max).await?;
                if !batch.is_empty() {
                    return Ok(batch);
                }
                self.left_done = true;
            }
            self.right.next(max).await
        })
    }
}

/// INTERSECT and EXCEPT. Without `all` a left row may come out several times.
struct Counted {
    left: BoxSource,
    right: BoxSource,
    intersect: bool,
    all: bool,
    at: Place,
    types: KeyTypes,
    claim: Claim,
    /// Rows of the right side that have not found a partner.
    counts: Option<HashMap<Box<[u8]>, u64>>,
    sorted: Option<Counting>,
}

/// Rows of both sides in order. A left row ends with null; a right one consists of how many rows it stands for.
struct Counting {
    rows: Sorted,
    key: Box<[u8]>,
    /// How many right rows with this key are left over.
    partners: u64,
}

impl Counted {
    async fn count_right(&mut self) -> Result<()> {
        let mut counts: HashMap<Box<[u8]>, u64> = HashMap::new();
        loop {
            let batch = self.right.next(BATCH_ROWS_MAX).await?;
            if batch.is_empty() {
                break;
            }
            self.at.context.check()?;
            for row in batch {
                let key = self.types.of(&row, &self.at.context)?;
                let bytes = key.len() + 56;
                let count = counts.entry(key).or_insert(0);
                *count += 1;
                if *count == 1 {
                    self.claim.add(bytes)?;
                }
            }
            if self.claim.is_over() {
                let rows = self.sort(counts).await?;
                self.sorted = Some(Counting { rows, key: Box::default(), partners: 0 });
                return Ok(());
            }
        }
        self.counts = Some(counts);
        Ok(())
    }

    /// Sorts what is left of both sides. Of equal rows the right ones come first.
    async fn sort(&mut self, counts: HashMap<Box<[u8]>, u64>) -> Result<Sorted> {
        let mut sorter = Sorter::new(&self.at.context, None);
        for (key, count) in counts {
            sorter.push(key.into_vec(), vec![Datum::Int8(count as i64)]).await?;
        }
        self.claim.keep(0);
        for right in [true, false] {
            let side = if right { &mut self.right } else { &mut self.left };
            loop {
                let batch = side.next(BATCH_ROWS_MAX).await?;
                if batch.is_empty() {
                    break;
                }
                self.at.context.check()?;
                for mut row in batch {
                    let key = self.types.of(&row, &self.at.context)?.into_vec();
                    if right {
                        row = vec![Datum::Int8(1)];
                    } else {
                        row.push(Datum::Null);
                    }
                    sorter.push(key, row).await?;
                }
            }
        }
        sorter.finish().await
    }

    async fn merged(&mut self, max: usize) -> Result<Vec<Row>> {
        let mut kept = Batch::new(max);
        let Some(counting) = &mut self.sorted else { return Ok(Vec::new()) };
        while !kept.is_full()
            && let Some(mut entry) = counting.rows.next().await?
        {
            if entry.key != counting.key {
                counting.key = entry.key;
                counting.partners = 0;
            }
            match entry.row.pop() {
                Some(Datum::Int8(count)) => counting.partners += count as u64,
                _ => {
                    if found(&mut counting.partners, self.all) == self.intersect {
                        kept.push(entry.row);
                    }
                }
            }
        }
        Ok(kept.into_rows())
    }
}

/// Whether a right row is left over. With ALL each right row stands for one left row.
fn found(partners: &mut u64, all: bool) -> bool {
    let found = *partners > 0;
    if found && all {
        *partners -= 1;
    }
    found
}

impl Source for Counted {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if self.counts.is_none() && self.sorted.is_none() {
                self.count_right().await?;
            }
            if self.sorted.is_some() {
                return self.merged(max).await;
            }
            loop {
                let batch = self.left.next(max).await?;
                if batch.is_empty() {
                    return Ok(batch);
                }
                self.at.context.check()?;
                let Some(counts) = &mut self.counts else { return Ok(Vec::new()) };
                let mut kept = Vec::new();
                for row in batch {
                    let partners = counts.get_mut(&self.types.of(&row, &self.at.context)?);
                    if partners.is_some_and(|partners| found(partners, self.all)) == self.intersect {
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
