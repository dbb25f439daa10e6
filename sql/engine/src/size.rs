//! How many pages a tree takes.
//!
//! The pages of a level are counted from the entries of the level above, so no leaf is read. Of a tree with more inner pages
//! than are worth a visit (some gigabytes of rows) the rest is taken to be like those that were seen. Pages of rows that are
//! out of line are not counted: only their leaves know of them.

use crate::TreeId;
use crate::cancel::CancelToken;
use crate::cell::{self, LOWEST, OwnedPosition};
use crate::engine::{Engine, Pins, Stop};
use crate::error::{Error, Result};
use crate::tree::{Seek, belongs};

/// Pages of one level that are visited.
const VISITED_MAX: u64 = 4096;

impl Engine {
    /// Pages of a tree.
    ///
    /// # Errors
    /// [`Error::NoSuchTree`], [`Error::Cancelled`], and what reading a page returns.
    pub async fn tree_pages(&self, tree: TreeId, cancel: &CancelToken) -> Result<u64> {
        let height = self
            .retry(&mut Pins::default(), cancel, || {
                let frame = self.page(tree)?;
                let page = frame.latch.read();
                let level = page.level();
                if belongs(&page, tree, level) { Ok(level) } else { Err(Stop::Error(Error::NoSuchTree(tree))) }
            })
            .await?;
        let (mut level_pages, mut pages) = (1, 1);
        for level in (1..=height).rev() {
            level_pages = self.pages_below(tree, level, level_pages, cancel).await?;
            pages += level_pages;
        }
        Ok(pages)
    }

    /// Pages of the level below `level`, which itself has `level_pages`.
    async fn pages_below(&self, tree: TreeId, level: u8, level_pages: u64, cancel: &CancelToken) -> Result<u64> {
        let (mut visited, mut children) = (0, 0);
        let mut from = Some(LOWEST.to_owned());
        while let Some(position) = from.take().filter(|_| visited < VISITED_MAX) {
            cancel.check()?;
            let (count, next) = self
                .retry(&mut Pins::default(), cancel, || {
                    let frame = self.find(tree, level, position.borrow(), Seek::At, None, false)?;
                    let page = frame.latch.read();
                    if !belongs(&page, tree, level) {
                        return Err(Stop::Again);
                    }
                    let next: Option<OwnedPosition> = cell::high(&page).map(|high| high.to_owned());
                    // Slot 0 is the high key.
                    Ok((page.slot_count() as u64 - 1, next))
                })
                .await?;
            visited += 1;
            children += count;
            from = next;
        }
        let more = level_pages.saturating_sub(visited);
        Ok(children + if visited < VISITED_MAX { 0 } else { more * children / visited })
    }
}
