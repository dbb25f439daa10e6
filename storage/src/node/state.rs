//! What a node knows in memory: segments, page heads, recent batches, ballots and watermarks.
//!
//! One lock guards it. The writer takes it twice a round for as long as its records need; readers take it for one look-up.
//! No disk access happens under it.
//!
//! A *page head* is the newest counted record of a page that the log still holds; the rest of the page's chain is found
//! from there by `prev_page`, each link being one look-up of an LSN among the runs of its group. So the index has one entry
//! for each page with redo in the log, and none for a record.

use super::hydrate::Hydration;
use super::segment::{Place, Segment};
use super::tail::{Tail, Tails};
use crate::history::TruncationTable;
use crate::membership::{MemberName, Membership, Role, nodes_of};
use crate::quorum::WRITE_QUORUM;
use bytes::Bytes;
use hashbrown::HashMap;
use protocol::rpc::storage as rpc;
use protocol::{Ballot, BootId, Error, GroupId, Lsn, NodeId, PageId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A page's chain above its image may have this many records before an image is due.
pub const CHAIN_RECORDS_MAX: u32 = 500;
/// The same in bytes.
pub const CHAIN_BYTES_MAX: u32 = 64 << 10;
/// So many times as long may a chain be whose records lie scattered: following it reads a batch for each record, and mostly a
/// sweep comes first.
pub const SCATTERED_FACTOR: u32 = 4;
/// Records are scattered that make up less than one in so many bytes of the log since the first of them.
const SCATTERED_IN: u64 = 32;

/// Whether an image of a page is to be made between sweeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Due {
    /// Its chain is short.
    #[default]
    No,
    /// Its records lie scattered: not before its chain is [`SCATTERED_FACTOR`] times as long.
    PutOff,
    /// It is known to the background.
    Yes,
}

/// The newest counted record of a page, and how long its chain above the image is.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The first record of the chain when it began. Images may have had it since.
    pub first: Lsn,
    /// The newest record.
    pub newest: Lsn,
    /// Records above the image, as far as known.
    pub records: u32,
    /// Their bytes.
    pub bytes: u32,
    /// Whether an image is to be made.
    pub due: Due,
    /// Of a hot page, its newest records.
    pub tail: Option<Box<Tail>>,
}

impl Head {
    /// What all its records above an image lie above. The image itself may be much older, or there may be none.
    #[must_use]
    pub fn after(&self, image: Lsn) -> Lsn {
        image.max(Lsn(self.first.0.saturating_sub(1)))
    }

    /// Whether its records above an image lie scattered over the log, and over more of it than is in memory.
    #[must_use]
    pub fn is_scattered(&self, image: Lsn, memory_bytes: u64) -> bool {
        let log_bytes = self.newest.since(self.after(image));
        log_bytes > memory_bytes && u64::from(self.bytes) * SCATTERED_IN < log_bytes
    }

    /// A page's records above its image are so many fewer, by an image that a sweep made or that was due.
    pub fn settle(&mut self, records: u32, bytes: u32) {
        self.records = self.records.saturating_sub(records);
        self.bytes = self.bytes.saturating_sub(bytes);
        match self.due {
            // A sweep came first: it is not hot.
            Due::No => self.tail = None,
            Due::PutOff => (self.due, self.tail) = (Due::No, None),
            Due::Yes => {}
        }
    }

    /// Whether the chain has grown too long, or `factor` times as long as that.
    #[must_use]
    pub fn is_long(&self, factor: u32) -> bool {
        self.records >= CHAIN_RECORDS_MAX * factor || self.bytes >= CHAIN_BYTES_MAX * factor
    }
}

/// Batches as they came, those put in last, up to a number of bytes.
#[derive(Debug, Default)]
pub struct Recent {
    batches: HashMap<Place, Bytes>,
    order: VecDeque<Place>,
    bytes: usize,
}

impl Recent {
    /// Keeps a batch and lets the oldest go beyond `limit` bytes.
    pub fn insert(&mut self, place: Place, batch: Bytes, limit: usize) {
        if self.batches.contains_key(&place) {
            return;
        }
        self.bytes += batch.len();
        self.batches.insert(place, batch);
        self.order.push_back(place);
        while self.bytes > limit {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= self.batches.remove(&oldest).map_or(0, |batch| batch.len());
        }
    }

    /// A batch, if it is still here.
    #[must_use]
    pub fn get(&self, place: Place) -> Option<Bytes> {
        self.batches.get(&place).cloned()
    }
}

/// The volume as every request is checked against it.
#[derive(Clone, Debug)]
pub struct Volume {
    /// As created, with the members as this node was told last.
    pub config: rpc::VolumeConfig,
    /// The members.
    pub membership: Membership,
    /// Never 0.
    pub pages_per_group: u32,
}

impl Volume {
    /// Checks a volume's configuration.
    ///
    /// # Errors
    /// As [`Membership::from_rpc`].
    pub fn new(config: rpc::VolumeConfig) -> Result<Volume, Error> {
        let membership = Membership::from_rpc(&config)?;
        Ok(Volume { pages_per_group: config.pages_per_group.max(1), membership, config })
    }

    /// The group of a page; `None` for a page beyond the volume.
    #[must_use]
    pub fn group(&self, page: PageId) -> Option<GroupId> {
        u32::try_from(page.0 / u64::from(self.pages_per_group)).ok().map(GroupId)
    }
}

/// What came of word of the durable point and the floor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The durable point rose.
    pub is_news: bool,
    /// The background can do more than before.
    pub is_work: bool,
}

/// What a node knows.
#[derive(Default)]
pub struct State {
    /// This run.
    pub boot: BootId,
    /// `None` until it is created.
    pub volume: Option<Arc<Volume>>,
    /// The node as a member.
    pub name: Option<MemberName>,
    /// The highest ballot prepared or installed.
    pub promised: Ballot,
    /// The history of ballots.
    pub table: Arc<TruncationTable>,
    /// Counts changes of the table: what was read across one is read again.
    pub tables: u64,
    /// Counts findings of damaged redo: what was found whole before one may not be.
    pub losses: u64,
    /// The segments hosted.
    pub segments: HashMap<GroupId, Segment>,
    /// Pages with redo in the log.
    pub heads: HashMap<PageId, Head>,
    /// The tails that some of them have.
    pub tails: Tails,
    /// Recent batches.
    pub recent: Recent,
    /// Batches that were read from the log again, for the pages that are read next.
    pub reread: Recent,
    /// Pages whose image is due.
    pub due: Vec<PageId>,
    /// Pages whose image is due and cannot be made before the floor has moved on.
    pub stalled: Vec<PageId>,
    /// Where the floor was when they were last tried.
    pub stalled_at: Lsn,
    /// Pages of which a start found no image with all redo up to their group's base, and how far the image has to reach: see
    /// [`hydrate`](super::hydrate).
    pub hollow: BTreeMap<PageId, Lsn>,
    /// The highest VDL heard to be flushed on a quorum.
    pub vdl: Lsn,
    /// The lowest read point any server may use.
    pub floor: Lsn,
    /// Groups that came back below what they once acknowledged as flushed, and how far that was: SCLs of then, which a
    /// recovery may have cut since.
    pub damaged: HashMap<GroupId, Lsn>,
    /// Something of the log is gone that would have told what was acknowledged: peers must say what this node lacks.
    pub unsure: bool,
    /// What each peer was last heard to have flushed, since gossip began.
    pub peers: Vec<HashMap<GroupId, Lsn>>,
    /// Groups that images of a peer are being taken in for.
    pub hydrations: HashMap<GroupId, Hydration>,
    /// What a peer has had for longer than a round of gossip and this node lacks, in bytes of LSN.
    pub behind_bytes: u64,
    /// Why the node serves no more, once its disk failed.
    pub failed: Option<String>,
    /// The disk has no room for another log file.
    pub full: bool,
}

impl State {
    /// What this node is to its volume.
    #[must_use]
    pub fn role(&self) -> Role {
        let role = self.volume.as_ref().zip(self.name).map(|(volume, name)| volume.membership.role(name));
        role.unwrap_or(Role::Stranger)
    }

    /// Whether a group is this node's to keep: of a column, others keep the others.
    #[must_use]
    pub fn keeps(&self, group: GroupId) -> bool {
        let known = self.volume.as_ref().zip(self.name);
        known.is_some_and(|(volume, name)| volume.membership.keeps(name, group))
    }

    /// Whether it holds all that it ever acknowledged.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && !self.unsure
    }

    /// Which of the six members it is, or is a part of.
    #[must_use]
    pub fn seat(&self) -> Option<usize> {
        let (volume, name) = self.volume.as_ref().zip(self.name)?;
        let is_here = |member: &rpc::Member| nodes_of(member).any(|node| NodeId(node.node) == name.node);
        volume.membership.members().iter().position(is_here)
    }

    /// Whether it holds all that its membership demands: a member on its way in does not, nor one that lost redo.
    #[must_use]
    pub fn is_hydrated(&self) -> bool {
        self.is_whole() && self.role() == Role::Member
    }

    /// The watermarks of a group; all zero when it is not hosted.
    #[must_use]
    pub fn mark(&self, group: GroupId) -> rpc::SegmentMark {
        match self.segments.get(&group) {
            Some(segment) => segment.mark(group.0),
            None => rpc::SegmentMark { group: group.0, ..rpc::SegmentMark::default() },
        }
    }

    /// The watermarks of every group hosted, ascending.
    #[must_use]
    pub fn marks(&self) -> Vec<rpc::SegmentMark> {
        let mut marks: Vec<rpc::SegmentMark> = self.segments.iter().map(|(group, s)| s.mark(group.0)).collect();
        marks.sort_unstable_by_key(|mark| mark.group);
        marks
    }

    /// Hears how far the volume is durable and what is still read. Both only rise, and nothing is read above what is durable.
    ///
    /// `under`: the ballot by whose table it is so. Without that table this node may hold records below `vdl` that are annulled,
    /// and must not make images of them (T2).
    pub fn hear(&mut self, vdl: Lsn, floor: Lsn, under: Ballot) -> Heard {
        if !self.table.contains(under) {
            return Heard::default();
        }
        let is_news = vdl > self.vdl;
        self.vdl = self.vdl.max(vdl);
        self.floor = self.floor.max(floor.min(self.vdl));
        // The floor never lies above the durable point: only its moving lets a stalled image be made. Not at every step: each
        // attempt costs as much as an image.
        let is_work = !self.stalled.is_empty() && self.floor.0 > self.stalled_at.0 + u64::from(CHAIN_BYTES_MAX);
        if is_work {
            self.retry_stalled();
        }
        Heard { is_news, is_work }
    }

    /// Makes stalled images due again.
    pub fn retry_stalled(&mut self) {
        let stalled = std::mem::take(&mut self.stalled);
        self.due.extend(stalled);
        self.stalled_at = self.floor;
    }

    /// Up to where images of a group may be made: durable on a quorum, flushed here, below every reader.
    #[must_use]
    pub fn image_bound(&self, group: GroupId) -> Lsn {
        let flushed = self.segments.get(&group).map_or(Lsn::ZERO, Segment::flushed);
        self.vdl.min(flushed).min(self.floor)
    }

    /// Whether all that a log file holds may become images; with `counted`, all that counts.
    #[must_use]
    pub fn may_be_imaged(&self, file: u64, counted: bool) -> bool {
        let held_above =
            |(group, segment): (&GroupId, &Segment)| segment.holds_above(self.image_bound(*group), file, counted);
        !self.segments.iter().any(held_above)
    }

    /// Up to where every peer has flushed a group.
    #[must_use]
    pub fn held_by_peers(&self, group: GroupId) -> Lsn {
        let held = self.peers.iter().map(|peer| peer.get(&group).copied().unwrap_or_default());
        held.min().unwrap_or(Lsn::MAX)
    }

    /// A counted record of `page` is annulled; called from the newest down.
    pub fn drop_record(&mut self, page: PageId, lsn: Lsn, prev_page: Lsn) {
        let Some(head) = self.heads.get_mut(&page).filter(|head| head.newest == lsn) else { return };
        head.newest = prev_page;
        head.tail = None;
        head.records = head.records.saturating_sub(1);
        if prev_page.is_zero() {
            self.heads.remove(&page);
        }
    }

    /// A page whose image is due keeps what follows in a [tail](Tail), if there is one to be had, unless its records lie
    /// scattered.
    pub fn begin_tail(&mut self, page: PageId, image: Lsn, memory_bytes: u64) {
        let Some(head) = self.heads.get_mut(&page) else { return };
        if head.tail.is_none() && !head.is_scattered(image, memory_bytes) {
            head.tail = Tail::begin(&self.tails);
        }
    }

    /// Whether some group's base would pass records that came late if the log files up to `file` went: see
    /// [`Segment::is_overtaken`].
    #[must_use]
    pub fn is_overtaken(&self, file: u64, covered: u64) -> bool {
        self.segments.values().any(|segment| segment.is_overtaken(file, covered))
    }

    /// What each group once acknowledged as flushed, lost or not.
    #[must_use]
    pub fn acked(&self) -> Vec<(GroupId, Lsn)> {
        let held = self.segments.iter().map(|(group, segment)| (*group, segment.flushed()));
        held.chain(self.damaged.iter().map(|(group, acked)| (*group, *acked))).collect()
    }

    /// Groups that are whole again leave the list of damaged ones.
    pub fn note_repairs(&mut self) {
        let (segments, table) = (&self.segments, &self.table);
        let reach = |acked: Lsn| table.clip(acked, table.writer_of(acked));
        self.damaged.retain(|group, acked| segments.get(group).is_none_or(|segment| segment.flushed() < reach(*acked)));
    }

    /// The same by what peers hold, heard since the table of `under` was adopted here. Where a recovery cut what a group had
    /// acknowledged, nobody can say from the cut alone where the group ends below it: an idle group's last record may lie far
    /// below, and waiting for what is not there would keep this node out of every quorum for ever. What is durable is on four,
    /// this node and one more that lost it among them: of any four others, one has it.
    ///
    /// The same four say what a node lacks that does not know what it had ([`State::unsure`]).
    pub fn note_peers(&mut self, under: Ballot, peers: &[HashMap<GroupId, Lsn>]) {
        if peers.len() < WRITE_QUORUM || self.table.ballot() != under {
            return;
        }
        let (segments, table) = (&self.segments, &self.table);
        self.damaged.retain(|group, acked| {
            let held = segments.get(group).map_or(Lsn::ZERO, Segment::flushed);
            let theirs = peers.iter().map(|peer| peer.get(group).copied().unwrap_or_default()).max();
            let cut = !table.is_valid(*acked, table.writer_of(*acked));
            !cut || theirs.unwrap_or_default() > held
        });
        if self.unsure {
            let lacks = |(group, theirs): (&GroupId, &Lsn)| {
                self.keeps(*group) && segments.get(group).map_or(Lsn::ZERO, Segment::flushed) < *theirs
            };
            self.unsure = peers.iter().flatten().any(lacks);
            if !self.unsure {
                tracing::info!("peers hold no redo that this node lacks: it is whole");
            }
        }
    }
}

/// A record of `page` counts now: it is the page's newest. `due` gets the page when its chain has grown too long.
pub fn add_record(heads: &mut HashMap<PageId, Head>, due: &mut Vec<PageId>, page: PageId, lsn: Lsn, encoded: &[u8]) {
    let head = heads.entry(page).or_insert_with(|| Head { first: lsn, ..Head::default() });
    head.newest = lsn;
    head.records += 1;
    head.bytes = head.bytes.saturating_add(encoded.len() as u32);
    if head.tail.as_mut().is_some_and(|tail| !tail.push(encoded)) {
        head.tail = None;
    }
    let is_due = match head.due {
        Due::No => head.is_long(1),
        Due::PutOff => head.is_long(SCATTERED_FACTOR),
        Due::Yes => false,
    };
    if is_due {
        head.due = Due::Yes;
        due.push(page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_was_long_at_rest_and_grows_hot_is_not_scattered() {
        let (mut heads, mut due) = (HashMap::new(), Vec::new());
        let (hot, warm) = (PageId(1), PageId(2));
        let mut lsn = Lsn(1 << 40);
        for _ in 0..CHAIN_RECORDS_MAX {
            add_record(&mut heads, &mut due, warm, lsn, &[0; 50]);
            lsn = lsn.advance(100_000);
        }
        for _ in 0..CHAIN_RECORDS_MAX {
            add_record(&mut heads, &mut due, hot, lsn, &[0; 50]);
            lsn = lsn.advance(100);
        }
        assert_eq!(due, [warm, hot]);
        let is_scattered = |page: PageId, image: Lsn| heads[&page].is_scattered(image, 16 << 20);
        assert!(is_scattered(warm, Lsn::ZERO));
        assert!(!is_scattered(hot, Lsn::ZERO), "there is no image");
        assert!(!is_scattered(hot, Lsn(1 << 20)), "the image is old");
        let newest = heads[&warm].newest;
        assert!(!is_scattered(warm, newest), "what the image has is no part of it");
    }

    #[test]
    fn a_hot_page_has_a_tail_until_it_cools_down() {
        let mut state = State::default();
        let (hot, page) = (PageId(1), PageId(2));
        let add = |state: &mut State, page: PageId, lsn: u64| {
            add_record(&mut state.heads, &mut state.due, page, Lsn(lsn), &[7; 50]);
        };
        add(&mut state, hot, 1000);
        add(&mut state, page, 1000);
        add(&mut state, page, 90_000);
        state.begin_tail(hot, Lsn(900), 16 << 10);
        state.begin_tail(page, Lsn(900), 16 << 10);
        assert!(state.heads[&page].tail.is_none(), "its records lie scattered");
        add(&mut state, hot, 1100);
        let tail = |state: &State| state.heads[&hot].tail.as_ref().map(|tail| tail.records().len());
        assert_eq!(tail(&state), Some(50), "what came after it began");
        let settle = |state: &mut State, due: Due| {
            let head = state.heads.get_mut(&hot).expect("it has records");
            head.due = due;
            head.settle(1, 50);
        };
        settle(&mut state, Due::Yes);
        assert_eq!((tail(&state), state.heads[&hot].records), (Some(50), 1));
        settle(&mut state, Due::No);
        assert_eq!(tail(&state), None, "a sweep came first");
        state.begin_tail(hot, Lsn(900), 16 << 10);
        state.drop_record(hot, Lsn(1100), Lsn(1000));
        assert_eq!(tail(&state), None, "it may be of what is annulled");
        state.begin_tail(hot, Lsn(900), 16 << 10);
        for _ in 0..4000 {
            add(&mut state, hot, 1200);
        }
        assert_eq!(tail(&state), None, "it grew beyond bounds");
        assert_eq!(Arc::strong_count(&state.tails), 1);
    }
}
