//! Rows that are too long for a leaf: chains of pages behind an entry.
//!
//! **Rule.** A chain is reachable from its entry at every moment, so that a crash, an abort or a cancel loses no page: it
//! is written from its end, each mini-transaction putting some pages before the head and the new head into the entry; and
//! freed from its head, the entry going last. While it is written the entry is in flight, and while it is freed no served
//! snapshot needs it, so nobody reads a part.
//!
//! An overflow page has one cell, its part of the row; its right link is the next page.

use crate::TreeId;
use crate::alloc::Allocation;
use crate::cancel::CancelToken;
use crate::cell::{self, ENTRY_HEADER_BYTES, OwnedPosition, Position};
use crate::engine::{Engine, Pins, Stop};
use crate::error::{Error, Result};
use crate::mtr::Mtr;
use crate::read::OVERFLOW_LEVEL;
use crate::space::{self, map_page};
use bytes::Bytes;
use protocol::page::{CELL_BYTES_MAX, PageKind};
use protocol::redo::{Change, Patch};
use protocol::{Lsn, Page, PageId};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Pages written in one mini-transaction: few enough to be pinned at once.
const WRITE_PAGES: usize = 6;
/// Pages freed in one.
const FREE_PAGES: usize = 32;

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
        for group in chunks.rchunks(WRITE_PAGES) {
            let mut pins = Pins::default();
            let mut pages: Vec<Allocation<'_>> = Vec::new();
            for _ in group {
                pages.push(self.allocate(&mut pins).await?);
            }
            self.admit(&log).await?;
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
                    let mut mtr = Mtr::new();
                    let leaf = mtr.adopt(leaf);
                    for (index, part) in group.iter().enumerate() {
                        let at = mtr.latch(&frames[index]);
                        let right = frames.get(index + 1).map_or(head, |next| next.id);
                        mtr.change(
                            at,
                            Change::Init {
                                kind: PageKind::Slotted,
                                level: OVERFLOW_LEVEL,
                                flags: 0,
                                owner: tree.0,
                                right,
                                left: PageId::NONE,
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
            self.admit(&log).await?;
            let (freed, lsn, done) = self
                .retry(&mut pins, &cancel, || {
                    let position = position.borrow();
                    let head = self.with_leaf(tree, position, crate::tree::Seek::At, None, |leaf| {
                        Ok(find(leaf, position).map(|slot| cell::entry(leaf, slot).overflow().head))
                    })?;
                    let Some(head) = head else { return Ok((Vec::new(), Lsn::ZERO, true)) };
                    let mut freed: Vec<PageId> = Vec::new();
                    let mut next = head;
                    while next.is_some() && freed.len() < FREE_PAGES {
                        let frame = self.page(next)?;
                        let page = frame.latch.read();
                        if page.kind() != PageKind::Slotted || page.owner() != tree.0 || page.level() != OVERFLOW_LEVEL
                        {
                            return Err(Stop::Error(lost(&page)));
                        }
                        freed.push(next);
                        next = page.right();
                    }
                    let mut bits: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
                    for &page in &freed {
                        let (span, bit) = space::locate(page);
                        bits.entry(span).or_default().push(bit);
                    }
                    let maps = bits.keys().map(|&span| self.page(map_page(span))).collect::<Result<Vec<_>, _>>()?;
                    self.with_leaf_mut(tree, position, |leaf| {
                        let slot = find(&leaf, position).ok_or(Stop::Again)?;
                        let mut mtr = Mtr::new();
                        let leaf = mtr.adopt(leaf);
                        for (map, bits) in maps.iter().zip(bits.values()) {
                            let at = mtr.latch(map);
                            let change = space::set_bits(mtr.page(at), bits.iter().copied(), false);
                            mtr.change(at, change);
                        }
                        let done = !next.is_some();
                        let change = if done {
                            Change::Delete { slots: vec![slot as u16] }
                        } else {
                            head_patch(mtr.page(leaf), slot, next)
                        };
                        mtr.change(leaf, change);
                        // Published, so that new snapshots are past it and the pages may be used again.
                        Ok((freed, mtr.commit(&log, |lsn| self.registry.publish(lsn)), done))
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
}

fn lost(page: &Page) -> Error {
    Error::Corrupt { page: page.id(), why: "an overflow chain and its entry do not fit".into() }
}
