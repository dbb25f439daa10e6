//! The replica's volume: pulls redo from storage, puts it into volume order, pours it into the engine.
//!
//! The rules of this shell:
//! - Nothing above the flushed VDL is ever applied: a promotion elsewhere cuts above every flushed VDL that was announced.
//!   While notices come, what follows is pulled [`ahead`](super::ahead) of them and staged. It counts from when the writer
//!   under whose ballot it was pulled announces it, and is forgotten when the VDL is heard of in any other way.
//! - A page's read point is taken under the same lock under which redo is applied. The engine registered its placeholder
//!   before: either the page is read behind the redo being applied, or the redo finds the placeholder.
//! - Memory is bounded: with [`ReplicaOptions::staged_bytes_max`] staged, only the group that has the next record is
//!   pulled. Too far behind, or behind what storage retains, the cache is dropped and reading goes on at the newest VDL.
//!   What a recovery skipped is no distance: each takes an allocation limit of LSNs, and after some of them a replica that
//!   lacks a few records would be far behind by LSN alone.
//! - A notice says where to look. When none comes, or one was lost, the nodes themselves are asked; and while none comes,
//!   one node at a time is asked to say at once when it hears more. So a replica that is cut off from the writer lags a
//!   little, and does not stand still.
//! - Of what nodes tell only the members' word counts, by the highest membership that one of them knows. On the seats of a
//!   [`roster`](super::roster) it is whoever the members are by now that is asked.
//!
//! Notices of a lower ballot, from a writer that was replaced and does not know it, are ignored.

use super::age::Age;
use super::ahead::{self, Ahead, Call, Question};
use super::assembly::Assembly;
use super::counters::Counters;
use super::reader::{Failure, ReadPoint, Reader};
use super::sources::Sources;
use super::writer::FETCH_TIMEOUT;
use super::{AbortOnPanic, Clock, Nodes, VOLUME_CALL_TIMEOUT, WallClock, corrupt};
use crate::history::TruncationTable;
use crate::membership::{MemberName, Membership, name_of};
use crate::quorum::{COPIES, READ_QUORUM, Seats, WRITE_QUORUM};
use futures::future::{BoxFuture, FutureExt, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use hashbrown::HashMap;
use parking_lot::Mutex;
use protocol::batch::Batch;
use protocol::node::StorageNode;
use protocol::redo::{Record, RecordView};
use protocol::rpc::cluster::Notice;
use protocol::rpc::storage as rpc;
use protocol::task::{Runtime, Task, sleep, timeout};
use protocol::volume::{Fetched, PageSource, RedoSink, VolumeError};
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn, NodeId, PageId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Redo asked for in one pull, in bytes: the most, and what is asked for even when there is no room.
const PULL_BYTES: usize = 1 << 20;
const PULL_BYTES_MIN: usize = 16 << 10;
/// Rounds without what was announced, about two seconds of them, after which a replica goes on without it if any node has
/// given it up: it may be that only nodes that are down still have it.
const GIVE_UP_ROUNDS: u32 = 60;
/// Rounds in a row with something to stage and nothing to apply, after which the nodes are asked.
const UNAPPLIED_ROUNDS: u32 = 16;
/// Records handed to the engine in one step.
const APPLY_RECORDS: usize = 2048;
/// A node that has not answered a pull by then is passed over, in favour of any other that answers.
const PULL_PATIENCE: [Duration; 2] = [Duration::from_millis(50), VOLUME_CALL_TIMEOUT];
/// A node that has what was announced answers a pull that waited there by then, or is asked once more.
const EARLY_PATIENCE: Duration = Duration::from_millis(10);
/// The pause when redo is announced and no node has it yet.
const RETRY_PAUSE: Duration = Duration::from_millis(2);

/// How to open a volume for reading.
#[derive(Clone)]
pub struct ReplicaOptions {
    /// The server's instance, drawn at random at its start: which node it asks first.
    pub instance: u32,
    /// Where the replica's task runs.
    pub runtime: Runtime,
    /// Monotonic time.
    pub clock: Clock,
    /// Calendar time, for lag figures.
    pub wall: WallClock,
    /// Staged redo beyond which only what is needed next is pulled, in bytes.
    pub staged_bytes_max: usize,
    /// Distance to the VDL beyond which the cache is dropped instead of replaying, in bytes of LSN.
    pub far_behind_bytes: u64,
    /// Without a notice for so long the nodes are asked.
    pub poll_after: Duration,
}

impl ReplicaOptions {
    /// The usual settings.
    #[must_use]
    pub fn new(instance: u32, runtime: Runtime, clock: Clock, wall: WallClock) -> ReplicaOptions {
        ReplicaOptions {
            instance,
            runtime,
            clock,
            wall,
            staged_bytes_max: 32 << 20,
            far_behind_bytes: 1 << 30,
            poll_after: Duration::from_millis(500),
        }
    }
}

/// What notices and polls have told.
#[derive(Debug)]
struct Known {
    ballot: Ballot,
    /// The newest that a node told.
    table: TruncationTable,
    vdl: Lsn,
    /// The writer that announced it, if it was one and not nodes.
    vdl_told_by: Option<Ballot>,
    /// Told since the task looked last.
    hints: BTreeMap<GroupId, Lsn>,
    /// Those of them that the writer named and that go on beyond what was applied then.
    named: BTreeSet<GroupId>,
    fresh: [bool; COPIES],
    written_unix_micros: u64,
    told_at: Duration,
    /// Like `told_at`, but only by the writer itself.
    noticed_at: Duration,
    age: Age,
}

struct Inner {
    nodes: Nodes,
    volume: u64,
    pages_per_group: u32,
    options: ReplicaOptions,
    reader: Reader,
    counters: Arc<Counters>,
    known: Mutex<Known>,
    bell: Notify,
    /// Where we are. Held while redo is applied and while a read point is taken.
    assembly: tokio::sync::Mutex<Assembly>,
    sink: watch::Sender<Option<Arc<dyn RedoSink>>>,
    vdl: AtomicU64,
    applied: watch::Sender<Lsn>,
    lag_micros: AtomicU64,
    /// The most redo that was ever held, in bytes.
    staged_peak: AtomicUsize,
    sources: Sources,
    /// The node that tells what the writer does not.
    relay: AtomicUsize,
    stop: watch::Sender<bool>,
}

/// A volume that is read and followed. See the module's essay.
pub struct ReplicaVolume {
    inner: Arc<Inner>,
    task: tokio::sync::Mutex<Option<Task>>,
}

/// What a read quorum says.
struct Learned {
    table: TruncationTable,
    vdl: Lsn,
    /// Highest flushed SCL of each group: at or above its tail at the VDL.
    scls: HashMap<GroupId, Lsn>,
    /// How long ago the node that heard the writer last heard it: how old this is.
    silence: Duration,
}

impl ReplicaVolume {
    /// Opens the volume at the highest flushed VDL that a read quorum heard of. Takes no ballot and changes nothing in
    /// storage. Redo is applied from the moment that [`ReplicaVolume::set_sink`] is called.
    ///
    /// # Errors
    /// [`VolumeError::Unavailable`] when fewer than three nodes answer; [`VolumeError::Corrupt`].
    ///
    /// # Panics
    /// When there are not six nodes.
    pub async fn open(
        nodes: Vec<Arc<dyn StorageNode>>,
        options: ReplicaOptions,
    ) -> Result<Arc<ReplicaVolume>, VolumeError> {
        assert_eq!(nodes.len(), COPIES, "a volume has six nodes");
        let nodes: Nodes = nodes.into();
        let config = super::cluster::config(&nodes).await?;
        // Two questions: of any three nodes one has a group's tail at the VDL, but only from when that VDL was told. What one
        // node answered before, and the VDL that another one has heard of since, make a tail that is too low: then older
        // pages than the volume's are read, and redo is waited for that the replica has behind it already.
        let mut learned = learn(&nodes, config.volume, READ_QUORUM).await?;
        learned.scls = learn(&nodes, config.volume, READ_QUORUM).await?.scls;
        let counters = Arc::new(Counters::default());
        Counters::add(&counters.quorum_reads_bookkeeping, 1);
        let known = Known {
            ballot: learned.table.ballot(),
            table: learned.table,
            vdl: learned.vdl,
            vdl_told_by: None,
            hints: BTreeMap::new(),
            named: BTreeSet::new(),
            fresh: [false; COPIES],
            written_unix_micros: 0,
            told_at: (options.clock)(),
            noticed_at: (options.clock)(),
            age: Age::new((options.clock)()),
        };
        let inner = Arc::new(Inner {
            reader: Reader::new(Arc::clone(&nodes), config.volume, Arc::clone(&counters)),
            nodes,
            volume: config.volume,
            pages_per_group: config.pages_per_group,
            counters,
            known: Mutex::new(known),
            bell: Notify::new(),
            assembly: tokio::sync::Mutex::new(Assembly::new(learned.vdl, learned.scls)),
            sink: watch::Sender::new(None),
            vdl: AtomicU64::new(learned.vdl.0),
            applied: watch::Sender::new(learned.vdl),
            lag_micros: AtomicU64::new(0),
            staged_peak: AtomicUsize::new(0),
            sources: Sources::new(options.instance),
            relay: AtomicUsize::new(options.instance as usize % COPIES),
            stop: watch::Sender::new(false),
            options,
        });
        let task = inner.options.runtime.spawn(Arc::clone(&inner).run());
        Ok(Arc::new(ReplicaVolume { inner, task: tokio::sync::Mutex::new(Some(task)) }))
    }

    /// The volume's number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.inner.volume
    }

    /// Where redo goes from now on.
    pub fn set_sink(&self, sink: Arc<dyn RedoSink>) {
        self.inner.sink.send_replace(Some(sink));
    }

    /// A notice from the writer, however it came: late, twice or out of order does no harm.
    pub fn notify(&self, notice: &Notice) {
        self.inner.notify(notice);
    }

    /// Everything up to here is applied.
    #[must_use]
    pub fn applied(&self) -> Lsn {
        *self.inner.applied.borrow()
    }

    /// Waits until `lsn` is applied.
    ///
    /// # Errors
    /// [`VolumeError::Closed`] when the replica stops before.
    pub async fn wait_applied(&self, lsn: Lsn) -> Result<(), VolumeError> {
        let mut applied = self.inner.applied.subscribe();
        let mut stop = self.inner.stop.subscribe();
        tokio::select! {
            biased;
            reached = applied.wait_for(|&applied| applied >= lsn) => reached.map(drop).map_err(|_| VolumeError::Closed),
            _ = stop.wait_for(|&stop| stop) => Err(VolumeError::Closed),
        }
    }

    /// The highest ballot heard of.
    #[must_use]
    pub fn ballot(&self) -> Ballot {
        self.inner.known.lock().ballot
    }

    /// Time from when the writer learned that the last applied redo was durable to its being applied, in microseconds.
    #[must_use]
    pub fn lag_micros(&self) -> u64 {
        self.inner.lag_micros.load(Ordering::Relaxed)
    }

    /// How long ago this replica last knew that it had everything.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.inner.known.lock().age.at((self.inner.options.clock)())
    }

    /// The most redo that it has held at a time, in bytes.
    #[must_use]
    pub fn staged_bytes_peak(&self) -> usize {
        self.inner.staged_peak.load(Ordering::Relaxed)
    }

    /// What it counts.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.inner.counters)
    }

    /// Stops following: the first step of a promotion. When it returns, no more redo is applied. Pages are served all the same,
    /// at what is applied: sessions go on, and miss pages until the engine has the new source.
    pub async fn stop(&self) {
        self.inner.stop.send_replace(true);
        self.inner.bell.notify_one();
        if let Some(task) = self.task.lock().await.take() {
            // Also by a panic, which was the engine's.
            task.ended().await;
        }
        // Who applied the redo reads its pages here, and would be held by what it holds.
        self.inner.sink.send_replace(None);
    }
}

impl Drop for ReplicaVolume {
    fn drop(&mut self) {
        self.inner.stop.send_replace(true);
        self.inner.bell.notify_one();
    }
}

impl PageSource for ReplicaVolume {
    fn fetch(&self, page: PageId) -> BoxFuture<'_, Result<Fetched, VolumeError>> {
        Box::pin(self.inner.fetch(page))
    }

    fn flushed_vdl(&self) -> Lsn {
        Lsn(self.inner.vdl.load(Ordering::Acquire))
    }
}

/// A look at what is announced, and what came of it.
struct Round {
    /// The flushed VDL that was known.
    vdl: Lsn,
    /// When the writer learned of it, in microseconds since 1970; zero when it did not tell.
    written: u64,
    /// Redo was had.
    progressed: bool,
}

/// How one pull of one group ended.
enum Pulled {
    Records(Vec<RecordView>),
    /// No node that answered retains the redo.
    Gone,
    /// No node has it now. One that had it may be down, or another be about to get it; but if none comes while some have
    /// given it up already, it is not worth waiting for.
    NotNow {
        gone_somewhere: bool,
    },
}

impl Inner {
    fn notify(&self, notice: &Notice) {
        let mut known = self.known.lock();
        let ballot = Ballot(notice.ballot);
        if ballot < known.ballot {
            return;
        }
        if ballot > known.ballot {
            tracing::info!(%ballot, "another writer announces itself");
            known.ballot = ballot;
            known.fresh = [false; COPIES];
        }
        let applied = self.applied();
        for tail in &notice.tails {
            let group = GroupId(tail.group);
            let hint = known.hints.entry(group).or_default();
            *hint = Lsn(tail.tail).max(*hint);
            // A first notice names every group: those at rest would be pulled ahead in the place of those that are not.
            if Lsn(tail.tail) > applied {
                known.named.insert(group);
            }
        }
        let vdl = Lsn(notice.flushed_vdl);
        if vdl > known.vdl {
            known.vdl = vdl;
            known.vdl_told_by = Some(ballot);
            known.written_unix_micros = notice.written_unix_micros;
            known.fresh = std::array::from_fn(|node| notice.fresh_nodes.contains(&(node as u32)));
            self.vdl.store(vdl.0, Ordering::Release);
        }
        let now = (self.options.clock)();
        (known.told_at, known.noticed_at) = (now, now);
        known.age.told(vdl, now, self.applied());
        drop(known);
        self.bell.notify_one();
    }

    fn applied(&self) -> Lsn {
        *self.applied.borrow()
    }

    async fn run(self: Arc<Inner>) {
        // What stands still and goes on to report holds up everyone; half a mini-transaction may be applied.
        let _vital = AbortOnPanic::around("the applying of redo", &self.options.runtime);
        let mut stop = self.stop.subscribe();
        let work = async {
            let mut sink = self.sink.subscribe();
            if sink.wait_for(Option::is_some).await.is_err() {
                return;
            }
            let (mut idle_rounds, mut unapplied_rounds) = (0u32, 0u32);
            let mut ahead = Ahead::default();
            loop {
                let before = self.applied();
                let Round { vdl, written, progressed } = self.advance(&mut ahead, idle_rounds >= GIVE_UP_ROUNDS).await;
                let applied = self.applied();
                if applied > before && written > 0 && applied >= vdl {
                    self.lag_micros.store((self.options.wall)().saturating_sub(written), Ordering::Relaxed);
                }
                if progressed {
                    // What is staged and does not fit is not it: perhaps a notice was lost that named the group before.
                    if applied > before {
                        (idle_rounds, unapplied_rounds) = (0, 0);
                    } else {
                        unapplied_rounds += 1;
                    }
                    if unapplied_rounds >= UNAPPLIED_ROUNDS {
                        unapplied_rounds = 0;
                        self.poll().await;
                    }
                    continue;
                }
                if applied >= vdl {
                    idle_rounds = 0;
                    self.reach_out(&mut ahead).await;
                    self.await_news(&mut ahead, vdl).await;
                } else {
                    // Announced and not to be had: perhaps a notice was lost that named the group.
                    idle_rounds += 1;
                    sleep(RETRY_PAUSE * idle_rounds.min(20)).await;
                    if idle_rounds.is_multiple_of(4) {
                        self.poll().await;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|&stop| stop) => {}
            () = work => {}
        }
    }

    /// Asks for what comes next in groups that are here as far as they are announced, if it is the writer that announced it.
    async fn reach_out(&self, ahead: &mut Ahead) {
        let (ballot, fresh) = {
            let known = self.known.lock();
            (known.ballot, known.fresh)
        };
        {
            let assembly = self.assembly.lock().await;
            let has_room = assembly.staged_bytes() <= self.options.staged_bytes_max / 2;
            if assembly.told_by() != Some(ballot) || !has_room {
                return;
            }
            let node = self.sources.preferred(&fresh);
            for group in ahead.idle() {
                let Some(after) = assembly.end_of(group) else { continue };
                let each = self.options.staged_bytes_max / 2 / ahead::GROUPS_MAX;
                let request = rpc::PullRequest {
                    wait_ms: ahead::WAIT.as_millis() as u32,
                    ..self.pull_request(group, ballot, after, Lsn(u64::MAX), each.clamp(PULL_BYTES_MIN, PULL_BYTES))
                };
                let target = Arc::clone(&self.nodes[node]);
                let patience = ahead::WAIT + PULL_PATIENCE[0];
                let reply = async move { timeout(patience, target.pull(request)).await.ok()?.ok() }.boxed();
                ahead.sent(Call { question: Question { group, ballot, after, node }, reply });
                Counters::add(&self.counters.pulls_ahead, 1);
            }
        }
        // A call is on its way from when it is looked at first.
        self.stage_ready(ahead).await;
    }

    async fn stage_ready(&self, ahead: &mut Ahead) {
        while let Some((asked, reply)) = ahead.ready() {
            self.stage(ahead, asked, reply).await;
        }
    }

    /// Stages what was pulled ahead. Where nothing new comes, nothing more is asked for before a notice.
    async fn stage(&self, ahead: &mut Ahead, asked: Question, reply: Option<rpc::PullReply>) {
        let Some(records) = self.brought(asked, reply) else { return ahead.rests(asked.group) };
        let mut assembly = self.assembly.lock().await;
        if assembly.staged_bytes() > self.options.staged_bytes_max {
            return ahead.rests(asked.group);
        }
        let before = assembly.reaches(asked.group);
        // With a hole before it, it is pulled again when it is announced.
        let _ = assembly.push_ahead(asked.ballot, asked.group, records);
        if assembly.reaches(asked.group) == before {
            ahead.rests(asked.group);
        }
        self.staged_peak.fetch_max(assembly.staged_bytes(), Ordering::Relaxed);
    }

    /// The records that a pull ahead brought, if any.
    fn brought(&self, asked: Question, reply: Option<rpc::PullReply>) -> Option<Vec<RecordView>> {
        let reply = reply.filter(|it| it.outcome() == rpc::ReadOutcome::Ok && !it.batches.is_empty())?;
        self.count_pulled(&reply);
        match decode(&reply.batches, asked.group, Lsn(u64::MAX)) {
            // A node that knows of a later writer tells of that one; it has not announced itself to us yet.
            Ok((ballot, _)) if ballot > asked.ballot => None,
            Ok((_, records)) => Some(records),
            Err(error) => {
                tracing::warn!(node = asked.node, %error, "a storage node sent damaged redo");
                None
            }
        }
    }

    fn count_pulled(&self, reply: &rpc::PullReply) {
        Counters::add(&self.counters.redo_bytes_pulled, reply.batches.iter().map(bytes::Bytes::len).sum());
    }

    /// With everything applied: waits for word of more.
    async fn await_news(&self, ahead: &mut Ahead, vdl: Lsn) {
        let (told_at, noticed_at) = {
            let known = self.known.lock();
            (known.told_at, known.noticed_at)
        };
        let now = (self.options.clock)();
        let left = |since: Duration| (since + self.options.poll_after).saturating_sub(now);
        let wait = left(told_at).max(RETRY_PAUSE);
        let relayed = async {
            if left(noticed_at).is_zero() {
                self.relay(vdl, wait).await;
            } else {
                sleep(wait).await;
            }
        };
        tokio::select! {
            biased;
            () = self.bell.notified() => return,
            (asked, reply) = ahead.next() => return self.stage(ahead, asked, reply).await,
            () = relayed => {}
        }
        // Word by relay is one node's. Now and then a quorum is asked, which also knows of other ballots.
        if left(told_at).is_zero() || (self.options.clock)() >= now + wait {
            self.poll().await;
        }
    }

    /// Asks one node for word of a VDL above `vdl`, for so long. Whatever it tells that is missing something is mended by the
    /// next poll; it is asked in place of the writer, not of a quorum.
    async fn relay(&self, vdl: Lsn, wait: Duration) {
        let until = (self.options.clock)() + wait;
        let node = self.relay.load(Ordering::Relaxed) % COPIES;
        let request = rpc::HoldRequest {
            volume: self.volume,
            version: FORMAT_VERSION,
            news_above: vdl.0,
            wait_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
            ..Default::default()
        };
        let reply = timeout(wait + PULL_PATIENCE[0], self.nodes[node].hold(request)).await;
        let table = |reply: &rpc::HoldReply| TruncationTable::from_rpc(reply.table.as_ref()?).ok();
        let told = match reply {
            Ok(Ok(reply)) => table(&reply).map(|table| (table, reply)),
            _ => None,
        };
        let ballot = self.known.lock().ballot;
        // One that missed a recovery may tell the end of a dead branch.
        match told.filter(|(table, _)| table.ballot() >= ballot) {
            Some((table, reply)) => {
                // Not of age: a node that a new writer does not reach goes on hearing the old one.
                let learned = Learned::of(&table.clone(), &[(table, reply)]);
                self.take(&mut self.known.lock(), &learned);
                if learned.vdl > vdl {
                    return Counters::add(&self.counters.relayed, 1);
                }
            }
            None => self.relay.store(node + 1, Ordering::Relaxed),
        }
        sleep(until.saturating_sub((self.options.clock)())).await;
    }

    /// Pulls and applies once. With `give_up`, one node that no longer retains what comes
    /// next is enough to go on without it.
    async fn advance(&self, ahead: &mut Ahead, give_up: bool) -> Round {
        self.stage_ready(ahead).await;
        let mut round;
        let (wanted, behind, each, ballot, fresh, heard) = {
            let mut assembly = self.assembly.lock().await;
            let mut known = self.known.lock();
            for (group, tail) in std::mem::take(&mut known.hints) {
                assembly.hint(group, tail);
            }
            assembly.release(known.vdl, known.vdl_told_by);
            round = Round { vdl: known.vdl, written: known.written_unix_micros, progressed: false };
            let room = self.options.staged_bytes_max.saturating_sub(assembly.staged_bytes());
            let wanted = assembly.wanted(room == 0);
            ahead.noticed(&known.named);
            for group in std::mem::take(&mut known.named) {
                let is_here = assembly.tail(group) < assembly.reaches(group);
                if is_here && wanted.iter().all(|(wanted, _)| *wanted != group) {
                    self.scored(ahead, group, true);
                }
            }
            // Together no more than there is room for, however many groups there are.
            let each = (room / wanted.len().max(1)).clamp(PULL_BYTES_MIN, PULL_BYTES);
            let heard = assembly.told_by() == Some(known.ballot);
            (wanted, round.vdl.since(assembly.applied()), each, known.ballot, known.fresh, heard)
        };
        if behind == 0 {
            return round;
        }
        if behind > self.options.far_behind_bytes
            && self.allotted_below(round.vdl, behind).await > self.options.far_behind_bytes
        {
            tracing::warn!(behind, "too far behind: the cache is dropped");
            round.progressed = self.invalidate(round.vdl).await;
            return round;
        }
        let vdl = round.vdl;
        let pulls = wanted.into_iter().map(|(group, after)| {
            // Its answer is on its way if the node has it.
            let is_due = |it: Question| heard && it.after == after && it.ballot == ballot && fresh[it.node];
            let early = ahead.take(group).filter(|call| is_due(call.question));
            async move {
                if let Some(records) = self.early(early).await {
                    return (group, true, Pulled::Records(records));
                }
                (group, false, self.pull(group, after, vdl, each).await)
            }
        });
        let pulls = join_all(pulls).await;
        let gone = |pulled: &Pulled| match pulled {
            Pulled::Gone => true,
            Pulled::NotNow { gone_somewhere } => give_up && *gone_somewhere,
            Pulled::Records(_) => false,
        };
        if pulls.iter().any(|(_, _, pulled)| gone(pulled)) {
            tracing::warn!("storage no longer has the redo that follows: the cache is dropped");
            round.progressed = self.invalidate(vdl).await;
            return round;
        }
        let mut assembly = self.assembly.lock().await;
        for (group, early, pulled) in pulls {
            let Pulled::Records(records) = pulled else { continue };
            self.scored(ahead, group, early);
            let before = assembly.reaches(group);
            let pushed =
                if early { assembly.push_ahead(ballot, group, records) } else { assembly.push(group, records) };
            if let Err(error) = pushed {
                tracing::warn!(%error, "a pull does not continue the one before");
            }
            // An early answer may be the first part of what was announced.
            round.progressed |= assembly.reaches(group) > before;
        }
        self.staged_peak.fetch_max(assembly.staged_bytes(), Ordering::Relaxed);
        drop(assembly);
        self.reach_out(ahead).await;
        while self.apply_some().await {
            round.progressed = true;
        }
        round
    }

    /// The answer of a pull that waited, if it comes at once.
    async fn early(&self, call: Option<Call>) -> Option<Vec<RecordView>> {
        let Call { question, reply } = call?;
        let begun = (self.options.clock)();
        let reply = timeout(EARLY_PATIENCE, reply).await;
        self.sources.took(question.node, (self.options.clock)().saturating_sub(begun));
        self.brought(question, reply.ok()?)
    }

    fn scored(&self, ahead: &mut Ahead, group: GroupId, saved: bool) {
        ahead.scored(group, saved);
        Counters::add(if saved { &self.counters.pulls_saved } else { &self.counters.pulls }, 1);
    }

    /// How much of the `distance` up to `vdl` writers had to give out, as far as is known.
    async fn allotted_below(&self, vdl: Lsn, distance: u64) -> u64 {
        let is_newest = || {
            let known = self.known.lock();
            known.table.ballot() >= known.ballot
        };
        if !is_newest() {
            // A notice names a writer's ballot, and not what recoveries before it skipped.
            self.poll().await;
        }
        self.known.lock().table.allotted(Lsn(vdl.0 - distance), vdl)
    }

    async fn apply_some(&self) -> bool {
        let Some(sink) = self.sink.borrow().clone() else { return false };
        let mut assembly = self.assembly.lock().await;
        let views = assembly.pop(APPLY_RECORDS);
        if views.is_empty() {
            return false;
        }
        let applied = assembly.applied();
        let records: Result<Vec<Record>, _> = views.iter().map(RecordView::to_record).collect();
        let outcome = match records {
            Ok(records) => sink.apply(&records, applied),
            Err(error) => Err(VolumeError::Corrupt(error.to_string())),
        };
        if let Err(error) = outcome {
            // The redo is sound where storage folds it into pages: what it does not fit is our cache.
            tracing::error!(%error, %applied, "redo does not fit the cache, which is dropped");
            Counters::add(&self.counters.invalidations, 1);
            sink.invalidate(applied);
        }
        assembly.moved(&views, |record| record.header.page.group(self.pages_per_group));
        Counters::add(&self.counters.records_applied, views.len());
        self.applied.send_replace(applied);
        self.known.lock().age.applied(applied);
        true
    }

    /// Goes on at `vdl` without replaying what lies between, unless too few nodes answer. The hints may lack what a notice
    /// named that was lost: where groups end at `vdl` is asked now that it is known to be durable.
    async fn invalidate(&self, vdl: Lsn) -> bool {
        let Some(sink) = self.sink.borrow().clone() else { return false };
        Counters::add(&self.counters.quorum_reads_bookkeeping, 1);
        let Ok(learned) = learn(&self.nodes, self.volume, READ_QUORUM).await else { return false };
        let mut assembly = self.assembly.lock().await;
        let mut tails = learned.scls;
        let hints: Vec<(GroupId, Lsn)> = assembly.hints().collect();
        for &(group, hint) in &hints {
            let tail = tails.entry(group).or_default();
            *tail = hint.max(*tail);
        }
        assembly.restart(vdl, tails);
        // A newer notice may have named more by now.
        hints.into_iter().for_each(|(group, hint)| assembly.hint(group, hint));
        sink.invalidate(vdl);
        Counters::add(&self.counters.invalidations, 1);
        self.applied.send_replace(vdl);
        self.known.lock().age.applied(vdl);
        true
    }

    async fn pull(&self, group: GroupId, after: Lsn, up_to: Lsn, max_bytes: usize) -> Pulled {
        let (ballot, fresh) = {
            let known = self.known.lock();
            (known.ballot, known.fresh)
        };
        let order = self.sources.order(&fresh);
        let (mut gone, mut answered) = (0, [false; COPIES]);
        let rounds = PULL_PATIENCE.into_iter().flat_map(|patience| order.map(|node| (patience, node)));
        for (patience, node) in rounds {
            // The second round is for a network where nobody answers in time, not for one node that is stopped.
            let known = answered.iter().filter(|&&answered| answered).count();
            if answered[node] || patience > PULL_PATIENCE[0] && known >= READ_QUORUM {
                continue;
            }
            let request = self.pull_request(group, ballot, after, up_to, max_bytes);
            let asked = (self.options.clock)();
            let reply = timeout(patience, self.nodes[node].pull(request)).await;
            self.sources.took(node, (self.options.clock)().saturating_sub(asked));
            let Ok(Ok(reply)) = reply else { continue };
            answered[node] = true;
            if reply.outcome() == rpc::ReadOutcome::BelowFloor || reply.retained_after > after.0 {
                gone += 1;
                continue;
            }
            if reply.outcome() != rpc::ReadOutcome::Ok || reply.batches.is_empty() {
                continue;
            }
            self.count_pulled(&reply);
            match decode(&reply.batches, group, up_to) {
                Ok((_, records)) => return Pulled::Records(records),
                Err(error) => tracing::warn!(node, %error, "a storage node sent damaged redo"),
            }
        }
        // A read quorum would have it if it were retained by the rules; one node may have lost its copy.
        if gone >= READ_QUORUM { Pulled::Gone } else { Pulled::NotNow { gone_somewhere: gone > 0 } }
    }

    fn pull_request(
        &self,
        group: GroupId,
        ballot: Ballot,
        after: Lsn,
        up_to: Lsn,
        max_bytes: usize,
    ) -> rpc::PullRequest {
        rpc::PullRequest {
            volume: self.volume,
            version: FORMAT_VERSION,
            ballot: ballot.0,
            group: group.0,
            after: after.0,
            up_to: up_to.0,
            max_bytes: max_bytes as u32,
            wait_ms: 0,
        }
    }

    async fn poll(&self) {
        Counters::add(&self.counters.polls, 1);
        Counters::add(&self.counters.quorum_reads_bookkeeping, 1);
        // Each node counts its silence from when it answers: at the earliest when it is asked, and the slowest answers last.
        let asked = (self.options.clock)();
        let learned = learn(&self.nodes, self.volume, READ_QUORUM).await;
        self.known.lock().told_at = (self.options.clock)();
        if let Ok(learned) = learned {
            let mut known = self.known.lock();
            known.age.told(learned.vdl, asked.saturating_sub(learned.silence), self.applied());
            self.take(&mut known, &learned);
        }
    }

    /// Takes over what is there to be had.
    fn take(&self, known: &mut Known, learned: &Learned) {
        known.ballot = known.ballot.max(learned.table.ballot());
        if learned.table.ballot() > known.table.ballot() {
            known.table = learned.table.clone();
        }
        if learned.vdl > known.vdl {
            (known.vdl, known.vdl_told_by, known.written_unix_micros) = (learned.vdl, None, 0);
        }
        self.vdl.store(known.vdl.0, Ordering::Release);
        let vdl = known.vdl;
        for (&group, &scl) in &learned.scls {
            let hint = known.hints.entry(group).or_default();
            *hint = scl.min(vdl).max(*hint);
        }
    }

    async fn fetch(&self, page: PageId) -> Result<Fetched, VolumeError> {
        let group = page.group(self.pages_per_group);
        let started = (self.options.clock)();
        let mut pause = Duration::from_millis(1);
        loop {
            let (lsn, tail) = {
                let assembly = self.assembly.lock().await;
                (assembly.applied(), assembly.tail(group))
            };
            let (ballot, fresh) = {
                let known = self.known.lock();
                (known.ballot, known.fresh)
            };
            let why = match self.reader.read(page, ReadPoint { ballot, lsn, tail, fresh }).await {
                Ok(fetched) => return Ok(fetched),
                Err(Failure::NotNow(why)) => {
                    self.lower_tail(group, lsn).await;
                    why
                }
                Err(Failure::BelowFloor) => {
                    let newest = Lsn(self.vdl.load(Ordering::Acquire));
                    if newest <= lsn {
                        return Err(VolumeError::ReadPointGone);
                    }
                    "the read point is below the floor".into()
                }
                Err(Failure::Corrupt) => return Err(corrupt(&format!("no node has a sound {page}"))),
                Err(Failure::NeedTable(_)) => "nodes lack the truncation table".into(),
            };
            if (self.options.clock)().saturating_sub(started) > FETCH_TIMEOUT {
                return Err(VolumeError::Unavailable(why));
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Asks again how far a group reaches of whose tail only a bound is known: records above the VDL may have been in it that
    /// a recovery has annulled since, and then no node ever gets there.
    async fn lower_tail(&self, group: GroupId, at: Lsn) {
        if !self.assembly.lock().await.is_bound(group) {
            return;
        }
        // What is durable is on four: of any four, two have it, so that one of them may have lost its disk.
        if let Ok(learned) = learn(&self.nodes, self.volume, WRITE_QUORUM).await {
            let scl = learned.scls.get(&group).copied().unwrap_or_default();
            self.assembly.lock().await.lower(group, at, scl);
        }
    }
}

/// Asks nodes what they hold, until enough of the members have said: a read quorum, or a write quorum. Takes no promise.
async fn learn(nodes: &Nodes, volume: u64, quorum: usize) -> Result<Learned, VolumeError> {
    let request = || rpc::HoldRequest { volume, version: FORMAT_VERSION, ..Default::default() };
    let mut calls: FuturesUnordered<_> =
        nodes.iter().map(|node| timeout(VOLUME_CALL_TIMEOUT, node.hold(request()))).collect();
    let mut told = Testimony::default();
    while let Some(reply) = calls.next().await {
        let Ok(Ok(reply)) = reply else { continue };
        told.take(reply);
        if let Some(replies) = told.quorum(quorum) {
            // Every write quorum meets a read quorum: one of these has the open writer's table, one has each group's tail.
            let newest = replies.iter().map(|(table, _)| table).max_by_key(|table| table.ballot());
            return Ok(Learned::of(&newest.expect("a quorum is not empty").clone(), &replies));
        }
    }
    Err(VolumeError::Unavailable(format!("{} of {COPIES} storage nodes answer", told.replies.len())))
}

/// What nodes told, and who of them counts. One that was removed, or that has lost its disk since, may still answer on a
/// member's seat: with it three replies would not meet every write quorum, and a tail could be missed.
#[derive(Default)]
struct Testimony {
    replies: Vec<(MemberName, TruncationTable, rpc::HoldReply)>,
    /// The highest that one of them knows.
    membership: Option<Membership>,
}

impl Testimony {
    /// A reply without a volume or with nonsense in it is none.
    fn take(&mut self, mut reply: rpc::HoldReply) {
        let Ok(table) = TruncationTable::from_rpc(&reply.table.take().unwrap_or_default()) else { return };
        let Some(Ok(membership)) = reply.config.as_ref().map(Membership::from_rpc) else { return };
        if self.membership.as_ref().is_none_or(|known| known.id() < membership.id()) {
            self.membership = Some(membership);
        }
        self.replies.push((MemberName { node: NodeId(reply.node), incarnation: reply.incarnation }, table, reply));
    }

    /// The replies of members, if they are a quorum of every set of six. Who joins is no member yet; and one that lost redo
    /// which it had acknowledged is heard and not counted, for what it no longer tells may be a tail.
    fn quorum(&self, quorum: usize) -> Option<Vec<(TruncationTable, rpc::HoldReply)>> {
        let membership = self.membership.as_ref()?;
        let told = |name: MemberName| self.replies.iter().find(|(said, _, _)| *said == name);
        let members: Vec<_> = membership.members().iter().map(|member| told(name_of(member))).collect();
        let counts = |told: &Option<&(_, _, rpc::HoldReply)>| told.is_some_and(|(_, _, reply)| !reply.lacks_redo);
        let seats = Seats::of(|seat| members.get(seat).is_some_and(counts));
        let configuration = membership.configuration();
        let enough = match quorum {
            READ_QUORUM => configuration.is_read_quorum(seats),
            _ => configuration.is_write_quorum(seats),
        };
        let replies = members.into_iter().flatten().map(|(_, table, reply)| (table.clone(), reply.clone()));
        enough.then(|| replies.collect())
    }
}

impl Learned {
    /// What nodes tell, judged by the newest table among theirs.
    fn of(newest: &TruncationTable, replies: &[(TruncationTable, rpc::HoldReply)]) -> Learned {
        // Whoever lacks the newest table may hear a writer that is none any more.
        let current = replies.iter().filter(|(table, _)| table.ballot() == newest.ballot());
        let silence = current.map(|(_, reply)| reply.writer_silent_ms).min().unwrap_or_default();
        let silence = Duration::from_millis(silence);
        let mut learned = Learned { table: newest.clone(), vdl: Lsn::ZERO, scls: HashMap::new(), silence };
        for (table, reply) in replies {
            learned.vdl = learned.vdl.max(Lsn(reply.flushed_vdl_heard));
            // A node that missed a recovery may tell the end of a dead branch.
            let bound = newest.bound(table.ballot());
            for mark in &reply.marks {
                let scl = learned.scls.entry(GroupId(mark.group)).or_default();
                // What lies at or below a flushed VDL is there to stay, flushed by this very node or not.
                *scl = Lsn(mark.scl_received.max(mark.scl_flushed)).min(bound).max(*scl);
            }
        }
        learned
    }
}

/// Checks pulled batches and splits them into records of (.., `up_to`], with the highest ballot among them.
fn decode(batches: &[bytes::Bytes], group: GroupId, up_to: Lsn) -> Result<(Ballot, Vec<RecordView>), protocol::Error> {
    let (mut ballot, mut records) = (Ballot::ZERO, Vec::new());
    for batch in batches {
        let batch = Batch::decode(batch.clone())?;
        if batch.group != group {
            return Err(protocol::Error::Malformed { what: "pull", why: "a batch of another group" });
        }
        ballot = ballot.max(batch.ballot);
        records.extend(batch.records.into_iter().filter(|record| record.header.lsn <= up_to));
    }
    Ok((ballot, records))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(node: u32, incarnation: u32, config: &rpc::VolumeConfig) -> rpc::HoldReply {
        rpc::HoldReply { node, incarnation, config: Some(config.clone()), ..rpc::HoldReply::default() }
    }

    fn counted(testimony: &Testimony, quorum: usize) -> Option<Vec<u32>> {
        Some(testimony.quorum(quorum)?.iter().map(|(_, reply)| reply.node).collect())
    }

    #[test]
    fn the_word_of_members_counts_and_no_other() {
        let member = |node, incarnation| rpc::Member { node, incarnation, ..rpc::Member::default() };
        let six = rpc::VolumeConfig { members: (0..6).map(|node| member(node, 0)).collect(), ..Default::default() };
        let before = Membership::from_rpc(&six).expect("six members");
        let joint = before.begin(NodeId(5), member(6, 2)).expect("node 5 is a member");
        let after = joint.finish(NodeId(5)).expect("it is under way");
        let (joint, after) = (joint.to_rpc(&six), after.to_rpc(&six));

        let mut testimony = Testimony::default();
        for node in [5, 0, 1] {
            testimony.take(reply(node, 0, &six));
        }
        assert_eq!(counted(&testimony, READ_QUORUM), Some(vec![0, 1, 5]), "nobody knows better");
        // One that lost redo is heard, and four it takes then.
        let mut testimony = Testimony::default();
        testimony.take(rpc::HoldReply { lacks_redo: true, ..reply(5, 0, &six) });
        [0, 1].into_iter().for_each(|node| testimony.take(reply(node, 0, &six)));
        assert_eq!(counted(&testimony, READ_QUORUM), None);
        testimony.take(reply(2, 0, &six));
        assert_eq!(counted(&testimony, READ_QUORUM), Some(vec![0, 1, 2, 5]));

        let mut testimony = Testimony::default();
        [5, 0, 1].into_iter().for_each(|node| testimony.take(reply(node, 0, &six)));
        // In the middle of a replacement three of both sets are needed, and who joins is not one.
        testimony.take(reply(0, 0, &joint));
        testimony.take(reply(6, 2, &joint));
        assert_eq!(counted(&testimony, READ_QUORUM), None);
        testimony.take(reply(3, 0, &joint));
        assert_eq!(counted(&testimony, READ_QUORUM), Some(vec![0, 1, 3, 5]));
        // After it the old one is nobody, and neither is a node that lost its disk.
        testimony.take(reply(4, 1, &after));
        assert_eq!(counted(&testimony, READ_QUORUM), Some(vec![0, 1, 3, 6]));
        assert_eq!(counted(&testimony, WRITE_QUORUM), Some(vec![0, 1, 3, 6]));
        let mut testimony = Testimony::default();
        for (node, incarnation) in [(5, 0), (4, 1), (0, 0), (1, 0)] {
            testimony.take(reply(node, incarnation, &after));
        }
        assert_eq!(counted(&testimony, READ_QUORUM), None, "only two of these are members");
    }
}
