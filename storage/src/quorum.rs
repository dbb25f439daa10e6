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
//! Source: Verbitski et al., Amazon Aurora, SIGMOD 2017, section 2.1, and SIGMOD 2018, section 2.2.

use protocol::Lsn;

/// Segments of a group.
pub const COPIES: usize = 6;
/// Segments that must hold a record before it counts.
pub const WRITE_QUORUM: usize = 4;
/// Segments that recovery must hear.
pub const READ_QUORUM: usize = 3;
/// The epoch of the only membership there is: six nodes, each with one segment of every group.
pub const MEMBERSHIP_EPOCH: u32 = 1;

const _: () = assert!(READ_QUORUM + WRITE_QUORUM > COPIES, "a read quorum meets every write quorum");
const _: () = assert!(2 * WRITE_QUORUM > COPIES, "two write quorums meet");
const _: () = assert!(WRITE_QUORUM + 2 <= COPIES, "a write survives the loss of a zone of two");
const _: () = assert!(READ_QUORUM + 3 <= COPIES, "a read survives the loss of a zone and one more");

/// The `rank`-th highest of `marks`, counted from 1; zero when there are fewer.
///
/// # Panics
/// When `rank` is 0 or there are more than [`COPIES`] marks.
#[must_use]
pub fn nth_highest(marks: &[Lsn], rank: usize) -> Lsn {
    assert!(rank >= 1, "ranks count from 1");
    assert!(marks.len() <= COPIES, "a group has six segments");
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
}
