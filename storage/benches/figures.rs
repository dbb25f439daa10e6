//! What growth and faults cost, with six storage nodes as processes on Unix sockets:
//!
//! - `recovery MIB...`: all nodes and the writer are killed (`kill -9`) with so much redo since the last image, and started
//!   again: until the nodes answer, until the volume is open, until a first commit is durable and a first page is read. And
//!   the same for a writer that alone was killed. What a takeover costs must not grow with the redo.
//! - `rebuild MIB...`: a node loses its disk, with so many MiB of pages; time until its successor has everything.
//! - `slow [SECONDS]`: commit latency of eight sessions, with six sound nodes and with one whose fsync takes ten times as
//!   long.
//!
//! `cargo bench -p redoubt-storage --bench figures -- recovery 300 3000`, and so on; `just figures` runs the small sizes. What
//! a node computes for a MiB of redo is in `background_cost`.

use bytes::Bytes;
use protocol::node::StorageNode;
use protocol::page::PageKind;
use protocol::redo::{Change, Patch};
use protocol::rpc::storage::{Member, StatusRequest, VolumeConfig};
use protocol::task::Runtime;
use protocol::volume::{Durability, PageChange, PageSource, RedoLog};
use protocol::{FORMAT_VERSION, Lsn, NodeId, PageId};
use rand::RngCore;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use storage::node::NodeOptions;
use storage::node::disk::{Disk, DiskFile, OpenMode, RealDisk, Space};
use storage::node::gossip::Gossip;
use storage::node::host::Host;
use storage::rpc::{GrpcNode, Listener, dial, serve};
use storage::volume::writer::{OpenOptions, WriterVolume};
use storage::volume::{Nodes, cluster, monotonic_clock, wall_clock};

const VOLUME: u64 = 1;
/// Pages that the redo of `recovery` is spread over, for each MiB of it.
const PAGES_PER_MIB: u64 = 16;
const RECORD_BYTES: usize = 1000;
/// By how much the slow node's fsync is slower.
const SLOWER: u32 = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let numbers: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    match arguments.first().map(String::as_str) {
        Some("node") => runtime.block_on(node(numbers[0] as u32, Path::new(&arguments[2]), arguments.len() > 3)),
        Some("recovery") => runtime.block_on(recovery(&numbers)),
        Some("rebuild") => runtime.block_on(rebuild(&numbers)),
        Some("slow") => runtime.block_on(slow(Duration::from_secs(numbers.first().copied().unwrap_or(5)))),
        _ => println!("usage: figures recovery MIB... | rebuild MIB... | slow [SECONDS]"),
    }
}

/// A node's process.
async fn node(id: u32, dir: &Path, is_slow: bool) {
    let disk: Arc<dyn Disk> = if is_slow { Arc::new(SlowDisk) } else { Arc::new(RealDisk) };
    let address = address(dir, id);
    let options = NodeOptions::new(NodeId(id), zone(id), &address);
    let host = Host::open(disk, &dir.join(id.to_string()), options).expect("the node starts");
    let socket = PathBuf::from(address.trim_start_matches("unix:"));
    let _ = std::fs::remove_file(&socket);
    let listener = tokio::net::UnixListener::bind(socket).expect("the directory is ours");
    for node in host.nodes() {
        tokio::spawn(Gossip::following(&node, dial()).run());
    }
    serve(host, Listener::Unix(listener), std::future::pending()).await.expect("it is served");
}

fn zone(id: u32) -> &'static str {
    ["a", "b", "c"][(id as usize - 1) / 2 % 3]
}

fn address(dir: &Path, id: u32) -> String {
    format!("unix:{}/{id}.sock", dir.display())
}

/// The nodes' processes; killed when dropped.
struct Fleet {
    directory: tempfile::TempDir,
    children: BTreeMap<u32, Child>,
}

impl Fleet {
    fn start(ids: impl IntoIterator<Item = u32>, slow: Option<u32>) -> Fleet {
        let mut fleet = Fleet { directory: tempfile::tempdir().expect("a directory"), children: BTreeMap::new() };
        ids.into_iter().for_each(|id| fleet.start_node(id, slow == Some(id)));
        fleet
    }

    fn start_node(&mut self, id: u32, is_slow: bool) {
        let mut command = Command::new(std::env::current_exe().expect("a program has a path"));
        command.args(["node", &id.to_string()]).arg(self.directory.path()).args(is_slow.then_some("slow"));
        let child = command.stdin(Stdio::null()).spawn().expect("it starts");
        self.children.insert(id, child);
    }

    fn kill(&mut self, id: u32) {
        let mut child = self.children.remove(&id).expect("it runs");
        child.kill().and_then(|()| child.wait()).expect("it was ours");
    }

    fn node(&self, id: u32) -> Arc<dyn StorageNode> {
        let node = GrpcNode::new(&address(self.directory.path(), id)).expect("it is an address");
        Arc::new(node.of(VOLUME))
    }

    fn nodes(&self) -> Vec<Arc<dyn StorageNode>> {
        (1..=6).map(|id| self.node(id)).collect()
    }

    fn member(&self, id: u32) -> Member {
        Member { node: id, zone: zone(id).into(), address: address(self.directory.path(), id), ..Member::default() }
    }

    async fn answer(&self, ids: impl IntoIterator<Item = u32>) {
        for id in ids {
            let node = self.node(id);
            while node.status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await.is_err() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }

    async fn create(&self) {
        self.answer(1..=6).await;
        let members = (1..=6).map(|id| self.member(id)).collect();
        let config = VolumeConfig {
            volume: VOLUME,
            pages_per_group: 1 << 20,
            lal_bytes: 64 << 20,
            members,
            ..VolumeConfig::default()
        };
        let nodes: Nodes = self.nodes().into();
        cluster::create_volume(&nodes, &config).await.expect("six empty nodes");
    }

    async fn open(&self, instance: u32) -> Arc<WriterVolume> {
        let options = OpenOptions::new(instance, Runtime::current(), monotonic_clock(), wall_clock());
        WriterVolume::open(self.nodes(), options).await.expect("the volume opens").0
    }

    /// Bytes of log and of images of a node.
    async fn disk(&self, id: u32) -> (u64, u64) {
        let status = self.node(id).status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await;
        status.map_or((0, 0), |status| (status.log_bytes, status.image_file_bytes))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.children.values_mut() {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// A page's next change: its first makes it.
fn change(volume: &WriterVolume, page: u64, prev_page: Lsn, bytes: Bytes) -> Lsn {
    let mut changes = Vec::new();
    if prev_page.is_zero() {
        let (right, left) = (PageId::NONE, PageId::NONE);
        let init = Change::Init { kind: PageKind::Raw, level: 0, flags: 0, owner: 0, right, left };
        changes.push(PageChange { page: PageId(page), prev_page, change: init });
    }
    let patches = vec![Patch { offset: 64, bytes }];
    changes.push(PageChange { page: PageId(page), prev_page, change: Change::PatchRaw { patches } });
    let mut last = Lsn::ZERO;
    volume.append(&changes, &mut |lsns| last = *lsns.last().expect("one for each change"));
    last
}

fn noise(bytes: usize) -> Bytes {
    let mut noise = vec![0; bytes];
    rand::rng().fill_bytes(&mut noise);
    noise.into()
}

/// Writes `mib` of redo over `pages` in turn, `record` bytes each; `raises`: the floor follows.
async fn fill(volume: &WriterVolume, mib: u64, pages: u64, record: usize, raises: bool) -> Vec<Lsn> {
    let mut lsns = vec![Lsn::ZERO; pages as usize];
    let end = volume.end().0 + (mib << 20);
    let noise = noise(record + 4096);
    for turn in 0u64.. {
        if volume.end().0 >= end {
            break;
        }
        let page = turn % pages;
        volume.reserve(2 * record as u64 + 200).await.expect("storage keeps up");
        let from = (turn * 31 % 4096) as usize;
        let lsn = &mut lsns[page as usize];
        *lsn = change(volume, page, *lsn, noise.slice(from..from + record));
        if raises && turn % 1024 == 0 {
            volume.set_gc_floor(volume.flushed_vdl());
        }
    }
    volume.wait(volume.end(), Durability::Flushed).await.expect("the quorum holds");
    lsns
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Opens the volume, commits, reads a page; the time of each.
async fn take_over(fleet: &Fleet, instance: u32, lsns: &mut [Lsn]) -> [Duration; 3] {
    let begin = Instant::now();
    let volume = fleet.open(instance).await;
    let opened = begin.elapsed();
    lsns[0] = change(&volume, 0, lsns[0], noise(8));
    volume.wait(lsns[0], Durability::Flushed).await.expect("the quorum holds");
    let committed = begin.elapsed();
    let page = lsns.len() as u64 / 2;
    let fetched = volume.fetch(PageId(page)).await.expect("it is served");
    assert_eq!(fetched.page.lsn(), lsns[page as usize], "nothing is lost");
    let read = begin.elapsed();
    volume.close();
    [opened, committed - opened, read - committed]
}

async fn recovery(sizes: &[u64]) {
    println!(
        "{:>9} {:>9} {:>9} {:>14} {:>12} {:>12} {:>14} {:>12}",
        "redo MiB", "log MiB", "img MiB", "writer: open", "commit", "all: nodes", "open", "commit  ms"
    );
    for &mib in sizes {
        let mut fleet = Fleet::start(1..=6, None);
        fleet.create().await;
        let volume = fleet.open(1).await;
        // The floor stays where it is: nothing becomes an image, nothing leaves the log.
        let mut lsns = fill(&volume, mib, mib * PAGES_PER_MIB, RECORD_BYTES, false).await;
        let (log, images) = fleet.disk(1).await;
        volume.close();
        drop(volume);
        let [open, commit, _] = take_over(&fleet, 2, &mut lsns).await;
        (1..=6).for_each(|id| fleet.kill(id));
        let begin = Instant::now();
        (1..=6).for_each(|id| fleet.start_node(id, false));
        fleet.answer(1..=6).await;
        let nodes = begin.elapsed();
        let [open_all, commit_all, read_all] = take_over(&fleet, 3, &mut lsns).await;
        println!(
            "{mib:>9} {:>9} {:>9} {:>14.0} {:>12.1} {:>12.0} {:>14.0} {:>12.1}   first page {:.1}",
            log >> 20,
            images >> 20,
            ms(open),
            ms(commit),
            ms(nodes),
            ms(open_all),
            ms(commit_all),
            ms(read_all)
        );
    }
}

async fn rebuild(sizes: &[u64]) {
    println!("{:>9} {:>12} {:>9} {:>12}", "pages MiB", "node MiB", "seconds", "s per GiB");
    for &mib in sizes {
        let mut fleet = Fleet::start(1..=7, None);
        fleet.create().await;
        let volume = fleet.open(1).await;
        // Each page once, with noise that does not shrink; then redo enough that the first pages are images only.
        let pages = mib * 128;
        fill(&volume, mib, pages, 8000, true).await;
        fill(&volume, 300, 1000, RECORD_BYTES, true).await;
        fleet.kill(6);
        let begin = Instant::now();
        volume.begin_replacement(NodeId(6), fleet.member(7), fleet.node(7)).await.expect("node 7 joins");
        volume.complete_replacement(NodeId(6)).await.expect("node 7 takes over");
        let took = begin.elapsed().as_secs_f64();
        let (log, images) = fleet.disk(7).await;
        let gib = (log + images) as f64 / f64::from(1 << 30);
        println!("{mib:>9} {:>12} {took:>9.1} {:>12.1}", (log + images) >> 20, took / gib);
        volume.close();
    }
}

async fn slow(each: Duration) {
    println!("{:>8} {:>10} {:>9} {:>9} {:>9}", "slow", "commits/s", "p50 us", "p99 us", "max us");
    for slow in [None, Some(1), Some(6)] {
        let fleet = Fleet::start(1..=6, slow);
        fleet.create().await;
        let volume = fleet.open(1).await;
        let stop = Arc::new(AtomicBool::new(false));
        let sessions: Vec<_> = (0..8u64).map(|page| tokio::spawn(commit(volume.clone(), page, stop.clone()))).collect();
        tokio::time::sleep(each).await;
        stop.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for session in sessions {
            times.extend(session.await.expect("a session ends"));
        }
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_micros();
        println!(
            "{:>8} {:>10.0} {:>9} {:>9} {:>9}",
            slow.map_or("none".to_owned(), |id| format!("node {id}")),
            times.len() as f64 / each.as_secs_f64(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
        volume.close();
    }
}

async fn commit(volume: Arc<WriterVolume>, page: u64, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let (mut lsn, mut times) = (Lsn::ZERO, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        lsn = change(&volume, page, lsn, Bytes::from_static(&[7; 200]));
        volume.wait(lsn, Durability::Flushed).await.expect("the quorum holds");
        volume.set_gc_floor(volume.flushed_vdl());
        times.push(begin.elapsed());
    }
    times
}

/// A disk whose fsync takes [`SLOWER`] times as long.
struct SlowDisk;

#[derive(Debug)]
struct SlowFile(Arc<dyn DiskFile>);

impl Disk for SlowDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(SlowFile(RealDisk.open(path, mode)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        RealDisk.space(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        RealDisk.lock(path)
    }
}

impl DiskFile for SlowFile {
    fn direct(self: Arc<Self>) -> Option<Arc<dyn DiskFile>> {
        Some(Arc::new(SlowFile(self.0.clone().direct()?)))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.0.read_cached_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        let begin = Instant::now();
        let synced = self.0.sync();
        std::thread::sleep(begin.elapsed() * (SLOWER - 1));
        synced
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}
