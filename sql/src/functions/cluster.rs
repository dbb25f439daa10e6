//! What a session can see of the cluster around its server, in the words of SQL: made by the process, shown by system
//! relations. Times are microseconds since 2000-01-01 UTC, as in [`types::Datum::Timestamptz`].

use std::time::Duration;

use protocol::Lsn;

/// A server of the cluster, as the address book has it.
#[derive(Clone, Debug)]
pub struct ServerStatus {
    /// Drawn at random at each start.
    pub instance: u64,
    pub writer: bool,
    /// What clients dial.
    pub address: String,
    pub pid: u32,
    /// What new statements there see.
    pub applied: Lsn,
    /// The lowest read point in use there.
    pub read_floor: Lsn,
    /// Where the volume's durable end was when this was written.
    pub durable: Lsn,
    /// From durable at the writer to applied there; zero for the writer.
    pub lag: Duration,
    /// Its place in line when the writer falls silent; `None`: it does not stand.
    pub priority: Option<u32>,
    pub updated: i64,
}

/// A replica that follows this server.
#[derive(Clone, Debug)]
pub struct ReplicaStatus {
    pub address: String,
    pub pid: u32,
    pub since: i64,
    /// The durable end that it was told of last.
    pub sent: Lsn,
    pub applied: Lsn,
    pub lag: Duration,
    /// When it reported last.
    pub reported: i64,
}

/// One time that this server became the writer.
#[derive(Clone, Debug)]
pub struct FailoverStatus {
    pub at: i64,
    /// Whether a silent writer was the reason, and for how long it had been.
    pub silence: Option<Duration>,
    pub epoch: u32,
    /// Where the volume ended.
    pub vdl: Lsn,
    /// Until storage had been recovered.
    pub recovery: Duration,
    /// Until the cache had caught up with it.
    pub catch_up: Duration,
    /// From the decision to the first statement that may write.
    pub total: Duration,
}
