//! A volume in memory, for tests: keeps every record, builds pages on demand, crashes when told to.
//!
//! Durability is automatic, or held back until the test lets it go on. A crash forgets what is above the flushed VDL and
//! gives a new volume to open, whose LSNs start beyond all that was ever allocated.

use futures::future::BoxFuture;
use parking_lot::Mutex;
use protocol::redo::{RECORD_NOMINAL_HEADER_BYTES, Record, RecordHeader, apply};
use protocol::volume::{Durability, Fetched, PageChange, PageSource, RedoLog, RedoSink, VolumeError};
use protocol::{Lsn, Page, PageId};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Notify;

#[derive(Default)]
struct Store {
    records: Vec<Record>,
    /// Per page, indexes into `records`.
    chains: HashMap<PageId, Vec<usize>>,
    /// Pages as of some flushed LSN.
    images: HashMap<PageId, Page>,
    end: Lsn,
    last: Lsn,
    last_page: HashMap<PageId, Lsn>,
    scratch: Vec<u8>,
}

/// See the module's head.
pub struct MemoryVolume {
    store: Mutex<Store>,
    end: AtomicU64,
    flushed: AtomicU64,
    received: AtomicU64,
    automatic: AtomicBool,
    fenced: AtomicBool,
    /// As for a writer that storage does not answer.
    unconfirmed: AtomicBool,
    /// Nothing is let in.
    closed: AtomicBool,
    moved: Notify,
    limit_bytes: u64,
    reads: Reads,
}

/// How pages are read: what a test slows down and counts.
#[derive(Default)]
struct Reads {
    /// Turns that a read leaves to others before it answers.
    turns: AtomicUsize,
    /// Reads that will find their read point gone.
    gone: AtomicUsize,
    running: AtomicUsize,
    running_max: AtomicUsize,
}

/// Counts a read while it runs, also when it is given up.
struct Reading<'a>(&'a Reads);

impl<'a> Reading<'a> {
    fn begin(reads: &'a Reads) -> Reading<'a> {
        let running = reads.running.fetch_add(1, Ordering::AcqRel) + 1;
        reads.running_max.fetch_max(running, Ordering::AcqRel);
        Reading(reads)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

impl MemoryVolume {
    fn over(store: Store) -> Arc<MemoryVolume> {
        let end = store.end.0;
        Arc::new(MemoryVolume {
            store: Mutex::new(store),
            end: AtomicU64::new(end),
            flushed: AtomicU64::new(end),
            received: AtomicU64::new(0),
            automatic: AtomicBool::new(true),
            fenced: AtomicBool::new(false),
            unconfirmed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            moved: Notify::new(),
            limit_bytes: 64 << 20,
            reads: Reads { turns: AtomicUsize::new(1), ..Reads::default() },
        })
    }

    /// An empty volume whose records are durable at once.
    #[must_use]
    pub fn new() -> Arc<MemoryVolume> {
        MemoryVolume::over(Store::default())
    }

    /// From now on records are durable only as [`MemoryVolume::flush_to`] says.
    pub fn hold(&self) {
        self.automatic.store(false, Ordering::Release);
    }

    /// Everything is durable, now and from now on.
    pub fn resume(&self) {
        self.automatic.store(true, Ordering::Release);
        self.flush_to(self.end());
    }

    /// Makes what is at or below `lsn` durable.
    pub fn flush_to(&self, lsn: Lsn) {
        self.flushed.fetch_max(lsn.0.min(self.end().0), Ordering::AcqRel);
        self.moved.notify_waiters();
    }

    /// From now on a read of a page leaves so many turns to other tasks before it answers.
    pub fn slow_reads(&self, turns: usize) {
        self.reads.turns.store(turns, Ordering::Release);
    }

    /// The most reads that ran at once since the last call.
    pub fn reads_at_once(&self) -> usize {
        self.reads.running_max.swap(0, Ordering::AcqRel)
    }

    /// The next reads, so many, find their read point no longer retained.
    pub fn lose_read_points(&self, count: usize) {
        self.reads.gone.store(count, Ordering::Release);
    }

    /// A quorum has received what is at or below `lsn`, and need not have flushed it.
    pub fn receive_to(&self, lsn: Lsn) {
        self.received.fetch_max(lsn.0.min(self.end().0), Ordering::AcqRel);
        self.moved.notify_waiters();
    }

    /// From now on waits fail as if another server had become the writer.
    pub fn fence(&self) {
        self.fenced.store(true, Ordering::Release);
        self.moved.notify_waiters();
    }

    /// Whether storage is known to have no other writer.
    pub fn set_confirmed(&self, confirmed: bool) {
        self.unconfirmed.store(!confirmed, Ordering::Release);
    }

    /// Whether mini-transactions are let in.
    pub fn set_open(&self, open: bool) {
        self.closed.store(!open, Ordering::Release);
        self.moved.notify_waiters();
    }

    /// The ends of mini-transactions, ascending: where a crash may cut.
    #[must_use]
    pub fn boundaries(&self) -> Vec<Lsn> {
        let store = self.store.lock();
        store.records.iter().filter(|record| record.header.end_of_mtr).map(|record| record.header.lsn).collect()
    }

    /// The volume as recovered after a crash at which everything up to the last boundary at or below `lsn` was durable.
    #[must_use]
    pub fn crash_at(&self, lsn: Lsn) -> Arc<MemoryVolume> {
        let store = self.store.lock();
        let cut = store
            .records
            .iter()
            .rposition(|record| record.header.end_of_mtr && record.header.lsn <= lsn)
            .map_or(0, |last| last + 1);
        let mut recovered = Store::default();
        for record in &store.records[..cut] {
            recovered.add(record.clone());
        }
        // Above everything allocated before, as recovery has it.
        recovered.end = store.end.advance(1 << 20);
        let volume = MemoryVolume::over(recovered);
        let last = volume.store.lock().last;
        // What is durable is the last record, though LSNs go on further up.
        volume.flushed.store(last.0.max(1), Ordering::Release);
        volume
    }

    /// A crash now: what is above the flushed VDL is gone.
    #[must_use]
    pub fn crash(&self) -> Arc<MemoryVolume> {
        self.crash_at(self.flushed_vdl())
    }

    /// The page as of `lsn`, from its records.
    ///
    /// # Panics
    /// When a record does not fit its page.
    #[must_use]
    pub fn page_at(&self, id: PageId, lsn: Lsn) -> Page {
        let store = self.store.lock();
        store.build(id, lsn, None)
    }

    /// The records in `(after, up_to]`.
    #[must_use]
    pub fn records(&self, after: Lsn, up_to: Lsn) -> Vec<Record> {
        let store = self.store.lock();
        let first = store.records.partition_point(|record| record.header.lsn <= after);
        store.records[first..].iter().take_while(|record| record.header.lsn <= up_to).cloned().collect()
    }

    /// The LSN of the last record, at or below [`RedoLog::end`].
    #[must_use]
    pub fn last(&self) -> Lsn {
        self.store.lock().last
    }
}

impl Store {
    fn add(&mut self, record: Record) {
        let (page, lsn) = (record.header.page, record.header.lsn);
        self.chains.entry(page).or_default().push(self.records.len());
        self.last_page.insert(page, lsn);
        self.last = lsn;
        self.end = lsn;
        self.records.push(record);
    }

    fn build(&self, id: PageId, lsn: Lsn, image: Option<Page>) -> Page {
        let mut page = image.unwrap_or_else(|| Page::empty(id));
        let Some(chain) = self.chains.get(&id) else { return page };
        let first = chain.partition_point(|&index| self.records[index].header.lsn <= page.lsn());
        for &index in &chain[first..] {
            let record = &self.records[index];
            if record.header.lsn > lsn {
                break;
            }
            apply(&mut page, &record.header, &record.change).expect("the engine appends what fits its pages");
        }
        page
    }
}

impl PageSource for MemoryVolume {
    fn fetch(&self, id: PageId) -> BoxFuture<'_, Result<Fetched, VolumeError>> {
        Box::pin(async move {
            let _reading = Reading::begin(&self.reads);
            // A real read takes time: let others run between the request and the reply.
            for _ in 0..self.reads.turns.load(Ordering::Acquire) {
                tokio::task::yield_now().await;
            }
            let one_less = |left: usize| left.checked_sub(1);
            if self.reads.gone.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less).is_ok() {
                return Err(VolumeError::ReadPointGone);
            }
            let read_point = self.flushed_vdl();
            let mut store = self.store.lock();
            let image = store.images.remove(&id);
            let page = store.build(id, read_point, image);
            store.images.insert(id, page.clone());
            Ok(Fetched { page, read_point })
        })
    }

    fn flushed_vdl(&self) -> Lsn {
        Lsn(self.flushed.load(Ordering::Acquire))
    }
}

impl RedoLog for MemoryVolume {
    fn reserve(&self, bytes: u64) -> BoxFuture<'_, Result<(), VolumeError>> {
        Box::pin(async move {
            loop {
                let moved = self.moved.notified();
                if self.fenced.load(Ordering::Acquire) {
                    return Err(VolumeError::Fenced);
                }
                if self.has_room(bytes) {
                    return Ok(());
                }
                moved.await;
            }
        })
    }

    fn has_room(&self, bytes: u64) -> bool {
        if self.closed.load(Ordering::Acquire) {
            return false;
        }
        self.automatic.load(Ordering::Acquire)
            || self.end.load(Ordering::Acquire) + bytes <= self.flushed.load(Ordering::Acquire) + self.limit_bytes
    }

    fn append(&self, changes: &[PageChange], publish: &mut dyn FnMut(&[Lsn])) {
        assert!(!changes.is_empty(), "a mini-transaction changes something");
        let mut store = self.store.lock();
        let mut lsns = Vec::with_capacity(changes.len());
        for (index, change) in changes.iter().enumerate() {
            let mut scratch = std::mem::take(&mut store.scratch);
            scratch.clear();
            change.change.encode(&mut scratch);
            let lsn = store.end.advance(RECORD_NOMINAL_HEADER_BYTES + scratch.len() as u64);
            store.scratch = scratch;
            let known = store.last_page.get(&change.page).copied().unwrap_or(Lsn::ZERO);
            let first = changes[..index].iter().all(|earlier| earlier.page != change.page);
            assert!(!first || known == change.prev_page, "{} is at {known}, not {}", change.page, change.prev_page);
            let header = RecordHeader {
                lsn,
                prev_volume: store.last,
                prev_group: store.last,
                prev_page: known,
                page: change.page,
                end_of_mtr: index + 1 == changes.len(),
            };
            store.add(Record { header, change: change.change.clone() });
            lsns.push(lsn);
        }
        publish(&lsns);
        let end = store.end;
        self.end.store(end.0, Ordering::Release);
        drop(store);
        if self.automatic.load(Ordering::Acquire) {
            self.flushed.fetch_max(end.0, Ordering::AcqRel);
            self.moved.notify_waiters();
        }
    }

    fn end(&self) -> Lsn {
        Lsn(self.end.load(Ordering::Acquire))
    }

    fn is_durable(&self, lsn: Lsn, durability: Durability) -> bool {
        match durability {
            Durability::None => true,
            Durability::Received => lsn <= self.flushed_vdl().max(Lsn(self.received.load(Ordering::Acquire))),
            Durability::Flushed => lsn <= self.flushed_vdl(),
        }
    }

    fn wait(&self, lsn: Lsn, durability: Durability) -> BoxFuture<'_, Result<(), VolumeError>> {
        Box::pin(async move {
            loop {
                let moved = self.moved.notified();
                if self.is_durable(lsn, durability) {
                    return Ok(());
                }
                if self.fenced.load(Ordering::Acquire) {
                    return Err(VolumeError::Fenced);
                }
                moved.await;
            }
        })
    }

    fn is_confirmed(&self) -> bool {
        !self.unconfirmed.load(Ordering::Acquire)
    }

    fn confirm(&self) -> BoxFuture<'_, Result<(), VolumeError>> {
        let confirmed = self.is_confirmed();
        let refused = || Err(VolumeError::Unavailable("no quorum of storage nodes was heard for 1 s".into()));
        Box::pin(std::future::ready(if confirmed { Ok(()) } else { refused() }))
    }

    fn set_gc_floor(&self, _floor: Lsn) {}
}

/// A replica's view of a [`MemoryVolume`]: reads as of the LSN it has fed to the sink.
///
/// A read point is taken under the lock under which redo is applied, as [`PageSource::fetch`] asks for.
pub struct MemoryReplica {
    volume: Arc<MemoryVolume>,
    applied: Mutex<Lsn>,
}

impl MemoryReplica {
    /// Reads as of `applied`, a mini-transaction's end.
    #[must_use]
    pub fn new(volume: Arc<MemoryVolume>, applied: Lsn) -> Arc<MemoryReplica> {
        Arc::new(MemoryReplica { volume, applied: Mutex::new(applied) })
    }

    /// Feeds the sink up to `lsn`, a mini-transaction's end at or below the flushed VDL.
    ///
    /// # Errors
    /// What the sink returns.
    pub fn feed(&self, sink: &dyn RedoSink, lsn: Lsn) -> Result<(), VolumeError> {
        let mut applied = self.applied.lock();
        if lsn <= *applied {
            return Ok(());
        }
        sink.apply(&self.volume.records(*applied, lsn), lsn)?;
        *applied = lsn;
        Ok(())
    }

    /// Jumps to `lsn` without feeding what lies between.
    pub fn skip(&self, sink: &dyn RedoSink, lsn: Lsn) {
        let mut applied = self.applied.lock();
        *applied = lsn;
        sink.invalidate(lsn);
    }
}

impl PageSource for MemoryReplica {
    fn fetch(&self, id: PageId) -> BoxFuture<'_, Result<Fetched, VolumeError>> {
        Box::pin(async move {
            let read_point = *self.applied.lock();
            // Between the read point and the reply redo may overtake the page.
            tokio::task::yield_now().await;
            Ok(Fetched { page: self.volume.page_at(id, read_point), read_point })
        })
    }

    fn flushed_vdl(&self) -> Lsn {
        self.volume.flushed_vdl()
    }
}
