//! Text to syntax tree: PostgreSQL's grammar, by recursive descent.
//!
//! The grammar is our own rather than a library's: PostgreSQL's messages name the token and its position, a third of the
//! syntax that clients send is missing from the library we tried (sqlparser 0.62), and a statement's depth has to be
//! bounded everywhere, in the tree that is built as much as in the descent.
//!
//! **Depth.** [`NESTING_MAX`] bounds the descent (parentheses, subqueries, CASE, signs), counted on the way; a chain of
//! binary operators is a loop here, but a deep tree for everybody after us, so the height of every expression is bounded
//! by [`HEIGHT_MAX`]. AND and OR chains are lists, of at most [`TERMS_MAX`] terms. Whatever exceeds these is 54001. With these
//! bounds parsing, binding, planning and dropping fit a stack of 2 MiB, which a test holds them to.
//!
//! **Positions** in errors leave this module as characters counted from 1; the tree has byte offsets, and so have errors
//! until [`error_position`] has seen them.

pub mod ast;
mod copy;
pub mod course;
mod ddl;
mod expr;
mod keyword;
mod lexer;
pub mod lift;
mod names;
mod parser;
mod query;
mod role;
pub mod shape;
mod table;
mod transaction;
mod utility;

use types::{Error, Result};

use crate::bound::Notice;
use parser::Parser;

pub use keyword::quote_identifier;
pub use lexer::{Tok, tokens};
pub use names::interval_modifier;

/// Levels of nesting, each a handful of frames deep.
pub const NESTING_MAX: usize = 100;

/// The height of an expression, operators of one chain counted singly.
pub const HEIGHT_MAX: u32 = 1_000;

/// Terms of one AND or OR.
pub const TERMS_MAX: usize = 16_384;

/// Queries of one UNION, each a level of the plan.
pub const SET_OPERATIONS_MAX: usize = 200;

/// One statement of a text.
#[derive(Clone, Debug)]
pub struct Parsed {
    pub statement: ast::Statement,
    /// Byte offsets of the statement in the text, without the semicolon and surrounding blanks.
    pub start: usize,
    pub end: usize,
    /// About identifiers that were cut, in this statement and those before it.
    pub notices: Vec<Notice>,
}

/// Parses a text of any number of statements. A text of blanks and semicolons has none.
///
/// # Errors
/// 42601 syntax, 54001 too deep, 0A000 for statements we know and do not support; positions in characters from 1.
pub fn parse(text: &str) -> Result<Vec<Parsed>> {
    parse_statements(text).map_err(|error| error_position(error, text))
}

fn parse_statements(text: &str) -> Result<Vec<Parsed>> {
    let (tokens, mut notices) = lexer::tokens(text)?;
    let mut parser = Parser::new(text, tokens)?;
    let mut statements = Vec::new();
    loop {
        while parser.accept_sym(";") {}
        if parser.at_end() {
            return Ok(statements);
        }
        let start = parser.pos() as usize;
        let statement = parser.statement()?;
        let end = parser.last_end() as usize;
        if !parser.at_end() && !parser.is_sym(";") {
            return Err(parser.unexpected());
        }
        statements.push(Parsed { statement, start, end, notices: std::mem::take(&mut notices) });
    }
}

/// Parses a text that is one query, as a view's is.
///
/// # Errors
/// As [`parse`]; 42601 if it is not a query.
pub fn parse_query(text: &str) -> Result<ast::Query> {
    let (tokens, _) = lexer::tokens(text)?;
    let mut parser = Parser::new(text, tokens)?;
    let query = parser.query()?;
    parser.accept_sym(";");
    parser.expect_end()?;
    Ok(query)
}

/// Parses a text that is one expression, as a default's or a CHECK's is.
///
/// # Errors
/// As [`parse`].
pub fn parse_expr(text: &str) -> Result<ast::Expr> {
    let (tokens, _) = lexer::tokens(text)?;
    let mut parser = Parser::new(text, tokens)?;
    let expr = parser.expr()?;
    parser.expect_end()?;
    Ok(expr)
}

/// Parses a text that is a type's name, as `regtype` input is.
///
/// # Errors
/// As [`parse`].
pub fn parse_type(text: &str) -> Result<ast::TypeName> {
    let (tokens, _) = lexer::tokens(text)?;
    let mut parser = Parser::new(text, tokens)?;
    let name = parser.type_name()?;
    parser.expect_end()?;
    Ok(name)
}

/// Turns an error's position from a byte offset (from 1) into characters (from 1).
pub fn error_position(mut error: Error, text: &str) -> Error {
    if let Some(position) = error.position {
        let offset = (position as usize).saturating_sub(1).min(text.len());
        let characters = text.as_bytes()[..offset].iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
        error.position = Some(characters as u32 + 1);
    }
    error
}

#[cfg(test)]
pub(crate) mod tests;
