//! `redoubt storage`: one storage node as a process, with every volume that it keeps.

use crate::address::NodeAddress;
use crate::options::StorageNode;
use crate::settings::BadSetting;
use crate::{nodes, signals, spare};
use anyhow::Context;
use protocol::NodeId;
use std::sync::{Arc, Weak};
use std::time::Duration;
use storage::node::disk::RealDisk;
use storage::node::gossip::Gossip;
use storage::node::host::Host;
use storage::node::{BEAT_INTERVAL, Node, NodeOptions};
use storage::rpc::{Listener, dial, serve};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

/// How often the process looks whether a volume of it still works.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long a stop waits for calls in flight.
const CALLS_END_WITHIN: Duration = Duration::from_secs(1);

/// Serves a node's volumes until SIGINT or SIGTERM, or until the last of them failed: one that failed alone is shown as such.
///
/// # Errors
/// When the directory or the address cannot be had; when the disk failed.
pub async fn run(options: StorageNode) -> anyhow::Result<()> {
    let StorageNode { data, listen, zone, advertise, .. } = options;
    let required = "clap asks for it where no other command is given";
    let (data, listen, zone) = (data.expect(required), listen.expect(required), zone.expect(required));
    let disk = Arc::new(RealDisk);
    let held = Host::identity(&*disk, &data)?;
    let id = options
        .id
        .map(NodeId)
        .or(held)
        .ok_or_else(|| BadSetting(format!("{} is new: --id says which of the nodes it becomes", data.display())))?;
    let node_options = NodeOptions::new(id, &zone, &advertise.unwrap_or_else(|| listen.clone()).to_string());
    options.storage.iter().try_for_each(|address| nodes::connect(address).map(drop))?;
    let host = Host::open(disk, &data, node_options)?;
    let listener = match &listen {
        NodeAddress::Tcp(address) => Listener::Tcp(TcpListener::bind(address).await.with_context(|| address.clone())?),
        NodeAddress::Unix(path) => {
            // The directory's lock says that no other node of this directory lives: the socket is left over.
            let _ = std::fs::remove_file(path);
            Listener::Unix(UnixListener::bind(path).with_context(|| path.display().to_string())?)
        }
    };
    tokio::spawn(keep_going(Arc::downgrade(&host)));
    if !options.storage.is_empty() {
        tokio::spawn(spare::offer_everywhere(Arc::downgrade(&host), options.storage));
    }
    let shutdown = signals::shutdown();
    tracing::info!(%id, address = %listen, "storage node is up");
    let outcome = tokio::select! {
        served = serve(host.clone(), listener, shutdown.clone().cancelled_owned()) => served.map_err(anyhow::Error::from),
        () = ended(&shutdown) => Ok(()),
        () = failed(&host) => Err(anyhow::anyhow!("the disk failed; start again when it is mended or replaced")),
    };
    host.shutdown();
    outcome
}

/// A stop waits so long for calls in flight. A writer's stream ends only with its connection.
async fn ended(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(CALLS_END_WITHIN).await;
}

async fn failed(host: &Host) {
    while !host.is_failed() {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Gives every volume what runs beside it, also those that come later.
async fn keep_going(host: Weak<Host>) {
    let Some(mut opened) = host.upgrade().map(|host| host.opened()) else { return };
    let mut going: Vec<Weak<Node>> = Vec::new();
    loop {
        let seen = *opened.borrow_and_update();
        let Some(nodes) = host.upgrade().map(|host| host.nodes()) else { return };
        // Those that were dropped are not started again.
        going.retain(|node| node.strong_count() > 0);
        for node in nodes {
            if !going.iter().any(|it| it.as_ptr() == Arc::as_ptr(&node)) {
                going.push(Arc::downgrade(&node));
                tokio::spawn(beat(Arc::downgrade(&node)));
                tokio::spawn(gossip(node));
            }
        }
        if opened.wait_for(|opened| *opened > seen).await.is_err() {
            return;
        }
    }
}

/// Lets the node know that requests are being read.
async fn beat(node: Weak<Node>) {
    while let Some(node) = node.upgrade() {
        node.beat();
        drop(node);
        tokio::time::sleep(BEAT_INTERVAL).await;
    }
}

/// Gossips with the other members of its volume, as soon as there is one and as they change.
async fn gossip(node: Arc<Node>) {
    let gossip = Gossip::following(&node, dial());
    drop(node);
    gossip.run().await;
}
