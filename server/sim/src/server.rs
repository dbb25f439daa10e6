//! A database server as a process of the world: what `server::compute` does, without the wire.
//!
//! ```text
//!            open                      promote
//!  starting ──────► replica ─────────────────────────► writer
//!      │               ▲                                  │
//!      └── writer      └──────────── fenced ◄─────────────┘
//! ```
//!
//! Its volumes and its engine are the production ones. Its sessions ([`crate::workload`]) are tasks of its process, so that
//! they stop and die with it.

use crate::cluster::Cluster;
use crate::net::server_process;
use crate::sabotage;
use crate::tally::Fault;
use crate::workload;
use crate::world::ProcessId;
use engine::Engine;
use parking_lot::Mutex;
use protocol::redo::Record;
use protocol::rpc::storage::ServerInfo;
use protocol::task::{Runtime, sleep, timeout};
use protocol::volume::{PageSource, RedoSink, VolumeError};
use protocol::{Ballot, Lsn};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use storage::volume::replica::{ReplicaOptions, ReplicaVolume};
use storage::volume::roster::Roster;
use storage::volume::writer::{OpenOptions, WriterVolume};
use storage::volume::{Clock, WallClock, cluster};
use tokio::sync::Notify;

/// How long the address book and the writer believe a server.
pub const LEASE: Duration = Duration::from_secs(3);
const RENEW_INTERVAL: Duration = Duration::from_millis(500);
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);
const FOLLOW_INTERVAL: Duration = Duration::from_millis(50);
/// How often a server looks who the storage nodes are.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a promotion waits for the cache to catch up.
const CATCH_UP_TIMEOUT: Duration = Duration::from_millis(300);
/// How often a replica says what it reads.
const REPORT_INTERVAL: Duration = Duration::from_millis(20);

/// What calendars show when a world begins, in microseconds.
const CALENDAR_MICROS: u64 = 1_700_000_000_000_000;

/// What a server begins as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes the volume over.
    Writer,
    /// Follows.
    Replica,
}

/// What a server is now.
#[derive(Clone, Default)]
pub enum State {
    /// No process.
    #[default]
    Down,
    /// Opening, or stepping down.
    Starting,
    /// Executes writes.
    Writer(Arc<WriterVolume>, Arc<Engine>),
    /// Answers reads.
    Replica(Arc<ReplicaVolume>, Arc<Engine>),
}

/// A replica whose reports a writer believes.
#[derive(Clone, Copy, Debug)]
pub struct Reported {
    /// The writer's.
    pub ballot: Ballot,
    /// When the last report came.
    pub at: Duration,
    /// How far the floor could be when the first one came: what it was then binds nobody.
    pub floor_then: Lsn,
    /// Which of the server's times as a replica.
    following: u32,
}

/// One server, over all its lives.
pub struct Server {
    /// Its number.
    pub index: usize,
    /// Its process.
    pub process: ProcessId,
    state: Mutex<State>,
    promotion: Notify,
    /// It takes the volume over just now.
    recovering: AtomicBool,
    lives: AtomicU32,
    /// Counts its times as a replica.
    followings: AtomicU32,
    reported: Mutex<Option<Reported>>,
    /// How far its calendar is from the true one, in microseconds.
    calendar: AtomicI64,
    /// The writer, as the address book had it lately.
    directory: Mutex<Option<(usize, Ballot)>>,
    /// The engine of each time that it had one.
    engines: Mutex<Vec<Weak<Engine>>>,
}

impl Server {
    /// One without a process.
    #[must_use]
    pub fn new(index: usize) -> Arc<Server> {
        Arc::new(Server {
            index,
            process: server_process(index),
            state: Mutex::default(),
            promotion: Notify::new(),
            recovering: AtomicBool::new(false),
            lives: AtomicU32::new(0),
            followings: AtomicU32::new(0),
            reported: Mutex::default(),
            calendar: AtomicI64::new(0),
            directory: Mutex::default(),
            engines: Mutex::default(),
        })
    }

    /// What it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.lock().clone()
    }

    /// What it is now, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let index = self.index;
        match self.state() {
            State::Down => format!("server {index}, without a process,"),
            State::Starting => format!("server {index}, which starts,"),
            State::Writer(volume, _) => format!("server {index}, the writer under {},", volume.ballot()),
            State::Replica(volume, _) => {
                let (at, ballot, known) = (volume.applied(), volume.ballot(), volume.flushed_vdl());
                format!("replica {index} at {at} under {ballot}, which knows of {known},")
            }
        }
    }

    /// Whether it has a process.
    #[must_use]
    pub fn is_up(&self) -> bool {
        !matches!(*self.state.lock(), State::Down)
    }

    /// Whether it is a replica.
    #[must_use]
    pub fn is_following(&self) -> bool {
        matches!(*self.state.lock(), State::Replica(..))
    }

    /// Whether it takes the volume over just now.
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        self.recovering.load(Ordering::Relaxed)
    }

    /// Its volume, while it is the writer and not fenced.
    #[must_use]
    pub fn writing(&self) -> Option<(Arc<WriterVolume>, Arc<Engine>)> {
        match self.state() {
            State::Writer(volume, engine) if !volume.is_fenced() => Some((volume, engine)),
            _ => None,
        }
    }

    /// Which server is the writer under which ballot, as far as this one knows.
    #[must_use]
    pub fn known_writer(&self) -> Option<(usize, Ballot)> {
        *self.directory.lock()
    }

    /// What the writer was last told by this replica; not what it was told in an earlier life, of another read point.
    #[must_use]
    pub fn reported(&self) -> Option<Reported> {
        let now = self.followings.load(Ordering::Relaxed);
        self.reported.lock().filter(|reported| reported.following + 1 == now)
    }

    /// The writer took a report in.
    fn note_report(&self, volume: &WriterVolume, at: Duration, following: u32) {
        let mut reported = self.reported.lock();
        let (ballot, mut floor_then) = (volume.ballot(), volume.flushed_vdl());
        if let Some(before) = *reported
            && before.ballot == ballot
            && before.following == following
            && at < before.at + LEASE
        {
            floor_then = before.floor_then;
        }
        *reported = Some(Reported { ballot, at, floor_then, following });
    }

    /// Sets its calendar to another time, so far from the true one; its monotonic clock goes on.
    pub fn set_calendar(&self, ahead_micros: i64) {
        self.calendar.store(ahead_micros, Ordering::Relaxed);
    }

    /// Asks it to become the writer.
    pub fn promote(&self) {
        self.promotion.notify_one();
    }

    /// Starts its process.
    pub fn start(self: &Arc<Self>, cluster: &Arc<Cluster>, role: Role) {
        cluster.world.note(|| format!("server {} starts as {role:?}", self.index));
        self.change(State::Starting);
        self.followings.fetch_add(1, Ordering::Relaxed);
        let life = self.lives.fetch_add(1, Ordering::Relaxed);
        // Unique over servers and lives, as one drawn at random is.
        let instance = 1 + (self.index as u32) + 8 * life;
        cluster.world.spawn_in(self.process, run(cluster.clone(), self.clone(), role, instance));
    }

    /// Ends its process.
    pub fn die(&self, cluster: &Cluster) {
        cluster.world.note(|| format!("server {} dies", self.index));
        cluster.world.kill(self.process);
        if let State::Replica(volume, _) = self.state() {
            // It had no time to stop, and its memory is not that of a process.
            volume.set_sink(Arc::new(Nowhere));
        }
        self.recovering.store(false, Ordering::Relaxed);
        self.change(State::Down);
    }

    /// How many of the engines that it had are in memory.
    #[must_use]
    pub fn engines_left(&self) -> usize {
        self.engines.lock().iter().filter(|engine| engine.strong_count() > 0).count()
    }

    fn change(&self, state: State) {
        if let State::Writer(_, engine) | State::Replica(_, engine) = &state {
            self.engines.lock().push(Arc::downgrade(engine));
        }
        // What it was ends outside of the lock.
        let before = std::mem::replace(&mut *self.state.lock(), state);
        drop(before);
    }
}

fn clock(cluster: &Cluster) -> Clock {
    let world = cluster.world.clone();
    Arc::new(move || world.time())
}

fn wall(cluster: &Cluster, server: &Arc<Server>) -> WallClock {
    let (world, server) = (cluster.world.clone(), Arc::downgrade(server));
    let ahead = move || server.upgrade().map_or(0, |server| server.calendar.load(Ordering::Relaxed));
    Arc::new(move || (CALENDAR_MICROS + world.time().as_micros() as u64).saturating_add_signed(ahead()))
}

fn engine_options(cluster: &Cluster) -> engine::Options {
    engine::Options { cache_pages: cluster.shape.cache_pages, replica_lease: LEASE, ..engine::Options::default() }
}

/// One life of a server's process.
#[derive(Clone)]
struct Life {
    cluster: Arc<Cluster>,
    server: Arc<Server>,
    /// Drawn at its start.
    instance: u32,
    /// The storage nodes, as this process knows them.
    roster: Arc<Roster>,
}

/// The life of a server's process.
async fn run(cluster: Arc<Cluster>, server: Arc<Server>, role: Role, instance: u32) {
    let dial = cluster.net.dial(server.process);
    let guides: storage::volume::Nodes = cluster.net.nodes_seen_by(server.process, cluster.machines.len()).into();
    let roster = loop {
        match Roster::find(guides.clone(), dial.clone()).await {
            Ok(Some(roster)) => break roster,
            Ok(None) => {}
            Err(error) => {
                cluster.world.note(|| format!("server {} finds no storage nodes: {error}", server.index));
                if let VolumeError::Corrupt(why) = error {
                    cluster.blame_corruption(format!("server {}, looking for storage nodes: {why}", server.index));
                }
            }
        }
        sleep(RETRY_INTERVAL).await;
    };
    let life = Life { cluster, server, instance, roster };
    let runtime = Runtime::current();
    runtime.spawn(life.clone().keep_registered());
    runtime.spawn(life.clone().keep_looking());
    let mut role = role;
    loop {
        if role == Role::Writer {
            let (volume, ballot) = life.take_volume().await;
            let log = sabotage::bend_log(life.cluster.sabotage, volume.clone());
            let options = || engine_options(&life.cluster);
            let engine = match Engine::writer(log.clone(), options()).await {
                Err(engine::Error::NotBootstrapped) => Engine::bootstrap(log, options()).await,
                opened => opened,
            };
            match engine {
                Ok(engine) => life.write(volume, engine, ballot).await,
                Err(error) => {
                    blame(&life.cluster, &life.server, "opening the engine", &error);
                    sleep(RETRY_INTERVAL).await;
                }
            }
        }
        let (volume, engine) = life.open_replica().await;
        if let Some((volume, engine, ballot)) = life.follow(volume, engine).await {
            life.write(volume, engine, ballot).await;
        }
        role = Role::Replica;
        life.server.change(State::Starting);
    }
}

/// Corruption is never expected; everything else may be.
pub fn blame(cluster: &Cluster, server: &Server, doing: &str, error: &engine::Error) {
    cluster.world.note(|| format!("server {} fails at {doing}: {error}", server.index));
    if let engine::Error::Corrupt { .. } | engine::Error::NoSuchTree(_) = error {
        cluster.blame_corruption(format!("server {}, {doing}: {error}", server.index));
    }
}

impl Life {
    fn nodes(&self) -> storage::volume::Nodes {
        self.roster.seats()
    }

    async fn take_volume(&self) -> (Arc<WriterVolume>, Ballot) {
        let Life { cluster, server, .. } = self;
        server.recovering.store(true, Ordering::Relaxed);
        loop {
            let options = OpenOptions::new(self.instance, Runtime::current(), clock(cluster), wall(cluster, server));
            let (nodes, dial) = (self.roster.nodes(), self.roster.dial());
            match WriterVolume::open_dialling(nodes, options, Some(dial)).await {
                Ok((volume, opened)) => {
                    cluster.ledger.note_opened(opened.ballot, opened.vdl);
                    server.recovering.store(false, Ordering::Relaxed);
                    return (volume, opened.ballot);
                }
                Err(error) => {
                    cluster.world.note(|| format!("server {} cannot open the volume: {error}", server.index));
                    if let VolumeError::Corrupt(why) = &error {
                        cluster.blame_corruption(format!("server {}, recovery: {why}", server.index));
                    }
                    sleep(RETRY_INTERVAL).await;
                }
            }
        }
    }

    /// The time as the writer; returns when it is fenced.
    async fn write(&self, volume: Arc<WriterVolume>, engine: Arc<Engine>, ballot: Ballot) {
        let Life { cluster, server, .. } = self;
        let ended = Arc::new(AtomicBool::new(false));
        let sweeping = (self.clone(), engine.clone(), ended.clone());
        Runtime::current().spawn(async move {
            let (life, engine, ended) = sweeping;
            while !ended.load(Ordering::Relaxed) {
                match engine.sweep().await {
                    Err(engine::Error::ReadOnly | engine::Error::FateUnknown) => return,
                    Err(error) => blame(&life.cluster, &life.server, "sweeping", &error),
                    Ok(_) => {}
                }
                sleep(SWEEP_INTERVAL).await;
            }
        });
        server.change(State::Writer(volume.clone(), engine.clone()));
        cluster.world.note(|| format!("server {} is the writer under {ballot}", server.index));
        workload::start_writers(cluster, server, &engine, ballot, &ended);
        volume.fenced().await;
        ended.store(true, Ordering::Relaxed);
        cluster.world.note(|| format!("server {} is fenced", server.index));
    }

    async fn open_replica(&self) -> (Arc<ReplicaVolume>, Arc<Engine>) {
        let Life { cluster, server, .. } = self;
        loop {
            let opened = async {
                let (clock, wall) = (clock(cluster), wall(cluster, server));
                let mut options = ReplicaOptions::new(self.instance, Runtime::current(), clock, wall);
                options.staged_bytes_max = cluster.shape.staged_bytes_max;
                options.far_behind_bytes = cluster.shape.far_behind_bytes;
                let volume = ReplicaVolume::open(self.nodes().to_vec(), options).await;
                let volume = volume.map_err(engine::Error::from)?;
                let source = sabotage::bend_source(cluster.sabotage, volume.clone());
                let engine = Engine::replica(source, volume.applied(), engine_options(cluster)).await?;
                Ok::<_, engine::Error>((volume, engine))
            };
            match opened.await {
                Ok((volume, engine)) => {
                    volume.set_sink(Arc::new(WatchedSink {
                        cluster: cluster.clone(),
                        server: server.index,
                        engine: engine.clone(),
                        at: Mutex::new(volume.applied()),
                    }));
                    cluster.world.note(|| format!("server {} is a replica at {}", server.index, volume.applied()));
                    server.change(State::Replica(volume.clone(), engine.clone()));
                    return (volume, engine);
                }
                Err(error) => {
                    blame(cluster, server, "opening as a replica", &error);
                    sleep(RETRY_INTERVAL).await;
                }
            }
        }
    }

    /// The time as a replica; returns when it was promoted, or failed to be.
    async fn follow(
        &self,
        volume: Arc<ReplicaVolume>,
        engine: Arc<Engine>,
    ) -> Option<(Arc<WriterVolume>, Arc<Engine>, Ballot)> {
        let Life { cluster, server, .. } = self;
        let ended = Arc::new(AtomicBool::new(false));
        Runtime::current().spawn(self.clone().subscribe(volume.clone(), engine.clone(), ended.clone()));
        workload::start_readers(cluster, server, &engine, &volume, &ended);
        server.promotion.notified().await;
        cluster.world.note(|| format!("server {} is being promoted", server.index));
        let (writer, ballot) = self.take_volume().await;
        let vdl = writer.flushed_vdl();
        // The first notice tells the tails of all groups: what there is to pull.
        if let Some(notice) = writer.notices().next().await {
            volume.notify(&notice);
        }
        // Whether it catches up or not: a cache that did not is dropped.
        let _ = timeout(CATCH_UP_TIMEOUT, volume.wait_applied(vdl)).await;
        ended.store(true, Ordering::Relaxed);
        volume.stop().await;
        let log = sabotage::bend_log(cluster.sabotage, writer.clone());
        match engine.promote(log, vdl).await {
            Ok(()) => Some((writer, engine, ballot)),
            Err(error) => {
                blame(cluster, server, "being promoted", &error);
                None
            }
        }
    }

    /// Follows whoever is the writer: its notices come here, our reports go there.
    async fn subscribe(self, volume: Arc<ReplicaVolume>, engine: Arc<Engine>, ended: Arc<AtomicBool>) {
        let Life { cluster, server, instance, .. } = &self;
        let following = server.followings.fetch_add(1, Ordering::Relaxed);
        while !ended.load(Ordering::Relaxed) {
            sleep(FOLLOW_INTERVAL).await;
            let Some((target, ballot)) = self.find_writer().await else { continue };
            // The stream: what the writer's end pushes arrives one by one here, until one side or the way between is gone.
            let (from, to) = (server.process, target.process);
            let alive = Arc::new(AtomicBool::new(true));
            let serving = serve_notices(cluster.clone(), target.clone(), server.clone(), volume.clone(), alive.clone());
            cluster.net.post(from, to, {
                let world = cluster.world.clone();
                move || world.spawn_in(to, serving)
            });
            while !ended.load(Ordering::Relaxed) && volume.ballot() <= ballot && alive.load(Ordering::Relaxed) {
                let (floor, snapshots) = engine.live_snapshots();
                let (target, reporter, instance) = (target.clone(), server.clone(), u64::from(*instance));
                let world = cluster.world.clone();
                cluster.net.post(from, to, move || {
                    if let Some((volume, engine)) = target.writing() {
                        engine.set_replica_snapshots(instance, floor, snapshots, LEASE);
                        reporter.note_report(&volume, world.time(), following);
                    }
                });
                sleep(REPORT_INTERVAL).await;
            }
            alive.store(false, Ordering::Relaxed);
        }
    }

    /// The writer, as the storage nodes' address book has it.
    async fn find_writer(&self) -> Option<(Arc<Server>, Ballot)> {
        let book = cluster::register(&self.nodes(), self.roster.volume(), None, 0).await.ok()?;
        let writer = book.writer()?;
        Some((self.cluster.server_at(&writer.cluster_address)?, Ballot(writer.ballot)))
    }

    /// Follows changes of the members.
    async fn keep_looking(self) {
        loop {
            sleep(LOOK_INTERVAL).await;
            self.roster.look().await;
        }
    }

    /// Renews a server's entry in the address book.
    async fn keep_registered(self) {
        loop {
            let info = match self.server.state() {
                State::Writer(volume, _) => Some(("writer", volume.ballot(), volume.flushed_vdl())),
                State::Replica(volume, _) => Some(("replica", volume.ballot(), volume.applied())),
                State::Down | State::Starting => None,
            };
            if let Some((role, ballot, applied)) = info {
                let info = ServerInfo {
                    instance: self.instance.into(),
                    role: role.to_owned(),
                    cluster_address: self.server.index.to_string(),
                    ballot: ballot.0,
                    applied_lsn: applied.0,
                    ..ServerInfo::default()
                };
                let (volume, lease) = (self.roster.volume(), LEASE.as_millis() as u32);
                // A node that is down is told when it is back.
                if let Ok(book) = cluster::register(&self.nodes(), volume, Some(info), lease).await {
                    let writer =
                        book.writer().and_then(|it| Some((it.cluster_address.parse().ok()?, Ballot(it.ballot))));
                    *self.server.directory.lock() = writer;
                }
            }
            sleep(RENEW_INTERVAL).await;
        }
    }
}

/// The writer's end of a stream of notices.
async fn serve_notices(
    cluster: Arc<Cluster>,
    writer: Arc<Server>,
    replica: Arc<Server>,
    following: Arc<ReplicaVolume>,
    alive: Arc<AtomicBool>,
) {
    let Some((volume, _)) = writer.writing() else { return alive.store(false, Ordering::Relaxed) };
    let mut notices = volume.notices();
    drop(volume);
    while alive.load(Ordering::Relaxed) {
        match timeout(Duration::from_secs(1), notices.next()).await {
            // Nothing moved: look whether anyone listens.
            Err(_) => {}
            Ok(None) => break,
            Ok(Some(notice)) => {
                cluster.ledger.note_announced(Lsn(notice.flushed_vdl));
                let following = following.clone();
                cluster.net.post(writer.process, replica.process, move || following.notify(&notice));
            }
        }
    }
    alive.store(false, Ordering::Relaxed);
}

/// Where the redo of a replica goes that was killed.
struct Nowhere;

impl RedoSink for Nowhere {
    fn apply(&self, _: &[Record], _: Lsn) -> Result<(), VolumeError> {
        Err(VolumeError::Closed)
    }

    fn invalidate(&self, _: Lsn) {}
}

/// A replica's engine, with I6 checked before it.
struct WatchedSink {
    cluster: Arc<Cluster>,
    server: usize,
    engine: Arc<Engine>,
    at: Mutex<Lsn>,
}

impl RedoSink for WatchedSink {
    fn apply(&self, records: &[Record], applied: Lsn) -> Result<(), VolumeError> {
        let ledger = &self.cluster.ledger;
        let wrong = |what: String| ledger.violate(format!("I6: replica {} {what}", self.server));
        let mut at = self.at.lock();
        for record in records {
            let header = record.header;
            if header.prev_volume != *at {
                wrong(format!("is given {} behind {}, and it follows {}", header.lsn, *at, header.prev_volume));
            }
            *at = header.lsn;
        }
        if records.last().is_none_or(|last| !last.header.end_of_mtr || last.header.lsn != applied) {
            wrong(format!("is told {applied} is applied, which is not where its redo ends"));
        }
        if applied > ledger.announced() {
            wrong(format!("shows {applied}, above {}, the highest announced", ledger.announced()));
        }
        let done = sabotage::bent_apply(self.cluster.sabotage, &*self.engine, records, applied);
        if let Err(error) = &done {
            // The replica drops its cache and goes on, as one whose memory was hit by a ray would; here nothing hits it.
            wrong(format!("cannot apply redo up to {applied}: {error}"));
        }
        done
    }

    fn invalidate(&self, applied: Lsn) {
        self.cluster.world.note(|| format!("replica {} drops its cache and goes on at {applied}", self.server));
        self.cluster.tally.count(Fault::ReplicaSkipped);
        *self.at.lock() = applied;
        self.engine.invalidate(applied);
    }
}
