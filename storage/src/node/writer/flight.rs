//! The flight: what of a round the disk works on while no thread waits for it.
//!
//! **Rule.** What is done is what a thread would do that finishes the [round](super::round), in the same order, and one step is
//! in flight at a time; what arrives meanwhile gathers for the next round. Nothing counts before its step has landed.
//!
//! ```text
//!  take off --> write durably --------------------------------> counted, flushed, answered
//!          \-> write --> counted, told as received --> fsync --> flushed, answered
//!                                                  \-> held
//! ```
//!
//! The write and the fsync are one where nobody wants to know of the write alone and nothing older waits for an fsync: what is
//! written durably says nothing of what was written before.
//!
//! **One at a time.** By itself the disk does twice as many groups when two are in flight, in blocks of their own, and each at
//! two thirds of the processor time. Beside eight clients on two cores that made more and smaller groups and nothing faster
//! (built and measured 2026-11-23 beside 0b181e8: simple-update 1.02 ±0.05, TPC-B 0.84 ±0.07, write-only 0.94 ±0.05): what a
//! group costs those who seal, send and take it in is more than what the disk takes.
//!
//! **What flies.** What is usual: appends that follow what is held. All else is left to the thread of the log, which awaits the
//! landing of what came before: what is not an append; what is held already, for it must be compared, perhaps with what is on
//! the disk; a full file; much at once, for whoever brings it would check it for all nodes; a log that its background holds
//! back; and what the disk did not do when it was asked so. So neither who brings a request nor who hears of an end waits for
//! what the disk was asked. (What counts when a gap before it is filled may have to be read; but what fills a gap does not fly.)

use super::Writer;
use super::round::{Flush, Next};
use crate::node::Mode;
use crate::node::disk::Done;
use crate::node::frame::Tip;
use crate::node::queue::Job;
use crate::node::stored::records;
use bytes::Bytes;
use protocol::batch::BatchHeader;
use std::io;

/// A round of more bytes than this does not fly.
const FLIGHT_BYTES_MAX: usize = 128 << 10;

/// A step that the disk works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flight {
    Write,
    WriteDurably,
    Sync,
}

/// What comes of trying to do without the log's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Departure {
    /// What there was to do is done.
    Done,
    /// Something is in flight, and who lands it goes on.
    Flying,
    /// The log's thread is needed.
    Thread,
}

impl Writer {
    /// Whether something is in flight.
    #[must_use]
    pub fn is_flying(&self) -> bool {
        self.flight.is_some()
    }

    /// Takes in what is queued and begins to write it, if it may fly. `landing` makes what is done at its end: to
    /// [land](Writer::land).
    pub fn take_off(&mut self, landing: impl FnOnce() -> Done) -> Departure {
        if self.is_flying() {
            return Departure::Flying;
        }
        let shared = self.shared.clone();
        let flies = shared.options.mode != Mode::Inline && self.log.begins();
        let usual = flies && self.superblock.has_redo && !self.unfinished && !shared.background.is_behind();
        let Some(mut jobs) = usual.then(|| shared.queue.take_appends(FLIGHT_BYTES_MAX)).flatten() else {
            return Departure::Thread;
        };
        if !self.log.fits_frames(jobs.iter().map(|job| Tip::frame_bytes(job.bytes())).sum()) {
            shared.queue.put_back(jobs);
            return Departure::Thread;
        }
        shared.hearing.begin_work(shared.options.clock.now());
        while let Some(Job::Append { stream, request }) = jobs.pop_front() {
            if !self.is_new(&request.batch) {
                jobs.push_front(Job::Append { stream, request });
                shared.queue.put_back(jobs);
                shared.queue.call();
                break;
            }
            self.append(&stream, request);
        }
        let departure = if self.log.is_clean() {
            self.go_on(Ok(false), landing)
        } else {
            let durably = self.round.is_awaited() && !self.round.wants_received() && !self.held.unsynced;
            let flight = if durably { Flight::WriteDurably } else { Flight::Write };
            let begun = self.log.begin_write(durably, landing());
            self.flying(flight, begun)
        };
        self.end_work(departure)
    }

    /// What was in flight has ended.
    pub fn land(&mut self, ended: io::Result<()>, landing: impl FnOnce() -> Done) -> Departure {
        let departure = match (self.flight.take(), ended) {
            (None, _) => Departure::Done,
            // A failed fsync is final, whatever it says.
            (Some(Flight::Sync), ended) => {
                if ended.is_ok() {
                    self.log.end_sync();
                }
                self.synced(ended);
                Departure::Done
            }
            (Some(flight), Err(error)) if is_undone(&error) => {
                tracing::debug!(%error, ?flight, "the log's thread writes what was not written in flight");
                self.unfinished = true;
                Departure::Thread
            }
            (Some(Flight::Write), ended) => {
                let ended = self.log.end_write(ended).map(|()| true);
                self.go_on(ended, landing)
            }
            (Some(Flight::WriteDurably), ended) => {
                let ended = self.log.end_write(ended).map(|()| true);
                let was_written = ended.is_ok();
                // The fsync that comes next was part of the write. What was refused is answered.
                if self.wrote(ended, Flush::Now) == Next::Sync && was_written {
                    self.log.end_sync();
                    self.synced(Ok(()));
                }
                Departure::Done
            }
        };
        self.end_work(departure)
    }

    /// Ends the round, as it was written, and begins the fsync that it needs.
    fn go_on(&mut self, ended: io::Result<bool>, landing: impl FnOnce() -> Done) -> Departure {
        match self.wrote(ended, Flush::AsAsked) {
            Next::Hold => Departure::Done,
            Next::Sync => {
                let begun = self.log.begin_sync(landing());
                self.flying(Flight::Sync, begun)
            }
            Next::Answer => {
                self.synced(Ok(()));
                Departure::Done
            }
        }
    }

    fn flying(&mut self, flight: Flight, begun: Result<(), Done>) -> Departure {
        if begun.is_ok() {
            self.flight = Some(flight);
            return Departure::Flying;
        }
        self.unfinished = true;
        Departure::Thread
    }

    fn end_work(&mut self, departure: Departure) -> Departure {
        if departure != Departure::Flying {
            self.shared.hearing.end_work(self.shared.options.clock.now());
            if !self.held.is_empty() {
                self.shared.queue.stir();
            }
        }
        self.ask_for_more();
        departure
    }

    /// Whether nothing of a batch is held. What does not look like one is refused without asking the disk.
    fn is_new(&self, batch: &Bytes) -> bool {
        let first = records(batch).next().and_then(Result::ok);
        let (Some(first), Ok(group)) = (first, BatchHeader::group_of(batch)) else { return true };
        let state = self.shared.state.lock();
        let last = state.segments.get(&group).and_then(|segment| segment.runs().last());
        last.is_none_or(|last| last.last < first.header.lsn)
    }
}

/// Whether the disk did not write what was begun, or a part of it only, and has nothing against another try. Room is another
/// matter, and so is what fails.
fn is_undone(error: &io::Error) -> bool {
    use libc::{EAGAIN, EINTR, EINVAL, EOPNOTSUPP};
    let refused = matches!(error.raw_os_error(), Some(EINVAL | EAGAIN | EINTR | EOPNOTSUPP));
    refused || error.kind() == io::ErrorKind::WriteZero
}
