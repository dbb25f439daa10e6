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
//! - A notice says where to look, and what nodes tell is asked where none comes ([`news`]).
//! - Of what nodes tell only the members' word counts, by the highest membership that one of them knows. On the seats of a
//!   [`roster`](super::roster) it is whoever the members are by now that is asked.

mod news;
mod pulls;
mod testimony;

use self::news::Known;
use self::pulls::{PULL_BYTES, PULL_BYTES_MIN, Pulled};
use self::testimony::learn;
use super::age::Age;
use super::ahead::{Ahead, Question};
use super::assembly::Assembly;
use super::counters::Counters;
use super::reader::{Failure, ReadPoint, Reader};
use super::sources::Sources;
use super::writer::FETCH_TIMEOUT;
use super::{AbortOnPanic, Clock, Nodes, WallClock, corrupt};
use crate::quorum::{COPIES, READ_QUORUM, WRITE_QUORUM};
use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use protocol::node::StorageNode;
use protocol::redo::{Record, RecordView};
use protocol::rpc::cluster::Notice;
use protocol::task::{Runtime, Task, sleep};
use protocol::volume::{Fetched, PageSource, RedoSink, VolumeError};
use protocol::{Ballot, GroupId, Lsn, PageId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Rounds without what was announced, about two seconds of them, after which a replica goes on without it if any node has
/// given it up: it may be that only nodes that are down still have it.
const GIVE_UP_ROUNDS: u32 = 60;
/// Rounds in a row with something to stage and nothing to apply, after which the nodes are asked.
const UNAPPLIED_ROUNDS: u32 = 16;
/// Records handed to the engine in one step.
const APPLY_RECORDS: usize = 2048;
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

impl Inner {
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
            Pulled::Records(_) | Pulled::Nothing { .. } => false,
        };
        if pulls.iter().any(|(_, _, pulled)| gone(pulled)) {
            tracing::warn!("storage no longer has the redo that follows: the cache is dropped");
            round.progressed = self.invalidate(vdl).await;
            return round;
        }
        let mut assembly = self.assembly.lock().await;
        for (group, early, pulled) in pulls {
            let records = match pulled {
                Pulled::Records(records) => records,
                Pulled::Nothing { after } => {
                    assembly.ends(group, after);
                    continue;
                }
                Pulled::Gone | Pulled::NotNow { .. } => continue,
            };
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
