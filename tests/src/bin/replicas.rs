//! What replicas cost, how far they lag, and how soon a new one answers:
//! `cargo run --release -p redoubt-tests --bin replicas -- [SECONDS] [SCALE] [N,N,...]`.
//!
//! For each count of replicas a cluster of processes runs TPC-B with eight clients. Printed are the rate; the CPU time for a
//! transaction of the writer, of the six storage nodes together and of the replicas together; the bytes that the writer
//! has sent to each replica for a transaction (its connections to storage are Unix sockets, so its TCP connections other
//! than clients' are notices); and the lag of the first replica: from a commit's answer to the replica's first answer that
//! shows it. A replica that ends or is another process afterwards fails the run.
//!
//! Then a hundred transactions are left open, each with a change, one more replica is started, and the time until it has
//! answered its first query is taken, its process's start included.

use anyhow::{Context, ensure};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};
use tests::bench::{Cell, Subject, cpu_of};
use tests::cluster::{PATIENCE, connect};
use tests::{Cluster, Options};

const TPCB: Cell = Cell { workload: "tpcb", mode: "prepared", clients: 8 };
/// Transactions in flight when a new replica is started.
const OPEN_TRANSACTIONS: i32 = 100;

/// The processes of a cluster by what they are.
struct Processes {
    writer: u32,
    nodes: Vec<u32>,
    replicas: Vec<u32>,
}

impl Processes {
    fn of(cluster: &Cluster) -> anyhow::Result<Processes> {
        let status = cluster.status(0)?;
        let pids = |list: &str, role: &str| -> Vec<u32> {
            let all = status[list].as_array().into_iter().flatten();
            let mut pids: Vec<u32> =
                all.filter(|it| it["role"] == role).filter_map(|it| it["pid"].as_u64()).map(|pid| pid as u32).collect();
            pids.sort_unstable();
            pids
        };
        let writer = pids("servers", "writer").first().copied().context("there is no writer")?;
        Ok(Processes { writer, nodes: pids("storage_nodes", "member"), replicas: pids("servers", "replica") })
    }
}

/// Bytes that a process has sent on the TCP connections that it accepted, but for those of one port.
fn sent_bytes(pid: u32, but_port: u16) -> anyhow::Result<u64> {
    let output = Command::new("ss").args(["-H", "-t", "-n", "-i", "-p", "-O"]).output().context("ss of iproute2")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut bytes = 0;
    for line in text.lines().filter(|line| line.contains(&format!("pid={pid},"))) {
        let mut words = line.split_whitespace();
        let port = words.nth(3).and_then(|local| local.rsplit_once(':')).and_then(|(_, port)| port.parse::<u16>().ok());
        let sent = words.find_map(|word| word.strip_prefix("bytes_sent:")).and_then(|sent| sent.parse::<u64>().ok());
        if port != Some(but_port) {
            bytes += sent.unwrap_or(0);
        }
    }
    Ok(bytes)
}

async fn measure(replicas: u16, seconds: u32, scale: u32) -> anyhow::Result<()> {
    let arguments = ["--cache-size", "256MB", "--max-connections", "300", "--failover-timeout", "0"];
    let arguments = arguments.map(str::to_owned).to_vec();
    let mut cluster = Cluster::start(Options { processes: true, replicas, arguments, ..Options::default() }).await?;
    for n in 1..=replicas {
        drop(cluster.connect_when_up(n).await?);
    }
    let processes = Processes::of(&cluster)?;
    ensure!(processes.replicas.len() == usize::from(replicas), "not all replicas are there\n{}", cluster.log());
    let subject = Subject {
        name: "redoubt",
        port: cluster.port(0),
        replica: (replicas > 0).then(|| cluster.port(1)),
        pids: vec![processes.writer],
    };
    subject.load(scale)?;
    subject.run(TPCB, 2)?;
    let cpu = || anyhow::Ok((cpu_of(&processes.nodes)?, cpu_of(&processes.replicas)?));
    let (before, sent_before) = (cpu()?, sent_bytes(processes.writer, cluster.port(0))?);
    let figures = subject.run(TPCB, seconds)?.context("nothing was finished")?;
    let (after, sent_after) = (cpu()?, sent_bytes(processes.writer, cluster.port(0))?);
    let transactions = figures.tps * f64::from(seconds);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / transactions;
    let lag = if replicas > 0 { subject.lag(seconds).await? } else { [0.0; 2] };
    println!(
        "{replicas:>8} {:>8.0} {:>10.1} {:>9.1} {:>11.1} {:>13.1} {:>8.2} {:>8.2}",
        figures.tps,
        figures.cpu_us,
        each(after.0 - before.0),
        each(after.1 - before.1),
        (sent_after - sent_before) as f64 / f64::from(replicas.max(1)) / transactions,
        lag[0],
        lag[1]
    );
    let now = Processes::of(&cluster)?;
    ensure!(now.replicas == processes.replicas, "a replica was lost\n{}", cluster.log());
    first_answer(&mut cluster, scale).await
}

/// Starts one more replica while transactions are open.
async fn first_answer(cluster: &mut Cluster, scale: u32) -> anyhow::Result<()> {
    let mut open = Vec::new();
    for n in 0..OPEN_TRANSACTIONS {
        let client = cluster.connect(0).await?;
        let account = 1 + n * (scale as i32 * 100_000 / OPEN_TRANSACTIONS);
        client.batch_execute(&format!("BEGIN; UPDATE pgbench_accounts SET abalance = 0 WHERE aid = {account}")).await?;
        open.push(client);
    }
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let storage = cluster.storage()?;
    let listen = format!("127.0.0.1:{port}");
    let arguments = ["replica", "--storage", &storage, "--listen", &listen, "--failover-timeout", "0"];
    let begun = Instant::now();
    cluster.run(&arguments.map(str::to_owned))?;
    let query = "SELECT abalance FROM pgbench_accounts WHERE aid = 77";
    loop {
        if let Ok(client) = connect(port).await
            && client.query_one(query, &[]).await.is_ok()
        {
            break;
        }
        ensure!(begun.elapsed() < PATIENCE, "the new replica does not answer\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    println!("         a new replica's first answer after {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, default: u32| arguments.get(n).map_or(Ok(default), |text| text.parse());
    let (seconds, scale) = (number(0, 10)?, number(1, 10)?);
    let counts: Vec<u16> = match arguments.get(2) {
        Some(list) => list.split(',').map(str::parse).collect::<Result<_, _>>()?,
        None => vec![0, 1, 5, 15],
    };
    println!(
        "replicas      tps  writer us  nodes us replicas us  bytes/replica  lag p50      p99 (us, bytes: for a transaction; ms)"
    );
    for replicas in counts {
        measure(replicas, seconds, scale).await?;
    }
    Ok(())
}
