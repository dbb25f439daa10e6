//! Who keeps the copies of a volume: six members, and changes of them.
//!
//! **Rule.** A membership is accepted like the value of a consensus round: it bears the ballot of the writer that proposed
//! it and counts its changes under that ballot ([`MembershipId`]); a node keeps the highest it was given by a ballot not
//! below its promise, on disk, and never goes back. A change is one step: a replacement begins, is finished, or is reverted.
//! It is made when a write quorum of *every* set of the membership after it keeps it, and only then may the next begin. Between
//! proposing and that moment the writer needs quorums of both.
//!
//! ```text
//! ABCDEF --F is replaced by G--> ABCDEF and ABCDEG --G has everything--> ABCDEG
//!    ^                                   |  |
//!    +------ reverted: F came back ------+  +--E is replaced by H--> 4 sets, each with one of E, H and one of F, G
//! ```
//!
//! **Why it holds.** Memberships that follow each other share a set: beginning keeps the sets that were, finishing and reverting
//! keep some of them. The one after is kept by a write quorum of the shared set, and whoever knows only the one before asks a
//! read quorum of that set, too. So a recovery that asks a read quorum of every set of the highest membership it heard has
//! heard the highest that was made, and something of every write under it. It then proposes what it heard again under its own
//! ballot, together with its truncation table, before it writes anything: a proposal of a lower ballot that it did not hear
//! was not made, and never will be. `A or B` in place of `A and B`, or the newest set alone, lose acknowledged records:
//! `tests/membership_model.rs` has the traces.
//!
//! Of the sets before nothing more is asked: who is left out, a member that lost its disk or a node that was to join, may be
//! gone, and two more of the six that stay.
//!
//! **Columns.** A member is one node, or several that share its copies between them ([`nodes_of`], [`part_of`]): so a volume
//! has six members whatever the number of its nodes. When one node of a column is replaced, a column with the new node in its
//! place replaces the column; the others are in both.
//!
//! **One membership for all groups.** Each group has a segment on each member, so a membership for each group would be the
//! same words many times. What each *node* keeps on its own disk is the truth; there is no other register.
//!
//! **Identity.** A member is a node's number *and* incarnation ([`MemberName`]). A node whose disk was lost comes back with
//! none: it has no volume, and refuses everything. It can only join as a new member, with a higher incarnation, in its own
//! place or another's; until that replacement is finished it counts in no quorum. The old incarnation never comes back.
//!
//! Sources: Verbitski et al., SIGMOD 2018, section 4.1 (quorum sets and reversible changes). Its read quorum is the 'or'
//! of the sets; ours is the 'and'. Ballots as the order of memberships are Paxos's.

use crate::quorum::{COPIES, Configuration, MEMBERSHIP_EPOCH, REPLACEMENTS_MAX};
use protocol::rpc::storage as rpc;
use protocol::{Ballot, Error, GroupId, NodeId};

/// Nodes of a column.
pub const PARTS_MAX: usize = 64;

/// The order of memberships: by the ballot that proposed, then by the changes under it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MembershipId {
    /// Of the writer that proposed it.
    pub ballot: Ballot,
    /// Counts changes; what people call the membership epoch.
    pub epoch: u32,
}

impl std::fmt::Display for MembershipId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "epoch {} of ballot {}", self.epoch, self.ballot)
    }
}

/// Who a member is: the same number with another incarnation is another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberName {
    /// The node's number.
    pub node: NodeId,
    /// 0 for those that `init` chose; higher for each that joined later.
    pub incarnation: u32,
}

impl std::fmt::Display for MemberName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.incarnation {
            0 => self.node.fmt(f),
            incarnation => write!(f, "{} (incarnation {incarnation})", self.node),
        }
    }
}

/// The nodes of a member, in the order of their parts: one, or those of a column.
pub fn nodes_of(member: &rpc::Member) -> impl Iterator<Item = &rpc::Member> + Clone {
    std::iter::once(member).chain(&member.others)
}

/// Which of the nodes of a member keeps a group.
#[must_use]
pub fn part_of(member: &rpc::Member, group: GroupId) -> usize {
    group.0 as usize % (1 + member.others.len())
}

/// The part of all groups that one node of a member keeps: those whose number leaves `index` when it is divided by `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    index: usize,
    of: usize,
}

impl Part {
    /// What a member of one node keeps.
    pub const WHOLE: Part = Part { index: 0, of: 1 };

    /// Each node of a member with its part.
    pub fn all_of(member: &rpc::Member) -> impl Iterator<Item = (Part, &rpc::Member)> {
        let of = 1 + member.others.len();
        nodes_of(member).enumerate().map(move |(index, node)| (Part { index, of }, node))
    }

    /// Whether it has a group.
    #[must_use]
    pub fn has(self, group: GroupId) -> bool {
        group.0 as usize % self.of == self.index
    }

    /// Whether some group is in both.
    #[must_use]
    pub fn meets(self, other: Part) -> bool {
        // Numbers leave the same remainders again after so many.
        (0..self.of * other.of).any(|group| group % self.of == self.index && group % other.of == other.index)
    }
}

/// The name of a node in a message.
#[must_use]
pub fn node_name(node: &rpc::Member) -> MemberName {
    MemberName { node: NodeId(node.node), incarnation: node.incarnation }
}

/// The name of a member in a message: a node's own, or a column's, which is that of its first node with the highest
/// incarnation of any. So a column of which one node was replaced is another member, for no incarnation is drawn twice.
#[must_use]
pub fn name_of(member: &rpc::Member) -> MemberName {
    let incarnation = nodes_of(member).map(|node| node.incarnation).max().unwrap_or_default();
    MemberName { node: NodeId(member.node), incarnation }
}

fn is_any_twice(mut names: Vec<MemberName>) -> bool {
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// A member with a node in the place of another.
fn with_node(member: &rpc::Member, old: NodeId, new: &rpc::Member) -> rpc::Member {
    let alone = |node: &rpc::Member| rpc::Member { others: Vec::new(), ..node.clone() };
    let mut nodes = nodes_of(member).map(|node| alone(if node.node == old.0 { new } else { node }));
    let first = nodes.next().expect("a member has a node");
    rpc::Member { others: nodes.collect(), ..first }
}

/// What a node is to a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of the six; it may be on its way out.
    Member,
    /// On its way in: counts in no quorum, for it does not hold everything yet.
    Joining,
    /// Not a member, or no longer.
    Stranger,
}

/// A member on its way in.
#[derive(Clone, Debug, PartialEq)]
pub struct Replacement {
    /// Whose place among the six it takes.
    pub place: usize,
    /// The new member.
    pub new: rpc::Member,
}

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such member.
    #[error("there is no member {0}")]
    NoMember(NodeId),
    /// Its replacement is under way, or that of another node of its column: the one that is named.
    #[error("node {} is being replaced already", .0.0)]
    UnderWay(NodeId),
    /// Two are.
    #[error("{REPLACEMENTS_MAX} members are being replaced already")]
    TooMany,
    /// The new member is one.
    #[error("{0} is a member already")]
    AlreadyMember(MemberName),
    /// Nothing to finish or to revert.
    #[error("node {} is not being replaced", .0.0)]
    NotUnderWay(NodeId),
}

/// A volume's members. See the module's essay.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    id: MembershipId,
    members: Vec<rpc::Member>,
    replacements: Vec<Replacement>,
}

impl Membership {
    /// Checks the membership in a volume's configuration.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn from_rpc(config: &rpc::VolumeConfig) -> Result<Membership, Error> {
        let malformed = |why| Err(Error::Malformed { what: "membership", why });
        let id = MembershipId {
            ballot: Ballot(config.membership_ballot),
            epoch: config.membership_epoch.max(MEMBERSHIP_EPOCH),
        };
        if config.members.len() != COPIES {
            return malformed("a volume has six members");
        }
        if config.replacements.len() > REPLACEMENTS_MAX {
            return malformed("too many replacements");
        }
        let mut replacements: Vec<Replacement> = Vec::new();
        for replacement in &config.replacements {
            let place = replacement.place as usize;
            let Some(new) = replacement.new.clone() else { return malformed("a replacement by nobody") };
            if place >= COPIES || replacements.iter().any(|other| other.place == place) {
                return malformed("a replacement of nobody, or a second one");
            }
            replacements.push(Replacement { place, new });
        }
        let membership = Membership { id, members: config.members.clone(), replacements };
        if membership.everyone().any(|member| member.others.len() >= PARTS_MAX) {
            return malformed("a column has too many nodes");
        }
        if membership.everyone().flat_map(|member| &member.others).any(|node| !node.others.is_empty()) {
            return malformed("a column of columns");
        }
        // A column on its way in shares its nodes, but for one, with the one that leaves.
        let stays =
            |it: &Replacement, name| nodes_of(&membership.members[it.place]).any(|node| node_name(node) == name);
        let joining = membership
            .replacements
            .iter()
            .flat_map(|it| nodes_of(&it.new).map(node_name).filter(move |name| !stays(it, *name)));
        let mut names: Vec<MemberName> = membership.members.iter().flat_map(nodes_of).map(node_name).collect();
        names.extend(joining);
        if is_any_twice(names) || is_any_twice(membership.everyone().map(name_of).collect()) {
            return malformed("a member is named twice");
        }
        let same = |it: &Replacement| membership.members[it.place].others.len() == it.new.others.len();
        if !membership.replacements.iter().all(same) {
            return malformed("a replacement by more or fewer nodes");
        }
        Ok(membership)
    }

    /// Puts the membership into a volume's configuration.
    #[must_use]
    pub fn to_rpc(&self, config: &rpc::VolumeConfig) -> rpc::VolumeConfig {
        let replacement = |it: &Replacement| rpc::Replacement { place: it.place as u32, new: Some(it.new.clone()) };
        rpc::VolumeConfig {
            members: self.members.clone(),
            membership_epoch: self.id.epoch,
            membership_ballot: self.id.ballot.0,
            replacements: self.replacements.iter().map(replacement).collect(),
            ..config.clone()
        }
    }

    /// Its place in the order of memberships.
    #[must_use]
    pub fn id(&self) -> MembershipId {
        self.id
    }

    /// The six.
    #[must_use]
    pub fn members(&self) -> &[rpc::Member] {
        &self.members
    }

    /// Those on their way in.
    #[must_use]
    pub fn replacements(&self) -> &[Replacement] {
        &self.replacements
    }

    /// The node that leaves in a replacement, and the one that joins.
    #[must_use]
    pub fn changes(&self, replacement: &Replacement) -> (rpc::Member, rpc::Member) {
        let alone = |node: &rpc::Member| rpc::Member { others: Vec::new(), ..node.clone() };
        let pairs = nodes_of(&self.members[replacement.place]).zip(nodes_of(&replacement.new));
        let mut changed = pairs.filter(|(old, new)| node_name(old) != node_name(new));
        let (old, new) = changed.next().unwrap_or((&self.members[replacement.place], &replacement.new));
        (alone(old), alone(new))
    }

    /// The replacement of a node, if one is under way.
    #[must_use]
    pub fn replacement_of(&self, old: NodeId) -> Option<&Replacement> {
        self.replacements.iter().find(|it| self.changes(it).0.node == old.0)
    }

    /// By seat: the six, then those on their way in.
    pub fn everyone(&self) -> impl Iterator<Item = &rpc::Member> {
        self.members.iter().chain(self.replacements.iter().map(|replacement| &replacement.new))
    }

    /// The sets of six, by seat.
    #[must_use]
    pub fn configuration(&self) -> Configuration {
        let places: Vec<usize> = self.replacements.iter().map(|replacement| replacement.place).collect();
        Configuration::new(&places)
    }

    /// Whether the member of this name, a node or a column, is on its way in.
    #[must_use]
    pub fn is_joining(&self, name: MemberName) -> bool {
        self.replacements.iter().any(|replacement| name_of(&replacement.new) == name)
    }

    /// What a node is here.
    #[must_use]
    pub fn role(&self, name: MemberName) -> Role {
        let has = |member: &rpc::Member| nodes_of(member).any(|node| node_name(node) == name);
        if self.members.iter().any(has) {
            Role::Member
        } else if self.replacements.iter().any(|replacement| has(&replacement.new)) {
            Role::Joining
        } else {
            Role::Stranger
        }
    }

    /// Whether the member on `seat` is gone for good: a node with its number joins under a higher incarnation, which it
    /// does only after it has lost everything.
    #[must_use]
    pub fn is_lost(&self, seat: usize) -> bool {
        let Some(member) = self.everyone().nth(seat) else { return false };
        nodes_of(member).any(|node| self.is_node_lost(node))
    }

    /// The same of a node.
    #[must_use]
    pub fn is_node_lost(&self, node: &rpc::Member) -> bool {
        self.nodes().any(|other| other.node == node.node && other.incarnation > node.incarnation)
    }

    /// Every node, those of columns on their way in included; one that stays in such a column comes twice.
    pub fn nodes(&self) -> impl Iterator<Item = &rpc::Member> {
        self.everyone().flat_map(nodes_of)
    }

    /// The parts that the nodes of this number keep; of a node that stays in a column on its way in the same part twice.
    #[must_use]
    pub fn parts_of(&self, node: u32) -> Vec<Part> {
        self.everyone().flat_map(Part::all_of).filter(|(_, it)| it.node == node).map(|(part, _)| part).collect()
    }

    /// Whether the node of this name keeps a group, as a member or on its way in.
    #[must_use]
    pub fn keeps(&self, name: MemberName, group: GroupId) -> bool {
        let at = |member: &rpc::Member| nodes_of(member).nth(part_of(member, group)).map(node_name) == Some(name);
        self.everyone().any(at)
    }

    /// The same members, as `ballot` proposes them again.
    #[must_use]
    pub fn proposed_by(&self, ballot: Ballot) -> Membership {
        Membership { id: MembershipId { ballot, ..self.id }, ..self.clone() }
    }

    /// The incarnation under which a node joins next: above every one that is here, for a column goes by the highest of its
    /// nodes and must have another name than before, and above every one that may have been drawn before.
    #[must_use]
    pub fn next_incarnation(&self) -> u32 {
        let here = self.nodes().map(|node| node.incarnation).max().unwrap_or_default();
        // The epoch counts changes, and none draws two.
        here.max(self.id.epoch) + 1
    }

    fn place(&self, node: NodeId) -> Result<usize, ChangeError> {
        let has = |member: &rpc::Member| nodes_of(member).any(|it| it.node == node.0);
        self.members.iter().position(has).ok_or(ChangeError::NoMember(node))
    }

    fn changed(&self, members: Vec<rpc::Member>, replacements: Vec<Replacement>) -> Membership {
        let id = MembershipId { epoch: self.id.epoch + 1, ..self.id };
        Membership { id, members, replacements }
    }

    /// Begins to replace the member with number `old` by `new`.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub fn begin(&self, old: NodeId, new: rpc::Member) -> Result<Membership, ChangeError> {
        let place = self.place(old)?;
        if let Some(other) = self.replacements.iter().find(|replacement| replacement.place == place) {
            return Err(ChangeError::UnderWay(NodeId(self.changes(other).0.node)));
        }
        if self.replacements.len() == REPLACEMENTS_MAX {
            return Err(ChangeError::TooMany);
        }
        // A node's number may be here once more only in the place of its lost incarnation.
        let twin = self.nodes().find(|node| node.node == new.node);
        if let Some(node) = twin
            && (node.node != old.0 || node.incarnation >= new.incarnation)
        {
            return Err(ChangeError::AlreadyMember(node_name(node)));
        }
        let mut replacements = self.replacements.clone();
        replacements.push(Replacement { place, new: with_node(&self.members[place], old, &new) });
        Ok(self.changed(self.members.clone(), replacements))
    }

    /// Ends a replacement in favour of the new member.
    ///
    /// # Errors
    /// [`ChangeError::NotUnderWay`], [`ChangeError::NoMember`].
    pub fn finish(&self, old: NodeId) -> Result<Membership, ChangeError> {
        let (done, rest) = self.without(old)?;
        let mut members = self.members.clone();
        members[done.place] = done.new;
        Ok(self.changed(members, rest))
    }

    /// Ends a replacement in favour of the old member.
    ///
    /// # Errors
    /// As [`Membership::finish`].
    pub fn revert(&self, old: NodeId) -> Result<Membership, ChangeError> {
        let (_, rest) = self.without(old)?;
        Ok(self.changed(self.members.clone(), rest))
    }

    fn without(&self, old: NodeId) -> Result<(Replacement, Vec<Replacement>), ChangeError> {
        self.place(old)?;
        let mut rest = self.replacements.clone();
        // Another node of its column may be.
        let is_it = |it: &Replacement| self.changes(it).0.node == old.0;
        let at = rest.iter().position(is_it).ok_or(ChangeError::NotUnderWay(old))?;
        Ok((rest.remove(at), rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: u32, incarnation: u32) -> rpc::Member {
        rpc::Member { node, incarnation, zone: "a".into(), address: format!("host:{node}"), others: Vec::new() }
    }

    fn six() -> Membership {
        let config = rpc::VolumeConfig { members: (0..6).map(|node| member(node, 0)).collect(), ..Default::default() };
        Membership::from_rpc(&config).expect("six members")
    }

    fn nodes(membership: &Membership) -> Vec<(u32, u32)> {
        membership.members().iter().map(|member| (member.node, member.incarnation)).collect()
    }

    #[test]
    fn a_replacement_begins_and_is_finished_or_reverted() {
        let joint = six().begin(NodeId(5), member(6, 1)).expect("node 5 is a member");
        assert_eq!((joint.id().epoch, joint.configuration().sets().len()), (2, 2));
        assert_eq!(joint.role(name_of(&member(6, 1))), Role::Joining);
        assert_eq!(joint.role(name_of(&member(6, 2))), Role::Stranger);
        let back = joint.revert(NodeId(5)).expect("it is under way");
        assert_eq!((nodes(&back), back.id().epoch), (nodes(&six()), 3));
        let second = joint.begin(NodeId(4), member(7, 1)).expect("a second fault");
        assert_eq!(second.configuration().sets().len(), 4);
        assert_eq!(second.begin(NodeId(3), member(8, 1)), Err(ChangeError::TooMany));
        let done = second.finish(NodeId(5)).and_then(|it| it.finish(NodeId(4))).expect("both are under way");
        assert_eq!(nodes(&done), [(0, 0), (1, 0), (2, 0), (3, 0), (7, 1), (6, 1)]);
        assert_eq!(done.role(name_of(&member(5, 0))), Role::Stranger);
        assert_eq!(done.finish(NodeId(5)), Err(ChangeError::NoMember(NodeId(5))));
        assert_eq!(done.revert(NodeId(0)), Err(ChangeError::NotUnderWay(NodeId(0))));
    }

    #[test]
    fn an_emptied_node_joins_in_its_own_place_under_a_higher_incarnation() {
        assert!(matches!(six().begin(NodeId(5), member(5, 0)), Err(ChangeError::AlreadyMember(_))));
        assert!(matches!(six().begin(NodeId(5), member(4, 1)), Err(ChangeError::AlreadyMember(_))));
        let new = member(5, six().next_incarnation());
        let joint = six().begin(NodeId(5), new.clone()).expect("it lost its disk");
        assert!(joint.is_lost(5) && !joint.is_lost(6) && !joint.is_lost(0));
        assert_eq!(joint.role(name_of(&member(5, 0))), Role::Member, "and yet nobody speaks for it");
        let done = joint.finish(NodeId(5)).expect("it is under way");
        assert_eq!(done.role(name_of(&new)), Role::Member);
        assert!(done.next_incarnation() > new.incarnation);
        // Nothing tells of those that were once members but the count of changes.
        let left = done.begin(NodeId(5), member(8, 0)).and_then(|it| it.finish(NodeId(5))).expect("node 5 is a member");
        assert!(left.next_incarnation() > new.incarnation, "an incarnation never comes back");
    }

    /// Six seats with so many nodes each, numbered in turn.
    fn columns(sizes: [usize; 6]) -> Membership {
        let mut numbers = 0..;
        let mut node = || member(numbers.next().expect("there is no last number"), 0);
        let mut column = |size: usize| rpc::Member { others: (1..size).map(|_| node()).collect(), ..node() };
        let config = rpc::VolumeConfig { members: sizes.into_iter().map(&mut column).collect(), ..Default::default() };
        Membership::from_rpc(&config).expect("six members")
    }

    #[test]
    fn nodes_of_a_column_are_replaced_one_at_a_time_and_the_column_is_another_each_time() {
        // Seats of two: the second is [3, 2], for the others of a column are numbered before its first.
        let twelve = columns([2; 6]);
        let names = |it: &Membership| nodes_of(&it.members()[1]).map(node_name).collect::<Vec<_>>();
        let name = |node, incarnation| MemberName { node: NodeId(node), incarnation };
        assert_eq!(names(&twelve), [name(3, 0), name(2, 0)]);
        // Its new node was promised a high incarnation by a writer that nobody heard.
        let joint = twelve.begin(NodeId(3), member(20, 9)).expect("node 3 is a member");
        assert_eq!(joint.begin(NodeId(2), member(21, 3)), Err(ChangeError::UnderWay(NodeId(3))));
        assert_eq!(joint.finish(NodeId(2)), Err(ChangeError::NotUnderWay(NodeId(2))));
        assert_eq!(joint.revert(NodeId(2)), Err(ChangeError::NotUnderWay(NodeId(2))));
        assert_eq!((joint.role(name(20, 9)), joint.role(name(2, 0))), (Role::Joining, Role::Member));
        assert!(joint.keeps(name(20, 9), GroupId(4)) && !joint.keeps(name(20, 9), GroupId(5)));
        let done = joint.finish(NodeId(3)).expect("it is under way");
        assert_eq!(names(&done), [name(20, 9), name(2, 0)]);
        // The column goes by the number of its first node and the highest incarnation: the next must be above that.
        let before = name_of(&done.members()[1]);
        let next = done.begin(NodeId(2), member(22, done.next_incarnation())).expect("node 2 is a member");
        assert_ne!(name_of(&next.replacements()[0].new), before);
        let stale = done.begin(NodeId(2), member(22, 8)).expect("node 2 is a member");
        assert!(Membership::from_rpc(&stale.to_rpc(&rpc::VolumeConfig::default())).is_err(), "two of one name");
        // That a column has a node's name and another's incarnation makes it no member.
        let second = done.begin(NodeId(2), member(22, 12)).and_then(|it| it.finish(NodeId(2))).expect("as before");
        assert_eq!(name_of(&second.members()[1]), name(20, 12));
        assert_eq!((second.role(name(20, 12)), second.role(name(20, 9))), (Role::Stranger, Role::Member));
    }

    #[test]
    fn parts_of_columns_meet_where_they_share_a_group() {
        let uneven = columns([1, 2, 2, 3, 4, 6]);
        let parts: Vec<Vec<Part>> =
            uneven.members().iter().map(|member| Part::all_of(member).map(|(part, _)| part).collect()).collect();
        let shares = |one: Part, other: Part| (0..1000).map(GroupId).any(|group| one.has(group) && other.has(group));
        for one in parts.iter().flatten() {
            for other in parts.iter().flatten() {
                assert_eq!(one.meets(*other), shares(*one, *other), "{one:?} {other:?}");
            }
        }
        for group in (0..1000).map(GroupId) {
            for (member, parts) in uneven.members().iter().zip(&parts) {
                let keepers: Vec<usize> = (0..parts.len()).filter(|at| parts[*at].has(group)).collect();
                assert_eq!(keepers, [part_of(member, group)]);
            }
        }
    }

    #[test]
    fn memberships_round_trip_and_are_ordered_by_ballot_first() {
        let joint = six().begin(NodeId(2), member(9, 1)).expect("node 2 is a member");
        let config = joint.to_rpc(&rpc::VolumeConfig { volume: 7, ..Default::default() });
        assert_eq!(Membership::from_rpc(&config), Ok(joint.clone()));
        assert_eq!(config.volume, 7);
        assert!(six().proposed_by(Ballot::new(2, 1)).id() > joint.proposed_by(Ballot::new(1, 9)).id());
        let mut twice = config.clone();
        twice.replacements.push(twice.replacements[0].clone());
        assert!(Membership::from_rpc(&twice).is_err());
        let mut nobody = config.clone();
        nobody.replacements[0].place = 6;
        assert!(Membership::from_rpc(&nobody).is_err());
        let mut five = config;
        five.members.pop();
        assert!(Membership::from_rpc(&five).is_err());
    }
}
