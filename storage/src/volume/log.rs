//! The writer's log buffer: LSNs, back-links, and the batches that gather until they are sealed.
//!
//! The rule: a record's LSN is the offset of its end, and everything that depends on the order of records (LSN, the three
//! links, place in the batch, what the engine publishes) happens in one step under one lock. So changes are encoded
//! *before* that step ([`Mtr::encode`]); inside it a record costs a few additions and one copy into its group's batch.
//!
//! Batches gather in a [`Chunk`]: one batch for each group touched since the last seal. A chunk closes when it has
//! [`CHUNK_BYTES`], so that no batch outgrows a message, and always behind a whole mini-transaction. A storage node reads a
//! batch as a whole: who reads a page of which the redo is not coalesced yet, as after a load, has it read no more than that.
//!
//! No clock, no I/O; the lock is the caller's.

use super::tracker::Outstanding;
use hashbrown::HashMap;
use protocol::batch::{BATCH_BYTES_MAX, BatchBuilder};
use protocol::redo::{RECORD_NOMINAL_HEADER_BYTES, RecordHeader};
use protocol::volume::PageChange;
use protocol::{Ballot, GroupId, Lsn, PageId};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// A chunk that has this many bytes is closed. With one mini-transaction more it still fits a message.
pub const CHUNK_BYTES: usize = 64 << 10;
/// A mini-transaction may not be larger: what the engine promises.
pub const MTR_BYTES_MAX: usize = 2 << 20;

const _: () = assert!(CHUNK_BYTES + MTR_BYTES_MAX < BATCH_BYTES_MAX, "a closed chunk fits a message");

/// LSNs of one mini-transaction.
pub type Lsns = SmallVec<[Lsn; 8]>;

/// A mini-transaction with its changes encoded, ready to be appended.
#[derive(Debug, Default)]
pub struct Mtr {
    bytes: Vec<u8>,
    records: SmallVec<[MtrRecord; 8]>,
}

#[derive(Debug)]
struct MtrRecord {
    page: PageId,
    prev_page: Lsn,
    /// An earlier record of the same page in this mini-transaction.
    same_page: Option<u32>,
    /// Where its change ends in the bytes; it begins where the one before ends.
    end: usize,
}

/// From this many changes on, pages are looked up in a map and not by comparing each with each.
const COMPARE_MAX: usize = 24;

impl Mtr {
    /// Encodes `changes`, reusing this value's memory.
    ///
    /// # Panics
    /// When there are none, or more bytes than [`MTR_BYTES_MAX`].
    pub fn encode(&mut self, changes: &[PageChange]) {
        assert!(!changes.is_empty(), "a mini-transaction changes something");
        self.bytes.clear();
        self.records.clear();
        let mut seen = (changes.len() > COMPARE_MAX).then(|| HashMap::<PageId, u32>::with_capacity(changes.len()));
        for (index, change) in changes.iter().enumerate() {
            change.change.encode(&mut self.bytes);
            let same_page = match &mut seen {
                Some(seen) => seen.insert(change.page, index as u32),
                None => changes[..index].iter().rposition(|earlier| earlier.page == change.page).map(|at| at as u32),
            };
            let end = self.bytes.len();
            self.records.push(MtrRecord { page: change.page, prev_page: change.prev_page, same_page, end });
        }
        assert!(self.bytes.len() <= MTR_BYTES_MAX, "a mini-transaction is at most {MTR_BYTES_MAX} bytes");
    }
}

/// The batch of one group as it gathers.
#[derive(Debug)]
struct Gathering {
    group: GroupId,
    builder: BatchBuilder,
    /// The group's record before the first of this batch.
    after: Lsn,
    last: Lsn,
}

/// What gathered between two seals.
#[derive(Debug, Default)]
pub struct Chunk {
    batches: Vec<Gathering>,
    bytes: usize,
    mtrs: usize,
    last: Lsn,
}

/// A batch that changes no more.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Its group.
    pub group: GroupId,
    /// The group's record before its first.
    pub after: Lsn,
    /// Its last record.
    pub last: Lsn,
    /// The encoding, shared by all sends.
    pub bytes: bytes::Bytes,
}

impl Chunk {
    /// How many mini-transactions it has.
    #[must_use]
    pub fn mtrs(&self) -> usize {
        self.mtrs
    }

    /// Its last record.
    #[must_use]
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// Sets the checksums: not under the log's lock, for it reads every byte.
    pub fn seal(self) -> impl Iterator<Item = Sealed> {
        self.batches.into_iter().map(|batch| Sealed {
            group: batch.group,
            after: batch.after,
            last: batch.last,
            bytes: batch.builder.finish(),
        })
    }
}

/// The end of the redo stream and what has not left yet. See the module's essay.
#[derive(Debug)]
pub struct LogBuffer {
    ballot: Ballot,
    membership_epoch: u32,
    pages_per_group: u32,
    /// Last record.
    end: Lsn,
    /// Where the next record begins.
    next: Lsn,
    tails: HashMap<GroupId, Lsn>,
    open: Chunk,
    closed: VecDeque<Chunk>,
    /// Appended since the tracker last took them.
    outstanding: Vec<Outstanding>,
    discarding: bool,
}

impl LogBuffer {
    /// Begins behind `vdl`; the first record lies at or above `first_lsn`.
    ///
    /// # Panics
    /// When `first_lsn` is not above `vdl`.
    #[must_use]
    pub fn new(
        ballot: Ballot,
        membership_epoch: u32,
        pages_per_group: u32,
        vdl: Lsn,
        first_lsn: Lsn,
        tails: &[(GroupId, Lsn)],
    ) -> LogBuffer {
        assert!(first_lsn > vdl, "a writer starts above what was recovered");
        LogBuffer {
            ballot,
            membership_epoch,
            pages_per_group,
            end: vdl,
            next: Lsn(first_lsn.0 - 1),
            tails: tails.iter().copied().collect(),
            open: Chunk::default(),
            closed: VecDeque::new(),
            outstanding: Vec::new(),
            discarding: false,
        }
    }

    /// Appends a mini-transaction and returns its LSNs, in the order of its changes.
    pub fn append(&mut self, mtr: &Mtr) -> Lsns {
        let mut lsns = Lsns::new();
        let mut start = 0;
        let last = mtr.records.len() - 1;
        for (index, record) in mtr.records.iter().enumerate() {
            let change = &mtr.bytes[start..record.end];
            start = record.end;
            let lsn = self.next.advance(RECORD_NOMINAL_HEADER_BYTES + change.len() as u64);
            let group = record.page.group(self.pages_per_group);
            let tail = self.tails.entry(group).or_default();
            let header = RecordHeader {
                lsn,
                prev_volume: self.end,
                prev_group: *tail,
                prev_page: record.same_page.map_or(record.prev_page, |earlier| lsns[earlier as usize]),
                page: record.page,
                end_of_mtr: index == last,
            };
            if !self.discarding {
                self.open.push(&header, change, group, self.ballot, self.membership_epoch);
                self.outstanding.push(Outstanding { lsn, group, end_of_mtr: header.end_of_mtr });
            }
            *tail = lsn;
            self.end = lsn;
            self.next = lsn;
            lsns.push(lsn);
        }
        if !self.discarding {
            self.open.mtrs += 1;
            if self.open.bytes >= CHUNK_BYTES {
                self.closed.push_back(std::mem::take(&mut self.open));
            }
        }
        lsns
    }

    /// The last record appended.
    #[must_use]
    pub fn end(&self) -> Lsn {
        self.end
    }

    /// Where the next record begins: what the allocation limit is measured against.
    #[must_use]
    pub fn next(&self) -> Lsn {
        self.next
    }

    /// Whether nothing waits to be sealed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.mtrs == 0 && self.closed.is_empty()
    }

    /// Bytes that wait to be sealed: those of the open chunk, or a closed chunk's at least.
    #[must_use]
    pub fn gathered_bytes(&self) -> usize {
        if self.closed.is_empty() { self.open.bytes } else { CHUNK_BYTES }
    }

    /// Whether [`LogBuffer::take`] would return something.
    #[must_use]
    pub fn has_sealable(&self, limit: Lsn) -> bool {
        let oldest = self.closed.front().unwrap_or(&self.open);
        oldest.mtrs > 0 && oldest.last <= limit
    }

    /// Takes the oldest chunk if it ends at or below `limit`. What lies above the allocation limit must not leave: a
    /// recovery that does not hear of it would give the LSN out again.
    pub fn take(&mut self, limit: Lsn) -> Option<Chunk> {
        if !self.has_sealable(limit) {
            return None;
        }
        Some(self.closed.pop_front().unwrap_or_else(|| std::mem::take(&mut self.open)))
    }

    /// Exchanges the list of records for the tracker against an empty one.
    pub fn swap_outstanding(&mut self, emptied: &mut Vec<Outstanding>) {
        debug_assert!(emptied.is_empty());
        std::mem::swap(&mut self.outstanding, emptied);
    }

    /// From now on gives out LSNs and keeps nothing: the volume is fenced or closed.
    pub fn discard(&mut self) {
        self.discarding = true;
        self.open = Chunk::default();
        self.closed.clear();
        self.outstanding = Vec::new();
    }
}

impl Chunk {
    fn push(&mut self, header: &RecordHeader, change: &[u8], group: GroupId, ballot: Ballot, membership_epoch: u32) {
        // Few groups are open at a time, and the last one used is likely the next.
        let at = self.batches.iter().rposition(|batch| batch.group == group).unwrap_or_else(|| {
            let builder = BatchBuilder::new(group, ballot, membership_epoch);
            self.batches.push(Gathering { group, builder, after: header.prev_group, last: Lsn::ZERO });
            self.batches.len() - 1
        });
        let batch = &mut self.batches[at];
        let before = batch.builder.len();
        batch.builder.push(header, change);
        batch.last = header.lsn;
        self.bytes += batch.builder.len() - before;
        self.last = header.lsn;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::batch::Batch;
    use protocol::redo::Change;

    fn change(page: u64, prev_page: u64) -> PageChange {
        PageChange { page: PageId(page), prev_page: Lsn(prev_page), change: Change::StampRaw { offset: 64 } }
    }

    fn log() -> LogBuffer {
        LogBuffer::new(Ballot::new(1, 1), 1, 10, Lsn(100), Lsn(1000), &[(GroupId(0), Lsn(90))])
    }

    #[test]
    fn records_are_linked_in_volume_group_and_page() {
        let mut log = log();
        let mut mtr = Mtr::default();
        mtr.encode(&[change(1, 80), change(11, 0), change(1, 80)]);
        let lsns = log.append(&mtr);
        // A nominal header of 24 bytes and a change of two.
        assert_eq!(lsns.as_slice(), [Lsn(1025), Lsn(1051), Lsn(1077)]);
        let chunk = log.take(Lsn::MAX).expect("something was appended");
        let batches: Vec<Batch> = chunk.seal().map(|s| Batch::decode(s.bytes).expect("we encoded it")).collect();
        let links: Vec<Vec<[u64; 4]>> = batches
            .iter()
            .map(|batch| {
                let link = |h: RecordHeader| [h.lsn.0, h.prev_volume.0, h.prev_group.0, h.prev_page.0];
                batch.records.iter().map(|record| link(record.header)).collect()
            })
            .collect();
        assert_eq!(links, [vec![[1025, 100, 90, 80], [1077, 1051, 1025, 1025]], vec![[1051, 1025, 0, 0]]]);
        assert!(batches[0].records[1].header.end_of_mtr && !batches[1].records[0].header.end_of_mtr);
    }

    #[test]
    fn what_lies_above_the_limit_stays() {
        let mut log = log();
        let mut mtr = Mtr::default();
        mtr.encode(&[change(1, 0)]);
        log.append(&mtr);
        assert!(log.take(Lsn(1024)).is_none());
        assert!(!log.is_empty());
        assert!(log.take(Lsn(1025)).is_some());
        assert!(log.is_empty());
    }

    #[test]
    fn a_fenced_log_gives_out_lsns_and_keeps_nothing() {
        let mut log = log();
        log.discard();
        let mut mtr = Mtr::default();
        mtr.encode(&[change(1, 0)]);
        assert_eq!(log.append(&mtr).as_slice(), [Lsn(1025)]);
        assert!(log.is_empty());
    }

    proptest! {
        #[test]
        fn same_pages_are_found_by_comparing_and_by_map(pages in proptest::collection::vec(0u64..8, 1..60)) {
            let changes: Vec<PageChange> = pages.iter().map(|&page| change(page, 7)).collect();
            let mut mtr = Mtr::default();
            mtr.encode(&changes);
            for (index, record) in mtr.records.iter().enumerate() {
                let expected = pages[..index].iter().rposition(|page| *page == pages[index]).map(|at| at as u32);
                prop_assert_eq!(record.same_page, expected);
            }
        }

        #[test]
        fn chunks_hold_every_record_once_and_whole_mtrs(sizes in proptest::collection::vec(1usize..40, 1..40)) {
            let mut log = log();
            let mut mtr = Mtr::default();
            let mut expected = Vec::new();
            for size in sizes {
                let changes: Vec<PageChange> = (0..size as u64).map(|page| change(page, 0)).collect();
                mtr.encode(&changes);
                expected.extend(log.append(&mtr));
            }
            let mut found: Vec<Lsn> = Vec::new();
            while let Some(chunk) = log.take(Lsn::MAX) {
                for sealed in chunk.seal() {
                    found.extend(Batch::decode(sealed.bytes).expect("we encoded it").records.iter().map(|r| r.header.lsn));
                }
            }
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
