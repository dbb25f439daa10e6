//! Deliberate bugs, one at a time, so that the simulation can be seen to find them.
//!
//! **Rule.** No production code has a switch for them. Each is done from outside: a disk that lies, a message that is bent on
//! its way, a wrapper around what the engine is given, a session that does not wait. What arrives is what a storage node or
//! a server with that bug would have sent.

use crate::machine::MACHINES_MAX;
use crate::net::{Net, node_process};
use crate::world::ProcessId;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use protocol::batch::{Batch, BatchBuilder};
use protocol::node::StorageNode;
use protocol::redo::Record;
use protocol::rpc::storage as rpc;
use protocol::volume::{Durability, Fetched, PageChange, PageSource, RedoLog, RedoSink, VolumeError};
use protocol::{Ballot, FORMAT_VERSION, Lsn, Page, PageId};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::membership::nodes_of;
use storage::node::Node;
use storage::sim::SimDisk;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Nodes acknowledge as flushed what no fsync has brought to the medium.
    AckWithoutFsync,
    /// Three copies are enough: what node 3 says it has is what three others have.
    QuorumOfThree,
    /// Gossip relabels records with the ballot of whoever asks, so that annulled ones pass.
    GossipRevives,
    /// A replica applies a mini-transaction in two halves.
    HalfMtr,
    /// The GC floor is the durable point, whatever replicas still read.
    GcAboveReader,
    /// A node that dies forgets a promise that it had made and nothing had followed.
    PromiseForgotten,
    /// A node serves reads under a ballot whose table it lacks.
    ReadUnderPromise,
    /// Recovery takes every SCL and record for valid, whatever the truncation table says.
    NoClipping,
    /// One server reckons with an allocation limit that is too small when it recovers.
    LalIgnored,
    /// The durable point is counted from what was received.
    ReceivedAsFlushed,
    /// A replica installs a page that was read before its placeholder was registered.
    StaleFetch,
    /// Clients are told of a commit when its record is appended.
    AckBeforeDurable,
    /// A client whose commit joins a group before it is sealed is told with the group before.
    GroupJoinerTold,
    /// Recovery opens without having filled the copies up to a write quorum.
    RepairSkipped,
    /// Nodes serve the newest version of a page, above the read point.
    ReadAboveReadPoint,
    /// A replacement is finished before the new member has anything, which then counts.
    JoinerCounts,
    /// A session on a replica does not wait for what it wrote through the writer.
    OwnWritesUnseen,
    /// A node whose disk was lost comes back as the member that it was.
    EmptiedReturns,
    /// A node takes for read what it would have had to wait for.
    UnreadAsRead,
}

impl Sabotage {
    /// Every bug.
    pub const ALL: [Sabotage; 19] = [
        Sabotage::AckWithoutFsync,
        Sabotage::QuorumOfThree,
        Sabotage::GossipRevives,
        Sabotage::HalfMtr,
        Sabotage::GcAboveReader,
        Sabotage::PromiseForgotten,
        Sabotage::ReadUnderPromise,
        Sabotage::NoClipping,
        Sabotage::LalIgnored,
        Sabotage::ReceivedAsFlushed,
        Sabotage::StaleFetch,
        Sabotage::AckBeforeDurable,
        Sabotage::GroupJoinerTold,
        Sabotage::RepairSkipped,
        Sabotage::ReadAboveReadPoint,
        Sabotage::JoinerCounts,
        Sabotage::OwnWritesUnseen,
        Sabotage::EmptiedReturns,
        Sabotage::UnreadAsRead,
    ];
}

/// Who, with [`Sabotage::QuorumOfThree`], has nothing and says otherwise.
const LIAR: usize = 3;
/// The limit of [`Sabotage::LalIgnored`], in bytes.
const LAL_TOO_SMALL: u64 = 4 << 10;

/// What a node says when asked directly.
pub fn ask(net: &Net, index: usize) -> Option<rpc::HoldReply> {
    let node = net.node(index)?;
    let volume =
        node.status(rpc::StatusRequest { version: FORMAT_VERSION, volume: 0 }).now_or_never()?.ok()?.config?.volume;
    let request = rpc::HoldRequest { volume, version: FORMAT_VERSION, ..Default::default() };
    node.hold(request).now_or_never()?.ok()
}

fn table_ballot(reply: &rpc::HoldReply) -> u64 {
    reply.table.as_ref().and_then(|table| table.entries.last()).map_or(0, |entry| entry.ballot)
}

/// A node is about to make a promise.
pub fn before_promise(net: &Net, index: usize) {
    if net.sabotage == Some(Sabotage::PromiseForgotten)
        && let Some(disk) = net.disks.lock().get(&index)
    {
        let is_superblock = |path: &std::path::PathBuf| path.to_string_lossy().contains("superblock");
        let superblocks = disk.paths().into_iter().filter(is_superblock);
        let files = superblocks.map(|path| (path.clone(), disk.bytes(&path))).collect();
        net.forgotten.lock().entry(index).or_insert(files);
    }
}

/// An append request as it leaves.
pub fn bend_append(net: &Net, to: usize, mut request: rpc::AppendRequest) -> rpc::AppendRequest {
    match net.sabotage {
        Some(Sabotage::QuorumOfThree) if to == LIAR => request.batch = bytes::Bytes::new(),
        Some(Sabotage::ReceivedAsFlushed) => request.want_received = true,
        _ => {}
    }
    request
}

/// The reply of an append stream as it arrives.
pub fn bend_append_reply(net: &Net, from: usize, mut reply: rpc::AppendReply) -> rpc::AppendReply {
    match net.sabotage {
        Some(Sabotage::QuorumOfThree) if from == LIAR && reply.outcome() == rpc::AppendOutcome::Flushed => {
            let mut flushed: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
            for other in (0..MACHINES_MAX).filter(|other| *other != LIAR) {
                for mark in ask(net, other).map(|reply| reply.marks).unwrap_or_default() {
                    flushed.entry(mark.group).or_default().push(mark.scl_flushed);
                }
            }
            for (group, mut scls) in flushed {
                scls.sort_unstable_by_key(|scl| std::cmp::Reverse(*scl));
                let third = scls.get(2).copied().unwrap_or_default();
                let known = reply.marks.iter_mut().find(|mark| mark.group == group);
                match known {
                    Some(mark) => {
                        mark.scl_flushed = mark.scl_flushed.max(third);
                        mark.scl_received = mark.scl_received.max(third);
                    }
                    None => reply.marks.push(rpc::SegmentMark {
                        group,
                        scl_received: third,
                        scl_flushed: third,
                        ..Default::default()
                    }),
                }
            }
        }
        Some(Sabotage::ReceivedAsFlushed) if reply.outcome() == rpc::AppendOutcome::Received => {
            reply.set_outcome(rpc::AppendOutcome::Flushed);
            reply.marks.iter_mut().for_each(|mark| mark.scl_flushed = mark.scl_received);
        }
        _ => {}
    }
    reply
}

/// A promise as it arrives.
pub fn bend_prepare_reply(net: &Net, mut reply: rpc::PrepareReply) -> rpc::PrepareReply {
    if net.sabotage == Some(Sabotage::NoClipping) {
        for segment in &mut reply.segments {
            segment.scl_ballot = u64::MAX;
            segment.above.iter_mut().for_each(|record| record.ballot = u64::MAX);
        }
    }
    reply
}

/// A read as it leaves.
pub fn bend_read(net: &Net, to: usize, mut request: rpc::ReadPageRequest) -> rpc::ReadPageRequest {
    match net.sabotage {
        Some(Sabotage::ReadUnderPromise) => {
            request.ballot = ask(net, to).map_or(request.ballot, |reply| table_ballot(&reply).min(request.ballot));
        }
        Some(Sabotage::ReadAboveReadPoint) => request.read_point = u64::MAX,
        _ => {}
    }
    request
}

/// Which node a process is.
pub fn is_node(process: ProcessId) -> Option<usize> {
    (0..MACHINES_MAX).find(|index| node_process(*index) == process)
}

/// A pull as it leaves.
pub fn bend_pull(net: &Net, from: ProcessId, to: usize, mut request: rpc::PullRequest) -> rpc::PullRequest {
    if net.sabotage == Some(Sabotage::GossipRevives) && is_node(from).is_some() {
        request.ballot = ask(net, to).map_or(request.ballot, |reply| table_ballot(&reply).min(request.ballot));
    }
    request
}

/// Pulled redo as it arrives.
pub fn bend_pull_reply(net: &Net, from: ProcessId, mut reply: rpc::PullReply) -> rpc::PullReply {
    if net.sabotage == Some(Sabotage::GossipRevives)
        && let Some(ballot) = is_node(from).and_then(|index| ask(net, index)).map(|reply| table_ballot(&reply))
    {
        for batch in &mut reply.batches {
            let Ok(decoded) = Batch::decode(batch.clone()) else { continue };
            let mut builder = BatchBuilder::new(decoded.group, Ballot(ballot), decoded.membership_epoch);
            decoded.records.iter().for_each(|record| builder.push_encoded(record));
            *batch = builder.finish();
        }
    }
    reply
}

/// What a node holds, as it arrives.
pub fn bend_hold_reply(net: &Net, from: ProcessId, mut reply: rpc::HoldReply) -> rpc::HoldReply {
    if net.sabotage == Some(Sabotage::RepairSkipped) && is_node(from).is_none() {
        let ballot = table_ballot(&reply);
        let others =
            (0..MACHINES_MAX).filter_map(|index| ask(net, index)).filter(|other| table_ballot(other) == ballot);
        for mark in others.flat_map(|other| other.marks) {
            match reply.marks.iter_mut().find(|own| own.group == mark.group) {
                Some(own) if own.scl_flushed < mark.scl_flushed => *own = mark,
                Some(_) => {}
                None => reply.marks.push(mark),
            }
        }
    }
    reply
}

/// A node's status as it arrives.
pub fn bend_status_reply(net: &Net, from: ProcessId, mut reply: rpc::StatusReply) -> rpc::StatusReply {
    if net.sabotage == Some(Sabotage::LalIgnored)
        && from.0.is_multiple_of(2)
        && let Some(config) = &mut reply.config
    {
        config.lal_bytes = LAL_TOO_SMALL;
    }
    if net.sabotage == Some(Sabotage::JoinerCounts) && is_node(from).is_none() && reply.state == "joining" {
        let marks = (0..MACHINES_MAX).filter_map(|index| ask(net, index)).flat_map(|other| other.marks);
        let mut highest: BTreeMap<u32, rpc::SegmentMark> = BTreeMap::new();
        for mark in marks {
            match highest.get_mut(&mark.group) {
                Some(known) if known.scl_flushed >= mark.scl_flushed => {}
                _ => drop(highest.insert(mark.group, mark)),
            }
        }
        reply.marks = highest.into_values().collect();
    }
    reply
}

/// A disk before it is used.
pub fn spoil_disk(net: &Net, disk: &SimDisk) {
    match net.sabotage {
        Some(Sabotage::AckWithoutFsync) => disk.lie_about(".log"),
        Some(Sabotage::UnreadAsRead) => disk.boast(),
        _ => {}
    }
}

/// A node was started.
pub fn after_start(net: &Net, index: usize, node: &Arc<Node>) {
    let Some(config) = net.created.lock().clone().filter(|_| net.sabotage == Some(Sabotage::EmptiedReturns)) else {
        return;
    };
    if config.members.iter().flat_map(nodes_of).any(|node| node.node as usize == index) {
        // One that has a volume refuses.
        let request = rpc::CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config) };
        drop(node.create_volume(request).now_or_never());
    }
}

/// What the engine of a writer is given.
#[must_use]
pub fn bend_log(sabotage: Option<Sabotage>, log: Arc<dyn RedoLog>) -> Arc<dyn RedoLog> {
    if sabotage == Some(Sabotage::GcAboveReader) { Arc::new(HastyLog(log)) } else { log }
}

/// A log that frees what is read.
struct HastyLog(Arc<dyn RedoLog>);

impl PageSource for HastyLog {
    fn fetch(&self, page: PageId) -> BoxFuture<'_, Result<Fetched, VolumeError>> {
        self.0.fetch(page)
    }
    fn flushed_vdl(&self) -> Lsn {
        self.0.flushed_vdl()
    }
}

impl RedoLog for HastyLog {
    fn reserve(&self, bytes: u64) -> BoxFuture<'_, Result<(), VolumeError>> {
        self.0.reserve(bytes)
    }
    fn has_room(&self, bytes: u64) -> bool {
        self.0.has_room(bytes)
    }
    fn append(&self, changes: &[PageChange], publish: &mut dyn FnMut(&[Lsn])) {
        self.0.append(changes, publish);
    }
    fn end(&self) -> Lsn {
        self.0.end()
    }
    fn is_durable(&self, lsn: Lsn, durability: Durability) -> bool {
        self.0.is_durable(lsn, durability)
    }
    fn wait(&self, lsn: Lsn, durability: Durability) -> BoxFuture<'_, Result<(), VolumeError>> {
        self.0.wait(lsn, durability)
    }
    fn set_gc_floor(&self, _floor: Lsn) {
        self.0.set_gc_floor(self.0.flushed_vdl());
    }
}

/// What the engine of a replica reads from.
#[must_use]
pub fn bend_source(sabotage: Option<Sabotage>, source: Arc<dyn PageSource>) -> Arc<dyn PageSource> {
    if sabotage == Some(Sabotage::StaleFetch) {
        Arc::new(StaleSource { source, read: Mutex::default() })
    } else {
        source
    }
}

/// A source that answers the second read of a page with the first one's answer.
struct StaleSource {
    source: Arc<dyn PageSource>,
    read: Mutex<BTreeMap<PageId, (Page, Lsn)>>,
}

impl PageSource for StaleSource {
    fn fetch(&self, id: PageId) -> BoxFuture<'_, Result<Fetched, VolumeError>> {
        Box::pin(async move {
            if let Some((page, read_point)) = self.read.lock().remove(&id) {
                return Ok(Fetched { page, read_point });
            }
            let fetched = self.source.fetch(id).await?;
            self.read.lock().insert(id, (fetched.page.clone(), fetched.read_point));
            Ok(fetched)
        })
    }
    fn flushed_vdl(&self) -> Lsn {
        self.source.flushed_vdl()
    }
}

/// What a replica's redo is poured into.
pub fn bent_apply(
    sabotage: Option<Sabotage>,
    sink: &dyn RedoSink,
    records: &[Record],
    applied: Lsn,
) -> Result<(), VolumeError> {
    if sabotage == Some(Sabotage::HalfMtr) && records.len() > 1 {
        // The second half comes with the next redo, or never: nobody waits for it.
        let (half, _) = records.split_at(records.len() / 2);
        let reached = half.last().map_or(applied, |record| record.header.lsn);
        return sink.apply(half, reached);
    }
    sink.apply(records, applied)
}
