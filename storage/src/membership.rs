//! Who keeps the copies of a volume: six members, and changes of them.
//!
//! **Rule.** A membership is accepted like the value of a consensus round: it bears the ballot of the writer that proposed
//! it and counts its changes under that ballot ([`MembershipId`]); a node keeps the highest it was given by a ballot not
//! below its promise, on disk, and never goes back. A change is one step: a replacement begins, is finished, or is reverted.
//! It is made when a write quorum of *every* set of the membership before and of the one after keeps it, and only then may the
//! next begin. Between proposing and that moment the writer needs quorums of both.
//!
//! ```text
//! ABCDEF --F is replaced by G--> ABCDEF and ABCDEG --G has everything--> ABCDEG
//!    ^                                   |  |
//!    +------ reverted: F came back ------+  +--E is replaced by H--> 4 sets, each with one of E, H and one of F, G
//! ```
//!
//! **Why it holds.** Memberships that follow each other share a set, and both need quorums of it. So a recovery that asks a
//! read quorum of every set of the highest membership it heard has heard the highest that was made, and something of every
//! write under it. It then proposes what it heard again under its own ballot, together with its truncation table, before it
//! writes anything: a proposal of a lower ballot that it did not hear was not made, and never will be. `A or B` in place of
//! `A and B`, or the newest set alone, lose acknowledged records: `tests/membership_model.rs` has the traces.
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
use protocol::{Ballot, Error, NodeId};

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

/// The name of a member in a message.
#[must_use]
pub fn name_of(member: &rpc::Member) -> MemberName {
    MemberName { node: NodeId(member.node), incarnation: member.incarnation }
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
    /// Its replacement is under way.
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
        let mut names: Vec<MemberName> = membership.everyone().map(name_of).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return malformed("a member is named twice");
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

    /// What a node is here.
    #[must_use]
    pub fn role(&self, name: MemberName) -> Role {
        if self.members.iter().any(|member| name_of(member) == name) {
            Role::Member
        } else if self.replacements.iter().any(|replacement| name_of(&replacement.new) == name) {
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
        self.everyone().any(|other| other.node == member.node && other.incarnation > member.incarnation)
    }

    /// The same members, as `ballot` proposes them again.
    #[must_use]
    pub fn proposed_by(&self, ballot: Ballot) -> Membership {
        Membership { id: MembershipId { ballot, ..self.id }, ..self.clone() }
    }

    /// The incarnation under which a node joins next.
    #[must_use]
    pub fn next_incarnation(&self, node: NodeId) -> u32 {
        let of_node = self.everyone().filter(|member| member.node == node.0).map(|member| member.incarnation).max();
        // Above every one that may have been drawn before: the epoch counts changes, and none draws two.
        of_node.unwrap_or_default().max(self.id.epoch) + 1
    }

    fn place(&self, node: NodeId) -> Result<usize, ChangeError> {
        self.members.iter().position(|member| member.node == node.0).ok_or(ChangeError::NoMember(node))
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
        if self.replacements.iter().any(|replacement| replacement.place == place) {
            return Err(ChangeError::UnderWay(old));
        }
        if self.replacements.len() == REPLACEMENTS_MAX {
            return Err(ChangeError::TooMany);
        }
        // A node's number may be here once more only in the place of its lost incarnation.
        let twin = self.everyone().enumerate().find(|(_, member)| member.node == new.node);
        if let Some((seat, member)) = twin
            && (seat != place || member.incarnation >= new.incarnation)
        {
            return Err(ChangeError::AlreadyMember(name_of(member)));
        }
        let mut replacements = self.replacements.clone();
        replacements.push(Replacement { place, new });
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
        let place = self.place(old)?;
        let mut rest = self.replacements.clone();
        let at = rest.iter().position(|it| it.place == place).ok_or(ChangeError::NotUnderWay(old))?;
        Ok((rest.remove(at), rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: u32, incarnation: u32) -> rpc::Member {
        rpc::Member { node, incarnation, zone: "a".into(), address: format!("host:{node}") }
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
        let new = member(5, six().next_incarnation(NodeId(5)));
        let joint = six().begin(NodeId(5), new.clone()).expect("it lost its disk");
        assert!(joint.is_lost(5) && !joint.is_lost(6) && !joint.is_lost(0));
        assert_eq!(joint.role(name_of(&member(5, 0))), Role::Member, "and yet nobody speaks for it");
        let done = joint.finish(NodeId(5)).expect("it is under way");
        assert_eq!(done.role(name_of(&new)), Role::Member);
        assert!(done.next_incarnation(NodeId(5)) > new.incarnation);
        // Nothing tells of those that were once members but the count of changes.
        let left = done.begin(NodeId(5), member(8, 0)).and_then(|it| it.finish(NodeId(5))).expect("node 5 is a member");
        assert!(left.next_incarnation(NodeId(5)) > new.incarnation, "an incarnation never comes back");
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
