//! What the replica was told of the volume: by notices, by one node in the writer's place, by a quorum of nodes.
//!
//! A notice says where to look. When none comes, or one was lost, the nodes themselves are asked; and while none comes, one node
//! at a time is asked to say at once when it hears more. So a replica that is cut off from the writer lags a little, and does
//! not stand still. Notices of a lower ballot, from a writer that was replaced and does not know it, are ignored.

use super::pulls::PULL_PATIENCE;
use super::testimony::{Learned, learn};
use super::{Inner, RETRY_PAUSE};
use crate::history::TruncationTable;
use crate::quorum::{COPIES, READ_QUORUM};
use crate::volume::age::Age;
use crate::volume::ahead::Ahead;
use crate::volume::counters::Counters;
use protocol::rpc::cluster::Notice;
use protocol::rpc::storage as rpc;
use protocol::task::{sleep, timeout};
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What notices and polls have told.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) ballot: Ballot,
    /// The newest that a node told.
    pub(super) table: TruncationTable,
    pub(super) vdl: Lsn,
    /// The writer that announced it, if it was one and not nodes.
    pub(super) vdl_told_by: Option<Ballot>,
    /// Told since the task looked last.
    pub(super) hints: BTreeMap<GroupId, Lsn>,
    /// Those of them that the writer named and that go on beyond what was applied then.
    pub(super) named: BTreeSet<GroupId>,
    pub(super) fresh: [bool; COPIES],
    pub(super) written_unix_micros: u64,
    pub(super) told_at: Duration,
    /// Like `told_at`, but only by the writer itself.
    pub(super) noticed_at: Duration,
    pub(super) age: Age,
}

impl Inner {
    pub(super) fn notify(&self, notice: &Notice) {
        let mut known = self.known.lock();
        let ballot = Ballot(notice.ballot);
        if ballot < known.ballot {
            return;
        }
        if ballot > known.ballot {
            tracing::info!(%ballot, "another writer announces itself");
            known.ballot = ballot;
            known.fresh = [false; COPIES];
        }
        let applied = self.applied();
        for tail in &notice.tails {
            let group = GroupId(tail.group);
            let hint = known.hints.entry(group).or_default();
            *hint = Lsn(tail.tail).max(*hint);
            // A first notice names every group: those at rest would be pulled ahead in the place of those that are not.
            if Lsn(tail.tail) > applied {
                known.named.insert(group);
            }
        }
        let vdl = Lsn(notice.flushed_vdl);
        if vdl > known.vdl {
            known.vdl = vdl;
            known.vdl_told_by = Some(ballot);
            known.written_unix_micros = notice.written_unix_micros;
            known.fresh = std::array::from_fn(|node| notice.fresh_nodes.contains(&(node as u32)));
            self.vdl.store(vdl.0, Ordering::Release);
        }
        let now = (self.options.clock)();
        (known.told_at, known.noticed_at) = (now, now);
        known.age.told(vdl, now, self.applied());
        drop(known);
        self.bell.notify_one();
    }

    /// With everything applied: waits for word of more.
    pub(super) async fn await_news(&self, ahead: &mut Ahead, vdl: Lsn) {
        let (told_at, noticed_at) = {
            let known = self.known.lock();
            (known.told_at, known.noticed_at)
        };
        let now = (self.options.clock)();
        let left = |since: Duration| (since + self.options.poll_after).saturating_sub(now);
        let wait = left(told_at).max(RETRY_PAUSE);
        let relayed = async {
            if left(noticed_at).is_zero() {
                self.relay(vdl, wait).await;
            } else {
                sleep(wait).await;
            }
        };
        tokio::select! {
            biased;
            () = self.bell.notified() => return,
            (asked, reply) = ahead.next() => return self.stage(ahead, asked, reply).await,
            () = relayed => {}
        }
        // Word by relay is one node's. Now and then a quorum is asked, which also knows of other ballots.
        if left(told_at).is_zero() || (self.options.clock)() >= now + wait {
            self.poll().await;
        }
    }

    /// Asks one node for word of a VDL above `vdl`, for so long. Whatever it tells that is missing something is mended by the
    /// next poll; it is asked in place of the writer, not of a quorum.
    async fn relay(&self, vdl: Lsn, wait: Duration) {
        let until = (self.options.clock)() + wait;
        let node = self.relay.load(Ordering::Relaxed) % COPIES;
        let request = rpc::HoldRequest {
            volume: self.volume,
            version: FORMAT_VERSION,
            news_above: vdl.0,
            wait_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
            ..Default::default()
        };
        let reply = timeout(wait + PULL_PATIENCE[0], self.nodes[node].hold(request)).await;
        let table = |reply: &rpc::HoldReply| TruncationTable::from_rpc(reply.table.as_ref()?).ok();
        let told = match reply {
            Ok(Ok(reply)) => table(&reply).map(|table| (table, reply)),
            _ => None,
        };
        let ballot = self.known.lock().ballot;
        // One that missed a recovery may tell the end of a dead branch.
        match told.filter(|(table, _)| table.ballot() >= ballot) {
            Some((table, reply)) => {
                // Not of age: a node that a new writer does not reach goes on hearing the old one.
                let learned = Learned::of(&table.clone(), &[(table, reply)]);
                self.take(&mut self.known.lock(), &learned);
                if learned.vdl > vdl {
                    return Counters::add(&self.counters.relayed, 1);
                }
            }
            None => self.relay.store(node + 1, Ordering::Relaxed),
        }
        sleep(until.saturating_sub((self.options.clock)())).await;
    }

    pub(super) async fn poll(&self) {
        Counters::add(&self.counters.polls, 1);
        Counters::add(&self.counters.quorum_reads_bookkeeping, 1);
        // Each node counts its silence from when it answers: at the earliest when it is asked, and the slowest answers last.
        let asked = (self.options.clock)();
        let learned = learn(&self.nodes, self.volume, READ_QUORUM).await;
        self.known.lock().told_at = (self.options.clock)();
        if let Ok(learned) = learned {
            let mut known = self.known.lock();
            known.age.told(learned.vdl, asked.saturating_sub(learned.silence), self.applied());
            self.take(&mut known, &learned);
        }
    }

    /// Takes over what is there to be had.
    fn take(&self, known: &mut Known, learned: &Learned) {
        known.ballot = known.ballot.max(learned.table.ballot());
        if learned.table.ballot() > known.table.ballot() {
            known.table = learned.table.clone();
        }
        if learned.vdl > known.vdl {
            (known.vdl, known.vdl_told_by, known.written_unix_micros) = (learned.vdl, None, 0);
        }
        self.vdl.store(known.vdl.0, Ordering::Release);
        let vdl = known.vdl;
        for (&group, &scl) in &learned.scls {
            let hint = known.hints.entry(group).or_default();
            *hint = scl.min(vdl).max(*hint);
        }
    }
}
