//! What a node does when it is not asked: indexes of full log files, the next file, images, retirement.
//!
//! **Rule.** Only what is durable on a quorum, flushed here and below every reader becomes an image
//! ([`State::image_bound`](super::state::State::image_bound)), and only what images cover leaves the log. An image is due
//! when a page's chain above the last one has grown long, so that building a page is bounded; and for every page of the
//! oldest file when the log exceeds its retention. What cannot be done yet waits until the durable point or the floor moves.
//!
//! The work comes in portions of [`IMAGES_PER_STEP`] pages, one fsync each, with a pause after each: images share the disk with
//! the fsyncs of commits.

use super::Shared;
use super::index::FileIndex;
use super::log::ReadFault;
use super::pages::BuildError;
use super::segment::Place;
use super::state::{CHAIN_BYTES_MAX, CHAIN_RECORDS_MAX};
use super::stored::{StoredRecord, records};
use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use parking_lot::{Condvar, Mutex};
use protocol::redo::{Change, RecordHeader, apply};
use protocol::{Ballot, Error, GroupId, Lsn, Page, PageId};
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Images written in one transaction.
const IMAGES_PER_STEP: usize = 128;
/// Log files retired together: a page that is in all of them gets one image.
const FILES_PER_RETIREMENT: usize = 4;
/// Shares of the pages, so that the records of one share of [`FILES_PER_RETIREMENT`] files are about as much as one file.
const PARTS: u64 = 4;
/// A log of this multiple of its retention gives up what lies behind gaps.
const CROWDED_FACTOR: u64 = 2;
/// A log of this multiple of its retention waits no longer for a peer that lacks it.
const PEERS_FACTOR: u64 = 8;
/// Rest after a portion.
const PAUSE: Duration = Duration::from_millis(2);
/// The background looks around this often even when nobody wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// Why the background cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TendError {
    /// A page could not be built or an image not be read.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The image store failed.
    #[error(transparent)]
    Image(#[from] super::images::ImageError),
    /// The log failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A stored batch is not what its checksum said.
    #[error(transparent)]
    Stored(#[from] Error),
}

impl TendError {
    /// Whether writing failed, which is final, and not the reading of something damaged.
    fn is_final(&self) -> bool {
        matches!(self, TendError::Io(_) | TendError::Image(super::images::ImageError::Store(_)))
    }
}

impl From<ReadFault> for TendError {
    fn from(fault: ReadFault) -> TendError {
        TendError::Build(BuildError::Log(fault))
    }
}

/// How the background is woken and stopped.
#[derive(Default)]
pub struct Wake {
    signal: Mutex<Signal>,
    arrived: Condvar,
}

#[derive(Default)]
struct Signal {
    work: bool,
    stop: bool,
}

impl Wake {
    /// There may be something to do.
    pub fn wake(&self) {
        let mut signal = self.signal.lock();
        if !signal.work {
            signal.work = true;
            self.arrived.notify_one();
        }
    }

    /// The end.
    pub fn stop(&self) {
        self.signal.lock().stop = true;
        self.arrived.notify_one();
    }

    /// Waits to be woken, or for [`IDLE`]; `false` at the end.
    fn wait(&self) -> bool {
        let mut signal = self.signal.lock();
        if !signal.work && !signal.stop {
            self.arrived.wait_for(&mut signal, IDLE);
        }
        signal.work = false;
        !signal.stop
    }

    /// Waits for `pause` or the end; `false` at the end.
    fn rest(&self, pause: Duration) -> bool {
        let mut signal = self.signal.lock();
        if !signal.stop {
            // Being woken early is no harm.
            self.arrived.wait_for(&mut signal, pause);
        }
        !signal.stop
    }
}

/// Log files on their way out, the oldest ones.
///
/// Everything older is covered by images, so a page's records in these files continue its image. They are read in sequence,
/// once for each of [`PARTS`] shares of the pages, and not by following each page's links through them.
struct Retirement {
    files: Vec<u64>,
    /// The next share of pages.
    part: u64,
    /// Pages of the current share that have no image of these records yet.
    pages: VecDeque<(PageId, Vec<Piece>)>,
    /// The changes of `pages`, encoded.
    arena: Bytes,
    /// Every page with records in the files.
    all: HashSet<PageId>,
}

/// A record in a retirement's arena.
struct Piece {
    header: RecordHeader,
    change: Range<usize>,
}

/// The background's own state.
pub struct Tender {
    shared: Arc<Shared>,
    retirement: Option<Retirement>,
}

impl Tender {
    /// Tends a node.
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Tender {
        Tender { shared, retirement: None }
    }

    /// Works until the node stops.
    pub fn run(mut self) {
        let shared = self.shared.clone();
        while shared.background.wait() {
            loop {
                match self.step() {
                    Ok(true) if shared.background.rest(PAUSE) => {}
                    Ok(_) => break,
                    Err(error) => {
                        self.give_up(&error);
                        break;
                    }
                }
            }
        }
    }

    fn give_up(&mut self, error: &TendError) {
        if error.is_final() {
            self.shared.fail(&format!("background: {error}"));
        } else {
            tracing::error!(%error, "background work is put off");
        }
        self.retirement = None;
    }

    /// Does a portion of what there is to do. Says whether more is left that can be done now.
    ///
    /// # Errors
    /// [`TendError`].
    pub fn step(&mut self) -> Result<bool, TendError> {
        if self.shared.state.lock().failed.is_some() {
            return Ok(false);
        }
        if !self.has_room()? {
            return Ok(false);
        }
        self.seal_rolled()?;
        match self.shared.files.prepare() {
            // The writer says so when it needs one.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            prepared => prepared?,
        }
        let shared = self.shared.clone();
        let _imaging = shared.imaging.lock();
        // Retirement shortens chains too, and cheaper: it reads in sequence what an image that is due reads link by link.
        if self.retire()? {
            return Ok(true);
        }
        self.make_due_images()
    }

    /// Whether half of the headroom is left: a disk that others filled is no broken disk, and writing on would make it one.
    fn has_room(&self) -> Result<bool, TendError> {
        let space = self.shared.disk.space(self.shared.files.dir())?;
        Ok(space.free >= space.total / 200 * self.shared.options.headroom_percent)
    }

    /// Writes the indexes of full files.
    pub(super) fn seal_rolled(&self) -> Result<(), TendError> {
        for (sequence, file) in self.shared.files.rolled() {
            let mut index = index_of(&self.shared, &*file, sequence)?;
            // Of every group, so that the loss of an older file shows even where nothing was written since.
            let acked = self.shared.state.lock().acked();
            index.note_acked(acked);
            self.shared.files.seal(&index)?;
        }
        Ok(())
    }

    fn make_due_images(&self) -> Result<bool, TendError> {
        let due: Vec<PageId> = {
            let mut state = self.shared.state.lock();
            let from = state.due.len().saturating_sub(IMAGES_PER_STEP);
            state.due.split_off(from)
        };
        if due.is_empty() {
            return Ok(false);
        }
        let mut images = Vec::new();
        for page in due {
            if !self.is_due(page) {
                continue;
            }
            let Some((group, bound)) = self.bound_of(page) else { continue };
            let built = match self.shared.build(page, group, bound) {
                Ok(built) => built,
                // The image is above the bound only when the floor stands still.
                Err(BuildError::BelowImage) => {
                    self.shared.state.lock().stalled.push(page);
                    continue;
                }
                Err(error) => {
                    tracing::error!(%page, %error, "an image that is due cannot be made");
                    continue;
                }
            };
            let progress = self.shared.images.get(page)?.map_or(Lsn::ZERO, |image| image.lsn()) < built.page.lsn();
            let mut state = self.shared.state.lock();
            if !progress {
                state.stalled.push(page);
                continue;
            }
            if let Some(head) = state.heads.get_mut(&page) {
                (head.records, head.bytes, head.due) = (built.records_above, built.bytes_above, false);
            }
            drop(state);
            images.push(built.page);
        }
        if images.is_empty() {
            return Ok(false);
        }
        self.write_images(&images, &[])?;
        Ok(!self.shared.state.lock().due.is_empty())
    }

    /// Whether a page that was due still is: a retirement may have shortened its chain.
    fn is_due(&self, page: PageId) -> bool {
        let mut state = self.shared.state.lock();
        let Some(head) = state.heads.get_mut(&page) else { return false };
        head.due = head.records >= CHAIN_RECORDS_MAX || head.bytes >= CHAIN_BYTES_MAX;
        head.due
    }

    fn bound_of(&self, page: PageId) -> Option<(GroupId, Lsn)> {
        let state = self.shared.state.lock();
        let group = state.volume.as_ref()?.group(page)?;
        Some((group, state.image_bound(group)))
    }

    fn write_images(&self, images: &[Page], bases: &[(GroupId, Lsn, Ballot)]) -> Result<(), TendError> {
        self.shared.images.write(images, bases)?;
        self.shared.counters.images.fetch_add(images.len() as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }

    fn retire(&mut self) -> Result<bool, TendError> {
        if self.retirement.is_none() {
            self.retirement = self.next_retirement();
        }
        // Put back below unless it fails: then it begins anew.
        let Some(mut retirement) = self.retirement.take() else { return Ok(false) };
        if retirement.pages.is_empty() && retirement.part < PARTS {
            self.gather(&mut retirement)?;
        }
        let mut images = Vec::new();
        while images.len() < IMAGES_PER_STEP
            && let Some((page, pieces)) = retirement.pages.pop_front()
        {
            images.extend(self.continue_image(page, pieces, &retirement.arena)?);
        }
        if !images.is_empty() {
            self.write_images(&images, &[])?;
        }
        if retirement.pages.is_empty() && retirement.part == PARTS {
            self.finish_retirement(&retirement)?;
        } else {
            self.retirement = Some(retirement);
        }
        Ok(true)
    }

    /// The oldest files, if the log is too long, as far as everything in them may become an image.
    fn next_retirement(&self) -> Option<Retirement> {
        let shared = &self.shared;
        if shared.files.log_bytes() <= shared.options.log_retention_bytes {
            return None;
        }
        // What lies behind a gap is kept in the hope that the gap is filled; not for ever, for it may be gone everywhere.
        let beyond = |factor| shared.files.log_bytes() > shared.options.log_retention_bytes.saturating_mul(factor);
        let (crowded, alone) = (beyond(CROWDED_FACTOR), beyond(PEERS_FACTOR));
        let mut state = shared.state.lock();
        let may_go = |file: &u64| {
            state.segments.iter().all(|(group, segment)| {
                let needed = if alone { Lsn::MAX } else { state.held_by_peers(*group) };
                !segment.holds_above(state.image_bound(*group).min(needed), *file, crowded)
            })
        };
        let files: Vec<u64> = shared.files.oldest_sealed(FILES_PER_RETIREMENT).into_iter().take_while(may_go).collect();
        let newest = *files.last()?;
        if crowded {
            // Now, so that none of it comes to count while the images are made.
            state.segments.values_mut().for_each(|segment| segment.give_up(newest));
        }
        Some(Retirement { files, part: 0, pages: VecDeque::new(), arena: Bytes::new(), all: HashSet::new() })
    }

    /// Reads the next share of pages out of the files.
    fn gather(&self, retirement: &mut Retirement) -> Result<(), TendError> {
        let shared = &self.shared;
        let mut arena: Vec<u8> = Vec::new();
        let mut pages: HashMap<PageId, Vec<Piece>> = HashMap::new();
        for &sequence in &retirement.files {
            let (file, _) = shared.files.open(sequence)??;
            for frame in shared.files.scan(&*file, sequence)?.frames {
                let group = frame.header.group;
                let mine = |page: PageId| page.0 % PARTS == retirement.part;
                let wanted = records(&frame.batch).filter_map(Result::ok).filter(|record| mine(record.header.page));
                let wanted: Vec<StoredRecord> = wanted.collect();
                let state = shared.state.lock();
                let Some(segment) = state.segments.get(&group) else { continue };
                for record in wanted {
                    // Annulled and repeated records are in the file, and not held by it.
                    let held = segment
                        .locate(record.header.lsn)
                        .is_some_and(|run| run.place.file == sequence && u64::from(run.place.offset) == frame.at);
                    if held {
                        let start = arena.len();
                        arena.extend_from_slice(record.change_bytes(&frame.batch));
                        let piece = Piece { header: record.header, change: start..arena.len() };
                        pages.entry(record.header.page).or_default().push(piece);
                    }
                }
            }
        }
        retirement.all.extend(pages.keys());
        let mut pages: Vec<(PageId, Vec<Piece>)> = pages.into_iter().collect();
        pages.sort_unstable_by_key(|(page, _)| *page);
        (retirement.pages, retirement.arena) = (pages.into(), arena.into());
        retirement.part += 1;
        Ok(())
    }

    /// The image with a page's records of the retiring files; `None` when the image has them.
    fn continue_image(&self, id: PageId, mut pieces: Vec<Piece>, arena: &Bytes) -> Result<Option<Page>, TendError> {
        pieces.sort_unstable_by_key(|piece| piece.header.lsn);
        let mut page = self.shared.images.get(id)?.unwrap_or_else(|| Page::empty(id));
        let mut changed = false;
        let covered = page.lsn();
        pieces.retain(|piece| piece.header.lsn > covered);
        for piece in &pieces {
            let change = Change::decode(&arena.slice(piece.change.clone()))?;
            match apply(&mut page, &piece.header, &change) {
                Ok(applied) => changed |= applied,
                // A record between came late and lies in a newer file: the links find it.
                Err(Error::OutOfOrder { .. }) => {
                    let Some((group, bound)) = self.bound_of(id) else { return Ok(None) };
                    return Ok(Some(self.shared.build(id, group, bound)?.page));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let bytes: usize = pieces.iter().map(|piece| piece.change.len()).sum();
        if let Some(head) = self.shared.state.lock().heads.get_mut(&id) {
            head.records = head.records.saturating_sub(pieces.len() as u32);
            head.bytes = head.bytes.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
        Ok(changed.then_some(page))
    }

    fn finish_retirement(&self, done: &Retirement) -> Result<(), TendError> {
        let Some(&newest) = done.files.last() else { return Ok(()) };
        let bases: Vec<(GroupId, Lsn, Ballot)> = {
            let state = self.shared.state.lock();
            let base = |(group, segment): (&GroupId, &super::segment::Segment)| {
                let last = segment.last_in(newest).filter(|run| run.last > segment.base())?;
                Some((*group, last.last, last.ballot))
            };
            state.segments.iter().filter_map(base).collect()
        };
        self.write_images(&[], &bases)?;
        {
            let mut state = self.shared.state.lock();
            for segment in state.segments.values_mut() {
                segment.retire(newest);
            }
        }
        for page in &done.all {
            let image = self.shared.images.get(*page)?.map_or(Lsn::ZERO, |image| image.lsn());
            let mut state = self.shared.state.lock();
            if state.heads.get(page).is_some_and(|head| head.newest <= image) {
                state.heads.remove(page);
            }
        }
        for file in &done.files {
            self.shared.files.retire(*file)?;
        }
        Ok(())
    }
}

/// Reads a file and makes its index; flushed frames that are lost are said so.
pub(super) fn index_of(
    shared: &Shared,
    file: &dyn super::disk::DiskFile,
    sequence: u64,
) -> Result<FileIndex, TendError> {
    let scan = shared.files.scan(file, sequence)?;
    if scan.lost {
        tracing::error!(file = sequence, "flushed redo in a log file is damaged; it will be pulled from peers");
    }
    let batches = scan.frames.into_iter().map(|frame| {
        let place = Place { file: sequence, offset: frame.at as u32, bytes: frame.batch.len() as u32 };
        (frame.header.group, frame.header.ballot, place, frame.batch, frame.notes)
    });
    Ok(FileIndex::build(sequence, batches)?)
}
