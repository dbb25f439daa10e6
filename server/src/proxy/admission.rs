//! When a server lets a client of the proxy in, and the key by which its statements are cancelled: told from the
//! server's messages, none of which is changed or held up.
//!
//! Whoever has not authenticated keeps a turn of its address ([`Handshakes`](crate::pgwire::Handshakes)), here as at
//! the servers; it is given up when AuthenticationOk passes, or with the connection. The key is known here before the
//! client has it, and until the connection ends.

use super::keys::{Key, Ticket};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// Type and length of a message.
const HEADER_BYTES: usize = 5;
/// Of a key: what is looked at of a body, at most.
const KEY_BYTES: usize = size_of::<Key>();
/// The code that lets the client in.
const OK: [u8; 4] = [0; 4];

/// Reads a server's messages up to AuthenticationOk, and keeps `T` until then; and up to BackendKeyData.
pub(super) struct Admission<T> {
    kept: Option<T>,
    ticket: Ticket,
    /// Whether the key may still come: before ReadyForQuery.
    awaits_key: bool,
    /// The first bytes of a message.
    head: [u8; HEADER_BYTES + KEY_BYTES],
    /// How many of them are known.
    known: usize,
    /// Bytes of a message that say nothing.
    rest: usize,
}

impl<T> Admission<T> {
    pub(super) fn new(kept: T, ticket: Ticket) -> Admission<T> {
        let head = [0; HEADER_BYTES + KEY_BYTES];
        Admission { kept: Some(kept), ticket, awaits_key: true, head, known: 0, rest: 0 }
    }

    /// The server says this next.
    pub(super) fn hear(&mut self, mut said: &[u8]) {
        while (self.kept.is_some() || self.awaits_key) && !said.is_empty() {
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
            let [kind, length @ .., _, _, _, _, _, _, _, _] = self.head;
            let body = (u32::from_be_bytes(length) as usize).saturating_sub(length.len());
            let wanted = match kind {
                b'R' => OK.len().min(body),
                // A longer one would be of another version of the protocol.
                b'K' if body == KEY_BYTES => KEY_BYTES,
                _ => 0,
            };
            if self.known < HEADER_BYTES + wanted {
                continue;
            }
            let seen = &self.head[HEADER_BYTES..self.known];
            match kind {
                b'R' if seen == OK => self.kept = None,
                b'K' if self.awaits_key => {
                    if let Ok(key) = Key::try_from(seen) {
                        self.ticket.enter(key);
                    }
                    self.awaits_key = false;
                }
                b'Z' => self.awaits_key = false,
                _ => {}
            }
            self.rest = body - wanted;
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
    use super::super::keys::Keys;
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
            let ticket = Arc::new(Keys::default()).ticket("writer:5432");
            let mut reader = Heard { reader: &stream[..], admission: Admission::new(kept.clone(), ticket) };
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

    #[test]
    fn a_key_is_known_as_long_as_its_connection_is() {
        let keys = Arc::new(Keys::default());
        let said = [BEFORE, OPENS, b"S\0\0\0\x08a\0b\0", b"K\0\0\0\x0c\0\0\0\x07word", b"Z\0\0\0\x05I"].concat();
        for step in 1..said.len() {
            let mut admission = Admission::new((), keys.ticket("replica:5432"));
            said.chunks(step).for_each(|said| admission.hear(said));
            assert_eq!(keys.address(b"\0\0\0\x07word").as_deref(), Some("replica:5432"), "{step}");
            assert_eq!(keys.address(b"\0\0\0\x07none"), None);
            drop(admission);
            assert_eq!(keys.address(b"\0\0\0\x07word"), None);
        }
        // Behind ReadyForQuery it is what a client asked for.
        let mut admission = Admission::new((), keys.ticket("replica:5432"));
        admission.hear(OPENS);
        admission.hear(b"Z\0\0\0\x05IK\0\0\0\x0c\0\0\0\x07word");
        assert_eq!(keys.address(b"\0\0\0\x07word"), None);
    }

    proptest! {
        #[test]
        fn anything_may_be_said(said: Vec<Vec<u8>>) {
            let mut admission = Admission::new((), Arc::new(Keys::default()).ticket("writer:5432"));
            said.iter().for_each(|said| admission.hear(said));
        }
    }
}
