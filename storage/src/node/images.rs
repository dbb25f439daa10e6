//! The image store: the newest image of each page, and how far each group is retired from the log.
//!
//! **Rule.** An image is made as of a point that is durable on a quorum, flushed here, *and* at or below the GC floor. So one
//! image a page is enough: no reader asks below the floor, and no recovery truncates below the durable point. Images and
//! the retirement they allow are one transaction, fsynced before the log file they replace is reused.
//!
//! Kept in redb, a copy-on-write B-tree in one file, which is crash safe by itself; its quick-repair keeps an unclean open
//! from walking the tree. It writes through the node's [`Disk`](super::disk::Disk), so that a simulated crash reaches it.
//! A page is compressed by LZ4 when that helps, and bears its own checksum.

use super::disk::{Disk, DiskFile, OpenMode};
use super::hydrate::Hydration;
use bytes::Bytes;
use hashbrown::HashMap;
use protocol::{Ballot, Error, GroupId, Lsn, PAGE_BYTES, Page, PageId};
use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend, TableDefinition,
};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Memory for redb's own cache of tree pages, in bytes.
const CACHE_BYTES: usize = 4 << 20;
const IMAGES: TableDefinition<u64, &[u8]> = TableDefinition::new("images");
const BASES: TableDefinition<u32, (u64, u64)> = TableDefinition::new("bases");
/// A [`Hydration`], its fields in order.
type HydrationRow = (u64, u64, u64, u64, u64, u64, u64);
const HYDRATIONS: TableDefinition<u32, HydrationRow> = TableDefinition::new("hydrations");
/// Images looked at for one [`Images::scan`].
const SCAN_IMAGES_MAX: usize = 1024;

const PLAIN: u8 = 0;
const LZ4: u8 = 1;

/// Why an image cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The store itself failed.
    #[error("image store: {0}")]
    Store(#[from] redb::Error),
    /// An image is not what it claims to be.
    #[error("image of {page}: {error}")]
    Damaged { page: PageId, error: Error },
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
    database: Database,
}

#[derive(Debug)]
struct Backend(Arc<dyn DiskFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, data)
    }
}

fn store(error: impl Into<redb::Error>) -> ImageError {
    ImageError::Store(error.into())
}

impl Images {
    /// Opens or creates the store at `path`.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Images, ImageError> {
        let file = disk.open(path, OpenMode::OrCreate).map_err(|error| store(redb::StorageError::Io(error)))?;
        let database = Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(Backend(file)).map_err(store)?;
        let images = Images { database };
        // Makes the tables, so that a reader finds them.
        images.write(&[], &[])?;
        let write = images.database.begin_write().map_err(store)?;
        drop(write.open_table(HYDRATIONS).map_err(store)?);
        write.commit().map_err(store)?;
        Ok(images)
    }

    /// How far each group is retired, and the ballot of the record there.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn bases(&self) -> Result<HashMap<GroupId, (Lsn, Ballot)>, ImageError> {
        let read = self.database.begin_read().map_err(store)?;
        let table = read.open_table(BASES).map_err(store)?;
        let mut bases = HashMap::new();
        for entry in table.iter().map_err(store)? {
            let (group, base) = entry.map_err(store)?;
            let (lsn, ballot) = base.value();
            bases.insert(GroupId(group.value()), (Lsn(lsn), Ballot(ballot)));
        }
        Ok(bases)
    }

    /// The image of a page.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn get(&self, page: PageId) -> Result<Option<Page>, ImageError> {
        let read = self.database.begin_read().map_err(store)?;
        let table = read.open_table(IMAGES).map_err(store)?;
        let Some(stored) = table.get(page.0).map_err(store)? else { return Ok(None) };
        decode(stored.value(), page).map(Some).map_err(|error| ImageError::Damaged { page, error })
    }

    /// Replaces images and raises bases, durable on return.
    ///
    /// # Errors
    /// [`ImageError::Store`]; nothing is changed then, or a start will find all of it.
    pub fn write(&self, pages: &[Page], bases: &[(GroupId, Lsn, Ballot)]) -> Result<(), ImageError> {
        let mut write = self.database.begin_write().map_err(store)?;
        write.set_quick_repair(true);
        {
            let mut images = write.open_table(IMAGES).map_err(store)?;
            for page in pages {
                images.insert(page.id().0, encode(page).as_slice()).map_err(store)?;
            }
            let mut retired = write.open_table(BASES).map_err(store)?;
            for (group, lsn, ballot) in bases {
                retired.insert(group.0, (lsn.0, ballot.0)).map_err(store)?;
            }
        }
        write.commit().map_err(store)
    }

    /// Images of the pages `from..end` that are newer than an LSN, up to about `bytes` of them and at least one; it may find
    /// none and still not be at the end.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn scan(&self, from: PageId, end: PageId, newer_than: Lsn, bytes: usize) -> Result<Scanned, ImageError> {
        let read = self.database.begin_read().map_err(store)?;
        let table = read.open_table(IMAGES).map_err(store)?;
        let mut found = Scanned::default();
        let mut taken = 0;
        for (looked_at, entry) in table.range(from.0..end.0).map_err(store)?.enumerate() {
            let (page, stored) = entry.map_err(store)?;
            let page = PageId(page.value());
            let stored = stored.value();
            if looked_at >= SCAN_IMAGES_MAX || taken > 0 && taken + stored.len() > bytes {
                found.next = Some(page);
                break;
            }
            let image = decode(stored, page).map_err(|error| ImageError::Damaged { page, error })?;
            if image.lsn() > newer_than {
                taken += stored.len();
                found.images.push((page, Bytes::copy_from_slice(stored)));
            }
        }
        Ok(found)
    }

    /// The hydrations that a start finds begun.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn hydrations(&self) -> Result<HashMap<GroupId, Hydration>, ImageError> {
        let read = self.database.begin_read().map_err(store)?;
        let table = read.open_table(HYDRATIONS).map_err(store)?;
        let mut found = HashMap::new();
        for entry in table.iter().map_err(store)? {
            let (group, begun) = entry.map_err(store)?;
            let (target, ballot, newer_than, table, next, pages, bytes) = begun.value();
            let begun = Hydration {
                target: Lsn(target),
                target_ballot: Ballot(ballot),
                newer_than: Lsn(newer_than),
                table: Ballot(table),
                next: PageId(next),
                pages,
                bytes,
            };
            found.insert(GroupId(group.value()), begun);
        }
        Ok(found)
    }

    /// Takes in a peer's images and how far that has come, durable on return.
    ///
    /// # Errors
    /// As [`Images::write`].
    pub fn hydrate(&self, group: GroupId, pages: &[Page], reached: &Hydration) -> Result<(), ImageError> {
        let mut write = self.database.begin_write().map_err(store)?;
        write.set_quick_repair(true);
        {
            let mut images = write.open_table(IMAGES).map_err(store)?;
            for page in pages {
                images.insert(page.id().0, encode(page).as_slice()).map_err(store)?;
            }
            let mut hydrations = write.open_table(HYDRATIONS).map_err(store)?;
            let Hydration { target, target_ballot, newer_than, table, next, pages, bytes } = *reached;
            let fields = (target.0, target_ballot.0, newer_than.0, table.0, next.0, pages, bytes);
            hydrations.insert(group.0, fields).map_err(store)?;
        }
        write.commit().map_err(store)
    }

    /// Raises a group's base, when its images are complete, and forgets how it came there.
    ///
    /// # Errors
    /// As [`Images::write`].
    pub fn finish_hydration(&self, group: GroupId, base: Lsn, ballot: Ballot) -> Result<(), ImageError> {
        let mut write = self.database.begin_write().map_err(store)?;
        write.set_quick_repair(true);
        {
            let mut retired = write.open_table(BASES).map_err(store)?;
            retired.insert(group.0, (base.0, ballot.0)).map_err(store)?;
            write.open_table(HYDRATIONS).map_err(store)?.remove(group.0).map_err(store)?;
        }
        write.commit().map_err(store)
    }

    /// Bytes of images as stored.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn stored_bytes(&self) -> Result<u64, ImageError> {
        let read = self.database.begin_read().map_err(store)?;
        let table = read.open_table(IMAGES).map_err(store)?;
        Ok(table.stats().map_err(store)?.stored_bytes())
    }
}

fn encode(page: &Page) -> Vec<u8> {
    let bytes = page.to_bytes();
    let packed = lz4_flex::block::compress(&bytes);
    let (tag, body) = if packed.len() < bytes.len() { (LZ4, &packed) } else { (PLAIN, &bytes) };
    let mut out = Vec::with_capacity(body.len() + 1);
    out.push(tag);
    out.extend_from_slice(body);
    out
}

/// Checks an image as it is stored.
///
/// # Errors
/// [`Error`] when it is not one of this page.
pub fn decode(stored: &[u8], id: PageId) -> Result<Page, Error> {
    let malformed = |why| Error::Malformed { what: "image", why };
    match stored.split_first() {
        Some((&PLAIN, body)) => Page::from_bytes(body, id),
        Some((&LZ4, body)) => {
            let mut bytes = [0; PAGE_BYTES];
            let length = lz4_flex::block::decompress_into(body, &mut bytes).map_err(|_| malformed("compression"))?;
            Page::from_bytes(&bytes[..length], id)
        }
        _ => Err(malformed("unknown encoding")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Loss, SimDisk};
    use protocol::redo::{Change, apply_change};
    use std::path::PathBuf;

    #[test]
    fn images_survive_a_loss_of_power_and_damage_is_found() {
        let disk = SimDisk::new();
        let path = PathBuf::from("/images");
        let mut page = Page::empty(PageId(5));
        apply_change(&mut page, Lsn(70), &Change::SetFlags { level: 1, flags: 2 }).expect("flags fit any page");
        {
            let images = Images::open(&*disk, &path).expect("the disk is sound");
            disk.sync_dir(&PathBuf::from("/")).expect("the disk is sound");
            images.write(&[page.clone()], &[(GroupId(0), Lsn(60), Ballot::ZERO)]).expect("the disk is sound");
            disk.crash(Loss::Everything);
        }
        let images = Images::open(&*disk, &path).expect("it opens after a crash");
        assert_eq!(images.get(PageId(5)).expect("it is sound"), Some(page.clone()));
        assert_eq!(images.get(PageId(6)).expect("it is sound"), None);
        assert_eq!(images.bases().expect("it is sound")[&GroupId(0)], (Lsn(60), Ballot::ZERO));
        let mut stored = encode(&page);
        assert_eq!(decode(&stored, PageId(5)), Ok(page));
        stored[20] ^= 4;
        assert!(decode(&stored, PageId(5)).is_err());
    }
}
