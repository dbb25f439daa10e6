//! How old what a replica shows is: since when it has not known that it has everything.
//!
//! Word of a VDL at some time says that everything durable then lies at or below it. A replica that has applied up to that
//! VDL is as fresh as that word, however much later it got there. Under load there is always newer word than what is
//! applied, so two are kept: the one being waited for and the newest; when the first is reached the second takes its place.
//! Times are by the replica's own monotonic clock, from when word arrived: the way from the writer is not counted.

use protocol::Lsn;
use std::time::Duration;

/// Word that everything durable at `at` lies at or below `vdl`.
#[derive(Clone, Copy, Debug)]
struct Word {
    vdl: Lsn,
    at: Duration,
}

/// See the module.
#[derive(Debug)]
pub struct Age {
    fresh_at: Duration,
    awaited: Option<Word>,
    newest: Option<Word>,
}

impl Age {
    /// A replica that has everything at `at`.
    #[must_use]
    pub fn new(at: Duration) -> Age {
        Age { fresh_at: at, awaited: None, newest: None }
    }

    /// Word came of `vdl`, as of `at`, to a replica that has applied up to `applied`.
    pub fn told(&mut self, vdl: Lsn, at: Duration, applied: Lsn) {
        self.newest = Some(Word { vdl, at });
        self.awaited = self.awaited.or(self.newest);
        self.applied(applied);
    }

    /// Everything up to `applied` is visible.
    pub fn applied(&mut self, applied: Lsn) {
        let reached = |word: &Word| word.vdl <= applied;
        if let Some(word) = self.awaited.filter(reached) {
            self.fresh_at = self.fresh_at.max(word.at);
            self.awaited = self.newest;
            if let Some(word) = self.awaited.filter(reached) {
                self.fresh_at = self.fresh_at.max(word.at);
                (self.awaited, self.newest) = (None, None);
            }
        }
    }

    /// How old it is at `now`.
    #[must_use]
    pub fn at(&self, now: Duration) -> Duration {
        now.saturating_sub(self.fresh_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_is_as_old_as_the_word_it_has_caught_up_with() {
        let mut age = Age::new(ms(0));
        age.told(Lsn(100), ms(10), Lsn(50));
        assert_eq!(age.at(ms(15)), ms(15), "word alone makes nothing fresh");
        // Newer word comes faster than it is applied.
        age.told(Lsn(200), ms(20), Lsn(90));
        age.told(Lsn(300), ms(30), Lsn(90));
        age.applied(Lsn(100));
        assert_eq!(age.at(ms(40)), ms(30));
        age.applied(Lsn(250));
        assert_eq!(age.at(ms(40)), ms(30), "between two words it is as old as the older");
        age.applied(Lsn(300));
        assert_eq!(age.at(ms(40)), ms(10));
    }

    #[test]
    fn word_of_what_is_applied_already_refreshes() {
        let mut age = Age::new(ms(0));
        age.told(Lsn(100), ms(10), Lsn(100));
        age.told(Lsn(100), ms(500), Lsn(100));
        assert_eq!(age.at(ms(510)), ms(10));
        assert_eq!(age.at(ms(1_500)), ms(1_000), "silence ages");
    }
}
