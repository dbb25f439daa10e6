//! Which storage node a replica pulls redo from.
//!
//! Each replica has a home among the six, by its instance, so that many replicas do not all pull from one node. Of the nodes
//! that are known to have what is wanted it asks its home, or the next one round; one that has answered much later than
//! others is asked behind them. Now and then the order is that of the seats alone, and so it is noticed when a slow node is
//! quick again.
//!
//! Whom it asked last does not matter: if it did, replicas would meet on the nodes that are mostly ahead, and stay together.

use crate::quorum::COPIES;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A node is slow when its answers usually take this many times as long as those of the quickest...
const SLOW_FACTOR: u64 = 4;
/// ...and longer than this.
const SLOW_MIN: Duration = Duration::from_millis(2);
/// One pull in so many does not look at who is slow.
const PROBE_EVERY: u64 = 64;

/// Six nodes, as one replica sees them. See the module's essay.
#[derive(Debug)]
pub struct Sources {
    home: usize,
    /// Moving means of how long an answer takes; zero before the first.
    micros: [AtomicU64; COPIES],
    pulls: AtomicU64,
}

impl Sources {
    /// For the replica of this instance.
    #[must_use]
    pub fn new(instance: u32) -> Sources {
        Sources { home: instance as usize % COPIES, micros: Default::default(), pulls: AtomicU64::new(0) }
    }

    /// All six in the order in which they are to be asked.
    #[must_use]
    pub fn order(&self, fresh: &[bool; COPIES]) -> [usize; COPIES] {
        self.order_as(fresh, self.pulls.fetch_add(1, Relaxed) % PROBE_EVERY == PROBE_EVERY - 1)
    }

    /// The one to be asked for what nobody has yet.
    #[must_use]
    pub fn preferred(&self, fresh: &[bool; COPIES]) -> usize {
        self.order_as(fresh, false)[0]
    }

    fn order_as(&self, fresh: &[bool; COPIES], probing: bool) -> [usize; COPIES] {
        let means = self.micros.each_ref().map(|mean| mean.load(Relaxed));
        let quickest = means.iter().copied().filter(|&mean| mean > 0).min().unwrap_or(0);
        let limit = (quickest * SLOW_FACTOR).max(SLOW_MIN.as_micros() as u64);
        let mut order: [usize; COPIES] = std::array::from_fn(|index| (self.home + index) % COPIES);
        order.sort_by_key(|&node| (!fresh[node], !probing && means[node] > limit));
        order
    }

    /// A node has answered, or has not and so much time has passed.
    pub fn took(&self, node: usize, time: Duration) {
        let took = (time.as_micros() as u64).max(1);
        let mean = self.micros[node].load(Relaxed);
        self.micros[node].store(if mean == 0 { took } else { (mean * 7 + took) / 8 }, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [bool; COPIES] = [true; COPIES];

    fn only(nodes: &[usize]) -> [bool; COPIES] {
        std::array::from_fn(|node| nodes.contains(&node))
    }

    #[test]
    fn replicas_spread_over_the_nodes_that_have_it() {
        let sources: Vec<Sources> = (0..12).map(Sources::new).collect();
        let load = |fresh: &[bool; COPIES]| {
            let mut load = [0; COPIES];
            sources.iter().for_each(|source| load[source.order(fresh)[0]] += 1);
            load
        };
        assert_eq!(load(&ALL), [2; COPIES]);
        // Whoever is ahead now has more to do, and not for longer than that.
        assert_eq!(load(&only(&[2, 3])), [0, 0, 10, 2, 0, 0]);
        assert_eq!(load(&ALL), [2; COPIES]);
        assert_eq!(load(&[false; COPIES]), [2; COPIES]);
        assert_eq!(sources[3].order(&only(&[1, 5])), [5, 1, 3, 4, 0, 2]);
    }

    #[test]
    fn a_slow_node_is_asked_behind_the_others_until_it_is_quick_again() {
        let sources = Sources::new(2);
        for node in 0..COPIES {
            sources.took(node, Duration::from_micros(300));
        }
        sources.took(2, Duration::from_millis(2));
        assert_eq!(sources.order(&ALL)[0], 2, "what takes no longer than this is no reason");
        sources.took(2, Duration::from_millis(50));
        assert_eq!(sources.order(&ALL), [3, 4, 5, 0, 1, 2]);
        assert_eq!(sources.order(&only(&[2]))[0], 2, "it alone has it");
        let asked = (0..PROBE_EVERY * 3).filter(|_| sources.order(&ALL)[0] == 2).count();
        assert_eq!(asked, 3, "now and then it is tried");
        for _ in 0..20 {
            sources.took(2, Duration::from_micros(200));
        }
        assert_eq!(sources.order(&ALL)[0], 2);
    }
}
