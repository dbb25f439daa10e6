//! The segment: which records of one group this node holds, and up to where none is missing.
//!
//! **Rule.** A record is held once. The SCL moves along the group's back-links only: from the SCL to the record whose
//! `prev_group` it is. Records beyond a gap are held and do not count. What a truncation table annuls leaves at once, and the
//! SCL with it. Two records that claim the same predecessor are a fork, which no correct history has: the later arrival is
//! refused.
//!
//! **Mechanism.** Not records but *runs* are kept: a run is a window over one stored batch in which every record's
//! `prev_group` is the record before it. A batch as the writer sends it is one run, so that a hundred records cost sixty
//! bytes of memory. A batch that partly repeats what is held becomes a window on its new part; the batch itself is stored
//! whole.
//!
//! ```text
//!  base (retired)        SCL                gap
//!  ----|[run 1   ][run 2]|                  [run 3 ][run 4]
//!       prev=base         <- next must have  prev > SCL: held, not counted
//!                            prev = SCL
//! ```
//!
//! A run has one ballot and ascends, so that what a table leaves of it is a prefix: annulment cuts its end.
//!
//! Runs at or below `base` may remain when a later file holds them: they count no more, but pages still find their records
//! there.

use protocol::redo::RecordHeader;
use protocol::rpc::storage::SegmentMark;
use protocol::{Ballot, Lsn};

/// Where a stored batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Sequence number of the log file.
    pub file: u64,
    /// Offset of the batch in the file, in bytes.
    pub offset: u32,
    /// Length of the batch, in bytes.
    pub bytes: u32,
}

/// Consecutive records of the group in one stored batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// `prev_group` of the first record.
    pub prev: Lsn,
    /// The first record.
    pub first: Lsn,
    /// The last record.
    pub last: Lsn,
    /// Ballot of the batch.
    pub ballot: Ballot,
    /// The batch.
    pub place: Place,
}

/// Splits a batch's records into runs.
pub fn runs_of<'a>(
    headers: impl IntoIterator<Item = &'a RecordHeader>,
    ballot: Ballot,
    place: Place,
    mut emit: impl FnMut(Run),
) {
    let mut open: Option<Run> = None;
    for header in headers {
        match &mut open {
            Some(run) if run.last == header.prev_group => run.last = header.lsn,
            _ => {
                open.take().into_iter().for_each(&mut emit);
                open = Some(Run { prev: header.prev_group, first: header.lsn, last: header.lsn, ballot, place });
            }
        }
    }
    open.into_iter().for_each(emit);
}

/// A record that cannot stand beside what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record at {lsn} follows {prev}, and so does another")]
pub struct Fork {
    /// The refused record.
    pub lsn: Lsn,
    /// Its predecessor in the group.
    pub prev: Lsn,
}

/// What a batch brings to a segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sifted {
    /// Records that are not held yet.
    pub fresh: Vec<Run>,
    /// Records that are: the index among the batch's records, and the run that has it.
    pub held: Vec<(usize, Run)>,
}

/// What became of a run under a new table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Annulled {
    /// The run as it was.
    pub run: Run,
    /// Its records above this LSN are gone.
    pub above: Lsn,
}

/// One copy of one group.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    /// Ascending, disjoint.
    runs: Vec<Run>,
    /// How many of `runs` are at or below `received`.
    counted: usize,
    base: Lsn,
    base_ballot: Ballot,
    received: Lsn,
    flushed: Lsn,
}

impl Segment {
    /// A segment whose records at or below `base`, the last of which has `ballot`, are retired into images.
    #[must_use]
    pub fn new(base: Lsn, ballot: Ballot) -> Segment {
        Segment { base, base_ballot: ballot, received: base, flushed: base, ..Segment::default() }
    }

    /// The highest LSN with no record of the group missing, as the kernel has it.
    #[must_use]
    pub fn received(&self) -> Lsn {
        self.received
    }

    /// The same, fsynced.
    #[must_use]
    pub fn flushed(&self) -> Lsn {
        self.flushed
    }

    /// Records at or below this LSN may be gone from the log.
    #[must_use]
    pub fn base(&self) -> Lsn {
        self.base
    }

    /// Ballot of the record at [`Segment::base`].
    #[must_use]
    pub fn base_ballot(&self) -> Ballot {
        self.base_ballot
    }

    /// Ballot of the record at `received`.
    #[must_use]
    pub fn ballot(&self) -> Ballot {
        self.locate(self.received).map_or(self.base_ballot, |run| run.ballot)
    }

    /// Every run, ascending.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The watermarks as a message. A segment that holds records but not its group's first names a gap after LSN 1, for
    /// zero says that there is none.
    #[must_use]
    pub fn mark(&self, group: u32) -> SegmentMark {
        let gap = if self.counted < self.runs.len() { self.received.0.max(1) } else { 0 };
        SegmentMark { group, scl_received: self.received.0, scl_flushed: self.flushed.0, gap_after: gap }
    }

    /// Finds which of a batch's records are new. Those above `bound` (see
    /// [`TruncationTable::bound`](crate::history::TruncationTable::bound)) are annulled and dropped; those at or below
    /// `base` count as held.
    ///
    /// # Errors
    /// [`Fork`].
    pub fn sift<'a>(
        &self,
        headers: impl IntoIterator<Item = &'a RecordHeader>,
        ballot: Ballot,
        place: Place,
        bound: Lsn,
    ) -> Result<Sifted, Fork> {
        let mut sifted = Sifted::default();
        let mut new: smallvec::SmallVec<[&RecordHeader; 16]> = smallvec::SmallVec::new();
        let highest = self.runs.last().map_or(Lsn::ZERO, |run| run.last);
        for (index, header) in headers.into_iter().enumerate() {
            if header.lsn > bound {
                break;
            }
            if header.lsn > highest && header.lsn > self.base {
                new.push(header);
            } else if let Some(run) = self.locate(header.lsn) {
                sifted.held.push((index, *run));
            } else if header.lsn > self.base {
                new.push(header);
            }
        }
        runs_of(new, ballot, place, |run| sifted.fresh.push(run));
        sifted.fresh.iter().try_for_each(|run| self.admit(run))?;
        Ok(sifted)
    }

    /// Holds a run read from an index, of which single records are not known. `false` when it overlaps what is held: its
    /// batch must then be [sifted](Segment::sift).
    ///
    /// # Errors
    /// [`Fork`].
    pub fn insert_whole(&mut self, run: Run) -> Result<bool, Fork> {
        let next = self.runs.partition_point(|held| held.last < run.first);
        if self.runs.get(next).is_some_and(|held| held.first <= run.last) {
            return Ok(false);
        }
        self.admit(&run)?;
        self.runs.insert(next, run);
        Ok(true)
    }

    /// After every run of a start is in: says that records at or below `base` are retired, and finds the SCL. All of it was
    /// read from synced files.
    pub fn settle(&mut self, base: Lsn, ballot: Ballot) {
        (self.base, self.base_ballot) = (base, ballot);
        self.recount(self.runs.len());
        self.flushed = self.received;
    }

    fn admit(&self, run: &Run) -> Result<(), Fork> {
        let next = self.runs.partition_point(|held| held.last < run.first);
        let fork = Err(Fork { lsn: run.first, prev: run.prev });
        if run.prev < self.base || (next > 0 && run.prev < self.runs[next - 1].last) {
            return fork;
        }
        if self.runs.get(next).is_some_and(|after| after.prev < run.last) {
            return fork;
        }
        Ok(())
    }

    /// Holds a run that [`Segment::sift`] found new. It counts after [`Segment::advance`].
    ///
    /// # Panics
    /// When it overlaps a held run.
    pub fn insert(&mut self, run: Run) {
        let at = self.runs.partition_point(|held| held.last < run.first);
        assert!(self.runs.get(at).is_none_or(|after| run.last < after.first), "a record is held once");
        self.runs.insert(at, run);
        if at < self.counted {
            self.counted += 1;
        }
    }

    /// Lets go of what was inserted and not yet counted: its write failed.
    pub fn withdraw(&mut self, run: &Run) {
        let counted = self.counted;
        let mut index = 0;
        self.runs.retain(|held| {
            index += 1;
            index <= counted || held != run
        });
    }

    /// Moves the SCL along the chain. Returns the runs that now count and did not before, as a range of [`Segment::runs`].
    pub fn advance(&mut self) -> std::ops::Range<usize> {
        let before = self.counted;
        self.advance_within(self.runs.len());
        before..self.counted
    }

    fn advance_within(&mut self, end: usize) {
        let ready = linked(&self.runs[self.counted..end], self.received);
        self.received = self.received.max(ready.last().map_or(Lsn::ZERO, |run| run.last));
        self.counted += ready.len();
    }

    /// The runs that [`Segment::advance`] would count.
    #[must_use]
    pub fn ready(&self) -> &[Run] {
        linked(&self.runs[self.counted..], self.received)
    }

    /// The runs that [`Segment::rebase`] would let count and that reach beyond `base`.
    #[must_use]
    pub fn ready_above(&self, base: Lsn) -> &[Run] {
        let from = self.runs.partition_point(|run| run.last <= base);
        linked(&self.runs[from..], base)
    }

    /// Images of a peer cover everything up to `base`, which lies above what counted so far: counting goes on from there.
    /// All of it has been fsynced. Returns the runs that now count and reach beyond `base`, as a range of
    /// [`Segment::runs`].
    ///
    /// # Panics
    /// When `base` is not above the SCL.
    pub fn rebase(&mut self, base: Lsn, ballot: Ballot) -> std::ops::Range<usize> {
        assert!(base > self.received, "images bring a segment forward");
        (self.base, self.base_ballot) = (base, ballot);
        let from = self.runs.partition_point(|run| run.last <= base);
        self.recount(self.runs.len());
        self.flushed = self.received;
        from..self.counted
    }

    /// Everything that counts has been fsynced.
    pub fn set_flushed(&mut self) {
        self.flushed = self.received;
    }

    /// What is missing: records above the first LSN and up to the second, or up to whatever there is.
    #[must_use]
    pub fn missing(&self) -> (Lsn, Option<Lsn>) {
        (self.received, self.runs.get(self.counted).map(|run| run.prev))
    }

    /// The run that has the record at `lsn`, if it is held and not retired.
    #[must_use]
    pub fn locate(&self, lsn: Lsn) -> Option<&Run> {
        let run = self.runs.get(self.runs.partition_point(|run| run.last < lsn))?;
        (run.first <= lsn).then_some(run)
    }

    /// The counted runs with records above `after`, ascending.
    #[must_use]
    pub fn above(&self, after: Lsn) -> &[Run] {
        let from = self.runs.partition_point(|run| run.last <= after).min(self.counted);
        &self.runs[from..self.counted]
    }

    /// The runs that lie partly above the bound of their ballot: [`Segment::annul`] wants to know their last valid record.
    pub fn straddling(&self, bound: impl Fn(Ballot) -> Lsn) -> impl Iterator<Item = Run> {
        self.runs.iter().copied().filter(move |run| run.first <= bound(run.ballot) && bound(run.ballot) < run.last)
    }

    /// Drops every record above the bound of its ballot, and moves the SCL back to what is left. `last_valid` gives the last
    /// record of a [straddling](Segment::straddling) run at or below its bound.
    pub fn annul(&mut self, bound: impl Fn(Ballot) -> Lsn, last_valid: impl Fn(&Run) -> Lsn) -> Vec<Annulled> {
        let mut annulled = Vec::new();
        let (counted, mut gone) = (self.counted, 0);
        let mut index = 0;
        self.runs.retain_mut(|run| {
            index += 1;
            let limit = bound(run.ballot);
            if run.last <= limit {
                return true;
            }
            annulled.push(Annulled { run: *run, above: limit });
            if run.first > limit {
                gone += usize::from(index <= counted);
                return false;
            }
            run.last = last_valid(run);
            assert!(run.first <= run.last && run.last <= limit, "a straddling run keeps its first record");
            true
        });
        if !annulled.is_empty() {
            self.recount(counted - gone);
        }
        annulled
    }

    /// Finds the SCL anew, among the first `end` runs. Those are the ones that had counted before, unless the caller takes the
    /// page heads of what comes to count: of a run that waits for its write or for the record before it nobody has.
    fn recount(&mut self, end: usize) {
        self.received = self.base;
        self.counted = self.runs.partition_point(|run| run.last <= self.base);
        self.advance_within(end.max(self.counted));
        self.flushed = self.flushed.min(self.received);
    }

    /// The highest record in files up to `file`, which must not be retired unless images cover it.
    #[must_use]
    pub fn last_in(&self, file: u64) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.place.file <= file)
    }

    /// The file of the first records above `lsn`.
    #[must_use]
    pub fn file_above(&self, lsn: Lsn) -> Option<u64> {
        self.runs.get(self.runs.partition_point(|run| run.last <= lsn)).map(|run| run.place.file)
    }

    /// Whether files up to `file` hold records above `lsn`; with `counted`, records that count.
    #[must_use]
    pub fn holds_above(&self, lsn: Lsn, file: u64, counted: bool) -> bool {
        let end = if counted { self.counted } else { self.runs.len() };
        let from = self.runs.partition_point(|run| run.last <= lsn).min(end);
        // Ascending: what stands against a retirement is found at once, for old files have the lowest records.
        self.runs[from..end].iter().any(|run| run.place.file <= file)
    }

    /// Whether a record that came late, in a file after `covered`, lies below what retiring the files up to `file` would make the
    /// base. Whoever takes this node's images takes it that they have everything up to the base.
    #[must_use]
    pub fn is_overtaken(&self, file: u64, covered: u64) -> bool {
        let Some(last) = self.last_in(file) else { return false };
        let from = self.runs.partition_point(|run| run.last <= self.base);
        self.runs[from..].iter().take_while(|run| run.first <= last.last).any(|run| run.place.file > covered)
    }

    /// Forgets what lies behind a gap in files up to `file`. It counts nowhere: whoever fills the gap brings it again.
    pub fn give_up(&mut self, file: u64) {
        let counted = self.counted;
        let mut index = 0;
        self.runs.retain(|run| {
            index += 1;
            index <= counted || run.place.file > file
        });
    }

    /// Forgets what a stored batch holds: it is damaged. Says whether it held something.
    pub fn lose(&mut self, place: Place) -> bool {
        let before = self.runs.len();
        let counted = self.retain(|run| run.place != place);
        if self.runs.len() == before {
            return false;
        }
        self.recount(counted);
        true
    }

    /// Keeps some runs. Returns how many of those are kept that counted.
    fn retain(&mut self, keep: impl Fn(&Run) -> bool) -> usize {
        let counted = self.runs[..self.counted].iter().filter(|run| keep(run)).count();
        self.runs.retain(keep);
        counted
    }

    /// Forgets the runs in files up to `file`, which images cover; `base` rises to the highest of them. What was lost of them
    /// after the images were made is missed no more.
    pub fn retire(&mut self, file: u64) {
        let Some(&last) = self.last_in(file) else { return };
        if last.last > self.base {
            (self.base, self.base_ballot) = (last.last, last.ballot);
        }
        let counted = self.retain(|run| run.place.file > file);
        if self.base > self.received {
            self.recount(counted);
            self.flushed = self.flushed.max(self.base);
        } else {
            self.counted = self.runs.partition_point(|run| run.last <= self.received);
        }
    }
}

/// The first of `runs` that are linked to the record at `scl` and to each other.
fn linked(runs: &[Run], mut scl: Lsn) -> &[Run] {
    let linked = runs.iter().take_while(|run| {
        let linked = run.prev == scl || run.first <= scl;
        scl = scl.max(run.last);
        linked
    });
    &runs[..linked.count()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::PageId;
    use std::collections::BTreeMap;

    fn header(lsn: u64, prev: u64) -> RecordHeader {
        RecordHeader {
            lsn: Lsn(lsn),
            prev_volume: Lsn(prev),
            prev_group: Lsn(prev),
            prev_page: Lsn::ZERO,
            page: PageId(1),
            end_of_mtr: true,
        }
    }

    fn place(file: u64) -> Place {
        Place { file, offset: 64, bytes: 100 }
    }

    /// Records 10, 20, ... `to` above `from`, each linked to the one before.
    fn chain(from: u64, to: u64) -> Vec<RecordHeader> {
        (from / 10 + 1..=to / 10).map(|n| header(n * 10, n * 10 - 10)).collect()
    }

    fn give(segment: &mut Segment, headers: &[RecordHeader], file: u64) -> Result<usize, Fork> {
        let sifted = segment.sift(headers, Ballot::ZERO, place(file), Lsn::MAX)?;
        let fresh = sifted.fresh.len();
        sifted.fresh.into_iter().for_each(|run| segment.insert(run));
        segment.advance();
        Ok(fresh)
    }

    #[test]
    fn a_gap_is_held_and_named_and_closes() {
        let mut segment = Segment::default();
        assert_eq!(give(&mut segment, &chain(0, 30), 1), Ok(1));
        assert_eq!(give(&mut segment, &chain(50, 60), 1), Ok(1));
        assert_eq!((segment.received(), segment.mark(0).gap_after), (Lsn(30), 30));
        assert_eq!(give(&mut segment, &chain(20, 50), 1), Ok(1), "a part that is held is sifted out");
        assert_eq!((segment.received(), segment.mark(0).gap_after), (Lsn(60), 0));
        assert_eq!(give(&mut segment, &chain(0, 60), 1), Ok(0), "duplicates bring nothing");
    }

    #[test]
    fn a_missing_first_record_is_a_gap_too() {
        let mut segment = Segment::default();
        assert_eq!(give(&mut segment, &chain(10, 20), 1), Ok(1));
        assert_eq!((segment.received(), segment.mark(0).gap_after), (Lsn::ZERO, 1));
    }

    #[test]
    fn forks_are_refused() {
        let mut segment = Segment::default();
        assert_eq!(give(&mut segment, &chain(0, 30), 1), Ok(1));
        assert_eq!(give(&mut segment, &[header(45, 20)], 1), Err(Fork { lsn: Lsn(45), prev: Lsn(20) }));
        assert_eq!(give(&mut segment, &[header(60, 50)], 1), Ok(1));
        assert_eq!(give(&mut segment, &[header(55, 30)], 1), Err(Fork { lsn: Lsn(55), prev: Lsn(30) }));
        assert_eq!(segment.received(), Lsn(30));
    }

    #[test]
    fn retiring_keeps_what_a_later_file_holds() {
        let mut segment = Segment::default();
        assert_eq!(give(&mut segment, &chain(0, 10), 1), Ok(1));
        assert_eq!(give(&mut segment, &chain(20, 30), 2), Ok(1));
        assert_eq!(give(&mut segment, &chain(10, 20), 3), Ok(1));
        segment.retire(2);
        assert_eq!((segment.base(), segment.received()), (Lsn(30), Lsn(30)));
        assert_eq!(segment.locate(Lsn(20)).map(|run| run.place.file), Some(3));
        assert_eq!(give(&mut segment, &chain(0, 30), 4), Ok(0), "what is retired is not taken again");
        assert_eq!(give(&mut segment, &chain(30, 40), 4), Ok(1));
        assert_eq!(segment.received(), Lsn(40));
    }

    #[test]
    fn what_waits_counts_by_advance_alone() {
        // 10..30 counts; 40..50 waits behind a gap; 30..40 is inserted and being written.
        let mut segment = Segment::default();
        assert_eq!(give(&mut segment, &chain(0, 10), 1), Ok(1));
        assert_eq!(give(&mut segment, &chain(10, 30), 2), Ok(1));
        assert_eq!(give(&mut segment, &chain(40, 50), 3), Ok(1));
        let sifted = segment.sift(&chain(30, 40), Ballot::ZERO, place(4), Lsn::MAX).expect("no fork");
        sifted.fresh.into_iter().for_each(|run| segment.insert(run));
        assert_eq!(segment.ready().len(), 2);

        let mut lost = segment.clone();
        assert!(lost.lose(place(3)));
        assert_eq!((lost.received(), lost.ready().len()), (Lsn(30), 1), "a loss counts nothing");
        let mut cut = segment.clone();
        let annulled = cut.annul(|_| Lsn(40), |run| run.last.min(Lsn(40)));
        assert_eq!((annulled.len(), cut.received(), cut.ready().len()), (1, Lsn(30), 1), "nor does a cut");
        // What counted is lost, and images reach to 30.
        assert!(segment.lose(place(1)));
        assert_eq!((segment.received(), segment.ready().len()), (Lsn::ZERO, 0));
        segment.retire(2);
        assert_eq!((segment.received(), segment.ready().len()), (Lsn(30), 2), "nor does a retirement");
        assert_eq!(segment.advance().len(), 2);
        assert_eq!(segment.received(), Lsn(50));
    }

    /// Sets of records instead of runs.
    #[derive(Default)]
    struct Model {
        held: BTreeMap<u64, (u64, Ballot)>,
    }

    impl Model {
        fn scl(&self) -> u64 {
            let mut scl = 0;
            while let Some((&next, _)) = self.held.iter().find(|(lsn, (prev, _))| **lsn > scl && *prev == scl) {
                scl = next;
            }
            scl
        }
    }

    proptest! {
        #[test]
        fn runs_agree_with_a_set_of_records(
            steps in prop::collection::vec((0u64..40, 1u64..12, 0u8..10), 1..60),
        ) {
            // One history: ballot 0 up to `cut`, then ballot 1 from 1000 on.
            let first = Ballot::new(1, 1);
            let cut = 200;
            let mut history: Vec<(RecordHeader, Ballot)> =
                chain(0, 400).into_iter().map(|header| (header, Ballot::ZERO)).collect();
            let mut next: Vec<(RecordHeader, Ballot)> = vec![(header(1000, cut), first)];
            next.extend((1..20).map(|n| (header(1000 + 10 * n, 990 + 10 * n), first)));

            let mut segment = Segment::default();
            let mut model = Model::default();
            let mut bound = Lsn::MAX;
            for (index, (from, count, kind)) in steps.into_iter().enumerate() {
                if kind == 9 && bound == Lsn::MAX {
                    bound = Lsn(cut);
                    let limit = |ballot| if ballot == first { Lsn::MAX } else { Lsn(cut) };
                    segment.annul(limit, |run| Lsn(cut.min(run.last.0) / 10 * 10));
                    model.held.retain(|lsn, (_, ballot)| *ballot == first || *lsn <= cut);
                    history.truncate(40);
                    history.append(&mut next);
                } else {
                    let from = (from as usize).min(history.len() - 1);
                    let until = (from + count as usize).min(history.len());
                    let ballot = history[from].1;
                    let slice = history[from..until].iter().filter(|(_, b)| *b == ballot).map(|(header, _)| header);
                    let headers: Vec<RecordHeader> = slice.copied().collect();
                    let limit = if ballot == first { Lsn::MAX } else { bound };
                    let sifted = segment.sift(&headers, ballot, place(index as u64), limit);
                    for run in sifted.expect("one history has no fork").fresh {
                        segment.insert(run);
                    }
                    segment.advance();
                    for header in headers.iter().filter(|header| header.lsn <= limit) {
                        model.held.insert(header.lsn.0, (header.prev_group.0, ballot));
                    }
                }
                prop_assert_eq!(segment.received().0, model.scl());
                let gap = model.held.keys().next_back().is_some_and(|last| *last > model.scl());
                prop_assert_eq!(segment.mark(0).gap_after != 0, gap);
                for lsn in (10..=1200).step_by(10) {
                    prop_assert_eq!(segment.locate(Lsn(lsn)).is_some(), model.held.contains_key(&lsn), "{}", lsn);
                }
            }
        }
    }
}
