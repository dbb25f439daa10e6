//! What shaped the transaction that a session is in, so that it can be repeated on another server.
//!
//! Statements that read leave nothing behind; SET, SAVEPOINT, ROLLBACK TO and their like do. They are repeated in their
//! order, those that failed left out. The statements of a pipeline are one transaction up to its Sync, so what they set is
//! remembered outside of a block, too; and a BEGIN among them makes a block of all that came before it, which is the same
//! as if it had been the first.

use sql::parse::course::{Course, Part, Step};
use types::{Error, Result, SqlState};

/// Statements that are remembered of one transaction.
const STATEMENTS_MAX: usize = 1_000;
/// Their texts together, in bytes.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Those of a block begin with its BEGIN.
    texts: Vec<String>,
    bytes: usize,
    /// The first of them is the BEGIN.
    begins: bool,
    /// Something of the transaction is not known.
    broken: bool,
}

impl History {
    /// The statement was carried out.
    pub fn ran(&mut self, step: &Step) {
        match step.part {
            Part::Commits { chained } | Part::RollsBack { chained } => {
                self.clear();
                if chained {
                    self.begin("BEGIN");
                }
            }
            // One within a block is a warning and changes its modes.
            Part::Begins if !self.begins => self.begin(&step.text),
            _ if step.course == Course::Shapes => self.insert(self.texts.len(), &step.text),
            _ => {}
        }
    }

    fn begin(&mut self, text: &str) {
        self.begins = true;
        self.insert(0, text);
    }

    fn insert(&mut self, at: usize, text: &str) {
        self.bytes += text.len();
        self.broken |= self.texts.len() == STATEMENTS_MAX || self.bytes > TEXT_BYTES_MAX;
        if !self.broken {
            self.texts.insert(at, text.to_owned());
        }
    }

    /// Some statements of a message were carried out and one was not.
    pub fn lose(&mut self) {
        self.broken = true;
    }

    /// There is no transaction.
    pub fn clear(&mut self) {
        *self = History::default();
    }

    /// The statements that make another session's transaction like this one, which is a block if `in_block`.
    ///
    /// # Errors
    /// 0A000 when not all of them are known.
    pub fn texts(&self, in_block: bool) -> Result<&[String]> {
        if self.begins == in_block && !self.broken {
            return Ok(&self.texts);
        }
        let why = match self.begins || !in_block && !self.texts.is_empty() {
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
        let repeated = ["BEGIN", "SET LOCAL a.b = 'c'", "savepoint s", "rollback to s"];
        assert_eq!(history.texts(true).expect("whole"), repeated);
        let chained = after(&["start transaction", "savepoint s", "commit and chain"]);
        assert_eq!(chained.texts(true).expect("whole"), ["BEGIN"]);
        let next = after(&["begin; savepoint a; commit; begin; savepoint b"]);
        assert_eq!(next.texts(true).expect("whole"), ["begin", "savepoint b"]);
    }

    #[test]
    fn what_a_pipeline_has_set_comes_along_in_a_block_and_outside_of_one() {
        let pipeline = ["set a.b = 'c'", "select 1", "reset a.d"];
        assert_eq!(after(&pipeline).texts(false).expect("whole"), ["set a.b = 'c'", "reset a.d"]);
        let block = after(&["set a.b = 'c'", "begin", "set a.b = 'd'", "begin"]);
        assert_eq!(block.texts(true).expect("whole"), ["begin", "set a.b = 'c'", "set a.b = 'd'", "begin"]);
        assert!(after(&["set a.b = 'c'", "commit"]).texts(false).expect("nothing").is_empty());
        let mut unseen = after(&[]);
        unseen.lose();
        assert_eq!(unseen.texts(false).expect_err("unknown").sqlstate().as_str(), "0A000");
    }

    #[test]
    fn a_block_that_is_not_known_whole_does_not_move() {
        let state = |history: History| history.texts(true).expect_err("refused").sqlstate().to_string();
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
