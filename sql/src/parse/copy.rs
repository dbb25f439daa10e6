//! COPY, with its options in parentheses or in the old order.

use types::{Error, Result, SqlState};

use super::ast::{Copy, CopyOption, CopySource, Ident, Statement};
use super::lexer::Tok;
use super::parser::Parser;
use crate::bound::{CopyEnd, CopyFormat};

impl Parser<'_> {
    pub(super) fn copy(&mut self) -> Result<Statement> {
        self.expect_word("copy")?;
        let mut options = Vec::new();
        if self.accept_word("binary") {
            options.push(CopyOption::Format(CopyFormat::Binary));
        }
        let source = if self.is_sym("(") {
            self.copied_statement()?
        } else {
            let name = self.object_name()?;
            CopySource::Table { name, columns: self.optional_column_list()? }
        };
        let from = matches!(source, CopySource::Table { .. }) && self.accept_word("from");
        if !from {
            self.expect_word("to")?;
        }
        let end = if self.accept_word("program") {
            CopyEnd::Program(self.string()?)
        } else if self.accept_word("stdin") || self.accept_word("stdout") {
            CopyEnd::Client
        } else {
            CopyEnd::File(self.string()?)
        };
        if self.accept_word("with") || self.is_sym("(") {
            if self.is_sym("(") {
                options.extend(self.paren_list(Self::copy_option)?);
            } else {
                self.old_copy_options(&mut options)?;
            }
        } else {
            self.accept_word("using");
            self.old_copy_options(&mut options)?;
        }
        let filter = if from && self.accept_word("where") { Some(self.expr()?) } else { None };
        Ok(Statement::Copy(Box::new(Copy { source, from, end, options, filter })))
    }

    /// The statement in parentheses whose rows are copied.
    fn copied_statement(&mut self) -> Result<CopySource> {
        self.expect_sym("(")?;
        let yields_rows =
            self.is_sym("(") || self.is_any_word(&["select", "values", "table", "with", "insert", "update", "delete"]);
        if !yields_rows {
            return Err(self.unexpected());
        }
        let source = match self.nested(Self::statement)? {
            Statement::Query(query) => CopySource::Query(query),
            Statement::CreateTableAs(_) => {
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "COPY (SELECT INTO) is not supported"));
            }
            change => CopySource::Change(Box::new(change)),
        };
        self.expect_sym(")")?;
        Ok(source)
    }

    fn copy_option(&mut self) -> Result<CopyOption> {
        let pos = self.pos();
        let name = self.label()?.name;
        let columns = |parser: &mut Self| parser.paren_list(Self::ident);
        Ok(match name.as_str() {
            "format" => {
                let format = match self.peek() {
                    Tok::Word(word) => word.clone().into_owned(),
                    Tok::String(text) => text.clone().into_owned(),
                    Tok::Quoted(name) => name.clone(),
                    _ => return Err(self.unexpected()),
                };
                self.advance();
                CopyOption::Format(match format.as_str() {
                    "text" => CopyFormat::Text,
                    "csv" => CopyFormat::Csv,
                    "binary" => CopyFormat::Binary,
                    _ => {
                        let message = format!("COPY format \"{format}\" not recognized");
                        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).at(pos + 1));
                    }
                })
            }
            "freeze" => CopyOption::Freeze(self.option_bool()?),
            "delimiter" => CopyOption::Delimiter(self.string()?),
            "null" => CopyOption::Null(self.string()?),
            "header" if self.accept_word("match") => CopyOption::HeaderMatch,
            "header" => CopyOption::Header(self.option_bool()?),
            "quote" => CopyOption::Quote(self.string()?),
            "escape" => CopyOption::Escape(self.string()?),
            "force_quote" if self.accept_op("*") => CopyOption::ForceQuote(None),
            "force_quote" => CopyOption::ForceQuote(Some(columns(self)?)),
            "force_not_null" => CopyOption::ForceNotNull(columns(self)?),
            "force_null" => CopyOption::ForceNull(columns(self)?),
            "encoding" => CopyOption::Encoding(self.string()?),
            _ => {
                return Err(Error::new(SqlState::SYNTAX_ERROR, format!("option \"{name}\" not recognized")).at(pos + 1));
            }
        })
    }

    fn old_copy_options(&mut self, options: &mut Vec<CopyOption>) -> Result<()> {
        let list = |parser: &mut Self| -> Result<Vec<Ident>> { parser.list(Self::ident) };
        loop {
            let option = if self.accept_word("binary") {
                CopyOption::Format(CopyFormat::Binary)
            } else if self.accept_word("csv") {
                CopyOption::Format(CopyFormat::Csv)
            } else if self.accept_word("header") {
                CopyOption::Header(true)
            } else if self.accept_word("freeze") {
                CopyOption::Freeze(true)
            } else if self.accept_words(&["force", "quote"]) {
                CopyOption::ForceQuote(if self.accept_op("*") { None } else { Some(list(self)?) })
            } else if self.accept_words(&["force", "not", "null"]) {
                CopyOption::ForceNotNull(list(self)?)
            } else if self.accept_words(&["force", "null"]) {
                CopyOption::ForceNull(list(self)?)
            } else if self.is_any_word(&["delimiter", "delimiters", "null", "quote", "escape", "encoding"]) {
                let name = self.label()?.name;
                self.accept_word("as");
                let text = self.string()?;
                match name.as_str() {
                    "null" => CopyOption::Null(text),
                    "quote" => CopyOption::Quote(text),
                    "escape" => CopyOption::Escape(text),
                    "encoding" => CopyOption::Encoding(text),
                    _ => CopyOption::Delimiter(text),
                }
            } else {
                return Ok(());
            };
            options.push(option);
        }
    }
}
