//! Checked client messages: the conversion from a frame's bytes is where checking happens.
//!
//! **Rule.** A message exists only if its body had exactly the announced structure: every string ends with NUL and is
//! valid UTF-8, every count fits, no byte is left over. Strings and parameters are borrowed from the frame, so a Bind
//! costs no allocation.
//!
//! Errors follow PostgreSQL's texts (`pqformat.c`, `postgres.c`). What they do to the connection is decided by its loop:
//! in the extended protocol everything up to Sync is skipped; a malformed Query or Sync leaves no place to resume at, and
//! is fatal.
//!
//! Source: PostgreSQL manual, section "Message Formats".

use std::ffi::CStr;

use smallvec::SmallVec;
use types::{Error, SqlState};

use super::error::{check_text, lost_synchronization, protocol_violation};
use super::frame::Frame;

/// What Describe and Close name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    Statement,
    Portal,
}

/// A Bind message.
#[derive(Debug)]
pub struct Bind<'a> {
    pub portal: &'a str,
    pub statement: &'a str,
    pub param_formats: SmallVec<[i16; 8]>,
    pub params: SmallVec<[Option<&'a [u8]>; 8]>,
    pub result_formats: SmallVec<[i16; 8]>,
}

/// A client message that was checked.
#[derive(Debug)]
pub enum Message<'a> {
    Query(&'a str),
    Parse {
        name: &'a str,
        sql: &'a str,
        param_types: SmallVec<[u32; 8]>,
    },
    Bind(Bind<'a>),
    Describe(Target, &'a str),
    /// `max_rows` 0 means all; so do negative counts, as in PostgreSQL.
    Execute {
        portal: &'a str,
        max_rows: u32,
    },
    Close(Target, &'a str),
    Sync,
    Flush,
    Terminate,
    FunctionCall,
    CopyData,
    CopyDone,
    CopyFail(&'a str),
}

/// Checks one frame.
///
/// # Errors
/// 08P01 for a broken structure (fatal for messages outside the extended protocol), 22021 for bytes that are no text,
/// 22023 for an unknown format code.
pub(super) fn check(frame: &Frame) -> Result<Message<'_>, Error> {
    let mut body = Reader { rest: &frame.body };
    match frame.kind {
        b'Q' => body.query().map_err(resume_nowhere),
        b'P' => body.parse(),
        b'B' => body.bind(),
        b'D' => body.target("DESCRIBE").map(|(target, name)| Message::Describe(target, name)),
        b'C' => body.target("CLOSE").map(|(target, name)| Message::Close(target, name)),
        b'E' => body.execute(),
        b'S' => body.end(Message::Sync).map_err(resume_nowhere),
        b'H' => body.end(Message::Flush).map_err(resume_nowhere),
        b'X' => body.end(Message::Terminate).map_err(resume_nowhere),
        b'c' => body.end(Message::CopyDone).map_err(resume_nowhere),
        b'f' => body.text().and_then(|reason| body.end(Message::CopyFail(reason))),
        b'd' => Ok(Message::CopyData),
        b'F' => Ok(Message::FunctionCall),
        kind => Err(lost_synchronization(format!("invalid frontend message type {kind}"))),
    }
}

/// Outside the extended protocol there is no Sync to skip to: a broken structure ends the connection, so that what
/// stands behind it is never executed. Bad text in a sound structure does not.
fn resume_nowhere(error: Error) -> Error {
    if error.sqlstate == SqlState::PROTOCOL_VIOLATION { error.fatal() } else { error }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn query(&mut self) -> Result<Message<'a>, Error> {
        // The structure is judged before the text, so that a cut-off string is a broken frame and not bad text.
        let sql = self.string()?;
        self.end(())?;
        Ok(Message::Query(check_text(sql)?))
    }

    fn parse(&mut self) -> Result<Message<'a>, Error> {
        let name = self.text()?;
        let sql = self.text()?;
        let count = self.count(4)?;
        let mut param_types = SmallVec::with_capacity(count);
        for _ in 0..count {
            param_types.push(u32::from_be_bytes(self.array()?));
        }
        self.end(Message::Parse { name, sql, param_types })
    }

    fn bind(&mut self) -> Result<Message<'a>, Error> {
        let portal = self.text()?;
        let statement = self.text()?;
        let param_formats = self.formats()?;
        let count = self.count(4)?;
        if param_formats.len() > 1 && param_formats.len() != count {
            return Err(protocol_violation(format!(
                "bind message has {} parameter formats but {count} parameters",
                param_formats.len()
            )));
        }
        let mut params = SmallVec::with_capacity(count);
        for index in 0..count {
            let length = i32::from_be_bytes(self.array()?);
            if length == -1 {
                params.push(None);
                continue;
            }
            let value = self.bytes(usize::try_from(length).map_err(|_| insufficient())?)?;
            let format =
                if param_formats.len() == 1 { param_formats[0] } else { *param_formats.get(index).unwrap_or(&0) };
            if format == 0 {
                check_text(value)?;
            }
            params.push(Some(value));
        }
        let result_formats = self.formats()?;
        self.end(Message::Bind(Bind { portal, statement, param_formats, params, result_formats }))
    }

    fn target(&mut self, message: &str) -> Result<(Target, &'a str), Error> {
        let [kind] = self.array()?;
        let name = self.text()?;
        match kind {
            b'S' => self.end((Target::Statement, name)),
            b'P' => self.end((Target::Portal, name)),
            kind => Err(protocol_violation(format!("invalid {message} message subtype {kind}"))),
        }
    }

    fn execute(&mut self) -> Result<Message<'a>, Error> {
        let portal = self.text()?;
        let max_rows = u32::try_from(i32::from_be_bytes(self.array()?)).unwrap_or(0);
        self.end(Message::Execute { portal, max_rows })
    }

    fn formats(&mut self) -> Result<SmallVec<[i16; 8]>, Error> {
        let count = self.count(2)?;
        let mut formats = SmallVec::with_capacity(count);
        for _ in 0..count {
            let format = i16::from_be_bytes(self.array()?);
            if !(0..=1).contains(&format) {
                let message = format!("unsupported format code: {format}");
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
            formats.push(format);
        }
        Ok(formats)
    }

    /// A count of items of at least `item_bytes` each, which must fit into what is left.
    fn count(&mut self, item_bytes: usize) -> Result<usize, Error> {
        let count = usize::from(u16::from_be_bytes(self.array()?));
        if count * item_bytes > self.rest.len() { Err(insufficient()) } else { Ok(count) }
    }

    fn text(&mut self) -> Result<&'a str, Error> {
        check_text(self.string()?)
    }

    /// The bytes up to the next NUL, which is consumed.
    fn string(&mut self) -> Result<&'a [u8], Error> {
        let string = CStr::from_bytes_until_nul(self.rest);
        let string = string.map_err(|_| protocol_violation("invalid string in message"))?.to_bytes();
        self.rest = &self.rest[string.len() + 1..];
        Ok(string)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(insufficient)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or_else(insufficient)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn end<T>(&self, message: T) -> Result<T, Error> {
        if self.rest.is_empty() { Ok(message) } else { Err(protocol_violation("invalid message format")) }
    }
}

fn insufficient() -> Error {
    protocol_violation("insufficient data left in message")
}

/// A SASLInitialResponse: the mechanism's name and the client's first message.
///
/// # Errors
/// Fatal 08P01.
pub(super) fn check_sasl_initial(body: &[u8]) -> Result<(&str, &[u8]), Error> {
    let mut body = Reader { rest: body };
    let mut read = || {
        let mechanism = body.text()?;
        let length = i32::from_be_bytes(body.array()?);
        let data = body.bytes(usize::try_from(length).map_err(|_| insufficient())?)?;
        body.end((mechanism, data))
    };
    read().map_err(Error::fatal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use proptest::prelude::*;

    fn frame(kind: u8, body: &[u8]) -> Frame {
        Frame { kind, body: BytesMut::from(body) }
    }

    fn refusal(kind: u8, body: &[u8]) -> String {
        check(&frame(kind, body)).expect_err("refused").sqlstate.as_str().to_owned()
    }

    /// Portal "p", statement "s", one text format, parameters "ab" and NULL, one binary result format.
    const BIND: &[u8] = b"p\0s\0\0\x01\0\0\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\x01";

    #[test]
    fn a_bind_is_read_and_every_truncation_of_it_is_refused() {
        let whole = frame(b'B', BIND);
        let Message::Bind(bind) = check(&whole).expect("well formed") else { panic!("not a Bind") };
        assert_eq!((bind.portal, bind.statement), ("p", "s"));
        assert_eq!(bind.params.as_slice(), [Some(&b"ab"[..]), None]);
        assert_eq!((bind.param_formats.as_slice(), bind.result_formats.as_slice()), (&[0][..], &[1][..]));
        for end in 0..BIND.len() {
            assert_eq!(refusal(b'B', &BIND[..end]), "08P01", "cut at {end}");
        }
        assert_eq!(refusal(b'B', &[BIND, b"\0"].concat()), "08P01");
    }

    #[test]
    fn negative_and_huge_parameter_lengths_are_refused() {
        for length in [-2, i32::MIN, 7, i32::MAX] {
            let body = [&b"\0\0\0\0\0\x01"[..], &length.to_be_bytes(), b"ab\0\0"].concat();
            assert_eq!(refusal(b'B', &body), "08P01", "length {length}");
        }
    }

    #[test]
    fn execute_clamps_negative_counts() {
        let body = frame(b'E', b"\0\xff\xff\xff\xff");
        assert!(matches!(check(&body), Ok(Message::Execute { max_rows: 0, .. })));
        let body = frame(b'E', b"\0\x7f\xff\xff\xff");
        assert!(matches!(check(&body), Ok(Message::Execute { max_rows: 0x7fff_ffff, .. })));
    }

    #[test]
    fn text_is_checked_where_it_is_text_only() {
        let with = |format: u8| [&b"\0\0\0\x01\0"[..], &[format], b"\0\x01\0\0\0\x01\xff\0\0"].concat();
        assert_eq!(refusal(b'B', &with(0)), "22021");
        assert!(check(&frame(b'B', &with(1))).is_ok());
        assert_eq!(refusal(b'B', &with(2)), "22023");
        assert_eq!(refusal(b'Q', b"select \xff\0"), "22021");
        assert_eq!(refusal(b'P', b"\xff\0select 1\0\0\0"), "22021");
    }

    #[test]
    fn a_query_with_a_broken_structure_is_fatal() {
        for body in [&b""[..], b"select 1", b"select 1\0drop\0", b"\0\0", b"\xff"] {
            let error = check(&frame(b'Q', body)).map(|_| ()).expect_err("refused");
            assert_eq!((error.sqlstate.as_str(), error.severity), ("08P01", types::Severity::Fatal));
        }
        assert_eq!(refusal(b'S', b"left"), "08P01");
        assert_eq!(refusal(b'D', b"Z\0"), "08P01");
    }

    proptest! {
        /// No body of any type panics.
        #[test]
        fn any_bytes_are_judged(kind in proptest::sample::select(&b"QPBDECSHXdcfFz"[..]), body: Vec<u8>) {
            let _ = check(&frame(kind, &body));
            let _ = check_sasl_initial(&body);
        }

        /// Nor does a sound Bind with one byte changed.
        #[test]
        fn a_changed_byte_is_judged(at in 0..BIND.len(), byte: u8) {
            let mut body = BIND.to_vec();
            body[at] = byte;
            let _ = check(&frame(b'B', &body));
        }
    }
}
