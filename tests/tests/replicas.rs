//! Many replicas on one writer, and new ones on a volume that is large and busy.

use anyhow::ensure;
use std::time::Instant;
use tests::bank::Sums;
use tests::cluster::{PATIENCE, connect, free_ports, metric};
use tests::postgres::{pgbench, psql};
use tests::{Cluster, Options};

const REPLICAS: u16 = 5;
/// Transactions in flight when a new replica opens; each has changed a row.
const OPEN_TRANSACTIONS: i32 = 200;
/// Pages that a new replica may fetch for its first answer: the control page, the catalog's, a path from the root to one
/// leaf, and of the commit map those that say whether the leaf's versions are committed.
const FIRST_PAGES_MAX: f64 = 40.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_replicas_follow_tpcb_and_agree_with_the_writer() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options { replicas: REPLICAS, ..Options::default() }).await?;
    pgbench(&cluster, &["-i", "-q", "-s", "1"]).ok();
    let mut replicas = Vec::new();
    for n in 1..=REPLICAS {
        replicas.push(cluster.connect_when_up(n).await?);
    }
    let mut acknowledged = 0;
    for round in 1..=3 {
        let (processed, failed) = pgbench(&cluster, &["-n", "-M", "prepared", "-c", "8", "-j", "2", "-t", "150"])?;
        assert_eq!((processed, failed), (1_200, 0));
        acknowledged += processed;
        let writer = Sums::read(&cluster.connect(0).await?).await?;
        writer.check()?;
        assert_eq!(writer.transactions as u64, acknowledged);
        let target = psql(&cluster, 0, "SELECT pg_current_wal_lsn()")?;
        for (n, replica) in replicas.iter().enumerate() {
            replica.simple_query(&format!("WAIT FOR LSN '{}'", target.trim())).await?;
            assert_eq!(Sums::read(replica).await?, writer, "replica {} in round {round}", n + 1);
        }
    }
    // Each of them by redo, and not by dropping what it has and reading pages again.
    assert_eq!(cluster.metric("redoubt_replica_invalidations")?, 0.0, "{}", cluster.log());
    assert!(cluster.metric("redoubt_replica_records_applied")? > 0.0);
    let deadline = Instant::now() + PATIENCE;
    while psql(&cluster, 0, "SELECT count(*) FROM pg_stat_replication")? != format!("{REPLICAS}\n") {
        ensure!(Instant::now() < deadline, "not all of them follow\n{}", cluster.log());
    }
    Ok(())
}

/// Starts a replica on a volume of this scale while transactions are open; returns the pages that it has fetched when it
/// has answered its first query.
async fn first_answer(scale: u32, open: i32) -> anyhow::Result<(f64, f64)> {
    let mut options = Options { processes: true, replicas: 0, ..Options::default() };
    options.arguments.extend(["--max-connections", "300"].map(str::to_owned));
    let mut cluster = Cluster::start(options).await?;
    pgbench(&cluster, &["-i", "-q", "-s", &scale.to_string()]).ok();
    pgbench(&cluster, &["-n", "-M", "prepared", "-c", "8", "-T", "1"])?;
    assert_eq!(psql(&cluster, 0, "SHOW max_connections")?, "300\n");
    let mut transactions = Vec::new();
    for n in 0..open {
        let client = cluster.connect(0).await?;
        // The row that is read first, and others all over the table.
        let account = if n == 0 { 77 } else { 1 + n * (scale as i32 * 100_000 / open) };
        client
            .batch_execute(&format!("BEGIN; UPDATE pgbench_accounts SET abalance = -1 WHERE aid = {account}"))
            .await?;
        transactions.push(client);
    }
    let wanted = psql(&cluster, 0, "SELECT abalance FROM pgbench_accounts WHERE aid = 77")?;
    let (storage, port) = (cluster.storage()?, free_ports(1)?);
    let (listen, dashboard) = (format!("127.0.0.1:{port}"), (port + 1).to_string());
    let arguments = ["replica", "--storage", &storage, "--listen", &listen, "--dashboard-port", &dashboard];
    let arguments = [&arguments[..], &["--failover-timeout", "0"]].concat();
    cluster.run(&arguments.into_iter().map(str::to_owned).collect::<Vec<_>>())?;
    let deadline = Instant::now() + PATIENCE;
    let replica = loop {
        match connect(port).await {
            Ok(replica) => break replica,
            Err(error) => ensure!(Instant::now() < deadline, "{error}\n{}", cluster.log()),
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let row = replica.query_one("SELECT abalance FROM pgbench_accounts WHERE aid = 77", &[]).await?;
    assert_eq!(format!("{}\n", row.get::<_, i32>(0)), wanted);
    let pages = metric(port + 1, "redoubt_replica_pages_fetched")?;
    let all: f64 = psql(&cluster, 0, "SELECT sum(pg_relation_size(oid)) / 8192 FROM pg_class")?.trim().parse()?;
    Ok((pages, all))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_replica_s_first_answer_costs_the_same_whatever_there_is_and_goes_on() -> anyhow::Result<()> {
    let (small, few) = first_answer(1, 1).await?;
    let (large, many) = first_answer(8, OPEN_TRANSACTIONS).await?;
    assert!(many > few * 6.0, "{many} pages are not many more than {few}");
    assert!(small <= FIRST_PAGES_MAX && large <= FIRST_PAGES_MAX, "{small} and {large} pages were fetched");
    assert!(large <= small + 12.0, "{large} pages were fetched, and {small} of a small volume");
    Ok(())
}
