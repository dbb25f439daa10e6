//! The truncation table: which records of which ballot still count.
//!
//! **Rule.** Every recovery adds one entry: its ballot, the VDL it recovered to, and the first LSN it allows its writer. A
//! record of ballot `b` is valid exactly when its LSN is at or below the VDL of *every* entry of a higher ballot. A record
//! that is not valid was never acknowledged to anyone, on however many nodes it lies, and must never count again.
//!
//! ```text
//! ballot 0   |---------140~~~150          141..150 were written, not durable: annulled by the entry (1, 140, 1000)
//! ballot 1             |      1000----1200~~1300                annulled above 1200 by the entry (2, 1200, 3000)
//! ballot 2                            |           3000-----
//! ```
//!
//! **Mechanism.** Validity goes by (LSN, ballot) and not by a range of LSNs, so that a record of the new writer whose LSN
//! lies in an annulled range would still be told apart, and an LSN is compared only after it is *clipped*: a node that
//! missed a recovery reports a high SCL of a dead branch ([`TruncationTable::clip`]). A node replaces its table as a whole
//! by one of a higher ballot. The union of two tables, or the last entry alone, are both refuted by the model: the table of
//! an interrupted recovery must be forgotten when a later one did not adopt it, and an old annulled record must not return.
//!
//! A table may be megabytes long, and seldom changes. So nodes that compare theirs compare a digest first
//! ([`TruncationTable::digest`]), and the whole table is sent to who has another one.
//!
//! Source: Aurora SIGMOD 2018, section 2.4 (truncation ranges); the ballots and the history are ours.

use protocol::rpc::storage as rpc;
use protocol::{Ballot, Error, Lsn};

/// Entries that a table may have: one for each recovery in the life of a volume. A larger message is damage.
pub const ENTRIES_MAX: usize = 1 << 18;
/// Bytes of an entry in a message, at most: three numbers of ten bytes, the name of each, and what stands before an entry.
pub const ENTRY_BYTES_MAX: usize = 2 + 3 * (1 + 10);

/// One recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableEntry {
    /// Its ballot, above [`Ballot::ZERO`].
    pub ballot: Ballot,
    /// What it recovered to: records of lower ballots above it are annulled.
    pub vdl: Lsn,
    /// The lowest LSN that its writer may use.
    pub first_lsn: Lsn,
}

impl TableEntry {
    fn to_rpc(self) -> rpc::TableEntry {
        rpc::TableEntry { ballot: self.ballot.0, vdl: self.vdl.0, first_lsn: self.first_lsn.0 }
    }
}

/// The history of recoveries, strictly ascending by ballot; empty before the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TruncationTable {
    entries: Vec<TableEntry>,
    /// CRC32C of the entries, number by number.
    checksum: u32,
}

/// The checksum of entries that have `checksum`, followed by `entry`.
fn extended(checksum: u32, entry: &TableEntry) -> u32 {
    let numbers = [entry.ballot.0, entry.vdl.0, entry.first_lsn.0];
    numbers.iter().fold(checksum, |checksum, number| crc32c::crc32c_append(checksum, &number.to_le_bytes()))
}

impl TruncationTable {
    /// A table of `entries`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when ballots do not ascend strictly from above zero, an entry's first LSN is not above its
    /// VDL, or there are more than [`ENTRIES_MAX`].
    pub fn new(entries: Vec<TableEntry>) -> Result<TruncationTable, Error> {
        let malformed = |why| Err(Error::Malformed { what: "truncation table", why });
        if entries.len() > ENTRIES_MAX {
            return malformed("too many entries");
        }
        let mut last = Ballot::ZERO;
        for entry in &entries {
            if entry.ballot <= last {
                return malformed("ballots do not ascend");
            }
            if entry.first_lsn <= entry.vdl {
                return malformed("a first LSN is not above its VDL");
            }
            last = entry.ballot;
        }
        let checksum = entries.iter().fold(0, extended);
        Ok(TruncationTable { entries, checksum })
    }

    /// The recoveries, ascending by ballot.
    #[must_use]
    pub fn entries(&self) -> &[TableEntry] {
        &self.entries
    }

    /// The last recovery.
    #[must_use]
    pub fn last(&self) -> Option<&TableEntry> {
        self.entries.last()
    }

    /// The highest ballot; [`Ballot::ZERO`] before the first recovery.
    #[must_use]
    pub fn ballot(&self) -> Ballot {
        self.last().map_or(Ballot::ZERO, |entry| entry.ballot)
    }

    /// The lowest LSN that the writer of the highest ballot may use; zero before the first recovery.
    #[must_use]
    pub fn first_lsn(&self) -> Lsn {
        self.last().map_or(Lsn::ZERO, |entry| entry.first_lsn)
    }

    /// Whether the history has `ballot`. [`Ballot::ZERO`] needs no entry.
    #[must_use]
    pub fn contains(&self, ballot: Ballot) -> bool {
        ballot == Ballot::ZERO || self.entries.binary_search_by_key(&ballot, |entry| entry.ballot).is_ok()
    }

    /// Whether the history has this very recovery.
    #[must_use]
    pub fn has(&self, entry: &TableEntry) -> bool {
        let at = self.entries.binary_search_by_key(&entry.ballot, |held| held.ballot);
        at.is_ok_and(|at| self.entries[at] == *entry)
    }

    /// Whether a record of `ballot` at `lsn` counts.
    #[must_use]
    pub fn is_valid(&self, lsn: Lsn, ballot: Ballot) -> bool {
        lsn <= self.bound(ballot)
    }

    /// The highest LSN at which a record of `ballot` counts: [`Lsn::MAX`] for the highest ballot.
    #[must_use]
    pub fn bound(&self, ballot: Ballot) -> Lsn {
        let later = self.entries.iter().rev().take_while(|entry| entry.ballot > ballot);
        later.map(|entry| entry.vdl).min().unwrap_or(Lsn::MAX)
    }

    /// An SCL, whose record has `ballot`, as it counts under this table.
    #[must_use]
    pub fn clip(&self, scl: Lsn, ballot: Ballot) -> Lsn {
        scl.min(self.bound(ballot))
    }

    /// The ballot of the writer that had `lsn` to give out. The ranges of ballots ascend and do not overlap, so that an LSN
    /// alone tells it, for a record that may be gone.
    #[must_use]
    pub fn writer_of(&self, lsn: Lsn) -> Ballot {
        self.entries.iter().rev().find(|entry| entry.first_lsn <= lsn).map_or(Ballot::ZERO, |entry| entry.ballot)
    }

    /// How much of (`after`, `up_to`] writers had to give out, in bytes of LSN: less than their distance by what recoveries
    /// skipped between where they ended and the first LSN that they allowed, where no record counts.
    #[must_use]
    pub fn allotted(&self, after: Lsn, up_to: Lsn) -> u64 {
        let (mut at, mut skipped) = (after, 0);
        for entry in &self.entries {
            let (from, to) = (at.max(entry.vdl), up_to.min(Lsn(entry.first_lsn.0 - 1)));
            // Those of recoveries that followed each other with nothing in between overlap.
            if to > from {
                skipped += to.since(from);
                at = to;
            }
        }
        up_to.since(after) - skipped
    }

    /// This history and one more recovery.
    ///
    /// # Panics
    /// When `entry.ballot` is not above every ballot of the history or its first LSN is not above its VDL.
    #[must_use]
    pub fn with(&self, entry: TableEntry) -> TruncationTable {
        assert!(entry.ballot > self.ballot(), "a recovery's ballot is above every ballot it heard");
        assert!(entry.first_lsn > entry.vdl, "a writer starts above what was recovered");
        let mut entries = self.entries.clone();
        entries.push(entry);
        TruncationTable { entries, checksum: extended(self.checksum, &entry) }
    }

    /// What tells it from every other table. The ballot alone does, for a recovery decides once; the rest is there so that
    /// nobody relies on that.
    #[must_use]
    pub fn digest(&self) -> rpc::TableDigest {
        rpc::TableDigest { ballot: self.ballot().0, entries: self.entries.len() as u32, checksum: self.checksum }
    }

    /// The message.
    #[must_use]
    pub fn to_rpc(&self) -> rpc::TruncationTable {
        rpc::TruncationTable { entries: self.entries.iter().copied().map(TableEntry::to_rpc).collect() }
    }

    /// A message with the last recovery alone, for who asks nothing but the ballot of it.
    #[must_use]
    pub fn last_to_rpc(&self) -> rpc::TruncationTable {
        rpc::TruncationTable { entries: self.last().copied().map(TableEntry::to_rpc).into_iter().collect() }
    }

    /// Checks a message.
    ///
    /// # Errors
    /// As [`TruncationTable::new`].
    pub fn from_rpc(table: &rpc::TruncationTable) -> Result<TruncationTable, Error> {
        let entry =
            |e: &rpc::TableEntry| TableEntry { ballot: Ballot(e.ballot), vdl: Lsn(e.vdl), first_lsn: Lsn(e.first_lsn) };
        TruncationTable::new(table.entries.iter().map(entry).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    fn ballot(counter: u32) -> Ballot {
        Ballot::new(counter, 1)
    }

    fn table(entries: &[(u32, u64, u64)]) -> TruncationTable {
        let entry = |&(counter, vdl, first): &(u32, u64, u64)| TableEntry {
            ballot: ballot(counter),
            vdl: Lsn(vdl),
            first_lsn: Lsn(first),
        };
        TruncationTable::new(entries.iter().map(entry).collect()).expect("the entries ascend")
    }

    /// One row per (history, record): does it count?
    #[test]
    fn validity_by_history() {
        let once = &[(1, 140, 1000)][..];
        let twice = &[(1, 140, 1000), (2, 1200, 3000)][..];
        // The second recovery never heard of the first, which was interrupted: what that one annulled counts again.
        let forgot = &[(2, 150, 3000)][..];
        for (history, counter, lsn, valid, why) in [
            (&[][..], 0, 999, true, "before any recovery everything counts"),
            (once, 0, 140, true, "at the VDL"),
            (once, 0, 141, false, "T1: above the VDL, on however many nodes"),
            (once, 0, 1001, false, "an LSN of the new writer does not save an old ballot"),
            (once, 1, 1001, true, "the new writer's record"),
            (once, 1, 141, true, "ballot, not LSN range, decides"),
            (twice, 0, 150, false, "T4: the older entry still annuls under the newer"),
            (twice, 0, 1100, false, "the stricter of two later entries"),
            (twice, 1, 1200, true, "at the second VDL"),
            (twice, 1, 1201, false, "above the second VDL"),
            (twice, 2, 9999, true, "the highest ballot is unbounded"),
            (forgot, 0, 145, true, "T4: a table is replaced as a whole"),
            (forgot, 1, 1000, false, "a forgotten recovery's own records do not count"),
        ] {
            let ballot = if counter == 0 { Ballot::ZERO } else { ballot(counter) };
            assert_eq!(table(history).is_valid(Lsn(lsn), ballot), valid, "{history:?} {counter} {lsn}: {why}");
        }
    }

    /// One row a range: how much of it writers had.
    #[test]
    fn what_recoveries_skipped_is_no_distance() {
        // The third found nothing of the second.
        let table = table(&[(1, 140, 1000), (2, 1200, 3000), (3, 1200, 4000), (4, 4500, 6000)]);
        for (after, up_to, bytes) in [
            (100, 140, 40),
            (100, 500, 40),
            (140, 999, 0),
            (100, 1200, 40 + 201),
            (300, 1200, 201),
            (1200, 3999, 0),
            (1200, 4500, 501),
            (1100, 7000, 100 + 501 + 1001),
            (3500, 4100, 101),
            (7000, 7000, 0),
        ] {
            assert_eq!(table.allotted(Lsn(after), Lsn(up_to)), bytes, "({after}, {up_to}]");
        }
        assert_eq!(TruncationTable::default().allotted(Lsn(5), Lsn(9)), 4);
    }

    #[test]
    fn a_stale_node_is_clipped_before_it_is_counted() {
        // T3: it missed the recovery and reports an SCL on the dead branch.
        let table = table(&[(1, 140, 1000)]);
        assert_eq!(table.clip(Lsn(150), Ballot::ZERO), Lsn(140));
        assert_eq!(table.clip(Lsn(130), Ballot::ZERO), Lsn(130));
        assert_eq!(table.clip(Lsn(1100), ballot(1)), Lsn(1100));
    }

    #[test]
    fn tables_round_trip_and_damaged_ones_are_refused() {
        let good = table(&[(1, 140, 1000), (2, 1200, 3000)]);
        assert_eq!(TruncationTable::from_rpc(&good.to_rpc()), Ok(good.clone()));
        assert_eq!(good.last().map(|entry| entry.first_lsn), Some(Lsn(3000)));
        assert!(good.contains(ballot(1)) && good.contains(Ballot::ZERO) && !good.contains(Ballot::new(1, 2)));
        let mut twisted = good.to_rpc();
        twisted.entries.swap(0, 1);
        assert!(TruncationTable::from_rpc(&twisted).is_err());
        let mut low = good.to_rpc();
        low.entries[1].first_lsn = 1200;
        assert!(TruncationTable::from_rpc(&low).is_err());
    }

    #[test]
    fn a_digest_tells_tables_apart_and_does_not_tell_how_they_came_about() {
        let good = table(&[(1, 140, 1000), (2, 1200, 3000)]);
        let entry = TableEntry { ballot: ballot(2), vdl: Lsn(1200), first_lsn: Lsn(3000) };
        assert_eq!(table(&[(1, 140, 1000)]).with(entry), good);
        assert_eq!(TruncationTable::default(), table(&[]));
        for other in [
            &[][..],
            &[(2, 1200, 3000)],
            &[(1, 140, 1000)],
            &[(1, 141, 1000), (2, 1200, 3000)],
            &[(1, 140, 1001), (2, 1200, 3000)],
            &[(1, 140, 1000), (2, 1200, 3001)],
            &[(1, 140, 1000), (3, 1200, 3000)],
        ] {
            assert_ne!(table(other).digest(), good.digest(), "{other:?}");
        }
    }

    #[test]
    fn an_entry_takes_no_more_of_a_message_than_is_said() {
        let entry = rpc::TableEntry { ballot: u64::MAX, vdl: u64::MAX, first_lsn: u64::MAX };
        assert_eq!(rpc::TruncationTable { entries: vec![entry] }.encoded_len(), ENTRY_BYTES_MAX);
    }
}
