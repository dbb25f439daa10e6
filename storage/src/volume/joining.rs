//! Who joins a group that is due, before it is sealed.
//!
//! The rule: no timer. The shipper lets others run first, and those who were about to commit join. Where a core is free that
//! takes some microseconds; where sessions compete with the shipper for cores, each that joins saves the four flushes of a
//! group of its own. `pgbench -M prepared -c 8 -j 2` on two cores, 2026-11-21: 5.2 commits a group with one yield, 5.7 to 6.0
//! with up to [`YIELDS`].
//!
//! What runs meanwhile may also be a thread that computes, for whole slices of the scheduler's. Then nobody joins, and commits
//! only wait: for some groups nobody is let run. TPC-B with four clients beside two analytic queries on two cores, 2026-11-21:
//! 8.8 ms a transaction with a yield a group, 5.1 ms so.
//!
//! Pure: the caller brings the clock and the yield.

use std::time::Duration;

/// A group that is due leaves after others were let run so often...
const YIELDS: usize = 16;
/// ...or when so many wait for it: among them its flushes are shared well enough...
const ENOUGH: usize = 16;
/// ...or when somebody ran for so long and nobody joined.
const LONG: Duration = Duration::from_millis(2);
/// So many groups then leave at once.
const CROWDED_GROUPS: u32 = 64;

/// See the module's essay.
#[derive(Debug, Default)]
pub struct Joining {
    /// So many groups leave at once: the cores are busy with something else.
    crowded: u32,
}

impl Joining {
    /// Lets others run while that is likely to make the group larger. `joined` counts those who wait for it.
    pub fn let_others_run(
        &mut self,
        clock: impl Fn() -> Duration,
        joined: impl Fn() -> usize,
        mut yield_now: impl FnMut(),
    ) {
        if self.crowded > 0 {
            self.crowded -= 1;
            return;
        }
        let (mut count, mut at) = (joined(), clock());
        for _ in 0..YIELDS {
            yield_now();
            let (count_before, before) = (count, at);
            (count, at) = (joined(), clock());
            if count == count_before && at.saturating_sub(before) >= LONG {
                self.crowded = CROWDED_GROUPS;
                return;
            }
            if count >= ENOUGH {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// How often others run for one group, when each time takes `took` and as many join as `joins` says.
    fn yields(joining: &mut Joining, took: Duration, joins: impl Fn(usize) -> usize) -> usize {
        let (now, joined, yields) = (Cell::new(Duration::ZERO), Cell::new(1), Cell::new(0));
        joining.let_others_run(
            || now.get(),
            || joined.get(),
            || {
                joined.set(joined.get() + joins(yields.get()));
                now.set(now.get() + took);
                yields.set(yields.get() + 1);
            },
        );
        yields.get()
    }

    #[test]
    fn a_group_waits_while_others_may_join_and_no_longer() {
        let joining = &mut Joining::default();
        let short = Duration::from_micros(20);
        assert_eq!(yields(joining, short, |_| 0), YIELDS, "they run for a short time each");
        assert_eq!(yields(joining, short, |_| 3), 5, "enough have joined");
        assert_eq!(yields(joining, LONG, |n| usize::from(n < 4)), 5, "four joined, however long it took");
    }

    #[test]
    fn nobody_waits_for_threads_that_compute() {
        let joining = &mut Joining::default();
        assert_eq!(yields(joining, LONG, |_| 0), 1);
        for _ in 0..CROWDED_GROUPS {
            assert_eq!(yields(joining, LONG, |_| 0), 0);
        }
        assert_eq!(yields(joining, LONG, |_| 0), 1, "now and then it is tried again");
    }
}
