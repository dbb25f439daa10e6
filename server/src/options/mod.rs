//! The command line as data: the commands, their settings, and the meaning of each value.
//!
//! Names and meanings that scripts rely on. Whatever runs a command takes its settings from here; nothing here runs anything.

pub mod values;

use crate::address::NodeAddress;
use crate::failover;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Ten gigabytes of pages: Aurora's segment size.
const PAGES_PER_GROUP: u32 = 1_310_720;
/// Long enough for a host to be started again.
const REPLACE_AFTER_SECONDS: u64 = 600;
/// PostgreSQL's.
const CONNECTIONS_MAX: usize = 100;
/// The most storage nodes of a local cluster.
pub const NODES_MAX: u32 = 60;
/// A year.
const SECONDS_MAX: u64 = 366 * 24 * 60 * 60;

/// A PostgreSQL-compatible database on replicated, disaggregated storage.
#[derive(Parser, Debug)]
#[command(name = "redoubt", version, args_override_self = true, propagate_version = true)]
pub struct Cli {
    /// Reads settings from a TOML file whose keys are the flags of the command, without dashes.
    #[arg(long, global = true, env = "REDOUBT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Runs a whole cluster on this machine: storage nodes in three zones, a writer, replicas.
    Local(Local),
    /// Creates a volume on storage nodes, six or more: the first, or one more.
    Init(Init),
    /// Lists the volumes that storage nodes keep; or drops one, see `redoubt volumes drop --help`.
    Volumes(Volumes),
    /// Runs a storage node; or replaces one, see `redoubt storage replace --help`.
    Storage(Storage),
    /// Runs the writer; it takes over from a writer that is there.
    Writer(Writer),
    /// Runs a read replica.
    Replica(Compute),
    /// Serves a port that follows the writer and one that spreads over the replicas.
    Proxy(Proxy),
    /// Makes the server at ADDR the writer, and waits until it accepts writes.
    Promote(Promote),
    /// Shows the servers and storage nodes of a cluster.
    Status(Status),
    /// Runs whole clusters on virtual time under faults drawn from seeds, and checks that nothing is lost or wrong.
    Sim(Sim),
}

/// Who is let in.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// Anyone who reaches the port; only on loopback.
    Trust,
    /// A password, by SCRAM-SHA-256.
    Scram,
}

/// How clients prove who they are.
#[derive(Args, Debug, Clone)]
pub struct Auth {
    /// How clients prove who they are; anything beyond loopback requires scram.
    #[arg(long, value_enum, default_value = "trust", env = "REDOUBT_AUTH")]
    pub auth: AuthMethod,
    /// File with the superuser's password, for scram; else REDOUBT_PASSWORD.
    #[arg(long, value_name = "FILE", env = "REDOUBT_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
}

impl Auth {
    /// The flags that pass them on to a child process.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if self.auth == AuthMethod::Scram {
            arguments.extend(["--auth".to_owned(), "scram".to_owned()]);
        }
        if let Some(file) = &self.password_file {
            arguments.extend(["--password-file".to_owned(), file.display().to_string()]);
        }
        arguments
    }
}

/// How clients' connections are encrypted.
#[derive(Args, Debug, Clone)]
pub struct Tls {
    /// PEM file with the certificate that clients see, and those that vouch for it behind it; lets clients encrypt.
    #[arg(long, value_name = "FILE", env = "REDOUBT_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key, which nobody else may read.
    #[arg(long, value_name = "FILE", env = "REDOUBT_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Refuses plain connections from other hosts; a proxy's connections to servers are plain.
    #[arg(long, env = "REDOUBT_TLS_ONLY")]
    pub tls_only: bool,
}

impl Tls {
    /// The flags that pass them on to a child process.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let file = |flag: &str, file: &Option<PathBuf>| {
            file.iter().flat_map(|file| [flag.to_owned(), file.display().to_string()]).collect::<Vec<_>>()
        };
        let only = self.tls_only.then(|| "--tls-only".to_owned());
        [file("--tls-cert", &self.tls_cert), file("--tls-key", &self.tls_key)]
            .concat()
            .into_iter()
            .chain(only)
            .collect()
    }
}

/// When a replica makes itself the writer.
#[derive(Args, Debug, Clone)]
pub struct Failover {
    /// Milliseconds of silence after which a replica takes the writer's place; 0: never by itself.
    #[arg(long, default_value_t = failover::TIMEOUT_DEFAULT.as_millis() as u64, value_parser = values::failover_timeout, value_name = "MS", env = "REDOUBT_FAILOVER_TIMEOUT")]
    pub failover_timeout: u64,
    /// Which replica goes first: the lowest, from 0 to 15.
    #[arg(long, default_value_t = failover::PRIORITY_DEFAULT, value_parser = clap::value_parser!(u32).range(0..=i64::from(failover::PRIORITY_MAX)), env = "REDOUBT_FAILOVER_PRIORITY")]
    pub failover_priority: u32,
}

impl Failover {
    /// What they say; `None`: never by itself.
    #[must_use]
    pub fn settings(&self) -> Option<failover::Failover> {
        let timeout = Duration::from_millis(self.failover_timeout);
        (!timeout.is_zero()).then_some(failover::Failover { timeout, priority: self.failover_priority })
    }

    /// The flags that pass them on to a child process.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let timeout = ["--failover-timeout".to_owned(), self.failover_timeout.to_string()];
        timeout.into_iter().chain(["--failover-priority".to_owned(), self.failover_priority.to_string()]).collect()
    }
}

/// When a storage node that stays away is replaced.
#[derive(Args, Debug, Clone)]
pub struct Replacement {
    /// Seconds of silence after which the writer replaces a storage node by a spare; 0: never by itself.
    #[arg(long, default_value_t = REPLACE_AFTER_SECONDS, value_parser = clap::value_parser!(u64).range(0..=SECONDS_MAX), value_name = "SECONDS", env = "REDOUBT_REPLACE_AFTER")]
    pub replace_after: u64,
}

impl Replacement {
    /// What they say; `None`: never by itself.
    #[must_use]
    pub fn settings(&self) -> Option<Duration> {
        (self.replace_after > 0).then(|| Duration::from_secs(self.replace_after))
    }

    /// The flags that pass them on to a child process.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        vec!["--replace-after".to_owned(), self.replace_after.to_string()]
    }
}

/// How a server works, alone or in a cluster on one machine.
#[derive(Args, Debug, Clone)]
pub struct Server {
    /// Memory for the cached pages of each server.
    #[arg(long, default_value = "512MB", value_parser = values::bytes, value_name = "SIZE", env = "REDOUBT_CACHE_SIZE")]
    pub cache_size: u64,
    /// Memory that locks of rows may take on the writer: about 300 bytes for a row locked without being changed.
    #[arg(long, default_value = "256MB", value_parser = values::bytes, value_name = "SIZE", env = "REDOUBT_LOCK_TABLE_SIZE")]
    pub lock_table_size: u64,
    /// Seconds that writes wait for a quorum of storage nodes before they are given up.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..), value_name = "SECONDS", env = "REDOUBT_WRITE_TIMEOUT")]
    pub write_timeout: u64,
    /// Connections of clients, of which the last three are for superusers.
    #[arg(long, default_value_t = CONNECTIONS_MAX, value_parser = values::server_connections, value_name = "N", env = "REDOUBT_MAX_CONNECTIONS")]
    pub max_connections: usize,
    #[command(flatten)]
    pub failover: Failover,
    #[command(flatten)]
    pub replacement: Replacement,
    #[command(flatten)]
    pub auth: Auth,
    #[command(flatten)]
    pub tls: Tls,
}

impl Server {
    /// The flags that pass them on to a child process.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let own = [
            ("--cache-size", format!("{}B", self.cache_size)),
            ("--lock-table-size", format!("{}B", self.lock_table_size)),
            ("--write-timeout", self.write_timeout.to_string()),
            ("--max-connections", self.max_connections.to_string()),
        ];
        let own = own.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]);
        let groups =
            [self.auth.arguments(), self.tls.arguments(), self.failover.arguments(), self.replacement.arguments()];
        own.chain(groups.into_iter().flatten()).collect()
    }
}

#[derive(Args, Debug, Clone)]
pub struct Local {
    /// Directory of the whole cluster; created when missing.
    #[arg(long, value_name = "DIR", default_value = "redoubt-data", env = "REDOUBT_DATA")]
    pub data: PathBuf,
    /// Port of the writer; replicas take the ports behind it. With 0 each takes any that is free.
    #[arg(long, default_value_t = 5432, env = "REDOUBT_PORT")]
    pub port: u16,
    /// Number of read replicas.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=15), env = "REDOUBT_REPLICAS")]
    pub replicas: u16,
    /// Number of storage nodes. More than six share the protection groups of a new cluster; added to one that is there, they
    /// offer themselves as spares.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(6..=i64::from(NODES_MAX)), env = "REDOUBT_NODES")]
    pub nodes: u32,
    /// Runs every node and server as a process of its own, which can be killed.
    #[arg(long, env = "REDOUBT_PROCESSES")]
    pub processes: bool,
    /// Port of the status page, /metrics and /healthz; 0: any that is free.
    #[arg(long, default_value_t = 8080, env = "REDOUBT_DASHBOARD_PORT")]
    pub dashboard_port: u16,
    /// Pages of 8 kB in a protection group; decided when the volume is created.
    #[arg(long, default_value_t = PAGES_PER_GROUP, value_parser = clap::value_parser!(u32).range(16..), value_name = "PAGES", env = "REDOUBT_GROUP_PAGES")]
    pub group_pages: u32,
    /// Replicas take the writer's place by themselves with --processes only: the parts of one process do not die alone.
    #[command(flatten)]
    pub server: Server,
}

#[derive(Args, Debug, Clone)]
pub struct Init {
    /// Addresses of the storage nodes: six or more, in three zones.
    #[arg(long, value_delimiter = ',', required = true, value_name = "ADDR,...", env = "REDOUBT_STORAGE")]
    pub storage: Vec<NodeAddress>,
    /// Pages of 8 kB in a protection group.
    #[arg(long, default_value_t = PAGES_PER_GROUP, value_parser = clap::value_parser!(u32).range(16..), value_name = "PAGES", env = "REDOUBT_GROUP_PAGES")]
    pub group_pages: u32,
    /// Which volume, when the nodes keep or are to keep several: `new`, or one that is made under this number unless it exists.
    #[arg(long, value_parser = values::which_volume, value_name = "new|ID", env = "REDOUBT_VOLUME")]
    pub volume: Option<Which>,
    /// Disk that each node gives the volume; of a volume that exists it is changed. Without it: as much as there is.
    #[arg(long, value_parser = values::bytes, value_name = "SIZE", env = "REDOUBT_QUOTA")]
    pub quota: Option<u64>,
}

/// Which volume `init` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The only one: made when the nodes keep none.
    Only,
    /// One more.
    New,
    /// The one with this number.
    This(u64),
}

#[derive(Args, Debug, Clone)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Volumes {
    #[command(subcommand)]
    pub command: Option<VolumesCommand>,
    /// Addresses of storage nodes.
    #[arg(long, value_delimiter = ',', required = true, value_name = "ADDR,...", env = "REDOUBT_STORAGE")]
    pub storage: Vec<NodeAddress>,
}

/// What to do with the volumes of storage nodes.
#[derive(Subcommand, Debug, Clone)]
pub enum VolumesCommand {
    /// Removes a volume that no server uses from storage nodes, with everything in it.
    Drop(DropVolume),
}

#[derive(Args, Debug, Clone)]
pub struct DropVolume {
    /// The volume, as `redoubt volumes` names it.
    #[arg(value_parser = values::volume, value_name = "ID")]
    pub volume: u64,
    /// Addresses of the storage nodes that are to forget it.
    #[arg(long, value_delimiter = ',', required = true, value_name = "ADDR,...", env = "REDOUBT_STORAGE")]
    pub storage: Vec<NodeAddress>,
}

#[derive(Args, Debug, Clone)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Storage {
    #[command(subcommand)]
    pub command: Option<StorageCommand>,
    #[command(flatten)]
    pub node: StorageNode,
}

/// What to do with the storage nodes of a running cluster.
#[derive(Subcommand, Debug, Clone)]
pub enum StorageCommand {
    /// Replaces a storage node, dead or alive, by another, and waits until that has everything.
    Replace(Replace),
    /// Ends the replacement of a storage node in its favour.
    Revert(Revert),
}

#[derive(Args, Debug, Clone)]
pub struct Replace {
    /// The number of the node to be replaced.
    #[arg(value_name = "NODE")]
    pub node: u32,
    /// The new node, which runs already; else the spare that suits best.
    #[arg(long, value_name = "ADDR")]
    pub with: Option<NodeAddress>,
    /// Any server of the cluster, as a client dials it.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5432")]
    pub server: String,
    /// Returns when the replacement has begun.
    #[arg(long)]
    pub no_wait: bool,
}

#[derive(Args, Debug, Clone)]
pub struct Revert {
    /// The number of the node that is being replaced.
    #[arg(value_name = "NODE")]
    pub node: u32,
    /// Any server of the cluster, as a client dials it.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5432")]
    pub server: String,
}

#[derive(Args, Debug, Clone)]
pub struct StorageNode {
    /// The node's directory; created when missing.
    #[arg(long, required = true, value_name = "DIR", env = "REDOUBT_DATA")]
    pub data: Option<PathBuf>,
    /// Where to listen: HOST:PORT or unix:PATH.
    #[arg(long, required = true, value_name = "ADDR", env = "REDOUBT_LISTEN")]
    pub listen: Option<NodeAddress>,
    /// Where others reach this node, when that is not where it listens.
    #[arg(long, value_name = "ADDR", env = "REDOUBT_ADVERTISE")]
    pub advertise: Option<NodeAddress>,
    /// The node's zone, by any name; a volume needs three zones with two nodes or more in each.
    #[arg(long, required = true, env = "REDOUBT_ZONE")]
    pub zone: Option<String>,
    /// The node's number in the cluster; needed for a new directory.
    #[arg(long, env = "REDOUBT_ID")]
    pub id: Option<u32>,
    /// Addresses of storage nodes of a cluster: this one offers itself there as a spare whenever it is no member.
    #[arg(long, value_delimiter = ',', value_name = "ADDR,...", env = "REDOUBT_STORAGE")]
    pub storage: Vec<NodeAddress>,
}

#[derive(Args, Debug, Clone)]
pub struct Compute {
    /// Addresses of storage nodes; one is enough to find the others.
    #[arg(long, value_delimiter = ',', required = true, value_name = "ADDR,...", env = "REDOUBT_STORAGE")]
    pub storage: Vec<NodeAddress>,
    /// Which volume, as `redoubt volumes` names it, when the nodes keep several.
    #[arg(long, value_parser = values::volume, value_name = "ID", env = "REDOUBT_VOLUME")]
    pub volume: Option<u64>,
    /// Where clients connect: HOST:PORT.
    #[arg(long, value_parser = values::place_to_listen, value_name = "ADDR", env = "REDOUBT_LISTEN")]
    pub listen: String,
    /// Where clients and other servers reach this one, HOST:PORT, when that is not where it listens.
    #[arg(long, value_parser = values::host_and_port, value_name = "ADDR", env = "REDOUBT_ADVERTISE")]
    pub advertise: Option<String>,
    /// Serves /metrics and /healthz on this port of the same host.
    #[arg(long, env = "REDOUBT_DASHBOARD_PORT")]
    pub dashboard_port: Option<u16>,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Args, Debug, Clone)]
pub struct Writer {
    #[command(flatten)]
    pub compute: Compute,
    /// Ends with an error, instead of taking over, when there is a writer that lives.
    #[arg(long, env = "REDOUBT_NO_TAKEOVER")]
    pub no_takeover: bool,
}

#[derive(Args, Debug, Clone)]
pub struct Proxy {
    /// Addresses of storage nodes; one is enough to find the others.
    #[arg(long, value_delimiter = ',', required = true, value_name = "ADDR,...", env = "REDOUBT_STORAGE")]
    pub storage: Vec<NodeAddress>,
    /// Which volume, as `redoubt volumes` names it, when the nodes keep several.
    #[arg(long, value_parser = values::volume, value_name = "ID", env = "REDOUBT_VOLUME")]
    pub volume: Option<u64>,
    /// The port that follows the writer.
    #[arg(long, value_name = "PORT", env = "REDOUBT_WRITER_PORT")]
    pub writer_port: Option<u16>,
    /// The port that spreads connections over the replicas.
    #[arg(long, value_name = "PORT", env = "REDOUBT_READER_PORT")]
    pub reader_port: Option<u16>,
    /// Where both listen. Beyond loopback, only servers with scram are served.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1", env = "REDOUBT_HOST")]
    pub host: String,
    /// Milliseconds that a new connection waits while there is no server for it.
    #[arg(long, default_value_t = 10_000, value_name = "MS", env = "REDOUBT_HOLD_MS")]
    pub hold_ms: u64,
    /// Milliseconds of lag beyond which a replica gets no new connections.
    #[arg(long, default_value_t = 10_000, value_name = "MS", env = "REDOUBT_LAG_MAX_MS")]
    pub lag_max_ms: u64,
    /// Connections of both ports together.
    #[arg(long, default_value_t = 1_000, value_parser = values::connections, value_name = "N", env = "REDOUBT_CONNECTIONS_MAX")]
    pub connections_max: usize,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Args, Debug, Clone)]
pub struct Promote {
    /// The server to promote, as a client dials it.
    #[arg(value_name = "ADDR")]
    pub address: String,
}

#[derive(Args, Debug, Clone)]
pub struct Status {
    /// Any server of the cluster, as a client dials it.
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:5432")]
    pub address: String,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
    /// Prints again every second until interrupted.
    #[arg(long)]
    pub watch: bool,
}

#[derive(Args, Debug, Clone)]
pub struct Sim {
    /// Runs one seed.
    #[arg(long, value_name = "N", required_unless_present = "seeds", conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// Runs the seeds from A up to, and without, B.
    #[arg(long, value_parser = values::seeds, value_name = "A..B")]
    pub seeds: Option<std::ops::Range<u64>>,
    /// Prints what happens, with virtual time.
    #[arg(long)]
    pub trace: bool,
}
