//! What a session can see of the cluster around its server, in the words of SQL: made by the process, shown by system
//! relations. Times are microseconds since 2000-01-01 UTC, as in [`types::Datum::Timestamptz`].

use std::time::Duration;

use protocol::{GroupId, Lsn, NodeId, PageId};

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

/// What a storage node is to the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRole {
    /// One of the six.
    Member,
    /// One of the six that is being replaced.
    Leaving,
    /// On its way in, in place of this member; it counts when it has everything.
    Joining(NodeId),
    /// Offers itself.
    Spare,
}

impl NodeRole {
    /// As views and `status` call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            NodeRole::Member => "member",
            NodeRole::Leaving => "leaving",
            NodeRole::Joining(_) => "joining",
            NodeRole::Spare => "spare",
        }
    }
}

/// How far a storage node that takes in what it lacks has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hydration {
    /// Page images it has, in bytes.
    pub bytes: u64,
    /// Those of the member that has most.
    pub total_bytes: u64,
    /// Groups of which it has everything that is durable.
    pub groups_whole: u32,
}

/// A storage node of the cluster.
#[derive(Clone, Debug)]
pub struct StorageNodeStatus {
    pub node: NodeId,
    /// Tells members of one number apart: a node that lost its disk is another member.
    pub incarnation: u32,
    pub zone: String,
    pub address: String,
    pub role: NodeRole,
    /// The node's own word, `empty` when it is there without its disk's content, or `down`.
    pub state: String,
    /// The rest is what the node says; `None` while it says nothing.
    pub pid: Option<u32>,
    pub scl_received: Option<Lsn>,
    pub scl_flushed: Option<Lsn>,
    pub behind_bytes: Option<u64>,
    pub groups: Option<u32>,
    /// While it joins.
    pub hydration: Option<Hydration>,
}

/// A protection group: a range of pages and its copies.
#[derive(Clone, Debug)]
pub struct GroupStatus {
    pub group: GroupId,
    pub first_page: PageId,
    pub pages: u32,
    /// What four of the six members that answered have flushed.
    pub durable: Lsn,
    /// The most that one of them has.
    pub highest: Lsn,
    /// Members that have at least what is durable.
    pub copies: u32,
    /// The same of those on their way in.
    pub joining: u32,
    /// Counts changes of the members.
    pub membership_epoch: u32,
}
