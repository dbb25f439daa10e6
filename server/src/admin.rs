//! `promote` and `status`: ordinary sessions that call a function, so that they need no port and no rights of their own.

use crate::options::{Promote, Status};
use anyhow::{Context, bail};
use std::time::Duration;
use tokio_postgres::{Client, Config, NoTls};

const CONNECT_SECONDS_MAX: u64 = 5;
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Makes the server the writer; succeeds at once when it is.
///
/// # Errors
/// When the server cannot be reached or cannot become the writer.
pub async fn promote(options: Promote) -> anyhow::Result<()> {
    let client = connect(&options.address).await?;
    let row = client.query_one("SELECT pg_is_in_recovery()", &[]).await.map_err(plain)?;
    if !row.get::<_, bool>(0) {
        println!("{} is the writer already", options.address);
        return Ok(());
    }
    let row = client.query_one("SELECT pg_promote()", &[]).await.map_err(plain)?;
    if !row.get::<_, bool>(0) {
        bail!("{} did not become the writer in time", options.address);
    }
    println!("{} is the writer", options.address);
    Ok(())
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
            println!("{text}");
        } else {
            print_table(&serde_json::from_str(&text).context("the server's status is not JSON")?);
        }
        if !options.watch {
            return Ok(());
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
        println!();
    }
}

fn print_table(status: &serde_json::Value) {
    let field = |value: &serde_json::Value, key: &str| match &value[key] {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    println!("vdl {}  epoch {}", field(status, "vdl"), field(status, "epoch"));
    println!("{:<8} {:<6} {:<24} {:>8} {:>16} {:>8}", "role", "state", "addr", "pid", "lsn", "lag_ms");
    for server in status["servers"].as_array().into_iter().flatten() {
        let [role, state, addr, pid, lsn, lag] =
            ["role", "state", "addr", "pid", "lsn", "lag_ms"].map(|key| field(server, key));
        println!("{role:<8} {state:<6} {addr:<24} {pid:>8} {lsn:>16} {lag:>8}");
    }
    println!("{:<8} {:<6} {:<24} {:>8} {:>16} {:>16}", "node", "state", "zone", "pid", "received", "flushed");
    for node in status["storage_nodes"].as_array().into_iter().flatten() {
        let [id, state, zone, pid, received, flushed] =
            ["id", "state", "zone", "pid", "scl_received", "scl_flushed"].map(|key| field(node, key));
        println!("{id:<8} {state:<6} {zone:<24} {pid:>8} {received:>16} {flushed:>16}");
    }
}

async fn connect(address: &str) -> anyhow::Result<Client> {
    let (host, port) = address.rsplit_once(':').with_context(|| format!("{address}: expected HOST:PORT"))?;
    let mut config = Config::new();
    config
        .host(host)
        .port(port.parse().with_context(|| format!("{address}: expected HOST:PORT"))?)
        .user("postgres")
        .dbname("postgres")
        .application_name("redoubt")
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX));
    if let Ok(password) = std::env::var("REDOUBT_PASSWORD") {
        config.password(password);
    }
    let (client, connection) = config.connect(NoTls).await.map_err(plain).with_context(|| address.to_owned())?;
    tokio::spawn(async move {
        // The client's own calls report a connection that ends.
        let _ = connection.await;
    });
    Ok(client)
}

/// The server's message, where there is one, instead of the library's "db error".
fn plain(error: tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(reported) => anyhow::anyhow!("{}", reported.message()),
        None => anyhow::Error::from(error),
    }
}
