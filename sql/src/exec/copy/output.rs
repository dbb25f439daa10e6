//! COPY TO: rows into messages.

use std::sync::Arc;

use types::binary_io::write_binary;
use types::text_io::write_text;
use types::{Datum, Error, Result, SqlState};

use super::binary::{HEADER, TRAILER};
use crate::bound::{CopyFormat, CopyOptions, Plan, ResultColumn};
use crate::exec::context::ExecContext;
use crate::exec::query::RowSource;
use crate::exec::source::BATCH_ROWS_MAX;
use crate::session::{Client, CopyFormat as WireFormat};

/// Most bytes of a row: PostgreSQL's limit of one allocation.
const LINE_BYTES_MAX: usize = (1 << 30) - 1;

pub(super) async fn run(
    plan: &Plan,
    columns: &[ResultColumn],
    options: &CopyOptions,
    context: &Arc<ExecContext>,
    client: &mut impl Client,
) -> Result<u64> {
    let mut source = RowSource::open(plan, context)?;
    // What goes wrong at once does so before the client is told that data will come.
    let mut batch = source.next(BATCH_ROWS_MAX).await?;
    let is_binary = options.format == CopyFormat::Binary;
    client.copy_out_response(columns.len(), if is_binary { WireFormat::Binary } else { WireFormat::Text });
    let mut writer = Writer { columns, options, context, line: Vec::new(), value: Vec::new() };
    if is_binary {
        // Clients that take a message for a row expect it before the first one, in one message, as PostgreSQL sends it.
        writer.line.extend(HEADER);
    } else if options.header {
        writer.header()?;
        writer.send(client);
    }
    let mut count = 0;
    while !batch.is_empty() {
        for row in &batch {
            writer.row(row)?;
            writer.send(client);
            count += 1;
            if client.wants_drain() {
                client.drain().await?;
            }
        }
        context.check()?;
        batch = source.next(BATCH_ROWS_MAX).await?;
    }
    if is_binary {
        writer.line.extend(TRAILER);
        writer.send(client);
    }
    client.copy_done();
    Ok(count)
}

/// Encodes rows.
struct Writer<'a> {
    columns: &'a [ResultColumn],
    options: &'a CopyOptions,
    context: &'a ExecContext,
    /// The message in the making.
    line: Vec<u8>,
    value: Vec<u8>,
}

impl Writer<'_> {
    fn send(&mut self, client: &mut impl Client) {
        client.copy_data(&self.line);
        self.line.clear();
    }

    fn header(&mut self) -> Result<()> {
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                self.line.push(self.options.delimiter);
            }
            match self.options.format {
                CopyFormat::Csv => {
                    let single = self.columns.len() == 1;
                    write_csv(column.name.as_bytes(), false, single, self.options, LINE_BYTES_MAX, &mut self.line)?;
                }
                _ => write_escaped(column.name.as_bytes(), self.options.delimiter, LINE_BYTES_MAX, &mut self.line)?,
            }
        }
        self.line.push(b'\n');
        Ok(())
    }

    /// # Errors
    /// 54000 when a value, or all together, get too long.
    fn row(&mut self, row: &[Datum]) -> Result<()> {
        if self.options.format == CopyFormat::Binary {
            self.line.extend((self.columns.len() as i16).to_be_bytes());
            for (value, column) in row.iter().zip(self.columns) {
                if value.is_null() {
                    self.line.extend((-1i32).to_be_bytes());
                    continue;
                }
                let at = self.line.len();
                self.line.extend([0; 4]);
                write_binary(value, column.ty, &mut self.line)?;
                room(0, LINE_BYTES_MAX, &self.line)?;
                let length = (self.line.len() - at - 4) as i32;
                self.line[at..at + 4].copy_from_slice(&length.to_be_bytes());
            }
            return Ok(());
        }
        for (index, (value, column)) in row.iter().zip(self.columns).enumerate() {
            if index > 0 {
                self.line.push(self.options.delimiter);
            }
            if value.is_null() {
                room(self.options.null.len(), LINE_BYTES_MAX, &self.line)?;
                self.line.extend_from_slice(self.options.null.as_bytes());
                continue;
            }
            self.value.clear();
            write_text(value, column.ty, &self.context.settings, &mut self.value)?;
            match self.options.format {
                CopyFormat::Csv => {
                    let force = self.options.force_quote.contains(&index);
                    let single = self.columns.len() == 1;
                    write_csv(&self.value, force, single, self.options, LINE_BYTES_MAX, &mut self.line)?;
                }
                _ => write_escaped(&self.value, self.options.delimiter, LINE_BYTES_MAX, &mut self.line)?,
            }
        }
        self.line.push(b'\n');
        Ok(())
    }
}

/// What PostgreSQL says of a line to which no more can be added.
fn too_long(line: &[u8], more: usize) -> Error {
    let length = line.len();
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "out of memory")
        .detail(format!("Cannot enlarge string buffer containing {length} bytes by {more} more bytes."))
}

/// How many bytes a line of at most `end` may still get when `more` have been added to it.
///
/// # Errors
/// 54000 when these do not fit.
fn room(more: usize, end: usize, line: &[u8]) -> Result<usize> {
    end.saturating_sub(line.len()).checked_sub(more).ok_or_else(|| too_long(line, more))
}

/// Appends a value of the text format to a line of at most `end` bytes.
fn write_escaped(text: &[u8], delimiter: u8, end: usize, out: &mut Vec<u8>) -> Result<()> {
    // How many escapes there is room for.
    let mut left = room(text.len(), end, out)?;
    for byte in text {
        let letter = match byte {
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            b'\\' => b'\\',
            byte if *byte == delimiter => *byte,
            byte => {
                out.push(*byte);
                continue;
            }
        };
        left = left.checked_sub(1).ok_or_else(|| too_long(out, 2))?;
        out.extend([b'\\', letter]);
    }
    Ok(())
}

/// As [`write_escaped`] for the CSV format.
fn write_csv(
    text: &[u8],
    force: bool,
    single: bool,
    options: &CopyOptions,
    end: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let quote = force
        || text == options.null.as_bytes()
        || (single && text == b"\\.")
        || text
            .iter()
            .any(|byte| *byte == options.delimiter || *byte == options.quote || matches!(byte, b'\n' | b'\r'));
    if !quote {
        room(text.len(), end, out)?;
        out.extend_from_slice(text);
        return Ok(());
    }
    let mut left = room(text.len() + 2, end, out)?;
    out.push(options.quote);
    for byte in text {
        if *byte == options.quote || *byte == options.escape {
            left = left.checked_sub(1).ok_or_else(|| too_long(out, 2))?;
            out.push(options.escape);
        }
        out.push(*byte);
    }
    out.push(options.quote);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_there_is_no_room() {
        let escaped = |text: &str, end: usize| {
            let mut line = b"1\t".to_vec();
            write_escaped(text.as_bytes(), b'\t', end, &mut line).map(|()| line).map_err(|error| error.sqlstate)
        };
        assert_eq!(escaped("a\tb\n", 8), Ok(b"1\ta\\tb\\n".to_vec()));
        assert_eq!(escaped("a\tb\n", 7), Err(SqlState::PROGRAM_LIMIT_EXCEEDED));
        assert_eq!(escaped("abcde", 6), Err(SqlState::PROGRAM_LIMIT_EXCEEDED));
        let options = super::super::tests::options(CopyFormat::Csv);
        let quoted = |text: &str, end: usize| {
            let mut line = b"1,".to_vec();
            let written = write_csv(text.as_bytes(), false, false, &options, end, &mut line);
            written.map(|()| line).map_err(|error| error.sqlstate)
        };
        assert_eq!(quoted("a\"b", 8), Ok(b"1,\"a\"\"b\"".to_vec()));
        assert_eq!(quoted("a\"b", 7), Err(SqlState::PROGRAM_LIMIT_EXCEEDED));
        assert_eq!(quoted("abcde", 7), Ok(b"1,abcde".to_vec()));
        assert_eq!(quoted("abcde", 6), Err(SqlState::PROGRAM_LIMIT_EXCEEDED));
    }
}
