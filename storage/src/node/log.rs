//! The log: one sequence of files for all groups of a node.
//!
//! ```text
//!  log/<sequence>.log   16 MiB     log/<sequence>.idx   beside each sealed file
//!
//!  spare --recycled--> prepared --taken--> active --full--> rolled --indexed--> sealed --retired--> spare
//! ```
//!
//! **Rule.** The append path finds a file whose blocks are on the medium already: an fsync then writes data and no metadata
//! (growing or `fallocate`d files cost half as much again). Files are zero-filled once and recycled under a new generation;
//! [`frame`](super::frame) tells their lives apart. A file bears its final name only when its header is fsynced.
//!
//! **Whole blocks, past the kernel's memory.** A write begins with what was written of its first block, goes on with zeros to
//! the end of its last, and goes to the medium at once, where the file system can do that ([`DiskFile::direct`]): the fsync
//! then has nothing to look for in memory. It is *received* when the medium has it, be it in a memory that only the fsync
//! empties. What a block held already is written as it was, so that a write that tears takes nothing from it. Of a block that
//! is written in part, and through memory, the kernel would read the rest first, for a recycled file has lain idle for a
//! retention's time. The price: a round whose flush is put off writes to the medium, too, and a full file is read from there to
//! make its index. Those who read use memory: the node keeps batches of a moment ago, and a full file is read several times.
//!
//! A new file is filled as the active one is used, twice as far: filled at once it would keep the disk from the log for as
//! long as a whole file takes, and six nodes that take in the same redo do so at the same time.
//!
//! [`Log`] is the writing end and belongs to the [writer](super::writer); [`Files`] is what everybody else sees of it.

use super::disk::{
    BLOCK_BYTES, Disk, DiskFile, Done, OpenMode, Patience, Step, below, is_damage, read_around, remove_if_there,
    replace_file,
};
use super::frame::{FRAMES_AT, FileHeader, Notes, Tip, scan};
use super::index::FileIndex;
use super::layout::HEADING_BYTES;
use super::segment::Place;
use bytes::Bytes;
use parking_lot::Mutex;
use protocol::batch::BatchHeader;
use protocol::{Error, NodeId};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Zeros written at once...
const FILL_BYTES: usize = 1 << 20;
/// ...and in how many steps a new file is filled.
const FILL_STEPS: u64 = 64;
/// The smallest log file: it must hold a few frames behind its header.
pub const LOG_FILE_BYTES_MIN: u64 = 16 << 10;

const SPARE: &str = "spare";
const FILLING: &str = "filling";

/// The name of a log file.
#[must_use]
pub fn log_name(sequence: u64) -> String {
    format!("{sequence:016x}.log")
}

fn index_name(sequence: u64) -> String {
    format!("{sequence:016x}.idx")
}

/// The sequence number in the name of a log file.
#[must_use]
pub fn sequence_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log").filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Active,
    Rolled,
    Sealed,
}

struct LogFile {
    file: Arc<dyn DiskFile>,
    phase: Phase,
}

/// A log file and what it says of itself.
pub type OpenFile = (Arc<dyn DiskFile>, FileHeader);

/// What a start finds in the directory.
#[derive(Debug)]
pub struct Found {
    /// Log files, ascending.
    pub sequences: Vec<u64>,
    /// Indexes whose file is gone, which no retirement leaves.
    pub orphans: Vec<u64>,
}

/// The index of a log file on disk.
#[derive(Debug)]
pub enum StoredIndex {
    /// There is none: the file was not sealed.
    Missing,
    /// There is one that cannot be read: the file was sealed, and what it held is not known.
    Damaged,
    /// The index.
    Sound(FileIndex),
}

struct Shelf {
    files: BTreeMap<u64, LogFile>,
    prepared: Option<Prepared>,
    spare: bool,
    next: u64,
}

/// The next file.
struct Prepared {
    sequence: u64,
    file: Arc<dyn DiskFile>,
    /// The same for who writes whole blocks.
    blocks: Arc<dyn DiskFile>,
}

/// The files of a log.
pub struct Files {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    node: NodeId,
    file_bytes: u64,
    headroom_percent: u64,
    shelf: Mutex<Shelf>,
    /// The new file. Held while one is prepared, so that two threads do not fill the same one.
    filling: Mutex<Option<Filling>>,
    /// How far the active file is used; its length when there is none, for then the next is wanted whole.
    used: AtomicU64,
}

/// A new file, filled with zeros from its start.
struct Filling {
    file: Arc<dyn DiskFile>,
    bytes: u64,
}

/// Why a stored batch cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// Its file is retired, or was recycled meanwhile: look its place up again.
    #[error("log file {0} is retired")]
    Retired(u64),
    /// It is not in memory, and the reader has no [`Patience`].
    #[error("batch at {0:?}: the disk would have to be waited for")]
    NotCached(Place),
    /// The bytes are damaged.
    #[error("batch at {place:?}: {error}")]
    Damaged { place: Place, error: Error },
    /// The disk failed.
    #[error("batch at {place:?}: {error}")]
    Io { place: Place, error: io::Error },
}

impl ReadFault {
    /// The place, when its bytes are not what they were.
    #[must_use]
    pub fn damaged(&self) -> Option<Place> {
        match self {
            ReadFault::Damaged { place, .. } => Some(*place),
            ReadFault::Io { place, error } if is_damage(error) => Some(*place),
            _ => None,
        }
    }
}

impl Files {
    /// The log directory `dir`; nothing is opened yet.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, dir: PathBuf, node: NodeId, file_bytes: u64, headroom_percent: u64) -> Files {
        let shelf = Mutex::new(Shelf { files: BTreeMap::new(), prepared: None, spare: false, next: 1 });
        let file_bytes = file_bytes - file_bytes % BLOCK_BYTES as u64;
        let used = AtomicU64::new(file_bytes);
        Files { disk, dir, node, file_bytes, headroom_percent, shelf, filling: Mutex::new(None), used }
    }

    /// Bytes that a file has for frames.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.file_bytes - FRAMES_AT
    }

    /// The sequence numbers of the log files on disk, ascending; the spare is found, half-made files are removed.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn discover(&self) -> io::Result<Found> {
        self.disk.create_dir(&self.dir)?;
        let names = self.disk.list(&self.dir)?;
        let mut sequences: Vec<u64> = names.iter().filter_map(|name| sequence_of(name)).collect();
        sequences.sort_unstable();
        for name in names.iter().filter(|name| *name == FILLING || name.ends_with(".tmp")) {
            self.disk.remove(&self.path(name))?;
        }
        let stem = |name: &String| name.strip_suffix(".idx").and_then(|stem| sequence_of(&format!("{stem}.log")));
        let orphans = names.iter().filter_map(stem).filter(|sequence| !sequences.contains(sequence)).collect();
        let mut shelf = self.shelf.lock();
        shelf.spare = names.iter().any(|name| name == SPARE);
        shelf.next = sequences.last().map_or(1, |last| last + 1);
        Ok(Found { sequences, orphans })
    }

    /// Whether a file is there to be used next.
    #[must_use]
    pub fn has_spare(&self) -> bool {
        self.shelf.lock().spare
    }

    /// Removes an index, if there is one.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn remove_index(&self, sequence: u64) -> io::Result<()> {
        remove_if_there(&*self.disk, &self.path(&index_name(sequence)))
    }

    fn path(&self, name: &str) -> PathBuf {
        below(&self.dir, name)
    }

    /// A log file that was taken in.
    #[must_use]
    pub fn file(&self, sequence: u64) -> Option<Arc<dyn DiskFile>> {
        self.shelf.lock().files.get(&sequence).map(|file| file.file.clone())
    }

    /// Opens the log file `sequence` without taking it in.
    ///
    /// # Errors
    /// I/O errors as such; [`Error`] when its header is damaged, newer, or another node's or file's.
    pub fn open(&self, sequence: u64) -> io::Result<Result<OpenFile, Error>> {
        let file = self.disk.open(&self.path(&log_name(sequence)), OpenMode::Existing)?;
        let malformed = |why| Err(Error::Malformed { what: "log file", why });
        Ok(match FileHeader::read(&*file)? {
            Ok(header) if header.generation != sequence => malformed("it bears another file's number"),
            Ok(header) if header.node != self.node => malformed("it is another node's"),
            Ok(header) => Ok((file, header)),
            Err(error) => Err(error),
        })
    }

    /// Looks for an index of a newer format.
    ///
    /// # Errors
    /// [`Error::NewerFormat`]; I/O errors as such.
    pub fn check_index_format(&self, sequence: u64) -> io::Result<Result<(), Error>> {
        let mut beginning = [0; HEADING_BYTES];
        match self.disk.open(&self.path(&index_name(sequence)), OpenMode::Existing) {
            Ok(file) => read_around(&*file, 0, &mut beginning)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(FileIndex::check_format(&beginning))
    }

    /// Reads a file's index.
    ///
    /// # Errors
    /// I/O errors; [`io::ErrorKind::Unsupported`] for a newer format.
    pub fn read_index(&self, sequence: u64) -> io::Result<StoredIndex> {
        let bytes = match super::disk::read_file(&*self.disk, &self.path(&index_name(sequence))) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(StoredIndex::Missing),
            Err(error) if is_damage(&error) => return Ok(StoredIndex::Damaged),
            Err(error) => return Err(error),
        };
        match FileIndex::decode(&bytes) {
            Ok(index) if index.generation == sequence => Ok(StoredIndex::Sound(index)),
            Err(error @ Error::NewerFormat { .. }) => Err(io::Error::new(io::ErrorKind::Unsupported, error)),
            _ => Ok(StoredIndex::Damaged),
        }
    }

    /// Reads a file's frames and says whether flushed ones among them are lost.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn scan(&self, file: &dyn DiskFile, sequence: u64) -> io::Result<super::frame::Scan> {
        let length = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; length];
        file.read_at(0, &mut bytes)?;
        Ok(scan(&Bytes::from(bytes), sequence))
    }

    /// Takes in a file of which the index is known.
    pub fn adopt_sealed(&self, sequence: u64, file: Arc<dyn DiskFile>) {
        self.shelf.lock().files.insert(sequence, LogFile { file, phase: Phase::Sealed });
    }

    /// Takes in an fsynced file that has no index yet.
    pub fn adopt_rolled(&self, sequence: u64, file: Arc<dyn DiskFile>) {
        self.shelf.lock().files.insert(sequence, LogFile { file, phase: Phase::Rolled });
    }

    /// Whether a file without an index has no frames. It is read to its end where it does not begin with one: behind a damaged
    /// frame others may follow.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn is_empty(&self, file: &dyn DiskFile, sequence: u64) -> io::Result<bool> {
        let length = file.len()?.min(FRAMES_AT + super::frame::FRAME_HEADER_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?];
        file.read_at(0, &mut bytes)?;
        if super::frame::begins(&bytes, sequence) {
            return Ok(false);
        }
        let scan = self.scan(file, sequence)?;
        Ok(scan.frames.is_empty() && !scan.lost)
    }

    /// Makes a file without frames the spare again, or removes it when there is one.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn put_back(&self, sequence: u64) -> io::Result<()> {
        if self.shelf.lock().spare {
            return self.disk.remove(&self.path(&log_name(sequence)));
        }
        self.disk.rename(&self.path(&log_name(sequence)), &self.path(SPARE))?;
        self.shelf.lock().spare = true;
        Ok(())
    }

    /// Sets a file aside whose header is damaged: it is kept for whoever wants to look, and no longer read.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn set_aside(&self, sequence: u64) -> io::Result<()> {
        self.remove_index(sequence)?;
        self.disk.rename(&self.path(&log_name(sequence)), &self.path(&format!("{sequence:016x}.damaged")))?;
        self.disk.sync_dir(&self.dir)
    }

    /// Removes a file whose frames were copied.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn discard(&self, sequence: u64) -> io::Result<()> {
        self.disk.remove(&self.path(&log_name(sequence)))
    }

    /// Copies frames into a new file, fsyncs it, and only then names it: after a start nothing is told of bytes that may be
    /// in the kernel only. Returns its number, and the place of each frame's batch.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn copy_tail(&self, from: u64, frames: &[(Bytes, Notes)]) -> io::Result<(u64, Vec<Place>)> {
        let sequence = self.shelf.lock().next;
        let mut tip = Tip::start(sequence);
        let mut bytes = vec![0; FRAMES_AT as usize];
        let header = FileHeader { node: self.node, generation: sequence, copies: from }.encode();
        bytes[..header.len()].copy_from_slice(&header);
        let mut places = Vec::with_capacity(frames.len());
        for (batch, notes) in frames {
            let offset = tip.push(batch, *notes, &mut bytes) as u32;
            places.push(Place { file: sequence, offset, bytes: batch.len() as u32 });
        }
        let filling = self.path(FILLING);
        let file = self.disk.open(&filling, OpenMode::OrCreate)?;
        file.set_len(0)?;
        file.write_at(0, &bytes)?;
        file.sync()?;
        self.disk.rename(&filling, &self.path(&log_name(sequence)))?;
        self.disk.sync_dir(&self.dir)?;
        self.disk.remove(&self.path(&log_name(from)))?;
        let mut shelf = self.shelf.lock();
        shelf.next = sequence + 1;
        shelf.files.insert(sequence, LogFile { file, phase: Phase::Rolled });
        Ok((sequence, places))
    }

    /// Makes a file ready for the append path, unless one is. `allowance`: bytes that the log may have with it.
    ///
    /// # Errors
    /// [`io::ErrorKind::QuotaExceeded`] when it would have more, [`io::ErrorKind::StorageFull`] when the headroom would be
    /// used up; any I/O error.
    pub fn prepare(&self, allowance: u64) -> io::Result<()> {
        self.prepare_up_to(|| self.file_bytes, allowance)
    }

    /// [Prepares](Files::prepare) the next file, or of a new one as much as the use of the active one asks for.
    ///
    /// # Errors
    /// As [`Files::prepare`].
    pub fn prepare_in_step(&self, allowance: u64) -> io::Result<()> {
        self.prepare_up_to(|| self.fill_due(), allowance)
    }

    /// How far a new file is to be filled by now.
    fn fill_due(&self) -> u64 {
        let step = self.file_bytes.div_ceil(FILL_STEPS);
        let steps = self.used.load(Ordering::Relaxed) * 2 / step + 1;
        (steps * step).min(self.file_bytes)
    }

    fn prepare_up_to(&self, due: impl FnOnce() -> u64, allowance: u64) -> io::Result<()> {
        let mut filling = self.filling.lock();
        let (sequence, spare, files, due) = {
            let shelf = self.shelf.lock();
            if shelf.prepared.is_some() {
                return Ok(());
            }
            // Under this lock: a file that is taken meanwhile is the active one, and hardly used.
            (shelf.next, shelf.spare, shelf.files.len() as u64, due())
        };
        // Each portion of the background's work comes by here: what is filled so far is not fsynced once more.
        if !spare && filling.as_ref().is_some_and(|begun| begun.bytes >= due) {
            return Ok(());
        }
        if (files + 1).saturating_mul(self.file_bytes) > allowance {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let mut new = if spare {
            self.spare(filling.take().is_some())?
        } else {
            let filled = filling.as_ref().map_or(0, |begun| begun.bytes);
            let space = self.disk.space(&self.dir)?;
            if space.free < self.file_bytes - filled + space.total / 100 * self.headroom_percent {
                return Err(io::ErrorKind::StorageFull.into());
            }
            filling.take().map_or_else(|| self.empty(FILLING), Ok)?
        };
        new.fill(due)?;
        if new.bytes < self.file_bytes {
            new.file.sync()?;
            *filling = Some(new);
            return Ok(());
        }
        new.file.write_at(0, &FileHeader { node: self.node, generation: sequence, copies: 0 }.encode())?;
        new.file.sync()?;
        let source = self.path(if spare { SPARE } else { FILLING });
        self.disk.rename(&source, &self.path(&log_name(sequence)))?;
        self.disk.sync_dir(&self.dir)?;
        let file = new.file;
        let blocks = file.clone().direct().unwrap_or_else(|| file.clone());
        let mut shelf = self.shelf.lock();
        // A file may have been retired while a new one was filled.
        shelf.spare &= !spare;
        shelf.next = sequence + 1;
        shelf.prepared = Some(Prepared { sequence, file, blocks });
        Ok(())
    }

    /// The spare, whole. A new file that was `begun` is not needed any more.
    fn spare(&self, begun: bool) -> io::Result<Filling> {
        if begun {
            self.disk.remove(&self.path(FILLING))?;
        }
        let file = self.disk.open(&self.path(SPARE), OpenMode::OrCreate)?;
        if file.len()? == self.file_bytes {
            return Ok(Filling { file, bytes: self.file_bytes });
        }
        // From other settings.
        let mut spare = self.empty(SPARE)?;
        spare.fill(self.file_bytes)?;
        Ok(spare)
    }

    fn empty(&self, name: &str) -> io::Result<Filling> {
        let file = self.disk.open(&self.path(name), OpenMode::OrCreate)?;
        file.set_len(0)?;
        Ok(Filling { file, bytes: 0 })
    }

    /// Whether a file is ready.
    #[must_use]
    pub fn is_prepared(&self) -> bool {
        self.shelf.lock().prepared.is_some()
    }

    /// Reads a stored batch and checks it.
    ///
    /// # Errors
    /// [`ReadFault`].
    pub fn read(&self, place: Place, patience: Patience) -> Result<Bytes, ReadFault> {
        let file = {
            let shelf = self.shelf.lock();
            shelf.files.get(&place.file).map(|file| file.file.clone()).ok_or(ReadFault::Retired(place.file))?
        };
        let mut bytes = vec![0; place.bytes as usize];
        let read = patience.read(&*file, place.offset.into(), &mut bytes);
        if !self.shelf.lock().files.contains_key(&place.file) {
            return Err(ReadFault::Retired(place.file));
        }
        if !read.map_err(|error| ReadFault::Io { place, error })? {
            return Err(ReadFault::NotCached(place));
        }
        BatchHeader::decode(&bytes).map_err(|error| ReadFault::Damaged { place, error })?;
        Ok(bytes.into())
    }

    /// Rolled files that have no index yet, ascending.
    #[must_use]
    pub fn rolled(&self) -> Vec<(u64, Arc<dyn DiskFile>)> {
        let shelf = self.shelf.lock();
        let rolled = shelf.files.iter().filter(|(_, file)| file.phase == Phase::Rolled);
        rolled.map(|(sequence, file)| (*sequence, file.file.clone())).collect()
    }

    /// Writes a rolled file's index, durable on return.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn seal(&self, index: &FileIndex) -> io::Result<()> {
        replace_file(&*self.disk, &self.path(&index_name(index.generation)), &index.encode())?;
        if let Some(file) = self.shelf.lock().files.get_mut(&index.generation) {
            file.phase = Phase::Sealed;
        }
        Ok(())
    }

    /// The sealed files beyond `sequence`, ascending, up to the first one that is not sealed.
    #[must_use]
    pub fn sealed_after(&self, sequence: u64) -> Vec<u64> {
        let shelf = self.shelf.lock();
        let sealed = shelf.files.iter().take_while(|(_, file)| file.phase == Phase::Sealed);
        sealed.map(|(found, _)| *found).filter(|found| *found > sequence).collect()
    }

    /// The oldest file, if it is sealed.
    #[must_use]
    pub fn oldest_sealed(&self) -> Option<u64> {
        let shelf = self.shelf.lock();
        shelf.files.iter().next().filter(|(_, file)| file.phase == Phase::Sealed).map(|(sequence, _)| *sequence)
    }

    /// Size of a file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Bytes of all files with frames.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.shelf.lock().files.len() as u64 * self.file_bytes
    }

    /// Gives a file up whose records images cover: it becomes the spare, or goes.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn retire(&self, sequence: u64) -> io::Result<()> {
        let spare = {
            let mut shelf = self.shelf.lock();
            shelf.files.remove(&sequence);
            shelf.spare
        };
        self.remove_index(sequence)?;
        // An index without its file is a loss to whoever starts.
        self.disk.sync_dir(&self.dir)?;
        let path = self.path(&log_name(sequence));
        let gone = if spare { self.disk.remove(&path) } else { self.disk.rename(&path, &self.path(SPARE)) };
        match gone {
            // Somebody removed it: the redo in it was asked of peers.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            gone => gone?,
        }
        self.disk.sync_dir(&self.dir)?;
        if !spare {
            self.shelf.lock().spare = true;
        }
        Ok(())
    }

    /// The log's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Filling {
    /// Fills it up to `end`.
    fn fill(&mut self, end: u64) -> io::Result<()> {
        let zeros = vec![0; FILL_BYTES.min(end.saturating_sub(self.bytes) as usize)];
        while self.bytes < end {
            let length = (end - self.bytes).min(zeros.len() as u64);
            self.file.write_at(self.bytes, &zeros[..length as usize])?;
            self.bytes += length;
        }
        Ok(())
    }
}

struct Active {
    sequence: u64,
    blocks: Arc<dyn DiskFile>,
    tip: Tip,
}

/// The writing end.
pub struct Log {
    files: Arc<Files>,
    active: Option<Active>,
    /// Frames not written yet, and before them what is written of the block that they go on in.
    buffer: Vec<u8>,
    /// Where the first of these frames begins.
    start: Option<Tip>,
    /// How far a new file was to be filled when [`Log::asks_for_more`] was last called.
    asked: u64,
}

impl Log {
    /// Writes into files of `files`; the first is taken when needed.
    #[must_use]
    pub fn new(files: Arc<Files>) -> Log {
        Log { files, active: None, buffer: Vec::with_capacity(64 << 10), start: None, asked: 0 }
    }

    /// Whether a batch of `bytes` fits the current file.
    #[must_use]
    pub fn fits(&self, bytes: usize) -> bool {
        self.fits_frames(Tip::frame_bytes(bytes))
    }

    /// Whether frames of so many bytes fit the current file.
    #[must_use]
    pub fn fits_frames(&self, bytes: u64) -> bool {
        let room = FRAMES_AT + self.files.room();
        self.active.as_ref().is_some_and(|active| active.tip.end + bytes <= room)
    }

    /// [Ends](Log::close) the current file and moves on to the next.
    ///
    /// # Errors
    /// As [`Files::prepare`], when there is none.
    ///
    /// # Panics
    /// When frames are waiting to be written.
    pub fn roll(&mut self, allowance: u64) -> io::Result<()> {
        assert!(self.is_clean(), "a round ends before its file does");
        // Also where there is no next one: what is in it may have to become images before there is room.
        self.close();
        if !self.files.is_prepared() {
            self.files.prepare(allowance)?;
        }
        let mut shelf = self.files.shelf.lock();
        let Some(Prepared { sequence, file, blocks }) = shelf.prepared.take() else {
            return Err(io::Error::other("the prepared log file vanished"));
        };
        shelf.files.insert(sequence, LogFile { file, phase: Phase::Active });
        self.active = Some(Active { sequence, blocks, tip: Tip::start(sequence) });
        self.files.used.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Ends the current file, so that it can be sealed. Everything in it must be synced.
    pub fn close(&mut self) {
        if let Some(full) = self.active.take() {
            self.buffer.clear();
            let mut shelf = self.files.shelf.lock();
            shelf.files.entry(full.sequence).and_modify(|file| file.phase = Phase::Rolled);
            self.files.used.store(self.files.file_bytes, Ordering::Relaxed);
        }
    }

    /// Whether [`Files::prepare_in_step`] has something to do that it had not before. Once a step: who can do nothing, for there
    /// is no room, is not to try again after every write.
    pub fn asks_for_more(&mut self) -> bool {
        let due = self.files.fill_due();
        std::mem::replace(&mut self.asked, due) != due && !self.files.is_prepared()
    }

    /// Where the next batch would lie.
    ///
    /// # Panics
    /// When it does not [fit](Log::fits).
    #[must_use]
    pub fn next_place(&self, bytes: usize) -> Place {
        assert!(self.fits(bytes), "the caller rolls first");
        let active = self.active.as_ref().expect("a batch fits only an active file");
        let offset = (active.tip.end + super::frame::FRAME_HEADER_BYTES as u64) as u32;
        Place { file: active.sequence, offset, bytes: bytes as u32 }
    }

    /// Adds a batch to what [`Log::write`] writes.
    ///
    /// # Panics
    /// When it does not [fit](Log::fits).
    pub fn push(&mut self, batch: &[u8], notes: Notes) {
        assert!(self.fits(batch.len()), "the caller rolls first");
        let active = self.active.as_mut().expect("a batch fits only an active file");
        self.start.get_or_insert(active.tip);
        active.tip.push(batch, notes, &mut self.buffer);
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.start.is_none()
    }

    /// Writes the waiting frames, with one write of whole blocks.
    ///
    /// # Errors
    /// Any I/O error: the frames are forgotten, and the next ones overwrite what was written of them.
    pub fn write(&mut self) -> io::Result<()> {
        let written = self.in_blocks(|blocks, offset, bytes| blocks.write_at(offset, bytes));
        written.map_or(Ok(()), |written| self.end_write(written))
    }

    /// Whether writes and fsyncs of the current file may be [begun](Log::begin_write) and awaited by nobody.
    #[must_use]
    pub fn begins(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.blocks.begins())
    }

    /// Begins to write the waiting frames, and to make these durable. They wait until [`Log::end_write`].
    ///
    /// # Errors
    /// Nothing was begun.
    ///
    /// # Panics
    /// When none waits.
    pub fn begin_write(&mut self, durably: bool, done: Done) -> Result<(), Done> {
        let begun = self.in_blocks(|file, offset, blocks| {
            let step = if durably { Step::WriteDurably { offset, blocks } } else { Step::Write { offset, blocks } };
            file.begin(step, done)
        });
        begun.expect("frames wait")
    }

    /// Calls `write` with the waiting frames as whole blocks, if any wait.
    fn in_blocks<T>(&mut self, write: impl FnOnce(&dyn DiskFile, u64, &[u8]) -> T) -> Option<T> {
        let (active, start) = (self.active.as_ref()?, self.start.as_ref()?);
        let (kept, filled) = (start.end % BLOCK_BYTES as u64, self.buffer.len());
        self.buffer.resize(filled.next_multiple_of(BLOCK_BYTES), 0);
        let result = write(&*active.blocks, start.end - kept, &self.buffer);
        self.buffer.truncate(filled);
        Some(result)
    }

    /// The write of the waiting frames has ended.
    ///
    /// # Errors
    /// As it ended: see [`Log::write`].
    pub fn end_write(&mut self, written: io::Result<()>) -> io::Result<()> {
        let (Some(active), Some(start)) = (self.active.as_mut(), self.start.take()) else { return written };
        let filled = self.buffer.len();
        if written.is_ok() {
            self.buffer.copy_within(filled - filled % BLOCK_BYTES..filled, 0);
            self.buffer.truncate(filled % BLOCK_BYTES);
        } else {
            self.buffer.truncate((start.end % BLOCK_BYTES as u64) as usize);
            active.tip = start;
        }
        self.files.used.store(active.tip.end, Ordering::Relaxed);
        written
    }

    /// Fsyncs what was written.
    ///
    /// # Errors
    /// Any I/O error: final.
    pub fn sync(&mut self) -> io::Result<()> {
        let Some(active) = self.active.as_ref() else { return Ok(()) };
        active.blocks.sync()?;
        self.end_sync();
        Ok(())
    }

    /// Begins to fsync what was written.
    ///
    /// # Errors
    /// Nothing was begun.
    pub fn begin_sync(&self, done: Done) -> Result<(), Done> {
        match &self.active {
            Some(active) => active.blocks.begin(Step::Sync, done),
            None => Err(done),
        }
    }

    /// Everything written is on the medium.
    pub fn end_sync(&mut self) {
        if let Some(active) = self.active.as_mut() {
            active.tip.synced = active.tip.number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::disk::{RealDisk, Space};
    use crate::sim::SimDisk;

    const FILE_BYTES: u64 = 1 << 20;

    /// A disk on which something happens before the next file is renamed.
    struct Meanwhile {
        disk: Arc<SimDisk>,
        event: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    }

    impl Disk for Meanwhile {
        fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
            self.disk.open(path, mode)
        }
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            let event = self.event.lock().take();
            event.into_iter().for_each(|event| event());
            self.disk.rename(from, to)
        }
        fn remove(&self, path: &Path) -> io::Result<()> {
            self.disk.remove(path)
        }
        fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
            self.disk.list(dir)
        }
        fn create_dir(&self, dir: &Path) -> io::Result<()> {
            self.disk.create_dir(dir)
        }
        fn sync_dir(&self, dir: &Path) -> io::Result<()> {
            self.disk.sync_dir(dir)
        }
        fn space(&self, dir: &Path) -> io::Result<Space> {
            self.disk.space(dir)
        }
        fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
            self.disk.lock(path)
        }
    }

    #[test]
    fn a_file_that_is_retired_while_a_new_one_is_filled_is_used_again() {
        let disk = Arc::new(Meanwhile { disk: SimDisk::new(), event: Mutex::default() });
        let files = Arc::new(Files::new(disk.clone(), PathBuf::from("/log"), NodeId(1), FILE_BYTES, 0));
        files.discover().expect("an empty directory");
        let mut log = Log::new(files.clone());
        log.roll(u64::MAX).expect("it is made");
        log.close();
        let retired = files.clone();
        *disk.event.lock() = Some(Box::new(move || retired.retire(1).expect("it is there")));
        files.prepare(u64::MAX).expect("there is room");
        assert!(files.is_prepared() && files.has_spare());
        assert!(disk.disk.paths().contains(&PathBuf::from("/log").join(SPARE)));
    }

    #[test]
    fn what_a_file_held_in_its_former_life_is_overwritten_in_whole_blocks() {
        let disk = SimDisk::new();
        let files = Arc::new(Files::new(disk, PathBuf::from("/log"), NodeId(1), FILE_BYTES, 0));
        files.discover().expect("an empty directory");
        let mut log = Log::new(files.clone());
        log.roll(u64::MAX).expect("it is made");
        let batch = vec![7; (files.room() - Tip::frame_bytes(0)) as usize];
        log.push(&batch, Notes::default());
        log.write().expect("there is room");
        log.close();
        files.retire(1).expect("it is there");
        log.roll(u64::MAX).expect("it is used again");
        let mut written = FRAMES_AT;
        for bytes in [100, BLOCK_BYTES, 10] {
            log.push(&batch[..bytes], Notes::default());
            written += Tip::frame_bytes(bytes);
            log.write().expect("there is room");
            let end = written.next_multiple_of(BLOCK_BYTES as u64);
            let mut found = vec![0; (end + 8 - written) as usize];
            files.file(2).expect("it is active").read_at(written, &mut found).expect("it is memory");
            let (rest, beyond) = found.split_at((end - written) as usize);
            assert!(rest.iter().all(|byte| *byte == 0), "the kernel need not know what was there");
            assert_eq!(beyond, [7; 8]);
        }
    }

    /// Writes batches of odd lengths one by one, and before each another one that may `fail`. Then all are in the file as they
    /// were pushed.
    fn write_and_read(disk: Arc<dyn Disk>, dir: &Path, fail: impl Fn()) {
        let files = Arc::new(Files::new(disk, dir.to_owned(), NodeId(1), FILE_BYTES, 0));
        files.discover().expect("an empty directory");
        let mut log = Log::new(files.clone());
        log.roll(u64::MAX).expect("it is made");
        let mut pushed = Vec::new();
        for (n, bytes) in (1..).zip([100, 5000, 10, BLOCK_BYTES, 3 * BLOCK_BYTES - 7, 4, 4, 900]) {
            let place = log.next_place(3000);
            log.push(&[0xff; 3000], Notes::default());
            fail();
            if log.write().is_ok() {
                pushed.push((place, vec![0xff; 3000]));
            }
            pushed.push((log.next_place(bytes), vec![n; bytes]));
            log.push(&vec![n; bytes], Notes::default());
            log.write().expect("there is room");
            log.sync().expect("a disk");
        }
        let file = files.file(1).expect("it is active");
        for (place, batch) in &pushed {
            let mut found = vec![0; batch.len()];
            file.read_at(place.offset.into(), &mut found).expect("it is there");
            assert!(found == *batch, "at {place:?}");
        }
    }

    #[test]
    fn a_block_is_written_again_with_what_it_held() {
        let dir = tempfile::tempdir().expect("a directory");
        write_and_read(Arc::new(RealDisk), dir.path(), || ());
        let disk = SimDisk::new();
        write_and_read(disk.clone(), Path::new("/log"), || ());
        let failing = SimDisk::new();
        write_and_read(failing.clone(), Path::new("/log"), || failing.fail_operation_after(0, libc::ENOSPC));
    }

    #[test]
    fn a_file_that_is_filled_as_far_as_is_due_costs_nothing() {
        let disk = SimDisk::new();
        let files = Arc::new(Files::new(disk.clone(), PathBuf::from("/log"), NodeId(1), FILE_BYTES, 0));
        files.discover().expect("an empty directory");
        let mut log = Log::new(files.clone());
        log.roll(u64::MAX).expect("it is made");
        files.prepare_in_step(u64::MAX).expect("there is room");
        disk.fail_operation_after(0, libc::EIO);
        files.prepare_in_step(u64::MAX).expect("the disk is not asked for anything");
        log.push(&[7; 100], Notes::default());
        log.write().expect_err("that failure is still to come");
    }

    #[test]
    fn a_log_for_which_there_is_no_room_asks_once_a_step() {
        let files = Arc::new(Files::new(SimDisk::new(), PathBuf::from("/log"), NodeId(1), FILE_BYTES, 0));
        files.discover().expect("an empty directory");
        let mut log = Log::new(files.clone());
        log.roll(u64::MAX).expect("it is made");
        let mut asked = 0;
        while log.fits(100) {
            asked += u64::from(log.asks_for_more());
            files.prepare_in_step(FILE_BYTES).expect_err("one file is all that it may have");
            log.push(&[7; 100], Notes::default());
            log.write().expect("there is room");
        }
        assert_eq!(asked, FILL_STEPS);
        log.roll(u64::MAX).expect("there is room again");
        assert!(log.asks_for_more(), "for the next one");
        files.prepare(u64::MAX).expect("there is room");
        log.push(&[7; FILE_BYTES as usize / FILL_STEPS as usize], Notes::default());
        log.write().expect("there is room");
        assert!(!log.asks_for_more(), "it is there");
    }

    #[test]
    fn a_new_file_is_filled_as_the_active_one_is_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let length = |name: &str| std::fs::metadata(dir.path().join(name)).map_or(0, |file| file.len());
        let disk = Arc::new(RealDisk);
        let files = Arc::new(Files::new(disk, dir.path().to_owned(), NodeId(1), FILE_BYTES, 0));
        files.discover().expect("an empty directory");
        files.prepare_in_step(u64::MAX).expect("there is room");
        assert!(files.is_prepared(), "where there is no active file the next one is wanted whole");
        let mut log = Log::new(files.clone());
        log.roll(u64::MAX).expect("it is ready");
        let (batch, step) = (vec![7; 10_000], FILE_BYTES / FILL_STEPS);
        let mut used = 0;
        while used < FILE_BYTES / 4 {
            files.prepare_in_step(u64::MAX).expect("there is room");
            let filled = length(FILLING);
            assert!((used * 2..=used * 2 + step).contains(&filled), "{filled} are filled when {used} are used");
            used = log.next_place(batch.len()).offset as u64 + batch.len() as u64;
            log.push(&batch, Notes::default());
            log.write().expect("there is room");
        }
        // Nobody filled the rest of it in time.
        log.roll(u64::MAX).expect("it is made ready");
        assert_eq!((length(&log_name(2)), length(FILLING)), (FILE_BYTES, 0));
        files.prepare_in_step(u64::MAX).expect("there is room");
        assert_eq!(length(FILLING), step);
        // A file that is retired takes its place.
        files.retire(1).expect("it is there");
        files.prepare_in_step(u64::MAX).expect("there is room");
        assert_eq!((length(FILLING), length(SPARE), length(&log_name(3))), (0, 0, FILE_BYTES));
    }
}
