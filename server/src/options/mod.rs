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
    /// Runs a whole cluster on this machine: six storage nodes in three zones, a writer, replicas.
    Local(Local),
    /// Creates the volume on six storage nodes that have none.
    Init(Init),
    /// Runs a storage node.
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

#[derive(Args, Debug, Clone)]
pub struct Local {
    /// Directory of the whole cluster; created when missing.
    #[arg(long, value_name = "DIR", default_value = "redoubt-data", env = "REDOUBT_DATA")]
    pub data: PathBuf,
    /// Port of the writer; replicas take the ports behind it.
    #[arg(long, default_value_t = 5432, env = "REDOUBT_PORT")]
    pub port: u16,
    /// Number of read replicas.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=15), env = "REDOUBT_REPLICAS")]
    pub replicas: u16,
    /// Runs every node and server as a process of its own, which can be killed.
    #[arg(long, env = "REDOUBT_PROCESSES")]
    pub processes: bool,
    /// Port of the status page, /metrics and /healthz.
    #[arg(long, default_value_t = 8080, env = "REDOUBT_DASHBOARD_PORT")]
    pub dashboard_port: u16,
    /// Memory for cached pages, of the writer and of each replica.
    #[arg(long, default_value = "512MB", value_parser = values::bytes, value_name = "SIZE", env = "REDOUBT_CACHE_SIZE")]
    pub cache_size: u64,
    /// Memory that locks of rows may take on the writer: about 300 bytes for a row locked without being changed.
    #[arg(long, default_value = "256MB", value_parser = values::bytes, value_name = "SIZE", env = "REDOUBT_LOCK_TABLE_SIZE")]
    pub lock_table_size: u64,
    /// Seconds that writes wait for a quorum of storage nodes before they are given up.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..), value_name = "SECONDS", env = "REDOUBT_WRITE_TIMEOUT")]
    pub write_timeout: u64,
    /// Pages of 8 kB in a protection group; decided when the volume is created.
    #[arg(long, default_value_t = PAGES_PER_GROUP, value_parser = clap::value_parser!(u32).range(16..), value_name = "PAGES", env = "REDOUBT_GROUP_PAGES")]
    pub group_pages: u32,
    /// With --processes; the parts of one process do not die alone.
    #[command(flatten)]
    pub failover: Failover,
    #[command(flatten)]
    pub auth: Auth,
}

#[derive(Args, Debug, Clone)]
pub struct Init {
    /// Addresses of the six storage nodes.
    #[arg(long, value_delimiter = ',', required = true, value_name = "ADDR,...", env = "REDOUBT_STORAGE")]
    pub storage: Vec<NodeAddress>,
    /// Pages of 8 kB in a protection group.
    #[arg(long, default_value_t = PAGES_PER_GROUP, value_parser = clap::value_parser!(u32).range(16..), value_name = "PAGES", env = "REDOUBT_GROUP_PAGES")]
    pub group_pages: u32,
}

#[derive(Args, Debug, Clone)]
pub struct Storage {
    /// The node's directory; created when missing.
    #[arg(long, value_name = "DIR", env = "REDOUBT_DATA")]
    pub data: PathBuf,
    /// Where to listen: HOST:PORT or unix:PATH.
    #[arg(long, value_name = "ADDR", env = "REDOUBT_LISTEN")]
    pub listen: NodeAddress,
    /// The node's zone: two nodes each in a, b and c.
    #[arg(long, env = "REDOUBT_ZONE")]
    pub zone: String,
    /// The node's number in the cluster; needed for a new directory.
    #[arg(long, env = "REDOUBT_ID")]
    pub id: Option<u32>,
}

#[derive(Args, Debug, Clone)]
pub struct Compute {
    /// Addresses of storage nodes; one is enough to find the others.
    #[arg(long, value_delimiter = ',', required = true, value_name = "ADDR,...", env = "REDOUBT_STORAGE")]
    pub storage: Vec<NodeAddress>,
    /// Where clients connect: HOST:PORT.
    #[arg(long, value_name = "ADDR", env = "REDOUBT_LISTEN")]
    pub listen: String,
    /// Where clients and other servers reach this one, HOST:PORT, when that is not where it listens.
    #[arg(long, value_parser = values::host_and_port, value_name = "ADDR", env = "REDOUBT_ADVERTISE")]
    pub advertise: Option<String>,
    /// Serves /metrics and /healthz on this port of the same host.
    #[arg(long, env = "REDOUBT_DASHBOARD_PORT")]
    pub dashboard_port: Option<u16>,
    /// Memory for cached pages.
    #[arg(long, default_value = "512MB", value_parser = values::bytes, value_name = "SIZE", env = "REDOUBT_CACHE_SIZE")]
    pub cache_size: u64,
    /// Memory that locks of rows may take on the writer: about 300 bytes for a row locked without being changed.
    #[arg(long, default_value = "256MB", value_parser = values::bytes, value_name = "SIZE", env = "REDOUBT_LOCK_TABLE_SIZE")]
    pub lock_table_size: u64,
    /// Seconds that writes wait for a quorum of storage nodes before they are given up.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..), value_name = "SECONDS", env = "REDOUBT_WRITE_TIMEOUT")]
    pub write_timeout: u64,
    #[command(flatten)]
    pub failover: Failover,
    #[command(flatten)]
    pub auth: Auth,
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
