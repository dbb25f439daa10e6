//! Failovers in a row: `cargo run --release -p redoubt-tests --bin failover -- [ROUNDS] [CLIENTS] [command] [proxy]`.
//!
//! A cluster of processes with two replicas runs TPC-B from clients whose URL names all three servers
//! (`target_session_attrs=read-write`); with `proxy` it names the writer port of `redoubt proxy`. Each round kills the
//! writer with `kill -9`, takes the time until the first commit that began after the kill is acknowledged elsewhere, and
//! starts the dead server again as a replica. A replica takes the place by itself, or, with `command`, at once by
//! `redoubt promote`.
//!
//! Beside them two clients transfer money and append to lists, and one reads the lists on each server ([`History`]). At the
//! end every acknowledged transaction must be there, the four sums of TPC-B must agree, and the history must be clean.

use anyhow::{Context, bail, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tests::bank::Sums;
use tests::cluster::{PATIENCE, binary, free_ports};
use tests::history::{self, History};
use tests::postgres::{pgbench, psql};
use tests::{Cluster, Options};
use tokio::sync::watch;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Statement};

const REPLICAS: u16 = 2;
/// Clients beside those of TPC-B that transfer and append.
const HISTORY_WRITERS: usize = 2;
/// A statement that takes longer was sent to a server that no longer answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two tries of finding a writer. Each try opens a session on every server that lives, so that clients without a
/// pause would take the processors of a small machine from the recovery that they wait for.
const RECONNECT_PAUSE: Duration = Duration::from_millis(10);
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

/// How to connect to one of these ports.
fn target(ports: &[u16]) -> Config {
    let mut config = Config::new();
    config.user("postgres").dbname("postgres").connect_timeout(Duration::from_secs(1));
    for port in ports {
        config.host("127.0.0.1").port(*port);
    }
    config
}

async fn connect(ports: &[u16]) -> anyhow::Result<(Client, Vec<Statement>)> {
    let client = history::connect(target(ports).target_session_attrs(TargetSessionAttrs::ReadWrite)).await?;
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
                tokio::time::sleep(RECONNECT_PAUSE).await;
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

/// Makes a replica the writer.
async fn promote(port: u16) -> anyhow::Result<()> {
    let mut command = tokio::process::Command::new(binary());
    command.args(["promote", &format!("127.0.0.1:{port}")]).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.context("promote hangs")??;
    ensure!(output.status.success(), "promote: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Starts a proxy, which ends with the cluster, and returns the port that follows the writer.
async fn proxy(cluster: &mut Cluster) -> anyhow::Result<u16> {
    let port = free_ports(1)?;
    cluster.start_proxy(port, port + 1)?;
    let begin = Instant::now();
    while history::connect(&target(&[port])).await.is_err() {
        ensure!(begin.elapsed() < PATIENCE, "the proxy does not come up\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(port)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let (mut numbers, mut by_command, mut by_proxy) = (Vec::new(), false, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "command" => by_command = true,
            "proxy" => by_proxy = true,
            number => {
                numbers.push(number.parse().with_context(|| format!("{number} is no number of rounds or clients"))?)
            }
        }
    }
    let (rounds, clients) = match numbers[..] {
        [] => (10, 8),
        [rounds] => (rounds, 8),
        [rounds, clients] => (rounds, clients),
        _ => bail!("failover [ROUNDS] [CLIENTS] [command] [proxy]"),
    };
    let mut arguments = vec!["--cache-size".to_owned(), "64MB".to_owned()];
    if by_command {
        arguments.extend(["--failover-timeout".to_owned(), "0".to_owned()]);
    }
    let mut cluster =
        Cluster::start(Options { processes: true, replicas: REPLICAS, arguments, ..Options::default() }).await?;
    pgbench(&cluster, &["-i", "-q", "-s", "1"]).ok();
    psql(&cluster, 0, "SELECT count(*) FROM pgbench_branches")?;
    let servers: Vec<u16> = (0..=REPLICAS).map(|n| cluster.port(n)).collect();
    let ports = if by_proxy { vec![proxy(&mut cluster).await?] } else { servers.clone() };
    let history = History::begin(servers.iter().map(|port| target(std::slice::from_ref(port))).collect()).await?;
    let others = history.start(HISTORY_WRITERS, &mut StdRng::seed_from_u64(1));
    let begun = Instant::now();
    let load = Arc::new(Load {
        ports,
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
        if by_command {
            promote(cluster.port((n + 1) % (REPLICAS + 1))).await?;
        }
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
    history.stop();
    let mut kept = Vec::new();
    for task in tasks {
        kept.extend(task.await?);
    }
    for client in others {
        client.await?;
    }
    history.check().await?;
    let (client, _) = connect(&servers).await?;
    let rows = client.query("SELECT filler::text FROM pgbench_history", &[]).await?;
    let there: std::collections::HashSet<i64> =
        rows.iter().filter_map(|row| row.get::<_, Option<String>>(0)?.trim().parse().ok()).collect();
    let lost = kept.iter().filter(|mark| !there.contains(mark)).count();
    Sums::read(&client).await?.check()?;
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "failovers {rounds}  clients {clients}  p50 {:.0} ms  max {:.0} ms  acknowledged {} + {}  lost {lost}  a clean history \
         over {} looks at lists",
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1]),
        kept.len(),
        history.acknowledged(),
        history.sightings()
    );
    ensure!(lost == 0, "{lost} acknowledged transactions are missing");
    Ok(())
}
