//! `redoubt volumes`: what storage nodes keep, and how the space of a cluster that is no more is had back.
//!
//! A volume is dropped from the nodes that are named, and from no other: all six when a cluster is given up, one when that
//! node was replaced and is to be empty. Nothing is dropped while a server uses the volume: none may be in its address book,
//! where a dead one is for as long as its lease, and each node asks once more whether it hears a writer
//! ([`storage::node::host`]).

use crate::address::NodeAddress;
use crate::nodes::{self, REMOVED};
use crate::options::{DropVolume, Volumes};
use crate::output::{complain, say, tell};
use crate::spare::is_spare;
use anyhow::{Context, ensure};
use protocol::FORMAT_VERSION;
use protocol::node::StorageNode;
use protocol::rpc::storage::{RegisterRequest, StatusRequest, VolumeSummary};
use std::collections::BTreeSet;
use std::time::Duration;
use storage::node::host::IN_USE_WITHIN;
use storage::rpc::GrpcNode;

/// Lists the volumes that storage nodes keep, node by node.
///
/// # Errors
/// When none of them answers.
pub async fn list(options: Volumes) -> anyhow::Result<()> {
    let mut answered = 0;
    for address in &options.storage {
        let status = nodes::connect(address)?.status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await;
        let status = match status {
            Ok(status) => status,
            Err(error) => {
                complain!("{address}: {error}");
                continue;
            }
        };
        if answered == 0 {
            say!(
                "{:<16}  {:>4}  {:<9}  {:>14}  {:>14}  node at",
                "volume",
                "node",
                "state",
                "disk bytes",
                "quota bytes"
            );
        }
        answered += 1;
        for VolumeSummary { volume, state, disk_bytes, quota_bytes, why } in &status.volumes {
            let quota = if *quota_bytes == 0 { "none".to_owned() } else { quota_bytes.to_string() };
            let node = status.node;
            say!("{volume:016x}  {node:>4}  {state:<9}  {disk_bytes:>14}  {quota:>14}  {address} {why}");
        }
    }
    ensure!(answered > 0, "no storage node answers");
    Ok(())
}

/// Drops a volume from storage nodes. Those that do not keep it are passed over: a drop that was cut short is repeated.
///
/// # Errors
/// When a node does not answer, none keeps the volume, or a server uses it: then nothing is dropped. When nodes refuse or
/// fail: the others have dropped it.
pub async fn drop_volume(options: DropVolume) -> anyhow::Result<()> {
    let volume = options.volume;
    let mut keep: Vec<(&NodeAddress, GrpcNode)> = Vec::new();
    let mut users = BTreeSet::new();
    let mut is_heard = false;
    for address in &options.storage {
        let node = GrpcNode::new(&address.to_string())?.of(volume);
        let context = || address.to_string();
        let status = node.status(StatusRequest { version: FORMAT_VERSION, volume }).await.with_context(context)?;
        if !status.volumes.iter().any(|kept| kept.volume == volume) {
            continue;
        }
        if status.config.is_some() {
            let request = RegisterRequest { volume, version: FORMAT_VERSION, server: None, lease_ms: 0 };
            let book = node.register(request).await.with_context(context)?;
            let silence = Duration::from_millis(book.writer_silent_ms);
            is_heard |= status.state != REMOVED && silence < IN_USE_WITHIN;
            users.extend(book.servers.into_iter().filter(|it| !is_spare(it)).map(|it| it.address));
        }
        keep.push((address, node));
    }
    ensure!(!keep.is_empty(), "none of these storage nodes keeps volume {volume:016x}");
    let users = users.into_iter().collect::<Vec<_>>().join(", ");
    ensure!(users.is_empty(), "volume {volume:016x} is in use: stop the servers at {users}");
    ensure!(!is_heard, "volume {volume:016x} is in use: a writer was heard a moment ago");
    let mut kept = 0;
    for (address, node) in keep {
        match node.drop_volume(volume).await {
            Ok(()) => tell!("{address} has dropped volume {volume:016x}"),
            Err(error) => {
                kept += 1;
                complain!("{address}: {error}");
            }
        }
    }
    ensure!(kept == 0, "{kept} of the storage nodes have not dropped volume {volume:016x}");
    Ok(())
}
