//! [`NewestScan`]: every row of a table by its newest state, for what must hold for all rows and not for a snapshot's.
//!
//! The caller holds a lock that keeps writers out, so nothing is in flight but the transaction's own changes. At READ
//! COMMITTED a view taken under that lock is the newest state. At REPEATABLE READ the transaction's view is older, and the
//! rows are asked for one by one, as constraints do it.

use std::ops::Bound;

use engine::{Direction, KeyRange, Rows, Scan};
use types::Result;

use super::work::Work;
use crate::exec::lift::Lift;
use crate::exec::table::tree;

/// Rows read at once.
const BATCH_ROWS: usize = 512;

pub(super) struct NewestScan {
    tree: u64,
    scan: Option<Scan>,
    after: Option<Vec<u8>>,
    done: bool,
}

impl NewestScan {
    /// Starts before the statement writes to the same tree, if it does.
    pub async fn open(work: &Work, number: u64) -> Result<NewestScan> {
        let scan = if work.sees_the_past() {
            None
        } else {
            let view = work.view().await?;
            Some(work.engine().scan(&view, tree(number), KeyRange::all(), Direction::Forward))
        };
        Ok(NewestScan { tree: number, scan, after: None, done: false })
    }

    /// The next rows, in place of what `rows` held; none at the end.
    pub async fn next(&mut self, work: &Work, rows: &mut Rows) -> Result<usize> {
        work.context.check()?;
        if let Some(scan) = &mut self.scan {
            return scan.next_batch(rows, BATCH_ROWS).await.lift();
        }
        rows.clear();
        while !self.done && rows.len() < BATCH_ROWS {
            let lower = self.after.take().map_or(Bound::Unbounded, Bound::Excluded);
            let range = KeyRange { lower, upper: Bound::Unbounded };
            let mut txn = work.txn().await?;
            let view = work.engine().statement(&mut txn);
            match work.engine().probe(&mut txn, &view, tree(self.tree), range).await.lift()? {
                Some((key, row)) => {
                    rows.push(&key, &row);
                    self.after = Some(key.to_vec());
                }
                None => self.done = true,
            }
        }
        Ok(rows.len())
    }
}
