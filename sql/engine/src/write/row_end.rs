//! The end of a row under whose key another has come.
//!
//! Rows are told apart by their keys, and a key by itself does not tell a row that was changed from one that was deleted and
//! inserted anew. A statement that means the row that it sees (`View::seen`) so looks at what lies between: the first
//! deletion behind its snapshot ended that row, and is what it meets.

use super::{Head, HeadState, Search};
use crate::cell::{self, Entry, Position};
use crate::engine::{Engine, Stop};
use crate::txn::View;
use protocol::{Lsn, Page};

impl Engine {
    /// The end of the row that a view sees under a key, copied, if there are newer versions: the head and perhaps others.
    /// `None` when the head is of that row, or the view sees none.
    pub(super) fn row_end(
        &self,
        view: &View,
        page: &Page,
        head: &Head<'_>,
        copy: &mut Vec<u8>,
    ) -> Result<Option<HeadState>, Stop> {
        if !head.state.is_behind(&head.entry, view.snapshot.lsn()) {
            return Ok(None);
        }
        let from = Position { key: head.entry.key(), stamp: Lsn(head.entry.stamp().0.saturating_sub(1)) };
        let mut end = None;
        let mut sees = self.pass_versions(view, page, from, &mut end, copy)?;
        let mut next = page.right();
        while sees.is_none() {
            let frame = self.page(next)?;
            let page = frame.latch.read();
            sees = self.pass_versions(view, &page, from, &mut end, copy)?;
            next = page.right();
        }
        Ok(end.filter(|_| sees == Some(true)))
    }

    /// Passes the versions of a leaf down to the one of the view, and copies the last deletion that it passes. Returns whether
    /// the view sees a row; `None` when the versions go on in the next leaf.
    fn pass_versions(
        &self,
        view: &View,
        page: &Page,
        from: Position<'_>,
        end: &mut Option<HeadState>,
        copy: &mut Vec<u8>,
    ) -> Result<Option<bool>, Stop> {
        let mut slot = cell::lower_bound(page, from);
        loop {
            let Head { slot: found, entry, state } = match self.search_from(&view.txn, page, from.key, slot)? {
                Search::Head(head) => head,
                Search::Absent => return Ok(Some(false)),
                Search::GoesOn => return Ok(None),
            };
            if !state.is_behind(&entry, view.snapshot.lsn()) {
                return Ok(Some(!entry.is_tombstone()));
            }
            if entry.is_tombstone() {
                copy.clear();
                copy.extend_from_slice(entry.cell);
                *end = Some(state);
            }
            slot = usize::from(found.expect("it is of this leaf")) + 1;
        }
    }

    /// What a view's statement would have met under a key whose newest version is in flight, copied: the newest committed
    /// version, or the end of the row that it sees.
    pub(super) fn row_below(
        &self,
        view: &View,
        page: &Page,
        newest: &Entry<'_>,
        copy: &mut Vec<u8>,
    ) -> Result<Option<HeadState>, Stop> {
        let below = self.committed_below(&view.txn, page, newest.key(), newest.stamp(), copy, &mut |_| {})?;
        let Some(state) = below else { return Ok(None) };
        let mut end = Vec::new();
        let head = Head { slot: None, entry: Entry { cell: copy.as_slice() }, state };
        let ended = self.row_end(view, page, &head, &mut end)?;
        let Head { state, .. } = head;
        Ok(Some(match ended {
            None => state,
            Some(ended) => {
                *copy = end;
                ended
            }
        }))
    }
}
