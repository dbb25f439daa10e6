//! A cluster under test.

use anyhow::{Context, bail, ensure};
use rand::Rng;
use serde_json::Value;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

/// How long anything may take that should take well under a second: generous, for machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long a program may take that is waited for: some work for minutes.
pub const PROGRAM_PATIENCE: Duration = Duration::from_secs(600);

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Every node and server a process of its own.
    pub processes: bool,
    pub replicas: u16,
    /// Further arguments of `redoubt local`.
    pub arguments: Vec<String>,
    /// Of the superuser, where the arguments ask for one.
    pub password: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        // Tiny groups, so that every test spreads over many of them. On a busy machine a writer may not run for half a second;
        // only in the tests that are about it a replica then takes its place: they say a timeout again, and the last counts.
        let arguments = ["--group-pages", "64", "--cache-size", "64MB", "--failover-timeout", "0"];
        let arguments = arguments.map(str::to_owned).to_vec();
        Options { processes: false, replicas: 1, arguments, password: None }
    }
}

/// A running `redoubt local`; killed with all its children when dropped.
pub struct Cluster {
    child: Child,
    /// Started again by hand.
    others: Vec<Child>,
    options: Options,
    port: u16,
    dashboard_port: u16,
    directory: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// The binary under test, beside the program that tests it.
///
/// # Panics
/// When it was not built: `cargo build --release --bin redoubt`.
#[must_use]
pub fn binary() -> PathBuf {
    let program = std::env::current_exe().expect("a program has a path");
    // Tests lie in target/PROFILE/deps, programs in target/PROFILE.
    let beside = program.ancestors().skip(1).take(2).map(|folder| folder.join("redoubt"));
    beside.into_iter().find(|binary| binary.exists()).expect("build it first: cargo build --release --bin redoubt")
}

/// A port such that it and the `count` behind it are free now. Below those that the kernel gives to outgoing connections: one
/// of these could take the port of a server that is killed and started again.
///
/// # Errors
/// When none is found.
pub fn free_ports(count: u16) -> anyhow::Result<u16> {
    for _ in 0..100 {
        let first = rand::rng().random_range(10_000..32_000);
        if (0..=count).all(|n| TcpListener::bind(("127.0.0.1", first + n)).is_ok()) {
            return Ok(first);
        }
    }
    bail!("no {count} free ports in a row")
}

impl Cluster {
    /// Starts a new cluster in a directory of its own and waits until it accepts writes and every replica answers.
    ///
    /// # Errors
    /// With the server's log, when it does not come up.
    pub async fn start(options: Options) -> anyhow::Result<Cluster> {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::tempdir()?;
        let port = free_ports(options.replicas + 1)?;
        let dashboard_port = port + options.replicas + 1;
        let child = spawn(&options, port, dashboard_port, directory.path())?;
        let mut cluster = Cluster { child, others: Vec::new(), options, port, dashboard_port, directory, _turn: turn };
        cluster.wait_until_writable().await?;
        cluster.wait_until_whole(0).await?;
        Ok(cluster)
    }

    /// Port of the writer, or of replica `n` from 1.
    #[must_use]
    pub fn port(&self, n: u16) -> u16 {
        self.port + n
    }

    /// The process of `redoubt local`.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    #[must_use]
    pub fn dashboard_port(&self) -> u16 {
        self.dashboard_port
    }

    /// The cluster's data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// What the cluster has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Connects to the writer (0) or to replica `n`.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn connect(&self, n: u16) -> anyhow::Result<Client> {
        connect_with(self.port(n), self.options.password.as_deref()).await
    }

    /// Connects as soon as the server accepts.
    ///
    /// # Errors
    /// When it does not within [`PATIENCE`].
    pub async fn connect_when_up(&self, n: u16) -> anyhow::Result<Client> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.connect(n).await {
                Ok(client) => return Ok(client),
                Err(error) if Instant::now() > deadline => return Err(error.context(self.log())),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the cluster ended with {status}:\n{}", self.log()),
            None => Ok(()),
        }
    }

    async fn wait_until_writable(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.check_alive()?;
            if let Ok(client) = self.connect(0).await
                && client.simple_query("SELECT pg_current_wal_lsn()").await.is_ok()
            {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the cluster does not come up:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How often the cluster has said that it is up.
    fn times_up(&self) -> usize {
        self.log().lines().filter(|line| line.starts_with("Redoubt is up")).count()
    }

    /// Waits until `local`, which had been up so often `before`, has started all processes, and every replica answers.
    /// While it still starts them, one that dies ends the cluster.
    async fn wait_until_whole(&mut self, before: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.times_up() <= before {
            self.check_alive()?;
            ensure!(Instant::now() < deadline, "the cluster does not come up as a whole:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for n in 1..=self.options.replicas {
            drop(self.connect_when_up(n).await?);
        }
        Ok(())
    }

    /// `redoubt status --json`, asked of the writer's port (0) or of replica `n`.
    ///
    /// # Errors
    /// When the command fails.
    pub fn status(&self, n: u16) -> anyhow::Result<Value> {
        let output = redoubt(["status", &format!("127.0.0.1:{}", self.port(n)), "--json"])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// `kill -9` of one process, found in the status by its role or node number. It is gone afterwards: the signal alone
    /// leaves it answering for as long as the kernel takes to stop its threads.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn kill(pid: u64) -> anyhow::Result<()> {
        signal(pid, "KILL")?;
        wait_until_gone(pid)
    }

    /// Tells one process to stop, as `kill` does, and waits until it is gone.
    ///
    /// # Errors
    /// When the signal cannot be sent, or it does not end within [`PATIENCE`].
    pub fn stop(pid: u64) -> anyhow::Result<()> {
        signal(pid, "TERM")?;
        wait_until_gone(pid)
    }

    /// `kill -9` of every process of the cluster at once.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn kill_all(&mut self) -> anyhow::Result<()> {
        let members = group_of(self.child.id())?;
        self.signal_all("KILL")?;
        self.child.wait()?;
        for mut other in self.others.drain(..) {
            other.wait()?;
        }
        members.into_iter().try_for_each(wait_until_gone)
    }

    /// The children share the process group of `local`, which leads it.
    fn signal_all(&self, name: &str) -> anyhow::Result<()> {
        signal_group(self.child.id(), name)
    }

    /// The command that `local` prints when one of its processes has ended: `storage node 3`, `writer`, `replica 1`.
    ///
    /// # Errors
    /// When it is not printed within [`PATIENCE`].
    pub async fn printed_command(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let headline = format!("{name} ended; start it again with");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let mut lines = log.lines().skip_while(|line| *line != headline).skip(1);
            // The line is whole when another follows or the file ends with its newline.
            if let Some(command) = lines.next().filter(|_| log.ends_with('\n')) {
                let mut words = command.split_whitespace().map(str::to_owned);
                ensure!(words.next().as_deref() == Some("redoubt"), "{command}");
                return Ok(words.collect());
            }
            ensure!(Instant::now() < deadline, "no command for {name} in\n{log}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What `--storage` is for another server of the cluster.
    ///
    /// # Errors
    /// When the writer does not say.
    pub fn storage(&self) -> anyhow::Result<String> {
        let status = self.status(0)?;
        let nodes = status["storage_nodes"].as_array().into_iter().flatten();
        Ok(nodes.filter_map(|node| node["addr"].as_str()).collect::<Vec<_>>().join(","))
    }

    /// Starts a proxy, which holds a connection for the next writer for as long as anything may take; the process ends with
    /// the cluster. Returns its id.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_proxy(&mut self, writer_port: u16, reader_port: u16) -> anyhow::Result<u32> {
        let (storage, ports) = (self.storage()?, [writer_port.to_string(), reader_port.to_string()]);
        let ports = ["--writer-port", &ports[0], "--reader-port", &ports[1]];
        let hold = PATIENCE.as_millis().to_string();
        let arguments = [&["proxy", "--storage", &storage, "--hold-ms", &hold][..], &ports].concat();
        self.run(&arguments.into_iter().map(str::to_owned).collect::<Vec<_>>())
    }

    /// Runs a printed command; the process ends with the cluster. Returns its id.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&mut self, arguments: &[String]) -> anyhow::Result<u32> {
        use std::os::unix::process::CommandExt;
        let log = log_file(self.directory.path())?;
        let mut command = Command::new(binary());
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let group = i32::try_from(self.child.id()).expect("process ids are small");
        let process = command.process_group(group).spawn()?;
        let id = process.id();
        self.others.push(process);
        Ok(id)
    }

    /// Further arguments from its next start on, instead of those before.
    pub fn set_arguments(&mut self, arguments: Vec<String>) {
        self.options.arguments = arguments;
    }

    /// Starts the cluster again on its directory, waits as [`Cluster::start`] does, and returns how long it took until it
    /// accepted writes.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_again(&mut self) -> anyhow::Result<Duration> {
        let (begin, before) = (Instant::now(), self.times_up());
        self.child = spawn(&self.options, self.port, self.dashboard_port, self.directory.path())?;
        self.wait_until_writable().await?;
        let took = begin.elapsed();
        self.wait_until_whole(before).await?;
        Ok(took)
    }

    /// Ends the cluster by SIGINT to `local` and returns its exit status.
    ///
    /// # Errors
    /// When it is not gone within [`PATIENCE`].
    pub async fn interrupt(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        signal(self.child.id().into(), "INT")?;
        self.ended().await
    }

    /// Ctrl-C in the cluster's terminal, of which every process of it hears.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn press_ctrl_c(&self) -> anyhow::Result<()> {
        self.signal_all("INT")
    }

    /// The exit status of a cluster that is being stopped.
    ///
    /// # Errors
    /// When it is not gone within [`PATIENCE`].
    pub async fn ended(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "it does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs a client program against the writer (0) or replica `n`; its environment names host, port and user.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn client(&self, n: u16, program: &str, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(program);
        command.args(arguments).env("PGHOST", "127.0.0.1").env("PGPORT", self.port(n).to_string());
        command.env("PGUSER", "postgres").env("PGDATABASE", "postgres");
        run_to_end(&mut command).with_context(|| program.to_owned())
    }

    /// A metric of the dashboard port, summed over its labels.
    ///
    /// # Errors
    /// When the port does not answer or has no such metric.
    pub fn metric(&self, name: &str) -> anyhow::Result<f64> {
        metric(self.dashboard_port, name)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.kill_all();
        if std::thread::panicking() {
            eprintln!("--- log of the cluster ---\n{}", self.log());
        }
    }
}

fn spawn(options: &Options, port: u16, dashboard_port: u16, directory: &Path) -> anyhow::Result<Child> {
    use std::os::unix::process::CommandExt;
    let log = log_file(directory)?;
    let mut command = Command::new(binary());
    command
        .arg("local")
        .arg("--data")
        .arg(directory.join("data"))
        .args(["--port", &port.to_string(), "--dashboard-port", &dashboard_port.to_string()])
        .args(["--replicas", &options.replicas.to_string()])
        .args(&options.arguments);
    if options.processes {
        command.arg("--processes");
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    Ok(command.spawn()?)
}

fn log_file(directory: &Path) -> anyhow::Result<std::fs::File> {
    Ok(std::fs::OpenOptions::new().create(true).append(true).open(directory.join("log"))?)
}

/// Sends a signal by the name that kill(1) knows.
///
/// # Errors
/// When there is no such process.
pub fn signal(pid: u64, name: &str) -> anyhow::Result<()> {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status()?;
    ensure!(status.success(), "no process {pid}");
    Ok(())
}

fn signal_group(leader: u32, name: &str) -> anyhow::Result<()> {
    let status = Command::new("kill").args(["-s", name, "--", &format!("-{leader}")]).status()?;
    ensure!(status.success(), "kill failed");
    Ok(())
}

/// The processes of a group.
fn group_of(leader: u32) -> anyhow::Result<Vec<u64>> {
    let mut members = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended since the folder was read. Behind the name: state, parent, group.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let group = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(2)?.parse().ok());
        if group == Some(leader) {
            members.push(pid);
        }
    }
    Ok(members)
}

/// Whether a thread of a process runs, be it paused: its sockets and files are closed when none does, whether or not
/// its parent has taken note.
#[must_use]
pub fn is_running(pid: u64) -> bool {
    let runs = |task: std::io::Result<std::fs::DirEntry>| {
        let stat = task.and_then(|task| std::fs::read_to_string(task.path().join("stat"))).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with(['Z', 'X']))
    };
    std::fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|mut tasks| tasks.any(runs))
}

fn wait_until_gone(pid: u64) -> anyhow::Result<()> {
    let begin = Instant::now();
    while is_running(pid) {
        ensure!(begin.elapsed() < PATIENCE, "process {pid} does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Lets this process, and those that it starts from now on, open so many files: each connection is one.
///
/// # Errors
/// When the system forbids it.
pub fn allow_files(count: usize) -> anyhow::Result<()> {
    let files = format!("--nofile={count}:{count}");
    let raised = Command::new("prlimit").args(["--pid", &std::process::id().to_string(), &files]).status();
    ensure!(raised.context("prlimit of util-linux")?.success(), "no more files may be opened: ulimit -n");
    Ok(())
}

/// Runs the binary to its end.
///
/// # Errors
/// When it cannot be started.
pub fn redoubt<const N: usize>(arguments: [&str; N]) -> anyhow::Result<Output> {
    Ok(run_to_end(Command::new(binary()).args(arguments))?)
}

/// Runs a program to its end, and returns how it ended and what it printed. One that takes longer than [`PROGRAM_PATIENCE`] is
/// killed, with all that it has started.
///
/// # Errors
/// When it cannot be started.
pub fn run_to_end(command: &mut Command) -> std::io::Result<Output> {
    run_within(PROGRAM_PATIENCE, command)
}

fn run_within(patience: Duration, command: &mut Command) -> std::io::Result<Output> {
    use std::os::unix::process::CommandExt;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // What it has started itself holds its output open, and goes with it.
    let child = command.process_group(0).spawn()?;
    let group = child.id();
    let (running, watched) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if watched.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            // It may just have ended by itself.
            let _ = signal_group(group, "KILL");
        }
    });
    let output = child.wait_with_output();
    drop(running);
    let _ = watch.join();
    output
}

/// Connects as postgres to a port of this machine.
///
/// # Errors
/// When the server refuses, or neither does that nor lets in within [`PATIENCE`].
pub async fn connect(port: u16) -> anyhow::Result<Client> {
    connect_with(port, None).await
}

async fn connect_with(port: u16, password: Option<&str>) -> anyhow::Result<Client> {
    let password = password.map_or_else(String::new, |password| format!("password={password}"));
    let address = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres connect_timeout=10 {password}");
    let (client, connection) = tokio::time::timeout(PATIENCE, tokio_postgres::connect(&address, NoTls)).await??;
    tokio::spawn(async move {
        // Whoever uses the client sees why the connection ended.
        let _ = connection.await;
    });
    Ok(client)
}

/// A metric of a dashboard port, summed over its labels.
///
/// # Errors
/// When the port does not answer or has no such metric.
pub fn metric(dashboard_port: u16, name: &str) -> anyhow::Result<f64> {
    let text = http_get(dashboard_port, "/metrics")?;
    let mut values = text.lines().filter_map(|line| {
        let (key, value) = line.rsplit_once(' ')?;
        (key == name || key.strip_prefix(name)?.starts_with('{')).then(|| value.parse::<f64>().ok())?
    });
    let first = values.next().with_context(|| format!("no metric {name} in:\n{text}"))?;
    Ok(first + values.sum::<f64>())
}

/// The body of a page of the dashboard port.
///
/// # Errors
/// When the port does not answer.
pub fn http_get(port: u16, path: &str) -> anyhow::Result<String> {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).context("no HTTP answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let begin = Instant::now();
        // What it waits for itself would keep its output open.
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000; true"]);
        let ended = run_within(Duration::from_millis(200), &mut command).expect("it starts");
        assert!(!ended.status.success() && begin.elapsed() < PATIENCE, "{}", ended.status);
    }
}
