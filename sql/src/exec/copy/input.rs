//! COPY FROM: from the client's messages to rows.

use std::sync::Arc;

use types::binary_io::{check_text, from_binary};
use types::text_io::parse;
use types::{Datum, Error, Result, SqlState};

use super::binary::TupleReader;
use super::format::{bad, shown, with_context};
use super::load::Loader;
use super::read::{Field, Fields, LineReader};
use crate::bound::{Copy, CopyDirection, CopyFormat, CopyOptions};
use crate::catalog::TableDef;
use crate::exec::context::ExecContext;
use crate::exec::ddl;
use crate::session::{Client, CopyFormat as WireFormat};

pub(super) async fn run(copy: &Copy, context: &Arc<ExecContext>, client: &mut impl Client) -> Result<u64> {
    let CopyDirection::In { table, targets, defaults, generated, checks, filter } = &copy.direction else {
        return Err(Error::internal("COPY TO is not an input"));
    };
    let mut loader = Loader::new(context, table, targets, defaults, generated, checks, filter.as_ref());
    let options = &copy.options;
    if options.format == CopyFormat::Binary {
        client.copy_in_response(targets.len(), WireFormat::Binary);
        read_binary(context, client, table, targets, &mut loader).await?;
    } else {
        client.copy_in_response(targets.len(), WireFormat::Text);
        read_lines(context, client, table, targets, options, &mut loader).await?;
    }
    let count = loader.finish().await?;
    ddl::note_loaded(table, count, context).await?;
    Ok(count)
}

async fn read_lines(
    context: &Arc<ExecContext>,
    client: &mut impl Client,
    table: &TableDef,
    targets: &[usize],
    options: &CopyOptions,
    loader: &mut Loader<'_>,
) -> Result<()> {
    let mut reader = LineReader::new(options);
    let mut parser = Parser::new(table, targets, options);
    loop {
        context.check()?;
        match client.copy_in_next().await? {
            Some(bytes) => reader.push(&bytes).map_err(|error| parser.at_line(error, reader.number + 1))?,
            None => reader.end(),
        }
        loop {
            let range = match reader.next_line() {
                Ok(Some(range)) => range,
                Ok(None) => break,
                Err(error) => return Err(parser.at_line(error, reader.number)),
            };
            let number = reader.number;
            let line = check_text(reader.bytes(range)).map_err(|error| parser.at_line(error, number))?;
            let Some(values) = parser.line(context, line, number)? else { continue };
            let added = loader.add(values, number).await;
            added.map_err(|error| parser.at_row(error, number, line))?;
        }
        if reader.is_finished() {
            break;
        }
    }
    // Whatever comes after `\.` is read and ignored, up to the end.
    while !reader_is_at_end(&mut reader, client).await? {}
    Ok(())
}

/// Whether the client has said that it is done; takes one more message if not.
async fn reader_is_at_end(reader: &mut LineReader, client: &mut impl Client) -> Result<bool> {
    if reader.has_ended() {
        return Ok(true);
    }
    if client.copy_in_next().await?.is_none() {
        reader.end();
    }
    Ok(false)
}

/// Makes values of lines.
struct Parser<'a> {
    table: &'a TableDef,
    targets: &'a [usize],
    options: &'a CopyOptions,
    fields: Fields,
    header_next: bool,
}

impl<'a> Parser<'a> {
    fn new(table: &'a TableDef, targets: &'a [usize], options: &'a CopyOptions) -> Parser<'a> {
        let header_next = options.header || options.header_match;
        Parser { table, targets, options, fields: Fields::default(), header_next }
    }

    fn at_line(&self, error: Error, number: u64) -> Error {
        with_context(error, || format!("COPY {}, line {number}", self.table.name))
    }

    /// The context of an error about a whole row. Foreign keys are checked later and know no line.
    fn at_row(&self, error: Error, number: u64, line: &str) -> Error {
        if error.sqlstate() == SqlState::FOREIGN_KEY_VIOLATION {
            return error;
        }
        with_context(error, || format!("COPY {}, line {number}: \"{}\"", self.table.name, shown(line)))
    }

    /// The values of a line; `None` for the header.
    fn line(&mut self, context: &ExecContext, line: &str, number: u64) -> Result<Option<Vec<Datum>>> {
        let split = self.fields.split(line, self.options);
        split.map_err(|error| self.at_row(error, number, line))?;
        if std::mem::take(&mut self.header_next) {
            if self.options.header_match {
                self.check_header(line).map_err(|error| self.at_row(error, number, line))?;
            }
            return Ok(None);
        }
        let found = self.fields.fields.len();
        if self.targets.is_empty() && line.is_empty() {
            return Ok(Some(Vec::new()));
        }
        if found > self.targets.len() {
            return Err(self.at_row(bad("extra data after last expected column"), number, line));
        }
        let is_csv = self.options.format == CopyFormat::Csv;
        let mut values = Vec::with_capacity(found);
        for (index, target) in self.targets.iter().enumerate() {
            let column = &self.table.columns[*target];
            // What is wrong with the fields before it comes first, as in PostgreSQL.
            if index >= found {
                let error = bad(format!("missing data for column \"{}\"", column.name));
                return Err(self.at_row(error, number, line));
            }
            let at_column = |error: Error, text: Option<&str>| {
                let place = format!("COPY {}, line {number}, column {}", self.table.name, column.name);
                with_context(error, || match text {
                    Some(text) => format!("{place}: \"{}\"", shown(text)),
                    None => format!("{place}: null input"),
                })
            };
            let mut text = self.fields.text(line, index).map_err(|error| self.at_row(error, number, line))?;
            if is_csv {
                if text.is_none() && self.options.force_not_null.contains(&index) {
                    text = Some(&self.options.null);
                } else if text.is_some_and(|text| text == self.options.null) && self.options.force_null.contains(&index)
                {
                    text = None;
                }
            }
            values.push(match text {
                None => Datum::Null,
                Some(text) => {
                    parse(text, column.ty, &context.settings).map_err(|error| at_column(error, Some(text)))?
                }
            });
        }
        Ok(Some(values))
    }

    fn check_header(&self, line: &str) -> Result<()> {
        let (found, wanted) = (self.fields.fields.len(), self.targets.len());
        if found != wanted {
            return Err(bad(format!("wrong number of fields in header line: got {found}, expected {wanted}")));
        }
        for (index, target) in self.targets.iter().enumerate() {
            let expected = &self.table.columns[*target].name;
            let number = index + 1;
            if self.fields.fields[index] == Field::Null {
                let null = &self.options.null;
                return Err(bad(format!(
                    "column name mismatch in header line field {number}: got null value (\"{null}\"), \
                     expected \"{expected}\""
                )));
            }
            let text = self.fields.text(line, index)?.unwrap_or("");
            if text != &**expected {
                return Err(bad(format!(
                    "column name mismatch in header line field {number}: got \"{text}\", expected \"{expected}\""
                )));
            }
        }
        Ok(())
    }
}

async fn read_binary(
    context: &Arc<ExecContext>,
    client: &mut impl Client,
    table: &TableDef,
    targets: &[usize],
    loader: &mut Loader<'_>,
) -> Result<()> {
    let mut reader = TupleReader::default();
    let mut number = 0u64;
    loop {
        context.check()?;
        let at_line = |error: Error, number: u64| with_context(error, || format!("COPY {}, line {number}", table.name));
        let done = match client.copy_in_next().await? {
            Some(bytes) => {
                reader.push(&bytes).map_err(|error| at_line(error, number))?;
                false
            }
            None => {
                reader.end();
                true
            }
        };
        while let Some(tuple) = reader.next_tuple(targets.len()).map_err(|error| at_line(error, number + 1))? {
            number += 1;
            let mut values = Vec::with_capacity(tuple.len());
            for (field, target) in tuple.into_iter().zip(targets) {
                let column = &table.columns[*target];
                let value = match field {
                    None => Datum::Null,
                    Some(range) => from_binary(reader.bytes(range), column.ty).map_err(|error| {
                        with_context(error, || format!("COPY {}, line {number}, column {}", table.name, column.name))
                    })?,
                };
                values.push(value);
            }
            let added = loader.add(values, number).await;
            added.map_err(|error| at_line(error, number))?;
        }
        if done {
            return Ok(());
        }
    }
}
