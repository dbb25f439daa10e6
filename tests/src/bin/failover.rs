//! Failovers in a row: `cargo run --release -p redoubt-tests --bin failover -- [ROUNDS] [CLIENTS]`.
//!
//! A cluster of processes with two replicas runs TPC-B from clients whose URL names all three servers
//! (`target_session_attrs=read-write`). Each round kills the writer with `kill -9`, takes the time until the first commit
//! that began after the kill is acknowledged elsewhere, and starts the dead server again as a replica. At the end every
//! acknowledged transaction must be there, and the four sums of TPC-B must agree.

use anyhow::{Context, ensure};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tests::bank::Sums;
use tests::cluster::PATIENCE;
use tests::postgres::{pgbench, psql};
use tests::{Cluster, Options};
use tokio::sync::watch;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Statement};

const REPLICAS: u16 = 2;
/// A statement that takes longer was sent to a server that no longer answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const STATEMENTS: [&str; 5] = [
    "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2",
    "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
    "UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2",
    "UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2",
    "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime, filler) VALUES ($1, $2, $3, $4, now(), $5)",
];

struct Load {
    ports: Vec<u16>,
    stop: AtomicBool,
    next: AtomicI64,
    /// When the transaction that was acknowledged last began, and when that was.
    acknowledged: watch::Sender<(Instant, Instant)>,
}

async fn connect(ports: &[u16]) -> anyhow::Result<(Client, Vec<Statement>)> {
    let mut config = Config::new();
    config.user("postgres").dbname("postgres").target_session_attrs(TargetSessionAttrs::ReadWrite);
    config.connect_timeout(Duration::from_secs(1));
    for port in ports {
        config.host("127.0.0.1").port(*port);
    }
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        // Whoever uses the client sees why the connection ended.
        let _ = connection.await;
    });
    let mut statements = Vec::new();
    for text in STATEMENTS {
        statements.push(client.prepare(text).await?);
    }
    Ok((client, statements))
}

impl Load {
    /// One client; returns the marks of the transactions that were acknowledged.
    async fn run(self: Arc<Load>) -> Vec<i64> {
        let mut kept = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let Ok(Ok((client, statements))) = tokio::time::timeout(ANSWER_TIMEOUT, connect(&self.ports)).await else {
                tokio::time::sleep(Duration::from_millis(2)).await;
                continue;
            };
            while !self.stop.load(Ordering::Relaxed) {
                let (mark, began) = (self.next.fetch_add(1, Ordering::Relaxed), Instant::now());
                let done = tokio::time::timeout(ANSWER_TIMEOUT, transaction(&client, &statements, mark)).await;
                if !matches!(done, Ok(Ok(()))) {
                    break;
                }
                kept.push(mark);
                self.acknowledged.send_replace((began, Instant::now()));
            }
        }
        kept
    }
}

/// TPC-B, with a mark in the filler of its history.
async fn transaction(client: &Client, statements: &[Statement], mark: i64) -> anyhow::Result<()> {
    let (account, teller, branch, delta) = ((mark * 7919 % 100_000 + 1) as i32, (mark % 10 + 1) as i32, 1i32, 17i32);
    let filler = mark.to_string();
    let parameters: [&[&(dyn ToSql + Sync)]; 5] = [
        &[&delta, &account],
        &[&account],
        &[&delta, &teller],
        &[&delta, &branch],
        &[&teller, &branch, &account, &delta, &filler],
    ];
    client.batch_execute("BEGIN").await?;
    for (statement, parameters) in statements.iter().zip(parameters) {
        client.query(statement, parameters).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(())
}

/// Address and process of the writer, as any server that answers sees it.
async fn writer(cluster: &Cluster) -> anyhow::Result<(u16, u64)> {
    let begin = Instant::now();
    loop {
        for asked in 0..=REPLICAS {
            let Ok(status) = cluster.status(asked) else { continue };
            let servers = status["servers"].as_array().cloned().unwrap_or_default();
            let all_up = servers.iter().filter(|it| it["state"] == "up").count() == usize::from(REPLICAS) + 1;
            let writer = servers.iter().find(|it| it["role"] == "writer" && it["state"] == "up");
            if let Some(writer) = writer.filter(|_| all_up) {
                let n = (0..=REPLICAS).find(|&n| writer["addr"] == format!("127.0.0.1:{}", cluster.port(n)));
                return Ok((n.context("an unknown server")?, writer["pid"].as_u64().context("no process")?));
            }
        }
        ensure!(begin.elapsed() < PATIENCE, "the cluster is not whole again\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().map_or(Ok(10), |text| text.parse()).context("ROUNDS")?;
    let clients: usize = arguments.next().map_or(Ok(8), |text| text.parse()).context("CLIENTS")?;
    let mut cluster = Cluster::start(Options {
        processes: true,
        replicas: REPLICAS,
        arguments: vec!["--cache-size".into(), "64MB".into()],
    })
    .await?;
    pgbench(&cluster, &["-i", "-q", "-s", "1"]).ok();
    psql(&cluster, 0, "SELECT count(*) FROM pgbench_branches")?;
    let begun = Instant::now();
    let load = Arc::new(Load {
        ports: (0..=REPLICAS).map(|n| cluster.port(n)).collect(),
        stop: AtomicBool::new(false),
        next: AtomicI64::new(1),
        acknowledged: watch::Sender::new((begun, begun)),
    });
    let tasks: Vec<_> = (0..clients).map(|_| tokio::spawn(load.clone().run())).collect();
    let mut commands: HashMap<u16, Vec<String>> = HashMap::new();
    let mut times = Vec::new();
    println!("round  dead server  ms to the first accepted write");
    for round in 1..=rounds {
        let (n, pid) = writer(&cluster).await?;
        // Under load, and not just after a start.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut acknowledged = load.acknowledged.subscribe();
        Cluster::kill(pid)?;
        // Not before: what the writer still acknowledged while the signal was on its way is not the next one's.
        let killed = Instant::now();
        let accepted = acknowledged.wait_for(|(began, _)| *began > killed);
        let (_, at) = *tokio::time::timeout(PATIENCE, accepted).await.context("nobody accepts writes")??;
        let took = at - killed;
        println!("{round:>5}  {n:>11}  {:>8.0}", took.as_secs_f64() * 1000.0);
        times.push(took);
        if let std::collections::hash_map::Entry::Vacant(place) = commands.entry(n) {
            let name = if n == 0 { "writer".to_owned() } else { format!("replica {n}") };
            let mut command = cluster.printed_command(&name).await?;
            "replica".clone_into(&mut command[0]);
            place.insert(command);
        }
        cluster.run(&commands[&n])?;
    }
    writer(&cluster).await?;
    load.stop.store(true, Ordering::Relaxed);
    let mut kept = Vec::new();
    for task in tasks {
        kept.extend(task.await?);
    }
    let (client, _) = connect(&load.ports).await?;
    let rows = client.query("SELECT filler::text FROM pgbench_history", &[]).await?;
    let there: std::collections::HashSet<i64> =
        rows.iter().filter_map(|row| row.get::<_, Option<String>>(0)?.trim().parse().ok()).collect();
    let lost = kept.iter().filter(|mark| !there.contains(mark)).count();
    Sums::read(&client).await?.check()?;
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "failovers {rounds}  clients {clients}  p50 {:.0} ms  max {:.0} ms  acknowledged {}  lost {lost}",
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1]),
        kept.len()
    );
    ensure!(lost == 0, "{lost} acknowledged transactions are missing");
    Ok(())
}
