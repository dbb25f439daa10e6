//! Storage nodes as processes of their own, without a cluster around them: for clusters that share them, or that have more of
//! them than six.

use crate::cluster::{PATIENCE, binary, connect, free_ports, redoubt, run_to_end};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Storage nodes on Unix sockets, and whatever servers were started; all are killed when dropped.
pub struct Fleet {
    directory: tempfile::TempDir,
    size: usize,
    nodes: BTreeMap<usize, Child>,
    servers: Vec<Child>,
}

impl Fleet {
    /// Nodes from 1 to `size`, two in each zone in turn, with empty disks.
    ///
    /// # Errors
    /// When a process does not start; likewise below.
    pub fn start(size: usize) -> anyhow::Result<Fleet> {
        let directory = tempfile::tempdir()?;
        let mut fleet = Fleet { directory, size, nodes: BTreeMap::new(), servers: Vec::new() };
        fleet.start_nodes()?;
        Ok(fleet)
    }

    /// Where a node keeps its data.
    #[must_use]
    pub fn data(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("node-{node}"))
    }

    /// The addresses of the nodes that there were at first.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        (1..=self.size).map(|node| self.address(node)).collect()
    }

    /// Where a node listens.
    #[must_use]
    pub fn address(&self, node: usize) -> String {
        format!("unix:{}/{node}.sock", self.directory.path().display())
    }

    /// Starts all that there were at first.
    ///
    /// # Errors
    /// See [`Fleet::start`].
    pub fn start_nodes(&mut self) -> anyhow::Result<()> {
        (1..=self.size).try_for_each(|node| self.start_node(node, &[]))
    }

    /// Starts a node.
    ///
    /// # Errors
    /// See [`Fleet::start`].
    pub fn start_node(&mut self, node: usize, more: &[&str]) -> anyhow::Result<()> {
        let (address, zone, id) = (self.address(node), ["a", "b", "c"][(node - 1) / 2 % 3], node.to_string());
        let mut command = Command::new(binary());
        command.args(["storage", "--listen", &address, "--zone", zone, "--id", &id]).args(more);
        command.arg("--data").arg(self.data(node));
        self.nodes.insert(node, spawn(&mut command, self.directory.path())?);
        Ok(())
    }

    /// Kills every process.
    ///
    /// # Errors
    /// When one cannot be killed.
    pub fn kill_all(&mut self) -> anyhow::Result<()> {
        let nodes = std::mem::take(&mut self.nodes).into_values();
        self.servers.drain(..).chain(nodes).try_for_each(end)
    }

    /// Kills a storage node.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_node(&mut self, node: usize) -> anyhow::Result<()> {
        end(self.nodes.remove(&node).context("it runs")?)
    }

    /// Kills the server that was started last.
    ///
    /// # Errors
    /// When none runs.
    pub fn kill_server(&mut self) -> anyhow::Result<()> {
        end(self.servers.pop().context("it runs")?)
    }

    /// `redoubt` with these arguments and the addresses of the nodes.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn redoubt(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(binary());
        Ok(run_to_end(command.args(arguments).args(["--storage", &self.addresses().join(",")]))?)
    }

    /// Creates a volume as soon as the nodes are up, and returns what is said.
    ///
    /// # Errors
    /// When that does not come to be.
    pub fn init(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = self.redoubt(&[&["init", "--group-pages", "64"], arguments].concat())?;
            if output.status.success() {
                return Ok(String::from_utf8(output.stdout)?);
            }
            ensure!(Instant::now() < deadline, "init: {}", String::from_utf8_lossy(&output.stderr));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts a writer and waits until it answers; returns its port and its dashboard's.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn writer(&mut self, volume: &str) -> anyhow::Result<(u16, u16)> {
        let (port, dashboard) = self.server("writer", volume)?;
        self.connect_when_up(port).await?;
        Ok((port, dashboard))
    }

    /// Connects to a server as soon as it lets clients in.
    ///
    /// # Errors
    /// When it does not within [`PATIENCE`].
    pub async fn connect_when_up(&self, port: u16) -> anyhow::Result<Client> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match connect(port).await {
                Ok(client) => return Ok(client),
                Err(error) => ensure!(Instant::now() < deadline, "{error:#}\n{}", self.log()),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts a server, a `writer` or a `replica`; returns its port and its dashboard's. As in a
    /// [`Cluster`](crate::Cluster), no replica takes the place of a writer that is held up, or has not come up yet.
    ///
    /// # Errors
    /// See [`Fleet::start`].
    pub fn server(&mut self, role: &str, volume: &str) -> anyhow::Result<(u16, u16)> {
        let port = free_ports(1)?;
        let dashboard = port + 1;
        let (listen, storage) = (format!("127.0.0.1:{port}"), self.addresses().join(","));
        let mut command = Command::new(binary());
        command.args([role, "--storage", &storage, "--volume", volume, "--listen", &listen, "--cache-size", "64MB"]);
        command.args(["--dashboard-port", &dashboard.to_string(), "--failover-timeout", "0"]);
        self.servers.push(spawn(&mut command, self.directory.path())?);
        Ok((port, dashboard))
    }

    /// What all processes said.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.kill_all();
        if std::thread::panicking() {
            eprintln!("--- log ---\n{}", self.log());
        }
    }
}

fn spawn(command: &mut Command, directory: &Path) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(directory.join("log"))?;
    Ok(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?)
}

/// Kills a process.
fn end(mut child: Child) -> anyhow::Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// The number in what `init` says.
///
/// # Errors
/// When there is none.
pub fn number(said: &str) -> anyhow::Result<String> {
    let mut words = said.split_whitespace();
    words.find(|word| *word == "volume").context("it names no volume")?;
    Ok(words.next().context("it names no volume")?.to_owned())
}

/// What `redoubt status` says.
///
/// # Errors
/// When it fails, or that is not JSON.
pub fn status(port: u16) -> anyhow::Result<Value> {
    let output = redoubt(["status", &format!("127.0.0.1:{port}"), "--json"])?;
    ensure!(output.status.success(), "{}", text(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The role and the state of a storage node, as the server on `port` sees it.
///
/// # Errors
/// As [`status`].
pub fn role(port: u16, node: u64) -> anyhow::Result<Option<(String, String)>> {
    let status = status(port)?;
    let row = status["storage_nodes"].as_array().into_iter().flatten().find(|it| it["id"] == node).cloned();
    let word = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    Ok(row.map(|row| (word(&row, "role"), word(&row, "state"))))
}

/// Waits until something holds. A command that fails meanwhile is repeated: a server that heard no storage node for a moment
/// answers nothing.
///
/// # Errors
/// When it does not in time.
pub async fn until(what: &str, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match holds() {
            Ok(true) => return Ok(()),
            other => ensure!(Instant::now() < deadline, "{what}: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a command printed.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
