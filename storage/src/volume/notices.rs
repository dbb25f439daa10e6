//! What the writer tells its replicas: how far the volume is durable. Event-driven, coalesced, the newest wins.
//!
//! A subscription keeps the VDL it told last. When the flushed VDL has moved it takes one notice of everything since: the
//! tails that moved and the nodes that have them. A slow subscriber gets fewer notices, not more memory.
//!
//! Making one needs the lock that acknowledgements need, and looks at every group. So it is made once for all subscribers
//! who want about the same ([`Board`]): however many replicas there are, commits wait for one of them.

use super::tracker::{Level, Tracker};
use crate::quorum::COPIES;
use parking_lot::Mutex;
use protocol::rpc::cluster::{GroupTail, Notice};
use protocol::{Ballot, Lsn};

/// The notice of everything since `told`.
#[must_use]
pub fn notice(ballot: Ballot, tracker: &Tracker, told: Lsn, written_unix_micros: u64) -> Notice {
    let moved = |&(_, tail): &(_, Lsn)| tail > told;
    let tails: Vec<GroupTail> =
        tracker.tails().filter(moved).map(|(group, tail)| GroupTail { group: group.0, tail: tail.0 }).collect();
    let fresh = |&node: &usize| {
        let mut moved = tracker.tails().filter(moved);
        !tracker.is_excluded(node) && moved.all(|(group, tail)| tracker.scl(group, node, Level::Received) >= tail)
    };
    Notice {
        ballot: ballot.0,
        flushed_vdl: tracker.vdl(Level::Flushed).0,
        tails,
        written_unix_micros,
        fresh_nodes: (0..COPIES).filter(fresh).map(|node| node as u32).collect(),
    }
}

/// The notice that was made last, for everyone who misses no more than it tells.
#[derive(Debug, Default)]
pub struct Board {
    /// Since when, and what.
    newest: Mutex<Option<(Lsn, Notice)>>,
}

impl Board {
    /// A notice of everything from `told`, or from before, to `vdl`, or beyond: the last one, or one that `make` makes of
    /// everything since `told`.
    pub fn notice(&self, told: Lsn, vdl: Lsn, make: impl FnOnce() -> Notice) -> Notice {
        let mut newest = self.newest.lock();
        if let Some((_, notice)) = newest.as_ref().filter(|it| it.0 <= told && it.1.flushed_vdl >= vdl.0) {
            return notice.clone();
        }
        let notice = make();
        // What a new subscriber is told names every group, and is for nobody else.
        if told > Lsn::ZERO {
            *newest = Some((told, notice.clone()));
        }
        notice
    }
}

#[cfg(test)]
mod tests {
    use super::super::tracker::{Mark, Outstanding};
    use super::*;
    use protocol::{BootId, GroupId};

    #[test]
    fn a_notice_names_what_moved_and_who_has_it() {
        let mut tracker = Tracker::new(Lsn(50), &[(GroupId(0), Lsn(50)), (GroupId(1), Lsn(40))]);
        tracker.append(Outstanding { lsn: Lsn(60), group: GroupId(1), end_of_mtr: true });
        for node in 0..5 {
            let mark = Mark { group: GroupId(1), received: Lsn(60), flushed: Lsn(if node == 4 { 0 } else { 60 }) };
            tracker.ack(node, BootId(1), [mark]);
        }
        let notice = notice(Ballot::new(2, 1), &tracker, Lsn(50), 7);
        assert_eq!(notice.flushed_vdl, 60);
        assert_eq!(notice.tails, [GroupTail { group: 1, tail: 60 }]);
        assert_eq!(notice.fresh_nodes, [0, 1, 2, 3, 4]);
        assert_eq!(super::notice(Ballot::ZERO, &tracker, Lsn::ZERO, 0).tails.len(), 2, "a new subscriber hears all");
    }

    #[test]
    fn a_notice_is_made_once_for_all_who_want_it() {
        let board = Board::default();
        let made = std::cell::Cell::new(0);
        let ask = |told: u64, vdl: u64| {
            let make = || {
                made.set(made.get() + 1);
                Notice { flushed_vdl: vdl, written_unix_micros: told, ..Notice::default() }
            };
            let notice = board.notice(Lsn(told), Lsn(vdl), make);
            (notice.written_unix_micros, notice.flushed_vdl, made.get())
        };
        assert_eq!(ask(50, 60), (50, 60, 1));
        for _ in 0..14 {
            assert_eq!(ask(50, 60), (50, 60, 1), "the others of the same time");
        }
        assert_eq!(ask(55, 60), (50, 60, 1), "it tells more than is missed");
        assert_eq!(ask(40, 60), (40, 60, 2), "it would leave something out");
        assert_eq!(ask(60, 70), (60, 70, 3), "it is old");
        assert_eq!(ask(0, 70), (0, 70, 4), "a new subscriber hears all");
        assert_eq!(ask(60, 70), (60, 70, 4), "and nobody else");
    }
}
