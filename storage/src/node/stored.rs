//! Reading a stored batch where it lies, record by record, without an object for each.

use bytes::Bytes;
use protocol::batch::BATCH_HEADER_BYTES;
use protocol::redo::{Change, RecordHeader};
use protocol::{Error, Lsn};

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

    /// Decodes its change.
    ///
    /// # Errors
    /// As [`Change::decode`].
    pub fn change(&self, batch: &Bytes) -> Result<Change, Error> {
        Change::decode(&batch.slice(self.at + self.change_at..self.at + self.bytes))
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
