//! Where the newest image of each page lies, in memory.
//!
//! 24 bytes a page, in chunks of pages that follow each other: 30 MB for 10 GB of pages. Rebuilt at a start from the indexes
//! of the image files. The chunks are in order, so that whoever goes through all pages in portions looks at each once.

use protocol::{Lsn, PageId};
use std::collections::BTreeMap;

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
    chunks: BTreeMap<u64, Box<[Slot; CHUNK_PAGES as usize]>>,
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

    /// The pages with an image from `from` on, ascending.
    pub fn pages_from(&self, from: PageId) -> impl Iterator<Item = (PageId, &Slot)> {
        let slots = self.chunks.range(from.0 / CHUNK_PAGES..).flat_map(|(chunk, slots)| {
            let first = chunk * CHUNK_PAGES;
            slots.iter().enumerate().map(move |(index, slot)| (PageId(first + index as u64), slot))
        });
        slots.filter(move |(page, slot)| *page >= from && !slot.lsn.is_zero())
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
        let damaged = table.pages_from(PageId(0)).filter(|(_, slot)| slot.damaged);
        assert_eq!(damaged.map(|(page, _)| page).collect::<Vec<_>>(), [PageId(64)]);
        table.set(PageId(64), slot(80, false));
        assert_eq!(table.damaged(), 0);
    }

    #[test]
    fn pages_are_listed_in_order_from_any_of_them() {
        let mut table = Table::default();
        let mut plain = BTreeMap::new();
        // Full chunks, chunks of a few pages, and gaps of many chunks, set in no order.
        for page in (0..5000u64).map(|n| n * 7919 % 5000).filter(|page| page % 1000 < 150 || page % 97 == 0) {
            let slot = Slot { lsn: Lsn(page + 1), file: 1, at: 8, bytes: 64, damaged: false };
            table.set(PageId(page), slot);
            plain.insert(PageId(page), slot);
        }
        for from in (0..5200).map(PageId).chain([PageId(u64::MAX)]) {
            let listed = table.pages_from(from).map(|(page, slot)| (page, *slot));
            assert!(listed.eq(plain.range(from..).map(|(page, slot)| (*page, *slot))), "from {from}");
        }
    }
}
