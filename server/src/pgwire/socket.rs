//! A client's socket in two halves, TCP or Unix, plain or encrypted.
//!
//! The halves of a plain socket share nothing. Those of an encrypted one share the TLS connection behind a lock, which is
//! free whenever it is asked for: both belong to one task, and it is not held across an await. Bytes that were written to
//! an encrypted half may wait in it until it is flushed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

use super::session::Encryption;
use super::tls::{Tls, TlsStream, agreed};

/// The half that is read.
pub(super) enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
    Tls(Arc<Mutex<TlsStream>>),
    /// In a TLS handshake, or lost with one: reads as ended.
    Away,
}

/// The half that is written; dropping it sends the end of the stream.
pub(super) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
    Tls(Arc<Mutex<TlsStream>>),
    /// In a TLS handshake, or lost with one: cannot be written.
    Away,
}

/// How long a TCP connection is silent before the kernel asks whether its peer is still there, and how often it asks.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Prepares a TCP stream. Without NODELAY each flush can wait 40 ms for an acknowledgement; keep-alive finds peers that
/// vanished.
pub(super) fn split_tcp(stream: TcpStream) -> io::Result<(ReadHalf, WriteHalf)> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_TIME).with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    let (reader, writer) = stream.into_split();
    Ok((ReadHalf::Tcp(reader), WriteHalf::Tcp(writer)))
}

pub(super) fn split_unix(stream: UnixStream) -> (ReadHalf, WriteHalf) {
    let (reader, writer) = stream.into_split();
    (ReadHalf::Unix(reader), WriteHalf::Unix(writer))
}

/// Turns the halves of a plain TCP stream into those of an encrypted one, by a handshake. The caller bounds the time.
///
/// # Errors
/// As [`Tls::accept`]; the socket is closed.
pub(super) async fn encrypt(
    reader: ReadHalf,
    writer: WriteHalf,
    tls: &Tls,
) -> io::Result<(ReadHalf, WriteHalf, Encryption)> {
    let (ReadHalf::Tcp(reader), WriteHalf::Tcp(writer)) = (reader, writer) else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let stream = tls.accept(reader.reunite(writer).map_err(io::Error::other)?).await?;
    let encryption = agreed(stream.get_ref().1);
    let shared = Arc::new(Mutex::new(stream));
    Ok((ReadHalf::Tls(shared.clone()), WriteHalf::Tls(shared), encryption))
}

impl ReadHalf {
    /// The core that the peer's packets are processed on (`SO_INCOMING_CPU`).
    pub(super) fn incoming_core(&self) -> Option<usize> {
        match self {
            ReadHalf::Tcp(half) => SockRef::from(half.as_ref()).cpu_affinity().ok(),
            ReadHalf::Tls(stream) => SockRef::from(stream.lock().get_ref().0).cpu_affinity().ok(),
            ReadHalf::Unix(_) | ReadHalf::Away => None,
        }
    }

    /// Whether the peer has closed its side, even if bytes it sent before are still unread.
    pub(super) fn peer_closed(&self) -> bool {
        let ready = match self {
            ReadHalf::Tcp(half) => half.ready(Interest::READABLE).now_or_never(),
            ReadHalf::Unix(half) => half.ready(Interest::READABLE).now_or_never(),
            ReadHalf::Tls(stream) => stream.lock().get_ref().0.ready(Interest::READABLE).now_or_never(),
            ReadHalf::Away => return true,
        };
        ready.is_some_and(|ready| ready.is_ok_and(|ready| ready.is_read_closed()))
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ReadHalf::Tcp(half) => Pin::new(half).poll_read(cx, buf),
            ReadHalf::Unix(half) => Pin::new(half).poll_read(cx, buf),
            ReadHalf::Tls(stream) => Pin::new(&mut *stream.lock()).poll_read(cx, buf),
            ReadHalf::Away => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            WriteHalf::Tcp(half) => Pin::new(half).poll_write(cx, bytes),
            WriteHalf::Unix(half) => Pin::new(half).poll_write(cx, bytes),
            WriteHalf::Tls(stream) => Pin::new(&mut *stream.lock()).poll_write(cx, bytes),
            WriteHalf::Away => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            WriteHalf::Tcp(half) => Pin::new(half).poll_flush(cx),
            WriteHalf::Unix(half) => Pin::new(half).poll_flush(cx),
            WriteHalf::Tls(stream) => Pin::new(&mut *stream.lock()).poll_flush(cx),
            WriteHalf::Away => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            WriteHalf::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            WriteHalf::Unix(half) => Pin::new(half).poll_shutdown(cx),
            WriteHalf::Tls(stream) => Pin::new(&mut *stream.lock()).poll_shutdown(cx),
            WriteHalf::Away => Poll::Ready(Ok(())),
        }
    }
}
