//! The storage nodes of a cluster, as this process reaches them.

use crate::address::NodeAddress;
use anyhow::bail;
use protocol::node::StorageNode;
use protocol::rpc::storage::Member;
use protocol::volume::VolumeError;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use storage::node::gossip::Dial;
use storage::rpc::GrpcNode;
use storage::volume::roster::Roster;
use tokio::runtime::{Handle, Runtime};

/// Between two rounds of asking nodes that do not answer yet.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

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

/// A node over gRPC; the connection is made when it is first used.
///
/// # Errors
/// When the address cannot be one.
pub fn connect(address: &NodeAddress) -> anyhow::Result<Arc<dyn StorageNode>> {
    Ok(Arc::new(GrpcNode::new(&address.to_string())?.on(runtime())))
}

/// Connects to members at their addresses.
#[must_use]
pub fn dial() -> Dial {
    Arc::new(|member: &Member| member.address.parse().ok().and_then(|address| connect(&address).ok()))
}

/// The members of the volume that the given nodes know: one that answers is enough.
///
/// Waits while none answers, for a cluster's processes start in any order.
///
/// # Errors
/// When all answer that they have no volume: `redoubt init` makes one. When they have different ones.
pub async fn discover(addresses: &[NodeAddress]) -> anyhow::Result<Arc<Roster>> {
    let guides = addresses.iter().map(connect).collect::<anyhow::Result<Vec<_>>>()?;
    let mut warned = false;
    loop {
        match Roster::find(guides.clone().into(), dial()).await {
            Ok(Some(roster)) => return Ok(roster),
            Ok(None) => bail!("the storage nodes hold no volume: create one with `redoubt init`"),
            Err(VolumeError::Corrupt(why)) => bail!(why),
            Err(error) if !warned => {
                tracing::info!(%error, "waiting for storage nodes");
                warned = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}
