//! `redoubt proxy`: two ports that follow the cluster, for clients that know one address only.
//!
//! **Rule.** A connection to the writer's port is a connection to the server that storage's address book says is the writer,
//! and it ends when that is another one; a new connection waits, up to a bound, while there is none. A connection to the
//! readers' port is one to a replica, the one with the fewest connections from here among those that do not lag, or to the
//! writer when there is no replica.
//!
//! Bytes are passed on as they are, but for a client's first packets. Encryption ends here: with a certificate the proxy
//! answers requests for TLS itself, as a server does, and speaks to the servers in the clear; without one it refuses them.
//! So a client that insists on channel binding is not served, for the servers cannot see what it would bind to.
//!
//! A cancel request goes to the server that gave out its key ([`keys`]); one whose key did not pass through here may be
//! of a connection through another proxy, and goes to all servers that it may belong to. And a start-up packet is kept
//! until a server has answered it: one that dies before it answers, or says that it cannot serve now, was not the right
//! one yet.
//!
//! Nothing of authentication happens here, so the servers behind see the proxy's address; where the proxy listens beyond
//! loopback it therefore refuses servers that would trust it (it asks each one once how it would let a client in). And since
//! the servers bound who has not authenticated by that address, the proxy does so by its clients' ([`admission`]), so that
//! one stranger cannot take all turns that there are for everyone behind it.
//!
//! What a server says when it is demoted or stops reaches its clients. One that says nothing, for it is stopped or cut off,
//! is given [`LAST_WORDS`] and then its connections are closed.
//!
//! The address book is asked every [`BOOK_INTERVAL`], and at once when a server could not be reached.

mod admission;
mod keys;

use crate::options;
use crate::pgwire::{Handshake, Handshakes, Peer, Tls, TlsStream, prepare};
use crate::{encryption, members, nodes, signals};
use admission::{Admission, Heard};
use anyhow::{Context, bail};
use keys::{Keys, Strangers};
use parking_lot::Mutex;
use protocol::rpc::storage::ServerInfo;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use storage::volume::cluster;
use storage::volume::roster::Roster;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

/// How often the address book is asked.
const BOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A server that could not be reached is passed over for so long.
const AVOID: Duration = Duration::from_secs(1);
/// Between two tries of finding a server.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);
/// How long a server that is no longer meant may say so itself.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a client may take to say what it wants.
const FIRST_BYTES_TIMEOUT: Duration = Duration::from_secs(15);
/// Clients of one address that authenticate at a time: an eighth of those that a server attends to of one address,
/// which is the proxy's, so that a few strangers together do not take the turns of everyone.
const HANDSHAKES_PER_ADDRESS_MAX: usize = crate::pgwire::HANDSHAKES_PER_ADDRESS_MAX / 8;
/// How long another waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(15);
/// After a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long connections are given when the proxy stops.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// How long a server may take to answer a start-up packet.
const FIRST_REPLY_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of a server's first answer that are looked at.
const FIRST_REPLY_BYTES: usize = 8 << 10;
/// Codes in the place of a protocol version.
const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
/// Where the key begins in a cancel request: behind length and code.
const CANCEL_KEY_AT: usize = 8;
/// The longest start-up packet, as PostgreSQL bounds it.
const STARTUP_BYTES_MAX: usize = 10_000;
/// Told to a client that does not get a turn, or a place before it.
const TOO_MANY_OF_ONE_ADDRESS: &str = "too many clients of this address are authenticating";
/// In an error: the server cannot serve now.
const CANNOT_CONNECT_NOW: &[u8] = b"\0C57P03\0";

/// What a client keeps until it has authenticated.
type Turn = (Vec<OwnedSemaphorePermit>, Handshake);

/// A client's stream: plain, or encrypted.
type Client = Either<TcpStream, Box<TlsStream>>;

/// One of the two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Writer,
    Reader,
}

/// A server that connections can go to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    instance: u64,
    address: String,
    lag: Duration,
}

/// Who is what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct View {
    writer: Option<Target>,
    replicas: Vec<Target>,
}

impl View {
    fn of(servers: &[ServerInfo], writer: Option<&ServerInfo>) -> View {
        let target = |it: &ServerInfo| Target {
            instance: it.instance,
            address: it.address.clone(),
            lag: Duration::from_micros(it.lag_micros),
        };
        // A server that was started again where another had died is at the same address under another instance; of the
        // two entries only one can be reached, and it does not matter which one says so.
        let replicas = servers.iter().filter(|it| it.role == "replica").map(target).collect();
        View { writer: writer.map(target), replicas }
    }

    /// Who is what, whatever the lag.
    fn placement(&self) -> (Option<u64>, Vec<u64>) {
        let replicas = self.replicas.iter().map(|it| it.instance).collect();
        (self.writer.as_ref().map(|it| it.instance), replicas)
    }

    /// Whether a connection of `port` to the server `instance` may stay.
    fn keeps(&self, port: Port, instance: u64) -> bool {
        let is_writer = self.writer.as_ref().is_some_and(|writer| writer.instance == instance);
        match port {
            // Without any writer the old one may yet be found alive.
            Port::Writer => self.writer.is_none() || is_writer,
            Port::Reader => is_writer || self.replicas.iter().any(|it| it.instance == instance),
        }
    }

    /// Where a new connection goes, best first.
    fn choose(&self, port: Port, lag_max: Duration, connections: impl Fn(u64) -> usize) -> Vec<Target> {
        match port {
            Port::Writer => self.writer.iter().cloned().collect(),
            Port::Reader => {
                let mut replicas: Vec<Target> = self.replicas.iter().filter(|it| it.lag <= lag_max).cloned().collect();
                replicas.sort_by_key(|it| (connections(it.instance), it.lag));
                replicas.extend(self.writer.iter().cloned());
                replicas
            }
        }
    }
}

/// What is known of one server.
#[derive(Debug, Default)]
struct Known {
    connections: usize,
    /// Could not be reached: not before this.
    avoid_until: Option<Instant>,
    /// Whether it asks for a password; `None`: not asked yet.
    asks_for_password: Option<bool>,
}

struct Proxy {
    view: watch::Sender<View>,
    known: Mutex<HashMap<u64, Known>>,
    keys: Arc<Keys>,
    strangers: Strangers,
    /// Rung to have the address book asked now.
    ask: Notify,
    places: Arc<Semaphore>,
    handshakes: Arc<Handshakes>,
    hold: Duration,
    lag_max: Duration,
    /// What clients may encrypt with.
    tls: Option<Tls>,
    /// Whether clients come from other machines.
    open: bool,
    stopping: CancellationToken,
}

/// Runs the proxy until SIGINT or SIGTERM.
///
/// # Errors
/// When a port cannot be had, or the cluster has no volume.
pub async fn run(options: options::Proxy) -> anyhow::Result<()> {
    if options.writer_port.is_none() && options.reader_port.is_none() {
        bail!(crate::settings::BadSetting("give --writer-port, --reader-port or both".into()));
    }
    let tls = encryption::from_options(&options.tls)?;
    let host: IpAddr = options.host.parse().with_context(|| format!("{} (--host)", options.host))?;
    let mut listeners = Vec::new();
    for (port, number) in [(Port::Writer, options.writer_port), (Port::Reader, options.reader_port)] {
        let Some(number) = number else { continue };
        let address = SocketAddr::from((host, number));
        listeners.push((port, TcpListener::bind(address).await.with_context(|| address.to_string())?));
    }
    let stopping = signals::shutdown();
    let storage = tokio::select! {
        found = nodes::discover(&options.storage, options.volume) => found?,
        () = stopping.cancelled() => return Ok(()),
    };
    let proxy = Arc::new(Proxy {
        view: watch::Sender::new(View::default()),
        known: Mutex::default(),
        keys: Arc::default(),
        strangers: Strangers::default(),
        ask: Notify::new(),
        places: Arc::new(Semaphore::new(options.connections_max)),
        handshakes: Handshakes::new(options.connections_max, HANDSHAKES_PER_ADDRESS_MAX),
        hold: Duration::from_millis(options.hold_ms),
        lag_max: Duration::from_millis(options.lag_max_ms),
        tls,
        open: !host.is_loopback(),
        stopping: stopping.clone(),
    });
    let keeping = tokio::spawn(proxy.clone().keep_view(storage.clone()));
    let following = tokio::spawn(follow_members(storage));
    let mut serving = JoinSet::new();
    for (port, listener) in listeners {
        tracing::info!(?port, address = %listener.local_addr()?, "proxy is up");
        serving.spawn(proxy.clone().serve(port, listener));
    }
    while serving.join_next().await.is_some() {}
    keeping.abort();
    following.abort();
    Ok(())
}

/// Notices when members of the volume are replaced.
async fn follow_members(storage: Arc<Roster>) {
    loop {
        tokio::time::sleep(members::LOOK_INTERVAL).await;
        storage.look().await;
    }
}

impl Proxy {
    /// Follows the address book.
    async fn keep_view(self: Arc<Self>, storage: Arc<Roster>) {
        let nodes = storage.seats();
        loop {
            if let Ok(book) = cluster::register(&nodes, storage.volume(), None, 0).await {
                let view = View::of(&book.servers, book.writer());
                self.known.lock().retain(|instance, known| {
                    known.connections > 0 || book.servers.iter().any(|server| server.instance == *instance)
                });
                self.view.send_if_modified(|seen| {
                    // Lag moves all the time, and no connection is misplaced by it.
                    let changed = seen.placement() != view.placement();
                    *seen = view;
                    changed
                });
            }
            tokio::select! {
                () = tokio::time::sleep(BOOK_INTERVAL) => {}
                () = self.ask.notified() => tokio::time::sleep(RETRY_INTERVAL).await,
            }
        }
    }

    async fn serve(self: Arc<Self>, port: Port, listener: TcpListener) {
        let mut clients = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                Some(_) = clients.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((client, address)) => match self.places.clone().try_acquire_owned() {
                    Ok(place) => drop(clients.spawn(self.clone().attend(port, client, Peer::Tcp(address), place))),
                    Err(_) => {
                        drop(clients.spawn(refuse(Client::Left(client), "53300", "sorry, too many clients already")))
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        let all = async { while clients.join_next().await.is_some() {} };
        if timeout(STOP_GRACE, all).await.is_err() {
            clients.abort_all();
        }
    }

    /// One client, from its first bytes to its end.
    async fn attend(self: Arc<Self>, port: Port, client: TcpStream, peer: Peer, place: OwnedSemaphorePermit) {
        if prepare(&client).is_err() {
            // It left.
            return;
        }
        let Some(handshake) = self.handshakes.begin(peer) else {
            // Whoever is only told so takes no place from others.
            drop(place);
            return refuse(Client::Left(client), "57P03", TOO_MANY_OF_ONE_ADDRESS).await;
        };
        let first = tokio::select! {
            first = timeout(FIRST_BYTES_TIMEOUT, first_packet(client, self.tls.as_ref())) => first,
            () = self.stopping.cancelled() => return,
        };
        let (mut client, startup) = match first {
            Ok(Ok((client, First::Startup(startup)))) => (client, startup),
            Ok(Ok((_, First::Cancel(request)))) => return self.cancel(port, &request).await,
            // It left, was silent, or does not speak the protocol.
            Ok(Err(_)) | Err(_) => return,
        };
        if matches!(client, Client::Left(_)) && self.tls.as_ref().is_some_and(|tls| tls.must_encrypt(peer)) {
            return refuse(client, "28000", "this proxy requires encryption: connect with sslmode=require").await;
        }
        let found = tokio::select! {
            found = self.connect(port, &startup, &handshake) => found,
            () = self.stopping.cancelled() => return refuse(client, "57P03", "the proxy is stopping").await,
        };
        let Opened { target, mut server, reply, turn } = match found {
            Ok(found) => found,
            Err(why) => return refuse(client, "57P03", why).await,
        };
        self.known.lock().entry(target.instance).or_default().connections += 1;
        let mut admission = Admission::new((turn, handshake), self.keys.ticket(&target.address));
        admission.hear(&reply);
        let relayed = async {
            client.write_all(&reply).await?;
            client.flush().await?;
            match &mut client {
                Client::Left(plain) => {
                    let (from_client, to_client) = plain.split();
                    relay(from_client, to_client, &mut server, admission).await
                }
                Client::Right(encrypted) => {
                    let (from_client, to_client) = tokio::io::split(encrypted);
                    relay(from_client, to_client, &mut server, admission).await
                }
            }
        };
        tokio::select! {
            // Whichever side ended, and however, the other is closed with it.
            _ = relayed => {}
            () = self.misplaced(port, target.instance) => {
                tracing::info!(?port, server = target.address, "a connection to a server that is not meant any more ends");
            }
            () = self.stopping.cancelled() => {}
        }
        if let Some(known) = self.known.lock().get_mut(&target.instance) {
            known.connections = known.connections.saturating_sub(1);
        }
    }

    /// Completes when connections of `port` do not belong to the server `instance`.
    async fn moved_on(&self, port: Port, instance: u64) {
        // The sender lives as long as self.
        if self.view.subscribe().wait_for(|view| !view.keeps(port, instance)).await.is_err() {
            std::future::pending().await
        }
    }

    /// As [`Proxy::moved_on`], when the server had time to say so itself.
    async fn misplaced(&self, port: Port, instance: u64) {
        loop {
            self.moved_on(port, instance).await;
            tokio::time::sleep(LAST_WORDS).await;
            if !self.view.borrow().keeps(port, instance) {
                return;
            }
        }
    }

    /// A connection to the server that a new client of `port` belongs to, which has answered the client's packet.
    async fn connect(&self, port: Port, startup: &[u8], handshake: &Handshake) -> Result<Opened, &'static str> {
        let deadline = Instant::now() + self.hold;
        loop {
            // Not kept while there is no server to be had.
            let turn = timeout(TURN_TIMEOUT, handshake.turn()).await;
            let turn = turn.map_err(|_| TOO_MANY_OF_ONE_ADDRESS)?;
            for target in self.candidates(port) {
                let instance = target.instance;
                let dialled = tokio::select! {
                    dialled = self.dial(&target, startup) => dialled,
                    // One that is stopped accepts and never answers; meanwhile another takes its place.
                    () = self.moved_on(port, instance) => Err(None),
                };
                match dialled {
                    Ok((server, reply)) => return Ok(Opened { target, server, reply, turn }),
                    Err(Some(why)) => return Err(why),
                    Err(None) => {}
                }
            }
            drop(turn);
            self.ask.notify_one();
            if Instant::now() >= deadline {
                return Err(match port {
                    Port::Writer => "no server is the writer now",
                    Port::Reader => "no server can be reached now",
                });
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    fn candidates(&self, port: Port) -> Vec<Target> {
        let known = self.known.lock();
        let connections = |instance| known.get(&instance).map_or(0, |known| known.connections);
        let mut candidates = self.view.borrow().choose(port, self.lag_max, connections);
        let now = Instant::now();
        if port == Port::Reader {
            let avoided =
                |it: &Target| known.get(&it.instance).and_then(|it| it.avoid_until).is_some_and(|at| at > now);
            candidates.retain(|it| !avoided(it));
        }
        candidates
    }

    /// The inner error is what the client is told; without it another server is tried.
    async fn dial(&self, target: &Target, startup: &[u8]) -> Result<(TcpStream, Vec<u8>), Option<&'static str>> {
        if self.open && !self.asks_for_password(target).await.ok_or(None)? {
            return Err(Some("the server behind this proxy trusts everyone, and the proxy is open to other machines"));
        }
        let answered = async {
            let mut server = timeout(CONNECT_TIMEOUT, TcpStream::connect(&target.address)).await??;
            prepare(&server)?;
            server.write_all(startup).await?;
            let mut reply = vec![0; FIRST_REPLY_BYTES];
            let length = timeout(FIRST_REPLY_TIMEOUT, server.read(&mut reply)).await??;
            reply.truncate(length);
            std::io::Result::Ok((server, reply))
        };
        match answered.await {
            Ok((server, reply)) if serves(&reply) => Ok((server, reply)),
            _ => {
                self.known.lock().entry(target.instance).or_default().avoid_until = Some(Instant::now() + AVOID);
                Err(None)
            }
        }
    }

    /// Whether a server would ask this proxy for a password; asked once of each. `None` when it does not say.
    async fn asks_for_password(&self, target: &Target) -> Option<bool> {
        if let Some(asks) = self.known.lock().get(&target.instance).and_then(|known| known.asks_for_password) {
            return Some(asks);
        }
        let reply = timeout(CONNECT_TIMEOUT, first_reply(&target.address)).await.ok()?.ok()?;
        // Authentication of any kind but "ok"; a server that is starting refuses, and is asked again.
        let asks = (reply[0] == b'R').then(|| reply[5..] != [0; 4])?;
        self.known.lock().entry(target.instance).or_default().asks_for_password = Some(asks);
        Some(asks)
    }

    /// Passes a cancel request on to the server that it is meant for, or to all that it may be meant for. Nobody
    /// answers one.
    async fn cancel(&self, port: Port, request: &[u8]) {
        let addresses = match self.keys.address(&request[CANCEL_KEY_AT..]) {
            Some(address) => vec![address],
            None if !self.strangers.admit(Instant::now()) => return,
            None => {
                let targets = self.view.borrow().choose(port, Duration::MAX, |_| 0);
                targets.into_iter().map(|target| target.address).collect()
            }
        };
        for address in addresses {
            if let Ok(Ok(mut server)) = timeout(CONNECT_TIMEOUT, TcpStream::connect(&address)).await {
                // Whether it was carried out is not told to anyone.
                let _ = server.write_all(request).await;
                let _ = timeout(CONNECT_TIMEOUT, server.read(&mut [0])).await;
            }
        }
    }
}

/// A server that answered.
struct Opened {
    target: Target,
    server: TcpStream,
    /// The first of what it said.
    reply: Vec<u8>,
    /// The client's turn to authenticate.
    turn: Vec<OwnedSemaphorePermit>,
}

/// Whether what a server said first is an answer, and not that it is gone or cannot serve now.
fn serves(reply: &[u8]) -> bool {
    let refused = reply.starts_with(b"E") && reply.windows(CANNOT_CONNECT_NOW.len()).any(|it| it == CANNOT_CONNECT_NOW);
    !reply.is_empty() && !refused
}

/// What a client begins with, length and all.
enum First {
    Startup(Vec<u8>),
    Cancel(Vec<u8>),
}

/// Reads packets up to the one that says what the client wants, and encrypts when asked to. It reads no byte beyond a
/// packet, so that what was sent in the clear behind a request for TLS is part of the handshake, which then fails.
async fn first_packet(client: TcpStream, tls: Option<&Tls>) -> std::io::Result<(Client, First)> {
    let mut client = Client::Left(client);
    let invalid = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    // SSL and GSS may be asked for once each.
    for _ in 0..3 {
        let mut packet = vec![0; 8];
        client.read_exact(&mut packet).await?;
        let word = |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        let (length, code) = (word(0) as usize, word(4));
        if !(8..=STARTUP_BYTES_MAX).contains(&length) {
            return Err(invalid());
        }
        packet.resize(length, 0);
        client.read_exact(&mut packet[8..]).await?;
        match code {
            SSL_REQUEST | GSS_REQUEST => {
                client = match (client, tls) {
                    (Client::Left(mut plain), Some(tls)) if code == SSL_REQUEST => {
                        plain.write_all(b"S").await?;
                        Client::Right(Box::new(tls.accept(plain).await?))
                    }
                    (mut client, _) => {
                        client.write_all(b"N").await?;
                        client.flush().await?;
                        client
                    }
                };
            }
            CANCEL_REQUEST => return Ok((client, First::Cancel(packet))),
            _ => return Ok((client, First::Startup(packet))),
        }
    }
    Err(invalid())
}

/// Passes bytes both ways until the server has said its last. A client that has said its last may still be answered.
async fn relay(
    mut from_client: impl AsyncRead + Unpin,
    mut to_client: impl AsyncWrite + Unpin,
    server: &mut TcpStream,
    admission: Admission<Turn>,
) -> std::io::Result<()> {
    let (from_server, mut to_server) = server.split();
    let mut from_server = Heard { reader: from_server, admission };
    let mut answers = pin!(tokio::io::copy(&mut from_server, &mut to_client));
    let questions = async {
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    tokio::select! {
        answered = &mut answers => answered.map(drop),
        asked = questions => {
            asked?;
            answers.await.map(drop)
        }
    }
}

/// The first nine bytes that a server says to a client that does not exist.
async fn first_reply(address: &str) -> std::io::Result<[u8; 9]> {
    let mut server = TcpStream::connect(address).await?;
    let parameters = b"user\0postgres\0database\0postgres\0\0";
    let mut startup = Vec::new();
    startup.extend_from_slice(&(8 + parameters.len() as u32).to_be_bytes());
    startup.extend_from_slice(&(3u32 << 16).to_be_bytes());
    startup.extend_from_slice(parameters);
    server.write_all(&startup).await?;
    let mut reply = [0; 9];
    server.read_exact(&mut reply).await?;
    Ok(reply)
}

/// Tells a client why it is not served: a FATAL error before any other message.
async fn refuse(mut client: Client, sqlstate: &'static str, message: &'static str) {
    let mut fields = Vec::new();
    for (code, text) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', sqlstate), (b'M', message)] {
        fields.push(code);
        fields.extend_from_slice(text.as_bytes());
        fields.push(0);
    }
    fields.push(0);
    let mut reply = vec![b'E'];
    reply.extend_from_slice(&(4 + fields.len() as u32).to_be_bytes());
    reply.extend_from_slice(&fields);
    let told = async {
        client.write_all(&reply).await?;
        client.shutdown().await?;
        // Closing with unread bytes would reset the connection, and the client would not see the reason.
        while client.read(&mut [0; 512]).await? > 0 {}
        std::io::Result::Ok(())
    };
    // A client that does not listen is not told.
    let _ = timeout(LAST_WORDS, told).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    fn server(instance: u64, role: &str, lag_ms: u64) -> ServerInfo {
        ServerInfo {
            instance,
            role: role.into(),
            address: format!("host:{instance}"),
            lag_micros: lag_ms * 1000,
            ..ServerInfo::default()
        }
    }

    fn view(servers: &[ServerInfo]) -> View {
        View::of(servers, servers.iter().find(|it| it.role == "writer"))
    }

    #[test]
    fn readers_go_to_the_replica_with_the_fewest_connections_that_does_not_lag() {
        let view = view(&[
            server(1, "writer", 0),
            server(2, "replica", 5),
            server(3, "replica", 1),
            server(4, "replica", 60_000),
        ]);
        let chosen = |connections: &dyn Fn(u64) -> usize| -> Vec<u64> {
            view.choose(Port::Reader, Duration::from_secs(10), connections).iter().map(|it| it.instance).collect()
        };
        assert_eq!(chosen(&|_| 0), [3, 2, 1], "by lag, and the writer last");
        assert_eq!(chosen(&|instance| if instance == 3 { 2 } else { 1 }), [2, 3, 1]);
        let writer: Vec<u64> = view.choose(Port::Writer, Duration::ZERO, |_| 0).iter().map(|it| it.instance).collect();
        assert_eq!(writer, [1]);
    }

    fn proxy(view: View) -> Proxy {
        Proxy {
            view: watch::Sender::new(view),
            known: Mutex::default(),
            keys: Arc::default(),
            strangers: Strangers::default(),
            ask: Notify::new(),
            places: Arc::new(Semaphore::new(100)),
            handshakes: Handshakes::new(100, HANDSHAKES_PER_ADDRESS_MAX),
            hold: Duration::from_secs(60),
            lag_max: Duration::ZERO,
            tls: None,
            open: false,
            stopping: CancellationToken::new(),
        }
    }

    /// A server that passes on the cancel requests that it gets.
    async fn cancelled(instance: u64) -> (Target, mpsc::Receiver<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.expect("accepted");
                let mut request = vec![0; 16];
                client.read_exact(&mut request).await.expect("a cancel request");
                sender.send(request).await.expect("the test goes on");
            }
        });
        (Target { instance, address, lag: Duration::ZERO }, receiver)
    }

    #[tokio::test]
    async fn a_cancel_request_goes_to_the_server_that_gave_out_its_key() {
        let (one, mut at_one) = cancelled(1).await;
        let (two, mut at_two) = cancelled(2).await;
        let second = two.address.clone();
        let proxy = proxy(View { writer: None, replicas: vec![one, two] });
        let mut admission = Admission::new((), proxy.keys.ticket(&second));
        admission.hear(b"R\0\0\0\x08\0\0\0\0K\0\0\0\x0c\0\0\0\x07word");
        let request = [&16u32.to_be_bytes()[..], &CANCEL_REQUEST.to_be_bytes(), b"\0\0\0\x07word"].concat();
        proxy.cancel(Port::Reader, &request).await;
        assert_eq!(at_two.try_recv().ok().as_ref(), Some(&request));
        assert!(at_one.try_recv().is_err(), "it would cost one of the proxy's tries there");
        // Nobody here knows whose it is.
        drop(admission);
        proxy.cancel(Port::Reader, &request).await;
        assert_eq!(at_one.try_recv().ok().as_ref(), Some(&request));
        assert_eq!(at_two.try_recv().ok().as_ref(), Some(&request));
    }

    #[tokio::test]
    async fn clients_of_an_address_authenticate_a_few_at_a_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        tokio::spawn(async move {
            let mut asked = Vec::new();
            loop {
                let (mut client, _) = listener.accept().await.expect("accepted");
                client.write_all(b"R\0\0\0\x08\0\0\0\x03").await.expect("it listens");
                asked.push(client);
            }
        });
        let writer = Target { instance: 1, address, lag: Duration::ZERO };
        let proxy = proxy(View { writer: Some(writer), replicas: Vec::new() });
        let come = |address: [u8; 4]| proxy.handshakes.begin(Peer::Tcp((address, 1).into())).expect("room in all");
        let mut silent = Vec::new();
        for _ in 0..HANDSHAKES_PER_ADDRESS_MAX {
            let stranger = come([10, 0, 0, 1]);
            let opened = proxy.connect(Port::Writer, b"", &stranger).await.expect("it is there");
            silent.push((opened, stranger));
        }
        let (late, other) = (come([10, 0, 0, 1]), come([10, 0, 0, 2]));
        let mut late = pin!(proxy.connect(Port::Writer, b"", &late));
        for _ in 0..3 {
            tokio::select! {
                biased;
                _ = &mut late => panic!("it has no turn"),
                opened = proxy.connect(Port::Writer, b"", &other) => drop(opened.expect("another address")),
            }
        }
        // One of them is let in, and stays.
        let (Opened { target, server, turn, .. }, stranger) = silent.remove(0);
        let mut admission = Admission::new((turn, stranger), proxy.keys.ticket(&target.address));
        admission.hear(b"R\0\0\0\x08\0\0\0\0");
        late.await.expect("its turn has come");
        drop((target, server, admission));
    }

    #[tokio::test]
    async fn a_client_for_whose_address_there_is_no_place_is_told_so() {
        let proxy = Arc::new(proxy(View::default()));
        let peer = Peer::Tcp(([10, 0, 0, 1], 1).into());
        let same: Vec<Handshake> = std::iter::from_fn(|| proxy.handshakes.begin(peer)).collect();
        assert_eq!(same.len(), 75);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
        let (accepted, _) = listener.accept().await.expect("accepted");
        let place = proxy.places.clone().try_acquire_owned().expect("nobody has one");
        let attended = tokio::spawn(proxy.clone().attend(Port::Writer, accepted, peer, place));
        let mut told = Vec::new();
        client.read_to_end(&mut told).await.expect("it is told");
        assert!(told.windows(CANNOT_CONNECT_NOW.len()).any(|it| it == CANNOT_CONNECT_NOW), "{told:?}");
        assert_eq!(proxy.places.available_permits(), 100, "it takes no place any more");
        drop(client);
        attended.await.expect("it ends");
    }

    #[test]
    fn a_server_that_dies_or_cannot_serve_now_has_not_answered() {
        assert!(serves(b"R\0\0\0\x08\0\0\0\0"));
        assert!(serves(b"E\0\0\0\x20SFATAL\0VFATAL\0C28000\0Mno\0\0"), "an answer, if not a kind one");
        assert!(!serves(b"E\0\0\0\x20SFATAL\0VFATAL\0C57P03\0Mwait\0\0"));
        assert!(!serves(b""));
    }

    #[test]
    fn a_connection_stays_with_a_server_that_is_what_it_was_chosen_for() {
        let before = view(&[server(1, "writer", 0), server(2, "replica", 0)]);
        let after = view(&[server(1, "replica", 0), server(2, "writer", 0)]);
        assert!(before.keeps(Port::Writer, 1) && !after.keeps(Port::Writer, 1));
        assert!(after.keeps(Port::Reader, 2), "a promoted reader goes on");
        assert!(!after.keeps(Port::Reader, 3), "one that is gone does not");
        assert!(View::default().keeps(Port::Writer, 1), "nobody is the writer yet");
    }
}
