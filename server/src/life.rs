//! The life of a server: how it opens, is promoted, is fenced and begins anew.
//!
//! ```text
//!            open                      promote
//!  starting ──────► replica ─────────────────────────► writer
//!      │               ▲                                  │
//!      └── writer      └──────────── fenced ◄─────────────┘
//! ```
//!
//! A promoted server keeps its engine, its cache and its sessions: they are told through `in_hot_standby` and can write
//! from then on. It follows the redo until its recovery has found where the volume ends, and up to there, so that the cache
//! is warm when it opens; a recovery that fails leaves a replica that never stopped being one. A fenced writer ends its
//! sessions (57P01, with the reason), for what they have seen may not be what the volume says, and comes back as a replica
//! with an empty cache. One that is told to stop ends its sessions, and waits until what they committed is durable: also what
//! was answered before (`synchronous_commit = off`), which a crash may lose and a stop may not.
//!
//! Clients are answered from when the members of the volume are known: while there is no engine they are told so (57P03), and
//! what it waits for.
//!
//! Servers find each other in the address book that storage nodes keep: each registers what it is, with a lease. The
//! storage nodes themselves are found in a roster, which follows when members are replaced; the writer replaces them
//! ([`replacement`]).

use crate::administration::Administration;
use crate::compute::{Compute, Following, Role, State, Writing};
use crate::failover::{self, Failover};
use crate::following::Follower;
use crate::pgwire::{Config, Listener, Server};
use crate::promotion::{Promotion, PromotionCause, Reply};
use crate::replication::sql_time;
use crate::sessions::Sessions;
use crate::{members, notices, replacement};
use analytics::DataFusionExecutor;
use engine::Engine;
use protocol::PAGE_BYTES;
use protocol::task::Runtime;
use protocol::volume::{Durability, PageSource, RedoLog};
use sql::functions::FailoverStatus;
use sql::session::Database;
use std::sync::{Arc, Weak};
use std::time::Duration;
use storage::volume::cluster;
use storage::volume::replica::{ReplicaOptions, ReplicaVolume};
use storage::volume::writer::{OpenOptions, WriterVolume};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use types::{Error, SqlState};

/// How long an entry of the address book lasts, and how often it is renewed.
pub const LEASE: Duration = Duration::from_secs(3);
const RENEW_INTERVAL: Duration = Duration::from_millis(500);
/// How long a writer that stops waits for what it has written to become durable: without a quorum of storage nodes it never
/// does.
const LAST_FLUSH_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries of opening a volume whose storage does not answer.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
/// A replica that cannot be opened for so long tells why.
const WAITING_TOLD_AFTER: Duration = Duration::from_secs(1);
/// How often the writer moves the horizon and the GC floor, and looks where rows were deleted.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);
/// Between two tries of dropping temporary objects whose sessions are gone.
const DROP_INTERVAL: Duration = Duration::from_secs(10);
/// A recovery that a replica began by itself is given up after this time; one that was asked for is not.
const STAND_TIMEOUT: Duration = Duration::from_secs(10);
/// A promotion that nobody waits for any more is given up after this time: a recovery that finds its storage takes less.
const UNWANTED_GRACE: Duration = Duration::from_secs(1);
/// How long a promotion waits for the cache to catch up before it drops it: a page that is fetched is slower than a page
/// that is there, but not than this.
const CATCH_UP_TIMEOUT: Duration = Duration::from_millis(300);

/// How a life of a server ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LifeEnd {
    Stopping,
    /// Another server is the writer.
    Fenced,
    /// It can be neither: it begins anew.
    Stranded,
}

impl Compute {
    /// Runs until `shutdown`.
    ///
    /// # Errors
    /// When the volume cannot be opened for a reason that waiting does not mend.
    pub async fn run(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
        let address = listener.local_addr()?;
        let cluster_listener = TcpListener::bind((address.ip(), 0)).await?;
        *self.cluster_address.lock() = self.advertised(cluster_listener.local_addr()?.port());
        let weak: Weak<Compute> = Arc::downgrade(&self);
        tokio::spawn(notices::serve(weak.clone(), cluster_listener, shutdown.clone()));
        tokio::spawn(keep_registered(weak.clone(), shutdown.clone()));
        tokio::spawn(keep_looking(weak, shutdown.clone()));
        let mut asked = self.asked.lock().take().expect("a server runs once");

        let mut listener = Some(listener);
        let mut role = self.options.role;
        while !shutdown.is_cancelled() {
            let listener = match listener.take() {
                Some(listener) => listener,
                None => TcpListener::bind(address).await?,
            };
            // One engine's life: until this server is fenced or stopped.
            let life = shutdown.child_token();
            let config = Config { tls: self.options.tls.clone(), ..Config::default() };
            let door = Server::new(Sessions::of(&self), self.backends.clone(), config)?;
            let serving = tokio::spawn({
                let (door, life) = (door.clone(), life.clone());
                async move { door.serve(Listener::Tcp(listener), life).await }
            });
            let database = tokio::select! {
                opened = self.open(role, &life) => opened?,
                () = shutdown.cancelled() => {
                    serving.await?;
                    break;
                }
            };
            door.factory().open(database.clone());
            if self.live(&life, &mut asked, &database).await == LifeEnd::Fenced {
                door.set_farewell(demoted());
            }
            life.cancel();
            let writing = self.writing();
            self.change(State::Starting);
            serving.await?;
            if let Some(Writing { volume, .. }) = writing {
                flush(&volume).await;
            }
            role = Role::Replica;
        }
        Ok(())
    }

    /// The address that others reach this server's notices at: the host that clients dial.
    fn advertised(&self, port: u16) -> String {
        let host = self.options.address.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
        format!("{host}:{port}")
    }

    async fn open_database(self: &Arc<Self>, engine: Arc<Engine>) -> anyhow::Result<Arc<Database>> {
        let database =
            Database::open(engine, Some(Arc::new(DataFusionExecutor::new(analytics::Options::default())))).await?;
        database.set_admin(Arc::new(Administration::of(self)));
        Ok(database)
    }

    fn engine_options(&self) -> engine::Options {
        engine::Options {
            cache_pages: (self.options.cache_bytes / PAGE_BYTES as u64) as usize,
            replica_lease: notices::REPORT_LEASE,
            lock_table_bytes: self.options.lock_table_bytes as usize,
        }
    }

    async fn open(self: &Arc<Self>, role: Role, life: &CancellationToken) -> anyhow::Result<Arc<Database>> {
        match role {
            Role::Writer => {
                let volume = self.take_volume().await;
                let options = self.engine_options();
                let engine = match Engine::writer(volume.clone(), options.clone()).await {
                    Err(engine::Error::NotBootstrapped) => Engine::bootstrap(volume.clone(), options).await,
                    opened => opened,
                };
                let opened = async { self.open_database(engine?).await };
                match opened.await {
                    // The catalog is there before anyone takes this server for the writer: replicas open by it.
                    Ok(database) => {
                        self.begin_writing(volume, &database, life);
                        Ok(database)
                    }
                    Err(error) if volume.is_fenced() => {
                        tracing::warn!(%error, "another server became the writer meanwhile; this one is a replica");
                        self.open_database(self.open_replica(life).await).await
                    }
                    Err(error) => Err(error),
                }
            }
            Role::Replica => self.open_database(self.open_replica(life).await).await,
        }
    }

    fn begin_writing(self: &Arc<Self>, volume: Arc<WriterVolume>, database: &Arc<Database>, life: &CancellationToken) {
        let engine = database.engine.clone();
        tokio::spawn(sweep(engine.clone(), life.clone()));
        tokio::spawn(drop_left(database.clone(), life.clone()));
        let writing = Writing { volume, engine, ended: life.clone() };
        if let Some(after) = self.options.replace_after {
            tokio::spawn(replacement::keep(Arc::downgrade(self), writing.clone(), after));
        }
        self.change(State::Writer(writing));
    }

    fn open_options(self: &Arc<Self>, give_up_after: Option<Duration>) -> OpenOptions {
        let (server, runtime) = (Arc::downgrade(self), self.options.storage_runtime.clone());
        OpenOptions {
            give_up_after,
            waiting: Arc::new(move |what| server.upgrade().into_iter().for_each(|server| server.wait_for(&what))),
            ..OpenOptions::new(self.instance, runtime, self.clock.clone(), self.wall.clone())
        }
    }

    /// Runs recovery until storage lets it finish.
    async fn take_volume(self: &Arc<Self>) -> Arc<WriterVolume> {
        loop {
            let (nodes, dial) = (self.options.storage.nodes(), self.options.storage.dial());
            match WriterVolume::open_dialling(nodes, self.open_options(None), Some(dial)).await {
                Ok((volume, opened)) => {
                    volume.set_patience(self.options.write_timeout);
                    tracing::info!(ballot = %opened.ballot, vdl = %opened.vdl, "this server is the writer");
                    return volume;
                }
                Err(error) => {
                    self.wait_for(&error.to_string());
                    tokio::time::sleep(RETRY_INTERVAL).await;
                }
            }
        }
    }

    async fn open_replica(self: &Arc<Self>, life: &CancellationToken) -> Arc<Engine> {
        let begun = (self.clock)();
        loop {
            let opened = async {
                let (clock, wall) = (self.clock.clone(), self.wall.clone());
                let options = ReplicaOptions::new(self.instance, Runtime::current(), clock, wall);
                let volume = ReplicaVolume::open(self.nodes.to_vec(), options).await?;
                let options = self.engine_options();
                let engine = Engine::replica(volume.clone(), volume.applied(), options).await?;
                volume.set_sink(engine.clone());
                anyhow::Ok((volume, engine))
            };
            match opened.await {
                Ok((volume, engine)) => {
                    let ended = life.child_token();
                    tokio::spawn(self.follower().follow(volume.clone(), engine.clone(), ended.clone()));
                    self.keep_watch(volume.id(), ended.clone());
                    tracing::info!(applied = %volume.applied(), "this server is a replica");
                    self.change(State::Replica(Following { volume, engine: engine.clone(), ended }));
                    return engine;
                }
                Err(error) => {
                    // At first a writer may just be starting.
                    if (self.clock)().saturating_sub(begun) > WAITING_TOLD_AFTER {
                        self.wait_for(&error.to_string());
                    }
                    tokio::time::sleep(RETRY_INTERVAL).await;
                }
            }
        }
    }

    /// Has this replica stand when the writer falls silent, if it may.
    fn keep_watch(self: &Arc<Self>, volume: u64, ended: CancellationToken) {
        let Some(Failover { timeout, .. }) = self.options.failover else { return };
        let server = Arc::downgrade(self);
        let own = move || server.upgrade()?.info();
        let (nodes, clock) = (self.nodes.clone(), self.clock.clone());
        tokio::spawn(failover::keep_watch(nodes, volume, clock, timeout, own, self.promotions.clone(), ended));
    }

    fn follower(&self) -> Follower {
        Follower { nodes: self.nodes.clone(), instance: self.instance, address: self.options.address.clone() }
    }

    /// Until this server is fenced, or `life` ends; promotions happen in here.
    async fn live(
        self: &Arc<Self>,
        life: &CancellationToken,
        asked: &mut mpsc::Receiver<Promotion>,
        database: &Arc<Database>,
    ) -> LifeEnd {
        loop {
            let state = self.state();
            let fenced = async {
                match &state {
                    State::Writer(writing) => writing.volume.fenced().await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = life.cancelled() => return LifeEnd::Stopping,
                () = fenced => {
                    tracing::warn!("another server became the writer; this one goes on as a replica");
                    return LifeEnd::Fenced;
                }
                Some(Promotion { cause, mut reply }) = asked.recv() => {
                    let outcome = match &state {
                        State::Writer(_) => Ok(()),
                        State::Replica(following) => self.promote(following, (cause, &mut reply), life, database).await,
                        State::Starting => Err("the server is starting".to_owned()),
                    };
                    let stranded = match &state {
                        State::Replica(following) => outcome.is_err() && following.ended.is_cancelled(),
                        _ => false,
                    };
                    // Whoever is told that this is the writer may ask anyone else next.
                    if outcome.is_ok() {
                        self.register().await;
                    }
                    // Whoever asked may have given up since the volume was taken; the promotion stands.
                    let _ = reply.send(outcome);
                    if stranded {
                        tracing::warn!("a promotion failed after its replica had stopped following; it begins anew");
                        return LifeEnd::Stranded;
                    }
                }
            }
        }
    }

    /// Renews this server's entry in every node's address book; a node that is down is told when it is back.
    async fn register(&self) {
        let Some(info) = self.info() else { return };
        let volume = self.options.storage.volume();
        if let Ok(book) = cluster::register(&self.nodes, volume, Some(info), LEASE.as_millis() as u32).await {
            self.directory.set(book, self.unix_micros());
        }
    }

    async fn promote(
        self: &Arc<Self>,
        following: &Following,
        (cause, reply): (PromotionCause, &mut Reply),
        life: &CancellationToken,
        database: &Arc<Database>,
    ) -> Result<(), String> {
        let begun = (self.clock)();
        let since = |then: Duration| (self.clock)().saturating_sub(then);
        let take = async {
            match cause {
                PromotionCause::Command => Ok(self.take_volume().await),
                PromotionCause::Silence { over, .. } => {
                    let (nodes, dial) = (self.options.storage.nodes(), self.options.storage.dial());
                    let options = self.open_options(Some(STAND_TIMEOUT));
                    let opened = WriterVolume::open_over(nodes, options, Some(dial), over).await;
                    opened.map(|(volume, _)| volume).map_err(|error| error.to_string())
                }
            }
        };
        let volume = tokio::select! {
            volume = take => volume?,
            // Storage may not answer for long: stopping does not wait for it.
            () = life.cancelled() => return Err("the server is stopping".to_owned()),
            // Nor does whoever asked: a promotion that is not wanted any more must not come about minutes later, against a
            // writer that does well. One that is about to succeed may have fenced the writer already, and goes through.
            () = given_up(reply) => return Err("nobody waits for the promotion any more".to_owned()),
        };
        let recovery = since(begun);
        let vdl = volume.flushed_vdl();
        // The first notice tells the tails of all groups: what there is to pull.
        if let Some(notice) = volume.notices().next().await {
            following.volume.notify(&notice);
        }
        if !matches!(tokio::time::timeout(CATCH_UP_TIMEOUT, following.volume.wait_applied(vdl)).await, Ok(Ok(()))) {
            tracing::warn!(%vdl, applied = %following.volume.applied(), "the cache did not catch up and is dropped");
        }
        let catch_up = since(begun).saturating_sub(recovery);
        following.ended.cancel();
        following.volume.stop().await;
        database.promote(volume.clone(), vdl).await.map_err(|error| error.to_string())?;
        let silence = match cause {
            PromotionCause::Command => None,
            PromotionCause::Silence { silence, .. } => Some(silence),
        };
        let (epoch, total) = (volume.ballot().counter(), since(begun));
        self.begin_writing(volume, database, life);
        tracing::info!(epoch, %vdl, ?silence, ?recovery, ?catch_up, ?total, "this server is the writer now");
        let at = sql_time(self.unix_micros());
        self.failovers().add(FailoverStatus { at, silence, epoch, vdl, recovery, catch_up, total });
        Ok(())
    }
}

/// Waits until nobody has waited for a promotion for a while.
async fn given_up(reply: &mut Reply) {
    reply.closed().await;
    tokio::time::sleep(UNWANTED_GRACE).await;
}

/// Waits until everything that this writer has written is durable, unless another has taken its place.
async fn flush(volume: &WriterVolume) {
    let flushed = tokio::time::timeout(LAST_FLUSH_TIMEOUT, volume.wait(volume.end(), Durability::Flushed)).await;
    if volume.is_fenced() || matches!(flushed, Ok(Ok(()))) {
        return;
    }
    tracing::warn!(
        flushed = %volume.flushed_vdl(),
        written = %volume.end(),
        "the server stops before all that it has written is durable: commits that were not waited for may be lost"
    );
}

/// Keeps the horizon and the GC floor moving while this server writes.
async fn sweep(engine: Arc<Engine>, ended: CancellationToken) {
    let mut failing = false;
    while !ended.is_cancelled() {
        match engine.sweep().await {
            Ok(_) => failing = false,
            Err(engine::Error::ReadOnly | engine::Error::FateUnknown) => return,
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, "the sweep of deleted rows fails");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = ended.cancelled() => {}
            () = tokio::time::sleep(SWEEP_INTERVAL) => {}
        }
    }
}

/// Drops temporary objects whose sessions are gone, those of the writer before this one first.
async fn drop_left(database: Arc<Database>, ended: CancellationToken) {
    let mut everywhere = true;
    while !ended.is_cancelled() {
        let dropped = database.drop_left(everywhere).await;
        everywhere = dropped.is_err();
        if let Err(error) = &dropped {
            tracing::debug!(%error, "temporary objects of sessions that are gone stay for a while");
        }
        tokio::select! {
            () = ended.cancelled() => {}
            () = database.temporaries_left(), if dropped.is_ok() => {}
            () = tokio::time::sleep(DROP_INTERVAL), if dropped.is_err() => {}
        }
    }
}

/// Renews this server's entry in every node's address book.
async fn keep_registered(server: Weak<Compute>, shutdown: CancellationToken) {
    let Some(mut changes) = server.upgrade().map(|server| server.changes.subscribe()) else { return };
    while !shutdown.is_cancelled() {
        {
            let Some(server) = server.upgrade() else { return };
            server.register().await;
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(RENEW_INTERVAL) => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

/// Looks at the storage nodes now and then: whoever asks this server about them is told what was seen.
async fn keep_looking(server: Weak<Compute>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let Some(server) = server.upgrade() else { return };
        server.look().await;
        drop(server);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(members::LOOK_INTERVAL) => {}
        }
    }
}

/// What the clients of a writer are told that another has replaced.
fn demoted() -> Error {
    let message = "terminating connection because this server is no longer the writer";
    Error::new(SqlState::ADMIN_SHUTDOWN, message)
        .detail("Another server was promoted; this one goes on as a read replica.")
        .hint("Connect again: a URL that names every server, with target_session_attrs=read-write, finds the writer.")
        .fatal()
}
