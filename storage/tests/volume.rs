//! The volume over six real nodes on simulated disks: what was acknowledged is there after the writer died, and after
//! every node lost power.

#[expect(unused, reason = "each test file uses a part of it")]
mod volume_support;

use parking_lot::Mutex;
use protocol::node::StorageNode;
use protocol::redo::Record;
use protocol::volume::{Durability, PageSource, RedoLog, RedoSink, VolumeError};
use protocol::{Lsn, NodeId, PageId};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use storage::node::{Node, NodeOptions};
use storage::sim::{Loss, SimDisk};
use storage::volume::ahead;
use storage::volume::replica::{ReplicaOptions, ReplicaVolume};
use storage::volume::seats::{Gone, Seat};
use storage::volume::writer::{Opened, WriterVolume};
use storage::volume::{cluster, monotonic_clock, wall_clock};
use volume_support::{LONG, config, durable, open_options, zone};

fn start(disks: &[Arc<SimDisk>]) -> Vec<Arc<Node>> {
    let node = |(id, disk): (usize, &Arc<SimDisk>)| {
        let id = id as u32;
        let options = NodeOptions { log_file_bytes: 256 << 10, ..NodeOptions::new(NodeId(id), zone(id), "nowhere") };
        Node::open(disk.clone(), &PathBuf::from("/data"), options).expect("the node starts")
    };
    disks.iter().enumerate().map(node).collect()
}

fn seen(nodes: &[Arc<Node>]) -> Vec<Arc<dyn StorageNode>> {
    nodes.iter().map(|node| Arc::clone(node) as Arc<dyn StorageNode>).collect()
}

async fn open(nodes: &[Arc<Node>], instance: u32) -> (Arc<WriterVolume>, Opened) {
    WriterVolume::open(seen(nodes), open_options(instance)).await.expect("recovery succeeds")
}

/// Puts `value` into a page.
fn write(volume: &WriterVolume, page: u64, prev_page: Lsn, value: u64) -> Lsn {
    volume_support::write(volume, page, prev_page, value, 1)
}

/// Six new nodes with a volume.
async fn six() -> (Vec<Arc<SimDisk>>, Vec<Arc<Node>>) {
    let disks: Vec<Arc<SimDisk>> = (0..6).map(|_| SimDisk::new()).collect();
    let nodes = start(&disks);
    cluster::create_volume(&cluster::nodes(seen(&nodes)), &config(4, 1 << 20)).await.expect("six empty nodes");
    (disks, nodes)
}

/// The last LSN of each page, as the redo says, which must be the volume's without a hole.
#[derive(Default)]
struct Sink {
    pages: Mutex<BTreeMap<u64, Lsn>>,
    last: Mutex<Lsn>,
}

impl RedoSink for Sink {
    fn apply(&self, records: &[Record], applied: Lsn) -> Result<(), VolumeError> {
        let mut last = self.last.lock();
        for record in records {
            assert_eq!(record.header.prev_volume, *last);
            *last = record.header.lsn;
            self.pages.lock().insert(record.header.page.0, record.header.lsn);
        }
        assert_eq!(*last, applied);
        Ok(())
    }

    fn invalidate(&self, applied: Lsn) {
        panic!("nothing was retired, and still the cache is dropped at {applied}");
    }
}

async fn follow(nodes: &[Arc<Node>]) -> (Arc<ReplicaVolume>, Arc<Sink>) {
    follow_by(seen(nodes)).await
}

async fn follow_by(nodes: Vec<Arc<dyn StorageNode>>) -> (Arc<ReplicaVolume>, Arc<Sink>) {
    let runtime = protocol::task::Runtime::current();
    let options = ReplicaOptions::new(1, runtime, monotonic_clock(), wall_clock());
    let replica = ReplicaVolume::open(nodes, options).await.expect("a read quorum answers");
    let sink = Arc::new(Sink { last: Mutex::new(replica.applied()), ..Sink::default() });
    replica.set_sink(Arc::clone(&sink) as Arc<dyn RedoSink>);
    (replica, sink)
}

fn relay(volume: &WriterVolume, replica: &Arc<ReplicaVolume>) {
    let (mut notices, replica) = (volume.notices(), Arc::clone(replica));
    tokio::spawn(async move {
        while let Some(notice) = notices.next().await {
            replica.notify(&notice);
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_survive_writers_and_a_power_cut_of_every_node() {
    let (disks, mut nodes) = six().await;

    let mut old: Option<Arc<WriterVolume>> = None;
    let mut followed: Option<(Arc<ReplicaVolume>, Arc<Sink>)> = None;
    let mut lsns = [Lsn::ZERO; 10];
    for round in 1..=4u64 {
        let (volume, opened) = open(&nodes, round as u32).await;
        assert!(opened.vdl >= lsns.into_iter().max().expect("ten"), "round {round}");
        if let Some(old) = old.take() {
            let lsn = write(&old, 0, lsns[0], 99);
            let outcome =
                tokio::time::timeout(LONG, old.wait(lsn, Durability::Flushed)).await.expect("it learns of it");
            assert_eq!(outcome, Err(VolumeError::Fenced));
        }
        if round == 1 || round == 3 {
            followed = Some(follow(&nodes).await);
        }
        if let Some((replica, _)) = &followed {
            relay(&volume, replica);
        }
        for (page, lsn) in lsns.iter_mut().enumerate() {
            let fetched = volume.fetch(PageId(page as u64)).await.expect("it is served");
            assert_eq!(fetched.page.lsn(), *lsn, "page {page} in round {round}");
            let value = if lsn.is_zero() { 0 } else { fetched.page.u64_at(64) };
            assert_eq!(value, (round - 1) * 100);
            for value in 1..=100 {
                *lsn = write(&volume, page as u64, *lsn, (round - 1) * 100 + value);
            }
        }
        durable(&volume, volume.end()).await;
        let (replica, sink) = followed.as_ref().expect("since the first round");
        let caught_up = tokio::time::timeout(LONG, replica.wait_applied(volume.end())).await;
        caught_up.expect("the replica catches up").expect("it was not stopped");
        let told: Vec<Lsn> = sink.pages.lock().values().copied().collect();
        assert_eq!(told, lsns, "round {round}");
        let fetched = replica.fetch(PageId(9)).await.expect("it is served");
        assert_eq!((fetched.page.lsn(), fetched.read_point), (lsns[9], volume.end()));
        if round == 2 {
            followed = None;
            drop(volume);
            nodes.iter().for_each(|node| node.shutdown());
            nodes.clear();
            disks.iter().for_each(|disk| disk.crash(Loss::Everything));
            nodes = start(&disks);
        } else {
            old = Some(volume);
        }
    }
}

/// F47 with flushes held on two of six: power goes everywhere right behind an acknowledgement, and two nodes never return.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_four_flushed_survives_a_power_cut_of_all_and_the_loss_of_any_two() {
    let mut power_cuts = 0;
    for seed in 0..15u64 {
        let (disks, nodes) = six().await;
        let (volume, _) = open(&nodes, 1).await;
        let mut lsn = Lsn::ZERO;
        for value in 0..=seed * 3 {
            lsn = write(&volume, 1, lsn, value);
            durable(&volume, lsn).await;
        }
        disks.iter().for_each(|disk| disk.crash(Loss::Everything));
        drop(volume);
        drop(nodes);
        let mut nodes = start(&disks);
        let holds = |node: &Node| {
            let marks = futures::executor::block_on(node.status(protocol::rpc::storage::StatusRequest::default()));
            marks.expect("status is always given").marks.iter().any(|mark| mark.scl_flushed >= lsn.0)
        };
        let holders: Vec<bool> = nodes.iter().map(|node| holds(node)).collect();
        assert!(holders.iter().filter(|&&holds| holds).count() >= 4, "seed {seed}: {holders:?}");
        power_cuts += usize::from(holders.contains(&false));
        // The loss of two that have it is the worst.
        for lost in (0..6).filter(|&node| holders[node]).take(2) {
            nodes[lost].shutdown();
        }
        let (volume, opened) = open(&nodes, 2).await;
        assert!(opened.vdl >= lsn, "seed {seed}: {} after {lsn} was acknowledged", opened.vdl);
        let fetched = volume.fetch(PageId(1)).await.expect("it is served");
        assert_eq!(fetched.page.u64_at(64), seed * 3, "seed {seed}");
        drop(volume);
        nodes.clear();
    }
    assert!(power_cuts > 0, "no power cut took what was held");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_hears_no_writer_has_word_of_commits_from_the_nodes() {
    let (_disks, nodes) = six().await;
    let (volume, _) = open(&nodes, 1).await;
    let (replica, _sink) = follow(&nodes).await;
    let counters = replica.counters();
    let mut page = Lsn::ZERO;
    // Until it has noticed that nobody tells it anything, it polls; from then on nodes tell it at once.
    for value in 1.. {
        assert!(value < 10_000, "{:?}", counters.list());
        page = write(&volume, 0, page, value);
        durable(&volume, page).await;
        let applied = tokio::time::timeout(LONG, replica.wait_applied(page)).await;
        applied.expect("it hears of it").expect("it was not stopped");
        let word = counters.relayed.load(Ordering::Relaxed);
        if word >= 3 {
            break;
        }
    }
    assert!(replica.age() < LONG, "a quorum's word makes it fresh");
    replica.stop().await;
    volume.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redo_is_with_a_replica_before_it_is_announced_and_not_applied() {
    let (_disks, nodes) = six().await;
    let (volume, _) = open(&nodes, 1).await;
    let runtime = protocol::task::Runtime::current();
    // Nobody but the writer tells it anything.
    let options =
        ReplicaOptions { poll_after: LONG, ..ReplicaOptions::new(1, runtime, monotonic_clock(), wall_clock()) };
    let replica = ReplicaVolume::open(seen(&nodes), options).await.expect("a read quorum answers");
    replica.set_sink(Arc::new(Sink { last: Mutex::new(replica.applied()), ..Sink::default() }));
    let counters = replica.counters();
    let (mut notices, mut page) = (volume.notices(), Lsn::ZERO);
    let (mut told, mut told_at) = (Lsn::ZERO, std::time::Instant::now());
    let mut rested = 0;
    for value in 1..=20 {
        let before = counters.redo_bytes_pulled.load(Ordering::Relaxed);
        page = write(&volume, 0, page, value);
        durable(&volume, page).await;
        let is_here = || counters.redo_bytes_pulled.load(Ordering::Relaxed) > before;
        // Where the machine stands still for long the pull that waits has ended by then.
        while value > 1 && !is_here() && told_at.elapsed() < ahead::WAIT {
            tokio::task::yield_now().await;
        }
        if value > 1 && is_here() {
            assert_eq!(replica.applied(), told, "nobody has told it of more");
        } else if value > 1 {
            rested += 1;
        }
        told_at = std::time::Instant::now();
        while told < page {
            let notice = tokio::time::timeout(LONG, notices.next()).await.expect("there is one");
            let notice = notice.expect("the writer goes on");
            told = Lsn(notice.flushed_vdl);
            replica.notify(&notice);
        }
        let applied = tokio::time::timeout(LONG, replica.wait_applied(page)).await;
        applied.expect("it was told").expect("it was not stopped");
    }
    assert!(rested < 5, "as a rule it is there: {:?}", counters.list());
    assert!(counters.pulls.load(Ordering::Relaxed) <= 1 + rested, "only the first notice named what was not there");
    assert!(counters.pulls_saved.load(Ordering::Relaxed) >= 19 - rested);
    replica.stop().await;
    volume.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_at_rest_is_not_pulled_ahead_though_a_first_notice_names_it() {
    let (_disks, nodes) = six().await;
    let (volume, _) = open(&nodes, 1).await;
    // The one that goes on is named last.
    let groups = 0..ahead::GROUPS_MAX as u64 + 4;
    let pages: Vec<u64> = groups.map(|group| group * 4).collect();
    let written: Vec<Lsn> = pages.iter().map(|page| write(&volume, *page, Lsn::ZERO, 1)).collect();
    let (page, at) = (pages[pages.len() - 1], written[written.len() - 1]);
    durable(&volume, at).await;
    let opened = async {
        loop {
            let runtime = protocol::task::Runtime::current();
            let options =
                ReplicaOptions { poll_after: LONG, ..ReplicaOptions::new(1, runtime, monotonic_clock(), wall_clock()) };
            let replica = ReplicaVolume::open(seen(&nodes), options).await.expect("a read quorum answers");
            if replica.applied() >= at {
                break replica;
            }
            replica.stop().await;
        }
    };
    let replica = tokio::time::timeout(LONG, opened).await.expect("nodes hear that it is durable");
    replica.set_sink(Arc::new(Sink { last: Mutex::new(replica.applied()), ..Sink::default() }));
    let mut notices = volume.notices();
    let first = tokio::time::timeout(LONG, notices.next()).await.expect("there is one");
    let first = first.expect("the writer goes on");
    assert_eq!(first.tails.len(), pages.len());
    replica.notify(&first);
    let next = write(&volume, page, at, 2);
    durable(&volume, next).await;
    let mut told = Lsn::ZERO;
    while told < next {
        let notice = tokio::time::timeout(LONG, notices.next()).await.expect("there is one");
        let notice = notice.expect("the writer goes on");
        told = Lsn(notice.flushed_vdl);
        replica.notify(&notice);
    }
    let applied = tokio::time::timeout(LONG, replica.wait_applied(next)).await;
    applied.expect("it was told").expect("it was not stopped");
    assert_eq!(replica.counters().pulls_ahead.load(Ordering::Relaxed), 1);
    replica.stop().await;
    volume.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_word_of_one_node_makes_no_replica_fresh() {
    let (_disks, nodes) = six().await;
    let (volume, _) = open(&nodes, 1).await;
    let seats: Vec<Arc<Seat>> = seen(&nodes).into_iter().map(|node| Arc::new(Seat::new(node))).collect();
    let ways = seats.iter().map(|seat| Arc::clone(seat) as Arc<dyn StorageNode>).collect();
    let (replica, _sink) = follow_by(ways).await;
    // The writer reaches all nodes, the replica one of them. From there it has all redo, but not the word of a quorum that
    // this is all: elsewhere another could be the writer.
    seats[1..].iter().for_each(|seat| seat.sit(Arc::new(Gone)));
    let cut_at = std::time::Instant::now();
    let (mut page, word) = (Lsn::ZERO, replica.counters());
    for value in 1..=20 {
        page = write(&volume, 0, page, value);
        durable(&volume, page).await;
        let applied = tokio::time::timeout(LONG, replica.wait_applied(page)).await;
        applied.expect("it hears of it").expect("it was not stopped");
    }
    assert!(word.relayed.load(Ordering::Relaxed) > 0, "{:?}", word.list());
    let cut_for = cut_at.elapsed();
    assert!(replica.age() >= cut_for, "{:?}", replica.age());
    replica.stop().await;
    volume.close();
}
