//! Listening sockets: accepting clients, one task on a lane for each, and ending them all.
//!
//! **Rule.** Nothing one client does reaches another: a panic in its session is caught, told to it (FATAL XX000) and
//! logged; clients that have not authenticated are bounded in number, in all and per remote address (`handshakes`), and do not
//! take the places of those who have.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use types::Error;

use super::backends::{Backends, Counters, Place};
use super::connection::{Connection, End};
use super::error::{Farewell, panicked};
use super::handshake::{Ended, shake_hands};
use super::handshakes::{Handshake, Handshakes};
use super::inbox::{Budget, Inbox, SharedInbox, discard};
use super::lanes::{Lanes, Tenant};
use super::outbox::Outbox;
use super::scram::MockSecret;
use super::session::{Connected, Session, SessionFactory};
use super::socket::{ReadHalf, WriteHalf, split_tcp, split_unix};
use super::startup::Peer;
use super::tls::Tls;

/// Clients of one address that authenticate at a time, unless configured otherwise.
pub const HANDSHAKES_PER_ADDRESS_MAX: usize = 64;
/// Pause after a failed accept (no file descriptors, mostly), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a client that was told a last error may take to read it before its socket is closed.
const LINGER: Duration = Duration::from_millis(250);

/// Limits of the front door.
#[derive(Clone, Debug)]
pub struct Config {
    /// From accept to the end of authentication.
    pub authentication_timeout: Duration,
    /// Largest body of a message after authentication, in bytes.
    pub message_bytes_max: usize,
    /// Bytes that all clients together may hold in unfinished messages above 64 KiB each.
    pub unfinished_bytes_max: usize,
    /// Clients that have not authenticated, in all.
    pub handshakes_max: usize,
    /// How many of one remote address are attended to at a time, and twice as many of a network of IPv6; others of it
    /// wait. Loopback and Unix sockets are exempt: everyone there shares one address.
    pub handshakes_per_address_max: usize,
    /// How long [`Server::serve`] waits for its clients after the shutdown token fired.
    pub shutdown_grace: Duration,
    /// What TCP clients may encrypt with; without it they are told that they cannot.
    pub tls: Option<Tls>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            authentication_timeout: Duration::from_secs(15),
            message_bytes_max: 64 << 20,
            unfinished_bytes_max: 512 << 20,
            handshakes_max: 2048,
            handshakes_per_address_max: HANDSHAKES_PER_ADDRESS_MAX,
            shutdown_grace: Duration::from_secs(5),
            tls: None,
        }
    }
}

/// A socket that clients connect to.
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A client's socket, which belongs to no event loop yet.
enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Socket {
    /// The core that its packets are processed on.
    fn incoming_core(&self) -> Option<usize> {
        match self {
            Socket::Tcp(stream) => SockRef::from(stream).cpu_affinity().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// Its halves, in the event loop of the lane that is entered.
    fn split(self) -> io::Result<(ReadHalf, WriteHalf)> {
        match self {
            Socket::Tcp(stream) => split_tcp(TcpStream::from_std(stream)?),
            Socket::Unix(stream) => UnixStream::from_std(stream).map(split_unix),
        }
    }
}

impl Listener {
    /// The next client.
    ///
    /// # Errors
    /// Those of `accept(2)`.
    async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok((Socket::Tcp(stream.into_std()?), Peer::Tcp(address)))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream.into_std()?), Peer::Unix))
            }
        }
    }
}

/// What the connections of one server share.
pub(super) struct Shared<F> {
    pub factory: F,
    pub config: Config,
    pub backends: Arc<Backends>,
    pub mock: MockSecret,
    lanes: Arc<Lanes>,
    farewell: Farewell,
    budget: Arc<Budget>,
    handshakes: Arc<Handshakes>,
}

/// One server's front door; it may have several listeners.
pub struct Server<F> {
    shared: Arc<Shared<F>>,
}

impl<F> Clone for Server<F> {
    fn clone(&self) -> Server<F> {
        Server { shared: self.shared.clone() }
    }
}

impl<F: SessionFactory> Server<F> {
    /// A front door to the sessions of `factory`, whose clients are entered into `backends`. What its sessions spawn, and
    /// their long statements, run in the runtime that this is called in.
    ///
    /// # Errors
    /// When the threads for the sessions cannot be had.
    pub fn new(factory: F, backends: Arc<Backends>, config: Config) -> io::Result<Server<F>> {
        let budget = Arc::new(Budget::new(config.unfinished_bytes_max));
        let mock = MockSecret::random();
        let lanes = Lanes::start()?;
        let handshakes = Handshakes::new(config.handshakes_max, config.handshakes_per_address_max);
        let farewell = Farewell::default();
        Ok(Server { shared: Arc::new(Shared { factory, config, backends, mock, lanes, farewell, budget, handshakes }) })
    }

    /// What opens the sessions.
    #[must_use]
    pub fn factory(&self) -> &F {
        &self.shared.factory
    }

    /// Says why, before the shutdown token fires: what all sessions are told then instead of the usual 57P01. Fatal.
    pub fn set_farewell(&self, error: Error) {
        self.shared.farewell.set(error);
    }

    /// Accepts clients until `shutdown` fires; then every session is ended with 57P01, and this returns when all are
    /// gone or after the grace.
    pub async fn serve(&self, listener: Listener, shutdown: CancellationToken) {
        // Each client holds a sender: when there is none left, all are gone.
        let (here, mut all_gone) = mpsc::channel::<()>(1);
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, peer)) => match self.shared.handshakes.begin(peer) {
                    Some(handshake) => self.attend(socket, peer, handshake, shutdown.clone(), here.clone()),
                    None => tracing::info!(%peer, "connection refused: too many clients are authenticating"),
                },
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop((listener, here));
        if tokio::time::timeout(self.shared.config.shutdown_grace, all_gone.recv()).await.is_err() {
            tracing::warn!(connections = all_gone.sender_strong_count(), "connections did not end in time");
        }
    }

    /// Starts a client's task.
    fn attend(
        &self,
        socket: Socket,
        peer: Peer,
        handshake: Handshake,
        shutdown: CancellationToken,
        here: mpsc::Sender<()>,
    ) {
        let place = self.shared.lanes.place(socket.incoming_core());
        let halves = {
            let _lane = place.enter();
            socket.split()
        };
        // Else it left before it was served.
        let Ok((reader, writer)) = halves else { return };
        let (shared, tenant) = (self.shared.clone(), place.tenant());
        place.spawn(async move {
            let served = serve_client(shared, reader, writer, peer, handshake, shutdown, tenant);
            if AssertUnwindSafe(served).catch_unwind().await.is_err() {
                tracing::error!(%peer, "a connection's task panicked");
            }
            drop(here);
        });
    }
}

async fn serve_client<F: SessionFactory>(
    shared: Arc<Shared<F>>,
    reader: ReadHalf,
    writer: WriteHalf,
    peer: Peer,
    handshake: Handshake,
    shutdown: CancellationToken,
    tenant: Arc<Tenant>,
) {
    let counters = &shared.backends.counters;
    counters.accepted.fetch_add(1, Ordering::Relaxed);
    let deadline = Instant::now() + shared.config.authentication_timeout;
    let inbox = Inbox::new(reader, shared.budget.clone());
    let mut outbox = Outbox::new(writer, inbox.clone(), shutdown.clone(), shared.farewell.clone());
    let Ok(turn) = timeout_at(deadline, handshake.turn()).await else { return };
    let shaken = shake_hands(&shared, &inbox, &mut outbox, peer, &shutdown, deadline);
    let shaken = AssertUnwindSafe(shaken).catch_unwind().await;
    drop((turn, handshake));
    match shaken {
        // On the heap, so that clients that have not authenticated do not hold room for a session's calls.
        Ok(Ok((place, connected))) => {
            counters.opened.fetch_add(1, Ordering::Relaxed);
            Box::pin(serve_session(counters, place, connected, outbox, inbox, peer, tenant)).await;
        }
        Ok(Err(Ended::Silent)) => {}
        Ok(Err(Ended::Told(error))) => hang_up(counters, outbox, inbox, peer, &error).await,
        Err(_) => {
            tracing::error!(%peer, "panic while a session was opened");
            counters.panics.fetch_add(1, Ordering::Relaxed);
            outbox.discard();
            hang_up(counters, outbox, inbox, peer, &panicked()).await;
        }
    }
}

async fn serve_session<S: Session>(
    counters: &Counters,
    place: Place,
    connected: Connected<S>,
    outbox: Outbox,
    inbox: SharedInbox,
    peer: Peer,
    tenant: Arc<Tenant>,
) {
    tracing::debug!(%peer, pid = place.pid, "session opened");
    let Connected { session, cancel, .. } = connected;
    let mut connection = Connection::new(session, outbox, inbox.clone(), cancel, place.ended.clone(), tenant);
    let end = AssertUnwindSafe(connection.run()).catch_unwind().await;
    let end = end.unwrap_or_else(|_| {
        tracing::error!(%peer, pid = place.pid, "panic in a session");
        counters.panics.fetch_add(1, Ordering::Relaxed);
        connection.outbox.discard();
        End::Failed(panicked())
    });
    tracing::debug!(%peer, pid = place.pid, "session ended");
    // The session goes first: its locks are free and its place is, before the client sees the end.
    let outbox = connection.close();
    drop(place);
    match end {
        End::Left => {}
        End::Failed(error) => hang_up(counters, outbox, inbox, peer, &error).await,
    }
}

/// Tells a client why its connection ends, and closes it.
async fn hang_up(counters: &Counters, mut outbox: Outbox, inbox: SharedInbox, peer: Peer, error: &Error) {
    counters.failed.fetch_add(1, Ordering::Relaxed);
    tracing::info!(%peer, sqlstate = %error.sqlstate, message = ?error.message, "connection ended");
    outbox.finish(error).await;
    // Closing a socket with unread bytes resets it, and the client would lose what it was told.
    let _ = tokio::time::timeout(LINGER, discard(&inbox)).await;
}
