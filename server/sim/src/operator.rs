//! The operator: has members whose disks are gone replaced by machines that are free, and gives up replacements whose new
//! node is gone.
//!
//! **Rule.** It knows what a person would: which machines are dead for good, and what nodes say of themselves. It acts
//! through the writer alone, and what it asks of one that is just dying or being replaced may or may not be done; then it asks
//! the next one. While harm is done it is slow, so that faults meet volumes with a member less and with two on their way; a
//! cluster that is being mended has a quick one.
//!
//! `server::replacement` decides by silence and by its address book whom to replace; this one takes any free machine, former
//! members among them, so that the writer's part is met in all its states.

use crate::cluster::Cluster;
use crate::machine::{Death, member, zone_of};
use crate::random::Random;
use crate::tally::Fault;
use protocol::NodeId;
use protocol::rpc::storage::{Member, StatusReply};
use protocol::task::{sleep, timeout};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use storage::membership::{MemberName, node_name, nodes_of};
use storage::volume::members::MemberError;
use tokio::sync::oneshot;

/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// Looks at which a member was gone before it is taken for gone: one that is just being told who it is has its moment.
const LOOKS: u32 = 3;
/// How long it waits for what it asked for, before it looks again.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a member's machine is dead for good, or has something else on its disk than this member.
#[must_use]
pub fn is_gone(cluster: &Cluster, member: &Member) -> bool {
    let machine = &cluster.machines[member.node as usize];
    let other = |status: StatusReply| status.config.is_none() || status.incarnation != member.incarnation;
    !machine.is_in_use() || machine.status().is_some_and(other)
}

/// What came of a wish; nothing when the writer died of it.
pub type Outcome = oneshot::Receiver<Result<(), MemberError>>;

/// Asks the writer to replace the member on machine `old` by the node on machine `new`.
pub fn replace(cluster: &Arc<Cluster>, old: usize, new: usize) -> Option<Outcome> {
    let (server, volume, _) = cluster.writer()?;
    let (node, joining) = (cluster.net.link(server.process, new), member(new));
    let (done, outcome) = oneshot::channel();
    let (world, asking) = (cluster.world.clone(), cluster.asking(old));
    cluster.tally.count(Fault::ReplacementBegun);
    cluster.world.spawn_in(server.process, async move {
        let begun = volume.begin_replacement(NodeId(old as u32), joining, node).await;
        if begun.is_ok() {
            volume.see_to_replacement(NodeId(old as u32));
        }
        drop(asking);
        world.note(|| format!("node {new} in place of node {old}: {begun:?}"));
        drop(done.send(begun));
    });
    Some(outcome)
}

/// Asks the writer to leave the member on machine `old` in its place.
pub fn revert(cluster: &Arc<Cluster>, old: usize) -> Option<Outcome> {
    let (server, volume, _) = cluster.writer()?;
    let (done, outcome) = oneshot::channel();
    let cluster = cluster.clone();
    cluster.world.clone().spawn_in(server.process, async move {
        let reverted = volume.revert_replacement(NodeId(old as u32)).await;
        cluster.world.note(|| format!("node {old} stays: {reverted:?}"));
        if reverted.is_ok() {
            cluster.tally.count(Fault::ReplacementReverted);
        }
        drop(done.send(reverted));
    });
    Some(outcome)
}

/// A machine that can take the place of `old`: its own with an empty disk, one that was never used, one of a former member.
pub fn free_machine(cluster: &Cluster, random: &mut Random, old: usize) -> Option<usize> {
    let seated = cluster.seated();
    let emptied = cluster.machines[old].status().is_some_and(|status| status.config.is_none());
    if emptied && random.chance(600) {
        return Some(old);
    }
    let mut free: Vec<usize> = cluster.all().filter(|machine| !seated.contains(machine)).collect();
    if random.chance(700) {
        free.sort_by_key(|machine| zone_of(*machine) != zone_of(old));
        free.truncate(1);
    }
    let found = (!free.is_empty()).then(|| random.pick(&free))?;
    if cluster.is_damaged(found) {
        // A former member: nobody would trust that disk again.
        if cluster.machines[found].is_up() {
            cluster.machines[found].die(Death::PowerLost, random);
        }
        cluster.lose_disk(found);
    }
    Some(found)
}

/// Looks after the members until the run is over.
pub async fn keep(cluster: Arc<Cluster>) {
    let mut random = Random::new(cluster.seed, 6);
    let mut missed: BTreeMap<MemberName, u32> = BTreeMap::new();
    while !cluster.is_over() {
        sleep(LOOK_INTERVAL).await;
        let Some(membership) = cluster.membership() else { continue };
        missed = membership
            .nodes()
            .filter(|member| is_gone(&cluster, member))
            .map(|member| (node_name(member), missed.get(&node_name(member)).map_or(1, |looks| looks + 1)))
            .collect();
        if !cluster.is_healing() && !random.chance(150) {
            continue;
        }
        let gone = |member: &Member| missed.get(&node_name(member)).is_some_and(|looks| *looks >= LOOKS);
        let mut under_way = membership.replacements().iter().map(|it| membership.changes(it));
        let outcome = if let Some((old, _)) = under_way.find(|(_, new)| gone(new)) {
            revert(&cluster, old.node as usize)
        } else if membership.replacements().is_empty()
            && let Some(dead) = membership.members().iter().flat_map(nodes_of).find(|member| gone(member))
            && let Some(new) = free_machine(&cluster, &mut random, dead.node as usize)
            && (cluster.machines[new].is_up() || cluster.machines[new].start().is_ok())
        {
            replace(&cluster, dead.node as usize, new)
        } else {
            continue;
        };
        if let Some(outcome) = outcome {
            // Whatever came of it shows at the next look.
            let _ = timeout(PATIENCE, outcome).await;
        }
    }
}
