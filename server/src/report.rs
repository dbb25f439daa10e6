//! `status`: the cluster as one server sees it, from the storage nodes themselves and from their address books.

use crate::compute::{Compute, Role, State};
use futures::future::join_all;
use protocol::rpc::storage::{HydrationStatus, ServerInfo, StatusReply};
use protocol::volume::PageSource;
use protocol::{Ballot, Lsn};
use serde_json::{Value, json};
use std::time::Duration;
use storage::volume::cluster::{self, AddressBook};
use storage::volume::writer::STALLED_AFTER;

/// A server that takes longer to accept a connection is reported as down.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Whether something accepts connections there.
async fn answers(address: &str) -> bool {
    let connected = tokio::time::timeout(ANSWER_TIMEOUT, tokio::net::TcpStream::connect(address)).await;
    connected.is_ok_and(|stream| stream.is_ok())
}

/// The JSON that `redoubt status --json` prints.
pub async fn status(server: &Compute) -> Value {
    let states: Vec<StatusReply> = cluster::status(server.nodes()).await.into_iter().flatten().collect();
    let config = states.iter().find_map(|state| state.config.clone());
    let book = match &config {
        Some(config) => cluster::register(server.nodes(), config.volume, None, 0).await.unwrap_or_default(),
        None => AddressBook::default(),
    };
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
    let members = config.map(|config| config.members).unwrap_or_default();
    let mut nodes: Vec<Value> = states.iter().map(node_json).collect();
    for member in members {
        if !states.iter().any(|state| state.node == member.node) {
            nodes.push(json!({
                "id": member.node, "zone": member.zone, "addr": member.address, "pid": null, "state": "down",
                "scl_received": null, "scl_flushed": null,
            }));
        }
    }
    nodes.sort_by_key(|node| node["id"].as_u64());
    let epoch = states.iter().map(|state| Ballot(state.promised)).max().unwrap_or_default();
    json!({
        "servers": servers, "storage_nodes": nodes, "vdl": vdl.to_string(), "epoch": epoch.counter(),
        "writes": writes_json(server),
    })
}

/// Whether writes become durable, as only the writer knows: null when another server is asked.
fn writes_json(server: &Compute) -> Value {
    let State::Writer(writing) = server.state() else { return Value::Null };
    let (census, waiting) = writing.volume.write_state();
    let state = match waiting {
        _ if !census.is_quorum() => "waiting",
        Some(waiting) if waiting >= STALLED_AFTER => "waiting",
        _ => "ok",
    };
    json!({
        "state": state,
        "why": (state != "ok").then(|| census.to_string()),
        "nodes_taking": census.taking,
        "waiting_ms": waiting.map_or(0, |waiting| waiting.as_millis() as u64),
    })
}

fn node_json(state: &StatusReply) -> Value {
    let highest = |mark: fn(&protocol::rpc::storage::SegmentMark) -> u64| {
        Lsn(state.marks.iter().map(mark).max().unwrap_or_default()).to_string()
    };
    json!({
        "id": state.node,
        "zone": state.zone,
        "addr": state.address,
        "pid": state.pid,
        "state": state.state,
        "scl_received": highest(|mark| mark.scl_received),
        "scl_flushed": highest(|mark| mark.scl_flushed),
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
