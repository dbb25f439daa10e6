//! Storage nodes die, lose their disks and are replaced by others while clients write; nothing acknowledged is lost.

use anyhow::{Context, ensure};
use serde_json::Value;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tests::bank::Sums;
use tests::cluster::{PATIENCE, binary, http_get, run_to_end, signal};
use tests::postgres::{pgbench, psql, succeeded};
use tests::{Cluster, Options};

async fn start(arguments: &[&str]) -> anyhow::Result<Cluster> {
    let mut options = Options { processes: true, ..Options::default() };
    options.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
    let cluster = Cluster::start(options).await?;
    pgbench(&cluster, &["-i", "-q", "-s", "1"]).ok();
    Ok(cluster)
}

/// Starts a storage node that offers itself, and returns its address.
fn start_spare(cluster: &mut Cluster, id: u32, zone: &str) -> anyhow::Result<String> {
    let data = cluster.data();
    let address = format!("unix:{}", data.join(format!("spare-{id}.sock")).display());
    let path = |name: String| data.join(name).display().to_string();
    let storage = format!("unix:{}", path("node-1.sock".into()));
    let id = id.to_string();
    let own = path(format!("spare-{id}"));
    let arguments =
        ["storage", "--data", &own, "--listen", &address, "--zone", zone, "--id", &id, "--storage", &storage];
    cluster.run(&arguments.map(str::to_owned))?;
    Ok(address)
}

/// TPC-B that goes on until its time is over.
fn load(cluster: &Cluster, seconds: u32) -> anyhow::Result<Child> {
    let mut command = Command::new("pgbench");
    command.args(["-n", "-M", "prepared", "-c", "4", "-T", &seconds.to_string()]);
    command.env("PGHOST", "127.0.0.1").env("PGPORT", cluster.port(0).to_string());
    command.env("PGUSER", "postgres").env("PGDATABASE", "postgres");
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

/// Waits for the load's end; none of its transactions failed, and all that it counted are there.
async fn check_load(cluster: &Cluster, load: Child, before: i64) -> anyhow::Result<()> {
    let text = succeeded(load.wait_with_output()?)?;
    let number = |label: &str| -> anyhow::Result<i64> {
        let line = text.lines().find_map(|line| line.strip_prefix(label)).with_context(|| text.clone())?;
        Ok(line.trim_start_matches([':', ' ']).chars().take_while(char::is_ascii_digit).collect::<String>().parse()?)
    };
    let processed = number("number of transactions actually processed")?;
    ensure!(processed > 0 && number("number of failed transactions")? == 0, "{text}");
    let sums = Sums::read(&cluster.connect(0).await?).await?;
    sums.check()?;
    assert_eq!(sums.transactions - before, processed, "{sums:?}");
    Ok(())
}

fn storage(arguments: &[&str], port: u16) -> anyhow::Result<Output> {
    let mut command = Command::new(binary());
    command.arg("storage").args(arguments).args(["--server", &format!("127.0.0.1:{port}")]);
    Ok(run_to_end(&mut command)?)
}

fn refused(arguments: &[&str], port: u16) -> anyhow::Result<String> {
    let output = storage(arguments, port)?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The rows of `status` for a node's number, in order of incarnation.
fn nodes(status: &Value, id: u64) -> Vec<&Value> {
    status["storage_nodes"].as_array().into_iter().flatten().filter(|node| node["id"] == id).collect()
}

/// The process of a member. One that is late to answer is shown without, as one that is down.
async fn node_pid(cluster: &Cluster, id: u64) -> anyhow::Result<u64> {
    let find = |status: &Value| nodes(status, id).iter().find_map(|node| node["pid"].as_u64());
    let status = until(cluster, 0, &format!("node {id} answers"), |status| find(status).is_some()).await?;
    find(&status).context("it was there")
}

/// The process of the writer, once it is known.
async fn writer_pid(cluster: &Cluster) -> anyhow::Result<u64> {
    let find = |status: &Value| {
        let mut servers = status["servers"].as_array().into_iter().flatten();
        servers.find(|it| it["role"] == "writer").and_then(|it| it["pid"].as_u64())
    };
    find(&until(cluster, 0, "there is a writer", |status| find(status).is_some()).await?).context("it was there")
}

fn members(status: &Value) -> Vec<u64> {
    let all = status["storage_nodes"].as_array().into_iter().flatten();
    all.filter(|node| node["role"] == "member").filter_map(|node| node["id"].as_u64()).collect()
}

/// Waits until the status, asked of server `n`, is as wanted.
async fn until(cluster: &Cluster, n: u16, what: &str, holds: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = cluster.status(n);
        match status {
            Ok(status) if holds(&status) => return Ok(status),
            other => ensure!(Instant::now() < deadline, "{what}: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A node is there as a member, and has everything.
fn is_up(status: &Value, id: u64) -> bool {
    let rows = nodes(status, id);
    rows.len() == 1 && rows[0]["role"] == "member" && rows[0]["state"] == "up"
}

fn forget_disk(cluster: &Cluster, id: u64) -> anyhow::Result<()> {
    Ok(std::fs::remove_dir_all(cluster.data().join(format!("node-{id}")))?)
}

async fn catch_up(cluster: &Cluster, replica: u16) -> anyhow::Result<()> {
    let target = psql(cluster, 0, "SELECT pg_current_wal_lsn()")?;
    let wait = format!("WAIT FOR LSN '{}'", target.trim());
    cluster.connect_when_up(replica).await?.simple_query(&wait).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_is_replaced_under_load_and_then_the_next() -> anyhow::Result<()> {
    let mut cluster = start(&["--replace-after", "0", "--failover-timeout", "0"]).await?;
    let seventh = start_spare(&mut cluster, 7, "b")?;
    start_spare(&mut cluster, 8, "c")?;
    until(&cluster, 0, "both are spares", |status| !nodes(status, 7).is_empty() && !nodes(status, 8).is_empty())
        .await?;
    let running = load(&cluster, 20)?;

    Cluster::kill(node_pid(&cluster, 3).await?)?;
    forget_disk(&cluster, 3)?;
    // Any server will do: the command finds the writer.
    let said = succeeded(storage(&["replace", "3", "--with", &seventh], cluster.port(1))?)?;
    assert!(said.contains("was replaced by node 7"), "{said}");
    Cluster::kill(node_pid(&cluster, 5).await?)?;
    forget_disk(&cluster, 5)?;
    let said = succeeded(storage(&["replace", "5"], cluster.port(0))?)?;
    assert!(said.contains("was replaced by node 8"), "{said}");
    check_load(&cluster, running, 0).await?;
    let status = until(&cluster, 0, "both have everything", |status| is_up(status, 7) && is_up(status, 8)).await?;
    assert_eq!(members(&status), [1, 2, 4, 6, 7, 8]);
    assert_eq!(status["membership_epoch"], 5, "two changes for each");
    let metrics = http_get(cluster.dashboard_port(), "/metrics")?;
    assert!(metrics.contains(",role=\"member\"} 6"), "{metrics}");
    // Each group is whole on all six, a moment after the last redo.
    let copies = "SELECT min(copies) = 6 AND max(membership_epoch) = 5 FROM redoubt.protection_groups";
    let deadline = Instant::now() + PATIENCE;
    while psql(&cluster, 0, copies)? != "t\n" {
        ensure!(Instant::now() < deadline, "{}", psql(&cluster, 0, "SELECT * FROM redoubt.protection_groups")?);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // They count like any others: with the two of zone a gone, four are left.
    for id in [1, 2] {
        Cluster::kill(node_pid(&cluster, id).await?)?;
    }
    let before = Sums::read(&cluster.connect(0).await?).await?.transactions;
    check_load(&cluster, load(&cluster, 3)?, before).await?;
    // The replica has followed: of those that it knew first two are left.
    catch_up(&cluster, 1).await?;
    let writer = Sums::read(&cluster.connect(0).await?).await?;
    assert_eq!(Sums::read(&cluster.connect(1).await?).await?, writer);

    // A writer that is told of the first six only, four of which are gone, finds the present ones, and everything.
    Cluster::kill(writer_pid(&cluster).await?)?;
    let command = cluster.printed_command("writer").await?;
    cluster.run(&command)?;
    let client = cluster.connect_when_up(0).await?;
    assert_eq!(Sums::read(&client).await?, writer);
    let (processed, failed) = pgbench(&cluster, &["-n", "-c", "2", "-T", "1"])?;
    assert!(processed > 0 && failed == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_six_are_replaced_in_a_rolling_way_under_load() -> anyhow::Result<()> {
    let mut cluster = start(&["--replace-after", "0", "--failover-timeout", "0"]).await?;
    for (id, zone) in (7..=12).zip(["a", "a", "b", "b", "c", "c"]) {
        start_spare(&mut cluster, id, zone)?;
    }
    until(&cluster, 0, "there are spares", |status| (7..=12).all(|id| !nodes(status, id).is_empty())).await?;
    let mut old = Vec::new();
    for id in 1..=6 {
        old.push(node_pid(&cluster, id).await?);
    }
    let running = load(&cluster, 45)?;
    for id in 1..=6 {
        succeeded(storage(&["replace", &id.to_string()], cluster.port(0))?)?;
    }
    // Each by a spare of its own zone.
    let status = until(&cluster, 0, "all are up", |status| (7..=12).all(|id| is_up(status, id))).await?;
    assert_eq!(members(&status), [7, 8, 9, 10, 11, 12]);
    for pid in old {
        Cluster::kill(pid)?;
    }
    check_load(&cluster, running, 0).await?;
    catch_up(&cluster, 1).await?;
    let writer = Sums::read(&cluster.connect(0).await?).await?;
    assert_eq!(Sums::read(&cluster.connect(1).await?).await?, writer);
    Ok(())
}

/// Hides the sockets of the six nodes, or shows them again. Whoever is connected stays so; a node that joins finds nobody
/// to take anything from.
fn hide_sockets(cluster: &Cluster, hidden: bool) -> anyhow::Result<()> {
    for id in 1..=6 {
        let shown = cluster.data().join(format!("node-{id}.sock"));
        let aside = cluster.data().join(format!("aside-{id}.sock"));
        if hidden { std::fs::rename(shown, aside)? } else { std::fs::rename(aside, shown)? }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_is_reverted_and_another_outlives_its_writer() -> anyhow::Result<()> {
    let mut cluster = start(&["--replace-after", "0", "--failover-timeout", "0"]).await?;
    let seventh = start_spare(&mut cluster, 7, "c")?;
    until(&cluster, 0, "there is a spare", |status| !nodes(status, 7).is_empty()).await?;
    let sixth = node_pid(&cluster, 6).await?;
    signal(sixth, "STOP")?;

    hide_sockets(&cluster, true)?;
    succeeded(storage(&["replace", "6", "--with", &seventh, "--no-wait"], cluster.port(0))?)?;
    // Its old lease as a spare may go on for a while, beside its new row.
    let joins = |status: &Value| {
        let joining = nodes(status, 7).into_iter().find(|it| it["role"] == "joining" && it["state"] == "joining");
        joining.filter(|it| it["replaces"] == 6).cloned()
    };
    let status = until(&cluster, 0, "node 7 joins", |status| joins(status).is_some()).await?;
    let (joining, leaving) = (joins(&status).context("it was there")?, nodes(&status, 6)[0]);
    assert!(joining["total_bytes"].is_u64() && joining["hydrated_bytes"] == 0, "{joining}");
    assert_eq!((&leaving["role"], &leaving["state"]), (&"leaving".into(), &"down".into()));
    let twice = refused(&["replace", "6", "--with", &seventh], cluster.port(0))?;
    assert!(twice.contains("node 6 is being replaced already"), "{twice}");
    let taken = refused(&["replace", "5", "--with", &seventh], cluster.port(0))?;
    assert!(taken.contains("is a member already"), "{taken}");
    signal(sixth, "CONT")?;
    succeeded(storage(&["revert", "6"], cluster.port(1))?)?;
    let nothing = refused(&["revert", "6"], cluster.port(0))?;
    assert!(nothing.contains("node 6 is not being replaced"), "{nothing}");
    hide_sockets(&cluster, false)?;
    let status = until(&cluster, 0, "node 6 is back", |status| is_up(status, 6)).await?;
    assert_eq!(members(&status), [1, 2, 3, 4, 5, 6]);
    // It offers itself again, under the members that it now knows.
    until(&cluster, 0, "node 7 is a spare", |status| nodes(status, 7).iter().any(|it| it["role"] == "spare")).await?;

    // The writer dies while a replacement is under way: the next one finishes it.
    hide_sockets(&cluster, true)?;
    succeeded(storage(&["replace", "6", "--no-wait"], cluster.port(0))?)?;
    until(&cluster, 0, "node 7 joins", |status| nodes(status, 7).iter().any(|it| it["role"] == "joining")).await?;
    Cluster::kill(writer_pid(&cluster).await?)?;
    hide_sockets(&cluster, false)?;
    let command = cluster.printed_command("writer").await?;
    cluster.run(&command)?;
    let client = cluster.connect_when_up(0).await?;
    let status = until(&cluster, 0, "node 7 is a member", |status| is_up(status, 7)).await?;
    assert_eq!(members(&status), [1, 2, 3, 4, 5, 7]);
    Sums::read(&client).await?.check()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stays_away_is_replaced_unasked_by_a_spare_of_its_zone() -> anyhow::Result<()> {
    let mut cluster = start(&["--replace-after", "10"]).await?;
    start_spare(&mut cluster, 7, "a")?;
    start_spare(&mut cluster, 8, "b")?;
    until(&cluster, 0, "both are spares", |status| !nodes(status, 7).is_empty() && !nodes(status, 8).is_empty())
        .await?;
    let running = load(&cluster, 20)?;
    Cluster::kill(node_pid(&cluster, 4).await?)?;
    let status = until(&cluster, 1, "node 8 took its place", |status| is_up(status, 8)).await?;
    assert_eq!(members(&status), [1, 2, 3, 5, 6, 8]);
    until(&cluster, 1, "node 7 is a spare", |status| nodes(status, 7).iter().any(|it| it["role"] == "spare")).await?;
    check_load(&cluster, running, 0).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_that_makes_no_sense_is_refused_with_the_reason() -> anyhow::Result<()> {
    let mut cluster = start(&["--replace-after", "0"]).await?;
    let status = cluster.status(0)?;
    let address = |id| nodes(&status, id)[0]["addr"].as_str().map(str::to_owned).context("a node has an address");
    let port = cluster.port(0);
    let message = refused(&["replace", "99"], port)?;
    assert!(message.contains("there is no member node 99"), "{message}");
    let message = refused(&["replace", "3"], port)?;
    assert!(message.contains("none offers itself as a spare"), "{message}");
    for (id, with) in [("3", 3), ("3", 2)] {
        let message = refused(&["replace", id, "--with", &address(with)?], port)?;
        assert!(message.contains(&format!("node {with} is a member already")), "{message}");
    }
    let message = refused(&["replace", "3", "--with", "127.0.0.1:1"], port)?;
    assert!(message.contains("the new storage node cannot be used: 127.0.0.1:1"), "{message}");
    assert_eq!(storage(&["replace", "3", "--with", "nowhere"], port)?.status.code(), Some(2), "that is no address");
    let message = refused(&["revert", "3"], port)?;
    assert!(message.contains("node 3 is not being replaced"), "{message}");
    // Not by a stranger.
    psql(&cluster, 0, "CREATE ROLE visitor LOGIN")?;
    let denied = cluster.client(0, "psql", &["-X", "-U", "visitor", "-c", "SELECT redoubt.replace_storage_node(3)"])?;
    assert!(String::from_utf8_lossy(&denied.stderr).contains("permission denied"), "{denied:?}");
    let denied = cluster.client(1, "psql", &["-X", "-c", "SELECT redoubt.replace_storage_node(3)"])?;
    assert!(String::from_utf8_lossy(&denied.stderr).contains("during recovery"), "{denied:?}");

    // With two gone, a third that leaves would leave three.
    let seventh = start_spare(&mut cluster, 7, "c")?;
    until(&cluster, 0, "there is a spare", |status| !nodes(status, 7).is_empty()).await?;
    for id in [1, 2] {
        Cluster::kill(node_pid(&cluster, id).await?)?;
    }
    until(&cluster, 0, "the writer knows", |status| status["writes"]["nodes_taking"] == 4).await?;
    let message = refused(&["replace", "3", "--with", &seventh], port)?;
    assert!(message.contains("3 of the storage nodes that would stay take writes, and 4 are needed"), "{message}");
    // One of the dead may go.
    succeeded(storage(&["replace", "1", "--with", &seventh], port)?)?;
    Ok(())
}

async fn an_emptied_directory_is_a_new_member(processes: bool) -> anyhow::Result<()> {
    let mut cluster = Cluster::start(Options { processes, ..Options::default() }).await?;
    pgbench(&cluster, &["-i", "-q", "-s", "1"]).ok();
    pgbench(&cluster, &["-n", "-c", "2", "-T", "1"])?;
    let before = Sums::read(&cluster.connect(0).await?).await?;
    before.check()?;
    assert!(cluster.interrupt().await?.success());
    forget_disk(&cluster, 3)?;
    cluster.start_again().await?;
    let status = until(&cluster, 0, "node 3 is a member again", |status| is_up(status, 3)).await?;
    assert!(nodes(&status, 3)[0]["incarnation"].as_u64() > Some(0), "T8: it is not who it was: {status}");
    assert_eq!(members(&status), [1, 2, 3, 4, 5, 6]);
    assert_eq!(Sums::read(&cluster.connect(0).await?).await?, before);

    // Three, and then six, are too many; nothing is touched.
    assert!(cluster.interrupt().await?.success());
    for (ids, kept) in [(1..=3, 3), (4..=6, 0)] {
        for id in ids {
            forget_disk(&cluster, id)?;
        }
        let Err(error) = cluster.start_again().await else { anyhow::bail!("it starts without its data") };
        let expected = format!("{kept} of the 6 storage nodes have kept the volume");
        assert!(error.to_string().contains(&expected), "{error}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_directory_is_a_new_member_of_many_processes() -> anyhow::Result<()> {
    an_emptied_directory_is_a_new_member(true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_directory_is_a_new_member_of_one_process() -> anyhow::Result<()> {
    an_emptied_directory_is_a_new_member(false).await
}
