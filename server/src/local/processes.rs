//! Every node and server a child process of its own, to be killed one by one.
//!
//! A child that dies stays dead: that is what people want to see. Its command is printed, to start it again by hand.
//!
//! The servers are stopped before the storage nodes: what a writer has acknowledged, it has yet to make durable. A
//! terminal tells all of them at once that Ctrl-C was pressed, and they leave it to this process ([`signals`]).

use super::{Doors, Ports, node_address, node_directory, open_directory, print_welcome, zone};
use crate::address::NodeAddress;
use crate::auth::Authentication;
use crate::directory::Directory;
use crate::init::{Created, Emptied};
use crate::options::Local;
use crate::output::tell;
use crate::{encryption, init, nodes, signals};
use anyhow::{Context, bail};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use protocol::FORMAT_VERSION;
use protocol::node::StorageNode;
use protocol::rpc::storage::StatusRequest;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::volume::{Nodes, cluster};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a child may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(8);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// By when a signal that came to all has been heard of here.
const HEARD_WITHIN: Duration = Duration::from_millis(100);

/// A child process and how to start it again.
struct Member {
    name: String,
    kind: Kind,
    arguments: Vec<OsString>,
    child: Child,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Node,
    Server,
}

/// What stops a cluster.
#[derive(Clone, Default)]
struct Stops {
    servers: CancellationToken,
    nodes: CancellationToken,
}

impl Stops {
    fn of(&self, kind: Kind) -> &CancellationToken {
        match kind {
            Kind::Server => &self.servers,
            Kind::Node => &self.nodes,
        }
    }

    /// Whether the cluster is being stopped, and not one member alone.
    fn begun(&self) -> bool {
        self.servers.is_cancelled()
    }
}

impl Member {
    fn start(name: String, kind: Kind, arguments: Vec<OsString>) -> anyhow::Result<Member> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command.args(&arguments).env(signals::STOPPED_BY_LOCAL, std::process::id().to_string()).kill_on_drop(true);
        // What is said of it is among the arguments: these settings are of `local` itself.
        for setting in ["CONFIG", "DASHBOARD_PORT", "ADVERTISE", "NO_TAKEOVER"] {
            command.env_remove(format!("REDOUBT_{setting}"));
        }
        let child = command.spawn().context(name.clone())?;
        Ok(Member { name, kind, arguments, child })
    }

    fn command_line(&self) -> String {
        let words = self.arguments.iter().map(|word| word.to_string_lossy().into_owned());
        std::iter::once("redoubt".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Waits for its end and says how to start it again; returns what it was, and the status.
    async fn watch(mut self, stops: Stops) -> (String, Kind, std::io::Result<ExitStatus>) {
        let status = tokio::select! {
            status = self.child.wait() => status,
            () = stops.of(self.kind).cancelled() => self.stop().await,
        };
        if !stops.begun() {
            tell!("{} ended; start it again with\n  {}", self.name, self.command_line());
        }
        (self.name, self.kind, status)
    }

    async fn stop(&mut self) -> std::io::Result<ExitStatus> {
        // Without an id it has ended.
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM)?;
        }
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                self.child.kill().await?;
                self.child.wait().await
            }
        }
    }
}

/// Runs the cluster until Ctrl-C or SIGTERM.
///
/// # Errors
/// When a port or the directory cannot be had, or a process does not come up.
pub async fn run(options: Local) -> anyhow::Result<()> {
    Authentication::from_options(&options.server.auth)?;
    encryption::from_options(&options.server.tls)?;
    // Opened before anything is touched, and given back one by one when the children start. The ports are kept for as
    // long as this runs, also for a child that is started again by hand.
    let mut doors = Doors::open(&options).await?;
    let ports = doors.ports()?;
    let _reserved = std::mem::take(&mut doors.reserved);
    let (mut directory, data) = open_directory(&options)?;
    let shutdown = signals::shutdown();
    let mut members = Vec::new();
    tokio::select! {
        biased;
        // Those that were started by then are stopped in order.
        () = shutdown.cancelled() => {}
        started = start(&options, doors, &ports, &mut directory, &data, &mut members) => {
            // One that handles no signals yet ends by Ctrl-C, perhaps before this process has heard of it.
            if started.is_err() && timeout(HEARD_WITHIN, shutdown.cancelled()).await.is_err() {
                return started;
            }
        }
    }
    let stops = Stops::default();
    let mut servers = members.iter().filter(|member| member.kind == Kind::Server).count();
    let mut running: FuturesUnordered<_> = members.into_iter().map(|member| member.watch(stops.clone())).collect();
    loop {
        if stops.begun() && servers == 0 {
            stops.nodes.cancel();
        }
        tokio::select! {
            () = shutdown.cancelled(), if !stops.begun() => stops.servers.cancel(),
            ended = running.next() => match ended {
                Some((name, kind, status)) => {
                    servers -= usize::from(kind == Kind::Server);
                    if let Err(error) = status {
                        tracing::warn!(name, %error, "could not wait for a process");
                    }
                }
                None if stops.begun() => return Ok(()),
                // All are dead and the cluster's directory stays locked until someone ends us.
                None => {
                    shutdown.cancelled().await;
                    return Ok(());
                }
            },
        }
    }
}

/// Starts the storage nodes, and the servers when there is a volume, and says so.
async fn start(
    options: &Local,
    doors: Doors,
    ports: &Ports,
    directory: &mut Directory,
    data: &Path,
    members: &mut Vec<Member>,
) -> anyhow::Result<()> {
    let ids = options.node_ids(data);
    let addresses: Vec<NodeAddress> = ids.clone().map(|id| node_address(data, id)).collect();
    let texts: Vec<String> = addresses.iter().map(NodeAddress::to_string).collect();
    let storage = texts.join(",");
    for (id, address) in ids.zip(&addresses) {
        let mut arguments: Vec<OsString> = vec!["storage".into(), "--data".into(), node_directory(data, id).into()];
        arguments.extend(["--listen".into(), address.to_string().into()]);
        arguments.extend(["--zone".into(), zone(id).into(), "--id".into(), id.to_string().into()]);
        // One that comes back without its disk's content offers itself as the new member in its own place.
        arguments.extend(["--storage".into(), storage.clone().into()]);
        members.push(Member::start(format!("storage node {id}"), Kind::Node, arguments)?);
    }
    let links = addresses.iter().map(nodes::connect).collect::<anyhow::Result<Vec<_>>>()?;
    for link in &links {
        wait_until_up(link, members).await?;
    }
    let created = init::create(&links, &texts, options.volume(directory.volume()), Emptied::Replaced).await?;
    let (Created::New(volume) | Created::Existed(volume)) = created;
    directory.keep_volume(volume)?;
    let links: Nodes = links.into();

    let mut dashboard = Some(doors.dashboard);
    for ((n, port), door) in ports.servers.iter().enumerate().zip(doors.servers) {
        let role = if n == 0 { "writer" } else { "replica" };
        let mut arguments: Vec<OsString> = vec![role.into(), "--storage".into(), storage.clone().into()];
        // Others may have been made on the same nodes.
        arguments.extend(["--volume".into(), format!("{volume:016x}").into()]);
        arguments.extend(["--listen".into(), format!("127.0.0.1:{port}").into()]);
        arguments.extend(options.server.arguments().into_iter().map(OsString::from));
        if n == 0 {
            arguments.extend(["--dashboard-port".into(), ports.dashboard.to_string().into()]);
        }
        let name = if n == 0 { "writer".to_owned() } else { format!("replica {n}") };
        drop(door);
        if n == 0 {
            drop(dashboard.take());
        }
        members.push(Member::start(name, Kind::Server, arguments)?);
        wait_until_listening(*port, members).await?;
        if n == 0 {
            // Its recovery settles which ballot the replicas open under, and a new volume gets its catalog from it.
            wait_until_writing(&links, volume, members).await?;
        }
    }
    print_welcome(options, ports, addresses.len());
    tell!("Processes:");
    for member in members {
        tell!("  {:<16} pid {}", member.name, member.child.id().unwrap_or_default());
    }
    Ok(())
}

fn check_alive(members: &mut [Member]) -> anyhow::Result<()> {
    for member in members {
        if let Some(status) = member.child.try_wait()? {
            bail!("{} ended with {status}; its command is\n  {}", member.name, member.command_line());
        }
    }
    Ok(())
}

async fn wait_until_up(link: &Arc<dyn StorageNode>, members: &mut [Member]) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match link.status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
        }
        check_alive(members)?;
    }
}

/// Waits until the child that was started last is in the address book as the writer.
async fn wait_until_writing(links: &Nodes, volume: u64, members: &mut [Member]) -> anyhow::Result<()> {
    let pid = members.last().and_then(|member| member.child.id());
    loop {
        let book = cluster::register(links, volume, None, 0).await.unwrap_or_default();
        if book.servers.iter().any(|server| server.role == "writer" && Some(server.pid) == pid) {
            return Ok(());
        }
        check_alive(members)?;
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn wait_until_listening(port: u16, members: &mut [Member]) -> anyhow::Result<()> {
    loop {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        check_alive(members)?;
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
