//! Who sits where: the nodes of a volume by the seats of its membership.
//!
//! A writer counts six seats ([`tracker`](super::tracker), [`shipping`](super::shipping)); when a replacement is finished
//! another node sits down on one of them ([`Seat::sit`]), and everything that speaks to the seat speaks to it from then on.
//! Nobody sits on the seat of a member whose disk was lost ([`Gone`]): what answers at its address is another member.

use crate::column::reach;
use crate::membership::{MemberName, Membership, name_of};
use crate::node::gossip::Dial;
use futures::future::{BoxFuture, FutureExt};
use parking_lot::RwLock;
use protocol::node::{AppendStream, NodeError, NodeResult, OnReply, StorageNode};
use protocol::rpc::storage as rpc;
use std::sync::Arc;

macro_rules! relay_all {
    ($self:ident, $to:expr) => {
        fn append(&$self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
            let node = $to;
            async move { node?.append(on_reply).await }.boxed()
        }

        protocol::relay_calls! { $self, _call => $to }
    };
}

/// A seat, and the node that sits there now.
pub struct Seat(RwLock<Arc<dyn StorageNode>>);

impl Seat {
    /// A seat with its first node.
    #[must_use]
    pub fn new(node: Arc<dyn StorageNode>) -> Seat {
        Seat(RwLock::new(node))
    }

    /// Another node sits down. Calls and streams under way end with the one that sat there.
    pub fn sit(&self, node: Arc<dyn StorageNode>) {
        *self.0.write() = node;
    }

    /// Who sits there.
    #[must_use]
    pub fn node(&self) -> Arc<dyn StorageNode> {
        self.0.read().clone()
    }

    fn here(&self) -> NodeResult<Arc<dyn StorageNode>> {
        Ok(self.node())
    }
}

impl StorageNode for Seat {
    relay_all! { self, self.here() }
}

/// A member that is gone for good.
pub struct Gone;

impl Gone {
    fn nobody(&self) -> NodeResult<Arc<dyn StorageNode>> {
        Err(NodeError::Unreachable("this member lost its disk".into()))
    }
}

impl StorageNode for Gone {
    relay_all! { self, self.nobody() }
}

/// The nodes of a membership, by seat: of those given the ones that said who they are, others as `dial` finds them, else one
/// of those that did not say. Whoever sits wrong says so in its replies, and does not count.
#[must_use]
pub fn seated(
    membership: &Membership,
    given: &[Arc<dyn StorageNode>],
    said: &[Option<MemberName>],
    dial: Option<&Dial>,
    pages_per_group: u32,
) -> Vec<Arc<dyn StorageNode>> {
    let mut silent: Vec<usize> = (0..given.len()).filter(|&index| said[index].is_none()).collect();
    let members: Vec<&rpc::Member> = membership.everyone().collect();
    let mut seats: Vec<Option<Arc<dyn StorageNode>>> = Vec::new();
    for (seat, member) in members.iter().enumerate() {
        let name = name_of(member);
        // The first node of a column may answer to its name: it is not the column.
        let is_one = member.others.is_empty() || dial.is_none();
        let known = said.iter().position(|said| is_one && *said == Some(name)).map(|index| given[index].clone());
        let gone = || membership.is_lost(seat).then(|| Arc::new(Gone) as Arc<dyn StorageNode>);
        seats.push(gone().or(known).or_else(|| dial.and_then(|dial| reach(&**dial, member, pages_per_group))));
    }
    // Those given are in the order of the members, where nothing changed.
    for (index, seat) in seats.iter_mut().enumerate().filter(|(_, seat)| seat.is_none()) {
        let at = silent.iter().position(|&given| given == index).or((!silent.is_empty()).then_some(0));
        *seat = at.map(|at| given[silent.remove(at)].clone());
    }
    seats.into_iter().map(|seat| seat.unwrap_or_else(|| Arc::new(Gone))).collect()
}
