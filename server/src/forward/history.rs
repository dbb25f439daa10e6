//! What shaped the transaction block that a session is in, so that it can be repeated on another server.
//!
//! Statements that read leave nothing behind; SET, SAVEPOINT, ROLLBACK TO and their like do. They are repeated in their
//! order, those that failed left out.

use sql::parse::course::{Course, Part, Step};
use types::{Error, Result, SqlState};

/// Statements that are remembered of one block.
const STATEMENTS_MAX: usize = 1_000;
/// Their texts together, in bytes.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Begins with the BEGIN.
    texts: Vec<String>,
    bytes: usize,
    /// Something of the block is not known.
    broken: bool,
}

impl History {
    /// The statement was carried out.
    pub fn ran(&mut self, step: &Step) {
        match step.part {
            Part::Commits { chained } | Part::RollsBack { chained } => {
                self.clear();
                if chained {
                    self.push("BEGIN");
                }
            }
            // A BEGIN within a block is a warning and changes its modes.
            _ if step.course == Course::Shapes => self.push(&step.text),
            _ => {}
        }
    }

    fn push(&mut self, text: &str) {
        self.bytes += text.len();
        self.broken |= self.texts.len() == STATEMENTS_MAX || self.bytes > TEXT_BYTES_MAX;
        if !self.broken {
            self.texts.push(text.to_owned());
        }
    }

    /// Some statements of a message were carried out and one was not.
    pub fn lose(&mut self) {
        self.broken = true;
    }

    /// There is no block.
    pub fn clear(&mut self) {
        *self = History::default();
    }

    /// The statements that make another session's block like this one.
    ///
    /// # Errors
    /// 0A000 when not all of them are known.
    pub fn texts(&self) -> Result<&[String]> {
        let begins = self.texts.first().is_some_and(|text| {
            let word = text.split_whitespace().next().unwrap_or_default();
            word.eq_ignore_ascii_case("begin") || word.eq_ignore_ascii_case("start")
        });
        if begins && !self.broken {
            return Ok(&self.texts);
        }
        let why = match begins {
            true => "More was set in it than is remembered, or a message of several statements failed half-way.",
            false => "It was begun before redoubt.write_forwarding was turned on.",
        };
        let message = "the transaction cannot continue on the writer";
        Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).detail(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sql::parse::course::{Defaults, steps};

    fn after(texts: &[&str]) -> History {
        let mut history = History::default();
        for text in texts {
            steps(text, Defaults::default()).expect(text).iter().for_each(|step| history.ran(step));
        }
        history
    }

    #[test]
    fn what_shapes_a_block_is_repeated_in_its_order() {
        let history = after(&["BEGIN", "SELECT 1", "SET LOCAL a.b = 'c'", "savepoint s", "rollback to s"]);
        assert_eq!(history.texts().expect("whole"), ["BEGIN", "SET LOCAL a.b = 'c'", "savepoint s", "rollback to s"]);
        let chained = after(&["start transaction", "savepoint s", "commit and chain"]);
        assert_eq!(chained.texts().expect("whole"), ["BEGIN"]);
        let next = after(&["begin; savepoint a; commit; begin; savepoint b"]);
        assert_eq!(next.texts().expect("whole"), ["begin", "savepoint b"]);
    }

    #[test]
    fn a_block_that_is_not_known_whole_does_not_move() {
        let state = |history: History| history.texts().expect_err("refused").sqlstate().to_string();
        assert_eq!(state(after(&["savepoint s"])), "0A000");
        assert_eq!(state(after(&["begin", "commit", "set a.b = c"])), "0A000");
        let long = format!("set local a.b = '{}'", "x".repeat(TEXT_BYTES_MAX));
        assert_eq!(state(after(&["begin", &long])), "0A000");
        let many: Vec<&str> =
            std::iter::once("begin").chain(std::iter::repeat_n("savepoint s", STATEMENTS_MAX)).collect();
        assert_eq!(state(after(&many)), "0A000");
        let mut half = after(&["begin"]);
        half.lose();
        assert_eq!(state(half), "0A000");
    }
}
