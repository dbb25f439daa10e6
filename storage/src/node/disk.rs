//! The disk as a node sees it: files written and read at offsets, fsynced, renamed; and the real one.
//!
//! **Rule.** What was written is there after a crash of the process; after a loss of power only what was fsynced is: the
//! bytes by [`DiskFile::sync`], the names by [`Disk::sync_dir`]. A failed fsync is final: the kernel may have dropped the
//! pages and marked them clean, so that trying again would report a success that never was (LWN 752063, "fsyncgate").
//!
//! [`crate::sim::SimDisk`] implements the same traits and takes those rules at their word.

use super::aio::Aio;
pub(crate) use super::aio::together;
use parking_lot::Mutex;
use rustix::fs::{Advice, AtFlags, StatxFlags, fadvise, statx};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use rustix::process::{Resource, getrlimit};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// It must exist.
    Existing,
    /// It is created when absent.
    OrCreate,
}

/// Room on the file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Left for this process.
    pub free: u64,
    /// Altogether.
    pub total: u64,
}

/// A file system.
pub trait Disk: Send + Sync + 'static {
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// Any I/O error; likewise below.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames a file over another.
    ///
    /// # Errors
    /// See [`Disk::open`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// See [`Disk::open`].
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Names in a directory, in no order.
    ///
    /// # Errors
    /// See [`Disk::open`].
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a directory and those above it.
    ///
    /// # Errors
    /// See [`Disk::open`].
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in a directory survive a loss of power.
    ///
    /// # Errors
    /// See [`Disk::open`].
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Room left.
    ///
    /// # Errors
    /// See [`Disk::open`].
    fn space(&self, dir: &Path) -> io::Result<Space>;
    /// Takes the lock of a lock file for as long as the returned guard lives, and leaves the process's id in the file.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process has it; the message then names it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
    /// Whether files may be kept open that could be opened again: connections need handles, too.
    fn has_handles_to_spare(&self) -> bool {
        true
    }
}

/// An open file.
pub trait DiskFile: Send + Sync + std::fmt::Debug {
    /// Reads exactly `buffer.len()` bytes at `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file ends before; any I/O error.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Reads exactly `buffer.len()` bytes at `offset` if all of them are in memory, and says whether it did. `false` also
    /// when anything fails: [`DiskFile::read_at`] says what. The buffer may have changed then.
    ///
    /// It waits where the file system cannot tell what is in memory: else every read would be left to a thread that may. What
    /// is missing may be asked of the medium meanwhile, and that waits when the medium takes no more requests.
    fn read_cached_at(&self, _offset: u64, _buffer: &mut [u8]) -> bool {
        false
    }
    /// The same file for one who writes whole blocks of [`BLOCK_BYTES`], where these can be written past the kernel's memory.
    /// Such a write says itself when it fails, and needs [`DiskFile::sync`] all the same, for the memory of the medium. Waits
    /// while what the kernel has of the file in memory is let go.
    fn direct(self: Arc<Self>) -> Option<Arc<dyn DiskFile>>;
    /// Writes all of `bytes` at `offset`: *received*, not yet durable.
    ///
    /// # Errors
    /// Any I/O error.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything written durable, and the length if `write_at` or `set_len` changed it.
    ///
    /// # Errors
    /// Any I/O error: final, see the module.
    fn sync(&self) -> io::Result<()>;
    /// Whether [`DiskFile::begin`] may begin anything.
    fn begins(&self) -> bool {
        false
    }
    /// Begins what nobody is to wait for, if that can be done. The end is told on another thread, as the errors of
    /// [`DiskFile::write_at`] and [`DiskFile::sync`].
    ///
    /// # Errors
    /// Nothing was begun, and it may be done by those.
    fn begin(&self, _step: Step<'_>, done: Done) -> Result<(), Done> {
        Err(done)
    }
    /// The length in bytes.
    ///
    /// # Errors
    /// Any I/O error.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has no byte.
    ///
    /// # Errors
    /// Any I/O error.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts the file or extends it by zeros.
    ///
    /// # Errors
    /// Any I/O error.
    fn set_len(&self, len: u64) -> io::Result<()>;
}

/// What is to be done when something ends that was begun: short, and without waiting for a disk. It is called by another thread
/// than the one that begins.
pub type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// What [`DiskFile::begin`] begins.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// [`DiskFile::write_at`], of whole blocks.
    Write { offset: u64, blocks: &'a [u8] },
    /// The same, and they are durable at its end. Of what was written before that says nothing.
    WriteDurably { offset: u64, blocks: &'a [u8] },
    /// [`DiskFile::sync`].
    Sync,
}

/// Whether an error is want of something that may come back: room, or file handles. Nothing was lost by it.
#[must_use]
pub fn is_want(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Whether a read failed for what was to be read: it is not there any more, or the medium cannot give it.
#[must_use]
pub fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof)
        || error.raw_os_error() == Some(libc::EIO)
}

/// Whether who reads may be kept waiting by the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It takes what is in memory, as far as that can be told ([`DiskFile::read_cached_at`]): a thread that has others to
    /// serve.
    None,
    /// It waits as long as it takes.
    Full,
}

impl Patience {
    /// Reads as [`DiskFile::read_at`]; `false` when it would have had to wait.
    ///
    /// # Errors
    /// As [`DiskFile::read_at`]. Without patience there are none.
    pub fn read(self, file: &dyn DiskFile, offset: u64, buffer: &mut [u8]) -> io::Result<bool> {
        match self {
            Patience::None => Ok(file.read_cached_at(offset, buffer)),
            Patience::Full => file.read_at(offset, buffer).map(|()| true),
        }
    }
}

/// The unit in which a file is written past the kernel's memory, and in which the parts of it are found that cannot be read.
pub const BLOCK_BYTES: usize = 4096;

/// Reads as [`DiskFile::read_at`], with zeros for what is damaged or beyond the end: for readers that check what they get.
///
/// # Errors
/// Any I/O error but those of [`is_damage`].
pub fn read_around(file: &dyn DiskFile, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    match file.read_at(offset, buffer) {
        Err(error) if is_damage(&error) => {}
        read => return read,
    }
    let mut at = 0;
    while at < buffer.len() {
        // Up to the next multiple of a block in the file.
        let bytes = BLOCK_BYTES - (offset as usize + at) % BLOCK_BYTES;
        let end = buffer.len().min(at + bytes);
        let block = &mut buffer[at..end];
        match file.read_at(offset + at as u64, block) {
            Err(error) if is_damage(&error) => block.fill(0),
            read => read?,
        }
        at = end;
    }
    Ok(())
}

/// Reads a whole file, with zeros for what is damaged of it.
///
/// # Errors
/// As [`Disk::open`] and [`read_around`].
pub fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenMode::Existing)?;
    let len = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; len];
    read_around(&*file, 0, &mut bytes)?;
    Ok(bytes)
}

/// Removes a file, if it is there.
///
/// # Errors
/// Any other I/O error.
pub fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Replaces a small file as a whole: another name, fsync, rename, fsync of the directory.
///
/// # Errors
/// Any I/O error; the old content is then still there.
pub fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".tmp");
    let temporary = dir.join(name);
    let file = disk.open(&temporary, OpenMode::OrCreate)?;
    file.set_len(0)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(dir)
}

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

/// Files of this process that are open for its storage nodes.
static FILES_OPEN: AtomicU64 = AtomicU64::new(0);
/// From this share of the process's limit on, files are not kept open for later: half of it.
const HANDLES_SHARE: u64 = 2;

#[derive(Debug)]
struct RealFile {
    file: File,
    /// Its file system has said that it cannot tell what is in memory.
    cannot_tell: AtomicBool,
}

impl RealFile {
    fn new(file: File) -> RealFile {
        FILES_OPEN.fetch_add(1, Ordering::Relaxed);
        RealFile { file, cannot_tell: AtomicBool::new(false) }
    }
}

impl AsFd for RealFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for RealFile {
    fn drop(&mut self) {
        FILES_OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let create = mode == OpenMode::OrCreate;
        let file = OpenOptions::new().read(true).write(true).create(create).truncate(false).open(path)?;
        Ok(Arc::new(RealFile::new(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let statistics = fs2::statvfs(dir)?;
        Ok(Space { free: statistics.available_space(), total: statistics.total_space() })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        if let Err(busy) = file.try_lock() {
            return Err(match busy {
                std::fs::TryLockError::Error(error) => error,
                std::fs::TryLockError::WouldBlock => {
                    let holder = std::fs::read_to_string(path).unwrap_or_default();
                    let message = format!("it is in use by process {}", holder.trim());
                    io::Error::new(io::ErrorKind::WouldBlock, message)
                }
            });
        }
        file.set_len(0)?;
        file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0)?;
        Ok(Box::new(file))
    }

    fn has_handles_to_spare(&self) -> bool {
        // The soft limit. It may be raised while the process runs.
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        FILES_OPEN.load(Ordering::Relaxed) < limit / HANDLES_SHARE
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        if !self.cannot_tell.load(Ordering::Relaxed) {
            let wanted = buffer.len();
            // The kernel has the rest fetched meanwhile.
            match preadv2(&self.file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) {
                // Neither would the next call be told.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.cannot_tell.store(true, Ordering::Relaxed),
                read => return read == Ok(wanted),
            }
        }
        self.file.read_exact_at(buffer, offset).is_ok()
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn direct(self: Arc<Self>) -> Option<Arc<dyn DiskFile>> {
        let stat = statx(&self.file, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN).ok()?;
        let mut aligns = [stat.stx_dio_mem_align, stat.stx_dio_offset_align].into_iter();
        // Zero: it cannot, or the kernel does not say (before Linux 6.1).
        if !aligns.all(|align| align != 0 && BLOCK_BYTES.is_multiple_of(align as usize)) {
            return None;
        }
        // By its handle: it may bear another name by now.
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let blocks = OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path).ok()?;
        // Else each write looks for its block in memory, to drop it.
        let _ = fadvise(&self.file, 0, None, Advice::DontNeed);
        Some(Arc::new(DirectFile { blocks: Arc::new(RealFile::new(blocks)), file: self, aligned: Mutex::default() }))
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync writes a changed length too (POSIX: metadata that a later read needs).
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

/// A file of which whole blocks are written past the kernel's memory.
#[derive(Debug)]
struct DirectFile {
    file: Arc<RealFile>,
    blocks: Arc<RealFile>,
    /// Where blocks lie in memory as the device wants them.
    aligned: Mutex<Vec<u8>>,
}

impl DiskFile for DirectFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buffer)
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.file.read_cached_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut aligned = self.aligned.lock();
        aligned.resize(bytes.len() + BLOCK_BYTES, 0);
        let begin = aligned.as_ptr().align_offset(BLOCK_BYTES);
        let blocks = &mut aligned[begin..begin + bytes.len()];
        blocks.copy_from_slice(bytes);
        match self.blocks.write_at(offset, blocks) {
            // These are no whole blocks, as after a write that was cut short; or the file system is not as it said.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => self.file.write_at(offset, bytes),
            written => written,
        }
    }

    fn direct(self: Arc<Self>) -> Option<Arc<dyn DiskFile>> {
        Some(self)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn begins(&self) -> bool {
        Aio::get().is_some()
    }

    fn begin(&self, step: Step<'_>, done: Done) -> Result<(), Done> {
        let Some(queue) = Aio::get() else { return Err(done) };
        let file = self.blocks.clone();
        match step {
            Step::Write { offset, blocks } => queue.write(file, offset, blocks, false, done),
            Step::WriteDurably { offset, blocks } => queue.write(file, offset, blocks, true, done),
            Step::Sync => queue.sync(file, done),
        }
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

/// A path below a node's directory.
pub(crate) fn below(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_be_in_memory_was_read_to_its_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = RealDisk.open(&dir.path().join("file"), OpenMode::OrCreate).expect("it can be made");
        let bytes: Vec<u8> = (0..64 << 10).map(|at: u32| (at % 251) as u8).collect();
        file.write_at(0, &bytes).expect("there is room");
        let mut read = vec![0; 8 << 10];
        // What was written a moment ago may have left memory.
        if file.read_cached_at(100, &mut read) {
            assert_eq!(read, bytes[100..100 + read.len()]);
        }
        assert!(!file.read_cached_at(60 << 10, &mut read), "the file ends before");
    }

    #[test]
    fn what_is_written_past_memory_is_what_others_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        let file = RealDisk.open(&path, OpenMode::OrCreate).expect("it can be made");
        file.write_at(0, &[1; 4 * BLOCK_BYTES]).expect("there is room");
        file.sync().expect("a disk");
        RealDisk.rename(&path, &dir.path().join("another")).expect("it is there");
        // Of a file system that cannot do it, as in memory, nothing is to be seen here.
        let Some(direct) = file.clone().direct() else { return };
        // In memory, from a slice that is aligned to nothing; a part of a block; and more than the file had.
        let mut expected = vec![1; 4 * BLOCK_BYTES];
        let twos = [2; BLOCK_BYTES * 2 + 1];
        for (offset, bytes) in [(BLOCK_BYTES, &twos[1..]), (100, &twos[..100]), (4 * BLOCK_BYTES, &twos[..BLOCK_BYTES])]
        {
            let mut before = vec![0; expected.len()];
            file.read_at(0, &mut before).expect("it is there");
            direct.write_at(offset as u64, bytes).expect("there is room");
            expected.resize(expected.len().max(offset + bytes.len()), 0);
            expected[offset..offset + bytes.len()].copy_from_slice(bytes);
            let mut read = vec![0; expected.len()];
            file.read_at(0, &mut read).expect("it is there");
            assert!(read == expected, "after a write at {offset}");
        }
        direct.sync().expect("a disk");
    }
}
