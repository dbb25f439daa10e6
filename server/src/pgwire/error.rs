//! The one place that turns a [`types::Error`] into ErrorResponse and NoticeResponse, and names the wire's own errors.
//!
//! Field codes are those of the manual's section "Error and Notice Message Fields". A NUL inside a text would end the
//! field early and shift everything behind it, so it is cut out here.

use std::sync::{Arc, OnceLock};

use pgwire::messages::response::{ErrorResponse, NoticeResponse};
use types::{Error, Severity, SqlState};

use super::encode::append;
use super::session::NoticeSeverity;

/// Appends an ErrorResponse.
pub(super) fn put_error(out: &mut Vec<u8>, error: &Error) {
    let severity = match error.severity {
        Severity::Error => "ERROR",
        Severity::Fatal => "FATAL",
    };
    append(out, &ErrorResponse::new(fields(severity, error)));
}

/// Appends a NoticeResponse.
pub(super) fn put_notice(out: &mut Vec<u8>, severity: NoticeSeverity, notice: &Error) {
    let severity = match severity {
        NoticeSeverity::Debug => "DEBUG",
        NoticeSeverity::Log => "LOG",
        NoticeSeverity::Info => "INFO",
        NoticeSeverity::Notice => "NOTICE",
        NoticeSeverity::Warning => "WARNING",
    };
    append(out, &NoticeResponse::new(fields(severity, notice)));
}

fn fields(severity: &str, error: &Error) -> Vec<(u8, String)> {
    let mut fields = vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', error.sqlstate.as_str().to_owned()),
        (b'M', clean(&error.message)),
    ];
    let position = error.position.map(|position| position.to_string());
    let routine = error.routine.map(str::to_owned);
    let optional = [
        (b'D', &error.detail),
        (b'H', &error.hint),
        (b'P', &position),
        (b'W', &error.where_),
        (b's', &error.schema),
        (b't', &error.table),
        (b'c', &error.column),
        (b'n', &error.constraint),
        (b'R', &routine),
    ];
    for (code, value) in optional {
        if let Some(value) = value {
            fields.push((code, clean(value)));
        }
    }
    fields
}

fn clean(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "") } else { text.to_owned() }
}

/// 08P01 that ends the statement.
pub(super) fn protocol_violation(message: impl Into<String>) -> Error {
    Error::new(SqlState::PROTOCOL_VIOLATION, message)
}

/// 08P01 that ends the connection: the framing can no longer be trusted.
pub(super) fn lost_synchronization(message: impl Into<String>) -> Error {
    protocol_violation(message).fatal()
}

/// What clients are told when their connection is ended: why all of them are, if someone said so, else 57P01.
#[derive(Clone, Default)]
pub(super) struct Farewell(Arc<OnceLock<Error>>);

impl Farewell {
    /// The first reason counts.
    pub(super) fn set(&self, error: Error) {
        // A second one comes too late for some, and all are told the same.
        let _ = self.0.set(error);
    }

    pub(super) fn error(&self) -> Error {
        self.0.get().cloned().unwrap_or_else(admin_shutdown)
    }
}

/// 57P01, for every session of a server that stops.
fn admin_shutdown() -> Error {
    Error::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command").fatal()
}

/// 25P03.
pub(super) fn idle_in_transaction() -> Error {
    let message = "terminating connection due to idle-in-transaction timeout";
    Error::new(SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT, message).fatal()
}

/// 57P05.
pub(super) fn idle_session() -> Error {
    Error::new(SqlState::IDLE_SESSION_TIMEOUT, "terminating connection due to idle-session timeout").fatal()
}

/// 08006, for a session whose client is gone. No one reads it; it unwinds the session.
pub(super) fn client_gone() -> Error {
    Error::new(SqlState::CONNECTION_FAILURE, "connection to client lost").fatal()
}

/// XX000, after a panic.
pub(super) fn panicked() -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "the session ended by an internal error")
        .detail("Other sessions are not affected; the server's log has the place.")
        .fatal()
}

/// 22021 with the offending bytes, as PostgreSQL prints them.
pub(super) fn invalid_utf8(bytes: &[u8], at: usize) -> Error {
    let rest = &bytes[at..];
    let length = match rest.first() {
        Some(lead) if lead & 0xe0 == 0xc0 => 2,
        Some(lead) if lead & 0xf0 == 0xe0 => 3,
        Some(lead) if lead & 0xf8 == 0xf0 => 4,
        _ => 1,
    };
    let shown: Vec<String> = rest.iter().take(length).map(|byte| format!("0x{byte:02x}")).collect();
    Error::new(
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")),
    )
}

/// Checks a text value: valid UTF-8 without NUL.
///
/// # Errors
/// 22021.
pub(super) fn check_text(bytes: &[u8]) -> Result<&str, Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => Ok(text),
            Some(at) => Err(invalid_utf8(bytes, at)),
        },
        Err(error) => Err(invalid_utf8(bytes, error.valid_up_to())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_encoded_and_a_nul_cannot_end_one_early() {
        let error = Error::new(SqlState::UNIQUE_VIOLATION, "dup\0licate").detail("Key.").hint("Try.").at(7);
        let error = error.table("t").routine("insert").fatal();
        let mut out = Vec::new();
        put_error(&mut out, &error);
        let text = b"SFATAL\0VFATAL\0C23505\0Mduplicate\0DKey.\0HTry.\0P7\0tt\0Rinsert\0\0";
        assert_eq!(out[0], b'E');
        assert_eq!(&out[1..5], ((text.len() + 4) as u32).to_be_bytes());
        assert_eq!(&out[5..], text);
    }

    #[test]
    fn bad_bytes_are_named() {
        let message = |bytes: &[u8]| check_text(bytes).expect_err("bad text").message.clone();
        assert_eq!(message(b"ab\xff"), "invalid byte sequence for encoding \"UTF8\": 0xff");
        assert_eq!(message(b"\xc3("), "invalid byte sequence for encoding \"UTF8\": 0xc3 0x28");
        assert_eq!(message(b"a\0"), "invalid byte sequence for encoding \"UTF8\": 0x00");
        assert!(check_text("grün".as_bytes()).is_ok());
    }
}
