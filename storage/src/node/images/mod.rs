//! The image store: the newest image of each page, and how far each group is retired from the log.
//!
//! **Rule.** An image is made as of a point that is durable on a quorum, flushed here, *and* at or below the GC floor. So one
//! image a page is enough: no reader asks below the floor, and no recovery truncates below the durable point. Nothing that
//! an image replaces, a log file or an older image, goes before a [checkpoint](Images::checkpoint) vouches for the image.
//!
//! ```text
//!  images/manifest.{0,1}    which files there are, how far each is vouched for, the base of each group
//!  images/<file>.img        frames, one image each; only the last file is appended to
//!  images/<file>.idx        beside each closed file: which images it has
//! ```
//!
//! **Mechanism.** Images are appended; which is the newest of a page, and where, is in memory ([`table`]), so that asking for
//! the LSN of an image touches no disk. A full file is closed and gets an index; a start reads the indexes and the last
//! file. A checkpoint fsyncs the last file and then writes the manifest: from then on a frame of it that is missing is a
//! loss, and not a torn tail. A closed file of which less than half is still the newest image of something is *compacted*:
//! what is left of it is copied to the end, and the file goes with the next checkpoint.
//!
//! **Damage.** Frames name the frame before them, and the manifest names the last: so one damaged place costs one image, and
//! it is known which. Its page stays *damaged* until a newer image of it is written: it is built from redo alone where the
//! log reaches back far enough, or fetched from a peer, and is never taken for a page that was never written. Damage after
//! which it is not known which images are lost makes the store refuse to open.
//!
//! Ours, and not an embedded database, because of three needs that do not meet in one: background work is bounded by CPU, and
//! a B-tree on disk costs several times what appending does; one flipped bit anywhere must be found and must name what it
//! cost; and the disk must be the node's own [`Disk`], for simulation.

mod frame;
mod handles;
mod manifest;
mod table;

use super::disk::{Disk, DiskFile, OpenMode, Patience, below, is_damage, is_want};
use super::hydrate::Hydration;
use bytes::Bytes;
use frame::{FRAMES_AT, Frame, Scan, Tip, Version, check_file_header, file_header};
use handles::Handles;
use hashbrown::HashMap;
use manifest::{Manifest, Vouched, file_name, number_of, open_file, read_index, read_whole, remove_file, write_index};
use parking_lot::Mutex;
use protocol::{Ballot, Error, GroupId, Lsn, NodeId, Page, PageId};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use table::{Slot, Table};

/// Size beyond which an image file is closed.
pub const IMAGE_FILE_BYTES: u64 = 32 << 20;
/// Image files kept open for reading: of the usual size, 32 GiB.
const OPEN_FILES_MAX: usize = 1024;
/// Where the process has no handles to spare, no more than this are added to those that are kept open.
const OPEN_FILES_MIN: usize = 16;
/// A file is compacted when less than this share of it, in percent, is in use.
const LIVE_PERCENT_MIN: u64 = 50;
/// Images looked at for one [`Images::scan`].
const SCAN_IMAGES_MAX: usize = 1024;
/// Bytes copied by one step of a compaction, at most one image more.
const COMPACTION_STEP_BYTES: usize = 1 << 20;

/// Why an image cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The disk failed, or has no room.
    #[error("image store: {0}")]
    Io(#[from] io::Error),
    /// An image is not in memory, and the reader has no [`Patience`].
    #[error("image of {0}: the disk would have to be waited for")]
    NotCached(PageId),
    /// An image is not what it claims to be.
    #[error("image of {page}: {error}")]
    Damaged { page: PageId, error: Error },
    /// More is damaged than single images.
    #[error("image store: {0}")]
    Store(#[from] Error),
    /// Images are lost, and it is not known which.
    #[error(
        "image file {file} has lost images and nothing says which: the node can vouch for none of its pages; empty its \
         directory and let it join again, its peers have them"
    )]
    Lost { file: u32 },
    /// The store is of a version before the first.
    #[error("the image store is of a development version, which cannot be read")]
    Development,
}

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Images as stored, ascending by page.
    pub images: Vec<(PageId, Bytes)>,
    /// The page to go on with; `None` when there is none behind.
    pub next: Option<PageId>,
}

/// Images of pages.
pub struct Images {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    file_bytes: u64,
    /// The writing end. Taken before `shelf`, and held during I/O.
    end: Mutex<End>,
    /// What everybody needs for a moment.
    shelf: Mutex<Shelf>,
}

struct End {
    manifest: Manifest,
    /// Whether both copies of the manifest are known to be sound and on the medium: not after a start, nor after a write of
    /// them that found no room.
    stored: bool,
    /// The last file; none until there is something to write.
    tail: Option<Tail>,
    buffer: Vec<u8>,
    /// A closed file on its way out, with the frames not looked at yet.
    compaction: Option<Compaction>,
    /// Why nothing is written any more: an fsync failed.
    failed: bool,
}

struct Tail {
    file: Arc<dyn DiskFile>,
    tip: Tip,
    frames: Vec<Frame>,
    /// Its first bytes and its name are not durable before the first checkpoint.
    named: bool,
}

struct Compaction {
    number: u32,
    file: Arc<dyn DiskFile>,
    /// From the last to the first.
    frames: Vec<Frame>,
}

#[derive(Default)]
struct Shelf {
    table: Table,
    bases: HashMap<GroupId, (Lsn, Ballot)>,
    files: BTreeMap<u32, Use>,
    open: Handles,
    live_bytes: u64,
    /// Damaged images found since the start.
    found: u64,
}

/// How much of a file is in use.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    bytes: u64,
    live: u64,
    /// Images among them that are damaged. The file stays for their sake: it says that they were.
    damaged: u32,
}

impl Images {
    /// Opens or creates the store in `dir`. `file_bytes`: size beyond which a file is closed.
    ///
    /// # Errors
    /// [`ImageError`], but for single damaged images.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, node: NodeId, file_bytes: u64) -> Result<Images, ImageError> {
        if disk.open(dir, OpenMode::Existing).is_ok() {
            return Err(ImageError::Development);
        }
        disk.create_dir(dir)?;
        let copies = Manifest::read(&*disk, dir)??;
        let names = disk.list(dir)?;
        if copies.newest.is_none() && names.iter().any(|name| number_of(name).is_some()) {
            return Err(ImageError::Store(Error::Truncated { what: "image manifest" }));
        }
        let mut manifest = copies.newest.unwrap_or_else(|| Manifest::new(node));
        if manifest.node != node {
            let why = "it is another node's";
            return Err(ImageError::Store(Error::Malformed { what: "image manifest", why }));
        }
        // What was given up, and what was half made, is not listed; the last file may be younger than the list.
        let is_stray = |name: &&String| {
            let number = number_of(name);
            let unlisted = |number| number < manifest.next_file && !manifest.files.contains_key(&number);
            number.is_some_and(unlisted) || name.ends_with(".tmp")
        };
        let strays: Vec<PathBuf> = names.iter().filter(is_stray).map(|name| below(dir, name)).collect();
        let listed: Vec<u32> = manifest.files.keys().copied().collect();
        let young = names.iter().filter_map(|name| number_of(name)).filter(|number| *number >= manifest.next_file);
        let young: std::collections::BTreeSet<u32> = young.collect();
        let mut shelf =
            Shelf { bases: manifest.bases.iter().map(|(group, base)| (*group, *base)).collect(), ..Shelf::default() };
        let mut tail = None;
        for number in listed.into_iter().chain(young) {
            // Only the last one is appended to.
            tail = load_file(&*disk, dir, node, number, &manifest, &mut shelf)?;
        }
        if let Some(tail) = &tail {
            manifest.next_file = manifest.next_file.max(tail.tip.file + 1);
        }
        let end = End { manifest, stored: false, tail, buffer: Vec::new(), compaction: None, failed: false };
        let images = Images { disk, dir: dir.to_owned(), file_bytes, end: Mutex::new(end), shelf: Mutex::new(shelf) };
        // Makes the first manifest, or vouches for what the last file has; not before it are those gone that it does not list.
        images.checkpoint(&[])?;
        strays.iter().try_for_each(|stray| images.disk.remove(stray))?;
        Ok(images)
    }

    /// How far each group is retired, and the ballot of the record there.
    #[must_use]
    pub fn bases(&self) -> HashMap<GroupId, (Lsn, Ballot)> {
        self.shelf.lock().bases.clone()
    }

    /// The hydrations that a start finds begun.
    #[must_use]
    pub fn hydrations(&self) -> HashMap<GroupId, Hydration> {
        let end = self.end.lock();
        end.manifest.hydrations.iter().map(|(group, begun)| (*group, *begun)).collect()
    }

    /// LSN of the image of a page; zero when there is none that is sound, as far as is known.
    #[must_use]
    pub fn sound_lsn(&self, page: PageId) -> Lsn {
        let slot = self.shelf.lock().table.get(page);
        slot.filter(|slot| !slot.damaged).map_or(Lsn::ZERO, |slot| slot.lsn)
    }

    /// LSN of the image of a page, damaged or not; zero when there is none.
    #[must_use]
    pub fn lsn(&self, page: PageId) -> Lsn {
        self.shelf.lock().table.get(page).map_or(Lsn::ZERO, |slot| slot.lsn)
    }

    /// LSNs of images, as [`Images::lsn`], of many pages at once.
    pub fn lsns(&self, pages: impl IntoIterator<Item = PageId>, mut each: impl FnMut(Lsn)) {
        let shelf = self.shelf.lock();
        for page in pages {
            each(shelf.table.get(page).map_or(Lsn::ZERO, |slot| slot.lsn));
        }
    }

    /// The image of a page.
    ///
    /// # Errors
    /// [`ImageError::Damaged`], which is remembered; [`ImageError::Io`]; [`ImageError::NotCached`] without patience.
    pub fn get(&self, page: PageId, patience: Patience) -> Result<Option<Page>, ImageError> {
        self.find(page, |slot| self.read(page, slot, patience))
    }

    /// Reads the frame of a page; again when it has moved meanwhile.
    fn find<T>(&self, page: PageId, read: impl Fn(Slot) -> Result<T, ImageError>) -> Result<Option<T>, ImageError> {
        loop {
            let Some(slot) = self.shelf.lock().table.get(page) else { return Ok(None) };
            match read(slot) {
                Ok(image) => return Ok(Some(image)),
                // It has moved meanwhile, and its file is gone.
                Err(_)
                    if self
                        .shelf
                        .lock()
                        .table
                        .get(page)
                        .is_some_and(|now| now.lsn != slot.lsn || now.file != slot.file) => {}
                Err(ImageError::Damaged { page, error }) => {
                    self.note_damage(page, slot);
                    return Err(ImageError::Damaged { page, error });
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn read(&self, id: PageId, slot: Slot, patience: Patience) -> Result<Page, ImageError> {
        let bytes = self.read_frame(id, slot, patience)?;
        frame::page(&bytes, slot.file, (id, slot.lsn)).map_err(|error| ImageError::Damaged { page: id, error })
    }

    fn read_frame(&self, id: PageId, slot: Slot, patience: Patience) -> Result<Vec<u8>, ImageError> {
        let damaged = |error| ImageError::Damaged { page: id, error };
        if slot.damaged {
            return Err(damaged(Error::Checksum { what: "image" }));
        }
        // A file that is not open is opened without patience, too: the kernel knows the names of files that are in use.
        let mut bytes = vec![0; slot.bytes.into()];
        match self.file(slot.file).and_then(|file| patience.read(&*file, slot.at.into(), &mut bytes)) {
            Ok(true) => Ok(bytes),
            Ok(false) => Err(ImageError::NotCached(id)),
            Err(error) if is_damage(&error) => Err(damaged(Error::Truncated { what: "image file" })),
            Err(error) => Err(error.into()),
        }
    }

    /// Images of the pages `from..end` that are newer than an LSN, up to about `bytes` of them and at least one; it may find
    /// none and still not be at the end.
    ///
    /// # Errors
    /// As [`Images::get`].
    pub fn scan(&self, from: PageId, end: PageId, newer_than: Lsn, bytes: usize) -> Result<Scanned, ImageError> {
        let mut found = Scanned::default();
        let mut taken = 0;
        let newer: Vec<PageId> = {
            let shelf = self.shelf.lock();
            let within = shelf.table.pages_from(from).take_while(|(page, _)| *page < end);
            let newer = within.filter(|(_, slot)| slot.lsn > newer_than).map(|(page, _)| page);
            newer.take(SCAN_IMAGES_MAX).collect()
        };
        found.next = (newer.len() == SCAN_IMAGES_MAX).then(|| newer.last().map_or(end, |last| PageId(last.0 + 1)));
        for page in newer {
            let Some(stored) = self.packed(page)? else { continue };
            if taken > 0 && taken + stored.len() > bytes {
                found.next = Some(page);
                break;
            }
            taken += stored.len();
            found.images.push((page, stored));
        }
        found.next = found.next.filter(|next| *next < end);
        Ok(found)
    }

    /// The image of a page, checked, as [`decode`] takes it.
    fn packed(&self, page: PageId) -> Result<Option<Bytes>, ImageError> {
        // Only a sound one comes through, and only of the frame that was looked up.
        self.find(page, |slot| {
            let bytes = self.read_frame(page, slot, Patience::Full)?;
            frame::check(&bytes, slot.file, (page, slot.lsn)).map_err(|error| ImageError::Damaged { page, error })?;
            Ok(frame::packed(&bytes).into())
        })
    }

    fn file(&self, number: u32) -> io::Result<Arc<dyn DiskFile>> {
        let open = self.shelf.lock().open.get(number);
        if let Some(file) = open {
            return Ok(file);
        }
        let file = open_file(&*self.disk, &self.dir, number)?;
        let files_max = if self.disk.has_handles_to_spare() { OPEN_FILES_MAX } else { OPEN_FILES_MIN };
        let mut shelf = self.shelf.lock();
        // One that was removed meanwhile would keep its room on the disk.
        let is_there = shelf.files.contains_key(&number);
        let evicted = if is_there { shelf.open.insert(number, file.clone(), files_max) } else { None };
        // To close it is a system call as well.
        drop(shelf);
        drop(evicted);
        Ok(file)
    }

    fn note_damage(&self, page: PageId, slot: Slot) {
        let mut shelf = self.shelf.lock();
        if shelf.table.get(page) == Some(slot) && !slot.damaged {
            tracing::error!(%page, lsn = %slot.lsn, file = slot.file, "an image is damaged");
            shelf.found += 1;
            shelf.set(page, Slot { damaged: true, ..slot });
        }
    }

    /// Bytes of images that no checkpoint vouches for yet.
    #[must_use]
    pub fn unvouched_bytes(&self) -> u64 {
        let end = self.end.lock();
        end.tail.as_ref().map_or(0, |tail| {
            tail.tip.end - end.manifest.files.get(&tail.tip.file).map_or(0, |vouched| vouched.bytes.min(tail.tip.end))
        })
    }

    /// Appends images, each newer than the one before of its page or in its place. They are read from now on, and durable
    /// with the next [`Images::checkpoint`].
    ///
    /// # Errors
    /// [`ImageError::Io`]; with [`io::ErrorKind::StorageFull`] nothing is changed, any other is final.
    pub fn append<'a>(&self, pages: impl IntoIterator<Item = &'a Page>) -> Result<(), ImageError> {
        let end = &mut *self.end.lock();
        self.append_frames(end, pages, |tip, page, buffer| tip.push(page, buffer), |_| true)
    }

    fn append_frames<T>(
        &self,
        end: &mut End,
        items: impl IntoIterator<Item = T>,
        push: impl Fn(&mut Tip, T, &mut Vec<u8>) -> Frame,
        replaces: impl Fn((&Shelf, &Frame)) -> bool,
    ) -> Result<(), ImageError> {
        self.check_sound(end)?;
        if end.tail.as_ref().is_some_and(|tail| tail.tip.end >= self.file_bytes) {
            self.close_tail(end)?;
        }
        let tail = match &mut end.tail {
            Some(tail) => tail,
            none => none.insert(self.new_tail(end.manifest.node, end.manifest.next_file)?),
        };
        end.manifest.next_file = tail.tip.file + 1;
        end.buffer.clear();
        let mut tip = tail.tip;
        let frames: Vec<Frame> = items.into_iter().map(|item| push(&mut tip, item, &mut end.buffer)).collect();
        tail.file.write_at(tail.tip.end, &end.buffer)?;
        tail.tip = tip;
        let mut shelf = self.shelf.lock();
        shelf.files.entry(tip.file).or_default().bytes = tip.end;
        for frame in &frames {
            if replaces((&shelf, frame)) {
                shelf.put(tip.file, frame);
            }
        }
        tail.frames.extend(frames);
        Ok(())
    }

    fn new_tail(&self, node: NodeId, number: u32) -> io::Result<Tail> {
        let file = self.disk.open(&below(&self.dir, &file_name(number)), OpenMode::OrCreate)?;
        file.set_len(0)?;
        file.write_at(0, &file_header(node, number))?;
        let evicted = self.shelf.lock().open.insert(number, file.clone(), OPEN_FILES_MAX);
        drop(evicted);
        Ok(Tail { file, tip: Tip::start(number), frames: Vec::new(), named: false })
    }

    /// Makes every appended image durable and vouches for it, raises bases, and lets go of files that nothing is read from.
    ///
    /// # Errors
    /// [`ImageError::Io`]: with [`io::ErrorKind::StorageFull`] try again later, any other is final. Nothing is changed then,
    /// or a start will find all of it.
    pub fn checkpoint(&self, bases: &[(GroupId, Lsn, Ballot)]) -> Result<(), ImageError> {
        self.checkpoint_end(&mut self.end.lock(), |manifest| raise(manifest, bases))
    }

    /// Takes in a peer's images and how far that has come, durable on return.
    ///
    /// # Errors
    /// As [`Images::checkpoint`].
    pub fn hydrate(&self, group: GroupId, pages: &[Page], reached: &Hydration) -> Result<(), ImageError> {
        self.append(pages)?;
        self.checkpoint_end(&mut self.end.lock(), |manifest| {
            manifest.hydrations.insert(group, *reached);
        })
    }

    /// Raises a group's base, when its images are complete, and forgets how it came there.
    ///
    /// # Errors
    /// As [`Images::checkpoint`].
    pub fn finish_hydration(&self, group: GroupId, base: Lsn, ballot: Ballot) -> Result<(), ImageError> {
        self.checkpoint_end(&mut self.end.lock(), |manifest| {
            manifest.hydrations.remove(&group);
            raise(manifest, &[(group, base, ballot)]);
        })
    }

    fn checkpoint_end(&self, end: &mut End, change: impl FnOnce(&mut Manifest)) -> Result<(), ImageError> {
        self.check_sound(end)?;
        let mut next = end.manifest.clone();
        change(&mut next);
        if let Some(tail) = &mut end.tail {
            let synced =
                tail.file.sync().and_then(|()| if tail.named { Ok(()) } else { self.disk.sync_dir(&self.dir) });
            if let Err(error) = synced {
                end.failed = true;
                return Err(error.into());
            }
            tail.named = true;
            let vouched = Vouched { bytes: tail.tip.end, frames: tail.tip.frames, last: tail.tip.last };
            next.files.insert(tail.tip.file, vouched);
        }
        let kept = |number: &u32| {
            end.tail.as_ref().is_some_and(|tail| tail.tip.file == *number)
                || end.compaction.as_ref().is_some_and(|compaction| compaction.number == *number)
        };
        let dead: Vec<u32> = {
            let shelf = self.shelf.lock();
            let dead = |number: &&u32| !kept(number) && shelf.files.get(*number).is_none_or(Use::is_dead);
            next.files.keys().filter(dead).copied().collect()
        };
        next.files.retain(|number, _| !dead.contains(number));
        if next != end.manifest || !end.stored {
            if !end.stored && next.sequence > 0 {
                self.mend_manifest()?;
            }
            end.stored = false;
            // Its copies are synced one by one: an error may have left the new state.
            if let Err(error) = next.write(&*self.disk, &self.dir) {
                end.failed = !is_want(&error);
                return Err(error.into());
            }
            (end.manifest, end.stored) = (next, true);
        }
        {
            let mut shelf = self.shelf.lock();
            shelf.bases = end.manifest.bases.iter().map(|(group, base)| (*group, *base)).collect();
            for number in &dead {
                shelf.files.remove(number);
                shelf.open.remove(*number);
            }
        }
        for number in dead {
            remove_file(&*self.disk, &self.dir, number)?;
        }
        Ok(())
    }

    /// Closes the last file: its index is written, and the next image begins another.
    fn close_tail(&self, end: &mut End) -> Result<(), ImageError> {
        self.checkpoint_end(end, |_| {})?;
        if let Some(tail) = &end.tail {
            write_index(&*self.disk, &self.dir, tail.tip.file, &tail.frames)?;
        }
        end.tail = None;
        Ok(())
    }

    fn check_sound(&self, end: &End) -> Result<(), ImageError> {
        if end.failed { Err(io::Error::other("an fsync of the image store failed before").into()) } else { Ok(()) }
    }

    /// Does a portion of compaction, if there is a file of which little is in use. Says whether it did something.
    ///
    /// # Errors
    /// As [`Images::append`].
    pub fn compact(&self) -> Result<bool, ImageError> {
        let end = &mut *self.end.lock();
        if end.compaction.is_none() {
            end.compaction = self.next_compaction(end)?;
        }
        let Some(mut compaction) = end.compaction.take() else { return Ok(false) };
        let number = compaction.number;
        let mut copied: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0;
        while bytes < COMPACTION_STEP_BYTES
            && let Some(frame) = compaction.frames.pop()
        {
            let (page, lsn) = frame.version;
            let slot = self.shelf.lock().table.get(page);
            let Some(slot) = slot.filter(|slot| slot.file == number && slot.at == frame.at && !slot.damaged) else {
                continue;
            };
            let mut image = vec![0; frame.bytes as usize];
            let read = match compaction.file.read_at(frame.at.into(), &mut image) {
                Err(error) if is_damage(&error) => Err(Error::Truncated { what: "image" }),
                read => read.map(|()| frame::check(&image, number, (page, lsn)))?,
            };
            match read {
                Ok(()) => {
                    bytes += image.len();
                    copied.push(image);
                }
                Err(_) => self.note_damage(page, slot),
            }
        }
        let still_there = |(shelf, frame): (&Shelf, &Frame)| {
            shelf.table.get(frame.version.0).is_some_and(|slot| slot.file == number && slot.lsn == frame.version.1)
        };
        if !copied.is_empty() {
            self.append_frames(end, &copied, |tip, image, buffer| tip.push_copy(image, buffer), still_there)?;
        }
        if compaction.frames.is_empty() {
            self.checkpoint_end(end, |_| {})?;
        } else {
            end.compaction = Some(compaction);
        }
        Ok(true)
    }

    fn next_compaction(&self, end: &End) -> Result<Option<Compaction>, ImageError> {
        let number = {
            let shelf = self.shelf.lock();
            let tail = end.tail.as_ref().map_or(0, |tail| tail.tip.file);
            let wasted = |(number, usage): &(&u32, &Use)| {
                let little = usage.live * 100 < usage.bytes * LIVE_PERCENT_MIN;
                **number != tail && little && !usage.is_dead() && usage.damaged == 0
            };
            let least = shelf.files.iter().filter(wasted).min_by_key(|(_, usage)| usage.live);
            least.map(|(number, _)| *number)
        };
        let Some(number) = number else { return Ok(None) };
        let file = self.file(number)?;
        let frames = match read_index(&*self.disk, &self.dir, number)? {
            Some(frames) => frames,
            None => {
                let vouched = vouched_for(&end.manifest, number);
                frame::scan(&read_whole(&*self.disk, &self.dir, number)?, number, vouched).frames
            }
        };
        Ok(Some(Compaction { number, file, frames: frames.into_iter().rev().collect() }))
    }

    /// Pages with an image from `from` on, ascending, `limit` at most.
    #[must_use]
    pub fn pages_from(&self, from: PageId, limit: usize) -> Vec<PageId> {
        self.shelf.lock().table.pages_from(from).map(|(page, _)| page).take(limit).collect()
    }

    /// Pages of which the image is damaged, `limit` at most.
    #[must_use]
    pub fn damaged(&self, limit: usize) -> Vec<PageId> {
        let shelf = self.shelf.lock();
        if shelf.table.damaged() == 0 {
            Vec::new()
        } else {
            let damaged = shelf.table.pages_from(PageId(0)).filter(|(_, slot)| slot.damaged);
            damaged.map(|(page, _)| page).take(limit).collect()
        }
    }

    /// Damaged images found since the start.
    #[must_use]
    pub fn damage_found(&self) -> u64 {
        self.shelf.lock().found
    }

    /// Bytes of files, and of the images in them that are the newest of their page.
    #[must_use]
    pub fn stored_bytes(&self) -> (u64, u64) {
        let shelf = self.shelf.lock();
        (shelf.files.values().map(|usage| usage.bytes).sum(), shelf.live_bytes)
    }

    /// Writes a damaged copy of the manifest again, for the next write may tear the sound one. Says whether there was one.
    fn mend_manifest(&self) -> Result<bool, ImageError> {
        let Some((copy, error)) = Manifest::read(&*self.disk, &self.dir)??.damage else { return Ok(false) };
        tracing::error!(%error, "a copy of the image manifest is damaged; it is written anew from the other");
        Manifest::mend(&*self.disk, &self.dir, copy)?;
        Ok(true)
    }

    /// Reads the manifest and the indexes again, and writes what is found damaged anew. Gives how many there were.
    ///
    /// # Errors
    /// As [`Images::checkpoint`]; [`ImageError::Store`] when no copy is left that could be written from.
    pub fn scrub_metadata(&self) -> Result<u64, ImageError> {
        let end = &mut *self.end.lock();
        self.check_sound(end)?;
        let mut repaired = 0;
        repaired += u64::from(self.mend_manifest()?);
        let closed: Vec<u32> = {
            let tail = end.tail.as_ref().map_or(0, |tail| tail.tip.file);
            end.manifest.files.keys().copied().filter(|number| *number != tail).collect()
        };
        for number in closed {
            if read_index(&*self.disk, &self.dir, number)?.is_none() {
                let bytes = read_whole(&*self.disk, &self.dir, number)?;
                let vouched = vouched_for(&end.manifest, number);
                let Scan { frames, unknown, damaged, .. } = frame::scan(&bytes, number, vouched);
                // Of a file that is damaged itself the index is left as it is: the node knows what the file had.
                if !unknown && damaged.is_empty() {
                    write_index(&*self.disk, &self.dir, number, &frames)?;
                    repaired += 1;
                }
            }
        }
        Ok(repaired)
    }
}

fn raise(manifest: &mut Manifest, bases: &[(GroupId, Lsn, Ballot)]) {
    for (group, lsn, ballot) in bases {
        let base = manifest.bases.entry(*group).or_default();
        if base.0 < *lsn {
            *base = (*lsn, *ballot);
        }
    }
}

/// Checks an image as [`Images::scan`] gives it.
///
/// # Errors
/// [`Error`] when it is not one of this page.
pub fn decode(stored: &[u8], page: PageId) -> Result<Page, Error> {
    match stored.split_first() {
        Some((&encoding, body)) => frame::unpack(encoding, body, page),
        None => Err(Error::Truncated { what: "image" }),
    }
}

impl Use {
    fn is_dead(&self) -> bool {
        self.live == 0 && self.damaged == 0
    }
}

impl Shelf {
    /// Takes in an image, unless a newer one of the page is here.
    fn put(&mut self, file: u32, frame: &Frame) {
        let (page, lsn) = frame.version;
        if self.table.get(page).is_some_and(|slot| slot.lsn > lsn) {
            return;
        }
        self.set(page, Slot { lsn, file, at: frame.at, bytes: frame.bytes as u16, damaged: false });
    }

    fn set(&mut self, page: PageId, slot: Slot) {
        if let Some(before) = self.table.set(page, slot)
            && let Some(usage) = self.files.get_mut(&before.file)
        {
            usage.live -= u64::from(before.bytes);
            usage.damaged -= u32::from(before.damaged);
            self.live_bytes -= u64::from(before.bytes);
        }
        let usage = self.files.entry(slot.file).or_default();
        usage.live += u64::from(slot.bytes);
        usage.damaged += u32::from(slot.damaged);
        self.live_bytes += u64::from(slot.bytes);
    }

    /// An image of which no sound frame is left.
    fn put_damaged(&mut self, file: u32, (page, lsn): Version) {
        if !lsn.is_zero() && self.table.get(page).is_none_or(|slot| slot.lsn < lsn) {
            tracing::error!(%page, %lsn, file, "an image is damaged");
            self.found += 1;
            self.set(page, Slot { lsn, file, at: 0, bytes: 0, damaged: true });
        }
    }
}

/// How many frames of a file the manifest vouches for, and which the last of them is.
fn vouched_for(manifest: &Manifest, number: u32) -> (u32, Version) {
    manifest.files.get(&number).map_or((0, Version::default()), |vouched| (vouched.frames, vouched.last))
}

/// Takes a file in. Gives it back as the tail when it has no index: then it was not closed.
fn load_file(
    disk: &dyn Disk,
    dir: &Path,
    node: NodeId,
    number: u32,
    manifest: &Manifest,
    shelf: &mut Shelf,
) -> Result<Option<Tail>, ImageError> {
    let vouched = manifest.files.get(&number);
    let file = match open_file(disk, dir, number) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    match file.as_ref().map(|file| check_file_header(&**file, node, number)).transpose()? {
        Some(Ok(())) => {}
        Some(Err(error @ Error::NewerFormat { .. })) => return Err(error.into()),
        // The crash that cut its making short took its beginning.
        Some(Err(_)) if vouched.is_none() => {
            remove_file(disk, dir, number)?;
            return Ok(None);
        }
        Some(Err(error)) => tracing::error!(number, %error, "the header of an image file is damaged; its images count"),
        None => tracing::error!(number, "an image file is gone"),
    }
    let length = file.as_ref().map_or(Ok(0), |file| file.len())?;
    shelf.files.insert(number, Use { bytes: length, ..Use::default() });
    if let Some(frames) = read_index(disk, dir, number)? {
        for frame in &frames {
            if frame.bytes > 0 && u64::from(frame.at) + u64::from(frame.bytes) <= length {
                shelf.put(number, frame);
            } else {
                shelf.put_damaged(number, frame.version);
            }
        }
        return Ok(None);
    }
    let bytes = read_whole(disk, dir, number)?;
    let Scan { frames: sound, damaged, unknown, tip, .. } = frame::scan(&bytes, number, vouched_for(manifest, number));
    if unknown {
        return Err(ImageError::Lost { file: number });
    }
    sound.iter().for_each(|frame| shelf.put(number, frame));
    damaged.iter().for_each(|version| shelf.put_damaged(number, *version));
    // The index will say of those that are lost that they were.
    let lost = |version: Version| Frame { version, at: FRAMES_AT as u32, bytes: 0 };
    let frames: Vec<Frame> = damaged.into_iter().map(lost).chain(sound).collect();
    match file {
        Some(file) if number + 1 >= manifest.next_file => {
            // After a failed fsync the kernel may call bytes clean that are not on the medium: what nobody vouches for yet is
            // written again, so that the next fsync is of it. What was torn behind it goes.
            file.set_len(tip.end)?;
            let from = vouched.map_or(0, |vouched| vouched.bytes.min(tip.end)) as usize;
            let known = &bytes[from..bytes.len().min(tip.end as usize)];
            file.write_at(from as u64, known)?;
            Ok(Some(Tail { file, tip, frames, named: false }))
        }
        _ => {
            write_index(disk, dir, number, &frames)?;
            Ok(None)
        }
    }
}
