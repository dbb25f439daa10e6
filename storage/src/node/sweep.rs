//! The sweep: images for everything that a row of log files holds, read once and in order.
//!
//! **Rule.** A sweep takes all sealed files that no sweep has covered. When it is done, each page with a record in them has an
//! image at or above its last record there, so that the files may go whenever the log needs to be shorter. A page is
//! imaged once a sweep, however many records it has; records that an image has already, such as those of hot pages, are
//! skipped by comparing LSNs in memory.
//!
//! **Mechanism.** The records are gathered by page into an arena, for building page after page by links would read each batch
//! hundreds of times. When the arena is full, half of the pages are put off to another pass over the files: as many passes
//! are made as the memory needs. Where the records of a page are about as long as the page, as a bulk load leaves them, the
//! sweep ends before the memory is full: later files hardly concern the same pages, so that images of these are not made
//! again soon, and nothing is read twice.
//!
//! The same way serves pages that are due between sweeps, when they are many and their records lie scattered over the log: to
//! follow each link of their chains would read, for every record, the batch that it came with.

use super::background::TendError;
use super::disk::Patience;
use super::frame::read_frames;
use super::log::ReadFault;
use super::repair::{held_in, lose_unread};
use super::segment::Place;
use super::state::Due;
use super::stored::{Glance, glances};
use super::{Shared, images::ImageError};
use bytes::{Bytes, BytesMut};
use hashbrown::HashSet;
use protocol::batch::BATCH_BYTES_MAX;
use protocol::redo::{Change, RecordHeader, apply};
use protocol::{Error, GroupId, Lsn, PAGE_BYTES, Page, PageId};
use std::sync::Arc;

/// Bytes of records gathered in one pass...
const ARENA_BYTES_MAX: usize = 16 << 20;
/// ...and by how much they may exceed that before it is noticed.
const ARENA_SLACK_BYTES: usize = BATCH_BYTES_MAX;
/// Records gathered in one pass.
const ARENA_RECORDS_MAX: usize = 512 << 10;
/// Pages with this many bytes of records each are not expected to change again soon.
const DENSE_BYTES: usize = PAGE_BYTES / 4;

/// A share of the pages: those whose number leaves `residue` when divided by `modulus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    modulus: u64,
    residue: u64,
}

impl Share {
    fn has(&self, page: PageId) -> bool {
        // A power of two, which the processor is not told.
        page.0 & (self.modulus - 1) == self.residue
    }

    /// Halves it: what is left here, and the other half.
    fn split(&self) -> (Share, Share) {
        let modulus = self.modulus * 2;
        (Share { modulus, ..*self }, Share { modulus, residue: self.residue + self.modulus })
    }
}

/// A record in the arena.
#[derive(Clone, Copy)]
struct Piece {
    page: PageId,
    lsn: Lsn,
    at: u32,
    bytes: u32,
}

/// A sweep on its way.
pub struct Sweep {
    files: Vec<u64>,
    /// Where only some pages are to have images: which.
    chosen: Option<HashSet<PageId>>,
    /// `State::tables` when they were found to hold nothing that may not become an image.
    pub tables: u64,
    /// Shares that no pass was made for.
    shares: Vec<Share>,
    /// The share in hand.
    share: Share,
    /// How many of `files` the pass has read.
    read: usize,
    /// What it has found: in order of pages once the pass is over, from the last to the first.
    pieces: Vec<Piece>,
    arena: BytesMut,
    /// The arena of a finished pass.
    gathered: Option<Bytes>,
}

/// What a portion of a sweep came to.
pub enum Portion {
    /// These images are to be written, and there is more to do.
    More(Vec<Made>),
    /// Every page with a record in files up to this one has its image.
    Done(u64),
}

/// An image that a sweep made.
pub struct Made {
    /// The page.
    pub page: Page,
    /// Records that left its chain by it.
    pub records: u32,
    /// Their bytes.
    pub bytes: u32,
}

impl Sweep {
    /// A sweep of `files`, ascending, not empty, chosen at `tables`.
    #[must_use]
    pub fn new(files: Vec<u64>, tables: u64) -> Sweep {
        let share = Share { modulus: 1, residue: 0 };
        Sweep {
            files,
            chosen: None,
            tables,
            shares: Vec::new(),
            share,
            read: 0,
            pieces: Vec::new(),
            arena: BytesMut::new(),
            gathered: None,
        }
    }

    /// The same for some pages alone. What else the files hold is not covered by it.
    #[must_use]
    pub fn of_pages(pages: HashSet<PageId>, files: Vec<u64>, tables: u64) -> Sweep {
        Sweep { chosen: Some(pages), ..Sweep::new(files, tables) }
    }

    /// Whether it is limited to some pages.
    #[must_use]
    pub fn is_of_pages(&self) -> bool {
        self.chosen.is_some()
    }

    /// The pages that it is limited to.
    #[must_use]
    pub fn into_pages(self) -> HashSet<PageId> {
        self.chosen.unwrap_or_default()
    }

    /// Does a portion: reads one file, or builds up to `images_max` images.
    ///
    /// # Errors
    /// [`TendError`]; the sweep is then to be dropped.
    pub fn step(&mut self, shared: &Arc<Shared>, images_max: usize) -> Result<Portion, TendError> {
        if self.gathered.is_none() {
            if self.is_dense() {
                self.files.truncate(self.read);
            }
            if let Some(&file) = self.files.get(self.read) {
                self.gather(shared, file)?;
                self.read += 1;
                return Ok(Portion::More(Vec::new()));
            }
            self.pieces.sort_unstable_by_key(|piece| std::cmp::Reverse((piece.page, piece.lsn)));
            self.gathered = Some(std::mem::take(&mut self.arena).freeze());
        }
        let arena = self.gathered.clone().unwrap_or_default();
        let mut made = Vec::new();
        while made.len() < images_max
            && let Some(last) = self.pieces.last()
        {
            let from = self.pieces.partition_point(|piece| piece.page > last.page);
            let pieces = self.pieces.split_off(from);
            made.extend(build(shared, &pieces, &arena)?);
        }
        if !made.is_empty() {
            return Ok(Portion::More(made));
        }
        drop(arena);
        // For the next pass.
        self.arena = self.gathered.take().and_then(|arena| arena.try_into_mut().ok()).unwrap_or_default();
        self.arena.clear();
        match self.shares.pop() {
            Some(share) => {
                (self.share, self.read) = (share, 0);
                Ok(Portion::More(Vec::new()))
            }
            None => Ok(Portion::Done(self.files.last().copied().unwrap_or_default())),
        }
    }

    /// Whether the sweep had better end with the files read so far: the memory is half full of pages such as a bulk load
    /// leaves. Asked in the first pass only: it says which files the others read.
    fn is_dense(&self) -> bool {
        if self.chosen.is_some() || self.share.modulus > 1 || self.arena.len() <= ARENA_BYTES_MAX / 2 {
            return false;
        }
        let pages: HashSet<PageId> = self.pieces.iter().map(|piece| piece.page).collect();
        self.arena.len() >= pages.len() * DENSE_BYTES
    }

    /// Adds a file's records of the share.
    fn gather(&mut self, shared: &Shared, sequence: u64) -> Result<(), TendError> {
        let file = shared.files.file(sequence).ok_or(ReadFault::Retired(sequence))?;
        let mut unread = held_in(shared, sequence);
        if self.arena.capacity() == 0 {
            // Memory that grows is copied each time, and each time the system clears what is new.
            let files = self.files.len() * shared.options.log_file_bytes as usize;
            self.arena.reserve(files.min(ARENA_BYTES_MAX + ARENA_SLACK_BYTES));
            self.pieces.reserve((files / size_of::<Piece>()).min(ARENA_RECORDS_MAX));
        }
        let (mut found, mut images): (Vec<Glance>, Vec<Lsn>) = (Vec::new(), Vec::new());
        read_frames(&*file, sequence, |frame| {
            found.clear();
            images.clear();
            let is_chosen = |page| self.chosen.as_ref().is_none_or(|chosen| chosen.contains(&page));
            let wanted = glances(&frame.batch).filter(|record| self.share.has(record.page) && is_chosen(record.page));
            found.extend(wanted);
            shared.images.lsns(found.iter().map(|record| record.page), |lsn| images.push(lsn));
            let mut of_images = images.iter();
            found.retain(|record| of_images.next().is_none_or(|image| record.lsn > *image));
            let place = Place { file: sequence, offset: frame.at as u32, bytes: frame.batch.len() as u32 };
            unread.remove(&place);
            held_there(shared, frame.header.group, place, &mut found);
            for Glance { lsn, page, at, bytes } in &found {
                let start = self.arena.len() as u32;
                self.arena.extend_from_slice(&frame.batch[*at..at + bytes]);
                self.pieces.push(Piece { page: *page, lsn: *lsn, at: start, bytes: *bytes as u32 });
            }
            while self.arena.len() > ARENA_BYTES_MAX || self.pieces.len() > ARENA_RECORDS_MAX {
                if !self.halve() {
                    break;
                }
            }
        })?;
        if !unread.is_empty() {
            // Images without them would let the file go, and with it the last trace of what is missing.
            lose_unread(shared, sequence, &unread)?;
            return Err(Error::Checksum { what: "log file" }.into());
        }
        Ok(())
    }

    /// Puts half of the pages off. `false` when there is only one.
    fn halve(&mut self) -> bool {
        let first = self.pieces.first().map(|piece| piece.page);
        if self.pieces.iter().all(|piece| Some(piece.page) == first) {
            return false;
        }
        let (kept, other) = self.share.split();
        self.share = kept;
        self.shares.push(other);
        let mut end = 0;
        self.pieces.retain_mut(|piece| {
            let keep = kept.has(piece.page);
            if keep {
                // They stand in the order of the arena, so that each moves down or stays.
                self.arena.copy_within(piece.at as usize..(piece.at + piece.bytes) as usize, end as usize);
                piece.at = end;
                end += piece.bytes;
            }
            keep
        });
        self.arena.truncate(end as usize);
        true
    }
}

/// Leaves those records of a batch that are held by it: annulled and repeated ones are in the file too.
fn held_there(shared: &Shared, group: GroupId, place: Place, found: &mut Vec<Glance>) {
    if found.is_empty() {
        return;
    }
    let state = shared.state.lock();
    let Some(segment) = state.segments.get(&group) else { return found.clear() };
    let mut run = None;
    found.retain(|record| {
        // Nearly always one run has them all.
        if !run.is_some_and(|run: super::segment::Run| run.first <= record.lsn && record.lsn <= run.last) {
            run = segment.locate(record.lsn).copied();
        }
        run.is_some_and(|run| run.place == place)
    });
}

/// The image of a page with the records of `pieces`, which are given from the last to the first.
fn build(shared: &Shared, pieces: &[Piece], arena: &Bytes) -> Result<Option<Made>, TendError> {
    let Some(id) = pieces.first().map(|piece| piece.page) else { return Ok(None) };
    let newest = pieces.iter().map(|piece| piece.lsn).max().unwrap_or_default();
    let Some((group, bound)) = shared.image_bound(id) else { return Ok(None) };
    let covered = shared.images.lsn(id);
    if newest <= covered {
        return Ok(None);
    }
    let (records, bytes) = (pieces.len() as u32, pieces.iter().map(|piece| piece.bytes).sum());
    let by_links = || -> Result<Option<Made>, TendError> {
        let page = shared.build(id, group, bound, Patience::Full)?.page;
        Ok((page.lsn() > covered).then_some(Made { page, records, bytes }))
    };
    let cached = shared.cache.lock().get(id, bound).filter(|page| page.lsn() > covered);
    let mut page = match cached {
        Some(page) => page,
        None => match shared.images.get(id, Patience::Full) {
            Ok(image) => image.unwrap_or_else(|| Page::empty(id)),
            Err(ImageError::Damaged { .. }) => return by_links(),
            Err(error) => return Err(error.into()),
        },
    };
    for piece in pieces.iter().rev().filter(|piece| piece.lsn > covered) {
        let encoded = arena.slice(piece.at as usize..(piece.at + piece.bytes) as usize);
        let (header, extent) = RecordHeader::decode(&encoded)?;
        let change = Change::decode(&encoded.slice(extent.change_at..extent.bytes))?;
        match apply(&mut page, &header, &change) {
            Ok(_) => {}
            // A record between came late and lies in a newer file: the links find it.
            Err(Error::OutOfOrder { .. }) => return by_links(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(Made { page, records, bytes }))
}

/// Sets the heads of imaged pages to what is left above the images.
pub fn settle_heads(shared: &Shared, made: &[Made]) {
    let mut state = shared.state.lock();
    for Made { page, records, bytes } in made {
        let Some(head) = state.heads.get_mut(&page.id()) else { continue };
        if head.newest <= page.lsn() {
            state.heads.remove(&page.id());
        } else {
            head.records = head.records.saturating_sub(*records);
            head.bytes = head.bytes.saturating_sub(*bytes);
            if head.due == Due::PutOff {
                head.due = Due::No;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sweep that has read a file with this many records.
    fn gathered(pages: u64, records: u64, bytes: u32) -> Sweep {
        let mut sweep = Sweep::new(vec![1, 2, 3], 0);
        for record in 0..records {
            let at = sweep.arena.len() as u32;
            sweep.arena.resize(at as usize + bytes as usize, 0);
            sweep.pieces.push(Piece { page: PageId(record % pages), lsn: Lsn(record + 1), at, bytes });
        }
        sweep
    }

    #[test]
    fn a_sweep_of_full_pages_ends_early_and_one_of_small_changes_does_not() {
        assert!(gathered(1200, 1200, 8000).is_dense());
        assert!(gathered(240, 4800, 2000).is_dense(), "many records make a page full, too");
        assert!(!gathered(1000, 1000, 8000).is_dense(), "another file finds room");
        assert!(!gathered(50_000, 100_000, 100).is_dense(), "the next file concerns the same pages");
        let mut halved = gathered(2400, 2400, 8000);
        assert!(halved.halve());
        assert!(!halved.is_dense(), "the other half goes by the same files");
    }
}
