//! [`NewestScan`]: every row of a table by its newest state, for what must hold for all rows and not for a snapshot's.
//!
//! The caller holds a lock that keeps writers out, so nothing is in flight but the transaction's own changes, and a view that
//! is taken under that lock is the newest state.

use engine::{Direction, KeyRange, Rows, Scan};
use types::Result;

use super::work::Work;
use crate::exec::lift::Lift;
use crate::exec::table::tree;

/// Rows read at once.
const BATCH_ROWS: usize = 512;

pub(super) struct NewestScan(Scan);

impl NewestScan {
    /// Starts before the statement writes to the same tree, if it does.
    pub async fn open(work: &Work, number: u64) -> Result<NewestScan> {
        let view = work.view().await?;
        Ok(NewestScan(work.engine().scan(&view, tree(number), KeyRange::all(), Direction::Forward)))
    }

    /// The next rows, in place of what `rows` held; none at the end.
    pub async fn next(&mut self, work: &Work, rows: &mut Rows) -> Result<usize> {
        work.context.check()?;
        self.0.next_batch(rows, BATCH_ROWS).await.lift()
    }
}
