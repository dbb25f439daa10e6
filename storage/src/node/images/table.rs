//! Where the newest image of each page lies, in memory.
//!
//! 24 bytes a page, in chunks of pages that follow each other: 30 MB for 10 GB of pages. Rebuilt at a start from the indexes
//! of the image files.

use hashbrown::HashMap;
use protocol::{Lsn, PageId};

/// Pages that follow each other share a chunk.
const CHUNK_PAGES: u64 = 64;

/// Where an image lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// LSN of the image, never zero.
    pub lsn: Lsn,
    /// Its file.
    pub file: u32,
    /// Offset of its frame.
    pub at: u32,
    /// Bytes of its frame.
    pub bytes: u16,
    /// No sound copy of it is here.
    pub damaged: bool,
}

const _: () = assert!(size_of::<Slot>() == 24);

/// The newest image of each page that has one.
#[derive(Debug, Default)]
pub struct Table {
    chunks: HashMap<u64, Box<[Slot; CHUNK_PAGES as usize]>>,
    damaged: u64,
}

impl Table {
    /// The image of a page.
    #[must_use]
    pub fn get(&self, page: PageId) -> Option<Slot> {
        let slot = self.chunks.get(&(page.0 / CHUNK_PAGES))?[(page.0 % CHUNK_PAGES) as usize];
        (!slot.lsn.is_zero()).then_some(slot)
    }

    /// Sets the image of a page; gives back the one before.
    pub fn set(&mut self, page: PageId, slot: Slot) -> Option<Slot> {
        let chunk = self.chunks.entry(page.0 / CHUNK_PAGES).or_insert_with(|| Box::new([Slot::default(); 64]));
        let before = std::mem::replace(&mut chunk[(page.0 % CHUNK_PAGES) as usize], slot);
        self.damaged = self.damaged + u64::from(slot.damaged) - u64::from(before.damaged);
        (!before.lsn.is_zero()).then_some(before)
    }

    /// Pages of which the image is damaged.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The pages with an image from `from` on, ascending, `limit` at most.
    #[must_use]
    pub fn pages_from(&self, from: PageId, limit: usize, wanted: impl Fn(&Slot) -> bool) -> Vec<PageId> {
        let mut chunks: Vec<u64> = self.chunks.keys().copied().filter(|chunk| *chunk >= from.0 / CHUNK_PAGES).collect();
        chunks.sort_unstable();
        let slots = chunks.iter().flat_map(|chunk| {
            let first = chunk * CHUNK_PAGES;
            self.chunks[chunk].iter().enumerate().map(move |(index, slot)| (PageId(first + index as u64), slot))
        });
        let wanted = slots.filter(|(page, slot)| *page >= from && !slot.lsn.is_zero() && wanted(slot));
        wanted.map(|(page, _)| page).take(limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_replaced_counted_and_listed_in_order() {
        let mut table = Table::default();
        let slot = |lsn: u64, damaged| Slot { lsn: Lsn(lsn), file: 1, at: 8, bytes: 64, damaged };
        for page in [900, 3, 64, 63] {
            assert_eq!(table.set(PageId(page), slot(page, false)), None);
        }
        assert_eq!(table.set(PageId(64), slot(70, true)), Some(slot(64, false)));
        assert_eq!(table.damaged(), 1);
        assert_eq!((table.get(PageId(64)), table.get(PageId(65))), (Some(slot(70, true)), None));
        assert_eq!(table.pages_from(PageId(4), 2, |_| true), [PageId(63), PageId(64)]);
        assert_eq!(table.pages_from(PageId(0), 9, |slot| slot.damaged), [PageId(64)]);
        table.set(PageId(64), slot(80, false));
        assert_eq!(table.damaged(), 0);
    }
}
