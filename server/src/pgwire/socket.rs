//! A client's socket in two halves, TCP or Unix, plain or encrypted.
//!
//! The halves of a plain socket share nothing. Those of an encrypted one share the TLS connection behind a lock, which is
//! free whenever it is asked for: both belong to one task, and it is not held across an await. Bytes that were written to
//! an encrypted half may wait in it until it is flushed.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio::runtime::Handle;

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

/// Prepares a TCP stream, whichever end opened it. Without NODELAY each flush can wait 40 ms for an acknowledgement;
/// keep-alive finds peers that vanished.
///
/// # Errors
/// When the connection has ended.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_TIME).with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

pub(super) fn split_tcp(stream: TcpStream) -> io::Result<(ReadHalf, WriteHalf)> {
    prepare(&stream)?;
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

/// Moves a socket to another event loop. What it holds, here and in the kernel, stays as it is.
///
/// # Errors
/// When no descriptor is to be had for the moment in which there are two, or the loop is gone: the socket stays where it is.
pub(super) fn rehome(reader: &mut ReadHalf, writer: &mut WriteHalf, event_loop: &Handle) -> io::Result<()> {
    let _within = event_loop.enter();
    let again = |stream: &TcpStream| TcpStream::from_std(stream.as_fd().try_clone_to_owned()?.into());
    let before = match reader {
        ReadHalf::Tcp(half) => {
            let (read, write) = again(half.as_ref())?.into_split();
            *reader = ReadHalf::Tcp(read);
            std::mem::replace(writer, WriteHalf::Tcp(write))
        }
        ReadHalf::Unix(half) => {
            let stream = half.as_ref().as_fd().try_clone_to_owned()?.into();
            let (read, write) = UnixStream::from_std(stream)?.into_split();
            *reader = ReadHalf::Unix(read);
            std::mem::replace(writer, WriteHalf::Unix(write))
        }
        ReadHalf::Tls(shared) => {
            let mut stream = shared.lock();
            let plain = stream.get_mut().0;
            *plain = again(plain)?;
            return Ok(());
        }
        ReadHalf::Away => return Ok(()),
    };
    // Dropped, it would tell the client that nothing more is sent.
    match before {
        WriteHalf::Tcp(half) => half.forget(),
        WriteHalf::Unix(half) => half.forget(),
        WriteHalf::Tls(_) | WriteHalf::Away => {}
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn event_loop() -> Runtime {
        Builder::new_current_thread().enable_all().build().expect("a runtime")
    }

    /// Moves a socket whose client has already sent something, ends the loop that it was in, and speaks with the client.
    fn moves(halves: impl FnOnce() -> (ReadHalf, WriteHalf), mut client: impl Read + Write) {
        let (old, new) = (event_loop(), event_loop());
        let (mut reader, mut writer) = {
            let _within = old.enter();
            halves()
        };
        client.write_all(b"before").expect("it is connected");
        rehome(&mut reader, &mut writer, new.handle()).expect("a descriptor can be had");
        drop(old);
        client.write_all(b" and after").expect("it is connected");
        let mut heard = [0; 16];
        new.block_on(reader.read_exact(&mut heard)).expect("its loop is there");
        assert_eq!(&heard, b"before and after");
        assert!(!reader.peer_closed());
        new.block_on(writer.write_all(b"answer")).expect("its loop is there");
        drop((reader, writer));
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("it ends");
        assert_eq!(answer, "answer", "neither cut short by the move nor open after the end");
    }

    #[test]
    fn a_socket_that_was_moved_needs_the_event_loop_before_no_more() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let client = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let (served, _) = listener.accept().expect("somebody came");
        served.set_nonblocking(true).expect("a socket");
        moves(|| TcpStream::from_std(served).and_then(split_tcp).expect("within a loop"), client);
        let (served, client) = std::os::unix::net::UnixStream::pair().expect("two descriptors");
        served.set_nonblocking(true).expect("a socket");
        moves(|| UnixStream::from_std(served).map(split_unix).expect("within a loop"), client);
    }
}
