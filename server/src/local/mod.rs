//! `redoubt local`: the whole cluster on this machine, in one process or in many.
//!
//! ```text
//! DIR/redoubt      marks the directory as ours: format and lock, with the pid of who holds it
//! DIR/node-1 ..N   the storage nodes' directories, zones a a b b c c, then a b c in turn
//! ```
//!
//! Both ways use the same directory, the same node code and the same writer code; what differs is the boundary between
//! node and writer: a call that passes bytes, or a Unix socket.

pub mod in_process;
pub mod processes;

use crate::address::NodeAddress;
use crate::directory::Directory;
use crate::init::Wanted;
use crate::options::{Local, NODES_MAX, Which};
use crate::output::tell;
use crate::ports;
use crate::settings::BadSetting;
use anyhow::Context;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, TcpSocket};

/// A Unix socket's path may have 107 bytes; longer data directories get their sockets elsewhere.
const SOCKET_PATH_BYTES_MAX: usize = 100;

impl Local {
    /// The volume of a local cluster: the one that was made here before, or the only one.
    fn volume(&self, before: Option<u64>) -> Wanted {
        let which = before.map_or(Which::Only, Which::This);
        Wanted { which, pages_per_group: self.group_pages, quota_bytes: None }
    }

    /// The storage nodes' numbers: those of before all come back, whether or not that many are asked for, and though a
    /// directory between theirs be lost.
    fn node_ids(&self, data: &Path) -> RangeInclusive<u32> {
        let before = (1..=NODES_MAX).rev().find(|id| node_directory(data, *id).is_dir());
        1..=self.nodes.max(before.unwrap_or(0))
    }
}

/// Zone of node `id`, from 1.
fn zone(id: u32) -> &'static str {
    match id {
        1..=6 => ["a", "b", "c"][(id as usize - 1) / 2],
        _ => ["a", "b", "c"][(id as usize - 7) % 3],
    }
}

fn node_directory(data: &Path, id: u32) -> PathBuf {
    data.join(format!("node-{id}"))
}

/// Where node `id` listens when it is a process of its own.
fn node_address(data: &Path, id: u32) -> NodeAddress {
    let path = data.join(format!("node-{id}.sock"));
    if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return NodeAddress::Unix(path);
    }
    // The same directory must lead to the same socket in every run.
    let digest = crc32c::crc32c(data.as_os_str().as_encoded_bytes());
    NodeAddress::Unix(std::env::temp_dir().join(format!("redoubt-{digest:08x}-{id}.sock")))
}

/// Binds a port of the loopback interface, or says which flag chooses another. The socket that comes with the listener
/// keeps the port for servers when the listener is gone ([`ports`]).
async fn bind(port: u16, flag: &str) -> anyhow::Result<(TcpListener, TcpSocket)> {
    let bound = async {
        let reserved = ports::keep_at(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let listener = TcpListener::bind(reserved.local_addr()?).await?;
        std::io::Result::Ok((listener, reserved))
    };
    bound.await.with_context(|| format!("port {port} cannot be opened; is it in use? choose another with {flag}"))
}

/// What clients and people connect to. Opened first: a cluster that cannot be reached should not touch its data.
struct Doors {
    /// The writer's, and those of the replicas.
    servers: Vec<TcpListener>,
    dashboard: TcpListener,
    /// Keep the ports of all of them.
    reserved: Vec<TcpSocket>,
}

/// The ports of [`Doors`], which are others than were asked for where that was port 0.
struct Ports {
    servers: Vec<u16>,
    dashboard: u16,
}

impl Doors {
    /// Replicas take the ports behind the writer's, or like it any that is free when its port is 0.
    async fn open(options: &Local) -> anyhow::Result<Doors> {
        let (mut servers, mut reserved) = (Vec::new(), Vec::new());
        for n in 0..=options.replicas {
            let port = match options.port {
                0 => 0,
                first => first
                    .checked_add(n)
                    .ok_or_else(|| BadSetting(format!("there is no port {n} behind {first} (--port)")))?,
            };
            let (listener, socket) = bind(port, "--port").await?;
            servers.push(listener);
            reserved.push(socket);
        }
        let (dashboard, socket) = bind(options.dashboard_port, "--dashboard-port").await?;
        reserved.push(socket);
        Ok(Doors { servers, dashboard, reserved })
    }

    fn ports(&self) -> std::io::Result<Ports> {
        let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
        let servers = self.servers.iter().map(port).collect::<Result<_, _>>()?;
        Ok(Ports { servers, dashboard: port(&self.dashboard)? })
    }
}

/// Opens the cluster's directory, creating it when it is new.
fn open_directory(options: &Local) -> anyhow::Result<(Directory, PathBuf)> {
    let directory = Directory::open(&options.data)?;
    let data = std::fs::canonicalize(&options.data)?;
    Ok((directory, data))
}

/// What to paste, once everything is up.
fn print_welcome(options: &Local, ports: &Ports, nodes: usize) {
    tell!("Redoubt is up: {nodes} storage nodes, a writer and {} replica(s).", options.replicas);
    for (n, port) in ports.servers.iter().enumerate() {
        let role = if n == 0 { "writer" } else { "replica" };
        tell!("  {role:<9} psql -h localhost -p {port} -U postgres");
    }
    let writer = ports.servers[0];
    tell!("  url       postgresql://postgres@localhost:{writer}/postgres");
    tell!("  status    http://localhost:{}/  or  redoubt status 127.0.0.1:{writer}", ports.dashboard);
    tell!("Ctrl-C ends it; the data stays in {}.", options.data.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_is_kept_for_whoever_listens_at_it_next() {
        let (listener, reserved) = bind(0, "--port").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        bind(address.port(), "--port").await.expect_err("it is listened at");
        drop(listener);
        let other = TcpSocket::new_v4().expect("a socket");
        other.bind(address).expect_err("it is not for those who would have it to themselves, as any that is free");
        TcpListener::bind(address).await.expect("a server may have it");
        drop(reserved);
    }
}
