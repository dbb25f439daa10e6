//! When a server lets a client of the proxy in: told from the server's messages, none of which is changed or held up.
//!
//! Whoever has not authenticated keeps a turn of its address ([`Handshakes`](crate::pgwire::Handshakes)), here as at the
//! servers; it is given up when AuthenticationOk passes, or with the connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// Type and length of a message.
const HEADER_BYTES: usize = 5;
/// Those of an authentication message, and its code.
const AUTHENTICATION_BYTES: usize = HEADER_BYTES + 4;
/// The code that lets the client in.
const OK: [u8; 4] = [0; 4];

/// Reads a server's messages up to AuthenticationOk, and keeps `T` until then.
pub(super) struct Admission<T> {
    kept: Option<T>,
    /// The first bytes of a message.
    head: [u8; AUTHENTICATION_BYTES],
    /// How many of them are known.
    known: usize,
    /// Bytes of a message that say nothing.
    rest: usize,
}

impl<T> Admission<T> {
    pub(super) fn new(kept: T) -> Admission<T> {
        Admission { kept: Some(kept), head: [0; AUTHENTICATION_BYTES], known: 0, rest: 0 }
    }

    /// The server says this next.
    pub(super) fn hear(&mut self, mut said: &[u8]) {
        while self.kept.is_some() && !said.is_empty() {
            let passed = self.rest.min(said.len());
            self.rest -= passed;
            said = &said[passed..];
            let Some((byte, after)) = said.split_first() else { return };
            self.head[self.known] = *byte;
            self.known += 1;
            said = after;
            if self.known < HEADER_BYTES {
                continue;
            }
            let [kind, length @ .., _, _, _, _] = self.head;
            let body = (u32::from_be_bytes(length) as usize).saturating_sub(length.len());
            let code = if kind == b'R' { OK.len().min(body) } else { 0 };
            if self.known < HEADER_BYTES + code {
                continue;
            }
            if kind == b'R' && self.head[HEADER_BYTES..self.known] == OK {
                self.kept = None;
            }
            self.rest = body - code;
            self.known = 0;
        }
    }
}

/// A server's stream that is read through an admission.
pub(super) struct Heard<R, T> {
    pub reader: R,
    pub admission: Admission<T>,
}

impl<R: AsyncRead + Unpin, T: Unpin> AsyncRead for Heard<R, T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let heard = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut heard.reader).poll_read(cx, buf))?;
        heard.admission.hear(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use tokio::io::AsyncReadExt;

    /// SASL, its continuation and its end, a notice that looks like AuthenticationOk, and what does not let in either.
    const BEFORE: &[u8] = b"R\0\0\0\x0e\0\0\0\x0aSCRAM\0R\0\0\0\x0a\0\0\0\x0br=R\0\0\0\x09\0\0\0\x0cv\
        N\0\0\0\x0dR\0\0\0\x08\0\0\0\0v\0\0\0\x04R\0\0\0\x04R\0\0\0\x06\0\0";
    const OPENS: &[u8] = b"R\0\0\0\x08\0\0\0\0";

    #[tokio::test]
    async fn a_turn_ends_when_the_server_lets_the_client_in() {
        let stream = [BEFORE, OPENS, b"Z\0\0\0\x05I"].concat();
        for step in 1..stream.len() {
            let kept = Arc::new(());
            let mut reader = Heard { reader: &stream[..], admission: Admission::new(kept.clone()) };
            let mut passed = Vec::new();
            loop {
                let mut bytes = vec![0; step];
                let length = reader.read(&mut bytes).await.expect("it is there");
                if length == 0 {
                    break;
                }
                passed.extend_from_slice(&bytes[..length]);
                let is_in = passed.len() >= BEFORE.len() + OPENS.len();
                assert_eq!(Arc::strong_count(&kept) == 1, is_in, "{step} {}", passed.len());
            }
            assert_eq!(passed, stream);
        }
    }

    proptest! {
        #[test]
        fn anything_may_be_said(said: Vec<Vec<u8>>) {
            let mut admission = Admission::new(());
            said.iter().for_each(|said| admission.hear(said));
        }
    }
}
