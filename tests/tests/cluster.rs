//! A cluster from the outside: psql, pgbench, replicas, figures, stopping and starting.

use anyhow::Context;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tests::bank::Sums;
use tests::cluster::{PATIENCE, binary, http_get, is_running, redoubt, signal};
use tests::postgres::{pgbench, psql, succeeded};
use tests::{Cluster, Options};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// Waits until a replica has applied what the writer has acknowledged so far.
async fn catch_up(cluster: &Cluster, replica: &Client) -> anyhow::Result<()> {
    let writer = cluster.connect(0).await?;
    let target: String = writer.query_one("SELECT pg_current_wal_lsn()::text", &[]).await?.get(0);
    let deadline = Instant::now() + PATIENCE;
    let question = format!("SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '{target}') >= 0");
    while !replica.query_one(&question, &[]).await?.get::<_, bool>(0) {
        anyhow::ensure!(Instant::now() < deadline, "the replica does not reach {target}");
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Asks server `n` for the status until it is as wanted. A node or a server that is late to answer is shown as one that is
/// down.
async fn until(cluster: &Cluster, n: u16, what: &str, holds: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match cluster.status(n) {
            Ok(status) if holds(&status) => return Ok(status),
            other => anyhow::ensure!(Instant::now() < deadline, "{what}: {other:?}\n{}", cluster.log()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The rows of a list in the status.
fn list<'a>(status: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    status[key].as_array().into_iter().flatten()
}

#[tokio::test]
async fn psql_describes_what_it_created() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    psql(
        &cluster,
        0,
        "CREATE TABLE fruit (id int PRIMARY KEY, name varchar(20) NOT NULL, price numeric(8,2) DEFAULT 1.50)",
    )?;
    psql(&cluster, 0, "CREATE INDEX fruit_name ON fruit (name)")?;
    psql(&cluster, 0, "INSERT INTO fruit VALUES (1, 'apple', 0.5), (2, 'pear', 0.75)")?;
    assert_eq!(psql(&cluster, 0, "SELECT * FROM fruit ORDER BY id")?, "1|apple|0.50\n2|pear|0.75\n");
    assert_eq!(psql(&cluster, 0, "\\dt")?, "public|fruit|table|postgres\n");
    assert_eq!(
        psql(&cluster, 0, "\\di")?,
        "public|fruit_name|index|postgres|fruit\npublic|fruit_pkey|index|postgres|fruit\n"
    );
    // Not as tuples only: the indexes stand in the footer.
    let described = succeeded(cluster.client(0, "psql", &["-X", "-A", "-c", "\\d fruit"])?)?;
    for line in [
        "id|integer||not null|",
        "name|character varying(20)||not null|",
        "price|numeric(8,2)|||1.50",
        "\"fruit_pkey\" PRIMARY KEY, btree (id)",
        "\"fruit_name\" btree (name)",
    ] {
        assert!(described.contains(line), "{line} is missing in\n{described}");
    }
    assert!(psql(&cluster, 0, "\\l")?.contains("postgres|postgres|UTF8"));
    assert!(psql(&cluster, 0, "\\dn")?.contains("public|"));
    assert!(psql(&cluster, 0, "\\du")?.contains("postgres|"));
    Ok(())
}

#[tokio::test]
async fn tpcb_in_all_modes_keeps_its_sums_on_writer_and_replica() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    pgbench(&cluster, &["-i", "-q", "-s", "1"]).ok();
    let mut acknowledged = 0;
    for mode in ["simple", "extended", "prepared"] {
        let (processed, failed) = pgbench(&cluster, &["-n", "-M", mode, "-c", "8", "-j", "2", "-T", "3"])?;
        assert_eq!(failed, 0, "{mode}");
        acknowledged += processed;
    }
    let (selected, failed) = pgbench(&cluster, &["-n", "-S", "-M", "prepared", "-c", "8", "-T", "1"])?;
    assert!(selected > 0 && failed == 0);
    let (updated, failed) = pgbench(&cluster, &["-n", "-N", "-M", "prepared", "-c", "8", "-T", "1"])?;
    assert!(updated > 0 && failed == 0);

    let writer = Sums::read(&cluster.connect(0).await?).await?;
    assert_eq!(writer.transactions as u64, acknowledged + updated);
    assert_eq!(writer.accounts, writer.history, "{writer:?}");
    assert_eq!(writer.tellers, writer.branches, "simple-update leaves both alone: {writer:?}");
    let replica = cluster.connect_when_up(1).await?;
    catch_up(&cluster, &replica).await?;
    assert_eq!(Sums::read(&replica).await?, writer);
    assert_eq!(cluster.metric("redoubt_writer_page_bytes_sent")?, 0.0);
    assert!(cluster.metric("redoubt_writer_redo_bytes_sent")? > 0.0);
    Ok(())
}

#[tokio::test]
async fn a_replica_with_its_working_set_cached_fetches_no_page() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    pgbench(&cluster, &["-i", "-q", "-s", "1"]).ok();
    let replica = cluster.connect_when_up(1).await?;
    // Pages from before the replica opened are fetched when a round first needs them: a few, once. New pages (history
    // grows) reach it as redo, from their first record on. So there come three rounds in a row without a fetch.
    let (mut before, mut quiet) = (-1.0, 0);
    for _ in 0..30 {
        pgbench(&cluster, &["-n", "-M", "prepared", "-c", "4", "-T", "1"])?;
        catch_up(&cluster, &replica).await?;
        Sums::read(&replica).await?.check()?;
        let fetched = cluster.metric("redoubt_replica_pages_fetched")?;
        quiet = if fetched == before { quiet + 1 } else { 0 };
        before = fetched;
        if quiet == 3 {
            return Ok(());
        }
    }
    anyhow::bail!("the replica goes on fetching pages: {before} so far")
}

#[tokio::test]
async fn a_replica_refuses_writes() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let replica = cluster.connect_when_up(1).await?;
    assert!(replica.query_one("SELECT pg_is_in_recovery()", &[]).await?.get::<_, bool>(0));
    let error = replica.simple_query("CREATE TABLE t (a int)").await.expect_err("a replica is read-only");
    assert_eq!(error.code().map(|code| code.code()), Some("25006"));
    Ok(())
}

#[tokio::test]
async fn the_status_names_everyone() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options { replicas: 2, ..Options::default() }).await?;
    let roles = |status: &Value| {
        let count = |role: &str| list(status, "servers").filter(|it| it["role"] == role && it["state"] == "up").count();
        (count("writer"), count("replica"))
    };
    let status = until(&cluster, 0, "everyone is up", |status| {
        roles(status) == (1, 2) && list(status, "storage_nodes").all(|node| node["state"] == "up")
    })
    .await?;
    assert_eq!(list(&status, "servers").count(), 3, "{status}");
    assert_eq!(list(&status, "storage_nodes").count(), 6, "{status}");
    for node in list(&status, "storage_nodes") {
        assert!(node["scl_flushed"].is_string() && node["zone"].is_string(), "{node}");
    }
    assert_eq!(http_get(cluster.dashboard_port(), "/healthz")?, "ok\n");
    assert_eq!(http_get(cluster.dashboard_port(), "/primary")?, "yes\n");
    Ok(())
}

#[tokio::test]
async fn the_figures_tell_of_replicas_and_connections() -> anyhow::Result<()> {
    // The replica's process has no dashboard of its own.
    let cluster = Cluster::start(Options { processes: true, ..Options::default() }).await?;
    psql(&cluster, 0, "CREATE TABLE t (a int)")?;
    catch_up(&cluster, &cluster.connect_when_up(1).await?).await?;
    let written = cluster.metric("redoubt_writer_flushed_vdl")?;
    let deadline = Instant::now() + PATIENCE;
    while !cluster.metric("redoubt_follower_applied_lsn").is_ok_and(|applied| applied >= written) {
        anyhow::ensure!(Instant::now() < deadline, "{}", http_get(cluster.dashboard_port(), "/metrics")?);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let opened = cluster.metric("redoubt_connections_opened")?;
    let client = cluster.connect(0).await?;
    client.batch_execute("SELECT 1").await?;
    assert!(cluster.metric("redoubt_connections_opened")? > opened);
    assert!(cluster.metric("redoubt_connections_open")? >= 1.0);
    Ok(())
}

#[tokio::test]
async fn a_clean_stop_and_a_start_find_the_data() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(Options::default()).await?;
    psql(&cluster, 0, "CREATE TABLE t (a int); INSERT INTO t VALUES (7)")?;
    assert!(cluster.interrupt().await?.success());
    cluster.start_again().await?;
    assert_eq!(psql(&cluster, 0, "SELECT a FROM t")?, "7\n");
    Ok(())
}

#[tokio::test]
async fn a_second_process_on_the_same_directory_is_refused() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let data = cluster.data();
    let data = data.to_string_lossy();
    let output = redoubt(["local", "--data", &data, "--port", "1", "--dashboard-port", "0"])?;
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("in use by process"), "{message}");
    Ok(())
}

/// The number behind `mark`.
fn number_behind(text: &str, mark: &str) -> anyhow::Result<u16> {
    let (_, rest) = text.split_once(mark).with_context(|| format!("{mark} is missing in\n{text}"))?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Ok(rest[..end].parse()?)
}

#[tokio::test]
async fn ports_that_are_left_to_the_system_are_told() -> anyhow::Result<()> {
    for processes in [false, true] {
        let directory = tempfile::tempdir()?;
        let mut command = tokio::process::Command::new(binary());
        command.args(["local", "--port", "0", "--dashboard-port", "0", "--data"]).arg(directory.path().join("data"));
        if processes {
            command.arg("--processes");
        }
        // When this ends early it is killed, and its processes stop by themselves.
        let mut local = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
        let mut output = BufReader::new(local.stdout.take().context("it is piped")?);
        let mut said = String::new();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !said.contains("Ctrl-C ends it") {
            let mut line = String::new();
            let Ok(read) = tokio::time::timeout_at(deadline, output.read_line(&mut line)).await else {
                anyhow::bail!("it does not come up, and has said no more than\n{said}");
            };
            anyhow::ensure!(read? > 0, "it ends, and has said no more than\n{said}");
            said.push_str(&line);
        }
        // Whatever is wrong with them, no process stays behind.
        let reached = async {
            let writer = number_behind(&said, "writer    psql -h localhost -p ")?;
            tests::cluster::connect(writer).await?;
            let replica = number_behind(&said, "replica   psql -h localhost -p ")?;
            std::net::TcpStream::connect(("127.0.0.1", replica))?;
            let answer = http_get(number_behind(&said, "http://localhost:")?, "/healthz")?;
            // Nor does it matter that whoever read has seen enough: the cluster would say that a process has ended.
            drop(output);
            if processes {
                let find = |status: &Value| {
                    list(status, "servers").find(|it| it["role"] == "writer").and_then(|it| it["pid"].as_u64())
                };
                let mut shown = None;
                tests::fleet::until("the writer is shown", || {
                    shown = tests::fleet::status(writer).ok().as_ref().and_then(find);
                    Ok(shown.is_some())
                })
                .await?;
                Cluster::kill(shown.context("it is not there")?)?;
            }
            anyhow::Ok(answer)
        };
        let reached = reached.await;
        signal(local.id().context("it runs")?.into(), "TERM")?;
        let ended = tokio::time::timeout(PATIENCE, local.wait()).await;
        let status = ended.with_context(|| format!("it does not end; it said\n{said}"))??;
        assert_eq!(reached?, "ok\n");
        assert!(status.success(), "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn a_command_whose_reader_has_seen_enough_ends_without_a_word() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options { replicas: 0, ..Options::default() }).await?;
    let address = format!("127.0.0.1:{}", cluster.port(0));
    for arguments in [vec!["status", &address], vec!["status", "--json", &address], vec!["status", "--watch", &address]]
    {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let output = Command::new(binary()).args(&arguments).stdout(writer).output()?;
        // As a shell tells the end by SIGPIPE.
        assert_eq!(output.status.code(), Some(141), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let help = Command::new(binary()).arg("--help").stdout(writer).output()?;
    assert_eq!(String::from_utf8_lossy(&help.stderr), "");
    Ok(())
}

/// The processes of a cluster without replicas: of servers, and of storage nodes.
async fn processes(cluster: &Cluster) -> anyhow::Result<(Vec<u64>, Vec<u64>)> {
    let of = |status: &Value| {
        let pids = |key: &str| -> Vec<u64> { list(status, key).filter_map(|it| it["pid"].as_u64()).collect() };
        (pids("servers"), pids("storage_nodes"))
    };
    let all = |(servers, nodes): (Vec<u64>, Vec<u64>)| (servers.len(), nodes.len()) == (1, 6);
    Ok(of(&until(cluster, 0, "all are up", |status| all(of(status))).await?))
}

#[tokio::test]
async fn no_process_outlives_a_local_cluster_that_is_killed() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options { processes: true, replicas: 0, ..Options::default() }).await?;
    let (servers, nodes) = processes(&cluster).await?;
    Cluster::kill(cluster.pid().into())?;
    let deadline = Instant::now() + PATIENCE;
    while servers.iter().chain(&nodes).any(|pid| is_running(*pid)) {
        anyhow::ensure!(Instant::now() < deadline, "they go on:\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A terminal tells every process at once, and a storage node that stopped then would be missing to the writer.
#[tokio::test]
async fn ctrl_c_stops_the_servers_before_the_storage_nodes() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(Options { processes: true, replicas: 0, ..Options::default() }).await?;
    let (servers, nodes) = processes(&cluster).await?;
    // The writer takes longer to stop than a node, which waits for a second.
    signal(servers[0], "STOP")?;
    cluster.press_ctrl_c()?;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        assert!(nodes.iter().all(|pid| is_running(*pid)), "a storage node has not waited for the writer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    signal(servers[0], "CONT")?;
    assert!(cluster.ended().await?.success());
    assert!(!nodes.iter().any(|pid| is_running(*pid)));
    Ok(())
}

#[tokio::test]
async fn a_replica_tells_whether_the_writer_s_writes_become_durable() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    drop(cluster.connect_when_up(1).await?);
    // A writer that has just opened knows of no node yet that takes its writes.
    let ok = |writes: &Value| writes["state"] == "ok" && writes["nodes_taking"].as_u64() >= Some(4);
    until(&cluster, 1, "the writer leaves word in the address book", |status| ok(&status["writes"])).await?;
    Ok(())
}

#[tokio::test]
async fn sessions_that_are_silent_for_too_long_are_ended() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let watcher = cluster.connect(0).await?;
    watcher.batch_execute("CREATE TABLE t (a int PRIMARY KEY)").await?;
    // What the server says to a client that is silent is a notice to none of its statements, so psql cannot be asked; the
    // library's connection is.
    let end_of = async |settings: &str| -> anyhow::Result<String> {
        let address = format!("host=127.0.0.1 port={} user=postgres dbname=postgres", cluster.port(0));
        let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(settings).await?;
        let ended = tokio::time::timeout(PATIENCE, connection).await??;
        let error = ended.expect_err("the server ended it");
        Ok(error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()))
    };
    assert_eq!(end_of("SET idle_session_timeout = 50").await?, "57P05");
    assert_eq!(end_of("SET idle_in_transaction_session_timeout = 50; BEGIN; INSERT INTO t VALUES (1)").await?, "25P03");
    // Its locks are free, and what it wrote is not there.
    watcher.batch_execute("INSERT INTO t VALUES (1)").await?;
    // A block is no idle session, and a failed one is still a transaction.
    let failed = "SET idle_in_transaction_session_timeout = 50; SET idle_session_timeout = 1; BEGIN";
    assert_eq!(end_of(failed).await?, "25P03");
    // Without a limit, or with one that a RESET took back, nobody is ended.
    let client = cluster.connect(0).await?;
    client.batch_execute("SET idle_session_timeout = 100; RESET idle_session_timeout").await?;
    assert_eq!(end_of("SET idle_session_timeout = 200").await?, "57P05");
    client.batch_execute("SELECT 1").await?;
    Ok(())
}

#[tokio::test]
async fn a_password_is_none_once_it_has_expired() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("password");
    std::fs::write(&file, "pencil\n")?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    let mut options = Options { replicas: 0, password: Some("pencil".into()), ..Options::default() };
    options.arguments.extend(["--auth", "scram", "--password-file"].map(str::to_owned));
    options.arguments.push(file.display().to_string());
    let cluster = Cluster::start(options).await?;
    let client = cluster.connect(0).await?;
    client.batch_execute("CREATE ROLE app LOGIN PASSWORD 'eraser' VALID UNTIL '2000-01-01'").await?;
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(cluster.port(0)).user("app").dbname("postgres").password("eraser");
    let refused = config.connect(tokio_postgres::NoTls).await.err().context("it is let in")?;
    assert_eq!(refused.code(), Some(&SqlState::INVALID_PASSWORD), "{refused}");
    client.batch_execute("ALTER ROLE app VALID UNTIL 'infinity'").await?;
    drop(config.connect(tokio_postgres::NoTls).await?);
    Ok(())
}
