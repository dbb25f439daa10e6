//! Four of six to write, three of six to read: the arithmetic that both halves of the crate share.
//!
//! A group has six segments, two in each of three zones. A write is done when four have it, so that it survives the loss of
//! a zone for writing, and a zone and one more for reading; recovery asks three. Any write quorum meets any read quorum,
//! and any two write quorums meet: the assertions below say so at compile time.
//!
//! Watermarks are counted by rank: what four of six hold is the *fourth highest* of their marks. Recovery hears only some
//! of the six and must not come out below anything acknowledged: of `n` replies it keeps the `(n - 2)`-th highest
//! ([`recovery_floor`]). One rank lower loses an acknowledged record; the model in `tests` refutes it.
//!
//! While members are being replaced a volume has several sets of six at once ([`Configuration`]): ABCDEF and ABCDEG, or four
//! when two are replaced. A quorum is one of *every* set. So quorums of any two configurations that follow each other share
//! a set, and meet in it. Members are known here by their *seat*: the six by their place, those that join behind them.
//!
//! Source: Verbitski et al., Amazon Aurora, SIGMOD 2017, section 2.1, and SIGMOD 2018, section 2.2.

use protocol::Lsn;
use smallvec::SmallVec;

/// Segments of a group.
pub const COPIES: usize = 6;
/// Segments that must hold a record before it counts.
pub const WRITE_QUORUM: usize = 4;
/// Segments that recovery must hear.
pub const READ_QUORUM: usize = 3;
/// The epoch of the membership that `init` gives a volume.
pub const MEMBERSHIP_EPOCH: u32 = 1;
/// Members that may be replaced at a time: with more there are not four left that are in every set.
pub const REPLACEMENTS_MAX: usize = 2;
/// Seats: six members, and those that join.
pub const SEATS_MAX: usize = COPIES + REPLACEMENTS_MAX;

const _: () = assert!(READ_QUORUM + WRITE_QUORUM > COPIES, "a read quorum meets every write quorum");
const _: () = assert!(2 * WRITE_QUORUM > COPIES, "two write quorums meet");
const _: () = assert!(WRITE_QUORUM + 2 <= COPIES, "a write survives the loss of a zone of two");
const _: () = assert!(COPIES - REPLACEMENTS_MAX >= WRITE_QUORUM, "those who stay are a quorum of every set");
const _: () = assert!(READ_QUORUM + 3 <= COPIES, "a read survives the loss of a zone and one more");

/// The `rank`-th highest of `marks`, counted from 1; zero when there are fewer.
///
/// # Panics
/// When `rank` is 0 or there are more than [`COPIES`] marks.
#[must_use]
pub fn nth_highest(marks: &[Lsn], rank: usize) -> Lsn {
    assert!(rank >= 1, "ranks count from 1");
    assert!(marks.len() <= COPIES, "a set has six segments");
    if rank > marks.len() {
        return Lsn::ZERO;
    }
    let mut sorted = [Lsn::ZERO; COPIES];
    sorted[..marks.len()].copy_from_slice(marks);
    sorted[..marks.len()].sort_unstable_by(|a, b| b.cmp(a));
    sorted[rank - 1]
}

/// What a write quorum holds, given each segment's mark: the fourth highest.
#[must_use]
pub fn write_mark(marks: &[Lsn]) -> Lsn {
    nth_highest(marks, WRITE_QUORUM)
}

/// The lowest value that recovery may take for a group's complete LSN, given the clipped SCL of each responder: nothing
/// that was acknowledged lies above it. `None` when fewer than [`READ_QUORUM`] answered.
///
/// Of `n` responders, `6 - n` were silent; a write quorum that held the record left at least `4 - (6 - n) = n - 2` copies
/// among the responders.
#[must_use]
pub fn recovery_floor(scls: &[Lsn]) -> Option<Lsn> {
    (scls.len() >= READ_QUORUM).then(|| nth_highest(scls, scls.len() - (COPIES - WRITE_QUORUM)))
}

/// Some seats, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seats(pub u8);

impl Seats {
    /// The seats for which `holds` is true.
    pub fn of(holds: impl Fn(usize) -> bool) -> Seats {
        Seats((0..SEATS_MAX).filter(|&seat| holds(seat)).fold(0, |seats, seat| seats | 1 << seat))
    }

    /// Whether `seat` is among them.
    #[must_use]
    pub fn has(self, seat: usize) -> bool {
        self.0 >> seat & 1 == 1
    }

    /// How many of `set` are among them.
    #[must_use]
    fn count_in(self, set: Seats) -> usize {
        (self.0 & set.0).count_ones() as usize
    }
}

/// The sets of six in which a quorum is needed: one, and twice as many for each replacement under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Configuration {
    sets: SmallVec<[Seats; 1 << REPLACEMENTS_MAX]>,
    seats: usize,
}

impl Default for Configuration {
    fn default() -> Configuration {
        Configuration::new(&[])
    }
}

impl Configuration {
    /// Six members, of which those in `places` are being replaced: by the seats behind the six, in this order.
    ///
    /// # Panics
    /// When there are more than [`REPLACEMENTS_MAX`], or a place is not one of the six or is named twice.
    #[must_use]
    pub fn new(places: &[usize]) -> Configuration {
        assert!(places.len() <= REPLACEMENTS_MAX, "no more are replaced at a time");
        let mut sets: SmallVec<[Seats; 1 << REPLACEMENTS_MAX]> = SmallVec::new();
        sets.push(Seats::of(|seat| seat < COPIES));
        for (index, place) in places.iter().enumerate() {
            assert!(*place < COPIES && !places[..index].contains(place), "each place is replaced once");
            for set in sets.clone() {
                sets.push(Seats(set.0 & !(1 << place) | 1 << (COPIES + index)));
            }
        }
        Configuration { sets, seats: COPIES + places.len() }
    }

    /// How many seats there are, those of members that join included.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.seats
    }

    /// The sets.
    #[must_use]
    pub fn sets(&self) -> &[Seats] {
        &self.sets
    }

    /// Whether these are four of every set.
    #[must_use]
    pub fn is_write_quorum(&self, seats: Seats) -> bool {
        self.sets.iter().all(|set| seats.count_in(*set) >= WRITE_QUORUM)
    }

    /// Whether these are three of every set.
    #[must_use]
    pub fn is_read_quorum(&self, seats: Seats) -> bool {
        self.sets.iter().all(|set| seats.count_in(*set) >= READ_QUORUM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lsns(marks: &[u64]) -> Vec<Lsn> {
        marks.iter().map(|&mark| Lsn(mark)).collect()
    }

    #[test]
    fn a_write_mark_is_what_four_hold() {
        assert_eq!(write_mark(&lsns(&[9, 9, 9, 9, 0, 0])), Lsn(9));
        assert_eq!(write_mark(&lsns(&[9, 9, 9, 0, 0, 0])), Lsn(0));
        assert_eq!(write_mark(&lsns(&[5, 9, 7, 1, 8, 6])), Lsn(6));
        assert_eq!(write_mark(&lsns(&[9, 9, 9])), Lsn(0), "three cannot make a quorum");
    }

    /// One row per number of responders: what they report, and the floor.
    #[test]
    fn the_recovery_floor_by_responders() {
        for (reported, floor) in [
            (&[3, 1, 2][..], Some(3)),
            (&[3, 1, 2, 4], Some(3)),
            (&[3, 1, 2, 4, 5], Some(3)),
            (&[3, 1, 2, 4, 5, 6], Some(3)),
            (&[3, 1], None),
        ] {
            assert_eq!(recovery_floor(&lsns(reported)), floor.map(Lsn), "{reported:?}");
        }
    }

    /// Every way to place a record on four of six, every set of responders: the floor keeps the record.
    #[test]
    fn no_set_of_responders_loses_what_four_hold() {
        for holders in 0u32..64 {
            for responders in 0u32..64 {
                if holders.count_ones() < 4 || responders.count_ones() < 3 {
                    continue;
                }
                let of = |node: u32| if holders >> node & 1 == 1 { Lsn(10) } else { Lsn(3) };
                let scls: Vec<Lsn> = (0..6u32).filter(|node| responders >> node & 1 == 1).map(of).collect();
                assert_eq!(recovery_floor(&scls), Some(Lsn(10)), "holders {holders:06b} responders {responders:06b}");
            }
        }
    }

    /// Every pair of quorums of a configuration and of the one that may follow it: two write quorums meet, and a read quorum
    /// of either meets a write quorum of the other. The 'or' of the sets would not.
    #[test]
    fn quorums_meet_across_a_change() {
        let steps: [(&[usize], &[usize]); 4] = [(&[], &[5]), (&[5], &[5, 4]), (&[5], &[5]), (&[0, 3], &[0, 3])];
        for (before, after) in steps {
            let (before, after) = (Configuration::new(before), Configuration::new(after));
            let all = || (0..=u8::MAX).map(Seats);
            let meet = |one: Seats, other: Seats| one.0 & other.0 != 0;
            for written in all().filter(|seats| before.is_write_quorum(*seats)) {
                assert!(all().filter(|seats| after.is_write_quorum(*seats)).all(|seats| meet(seats, written)));
                assert!(all().filter(|seats| after.is_read_quorum(*seats)).all(|seats| meet(seats, written)));
            }
            for written in all().filter(|seats| after.is_write_quorum(*seats)) {
                assert!(all().filter(|seats| before.is_read_quorum(*seats)).all(|seats| meet(seats, written)));
            }
        }
        let joint = Configuration::new(&[5]);
        let any = |seats: Seats| joint.sets().iter().any(|set| seats.count_in(*set) >= READ_QUORUM);
        let (written, read) = (Seats(0b0011_1100), Seats(0b0100_0011));
        assert!(Configuration::default().is_write_quorum(written) && any(read) && written.0 & read.0 == 0);
    }

    /// A zone and more may be gone while members are replaced: those who stay decide.
    #[test]
    fn those_who_stay_are_a_quorum_of_every_set() {
        assert!(Configuration::new(&[5, 4]).is_write_quorum(Seats(0b0000_1111)));
        assert!(
            !Configuration::new(&[5]).is_write_quorum(Seats(0b0010_0111)),
            "the one that leaves is not one of them"
        );
        assert!(Configuration::new(&[5]).is_write_quorum(Seats(0b0110_0111)), "nor the one that joins, alone");
        assert_eq!(Configuration::new(&[5, 4]).sets().len(), 4);
        assert_eq!(Configuration::new(&[5, 4]).seats(), 8);
    }
}
