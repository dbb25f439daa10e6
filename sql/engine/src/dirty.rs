//! How many frames cannot be evicted because their pages are ahead of the flushed VDL.
//!
//! **Rule.** They are at most about half of the cache: an operation that would change pages waits before its first latch
//! until redo is flushed. So whoever reads finds frames, also while storage stalls.
//!
//! **Mechanism.** The redo is cut into intervals. A page counts in an interval when its first change there is appended, so
//! that a page ahead of the flushed VDL is counted in the interval of its last change, and the sum over the intervals that
//! are not flushed bounds their number from above. An interval ends when it has counted its share of the limit; pages
//! that are changed all the time are counted once in each. The count is taken inside the append's critical section, in the
//! order of LSNs; who looks meanwhile may be wrong by as many pages as are being changed just then.

use parking_lot::Mutex;
use protocol::Lsn;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Intervals in which the limit is counted.
const INTERVALS: usize = 8;

#[derive(Debug, Default)]
struct Intervals {
    /// Ends and counts, ascending.
    closed: VecDeque<(Lsn, usize)>,
    open: usize,
}

/// See the module's head.
#[derive(Debug)]
pub struct Dirty {
    intervals: Mutex<Intervals>,
    /// Where the open interval begins: a page at or below is not counted in it yet.
    start: AtomicU64,
    pages: AtomicUsize,
    pages_max: usize,
}

impl Dirty {
    /// `pages_max`: frames that may be ahead of the flushed VDL.
    pub fn new(pages_max: usize) -> Dirty {
        Dirty { intervals: Mutex::default(), start: AtomicU64::new(0), pages: AtomicUsize::new(0), pages_max }
    }

    /// A record at `lsn` changes a page that was at `before`.
    pub fn note(&self, before: Lsn, lsn: Lsn) {
        if before.0 > self.start.load(Ordering::Relaxed) {
            return;
        }
        let mut intervals = self.intervals.lock();
        intervals.open += 1;
        self.pages.fetch_add(1, Ordering::Relaxed);
        if intervals.open >= (self.pages_max / INTERVALS).max(1) {
            let count = std::mem::take(&mut intervals.open);
            intervals.closed.push_back((lsn, count));
            self.start.store(lsn.0, Ordering::Relaxed);
        }
    }

    /// Whether as many pages as may be are ahead.
    pub fn is_full(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= self.pages_max
    }

    /// Looks again, now that everything up to `flushed` is durable. Returns what to wait for while the bound is reached.
    pub fn settle(&self, flushed: Lsn) -> Option<Lsn> {
        let mut intervals = self.intervals.lock();
        while let Some(&(end, count)) = intervals.closed.front().filter(|(end, _)| *end <= flushed) {
            debug_assert!(end <= flushed);
            intervals.closed.pop_front();
            self.pages.fetch_sub(count, Ordering::Relaxed);
        }
        if self.is_full() { intervals.closed.front().map(|&(end, _)| end) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn the_count_is_never_below_the_truth(steps in proptest::collection::vec((0u8..40, 0u8..8), 1..400)) {
            let dirty = Dirty::new(16);
            let mut pages: HashMap<u8, Lsn> = HashMap::new();
            let (mut lsn, mut flushed) = (Lsn(0), Lsn(0));
            for (page, flush) in steps {
                lsn = Lsn(lsn.0 + 10);
                let before = pages.insert(page, lsn).unwrap_or(Lsn::ZERO);
                dirty.note(before, lsn);
                if flush == 0 {
                    flushed = Lsn(flushed.0 + (lsn.0 - flushed.0) / 20 * 10);
                    dirty.settle(flushed);
                }
                let truth = pages.values().filter(|&&at| at > flushed).count();
                prop_assert!(dirty.pages.load(Ordering::Relaxed) >= truth);
            }
            // And it does not stay: when all is flushed, at most the open interval is left.
            prop_assert_eq!(dirty.settle(lsn), None);
            prop_assert!(!dirty.is_full());
        }
    }
}
