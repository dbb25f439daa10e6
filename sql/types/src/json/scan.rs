//! Looking into a JSON text one level at a time: kinds, members, elements, paths.
//!
//! Parts of a text are slices of it. The text is known to be JSON, but is not trusted to be: it may come from a damaged
//! disk, and errors are those of a parser.

use super::lexer::{Lexer, Token};
use super::parse::{another_element, another_member, colon, skip};
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

/// The members of an object in order, those with one key all; `None` if this is no object.
pub(crate) fn members(text: &str) -> Result<Option<Vec<(String, &str)>>> {
    let mut lexer = Lexer::new(text, true)?;
    if lexer.token != Token::ObjectStart {
        return Ok(None);
    }
    let mut members = Vec::new();
    lexer.next()?;
    if lexer.token != Token::ObjectEnd {
        loop {
            let key = std::mem::take(&mut lexer.string);
            lexer.next()?;
            colon(&mut lexer)?;
            let from = lexer.start;
            skip(&mut lexer)?;
            members.push((key, &text[from..lexer.previous_end]));
            if !another_member(&mut lexer)? {
                break;
            }
        }
    }
    Ok(Some(members))
}

/// The elements of an array; `None` if this is no array.
pub(crate) fn elements(text: &str) -> Result<Option<Vec<&str>>> {
    let mut lexer = Lexer::new(text, false)?;
    if lexer.token != Token::ArrayStart {
        return Ok(None);
    }
    let mut elements = Vec::new();
    lexer.next()?;
    if lexer.token != Token::ArrayEnd {
        loop {
            let from = lexer.start;
            skip(&mut lexer)?;
            elements.push(&text[from..lexer.previous_end]);
            if !another_element(&mut lexer)? {
                break;
            }
        }
    }
    Ok(Some(elements))
}

/// The value of an object's member, of the last with this key; `None` also if this is no object.
pub(crate) fn member<'a>(text: &'a str, key: &str) -> Result<Option<&'a str>> {
    let found = members(text)?.unwrap_or_default().into_iter().rfind(|(name, _)| name == key);
    Ok(found.map(|(_, value)| value))
}

/// An element of an array, from 0, or from -1 backwards; `None` also if this is no array.
pub(crate) fn element(text: &str, index: i64) -> Result<Option<&str>> {
    let elements = elements(text)?.unwrap_or_default();
    let at = if index < 0 { index + elements.len() as i64 } else { index };
    Ok(usize::try_from(at).ok().and_then(|at| elements.get(at).copied()))
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
