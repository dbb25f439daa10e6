//! What SQL functions and system relations ask of the server around them.

use crate::compute::{Compute, State};
use crate::{replacement, report};
use futures::future::BoxFuture;
use protocol::NodeId;
use sql::functions::{Admin, FailoverStatus, GroupStatus, ReplicaStatus, ServerStatus, StorageNodeStatus};
use std::sync::{Arc, Weak};
use std::time::Duration;
use types::{Error, SqlState};

/// See the module. It does not keep the server.
pub struct Administration {
    server: Weak<Compute>,
    connections_max: usize,
}

impl Administration {
    /// Of this server.
    #[must_use]
    pub fn of(server: &Arc<Compute>) -> Administration {
        Administration { server: Arc::downgrade(server), connections_max: server.options.connections_max }
    }
}

impl Admin for Administration {
    fn promote(&self) -> BoxFuture<'_, types::Result<()>> {
        Box::pin(async move {
            let outcome = self.server.upgrade().ok_or_else(stopping)?.become_writer().await;
            outcome.map_err(|why| Error::new(SqlState::CANNOT_CONNECT_NOW, format!("promotion failed: {why}")))
        })
    }

    fn status_json(&self) -> BoxFuture<'_, types::Result<String>> {
        Box::pin(async move { Ok(report::status(&*self.server.upgrade().ok_or_else(stopping)?).await.to_string()) })
    }

    fn staleness(&self) -> Option<Duration> {
        match self.server.upgrade()?.state() {
            State::Replica(following) => Some(following.volume.age()),
            State::Writer(_) => Some(Duration::ZERO),
            State::Starting => None,
        }
    }

    fn connections_max(&self) -> usize {
        self.connections_max
    }

    fn cancel_backend(&self, pid: i32) -> bool {
        self.server.upgrade().is_some_and(|server| server.backends.cancel(pid))
    }

    fn terminate_backend(&self, pid: i32) -> bool {
        self.server.upgrade().is_some_and(|server| server.backends.terminate(pid))
    }

    fn servers(&self) -> Vec<ServerStatus> {
        self.server.upgrade().map(|server| server.servers()).unwrap_or_default()
    }

    fn replicas(&self) -> Vec<ReplicaStatus> {
        self.server.upgrade().map(|server| server.followers().list()).unwrap_or_default()
    }

    fn failovers(&self) -> Vec<FailoverStatus> {
        self.server.upgrade().map(|server| server.failovers().list()).unwrap_or_default()
    }

    fn storage_nodes(&self) -> Vec<StorageNodeStatus> {
        let seen = self.server.upgrade().map(|server| server.seen());
        seen.map(|seen| seen.nodes.iter().map(|(node, _)| node.clone()).collect()).unwrap_or_default()
    }

    fn protection_groups(&self) -> Vec<GroupStatus> {
        self.server.upgrade().map(|server| server.seen().groups.clone()).unwrap_or_default()
    }

    fn replace_storage_node(&self, node: NodeId, address: Option<String>) -> BoxFuture<'_, types::Result<String>> {
        Box::pin(async move {
            let server = self.server.upgrade().ok_or_else(stopping)?;
            replacement::replace(&server, node, address).await
        })
    }

    fn revert_storage_node(&self, node: NodeId) -> BoxFuture<'_, types::Result<()>> {
        Box::pin(async move { replacement::revert(&self.server.upgrade().ok_or_else(stopping)?, node).await })
    }
}

fn stopping() -> Error {
    Error::new(SqlState::CANNOT_CONNECT_NOW, "the server is stopping")
}
