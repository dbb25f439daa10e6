//! What a session writes to: the connection, in the shape of its messages.
//!
//! Nothing is sent before a drain or the end of the call, so the session can wait for durability first.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use types::{Datum, Error, Result, Settings, SqlType};

/// A column of a result, as RowDescription tells it.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: Arc<str>,
    pub ty: SqlType,
    /// The relation's oid and the attribute number if the column is a plain column of a relation, else 0.
    pub table: u32,
    pub attribute: i16,
}

/// Severities of NoticeResponse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NoticeSeverity {
    Debug,
    Log,
    Info,
    Notice,
    Warning,
}

/// The format of a whole COPY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyFormat {
    /// Text and CSV.
    Text,
    Binary,
}

/// The connection. `formats` are as in Bind: none (all text), one code for all columns, or one per column.
///
/// A client that keeps only a part (a test's) leaves the rest out: it is told and forgets, and copies in nothing.
pub trait Client: Send {
    fn row_description(&mut self, _columns: &[Column], _formats: &[i16]) {}
    fn no_data(&mut self) {}
    fn parameter_description(&mut self, _types: &[u32]) {}

    /// Encodes one row, each column in its format.
    ///
    /// # Errors
    /// 54000 for a row of 1 GiB or more; what a type's binary form reports.
    fn data_row(&mut self, row: &[Datum], columns: &[Column], formats: &[i16], settings: &Settings) -> Result<()>;

    /// `tag` as in `INSERT 0 1`.
    fn command_complete(&mut self, _tag: &str) {}
    fn portal_suspended(&mut self) {}
    fn empty_query(&mut self) {}
    fn notice(&mut self, _severity: NoticeSeverity, _notice: &Error) {}
    fn parameter_status(&mut self, _name: &str, _value: &str) {}
    /// Of what the session with this pid has told a channel.
    fn notification(&mut self, _pid: i32, _channel: &str, _payload: &str) {}

    fn copy_in_response(&mut self, _columns: usize, _format: CopyFormat) {}
    fn copy_out_response(&mut self, _columns: usize, _format: CopyFormat) {}
    /// One CopyData message, by custom one line or one tuple.
    fn copy_data(&mut self, _data: &[u8]) {}
    fn copy_done(&mut self) {}

    /// The next CopyData body after [`Client::copy_in_response`]; `None` at CopyDone. Sends what is buffered first.
    ///
    /// # Errors
    /// 57014 for CopyFail, 08P01 for any other message; fatal when the client is gone or the server stops.
    fn copy_in_next(&mut self) -> impl Future<Output = Result<Option<Bytes>>> + Send {
        std::future::ready(Ok(None))
    }

    /// Whether so much is buffered that the session should settle and [`Client::drain`] when it has come to a place for that.
    fn wants_drain(&self) -> bool {
        false
    }

    /// Whether so much is buffered that it should not add another row first.
    fn must_drain(&self) -> bool {
        false
    }

    /// Writes what is buffered, waiting for a slow reader.
    ///
    /// # Errors
    /// Fatal when the client is gone or the server stops.
    fn drain(&mut self) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}
