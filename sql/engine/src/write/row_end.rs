//! The end of a row under whose key another has come.
//!
//! Rows are told apart by their keys, and a key by itself does not tell a row that was changed from one that was deleted and
//! inserted anew. A statement that means the row that it sees (`View::seen`) so looks at what lies between: the first
//! deletion behind its snapshot ended that row, and is what it meets.

use super::{Head, HeadState};
use crate::cell::{self, Entry};
use crate::engine::{Engine, Stop};
use crate::txn::View;
use protocol::{Lsn, Page, TxnId};

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
        let snapshot = view.snapshot.lsn();
        if !head.state.is_behind(&head.entry, snapshot) || is_one_row(page, head, snapshot) {
            return Ok(None);
        }
        let (key, mut stamp, mut below) = (head.entry.key(), head.entry.stamp(), Vec::new());
        let mut end = None;
        while let Some(state) = self.committed_below(&view.txn, page, key, stamp, &mut below, &mut |_| {})? {
            let entry = Entry { cell: &below };
            if !state.is_behind(&entry, snapshot) {
                return Ok(end.filter(|_| !entry.is_tombstone()));
            }
            if entry.is_tombstone() {
                copy.clear();
                copy.extend_from_slice(&below);
                end = Some(state);
            }
            stamp = entry.stamp();
        }
        Ok(None)
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

/// Whether the leaf alone tells that no older version behind the snapshot is a deletion, as most often.
fn is_one_row(page: &Page, head: &Head<'_>, snapshot: Lsn) -> bool {
    let Some(slot) = head.slot else { return false };
    let key = head.entry.key();
    for slot in usize::from(slot) + 1..page.slot_count() {
        let entry = cell::entry(page, slot);
        if entry.key() != key || entry.txid() == TxnId::NONE && entry.stamp() <= snapshot {
            return true;
        }
        if entry.is_tombstone() {
            return false;
        }
    }
    cell::high(page).is_none_or(|high| high.key != key)
}
