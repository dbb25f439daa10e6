//! Rows that are too long for a leaf: chains of pages behind an entry.
//!
//! **Rule.** A chain is reachable from its entry at every moment, so that a crash, an abort or a cancel loses no page: it
//! is written from its end, each mini-transaction putting some pages before the head and the new head into the entry; and
//! freed from its head, the entry going last. While it is written the entry is in flight, and while it is freed no served
//! snapshot needs it, so nobody reads a part.
//!
//! An overflow page has one cell, its part of the row; its right link is the next page. Its left link makes a binary tree
//! of the chain, so that a reader need not wait for one page to learn of the next: a page that stands for the pages up to
//! some place leads right to its neighbour, which stands for the first half of the others, and left to the first page of
//! the second half.

use crate::alloc::Allocation;
use crate::cancel::CancelToken;
use crate::cell::{self, ENTRY_HEADER_BYTES, OverflowRef, OwnedPosition, Position};
use crate::engine::{Engine, PINS_MAX, Pins, Stop};
use crate::error::{Error, Result};
use crate::mtr::Mtr;
use crate::read::OVERFLOW_LEVEL;
use crate::space::{self, FREE_SPANS, map_page};
use crate::tree::Seek;
use crate::txn::View;
use crate::{ROW_BYTES_MAX, TreeId};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use protocol::page::{CELL_BYTES_MAX, PageKind};
use protocol::redo::{Change, Patch};
use protocol::{Lsn, Page, PageId};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Pages written in one mini-transaction: few enough to be pinned at once.
const WRITE_PAGES: usize = 6;
/// Pages freed in one.
const FREE_PAGES: usize = 32;
const _: () = assert!(2 * WRITE_PAGES + TREE_LEVELS <= PINS_MAX, "they, their maps and a path to the leaf");
const _: () = assert!(FREE_SPANS + TREE_LEVELS <= PINS_MAX, "their maps and a path to the leaf");
/// Levels of a tree in which a volume fits, about.
const TREE_LEVELS: usize = 4;

/// The patch that gives the entry at `slot` another chain.
fn head_patch(page: &Page, slot: usize, head: PageId) -> Change {
    let offset = (ENTRY_HEADER_BYTES + cell::entry(page, slot).key().len() + 8) as u16;
    let bytes = Bytes::copy_from_slice(&head.0.to_le_bytes());
    Change::PatchCell { slot: slot as u16, patches: vec![Patch { offset, bytes }] }
}

fn find(page: &Page, position: Position<'_>) -> Option<usize> {
    let slot = cell::lower_bound(page, position);
    (slot < page.slot_count() && cell::entry(page, slot).position() == position).then_some(slot)
}

impl Engine {
    /// Writes the pages of a row whose entry is in place, in flight, and has none.
    pub(crate) async fn write_overflow(&self, tree: TreeId, key: &[u8], stamp: Lsn, row: &[u8]) -> Result<()> {
        let log = self.log()?.clone();
        let cancel = CancelToken::new();
        let position = Position { key, stamp };
        let chunks: Vec<&[u8]> = row.chunks(CELL_BYTES_MAX).collect();
        let mut head = PageId::NONE;
        // The pages from `written` on.
        let mut ids: Vec<PageId> = vec![PageId::NONE; chunks.len()];
        let halves = second_halves(chunks.len());
        let mut written = chunks.len();
        for group in chunks.rchunks(WRITE_PAGES) {
            written -= group.len();
            let mut pins = Pins::default();
            let mut pages: Vec<Allocation<'_>> = Vec::new();
            for _ in group {
                pages.push(self.allocate(&mut pins).await?);
            }
            for (id, page) in ids[written..].iter_mut().zip(&pages) {
                *id = page.page();
            }
            self.admit(&log, &mut pins).await?;
            self.retry(&mut pins, &cancel, || {
                let frames = pages.iter().map(|page| self.page(page.page())).collect::<Result<Vec<_>, _>>()?;
                let mut bits: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
                for page in &pages {
                    let (span, bit) = space::locate(page.page());
                    bits.entry(span).or_default().push(bit);
                }
                let maps = bits.keys().map(|&span| self.page(map_page(span))).collect::<Result<Vec<_>, _>>()?;
                self.with_leaf_mut(tree, position, |leaf| {
                    let slot = find(&leaf, position).ok_or_else(|| lost(&leaf))?;
                    let mut mtr = Mtr::new(&self.dirty);
                    let leaf = mtr.adopt(leaf);
                    for (index, part) in group.iter().enumerate() {
                        let at = mtr.latch(&frames[index]);
                        let right = frames.get(index + 1).map_or(head, |next| next.id);
                        let left = halves[written + index].map_or(PageId::NONE, |half| ids[half]);
                        mtr.change(
                            at,
                            Change::Init {
                                kind: PageKind::Slotted,
                                level: OVERFLOW_LEVEL,
                                flags: 0,
                                owner: tree.0,
                                right,
                                left,
                            },
                        );
                        let cells = vec![Bytes::copy_from_slice(part)];
                        mtr.change(at, Change::Insert { at: 0, stamped: false, cells });
                    }
                    for (map, bits) in maps.iter().zip(bits.values()) {
                        let at = mtr.latch(map);
                        let change = space::set_bits(mtr.page(at), bits.iter().copied(), true);
                        mtr.change(at, change);
                    }
                    let change = head_patch(mtr.page(leaf), slot, frames[0].id);
                    mtr.change(leaf, change);
                    mtr.commit(&log, |_| {});
                    Ok(())
                })
            })
            .await?;
            head = pages[0].page();
            pages.into_iter().for_each(Allocation::used);
        }
        Ok(())
    }

    /// Frees the pages of an entry that nobody needs, then the entry.
    pub(crate) async fn free_overflow(&self, tree: TreeId, position: &OwnedPosition) -> Result<()> {
        let log = self.log()?.clone();
        let cancel = CancelToken::new();
        let mut pins = Pins::default();
        loop {
            let head = self
                .retry(&mut pins, &cancel, || {
                    self.with_leaf(tree, position.borrow(), Seek::At, None, |leaf| {
                        Ok(find(leaf, position.borrow()).map(|slot| cell::entry(leaf, slot).overflow().head))
                    })
                })
                .await?;
            let Some(head) = head else { return Ok(()) };
            // Nobody else changes the chain, so its pages are looked at one by one and none of them stays pinned.
            let mut freed: Vec<PageId> = Vec::new();
            let mut bits: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            let mut next = head;
            while next.is_some() && freed.len() < FREE_PAGES {
                let (span, bit) = space::locate(next);
                if bits.len() == FREE_SPANS && !bits.contains_key(&span) {
                    break;
                }
                bits.entry(span).or_default().push(bit);
                freed.push(next);
                pins.clear();
                next = self
                    .retry(&mut pins, &cancel, || {
                        let frame = self.page(next)?;
                        let page = frame.latch.read();
                        if !is_overflow_page(&page, tree) {
                            return Err(Stop::Error(lost(&page)));
                        }
                        Ok(page.right())
                    })
                    .await?;
            }
            pins.clear();
            self.admit(&log, &mut pins).await?;
            let done = !next.is_some();
            let lsn = self
                .retry(&mut pins, &cancel, || {
                    let maps = bits.keys().map(|&span| self.page(map_page(span))).collect::<Result<Vec<_>, _>>()?;
                    self.with_leaf_mut(tree, position.borrow(), |leaf| {
                        let slot = find(&leaf, position.borrow()).ok_or_else(|| lost(&leaf))?;
                        let mut mtr = Mtr::new(&self.dirty);
                        let leaf = mtr.adopt(leaf);
                        for (map, bits) in maps.iter().zip(bits.values()) {
                            let at = mtr.latch(map);
                            let change = space::set_bits(mtr.page(at), bits.iter().copied(), false);
                            mtr.change(at, change);
                        }
                        let change = if done {
                            Change::Delete { slots: vec![slot as u16] }
                        } else {
                            head_patch(mtr.page(leaf), slot, next)
                        };
                        mtr.change(leaf, change);
                        // Published, so that new snapshots are past it and the pages may be used again.
                        Ok(mtr.commit(&log, |lsn| self.registry.publish(lsn)))
                    })
                })
                .await?;
            pins.clear();
            self.counters.pages_freed.fetch_add(freed.len() as u64, Ordering::Relaxed);
            freed.into_iter().for_each(|page| self.space.freed(page, lsn));
            if done {
                return Ok(());
            }
        }
    }

    /// Appends an overflowing row to `out`. The view's snapshot or the row's lock keeps its pages.
    ///
    /// Pages are asked for as soon as one that leads to them is there, a window of them at a time, the first parts first.
    pub(crate) async fn read_overflow(
        &self,
        view: &View,
        tree: TreeId,
        overflow: OverflowRef,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let corrupt = |page, why: &str| Error::Corrupt { page, why: why.into() };
        let wanted = usize::try_from(overflow.bytes).unwrap_or(usize::MAX);
        if wanted > ROW_BYTES_MAX {
            return Err(corrupt(overflow.head, "an overflow chain is longer than a row may be"));
        }
        let start = out.len();
        out.resize(start + wanted, 0);
        let count = wanted.div_ceil(CELL_BYTES_MAX);
        // Pages known but not asked for: their place, where they are, and up to where they lead.
        let mut known: BTreeMap<usize, (PageId, usize)> = BTreeMap::from([(0, (overflow.head, count))]);
        let mut asked = FuturesUnordered::new();
        let mut found = 0;
        while found < count {
            while asked.len() < self.ahead_pages
                && let Some((place, (id, end))) = known.pop_first()
            {
                asked.push(async move { (place, id, end, self.load_alone(id).await) });
            }
            let Some((place, id, end, frame)) = asked.next().await else { break };
            view.txn.cancel.check()?;
            let frame = frame?;
            let page = frame.latch.read();
            if !is_overflow_page(&page, tree) {
                self.check_snapshot(&view.snapshot)?;
                return Err(corrupt(id, "it is no overflow page of its tree"));
            }
            let part = page.cell(0);
            let at = place * CELL_BYTES_MAX;
            if part.len() != (wanted - at).min(CELL_BYTES_MAX) {
                self.check_snapshot(&view.snapshot)?;
                return Err(corrupt(id, "an overflow chain has another length"));
            }
            out[start + at..start + at + part.len()].copy_from_slice(part);
            found += 1;
            let half = Some(second_half(place, end)).filter(|_| page.left().is_some());
            if place + 1 < half.unwrap_or(end) {
                known.insert(place + 1, (page.right(), half.unwrap_or(end)));
            }
            if let Some(half) = half.filter(|half| *half < end) {
                known.insert(half, (page.left(), end));
            }
        }
        self.check_snapshot(&view.snapshot)?;
        if found < count {
            return Err(corrupt(overflow.head, "an overflow chain has another length"));
        }
        Ok(())
    }
}

/// Where the second half begins of the pages that the page at `place` leads to: those behind it, before `end`.
fn second_half(place: usize, end: usize) -> usize {
    place + 1 + (end - place - 1).div_ceil(2)
}

/// For each page of a chain the first page of its second half, if it has one.
fn second_halves(count: usize) -> Vec<Option<usize>> {
    let mut halves = vec![None; count];
    let mut ranges = vec![(0, count)];
    while let Some((place, end)) = ranges.pop() {
        let half = second_half(place, end);
        if half < end {
            halves[place] = Some(half);
            ranges.push((half, end));
        }
        if place + 1 < half.min(end) {
            ranges.push((place + 1, half.min(end)));
        }
    }
    halves
}

fn is_overflow_page(page: &Page, tree: TreeId) -> bool {
    page.kind() == PageKind::Slotted
        && page.owner() == tree.0
        && page.level() == OVERFLOW_LEVEL
        && page.slot_count() == 1
}

fn lost(page: &Page) -> Error {
    Error::Corrupt { page: page.id(), why: "an overflow chain and its entry do not fit".into() }
}
