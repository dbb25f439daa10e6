//! Text to tokens, by PostgreSQL's rules (manual, section 4.1; `scan.l`).
//!
//! Unquoted words are folded to lower case (ASCII only, as in a UTF-8 database with the C locale) and cut to 63 bytes;
//! the notices about cutting are collected. An operator is the longest run of operator characters that does not hold a
//! comment's start, and does not end in `+` or `-` unless it has one of `~ ! @ # % ^ & | \` ?` too.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use types::{Error, Result, SqlState};

use crate::bound::Notice;

/// An identifier's longest form, in bytes.
pub const IDENTIFIER_BYTES_MAX: usize = 63;

/// What an escape may stand for, beside half a character.
const CODES: RangeInclusive<u32> = 1..=0x10_ffff;
/// First halves of characters that are escaped as two.
const HIGH_SURROGATES: RangeInclusive<u32> = 0xd800..=0xdbff;

#[derive(Clone, Debug, PartialEq)]
pub enum Tok<'a> {
    /// A keyword or an unquoted identifier, folded.
    Word(Cow<'a, str>),
    /// A quoted identifier.
    Quoted(String),
    /// Digits only.
    Integer(&'a str),
    Decimal(&'a str),
    /// A string, its escapes undone.
    String(Cow<'a, str>),
    /// `$1`.
    Param(u32),
    Op(&'a str),
    /// One of `( ) [ ] , ; . : :: := => ..`.
    Sym(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub struct Token<'a> {
    pub tok: Tok<'a>,
    /// Byte offsets.
    pub start: u32,
    pub end: u32,
}

pub struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    notices: Vec<Notice>,
}

/// The tokens of a text, the last one [`Tok::End`], and the notices about identifiers that were cut.
///
/// # Errors
/// 42601 with the position (a byte offset, from 1).
pub fn tokens(text: &str) -> Result<(Vec<Token<'_>>, Vec<Notice>)> {
    if u32::try_from(text.len()).is_err() {
        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "statement is too long"));
    }
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, notices: Vec::new() };
    let mut tokens = Vec::with_capacity(text.len() / 4 + 2);
    loop {
        lexer.skip_blanks()?;
        let start = lexer.at;
        let tok = lexer.next()?;
        let end = tok == Tok::End;
        tokens.push(Token { tok, start: start as u32, end: lexer.at as u32 });
        if end {
            return Ok((tokens, lexer.notices));
        }
    }
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!'
            | b'@'
            | b'#'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
            | b'+'
            | b'-'
            | b'*'
            | b'/'
            | b'%'
            | b'<'
            | b'>'
            | b'='
    )
}

/// The character of a high surrogate and what follows it; `None` unless that is a low one.
fn paired(high: u32, low: u32) -> Option<u32> {
    (0xdc00..=0xdfff).contains(&low).then(|| 0x1_0000 + ((high & 0x3ff) << 10) + (low & 0x3ff))
}

impl<'a> Lexer<'a> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn error(&self, message: &str, start: usize) -> Error {
        let near = &self.text[start..];
        Error::new(SqlState::SYNTAX_ERROR, format!("{message} at or near \"{near}\"")).at(start as u32 + 1)
    }

    /// 42601 that shows the text between two places.
    fn error_near(&self, message: &str, from: usize, to: usize) -> Error {
        let near = &self.text[from..to];
        Error::new(SqlState::SYNTAX_ERROR, format!("{message} at or near \"{near}\"")).at(from as u32 + 1)
    }

    /// Skips white space and comments that end with their line.
    fn skip_spaces(&mut self) {
        loop {
            match self.peek(0) {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c | 0x0b => self.at += 1,
                b'-' if self.peek(1) == b'-' => {
                    while self.at < self.bytes.len() && !matches!(self.bytes[self.at], b'\n' | b'\r') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn skip_blanks(&mut self) -> Result<()> {
        loop {
            self.skip_spaces();
            if (self.peek(0), self.peek(1)) != (b'/', b'*') {
                return Ok(());
            }
            let start = self.at;
            let mut depth = 0;
            loop {
                if self.at >= self.bytes.len() {
                    return Err(self.error("unterminated /* comment", start));
                }
                match (self.peek(0), self.peek(1)) {
                    (b'/', b'*') => {
                        depth += 1;
                        self.at += 2;
                    }
                    (b'*', b'/') => {
                        depth -= 1;
                        self.at += 2;
                        if depth == 0 {
                            break;
                        }
                    }
                    _ => self.at += 1,
                }
            }
        }
    }

    fn next(&mut self) -> Result<Tok<'a>> {
        let start = self.at;
        let Some(&byte) = self.bytes.get(start) else { return Ok(Tok::End) };
        if is_word_start(byte) {
            return match (byte | 0x20, self.peek(1), self.peek(2)) {
                (b'e', b'\'', _) => {
                    self.at += 1;
                    self.string(start, true)
                }
                (b'n', b'\'', _) => {
                    self.at += 1;
                    self.string(start, false)
                }
                (b'b' | b'x', b'\'', _) => Err(Error::unsupported("bit string literal").at(start as u32 + 1)),
                (b'u', b'&', quote @ (b'\'' | b'"')) => self.unicode(start, quote),
                _ => Ok(self.word()),
            };
        }
        if byte.is_ascii_digit() || byte == b'.' && self.peek(1).is_ascii_digit() {
            return self.number();
        }
        match byte {
            b'\'' => self.string(start, false),
            b'"' => {
                let name = self.quoted_identifier(start)?;
                Ok(Tok::Quoted(self.cut(name)))
            }
            b'$' => self.dollar(),
            b'(' => self.symbol("("),
            b')' => self.symbol(")"),
            b'[' => self.symbol("["),
            b']' => self.symbol("]"),
            b',' => self.symbol(","),
            b';' => self.symbol(";"),
            b'.' if self.peek(1) == b'.' => self.symbol(".."),
            b'.' => self.symbol("."),
            b':' if self.peek(1) == b':' => self.symbol("::"),
            b':' if self.peek(1) == b'=' => self.symbol(":="),
            b':' => self.symbol(":"),
            _ if is_operator(byte) => self.operator(),
            _ => {
                let near = self.text[start..].chars().next().unwrap_or(' ');
                Err(Error::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{near}\""))
                    .at(start as u32 + 1))
            }
        }
    }

    fn symbol(&mut self, symbol: &'static str) -> Result<Tok<'a>> {
        self.at += symbol.len();
        Ok(Tok::Sym(symbol))
    }

    fn word(&mut self) -> Tok<'a> {
        let start = self.at;
        let mut upper = false;
        while self.at < self.bytes.len() && is_word(self.bytes[self.at]) {
            upper |= self.bytes[self.at].is_ascii_uppercase();
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        if !upper && word.len() <= IDENTIFIER_BYTES_MAX {
            return Tok::Word(Cow::Borrowed(word));
        }
        Tok::Word(Cow::Owned(self.cut(word.to_ascii_lowercase())))
    }

    /// Cuts an identifier to what the catalog can hold.
    fn cut(&mut self, mut name: String) -> String {
        if name.len() <= IDENTIFIER_BYTES_MAX {
            return name;
        }
        let mut end = IDENTIFIER_BYTES_MAX;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let message = format!("identifier \"{name}\" will be truncated to \"{}\"", &name[..end]);
        self.notices.push(Notice { severity: "NOTICE", sqlstate: SqlState::NAME_TOO_LONG, message });
        name.truncate(end);
        name
    }

    fn number(&mut self) -> Result<Tok<'a>> {
        let start = self.at;
        let digits = |lexer: &mut Self| {
            while lexer.peek(0).is_ascii_digit() {
                lexer.at += 1;
            }
        };
        digits(self);
        let mut decimal = false;
        // `1..10` is an integer and two dots.
        if self.peek(0) == b'.' && self.peek(1) != b'.' {
            decimal = true;
            self.at += 1;
            digits(self);
        }
        if self.peek(0) | 0x20 == b'e' {
            let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
            if self.peek(1 + sign).is_ascii_digit() {
                decimal = true;
                self.at += 1 + sign;
                digits(self);
            } else if sign == 1 {
                self.at += 2;
                return Err(self.error_near("trailing junk after numeric literal", start, self.at));
            }
        }
        if is_word_start(self.peek(0)) {
            while is_word(self.peek(0)) {
                self.at += 1;
            }
            return Err(self.error_near("trailing junk after numeric literal", start, self.at));
        }
        let text = &self.text[start..self.at];
        Ok(if decimal { Tok::Decimal(text) } else { Tok::Integer(text) })
    }

    /// A string in single quotes; `self.at` is at the quote. Strings separated by a line break are one.
    fn string(&mut self, start: usize, escapes: bool) -> Result<Tok<'a>> {
        self.at += 1;
        let from = self.at;
        // The common case borrows: no doubled quote, no escape, no continuation.
        let mut owned: Option<String> = None;
        let mut run = from;
        loop {
            if self.at >= self.bytes.len() {
                return Err(self.error("unterminated quoted string", start));
            }
            match self.bytes[self.at] {
                b'\'' if self.peek(1) == b'\'' => {
                    let text = owned.get_or_insert_default();
                    text.push_str(&self.text[run..=self.at]);
                    self.at += 2;
                    run = self.at;
                }
                b'\'' => {
                    let end = self.at;
                    self.at += 1;
                    let resume = self.continuation();
                    match resume {
                        Some(next) => {
                            owned.get_or_insert_default().push_str(&self.text[run..end]);
                            self.at = next;
                            run = next;
                        }
                        None => {
                            return Ok(Tok::String(match owned {
                                Some(mut text) => {
                                    text.push_str(&self.text[run..end]);
                                    Cow::Owned(text)
                                }
                                None => Cow::Borrowed(&self.text[from..end]),
                            }));
                        }
                    }
                }
                b'\\' if escapes => {
                    owned.get_or_insert_default().push_str(&self.text[run..self.at]);
                    let place = self.at;
                    let mut bytes = Vec::new();
                    // Escapes may spell a character byte by byte: take them all before asking for UTF-8.
                    while self.peek(0) == b'\\' {
                        self.escape(start, &mut bytes)?;
                    }
                    let text = String::from_utf8(bytes).map_err(|_| {
                        Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\"")
                            .at(place as u32 + 1)
                    })?;
                    owned.get_or_insert_default().push_str(&text);
                    run = self.at;
                }
                _ => self.at += 1,
            }
        }
    }

    /// Where the text of a string goes on behind a blank with a line break and another quote.
    fn continuation(&mut self) -> Option<usize> {
        let end = self.at;
        self.skip_spaces();
        let broken = self.text[end..self.at].contains(['\n', '\r']);
        let next = (broken && self.peek(0) == b'\'').then_some(self.at + 1);
        self.at = end;
        next
    }

    fn escape(&mut self, start: usize, out: &mut Vec<u8>) -> Result<()> {
        let byte = self.peek(1);
        if self.at + 1 >= self.bytes.len() {
            return Err(self.error("unterminated quoted string", start));
        }
        self.at += 2;
        let digits = |lexer: &mut Self, radix: u32, max: usize| {
            let from = lexer.at;
            while lexer.at - from < max && char::from(lexer.peek(0)).is_digit(radix) {
                lexer.at += 1;
            }
            u32::from_str_radix(&lexer.text[from..lexer.at], radix).ok()
        };
        match byte {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'0'..=b'7' => {
                self.at -= 1;
                match digits(self, 8, 3).unwrap_or(0) as u8 {
                    0 => return Err(zero_byte()),
                    value => out.push(value),
                }
            }
            b'x' => match digits(self, 16, 2) {
                Some(0) => return Err(zero_byte()),
                Some(value) => out.push(value as u8),
                None => out.push(b'x'),
            },
            b'u' | b'U' => {
                self.at -= 2;
                let place = self.at;
                let mut code = self.unicode_escape()?;
                let unpaired = "invalid Unicode surrogate pair";
                if HIGH_SURROGATES.contains(&code) {
                    let second = self.at;
                    if self.peek(0) != b'\\' || !matches!(self.peek(1), b'u' | b'U') {
                        let width = self.text[second..].chars().next().map_or(0, char::len_utf8);
                        return Err(self.error_near(unpaired, second, second + width));
                    }
                    let low = self.unicode_escape()?;
                    code = paired(code, low).ok_or_else(|| self.error_near(unpaired, second, self.at))?;
                }
                let Some(value) = char::from_u32(code) else {
                    return Err(self.error_near(unpaired, place, self.at));
                };
                out.extend_from_slice(value.encode_utf8(&mut [0; 4]).as_bytes());
            }
            // Any other character stands for itself, all of its bytes.
            _ => {
                self.at -= 1;
                let width = self.text[self.at..].chars().next().map_or(1, char::len_utf8);
                out.extend_from_slice(&self.bytes[self.at..self.at + width]);
                self.at += width;
            }
        }
        Ok(())
    }

    /// The code of `\uXXXX` or `\UXXXXXXXX`; `self.at` is at the backslash.
    fn unicode_escape(&mut self) -> Result<u32> {
        let place = self.at;
        let length = if self.peek(1) == b'u' { 4 } else { 8 };
        self.at += 2;
        let from = self.at;
        while self.at - from < length && self.peek(0).is_ascii_hexdigit() {
            self.at += 1;
        }
        if self.at - from < length {
            return Err(Error::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid Unicode escape")
                .hint("Unicode escapes must be \\uXXXX or \\UXXXXXXXX.")
                .at(place as u32 + 1));
        }
        let code = u32::from_str_radix(&self.text[from..self.at], 16).ok();
        code.filter(|code| CODES.contains(code))
            .ok_or_else(|| self.error_near("invalid Unicode escape value", place, self.at))
    }

    fn word_end(&self) -> usize {
        self.at + self.bytes[self.at..].iter().take_while(|byte| is_word(**byte)).count()
    }

    /// What `UESCAPE '!'` behind a string or name makes its escape character, else the backslash.
    fn escape_character(&mut self) -> Result<char> {
        let end = self.at;
        self.skip_blanks()?;
        let behind = self.word_end();
        if !self.text[self.at..behind].eq_ignore_ascii_case("uescape") {
            self.at = end;
            return Ok('\\');
        }
        self.at = behind;
        self.skip_blanks()?;
        let start = self.at;
        let given = match (self.peek(0), self.peek(1)) {
            (b'\'', _) => self.string(start, false)?,
            (b'e' | b'E', b'\'') => {
                self.at += 1;
                self.string(start, true)?
            }
            (b'$', next) if !next.is_ascii_digit() => self.dollar()?,
            _ => {
                let message = "UESCAPE must be followed by a simple string literal";
                let behind = self.text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
                return Err(self.error_near(message, start, self.word_end().max(behind)));
            }
        };
        match &given {
            Tok::String(text) => match text.as_bytes() {
                [byte] if !byte.is_ascii_whitespace() && !byte.is_ascii_hexdigit() && !b"+'\"".contains(byte) => {
                    Ok(char::from(*byte))
                }
                _ => Err(self.error_near("invalid Unicode escape character", start, self.at)),
            },
            _ => Ok('\\'),
        }
    }

    /// `U&'...'` and `U&"..."`.
    fn unicode(&mut self, start: usize, quote: u8) -> Result<Tok<'a>> {
        self.at += 2;
        let raw = if quote == b'"' {
            self.quoted_identifier(start)?
        } else {
            match self.string(start, false)? {
                Tok::String(text) => text.into_owned(),
                _ => String::new(),
            }
        };
        let escape = self.escape_character()?;
        // A place in what is between the quotes.
        let refuse = |message: &str, rest: &str| {
            Error::new(SqlState::SYNTAX_ERROR, message).at((start + 3 + raw.len() - rest.len()) as u32 + 1)
        };
        let unpaired = |rest: &str| refuse("invalid Unicode surrogate pair", rest);
        let mut text = String::with_capacity(raw.len());
        let mut rest = raw.as_str();
        // The first half of a pair of escapes that make one character.
        let mut high: Option<u32> = None;
        while let Some(at) = rest.find(escape) {
            let (plain, escaped) = rest.split_at(at);
            let behind = &escaped[1..];
            if high.is_some() && (!plain.is_empty() || behind.starts_with(escape)) {
                return Err(unpaired(rest));
            }
            text.push_str(plain);
            if let Some(next) = behind.strip_prefix(escape) {
                text.push(escape);
                rest = next;
                continue;
            }
            let (from, length) = if behind.starts_with('+') { (1, 6) } else { (0, 4) };
            let digits = behind.get(from..from + length).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
                let hint = "Unicode escapes must be \\XXXX or \\+XXXXXX.";
                return Err(refuse("invalid Unicode escape", escaped).hint(hint));
            };
            if !CODES.contains(&code) {
                return Err(refuse("invalid Unicode escape value", escaped));
            }
            let code = match high.take() {
                Some(first) => paired(first, code).ok_or_else(|| unpaired(escaped))?,
                None => code,
            };
            if HIGH_SURROGATES.contains(&code) {
                high = Some(code);
            } else {
                text.push(char::from_u32(code).ok_or_else(|| unpaired(escaped))?);
            }
            rest = &behind[from + length..];
        }
        if high.is_some() {
            return Err(unpaired(rest));
        }
        text.push_str(rest);
        Ok(if quote == b'"' { Tok::Quoted(self.cut(text)) } else { Tok::String(Cow::Owned(text)) })
    }

    fn quoted_identifier(&mut self, start: usize) -> Result<String> {
        self.at += 1;
        let mut name = String::new();
        let mut run = self.at;
        loop {
            if self.at >= self.bytes.len() {
                return Err(self.error("unterminated quoted identifier", start));
            }
            if self.bytes[self.at] != b'"' {
                self.at += 1;
                continue;
            }
            name.push_str(&self.text[run..self.at]);
            self.at += 1;
            if self.peek(0) != b'"' {
                break;
            }
            name.push('"');
            self.at += 1;
            run = self.at;
        }
        if name.is_empty() {
            return Err(self.error("zero-length delimited identifier", start));
        }
        Ok(name)
    }

    /// `$1`, or a string between dollar tags.
    fn dollar(&mut self) -> Result<Tok<'a>> {
        let start = self.at;
        self.at += 1;
        if self.peek(0).is_ascii_digit() {
            let from = self.at;
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
            if is_word_start(self.peek(0)) {
                while is_word(self.peek(0)) {
                    self.at += 1;
                }
                let near = &self.text[start..self.at];
                let message = format!("trailing junk after parameter at or near \"{near}\"");
                return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(start as u32 + 1));
            }
            let number = self.text[from..self.at].parse::<u32>().unwrap_or(u32::MAX);
            return Ok(Tok::Param(number));
        }
        while is_word(self.peek(0)) && self.peek(0) != b'$' {
            self.at += 1;
        }
        if self.peek(0) != b'$' {
            self.at = start;
            return Err(Error::new(SqlState::SYNTAX_ERROR, "syntax error at or near \"$\"").at(start as u32 + 1));
        }
        self.at += 1;
        let tag = &self.text[start..self.at];
        let body = self.at;
        match self.text[body..].find(tag) {
            Some(length) => {
                self.at = body + length + tag.len();
                Ok(Tok::String(Cow::Borrowed(&self.text[body..body + length])))
            }
            None => Err(self.error("unterminated dollar-quoted string", start)),
        }
    }

    fn operator(&mut self) -> Result<Tok<'a>> {
        let start = self.at;
        while is_operator(self.peek(0)) {
            let comment = matches!((self.peek(0), self.peek(1)), (b'-', b'-') | (b'/', b'*'));
            if comment && self.at > start {
                break;
            }
            self.at += 1;
        }
        let special = |text: &str| text.bytes().any(|byte| b"~!@#%^&|`?".contains(&byte));
        while self.at - start > 1
            && matches!(self.bytes[self.at - 1], b'+' | b'-')
            && !special(&self.text[start..self.at - 1])
        {
            self.at -= 1;
        }
        match &self.text[start..self.at] {
            "=>" => Ok(Tok::Sym("=>")),
            "!=" => Ok(Tok::Op("<>")),
            op => Ok(Tok::Op(op)),
        }
    }
}

/// No text holds one.
fn zero_byte() -> Error {
    Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\": 0x00")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toks(text: &str) -> Vec<Tok<'_>> {
        let (tokens, _) = tokens(text).expect("these texts are sound");
        tokens.into_iter().map(|token| token.tok).filter(|tok| *tok != Tok::End).collect()
    }

    #[test]
    fn operators_end_where_postgresql_ends_them() {
        assert_eq!(toks("1<-2"), vec![Tok::Integer("1"), Tok::Op("<"), Tok::Op("-"), Tok::Integer("2")]);
        assert_eq!(toks("a@-b"), vec![Tok::Word("a".into()), Tok::Op("@-"), Tok::Word("b".into())]);
        assert_eq!(toks("2*--x\n3"), vec![Tok::Integer("2"), Tok::Op("*"), Tok::Integer("3")]);
        assert_eq!(toks("a!=b"), vec![Tok::Word("a".into()), Tok::Op("<>"), Tok::Word("b".into())]);
    }

    #[test]
    fn strings_undo_their_escapes() {
        assert_eq!(toks("'it''s'"), vec![Tok::String("it's".into())]);
        assert_eq!(toks("E'a\\n\\x41\\u00e9\\''"), vec![Tok::String("a\nA\u{e9}'".into())]);
        assert_eq!(toks("'a'\n  'b'"), vec![Tok::String("ab".into())]);
        assert_eq!(toks("$x$a'$b$x$"), vec![Tok::String("a'$b".into())]);
        assert_eq!(toks("U&'\\0041\\+000042'"), vec![Tok::String("AB".into())]);
        assert_eq!(toks("U&'d!0061!!' uescape '!'"), vec![Tok::String("da!".into())]);
        assert_eq!(toks("U&'d!0061' uescape E'!'"), vec![Tok::String("da".into())]);
        assert_eq!(toks("U&'d!0061' uescape $$!$$"), vec![Tok::String("da".into())]);
        assert_eq!(toks("U&\"d!0061\" /* c */ UESCAPE '!'"), vec![Tok::Quoted("da".into())]);
        assert!(tokens("U&'a' uescape '+'").is_err());
        assert!(tokens("U&'a' uescape b").is_err());
        assert_eq!(toks("'a' -- c\n'b'"), vec![Tok::String("ab".into())]);
        assert_eq!(toks("'a' /* c */\n'b'"), vec![Tok::String("a".into()), Tok::String("b".into())]);
        assert!(tokens("'open").is_err());
        assert!(tokens("E'\\xff'").is_err());
        assert!(tokens("E'\\").is_err());
    }

    #[test]
    fn identifiers_are_folded_and_cut_with_a_notice() {
        let long = "A".repeat(64);
        let (tokens, notices) = tokens(&long).expect("an identifier");
        assert_eq!(tokens[0].tok, Tok::Word("a".repeat(63).into()));
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].sqlstate, SqlState::NAME_TOO_LONG);
        assert_eq!(toks("\"Ab\"\"c\""), vec![Tok::Quoted("Ab\"c".into())]);
    }

    #[test]
    fn numbers_and_parameters() {
        assert_eq!(
            toks("1 .5 1. 1e3 1.5e-2"),
            vec![
                Tok::Integer("1"),
                Tok::Decimal(".5"),
                Tok::Decimal("1."),
                Tok::Decimal("1e3"),
                Tok::Decimal("1.5e-2"),
            ]
        );
        assert_eq!(toks("$12"), vec![Tok::Param(12)]);
        assert!(tokens("1abc").is_err());
    }
}
