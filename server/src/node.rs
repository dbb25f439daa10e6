//! `redoubt storage`: one storage node as a process.

use crate::address::NodeAddress;
use crate::options::StorageNode;
use crate::settings::BadSetting;
use crate::{nodes, signals, spare};
use anyhow::Context;
use protocol::node::StorageNode as _;
use protocol::rpc::storage::{StatusReply, StatusRequest};
use protocol::{FORMAT_VERSION, NodeId};
use std::sync::{Arc, Weak};
use std::time::Duration;
use storage::node::disk::RealDisk;
use storage::node::gossip::Gossip;
use storage::node::{BEAT_INTERVAL, Node, NodeOptions};
use storage::rpc::{Listener, dial, serve};
use tokio::net::{TcpListener, UnixListener};

/// How often the process looks whether its disk still works.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Serves a node until SIGINT or SIGTERM, or until its disk fails.
///
/// # Errors
/// When the directory or the address cannot be had; when the disk failed.
pub async fn run(options: StorageNode) -> anyhow::Result<()> {
    let StorageNode { data, listen, zone, advertise, .. } = options;
    let required = "clap asks for it where no other command is given";
    let (data, listen, zone) = (data.expect(required), listen.expect(required), zone.expect(required));
    let disk = Arc::new(RealDisk);
    let held = Node::identity(&*disk, &data)?;
    let id = options
        .id
        .map(NodeId)
        .or(held)
        .ok_or_else(|| BadSetting(format!("{} is new: --id says which of the nodes it becomes", data.display())))?;
    let node_options = NodeOptions::new(id, &zone, &advertise.unwrap_or_else(|| listen.clone()).to_string());
    let guides = options.storage.iter().map(nodes::connect).collect::<anyhow::Result<Vec<_>>>()?;
    let node = Node::open(disk, &data, node_options)?;
    let listener = match &listen {
        NodeAddress::Tcp(address) => Listener::Tcp(TcpListener::bind(address).await.with_context(|| address.clone())?),
        NodeAddress::Unix(path) => {
            // The directory's lock says that no other node of this directory lives: the socket is left over.
            let _ = std::fs::remove_file(path);
            Listener::Unix(UnixListener::bind(path).with_context(|| path.display().to_string())?)
        }
    };
    tokio::spawn(gossip(node.clone()));
    tokio::spawn(beat(Arc::downgrade(&node)));
    if !guides.is_empty() {
        tokio::spawn(spare::offer(Arc::downgrade(&node), guides.into(), nodes::dial()));
    }
    let shutdown = signals::shutdown();
    tracing::info!(%id, address = %listen, "storage node is up");
    let outcome = tokio::select! {
        served = serve(node.clone(), listener, shutdown.cancelled_owned()) => served.map_err(anyhow::Error::from),
        () = failed(&node) => Err(anyhow::anyhow!("the disk failed; start again when it is mended or replaced")),
    };
    node.shutdown();
    outcome
}

async fn status(node: &Arc<Node>) -> Option<StatusReply> {
    node.status(StatusRequest { version: FORMAT_VERSION }).await.ok()
}

async fn failed(node: &Arc<Node>) {
    while status(node).await.is_none_or(|status| status.state != "failed") {
        tokio::time::sleep(LOOK_INTERVAL).await;
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
