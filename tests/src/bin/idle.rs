//! What clients that are connected and silent cost: `cargo run --release -p redoubt-tests --bin idle -- [CONNECTIONS] [SECONDS]`.
//!
//! Eight clients run TPC-B and SELECTs alone; then so many others connect, run what an application's connection has run when
//! it lies in a pool (a prepared statement, a result of tens of kilobytes, a write), and are silent while the eight run
//! again. Printed are the writer's resident memory before and after, for each of the silent, and both rates. Both take
//! turns, for machines are noisy: alone, among them, alone.

use anyhow::{Context, ensure};
use tests::bench::{Cell, Figures, Subject, resident};
use tests::cluster::{allow_files, connect};
use tests::{Cluster, Options};
use tokio_postgres::Client;

const CELLS: [Cell; 2] = [
    Cell { workload: "tpcb", mode: "prepared", clients: 8 },
    Cell { workload: "select", mode: "prepared", clients: 8 },
];
/// Connections that are opened at a time.
const AT_A_TIME: usize = 32;

/// A connection that has worked, and its prepared statement.
async fn used(port: u16, n: usize) -> anyhow::Result<(Client, tokio_postgres::Statement)> {
    let client = connect(port).await?;
    let one = client.prepare("SELECT abalance FROM pgbench_accounts WHERE aid = $1").await?;
    client.query_one(&one, &[&(n as i32 % 100_000 + 1)]).await?;
    let rows = client.query("SELECT aid, filler FROM pgbench_accounts WHERE aid <= 400", &[]).await?;
    ensure!(rows.len() == 400);
    client.batch_execute("INSERT INTO pgbench_history (tid, bid, aid, delta) VALUES (1, 1, 1, 0)").await?;
    Ok((client, one))
}

fn run(subject: &Subject, seconds: u32, what: &str) -> anyhow::Result<()> {
    for cell in CELLS {
        let Figures { tps, p99_ms, cpu_us, .. } = subject.run(cell, seconds)?.context("nothing was finished")?;
        println!("{what:<6} {:<7} {tps:>8.0} tps  {cpu_us:>6.1} us of CPU each  p99 {p99_ms:.2} ms", cell.workload);
    }
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let connections: usize = arguments.first().map_or(Ok(5_000), |text| text.parse())?;
    let seconds: u32 = arguments.get(1).map_or(Ok(5), |text| text.parse())?;
    allow_files(connections + 1_000)?;
    let most = (connections + 100).to_string();
    let arguments = ["--cache-size", "256MB", "--max-connections", &most].map(str::to_owned).to_vec();
    let cluster = Cluster::start(Options { processes: true, replicas: 0, arguments, ..Options::default() }).await?;
    let status = cluster.status(0)?;
    let pid = status["servers"][0]["pid"].as_u64().context("the writer has a process")? as u32;
    let subject = Subject { name: "redoubt", port: cluster.port(0), replica: None, pids: vec![pid] };
    subject.load(1)?;
    run(&subject, seconds, "alone")?;
    let mut idle = Vec::with_capacity(connections);
    let before = resident(pid)?;
    while idle.len() < connections {
        let some = (idle.len()..connections).take(AT_A_TIME).map(|n| used(cluster.port(0), n));
        idle.extend(futures::future::try_join_all(some).await?);
    }
    let after = resident(pid)?;
    println!(
        "{connections} silent connections: {} MB before, {} MB after, {:.1} kB each",
        before >> 20,
        after >> 20,
        (after as f64 - before as f64) / 1024.0 / connections as f64
    );
    run(&subject, seconds, "among")?;
    // They are still there, and what they prepared is.
    for (n, (client, one)) in idle.iter().enumerate().step_by(97) {
        client.query_one(one, &[&(n as i32 % 100_000 + 1)]).await?;
    }
    drop(idle);
    run(&subject, seconds, "alone")
}
