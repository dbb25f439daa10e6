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
//! Pure: the caller brings the time, and lets others run. In a simulated world it is the world that says for how long.

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
    /// Before this group others are let run.
    group: Option<Gathering>,
}

#[derive(Debug)]
struct Gathering {
    began: Duration,
    yields: usize,
    /// The most that waited for it, and since when so many do.
    most: usize,
    since: Duration,
}

impl Joining {
    /// Whether others are to run, once more, before the group leaves for which `joined` wait: while that is likely to make it
    /// larger. To be asked until it says no.
    pub fn lets_others_run(&mut self, now: Duration, joined: usize) -> bool {
        let Some(group) = &mut self.group else {
            let begins = now >= self.crowded_until;
            self.group = begins.then_some(Gathering { began: now, yields: 1, most: joined, since: now });
            return begins;
        };
        if joined > group.most {
            (group.most, group.since) = (joined, now);
        }
        let crowded = now - group.since >= LONG;
        if crowded {
            self.crowded_until = now + CROWDED_FOR;
        }
        let goes_on = !crowded && joined < ENOUGH && now - group.began < LONGEST && group.yields < YIELDS;
        if goes_on {
            group.yields += 1;
        } else {
            self.group = None;
        }
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often others run for one group, when each time takes `took` and so many join.
    fn yields(joining: &mut Joining, now: &mut Duration, took: Duration, joins: usize) -> usize {
        let (mut joined, mut yields) = (1, 0);
        while joining.lets_others_run(*now, joined) {
            *now += took;
            joined += joins;
            yields += 1;
        }
        yields
    }

    #[test]
    fn a_group_waits_while_others_may_join_and_no_longer() {
        let (joining, now) = (&mut Joining::default(), &mut Duration::default());
        let short = Duration::from_micros(20);
        assert_eq!(yields(joining, now, short, 0), YIELDS, "they run for a short time each");
        assert_eq!(yields(joining, now, short, 3), 5, "enough have joined");
        assert_eq!(yields(joining, now, LONG, 1), 2, "somebody joins each time, and it takes too long");
    }

    #[test]
    fn nobody_waits_for_threads_that_compute() {
        let (joining, now) = (&mut Joining::default(), &mut Duration::default());
        assert_eq!(yields(joining, now, LONG / 2, 0), 2, "nobody joined, however long each ran");
        assert_eq!(yields(joining, now, LONG, 0), 0);
        *now += CROWDED_FOR;
        assert_eq!(yields(joining, now, LONG, 0), 1, "now and then it is tried again");
    }
}
