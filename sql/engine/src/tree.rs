//! Finding one's way in a tree.
//!
//! **Rule.** A reader latches one page at a time. Splits move entries to the right only, in one mini-transaction with the
//! parent's entry, so who arrives late at a page whose high key is at or below the target goes right. A page that is not
//! what the path promised (tree, level, dead) was unlinked meanwhile: the descent starts again at the root.
//!
//! Page numbers never outlive the synchronous attempt in which they were read.

use crate::TreeId;
use crate::cache::Frame;
use crate::cell::{self, LOWEST, OwnedPosition, PAGE_DEAD, Position};
use crate::engine::{Engine, Stop};
use crate::error::Error;
use parking_lot::RwLockWriteGuard;
use protocol::page::PageKind;
use protocol::redo::Change;
use protocol::{Page, PageId};
use std::cmp::Ordering;
use std::sync::Arc;

/// Restarts of one descent before the attempt yields to others.
const RESTARTS_MAX: usize = 16;
/// No tree is as high: a path this long is a cycle.
const STEPS_MAX: usize = 1 << 20;

/// Which point a descent looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// The page that holds the position.
    At,
    /// The page that holds the last point before the position.
    Before,
}

/// The changes that format the root of an empty tree.
pub fn empty_root(root: TreeId) -> [Change; 2] {
    let init = Change::Init {
        kind: PageKind::Slotted,
        level: 0,
        flags: 0,
        owner: root.0,
        right: PageId::NONE,
        left: PageId::NONE,
    };
    [init, Change::Insert { at: 0, stamped: false, cells: vec![cell::high_cell(None)] }]
}

/// Whether the page is a live page of the tree at `level`.
pub fn belongs(page: &Page, tree: TreeId, level: u8) -> bool {
    page.kind() == PageKind::Slotted
        && page.owner() == tree.0
        && page.level() == level
        && page.flags() & PAGE_DEAD == 0
        && page.slot_count() > 0
}

/// Whether what is sought lies right of the page.
fn beyond(page: &Page, position: Position<'_>, seek: Seek) -> bool {
    let Some(high) = cell::high(page) else { return false };
    match (high.cmp(&position), seek) {
        (Ordering::Less, _) | (Ordering::Equal, Seek::At) => true,
        (Ordering::Equal, Seek::Before) | (Ordering::Greater, _) => false,
    }
}

impl Engine {
    /// Descends to the page at `level` for a position. `fence`, if asked for, becomes a position at or below the page's
    /// low bound as far as the path shows it. `once`: a scan passes by, see [`Engine::page_cold`].
    pub(crate) fn find(
        &self,
        tree: TreeId,
        level: u8,
        position: Position<'_>,
        seek: Seek,
        mut fence: Option<&mut OwnedPosition>,
        once: bool,
    ) -> Result<Arc<Frame>, Stop> {
        'restart: for _ in 0..RESTARTS_MAX {
            let mut frame = self.page(tree)?;
            let mut expected: Option<u8> = None;
            if let Some(fence) = fence.as_deref_mut() {
                *fence = LOWEST.to_owned();
            }
            for _ in 0..STEPS_MAX {
                let next = {
                    let page = frame.latch.read();
                    let at = page.level();
                    match expected {
                        Some(expected) if !belongs(&page, tree, expected) => continue 'restart,
                        None if !belongs(&page, tree, at) => return Err(Stop::Error(Error::NoSuchTree(tree))),
                        _ => {}
                    }
                    if beyond(&page, position, seek) {
                        if let (Some(fence), Some(high)) = (fence.as_deref_mut(), cell::high(&page)) {
                            *fence = high.to_owned();
                        }
                        expected = Some(at);
                        page.right()
                    } else if at <= level {
                        drop(page);
                        return Ok(frame);
                    } else {
                        let slot = match seek {
                            Seek::At => cell::child_slot(&page, position),
                            Seek::Before => cell::child_slot_before(&page, position),
                        };
                        let (child, low) = cell::inner(&page, slot);
                        if let Some(fence) = fence.as_deref_mut()
                            && slot > 1
                        {
                            *fence = low.to_owned();
                        }
                        if at == level + 1 {
                            drop(page);
                            return if once { self.page_cold(child) } else { self.page(child) };
                        }
                        expected = Some(at - 1);
                        child
                    }
                };
                frame = self.page(next)?;
            }
            return Err(Stop::Error(Error::Corrupt { page: tree, why: "its pages form a cycle".into() }));
        }
        Err(Stop::Again)
    }

    /// Runs `read` on the latched leaf for a position.
    pub(crate) fn with_leaf<R>(
        &self,
        tree: TreeId,
        position: Position<'_>,
        seek: Seek,
        fence: Option<&mut OwnedPosition>,
        read: impl FnOnce(&Page) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        self.with_leaf_of(tree, position, seek, fence, false, read)
    }

    /// As [`Engine::with_leaf`], for a scan that passes by.
    pub(crate) fn with_leaf_once<R>(
        &self,
        tree: TreeId,
        position: Position<'_>,
        seek: Seek,
        fence: Option<&mut OwnedPosition>,
        read: impl FnOnce(&Page) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        self.with_leaf_of(tree, position, seek, fence, true, read)
    }

    fn with_leaf_of<R>(
        &self,
        tree: TreeId,
        position: Position<'_>,
        seek: Seek,
        mut fence: Option<&mut OwnedPosition>,
        once: bool,
        read: impl FnOnce(&Page) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        for _ in 0..RESTARTS_MAX {
            let mut frame = self.find(tree, 0, position, seek, fence.as_deref_mut(), once)?;
            loop {
                let page = frame.latch.read();
                if !belongs(&page, tree, 0) {
                    break;
                }
                if !beyond(&page, position, seek) {
                    return read(&page);
                }
                if let (Some(fence), Some(high)) = (fence.as_deref_mut(), cell::high(&page)) {
                    *fence = high.to_owned();
                }
                let right = page.right();
                drop(page);
                frame = self.page(right)?;
            }
        }
        Err(Stop::Again)
    }

    /// Runs `write` on the exclusively latched leaf for a position.
    pub(crate) fn with_leaf_mut<R>(
        &self,
        tree: TreeId,
        position: Position<'_>,
        write: impl FnOnce(RwLockWriteGuard<'_, Page>) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        for _ in 0..RESTARTS_MAX {
            let mut frame = self.find(tree, 0, position, Seek::At, None, false)?;
            loop {
                let page = frame.latch.write();
                if !belongs(&page, tree, 0) {
                    break;
                }
                if !beyond(&page, position, Seek::At) {
                    return write(page);
                }
                let right = page.right();
                drop(page);
                frame = self.page(right)?;
            }
        }
        Err(Stop::Again)
    }

    /// The pages from the root down to `level` for a position, root first. The structure lock must be held: then the inner
    /// pages do not change before it is released.
    pub(crate) fn path(&self, tree: TreeId, level: u8, position: Position<'_>) -> Result<Vec<Arc<Frame>>, Stop> {
        let mut path = vec![self.page(tree)?];
        loop {
            let frame = path.last().expect("the path starts with the root");
            let next = {
                let page = frame.latch.read();
                if page.kind() != PageKind::Slotted || page.owner() != tree.0 || page.slot_count() == 0 {
                    return Err(Stop::Error(Error::NoSuchTree(tree)));
                }
                if page.level() <= level {
                    break;
                }
                cell::inner(&page, cell::child_slot(&page, position)).0
            };
            path.push(self.page(next)?);
        }
        Ok(path)
    }
}
