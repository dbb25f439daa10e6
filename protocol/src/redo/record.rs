//! The record: a change with its place in the stream.
//!
//! ```text
//! length      varint   of everything behind this field
//! flags       u8       bit 0: end of its MTR (a CPL)
//! lsn         varint   the record's end
//! page        varint
//! d_volume    varint   lsn - prev_volume
//! d_group     varint   lsn - prev_group, 0: first of its group
//! d_page      varint   lsn - prev_page, 0: the page was never written
//! change      bytes    see [`Change`]
//! ```
//!
//! A record stands on its own: nodes take batches apart and relay single records to peers, replicas and recoveries. In
//! steady state the header has 13 to 20 bytes, at most [`RECORD_NOMINAL_HEADER_BYTES`] of which count in LSNs.
//! The ballot is in the batch; checksums are on the batch and on the log frame.

use super::Change;
use crate::bytes_io::{Reader, put_varint, varint_bytes};
use crate::{Error, Lsn, PageId};
use bytes::Bytes;

/// Bytes that a record's header adds to the LSN, whatever its varints take, so that an LSN is known before the encoding.
pub const RECORD_NOMINAL_HEADER_BYTES: u64 = 24;

const END_OF_MTR: u8 = 1;

/// Where a record stands, without what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// The record's end in the stream.
    pub lsn: Lsn,
    /// The record before it in the volume; zero for the first.
    pub prev_volume: Lsn,
    /// The record before it in its protection group; zero for the first.
    pub prev_group: Lsn,
    /// The record before it on its page; zero when the page was never written.
    pub prev_page: Lsn,
    /// The page it changes.
    pub page: PageId,
    /// Whether its mini-transaction ends with it: a consistency point.
    pub end_of_mtr: bool,
}

/// How far an encoded record reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordExtent {
    /// Bytes of the whole record, its length field included.
    pub bytes: usize,
    /// Where in them its change begins.
    pub change_at: usize,
}

/// A record in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub header: RecordHeader,
    /// What it does.
    pub change: Change,
}

/// A record in its encoding, the header decoded and the change not.
#[derive(Clone, Debug)]
pub struct RecordView {
    /// Its place.
    pub header: RecordHeader,
    /// The whole encoding, length included: what is relayed.
    pub encoded: Bytes,
    change_at: usize,
}

impl RecordHeader {
    /// Appends the record of this header and an encoded change.
    pub fn encode(&self, change: &[u8], out: &mut Vec<u8>) {
        let since = |previous: Lsn| if previous.is_zero() { 0 } else { self.lsn.since(previous) };
        let deltas = [self.lsn.since(self.prev_volume), since(self.prev_group), since(self.prev_page)];
        let header = [self.lsn.0, self.page.0, deltas[0], deltas[1], deltas[2]];
        let length = 1 + header.iter().map(|&field| varint_bytes(field)).sum::<usize>() + change.len();
        put_varint(out, length as u64);
        out.push(if self.end_of_mtr { END_OF_MTR } else { 0 });
        for field in header {
            put_varint(out, field);
        }
        out.extend_from_slice(change);
    }

    /// Decodes the header of the first record in `bytes` where it lies, and says how far the record reaches. The change is
    /// not looked at.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<(RecordHeader, RecordExtent), Error> {
        let what = "record";
        let malformed = |why| Error::Malformed { what, why };
        let mut outer = Reader::new(bytes, what);
        let length = outer.varint()?;
        let length = usize::try_from(length).map_err(|_| malformed("length exceeds memory"))?;
        let body = outer.bytes(length)?;
        let record_bytes = bytes.len() - outer.rest().len();

        let mut reader = Reader::new(body, what);
        let flags = reader.u8()?;
        if flags & !END_OF_MTR != 0 {
            return Err(malformed("unknown flag"));
        }
        let lsn = Lsn(reader.varint()?);
        if lsn.is_zero() {
            return Err(malformed("an LSN of zero"));
        }
        let page = PageId(reader.varint()?);
        let mut link = |absent_is_zero: bool| -> Result<Lsn, Error> {
            let delta = reader.varint()?;
            if delta == 0 && !absent_is_zero {
                return Err(malformed("it follows itself"));
            }
            if delta == 0 {
                return Ok(Lsn::ZERO);
            }
            lsn.0.checked_sub(delta).map(Lsn).ok_or(malformed("a link before the stream"))
        };
        let (prev_volume, prev_group, prev_page) = (link(false)?, link(true)?, link(true)?);
        let change_at = record_bytes - reader.rest().len();
        if reader.is_empty() {
            return Err(malformed("it has no change"));
        }
        let end_of_mtr = flags & END_OF_MTR != 0;
        let header = RecordHeader { lsn, prev_volume, prev_group, prev_page, page, end_of_mtr };
        Ok((header, RecordExtent { bytes: record_bytes, change_at }))
    }
}

impl Record {
    /// Appends the encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut change = Vec::with_capacity(64);
        self.change.encode(&mut change);
        self.header.encode(&change, out);
    }
}

impl RecordView {
    /// Splits the first record off `bytes`.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Malformed`]; `bytes` is then left as it was.
    pub fn split_first(bytes: &mut Bytes) -> Result<RecordView, Error> {
        let (header, extent) = RecordHeader::decode(bytes)?;
        Ok(RecordView { header, encoded: bytes.split_to(extent.bytes), change_at: extent.change_at })
    }

    /// Decodes the change.
    ///
    /// # Errors
    /// As [`Change::decode`].
    pub fn change(&self) -> Result<Change, Error> {
        Change::decode(&self.encoded.slice(self.change_at..))
    }

    /// Decodes the whole record.
    ///
    /// # Errors
    /// As [`Change::decode`].
    pub fn to_record(&self) -> Result<Record, Error> {
        Ok(Record { header: self.header, change: self.change()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redo::Patch;
    use proptest::prelude::*;

    fn header() -> RecordHeader {
        RecordHeader {
            lsn: Lsn(1_000_000),
            prev_volume: Lsn(999_950),
            prev_group: Lsn(999_000),
            prev_page: Lsn(900_000),
            page: PageId(16_000),
            end_of_mtr: true,
        }
    }

    #[test]
    fn a_row_update_takes_few_bytes() {
        let patches = vec![Patch { offset: 8, bytes: Bytes::from_static(&[1, 2, 3]) }];
        let record = Record { header: header(), change: Change::InsertCopy { from: 7, at: 7, stamped: true, patches } };
        let mut out = Vec::new();
        record.encode(&mut out);
        assert_eq!(out.len(), 22);
        let view = RecordView::split_first(&mut Bytes::from(out)).expect("it was just encoded");
        assert_eq!(view.to_record(), Ok(record));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_a_panic(bytes: Vec<u8>) {
            if let Ok(view) = RecordView::split_first(&mut Bytes::from(bytes)) {
                let _ = view.change();
            }
        }

        #[test]
        fn headers_round_trip(lsn in 3u64..u64::MAX, back: [u64; 3], page: u64, end_of_mtr: bool) {
            let link = |b: u64| Lsn(b % lsn);
            let header = RecordHeader {
                lsn: Lsn(lsn), prev_volume: link(back[0]), prev_group: link(back[1]), prev_page: link(back[2]),
                page: PageId(page), end_of_mtr,
            };
            let record = Record { header, change: Change::StampRaw { offset: 64 } };
            let mut out = Vec::new();
            record.encode(&mut out);
            let mut bytes = Bytes::from(out);
            prop_assert_eq!(RecordView::split_first(&mut bytes).and_then(|view| view.to_record()), Ok(record));
            prop_assert!(bytes.is_empty());
        }
    }
}
