//! Members are replaced while a volume is written: real nodes with their threads, gossip and small logs, a real writer.

#[expect(unused, reason = "each test file uses a part of it")]
mod volume_support;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use protocol::node::{AppendStream, NodeError, NodeResult, OnReply, StorageNode};
use protocol::rpc::storage::{
    CreateVolumeRequest, HoldRequest, Member, PrepareRequest, StatusReply, StatusRequest, VolumeConfig,
};
use protocol::volume::{Durability, PageSource, RedoLog, VolumeError};
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn, NodeId, PageId};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use storage::membership::{ChangeError, Membership, Part, nodes_of};
use storage::node::gossip::{Dial, Gossip};
use storage::node::{Node, NodeOptions, OpenError};
use storage::sim::{Loss, SimDisk};
use storage::volume::members::MemberError;
use storage::volume::roster::Roster;
use storage::volume::seats::{Gone, Seat};
use storage::volume::writer::WriterVolume;
use volume_support::{LONG, VOLUME, config, member, open_options, until, write, zone};

/// Two groups.
const PAGES: u64 = 16;
const PAGES_PER_GROUP: u32 = 8;

/// Who may be dialled, by number: a seat, for a node that is started again is another object.
type Book = Arc<Mutex<BTreeMap<u32, Arc<Seat>>>>;

/// The machines on which nodes run.
struct Machines {
    book: Book,
    running: BTreeMap<u32, (Arc<Node>, Arc<SimDisk>)>,
}

impl Machines {
    /// Six nodes with a new volume.
    async fn six() -> Machines {
        Machines::of(config(PAGES_PER_GROUP, 1 << 20)).await
    }

    /// The nodes of a new volume.
    async fn of(config: VolumeConfig) -> Machines {
        let mut machines = Machines { book: Book::default(), running: BTreeMap::new() };
        let nodes: Vec<u32> = config.members.iter().flat_map(nodes_of).map(|node| node.node).collect();
        nodes.iter().for_each(|node| machines.start(*node, SimDisk::new()));
        for node in nodes {
            let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config.clone()) };
            machines.seat(node).create_volume(request).await.expect("it is empty");
        }
        machines
    }

    fn start(&mut self, node: u32, disk: Arc<SimDisk>) {
        let options = NodeOptions {
            log_file_bytes: 32 << 10,
            log_retention_bytes: 64 << 10,
            ..NodeOptions::new(NodeId(node), zone(node), &format!("node-{node}"))
        };
        let deadline = tokio::time::Instant::now() + LONG;
        let opened = loop {
            match Node::open(disk.clone(), &PathBuf::from("/data"), options.clone()) {
                // Somebody may still hold an answer of the one that was stopped.
                Err(OpenError::InUse { .. }) if tokio::time::Instant::now() < deadline => std::thread::yield_now(),
                opened => break opened.expect("the node starts"),
            }
        };
        let book = self.book.clone();
        let dial: Dial = Arc::new(move |member| {
            let seat = book.lock().get(&member.node)?.clone();
            Some(seat as Arc<dyn StorageNode>)
        });
        tokio::spawn(Gossip::following(&opened, dial).run());
        let seat = self.book.lock().entry(node).or_insert_with(|| Arc::new(Seat::new(Arc::new(Gone)))).clone();
        seat.sit(opened.clone());
        self.running.insert(node, (opened, disk));
    }

    fn stop(&mut self, node: u32) -> Arc<SimDisk> {
        let (opened, disk) = self.running.remove(&node).expect("it runs");
        opened.shutdown();
        self.book.lock()[&node].sit(Arc::new(Gone));
        disk
    }

    fn seat(&self, node: u32) -> Arc<dyn StorageNode> {
        self.book.lock()[&node].clone()
    }

    fn given(&self, nodes: impl IntoIterator<Item = u32>) -> Vec<Arc<dyn StorageNode>> {
        nodes.into_iter().map(|node| self.seat(node)).collect()
    }

    async fn status(&self, node: u32) -> StatusReply {
        self.seat(node).status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await.expect("it runs")
    }

    /// Opens the volume, given some nodes, with a way to dial the others.
    async fn open(&self, given: impl IntoIterator<Item = u32>, instance: u32) -> Load {
        let book = self.book.clone();
        let dial: Dial = Arc::new(move |member| {
            let seat = book.lock().get(&member.node)?.clone();
            Some(seat as Arc<dyn StorageNode>)
        });
        let opened = WriterVolume::open_dialling(self.given(given), open_options(instance), Some(dial)).await;
        Load { volume: opened.expect("recovery succeeds").0, pages: vec![(Lsn::ZERO, 0); PAGES as usize] }
    }
}

/// A writer of numbers into pages.
struct Load {
    volume: Arc<WriterVolume>,
    /// What was acknowledged of each page: its LSN and the number in it.
    pages: Vec<(Lsn, u64)>,
}

impl Load {
    /// Writes the next number into every page, and waits until that is durable.
    async fn round(&mut self) -> Result<(), VolumeError> {
        for page in 0..PAGES {
            self.volume.reserve(8 << 10).await?;
            let (prev_page, value) = self.pages[page as usize];
            let last = write(&self.volume, page, prev_page, value + 1, 20);
            self.pages[page as usize] = (last, value + 1);
        }
        self.volume.wait(self.volume.end(), Durability::Flushed).await?;
        self.volume.set_gc_floor(self.volume.flushed_vdl());
        Ok(())
    }

    async fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            let written = tokio::time::timeout(LONG, self.round()).await;
            written.expect("it becomes durable").expect("nobody else writes");
        }
    }

    /// Writes for as long as `work` goes on; at least one round was written meanwhile.
    async fn during<T>(&mut self, work: impl Future<Output = T> + Send + 'static) -> T
    where
        T: Send + 'static,
    {
        let done = Arc::new(AtomicBool::new(false));
        let ended = done.clone();
        let work = tokio::spawn(async move {
            let result = work.await;
            ended.store(true, Ordering::Release);
            result
        });
        // It may be many steps, each of which has its own time.
        let deadline = tokio::time::Instant::now() + 5 * LONG;
        loop {
            self.rounds(1).await;
            if done.load(Ordering::Acquire) {
                return work.await.expect("it does not panic");
            }
            assert!(tokio::time::Instant::now() < deadline, "it ends");
        }
    }

    /// Everything acknowledged is there.
    async fn check(&self) {
        self.check_as(&self.volume).await;
    }

    async fn check_as(&self, volume: &WriterVolume) {
        for (page, (lsn, value)) in self.pages.iter().enumerate() {
            let fetched = tokio::time::timeout(LONG, volume.fetch(PageId(page as u64))).await;
            let fetched = fetched.expect("it is served in time").expect("it is served").page;
            assert_eq!((fetched.lsn(), fetched.u64_at(64)), (*lsn, *value), "page {page}");
        }
    }

    /// Writes, and so does the next writer; nothing is lost.
    async fn goes_on(mut self, machines: &Machines) {
        self.rounds(10).await;
        self.check().await;
        let mut next = self.successor(machines, 0..6, 2).await;
        next.rounds(5).await;
        next.check().await;
    }

    /// Closes the volume, and opens it as the next writer.
    async fn successor(self, machines: &Machines, given: impl IntoIterator<Item = u32>, instance: u32) -> Load {
        let Load { volume, pages } = self;
        volume.close();
        drop(volume);
        let next = Load { pages, ..machines.open(given, instance).await };
        next.check().await;
        next
    }

    fn nodes(&self) -> Vec<(u32, u32)> {
        let membership: Membership = self.volume.membership();
        assert!(membership.replacements().is_empty(), "nothing is under way");
        membership.members().iter().map(|member| (member.node, member.incarnation)).collect()
    }

    fn replace(
        &self,
        machines: &Machines,
        old: u32,
        new: u32,
    ) -> impl Future<Output = Result<(), MemberError>> + use<> {
        let (volume, node) = (self.volume.clone(), machines.seat(new));
        async move {
            volume.begin_replacement(NodeId(old), member(new), node).await?;
            volume.complete_replacement(NodeId(old)).await
        }
    }
}

/// Until nothing is under way.
async fn finished(volume: Arc<WriterVolume>) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !volume.membership().replacements().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "what is under way is finished");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Until whoever joins has everything.
async fn whole(volume: Arc<WriterVolume>) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !volume.replacements().await.iter().all(|progress| progress.is_whole()) {
        assert!(tokio::time::Instant::now() < deadline, "it has everything");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_member_is_replaced_while_writes_go_on() {
    let mut machines = Machines::six().await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(100).await;
    machines.stop(5);
    machines.start(6, SimDisk::new());
    let replacing = load.replace(&machines, 5, 6);
    load.during(replacing).await.expect("node 6 takes over");
    assert_eq!(load.nodes().last(), Some(&(6, 2)));
    until("the new member is whole", async || machines.status(6).await.state == "up").await;
    assert!(machines.status(6).await.image_bytes > 0, "the redo of before its time is retired: it has images");

    // It counts like any other: two more may be gone.
    machines.stop(0);
    machines.stop(1);
    load.rounds(20).await;
    load.check().await;

    // And through a power cut of all that are left, for a writer that knows those who began.
    let left = [2, 3, 4, 6];
    load.volume.close();
    for node in left {
        let disk = machines.stop(node);
        disk.crash(Loss::Everything);
        machines.start(node, disk);
    }
    let mut load = load.successor(&machines, 0..6, 2).await;
    load.rounds(5).await;
    load.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_is_reverted_when_the_member_comes_back() {
    let mut machines = Machines::six().await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(20).await;
    let disk = machines.stop(5);
    machines.start(6, SimDisk::new());
    load.volume.begin_replacement(NodeId(5), member(6), machines.seat(6)).await.expect("node 6 joins");
    let state = machines.status(6).await;
    assert_eq!((state.state.as_str(), state.incarnation), ("joining", 2));
    let again = load.volume.begin_replacement(NodeId(5), member(6), machines.seat(6)).await;
    assert!(matches!(again, Err(MemberError::Change(ChangeError::AlreadyMember(_)))));
    load.rounds(5).await;
    machines.start(5, disk);
    load.volume.revert_replacement(NodeId(5)).await.expect("nothing is lost");
    assert_eq!(load.nodes().last(), Some(&(5, 0)));
    until("who joined learns that it is none", async || machines.status(6).await.state == "removed").await;
    until("who came back catches up", async || machines.status(5).await.state == "up").await;
    // It counts again.
    until("its stream is open", async || {
        let flushed = machines.status(5).await.marks.iter().map(|mark| mark.scl_flushed).max();
        flushed.is_some_and(|flushed| flushed > 0)
    })
    .await;
    machines.stop(0);
    machines.stop(1);
    load.rounds(10).await;
    load.check().await;
}

/// A node that refuses every volume.
struct Barren {
    node: Arc<dyn StorageNode>,
    refused: AtomicU64,
}

impl Barren {
    fn take(&self, call: &str) -> NodeResult<&dyn StorageNode> {
        if call == "create_volume" {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(NodeError::Refused("no room".into()));
        }
        Ok(&*self.node)
    }
}

impl StorageNode for Barren {
    fn append(&self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
        self.node.append(on_reply)
    }

    protocol::relay_calls!(self, call => self.take(call));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_hear_of_a_new_node_when_it_has_the_volume() {
    let mut machines = Machines::six().await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(20).await;
    machines.start(6, SimDisk::new());
    let barren = Arc::new(Barren { node: machines.seat(6), refused: AtomicU64::new(0) });
    let begun = tokio::spawn({
        let (volume, node) = (load.volume.clone(), barren.clone());
        async move { volume.begin_replacement(NodeId(5), member(6), node).await }
    });
    until("it was tried for some time", async || barren.refused.load(Ordering::Relaxed) >= 3).await;
    load.rounds(5).await;

    // The writer ends there, and two members with it. In a set with a node that has no volume four would be missing.
    load.volume.close();
    assert_eq!(begun.await.expect("it does not panic"), Err(MemberError::NotWriter));
    machines.stop(0);
    machines.stop(1);
    let next = tokio::time::timeout(LONG, load.successor(&machines, 0..6, 2)).await;
    let mut load = next.expect("four of six are enough");
    load.rounds(5).await;
    assert_eq!(load.nodes(), [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_member_dies_while_one_is_being_replaced() {
    let mut machines = Machines::six().await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(30).await;
    machines.stop(5);
    machines.start(6, SimDisk::new());
    machines.start(7, SimDisk::new());
    load.volume.begin_replacement(NodeId(5), member(6), machines.seat(6)).await.expect("node 6 joins");
    machines.stop(4);
    load.rounds(5).await;
    load.volume.begin_replacement(NodeId(4), member(7), machines.seat(7)).await.expect("node 7 joins");
    assert_eq!(load.volume.membership().configuration().sets().len(), 4);
    load.rounds(5).await;
    let third = load.volume.begin_replacement(NodeId(3), member(8), Arc::new(Gone)).await;
    assert!(third.is_err());

    // A writer that finds both under way finishes both.
    let mut load = load.successor(&machines, 0..6, 2).await;
    let finished = finished(load.volume.clone());
    load.during(finished).await;
    assert_eq!(load.nodes(), [(0, 0), (1, 0), (2, 0), (3, 0), (7, 3), (6, 2)]);
    machines.stop(0);
    machines.stop(1);
    load.rounds(10).await;
    load.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_disk_is_a_new_member_and_counts_when_it_is_whole() {
    let mut machines = Machines::six().await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(100).await;
    let config = machines.status(3).await.config.expect("it has the volume");
    machines.stop(3);
    machines.start(3, SimDisk::new());
    // F11: it refuses everything, whatever a client believes.
    let node = machines.seat(3);
    assert_eq!(machines.status(3).await.state, "empty");
    let ballot = Ballot::new(9, 9).0;
    let prepare = PrepareRequest { volume: VOLUME, version: FORMAT_VERSION, ballot, vdl_heard: 0 };
    assert!(matches!(node.prepare(prepare).await, Err(NodeError::Refused(_))));
    let hold = HoldRequest { volume: VOLUME, version: FORMAT_VERSION, ..HoldRequest::default() };
    assert!(matches!(node.hold(hold).await, Err(NodeError::Refused(_))));
    let create = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config) };
    assert!(
        matches!(node.create_volume(create).await, Err(NodeError::Refused(_))),
        "the members as a writer proposed them are not those of a new volume"
    );

    load.volume.begin_replacement(NodeId(3), member(3), node.clone()).await.expect("it joins in its own place");
    let prepare = PrepareRequest { volume: VOLUME, version: FORMAT_VERSION, ballot: 0, vdl_heard: 0 };
    let told = node.prepare(prepare).await.expect("it has the volume now");
    assert_eq!((told.hydrated, told.incarnation), (false, 2), "T7: it counts in no quorum");
    let whole = whole(load.volume.clone());
    load.during(whole).await;
    // The next writer finishes it.
    let mut load = load.successor(&machines, 0..6, 2).await;
    let finished = finished(load.volume.clone());
    load.during(finished).await;
    assert_eq!(load.nodes()[3], (3, 2));
    machines.stop(0);
    machines.stop(1);
    load.rounds(10).await;
    load.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_is_reverted_though_the_new_node_and_two_members_are_gone() {
    let mut machines = Machines::six().await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(30).await;
    machines.start(6, SimDisk::new());
    load.volume.begin_replacement(NodeId(5), member(6), machines.seat(6)).await.expect("node 6 joins");
    [6, 0, 1].into_iter().for_each(|node| drop(machines.stop(node)));
    let reverted = tokio::time::timeout(LONG, load.volume.revert_replacement(NodeId(5))).await;
    reverted.expect("four of the six that stay are enough").expect("it is under way");
    load.goes_on(&machines).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_replaced_by_itself_takes_its_place_with_two_others_away() {
    let mut machines = Machines::six().await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(30).await;
    machines.stop(5);
    machines.start(5, SimDisk::new());
    load.volume.begin_replacement(NodeId(5), member(5), machines.seat(5)).await.expect("it joins in its own place");
    load.rounds(5).await;
    whole(load.volume.clone()).await;
    machines.stop(0);
    machines.stop(1);
    let finished = tokio::time::timeout(LONG, load.volume.complete_replacement(NodeId(5))).await;
    finished.expect("those who are left are enough").expect("nobody reverts it");
    load.goes_on(&machines).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_six_are_replaced_one_after_the_other_under_load() {
    let mut machines = Machines::six().await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(30).await;
    for old in 0..6 {
        machines.start(old + 6, SimDisk::new());
        let replacing = load.replace(&machines, old, old + 6);
        load.during(replacing).await.expect("it is replaced");
        machines.stop(old);
    }
    let expected: Vec<u32> = (6..12).collect();
    assert_eq!(load.nodes().iter().map(|(node, _)| *node).collect::<Vec<_>>(), expected);
    load.rounds(10).await;
    load.check().await;
    // Nobody of the first six is needed, by whoever opens it next.
    let mut load = load.successor(&machines, 6..12, 2).await;
    load.rounds(10).await;
    load.check().await;
}

/// Members were replaced while a server was away, and of those it knows too few are left to hear a quorum of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_member_that_is_left_leads_a_writer_to_the_others() {
    let mut machines = Machines::six().await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(10).await;
    for old in 0..4 {
        machines.start(old + 6, SimDisk::new());
        load.replace(&machines, old, old + 6).await.expect("it is replaced");
        machines.stop(old);
    }
    let mut load = load.successor(&machines, 0..5, 2).await;
    assert_eq!(load.nodes().iter().map(|(node, _)| *node).collect::<Vec<_>>(), [6, 7, 8, 9, 4, 5]);
    load.rounds(5).await;
    load.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roster_follows_the_members_and_shows_who_joins() {
    let mut machines = Machines::six().await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(10).await;
    let book = machines.book.clone();
    let dial: Dial =
        Arc::new(move |member| book.lock().get(&member.node).cloned().map(|it| it as Arc<dyn StorageNode>));
    // One node is enough to find the others.
    let roster = Roster::find(machines.given([2]).into(), dial).await.expect("it answers").expect("it has the volume");
    let numbers = |roster: &Roster| roster.membership().members().iter().map(|it| it.node).collect::<Vec<_>>();
    assert_eq!(numbers(&roster), [0, 1, 2, 3, 4, 5]);

    machines.start(6, SimDisk::new());
    load.volume.begin_replacement(NodeId(5), member(6), machines.seat(6)).await.expect("node 6 joins");
    let look = roster.look().await;
    assert_eq!(look.everyone.len(), 7);
    assert!(look.everyone[5].leaves && !look.everyone[4].leaves);
    assert_eq!((look.everyone[6].replaces, look.everyone[6].state()), (Some(NodeId(5)), "joining"));
    load.volume.revert_replacement(NodeId(5)).await.expect("nothing is lost");

    // All are replaced before it looks again; those that it knows tell it.
    let seats = roster.seats();
    for old in 0..6 {
        machines.start(old + 7, SimDisk::new());
        load.replace(&machines, old, old + 7).await.expect("it is replaced");
    }
    let look = roster.look().await;
    assert!(look.everyone.iter().all(|seen| seen.status().is_some()), "{look:?}");
    assert_eq!(numbers(&roster), [7, 8, 9, 10, 11, 12]);
    // And whoever holds its seats speaks to the new ones.
    let said = seats[3].status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await.expect("it runs");
    assert_eq!(said.node, 10);

    // A member that answers without its disk's content is not taken for itself.
    machines.stop(9);
    machines.start(9, SimDisk::new());
    let look = roster.look().await;
    assert_eq!((look.everyone[2].state(), look.everyone[2].status().is_none()), ("empty", true));
}

/// Two nodes on each seat, twelve altogether: the first group lies on nodes 0 to 5, the second on nodes 6 to 11.
fn columns() -> VolumeConfig {
    let column = |seat: u32| Member { others: vec![member(seat + 6)], ..member(seat) };
    VolumeConfig { members: (0..6).map(column).collect(), ..config(PAGES_PER_GROUP, 1 << 20) }
}

impl Machines {
    async fn groups(&self, node: u32) -> Vec<u32> {
        self.status(node).await.marks.iter().filter(|mark| mark.scl_flushed > 0).map(|mark| mark.group).collect()
    }

    async fn check_parts(&self, nodes: impl IntoIterator<Item = u32>) {
        for node in nodes {
            let part = u32::from(node >= 6);
            until("it keeps its own group, and no other", async || self.groups(node).await == [part]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_nodes_share_the_groups_and_each_group_has_six_copies() {
    let mut machines = Machines::of(columns()).await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(40).await;
    load.check().await;
    machines.check_parts(0..12).await;

    // A zone is lost, and comes back.
    let gone: Vec<(u32, Arc<SimDisk>)> = [0, 1, 6, 7].into_iter().map(|node| (node, machines.stop(node))).collect();
    load.rounds(20).await;
    load.check().await;
    let mut load = load.successor(&machines, 2..6, 2).await;
    load.rounds(20).await;
    gone.into_iter().for_each(|(node, disk)| machines.start(node, disk));
    for node in 0..12 {
        until("it has everything again", async || machines.status(node).await.state == "up").await;
    }
    machines.check_parts(0..12).await;

    // Power goes everywhere, and two seats never return.
    load.volume.close();
    for node in 0..12 {
        let disk = machines.stop(node);
        disk.crash(Loss::Everything);
        if ![2, 3, 8, 9].contains(&node) {
            machines.start(node, disk);
        }
    }
    let mut load = load.successor(&machines, 0..6, 3).await;
    load.rounds(20).await;
    load.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_of_a_column_is_replaced_and_the_others_stay() {
    let mut machines = Machines::of(columns()).await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(100).await;
    machines.stop(7);
    machines.start(12, SimDisk::new());
    let replacing = load.replace(&machines, 7, 12);
    load.during(replacing).await.expect("node 12 takes over");
    let names: Vec<u32> = load.volume.membership().nodes().map(|node| node.node).collect();
    assert_eq!(names, [0, 6, 1, 12, 2, 8, 3, 9, 4, 10, 5, 11]);
    until("the new node is whole", async || machines.status(12).await.state == "up").await;
    machines.check_parts([12]).await;
    machines.check_parts(0..6).await;

    // It counts: two other seats are gone, and the next writer knows only who began.
    for node in [2, 4] {
        machines.stop(node);
    }
    load.rounds(20).await;
    let mut load = load.successor(&machines, 0..6, 2).await;
    load.rounds(20).await;
    load.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_node_of_a_column_loses_its_disk_and_joins_again() {
    let mut machines = Machines::of(columns()).await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(50).await;
    machines.stop(3);
    machines.start(3, SimDisk::new());
    let replacing = load.replace(&machines, 3, 3);
    load.during(replacing).await.expect("it joins in its own place");
    machines.check_parts([3, 9]).await;
    load.rounds(5).await;

    // And one that comes back meanwhile stays.
    let disk = machines.stop(10);
    machines.start(13, SimDisk::new());
    load.volume.begin_replacement(NodeId(10), member(13), machines.seat(13)).await.expect("node 13 joins");
    machines.start(10, disk);
    load.volume.revert_replacement(NodeId(10)).await.expect("nothing is lost");
    until("who joined learns that it is none", async || machines.status(13).await.state == "removed").await;
    load.rounds(5).await;
    let load = load.successor(&machines, 0..6, 2).await;
    let names: Vec<u32> = load.volume.membership().nodes().map(|node| node.node).collect();
    assert_eq!(names, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
}

impl Machines {
    /// Until each node has flushed something of the groups of its part, and of no other.
    async fn check_keepers(&self, load: &Load, groups: u32) {
        for member in load.volume.membership().members() {
            for (part, node) in Part::all_of(member) {
                let own: Vec<u32> = (0..groups).filter(|group| part.has(GroupId(*group))).collect();
                until("it keeps its own groups, and no other", async || self.groups(node.node).await == own).await;
            }
        }
    }
}

fn names(load: &Load) -> Vec<u32> {
    let membership = load.volume.membership();
    assert!(membership.replacements().is_empty(), "nothing is under way");
    membership.nodes().map(|node| node.node).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nodes_of_a_column_are_replaced_one_after_the_other() {
    let mut machines = Machines::of(columns()).await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(50).await;
    for (old, new) in [(7, 12), (12, 13), (1, 14), (13, 7), (14, 1)] {
        machines.stop(old);
        machines.running.remove(&new);
        machines.start(new, SimDisk::new());
        let replacing = load.replace(&machines, old, new);
        load.during(replacing).await.expect("it takes over");
        machines.check_keepers(&load, 2).await;
    }
    assert_eq!(names(&load), [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);

    // While one node of a column is being replaced no other of it is, and another column's is.
    for node in [20, 21, 22] {
        machines.start(node, SimDisk::new());
    }
    load.volume.begin_replacement(NodeId(8), member(20), machines.seat(20)).await.expect("node 20 joins");
    let second = load.volume.begin_replacement(NodeId(2), member(21), machines.seat(21)).await;
    assert_eq!(second, Err(MemberError::Change(ChangeError::UnderWay(NodeId(8)))));
    assert!(load.volume.revert_replacement(NodeId(2)).await.is_err(), "nobody takes its place");
    let other = load.replace(&machines, 3, 22);
    load.during(other).await.expect("node 22 takes over");
    let first = load.volume.clone();
    load.during(async move { first.complete_replacement(NodeId(8)).await }).await.expect("node 20 takes over");
    assert_eq!(names(&load), [0, 6, 1, 7, 2, 20, 22, 9, 4, 10, 5, 11]);
    machines.check_keepers(&load, 2).await;
    let mut load = load.successor(&machines, 0..3, 2).await;
    load.rounds(5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_of_a_column_are_lost_and_replaced() {
    let mut machines = Machines::of(columns()).await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(100).await;
    // One is dead, and the other is there without its disk.
    machines.stop(3);
    machines.stop(9);
    machines.start(9, SimDisk::new());
    machines.start(12, SimDisk::new());
    let first = load.replace(&machines, 3, 12);
    load.during(first).await.expect("node 12 takes over, though node 9 is lost as well");
    let second = load.replace(&machines, 9, 9);
    load.during(second).await.expect("it joins in its own place");
    assert_eq!(names(&load), [0, 6, 1, 7, 2, 8, 12, 9, 4, 10, 5, 11]);
    machines.check_keepers(&load, 2).await;

    // Two seats are gone, and the next writer begins with the two nodes that joined.
    for node in [0, 8] {
        machines.stop(node);
    }
    load.rounds(5).await;
    let mut load = load.successor(&machines, [12, 9, 5], 2).await;
    load.rounds(5).await;
    load.check().await;
}

/// Whoever stays in a column on its way in is asked for both columns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_writer_goes_on_with_the_replacement_of_a_columns_node() {
    let mut machines = Machines::of(columns()).await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(50).await;
    let mut instance = 1;
    // The first of its column, and the second; alive, and dead.
    for (old, new, dies) in [(9, 12, false), (3, 13, true), (4, 14, false), (11, 15, true)] {
        machines.start(new, SimDisk::new());
        if dies {
            machines.stop(old);
        }
        load.volume.begin_replacement(NodeId(old), member(new), machines.seat(new)).await.expect("it joins");
        // Two seats are gone for the recovery.
        let gone: &[u32] = if dies { &[0] } else { &[0, 8] };
        let gone: Vec<_> = gone.iter().map(|node| (*node, machines.stop(*node))).collect();
        instance += 1;
        load = load.successor(&machines, [1, 2, 5], instance).await;
        gone.into_iter().for_each(|(node, disk)| machines.start(node, disk));
        load.during(finished(load.volume.clone())).await;
        machines.check_keepers(&load, 2).await;
    }
    assert_eq!(names(&load), [0, 6, 1, 7, 2, 8, 13, 12, 14, 10, 5, 15]);
    load.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_missed_takeovers_catches_up_and_its_column_counts_again() {
    let mut machines = Machines::of(columns()).await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(20).await;
    for (instance, missing) in [(2, 8), (4, 2)] {
        let disk = machines.stop(missing);
        load.rounds(5).await;
        load = load.successor(&machines, 0..6, instance).await;
        load.rounds(5).await;
        load = load.successor(&machines, 0..6, instance + 1).await;
        load.rounds(5).await;
        machines.start(missing, disk);
        until("it has everything again", async || machines.status(missing).await.state == "up").await;
        // With two other seats gone nothing becomes durable without its column.
        let gone = [0, 10].map(|node| (node, machines.stop(node)));
        load.rounds(5).await;
        load.check().await;
        gone.into_iter().for_each(|(node, disk)| machines.start(node, disk));
        for node in [0, 10] {
            until("it is back", async || machines.status(node).await.state == "up").await;
        }
    }
    machines.check_keepers(&load, 2).await;
}

/// A zone with an odd number of nodes has columns of different sizes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_of_different_sizes_keep_a_volume_together() {
    const GROUPS: u32 = 8;
    let mut numbers = 6..;
    let mut column = |(seat, size): (u32, u32)| Member {
        others: (1..size).map(|_| member(numbers.next().expect("there are enough"))).collect(),
        ..member(seat)
    };
    let members = (0..).zip([1, 3, 2, 2, 1, 3]).map(&mut column).collect();
    let config = VolumeConfig { members, ..config(PAGES as u32 / GROUPS, 1 << 20) };
    let mut machines = Machines::of(config).await;
    let mut load = machines.open(0..6, 1).await;
    load.rounds(100).await;
    machines.check_keepers(&load, GROUPS).await;

    // Who keeps all groups has them from columns of which each has some, images where their redo is retired; and the other
    // way round.
    for (old, new) in [(4, 30), (7, 31), (9, 32)] {
        machines.stop(old);
        machines.start(new, SimDisk::new());
        let replacing = load.replace(&machines, old, new);
        load.during(replacing).await.expect("it takes over");
        machines.check_keepers(&load, GROUPS).await;
        assert!(machines.status(new).await.image_bytes > 0);
    }
    assert_eq!(names(&load), [0, 1, 6, 31, 2, 8, 3, 32, 30, 5, 10, 11]);

    // One that was away for a while is brought up by its peers.
    for node in [30, 11, 2] {
        let disk = machines.stop(node);
        load.rounds(10).await;
        machines.start(node, disk);
        until("it has everything again", async || machines.status(node).await.state == "up").await;
    }
    load.volume.close();
    for node in [0, 1, 6, 31, 2, 8, 3, 32, 30, 5, 10, 11] {
        let disk = machines.stop(node);
        disk.crash(Loss::Everything);
        if ![6, 8].contains(&node) {
            machines.start(node, disk);
        }
    }
    let mut load = load.successor(&machines, [0, 3, 5], 2).await;
    load.rounds(5).await;
    load.check().await;
}
