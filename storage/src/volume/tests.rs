//! The volume from end to end over six nodes in memory: what is told durable, and what survives.

use super::replica::{ReplicaOptions, ReplicaVolume};
use super::shipping::Census;
use super::testing::{FakeNode, Faults, LAL_BYTES, PAGES_PER_GROUP, config, options, six};
use super::writer::{Opened, STALLED_AFTER, WriterVolume};
use super::{cluster, monotonic_clock, wall_clock};
use crate::quorum::COPIES;
use parking_lot::Mutex;
use protocol::node::StorageNode;
use protocol::page::PageKind;
use protocol::redo::{Change, Patch, Record};
use protocol::rpc::cluster::GroupTail;
use protocol::rpc::storage::ServerInfo;
use protocol::volume::{Durability, PageChange, PageSource, RedoLog, RedoSink, VolumeError};
use protocol::{Ballot, Lsn, PageId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);
const WELL: Faults = Faults {
    down: false,
    stopped: false,
    full: false,
    unflushed: false,
    rotten: false,
    lose: 0,
    slow: Duration::ZERO,
    late: Duration::ZERO,
};
const DOWN: Faults = Faults { down: true, ..WELL };
const STOPPED: Faults = Faults { stopped: true, ..WELL };

async fn open(nodes: &[Arc<dyn StorageNode>], instance: u32) -> (Arc<WriterVolume>, Opened) {
    timeout(LONG, WriterVolume::open(nodes.to_vec(), options(instance)))
        .await
        .expect("recovery ends")
        .expect("recovery succeeds")
}

/// A writer that keeps its pages' LSNs, and what each of its records wrote.
struct Client {
    volume: Arc<WriterVolume>,
    pages: Mutex<BTreeMap<u64, Lsn>>,
}

impl Client {
    fn new(volume: Arc<WriterVolume>) -> Client {
        Client { volume, pages: Mutex::default() }
    }

    /// One mini-transaction that writes `value` into each page. Returns its LSN.
    fn write(&self, pages: &[u64], value: u64) -> Lsn {
        let mut lsns = self.pages.lock();
        let mut changes = Vec::new();
        let mut of = Vec::new();
        for &page in pages {
            let prev_page = lsns.get(&page).copied().unwrap_or(Lsn::ZERO);
            if prev_page.is_zero() {
                let (right, left) = (PageId::NONE, PageId::NONE);
                let change = Change::Init { kind: PageKind::Raw, level: 0, flags: 0, owner: 0, right, left };
                changes.push(PageChange { page: PageId(page), prev_page, change });
                of.push(page);
            }
            let patches = vec![Patch { offset: 64, bytes: value.to_le_bytes().to_vec().into() }];
            changes.push(PageChange { page: PageId(page), prev_page, change: Change::PatchRaw { patches } });
            of.push(page);
        }
        let mut last = Lsn::ZERO;
        self.volume.append(&changes, &mut |published| {
            for (&page, &lsn) in of.iter().zip(published) {
                lsns.insert(page, lsn);
                last = lsn;
            }
        });
        last
    }

    async fn commit(&self, pages: &[u64], value: u64) -> Lsn {
        let lsn = self.write(pages, value);
        flushed(&self.volume, lsn).await;
        lsn
    }
}

async fn flushed(volume: &WriterVolume, lsn: Lsn) {
    timeout(LONG, volume.wait(lsn, Durability::Flushed))
        .await
        .expect("it becomes durable")
        .expect("nobody else writes");
}

async fn value_at(source: &dyn PageSource, page: u64) -> u64 {
    let fetched = timeout(LONG, source.fetch(PageId(page))).await.expect("it is served").expect("it is sound");
    fetched.page.u64_at(64)
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(LONG, waiting).await.is_ok(), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_is_durable_on_four_and_read_back() {
    let (fakes, nodes) = six();
    let (volume, opened) = open(&nodes, 1).await;
    assert_eq!((opened.vdl, opened.ballot, opened.first_lsn), (Lsn::ZERO, Ballot::new(1, 1), Lsn(LAL_BYTES + 1)));
    let client = Client::new(Arc::clone(&volume));
    let lsn = client.commit(&[3], 42).await;
    assert!(lsn >= opened.first_lsn && volume.end() == lsn && volume.flushed_vdl() >= lsn);
    assert!(fakes.iter().filter(|node| node.scl(0) >= lsn).count() >= 4);
    assert_eq!(value_at(&*volume, 3).await, 42);
    assert_eq!(value_at(&*volume, 4).await, 0, "a page that was never written is empty");
    until("idle nodes hear the VDL", || fakes.iter().all(|node| node.vdl_heard() == lsn)).await;
    let counters: BTreeMap<_, _> = volume.counters().list().into_iter().collect();
    assert_eq!((counters["page_bytes_sent"], counters["batches_sent"] - counters["batches_resent"]), (0, 6));
    // A node that was not heard in time is connected to again, and is sent again what it may not have.
    assert!(counters["batches_resent"] == 0 || counters["connects"] > 6, "{counters:?}");
    assert_eq!((counters["quorum_reads_recovery"], counters["quorum_reads_bookkeeping"]), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dead_nodes_do_not_matter_and_three_stop_writes_until_one_is_back() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    for dead in [1, 4] {
        fakes[dead].set(DOWN);
        client.commit(&[1, 9], dead as u64).await;
    }
    fakes[2].set(DOWN);
    let lsn = client.write(&[1], 77);
    assert!(timeout(SHORT, volume.wait(lsn, Durability::Flushed)).await.is_err(), "three copies are no quorum");
    assert_eq!(value_at(&*volume, 9).await, 4, "reads go on");
    fakes[1].set(Faults::default());
    flushed(&volume, lsn).await;
    assert_eq!(fakes[1].scl(0), lsn, "it was sent all that it had missed");
    assert_eq!(value_at(&*volume, 1).await, 77);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_node_and_a_slow_one_delay_nobody() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[1], 0).await;
    fakes[0].set(STOPPED);
    fakes[5].set(Faults { slow: Duration::from_secs(3), ..Faults::default() });
    for value in 1..=20 {
        client.commit(&[1], value).await;
    }
    let end = volume.end();
    assert!(fakes[5].scl(0) < end, "they did not wait for it");
    fakes[0].set(Faults::default());
    fakes[5].set(Faults::default());
    until("both catch up", || fakes.iter().all(|node| node.scl(0) == end)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_late_once_is_not_the_first_choice_again() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[1], 20).await;
    until("all are fresh", || fakes.iter().all(|node| node.vdl_heard() == volume.end())).await;
    fakes[0].set(STOPPED);
    for _ in 0..50 {
        assert_eq!(value_at(&*volume, 1).await, 20);
    }
    let hedges = volume.counters().hedges_sent.load(std::sync::atomic::Ordering::Relaxed);
    assert!((1..10).contains(&hedges), "{hedges} hedges");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_batches_are_sent_again() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[1], 1).await;
    // The same batch is lost on three: nobody could gossip it to a quorum.
    for node in &fakes[..3] {
        node.set(Faults { lose: 1, ..Faults::default() });
    }
    for value in 2..6 {
        client.commit(&[1, 10], value).await;
    }
    let end = volume.end();
    until("all are complete", || fakes.iter().all(|node| node.scl(1) == end)).await;
    let resent = volume.counters().batches_resent.load(std::sync::atomic::Ordering::Relaxed);
    assert!(resent >= 3, "{resent} resent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn received_wakes_remote_write_and_none_waits_for_nothing() {
    let (_, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    let lsn = client.write(&[1], 1);
    timeout(LONG, volume.wait(lsn, Durability::None)).await.expect("at once").expect("always");
    timeout(LONG, volume.wait(lsn, Durability::Received)).await.expect("soon").expect("nobody else writes");
    assert!(volume.is_durable(lsn, Durability::Received) && volume.received_vdl() >= lsn);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_nobody_waited_for_is_asked_for_by_who_comes_later() {
    let (_, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    let asked = || volume.counters().flushes_asked.load(std::sync::atomic::Ordering::Relaxed);
    let before = asked();
    // Nodes that were idle meanwhile have flushed by themselves.
    for value in 1..=1000 {
        let lsn = client.write(&[1], value);
        timeout(LONG, volume.wait(lsn, Durability::Received)).await.expect("soon").expect("nobody else writes");
        flushed(&volume, lsn).await;
        if asked() > before {
            return;
        }
    }
    panic!("nobody asks");
}

/// T29.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_quorum_received_is_taken_back_when_a_node_loses_power() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[1], 1).await;
    until("all are well", || volume.write_state().0.taking == 6).await;
    for (index, node) in fakes.iter().enumerate() {
        node.set(if index < 4 { Faults { unflushed: true, ..Faults::default() } } else { DOWN });
    }
    let lsn = client.write(&[1], 2);
    timeout(LONG, volume.wait(lsn, Durability::Received)).await.expect("four receive it").expect("nobody else writes");
    assert!(!volume.is_durable(lsn, Durability::Flushed) && volume.flushed_vdl() < lsn);
    fakes[0].set(DOWN);
    until("its stream has ended", || volume.write_state().0.down == 3).await;
    fakes[0].power_cut();
    fakes[0].set(Faults { full: true, ..Faults::default() });
    until("three copies are no quorum", || !volume.is_durable(lsn, Durability::Received)).await;
    assert!(timeout(SHORT, volume.wait(lsn, Durability::Received)).await.is_err(), "whoever asks now waits");
    assert!(volume.received_vdl() >= lsn, "what was shown is not taken back");
    assert!(!fakes.iter().any(|node| node.vdl_heard() >= lsn), "nothing that destroys goes by received");
    fakes.iter().for_each(|node| node.set(Faults::default()));
    flushed(&volume, lsn).await;
    assert_eq!(value_at(&*volume, 1).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_writer_fences_the_first_which_acknowledges_nothing_any_more() {
    let (fakes, nodes) = six();
    let (old, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&old));
    let durable = client.commit(&[1], 1).await;
    let (new, opened) = open(&nodes, 2).await;
    assert!(opened.vdl >= durable && opened.ballot > old.ballot());
    assert!(fakes.iter().all(|node| node.promised() == opened.ballot));
    let lsn = client.write(&[1], 2);
    let outcome = timeout(LONG, old.wait(lsn, Durability::Flushed)).await.expect("it learns of it");
    assert_eq!(outcome, Err(VolumeError::Fenced));
    timeout(LONG, old.fenced()).await.expect("it is fenced");
    assert!(old.is_fenced() && !old.has_room(1));
    assert_eq!(timeout(LONG, old.reserve(1)).await.expect("at once"), Err(VolumeError::Fenced));
    let later = client.write(&[1], 3);
    assert_eq!(old.wait(later, Durability::Received).await, Err(VolumeError::Fenced));
    assert!(old.fetch(PageId(1)).await.is_err());
    assert_eq!(value_at(&*new, 1).await, 1, "what was not acknowledged was cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn allocation_stops_at_the_limit_and_goes_on_when_storage_does() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[1], 0).await;
    for node in &fakes[..3] {
        node.set(DOWN);
    }
    let mut writes = 0;
    // By the limit alone: nothing is let in either where nothing became durable for a while.
    while volume.room_bytes() >= 100 {
        client.write(&[1], writes);
        writes += 1;
    }
    assert!(!volume.has_room(100));
    let ahead = volume.end().since(volume.flushed_vdl());
    assert!(ahead <= LAL_BYTES && ahead > LAL_BYTES / 2, "{ahead}");
    assert!(timeout(SHORT, volume.reserve(100)).await.is_err());
    fakes[0].set(Faults::default());
    timeout(LONG, volume.reserve(100)).await.expect("there is room again").expect("nobody else writes");
    flushed(&volume, volume.end()).await;
    assert_eq!(value_at(&*volume, 1).await, writes - 1);
}

/// A clock that jumps, as it seems to a process that was stopped.
struct Jumping {
    clock: super::Clock,
    ahead: Arc<std::sync::atomic::AtomicU64>,
}

impl Jumping {
    fn new() -> Jumping {
        let (real, ahead) = (monotonic_clock(), Arc::new(std::sync::atomic::AtomicU64::new(0)));
        let seconds = Arc::clone(&ahead);
        let clock: super::Clock =
            Arc::new(move || real() + Duration::from_secs(seconds.load(std::sync::atomic::Ordering::Relaxed)));
        Jumping { clock, ahead }
    }

    fn jump(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, std::sync::atomic::Ordering::Relaxed);
    }

    async fn open(&self, nodes: &[Arc<dyn StorageNode>]) -> Arc<WriterVolume> {
        let options = super::writer::OpenOptions { clock: Arc::clone(&self.clock), ..options(1) };
        timeout(LONG, WriterVolume::open(nodes.to_vec(), options)).await.expect("it ends").expect("it succeeds").0
    }
}

/// Asks until it is confirmed: a question is given up soon, and on a busy machine no answer may come by then.
async fn confirmed(volume: &WriterVolume) {
    let asking = async {
        while volume.confirm().await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(LONG, asking).await.expect("the nodes answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_hears_no_quorum_answers_nothing_until_it_does() {
    let (fakes, nodes) = six();
    let time = Jumping::new();
    let volume = time.open(&nodes).await;
    Client::new(Arc::clone(&volume)).commit(&[1], 1).await;
    confirmed(&volume).await;
    // Only stopped, and nobody took over: it goes on at once, but not before it has heard of it.
    fakes.iter().for_each(|node| node.set(STOPPED));
    time.jump(30);
    until("it is not confirmed", || !volume.is_confirmed()).await;
    fakes.iter().for_each(|node| node.set(Faults::default()));
    confirmed(&volume).await;
    // Cut off from four: two are no read quorum.
    for node in &fakes[..4] {
        node.set(STOPPED);
    }
    time.jump(2);
    until("what was answered before does not confirm it", || !volume.is_confirmed()).await;
    let refused = timeout(LONG, volume.confirm()).await.expect("it does not wait for long");
    assert!(matches!(refused, Err(VolumeError::Unavailable(_))), "{refused:?}");
    // Three are.
    fakes[0].set(Faults::default());
    until("it is confirmed again", || volume.is_confirmed()).await;
    confirmed(&volume).await;
    // Someone took over while it was stopped.
    fakes.iter().for_each(|node| node.set(Faults::default()));
    let (successor, _) = open(&nodes, 2).await;
    time.jump(30);
    assert!(matches!(volume.confirm().await, Err(VolumeError::Unavailable(_))));
    confirmed(&successor).await;
}

/// No ack comes, be it for a second, and yet nobody is refused anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_whose_nodes_wait_for_their_disks_is_confirmed_by_asking_them() {
    let (fakes, nodes) = six();
    let time = Jumping::new();
    let volume = time.open(&nodes).await;
    Client::new(Arc::clone(&volume)).commit(&[1], 1).await;
    fakes.iter().for_each(|node| node.set(Faults { slow: Duration::from_secs(5), ..WELL }));
    time.jump(2);
    until("it is not confirmed", || !volume.is_confirmed()).await;
    volume.confirm().await.expect("nodes answer from memory");
    assert!(volume.is_confirmed());
    // Three of them are a read quorum, and two are none.
    fakes[..3].iter().for_each(|node| node.set(STOPPED));
    time.jump(2);
    volume.confirm().await.expect("three answer");
    fakes[3].set(STOPPED);
    time.jump(2);
    assert!(matches!(volume.confirm().await, Err(VolumeError::Unavailable(_))));
}

/// F4, F5, F10, F39.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_no_more_is_let_in_waits_end_and_all_goes_on_with_the_fourth_node() {
    let (fakes, nodes) = six();
    let time = Jumping::new();
    let volume = time.open(&nodes).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[1, 9], 1).await;
    until("all are well", || volume.write_state() == (Census { taking: 6, ..Census::default() }, None)).await;
    for (node, faults) in fakes.iter().zip([DOWN, DOWN, STOPPED]) {
        node.set(faults);
    }
    let lsn = client.write(&[1], 2);
    let waiting = tokio::spawn({
        let volume = Arc::clone(&volume);
        async move { volume.wait(lsn, Durability::Flushed).await }
    });
    until("it waits", || volume.write_state().1.is_some()).await;
    let room = volume.has_room(1);
    assert!(room || volume.write_state().1 >= Some(STALLED_AFTER), "for a while nobody notices");
    time.jump(2);
    until("nothing is let in", || !volume.has_room(1)).await;
    // The stopped one is silent first, and down when its stream has been given up.
    until("the nodes are known for what they are", || {
        let census = volume.write_state().0;
        (census.taking, census.silent + census.down) == (3, 3)
    })
    .await;
    assert_eq!(value_at(&*volume, 9).await, 1, "reads go on");
    assert!(!waiting.is_finished());
    // The patience is over for the commit, whose fate is unknown...
    time.jump(60);
    let outcome = timeout(LONG, waiting).await.expect("it ends").expect("it does not panic");
    assert!(matches!(&outcome, Err(VolumeError::Unavailable(why)) if why.starts_with("3 of 6")), "{outcome:?}");
    // ...and for what has not begun, of which nothing is in the log.
    volume.set_patience(Duration::from_millis(20));
    let refused = timeout(LONG, volume.reserve(1)).await.expect("it ends");
    assert!(matches!(&refused, Err(VolumeError::Unavailable(why)) if why.starts_with("3 of 6")), "{refused:?}");
    volume.set_patience(super::writer::PATIENCE);
    fakes[0].set(Faults::default());
    timeout(LONG, volume.reserve(1)).await.expect("it is let in").expect("nobody else writes");
    flushed(&volume, lsn).await;
    assert_eq!((value_at(&*volume, 1).await, volume.write_state().1), (2, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disks_are_told_from_nodes_that_are_gone() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[1], 1).await;
    for node in &fakes[..3] {
        node.set(Faults { full: true, ..Faults::default() });
    }
    let lsn = client.write(&[1], 2);
    volume.set_patience(Duration::from_millis(20));
    until("they are full", || volume.write_state().0.full == 3).await;
    until("nothing is let in", || !volume.has_room(1)).await;
    let refused = timeout(LONG, volume.reserve(1)).await.expect("it ends");
    assert!(matches!(&refused, Err(VolumeError::Full(why)) if why.contains("3 full")), "{refused:?}");
    fakes[2].set(Faults::default());
    volume.set_patience(LONG);
    flushed(&volume, lsn).await;
    assert!(volume.has_room(1));
}

/// Sessions that do not ask for room first exceed the limit: what lies above it must not leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_above_the_limit_leaves() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    let durable = client.commit(&[1], 0).await;
    for node in &fakes[..3] {
        node.set(STOPPED);
    }
    while volume.end() < durable.advance(3 * LAL_BYTES) {
        client.write(&[1], volume.end().0);
        if volume.end().0 % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }
    tokio::time::sleep(SHORT).await;
    let limit = durable.advance(LAL_BYTES);
    assert!(fakes.iter().all(|node| node.scl(0) <= limit));
}

/// Whoever hangs is waited for only as long as it takes to hear those that are needed, and a little longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_node_holds_up_neither_leases_nor_status() {
    let (fakes, nodes) = six();
    let nodes = cluster::nodes(nodes);
    let server = ServerInfo { instance: 9, role: "writer".into(), ..Default::default() };
    for (stopped, next) in fakes.iter().enumerate().take(3) {
        let mut tries = 0;
        let took = loop {
            tries += 1;
            let started = std::time::Instant::now();
            let config = cluster::config(&nodes).await.expect("one answers");
            let book = cluster::register(&nodes, config.volume, Some(server.clone()), 1000).await;
            let book = book.expect("four answer");
            assert_eq!((book.answered, book.servers.len()), (6 - stopped, 1));
            let up = cluster::status(&nodes, 3).await.iter().filter(|status| status.is_ok()).count();
            assert_eq!(up, 6 - stopped, "hung nodes are down, the others are not");
            // A machine may be slow once; whoever waits for those that hang is slow whenever it is tried.
            if started.elapsed() < super::VOLUME_CALL_TIMEOUT || tries == 10 {
                break started.elapsed();
            }
        };
        assert!(took < super::VOLUME_CALL_TIMEOUT, "three rounds took {took:?}");
        next.set(STOPPED);
    }
    let failed = cluster::register(&nodes, config_of(&nodes).await, Some(server), 1000).await;
    assert!(matches!(failed, Err(VolumeError::Unavailable(_))), "three are no quorum for a lease");
}

async fn config_of(nodes: &super::Nodes) -> u64 {
    cluster::config(nodes).await.expect("three answer").volume
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_recoverers_race_and_one_wins() {
    let (_, nodes) = six();
    let durable = {
        let (volume, _) = open(&nodes, 1).await;
        let client = Client::new(Arc::clone(&volume));
        client.commit(&[1, 9, 17], 5).await
    };
    let (a, b) = tokio::join!(open(&nodes, 2), open(&nodes, 3));
    assert_ne!(a.1.ballot, b.1.ballot);
    let (winner, loser) = if a.1.ballot > b.1.ballot { (a, b) } else { (b, a) };
    assert!(winner.1.vdl >= durable);
    timeout(LONG, loser.0.fenced()).await.expect("the loser learns of it");
    assert_eq!(value_at(&*winner.0, 17).await, 5);
    let client = Client::new(Arc::clone(&winner.0));
    client.commit(&[30], 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovery_completes_on_four_what_it_found_on_two() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[1, 9], 1).await;
    until("all have it", || fakes.iter().all(|node| node.scl(1) == volume.end())).await;
    for node in &fakes[3..] {
        node.set(DOWN);
    }
    let lsn = client.write(&[1, 9], 2);
    until("three have it", || fakes[..3].iter().all(|node| node.scl(1) == lsn)).await;
    volume.close();
    for (node, faults) in
        fakes.iter().zip([DOWN, Faults::default(), Faults::default(), Faults::default(), Faults::default(), DOWN])
    {
        node.set(faults);
    }
    let (volume, opened) = open(&nodes, 2).await;
    assert_eq!(opened.vdl, lsn, "two of four that answer: the silent two may have told somebody");
    assert!(fakes[1..5].iter().all(|node| node.scl(1) == lsn));
    assert_eq!(value_at(&*volume, 9).await, 2);
}

/// Writers die at random points, with batches lost, nodes dead and stopped: each next one has all that was acknowledged,
/// and each page has exactly what its redo says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_commit_survives_any_crash() {
    use rand::{Rng, SeedableRng};
    for seed in 0..12u64 {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let (fakes, nodes) = six();
        let mut acknowledged: BTreeMap<u64, u64> = BTreeMap::new();
        let mut value = 0;
        for instance in 1..6 {
            let (volume, opened) = open(&nodes, instance).await;
            for (&page, &least) in &acknowledged {
                let found = value_at(&*volume, page).await;
                assert!(
                    found >= least,
                    "seed {seed}: page {page} has {found}, acknowledged {least}, at {}",
                    opened.vdl
                );
                assert!(found <= value, "seed {seed}: page {page} has {found}, never written");
            }
            let client = Client::new(Arc::clone(&volume));
            for page in 0..3 * u64::from(PAGES_PER_GROUP) {
                let fetched = volume.fetch(PageId(page)).await.expect("it is served");
                if !fetched.page.lsn().is_zero() {
                    client.pages.lock().insert(page, fetched.page.lsn());
                }
            }
            for node in &fakes {
                let lose = if random.random_bool(0.3) { random.random_range(0..3) } else { 0 };
                node.set(Faults {
                    lose,
                    slow: Duration::from_micros(random.random_range(0..500)),
                    ..Faults::default()
                });
            }
            let broken = [random.random_range(0..6), random.random_range(0..6)];
            fakes[broken[0]].set(DOWN);
            fakes[broken[1]].set(STOPPED);
            let mut waiting = Vec::new();
            for _ in 0..random.random_range(1..30) {
                value += 1;
                let pages = [random.random_range(0..24), random.random_range(0..24)];
                let lsn = client.write(&pages, value);
                waiting.push((lsn, pages, value));
                if random.random_bool(0.3) {
                    // May be too early: then it is not acknowledged.
                    let _ = timeout(Duration::from_millis(3), volume.wait(lsn, Durability::Flushed)).await;
                }
            }
            for (lsn, pages, value) in waiting {
                if volume.is_durable(lsn, Durability::Flushed) {
                    acknowledged.extend(pages.map(|page| (page, value)));
                }
            }
            // Half of them live on as zombies for a while.
            if random.random_bool(0.5) {
                volume.close();
            }
            for node in &fakes {
                node.set(Faults::default());
            }
            for node in &fakes[..random.random_range(0..3)] {
                node.set(DOWN);
            }
        }
    }
}

/// F4: whoever stands while three are there leaves nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_takeover_that_hears_three_nodes_changes_no_table() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    let durable = client.commit(&[1, 9], 1).await;
    until("all have it", || fakes.iter().all(|node| node.scl(1) == durable && node.vdl_heard() == durable)).await;
    volume.close();
    fakes[3..].iter().for_each(|node| node.set(DOWN));
    for instance in 2..22 {
        let promised = fakes[0].promised();
        let standing = tokio::spawn({
            let nodes = nodes.clone();
            async move { WriterVolume::open(nodes, options(instance)).await.map(drop) }
        });
        // Two attempts each: the first one ended.
        until("it tries again", || fakes[0].promised().counter() >= promised.counter() + 2).await;
        standing.abort();
    }
    assert!(fakes.iter().all(|node| node.recoveries() == 1), "nothing was installed");
    fakes[4].set(Faults::default());
    let (volume, opened) = open(&nodes, 30).await;
    assert_eq!((opened.vdl, opened.first_lsn.0), (durable, durable.0.max(LAL_BYTES) + LAL_BYTES + 1));
    assert_eq!(value_at(&*volume, 9).await, 1);
}

/// Counts what it is given, and checks that it is a prefix of the volume in whole mini-transactions.
#[derive(Default)]
struct Sink {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    values: BTreeMap<u64, u64>,
    last: Lsn,
    applied: Lsn,
    invalidations: usize,
}

impl RedoSink for Sink {
    fn apply(&self, records: &[Record], applied: Lsn) -> Result<(), VolumeError> {
        let mut seen = self.seen.lock();
        for record in records {
            let header = record.header;
            assert!(header.lsn > seen.last && (seen.last.is_zero() || header.prev_volume == seen.last));
            seen.last = header.lsn;
            if let Change::PatchRaw { patches } = &record.change {
                let value = u64::from_le_bytes(patches[0].bytes[..].try_into().expect("eight bytes"));
                seen.values.insert(header.page.0, value);
            }
        }
        assert_eq!(seen.last, applied);
        assert!(records.last().expect("it is not empty").header.end_of_mtr);
        // Both pages of a mini-transaction are written alike.
        assert_eq!(seen.values.get(&1), seen.values.get(&9));
        seen.applied = applied;
        Ok(())
    }

    fn invalidate(&self, applied: Lsn) {
        let mut seen = self.seen.lock();
        *seen = Seen { applied, last: applied, invalidations: seen.invalidations + 1, ..Seen::default() };
    }
}

async fn follow(nodes: &[Arc<dyn StorageNode>], poll_after: Duration) -> (Arc<ReplicaVolume>, Arc<Sink>) {
    let runtime = protocol::task::Runtime::current();
    let replica_options = ReplicaOptions {
        poll_after,
        staged_bytes_max: 200,
        far_behind_bytes: 1 << 20,
        ..ReplicaOptions::new(1, runtime, monotonic_clock(), wall_clock())
    };
    let replica = ReplicaVolume::open(nodes.to_vec(), replica_options).await.expect("a read quorum answers");
    let sink = Arc::new(Sink::default());
    sink.seen.lock().last = replica.applied();
    replica.set_sink(Arc::clone(&sink) as Arc<dyn RedoSink>);
    (replica, sink)
}

fn relay(volume: &WriterVolume, replica: &Arc<ReplicaVolume>, lose_every: u64) {
    let mut notices = volume.notices();
    let replica = Arc::downgrade(replica);
    tokio::spawn(async move {
        let mut count = 0;
        while let Some(notice) = notices.next().await {
            count += 1;
            let Some(replica) = replica.upgrade() else { return };
            if lose_every == 0 || count % lose_every != 0 {
                replica.notify(&notice);
                replica.notify(&notice);
            }
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_sees_prefixes_and_reads_at_what_it_applied() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[1, 9], 1).await;
    let (replica, sink) = follow(&nodes, Duration::from_millis(300)).await;
    relay(&volume, &replica, 3);
    fakes[0].set(STOPPED);
    for value in 2..100 {
        client.commit(&[1, 9], value).await;
    }
    let end = volume.end();
    timeout(LONG, replica.wait_applied(end)).await.expect("it catches up").expect("it was not stopped");
    assert_eq!(sink.seen.lock().values.get(&9), Some(&99));
    assert_eq!((value_at(&*replica, 9).await, replica.applied(), replica.flushed_vdl()), (99, end, end));
    assert_eq!(sink.seen.lock().invalidations, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_without_notices_asks_the_nodes() {
    let (_, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    let (replica, _sink) = follow(&nodes, Duration::from_millis(20)).await;
    let lsn = client.commit(&[1, 9], 1).await;
    timeout(LONG, replica.wait_applied(lsn)).await.expect("it hears of it").expect("it was not stopped");
    assert_eq!(value_at(&*replica, 1).await, 1);
}

/// Two nodes answer at once and the third that is needed does not: what they tell is as old as their answers.
#[tokio::test]
async fn what_a_slow_poll_tells_is_as_old_as_the_question() {
    let (fakes, nodes) = six();
    let late = Duration::from_millis(200);
    let mut options = ReplicaOptions::new(1, protocol::task::Runtime::current(), monotonic_clock(), wall_clock());
    options.poll_after = Duration::from_millis(20);
    let replica = ReplicaVolume::open(nodes, options).await.expect("six answer");
    fakes[2].set(Faults { late, ..WELL });
    fakes[3..].iter().for_each(|node| node.set(DOWN));
    replica.set_sink(Arc::new(Sink::default()));
    until("it becomes old", || replica.age() >= late).await;
    let polls = || replica.counters().polls.load(std::sync::atomic::Ordering::Relaxed);
    let (before, mut fresh) = (polls(), 0);
    let mut last = replica.age();
    let deadline = std::time::Instant::now() + LONG;
    while polls() < before + 4 {
        assert!(std::time::Instant::now() < deadline, "it polls");
        tokio::time::sleep(Duration::from_millis(2)).await;
        let age = replica.age();
        fresh += u32::from(age < last);
        assert!(age >= late, "{age:?}, after answers that took {late:?}");
        last = age;
    }
    assert!(fresh >= 2, "polls make it younger");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_stopped_holds_nobody_who_applied_its_redo() {
    let (_, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let (replica, sink) = follow(&nodes, LONG).await;
    let held = Arc::downgrade(&sink);
    drop(sink);
    assert!(held.upgrade().is_some(), "it applies redo to it");
    replica.stop().await;
    // An engine has the replica as its source of pages: the two would never end.
    assert!(held.upgrade().is_none());
    drop(volume);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_that_are_lost_repeated_and_out_of_order_end_in_the_same_redo() {
    let (_, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    // Nobody but the writer tells it anything.
    let (replica, sink) = follow(&nodes, LONG).await;
    let mut notices = volume.notices();
    let mut sent = Vec::new();
    for value in 1..=60 {
        client.commit(&[1, 9], value).await;
        let notice = timeout(LONG, notices.next()).await.expect("there is one");
        sent.push(notice.expect("it is open"));
    }
    for (index, three) in sent.chunks(3).enumerate() {
        // The later one first and again at the end, the earlier one in between, the last one never.
        [1, 0, 1].iter().for_each(|&at: &usize| replica.notify(&three[at]));
        let told = Lsn(three[1].flushed_vdl);
        timeout(LONG, replica.wait_applied(told)).await.expect("it goes on").expect("it was not stopped");
        assert_eq!((replica.applied(), replica.flushed_vdl()), (told, told), "what it was told, and not less since");
        assert_eq!(sink.seen.lock().values.get(&9), Some(&(3 * index as u64 + 2)));
    }
    replica.notify(&sent[59]);
    timeout(LONG, replica.wait_applied(volume.end())).await.expect("it goes on").expect("it was not stopped");
    let seen = sink.seen.lock();
    assert_eq!((seen.invalidations, seen.values.get(&1)), (0, Some(&60)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_goes_round_a_hole_in_a_node_and_leaves_one_that_dies() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    // It asks node 0 first.
    let (replica, sink) = follow(&nodes, LONG).await;
    client.commit(&[1, 9], 1).await;
    fakes[0].set(Faults { lose: u32::MAX, ..Faults::default() });
    let hole = client.commit(&[1, 9], 2).await;
    fakes[0].set(Faults::default());
    client.commit(&[1, 9], 3).await;
    let notice = volume.notices().next().await.expect("it is open");
    replica.notify(&notice);
    timeout(LONG, replica.wait_applied(volume.end())).await.expect("others have it").expect("it was not stopped");
    assert!(replica.applied() > hole);
    // Whoever serves it now dies between two pulls, one after the other, until four are left.
    for (value, node) in [(4, 1), (5, 2)] {
        fakes[node].set(DOWN);
        client.commit(&[1, 9], value).await;
        let notice = volume.notices().next().await.expect("it is open");
        replica.notify(&notice);
        timeout(LONG, replica.wait_applied(volume.end())).await.expect("others have it").expect("it was not stopped");
    }
    // The sink holds every record against the one before: none is missing, none came twice.
    let seen = sink.seen.lock();
    assert_eq!((seen.invalidations, seen.values.get(&9)), (0, Some(&5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_follows_a_new_writer_and_ignores_the_old_one() {
    let (_, nodes) = six();
    let (old, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&old));
    let (replica, sink) = follow(&nodes, Duration::from_secs(5)).await;
    relay(&old, &replica, 0);
    client.commit(&[1, 9], 1).await;
    let mut stale = old.notices();
    let stale = stale.next().await.expect("it is open");
    let (new, opened) = open(&nodes, 2).await;
    relay(&new, &replica, 0);
    let client = Client { volume: Arc::clone(&new), pages: Mutex::new(std::mem::take(&mut client.pages.lock())) };
    let lsn = client.commit(&[1, 9], 2).await;
    timeout(LONG, replica.wait_applied(lsn)).await.expect("it follows").expect("it was not stopped");
    replica.notify(&protocol::rpc::cluster::Notice { flushed_vdl: u64::MAX / 2, ..stale });
    assert_eq!((replica.ballot(), replica.flushed_vdl()), (opened.ballot, lsn));
    assert_eq!(sink.seen.lock().values.get(&1), Some(&2));
    replica.stop().await;
    let applied = replica.applied();
    client.commit(&[1, 9], 3).await;
    assert_eq!(replica.applied(), applied, "a stopped replica applies nothing more");
    let fetched = timeout(LONG, replica.fetch(PageId(1))).await.expect("it is served").expect("while it is promoted");
    assert_eq!((fetched.page.u64_at(64), fetched.read_point), (2, applied), "and answers as of then");
}

/// Of a group at rest it was told more than there is, as by a node that held what a takeover has annulled since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_looks_once_for_what_a_group_does_not_have() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[2], 1).await;
    // Nobody but the writer tells it anything.
    let (replica, _sink) = follow(&nodes, LONG).await;
    let mut notices = volume.notices();
    let asked = || fakes.iter().map(|node| node.pulls(0)).sum::<u64>();
    let mut asked_at_first = 0;
    for value in 1..=20 {
        let lsn = client.commit(&[10], value).await;
        let mut told = Lsn::ZERO;
        while told < lsn {
            let notice = timeout(LONG, notices.next()).await.expect("there is one");
            let mut notice = notice.expect("it is open");
            told = Lsn(notice.flushed_vdl);
            if value == 1 {
                notice.tails.push(GroupTail { group: 0, tail: told.0 });
            }
            replica.notify(&notice);
        }
        timeout(LONG, replica.wait_applied(lsn)).await.expect("it goes on").expect("it was not stopped");
        if value == 1 {
            asked_at_first = asked();
        }
    }
    let asked = asked() - asked_at_first;
    assert!(asked <= 2 * COPIES as u64, "{asked} times");
}

/// Each takeover skips LSNs: many of them are no redo that a replica would lack.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_keeps_its_cache_over_takeovers_that_wrote_little() {
    let (_, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    client.commit(&[1, 9], 1).await;
    let (replica, sink) = follow(&nodes, LONG).await;
    let before = replica.applied();
    let mut last = volume;
    for instance in 2..22 {
        last = open(&nodes, instance).await.0;
    }
    let client = Client { volume: Arc::clone(&last), pages: Mutex::new(std::mem::take(&mut client.pages.lock())) };
    let end = client.commit(&[1, 9], 2).await;
    assert!(end.since(before) > 1 << 20, "far behind, by LSN");
    relay(&last, &replica, 0);
    timeout(LONG, replica.wait_applied(end)).await.expect("it follows").expect("it was not stopped");
    let seen = sink.seen.lock();
    assert_eq!((seen.invalidations, seen.values.get(&9)), (0, Some(&2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_behind_the_retained_redo_drops_its_cache_and_goes_on() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    let (replica, sink) = follow(&nodes, Duration::from_secs(5)).await;
    let lsn = client.commit(&[1, 9], 1).await;
    fakes.iter().for_each(|node| node.retire(lsn));
    let end = client.commit(&[1, 9], 2).await;
    relay(&volume, &replica, 0);
    timeout(LONG, replica.wait_applied(end)).await.expect("it goes on").expect("it was not stopped");
    assert_eq!(sink.seen.lock().invalidations, 1);
    assert_eq!(value_at(&*replica, 9).await, 2);
    let end = client.commit(&[1, 9], 3).await;
    timeout(LONG, replica.wait_applied(end)).await.expect("it goes on").expect("it was not stopped");
    let seen = sink.seen.lock();
    assert_eq!((seen.invalidations, seen.values.get(&9)), (1, Some(&3)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_reads_a_group_whose_newest_records_were_annulled() {
    let (fakes, nodes) = six();
    let (old, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&old));
    client.commit(&[1], 1).await;
    let durable = client.commit(&[9], 1).await;
    until("the nodes hear that it is durable", || fakes.iter().all(|node| node.vdl_heard() == durable)).await;
    // Two nodes get a record of page 1 that nobody else has...
    fakes[2..].iter().for_each(|node| node.set(DOWN));
    let lost = client.write(&[1], 2);
    until("two nodes have it", || fakes[..2].iter().all(|node| node.scl(0) == lost)).await;
    old.close();
    // ...and a replica that asks them: all it knows of the group is that it reaches beyond what is durable.
    fakes[2].set(Faults::default());
    let (replica, _sink) = follow(&nodes, LONG).await;
    assert_eq!(replica.applied(), durable);
    fakes[3..].iter().for_each(|node| node.set(Faults::default()));
    fakes[..2].iter().for_each(|node| node.set(DOWN));
    let (_new, opened) = open(&nodes, 2).await;
    assert_eq!(opened.vdl, durable);
    assert_eq!(value_at(&*replica, 1).await, 1, "four say how far the group reaches now");
}

/// Page 1 is everywhere; what is committed next nodes 4 and 5 hear of and do not get.
async fn heard_of_and_not_there(fakes: &[Arc<FakeNode>], client: &Client) -> Lsn {
    let first = client.commit(&[1], 1).await;
    until("all have it", || fakes.iter().all(|node| node.scl(0) == first && node.vdl_heard() == first)).await;
    fakes[4..].iter().for_each(|node| node.set(Faults { lose: u32::MAX, ..Faults::default() }));
    first
}

/// Only nodes without the newest version are there: nothing is read until one with it is.
async fn check_newest(fakes: &[Arc<FakeNode>], replica: &ReplicaVolume) {
    fakes[..4].iter().for_each(|node| node.set(DOWN));
    assert!(timeout(SHORT, replica.fetch(PageId(1))).await.is_err(), "no node that is there has what is durable");
    fakes[1].set(Faults::default());
    assert_eq!(value_at(replica, 1).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_opens_knows_every_tail_though_answers_are_of_different_times() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    heard_of_and_not_there(&fakes, &client).await;
    // An answer of node 0 is under way since before.
    fakes[0].answer_late();
    let second = client.commit(&[1], 2).await;
    until("the others hear of it", || fakes[4..].iter().all(|node| node.vdl_heard() == second)).await;
    fakes[1..4].iter().for_each(|node| node.set(DOWN));
    let (replica, _sink) = follow(&nodes, LONG).await;
    assert_eq!(replica.applied(), second);
    check_newest(&fakes, &replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_drops_its_cache_knows_every_tail_though_notices_were_lost() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    let first = heard_of_and_not_there(&fakes, &client).await;
    let runtime = protocol::task::Runtime::current();
    let mut options = ReplicaOptions::new(1, runtime, monotonic_clock(), wall_clock());
    (options.poll_after, options.far_behind_bytes) = (LONG, 1);
    let replica = ReplicaVolume::open(nodes.to_vec(), options).await.expect("a read quorum answers");
    assert_eq!(replica.applied(), first);
    let second = client.commit(&[1], 2).await;
    let mut notice = volume.notices().next().await.expect("it is open");
    notice.tails.clear();
    replica.notify(&notice);
    replica.set_sink(Arc::new(Sink::default()));
    timeout(LONG, replica.wait_applied(second)).await.expect("it goes on").expect("it was not stopped");
    check_newest(&fakes, &replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_does_not_wait_for_ever_for_redo_that_only_dead_nodes_have() {
    let (fakes, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    // It hears of nothing until all of this has happened.
    let (replica, sink) = follow(&nodes, LONG).await;
    // Node 4 misses the redo, two give it up, and those that have it die.
    fakes[4].set(DOWN);
    let lsn = client.commit(&[1, 9], 1).await;
    let end = client.commit(&[1, 9], 2).await;
    let notice = volume.notices().next().await.expect("it is open");
    volume.close();
    [2, 3, 5].iter().for_each(|&node| fakes[node as usize].set(DOWN));
    [0, 1].iter().for_each(|&node| fakes[node as usize].retire(lsn));
    fakes[4].set(Faults::default());
    replica.notify(&notice);
    timeout(LONG, replica.wait_applied(end)).await.expect("it goes on").expect("it was not stopped");
    assert_eq!(sink.seen.lock().invalidations, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_was_starved_holds_no_more_than_it_may_and_catches_up() {
    let (_, nodes) = six();
    let (volume, _) = open(&nodes, 1).await;
    let client = Client::new(Arc::clone(&volume));
    // It hears of nothing, as if it never got a processor, until all of this is written.
    let (replica, sink) = follow(&nodes, LONG).await;
    let mut end = Lsn::ZERO;
    for value in 1..2_000 {
        end = client.commit(&[1, 9], value).await;
    }
    relay(&volume, &replica, 0);
    timeout(LONG, replica.wait_applied(end)).await.expect("it catches up").expect("it was not stopped");
    let last = sink.seen.lock().values.get(&9).copied();
    assert_eq!((sink.seen.lock().invalidations, last), (0, Some(1_999)));
    // What it may hold, and the least that is asked for of each of the two groups.
    let peak = replica.staged_bytes_peak();
    assert!(0 < peak && peak <= 200 + 2 * (16 << 10) + (4 << 10), "{peak} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_commits_share_groups() {
    let (fakes, nodes) = six();
    fakes.iter().for_each(|node: &Arc<FakeNode>| {
        node.set(Faults { slow: Duration::from_micros(300), ..Faults::default() });
    });
    let (volume, _) = open(&nodes, 1).await;
    let mut sessions = Vec::new();
    for session in 0..16u64 {
        let volume = Arc::clone(&volume);
        sessions.push(tokio::spawn(async move {
            let client = Client::new(volume);
            for value in 0..20 {
                client.commit(&[session], value).await;
            }
        }));
    }
    for session in sessions {
        session.await.expect("no session panics");
    }
    let counters: BTreeMap<_, _> = volume.counters().list().into_iter().collect();
    assert_eq!(counters["grouped_mtrs"], 320);
    assert!(counters["groups"] < 160, "{} groups for 320 commits", counters["groups"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_found_in_the_address_book() {
    let (fakes, nodes) = six();
    let nodes = cluster::nodes(nodes);
    cluster::create_volume(&nodes, &config()).await.expect("all six answer");
    assert_eq!(cluster::config(&nodes).await, Ok(config()));
    let server = |instance, role: &str, counter| ServerInfo {
        instance,
        role: role.into(),
        ballot: Ballot::new(counter, 1).0,
        ..Default::default()
    };
    for server in [server(1, "writer", 1), server(2, "replica", 0), server(3, "writer", 2)] {
        cluster::register(&nodes, config().volume, Some(server), 1000).await.expect("a quorum answers");
    }
    fakes[0].set(DOWN);
    let book = cluster::register(&nodes, config().volume, None, 0).await.expect("five answer");
    assert_eq!((book.answered, book.servers.len(), book.writer().map(|writer| writer.instance)), (5, 3, Some(3)));
    fakes[1..3].iter().for_each(|node| node.set(DOWN));
    assert!(cluster::register(&nodes, config().volume, Some(server(4, "replica", 0)), 1000).await.is_err());
}
