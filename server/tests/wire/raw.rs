//! A client that sends any bytes and reads messages, with a limit on every wait.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fake::Harness;

const PATIENCE: Duration = Duration::from_secs(10);

/// What must not be waited for without end.
pub async fn in_time<T>(waited_for: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, waited_for).await.expect("the server reads, answers or closes")
}

pub struct Raw<S = TcpStream> {
    pub stream: S,
}

/// One server message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub kind: char,
    pub body: Vec<u8>,
}

impl Reply {
    /// A field of an ErrorResponse.
    pub fn field(&self, code: char) -> String {
        assert!(matches!(self.kind, 'E' | 'N'), "not an error: {self:?}");
        let fields = self.body.split(|byte| *byte == 0).filter(|field| !field.is_empty());
        let mut found = fields.filter(|field| field[0] == code as u8);
        String::from_utf8(found.next().map_or(Vec::new(), |field| field[1..].to_vec())).expect("UTF-8")
    }

    /// The first column of a DataRow, as text.
    pub fn first_column(&self) -> String {
        assert_eq!(self.kind, 'D');
        let length = u32::from_be_bytes(self.body[2..6].try_into().expect("four bytes")) as usize;
        String::from_utf8(self.body[6..6 + length].to_vec()).expect("UTF-8")
    }
}

pub fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    with_length(kind, body.len() as i32 + 4, body)
}

/// A frame that announces any length.
pub fn with_length(kind: u8, length: i32, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

pub fn query(sql: &str) -> Vec<u8> {
    frame(b'Q', &[sql.as_bytes(), b"\0"].concat())
}

pub fn sync() -> Vec<u8> {
    frame(b'S', b"")
}

pub fn parse(name: &str, sql: &str) -> Vec<u8> {
    frame(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"].concat())
}

/// The unnamed portal over a statement, with parameters of one format and text results.
pub fn bind(statement: &str, format: u8, params: &[&[u8]]) -> Vec<u8> {
    let mut body = [b"\0", statement.as_bytes(), b"\0\0\x01\0", &[format]].concat();
    body.extend_from_slice(&(params.len() as u16).to_be_bytes());
    for param in params {
        body.extend_from_slice(&(param.len() as u32).to_be_bytes());
        body.extend_from_slice(param);
    }
    body.extend_from_slice(b"\0\0");
    frame(b'B', &body)
}

pub fn describe(target: u8, name: &str) -> Vec<u8> {
    frame(b'D', &[&[target], name.as_bytes(), b"\0"].concat())
}

pub fn execute(max_rows: i32) -> Vec<u8> {
    frame(b'E', &[&b"\0"[..], &max_rows.to_be_bytes()].concat())
}

pub fn startup(major: u16, minor: u16, pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut body = [major.to_be_bytes(), minor.to_be_bytes()].concat();
    for (name, value) in pairs {
        body.extend_from_slice(&[name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    body.push(0);
    untyped(&body)
}

/// A start-up packet of any body.
pub fn untyped(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

impl Raw {
    pub async fn connect(harness: &Harness) -> Raw {
        let stream = TcpStream::connect(("127.0.0.1", harness.port)).await.expect("accepted");
        Raw { stream }
    }

    /// A session of `user`, ready for its first query.
    pub async fn session_of(harness: &Harness, user: &str) -> Raw {
        let mut raw = Raw::connect(harness).await;
        raw.send(&startup(3, 0, &[("user", user)])).await;
        raw.until_ready().await;
        raw
    }

    pub async fn session(harness: &Harness) -> Raw {
        Raw::session_of(harness, "ann").await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub async fn send(&mut self, bytes: &[u8]) {
        in_time(self.stream.write_all(bytes)).await.expect("the server reads");
        in_time(self.stream.flush()).await.expect("the server reads");
    }

    /// The next message, or `None` at the end of the stream.
    pub async fn read(&mut self) -> Option<Reply> {
        let read = async {
            let kind = self.stream.read_u8().await.ok()?;
            let length = self.stream.read_u32().await.expect("a length");
            let mut body = vec![0; length as usize - 4];
            self.stream.read_exact(&mut body).await.expect("a whole message");
            Some(Reply { kind: kind as char, body })
        };
        in_time(read).await
    }

    pub async fn until_ready(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        loop {
            let reply = self.read().await.unwrap_or_else(|| panic!("closed after {replies:?}"));
            let ready = reply.kind == 'Z';
            replies.push(reply);
            if ready {
                return replies;
            }
        }
    }

    /// The kinds of all messages up to ReadyForQuery.
    pub async fn kinds(&mut self) -> String {
        self.until_ready().await.iter().map(|reply| reply.kind).collect()
    }

    /// Expects a FATAL of this code as the last message.
    pub async fn fatal(&mut self, sqlstate: &str) -> Reply {
        let reply = self.read().await.expect("a last message");
        assert_eq!((reply.field('S').as_str(), reply.field('C').as_str()), ("FATAL", sqlstate), "{reply:?}");
        self.closed().await;
        reply
    }

    /// Expects an ERROR of this code among the messages up to ReadyForQuery, and that the session is still usable.
    pub async fn error_and_usable(&mut self, sqlstate: &str) {
        let replies = self.until_ready().await;
        let errors: Vec<&Reply> = replies.iter().filter(|reply| reply.kind == 'E').collect();
        assert_eq!(errors.len(), 1, "{replies:?}");
        assert_eq!((errors[0].field('S').as_str(), errors[0].field('C').as_str()), ("ERROR", sqlstate), "{replies:?}");
        self.usable().await;
    }

    pub async fn usable(&mut self) {
        self.send(&query("select alive")).await;
        assert_eq!(self.until_ready().await[1].first_column(), "alive");
    }

    /// Expects the end of the stream (a reset counts) and nothing before it.
    pub async fn closed(&mut self) {
        let mut byte = [0];
        let read = in_time(self.stream.read(&mut byte)).await;
        assert!(matches!(read, Ok(0) | Err(_)), "more bytes came: {byte:?}");
    }
}
