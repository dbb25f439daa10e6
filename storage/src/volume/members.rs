//! Changes of a volume's members, as its writer makes them while it writes.
//!
//! **Rule.** Before anybody is told of a change, the tracker counts by the stricter of the members before and after; it
//! counts by those after alone when write quorums of every set after it keep the change on disk. One change is made
//! at a time. A replacement is finished only when the new node has flushed everything that was durable after its beginning
//! was made; until then it can be reverted. See [`membership`](crate::membership) for why that is enough.
//!
//! ```text
//! begin: leaving(F) -> G told: ABCDEF and ABCDEG -> all told -> made -> G takes in images and redo, by gossip -> G has the tails
//!        -> told: ABCDEG -> made -> G sits down on F's seat, a stream to it is opened
//! revert: told: ABCDEF -> made -> F counts again
//! ```
//!
//! **Mechanism.** The members travel with the table ([`InstallTableRequest`](rpc::InstallTableRequest)), which every stream
//! begins with: a node that was not reached when they changed learns of it before it takes redo again. A node joins by being
//! given the volume with itself on its way in. Who joins gets no stream of redo before it is a member: gossip brings it what
//! its peers have, images where their redo is retired.
//!
//! **What can be begun.** Four of the members that stay take redo, or nothing would become durable before the new one is
//! whole. And the new node has the volume before any member hears of it: a takeover must have quorums of every set of the
//! members it hears of, and a node that nobody gave the volume would be missing in one of them for ever. One that does not
//! take its membership in time is given up: the members skip the epoch in which it may believe to be joining.
//!
//! **Columns.** Of a column one node is replaced at a time, and the others are in the column that leaves and in the one that
//! joins: what they have, or lost, is the same for both. So it is the new node alone that must know of the change and have
//! everything of its part; another one that is dead as well is replaced next.
//!
//! A writer that finds a change under way goes on with it ([`go_on`]).

use super::seats::Seat;
use super::writer::{Inner, WriterVolume};
use super::{Nodes, VOLUME_CALL_TIMEOUT};
use crate::column::Column;
use crate::membership::{ChangeError, MemberName, Membership, Part, Replacement, Role, name_of, node_name, nodes_of};
use crate::node::gossip::Dial;
use crate::quorum::{COPIES, Seats, WRITE_QUORUM};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use hashbrown::HashMap;
use parking_lot::Mutex;
use protocol::node::{NodeError, NodeResult, StorageNode};
use protocol::rpc::storage as rpc;
use protocol::task::{now, sleep, timeout};
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn, NodeId};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::oneshot;

/// Between two attempts to tell nodes of a change, and two looks at a node that joins.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// A new node that has not taken its membership by then is given up.
const JOIN_WITHIN: Duration = Duration::from_secs(10);
/// Once a change is made, those who have not said that they keep it have this long.
const REST_WITHIN: Duration = Duration::from_millis(100);
/// How long a change waits for enough members to take redo, before it is refused.
const QUORUM_WITHIN: Duration = Duration::from_secs(3);

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// It makes no sense.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The new node cannot be had.
    #[error("the new storage node cannot be used: {0}")]
    NewNode(String),
    /// With one member less there are not enough.
    #[error("{taking} of the storage nodes that would stay take writes, and {WRITE_QUORUM} are needed")]
    TooFew {
        /// Of those that are not being replaced.
        taking: usize,
    },
    /// Another server is the writer, or the volume was closed: whether the change goes on is the next writer's business.
    #[error("this server is not the writer any more")]
    NotWriter,
    /// Somebody reverted or finished it.
    #[error("the replacement of node {} is not under way any more", .0.0)]
    Overtaken(NodeId),
}

/// How far a replacement has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Who leaves.
    pub old: MemberName,
    /// Who joins: the new node, or the column with it.
    pub new: MemberName,
    /// What the new node has flushed of each group of its part, and what it must have; `None` until its joining is made.
    pub groups: Option<Vec<(GroupId, Lsn, Lsn)>>,
    /// Its own word for its state; empty while it does not answer.
    pub state: String,
}

impl Progress {
    /// Whether everything is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let has_all = |groups: &Vec<(GroupId, Lsn, Lsn)>| groups.iter().all(|(_, has, must)| has >= must);
        self.state == "joining" && self.groups.as_ref().is_some_and(has_all)
    }
}

struct Joiner {
    /// Who is to sit there: the new node, or a column with it.
    node: Arc<dyn StorageNode>,
    /// The new node alone.
    newcomer: Option<Arc<dyn StorageNode>>,
    /// What was durable when its joining was made; not known before.
    tails: Option<Vec<(GroupId, Lsn)>>,
}

/// The members as a writer knows them.
pub struct Members {
    config: rpc::VolumeConfig,
    /// Made.
    membership: Mutex<Membership>,
    epoch: AtomicU32,
    seats: Vec<Arc<Seat>>,
    joiners: Mutex<HashMap<MemberName, Joiner>>,
    /// How to reach the other nodes of a column.
    dial: Option<Dial>,
    /// Held while a change is told and made.
    changing: tokio::sync::Mutex<()>,
}

impl Members {
    /// The members that a takeover found, with their nodes by seat.
    #[must_use]
    pub fn new(config: &rpc::VolumeConfig, membership: Membership, nodes: &Nodes, dial: Option<Dial>) -> Members {
        let joiner = |(index, replacement): (usize, &Replacement)| {
            let node = nodes[COPIES + index].clone();
            let newcomer = match replacement.new.others.is_empty() {
                true => Some(node.clone()),
                false => dial.as_ref().and_then(|dial| dial(&membership.changes(replacement).1)),
            };
            (name_of(&replacement.new), Joiner { node, newcomer, tails: None })
        };
        Members {
            config: config.clone(),
            epoch: AtomicU32::new(membership.id().epoch),
            seats: nodes.iter().take(COPIES).map(|node| Arc::new(Seat::new(node.clone()))).collect(),
            joiners: Mutex::new(membership.replacements().iter().enumerate().map(joiner).collect()),
            dial: dial.clone(),
            membership: Mutex::new(membership),
            changing: tokio::sync::Mutex::new(()),
        }
    }

    /// The six seats.
    #[must_use]
    pub fn seats(&self) -> Nodes {
        self.seats.iter().map(|seat| Arc::clone(seat) as Arc<dyn StorageNode>).collect()
    }

    /// The places of members that are being replaced.
    #[must_use]
    pub fn leaving(&self) -> Vec<usize> {
        self.membership.lock().replacements().iter().map(|replacement| replacement.place).collect()
    }

    /// The volume with its members.
    #[must_use]
    pub fn config(&self) -> rpc::VolumeConfig {
        self.membership.lock().to_rpc(&self.config)
    }

    /// Counts the changes made.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Whether the node that answered is the one whose seat it is.
    ///
    /// # Errors
    /// [`NodeError::Refused`].
    pub fn check_seat(&self, seat: usize, node: u32, incarnation: u32) -> NodeResult<()> {
        let says = MemberName { node: NodeId(node), incarnation };
        let name = name_of(&self.membership.lock().members()[seat]);
        if says == name {
            return Ok(());
        }
        Err(NodeError::Refused(format!("{says} answers where {name} should be")))
    }

    /// A member that is to join, with `newcomer` as the node of that name.
    fn joining(
        &self,
        member: &rpc::Member,
        name: MemberName,
        newcomer: &Arc<dyn StorageNode>,
    ) -> Option<Arc<dyn StorageNode>> {
        if member.others.is_empty() {
            return Some(newcomer.clone());
        }
        let dial = self.dial.as_ref()?;
        let node =
            |node: &rpc::Member| if node_name(node) == name { Some(newcomer.clone()) } else { dial(&alone(node)) };
        let nodes = nodes_of(member).map(node).collect::<Option<Vec<_>>>()?;
        Some(Arc::new(Column::new(member, self.config.pages_per_group, nodes)))
    }

    fn node_of(&self, name: MemberName) -> Option<Arc<dyn StorageNode>> {
        if let Some(joiner) = self.joiners.lock().get(&name) {
            return Some(joiner.node.clone());
        }
        let membership = self.membership.lock();
        let seat = membership.members().iter().position(|member| name_of(member) == name)?;
        // What answers at the address of one that is lost is another member.
        (!membership.is_lost(seat)).then(|| self.seats[seat].node())
    }
}

impl WriterVolume {
    /// The members as they were made last.
    #[must_use]
    pub fn membership(&self) -> Membership {
        self.inner.members.membership.lock().clone()
    }

    /// Begins to replace a member by another node, or by itself after it lost its disk; returns when that is made. `new` needs
    /// no incarnation. Who is to finish it is [`WriterVolume::complete_replacement`], or the next writer.
    ///
    /// # Errors
    /// [`MemberError`].
    pub async fn begin_replacement(
        &self,
        old: NodeId,
        new: rpc::Member,
        node: Arc<dyn StorageNode>,
    ) -> Result<(), MemberError> {
        let inner = Arc::clone(&self.inner);
        self.inner.see_through(async move { inner.begin(old, new, node).await }).await
    }

    /// Waits until the node that joins in place of `old` has everything, and ends the replacement in its favour. Dropping the
    /// future leaves the replacement where it is.
    ///
    /// # Errors
    /// [`MemberError`].
    pub async fn complete_replacement(&self, old: NodeId) -> Result<(), MemberError> {
        complete(Arc::downgrade(&self.inner), old).await
    }

    /// Lets a replacement that was begun be completed by itself, whether or not somebody waits for that.
    pub fn see_to_replacement(&self, old: NodeId) {
        see_to(&self.inner, old);
    }

    /// For how long nothing was heard of the member on each seat, and whether it takes redo now.
    #[must_use]
    pub fn members_heard(&self) -> [(Duration, bool); COPIES] {
        self.inner.heard()
    }

    /// Ends a replacement in favour of the member that was to leave; returns when that is made.
    ///
    /// # Errors
    /// [`MemberError`].
    pub async fn revert_replacement(&self, old: NodeId) -> Result<(), MemberError> {
        let inner = Arc::clone(&self.inner);
        self.inner.see_through(async move { inner.revert(old).await }).await
    }

    /// How far the replacements under way have come.
    pub async fn replacements(&self) -> Vec<Progress> {
        let membership = self.membership();
        let olds = membership.replacements().iter().map(|it| NodeId(membership.changes(it).0.node));
        let mut all = Vec::new();
        for old in olds {
            all.extend(self.inner.progress(old).await);
        }
        all
    }
}

impl Inner {
    /// Does a change to its end, whether or not somebody still waits for it: one that was told to some nodes and left there
    /// could be followed by another under the same number.
    async fn see_through(
        &self,
        change: impl Future<Output = Result<(), MemberError>> + Send + 'static,
    ) -> Result<(), MemberError> {
        let (done, result) = oneshot::channel();
        self.spawn(async move { drop(done.send(change.await)) });
        result.await.unwrap_or(Err(MemberError::NotWriter))
    }

    /// What a node says of itself and of this volume.
    async fn ask(&self, node: &dyn StorageNode) -> NodeResult<rpc::StatusReply> {
        let volume = self.members.config.volume;
        in_time(node.status(rpc::StatusRequest { version: FORMAT_VERSION, volume })).await
    }

    async fn begin(&self, old: NodeId, new: rpc::Member, node: Arc<dyn StorageNode>) -> Result<(), MemberError> {
        let members = &self.members;
        let _changing = members.changing.lock().await;
        let before = members.membership.lock().clone();
        let said = self.ask(&*node).await.map_err(|error| MemberError::NewNode(error.to_string()))?;
        if said.node != new.node {
            return Err(MemberError::NewNode(format!("it is node {}, not {}", said.node, new.node)));
        }
        if let Some(config) = &said.config {
            if config.volume != members.config.volume {
                return Err(MemberError::NewNode("it keeps another volume".into()));
            }
            let name = MemberName { node: NodeId(said.node), incarnation: said.incarnation };
            if before.role(name) != Role::Stranger {
                return Err(ChangeError::AlreadyMember(name).into());
            }
        }
        let incarnation = before.next_incarnation().max(said.incarnation + 1);
        let new = rpc::Member { incarnation, ..new };
        let new_name = node_name(&new);
        let next = before.begin(old, new)?;
        let begun = next.replacements().last().expect("one was just begun");
        let (place, name) = (begun.place, name_of(&begun.new));
        let unreachable = || MemberError::NewNode("the nodes that share its copies cannot be dialled".into());
        let joining = members.joining(&begun.new, new_name, &node).ok_or_else(unreachable)?;
        self.check_enough_stay(&next).await?;
        self.set_leaving(place, true);
        members.joiners.lock().insert(name, Joiner { node: joining, newcomer: Some(Arc::clone(&node)), tails: None });
        tracing::info!(node = old.0, by = %name, "a storage node is being replaced");
        if !self.invite(new_name, &node, &next).await? {
            self.make(&before, &next.revert(old)?).await?;
            self.forget(begun);
            return Err(MemberError::NewNode("it does not take its membership".into()));
        }
        self.make(&before, &next).await?;
        let tails = self.durable_tails();
        if let Some(joiner) = members.joiners.lock().get_mut(&name) {
            joiner.tails = Some(tails);
        }
        Ok(())
    }

    /// Waits a moment for streams that are being opened.
    async fn check_enough_stay(&self, next: &Membership) -> Result<(), MemberError> {
        let leaves = |place: usize| next.replacements().iter().any(|it| it.place == place);
        let mut left = QUORUM_WITHIN;
        loop {
            let heard = self.heard();
            let taking = (0..COPIES).filter(|&place| heard[place].1 && !leaves(place)).count();
            if taking >= WRITE_QUORUM {
                return Ok(());
            }
            left = left.checked_sub(LOOK_INTERVAL).ok_or(MemberError::TooFew { taking })?;
            sleep(LOOK_INTERVAL).await;
        }
    }

    async fn revert(&self, old: NodeId) -> Result<(), MemberError> {
        let _changing = self.members.changing.lock().await;
        self.revert_made(old).await
    }

    /// With `changing` held.
    async fn revert_made(&self, old: NodeId) -> Result<(), MemberError> {
        let before = self.members.membership.lock().clone();
        let next = before.revert(old)?;
        let gone = before.replacement_of(old);
        let gone = gone.ok_or(ChangeError::NotUnderWay(old))?.clone();
        self.make(&before, &next).await?;
        self.forget(&gone);
        tracing::info!(node = old.0, "a storage node stays after all");
        Ok(())
    }

    /// Who was to join does not, and who was to leave counts again.
    fn forget(&self, gone: &Replacement) {
        self.members.joiners.lock().remove(&name_of(&gone.new));
        self.set_leaving(gone.place, false);
    }

    /// Gives the new node the volume, itself on its way in, and tells nobody else. False when it does not keep it in time.
    async fn invite(
        &self,
        newcomer: MemberName,
        node: &Arc<dyn StorageNode>,
        next: &Membership,
    ) -> Result<bool, MemberError> {
        let config = next.to_rpc(&self.members.config);
        let give_up_at = now().saturating_add(JOIN_WITHIN);
        loop {
            if !self.is_open() {
                return Err(MemberError::NotWriter);
            }
            match self.give_volume(newcomer, &**node, next, &config).await {
                Ok(()) => return Ok(true),
                Err(error) => tracing::debug!(%newcomer, %error, "a new node does not take its membership"),
            }
            if now() >= give_up_at {
                return Ok(false);
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Tells every node before and after of a change until quorums of every set after it keep it: not of those before, for
    /// whoever is left out, a member or a node that was to join, may be gone.
    ///
    /// From the first node that keeps the change to the moment when it is made nodes refuse redo of the members before: so it
    /// is made by the first quorums that keep it, and a node that hangs holds up nobody.
    async fn make(&self, before: &Membership, next: &Membership) -> Result<(), MemberError> {
        let config = next.to_rpc(&self.members.config);
        let mut kept: Vec<MemberName> = Vec::new();
        loop {
            if !self.is_open() {
                return Err(MemberError::NotWriter);
            }
            let mut names: Vec<MemberName> = before.everyone().chain(next.everyone()).map(name_of).collect();
            names.sort_unstable();
            names.dedup();
            names.retain(|name| !kept.contains(name));
            let tell = |name: MemberName| {
                let config = &config;
                async move {
                    let lost = || NodeError::Unreachable("it is lost".into());
                    match self.members.node_of(name).ok_or_else(lost) {
                        Ok(node) => (name, self.tell(name, &*node, next, config).await),
                        Err(error) => (name, Err(error)),
                    }
                }
            };
            let mut told: FuturesUnordered<_> = names.into_iter().map(tell).collect();
            loop {
                if is_made(next, &kept) {
                    *self.members.membership.lock() = next.clone();
                    self.members.epoch.store(next.id().epoch, Ordering::Release);
                    // The others have a moment to hear it from here; those that do not are told by their streams and peers.
                    let _ = timeout(REST_WITHIN, async { while told.next().await.is_some() {} }).await;
                    return Ok(());
                }
                match told.next().await {
                    Some((name, Ok(()))) => kept.push(name),
                    Some((name, Err(error))) => {
                        tracing::debug!(%name, %error, "a node does not take the change of members");
                    }
                    None => break,
                }
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Tells a new node of the members that name it, with a volume if it has none as that one.
    async fn give_volume(
        &self,
        name: MemberName,
        node: &dyn StorageNode,
        next: &Membership,
        config: &rpc::VolumeConfig,
    ) -> NodeResult<()> {
        let status = self.ask(node).await?;
        if status.config.is_none() || status.incarnation != name.incarnation {
            let request = rpc::CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config.clone()) };
            in_time(node.create_volume(request)).await?;
        }
        self.tell(name, node, next, config).await
    }

    /// Tells a node of the members; an error when it does not keep them then.
    async fn tell(
        &self,
        name: MemberName,
        node: &dyn StorageNode,
        next: &Membership,
        config: &rpc::VolumeConfig,
    ) -> NodeResult<()> {
        let request = rpc::InstallTableRequest {
            volume: config.volume,
            version: FORMAT_VERSION,
            ballot: next.id().ballot.0,
            table: Some(self.table().to_rpc()),
            config: Some(config.clone()),
        };
        let reply = in_time(node.install_table(request)).await?;
        self.note_promise(Ballot(reply.promised));
        let says = MemberName { node: NodeId(reply.node), incarnation: reply.incarnation };
        let holds = (reply.membership_ballot, reply.membership_epoch) == (next.id().ballot.0, next.id().epoch);
        if reply.adopted && says == name && holds {
            return Ok(());
        }
        Err(NodeError::Refused(format!("{says} keeps epoch {} of ballot {}", reply.membership_epoch, reply.promised)))
    }

    /// How far the replacement of `old` has come; `None` when there is none.
    async fn progress(&self, old: NodeId) -> Option<Progress> {
        let (leaves, joins, new, part) = {
            let membership = self.members.membership.lock();
            let replacement = membership.replacement_of(old)?;
            let (old, newcomer) = membership.changes(replacement);
            let joins = node_name(&newcomer);
            let (part, _) = Part::all_of(&replacement.new).find(|(_, node)| node_name(node) == joins)?;
            (node_name(&old), joins, name_of(&replacement.new), part)
        };
        let (newcomer, tails) = {
            let joiners = self.members.joiners.lock();
            let joiner = joiners.get(&new)?;
            (joiner.newcomer.clone(), joiner.tails.clone())
        };
        let status = match newcomer {
            Some(newcomer) => self.ask(&*newcomer).await.unwrap_or_default(),
            None => rpc::StatusReply::default(),
        };
        let is_it = status.node == joins.node.0 && status.incarnation == joins.incarnation;
        let has = |group: GroupId| {
            let mark = status.marks.iter().find(|mark| mark.group == group.0 && is_it);
            mark.map_or(Lsn::ZERO, |mark| Lsn(mark.scl_flushed))
        };
        let groups = tails.map(|tails| {
            let its_own = tails.into_iter().filter(|(group, _)| part.has(*group));
            its_own.map(|(group, tail)| (group, has(group), tail)).collect()
        });
        Some(Progress { old: leaves, new, groups, state: if is_it { status.state } else { String::new() } })
    }

    async fn finish(self: &Arc<Inner>, old: NodeId, new: MemberName) -> Result<(), MemberError> {
        let _changing = self.members.changing.lock().await;
        let before = self.members.membership.lock().clone();
        let ours = before.replacements().iter().find(|it| name_of(&it.new) == new);
        let place = ours.ok_or(MemberError::Overtaken(old))?.place;
        let next = before.finish(old)?;
        self.make(&before, &next).await?;
        let joiner = self.members.joiners.lock().remove(&new);
        if let Some(joiner) = joiner {
            self.members.seats[place].sit(joiner.node);
        }
        self.reseated(place);
        tracing::info!(node = old.0, by = %new, "a storage node was replaced");
        Ok(())
    }
}

/// Goes on with the replacements that a takeover found under way.
pub(super) fn go_on(inner: &Arc<Inner>) {
    let tails = Some(inner.durable_tails());
    inner.members.joiners.lock().values_mut().for_each(|joiner| joiner.tails.clone_from(&tails));
    let membership = inner.members.membership.lock().clone();
    for replacement in membership.replacements() {
        let old = NodeId(membership.changes(replacement).0.node);
        // Each by itself: one whose new node is gone holds up no other.
        see_to(inner, old);
    }
}

fn see_to(inner: &Arc<Inner>, old: NodeId) {
    let completed = complete(Arc::downgrade(inner), old);
    inner.spawn(async move {
        match completed.await {
            // Reverted, or the next writer's business.
            Ok(()) | Err(MemberError::Overtaken(_) | MemberError::NotWriter) => {}
            Err(error) => tracing::warn!(node = old.0, %error, "a replacement is not finished"),
        }
    });
}

/// Finishes the replacement of `old` when the new node has everything: the one by the node that joins now, not a later one.
async fn complete(inner: Weak<Inner>, old: NodeId) -> Result<(), MemberError> {
    let mut joins = None;
    loop {
        // Not held across the wait: a volume that nobody uses any more ends.
        let inner = inner.upgrade().filter(|inner| inner.is_open()).ok_or(MemberError::NotWriter)?;
        let progress = inner.progress(old).await.ok_or(MemberError::Overtaken(old))?;
        if *joins.get_or_insert(progress.new) != progress.new {
            return Err(MemberError::Overtaken(old));
        }
        if progress.is_whole() {
            let finishing = Arc::clone(&inner);
            return inner.see_through(async move { finishing.finish(old, progress.new).await }).await;
        }
        drop(inner);
        sleep(LOOK_INTERVAL).await;
    }
}

fn alone(node: &rpc::Member) -> rpc::Member {
    rpc::Member { others: Vec::new(), ..node.clone() }
}

/// Whether write quorums of all sets of a membership are among those who keep a change.
fn is_made(membership: &Membership, kept: &[MemberName]) -> bool {
    let keeps = |seat: usize| membership.everyone().nth(seat).is_some_and(|it| kept.contains(&name_of(it)));
    membership.configuration().is_write_quorum(Seats::of(keeps))
}

async fn in_time<T>(call: BoxFuture<'_, NodeResult<T>>) -> NodeResult<T> {
    let late = || Err(NodeError::Unreachable("no answer in time".into()));
    timeout(VOLUME_CALL_TIMEOUT, call).await.unwrap_or_else(|_| late())
}
