//! [`Parser`]: a cursor over tokens, with what every part of the grammar needs.

use types::{Error, Result, SqlState};

use super::ast::{Expr, ExprKind, Ident};
use super::lexer::{Tok, Token};
use super::{HEIGHT_MAX, NESTING_MAX, keyword};

/// Levels of the descent. Several belong to one level of the text.
const DESCENT_MAX: usize = 2 * NESTING_MAX;

/// What a subquery costs, in levels.
pub(super) const QUERY_COST: usize = 3;

pub struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    /// For each token that is `(`, the index of its `)`; 0 elsewhere, or where there is none.
    closing: Vec<u32>,
    depth: usize,
    /// The greatest height of an expression made since the enclosing query began.
    pub(super) height: u32,
}

/// 54001, worded as by PostgreSQL.
pub(super) fn too_deep(pos: u32) -> Error {
    Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
        .hint("The statement is nested too deeply, or chains too many operators.")
        .at(pos + 1)
}

impl<'a> Parser<'a> {
    /// # Errors
    /// 54001 if parentheses are nested too deeply.
    pub fn new(text: &'a str, tokens: Vec<Token<'a>>) -> Result<Parser<'a>> {
        let mut closing = vec![0; tokens.len()];
        let mut open: Vec<usize> = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            match token.tok {
                Tok::Sym("(") => {
                    open.push(at);
                    if open.len() > NESTING_MAX {
                        return Err(too_deep(token.start));
                    }
                }
                Tok::Sym(")") => {
                    if let Some(begin) = open.pop() {
                        closing[begin] = at as u32;
                    }
                }
                _ => {}
            }
        }
        Ok(Parser { text, tokens, at: 0, closing, depth: 0, height: 0 })
    }

    /// Goes one level down for the duration of `body`.
    pub(super) fn nested<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.nested_by(1, body)
    }

    /// Goes down by `cost` levels: some parts of the grammar take more of the stack than others.
    pub(super) fn nested_by<T>(&mut self, cost: usize, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth + cost > DESCENT_MAX {
            return Err(too_deep(self.pos()));
        }
        self.depth += cost;
        let result = body(self);
        self.depth -= cost;
        result
    }

    /// An expression, unless it is too high.
    pub(super) fn make(&mut self, pos: u32, kind: ExprKind) -> Result<Expr> {
        let expr = Expr::new(pos, kind);
        if expr.height > HEIGHT_MAX {
            return Err(too_deep(pos));
        }
        self.height = self.height.max(expr.height);
        Ok(expr)
    }

    pub(super) fn peek(&self) -> &Tok<'a> {
        &self.tokens[self.at].tok
    }

    /// The token `ahead` places on; the end if there is none.
    pub(super) fn peek_at(&self, ahead: usize) -> &Tok<'a> {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].tok
    }

    /// The byte offset of the next token.
    pub(super) fn pos(&self) -> u32 {
        self.tokens[self.at].start
    }

    /// Where the token before the next one ends.
    pub(super) fn last_end(&self) -> u32 {
        self.at.checked_sub(1).map_or(0, |at| self.tokens[at].end)
    }

    pub(super) fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    /// A place to come back to by [`Parser::rewind`].
    pub(super) fn mark(&self) -> usize {
        self.at
    }

    pub(super) fn rewind(&mut self, mark: usize) {
        self.at = mark;
    }

    pub(super) fn at_end(&self) -> bool {
        *self.peek() == Tok::End
    }

    pub(super) fn expect_end(&self) -> Result<()> {
        if self.at_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The syntax error at the next token.
    pub(super) fn unexpected(&self) -> Error {
        let token = &self.tokens[self.at];
        let message = match token.tok {
            Tok::End => "syntax error at end of input".to_owned(),
            _ => format!("syntax error at or near \"{}\"", &self.text[token.start as usize..token.end as usize]),
        };
        Error::new(SqlState::SYNTAX_ERROR, message).at(token.start + 1)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Tok::Word(found) if found == word)
    }

    pub(super) fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_at(ahead), Tok::Word(found) if found == word)
    }

    pub(super) fn is_any_word(&self, words: &[&str]) -> bool {
        matches!(self.peek(), Tok::Word(found) if words.contains(&found.as_ref()))
    }

    pub(super) fn accept_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    /// All of these words in a row, or none.
    pub(super) fn accept_words(&mut self, words: &[&str]) -> bool {
        let found = words.iter().enumerate().all(|(ahead, word)| self.is_word_at(ahead, word));
        if found {
            words.iter().for_each(|_| self.advance());
        }
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.accept_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn expect_words(&mut self, words: &[&str]) -> Result<()> {
        words.iter().try_for_each(|word| self.expect_word(word))
    }

    pub(super) fn is_sym(&self, symbol: &str) -> bool {
        matches!(self.peek(), Tok::Sym(found) if *found == symbol)
    }

    pub(super) fn is_sym_at(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.peek_at(ahead), Tok::Sym(found) if *found == symbol)
    }

    pub(super) fn accept_sym(&mut self, symbol: &str) -> bool {
        let found = self.is_sym(symbol);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect_sym(&mut self, symbol: &str) -> Result<()> {
        if self.accept_sym(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Tok::Op(found) if *found == op)
    }

    pub(super) fn accept_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        if found {
            self.advance();
        }
        found
    }

    /// One or more, separated by commas.
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.accept_sym(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A list in parentheses.
    pub(super) fn paren_list<T>(&mut self, item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect_sym("(")?;
        let items = self.list(item)?;
        self.expect_sym(")")?;
        Ok(items)
    }

    /// Whether the parenthesis that comes next opens a query rather than an expression.
    ///
    /// Through any number of further parentheses, a query begins with SELECT, VALUES, WITH or TABLE, and what follows
    /// the inner ones is nothing or what may follow a query: `((select 1) union ...)`, but not `((select 1) + 1)`.
    pub(super) fn opens_query(&self) -> bool {
        let mut inner = self.at;
        while matches!(self.tokens[inner].tok, Tok::Sym("(")) {
            inner += 1;
        }
        let begins = matches!(&self.tokens[inner].tok, Tok::Word(word) if is_query_word(word));
        // `(values, x)` is a row that begins with a column.
        if !begins || inner == self.at {
            return false;
        }
        for open in (self.at + 1..inner).rev() {
            let close = self.closing[open] as usize;
            if close == 0 {
                return false;
            }
            match &self.tokens[(close + 1).min(self.tokens.len() - 1)].tok {
                Tok::Sym(")") => {}
                Tok::Word(word) => {
                    let follows = ["union", "intersect", "except", "order", "limit", "offset", "fetch", "for"]
                        .contains(&word.as_ref());
                    return follows;
                }
                _ => return false,
            }
        }
        true
    }

    /// A name of a column, table or other object.
    pub(super) fn ident(&mut self) -> Result<Ident> {
        self.ident_if(keyword::is_column_name)
    }

    /// A name where any keyword will do: behind AS, behind a dot, in SET.
    pub(super) fn label(&mut self) -> Result<Ident> {
        self.ident_if(|_| true)
    }

    pub(super) fn ident_if(&mut self, allowed: impl Fn(&str) -> bool) -> Result<Ident> {
        let pos = self.pos();
        let name = match self.peek() {
            Tok::Word(word) if allowed(word) => word.clone().into_owned(),
            Tok::Quoted(name) => name.clone(),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Ident { name, pos })
    }

    /// A name, if one comes next.
    pub(super) fn accept_ident(&mut self) -> Option<Ident> {
        self.ident().ok()
    }

    pub(super) fn name_string(&mut self) -> Result<String> {
        Ok(self.ident()?.name)
    }

    /// A string constant.
    pub(super) fn string(&mut self) -> Result<String> {
        match self.peek() {
            Tok::String(text) => {
                let text = text.clone().into_owned();
                self.advance();
                Ok(text)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// An integer with an optional sign.
    pub(super) fn integer(&mut self) -> Result<i64> {
        let negative = self.accept_op("-");
        if !negative {
            self.accept_op("+");
        }
        let (Tok::Integer(digits) | Tok::Decimal(digits)) = self.peek() else { return Err(self.unexpected()) };
        let text = if negative { format!("-{digits}") } else { (*digits).to_owned() };
        let value = text.parse().map_err(|_| {
            Error::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!("value \"{text}\" is out of range for type bigint"),
            )
            .at(self.pos() + 1)
        })?;
        self.advance();
        Ok(value)
    }

    /// Refuses what we know and do not support.
    pub(super) fn unsupported<T>(&self, what: &str) -> Result<T> {
        Err(Error::unsupported(what).at(self.pos() + 1))
    }
}

/// A word that begins a query.
pub(super) fn is_query_word(word: &str) -> bool {
    matches!(word, "select" | "values" | "with" | "table")
}
