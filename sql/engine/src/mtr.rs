//! The mini-transaction's second half: change and append, without a step that can fail.
//!
//! The first half gathers: it pins and latches every page and may unwind. What is added here is applied inside the
//! append's critical section. A change that does not fit there would leave a hole in the stream or pages that differ from
//! storage's, so it ends the process: failover is the handler.
//!
//! Latches are taken in one order: by level from the leaves up, left to right within a level, then space map pages, then
//! the commit map and the control page.

use crate::cache::Frame;
use crate::dirty::Dirty;
use parking_lot::RwLockWriteGuard;
use protocol::redo::{Change, apply_change};
use protocol::volume::{PageChange, RedoLog};
use protocol::{Lsn, Page};
use smallvec::SmallVec;
use std::sync::Arc;

/// Pages under exclusive latches and what will happen to them.
pub struct Mtr<'a> {
    dirty: &'a Dirty,
    pages: SmallVec<[RwLockWriteGuard<'a, Page>; 4]>,
    changes: SmallVec<[PageChange; 2]>,
    targets: SmallVec<[u8; 4]>,
}

impl<'a> Mtr<'a> {
    pub fn new(dirty: &'a Dirty) -> Mtr<'a> {
        Mtr { dirty, pages: SmallVec::new(), changes: SmallVec::new(), targets: SmallVec::new() }
    }

    /// Latches a page; returns its number here.
    pub fn latch(&mut self, frame: &'a Frame) -> usize {
        self.adopt(frame.latch.write())
    }

    /// Takes over a latch.
    pub fn adopt(&mut self, page: RwLockWriteGuard<'a, Page>) -> usize {
        self.pages.push(page);
        self.pages.len() - 1
    }

    pub fn page(&self, at: usize) -> &Page {
        &self.pages[at]
    }

    /// Adds a change of page `at`. It must fit.
    pub fn change(&mut self, at: usize, change: Change) {
        let page = &self.pages[at];
        self.changes.push(PageChange { page: page.id(), prev_page: page.lsn(), change });
        self.targets.push(u8::try_from(at).expect("an MTR has fewer than 256 pages"));
    }

    /// Appends and applies; `publish` runs with the last LSN inside the append's critical section.
    pub fn commit(mut self, log: &Arc<dyn RedoLog>, publish: impl FnOnce(Lsn)) -> Lsn {
        let (changes, targets, pages, dirty) = (&self.changes, &self.targets, &mut self.pages, self.dirty);
        let mut publish = Some(publish);
        let mut end = Lsn::ZERO;
        log.append(changes, &mut |lsns| {
            for ((change, &target), &lsn) in changes.iter().zip(targets).zip(lsns) {
                let page = &mut pages[usize::from(target)];
                if page.lsn() == change.prev_page {
                    dirty.note(change.prev_page, lsn);
                }
                if let Err(error) = apply_change(page, lsn, &change.change) {
                    tracing::error!(%error, "a change does not fit its latched page; ending the process");
                    std::process::abort();
                }
            }
            end = lsns.last().copied().unwrap_or(Lsn::ZERO);
            if let Some(publish) = publish.take() {
                publish(end);
            }
        });
        end
    }
}
