//! Who the writer is, and how clients and replicas learn of it.

use serde_json::Value;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tests::cluster::{PATIENCE, binary, free_ports, redoubt, run_to_end, signal};
use tests::drivers::python;
use tests::postgres::{psql, succeeded};
use tests::{Cluster, Options};
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls};

/// Connects to the first of `ports` that is what is wanted.
async fn connect_to(ports: &[u16], wanted: TargetSessionAttrs) -> Result<Client, tokio_postgres::Error> {
    let mut config = Config::new();
    config.user("postgres").dbname("postgres").target_session_attrs(wanted).connect_timeout(Duration::from_secs(10));
    for port in ports {
        config.host("127.0.0.1").port(*port);
    }
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        // Whoever uses the client sees why the connection ended.
        let _ = connection.await;
    });
    Ok(client)
}

fn promote(cluster: &Cluster, n: u16) -> anyhow::Result<()> {
    succeeded(redoubt(["promote", &format!("127.0.0.1:{}", cluster.port(n))])?)?;
    Ok(())
}

#[tokio::test]
async fn tokio_postgres_finds_servers_by_their_role() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    drop(cluster.connect_when_up(1).await?);
    let ports = [cluster.port(1), cluster.port(0)];
    let recovers = async |client: &Client| {
        anyhow::Ok(client.query_one("SELECT pg_is_in_recovery()", &[]).await?.get::<_, bool>(0))
    };
    let writer = connect_to(&ports, TargetSessionAttrs::ReadWrite).await?;
    assert!(!recovers(&writer).await?);
    let replica = connect_to(&[ports[1], ports[0]], TargetSessionAttrs::ReadOnly).await?;
    assert!(recovers(&replica).await?);
    promote(&cluster, 1)?;
    assert!(!recovers(&replica).await?, "its session goes on");
    replica.batch_execute("CREATE TABLE here (a int)").await?;
    // The old writer ends its sessions as soon as it has heard of its successor.
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        match writer.query_one("SELECT 1", &[]).await {
            // It has not heard of anybody for a while, and does not know yet.
            Err(error) if error.code() == Some(&SqlState::CANNOT_CONNECT_NOW) => {}
            Err(error) => break error,
            Ok(_) => {}
        }
        anyhow::ensure!(Instant::now() < deadline, "the old writer goes on");
    };
    assert!(error.code().is_none_or(|code| code.code() == "57P01"), "{error}");
    let again = connect_to(&[ports[1], ports[0]], TargetSessionAttrs::ReadWrite).await?;
    again.batch_execute("INSERT INTO here VALUES (1)").await?;
    Ok(())
}

#[tokio::test]
async fn psycopg_finds_servers_by_their_role() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    drop(cluster.connect_when_up(1).await?);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/drivers/psycopg_roles.py");
    let ports = [cluster.port(0), cluster.port(1)].map(|port| port.to_string());
    let mut command = Command::new(python()?);
    command.arg(script).args(&ports).arg(binary()).args(["promote", &format!("127.0.0.1:{}", ports[1])]);
    succeeded(run_to_end(&mut command)?)?;
    Ok(())
}

/// One client that inserts numbers into `numbers` at whichever server takes them, and remembers which were acknowledged.
struct Writer {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicI64>,
    task: tokio::task::JoinHandle<Vec<i64>>,
}

impl Writer {
    fn start(ports: Vec<u16>) -> Writer {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let task = tokio::spawn(Writer::run(ports, stop.clone(), acknowledged.clone()));
        Writer { stop, acknowledged, task }
    }

    /// The server that takes writes. One that is stopped accepts and says nothing: time tells.
    async fn connect(ports: &[u16]) -> Option<Client> {
        for &port in ports {
            let alone = [port];
            let connected = connect_to(&alone, TargetSessionAttrs::ReadWrite);
            if let Ok(Ok(client)) = tokio::time::timeout(Duration::from_millis(500), connected).await {
                return Some(client);
            }
        }
        None
    }

    async fn run(ports: Vec<u16>, stop: Arc<AtomicBool>, acknowledged: Arc<AtomicI64>) -> Vec<i64> {
        let (mut next, mut kept) = (0i64, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            let Some(client) = Writer::connect(&ports).await else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            while !stop.load(Ordering::Relaxed) {
                next += 1;
                let values: [&(dyn ToSql + Sync); 1] = [&next];
                let insert = client.execute("INSERT INTO numbers VALUES ($1)", &values);
                if !matches!(tokio::time::timeout(Duration::from_secs(1), insert).await, Ok(Ok(1))) {
                    break;
                }
                kept.push(next);
                acknowledged.store(next, Ordering::Relaxed);
            }
        }
        kept
    }

    /// Waits until it was acknowledged something that it began after now.
    async fn progress(&self, cluster: &Cluster) -> anyhow::Result<Duration> {
        let (begin, mark) = (Instant::now(), self.acknowledged.load(Ordering::Relaxed));
        while self.acknowledged.load(Ordering::Relaxed) <= mark + 1 {
            anyhow::ensure!(begin.elapsed() < PATIENCE, "no server takes writes\n{}", cluster.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(begin.elapsed())
    }

    async fn stop(self) -> anyhow::Result<Vec<i64>> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.task.await?)
    }
}

async fn start(replicas: u16, timeout_ms: u32) -> anyhow::Result<Cluster> {
    let mut options = Options { processes: true, replicas, ..Options::default() };
    options.arguments.extend(["--failover-timeout".to_owned(), timeout_ms.to_string()]);
    let cluster = Cluster::start(options).await?;
    psql(&cluster, 0, "CREATE TABLE numbers (number bigint PRIMARY KEY)")?;
    Ok(cluster)
}

fn ports(cluster: &Cluster, replicas: u16) -> Vec<u16> {
    (0..=replicas).map(|n| cluster.port(n)).collect()
}

/// The numbers that are there, read where writes are taken.
async fn read_numbers(cluster: &Cluster, replicas: u16) -> anyhow::Result<std::collections::HashSet<i64>> {
    let client = connect_to(&ports(cluster, replicas), TargetSessionAttrs::ReadWrite).await?;
    let rows = client.query("SELECT number FROM numbers", &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn check_nothing_is_lost(cluster: &Cluster, replicas: u16, acknowledged: &[i64]) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    // Where the machine is busy, a replica may stand at any time, and for a moment nobody is the writer.
    let there = loop {
        match read_numbers(cluster, replicas).await {
            Ok(there) => break there,
            Err(error) => anyhow::ensure!(Instant::now() < deadline, "{error}\n{}", cluster.log()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let missing: Vec<&i64> = acknowledged.iter().filter(|number| !there.contains(number)).collect();
    assert!(missing.is_empty(), "acknowledged and missing: {missing:?}");
    assert!(!acknowledged.is_empty());
    Ok(())
}

fn servers<'a>(status: &'a Value, role: &'a str) -> impl Iterator<Item = &'a Value> {
    status["servers"].as_array().into_iter().flatten().filter(move |it| it["role"] == role && it["state"] == "up")
}

/// The writer's process id and the number of its port, as a status has them.
fn writer_in(cluster: &Cluster, status: &Value, replicas: u16) -> Option<(u64, u16)> {
    let found = servers(status, "writer").next()?;
    let n = (0..=replicas).find(|&n| found["addr"] == format!("127.0.0.1:{}", cluster.port(n)))?;
    Some((found["pid"].as_u64()?, n))
}

/// Asks these servers in turn until one knows a writer that is as wanted; returns its process id and the number of its port.
/// A new writer may just be on its way into the address book.
async fn until_writer(
    cluster: &Cluster,
    asked: &[u16],
    replicas: u16,
    wanted: impl Fn(u16) -> bool,
) -> anyhow::Result<(u64, u16)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for &asked in asked {
            let status = cluster.status(asked);
            let found = status.as_ref().ok().and_then(|status| writer_in(cluster, status, replicas));
            if let Some(found) = found.filter(|(_, n)| wanted(*n)) {
                return Ok(found);
            }
            anyhow::ensure!(Instant::now() < deadline, "no such writer: {status:?}\n{}", cluster.log());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A failover timeout in milliseconds for who expects a certain server to be the writer: a busy machine holds up nobody for
/// so long.
const UNHURRIED: u32 = 3_000;

/// Whoever is the writer.
async fn writer(cluster: &Cluster, asked: u16, replicas: u16) -> anyhow::Result<(u64, u16)> {
    until_writer(cluster, &[asked], replicas, |_| true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_the_place_of_a_killed_writer_by_itself() -> anyhow::Result<()> {
    let replicas = 2;
    let mut cluster = start(replicas, UNHURRIED).await?;
    let load = Writer::start(ports(&cluster, replicas));
    load.progress(&cluster).await?;
    // Where the machine is busy, a replica may have stood already.
    let (pid, first) = writer(&cluster, 1, replicas).await?;
    Cluster::kill(pid)?;
    let took = load.progress(&cluster).await?;
    println!("kill -9 of the writer to the first accepted write elsewhere: {took:?}");
    let left: Vec<u16> = (0..=replicas).filter(|n| *n != first).collect();
    let (pid, second) = until_writer(&cluster, &left, replicas, |n| n != first).await?;
    // The one that is left follows the new writer, and takes its place in turn.
    Cluster::kill(pid)?;
    let took = load.progress(&cluster).await?;
    println!("and again: {took:?}");
    let third = left.into_iter().find(|n| *n != second).expect("there are three");
    until_writer(&cluster, &[third], replicas, |n| n == third).await?;
    // One that is started again as the writer is it on its port; the other ends its sessions and follows.
    let name = if first == 0 { "writer".to_owned() } else { format!("replica {first}") };
    let mut command = cluster.printed_command(&name).await?;
    "writer".clone_into(&mut command[0]);
    cluster.run(&command)?;
    drop(cluster.connect_when_up(first).await?);
    load.progress(&cluster).await?;
    until_writer(&cluster, &[first], replicas, |n| n == first).await?;
    let acknowledged = load.stop().await?;
    check_nothing_is_lost(&cluster, replicas, &acknowledged).await
}

/// The epoch that a server tells, as soon as it tells one: it may just begin anew.
async fn epoch(cluster: &Cluster, asked: u16) -> anyhow::Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match cluster.status(asked) {
            Ok(status) => return Ok(status["epoch"].clone()),
            Err(error) => anyhow::ensure!(Instant::now() < deadline, "{error}\n{}", cluster.log()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// From the signal that stops a process to the one that lets it go on, where the test itself was not held up for long.
const SHORT_PAUSE_MAX: Duration = Duration::from_millis(300);
/// Where whoever sleeps for 10 ms wakes so late, the machine itself makes pauses.
const HELD_UP: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_pauses_of_the_writer_are_no_reason_to_stand() -> anyhow::Result<()> {
    let deadline = Instant::now() + 3 * PATIENCE;
    let mut rounds = 0;
    while rounds < 15 {
        anyhow::ensure!(Instant::now() < deadline, "this machine makes no short pauses: {rounds} rounds");
        rounds += short_pauses(15 - rounds).await?;
    }
    Ok(())
}

/// Pauses the writer of a new cluster for a moment so many times, and returns how many of the pauses count: those that were
/// short, and none where a replica stood and something else may have been the reason.
async fn short_pauses(rounds: u32) -> anyhow::Result<u32> {
    let (stop, longest) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Duration::ZERO)));
    // Whether whoever sleeps a little sleeps long here: so may the writer, without being stopped. One core may stand still
    // while others go on, so several sleep.
    let sleeper = || {
        let (stop, longest) = (stop.clone(), longest.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let begin = Instant::now();
                std::thread::sleep(Duration::from_millis(10));
                let mut longest = longest.lock().expect("no holder panics");
                *longest = longest.max(begin.elapsed());
            }
        })
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let sleepers: Vec<_> = (0..2 * cores).map(|_| sleeper()).collect();
    let cluster = start(1, 500).await?;
    let load = Writer::start(ports(&cluster, 1));
    let before = epoch(&cluster, 0).await?;
    let (pid, _) = writer(&cluster, 0, 1).await?;
    let (mut short, mut long) = (0, 0);
    for _ in 0..rounds {
        load.progress(&cluster).await?;
        let stopped = Instant::now();
        signal(pid, "STOP")?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        signal(pid, "CONT")?;
        *if stopped.elapsed() > SHORT_PAUSE_MAX { &mut long } else { &mut short } += 1;
    }
    load.progress(&cluster).await?;
    let acknowledged = load.stop().await?;
    check_nothing_is_lost(&cluster, 1, &acknowledged).await?;
    stop.store(true, Ordering::Relaxed);
    sleepers.into_iter().for_each(|sleeper| sleeper.join().expect("it does not panic"));
    if epoch(&cluster, 1).await? == before && !cluster.log().contains("this replica stands") {
        return Ok(short);
    }
    let longest = *longest.lock().expect("no holder panics");
    assert!(long > 0 || longest > HELD_UP, "all held up for {longest:?} at most\n{}", cluster.log());
    Ok(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_slept_too_long_wakes_as_a_replica_of_its_successor() -> anyhow::Result<()> {
    let cluster = start(1, UNHURRIED).await?;
    let load = Writer::start(ports(&cluster, 1));
    load.progress(&cluster).await?;
    // Where the machine is busy, the replica may have stood already.
    let (pid, first) = writer(&cluster, 1, 1).await?;
    signal(pid, "STOP")?;
    load.progress(&cluster).await?;
    let second = 1 - first;
    until_writer(&cluster, &[second], 1, |n| n == second).await?;
    signal(pid, "CONT")?;
    let deadline = Instant::now() + PATIENCE;
    while psql(&cluster, first, "SELECT pg_is_in_recovery()").ok().as_deref() != Some("t\n") {
        anyhow::ensure!(Instant::now() < deadline, "the old writer does not come back\n{}", cluster.log());
    }
    load.progress(&cluster).await?;
    until_writer(&cluster, &[first], 1, |n| n == second).await?;
    let acknowledged = load.stop().await?;
    check_nothing_is_lost(&cluster, 1, &acknowledged).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_failover_timeout_nobody_stands() -> anyhow::Result<()> {
    let cluster = start(1, 0).await?;
    let (pid, _) = writer(&cluster, 0, 1).await?;
    Cluster::kill(pid)?;
    // Three times as long as a replica would wait by default.
    let until = Instant::now() + Duration::from_millis(1_500);
    while Instant::now() < until {
        assert_eq!(psql(&cluster, 1, "SELECT pg_is_in_recovery()")?, "t\n");
    }
    promote(&cluster, 1)?;
    assert_eq!(psql(&cluster, 1, "INSERT INTO numbers VALUES (1)")?, "INSERT 0 1\n");
    Ok(())
}

async fn is_replica(port: u16) -> anyhow::Result<bool> {
    let client = tests::cluster::connect(port).await?;
    Ok(client.query_one("SELECT pg_is_in_recovery()", &[]).await?.get(0))
}

/// What the kernel waits for at each open TCP connection of a process: "02" is for keep-alive.
fn timers(process: u32) -> anyhow::Result<Vec<String>> {
    let mut sockets = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/fd"))? {
        // It may be closed since the folder was read.
        let Ok(target) = std::fs::read_link(entry?.path()) else { continue };
        let inode = target.to_str().and_then(|it| it.strip_prefix("socket:[")?.strip_suffix(']'));
        sockets.extend(inode.map(str::to_owned));
    }
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let open =
        rows.filter(|row| row.get(3) == Some(&"01") && sockets.iter().any(|it| row.get(9) == Some(&it.as_str())));
    Ok(open.filter_map(|row| row.get(5)?.split(':').next().map(str::to_owned)).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ports_of_a_proxy_follow_the_cluster() -> anyhow::Result<()> {
    // Nobody stands before the writer is killed.
    let mut cluster = start(2, UNHURRIED).await?;
    let writer_port = free_ports(1)?;
    let reader_port = writer_port + 1;
    let proxy = cluster.start_proxy(writer_port, reader_port)?;
    let deadline = Instant::now() + PATIENCE;
    while is_replica(writer_port).await.is_err() {
        anyhow::ensure!(Instant::now() < deadline, "the proxy is not up\n{}", cluster.log());
    }
    assert!(!is_replica(writer_port).await?);
    // Readers are spread over both replicas, as soon as the proxy knows of both.
    let clients = |n: u16| psql(&cluster, n, "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
    let deadline = Instant::now() + PATIENCE;
    let mut readers = loop {
        let mut readers = Vec::new();
        for _ in 0..4 {
            readers.push(tests::cluster::connect(reader_port).await?);
        }
        // Before it knows of any they are the writer's.
        let mut on_replicas = 0;
        for reader in &readers {
            on_replicas += usize::from(reader.query_one("SELECT pg_is_in_recovery()", &[]).await?.get::<_, bool>(0));
        }
        let spread = (on_replicas, clients(1)?, clients(2)?);
        if spread == (4, "2\n".to_owned(), "2\n".to_owned()) {
            break readers;
        }
        anyhow::ensure!(Instant::now() < deadline, "{spread:?}\n{}", cluster.log());
        // Those of before are to be gone from both when the next four are counted.
        drop(readers);
        while (clients(1)?, clients(2)?) != ("0\n".to_owned(), "0\n".to_owned()) {
            anyhow::ensure!(Instant::now() < deadline, "sessions of clients that left go on");
        }
    };
    // A client that vanishes without a word does not keep its place, nor does a server keep one.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let timers = timers(proxy)?;
        // While something is in flight there is another.
        if timers.len() >= 8 && timers.iter().all(|timer| timer == "02") {
            break;
        }
        anyhow::ensure!(Instant::now() < deadline, "not all are looked after: {timers:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A cancel request finds the session that it is meant for, on whichever replica.
    let sleeping = readers.pop().expect("there are four");
    let token = sleeping.cancel_token();
    let mut sleep = tokio::spawn(async move { sleeping.batch_execute("SELECT pg_sleep(60)").await });
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        anyhow::ensure!(Instant::now() < deadline, "no request to cancel finds its session\n{}", cluster.log());
        token.cancel_query(NoTls).await?;
        if let Ok(ended) = tokio::time::timeout(Duration::from_millis(50), &mut sleep).await {
            break ended?.expect_err("it was cancelled");
        }
    };
    assert_eq!(error.code().map(|code| code.code()), Some("57014"), "{error}");
    // A connection that comes while there is no writer waits for the next one.
    let load = Writer::start(vec![writer_port]);
    load.progress(&cluster).await?;
    let (pid, _) = writer(&cluster, 1, 2).await?;
    Cluster::kill(pid)?;
    assert!(!is_replica(writer_port).await?);
    load.progress(&cluster).await?;
    let acknowledged = load.stop().await?;
    check_nothing_is_lost(&cluster, 2, &acknowledged).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_and_failovers_are_shown() -> anyhow::Result<()> {
    let cluster = start(2, 0).await?;
    let wait_for = async |n: u16, question: &str, wanted: &str| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = psql(&cluster, n, question);
            if answer.as_ref().is_ok_and(|answer| answer == wanted) {
                return anyhow::Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "{question}: {answer:?}\n{}", cluster.log());
        }
    };
    // Both follow and come to have everything.
    let caught_up = "SELECT count(*) FROM pg_stat_replication \
                     WHERE state = 'streaming' AND replay_lsn = sent_lsn AND replay_lsn >= pg_current_wal_lsn()";
    wait_for(0, caught_up, "2\n").await?;
    assert_eq!(psql(&cluster, 1, "SELECT count(*) FROM pg_stat_replication")?, "0\n");
    let roles = "SELECT string_agg(role, ' ' ORDER BY address) FROM redoubt.replica_status()";
    for n in 0..=2 {
        wait_for(n, roles, "writer replica replica\n").await?;
    }
    let aurora = "SELECT count(*) FROM aurora_replica_status() \
                  WHERE session_id <> 'MASTER_SESSION_ID' AND replica_lag_in_msec >= 0 AND durable_lsn > 0";
    wait_for(0, aurora, "2\n").await?;
    assert_eq!(psql(&cluster, 0, "SELECT count(*) FROM redoubt.failovers()")?, "0\n");
    promote(&cluster, 1)?;
    let history = "SELECT cause, silence_ms IS NULL, total_ms > 0, epoch FROM redoubt.failovers()";
    let epoch = cluster.status(1)?["epoch"].clone();
    assert_eq!(psql(&cluster, 1, history)?, format!("command|t|t|{epoch}\n"));
    // The old writer and the other replica follow the new one.
    wait_for(1, caught_up, "2\n").await?;
    assert!(cluster.metric("redoubt_writer_flushed_vdl").is_err(), "the dashboard is the old writer's");
    assert!(cluster.metric("redoubt_replica_age_micros")? >= 0.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_writer_leaves_a_living_one_alone_if_told_to() -> anyhow::Result<()> {
    let mut cluster = start(1, 0).await?;
    let status = cluster.status(0)?;
    let nodes = status["storage_nodes"].as_array().cloned().unwrap_or_default();
    let nodes: Vec<&str> = nodes.iter().filter_map(|node| node["addr"].as_str()).collect();
    let storage = nodes.join(",");
    let port = free_ports(0)?;
    let listen = format!("127.0.0.1:{port}");
    // One that took over would run for ever.
    let mut command = tokio::process::Command::new(binary());
    command.args(["writer", "--storage", &storage, "--listen", &listen, "--no-takeover"]).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await??;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("127.0.0.1:{} is the writer and lives", cluster.port(0))), "{said}");
    assert_eq!(psql(&cluster, 0, "INSERT INTO numbers VALUES (1)")?, "INSERT 0 1\n");
    // Without the flag it takes over.
    let arguments = ["writer", "--storage", &storage, "--listen", &listen];
    cluster.run(&arguments.map(str::to_owned))?;
    let deadline = Instant::now() + PATIENCE;
    while !matches!(is_replica(port).await, Ok(false)) {
        anyhow::ensure!(Instant::now() < deadline, "the second writer is not up\n{}", cluster.log());
    }
    assert!(cluster.log().contains("takes over from the writer that is there"), "{}", cluster.log());
    Ok(())
}
