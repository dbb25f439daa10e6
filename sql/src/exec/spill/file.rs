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
use std::sync::atomic::Ordering;

use hashbrown::HashMap;
use parking_lot::Mutex;
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

/// A temporary file without a name.
pub(super) struct SpillFile {
    file: Arc<File>,
    directory: PathBuf,
    bytes: u64,
    session: Arc<SessionContext>,
}

fn failed(what: &str, error: &io::Error) -> Error {
    let state = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SqlState::DISK_FULL,
        _ => SqlState::IO_ERROR,
    };
    Error::new(state, format!("could not {what} temporary file: {error}"))
}

/// Runs file work where it holds up nobody.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(what, &error)),
        Err(_) => Err(Error::internal("the thread of a temporary file ended")),
    }
}

impl SpillFile {
    async fn create(session: &Arc<SessionContext>) -> Result<SpillFile> {
        let directory = session.database.temporary_directory().0.clone();
        let path = directory.clone();
        let file = blocking("create", move || tempfile::tempfile_in(path)).await?;
        session.database.spilled.add(session.catalog().database, 1, 0);
        Ok(SpillFile { file: Arc::new(file), directory, bytes: 0, session: session.clone() })
    }

    /// Appends a buffer and returns it empty.
    async fn append(&mut self, mut buffer: Vec<u8>) -> Result<Vec<u8>> {
        let count = buffer.len() as u64;
        let before = self.session.temporary_bytes.fetch_add(count, Ordering::Relaxed);
        self.session.database.spilled.add(self.session.catalog().database, 0, count);
        let (file, at, directory) = (self.file.clone(), self.bytes, self.directory.clone());
        self.bytes += count;
        if let Some(limit) = self.session.variables.temporary_bytes_max()
            && before + count > limit
        {
            let message = format!("temporary file size exceeds temp_file_limit ({}kB)", limit >> 10);
            return Err(Error::new(SqlState::CONFIGURATION_LIMIT_EXCEEDED, message));
        }
        blocking("write to", move || {
            if fs2::available_space(&directory)? < fs2::total_space(&directory)? / FREE_SHARE {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            file.write_all_at(&buffer, at)?;
            buffer.clear();
            Ok(buffer)
        })
        .await
    }

    async fn read(&self, range: Range<u64>) -> Result<Vec<u8>> {
        let file = self.file.clone();
        blocking("read from", move || {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            file.read_exact_at(&mut bytes, range.start)?;
            Ok(bytes)
        })
        .await
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        self.session.temporary_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Writes records one behind the other.
pub(super) struct RecordWriter {
    file: SpillFile,
    buffer: Vec<u8>,
}

impl RecordWriter {
    /// # Errors
    /// 58030, 53100.
    pub async fn create(session: &Arc<SessionContext>) -> Result<RecordWriter> {
        Ok(RecordWriter { file: SpillFile::create(session).await?, buffer: Vec::with_capacity(WRITE_BYTES) })
    }

    /// # Errors
    /// 53400 beyond `temp_file_limit`, 53100 when the disk is full, 58030 otherwise; 54000 for a row of 4 GiB.
    pub async fn put(&mut self, key: &[u8], row: &[Datum]) -> Result<()> {
        let start = self.buffer.len();
        self.buffer.extend([0; 8]);
        self.buffer.extend_from_slice(key);
        let row_start = self.buffer.len();
        tagged::encode_row(row, &mut self.buffer);
        let row_bytes = self.buffer.len() - row_start;
        let (Ok(key_bytes), Ok(row_bytes)) = (u32::try_from(key.len()), u32::try_from(row_bytes)) else {
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "a row is too large for a temporary file"));
        };
        self.buffer[start..start + 4].copy_from_slice(&key_bytes.to_le_bytes());
        self.buffer[start + 4..start + 8].copy_from_slice(&row_bytes.to_le_bytes());
        if self.buffer.len() >= WRITE_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.buffer = self.file.append(buffer).await?;
        Ok(())
    }

    /// Where the next record will be.
    pub fn position(&self) -> u64 {
        self.file.bytes + self.buffer.len() as u64
    }

    /// The file, complete.
    ///
    /// # Errors
    /// As [`RecordWriter::put`].
    pub async fn finish(mut self) -> Result<Records> {
        self.flush().await?;
        Ok(Records(Arc::new(self.file)))
    }
}

/// A complete file of records, shared by its readers.
#[derive(Clone)]
pub(super) struct Records(Arc<SpillFile>);

impl Records {
    /// Reads the records in a range of bytes that begins and ends with one.
    pub fn read(&self, range: Range<u64>) -> RecordReader {
        RecordReader { file: self.clone(), range, buffer: Vec::new(), at: 0 }
    }

    pub fn read_all(&self) -> RecordReader {
        self.read(0..self.0.bytes)
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
        let more = self.file.0.read(self.range.start..end).await?;
        self.range.start = end;
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(&more);
        Ok(())
    }
}
