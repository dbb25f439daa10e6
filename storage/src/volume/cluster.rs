//! Small calls to all nodes of a volume: create it, look at it, find its servers.

use super::{Nodes, VOLUME_CALL_TIMEOUT, corrupt};
use crate::quorum::{COPIES, READ_QUORUM, WRITE_QUORUM};
use futures::future::{BoxFuture, FutureExt, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use hashbrown::HashMap;
use protocol::node::{NodeError, NodeResult, StorageNode};
use protocol::rpc::storage as rpc;
use protocol::task::timeout;
use protocol::volume::VolumeError;
use protocol::{Ballot, FORMAT_VERSION, Lsn};
use std::sync::Arc;
use std::time::Duration;

/// A node that has not told of the writer's silence by then tells nothing.
const SILENCE_CALL_TIMEOUT: Duration = Duration::from_millis(150);

/// Once enough nodes have answered, the others have this long: a node that hangs is down for this question.
pub const GRACE: Duration = Duration::from_millis(100);

/// Sends one request to all nodes and returns each one's answer, in their order. Waits for all; once `enough` of them have
/// answered, for [`GRACE`] and no longer.
async fn ask_all<'a, T>(
    nodes: &'a Nodes,
    enough: usize,
    ask: impl Fn(&'a dyn StorageNode) -> BoxFuture<'a, NodeResult<T>>,
) -> Vec<NodeResult<T>> {
    let late = || Err(NodeError::Unreachable("no answer in time".into()));
    let mut answers: Vec<NodeResult<T>> = nodes.iter().map(|_| late()).collect();
    let mut asked: FuturesUnordered<_> =
        nodes.iter().enumerate().map(|(index, node)| ask(&**node).map(move |answer| (index, answer))).collect();
    let mut answered = 0;
    let whole = timeout(VOLUME_CALL_TIMEOUT, async {
        while answered < enough
            && let Some((index, answer)) = asked.next().await
        {
            answered += usize::from(answer.is_ok());
            answers[index] = answer;
        }
    });
    if whole.await.is_ok() {
        let rest = timeout(GRACE, async {
            while let Some((index, answer)) = asked.next().await {
                answers[index] = answer;
            }
        });
        // Who has not answered by now keeps the answer that it has none.
        let _ = rest.await;
    }
    answers
}

/// For how long `node` has heard nothing of a writer, and the highest ballot it has promised; `None` when it does not say.
pub async fn silence_at(node: &dyn StorageNode, volume: u64) -> Option<(Duration, Ballot)> {
    let request = rpc::RegisterRequest { volume, version: FORMAT_VERSION, server: None, lease_ms: 0 };
    let reply = timeout(SILENCE_CALL_TIMEOUT, node.register(request)).await.ok()?.ok()?;
    Some((Duration::from_millis(reply.writer_silent_ms), Ballot(reply.promised)))
}

/// The writer of the address book, unless a read quorum has heard nothing of it for `within`. A node that does not say in time
/// may have heard it. For people who start a second one, and only for them: recovery fences it either way.
///
/// # Errors
/// [`VolumeError::Unavailable`] when no node tells of the volume and its servers: there may be a writer.
pub async fn living_writer(nodes: &Nodes, within: Duration) -> Result<Option<rpc::ServerInfo>, VolumeError> {
    let volume = config(nodes).await?.volume;
    let book = register(nodes, volume, None, 0).await?;
    let answers = join_all(nodes.iter().map(|node| silence_at(&**node, volume))).await;
    let silences = answers.into_iter().flatten().map(|(silence, _)| silence);
    Ok(book.writer().filter(|_| !is_silent(silences, within)).cloned())
}

/// Whether a read quorum has heard nothing of the writer for `within`, by what the nodes said that answered.
fn is_silent(silences: impl Iterator<Item = Duration>, within: Duration) -> bool {
    silences.filter(|silence| *silence >= within).count() >= READ_QUORUM
}

/// Identity and watermarks of every node, of those that answer in time once `enough` of them have.
pub async fn status(nodes: &Nodes, enough: usize) -> Vec<NodeResult<rpc::StatusReply>> {
    ask_all(nodes, enough, |node| node.status(rpc::StatusRequest { version: FORMAT_VERSION, volume: 0 })).await
}

/// The configuration of the volume that the nodes hold.
///
/// # Errors
/// [`VolumeError::Unavailable`] when none answers or none has a volume; [`VolumeError::Corrupt`] when they hold different
/// ones.
pub async fn config(nodes: &Nodes) -> Result<rpc::VolumeConfig, VolumeError> {
    let mut found: Option<rpc::VolumeConfig> = None;
    let mut answered = 0;
    // One would do: a volume is on all six or on none.
    let status = ask_all(nodes, 1, |node| node.status(rpc::StatusRequest { version: FORMAT_VERSION, volume: 0 }));
    for reply in status.await.into_iter().flatten() {
        answered += 1;
        let Some(config) = reply.config else { continue };
        match &found {
            Some(known) if known.volume != config.volume => return Err(corrupt("the nodes hold different volumes")),
            Some(_) => {}
            None => found = Some(config),
        }
    }
    found.ok_or_else(|| {
        VolumeError::Unavailable(format!("{answered} of {COPIES} storage nodes answer, none has a volume"))
    })
}

/// Creates the volume on these nodes, all of its own, which must be empty or have this very volume: a creation that was
/// interrupted is repeated with the same configuration.
///
/// # Errors
/// [`VolumeError::Unavailable`] when a node does not answer or refuses: `init` wants all of them.
pub async fn create_volume(nodes: &Nodes, config: &rpc::VolumeConfig) -> Result<(), VolumeError> {
    let request = || rpc::CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config.clone()) };
    let all = nodes.len();
    for (node, reply) in ask_all(nodes, all, |node| node.create_volume(request())).await.into_iter().enumerate() {
        match reply {
            Ok(_) => {}
            Err(error) => return Err(VolumeError::Unavailable(format!("node {node}: {error}"))),
        }
    }
    let held = ask_all(nodes, all, |node| node.status(rpc::StatusRequest { version: FORMAT_VERSION, volume: 0 }));
    let held = held.await.into_iter().flatten();
    let same = held.filter(|reply| reply.config.as_ref().is_some_and(|held| held.volume == config.volume)).count();
    if same < all {
        return Err(VolumeError::Unavailable(format!("{same} of {all} storage nodes hold the new volume")));
    }
    Ok(())
}

/// The servers of a cluster, as its storage nodes know them.
#[derive(Clone, Debug, Default)]
pub struct AddressBook {
    /// One entry for each instance, the newest.
    pub servers: Vec<rpc::ServerInfo>,
    /// The highest ballot promised.
    pub promised: Ballot,
    /// The highest flushed VDL announced.
    pub flushed_vdl: Lsn,
    /// How many nodes answered.
    pub answered: usize,
}

impl AddressBook {
    /// The writer: of those that say so, the one with the highest ballot. One that was replaced and does not know it has
    /// a lower one.
    #[must_use]
    pub fn writer(&self) -> Option<&rpc::ServerInfo> {
        self.servers.iter().filter(|server| server.role == "writer").max_by_key(|server| server.ballot)
    }
}

/// Registers a server for `lease_ms`, or only lists when there is none, and returns every live registration.
///
/// # Errors
/// [`VolumeError::Unavailable`] when a registration does not reach a write quorum, or nobody answers.
pub async fn register(
    nodes: &Nodes,
    volume: u64,
    server: Option<rpc::ServerInfo>,
    lease_ms: u32,
) -> Result<AddressBook, VolumeError> {
    let request = || rpc::RegisterRequest { volume, version: FORMAT_VERSION, server: server.clone(), lease_ms };
    let mut book = AddressBook::default();
    let mut servers: HashMap<u64, rpc::ServerInfo> = HashMap::new();
    let (needed, enough) = if server.is_some() { (WRITE_QUORUM, WRITE_QUORUM) } else { (1, READ_QUORUM) };
    for reply in ask_all(nodes, enough, |node| node.register(request())).await.into_iter().flatten() {
        book.answered += 1;
        book.promised = book.promised.max(Ballot(reply.promised));
        book.flushed_vdl = book.flushed_vdl.max(Lsn(reply.flushed_vdl_heard));
        for server in reply.servers {
            let newer =
                |known: &rpc::ServerInfo| (known.ballot, known.applied_lsn) < (server.ballot, server.applied_lsn);
            if servers.get(&server.instance).is_none_or(newer) {
                servers.insert(server.instance, server);
            }
        }
    }
    book.servers = servers.into_values().collect();
    book.servers.sort_unstable_by_key(|server| server.instance);
    if book.answered < needed {
        return Err(VolumeError::Unavailable(format!("{} of {COPIES} storage nodes answer", book.answered)));
    }
    Ok(book)
}

/// Six connections as the functions here take them.
#[must_use]
pub fn nodes(list: Vec<Arc<dyn StorageNode>>) -> Nodes {
    list.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_is_silent_by_the_word_of_a_read_quorum_and_not_by_answers_that_are_missing() {
        let within = Duration::from_secs(3);
        let is_silent = |said: &[u64]| is_silent(said.iter().map(|&ms| Duration::from_millis(ms)), within);
        assert!(!is_silent(&[]), "nobody has said so");
        assert!(!is_silent(&[9_000, 9_000]), "the others may have heard it");
        assert!(!is_silent(&[700; 6]), "it was held up");
        assert!(is_silent(&[3_000, 3_000, 3_000]));
        assert!(is_silent(&[9_000, 9_000, 9_000, 20, 20, 20]), "so many deny it a write quorum");
    }
}
