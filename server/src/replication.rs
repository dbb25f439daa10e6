//! What this server knows of others: who follows it, who is in the address book, and when it became the writer.
//!
//! All of it is for show, in memory, and bounded. A history of promotions is this server's own; that of the volume is the
//! truncation table in storage.

use crate::spare::is_spare;
use parking_lot::Mutex;
use protocol::Lsn;
use protocol::rpc::cluster::ReplicaReport;
use protocol::rpc::storage::ServerInfo;
use sql::functions::{FailoverStatus, ReplicaStatus, ServerStatus};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use storage::volume::cluster::AddressBook;

/// Promotions that are remembered.
const FAILOVERS_MAX: usize = 100;
/// From 1970-01-01 to 2000-01-01.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A calendar time as SQL has it.
#[must_use]
pub fn sql_time(unix_micros: u64) -> i64 {
    i64::try_from(unix_micros).unwrap_or(i64::MAX).saturating_sub(POSTGRES_EPOCH_MICROS)
}

/// One stream of notices.
struct Follower {
    /// Streams of one replica follow one another; the end of an older one does not remove the newer.
    stream: u64,
    status: ReplicaStatus,
}

/// The replicas that follow this server, by instance.
#[derive(Default)]
pub struct Followers {
    streams: Mutex<(u64, BTreeMap<u64, Follower>)>,
}

impl Followers {
    /// A number for a new stream.
    pub fn begin(&self) -> u64 {
        let mut streams = self.streams.lock();
        streams.0 += 1;
        streams.0
    }

    /// A replica reported on a stream.
    pub fn reported(&self, stream: u64, report: &ReplicaReport, at_unix_micros: u64) {
        let at = sql_time(at_unix_micros);
        let mut streams = self.streams.lock();
        let status = || ReplicaStatus {
            address: report.address.clone(),
            pid: report.pid,
            since: at,
            sent: Lsn::ZERO,
            applied: Lsn::ZERO,
            lag: Duration::ZERO,
            reported: at,
        };
        let follower = streams.1.entry(report.instance).or_insert_with(|| Follower { stream, status: status() });
        if follower.stream > stream {
            return;
        }
        follower.stream = stream;
        let status = &mut follower.status;
        status.applied = Lsn(report.applied_lsn);
        status.lag = Duration::from_micros(report.lag_micros);
        status.reported = at;
    }

    /// A notice went out on a stream; how many follow.
    pub fn sent(&self, stream: u64, vdl: Lsn) -> usize {
        let mut streams = self.streams.lock();
        if let Some(follower) = streams.1.values_mut().find(|follower| follower.stream == stream) {
            follower.status.sent = vdl;
        }
        streams.1.len()
    }

    /// A stream ended.
    pub fn end(&self, stream: u64) {
        self.streams.lock().1.retain(|_, follower| follower.stream != stream);
    }

    /// Those who follow now.
    #[must_use]
    pub fn list(&self) -> Vec<ReplicaStatus> {
        self.streams.lock().1.values().map(|follower| follower.status.clone()).collect()
    }
}

/// The newest address book that this server has seen.
#[derive(Default)]
pub struct Directory {
    seen: Mutex<(AddressBook, u64)>,
}

impl Directory {
    /// Storage nodes answered.
    pub fn set(&self, book: AddressBook, at_unix_micros: u64) {
        *self.seen.lock() = (book, at_unix_micros);
    }

    /// The storage nodes in it that offer themselves, by number.
    #[must_use]
    pub fn spares(&self) -> Vec<ServerInfo> {
        let seen = self.seen.lock();
        let mut spares: Vec<ServerInfo> = seen.0.servers.iter().filter(|it| is_spare(it)).cloned().collect();
        spares.sort_unstable_by_key(|spare| spare.node);
        spares
    }

    /// The servers in it, with `own` as it is now.
    #[must_use]
    pub fn servers(&self, own: Option<ServerInfo>, durable: Lsn, now_unix_micros: u64) -> Vec<ServerStatus> {
        let (book, at) = self.seen.lock().clone();
        let durable = book.flushed_vdl.max(durable);
        let others = book.servers.into_iter().filter(|it| !is_spare(it));
        let others = others.filter(|it| own.as_ref().is_none_or(|own| own.instance != it.instance));
        let mut servers: Vec<(ServerInfo, u64)> = others.map(|it| (it, at)).collect();
        servers.extend(own.map(|own| (own, now_unix_micros)));
        // One that was replaced and whose lease has not run out is no writer.
        let highest = servers.iter().filter(|(it, _)| it.role == "writer").map(|(it, _)| it.ballot).max();
        let status = |(it, at): (ServerInfo, u64)| ServerStatus {
            instance: it.instance,
            writer: it.role == "writer" && Some(it.ballot) == highest,
            address: it.address,
            pid: it.pid,
            applied: Lsn(it.applied_lsn),
            read_floor: Lsn(it.read_floor),
            durable,
            lag: Duration::from_micros(it.lag_micros),
            priority: it.failover_priority,
            updated: sql_time(at),
        };
        servers.sort_unstable_by(|(a, _), (b, _)| a.address.cmp(&b.address));
        servers.into_iter().map(status).collect()
    }
}

/// When this server became the writer.
#[derive(Default)]
pub struct Failovers {
    past: Mutex<VecDeque<FailoverStatus>>,
}

impl Failovers {
    /// It did; the oldest is forgotten when there are too many.
    pub fn add(&self, failover: FailoverStatus) {
        let mut past = self.past.lock();
        if past.len() == FAILOVERS_MAX {
            past.pop_front();
        }
        past.push_back(failover);
    }

    /// All that are remembered, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<FailoverStatus> {
        self.past.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_is_there_while_its_newest_stream_is() {
        let followers = Followers::default();
        let report = |applied_lsn| ReplicaReport { instance: 7, applied_lsn, lag_micros: 900, ..Default::default() };
        let (old, new) = (followers.begin(), followers.begin());
        followers.reported(old, &report(10), 0);
        followers.reported(new, &report(20), 0);
        followers.reported(old, &report(15), 0);
        followers.sent(new, Lsn(30));
        let there = followers.list();
        assert_eq!((there.len(), there[0].applied, there[0].sent), (1, Lsn(20), Lsn(30)));
        followers.end(old);
        assert_eq!(followers.list().len(), 1);
        followers.end(new);
        assert!(followers.list().is_empty());
    }

    #[test]
    fn only_the_highest_ballot_is_the_writer_s() {
        let server = |instance, role: &str, ballot| ServerInfo {
            instance,
            role: role.into(),
            ballot,
            address: format!("host:{instance}"),
            ..ServerInfo::default()
        };
        let directory = Directory::default();
        let servers = vec![server(1, "writer", 5), server(2, "replica", 6)];
        directory.set(AddressBook { servers, ..AddressBook::default() }, 0);
        let now = directory.servers(Some(server(2, "writer", 6)), Lsn(9), 0);
        let writers: Vec<_> = now.iter().filter(|it| it.writer).map(|it| it.instance).collect();
        assert_eq!((now.len(), writers), (2, vec![2]));
        assert_eq!(now[0].durable, Lsn(9));
    }

    #[test]
    fn the_oldest_failover_is_forgotten() {
        let failovers = Failovers::default();
        for epoch in 0..150 {
            failovers.add(FailoverStatus {
                at: 0,
                silence: None,
                epoch,
                vdl: Lsn::ZERO,
                recovery: Duration::ZERO,
                catch_up: Duration::ZERO,
                total: Duration::ZERO,
            });
        }
        let list = failovers.list();
        assert_eq!((list.len(), list[0].epoch), (FAILOVERS_MAX, 50));
    }
}
