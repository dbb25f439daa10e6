//! What is to be sent to a client: one buffer of whole messages, and the [`Client`] that sessions write to.
//!
//! Nothing leaves by itself. The connection's loop writes after it has settled; a session that produces more than 8 KB
//! settles and drains, behind the rows that it pulled together or, beyond 64 KB, among them; that wait is the back-pressure of
//! a long result.
//!
//! Messages are only ever taken out of the buffer from its front, once written. If replies must be discarded when a part
//! of them is written, the stream ends in the middle of a message: then nothing may follow, not even an error.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use pgwire::messages::copy::{CopyInResponse, CopyOutResponse};
use pgwire::messages::data::ParameterDescription;
use pgwire::messages::response::NotificationResponse;
use pgwire::messages::startup::ParameterStatus;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use types::{Datum, Error, Result, Settings, SqlState};

use super::encode;
use super::error::{Farewell, client_gone, protocol_violation, put_error, put_notice};
use super::inbox::{Lost, SharedInbox, next_frame};
use super::message::{self, Message};
use super::session::{Client, Column, CopyFormat, NoticeSeverity, Wire};
use super::socket::{self, WriteHalf};

/// Replies above this are worth a write of their own, in bytes.
const FLUSH_BYTES: usize = 8 * 1024;
/// Above this nothing more is gathered for the same write, in bytes.
const GATHERED_BYTES_MAX: usize = 64 * 1024;
/// A larger buffer is given back once it is empty, in bytes.
const RETAINED_BYTES_MAX: usize = 64 * 1024;
/// What is kept while the client says nothing, in bytes: enough for the replies of short statements.
const RETAINED_IDLE_BYTES_MAX: usize = 1024;
/// How long a client that does not read can hold up the end of its connection.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// How many of `bytes` are written.
    sent: usize,
    half: WriteHalf,
    inbox: SharedInbox,
    ended: CancellationToken,
    /// What the client is told when `ended` fires.
    farewell: Farewell,
    /// The violation that a COPY ran into; ends the connection whatever the session makes of it.
    violation: Option<Error>,
    /// The stream ends inside a message, or its reader was given up.
    torn: bool,
    /// The client left while a session read from it or wrote to it.
    gone: bool,
}

impl Outbox {
    pub(super) fn new(half: WriteHalf, inbox: SharedInbox, ended: CancellationToken, farewell: Farewell) -> Outbox {
        Outbox { bytes: Vec::new(), sent: 0, half, inbox, ended, farewell, violation: None, torn: false, gone: false }
    }

    /// Writes to another half from now on; returns the one that was written before, which holds nothing back.
    pub(super) fn replace_half(&mut self, half: WriteHalf) -> WriteHalf {
        std::mem::replace(&mut self.half, half)
    }

    /// Moves the socket, which the inbox reads, to another event loop.
    ///
    /// # Errors
    /// As [`socket::rehome`].
    pub(super) fn move_socket(&mut self, event_loop: &Handle) -> io::Result<()> {
        socket::rehome(self.inbox.lock().half(), &mut self.half, event_loop)
    }

    /// The error that ends a connection whose token fired.
    pub(super) fn farewell(&self) -> Error {
        self.farewell.error()
    }

    /// From here on this token ends the waits for the client.
    pub(super) fn end_by(&mut self, ended: CancellationToken) {
        self.ended = ended;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(super) fn bare(&mut self, kind: u8) {
        encode::bare(&mut self.bytes, kind);
    }

    pub(super) fn error(&mut self, error: &Error) {
        put_error(&mut self.bytes, error);
    }

    /// Forgets replies that must not be sent.
    pub(super) fn discard(&mut self) {
        self.torn |= self.sent > 0;
        self.bytes.truncate(self.sent);
    }

    /// What a COPY ran into that the connection must end for.
    pub(super) fn take_violation(&mut self) -> Option<Error> {
        self.violation.take()
    }

    /// Whether there is no one left to tell anything.
    pub(super) fn client_is_gone(&self) -> bool {
        self.gone
    }

    /// The client left; returns the error that ends what runs for it.
    pub(super) fn left(&mut self) -> Error {
        self.gone = true;
        client_gone()
    }

    /// Writes everything. Once the connection is to end, a client that does not read is given up.
    pub(super) async fn write(&mut self) -> io::Result<()> {
        let Outbox { bytes, sent, half, ended, torn, .. } = self;
        {
            let mut write = std::pin::pin!(write_all(half, bytes, sent));
            tokio::select! {
                biased;
                result = &mut write => result?,
                () = ended.cancelled() => match timeout(LAST_WORDS, write).await {
                    Ok(result) => result?,
                    Err(_) => {
                        *torn = true;
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                },
            }
        }
        self.reset();
        Ok(())
    }

    /// After everything is written.
    fn reset(&mut self) {
        self.sent = 0;
        if self.bytes.capacity() > RETAINED_BYTES_MAX {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
    }

    /// The client is waited for: thousands may be silent, and each would hold the room of its longest result.
    pub(super) fn rest(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > RETAINED_IDLE_BYTES_MAX {
            self.bytes = Vec::new();
        }
    }

    /// Sends a last error, unless the stream ends inside a message, and closes our side.
    pub(super) async fn finish(&mut self, error: &Error) {
        if !self.torn {
            self.error(error);
            let _ = timeout(LAST_WORDS, write_all(&mut self.half, &self.bytes, &mut self.sent)).await;
        }
        // Encryption has a farewell of its own, for which a client that does not read has no room.
        let _ = timeout(LAST_WORDS, self.half.shutdown()).await;
    }
}

/// Writes `bytes` from `sent` on and counts what was written, also when it is dropped half way.
async fn write_all(half: &mut WriteHalf, bytes: &[u8], sent: &mut usize) -> io::Result<()> {
    while *sent < bytes.len() {
        match half.write(&bytes[*sent..]).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => *sent += written,
        }
    }
    half.flush().await
}

impl Client for Outbox {
    fn row_description(&mut self, columns: &[Column], formats: &[i16]) {
        encode::row_description(&mut self.bytes, columns, formats);
    }

    fn no_data(&mut self) {
        self.bare(encode::NO_DATA);
    }

    fn parameter_description(&mut self, types: &[u32]) {
        encode::append(&mut self.bytes, &ParameterDescription::new(types.to_vec()));
    }

    fn data_row(&mut self, row: &[Datum], columns: &[Column], formats: &[i16], settings: &Settings) -> Result<()> {
        encode::data_row(&mut self.bytes, row, columns, formats, settings)
    }

    fn command_complete(&mut self, tag: &str) {
        encode::command_complete(&mut self.bytes, tag);
    }

    fn portal_suspended(&mut self) {
        self.bare(encode::PORTAL_SUSPENDED);
    }

    fn empty_query(&mut self) {
        self.bare(encode::EMPTY_QUERY);
    }

    fn notice(&mut self, severity: NoticeSeverity, notice: &Error) {
        put_notice(&mut self.bytes, severity, notice);
    }

    fn parameter_status(&mut self, name: &str, value: &str) {
        encode::append(&mut self.bytes, &ParameterStatus::new(name.to_owned(), value.to_owned()));
    }

    fn notification(&mut self, pid: i32, channel: &str, payload: &str) {
        encode::append(&mut self.bytes, &NotificationResponse::new(pid, channel.to_owned(), payload.to_owned()));
    }

    fn copy_in_response(&mut self, columns: usize, format: CopyFormat) {
        let (format, count, formats) = copy_columns(columns, format);
        encode::append(&mut self.bytes, &CopyInResponse::new(format, count, formats));
    }

    fn copy_out_response(&mut self, columns: usize, format: CopyFormat) {
        let (format, count, formats) = copy_columns(columns, format);
        encode::append(&mut self.bytes, &CopyOutResponse::new(format, count, formats));
    }

    fn copy_data(&mut self, data: &[u8]) {
        encode::copy_data(&mut self.bytes, data);
    }

    fn copy_done(&mut self) {
        self.bare(encode::COPY_DONE);
    }

    async fn copy_in_next(&mut self) -> Result<Option<Bytes>> {
        if !self.bytes.is_empty() {
            self.drain().await?;
        }
        loop {
            let frame = tokio::select! {
                biased;
                frame = next_frame(&self.inbox) => frame,
                () = self.ended.cancelled() => return Err(self.farewell()),
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(Lost::Closed) => return Err(self.left()),
                Err(Lost::Violation(error)) => {
                    self.violation = Some(error.clone());
                    return Err(error);
                }
            };
            if frame.kind == b'd' {
                return Ok(Some(frame.body.freeze()));
            }
            let checked = message::check(&frame);
            if let Err(error) = &checked
                && error.severity == types::Severity::Fatal
            {
                self.violation = Some(error.clone());
            }
            return match checked? {
                Message::CopyDone => Ok(None),
                Message::CopyFail(reason) => {
                    Err(Error::new(SqlState::QUERY_CANCELED, format!("COPY from stdin failed: {reason}")))
                }
                // A client may send these behind its data without knowing how the COPY went.
                Message::Flush | Message::Sync => continue,
                Message::Terminate => Err(self.left()),
                _ => {
                    let message = format!("unexpected message type 0x{:02X} during COPY from stdin", frame.kind);
                    Err(protocol_violation(message))
                }
            };
        }
    }

    fn wants_drain(&self) -> bool {
        self.bytes.len() >= FLUSH_BYTES
    }

    fn must_drain(&self) -> bool {
        self.bytes.len() >= GATHERED_BYTES_MAX
    }

    async fn drain(&mut self) -> Result<()> {
        match self.write().await {
            Ok(()) => Ok(()),
            Err(_) if self.ended.is_cancelled() => Err(self.farewell()),
            Err(_) => Err(self.left()),
        }
    }
}

impl Wire for Outbox {
    fn pass_on(&mut self, message: &[u8]) {
        self.bytes.extend_from_slice(message);
    }
}

/// The overall format, the count of columns and the format of each.
fn copy_columns(columns: usize, format: CopyFormat) -> (i8, i16, Vec<i16>) {
    let code = match format {
        CopyFormat::Text => 0,
        CopyFormat::Binary => 1,
    };
    let count = i16::try_from(columns).expect("a relation has at most 1,600 columns");
    (code, count, vec![i16::from(code); columns])
}
