//! The engine: what one server has of the database, and how it opens, begins, commits and waits.

use crate::TreeId;
use crate::cache::{Cache, Frame, Load, Volume};
use crate::cancel::{CancelToken, Wait};
use crate::commits::{self, Commits};
use crate::control::{CONTROL_PAGE, Control, OFFSET_CATALOG_VERSION, OFFSET_TXID_LIMIT, horizon_patch, u64_patch};
use crate::dirty::Dirty;
use crate::error::{Error, Result};
use crate::locks::{ListedLock, LockTable, LockWait, Waiter};
use crate::mtr::Mtr;
use crate::snapshot::{Registry, Snapshot};
use crate::space::{self, Space};
use crate::stats::{Counters, Stats};
use crate::tree;
use crate::txn::{Aim, Isolation, SavepointId, Txn, TxnShared, View};
use crate::vacuum::Garbage;
use parking_lot::RwLock;
use protocol::page::PageKind;
use protocol::redo::Change;
use protocol::volume::{Durability, PageChange, PageSource, RedoLog, VolumeError};
use protocol::{Lsn, PageId, TxnId};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedSemaphorePermit, Semaphore};

/// Smallest cache that the engine runs with, in pages.
pub const CACHE_PAGES_MIN: usize = 64;
/// Pages that one operation keeps pinned across its waits.
pub(crate) const PINS_MAX: usize = 16;
/// Pages that one reader asks for ahead at most, and the part of the cache that they may be.
const AHEAD_PAGES_MAX: usize = 16;
const AHEAD_PART: usize = 32;
/// The same for all scans together.
const AHEAD_ALL_MAX: usize = 64;
const AHEAD_ALL_PART: usize = 16;
/// Transaction ids made usable by one record.
const TXIDS_PER_LIMIT: u64 = 4096;
/// Structure changes of trees that share a stripe exclude each other.
const STRUCTURE_STRIPES: usize = 64;
/// Redo that one mini-transaction may need, in bytes of LSN.
pub const MTR_BYTES_MAX: u64 = 1 << 20;

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Frames of the buffer cache, 8 KiB each; at least [`CACHE_PAGES_MIN`].
    pub cache_pages: usize,
    /// How long a writer that opens an existing volume keeps the horizon where it was: replicas that registered with the
    /// writer before it may hold snapshots. At least the replicas' lease.
    pub replica_lease: Duration,
    /// What locks may take in memory, in bytes: about 300 for each row that is locked without being changed. A row beyond
    /// is refused with [`Error::LockTableFull`].
    pub lock_table_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { cache_pages: 16 * 1024, replica_lease: Duration::from_secs(2), lock_table_bytes: 256 << 20 }
    }
}

/// Why synchronous tree code unwound.
pub(crate) enum Stop {
    /// This page must be cached.
    Miss(PageId),
    /// The leaf lacks room for a cell of so many bytes.
    Full(usize),
    /// A lock must be awaited.
    Wait(Arc<Waiter>),
    /// The row must be read from its overflow pages first, under the row's lock.
    NeedRow,
    /// Something moved: run again.
    Again,
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Error(error)
    }
}

/// What became of a transaction id.
pub(crate) enum Fate {
    Committed(Lsn),
    InFlight(Arc<TxnShared>),
    Aborted,
}

/// The pages that an operation holds on to while it waits, and its admission to do so.
#[derive(Default)]
pub(crate) struct Pins {
    frames: Vec<Arc<Frame>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Pins {
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Lets go, as must be done before waiting for anything but a page.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.permit = None;
    }
}

/// One server's engine. See the crate's root for its interface.
pub struct Engine {
    pub(crate) cache: Cache,
    pub(crate) dirty: Dirty,
    source: Arc<dyn PageSource>,
    log: OnceLock<Arc<dyn RedoLog>>,
    writes: AtomicBool,
    pub(crate) commits: Commits,
    pub(crate) registry: Arc<Registry>,
    /// On a replica: rung when more is visible, or when there is no more to come because it writes itself.
    pub(crate) arrivals: Notify,
    pub(crate) locks: LockTable,
    pub(crate) space: Space,
    catalog_root: TreeId,
    pub(crate) registry_root: TreeId,
    map_root: PageId,
    next_txid: AtomicU64,
    txid_limit: AtomicU64,
    raising: AsyncMutex<()>,
    pub(crate) extending: AsyncMutex<()>,
    structure: Box<[AsyncMutex<()>]>,
    permits: Arc<Semaphore>,
    /// Replica: readers hold it shared for one descent, the applier exclusively for an MTR of several pages.
    pub(crate) gate: RwLock<()>,
    pub(crate) catalog_version: AtomicU64,
    /// What moved the version last: a snapshot below it does not see the catalog of that version.
    pub(crate) catalog_moved: AtomicU64,
    /// Moves when redo was skipped: it may have moved the version.
    pub(crate) catalog_skips: AtomicU64,
    /// Held by the one sweep or vacuum that runs.
    pub(crate) sweeping: tokio::sync::Mutex<()>,
    pub(crate) garbage: Garbage,
    next_key: AtomicU64,
    /// Pages asked for ahead of a reader.
    pub(crate) ahead_pages: usize,
    /// One permit for each page that is read ahead.
    pub(crate) reading_ahead: Arc<Semaphore>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) options: Options,
}

impl Engine {
    fn new(source: Arc<dyn PageSource>, control: &Control, options: Options) -> Engine {
        let counters = Arc::new(Counters::default());
        let cache_pages = options.cache_pages.max(CACHE_PAGES_MIN);
        let registry = Arc::new(Registry::default());
        registry.set_horizon(control.horizon.clone());
        Engine {
            cache: Cache::new(cache_pages, counters.clone()),
            dirty: Dirty::new(cache_pages / 2),
            source,
            log: OnceLock::new(),
            writes: AtomicBool::new(false),
            commits: Commits::default(),
            registry,
            arrivals: Notify::new(),
            locks: LockTable::new(options.lock_table_bytes, counters.clone()),
            space: Space::default(),
            catalog_root: control.catalog_root,
            registry_root: control.registry_root,
            map_root: control.map_root,
            next_txid: AtomicU64::new(control.txid_limit),
            txid_limit: AtomicU64::new(control.txid_limit),
            raising: AsyncMutex::new(()),
            extending: AsyncMutex::new(()),
            structure: (0..STRUCTURE_STRIPES).map(|_| AsyncMutex::new(())).collect(),
            permits: Arc::new(Semaphore::new((cache_pages / 2 / PINS_MAX).max(1))),
            gate: RwLock::new(()),
            catalog_version: AtomicU64::new(control.catalog_version),
            catalog_moved: AtomicU64::new(0),
            catalog_skips: AtomicU64::new(0),
            sweeping: tokio::sync::Mutex::default(),
            garbage: Garbage::default(),
            next_key: AtomicU64::new(1),
            ahead_pages: (cache_pages / AHEAD_PART).clamp(1, AHEAD_PAGES_MAX),
            reading_ahead: Arc::new(Semaphore::new((cache_pages / AHEAD_ALL_PART).clamp(1, AHEAD_ALL_MAX))),
            counters,
            options,
        }
    }

    /// Creates a database on an empty volume and opens it for writing: control page, space map, commit map, the tree of
    /// trees and an empty catalog tree, in one mini-transaction.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the volume is not empty; what the volume returns.
    pub async fn bootstrap(log: Arc<dyn RedoLog>, options: Options) -> Result<Arc<Engine>> {
        let page = log.fetch(CONTROL_PAGE).await?.page;
        if page.kind() != PageKind::Empty {
            return Err(Error::Corrupt { page: CONTROL_PAGE, why: "the volume is not empty".into() });
        }
        log.reserve(MTR_BYTES_MAX).await?;
        let control = Control {
            txid_limit: 1,
            map_root: PageId(4),
            catalog_root: PageId(3),
            registry_root: PageId(2),
            catalog_version: 1,
            spans: 1,
            horizon: Default::default(),
        };
        let mut map = protocol::Page::empty(space::map_page(0));
        protocol::redo::apply_change(&mut map, Lsn(1), &space::init()).expect("a raw page is initialised");
        let mut changes = Vec::new();
        let mut add = |page: PageId, change: Change| changes.push(PageChange { page, prev_page: Lsn::ZERO, change });
        control.write().into_iter().for_each(|change| add(CONTROL_PAGE, change));
        add(space::map_page(0), space::init());
        // Bits 0 to 3: the map page itself and pages 2, 3, 4.
        add(space::map_page(0), space::set_bits(&map, 0..4, true));
        for root in [control.registry_root, control.catalog_root] {
            tree::empty_root(root).into_iter().for_each(|change| add(root, change));
        }
        add(control.map_root, map_init(commits::LEVELS, 0));
        log.append(&changes, &mut |_| {});
        // These pages bypassed the cache: they can be read only from storage, and there only when they are durable.
        log.wait(log.end(), Durability::Flushed).await?;
        let engine = Engine::new(log.clone(), &control, options);
        engine.registry.publish(log.end());
        engine.log.get_or_init(|| log);
        engine.become_writer(false);
        Ok(Arc::new(engine))
    }

    /// Opens an existing volume for writing. The volume has been recovered: everything it serves is durable.
    ///
    /// # Errors
    /// [`Error::NotBootstrapped`], [`Error::Corrupt`]; what the volume returns.
    pub async fn writer(log: Arc<dyn RedoLog>, options: Options) -> Result<Arc<Engine>> {
        let control = Control::read(&log.fetch(CONTROL_PAGE).await?.page)?;
        let engine = Engine::new(log.clone(), &control, options);
        engine.registry.publish(log.end());
        engine.log.get_or_init(|| log);
        engine.become_writer(true);
        Ok(Arc::new(engine))
    }

    /// Opens a replica that has applied everything up to `applied`, as of which `source` reads.
    ///
    /// # Errors
    /// As [`Engine::writer`].
    pub async fn replica(source: Arc<dyn PageSource>, applied: Lsn, options: Options) -> Result<Arc<Engine>> {
        let control = Control::read(&source.fetch(CONTROL_PAGE).await?.page)?;
        let engine = Engine::new(source, &control, options);
        engine.registry.publish(applied);
        Ok(Arc::new(engine))
    }

    fn become_writer(&self, hold: bool) {
        if hold && !self.options.replica_lease.is_zero() {
            self.registry.hold(self.options.replica_lease);
        }
        self.writes.store(true, Ordering::Release);
    }

    /// Makes a replica the writer, in place: the cache stays warm. The volume has been recovered to `vdl`, and the
    /// replica should have applied everything up to it; if not, its cache is dropped. Pages above `vdl` are dropped, and
    /// transaction ids go on at the logged limit.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; what the volume returns. The engine is then still a replica.
    pub async fn promote(&self, log: Arc<dyn RedoLog>, vdl: Lsn) -> Result<()> {
        if self.is_writer() {
            return Ok(());
        }
        let control = Control::read(&log.fetch(CONTROL_PAGE).await?.page)?;
        self.txid_limit.store(control.txid_limit, Ordering::Release);
        self.next_txid.store(control.txid_limit, Ordering::Release);
        self.registry.set_horizon(control.horizon.clone());
        self.catalog_moved.fetch_max(vdl.0, Ordering::AcqRel);
        self.catalog_version.fetch_max(control.catalog_version, Ordering::AcqRel);
        self.space.close();
        let _gate = self.gate.write();
        let behind = self.registry.current() < vdl;
        if self.log.set(log).is_err() {
            return Ok(());
        }
        // Only now: a fetch that began before asked the replica's source, and is forgotten; one that begins now does not.
        self.cache.invalidate(|page| behind || page.lsn() > vdl);
        self.registry.publish(vdl);
        self.become_writer(true);
        self.arrivals.notify_waiters();
        Ok(())
    }

    /// Whether this server writes.
    #[must_use]
    pub fn is_writer(&self) -> bool {
        self.writes.load(Ordering::Acquire)
    }

    /// The log, on the writer.
    pub(crate) fn log(&self) -> Result<&Arc<dyn RedoLog>> {
        if self.is_writer() { self.log.get().ok_or(Error::ReadOnly) } else { Err(Error::ReadOnly) }
    }

    fn volume(&self) -> Volume<'_> {
        match self.log.get() {
            Some(log) => Volume::Writer(&**log),
            None => Volume::Replica(&*self.source),
        }
    }

    /// The highest LSN that a crash cannot take back.
    #[must_use]
    pub fn flushed_vdl(&self) -> Lsn {
        self.log.get().map_or_else(|| self.source.flushed_vdl(), |log| log.flushed_vdl())
    }

    /// The tree in which the catalog keeps its first relation; made by [`Engine::bootstrap`].
    #[must_use]
    pub fn catalog_tree(&self) -> TreeId {
        self.catalog_root
    }

    /// Grows whenever a commit touched the catalog; plans made under another value are stale.
    #[must_use]
    pub fn catalog_version(&self) -> u64 {
        self.catalog_version.load(Ordering::Acquire) + self.catalog_skips.load(Ordering::Acquire)
    }

    /// The LSN of the change that made the present [`Engine::catalog_version`]. The version moves a moment before the
    /// change is published; on a replica that is until the redo at hand is applied. Read after the version, it tells which
    /// snapshots are too early to see what the version promises.
    #[must_use]
    pub fn catalog_lsn(&self) -> Lsn {
        Lsn(self.catalog_moved.load(Ordering::Acquire))
    }

    /// Begins a transaction.
    #[must_use]
    pub fn begin(self: &Arc<Self>, isolation: Isolation) -> Txn {
        self.begin_with(isolation, CancelToken::new())
    }

    /// Begins a transaction whose waits `cancel` ends: a session has one token for its life.
    #[must_use]
    pub fn begin_with(self: &Arc<Self>, isolation: Isolation, cancel: CancelToken) -> Txn {
        Txn::new(self.clone(), self.new_shared(cancel), isolation)
    }

    fn new_shared(&self, cancel: CancelToken) -> Arc<TxnShared> {
        Arc::new(TxnShared::new(self.next_key.fetch_add(1, Ordering::Relaxed), cancel))
    }

    /// Begins a statement: READ COMMITTED gets a new snapshot, REPEATABLE READ that of its first statement. What the
    /// transaction wrote before is visible, what it writes through this view is not.
    #[must_use]
    pub fn statement(&self, txn: &mut Txn) -> View {
        let snapshot = txn.statement_snapshot(|| self.snapshot());
        View { snapshot, txn: txn.shared.clone(), start: self.end(), aim: Aim::Newest }
    }

    /// The last record's LSN on the writer, the applied LSN on a replica.
    pub(crate) fn end(&self) -> Lsn {
        self.log.get().map_or_else(|| self.registry.current(), |log| log.end())
    }

    /// The newest snapshot. It holds the horizon until its last clone is dropped.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.registry.take()
    }

    /// Reads at a snapshot without a transaction.
    #[must_use]
    pub fn view(&self, snapshot: Snapshot) -> View {
        View { start: snapshot.lsn(), snapshot, txn: self.new_shared(CancelToken::new()), aim: Aim::Newest }
    }

    /// Commits: appends the commit record, publishes it and releases the locks, without waiting for durability. Returns
    /// what must be durable before the client is told: the commit LSN, or of a transaction that wrote nothing the highest
    /// LSN it observed.
    ///
    /// # Errors
    /// Before the record is in the log: the transaction is then rolled back.
    pub async fn commit(&self, mut txn: Txn) -> Result<Lsn> {
        let Some(top) = txn.txid().filter(|_| txn.wrote || txn.touches_catalog) else {
            txn.finish();
            self.end_txn(&mut txn);
            return Ok(txn.shared.observed());
        };
        let log = self.log()?.clone();
        let subs = txn.live_subs();
        if !subs.is_empty() {
            self.log_subtransactions(&log, top, &subs).await?;
        }
        let mut pins = Pins::default();
        let cancel = txn.shared.cancel.clone();
        self.admit_statement(&log, &mut pins, &cancel).await?;
        let touches_catalog = txn.touches_catalog;
        let lsn = self
            .retry(&mut pins, &cancel, || {
                let (index, offset) = commits::locate(top);
                let map = self.page(self.map_leaf(index)?.ok_or_else(|| Stop::Error(lost_map_page(index)))?)?;
                let control = if touches_catalog { Some(self.page(CONTROL_PAGE)?) } else { None };
                let mut mtr = Mtr::new(&self.dirty);
                let map_at = mtr.latch(&map);
                if let Some(control) = &control {
                    let at = mtr.latch(control);
                    let version = crate::control::raw_u64(mtr.page(at), OFFSET_CATALOG_VERSION) + 1;
                    mtr.change(at, Change::PatchRaw { patches: vec![u64_patch(OFFSET_CATALOG_VERSION, version)] });
                }
                // Last: its LSN is the commit's, and the end of the mini-transaction.
                mtr.change(map_at, Change::StampRaw { offset });
                Ok(mtr.commit(&log, |lsn| {
                    for &sub in &subs {
                        self.commits.remember(sub, lsn);
                    }
                    self.commits.remember(top, lsn);
                    if touches_catalog {
                        self.catalog_moved.fetch_max(lsn.0, Ordering::AcqRel);
                        self.catalog_version.fetch_add(1, Ordering::AcqRel);
                    }
                    self.registry.publish(lsn);
                }))
            })
            .await?;
        txn.shared.observe(lsn);
        txn.finish();
        self.end_txn(&mut txn);
        Ok(lsn)
    }

    /// Rolls back. No record is written: an id without an entry in the commit map counts as aborted.
    pub fn rollback(&self, txn: Txn) {
        drop(txn);
    }

    /// Ends a transaction in memory: first its ids stop being active, then its locks go to those who wait.
    pub(crate) fn end_txn(&self, txn: &mut Txn) {
        for txid in txn.txids() {
            self.commits.deactivate(txid);
        }
        self.end_locks(txn);
    }

    fn end_locks(&self, txn: &Txn) {
        let given = txn.shared.end();
        if !given.is_empty() {
            self.locks.release(&txn.shared, given);
        }
    }

    /// Sets a savepoint.
    pub fn savepoint(&self, txn: &mut Txn) -> SavepointId {
        txn.savepoint()
    }

    /// Undoes what was done since `savepoint`, which stays.
    ///
    /// # Panics
    /// When the savepoint was released; likewise below.
    pub fn rollback_to(&self, txn: &mut Txn, savepoint: SavepointId) {
        let given = txn.rollback_to(savepoint);
        self.locks.release(&txn.shared, given);
        txn.shared.gave_up();
    }

    /// Forgets `savepoint`; what was done since becomes the enclosing level's.
    pub fn release(&self, txn: &mut Txn, savepoint: SavepointId) {
        txn.release(savepoint);
    }

    /// The highest commit LSN that the transaction has seen the effect of: what is told to its client must wait for it.
    #[must_use]
    pub fn observed(&self, txn: &Txn) -> Lsn {
        txn.shared.observed()
    }

    /// Whether [`Engine::wait_durable`] would return at once.
    #[must_use]
    pub fn is_durable(&self, lsn: Lsn, durability: Durability) -> bool {
        self.log.get().is_none_or(|log| log.is_durable(lsn, durability))
    }

    /// Waits until `lsn` is durable. On a replica everything visible is.
    ///
    /// # Errors
    /// [`Error::FateUnknown`] when this server was fenced meanwhile, [`Error::FateUndecided`] when it takes too long.
    pub async fn wait_durable(&self, lsn: Lsn, durability: Durability) -> Result<()> {
        match self.log.get() {
            Some(log) if !log.is_durable(lsn, durability) => {
                log.wait(lsn, durability).await.map_err(|error| match error {
                    VolumeError::Unavailable(why) | VolumeError::Full(why) => Error::FateUndecided(why),
                    error => error.into(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether this server may answer from what it has cached: a replica always, a writer while storage knows of no other.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.log.get().is_none_or(|log| log.is_confirmed())
    }

    /// Waits, not for long, until [`Engine::is_confirmed`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] when another server may be the writer.
    pub async fn confirm(&self) -> Result<()> {
        match self.log.get() {
            Some(log) => Ok(log.confirm().await?),
            None => Ok(()),
        }
    }

    /// On a replica: the live snapshots, ascending, and the LSN below which no new one will be. The writer is told of
    /// them through [`Engine::set_replica_snapshots`].
    #[must_use]
    pub fn live_snapshots(&self) -> (Lsn, Vec<Lsn>) {
        let floor = self.registry.current();
        (floor, self.registry.live())
    }

    /// On the writer: what replica `instance` reports. No snapshot of it is below `oldest` while the lease lasts.
    pub fn set_replica_floor(&self, instance: u64, oldest: Lsn, lease: Duration) {
        self.registry.report(instance, oldest, Vec::new(), self.flushed_vdl(), lease);
    }

    /// As [`Engine::set_replica_floor`], with single `snapshots` below the `floor`: versions between them may go.
    pub fn set_replica_snapshots(&self, instance: u64, floor: Lsn, snapshots: Vec<Lsn>, lease: Duration) {
        self.registry.report(instance, floor, snapshots, self.flushed_vdl(), lease);
    }

    /// Every lock that a transaction holds or waits for. Rows that it has changed are among them once somebody waits for them.
    #[must_use]
    pub fn list_locks(&self) -> Vec<ListedLock> {
        self.locks.list()
    }

    /// Who waits for a lock, and for whom.
    #[must_use]
    pub fn lock_waits(&self) -> Vec<LockWait> {
        self.locks.waits()
    }

    /// What the engine has done and holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            misses: get(&counters.misses),
            pages_fetched: get(&counters.pages_fetched),
            pages_cached: self.cache.len() as u64,
            evictions: get(&counters.evictions),
            eviction_waits: get(&counters.eviction_waits),
            splits: get(&counters.splits),
            prunes: get(&counters.prunes),
            versions_pruned: get(&counters.versions_pruned),
            leaves_unlinked: get(&counters.leaves_unlinked),
            horizons_logged: get(&counters.horizons_logged),
            deadlocks: get(&counters.deadlocks),
            lock_waits: get(&counters.lock_waits),
            pages_allocated: get(&counters.pages_allocated),
            pages_reused: get(&counters.pages_reused),
            pages_freed: get(&counters.pages_freed),
            live_snapshots: self.registry.count(),
            oldest_snapshot: self.registry.live().first().copied(),
            active_transactions: self.commits.active_count() as u64,
            lock_bytes: self.locks.bytes() as u64,
        }
    }

    // ---- pages ----

    /// The frame of a cached page, or a miss.
    pub(crate) fn page(&self, id: PageId) -> Result<Arc<Frame>, Stop> {
        self.cache.pin(id).ok_or(Stop::Miss(id))
    }

    /// As [`Engine::page`], for a leaf that a scan passes by.
    pub(crate) fn page_cold(&self, id: PageId) -> Result<Arc<Frame>, Stop> {
        self.cache.pin_cold(id).ok_or(Stop::Miss(id))
    }

    /// Fetches a page and keeps it pinned for the operation.
    pub(crate) async fn load(&self, pins: &mut Pins, id: PageId, fresh: bool) -> Result<Arc<Frame>> {
        if pins.permit.is_none() {
            let permit = self.permits.clone().acquire_owned().await;
            pins.permit = Some(permit.map_err(|_| Error::Unavailable("the engine is closed".into()))?);
        }
        let frame = self.cache.load(id, || self.volume(), if fresh { Load::Fresh } else { Load::Use }).await?;
        if !pins.frames.iter().any(|pinned| pinned.id == id) {
            if pins.frames.len() >= PINS_MAX {
                pins.frames.remove(0);
            }
            pins.frames.push(frame.clone());
        }
        Ok(frame)
    }

    /// The frame of a page of which no other page depends: fetched outside of the operation's pins.
    pub(crate) async fn load_alone(&self, id: PageId) -> Result<Arc<Frame>> {
        if let Some(frame) = self.cache.pin_cold(id) {
            return Ok(frame);
        }
        self.counters.misses.fetch_add(1, Ordering::Relaxed);
        self.cache.load(id, || self.volume(), Load::Once).await
    }

    /// Runs synchronous tree code until it does not miss, awaiting the pages it misses. Other stops are handed on by
    /// [`Engine::run`].
    pub(crate) async fn retry<T>(
        &self,
        pins: &mut Pins,
        cancel: &CancelToken,
        mut attempt: impl FnMut() -> Result<T, Stop>,
    ) -> Result<T> {
        match self.run(pins, cancel, &mut attempt).await? {
            Ok(value) => Ok(value),
            Err(_) => Err(Error::Corrupt { page: PageId::NONE, why: "a read asked for a lock or for room".into() }),
        }
    }

    /// Runs synchronous tree code until it succeeds, fails, or stops for something else than a page.
    pub(crate) async fn run<T>(
        &self,
        pins: &mut Pins,
        cancel: &CancelToken,
        attempt: &mut (impl FnMut() -> Result<T, Stop> + ?Sized),
    ) -> Result<Result<T, Stop>> {
        loop {
            let result = {
                let _gate = (!self.is_writer()).then(|| self.gate.read());
                attempt()
            };
            match result {
                Ok(value) => return Ok(Ok(value)),
                Err(Stop::Miss(id)) => {
                    self.counters.misses.fetch_add(1, Ordering::Relaxed);
                    cancel.check()?;
                    self.load(pins, id, false).await?;
                }
                Err(Stop::Again) => {
                    cancel.check()?;
                    tokio::task::yield_now().await;
                }
                Err(Stop::Error(error)) => return Err(error),
                Err(stop) => return Ok(Err(stop)),
            }
        }
    }

    /// Waits until a mini-transaction may be appended: for redo quota, and for frames that may be ahead of what is flushed.
    /// Before any latch; pins are let go first, for readers need them while storage stalls.
    pub(crate) async fn admit(&self, log: &Arc<dyn RedoLog>, pins: &mut Pins) -> Result<()> {
        // Nothing of this is in the log yet: its fate is known.
        let known = |error| match error {
            VolumeError::Fenced => Error::Unavailable(VolumeError::Fenced.to_string()),
            error => error.into(),
        };
        if !log.has_room(MTR_BYTES_MAX) {
            pins.clear();
            log.reserve(MTR_BYTES_MAX).await.map_err(known)?;
        }
        while self.dirty.is_full() {
            let Some(lsn) = self.dirty.settle(log.flushed_vdl()) else { break };
            pins.clear();
            self.counters.eviction_waits.fetch_add(1, Ordering::Relaxed);
            log.wait(lsn, Durability::Flushed).await.map_err(known)?;
        }
        Ok(())
    }

    /// The same for a statement, which may be cancelled while it waits: nothing of it is in the log yet.
    pub(crate) async fn admit_statement(
        &self,
        log: &Arc<dyn RedoLog>,
        pins: &mut Pins,
        cancel: &CancelToken,
    ) -> Result<()> {
        if log.has_room(MTR_BYTES_MAX) && !self.dirty.is_full() {
            return Ok(());
        }
        let _waiting = cancel.waiting(Wait::RedoRoom);
        tokio::select! {
            biased;
            admitted = self.admit(log, pins) => admitted,
            () = cancel.cancelled() => Err(Error::Cancelled),
        }
    }

    /// Excludes other structure changes of the tree.
    pub(crate) async fn structure(&self, tree: TreeId) -> tokio::sync::MutexGuard<'_, ()> {
        self.structure[(tree.0 % STRUCTURE_STRIPES as u64) as usize].lock().await
    }

    // ---- transaction ids and the commit map ----

    /// What became of `txid`. On a replica in flight and aborted are not told apart: both are [`Fate::Aborted`].
    pub(crate) fn fate(&self, txid: TxnId) -> Result<Fate, Stop> {
        let mut id = txid;
        // A subtransaction names its top transaction, which is no subtransaction.
        for _ in 0..2 {
            if let Some(lsn) = self.commits.recent(id) {
                return Ok(Fate::Committed(lsn));
            }
            if let Some(txn) = self.commits.active(id) {
                return Ok(match txn.ownership(id) {
                    crate::txn::Ownership::OwnAborted => Fate::Aborted,
                    _ => Fate::InFlight(txn),
                });
            }
            // Not active any more: if it committed, its entry is there by now.
            match self.map_entry(id)? {
                commits::MapEntry::None => return Ok(Fate::Aborted),
                commits::MapEntry::Committed(lsn) => {
                    self.commits.remember(id, lsn);
                    return Ok(Fate::Committed(lsn));
                }
                commits::MapEntry::ChildOf(top) => id = top,
            }
        }
        Err(Stop::Error(Error::Corrupt { page: self.map_root, why: format!("subtransaction {txid} has no top") }))
    }

    /// The lowest id whose entry it takes to know what became of `txid`: that of its top transaction, if it has one.
    pub(crate) fn lowest_needed(&self, txid: TxnId) -> Result<TxnId, Stop> {
        Ok(match self.map_entry(txid)? {
            commits::MapEntry::ChildOf(top) => top.min(txid),
            _ => txid,
        })
    }

    fn map_entry(&self, txid: TxnId) -> Result<commits::MapEntry, Stop> {
        let (index, offset) = commits::locate(txid);
        let Some(page) = self.map_leaf(index)? else { return Ok(commits::MapEntry::None) };
        let frame = self.page(page)?;
        let value = crate::control::raw_u64(&frame.latch.read(), offset);
        Ok(commits::MapEntry::decode(value))
    }

    /// The page of a leaf of the commit map; `None` when it does not exist.
    fn map_leaf(&self, index: u64) -> Result<Option<PageId>, Stop> {
        if let Some(page) = self.commits.leaf_page(index) {
            return Ok(Some(page));
        }
        let found = self.map_page(0, index)?;
        if let Some(page) = found {
            self.commits.set_leaf(index, page);
        }
        Ok(found)
    }

    /// The map page at `level` with `index`, found from the root.
    fn map_page(&self, level: u32, index: u64) -> Result<Option<PageId>, Stop> {
        if level == commits::LEVELS {
            return Ok(Some(self.map_root));
        }
        let Some(parent) = self.map_page(level + 1, index / commits::ENTRIES)? else { return Ok(None) };
        let frame = self.page(parent)?;
        let page = frame.latch.read();
        if page.owner() != commits::owner(level + 1, index / commits::ENTRIES) {
            let why = "it is no directory of the commit map".to_string();
            return Err(Stop::Error(Error::Corrupt { page: parent, why }));
        }
        let child = crate::control::raw_u64(&page, commits::slot_offset(index % commits::ENTRIES));
        Ok((child != 0).then_some(PageId(child)))
    }

    /// Gives the transaction, and its innermost savepoint level, an id if they have none.
    ///
    /// # Errors
    /// What the log returns.
    pub async fn assign(&self, txn: &mut Txn) -> Result<TxnId> {
        loop {
            if let Some(txid) = txn.writer() {
                return Ok(txid);
            }
            let txid = self.next_txid().await?;
            // Active before anything bears it: a reader that finds it must not take it for aborted.
            self.commits.activate(txid, txn.shared.clone());
            txn.assign(txid);
        }
    }

    async fn next_txid(&self) -> Result<TxnId> {
        loop {
            let limit = self.txid_limit.load(Ordering::Acquire);
            let taken = self
                .next_txid
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |next| (next < limit).then_some(next + 1));
            if let Ok(txid) = taken {
                return Ok(TxnId(txid));
            }
            self.raise_txid_limit(limit).await?;
        }
    }

    /// Makes the next ids usable: their map pages first, then the logged limit, so that a commit never allocates.
    async fn raise_txid_limit(&self, seen: u64) -> Result<()> {
        let _raising = self.raising.lock().await;
        if self.txid_limit.load(Ordering::Acquire) != seen {
            return Ok(());
        }
        let limit = seen + TXIDS_PER_LIMIT;
        if limit > commits::TXID_MAX {
            return Err(Error::OutOfMemory { what: "transaction ids", limit: commits::TXID_MAX as usize });
        }
        for index in commits::locate(TxnId(seen)).0..=commits::locate(TxnId(limit)).0 {
            for level in (0..commits::LEVELS).rev() {
                self.ensure_map_page(level, index / commits::ENTRIES.pow(level)).await?;
            }
        }
        let log = self.log()?.clone();
        self.admit(&log, &mut Pins::default()).await?;
        let cancel = CancelToken::new();
        self.retry(&mut Pins::default(), &cancel, || {
            let control = self.page(CONTROL_PAGE)?;
            let mut mtr = Mtr::new(&self.dirty);
            let at = mtr.latch(&control);
            mtr.change(at, Change::PatchRaw { patches: vec![u64_patch(OFFSET_TXID_LIMIT, limit)] });
            Ok(mtr.commit(&log, |_| {}))
        })
        .await?;
        self.txid_limit.store(limit, Ordering::Release);
        Ok(())
    }

    async fn ensure_map_page(&self, level: u32, index: u64) -> Result<()> {
        let cancel = CancelToken::new();
        let mut pins = Pins::default();
        if self.retry(&mut pins, &cancel, || self.map_page(level, index)).await?.is_some() {
            return Ok(());
        }
        let log = self.log()?.clone();
        let picked = self.allocate(&mut pins).await?;
        self.admit(&log, &mut pins).await?;
        self.retry(&mut pins, &cancel, || {
            let parent = self.map_page(level + 1, index / commits::ENTRIES)?.ok_or(Stop::Again)?;
            let parent = self.page(parent)?;
            let page = self.page(picked.page())?;
            let (span, bit) = space::locate(picked.page());
            let map = self.page(space::map_page(span))?;
            let mut mtr = Mtr::new(&self.dirty);
            let (new_at, map_at, parent_at) = (mtr.latch(&page), mtr.latch(&map), mtr.latch(&parent));
            mtr.change(new_at, map_init(level, index));
            let bits = space::set_bits(mtr.page(map_at), [bit], true);
            mtr.change(map_at, bits);
            let offset = commits::slot_offset(index % commits::ENTRIES);
            mtr.change(parent_at, Change::PatchRaw { patches: vec![u64_patch(offset, picked.page().0)] });
            Ok(mtr.commit(&log, |_| {}))
        })
        .await?;
        picked.used();
        Ok(())
    }

    /// The next id to be handed out, as far as this server knows: a replica is not told.
    pub fn next_txid_now(&self) -> u64 {
        self.next_txid.load(Ordering::Acquire)
    }

    /// Frees the leaves of the commit map whose ids are all below `below`. Returns how many.
    pub(crate) async fn free_map_leaves(&self, below: TxnId, at_most: u64) -> Result<u64> {
        let log = self.log()?.clone();
        let cancel = CancelToken::new();
        let end = commits::locate(below).0;
        // Those that are left stand together: the oldest goes first, whenever this ends.
        let mut first = end;
        while first > 0 {
            let there = || Ok(self.map_page(0, first - 1)?.is_some());
            if !self.retry(&mut Pins::default(), &cancel, there).await? {
                break;
            }
            first -= 1;
        }
        let mut count = 0;
        for index in first..end.min(first.saturating_add(at_most)) {
            self.admit(&log, &mut Pins::default()).await?;
            let freed = self
                .retry(&mut Pins::default(), &cancel, || {
                    let Some(page) = self.map_page(0, index)? else { return Ok(None) };
                    let Some(parent) = self.map_page(1, index / commits::ENTRIES)? else { return Ok(None) };
                    let (span, bit) = space::locate(page);
                    let (map, parent) = (self.page(space::map_page(span))?, self.page(parent)?);
                    let mut mtr = Mtr::new(&self.dirty);
                    let (map_at, parent_at) = (mtr.latch(&map), mtr.latch(&parent));
                    let bits = space::set_bits(mtr.page(map_at), [bit], false);
                    mtr.change(map_at, bits);
                    let offset = commits::slot_offset(index % commits::ENTRIES);
                    mtr.change(parent_at, Change::PatchRaw { patches: vec![u64_patch(offset, 0)] });
                    Ok(Some((page, mtr.commit(&log, |lsn| self.registry.publish(lsn)))))
                })
                .await?;
            let Some((page, lsn)) = freed else { break };
            self.commits.forget_leaf(index, page);
            self.space.freed(page, lsn);
            self.counters.pages_freed.fetch_add(1, Ordering::Relaxed);
            count += 1;
        }
        Ok(count)
    }

    /// Logs that subtransactions belong to `top`, before its commit record: a page of the map at a time.
    async fn log_subtransactions(&self, log: &Arc<dyn RedoLog>, top: TxnId, subs: &[TxnId]) -> Result<()> {
        let cancel = CancelToken::new();
        for chunk in subs.chunk_by(|a, b| commits::locate(*a).0 == commits::locate(*b).0) {
            self.admit(log, &mut Pins::default()).await?;
            self.retry(&mut Pins::default(), &cancel, || {
                let index = commits::locate(chunk[0]).0;
                let page = self.page(self.map_leaf(index)?.ok_or_else(|| Stop::Error(lost_map_page(index)))?)?;
                let mut mtr = Mtr::new(&self.dirty);
                let at = mtr.latch(&page);
                let patch = |sub: &TxnId| u64_patch(commits::locate(*sub).1, commits::MapEntry::child_of(top));
                mtr.change(at, Change::PatchRaw { patches: chunk.iter().map(patch).collect() });
                Ok(mtr.commit(log, |_| {}))
            })
            .await?;
        }
        Ok(())
    }

    // ---- the horizon ----

    /// Logs the newest safe horizon, if it moved. Returns whether it did.
    pub(crate) async fn advance_horizon(&self) -> Result<bool> {
        let log = self.log()?.clone();
        self.admit(&log, &mut Pins::default()).await?;
        let cancel = CancelToken::new();
        self.retry(&mut Pins::default(), &cancel, || {
            let control = self.page(CONTROL_PAGE)?;
            let mut mtr = Mtr::new(&self.dirty);
            let at = mtr.latch(&control);
            // Under the latch: horizons are logged in the order in which they are computed.
            let Some(mut horizon) = self.registry.candidate(log.flushed_vdl()) else { return Ok(false) };
            let current = self.registry.horizon();
            // What was expelled once is not served again.
            horizon.kept.retain(|&kept| current.serves(kept));
            // A report that arrives late must not revive what may be pruned already.
            if horizon.bound < current.bound || horizon == *current {
                return Ok(false);
            }
            mtr.change(at, Change::PatchRaw { patches: vec![horizon_patch(&horizon)] });
            mtr.commit(&log, |_| self.registry.set_horizon(horizon));
            self.counters.horizons_logged.fetch_add(1, Ordering::Relaxed);
            Ok(true)
        })
        .await
    }
}

fn lost_map_page(index: u64) -> Error {
    Error::Corrupt { page: PageId::NONE, why: format!("leaf {index} of the commit map is missing") }
}

/// The change that formats a page of the commit map.
fn map_init(level: u32, index: u64) -> Change {
    Change::Init {
        kind: PageKind::Raw,
        level: level as u8,
        flags: 0,
        owner: commits::owner(level, index),
        right: PageId::NONE,
        left: PageId::NONE,
    }
}
