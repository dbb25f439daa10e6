//! A check that a text is JSON (RFC 8259); values of type json keep their text as written.

use crate::error::{Error, Result, SqlState};

/// Deepest nesting of a json value.
const DEPTH_MAX: usize = 1_000;

/// # Errors
/// 22P02 when the text is not one JSON value, 54001 when it nests too deep.
pub(crate) fn check(text: &str) -> Result<()> {
    let mut checker = Checker { bytes: text.as_bytes(), at: 0 };
    let valid = checker.value(0)?;
    checker.blanks();
    if valid && checker.at == checker.bytes.len() {
        return Ok(());
    }
    let detail = if checker.at >= checker.bytes.len() {
        "The input string ended unexpectedly.".to_string()
    } else {
        let rest = String::from_utf8_lossy(&checker.bytes[checker.at..]);
        let token: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
        let shown = if token.is_empty() { rest.chars().take(1).collect() } else { token };
        format!("Token \"{shown}\" is invalid.")
    };
    Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json").detail(detail))
}

struct Checker<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Checker<'_> {
    fn blanks(&mut self) {
        while self.bytes.get(self.at).is_some_and(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.bytes[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<bool> {
        if depth > DEPTH_MAX {
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "json value is nested too deeply"));
        }
        self.blanks();
        Ok(match self.bytes.get(self.at) {
            Some(b'{') => {
                self.at += 1;
                self.members(depth, b'}', true)?
            }
            Some(b'[') => {
                self.at += 1;
                self.members(depth, b']', false)?
            }
            Some(b'"') => self.string(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => false,
        })
    }

    fn members(&mut self, depth: usize, close: u8, named: bool) -> Result<bool> {
        self.blanks();
        if self.eat(close) {
            return Ok(true);
        }
        loop {
            if named {
                self.blanks();
                if !self.string() {
                    return Ok(false);
                }
                self.blanks();
                if !self.eat(b':') {
                    return Ok(false);
                }
            }
            if !self.value(depth + 1)? {
                return Ok(false);
            }
            self.blanks();
            if self.eat(close) {
                return Ok(true);
            }
            if !self.eat(b',') {
                return Ok(false);
            }
        }
    }

    fn string(&mut self) -> bool {
        if !self.eat(b'"') {
            return false;
        }
        while let Some(byte) = self.bytes.get(self.at).copied() {
            match byte {
                b'"' => {
                    self.at += 1;
                    return true;
                }
                b'\\' => match self.bytes.get(self.at + 1) {
                    Some(b'u') => {
                        let digits = self.bytes.get(self.at + 2..self.at + 6);
                        if !digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) {
                            return false;
                        }
                        self.at += 6;
                    }
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
                    _ => return false,
                },
                0..=0x1f => return false,
                _ => self.at += 1,
            }
        }
        false
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self) -> bool {
        self.eat(b'-');
        if !self.eat(b'0') && !self.digits() {
            return false;
        }
        if self.eat(b'.') && !self.digits() {
            return false;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            return self.digits();
        }
        true
    }
}
