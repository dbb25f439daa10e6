//! A column: several nodes of one zone that together keep one of the six copies of every group.
//!
//! **Rule.** A volume has six seats, two in each of three zones, whatever the number of its nodes. On a seat sits a node, or a
//! column of nodes, each of which keeps the groups of its part: group *g* lies on node *g mod n* of a column of *n*
//! ([`part_of`](crate::membership::part_of)). So every group has six segments on six nodes, two a zone, and no map of groups
//! could be behind. A column promises, adopts a table, takes redo and tells what it holds as one node would: what concerns
//! all groups is asked of all its nodes, and it has answered when *all* have; what concerns a group is asked of the node
//! that keeps it.
//!
//! ```text
//!             zone a            zone b            zone c
//! seats     0       1         2       3         4       5
//! nodes   1,2,3   4,5,6     7,8,9  10,11,12  13,14,15 16,17,18      group 7 lies on 2, 5, 8, 11, 14, 17
//! ```
//!
//! **Why that is enough.** To whoever counts quorums a column is one node whose disk is spread over several machines: it
//! promised when everything that it keeps is below that promise, and never speaks for a part that is silent. So everything
//! that holds of six nodes holds of six columns, recovery and changes of members included.
//!
//! **What is told as of a table** is told as of the lowest that one of its nodes has: the column has adopted no other. So its
//! durable point is what those with that table have heard, however much further the others are: under a lower table records
//! lie below such a point that the higher one annuls, and whoever believed both would make images of them.
//!
//! **What it costs.** A column is down when one of its nodes is: two nodes may be lost for writing and three for reading,
//! wherever they are, as with six; more only if they share columns. Its stream is as fast as its slowest node, and each node
//! gets every message, empty where the redo is another's. Nodes gossip by themselves: of a column that is down those that
//! live keep up with the nodes that keep the same groups.
//!
//! **Names.** Each node answers under its own name, which is checked here; the column answers under that of its seat
//! ([`name_of`](crate::membership::name_of)).

use crate::membership::{MemberName, name_of, node_name, nodes_of, part_of};
use futures::future::{BoxFuture, FutureExt, try_join_all};
use parking_lot::Mutex;
use protocol::batch::BatchHeader;
use protocol::node::{AppendStream, NodeError, NodeResult, OnReply, StorageNode};
use protocol::rpc::storage as rpc;
use protocol::rpc::storage::AppendOutcome;
use protocol::{GroupId, NodeId, PageId};
use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// See the module.
pub struct Column {
    member: rpc::Member,
    pages_per_group: u32,
    nodes: Vec<Arc<dyn StorageNode>>,
}

/// Reaches a member: a node, or a column of them. `None` when one of its nodes cannot be dialled.
#[must_use]
pub fn reach(
    dial: &dyn Fn(&rpc::Member) -> Option<Arc<dyn StorageNode>>,
    member: &rpc::Member,
    pages_per_group: u32,
) -> Option<Arc<dyn StorageNode>> {
    if member.others.is_empty() {
        return dial(member);
    }
    let nodes = nodes_of(member).map(dial).collect::<Option<Vec<_>>>()?;
    Some(Arc::new(Column::new(member, pages_per_group, nodes)))
}

impl Column {
    /// The column of a member, with its nodes in the order of their parts.
    ///
    /// # Panics
    /// When there is not one node for each part.
    #[must_use]
    pub fn new(member: &rpc::Member, pages_per_group: u32, nodes: Vec<Arc<dyn StorageNode>>) -> Column {
        assert_eq!(nodes_of(member).count(), nodes.len(), "each part has its node");
        Column { member: member.clone(), pages_per_group: pages_per_group.max(1), nodes }
    }

    fn keeper(&self, group: GroupId) -> &Arc<dyn StorageNode> {
        &self.nodes[part_of(&self.member, group)]
    }

    fn keeper_of_page(&self, page: u64) -> &Arc<dyn StorageNode> {
        self.keeper(PageId(page).group(self.pages_per_group))
    }

    /// Asks every node, and gives up when one does not answer.
    async fn all<'a, T>(
        &'a self,
        ask: impl Fn(&'a dyn StorageNode) -> BoxFuture<'a, NodeResult<T>>,
    ) -> NodeResult<Vec<T>> {
        try_join_all(self.nodes.iter().map(|node| ask(&**node))).await
    }

    /// Whether each node said its own name.
    fn check_names(&self, said: impl Iterator<Item = (u32, u32)>) -> NodeResult<MemberName> {
        for (node, (number, incarnation)) in nodes_of(&self.member).zip(said) {
            let (name, says) = (node_name(node), MemberName { node: NodeId(number), incarnation });
            if says != name {
                return Err(NodeError::Refused(format!("{says} answers where {name} should be")));
            }
        }
        Ok(name_of(&self.member))
    }
}

/// One answer of all: those that were given, one for each part, in order. There is at least one.
fn merge<T>(replies: Vec<T>, with: impl Fn(&mut T, T)) -> T {
    let mut replies = replies.into_iter();
    let mut merged = replies.next().expect("a column has nodes");
    replies.for_each(|reply| with(&mut merged, reply));
    merged
}

/// Leaves of a node's marks those of the groups that it is to keep: nobody else speaks for the others' keepers.
fn keep_own(member: &rpc::Member, part: usize, marks: &mut Vec<rpc::SegmentMark>) {
    marks.retain(|mark| part_of(member, GroupId(mark.group)) == part);
}

fn table_ballot(table: Option<&rpc::TruncationTable>) -> u64 {
    table.and_then(|table| table.entries.last()).map_or(0, |entry| entry.ballot)
}

fn membership_of(config: Option<&rpc::VolumeConfig>) -> (u64, u32) {
    config.map_or((0, 0), |config| (config.membership_ballot, config.membership_epoch))
}

/// The later of two configurations.
fn later(one: &mut Option<rpc::VolumeConfig>, other: Option<rpc::VolumeConfig>) {
    if membership_of(other.as_ref()) > membership_of(one.as_ref()) || one.is_none() {
        *one = other;
    }
}

/// States of a node from the one that says most of a column that has it to the one that says least.
const STATES: [&str; 9] = ["failed", "empty", "removed", "damaged", "full", "joining", "hydrating", "behind", "up"];

fn worse(state: &str) -> usize {
    STATES.iter().position(|known| *known == state).unwrap_or(0)
}

/// A boot id of several: another as soon as one of them is another.
fn boot_of(boots: &[u64]) -> u64 {
    boots.iter().fold(0u64, |all, boot| all.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(boot.wrapping_add(1)))
}

impl StorageNode for Column {
    fn append(&self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
        async move {
            let acks = Arc::new(Mutex::new(Acks::new(self.nodes.len())));
            let opening = self.nodes.iter().enumerate().map(|(part, node)| {
                let (acks, on_reply, member) = (acks.clone(), on_reply.clone(), self.member.clone());
                let take = move |mut reply: rpc::AppendReply| {
                    keep_own(&member, part, &mut reply.marks);
                    // What is told is told in its order, whichever node's thread comes first.
                    let mut acks = acks.lock();
                    acks.take(part, reply).into_iter().for_each(|reply| on_reply(reply));
                };
                node.append(Arc::new(take))
            });
            let streams = try_join_all(opening).await?;
            Ok(Box::new(ColumnStream { member: self.member.clone(), streams }) as Box<dyn AppendStream>)
        }
        .boxed()
    }

    fn prepare(&self, request: rpc::PrepareRequest) -> BoxFuture<'_, NodeResult<rpc::PrepareReply>> {
        async move {
            let mut replies = self.all(|node| node.prepare(request)).await?;
            for (part, reply) in replies.iter_mut().enumerate() {
                reply.segments.retain(|segment| part_of(&self.member, GroupId(segment.group)) == part);
            }
            let refused = replies.iter().filter(|reply| !reply.promised).max_by_key(|reply| reply.highest);
            if let Some(refused) = refused {
                return Ok(refused.clone());
            }
            let name = self.check_names(replies.iter().map(|it| (it.node, it.incarnation)))?;
            let boot = boot_of(&replies.iter().map(|reply| reply.boot).collect::<Vec<_>>());
            let mut merged = merge(replies, |all, one| {
                all.highest = all.highest.max(one.highest);
                if table_ballot(one.table.as_ref()) > table_ballot(all.table.as_ref()) {
                    all.table = one.table;
                }
                all.segments.extend(one.segments);
                all.flushed_vdl_heard = all.flushed_vdl_heard.max(one.flushed_vdl_heard);
                all.hydrated &= one.hydrated;
                later(&mut all.config, one.config);
            });
            (merged.node, merged.incarnation, merged.boot) = (name.node.0, name.incarnation, boot);
            Ok(merged)
        }
        .boxed()
    }

    fn install_table(&self, request: rpc::InstallTableRequest) -> BoxFuture<'_, NodeResult<rpc::InstallTableReply>> {
        async move {
            let replies = self.all(|node| node.install_table(request.clone())).await?;
            let name = self.check_names(replies.iter().map(|it| (it.node, it.incarnation)))?;
            let mut merged = merge(replies, |all, one| {
                all.adopted &= one.adopted;
                all.promised = all.promised.max(one.promised);
                let kept = (one.membership_ballot, one.membership_epoch);
                if kept < (all.membership_ballot, all.membership_epoch) {
                    (all.membership_ballot, all.membership_epoch) = kept;
                }
            });
            (merged.node, merged.incarnation) = (name.node.0, name.incarnation);
            Ok(merged)
        }
        .boxed()
    }

    fn fill(&self, request: rpc::FillRequest) -> BoxFuture<'_, NodeResult<rpc::FillReply>> {
        async move {
            let mut parts: Vec<Vec<bytes::Bytes>> = vec![Vec::new(); self.nodes.len()];
            for batch in request.batches {
                let group = group_of(&batch)?;
                parts[part_of(&self.member, group)].push(batch);
            }
            let filling = self.nodes.iter().zip(parts).filter(|(_, batches)| !batches.is_empty());
            let filling = filling.map(|(node, batches)| {
                node.fill(rpc::FillRequest {
                    volume: request.volume,
                    version: request.version,
                    ballot: request.ballot,
                    batches,
                })
            });
            let replies = try_join_all(filling).await?;
            let flushed = AppendOutcome::Flushed as i32;
            if replies.is_empty() {
                return Ok(rpc::FillReply { outcome: flushed, ..rpc::FillReply::default() });
            }
            Ok(merge(replies, |all, one| {
                all.outcome = if all.outcome == flushed { one.outcome } else { all.outcome };
                all.marks.extend(one.marks);
                all.promised = all.promised.max(one.promised);
            }))
        }
        .boxed()
    }

    fn read_page(&self, request: rpc::ReadPageRequest) -> BoxFuture<'_, NodeResult<rpc::ReadPageReply>> {
        self.keeper_of_page(request.page).read_page(request)
    }

    fn pull(&self, request: rpc::PullRequest) -> BoxFuture<'_, NodeResult<rpc::PullReply>> {
        self.keeper(GroupId(request.group)).pull(request)
    }

    fn pull_images(&self, request: rpc::PullImagesRequest) -> BoxFuture<'_, NodeResult<rpc::PullImagesReply>> {
        self.keeper(GroupId(request.group)).pull_images(request)
    }

    fn hold(&self, request: rpc::HoldRequest) -> BoxFuture<'_, NodeResult<rpc::HoldReply>> {
        async move {
            // They are compared: each is to bring its table, whichever is known.
            let request = rpc::HoldRequest { known: None, ..request };
            let mut replies = self.all(|node| node.hold(request.clone())).await?;
            replies.iter_mut().enumerate().for_each(|(part, reply)| keep_own(&self.member, part, &mut reply.marks));
            let name = self.check_names(replies.iter().map(|it| (it.node, it.incarnation)))?;
            let mut merged = merge(replies, |all, one| {
                all.marks.extend(one.marks);
                // A table that not all have adopted annuls nothing in the others: the column has not adopted it. What is
                // durable is told as of a table: under a lower one other records lie below that point.
                match table_ballot(one.table.as_ref()).cmp(&table_ballot(all.table.as_ref())) {
                    Less => (all.table, all.flushed_vdl_heard) = (one.table, one.flushed_vdl_heard),
                    Equal => all.flushed_vdl_heard = all.flushed_vdl_heard.max(one.flushed_vdl_heard),
                    Greater => {}
                }
                all.promised = all.promised.max(one.promised);
                all.writer_silent_ms = all.writer_silent_ms.min(one.writer_silent_ms);
                all.lacks_redo |= one.lacks_redo;
                later(&mut all.config, one.config);
            });
            (merged.node, merged.incarnation) = (name.node.0, name.incarnation);
            Ok(merged)
        }
        .boxed()
    }

    fn register(&self, request: rpc::RegisterRequest) -> BoxFuture<'_, NodeResult<rpc::RegisterReply>> {
        async move {
            let replies = self.all(|node| node.register(request.clone())).await?;
            Ok(merge(replies, |all, one| {
                // Of a server that comes twice whoever asked takes the newer entry, as of one that several seats name.
                all.servers.extend(one.servers);
                all.promised = all.promised.max(one.promised);
                all.flushed_vdl_heard = all.flushed_vdl_heard.max(one.flushed_vdl_heard);
                all.writer_silent_ms = all.writer_silent_ms.min(one.writer_silent_ms);
            }))
        }
        .boxed()
    }

    fn create_volume(&self, request: rpc::CreateVolumeRequest) -> BoxFuture<'_, NodeResult<rpc::CreateVolumeReply>> {
        async move {
            let replies = self.all(|node| node.create_volume(request.clone())).await?;
            Ok(rpc::CreateVolumeReply { created: replies.iter().any(|reply| reply.created) })
        }
        .boxed()
    }

    fn status(&self, request: rpc::StatusRequest) -> BoxFuture<'_, NodeResult<rpc::StatusReply>> {
        async move {
            let mut replies = self.all(|node| node.status(request)).await?;
            replies.iter_mut().enumerate().for_each(|(part, reply)| keep_own(&self.member, part, &mut reply.marks));
            let name = self.check_names(replies.iter().map(|it| (it.node, it.incarnation)))?;
            let boot = boot_of(&replies.iter().map(|reply| reply.boot).collect::<Vec<_>>());
            let whole = replies.iter().all(|reply| reply.config.is_some());
            let mut merged = merge(replies, |all, one| {
                all.marks.extend(one.marks);
                later(&mut all.config, one.config);
                if worse(&one.state) < worse(&all.state) {
                    all.state = one.state;
                }
                all.promised = all.promised.max(one.promised);
                all.flushed_vdl_heard = all.flushed_vdl_heard.max(one.flushed_vdl_heard);
                all.gc_floor = all.gc_floor.max(one.gc_floor);
                all.log_bytes += one.log_bytes;
                all.uncoalesced_bytes += one.uncoalesced_bytes;
                all.image_bytes += one.image_bytes;
                all.image_file_bytes += one.image_file_bytes;
                all.pages_served += one.pages_served;
                all.fsyncs += one.fsyncs;
                all.scrubbed_log_bytes += one.scrubbed_log_bytes;
                all.scrubbed_images += one.scrubbed_images;
                all.damage_found += one.damage_found;
                all.damage_repaired += one.damage_repaired;
                all.behind_bytes = all.behind_bytes.max(one.behind_bytes);
                all.volumes.extend(one.volumes);
                all.hydrating.extend(one.hydrating);
            });
            (merged.node, merged.incarnation, merged.boot) = (name.node.0, name.incarnation, boot);
            // A part that is empty is not there.
            merged.config = merged.config.filter(|_| whole);
            Ok(merged)
        }
        .boxed()
    }
}

fn group_of(batch: &[u8]) -> NodeResult<GroupId> {
    BatchHeader::group_of(batch).map_err(|error| NodeError::Refused(error.to_string()))
}

/// The streams of a column's nodes as one. Every message goes to every node; its batch only to the node that keeps the group.
struct ColumnStream {
    member: rpc::Member,
    streams: Vec<Box<dyn AppendStream>>,
}

impl AppendStream for ColumnStream {
    fn send(&mut self, request: rpc::AppendRequest) -> NodeResult<()> {
        let keeper = match request.batch.is_empty() {
            true => None,
            false => Some(part_of(&self.member, group_of(&request.batch)?)),
        };
        for (part, stream) in self.streams.iter_mut().enumerate() {
            let mut request = request.clone();
            if keeper != Some(part) {
                request.batch = bytes::Bytes::new();
            }
            stream.send(request)?;
        }
        Ok(())
    }
}

/// Replies that wait for a node which has not answered on its stream yet.
const EARLY_MAX: usize = 64;

/// What the nodes of a column have acknowledged: the column has flushed what all have.
struct Acks {
    /// The last message that each has flushed, and everything before it.
    flushed: Vec<u64>,
    boots: HashMap<usize, u64>,
    promised: u64,
    /// What nodes told before all had told which boot they are in, at most [`EARLY_MAX`].
    early: VecDeque<rpc::AppendReply>,
}

impl Acks {
    fn new(parts: usize) -> Acks {
        Acks { flushed: vec![0; parts], boots: HashMap::new(), promised: 0, early: VecDeque::new() }
    }

    /// Takes in a node's reply, and returns what the column tells.
    fn take(&mut self, part: usize, reply: rpc::AppendReply) -> Vec<rpc::AppendReply> {
        self.promised = self.promised.max(reply.promised);
        self.boots.insert(part, reply.boot);
        let sequence = match reply.outcome() {
            AppendOutcome::Flushed => {
                self.flushed[part] = self.flushed[part].max(reply.sequence);
                self.flushed.iter().copied().min().unwrap_or_default()
            }
            _ => reply.sequence,
        };
        if self.early.len() == EARLY_MAX {
            // Later ones say as much and more.
            self.early.pop_front();
        }
        self.early.push_back(rpc::AppendReply { sequence, ..reply });
        if self.boots.len() < self.flushed.len() {
            return Vec::new();
        }
        let boots: Vec<u64> = (0..self.flushed.len()).map(|part| self.boots[&part]).collect();
        let (boot, promised) = (boot_of(&boots), self.promised);
        self.early.drain(..).map(|reply| rpc::AppendReply { boot, promised, ..reply }).collect()
    }
}

#[cfg(test)]
mod tests;
