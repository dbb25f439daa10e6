//! A node with its threads: what becomes of it when one of them panics, or waits for the disk.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use node_support::*;
use parking_lot::{Condvar, Mutex};
use protocol::node::{NodeError, OnReply, StorageNode};
use protocol::rpc::storage::{
    AppendReply, AppendRequest, CreateVolumeRequest, PrepareRequest, PullRequest, ReadPageRequest, StatusReply,
    StatusRequest,
};
use protocol::{Ballot, FORMAT_VERSION, Page, PageId};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use storage::node::disk::{Disk, DiskFile, OpenMode, Space};
use storage::node::{Mode, Node, NodeOptions};
use storage::sim::SimDisk;

/// Far beyond what anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// What a disk does below a folder, once it is told to.
#[derive(Debug, Default)]
struct Trouble {
    /// It panics when it writes.
    panics: AtomicBool,
    hangs: Mutex<Hanging>,
    goes_on: Condvar,
}

/// Whether reads wait, and whether one does.
#[derive(Debug, Default)]
struct Hanging {
    is_on: bool,
    is_met: bool,
}

impl Trouble {
    fn hang(&self) {
        *self.hangs.lock() = Hanging { is_on: true, is_met: false };
    }

    fn is_met(&self) -> bool {
        self.hangs.lock().is_met
    }

    fn go_on(&self) {
        self.hangs.lock().is_on = false;
        self.goes_on.notify_all();
    }

    fn pass(&self) {
        let until = Instant::now() + LONG;
        let mut hangs = self.hangs.lock();
        while hangs.is_on {
            hangs.is_met = true;
            assert!(!self.goes_on.wait_until(&mut hangs, until).timed_out(), "nobody else got on meanwhile");
        }
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
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if let Some(trouble) = &self.trouble {
            trouble.pass();
        }
        self.file.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let panics = self.trouble.as_ref().is_some_and(|trouble| trouble.panics.load(Ordering::Relaxed));
        assert!(!panics, "the test wants a panic here");
        self.file.write_at(offset, bytes)
    }
    fn sync(&self) -> io::Result<()> {
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

fn threaded(folder: &'static str) -> (Arc<Node>, Arc<Trouble>) {
    let trouble = Arc::new(Trouble::default());
    let disk = Arc::new(TroubledDisk { disk: SimDisk::new(), folder, trouble: trouble.clone() });
    let options = NodeOptions { mode: Mode::Threads, ..options(0) };
    let node = Node::open(disk, &dir(), options).expect("the disk is sound");
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

/// Page 1 is in the log alone, and the log cannot be read: who asks for it waits, on the same thread as everybody else, who is
/// answered.
#[test]
fn who_needs_the_disk_holds_up_nobody_else() {
    let (node, trouble) = threaded("log");
    let replies: Arc<Replies> = Arc::default();
    let mut stream = now(node.append(replies.sink())).expect("a local stream opens");
    let mut writer = Writer::new();
    stream.send(request(writer.batch(&[1]), 1)).expect("the stream is open");
    // More than the node keeps in memory.
    for sequence in 2..60 {
        stream.send(request(writer.batch(&[2; 8]), sequence)).expect("the stream is open");
    }
    replies.wait_for(59);
    let (end, tail) = (writer.end(), writer.tail(0));
    let read = ReadPageRequest {
        volume: VOLUME,
        version: FORMAT_VERSION,
        page: 1,
        read_point: end.0,
        group_tail: tail.0,
        ..ReadPageRequest::default()
    };
    let pull = PullRequest {
        volume: VOLUME,
        version: FORMAT_VERSION,
        up_to: end.0,
        max_bytes: 1 << 20,
        ..PullRequest::default()
    };
    let others = async || {
        let until = Instant::now() + LONG;
        while !trouble.is_met() {
            assert!(Instant::now() < until, "the disk is not read");
            tokio::task::yield_now().await;
        }
        // What is in memory is read and pulled meanwhile, too.
        let newest = ReadPageRequest { page: 3, ..read };
        node.read_page(newest).await.expect("a read is answered");
        node.pull(PullRequest { after: end.0 - 1, ..pull }).await.expect("a pull is answered");
        trouble.go_on();
    };
    trouble.hang();
    let (reply, ()) = now(async { tokio::join!(node.read_page(read), others()) });
    let page = Page::from_bytes(&reply.expect("a read is answered").page, PageId(1)).expect("it is sound");
    assert_eq!(Some(page), writer.fold(1, end));
    trouble.hang();
    let (reply, ()) = now(async { tokio::join!(node.pull(pull), others()) });
    let batches = reply.expect("a pull is answered").batches;
    assert_eq!(batches.len(), 59, "it has all of them");
    node.shutdown();
}
