//! Changing the shape of a tree: pruning leaves, splitting pages, unlinking empty leaves.
//!
//! **Rule.** A leaf that is full is pruned first, under the logged horizon and then under the newest one, and split only
//! when that does not help. A split is one mini-transaction: the right half is shipped as bytes into a new page, the left
//! one shrinks, the right sibling's and the parent's entries follow. When the parent lacks room it is split before, in a
//! mini-transaction of its own. The root keeps its page: its halves move down.
//!
//! Splits and unlinks of one tree exclude each other by its structure lock, so inner pages change only under it. Rows
//! change meanwhile; what a split does is computed under the leaf's latch.
//!
//! **Rightmost.** When the new entry goes behind everything, nothing moves: the leaf stays full and the new page begins
//! with that entry. Only empty leaves are unlinked, and keys never move left.

use crate::TreeId;
use crate::alloc::Allocation;
use crate::cache::Frame;
use crate::cancel::CancelToken;
use crate::cell::{self, LOWEST, OwnedPosition, PAGE_DEAD, PAGE_HAS_OVERFLOW, Position};
use crate::engine::{Engine, Fate, Pins, Stop};
use crate::error::{Error, Result};
use crate::mtr::Mtr;
use crate::snapshot::Horizon;
use crate::space::{self, map_page};
use bytes::Bytes;
use protocol::page::{PAGE_BYTES, PAGE_HEADER_BYTES, PageKind, SLOT_BYTES};
use protocol::redo::{Change, Patch};
use protocol::{Lsn, Page, PageId, TxnId};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes for slots and cells.
const CAPACITY: usize = PAGE_BYTES - PAGE_HEADER_BYTES;
/// A prune that leaves less room than this beyond what is needed does not save the split: it would be repeated at once.
const PRUNE_ROOM_BYTES: usize = PAGE_BYTES / 8;
/// How uneven a split may be to keep the versions of one key together.
const SAME_KEY_PENALTY_BYTES: usize = PAGE_BYTES / 4;

/// What can go from a leaf.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PrunePlan {
    pub deletes: Vec<u16>,
    pub settles: Vec<u16>,
    /// Entries that could go but for their overflow pages, which must be freed first.
    pub overflow: Vec<u16>,
    /// Commit LSN of the oldest committed version of the leaf's last key, when there is one.
    pub last: Option<Lsn>,
}

/// Where a page is cut.
struct Cut {
    /// First slot that moves right.
    slot: usize,
    separator: OwnedPosition,
}

enum SplitEnd {
    /// There is room now. So many new pages were taken for it, the first ones.
    Done(usize),
    /// The parent lacks room for an entry of so many bytes.
    ParentFull(usize),
    /// Two pages are needed: the root splits.
    Root,
}

impl Engine {
    /// What the horizon lets go of a leaf. `newer`: a key and the commit LSN of a committed version of it in the leaf to the
    /// left, whose older versions may begin this one.
    pub(crate) fn plan_prune(
        &self,
        page: &Page,
        horizon: &Horizon,
        newer: Option<(&[u8], Lsn)>,
    ) -> Result<PrunePlan, Stop> {
        let mut plan = PrunePlan::default();
        let count = page.slot_count();
        let mut slot = 1;
        while slot < count {
            let key = cell::entry(page, slot).key();
            let mut newest = newer.filter(|(newer, _)| slot == 1 && *newer == key).map(|(_, lsn)| lsn);
            let mut kept: Option<(u16, bool, Lsn)> = None;
            // The first deletion behind the version at hand, if nobody sees that.
            let mut end: Option<(u16, Lsn)> = None;
            let mut remaining = 0;
            while slot < count && cell::entry(page, slot).key() == key {
                let entry = cell::entry(page, slot);
                let at = slot as u16;
                slot += 1;
                let txid = entry.txid();
                let fate = if txid == TxnId::NONE { Fate::Committed(entry.stamp()) } else { self.fate(txid)? };
                let needed = match fate {
                    Fate::InFlight(_) => {
                        remaining += 1;
                        continue;
                    }
                    Fate::Aborted => false,
                    Fate::Committed(lsn) => {
                        let needed = newest.is_none_or(|newest| horizon.needs(lsn, newest));
                        newest = Some(lsn);
                        // Settled, it will be visible from its stamp on: nobody may be between that and the commit.
                        let may_settle = || lsn <= horizon.bound && !horizon.needs(entry.stamp(), lsn);
                        if needed && txid != TxnId::NONE && may_settle() {
                            plan.settles.push(at);
                        }
                        if needed {
                            kept = Some((at, entry.is_tombstone(), lsn));
                            // Who sees this row must find that it ended, though another has come under its key since.
                            if let Some((end, _)) = end.take().filter(|_| !entry.is_tombstone()) {
                                plan.deletes.retain(|&delete| delete != end);
                                remaining += 1;
                            }
                        } else if entry.is_tombstone() {
                            end = Some((at, lsn));
                        }
                        needed
                    }
                };
                if needed {
                    remaining += 1;
                } else if entry.is_overflow() {
                    plan.overflow.push(at);
                    remaining += 1;
                } else {
                    plan.deletes.push(at);
                }
            }
            let goes_on = slot == count && cell::high(page).is_some_and(|high| high.key == key);
            if let Some((end, lsn)) = end
                && goes_on
                && horizon.needs(Lsn::ZERO, lsn)
            {
                // The row may lie in the next leaf.
                plan.deletes.retain(|&delete| delete != end);
            }
            if let Some((at, true, lsn)) = kept
                && remaining == 1
                && !goes_on
                && lsn <= horizon.bound
            {
                // Nothing below it is left to hide.
                plan.settles.retain(|&settle| settle != at);
                let place = plan.deletes.partition_point(|&delete| delete < at);
                plan.deletes.insert(place, at);
            }
            plan.last = newest;
        }
        Ok(plan)
    }

    /// Logs a prune of a latched leaf.
    fn apply_prune(&self, mtr: &mut Mtr<'_>, at: usize, plan: &PrunePlan) {
        if !plan.settles.is_empty() {
            let patch = Patch { offset: cell::ENTRY_SETTLED_OFFSET, bytes: Bytes::from_static(&[cell::SETTLED]) };
            mtr.change(at, Change::PatchCells { slots: plan.settles.clone(), patch });
        }
        if !plan.deletes.is_empty() {
            mtr.change(at, Change::Delete { slots: plan.deletes.clone() });
            self.counters.prunes.fetch_add(1, Ordering::Relaxed);
            self.counters.versions_pruned.fetch_add(plan.deletes.len() as u64, Ordering::Relaxed);
        }
    }

    /// Prunes the leaf for a position if that makes room enough, or when it is `due` in any case. Returns whether there is
    /// room enough now: as much as is needed, and when it had to be pruned for it, some more.
    fn prune_once(&self, tree: TreeId, position: Position<'_>, needed: usize, due: bool) -> Result<bool, Stop> {
        let log = self.log()?;
        self.with_leaf_mut(tree, position, |page| {
            let free = page.free_bytes();
            let wanted = needed + PRUNE_ROOM_BYTES;
            if free >= if due { wanted } else { needed } {
                return Ok(true);
            }
            if tree == self.registry_root {
                return Ok(false);
            }
            let plan = self.plan_prune(&page, &self.registry.horizon(), None)?;
            let gained: usize = plan.deletes.iter().map(|&slot| page.cell(slot.into()).len() + SLOT_BYTES).sum();
            let enough = free + gained >= wanted;
            if !plan.overflow.is_empty() {
                self.note_garbage(tree, cell::entry(&page, plan.overflow[0].into()).key());
            }
            if (enough || due) && !(plan.deletes.is_empty() && plan.settles.is_empty()) {
                let mut mtr = Mtr::new(&self.dirty);
                let at = mtr.adopt(page);
                self.apply_prune(&mut mtr, at, &plan);
                mtr.commit(log, |_| {});
            }
            Ok(enough)
        })
    }

    /// Makes room for a cell of `needed` bytes in the leaf for a position, which may become another leaf.
    pub(crate) async fn make_room(&self, tree: TreeId, position: Position<'_>, needed: usize) -> Result<()> {
        let cancel = CancelToken::new();
        let mut pins = Pins::default();
        for due in [false, true] {
            if due {
                self.advance_horizon().await?;
            }
            self.admit(self.log()?, &mut pins).await?;
            if self.retry(&mut pins, &cancel, || self.prune_once(tree, position, needed, due)).await? {
                return Ok(());
            }
            pins.clear();
        }
        // Room for more than this entry, unless it is so long that a page might not have it.
        let room = if needed <= PAGE_BYTES / 4 { PRUNE_ROOM_BYTES } else { 0 };
        self.split_leaf(tree, position, needed + room).await
    }

    /// Splits the leaf for a position, unless it has room for `needed` bytes.
    pub(crate) async fn split_leaf(&self, tree: TreeId, position: Position<'_>, needed: usize) -> Result<()> {
        let _structure = self.structure(tree).await;
        self.split(tree, 0, position, needed).await
    }

    /// Splits the page at `level` for a position, unless it has room for `needed` bytes. The structure lock is held.
    async fn split(&self, tree: TreeId, level: u8, position: Position<'_>, needed: usize) -> Result<()> {
        let log = self.log()?.clone();
        let cancel = CancelToken::new();
        let mut pins = Pins::default();
        let first = self.allocate(&mut pins).await?;
        let mut second = None;
        loop {
            self.admit(&log, &mut pins).await?;
            let new = [Some(first.page()), second.as_ref().map(Allocation::page)];
            let end = self
                .retry(&mut pins, &cancel, || {
                    let path = self.path(tree, level, position)?;
                    if let [root] = &path[..] {
                        let Some(second) = new[1] else { return Ok(SplitEnd::Root) };
                        return self.split_root(root, position, needed, [first.page(), second]);
                    }
                    let (page, parent) = (&path[path.len() - 1], &path[path.len() - 2]);
                    self.split_page(page, parent, position, needed, first.page())
                })
                .await?;
            match end {
                SplitEnd::Done(taken) => {
                    self.counters.splits.fetch_add(u64::from(taken > 0), Ordering::Relaxed);
                    // Before anything is waited for: a page that goes back while it is in the tree would be taken again.
                    [Some(first), second].into_iter().flatten().take(taken).for_each(Allocation::used);
                    return Ok(());
                }
                SplitEnd::ParentFull(bytes) => {
                    pins.clear();
                    Box::pin(self.split(tree, level + 1, position, bytes)).await?;
                    // The page reserved before must be cached again, and the height may have changed.
                    self.load(&mut pins, first.page(), false).await?;
                }
                SplitEnd::Root => second = Some(self.allocate(&mut pins).await?),
            }
        }
    }

    fn split_page(
        &self,
        page: &Arc<Frame>,
        parent: &Arc<Frame>,
        position: Position<'_>,
        needed: usize,
        new: PageId,
    ) -> Result<SplitEnd, Stop> {
        let log = self.log()?;
        let right = page.latch.read().right();
        let right = if right.is_some() { Some(self.page(right)?) } else { None };
        let new = self.page(new)?;
        let (span, bit) = space::locate(new.id);
        let map = self.page(map_page(span))?;
        let mut mtr = Mtr::new(&self.dirty);
        let at = mtr.latch(page);
        let right_at = right.as_ref().map(|right| mtr.latch(right));
        let parent_at = mtr.latch(parent);
        let Some(cut) = cut(mtr.page(at), position, needed)? else { return Ok(SplitEnd::Done(0)) };
        let entry = cell::inner_cell(new.id, cut.separator.borrow());
        if entry.len() > mtr.page(parent_at).free_bytes() {
            return Ok(SplitEnd::ParentFull(entry.len()));
        }
        let new_at = mtr.latch(&new);
        let map_at = mtr.latch(&map);
        let left = mtr.page(at);
        let (level, owner, count) = (left.level(), left.owner(), left.slot_count());
        let links = (left.right(), left.id());
        let cells = moved_cells(left, cut.slot..count, cell::high(left));
        mtr.change(new_at, init(level, 0, owner, links.0, links.1));
        mtr.change(new_at, Change::Insert { at: 0, stamped: false, cells });
        if cut.slot < count {
            mtr.change(at, Change::DeleteRange { at: cut.slot as u16, count: (count - cut.slot) as u16 });
        }
        mtr.change(at, Change::Replace { slot: 0, cell: cell::high_cell(Some(cut.separator.borrow())) });
        mtr.change(at, Change::SetLinks { right: Some(new.id), left: None });
        if let Some(right_at) = right_at {
            mtr.change(right_at, Change::SetLinks { right: None, left: Some(new.id) });
        }
        let slot = cell::child_slot(mtr.page(parent_at), cut.separator.borrow()) + 1;
        mtr.change(parent_at, Change::Insert { at: slot as u16, stamped: false, cells: vec![entry] });
        let bits = space::set_bits(mtr.page(map_at), [bit], true);
        mtr.change(map_at, bits);
        mtr.commit(log, |_| {});
        Ok(SplitEnd::Done(1))
    }

    fn split_root(
        &self,
        root: &Arc<Frame>,
        position: Position<'_>,
        needed: usize,
        new: [PageId; 2],
    ) -> Result<SplitEnd, Stop> {
        let log = self.log()?;
        let (left, right) = (self.page(new[0])?, self.page(new[1])?);
        let bits = new.map(space::locate);
        let maps = [self.page(map_page(bits[0].0))?, self.page(map_page(bits[1].0))?];
        let mut mtr = Mtr::new(&self.dirty);
        let at = mtr.latch(root);
        let Some(cut) = cut(mtr.page(at), position, needed)? else { return Ok(SplitEnd::Done(0)) };
        let (left_at, right_at) = (mtr.latch(&left), mtr.latch(&right));
        let page = mtr.page(at);
        let (level, flags, owner, count) = (page.level(), page.flags(), page.owner(), page.slot_count());
        let separator = cut.separator.borrow();
        let left_cells = moved_cells(page, 1..cut.slot, Some(separator));
        let right_cells = moved_cells(page, cut.slot..count, None);
        let root_cells =
            vec![cell::high_cell(None), cell::inner_cell(left.id, LOWEST), cell::inner_cell(right.id, separator)];
        mtr.change(left_at, init(level, 0, owner, right.id, PageId::NONE));
        mtr.change(left_at, Change::Insert { at: 0, stamped: false, cells: left_cells });
        mtr.change(right_at, init(level, 0, owner, PageId::NONE, left.id));
        mtr.change(right_at, Change::Insert { at: 0, stamped: false, cells: right_cells });
        mtr.change(at, init(level + 1, flags, owner, PageId::NONE, PageId::NONE));
        mtr.change(at, Change::Insert { at: 0, stamped: false, cells: root_cells });
        if bits[0].0 == bits[1].0 {
            let map_at = mtr.latch(&maps[0]);
            let change = space::set_bits(mtr.page(map_at), bits.map(|bit| bit.1), true);
            mtr.change(map_at, change);
        } else {
            // In the order of page numbers, for another split may take both, too.
            let mut order = [0, 1];
            order.sort_by_key(|&index| bits[index].0);
            for index in order {
                let map_at = mtr.latch(&maps[index]);
                let change = space::set_bits(mtr.page(map_at), [bits[index].1], true);
                mtr.change(map_at, change);
            }
        }
        mtr.commit(log, |_| {});
        Ok(SplitEnd::Done(2))
    }

    /// Unlinks the leaf for a position if it is empty, and the inner pages that are left without a child. Returns whether
    /// it did. A leaf that is the first below its parent stays until its siblings are gone.
    pub(crate) async fn unlink(&self, tree: TreeId, position: Position<'_>) -> Result<bool> {
        let log = self.log()?.clone();
        let cancel = CancelToken::new();
        let mut pins = Pins::default();
        let _structure = self.structure(tree).await;
        self.admit(&log, &mut pins).await?;
        let freed = self.retry(&mut pins, &cancel, || self.unlink_once(tree, position)).await?;
        self.counters.leaves_unlinked.fetch_add(u64::from(!freed.is_empty()), Ordering::Relaxed);
        for &(page, lsn) in &freed {
            self.space.freed(page, lsn);
            self.counters.pages_freed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(!freed.is_empty())
    }

    fn unlink_once(&self, tree: TreeId, position: Position<'_>) -> Result<Vec<(PageId, Lsn)>, Stop> {
        let log = self.log()?;
        let path = self.path(tree, 0, position)?;
        // From the leaf up: pages that go, until a parent keeps other children.
        let mut going: Vec<&Arc<Frame>> = Vec::new();
        let mut keeper = None;
        for pair in path.windows(2).rev() {
            let (parent, child) = (&pair[0], &pair[1]);
            going.push(child);
            let page = parent.latch.read();
            let slot = cell::child_slot(&page, position);
            if page.slot_count() > 2 {
                keeper = (slot > 1).then_some((parent, slot));
                break;
            }
        }
        let Some((parent, slot)) = keeper else { return Ok(Vec::new()) };
        let mut siblings = Vec::new();
        for frame in &going {
            let (left, right) = {
                let page = frame.latch.read();
                (page.left(), page.right())
            };
            let right = if right.is_some() { Some(self.page(right)?) } else { None };
            if !left.is_some() {
                return Ok(Vec::new());
            }
            siblings.push((self.page(left)?, right));
        }
        let maps =
            going.iter().map(|frame| self.page(map_page(space::locate(frame.id).0))).collect::<Result<Vec<_>, _>>()?;
        let mut mtr = Mtr::new(&self.dirty);
        for (index, frame) in going.iter().enumerate() {
            let (left, right) = &siblings[index];
            let left_at = mtr.latch(left);
            let at = mtr.latch(frame);
            let right_at = right.as_ref().map(|right| mtr.latch(right));
            if index == 0 && mtr.page(at).slot_count() > 1 {
                return Ok(Vec::new());
            }
            let page = mtr.page(at);
            let high = cell::high_cell(cell::high(page));
            let (level, flags, right_id) = (page.level(), page.flags(), page.right());
            // The left sibling takes over the range, and its high key may be longer.
            let room = mtr.page(left_at).free_bytes() + SLOT_BYTES + mtr.page(left_at).cell(0).len();
            if high.len() > room {
                return Ok(Vec::new());
            }
            mtr.change(left_at, Change::Replace { slot: 0, cell: high });
            mtr.change(left_at, Change::SetLinks { right: Some(right_id), left: None });
            if let Some(right_at) = right_at {
                let left = left.id;
                mtr.change(right_at, Change::SetLinks { right: None, left: Some(left) });
            }
            mtr.change(at, Change::SetFlags { level, flags: flags | PAGE_DEAD });
        }
        let parent_at = mtr.latch(parent);
        mtr.change(parent_at, Change::Delete { slots: vec![slot as u16] });
        let mut spans: Vec<u64> = going.iter().map(|frame| space::locate(frame.id).0).collect();
        spans.sort_unstable();
        spans.dedup();
        for span in spans {
            let index = going.iter().position(|frame| space::locate(frame.id).0 == span).expect("it came from here");
            let map_at = mtr.latch(&maps[index]);
            let bits = going.iter().map(|frame| space::locate(frame.id)).filter(|bit| bit.0 == span).map(|bit| bit.1);
            let change = space::set_bits(mtr.page(map_at), bits, false);
            mtr.change(map_at, change);
        }
        // Published, so that new snapshots are past it and the pages may be used again.
        let lsn = mtr.commit(log, |lsn| self.registry.publish(lsn));
        Ok(going.iter().map(|frame| (frame.id, lsn)).collect())
    }

    /// Prunes and settles the leaf for a position. Returns the plan, and where the next leaf begins.
    pub(crate) fn sweep_leaf(
        &self,
        tree: TreeId,
        position: Position<'_>,
        newer: Option<(&[u8], Lsn)>,
    ) -> Result<(PrunePlan, SweptLeaf), Stop> {
        let log = self.log()?;
        self.with_leaf_mut(tree, position, |page| {
            let count = page.slot_count();
            // Only to what lies behind it is it newer: this may be the leaf from which it comes, which took over the next one.
            let behind = |_: &_| count > 1 && cell::entry(&page, 1).position().cmp(&position).is_ge();
            let mut plan = self.plan_prune(&page, &self.registry.horizon(), newer.filter(behind))?;
            let overflow =
                plan.overflow.iter().map(|&slot| cell::entry(&page, slot.into()).position().to_owned()).collect();
            let last_key = (count > 1).then(|| cell::entry(&page, count - 1).key().to_vec());
            let high = cell::high(&page).map(|high| high.to_owned());
            let empty = plan.deletes.len() == count - 1;
            if tree == self.registry_root {
                plan.deletes.clear();
            }
            let stays = |slot: &usize| {
                let slot = *slot as u16;
                plan.deletes.binary_search(&slot).is_err() && plan.settles.binary_search(&slot).is_err()
            };
            let mut lowest_txid: Option<TxnId> = None;
            let mut tombstones: Vec<Vec<u8>> = Vec::new();
            for slot in (1..count).filter(|slot| plan.deletes.binary_search(&(*slot as u16)).is_err()) {
                let entry = cell::entry(&page, slot);
                if entry.is_tombstone() && tombstones.last().is_none_or(|last| last != entry.key()) {
                    tombstones.push(entry.key().to_vec());
                }
            }
            for slot in (1..count).filter(stays) {
                let txid = cell::entry(&page, slot).txid();
                if txid != TxnId::NONE {
                    let needed = self.lowest_needed(txid)?;
                    lowest_txid = Some(lowest_txid.map_or(needed, |lowest| lowest.min(needed)));
                }
            }
            let swept = SweptLeaf { high, last_key, empty, overflow, lowest_txid, tombstones };
            if !plan.deletes.is_empty() || !plan.settles.is_empty() {
                let mut mtr = Mtr::new(&self.dirty);
                let at = mtr.adopt(page);
                self.apply_prune(&mut mtr, at, &plan);
                mtr.commit(log, |_| {});
            }
            Ok((plan, swept))
        })
    }
}

/// What a sweep found in a leaf.
pub struct SweptLeaf {
    pub high: Option<OwnedPosition>,
    pub last_key: Option<Vec<u8>>,
    /// Nothing is left.
    pub empty: bool,
    /// Entries that go once their overflow pages are freed.
    pub overflow: Vec<OwnedPosition>,
    /// The lowest transaction id that decides on a version in it, or that such a one names as its top.
    pub lowest_txid: Option<TxnId>,
    /// Keys of the tombstones that stay for now, in order.
    pub tombstones: Vec<Vec<u8>>,
}

fn init(level: u8, flags: u8, owner: u64, right: PageId, left: PageId) -> Change {
    Change::Init { kind: PageKind::Slotted, level, flags: flags & PAGE_HAS_OVERFLOW, owner, right, left }
}

/// A page's cells: the high key, then copies of `slots`; the first entry of an inner page loses its key.
fn moved_cells(page: &Page, slots: std::ops::Range<usize>, high: Option<Position<'_>>) -> Vec<Bytes> {
    let mut cells = vec![cell::high_cell(high)];
    let first = slots.start;
    for slot in slots {
        if page.level() > 0 && slot == first {
            cells.push(cell::inner_cell(cell::inner(page, slot).0, LOWEST));
        } else {
            cells.push(Bytes::copy_from_slice(page.cell(slot)));
        }
    }
    cells
}

/// Where to cut a page so that a cell of `needed` bytes at `position` fits; `None` when it fits without. With the longest
/// keys no single cut may do: then the page is cut as close to the position as can be, and whoever needs the room comes
/// again for the half.
fn cut(page: &Page, position: Position<'_>, needed: usize) -> Result<Option<Cut>, Stop> {
    if page.free_bytes() >= needed {
        return Ok(None);
    }
    let cut = best_cut(page, position, Some(needed + SLOT_BYTES)).or_else(|| best_cut(page, position, None));
    let why = || format!("no cut makes room for {needed} bytes");
    cut.map(Some).ok_or_else(|| Stop::Error(Error::Corrupt { page: page.id(), why: why() }))
}

/// The most even cut with which `new` bytes more fit; without them, the cut closest to the position.
fn best_cut(page: &Page, position: Position<'_>, new: Option<usize>) -> Option<Cut> {
    let count = page.slot_count();
    let is_leaf = page.level() == 0;
    let high_bytes = cell::high_cell_bytes(cell::high(page)) + SLOT_BYTES;
    let total = cell::cells_bytes((1..count).map(|slot| page.cell(slot).len()));
    let place = if is_leaf { cell::lower_bound(page, position) } else { cell::child_slot(page, position) + 1 };
    let at_end = place == count && !page.right().is_some();
    let new_bytes = new.unwrap_or(0);
    let mut best: Option<(usize, Cut)> = None;
    let mut consider = |slot: usize, separator: OwnedPosition, left: usize, right: usize, within_key: bool| {
        let uneven = left.abs_diff(right) + if within_key { SAME_KEY_PENALTY_BYTES } else { 0 };
        let score = match new {
            None => slot.abs_diff(place),
            Some(_) if at_end => count - slot,
            Some(_) => uneven,
        };
        let left = left + cell::high_cell_bytes(Some(separator.borrow())) + SLOT_BYTES;
        let fits = left <= CAPACITY && right + high_bytes <= CAPACITY;
        if fits && best.as_ref().is_none_or(|(best, _)| score < *best) {
            best = Some((score, Cut { slot, separator }));
        }
    };
    let mut left = 0;
    for slot in 1..=count {
        // Entries before `slot` stay: `left` bytes of them.
        let right = total - left;
        let (with_left, with_right) = ((left + new_bytes, right), (left, right + new_bytes));
        if is_leaf {
            let before = (slot > 1).then(|| cell::entry(page, slot - 1).position());
            let behind = (slot < count).then(|| cell::entry(page, slot).position());
            if slot != place {
                if let (Some(before), Some(behind)) = (before, behind) {
                    let (left, right) = if slot < place { with_right } else { with_left };
                    consider(slot, cell::separator(before, behind), left, right, before.key == behind.key);
                }
            } else {
                // The new entry lies just here: it may go to either side.
                if let Some(before) = before {
                    consider(slot, cell::separator(before, position), with_right.0, with_right.1, false);
                }
                if let Some(behind) = behind {
                    let within_key = behind.key == position.key;
                    consider(slot, cell::separator(position, behind), with_left.0, with_left.1, within_key);
                }
            }
        } else if slot > 1 && slot < count {
            // Each half keeps a child; the new entry goes behind the child that holds its position.
            let (left, right) = if place > slot { with_right } else { with_left };
            consider(slot, cell::inner(page, slot).1.to_owned(), left, right, false);
        }
        if slot < count {
            left += page.cell(slot).len() + SLOT_BYTES;
        }
    }
    best.map(|(_, cut)| cut)
}
