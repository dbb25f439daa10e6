//! The trace of a run: its hash, and when asked for its lines.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::Duration;

/// Lines kept for the report of a failure.
const LINES_KEPT: usize = 60;

/// How much of a trace is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// The hash, and the last lines.
    #[default]
    Quiet,
    /// Every line is printed as it comes.
    Print,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Trace {
    verbosity: Verbosity,
    hash: u64,
    last: VecDeque<String>,
}

impl Default for Trace {
    fn default() -> Trace {
        Trace::new(Verbosity::Quiet)
    }
}

impl Trace {
    /// An empty one.
    #[must_use]
    pub fn new(verbosity: Verbosity) -> Trace {
        Trace { verbosity, hash: 0xcbf2_9ce4_8422_2325, last: VecDeque::new() }
    }

    /// Adds a number to the hash (FNV-1a over words, with a rotation so that high bits matter).
    pub fn mix(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17);
    }

    /// Adds a line.
    pub fn note(&mut self, now: Duration, line: impl FnOnce() -> String) {
        let line = line();
        self.mix(now.as_nanos() as u64);
        for chunk in line.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
        let line = format!("{:>12.6} {line}", now.as_secs_f64());
        if self.verbosity == Verbosity::Print {
            // Whoever read may have seen enough; the run is the same.
            let _ = writeln!(io::stdout(), "{line}");
        }
        if self.last.len() == LINES_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// The hash of everything so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The last lines, oldest first.
    pub fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }
}
