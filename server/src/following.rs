//! A replica's side of the notices: it finds the writer in the address book and follows it, whoever it is now.

use crate::notices;
use engine::Engine;
use protocol::Ballot;
use protocol::rpc::cluster::ReplicaReport;
use protocol::rpc::storage::ServerInfo;
use std::sync::Arc;
use std::time::Duration;
use storage::volume::replica::ReplicaVolume;
use storage::volume::{Nodes, cluster};
use tokio_util::sync::CancellationToken;

/// Between two tries of following a writer.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(50);

/// One replica's search for the writer.
pub struct Follower {
    pub nodes: Nodes,
    pub instance: u32,
    /// What clients of the replica dial.
    pub address: String,
}

impl Follower {
    /// Follows whoever is the writer until `ended`.
    pub async fn follow(self, volume: Arc<ReplicaVolume>, engine: Arc<Engine>, ended: CancellationToken) {
        let subscribe = async {
            loop {
                if let Some(writer) = self.writer(volume.id()).await {
                    let (reporting, reader) = (volume.clone(), engine.clone());
                    let (instance, address) = (self.instance, self.address.clone());
                    let report = move || {
                        let (floor, snapshots) = reader.live_snapshots();
                        ReplicaReport {
                            instance: instance.into(),
                            applied_lsn: reporting.applied().0,
                            snapshot_floor: floor.0,
                            snapshots: snapshots.iter().map(|snapshot| snapshot.0).collect(),
                            address: address.clone(),
                            pid: std::process::id(),
                            lag_micros: reporting.lag_micros(),
                        }
                    };
                    let notify = |notice| volume.notify(&notice);
                    tokio::select! {
                        followed = notices::follow(&writer.cluster_address, report, notify) => {
                            if let Err(why) = followed {
                                tracing::debug!(writer = writer.address, why = %why, "not following the writer");
                            }
                        }
                        () = succeeded(&volume, Ballot(writer.ballot)) => {}
                    }
                }
                tokio::time::sleep(FOLLOW_INTERVAL).await;
            }
        };
        tokio::select! {
            () = subscribe => {}
            () = ended.cancelled() => {}
        }
    }

    async fn writer(&self, volume: u64) -> Option<ServerInfo> {
        let book = cluster::register(&self.nodes, volume, None, 0).await.ok()?;
        book.writer().cloned()
    }
}

/// Completes when storage knows of a writer above `ballot`: one that is stopped keeps its stream and says nothing.
async fn succeeded(volume: &ReplicaVolume, ballot: Ballot) {
    while volume.ballot() <= ballot {
        tokio::time::sleep(FOLLOW_INTERVAL).await;
    }
}
