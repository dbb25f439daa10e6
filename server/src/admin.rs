//! `promote`, `status` and the replacement of storage nodes: ordinary sessions that call a function, so that they need no
//! port and no rights of their own. They are encrypted if the server can, and its certificate is not looked at.

use crate::options::{Promote, Replace, Revert, Status};
use crate::output::{say, tell};
use crate::pgwire::dial::connect_to_anyone;
use anyhow::{Context, bail, ensure};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// How long a command looks for the writer when it has lost it: another may be about to take its place.
const WRITER_WITHIN: Duration = Duration::from_secs(60);

/// Makes the server the writer; succeeds at once when it is.
///
/// # Errors
/// When the server cannot be reached or cannot become the writer.
pub async fn promote(options: Promote) -> anyhow::Result<()> {
    let client = connect(&options.address).await?;
    let row = client.query_one("SELECT pg_is_in_recovery()", &[]).await.map_err(plain)?;
    if !row.get::<_, bool>(0) {
        tell!("{} is the writer already", options.address);
        return Ok(());
    }
    // As long as whoever asked waits.
    let row = client.query_one("SELECT pg_promote(true, $1)", &[&i32::MAX]).await.map_err(plain)?;
    if !row.get::<_, bool>(0) {
        bail!("{} did not become the writer in time", options.address);
    }
    tell!("{} is the writer", options.address);
    Ok(())
}

/// Begins to replace a storage node and, unless told otherwise, waits until that is done. Interrupting it changes nothing:
/// the replacement goes on.
///
/// # Errors
/// When there is no writer, it refuses, or the replacement was reverted meanwhile.
pub async fn replace(options: Replace) -> anyhow::Result<()> {
    let mut door = Door { addresses: vec![options.server] };
    let mut client = door.writer(Duration::ZERO).await?;
    let old = i32::try_from(options.node).context("there is no such storage node")?;
    let before = Rows::read(&client).await?.incarnations(old);
    let row = match options.with {
        Some(with) => client.query_one("SELECT redoubt.replace_storage_node($1, $2)", &[&old, &with.to_string()]).await,
        None => client.query_one("SELECT redoubt.replace_storage_node($1)", &[&old]).await,
    };
    let by: String = row.map_err(plain)?.get(0);
    tell!("node {old} is being replaced by {by}");
    if options.no_wait {
        return Ok(());
    }
    let mut shown = String::new();
    loop {
        match Rows::read(&client).await {
            Ok(rows) => {
                let Some(text) = rows.progress(old) else {
                    ensure!(rows.incarnations(old) != before, "node {old} stays: its replacement was reverted");
                    tell!("node {old} was replaced by {by}");
                    return Ok(());
                };
                if text != shown {
                    tell!("{text}");
                    shown = text;
                }
            }
            Err(error) => {
                tell!("the writer does not answer ({error}); the replacement goes on under the next one");
                client = door.writer(WRITER_WITHIN).await?;
            }
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

/// `redoubt.storage_nodes`, and how many protection groups there are.
struct Rows {
    nodes: Vec<tokio_postgres::Row>,
    groups: i64,
}

impl Rows {
    async fn read(client: &Client) -> anyhow::Result<Rows> {
        let question = "SELECT node_id, incarnation, role, state, replaces, hydrated_bytes, total_bytes, groups_whole \
                        FROM redoubt.storage_nodes";
        let nodes = client.query(question, &[]).await.map_err(plain)?;
        ensure!(!nodes.is_empty(), "it has not looked at the storage nodes yet");
        let groups = client.query_one("SELECT count(*) FROM redoubt.protection_groups", &[]).await.map_err(plain)?;
        Ok(Rows { nodes, groups: groups.get(0) })
    }

    /// How far the replacement of a node has come; `None` when there is none.
    fn progress(&self, old: i32) -> Option<String> {
        let row = self.nodes.iter().find(|row| row.get::<_, Option<i32>>(4) == Some(old))?;
        let (node, state): (i32, &str) = (row.get(0), row.get(3));
        let [bytes, total] = [5usize, 6].map(|column| row.get::<_, Option<i64>>(column).unwrap_or_default());
        let (whole, groups) = (row.get::<_, Option<i32>>(7).unwrap_or_default(), self.groups);
        Some(format!(
            "node {node} is {state}: {whole} of {groups} groups whole, {bytes} of {total} bytes of page images"
        ))
    }

    /// Which members have a node's number.
    fn incarnations(&self, node: i32) -> Vec<i32> {
        let is_member = |row: &&tokio_postgres::Row| {
            row.get::<_, i32>(0) == node && matches!(row.get::<_, &str>(2), "member" | "leaving")
        };
        self.nodes.iter().filter(is_member).map(|row| row.get(1)).collect()
    }
}

/// Ends the replacement of a storage node in its favour.
///
/// # Errors
/// When there is no writer, or nothing to revert.
pub async fn revert(options: Revert) -> anyhow::Result<()> {
    let client = Door { addresses: vec![options.server] }.writer(Duration::ZERO).await?;
    let node = i32::try_from(options.node).context("there is no such storage node")?;
    client.query("SELECT redoubt.revert_storage_node($1)", &[&node]).await.map_err(plain)?;
    tell!("node {node} stays");
    Ok(())
}

/// The servers of a cluster, as far as they are known.
struct Door {
    addresses: Vec<String>,
}

impl Door {
    /// Connects to the writer, which is looked for during this time and at least once.
    async fn writer(&mut self, within: Duration) -> anyhow::Result<Client> {
        let deadline = Instant::now() + within;
        loop {
            let mut failed = None;
            for address in self.addresses.clone() {
                match self.ask(&address).await {
                    Ok(client) => return Ok(client),
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed.filter(|_| Instant::now() >= deadline) {
                return Err(error);
            }
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }

    /// Learns the servers from one of them, and connects to the writer among them.
    async fn ask(&mut self, address: &str) -> anyhow::Result<Client> {
        let client = connect(address).await?;
        let servers = client.query("SELECT address, role FROM redoubt.replica_status()", &[]).await.map_err(plain)?;
        let mut writer = None;
        for row in &servers {
            let (address, role): (String, &str) = (row.get(0), row.get(1));
            writer = writer.or((role == "writer").then(|| address.clone()));
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
        let row = client.query_one("SELECT pg_is_in_recovery()", &[]).await.map_err(plain)?;
        if !row.get::<_, bool>(0) {
            return Ok(client);
        }
        connect(&writer.context("the cluster has no writer now")?).await
    }
}

/// Prints the state of the cluster, as seen from one of its servers.
///
/// # Errors
/// When the server cannot be reached.
pub async fn status(options: Status) -> anyhow::Result<()> {
    let client = connect(&options.address).await?;
    loop {
        let row = client.query_one("SELECT redoubt.status()::text", &[]).await.map_err(plain)?;
        let text: String = row.get(0);
        if options.json {
            say!("{text}");
        } else {
            print_table(&serde_json::from_str(&text).context("the server's status is not JSON")?);
        }
        if !options.watch {
            return Ok(());
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
        say!("");
    }
}

fn print_table(status: &serde_json::Value) {
    let field = |value: &serde_json::Value, key: &str| match &value[key] {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    say!("vdl {}  epoch {}", field(status, "vdl"), field(status, "epoch"));
    say!("{:<8} {:<6} {:<24} {:>8} {:>16} {:>8}", "role", "state", "addr", "pid", "lsn", "lag_ms");
    for server in status["servers"].as_array().into_iter().flatten() {
        let [role, state, addr, pid, lsn, lag] =
            ["role", "state", "addr", "pid", "lsn", "lag_ms"].map(|key| field(server, key));
        say!("{role:<8} {state:<6} {addr:<24} {pid:>8} {lsn:>16} {lag:>8}");
    }
    say!("{:<8} {:<9} {:<8} {:<14} {:>8} {:>16} {:>16}", "node", "state", "role", "zone", "pid", "received", "flushed");
    for node in status["storage_nodes"].as_array().into_iter().flatten() {
        let [id, state, role, zone, pid, received, flushed] =
            ["id", "state", "role", "zone", "pid", "scl_received", "scl_flushed"].map(|key| field(node, key));
        say!("{id:<8} {state:<9} {role:<8} {zone:<14} {pid:>8} {received:>16} {flushed:>16}");
        if let (Some(old), Some(bytes), Some(total)) =
            (node["replaces"].as_u64(), node["hydrated_bytes"].as_u64(), node["total_bytes"].as_u64())
        {
            say!("         in place of node {old}: {bytes} of {total} bytes of page images");
        }
    }
}

async fn connect(address: &str) -> anyhow::Result<Client> {
    ensure!(address.contains(':'), "{address}: expected HOST:PORT");
    let link = timeout(CONNECT_WITHIN, connect_to_anyone(address)).await.map_err(std::io::Error::from).flatten();
    let link = link.with_context(|| address.to_owned())?;
    let mut config = Config::new();
    // What encryption there is, is around the connection.
    config.user("postgres").dbname("postgres").application_name("redoubt").ssl_mode(SslMode::Disable);
    if let Ok(password) = std::env::var("REDOUBT_PASSWORD") {
        config.password(password);
    }
    let (client, connection) =
        config.connect_raw(link, NoTls).await.map_err(plain).with_context(|| address.to_owned())?;
    tokio::spawn(async move {
        // The client's own calls report a connection that ends.
        let _ = connection.await;
    });
    Ok(client)
}

/// The server's message and detail, where there is one, instead of the library's "db error".
fn plain(error: tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(reported) => match reported.detail() {
            Some(detail) => anyhow::anyhow!("{}; {detail}", reported.message()),
            None => anyhow::anyhow!("{}", reported.message()),
        },
        None => anyhow::Error::from(error),
    }
}
