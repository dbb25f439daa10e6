//! Start-up packets: the untyped first messages of a connection.
//!
//! ```text
//! i32 length | i32 code | body
//!   80877103  SSLRequest        no body
//!   80877104  GSSENCRequest     no body
//!   80877102  CancelRequest     i32 pid, 4 bytes of key
//!   major << 16 | minor         name NUL value NUL ... NUL
//! ```
//!
//! A length outside 8..=10,000 is not answered: it comes from something that does not speak this protocol (`GET ` and a
//! TLS ClientHello read as lengths are far above).
//!
//! Source: PostgreSQL manual, section "Message Formats"; `postmaster.c`, `ProcessStartupPacket`.

use std::net::SocketAddr;

use bytes::BytesMut;
use types::{Error, SqlState};

use super::error::{check_text, lost_synchronization};
use super::frame::STARTUP_BYTES_MAX;
use super::session::Encryption;

/// The longest name of a user or a database, in bytes; longer ones are cut, as where they are made.
const NAME_BYTES_MAX: usize = 63;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
/// The parameter by which a replica says that it forwards a session.
pub const FORWARDED: &str = "redoubt.forwarded";
/// The protocol spoken, as it stands in NegotiateProtocolVersion: PostgreSQL 15 sends the whole number, not the minor.
pub(super) const PROTOCOL_3_0: i32 = 3 << 16;

/// Where a client connects from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    Tcp(SocketAddr),
    Unix,
}

impl Peer {
    /// Whether it is on this machine.
    #[must_use]
    pub fn is_local(self) -> bool {
        match self {
            Peer::Unix => true,
            Peer::Tcp(address) => address.ip().to_canonical().is_loopback(),
        }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Peer::Tcp(address) => address.fmt(f),
            Peer::Unix => f.write_str("[local]"),
        }
    }
}

/// Who wants to connect, and how their session is to start.
#[derive(Clone, Debug)]
pub struct Startup {
    /// The process id told to the client and shown in `pg_stat_activity`; 0 until the login is accepted.
    pub pid: i32,
    pub user: String,
    /// The user's name if the client named none.
    pub database: String,
    /// Settings in the order given: those in `options` first, then the packet's own (application_name,
    /// client_encoding, DateStyle, ...). Names as the client spelled them.
    pub settings: Vec<(String, String)>,
    /// Whether this is a session that a replica forwards: the user has proven who they are there, and the replica proves
    /// here that it is one of this cluster.
    pub forwarded: bool,
    pub peer: Peer,
    /// `None` for a plain connection.
    pub encryption: Option<Encryption>,
}

impl Startup {
    /// What the client calls itself, or nothing.
    pub fn application_name(&self) -> &str {
        let mut names = self.settings.iter().rev().filter(|(name, _)| name.eq_ignore_ascii_case("application_name"));
        names.next().map_or("", |(_, value)| value)
    }
}

/// A start-up packet that was checked.
#[derive(Debug)]
pub(super) enum Opening {
    Ssl,
    Gss,
    Cancel {
        pid: i32,
        secret: [u8; 4],
    },
    /// `unknown` are the `_pq_.` options not understood; with them or a newer minor version the client is told.
    Session {
        startup: Startup,
        minor: u16,
        unknown: Vec<String>,
    },
}

/// Why a packet is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Close without a word.
    Silent(&'static str),
    /// Send this FATAL, then close.
    Told(Error),
}

/// Takes a whole start-up packet, without its length word, from the front of `bytes`, or tells how many bytes are needed.
///
/// # Errors
/// [`Refusal::Silent`] at the length word.
pub(super) fn cut(bytes: &mut BytesMut) -> Result<Result<BytesMut, usize>, Refusal> {
    let Some(length) = bytes.first_chunk::<4>() else { return Ok(Err(4)) };
    let length = u32::from_be_bytes(*length) as usize;
    if !(8..=STARTUP_BYTES_MAX).contains(&length) {
        return Err(Refusal::Silent("invalid length of startup packet"));
    }
    if bytes.len() < length {
        return Ok(Err(length));
    }
    let mut packet = bytes.split_to(length);
    bytes::Buf::advance(&mut packet, 4);
    Ok(Ok(packet))
}

/// Checks a packet (without its length word).
///
/// # Errors
/// 0A000 another protocol, 08P01 a broken layout, 28000 no user, 22021 bytes that are no text, 42601 bad `options`.
pub(super) fn check(packet: &[u8], peer: Peer) -> Result<Opening, Refusal> {
    let (code, body) = packet.split_first_chunk::<4>().ok_or(Refusal::Silent("invalid length of startup packet"))?;
    match u32::from_be_bytes(*code) {
        SSL_REQUEST if body.is_empty() => Ok(Opening::Ssl),
        GSS_REQUEST if body.is_empty() => Ok(Opening::Gss),
        CANCEL_REQUEST => match body {
            [a, b, c, d, secret @ ..] if secret.len() == 4 => Ok(Opening::Cancel {
                pid: i32::from_be_bytes([*a, *b, *c, *d]),
                secret: [secret[0], secret[1], secret[2], secret[3]],
            }),
            _ => Err(Refusal::Silent("invalid length of a cancel request")),
        },
        version => {
            let (major, minor) = ((version >> 16) as u16, version as u16);
            if major != 3 {
                return Err(Refusal::Told(unsupported_protocol(major, minor)));
            }
            session(body, minor, peer).map_err(|error| Refusal::Told(error.fatal()))
        }
    }
}

/// 0A000 for a protocol of another major version.
pub(super) fn unsupported_protocol(major: u16, minor: u16) -> Error {
    let message = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0");
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).fatal()
}

fn session(body: &[u8], minor: u16, peer: Peer) -> Result<Opening, Error> {
    let layout = || lost_synchronization("invalid startup packet layout: expected terminator as last byte");
    let mut user = String::new();
    let mut database = String::new();
    let mut options = String::new();
    let mut forwarded = false;
    let mut given = Vec::new();
    let mut unknown = Vec::new();
    let mut strings = body.strip_suffix(b"\0").ok_or_else(layout)?;
    while !strings.is_empty() {
        let name = next_string(&mut strings).ok_or_else(layout)?;
        let value = next_string(&mut strings).ok_or_else(layout)?;
        // An empty name is the terminator: something stands behind it.
        if name.is_empty() {
            return Err(layout());
        }
        let (name, value) = (check_text(name)?, check_text(value)?.to_owned());
        match name {
            "user" => user = value,
            "database" => database = value,
            "options" => options = value,
            FORWARDED => forwarded = true,
            "replication" if matches!(value.to_ascii_lowercase().as_str(), "false" | "off" | "no" | "0") => {}
            "replication" => return Err(Error::unsupported("replication connections")),
            name if name.starts_with("_pq_.") => unknown.push(name.to_owned()),
            name => given.push((name.to_owned(), value)),
        }
    }
    if user.is_empty() {
        let message = "no PostgreSQL user name specified in startup packet";
        return Err(Error::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, message));
    }
    if database.is_empty() {
        database.clone_from(&user);
    }
    for name in [&mut user, &mut database] {
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    }
    let mut settings = parse_options(&options)?;
    settings.extend(given);
    Ok(Opening::Session {
        startup: Startup { pid: 0, user, database, settings, forwarded, peer, encryption: None },
        minor,
        unknown,
    })
}

fn next_string<'a>(strings: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = strings.iter().position(|byte| *byte == 0)?;
    let string = &strings[..end];
    *strings = &strings[end + 1..];
    Some(string)
}

/// The `options` parameter: `-c name=value` and `--name=value`, separated by blanks that a backslash can escape.
fn parse_options(options: &str) -> Result<Vec<(String, String)>, Error> {
    let mut words = vec![String::new()];
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        let word = words.last_mut().expect("starts with one word");
        match character {
            '\\' => word.extend(characters.next()),
            blank if blank.is_ascii_whitespace() => words.push(String::new()),
            other => word.push(other),
        }
    }
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let assignment = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") if word == "-c" => words.next(),
            Some(assignment) => Some(assignment.to_owned()),
            None => None,
        };
        let pair = assignment.as_deref().and_then(|assignment| assignment.split_once('='));
        let Some((name, value)) = pair.filter(|(name, _)| !name.is_empty()) else {
            let message = format!("invalid command-line argument for server process: {word}");
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        };
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn open(code: u32, body: &[u8]) -> Result<Opening, Refusal> {
        check(&[&code.to_be_bytes()[..], body].concat(), Peer::Unix)
    }

    fn refused(code: u32, body: &[u8]) -> String {
        match open(code, body) {
            Err(Refusal::Told(error)) => {
                assert_eq!(error.severity, types::Severity::Fatal);
                error.sqlstate.as_str().to_owned()
            }
            other => panic!("expected a told refusal, got {other:?}"),
        }
    }

    #[test]
    fn the_length_word_is_judged_alone() {
        for length in [0u32, 7, 10_001, u32::MAX, u32::from_be_bytes(*b"GET "), 0x1603_0102] {
            assert!(matches!(cut(&mut BytesMut::from(&length.to_be_bytes()[..])), Err(Refusal::Silent(_))), "{length}");
        }
        assert!(matches!(cut(&mut BytesMut::from(&b"\0\0\0\x08"[..])), Ok(Err(8))));
    }

    #[test]
    fn a_session_is_read() {
        let body = b"user\0ann\0options\0-c a-b=1 --x=y\\ z\0application_name\0psql\0_pq_.n\0v\0\0";
        let Ok(Opening::Session { startup, minor, unknown }) = open(3 << 16 | 9, body) else { panic!("refused") };
        assert_eq!((startup.user.as_str(), startup.database.as_str(), minor), ("ann", "ann", 9));
        assert_eq!(startup.application_name(), "psql");
        assert_eq!(startup.settings[..2], [("a_b".into(), "1".into()), ("x".into(), "y z".into())]);
        assert_eq!(unknown, ["_pq_.n"]);
    }

    #[test]
    fn long_names_are_cut() {
        let body = format!("user\0{}\0database\0{}\0\0", "x".repeat(64), "ä".repeat(40));
        let Ok(Opening::Session { startup, .. }) = open(3 << 16, body.as_bytes()) else { panic!("refused") };
        assert_eq!((startup.user, startup.database), ("x".repeat(63), "ä".repeat(31)));
    }

    #[test]
    fn broken_layouts_are_refused() {
        for body in [&b""[..], b"user\0ann\0", b"user\0ann\0database\0\0", b"user\0ann", b"user\0ann\0\0x\0\0"] {
            assert_eq!(refused(3 << 16, body), "08P01", "{body:?}");
        }
        assert_eq!(refused(3 << 16, b"\0"), "28000");
        assert_eq!(refused(2 << 16, b"user\0ann\0\0"), "0A000");
        assert_eq!(refused(3 << 16, b"user\0a\xff\0\0"), "22021");
        assert_eq!(refused(3 << 16, b"user\0a\0options\0-x\0\0"), "42601");
        assert_eq!(refused(3 << 16, b"user\0a\0replication\0database\0\0"), "0A000");
    }

    proptest! {
        #[test]
        fn any_packet_is_judged(packet: Vec<u8>) {
            let _ = check(&packet, Peer::Unix);
            let _ = session(&packet, 0, Peer::Unix);
        }
    }
}
