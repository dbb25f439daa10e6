//! Reading a stored batch where it lies, record by record, without an object for each.

use protocol::batch::BATCH_HEADER_BYTES;
use protocol::bytes_io::Reader;
use protocol::redo::RecordHeader;
use protocol::{Error, Lsn, PageId};
use smallvec::SmallVec;

/// A record in a batch.
#[derive(Clone, Copy, Debug)]
pub struct StoredRecord {
    /// Its place in the stream.
    pub header: RecordHeader,
    /// Offset of its encoding in the batch.
    pub at: usize,
    /// Length of its encoding.
    pub bytes: usize,
    change_at: usize,
}

impl StoredRecord {
    /// The record's encoding.
    #[must_use]
    pub fn encoded<'a>(&self, batch: &'a [u8]) -> &'a [u8] {
        &batch[self.at..self.at + self.bytes]
    }

    /// Its change, encoded.
    #[must_use]
    pub fn change_bytes<'a>(&self, batch: &'a [u8]) -> &'a [u8] {
        &batch[self.at + self.change_at..self.at + self.bytes]
    }
}

/// The records of a batch whose header and checksum were checked. Ends after the first error.
pub fn records(batch: &[u8]) -> impl Iterator<Item = Result<StoredRecord, Error>> {
    let mut at = BATCH_HEADER_BYTES;
    let mut last = Lsn::ZERO;
    std::iter::from_fn(move || {
        let rest = batch.get(at..).filter(|rest| !rest.is_empty())?;
        let decoded = RecordHeader::decode(rest).and_then(|(header, extent)| {
            if header.lsn <= last {
                return Err(Error::Malformed { what: "batch", why: "records do not ascend" });
            }
            Ok(StoredRecord { header, at, bytes: extent.bytes, change_at: extent.change_at })
        });
        match &decoded {
            Ok(record) => (at, last) = (at + record.bytes, record.header.lsn),
            Err(_) => at = batch.len(),
        }
        Some(decoded)
    })
}

/// The records of one page in such a batch at or below `up_to`, ascending. Of the others no more is read than it takes to step
/// over them: a page's chain passes through many batches, each with many records of other pages.
///
/// # Errors
/// When a record on the way is malformed.
pub fn records_of(batch: &[u8], page: PageId, up_to: Lsn) -> Result<SmallVec<[StoredRecord; 16]>, Error> {
    records_of_from(batch, BATCH_HEADER_BYTES, page, up_to)
}

/// The same of records that lie one behind the other from `at` on.
///
/// # Errors
/// As [`records_of`].
pub fn records_of_from(
    bytes: &[u8],
    mut at: usize,
    page: PageId,
    up_to: Lsn,
) -> Result<SmallVec<[StoredRecord; 16]>, Error> {
    let mut found = SmallVec::new();
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, lsn, of) = glance(rest).ok_or(Error::Truncated { what: "record" })?;
        if lsn > up_to {
            break;
        }
        if of == page {
            let (header, extent) = RecordHeader::decode(rest)?;
            found.push(StoredRecord { header, at, bytes: extent.bytes, change_at: extent.change_at });
        }
        at += length;
    }
    Ok(found)
}

/// A record of which no more was read than where it is and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// Its LSN.
    pub lsn: Lsn,
    /// Its page.
    pub page: PageId,
    /// Offset of its encoding in the batch.
    pub at: usize,
    /// Length of its encoding.
    pub bytes: usize,
}

/// The records of a batch that was checked before, at a glance each. Ends where a record is malformed.
pub fn glances(batch: &[u8]) -> impl Iterator<Item = Glance> {
    glances_from(batch, BATCH_HEADER_BYTES)
}

/// The same of records that lie one behind the other from `at` on.
pub fn glances_from(bytes: &[u8], mut at: usize) -> impl Iterator<Item = Glance> {
    std::iter::from_fn(move || {
        let (length, lsn, page) = glance(bytes.get(at..)?)?;
        let found = Glance { lsn, page, at, bytes: length };
        at += length;
        Some(found)
    })
}

/// The records from one LSN to another, both included, of a batch that was checked before. What stands before them is stepped
/// over, and what stands behind them not looked at. Ends where a record is malformed.
pub fn records_within(batch: &[u8], from: Lsn, to: Lsn) -> impl Iterator<Item = StoredRecord> {
    let wanted = glances(batch).skip_while(move |record| record.lsn < from).take_while(move |record| record.lsn <= to);
    wanted.map_while(move |Glance { at, .. }| {
        let (header, extent) = RecordHeader::decode(batch.get(at..)?).ok()?;
        Some(StoredRecord { header, at, bytes: extent.bytes, change_at: extent.change_at })
    })
}

/// The LSNs of the first and the last record of a batch that was checked before; `None` when it has none, or one is malformed.
#[must_use]
pub fn span(batch: &[u8]) -> Option<(Lsn, Lsn)> {
    let mut at = BATCH_HEADER_BYTES;
    let mut span: Option<(Lsn, Lsn)> = None;
    while at < batch.len() {
        let (bytes, lsn, _) = glance(&batch[at..])?;
        span = Some((span.map_or(lsn, |(first, _)| first), lsn));
        at += bytes;
    }
    span
}

/// Length, LSN and page of the first record: the first fields of its encoding, see [`protocol::redo::Record`].
#[inline]
fn glance(bytes: &[u8]) -> Option<(usize, Lsn, PageId)> {
    let mut reader = Reader::new(bytes, "record");
    let length = usize::try_from(reader.varint().ok()?).ok()?;
    let whole = (bytes.len() - reader.rest().len()).checked_add(length)?;
    let _flags = reader.u8().ok()?;
    let (lsn, page) = (reader.varint().ok()?, reader.varint().ok()?);
    (whole <= bytes.len()).then_some((whole, Lsn(lsn), PageId(page)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::batch::BatchBuilder;
    use protocol::redo::Change;
    use protocol::{Ballot, GroupId};

    proptest! {
        #[test]
        fn a_pages_records_are_those_that_a_whole_look_finds(
            shape in prop::collection::vec((1u64..1 << 40, 0u64..4, any::<bool>(), 0usize..300), 0..40),
            wanted in 0u64..4,
            from in any::<prop::sample::Index>(),
            up_to in any::<prop::sample::Index>(),
        ) {
            let mut builder = BatchBuilder::new(GroupId(0), Ballot::ZERO, 1);
            let mut last = Lsn::ZERO;
            let mut all = vec![Lsn::ZERO, Lsn::MAX];
            for (step, page, end_of_mtr, padding) in shape {
                let lsn = Lsn(last.0 + step);
                let page = PageId(page << 20);
                let header =
                    RecordHeader { lsn, prev_volume: last, prev_group: last, prev_page: Lsn::ZERO, page, end_of_mtr };
                let mut change = Vec::new();
                Change::StampRaw { offset: 64 }.encode(&mut change);
                change.resize(change.len() + padding, 0);
                builder.push(&header, &change);
                last = lsn;
                all.extend([lsn, Lsn(lsn.0 - 1)]);
            }
            let batch = builder.finish();
            let (wanted, from, up_to) = (PageId(wanted << 20), *from.get(&all), *up_to.get(&all));
            let expected: Vec<(usize, Lsn)> = records(&batch)
                .map(|record| record.expect("it was just built"))
                .filter(|record| record.header.page == wanted && record.header.lsn <= up_to)
                .map(|record| (record.at, record.header.lsn))
                .collect();
            let found = records_of(&batch, wanted, up_to).expect("it was just built");
            prop_assert_eq!(found.iter().map(|record| (record.at, record.header.lsn)).collect::<Vec<_>>(), expected);
            let whole: Vec<StoredRecord> = records(&batch).map(|record| record.expect("it was just built")).collect();
            let expected: Vec<(usize, RecordHeader)> = whole
                .iter()
                .filter(|record| from <= record.header.lsn && record.header.lsn <= up_to)
                .map(|record| (record.at, record.header))
                .collect();
            let within = records_within(&batch, from, up_to).map(|record| (record.at, record.header));
            prop_assert_eq!(within.collect::<Vec<_>>(), expected);
            let whole = whole.iter().map(|r| Glance { lsn: r.header.lsn, page: r.header.page, at: r.at, bytes: r.bytes });
            let whole: Vec<Glance> = whole.collect();
            prop_assert_eq!(span(&batch), whole.first().zip(whole.last()).map(|(first, last)| (first.lsn, last.lsn)));
            // What is cut off within its last record is no batch with fewer.
            prop_assert_eq!(span(&batch[..batch.len() - 1]), None);
            prop_assert_eq!(glances(&batch).collect::<Vec<_>>(), whole);
        }

        #[test]
        fn any_bytes_are_looked_at_without_a_panic(bytes: Vec<u8>) {
            let _ = (records_of(&bytes, PageId(0), Lsn::MAX), span(&bytes));
            let _ = records_within(&bytes, Lsn(1), Lsn::MAX).count();
        }
    }
}
