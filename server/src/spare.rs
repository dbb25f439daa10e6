//! A storage node that offers itself.
//!
//! **Rule.** A node that was told of a cluster (`--storage`) and is none of its members registers itself there as a spare,
//! with a lease, in the address book in which servers register too. The writer takes spares from the book. Nobody else has
//! to be told of one, and one that is gone is forgotten with its lease.
//!
//! A node whose disk was lost comes back empty, and so as a spare with the number of a member. That is how the writer
//! learns that this member is no more ([`replacement`](crate::replacement)). One that was replaced and comes back knows it
//! from its peers, and offers itself as well: what it still has need not be fetched again.

use protocol::FORMAT_VERSION;
use protocol::node::StorageNode;
use protocol::rpc::storage::{ServerInfo, StatusReply, StatusRequest};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use storage::node::Node;
use storage::node::gossip::Dial;
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

/// Offers `node` to the cluster that some of `guides` belong to, whenever it is no member, for as long as it lives.
pub async fn offer(node: Weak<Node>, guides: Nodes, dial: Dial) {
    let instance = INSTANCES | u64::from(rand::random::<u32>());
    let mut roster: Option<Arc<Roster>> = None;
    let mut rounds = 0u32;
    loop {
        let Some(status) = status(&node).await else { return };
        if matches!(&*status.state, "empty" | "removed") {
            if roster.is_none() {
                // None answers, or there is no volume yet: `init` may be about to make one, of this node too.
                roster = Roster::find(guides.clone(), dial.clone()).await.unwrap_or_default();
            }
            let same = |roster: &&Arc<Roster>| status.config.as_ref().is_none_or(|it| it.volume == roster.volume());
            if let Some(roster) = roster.as_ref().filter(same) {
                if rounds.is_multiple_of(LOOK_EVERY) {
                    roster.look().await;
                }
                let lease = LEASE.as_millis() as u32;
                let Some(address) = address(&status, roster) else {
                    tracing::warn!(address = status.address, "nobody can dial this spare: give --advertise");
                    return;
                };
                let entry = Some(entry(&status, address, instance));
                if let Err(error) = cluster::register(&roster.seats(), roster.volume(), entry, lease).await {
                    tracing::debug!(%error, "this spare is not in every address book");
                }
                rounds = rounds.wrapping_add(1);
            }
        }
        tokio::time::sleep(OFFER_INTERVAL).await;
    }
}

/// `None` when the node is gone.
async fn status(node: &Weak<Node>) -> Option<StatusReply> {
    let node = node.upgrade()?;
    // A node in this process always answers that.
    node.status(StatusRequest { version: FORMAT_VERSION }).await.ok()
}

/// Where this node is dialled: where it listens; a member that came back, where that member was; `None` if neither is known.
fn address(status: &StatusReply, roster: &Roster) -> Option<String> {
    if !is_anywhere(&status.address) {
        return Some(status.address.clone());
    }
    let membership = roster.membership();
    let member = membership.members().iter().find(|member| member.node == status.node);
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
