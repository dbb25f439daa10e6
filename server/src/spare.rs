//! A storage node that offers itself.
//!
//! **Rule.** A node that was told of a cluster (`--storage`) and is none of its members registers itself there as a spare,
//! with a lease, in the address book in which servers register too. The writer takes spares from the book. Nobody else has
//! to be told of one, and one that is gone is forgotten with its lease.
//!
//! Each volume has its own members and its own book: a node offers itself to every volume that the nodes it was told of
//! keep, but to those of which it is a member, or which failed on it. A volume that is made later is offered to as soon as
//! it is seen; one that was dropped is forgotten.
//!
//! A node whose disk was lost comes back empty, and so as a spare with the number of a member. That is how the writer
//! learns that this member is no more ([`replacement`](crate::replacement)). One that was replaced and comes back knows it
//! from its peers, and offers itself as well: what it still has need not be fetched again.

use crate::address::NodeAddress;
use crate::nodes::{self, REMOVED};
use futures::FutureExt;
use futures::future::join_all;
use protocol::FORMAT_VERSION;
use protocol::node::StorageNode;
use protocol::rpc::storage::{ServerInfo, StatusReply, StatusRequest};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use storage::node::Node;
use storage::node::gossip::Dial;
use storage::node::host::Host;
use storage::volume::roster::Roster;
use storage::volume::{Nodes, cluster};

/// The role of a spare in the address book...
pub const SPARE: &str = "spare";
/// ...and of one that was a member once. It was replaced for some reason: others are taken first.
pub const FORMER: &str = "former member";

/// Whether an entry of the address book is a storage node that offers itself, and no server.
#[must_use]
pub fn is_spare(entry: &ServerInfo) -> bool {
    matches!(&*entry.role, SPARE | FORMER)
}

/// How long an entry of the address book lasts.
const LEASE: Duration = Duration::from_secs(3);
/// How often a registration is renewed, and how often a node looks whether it is a spare.
const OFFER_INTERVAL: Duration = Duration::from_millis(700);
/// Once in so many registrations a spare looks who the members are.
const LOOK_EVERY: u32 = 8;
/// Above every instance that a server draws, so that nobody takes the other's place in the book.
const INSTANCES: u64 = 1 << 32;

/// What a node says of itself and of a volume; in this process it always answers.
fn said(node: &dyn StorageNode, volume: u64) -> Option<StatusReply> {
    node.status(StatusRequest { version: FORMAT_VERSION, volume }).now_or_never()?.ok()
}

/// Offers `node`, which keeps one volume at most, to the volume that some of `guides` keep, whenever it is no member of it,
/// for as long as it lives.
pub async fn offer(node: Weak<Node>, guides: Nodes, dial: Dial) {
    let mut offer = Offer::new(guides, dial);
    loop {
        let Some(status) = node.upgrade().and_then(|node| said(&*node, 0)) else { return };
        offer.renew(&status).await;
        tokio::time::sleep(OFFER_INTERVAL).await;
    }
}

/// Offers a process's node to every volume that the nodes at `addresses` keep and it does not, for as long as it lives.
pub async fn offer_everywhere(host: Weak<Host>, addresses: Vec<NodeAddress>) {
    let links = |volume: u64| -> Nodes {
        // Those that cannot be addresses were refused at the start.
        addresses.iter().filter_map(|address| nodes::connect_of(address, volume).ok()).collect()
    };
    let guides = links(0);
    let mut offers: BTreeMap<u64, Offer> = BTreeMap::new();
    let mut rounds = 0u32;
    loop {
        if rounds.is_multiple_of(LOOK_EVERY) || offers.is_empty() {
            for volume in nodes::known_volumes_of(&guides).await {
                offers.entry(volume).or_insert_with(|| Offer::new(links(volume), nodes::dial(volume)));
            }
        }
        {
            let Some(host) = host.upgrade() else { return };
            let status = |volume| host.status(&StatusRequest { version: FORMAT_VERSION, volume });
            let said = offers.iter_mut().filter_map(|(volume, offer)| Some((offer, status(*volume).ok()?)));
            let renewing: Vec<_> = said.map(|(offer, said)| async move { offer.renew(&said).await }).collect();
            drop(host);
            join_all(renewing).await;
        }
        offers.retain(|_, offer| !offer.dropped);
        rounds = rounds.wrapping_add(1);
        tokio::time::sleep(OFFER_INTERVAL).await;
    }
}

/// The offer of a node to one volume.
struct Offer {
    guides: Nodes,
    dial: Dial,
    instance: u64,
    roster: Option<Arc<Roster>>,
    rounds: u32,
    /// None of the members keeps the volume any more.
    dropped: bool,
}

impl Offer {
    fn new(guides: Nodes, dial: Dial) -> Offer {
        let instance = INSTANCES | u64::from(rand::random::<u32>());
        Offer { guides, dial, instance, roster: None, rounds: 0, dropped: false }
    }

    /// Registers the node if it is a spare. `status`: what it says of itself and of the volume.
    async fn renew(&mut self, status: &StatusReply) {
        if !matches!(&*status.state, "empty" | REMOVED) {
            return;
        }
        if self.roster.is_none() {
            // None answers, or there is no volume yet: `init` may be about to make one, of this node too.
            self.roster = Roster::find(self.guides.clone(), self.dial.clone()).await.unwrap_or_default();
        }
        let same = |roster: &&Arc<Roster>| status.config.as_ref().is_none_or(|it| it.volume == roster.volume());
        let Some(roster) = self.roster.as_ref().filter(same) else { return };
        if self.rounds.is_multiple_of(LOOK_EVERY) {
            let look = roster.look().await;
            let without = look.everyone.iter().filter(|seen| seen.reply.as_ref().is_some_and(|it| it.config.is_none()));
            let members = look.everyone.iter().filter(|seen| seen.replaces.is_none()).count();
            self.dropped = without.count() >= members;
        }
        self.rounds = self.rounds.wrapping_add(1);
        let Some(address) = address(status, roster) else {
            if self.rounds == 1 {
                tracing::warn!(address = status.address, "nobody can dial this spare: give --advertise");
            }
            return;
        };
        let entry = Some(entry(status, address, self.instance));
        let lease = LEASE.as_millis() as u32;
        if let Err(error) = cluster::register(&roster.seats(), roster.volume(), entry, lease).await {
            tracing::debug!(%error, "this spare is not in every address book");
        }
    }
}

/// Where this node is dialled: where it listens; a member that came back, where that member was; `None` if neither is known.
fn address(status: &StatusReply, roster: &Roster) -> Option<String> {
    if !is_anywhere(&status.address) {
        return Some(status.address.clone());
    }
    let membership = roster.membership();
    let member = membership.nodes().find(|node| node.node == status.node);
    member.map(|member| member.address.clone())
}

/// Whether an address says that any interface will do, which nobody can dial.
fn is_anywhere(address: &str) -> bool {
    address.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_unspecified())
}

fn entry(status: &StatusReply, address: String, instance: u64) -> ServerInfo {
    ServerInfo {
        instance,
        role: if status.config.is_some() { FORMER } else { SPARE }.to_owned(),
        address,
        pid: status.pid,
        node: status.node,
        zone: status.zone.clone(),
        ..ServerInfo::default()
    }
}
