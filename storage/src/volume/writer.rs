//! The writer's volume: the shell around [`log`](super::log), [`shipping`](super::shipping) and [`tracker`](super::tracker).
//! The thread that sends is in [`shipper`].
//!
//! ```text
//! sessions --append--> [log lock] LogBuffer --take--> shipper's thread --send--> six streams
//!     ^                                                    ^                        |
//!     |  wake, in one pass                                 | wake                   v
//! [waiters] <------- VDL ------- [acks lock] Tracker + Shipping <------ replies, on the connections' threads
//! ```
//!
//! The rules of this shell:
//! - `append` takes the log lock only, for a copy into a batch; it never waits for I/O. Whoever takes both locks takes
//!   `acks` first. Nothing is sent and nobody is woken under either.
//! - The shipper and the acks need no worker of the async runtime, so that sessions that block all workers cannot stop the
//!   log. Only opening streams, which nobody waits for with a latch, runs there.
//! - The first refusal in favour of a higher ballot fences the volume for ever: all that wait fail, later appends go
//!   nowhere. What they wrote has an unknown fate.
//! - A group leaves when those who will flush it are free *and* someone waits for a record in it, or [`GATHER_BYTES`] are
//!   there. What nobody waits for costs no flush of its own; it leaves with the next commit, or after [`GATHER_FOR_MAX`]. What
//!   somebody waits for is joined by who is about to commit ([`joining`](super::joining)).
//! - No record above the allocation limit leaves: a recovery relies on it when it chooses the next first LSN.
//! - Only the flushed VDL limits allocation, reaches nodes and replicas, and allows eviction. The received VDL wakes
//!   `remote_write` sessions and nothing else.

mod shipper;

use self::shipper::{Bell, Connected, Shipper};
use super::counters::Counters;
use super::floor::Floor;
use super::log::{LogBuffer, Mtr};
use super::members::{self, Members};
use super::notices;
use super::reader::{Failure, ReadPoint, Reader};
use super::shipping::{Census, Refusal, Shipping};
use super::takeover::{self, TakenOver, Takeover, Waiting};
use super::tracker::{Advance, Level, Mark, Outstanding, Tracker};
use super::waiters::Waiters;
use super::{AbortOnPanic, Clock, Nodes, VOLUME_CALL_TIMEOUT, WallClock};
use crate::history::TruncationTable;
use crate::node::gossip::Dial;
use crate::quorum::{COPIES, WRITE_QUORUM};
use futures::future::{BoxFuture, join_all};
use hashbrown::HashSet;
use parking_lot::Mutex;
use protocol::node::{NodeError, NodeResult, StorageNode};
use protocol::rpc::cluster::Notice;
use protocol::rpc::storage as rpc;
use protocol::task::{Runtime, sleep, timeout};
use protocol::volume::{Durability, Fetched, PageChange, PageSource, RedoLog, VolumeError};
use protocol::{Ballot, BootId, FORMAT_VERSION, GroupId, Lsn, PageId};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// A page that no node serves is asked for again during this time.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// A writer that has not heard a read quorum of its nodes for this long answers no statement: it may have a successor. By its
/// own monotonic clock: this bounds how old an answer from its cache may be, the safety of commits does not depend on it. Where
/// the acks of appends are late, for disks are, nodes are asked, and answer from memory.
pub const CONFIRMED_FOR: Duration = Duration::from_secs(1);
/// How long a statement waits for that before it is refused.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(1);
/// How long a node has to answer then, before all are asked again.
const ASK_TIMEOUT: Duration = Duration::from_millis(250);
/// The pause after a failed attempt to open a stream; doubled up to 32 times as much.
const RECONNECT_PAUSE: Duration = Duration::from_millis(25);
/// So many bytes leave though nobody waits for them...
pub const GATHER_BYTES: usize = 64 << 10;
/// ...and any after this time.
pub const GATHER_FOR_MAX: Duration = Duration::from_millis(5);
/// When nothing of what waits has become durable for this long, no more is let in.
pub const STALLED_AFTER: Duration = Duration::from_secs(1);
/// How long writes wait for a quorum before they are given up, unless [`WriterVolume::set_patience`] says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The part of the allocation limit that is kept for mini-transactions that were admitted together.
const LAL_SLACK_DIVISOR: u64 = 4;

/// How to open a volume for writing.
#[derive(Clone)]
pub struct OpenOptions {
    /// The server's instance, drawn at random at its start.
    pub instance: u32,
    /// Give up recovery after this time; `None`: never.
    pub give_up_after: Option<Duration>,
    /// Whom it tells what it waits for.
    pub waiting: Waiting,
    /// Where streams are opened. In a simulated world the shipper is a task there, too, and no thread.
    pub runtime: Runtime,
    /// Monotonic time.
    pub clock: Clock,
    /// Calendar time, for lag figures.
    pub wall: WallClock,
}

impl OpenOptions {
    /// Those of a server whose recovery goes on until storage lets it finish, and tells nobody.
    #[must_use]
    pub fn new(instance: u32, runtime: Runtime, clock: Clock, wall: WallClock) -> OpenOptions {
        OpenOptions { instance, give_up_after: None, waiting: Arc::new(|_| {}), runtime, clock, wall }
    }
}

/// What was found at opening.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Where the volume ended.
    pub vdl: Lsn,
    /// The ballot of this writer.
    pub ballot: Ballot,
    /// Its records lie at or above this.
    pub first_lsn: Lsn,
    /// The volume as created.
    pub config: rpc::VolumeConfig,
}

const OPEN: u8 = 0;
const FENCED: u8 = 1;
const CLOSED: u8 = 2;

/// The shipper looks at the log again without being woken.
const BUSY: u8 = 0;
/// It would send if there were something: an append wakes it.
const HUNGRY: u8 = 1;
/// It knows that there is something, for which nobody waits: whoever waits wakes it, and whoever appends much.
const GATHERING: u8 = 2;

/// Everything that replies change.
struct Acks {
    tracker: Tracker,
    shipping: Shipping,
    /// Memory exchanged with the log's list of records.
    emptied: Vec<Outstanding>,
    /// When the flushed VDL moved last, by the calendar.
    written_unix_micros: u64,
    /// Since when something waits to become durable and nothing has.
    waiting_since: Option<Duration>,
}

pub(super) struct Inner {
    /// The six seats, each with who sits there.
    nodes: Nodes,
    pub(super) members: Members,
    runtime: Runtime,
    clock: Clock,
    wall: WallClock,
    volume: u64,
    ballot: Ballot,
    first_lsn: Lsn,
    lal_bytes: u64,
    pages_per_group: u32,
    table: TruncationTable,
    reader: Reader,
    counters: Arc<Counters>,

    log: Mutex<LogBuffer>,
    acks: Mutex<Acks>,
    waiters: Waiters,
    /// Copies of what the locks guard, for those who only look.
    end: AtomicU64,
    next: AtomicU64,
    flushed: AtomicU64,
    received: AtomicU64,
    pub(super) floor: Floor,
    state: AtomicU8,
    /// Someone waited for *received* since the last group.
    received_wanted: AtomicBool,
    /// Of what is sealed, something may be held by those who flush at once: nobody waited for its flush.
    unhurried: AtomicBool,
    /// The highest LSN that someone waits for.
    awaited: AtomicU64,
    /// The last LSN that was sealed.
    sealed: AtomicU64,
    /// How many began to wait for what is not sealed.
    joined: AtomicUsize,
    /// What it takes to wake the shipper.
    appetite: AtomicU8,
    /// When a read quorum was last known to have no other writer.
    confirmed_nanos: AtomicU64,
    /// That moved after it had been too long ago.
    confirmations: Notify,
    /// Nodes are being asked whether there is another.
    asking: AtomicBool,
    /// Nothing has become durable for too long.
    stalled: AtomicBool,
    patience_nanos: AtomicU64,
    shipper: OnceLock<Bell>,
    connected: Mutex<mpsc::Sender<Connected>>,
    room: Notify,
    notices: notices::Board,
    vdl: watch::Sender<Lsn>,
    fenced: watch::Sender<bool>,
}

/// The only writer of a volume, until another takes over. See the module's essay.
pub struct WriterVolume {
    pub(super) inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Notices for one replica.
pub struct NoticeSubscription {
    inner: Arc<Inner>,
    vdl: watch::Receiver<Lsn>,
    told: Option<Lsn>,
}

impl WriterVolume {
    /// Takes over the volume on `nodes`, in the order of their numbers: a start, a start after a crash and a promotion are
    /// the same.
    ///
    /// # Errors
    /// [`VolumeError::Unavailable`], [`VolumeError::Corrupt`].
    pub async fn open(
        nodes: Vec<Arc<dyn StorageNode>>,
        options: OpenOptions,
    ) -> Result<(Arc<WriterVolume>, Opened), VolumeError> {
        WriterVolume::open_dialling(nodes, options, None).await
    }

    /// As [`WriterVolume::open`]; members that are not among `nodes` are dialled. A change of the members that is found under
    /// way goes on.
    ///
    /// # Errors
    /// As [`WriterVolume::open`].
    pub async fn open_dialling(
        nodes: Vec<Arc<dyn StorageNode>>,
        options: OpenOptions,
        dial: Option<Dial>,
    ) -> Result<(Arc<WriterVolume>, Opened), VolumeError> {
        Self::open_against(nodes, options, dial, None).await
    }

    /// Takes over the volume from the writer of ballot `over`, and from nobody else: gives way to a server that has taken
    /// a higher one meanwhile.
    ///
    /// # Errors
    /// As [`WriterVolume::open`], and [`VolumeError::Fenced`] when it gave way.
    pub async fn open_over(
        nodes: Vec<Arc<dyn StorageNode>>,
        options: OpenOptions,
        dial: Option<Dial>,
        over: Ballot,
    ) -> Result<(Arc<WriterVolume>, Opened), VolumeError> {
        Self::open_against(nodes, options, dial, Some(over)).await
    }

    async fn open_against(
        nodes: Vec<Arc<dyn StorageNode>>,
        options: OpenOptions,
        dial: Option<Dial>,
        over: Option<Ballot>,
    ) -> Result<(Arc<WriterVolume>, Opened), VolumeError> {
        let nodes: Nodes = nodes.into();
        let (instance, give_up_after, waiting) = (options.instance, options.give_up_after, options.waiting.clone());
        let takeover = Takeover { instance, give_up_after, waiting, dial, over };
        let TakenOver { found, config, membership, seats } = takeover::run(&nodes, &takeover).await?;
        let members = Members::new(&config, membership, &seats, takeover.dial);
        let nodes = members.seats();
        let opened = Opened { vdl: found.vdl, ballot: found.ballot, first_lsn: found.first_lsn, config };
        let config = &opened.config;
        let counters = Arc::new(Counters::default());
        Counters::add(&counters.quorum_reads_recovery, 1);
        let (connected, streams) = mpsc::channel();
        let log = LogBuffer::new(
            found.ballot,
            config.membership_epoch,
            config.pages_per_group,
            found.vdl,
            found.first_lsn,
            &found.tails,
        );
        let opened_at = (options.clock)();
        let zones = std::array::from_fn(|node| config.members.get(node).map_or("", |member| &*member.zone));
        let mut tracker = Tracker::new(found.vdl, &found.tails);
        for place in members.leaving() {
            tracker.set_leaving(place, true);
        }
        let mut shipping = Shipping::new(opened_at, zones);
        shipping.set_counting(tracker.counting());
        let acks =
            Acks { tracker, shipping, emptied: Vec::new(), written_unix_micros: (options.wall)(), waiting_since: None };
        let inner = Arc::new(Inner {
            reader: Reader::new(Arc::clone(&nodes), config.volume, Arc::clone(&counters)),
            nodes,
            members,
            runtime: options.runtime,
            clock: options.clock,
            wall: options.wall,
            volume: config.volume,
            ballot: found.ballot,
            first_lsn: found.first_lsn,
            lal_bytes: config.lal_bytes,
            pages_per_group: config.pages_per_group,
            table: found.table,
            counters,
            next: AtomicU64::new(log.next().0),
            log: Mutex::new(log),
            acks: Mutex::new(acks),
            waiters: Waiters::default(),
            end: AtomicU64::new(found.vdl.0),
            flushed: AtomicU64::new(found.vdl.0),
            received: AtomicU64::new(found.vdl.0),
            floor: Floor::new(config.archived),
            state: AtomicU8::new(OPEN),
            received_wanted: AtomicBool::new(false),
            unhurried: AtomicBool::new(false),
            awaited: AtomicU64::new(0),
            sealed: AtomicU64::new(0),
            joined: AtomicUsize::new(0),
            appetite: AtomicU8::new(BUSY),
            confirmed_nanos: AtomicU64::new(opened_at.as_nanos() as u64),
            confirmations: Notify::new(),
            asking: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            patience_nanos: AtomicU64::new(PATIENCE.as_nanos() as u64),
            shipper: OnceLock::new(),
            connected: Mutex::new(connected),
            room: Notify::new(),
            notices: notices::Board::default(),
            vdl: watch::Sender::new(found.vdl),
            fenced: watch::Sender::new(false),
        });
        let shipper = Shipper::new(Arc::clone(&inner), streams);
        let thread = match &inner.runtime {
            Runtime::Tokio(_) => {
                let thread = std::thread::Builder::new()
                    .name("redoubt-shipper".into())
                    .spawn(move || shipper.run())
                    .map_err(|error| VolumeError::Unavailable(format!("no thread for the shipper: {error}")))?;
                // The thread reads it only after it was woken for the first time, or not at all.
                inner.shipper.get_or_init(|| Bell::Thread(thread.thread().clone()));
                Some(thread)
            }
            Runtime::World(world) => {
                let bell = Arc::new(Notify::new());
                inner.shipper.get_or_init(|| Bell::Task(Arc::clone(&bell)));
                inner.runtime.spawn(shipper.run_as_task(bell, Arc::clone(world)));
                None
            }
        };
        for node in 0..COPIES {
            inner.connect(node);
        }
        members::go_on(&inner);
        Ok((Arc::new(WriterVolume { inner, thread: Mutex::new(thread) }), opened))
    }

    /// The ballot of this writer.
    #[must_use]
    pub fn ballot(&self) -> Ballot {
        self.inner.ballot
    }

    /// What it counts.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.inner.counters)
    }

    /// Completes when another server has become the writer; at once if that was so before.
    pub fn fenced(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut fenced = self.inner.fenced.subscribe();
        async move {
            // An error means the volume was closed: then it is never fenced.
            if fenced.wait_for(|&fenced| fenced).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether another server has become the writer.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.inner.state.load(Ordering::Acquire) == FENCED
    }

    /// The highest LSN received by a write quorum. For show.
    #[must_use]
    pub fn received_vdl(&self) -> Lsn {
        self.inner.acks.lock().tracker.vdl(Level::Received)
    }

    /// How long ago a read quorum of nodes is known to have had no other writer: beyond [`CONFIRMED_FOR`] this one answers
    /// nothing from its cache ([`RedoLog::confirm`]).
    #[must_use]
    pub fn unconfirmed_for(&self) -> Duration {
        let heard = Duration::from_nanos(self.inner.confirmed_nanos.load(Ordering::Acquire));
        (self.inner.clock)().saturating_sub(heard)
    }

    /// How the nodes are, and how long ago anything became durable if something waits for that. Writes are let in until
    /// [`STALLED_AFTER`] and given up after the patience; reads go on.
    #[must_use]
    pub fn write_state(&self) -> (Census, Option<Duration>) {
        let now = (self.inner.clock)();
        let acks = self.inner.acks.lock();
        (acks.shipping.census(now), acks.waiting_since.map(|since| now.saturating_sub(since)))
    }

    /// How long writes wait for a quorum before they are given up: refused when nothing of them is in the log yet, of
    /// unknown fate when something is.
    pub fn set_patience(&self, patience: Duration) {
        self.inner.patience_nanos.store(u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Bytes of redo kept for nodes that have not flushed them.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.inner.acks.lock().shipping.kept_bytes()
    }

    /// Bytes that may still be allocated before [`RedoLog::reserve`] waits.
    #[must_use]
    pub fn room_bytes(&self) -> u64 {
        self.inner.soft_limit().since(Lsn(self.inner.next.load(Ordering::Acquire)))
    }

    /// Tells how far the volume is durable, whenever that moves; the first notice comes at once and names every group.
    #[must_use]
    pub fn notices(&self) -> NoticeSubscription {
        NoticeSubscription { inner: Arc::clone(&self.inner), vdl: self.inner.vdl.subscribe(), told: None }
    }

    /// Stops shipping. What is not durable yet has an unknown fate.
    pub fn close(&self) {
        self.inner.end_with(CLOSED, &VolumeError::Closed);
        if let Some(thread) = self.thread.lock().take() {
            // It panics only when the process is about to end anyway.
            let _ = thread.join();
        }
    }
}

impl Drop for WriterVolume {
    fn drop(&mut self) {
        self.close();
    }
}

impl NoticeSubscription {
    /// The next notice, of everything since the last one. `None` when the volume was closed or fenced.
    pub async fn next(&mut self) -> Option<Notice> {
        if let Some(told) = self.told {
            self.vdl.wait_for(|&vdl| vdl > told || vdl == Lsn::MAX).await.ok()?;
        }
        if self.inner.state.load(Ordering::Acquire) != OPEN {
            return None;
        }
        let (told, vdl) = (self.told.unwrap_or(Lsn::ZERO), *self.vdl.borrow());
        let notice = self.inner.notices.notice(told, vdl, || {
            let acks = self.inner.acks.lock();
            notices::notice(self.inner.ballot, &acks.tracker, told, acks.written_unix_micros)
        });
        self.told = Some(Lsn(notice.flushed_vdl));
        Some(notice)
    }
}

thread_local! {
    static MTR: RefCell<Mtr> = RefCell::new(Mtr::default());
}

impl PageSource for WriterVolume {
    fn fetch(&self, page: PageId) -> BoxFuture<'_, Result<Fetched, VolumeError>> {
        Box::pin(self.inner.fetch(page))
    }

    fn flushed_vdl(&self) -> Lsn {
        Lsn(self.inner.flushed.load(Ordering::Acquire))
    }
}

impl RedoLog for WriterVolume {
    fn reserve(&self, bytes: u64) -> BoxFuture<'_, Result<(), VolumeError>> {
        Box::pin(async move {
            let inner = &*self.inner;
            let admitted = until(&inner.room, || match inner.check_open() {
                Ok(()) => self.has_room(bytes).then_some(Ok(())),
                Err(error) => Some(Err(error)),
            });
            timeout(inner.patience(), admitted).await.unwrap_or_else(|_| Err(inner.unwritable()))
        })
    }

    fn has_room(&self, bytes: u64) -> bool {
        let inner = &*self.inner;
        // A request larger than the whole limit is served when nothing else is under way.
        let bytes = bytes.min(inner.lal_bytes - inner.lal_bytes / LAL_SLACK_DIVISOR);
        Lsn(inner.next.load(Ordering::Acquire)).advance(bytes) <= inner.soft_limit()
            && inner.state.load(Ordering::Acquire) == OPEN
            && !inner.stalled.load(Ordering::Acquire)
    }

    fn append(&self, changes: &[PageChange], publish: &mut dyn FnMut(&[Lsn])) {
        let inner = &*self.inner;
        let gathered = MTR.with_borrow_mut(|mtr| {
            mtr.encode(changes);
            let mut log = inner.log.lock();
            // A panic between the allocation of an LSN and its publication would leave a page that differs from its redo,
            // and all that follow would build on it.
            let guard = AbortOnPanic("the redo log's critical section");
            let lsns = log.append(mtr);
            publish(&lsns);
            inner.end.store(log.end().0, Ordering::Release);
            inner.next.store(log.next().0, Ordering::Release);
            drop(guard);
            log.gathered_bytes()
        });
        Counters::add(&inner.counters.records_appended, changes.len());
        let appetite = inner.appetite.load(Ordering::SeqCst);
        if appetite == HUNGRY || appetite == GATHERING && gathered >= GATHER_BYTES {
            inner.feed_shipper();
        }
    }

    fn end(&self) -> Lsn {
        Lsn(self.inner.end.load(Ordering::Acquire))
    }

    fn is_durable(&self, lsn: Lsn, durability: Durability) -> bool {
        match durability {
            Durability::None => true,
            Durability::Received => self.inner.durable(Level::Received) >= lsn,
            Durability::Flushed => self.inner.durable(Level::Flushed) >= lsn,
        }
    }

    fn wait(&self, lsn: Lsn, durability: Durability) -> BoxFuture<'_, Result<(), VolumeError>> {
        let level = match durability {
            Durability::None => return Box::pin(std::future::ready(Ok(()))),
            Durability::Received => Level::Received,
            Durability::Flushed => Level::Flushed,
        };
        if level == Level::Received {
            self.inner.received_wanted.store(true, Ordering::Relaxed);
        }
        let woken = self.inner.waiters.register(lsn, level, (self.inner.clock)(), || self.inner.durable(level));
        if woken.is_some() && lsn.0 > self.inner.sealed.load(Ordering::Acquire) {
            self.inner.joined.fetch_add(1, Ordering::Relaxed);
            self.inner.awaited.fetch_max(lsn.0, Ordering::SeqCst);
            if self.inner.appetite.load(Ordering::SeqCst) != BUSY {
                self.inner.feed_shipper();
            }
        } else if woken.is_some() && level == Level::Flushed && self.inner.unhurried.load(Ordering::SeqCst) {
            // Those who waited for it so far did not wait for its flush.
            let hurries = self.inner.acks.lock().shipping.hurry();
            if hurries {
                self.inner.wake_shipper();
            }
        }
        Box::pin(async move {
            match woken {
                None => Ok(()),
                Some(woken) => woken.await.unwrap_or(Err(VolumeError::Closed)),
            }
        })
    }

    fn is_confirmed(&self) -> bool {
        self.inner.is_confirmed()
    }

    fn confirm(&self) -> BoxFuture<'_, Result<(), VolumeError>> {
        Box::pin(async move {
            let inner = &self.inner;
            let confirmed = until(&inner.confirmations, || match inner.check_open() {
                Ok(()) => inner.is_confirmed().then_some(Ok(())),
                Err(_) => Some(Err(VolumeError::Unavailable("another server became the writer".into()))),
            });
            // Whoever was only stopped is confirmed by the first replies.
            let asking = async {
                loop {
                    inner.ask_for_others();
                    sleep(ASK_TIMEOUT).await;
                }
            };
            let confirmed = async {
                tokio::select! {
                    confirmed = confirmed => confirmed,
                    () = asking => unreachable!("it asks on"),
                }
            };
            timeout(CONFIRM_WITHIN, confirmed).await.unwrap_or_else(|_| {
                let silent = self.unconfirmed_for().as_secs();
                Err(VolumeError::Unavailable(format!(
                    "no quorum of storage nodes was heard for {silent} s; another server may be the writer"
                )))
            })
        })
    }

    fn set_gc_floor(&self, floor: Lsn) {
        self.inner.floor.raise_read(floor);
    }
}

impl Inner {
    fn durable(&self, level: Level) -> Lsn {
        let flushed = self.flushed.load(Ordering::Acquire);
        match level {
            Level::Flushed => Lsn(flushed),
            Level::Received => Lsn(self.received.load(Ordering::Acquire).max(flushed)),
        }
    }

    /// The last LSN that may leave: R8 of the recovery protocol.
    fn limit(&self) -> Lsn {
        let vdl = Lsn(self.flushed.load(Ordering::Acquire));
        vdl.max(Lsn(self.first_lsn.0 - 1)).advance(self.lal_bytes)
    }

    /// Whether someone waits for what is not sealed.
    fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::SeqCst) > self.sealed.load(Ordering::Acquire)
    }

    fn soft_limit(&self) -> Lsn {
        Lsn(self.limit().0 - self.lal_bytes / LAL_SLACK_DIVISOR)
    }

    fn patience(&self) -> Duration {
        Duration::from_nanos(self.patience_nanos.load(Ordering::Relaxed))
    }

    /// Why writes wait.
    fn unwritable(&self) -> VolumeError {
        let census = self.acks.lock().shipping.census((self.clock)());
        let full = !census.is_quorum() && census.taking + census.full >= WRITE_QUORUM;
        if full { VolumeError::Full(census.to_string()) } else { VolumeError::Unavailable(census.to_string()) }
    }

    fn check_open(&self) -> Result<(), VolumeError> {
        match self.state.load(Ordering::Acquire) {
            OPEN => Ok(()),
            FENCED => Err(VolumeError::Fenced),
            _ => Err(VolumeError::Closed),
        }
    }

    fn wake_shipper(&self) {
        match self.shipper.get() {
            Some(Bell::Thread(thread)) => thread.unpark(),
            Some(Bell::Task(bell)) => bell.notify_one(),
            None => {}
        }
    }

    /// Wakes the shipper once for whatever is new: from then on it looks by itself.
    fn feed_shipper(&self) {
        if self.appetite.swap(BUSY, Ordering::SeqCst) != BUSY {
            self.wake_shipper();
        }
    }

    /// Fenced or closed, whichever comes first.
    fn end_with(&self, state: u8, error: &VolumeError) {
        if self.state.compare_exchange(OPEN, state, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return;
        }
        self.log.lock().discard();
        self.waiters.fail(error);
        self.room.notify_waiters();
        self.confirmations.notify_waiters();
        self.vdl.send_replace(Lsn::MAX);
        if state == FENCED {
            tracing::warn!(ballot = %self.ballot, "another server became the writer");
            self.fenced.send_replace(true);
        }
        self.wake_shipper();
    }

    /// The ballot's table, for whoever is told of other members.
    pub(super) fn table(&self) -> &TruncationTable {
        &self.table
    }

    /// Whether the volume is still this server's.
    pub(super) fn is_open(&self) -> bool {
        self.check_open().is_ok()
    }

    /// Starts a task that outlives whoever waits for it.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// Another server became the writer.
    pub(super) fn note_promise(&self, promised: Ballot) {
        if promised > self.ballot {
            self.fence();
        }
    }

    /// The last record of every group that is durable now.
    pub(super) fn durable_tails(&self) -> Vec<(GroupId, Lsn)> {
        self.acks.lock().tracker.durable_tails().collect()
    }

    /// For how long each seat is silent, and whether it takes redo.
    pub(super) fn heard(&self) -> [(Duration, bool); COPIES] {
        let (now, acks) = ((self.clock)(), self.acks.lock());
        std::array::from_fn(|node| (acks.shipping.silent_for(node, now), acks.shipping.takes(node, now)))
    }

    /// A member begins to be replaced, or stays after all.
    pub(super) fn set_leaving(&self, place: usize, leaving: bool) {
        self.moved(|acks| acks.tracker.set_leaving(place, leaving));
    }

    /// Another node sits on this seat now.
    pub(super) fn reseated(self: &Arc<Inner>, place: usize) {
        let mut generation = 0;
        // In one step: what the stream of the one that left still tells would count as its successor's.
        self.moved(|acks| {
            generation = acks.shipping.reseat(place, (self.clock)());
            acks.tracker.reseat(place)
        });
        self.dial(place, generation);
    }

    fn moved(&self, change: impl FnOnce(&mut Acks) -> Advance) {
        let mut acks = self.acks.lock();
        let advance = change(&mut acks);
        let moved = self.publish(&mut acks, advance);
        drop(acks);
        self.announce(moved);
    }

    fn fence(&self) {
        self.end_with(FENCED, &VolumeError::Fenced);
    }

    /// One reply of the stream `generation` to `node`; on a thread of the node or connection.
    fn on_reply(self: &Arc<Inner>, node: usize, generation: u64, reply: &rpc::AppendReply) {
        let _vital = AbortOnPanic::around("the taking of acknowledgements", &self.runtime);
        if reply.promised > self.ballot.0 || reply.outcome() == rpc::AppendOutcome::Fenced {
            // Marks that come with a higher promise may count what was filled in after it: not for us.
            return self.fence();
        }
        Counters::add(&self.counters.acks, 1);
        let now = (self.clock)();
        let mut acks = self.acks.lock();
        if self.state.load(Ordering::Acquire) != OPEN || !acks.shipping.is_current(node, generation) {
            return;
        }
        let advance = self.take_marks(&mut acks, node, reply.boot, &reply.marks);
        let Acks { tracker, shipping, .. } = &mut *acks;
        let mut reopen = false;
        let freed = match reply.outcome() {
            rpc::AppendOutcome::Flushed => shipping.on_flushed(node, reply.sequence, now, tracker),
            rpc::AppendOutcome::Received => shipping.on_received(node, reply.sequence, tracker),
            rpc::AppendOutcome::DiskFull => {
                shipping.on_refused(node, reply.sequence, Refusal::Full, now, tracker);
                true
            }
            rpc::AppendOutcome::Corrupt => {
                shipping.on_refused(node, reply.sequence, Refusal::Pause, now, tracker);
                true
            }
            rpc::AppendOutcome::NeedTable | rpc::AppendOutcome::Failed | rpc::AppendOutcome::StaleMembers => {
                reopen = shipping.on_refused(node, reply.sequence, Refusal::Reopen, now, tracker);
                true
            }
            _ => {
                shipping.on_heard(node, reply.sequence);
                false
            }
        };
        let ready = freed && shipping.is_ready(now);
        self.confirm(&acks, now);
        let shipping = &mut acks.shipping;
        if ready {
            // Set before the log is looked at: an append after that look sees it and wakes the shipper itself.
            self.appetite.store(HUNGRY, Ordering::SeqCst);
        }
        let wake = freed && shipping.is_behind(node) || ready && !self.log.lock().is_empty();
        drop(acks);
        self.announce(advance);
        if reopen {
            tracing::info!(node, outcome = ?reply.outcome(), "a storage node refuses appends");
            self.connect(node);
        }
        if wake {
            self.wake_shipper();
        }
    }

    /// Notes how lately a read quorum knew of no other writer, under the lock on `acks`.
    fn confirm(&self, acks: &Acks, now: Duration) {
        let heard = acks.shipping.heard_by_quorum_at().as_nanos() as u64;
        let before = self.confirmed_nanos.swap(heard, Ordering::AcqRel);
        if before != heard && now.saturating_sub(Duration::from_nanos(before)) > CONFIRMED_FOR {
            self.confirmations.notify_waiters();
        }
    }

    /// Asks all nodes whether they know of another writer, unless that is being done.
    fn ask_for_others(self: &Arc<Inner>) {
        if self.asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::clone(self);
        self.runtime.spawn(async move {
            join_all((0..COPIES).map(|node| inner.ask_for_another(node))).await;
            inner.asking.store(false, Ordering::Release);
        });
    }

    async fn ask_for_another(&self, node: usize) {
        let (asked_at, generation) = ((self.clock)(), self.acks.lock().shipping.generation(node));
        let request = rpc::StatusRequest { version: FORMAT_VERSION, volume: self.volume };
        let Ok(Ok(status)) = timeout(ASK_TIMEOUT, self.nodes[node].status(request)).await else { return };
        // Who has lost the volume, or sits there by mistake, knows of nobody.
        let is_member = self.members.check_seat(node, status.node, status.incarnation).is_ok();
        if status.config.is_none() || !is_member {
            return;
        }
        if status.promised > self.ballot.0 {
            return self.fence();
        }
        let mut acks = self.acks.lock();
        if acks.shipping.is_current(node, generation) {
            acks.shipping.on_answer(node, asked_at);
            self.confirm(&acks, (self.clock)());
        }
    }

    fn is_confirmed(&self) -> bool {
        let heard = Duration::from_nanos(self.confirmed_nanos.load(Ordering::Acquire));
        (self.clock)().saturating_sub(heard) <= CONFIRMED_FOR
    }

    /// Feeds marks to the tracker and publishes the durable points, under the lock on `acks`.
    fn take_marks(&self, acks: &mut Acks, node: usize, boot: u64, marks: &[rpc::SegmentMark]) -> [Option<Lsn>; 2] {
        self.log.lock().swap_outstanding(&mut acks.emptied);
        for record in acks.emptied.drain(..) {
            acks.tracker.append(record);
        }
        let marks = marks.iter().map(|mark| Mark {
            group: GroupId(mark.group),
            received: Lsn(mark.scl_received),
            flushed: Lsn(mark.scl_flushed),
        });
        let advance = acks.tracker.ack(node, BootId(boot), marks);
        if advance.lost {
            tracing::error!(node, "a storage node lost redo that it had flushed; it counts no more");
            Counters::add(&self.counters.nodes_excluded, 1);
        }
        self.publish(acks, advance)
    }

    /// Publishes the durable points that moved, and whose flushes count.
    fn publish(&self, acks: &mut Acks, advance: Advance) -> [Option<Lsn>; 2] {
        acks.shipping.set_counting(acks.tracker.counting());
        let mut moved = [None; 2];
        if advance.received {
            let received = acks.tracker.durable(Level::Received);
            self.received.store(received.0, Ordering::Release);
            moved[Level::Received as usize] = Some(received);
        }
        if advance.flushed {
            let flushed = acks.tracker.durable(Level::Flushed);
            self.flushed.store(flushed.0, Ordering::Release);
            acks.written_unix_micros = (self.wall)();
            acks.waiting_since = (flushed.0 < self.sealed.load(Ordering::Acquire)).then(|| (self.clock)());
            if self.stalled.swap(false, Ordering::AcqRel) {
                tracing::info!(%flushed, "commits become durable again");
            }
            acks.shipping.forget(&acks.tracker);
            moved[Level::Flushed as usize] = Some(flushed);
        }
        moved
    }

    /// Wakes whom an advance concerns: sessions first.
    fn announce(&self, [received, flushed]: [Option<Lsn>; 2]) {
        if let Some(flushed) = flushed {
            self.waiters.release(Level::Flushed, flushed);
        }
        if received.is_some() || flushed.is_some() {
            self.waiters.release(Level::Received, self.durable(Level::Received));
        }
        if let Some(flushed) = flushed {
            self.room.notify_waiters();
            self.vdl.send_if_modified(|vdl| {
                let higher = flushed > *vdl;
                *vdl = flushed.max(*vdl);
                higher
            });
        }
    }

    /// Opens a stream to `node`, as often as it takes, until a newer attempt replaces this one.
    fn connect(self: &Arc<Inner>, node: usize) {
        let generation = self.acks.lock().shipping.on_connecting(node);
        self.dial(node, generation);
    }

    fn dial(self: &Arc<Inner>, node: usize, generation: u64) {
        // Others may have to flush in its place.
        self.wake_shipper();
        let inner = Arc::downgrade(self);
        self.runtime.spawn(async move {
            let mut pause = RECONNECT_PAUSE;
            loop {
                let Some(inner) = inner.upgrade() else { return };
                let current = inner.acks.lock().shipping.is_current(node, generation);
                if inner.check_open().is_err() || !current {
                    return;
                }
                match inner.try_connect(node, generation).await {
                    Ok(()) => return,
                    Err(error) => tracing::debug!(node, %error, "no stream to a storage node"),
                }
                drop(inner);
                sleep(pause).await;
                pause = (pause * 2).min(RECONNECT_PAUSE * 32);
            }
        });
    }

    /// The table first, so that the node takes our records; then what it holds; then the stream.
    async fn try_connect(self: &Arc<Inner>, node: usize, generation: u64) -> NodeResult<()> {
        let target = &self.nodes[node];
        let request = rpc::InstallTableRequest {
            volume: self.volume,
            version: FORMAT_VERSION,
            ballot: self.ballot.0,
            table: Some(self.table.to_rpc()),
            config: Some(self.members.config()),
        };
        let reply = in_time(target.install_table(request)).await?;
        self.members.check_seat(node, reply.node, reply.incarnation)?;
        if !reply.adopted {
            if reply.promised > self.ballot.0 {
                self.fence();
            }
            return Err(NodeError::Refused("it does not adopt the truncation table".into()));
        }
        let asked_at = (self.clock)();
        let status =
            in_time(target.status(rpc::StatusRequest { version: FORMAT_VERSION, volume: self.volume })).await?;
        if status.promised > self.ballot.0 {
            self.fence();
            return Err(NodeError::Refused("it promised a higher ballot".into()));
        }
        let weak = Arc::downgrade(self);
        let stream = in_time(target.append(Arc::new(move |reply| {
            if let Some(inner) = weak.upgrade() {
                inner.on_reply(node, generation, &reply);
            }
        })))
        .await?;
        Counters::add(&self.counters.connects, 1);
        let mut acks = self.acks.lock();
        if !acks.shipping.is_current(node, generation) {
            return Ok(());
        }
        // A status names every segment: one that is absent has nothing, whatever it had before.
        let mut marks = status.marks;
        let named: HashSet<u32> = marks.iter().map(|mark| mark.group).collect();
        let absent = acks.tracker.tails().filter(|(group, _)| !named.contains(&group.0));
        marks.extend(absent.map(|(group, _)| rpc::SegmentMark { group: group.0, ..Default::default() }));
        let advance = self.take_marks(&mut acks, node, status.boot, &marks);
        let Acks { tracker, shipping, .. } = &mut *acks;
        // It must be there before the link is up, for the shipper looks then. Sending fails only when that has ended.
        let _ = self.connected.lock().send(Connected { node, generation, stream });
        shipping.on_up(node, generation, asked_at, (self.clock)(), tracker);
        self.confirm(&acks, (self.clock)());
        drop(acks);
        self.announce(advance);
        self.wake_shipper();
        Ok(())
    }

    async fn fetch(self: &Arc<Inner>, page: PageId) -> Result<Fetched, VolumeError> {
        let group = page.group(self.pages_per_group);
        let started = (self.clock)();
        let mut pause = Duration::from_millis(1);
        loop {
            self.check_open()?;
            let point = {
                let acks = self.acks.lock();
                let tail = acks.tracker.tail(group);
                let fresh = std::array::from_fn(|node| {
                    !acks.tracker.is_excluded(node) && acks.tracker.scl(group, node, Level::Received) >= tail
                });
                ReadPoint { ballot: self.ballot, lsn: acks.tracker.vdl(Level::Flushed), tail, fresh }
            };
            let why = match self.reader.read(page, point).await {
                Ok(fetched) => return Ok(fetched),
                Err(Failure::NotNow(why)) => why,
                Err(Failure::BelowFloor) => "the read point is below the floor".into(),
                Err(Failure::Corrupt) => return Err(super::corrupt(&format!("no node has a sound {page}"))),
                Err(Failure::NeedTable(nodes)) => {
                    for node in nodes {
                        // One that is not up is being connected, and gets the table that way.
                        let up = self.acks.lock().shipping.is_up(node);
                        if up {
                            self.connect(node);
                        }
                    }
                    "nodes lack the truncation table".into()
                }
            };
            if (self.clock)().saturating_sub(started) > FETCH_TIMEOUT {
                return Err(VolumeError::Unavailable(why));
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }
}

/// What `look` finds, which is called now and whenever `moved` rings.
async fn until<T>(moved: &Notify, look: impl Fn() -> Option<T>) -> T {
    loop {
        let rung = moved.notified();
        tokio::pin!(rung);
        // Registered before looking, so that no move between the two is missed.
        rung.as_mut().enable();
        if let Some(found) = look() {
            return found;
        }
        rung.await;
    }
}

async fn in_time<T>(call: BoxFuture<'_, NodeResult<T>>) -> NodeResult<T> {
    let late = || Err(NodeError::Unreachable("no answer in time".into()));
    timeout(VOLUME_CALL_TIMEOUT, call).await.unwrap_or_else(|_| late())
}
