//! Where a COPY is, for the CONTEXT line of its errors.

use types::{Error, SqlState};

/// Bytes of input that an error shows.
const SHOWN_BYTES_MAX: usize = 100;

/// 22P04.
pub(super) fn bad(message: impl Into<String>) -> Error {
    Error::new(SqlState::BAD_COPY_FILE_FORMAT, message)
}

/// Input as an error shows it.
pub(super) fn shown(text: &str) -> String {
    if text.len() <= SHOWN_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = SHOWN_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}

/// Says where an error happened, unless something closer to it has.
pub(super) fn with_context(error: Error, place: impl FnOnce() -> String) -> Error {
    if error.where_.is_some() { error } else { error.context(place()) }
}
