//! The storage nodes of a cluster, as this process reaches them.

use crate::address::NodeAddress;
use anyhow::bail;
use protocol::FORMAT_VERSION;
use protocol::node::StorageNode;
use protocol::rpc::storage::StatusRequest;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use storage::rpc::GrpcNode;
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

/// All six nodes of the volume that the given ones know: one that answers is enough.
///
/// Waits while none answers, for a cluster's processes start in any order.
///
/// # Errors
/// When a node answers that it has no volume: `redoubt init` makes one.
pub async fn discover(addresses: &[NodeAddress]) -> anyhow::Result<Vec<Arc<dyn StorageNode>>> {
    let known = addresses.iter().map(connect).collect::<anyhow::Result<Vec<_>>>()?;
    let mut warned = false;
    loop {
        let mut empty = 0;
        for node in &known {
            match node.status(StatusRequest { version: FORMAT_VERSION }).await {
                Ok(status) => match status.config {
                    Some(config) => {
                        let members = config.members.iter();
                        let nodes = members.map(|member| {
                            let address = member.address.parse().map_err(anyhow::Error::msg)?;
                            connect(&address)
                        });
                        return nodes.collect();
                    }
                    None => empty += 1,
                },
                Err(error) => {
                    if !warned {
                        tracing::info!(%error, "waiting for storage nodes");
                        warned = true;
                    }
                }
            }
        }
        if empty == known.len() {
            bail!("the storage nodes hold no volume: create one with `redoubt init`");
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}
