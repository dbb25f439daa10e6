//! Runs [`Recovery`] against real nodes: sends what it asks for, feeds it the answers, keeps its time.
//!
//! A takeover first hears what ballots and which flushed VDL are about, from any nodes that answer, then prepares under a
//! ballot above. Being refused, or stuck with a node gone that alone knows a group's tail, means the next higher ballot,
//! after a pause that doubles and differs from instance to instance, so that two recoverers do not chase each other for
//! ever. Who waits for nodes pauses less: it is to be there before the replicas, which open as soon as nodes are back, take
//! the writer for silent.
//!
//! Of the nodes it was given it asks those that are members, by the highest membership it hears of, and dials the others: as
//! soon as one node tells of them, for those it was given may all have been replaced.
//! What a node says under another name than that of its seat counts for nothing.
//!
//! Without a quorum a takeover goes on trying; it tells what it waits for ([`Waiting`]) once that has lasted.

use super::recovery::{Action, Header, Promise, Recovered, Recovery, Rules, Segment};
use super::seats::seated;
use super::{Nodes, VOLUME_CALL_TIMEOUT, corrupt};
use crate::column::reach;
use crate::history::TruncationTable;
use crate::membership::{MemberName, Membership, name_of};
use crate::node::gossip::Dial;
use crate::quorum::READ_QUORUM;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use protocol::node::{NodeError, NodeResult, StorageNode};
use protocol::rpc::storage as rpc;
use protocol::task::{now, sleep, timeout};
use protocol::volume::VolumeError;
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn, NodeId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// With a read quorum of promises there, the others get this long.
pub const GRACE: Duration = Duration::from_millis(30);
/// Completing under one ballot may take this long.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// First pause before the next try; doubled each time.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest pause when another server takes the volume.
const REFUSED_PAUSE_MAX: Duration = Duration::from_millis(640);
/// The longest pause when nodes do not answer.
const WAITING_PAUSE_MAX: Duration = Duration::from_millis(160);
/// Redo asked for at a time when a copy is completed, in bytes.
const COPY_BYTES: u32 = 1 << 20;

/// A takeover that lasts so long tells what it waits for: most do not.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// Is told in words what a takeover waits for, each time that it tries again.
pub type Waiting = Arc<dyn Fn(String) + Send + Sync>;

/// What a takeover is told.
#[derive(Clone)]
pub struct Takeover {
    /// The server's instance, drawn at random at its start: the low half of its ballots.
    pub instance: u32,
    /// Give up after this time; `None`: never.
    pub give_up_after: Option<Duration>,
    /// Whom it tells what it waits for.
    pub waiting: Waiting,
    /// How to reach members that were not given; `None`: not at all.
    pub dial: Option<Dial>,
    /// Stand against the writer of this ballot only, and give way to whoever else took a higher one: a replica that stands
    /// by itself must not chase the one that was faster. `None`: go above everyone, as a person wants who says "promote".
    pub over: Option<Ballot>,
}

impl Takeover {
    fn gives_way_to(&self, other: Ballot) -> bool {
        self.over.is_some_and(|over| other > over && other.instance() != self.instance)
    }
}

/// Where the volume ends, and who keeps it.
pub struct TakenOver {
    /// Where it ends.
    pub found: Recovered,
    /// The volume, with the members as this ballot proposed them again.
    pub config: rpc::VolumeConfig,
    /// The same members.
    pub membership: Membership,
    /// Their nodes, by seat.
    pub seats: Nodes,
}

/// What the nodes said before any promise.
#[derive(Default)]
struct Heard {
    config: rpc::VolumeConfig,
    ballot: Ballot,
    vdl: Lsn,
    /// Who each of the nodes asked is.
    said: Vec<Option<MemberName>>,
    /// How many have the volume and answer.
    answered: usize,
}

impl Heard {
    /// Hears of other members of the same volume; higher ones count from then on.
    fn learn(&mut self, config: rpc::VolumeConfig) -> Result<(), VolumeError> {
        if config.volume != self.config.volume {
            return Err(corrupt("the nodes hold different volumes"));
        }
        if membership_of(&config)?.id() > membership_of(&self.config)?.id() {
            self.config = config;
        }
        Ok(())
    }
}

fn membership_of(config: &rpc::VolumeConfig) -> Result<Membership, VolumeError> {
    Membership::from_rpc(config).map_err(|error| corrupt(&error.to_string()))
}

/// An attempt that came to nothing.
struct Failed {
    /// The ballot to go above.
    above: Ballot,
    /// The members that promised nothing.
    silent: Vec<NodeId>,
}

impl Failed {
    /// What a takeover by `ballot` waits for then.
    fn why(&self, ballot: Ballot) -> String {
        let silent: Vec<String> = self.silent.iter().map(|node| node.0.to_string()).collect();
        match &silent[..] {
            _ if self.above > ballot => "another server takes the volume".to_owned(),
            [] => "the copies of some redo are not complete yet".to_owned(),
            silent => format!(
                "no answer from storage node{} {}, and each protection group needs four of its six",
                if silent.len() == 1 { "" } else { "s" },
                silent.join(", ")
            ),
        }
    }
}

enum Event {
    Promised(usize, NodeResult<rpc::PrepareReply>),
    Installed(usize, NodeResult<rpc::InstallTableReply>),
    Marks(usize, NodeResult<rpc::HoldReply>),
    Copied(usize, GroupId, Option<Lsn>),
    Grace,
    Timeout,
}

/// Makes this instance the only writer and returns where the volume ends.
///
/// # Errors
/// [`VolumeError::Unavailable`] when too few nodes answer until the time is over, or none has a volume;
/// [`VolumeError::Fenced`] when it gave way to another server; [`VolumeError::Corrupt`].
pub async fn run(nodes: &Nodes, takeover: &Takeover) -> Result<TakenOver, VolumeError> {
    let attempt = async {
        let begun = now();
        let tell = |what: String| {
            if now().saturating_sub(begun) >= TOLD_AFTER {
                (takeover.waiting)(what);
            }
        };
        let mut pause = PAUSE;
        let mut above = Ballot::ZERO;
        let mut known: Option<rpc::VolumeConfig> = None;
        let mut asked: Nodes = Arc::clone(nodes);
        loop {
            let mut heard = match hear(&asked).await? {
                Some(mut heard) => {
                    known.take().map(|known| heard.learn(known)).transpose()?;
                    known = Some(heard.config.clone());
                    heard
                }
                None => Heard::default(),
            };
            if heard.answered < READ_QUORUM {
                let (answered, members) = (heard.answered, heard.config.members.len());
                let of = if members == 0 { asked.len() } else { members };
                tell(format!(
                    "{answered} of {of} storage nodes answer, and each protection group needs four of its six"
                ));
                if let (Some(dial), Some(known)) = (&takeover.dial, &known) {
                    asked = with_members(nodes, known, &heard.said, dial)?;
                }
                sleep(jitter(pause, takeover.instance)).await;
                pause = after_pause(pause, false);
                continue;
            }
            if takeover.gives_way_to(heard.ballot) {
                return Err(VolumeError::Fenced);
            }
            above = above.max(heard.ballot);
            let counter = above.counter().checked_add(1).ok_or_else(|| corrupt("ballots are used up"))?;
            let ballot = Ballot::new(counter, takeover.instance);
            let membership = membership_of(&heard.config)?;
            let pages_per_group = heard.config.pages_per_group;
            let dial = takeover.dial.as_ref();
            let seats: Nodes = seated(&membership, &asked, &heard.said, dial, pages_per_group).into();
            let membership = membership.proposed_by(ballot);
            let attempt = try_once(&seats, &membership, &mut heard).await?;
            known = Some(heard.config.clone());
            match attempt {
                Ok(found) => {
                    let config = membership.to_rpc(&heard.config);
                    return Ok(TakenOver { found, config, membership, seats });
                }
                Err(failed) if takeover.gives_way_to(failed.above) => return Err(VolumeError::Fenced),
                Err(failed) => {
                    tracing::debug!(%ballot, above = %failed.above, "recovery starts again under a higher ballot");
                    tell(failed.why(ballot));
                    above = above.max(failed.above);
                    sleep(jitter(pause, takeover.instance)).await;
                    pause = after_pause(pause, failed.above > ballot);
                }
            }
        }
    };
    match takeover.give_up_after {
        None => attempt.await,
        Some(limit) => timeout(limit, attempt)
            .await
            .unwrap_or_else(|_| Err(VolumeError::Unavailable("too few storage nodes answer for a recovery".into()))),
    }
}

/// The pause after this one.
fn after_pause(pause: Duration, refused: bool) -> Duration {
    (pause * 2).min(if refused { REFUSED_PAUSE_MAX } else { WAITING_PAUSE_MAX })
}

/// Between one and two pauses, by instance: enough to part two recoverers, and the same in every run of a simulation.
fn jitter(pause: Duration, instance: u32) -> Duration {
    pause + pause.mul_f64(f64::from(instance % 97) / 97.0)
}

/// The nodes given, and behind them the members that did not answer among those asked before.
fn with_members(
    given: &Nodes,
    known: &rpc::VolumeConfig,
    said: &[Option<MemberName>],
    dial: &Dial,
) -> Result<Nodes, VolumeError> {
    let membership = membership_of(known)?;
    // Of those asked before, the ones given come first.
    let said = &said[..said.len().min(given.len())];
    let silent = membership.everyone().filter(|member| !said.contains(&Some(name_of(member))));
    let reached = silent.filter_map(|member| reach(&**dial, member, known.pages_per_group));
    Ok(given.iter().cloned().chain(reached).collect())
}

/// Asks every node who it is, until a read quorum with a volume answered and the others had their grace. `None` when nobody
/// has one; that fewer than a read quorum answered is for the caller to see.
async fn hear(nodes: &Nodes) -> Result<Option<Heard>, VolumeError> {
    let ask = |(index, node): (usize, &Arc<dyn StorageNode>)| {
        let node = Arc::clone(node);
        async move { (index, node.status(rpc::StatusRequest { version: FORMAT_VERSION, volume: 0 }).await) }
    };
    let mut calls: FuturesUnordered<_> = nodes.iter().enumerate().map(ask).collect();
    let mut heard: Option<Heard> = None;
    let mut said = vec![None; nodes.len()];
    let grace = sleep(VOLUME_CALL_TIMEOUT);
    tokio::pin!(grace);
    loop {
        let reply = tokio::select! {
            biased;
            reply = calls.next() => reply,
            () = &mut grace => None,
        };
        let Some((index, reply)) = reply else { break };
        let Ok(reply) = reply else { continue };
        let Some(config) = reply.config else { continue };
        let name = MemberName { node: NodeId(reply.node), incarnation: reply.incarnation };
        let twice = said.contains(&Some(name));
        said[index] = Some(name);
        let (ballot, vdl) = (Ballot(reply.promised), Lsn(reply.flushed_vdl_heard));
        match &mut heard {
            None => heard = Some(Heard { config, ballot, vdl, ..Heard::default() }),
            Some(heard) => {
                heard.learn(config)?;
                (heard.ballot, heard.vdl) = (heard.ballot.max(ballot), heard.vdl.max(vdl));
            }
        }
        let Some(heard) = heard.as_mut().filter(|_| !twice) else { continue };
        heard.answered += 1;
        if heard.answered == READ_QUORUM {
            grace.set(sleep(GRACE));
        }
    }
    Ok(heard.map(|heard| Heard { said, ..heard }))
}

/// One ballot.
async fn try_once(
    nodes: &Nodes,
    membership: &Membership,
    heard: &mut Heard,
) -> Result<Result<Recovered, Failed>, VolumeError> {
    let volume = heard.config.volume;
    let ballot = membership.id().ballot;
    let config = membership.to_rpc(&heard.config);
    let names: Vec<MemberName> = membership.everyone().map(name_of).collect();
    let is = |seat: usize, node: u32, incarnation: u32| names[seat] == MemberName { node: NodeId(node), incarnation };
    // What was heard before the members were proposed again is what promises are compared with.
    let members = (membership_of(&heard.config)?.id(), membership.configuration());
    let members_id = members.0;
    let (mut recovery, first) = Recovery::start(Rules::default(), ballot, heard.vdl, heard.config.lal_bytes, members);
    let mut running: FuturesUnordered<BoxFuture<'static, Event>> = FuturesUnordered::new();
    let mut actions = first;
    let mut grace_given = false;
    let mut calls = 0;
    running.push(after(ATTEMPT_TIMEOUT, Event::Timeout));
    loop {
        for action in actions.drain(..) {
            match action {
                Action::Done(recovered) => return Ok(Ok(recovered)),
                Action::Restart { above } => {
                    let silent = recovery.silent().map(|seat| names[seat].node).collect();
                    return Ok(Err(Failed { above, silent }));
                }
                Action::Corrupt(why) => return Err(corrupt(&why)),
                action => {
                    calls += 1;
                    running.push(perform(nodes, volume, ballot, &config, action));
                }
            }
        }
        if calls == 0 {
            // Every node answered or failed, and that was not enough: waiting for the time-out brings nothing.
            actions = recovery.on_timeout();
            continue;
        }
        if !grace_given && recovery.has_read_quorum() {
            grace_given = true;
            running.push(after(GRACE, Event::Grace));
        }
        let event = running.next().await.expect("the time-out is always among them");
        calls -= usize::from(!matches!(event, Event::Grace | Event::Timeout));
        actions = match event {
            Event::Timeout => recovery.on_timeout(),
            Event::Grace => recovery.on_grace(),
            Event::Promised(_, Ok(reply)) if !reply.promised => recovery.on_refused(Ballot(reply.highest)),
            Event::Promised(node, Ok(reply)) => match promise(&reply) {
                Ok(promise) => {
                    let known = reply.config.map(|config| heard.learn(config)).transpose()?;
                    if is(node, reply.node, reply.incarnation) || known.is_some() && promise.membership > members_id {
                        recovery.on_promise(node, promise)
                    } else {
                        tracing::warn!(node, "another node answers on a member's seat");
                        recovery.on_unreachable(node)
                    }
                }
                Err(error) => {
                    tracing::error!(node, %error, "a storage node answered a recovery with nonsense");
                    recovery.on_unreachable(node)
                }
            },
            Event::Promised(node, Err(error)) => {
                tracing::debug!(node, %error, "no promise");
                recovery.on_unreachable(node)
            }
            Event::Installed(node, Ok(reply)) if reply.adopted => {
                let holds = reply.membership_ballot == ballot.0 && reply.membership_epoch == membership.id().epoch;
                if is(node, reply.node, reply.incarnation) && holds {
                    recovery.on_installed(node)
                } else {
                    tracing::warn!(node, "a node does not take the volume's members");
                    Vec::new()
                }
            }
            Event::Installed(_, Ok(reply)) => recovery.on_refused(Ballot(reply.promised)),
            Event::Marks(node, Ok(reply)) => {
                let marks: Vec<_> = reply.marks.iter().map(|m| (GroupId(m.group), Lsn(m.scl_flushed))).collect();
                if reply.promised > ballot.0 {
                    recovery.on_refused(Ballot(reply.promised))
                } else {
                    recovery.on_marks(node, &marks)
                }
            }
            Event::Installed(node, Err(error)) | Event::Marks(node, Err(error)) => {
                tracing::debug!(node, %error, "a node is lost to this recovery");
                Vec::new()
            }
            Event::Copied(node, group, scl) => recovery.on_copied(node, group, scl),
        };
    }
}

fn after(time: Duration, event: Event) -> BoxFuture<'static, Event> {
    Box::pin(async move {
        sleep(time).await;
        event
    })
}

fn perform(
    nodes: &Nodes,
    volume: u64,
    ballot: Ballot,
    config: &rpc::VolumeConfig,
    action: Action,
) -> BoxFuture<'static, Event> {
    let version = FORMAT_VERSION;
    let node_at = |index: usize| Arc::clone(&nodes[index]);
    match action {
        Action::Prepare { node: index, ballot, vdl_heard } => {
            let node = node_at(index);
            Box::pin(async move {
                let request = rpc::PrepareRequest { volume, version, ballot: ballot.0, vdl_heard: vdl_heard.0 };
                Event::Promised(index, in_time(node.prepare(request)).await)
            })
        }
        Action::Install { node: index, ballot, table } => {
            let node = node_at(index);
            let config = Some(config.clone());
            Box::pin(async move {
                let table = Some(table.to_rpc());
                let request = rpc::InstallTableRequest { volume, version, ballot: ballot.0, table, config };
                Event::Installed(index, in_time(node.install_table(request)).await)
            })
        }
        Action::Ask { node: index } => {
            let node = node_at(index);
            Box::pin(async move {
                let request = rpc::HoldRequest { volume, version, ..Default::default() };
                Event::Marks(index, in_time(node.hold(request)).await)
            })
        }
        Action::Copy { group, from, to, after, up_to } => {
            let (source, target) = (node_at(from), node_at(to));
            Box::pin(async move {
                let copied = copy(&*source, &*target, volume, ballot, group, after, up_to).await;
                if let Err(error) = &copied {
                    tracing::debug!(from, to, %group, %error, "a copy was not completed");
                }
                Event::Copied(to, group, copied.ok())
            })
        }
        Action::Restart { .. } | Action::Done(_) | Action::Corrupt(_) => {
            unreachable!("the caller acts on these itself")
        }
    }
}

async fn in_time<T>(call: BoxFuture<'_, NodeResult<T>>) -> NodeResult<T> {
    let late = || Err(NodeError::Unreachable("no answer in time".into()));
    timeout(VOLUME_CALL_TIMEOUT, call).await.unwrap_or_else(|_| late())
}

/// R7 for one copy of one group: from a node that has it into one that lacks it.
async fn copy(
    source: &dyn StorageNode,
    target: &dyn StorageNode,
    volume: u64,
    ballot: Ballot,
    group: GroupId,
    mut after: Lsn,
    up_to: Lsn,
) -> NodeResult<Lsn> {
    let version = FORMAT_VERSION;
    while after < up_to {
        let request = rpc::PullRequest {
            volume,
            version,
            ballot: ballot.0,
            group: group.0,
            after: after.0,
            up_to: up_to.0,
            max_bytes: COPY_BYTES,
            wait_ms: 0,
        };
        let pulled = in_time(source.pull(request)).await?;
        if pulled.outcome() != rpc::ReadOutcome::Ok || pulled.batches.is_empty() {
            return Err(NodeError::Unreachable(format!("no redo behind {after}: {:?}", pulled.outcome())));
        }
        let request = rpc::FillRequest { volume, version, ballot: ballot.0, batches: pulled.batches };
        let filled = in_time(target.fill(request)).await?;
        let mark = filled.marks.iter().find(|mark| mark.group == group.0);
        let scl = mark.map_or(Lsn::ZERO, |mark| Lsn(mark.scl_flushed));
        if filled.outcome() != rpc::AppendOutcome::Flushed || scl <= after {
            return Err(NodeError::Unreachable(format!("the fill got no further than {scl}: {:?}", filled.outcome())));
        }
        after = scl;
    }
    Ok(after)
}

fn promise(reply: &rpc::PrepareReply) -> Result<Promise, protocol::Error> {
    let table = TruncationTable::from_rpc(&reply.table.clone().unwrap_or_default())?;
    let header = |header: &rpc::RecordHeader| Header {
        lsn: Lsn(header.lsn),
        prev_volume: Lsn(header.prev_volume),
        end_of_mtr: header.end_of_mtr,
        ballot: Ballot(header.ballot),
    };
    let mut segments = BTreeMap::new();
    for segment in &reply.segments {
        let group = GroupId(segment.group);
        let above = segment.above.iter().map(header).collect();
        let (scl, scl_ballot) = (Lsn(segment.scl), Ballot(segment.scl_ballot));
        if segments.insert(group, Segment { group, scl, scl_ballot, above }).is_some() {
            return Err(protocol::Error::Malformed { what: "promise", why: "a group twice" });
        }
    }
    let segments = segments.into_values().collect();
    let config = reply.config.clone().unwrap_or_default();
    let membership = Membership::from_rpc(&config)?.id();
    Ok(Promise { table, segments, vdl_heard: Lsn(reply.flushed_vdl_heard), hydrated: reply.hydrated, membership })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortest silence for which a replica stands when nobody says otherwise.
    const SILENCE: Duration = Duration::from_millis(500);

    #[test]
    fn who_waits_for_nodes_asks_again_before_a_replica_takes_it_for_silent() {
        let longest = |refused| (0..20).fold(PAUSE, |pause, _| after_pause(pause, refused));
        assert!(jitter(longest(false), 96) < SILENCE);
        assert!(longest(true) > SILENCE, "rivals part further");
        assert_eq!(after_pause(longest(true), false), longest(false), "a rival that went away is forgotten");
    }
}
