//! The storage nodes, the writer and the replicas as parts of one process: the fastest way to run a cluster on one machine.
//!
//! Each node has a directory, a log and fsyncs of its own, and gets the same encoded batches through the same node
//! code as over a network. Only the transport is a call; no object but bytes is shared.
//!
//! Each replica has threads of its own, as it would have in a process of its own: what it has to do for a record is little,
//! and must not wait behind the writer's sessions.

use super::{Doors, node_address, node_directory, open_directory, print_welcome, zone};
use crate::address::NodeAddress;
use crate::auth::Authentication;
use crate::compute::{Compute, ComputeOptions, Role};
use crate::init::{Created, Emptied};
use crate::options::Local;
use crate::{dashboard, encryption, init, nodes as remote, signals, spare, threads};
use anyhow::Context;
use protocol::NodeId;
use protocol::node::StorageNode;
use protocol::rpc::storage::Member;
use protocol::task::Runtime;
use std::sync::Arc;
use std::time::Duration;
use storage::node::clock::RealClock;
use storage::node::disk::RealDisk;
use storage::node::gossip::{Dial, Gossip};
use storage::node::{Node, NodeOptions, SweepMemory};
use storage::volume::roster::Roster;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Memory in which the nodes sweep their logs in turns, each in few passes over what it keeps of a log.
const SWEEP_BYTES: usize = 80 << 20;

/// Runs the cluster until Ctrl-C or SIGTERM.
///
/// # Errors
/// When a port or a directory cannot be had, or storage does not come up.
pub async fn run(options: Local) -> anyhow::Result<()> {
    let authentication = Authentication::from_options(&options.server.auth)?;
    let tls = encryption::from_options(&options.server.tls)?;
    let doors = Doors::open(&options).await?;
    let ports = doors.ports()?;
    let (mut directory, data) = open_directory(&options)?;

    let disk = Arc::new(RealDisk);
    let (sweep_memory, clock) = (SweepMemory::new(SWEEP_BYTES), Arc::new(RealClock::start()));
    let mut nodes = Vec::new();
    let ids = options.node_ids(&data);
    for id in ids.clone() {
        let options = NodeOptions {
            sweep_memory: sweep_memory.clone(),
            clock: clock.clone(),
            ..NodeOptions::new(NodeId(id), zone(id), &node_address(&data, id).to_string())
        };
        nodes.push(Node::open(disk.clone(), &node_directory(&data, id), options)?);
    }
    let links: Vec<Arc<dyn StorageNode>> = nodes.iter().map(|node| node.clone() as Arc<dyn StorageNode>).collect();
    let addresses: Vec<String> = ids.map(|id| node_address(&data, id).to_string()).collect();
    for node in &nodes {
        tokio::spawn(Gossip::following(node, dial(&links, &addresses, 0)).run());
    }
    let created = init::create(&links, &addresses, options.volume(directory.volume()), Emptied::Replaced).await?;
    let (Created::New(volume) | Created::Existed(volume)) = created;
    directory.keep_volume(volume)?;
    let dial = dial(&links, &addresses, volume);
    for node in &nodes {
        tokio::spawn(spare::offer(Arc::downgrade(node), links.clone().into(), dial.clone()));
    }
    let storage = Roster::find(links.clone().into(), dial).await?.context("the volume was here a moment ago")?;

    let shutdown = signals::shutdown();
    let mut running = JoinSet::new();
    let (mut servers, mut runtimes) = (Vec::new(), Vec::new());
    for (n, listener) in doors.servers.into_iter().enumerate() {
        let runtime = match n {
            0 => Handle::current(),
            _ => {
                let runtime = threads::runtime(&format!("replica-{n}"))?;
                let handle = runtime.handle().clone();
                runtimes.push(runtime);
                handle
            }
        };
        let server = Compute::new(ComputeOptions {
            role: if n == 0 { Role::Writer } else { Role::Replica },
            storage: storage.clone(),
            address: listener.local_addr()?.to_string(),
            cache_bytes: options.server.cache_size,
            lock_table_bytes: options.server.lock_table_size,
            write_timeout: Duration::from_secs(options.server.write_timeout),
            connections_max: options.server.max_connections,
            authentication: authentication.clone(),
            tls: tls.clone(),
            // The writer of this process cannot die alone; what looks like it is a busy machine.
            failover: None,
            replace_after: options.server.replacement.settings(),
            storage_runtime: Runtime::Tokio(runtime.clone()),
        });
        running.spawn_on(server.clone().run(listener, shutdown.clone()), &runtime);
        servers.push(server);
        if n == 0 {
            // The writer's recovery settles which ballot the replicas open under.
            tokio::select! {
                () = servers[0].ready() => {}
                Some(ended) = running.join_next() => return ended?,
            }
        }
    }
    running.spawn(dashboard::serve(doors.dashboard, servers.clone(), shutdown.clone()));
    print_welcome(&options, &ports, nodes.len());
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        // One part that fails ends the rest in order.
        if let Err(error) = ended? {
            outcome = outcome.and(Err(error));
        }
        shutdown.cancel();
    }
    for node in nodes {
        node.shutdown();
    }
    runtimes.into_iter().for_each(tokio::runtime::Runtime::shutdown_background);
    outcome
}

/// Reaches the nodes of this process by a call, others at their addresses. A directory that was moved has other addresses
/// than its volume knows: where nothing is at an address, the node of this process with the member's number is meant.
fn dial(links: &[Arc<dyn StorageNode>], addresses: &[String], volume: u64) -> Dial {
    let (links, addresses, remote) = (links.to_vec(), addresses.to_vec(), remote::dial(volume));
    Arc::new(move |member: &Member| {
        let moved = match member.address.parse() {
            Ok(NodeAddress::Unix(path)) => !path.exists(),
            _ => false,
        };
        let by_address = addresses.iter().position(|address| *address == member.address);
        let by_number = (1..).take(links.len()).position(|id| moved && id == member.node);
        match by_address.or(by_number) {
            Some(index) => Some(links[index].clone()),
            None => remote(member),
        }
    })
}
