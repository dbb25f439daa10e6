//! The storage nodes as `status`, the views and `/metrics` show them: members, who joins, who leaves, spares.
//!
//! Everything here is for show. It is made of what the nodes say of themselves ([`Look`]) and of the spares in the address
//! book; a server looks once in [`LOOK_INTERVAL`], which also keeps its roster of the members up to date.

use crate::spare::FORMER;
use protocol::rpc::storage::{ServerInfo, StatusReply};
use protocol::{GroupId, Lsn, NodeId, PageId};
use sql::functions::{GroupStatus, Hydration, NodeRole, StorageNodeStatus};
use std::collections::BTreeSet;
use std::time::Duration;
use storage::quorum::write_mark;
use storage::volume::roster::{Look, Seen};

/// How often a server looks at the storage nodes.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The storage nodes at one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// By number.
    pub nodes: Vec<(StorageNodeStatus, Option<StatusReply>)>,
    /// By number.
    pub groups: Vec<GroupStatus>,
}

impl View {
    /// Of a look at everyone, and the spares of the address book.
    #[must_use]
    pub fn of(look: &Look, spares: &[ServerInfo]) -> View {
        let groups = groups(look);
        let image_bytes = |seen: &Seen| seen.status().map_or(0, |status| status.image_bytes);
        let total_bytes = look.everyone.iter().map(image_bytes).max().unwrap_or_default();
        let row = |seen: &Seen| (node(seen, &groups, total_bytes), seen.status().cloned());
        let mut nodes: Vec<_> = look.everyone.iter().map(row).collect();
        let is_known = |spare: &ServerInfo| {
            look.everyone.iter().any(|seen| seen.status().is_some_and(|status| status.node == spare.node))
        };
        nodes.extend(spares.iter().filter(|spare| !is_known(spare)).map(|spare| (spare_row(spare), None)));
        nodes.sort_by_key(|(it, _)| (it.node.0, it.incarnation, matches!(it.role, NodeRole::Spare)));
        View { nodes, groups }
    }
}

fn highest(status: &StatusReply, flushed: bool) -> Lsn {
    let mark = |mark: &protocol::rpc::storage::SegmentMark| if flushed { mark.scl_flushed } else { mark.scl_received };
    Lsn(status.marks.iter().map(mark).max().unwrap_or_default())
}

fn flushed(seen: &Seen, group: GroupId) -> Lsn {
    let mark = seen.status().and_then(|status| status.marks.iter().find(|mark| mark.group == group.0));
    mark.map_or(Lsn::ZERO, |mark| Lsn(mark.scl_flushed))
}

fn node(seen: &Seen, groups: &[GroupStatus], total_bytes: u64) -> StorageNodeStatus {
    let (member, status) = (&seen.member, seen.status());
    let role = match seen.replaces {
        Some(old) => NodeRole::Joining(old),
        None if seen.leaves => NodeRole::Leaving,
        None => NodeRole::Member,
    };
    let kept = groups.iter().filter(|group| seen.keeps(group.group));
    let whole = kept.filter(|group| flushed(seen, group.group) >= group.durable).count();
    StorageNodeStatus {
        node: NodeId(member.node),
        incarnation: member.incarnation,
        zone: member.zone.clone(),
        address: member.address.clone(),
        role,
        state: seen.state().to_owned(),
        pid: seen.reply.as_ref().filter(|reply| reply.node == member.node).map(|reply| reply.pid),
        scl_received: status.map(|status| highest(status, false)),
        scl_flushed: status.map(|status| highest(status, true)),
        behind_bytes: status.map(|status| status.behind_bytes),
        groups: status.map(|status| status.marks.len() as u32),
        hydration: status.filter(|_| seen.replaces.is_some()).map(|status| Hydration {
            bytes: status.image_bytes,
            total_bytes,
            groups_whole: whole as u32,
        }),
    }
}

fn spare_row(spare: &ServerInfo) -> StorageNodeStatus {
    StorageNodeStatus {
        node: NodeId(spare.node),
        incarnation: 0,
        zone: spare.zone.clone(),
        address: spare.address.clone(),
        role: NodeRole::Spare,
        state: if spare.role == FORMER { "removed" } else { "spare" }.to_owned(),
        pid: Some(spare.pid),
        scl_received: None,
        scl_flushed: None,
        behind_bytes: None,
        groups: None,
        hydration: None,
    }
}

fn groups(look: &Look) -> Vec<GroupStatus> {
    let numbers: BTreeSet<u32> =
        look.statuses().flat_map(|status| status.marks.iter().map(|mark| mark.group)).collect();
    let pages = look.config.pages_per_group.max(1);
    let group = |group: u32| {
        let number = GroupId(group);
        let keepers = || look.everyone.iter().filter(|seen| seen.keeps(number));
        let members = keepers().filter(|seen| seen.replaces.is_none());
        let marks: Vec<Lsn> = members.map(|seen| flushed(seen, number)).collect();
        let durable = write_mark(&marks);
        GroupStatus {
            group: number,
            first_page: PageId(u64::from(group) * u64::from(pages)),
            pages,
            durable,
            highest: marks.iter().copied().max().unwrap_or_default(),
            copies: marks.iter().filter(|mark| **mark >= durable && !mark.is_zero()).count() as u32,
            joining: keepers().filter(|seen| seen.replaces.is_some() && flushed(seen, number) >= durable).count()
                as u32,
            membership_epoch: look.config.membership_epoch.max(1),
        }
    };
    numbers.into_iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::rpc::storage::{Member, Replacement, SegmentMark, VolumeConfig};
    use storage::membership::Part;

    fn member(node: u32, incarnation: u32) -> Member {
        Member { node, zone: "a".into(), address: format!("host:{node}"), incarnation, ..Member::default() }
    }

    /// Six members, of which the last is down and being replaced by node 7.
    fn look() -> Look {
        let new = member(7, 2);
        let config = VolumeConfig {
            volume: 1,
            pages_per_group: 64,
            members: (1..=6).map(|node| member(node, 0)).collect(),
            membership_epoch: 2,
            replacements: vec![Replacement { place: 5, new: Some(new.clone()) }],
            ..VolumeConfig::default()
        };
        let seen = |(seat, member): (usize, &Member)| {
            let scl = [90, 90, 90, 80, 70, 0, 85][seat];
            let mark = SegmentMark { group: 3, scl_flushed: scl, ..SegmentMark::default() };
            let reply = StatusReply {
                node: member.node,
                incarnation: member.incarnation,
                config: Some(config.clone()),
                state: "up".into(),
                marks: vec![mark],
                image_bytes: 100 * (seat as u64 + 1),
                ..StatusReply::default()
            };
            Seen {
                member: member.clone(),
                seat,
                part: Part::WHOLE,
                replaces: (seat == 6).then_some(NodeId(6)),
                leaves: seat == 5,
                reply: (seat != 5).then_some(reply),
            }
        };
        let everyone = config.members.iter().chain([&new]).enumerate().map(seen).collect();
        Look { config: config.clone(), everyone }
    }

    #[test]
    fn who_joins_is_shown_beside_who_leaves_with_its_progress() {
        let spare = ServerInfo { node: 9, zone: "b".into(), role: "spare".into(), ..ServerInfo::default() };
        let view = View::of(&look(), &[spare]);
        let shown: Vec<_> = view.nodes.iter().map(|(it, _)| (it.node.0, it.role.name(), &*it.state)).collect();
        assert_eq!(
            shown[4..],
            [(5, "member", "up"), (6, "leaving", "down"), (7, "joining", "up"), (9, "spare", "spare")]
        );
        let joining = &view.nodes[6].0;
        assert_eq!(joining.role, NodeRole::Joining(NodeId(6)));
        assert_eq!(joining.hydration, Some(Hydration { bytes: 700, total_bytes: 700, groups_whole: 1 }));
        let group = &view.groups[0];
        assert_eq!((group.durable, group.highest, group.copies, group.joining), (Lsn(80), Lsn(90), 4, 1));
        assert_eq!(group.first_page, PageId(192));
    }

    #[test]
    fn a_member_whose_disk_was_lost_is_empty_and_not_also_a_spare_unless_it_offers_itself() {
        let mut look = look();
        let empty = StatusReply { node: 2, state: "empty".into(), pid: 5, ..StatusReply::default() };
        look.everyone[1].reply = Some(empty);
        let view = View::of(&look, &[]);
        assert_eq!((&*view.nodes[1].0.state, view.nodes[1].0.pid), ("empty", Some(5)));
        assert_eq!(view.nodes[1].0.scl_flushed, None);
        let spare = ServerInfo { node: 2, role: "spare".into(), ..ServerInfo::default() };
        assert_eq!(View::of(&look, &[spare]).nodes.len(), 8);
    }
}
