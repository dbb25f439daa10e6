//! Pulling redo: what is announced, from whichever node has it, and what follows, [`ahead`] of its announcement.
//!
//! What nodes tell of a group's end may be too high: a node that holds records beyond the VDL cannot say where the group ended
//! below it, and a recovery may annul them. So what is announced and given by none of so many members as make a read quorum is
//! not asked for again before somebody names the group again. That it is nowhere is not proven by that: among those that
//! answered may be members that lack it, for they are behind or have lost what they had. But where it is there after all,
//! nothing goes on without it, and the nodes are soon asked where groups end.

use super::Inner;
use crate::quorum::{COPIES, READ_QUORUM};
use crate::volume::VOLUME_CALL_TIMEOUT;
use crate::volume::ahead::{self, Ahead, Call, Question};
use crate::volume::counters::Counters;
use futures::future::FutureExt;
use protocol::batch::Batch;
use protocol::redo::RecordView;
use protocol::rpc::storage as rpc;
use protocol::task::timeout;
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Redo asked for in one pull, in bytes: the most, and what is asked for even when there is no room.
pub(super) const PULL_BYTES: usize = 1 << 20;
pub(super) const PULL_BYTES_MIN: usize = 16 << 10;
/// A node that has not answered a pull by then is passed over, in favour of any other that answers.
pub(super) const PULL_PATIENCE: [Duration; 2] = [Duration::from_millis(50), VOLUME_CALL_TIMEOUT];
/// A node that has what was announced answers a pull that waited there by then, or is asked once more.
const EARLY_PATIENCE: Duration = Duration::from_millis(10);

/// How one pull of one group ended.
pub(super) enum Pulled {
    Records(Vec<RecordView>),
    /// No node that answered retains the redo.
    Gone,
    /// No node has it now. One that had it may be down, or another be about to get it; but if none comes while some have
    /// given it up already, it is not worth waiting for.
    NotNow {
        gone_somewhere: bool,
    },
    /// So many members as make a read quorum have answered that they have nothing behind this that was announced, and none that
    /// it is retired: there is nothing, or those are members that lack it.
    Nothing {
        after: Lsn,
    },
}

impl Inner {
    /// Asks for what comes next in groups that are here as far as they are announced, if it is the writer that announced it.
    pub(super) async fn reach_out(&self, ahead: &mut Ahead) {
        let (ballot, fresh) = {
            let known = self.known.lock();
            (known.ballot, known.fresh)
        };
        {
            let assembly = self.assembly.lock().await;
            let has_room = assembly.staged_bytes() <= self.options.staged_bytes_max / 2;
            if assembly.told_by() != Some(ballot) || !has_room {
                return;
            }
            let node = self.sources.preferred(&fresh);
            for group in ahead.idle() {
                let Some(after) = assembly.end_of(group) else { continue };
                let each = self.options.staged_bytes_max / 2 / ahead::GROUPS_MAX;
                let request = rpc::PullRequest {
                    wait_ms: ahead::WAIT.as_millis() as u32,
                    ..self.pull_request(group, ballot, after, Lsn(u64::MAX), each.clamp(PULL_BYTES_MIN, PULL_BYTES))
                };
                let target = Arc::clone(&self.nodes[node]);
                let patience = ahead::WAIT + PULL_PATIENCE[0];
                let reply = async move { timeout(patience, target.pull(request)).await.ok()?.ok() }.boxed();
                ahead.sent(Call { question: Question { group, ballot, after, node }, reply });
                Counters::add(&self.counters.pulls_ahead, 1);
            }
        }
        // A call is on its way from when it is looked at first.
        self.stage_ready(ahead).await;
    }

    pub(super) async fn stage_ready(&self, ahead: &mut Ahead) {
        while let Some((asked, reply)) = ahead.ready() {
            self.stage(ahead, asked, reply).await;
        }
    }

    /// Stages what was pulled ahead. Where nothing new comes, nothing more is asked for before a notice.
    pub(super) async fn stage(&self, ahead: &mut Ahead, asked: Question, reply: Option<rpc::PullReply>) {
        let Some(records) = self.brought(asked, reply) else { return ahead.rests(asked.group) };
        let mut assembly = self.assembly.lock().await;
        if assembly.staged_bytes() > self.options.staged_bytes_max {
            return ahead.rests(asked.group);
        }
        let before = assembly.reaches(asked.group);
        // With a hole before it, it is pulled again when it is announced.
        let _ = assembly.push_ahead(asked.ballot, asked.group, records);
        if assembly.reaches(asked.group) == before {
            ahead.rests(asked.group);
        }
        self.staged_peak.fetch_max(assembly.staged_bytes(), Ordering::Relaxed);
    }

    /// The records that a pull ahead brought, if any.
    fn brought(&self, asked: Question, reply: Option<rpc::PullReply>) -> Option<Vec<RecordView>> {
        let reply = reply.filter(|it| it.outcome() == rpc::ReadOutcome::Ok && !it.batches.is_empty())?;
        self.count_pulled(&reply);
        match decode(&reply.batches, asked.group, Lsn(u64::MAX)) {
            // A node that knows of a later writer tells of that one; it has not announced itself to us yet.
            Ok((ballot, _)) if ballot > asked.ballot => None,
            Ok((_, records)) => Some(records),
            Err(error) => {
                tracing::warn!(node = asked.node, %error, "a storage node sent damaged redo");
                None
            }
        }
    }

    fn count_pulled(&self, reply: &rpc::PullReply) {
        Counters::add(&self.counters.redo_bytes_pulled, reply.batches.iter().map(bytes::Bytes::len).sum());
    }

    /// The answer of a pull that waited, if it comes at once.
    pub(super) async fn early(&self, call: Option<Call>) -> Option<Vec<RecordView>> {
        let Call { question, reply } = call?;
        let begun = (self.options.clock)();
        let reply = timeout(EARLY_PATIENCE, reply).await;
        self.sources.took(question.node, (self.options.clock)().saturating_sub(begun));
        self.brought(question, reply.ok()?)
    }

    pub(super) fn scored(&self, ahead: &mut Ahead, group: GroupId, saved: bool) {
        ahead.scored(group, saved);
        Counters::add(if saved { &self.counters.pulls_saved } else { &self.counters.pulls }, 1);
    }

    pub(super) async fn pull(&self, group: GroupId, after: Lsn, up_to: Lsn, max_bytes: usize) -> Pulled {
        let (ballot, fresh) = {
            let known = self.known.lock();
            (known.ballot, known.fresh)
        };
        let order = self.sources.order(&fresh);
        let (mut gone, mut empty, mut answered) = (0, 0, [false; COPIES]);
        let rounds = PULL_PATIENCE.into_iter().flat_map(|patience| order.map(|node| (patience, node)));
        for (patience, node) in rounds {
            // The second round is for a network where nobody answers in time, not for one node that is stopped.
            let known = answered.iter().filter(|&&answered| answered).count();
            if answered[node] || patience > PULL_PATIENCE[0] && known >= READ_QUORUM {
                continue;
            }
            let request = self.pull_request(group, ballot, after, up_to, max_bytes);
            let asked = (self.options.clock)();
            let reply = timeout(patience, self.nodes[node].pull(request)).await;
            self.sources.took(node, (self.options.clock)().saturating_sub(asked));
            let Ok(Ok(reply)) = reply else { continue };
            answered[node] = true;
            if reply.outcome() == rpc::ReadOutcome::BelowFloor || reply.retained_after > after.0 {
                gone += 1;
                continue;
            }
            if reply.outcome() != rpc::ReadOutcome::Ok {
                continue;
            }
            if reply.batches.is_empty() {
                empty += 1;
                continue;
            }
            self.count_pulled(&reply);
            match decode(&reply.batches, group, up_to) {
                Ok((_, records)) => return Pulled::Records(records),
                Err(error) => tracing::warn!(node, %error, "a storage node sent damaged redo"),
            }
        }
        // A read quorum would have it if it were retained by the rules; one node may have lost its copy.
        match gone {
            0 if empty >= READ_QUORUM => Pulled::Nothing { after },
            READ_QUORUM.. => Pulled::Gone,
            _ => Pulled::NotNow { gone_somewhere: gone > 0 },
        }
    }

    fn pull_request(
        &self,
        group: GroupId,
        ballot: Ballot,
        after: Lsn,
        up_to: Lsn,
        max_bytes: usize,
    ) -> rpc::PullRequest {
        rpc::PullRequest {
            volume: self.volume,
            version: FORMAT_VERSION,
            ballot: ballot.0,
            group: group.0,
            after: after.0,
            up_to: up_to.0,
            max_bytes: max_bytes as u32,
            wait_ms: 0,
        }
    }
}

/// Checks pulled batches and splits them into records of (.., `up_to`], with the highest ballot among them.
fn decode(batches: &[bytes::Bytes], group: GroupId, up_to: Lsn) -> Result<(Ballot, Vec<RecordView>), protocol::Error> {
    let (mut ballot, mut records) = (Ballot::ZERO, Vec::new());
    for batch in batches {
        let batch = Batch::decode(batch.clone())?;
        if batch.group != group {
            return Err(protocol::Error::Malformed { what: "pull", why: "a batch of another group" });
        }
        ballot = ballot.max(batch.ballot);
        records.extend(batch.records.into_iter().filter(|record| record.header.lsn <= up_to));
    }
    Ok((ballot, records))
}
