//! A disk in memory that separates what was written from what is durable.
//!
//! **Rule.** A write is seen at once and is durable after [`DiskFile::sync`] of its file; a name (made, renamed, removed) is
//! seen at once and is durable after [`Disk::sync_dir`] of its directory. [`SimDisk::crash`] ends every open file and lock
//! and takes back what was not durable: all of it, none of it (only the process died), or a part chosen by the caller, in
//! pieces of a sector, in any order: that is what torn writes look like.
//!
//! Faults are exact: the n-th fsync fails, the disk has so many bytes left, this bit is flipped.
//!
//! What is [begun](DiskFile::begin), once the disk [lets be begun](SimDisk::let_begin), is written at once, ends when the test
//! [says so](SimDisk::end), and is durable then, if it was to be: it and nothing that was written before. What was written there
//! before does not come back over it, as the cache of a drive has one content for a sector.
//!
//! Zeros at the end of a file take no memory: log files are filled with them before anything is written there, and a
//! simulation makes thousands.

use super::sparse::{Sparse, without_last_zeros};
use crate::node::disk::{Disk, DiskFile, Done, OpenMode, Space, Step};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What reaches the medium as a unit.
const SECTOR_BYTES: usize = 512;

/// What a crash takes.
pub enum Loss<'a> {
    /// Nothing: the process died, the kernel lives.
    Nothing,
    /// Everything that was not fsynced.
    Everything,
    /// Of the writes that were not fsynced, the sectors for which this says `false`, asked with a running number.
    Sectors(&'a mut dyn FnMut(usize) -> bool),
    /// Of the writes that were not fsynced, all bytes behind the first so many.
    Behind(usize),
}

type FileId = u64;

#[derive(Default)]
struct Content {
    now: Sparse,
    durable: Sparse,
    /// Writes since the last sync.
    unsynced: Vec<Unsynced>,
    /// Bytes that cannot be read until they are written again.
    spoilt: Vec<std::ops::Range<u64>>,
}

/// A write that may or may not reach the medium.
struct Unsynced {
    offset: u64,
    len: usize,
    /// Without the zeros at its end.
    bytes: Vec<u8>,
    /// Its number among the writes of the disk.
    number: u64,
}

/// What was begun and has not ended.
struct Begun {
    file: SimFile,
    /// How the write went.
    written: io::Result<()>,
    makes_durable: Durable,
    done: Done,
}

/// What is durable at the end of what was begun.
enum Durable {
    Nothing,
    /// The write with this number.
    Write(u64),
    Everything,
}

impl Unsynced {
    /// Puts the bytes `from..to` of it into a file.
    fn put(&self, into: &mut Sparse, from: usize, to: usize) {
        let stored = &self.bytes[from.min(self.bytes.len())..to.min(self.bytes.len())];
        into.write(self.offset + from as u64, stored, to - from);
    }

    /// Has the bytes of a newer write where that wrote, too.
    fn give_way_to(&mut self, newer: &Unsynced) {
        let from = self.offset.max(newer.offset);
        let to = (self.offset + self.len as u64).min(newer.offset + newer.len as u64);
        if from < to {
            let mut bytes = Sparse::default();
            bytes.write(0, &self.bytes, self.len);
            let mut news = vec![0; (to - from) as usize];
            let stored = newer.bytes.get((from - newer.offset) as usize..).unwrap_or_default();
            let there = stored.len().min(news.len());
            news[..there].copy_from_slice(&stored[..there]);
            bytes.write(from - self.offset, &news, news.len());
            self.bytes = bytes.to_vec();
        }
    }
}

#[derive(Default)]
struct State {
    files: BTreeMap<FileId, Content>,
    names: BTreeMap<PathBuf, FileId>,
    durable_names: BTreeMap<PathBuf, FileId>,
    dirs: BTreeSet<PathBuf>,
    locks: BTreeSet<PathBuf>,
    next: FileId,
    /// Counts crashes: files and locks of an earlier life are dead.
    life: u64,
    syncs: u64,
    writes: u64,
    fail_sync_at: Option<u64>,
    cut_sync_at: Option<u64>,
    fail_write_at: Option<u64>,
    operations: u64,
    fail_operation_at: Option<(u64, i32)>,
    room: Option<u64>,
    /// Files with names that end so are never made durable.
    lies_about: Option<&'static str>,
    /// What decides which reads find everything in memory, and how often that was asked.
    memory: Option<(u64, u64)>,
    /// Those that do not are said to have done so.
    boasts: bool,
    /// What was begun and has not ended, if anything may be begun.
    begun: Option<Vec<Begun>>,
}

/// See the module.
#[derive(Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct SimFile {
    state: Arc<Mutex<State>>,
    id: FileId,
    life: u64,
}

struct SimLock {
    state: Arc<Mutex<State>>,
    path: PathBuf,
    life: u64,
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Arc<SimDisk> {
        Arc::default()
    }

    /// Ends every open file and lock and takes back what `loss` says.
    pub fn crash(&self, mut loss: Loss<'_>) {
        // They keep what has locks here.
        let _never_ended = self.state.lock().begun.as_mut().map(std::mem::take);
        let mut state = self.state.lock();
        state.life += 1;
        state.locks.clear();
        (state.fail_sync_at, state.cut_sync_at, state.fail_write_at) = (None, None, None);
        state.fail_operation_at = None;
        let mut sector = 0;
        let mut behind = 0;
        for content in state.files.values_mut() {
            let unsynced = std::mem::take(&mut content.unsynced);
            match &mut loss {
                Loss::Nothing => {
                    // The kernel still has it, and it is still not on the medium.
                    content.unsynced = unsynced;
                    continue;
                }
                Loss::Everything => {}
                Loss::Sectors(keep) => {
                    for write in unsynced {
                        let mut at = 0;
                        while at < write.len {
                            let to = SECTOR_BYTES - (write.offset as usize + at) % SECTOR_BYTES;
                            let end = (at + to).min(write.len);
                            if keep(sector) {
                                write.put(&mut content.durable, at, end);
                            }
                            sector += 1;
                            at = end;
                        }
                    }
                }
                Loss::Behind(limit) => {
                    for write in unsynced {
                        let keep = limit.saturating_sub(behind).min(write.len);
                        write.put(&mut content.durable, 0, keep);
                        behind += write.len;
                    }
                }
            }
            content.now = content.durable.clone();
        }
        if !matches!(loss, Loss::Nothing) {
            state.names = state.durable_names.clone();
            let live: BTreeSet<FileId> = state.names.values().copied().collect();
            state.files.retain(|id, _| live.contains(id));
        }
    }

    /// Fsyncs so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// Writes so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.state.lock().writes
    }

    /// Makes the fsync after `more` further ones fail.
    pub fn fail_sync_after(&self, more: u64) {
        let mut state = self.state.lock();
        state.fail_sync_at = Some(state.syncs + more);
    }

    /// Makes the fsync after `more` further ones, and every later one, never come to an end: nothing more reaches the medium
    /// by it, and what was written is subject to the crash that follows.
    pub fn cut_sync_after(&self, more: u64) {
        let mut state = self.state.lock();
        state.cut_sync_at = Some(state.syncs + more);
    }

    /// Makes the write after `more` further ones fail, and every later one.
    pub fn fail_write_after(&self, more: u64) {
        let mut state = self.state.lock();
        state.fail_write_at = Some(state.writes + more);
    }

    /// From now on writes and fsyncs may be begun.
    pub fn let_begin(&self) {
        self.state.lock().begun = Some(Vec::new());
    }

    /// How many have begun and not ended.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.state.lock().begun.as_ref().map_or(0, Vec::len)
    }

    /// Ends what was begun first: as it should, or with an error of the operating system, and then nothing is made durable.
    /// `false` when nothing was begun.
    pub fn end(&self, error: Option<i32>) -> bool {
        let begun = {
            let mut state = self.state.lock();
            state.begun.as_mut().filter(|begun| !begun.is_empty()).map(|begun| begun.remove(0))
        };
        let Some(Begun { file, written, makes_durable, done }) = begun else { return false };
        let ended = match (error, makes_durable) {
            (Some(error), _) => Err(io::Error::from_raw_os_error(error)),
            (None, Durable::Nothing) => written,
            (None, Durable::Write(number)) => written.and_then(|()| file.sync_only(|write| write.number == number)),
            (None, Durable::Everything) => file.sync(),
        };
        done(ended);
        true
    }

    /// Operations of any kind so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Bytes of all files that have a name.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        let state = self.state.lock();
        state.names.values().filter_map(|id| state.files.get(id)).map(|content| content.now.len()).sum()
    }

    /// Makes the operation after `more` further ones fail with an error of the operating system: once.
    pub fn fail_operation_after(&self, more: u64, error: i32) {
        let mut state = self.state.lock();
        state.fail_operation_at = Some((state.operations + more, error));
    }

    /// Leaves `bytes` of room, or no limit.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.state.lock().room = bytes;
    }

    /// Takes back every fault that was asked for and has not come, and gives all the room there is.
    pub fn mend(&self) {
        let mut state = self.state.lock();
        (state.fail_sync_at, state.cut_sync_at, state.fail_write_at, state.room) = (None, None, None, None);
    }

    /// From now on the fsync of files with names that end in `suffix` says that it succeeded and does nothing.
    pub fn lie_about(&self, suffix: &'static str) {
        self.state.lock().lies_about = Some(suffix);
    }

    /// From now on half of the reads find in memory what they want, as `seed` has it. Before that none does.
    pub fn remember(&self, seed: u64) {
        self.state.lock().memory = Some((seed, 0));
    }

    /// From now on a read that does not find in memory what it wants says that it has read it.
    pub fn boast(&self) {
        self.state.lock().boasts = true;
    }

    /// Flips `bits` of a byte, on the medium and in the kernel.
    ///
    /// # Panics
    /// When there is no such file or byte.
    pub fn flip(&self, path: &Path, offset: usize, bits: u8) {
        let mut state = self.state.lock();
        let id = state.names[path];
        let content = state.files.get_mut(&id).expect("a name has a file");
        assert!((offset as u64) < content.now.len(), "there is such a byte");
        for medium in [&mut content.now, &mut content.durable] {
            medium.flip(offset, bits);
        }
    }

    /// Makes bytes of a file unreadable: a read of any of them fails, until something of them is written again.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn spoil(&self, path: &Path, offset: u64, bytes: u64) {
        let mut state = self.state.lock();
        let id = state.names[path];
        state.files.get_mut(&id).expect("a name has a file").spoilt.push(offset..offset + bytes);
    }

    /// Gives files the contents that they once had, durably.
    ///
    /// # Panics
    /// When one of them is gone.
    pub fn put_back(&self, files: Vec<(PathBuf, Vec<u8>)>) {
        let mut state = self.state.lock();
        for (path, bytes) in files {
            let id = state.names[&path];
            let content = state.files.get_mut(&id).expect("a name has a file");
            let mut durable = Sparse::default();
            durable.write(0, &bytes, bytes.len());
            *content = Content { now: durable.clone(), durable, ..Content::default() };
        }
    }

    /// The names of all files, ascending.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state.lock().names.keys().cloned().collect()
    }

    /// The bytes of a file.
    ///
    /// # Panics
    /// When there is no such file.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state.lock();
        state.files[&state.names[path]].now.to_vec()
    }
}

impl State {
    /// Counts an operation; fails when it is its turn.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fail_operation_at {
            Some((at, error)) if at == self.operations - 1 => Err(io::Error::from_raw_os_error(error)),
            _ => Ok(()),
        }
    }

    /// Whether what is read next is in memory.
    fn is_in_memory(&mut self) -> bool {
        let Some((seed, asked)) = &mut self.memory else { return false };
        *asked += 1;
        // Multiplied by an odd number without a pattern, what counts up scatters over the highest bit.
        (*seed ^ *asked).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 0
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn dead() -> io::Error {
    io::Error::other("the disk's process died")
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.operate()?;
        let id = match (state.names.get(path), mode) {
            (Some(&id), _) => id,
            (None, OpenMode::Existing) => return Err(not_found()),
            (None, OpenMode::OrCreate) => {
                state.next += 1;
                let id = state.next;
                state.files.insert(id, Content::default());
                state.names.insert(path.to_owned(), id);
                id
            }
        };
        Ok(Arc::new(SimFile { state: self.state.clone(), id, life: state.life }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operate()?;
        let id = state.names.remove(from).ok_or_else(not_found)?;
        state.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operate()?;
        state.names.remove(path).map(drop).ok_or_else(not_found)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        if !state.dirs.contains(dir) {
            return Err(not_found());
        }
        let children = state.names.keys().chain(&state.dirs).filter(|path| path.parent() == Some(dir));
        Ok(children.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.operate()?;
        let inside = |path: &PathBuf| path.parent() == Some(dir);
        let mut durable = std::mem::take(&mut state.durable_names);
        durable.retain(|path, _| !inside(path));
        durable.extend(state.names.iter().filter(|(path, _)| inside(path)).map(|(path, id)| (path.clone(), *id)));
        state.durable_names = durable;
        Ok(())
    }

    fn space(&self, _dir: &Path) -> io::Result<Space> {
        let total = 1 << 40;
        Ok(Space { free: self.state.lock().room.unwrap_or(total), total })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = self.state.lock();
        if !state.locks.insert(path.to_owned()) {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "it is in use by process 1"));
        }
        Ok(Box::new(SimLock { state: self.state.clone(), path: path.to_owned(), life: state.life }))
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

impl std::fmt::Debug for SimFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimFile({})", self.id)
    }
}

impl SimFile {
    /// Makes those writes durable that are meant.
    fn sync_only(&self, is_meant: impl Fn(&Unsynced) -> bool) -> io::Result<()> {
        self.with(|state, id| {
            state.syncs += 1;
            let fails = state.fail_sync_at == Some(state.syncs - 1);
            if state.cut_sync_at.is_some_and(|at| state.syncs > at) {
                return Err(dead());
            }
            let named = |suffix: &str| {
                state.names.iter().any(|(path, named)| *named == id && path.to_string_lossy().ends_with(suffix))
            };
            if state.lies_about.is_some_and(named) {
                return Ok(());
            }
            let content = content(state, id)?;
            let (unsynced, rest): (Vec<_>, _) = std::mem::take(&mut content.unsynced).into_iter().partition(is_meant);
            content.unsynced = rest;
            if fails {
                // The kernel marks the pages clean: the next fsync succeeds and the bytes are not there.
                return Err(io::Error::from_raw_os_error(libc::EIO));
            }
            for write in unsynced {
                write.put(&mut content.durable, 0, write.len);
                let older = content.unsynced.iter_mut().filter(|older| older.number < write.number);
                older.for_each(|older| older.give_way_to(&write));
            }
            content.durable.set_len(content.now.len());
            Ok(())
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State, FileId) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        if state.life != self.life {
            return Err(dead());
        }
        state.operate()?;
        work(&mut state, self.id)
    }
}

fn content(state: &mut State, id: FileId) -> io::Result<&mut Content> {
    state.files.get_mut(&id).ok_or_else(not_found)
}

impl DiskFile for SimFile {
    fn direct(self: Arc<Self>) -> Option<Arc<dyn DiskFile>> {
        None
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.with(|state, id| {
            let content = content(state, id)?;
            let end = offset + buffer.len() as u64;
            if content.spoilt.iter().any(|spoilt| spoilt.start < end && offset < spoilt.end) {
                return Err(io::Error::from_raw_os_error(libc::EIO));
            }
            let there = content.now.read(offset, buffer);
            if there { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        })
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let (is_there, boasts) = {
            let mut state = self.state.lock();
            (state.is_in_memory(), state.boasts)
        };
        if is_there { self.read_at(offset, buffer).is_ok() } else { boasts }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(|state, id| {
            state.writes += 1;
            if state.fail_write_at.is_some_and(|at| state.writes > at) {
                return Err(io::Error::from_raw_os_error(libc::EIO));
            }
            let grows = (offset + bytes.len() as u64).saturating_sub(content(state, id)?.now.len());
            if let Some(room) = &mut state.room {
                *room = room.checked_sub(grows).ok_or(io::ErrorKind::StorageFull)?;
            }
            let number = state.writes;
            let content = content(state, id)?;
            let stored = without_last_zeros(bytes);
            content.now.write(offset, stored, bytes.len());
            let end = offset + bytes.len() as u64;
            content.spoilt.retain(|spoilt| end <= spoilt.start || spoilt.end <= offset);
            content.unsynced.push(Unsynced { offset, len: bytes.len(), bytes: stored.to_vec(), number });
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_only(|_| true)
    }

    fn begins(&self) -> bool {
        self.state.lock().begun.is_some()
    }

    fn begin(&self, step: Step<'_>, done: Done) -> Result<(), Done> {
        if self.state.lock().begun.is_none() {
            return Err(done);
        }
        let (written, durably) = match step {
            Step::Write { offset, blocks } => (self.write_at(offset, blocks), false),
            Step::WriteDurably { offset, blocks } => (self.write_at(offset, blocks), true),
            Step::Sync => (Ok(()), false),
        };
        let mut state = self.state.lock();
        let makes_durable = match step {
            Step::Sync => Durable::Everything,
            _ if durably => Durable::Write(state.writes),
            _ => Durable::Nothing,
        };
        let file = SimFile { state: self.state.clone(), ..*self };
        state.begun.get_or_insert_default().push(Begun { file, written, makes_durable, done });
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|state, id| Ok(content(state, id)?.now.len()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|state, id| {
            let content = content(state, id)?;
            content.now.set_len(len);
            content.unsynced.retain(|write| write.offset < len);
            for write in &mut content.unsynced {
                write.len = write.len.min((len - write.offset) as usize);
                write.bytes.truncate(write.len);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_synced_survives_a_loss_of_power() {
        let disk = SimDisk::new();
        let (a, b) = (PathBuf::from("/a"), PathBuf::from("/b"));
        disk.create_dir(Path::new("/")).expect("it is memory");
        let file = disk.open(&a, OpenMode::OrCreate).expect("it is memory");
        file.write_at(0, &[1; 1024]).expect("it is memory");
        file.sync().expect("it is memory");
        disk.sync_dir(Path::new("/")).expect("it is memory");
        file.write_at(512, &[2; 1024]).expect("it is memory");
        disk.open(&b, OpenMode::OrCreate).expect("it is memory");
        disk.crash(Loss::Sectors(&mut |sector| sector == 0));
        assert!(file.write_at(0, &[3]).is_err(), "a file of the former life is dead");
        assert_eq!(disk.paths(), std::slice::from_ref(&a));
        assert_eq!(disk.bytes(&a), [vec![1; 512], vec![2; 512]].concat());
    }

    #[test]
    fn nothing_older_comes_back_over_a_durable_write() {
        let disk = SimDisk::new();
        disk.let_begin();
        let path = PathBuf::from("/a");
        let file = disk.open(&path, OpenMode::OrCreate).expect("it is memory");
        disk.sync_dir(Path::new("/")).expect("it is memory");
        file.write_at(0, &[1; 2048]).expect("it is memory");
        let step = Step::WriteDurably { offset: 512, blocks: &[[2; 512], [0; 512]].concat() };
        file.begin(step, Box::new(|ended| ended.expect("it is memory"))).unwrap_or_else(|_| panic!("it may be begun"));
        assert!(disk.end(None));
        file.write_at(1536, &[3; 1024]).expect("it is memory");
        disk.crash(Loss::Sectors(&mut |sector| sector < 4));
        assert_eq!(disk.bytes(&path), [[1; 512], [2; 512], [0; 512], [1; 512]].concat());
    }
}
