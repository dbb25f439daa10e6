//! What the writer tells its replicas: how far the volume is durable. Event-driven, coalesced, the newest wins.
//!
//! A subscription keeps the VDL it told last. When the flushed VDL has moved it makes one notice of everything since: the
//! tails that moved and the nodes that have them. A slow subscriber gets fewer notices, not more memory.

use super::tracker::{Level, Tracker};
use crate::quorum::COPIES;
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
}
