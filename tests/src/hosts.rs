//! A cluster on hosts of its own: every node and server in a network namespace with its own address, joined by a bridge.
//!
//! It is started with the commands that the README gives for real hosts, so what is tested is TCP between addresses, scram,
//! and a link that can be pulled: a cut host gets no reset and no refusal, its packets just vanish. Namespaces need
//! privileges, therefore [`enter`] moves the calling program into namespaces of its own first (with a user namespace
//! unless it is root); all of it vanishes with the program.

use crate::cluster::{PATIENCE, binary, redoubt, signal};
use crate::history;
use anyhow::{Context, ensure};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Config};

/// Storage nodes of a cluster.
pub const NODES: usize = 6;
/// Of the superuser.
pub const PASSWORD: &str = "open sesame";
const INSIDE: &str = "REDOUBT_TESTS_INSIDE";

/// Runs this very program again in namespaces of its own, unless it is there already, and ends with its status.
///
/// # Errors
/// When `unshare` of util-linux cannot be run.
pub fn enter() -> anyhow::Result<()> {
    if is_inside() {
        return Ok(());
    }
    let status = inside()?.args(std::env::args_os().skip(1)).status();
    std::process::exit(status.context("unshare")?.code().unwrap_or(1))
}

/// Whether this program is in namespaces of its own.
#[must_use]
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// This very program in namespaces of its own, without arguments yet.
///
/// # Errors
/// When it cannot be found.
pub fn inside() -> anyhow::Result<Command> {
    let mut command = Command::new("unshare");
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(std::env::current_exe()?).env(INSIDE, "1");
    Ok(command)
}

fn run(program: &str, arguments: &str) -> anyhow::Result<()> {
    let output = Command::new(program).args(arguments.split_whitespace()).output().context(program.to_owned())?;
    ensure!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A host: a namespace held open by a process that sleeps, and the program on it.
#[derive(Debug)]
pub struct Host {
    pub name: String,
    address: String,
    link: String,
    holder: Child,
    program: Option<Child>,
}

impl Host {
    /// Host number `n` on the bridge, with an address and nothing running.
    fn new(name: String, n: usize) -> anyhow::Result<Host> {
        let holder = Command::new("unshare").args(["--net", "sleep", "infinity"]).spawn().context("unshare")?;
        let (pid, link, address) = (holder.id(), format!("host{n}"), format!("10.77.0.{}", 10 + n));
        let host = Host { name, address, link, holder, program: None };
        let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net"));
        let (ours, deadline) = (namespace("self")?, Instant::now() + PATIENCE);
        while namespace(&pid.to_string())? == ours {
            ensure!(Instant::now() < deadline, "{} gets no namespace", host.name);
            std::thread::yield_now();
        }
        let Host { link, address, .. } = &host;
        run("ip", &format!("link add {link} type veth peer name eth0 netns {pid}"))?;
        run("ip", &format!("link set {link} master bridge up"))?;
        for command in [format!("addr add {address}/24 dev eth0"), "link set eth0 up".into(), "link set lo up".into()] {
            run("nsenter", &format!("--target {pid} --net ip {command}"))?;
        }
        Ok(host)
    }

    /// Starts `redoubt` with these arguments here.
    fn start(&mut self, arguments: &[String], log: &Path) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string(), "--net"]).arg(binary()).args(arguments);
        command.env("REDOUBT_PASSWORD", PASSWORD).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.program = Some(command.spawn()?);
        Ok(())
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When nothing runs here.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let mut program = self.program.take().with_context(|| format!("nothing runs on {}", self.name))?;
        program.kill()?;
        program.wait()?;
        Ok(())
    }

    /// Stops the program in its tracks, or lets it go on.
    ///
    /// # Errors
    /// When nothing runs here.
    pub fn pause(&self, paused: bool) -> anyhow::Result<()> {
        let program = self.program.as_ref().with_context(|| format!("nothing runs on {}", self.name))?;
        signal(program.id().into(), if paused { "STOP" } else { "CONT" })
    }

    /// Pulls the host's network cable, or plugs it in.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn cut(&self, cut: bool) -> anyhow::Result<()> {
        run("ip", &format!("link set {} {}", self.link, if cut { "down" } else { "up" }))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for child in self.program.iter_mut().chain([&mut self.holder]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Six storage hosts and some servers.
#[derive(Debug)]
pub struct Hosts {
    pub nodes: Vec<Host>,
    pub servers: Vec<Host>,
    /// Further arguments of every server.
    arguments: Vec<String>,
    directory: tempfile::TempDir,
}

impl Hosts {
    /// Starts a cluster whose server 0 is the writer. The program must be in its own namespaces: see [`enter`].
    ///
    /// # Errors
    /// When a command fails.
    pub async fn start(servers: usize) -> anyhow::Result<Hosts> {
        let hosts = Hosts::launch(servers, Vec::new()).await?;
        for server in 0..hosts.servers.len() {
            hosts.connect_when_up(server).await?;
        }
        Ok(hosts)
    }

    /// As [`Hosts::start`], with further arguments for every server, none of which may accept connections yet.
    ///
    /// # Errors
    /// When a command fails.
    pub async fn launch(servers: usize, arguments: Vec<String>) -> anyhow::Result<Hosts> {
        run("ip", "link set lo up")?;
        run("ip", "link add bridge type bridge")?;
        run("ip", "addr add 10.77.0.1/24 dev bridge")?;
        run("ip", "link set bridge up")?;
        let nodes = (0..NODES).map(|n| Host::new(format!("node {}", n + 1), n)).collect::<anyhow::Result<_>>()?;
        let servers =
            (0..servers).map(|n| Host::new(format!("server {n}"), NODES + n)).collect::<anyhow::Result<_>>()?;
        let mut hosts = Hosts { nodes, servers, arguments, directory: tempfile::tempdir()? };
        for node in 0..NODES {
            hosts.start_node(node)?;
        }
        let storage = hosts.storage();
        let arguments = ["init", "--storage", &storage, "--group-pages", "64"];
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = redoubt(arguments)?;
            if output.status.success() {
                break;
            }
            ensure!(Instant::now() < deadline, "init: {}", String::from_utf8_lossy(&output.stderr));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        hosts.start_server(0, "writer")?;
        for server in 1..hosts.servers.len() {
            hosts.start_server(server, "replica")?;
        }
        Ok(hosts)
    }

    fn storage(&self) -> String {
        self.nodes.iter().map(|node| format!("{}:6100", node.address)).collect::<Vec<_>>().join(",")
    }

    /// Starts a storage node, or starts it again on its directory.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start_node(&mut self, n: usize) -> anyhow::Result<()> {
        let (data, zone) = (self.directory.path().join(format!("node{}", n + 1)), ["a", "b", "c"][n / 2]);
        let (listen, id) = (format!("{}:6100", self.nodes[n].address), (n + 1).to_string());
        let data = data.to_str().context("a temporary directory has a plain name")?;
        let arguments =
            ["storage", "--data", data, "--listen", &listen, "--zone", zone, "--id", &id].map(str::to_owned);
        let log = self.directory.path().join("log");
        self.nodes[n].start(&arguments, &log)
    }

    /// Starts a server as `writer` or `replica`.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start_server(&mut self, n: usize, role: &str) -> anyhow::Result<()> {
        let (storage, listen) = (self.storage(), self.address(n));
        let arguments = [role, "--storage", &storage, "--listen", &listen, "--auth", "scram", "--cache-size", "64MB"];
        let log = self.directory.path().join("log");
        let further = self.arguments.iter().map(String::as_str);
        let arguments: Vec<String> = arguments.into_iter().chain(further).map(str::to_owned).collect();
        self.servers[n].start(&arguments, &log)
    }

    /// What clients of a server dial.
    #[must_use]
    pub fn address(&self, server: usize) -> String {
        format!("{}:5432", self.servers[server].address)
    }

    /// How to connect to a server.
    #[must_use]
    pub fn target(&self, server: usize) -> Config {
        let mut config = Config::new();
        config.host(&self.servers[server].address).port(5432).user("postgres").password(PASSWORD).dbname("postgres");
        config.connect_timeout(Duration::from_secs(1));
        config
    }

    /// Connects to a server as soon as it accepts.
    ///
    /// # Errors
    /// When it does not within [`PATIENCE`].
    pub async fn connect_when_up(&self, server: usize) -> anyhow::Result<Client> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match history::connect(&self.target(server)).await {
                Ok(client) => return Ok(client),
                Err(error) if Instant::now() > deadline => {
                    return Err(error.context(format!("server {server} does not come up:\n{}", self.log())));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Makes a server the writer, as soon as it is up: it may just have been started, or have been told to begin anew.
    ///
    /// # Errors
    /// With what the command printed, when it does not succeed within [`PATIENCE`].
    pub async fn promote(&self, server: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut command = tokio::process::Command::new(binary());
            command.args(["promote", &self.address(server)]).env("REDOUBT_PASSWORD", PASSWORD).kill_on_drop(true);
            let output = tokio::time::timeout(PATIENCE, command.output()).await.context("promote hangs")??;
            if output.status.success() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "promote: {}", String::from_utf8_lossy(&output.stderr));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What all programs have logged, its end if it is long.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(200)..].join("\n")
    }
}
