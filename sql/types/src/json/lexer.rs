//! Tokens of JSON, and what PostgreSQL says about text that is none.
//!
//! An error names the token at fault, and its context shows the line up to the end of that token, at most some fifty
//! bytes of it.

use crate::error::{Error, Result, SqlState};

/// How much of a line the context of an error shows, in bytes.
const CONTEXT_BYTES: usize = 50;
/// A context that would leave out no more than this shows the line from its start.
const CONTEXT_SLACK: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Token {
    String,
    Number,
    True,
    False,
    Null,
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Comma,
    Colon,
    End,
}

/// Splits a text into tokens, of which it holds one.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    /// The current token.
    pub token: Token,
    /// Where it begins and ends, in bytes.
    pub start: usize,
    pub end: usize,
    /// End of the token before it.
    pub previous_end: usize,
    line: usize,
    line_start: usize,
    /// Whether strings are taken apart; otherwise their escapes are only looked at.
    unescape: bool,
    /// The current string, its escapes resolved.
    pub string: String,
    /// How many values a parser has built of the tokens.
    pub built: usize,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl<'a> Lexer<'a> {
    /// At the first token of a text.
    ///
    /// # Errors
    /// 22P02 when there is none, as [`Lexer::next`].
    pub fn new(text: &'a str, unescape: bool) -> Result<Lexer<'a>> {
        let mut lexer = Lexer {
            text,
            token: Token::End,
            start: 0,
            end: 0,
            previous_end: 0,
            line: 1,
            line_start: 0,
            unescape,
            string: String::new(),
            built: 0,
        };
        lexer.next()?;
        Ok(lexer)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The current token as written.
    pub fn written(&self) -> &'a str {
        &self.text[self.start..self.end]
    }

    /// Goes to the next token.
    ///
    /// # Errors
    /// 22P02 for what is no token, 22P05 for an escaped zero character where strings are taken apart.
    pub fn next(&mut self) -> Result<()> {
        let mut at = self.end;
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.byte(at) {
            at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = at;
            }
        }
        self.start = at;
        self.previous_end = self.end;
        let Some(first) = self.byte(at) else {
            self.end = at;
            self.token = Token::End;
            return Ok(());
        };
        let single = match first {
            b'{' => Some(Token::ObjectStart),
            b'}' => Some(Token::ObjectEnd),
            b'[' => Some(Token::ArrayStart),
            b']' => Some(Token::ArrayEnd),
            b',' => Some(Token::Comma),
            b':' => Some(Token::Colon),
            _ => None,
        };
        if let Some(token) = single {
            self.end = at + 1;
            self.token = token;
            return Ok(());
        }
        match first {
            b'"' => self.quoted(),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<()> {
        let rest = &self.text[self.start..];
        let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
        // Not a word at all: one character is at fault.
        self.end = self.start + if length == 0 { rest.chars().next().map_or(1, char::len_utf8) } else { length };
        self.token = match self.written() {
            "true" => Token::True,
            "false" => Token::False,
            "null" => Token::Null,
            _ => return Err(self.invalid()),
        };
        Ok(())
    }

    fn digits(&self, at: &mut usize) -> bool {
        let from = *at;
        while self.byte(*at).is_some_and(|byte| byte.is_ascii_digit()) {
            *at += 1;
        }
        *at > from
    }

    fn number(&mut self) -> Result<()> {
        let mut at = self.start + usize::from(self.byte(self.start) == Some(b'-'));
        let mut valid = true;
        if self.byte(at) == Some(b'0') {
            at += 1;
        } else {
            valid &= self.digits(&mut at);
        }
        if self.byte(at) == Some(b'.') {
            at += 1;
            valid &= self.digits(&mut at);
        }
        if matches!(self.byte(at), Some(b'e' | b'E')) {
            at += 1;
            at += usize::from(matches!(self.byte(at), Some(b'+' | b'-')));
            valid &= self.digits(&mut at);
        }
        // Letters and digits directly behind belong to the token that is at fault.
        while self.byte(at).is_some_and(is_word) {
            at += 1;
            valid = false;
        }
        self.end = at;
        self.token = Token::Number;
        if valid { Ok(()) } else { Err(self.invalid()) }
    }

    /// The end of the character at `at`.
    fn character_end(&self, at: usize) -> usize {
        at + self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    }

    /// A string from its opening quote.
    fn quoted(&mut self) -> Result<()> {
        self.string.clear();
        let mut at = self.start + 1;
        // The first half of a pair of escapes that make one character.
        let mut high: Option<u32> = None;
        loop {
            // What stands for itself is taken in one go.
            let plain = self.text.as_bytes()[at..].iter().take_while(|b| **b >= 0x20 && !matches!(b, b'"' | b'\\'));
            let length = plain.count();
            if length > 0 && self.unescape {
                if high.is_some() {
                    return Err(self.lone_surrogate(self.character_end(at)));
                }
                self.string.push_str(&self.text[at..at + length]);
            }
            at += length;
            match self.byte(at) {
                Some(b'"') => break,
                Some(b'\\') => at = self.escape(at + 1, &mut high)?,
                None => {
                    self.end = at;
                    return Err(self.invalid());
                }
                Some(byte) => {
                    self.end = at;
                    return Err(self.error(format!("Character with value 0x{byte:02x} must be escaped.")));
                }
            }
        }
        if high.is_some() {
            return Err(self.lone_surrogate(at + 1));
        }
        self.end = at + 1;
        self.token = Token::String;
        Ok(())
    }

    /// One escape, from behind its backslash; returns the end of it.
    fn escape(&mut self, at: usize, high: &mut Option<u32>) -> Result<usize> {
        let Some(byte) = self.byte(at) else {
            self.end = at;
            return Err(self.invalid());
        };
        if byte == b'u' {
            return self.unicode(at, high);
        }
        if self.unescape && high.is_some() {
            return Err(self.lone_surrogate(self.character_end(at)));
        }
        let meant = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => {
                self.start = at;
                self.end = self.character_end(at);
                return Err(self.error(format!("Escape sequence \"\\{}\" is invalid.", self.written())));
            }
        };
        if self.unescape {
            self.string.push(meant);
        }
        Ok(at + 1)
    }

    /// The escape `u0000`, from its letter; returns the end of it.
    fn unicode(&mut self, at: usize, high: &mut Option<u32>) -> Result<usize> {
        let mut code = 0;
        for place in at + 1..at + 5 {
            let Some(byte) = self.byte(place) else {
                self.end = place;
                return Err(self.invalid());
            };
            let Some(digit) = char::from(byte).to_digit(16) else {
                self.end = self.character_end(place);
                return Err(self.error("\"\\u\" must be followed by four hexadecimal digits."));
            };
            code = code << 4 | digit;
        }
        let end = at + 5;
        if !self.unescape {
            return Ok(end);
        }
        match (high.take(), code) {
            (Some(_), 0xd800..=0xdbff) => {
                self.end = end;
                return Err(self.error("Unicode high surrogate must not follow a high surrogate."));
            }
            (None, 0xd800..=0xdbff) => *high = Some(code),
            (Some(first), 0xdc00..=0xdfff) => {
                let both = 0x10000 + ((first & 0x3ff) << 10) + (code & 0x3ff);
                self.string.extend(char::from_u32(both));
            }
            (_, 0xdc00..=0xdfff) | (Some(_), _) => return Err(self.lone_surrogate(end)),
            (None, 0) => {
                let context = self.context(end);
                let message = "unsupported Unicode escape sequence";
                return Err(Error::new(SqlState::UNTRANSLATABLE_CHARACTER, message)
                    .detail("\\u0000 cannot be converted to text.")
                    .context(context));
            }
            (None, _) => self.string.extend(char::from_u32(code)),
        }
        Ok(end)
    }

    fn lone_surrogate(&mut self, end: usize) -> Error {
        self.end = end;
        self.error("Unicode low surrogate must follow a high surrogate.")
    }

    fn invalid(&self) -> Error {
        self.error(format!("Token \"{}\" is invalid.", self.written()))
    }

    /// 22P02 for the current token: `expected` is what should stand here.
    pub fn unexpected(&self, expected: &str) -> Error {
        if self.token == Token::End {
            return self.error("The input string ended unexpectedly.");
        }
        self.error(format!("Expected {expected}, but found \"{}\".", self.written()))
    }

    fn error(&self, detail: impl Into<String>) -> Error {
        Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json")
            .detail(detail)
            .context(self.context(self.end))
    }

    fn context(&self, end: usize) -> String {
        let line_start = self.line_start.min(end);
        let mut from = line_start;
        while end - from >= CONTEXT_BYTES {
            from = self.character_end(from);
        }
        if from - line_start <= CONTEXT_SLACK {
            from = line_start;
        }
        let before = if from > line_start { "..." } else { "" };
        let goes_on = self.token != Token::End || self.start < self.text.len();
        let after = match self.byte(end) {
            Some(byte) if goes_on && !matches!(byte, b'\n' | b'\r') => "...",
            _ => "",
        };
        format!("JSON data, line {}: {before}{}{after}", self.line, &self.text[from..end])
    }
}
