//! [`Gathered`]: rows that a statement shows when it is done, as RETURNING and FETCH do. They are few as a rule.

use std::sync::Arc;

use types::Result;

use super::spool::{Spool, Spooled};
use crate::exec::context::ExecContext;
use crate::exec::frames::Row;
use crate::exec::memory::{UNCHARGED_BYTES_MAX, row_bytes};
use crate::exec::source::{BoxSource, OwnedRows, SpooledRows};

/// Rows in their order. The first are kept as they are, so that one row costs nothing more; with more they go to a
/// [`Spool`].
#[derive(Default)]
pub(crate) struct Gathered {
    rows: Vec<Row>,
    bytes: usize,
    spool: Option<Spool>,
}

impl Gathered {
    /// # Errors
    /// As [`Spool::push`].
    pub async fn push(&mut self, row: Row, context: &Arc<ExecContext>) -> Result<()> {
        if let Some(spool) = &mut self.spool {
            return spool.push(row).await;
        }
        self.bytes += row_bytes(&row);
        self.rows.push(row);
        if self.bytes > UNCHARGED_BYTES_MAX {
            let spool = self.spool.insert(Spool::new(context));
            for row in self.rows.drain(..) {
                spool.push(row).await?;
            }
        }
        Ok(())
    }

    /// # Errors
    /// As [`Spool::finish`].
    pub async fn finish(self) -> Result<Arc<Spooled>> {
        match self.spool {
            Some(spool) => spool.finish().await,
            None => Ok(Arc::new(Spooled::of(self.rows))),
        }
    }

    /// The rows, to be read once.
    ///
    /// # Errors
    /// As [`Spool::finish`].
    pub async fn into_source(self) -> Result<BoxSource> {
        match self.spool {
            Some(spool) => Ok(Box::new(SpooledRows::new(&spool.finish().await?))),
            None => Ok(Box::new(OwnedRows::new(self.rows))),
        }
    }
}
