//! An index entry that moves.
//!
//! Who changes an indexed column deletes one entry and inserts another. Where the values are close both lie in one leaf: then
//! one descent finds them, and one mini-transaction writes both versions. Where they do not, or the new key is taken, locked or
//! another's, only the first is done; and nothing where that is in the way of anybody. The rest is for [`Engine::delete`] and
//! [`Engine::insert`], which wait, make room and tell what they met.

use super::{HeadState, INLINE_ROW_BYTES_MAX, Search};
use crate::cell::{self, KEY_LOCK, Position, STAMP_BYTES, TOMBSTONE};
use crate::engine::{Engine, Pins, Stop};
use crate::error::Result;
use crate::mtr::Mtr;
use crate::txn::{Isolation, Txn, View};
use crate::{KEY_BYTES_MAX, TreeId};
use protocol::page::SLOT_BYTES;
use protocol::redo::Change;
use protocol::{Page, TxnId};

/// How far an entry has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryMove {
    Done,
    /// It is deleted, and to be inserted under its new key.
    Deleted,
    Nothing,
}

/// From where to where an entry moves, and what it holds.
struct Move<'a> {
    tree: TreeId,
    before: &'a [u8],
    after: &'a [u8],
    row: &'a [u8],
}

impl Engine {
    /// Deletes the entry `before` and inserts `after`, another key, with `row`, as far as one step does it.
    ///
    /// # Errors
    /// As [`Engine::delete`].
    pub async fn move_entry(
        &self,
        txn: &mut Txn,
        view: &View,
        tree: TreeId,
        (before, after): (&[u8], &[u8]),
        row: &[u8],
    ) -> Result<EntryMove> {
        txn.check()?;
        let is_long = before.len().max(after.len()) > KEY_BYTES_MAX || row.len() > INLINE_ROW_BYTES_MAX;
        if is_long || txn.isolation() != Isolation::ReadCommitted {
            return Ok(EntryMove::Nothing);
        }
        self.check_snapshot(&view.snapshot)?;
        let txid = self.assign(txn).await?;
        let shared = txn.shared.clone();
        let mut pins = Pins::default();
        self.admit_statement(self.log()?, &mut pins, &shared.cancel).await?;
        let moving = Move { tree, before, after, row };
        let moved = self.retry(&mut pins, &shared.cancel, || self.move_once(view, txid, &moving)).await?;
        if moved != EntryMove::Nothing {
            txn.wrote = true;
            self.note_garbage(tree, before);
        }
        Ok(moved)
    }

    fn move_once(&self, view: &View, txid: TxnId, moving: &Move<'_>) -> Result<EntryMove, Stop> {
        let log = self.log()?;
        let Move { tree, before, after, row } = *moving;
        self.with_leaf_mut(tree, Position::before(before), |page| {
            let from = cell::lower_bound(&page, Position::before(before));
            let is_there = match self.search_from(&view.txn, &page, before, from)? {
                Search::Head(head) if !head.entry.is_tombstone() => match head.state {
                    HeadState::Settled => true,
                    HeadState::Committed(lsn) => {
                        view.txn.observe(lsn);
                        true
                    }
                    HeadState::Own => head.entry.stamp() <= view.start,
                    HeadState::InFlight(_) => false,
                },
                _ => false,
            };
            let old = cell::entry_body(txid, TOMBSTONE | KEY_LOCK, before, &[]);
            let old_bytes = old.len() + STAMP_BYTES;
            // Under the latch, without which nobody locks a row.
            if !is_there || !self.locks.is_quiet(tree, before) || old_bytes > page.free_bytes() {
                return Ok(EntryMove::Nothing);
            }
            let new = cell::entry_body(txid, KEY_LOCK, after, row);
            let has_room = old_bytes + SLOT_BYTES + new.len() + STAMP_BYTES <= page.free_bytes();
            let to = if has_room { self.free_place(view, &page, tree, after)? } else { None };
            let insert =
                |at: usize, body: Vec<u8>| Change::Insert { at: at as u16, stamped: true, cells: vec![body.into()] };
            let mut mtr = Mtr::new(&self.dirty);
            let page = mtr.adopt(page);
            mtr.change(page, insert(from, old));
            if let Some(to) = to {
                // Behind the tombstone all slots have moved by one.
                mtr.change(page, insert(if after > before { to + 1 } else { to }, new));
            }
            mtr.commit(log, |_| {});
            Ok(if to.is_some() { EntryMove::Done } else { EntryMove::Deleted })
        })
    }

    /// The slot for a key, if it is known to belong to this leaf and to be free.
    fn free_place(&self, view: &View, page: &Page, tree: TreeId, key: &[u8]) -> Result<Option<usize>, Stop> {
        let position = Position::before(key);
        let at = cell::lower_bound(page, position);
        // What lies before the first entry may belong to the leaf before.
        let is_outside = at == 1 || cell::high(page).is_some_and(|high| high.cmp(&position).is_le());
        if is_outside || !self.locks.is_quiet(tree, key) {
            return Ok(None);
        }
        let is_free = match self.search_from(&view.txn, page, key, at)? {
            Search::Absent => true,
            Search::Head(head) if head.entry.is_tombstone() => match head.state {
                HeadState::Settled | HeadState::Own => true,
                HeadState::Committed(lsn) => {
                    view.txn.observe(lsn);
                    true
                }
                HeadState::InFlight(_) => false,
            },
            _ => false,
        };
        Ok(is_free.then_some(at))
    }
}
