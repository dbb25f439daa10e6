//! What a client that is connected and says nothing costs a server.

use anyhow::Context;
use tests::postgres::pgbench;
use tests::{Cluster, Options};
use tokio_postgres::Client;

/// Silent connections that are counted, after some that warm the server up.
const CONNECTIONS: usize = 400;
const WARM: usize = 100;
/// Memory for each of them, in bytes: about 30 kB, and with the buffers that it has used 45 kB.
const BYTES_MAX: u64 = 40 << 10;

/// A connection that lies in a pool: it has a prepared statement, has read tens of kilobytes, and has written.
async fn pooled(cluster: &Cluster) -> anyhow::Result<Client> {
    let client = cluster.connect(0).await?;
    let one = client.prepare("SELECT abalance FROM pgbench_accounts WHERE aid = $1").await?;
    client.query_one(&one, &[&1]).await?;
    assert_eq!(client.query("SELECT aid, filler FROM pgbench_accounts WHERE aid <= 500", &[]).await?.len(), 500);
    client.batch_execute("INSERT INTO pgbench_history (tid, bid, aid, delta) VALUES (1, 1, 1, 0)").await?;
    Ok(client)
}

#[tokio::test]
async fn a_silent_connection_holds_no_buffers() -> anyhow::Result<()> {
    let mut options = Options { processes: true, replicas: 0, ..Options::default() };
    options.arguments.extend(["--max-connections", "1000"].map(str::to_owned));
    let cluster = Cluster::start(options).await?;
    pgbench(&cluster, &["-i", "-q", "-s", "1"]).ok();
    let status = cluster.status(0)?;
    let pid = status["servers"][0]["pid"].as_u64().context("the writer has a process")?;
    let mut silent = Vec::new();
    while silent.len() < WARM {
        silent.push(pooled(&cluster).await?);
    }
    let before = tests::bench::resident(pid as u32)?;
    while silent.len() < WARM + CONNECTIONS {
        silent.push(pooled(&cluster).await?);
    }
    let each = tests::bench::resident(pid as u32)?.saturating_sub(before) / CONNECTIONS as u64;
    assert!(each < BYTES_MAX, "{each} bytes for each");
    // None of them is the worse for it.
    for client in silent.iter().step_by(50) {
        assert_eq!(client.query("SELECT aid FROM pgbench_accounts WHERE aid <= 500", &[]).await?.len(), 500);
    }
    Ok(())
}
