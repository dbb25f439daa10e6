//! The batch: records of one protection group under one ballot, encoded once and stored and relayed as they are.
//!
//! ```text
//! offset  size  field
//!      0     4  checksum   CRC32C of everything behind it
//!      4     2  format     1
//!      6     2  zero
//!      8     4  group
//!     12     4  records    how many
//!     16     8  ballot     under which the writer allocated the records
//!     24     4  membership epoch
//!     28     4  zero
//!     32        records    see [`crate::redo::RecordHeader`], ascending by LSN
//! ```

use crate::bytes_io::Reader;
use crate::redo::{RecordHeader, RecordView};
use crate::{Ballot, Error, FORMAT_VERSION, GroupId, Lsn};
use bytes::Bytes;

/// Bytes before the records.
pub const BATCH_HEADER_BYTES: usize = 32;
/// A batch may not be larger: what a message and a log frame hold.
pub const BATCH_BYTES_MAX: usize = 4 << 20;

/// A checked batch.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The group of all its records.
    pub group: GroupId,
    /// The ballot of all its records.
    pub ballot: Ballot,
    /// The membership epoch under which it was sent.
    pub membership_epoch: u32,
    /// The records, ascending by LSN.
    pub records: Vec<RecordView>,
    /// The whole encoding.
    pub encoded: Bytes,
}

/// The fixed fields of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// CRC32C of everything behind it.
    pub checksum: u32,
    /// The group of all its records.
    pub group: GroupId,
    /// The ballot of all its records.
    pub ballot: Ballot,
    /// The membership epoch under which it was sent.
    pub membership_epoch: u32,
    /// How many records it announces.
    pub records: u32,
}

impl BatchHeader {
    /// Checks size, checksum and format of a batch and reads its fixed fields; its records, from [`BATCH_HEADER_BYTES`] on,
    /// are not looked at.
    ///
    /// # Errors
    /// As [`Batch::decode`].
    pub fn decode(encoded: &[u8]) -> Result<BatchHeader, Error> {
        let what = "batch";
        if encoded.len() > BATCH_BYTES_MAX {
            return Err(Error::Malformed { what, why: "larger than a batch may be" });
        }
        let mut reader = Reader::new(encoded, what);
        let checksum = reader.u32()?;
        if checksum != crc32c::crc32c(reader.rest()) {
            return Err(Error::Checksum { what });
        }
        let found = u32::from(reader.u16()?);
        if found > FORMAT_VERSION {
            return Err(Error::NewerFormat { what, found, supported: FORMAT_VERSION });
        }
        reader.u16()?;
        let (group, records) = (GroupId(reader.u32()?), reader.u32()?);
        let (ballot, membership_epoch) = (Ballot(reader.u64()?), reader.u32()?);
        reader.u32()?;
        Ok(BatchHeader { checksum, group, ballot, membership_epoch, records })
    }
}

impl BatchHeader {
    /// The group of a batch whose checksum somebody else checks.
    ///
    /// # Errors
    /// [`Error::Truncated`].
    pub fn group_of(encoded: &[u8]) -> Result<GroupId, Error> {
        let mut reader = Reader::new(encoded, "batch");
        // Checksum, format and what is kept free.
        reader.bytes(8)?;
        Ok(GroupId(reader.u32()?))
    }
}

impl Batch {
    /// Checks and splits a batch.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Checksum`], [`Error::NewerFormat`], [`Error::Malformed`].
    pub fn decode(encoded: Bytes) -> Result<Batch, Error> {
        let what = "batch";
        let BatchHeader { group, ballot, membership_epoch, records: count, .. } = BatchHeader::decode(&encoded)?;
        let mut rest = encoded.slice(BATCH_HEADER_BYTES..);
        // A record takes at least eight bytes, which bounds what a false count can make us allocate.
        let mut records: Vec<RecordView> = Vec::with_capacity((count as usize).min(rest.len() / 8));
        let mut last = Lsn::ZERO;
        for _ in 0..count {
            let record = RecordView::split_first(&mut rest)?;
            if record.header.lsn <= last {
                return Err(Error::Malformed { what, why: "records do not ascend" });
            }
            last = record.header.lsn;
            records.push(record);
        }
        if !rest.is_empty() {
            return Err(Error::Malformed { what, why: "bytes left over" });
        }
        Ok(Batch { group, ballot, membership_epoch, records, encoded })
    }
}

/// Builds the encoding of a batch.
#[derive(Debug)]
pub struct BatchBuilder {
    bytes: Vec<u8>,
    records: u32,
}

impl BatchBuilder {
    /// A batch without records.
    #[must_use]
    pub fn new(group: GroupId, ballot: Ballot, membership_epoch: u32) -> BatchBuilder {
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(FORMAT_VERSION as u16).to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&group.0.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&ballot.0.to_le_bytes());
        bytes.extend_from_slice(&membership_epoch.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        debug_assert_eq!(bytes.len(), BATCH_HEADER_BYTES);
        BatchBuilder { bytes, records: 0 }
    }

    /// Appends a record given as header and encoded change.
    pub fn push(&mut self, header: &RecordHeader, change: &[u8]) {
        header.encode(change, &mut self.bytes);
        self.records += 1;
    }

    /// Appends a record as another batch had it.
    pub fn push_encoded(&mut self, record: &RecordView) {
        self.bytes.extend_from_slice(&record.encoded);
        self.records += 1;
    }

    /// Bytes so far, header included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Sets count and checksum.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        self.bytes[12..16].copy_from_slice(&self.records.to_le_bytes());
        let checksum = crc32c::crc32c(&self.bytes[4..]);
        self.bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        self.bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PageId;
    use crate::redo::Change;
    use proptest::prelude::*;

    fn batch() -> Bytes {
        let mut builder = BatchBuilder::new(GroupId(3), Ballot::new(7, 9), 1);
        for lsn in [30, 60] {
            let header = RecordHeader {
                lsn: Lsn(lsn),
                prev_volume: Lsn(lsn - 30),
                prev_group: Lsn(lsn - 30),
                prev_page: Lsn::ZERO,
                page: PageId(4),
                end_of_mtr: true,
            };
            let mut change = Vec::new();
            Change::StampRaw { offset: 64 }.encode(&mut change);
            builder.push(&header, &change);
        }
        builder.finish()
    }

    #[test]
    fn a_batch_round_trips_and_its_layout_is_pinned() {
        let encoded = batch();
        assert_eq!(encoded.len(), BATCH_HEADER_BYTES + 2 * 9);
        assert_eq!(encoded[4..28], [1, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0]);
        let decoded = Batch::decode(encoded.clone()).expect("it was just encoded");
        assert_eq!((decoded.group, decoded.ballot, decoded.records.len()), (GroupId(3), Ballot::new(7, 9), 2));
        let mut again = BatchBuilder::new(decoded.group, decoded.ballot, decoded.membership_epoch);
        decoded.records.iter().for_each(|record| again.push_encoded(record));
        assert_eq!(again.finish(), encoded);
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let good = batch();
        for bit in 0..good.len() * 8 {
            let mut bad = good.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Batch::decode(bad.into()).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_behind_a_good_checksum_decode_without_a_panic(body: Vec<u8>) {
            let mut bytes = crc32c::crc32c(&body).to_le_bytes().to_vec();
            bytes.extend_from_slice(&body);
            let _ = Batch::decode(bytes.into());
        }
    }
}
