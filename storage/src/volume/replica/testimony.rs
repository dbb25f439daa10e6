//! What nodes tell of the volume, and who of them counts.

use crate::history::TruncationTable;
use crate::membership::{MemberName, Membership, name_of};
use crate::quorum::{COPIES, READ_QUORUM, Seats};
use crate::volume::{Nodes, VOLUME_CALL_TIMEOUT};
use futures::stream::{FuturesUnordered, StreamExt};
use hashbrown::HashMap;
use protocol::rpc::storage as rpc;
use protocol::task::timeout;
use protocol::volume::VolumeError;
use protocol::{FORMAT_VERSION, GroupId, Lsn, NodeId};
use std::time::Duration;

/// What a read quorum says.
pub(super) struct Learned {
    pub(super) table: TruncationTable,
    pub(super) vdl: Lsn,
    /// Highest flushed SCL of each group: at or above its tail at the VDL.
    pub(super) scls: HashMap<GroupId, Lsn>,
    /// How long ago the node that heard the writer last heard it: how old this is.
    pub(super) silence: Duration,
}

/// Asks nodes what they hold, until enough of the members have said: a read quorum, or a write quorum. Takes no promise.
pub(super) async fn learn(nodes: &Nodes, volume: u64, quorum: usize) -> Result<Learned, VolumeError> {
    let request = || rpc::HoldRequest { volume, version: FORMAT_VERSION, ..Default::default() };
    let mut calls: FuturesUnordered<_> =
        nodes.iter().map(|node| timeout(VOLUME_CALL_TIMEOUT, node.hold(request()))).collect();
    let mut told = Testimony::default();
    while let Some(reply) = calls.next().await {
        let Ok(Ok(reply)) = reply else { continue };
        told.take(reply);
        if let Some(replies) = told.quorum(quorum) {
            // Every write quorum meets a read quorum: one of these has the open writer's table, one has each group's tail.
            let newest = replies.iter().map(|(table, _)| table).max_by_key(|table| table.ballot());
            return Ok(Learned::of(&newest.expect("a quorum is not empty").clone(), &replies));
        }
    }
    Err(VolumeError::Unavailable(format!("{} of {COPIES} storage nodes answer", told.replies.len())))
}

/// What nodes told, and who of them counts. One that was removed, or that has lost its disk since, may still answer on a
/// member's seat: with it three replies would not meet every write quorum, and a tail could be missed.
#[derive(Default)]
struct Testimony {
    replies: Vec<(MemberName, TruncationTable, rpc::HoldReply)>,
    /// The highest that one of them knows.
    membership: Option<Membership>,
}

impl Testimony {
    /// A reply without a volume or with nonsense in it is none.
    fn take(&mut self, mut reply: rpc::HoldReply) {
        let Ok(table) = TruncationTable::from_rpc(&reply.table.take().unwrap_or_default()) else { return };
        let Some(Ok(membership)) = reply.config.as_ref().map(Membership::from_rpc) else { return };
        if self.membership.as_ref().is_none_or(|known| known.id() < membership.id()) {
            self.membership = Some(membership);
        }
        self.replies.push((MemberName { node: NodeId(reply.node), incarnation: reply.incarnation }, table, reply));
    }

    /// The replies of members, if they are a quorum of every set of six. Who joins is no member yet; and one that lost redo
    /// which it had acknowledged is heard and not counted, for what it no longer tells may be a tail.
    fn quorum(&self, quorum: usize) -> Option<Vec<(TruncationTable, rpc::HoldReply)>> {
        let membership = self.membership.as_ref()?;
        let told = |name: MemberName| self.replies.iter().find(|(said, _, _)| *said == name);
        let members: Vec<_> = membership.members().iter().map(|member| told(name_of(member))).collect();
        let counts = |told: &Option<&(_, _, rpc::HoldReply)>| told.is_some_and(|(_, _, reply)| !reply.lacks_redo);
        let seats = Seats::of(|seat| members.get(seat).is_some_and(counts));
        let configuration = membership.configuration();
        let enough = match quorum {
            READ_QUORUM => configuration.is_read_quorum(seats),
            _ => configuration.is_write_quorum(seats),
        };
        let replies = members.into_iter().flatten().map(|(_, table, reply)| (table.clone(), reply.clone()));
        enough.then(|| replies.collect())
    }
}

impl Learned {
    /// What nodes tell, judged by the newest table among theirs.
    pub(super) fn of(newest: &TruncationTable, replies: &[(TruncationTable, rpc::HoldReply)]) -> Learned {
        // Whoever lacks the newest table may hear a writer that is none any more.
        let current = replies.iter().filter(|(table, _)| table.ballot() == newest.ballot());
        let silence = current.map(|(_, reply)| reply.writer_silent_ms).min().unwrap_or_default();
        let silence = Duration::from_millis(silence);
        let mut learned = Learned { table: newest.clone(), vdl: Lsn::ZERO, scls: HashMap::new(), silence };
        for (table, reply) in replies {
            learned.vdl = learned.vdl.max(Lsn(reply.flushed_vdl_heard));
            // A node that missed a recovery may tell the end of a dead branch.
            let bound = newest.bound(table.ballot());
            for mark in &reply.marks {
                let scl = learned.scls.entry(GroupId(mark.group)).or_default();
                // What lies at or below a flushed VDL is there to stay, flushed by this very node or not.
                *scl = Lsn(mark.scl_received.max(mark.scl_flushed)).min(bound).max(*scl);
            }
        }
        learned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quorum::WRITE_QUORUM;

    fn reply(node: u32, incarnation: u32, config: &rpc::VolumeConfig) -> rpc::HoldReply {
        rpc::HoldReply { node, incarnation, config: Some(config.clone()), ..rpc::HoldReply::default() }
    }

    fn counted(testimony: &Testimony, quorum: usize) -> Option<Vec<u32>> {
        Some(testimony.quorum(quorum)?.iter().map(|(_, reply)| reply.node).collect())
    }

    #[test]
    fn the_word_of_members_counts_and_no_other() {
        let member = |node, incarnation| rpc::Member { node, incarnation, ..rpc::Member::default() };
        let six = rpc::VolumeConfig { members: (0..6).map(|node| member(node, 0)).collect(), ..Default::default() };
        let before = Membership::from_rpc(&six).expect("six members");
        let joint = before.begin(NodeId(5), member(6, 2)).expect("node 5 is a member");
        let after = joint.finish(NodeId(5)).expect("it is under way");
        let (joint, after) = (joint.to_rpc(&six), after.to_rpc(&six));

        let mut testimony = Testimony::default();
        for node in [5, 0, 1] {
            testimony.take(reply(node, 0, &six));
        }
        assert_eq!(counted(&testimony, READ_QUORUM), Some(vec![0, 1, 5]), "nobody knows better");
        // One that lost redo is heard, and four it takes then.
        let mut testimony = Testimony::default();
        testimony.take(rpc::HoldReply { lacks_redo: true, ..reply(5, 0, &six) });
        [0, 1].into_iter().for_each(|node| testimony.take(reply(node, 0, &six)));
        assert_eq!(counted(&testimony, READ_QUORUM), None);
        testimony.take(reply(2, 0, &six));
        assert_eq!(counted(&testimony, READ_QUORUM), Some(vec![0, 1, 2, 5]));

        let mut testimony = Testimony::default();
        [5, 0, 1].into_iter().for_each(|node| testimony.take(reply(node, 0, &six)));
        // In the middle of a replacement three of both sets are needed, and who joins is not one.
        testimony.take(reply(0, 0, &joint));
        testimony.take(reply(6, 2, &joint));
        assert_eq!(counted(&testimony, READ_QUORUM), None);
        testimony.take(reply(3, 0, &joint));
        assert_eq!(counted(&testimony, READ_QUORUM), Some(vec![0, 1, 3, 5]));
        // After it the old one is nobody, and neither is a node that lost its disk.
        testimony.take(reply(4, 1, &after));
        assert_eq!(counted(&testimony, READ_QUORUM), Some(vec![0, 1, 3, 6]));
        assert_eq!(counted(&testimony, WRITE_QUORUM), Some(vec![0, 1, 3, 6]));
        let mut testimony = Testimony::default();
        for (node, incarnation) in [(5, 0), (4, 1), (0, 0), (1, 0)] {
            testimony.take(reply(node, incarnation, &after));
        }
        assert_eq!(counted(&testimony, READ_QUORUM), None, "only two of these are members");
    }
}
