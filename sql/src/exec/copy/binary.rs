//! The binary format: a header, tuples of a count and fields with their lengths, and a count of -1 at the end.

use types::{Error, Result, SqlState};

use super::format::bad;

/// What a file begins with: signature, no flags, no header extension.
pub(super) const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const SIGNATURE_BYTES: usize = 11;
/// Behind the last tuple.
pub(super) const TRAILER: [u8; 2] = (-1i16).to_be_bytes();
/// As long as a value can be.
const FIELD_BYTES_MAX: usize = (1 << 30) - 1;

/// Cuts input into tuples.
#[derive(Default)]
pub(super) struct TupleReader {
    buffer: Vec<u8>,
    start: usize,
    seen_header: bool,
    ended: bool,
    finished: bool,
}

/// Where the fields of a tuple are; `None` is null.
pub(super) type Tuple = Vec<Option<std::ops::Range<usize>>>;

impl TupleReader {
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if self.finished {
            return Err(bad("received copy data after EOF marker"));
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    pub fn end(&mut self) {
        self.ended = true;
    }

    fn number<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.buffer.get(at..at + N)?.try_into().ok()
    }

    /// The next tuple; `None` when more input is needed, or at the end.
    ///
    /// # Errors
    /// 22P04.
    pub fn next_tuple(&mut self, columns: usize) -> Result<Option<Tuple>> {
        if self.finished {
            return Ok(None);
        }
        if !self.seen_header && !self.header()? {
            return self.wait("COPY file signature not recognized");
        }
        let Some(count) = self.number(self.start).map(i16::from_be_bytes) else {
            // A file may end without a trailer, between tuples.
            if self.ended && self.start == self.buffer.len() {
                self.finished = true;
                return Ok(None);
            }
            return self.wait("unexpected EOF in COPY data");
        };
        if count == -1 {
            self.finished = true;
            return Ok(None);
        }
        if usize::try_from(count) != Ok(columns) {
            return Err(bad(format!("row field count is {count}, expected {columns}")));
        }
        let mut at = self.start + 2;
        let mut tuple = Vec::with_capacity(columns);
        for _ in 0..columns {
            let Some(length) = self.number(at).map(i32::from_be_bytes) else {
                return self.wait("unexpected EOF in COPY data");
            };
            at += 4;
            if length == -1 {
                tuple.push(None);
                continue;
            }
            let length = usize::try_from(length).ok().filter(|length| *length <= FIELD_BYTES_MAX);
            let length = length.ok_or_else(|| bad("invalid field size"))?;
            if self.buffer.len() < at + length {
                return self.wait("unexpected EOF in COPY data");
            }
            tuple.push(Some(at..at + length));
            at += length;
        }
        self.start = at;
        Ok(Some(tuple))
    }

    pub fn bytes(&self, range: std::ops::Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    fn wait(&self, why: &str) -> Result<Option<Tuple>> {
        if self.ended { Err(bad(why)) } else { Ok(None) }
    }

    /// Reads the header; false when there is not enough of it.
    fn header(&mut self) -> Result<bool> {
        if self.buffer.len() < HEADER.len() {
            return Ok(false);
        }
        if self.buffer[..SIGNATURE_BYTES] != HEADER[..SIGNATURE_BYTES] {
            return Err(bad("COPY file signature not recognized"));
        }
        let flags = self.number(SIGNATURE_BYTES).map_or(0, i32::from_be_bytes);
        if flags & (1 << 16) != 0 {
            return Err(bad("invalid COPY file header (WITH OIDS)"));
        }
        if flags >> 16 != 0 {
            return Err(bad("unrecognized critical flags in COPY file header"));
        }
        let extension = self.number(SIGNATURE_BYTES + 4).map_or(0, i32::from_be_bytes);
        let extension = usize::try_from(extension).map_err(|_| bad("invalid COPY file header (missing length)"))?;
        if extension > FIELD_BYTES_MAX {
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "COPY file header is too long"));
        }
        if self.buffer.len() < HEADER.len() + extension {
            return Ok(false);
        }
        self.start = HEADER.len() + extension;
        self.seen_header = true;
        Ok(true)
    }
}
