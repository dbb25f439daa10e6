//! From an accepted socket to an open session: start-up packets, authentication, a place in the register.
//!
//! **Rule.** All of it must be done within the authentication timeout, counted from the accept, and until it is done a
//! connection costs a task and about a kilobyte, and some ten more while it agrees on encryption. Encryption is answered
//! with one byte, once each for SSL and GSS; bytes that came in the same breath as the request are a violation, since a
//! client that wants encryption waits for the answer (CVE-2021-23214). After `S` everything is inside TLS, also why a
//! login is refused; a handshake that fails is told in TLS's own way.
//!
//! Clients of other hosts can be required to encrypt. A CancelRequest need not be: libpq sends it plain.
//!
//! A failed login is answered after a random 100 to 500 ms, with one text for every reason.

use std::time::Duration;

use pgwire::messages::startup::{Authentication, BackendKeyData, NegotiateProtocolVersion, SecretKey};
use rand::Rng;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use types::{Error, SqlState};

use super::backends::Place;
use super::encode;
use super::error::protocol_violation;
use super::inbox::{Lost, SharedInbox, StartupLost, next_frame, next_startup};
use super::listener::Shared;
use super::message::check_sasl_initial;
use super::outbox::Outbox;
use super::scram::{self, Exchange, Verifier};
use super::session::{Client, Connected, Encryption, Login, SessionFactory};
use super::socket::{self, ReadHalf, WriteHalf};
use super::startup::{self, Opening, PROTOCOL_3_0, Peer, Refusal, Startup};
use super::tls::Tls;

/// Bounds of the delay after a failed login, in milliseconds.
const FAILURE_DELAY_MS: std::ops::Range<u64> = 100..500;

/// How a handshake ended without a session.
pub(super) enum Ended {
    /// Nothing is to be said: the client left, sent a CancelRequest, or does not speak the protocol.
    Silent,
    /// Send this FATAL.
    Told(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended::Told(error.fatal())
    }
}

/// Opens a session before the deadline, or says how it ended.
pub(super) async fn shake_hands<F: SessionFactory>(
    shared: &Shared<F>,
    inbox: &SharedInbox,
    outbox: &mut Outbox,
    peer: Peer,
    shutdown: &CancellationToken,
    deadline: Instant,
) -> Result<(Place, Connected<F::Session>), Ended> {
    let mut started = false;
    let opened = tokio::select! {
        biased;
        opened = tokio::time::timeout_at(
            deadline,
            open(shared, inbox, outbox, peer, shutdown, &mut started),
        ) => opened,
        () = shutdown.cancelled() => {
            let message = "the database system is shutting down";
            return Err(Error::new(SqlState::CANNOT_CONNECT_NOW, message).into());
        }
    };
    match opened {
        Ok(opened) => opened,
        // Before its first packet a client may not even speak the protocol.
        Err(_) if !started => Err(Ended::Silent),
        Err(_) => {
            let message = "canceling authentication due to timeout";
            Err(Error::new(SqlState::QUERY_CANCELED, message).into())
        }
    }
}

async fn open<F: SessionFactory>(
    shared: &Shared<F>,
    inbox: &SharedInbox,
    outbox: &mut Outbox,
    peer: Peer,
    shutdown: &CancellationToken,
    started: &mut bool,
) -> Result<(Place, Connected<F::Session>), Ended> {
    let mut startup = read_startup(shared, inbox, outbox, peer).await?;
    *started = true;
    if startup.encryption.is_none() && shared.config.tls.as_ref().is_some_and(|tls| tls.must_encrypt(peer)) {
        let Startup { user, database, .. } = &startup;
        let message = format!(
            "no authentication rule for host \"{peer}\", user \"{user}\", database \"{database}\", no encryption"
        );
        return Err(Error::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, message)
            .hint("Clients of other hosts must encrypt: connect with sslmode=require, or a stricter one.")
            .into());
    }
    let superuser = match shared.factory.login(&startup).await? {
        Login::Trust { superuser } => superuser,
        Login::Scram { verifier, superuser } => {
            authenticate(shared, inbox, outbox, &startup, verifier.as_ref()).await?;
            superuser
        }
    };
    let place = shared.backends.enter(&startup, superuser, shutdown.child_token())?;
    startup.pid = place.pid;
    let connected = shared.factory.connect(startup).await?;
    place.arm(connected.cancel.clone());
    inbox.lock().open(shared.config.message_bytes_max);
    outbox.end_by(place.ended.clone());
    encode::append(outbox.buffer(), &Authentication::Ok);
    for (name, value) in &connected.parameters {
        outbox.parameter_status(name, value);
    }
    let key = BackendKeyData::new(place.pid, SecretKey::I32(i32::from_be_bytes(place.secret)));
    encode::append(outbox.buffer(), &key);
    Ok((place, connected))
}

/// Reads packets up to the one that starts a session.
async fn read_startup<F: SessionFactory>(
    shared: &Shared<F>,
    inbox: &SharedInbox,
    outbox: &mut Outbox,
    peer: Peer,
) -> Result<Startup, Ended> {
    let (mut ssl_answered, mut gss_answered) = (false, false);
    let mut encryption = None;
    loop {
        let packet = next_startup(inbox).await.map_err(|lost| match lost {
            StartupLost::Closed => Ended::Silent,
            StartupLost::Refused(refusal) => refuse(refusal, peer),
        })?;
        let tls = match startup::check(&packet, peer).map_err(|refusal| refuse(refusal, peer))? {
            Opening::Ssl if !ssl_answered => {
                ssl_answered = true;
                // As in PostgreSQL, what does not leave the machine's own files is not encrypted.
                shared.config.tls.as_ref().filter(|_| peer != Peer::Unix)
            }
            Opening::Gss if !gss_answered => {
                gss_answered = true;
                None
            }
            // PostgreSQL takes a repeated request for a protocol version, too.
            Opening::Ssl => return Err(Ended::Told(startup::unsupported_protocol(1234, 5679))),
            Opening::Gss => return Err(Ended::Told(startup::unsupported_protocol(1234, 5680))),
            Opening::Cancel { pid, secret } => {
                shared.backends.cancel_request(peer, pid, secret);
                return Err(Ended::Silent);
            }
            Opening::Session { mut startup, minor, unknown } => {
                startup.encryption = encryption;
                if minor > 0 || !unknown.is_empty() {
                    encode::append(outbox.buffer(), &NegotiateProtocolVersion::new(PROTOCOL_3_0, unknown));
                }
                return Ok(startup);
            }
        };
        if inbox.lock().has_bytes() {
            let request = if ssl_answered { "SSL" } else { "GSSAPI encryption" };
            return Err(protocol_violation(format!("received unencrypted data after {request} request"))
                .detail(
                    "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
                )
                .into());
        }
        outbox.buffer().push(if tls.is_some() { b'S' } else { b'N' });
        outbox.write().await.map_err(|_| Ended::Silent)?;
        if let Some(tls) = tls {
            encryption = Some(encrypt(inbox, outbox, tls, peer).await?);
            // One encryption is enough.
            gss_answered = true;
        }
    }
}

/// Goes on inside TLS. Until that is agreed on, the connection has no socket: whoever gives up the wait closes it.
async fn encrypt(inbox: &SharedInbox, outbox: &mut Outbox, tls: &Tls, peer: Peer) -> Result<Encryption, Ended> {
    let (reader, writer) = (inbox.lock().replace_half(ReadHalf::Away), outbox.replace_half(WriteHalf::Away));
    match socket::encrypt(reader, writer, tls).await {
        Ok((reader, writer, encryption)) => {
            inbox.lock().replace_half(reader);
            outbox.replace_half(writer);
            Ok(encryption)
        }
        Err(error) => {
            tracing::info!(%peer, %error, "no encryption could be agreed on");
            Err(Ended::Silent)
        }
    }
}

fn refuse(refusal: Refusal, peer: Peer) -> Ended {
    match refusal {
        Refusal::Silent(reason) => {
            tracing::info!(%peer, reason, "connection refused");
            Ended::Silent
        }
        Refusal::Told(error) => Ended::Told(error),
    }
}

async fn authenticate<F>(
    shared: &Shared<F>,
    inbox: &SharedInbox,
    outbox: &mut Outbox,
    startup: &Startup,
    verifier: Option<&Verifier>,
) -> Result<(), Ended> {
    let tls = shared.config.tls.as_ref().filter(|_| startup.encryption.is_some());
    let binding = tls.and_then(Tls::binding);
    // The better one first, as a client takes the first that it knows.
    let offered = binding.map(|_| scram::MECHANISM_BOUND).into_iter().chain([scram::MECHANISM]);
    encode::append(outbox.buffer(), &Authentication::SASL(offered.clone().map(str::to_owned).collect()));
    let first = exchange(inbox, outbox).await?;
    let (mechanism, client_first) = check_sasl_initial(&first)?;
    if !offered.clone().any(|offer| offer == mechanism) {
        return Err(protocol_violation("client selected an invalid SASL authentication mechanism").into());
    }
    if binding.is_some() && client_first.starts_with(b"y") {
        let message = "SCRAM channel binding negotiation error";
        return Err(Error::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, message)
            .detail(
                "The client supports SCRAM channel binding but thinks the server does not. \
                 However, this server does support channel binding.",
            )
            .into());
    }
    let begun = Exchange::begin(client_first, &startup.user, verifier, &shared.mock, binding);
    // The message and the mechanism must agree on whether the exchange is bound.
    let agree = client_first.starts_with(b"p=") == (mechanism == scram::MECHANISM_BOUND);
    let Some((server_first, begun)) = begun.filter(|_| agree) else {
        return Err(protocol_violation("malformed SCRAM message").into());
    };
    encode::append(outbox.buffer(), &Authentication::SASLContinue(server_first.into()));
    let client_final = exchange(inbox, outbox).await?;
    match begun.finish(&client_final) {
        Some(server_final) => {
            encode::append(outbox.buffer(), &Authentication::SASLFinal(server_final.into()));
            Ok(())
        }
        None => {
            tracing::info!(user = ?startup.user, peer = %startup.peer, "password authentication failed");
            let delay = rand::rng().random_range(FAILURE_DELAY_MS);
            tokio::time::sleep(Duration::from_millis(delay)).await;
            let message = format!("password authentication failed for user \"{}\"", startup.user);
            Err(Error::new(SqlState::INVALID_PASSWORD, message).into())
        }
    }
}

/// Sends what is buffered and reads one password message.
async fn exchange(inbox: &SharedInbox, outbox: &mut Outbox) -> Result<bytes::BytesMut, Ended> {
    outbox.write().await.map_err(|_| Ended::Silent)?;
    match next_frame(inbox).await {
        Ok(frame) => Ok(frame.body),
        Err(Lost::Closed) => Err(Ended::Silent),
        Err(Lost::Violation(error)) => Err(Ended::Told(error)),
    }
}
