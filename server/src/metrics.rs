//! `/metrics`: Prometheus text, named `redoubt_<noun>_<unit>`.

use crate::compute::{Compute, State};
use protocol::volume::PageSource;
use protocol::{Ballot, Lsn};
use sql::functions::{NodeRole, ReplicaStatus};
use std::fmt::Write;
use std::sync::Arc;

/// The exposition of the servers of this process and of the storage nodes they reach.
pub async fn render(servers: &[Arc<Compute>]) -> String {
    let mut text = String::new();
    let mut vdl = Lsn::ZERO;
    for server in servers {
        let address = server.address();
        let mut line = |prefix: &str, name: &str, value: u64| {
            let _ = writeln!(text, "redoubt_{prefix}_{name}{{server=\"{address}\"}} {value}");
        };
        let failovers = server.failovers().list();
        line("server", "failovers", failovers.len() as u64);
        if let Some(last) = failovers.last() {
            line("server", "last_failover_micros", last.total.as_micros() as u64);
        }
        line("connections", "open", server.backends.count() as u64);
        for (name, value) in server.backends.counters.list() {
            line("connections", name, value);
        }
        match server.state() {
            State::Starting => {}
            State::Writer(writing) => {
                let volume = &writing.volume;
                vdl = vdl.max(volume.flushed_vdl());
                line("writer", "flushed_vdl", volume.flushed_vdl().0);
                line("writer", "received_vdl", volume.received_vdl().0);
                line("writer", "epoch", volume.ballot().counter().into());
                let (census, waiting) = volume.write_state();
                line("writer", "nodes_taking", census.taking as u64);
                line("writer", "nodes_full", census.full as u64);
                line("writer", "nodes_silent", census.silent as u64);
                line("writer", "nodes_incomplete", census.incomplete as u64);
                line("writer", "nodes_down", census.down as u64);
                line("writer", "commits_stalled_micros", waiting.unwrap_or_default().as_micros() as u64);
                line("writer", "unconfirmed_micros", volume.unconfirmed_for().as_micros() as u64);
                line("writer", "kept_bytes", volume.kept_bytes() as u64);
                line("writer", "room_bytes", volume.room_bytes());
                line("writer", "replicas", server.followers().list().len() as u64);
                for (name, value) in volume.counters().list() {
                    line("writer", name, value);
                }
                for (name, value) in writing.engine.stats().list() {
                    line("writer", name, value);
                }
            }
            State::Replica(following) => {
                let volume = &following.volume;
                vdl = vdl.max(volume.flushed_vdl());
                line("replica", "applied_lsn", volume.applied().0);
                line("replica", "lag_micros", volume.lag_micros());
                line("replica", "lag_bytes", volume.flushed_vdl().since(volume.applied()));
                line("replica", "age_micros", volume.age().as_micros() as u64);
                line("replica", "epoch", volume.ballot().counter().into());
                for (name, value) in volume.counters().list() {
                    line("replica", name, value);
                }
                for (name, value) in following.engine.stats().list() {
                    line("replica", name, value);
                }
            }
        }
        // What its replicas report: they may be processes without a port like this.
        for replica in one_of_each_address(server.followers().list()) {
            let labels = format!("server=\"{address}\",replica=\"{}\"", replica.address);
            let mut line = |name: &str, value: u64| {
                let _ = writeln!(text, "redoubt_follower_{name}{{{labels}}} {value}");
            };
            line("sent_lsn", replica.sent.0);
            line("applied_lsn", replica.applied.0);
            line("lag_micros", replica.lag.as_micros() as u64);
        }
    }
    let Some(server) = servers.first() else { return text };
    let volume = format!("{:016x}", server.roster().volume());
    let _ = writeln!(text, "redoubt_volume_vdl{{volume=\"{volume}\"}} {}", vdl.0);
    let view = server.look().await;
    let count = |wanted: &str| view.nodes.iter().filter(|(node, _)| node.role.name() == wanted).count();
    for role in ["member", "leaving", "joining", "spare"] {
        let _ = writeln!(text, "redoubt_volume_nodes{{volume=\"{volume}\",role=\"{role}\"}} {}", count(role));
    }
    let epoch = server.roster().membership().id().epoch;
    let _ = writeln!(text, "redoubt_volume_membership_epoch{{volume=\"{volume}\"}} {epoch}");
    for (node, _) in &view.nodes {
        let (NodeRole::Joining(old), Some(hydration)) = (node.role, node.hydration) else { continue };
        let labels = format!("volume=\"{volume}\",node=\"{}\",by=\"{}\"", old.0, node.node.0);
        let mut line = |name: &str, value: u64| {
            let _ = writeln!(text, "redoubt_replacement_{name}{{{labels}}} {value}");
        };
        line("hydrated_bytes", hydration.bytes);
        line("total_bytes", hydration.total_bytes);
        line("groups_whole", hydration.groups_whole.into());
        line("groups", node.groups.unwrap_or_default().into());
    }
    for state in view.nodes.iter().filter_map(|(_, status)| status.as_ref()) {
        // What a node tells is of this volume; it may keep others.
        let labels = format!("volume=\"{volume}\",node=\"{}\"", state.node);
        let mut line = |name: &str, value: u64| {
            let _ = writeln!(text, "redoubt_node_{name}{{{labels},zone=\"{}\"}} {value}", state.zone);
        };
        line("epoch", Ballot(state.promised).counter().into());
        line("flushed_vdl_heard", state.flushed_vdl_heard);
        line("gc_floor", state.gc_floor);
        line("log_bytes", state.log_bytes);
        line("uncoalesced_bytes", state.uncoalesced_bytes);
        line("image_bytes", state.image_bytes);
        line("image_file_bytes", state.image_file_bytes);
        line("quota_bytes", state.config.as_ref().map_or(0, |config| config.quota_bytes));
        line("scrubbed_log_bytes", state.scrubbed_log_bytes);
        line("scrubbed_images", state.scrubbed_images);
        line("damage_found", state.damage_found);
        line("damage_repaired", state.damage_repaired);
        line("pages_served", state.pages_served);
        line("fsyncs", state.fsyncs);
        line("behind_bytes", state.behind_bytes);
        line("hydrating_groups", state.hydrating.len() as u64);
        line("hydrated_bytes", state.hydrating.iter().map(|hydration| hydration.bytes).sum());
        for mark in &state.marks {
            let group = mark.group;
            let mut line = |name: &str, value: u64| {
                let _ = writeln!(text, "redoubt_segment_{name}{{{labels},group=\"{group}\"}} {value}");
            };
            line("scl_received", mark.scl_received);
            line("scl_flushed", mark.scl_flushed);
        }
    }
    text
}

/// Of the replicas at one address the one that reported last: it was started again, and the end of what it was before is not
/// noticed yet. Of two samples of one series Prometheus keeps one, by chance the older.
fn one_of_each_address(mut replicas: Vec<ReplicaStatus>) -> Vec<ReplicaStatus> {
    replicas.sort_by(|a, b| a.address.cmp(&b.address).then(b.reported.cmp(&a.reported)));
    replicas.dedup_by(|older, newer| older.address == newer.address);
    replicas
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn no_series_is_there_twice() {
        let replica = |address: &str, reported: i64| ReplicaStatus {
            address: address.into(),
            pid: 1,
            since: 0,
            sent: Lsn::ZERO,
            applied: Lsn(reported as u64),
            lag: Duration::ZERO,
            reported,
        };
        let shown =
            one_of_each_address(vec![replica("b:1", 5), replica("a:1", 7), replica("b:1", 9), replica("b:1", 8)]);
        let shown: Vec<_> = shown.iter().map(|replica| (&*replica.address, replica.applied)).collect();
        assert_eq!(shown, [("a:1", Lsn(7)), ("b:1", Lsn(9))]);
    }
}
