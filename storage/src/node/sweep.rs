//! The sweep: images for everything that a row of log files holds, read in order.
//!
//! **Rule.** A sweep takes all sealed files that no sweep has covered. When it is done, each page with a record in them has an
//! image at or above its last record there, so that the files may go whenever the log needs to be shorter. A page is
//! imaged once a sweep, however many records it has; records that an image has already, such as those of hot pages, are
//! skipped by comparing LSNs in memory.
//!
//! **Mechanism.** The records are gathered by page into an [arena](super::arena), for building page after page by links would
//! read each batch hundreds of times. When the arena is full, a part of the pages is put off to another pass over the files: as
//! many passes are made as the memory needs. Where the records of a page are about as long as the page, as a bulk load leaves
//! them, the sweep ends before much is in memory: later files hardly concern the same pages, so that images of these are not
//! made again soon, and nothing is read twice.
//!
//! To read the log in few passes takes memory, which the nodes of a process have together: they sweep in turns. What
//! becomes of a node that does not get its turn is told in [`background`](super::background).
//!
//! The same way serves pages that are due between sweeps, when they are many and their records lie scattered over the log: to
//! follow each link of their chains would read, for every record, the batch that it came with. They are few, and have a small
//! arena, so that no sweep waits for them.

use super::arena::{ARENA_BYTES_MAX, Loan};
use super::background::TendError;
use super::disk::Patience;
use super::frame::read_frames;
use super::log::ReadFault;
use super::repair::lose_unread;
use super::segment::Place;
use super::stored::{Glance, glances, glances_from};
use super::{Shared, images::ImageError};
use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use protocol::redo::{Change, RecordHeader, apply};
use protocol::{Error, Lsn, PAGE_BYTES, Page, PageId};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::sync::Arc;

/// Pages with this many bytes of records each are not expected to change again soon.
const DENSE_BYTES: usize = PAGE_BYTES / 4;

/// A record of the share in hand.
#[derive(Clone, Copy)]
struct Piece {
    page: PageId,
    lsn: Lsn,
    /// Index of its block.
    block: u32,
    /// Offset of its encoding in the block.
    at: u32,
    /// Length of its encoding.
    bytes: u32,
}

/// A sweep on its way.
pub struct Sweep {
    files: Vec<u64>,
    /// Where only some pages are to have images: which.
    chosen: Option<HashSet<PageId>>,
    /// `State::tables` when they were found to hold nothing that may not become an image.
    pub tables: u64,
    /// How many of `files` the pass has read.
    read: usize,
    memory: Loan,
    /// The share of the pages that is in hand...
    blocks: Vec<Bytes>,
    /// ...and what of it has no images yet: in order of pages, from the last to the first.
    pieces: Vec<Piece>,
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
    /// A sweep of `files`, ascending, not empty, chosen at `tables`. `pages` have redo in the log, of about so many bytes.
    #[must_use]
    pub fn new(files: Vec<u64>, tables: u64, pages: Vec<(PageId, u32)>, mut memory: Loan) -> Sweep {
        memory.arena.divide(pages);
        Sweep { files, chosen: None, tables, read: 0, memory, blocks: Vec::new(), pieces: Vec::new() }
    }

    /// The same for these pages alone, without a turn. What else the files hold is not covered by it.
    #[must_use]
    pub fn of_pages(files: Vec<u64>, tables: u64, pages: Vec<(PageId, u32)>) -> Sweep {
        let chosen = Some(pages.iter().map(|(page, _)| *page).collect());
        Sweep { chosen, ..Sweep::new(files, tables, pages, Loan::own()) }
    }

    /// Whether other nodes have to do without the large arena meanwhile.
    #[must_use]
    pub fn is_turn(&self) -> bool {
        self.memory.is_turn()
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
        if let Some(&file) = self.files.get(self.read) {
            if !self.is_dense() {
                self.gather(shared, file)?;
                self.read += 1;
                return Ok(Portion::More(Vec::new()));
            }
            self.files.truncate(self.read);
        }
        let mut made = Vec::new();
        while made.len() < images_max && (!self.pieces.is_empty() || self.take_share()) {
            let last = self.pieces.last().map(|piece| piece.page);
            let from = self.pieces.partition_point(|piece| Some(piece.page) > last);
            made.extend(build(shared, &self.pieces[from..], &self.blocks)?);
            self.pieces.truncate(from);
        }
        if !made.is_empty() {
            return Ok(Portion::More(made));
        }
        if self.memory.arena.next_pass() {
            self.read = 0;
            return Ok(Portion::More(Vec::new()));
        }
        Ok(Portion::Done(self.files.last().copied().unwrap_or_default()))
    }

    /// Whether the sweep had better end with the files read so far: they have pages such as a bulk load leaves. Asked when half
    /// of a small arena would be full and nothing is put off: it says which files the other passes read.
    fn is_dense(&self) -> bool {
        let arena = &self.memory.arena;
        let is_time = (ARENA_BYTES_MAX / 2 + 1..=ARENA_BYTES_MAX).contains(&arena.bytes());
        is_time && self.chosen.is_none() && arena.takes_all() && arena.bytes() >= arena.pages() * DENSE_BYTES
    }

    /// Adds a file's records.
    fn gather(&mut self, shared: &Shared, sequence: u64) -> Result<(), TendError> {
        let file = shared.files.file(sequence).ok_or(ReadFault::Retired(sequence))?;
        let mut unread = windows_in(shared, sequence);
        let (arena, chosen) = (&mut self.memory.arena, self.chosen.as_ref());
        let (mut found, mut images): (Vec<Glance>, Vec<Lsn>) = (Vec::new(), Vec::new());
        read_frames(&*file, sequence, |frame| {
            let place = Place { file: sequence, offset: frame.at as u32, bytes: frame.batch.len() as u32 };
            // Annulled and repeated records are in the file, too.
            let Some(held) = unread.remove(&place) else { return };
            let is_held = |lsn: Lsn| {
                let run = held.get(held.partition_point(|(_, last)| *last < lsn));
                run.is_some_and(|(first, _)| *first <= lsn)
            };
            let is_chosen = |page| chosen.is_none_or(|chosen| chosen.contains(&page));
            found.clear();
            images.clear();
            let wanted = glances(&frame.batch).filter(|record| arena.takes(record.page) && is_chosen(record.page));
            found.extend(wanted.filter(|record| is_held(record.lsn)));
            shared.images.lsns(found.iter().map(|record| record.page), |lsn| images.push(lsn));
            for (record, _) in found.iter().zip(&images).filter(|(record, image)| record.lsn > **image) {
                arena.push(record.page, &frame.batch[record.at..record.at + record.bytes]);
            }
        })?;
        if !unread.is_empty() {
            // Images without them would let the file go, and with it the last trace of what is missing.
            lose_unread(shared, sequence, &unread.into_keys().collect())?;
            return Err(Error::Checksum { what: "log file" }.into());
        }
        Ok(())
    }

    /// Goes on to the next share of the pages. `false` when the pass has no other.
    fn take_share(&mut self) -> bool {
        let arena = &mut self.memory.arena;
        arena.recycle(std::mem::take(&mut self.blocks));
        let Some(blocks) = arena.take_share() else { return false };
        for (block, records) in (0..).zip(&blocks) {
            self.pieces.extend(glances_from(records, 0).map(|record| Piece {
                page: record.page,
                lsn: record.lsn,
                block,
                at: record.at as u32,
                bytes: record.bytes as u32,
            }));
        }
        self.pieces.sort_unstable_by_key(|piece| Reverse((piece.page, piece.lsn)));
        self.blocks = blocks;
        true
    }
}

/// What is held of a log file's batches, each from a first record to a last one, ascending: nearly always one run has all of a
/// batch. Nothing is added to a sealed file. What leaves it while it is read is damaged or annulled; what is durable is not
/// annulled, and where something is lost the sweep begins anew.
fn windows_in(shared: &Shared, sequence: u64) -> HashMap<Place, SmallVec<[(Lsn, Lsn); 1]>> {
    let mut windows = HashMap::<Place, SmallVec<[(Lsn, Lsn); 1]>>::new();
    let state = shared.state.lock();
    let runs = state.segments.values().flat_map(|segment| segment.runs());
    for run in runs.filter(|run| run.place.file == sequence) {
        windows.entry(run.place).or_default().push((run.first, run.last));
    }
    windows
}

/// The image of a page with the records of `pieces`, which are given from the last to the first.
fn build(shared: &Shared, pieces: &[Piece], blocks: &[Bytes]) -> Result<Option<Made>, TendError> {
    let Some(id) = pieces.first().map(|piece| piece.page) else { return Ok(None) };
    let Some((group, bound)) = shared.image_bound(id) else { return Ok(None) };
    let covered = shared.images.lsn(id);
    // Those that an image has that was made since they were read have left the chain by it.
    let pieces = &pieces[..pieces.partition_point(|piece| piece.lsn > covered)];
    if pieces.is_empty() {
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
    for piece in pieces.iter().rev() {
        let (block, at) = (&blocks[piece.block as usize], piece.at as usize);
        let (header, extent) = RecordHeader::decode(&block[at..])?;
        let change = Change::decode(&block.slice(at + extent.change_at..at + extent.bytes))?;
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
            head.settle(*records, *bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sweep that has read a file with this many records.
    fn gathered(pages: u64, records: u64, bytes: usize) -> Sweep {
        let bytes_of_page = (records / pages) as u32 * bytes as u32;
        let expected = (0..pages).map(|page| (PageId(page), bytes_of_page)).collect();
        let mut sweep = Sweep::new(vec![1, 2, 3], 0, expected, Loan::own());
        let (none, mut encoded) = (Lsn::ZERO, Vec::new());
        for record in 0..records {
            let (lsn, page) = (Lsn(record + 1), PageId(record % pages));
            encoded.clear();
            RecordHeader { lsn, prev_volume: none, prev_group: none, prev_page: none, page, end_of_mtr: true }
                .encode(&vec![0; bytes], &mut encoded);
            sweep.memory.arena.push(page, &encoded);
        }
        sweep
    }

    #[test]
    fn a_sweep_of_full_pages_ends_early_and_one_of_small_changes_does_not() {
        assert!(gathered(1200, 1200, 8000).is_dense());
        assert!(gathered(240, 4800, 2000).is_dense(), "many records make a page full, too");
        assert!(!gathered(1000, 1000, 8000).is_dense(), "another file finds room");
        assert!(!gathered(50_000, 100_000, 100).is_dense(), "the next file concerns the same pages");
        let full = gathered(2400, 2400, 8000);
        assert!(!full.memory.arena.takes_all());
        assert!(!full.is_dense(), "the other part goes by the same files");
    }

    #[test]
    fn a_share_is_worked_off_page_by_page_in_the_order_of_their_records() {
        let mut sweep = gathered(1000, 5000, 100);
        let mut pages = HashSet::new();
        while sweep.take_share() {
            assert!(sweep.pieces.is_sorted_by_key(|piece| Reverse((piece.page, piece.lsn))));
            for Piece { page, lsn, block, at, bytes } in sweep.pieces.drain(..) {
                let (header, extent) = RecordHeader::decode(&sweep.blocks[block as usize][at as usize..])
                    .expect("a piece is where a record begins");
                assert_eq!((header.page, header.lsn, extent.bytes), (page, lsn, bytes as usize));
                pages.insert(page);
            }
        }
        assert_eq!(pages.len(), 1000);
        assert!(!sweep.memory.arena.next_pass(), "there was room for all of it");
    }
}
