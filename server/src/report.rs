//! `status`: the cluster as one server sees it, from the storage nodes themselves and from their address books.

use crate::compute::{Compute, Role, State};
use crate::spare::is_spare;
use futures::future::join_all;
use protocol::rpc::storage::{HydrationStatus, ServerInfo, StatusReply};
use protocol::volume::PageSource;
use protocol::{Ballot, Lsn};
use serde_json::{Map, Value, json};
use sql::functions::{NodeRole, StorageNodeStatus};
use std::time::Duration;
use storage::volume::cluster::{self, AddressBook};

/// A server that takes longer to accept a connection is reported as down.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Whether something accepts connections there.
async fn answers(address: &str) -> bool {
    let connected = tokio::time::timeout(ANSWER_TIMEOUT, tokio::net::TcpStream::connect(address)).await;
    connected.is_ok_and(|stream| stream.is_ok())
}

/// The JSON that `redoubt status --json` prints.
pub async fn status(server: &Compute) -> Value {
    let storage = server.roster();
    let view = server.look().await;
    let mut book = cluster::register(&storage.seats(), storage.volume(), None, 0).await.unwrap_or_default();
    book.servers.retain(|it| !is_spare(it));
    let vdl = match server.state() {
        State::Writer(writing) => writing.volume.flushed_vdl(),
        _ => book.flushed_vdl,
    };
    // A fenced writer may still hold a lease, and so may a dead one: neither is the writer.
    let writer = book.writer().map(|writer| writer.instance);
    // Each start of a server has a port of its own for the cluster, so that one that died does not pass for the one that
    // was started again where clients dial.
    let ups = join_all(book.servers.iter().map(|server| answers(&server.cluster_address))).await;
    let entries: Vec<(&ServerInfo, bool)> = book.servers.iter().zip(ups).collect();
    let replaced = |dead: &ServerInfo| entries.iter().any(|(it, up)| *up && it.address == dead.address);
    let servers: Vec<Value> = entries
        .iter()
        .filter(|(it, up)| *up || !replaced(it))
        .map(|(it, up)| {
            let role = if *up && Some(it.instance) == writer { Role::Writer } else { Role::Replica };
            json!({
                "role": role.name(),
                "state": if *up { "up" } else { "down" },
                "addr": it.address,
                "pid": it.pid,
                "lsn": Lsn(it.applied_lsn).to_string(),
                "lag_bytes": vdl.since(Lsn(it.applied_lsn)),
                "lag_ms": it.lag_micros as f64 / 1000.0,
                "epoch": Ballot(it.ballot).counter(),
            })
        })
        .collect();
    let nodes: Vec<Value> = view.nodes.iter().map(|(node, status)| node_json(node, status.as_ref())).collect();
    let promised = view.nodes.iter().filter_map(|(_, status)| status.as_ref()).map(|status| Ballot(status.promised));
    let epoch = promised.max().unwrap_or_default();
    json!({
        "servers": servers, "storage_nodes": nodes, "vdl": vdl.to_string(), "epoch": epoch.counter(),
        "membership_epoch": storage.membership().id().epoch,
        "writes": writes_json(server, &book), "volume": format!("{:016x}", storage.volume()),
    })
}

/// Whether writes become durable: as this writer knows, or as the writer has left it in the address book lately; null when
/// there is none.
fn writes_json(server: &Compute, book: &AddressBook) -> Value {
    let state = match server.state() {
        State::Writer(writing) => Some(writing.write_state()),
        _ => book.writer().and_then(|writer| writer.writes.clone()),
    };
    let Some(state) = state else { return Value::Null };
    json!({
        "state": if state.ok { "ok" } else { "waiting" },
        "why": (!state.ok).then_some(state.why),
        "nodes_taking": state.nodes_taking,
        "waiting_ms": state.waiting_ms,
    })
}

/// Names that are there for every node, then what only the node itself can tell.
fn node_json(node: &StorageNodeStatus, status: Option<&StatusReply>) -> Value {
    let lsn = |lsn: Option<Lsn>| lsn.map(|lsn| lsn.to_string());
    let mut fields = object(json!({
        "id": node.node.0,
        "incarnation": node.incarnation,
        "zone": node.zone,
        "addr": node.address,
        "pid": node.pid,
        "role": node.role.name(),
        "state": node.state,
        "scl_received": lsn(node.scl_received),
        "scl_flushed": lsn(node.scl_flushed),
    }));
    let mut add = |more: Value| fields.extend(object(more));
    if let NodeRole::Joining(replaces) = node.role {
        add(json!({
            "replaces": replaces.0,
            "hydrated_bytes": node.hydration.map(|hydration| hydration.bytes),
            "total_bytes": node.hydration.map(|hydration| hydration.total_bytes),
            "groups_whole": node.hydration.map(|hydration| hydration.groups_whole),
        }));
    }
    if let Some(status) = status {
        add(told(status));
    }
    Value::Object(fields)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn told(state: &StatusReply) -> Value {
    json!({
        "groups": state.marks.len(),
        "behind_bytes": state.behind_bytes,
        "hydrating": state.hydrating.iter().map(hydration_json).collect::<Vec<_>>(),
        "epoch": Ballot(state.promised).counter(),
        "vdl_heard": Lsn(state.flushed_vdl_heard).to_string(),
        "gc_floor": Lsn(state.gc_floor).to_string(),
        "log_bytes": state.log_bytes,
        "uncoalesced_bytes": state.uncoalesced_bytes,
        "image_bytes": state.image_bytes,
        "image_file_bytes": state.image_file_bytes,
        "quota_bytes": state.config.as_ref().map(|config| config.quota_bytes).filter(|quota| *quota != 0),
        "scrubbed_log_bytes": state.scrubbed_log_bytes,
        "scrubbed_images": state.scrubbed_images,
        "damage_found": state.damage_found,
        "damage_repaired": state.damage_repaired,
        "pages_served": state.pages_served,
        "fsyncs": state.fsyncs,
    })
}

fn hydration_json(hydration: &HydrationStatus) -> Value {
    json!({
        "group": hydration.group,
        "target": Lsn(hydration.target).to_string(),
        "pages": hydration.pages,
        "bytes": hydration.bytes,
        "next_page": hydration.next_page,
    })
}
