//! The round: what is written with one write and fsynced once, and what is owed for it.
//!
//! A round is whatever queued while the last fsync ran: that is the group commit.
//!
//! **Held rounds.** A round of requests that all say *flush later* ends with its write: it counts as received, and its
//! replies are held. The next round that has another request fsyncs both, and so does every barrier, a full file, and the
//! bounds [`HELD_FOR_MAX`], [`HELD_REQUESTS_MAX`] and [`HELD_BYTES_MAX`]. Nothing that goes by *flushed* sees a held round:
//! its mark moves with the fsync. A promise reports what it finds as flushed, hence the barrier.

use super::{Writer, until_read};
use crate::node::disk::is_want;
use crate::node::log::ReadFault;
use crate::node::queue::Stream;
use crate::node::segment::{Place, Run};
use crate::node::state::{State, add_record};
use crate::node::stored::{StoredRecord, records};
use bytes::Bytes;
use hashbrown::HashMap;
use protocol::GroupId;
use protocol::redo::RecordHeader;
use protocol::rpc::storage::{self as rpc, AppendOutcome, AppendReply};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;

/// Nothing that was written stays unflushed for longer than this; a writer that lives asks earlier.
pub const HELD_FOR_MAX: Duration = Duration::from_millis(20);
/// Requests whose flush is held.
pub const HELD_REQUESTS_MAX: usize = 1024;
/// Bytes of batches whose flush is held.
pub const HELD_BYTES_MAX: usize = 4 << 20;

/// A batch taken in by the current round.
pub(super) struct Taken {
    pub(super) place: Place,
    pub(super) batch: Bytes,
    /// Its records in [`Round::records`].
    pub(super) records: Range<usize>,
}

/// What the round owes to whom.
pub(super) enum Owed {
    Append { stream: Arc<Stream>, sequence: u64, group: Option<GroupId>, want_received: bool, flush_later: bool },
    Fill { groups: Vec<GroupId>, outcome: AppendOutcome, reply: oneshot::Sender<rpc::FillReply> },
    Adopt { outcome: AppendOutcome, reply: oneshot::Sender<AppendOutcome> },
}

/// What one round takes in.
#[derive(Default)]
pub(super) struct Round {
    pub(super) taken: Vec<Taken>,
    pub(super) inserted: Vec<(GroupId, Run)>,
    pub(super) records: Vec<StoredRecord>,
    pub(super) groups: Vec<GroupId>,
    pub(super) owed: Vec<Owed>,
}

impl Round {
    fn clear(&mut self) {
        self.taken.clear();
        self.inserted.clear();
        self.records.clear();
        self.groups.clear();
        self.owed.clear();
    }

    /// Whether someone waits for the flush.
    pub(super) fn is_awaited(&self) -> bool {
        self.owed.iter().any(|owed| !matches!(owed, Owed::Append { flush_later: true, .. }))
    }

    /// Whether someone wants to know before the flush.
    pub(super) fn wants_received(&self) -> bool {
        self.owed.iter().any(|owed| matches!(owed, Owed::Append { want_received: true, .. }))
    }
}

/// What was written and counted and may not be fsynced yet.
#[derive(Default)]
pub(super) struct Held {
    groups: Vec<GroupId>,
    owed: Vec<Owed>,
    bytes: usize,
    /// Some of it is not on the medium.
    pub(super) unsynced: bool,
    /// When the first of it was written.
    since: Duration,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.owed.is_empty() && !self.unsynced
    }

    /// For how long it may still be held.
    pub(super) fn rests_for(&self, now: Duration) -> Option<Duration> {
        (!self.is_empty()).then(|| (self.since + HELD_FOR_MAX).saturating_sub(now))
    }

    fn is_full(&self) -> bool {
        self.owed.len() >= HELD_REQUESTS_MAX || self.bytes >= HELD_BYTES_MAX
    }
}

/// What is to be done with a round that was written, and with what was held before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Its flush may wait.
    Hold,
    /// It is to be fsynced, and then [answered](Writer::synced).
    Sync,
    /// Nothing of it has to be fsynced.
    Answer,
}

/// When the flush of a round is due.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flush {
    /// Whatever follows relies on it.
    Now,
    /// When someone asked for it.
    AsAsked,
}

impl Writer {
    /// Writes and counts what the round took in. Then fsyncs and answers it, and what was held before; or holds it, too.
    pub(super) fn finish_round(&mut self, flush: Flush) {
        if self.round.owed.is_empty() && self.log.is_clean() && self.held.is_empty() {
            return;
        }
        let written = !self.log.is_clean();
        let ended = self.log.write().map(|()| written);
        match self.wrote(ended, flush) {
            Next::Hold => {}
            Next::Sync => {
                let ended = self.log.sync();
                self.synced(ended);
            }
            Next::Answer => self.synced(Ok(())),
        }
    }

    /// The round was written, if there was something to write: it counts and is held, or it was for nothing.
    pub(super) fn wrote(&mut self, ended: io::Result<bool>, flush: Flush) -> Next {
        let awaited = flush == Flush::Now || self.round.is_awaited();
        match self.count_written(ended) {
            Ok(written) => self.hold_round(written),
            Err(outcome) => {
                let mut owed = std::mem::take(&mut self.round.owed);
                self.round.clear();
                if outcome == AppendOutcome::Failed {
                    owed.append(&mut std::mem::take(&mut self.held).owed);
                }
                self.answer(owed, outcome);
            }
        }
        let is_due = self.held_for() == Some(Duration::ZERO);
        match self.held.unsynced {
            false => Next::Answer,
            true if awaited || is_due || self.held.is_full() => Next::Sync,
            true => Next::Hold,
        }
    }

    /// What is held was fsynced, if that was needed: it is flushed and answered.
    pub(super) fn synced(&mut self, ended: io::Result<()>) {
        let outcome = self.flush(ended);
        let owed = std::mem::take(&mut self.held).owed;
        self.answer(owed, outcome);
    }

    /// Counts what was written. `false` when there was nothing to write: then too something may count that waited, for its
    /// group was heard of.
    fn count_written(&mut self, ended: io::Result<bool>) -> Result<bool, AppendOutcome> {
        let written = match ended {
            Ok(written) => written,
            Err(error) => {
                self.withdraw();
                if is_want(&error) {
                    self.shared.state.lock().full = true;
                    return Err(AppendOutcome::DiskFull);
                }
                self.shared.fail(&format!("log write: {error}"));
                return Err(AppendOutcome::Failed);
            }
        };
        if written {
            self.shared.state.lock().full = false;
        }
        if let Err(error) = self.count() {
            self.shared.fail(&format!("log read: {error}"));
            return Err(AppendOutcome::Failed);
        }
        self.tell_received();
        Ok(written)
    }

    /// The round waits for the next fsync. `written`: it has something to be fsynced.
    fn hold_round(&mut self, written: bool) {
        if self.held.is_empty() {
            self.held.since = self.shared.options.clock.now();
        }
        let Held { groups, owed, bytes, unsynced, .. } = &mut self.held;
        for group in &self.round.groups {
            if !groups.contains(group) {
                groups.push(*group);
            }
        }
        owed.append(&mut self.round.owed);
        *bytes += self.round.taken.iter().map(|taken| taken.batch.len()).sum::<usize>();
        *unsynced |= written;
        self.round.clear();
    }

    fn flush(&mut self, ended: io::Result<()>) -> AppendOutcome {
        if let Err(error) = ended {
            self.shared.fail(&format!("log fsync: {error}"));
            return AppendOutcome::Failed;
        }
        if self.held.unsynced {
            self.shared.counters.fsyncs.fetch_add(1, Ordering::Relaxed);
            // Before anybody is told of it, a start that finds nothing must know that there was something.
            if !self.superblock.has_redo && self.save(|block| block.has_redo = true).is_err() {
                return AppendOutcome::Failed;
            }
        }
        let mut state = self.shared.state.lock();
        for group in &self.held.groups {
            if let Some(segment) = state.segments.get_mut(group) {
                segment.set_flushed();
            }
        }
        if !state.damaged.is_empty() {
            state.note_repairs();
        }
        AppendOutcome::Flushed
    }

    /// The write failed: what was to be held is not.
    fn withdraw(&mut self) {
        let mut state = self.shared.state.lock();
        for (group, run) in &self.round.inserted {
            if let Some(segment) = state.segments.get_mut(group) {
                segment.withdraw(run);
            }
        }
    }

    /// The runs that a gap held back and that count now too.
    fn held_back(&self, state: &State) -> impl Iterator<Item = Run> {
        let Round { taken, groups, .. } = &self.round;
        let segments = groups.iter().filter_map(|group| state.segments.get(group));
        let earlier = |run: &&Run| taken.first().is_none_or(|first| run.place < first.place);
        segments.flat_map(move |segment| segment.ready().iter().filter(earlier)).copied()
    }

    /// Their batches, read before anything moves.
    fn read_held_back(&self) -> Result<HashMap<Place, Bytes>, ReadFault> {
        let held_back: Vec<(Place, Option<Bytes>)> = {
            let state = self.shared.state.lock();
            self.held_back(&state).map(|run| (run.place, state.recent.get(run.place))).collect()
        };
        held_back.into_iter().map(|(place, recent)| Ok((place, self.shared.batch(place, recent)?))).collect()
    }

    /// It is written: SCLs move, page heads follow in the same step, pulls wake.
    fn count(&mut self) -> Result<(), ReadFault> {
        if self.round.groups.is_empty() {
            return Ok(());
        }
        let shared = self.shared.clone();
        let (batches, mut guard) = loop {
            let batches = until_read(|| self.read_held_back())?;
            let guard = shared.state.lock();
            // Images may have closed a gap meanwhile: what waited behind it must be read, too.
            if self.held_back(&guard).all(|run| batches.contains_key(&run.place)) {
                break (batches, guard);
            }
        };
        let Round { taken, records: parsed, groups, .. } = &mut self.round;
        let mut gap = false;
        let state = &mut *guard;
        for batch in taken.iter() {
            state.recent.insert(batch.place, batch.batch.clone(), self.shared.options.recent_bytes);
        }
        for group in groups.iter() {
            let Some(segment) = state.segments.get_mut(group) else { continue };
            let counted = segment.advance();
            gap |= segment.mark(group.0).gap_after != 0;
            for run in &segment.runs()[counted] {
                let mut add = |record: &StoredRecord, batch: &[u8]| {
                    let RecordHeader { page, lsn, .. } = record.header;
                    if run.first <= lsn && lsn <= run.last {
                        add_record(&mut state.heads, &mut state.due, page, lsn, record.encoded(batch));
                    }
                };
                if let Ok(at) = taken.binary_search_by_key(&run.place, |taken| taken.place) {
                    let Taken { batch, records, .. } = &taken[at];
                    parsed[records.clone()].iter().for_each(|record| add(record, batch));
                } else if let Some(batch) = batches.get(&run.place) {
                    records(batch).filter_map(Result::ok).for_each(|record| add(&record, batch));
                }
            }
        }
        let due = !state.due.is_empty();
        drop(guard);
        groups.iter().for_each(|group| shared.arrivals.of(*group).notify_waiters());
        if gap {
            self.shared.gossip.notify_one();
        }
        if due {
            self.shared.background.wake();
        }
        Ok(())
    }

    fn tell_received(&self) {
        for owed in &self.round.owed {
            if let Owed::Append { stream, sequence, group, want_received: true, .. } = owed {
                let state = self.shared.state.lock();
                let reply = append_reply(&state, *sequence, AppendOutcome::Received, group.as_slice());
                drop(state);
                (stream.on_reply)(reply);
            }
        }
    }

    /// One reply to each stream that asked in this round, one to each fill.
    fn answer(&self, owed: Vec<Owed>, outcome: AppendOutcome) {
        let mut streams: Vec<(Arc<Stream>, u64, Vec<GroupId>)> = Vec::new();
        for owed in owed {
            match owed {
                Owed::Append { stream, sequence, group, .. } => {
                    let known = streams.iter_mut().find(|(known, ..)| Arc::ptr_eq(known, &stream));
                    let entry = match known {
                        Some(entry) => entry,
                        None => {
                            streams.push((stream, sequence, Vec::new()));
                            streams.last_mut().expect("one was just pushed")
                        }
                    };
                    entry.1 = entry.1.max(sequence);
                    match group {
                        Some(group) if !entry.2.contains(&group) => entry.2.push(group),
                        Some(_) => {}
                        // A request without a batch asks for everything.
                        None => entry.2.extend(self.shared.state.lock().segments.keys()),
                    }
                }
                Owed::Fill { groups, outcome: taken, reply } => {
                    let state = self.shared.state.lock();
                    let outcome = if outcome == AppendOutcome::Flushed { taken } else { outcome };
                    // Without a batch it asks for everything.
                    let marks = match groups.as_slice() {
                        [] => state.marks(),
                        groups => groups.iter().map(|group| state.mark(*group)).collect(),
                    };
                    let promised = state.promised.0;
                    drop(state);
                    let _ = reply.send(rpc::FillReply { outcome: outcome.into(), marks, promised });
                }
                Owed::Adopt { outcome: taken, reply } => {
                    let _ = reply.send(if outcome == AppendOutcome::Flushed { taken } else { outcome });
                }
            }
        }
        for (stream, sequence, mut groups) in streams {
            groups.sort_unstable();
            groups.dedup();
            let reply = append_reply(&self.shared.state.lock(), sequence, outcome, &groups);
            (stream.on_reply)(reply);
        }
    }
}

fn append_reply(state: &State, sequence: u64, outcome: AppendOutcome, groups: &[GroupId]) -> AppendReply {
    AppendReply {
        sequence,
        outcome: outcome.into(),
        marks: groups.iter().map(|group| state.mark(*group)).collect(),
        boot: state.boot.0,
        promised: state.promised.0,
    }
}
