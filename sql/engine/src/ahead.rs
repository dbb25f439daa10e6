//! Reading ahead: leaves of a range are asked for before the scan comes to them.
//!
//! **Rule.** A scan that has missed leaves twice is bound by storage. From then on it keeps a window of leaves ahead of
//! itself asked for, listed from their parent and not beyond the range's end; the window doubles from [`WINDOW_MIN`] up
//! to a small part of the cache. A short range, and one that is cached, costs nothing.
//!
//! **Mechanism.** Each page is read by a task of its own, through the cache's placeholder, so that the scan, or anyone
//! else, finds it there or waits for the same reply. What goes wrong there is met again by the scan. The tasks of all scans
//! together are bounded; beyond that nobody reads ahead.

use crate::TreeId;
use crate::cell::{self, OwnedPosition, Position};
use crate::engine::{Engine, Stop};
use crate::read::Direction;
use crate::tree::{Seek, belongs};
use protocol::PageId;
use protocol::task::Runtime;
use std::cmp::Ordering;
use std::sync::Arc;

/// Leaves asked for ahead by a scan that has just begun to.
const WINDOW_MIN: usize = 2;
/// Misses after which a scan reads ahead.
const MISSES: usize = 2;

/// How far one scan has asked.
#[derive(Debug, Default)]
pub struct Readahead {
    misses: usize,
    window: usize,
    /// Leaves ahead of the scan that were listed.
    listed: usize,
}

impl Readahead {
    /// The scan has read a leaf. Returns how many of those behind it to list now.
    pub fn step(&mut self, missed: bool, window_max: usize) -> Option<usize> {
        self.misses += usize::from(missed);
        self.listed = self.listed.saturating_sub(1);
        if self.misses < MISSES || self.listed > self.window / 2 {
            return None;
        }
        self.window = (self.window * 2).clamp(WINDOW_MIN, window_max.max(WINDOW_MIN));
        Some(self.window)
    }

    /// So many were there to list.
    pub fn listed(&mut self, count: usize) {
        self.listed = count;
    }
}

impl Engine {
    /// The leaves that a scan at `position` meets next, at most `count`, as far as one parent lists them and the range
    /// goes: `last` is its end in the scan's direction.
    pub(crate) fn leaves_ahead(
        &self,
        tree: TreeId,
        position: Position<'_>,
        direction: Direction,
        last: Option<&OwnedPosition>,
        count: usize,
    ) -> Result<Vec<PageId>, Stop> {
        let seek = match direction {
            Direction::Forward => Seek::At,
            Direction::Backward => Seek::Before,
        };
        let frame = self.find(tree, 1, position, seek, None, true)?;
        let page = frame.latch.read();
        if !belongs(&page, tree, 1) || page.slot_count() < 2 {
            return Ok(Vec::new());
        }
        Ok(match direction {
            Direction::Forward => {
                let here = cell::child_slot(&page, position);
                let within = |slot: &usize| {
                    last.is_none_or(|last| cell::inner(&page, *slot).1.cmp(&last.borrow()) == Ordering::Less)
                };
                (here..page.slot_count())
                    .take(count)
                    .take_while(within)
                    .map(|slot| cell::inner(&page, slot).0)
                    .collect()
            }
            Direction::Backward => {
                let here = cell::child_slot_before(&page, position);
                let within = |slot: &usize| {
                    let high = (*slot + 1 < page.slot_count()).then(|| cell::inner(&page, *slot + 1).1);
                    let within =
                        |high: Position<'_>| last.is_none_or(|last| high.cmp(&last.borrow()) == Ordering::Greater);
                    high.is_none_or(within)
                };
                (1..=here).rev().take(count).take_while(within).map(|slot| cell::inner(&page, slot).0).collect()
            }
        })
    }

    /// Has pages read that are neither cached nor on their way.
    pub(crate) fn ask_ahead(self: &Arc<Self>, pages: Vec<PageId>) {
        for page in pages.into_iter().filter(|&page| !self.cache.knows(page)) {
            let Ok(permit) = self.reading_ahead.clone().try_acquire_owned() else { return };
            let engine = self.clone();
            Runtime::current().spawn(async move {
                let _permit = permit;
                // The scan meets what goes wrong here.
                drop(engine.load_alone(page).await);
            });
        }
    }
}
