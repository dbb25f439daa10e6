//! The frame guard: cuts a byte stream into frames by type and length before anything is decoded.
//!
//! **Rule.** A frame's header is judged as soon as its five bytes are here: an unknown type, a length below 4 or above
//! the limit of the state and the type ends the connection. Nothing is allocated on the word of a length; the caller
//! reads on, and its buffer grows with what has arrived.
//!
//! Frames are independent: a body that lies about its inside can spoil its own message only, since the next frame starts
//! where the length said, never where a decoder stopped reading. (That is what CVE-2024-27304's class relies on.)
//!
//! The limits are PostgreSQL's (`pqcomm.h`, `auth.c`), except for the large one, which is a setting.

use bytes::BytesMut;
use types::Error;

use super::error::lost_synchronization;

/// Largest start-up packet in bytes, its length word included.
pub(super) const STARTUP_BYTES_MAX: usize = 10_000;
/// Largest message while a client authenticates, in bytes.
pub(super) const AUTH_BYTES_MAX: usize = 65_535;
/// Largest message of the types that carry no more than a name, in bytes.
pub(super) const SMALL_BYTES_MAX: usize = 10_000;
/// Type and length.
const HEADER_BYTES: usize = 5;

/// What may arrive now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Password messages only.
    Authentication,
    /// Everything, up to this many bytes of body.
    Ready { message_bytes_max: usize },
}

/// One whole message: its type and its body, without the length.
#[derive(Debug)]
pub(super) struct Frame {
    pub kind: u8,
    pub body: BytesMut,
}

/// What [`cut`] found.
#[derive(Debug)]
pub(super) enum Cut {
    Frame(Frame),
    /// The buffer must hold this many bytes before it is worth asking again.
    Need(usize),
}

/// Takes the first frame from the front of `bytes`, if it is whole.
///
/// # Errors
/// Fatal 08P01.
pub(super) fn cut(bytes: &mut BytesMut, phase: Phase) -> Result<Cut, Error> {
    let Some(kind) = bytes.first().copied() else { return Ok(Cut::Need(HEADER_BYTES)) };
    let limit = limit_of(kind, phase)?;
    let Some(length) = bytes.get(1..HEADER_BYTES) else { return Ok(Cut::Need(HEADER_BYTES)) };
    let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
    let Some(body) = usize::try_from(length).ok().and_then(|length| length.checked_sub(4)) else {
        return Err(lost_synchronization("invalid message length"));
    };
    if body > limit {
        return Err(lost_synchronization("invalid message length")
            .detail(format!("A message of type {:?} may hold {limit} bytes here.", kind as char)));
    }
    if bytes.len() < HEADER_BYTES + body {
        return Ok(Cut::Need(HEADER_BYTES + body));
    }
    let mut body = bytes.split_to(HEADER_BYTES + body);
    bytes::Buf::advance(&mut body, HEADER_BYTES);
    Ok(Cut::Frame(Frame { kind, body }))
}

/// The largest body of this type in this phase.
fn limit_of(kind: u8, phase: Phase) -> Result<usize, Error> {
    match (phase, kind) {
        (Phase::Authentication, b'p') => Ok(AUTH_BYTES_MAX),
        (Phase::Authentication, kind) => {
            Err(lost_synchronization(format!("expected password response, got message type {kind}")))
        }
        (Phase::Ready { message_bytes_max }, b'Q' | b'P' | b'B' | b'd' | b'F') => Ok(message_bytes_max),
        (Phase::Ready { message_bytes_max }, b'D' | b'E' | b'C' | b'S' | b'H' | b'X' | b'c' | b'f') => {
            Ok(SMALL_BYTES_MAX.min(message_bytes_max))
        }
        (Phase::Ready { .. }, kind) => Err(lost_synchronization(format!("invalid frontend message type {kind}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const READY: Phase = Phase::Ready { message_bytes_max: 1 << 20 };

    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn a_bad_length_is_refused_for_every_type_at_its_header() {
        for kind in *b"QPBDECSHXdcfF" {
            for length in [0, 3, -1, i32::MIN, 0x7fff_ffff] {
                let mut bytes = BytesMut::from(&[kind][..]);
                bytes.extend_from_slice(&length.to_be_bytes());
                let error = cut(&mut bytes, READY).expect_err("refused");
                assert_eq!(error.sqlstate.as_str(), "08P01");
                assert_eq!(error.severity, types::Severity::Fatal);
            }
        }
    }

    #[test]
    fn an_unknown_type_is_refused_by_its_first_byte() {
        assert!(cut(&mut BytesMut::from(&b"z"[..]), READY).is_err());
        assert!(cut(&mut BytesMut::from(&b"p"[..]), READY).is_err());
        assert!(cut(&mut BytesMut::from(&b"Q"[..]), Phase::Authentication).is_err());
    }

    proptest! {
        /// However the stream is chopped up, the same frames come out.
        #[test]
        fn frames_do_not_depend_on_arrival(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..8),
            step in 1usize..50,
        ) {
            let stream: Vec<u8> = bodies.iter().flat_map(|body| frame(b'd', body)).collect();
            let mut buffer = BytesMut::new();
            let mut seen = Vec::new();
            for chunk in stream.chunks(step) {
                buffer.extend_from_slice(chunk);
                loop {
                    match cut(&mut buffer, READY).expect("well formed") {
                        Cut::Frame(frame) => seen.push(frame.body.to_vec()),
                        Cut::Need(need) => {
                            prop_assert!(need > buffer.len());
                            break;
                        }
                    }
                }
            }
            prop_assert_eq!(seen, bodies);
        }
    }
}
