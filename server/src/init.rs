//! `redoubt init`: the only thing that creates a volume, so that six lost disks never look like a fresh start.
//!
//! Storage nodes keep several volumes side by side. Run again without `--volume`, `init` finds the one that there is and
//! changes nothing: it makes another only when told to.

use crate::address::NodeAddress;
use crate::nodes;
use crate::options::{Init, Which};
use crate::output::tell;
use crate::settings::BadSetting;
use anyhow::{Context, bail, ensure};
use protocol::FORMAT_VERSION;
use protocol::node::StorageNode;
use protocol::rpc::storage::{CreateVolumeRequest, Member, StatusReply, StatusRequest, VolumeConfig};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use storage::quorum::{COPIES, WRITE_QUORUM};

/// How far the writer may be ahead of the flushed VDL, in bytes of LSN.
const LAL_BYTES: u64 = 64 << 20;
// A promise names every record that it lets be ahead: each takes 24 bytes of it or more, and 28 at most in the message.
const _: () = assert!(LAL_BYTES / 24 * 28 < storage::rpc::REPLY_BYTES_MAX as u64);
/// The fewest nodes: six copies, two in each of three zones.
const NODES_MIN: usize = COPIES;
const NODES_PER_ZONE_MIN: usize = 2;
const ZONES: usize = NODES_MIN / NODES_PER_ZONE_MIN;
/// How often a node is asked again that knew other members than it had said.
const QUOTA_TRIES: usize = 5;

/// What is to be created.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub which: Which,
    pub pages_per_group: u32,
    /// Disk that each node gives it, in bytes; of a volume that exists, `None` leaves what it has.
    pub quota_bytes: Option<u64>,
}

/// Creates a volume on six nodes or more that do not have it, or gives the one they have another quota.
///
/// # Errors
/// When an address is missing, unreachable or occupied, or the zones are not three with at least two nodes each.
pub async fn run(options: Init) -> anyhow::Result<()> {
    check_addresses(&options.storage)?;
    let nodes = options.storage.iter().map(nodes::connect).collect::<anyhow::Result<Vec<_>>>()?;
    let addresses: Vec<String> = options.storage.iter().map(NodeAddress::to_string).collect();
    let wanted = Wanted {
        which: options.volume.unwrap_or(Which::Only),
        pages_per_group: options.group_pages,
        quota_bytes: options.quota,
    };
    match create(&nodes, &addresses, wanted, Emptied::Refused).await? {
        Created::New(volume) => tell!("created volume {volume:016x} on {} storage nodes", nodes.len()),
        Created::Existed(volume) if options.quota.is_some() => {
            tell!("volume {volume:016x} exists on the {} storage nodes named; its quota was set", nodes.len())
        }
        Created::Existed(volume) => {
            tell!("volume {volume:016x} exists on the {} storage nodes named; nothing was changed", nodes.len())
        }
    }
    Ok(())
}

/// What a node means to [`create`] that has no volume where others have been writing to one: it has lost its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptied {
    /// Somebody has to look.
    Refused,
    /// The cluster replaces it by itself, if a write quorum is left. A volume that is named was here before.
    Replaced,
}

/// What [`create`] found or made.
pub enum Created {
    /// A new volume, with its id.
    New(u64),
    /// All nodes had this volume.
    Existed(u64),
}

fn check_addresses(addresses: &[NodeAddress]) -> Result<(), BadSetting> {
    let mut seen = HashSet::new();
    if let Some(twice) = addresses.iter().find(|address| !seen.insert(*address)) {
        return Err(BadSetting(format!("--storage names {twice} twice: a node may hold one copy only")));
    }
    if addresses.len() < NODES_MIN {
        return Err(BadSetting(format!(
            "--storage names {} nodes: a volume has six copies, two in each of three zones",
            addresses.len()
        )));
    }
    Ok(())
}

async fn ask(nodes: &[Arc<dyn StorageNode>], addresses: &[String], volume: u64) -> anyhow::Result<Vec<StatusReply>> {
    let mut states = Vec::new();
    for (node, address) in nodes.iter().zip(addresses) {
        let status = node.status(StatusRequest { version: FORMAT_VERSION, volume }).await;
        states.push(status.map_err(|error| anyhow::anyhow!("{address}: {error}"))?);
    }
    Ok(states)
}

/// The volume's number, if there is one to go by.
fn choose(which: Which, states: &[StatusReply]) -> Result<Option<u64>, BadSetting> {
    match which {
        Which::This(volume) => Ok(Some(volume)),
        Which::New => Ok(None),
        Which::Only => {
            let kept: BTreeSet<u64> = states.iter().flat_map(nodes::volumes).collect();
            if kept.len() > 1 {
                let kept = nodes::list(&kept);
                let message =
                    format!("the storage nodes keep several volumes: {kept}; say which, or `new`, with --volume");
                return Err(BadSetting(message));
            }
            Ok(kept.first().copied())
        }
    }
}

/// Creates a volume, or completes its creation, on exactly these nodes.
///
/// # Errors
/// As [`run`].
pub async fn create(
    nodes: &[Arc<dyn StorageNode>],
    addresses: &[String],
    wanted: Wanted,
    emptied: Emptied,
) -> anyhow::Result<Created> {
    let found = ask(nodes, addresses, 0).await?;
    check_places(&found, addresses)?;
    let chosen = choose(wanted.which, &found)?;
    let volume = chosen.unwrap_or_else(|| rand::random::<u64>().max(1));
    let states = ask(nodes, addresses, volume).await?;
    let config_of = |state: &StatusReply| state.config.clone().filter(|config| config.volume == volume);
    let existing: Vec<VolumeConfig> = states.iter().filter_map(config_of).collect();
    // With a writer come promises, and redo.
    let in_use =
        states.iter().any(|state| config_of(state).is_some() && (!state.marks.is_empty() || state.promised != 0));
    if emptied == Emptied::Replaced {
        let (left, was_here) = (existing.len(), matches!(wanted.which, Which::This(_)));
        ensure!(
            !was_here && !in_use || left >= WRITE_QUORUM,
            "{left} of the {} storage nodes have kept the volume, and {WRITE_QUORUM} are needed: the disks of the others \
             were lost or replaced; bring back what there is of them",
            nodes.len()
        );
    }
    if existing.len() == nodes.len() || in_use && emptied == Emptied::Replaced {
        if let Some(quota_bytes) = wanted.quota_bytes {
            for (node, address) in nodes.iter().zip(addresses) {
                set_quota(node, address, volume, quota_bytes).await?;
            }
        }
        return Ok(Created::Existed(volume));
    }
    // An earlier creation that was interrupted is completed as it began.
    let config = existing.first().cloned().unwrap_or_else(|| VolumeConfig {
        volume,
        pages_per_group: wanted.pages_per_group,
        lal_bytes: LAL_BYTES,
        members: members(&states, addresses),
        quota_bytes: wanted.quota_bytes.unwrap_or(0),
        ..VolumeConfig::default()
    });
    for ((node, address), state) in nodes.iter().zip(addresses).zip(&states) {
        // A member without the volume, while a writer has been there, has lost its disk, and with it a promise or redo that
        // others count on: that is a repair, not an init.
        if config_of(state).is_none() && in_use {
            bail!(
                "{address} is empty while the volume is in use: its disk was lost or replaced; a cluster that \
                   runs replaces it (redoubt storage replace)"
            );
        }
        let again = || format!("the volume is not complete; --volume {volume:016x} goes on with it");
        keep(node, address, config.clone()).await.with_context(again)?;
    }
    Ok(Created::New(volume))
}

async fn set_quota(node: &Arc<dyn StorageNode>, address: &str, volume: u64, quota_bytes: u64) -> anyhow::Result<()> {
    let mut tries = 0;
    loop {
        let status = node.status(StatusRequest { version: FORMAT_VERSION, volume }).await?;
        let config = status.config.with_context(|| format!("{address} does not keep the volume any more"))?;
        match keep(node, address, VolumeConfig { quota_bytes, ..config }).await {
            // Its members may have changed in between.
            Err(_) if tries < QUOTA_TRIES => tries += 1,
            kept => return kept,
        }
    }
}

async fn keep(node: &Arc<dyn StorageNode>, address: &str, config: VolumeConfig) -> anyhow::Result<()> {
    let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config) };
    node.create_volume(request).await.map(drop).map_err(|error| anyhow::anyhow!("{address}: {error}"))
}

/// Who sits on the six seats: in each zone two columns of nodes, which share the groups between them. Nodes go to the columns
/// of their zone in turn, by number, so that these differ by one node at most.
fn members(states: &[StatusReply], addresses: &[String]) -> Vec<Member> {
    let mut zones: BTreeMap<&str, Vec<Member>> = BTreeMap::new();
    for (state, address) in states.iter().zip(addresses) {
        let (node, zone, address) = (state.node, state.zone.clone(), address.clone());
        zones.entry(&state.zone).or_default().push(Member { node, zone, address, ..Member::default() });
    }
    let mut members = Vec::new();
    for mut nodes in zones.into_values() {
        nodes.sort_by_key(|node| node.node);
        for column in 0..NODES_PER_ZONE_MIN {
            let mut column = nodes.iter().skip(column).step_by(NODES_PER_ZONE_MIN).cloned();
            members.extend(column.next().map(|first| Member { others: column.collect(), ..first }));
        }
    }
    members.sort_by_key(|member| member.node);
    members
}

fn check_places(states: &[StatusReply], addresses: &[String]) -> anyhow::Result<()> {
    let mut ids = BTreeMap::new();
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    for (state, address) in states.iter().zip(addresses) {
        if let Some(other) = ids.insert(state.node, address) {
            bail!("{other} and {address} are both node {}", state.node);
        }
        *zones.entry(&state.zone).or_default() += 1;
    }
    let enough = zones.len() == ZONES && zones.values().all(|&count| count >= NODES_PER_ZONE_MIN);
    ensure!(
        enough,
        "the nodes must lie in three zones, at least two in each, so that a lost zone leaves four copies; found {zones:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::membership::nodes_of;

    /// Nodes in so many zones, numbered in turn.
    fn placed(zones: &[(&str, u32)]) -> Vec<Vec<u32>> {
        let nodes = zones.iter().flat_map(|(zone, count)| (0..*count).map(move |_| *zone));
        let states: Vec<StatusReply> = nodes
            .zip(1..)
            .map(|(zone, node)| StatusReply { node, zone: zone.into(), ..StatusReply::default() })
            .collect();
        let addresses: Vec<String> = states.iter().map(|state| format!("host:{}", state.node)).collect();
        check_places(&states, &addresses).expect("three zones");
        members(&states, &addresses).iter().map(|member| nodes_of(member).map(|node| node.node).collect()).collect()
    }

    #[test]
    fn groups_are_spread_over_nodes_two_copies_a_zone() {
        assert_eq!(placed(&[("a", 2), ("b", 2), ("c", 2)]), [[1], [2], [3], [4], [5], [6]]);
        let twelve = placed(&[("a", 4), ("b", 4), ("c", 4)]);
        assert_eq!(twelve, [[1, 3], [2, 4], [5, 7], [6, 8], [9, 11], [10, 12]]);
        let uneven = placed(&[("a", 5), ("b", 2), ("c", 3)]);
        assert_eq!(uneven, [vec![1, 3, 5], vec![2, 4], vec![6], vec![7], vec![8, 10], vec![9]]);
    }
}
