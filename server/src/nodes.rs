//! The storage nodes of a cluster, as this process reaches them.

use crate::address::NodeAddress;
use anyhow::bail;
use protocol::FORMAT_VERSION;
use protocol::node::StorageNode;
use protocol::rpc::storage::StatusRequest;
use std::sync::Arc;
use std::time::Duration;
use storage::rpc::GrpcNode;

/// Between two rounds of asking nodes that do not answer yet.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// A node over gRPC; the connection is made when it is first used.
///
/// # Errors
/// When the address cannot be one.
pub fn connect(address: &NodeAddress) -> anyhow::Result<Arc<dyn StorageNode>> {
    Ok(Arc::new(GrpcNode::new(&address.to_string())?))
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
