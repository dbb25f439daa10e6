//! How many entries a range of keys holds, guessed from the pages on its two edges.
//!
//! Each edge is a path from the root; the place it takes in each page of the path says what share of the tree lies before
//! it. Within one leaf the guess is a count. Only cached pages are looked at and nothing is awaited: where a path leaves the
//! cache, its share is taken to be in the middle of what is left; where both leave it in the same inner page, nothing can be
//! said. Versions count as entries, so a hot key looks like many.

use crate::TreeId;
use crate::cell::{self, Position};
use crate::engine::Engine;
use crate::read::KeyRange;
use protocol::PageId;
use protocol::page::PageKind;

/// Entries of a page that is not cached.
const ENTRIES_UNKNOWN: f64 = 100.0;

/// What a path to one edge says.
struct Edge {
    /// Share of the tree that lies before it, from 0 to 1.
    share: f64,
    /// Entries of the tree, if all pages are like those of the path.
    entries: f64,
    /// The first page of the path that is not cached, and its level.
    unknown: Option<(PageId, u8)>,
}

impl Engine {
    /// Entries of a tree in a range, at least none; `None` when too little of it is cached.
    #[must_use]
    pub fn estimate_entries(&self, tree: TreeId, range: &KeyRange) -> Option<f64> {
        let lower = self.edge(tree, range.start().borrow())?;
        let Some(end) = range.end() else { return Some((1.0 - lower.share) * lower.entries) };
        let upper = self.edge(tree, end.borrow())?;
        match lower.unknown {
            Some((_, level)) if lower.unknown == upper.unknown => return (level == 0).then_some(ENTRIES_UNKNOWN / 2.0),
            _ => {}
        }
        Some((upper.share - lower.share).max(0.0) * lower.entries.max(upper.entries))
    }

    fn edge(&self, tree: TreeId, position: Position<'_>) -> Option<Edge> {
        let mut id = tree;
        let mut edge = Edge { share: 0.0, entries: 1.0, unknown: None };
        // Share of the tree under the page.
        let mut width = 1.0;
        let mut level = None;
        loop {
            let Some(frame) = self.cache.pin(id) else {
                let below = level?;
                edge.share += width / 2.0;
                edge.unknown = Some((id, below));
                edge.entries *= ENTRIES_UNKNOWN.powi(i32::from(below) + 1);
                return Some(edge);
            };
            let page = frame.latch.read();
            let of_path = level.is_none_or(|level| page.level() == level);
            if page.kind() != PageKind::Slotted || page.owner() != tree.0 || !of_path || page.slot_count() == 0 {
                // It was split, unlinked or dropped under way: a guess need not know.
                return level.map(|_| edge);
            }
            // Slot 0 is the high key.
            let entries = (page.slot_count() - 1) as f64;
            if entries == 0.0 {
                return Some(Edge { entries: 0.0, ..edge });
            }
            edge.entries *= entries;
            if page.level() == 0 {
                edge.share += width * (cell::lower_bound(&page, position) - 1) as f64 / entries;
                return Some(edge);
            }
            let slot = cell::child_slot(&page, position);
            edge.share += width * (slot - 1) as f64 / entries;
            width /= entries;
            level = Some(page.level() - 1);
            id = cell::inner(&page, slot).0;
        }
    }
}
