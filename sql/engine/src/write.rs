//! Changing rows: insert, update, delete, lock, and the look at the newest state that constraints need.
//!
//! **Rule.** What a write meets is judged by the newest state, under the leaf's exclusive latch: the head version of an
//! active transaction is the row's lock, everything else is committed and final. So a check and the version that follows
//! it are one step, and two inserts of one key cannot both find it free.
//!
//! A write that meets a foreign lock unwinds, waits in the lock table without any latch or pin, and looks again. Who was
//! handed the lock finds itself as holder there.
//!
//! An update ships a copy of the row's newest version with the bytes that changed.

mod entry;
mod row_end;

pub use entry::EntryMove;

use crate::cell::{
    self, ENTRY_HEADER_BYTES, Entry, HIGH_HEADER_BYTES, KEY_LOCK, MOVED, OVERFLOW, OverflowRef, OwnedPosition,
    PAGE_HAS_OVERFLOW, Position, STAMP_BYTES, TOMBSTONE,
};
use crate::engine::{Engine, Fate, Pins, Stop};
use crate::error::{Error, Result};
use crate::locks::{Acquired, LockKey, LockStrength, Mode, TableLockMode, VersionLock, WaitPolicy};
use crate::mtr::Mtr;
use crate::read::KeyRange;
use crate::snapshot::Snapshot;
use crate::tree::Seek;
use crate::txn::{Aim, Isolation, Ownership, Txn, TxnShared, View};
use crate::{KEY_BYTES_MAX, ROW_BYTES_MAX, TreeId};
use bytes::Bytes;
use protocol::page::{PAGE_BYTES, PAGE_HEADER_BYTES, SLOT_BYTES};
use protocol::redo::{Change, Patch};
use protocol::{Lsn, Page, TxnId};
use std::borrow::Cow;
use std::sync::Arc;

/// Longer rows live in overflow pages: a quarter of a page.
pub const INLINE_ROW_BYTES_MAX: usize = PAGE_BYTES / 4;
/// Bytes of an entry's key and payload. Beside the longest high key, which may be that of an older version of the same key,
/// a leaf has room for it.
const ENTRY_BYTES_MAX: usize = KEY_BYTES_MAX + INLINE_ROW_BYTES_MAX;
/// Equal bytes between two differences that cost less to ship than another patch.
const PATCH_GAP_BYTES: usize = 3;

/// What an insert found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertOutcome {
    Inserted,
    /// The key is taken by a committed row, or by one of this transaction. `visible`: also to the view, which `ON
    /// CONFLICT` under REPEATABLE READ must know.
    Duplicate {
        visible: bool,
    },
}

/// What is told of the version of a row that a write meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Who wrote it: as [`Engine::get_version`] tells.
    pub writer: TxnId,
    /// It is not the view's, so that the statement's condition must be evaluated again.
    pub changed: bool,
}

/// What to do with a row that an update was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leave it: it does not qualify (any more).
    Skip,
    /// Write this row in its place.
    Replace(Vec<u8>),
}

/// What became of an update or a delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    Done,
    /// The callback declined.
    Skipped,
    /// There is no such row (any more).
    Gone,
    /// An update of the key moved the row: go on with this key.
    Moved(Bytes),
    /// This statement wrote the row already: PostgreSQL leaves it alone.
    SelfModified,
}

/// What became of a request for a row's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockOutcome {
    /// Held. The row as of its newest state.
    Locked { row: Bytes, version: Version },
    /// There is no such row (any more); the key itself is locked.
    Gone,
    /// An update of the key moved the row.
    Moved(Bytes),
    /// Held by another, and the policy says to skip.
    Skipped,
}

/// The newest state of a key: its first version that was not aborted.
struct Head<'p> {
    /// Its slot, when it is in the leaf at hand.
    slot: Option<u16>,
    entry: Entry<'p>,
    state: HeadState,
}

enum HeadState {
    /// Committed, so long ago that its commit is durable and seen by all.
    Settled,
    Committed(Lsn),
    Own,
    InFlight(Arc<TxnShared>),
}

impl HeadState {
    /// Whether a snapshot does not see this version, which others have committed since.
    fn is_behind(&self, entry: &Entry<'_>, snapshot: Lsn) -> bool {
        match self {
            HeadState::Committed(lsn) => *lsn > snapshot,
            // No snapshot is between its stamp and its commit.
            HeadState::Settled => entry.stamp() > snapshot,
            HeadState::Own | HeadState::InFlight(_) => false,
        }
    }
}

enum Search<'p> {
    Head(Head<'p>),
    Absent,
    /// The leaf ends within the key's versions.
    GoesOn,
}

/// The head as a write's decision sees it.
type Seen<'a> = (&'a Entry<'a>, &'a HeadState);
/// Decides on a write, given the head and, where it was read before, its long row.
type Decide<'a, T> = dyn FnMut(Option<Seen<'_>>, Option<&[u8]>) -> Result<Decision<'a, T>> + Send + 'a;

/// What a write decides, seeing the head.
enum Decision<'a, T> {
    Done(T),
    Write { flags: u8, payload: Cow<'a, [u8]>, outcome: T },
    NeedRow,
}

/// The row of an entry: its own bytes, or those that were read before if they lie elsewhere.
fn row_of<'a>(entry: &Entry<'a>, read: Option<&'a [u8]>) -> Option<&'a [u8]> {
    if entry.is_overflow() { read } else { Some(entry.payload()) }
}

/// Where and as whom a write writes.
struct Target<'a> {
    txn: &'a Arc<TxnShared>,
    txid: TxnId,
    tree: TreeId,
    key: &'a [u8],
    mode: LockStrength,
    /// Of a statement that means the row that it sees: see [`View::seen`].
    seen: Option<&'a View>,
}

/// Written: the outcome, and the stamp of the version if there is one.
struct Written<T> {
    outcome: T,
    stamp: Option<Lsn>,
}

fn row_key(tree: TreeId, key: &[u8]) -> LockKey {
    LockKey::Row(tree, key.into())
}

fn locked_by_version(entry: &Entry<'_>) -> Mode {
    if entry.flags() & KEY_LOCK != 0 { LockStrength::Update.into() } else { LockStrength::NoKeyUpdate.into() }
}

fn version_lock<'a>(owner: &'a Arc<TxnShared>, entry: &Entry<'_>) -> VersionLock<'a> {
    VersionLock { owner, txid: entry.txid(), mode: locked_by_version(entry) }
}

impl Engine {
    fn search<'p>(&self, txn: &TxnShared, page: &'p Page, key: &[u8], from: Position<'_>) -> Result<Search<'p>, Stop> {
        self.search_from(txn, page, key, cell::lower_bound(page, from))
    }

    /// The same from a slot on.
    fn search_from<'p>(&self, txn: &TxnShared, page: &'p Page, key: &[u8], first: usize) -> Result<Search<'p>, Stop> {
        for slot in first..page.slot_count() {
            let entry = cell::entry(page, slot);
            if entry.key() != key {
                return Ok(Search::Absent);
            }
            let txid = entry.txid();
            let state = if txid == TxnId::NONE {
                HeadState::Settled
            } else {
                match txn.ownership(txid) {
                    Ownership::Own => HeadState::Own,
                    Ownership::OwnAborted => continue,
                    Ownership::Foreign => match self.fate(txid)? {
                        Fate::Committed(lsn) => HeadState::Committed(lsn),
                        Fate::InFlight(owner) => HeadState::InFlight(owner),
                        Fate::Aborted => continue,
                    },
                }
            };
            return Ok(Search::Head(Head { slot: Some(slot as u16), entry, state }));
        }
        match cell::high(page) {
            Some(high) if high.key == key => Ok(Search::GoesOn),
            _ => Ok(Search::Absent),
        }
    }

    /// Goes on right of a latched leaf; latches go left to right.
    fn search_right(
        &self,
        txn: &TxnShared,
        page: &Page,
        key: &[u8],
        copy: &mut Vec<u8>,
    ) -> Result<Option<HeadState>, Stop> {
        let mut next = page.right();
        loop {
            let frame = self.page(next)?;
            let page = frame.latch.read();
            match self.search(txn, &page, key, Position::before(key))? {
                Search::Head(head) => {
                    copy.extend_from_slice(head.entry.cell);
                    return Ok(Some(head.state));
                }
                Search::Absent => return Ok(None),
                Search::GoesOn => next = page.right(),
            }
        }
    }

    /// One attempt at a write: lock, look, decide, append.
    fn write_once<'d, T>(
        &self,
        target: &Target<'_>,
        decide: &mut dyn FnMut(Option<Seen<'_>>) -> Result<Decision<'d, T>>,
    ) -> Result<Written<T>, Stop> {
        let log = self.log()?;
        let Target { txn, tree, key, .. } = *target;
        let mode = Mode::from(target.mode);
        self.with_leaf_mut(tree, Position::before(key), |page| {
            let (mut copy, mut end) = (Vec::new(), Vec::new());
            // Versions stand newest first: here the new one goes.
            let at = cell::lower_bound(&page, Position::before(key));
            let mut head = match self.search_from(txn, &page, key, at)? {
                Search::Head(head) => Some(head),
                Search::Absent => None,
                Search::GoesOn => self.search_right(txn, &page, key, &mut copy)?.map(|state| Head {
                    slot: None,
                    entry: Entry { cell: &copy },
                    state,
                }),
            };
            if let Some(Head { entry, state: HeadState::InFlight(owner), .. }) = &head {
                // Who has not read the row decides first on what it would have read, and awaits nobody if that needs no write.
                if let Some(view) = target.seen.filter(|view| view.aim == Aim::Unread) {
                    let mut below = Vec::new();
                    let state = self.row_below(view, &page, entry, &mut below)?;
                    let entry = Entry { cell: &below };
                    if let Decision::Done(outcome) = decide(state.as_ref().map(|state| (&entry, state)))? {
                        return Ok(Written { outcome, stamp: None });
                    }
                }
                let version = Some(version_lock(owner, entry));
                return match self.locks.acquire(row_key(tree, key), txn, mode, version, WaitPolicy::Wait) {
                    Acquired::Wait(waiter) => Err(Stop::Wait(waiter)),
                    Acquired::Granted | Acquired::Refused | Acquired::Retry | Acquired::Full => Err(Stop::Again),
                };
            }
            let ended = match (target.seen, &head) {
                (Some(view), Some(head)) => self.row_end(view, &page, head, &mut end)?,
                _ => None,
            };
            if let Some(state) = ended {
                head = Some(Head { slot: None, entry: Entry { cell: &end }, state });
            }
            let seen = head.as_ref().map(|head| (&head.entry, &head.state));
            let (flags, payload, outcome) = match decide(seen)? {
                Decision::Done(outcome) => return Ok(Written { outcome, stamp: None }),
                Decision::NeedRow => return Err(Stop::NeedRow),
                Decision::Write { flags, payload, outcome } => (flags, payload, outcome),
            };
            // What is decided without a write needs no lock; a duplicate does not wait for those who hold its row. And an
            // own version that locks as strongly is the lock.
            let is_locked =
                |head: &Head<'_>| matches!(head.state, HeadState::Own) && locked_by_version(&head.entry).covers(mode);
            if !self.locks.is_quiet(tree, key)
                && !head.as_ref().is_some_and(is_locked)
                && !self.locks.may_write(&row_key(tree, key), txn, mode)
            {
                match self.locks.acquire(row_key(tree, key), txn, mode, None, WaitPolicy::Wait) {
                    Acquired::Granted => {}
                    Acquired::Wait(waiter) => return Err(Stop::Wait(waiter)),
                    Acquired::Full => return Err(Stop::Error(self.locks.full())),
                    Acquired::Refused | Acquired::Retry => return Err(Stop::Again),
                }
            }
            // A weaker write takes nothing back: the key stays locked, also when a savepoint takes this version away.
            let keeps = head
                .as_ref()
                .is_some_and(|head| matches!(head.state, HeadState::Own) && head.entry.flags() & KEY_LOCK != 0);
            let lock = if target.mode == LockStrength::Update || keeps { KEY_LOCK } else { 0 };
            let body = cell::entry_body(target.txid, flags | lock, key, &payload);
            if body.len() + STAMP_BYTES > page.free_bytes() {
                return Err(Stop::Full(body.len() + STAMP_BYTES));
            }
            let at = at as u16;
            let change = match &head {
                Some(Head { slot: Some(from), entry, .. }) if entry.cell.len() == body.len() + STAMP_BYTES => {
                    let patches = patches(&entry.cell[STAMP_BYTES..], body);
                    Change::InsertCopy { from: *from, at, stamped: true, patches }
                }
                _ => Change::Insert { at, stamped: true, cells: vec![body.into()] },
            };
            let mut mtr = Mtr::new(&self.dirty);
            let page = mtr.adopt(page);
            mtr.change(page, change);
            let stamp = mtr.commit(log, |_| {});
            Ok(Written { outcome, stamp: Some(stamp) })
        })
    }

    /// Attempts a write until it is done: awaiting pages, room, locks, and the row where it is out of line.
    async fn write<T>(
        &self,
        txn: &mut Txn,
        view: &View,
        tree: TreeId,
        key: &[u8],
        mode: LockStrength,
        decide: &mut Decide<'_, T>,
    ) -> Result<Written<T>> {
        txn.check()?;
        if key.len() > KEY_BYTES_MAX {
            return Err(Error::KeyTooLarge { bytes: key.len(), max: KEY_BYTES_MAX });
        }
        self.check_snapshot(&view.snapshot)?;
        let txid = self.assign(txn).await?;
        let shared = txn.shared.clone();
        let seen = (view.aim != Aim::Newest).then_some(view);
        let target = Target { txn: &shared, txid, tree, key, mode, seen };
        let mut pins = Pins::default();
        let mut row: Option<Vec<u8>> = None;
        loop {
            self.admit_statement(self.log()?, &mut pins, &shared.cancel).await?;
            let mut attempt = || self.write_once(&target, &mut |seen| decide(seen, row.as_deref()));
            let stop = match self.run(&mut pins, &shared.cancel, &mut attempt).await? {
                Ok(written) => {
                    txn.wrote |= written.stamp.is_some();
                    return Ok(written);
                }
                Err(stop) => stop,
            };
            pins.clear();
            match stop {
                Stop::Full(bytes) => self.make_room(tree, Position::before(key), bytes).await?,
                Stop::Wait(waiter) => self.locks.wait(waiter, &shared.cancel, txn.lock_timeout).await?,
                Stop::NeedRow => {
                    row = None;
                    // Under the row's lock nobody else can supersede it before we come back.
                    match self.lock_newest(txn, None, tree, key, mode, WaitPolicy::Wait).await? {
                        Newest::Live { row: Stored::Overflow(overflow), .. } => {
                            let mut bytes = Vec::new();
                            self.read_overflow(view, tree, overflow, &mut bytes).await?;
                            row = Some(bytes);
                        }
                        _ => continue,
                    }
                }
                Stop::Miss(_) | Stop::Again | Stop::Error(_) => unreachable!("run() handles these"),
            }
        }
    }

    /// Writes the row of an entry out of line, when it is long. The entry is there already, so that whatever happens the
    /// pages are reachable and freed with it.
    async fn finish_row(&self, tree: TreeId, key: &[u8], stamp: Option<Lsn>, row: &[u8]) -> Result<()> {
        match stamp {
            Some(stamp) if row.len() > INLINE_ROW_BYTES_MAX => self.write_overflow(tree, key, stamp, row).await,
            _ => Ok(()),
        }
    }

    /// Flags and payload of an entry for `row`; marks the tree before its first long row.
    async fn prepare_row(&self, tree: TreeId, row: &[u8]) -> Result<()> {
        if row.len() > ROW_BYTES_MAX {
            return Err(Error::RowTooLarge { bytes: row.len(), max: ROW_BYTES_MAX });
        }
        if row.len() > INLINE_ROW_BYTES_MAX { self.mark_overflow(tree).await } else { Ok(()) }
    }

    /// Inserts a row under a key that must be free.
    ///
    /// Judged by the newest state, not by the view: an insert or delete of the key in flight is awaited. A unique index is
    /// a tree whose key is the indexed columns alone (with the row's key as its row), and with the row's key behind them
    /// where a column is NULL; then this is the unique check, too.
    ///
    /// # Errors
    /// [`Error::KeyTooLarge`], [`Error::RowTooLarge`], [`Error::ReadOnly`], [`Error::Deadlock`],
    /// [`Error::LockNotAvailable`], [`Error::Cancelled`]; what the volume returns.
    pub async fn insert(
        &self,
        txn: &mut Txn,
        view: &View,
        tree: TreeId,
        key: &[u8],
        row: &[u8],
    ) -> Result<InsertOutcome> {
        txn.check()?;
        self.prepare_row(tree, row).await?;
        let (snapshot, observer) = (view.snapshot.lsn(), txn.shared.clone());
        let mut decide = |seen: Option<Seen<'_>>, _: Option<&[u8]>| {
            let visible = match seen {
                Some((entry, state)) => {
                    if let HeadState::Committed(lsn) = state {
                        observer.observe(*lsn);
                    }
                    let visible = match state {
                        HeadState::Settled => entry.stamp() <= snapshot,
                        HeadState::Committed(lsn) => *lsn <= snapshot,
                        HeadState::Own => entry.stamp() <= view.start,
                        HeadState::InFlight(_) => false,
                    };
                    (!entry.is_tombstone()).then_some(visible)
                }
                _ => None,
            };
            if let Some(visible) = visible {
                return Ok(Decision::Done(InsertOutcome::Duplicate { visible }));
            }
            let (flags, payload) = match row.len() <= INLINE_ROW_BYTES_MAX {
                true => (0, Cow::Borrowed(row)),
                false => (OVERFLOW, Cow::Owned(unwritten_overflow(row))),
            };
            Ok(Decision::Write { flags, payload, outcome: InsertOutcome::Inserted })
        };
        let written = self.write(txn, view, tree, key, LockStrength::Update, &mut decide).await?;
        self.finish_row(tree, key, written.stamp, row).await?;
        Ok(written.outcome)
    }

    /// Judges the head of a row that the view's statement wants to change. `Ok(changed)`: go on with it.
    fn judge(
        view: &View,
        txn: &TxnShared,
        isolation: Isolation,
        seen: Option<Seen<'_>>,
    ) -> Result<Result<bool, WriteOutcome>> {
        let Some((entry, state)) = seen else { return Ok(Err(WriteOutcome::Gone)) };
        let snapshot = view.snapshot.lsn();
        match state {
            HeadState::Own if entry.stamp() > view.start => return Ok(Err(WriteOutcome::SelfModified)),
            HeadState::Committed(lsn) => txn.observe(*lsn),
            HeadState::Own | HeadState::InFlight(_) | HeadState::Settled => {}
        }
        let changed = state.is_behind(entry, snapshot);
        if changed && isolation == Isolation::RepeatableRead {
            return Err(Error::Serialization);
        }
        if !entry.is_tombstone() {
            return Ok(Ok(changed));
        }
        // Whoever saw the row and finds it moved follows it.
        Ok(Err(match Moved::of(entry).filter(|_| changed) {
            Some(moved) => WriteOutcome::Moved(moved.key()?),
            None => WriteOutcome::Gone,
        }))
    }

    /// Replaces a row that the statement saw at its view. Takes the row's lock, waiting for its owner, and hands `f` the
    /// newest version. `f` may be called more than once and must not mind. `strength` is [`LockStrength::Update`] when a
    /// unique key changes, else [`LockStrength::NoKeyUpdate`].
    ///
    /// # Errors
    /// As [`Engine::insert`]; [`Error::Serialization`] under REPEATABLE READ when the row changed behind the snapshot; what
    /// `f` returns.
    #[allow(clippy::too_many_arguments)]
    pub async fn update(
        &self,
        txn: &mut Txn,
        view: &View,
        tree: TreeId,
        key: &[u8],
        strength: LockStrength,
        f: &mut (dyn FnMut(&[u8], Version) -> Result<Verdict> + Send),
    ) -> Result<WriteOutcome> {
        txn.check()?;
        let (isolation, shared) = (txn.isolation(), txn.shared.clone());
        let mut long: Option<Vec<u8>> = None;
        let mut decide = |seen: Option<Seen<'_>>, row: Option<&[u8]>| {
            long = None;
            let changed = match Self::judge(view, &shared, isolation, seen)? {
                Ok(changed) => changed,
                Err(outcome) => return Ok(Decision::Done(outcome)),
            };
            let (entry, _) = seen.expect("a row was judged");
            let Some(old) = row_of(entry, row) else { return Ok(Decision::NeedRow) };
            let version = Version { writer: entry.writer(), changed };
            let Verdict::Replace(row) = f(old, version)? else { return Ok(Decision::Done(WriteOutcome::Skipped)) };
            if row.len() > ROW_BYTES_MAX {
                return Err(Error::RowTooLarge { bytes: row.len(), max: ROW_BYTES_MAX });
            }
            if row.len() <= INLINE_ROW_BYTES_MAX {
                return Ok(Decision::Write { flags: 0, payload: Cow::Owned(row), outcome: WriteOutcome::Done });
            }
            let payload = Cow::Owned(unwritten_overflow(&row));
            long = Some(row);
            Ok(Decision::Write { flags: OVERFLOW, payload, outcome: WriteOutcome::Done })
        };
        let written = self.write(txn, view, tree, key, strength, &mut decide).await?;
        if let Some(row) = long {
            self.mark_overflow(tree).await?;
            self.finish_row(tree, key, written.stamp, &row).await?;
        }
        Ok(written.outcome)
    }

    /// Deletes a row that the statement saw at its view, when `f` agrees; otherwise as [`Engine::update`]. `moved_to` names
    /// the key under which the caller inserts the row again: who waits for this one follows it there. Where both keys are so
    /// long that no entry holds them, it fails with [`Error::Serialization`] instead, as PostgreSQL does for a row that moved
    /// to another partition.
    ///
    /// # Errors
    /// As [`Engine::update`].
    #[allow(clippy::too_many_arguments)]
    pub async fn delete(
        &self,
        txn: &mut Txn,
        view: &View,
        tree: TreeId,
        key: &[u8],
        moved_to: Option<&[u8]>,
        f: &mut (dyn FnMut(&[u8], Version) -> Result<bool> + Send),
    ) -> Result<WriteOutcome> {
        txn.check()?;
        if let Some(moved) = moved_to
            && moved.len() > KEY_BYTES_MAX
        {
            return Err(Error::KeyTooLarge { bytes: moved.len(), max: KEY_BYTES_MAX });
        }
        let (isolation, shared) = (txn.isolation(), txn.shared.clone());
        let mut decide = |seen: Option<Seen<'_>>, row: Option<&[u8]>| {
            let changed = match Self::judge(view, &shared, isolation, seen)? {
                Ok(changed) => changed,
                Err(outcome) => return Ok(Decision::Done(outcome)),
            };
            let (entry, _) = seen.expect("a row was judged");
            let Some(old) = row_of(entry, row) else { return Ok(Decision::NeedRow) };
            if !f(old, Version { writer: entry.writer(), changed })? {
                return Ok(Decision::Done(WriteOutcome::Skipped));
            }
            let flags = TOMBSTONE | if moved_to.is_some() { MOVED } else { 0 };
            let told = moved_to.filter(|moved| key.len() + moved.len() <= ENTRY_BYTES_MAX);
            let payload = Cow::Borrowed(told.unwrap_or(&[]));
            Ok(Decision::Write { flags, payload, outcome: WriteOutcome::Done })
        };
        let written = self.write(txn, view, tree, key, LockStrength::Update, &mut decide).await?;
        if written.stamp.is_some() {
            self.note_garbage(tree, key);
        }
        Ok(written.outcome)
    }

    /// Locks a row that the statement saw at its view, without changing it: `SELECT ... FOR`, and a foreign key's hold on
    /// its parent. Returns the newest state. For [`LockStrength::KeyShare`] a row that others have inserted and not committed
    /// is gone at once.
    ///
    /// # Errors
    /// As [`Engine::update`]; [`Error::LockNotAvailable`] under [`WaitPolicy::NoWait`].
    pub async fn lock_row(
        &self,
        txn: &mut Txn,
        view: &View,
        tree: TreeId,
        key: &[u8],
        strength: LockStrength,
        policy: WaitPolicy,
    ) -> Result<LockOutcome> {
        txn.check()?;
        loop {
            if let Some(outcome) = self.lock_and_read(txn, view, tree, key, strength, policy).await? {
                return Ok(outcome);
            }
        }
    }

    /// `None`: the row was replaced while it was read; look again.
    #[allow(clippy::too_many_arguments)]
    async fn lock_and_read(
        &self,
        txn: &mut Txn,
        view: &View,
        tree: TreeId,
        key: &[u8],
        strength: LockStrength,
        policy: WaitPolicy,
    ) -> Result<Option<LockOutcome>> {
        let seen = (view.aim != Aim::Newest).then_some(view);
        let outcome = match self.lock_newest(txn, seen, tree, key, strength, policy).await? {
            Newest::Skipped => LockOutcome::Skipped,
            Newest::Gone { moved, own, stamp, commit } => {
                let changed = !own && commit.unwrap_or(stamp) > view.snapshot.lsn();
                if changed && txn.isolation() == Isolation::RepeatableRead {
                    return Err(Error::Serialization);
                }
                match moved.filter(|_| changed) {
                    Some(moved) => LockOutcome::Moved(moved.key()?),
                    None => LockOutcome::Gone,
                }
            }
            Newest::Live { row, writer, own, stamp, commit } => {
                let changed = !own && commit.unwrap_or(stamp) > view.snapshot.lsn();
                // A key share only keeps the key, which did not change.
                if changed && txn.isolation() == Isolation::RepeatableRead && strength != LockStrength::KeyShare {
                    return Err(Error::Serialization);
                }
                let row = match row {
                    Stored::Inline(row) => row,
                    Stored::Overflow(overflow) => {
                        let shared = txn.shared.clone();
                        // A key share lets others replace the row.
                        match self.read_newest_overflow(&shared, view, tree, key, stamp, overflow).await? {
                            Some(row) => row.into(),
                            None => return Ok(None),
                        }
                    }
                };
                LockOutcome::Locked { row, version: Version { writer, changed } }
            }
        };
        Ok(Some(outcome))
    }

    /// Whether the newest state of a key is one that the view's snapshot sees, or the transaction's own: ON CONFLICT DO
    /// NOTHING under REPEATABLE READ must not pass by a row that it does not see.
    ///
    /// # Errors
    /// As [`Engine::get`].
    pub async fn sees_newest(&self, txn: &Txn, view: &View, tree: TreeId, key: &[u8]) -> Result<bool> {
        let (shared, snapshot) = (&txn.shared, view.snapshot.lsn());
        self.retry(&mut Pins::default(), &shared.cancel, || {
            self.with_leaf(tree, Position::before(key), Seek::At, None, |page| {
                let mut copy = Vec::new();
                let head = match self.search(shared, page, key, Position::before(key))? {
                    Search::Head(head) => Some((head.state, head.entry.stamp())),
                    Search::Absent => None,
                    Search::GoesOn => {
                        let state = self.search_right(shared, page, key, &mut copy)?;
                        state.map(|state| (state, Entry { cell: &copy }.stamp()))
                    }
                };
                Ok(match head {
                    None | Some((HeadState::Own, _)) => true,
                    Some((HeadState::Settled, stamp)) => stamp <= snapshot,
                    Some((HeadState::Committed(lsn), _)) => lsn <= snapshot,
                    Some((HeadState::InFlight(_), _)) => false,
                })
            })
        })
        .await
    }

    async fn lock_newest(
        &self,
        txn: &mut Txn,
        seen: Option<&View>,
        tree: TreeId,
        key: &[u8],
        strength: LockStrength,
        policy: WaitPolicy,
    ) -> Result<Newest> {
        let shared = txn.shared.clone();
        let mut pins = Pins::default();
        loop {
            let mut attempt = || self.lock_once(&shared, seen, tree, key, strength, policy);
            match self.run(&mut pins, &shared.cancel, &mut attempt).await? {
                Ok(newest) => return Ok(newest),
                Err(Stop::Wait(waiter)) => {
                    pins.clear();
                    self.locks.wait(waiter, &shared.cancel, txn.lock_timeout).await?;
                }
                Err(_) => unreachable!("locking a row stops for nothing else"),
            }
        }
    }

    fn lock_once(
        &self,
        txn: &Arc<TxnShared>,
        seen: Option<&View>,
        tree: TreeId,
        key: &[u8],
        strength: LockStrength,
        policy: WaitPolicy,
    ) -> Result<Newest, Stop> {
        let mode = Mode::from(strength);
        // Shared is enough to keep writers of the row from slipping between the look and the lock.
        self.with_leaf(tree, Position::before(key), Seek::At, None, |page| {
            let mut copy = Vec::new();
            let head = match self.search(txn, page, key, Position::before(key))? {
                Search::Head(head) => Some(head),
                Search::Absent => None,
                Search::GoesOn => self.search_right(txn, page, key, &mut copy)?.map(|state| Head {
                    slot: None,
                    entry: Entry { cell: &copy },
                    state,
                }),
            };
            let version = match &head {
                Some(Head { entry, state: HeadState::InFlight(owner), .. }) => Some(version_lock(owner, entry)),
                _ => None,
            };
            let absent = Newest::Gone { moved: None, own: false, stamp: Lsn::ZERO, commit: None };
            let (mut below, mut end) = (Vec::new(), Vec::new());
            let mut committed = None;
            if let (LockStrength::KeyShare, Some(Head { entry, state: HeadState::InFlight(_), .. })) = (strength, &head)
            {
                committed = self.committed_below(txn, page, key, entry.stamp(), &mut below, &mut |_| {})?;
                let entry = Entry { cell: &below };
                // A row that others have inserted and not committed is none yet: who only keeps a row from going waits for
                // no row to come.
                if committed.is_none() || entry.is_tombstone() && Moved::of(&entry).is_none() {
                    return Ok(absent);
                }
            }
            match self.locks.acquire(row_key(tree, key), txn, mode, version, policy) {
                Acquired::Granted => {}
                Acquired::Wait(waiter) => return Err(Stop::Wait(waiter)),
                Acquired::Refused if policy == WaitPolicy::SkipLocked => return Ok(Newest::Skipped),
                Acquired::Refused => return Err(Stop::Error(Error::LockNotAvailable)),
                Acquired::Full => return Err(Stop::Error(self.locks.full())),
                Acquired::Retry => return Err(Stop::Again),
            }
            let Some(mut head) = head else { return Ok(absent) };
            if matches!(head.state, HeadState::InFlight(_)) {
                // Compatible with the version's lock: what counts is the newest committed version below.
                if committed.is_none() {
                    let stamp = head.entry.stamp();
                    committed = self.committed_below(txn, page, key, stamp, &mut below, &mut |_| {})?;
                }
                let Some(state) = committed else { return Ok(absent) };
                head = Head { slot: None, entry: Entry { cell: &below }, state };
            }
            let ended = match seen {
                Some(view) => self.row_end(view, page, &head, &mut end)?,
                None => None,
            };
            if let Some(state) = ended {
                head = Head { slot: None, entry: Entry { cell: &end }, state };
            }
            let commit = match head.state {
                HeadState::Committed(lsn) => {
                    txn.observe(lsn);
                    Some(lsn)
                }
                _ => None,
            };
            let (own, stamp) = (matches!(head.state, HeadState::Own), head.entry.stamp());
            if head.entry.is_tombstone() {
                let moved = Moved::of(&head.entry);
                return Ok(Newest::Gone { moved, own, stamp, commit });
            }
            Ok(Newest::Live { row: Stored::of(&head.entry), writer: head.entry.writer(), own, stamp, commit })
        })
    }

    /// The newest version below `stamp` that is not in flight, in a latched leaf or right of it; copied. `passed` sees
    /// those in flight that are newer.
    fn committed_below(
        &self,
        txn: &TxnShared,
        page: &Page,
        key: &[u8],
        mut stamp: Lsn,
        copy: &mut Vec<u8>,
        passed: &mut dyn FnMut(&Entry<'_>),
    ) -> Result<Option<HeadState>, Stop> {
        let mut below = |page: &Page| -> Result<Option<Option<HeadState>>, Stop> {
            loop {
                let from = Position { key, stamp: Lsn(stamp.0.saturating_sub(1)) };
                match self.search(txn, page, key, from)? {
                    Search::Absent => return Ok(Some(None)),
                    Search::GoesOn => return Ok(None),
                    Search::Head(Head { entry, state: HeadState::InFlight(_), .. }) => {
                        passed(&entry);
                        stamp = entry.stamp();
                    }
                    Search::Head(head) => {
                        copy.clear();
                        copy.extend_from_slice(head.entry.cell);
                        return Ok(Some(Some(head.state)));
                    }
                }
            }
        };
        if let Some(found) = below(page)? {
            return Ok(found);
        }
        let mut next = page.right();
        loop {
            let frame = self.page(next)?;
            let page = frame.latch.read();
            if let Some(found) = below(&page)? {
                return Ok(found);
            }
            next = page.right();
        }
    }

    /// Locks an object, a table as a rule.
    ///
    /// # Errors
    /// [`Error::Deadlock`], [`Error::LockNotAvailable`], [`Error::Cancelled`].
    pub async fn lock_object(&self, txn: &mut Txn, object: u64, mode: TableLockMode, policy: WaitPolicy) -> Result<()> {
        let shared = txn.shared.clone();
        match self.locks.acquire_object(object, &shared, mode.into(), policy) {
            Acquired::Granted | Acquired::Retry | Acquired::Full => Ok(()),
            Acquired::Wait(waiter) => self.locks.wait(waiter, &shared.cancel, txn.lock_timeout).await,
            Acquired::Refused => Err(Error::LockNotAvailable),
        }
    }

    /// Whether somebody holds or awaits a lock on an object that keeps statements from it. Costs a load.
    #[must_use]
    pub fn has_strong_locks(&self) -> bool {
        self.locks.has_strong_objects()
    }

    /// The first row in a range by the newest state: committed or the transaction's own, never the snapshot's; what is in
    /// flight is awaited. This is how a constraint looks for what is in its way.
    ///
    /// # Errors
    /// As [`Engine::update`].
    pub async fn probe(
        &self,
        txn: &mut Txn,
        view: &View,
        tree: TreeId,
        range: KeyRange,
    ) -> Result<Option<(Bytes, Bytes)>> {
        self.probe_rows(txn, view, tree, range, Looks { is_wanted: &|_| true, since: None }, &mut false).await
    }

    /// As [`Engine::probe`], the first row that `is_wanted`. Of what is in flight only changes of such rows are awaited,
    /// not rows that come to be such. This is how a parent's delete looks for children: who makes one must lock the
    /// parent before it commits, and finds it locked. Who moves one need not: that is for the `pass` to tell.
    ///
    /// # Errors
    /// As [`Engine::update`].
    pub async fn probe_where(
        &self,
        txn: &mut Txn,
        view: &View,
        tree: TreeId,
        range: KeyRange,
        is_wanted: &(dyn Fn(&[u8]) -> bool + Sync),
        pass: &mut Pass,
    ) -> Result<Option<(Bytes, Bytes)>> {
        let looks = Looks { is_wanted, since: Some(pass.snapshot.lsn()) };
        self.probe_rows(txn, view, tree, range, looks, &mut pass.has_lost).await
    }

    /// Begins to look for rows with [`Engine::probe_where`].
    #[must_use]
    pub fn pass(&self) -> Pass {
        Pass { snapshot: self.snapshot(), has_lost: false }
    }

    async fn probe_rows(
        &self,
        txn: &mut Txn,
        view: &View,
        tree: TreeId,
        range: KeyRange,
        looks: Looks<'_>,
        has_lost: &mut bool,
    ) -> Result<Option<(Bytes, Bytes)>> {
        txn.check()?;
        let shared = txn.shared.clone();
        let mut from = range.start();
        let end = range.end();
        let mut pins = Pins::default();
        loop {
            let mut attempt = || self.probe_leaf(&shared, tree, from.borrow(), end.as_ref(), looks);
            match self.run(&mut pins, &shared.cancel, &mut attempt).await? {
                Ok(Probe::End) => return Ok(None),
                Ok(Probe::Next(next)) => from = next,
                Ok(Probe::Lost(next)) => (from, *has_lost) = (next, true),
                Ok(Probe::Found(key, _, Stored::Inline(row))) => return Ok(Some((key, row))),
                Ok(Probe::Found(key, stamp, Stored::Overflow(overflow))) => {
                    pins.clear();
                    let row = self.read_newest_overflow(&shared, view, tree, &key, stamp, overflow).await?;
                    match row {
                        Some(row) if (looks.is_wanted)(&row) => return Ok(Some((key, row.into()))),
                        Some(_) => from = Position::after(&key).to_owned(),
                        None => {}
                    }
                }
                Err(Stop::Wait(waiter)) => {
                    pins.clear();
                    self.locks.wait(waiter, &shared.cancel, txn.lock_timeout).await?;
                }
                Err(_) => unreachable!("a probe stops for nothing else"),
            }
        }
    }

    /// Reads a long row that nothing keeps: it may be superseded and its pages used for another row meanwhile. `None`: its
    /// version is gone, and the key is to be looked at again.
    async fn read_newest_overflow(
        &self,
        txn: &TxnShared,
        view: &View,
        tree: TreeId,
        key: &[u8],
        stamp: Lsn,
        overflow: OverflowRef,
    ) -> Result<Option<Vec<u8>>> {
        let mut row = Vec::new();
        let outcome = self.read_overflow(view, tree, overflow, &mut row).await;
        // A version is taken out of its leaf before its pages are given back.
        let position = Position { key, stamp };
        let is_there = |page: &Page| {
            let slot = cell::lower_bound(page, position);
            Ok(slot < page.slot_count() && {
                let entry = cell::entry(page, slot);
                entry.key() == key && entry.stamp() == stamp
            })
        };
        let look = || self.with_leaf(tree, position, Seek::At, None, is_there);
        if !self.retry(&mut Pins::default(), &txn.cancel, look).await? {
            return Ok(None);
        }
        outcome.map(|()| Some(row))
    }

    fn probe_leaf(
        &self,
        txn: &Arc<TxnShared>,
        tree: TreeId,
        from: Position<'_>,
        end: Option<&OwnedPosition>,
        looks: Looks<'_>,
    ) -> Result<Probe, Stop> {
        self.with_leaf(tree, from, Seek::At, None, |page| {
            let slot = cell::lower_bound(page, from);
            if slot == page.slot_count() {
                return Ok(match cell::high(page) {
                    None => Probe::End,
                    Some(high) if end.is_some_and(|end| high.cmp(&end.borrow()).is_ge()) => Probe::End,
                    Some(high) => Probe::Next(high.to_owned()),
                });
            }
            let entry = cell::entry(page, slot);
            if end.is_some_and(|end| entry.position().cmp(&end.borrow()).is_ge()) {
                return Ok(Probe::End);
            }
            let key = entry.key();
            let behind = Position::after(key).to_owned();
            // A long row has to be read first, which is not done under a latch.
            let may_be_wanted = |entry: &Entry<'_>| {
                !entry.is_tombstone() && (entry.is_overflow() || (looks.is_wanted)(entry.payload()))
            };
            match self.search(txn, page, key, from)? {
                Search::Absent => Ok(Probe::Next(behind)),
                Search::GoesOn => Ok(Probe::Next(cell::high(page).ok_or(Stop::Again)?.to_owned())),
                Search::Head(head) => {
                    if let HeadState::InFlight(owner) = &head.state {
                        // Its owner may go back to an older version, and to the committed one by ending.
                        let awaits_new = looks.since.is_none();
                        let mut concerns = awaits_new && may_be_wanted(&head.entry);
                        let (stamp, mut below) = (head.entry.stamp(), Vec::new());
                        let mut passed = |entry: &Entry<'_>| concerns |= awaits_new && may_be_wanted(entry);
                        let committed = self.committed_below(txn, page, key, stamp, &mut below, &mut passed)?;
                        concerns |= committed.is_some() && may_be_wanted(&Entry { cell: &below });
                        if !concerns {
                            let is_lost = self.is_lost(txn, page, &head, looks.since, &may_be_wanted)?;
                            return Ok(if is_lost { Probe::Lost(behind) } else { Probe::Next(behind) });
                        }
                        // Only waited for: who probes and writes the row then would meet others who did the same.
                        let version = version_lock(owner, &head.entry);
                        let mode = LockStrength::Share.into();
                        return match self.locks.await_owner(row_key(tree, key), txn, mode, version) {
                            Acquired::Wait(waiter) => Err(Stop::Wait(waiter)),
                            _ => Err(Stop::Again),
                        };
                    }
                    if let HeadState::Committed(lsn) = head.state {
                        txn.observe(lsn);
                    }
                    if !may_be_wanted(&head.entry) {
                        let is_lost = self.is_lost(txn, page, &head, looks.since, &may_be_wanted)?;
                        return Ok(if is_lost { Probe::Lost(behind) } else { Probe::Next(behind) });
                    }
                    Ok(Probe::Found(Bytes::copy_from_slice(key), head.entry.stamp(), Stored::of(&head.entry)))
                }
            }
        })
    }

    /// Whether a row that is not wanted was so `since` then, and others have changed or moved it.
    fn is_lost(
        &self,
        txn: &TxnShared,
        page: &Page,
        head: &Head<'_>,
        since: Option<Lsn>,
        may_be_wanted: &dyn Fn(&Entry<'_>) -> bool,
    ) -> Result<bool, Stop> {
        let Some(since) = since else { return Ok(false) };
        let is_open = |state: &HeadState| matches!(state, HeadState::Own | HeadState::InFlight(_));
        let mut has_changed = head.state.is_behind(&head.entry, since);
        if !has_changed && !is_open(&head.state) {
            return Ok(false);
        }
        let (key, mut stamp, mut below) = (head.entry.key(), head.entry.stamp(), Vec::new());
        while let Some(state) = self.committed_below(txn, page, key, stamp, &mut below, &mut |_| {})? {
            let entry = Entry { cell: &below };
            if state.is_behind(&entry, since) {
                has_changed = true;
            } else if !is_open(&state) {
                return Ok(has_changed && may_be_wanted(&entry));
            }
            stamp = entry.stamp();
        }
        Ok(false)
    }

    /// Notes in the root that entries of the tree may have overflow pages: a drop must then visit its leaves.
    async fn mark_overflow(&self, tree: TreeId) -> Result<()> {
        let log = self.log()?.clone();
        self.admit(&log, &mut Pins::default()).await?;
        self.retry(&mut Pins::default(), &Default::default(), || {
            let root = self.page(tree)?;
            if root.latch.read().flags() & PAGE_HAS_OVERFLOW != 0 {
                return Ok(());
            }
            let mut mtr = Mtr::new(&self.dirty);
            let at = mtr.latch(&root);
            let (level, flags) = (mtr.page(at).level(), mtr.page(at).flags());
            mtr.change(at, Change::SetFlags { level, flags: flags | PAGE_HAS_OVERFLOW });
            mtr.commit(&log, |_| {});
            Ok(())
        })
        .await
    }
}

/// Where a deleted row went.
struct Moved(Bytes);

impl Moved {
    fn of(tombstone: &Entry<'_>) -> Option<Moved> {
        (tombstone.flags() & MOVED != 0).then(|| Moved(Bytes::copy_from_slice(tombstone.payload())))
    }

    /// The key, for who saw the row and follows it. No key is empty.
    ///
    /// # Errors
    /// [`Error::Serialization`] where it is not told.
    fn key(self) -> Result<Bytes> {
        if self.0.is_empty() { Err(Error::Serialization) } else { Ok(self.0) }
    }
}

/// A look for rows by the newest state, place by place.
#[derive(Debug)]
pub struct Pass {
    /// Of its beginning: the versions that it sees are kept.
    snapshot: Snapshot,
    has_lost: bool,
}

impl Pass {
    /// Whether a wanted row has left its place since the pass began. It may have come to one that was looked at before,
    /// so that another pass is needed to know.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.has_lost
    }
}

/// What a probe looks for.
#[derive(Clone, Copy)]
struct Looks<'a> {
    is_wanted: &'a (dyn Fn(&[u8]) -> bool + Sync),
    /// Rows that were wanted then are told of when others have changed them. Without it, who is making such a row is
    /// awaited.
    since: Option<Lsn>,
}

enum Stored {
    Inline(Bytes),
    Overflow(OverflowRef),
}

impl Stored {
    fn of(entry: &Entry<'_>) -> Stored {
        if entry.is_overflow() {
            Stored::Overflow(entry.overflow())
        } else {
            Stored::Inline(Bytes::copy_from_slice(entry.payload()))
        }
    }
}

enum Newest {
    Live { row: Stored, writer: TxnId, own: bool, stamp: Lsn, commit: Option<Lsn> },
    Gone { moved: Option<Moved>, own: bool, stamp: Lsn, commit: Option<Lsn> },
    Skipped,
}

enum Probe {
    End,
    Next(OwnedPosition),
    /// As `Next`, and a wanted row was there when the pass began.
    Lost(OwnedPosition),
    Found(Bytes, Lsn, Stored),
}

/// The payload of the entry of a long row, before its pages are written.
fn unwritten_overflow(row: &[u8]) -> Vec<u8> {
    OverflowRef { bytes: row.len() as u64, head: protocol::PageId::NONE }.encode().to_vec()
}

/// What turns the body of one entry into another of equal length. Offsets count from the cell's start.
fn patches(old: &[u8], new: Vec<u8>) -> Vec<Patch> {
    let new = Bytes::from(new);
    let mut patches: Vec<Patch> = Vec::new();
    let mut at = 0;
    while at < new.len() {
        if old[at] == new[at] {
            // Most of a row is as it was: eight bytes at a time.
            let (words, _) = old[at..].as_chunks::<8>();
            let (new_words, _) = new[at..].as_chunks::<8>();
            at += 8 * words.iter().zip(new_words).take_while(|(old, new)| old == new).count();
            at += old[at..].iter().zip(&new[at..]).take_while(|(old, new)| old == new).count();
            continue;
        }
        let (start, mut end) = (at, at + 1);
        let mut equal = 0;
        let mut next = end;
        while next < new.len() && equal <= PATCH_GAP_BYTES {
            if old[next] == new[next] {
                equal += 1;
            } else {
                equal = 0;
                end = next + 1;
            }
            next += 1;
        }
        patches.push(Patch { offset: (start + STAMP_BYTES) as u16, bytes: new.slice(start..end) });
        at = end;
    }
    patches
}

const _: () = assert!(ENTRY_HEADER_BYTES + ENTRY_BYTES_MAX < protocol::page::CELL_BYTES_MAX);
const _: () = assert!(
    HIGH_HEADER_BYTES + KEY_BYTES_MAX + ENTRY_HEADER_BYTES + ENTRY_BYTES_MAX + 2 * SLOT_BYTES
        <= PAGE_BYTES - PAGE_HEADER_BYTES
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn patches_make_the_new_bytes(pairs in proptest::collection::vec((0u8..3, 0u8..3), 0..60)) {
            let (mut old, new): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
            for patch in patches(&old.clone(), new.clone()) {
                let at = usize::from(patch.offset) - STAMP_BYTES;
                old[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
            }
            prop_assert_eq!(old, new);
        }
    }
}
