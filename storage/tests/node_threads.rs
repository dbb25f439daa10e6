//! A node with its threads: what becomes of it when one of them panics, or waits for the disk.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use futures::stream::{FuturesUnordered, StreamExt};
use node_support::*;
use parking_lot::{Condvar, Mutex};
use protocol::node::{NodeError, OnReply, StorageNode};
use protocol::rpc::storage::{
    AppendReply, AppendRequest, CreateVolumeRequest, PrepareRequest, PullRequest, ReadPageRequest, StatusReply,
    StatusRequest,
};
use protocol::{Ballot, FORMAT_VERSION, NodeId, Page, PageId};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use storage::node::disk::{Disk, DiskFile, OpenMode, RealDisk, Space};
use storage::node::gossip::Gossip;
use storage::node::{Mode, Node, NodeOptions};
use storage::sim::SimDisk;

/// What a disk does below a folder, once it is told to.
#[derive(Debug, Default)]
struct Trouble {
    /// It panics when it writes.
    panics: AtomicBool,
    hangs: Mutex<Hanging>,
    goes_on: Condvar,
    /// Reads of which the reader was ready to wait.
    waited: AtomicUsize,
    /// Reads of which it was not, and that were done.
    cached: AtomicUsize,
}

/// Whether reads and fsyncs wait, and whether one does.
#[derive(Debug, Default)]
struct Hanging {
    is_on: bool,
    is_met: bool,
}

impl Trouble {
    fn hang(&self) {
        *self.hangs.lock() = Hanging { is_on: true, is_met: false };
    }

    async fn until_met(&self) {
        let until = Instant::now() + LONG;
        while !self.hangs.lock().is_met {
            assert!(Instant::now() < until, "nobody comes to the disk");
            tokio::task::yield_now().await;
        }
    }

    fn go_on(&self) {
        self.hangs.lock().is_on = false;
        self.goes_on.notify_all();
    }

    /// A read that may take its time.
    fn pass(&self) {
        if self.wait() {
            self.waited.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits while the disk hangs. The node's own threads do not: they are not what this is about.
    fn wait(&self) -> bool {
        if std::thread::current().name().is_some_and(|name| name.starts_with("node-")) {
            return false;
        }
        let until = Instant::now() + LONG;
        let mut hangs = self.hangs.lock();
        while hangs.is_on {
            hangs.is_met = true;
            assert!(!self.goes_on.wait_until(&mut hangs, until).timed_out(), "nobody else got on meanwhile");
        }
        true
    }
}

/// A disk with trouble below `folder`.
struct TroubledDisk {
    disk: Arc<SimDisk>,
    folder: &'static str,
    trouble: Arc<Trouble>,
}

#[derive(Debug)]
struct TroubledFile {
    file: Arc<dyn DiskFile>,
    trouble: Option<Arc<Trouble>>,
}

impl Disk for TroubledDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let trouble = path.parent().is_some_and(|parent| parent.ends_with(self.folder)).then(|| self.trouble.clone());
        Ok(Arc::new(TroubledFile { file: self.disk.open(path, mode)?, trouble }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn space(&self, dir: &Path) -> io::Result<Space> {
        self.disk.space(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock(path)
    }
}

impl DiskFile for TroubledFile {
    fn direct(self: Arc<Self>) -> Option<Arc<dyn DiskFile>> {
        Some(Arc::new(TroubledFile { file: self.file.clone().direct()?, trouble: self.trouble.clone() }))
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if let Some(trouble) = &self.trouble {
            trouble.pass();
        }
        self.file.read_at(offset, buffer)
    }
    /// Everything is in memory of what does not hang.
    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        if let Some(trouble) = &self.trouble {
            if trouble.hangs.lock().is_on {
                return false;
            }
            trouble.cached.fetch_add(1, Ordering::Relaxed);
        }
        self.file.read_at(offset, buffer).is_ok()
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let panics = self.trouble.as_ref().is_some_and(|trouble| trouble.panics.load(Ordering::Relaxed));
        assert!(!panics, "the test wants a panic here");
        self.file.write_at(offset, bytes)
    }
    fn sync(&self) -> io::Result<()> {
        if let Some(trouble) = &self.trouble {
            trouble.wait();
        }
        self.file.sync()
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

/// Replies as they come.
#[derive(Default)]
struct Replies {
    all: Mutex<Vec<AppendReply>>,
    came: Condvar,
}

impl Replies {
    fn sink(self: &Arc<Replies>) -> OnReply {
        let replies = self.clone();
        Arc::new(move |reply| {
            replies.all.lock().push(reply);
            replies.came.notify_all();
        })
    }

    fn wait_for(&self, sequence: u64) {
        let until = Instant::now() + LONG;
        let mut all = self.all.lock();
        while all.last().is_none_or(|reply| reply.sequence < sequence) {
            assert!(!self.came.wait_until(&mut all, until).timed_out(), "no reply to {sequence}");
        }
    }
}

fn open_threaded(disk: Arc<SimDisk>, folder: &'static str) -> (Arc<Node>, Arc<Trouble>) {
    let trouble = Arc::new(Trouble::default());
    let disk = Arc::new(TroubledDisk { disk, folder, trouble: trouble.clone() });
    let options = NodeOptions { mode: Mode::Threads, ..options(0) };
    (Node::open(disk, &dir(), options).expect("the disk is sound"), trouble)
}

fn threaded(folder: &'static str) -> (Arc<Node>, Arc<Trouble>) {
    let (node, trouble) = open_threaded(SimDisk::new(), folder);
    let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config()) };
    now(node.create_volume(request)).expect("it is the first");
    (node, trouble)
}

fn status(node: &Node) -> StatusReply {
    now(node.status(StatusRequest { version: FORMAT_VERSION, volume: 0 })).expect("status is always given")
}

fn request(batch: bytes::Bytes, sequence: u64) -> AppendRequest {
    AppendRequest { volume: VOLUME, version: FORMAT_VERSION, batch, sequence, ..AppendRequest::default() }
}

fn wait_until_failed(node: &Node) {
    let until = Instant::now() + LONG;
    while status(node).state != "failed" {
        assert!(Instant::now() < until, "it did not fail");
        std::thread::yield_now();
    }
}

fn prepare(node: &Node) -> Result<bool, NodeError> {
    let request = PrepareRequest { volume: VOLUME, version: FORMAT_VERSION, ballot: Ballot::new(1, 1).0, vdl_heard: 0 };
    now(node.prepare(request)).map(|reply| reply.promised)
}

#[test]
fn a_panic_of_the_logs_thread_fails_the_node_and_hangs_nobody() {
    let (node, trouble) = threaded("log");
    let replies: Arc<Replies> = Arc::default();
    let mut stream = now(node.append(replies.sink())).expect("a local stream opens");
    let mut writer = Writer::new();
    stream.send(request(writer.batch(&[1, 2]), 1)).expect("the stream is open");
    replies.wait_for(1);
    trouble.panics.store(true, Ordering::Relaxed);
    stream.send(request(writer.batch(&[1, 2]), 2)).expect("the stream is open");
    wait_until_failed(&node);
    assert!(prepare(&node).is_err(), "whoever waits for the log's thread is told");
    let until = Instant::now() + LONG;
    while stream.send(request(writer.batch(&[1]), 3)).is_ok() {
        assert!(Instant::now() < until, "streams end");
    }
    let read = ReadPageRequest { volume: VOLUME, version: FORMAT_VERSION, page: 1, ..ReadPageRequest::default() };
    assert!(now(node.read_page(read)).is_err(), "what it knows may be half of something");
    node.shutdown();
}

/// A node on the real disk, where rounds fly as a rule.
fn on_real_disk(dir: &Path) -> Arc<Node> {
    let options = NodeOptions { log_file_bytes: 1 << 20, ..NodeOptions::new(NodeId(0), "a", "here") };
    Node::open(Arc::new(RealDisk), dir, options).expect("the directory is nobody's")
}

#[test]
fn a_panic_where_a_round_lands_fails_the_node_and_hangs_nobody() {
    for waits in [false, true] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let node = on_real_disk(dir.path());
        let create = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config()) };
        now(node.create_volume(create)).expect("it is the first");
        let replies: Arc<Replies> = Arc::default();
        let panics: Arc<AtomicBool> = Arc::default();
        let (sink, will_panic) = (replies.sink(), panics.clone());
        let on_reply: OnReply = Arc::new(move |reply| {
            assert!(!will_panic.load(Ordering::Relaxed), "the test wants a panic here");
            sink(reply);
        });
        let mut stream = now(node.append(on_reply)).expect("a local stream opens");
        let mut writer = Writer::new();
        for sequence in 1..=2 {
            stream.send(request(writer.batch(&[1]), sequence)).expect("the stream is open");
            replies.wait_for(sequence);
        }
        panics.store(true, Ordering::Relaxed);
        stream.send(request(writer.batch(&[1]), 3)).expect("the stream is open");
        if waits {
            assert!(prepare(&node).is_err(), "whoever waits for the landing is told");
        }
        wait_until_failed(&node);
        let until = Instant::now() + LONG;
        while stream.send(request(writer.batch(&[1]), 4)).is_ok() {
            assert!(Instant::now() < until, "streams end");
        }
        node.shutdown();
    }
}

#[test]
fn a_node_that_ends_after_a_landing_gives_its_directory_back() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut writer = Writer::new();
    for life in 0..100 {
        let node = on_real_disk(dir.path());
        if life == 0 {
            let create = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config()) };
            now(node.create_volume(create)).expect("it is the first");
        }
        let replies: Arc<Replies> = Arc::default();
        let mut stream = now(node.append(replies.sink())).expect("a local stream opens");
        for sequence in 1..=3 {
            stream.send(request(writer.batch(&[1]), sequence)).expect("the stream is open");
            replies.wait_for(sequence);
        }
    }
}

#[test]
fn a_panic_of_the_backgrounds_thread_fails_the_node_and_hangs_nobody() {
    let (node, trouble) = threaded("images");
    trouble.panics.store(true, Ordering::Relaxed);
    let mut stream = now(node.append(Arc::new(|_| {}))).expect("a local stream opens");
    let mut writer = Writer::new();
    for sequence in 1..200 {
        let batch = writer.batch(&[1; 8]);
        let (vdl, floor) = (writer.end().0, writer.end().0);
        let sent = stream.send(AppendRequest { flushed_vdl: vdl, gc_floor: floor, ..request(batch, sequence) });
        if sent.is_err() {
            break;
        }
    }
    wait_until_failed(&node);
    assert!(prepare(&node).is_err());
    node.shutdown();
}

/// Nodes on two disks that were written alike for so long that they have images, and no longer all of the redo.
fn twins() -> (Rig, Rig) {
    let (mut rig, mut writer) = (fresh(), Writer::new());
    let mut twin = open_at(&SimDisk::new(), Path::new("/twin"), options(1)).expect("the disk is sound");
    twin.create();
    for n in 0..900 {
        let batch = writer.batch(&[n % 40, (n * 7) % 60, 3]);
        for node in [&mut rig, &mut twin] {
            node.send(batch.clone());
            if n % 40 == 39 {
                node.hear(writer.end(), writer.end());
                node.tend();
            }
        }
    }
    (rig, twin)
}

async fn gossip_with(node: &Arc<Node>, peer: &Rig) {
    let peers: Vec<Arc<dyn StorageNode>> = vec![peer.node.clone()];
    Gossip::new(node, peers).round(true).await;
}

#[test]
fn a_panic_that_cuts_the_taking_in_of_images_short_fails_the_node() {
    let (_, peer) = twins();
    let (node, trouble) = threaded("images");
    trouble.panics.store(true, Ordering::Relaxed);
    now(gossip_with(&node, &peer));
    let told = status(&node);
    assert_eq!(told.state, "failed");
    assert!(told.volumes[0].why.contains("the hydration thread panicked"), "{}", told.volumes[0].why);
    node.shutdown();
}

/// A damaged image is replaced, and the disk takes its time to make that durable.
#[test]
fn who_replaces_an_image_holds_up_nobody_else() {
    let (Rig { disk, node, stream, .. }, twin) = twins();
    drop((stream, node));
    let (node, trouble) = open_threaded(disk.clone(), "images");
    let is_image = |path: &PathBuf| path.starts_with(dir()) && path.extension().is_some_and(|it| it == "img");
    for file in disk.paths().into_iter().filter(is_image) {
        let length = disk.bytes(&file).len();
        (100..length).step_by(700).for_each(|at| disk.flip(&file, at, 0x10));
    }
    node.scrub().expect("the disk answers");
    let before = status(&node);
    assert!(before.damage_found > before.damage_repaired, "not all of it can be rebuilt from the log");
    trouble.hang();
    let others = async {
        trouble.until_met().await;
        trouble.go_on();
    };
    now(async { tokio::join!(gossip_with(&node, &twin), others) });
    assert!(status(&node).damage_repaired > before.damage_repaired);
    node.shutdown();
}

/// A page 1 that was written once, and then more of page 2 than the node keeps in memory of the log.
fn filled(node: &Node) -> Writer {
    let replies: Arc<Replies> = Arc::default();
    let mut stream = now(node.append(replies.sink())).expect("a local stream opens");
    let mut writer = Writer::new();
    stream.send(request(writer.batch(&[1]), 1)).expect("the stream is open");
    for sequence in 2..60 {
        stream.send(request(writer.batch(&[2; 8]), sequence)).expect("the stream is open");
    }
    replies.wait_for(59);
    writer
}

/// A page as the writer left it.
fn newest(writer: &Writer, page: u64) -> ReadPageRequest {
    ReadPageRequest {
        volume: VOLUME,
        version: FORMAT_VERSION,
        page,
        read_point: writer.end().0,
        group_tail: writer.tail(0).0,
        ..ReadPageRequest::default()
    }
}

async fn check_newest(node: &Node, writer: &Writer, page: u64) {
    let reply = node.read_page(newest(writer, page)).await.expect("a read is answered");
    let read = Page::from_bytes(&reply.page, PageId(page)).expect("it is sound");
    assert_eq!(Some(read), writer.fold(page, writer.end()));
}

/// Page 1 is in the log alone, and the log cannot be read: who asks for it waits, on the same thread as everybody else, who is
/// answered.
#[test]
fn who_needs_the_disk_holds_up_nobody_else() {
    let (node, trouble) = threaded("log");
    let writer = filled(&node);
    let end = writer.end();
    let pull = PullRequest {
        volume: VOLUME,
        version: FORMAT_VERSION,
        up_to: end.0,
        max_bytes: 1 << 20,
        ..PullRequest::default()
    };
    // From now on it is among the pages that are kept in memory.
    now(check_newest(&node, &writer, 2));
    let others = async || {
        trouble.until_met().await;
        // What is in memory is read and pulled meanwhile, too.
        check_newest(&node, &writer, 2).await;
        node.pull(PullRequest { after: end.0 - 1, ..pull }).await.expect("a pull is answered");
        trouble.go_on();
    };
    trouble.hang();
    now(async { tokio::join!(check_newest(&node, &writer, 1), others()) });
    trouble.hang();
    let (reply, ()) = now(async { tokio::join!(node.pull(pull), others()) });
    let batches = reply.expect("a pull is answered").batches;
    assert_eq!(batches.len(), 59, "it has all of them");
    node.shutdown();
}

#[test]
fn what_is_read_without_waiting_needs_no_other_thread() {
    let (node, trouble) = threaded("log");
    let writer = filled(&node);
    let (waited, cached) = (trouble.waited.load(Ordering::Relaxed), trouble.cached.load(Ordering::Relaxed));
    now(check_newest(&node, &writer, 1));
    now(check_newest(&node, &writer, 2));
    assert!(trouble.cached.load(Ordering::Relaxed) > cached + 1, "both are in the log alone");
    assert_eq!(trouble.waited.load(Ordering::Relaxed), waited, "nobody was ready to wait");
    node.shutdown();
}

#[test]
fn who_waits_for_a_turn_at_the_disk_is_told_that_the_node_stops() {
    let (node, trouble) = threaded("log");
    let writer = filled(&node);
    trouble.hang();
    // Far more than have a turn at once.
    let mut replies: FuturesUnordered<_> = (0..64).map(|_| node.read_page(newest(&writer, 1))).collect();
    let told = async {
        // Sooner than those who read give up.
        let first = tokio::time::timeout(LONG / 2, replies.next()).await;
        trouble.go_on();
        let first = first.expect("who waits for a turn is told").expect("there are many");
        assert!(matches!(first, Err(NodeError::Unreachable(_))), "nothing is read yet");
        let mut served = 0;
        while let Some(reply) = replies.next().await {
            served += usize::from(reply.is_ok());
        }
        assert!(served > 0, "who had a turn is served");
    };
    let stop = async {
        trouble.until_met().await;
        let node = node.clone();
        // To this thread the log can be read, as to those of the node.
        let stopping = std::thread::Builder::new().name("node-stop".into()).spawn(move || node.shutdown());
        stopping.expect("a thread starts")
    };
    let ((), stopping) = now(async { tokio::join!(told, stop) });
    stopping.join().expect("it stops");
}
