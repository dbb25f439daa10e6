//! Temporary files of records: a key and a row each.
//!
//! | bytes | |
//! |---|---|
//! | 4 | length of the key, little-endian |
//! | 4 | length of the row |
//! | | key |
//! | | row, as [`types::tagged`] |
//!
//! A file is read by the process that wrote it or by none, so there is no version and no checksum: what the disk returns
//! wrongly is found by the encoding or not at all, as it would be in memory.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;
use types::text_io::is_too_long;
use types::{Datum, Error, Result, SqlState, tagged};

use crate::exec::Row;
use crate::functions::SessionContext;

/// How many bytes are written at once.
const WRITE_BYTES: usize = 256 << 10;

/// How many bytes are read at once.
pub(super) const READ_BYTES: usize = 64 << 10;

/// What share of the disk spilling leaves free, as a divisor: one twentieth. Storage nodes may be on the same disk.
const FREE_SHARE: u64 = 20;

/// Where the temporary files of a server are.
#[derive(Clone, Debug)]
pub struct TemporaryDirectory(pub PathBuf);

impl Default for TemporaryDirectory {
    /// The system's.
    fn default() -> TemporaryDirectory {
        TemporaryDirectory(std::env::temp_dir())
    }
}

/// How many temporary files a server has made, and how many bytes it has written to them, by database.
#[derive(Default)]
pub struct SpillCounts(Mutex<HashMap<u32, (u64, u64)>>);

impl SpillCounts {
    fn add(&self, database: u32, files: u64, bytes: u64) {
        let mut counts = self.0.lock();
        let count = counts.entry(database).or_default();
        count.0 += files;
        count.1 += bytes;
    }

    /// (files, bytes).
    pub fn of(&self, database: u32) -> (u64, u64) {
        self.0.lock().get(&database).copied().unwrap_or_default()
    }
}

/// A temporary file without a name, counted against its session's `temp_file_limit` while it is there. Its methods hold up
/// the thread that calls them.
pub struct TemporaryFile {
    file: File,
    directory: PathBuf,
    bytes: AtomicU64,
    session: Arc<SessionContext>,
}

impl TemporaryFile {
    /// An empty file in the server's directory for them.
    ///
    /// # Errors
    /// 58030, 53100.
    pub fn create(session: &Arc<SessionContext>) -> Result<TemporaryFile> {
        let directory = session.database.temporary_directory().0.clone();
        let file = tempfile::tempfile_in(&directory).map_err(|error| failed("create", &error))?;
        session.database.spilled.add(session.catalog().database, 1, 0);
        Ok(TemporaryFile { file, directory, bytes: AtomicU64::new(0), session: session.clone() })
    }

    /// Bytes written.
    pub fn len(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends bytes; one thread at a time.
    ///
    /// # Errors
    /// 53400 beyond `temp_file_limit`, 53100 when the disk is full, 58030 otherwise.
    pub fn append(&self, bytes: &[u8]) -> Result<()> {
        let count = bytes.len() as u64;
        let before = self.session.temporary_bytes.fetch_add(count, Ordering::Relaxed);
        self.session.database.spilled.add(self.session.catalog().database, 0, count);
        let at = self.bytes.fetch_add(count, Ordering::Relaxed);
        if let Some(limit) = self.session.variables.temporary_bytes_max()
            && before + count > limit
        {
            let message = format!("temporary file size exceeds temp_file_limit ({}kB)", limit >> 10);
            return Err(Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, message));
        }
        self.write(bytes, at).map_err(|error| failed("write to", &error))
    }

    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        if fs2::available_space(&self.directory)? < fs2::total_space(&self.directory)? / FREE_SHARE {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.file.write_all_at(bytes, at)
    }

    /// The bytes in a range that was written.
    ///
    /// # Errors
    /// 58030.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<u8>> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.file.read_exact_at(&mut bytes, range.start).map_err(|error| failed("read from", &error))?;
        Ok(bytes)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        self.session.temporary_bytes.fetch_sub(self.len(), Ordering::Relaxed);
    }
}

fn failed(what: &str, error: &io::Error) -> Error {
    let state = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SqlState::DISK_FULL,
        _ => SqlState::IO_ERROR,
    };
    Error::new(state, format!("could not {what} temporary file: {error}"))
}

/// Runs file work where it holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = |_| Error::internal("the thread of a temporary file ended");
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}

/// Writes records one behind the other.
pub(super) struct RecordWriter {
    file: Arc<TemporaryFile>,
    buffer: Vec<u8>,
}

impl RecordWriter {
    /// # Errors
    /// 58030, 53100.
    pub async fn create(session: &Arc<SessionContext>) -> Result<RecordWriter> {
        let session = session.clone();
        let file = blocking(move || TemporaryFile::create(&session)).await?;
        Ok(RecordWriter { file: Arc::new(file), buffer: Vec::with_capacity(WRITE_BYTES) })
    }

    /// # Errors
    /// 53400 beyond `temp_file_limit`, 53100 when the disk is full, 58030 otherwise; 54000 for a row of 4 GiB or
    /// a value of 1 GiB.
    pub async fn put(&mut self, key: &[u8], row: &[Datum]) -> Result<()> {
        let too_large = || Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a row is too large for a temporary file");
        if row.iter().any(is_too_long) {
            return Err(too_large());
        }
        let start = self.buffer.len();
        self.buffer.extend([0; 8]);
        self.buffer.extend_from_slice(key);
        let row_start = self.buffer.len();
        tagged::encode_row(row, &mut self.buffer);
        let row_bytes = self.buffer.len() - row_start;
        let (Ok(key_bytes), Ok(row_bytes)) = (u32::try_from(key.len()), u32::try_from(row_bytes)) else {
            return Err(too_large());
        };
        self.buffer[start..start + 4].copy_from_slice(&key_bytes.to_le_bytes());
        self.buffer[start + 4..start + 8].copy_from_slice(&row_bytes.to_le_bytes());
        if self.buffer.len() >= WRITE_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes what has been put.
    ///
    /// # Errors
    /// As [`RecordWriter::put`].
    pub async fn flush(&mut self) -> Result<()> {
        let (file, mut buffer) = (self.file.clone(), std::mem::take(&mut self.buffer));
        let append = move || {
            file.append(&buffer)?;
            buffer.clear();
            Ok(buffer)
        };
        self.buffer = blocking(append).await?;
        Ok(())
    }

    /// Where the next record will be.
    pub fn position(&self) -> u64 {
        self.file.len() + self.buffer.len() as u64
    }

    /// Up to where records are in the file.
    pub fn written(&self) -> u64 {
        self.file.len()
    }

    /// The file as far as it has been written.
    pub fn records(&self) -> Records {
        Records(self.file.clone())
    }

    /// The file, complete.
    ///
    /// # Errors
    /// As [`RecordWriter::put`].
    pub async fn finish(mut self) -> Result<Records> {
        self.flush().await?;
        Ok(Records(self.file))
    }
}

/// A file of records, shared by its readers.
#[derive(Clone)]
pub(super) struct Records(Arc<TemporaryFile>);

impl Records {
    /// Reads the records in a range of bytes that begins and ends with one.
    pub fn read(&self, range: Range<u64>) -> RecordReader {
        RecordReader { file: self.clone(), range, buffer: Vec::new(), at: 0 }
    }

    pub fn read_all(&self) -> RecordReader {
        self.read(0..self.0.len())
    }
}

pub(super) struct RecordReader {
    file: Records,
    /// What has not been read from the file.
    range: Range<u64>,
    buffer: Vec<u8>,
    /// Where the next record is in the buffer.
    at: usize,
}

impl RecordReader {
    /// Where the next record is in the file.
    pub fn position(&self) -> u64 {
        self.range.start - (self.buffer.len() - self.at) as u64
    }

    /// Goes on up to here, where a record ends.
    pub fn extend(&mut self, end: u64) {
        self.range.end = end;
    }

    /// The next key and row; none at the end.
    ///
    /// # Errors
    /// 58030; XX000 if the bytes are not what was written.
    pub async fn next(&mut self) -> Result<Option<(Box<[u8]>, Row)>> {
        if self.at == self.buffer.len() && self.range.is_empty() {
            return Ok(None);
        }
        let broken = || Error::internal("a temporary file is not what was written");
        self.have(8).await?;
        let lengths: &[u8; 8] = self.buffer[self.at..].first_chunk().ok_or_else(broken)?;
        let [a, b, c, d, e, f, g, h] = *lengths;
        let key_bytes = u32::from_le_bytes([a, b, c, d]) as usize;
        let row_bytes = u32::from_le_bytes([e, f, g, h]) as usize;
        self.have(8 + key_bytes + row_bytes).await?;
        let record = self.buffer.get(self.at + 8..self.at + 8 + key_bytes + row_bytes).ok_or_else(broken)?;
        let (key, row) = record.split_at(key_bytes);
        let found = (Box::from(key), tagged::decode_row(row)?);
        self.at += 8 + key_bytes + row_bytes;
        Ok(Some(found))
    }

    /// Makes sure that so many bytes are in the buffer from `at` on, if the range has them.
    async fn have(&mut self, count: usize) -> Result<()> {
        let there = self.buffer.len() - self.at;
        if there >= count || self.range.is_empty() {
            return Ok(());
        }
        let wanted = (count - there).max(READ_BYTES) as u64;
        let end = self.range.end.min(self.range.start + wanted);
        let (file, wanted) = (self.file.0.clone(), self.range.start..end);
        let more = blocking(move || file.read(wanted)).await?;
        self.range.start = end;
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(&more);
        Ok(())
    }
}
