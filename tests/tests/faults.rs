//! Processes are killed under load; nothing acknowledged may be missing afterwards.

use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tests::bank::Sums;
use tests::cluster::{PATIENCE, connect, redoubt};
use tests::fleet::{Fleet, number, text};
use tests::postgres::{pgbench, psql};
use tests::{Cluster, Options};
use tokio::task::JoinHandle;

/// Clients that insert numbers one by one, each in a transaction of its own, and remember which were acknowledged.
struct Load {
    stop: Arc<AtomicBool>,
    /// Highest number acknowledged to each client.
    acknowledged: Vec<Arc<AtomicI64>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts `clients` of them against a port; each reconnects when its connection ends.
    fn start(ports: Vec<u16>, clients: usize) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged: Vec<Arc<AtomicI64>> = (0..clients).map(|_| Arc::default()).collect();
        let tasks = acknowledged
            .iter()
            .enumerate()
            .map(|(client, acknowledged)| {
                let (stop, acknowledged, ports) = (stop.clone(), acknowledged.clone(), ports.clone());
                tokio::spawn(async move {
                    let mut next = 1i64;
                    while !stop.load(Ordering::Relaxed) {
                        for &port in &ports {
                            insert_until_it_fails(port, client as i32, &mut next, &acknowledged, &stop).await;
                        }
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                })
            })
            .collect();
        Load { stop, acknowledged, tasks }
    }

    fn total(&self) -> i64 {
        self.acknowledged.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Waits until every client got one more acknowledgement, and returns how long that took.
    async fn wait_for_progress(&self) -> anyhow::Result<Duration> {
        let (begin, marks) =
            (Instant::now(), self.acknowledged.iter().map(|it| it.load(Ordering::Relaxed)).collect::<Vec<_>>());
        while self.acknowledged.iter().zip(&marks).any(|(now, then)| now.load(Ordering::Relaxed) <= *then) {
            anyhow::ensure!(begin.elapsed() < PATIENCE, "no client makes progress");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(begin.elapsed())
    }

    async fn stop(self) -> Vec<i64> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("a client does not panic");
        }
        self.acknowledged.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

/// Numbers ascend without a gap among the acknowledged; one whose fate is unknown is skipped, never tried again.
async fn insert_until_it_fails(port: u16, client: i32, next: &mut i64, acknowledged: &AtomicI64, stop: &AtomicBool) {
    let Ok(connection) = connect(port).await else { return };
    let Ok(statement) = connection.prepare("INSERT INTO numbers VALUES ($1, $2)").await else { return };
    while !stop.load(Ordering::Relaxed) {
        let number = *next;
        *next += 1;
        match tokio::time::timeout(PATIENCE, connection.execute(&statement, &[&client, &number])).await {
            Ok(Ok(_)) => {
                acknowledged.store(number, Ordering::Relaxed);
                ACKNOWLEDGED.lock().expect("no holder panics").push((client, number));
            }
            _ => return,
        }
    }
}

/// Every acknowledged (client, number) of the running test; clusters run one at a time.
static ACKNOWLEDGED: std::sync::Mutex<Vec<(i32, i64)>> = std::sync::Mutex::new(Vec::new());

async fn check_nothing_is_lost(cluster: &Cluster, n: u16) -> anyhow::Result<()> {
    let client = cluster.connect_when_up(n).await?;
    let rows = client.query("SELECT client, number FROM numbers", &[]).await?;
    let there: std::collections::HashSet<(i32, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(there.len(), rows.len(), "no number twice");
    let acknowledged = ACKNOWLEDGED.lock().expect("no holder panics");
    let missing: Vec<_> = acknowledged.iter().filter(|row| !there.contains(row)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} acknowledged rows are missing: {missing:?}",
        missing.len(),
        acknowledged.len()
    );
    assert!(!acknowledged.is_empty());
    Ok(())
}

async fn start(processes: bool) -> anyhow::Result<Cluster> {
    start_with(processes, &[]).await
}

async fn start_with(processes: bool, arguments: &[&str]) -> anyhow::Result<Cluster> {
    let mut options = Options { processes, ..Options::default() };
    options.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
    let cluster = Cluster::start(options).await?;
    ACKNOWLEDGED.lock().expect("no holder panics").clear();
    psql(&cluster, 0, "CREATE TABLE numbers (client int, number bigint, PRIMARY KEY (client, number))")?;
    Ok(cluster)
}

/// Asks the server behind port `n` for the status until it is as wanted, and returns what was made of it. A node or server
/// that is late to answer is shown as one that is down.
async fn until<T>(cluster: &Cluster, n: u16, what: &str, holds: impl Fn(&Value) -> Option<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = cluster.status(n);
        if let Some(found) = status.as_ref().ok().and_then(&holds) {
            return Ok(found);
        }
        anyhow::ensure!(Instant::now() < deadline, "{what}: {status:?}\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn pids<'a>(status: &'a Value, list: &str, wanted: impl Fn(&'a Value) -> bool) -> Vec<u64> {
    status[list].as_array().into_iter().flatten().filter(|it| wanted(it)).filter_map(|it| it["pid"].as_u64()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_when_a_zone_is_killed() -> anyhow::Result<()> {
    let cluster = start(true).await?;
    let load = Load::start(vec![cluster.port(0)], 4);
    load.wait_for_progress().await?;
    let zone = until(&cluster, 0, "two nodes are in zone b", |status| {
        Some(pids(status, "storage_nodes", |node| node["zone"] == "b")).filter(|zone| zone.len() == 2)
    });
    for pid in zone.await? {
        Cluster::kill(pid)?;
    }
    for _ in 0..20 {
        load.wait_for_progress().await?;
    }
    load.stop().await;
    check_nothing_is_lost(&cluster, 0).await
}

/// A writer's stream to a node never ends by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_node_that_is_told_to_stop_ends_while_a_writer_is_connected() -> anyhow::Result<()> {
    let cluster = start(true).await?;
    psql(&cluster, 0, "CREATE TABLE counted (n int)")?;
    Cluster::stop(node(&cluster, 3).await?)?;
    assert_eq!(psql(&cluster, 0, "INSERT INTO counted VALUES (2) RETURNING n")?.lines().next(), Some("2"));
    Ok(())
}

/// The process of a node, once it is up.
async fn node(cluster: &Cluster, id: u64) -> anyhow::Result<u64> {
    let find = |status: &Value| pids(status, "storage_nodes", |node| node["id"] == id).pop();
    until(cluster, 0, &format!("node {id} is up"), find).await
}

/// The process of the only server of a role. One that died has a lease for a while, and is shown as a replica.
async fn server(cluster: &Cluster, role: &str) -> anyhow::Result<u64> {
    until(cluster, 0, &format!("there is one {role}"), |status| {
        let found = pids(status, "servers", |server| server["role"] == role && server["state"] == "up");
        (found.len() == 1).then(|| found[0])
    })
    .await
}

fn writers(status: &Value) -> Vec<&str> {
    let servers = status["servers"].as_array().into_iter().flatten();
    servers.filter(|it| it["role"] == "writer").filter_map(|it| it["addr"].as_str()).collect()
}

/// Waits until the server behind port `asked` says that the one behind port `n` is the writer, and the only one.
async fn until_writer(cluster: &Cluster, asked: u16, n: u16) -> anyhow::Result<()> {
    let address = format!("127.0.0.1:{}", cluster.port(n));
    until(cluster, asked, &format!("{address} is the writer"), |status| {
        (writers(status) == [address.as_str()]).then_some(())
    })
    .await
}

/// Asks the server behind port `n` until `question` answers `wanted`.
async fn wait_for_answer(cluster: &Cluster, n: u16, question: &str, wanted: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = psql(cluster, n, question);
        if answer.as_ref().is_ok_and(|answer| answer.trim() == wanted) {
            return Ok(());
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "{question} does not answer {wanted}: {answer:?}\n{}",
            cluster.log()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_killed_and_started_by_their_printed_commands_count_again() -> anyhow::Result<()> {
    let mut cluster = start(true).await?;
    psql(&cluster, 0, "CREATE TABLE settled (a int); INSERT INTO settled VALUES (7)")?;
    let load = Load::start(vec![cluster.port(0)], 4);
    let mut commands = Vec::new();
    // All six in turn: whoever did not count again would be missing at the third.
    for id in 1..=6 {
        Cluster::kill(node(&cluster, id).await?)?;
        load.wait_for_progress().await?;
        commands.push(cluster.printed_command(&format!("storage node {id}")).await?);
        cluster.run(&commands[commands.len() - 1])?;
        load.wait_for_progress().await?;
        node(&cluster, id).await?;
    }
    load.wait_for_progress().await?;
    // A zone and one more: writes wait, and whoever does not want to wait may cancel.
    let mut zone_and_one = Vec::new();
    for id in [3, 4, 5] {
        zone_and_one.push(node(&cluster, id).await?);
    }
    for pid in zone_and_one {
        Cluster::kill(pid)?;
    }
    let waiting = cluster.connect(0).await?;
    let cancel = waiting.cancel_token();
    let mut insert =
        tokio::spawn(async move { waiting.simple_query("INSERT INTO settled VALUES (8)").await.map(drop) });
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        anyhow::ensure!(Instant::now() < deadline, "a write that waits is not cancelled\n{}", cluster.log());
        match tokio::time::timeout(Duration::from_millis(200), &mut insert).await {
            Ok(ended) => break ended?.expect_err("three nodes are no quorum"),
            Err(_) => cancel.cancel_query(tokio_postgres::NoTls).await?,
        }
    };
    // What had been written may have been committed; what was not let in any more was not begun.
    let code = error.code().map(|code| code.code().to_owned());
    assert!(matches!(code.as_deref(), Some("40003" | "57014")), "{error}");
    // Reads of what is durable go on, here and there.
    assert_eq!(psql(&cluster, 1, "SELECT a FROM settled")?, "7\n");
    assert_eq!(psql(&cluster, 0, "SELECT count(*) > 0 FROM pg_class")?, "t\n");
    cluster.run(&commands[4])?;
    for _ in 0..5 {
        load.wait_for_progress().await?;
    }
    load.stop().await;
    if code.as_deref() == Some("57014") {
        assert_eq!(psql(&cluster, 0, "SELECT a FROM settled")?, "7\n", "it was told that nothing came of it");
    }
    check_nothing_is_lost(&cluster, 0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_writer_and_a_killed_replica_start_again_by_their_printed_commands() -> anyhow::Result<()> {
    // No replica takes the writer's place meanwhile.
    let mut cluster = start_with(true, &["--failover-timeout", "0"]).await?;
    let load = Load::start(vec![cluster.port(0)], 4);
    for (role, name, n) in [("writer", "writer", 0), ("replica", "replica 1", 1)] {
        load.wait_for_progress().await?;
        Cluster::kill(server(&cluster, role).await?)?;
        if n == 0 {
            let status = cluster.status(1)?;
            assert!(writers(&status).is_empty(), "a dead server is no writer: {status}");
        }
        let command = cluster.printed_command(name).await?;
        cluster.run(&command)?;
        load.wait_for_progress().await?;
        drop(cluster.connect_when_up(n).await?);
    }
    until_writer(&cluster, 0, 0).await?;
    load.stop().await;
    wait_for_answer(&cluster, 1, "SELECT pg_is_in_recovery()", "t").await?;
    check_nothing_is_lost(&cluster, 0).await
}

/// What was answered before it was durable may be lost by a crash. Not by a stop: that waits for storage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_is_stopped_leaves_nothing_that_it_has_acknowledged() -> anyhow::Result<()> {
    let mut cluster = start(true).await?;
    let deadline = Instant::now() + PATIENCE;
    for round in 1usize.. {
        if is_there_after_a_stop(&mut cluster, round).await? {
            break;
        }
        // It does not wait for ever. Where the machine stood still for so long it has told that it gave up, each time.
        let given_up = cluster.log().matches("the server stops before all that it has written is durable").count();
        anyhow::ensure!(given_up == round && Instant::now() < deadline, "a row is lost\n{}", cluster.log());
    }
    Ok(())
}

/// Stops the writer when it has acknowledged a row that no quorum has, starts it again, and returns whether the row is there.
async fn is_there_after_a_stop(cluster: &mut Cluster, round: usize) -> anyhow::Result<bool> {
    let client = cluster.connect_when_up(0).await?;
    client.batch_execute("SET synchronous_commit = off").await?;
    client.batch_execute(&format!("INSERT INTO numbers VALUES ({round}, 1)")).await?;
    let (writer, last) = (server(cluster, "writer").await?, node(cluster, 3).await?);
    for id in [1, 2] {
        Cluster::kill(node(cluster, id).await?)?;
    }
    // With three nodes nothing becomes durable, and for a moment nobody notices: what is sent to the writer while it is
    // stopped comes first when it goes on.
    tests::cluster::signal(writer, "STOP")?;
    Cluster::kill(last)?;
    let insert = format!("INSERT INTO numbers VALUES ({round}, 2)");
    let inserted = tokio::spawn(async move { client.batch_execute(&insert).await });
    tests::cluster::signal(writer, "CONT")?;
    inserted.await??;
    tests::cluster::signal(writer, "TERM")?;
    for id in 1..=3 {
        let command = cluster.printed_command(&format!("storage node {id}")).await?;
        cluster.run(&command)?;
    }
    let begun = Instant::now();
    while tests::cluster::is_running(writer) {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the writer does not stop\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let command = cluster.printed_command("writer").await?;
    cluster.run(&command)?;
    let client = cluster.connect_when_up(0).await?;
    let rows = client.query_one(&format!("SELECT count(*) FROM numbers WHERE client = {round}"), &[]).await?;
    Ok(rows.get::<_, i64>(0) == 2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_slept_through_a_promotion_wakes_as_a_replica() -> anyhow::Result<()> {
    let cluster = start(true).await?;
    let load = Load::start(vec![cluster.port(0)], 4);
    load.wait_for_progress().await?;
    let writer = server(&cluster, "writer").await?;
    tests::cluster::signal(writer, "STOP")?;
    let output = tests::cluster::redoubt(["promote", &format!("127.0.0.1:{}", cluster.port(1))])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    psql(&cluster, 1, "INSERT INTO numbers VALUES (-1, 1)")?;
    tests::cluster::signal(writer, "CONT")?;
    wait_for_answer(&cluster, 0, "SELECT pg_is_in_recovery()", "t").await?;
    wait_for_answer(&cluster, 0, "SELECT number FROM numbers WHERE client = -1", "1").await?;
    until_writer(&cluster, 0, 1).await?;
    // Whatever it acknowledged, even as it woke, was durable before the promotion.
    load.stop().await;
    check_nothing_is_lost(&cluster, 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_promotion_the_next_start_has_the_writer_on_its_port() -> anyhow::Result<()> {
    let mut cluster = start(false).await?;
    let output = tests::cluster::redoubt(["promote", &format!("127.0.0.1:{}", cluster.port(1))])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    psql(&cluster, 1, "INSERT INTO numbers VALUES (1, 1)")?;
    let again = tests::cluster::redoubt(["promote", &format!("127.0.0.1:{}", cluster.port(1))])?;
    assert!(again.status.success(), "it is the writer already");
    cluster.kill_all()?;
    cluster.start_again().await?;
    psql(&cluster, 0, "INSERT INTO numbers VALUES (1, 2)")?;
    assert_eq!(psql(&cluster, 0, "SELECT count(*) FROM numbers")?, "2\n");
    Ok(())
}

/// Whoever asks for a promotion and gives up waiting does not want it when storage is back, against a writer that does well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_that_was_cancelled_does_not_come_about_later() -> anyhow::Result<()> {
    let cluster = start(true).await?;
    let hasty = cluster.connect(1).await?;
    hasty.batch_execute("SELECT pg_is_in_recovery(); SET statement_timeout = '1s'").await?;
    let mut nodes = Vec::new();
    for id in 1..=4 {
        nodes.push(node(&cluster, id).await?);
    }
    nodes.iter().try_for_each(|&pid| tests::cluster::signal(pid, "STOP"))?;
    let cancelled = hasty.batch_execute("SELECT pg_promote()").await;
    // Twice as long as one that is about to succeed may still go through.
    tokio::time::sleep(Duration::from_secs(2)).await;
    nodes.iter().try_for_each(|&pid| tests::cluster::signal(pid, "CONT"))?;
    let error = cancelled.expect_err("too few nodes answer");
    assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::QUERY_CANCELED), "{error}");
    // Longer than a recovery pauses between two attempts.
    let (begun, mut written) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(4) || written == 0 {
        let insert = format!("INSERT INTO numbers VALUES (7, {written})");
        // Until it has heard a quorum again it answers nothing.
        written += i64::from(psql(&cluster, 0, &insert).is_ok());
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the writer does not go on\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let replica = cluster.connect(1).await?;
    let follows: bool = replica.query_one("SELECT pg_is_in_recovery()", &[]).await?.get(0);
    assert!(follows, "nobody waits for it any more");
    until_writer(&cluster, 0, 0).await?;
    let refused = replica.query_one("SELECT pg_promote(true, 0)", &[]).await.expect_err("no time at all");
    assert_eq!(refused.code(), Some(&tokio_postgres::error::SqlState::NUMERIC_VALUE_OUT_OF_RANGE), "{refused}");
    // One that nobody waits for from the start comes about.
    let begun: bool = replica.query_one("SELECT pg_promote(false)", &[]).await?.get(0);
    assert!(begun);
    until_writer(&cluster, 1, 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_killed_at_once_and_started_again() -> anyhow::Result<()> {
    let mut cluster = start(false).await?;
    for _ in 0..3 {
        let load = Load::start(vec![cluster.port(0)], 4);
        let before = load.total();
        while load.total() < before + 200 {
            load.wait_for_progress().await?;
        }
        cluster.kill_all()?;
        load.stop().await;
        let took = cluster.start_again().await?;
        println!("start after kill -9 of everything: {took:?} to the first statement");
        check_nothing_is_lost(&cluster, 0).await?;
        // Numbers begin anew in each round: a client of the next round is another client.
        psql(&cluster, 0, "TRUNCATE numbers")?;
        ACKNOWLEDGED.lock().expect("no holder panics").clear();
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_writer_is_replaced_by_a_promoted_replica() -> anyhow::Result<()> {
    let cluster = start_with(true, &["--failover-timeout", "0"]).await?;
    let load = Load::start(vec![cluster.port(0), cluster.port(1)], 4);
    load.wait_for_progress().await?;
    let writer = server(&cluster, "writer").await?;
    let killed = Instant::now();
    Cluster::kill(writer)?;
    let output = tests::cluster::redoubt(["promote", &format!("127.0.0.1:{}", cluster.port(1))])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    load.wait_for_progress().await?;
    println!("kill -9 of the writer to an accepted write of every client elsewhere: {:?}", killed.elapsed());
    load.stop().await;
    check_nothing_is_lost(&cluster, 1).await?;
    until_writer(&cluster, 1, 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promotion_fences_a_living_writer_and_its_clients_learn_of_it() -> anyhow::Result<()> {
    let cluster = start(false).await?;
    let load = Load::start(vec![cluster.port(0), cluster.port(1)], 4);
    load.wait_for_progress().await?;
    let output = tests::cluster::redoubt(["promote", &format!("127.0.0.1:{}", cluster.port(1))])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for _ in 0..20 {
        load.wait_for_progress().await?;
    }
    load.stop().await;
    check_nothing_is_lost(&cluster, 1).await?;
    // The old writer is a replica now, or refuses: it never accepts a write.
    if let Ok(old) = cluster.connect(0).await {
        assert!(old.simple_query("INSERT INTO numbers VALUES (-1, -1)").await.is_err());
    }
    let there = psql(&cluster, 1, "SELECT count(*) FROM numbers WHERE client = -1")?;
    assert_eq!(there, "0\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tpcb_survives_kill_9_of_everything() -> anyhow::Result<()> {
    let mut cluster = start(false).await?;
    pgbench(&cluster, &["-i", "-q", "-s", "1"]).ok();
    // It ends with the cluster.
    let (port, seconds) = (cluster.port(0).to_string(), PATIENCE.as_secs().to_string());
    let mut running = std::process::Command::new("pgbench")
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "postgres",
            "-n",
            "-M",
            "prepared",
            "-c",
            "8",
            "-T",
            &seconds,
            "postgres",
        ])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    let history = "SELECT count(*) FROM pgbench_history";
    let deadline = Instant::now() + PATIENCE;
    while psql(&cluster, 0, history)?.trim().parse::<u64>()? < 500 {
        anyhow::ensure!(Instant::now() < deadline, "pgbench makes no progress");
    }
    cluster.kill_all()?;
    running.wait()?;
    cluster.start_again().await?;
    let sums = Sums::read(&cluster.connect(0).await?).await?;
    sums.check()?;
    assert!(sums.transactions >= 500);
    Ok(())
}

/// A server that cannot open its volume says so, and what it waits for, instead of leaving its clients without an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_start_without_a_quorum_tell_what_they_wait_for() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(6)?;
    let volume = number(&fleet.init(&[])?)?;
    let (port, _) = fleet.writer(&volume).await?;
    connect(port).await?.batch_execute("CREATE TABLE t AS SELECT 7 AS n").await?;
    fleet.kill_server()?;
    (4..=6).try_for_each(|node| fleet.kill_node(node))?;

    let (writer, _) = fleet.server("writer", &volume)?;
    let waits_for = "no answer from storage nodes 4, 5, 6, and each protection group needs four of its six";
    wait_until_told(writer, waits_for).await?;
    tests::fleet::until("the status says the same", || {
        Ok(text(&redoubt(["status", &format!("127.0.0.1:{writer}")])?.stderr).contains(waits_for))
    })
    .await?;
    fleet.kill_node(3)?;
    let (replica, _) = fleet.server("replica", &volume)?;
    wait_until_told(replica, "2 of 6 storage nodes answer").await?;

    (3..=6).try_for_each(|node| fleet.start_node(node, &[]))?;
    let client = fleet.connect_when_up(writer).await?;
    assert_eq!(client.query_one("SELECT n FROM t", &[]).await?.get::<_, i32>(0), 7);
    // A replica may have come up first, when nobody had told the storage nodes yet that the last commit was durable.
    let client = fleet.connect_when_up(replica).await?;
    let begun = Instant::now();
    while let Err(error) = client.query_one("SELECT n FROM t", &[]).await {
        anyhow::ensure!(!client.is_closed() && begun.elapsed() < PATIENCE, "{error}\n{}", fleet.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Connects until the server says that it waits for `wanted`. A node that is late to answer is missed, too, for a moment.
async fn wait_until_told(port: u16, wanted: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let refused = match connect(port).await {
            Ok(_) => anyhow::bail!("it lets clients in"),
            Err(error) => error.downcast::<tokio_postgres::Error>()?,
        };
        if let Some(reported) = refused.as_db_error() {
            assert_eq!(reported.code(), &tokio_postgres::error::SqlState::CANNOT_CONNECT_NOW, "{reported}");
            assert_eq!(reported.message(), "the database system is starting up");
            if reported.detail().is_some_and(|told| told.contains(wanted)) {
                return Ok(());
            }
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "it does not say {wanted}: {refused:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How long storage may take to do what it is asked before a writer gives up waiting for it when it is told to.
const MOMENT: Duration = Duration::from_secs(1);

/// A request to cancel that comes while a commit becomes durable comes too late for it, and its connection goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_becomes_durable_in_a_moment_is_not_cancelled() -> anyhow::Result<()> {
    let cluster = start(true).await?;
    let mut nodes = Vec::new();
    for id in 1..=3 {
        nodes.push(node(&cluster, id).await?);
    }
    let deadline = Instant::now() + PATIENCE;
    for number in 1.. {
        let (client, cancel) = (cluster.connect(0).await?, cluster.connect(0).await?);
        let token = client.cancel_token();
        let stopped = Instant::now();
        nodes.iter().try_for_each(|&pid| tests::cluster::signal(pid, "STOP"))?;
        let inserted = tokio::spawn(async move {
            (client.execute("INSERT INTO numbers VALUES (7, $1)", &[&i64::from(number)]).await, client)
        });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'WriteQuorum'";
        while !inserted.is_finished() && cancel.query_one(waits, &[]).await?.get::<_, i64>(0) == 0 {
            anyhow::ensure!(Instant::now() < deadline, "the insert does not come to wait\n{}", cluster.log());
        }
        token.cancel_query(tokio_postgres::NoTls).await?;
        nodes.iter().try_for_each(|&pid| tests::cluster::signal(pid, "CONT"))?;
        let Ok(ended) = tokio::time::timeout(PATIENCE, inserted).await else {
            anyhow::bail!("the insert does not end\n{}", cluster.log());
        };
        let (inserted, client) = ended?;
        match inserted {
            Ok(count) => {
                assert_eq!(count, 1);
                client.execute("INSERT INTO numbers VALUES (8, 2)", &[]).await?;
                break;
            }
            // Where the machine stood still meanwhile, that was more than a moment.
            Err(error) => {
                let was_long = stopped.elapsed() >= MOMENT && Instant::now() < deadline;
                anyhow::ensure!(was_long, "{error}\n{}", cluster.log());
            }
        }
    }
    Ok(())
}

/// `pg_terminate_backend` ends a session whatever it waits for: its client, in a transaction, above all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_waits_for_its_client_is_terminated() -> anyhow::Result<()> {
    let cluster = start(false).await?;
    let (mut victim, other) = (cluster.connect(0).await?, cluster.connect(0).await?);
    let pid: i32 = victim.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    let block = victim.transaction().await?;
    block.execute("INSERT INTO numbers VALUES (7, 1)", &[]).await?;
    let ended: bool = other.query_one("SELECT pg_terminate_backend($1)", &[&pid]).await?.get(0);
    assert!(ended);
    // What it held is free though it says nothing any more.
    other.batch_execute("SET lock_timeout = '30s'").await?;
    other.execute("INSERT INTO numbers VALUES (7, 1)", &[]).await?;
    let error = block.execute("SELECT 1", &[]).await.expect_err("it is gone");
    assert!(error.is_closed() || error.code() == Some(&tokio_postgres::error::SqlState::ADMIN_SHUTDOWN), "{error}");
    let again: bool = other.query_one("SELECT pg_terminate_backend($1)", &[&pid]).await?.get(0);
    assert!(!again, "there is no such session any more");
    Ok(())
}
