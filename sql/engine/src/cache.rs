//! The buffer cache: a fixed number of frames, filled from storage, emptied by a scan-resistant queue.
//!
//! **Rule.** There is one placeholder or one frame per page, and the placeholder is registered before the read point is
//! taken ([`PageSource::fetch`] takes it after the call begins). So no change slips between "not cached" and "read": the
//! writer evicts only what is durable, a replica queues the redo of a page that is on its way and applies it on arrival.
//!
//! **Mechanism.** A sharded map from page number to frame; the frame's latch guards the page; an `Arc` of the frame is a
//! pin. A frame may be evicted when nobody pins it and its page's LSN is at or below the flushed VDL. Victims come from
//! S3-FIFO (Yang et al., SOSP 2023): newcomers pass a short queue from which only pages used again reach the long one;
//! a ghost list remembers who was sent away too early. The leaves of a scan pass by without counting as used, however
//! often it comes back to one: so a scan of everything costs the others the short queue, and no more.
//!
//! **Caveat.** A fetch runs inside the future that asked first. When that future is dropped its placeholder goes with it,
//! and those who waited ask again.

use crate::error::{Error, Result};
use crate::stats::Counters;
use hashbrown::{HashMap, HashSet};
use parking_lot::{Mutex, MutexGuard, RwLock};
use protocol::redo::{self, Record};
use protocol::volume::{Durability, PageSource, RedoLog, VolumeError};
use protocol::{Lsn, Page, PageId};
use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

const SHARDS: usize = 64;
const HEAT_MAX: u8 = 3;
/// Fetches that lost a race against an invalidation are repeated; more often than this something else is wrong.
const INSTALL_ATTEMPTS_MAX: usize = 1000;
/// Times that a page is asked for again when its read point is no longer retained.
const GONE_ATTEMPTS_MAX: u32 = 12;
/// The pause before the first of these; each is twice as long as the one before, up to [`GONE_PAUSE_MAX`].
const GONE_PAUSE: Duration = Duration::from_millis(1);
const GONE_PAUSE_MAX: Duration = Duration::from_millis(250);

/// One cached page.
#[derive(Debug)]
pub struct Frame {
    pub id: PageId,
    pub latch: RwLock<Page>,
    heat: AtomicU8,
    /// It is no longer in the map, or on its way out of it: queues drop it.
    gone: AtomicBool,
}

impl Frame {
    fn new(page: Page) -> Arc<Frame> {
        let id = page.id();
        Arc::new(Frame { id, latch: RwLock::new(page), heat: AtomicU8::new(0), gone: AtomicBool::new(false) })
    }
}

/// A page that is on its way: who waits for it, and the redo that overtook it.
#[derive(Debug)]
struct Loading {
    done: Arc<Notify>,
    queued: Mutex<Vec<Record>>,
}

#[derive(Debug)]
enum Slot {
    Resident(Arc<Frame>),
    Loading(Arc<Loading>),
}

/// Page numbers are dense: one multiplication spreads them.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageHasher(u64);

impl Hasher for PageHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
    }
}

type Map = HashMap<PageId, Slot, BuildHasherDefault<PageHasher>>;

#[derive(Debug, Default)]
struct Queues {
    small: VecDeque<Arc<Frame>>,
    main: VecDeque<Arc<Frame>>,
    ghosts: VecDeque<PageId>,
    ghost_set: HashSet<PageId>,
}

/// Where pages come from, and on the writer what makes them durable.
#[derive(Clone, Copy)]
pub enum Volume<'a> {
    Replica(&'a dyn PageSource),
    Writer(&'a dyn RedoLog),
}

impl<'a> Volume<'a> {
    fn source(self) -> &'a dyn PageSource {
        match self {
            Volume::Replica(source) => source,
            Volume::Writer(log) => log,
        }
    }
}

/// What an attempt to evict found.
enum Eviction {
    Done,
    /// Everything is pinned, or not durable: the lowest LSN to wait for, if any.
    Nothing(Option<Lsn>),
}

/// Why a page is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    Use,
    /// It was never written, so it need not be asked for.
    Fresh,
    /// A scan passes by: that it came before makes it none of those that stay.
    Once,
}

/// What becomes of a redo record for a page.
#[derive(Debug)]
pub enum Residence {
    Resident(Arc<Frame>),
    /// The record was queued for a page on its way.
    Queued,
    /// The page was made by the record, which is applied.
    Made,
    Absent,
}

/// See the module's head.
#[derive(Debug)]
pub struct Cache {
    shards: Box<[Mutex<Map>]>,
    queues: Mutex<Queues>,
    pages: AtomicUsize,
    pages_max: usize,
    counters: Arc<Counters>,
}

/// A frame's worth of capacity, taken before a page is fetched.
struct Room<'a>(&'a Cache);

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.0.pages.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Removes the placeholder of a fetch that ends early.
struct LoadingGuard<'a> {
    cache: &'a Cache,
    id: PageId,
    loading: Arc<Loading>,
}

impl Drop for LoadingGuard<'_> {
    fn drop(&mut self) {
        let mut shard = self.cache.shard(self.id);
        if matches!(shard.get(&self.id), Some(Slot::Loading(current)) if Arc::ptr_eq(current, &self.loading)) {
            shard.remove(&self.id);
        }
        drop(shard);
        self.loading.done.notify_waiters();
    }
}

impl Cache {
    pub fn new(pages_max: usize, counters: Arc<Counters>) -> Cache {
        Cache {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            queues: Mutex::default(),
            pages: AtomicUsize::new(0),
            pages_max,
            counters,
        }
    }

    fn shard(&self, id: PageId) -> MutexGuard<'_, Map> {
        let hash = id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.shards[(hash >> 58) as usize % SHARDS].lock()
    }

    /// The frame of a cached page, for who passes by once: it does not count as a use.
    pub fn pin_cold(&self, id: PageId) -> Option<Arc<Frame>> {
        match self.shard(id).get(&id) {
            Some(Slot::Resident(frame)) => Some(frame.clone()),
            _ => None,
        }
    }

    /// Whether a page is cached, or on its way.
    pub fn knows(&self, id: PageId) -> bool {
        self.shard(id).contains_key(&id)
    }

    /// The frame of a cached page.
    pub fn pin(&self, id: PageId) -> Option<Arc<Frame>> {
        let frame = self.pin_cold(id)?;
        let heat = frame.heat.load(Ordering::Relaxed);
        if heat < HEAT_MAX {
            frame.heat.store(heat + 1, Ordering::Relaxed);
        }
        Some(frame)
    }

    /// Number of cached pages.
    pub fn len(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    /// The frame of a page, fetched when it is not cached.
    pub async fn load<'v>(&self, id: PageId, volume: impl Fn() -> Volume<'v>, load: Load) -> Result<Arc<Frame>> {
        let mut gone_attempts = 0;
        for _ in 0..INSTALL_ATTEMPTS_MAX {
            let (guard, waiting) = {
                let mut shard = self.shard(id);
                match shard.get(&id) {
                    Some(Slot::Resident(frame)) => return Ok(frame.clone()),
                    // Created under the shard's lock, so that the wake-up cannot come before it.
                    Some(Slot::Loading(loading)) => (None, Some(loading.done.clone().notified_owned())),
                    None => {
                        let loading =
                            Arc::new(Loading { done: Arc::new(Notify::new()), queued: Mutex::new(Vec::new()) });
                        shard.insert(id, Slot::Loading(loading.clone()));
                        (Some(LoadingGuard { cache: self, id, loading }), None)
                    }
                }
            };
            if let Some(waiting) = waiting {
                waiting.await;
                continue;
            }
            let guard = guard.expect("either someone else loads the page or we do");
            pause_here();
            let room = self.room(&volume).await?;
            let page = if load == Load::Fresh {
                Page::empty(id)
            } else {
                self.counters.pages_fetched.fetch_add(1, Ordering::Relaxed);
                match volume().source().fetch(id).await {
                    Ok(fetched) => fetched.page,
                    // The floor moved past the read point while the request was under way: ask again at a newer one.
                    // The placeholder stays during the pause, so that one asks for all; the next attempt has its own.
                    Err(VolumeError::ReadPointGone) if gone_attempts < GONE_ATTEMPTS_MAX => {
                        drop(room);
                        let pause = GONE_PAUSE.saturating_mul(1 << gone_attempts).min(GONE_PAUSE_MAX);
                        gone_attempts += 1;
                        protocol::task::sleep(pause).await;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            };
            if let Some(frame) = self.install(&guard, page, load)? {
                std::mem::forget(room);
                return Ok(frame);
            }
        }
        Err(Error::Unavailable(format!("{id} kept being invalidated while it was read")))
    }

    /// Puts a fetched page in its place, unless the placeholder was invalidated meanwhile.
    fn install(&self, guard: &LoadingGuard<'_>, mut page: Page, load: Load) -> Result<Option<Arc<Frame>>> {
        let id = guard.id;
        let mut shard = self.shard(id);
        if !matches!(shard.get(&id), Some(Slot::Loading(current)) if Arc::ptr_eq(current, &guard.loading)) {
            return Ok(None);
        }
        for record in guard.loading.queued.lock().drain(..) {
            redo::apply(&mut page, &record.header, &record.change)
                .map_err(|error| Error::Corrupt { page: id, why: error.to_string() })?;
        }
        let frame = Frame::new(page);
        shard.insert(id, Slot::Resident(frame.clone()));
        drop(shard);
        pause_here();
        let mut queues = self.queues.lock();
        // Unless an invalidation has gone through the queues already.
        if !frame.gone.load(Ordering::Acquire) {
            let queues = &mut *queues;
            let returns = load != Load::Once && queues.ghost_set.remove(&id);
            let queue = if returns { &mut queues.main } else { &mut queues.small };
            queue.push_back(frame.clone());
        }
        Ok(Some(frame))
    }

    /// Takes a frame's worth of capacity, evicting and waiting for durability as needed.
    async fn room<'v>(&self, volume: &impl Fn() -> Volume<'v>) -> Result<Room<'_>> {
        loop {
            let took = self.pages.fetch_update(Ordering::AcqRel, Ordering::Acquire, |pages| {
                (pages < self.pages_max).then_some(pages + 1)
            });
            if took.is_ok() {
                return Ok(Room(self));
            }
            match self.evict(volume().source().flushed_vdl()) {
                Eviction::Done => {}
                Eviction::Nothing(lowest) => {
                    self.counters.eviction_waits.fetch_add(1, Ordering::Relaxed);
                    match (volume(), lowest) {
                        (Volume::Writer(log), Some(lsn)) => log.wait(lsn, Durability::Flushed).await?,
                        // Pins are short: let their holders run.
                        _ => tokio::task::yield_now().await,
                    }
                }
            }
        }
    }

    fn evict(&self, flushed: Lsn) -> Eviction {
        let mut queues = self.queues.lock();
        let attempts = (queues.small.len() + queues.main.len()) * (usize::from(HEAT_MAX) + 1) + 1;
        let mut lowest: Option<Lsn> = None;
        let mut small_left = queues.small.len();
        for _ in 0..attempts {
            let queues = &mut *queues;
            let small_is_long = queues.small.len() * 10 > self.pages_max && small_left > 0;
            let from_small = queues.main.is_empty() || small_is_long;
            let queue = if from_small { &mut queues.small } else { &mut queues.main };
            let Some(frame) = queue.pop_front() else { break };
            small_left = small_left.saturating_sub(usize::from(from_small));
            let heat = frame.heat.load(Ordering::Relaxed);
            // The use for which a newcomer was fetched is one; only another makes it one of those that stay.
            if heat > u8::from(from_small) {
                frame.heat.store(if from_small { 0 } else { heat - 1 }, Ordering::Relaxed);
                queues.main.push_back(frame);
                continue;
            }
            let mut shard = self.shard(frame.id);
            if !matches!(shard.get(&frame.id), Some(Slot::Resident(current)) if Arc::ptr_eq(current, &frame)) {
                continue; // An invalidation removed it.
            }
            // The map's and ours: with the shard locked nobody can take another.
            let lsn = match frame.latch.try_read() {
                Some(page) if Arc::strong_count(&frame) == 2 => page.lsn(),
                // It stays where it is: being pinned just now, or changed lately, is no reason to be kept for long.
                _ => {
                    queue.push_back(frame.clone());
                    continue;
                }
            };
            if lsn > flushed {
                lowest = Some(lowest.map_or(lsn, |lowest| lowest.min(lsn)));
                queue.push_back(frame.clone());
                continue;
            }
            shard.remove(&frame.id);
            drop(shard);
            if from_small {
                self.remember(queues, frame.id);
            }
            self.pages.fetch_sub(1, Ordering::AcqRel);
            self.counters.evictions.fetch_add(1, Ordering::Relaxed);
            return Eviction::Done;
        }
        Eviction::Nothing(lowest)
    }

    /// Evicts a page if one can go.
    #[cfg(test)]
    pub fn evict_one(&self, flushed: Lsn) -> bool {
        pause_here();
        matches!(self.evict(flushed), Eviction::Done)
    }

    fn remember(&self, queues: &mut Queues, id: PageId) {
        if queues.ghost_set.insert(id) {
            queues.ghosts.push_back(id);
        }
        while queues.ghosts.len() > self.pages_max {
            if let Some(oldest) = queues.ghosts.pop_front() {
                queues.ghost_set.remove(&oldest);
            }
        }
    }

    /// Where a redo record of a replica goes; queues it when the page is on its way.
    ///
    /// A record that formats a page that is not cached makes the page, while there is room: it needs no bytes from storage,
    /// and what grows is read soon. Nothing is evicted for it.
    pub fn route(&self, record: &Record) -> Residence {
        let mut shard = self.shard(record.header.page);
        match shard.get(&record.header.page) {
            Some(Slot::Resident(frame)) => Residence::Resident(frame.clone()),
            Some(Slot::Loading(loading)) => {
                loading.queued.lock().push(record.clone());
                Residence::Queued
            }
            None if record.change.is_init() => {
                let Some(frame) = self.make(record) else { return Residence::Absent };
                shard.insert(frame.id, Slot::Resident(frame.clone()));
                drop(shard);
                pause_here();
                self.queues.lock().small.push_back(frame);
                Residence::Made
            }
            None => Residence::Absent,
        }
    }

    /// The page that a formatting record makes, if there is a frame to spare.
    fn make(&self, record: &Record) -> Option<Arc<Frame>> {
        let id = record.header.page;
        let mut page = Page::empty(id);
        redo::apply(&mut page, &record.header, &record.change).ok()?;
        let more = |pages| (pages < self.pages_max).then_some(pages + 1);
        self.pages.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Frame::new(page))
    }

    /// Forgets every page for which `stale` holds, and every page on its way: its waiters fetch it again.
    ///
    /// Nothing may change pages meanwhile but who fetches them. No latch is awaited under a shard's lock.
    pub fn invalidate(&self, stale: impl Fn(&Page) -> bool) {
        for shard in &self.shards {
            let (mut loading, mut frames) = (Vec::new(), Vec::new());
            shard.lock().retain(|_, slot| match slot {
                Slot::Resident(frame) => {
                    frames.push(frame.clone());
                    true
                }
                Slot::Loading(current) => {
                    loading.push(current.clone());
                    false
                }
            });
            loading.iter().for_each(|loading| loading.done.notify_waiters());
            if frames.is_empty() {
                continue;
            }
            pause_here();
            frames.retain(|frame| stale(&frame.latch.read()));
            let mut shard = shard.lock();
            for frame in frames {
                // It may have been evicted meanwhile.
                if matches!(shard.get(&frame.id), Some(Slot::Resident(current)) if Arc::ptr_eq(current, &frame)) {
                    shard.remove(&frame.id);
                    frame.gone.store(true, Ordering::Release);
                    self.pages.fetch_sub(1, Ordering::AcqRel);
                }
            }
        }
        pause_here();
        // What was removed, and only that: a page that was fetched since is in the map and must stay in its queue.
        let mut queues = self.queues.lock();
        let Queues { small, main, .. } = &mut *queues;
        for queue in [small, main] {
            queue.retain(|frame| !frame.gone.load(Ordering::Acquire));
        }
    }
}

/// Where threads may be interleaved by tests: between two critical sections.
#[cfg(not(test))]
fn pause_here() {}
#[cfg(test)]
use crate::schedules::pause_here;
