//! What a node's background costs: CPU of its two threads per MiB of redo and per transaction, below a stream that looks like
//! TPC-B: a few hot pages, many warm ones, about 200 bytes of redo a transaction.
//!
//! `cargo bench -p redoubt-storage --bench background_cost [-- MIB_OF_REDO [RETENTION_MIB [WARM_PAGES]]]` prints a line for the
//! load, one for each retention's worth of redo, and one for what was left to do at the end. The log's column has the fsyncs.

use bytes::Bytes;
use protocol::batch::BatchBuilder;
use protocol::node::{AppendStream, StorageNode};
use protocol::page::PageKind;
use protocol::redo::{Change, Patch, RecordHeader};
use protocol::rpc::storage::{
    AppendOutcome, AppendReply, AppendRequest, CreateVolumeRequest, Member, StatusReply, StatusRequest, VolumeConfig,
};
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn, NodeId, PageId};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use storage::node::disk::RealDisk;
use storage::node::{Node, NodeOptions};
use storage::quorum::MEMBERSHIP_EPOCH;

/// Transactions sent as one batch.
const GROUP: u64 = 16;
/// Rows of a warm page.
const ROWS: u16 = 50;
/// Rows of the page of branches, and of that of tellers.
const HOT_ROWS: u16 = 40;
/// Commits on one page of the commit map.
const COMMITS_PER_PAGE: u64 = 1000;
/// Rows of a history page.
const HISTORY_ROWS: u16 = 110;

const BRANCHES: u64 = 0;
const TELLERS: u64 = 1;
const WARM: u64 = 10;
const COMMITS: u64 = 1 << 18;
const HISTORY: u64 = 1 << 19;

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let (mib, retention, warm) = (number(0, 256), number(1, 64), number(2, 4_000));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(mib, retention, warm));
}

struct Stream {
    node: Arc<Node>,
    stream: Box<dyn AppendStream>,
    replies: Receiver<AppendReply>,
    builder: BatchBuilder,
    last: Lsn,
    last_of_page: HashMap<PageId, Lsn>,
    encoded: Vec<u8>,
    redo_bytes: u64,
    seed: u64,
}

impl Stream {
    fn random(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn record(&mut self, page: u64, change: &Change) {
        let page = PageId(page);
        self.encoded.clear();
        change.encode(&mut self.encoded);
        let lsn = self.last.advance(24 + self.encoded.len() as u64);
        let prev_page = self.last_of_page.insert(page, lsn).unwrap_or_default();
        let last = self.last;
        let header = RecordHeader { lsn, prev_volume: last, prev_group: last, prev_page, page, end_of_mtr: true };
        self.builder.push(&header, &self.encoded);
        self.last = lsn;
    }

    fn page(&mut self, page: u64, kind: PageKind, rows: u16, row_bytes: usize) {
        let (right, left) = (PageId::NONE, PageId::NONE);
        self.record(page, &Change::Init { kind, level: 0, flags: 0, owner: 1, right, left });
        if rows > 0 {
            let mut row = vec![b' '; row_bytes];
            for (at, byte) in row.iter_mut().take(row_bytes / 3).enumerate() {
                *byte = (at as u64 * 31 + page) as u8;
            }
            let cells = vec![Bytes::from(row); rows.into()];
            self.record(page, &Change::Insert { at: 0, stamped: true, cells });
        }
    }

    /// Sends what was built and waits until it is flushed.
    fn send(&mut self) {
        let builder = std::mem::replace(&mut self.builder, new_builder());
        let batch = builder.finish();
        self.redo_bytes += batch.len() as u64;
        let (vdl, floor) = (self.last.0, self.last.0);
        let request = AppendRequest {
            volume: 1,
            version: FORMAT_VERSION,
            batch,
            flushed_vdl: vdl,
            gc_floor: floor,
            ..AppendRequest::default()
        };
        self.stream.send(request).expect("the stream is open");
        let reply = self.replies.recv().expect("the node answers");
        assert_eq!(reply.outcome(), AppendOutcome::Flushed);
    }

    fn transaction(&mut self, number: u64, warm: u64) {
        let slot = self.random(ROWS.into()) as u16;
        let patch = |offset, bytes: &'static [u8]| Patch { offset, bytes: Bytes::from_static(bytes) };
        let page = WARM + self.random(warm);
        self.record(page, &Change::PatchCell { slot, patches: vec![patch(0, &[3; 16]), patch(24, &[9; 4])] });
        for page in [TELLERS, BRANCHES] {
            // A new version beside the old one, which is pruned with the next seven.
            let from = self.random(HOT_ROWS.into()) as u16;
            let patches = vec![patch(8, &[3; 8]), patch(24, &[9; 4])];
            self.record(page, &Change::InsertCopy { from, at: from, stamped: true, patches });
            if number % 8 == 7 {
                let slots = (HOT_ROWS..HOT_ROWS + 8).collect();
                self.record(page, &Change::Delete { slots });
            }
        }
        let row = HISTORY_ROWS.into();
        let page = HISTORY + number / row;
        if number.is_multiple_of(row) {
            self.page(page, PageKind::Slotted, 0, 0);
        }
        let at = (number % row) as u16;
        self.record(page, &Change::Insert { at, stamped: true, cells: vec![Bytes::from_static(&[7; 48])] });
        let page = COMMITS + number / COMMITS_PER_PAGE;
        if number.is_multiple_of(COMMITS_PER_PAGE) {
            self.page(page, PageKind::Raw, 0, 0);
        }
        self.record(page, &Change::StampRaw { offset: 64 + (number % COMMITS_PER_PAGE) as u16 * 8 });
        if number % GROUP == GROUP - 1 {
            self.send();
        }
    }

    async fn status(&self) -> StatusReply {
        self.node.status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await.expect("status is always given")
    }
}

fn new_builder() -> BatchBuilder {
    BatchBuilder::new(GroupId(0), Ballot::ZERO, MEMBERSHIP_EPOCH)
}

async fn run(mib: u64, retention_mib: u64, warm: u64) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = NodeOptions { log_retention_bytes: retention_mib << 20, ..NodeOptions::new(NodeId(1), "a", "") };
    let node = Node::open(Arc::new(RealDisk), directory.path(), options).expect("a node opens");
    let members = (1..=6).map(|node| Member { node, zone: "a".into(), ..Member::default() }).collect();
    let config =
        VolumeConfig { volume: 1, pages_per_group: 1 << 20, lal_bytes: 64 << 20, members, ..VolumeConfig::default() };
    let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config) };
    node.create_volume(request).await.expect("an empty node takes a volume");
    let (sender, replies) = channel();
    let on_reply = Arc::new(move |reply: AppendReply| drop(sender.send(reply)));
    let stream = node.append(on_reply).await.expect("a stream opens");
    let mut stream = Stream {
        node,
        stream,
        replies,
        builder: new_builder(),
        last: Lsn::ZERO,
        last_of_page: HashMap::new(),
        encoded: Vec::new(),
        redo_bytes: 0,
        seed: 1,
    };
    println!(
        "{:>6} {:>8} {:>8} {:>13} {:>13} {:>14} {:>14} {:>8} {:>8}",
        "", "redo MiB", "tps", "log us/MiB", "back us/MiB", "log us/txn", "back us/txn", "log MiB", "img MiB"
    );
    let mut lap = Lap::start(&stream);
    for page in [BRANCHES, TELLERS] {
        stream.page(page, PageKind::Slotted, HOT_ROWS, 90);
    }
    for page in 0..warm {
        stream.page(WARM + page, PageKind::Slotted, ROWS, 110);
        if page % 16 == 15 {
            stream.send();
        }
    }
    stream.send();
    lap.print("load", &stream, 0).await;
    let mut number = 0;
    let until = stream.redo_bytes + (mib << 20);
    while stream.redo_bytes < until {
        let (next, first) = (stream.redo_bytes + (retention_mib << 20), number);
        while stream.redo_bytes < next.min(until) {
            stream.transaction(number, warm);
            number += 1;
        }
        lap.print("run", &stream, number - first).await;
    }
    let idle = Instant::now();
    while idle.elapsed() < Duration::from_secs(20) {
        let before = thread_nanos("node-back");
        std::thread::sleep(Duration::from_millis(500));
        if thread_nanos("node-back") - before < 5_000_000 {
            break;
        }
    }
    println!("{:>6} {:>62.1} ms of background", "rest", (thread_nanos("node-back") - lap.back) as f64 / 1e6);
    stream.node.shutdown();
}

struct Lap {
    begin: Instant,
    redo: u64,
    log: u64,
    back: u64,
}

impl Lap {
    fn start(stream: &Stream) -> Lap {
        let (log, back) = (thread_nanos("node-log"), thread_nanos("node-back"));
        Lap { begin: Instant::now(), redo: stream.redo_bytes, log, back }
    }

    async fn print(&mut self, what: &str, stream: &Stream, transactions: u64) {
        let next = Lap::start(stream);
        let mib = (next.redo - self.redo) as f64 / f64::from(1 << 20);
        let (log, back) = ((next.log - self.log) as f64 / 1e3, (next.back - self.back) as f64 / 1e3);
        let of = transactions.max(1) as f64;
        let tps = transactions as f64 / (next.begin - self.begin).as_secs_f64();
        let status = stream.status().await;
        println!(
            "{what:>6} {mib:>8.0} {tps:>8.0} {:>13.0} {:>13.0} {:>14.2} {:>14.2} {:>8} {:>8}",
            log / mib,
            back / mib,
            log / of,
            back / of,
            status.log_bytes >> 20,
            status.image_bytes >> 20
        );
        *self = next;
    }
}

/// CPU time of the threads whose name begins so.
fn thread_nanos(name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let comm = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        comm.starts_with(name).then(|| stat.split_whitespace().next()?.parse::<u64>().ok())?
    });
    nanos.sum()
}
