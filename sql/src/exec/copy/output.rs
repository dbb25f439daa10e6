//! COPY TO: rows into messages.

use std::sync::Arc;

use types::binary_io::write_binary;
use types::text_io::write_text;
use types::{Datum, Result};

use super::binary::{HEADER, TRAILER};
use crate::bound::{CopyFormat, CopyOptions, Plan, ResultColumn};
use crate::exec::context::ExecContext;
use crate::exec::query::RowSource;
use crate::exec::source::BATCH_ROWS_MAX;
use crate::session::{Client, CopyFormat as WireFormat};

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
        client.copy_data(HEADER);
    } else if options.header || options.header_match {
        writer.header();
        client.copy_data(&writer.line);
    }
    let mut count = 0;
    while !batch.is_empty() {
        for row in &batch {
            writer.row(row)?;
            client.copy_data(&writer.line);
            count += 1;
            if client.wants_drain() {
                client.drain().await?;
            }
        }
        context.check()?;
        batch = source.next(BATCH_ROWS_MAX).await?;
    }
    if is_binary {
        client.copy_data(&TRAILER);
    }
    client.copy_done();
    Ok(count)
}

/// Encodes rows.
struct Writer<'a> {
    columns: &'a [ResultColumn],
    options: &'a CopyOptions,
    context: &'a ExecContext,
    line: Vec<u8>,
    value: Vec<u8>,
}

impl Writer<'_> {
    fn header(&mut self) {
        self.line.clear();
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                self.line.push(self.options.delimiter);
            }
            match self.options.format {
                CopyFormat::Csv => {
                    write_csv(column.name.as_bytes(), false, self.columns.len() == 1, self.options, &mut self.line);
                }
                _ => write_escaped(column.name.as_bytes(), self.options.delimiter, &mut self.line),
            }
        }
        self.line.push(b'\n');
    }

    fn row(&mut self, row: &[Datum]) -> Result<()> {
        self.line.clear();
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
                self.line.extend_from_slice(self.options.null.as_bytes());
                continue;
            }
            self.value.clear();
            write_text(value, column.ty, &self.context.settings, &mut self.value)?;
            match self.options.format {
                CopyFormat::Csv => {
                    let force = self.options.force_quote.contains(&index);
                    write_csv(&self.value, force, self.columns.len() == 1, self.options, &mut self.line);
                }
                _ => write_escaped(&self.value, self.options.delimiter, &mut self.line),
            }
        }
        self.line.push(b'\n');
        Ok(())
    }
}

fn write_escaped(text: &[u8], delimiter: u8, out: &mut Vec<u8>) {
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
        out.extend([b'\\', letter]);
    }
}

fn write_csv(text: &[u8], force: bool, single: bool, options: &CopyOptions, out: &mut Vec<u8>) {
    let quote = force
        || text == options.null.as_bytes()
        || (single && text == b"\\.")
        || text
            .iter()
            .any(|byte| *byte == options.delimiter || *byte == options.quote || matches!(byte, b'\n' | b'\r'));
    if !quote {
        out.extend_from_slice(text);
        return;
    }
    out.push(options.quote);
    for byte in text {
        if *byte == options.quote || *byte == options.escape {
            out.push(options.escape);
        }
        out.push(*byte);
    }
    out.push(options.quote);
}
