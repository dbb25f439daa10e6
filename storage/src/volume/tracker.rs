//! How far the volume is durable: from what six nodes say they hold to the VDL.
//!
//! The rule: a group is complete up to the fourth highest SCL of its six segments (PGCL); the volume is complete up to
//! the last record before the first one that lies above its group's PGCL (VCL); it is durable up to the last consistency
//! point at or below that (VDL). All of it is kept twice, *received* and *flushed*.
//!
//! ```text
//! acks -> SCL[group][node] -> PGCL = 4th highest -> walk of the outstanding records in volume order -> VCL -> VDL
//! ```
//!
//! The outstanding records stand in one ring buffer, 24 bytes each. Each level has two places in it, behind the VCL and
//! behind the VDL, and both only move forward, so that a record costs a constant whatever the number of acks. An idle
//! group has no outstanding record and pins nothing.
//!
//! A node's *received* marks may go back when its boot id changes: they lived in a kernel that is gone. The received walk
//! then starts again at the flushed VDL. [`Tracker::durable`] may go back with it, [`Tracker::vdl`] is its highest value:
//! a commit is acknowledged by the first, the second is for show. A *flushed* mark that goes back is lost data: that node
//! counts no more for this writer.
//!
//! While a member is being replaced a record counts when four of *every* set of six have it: of those with the old member,
//! and of those with the new one. The new one does not count before it is finished, so that the strictest of these sets is
//! four of the six without those that leave ([`Tracker::set_leaving`]); it implies all the others.
//!
//! Pure: no clock, no I/O, no lock.
//!
//! Sources: Verbitski et al., SIGMOD 2017, section 4.1, and SIGMOD 2018, section 2; received beside flushed is ours.

use crate::quorum::{COPIES, write_mark};
use hashbrown::HashMap;
use protocol::{BootId, GroupId, Lsn};
use std::collections::VecDeque;

/// One of the two watermarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Written by the node.
    Received = 0,
    /// Fsynced by the node.
    Flushed = 1,
}

/// A record that was appended, as the tracker knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outstanding {
    /// Its LSN.
    pub lsn: Lsn,
    /// Its group.
    pub group: GroupId,
    /// Whether it is a consistency point.
    pub end_of_mtr: bool,
}

/// What one node says of one of its segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which group's segment.
    pub group: GroupId,
    /// SCL written.
    pub received: Lsn,
    /// SCL fsynced.
    pub flushed: Lsn,
}

/// What an ack changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// [`Tracker::durable`] of received moved, in whichever direction.
    pub received: bool,
    /// The flushed VDL moved forward.
    pub flushed: bool,
    /// The node lost what it had flushed and is excluded from now on.
    pub lost: bool,
}

/// A group's segments and its tail.
#[derive(Debug)]
struct Group {
    id: GroupId,
    scl: [[Lsn; COPIES]; 2],
    pgcl: [Lsn; 2],
    /// Last record of the group at or below the flushed VDL.
    tail: Lsn,
}

/// A level's places in the ring, as absolute record numbers.
#[derive(Clone, Copy, Debug)]
struct Walk {
    /// First record above the VCL.
    above_vcl: u64,
    /// First record above the VDL.
    above_vdl: u64,
    vcl: Lsn,
    vdl: Lsn,
}

/// The durable points of one writer. See the module's essay.
#[derive(Debug)]
pub struct Tracker {
    groups: Vec<Group>,
    slots: HashMap<GroupId, usize>,
    ring: VecDeque<Outstanding>,
    /// Absolute number of the ring's first record.
    base: u64,
    walks: [Walk; 2],
    vdl_received_highest: Lsn,
    boots: [Option<BootId>; COPIES],
    excluded: [bool; COPIES],
    /// Members that are being replaced.
    leaving: [bool; COPIES],
}

impl Tracker {
    /// Starts at a recovered VDL, with the tail of each group there. No node has said anything yet.
    #[must_use]
    pub fn new(vdl: Lsn, tails: &[(GroupId, Lsn)]) -> Tracker {
        let walk = Walk { above_vcl: 0, above_vdl: 0, vcl: vdl, vdl };
        let mut tracker = Tracker {
            groups: Vec::new(),
            slots: HashMap::new(),
            ring: VecDeque::new(),
            base: 0,
            walks: [walk; 2],
            vdl_received_highest: vdl,
            boots: [None; COPIES],
            excluded: [false; COPIES],
            leaving: [false; COPIES],
        };
        for &(group, tail) in tails {
            let slot = tracker.slot(group);
            tracker.groups[slot].tail = tail;
            tracker.groups[slot].pgcl = [tail; 2];
        }
        tracker
    }

    /// Takes note of an appended record.
    ///
    /// # Panics
    /// When records do not come in volume order.
    pub fn append(&mut self, record: Outstanding) {
        let last = self.ring.back().map_or(self.walks[Level::Flushed as usize].vdl, |last| last.lsn);
        assert!(record.lsn > last, "records are appended in volume order");
        self.ring.push_back(record);
    }

    /// Takes in one node's marks, told under `boot`. The caller passes replies of one stream in their order, and none of
    /// an older stream once a newer one has spoken.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn ack(&mut self, node: usize, boot: BootId, marks: impl IntoIterator<Item = Mark>) -> Advance {
        let before = (self.durable(Level::Received), self.durable(Level::Flushed));
        let rebooted = self.boots[node].is_some_and(|known| known != boot);
        self.boots[node] = Some(boot);
        if self.excluded[node] {
            return Advance::default();
        }
        let mut lost = false;
        let mut regressed = false;
        if rebooted {
            for group in &mut self.groups {
                group.scl[0][node] = group.scl[1][node];
            }
            regressed = true;
        }
        for mark in marks {
            let slot = self.slot(mark.group);
            let scl = &mut self.groups[slot].scl;
            if rebooted && mark.flushed < scl[1][node] {
                lost = true;
            }
            scl[1][node] = scl[1][node].max(mark.flushed);
            scl[0][node] = scl[0][node].max(mark.received).max(scl[1][node]);
            if !regressed {
                self.groups[slot].raise(self.leaving);
            }
        }
        if lost {
            self.excluded[node] = true;
            self.groups.iter_mut().for_each(|group| group.scl.iter_mut().for_each(|scl| scl[node] = Lsn::ZERO));
            regressed = true;
        }
        if regressed {
            let leaving = self.leaving;
            self.groups.iter_mut().for_each(|group| group.recount(leaving));
            self.walks[0] = self.walks[1];
        }
        self.settle(before, lost)
    }

    /// Walks on after SCLs moved.
    fn settle(&mut self, before: (Lsn, Lsn), lost: bool) -> Advance {
        self.walk(Level::Flushed);
        self.walk(Level::Received);
        self.forget();
        self.vdl_received_highest = self.vdl_received_highest.max(self.walks[0].vdl);
        Advance {
            received: self.durable(Level::Received) != before.0,
            flushed: self.durable(Level::Flushed) != before.1,
            lost,
        }
    }

    /// A member begins to be replaced, before anybody is told of it, or stays after all, after a write quorum was told.
    /// What was durable stays so.
    pub fn set_leaving(&mut self, node: usize, leaving: bool) -> Advance {
        let before = (self.durable(Level::Received), self.durable(Level::Flushed));
        self.leaving[node] = leaving;
        let leaving = self.leaving;
        self.groups.iter_mut().for_each(|group| group.raise(leaving));
        self.settle(before, false)
    }

    /// A replacement is finished: from now on another node speaks for this seat, of which nothing is known yet.
    pub fn reseat(&mut self, node: usize) -> Advance {
        self.groups.iter_mut().for_each(|group| group.scl.iter_mut().for_each(|scl| scl[node] = Lsn::ZERO));
        (self.boots[node], self.excluded[node]) = (None, false);
        self.set_leaving(node, false)
    }

    /// The VDL by what the nodes hold now: what a waiting commit is measured against. Flushed, it never goes back.
    #[must_use]
    pub fn durable(&self, level: Level) -> Lsn {
        self.walks[level as usize].vdl
    }

    /// The highest VDL there ever was.
    #[must_use]
    pub fn vdl(&self, level: Level) -> Lsn {
        match level {
            Level::Received => self.vdl_received_highest,
            Level::Flushed => self.walks[1].vdl,
        }
    }

    /// Everything up to here is held by a write quorum, whether or not it ends an MTR.
    #[must_use]
    pub fn vcl(&self, level: Level) -> Lsn {
        self.walks[level as usize].vcl
    }

    /// The PGCL of a group; zero when it has no record.
    #[must_use]
    pub fn pgcl(&self, group: GroupId, level: Level) -> Lsn {
        self.slots.get(&group).map_or(Lsn::ZERO, |&slot| self.groups[slot].pgcl[level as usize])
    }

    /// What `node` is known to hold of a group.
    #[must_use]
    pub fn scl(&self, group: GroupId, node: usize, level: Level) -> Lsn {
        self.slots.get(&group).map_or(Lsn::ZERO, |&slot| self.groups[slot].scl[level as usize][node])
    }

    /// The last record of a group at or below the flushed VDL; zero when it has none.
    #[must_use]
    pub fn tail(&self, group: GroupId) -> Lsn {
        self.slots.get(&group).map_or(Lsn::ZERO, |&slot| self.groups[slot].tail)
    }

    /// Every group with its tail at the flushed VDL.
    pub fn tails(&self) -> impl Iterator<Item = (GroupId, Lsn)> + '_ {
        self.groups.iter().map(|group| (group.id, group.tail))
    }

    /// Every group with its last record that was counted as flushed by a write quorum: above its tail where the volume waits
    /// for other groups. It will not be counted again, whoever leaves.
    pub fn durable_tails(&self) -> impl Iterator<Item = (GroupId, Lsn)> + '_ {
        self.groups.iter().map(|group| (group.id, group.tail.max(group.pgcl[Level::Flushed as usize])))
    }

    /// Whose marks count: not those of members that are being replaced, nor of nodes that lost flushed data.
    #[must_use]
    pub fn counting(&self) -> [bool; COPIES] {
        std::array::from_fn(|node| !self.leaving[node] && !self.excluded[node])
    }

    /// Whether a node lost flushed data and counts no more.
    #[must_use]
    pub fn is_excluded(&self, node: usize) -> bool {
        self.excluded[node]
    }

    /// Records appended and not yet below the flushed VDL.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.ring.len()
    }

    fn slot(&mut self, group: GroupId) -> usize {
        *self.slots.entry(group).or_insert_with(|| {
            let scl = [[Lsn::ZERO; COPIES]; 2];
            self.groups.push(Group { id: group, scl, pgcl: [Lsn::ZERO; 2], tail: Lsn::ZERO });
            self.groups.len() - 1
        })
    }

    fn walk(&mut self, level: Level) {
        let walk = &mut self.walks[level as usize];
        let start = usize::try_from(walk.above_vcl - self.base).expect("the ring holds fewer than 2^32 records");
        let mut last_cpl = None;
        for (offset, record) in self.ring.range(start..).enumerate() {
            // A group that no node has spoken of yet has no slot and nothing complete.
            let Some(&slot) = self.slots.get(&record.group) else { break };
            if record.lsn > self.groups[slot].pgcl[level as usize] {
                break;
            }
            walk.vcl = record.lsn;
            walk.above_vcl += 1;
            if record.end_of_mtr {
                last_cpl = Some((start + offset, record.lsn));
            }
        }
        let Some((at, vdl)) = last_cpl else { return };
        if level == Level::Flushed {
            let from = usize::try_from(walk.above_vdl - self.base).expect("as above");
            for record in self.ring.range(from..=at) {
                let slot = self.slots[&record.group];
                self.groups[slot].tail = record.lsn;
            }
        }
        walk.above_vdl = self.base + at as u64 + 1;
        walk.vdl = vdl;
    }

    /// Drops what both walks have passed. Received may have to start again at the flushed VDL, never below it.
    fn forget(&mut self) {
        let [received, flushed] = &mut self.walks;
        if received.above_vcl < flushed.above_vcl || received.vdl < flushed.vdl {
            *received = *flushed;
        }
        let passed = usize::try_from(flushed.above_vdl - self.base).expect("the ring holds fewer than 2^32 records");
        self.ring.drain(..passed);
        self.base = flushed.above_vdl;
    }
}

impl Group {
    /// After an SCL went up.
    fn raise(&mut self, leaving: [bool; COPIES]) {
        for level in 0..2 {
            self.pgcl[level] = self.pgcl[level].max(self.quorum(level, leaving));
        }
    }

    /// What four hold of every set of six.
    fn quorum(&self, level: usize, leaving: [bool; COPIES]) -> Lsn {
        let counted = |node: usize| if leaving[node] { Lsn::ZERO } else { self.scl[level][node] };
        write_mark(&std::array::from_fn::<Lsn, COPIES, _>(counted))
    }

    /// After an SCL went down: what is flushed on a quorum once stays complete, what is received need not.
    fn recount(&mut self, leaving: [bool; COPIES]) {
        self.pgcl[1] = self.pgcl[1].max(self.quorum(1, leaving));
        self.pgcl[0] = self.quorum(0, leaving).max(self.pgcl[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quorum::WRITE_QUORUM;
    use proptest::prelude::*;

    const G: GroupId = GroupId(0);
    const BOOT: BootId = BootId(1);

    fn record(lsn: u64, group: u32, end_of_mtr: bool) -> Outstanding {
        Outstanding { lsn: Lsn(lsn), group: GroupId(group), end_of_mtr }
    }

    fn mark(group: u32, received: u64, flushed: u64) -> [Mark; 1] {
        [Mark { group: GroupId(group), received: Lsn(received), flushed: Lsn(flushed) }]
    }

    /// One row a step of a replacement of F: who acked what, and what is durable then.
    #[test]
    fn a_member_that_leaves_does_not_count_and_its_successor_only_when_it_has_come() {
        let mut tracker = Tracker::new(Lsn::ZERO, &[]);
        for lsn in [10, 20, 30, 40] {
            tracker.append(record(lsn, 0, true));
        }
        for node in [0, 1, 2, 5] {
            tracker.ack(node, BOOT, mark(0, 10, 10));
        }
        tracker.set_leaving(5, true);
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(10), "what was durable stays so");
        for node in [0, 1, 2, 5] {
            tracker.ack(node, BOOT, mark(0, 20, 20));
        }
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(10), "four of the old six, three of the new");
        tracker.ack(3, BOOT, mark(0, 20, 20));
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(20), "those who stay");
        for node in [0, 1, 2, 5] {
            tracker.ack(node, BOOT, mark(0, 30, 30));
        }
        assert!(tracker.set_leaving(5, false).flushed, "reverted: it counts again");
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(30));
        for node in [0, 1, 5] {
            tracker.ack(node, BOOT, mark(0, 40, 40));
        }
        tracker.set_leaving(5, true);
        tracker.reseat(5);
        tracker.ack(2, BOOT, mark(0, 40, 40));
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(30), "what the one that left had says nothing of its successor");
        tracker.ack(5, BootId(7), mark(0, 40, 40));
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(40));
    }

    /// A record that was counted with the one that leaves, above the durable point, is durable as soon as others are: its
    /// successor must have it.
    #[test]
    fn a_successor_owes_what_was_counted_with_the_one_before() {
        let mut tracker = Tracker::new(Lsn::ZERO, &[]);
        tracker.append(record(10, 1, true));
        tracker.append(record(20, 0, true));
        for node in [0, 1, 2, 5] {
            tracker.ack(node, BOOT, mark(0, 20, 20));
        }
        tracker.set_leaving(5, true);
        let owed: Vec<_> = tracker.durable_tails().filter(|(group, _)| *group == G).collect();
        assert_eq!((tracker.vdl(Level::Flushed), &owed[..]), (Lsn::ZERO, &[(G, Lsn(20))][..]));
        for node in [0, 1, 2, 3] {
            tracker.ack(node, BOOT, mark(1, 10, 10));
        }
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(20), "it was not asked for again");
    }

    #[test]
    fn a_successor_counts_though_the_one_before_had_lost_redo() {
        let mut tracker = Tracker::new(Lsn::ZERO, &[]);
        tracker.append(record(10, 0, true));
        for node in [0, 1, 5] {
            tracker.ack(node, BOOT, mark(0, 10, 10));
        }
        assert!(tracker.ack(5, BootId(7), mark(0, 5, 5)).lost);
        tracker.set_leaving(5, true);
        tracker.ack(2, BOOT, mark(0, 10, 10));
        tracker.reseat(5);
        assert!(!tracker.is_excluded(5));
        assert!(tracker.ack(5, BootId(8), mark(0, 10, 10)).flushed);
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(10));
    }

    /// One row an arrangement of six copies: full, stale, absent; and what a quorum then holds.
    #[test]
    fn quorum_cases() {
        let rows: [([u64; 6], u64); 12] = [
            ([0, 0, 0, 0, 0, 0], 0),
            ([30, 0, 0, 0, 0, 0], 0),
            ([30, 30, 30, 0, 0, 0], 0),
            ([30, 30, 30, 10, 0, 0], 10),
            ([30, 30, 30, 30, 0, 0], 30),
            ([30, 30, 30, 30, 30, 30], 30),
            ([30, 30, 30, 20, 20, 20], 20),
            ([0, 30, 0, 30, 30, 30], 30),
            ([10, 20, 30, 10, 20, 30], 20),
            ([30, 20, 10, 0, 0, 0], 0),
            ([30, 20, 20, 10, 10, 10], 10),
            ([20, 20, 20, 20, 30, 30], 20),
        ];
        for (scl, expected) in rows {
            let mut tracker = Tracker::new(Lsn::ZERO, &[]);
            for lsn in [10, 20, 30] {
                tracker.append(record(lsn, 0, true));
            }
            for (node, &scl) in scl.iter().enumerate() {
                tracker.ack(node, BOOT, mark(0, scl, scl));
            }
            assert_eq!(tracker.pgcl(G, Level::Flushed), Lsn(expected), "{scl:?}");
            assert_eq!(tracker.vdl(Level::Flushed), Lsn(expected), "{scl:?}");
        }
    }

    #[test]
    fn the_vdl_ends_at_a_consistency_point_and_the_tail_with_it() {
        let mut tracker = Tracker::new(Lsn::ZERO, &[]);
        for (lsn, cpl) in [(10, true), (20, false), (30, false), (40, true)] {
            tracker.append(record(lsn, 0, cpl));
        }
        for node in 0..4 {
            tracker.ack(node, BOOT, mark(0, 40, 30));
        }
        assert_eq!((tracker.vcl(Level::Flushed), tracker.vdl(Level::Flushed)), (Lsn(30), Lsn(10)));
        assert_eq!(tracker.vdl(Level::Received), Lsn(40));
        assert_eq!(tracker.tail(G), Lsn(10));
    }

    #[test]
    fn one_group_holds_up_the_volume_and_an_idle_one_does_not() {
        let mut tracker = Tracker::new(Lsn(5), &[(GroupId(7), Lsn(3))]);
        for (lsn, group) in [(10, 0), (20, 1), (30, 0)] {
            tracker.append(record(lsn, group, true));
        }
        for node in 0..4 {
            tracker.ack(node, BOOT, mark(0, 30, 30));
        }
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(10));
        for node in 2..6 {
            tracker.ack(node, BOOT, mark(1, 20, 20));
        }
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(30));
        assert_eq!(tracker.tail(GroupId(7)), Lsn(3));
        assert_eq!(tracker.outstanding(), 0);
    }

    #[test]
    fn received_goes_back_with_a_new_boot_and_flushed_does_not() {
        let mut tracker = Tracker::new(Lsn::ZERO, &[]);
        for lsn in [10, 20, 30] {
            tracker.append(record(lsn, 0, true));
        }
        for node in 0..4 {
            tracker.ack(node, BOOT, mark(0, 30, 10));
        }
        assert_eq!((tracker.durable(Level::Received), tracker.vdl(Level::Flushed)), (Lsn(30), Lsn(10)));
        let advance = tracker.ack(3, BootId(2), mark(0, 20, 20));
        assert!(advance.received && !advance.lost);
        assert_eq!(tracker.durable(Level::Received), Lsn(20), "three copies of 30 are no quorum");
        assert_eq!(tracker.vdl(Level::Received), Lsn(30), "what was shown is not taken back");
        tracker.ack(4, BOOT, mark(0, 30, 30));
        assert_eq!(tracker.durable(Level::Received), Lsn(30));
    }

    #[test]
    fn a_node_that_lost_flushed_data_counts_no_more() {
        let mut tracker = Tracker::new(Lsn::ZERO, &[]);
        tracker.append(record(10, 0, true));
        tracker.append(record(20, 0, true));
        for node in 0..4 {
            tracker.ack(node, BOOT, mark(0, 10, 10));
        }
        assert!(tracker.ack(0, BootId(2), mark(0, 0, 0)).lost);
        assert!(tracker.is_excluded(0));
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(10), "an acknowledged commit stays acknowledged");
        for node in 0..4 {
            tracker.ack(node, BootId(2), mark(0, 20, 20));
        }
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(10), "three that count are no quorum");
        tracker.ack(4, BOOT, mark(0, 20, 20));
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(20));
    }

    /// The definitions, computed from scratch.
    #[derive(Default)]
    struct Naive {
        records: Vec<Outstanding>,
        scl: HashMap<(u32, usize, usize), u64>,
        flushed_pgcl: HashMap<u32, u64>,
        vdl_flushed: u64,
        boots: [u64; COPIES],
    }

    impl Naive {
        fn ack(&mut self, node: usize, boot: u64, group: u32, received: u64, flushed: u64) {
            if self.boots[node] != boot {
                self.boots[node] = boot;
                for group in 0..3 {
                    let flushed = self.scl.get(&(group, 1, node)).copied().unwrap_or(0);
                    self.scl.insert((group, 0, node), flushed);
                }
            }
            let entry = self.scl.entry((group, 1, node)).or_insert(0);
            *entry = (*entry).max(flushed);
            let floor = *entry;
            let entry = self.scl.entry((group, 0, node)).or_insert(0);
            *entry = (*entry).max(received).max(floor);
            for group in 0..3 {
                let pgcl = self.fourth(group, 1);
                let known = self.flushed_pgcl.entry(group).or_insert(0);
                *known = (*known).max(pgcl);
            }
            self.vdl_flushed = self.vdl_flushed.max(self.point(1));
        }

        fn fourth(&self, group: u32, level: usize) -> u64 {
            let mut scl: Vec<u64> =
                (0..COPIES).map(|node| self.scl.get(&(group, level, node)).copied().unwrap_or(0)).collect();
            scl.sort_unstable_by(|a, b| b.cmp(a));
            scl[WRITE_QUORUM - 1]
        }

        fn point(&self, level: usize) -> u64 {
            let complete = |group: u32| {
                let flushed = self.flushed_pgcl.get(&group).copied().unwrap_or(0);
                if level == 1 { flushed } else { self.fourth(group, 0).max(flushed) }
            };
            self.records
                .iter()
                .take_while(|record| record.lsn.0 <= complete(record.group.0))
                .filter(|record| record.end_of_mtr)
                .last()
                .map_or(0, |record| record.lsn.0)
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Append { group: u32, end_of_mtr: bool },
        Ack { node: usize, group: u32, received: prop::sample::Index, flushed: prop::sample::Index, reboot: bool },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u32..3, any::<bool>()).prop_map(|(group, end_of_mtr)| Step::Append { group, end_of_mtr }),
            (0..COPIES, 0u32..3, any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::bool::weighted(0.1))
                .prop_map(|(node, group, received, flushed, reboot)| Step::Ack {
                    node,
                    group,
                    received,
                    flushed,
                    reboot
                }),
        ]
    }

    proptest! {
        #[test]
        fn it_computes_what_the_definitions_say(steps in proptest::collection::vec(step(), 1..200)) {
            let mut tracker = Tracker::new(Lsn::ZERO, &[]);
            let mut naive = Naive { boots: [1; COPIES], ..Naive::default() };
            let mut end = 0;
            for step in steps {
                match step {
                    Step::Append { group, end_of_mtr } => {
                        end += 10;
                        let record = record(end, group, end_of_mtr);
                        naive.records.push(record);
                        tracker.append(record);
                    }
                    Step::Ack { node, group, received, flushed, reboot } => {
                        // A node's own chain: SCLs are records of the group. A reboot keeps what was flushed.
                        let chain: Vec<u64> = std::iter::once(0)
                            .chain(naive.records.iter().filter(|r| r.group.0 == group).map(|r| r.lsn.0)).collect();
                        let boot = naive.boots[node] + u64::from(reboot);
                        let known = naive.scl.get(&(group, 1, node)).copied().unwrap_or(0);
                        let flushed = chain[flushed.index(chain.len())].max(known);
                        let received = chain[received.index(chain.len())].max(flushed);
                        naive.ack(node, boot, group, received, flushed);
                        tracker.ack(node, BootId(boot), mark(group, received, flushed));
                    }
                }
                prop_assert_eq!(tracker.vdl(Level::Flushed), Lsn(naive.vdl_flushed));
                prop_assert_eq!(tracker.durable(Level::Received), Lsn(naive.point(0).max(naive.vdl_flushed)));
                for group in 0..3 {
                    let below = |r: &&Outstanding| r.group.0 == group && r.lsn.0 <= naive.vdl_flushed;
                    let tail = naive.records.iter().filter(below).map(|r| r.lsn).max();
                    prop_assert_eq!(tracker.tail(GroupId(group)), tail.unwrap_or_default());
                }
            }
        }
    }
}
