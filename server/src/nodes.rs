//! The storage nodes of a cluster, as this process reaches them.
//!
//! A storage process may keep several volumes, and a link to it is of one of them ([`connect_of`]): what is asked over it
//! concerns that volume. Which one is settled once, when the nodes are first asked ([`discover`]); whoever is dialled from
//! then on is dialled for it.

use crate::address::NodeAddress;
use crate::settings::BadSetting;
use anyhow::bail;
use protocol::node::{NodeError, StorageNode};
use protocol::rpc::storage::{Member, StatusReply, VolumeSummary};
use protocol::volume::VolumeError;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use storage::node::gossip::Dial;
use storage::rpc::GrpcNode;
use storage::volume::roster::Roster;
use storage::volume::{Nodes, cluster};
use tokio::runtime::{Handle, Runtime};

/// Between two rounds of asking nodes that do not answer yet.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// The state of a volume on a node that is no member of it any more.
pub const REMOVED: &str = "removed";

/// The connections to storage live on a thread of their own. A statement may compute for long on every other thread of the
/// process, and must not hold up the writer's heartbeats and acknowledgements: replicas would take it for dead.
static CONNECTIONS: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).thread_name("storage-io").enable_all();
    runtime.build().expect("a process that starts can have one more thread")
});

/// Where the connections of [`connect`] live.
#[must_use]
pub fn runtime() -> Handle {
    CONNECTIONS.handle().clone()
}

/// A node over gRPC; the connection is made when it is first used. What is asked without naming a volume concerns the only
/// one that is kept there.
///
/// # Errors
/// When the address cannot be one.
pub fn connect(address: &NodeAddress) -> anyhow::Result<Arc<dyn StorageNode>> {
    connect_of(address, 0)
}

/// As [`connect`]; what is asked without naming a volume concerns this one.
///
/// # Errors
/// As [`connect`].
pub fn connect_of(address: &NodeAddress, volume: u64) -> anyhow::Result<Arc<dyn StorageNode>> {
    Ok(Arc::new(GrpcNode::new(&address.to_string())?.of(volume).on(runtime())))
}

/// Connects to the members of a volume at their addresses.
#[must_use]
pub fn dial(volume: u64) -> Dial {
    Arc::new(move |member: &Member| member.address.parse().ok().and_then(|address| connect_of(&address, volume).ok()))
}

/// The volumes that a node says it keeps; not those that it was removed from.
#[must_use]
pub fn volumes(status: &StatusReply) -> BTreeSet<u64> {
    status.volumes.iter().filter(|it| it.state != REMOVED).map(number).filter(|volume| *volume != 0).collect()
}

/// The volumes that a node can tell of: also those that it was removed from, whose members it may know.
#[must_use]
pub fn known_volumes(status: &StatusReply) -> BTreeSet<u64> {
    status.volumes.iter().map(number).filter(|volume| *volume != 0).collect()
}

fn number(summary: &VolumeSummary) -> u64 {
    summary.volume
}

/// Volumes as a message lists them.
#[must_use]
pub fn list(volumes: &BTreeSet<u64>) -> String {
    let names: Vec<String> = volumes.iter().map(|volume| format!("{volume:016x}")).collect();
    names.join(", ")
}

/// The volume that is meant: the one that is `wanted`, else the only one that the nodes keep, else the only one that they
/// were removed from. `None`: they know none, or not that one.
fn choose(wanted: Option<u64>, said: &[StatusReply]) -> Result<Option<u64>, BadSetting> {
    let of_all = |volumes: fn(&StatusReply) -> BTreeSet<u64>| said.iter().flat_map(volumes).collect::<BTreeSet<u64>>();
    let (kept, known) = (of_all(volumes), of_all(known_volumes));
    if let Some(wanted) = wanted {
        return Ok(known.contains(&wanted).then_some(wanted));
    }
    let candidates = if kept.is_empty() { known } else { kept };
    if candidates.len() > 1 {
        let message =
            format!("the storage nodes keep several volumes: {}; choose one with --volume", list(&candidates));
        return Err(BadSetting(message));
    }
    Ok(candidates.first().copied())
}

/// The members of a volume that the given nodes know: one that answers is enough. Of the volume `wanted`, or else of the only
/// one that is kept.
///
/// Waits while none answers, for a cluster's processes start in any order.
///
/// # Errors
/// When all answer and keep no volume (`redoubt init` makes one) or not the one that is wanted; when it would have to be said
/// which of several is.
pub async fn discover(addresses: &[NodeAddress], wanted: Option<u64>) -> anyhow::Result<Arc<Roster>> {
    let guides: Nodes = addresses.iter().map(connect).collect::<anyhow::Result<Vec<_>>>()?.into();
    let mut warned = false;
    loop {
        let (said, silent) = ask(&guides).await;
        let why = match choose(wanted, &said)? {
            Some(volume) => {
                let links = addresses.iter().map(|address| connect_of(address, volume));
                let links = links.collect::<anyhow::Result<Vec<_>>>()?;
                match Roster::find(links.into(), dial(volume)).await {
                    Ok(Some(roster)) => return Ok(roster),
                    // It opens on none of those that answer, and may be sound on the others.
                    Ok(None) => format!("volume {volume:016x} failed on the nodes that answer"),
                    Err(VolumeError::Corrupt(why)) => bail!(why),
                    Err(error) => error.to_string(),
                }
            }
            None => match (silent, wanted) {
                (Some(error), _) => error.to_string(),
                (None, Some(wanted)) if said.iter().any(|status| !volumes(status).is_empty()) => {
                    let kept = said.iter().flat_map(volumes).collect();
                    bail!("the storage nodes keep no volume {wanted:016x}; they keep {}", list(&kept))
                }
                (None, _) => bail!("the storage nodes hold no volume: create one with `redoubt init`"),
            },
        };
        if !warned {
            tracing::info!(why, "waiting for storage nodes");
            warned = true;
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

/// What the nodes say that answer, and why another does not.
async fn ask(guides: &Nodes) -> (Vec<StatusReply>, Option<NodeError>) {
    let (mut said, mut silent) = (Vec::new(), None);
    for reply in cluster::status(guides, 1).await {
        match reply {
            Ok(status) => said.push(status),
            Err(error) => silent = Some(error),
        }
    }
    (said, silent)
}

/// The volumes that some of these nodes can tell of.
pub async fn known_volumes_of(guides: &Nodes) -> BTreeSet<u64> {
    ask(guides).await.0.iter().flat_map(known_volumes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeps(volumes: &[(u64, &str)]) -> StatusReply {
        let summary = |(volume, state): &(u64, &str)| VolumeSummary {
            volume: *volume,
            state: (*state).into(),
            ..Default::default()
        };
        StatusReply { volumes: volumes.iter().map(summary).collect(), ..StatusReply::default() }
    }

    fn chosen(wanted: Option<u64>, said: &[StatusReply]) -> Result<Option<u64>, String> {
        choose(wanted, said).map_err(|BadSetting(message)| message)
    }

    #[test]
    fn the_only_volume_is_meant_unless_one_is_named() {
        assert_eq!(chosen(None, &[]), Ok(None));
        assert_eq!(chosen(None, &[keeps(&[]), keeps(&[(7, "up")])]), Ok(Some(7)));
        assert_eq!(chosen(None, &[keeps(&[(7, "failed")]), keeps(&[(7, "up")])]), Ok(Some(7)));
        let two = [keeps(&[(7, "up")]), keeps(&[(7, "up"), (8, "full")])];
        let refused = chosen(None, &two).expect_err("which of them?");
        assert!(refused.contains("0000000000000007, 0000000000000008"), "{refused}");
        assert_eq!(chosen(Some(8), &two), Ok(Some(8)));
        assert_eq!(chosen(Some(9), &two), Ok(None));
    }

    #[test]
    fn nodes_that_were_removed_from_a_volume_lead_to_it_and_do_not_make_another_ambiguous() {
        let removed = keeps(&[(7, REMOVED)]);
        assert_eq!(chosen(None, std::slice::from_ref(&removed)), Ok(Some(7)));
        assert_eq!(chosen(Some(7), std::slice::from_ref(&removed)), Ok(Some(7)));
        assert_eq!(chosen(None, &[removed, keeps(&[(8, "up"), (7, REMOVED)])]), Ok(Some(8)));
    }
}
