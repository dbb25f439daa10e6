//! `redoubt init`: the only thing that creates a volume, so that six lost disks never look like a fresh start.

use crate::address::NodeAddress;
use crate::nodes;
use crate::options::Init;
use crate::settings::BadSetting;
use anyhow::{bail, ensure};
use protocol::FORMAT_VERSION;
use protocol::node::StorageNode;
use protocol::rpc::storage::{CreateVolumeRequest, Member, StatusReply, StatusRequest, VolumeConfig};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use storage::quorum::WRITE_QUORUM;

/// How far the writer may be ahead of the flushed VDL, in bytes of LSN.
const LAL_BYTES: u64 = 64 << 20;
const NODES: usize = 6;
const NODES_PER_ZONE: usize = 2;

/// Creates a volume on six nodes that have none.
///
/// # Errors
/// When an address is missing, unreachable or occupied, or the zones are not three with two nodes each.
pub async fn run(options: Init) -> anyhow::Result<()> {
    check_addresses(&options.storage)?;
    let nodes = options.storage.iter().map(nodes::connect).collect::<anyhow::Result<Vec<_>>>()?;
    let addresses: Vec<String> = options.storage.iter().map(NodeAddress::to_string).collect();
    match create(&nodes, &addresses, options.group_pages, Emptied::Refused).await? {
        Created::New(volume) => println!("created volume {volume:016x} on six storage nodes"),
        Created::Existed(volume) => {
            println!("volume {volume:016x} exists on all six storage nodes; nothing was changed")
        }
    }
    Ok(())
}

/// What a node means to [`create`] that has no volume where others have been writing to one: it has lost its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptied {
    /// Somebody has to look.
    Refused,
    /// The cluster replaces it by itself, if a write quorum is left. With the volume that was here before, if one was.
    Replaced { before: Option<u64> },
}

/// What [`create`] found or made.
pub enum Created {
    /// A new volume, with its id.
    New(u64),
    /// All six nodes had this volume.
    Existed(u64),
}

fn check_addresses(addresses: &[NodeAddress]) -> Result<(), BadSetting> {
    let mut seen = HashSet::new();
    if let Some(twice) = addresses.iter().find(|address| !seen.insert(*address)) {
        return Err(BadSetting(format!("--storage names {twice} twice: a node may hold one copy only")));
    }
    if addresses.len() != NODES {
        return Err(BadSetting(format!(
            "--storage names {} nodes: a volume has six copies, two in each of three zones",
            addresses.len()
        )));
    }
    Ok(())
}

/// Creates the volume, or completes its creation, on exactly these nodes.
///
/// # Errors
/// As [`run`].
pub async fn create(
    nodes: &[Arc<dyn StorageNode>],
    addresses: &[String],
    pages_per_group: u32,
    emptied: Emptied,
) -> anyhow::Result<Created> {
    let mut states = Vec::new();
    for (node, address) in nodes.iter().zip(addresses) {
        let status = node.status(StatusRequest { version: FORMAT_VERSION }).await;
        states.push(status.map_err(|error| anyhow::anyhow!("{address}: {error}"))?);
    }
    check_places(&states, addresses)?;
    let existing: Vec<&VolumeConfig> = states.iter().filter_map(|state| state.config.as_ref()).collect();
    // With a writer come promises, and redo.
    let in_use = states.iter().any(|state| !state.marks.is_empty() || state.promised != 0);
    if let Emptied::Replaced { before } = emptied {
        let left = existing.len();
        ensure!(
            before.is_none() && !in_use || left >= WRITE_QUORUM,
            "{left} of the six storage nodes have kept the volume, and {WRITE_QUORUM} are needed: the disks of the others \
             were lost or replaced; bring back what there is of them"
        );
        if let Some(before) = before.filter(|before| existing.iter().any(|config| config.volume != *before)) {
            bail!("the storage nodes hold another volume than {before:016x}, which was here before");
        }
    }
    if let Some(first) = existing.first() {
        ensure!(
            existing.iter().all(|config| config.volume == first.volume),
            "the storage nodes hold different volumes; give each cluster nodes of its own"
        );
        if existing.len() == NODES || in_use && emptied != Emptied::Refused {
            return Ok(Created::Existed(first.volume));
        }
    }
    // An earlier creation that was interrupted is completed with the id it chose.
    let config = existing.first().map_or_else(
        || VolumeConfig {
            volume: rand::random::<u64>().max(1),
            pages_per_group,
            lal_bytes: LAL_BYTES,
            members: members(&states, addresses),
            ..VolumeConfig::default()
        },
        |config| (*config).clone(),
    );
    let volume = config.volume;
    for ((node, address), state) in nodes.iter().zip(addresses).zip(&states) {
        // A member without the volume, while a writer has been there, has lost its disk, and with it a promise or redo that
        // others count on: that is a repair, not an init.
        if state.config.is_none() && in_use {
            bail!(
                "{address} is empty while the volume is in use: its disk was lost or replaced; a cluster that \
                   runs replaces it (redoubt storage replace)"
            );
        }
        let request = CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config.clone()) };
        node.create_volume(request).await.map_err(|error| anyhow::anyhow!("{address}: {error}"))?;
    }
    Ok(Created::New(volume))
}

fn members(states: &[StatusReply], addresses: &[String]) -> Vec<Member> {
    let mut members: Vec<Member> = states
        .iter()
        .zip(addresses)
        .map(|(state, address)| Member {
            node: state.node,
            zone: state.zone.clone(),
            address: address.clone(),
            incarnation: 0,
        })
        .collect();
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
    let balanced = zones.len() == NODES / NODES_PER_ZONE && zones.values().all(|&count| count == NODES_PER_ZONE);
    ensure!(
        balanced,
        "the nodes must lie in three zones, two in each, so that a lost zone leaves four; found {zones:?}"
    );
    Ok(())
}
