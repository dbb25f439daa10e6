//! Redo of many groups, put back into one volume order.
//!
//! A replica pulls each group on its own, and a mini-transaction may span groups. The rule: the next record is the one
//! whose `prev_volume` is the record before; records leave here as whole mini-transactions, and a part waits until the
//! others have come. Within a group each record must follow the one before by `prev_group`: a pull with a hole is refused.
//!
//! ```text
//! group 0   [ 10 | 30 | 60 ]  front 10, prev_volume 0
//! group 1   [ 20 | 40 ]       front 20, prev_volume 10        at = 0: 10, 20, 30, 40, 60
//! ```
//!
//! Only records at or below the flushed VDL are ever asked for, so none here can be annulled by a later recovery, whose
//! VDL' is never below a flushed VDL that was announced.
//!
//! Pure: the caller pulls, and bounds what it pulls by [`Assembly::staged_bytes`].

use hashbrown::HashMap;
use protocol::redo::RecordView;
use protocol::{GroupId, Lsn};
use std::collections::{BTreeMap, VecDeque};

/// A pull that does not continue what was pulled before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("redo of {group} at {lsn} follows {found} and not {expected}")]
pub struct Discontinuity {
    /// The group.
    pub group: GroupId,
    /// The record that does not fit.
    pub lsn: Lsn,
    /// What it should follow.
    pub expected: Lsn,
    /// What it follows.
    pub found: Lsn,
}

#[derive(Debug, Default)]
struct Group {
    /// Last record that left, or a bound on it.
    applied: Lsn,
    /// Last record staged, or `applied`.
    last: Lsn,
    /// `last` is a record, and not only an upper bound of the group's last one.
    exact: bool,
    /// The group reaches up to here, or less far.
    hint: Lsn,
    staged: VecDeque<RecordView>,
}

/// Where a replica is in the volume, and what it holds beyond. See the module's essay.
#[derive(Debug, Default)]
pub struct Assembly {
    /// The last record that left.
    applied: Lsn,
    /// The last record taken from its group: `applied`, or one of the mini-transaction that is not whole yet.
    at: Lsn,
    partial: Vec<RecordView>,
    groups: BTreeMap<GroupId, Group>,
    /// Which group's front follows this record.
    fronts: HashMap<Lsn, GroupId>,
    bytes: usize,
}

impl Assembly {
    /// Begins at `applied`, a consistency point. `tails`: for each group its last record there, or any LSN between that
    /// and `applied`.
    #[must_use]
    pub fn new(applied: Lsn, tails: impl IntoIterator<Item = (GroupId, Lsn)>) -> Assembly {
        let group = |tail: Lsn| Group { applied: tail, last: tail, exact: false, hint: tail, staged: VecDeque::new() };
        let groups = tails.into_iter().map(|(id, tail)| (id, group(tail.min(applied)))).collect();
        Assembly { applied, at: applied, groups, ..Assembly::default() }
    }

    /// The consistency point that was reached.
    #[must_use]
    pub fn applied(&self) -> Lsn {
        self.applied
    }

    /// The tail of a group at [`Assembly::applied`], or a bound on it; zero when it has no record.
    #[must_use]
    pub fn tail(&self, group: GroupId) -> Lsn {
        self.groups.get(&group).map_or(Lsn::ZERO, |group| group.applied)
    }

    /// Whether of a group's tail only an upper bound is known, and nothing of the group came since.
    #[must_use]
    pub fn is_bound(&self, group: GroupId) -> bool {
        self.groups.get(&group).is_some_and(|group| !group.exact && group.staged.is_empty())
    }

    /// A quorum said that a group reaches up to `scl` at most, to one who was `at` this point before it asked: a higher bound
    /// of the tail is of records that were annulled since. Does nothing when another point was reached meanwhile: the word
    /// may be older than that.
    pub fn lower(&mut self, group: GroupId, at: Lsn, scl: Lsn) {
        if self.applied != at || !self.is_bound(group) {
            return;
        }
        if let Some(group) = self.groups.get_mut(&group) {
            group.applied = group.applied.min(scl);
            group.last = group.last.min(scl);
        }
    }

    /// Bytes of records held.
    #[must_use]
    pub fn staged_bytes(&self) -> usize {
        self.bytes
    }

    /// A group has records up to `tail`, or less far.
    pub fn hint(&mut self, group: GroupId, tail: Lsn) {
        let group = self.groups.entry(group).or_insert_with(|| Group { exact: true, ..Group::default() });
        group.hint = group.hint.max(tail);
    }

    /// Every group with the highest bound known of its tail.
    pub fn hints(&self) -> impl Iterator<Item = (GroupId, Lsn)> + '_ {
        self.groups.iter().map(|(&id, group)| (id, group.hint))
    }

    /// Groups of which more is to be pulled, and after which LSN: those that may have the next record, and, while
    /// `plenty` is false, all that reach further than what is staged.
    #[must_use]
    pub fn wanted(&self, plenty: bool) -> Vec<(GroupId, Lsn)> {
        let wanted = |group: &&Group| group.last < group.hint && (group.staged.is_empty() || !plenty);
        self.groups.iter().filter(|(_, group)| wanted(group)).map(|(&id, group)| (id, group.last)).collect()
    }

    /// Takes in pulled records of one group, ascending. Those already here are skipped.
    ///
    /// # Errors
    /// [`Discontinuity`]: nothing behind it is taken.
    pub fn push(&mut self, id: GroupId, records: impl IntoIterator<Item = RecordView>) -> Result<(), Discontinuity> {
        let group = self.groups.entry(id).or_insert_with(|| Group { exact: true, ..Group::default() });
        for record in records {
            let header = record.header;
            if header.lsn <= group.last {
                continue;
            }
            let follows = if group.exact { header.prev_group == group.last } else { header.prev_group <= group.last };
            if !follows {
                let (expected, found) = (group.last, header.prev_group);
                return Err(Discontinuity { group: id, lsn: header.lsn, expected, found });
            }
            if group.staged.is_empty() {
                self.fronts.insert(header.prev_volume, id);
            }
            self.bytes += record.encoded.len();
            group.last = header.lsn;
            group.exact = true;
            group.staged.push_back(record);
        }
        Ok(())
    }

    /// The next whole mini-transactions in volume order, about `records_max` records; none when a part of the next one is
    /// missing. They count as applied from here on.
    pub fn pop(&mut self, records_max: usize) -> Vec<RecordView> {
        let mut whole = 0;
        let mut out = std::mem::take(&mut self.partial);
        while whole < records_max {
            let Some(id) = self.fronts.remove(&self.at) else { break };
            let group = self.groups.get_mut(&id).expect("a front belongs to a group");
            let record = group.staged.pop_front().expect("a front is staged");
            if let Some(front) = group.staged.front() {
                self.fronts.insert(front.header.prev_volume, id);
            }
            self.at = record.header.lsn;
            self.bytes -= record.encoded.len();
            let end = record.header.end_of_mtr;
            out.push(record);
            if end {
                whole = out.len();
            }
        }
        self.partial = out.split_off(whole);
        if let Some(last) = out.last() {
            self.applied = last.header.lsn;
        }
        out
    }

    /// Records that left: their groups' tails move. `group_of` says which group a record belongs to.
    pub fn moved(&mut self, records: &[RecordView], group_of: impl Fn(&RecordView) -> GroupId) {
        for record in records {
            if let Some(group) = self.groups.get_mut(&group_of(record)) {
                group.applied = record.header.lsn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use protocol::PageId;
    use protocol::redo::{Change, Record, RecordHeader};

    fn view(lsn: u64, prev_volume: u64, prev_group: u64, page: u64, end_of_mtr: bool) -> RecordView {
        let header = RecordHeader {
            lsn: Lsn(lsn),
            prev_volume: Lsn(prev_volume),
            prev_group: Lsn(prev_group),
            prev_page: Lsn::ZERO,
            page: PageId(page),
            end_of_mtr,
        };
        let mut out = Vec::new();
        Record { header, change: Change::StampRaw { offset: 64 } }.encode(&mut out);
        RecordView::split_first(&mut Bytes::from(out)).expect("it was just encoded")
    }

    fn lsns(records: &[RecordView]) -> Vec<u64> {
        records.iter().map(|record| record.header.lsn.0).collect()
    }

    #[test]
    fn parts_of_a_mini_transaction_wait_for_each_other() {
        let mut assembly = Assembly::new(Lsn::ZERO, []);
        let (g0, g1) = (GroupId(0), GroupId(1));
        assembly.push(g0, [view(10, 0, 0, 0, true), view(30, 20, 10, 0, false)]).expect("a chain");
        assert_eq!(lsns(&assembly.pop(100)), [10]);
        assert_eq!(lsns(&assembly.pop(100)), [0; 0]);
        assembly.push(g1, [view(20, 10, 0, 1, false)]).expect("a chain");
        assert_eq!(lsns(&assembly.pop(100)), [0; 0], "40, its last record, is missing");
        assert_eq!(assembly.applied(), Lsn(10));
        assembly.push(g1, [view(40, 30, 20, 1, true)]).expect("a chain");
        assert_eq!(lsns(&assembly.pop(100)), [20, 30, 40]);
        assert_eq!((assembly.applied(), assembly.staged_bytes()), (Lsn(40), 0));
    }

    #[test]
    fn a_hole_is_refused_and_a_repeat_is_skipped() {
        let mut assembly = Assembly::new(Lsn(15), [(GroupId(0), Lsn(15))]);
        // Where it begins only a bound of the tail is known.
        assembly.push(GroupId(0), [view(20, 15, 10, 0, true)]).expect("10 is at or below 15");
        assert!(assembly.push(GroupId(0), [view(40, 30, 30, 0, true)]).is_err());
        assembly.push(GroupId(0), [view(20, 15, 10, 0, true), view(30, 20, 20, 0, true)]).expect("a chain");
        assert_eq!(lsns(&assembly.pop(100)), [20, 30]);
    }

    #[test]
    fn only_a_bound_is_lowered_and_only_where_it_was_asked_for() {
        let g0 = GroupId(0);
        let mut assembly = Assembly::new(Lsn(15), [(g0, Lsn(15)), (GroupId(1), Lsn(8))]);
        assembly.lower(g0, Lsn(12), Lsn(5));
        assert_eq!(assembly.tail(g0), Lsn(15), "it was asked for at another point");
        assembly.lower(g0, Lsn(15), Lsn(20));
        assert_eq!(assembly.tail(g0), Lsn(15), "a bound is never raised");
        assembly.lower(g0, Lsn(15), Lsn(10));
        assert_eq!((assembly.tail(g0), assembly.tail(GroupId(1))), (Lsn(10), Lsn(8)));
        assembly.push(g0, [view(20, 15, 10, 0, true)]).expect("a chain");
        assembly.lower(g0, Lsn(15), Lsn(5));
        assert_eq!(assembly.tail(g0), Lsn(10), "20 is here, so that 10 is the tail");
        assert_eq!(lsns(&assembly.pop(100)), [20]);
        assembly.lower(g0, Lsn(20), Lsn(5));
        assert!(assembly.tail(g0) > Lsn(5) && !assembly.is_bound(g0));
    }

    #[test]
    fn what_is_wanted_is_what_lies_behind_the_hints() {
        let mut assembly = Assembly::new(Lsn(10), [(GroupId(0), Lsn(10)), (GroupId(1), Lsn(5))]);
        assert_eq!(assembly.wanted(false), []);
        assembly.hint(GroupId(0), Lsn(30));
        assembly.hint(GroupId(2), Lsn(40));
        assert_eq!(assembly.wanted(false), [(GroupId(0), Lsn(10)), (GroupId(2), Lsn::ZERO)]);
        assembly.push(GroupId(0), [view(20, 10, 10, 0, true)]).expect("a chain");
        assert_eq!(assembly.wanted(true), [(GroupId(2), Lsn::ZERO)], "with plenty staged, only what may be next");
    }

    proptest! {
        /// A volume over three groups, pulled in any order and portions: out comes the volume, in whole MTRs.
        #[test]
        fn any_interleaving_of_pulls_gives_the_volume_back(
            shape in proptest::collection::vec((0u64..3, any::<bool>()), 1..80),
            pulls in proptest::collection::vec((0usize..3, 1usize..5, 1usize..7), 1..200),
        ) {
            let mut tails = [0; 3];
            let mut groups: [Vec<RecordView>; 3] = Default::default();
            let mut volume = Vec::new();
            for (index, &(group, end)) in shape.iter().enumerate() {
                let lsn = 10 * (index as u64 + 1);
                groups[group as usize].push(view(lsn, lsn - 10, tails[group as usize], group, end));
                tails[group as usize] = lsn;
                volume.push((lsn, end));
            }
            let durable = volume.iter().rposition(|(_, end)| *end).map_or(0, |at| at + 1);
            let mut assembly = Assembly::new(Lsn::ZERO, []);
            let mut pulled = [0; 3];
            let mut out = Vec::new();
            let last = [(0, 100, 100), (1, 100, 100), (2, 100, 100), (0, 0, 100)];
            for (group, count, pops) in pulls.into_iter().chain(last) {
                let end = (pulled[group] + count).min(groups[group].len());
                assembly.push(GroupId(group as u32), groups[group][pulled[group]..end].to_vec()).expect("a chain");
                pulled[group] = end;
                let popped = assembly.pop(pops);
                if let Some(last) = popped.last() {
                    prop_assert!(last.header.end_of_mtr);
                }
                assembly.moved(&popped, |record| GroupId(record.header.page.0 as u32));
                out.extend(lsns(&popped));
            }
            let expected: Vec<u64> = volume[..durable].iter().map(|(lsn, _)| *lsn).collect();
            prop_assert_eq!(out, expected.clone());
            for group in 0..3u64 {
                let of_group = expected.iter().zip(&shape).filter(|(_, (g, _))| *g == group);
                let tail = of_group.map(|(lsn, _)| *lsn).max().unwrap_or(0);
                prop_assert_eq!(assembly.tail(GroupId(group as u32)), Lsn(tail));
            }
        }
    }
}
