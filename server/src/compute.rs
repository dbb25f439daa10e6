//! A server: what it is at a moment, as everything around it sees it.
//!
//! One engine over one volume, as the writer or as a replica; which of them, [`State`] says, and it changes while sessions go
//! on. How it changes, and what opens and ends an engine, is in [`crate::life`], which alone changes it. Whoever shows or
//! tells something of a server (`report`, `metrics`, `administration`, `notices`) reads it here, so that none of them knows
//! how a server lives.

use crate::auth::Authentication;
use crate::failover::Failover;
use crate::members::View;
use crate::pgwire::scram::Verifier;
use crate::pgwire::{Backends, CONNECTIONS_RESERVED, Tls};
use crate::promotion::{Promotion, PromotionCause};
use crate::replication::{Directory, Failovers, Followers};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use engine::Engine;
use parking_lot::{Mutex, RwLock};
use protocol::Lsn;
use protocol::rpc::storage::{ServerInfo, WriteState};
use protocol::task::Runtime;
use protocol::volume::PageSource;
use sql::functions::ServerStatus;
use std::sync::Arc;
use std::time::Duration;
use storage::volume::replica::ReplicaVolume;
use storage::volume::roster::Roster;
use storage::volume::writer::{STALLED_AFTER, WriterVolume};
use storage::volume::{Clock, Nodes, WallClock, cluster, monotonic_clock, wall_clock};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use types::{Error, SqlState};

/// What a server is, or is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Executes writes; there is one.
    Writer,
    /// Follows by redo and answers reads.
    Replica,
}

impl Role {
    /// As the address book and `status` call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Writer => "writer",
            Role::Replica => "replica",
        }
    }
}

/// What a server is made of.
pub struct ComputeOptions {
    /// What it begins as.
    pub role: Role,
    /// The storage nodes of its volume.
    pub storage: Arc<Roster>,
    /// What clients dial: `HOST:PORT`, where other hosts reach this server, too.
    pub address: String,
    /// Memory for cached pages, in bytes.
    pub cache_bytes: u64,
    /// Memory for locks, in bytes.
    pub lock_table_bytes: u64,
    /// How long writes wait for a quorum of storage nodes before they are given up.
    pub write_timeout: Duration,
    /// How many clients are.
    pub connections_max: usize,
    /// Who is let in.
    pub authentication: Authentication,
    /// What clients may encrypt their connections with.
    pub tls: Option<Tls>,
    /// Whether it makes itself the writer when, as a replica, it finds that there is none.
    pub failover: Option<Failover>,
    /// As the writer it replaces a storage node that stays away for so long; `None`: never by itself.
    pub replace_after: Option<Duration>,
    /// Where connections to storage live.
    pub storage_runtime: Runtime,
}

/// The parts of a server that is the writer.
#[derive(Clone)]
pub struct Writing {
    pub volume: Arc<WriterVolume>,
    pub engine: Arc<Engine>,
    /// Cancelled when it stops being the writer.
    pub ended: CancellationToken,
}

impl Writing {
    /// Whether its writes become durable.
    #[must_use]
    pub fn write_state(&self) -> WriteState {
        let (census, waiting) = self.volume.write_state();
        let ok = census.is_quorum() && waiting.is_none_or(|waiting| waiting < STALLED_AFTER);
        WriteState {
            ok,
            why: if ok { String::new() } else { census.to_string() },
            nodes_taking: census.taking as u32,
            waiting_ms: waiting.map_or(0, |waiting| waiting.as_millis() as u64),
        }
    }
}

/// The parts of a server that is a replica.
#[derive(Clone)]
pub struct Following {
    pub volume: Arc<ReplicaVolume>,
    pub engine: Arc<Engine>,
    /// Cancelled when it stops being a replica.
    pub ended: CancellationToken,
}

/// What a server is now.
#[derive(Clone)]
pub enum State {
    Starting,
    Writer(Writing),
    Replica(Following),
}

/// See the module.
pub struct Compute {
    pub(crate) options: ComputeOptions,
    /// The six seats, whoever the members are.
    pub(crate) nodes: Nodes,
    pub(crate) clock: Clock,
    pub(crate) wall: WallClock,
    /// Drawn at random at each start; the low half of the ballots it takes.
    pub(crate) instance: u32,
    pub(crate) cluster_address: Mutex<String>,
    /// By which replicas prove that a session is one that they forward; told in the address book.
    forwarding_secret: String,
    /// What is made of it.
    pub(crate) forwarders: Verifier,
    state: RwLock<State>,
    /// Why it cannot open the volume yet; empty when that is not known to last.
    waits_for: Mutex<String>,
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) promotions: mpsc::Sender<Promotion>,
    pub(crate) asked: Mutex<Option<mpsc::Receiver<Promotion>>>,
    pub(crate) backends: Arc<Backends>,
    followers: Followers,
    pub(crate) directory: Directory,
    failovers: Failovers,
    /// The storage nodes as they were a moment ago.
    seen: Mutex<Arc<View>>,
}

impl Compute {
    /// A server that does not run yet.
    #[must_use]
    pub fn new(options: ComputeOptions) -> Arc<Compute> {
        let (promotions, asked) = mpsc::channel(16);
        let forwarding_secret = STANDARD.encode(rand::random::<[u8; 32]>());
        Arc::new(Compute {
            nodes: options.storage.seats(),
            backends: Backends::new(options.connections_max, CONNECTIONS_RESERVED),
            clock: monotonic_clock(),
            wall: wall_clock(),
            options,
            instance: rand::random(),
            cluster_address: Mutex::default(),
            forwarders: Verifier::from_password(&forwarding_secret),
            forwarding_secret,
            state: RwLock::new(State::Starting),
            waits_for: Mutex::default(),
            changes: watch::Sender::new(0),
            promotions,
            asked: Mutex::new(Some(asked)),
            followers: Followers::default(),
            directory: Directory::default(),
            failovers: Failovers::default(),
            seen: Mutex::default(),
        })
    }

    /// What it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.read().clone()
    }

    /// Its parts, while it is the writer.
    #[must_use]
    pub fn writing(&self) -> Option<Writing> {
        match self.state() {
            State::Writer(writing) => Some(writing),
            _ => None,
        }
    }

    /// Whether it is the writer.
    #[must_use]
    pub fn is_writer(&self) -> bool {
        matches!(*self.state.read(), State::Writer(_))
    }

    /// Whether it answers statements.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !matches!(*self.state.read(), State::Starting)
    }

    /// Waits until it answers statements.
    pub async fn ready(&self) {
        let mut changes = self.changes.subscribe();
        // The sender lives as long as self.
        while !self.is_ready() && changes.changed().await.is_ok() {}
    }

    /// The storage nodes of its volume.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.options.storage
    }

    /// Storage nodes that offer themselves, as the address book had them lately.
    #[must_use]
    pub fn spares(&self) -> Vec<ServerInfo> {
        self.directory.spares()
    }

    /// Looks at the storage nodes, and follows changes of the members.
    pub async fn look(&self) -> Arc<View> {
        let look = self.options.storage.look().await;
        let view = Arc::new(View::of(&look, &self.spares()));
        *self.seen.lock() = view.clone();
        view
    }

    /// The storage nodes as they were a moment ago.
    #[must_use]
    pub fn seen(&self) -> Arc<View> {
        self.seen.lock().clone()
    }

    /// Monotonic time.
    #[must_use]
    pub fn now(&self) -> Duration {
        (self.clock)()
    }

    /// What clients dial.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.options.address
    }

    /// The replicas that follow this server.
    #[must_use]
    pub fn followers(&self) -> &Followers {
        &self.followers
    }

    /// When it became the writer.
    #[must_use]
    pub fn failovers(&self) -> &Failovers {
        &self.failovers
    }

    /// Calendar time, in microseconds since 1970.
    #[must_use]
    pub fn unix_micros(&self) -> u64 {
        (self.wall)()
    }

    /// The servers of the cluster, as the address book had them lately.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerStatus> {
        let durable = match self.state() {
            State::Starting => Lsn::ZERO,
            State::Writer(writing) => writing.volume.flushed_vdl(),
            State::Replica(following) => following.volume.flushed_vdl(),
        };
        self.directory.servers(self.info(), durable, self.unix_micros())
    }

    /// The writer, as the storage nodes' address book has it now; `None` while this server is no replica.
    pub async fn find_writer(&self) -> Option<ServerInfo> {
        let State::Replica(following) = self.state() else { return None };
        let book = cluster::register(&self.nodes, following.volume.id(), None, 0).await.ok()?;
        book.writer().cloned()
    }

    /// Asks for a promotion and waits for it.
    ///
    /// # Errors
    /// Why this server did not become the writer.
    pub async fn become_writer(&self) -> Result<(), String> {
        let (reply, promoted) = oneshot::channel();
        let stopping = || "the server is stopping".to_owned();
        let promotion = Promotion { cause: PromotionCause::Command, reply };
        self.promotions.send(promotion).await.map_err(|_| stopping())?;
        promoted.await.map_err(|_| stopping())?
    }

    /// It is something else now.
    pub(crate) fn change(&self, state: State) {
        self.waits_for.lock().clear();
        *self.state.write() = state;
        self.changes.send_modify(|count| *count += 1);
    }

    /// It cannot open the volume yet: the log is told why, once, and so is each client.
    pub(crate) fn wait_for(&self, what: &str) {
        let mut waits_for = self.waits_for.lock();
        if *waits_for != what {
            tracing::warn!("the volume cannot be opened yet: {what}");
            what.clone_into(&mut waits_for);
        }
    }

    /// What clients are told who come too early.
    #[must_use]
    pub fn not_ready(&self) -> Error {
        let error = Error::new(SqlState::CANNOT_CONNECT_NOW, "the database system is starting up").fatal();
        match &**self.waits_for.lock() {
            "" => error,
            why => error.detail(format!("The volume cannot be opened yet: {why}.")),
        }
    }

    /// Its entry in the address book; none while it starts.
    pub(crate) fn info(&self) -> Option<ServerInfo> {
        let mut writes = None;
        let (role, ballot, applied, lag_micros) = match self.state() {
            State::Starting => return None,
            State::Writer(writing) => {
                let end = writing.volume.flushed_vdl();
                writes = Some(writing.write_state());
                (Role::Writer, writing.volume.ballot(), end, 0)
            }
            State::Replica(following) => {
                let volume = &following.volume;
                (Role::Replica, volume.ballot(), volume.applied(), volume.lag_micros())
            }
        };
        let tls = self.options.tls.as_ref();
        Some(ServerInfo {
            instance: self.instance.into(),
            role: role.name().to_owned(),
            address: self.options.address.clone(),
            failover_priority: self.options.failover.map(|failover| failover.priority),
            cluster_address: self.cluster_address.lock().clone(),
            ballot: ballot.0,
            pid: std::process::id(),
            applied_lsn: applied.0,
            read_floor: applied.0,
            lag_micros,
            forwarding_secret: if role == Role::Writer { self.forwarding_secret.clone() } else { String::new() },
            writes,
            certificate_sha256: tls.map(|tls| Bytes::copy_from_slice(&tls.fingerprint().0)).unwrap_or_default(),
            ..ServerInfo::default()
        })
    }
}
