//! The writer: the one thread that changes what a node holds.
//!
//! **Rule.** Requests take effect in the order they came. What a round takes in is written with one write, then counted, then
//! fsynced once, and only then acknowledged as flushed. A promise or a table is fsynced before its reply, in a round of its
//! own, so that a reply to the requests before it says nothing of what happened after. A failed fsync is final: the node
//! acknowledges nothing any more.
//!
//! A round is whatever queued while the last fsync ran: that is the group commit.
//!
//! **Held rounds.** A round of requests that all say *flush later* ends with its write: it counts as received, and its
//! replies are held. The next round that has another request fsyncs both, and so does every barrier, a full file, and the
//! bounds [`HELD_FOR_MAX`], [`HELD_REQUESTS_MAX`] and [`HELD_BYTES_MAX`]. Nothing that goes by *flushed* sees a held round:
//! its mark moves with the fsync. A promise reports what it finds as flushed, hence the barrier.

use super::disk::is_want;
use super::frame::Notes;
use super::images::ImageError;
use super::log::{Log, ReadFault};
use super::queue::{Job, Stream};
use super::segment::{Annulled, Place, Run, Segment};
use super::service::same_but_quota;
use super::state::{State, Volume, add_record};
use super::stored::{StoredRecord, records};
use super::superblock::Superblock;
use super::{Refusal, Shared};
use crate::history::TruncationTable;
use crate::membership::{MemberName, Membership, Role};
use crate::quorum::MEMBERSHIP_EPOCH;
use bytes::Bytes;
use hashbrown::HashMap;
use protocol::batch::BatchHeader;
use protocol::redo::RecordHeader;
use protocol::rpc::storage::{self as rpc, AppendOutcome, AppendReply, AppendRequest};
use protocol::{Ballot, GroupId, Lsn};
use std::collections::VecDeque;
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
struct Taken {
    place: Place,
    batch: Bytes,
    /// Its records in [`Round::headers`].
    headers: Range<usize>,
}

/// What the round owes to whom.
enum Owed {
    Append { stream: Arc<Stream>, sequence: u64, group: Option<GroupId>, want_received: bool, flush_later: bool },
    Fill { groups: Vec<GroupId>, outcome: AppendOutcome, reply: oneshot::Sender<rpc::FillReply> },
    Adopt { outcome: AppendOutcome, reply: oneshot::Sender<AppendOutcome> },
}

/// What one round takes in.
#[derive(Default)]
struct Round {
    taken: Vec<Taken>,
    inserted: Vec<(GroupId, Run)>,
    headers: Vec<(RecordHeader, u32)>,
    groups: Vec<GroupId>,
    owed: Vec<Owed>,
}

impl Round {
    fn clear(&mut self) {
        self.taken.clear();
        self.inserted.clear();
        self.headers.clear();
        self.groups.clear();
        self.owed.clear();
    }

    /// Whether someone waits for the flush.
    fn is_awaited(&self) -> bool {
        self.owed.iter().any(|owed| !matches!(owed, Owed::Append { flush_later: true, .. }))
    }
}

/// What was written and counted and may not be fsynced yet.
#[derive(Default)]
struct Held {
    groups: Vec<GroupId>,
    owed: Vec<Owed>,
    bytes: usize,
    /// Some of it is not on the medium.
    unsynced: bool,
}

impl Held {
    fn is_empty(&self) -> bool {
        self.owed.is_empty() && !self.unsynced
    }

    fn is_full(&self) -> bool {
        self.owed.len() >= HELD_REQUESTS_MAX || self.bytes >= HELD_BYTES_MAX
    }
}

/// When the flush of a round is due.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flush {
    /// Whatever follows relies on it.
    Now,
    /// When someone asked for it.
    AsAsked,
}

/// Who brings a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The writer's stream: only the promised ballot may.
    Writer,
    /// Fill and gossip: any ballot of the history.
    Peer,
}

/// Why a batch was not taken.
enum Untaken {
    Outcome(AppendOutcome),
    /// The log file is full: end the round, roll, and try again.
    Full,
}

/// The writing end of a node.
pub struct Writer {
    shared: Arc<Shared>,
    log: Log,
    superblock: Superblock,
    round: Round,
    held: Held,
}

impl Writer {
    /// Takes the log and the durable promises over.
    #[must_use]
    pub fn new(shared: Arc<Shared>, log: Log, superblock: Superblock) -> Writer {
        Writer { shared, log, superblock, round: Round::default(), held: Held::default() }
    }

    /// Works until [`Job::Stop`].
    pub fn run(mut self) {
        let shared = self.shared.clone();
        loop {
            let jobs = shared.queue.take((!self.held.is_empty()).then_some(HELD_FOR_MAX));
            let bytes = jobs.iter().map(Job::bytes).sum();
            if jobs.is_empty() {
                shared.hearing.begin_work(shared.options.clock.now());
                self.flush_held();
                shared.hearing.end_work(shared.options.clock.now());
            } else if !self.work(jobs) {
                return;
            }
            shared.background.hold_back(bytes, shared.retention_bytes(), &*shared.options.clock);
        }
    }

    /// Works off what is queued, for a node without threads.
    pub fn step(&mut self) {
        let jobs = self.shared.queue.take_now();
        self.work(jobs);
    }

    /// Fsyncs and acknowledges what is held, if anything is.
    pub fn flush_held(&mut self) {
        self.finish_round(Flush::Now);
    }

    fn work(&mut self, jobs: VecDeque<Job>) -> bool {
        let shared = self.shared.clone();
        shared.hearing.begin_work(shared.options.clock.now());
        let goes_on = self.work_off(jobs);
        shared.hearing.end_work(shared.options.clock.now());
        goes_on
    }

    fn work_off(&mut self, jobs: VecDeque<Job>) -> bool {
        for job in jobs {
            if job.is_barrier() {
                self.finish_round(Flush::Now);
            }
            match job {
                Job::Append { stream, request } => self.append(&stream, request),
                Job::Fill { ballot, batches, reply } => self.fill(ballot, batches, reply),
                Job::Adopt { batches, reply } => {
                    let (outcome, _) = self.take_all(batches);
                    self.round.owed.push(Owed::Adopt { outcome, reply });
                }
                Job::Prepare { ballot, vdl_heard, reply } => drop(reply.send(self.prepare(ballot, vdl_heard))),
                Job::InstallTable { ballot, table, membership, reply } => {
                    drop(reply.send(self.install(ballot, table, membership)));
                }
                Job::Rebase { group, base, ballot, reply } => drop(reply.send(self.rebase(group, base, ballot))),
                Job::CreateVolume { config, incarnation, reply } => {
                    drop(reply.send(self.create_volume(config, incarnation)));
                }
                Job::Stop { reply } => {
                    self.log.close();
                    let _ = reply.send(());
                    return false;
                }
            }
        }
        self.finish_round(Flush::AsAsked);
        true
    }

    fn append(&mut self, stream: &Arc<Stream>, request: AppendRequest) {
        let AppendRequest { batch, sequence, want_received, flush_later, membership_epoch, .. } = request;
        // Only a sound batch says its ballot: a flipped bit must not look like a fenced writer.
        let header = (!batch.is_empty()).then(|| BatchHeader::decode(&batch));
        if let Some(Ok(header)) = &header {
            stream.set_ballot(header.ballot);
        }
        let ballot = stream.ballot();
        // What a writer calls durable is so under its ballot: a node without that table may hold records it annuls.
        let under = if request.ballot == 0 { ballot.unwrap_or_default() } else { Ballot(request.ballot) };
        let mut outcome = AppendOutcome::Flushed;
        {
            let mut state = self.shared.state.lock();
            if state.failed.is_some() {
                outcome = AppendOutcome::Failed;
            } else if ballot.is_some_and(|ballot| ballot < state.promised) {
                outcome = AppendOutcome::Fenced;
            } else {
                self.shared.heard(state.hear(Lsn(request.flushed_vdl), Lsn(request.gc_floor), under));
            }
        }
        let mut group = None;
        if outcome == AppendOutcome::Flushed {
            match header {
                None => {}
                Some(Err(error)) => outcome = corrupt(&error),
                Some(Ok(header)) => {
                    let taken = self
                        .check_epoch(header.membership_epoch.max(membership_epoch))
                        .and_then(|()| self.take_batch(batch, &header, Source::Writer));
                    match taken {
                        Ok(()) => group = Some(header.group),
                        Err(refused) => outcome = refused,
                    }
                }
            }
        }
        if outcome == AppendOutcome::Flushed {
            let stream = stream.clone();
            self.round.owed.push(Owed::Append { stream, sequence, group, want_received, flush_later });
            return;
        }
        let state = self.shared.state.lock();
        let telling = matches!(outcome, AppendOutcome::Corrupt | AppendOutcome::DiskFull);
        let reply = AppendReply {
            sequence,
            outcome: outcome.into(),
            marks: if telling { state.marks() } else { Vec::new() },
            boot: state.boot.0,
            promised: state.promised.0,
        };
        drop(state);
        (stream.on_reply)(reply);
    }

    /// Whether the writer counts the members that this node was told of. A batch is sent as it was sealed, perhaps under an
    /// older epoch: the request says how the writer counts now.
    fn check_epoch(&self, epoch: u32) -> Result<(), AppendOutcome> {
        let state = self.shared.state.lock();
        let known = state.volume.as_ref().map_or(MEMBERSHIP_EPOCH, |volume| volume.membership.id().epoch);
        match epoch.cmp(&known) {
            std::cmp::Ordering::Less => Err(AppendOutcome::StaleMembers),
            std::cmp::Ordering::Equal => Ok(()),
            // The table comes with the members.
            std::cmp::Ordering::Greater => Err(AppendOutcome::NeedTable),
        }
    }

    fn fill(&mut self, ballot: Ballot, batches: Vec<Bytes>, reply: oneshot::Sender<rpc::FillReply>) {
        let promised = self.shared.state.lock().promised;
        let outcome = if ballot < promised {
            AppendOutcome::Fenced
        } else if ballot > promised {
            // A fill is acknowledged under its ballot, so that from then on no lower one may be.
            self.finish_round(Flush::Now);
            match self.promise(ballot) {
                Ok(()) => AppendOutcome::Flushed,
                Err(Refusal::Failed(_)) => AppendOutcome::Failed,
                Err(_) => AppendOutcome::Fenced,
            }
        } else {
            AppendOutcome::Flushed
        };
        if outcome != AppendOutcome::Flushed {
            let promised = self.shared.state.lock().promised.0;
            let _ = reply.send(rpc::FillReply { outcome: outcome.into(), marks: Vec::new(), promised });
            return;
        }
        let (outcome, groups) = self.take_all(batches);
        self.round.owed.push(Owed::Fill { groups, outcome, reply });
    }

    /// Takes batches in until one is refused.
    fn take_all(&mut self, batches: Vec<Bytes>) -> (AppendOutcome, Vec<GroupId>) {
        let mut groups = Vec::new();
        if self.shared.state.lock().failed.is_some() {
            return (AppendOutcome::Failed, groups);
        }
        for batch in batches {
            let header = match BatchHeader::decode(&batch) {
                Ok(header) => header,
                Err(error) => return (corrupt(&error), groups),
            };
            if let Err(outcome) = self.take_batch(batch, &header, Source::Peer) {
                return (outcome, groups);
            }
            if !groups.contains(&header.group) {
                groups.push(header.group);
            }
        }
        (AppendOutcome::Flushed, groups)
    }

    fn take_batch(&mut self, batch: Bytes, header: &BatchHeader, source: Source) -> Result<(), AppendOutcome> {
        match self.try_take(&batch, header, source) {
            Ok(()) => return Ok(()),
            Err(Untaken::Outcome(outcome)) => return Err(outcome),
            Err(Untaken::Full) => {}
        }
        self.finish_round(Flush::Now);
        if self.shared.state.lock().failed.is_some() {
            // What counts as received may not be on the medium: no later fsync may pass it off as flushed.
            return Err(AppendOutcome::Failed);
        }
        if let Err(error) = self.log.roll(self.shared.log_allowance()) {
            if is_want(&error) {
                self.shared.state.lock().full = true;
                // What it can retire makes room.
                self.shared.background.wake();
                return Err(AppendOutcome::DiskFull);
            }
            self.shared.fail(&format!("log file: {error}"));
            return Err(AppendOutcome::Failed);
        }
        self.shared.state.lock().full = false;
        self.shared.background.wake();
        self.try_take(&batch, header, source).map_err(|untaken| match untaken {
            Untaken::Outcome(outcome) => outcome,
            Untaken::Full => corrupt(&"it is larger than a log file"),
        })
    }

    fn try_take(&mut self, batch: &Bytes, header: &BatchHeader, source: Source) -> Result<(), Untaken> {
        let start = self.round.headers.len();
        let taken = self.parse(batch, header, source).and_then(|()| self.hold(batch, header, start));
        // Headers stay in the round only for a batch that the round writes.
        if !matches!(taken, Ok(true)) {
            self.round.headers.truncate(start);
        }
        taken.map(drop)
    }

    /// Holds what is new of a parsed batch. `false` when nothing is.
    fn hold(&mut self, batch: &Bytes, header: &BatchHeader, start: usize) -> Result<bool, Untaken> {
        if !self.log.fits(batch.len()) {
            return Err(Untaken::Full);
        }
        let place = self.log.next_place(batch.len());
        let mut state = self.shared.state.lock();
        let bound = state.table.bound(header.ballot);
        let segment = state.segments.entry(header.group).or_default();
        let headers = self.round.headers[start..].iter().map(|(header, _)| header);
        let sifted = segment.sift(headers, header.ballot, place, bound).map_err(|fork| {
            tracing::error!(group = header.group.0, %fork, "redo forks: refused");
            Untaken::Outcome(AppendOutcome::Corrupt)
        })?;
        if !sifted.held.is_empty() {
            drop(state);
            self.compare(batch, &sifted.held).map_err(Untaken::Outcome)?;
            state = self.shared.state.lock();
        }
        if !self.round.groups.contains(&header.group) {
            self.round.groups.push(header.group);
        }
        if sifted.fresh.is_empty() {
            return Ok(false);
        }
        let notes = |acked| Notes { acked, vdl: state.vdl, floor: state.floor };
        let notes = notes(state.segments.get(&header.group).map_or(Lsn::ZERO, Segment::flushed));
        if let Some(segment) = state.segments.get_mut(&header.group) {
            for run in sifted.fresh {
                segment.insert(run);
                self.round.inserted.push((header.group, run));
            }
        }
        drop(state);
        self.log.push(batch, notes);
        let headers = start..self.round.headers.len();
        self.round.taken.push(Taken { place, batch: batch.clone(), headers });
        Ok(true)
    }

    /// Checks the ballot and reads the record headers into the round.
    fn parse(&mut self, batch: &Bytes, header: &BatchHeader, source: Source) -> Result<(), Untaken> {
        let volume = {
            let state = self.shared.state.lock();
            if source == Source::Writer && header.ballot < state.promised {
                return Err(Untaken::Outcome(AppendOutcome::Fenced));
            }
            if !state.table.contains(header.ballot) {
                return Err(Untaken::Outcome(AppendOutcome::NeedTable));
            }
            // A ballot of the history below the highest one is the writer's no more, even if nothing higher was promised.
            if source == Source::Writer && header.ballot < state.table.ballot() {
                return Err(Untaken::Outcome(AppendOutcome::Fenced));
            }
            state.volume.clone().ok_or(Untaken::Outcome(AppendOutcome::Failed))?
        };
        let corrupt = |error: &dyn std::fmt::Display| Err(Untaken::Outcome(corrupt(error)));
        let start = self.round.headers.len();
        for record in records(batch) {
            match record {
                Ok(record) if volume.group(record.header.page) != Some(header.group) => {
                    return corrupt(&"a record's page is not of the batch's group");
                }
                Ok(record) => self.round.headers.push((record.header, record.bytes as u32)),
                Err(error) => return corrupt(&error),
            }
        }
        if self.round.headers.len() - start != header.records as usize {
            return corrupt(&"it has more or fewer records than it says");
        }
        Ok(())
    }

    /// Checks that records which are held already are the same, byte for byte.
    fn compare(&self, batch: &Bytes, held: &[(usize, Run)]) -> Result<(), AppendOutcome> {
        let ours: Vec<_> = records(batch).filter_map(Result::ok).collect();
        // A held batch with its records, which ascend.
        let mut theirs: Option<(Place, Bytes, Vec<StoredRecord>)> = None;
        for (index, run) in held {
            let record = &ours[*index];
            if theirs.as_ref().is_none_or(|(place, ..)| *place != run.place) {
                let waiting = self.round.taken.iter().find(|taken| taken.place == run.place);
                let recent = match waiting {
                    Some(taken) => Some(taken.batch.clone()),
                    None => self.shared.state.lock().recent.get(run.place),
                };
                match self.shared.batch(run.place, recent) {
                    Ok(bytes) => {
                        let twins = records(&bytes).filter_map(Result::ok).collect();
                        theirs = Some((run.place, bytes, twins));
                    }
                    // What is damaged or gone cannot be compared: the arrival is as good as ours.
                    Err(error) => {
                        tracing::warn!(%error, "a held batch cannot be compared");
                        continue;
                    }
                }
            }
            let Some((_, stored, twins)) = &theirs else { continue };
            let twin = twins.binary_search_by_key(&record.header.lsn, |twin| twin.header.lsn);
            if twin.map_or(true, |twin| twins[twin].encoded(stored) != record.encoded(batch)) {
                let (lsn, page) = (record.header.lsn, record.header.page);
                tracing::error!(%lsn, %page, "a record arrives with other bytes than the one held: refused");
                return Err(AppendOutcome::Corrupt);
            }
        }
        Ok(())
    }

    /// Writes and counts what the round took in. Then fsyncs and answers it, and what was held before; or holds it, too.
    fn finish_round(&mut self, flush: Flush) {
        if self.round.owed.is_empty() && self.log.is_clean() && self.held.is_empty() {
            return;
        }
        let awaited = flush == Flush::Now || self.round.is_awaited();
        match self.write_round() {
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
        if self.held.unsynced && !awaited && !self.held.is_full() {
            return;
        }
        let outcome = self.sync_held();
        let owed = std::mem::take(&mut self.held).owed;
        self.answer(owed, outcome);
    }

    /// Hands the round to the kernel and counts it. `false` when there was nothing to write: then too something may count that
    /// waited, for its group was heard of.
    fn write_round(&mut self) -> Result<bool, AppendOutcome> {
        let written = !self.log.is_clean();
        if let Err(error) = self.log.write() {
            self.withdraw();
            if is_want(&error) {
                self.shared.state.lock().full = true;
                return Err(AppendOutcome::DiskFull);
            }
            self.shared.fail(&format!("log write: {error}"));
            return Err(AppendOutcome::Failed);
        }
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
        let Held { groups, owed, bytes, unsynced } = &mut self.held;
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

    /// Fsyncs what is held, if it is not on the medium yet: then all that counts is.
    fn sync_held(&mut self) -> AppendOutcome {
        if self.held.unsynced {
            if let Err(error) = self.log.sync() {
                self.shared.fail(&format!("log fsync: {error}"));
                return AppendOutcome::Failed;
            }
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

    /// The kernel has it: SCLs move, page heads follow in the same step, pulls wake.
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
        let Round { taken, headers, groups, .. } = &mut self.round;
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
                let within = |header: &RecordHeader| run.first <= header.lsn && header.lsn <= run.last;
                if let Ok(at) = taken.binary_search_by_key(&run.place, |taken| taken.place) {
                    for (header, bytes) in headers[taken[at].headers.clone()].iter().filter(|(h, _)| within(h)) {
                        add_record(&mut state.heads, &mut state.due, header.page, header.lsn, *bytes);
                    }
                } else if let Some(batch) = batches.get(&run.place) {
                    for record in records(batch).filter_map(Result::ok).filter(|record| within(&record.header)) {
                        let (header, bytes) = (record.header, record.bytes as u32);
                        add_record(&mut state.heads, &mut state.due, header.page, header.lsn, bytes);
                    }
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

    fn check_serving(&self) -> Result<(), Refusal> {
        if let Some(why) = &self.shared.state.lock().failed {
            return Err(Refusal::Failed(why.clone()));
        }
        if self.superblock.config.is_none() { Err(Refusal::NoVolume) } else { Ok(()) }
    }

    fn save(&mut self, change: impl FnOnce(&mut Superblock)) -> Result<(), Refusal> {
        let mut next = self.superblock.clone();
        change(&mut next);
        next.unsure &= self.shared.state.lock().unsure;
        let shared = self.shared.clone();
        let _writing = shared.superblock.lock();
        if let Err(error) = next.write(&*self.shared.disk, &self.shared.dir) {
            let why = format!("superblock: {error}");
            self.shared.fail(&why);
            return Err(Refusal::Failed(why));
        }
        self.superblock = next;
        Ok(())
    }

    /// Makes a promise, durable on return.
    fn promise(&mut self, ballot: Ballot) -> Result<(), Refusal> {
        check_jump(self.superblock.promised, ballot)?;
        if ballot > self.superblock.promised {
            self.save(|block| block.promised = ballot)?;
            self.shared.state.lock().promised = ballot;
        }
        Ok(())
    }

    fn prepare(&mut self, ballot: Ballot, vdl_heard: Lsn) -> Result<rpc::PrepareReply, Refusal> {
        self.check_serving()?;
        let promised = ballot >= self.superblock.promised;
        if promised {
            self.promise(ballot)?;
        }
        // Every round before this one was fsynced when it ended: what counts as received is flushed.
        let mut reply = {
            let state = self.shared.state.lock();
            rpc::PrepareReply {
                promised,
                highest: state.promised.0,
                boot: state.boot.0,
                table: Some(state.table.to_rpc()),
                segments: Vec::new(),
                flushed_vdl_heard: state.vdl.0,
                config: state.volume.as_ref().map(|volume| volume.config.clone()),
                node: self.shared.options.id.0,
                hydrated: state.is_hydrated(),
                incarnation: self.superblock.incarnation,
            }
        };
        if promised {
            let vdl = vdl_heard.max(Lsn(reply.flushed_vdl_heard));
            let report = until_read(|| self.report(vdl));
            reply.segments = report.map_err(|error| Refusal::Failed(error.to_string()))?;
            // Some of it may just have been found damaged.
            reply.hydrated &= self.shared.state.lock().is_whole();
        }
        Ok(reply)
    }

    /// Every segment with the headers above what is known to be durable. A node's own VDL heard is as true as the
    /// recoverer's, whose walk starts at the highest it hears; so headers below it are of no use to anyone, also those behind
    /// a gap, of which there may be a log full.
    fn report(&self, vdl: Lsn) -> Result<Vec<rpc::SegmentReport>, ReadFault> {
        type Held = Vec<(Run, Option<Bytes>)>;
        let mut segments: Vec<(GroupId, rpc::SegmentReport, Held)> = {
            let state = self.shared.state.lock();
            let epoch = state.volume.as_ref().map_or(MEMBERSHIP_EPOCH, |volume| volume.membership.id().epoch);
            let report = |(group, segment): (&GroupId, &super::segment::Segment)| {
                let runs = segment.runs().iter().filter(|run| run.last > vdl);
                let runs = runs.map(|run| (*run, state.recent.get(run.place))).collect();
                let report = rpc::SegmentReport {
                    group: group.0,
                    scl: segment.flushed().0,
                    scl_ballot: segment.ballot().0,
                    above: Vec::new(),
                    membership_epoch: epoch.into(),
                };
                (*group, report, runs)
            };
            state.segments.iter().map(report).collect()
        };
        segments.sort_unstable_by_key(|(group, ..)| *group);
        for (_, report, runs) in &mut segments {
            for (run, recent) in runs.drain(..) {
                let batch = self.shared.batch(run.place, recent)?;
                for record in records(&batch).filter_map(Result::ok) {
                    let header = record.header;
                    if header.lsn > vdl && run.first <= header.lsn && header.lsn <= run.last {
                        report.above.push(rpc::RecordHeader {
                            lsn: header.lsn.0,
                            prev_volume: header.prev_volume.0,
                            end_of_mtr: header.end_of_mtr,
                            ballot: run.ballot.0,
                        });
                    }
                }
            }
        }
        Ok(segments.into_iter().map(|(_, report, _)| report).collect())
    }

    fn install(
        &mut self,
        ballot: Ballot,
        table: TruncationTable,
        membership: Option<Membership>,
    ) -> Result<rpc::InstallTableReply, Refusal> {
        self.check_serving()?;
        if table.ballot() != ballot {
            return Err(Refusal::Malformed("a table's last entry is of the ballot that installs it".into()));
        }
        if membership.as_ref().is_some_and(|membership| membership.id().ballot != ballot) {
            return Err(Refusal::Malformed("members are proposed by the ballot that installs them".into()));
        }
        check_jump(self.superblock.promised, ballot)?;
        let (promised, vdl, held, volume) = {
            let state = self.shared.state.lock();
            (state.promised, state.vdl, state.table.clone(), state.volume.clone())
        };
        let volume = volume.ok_or(Refusal::NoVolume)?;
        if ballot < promised {
            return Ok(self.installed(false));
        }
        let next = membership.filter(|membership| membership.id() > volume.membership.id());
        let config = next.as_ref().map(|next| next.to_rpc(&volume.config));
        // The table that is held comes again with every new stream of its writer, whose redo is durable beyond it by then.
        let news = *held != table;
        if news && table.last().is_some_and(|entry| entry.vdl < vdl) {
            return Err(Refusal::Malformed(format!("the table truncates below {vdl}, which is durable")));
        }
        let cuts = if news { until_read(|| self.cuts(&table)) } else { Ok(HashMap::new()) };
        let cuts = cuts.map_err(|error| Refusal::Failed(error.to_string()))?;
        if news || config.is_some() {
            self.save(|block| {
                block.promised = ballot;
                block.table = table.clone();
                block.config = config.or(block.config.take());
            })?;
        }
        if news {
            self.annul(table, ballot, &cuts);
        }
        if let Some(next) = next {
            tracing::info!(members = %next.id(), "the volume's members changed");
            self.adopt_members(next.to_rpc(&volume.config), next);
        }
        Ok(self.installed(true))
    }

    /// Puts members in force that the superblock has.
    fn adopt_members(&self, config: rpc::VolumeConfig, membership: Membership) {
        let pages_per_group = config.pages_per_group.max(1);
        self.shared.quota_bytes.store(config.quota_bytes, Ordering::Relaxed);
        self.shared.state.lock().volume = Some(Arc::new(Volume { config, membership, pages_per_group }));
        self.shared.gossip.notify_one();
    }

    fn installed(&self, adopted: bool) -> rpc::InstallTableReply {
        let state = self.shared.state.lock();
        let held = state.volume.as_ref().map(|volume| volume.membership.id()).unwrap_or_default();
        rpc::InstallTableReply {
            adopted,
            promised: state.promised.0,
            node: self.superblock.node.0,
            incarnation: self.superblock.incarnation,
            membership_ballot: held.ballot.0,
            membership_epoch: held.epoch,
        }
    }

    /// The batches of runs of which a table leaves a part or nothing, read before anything is changed.
    fn cuts(&self, table: &TruncationTable) -> Result<HashMap<Place, Bytes>, ReadFault> {
        let affected: Vec<(Place, Option<Bytes>)> = {
            let state = self.shared.state.lock();
            let runs = state.segments.values().flat_map(|segment| segment.runs());
            let affected = runs.filter(|run| run.last > table.bound(run.ballot));
            affected.map(|run| (run.place, state.recent.get(run.place))).collect()
        };
        affected.into_iter().map(|(place, recent)| Ok((place, self.shared.batch(place, recent)?))).collect()
    }

    /// Puts a table in force: annulled records leave, page heads go back to what is left.
    fn annul(&self, table: TruncationTable, ballot: Ballot, batches: &HashMap<Place, Bytes>) {
        let mut state = self.shared.state.lock();
        let mut annulled: Vec<Annulled> = Vec::new();
        for segment in state.segments.values_mut() {
            let bound = |ballot| table.bound(ballot);
            annulled.extend(segment.annul(bound, |run| last_record(batches, run, table.bound(run.ballot))));
        }
        annulled.sort_unstable_by_key(|annulled| std::cmp::Reverse(annulled.run.last));
        // Of those too that count no more, for what was lost below them left them heads of their pages.
        for Annulled { run, above } in &annulled {
            let Some(batch) = batches.get(&run.place) else { continue };
            let dropped: Vec<_> = records(batch)
                .filter_map(Result::ok)
                .filter(|record| record.header.lsn > *above && run.first <= record.header.lsn)
                .filter(|record| record.header.lsn <= run.last)
                .collect();
            for record in dropped.iter().rev() {
                state.drop_record(record.header.page, record.header.lsn, record.header.prev_page);
            }
        }
        let news = table.entries().iter().filter(|entry| !state.table.entries().contains(entry));
        self.shared.cache.lock().drop_above(news.map(|entry| entry.vdl).min().unwrap_or(Lsn::MAX));
        state.table = Arc::new(table);
        state.note_repairs();
        state.tables += 1;
        state.promised = ballot;
    }

    /// Lets a group count from `base` on, which the images taken in reach; `false` when it has no use for that any more.
    fn rebase(&mut self, group: GroupId, base: Lsn, ballot: Ballot) -> Result<bool, Refusal> {
        self.check_serving()?;
        let shared = self.shared.clone();
        let _imaging = shared.imaging.lock();
        let held_back: Vec<(Place, Option<Bytes>)> = {
            let mut state = shared.state.lock();
            let counts = state.table.contains(ballot) && state.table.is_valid(base, ballot);
            let skipped = state.hydrations.get(&group).map_or(Lsn::ZERO, |hydration| hydration.newer_than);
            let segment = state.segments.entry(group).or_default();
            // Images up to `newer_than` were not asked for: what was lost of it since is in none of those that came.
            if !counts || base <= segment.received() || skipped > segment.received() {
                return Ok(false);
            }
            let ready: Vec<Place> = segment.ready_above(base).iter().map(|run| run.place).collect();
            ready.into_iter().map(|place| (place, state.recent.get(place))).collect()
        };
        let mut batches: HashMap<Place, Bytes> = HashMap::new();
        for (place, recent) in held_back {
            let batch = shared.batch(place, recent).map_err(|error| Refusal::Failed(error.to_string()))?;
            batches.insert(place, batch);
        }
        if let Err(error) = shared.images.finish_hydration(group, base, ballot) {
            if matches!(&error, ImageError::Io(error) if is_want(error)) {
                return Err(Refusal::Busy("the disk has no room for images"));
            }
            let why = format!("image store: {error}");
            shared.fail(&why);
            return Err(Refusal::Failed(why));
        }
        let mut guard = shared.state.lock();
        let state = &mut *guard;
        let Some(segment) = state.segments.get_mut(&group) else { return Ok(false) };
        for run in segment.rebase(base, ballot).map(|index| segment.runs()[index]) {
            let counts = |header: &RecordHeader| run.first.max(Lsn(base.0 + 1)) <= header.lsn && header.lsn <= run.last;
            let Some(batch) = batches.get(&run.place) else { continue };
            for record in records(batch).filter_map(Result::ok).filter(|record| counts(&record.header)) {
                let (header, bytes) = (record.header, record.bytes as u32);
                add_record(&mut state.heads, &mut state.due, header.page, header.lsn, bytes);
            }
        }
        // A cached page may lack records that the images have: nothing built before this moment is the base of a page.
        shared.cache.lock().drop_above(Lsn::ZERO);
        state.tables += 1;
        state.hydrations.remove(&group);
        state.note_repairs();
        drop(guard);
        shared.arrivals.of(group).notify_waiters();
        shared.background.wake();
        Ok(true)
    }

    /// Keeps a volume from now on: as `init` created it, or as one that joins. Gives the volume that it keeps another quota.
    fn create_volume(&mut self, config: rpc::VolumeConfig, incarnation: u32) -> Result<bool, Refusal> {
        let malformed = |why: String| Err(Refusal::Malformed(why));
        let volume = match Volume::new(config.clone()) {
            Ok(volume) => volume,
            Err(error) => return malformed(error.to_string()),
        };
        let mine = (self.superblock.node, self.superblock.incarnation);
        match &self.superblock.config {
            Some(existing) if *existing == config && mine.1 == incarnation => return Ok(false),
            // The quota is this node's own business: nobody counts on it.
            Some(existing) if same_but_quota(existing, &config) && mine.1 == incarnation => {}
            Some(existing) if existing.volume != config.volume => return Err(Refusal::OtherVolume),
            // A node that was a member once joins again: what it holds is true, and counts when the rest is there.
            Some(_) => {
                let held = self.shared.state.lock().volume.as_ref().map(|volume| volume.membership.id());
                let name = MemberName { node: mine.0, incarnation: mine.1 };
                if held >= Some(volume.membership.id()) || volume.membership.id().ballot < self.superblock.promised {
                    return malformed("this node knows newer members".into());
                }
                let joins_again = volume.membership.role(name) == Role::Stranger && incarnation > mine.1;
                if !joins_again && mine.1 != incarnation {
                    return malformed(format!("this node is {name}, and not one that joins"));
                }
            }
            None => {}
        }
        if let Some(why) = &self.shared.state.lock().failed {
            return Err(Refusal::Failed(why.clone()));
        }
        self.save(|block| {
            block.config = Some(config.clone());
            block.incarnation = incarnation;
        })?;
        self.shared.volume_id.store(config.volume, Ordering::Release);
        self.shared.state.lock().name = Some(MemberName { node: mine.0, incarnation });
        self.adopt_members(config, volume.membership);
        Ok(true)
    }
}

/// Reads stored batches; again when one of them was damaged or retired, for then it is held no more. So each turn has fewer to
/// read.
fn until_read<T>(read: impl Fn() -> Result<T, ReadFault>) -> Result<T, ReadFault> {
    loop {
        match read() {
            Err(fault) if fault.damaged().is_some() || matches!(fault, ReadFault::Retired(_)) => {}
            read => return read,
        }
    }
}

/// The last record of a run at or below `bound`, from its batch.
pub(super) fn last_record(batches: &HashMap<Place, Bytes>, run: &Run, bound: Lsn) -> Lsn {
    let Some(batch) = batches.get(&run.place) else { return run.first };
    let valid = records(batch).filter_map(Result::ok).map(|record| record.header.lsn);
    valid.take_while(|lsn| *lsn <= bound && *lsn <= run.last).last().unwrap_or(run.first)
}

fn check_jump(promised: Ballot, ballot: Ballot) -> Result<(), Refusal> {
    if ballot.counter() > promised.counter().saturating_add(Ballot::JUMP_MAX) {
        return Err(Refusal::Malformed(format!("ballot {ballot} is too far above {promised}")));
    }
    Ok(())
}

fn corrupt(error: &dyn std::fmt::Display) -> AppendOutcome {
    tracing::warn!(%error, "a batch is refused");
    AppendOutcome::Corrupt
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

impl From<ImageError> for Refusal {
    fn from(error: ImageError) -> Refusal {
        Refusal::Failed(error.to_string())
    }
}
