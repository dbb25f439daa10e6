//! Who joins a group that somebody waits for, before it is sealed.
//!
//! The rule: nobody sleeps for company. The shipper lets others run first, and who was about to commit joins. On a free core
//! sixteen turns take ten microseconds; where sessions compete with the shipper for cores, each that joins may save the four
//! flushes of a group of its own. What runs meanwhile may also be a thread that computes, for whole slices of the scheduler's.
//! Then nobody joins, and commits only wait: for some time nobody is let run.
//!
//! On two cores, 2026-11-21, f853d44 in turns with ad4d9a4, which yields once (both with one codegen unit), medians:
//! `pgbench -M prepared -c 8 -j 2` 4,665 tps and 4,298; with `-c 32` 7,454 and 6,153, at 15.2 and 12.2 commits a group; with
//! `-c 4 -j 1` beside two queries that compute 642 and 439.
//!
//! Pure: the caller brings the clock and the yield.

use std::time::Duration;

/// Before each group others are let run so often...
pub const YIELDS: usize = 16;
/// ...or until so many wait for it: among them its flushes are shared well enough...
pub const ENOUGH: usize = 16;
/// ...or for so long altogether...
pub const LONGEST: Duration = Duration::from_millis(4);
/// ...or until nobody has joined for so long.
pub const LONG: Duration = Duration::from_millis(2);
/// For so long groups then leave without waiting for anybody.
pub const CROWDED_FOR: Duration = Duration::from_millis(100);

/// See the module's essay.
#[derive(Debug, Default)]
pub struct Joining {
    /// Until then nobody is let run: the cores are busy with something else.
    crowded_until: Duration,
}

impl Joining {
    /// Lets others run while that is likely to make the group larger, and returns the time. `joined` counts those who wait
    /// for it.
    pub fn let_others_run(
        &mut self,
        clock: impl Fn() -> Duration,
        joined: impl Fn() -> usize,
        mut yield_now: impl FnMut(),
    ) -> Duration {
        let began = clock();
        if began < self.crowded_until {
            return began;
        }
        let (mut now, mut most, mut since) = (began, joined(), began);
        for _ in 0..YIELDS {
            yield_now();
            now = clock();
            let count = joined();
            if count > most {
                (most, since) = (count, now);
            } else if now - since >= LONG {
                self.crowded_until = now + CROWDED_FOR;
                break;
            }
            if count >= ENOUGH || now - began >= LONGEST {
                break;
            }
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// How often others run for one group, when each time takes `took` and as many join as `joins` says.
    fn yields(joining: &mut Joining, now: &Cell<Duration>, took: Duration, joins: impl Fn(usize) -> usize) -> usize {
        let (joined, yields) = (Cell::new(1), Cell::new(0));
        let end = joining.let_others_run(
            || now.get(),
            || joined.get(),
            || {
                joined.set(joined.get() + joins(yields.get()));
                now.set(now.get() + took);
                yields.set(yields.get() + 1);
            },
        );
        assert_eq!(end, now.get());
        yields.get()
    }

    #[test]
    fn a_group_waits_while_others_may_join_and_no_longer() {
        let (joining, now) = (&mut Joining::default(), &Cell::new(Duration::ZERO));
        let short = Duration::from_micros(20);
        assert_eq!(yields(joining, now, short, |_| 0), YIELDS, "they run for a short time each");
        assert_eq!(yields(joining, now, short, |_| 3), 5, "enough have joined");
        assert_eq!(yields(joining, now, LONG, |_| 1), 2, "somebody joins each time, and it takes too long");
    }

    #[test]
    fn nobody_waits_for_threads_that_compute() {
        let (joining, now) = (&mut Joining::default(), &Cell::new(Duration::ZERO));
        assert_eq!(yields(joining, now, LONG / 2, |_| 0), 2, "nobody joined, however long each ran");
        assert_eq!(yields(joining, now, LONG, |_| 0), 0);
        now.set(now.get() + CROWDED_FOR);
        assert_eq!(yields(joining, now, LONG, |_| 0), 1, "now and then it is tried again");
    }
}
