//! Writing many rows at once: COPY, CREATE INDEX, ADD PRIMARY KEY.
//!
//! Neighbouring rows that fall between the same two entries of a leaf are one record. When rows arrive in order behind
//! everything else, that is one record per filled leaf, and the rightmost split moves nothing.

use crate::cell::{self, Position, STAMP_BYTES};
use crate::engine::{Engine, Pins, Stop};
use crate::error::{Error, Result};
use crate::mtr::Mtr;
use crate::read::Rows;
use crate::txn::{Txn, View};
use crate::write::{INLINE_ROW_BYTES_MAX, InsertOutcome};
use crate::{KEY_BYTES_MAX, TreeId};
use bytes::Bytes;
use protocol::page::{PAGE_BYTES, SLOT_BYTES};
use protocol::redo::Change;
use protocol::{Page, TxnId};

/// How full bulk loading makes a leaf: the rest is for later updates.
const FILL_BYTES: usize = PAGE_BYTES * 9 / 10;
/// Rows in one record.
const RUN_ROWS_MAX: usize = 512;

/// How far a batch came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOutcome {
    /// Rows inserted, from the first on.
    pub inserted: usize,
    /// The row behind them has a key that is taken.
    pub duplicate: bool,
}

impl Engine {
    /// Inserts rows, each as [`Engine::insert`] would, with as few records as their order allows; ascending keys are best.
    /// Stops at the first duplicate.
    ///
    /// # Errors
    /// As [`Engine::insert`].
    pub async fn insert_many(&self, txn: &mut Txn, view: &View, tree: TreeId, rows: &Rows) -> Result<BatchOutcome> {
        txn.check()?;
        let mut inserted = 0;
        while inserted < rows.len() {
            let count = self.insert_run(txn, tree, rows, inserted, false).await?;
            inserted += count;
            if count > 0 || inserted == rows.len() {
                continue;
            }
            // Taken, locked or long: the plain way says what it is.
            let (key, row) = rows.get(inserted);
            if let InsertOutcome::Duplicate { .. } = self.insert(txn, view, tree, key, row).await? {
                return Ok(BatchOutcome { inserted, duplicate: true });
            }
            inserted += 1;
        }
        Ok(BatchOutcome { inserted, duplicate: false })
    }

    /// Loads rows with ascending keys into a tree that only this transaction can see, filling leaves to nine tenths. May be
    /// called again with greater keys.
    ///
    /// # Errors
    /// As [`Engine::insert_many`]; [`BatchOutcome::duplicate`] when a key repeats.
    pub async fn bulk_load(&self, txn: &mut Txn, view: &View, tree: TreeId, rows: &Rows) -> Result<BatchOutcome> {
        txn.check()?;
        let mut inserted = 0;
        while inserted < rows.len() {
            let count = self.insert_run(txn, tree, rows, inserted, true).await?;
            inserted += count;
            if count == 0 {
                let (key, row) = rows.get(inserted);
                if let InsertOutcome::Duplicate { .. } = self.insert(txn, view, tree, key, row).await? {
                    return Ok(BatchOutcome { inserted, duplicate: true });
                }
                inserted += 1;
            }
        }
        Ok(BatchOutcome { inserted, duplicate: false })
    }

    /// Inserts the rows from `first` on that form one record. 0: the first is no easy case.
    async fn insert_run(&self, txn: &mut Txn, tree: TreeId, rows: &Rows, first: usize, bulk: bool) -> Result<usize> {
        let (key, row) = rows.get(first);
        if key.len() > KEY_BYTES_MAX {
            return Err(Error::KeyTooLarge { bytes: key.len(), max: KEY_BYTES_MAX });
        }
        if row.len() > INLINE_ROW_BYTES_MAX {
            return Ok(0);
        }
        let txid = self.assign(txn).await?;
        let cancel = txn.shared.cancel.clone();
        let mut pins = Pins::default();
        loop {
            self.admit_statement(self.log()?, &mut pins, &cancel).await?;
            match self.run(&mut pins, &cancel, &mut || self.run_once(txid, tree, rows, first, bulk)).await? {
                Ok(count) => {
                    txn.wrote |= count > 0;
                    return Ok(count);
                }
                Err(Stop::Full(bytes)) => {
                    pins.clear();
                    let position = Position::before(key);
                    if bulk {
                        self.split_leaf(tree, position, bytes).await?;
                    } else {
                        self.make_room(tree, position, bytes).await?;
                    }
                }
                Err(_) => unreachable!("a run takes no locks"),
            }
        }
    }

    fn run_once(&self, txid: TxnId, tree: TreeId, rows: &Rows, first: usize, bulk: bool) -> Result<usize, Stop> {
        let log = self.log()?;
        let (key, _) = rows.get(first);
        let position = Position::before(key);
        self.with_leaf_mut(tree, position, |page| {
            let at = cell::lower_bound(&page, position);
            let free = page.free_bytes() + SLOT_BYTES;
            let fill = if bulk { free.saturating_sub(PAGE_BYTES - FILL_BYTES) } else { free };
            let mut cells: Vec<Bytes> = Vec::new();
            let mut bytes = 0;
            let mut last: Option<&[u8]> = None;
            for index in first..rows.len().min(first + RUN_ROWS_MAX) {
                let (key, row) = rows.get(index);
                let easy = row.len() <= INLINE_ROW_BYTES_MAX
                    && key.len() <= KEY_BYTES_MAX
                    && last.is_none_or(|last| last < key)
                    && is_gap(&page, at, key)
                    && self.is_free_of_locks(tree, key);
                if !easy {
                    break;
                }
                let body = cell::entry_body(txid, cell::KEY_LOCK, key, row);
                let cell_bytes = body.len() + STAMP_BYTES + SLOT_BYTES;
                if bytes + cell_bytes > fill {
                    if cells.is_empty() && (page.slot_count() > 1 || cell_bytes > free) {
                        return Err(Stop::Full(
                            cell_bytes - SLOT_BYTES + if bulk { PAGE_BYTES - FILL_BYTES } else { 0 },
                        ));
                    }
                    if !cells.is_empty() {
                        break;
                    }
                }
                bytes += cell_bytes;
                cells.push(body.into());
                last = Some(key);
            }
            let count = cells.len();
            if count == 0 {
                return Ok(0);
            }
            let mut mtr = Mtr::new(&self.dirty);
            let page = mtr.adopt(page);
            mtr.change(page, Change::Insert { at: at as u16, stamped: true, cells });
            mtr.commit(log, |_| {});
            Ok(count)
        })
    }

    fn is_free_of_locks(&self, tree: TreeId, key: &[u8]) -> bool {
        self.locks.is_quiet(tree, key)
    }
}

/// Whether `key` falls between the entries before and at slot `at`, and no version of it is there or further right.
fn is_gap(page: &Page, at: usize, key: &[u8]) -> bool {
    if at < page.slot_count() {
        key < cell::entry(page, at).key()
    } else {
        cell::high(page).is_none_or(|high| key < high.key)
    }
}
