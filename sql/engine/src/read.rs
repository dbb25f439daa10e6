//! Reading at a view: what is visible, by key and by range.
//!
//! A version is visible when it is settled and its stamp is at or below the snapshot, when its transaction committed at or
//! below the snapshot, or when it is the reader's own and older than the statement. A foreign version with a stamp above
//! the snapshot needs no look-up: whoever wrote it committed later still. So an old reader descends to (key, snapshot) and
//! does not walk the versions above; one with own versions starts at the newest.

use crate::TreeId;
use crate::ahead::Readahead;
use crate::cell::{self, Entry, LOWEST, OverflowRef, OwnedPosition, Position};
use crate::engine::{Engine, Fate, Pins, Stop};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::tree::Seek;
use crate::txn::{Ownership, View};
use bytes::Bytes;
use protocol::{PageId, TxnId};
use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

/// Level byte of overflow pages.
pub const OVERFLOW_LEVEL: u8 = 255;

/// A batch of rows ends behind the one with which its bytes are more than this.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// A range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    pub lower: Bound<Vec<u8>>,
    pub upper: Bound<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    #[must_use]
    pub fn all() -> KeyRange {
        KeyRange { lower: Bound::Unbounded, upper: Bound::Unbounded }
    }

    /// The keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> KeyRange {
        let mut after = prefix.to_vec();
        while let Some(last) = after.last_mut() {
            if *last < u8::MAX {
                *last += 1;
                return KeyRange { lower: Bound::Included(prefix.to_vec()), upper: Bound::Excluded(after) };
            }
            after.pop();
        }
        KeyRange { lower: Bound::Included(prefix.to_vec()), upper: Bound::Unbounded }
    }

    pub(crate) fn start(&self) -> OwnedPosition {
        match &self.lower {
            Bound::Included(key) => Position::before(key).to_owned(),
            Bound::Excluded(key) => Position::after(key).to_owned(),
            Bound::Unbounded => LOWEST.to_owned(),
        }
    }

    /// The exclusive end; `None`: no end.
    pub(crate) fn end(&self) -> Option<OwnedPosition> {
        match &self.upper {
            Bound::Included(key) => Some(Position::after(key).to_owned()),
            Bound::Excluded(key) => Some(Position::before(key).to_owned()),
            Bound::Unbounded => None,
        }
    }
}

/// In which order a scan returns keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// Keys and rows of a batch in one arena.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    bytes: Vec<u8>,
    /// End of the key, end of the row.
    ends: Vec<(usize, usize)>,
    /// Of each row, if they come from a scan that tells them.
    writers: Vec<TxnId>,
}

impl Rows {
    #[must_use]
    pub fn new() -> Rows {
        Rows::default()
    }

    pub fn clear(&mut self) {
        self.truncate(0);
        self.bytes.shrink_to(BATCH_BYTES_MAX);
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Key and row number `index`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> (&[u8], &[u8]) {
        let start = if index == 0 { 0 } else { self.ends[index - 1].1 };
        let (key_end, row_end) = self.ends[index];
        (&self.bytes[start..key_end], &self.bytes[key_end..row_end])
    }

    /// Who wrote row number `index`, if the rows come from a [`Scan::with_writers`].
    #[must_use]
    pub fn writer(&self, index: usize) -> Option<TxnId> {
        self.writers.get(index).copied()
    }

    /// Keys and rows in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Adds a key and its row.
    pub fn push(&mut self, key: &[u8], row: &[u8]) {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(row);
        self.ends.push((key_end, self.bytes.len()));
    }

    fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.writers.truncate(count);
        self.bytes.truncate(self.ends.last().map_or(0, |end| end.1));
    }
}

/// What a key resolves to at a view, and who wrote it.
enum Found {
    Inline(TxnId),
    Overflow(OverflowRef, TxnId),
}

enum Step<T> {
    Done(T),
    Right(OwnedPosition),
}

impl Engine {
    /// Whether `view` sees the version; what it sees it has observed.
    pub(crate) fn visible(&self, view: &View, entry: &Entry<'_>) -> Result<bool, Stop> {
        let (txid, snapshot) = (entry.txid(), view.snapshot.lsn());
        if txid == TxnId::NONE {
            return Ok(entry.stamp() <= snapshot);
        }
        match view.txn.ownership(txid) {
            Ownership::Own => return Ok(entry.stamp() <= view.start),
            Ownership::OwnAborted => return Ok(false),
            Ownership::Foreign => {}
        }
        if entry.stamp() > snapshot {
            return Ok(false);
        }
        match self.fate(txid)? {
            Fate::Committed(lsn) if lsn <= snapshot => {
                view.txn.observe(lsn);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Fails when the horizon expelled the snapshot: asked after its pages were read.
    pub(crate) fn check_snapshot(&self, snapshot: &Snapshot) -> Result<()> {
        let too_old = |horizon| Error::SnapshotTooOld { snapshot: snapshot.lsn(), horizon };
        self.registry.check(snapshot.lsn()).map_err(too_old)
    }

    /// Appends the row of `key` to `out`, if it is inline.
    fn lookup(&self, view: &View, tree: TreeId, key: &[u8], out: &mut Vec<u8>) -> Result<Option<Found>, Stop> {
        let mut resume: Option<OwnedPosition> = None;
        loop {
            let position = match &resume {
                Some(resume) => resume.borrow(),
                None if view.txn.top() == TxnId::NONE => Position { key, stamp: view.snapshot.lsn() },
                None => Position::before(key),
            };
            let step = self.with_leaf(tree, position, Seek::At, None, |page| {
                for slot in cell::lower_bound(page, position)..page.slot_count() {
                    let entry = cell::entry(page, slot);
                    if entry.key() != key {
                        return Ok(Step::Done(None));
                    }
                    if self.visible(view, &entry)? {
                        if entry.is_tombstone() {
                            return Ok(Step::Done(None));
                        }
                        if entry.is_overflow() {
                            return Ok(Step::Done(Some(Found::Overflow(entry.overflow(), entry.writer()))));
                        }
                        out.extend_from_slice(entry.payload());
                        return Ok(Step::Done(Some(Found::Inline(entry.writer()))));
                    }
                }
                // The key's older versions may go on in the next leaf.
                Ok(match cell::high(page) {
                    Some(high) if high.key == key => Step::Right(high.to_owned()),
                    _ => Step::Done(None),
                })
            })?;
            match step {
                Step::Done(found) => {
                    self.check_snapshot(&view.snapshot)?;
                    return Ok(found);
                }
                Step::Right(high) => resume = Some(high),
            }
        }
    }

    /// Appends the row of `key` to `out`. Returns whether there is one.
    ///
    /// # Errors
    /// [`Error::SnapshotTooOld`], [`Error::NoSuchTree`], [`Error::Cancelled`]; what the volume returns.
    pub async fn get_into(&self, view: &View, tree: TreeId, key: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        Ok(self.get_version(view, tree, key, out).await?.is_some())
    }

    /// As [`Engine::get_into`]. Returns who wrote the row, if there is one: the transaction, or the part of it inside a
    /// savepoint. Each version keeps that as long as it lasts, and so it is the same on every server.
    ///
    /// # Errors
    /// As [`Engine::get_into`].
    pub async fn get_version(&self, view: &View, tree: TreeId, key: &[u8], out: &mut Vec<u8>) -> Result<Option<TxnId>> {
        let mut pins = Pins::default();
        let found = self.retry(&mut pins, &view.txn.cancel, || self.lookup(view, tree, key, out)).await?;
        match found {
            None => Ok(None),
            Some(Found::Inline(writer)) => Ok(Some(writer)),
            Some(Found::Overflow(overflow, writer)) => {
                pins.clear();
                self.read_overflow(view, tree, overflow, out).await?;
                Ok(Some(writer))
            }
        }
    }

    /// The row of `key`.
    ///
    /// # Errors
    /// As [`Engine::get_into`].
    pub async fn get(&self, view: &View, tree: TreeId, key: &[u8]) -> Result<Option<Bytes>> {
        let mut row = Vec::new();
        Ok(self.get_into(view, tree, key, &mut row).await?.then(|| Bytes::from(row)))
    }

    /// Reads a range. The scan may be kept while other statements run; it survives splits and continues after its last
    /// key.
    #[must_use]
    pub fn scan(self: &Arc<Self>, view: &View, tree: TreeId, range: KeyRange, direction: Direction) -> Scan {
        let position = match direction {
            Direction::Forward => Some(range.start()),
            Direction::Backward => range.end(),
        };
        Scan {
            engine: self.clone(),
            view: view.clone(),
            tree,
            range,
            direction,
            position,
            done: false,
            ahead: Readahead::default(),
            tells_writers: false,
        }
    }
}

/// A range being read.
pub struct Scan {
    engine: Arc<Engine>,
    view: View,
    tree: TreeId,
    range: KeyRange,
    direction: Direction,
    /// Forward: where to go on. Backward: the exclusive upper end, `None` for the end of the tree.
    position: Option<OwnedPosition>,
    done: bool,
    ahead: Readahead,
    tells_writers: bool,
}

/// How one leaf ended.
struct LeafEnd {
    position: Option<OwnedPosition>,
    done: bool,
    /// A key whose row is out of line or whose versions span leaves: it comes next.
    pending: Option<Pending>,
}

enum Pending {
    /// With who wrote it.
    Overflow(Vec<u8>, OverflowRef, TxnId),
    /// Resolve this key by a descent of its own.
    Key(Vec<u8>),
}

impl Scan {
    /// The same scan, whose rows tell who wrote them: see [`Rows::writer`].
    #[must_use]
    pub fn with_writers(self) -> Scan {
        Scan { tells_writers: true, ..self }
    }

    fn put(&self, rows: &mut Rows, key: &[u8], row: &[u8], writer: TxnId) {
        rows.push(key, row);
        if self.tells_writers {
            rows.writers.push(writer);
        }
    }

    /// Reads up to `rows_max` more rows into `rows`, which is cleared first; fewer when they are long. Returns how many:
    /// 0 means the end.
    ///
    /// # Errors
    /// As [`Engine::get_into`].
    pub async fn next_batch(&mut self, rows: &mut Rows, rows_max: usize) -> Result<usize> {
        rows.clear();
        let engine = self.engine.clone();
        let mut pins = Pins::default();
        while !self.done && rows.len() < rows_max && rows.bytes.len() <= BATCH_BYTES_MAX {
            // What is cached is read without waiting, and a whole table may be: others of this thread have their turn.
            tokio::task::consume_budget().await;
            let count = rows.len();
            let end = engine
                .retry(&mut pins, &self.view.txn.cancel, || {
                    rows.truncate(count);
                    match self.direction {
                        Direction::Forward => self.read_leaf(rows, rows_max),
                        Direction::Backward => self.read_leaf_backward(rows, rows_max),
                    }
                })
                .await?;
            let missed = !pins.is_empty();
            pins.clear();
            (self.position, self.done) = (end.position, end.done);
            if !self.done
                && let Some(count) = self.ahead.step(missed, engine.ahead_pages)
            {
                self.read_ahead(count);
            }
            match end.pending {
                None => {}
                Some(Pending::Overflow(key, overflow, writer)) => {
                    let mut row = Vec::new();
                    engine.read_overflow(&self.view, self.tree, overflow, &mut row).await?;
                    self.put(rows, &key, &row, writer);
                }
                Some(Pending::Key(key)) => {
                    let mut row = Vec::new();
                    if let Some(writer) = engine.get_version(&self.view, self.tree, &key, &mut row).await? {
                        self.put(rows, &key, &row, writer);
                    }
                }
            }
            self.view.txn.cancel.check()?;
        }
        Ok(rows.len())
    }

    /// Has the next leaves read. If what lists them is not cached, the scan comes to it soon.
    fn read_ahead(&mut self, count: usize) {
        let Some(position) = &self.position else { return };
        let last = match self.direction {
            Direction::Forward => self.range.end(),
            Direction::Backward => Some(self.range.start()),
        };
        let engine = &self.engine;
        let _gate = (!engine.is_writer()).then(|| engine.gate.read());
        if let Ok(pages) = engine.leaves_ahead(self.tree, position.borrow(), self.direction, last.as_ref(), count) {
            self.ahead.listed(pages.len());
            engine.ask_ahead(pages);
        }
    }

    fn read_leaf(&self, rows: &mut Rows, rows_max: usize) -> Result<LeafEnd, Stop> {
        let from = self.position.as_ref().map_or(LOWEST, OwnedPosition::borrow);
        let end = self.range.end();
        let (engine, view) = (&*self.engine, &self.view);
        let result = engine.with_leaf_once(self.tree, from, Seek::At, None, |page| {
            let mut decided: Option<&[u8]> = None;
            for slot in cell::lower_bound(page, from)..page.slot_count() {
                let entry = cell::entry(page, slot);
                let key = entry.key();
                if decided == Some(key) {
                    continue;
                }
                if end.as_ref().is_some_and(|end| entry.position().cmp(&end.borrow()) != Ordering::Less) {
                    return Ok(LeafEnd { position: None, done: true, pending: None });
                }
                if rows.len() >= rows_max {
                    let position = entry.position().to_owned();
                    return Ok(LeafEnd { position: Some(position), done: false, pending: None });
                }
                if !engine.visible(view, &entry)? {
                    continue;
                }
                decided = Some(key);
                if entry.is_overflow() {
                    let pending = Some(Pending::Overflow(key.to_vec(), entry.overflow(), entry.writer()));
                    return Ok(LeafEnd { position: Some(Position::after(key).to_owned()), done: false, pending });
                }
                if !entry.is_tombstone() {
                    self.put(rows, key, entry.payload(), entry.writer());
                }
            }
            Ok(match cell::high(page) {
                None => LeafEnd { position: None, done: true, pending: None },
                Some(high) if decided == Some(high.key) => {
                    LeafEnd { position: Some(Position::after(high.key).to_owned()), done: false, pending: None }
                }
                Some(high) => LeafEnd { position: Some(high.to_owned()), done: false, pending: None },
            })
        })?;
        engine.check_snapshot(&view.snapshot)?;
        Ok(result)
    }

    fn read_leaf_backward(&self, rows: &mut Rows, rows_max: usize) -> Result<LeafEnd, Stop> {
        // Behind everything: no key is longer than the limit, and none of this length has only the highest bytes.
        let last = OwnedPosition { key: vec![u8::MAX; crate::KEY_BYTES_MAX + 1], stamp: protocol::Lsn::ZERO };
        let upper = self.position.as_ref().unwrap_or(&last);
        let start = self.range.start();
        let (engine, view) = (&*self.engine, &self.view);
        let mut fence = LOWEST.to_owned();
        let ended = engine.with_leaf_once(self.tree, upper.borrow(), Seek::Before, Some(&mut fence), |page| {
            let mut behind = cell::lower_bound(page, upper.borrow());
            let mut position = None;
            while behind > 1 {
                let key = cell::entry(page, behind - 1).key();
                if cell::entry(page, behind - 1).position().cmp(&start.borrow()) == Ordering::Less {
                    return Ok(Some(LeafEnd { position: None, done: true, pending: None }));
                }
                if rows.len() >= rows_max {
                    return Ok(Some(LeafEnd { position, done: false, pending: None }));
                }
                let mut first = behind - 1;
                while first > 1 && cell::entry(page, first - 1).key() == key {
                    first -= 1;
                }
                let next = Some(Position::before(key).to_owned());
                let goes_on = behind == page.slot_count() && cell::high(page).is_some_and(|high| high.key == key);
                if first == 1 || goes_on {
                    let pending = Some(Pending::Key(key.to_vec()));
                    return Ok(Some(LeafEnd { position: next, done: false, pending }));
                }
                for slot in first..behind {
                    let entry = cell::entry(page, slot);
                    if engine.visible(view, &entry)? {
                        if entry.is_overflow() {
                            let pending = Some(Pending::Overflow(key.to_vec(), entry.overflow(), entry.writer()));
                            return Ok(Some(LeafEnd { position: next, done: false, pending }));
                        }
                        if !entry.is_tombstone() {
                            self.put(rows, key, entry.payload(), entry.writer());
                        }
                        break;
                    }
                }
                position = next;
                behind = first;
            }
            Ok(None)
        })?;
        engine.check_snapshot(&view.snapshot)?;
        Ok(match ended {
            Some(end) => LeafEnd { position: end.position.or_else(|| self.position.clone()), ..end },
            None => {
                let done = fence.borrow().cmp(&start.borrow()) != Ordering::Greater;
                LeafEnd { position: Some(fence), done, pending: None }
            }
        })
    }

    /// The view the scan reads at.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The tree it reads.
    #[must_use]
    pub fn tree(&self) -> PageId {
        self.tree
    }
}
