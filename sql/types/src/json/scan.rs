//! Looking into a JSON text one level at a time: kinds, members, elements, paths.
//!
//! Parts of a text are slices of it. The text is known to be JSON, but is not trusted to be: it may come from a damaged
//! disk, and errors are those of a parser.

use std::ops::Range;

use super::lexer::{Lexer, Token};
use super::parse::{colon, skip};
use crate::error::Result;

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    /// The word of `json_typeof`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "boolean",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }

    pub fn is_scalar(self) -> bool {
        !matches!(self, Kind::Array | Kind::Object)
    }
}

/// What a text holds, by its first token.
pub(crate) fn kind(text: &str) -> Result<Kind> {
    let lexer = Lexer::new(text, false)?;
    Ok(match lexer.token {
        Token::ObjectStart => Kind::Object,
        Token::ArrayStart => Kind::Array,
        Token::String => Kind::String,
        Token::Number => Kind::Number,
        Token::True | Token::False => Kind::Bool,
        Token::Null => Kind::Null,
        _ => return Err(lexer.unexpected("JSON value")),
    })
}

/// Goes through the parts of an array or object, one at a time. It holds a place in the text, not the text itself, so
/// that the rows of a set can be made when they are asked for.
pub(crate) struct Walk {
    /// Where the next part begins; `None` behind the last one.
    at: Option<usize>,
}

impl Walk {
    /// Before the first element of an array; `None` if this is no array.
    pub fn array(text: &str) -> Result<Option<Walk>> {
        Walk::open(text, Token::ArrayStart, Token::ArrayEnd)
    }

    /// Before the first member of an object; `None` if this is no object.
    pub fn object(text: &str) -> Result<Option<Walk>> {
        Walk::open(text, Token::ObjectStart, Token::ObjectEnd)
    }

    fn open(text: &str, start: Token, end: Token) -> Result<Option<Walk>> {
        let mut lexer = Lexer::new(text, false)?;
        if lexer.token != start {
            return Ok(None);
        }
        let first = lexer.end;
        lexer.next()?;
        Ok(Some(Walk { at: (lexer.token != end).then_some(first) }))
    }

    /// The next element of the array that `text` holds.
    pub fn element<'a>(&mut self, text: &'a str) -> Result<Option<&'a str>> {
        let Some(at) = self.at.take() else { return Ok(None) };
        let mut lexer = Lexer::new(text.get(at..).unwrap_or(""), false)?;
        let range = self.value(at, &mut lexer, Token::ArrayEnd, "\",\" or \"]\"")?;
        Ok(text.get(range))
    }

    /// The next member of the object that `text` holds; all of those with one key are met.
    pub fn member<'a>(&mut self, text: &'a str) -> Result<Option<(String, &'a str)>> {
        let Some(at) = self.at.take() else { return Ok(None) };
        let mut lexer = Lexer::new(text.get(at..).unwrap_or(""), true)?;
        if lexer.token != Token::String {
            return Err(lexer.unexpected("string"));
        }
        let key = std::mem::take(&mut lexer.string);
        lexer.next()?;
        colon(&mut lexer)?;
        let range = self.value(at, &mut lexer, Token::ObjectEnd, "\",\" or \"}\"")?;
        Ok(text.get(range).map(|value| (key, value)))
    }

    /// Steps over a value and what follows it. `at` is where the lexer's text begins.
    fn value(&mut self, at: usize, lexer: &mut Lexer<'_>, end: Token, expected: &str) -> Result<Range<usize>> {
        let from = at + lexer.start;
        skip(lexer)?;
        let to = at + lexer.previous_end;
        if lexer.token == Token::Comma {
            self.at = Some(at + lexer.end);
        } else if lexer.token != end {
            return Err(lexer.unexpected(expected));
        }
        Ok(from..to)
    }
}

/// The number of elements of an array; `None` if this is no array.
pub(crate) fn length(text: &str) -> Result<Option<usize>> {
    let Some(mut walk) = Walk::array(text)? else { return Ok(None) };
    let mut count = 0;
    while walk.element(text)?.is_some() {
        count += 1;
    }
    Ok(Some(count))
}

/// The value of an object's member, of the last with this key; `None` also if this is no object.
pub(crate) fn member<'a>(text: &'a str, key: &str) -> Result<Option<&'a str>> {
    let Some(mut walk) = Walk::object(text)? else { return Ok(None) };
    let mut found = None;
    while let Some((name, value)) = walk.member(text)? {
        if name == key {
            found = Some(value);
        }
    }
    Ok(found)
}

/// An element of an array, from 0, or from -1 backwards; `None` also if this is no array.
pub(crate) fn element(text: &str, index: i64) -> Result<Option<&str>> {
    let mut left = if index < 0 { index + length(text)?.unwrap_or(0) as i64 } else { index };
    let Some(mut walk) = Walk::array(text)?.filter(|_| left >= 0) else { return Ok(None) };
    while let Some(element) = walk.element(text)? {
        if left == 0 {
            return Ok(Some(element));
        }
        left -= 1;
    }
    Ok(None)
}

/// What a path leads to: keys of objects, and numbers of elements as text.
pub(crate) fn at_path<'a>(text: &'a str, path: &[&str]) -> Result<Option<&'a str>> {
    let mut at = text;
    for step in path {
        let next = match kind(at)? {
            Kind::Object => member(at, step)?,
            Kind::Array => match step.trim_start().parse::<i32>() {
                Ok(index) => element(at, i64::from(index))?,
                Err(_) => None,
            },
            _ => None,
        };
        let Some(next) = next else { return Ok(None) };
        at = next;
    }
    Ok(Some(at))
}

/// The text of a value as `->>` gives it: a string without its quotes and escapes, `None` for null.
pub(crate) fn as_text(text: &str) -> Result<Option<String>> {
    let mut lexer = Lexer::new(text, true)?;
    Ok(match lexer.token {
        Token::Null => None,
        Token::String => Some(std::mem::take(&mut lexer.string)),
        _ => Some(text.trim_matches([' ', '\t', '\n', '\r']).to_owned()),
    })
}
