//! What was done to a run, by kind.

use parking_lot::Mutex;
use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// A kind of trouble.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[doc = $doc])* $name,)*
        }

        impl Fault {
            /// Every kind.
            pub const ALL: &[Fault] = &[$(Fault::$name),*];

            /// As it is printed.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Fault::$name => $text),* }
            }
        }
    };
}

faults! {
    /// A message vanished.
    MessageLost = "message lost",
    /// A message was carried out twice.
    MessageRepeated = "message repeated",
    /// A message waited at a cut, and arrived when it was mended.
    MessageHeld = "message held back",
    /// A process and all others no longer hear each other.
    Isolated = "process cut off",
    /// One process no longer hears another, which hears it.
    OneWay = "one-way cut",
    /// A server hears three nodes only.
    Halved = "server cut off from half the nodes",
    /// Two zones no longer hear each other.
    ZonesParted = "zones parted",
    /// A node is ten to fifty times slower.
    NodeSlow = "node slow",
    /// A node is stopped for a while.
    NodeStopped = "node stopped",
    /// A node's process dies, its kernel lives.
    NodeKilled = "node killed",
    /// A node loses all that it had not fsynced.
    NodePowerLost = "node lost power",
    /// Of what a node had not fsynced some sectors reach the medium.
    NodeTorn = "node lost power, torn writes",
    /// A node dies in the middle of an fsync.
    NodeDiesFlushing = "node died in an fsync",
    /// An fsync fails.
    FsyncFailed = "fsync failed",
    /// No room is left on a node's disk for a while.
    DiskFull = "disk full",
    /// A bit of a node's files is flipped while it is down.
    BitRot = "bit rot",
    /// A node's disk is lost for good.
    DiskLost = "disk lost",
    /// A member's replacement was asked for.
    ReplacementBegun = "replacement of a node begun",
    /// A new node has taken a member's place.
    NodeReplaced = "node replaced",
    /// A new node has taken the place of one of a column, of which the others stayed.
    ColumnChanged = "node of a column replaced",
    /// A member stayed after all.
    ReplacementReverted = "replacement of a node reverted",
    /// The writer died, or was replaced, while a member was.
    ReplacementCrossed = "writer lost during a replacement",
    /// A node that was a member once is started again with what it had.
    FormerMemberBack = "former member started again",
    /// A new node that reaches no peer, and a takeover that hears it with two that were behind.
    Usurped = "takeover that hears a new node and who was behind",
    /// A recovery hears a node with redo that the recovery before it annulled.
    Revived = "takeover that hears a node which missed the one before",
    /// Both nodes of a zone, and the server there, die.
    ZoneLost = "zone lost",
    /// All nodes lose power at once.
    AllPowerLost = "all nodes lost power",
    /// A node's clock jumps ahead.
    ClockJumped = "node's clock jumped",
    /// A server's calendar is set to another time.
    CalendarJumped = "server's calendar jumped",
    /// The nodes answer nobody who asks for their address book.
    BookLost = "address book down",
    /// The nodes of a zone speak another version than everybody else.
    OtherVersion = "zone of another version",
    /// A server is stopped for a while.
    ServerStopped = "server stopped",
    /// A server dies.
    ServerKilled = "server killed",
    /// A server dies while it takes the volume over.
    RecoveryKilled = "server killed in recovery",
    /// A replica is made the writer while the writer lives.
    Promoted = "replica promoted",
    /// A replica is made the writer while the writer is stopped, which goes on later.
    PromotedAround = "promoted around a stopped writer",
    /// Two servers take the volume over at the same time.
    Raced = "two takeovers at once",
    /// One takeover follows another, each hearing other nodes, with redo on a few nodes only.
    Relayed = "takeovers that hear different nodes",
    /// A takeover hears the two nodes that were behind and one other.
    Swapped = "takeover that hears who was behind",
    /// Nodes that promised lose power before the takeover goes on, and the former writer is there.
    PromiserDied = "power lost between promise and table",
    /// A replica starts that reaches nodes which missed a takeover.
    ReadStale = "replica that reaches nodes which missed a takeover",
    /// All nodes lose power in the middle of an fsync.
    AllDieFlushing = "all nodes lost power in an fsync",
    /// A writer was stopped in the step in which it told a client of a commit.
    StoppedTelling = "writer stopped as it told a client",
    /// A server was stopped in the step in which its recovery ended.
    StoppedOpening = "server stopped as it opened the volume",
    /// A session came to wait for its commit while the writer let others run before it seals a group.
    GroupJoined = "group joined before it is sealed",
    /// The writer was lost while a transaction of a replica's session ran there.
    ForwardingLost = "writer lost under a forwarded transaction",
    /// A replica dropped its cache instead of replaying.
    ReplicaSkipped = "replica dropped its cache",
    /// A node could not be filled up to the end: it has lost, or was away for, more than its peers keep.
    LeftBehind = "node left behind",
    /// A node that was damaged does not serve a page at the end.
    PageRefused = "damaged page refused at the end",
}

impl Fault {
    /// Whether it is done on purpose, and not only seen: then a range of seeds in which it never came has tested too little.
    #[must_use]
    pub fn must_come(self) -> bool {
        !matches!(self, Fault::ReplicaSkipped | Fault::LeftBehind | Fault::PageRefused)
    }
}

/// How often each kind was done.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<Fault, u64>>);

impl Tally {
    /// One more.
    pub fn count(&self, fault: Fault) {
        *self.0.lock().entry(fault).or_default() += 1;
    }

    /// By kind; a kind that is absent was never done.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Fault, u64> {
        self.0.lock().clone()
    }
}
