//! A node with its threads: what becomes of it when one of them panics.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use node_support::*;
use parking_lot::{Condvar, Mutex};
use protocol::node::{NodeError, StorageNode};
use protocol::rpc::storage::{
    AppendReply, AppendRequest, CreateVolumeRequest, PrepareRequest, ReadPageRequest, StatusReply, StatusRequest,
};
use protocol::{Ballot, FORMAT_VERSION};
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

/// A disk that panics when it writes below `folder`, once it is told to.
struct PanickingDisk {
    disk: Arc<SimDisk>,
    folder: &'static str,
    armed: Arc<AtomicBool>,
}

#[derive(Debug)]
struct PanickingFile {
    file: Arc<dyn DiskFile>,
    armed: Option<Arc<AtomicBool>>,
}

impl Disk for PanickingDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let armed = path.parent().is_some_and(|parent| parent.ends_with(self.folder)).then(|| self.armed.clone());
        Ok(Arc::new(PanickingFile { file: self.disk.open(path, mode)?, armed }))
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

impl DiskFile for PanickingFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let armed = self.armed.as_ref().is_some_and(|armed| armed.load(Ordering::Relaxed));
        assert!(!armed, "the test wants a panic here");
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
    fn wait_for(&self, sequence: u64) {
        let until = Instant::now() + LONG;
        let mut all = self.all.lock();
        while all.last().is_none_or(|reply| reply.sequence < sequence) {
            assert!(!self.came.wait_until(&mut all, until).timed_out(), "no reply to {sequence}");
        }
    }
}

fn threaded(folder: &'static str) -> (Arc<Node>, Arc<AtomicBool>) {
    let armed = Arc::new(AtomicBool::new(false));
    let disk = Arc::new(PanickingDisk { disk: SimDisk::new(), folder, armed: armed.clone() });
    let options = NodeOptions { mode: Mode::Threads, ..options(0) };
    let node = Node::open(disk, &dir(), options).expect("the disk is sound");
    let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config()) };
    now(node.create_volume(request)).expect("it is the first");
    (node, armed)
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
    let (node, armed) = threaded("log");
    let replies: Arc<Replies> = Arc::default();
    let sink = replies.clone();
    let on_reply = Arc::new(move |reply| {
        sink.all.lock().push(reply);
        sink.came.notify_all();
    });
    let mut stream = now(node.append(on_reply)).expect("a local stream opens");
    let mut writer = Writer::new();
    stream.send(request(writer.batch(&[1, 2]), 1)).expect("the stream is open");
    replies.wait_for(1);
    armed.store(true, Ordering::Relaxed);
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
    let (node, armed) = threaded("images");
    armed.store(true, Ordering::Relaxed);
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
