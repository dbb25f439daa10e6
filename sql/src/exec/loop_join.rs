//! Joins without keys: every left row passes all right rows, which a [`Spool`] keeps.

use std::sync::Arc;

use futures::future::BoxFuture;
use types::Result;

use super::frames::Row;
use super::join::{Pairing, Shape, Unmatched};
use super::source::{Batch, BoxSource, Source};
use super::spill::{Spool, Spooled};

pub(super) struct LoopJoin {
    left: BoxSource,
    /// Until it has been read.
    source: Option<BoxSource>,
    right: Arc<Spooled>,
    /// For each right row whether it found a partner, when that matters.
    matched: Vec<bool>,
    shape: Shape,
    batch: std::vec::IntoIter<Row>,
    current: Option<Pairing>,
    unmatched: Option<Unmatched>,
}

impl LoopJoin {
    pub fn new(left: BoxSource, right: BoxSource, shape: Shape) -> LoopJoin {
        LoopJoin {
            left,
            source: Some(right),
            right: Arc::default(),
            matched: Vec::new(),
            shape,
            batch: Vec::new().into_iter(),
            current: None,
            unmatched: None,
        }
    }

    async fn build(&mut self, mut source: BoxSource) -> Result<()> {
        let mut spool = Spool::new(&self.shape.at.context);
        spool.fill(&mut source).await?;
        self.right = spool.finish().await?;
        if self.shape.keeps_right() {
            self.matched = vec![false; self.right.len()];
        }
        Ok(())
    }
}

impl Source for LoopJoin {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if let Some(source) = self.source.take() {
                self.build(source).await?;
            }
            let mut out = Batch::new(max);
            while !out.is_full() {
                if let Some(unmatched) = &mut self.unmatched {
                    if unmatched.advance(&self.shape, &self.matched, &mut out).await? {
                        break;
                    }
                    continue;
                }
                if let Some(current) = &mut self.current {
                    if current.advance(&self.shape, &mut self.matched, &mut out).await? {
                        self.current = None;
                    }
                    continue;
                }
                if self.batch.len() == 0 {
                    self.shape.at.context.check()?;
                    self.batch = self.left.next(max).await?.into_iter();
                }
                match self.batch.next() {
                    Some(left) => self.current = Some(Pairing::new(left, self.right.read())),
                    None if self.shape.keeps_right() => self.unmatched = Some(Unmatched::new(self.right.read())),
                    None => break,
                }
            }
            Ok(out.into_rows())
        })
    }
}
