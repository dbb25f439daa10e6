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
use crate::column::Column;
use crate::membership::{MemberName, Membership, Part, name_of, node_name, nodes_of};
use crate::node::gossip::Dial;
use crate::quorum::{COPIES, READ_QUORUM};
use hashbrown::HashMap;
use parking_lot::Mutex;
use protocol::node::{NodeResult, StorageNode};
use protocol::rpc::storage as rpc;
use protocol::volume::VolumeError;
use protocol::{GroupId, NodeId};
use std::sync::Arc;

/// Memberships followed in one look: each step is a finished replacement or a takeover since the one before.
const STEPS_MAX: usize = 8;

/// A node, and what answered where it should be.
#[derive(Clone, Debug)]
pub struct Seen {
    /// As the volume knows it.
    pub member: rpc::Member,
    /// Its seat: a place among the six, or behind them when it joins.
    pub seat: usize,
    /// Which part of the groups it keeps.
    pub part: Part,
    /// The number of the node that it replaces, when it joins.
    pub replaces: Option<NodeId>,
    /// Whether somebody joins in its place.
    pub leaves: bool,
    /// What answered; perhaps not the member.
    pub reply: Option<rpc::StatusReply>,
}

impl Seen {
    /// Whether it keeps a group.
    #[must_use]
    pub fn keeps(&self, group: GroupId) -> bool {
        self.part.has(group)
    }

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
    /// By the names and addresses of their nodes.
    columns: HashMap<Vec<(MemberName, String)>, Arc<Column>>,
}

impl Known {
    fn link(&mut self, dial: &Dial, member: &rpc::Member) -> Arc<dyn StorageNode> {
        let connect = || dial(member).unwrap_or_else(|| Arc::new(Gone));
        self.links.entry((member.node, member.address.clone())).or_insert_with(connect).clone()
    }

    /// Who sits on a seat: a node, or a column.
    fn seat(&mut self, dial: &Dial, member: &rpc::Member) -> Arc<dyn StorageNode> {
        if member.others.is_empty() {
            return self.link(dial, member);
        }
        let key = key_of(member);
        if let Some(column) = self.columns.get(&key) {
            return column.clone();
        }
        let nodes = nodes_of(member).map(|node| self.link(dial, node)).collect();
        let column = Arc::new(Column::new(member, self.config.pages_per_group, nodes));
        self.columns.insert(key, column.clone());
        column
    }

    /// The members by seat; nobody on those of members that are lost.
    fn nodes(&mut self, dial: &Dial) -> Vec<Arc<dyn StorageNode>> {
        let membership = self.membership.clone();
        let node = |(seat, member)| match membership.is_lost(seat) {
            true => Arc::new(Gone) as Arc<dyn StorageNode>,
            false => self.seat(dial, member),
        };
        membership.everyone().enumerate().map(node).collect()
    }

    /// Every node, with where it sits; nobody in the place of one that is lost.
    fn places(&mut self, dial: &Dial) -> Vec<(Seen, Arc<dyn StorageNode>)> {
        let membership = self.membership.clone();
        let mut places = Vec::new();
        for (seat, member) in membership.everyone().enumerate() {
            let change = seat.checked_sub(COPIES).and_then(|joining| membership.replacements().get(joining));
            let joins = change.map(|replacement| membership.changes(replacement));
            let leaving = membership.replacements().iter().filter(|replacement| replacement.place == seat);
            let leaving: Vec<MemberName> = leaving.map(|it| node_name(&membership.changes(it).0)).collect();
            for (part, node) in Part::all_of(member) {
                // The others of a column on its way in are members already.
                if joins.as_ref().is_some_and(|(_, new)| node_name(new) != node_name(node)) {
                    continue;
                }
                let seen = Seen {
                    member: rpc::Member { others: Vec::new(), ..node.clone() },
                    seat,
                    part,
                    replaces: joins.as_ref().map(|(old, _)| NodeId(old.node)),
                    leaves: leaving.contains(&node_name(node)),
                    reply: None,
                };
                let link = match membership.is_node_lost(node) {
                    true => Arc::new(Gone) as Arc<dyn StorageNode>,
                    false => self.link(dial, node),
                };
                places.push((seen, link));
            }
        }
        places
    }
}

fn key_of(member: &rpc::Member) -> Vec<(MemberName, String)> {
    nodes_of(member).map(|node| (node_name(node), node.address.clone())).collect()
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
        let known = Mutex::new(Known { config, membership, links: HashMap::new(), columns: HashMap::new() });
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
        let Known { membership, links, columns, .. } = &mut *known;
        links.retain(|(node, address), _| {
            membership.nodes().any(|member| member.node == *node && member.address == *address)
        });
        columns.retain(|key, _| membership.everyone().any(|member| key_of(member) == *key));
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
            let (config, mut everyone, nodes) = {
                let mut known = self.known.lock();
                let (everyone, nodes): (Vec<Seen>, Vec<_>) = known.places(&self.dial).into_iter().unzip();
                (known.config.clone(), everyone, Nodes::from(nodes))
            };
            let replies = cluster::status(&nodes, READ_QUORUM).await;
            let mut news = self.follow_all(&replies);
            if replies.iter().flatten().filter(|reply| reply.config.is_some()).count() < READ_QUORUM {
                news |= self.follow_all(&cluster::status(&self.guides, 1).await);
            }
            steps += 1;
            if news && steps < STEPS_MAX {
                continue;
            }
            for (seen, reply) in everyone.iter_mut().zip(replies) {
                seen.reply = reply.ok();
            }
            return Look { config, everyone };
        }
    }
}
