//! Server messages, written straight into the output buffer.
//!
//! Those of the hot path are written here by hand, without an allocation; the others go through pgwire's types and
//! [`append`]. Every message is a type byte, a big-endian `i32` length that counts itself, and a body:
//!
//! ```text
//! DataRow:  'D' | i32 length | i16 columns | per column: i32 bytes (-1: NULL), bytes
//! ```

use bytes::{BufMut, BytesMut};
use pgwire::messages::Message;
use types::{Datum, Error, Result, Settings, SqlState, binary_io, text_io};

use super::session::Column;

/// The largest message sent, in bytes: PostgreSQL's limit of one allocation.
const MESSAGE_BYTES_MAX: usize = 0x3fff_ffff;

pub(super) const PARSE_COMPLETE: u8 = b'1';
pub(super) const BIND_COMPLETE: u8 = b'2';
pub(super) const CLOSE_COMPLETE: u8 = b'3';
pub(super) const NO_DATA: u8 = b'n';
pub(super) const PORTAL_SUSPENDED: u8 = b's';
pub(super) const EMPTY_QUERY: u8 = b'I';
pub(super) const COPY_DONE: u8 = b'c';

/// Appends a message of pgwire's. One that is over pgwire's limit for its type (30,000 bytes for most) is left out: a
/// client's library would refuse it.
pub(super) fn append(out: &mut Vec<u8>, message: &impl Message) {
    let mut scratch = BytesMut::new();
    match message.encode(&mut scratch) {
        Ok(()) => out.extend_from_slice(&scratch),
        Err(error) => tracing::warn!(%error, "a message was too long to send"),
    }
}

/// A message without a body.
pub(super) fn bare(out: &mut Vec<u8>, kind: u8) {
    out.extend_from_slice(&[kind, 0, 0, 0, 4]);
}

pub(super) fn ready_for_query(out: &mut Vec<u8>, status: u8) {
    out.extend_from_slice(&[b'Z', 0, 0, 0, 5, status]);
}

pub(super) fn command_complete(out: &mut Vec<u8>, tag: &str) {
    let start = begin(out, b'C');
    cstring(out, tag);
    finish(out, start);
}

pub(super) fn copy_data(out: &mut Vec<u8>, data: &[u8]) {
    let start = begin(out, b'd');
    out.extend_from_slice(data);
    finish(out, start);
}

pub(super) fn row_description(out: &mut Vec<u8>, columns: &[Column], formats: &[i16]) {
    let start = begin(out, b'T');
    out.put_u16(u16::try_from(columns.len()).expect("the binder refuses more than 1,664 columns"));
    for (index, column) in columns.iter().enumerate() {
        cstring(out, &column.name);
        out.put_u32(column.table);
        out.put_i16(column.attribute);
        out.put_u32(column.ty.oid);
        out.put_i16(column.ty.typlen());
        out.put_i32(column.ty.typmod);
        out.put_i16(format_of(formats, index));
    }
    finish(out, start);
}

/// Appends one DataRow; on an error nothing of it stays.
pub(super) fn data_row(
    out: &mut Vec<u8>,
    row: &[Datum],
    columns: &[Column],
    formats: &[i16],
    settings: &Settings,
) -> Result<()> {
    assert_eq!(row.len(), columns.len(), "a row has the columns that were described");
    let start = begin(out, b'D');
    out.put_u16(u16::try_from(row.len()).expect("the binder refuses more than 1,664 columns"));
    for (index, datum) in row.iter().enumerate() {
        if let Datum::Null = datum {
            out.put_i32(-1);
            continue;
        }
        let value = out.len();
        out.put_i32(0);
        let written = match format_of(formats, index) {
            0 => text_io::write_text(datum, columns[index].ty, settings, out),
            _ => binary_io::write_binary(datum, columns[index].ty, out),
        };
        if written.is_err() || out.len() - start > MESSAGE_BYTES_MAX {
            out.truncate(start - 1);
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "row is too large to send")
                .detail("The limit of one message is 1 GiB."));
        }
        let length = (out.len() - value - 4) as u32;
        out[value..value + 4].copy_from_slice(&length.to_be_bytes());
    }
    finish(out, start);
    Ok(())
}

/// Bind's rule: no code means text, one code holds for all columns. A column without a code is text.
fn format_of(formats: &[i16], index: usize) -> i16 {
    match formats {
        [] => 0,
        [all] => *all,
        each => each.get(index).copied().unwrap_or(0),
    }
}

/// Starts a message and returns where its length stands.
fn begin(out: &mut Vec<u8>, kind: u8) -> usize {
    out.put_u8(kind);
    let start = out.len();
    out.put_u32(0);
    start
}

fn finish(out: &mut [u8], start: usize) {
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn cstring(out: &mut Vec<u8>, text: &str) {
    debug_assert!(!text.contains('\0'), "names and tags hold no NUL");
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::SqlType;

    fn column(name: &str, ty: SqlType) -> Column {
        Column { name: name.into(), ty, table: 0, attribute: 0 }
    }

    #[test]
    fn row_description_is_pinned() {
        let mut out = Vec::new();
        row_description(&mut out, &[column("a", SqlType::INT4)], &[1]);
        let body = b"\0\x01a\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01";
        assert_eq!(&out[..5], [b'T', 0, 0, 0, body.len() as u8 + 4]);
        assert_eq!(&out[5..], body);
    }

    #[test]
    fn data_row_mixes_formats_and_null() {
        let columns = [column("a", SqlType::INT4), column("b", SqlType::INT4), column("c", SqlType::INT4)];
        let row = [Datum::Int4(7), Datum::Null, Datum::Int4(7)];
        let mut out = Vec::new();
        data_row(&mut out, &row, &columns, &[0, 0, 1], &Settings::default()).expect("encodes");
        let body = b"\0\x03\0\0\0\x017\xff\xff\xff\xff\0\0\0\x04\0\0\0\x07";
        assert_eq!(&out[..5], [b'D', 0, 0, 0, body.len() as u8 + 4]);
        assert_eq!(&out[5..], body);
    }

    #[test]
    fn one_format_code_holds_for_all_columns() {
        assert_eq!([format_of(&[], 3), format_of(&[1], 3), format_of(&[0, 1], 1), format_of(&[1, 1], 2)], [0, 1, 1, 0]);
    }
}
