//! Transaction control.

use types::Result;

use super::ast::Statement;
use super::lexer::Tok;
use super::parser::Parser;
use crate::bound::{AccessMode, Isolation, TransactionModes, TransactionStatement};

impl Parser<'_> {
    pub(super) fn transaction(&mut self) -> Result<Statement> {
        let Tok::Word(word) = self.peek().clone() else { return Err(self.unexpected()) };
        self.advance();
        let statement = match word.as_ref() {
            "begin" => {
                self.work();
                TransactionStatement::Begin(self.optional_modes()?)
            }
            "start" => {
                self.expect_word("transaction")?;
                TransactionStatement::Start(self.optional_modes()?)
            }
            "commit" | "end" => {
                if self.is_word("prepared") {
                    return self.unsupported("COMMIT PREPARED");
                }
                self.work();
                TransactionStatement::Commit { chain: self.chain()? }
            }
            "savepoint" => TransactionStatement::Savepoint(self.name_string()?),
            "release" => {
                self.accept_word("savepoint");
                TransactionStatement::Release(self.name_string()?)
            }
            _ => {
                if self.is_word("prepared") {
                    return self.unsupported("ROLLBACK PREPARED");
                }
                self.work();
                if word == "rollback" && self.accept_word("to") {
                    self.accept_word("savepoint");
                    TransactionStatement::RollbackTo(self.name_string()?)
                } else {
                    TransactionStatement::Rollback { chain: self.chain()? }
                }
            }
        };
        Ok(Statement::Transaction(statement))
    }

    fn work(&mut self) {
        if !self.accept_word("work") {
            self.accept_word("transaction");
        }
    }

    fn chain(&mut self) -> Result<bool> {
        if !self.accept_word("and") {
            return Ok(false);
        }
        let chain = !self.accept_word("no");
        self.expect_word("chain")?;
        Ok(chain)
    }

    fn optional_modes(&mut self) -> Result<TransactionModes> {
        if self.at_end() || self.is_sym(";") { Ok(TransactionModes::default()) } else { self.transaction_modes() }
    }

    /// One or more modes; commas between them are optional.
    pub(super) fn transaction_modes(&mut self) -> Result<TransactionModes> {
        let mut modes = TransactionModes::default();
        loop {
            if self.accept_words(&["isolation", "level"]) {
                modes.isolation = Some(if self.accept_words(&["read", "uncommitted"]) {
                    Isolation::ReadUncommitted
                } else if self.accept_words(&["read", "committed"]) {
                    Isolation::ReadCommitted
                } else if self.accept_words(&["repeatable", "read"]) {
                    Isolation::RepeatableRead
                } else if self.accept_word("serializable") {
                    Isolation::Serializable
                } else {
                    return Err(self.unexpected());
                });
            } else if self.accept_words(&["read", "only"]) {
                modes.access = Some(AccessMode::ReadOnly);
            } else if self.accept_words(&["read", "write"]) {
                modes.access = Some(AccessMode::ReadWrite);
            } else if self.accept_word("deferrable") {
                modes.deferrable = Some(true);
            } else if self.accept_words(&["not", "deferrable"]) {
                modes.deferrable = Some(false);
            } else {
                return Err(self.unexpected());
            }
            self.accept_sym(",");
            if self.at_end() || self.is_sym(";") {
                return Ok(modes);
            }
        }
    }
}
