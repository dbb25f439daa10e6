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
use parking_lot::{Condvar, Mutex};
use protocol::{Ballot, Error, GroupId, Lsn, Page, PageId};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Images written in one transaction.
const IMAGES_PER_STEP: usize = 128;
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

/// A log file on its way out.
struct Retirement {
    file: u64,
    /// Pages with records in it that are not looked at yet.
    pages: VecDeque<(PageId, Lsn)>,
    /// Every page with records in it.
    all: Vec<PageId>,
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
        self.seal_rolled()?;
        match self.shared.files.prepare() {
            // The writer says so when it needs one.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            prepared => prepared?,
        }
        let imaged = self.make_due_images()?;
        let retired = self.retire()?;
        Ok(imaged || retired)
    }

    /// Writes the indexes of full files.
    pub(super) fn seal_rolled(&self) -> Result<(), TendError> {
        for (sequence, file) in self.shared.files.rolled() {
            let index = index_of(&self.shared, &*file, sequence)?;
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
            self.retirement = self.next_retirement()?;
        }
        // Put back below unless it fails: then it begins anew.
        let Some(mut retirement) = self.retirement.take() else { return Ok(false) };
        let mut images = Vec::new();
        while images.len() < IMAGES_PER_STEP
            && let Some((page, newest)) = retirement.pages.pop_front()
        {
            if self.shared.images.get(page)?.is_some_and(|image| image.lsn() >= newest) {
                continue;
            }
            let (group, bound) = {
                let state = self.shared.state.lock();
                let Some(group) = state.volume.as_ref().and_then(|volume| volume.group(page)) else { continue };
                (group, state.image_bound(group))
            };
            images.push(self.shared.build(page, group, bound)?.page);
        }
        if !images.is_empty() {
            self.write_images(&images, &[])?;
        }
        if retirement.pages.is_empty() {
            self.finish_retirement(&retirement)?;
        } else {
            self.retirement = Some(retirement);
        }
        Ok(true)
    }

    /// The oldest file, if the log is too long and everything in it may become an image.
    fn next_retirement(&self) -> Result<Option<Retirement>, TendError> {
        let files = &self.shared.files;
        if files.log_bytes() <= self.shared.options.log_retention_bytes {
            return Ok(None);
        }
        let Some(file) = files.oldest_sealed() else { return Ok(None) };
        {
            let state = self.shared.state.lock();
            let held = |(group, segment): (&GroupId, &super::segment::Segment)| {
                segment.last_in(file).is_some_and(|run| run.last > state.image_bound(*group))
            };
            if state.segments.iter().any(held) {
                return Ok(None);
            }
        }
        let index = match files.read_index(file)? {
            Some(index) => index,
            None => match files.open(file)? {
                Ok((handle, _)) => index_of(&self.shared, &*handle, file)?,
                Err(error) => return Err(error.into()),
            },
        };
        let state = self.shared.state.lock();
        let Some(volume) = &state.volume else { return Ok(None) };
        let mut pages = VecDeque::new();
        for entry in &index.pages {
            let segment = volume.group(entry.page).and_then(|group| state.segments.get(&group));
            let here = |lsn: &&Lsn| segment.and_then(|s| s.locate(**lsn)).is_some_and(|run| run.place.file == file);
            if let Some(newest) = entry.lsns.iter().rev().find(here) {
                pages.push_back((entry.page, *newest));
            }
        }
        let all = index.pages.iter().map(|entry| entry.page).collect();
        Ok(Some(Retirement { file, pages, all }))
    }

    fn finish_retirement(&self, done: &Retirement) -> Result<(), TendError> {
        let bases: Vec<(GroupId, Lsn, Ballot)> = {
            let state = self.shared.state.lock();
            let base = |(group, segment): (&GroupId, &super::segment::Segment)| {
                let last = segment.last_in(done.file).filter(|run| run.last > segment.base())?;
                Some((*group, last.last, last.ballot))
            };
            state.segments.iter().filter_map(base).collect()
        };
        self.write_images(&[], &bases)?;
        {
            let mut state = self.shared.state.lock();
            for segment in state.segments.values_mut() {
                segment.retire(done.file);
            }
        }
        for page in &done.all {
            let image = self.shared.images.get(*page)?.map_or(Lsn::ZERO, |image| image.lsn());
            let mut state = self.shared.state.lock();
            if state.heads.get(page).is_some_and(|head| head.newest <= image) {
                state.heads.remove(page);
            }
        }
        self.shared.files.retire(done.file)?;
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
