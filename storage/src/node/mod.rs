//! The storage node: one copy of every group of a volume, one log for all of them. A process keeps one of these for each
//! of its volumes ([`host`]).
//!
//! **Rule.** A node acknowledges as *flushed* what its log has fsynced, and as *received* what it has written. It serves a
//! page only under a ballot whose truncation table it holds, and only when no record of the page's group is missing up to
//! the tail that the reader names. It destroys nothing above the durable point and the GC floor that it has heard.
//!
//! ```text
//!   Append, Fill, Prepare, InstallTable          ReadPage, Pull, Hold
//!              |  bounded queue                         |
//!       [writer] in order, see [desk]            [pages] any thread, see [reads]
//!              |  check ballots, find what is new       |  chain of the page by its back-links
//!              |  one write, one fsync a round,         |  over a cached page or an image
//!              |  in flight while nobody waits
//!              v                                        v
//!           [log] files of 16 MiB -------------> [state] segments, page heads, recent batches
//!              ^                                        |
//!              |  oldest file is recycled               v
//!       [background], [sweep] ---------------------> [images] newest image of each page
//! ```
//!
//! # Ballots
//!
//! `promised` is the highest ballot a recovery has prepared or installed here; the table's highest ballot is never above it.
//! An append is taken only when its ballot *is* the promise and the table has it. A reply to a stream of a lower ballot
//! carries no marks: what gossip filled in after the promise must not count as an acknowledgement to the old writer. A
//! stream that has not sent a batch yet has no ballot; its replies carry marks *and* `promised`, and its writer must not
//! count marks when `promised` is above its own ballot.
//!
//! # What a start reads
//!
//! The two superblocks, the index of every sealed log file and of every closed image file, the last image file, and the
//! frames of the last log file, which are copied into a new one and fsynced before any watermark is told. Never the log.
//!
//! # When something fails
//!
//! A failed fsync, a failed write and a panic of a thread are final: the node says `failed`, acknowledges and serves nothing
//! more; its process ends when none of its volumes is left, and starts them all again. Want of room or of file handles
//! passes: what needs them is refused or waits. What is damaged is found when it is read, by whoever reads it or by
//! scrubbing, costs no more than itself, and is replaced from what is left here or from peers.

mod aio;
mod arena;
mod arrivals;
mod background;
pub mod clock;
mod copies;
mod desk;
pub mod disk;
mod frame;
pub mod gossip;
mod hearing;
pub mod host;
mod hydrate;
mod images;
mod index;
mod layout;
mod lease;
mod log;
mod open;
mod pages;
mod queue;
mod reads;
mod repair;
pub mod segment;
mod service;
mod state;
mod stored;
mod superblock;
mod sweep;
mod tail;
mod writer;

pub use arena::SweepMemory;
pub use background::TendError;
pub use log::LOG_FILE_BYTES_MIN;
pub use open::OpenError;

use arrivals::Arrivals;
use background::{Tender, Wake};
use desk::Desk;
use disk::Disk;
use hearing::Hearing;
use images::Images;
use lease::Leases;
use log::Files;
use pages::PageCache;
use parking_lot::Mutex;
use protocol::NodeId;
use protocol::node::NodeError;
use queue::{Job, Queue};
use reads::Turns;
use state::{Heard, State};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use tokio::sync::{Notify, oneshot};
use writer::Writer;

/// What a node is told at its start.
#[derive(Clone)]
pub struct NodeOptions {
    /// Its number in the volume.
    pub id: NodeId,
    /// Its zone: two of the six are in each.
    pub zone: String,
    /// What others dial; shown by `status`.
    pub address: String,
    /// Memory for built pages, in bytes.
    pub page_cache_bytes: usize,
    /// Memory for the newest batches as they came, in bytes. With less than a log file, some are read from the medium.
    pub recent_bytes: usize,
    /// Size of a log file, at least [`LOG_FILE_BYTES_MIN`]; what it has beyond whole blocks of 4096 bytes is not used.
    pub log_file_bytes: u64,
    /// Log beyond this is retired, oldest file first, once its pages have images. Below a quota it may be less.
    pub log_retention_bytes: u64,
    /// Size beyond which a file of page images is closed.
    pub image_file_bytes: u64,
    /// Share of the disk, in percent, that must stay free for a log file to be added.
    pub headroom_percent: u64,
    /// Memory for sweeps of the log, of this node or of several with the same clock.
    pub sweep_memory: Arc<SweepMemory>,
    /// Who runs the node's work.
    pub mode: Mode,
    /// Time.
    pub clock: Arc<dyn clock::Clock>,
}

impl NodeOptions {
    /// The usual sizes, threads, the real clock, and memory for sweeps that is shared only by who gets a copy of these.
    #[must_use]
    pub fn new(id: NodeId, zone: &str, address: &str) -> NodeOptions {
        NodeOptions {
            id,
            zone: zone.to_owned(),
            address: address.to_owned(),
            page_cache_bytes: 16 << 20,
            recent_bytes: 16 << 20,
            log_file_bytes: 16 << 20,
            log_retention_bytes: 256 << 20,
            image_file_bytes: images::IMAGE_FILE_BYTES,
            headroom_percent: 5,
            sweep_memory: SweepMemory::new(32 << 20),
            mode: Mode::Threads,
            clock: Arc::new(clock::RealClock::start()),
        }
    }
}

/// How often [`Node::beat`] is to be called.
pub const BEAT_INTERVAL: std::time::Duration = std::time::Duration::from_millis(25);

/// Who runs a node's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A thread for what of the log's work waits for the disk, and one for the background.
    Threads,
    /// Each request is worked off by the thread that brings it; the background runs only in [`Node::tend`]. For tests and
    /// simulation, where the order of disk operations must be the same every time.
    Inline,
    /// The same, but rounds are in flight as they are with threads: for tests that say when what the disk does ends. Everything
    /// must have ended before such a node does.
    Driven,
}

/// Why a request is refused as such, whatever its content would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The node keeps another volume.
    #[error("this node keeps another volume")]
    OtherVolume,
    /// Nothing was created here, or the disk was replaced.
    #[error("this node has no volume")]
    NoVolume,
    /// The request is of a newer format.
    #[error("format version {0} is newer than this node's")]
    NewerFormat(u32),
    /// The request makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// The node failed: its disk, or one of its threads.
    #[error("this node failed: {0}")]
    Failed(String),
    /// The node is stopping or has too much to do.
    #[error("{0}")]
    Busy(&'static str),
}

impl From<Refusal> for NodeError {
    fn from(refusal: Refusal) -> NodeError {
        match refusal {
            Refusal::Failed(_) | Refusal::Busy(_) => NodeError::Unreachable(refusal.to_string()),
            _ => NodeError::Refused(refusal.to_string()),
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    fsyncs: AtomicU64,
    pages_served: AtomicU64,
    images: AtomicU64,
    scrubbed_log_bytes: AtomicU64,
    scrubbed_images: AtomicU64,
    damage_found: AtomicU64,
    damage_repaired: AtomicU64,
}

/// What the threads of a node share.
struct Shared {
    options: NodeOptions,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    state: Mutex<State>,
    /// The volume's number, 0 before there is one: checked without the lock.
    volume_id: AtomicU64,
    /// Disk for the volume here, in bytes, as its configuration says; 0: what there is.
    quota_bytes: AtomicU64,
    queue: Queue,
    files: Arc<Files>,
    images: Images,
    /// Turns for requests that wait for the disk.
    turns: Turns,
    /// Held by whoever reads the superblock's copies to compare them, or writes them.
    superblock: Mutex<()>,
    /// Held by whoever reads an image to write a newer one, or moves a base: two at once would put an older one back.
    imaging: Mutex<()>,
    /// Taken after `state` where both are.
    cache: Mutex<PageCache>,
    leases: Mutex<Leases>,
    hearing: Hearing,
    background: Wake,
    /// Records count now that did not before.
    arrivals: Arrivals,
    /// The flushed VDL that was heard of has moved.
    vdl_news: Notify,
    /// A gap is known, or a peer is ahead.
    gossip: Notify,
    stopped: AtomicBool,
    counters: Counters,
    /// Ends with the node.
    _lock: Box<dyn Send + Sync>,
}

impl Shared {
    /// Bytes that the log may have by the volume's quota: what images leave of it. Images are made whatever the quota says,
    /// for they are what lets the log become shorter.
    fn log_allowance(&self) -> u64 {
        match self.quota_bytes.load(Ordering::Relaxed) {
            0 => u64::MAX,
            quota => quota.saturating_sub(self.images.stored_bytes().0),
        }
    }

    /// Whether the quota leaves no room for another log file.
    fn is_pressed(&self) -> bool {
        self.files.log_bytes() + self.files.file_bytes() > self.log_allowance()
    }

    /// Log beyond this is retired: a quarter of what it may have, so that a sweep is done long before a quota is used up.
    fn retention_bytes(&self) -> u64 {
        self.options.log_retention_bytes.min(self.log_allowance() / 4)
    }

    /// Passes on what was heard: to the background, and to those who wait for word of the durable point.
    fn heard(&self, heard: Heard) {
        if heard.is_work {
            self.background.wake();
        }
        if heard.is_news {
            self.vdl_news.notify_waiters();
        }
    }

    /// Runs a thread of the node. A panic in it fails the node: half of it would hang whoever relies on the other half.
    fn run_or_fail(&self, what: &str, work: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            self.fail(&format!("the {what} thread panicked: {text}"));
        }
    }

    /// The node failed: nothing is acknowledged any more.
    fn fail(&self, why: &str) {
        let volume = format!("{:016x}", self.volume_id.load(Ordering::Relaxed));
        tracing::error!(node = self.options.id.0, volume, why, "the node failed; it acknowledges nothing any more");
        self.state.lock().failed.get_or_insert_with(|| why.to_owned());
        self.arrivals.wake_all();
    }
}

/// A storage node in this process. See the module; [`protocol::node::StorageNode`] has its calls.
pub struct Node {
    shared: Arc<Shared>,
    me: Weak<Node>,
    desk: Arc<Desk>,
    /// Without threads only.
    tender: Mutex<Option<Tender>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Node {
    fn start(shared: Arc<Shared>, writer: Writer) -> std::io::Result<Arc<Node>> {
        let tender = Tender::new(shared.clone());
        let desk = Desk::new(shared.clone(), writer);
        let (mut here, mut threads) = (None, Vec::new());
        match shared.options.mode {
            Mode::Inline | Mode::Driven => here = Some(tender),
            Mode::Threads => {
                let id = shared.options.id.0;
                let spawn = |name: &str| std::thread::Builder::new().name(format!("{name}-{id}"));
                let (log, background) = (desk.clone(), shared.clone());
                threads.push(spawn("node-log").spawn(move || {
                    log.shared().run_or_fail("log", || log.serve());
                    // Nothing is worked off any more: whoever waits for a reply learns that there will be none.
                    log.shared().queue.close();
                })?);
                threads.push(spawn("node-back").spawn(move || background.run_or_fail("background", || tender.run()))?);
            }
        }
        Ok(Arc::new_cyclic(|me| Node {
            shared,
            me: me.clone(),
            desk,
            tender: Mutex::new(here),
            threads: Mutex::new(threads),
        }))
    }

    /// Where it lies.
    fn dir(&self) -> &std::path::Path {
        &self.shared.dir
    }

    /// The process runs: to be called every [`BEAT_INTERVAL`] from where requests are read, so that the node knows when it
    /// could not have heard a writer.
    pub fn beat(&self) {
        self.shared.hearing.beat(self.shared.options.clock.now());
    }

    /// Gives the writer a job; with [`Mode::Inline`] it is done on return.
    fn submit(&self, job: Job) -> Result<(), Refusal> {
        self.queue(job)?;
        self.advance();
        Ok(())
    }

    /// Works off what is queued.
    fn advance(&self) {
        self.desk.advance();
    }

    /// Queues a job, for who then [advances](Node::advance).
    fn queue(&self, job: Job) -> Result<(), Refusal> {
        if job.is_of_a_writer() {
            self.shared.hearing.heard(self.shared.options.clock.now());
        }
        self.shared.queue.push(job).map_err(Refusal::Busy)
    }

    /// Writes what neither of the node's own threads writes: on a thread that may wait for the disk, or, with
    /// [`Mode::Inline`], on this one. It is done to its end even when the caller is gone. A panic fails the node, for half of
    /// it may be written.
    async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        write: impl FnOnce(&Shared) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        match self.shared.options.mode {
            Mode::Inline | Mode::Driven => write(&self.shared),
            Mode::Threads => {
                let shared = Arc::clone(&self.shared);
                let writing = move || {
                    let mut written = Err(Refusal::Failed(format!("the {what} thread panicked")));
                    shared.run_or_fail(what, || written = write(&shared));
                    written
                };
                tokio::task::spawn_blocking(writing).await.unwrap_or(Err(Refusal::Busy("the runtime is stopping")))
            }
        }
    }

    /// Does a portion of background work, with [`Mode::Inline`], and fsyncs what is held. Says whether more can be done now.
    ///
    /// # Errors
    /// [`TendError`]; the node may have failed then.
    pub fn tend(&self) -> Result<bool, TendError> {
        if self.shared.options.mode != Mode::Threads {
            self.desk.flush_held();
        }
        match self.tender.lock().as_mut() {
            Some(tender) => {
                self.shared.state.lock().retry_stalled();
                tender.step().inspect_err(|error| tender.give_up(error))
            }
            None => Ok(false),
        }
    }

    /// Stops: what is queued is worked off, the log is sealed so that the next start reads no frame, files are closed when
    /// the last reference to the node goes. Further requests are refused.
    pub fn shutdown(&self) {
        let (reply, _stopped) = oneshot::channel();
        let stopping = self.submit(Job::Stop { reply }).is_ok();
        self.shared.stopped.store(true, Ordering::Release);
        // Who waits for a turn at a disk that hangs would wait as long as it does.
        self.shared.turns.close();
        self.shared.background.stop();
        {
            // Locked to the end: another one who stops the node waits for it, too.
            let mut threads = self.threads.lock();
            let has_threads = !threads.is_empty();
            for thread in threads.drain(..) {
                if thread.join().is_err() {
                    tracing::error!("a thread of the node panicked");
                }
            }
            if has_threads {
                self.desk.settle();
            }
        }
        // With what it has of others: a sweep's turn.
        drop(self.tender.lock().take());
        let failed = self.shared.state.lock().failed.is_some();
        if stopping
            && !failed
            && let Err(error) = Tender::new(self.shared.clone()).seal_rolled()
        {
            tracing::warn!(%error, "the log is left unsealed");
        }
        self.shared.arrivals.wake_all();
        self.shared.gossip.notify_one();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Threads hold the shared part: without this they would outlive their node.
        if !self.threads.lock().is_empty() {
            self.shutdown();
        }
    }
}
