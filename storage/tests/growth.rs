//! Volumes that grow, and disks that do not: six real nodes with their threads and gossip, a real writer, many groups.
//!
//! A group is a range of pages and nothing else: no node is told of one before its first record comes, and the six members
//! of the volume keep all of them. So growing asks nobody for anything, and opening costs the same number of calls
//! whatever there is.

mod volume_support;

use parking_lot::Mutex;
use protocol::node::{AppendStream, NodeError, NodeResult, OnReply, StorageNode};
use protocol::rpc::storage::{
    AppendRequest, CreateVolumeRequest, ReadOutcome, ReadPageRequest, StatusReply, StatusRequest, VolumeConfig,
};
use protocol::volume::{Durability, PageSource, RedoLog, RedoSink, VolumeError};
use protocol::{FORMAT_VERSION, Lsn, NodeId, Page, PageId};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storage::node::gossip::Gossip;
use storage::node::{Node, NodeOptions};
use storage::sim::SimDisk;
use storage::volume::replica::{ReplicaOptions, ReplicaVolume};
use storage::volume::writer::WriterVolume;
use storage::volume::{cluster, monotonic_clock, wall_clock};
use volume_support::{LONG, VOLUME, config, durable, open_options, until, zone};

const LOG_FILE_BYTES: u64 = 64 << 10;
const RETENTION: u64 = 4 * LOG_FILE_BYTES;

type Calls = Arc<Mutex<BTreeMap<&'static str, usize>>>;

/// A link to a node, which counts what is asked and can be cut.
struct Link {
    node: Arc<Node>,
    calls: Calls,
    cut: Arc<AtomicBool>,
}

impl Link {
    fn asked(&self, call: &'static str) -> NodeResult<Arc<Node>> {
        *self.calls.lock().entry(call).or_default() += 1;
        match self.cut.load(Ordering::Acquire) {
            true => Err(NodeError::Unreachable("it is cut off".into())),
            false => Ok(self.node.clone()),
        }
    }
}

struct LinkStream {
    stream: Box<dyn AppendStream>,
    cut: Arc<AtomicBool>,
}

impl AppendStream for LinkStream {
    fn send(&mut self, request: AppendRequest) -> NodeResult<()> {
        if self.cut.load(Ordering::Acquire) {
            return Err(NodeError::Unreachable("it is cut off".into()));
        }
        self.stream.send(request)
    }
}

impl StorageNode for Link {
    fn append(&self, on_reply: OnReply) -> futures::future::BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
        let node = self.asked("append");
        Box::pin(async move {
            let stream = node?.append(on_reply).await?;
            Ok(Box::new(LinkStream { stream, cut: self.cut.clone() }) as Box<dyn AppendStream>)
        })
    }

    protocol::relay_calls! { self, call => self.asked(call) }
}

/// Six nodes, each behind a link.
struct Six {
    nodes: Vec<Arc<Node>>,
    links: Vec<Arc<Link>>,
    calls: Calls,
}

impl Six {
    async fn new(pages_per_group: u32, archived: bool) -> Six {
        let open = |id: u32| {
            let options = NodeOptions {
                log_file_bytes: LOG_FILE_BYTES,
                log_retention_bytes: RETENTION,
                image_file_bytes: 128 << 10,
                ..NodeOptions::new(NodeId(id), zone(id), "nowhere")
            };
            Node::open(SimDisk::new(), Path::new("/data"), options).expect("the node starts")
        };
        let nodes: Vec<Arc<Node>> = (0..6).map(open).collect();
        let calls = Calls::default();
        let link = |node: &Arc<Node>| {
            Arc::new(Link { node: node.clone(), calls: calls.clone(), cut: Arc::new(AtomicBool::new(false)) })
        };
        let links: Vec<Arc<Link>> = nodes.iter().map(link).collect();
        let six = Six { nodes, links, calls };
        let config = VolumeConfig { archived, ..config(pages_per_group, 4 << 20) };
        cluster::create_volume(&cluster::nodes(six.seen()), &config).await.expect("six empty nodes");
        six
    }

    fn seen(&self) -> Vec<Arc<dyn StorageNode>> {
        self.links.iter().map(|link| link.clone() as Arc<dyn StorageNode>).collect()
    }

    fn gossip(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            let peers = self.links.iter().enumerate().filter(|(peer, _)| *peer != index);
            let peers = peers.map(|(_, link)| link.clone() as Arc<dyn StorageNode>).collect();
            tokio::spawn(Gossip::new(node, peers).run());
        }
    }

    fn cut(&self, nodes: std::ops::Range<usize>, cut: bool) {
        self.links[nodes].iter().for_each(|link| link.cut.store(cut, Ordering::Release));
    }

    async fn open(&self, instance: u32) -> (Arc<WriterVolume>, Lsn) {
        let (volume, opened) =
            WriterVolume::open(self.seen(), open_options(instance)).await.expect("recovery succeeds");
        (volume, opened.vdl)
    }

    async fn status(&self, node: usize) -> StatusReply {
        self.nodes[node].status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await.expect("it is given")
    }

    /// Up to where a node has flushed a group.
    async fn flushed(&self, node: usize, group: u32) -> Lsn {
        let marks = self.status(node).await.marks;
        marks.iter().find(|mark| mark.group == group).map_or(Lsn::ZERO, |mark| Lsn(mark.scl_flushed))
    }
}

/// Puts a kilobyte of `value` into a page.
fn write(volume: &WriterVolume, page: u64, prev_page: Lsn, value: u64) -> Lsn {
    volume_support::write(volume, page, prev_page, value, 128)
}

struct Nobody;

impl RedoSink for Nobody {
    fn apply(&self, _: &[protocol::redo::Record], _: Lsn) -> Result<(), VolumeError> {
        Ok(())
    }

    fn invalidate(&self, _: Lsn) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_of_thousands_of_groups_opens_with_as_many_calls_as_one_of_a_single_group() {
    for groups in [1, 5000u64] {
        let six = Six::new(1, false).await;
        let (volume, _) = six.open(1).await;
        let asked: usize = six.calls.lock().values().sum();
        let mut lsns = Vec::new();
        for page in 0..groups {
            tokio::time::timeout(LONG, volume.reserve(4 << 10)).await.expect("in time").expect("there is room");
            lsns.push(write(&volume, page, Lsn::ZERO, page));
        }
        durable(&volume, volume.end()).await;
        let grown: usize = six.calls.lock().values().sum();
        // What comes in between are streams that are opened, with their tables and their status.
        assert!(grown - asked <= 60, "a new group asks nobody for anything: {:?}", six.calls.lock());
        // What not even four have is copied, group by group: that is what was in flight, and not what there is.
        until("all six have all of it", async || {
            let mut all = true;
            for node in 0..6 {
                let marks = six.status(node).await.marks;
                all &=
                    marks.iter().filter(|mark| mark.scl_flushed == lsns[mark.group as usize].0).count() == lsns.len();
            }
            all
        })
        .await;
        volume.close();

        six.calls.lock().clear();
        let (volume, vdl) = six.open(2).await;
        assert_eq!(vdl, *lsns.last().expect("there are some"));
        let last = groups - 1;
        durable(&volume, write(&volume, last, lsns[last as usize], 1)).await;
        let calls = six.calls.lock().clone();
        assert_eq!(calls.get("fill").or(calls.get("pull")), None, "{groups} groups: {calls:?}");
        assert!(calls.values().all(|count| *count <= 18), "{groups} groups: {calls:?}");
        assert!(calls.values().sum::<usize>() <= 60, "{groups} groups: {calls:?}");

        six.calls.lock().clear();
        let runtime = protocol::task::Runtime::current();
        let options = ReplicaOptions::new(1, runtime, monotonic_clock(), wall_clock());
        let replica = ReplicaVolume::open(six.seen(), options).await.expect("a read quorum answers");
        replica.set_sink(Arc::new(Nobody));
        let notice = volume.notices().next().await.expect("the volume is open");
        assert_eq!(notice.tails.len() as u64, groups);
        replica.notify(&notice);
        let caught_up = tokio::time::timeout(LONG, replica.wait_applied(volume.end())).await;
        caught_up.expect("in time").expect("it was not stopped");
        let fetched = replica.fetch(PageId(last)).await.expect("it is served");
        assert_eq!(fetched.page.u64_at(64), 1);
        let calls = six.calls.lock().clone();
        assert!(calls.values().sum::<usize>() <= 30, "{groups} groups: {calls:?}");
        replica.stop().await;
        volume.close();
    }
}

/// F27: an idle group pins nothing, even where a node lacks its last record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_group_beside_a_hot_one_holds_nothing_up() {
    let six = Six::new(4, false).await;
    let (volume, _) = six.open(1).await;
    six.cut(4..6, true);
    let idle = write(&volume, 40, Lsn::ZERO, 40);
    durable(&volume, idle).await;
    six.cut(4..6, false);
    let mut hot = Lsn::ZERO;
    let mut vdl = volume.flushed_vdl();
    for instance in 2..5 {
        let volume = if instance == 2 { volume.clone() } else { six.open(instance).await.0 };
        for value in 0..100 {
            hot = write(&volume, 1, hot, value);
            durable(&volume, hot).await;
        }
        assert!(volume.flushed_vdl() >= hot && volume.flushed_vdl() > vdl);
        vdl = volume.flushed_vdl();
        volume.set_gc_floor(vdl);
        // A read point far above the group's last record: it is compared with the group's own tail (T34).
        let fetched = volume.fetch(PageId(40)).await.expect("it is served");
        assert_eq!((fetched.page.lsn(), fetched.page.u64_at(64)), (idle, 40));
        volume.close();
    }
}

/// F27: the writer dies when the first record of a group has reached any number of nodes. What four had stays; the rest is
/// there or is not, the same for every later writer, and the group goes on either way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_new_when_the_writer_dies_is_the_same_for_all_who_follow() {
    for reached in 0..=6 {
        let six = Six::new(4, false).await;
        let (volume, _) = six.open(1).await;
        let old = write(&volume, 0, Lsn::ZERO, 1);
        durable(&volume, old).await;
        six.cut(reached..6, true);
        let new = write(&volume, 12, Lsn::ZERO, 2);
        until("the nodes that are left have it", async || {
            let mut all = true;
            for node in 0..reached {
                all &= six.flushed(node, 3).await >= new;
            }
            all
        })
        .await;
        if reached >= 4 {
            durable(&volume, new).await;
        }
        volume.close();
        six.cut(0..6, false);

        let (volume, vdl) = six.open(2).await;
        let kept = vdl >= new;
        assert!(kept || reached < 4, "{reached} nodes had it flushed");
        assert!(!kept || reached > 0);
        let fetched = volume.fetch(PageId(12)).await.expect("it is served").page;
        assert_eq!(fetched.lsn(), if kept { new } else { Lsn::ZERO }, "reached {reached}");
        volume.close();

        // Two of those that had it are gone.
        six.cut(0..2, true);
        let (volume, _) = six.open(3).await;
        let fetched = volume.fetch(PageId(12)).await.expect("it is served").page;
        assert_eq!(fetched.lsn(), if kept { new } else { Lsn::ZERO }, "reached {reached}, and without two");
        let next = write(&volume, 12, fetched.lsn(), 3);
        durable(&volume, next).await;
        assert_eq!(volume.fetch(PageId(12)).await.expect("it is served").page.u64_at(64), 3);
        six.cut(0..2, false);
        until("all six keep the group", async || {
            let mut all = true;
            for node in 0..6 {
                all &= six.flushed(node, 3).await == next;
            }
            all
        })
        .await;
        volume.close();
    }
}

impl Six {
    /// Waits until each node has a log of so many bytes: what is durable is on four of them, and on its way to the others.
    async fn have_logs(&self, bytes: u64) {
        for node in 0..6 {
            let what = format!("node {node} has a log of {bytes} bytes");
            until(&what, async || self.status(node).await.log_bytes >= bytes).await;
        }
    }
}

/// Pages that are overwritten again and again.
const LIVE_PAGES: u64 = 40;

/// A load that overwrites its pages, and the most that it made of any node's disk.
struct Churn {
    volume: Arc<WriterVolume>,
    lsns: Vec<Lsn>,
    value: u64,
    log_bytes_max: u64,
    image_bytes_max: u64,
}

impl Churn {
    fn new(volume: Arc<WriterVolume>) -> Churn {
        Churn { volume, lsns: vec![Lsn::ZERO; LIVE_PAGES as usize], value: 0, log_bytes_max: 0, image_bytes_max: 0 }
    }

    /// Writes about so many bytes of redo; `raises`: nobody reads below what is durable.
    async fn write(&mut self, six: &Six, bytes: u64, raises: bool) {
        let end = self.volume.end().0 + bytes;
        while self.volume.end().0 < end {
            self.value += 1;
            for (page, lsn) in self.lsns.iter_mut().enumerate() {
                let room = tokio::time::timeout(LONG, self.volume.reserve(4 << 10)).await;
                room.expect("in time").expect("there is room");
                *lsn = write(&self.volume, page as u64, *lsn, self.value);
            }
            durable(&self.volume, self.volume.end()).await;
            if raises {
                self.volume.set_gc_floor(self.volume.flushed_vdl());
            }
            for node in 0..6 {
                let status = six.status(node).await;
                self.log_bytes_max = self.log_bytes_max.max(status.log_bytes);
                self.image_bytes_max = self.image_bytes_max.max(status.image_file_bytes);
            }
        }
    }

    async fn settles(&self, six: &Six) {
        until("the logs become short again", async || {
            self.volume.set_gc_floor(self.volume.flushed_vdl());
            let mut short = true;
            for node in 0..6 {
                short &= six.status(node).await.log_bytes <= 2 * RETENTION;
            }
            short
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_volume_under_a_constant_load_keeps_a_small_disk() {
    let six = Six::new(8, false).await;
    six.gossip();
    let (volume, _) = six.open(1).await;
    let mut churn = Churn::new(volume.clone());
    // Forty times the live pages, and as often the log's retention. Beyond eight times that a log waits for no peer; how far it
    // comes then is a matter of how the threads get on beside each other.
    churn.write(&six, 40 * RETENTION, true).await;
    let live = LIVE_PAGES * protocol::PAGE_BYTES as u64;
    assert!(churn.log_bytes_max <= 20 * RETENTION, "{} bytes of log", churn.log_bytes_max);
    assert!(churn.image_bytes_max <= 4 * live, "{} bytes of images for {live}", churn.image_bytes_max);
    churn.settles(&six).await;
    for (page, lsn) in churn.lsns.iter().enumerate() {
        let fetched = volume.fetch(PageId(page as u64)).await.expect("it is served");
        assert_eq!((fetched.page.lsn(), fetched.page.u64_at(64)), (*lsn, churn.value));
    }
    volume.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_point_holds_space_and_its_release_frees_it() {
    let six = Six::new(8, false).await;
    six.gossip();
    let (volume, _) = six.open(1).await;
    let mut churn = Churn::new(volume.clone());
    churn.write(&six, 2 * RETENTION, true).await;
    let (point, value) = (volume.flushed_vdl(), churn.value);
    let expected: Vec<Lsn> = churn.lsns.clone();
    volume.set_gc_floor(point);
    churn.write(&six, 12 * RETENTION, false).await;
    six.have_logs(10 * RETENTION).await;
    for node in 0..6 {
        let status = six.status(node).await;
        assert!(Lsn(status.gc_floor) <= point);
        for (page, lsn) in expected.iter().enumerate() {
            let request = ReadPageRequest {
                volume: VOLUME,
                version: FORMAT_VERSION,
                ballot: volume.ballot().0,
                page: page as u64,
                read_point: point.0,
                group_tail: lsn.0,
            };
            let reply = six.nodes[node].read_page(request).await.expect("it answers");
            assert_eq!(reply.outcome(), ReadOutcome::Ok, "node {node} at {point}");
            let read = Page::from_bytes(&reply.page, PageId(page as u64)).expect("it is sound");
            assert_eq!((read.lsn(), read.u64_at(64)), (*lsn, value), "as of then, and not as of now");
        }
    }
    churn.settles(&six).await;
    // What it read is gone: it is told so, and nothing else.
    let request = ReadPageRequest {
        volume: VOLUME,
        version: FORMAT_VERSION,
        ballot: volume.ballot().0,
        read_point: point.0,
        ..ReadPageRequest::default()
    };
    let reply = six.nodes[0].read_page(request).await.expect("it answers");
    assert_eq!(reply.outcome(), ReadOutcome::BelowFloor);
    volume.close();
}

/// T23: what no archive has yet is kept, whoever else can do without it; also by a writer that has just come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_holds_the_floor_until_it_has_the_redo() {
    let six = Six::new(8, true).await;
    six.gossip();
    let (volume, _) = six.open(1).await;
    let mut churn = Churn::new(volume.clone());
    churn.write(&six, 4 * RETENTION, true).await;
    assert_eq!(volume.gc_floor(), Lsn::ZERO);
    let archived = volume.flushed_vdl();
    volume.set_archived(archived);
    churn.write(&six, 10 * RETENTION, true).await;
    assert_eq!(volume.gc_floor(), archived);
    volume.close();
    let (volume, _) = six.open(2).await;
    churn.volume = volume.clone();
    churn.write(&six, RETENTION, true).await;
    assert_eq!(volume.gc_floor(), Lsn::ZERO, "it has not been told");
    six.have_logs(10 * RETENTION).await;
    for node in 0..6 {
        let status = six.status(node).await;
        assert!(Lsn(status.gc_floor) <= archived, "node {node}");
    }
    volume.set_archived(volume.flushed_vdl());
    until("the logs become short", async || {
        volume.set_archived(volume.flushed_vdl());
        volume.set_gc_floor(volume.flushed_vdl());
        let mut short = true;
        for node in 0..6 {
            short &= six.status(node).await.log_bytes <= 2 * RETENTION;
        }
        short
    })
    .await;
    volume.close();
}

/// A quota that four of six nodes have used up is said as a full disk is, and more of it lets writes go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_beyond_its_quota_is_refused_as_full_and_goes_on_with_more() {
    let six = Six::new(8, false).await;
    let (volume, _) = six.open(1).await;
    volume.set_patience(LONG);
    let give = async |quota_bytes: u64| {
        for node in &six.nodes {
            // The writer's ballot may just be on its way to it, with the members.
            until("a quota may change", async || {
                let kept = node.status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await;
                let kept = kept.expect("it is given").config.expect("it is kept");
                let config = Some(VolumeConfig { quota_bytes, ..kept });
                node.create_volume(CreateVolumeRequest { version: FORMAT_VERSION, config }).await.is_ok()
            })
            .await;
        }
    };
    let quota = 8 * LOG_FILE_BYTES;
    give(quota).await;
    // Nobody lets the floor rise: all of it has to stay.
    let (mut lsn, mut value) = (write(&volume, 1, Lsn::ZERO, 0), 0);
    let begin = lsn;
    let writing = async {
        loop {
            if let Err(refusal) = volume.reserve(4 << 10).await {
                break refusal;
            }
            value += 1;
            lsn = write(&volume, 1, lsn, value);
            if let Err(refusal) = volume.wait(lsn, Durability::Flushed).await {
                break refusal;
            }
            assert!(lsn.since(begin) < 4 * quota, "it takes more than it may");
        }
    };
    // Slow nodes are waited for; who waits for full ones is told so.
    let impatient = async {
        while volume.write_state().0.full < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        volume.set_patience(Duration::from_secs(2));
        std::future::pending().await
    };
    let refusal = tokio::select! {
        refusal = writing => refusal,
        never = impatient => never,
    };
    assert!(matches!(refusal, VolumeError::Full(_)), "{refusal}");
    let (census, _) = volume.write_state();
    assert!(census.full >= 3, "{census}");
    assert_eq!(volume.fetch(PageId(1)).await.expect("reads go on").page.id(), PageId(1));
    give(4 * quota).await;
    until("writes go on", async || volume.reserve(4 << 10).await.is_ok()).await;
    durable(&volume, write(&volume, 2, Lsn::ZERO, 2)).await;
    volume.close();
}
