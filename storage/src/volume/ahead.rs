//! Pulls that are sent before there is anything to pull: a node answers when the next record comes in.
//!
//! So redo is on its way to a replica while the writer still gathers acknowledgements, and when the notice comes it is here,
//! staged beyond the bound ([`assembly`](super::assembly)). One pull waits for each group of which notices tell something
//! new, and none is sent while the redo of the one before has not been announced. Where a group rests it ends, and
//! nothing asks again before a notice names the group.
//!
//! It is for nothing when its node was not among those who had the redo first, or when a notice tells of more than one batch:
//! then an ordinary pull follows. After some of them in a row there is none for a while, so that nodes are not asked twice for
//! everything by the many replicas of a writer, each of whom gets few notices.

use futures::future::{BoxFuture, FutureExt};
use protocol::rpc::storage::PullReply;
use protocol::{Ballot, GroupId, Lsn};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

/// Groups that are pulled ahead at a time.
pub const GROUPS_MAX: usize = 8;
/// Times in a row that an ordinary pull had to follow, after which a group is not pulled ahead...
const MISSES_MAX: u32 = 3;
/// ...for so many notices.
const PAUSE_NOTICES: u32 = 16;
/// A node answers with nothing after this time: the group rests.
pub const WAIT: Duration = Duration::from_secs(1);

/// What a pull ahead asked, and of whom.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Of this group.
    pub group: GroupId,
    /// Under this ballot.
    pub ballot: Ballot,
    /// What follows this record.
    pub after: Lsn,
    /// The node that was asked.
    pub node: usize,
}

/// A pull that waits at a node.
pub struct Call {
    /// What it asks.
    pub question: Question,
    /// The node's answer, if it gives one. Nothing is sent before it is polled first.
    pub reply: BoxFuture<'static, Option<PullReply>>,
}

/// How pulling a group ahead has done.
#[derive(Clone, Copy, Default)]
struct Score {
    /// In a row.
    misses: u32,
    /// Notices to let pass.
    pause: u32,
}

/// The pulls that wait, one at most for each group that is written to. See the module's essay.
#[derive(Default)]
pub struct Ahead {
    /// Named by a notice, and not at rest since.
    groups: BTreeMap<GroupId, Score>,
    calls: Vec<Call>,
}

impl Ahead {
    /// A notice came, and named these groups.
    pub fn noticed(&mut self, named: &BTreeSet<GroupId>) {
        if named.is_empty() {
            return;
        }
        self.groups.retain(|_, score| {
            score.pause = score.pause.saturating_sub(1);
            score.pause > 0 || score.misses < MISSES_MAX
        });
        for &group in named {
            if self.groups.len() < GROUPS_MAX {
                self.groups.entry(group).or_default();
            }
        }
    }

    /// What a notice named was here, or came by the pull that waited; or an ordinary pull had to follow.
    pub fn scored(&mut self, group: GroupId, saved: bool) {
        let Some(score) = self.groups.get_mut(&group).filter(|score| score.pause == 0) else { return };
        score.misses = if saved { 0 } else { score.misses + 1 };
        if score.misses == MISSES_MAX {
            score.pause = PAUSE_NOTICES;
        }
    }

    /// Groups for which no pull waits and one should.
    #[must_use]
    pub fn idle(&self) -> Vec<GroupId> {
        let waits = |group: &GroupId| self.calls.iter().any(|call| call.question.group == *group);
        let due = self.groups.iter().filter(|(group, score)| score.pause == 0 && !waits(group));
        due.map(|(&group, _)| group).collect()
    }

    /// A pull was sent.
    pub fn sent(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// The pull that waits for a group, which from here on is the caller's.
    pub fn take(&mut self, group: GroupId) -> Option<Call> {
        let at = self.calls.iter().position(|call| call.question.group == group)?;
        Some(self.calls.swap_remove(at))
    }

    /// The next answer and what was asked; never, while no pull waits.
    pub async fn next(&mut self) -> (Question, Option<PullReply>) {
        poll_fn(|context| {
            for at in 0..self.calls.len() {
                if let Poll::Ready(reply) = self.calls[at].reply.poll_unpin(context) {
                    return Poll::Ready((self.calls.swap_remove(at).question, reply));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// An answer that is here already.
    pub fn ready(&mut self) -> Option<(Question, Option<PullReply>)> {
        self.next().now_or_never()
    }

    /// A pull ended with nothing.
    pub fn rests(&mut self, group: GroupId) {
        self.groups.remove(&group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(ids: impl IntoIterator<Item = u32>) -> BTreeSet<GroupId> {
        ids.into_iter().map(GroupId).collect()
    }

    fn call(group: GroupId, reply: BoxFuture<'static, Option<PullReply>>) -> Call {
        Call { question: Question { group, ballot: Ballot::ZERO, after: Lsn::ZERO, node: 0 }, reply }
    }

    #[test]
    fn one_pull_waits_for_a_group_until_it_is_answered() {
        let mut ahead = Ahead::default();
        assert!(ahead.idle().is_empty() && ahead.ready().is_none());
        ahead.noticed(&groups([1, 2]));
        ahead.sent(call(GroupId(1), std::future::pending().boxed()));
        ahead.sent(call(GroupId(2), std::future::ready(None).boxed()));
        assert!(ahead.idle().is_empty());
        assert_eq!(ahead.ready().map(|(asked, _)| asked.group), Some(GroupId(2)));
        assert!(ahead.ready().is_none());
        assert_eq!(ahead.idle(), [GroupId(2)]);
        ahead.rests(GroupId(2));
        assert!(ahead.idle().is_empty());
        assert!(ahead.take(GroupId(2)).is_none() && ahead.take(GroupId(1)).is_some());
        assert_eq!(ahead.idle(), [GroupId(1)]);
    }

    #[test]
    fn what_fails_in_a_row_pauses_and_holds_no_place() {
        let mut ahead = Ahead::default();
        let all = GROUPS_MAX as u32;
        ahead.noticed(&groups(0..all + 2));
        assert_eq!(ahead.idle().len(), GROUPS_MAX);
        let missed = |ahead: &mut Ahead| (0..MISSES_MAX - 1).for_each(|_| ahead.scored(GroupId(0), false));
        missed(&mut ahead);
        ahead.scored(GroupId(0), true);
        missed(&mut ahead);
        assert!(ahead.idle().contains(&GroupId(0)), "not in a row");
        ahead.scored(GroupId(0), false);
        for _ in 1..PAUSE_NOTICES {
            ahead.noticed(&groups([all]));
            assert!(!ahead.idle().contains(&GroupId(0)) && !ahead.idle().contains(&GroupId(all)));
        }
        // Nothing is written to it any more.
        ahead.noticed(&groups([all]));
        assert!(!ahead.idle().contains(&GroupId(0)) && ahead.idle().contains(&GroupId(all)));
    }
}
