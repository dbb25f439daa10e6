//! What six nodes and a quorum cost a commit: sessions that append five records and wait until they are flushed on four.
//!
//! `cargo bench -p redoubt-storage --bench group_commit [-- SECONDS]` prints one line for each number of sessions.

use bytes::Bytes;
use protocol::node::StorageNode;
use protocol::page::PageKind;
use protocol::redo::{Change, Patch};
use protocol::rpc::storage::{CreateVolumeRequest, Member, VolumeConfig};
use protocol::volume::{Durability, PageChange, PageSource, RedoLog};
use protocol::{FORMAT_VERSION, Lsn, NodeId, PageId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use storage::node::disk::RealDisk;
use storage::node::{Node, NodeOptions};
use storage::volume::writer::{OpenOptions, WriterVolume};
use storage::volume::{monotonic_clock, wall_clock};

const RECORDS: u64 = 5;

fn main() {
    let seconds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(2);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(run(Duration::from_secs(seconds)));
}

async fn run(each: Duration) {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(RealDisk);
    let nodes: Vec<Arc<dyn StorageNode>> = (1..=6)
        .map(|id| {
            let options = NodeOptions::new(NodeId(id), "a", "");
            let node = Node::open(disk.clone(), &directory.path().join(id.to_string()), options);
            node.expect("a node opens") as Arc<dyn StorageNode>
        })
        .collect();
    let members = (1..=6).map(|node| Member { node, zone: "a".into(), ..Member::default() }).collect();
    let config =
        VolumeConfig { volume: 1, pages_per_group: 1 << 20, lal_bytes: 64 << 20, members, ..VolumeConfig::default() };
    for node in &nodes {
        let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config.clone()) };
        node.create_volume(request).await.expect("an empty node takes a volume");
    }
    let options = OpenOptions::new(1, protocol::task::Runtime::current(), monotonic_clock(), wall_clock());
    let (volume, _) = WriterVolume::open(nodes, options).await.expect("the volume opens");
    println!("{:>8} {:>10} {:>10} {:>12} {:>14}", "sessions", "commits/s", "mean us", "group size", "cpu us/commit");
    for sessions in [1, 8, 32] {
        measure(&volume, sessions, each).await;
    }
}

async fn measure(volume: &Arc<WriterVolume>, sessions: u64, each: Duration) {
    let stop = Arc::new(AtomicBool::new(false));
    let commits = Arc::new(AtomicU64::new(0));
    let counters = volume.counters();
    let groups = (counters.groups.load(Ordering::Relaxed), counters.grouped_mtrs.load(Ordering::Relaxed));
    let (begin, cpu) = (Instant::now(), cpu_time());
    let tasks: Vec<_> = (0..sessions)
        .map(|session| {
            let (volume, stop, commits) = (volume.clone(), stop.clone(), commits.clone());
            tokio::spawn(async move {
                let first = (sessions * 1000 + session * RECORDS) + 1;
                let init = Change::Init {
                    kind: PageKind::Raw,
                    level: 0,
                    flags: 0,
                    owner: 0,
                    right: PageId::NONE,
                    left: PageId::NONE,
                };
                let mut last = [Lsn::ZERO; RECORDS as usize];
                let mut change = init;
                while !stop.load(Ordering::Relaxed) {
                    for (page, prev_page) in (first..first + RECORDS).zip(&mut last) {
                        let changes =
                            [PageChange { page: PageId(page), prev_page: *prev_page, change: change.clone() }];
                        volume.append(&changes, &mut |lsns| *prev_page = lsns[0]);
                    }
                    let bytes = Bytes::from_static(&[7; 20]);
                    change = Change::PatchRaw { patches: vec![Patch { offset: 100, bytes }] };
                    volume.wait(last[RECORDS as usize - 1], Durability::Flushed).await.expect("the quorum holds");
                    volume.set_gc_floor(volume.flushed_vdl());
                    commits.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(each).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("a session ends");
    }
    let (wall, cpu) = (begin.elapsed().as_secs_f64(), (cpu_time() - cpu).as_secs_f64());
    let commits = commits.load(Ordering::Relaxed) as f64;
    let mtrs = (counters.grouped_mtrs.load(Ordering::Relaxed) - groups.1) as f64 / RECORDS as f64;
    let size = mtrs / (counters.groups.load(Ordering::Relaxed) - groups.0).max(1) as f64;
    println!(
        "{sessions:>8} {:>10.0} {:>10.0} {size:>12.1} {:>14.1}",
        commits / wall,
        wall * sessions as f64 / commits * 1e6,
        cpu / commits * 1e6
    );
}

/// User and system time of this process.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    // The clock tick that Linux shows to programs is 100 Hz everywhere.
    Duration::from_millis(ticks * 10)
}
