//! Gossip: what this node misses and a peer has.
//!
//! **Rule.** A higher truncation table is adopted before any record is pulled, and only when no promise above its ballot was
//! made here: what a Prepare reply reported must still be here when the recoverer counts on it. Records go through the same
//! checks as any others. They are acknowledged to nobody; a writer of a lower ballot than the promise hears no marks at all.
//!
//! **Mechanism.** A round asks every peer what it holds. It comes at once after a gap was seen, with a little patience, for
//! the writer resends too; else every [`INTERVAL`]. A peer that is merely ahead by what is still on its way to us is left
//! alone: only what it had in the round before, and we still lack, is pulled.
//!
//! The question names the table that this node has, and a peer that has the same leaves it out of its answer. One of a version
//! that knows nothing of that sends its own each time.
//!
//! A peer that has retired the redo we lack offers its images instead (`hydrate`): taken only when no
//! peer that answered in the round had the redo.
//!
//! **Peers** are the nodes that keep a group which is kept here: of the other seats one node each, or all of a column that
//! divides its groups otherwise. Whoever shares a column with us has nothing that concerns us. What they hold is counted by
//! copies: several nodes of one seat are one.
//!
//! What peers are heard to hold also keeps the log from being retired below a peer that is down, within bounds: a node that
//! missed more than its peers retain cannot be filled any more.

use super::{Node, Refusal};
use crate::history::TruncationTable;
use crate::membership::{Membership, MembershipId, Part, Role, nodes_of};
use crate::quorum::COPIES;
use futures::future::join_all;
use hashbrown::HashMap;
use protocol::node::StorageNode;
use protocol::rpc::storage as rpc;
use protocol::rpc::storage::{AppendOutcome, ReadOutcome};
use protocol::task::{sleep, timeout};
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Rounds without a cause are this far apart.
pub const INTERVAL: Duration = Duration::from_millis(500);
/// How long after a gap was seen peers are asked.
pub const PATIENCE: Duration = Duration::from_millis(20);
/// How long a peer may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Redo asked for at once, in bytes.
const PULL_BYTES: u32 = 1 << 20;

/// Makes the connection to a member; `None` when it has no address that can be dialled.
pub type Dial = Arc<dyn Fn(&rpc::Member) -> Option<Arc<dyn StorageNode>> + Send + Sync>;

/// A node that is asked.
struct Peer {
    node: Arc<dyn StorageNode>,
    /// Which of the copies beside ours it has a part in, and which part that is.
    copy: usize,
    part: Part,
}

/// Keeps one node up with its peers.
pub struct Gossip {
    node: Weak<Node>,
    peers: Vec<Peer>,
    /// Of each copy beside ours, whether its keeper counts in quorums: who joins holds what it holds, and no more.
    counts: Vec<bool>,
    /// How to reach other members than those, and the membership that `peers` are from.
    follows: Option<(Dial, MembershipId)>,
    /// What each peer had of each group in the round before.
    seen: HashMap<(usize, GroupId), Lsn>,
}

/// What peers were asked, and what they said.
#[derive(Default)]
struct Asked {
    volume: u64,
    /// Ours, that the question named as known.
    table: Arc<TruncationTable>,
    replies: Vec<Result<rpc::HoldReply, String>>,
}

/// What a round found missing.
#[derive(Default)]
struct Lacks {
    /// What each peer that answered holds, of which copy, and the ballot of its table.
    held: Vec<(usize, Ballot, HashMap<GroupId, Lsn>)>,
    /// What some peer has had since the round before, of each group.
    targets: HashMap<GroupId, Lsn>,
    /// Peers that have retired what is missing, and up to where.
    retired: BTreeMap<GroupId, Vec<(Lsn, usize)>>,
}

impl Gossip {
    /// Gossip of `node` with the volume's five others. It does not keep the node alive.
    #[must_use]
    pub fn new(node: &Arc<Node>, peers: Vec<Arc<dyn StorageNode>>) -> Gossip {
        node.shared.state.lock().peers = vec![HashMap::new(); peers.len()];
        let peer = |(copy, node)| Peer { node, copy, part: Part::WHOLE };
        let peers: Vec<Peer> = peers.into_iter().enumerate().map(peer).collect();
        let counts = vec![true; peers.len()];
        Gossip { node: Arc::downgrade(node), peers, counts, follows: None, seen: HashMap::new() }
    }

    /// Gossip of `node` with whoever the volume's members are, as they change. It does not keep the node alive.
    #[must_use]
    pub fn following(node: &Arc<Node>, dial: Dial) -> Gossip {
        Gossip { follows: Some((dial, MembershipId::default())), ..Gossip::new(node, Vec::new()) }
    }

    /// Takes over the members as the node knows them now. One that is none any more gossips with nobody.
    fn follow(&mut self, node: &Node) {
        let Some((dial, known)) = &mut self.follows else { return };
        let mut state = node.shared.state.lock();
        let Some(volume) = state.volume.clone().filter(|volume| volume.membership.id() != *known) else { return };
        *known = volume.membership.id();
        let me = node.shared.options.id.0;
        let membership = &volume.membership;
        let mine = membership.parts_of(me);
        let is_member = state.role() != Role::Stranger;
        (self.peers, self.counts) = (Vec::new(), Vec::new());
        for (seat, member) in membership.everyone().enumerate().filter(|_| is_member) {
            // Of our own column the others keep other groups.
            if nodes_of(member).any(|node| node.node == me) {
                continue;
            }
            let copy = self.counts.len();
            let mut counts = seat < COPIES;
            for (part, node) in Part::all_of(member).filter(|(part, _)| mine.iter().any(|mine| mine.meets(*part))) {
                match dial(node).filter(|_| !membership.is_node_lost(node)) {
                    Some(node) => self.peers.push(Peer { node, copy, part }),
                    // Of that part the others of its column say nothing.
                    None => counts = false,
                }
            }
            if self.peers.last().is_some_and(|peer| peer.copy == copy) {
                self.counts.push(counts);
            }
        }
        self.seen.clear();
        state.peers = vec![HashMap::new(); self.counts.len()];
    }

    /// Runs until the node stops.
    pub async fn run(mut self) {
        loop {
            let Some(node) = self.node.upgrade() else { return };
            let shared = node.shared.clone();
            drop(node);
            let urgent = timeout(INTERVAL, shared.gossip.notified()).await.is_ok();
            if shared.stopped.load(Ordering::Acquire) {
                return;
            }
            if urgent {
                sleep(PATIENCE).await;
            }
            drop(shared);
            self.round(urgent).await;
        }
    }

    /// Asks every peer once. `urgent`: pulls whatever is missing, not only what was missing a round ago.
    pub async fn round(&mut self, urgent: bool) {
        let mut lacks = Lacks::default();
        if let Some(node) = self.node.upgrade() {
            self.follow(&node);
        }
        let Asked { volume, table, replies } = self.ask().await;
        let under = table.ballot();
        for (peer, held) in replies.into_iter().enumerate() {
            let Some(node) = self.node.upgrade() else { return };
            if node.shared.volume_id.load(Ordering::Acquire) != volume {
                return;
            }
            if let Err(error) = self.exchange(&node, peer, held, &table, urgent, &mut lacks).await {
                tracing::debug!(peer, error, "gossip with a peer failed");
            }
        }
        let Some(node) = self.node.upgrade() else { return };
        self.hydrate(&node, &mut lacks.retired).await;
        let mut guard = node.shared.state.lock();
        let state = &mut *guard;
        // Those that have not heard of our table may hold what it annuls, and lack what was copied before it was in force.
        state.note_peers(under, &self.copies_under(under, std::mem::take(&mut lacks.held)));
        let received = |group: &GroupId| state.segments.get(group).map_or(Lsn::ZERO, |segment| segment.received());
        let behind = lacks.targets.iter().map(|(group, target)| target.since(received(group)));
        let behind = behind.max().unwrap_or_default();
        // Rounds with a cause follow each other too closely to tell what is late from what is on its way.
        if !urgent || behind == 0 || !lacks.retired.is_empty() {
            state.behind_bytes = behind;
        }
        // Redo may have come after all, from a peer that was not there before.
        state.hydrations.retain(|group, hydration| hydration.target > received(group));
    }

    /// What each copy that counts holds, where all who have a part in it have answered under this table.
    fn copies_under(
        &self,
        under: Ballot,
        held: Vec<(usize, Ballot, HashMap<GroupId, Lsn>)>,
    ) -> Vec<HashMap<GroupId, Lsn>> {
        let mut copies: BTreeMap<usize, (usize, HashMap<GroupId, Lsn>)> = BTreeMap::new();
        for (copy, _, marks) in held.into_iter().filter(|(copy, ballot, _)| *ballot == under && self.counts[*copy]) {
            let (answered, all) = copies.entry(copy).or_default();
            *answered += 1;
            all.extend(marks);
        }
        let keepers = |copy: usize| self.peers.iter().filter(|peer| peer.copy == copy).count();
        let whole = copies.into_iter().filter(|(copy, (answered, _))| *answered == keepers(*copy));
        whole.map(|(_, (_, marks))| marks).collect()
    }

    /// Takes images where no peer has the redo any more.
    async fn hydrate(&self, node: &Node, retired: &mut BTreeMap<GroupId, Vec<(Lsn, usize)>>) {
        for (group, peers) in retired {
            // The highest base first: the least redo is left to pull then.
            peers.sort_unstable_by_key(|peer| std::cmp::Reverse(*peer));
            for (base, peer) in peers {
                let received =
                    node.shared.state.lock().segments.get(group).map_or(Lsn::ZERO, |segment| segment.received());
                if received >= *base {
                    break;
                }
                match node.hydrate(&*self.peers[*peer].node, *group).await {
                    Ok(_) => {
                        // On with it, or with the redo behind the images.
                        node.shared.gossip.notify_one();
                        break;
                    }
                    Err(error) => tracing::debug!(peer, %group, %error, "a peer gives no images"),
                }
            }
        }
    }

    /// What each peer holds of the volume, all asked at once: one that is silent costs a round no more than its own wait. Nothing
    /// of a node without a volume.
    async fn ask(&self) -> Asked {
        let (request, table) = {
            let Some(node) = self.node.upgrade() else { return Asked::default() };
            let volume = node.shared.volume_id.load(Ordering::Acquire);
            if volume == 0 {
                return Asked::default();
            }
            let state = node.shared.state.lock();
            let request = rpc::HoldRequest {
                volume,
                version: FORMAT_VERSION,
                flushed_vdl: state.vdl.0,
                gc_floor: state.floor.0,
                // Whatever its version, a peer that has a lower one asks for the rest itself.
                table: Some(state.table.last_to_rpc()),
                known: Some(state.table.digest()),
                ..Default::default()
            };
            (request, state.table.clone())
        };
        let ask = |peer: &Peer| {
            let (peer, request) = (peer.node.clone(), request.clone());
            async move {
                let held = timeout(ANSWER_WITHIN, peer.hold(request)).await.map_err(|error| error.to_string())?;
                held.map_err(|error| error.to_string())
            }
        };
        Asked { volume: request.volume, table, replies: join_all(self.peers.iter().map(ask)).await }
    }

    /// Takes from a peer what this node lacks, by what it said that it holds when it was told that this node has `known`.
    async fn exchange(
        &mut self,
        node: &Node,
        index: usize,
        held: Result<rpc::HoldReply, String>,
        known: &Arc<TruncationTable>,
        urgent: bool,
        lacks: &mut Lacks,
    ) -> Result<(), String> {
        let held = held?;
        let Peer { node: peer, copy, part } = &self.peers[index];
        let (peer, copy, part) = (peer.clone(), *copy, *part);
        let table = match &held.table {
            Some(table) => Some(Arc::new(TruncationTable::from_rpc(table).map_err(|error| error.to_string())?)),
            None => held.has_known_table.then(|| known.clone()),
        };
        if let Some(table) = &table {
            let members = held.config.as_ref().map(|config| node.membership_of(config)).transpose();
            let members = members.map_err(|error| error.to_string())?;
            adopt_table(node, table, members).await.map_err(|error| error.to_string())?;
        }
        let under = table.map_or(Ballot::ZERO, |table| table.ballot());
        let keeps = |mark: &&rpc::SegmentMark| part.has(GroupId(mark.group));
        let marks = held.marks.iter().filter(keeps).map(|mark| (GroupId(mark.group), Lsn(mark.scl_received)));
        lacks.held.push((copy, under, marks.collect()));
        let heard = node.shared.state.lock().hear(Lsn(held.flushed_vdl_heard), Lsn::ZERO, under);
        node.shared.heard(heard);
        node.repair_images(&*peer).await.map_err(|error| error.to_string())?;
        for mark in held.marks.iter().filter(keeps) {
            let (group, theirs) = (GroupId(mark.group), Lsn(mark.scl_received));
            if !node.shared.state.lock().keeps(group) {
                continue;
            }
            let before = self.seen.insert((index, group), theirs).unwrap_or_default();
            if let Some(peer) = node.shared.state.lock().peers.get_mut(copy) {
                // What it may lose in a loss of power keeps our log as if it were not there.
                peer.insert(group, Lsn(mark.scl_flushed));
            }
            let target = if urgent { theirs } else { before.min(theirs) };
            let retired = self.catch_up(node, &*peer, group, target).await?;
            let late = lacks.targets.entry(group).or_default();
            *late = (*late).max(before.min(theirs));
            if let Some(base) = retired {
                *late = (*late).max(base);
                lacks.retired.entry(group).or_default().push((base, index));
            }
        }
        Ok(())
    }

    /// Pulls a group up to `target`, for as long as that brings us on. Returns up to where the peer has retired it when
    /// that is further than we are.
    async fn catch_up(
        &self,
        node: &Node,
        peer: &dyn StorageNode,
        group: GroupId,
        target: Lsn,
    ) -> Result<Option<Lsn>, String> {
        loop {
            let (request, after) = {
                let state = node.shared.state.lock();
                let (after, gap_end) = state.segments.get(&group).map_or((Lsn::ZERO, None), |s| s.missing());
                if after >= target {
                    return Ok(None);
                }
                let request = rpc::PullRequest {
                    volume: node.shared.volume_id.load(Ordering::Acquire),
                    version: FORMAT_VERSION,
                    ballot: state.table.ballot().0,
                    group: group.0,
                    after: after.0,
                    up_to: gap_end.map_or(target, |end| end.min(target)).0,
                    max_bytes: PULL_BYTES,
                    wait_ms: 0,
                };
                (request, after)
            };
            let pulled = timeout(ANSWER_WITHIN, peer.pull(request)).await;
            let pulled = pulled.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            match pulled.outcome() {
                ReadOutcome::Ok => {}
                ReadOutcome::BelowFloor => return Ok(Some(Lsn(pulled.retained_after))),
                other => return Err(format!("{group}: {}", other.as_str_name())),
            }
            if pulled.batches.is_empty() {
                return Ok(None);
            }
            let outcome = node.adopt(pulled.batches).await.map_err(|error| error.to_string())?;
            if outcome != AppendOutcome::Flushed {
                return Err(format!("{group}: {}", outcome.as_str_name()));
            }
            let now = node.shared.state.lock().segments.get(&group).map_or(Lsn::ZERO, |s| s.received());
            if now <= after {
                return Ok(None);
            }
        }
    }
}

/// Adopts a peer's table, and the members that its ballot proposed, when one is news and no promise stands against it.
async fn adopt_table(node: &Node, table: &TruncationTable, members: Option<Membership>) -> Result<(), Refusal> {
    let ballot = table.ballot();
    let members = members.filter(|members| members.id().ballot == ballot);
    {
        let state = node.shared.state.lock();
        let held = state.volume.as_ref().map(|volume| volume.membership.id());
        let news = ballot > state.table.ballot()
            || members.as_ref().map(Membership::id) > held && ballot == state.table.ballot();
        if !news || ballot < state.promised {
            return Ok(());
        }
    }
    // A promise made in between refuses it.
    node.install(ballot, table.clone(), members).await.map(drop)
}
