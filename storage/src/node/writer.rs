//! The writer: what changes what a node holds. One thread at a time has it ([`desk`](super::desk)).
//!
//! **Rule.** Requests take effect in the order they came. What a [`round`] takes in is written with one write, then counted,
//! then fsynced once, and only then acknowledged as flushed. A promise or a table ([`recovery`]) is fsynced before its reply, in
//! a round of its own, so that a reply to the requests before it says nothing of what happened after. A failed fsync is final:
//! the node acknowledges nothing any more.
//!
//! A batch is checked before anything of it is held: its ballot, its members, its records. What of it is held already must be
//! the same, and is not held twice.

mod flight;
mod recovery;
mod round;

pub use self::flight::Departure;

use self::flight::Flight;
use self::round::{Flush, Held, Owed, Round, Taken};
use super::disk::is_want;
use super::frame::Notes;
use super::images::ImageError;
use super::log::{Log, ReadFault};
use super::queue::{Job, Stream};
use super::segment::{Place, Run, Segment};
use super::service::same_but_quota;
use super::state::{Volume, add_record};
use super::stored::{StoredRecord, records};
use super::superblock::Superblock;
use super::{Refusal, Shared};
use crate::membership::{MemberName, Role};
use crate::quorum::MEMBERSHIP_EPOCH;
use bytes::Bytes;
use hashbrown::HashMap;
use protocol::batch::BatchHeader;
use protocol::redo::RecordHeader;
use protocol::rpc::storage::{self as rpc, AppendOutcome, AppendReply, AppendRequest};
use protocol::{Ballot, GroupId, Lsn};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;

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
    flight: Option<Flight>,
    /// The round, or what is held, could not be finished in flight.
    unfinished: bool,
}

impl Writer {
    /// Takes the log and the durable promises over.
    #[must_use]
    pub fn new(shared: Arc<Shared>, log: Log, superblock: Superblock) -> Writer {
        let (round, held) = (Round::default(), Held::default());
        Writer { shared, log, superblock, round, held, flight: None, unfinished: false }
    }

    /// Works off what is queued, on a thread that may wait for the disk. `false` at the end, [`Job::Stop`].
    ///
    /// # Panics
    /// When something is in flight.
    pub fn work(&mut self, jobs: VecDeque<Job>) -> bool {
        assert!(!self.is_flying(), "a flight is awaited");
        let shared = self.shared.clone();
        shared.hearing.begin_work(shared.options.clock.now());
        if std::mem::take(&mut self.unfinished) {
            self.finish_round(Flush::Now);
        }
        let goes_on = self.work_off(jobs);
        shared.hearing.end_work(shared.options.clock.now());
        goes_on
    }

    /// Fsyncs and acknowledges what is held, if anything is.
    pub fn flush_held(&mut self) {
        let shared = self.shared.clone();
        shared.hearing.begin_work(shared.options.clock.now());
        self.finish_round(Flush::Now);
        shared.hearing.end_work(shared.options.clock.now());
    }

    /// For how long what is held may still be held, if anything is.
    #[must_use]
    pub fn held_for(&self) -> Option<Duration> {
        self.held.rests_for(self.shared.options.clock.now())
    }

    /// Wakes the background when the log will need more room soon.
    pub fn ask_for_more(&mut self) {
        if self.log.asks_for_more() {
            self.shared.background.wake();
        }
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
        let start = self.round.records.len();
        let taken = self.parse(batch, header, source).and_then(|()| self.hold(batch, header, start));
        // Records stay in the round only for a batch that the round writes.
        if !matches!(taken, Ok(true)) {
            self.round.records.truncate(start);
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
        let headers = self.round.records[start..].iter().map(|record| &record.header);
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
        let records = start..self.round.records.len();
        self.round.taken.push(Taken { place, batch: batch.clone(), records });
        Ok(true)
    }

    /// Checks the ballot and reads the records into the round.
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
        let start = self.round.records.len();
        for record in records(batch) {
            match record {
                Ok(record) if volume.group(record.header.page) != Some(header.group) => {
                    return corrupt(&"a record's page is not of the batch's group");
                }
                Ok(record) => self.round.records.push(record),
                Err(error) => return corrupt(&error),
            }
        }
        if self.round.records.len() - start != header.records as usize {
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

    /// Lets a group count from `base` on, which the images taken in reach; `false` when it has no use for that any more.
    fn rebase(&mut self, group: GroupId, base: Lsn, ballot: Ballot) -> Result<bool, Refusal> {
        self.check_serving()?;
        let shared = self.shared.clone();
        let _imaging = shared.imaging.lock();
        let held_back: Vec<(Place, Option<Bytes>)> = {
            let mut state = shared.state.lock();
            let counts = state.table.contains(ballot) && state.table.is_valid(base, ballot);
            let segment = state.segments.entry(group).or_default();
            if !counts || base <= segment.received() {
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
                let RecordHeader { page, lsn, .. } = record.header;
                add_record(&mut state.heads, &mut state.due, page, lsn, record.encoded(batch));
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
fn corrupt(error: &dyn std::fmt::Display) -> AppendOutcome {
    tracing::warn!(%error, "a batch is refused");
    AppendOutcome::Corrupt
}
impl From<ImageError> for Refusal {
    fn from(error: ImageError) -> Refusal {
        Refusal::Failed(error.to_string())
    }
}
