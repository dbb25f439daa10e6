//! Two clusters on the same six storage nodes: each has its own writer and its own data, and neither notices the other.

use anyhow::{Context, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};
use tests::cluster::{PATIENCE, connect, http_get, redoubt};
use tests::fleet::{Fleet, number, role, status, text, until};
use tokio_postgres::Client;

async fn sum(client: &Client) -> anyhow::Result<(i64, i64)> {
    let row = client.query_one("SELECT count(*), sum(n)::bigint FROM t", &[]).await?;
    Ok((row.get(0), row.get(1)))
}

/// Inserts rows one by one, each of them acknowledged.
async fn insert(client: &Client, from: i64, rows: i64) -> anyhow::Result<()> {
    for n in from..from + rows {
        client.execute("INSERT INTO t VALUES ($1)", &[&n]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn two_clusters_share_six_storage_nodes() -> anyhow::Result<()> {
    let mut shared = Fleet::start(6)?;
    let first = number(&shared.init(&[])?)?;
    let again = shared.init(&[])?;
    assert!(again.contains(&first) && again.contains("exists"), "{again}");
    let second = number(&shared.init(&["--volume", "new", "--quota", "1GB"])?)?;
    assert_ne!(first, second);

    // Whoever does not say which is told which there are.
    let output = shared.redoubt(&["init"])?;
    assert_eq!(output.status.code(), Some(2));
    for arguments in [["writer", "--listen", "127.0.0.1:0"], ["replica", "--listen", "127.0.0.1:0"]] {
        let output = shared.redoubt(&arguments)?;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&first) && said.contains(&second) && said.contains("--volume"), "{said}");
    }
    let output = shared.redoubt(&["replica", "--listen", "127.0.0.1:0", "--volume", "5"])?;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("no volume 0000000000000005") && said.contains(&first), "{said}");

    let (one, dashboard) = shared.writer(&first).await?;
    let (other, _) = shared.writer(&second).await?;
    let (a, b) = (connect(one).await?, connect(other).await?);
    a.batch_execute("CREATE TABLE t (n bigint PRIMARY KEY)").await?;
    assert!(b.batch_execute("SELECT * FROM t").await.is_err(), "another cluster, another catalog");
    b.batch_execute("CREATE TABLE t (n bigint PRIMARY KEY)").await?;
    tokio::try_join!(insert(&a, 1, 200), insert(&b, 1000, 300))?;
    let expected = [(200, 200 * 201 / 2), (300, (1000..1300).sum())];
    assert_eq!([sum(&a).await?, sum(&b).await?], expected);

    let listed = text(&shared.redoubt(&["volumes"])?.stdout);
    for volume in [&first, &second] {
        assert_eq!(listed.lines().filter(|line| line.starts_with(volume.as_str()) && line.contains(" up ")).count(), 6);
    }
    assert_eq!(listed.matches(&(1u64 << 30).to_string()).count(), 6, "{listed}");
    for (port, volume) in [(one, &first), (other, &second)] {
        let status = status(port)?;
        assert_eq!(status["volume"], **volume, "{status}");
        let writers = status["servers"].as_array().context("a list")?;
        assert_eq!((writers.len(), &writers[0]["addr"]), (1, &Value::from(format!("127.0.0.1:{port}"))), "{status}");
        assert_eq!(status["storage_nodes"].as_array().map(Vec::len), Some(6));
    }
    let metrics = http_get(dashboard, "/metrics")?;
    assert!(metrics.contains(&format!("redoubt_node_log_bytes{{volume=\"{first}\"")), "{metrics}");
    assert!(!metrics.contains(&second), "a server tells of its own volume");

    // Power goes everywhere; one node comes back with a damaged superblock of the second volume.
    drop((a, b));
    shared.kill_all()?;
    for name in ["superblock.0", "superblock.1"] {
        let path = shared.data(3).join("volumes").join(&second).join(name);
        let mut bytes = std::fs::read(&path)?;
        bytes[33] ^= 1;
        std::fs::write(&path, bytes)?;
    }
    shared.start_nodes()?;
    let (one, _) = shared.writer(&first).await?;
    let (other, _) = shared.writer(&second).await?;
    let (a, b) = (connect(one).await?, connect(other).await?);
    assert_eq!([sum(&a).await?, sum(&b).await?], expected, "what was acknowledged is there");
    until("the nodes answer, one of them without the second volume", || {
        let listed = text(&shared.redoubt(&["volumes"])?.stdout);
        let states = |volume: &str, state: &str| {
            listed.lines().filter(|line| line.starts_with(volume) && line.contains(&format!(" {state} "))).count()
        };
        Ok((states(&first, "up"), states(&second, "failed")) == (6, 1))
    })
    .await?;
    tokio::try_join!(insert(&a, 500, 50), insert(&b, 2000, 50))?;

    // The second cluster is given up.
    let dropping = ["volumes", "drop", &second];
    let said = text(&shared.redoubt(&dropping)?.stderr);
    assert!(said.contains("in use: stop the servers at 127.0.0.1:"), "{said}");
    shared.kill_server()?;
    // A node that does not answer in time is asked again, and the others have nothing to say then.
    let (deadline, mut dropped) = (Instant::now() + PATIENCE, String::new());
    while dropped.lines().count() < 5 {
        let output = shared.redoubt(&dropping)?;
        dropped.push_str(&text(&output.stdout));
        ensure!(Instant::now() < deadline, "{dropped}{}", text(&output.stderr));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // On the node where it does not open somebody has to look at it.
    assert_eq!(dropped.lines().count(), 5, "{dropped}");
    let listed = text(&shared.redoubt(&["volumes"])?.stdout);
    assert_eq!(listed.lines().filter(|line| line.starts_with(&second)).count(), 1, "{listed}");
    for node in [1, 2, 4, 5, 6] {
        let log = shared.data(node).join("volumes").join(&second).join("log");
        assert_eq!(std::fs::read_dir(log)?.count(), 0, "node {node}");
    }
    insert(&a, 600, 10).await?;
    assert_eq!(sum(&a).await?.0, 260);
    Ok(())
}

#[tokio::test]
async fn a_spare_stands_for_every_volume_and_takes_a_place_in_each() -> anyhow::Result<()> {
    let mut shared = Fleet::start(6)?;
    let first = number(&shared.init(&[])?)?;
    let (one, _) = shared.writer(&first).await?;
    let addresses = shared.addresses().join(",");
    shared.start_node(7, &["--storage", &addresses])?;
    let spare = Some(("spare".to_owned(), "spare".to_owned()));
    until("it offers itself to the only volume", || Ok(role(one, 7)? == spare)).await?;
    // A volume that is made later is offered to as well.
    let second = number(&shared.init(&["--volume", "new"])?)?;
    let (other, _) = shared.writer(&second).await?;
    until("it offers itself to the other one", || Ok(role(other, 7)? == spare)).await?;
    let (a, b) = (connect(one).await?, connect(other).await?);
    for client in [&a, &b] {
        client.batch_execute("CREATE TABLE t (n bigint PRIMARY KEY)").await?;
    }
    tokio::try_join!(insert(&a, 1, 100), insert(&b, 1000, 100))?;

    // A node dies, and is replaced in one volume after the other.
    shared.kill_node(1)?;
    for (port, client) in [(one, &a), (other, &b)] {
        let arguments = ["storage", "replace", "1", "--server", &format!("127.0.0.1:{port}")];
        let output = redoubt(arguments)?;
        ensure!(output.status.success(), "{}{}", text(&output.stderr), shared.log());
        assert!(text(&output.stdout).contains("was replaced by node 7"));
        let member = Some(("member".to_owned(), "up".to_owned()));
        until("node 7 has everything", || Ok(role(port, 7)? == member)).await?;
        // The other volume is not concerned before its turn.
        let expected = if port == one { spare.clone() } else { member };
        until("it is what it was in the other volume", || Ok(role(other, 7)? == expected)).await?;
        insert(client, 5000, 20).await?;
    }
    let told = text(&redoubt(["volumes", "--storage", &shared.address(7)])?.stdout);
    assert_eq!(told.lines().filter(|line| line.contains(" up ")).count(), 2, "{told}");

    // The one that was replaced comes back, learns of it, and gives back its space while the servers run.
    shared.start_node(1, &[])?;
    let at_first = shared.address(1);
    let listed = || anyhow::Ok(text(&redoubt(["volumes", "--storage", &at_first])?.stdout));
    until("node 1 is no member of either", || Ok(listed()?.matches(" removed ").count() == 2)).await?;
    for volume in [&first, &second] {
        let arguments = ["volumes", "drop", volume, "--storage", &at_first];
        let output = redoubt(arguments)?;
        ensure!(output.status.success(), "{}", text(&output.stderr));
    }
    assert_eq!(listed()?.lines().count(), 1, "{}", listed()?);
    tokio::try_join!(insert(&a, 6000, 20), insert(&b, 6000, 20))?;
    // And it can be a member again.
    let arguments = ["storage", "replace", "2", "--with", &at_first, "--server", &format!("127.0.0.1:{one}")];
    let output = redoubt(arguments)?;
    ensure!(output.status.success(), "{}{}", text(&output.stderr), shared.log());
    assert_eq!(sum(&a).await?.0, 140);
    Ok(())
}
