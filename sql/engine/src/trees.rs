//! Trees coming and going.
//!
//! **Rule.** Every tree has an entry in the registry, a tree itself, written by the transaction that creates it and given
//! a tombstone by the one that drops it. The sweep frees the pages of trees whose creator aborted, and of dropped ones
//! once every served snapshot is past the drop; then it removes the entry. The registry is pruned by nobody else.
//!
//! A page that was a root may become one again, of a tree that has the same number, and so the same key in the registry.
//! Therefore the sweep judges by the registry's newest entry and acts only while that is still the newest: the root goes
//! in the same mini-transaction as the entries, and until it goes nobody can take its page.
//!
//! **Mechanism.** A tree is freed from its right edge, a part of an inner page's children in one mini-transaction with
//! their entries: whoever goes on after a crash meets only what is left. Leaves are not even read, unless the root says
//! that rows may be out of line.

use crate::cancel::CancelToken;
use crate::cell::{self, PAGE_DEAD, PAGE_HAS_OVERFLOW, Position};
use crate::engine::{Engine, Fate, Pins, Stop};
use crate::error::Result;
use crate::mtr::Mtr;
use crate::space::{self, FREE_SPANS, map_page};
use crate::tree::{self, Seek, belongs};
use crate::txn::{Aim, Txn, View};
use crate::write::WriteOutcome;
use crate::{Error, TreeId};
use parking_lot::RwLockWriteGuard;
use protocol::redo::Change;
use protocol::{Lsn, Page, PageId, TxnId};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Children freed in one mini-transaction.
const FREE_CHILDREN: usize = 128;

/// What the registry says of a tree.
struct Registered {
    tree: TreeId,
    /// The stamp of its newest entry.
    newest: Lsn,
    /// For everyone.
    gone: bool,
}

/// What a tree is for. The engine treats both alike; it is kept in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeKind {
    /// Keys to rows.
    Clustered,
    /// Indexed columns to keys.
    Index,
}

fn registry_key(tree: TreeId) -> [u8; 8] {
    tree.0.to_be_bytes()
}

impl Engine {
    /// A view of what is committed now and of the transaction's own, whatever its isolation: definitions are read and changed
    /// by it, and what must hold for all rows.
    #[must_use]
    pub fn newest(&self, txn: &Txn) -> View {
        View { snapshot: self.snapshot(), txn: txn.shared.clone(), start: self.end(), aim: Aim::Newest }
    }

    /// As [`Engine::newest`], of the transaction of a statement that reads by `view` otherwise.
    #[must_use]
    pub fn newest_beside(&self, view: &View) -> View {
        View { snapshot: self.snapshot(), txn: view.txn.clone(), start: self.end(), aim: Aim::Newest }
    }

    /// Creates a tree. It exists for others when the transaction commits; if it does not, the sweep frees it.
    ///
    /// # Errors
    /// As [`Engine::insert`].
    pub async fn create_tree(&self, txn: &mut Txn, kind: TreeKind) -> Result<TreeId> {
        txn.check()?;
        let log = self.log()?.clone();
        let mut pins = Pins::default();
        let allocation = self.allocate(&mut pins).await?;
        pins.clear();
        let root = allocation.page();
        let view = self.newest(txn);
        let kind = match kind {
            TreeKind::Clustered => 1,
            TreeKind::Index => 2,
        };
        // Registered first: a page in use that no one knows of would be lost.
        self.insert(txn, &view, self.registry_root, &registry_key(root), &[kind]).await?;
        self.admit(&log, &mut pins).await?;
        self.retry(&mut pins, &CancelToken::new(), || {
            let page = self.page(root)?;
            let (span, bit) = space::locate(root);
            let map = self.page(map_page(span))?;
            let mut mtr = Mtr::new(&self.dirty);
            let (at, map_at) = (mtr.latch(&page), mtr.latch(&map));
            tree::empty_root(root).into_iter().for_each(|change| mtr.change(at, change));
            let bits = space::set_bits(mtr.page(map_at), [bit], true);
            mtr.change(map_at, bits);
            mtr.commit(&log, |_| {});
            Ok(())
        })
        .await?;
        allocation.used();
        Ok(root)
    }

    /// Drops a tree. Its pages are freed after the commit, when no snapshot can need them.
    ///
    /// # Errors
    /// As [`Engine::delete`]; [`Error::NoSuchTree`].
    pub async fn drop_tree(&self, txn: &mut Txn, tree: TreeId) -> Result<()> {
        let view = self.newest(txn);
        let outcome =
            self.delete(txn, &view, self.registry_root, &registry_key(tree), None, &mut |_, _| Ok(true)).await?;
        match outcome {
            WriteOutcome::Done => Ok(()),
            _ => Err(Error::NoSuchTree(tree)),
        }
    }

    /// Whether a view sees the tree's creation: what a tree was filled with when it was made is visible to nobody else, so
    /// who does not see its creation must not read it.
    ///
    /// # Errors
    /// As [`Engine::get`].
    pub async fn sees_tree(&self, view: &View, tree: TreeId) -> Result<bool> {
        let mut row = Vec::new();
        Ok(tree == self.catalog_tree()
            || self.get_into(view, self.registry_root, &registry_key(tree), &mut row).await?)
    }

    /// Every registered tree that is not known to be dropped.
    pub(crate) async fn live_trees(&self) -> Result<Vec<TreeId>> {
        Ok(self.registered().await?.into_iter().filter(|it| !it.gone).map(|it| it.tree).collect())
    }

    /// Frees the trees that nobody can see, a part of so many pieces: what is left stays for the next call. Returns how many
    /// are gone.
    pub(crate) async fn sweep_trees(&self, mut parts: u64, cancel: &CancelToken) -> Result<u64> {
        let mut freed = 0;
        for registered in self.registered().await?.into_iter().filter(|it| it.gone) {
            cancel.check()?;
            freed += u64::from(self.free_tree(&registered, &mut parts).await?);
        }
        Ok(freed)
    }

    /// What the registry says.
    async fn registered(&self) -> Result<Vec<Registered>> {
        let mut found = Vec::new();
        let mut from = cell::LOWEST.to_owned();
        loop {
            let cancel = CancelToken::new();
            let (part, next) = self
                .retry(&mut Pins::default(), &cancel, || {
                    let oldest = self.registry.horizon().oldest();
                    self.with_leaf(self.registry_root, from.borrow(), Seek::At, None, |page| {
                        let mut part: Vec<Registered> = Vec::new();
                        let mut decided: Option<&[u8]> = None;
                        for slot in 1..page.slot_count() {
                            let entry = cell::entry(page, slot);
                            let Ok(key) = <[u8; 8]>::try_from(entry.key()) else { continue };
                            let tree = PageId(u64::from_be_bytes(key));
                            if decided == Some(entry.key()) {
                                continue;
                            }
                            let fate = match entry.txid() {
                                TxnId::NONE => Fate::Committed(entry.stamp()),
                                txid => self.fate(txid)?,
                            };
                            let gone = match fate {
                                Fate::InFlight(_) => false,
                                Fate::Committed(lsn) => entry.is_tombstone() && lsn <= oldest,
                                Fate::Aborted => {
                                    // Unless an older version says otherwise.
                                    if part.last().is_none_or(|last| last.tree != tree) {
                                        part.push(Registered { tree, newest: entry.stamp(), gone: true });
                                    }
                                    continue;
                                }
                            };
                            decided = Some(entry.key());
                            match part.last_mut() {
                                Some(last) if last.tree == tree => last.gone = gone,
                                _ => part.push(Registered { tree, newest: entry.stamp(), gone }),
                            }
                        }
                        // A key's versions may span leaves; it is left to a later sweep to free it then.
                        if let (Some(high), Some(last)) = (cell::high(page), part.last_mut())
                            && high.key == registry_key(last.tree)
                        {
                            last.gone = false;
                        }
                        Ok((part, cell::high(page).map(|high| high.to_owned())))
                    })
                })
                .await?;
            found.extend(part);
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        // The first part of a key that spans leaves was marked as alive: that stands.
        found.dedup_by_key(|found| found.tree);
        Ok(found)
    }

    /// Runs `then` on the latched registry leaf with the entries of a tree, unless a newer one has come since.
    fn with_registered<R>(
        &self,
        registered: &Registered,
        then: impl FnOnce(RwLockWriteGuard<'_, Page>, Change) -> Result<R, Stop>,
    ) -> Result<Option<R>, Stop> {
        let key = registry_key(registered.tree);
        self.with_leaf_mut(self.registry_root, Position::before(&key), |page| {
            let first = cell::lower_bound(&page, Position::before(&key));
            let behind = cell::lower_bound(&page, Position::after(&key));
            if first == behind || cell::entry(&page, first).stamp() != registered.newest {
                return Ok(None);
            }
            let forget = Change::DeleteRange { at: first as u16, count: (behind - first) as u16 };
            then(page, forget).map(Some)
        })
    }

    /// Frees every page of a tree that nobody can see any more, and forgets it, as far as the parts go. False when that was
    /// not far enough, or its number is in use again.
    async fn free_tree(&self, registered: &Registered, parts: &mut u64) -> Result<bool> {
        let tree = registered.tree;
        let log = self.log()?.clone();
        let cancel = CancelToken::new();
        let _structure = self.structure(tree).await;
        loop {
            let Some(left) = parts.checked_sub(1) else { return Ok(false) };
            *parts = left;
            let mut pins = Pins::default();
            self.admit(&log, &mut pins).await?;
            // While the entry is the newest, a root that belongs to the tree is that of the tree that was judged.
            let look = |registry: RwLockWriteGuard<'_, Page>, forget| {
                let root = self.page(tree)?;
                let page = root.latch.read();
                let level = page.level();
                if belongs(&page, tree, level) {
                    return Ok(Some((level, page.flags() & PAGE_HAS_OVERFLOW != 0)));
                }
                // Never formatted.
                drop(page);
                let mut mtr = Mtr::new(&self.dirty);
                let at = mtr.adopt(registry);
                mtr.change(at, forget);
                mtr.commit(&log, |_| {});
                Ok(None)
            };
            let found = self.retry(&mut pins, &cancel, || self.with_registered(registered, look)).await?;
            let Some(found) = found else { return Ok(false) };
            let Some((level, has_overflow)) = found else { return Ok(true) };
            if has_overflow {
                pins.clear();
                if !self.free_all_overflow(tree, parts).await? {
                    return Ok(false);
                }
            }
            self.admit(&log, &mut pins).await?;
            let (freed, lsn) = match self.retry(&mut pins, &cancel, || self.free_edge(tree, level)).await? {
                Some(edge) => edge,
                None => {
                    let root = self.retry(&mut pins, &cancel, || self.free_root(registered)).await?;
                    let Some(lsn) = root else { return Ok(false) };
                    (vec![tree], lsn)
                }
            };
            let root_went = freed.contains(&tree);
            self.counters.pages_freed.fetch_add(freed.len() as u64, Ordering::Relaxed);
            freed.into_iter().for_each(|page| self.space.freed(page, lsn));
            if root_went {
                return Ok(true);
            }
        }
    }

    /// Frees a root that has no children any more, together with the tree's entries.
    fn free_root(&self, registered: &Registered) -> Result<Option<Lsn>, Stop> {
        let log = self.log()?;
        let (span, bit) = space::locate(registered.tree);
        self.with_registered(registered, |registry, forget| {
            let (root, map) = (self.page(registered.tree)?, self.page(map_page(span))?);
            let mut mtr = Mtr::new(&self.dirty);
            let (registry_at, at) = (mtr.adopt(registry), mtr.latch(&root));
            mtr.change(registry_at, forget);
            let (level, flags) = (mtr.page(at).level(), mtr.page(at).flags());
            mtr.change(at, Change::SetFlags { level, flags: flags | PAGE_DEAD });
            let map_at = mtr.latch(&map);
            let bits = space::set_bits(mtr.page(map_at), [bit], false);
            mtr.change(map_at, bits);
            // Published, so that new snapshots are past it and the page may be used again.
            Ok(mtr.commit(log, |lsn| self.registry.publish(lsn)))
        })
    }

    /// Frees some pages at the right edge; `None` when the root is all there is.
    fn free_edge(&self, tree: TreeId, level: u8) -> Result<Option<(Vec<PageId>, Lsn)>, Stop> {
        let log = self.log()?;
        let mut frame = self.page(tree)?;
        let mut at_level = level;
        let mut freed: Vec<PageId> = Vec::new();
        // Down the last children, to the lowest inner page whose last child can go.
        while at_level > 0 {
            let (children, last) = {
                let page = frame.latch.read();
                let count = page.slot_count();
                if count <= 1 {
                    break;
                }
                let first = if at_level == 1 { count.saturating_sub(FREE_CHILDREN).max(1) } else { count - 1 };
                let children: Vec<PageId> = (first..count).map(|slot| cell::inner(&page, slot).0).collect();
                let last = children[children.len() - 1];
                (children, last)
            };
            if at_level == 1 {
                freed = children;
                break;
            }
            let child = self.page(last)?;
            if child.latch.read().slot_count() <= 1 {
                freed = children;
                break;
            }
            frame = child;
            at_level -= 1;
        }
        if freed.is_empty() {
            return Ok(None);
        }
        let mut bits: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let mut kept = freed.len();
        for &page in freed.iter().rev() {
            let (span, bit) = space::locate(page);
            if bits.len() == FREE_SPANS && !bits.contains_key(&span) {
                break;
            }
            bits.entry(span).or_default().push(bit);
            kept -= 1;
        }
        freed.drain(..kept);
        let maps = bits.keys().map(|&span| self.page(map_page(span))).collect::<Result<Vec<_>, _>>()?;
        let mut mtr = Mtr::new(&self.dirty);
        let at = mtr.latch(&frame);
        let first = (mtr.page(at).slot_count() - freed.len()) as u16;
        mtr.change(at, Change::DeleteRange { at: first, count: freed.len() as u16 });
        for (map, bits) in maps.iter().zip(bits.values()) {
            let at = mtr.latch(map);
            let change = space::set_bits(mtr.page(at), bits.iter().copied(), false);
            mtr.change(at, change);
        }
        // Published, so that new snapshots are past it and the pages may be used again.
        Ok(Some((freed, mtr.commit(log, |lsn| self.registry.publish(lsn)))))
    }

    /// Frees the overflow pages of all entries; the entries go, too. The mark in the root goes last.
    async fn free_all_overflow(&self, tree: TreeId, parts: &mut u64) -> Result<bool> {
        let log = self.log()?.clone();
        let cancel = CancelToken::new();
        let mut from = self.garbage.overflow_of(tree);
        loop {
            let Some(left) = parts.checked_sub(1) else {
                self.garbage.leave_overflow(tree, from);
                return Ok(false);
            };
            *parts = left;
            let (entries, next) = self
                .retry(&mut Pins::default(), &cancel, || {
                    self.with_leaf(tree, from.borrow(), Seek::At, None, |page| {
                        let entries = (1..page.slot_count()).map(|slot| cell::entry(page, slot));
                        let long: Vec<_> = entries
                            .filter(|entry| entry.is_overflow())
                            .map(|entry| entry.position().to_owned())
                            .collect();
                        Ok((long, cell::high(page).map(|high| high.to_owned())))
                    })
                })
                .await?;
            for entry in entries {
                self.free_overflow(tree, &entry).await?;
            }
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        self.admit(&log, &mut Pins::default()).await?;
        self.retry(&mut Pins::default(), &cancel, || {
            let root = self.page(tree)?;
            let mut mtr = Mtr::new(&self.dirty);
            let at = mtr.latch(&root);
            let (level, flags) = (mtr.page(at).level(), mtr.page(at).flags());
            mtr.change(at, Change::SetFlags { level, flags: flags & !PAGE_HAS_OVERFLOW });
            mtr.commit(&log, |_| {});
            Ok(true)
        })
        .await
    }
}
