//! The members of a volume as a process reaches them, whoever they are by now.
//!
//! **Rule.** Six seats in the order of the volume's places; on each sits the member whose place it is by the highest
//! membership that any node has told of. One node is enough to learn from, for this only says whom to *ask*: what is
//! counted by quorums is checked against names by whoever counts (recovery, the writer, the replica). So a process is
//! started with the addresses of some nodes, and need not be told when members are replaced.
//!
//! **Mechanism.** [`Roster::look`] asks everyone for its status and takes over the highest membership in the replies; then
//! it asks those who are new, until nobody tells of anything higher. While fewer than a read quorum of the members
//! answer, those that the process was started with are asked as well: all members may have been replaced while it was
//! away. Whoever holds [`Roster::seats`] speaks to the new member from then on. A writer takes [`Roster::nodes`] instead,
//! for it changes its own seats itself, in the steps of the change.
//!
//! A connection is kept as long as its member has the number and address that it was made for.

use super::seats::{Gone, Seat};
use super::{Nodes, cluster, corrupt};
use crate::membership::{MemberName, Membership, name_of};
use crate::node::gossip::Dial;
use crate::quorum::{COPIES, READ_QUORUM};
use hashbrown::HashMap;
use parking_lot::Mutex;
use protocol::NodeId;
use protocol::node::{NodeError, NodeResult, StorageNode};
use protocol::rpc::storage as rpc;
use protocol::volume::VolumeError;
use std::sync::Arc;

/// Memberships followed in one look: each step is a finished replacement or a takeover since the one before.
const STEPS_MAX: usize = 8;

/// A member, and what answered where it should be.
#[derive(Clone, Debug)]
pub struct Seen {
    /// As the volume knows it.
    pub member: rpc::Member,
    /// Its seat: a place among the six, or behind them when it joins.
    pub seat: usize,
    /// The place of the member that it replaces, when it joins.
    pub replaces: Option<usize>,
    /// Whether somebody joins in its place.
    pub leaves: bool,
    /// What answered; perhaps not the member.
    pub reply: Option<rpc::StatusReply>,
}

impl Seen {
    /// The member's own status; `None` when it does not answer, or another does in its place.
    #[must_use]
    pub fn status(&self) -> Option<&rpc::StatusReply> {
        self.reply.as_ref().filter(|reply| {
            let name = MemberName { node: NodeId(reply.node), incarnation: reply.incarnation };
            name == name_of(&self.member) && reply.config.is_some()
        })
    }

    /// In a word: the member's own, `empty` when its disk was lost and it is there without, `failed` when the volume does not
    /// open there, else `down`.
    #[must_use]
    pub fn state(&self) -> &str {
        match (self.status(), &self.reply) {
            (Some(status), _) => &status.state,
            (None, Some(reply)) if reply.node == self.member.node && reply.config.is_none() => &reply.state,
            _ => "down",
        }
    }
}

/// What a look at everyone showed, by seat.
#[derive(Clone, Debug)]
pub struct Look {
    /// The volume with its members.
    pub config: rpc::VolumeConfig,
    /// The members, then those that join.
    pub everyone: Vec<Seen>,
}

impl Look {
    /// What those that answered say of themselves.
    pub fn statuses(&self) -> impl Iterator<Item = &rpc::StatusReply> {
        self.everyone.iter().filter_map(Seen::status)
    }
}

struct Known {
    config: rpc::VolumeConfig,
    membership: Membership,
    links: HashMap<(u32, String), Arc<dyn StorageNode>>,
}

impl Known {
    fn link(&mut self, dial: &Dial, member: &rpc::Member) -> Arc<dyn StorageNode> {
        let connect = || dial(member).unwrap_or_else(|| Arc::new(Gone));
        self.links.entry((member.node, member.address.clone())).or_insert_with(connect).clone()
    }

    /// The nodes by seat; nobody on those of members that are lost.
    fn nodes(&mut self, dial: &Dial) -> Vec<Arc<dyn StorageNode>> {
        let membership = self.membership.clone();
        let node = |(seat, member)| match membership.is_lost(seat) {
            true => Arc::new(Gone) as Arc<dyn StorageNode>,
            false => self.link(dial, member),
        };
        membership.everyone().enumerate().map(node).collect()
    }
}

/// See the module.
pub struct Roster {
    volume: u64,
    seats: Vec<Arc<Seat>>,
    dial: Dial,
    /// Those that the process was started with.
    guides: Nodes,
    known: Mutex<Known>,
}

impl Roster {
    /// Of the volume that some of `guides` keep; `None` when none that answers has one.
    ///
    /// # Errors
    /// [`VolumeError::Unavailable`] when none answers; [`VolumeError::Corrupt`] when they keep different volumes.
    pub async fn find(guides: Nodes, dial: Dial) -> Result<Option<Arc<Roster>>, VolumeError> {
        let status = cluster::status(&guides, 1).await;
        let mut failed = None;
        let mut best: Option<(Membership, rpc::VolumeConfig)> = None;
        for reply in status {
            let config = match reply {
                Ok(reply) => reply.config,
                Err(error) => {
                    failed = Some(error);
                    None
                }
            };
            let Some(config) = config else { continue };
            let membership = Membership::from_rpc(&config).map_err(|error| corrupt(&error.to_string()))?;
            match &best {
                Some((_, known)) if known.volume != config.volume => {
                    return Err(corrupt("the nodes hold different volumes"));
                }
                Some((known, _)) if known.id() >= membership.id() => {}
                _ => best = Some((membership, config)),
            }
        }
        let Some((_, config)) = best else {
            return failed.map_or(Ok(None), |error| Err(VolumeError::Unavailable(error.to_string())));
        };
        let roster = Roster::new(config, guides, dial)?;
        roster.look().await;
        Ok(Some(roster))
    }

    /// Of a volume whose members were these once.
    ///
    /// # Errors
    /// [`VolumeError::Corrupt`].
    pub fn new(config: rpc::VolumeConfig, guides: Nodes, dial: Dial) -> Result<Arc<Roster>, VolumeError> {
        let membership = Membership::from_rpc(&config).map_err(|error| corrupt(&error.to_string()))?;
        let seats = (0..COPIES).map(|_| Arc::new(Seat::new(Arc::new(Gone)))).collect();
        let volume = config.volume;
        let known = Mutex::new(Known { config, membership, links: HashMap::new() });
        let roster = Roster { volume, seats, dial, guides, known };
        roster.sit();
        Ok(Arc::new(roster))
    }

    /// The volume's number.
    #[must_use]
    pub fn volume(&self) -> u64 {
        self.volume
    }

    /// The six seats: whoever the members are when something is asked of them.
    #[must_use]
    pub fn seats(&self) -> Nodes {
        self.seats.iter().map(|seat| Arc::clone(seat) as Arc<dyn StorageNode>).collect()
    }

    /// The members as they are known now, and those that join, by seat.
    #[must_use]
    pub fn nodes(&self) -> Vec<Arc<dyn StorageNode>> {
        self.known.lock().nodes(&self.dial)
    }

    /// The members as they are known now.
    #[must_use]
    pub fn membership(&self) -> Membership {
        self.known.lock().membership.clone()
    }

    /// How a member is reached.
    #[must_use]
    pub fn dial(&self) -> Dial {
        Arc::clone(&self.dial)
    }

    fn sit(&self) {
        let mut known = self.known.lock();
        let nodes = known.nodes(&self.dial);
        for (seat, node) in self.seats.iter().zip(nodes) {
            if !Arc::ptr_eq(&seat.node(), &node) {
                seat.sit(node);
            }
        }
        let Known { membership, links, .. } = &mut *known;
        links.retain(|(node, address), _| {
            membership.everyone().any(|member| member.node == *node && member.address == *address)
        });
    }

    /// Takes over members that were told of; says whether they are news.
    fn follow(&self, told: &rpc::VolumeConfig) -> bool {
        let Ok(membership) = Membership::from_rpc(told) else { return false };
        {
            let mut known = self.known.lock();
            if told.volume != self.volume || membership.id() <= known.membership.id() {
                return false;
            }
            (known.config, known.membership) = (told.clone(), membership);
        }
        self.sit();
        true
    }

    fn follow_all(&self, replies: &[NodeResult<rpc::StatusReply>]) -> bool {
        // Each of them, for the last may tell of the highest.
        replies
            .iter()
            .flatten()
            .filter_map(|reply| reply.config.as_ref())
            .fold(false, |news, told| self.follow(told) | news)
    }

    /// Asks everyone, and follows the highest membership that anybody tells of.
    pub async fn look(&self) -> Look {
        let mut steps = 0;
        loop {
            let (config, membership, nodes): (_, _, Nodes) = {
                let mut known = self.known.lock();
                let nodes = known.nodes(&self.dial).into();
                (known.config.clone(), known.membership.clone(), nodes)
            };
            let mut replies = cluster::status(&nodes, READ_QUORUM).await;
            let mut news = self.follow_all(&replies);
            if replies.iter().flatten().filter(|reply| reply.config.is_some()).count() < READ_QUORUM {
                news |= self.follow_all(&cluster::status(&self.guides, 1).await);
            }
            steps += 1;
            if news && steps < STEPS_MAX {
                continue;
            }
            let place_of = |seat: usize| {
                let joining = seat.checked_sub(COPIES)?;
                membership.replacements().get(joining).map(|replacement| replacement.place)
            };
            let leaves = |seat: usize| membership.replacements().iter().any(|replacement| replacement.place == seat);
            let taken = || NodeError::Unreachable("its answer was taken".into());
            let seen = |(seat, member): (usize, &rpc::Member)| Seen {
                member: member.clone(),
                seat,
                replaces: place_of(seat),
                leaves: leaves(seat),
                reply: replies.get_mut(seat).and_then(|reply| std::mem::replace(reply, Err(taken())).ok()),
            };
            let everyone = membership.everyone().enumerate().map(seen).collect();
            return Look { config, everyone };
        }
    }
}
