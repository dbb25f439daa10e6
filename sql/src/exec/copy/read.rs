//! Text and CSV input: bytes into lines, lines into fields.
//!
//! Both follow PostgreSQL's `copyfromparse.c`. The first line end decides which of the three kinds (LF, CR, CR LF) all
//! others must be. In text a backslash takes the meaning from the byte behind it, line ends included; in CSV a line goes
//! on while a quote is open. A line of `\.` alone ends the data; what follows is ignored.
//!
//! The reader holds the bytes of one incomplete line and of the message it came in, no more.

use types::{Error, Result, SqlState};

use super::format::bad;
use crate::bound::{CopyFormat, CopyOptions};

/// As long as a string can be.
const LINE_BYTES_MAX: usize = (1 << 30) - 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LineEnd {
    Lf,
    Cr,
    CrLf,
}

/// Cuts input into lines.
pub(super) struct LineReader {
    csv: bool,
    quote: u8,
    escape: u8,
    buffer: Vec<u8>,
    /// Where the next line starts.
    start: usize,
    /// How far it was looked at.
    scanned: usize,
    in_quote: bool,
    /// The byte before `scanned` was an escape in an open quote.
    last_was_escape: bool,
    line_end: Option<LineEnd>,
    ended: bool,
    finished: bool,
    /// The number of the line last returned, from 1; in CSV, of its last physical line.
    pub number: u64,
}

impl LineReader {
    pub fn new(options: &CopyOptions) -> LineReader {
        LineReader {
            csv: options.format == CopyFormat::Csv,
            quote: options.quote,
            // An escape that is the quote itself is handled by the quote toggling twice.
            escape: options.escape,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            in_quote: false,
            last_was_escape: false,
            line_end: None,
            ended: false,
            finished: false,
            number: 0,
        }
    }

    /// Whether the end was seen, of the data or by `\.`.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Adds input.
    ///
    /// # Errors
    /// 54000 when a line gets too long.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if self.finished {
            return Ok(());
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        if self.buffer.len() + bytes.len() > LINE_BYTES_MAX {
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "out of memory").detail(format!(
                "Cannot enlarge string buffer containing {} bytes by {} more bytes.",
                self.buffer.len(),
                bytes.len()
            )));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// There is no more input.
    pub fn end(&mut self) {
        self.ended = true;
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next line without its end; `None` when more input is needed, or at the end.
    ///
    /// # Errors
    /// 22P04.
    pub fn next_line(&mut self) -> Result<Option<std::ops::Range<usize>>> {
        if self.finished {
            return Ok(None);
        }
        let found = if self.csv { self.find_csv()? } else { self.find_text()? };
        let (range, next) = match found {
            Some((end, next)) => (self.start..end, next),
            None if !self.ended => return Ok(None),
            // An open quote is found when the line is split.
            None => {
                self.finished = true;
                if self.start == self.buffer.len() {
                    return Ok(None);
                }
                (self.start..self.buffer.len(), self.buffer.len())
            }
        };
        self.start = next;
        self.scanned = next;
        self.last_was_escape = false;
        if &self.buffer[range.clone()] == b"\\." {
            self.finished = true;
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(range))
    }

    pub fn bytes(&self, range: std::ops::Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// A line end at `at`: how long it is. `None`: more input is needed to say.
    fn line_end_at(&mut self, at: usize, what: &str) -> Result<Option<usize>> {
        let kind = if self.buffer[at] == b'\n' {
            LineEnd::Lf
        } else {
            match self.buffer.get(at + 1) {
                Some(b'\n') if self.line_end != Some(LineEnd::Cr) => LineEnd::CrLf,
                Some(_) => LineEnd::Cr,
                None if self.ended => LineEnd::Cr,
                None => return Ok(None),
            }
        };
        let known = *self.line_end.get_or_insert(kind);
        if known != kind {
            let name = if kind == LineEnd::Lf { "newline" } else { "carriage return" };
            self.number += 1;
            let error = bad(format!("{what} {name} found in data"));
            return Err(error.hint(match (self.csv, kind) {
                (false, LineEnd::Lf) => "Use \"\\n\" to represent newline.",
                (false, _) => "Use \"\\r\" to represent carriage return.",
                (true, LineEnd::Lf) => "Use quoted CSV field to represent newline.",
                (true, _) => "Use quoted CSV field to represent carriage return.",
            }));
        }
        Ok(Some(if kind == LineEnd::CrLf { 2 } else { 1 }))
    }

    fn find_text(&mut self) -> Result<Option<(usize, usize)>> {
        while let Some(byte) = self.buffer.get(self.scanned) {
            match byte {
                b'\n' | b'\r' => {
                    let end = self.scanned;
                    let Some(length) = self.line_end_at(end, "literal")? else { return Ok(None) };
                    return Ok(Some((end, end + length)));
                }
                // What stands behind a backslash is data, a line end too.
                b'\\' => match self.buffer.get(self.scanned + 1) {
                    None if !self.ended => return Ok(None),
                    None => self.scanned += 1,
                    Some(_) => self.scanned += 2,
                },
                _ => self.scanned += 1,
            }
        }
        Ok(None)
    }

    fn find_csv(&mut self) -> Result<Option<(usize, usize)>> {
        while let Some(byte) = self.buffer.get(self.scanned).copied() {
            if self.in_quote && byte == self.escape && self.escape != self.quote {
                self.last_was_escape = !self.last_was_escape;
            } else {
                if byte == self.quote && !self.last_was_escape {
                    self.in_quote = !self.in_quote;
                }
                self.last_was_escape = false;
            }
            if matches!(byte, b'\n' | b'\r') {
                if !self.in_quote {
                    let end = self.scanned;
                    let Some(length) = self.line_end_at(end, "unquoted")? else { return Ok(None) };
                    return Ok(Some((end, end + length)));
                }
                // Lines inside of quotes count, by the kind of line end that is in use.
                let counted = if self.line_end == Some(LineEnd::Lf) { b'\n' } else { b'\r' };
                if byte == counted {
                    self.number += 1;
                }
            }
            self.scanned += 1;
        }
        Ok(None)
    }
}

/// One field of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Field {
    /// Bytes of the line as they are.
    Plain(std::ops::Range<usize>),
    /// A part of [`Fields::scratch`].
    Unescaped(std::ops::Range<usize>),
    Null,
}

/// The fields of a line, in buffers that are used again.
#[derive(Default)]
pub(super) struct Fields {
    pub fields: Vec<Field>,
    scratch: Vec<u8>,
}

impl Fields {
    /// The text of a field of this line; `None` for null. The line was checked to be UTF-8.
    ///
    /// # Errors
    /// 22021 when escapes made something that is not text.
    pub fn text<'a>(&'a self, line: &'a str, index: usize) -> Result<Option<&'a str>> {
        match &self.fields[index] {
            Field::Null => Ok(None),
            Field::Plain(range) => Ok(Some(&line[range.clone()])),
            Field::Unescaped(range) => types::binary_io::check_text(&self.scratch[range.clone()]).map(Some),
        }
    }

    /// Splits a line.
    ///
    /// # Errors
    /// 22P04 for an open quote.
    pub fn split(&mut self, line: &str, options: &CopyOptions) -> Result<()> {
        self.fields.clear();
        self.scratch.clear();
        match options.format {
            CopyFormat::Csv => self.split_csv(line.as_bytes(), options),
            _ => {
                self.split_text(line.as_bytes(), options);
                Ok(())
            }
        }
    }

    fn split_text(&mut self, line: &[u8], options: &CopyOptions) {
        let null = options.null.as_bytes();
        let delimiter = options.delimiter;
        let mut at = 0;
        loop {
            let start = at;
            let mut escaped = false;
            while at < line.len() && line[at] != delimiter {
                if line[at] == b'\\' && at + 1 < line.len() {
                    escaped = true;
                    at += 1;
                }
                at += 1;
            }
            let raw = &line[start..at];
            // The null string is compared before escapes are taken out.
            self.fields.push(if raw == null {
                Field::Null
            } else if escaped {
                let from = self.scratch.len();
                unescape(raw, &mut self.scratch);
                Field::Unescaped(from..self.scratch.len())
            } else {
                Field::Plain(start..at)
            });
            if at >= line.len() {
                return;
            }
            at += 1;
        }
    }

    fn split_csv(&mut self, line: &[u8], options: &CopyOptions) -> Result<()> {
        let null = options.null.as_bytes();
        let (delimiter, quote, escape) = (options.delimiter, options.quote, options.escape);
        let mut at = 0;
        loop {
            let start = at;
            while at < line.len() && line[at] != delimiter && line[at] != quote {
                at += 1;
            }
            if at == line.len() || line[at] == delimiter {
                let is_null = &line[start..at] == null;
                self.fields.push(if is_null { Field::Null } else { Field::Plain(start..at) });
            } else {
                let from = self.scratch.len();
                self.scratch.extend_from_slice(&line[start..at]);
                let mut quoted = false;
                loop {
                    let Some(byte) = line.get(at).copied() else {
                        if quoted {
                            return Err(bad("unterminated CSV quoted field"));
                        }
                        break;
                    };
                    if quoted {
                        let next = line.get(at + 1).copied();
                        if byte == escape && next.is_some_and(|next| next == escape || next == quote) {
                            self.scratch.extend(next);
                            at += 1;
                        } else if byte == quote {
                            quoted = false;
                        } else {
                            self.scratch.push(byte);
                        }
                    } else if byte == delimiter {
                        break;
                    } else if byte == quote {
                        quoted = true;
                    } else {
                        self.scratch.push(byte);
                    }
                    at += 1;
                }
                self.fields.push(Field::Unescaped(from..self.scratch.len()));
            }
            if at >= line.len() {
                return Ok(());
            }
            at += 1;
        }
    }
}

/// Takes out the escapes of a text field.
fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let octal = |byte: Option<&u8>| byte.filter(|byte| (b'0'..=b'7').contains(*byte)).map(|byte| byte - b'0');
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).map(|digit| digit as u8);
    let mut at = 0;
    while let Some(byte) = raw.get(at).copied() {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(byte) = raw.get(at).copied() else {
            out.push(b'\\');
            return;
        };
        at += 1;
        match byte {
            b'0'..=b'7' => {
                let mut value = byte - b'0';
                for _ in 0..2 {
                    let Some(digit) = octal(raw.get(at)) else { break };
                    value = value.wrapping_shl(3) | digit;
                    at += 1;
                }
                out.push(value);
            }
            b'x' => match hex(raw.get(at)) {
                None => out.push(b'x'),
                Some(mut value) => {
                    at += 1;
                    if let Some(digit) = hex(raw.get(at)) {
                        value = value << 4 | digit;
                        at += 1;
                    }
                    out.push(value);
                }
            },
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(0x0b),
            other => out.push(other),
        }
    }
}
