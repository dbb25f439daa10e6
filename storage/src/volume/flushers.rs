//! Which four of six flush a group at once.
//!
//! The rule: every group is written and fsynced at once by a write quorum of nodes, and as a rule only by those. The others
//! catch up when their turn comes, for one write and one fsync do for all that has gathered: so a group costs four of each and
//! not six, and still each node has everything, some groups later.
//!
//! ```text
//! rota      a1 b1 c1 a2 b2 c2          zones take turns, so that any four in a row lie in three zones
//! window 1  ^^ ^^ ^^ ^^ .  .           eight groups long
//! window 2  .  .  ^^ ^^ ^^ ^^
//! window 3  ^^ ^^ .  .  ^^ ^^
//! ```
//!
//! A node that is late with what it was asked, or whose acks usually take a multiple of the others', is passed over: the
//! commit then follows the fourth best of all six. A slow node is still sent, and flushes, portions of its own, which is how
//! one notices that it has become fast again.
//!
//! So is one whose flush would not count now: it lacks what came before, is being replaced, or has lost what it had flushed. It
//! may answer fast and would make the four three.
//!
//! With four nodes or fewer all of them flush at once.
//!
//! Pure: [`shipping`](super::shipping) brings what it knows of each node.

use crate::quorum::{COPIES, WRITE_QUORUM};
use std::time::Duration;

/// After so many groups the next four take over; a node that takes what it is sent lacks no more, nor holds more unflushed.
pub const HELD_GROUPS_MAX: usize = 8;
/// The same in bytes of batches.
pub const HELD_BYTES_MAX: usize = 1 << 20;
/// A node is slow when its acks usually take this multiple of the fourth fastest's.
pub const SLOW_FACTOR: u32 = 3;
/// A node whose acks usually take less than this is never slow.
pub const SLOW_MIN: Duration = Duration::from_millis(1);

/// What is known of a node that takes batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// It owes an ack for longer than it should.
    pub late: bool,
    /// How long its acks take; zero when that is not known.
    pub usual: Duration,
    /// Whether what it flushes becomes durable by that.
    pub counts: bool,
}

/// Who flushes at once, and when the next ones do. See the module's essay.
#[derive(Debug)]
pub struct Flushers {
    rota: [usize; COPIES],
    /// Place in the rota of the first of the four.
    turn: usize,
    groups: usize,
    bytes: usize,
    chosen: [bool; COPIES],
}

impl Flushers {
    /// Nobody is chosen yet. `zones` has each node's.
    #[must_use]
    pub fn new(zones: [&str; COPIES]) -> Flushers {
        let mut rota: [usize; COPIES] = std::array::from_fn(|node| node);
        let namesakes = |node: usize| zones[..node].iter().filter(|zone| **zone == zones[node]).count();
        rota.sort_by_key(|&node| (namesakes(node), zones[node]));
        Flushers { rota, turn: 0, groups: 0, bytes: 0, chosen: [false; COPIES] }
    }

    /// A group of `bytes` is about to be sent: when the window is over, the next four take over with it, or with a later one
    /// if not all are free for it.
    pub fn begin_group(&mut self, bytes: usize, all_free: bool) {
        if all_free && (self.groups >= HELD_GROUPS_MAX || self.bytes >= HELD_BYTES_MAX) {
            self.turn = (self.turn + COPIES - WRITE_QUORUM) % COPIES;
            (self.groups, self.bytes) = (0, 0);
        }
        self.groups += 1;
        self.bytes += bytes;
    }

    /// Chooses anew, by whose turn it is and by what is known of each node; `None`: it takes nothing now. Returns who is
    /// chosen and was not before.
    pub fn choose(&mut self, candidates: [Option<Candidate>; COPIES]) -> impl Iterator<Item = usize> + use<> {
        let mut usual: smallvec::SmallVec<[Duration; COPIES]> =
            candidates.iter().flatten().map(|candidate| candidate.usual).collect();
        usual.sort_unstable();
        let fourth = usual.get(WRITE_QUORUM - 1).copied().unwrap_or(Duration::MAX);
        let slow = |usual: Duration| usual >= SLOW_MIN && usual / SLOW_FACTOR > fourth;
        let by_turn = (0..COPIES).map(|place| self.rota[(self.turn + place) % COPIES]);
        let mut order: smallvec::SmallVec<[(usize, Candidate); COPIES]> =
            by_turn.filter_map(|node| Some((node, candidates[node]?))).collect();
        // Stable: whose turn it is decides among equals.
        order.sort_by_key(|(_, candidate)| (!candidate.counts, candidate.late, slow(candidate.usual)));
        let mut chosen = [false; COPIES];
        order.iter().take(WRITE_QUORUM).for_each(|&(node, _)| chosen[node] = true);
        let before = std::mem::replace(&mut self.chosen, chosen);
        (0..COPIES).filter(move |&node| chosen[node] && !before[node])
    }

    /// Whether `node` flushes at once.
    #[must_use]
    pub fn is_chosen(&self, node: usize) -> bool {
        self.chosen[node]
    }

    /// Those who flush at once.
    pub fn chosen(&self) -> impl Iterator<Item = usize> + '_ {
        (0..COPIES).filter(|&node| self.chosen[node])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONES: [&str; COPIES] = ["a", "a", "b", "b", "c", "c"];
    const GOOD: Option<Candidate> = Some(Candidate { late: false, usual: Duration::ZERO, counts: true });

    fn four(flushers: &mut Flushers, candidates: [Option<Candidate>; COPIES]) -> Vec<usize> {
        flushers.choose(candidates).for_each(drop);
        flushers.chosen().collect()
    }

    fn usual(micros: u64) -> Option<Candidate> {
        Some(Candidate { late: false, usual: Duration::from_micros(micros), counts: true })
    }

    #[test]
    fn the_four_take_turns_lie_in_three_zones_and_nobody_rests_for_two_windows() {
        let mut flushers = Flushers::new(ZONES);
        let mut rested = [0; COPIES];
        for group in 0..6 * HELD_GROUPS_MAX {
            flushers.begin_group(100, true);
            let chosen = four(&mut flushers, [GOOD; COPIES]);
            assert_eq!(chosen.len(), WRITE_QUORUM);
            for zone in ["a", "b", "c"] {
                assert!(chosen.iter().any(|&node| ZONES[node] == zone), "{chosen:?} in group {group}");
            }
            for (node, rested) in rested.iter_mut().enumerate() {
                *rested = if chosen.contains(&node) { 0 } else { *rested + 1 };
                assert!(*rested <= HELD_GROUPS_MAX, "{node} in group {group}");
            }
        }
    }

    #[test]
    fn a_window_of_large_groups_is_short() {
        let mut flushers = Flushers::new(ZONES);
        flushers.begin_group(HELD_BYTES_MAX, true);
        let first = four(&mut flushers, [GOOD; COPIES]);
        flushers.begin_group(1, false);
        assert_eq!(four(&mut flushers, [GOOD; COPIES]), first, "the others are busy");
        flushers.begin_group(1, true);
        assert_ne!(four(&mut flushers, [GOOD; COPIES]), first);
    }

    /// One row an arrangement of six nodes: who flushes at once.
    #[test]
    fn who_is_late_slow_or_absent_is_passed_over_while_others_are_there() {
        let late = Some(Candidate { late: true, usual: Duration::ZERO, counts: true });
        let vain = Some(Candidate { late: false, usual: Duration::ZERO, counts: false });
        let (fast, slow, odd) = (usual(500), usual(5_000), usual(1_400));
        for (candidates, expected) in [
            ([GOOD; COPIES], &[0, 1, 2, 4][..]),
            ([late, GOOD, GOOD, GOOD, GOOD, GOOD], &[1, 2, 3, 4]),
            ([slow, fast, fast, fast, fast, fast], &[1, 2, 3, 4]),
            ([odd, fast, fast, fast, fast, fast], &[0, 1, 2, 4]),
            ([slow, slow, slow, fast, fast, fast], &[0, 1, 2, 4]),
            ([usual(90), usual(10), usual(10), usual(10), usual(10), usual(10)], &[0, 1, 2, 4]),
            ([None, GOOD, None, GOOD, GOOD, GOOD], &[1, 3, 4, 5]),
            ([vain, GOOD, GOOD, GOOD, GOOD, GOOD], &[1, 2, 3, 4]),
            ([vain, late, GOOD, slow, GOOD, None], &[1, 2, 3, 4]),
            ([vain, GOOD, GOOD, vain, GOOD, None], &[0, 1, 2, 4]),
            ([None, slow, None, fast, late, fast], &[1, 3, 4, 5]),
            ([None, None, None, GOOD, GOOD, GOOD], &[3, 4, 5]),
            ([None; COPIES], &[]),
        ] {
            assert_eq!(four(&mut Flushers::new(ZONES), candidates), expected, "{candidates:?}");
        }
    }
}
