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
//! What lies at or below a flushed VDL that was announced, the bound, is never annulled: the VDL' of a later recovery is not
//! below it. Records beyond may be staged already, pulled under the ballot of a writer that has not announced them yet. They
//! do not leave before the bound reaches them; and only the word of that writer, of the same ballot, is word of them. When
//! the bound is moved by anybody else they are forgotten, and what is there by then is pulled again.
//!
//! Pure: the caller pulls, and bounds what it pulls by [`Assembly::staged_bytes`].

use hashbrown::HashMap;
use protocol::redo::RecordView;
use protocol::{Ballot, GroupId, Lsn};
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
    /// The flushed VDL that is known of: what leaves is not beyond it.
    bound: Lsn,
    /// The writer that told it, if it was one and not nodes: everything staged beyond was pulled under its ballot.
    told_by: Option<Ballot>,
}

impl Assembly {
    /// Begins at `applied`, a consistency point. `tails`: for each group its last record there, or any LSN between that
    /// and `applied`.
    #[must_use]
    pub fn new(applied: Lsn, tails: impl IntoIterator<Item = (GroupId, Lsn)>) -> Assembly {
        let group = |tail: Lsn| Group { applied: tail, last: tail, exact: false, hint: tail, staged: VecDeque::new() };
        let groups = tails.into_iter().map(|(id, tail)| (id, group(tail.min(applied)))).collect();
        Assembly { applied, at: applied, groups, bound: applied, ..Assembly::default() }
    }

    /// Goes on at `applied`, up to where redo is known to be durable, without what lies between.
    pub fn restart(&mut self, applied: Lsn, tails: impl IntoIterator<Item = (GroupId, Lsn)>) {
        *self = Assembly { told_by: self.told_by, ..Assembly::new(applied, tails) };
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
            if group.hint <= group.last {
                group.hint = group.hint.min(scl);
            }
            group.applied = group.applied.min(scl);
            group.last = group.last.min(scl);
        }
    }

    /// Redo is durable up to `vdl`, by the word of the writer of this ballot, or by that of nodes, of whatever writer.
    pub fn release(&mut self, vdl: Lsn, told_by: Option<Ballot>) {
        if vdl <= self.bound {
            return;
        }
        if told_by != self.told_by {
            self.forget_ahead();
        }
        (self.bound, self.told_by) = (vdl, told_by);
    }

    /// The last record of a group that is here or has left, or a bound on it: what is to be pulled next follows it.
    #[must_use]
    pub fn reaches(&self, group: GroupId) -> Lsn {
        self.groups.get(&group).map_or(Lsn::ZERO, |group| group.last)
    }

    /// The writer that told how far redo is durable, if it was one and not nodes.
    #[must_use]
    pub fn told_by(&self) -> Option<Ballot> {
        self.told_by
    }

    /// The end of a group of which everything that was announced is here, and nothing beyond.
    #[must_use]
    pub fn end_of(&self, group: GroupId) -> Option<Lsn> {
        let group = self.groups.get(&group)?;
        (group.hint <= group.last && group.last <= self.bound).then_some(group.last)
    }

    /// Forgets what is staged beyond the bound.
    fn forget_ahead(&mut self) {
        for group in self.groups.values_mut() {
            while let Some(record) = group.staged.pop_back_if(|record| record.header.lsn > self.bound) {
                self.bytes -= record.encoded.len();
                // What it follows is sound, or forgotten next.
                group.last = record.header.prev_group;
                if group.staged.is_empty() {
                    self.fronts.remove(&record.header.prev_volume);
                }
            }
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

    /// Nothing of a group that was announced follows `after`: it reaches no further, whatever was hinted.
    pub fn ends(&mut self, group: GroupId, after: Lsn) {
        if let Some(group) = self.groups.get_mut(&group).filter(|group| group.last == after) {
            group.hint = group.hint.min(after);
        }
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

    /// As [`Assembly::push`], of what was pulled under `ballot` and may lie beyond the bound. It is passed over if somebody else
    /// than the writer of that ballot told the bound.
    ///
    /// # Errors
    /// [`Discontinuity`]: nothing behind it is taken.
    pub fn push_ahead(
        &mut self,
        ballot: Ballot,
        id: GroupId,
        records: impl IntoIterator<Item = RecordView>,
    ) -> Result<(), Discontinuity> {
        if self.told_by == Some(ballot) { self.take_in(id, records) } else { Ok(()) }
    }

    /// Takes in pulled records of one group, ascending, at or below the bound. Those already here are skipped.
    ///
    /// # Errors
    /// [`Discontinuity`]: nothing behind it is taken.
    pub fn push(&mut self, id: GroupId, records: impl IntoIterator<Item = RecordView>) -> Result<(), Discontinuity> {
        let bound = self.bound;
        self.take_in(id, records.into_iter().inspect(|it| assert!(it.header.lsn <= bound, "it was not announced")))
    }

    fn take_in(&mut self, id: GroupId, records: impl IntoIterator<Item = RecordView>) -> Result<(), Discontinuity> {
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
            if !group.exact {
                // It lies beyond where we are: what it follows is the tail there.
                group.applied = header.prev_group;
                if group.hint <= group.last {
                    group.hint = group.hint.min(header.prev_group);
                }
            }
            self.bytes += record.encoded.len();
            group.last = header.lsn;
            group.exact = true;
            group.staged.push_back(record);
        }
        Ok(())
    }

    /// The next whole mini-transactions in volume order that are durable, about `records_max` records; none when a part of the
    /// next one is missing. They count as applied from here on.
    pub fn pop(&mut self, records_max: usize) -> Vec<RecordView> {
        let mut whole = 0;
        let mut out = std::mem::take(&mut self.partial);
        while whole < records_max {
            let Some(&id) = self.fronts.get(&self.at) else { break };
            let group = self.groups.get_mut(&id).expect("a front belongs to a group");
            let record = group.staged.pop_front_if(|record| record.header.lsn <= self.bound);
            let Some(record) = record else { break };
            self.fronts.remove(&self.at);
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
        assembly.release(Lsn(40), None);
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
        assembly.release(Lsn(40), None);
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
        assembly.release(Lsn(20), None);
        assembly.lower(g0, Lsn(12), Lsn(5));
        assert_eq!(assembly.tail(g0), Lsn(15), "it was asked for at another point");
        assembly.lower(g0, Lsn(15), Lsn(20));
        assert_eq!(assembly.tail(g0), Lsn(15), "a bound is never raised");
        assembly.lower(g0, Lsn(15), Lsn(10));
        assert_eq!((assembly.tail(g0), assembly.tail(GroupId(1))), (Lsn(10), Lsn(8)));
        assert_eq!(assembly.wanted(false), [], "and nothing is looked for behind it");
        assembly.push(g0, [view(20, 15, 10, 0, true)]).expect("a chain");
        assembly.lower(g0, Lsn(15), Lsn(5));
        assert_eq!(assembly.tail(g0), Lsn(10), "20 is here, so that 10 is the tail");
        assert_eq!(lsns(&assembly.pop(100)), [20]);
        assembly.lower(g0, Lsn(20), Lsn(5));
        assert!(assembly.tail(g0) > Lsn(5) && !assembly.is_bound(g0));
    }

    #[test]
    fn what_is_ahead_leaves_when_its_writer_has_announced_it() {
        let (g0, ballot) = (GroupId(0), Ballot::new(2, 1));
        let heard = || {
            let mut assembly = Assembly::new(Lsn(12), [(g0, Lsn(15))]);
            assembly.release(Lsn(15), Some(ballot));
            assembly.push(g0, [view(15, 12, 12, 0, true)]).expect("a chain");
            assert_eq!(lsns(&assembly.pop(100)), [15]);
            assembly
        };
        let mut assembly = heard();
        let chain = || [view(20, 15, 15, 0, true), view(30, 20, 20, 0, true)];
        assembly.push_ahead(ballot, g0, chain()).expect("a chain");
        assert_eq!(lsns(&assembly.pop(100)), [0; 0]);
        assembly.release(Lsn(20), Some(ballot));
        assert_eq!(lsns(&assembly.pop(100)), [20]);
        // By nodes' word, or another writer's, it may be another 30.
        for told_by in [None, Some(Ballot::new(3, 1))] {
            let mut assembly = heard();
            assembly.push_ahead(ballot, g0, chain()).expect("a chain");
            assembly.release(Lsn(30), told_by);
            assert_eq!((lsns(&assembly.pop(100)), assembly.staged_bytes()), (vec![], 0));
            assembly.push_ahead(ballot, g0, chain()).expect("it is not looked at");
            assembly.push(g0, [view(25, 15, 15, 0, true)]).expect("a chain");
            assert_eq!(lsns(&assembly.pop(100)), [25]);
        }
    }

    #[test]
    fn what_is_ahead_tells_where_its_group_ended_and_is_taken_from_nobody_else() {
        let (g0, g1, ballot) = (GroupId(0), GroupId(1), Ballot::new(2, 1));
        let mut assembly = Assembly::new(Lsn(12), [(g0, Lsn(12))]);
        let dead = || [view(18, 15, 10, 0, true)];
        assembly.push_ahead(ballot, g0, dead()).expect("it is not looked at");
        assert_eq!((assembly.reaches(g0), assembly.end_of(g0)), (Lsn(12), Some(Lsn(12))), "nobody announced anything");
        assembly.release(Lsn(15), Some(ballot));
        assembly.hint(g1, Lsn(15));
        assert_eq!(assembly.end_of(g1), None, "15 is announced and not here");
        assembly.push(g1, [view(15, 12, 0, 1, true)]).expect("a chain");
        assert_eq!(lsns(&assembly.pop(100)), [15]);
        assembly.push_ahead(ballot, g0, dead()).expect("a chain");
        assert_eq!((assembly.reaches(g0), assembly.end_of(g0)), (Lsn(18), None), "18 is not announced");
        assert_eq!(
            assembly.tail(g0),
            Lsn(10),
            "12 was a bound: no node has more of the group than 10 once 18 is annulled"
        );
        assembly.release(Lsn(16), None);
        assert_eq!(assembly.end_of(g0), Some(Lsn(10)), "18 is forgotten, and nothing is looked for up to 12");
        // Without what lay between, and with the same writer.
        assembly.release(Lsn(40), Some(ballot));
        assembly.restart(Lsn(40), [(g0, Lsn(40))]);
        assert_eq!((assembly.staged_bytes(), assembly.told_by()), (0, Some(ballot)));
        assembly.push_ahead(ballot, g0, [view(50, 40, 35, 0, true)]).expect("a chain");
        assert_eq!(assembly.reaches(g0), Lsn(50));
    }

    #[test]
    fn what_is_wanted_is_what_lies_behind_the_hints() {
        let mut assembly = Assembly::new(Lsn(10), [(GroupId(0), Lsn(10)), (GroupId(1), Lsn(5))]);
        assert_eq!(assembly.wanted(false), []);
        assembly.hint(GroupId(0), Lsn(30));
        assembly.hint(GroupId(2), Lsn(40));
        assert_eq!(assembly.wanted(false), [(GroupId(0), Lsn(10)), (GroupId(2), Lsn::ZERO)]);
        assembly.release(Lsn(40), None);
        assembly.push(GroupId(0), [view(20, 10, 10, 0, true)]).expect("a chain");
        assert_eq!(assembly.wanted(true), [(GroupId(2), Lsn::ZERO)], "with plenty staged, only what may be next");
        assembly.ends(GroupId(0), Lsn(10));
        assert_eq!(assembly.wanted(false), [(GroupId(0), Lsn(20)), (GroupId(2), Lsn::ZERO)], "it has come since");
        assembly.ends(GroupId(0), Lsn(20));
        assert_eq!(assembly.wanted(false), [(GroupId(2), Lsn::ZERO)]);
        assembly.hint(GroupId(0), Lsn(40));
        assert_eq!(assembly.wanted(false), [(GroupId(0), Lsn(20)), (GroupId(2), Lsn::ZERO)], "it is named again");
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
            assembly.release(Lsn(10 * shape.len() as u64), None);
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

        /// A writer is replaced while its redo is pulled ahead: out comes the volume as its successor has it, never more of it
        /// than was announced.
        #[test]
        fn what_is_pulled_ahead_never_leaves_when_it_is_annulled(
            first in proptest::collection::vec((0u64..3, any::<bool>()), 1..30),
            kept in 0usize..30,
            second in proptest::collection::vec((0u64..3, any::<bool>()), 1..30),
            steps in proptest::collection::vec((0u8..7, 0usize..3, 1usize..6), 1..150),
            taken_over_at in 0usize..150,
        ) {
            let ballots = [Ballot::new(1, 1), Ballot::new(2, 2)];
            let write = |volume: &mut Vec<RecordView>, first: u64, shape: &[(u64, bool)]| {
                for (index, &(group, end)) in shape.iter().enumerate() {
                    let of_group = |it: &&RecordView| it.header.page.0 == group;
                    let prev_group = volume.iter().rfind(of_group).map_or(0, |it| it.header.lsn.0);
                    let prev_volume = volume.last().map_or(0, |it| it.header.lsn.0);
                    volume.push(view(first + 10 * index as u64, prev_volume, prev_group, group, end));
                }
            };
            let mut old = Vec::new();
            write(&mut old, 10, &first);
            let points = |volume: &[RecordView]| -> Vec<u64> {
                volume.iter().filter(|it| it.header.end_of_mtr).map(|it| it.header.lsn.0).collect()
            };
            let cut = points(&old).into_iter().take(kept).next_back().unwrap_or(0);
            let mut new: Vec<RecordView> = old.iter().filter(|it| it.header.lsn.0 <= cut).cloned().collect();
            write(&mut new, 10_000, &second);

            let mut assembly = Assembly::new(Lsn::ZERO, []);
            let (mut announced, mut out) = (0, Vec::new());
            let all = [(2, 0, 99), (4, 0, 99), (4, 1, 99), (4, 2, 99), (6, 0, 99)];
            let steps = steps.into_iter().enumerate().chain(all.map(|step| (usize::MAX, step)));
            for (time, (step, group, count)) in steps {
                let taken_over = time >= taken_over_at;
                let id = GroupId(group as u32);
                let after = assembly.reaches(id);
                let behind = |volume: &[RecordView], up_to: u64| -> Vec<RecordView> {
                    let wanted = |it: &&RecordView| {
                        it.header.page.0 == group as u64 && it.header.lsn > after && it.header.lsn.0 <= up_to
                    };
                    volume.iter().filter(wanted).take(count).cloned().collect()
                };
                // A hole before what was pulled ahead is no fault.
                match step {
                    // The old writer does not go beyond what its successor keeps, whom it does not know.
                    0..=2 => {
                        let durable = points(if taken_over { &new } else { &old });
                        let known = |it: &u64| *it > announced && (taken_over || *it <= cut);
                        let next = durable.into_iter().filter(known).take(count).last();
                        announced = next.unwrap_or(announced);
                        assembly.release(Lsn(announced), (step > 0).then_some(ballots[usize::from(taken_over)]));
                    }
                    3 => drop(assembly.push_ahead(ballots[0], id, behind(&old, u64::MAX))),
                    4 => {
                        let durable = |it: &&RecordView| it.header.page.0 == group as u64 && it.header.lsn.0 <= announced;
                        let tail = new.iter().rfind(durable).map_or(Lsn::ZERO, |it| it.header.lsn);
                        if after < tail {
                            assembly.push(id, behind(&new, announced)).expect("what was announced is a chain");
                        }
                    }
                    5 if taken_over => drop(assembly.push_ahead(ballots[1], id, behind(&new, u64::MAX))),
                    _ => {
                        let popped = assembly.pop(count);
                        assembly.moved(&popped, |record| GroupId(record.header.page.0 as u32));
                        out.extend(lsns(&popped));
                        prop_assert!(out.last().is_none_or(|&last| last <= announced), "{out:?} beyond {announced}");
                    }
                }
            }
            let last = points(&new).last().copied().unwrap_or(0);
            prop_assert_eq!(announced, last);
            prop_assert_eq!(out, lsns(&new).into_iter().filter(|&lsn| lsn <= last).collect::<Vec<_>>());
        }
    }
}
