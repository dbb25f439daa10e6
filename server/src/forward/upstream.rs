//! A connection to the writer, of one session that is forwarded: whole messages out and in, and nothing waited for twice.
//!
//! Reading and writing go on together ([`Upstream::progress`]), so that a long pipeline and its long answers cannot wait for
//! one another. Messages are announced by their length; one that is longer than PostgreSQL's limit ends the connection.
//! It is encrypted when the writer has a certificate ([`dial`](crate::pgwire::dial)), and so are requests to cancel.

use crate::pgwire::Startup;
use crate::pgwire::dial::{Destination, Link};
use crate::pgwire::scram::MECHANISM;
use crate::pgwire::startup::FORWARDED;
use bytes::{Buf, Bytes, BytesMut};
use futures::FutureExt;
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use protocol::rpc::storage::ServerInfo;
use sql::session::passes_on;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::io::poll_read_buf;
use types::{Error, Result, SqlState};

/// How long a connection to the writer may take to be open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request to cancel may take, until it is carried out.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);
/// Room offered to one read, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// The longest message, in bytes: PostgreSQL's limit of one allocation.
const MESSAGE_BYTES_MAX: usize = 0x3fff_ffff;
/// Type and length.
const HEADER_BYTES: usize = 5;
const PROTOCOL_3_0: u32 = 3 << 16;
const CANCEL_REQUEST: u32 = 80_877_102;

/// What a cancel request must tell, and to whom.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub writer: Destination,
    /// Process id and secret.
    pub bytes: [u8; 8],
}

impl Key {
    /// Has the writer cancel what it runs for this session, and waits until it has. It does not say whether there was
    /// anything to cancel.
    ///
    /// # Errors
    /// When the request did not reach the writer, as far as is known.
    pub async fn cancel(&self) -> io::Result<()> {
        let send = async {
            let mut stream = self.writer.connect().await?;
            let mut request = 16u32.to_be_bytes().to_vec();
            request.extend_from_slice(&CANCEL_REQUEST.to_be_bytes());
            request.extend_from_slice(&self.bytes);
            stream.write_all(&request).await?;
            stream.flush().await?;
            // Then it closes the connection, however: nothing is ever answered.
            let _ = stream.read(&mut [0]).await;
            Ok(())
        };
        timeout(CANCEL_TIMEOUT, send).await?
    }
}

/// See the module.
pub(super) struct Upstream {
    stream: Link,
    incoming: BytesMut,
    outgoing: Vec<u8>,
    /// How many of `outgoing` are written; what is written may wait in an encrypted stream until that is flushed.
    sent: usize,
    /// Writing failed; what the writer still says is read.
    deaf: bool,
    /// Of the writer it leads to.
    pub instance: u64,
    pub key: Arc<Key>,
}

impl Upstream {
    /// Opens a session of the same user on the writer.
    ///
    /// # Errors
    /// 08001 when it cannot be reached or is not what it says; else what the writer says.
    pub async fn open(writer: &ServerInfo, startup: &Startup) -> Result<Upstream> {
        let opened = timeout(OPEN_TIMEOUT, Upstream::shake_hands(writer, startup)).await;
        opened.map_err(|_| unreachable_writer("It does not answer."))?
    }

    async fn shake_hands(writer: &ServerInfo, startup: &Startup) -> Result<Upstream> {
        let failed = |error: io::Error| unreachable_writer(&format!("{error}."));
        let destination = Destination::of(writer).map_err(failed)?;
        let stream = destination.connect().await.map_err(failed)?;
        let mut upstream = Upstream::over(stream, destination, writer.instance);
        let mut body = PROTOCOL_3_0.to_be_bytes().to_vec();
        let own = [("user", startup.user.as_str()), ("database", &startup.database), (FORWARDED, "on")];
        let settings = startup.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let settings = settings.filter(|(name, _)| passes_on(&name.to_lowercase()));
        // The replica ends idle sessions itself.
        let told = [
            ("redoubt.report_commit_lsn", "on"),
            ("idle_session_timeout", "0"),
            ("idle_in_transaction_session_timeout", "0"),
        ];
        for (name, value) in own.into_iter().chain(settings).chain(told) {
            body.extend_from_slice(&[name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
        }
        body.push(0);
        upstream.outgoing.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        upstream.outgoing.extend_from_slice(&body);

        let mut scram = ScramSha256::new(writer.forwarding_secret.as_bytes(), ChannelBinding::unsupported());
        let mut proven = false;
        loop {
            let frame = upstream.next().await.map_err(failed)?;
            let mut body = &frame[HEADER_BYTES..];
            match frame[0] {
                b'R' => {
                    let broken = || unreachable_writer("It asks for an authentication that is not known.");
                    let code = body.try_get_u32().map_err(|_| broken())?;
                    match code {
                        // Without the writer's own proof anyone at that address could read what is written.
                        0 if proven => {}
                        10 => {
                            let first = scram.message();
                            let length = (first.len() as u32).to_be_bytes();
                            let answer = [MECHANISM.as_bytes(), b"\0", &length, first].concat();
                            upstream.put(b'p', &answer);
                        }
                        11 => {
                            scram.update(body).map_err(failed)?;
                            upstream.put(b'p', scram.message());
                        }
                        12 => {
                            scram.finish(body).map_err(failed)?;
                            proven = true;
                        }
                        _ => return Err(broken()),
                    }
                }
                b'K' => {
                    let key = body.first_chunk::<8>().ok_or_else(|| unreachable_writer("Its cancel key is broken."))?;
                    upstream.key = Arc::new(Key { writer: upstream.key.writer.clone(), bytes: *key });
                }
                b'Z' if proven => return Ok(upstream),
                b'E' => {
                    let error = error_of(body);
                    let message = format!("the writer does not take the session: {}", error.message);
                    return Err(Error::new(error.sqlstate, message));
                }
                // Settings that are the same here, and notices.
                b'S' | b'N' | b'v' => {}
                _ => return Err(unreachable_writer("It does not speak the protocol.")),
            }
        }
    }

    fn over(stream: Link, writer: Destination, instance: u64) -> Upstream {
        let key = Arc::new(Key { writer, bytes: [0; 8] });
        Upstream { stream, incoming: BytesMut::new(), outgoing: Vec::new(), sent: 0, deaf: false, instance, key }
    }

    /// Buffers a message.
    pub fn put(&mut self, kind: u8, body: &[u8]) {
        self.outgoing.push(kind);
        self.outgoing.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        self.outgoing.extend_from_slice(body);
    }

    /// Bytes that are not known to have left.
    pub fn unsent(&self) -> usize {
        self.outgoing.len()
    }

    /// The next whole message, header and all, if it is here.
    ///
    /// # Errors
    /// When the stream is no sequence of messages.
    pub fn take(&mut self) -> io::Result<Option<Bytes>> {
        let Some(header) = self.incoming.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of the writer has an invalid length"));
        }
        Ok((self.incoming.len() > length).then(|| self.incoming.split_to(length + 1).freeze()))
    }

    async fn next(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(frame);
            }
            self.progress().await?;
        }
    }

    /// Writes what can be written and reads what is there, as soon as there is something to do. May be dropped while it
    /// waits.
    ///
    /// # Errors
    /// At the end of the stream, when everything that was read is taken.
    pub async fn progress(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            let written = self.write(cx);
            match self.poll_read(cx)? {
                Poll::Pending if !written => Poll::Pending,
                _ => Poll::Ready(Ok(())),
            }
        })
        .await
    }

    /// Writes what can be written now; whether that was anything, or it is known that nothing ever will be.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progressed = false;
        while self.unsent() > 0 && !self.deaf {
            let stream = Pin::new(&mut self.stream);
            let written = match self.outgoing.get(self.sent..).filter(|rest| !rest.is_empty()) {
                Some(rest) => stream.poll_write(cx, rest).map_ok(Some),
                None => stream.poll_flush(cx).map_ok(|()| None),
            };
            match written {
                Poll::Pending => break,
                Poll::Ready(Ok(None)) => {
                    self.outgoing.clear();
                    self.sent = 0;
                }
                Poll::Ready(Ok(Some(written))) if written > 0 => self.sent += written,
                // Its last words may be on the way.
                Poll::Ready(_) => self.deaf = true,
            }
            progressed = true;
        }
        progressed
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.incoming.reserve(READ_BYTES);
        match ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.incoming))? {
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Whether a connection that nothing is asked of has not ended, as far as is known.
    pub fn is_open(&mut self) -> bool {
        if matches!(poll_fn(|cx| self.poll_read(cx)).now_or_never(), Some(Err(_))) {
            return false;
        }
        loop {
            match self.take() {
                // What a server says to an idle client besides notices and settings is its farewell.
                Ok(Some(frame)) if matches!(frame[0], b'N' | b'S') => {}
                Ok(Some(_)) | Err(_) => return false,
                Ok(None) => return true,
            }
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if self.unsent() == 0 {
            // A farewell spares the writer from waiting whether more comes; without it the end of the stream tells.
            let farewell = async {
                self.stream.write_all(b"X\0\0\0\x04").await?;
                self.stream.flush().await
            };
            let _ = farewell.now_or_never();
        }
    }
}

/// 08001, with what is wrong.
fn unreachable_writer(detail: &str) -> Error {
    let message = "the writer cannot be reached, so nothing can be written";
    Error::new(SqlState::SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, message).detail(detail)
}

/// What an ErrorResponse says; the parts that this server itself may have to tell.
pub(super) fn error_of(body: &[u8]) -> Error {
    let field = |code: u8| {
        let mut fields = body.split(|byte| *byte == 0).filter(|field| !field.is_empty());
        let found = fields.find(|field| field[0] == code)?;
        Some(String::from_utf8_lossy(&found[1..]).into_owned())
    };
    let state = field(b'C').and_then(|code| <[u8; 5]>::try_from(code.as_bytes()).ok());
    let mut error = Error::new(SqlState(state.unwrap_or(*b"XX000")), field(b'M').unwrap_or_default());
    error.detail = field(b'D');
    error.hint = field(b'H');
    if field(b'V').or_else(|| field(b'S')).is_some_and(|severity| severity != "ERROR") {
        error = error.fatal();
    }
    error
}

#[cfg(test)]
mod tests {
    use super::super::in_time;
    use super::*;
    use crate::pgwire::Peer;
    use proptest::prelude::*;
    use tokio::net::{TcpListener, TcpStream};

    async fn pair() -> (Upstream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let writer = Destination { address, fingerprint: None };
        let stream = in_time(writer.connect()).await.expect("connects");
        let (other, _) = in_time(listener.accept()).await.expect("accepted");
        let upstream = Upstream::over(stream, writer, 1);
        (upstream, other)
    }

    async fn readable(upstream: &Upstream) {
        let Link::Left(stream) = &upstream.stream else { panic!("it is plain") };
        in_time(stream.readable()).await.expect("there");
    }

    #[tokio::test]
    async fn a_long_pipeline_and_its_long_answers_do_not_wait_for_one_another() {
        const BYTES: usize = 32 << 20;
        let (mut upstream, mut other) = pair().await;
        upstream.put(b'Q', &vec![0; BYTES]);
        // Answers before it reads: as much as it was sent.
        let answers = tokio::spawn(async move {
            let mut message = vec![b'D'];
            message.extend_from_slice(&(BYTES as u32 + 4).to_be_bytes());
            message.resize(BYTES + 5, 0);
            other.write_all(&message).await.expect("it is read");
            let mut read = vec![0; BYTES + 5];
            other.read_exact(&mut read).await.expect("it is sent");
        });
        let mut answer = None;
        while answer.is_none() || upstream.unsent() > 0 {
            in_time(upstream.progress()).await.expect("open");
            answer = answer.or(upstream.take().expect("a message"));
        }
        assert_eq!(answer.expect("it came").len(), BYTES + 5);
        in_time(answers).await.expect("no panic");
    }

    #[tokio::test]
    async fn a_writer_that_proves_nothing_is_told_nothing() {
        let let_in = &b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"[..];
        let asks_in_the_clear = &b"R\0\0\0\x08\0\0\0\x03"[..];
        for answer in [let_in, asks_in_the_clear, &b"Z\0\0\0\x05I"[..]] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("bound").to_string();
            let serving = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                stream.write_all(answer).await.expect("sent");
                let mut told = Vec::new();
                // It may be cut off.
                let _ = stream.read_to_end(&mut told).await;
                told
            });
            let writer = ServerInfo { address, forwarding_secret: "secret".into(), ..ServerInfo::default() };
            let startup = Startup {
                pid: 1,
                user: "u".into(),
                database: "d".into(),
                settings: Vec::new(),
                forwarded: false,
                peer: Peer::Unix,
                encryption: None,
            };
            let refused = Upstream::open(&writer, &startup).await.map(drop).expect_err("anyone could say that");
            assert_eq!(refused.sqlstate.as_str(), "08001", "{refused:?}");
            let told = in_time(serving).await.expect("no panic");
            assert!(!told.windows(6).any(|part| part == b"secret"));
        }
    }

    #[tokio::test]
    async fn a_connection_that_ended_while_idle_is_known() {
        let (mut upstream, mut other) = pair().await;
        assert!(upstream.is_open());
        other.write_all(b"N\0\0\0\x05\0").await.expect("sent");
        readable(&upstream).await;
        assert!(upstream.is_open());
        other.write_all(b"E\0\0\0\x13SFATAL\0C57P01\0\0").await.expect("sent");
        readable(&upstream).await;
        assert!(!upstream.is_open());
    }

    #[tokio::test]
    async fn a_length_that_no_message_has_is_an_error() {
        let (mut upstream, _other) = pair().await;
        for length in [0u32, 3, 0x4000_0000, u32::MAX] {
            upstream.incoming = BytesMut::from(&b"D"[..]);
            upstream.incoming.extend_from_slice(&length.to_be_bytes());
            assert!(upstream.take().is_err(), "{length}");
        }
    }

    #[test]
    fn an_error_is_read() {
        let error = error_of(b"SFATAL\0VFATAL\0C57P01\0Mgone\0DWhy.\0\0");
        assert_eq!(
            (error.sqlstate.as_str(), error.message.as_str(), error.detail.as_deref()),
            ("57P01", "gone", Some("Why."))
        );
        assert_eq!(error.severity, types::Severity::Fatal);
        assert_eq!(error_of(b"").sqlstate.as_str(), "XX000");
    }

    proptest! {
        #[test]
        fn any_error_is_read(body: Vec<u8>) {
            let _ = error_of(&body);
        }
    }
}
