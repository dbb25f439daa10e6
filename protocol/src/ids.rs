//! Names of things: pages, groups, nodes, ballots, transactions.

use std::fmt;

/// A page of the volume, 8 KiB, numbered from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId(pub u64);

impl PageId {
    /// No page: an absent link.
    pub const NONE: PageId = PageId(u64::MAX);

    /// Whether this names a page.
    #[must_use]
    pub fn is_some(self) -> bool {
        self != PageId::NONE
    }

    /// The protection group that holds the page, `pages_per_group` pages each.
    ///
    /// # Panics
    /// When the group number exceeds 32 bits: 2^32 groups of the smallest size are beyond any volume.
    #[must_use]
    pub fn group(self, pages_per_group: u32) -> GroupId {
        GroupId(u32::try_from(self.0 / u64::from(pages_per_group)).expect("a volume has fewer than 2^32 groups"))
    }
}

impl fmt::Display for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_some() { write!(f, "page {}", self.0) } else { f.write_str("no page") }
    }
}

/// A protection group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {}", self.0)
    }
}

/// A storage node, as numbered at `init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// A volume: drawn at random by `init`, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolumeId(pub u64);

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One run of a storage node's process. *Received* may go back when it changes, *flushed* may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BootId(pub u64);

/// A transaction: dense, handed out in order below a logged limit. 0 is no transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxnId(pub u64);

impl TxnId {
    /// No transaction: a settled version, visible to every snapshot at or above its stamp.
    pub const NONE: TxnId = TxnId(0);
}

impl fmt::Display for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The epoch of one recovery: (counter, instance), ordered by counter first, so that two recoverers never share one.
///
/// Layout: counter in the high 32 bits, instance in the low 32. 0 is the ballot before any writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ballot(pub u64);

impl Ballot {
    /// Before the first recovery.
    pub const ZERO: Ballot = Ballot(0);
    /// How far above the highest known counter a ballot may jump. A larger jump is a damaged or hostile request: it would
    /// use up the counters that later recoveries need.
    pub const JUMP_MAX: u32 = 1 << 20;

    /// The ballot `counter` of server instance `instance`.
    #[must_use]
    pub fn new(counter: u32, instance: u32) -> Ballot {
        Ballot(u64::from(counter) << 32 | u64::from(instance))
    }

    /// The counter: what people call the epoch.
    #[must_use]
    pub fn counter(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The instance that took it.
    #[must_use]
    pub fn instance(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:08x}", self.counter(), self.instance())
    }
}
