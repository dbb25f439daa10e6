//! What a node does when it is not asked: indexes of full log files, the next file, images, retirement.
//!
//! **Rule.** Only what is durable on a quorum, flushed here and below every reader becomes an image
//! ([`State::image_bound`](super::state::State::image_bound)), and only what images cover leaves the log. What cannot be done yet
//! waits until the durable point or the floor moves.
//!
//! An image is due in three cases. An earlier version left a page without one that it should have
//! ([`hydrate`](super::hydrate)). A page's chain above its last image has grown long, so that building it would take long:
//! this concerns a few hot pages, whose records are still in memory, and warm ones, whose records lie scattered over the log;
//! these are set aside until they are many, and gathered by a sweep of their own. Or about three quarters of the log's
//! retention are full of redo that no images cover: then a [sweep](super::sweep) makes images for all of it, and covered files
//! stay for peers and replicas until the log exceeds its retention. So a page is imaged about once while a retention's worth
//! of redo passes, a hot one more often. Just when is a little different for each of six: they take in the same redo at the
//! same pace, and if all swept at once they would all be slow at once. Those of one process have a turn each besides, for the
//! [memory](super::arena) in which to read the log in few passes.
//!
//! Who does not get its turn does what else there is to do, and asks again with its next portion or look. Who cannot wait
//! sweeps at once, in less memory: more is uncovered than the log is to keep, or the log is longer and has no other way to
//! become shorter. So a node whose disk hangs, and that keeps its turn while it does, makes the others work more, and that is
//! all. Nodes that start together wait, too: nothing is known to be covered then, and still their logs are no longer than they
//! should be.
//!
//! From when the first of six wants to sweep until the last cannot wait, two fifths of the retention are written. In that time
//! five turns have to end, or some sweep as if alone. So who has the turn rests less than the others: there is only one.
//!
//! A file does not go before another sweep when a record from between its own came late, into a later file: the base would
//! pass that record, and whoever takes images from here relies on the base.
//!
//! A volume with a quota has a shorter log as its images grow, and waits neither for peers nor for gaps when the quota leaves
//! no room for another file.
//!
//! The work comes in portions of a few milliseconds. After each the thread rests: several times as long as it worked while
//! there is time, not at all when the log grows beyond its bounds. Then the log waits for the background too
//! ([`Wake::hold_back`]): a node that cannot keep up is slow, and a writer that needs it is held by its allocation limit,
//! before the disk is full. A log that is long because readers, gaps or peers keep it is not held back: that would not help.

use super::Shared;
use super::arena::Loan;
use super::clock::Clock;
use super::disk::{Patience, is_want};
use super::frame::read_frames;
use super::images::ImageError;
use super::index::{FileIndex, IndexBuilder};
use super::log::ReadFault;
use super::pages::BuildError;
use super::repair::{SCRUB_INTERVAL, Scrub, rebuild_images};
use super::segment::Place;
use super::state::{Due, SCATTERED_FACTOR};
use super::sweep::{Made, Portion, Sweep, settle_heads};
use crate::quorum::COPIES;
use hashbrown::{HashMap, HashSet};
use parking_lot::{Condvar, Mutex};
use protocol::{Ballot, Error, GroupId, Lsn, PageId};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Images written at once.
const IMAGES_PER_STEP: usize = 64;
/// Uncovered redo of this share of the retention, in percent, is swept, by the first of six nodes in a row...
const SWEEP_PERCENT_MIN: u64 = 60;
/// ...and so much later by each that follows.
const SWEEP_PERCENT_STEP: u64 = 4;
/// A log of this multiple of its retention gives up what lies behind gaps.
const CROWDED_FACTOR: u64 = 2;
/// A log of this multiple of its retention holds its own growth back while there is something to sweep.
const BEHIND_FACTOR: u64 = 2;
/// Held back, a log takes a retention's worth of redo in no less than this many seconds.
const BEHIND_SECONDS_PER_RETENTION: u64 = 8;
/// The longest that one round is held back.
const HELD_BACK_MAX: Duration = Duration::from_millis(200);
/// A log of this multiple of its retention waits no longer for a peer that lacks it.
const PEERS_FACTOR: u64 = 8;
/// Pages that were set aside because their records lie scattered wait so long for others...
const SCATTERED_WAIT: Duration = Duration::from_secs(5);
/// ...and are gathered if they are so many for each log file to be read; else their links are followed, which costs less.
const SCATTERED_PER_FILE: usize = 4;
/// Images that no checkpoint vouches for, in bytes.
const UNVOUCHED_BYTES_MAX: u64 = 4 << 20;
/// Rest after a portion, as a multiple of the time it took: while the log is within its retention, while it is beyond by up to
/// a quarter, and up to a half. Then there is none.
const REST_FACTORS: [u32; 3] = [16, 4, 1];
/// The same for who sweeps in its turn: others wait.
const TURN_REST_FACTORS: [u32; 3] = [4, 2, 1];
/// The longest rest after a portion.
const REST_MAX: Duration = Duration::from_millis(50);
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
    Image(#[from] ImageError),
    /// The log failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A stored batch is not what its checksum said.
    #[error(transparent)]
    Stored(#[from] Error),
}

impl TendError {
    fn io(&self) -> Option<&io::Error> {
        match self {
            TendError::Io(error)
            | TendError::Image(ImageError::Io(error))
            | TendError::Build(
                BuildError::Image(ImageError::Io(error)) | BuildError::Log(ReadFault::Io { error, .. }),
            ) => Some(error),
            _ => None,
        }
    }

    /// Whether something is wanting, which passes.
    fn is_want(&self) -> bool {
        self.io().is_some_and(is_want)
    }

    /// Whether the disk failed, which does not pass, and not the reading of something damaged.
    fn is_final(&self) -> bool {
        let damage = matches!(self, TendError::Build(BuildError::Log(fault)) if fault.damaged().is_some());
        self.io().is_some() && !self.is_want() && !damage
    }
}

impl From<ReadFault> for TendError {
    fn from(fault: ReadFault) -> TendError {
        TendError::Build(BuildError::Log(fault))
    }
}

/// Whether a node has to sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// No.
    None,
    /// When it is its turn.
    Turn,
    /// At once.
    Urgent,
}

/// How the background is woken and stopped, and how it holds the log back.
#[derive(Default)]
pub struct Wake {
    signal: Mutex<Signal>,
    arrived: Condvar,
    relieved: Condvar,
}

#[derive(Default)]
struct Signal {
    work: bool,
    stop: bool,
    /// The log is longer than it may become, and the background is at work on that.
    behind: bool,
}

/// The share of the retention, in percent, of which the node on a seat sweeps what no images cover.
fn sweep_percent(seat: usize) -> u64 {
    SWEEP_PERCENT_MIN + SWEEP_PERCENT_STEP * (seat % COPIES) as u64
}

/// How long to rest after a portion of work.
fn rest_for(worked: Duration, factors: &[u32], log_bytes: u64, log_retention_bytes: u64) -> Duration {
    let beyond = log_bytes.saturating_sub(log_retention_bytes);
    let pressure = (beyond * 4).div_ceil(log_retention_bytes.max(1));
    let factor = usize::try_from(pressure).ok().and_then(|pressure| factors.get(pressure));
    (worked * factor.copied().unwrap_or(0)).min(REST_MAX)
}

/// How long a log that has just taken in so many bytes waits for a background that is behind.
fn held_back_for(bytes: usize, log_retention_bytes: u64) -> Duration {
    let rate = (log_retention_bytes / BEHIND_SECONDS_PER_RETENTION).max(1);
    Duration::from_millis(bytes as u64 * 1000 / rate).min(HELD_BACK_MAX)
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
        self.relieved.notify_all();
    }

    /// Called by the log's thread after a round: waits, in proportion to the `bytes` of the round, while the background is
    /// behind. A node that acknowledges late is one that a writer does not wait for; when too many do, its allocation limit
    /// holds the writer, and the disk does not fill up with redo.
    pub fn hold_back(&self, bytes: usize, log_retention_bytes: u64, clock: &dyn Clock) {
        let mut signal = self.signal.lock();
        let until = clock.now() + held_back_for(bytes, log_retention_bytes);
        while signal.behind
            && !signal.stop
            && let Some(left) = until.checked_sub(clock.now()).filter(|left| !left.is_zero())
        {
            self.relieved.wait_for(&mut signal, left);
        }
    }

    /// Whether the log is [held back](Wake::hold_back).
    pub fn is_behind(&self) -> bool {
        self.signal.lock().behind
    }

    fn set_behind(&self, behind: bool) {
        let mut signal = self.signal.lock();
        if signal.behind != behind {
            signal.behind = behind;
            self.relieved.notify_all();
        }
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

    /// Waits for `pause` or the end, whoever wakes it; `false` at the end.
    fn rest(&self, pause: Duration, clock: &dyn Clock) -> bool {
        let until = clock.now() + pause;
        let mut signal = self.signal.lock();
        while !signal.stop
            && let Some(left) = until.checked_sub(clock.now()).filter(|left| !left.is_zero())
        {
            self.arrived.wait_for(&mut signal, left);
        }
        !signal.stop
    }
}

/// The background's own state.
pub struct Tender {
    shared: Arc<Shared>,
    sweep: Option<Sweep>,
    /// Pages whose image is due and whose records lie scattered over more of the log than is in memory.
    scattered: HashSet<PageId>,
    /// When the first of them was set aside.
    scattered_at: Duration,
    /// Pages that are due and were set aside before: their links are followed now.
    followed: HashSet<PageId>,
    /// Log files up to this one are covered by images.
    covered: u64,
    /// `State::losses` when they were found to be.
    losses: u64,
    /// They cannot go before another sweep: a later file has records from between theirs.
    overtaken: bool,
    scrub: Scrub,
    /// When a portion was last scrubbed.
    scrubbed: Duration,
    /// How many fsyncs of the log there were after the last portion.
    fsyncs: u64,
    /// Of stalled pages, the bound at which there was nothing newer than the image: as of a bound a page is the same for ever,
    /// and is not built there again. No more entries than pages that are due or stalled.
    tried: HashMap<PageId, Lsn>,
}

impl Tender {
    /// Tends a node.
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Tender {
        Tender {
            shared,
            sweep: None,
            scattered: HashSet::new(),
            scattered_at: Duration::ZERO,
            followed: HashSet::new(),
            covered: 0,
            losses: 0,
            overtaken: false,
            scrub: Scrub::default(),
            scrubbed: Duration::ZERO,
            fsyncs: 0,
            tried: HashMap::new(),
        }
    }

    /// Works until the node stops.
    pub fn run(mut self) {
        let shared = self.shared.clone();
        let clock = shared.options.clock.clone();
        while shared.background.wait() {
            shared.state.lock().retry_stalled();
            loop {
                let begin = clock.now();
                match self.step() {
                    Ok(false) if clock.now().saturating_sub(self.scrubbed) >= SCRUB_INTERVAL => {
                        self.scrubbed = clock.now();
                        if let Err(error) = self.scrub.step(&shared) {
                            self.give_up(&error);
                        }
                        break;
                    }
                    Ok(true) if shared.background.rest(self.rest_after(clock.now() - begin), &*clock) => {}
                    Ok(_) => break,
                    Err(error) => {
                        self.give_up(&error);
                        break;
                    }
                }
            }
        }
    }

    /// How long to rest after a portion that took so long. While nothing is written the node's time is the background's.
    fn rest_after(&mut self, worked: Duration) -> Duration {
        let fsyncs = self.shared.counters.fsyncs.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.fsyncs, fsyncs) == fsyncs {
            return Duration::ZERO;
        }
        let is_turn = self.sweep.as_ref().is_some_and(Sweep::is_turn);
        let factors = if is_turn { &TURN_REST_FACTORS } else { &REST_FACTORS };
        rest_for(worked, factors, self.shared.files.log_bytes(), self.shared.retention_bytes())
    }

    pub(super) fn give_up(&mut self, error: &TendError) {
        if error.is_final() {
            self.shared.fail(&format!("background: {error}"));
        } else if error.is_want() {
            tracing::warn!(%error, "background work waits until the disk has room and the process file handles");
        } else {
            tracing::error!(%error, "background work is put off");
        }
        self.sweep = None;
        // Those that it was for, too, wait for better times.
        self.shared.state.lock().stalled.extend(self.scattered.drain());
        self.shared.background.set_behind(false);
    }

    /// Does a portion of what there is to do. Says whether more is left that can be done now.
    ///
    /// # Errors
    /// [`TendError`].
    pub fn step(&mut self) -> Result<bool, TendError> {
        if self.shared.state.lock().failed.is_some() {
            self.sweep = None;
            return Ok(false);
        }
        if !self.has_room()? {
            // Neither the log nor other nodes need wait for what is not done.
            self.sweep = None;
            self.shared.background.set_behind(false);
            return Ok(false);
        }
        self.seal_rolled()?;
        match self.shared.files.prepare_in_step(self.shared.log_allowance()) {
            // The writer says so when it needs one.
            Err(error) if is_want(&error) => {}
            prepared => prepared?,
        }
        let shared = self.shared.clone();
        let imaging = shared.imaging.lock();
        let retired = self.retire()?;
        let swept = self.sweep()?;
        shared.options.sweep_memory.tidy(shared.options.clock.now());
        let due = self.make_due_images()?;
        let compacted = self.shared.images.compact()?;
        drop(imaging);
        if rebuild_images(&self.shared)? {
            self.shared.gossip.notify_one();
        }
        if self.shared.images.unvouched_bytes() > UNVOUCHED_BYTES_MAX {
            self.shared.images.checkpoint(&[])?;
        }
        let long = shared.retention_bytes().saturating_mul(BEHIND_FACTOR);
        // A gathering covers no file: the log would be as long after it.
        let sweeps = self.sweep.as_ref().is_some_and(|sweep| !sweep.is_of_pages());
        shared.background.set_behind(sweeps && shared.files.log_bytes() > long);
        Ok(retired || swept || due || compacted)
    }

    /// Whether half of the headroom is left: a disk that others filled is no broken disk, and writing on would make it one.
    fn has_room(&self) -> Result<bool, TendError> {
        let space = self.shared.disk.space(self.shared.files.dir())?;
        Ok(space.free >= space.total / 200 * self.shared.options.headroom_percent)
    }

    /// Writes the indexes of full files.
    pub(super) fn seal_rolled(&self) -> Result<(), TendError> {
        for (sequence, file) in self.shared.files.rolled() {
            let (mut index, _) = index_of(&*file, sequence)?;
            // Of every group, so that the loss of an older file shows even where nothing was written since.
            let acked = self.shared.state.lock().acked();
            index.note_acked(acked);
            self.shared.files.seal(&index)?;
        }
        Ok(())
    }

    /// Makes images of pages with long chains.
    fn make_due_images(&mut self) -> Result<bool, TendError> {
        let mut due: Vec<PageId> = {
            let mut state = self.shared.state.lock();
            let from = state.due.len().saturating_sub(IMAGES_PER_STEP);
            state.due.split_off(from)
        };
        if due.is_empty() {
            return Ok(false);
        }
        due.retain(|page| !self.is_scattered(*page));
        let made = self.build_due(&due).and_then(|made| {
            self.write_images(&made)?;
            Ok(made)
        });
        match made {
            Ok(made) => {
                let mut state = self.shared.state.lock();
                for made in &made {
                    if let Some(head) = state.heads.get_mut(&made.page.id()) {
                        head.due = Due::No;
                        if let Some(tail) = &mut head.tail {
                            tail.cut(made.page.lsn());
                        }
                    }
                }
                Ok(!state.due.is_empty())
            }
            Err(error) => {
                // They stay due, and wait for better times.
                self.shared.state.lock().stalled.append(&mut due);
                Err(error)
            }
        }
    }

    fn build_due(&mut self, due: &[PageId]) -> Result<Vec<Made>, TendError> {
        let mut images = Vec::new();
        for &page in due {
            let tried = self.tried.remove(&page);
            if !self.is_due(page) {
                continue;
            }
            let Some((group, bound)) = self.shared.image_bound(page) else { continue };
            let needed = self.shared.state.lock().hollow.get(&page).copied().unwrap_or_default();
            if tried == Some(bound) || needed > bound {
                self.stall(page, bound);
                continue;
            }
            let covered = self.shared.images.lsn(page);
            match self.shared.build(page, group, bound, Patience::Full) {
                Ok(built) if built.page.lsn() > covered => {
                    let mut state = self.shared.state.lock();
                    let known = state.heads.get(&page).map_or((0, 0), |head| (head.records, head.bytes));
                    state.begin_tail(page, covered, self.shared.options.recent_bytes as u64);
                    drop(state);
                    images.push(Made {
                        page: built.page,
                        records: known.0.saturating_sub(built.records_above),
                        bytes: known.1.saturating_sub(built.bytes_above),
                    });
                }
                // The image is at or above the bound only when the floor stands still.
                Ok(_) | Err(BuildError::BelowImage) => self.stall(page, bound),
                Err(error) => {
                    let error = TendError::from(error);
                    if error.io().is_some() {
                        return Err(error);
                    }
                    tracing::error!(%page, %error, "an image that is due cannot be made");
                    self.shared.state.lock().stalled.push(page);
                }
            }
        }
        Ok(images)
    }

    /// Puts a page off until its group's bound moves.
    fn stall(&mut self, page: PageId, bound: Lsn) {
        self.tried.insert(page, bound);
        self.shared.state.lock().stalled.push(page);
    }

    /// Whether a page that was due still is: a sweep may have shortened its chain.
    fn is_due(&self, page: PageId) -> bool {
        let mut state = self.shared.state.lock();
        let needed = state.hollow.get(&page).copied().unwrap_or_default();
        let is_hollow = self.shared.images.lsn(page) < needed;
        let Some(head) = state.heads.get_mut(&page) else { return false };
        let is_due = head.is_long(1) || is_hollow;
        head.due = if is_due { Due::Yes } else { Due::No };
        is_due
    }

    /// Whether a page's records lie scattered. Then it is put off, or set aside when its chain is very long.
    fn is_scattered(&mut self, page: PageId) -> bool {
        let followed = self.followed.remove(&page);
        let image = self.shared.images.lsn(page);
        {
            let mut state = self.shared.state.lock();
            let is_hollow = state.hollow.contains_key(&page);
            let Some(head) = state.heads.get_mut(&page).filter(|_| !is_hollow) else { return false };
            if !head.is_scattered(image, self.shared.options.recent_bytes as u64) {
                return false;
            }
            if !head.is_long(SCATTERED_FACTOR) {
                head.due = Due::PutOff;
                self.tried.remove(&page);
                return true;
            }
        }
        // A gathering finds nothing either where the links led to nothing below the same bound.
        let bound = self.shared.image_bound(page).map(|(_, bound)| bound);
        if followed || (bound.is_some() && self.tried.get(&page).copied() == bound) {
            return false;
        }
        if self.scattered.is_empty() {
            self.scattered_at = self.shared.options.clock.now();
        }
        self.scattered.insert(page);
        self.tried.remove(&page);
        true
    }

    /// A sweep for the pages that were set aside, when they have waited long enough.
    fn next_gathering(&mut self) -> Option<Sweep> {
        let now = self.shared.options.clock.now();
        if self.scattered.is_empty() || now.saturating_sub(self.scattered_at) < SCATTERED_WAIT {
            return None;
        }
        let waiting = std::mem::take(&mut self.scattered);
        let due: HashSet<PageId> = waiting.into_iter().filter(|page| self.is_due(*page)).collect();
        let uncovered = self.shared.files.sealed_after(self.covered);
        let (files, tables, pages) = {
            let state = self.shared.state.lock();
            let after = |page: &PageId| Some(state.heads.get(page)?.after(self.shared.images.lsn(*page)));
            let oldest = due.iter().filter_map(after).min()?;
            // None when the log has lost what they wait for: they are not to be forgotten with it.
            let first = state.segments.values().filter_map(|segment| segment.file_above(oldest)).min();
            let files = uncovered.into_iter().filter(|file| first.is_some_and(|first| *file >= first));
            let files: Vec<u64> = files.take_while(|file| state.may_be_imaged(*file, false)).collect();
            let bytes = |page: &PageId| state.heads.get(page).map_or(0, |head| head.bytes);
            (files, state.tables, due.iter().map(|page| (*page, bytes(page))).collect::<Vec<(PageId, u32)>>())
        };
        if files.is_empty() || due.len() < files.len() * SCATTERED_PER_FILE {
            self.follow(due);
            return None;
        }
        self.scattered = due;
        Some(Sweep::of_pages(files, tables, pages))
    }

    /// Has images made of those pages that are still due by following their links.
    fn follow(&mut self, pages: HashSet<PageId>) {
        let mut due: Vec<PageId> = pages.into_iter().filter(|page| self.is_due(*page)).collect();
        // A set has another order with each run of the process, and the images lie as they are made.
        due.sort_unstable();
        self.followed.extend(&due);
        self.shared.state.lock().due.extend(due);
    }

    fn write_images(&self, made: &[Made]) -> Result<(), TendError> {
        if made.is_empty() {
            return Ok(());
        }
        self.shared.images.append(made.iter().map(|made| &made.page))?;
        settle_heads(&self.shared, made);
        self.shared.counters.images.fetch_add(made.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Does a portion of a sweep, if there is cause for one.
    fn sweep(&mut self) -> Result<bool, TendError> {
        if self.sweep.is_none() {
            self.sweep = self.next_sweep();
        }
        // Put back below unless it fails: then it begins anew.
        let Some(mut sweep) = self.sweep.take() else { return Ok(false) };
        // A loss from here on is one after the sweep, or has it begin anew.
        let losses = self.shared.state.lock().losses;
        match sweep.step(&self.shared, IMAGES_PER_STEP)? {
            Portion::More(made) => {
                self.write_images(&made)?;
                self.sweep = Some(sweep);
            }
            Portion::Done(_) if sweep.is_of_pages() => {
                let pages = sweep.into_pages();
                self.scattered.retain(|page| !pages.contains(page));
                self.scattered_at = self.shared.options.clock.now();
                self.follow(pages);
            }
            // What was found damaged meanwhile may be in no image, and must not go as if it were.
            Portion::Done(_) if sweep.tables != self.shared.state.lock().tables => {}
            Portion::Done(newest) => {
                self.shared.images.checkpoint(&[])?;
                (self.covered, self.losses) = (newest, losses);
            }
        }
        Ok(true)
    }

    /// What is to be swept next, if anything.
    fn next_sweep(&mut self) -> Option<Sweep> {
        let need = self.need();
        if need == Need::None {
            return self.next_gathering();
        }
        // While it waits for its turn it gathers nothing: the sweep makes images of those pages, too.
        let memory = self.shared.options.sweep_memory.lend();
        let memory = memory.or_else(|| (need == Need::Urgent).then(Loan::own))?;
        self.sweep_of_uncovered(memory)
    }

    /// Whether the sealed files that no images cover are to be swept, and the first of them can be.
    fn need(&self) -> Need {
        let shared = &self.shared;
        let retention = shared.retention_bytes();
        let uncovered = shared.files.sealed_after(self.covered);
        let Some(&first) = uncovered.first() else { return Need::None };
        let uncovered_bytes = uncovered.len() as u64 * shared.files.file_bytes();
        let is_stuck =
            shared.files.log_bytes() > retention && (self.overtaken || shared.files.oldest_sealed() == Some(first));
        let is_crowded = self.is_crowded();
        let state = shared.state.lock();
        let is_full = uncovered_bytes >= retention / 100 * sweep_percent(state.seat().unwrap_or_default());
        if !(is_full || is_stuck) || !state.may_be_imaged(first, is_crowded) {
            Need::None
        } else if is_stuck || uncovered_bytes > retention {
            Need::Urgent
        } else {
            Need::Turn
        }
    }

    /// Whether the log has no room for what lies behind a gap. It is kept in the hope that the gap is filled; not for ever, for
    /// that may be gone everywhere.
    fn is_crowded(&self) -> bool {
        let shared = &self.shared;
        shared.files.log_bytes() > shared.retention_bytes().saturating_mul(CROWDED_FACTOR) || shared.is_pressed()
    }

    /// A sweep of the files that no images cover, as far as everything in them may become an image.
    fn sweep_of_uncovered(&self, memory: Loan) -> Option<Sweep> {
        let shared = &self.shared;
        let uncovered = shared.files.sealed_after(self.covered);
        let is_crowded = self.is_crowded();
        let mut state = shared.state.lock();
        let files: Vec<u64> = uncovered.into_iter().take_while(|file| state.may_be_imaged(*file, is_crowded)).collect();
        let newest = *files.last()?;
        if is_crowded {
            // Now, so that none of it comes to count while the images are made.
            state.segments.values_mut().for_each(|segment| segment.give_up(newest));
        }
        let pages = state.heads.iter().map(|(page, head)| (*page, head.bytes)).collect();
        let tables = state.tables;
        drop(state);
        Some(Sweep::new(files, tables, pages, memory))
    }

    /// Lets the oldest files go while the log is too long, as far as images cover them.
    fn retire(&mut self) -> Result<bool, TendError> {
        let shared = &self.shared;
        let retention = shared.retention_bytes();
        let excess = shared.files.log_bytes().saturating_sub(retention);
        if excess == 0 {
            return Ok(false);
        }
        let alone = shared.files.log_bytes() > retention.saturating_mul(PEERS_FACTOR) || shared.is_pressed();
        let (files, bases) = {
            let state = shared.state.lock();
            if state.losses != self.losses {
                // What is lost stands against no retirement, though a peer may bring it back between what is covered.
                (self.covered, self.losses) = (0, state.losses);
                return Ok(false);
            }
            let may_go = |file: &u64| {
                alone
                    || state
                        .segments
                        .iter()
                        .all(|(group, segment)| !segment.holds_above(state.held_by_peers(*group), *file, true))
            };
            let count = excess.div_ceil(shared.files.file_bytes()) as usize;
            let covered = shared.files.sealed_after(0).into_iter().take_while(|file| *file <= self.covered);
            let mut files: Vec<u64> = covered.take(count).take_while(may_go).collect();
            self.overtaken = false;
            // The base rises by all of them at once, or by fewer.
            while files.last().is_some_and(|&file| state.is_overtaken(file, self.covered)) {
                self.overtaken = true;
                files.pop();
            }
            let Some(&newest) = files.last() else { return Ok(false) };
            let base = |(group, segment): (&GroupId, &super::segment::Segment)| {
                let last = segment.last_in(newest).filter(|run| run.last > segment.base())?;
                Some((*group, last.last, last.ballot))
            };
            (files, state.segments.iter().filter_map(base).collect::<Vec<(GroupId, Lsn, Ballot)>>())
        };
        shared.images.checkpoint(&bases)?;
        if let Some(&newest) = files.last() {
            shared.state.lock().segments.values_mut().for_each(|segment| segment.retire(newest));
        }
        for file in files {
            shared.files.retire(file)?;
        }
        Ok(true)
    }
}

/// Reads a file and makes its index; flushed frames that are lost are said so.
pub(super) fn index_of(file: &dyn super::disk::DiskFile, sequence: u64) -> Result<(FileIndex, bool), TendError> {
    let mut index = IndexBuilder::new(sequence);
    let mut malformed = None;
    let lost = read_frames(file, sequence, |frame| {
        let place = Place { file: sequence, offset: frame.at as u32, bytes: frame.batch.len() as u32 };
        malformed = malformed.take().or(index.add(&frame.header, place, &frame.batch, frame.notes).err());
    })?;
    if lost {
        tracing::error!(file = sequence, "flushed redo in a log file is damaged; it will be pulled from peers");
    }
    match malformed {
        Some(error) => Err(error.into()),
        None => Ok((index.finish(), lost)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Mode, Node, NodeOptions};
    use crate::sim::{SimClock, SimDisk};
    use protocol::NodeId;
    use std::path::Path;

    #[test]
    fn the_background_rests_less_the_longer_the_log_is() {
        let rests = |factors: &[u32]| {
            let rest = |log: u64| rest_for(Duration::from_millis(2), factors, log, 100).as_millis();
            [50, 100, 101, 125, 126, 150, 151, 900].map(rest)
        };
        assert_eq!(rests(&REST_FACTORS), [32, 32, 8, 8, 2, 2, 0, 0]);
        assert_eq!(rests(&TURN_REST_FACTORS), [8, 8, 4, 4, 2, 2, 0, 0]);
        assert_eq!(rest_for(Duration::from_secs(1), &REST_FACTORS, 0, 100), REST_MAX);
    }

    #[test]
    fn six_nodes_sweep_one_after_another() {
        let percent: Vec<u64> = (0..7).map(sweep_percent).collect();
        assert_eq!(percent, [60, 64, 68, 72, 76, 80, 60]);
    }

    #[test]
    fn a_log_is_held_back_in_proportion_to_what_it_takes_and_not_for_ever() {
        let retention = 256 << 20;
        assert_eq!(held_back_for(0, retention), Duration::ZERO);
        assert_eq!(held_back_for(1 << 20, retention), Duration::from_millis(31));
        assert_eq!(held_back_for(64 << 20, retention), HELD_BACK_MAX);
        assert_eq!(held_back_for(1, 0), HELD_BACK_MAX.min(Duration::from_secs(1)));
        let wake = Wake::default();
        let clock = super::super::clock::RealClock::start();
        // Not behind: it does not wait at all, or this would take a fifth of a second a turn.
        (0..100_000).for_each(|_| wake.hold_back(64 << 20, retention, &clock));
        wake.set_behind(true);
        let begin = clock.now();
        wake.hold_back(1 << 20, retention, &clock);
        assert!(clock.now() - begin >= Duration::from_millis(31), "it waits, and comes back");
    }

    #[test]
    fn a_log_is_not_held_back_for_a_background_that_has_no_room_to_work() {
        let disk = SimDisk::new();
        let options = NodeOptions {
            mode: Mode::Inline,
            clock: Arc::new(SimClock::default()),
            ..NodeOptions::new(NodeId(0), "a", "nowhere")
        };
        let node = Node::open(disk.clone(), Path::new("/node"), options).expect("the disk is sound");
        let is_behind = || node.shared.background.signal.lock().behind;
        node.shared.background.set_behind(true);
        disk.set_room(Some(0));
        assert!(!node.tend().expect("want of room is no error"));
        assert!(!is_behind(), "nobody is at work on that");
    }
}
