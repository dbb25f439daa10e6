//! From text to a tree, or only to the answer that it is JSON.

use super::lexer::{Lexer, Token};
use super::{DEPTH_MAX, Json};
use crate::error::{Error, Result, SqlState};
use crate::function::RESULT_BYTES_MAX;
use crate::numeric::Numeric;

/// Most values in a tree, in all of its arrays and objects: as many as fit in the largest value, 1 GiB. A long number
/// counts as the values whose room it takes.
pub(super) const VALUES_MAX: usize = RESULT_BYTES_MAX / size_of::<Json>();

/// 54000 above [`VALUES_MAX`].
pub(super) fn too_many_values() -> Error {
    let message = format!("number of jsonb array elements exceeds the maximum allowed ({VALUES_MAX})");
    Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}

/// 54001 above [`DEPTH_MAX`].
pub(super) fn too_deep() -> Error {
    Error::new(SqlState::STATEMENT_TOO_COMPLEX, "json value is nested too deeply")
}

/// Whether a text is one JSON value.
///
/// # Errors
/// 22P02 when it is not, 54001 when it nests too deep.
pub(crate) fn check(text: &str) -> Result<()> {
    let mut lexer = Lexer::new(text, false)?;
    value::<false>(&mut lexer, 0)?;
    end(&lexer)
}

impl Json {
    /// The value that a text denotes.
    ///
    /// # Errors
    /// 22P02 when it is not JSON, 22P05 for a zero character, 22003 for a number beyond numeric, 54001 too deep.
    pub(crate) fn parse(text: &str) -> Result<Json> {
        let mut lexer = Lexer::new(text, true)?;
        let tree = value::<true>(&mut lexer, 0)?;
        end(&lexer)?;
        Ok(tree)
    }
}

pub(super) fn end(lexer: &Lexer<'_>) -> Result<()> {
    if lexer.token == Token::End { Ok(()) } else { Err(lexer.unexpected("end of input")) }
}

/// Steps over a value whose first token is the current one.
pub(super) fn skip(lexer: &mut Lexer<'_>) -> Result<()> {
    value::<false>(lexer, 0).map(drop)
}

/// Reads a value; without `BUILD` whatever it is reads as null.
fn value<const BUILD: bool>(lexer: &mut Lexer<'_>, depth: usize) -> Result<Json> {
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    if BUILD {
        lexer.built += 1;
        if lexer.built > VALUES_MAX {
            return Err(too_many_values());
        }
    }
    let tree = match lexer.token {
        Token::ObjectStart => return object::<BUILD>(lexer, depth),
        Token::ArrayStart => return array::<BUILD>(lexer, depth),
        Token::String if BUILD => Json::String(std::mem::take(&mut lexer.string)),
        Token::Number if BUILD => {
            let number = Numeric::parse(lexer.written())?;
            lexer.built += number.heap_bytes() / size_of::<Json>();
            Json::Number(number)
        }
        Token::True => Json::Bool(true),
        Token::False => Json::Bool(false),
        Token::Null | Token::String | Token::Number => Json::Null,
        _ => return Err(lexer.unexpected("JSON value")),
    };
    lexer.next()?;
    Ok(tree)
}

fn object<const BUILD: bool>(lexer: &mut Lexer<'_>, depth: usize) -> Result<Json> {
    let mut members = Vec::new();
    lexer.next()?;
    match lexer.token {
        Token::ObjectEnd => {}
        Token::String => loop {
            let key = std::mem::take(&mut lexer.string);
            lexer.next()?;
            colon(lexer)?;
            let tree = value::<BUILD>(lexer, depth + 1)?;
            if BUILD {
                members.push((key, tree));
            }
            if !another_member(lexer)? {
                break;
            }
        },
        _ => return Err(lexer.unexpected("string or \"}\"")),
    }
    lexer.next()?;
    Ok(Json::object(members))
}

/// Steps over the colon behind a key.
pub(super) fn colon(lexer: &mut Lexer<'_>) -> Result<()> {
    if lexer.token != Token::Colon {
        return Err(lexer.unexpected("\":\""));
    }
    lexer.next()
}

/// Behind a member: whether there is another one, whose key is then the current token.
fn another_member(lexer: &mut Lexer<'_>) -> Result<bool> {
    match lexer.token {
        Token::ObjectEnd => Ok(false),
        Token::Comma => {
            lexer.next()?;
            if lexer.token == Token::String { Ok(true) } else { Err(lexer.unexpected("string")) }
        }
        _ => Err(lexer.unexpected("\",\" or \"}\"")),
    }
}

/// Behind an element: whether there is another one, which then begins with the current token.
fn another_element(lexer: &mut Lexer<'_>) -> Result<bool> {
    match lexer.token {
        Token::ArrayEnd => Ok(false),
        Token::Comma => lexer.next().map(|()| true),
        _ => Err(lexer.unexpected("\",\" or \"]\"")),
    }
}

fn array<const BUILD: bool>(lexer: &mut Lexer<'_>, depth: usize) -> Result<Json> {
    let mut elements = Vec::new();
    lexer.next()?;
    if lexer.token != Token::ArrayEnd {
        loop {
            let tree = value::<BUILD>(lexer, depth + 1)?;
            if BUILD {
                elements.push(tree);
            }
            if !another_element(lexer)? {
                break;
            }
        }
    }
    lexer.next()?;
    Ok(Json::Array(elements))
}
