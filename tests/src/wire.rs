//! A client that says each message of the protocol itself, for pipelines that no driver writes.

use crate::cluster::PATIENCE;
use anyhow::Context;
use bytes::{BufMut, BytesMut};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A connection, and the messages that are to be sent together.
pub struct Wire {
    stream: TcpStream,
    outgoing: BytesMut,
}

impl Wire {
    /// A session of `postgres` on the server at `port`, which asks for no password, with `options` of the start-up packet.
    ///
    /// # Errors
    /// When the server does not let it in.
    pub fn connect(port: u16, options: &str) -> anyhow::Result<Wire> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut wire = Wire { stream, outgoing: BytesMut::new() };
        let parameters = [("user", "postgres"), ("database", "postgres"), ("options", options)];
        frontend::startup_message(parameters, &mut wire.outgoing)?;
        let answers = wire.answers()?;
        anyhow::ensure!(answers == ["ready I"], "{answers:?}");
        Ok(wire)
    }

    /// Parse, without types of parameters.
    ///
    /// # Errors
    /// When a text has a zero byte; so are those of the other messages.
    pub fn parse(&mut self, statement: &str, sql: &str) -> anyhow::Result<&mut Wire> {
        frontend::parse(statement, sql, [], &mut self.outgoing)?;
        Ok(self)
    }

    /// Bind, without parameters.
    ///
    /// # Errors
    /// As [`Wire::parse`].
    pub fn bind(&mut self, portal: &str, statement: &str) -> anyhow::Result<&mut Wire> {
        let none: [i16; 0] = [];
        let no_value = |_: i16, _: &mut BytesMut| Ok(IsNull::Yes);
        frontend::bind(portal, statement, none, none, no_value, none, &mut self.outgoing)
            .map_err(|_| anyhow::anyhow!("a name with a zero byte"))?;
        Ok(self)
    }

    /// Execute, for all rows.
    ///
    /// # Errors
    /// As [`Wire::parse`].
    pub fn execute(&mut self, portal: &str) -> anyhow::Result<&mut Wire> {
        frontend::execute(portal, 0, &mut self.outgoing)?;
        Ok(self)
    }

    /// Parse, Bind and Execute without names.
    ///
    /// # Errors
    /// As [`Wire::parse`].
    pub fn run(&mut self, sql: &str) -> anyhow::Result<&mut Wire> {
        self.parse("", sql)?.bind("", "")?.execute("")
    }

    /// Close of a prepared statement.
    ///
    /// # Errors
    /// As [`Wire::parse`].
    pub fn close(&mut self, statement: &str) -> anyhow::Result<&mut Wire> {
        frontend::close(b'S', statement, &mut self.outgoing)?;
        Ok(self)
    }

    /// Any message, well-formed or not.
    pub fn raw(&mut self, kind: u8, body: &[u8]) -> &mut Wire {
        self.outgoing.put_u8(kind);
        self.outgoing.put_u32(body.len() as u32 + 4);
        self.outgoing.put_slice(body);
        self
    }

    /// Flush.
    pub fn flush(&mut self) -> &mut Wire {
        frontend::flush(&mut self.outgoing);
        self
    }

    /// Sync, and what all of it was answered: see [`Wire::answers`].
    ///
    /// # Errors
    /// As [`Wire::answers`].
    pub fn sync(&mut self) -> anyhow::Result<Vec<String>> {
        frontend::sync(&mut self.outgoing);
        self.answers()
    }

    /// A Query, and what it was answered.
    ///
    /// # Errors
    /// As [`Wire::answers`].
    pub fn query(&mut self, sql: &str) -> anyhow::Result<Vec<String>> {
        frontend::query(sql, &mut self.outgoing)?;
        self.answers()
    }

    /// Sends what waits. Returns the answers up to ReadyForQuery or, after a Flush, to an error: rows with bars between
    /// their values, tags, `error` with its code, and `ready` with the status.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn answers(&mut self) -> anyhow::Result<Vec<String>> {
        let flushed = self.outgoing.ends_with(b"H\0\0\0\x04");
        self.stream.write_all(&self.outgoing.split())?;
        let mut answers = Vec::new();
        loop {
            let (kind, body) = message(&mut self.stream)?;
            match kind {
                b'D' => answers.push(row(&body).context("a broken row")?),
                b'C' => answers.push(String::from_utf8_lossy(body.strip_suffix(b"\0").unwrap_or(&body)).into_owned()),
                b'E' => {
                    answers.push(format!("error {}", field(&body, b'C')));
                    if flushed {
                        return Ok(answers);
                    }
                }
                b'Z' => {
                    answers.push(format!("ready {}", String::from_utf8_lossy(&body)));
                    return Ok(answers);
                }
                _ => {}
            }
        }
    }
}

fn row(body: &[u8]) -> Option<String> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut values = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (value, after) = match usize::try_from(i32::from_be_bytes(*length)) {
            Ok(length) => after.split_at_checked(length)?,
            Err(_) => (&b"NULL"[..], after),
        };
        values.push(String::from_utf8_lossy(value).into_owned());
        rest = after;
    }
    Some(values.join("|"))
}

/// A field of an ErrorResponse; empty if it has none of that code.
pub(crate) fn field(body: &[u8], code: u8) -> String {
    let mut fields = body.split(|byte| *byte == 0).filter(|field| field.first() == Some(&code));
    fields.next().map(|field| String::from_utf8_lossy(&field[1..]).into_owned()).unwrap_or_default()
}

/// The next message of a server: its kind and its body.
pub(crate) fn message(stream: &mut TcpStream) -> anyhow::Result<(u8, Vec<u8>)> {
    let mut header = [0; 5];
    stream.read_exact(&mut header)?;
    let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
    let mut body = vec![0; length.checked_sub(4).context("a length that no message has")?];
    stream.read_exact(&mut body)?;
    Ok((header[0], body))
}
