//! The index of a sealed log file: what a start must know of it without reading it.
//!
//! ```text
//! magic 8 | format 4 | zero 4 | generation 8 | body bytes 8 | checksum of all other bytes 4 | body
//! body, all varints:
//!   vdl, floor
//!   groups: count, then { group, acked }
//!   runs:   count, then { group, ballot, first, first - prev, last - first, offset, bytes }
//!   pages:  count, then { page, redo bytes, records, first LSN, then deltas }
//! ```
//!
//! Runs are given as the frames have them, duplicates included: which of them count is decided by the truncation table at the
//! start that reads them. The LSNs of every page tell a start the newest record of the page that does count.
//!
//! The index lies beside its file and is written after the file is fsynced: an index that reads well proves both.

use super::frame::Notes;
use super::layout::{HEADING_BYTES, heading, read_heading};
use super::segment::{Place, Run, runs_of};
use super::stored::records;
use hashbrown::HashMap;
use protocol::batch::BatchHeader;
use protocol::bytes_io::{Reader, put_varint};
use protocol::redo::RecordHeader;
use protocol::{Ballot, Error, GroupId, Lsn, PageId};

const MAGIC: [u8; 8] = *b"redobtIX";
const HEADER_BYTES: usize = 36;
const WHAT: &str = "log index";

/// A page's records in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRecords {
    /// The page.
    pub page: PageId,
    /// Bytes of its records.
    pub bytes: u64,
    /// Their LSNs, ascending.
    pub lsns: Vec<Lsn>,
}

/// What a start must know of a log file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileIndex {
    /// Life of the file; its sequence number.
    pub generation: u64,
    /// The highest of the frames' notes; `acked` is per group.
    pub vdl: Lsn,
    /// As `vdl`.
    pub floor: Lsn,
    /// Highest acknowledged SCL of each group, those included that are not in the file.
    pub acked: Vec<(GroupId, Lsn)>,
    /// Runs in the order written.
    pub runs: Vec<(GroupId, Run)>,
    /// Pages, ascending.
    pub pages: Vec<PageRecords>,
}

/// Makes the index of a file from its frames, in the order written.
#[derive(Debug, Default)]
pub struct IndexBuilder {
    index: FileIndex,
    pages: HashMap<PageId, PageRecords>,
    acked: HashMap<GroupId, Lsn>,
    headers: Vec<RecordHeader>,
}

impl IndexBuilder {
    /// Of the file `generation`.
    #[must_use]
    pub fn new(generation: u64) -> IndexBuilder {
        IndexBuilder { index: FileIndex { generation, ..FileIndex::default() }, ..IndexBuilder::default() }
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// When it is not what its checksum said it is: [`Error::Malformed`].
    pub fn add(&mut self, header: &BatchHeader, place: Place, batch: &[u8], notes: Notes) -> Result<(), Error> {
        self.index.vdl = self.index.vdl.max(notes.vdl);
        self.index.floor = self.index.floor.max(notes.floor);
        let known = self.acked.entry(header.group).or_default();
        *known = (*known).max(notes.acked);
        self.headers.clear();
        for record in records(batch) {
            let record = record?;
            self.headers.push(record.header);
            let page = record.header.page;
            let entry = self.pages.entry(page).or_insert_with(|| PageRecords { page, bytes: 0, lsns: Vec::new() });
            entry.bytes += record.bytes as u64;
            entry.lsns.push(record.header.lsn);
        }
        runs_of(&self.headers, header.ballot, place, |run| self.index.runs.push((header.group, run)));
        Ok(())
    }

    /// The index.
    #[must_use]
    pub fn finish(self) -> FileIndex {
        let mut index = self.index;
        index.acked = self.acked.into_iter().collect();
        index.acked.sort_unstable();
        index.pages = self.pages.into_values().collect();
        index.pages.sort_unstable_by_key(|entry| entry.page);
        for entry in &mut index.pages {
            entry.lsns.sort_unstable();
            entry.lsns.dedup();
        }
        index
    }
}

impl FileIndex {
    /// Takes note of what groups have acknowledged, whether or not they are in the file.
    pub fn note_acked(&mut self, acked: impl IntoIterator<Item = (GroupId, Lsn)>) {
        self.acked.extend(acked);
        // The highest of each group comes first and stays.
        self.acked.sort_unstable_by_key(|&(group, acked)| (group, std::cmp::Reverse(acked)));
        self.acked.dedup_by_key(|(group, _)| *group);
    }

    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; HEADER_BYTES];
        put_varint(&mut out, self.vdl.0);
        put_varint(&mut out, self.floor.0);
        put_varint(&mut out, self.acked.len() as u64);
        for (group, acked) in &self.acked {
            put_varint(&mut out, group.0.into());
            put_varint(&mut out, acked.0);
        }
        put_varint(&mut out, self.runs.len() as u64);
        for (group, run) in &self.runs {
            let place = run.place;
            let back = if run.prev.is_zero() { 0 } else { run.first.since(run.prev) };
            let fields = [run.ballot.0, run.first.0, back, run.last.since(run.first)];
            put_varint(&mut out, group.0.into());
            fields.into_iter().for_each(|field| put_varint(&mut out, field));
            put_varint(&mut out, place.offset.into());
            put_varint(&mut out, place.bytes.into());
        }
        put_varint(&mut out, self.pages.len() as u64);
        for entry in &self.pages {
            put_varint(&mut out, entry.page.0);
            put_varint(&mut out, entry.bytes);
            put_varint(&mut out, entry.lsns.len() as u64);
            let mut last = Lsn::ZERO;
            for &lsn in &entry.lsns {
                put_varint(&mut out, lsn.since(last));
                last = lsn;
            }
        }
        out[..HEADING_BYTES].copy_from_slice(&heading(MAGIC));
        out[16..24].copy_from_slice(&self.generation.to_le_bytes());
        let body = (out.len() - HEADER_BYTES) as u64;
        out[24..32].copy_from_slice(&body.to_le_bytes());
        let checksum = checksum(&out);
        out[32..36].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Looks at the beginning of an index alone.
    ///
    /// # Errors
    /// [`Error::NewerFormat`].
    pub fn check_format(beginning: &[u8; HEADING_BYTES]) -> Result<(), Error> {
        match read_heading(&mut Reader::new(beginning, WHAT), MAGIC, WHAT) {
            Err(error @ Error::NewerFormat { .. }) => Err(error),
            _ => Ok(()),
        }
    }

    /// Checks and decodes.
    ///
    /// # Errors
    /// [`Error`]: the file is then scanned instead, except for [`Error::NewerFormat`].
    pub fn decode(bytes: &[u8]) -> Result<FileIndex, Error> {
        let malformed = |why| Error::Malformed { what: WHAT, why };
        let mut header = Reader::new(bytes, WHAT);
        read_heading(&mut header, MAGIC, WHAT)?;
        header.u32()?;
        let (generation, body, expected) = (header.u64()?, header.u64()?, header.u32()?);
        if header.rest().len() as u64 != body {
            return Err(Error::Truncated { what: WHAT });
        }
        if checksum(bytes) != expected {
            return Err(Error::Checksum { what: WHAT });
        }
        let mut r = Reader::new(header.rest(), WHAT);
        let u32_of = |value: u64| u32::try_from(value).map_err(|_| malformed("number exceeds 32 bits"));
        let group_of = |value: u64| u32_of(value).map(GroupId);
        let lsn_of = |from: Lsn, delta: u64| from.0.checked_add(delta).map(Lsn).ok_or(malformed("LSN overflows"));
        let mut index =
            FileIndex { generation, vdl: Lsn(r.varint()?), floor: Lsn(r.varint()?), ..FileIndex::default() };
        for _ in 0..r.varint()? {
            index.acked.push((group_of(r.varint()?)?, Lsn(r.varint()?)));
        }
        for _ in 0..r.varint()? {
            let group = group_of(r.varint()?)?;
            let (ballot, first, back, length) = (Ballot(r.varint()?), Lsn(r.varint()?), r.varint()?, r.varint()?);
            let prev = if back == 0 { Lsn::ZERO } else { Lsn(first.since(Lsn(back))) };
            let (offset, bytes) = (u32_of(r.varint()?)?, u32_of(r.varint()?)?);
            let place = Place { file: generation, offset, bytes };
            index.runs.push((group, Run { prev, first, last: lsn_of(first, length)?, ballot, place }));
        }
        for _ in 0..r.varint()? {
            let (page, bytes, count) = (PageId(r.varint()?), r.varint()?, r.varint()?);
            let mut lsns = Vec::new();
            let mut last = Lsn::ZERO;
            for _ in 0..count {
                last = lsn_of(last, r.varint()?)?;
                lsns.push(last);
            }
            index.pages.push(PageRecords { page, bytes, lsns });
        }
        if !r.is_empty() {
            return Err(malformed("bytes left over"));
        }
        Ok(index)
    }
}

/// Of everything but the checksum's own four bytes.
fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..32]), &bytes[HEADER_BYTES..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> FileIndex {
        let place = Place { file: 5, offset: 4160, bytes: 300 };
        let run =
            |prev, first, last| Run { prev: Lsn(prev), first: Lsn(first), last: Lsn(last), ballot: Ballot(1), place };
        FileIndex {
            generation: 5,
            vdl: Lsn(80),
            floor: Lsn(20),
            acked: vec![(GroupId(0), Lsn(60)), (GroupId(2), Lsn(10))],
            runs: vec![(GroupId(0), run(0, 30, 90)), (GroupId(2), run(70, 130, 131))],
            pages: vec![PageRecords { page: PageId(9), bytes: 90, lsns: vec![Lsn(30), Lsn(90)] }],
        }
    }

    #[test]
    fn an_index_round_trips_and_every_flipped_bit_is_found() {
        let bytes = index().encode();
        assert_eq!(FileIndex::decode(&bytes), Ok(index()));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(FileIndex::decode(&bad).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(FileIndex::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
