//! More than six storage nodes: groups are spread over them, two copies a zone, and a node is replaced like any other.

use anyhow::{Context, ensure};
use std::time::{Duration, Instant};
use tests::cluster::{Cluster, Options, PATIENCE, connect, redoubt};
use tests::fleet::{Fleet, number, role, status, text, until};
use tokio_postgres::Client;

const ROWS: i64 = 100_000;

async fn sum(client: &Client) -> anyhow::Result<(i64, i64)> {
    let row = client.query_one("SELECT count(*), sum(n)::bigint FROM t", &[]).await?;
    Ok((row.get(0), row.get(1)))
}

/// How many groups each node keeps, by number.
fn groups(port: u16) -> anyhow::Result<Vec<(u64, u64)>> {
    let status = status(port)?;
    let nodes = status["storage_nodes"].as_array().context("a list")?;
    let count = |node: &serde_json::Value| Some((node["id"].as_u64()?, node["groups"].as_u64()?));
    Ok(nodes.iter().filter_map(count).collect())
}

/// Of a node; what has joined has one above 0.
fn incarnation(port: u16, node: u64) -> anyhow::Result<Option<u64>> {
    let status = status(port)?;
    let nodes = status["storage_nodes"].as_array().context("a list")?;
    Ok(nodes.iter().find(|it| it["id"] == node).and_then(|it| it["incarnation"].as_u64()))
}

#[tokio::test]
async fn twelve_nodes_share_a_volume_and_one_is_replaced() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(12)?;
    let said = fleet.init(&[])?;
    assert!(said.contains("on 12 storage nodes"), "{said}");
    let volume = number(&said)?;
    let (port, _) = fleet.writer(&volume).await?;
    let client = connect(port).await?;
    client.batch_execute("CREATE TABLE t (n bigint PRIMARY KEY, filler text)").await?;
    let fill = "INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series($1::bigint, $2) n";
    client.execute(fill, &[&1i64, &ROWS]).await?;

    // Each group has six copies, and each node about half of the groups.
    let mut total = 0;
    until("each group has six copies", || {
        let kept = groups(port)?;
        let copies: u64 = kept.iter().map(|(_, groups)| groups).sum();
        total = copies / 6;
        let even = kept.iter().all(|(_, groups)| (2 * groups).abs_diff(total) <= 1);
        Ok(kept.len() == 12 && total >= 10 && copies == 6 * total && even)
    })
    .await?;
    // The view goes by what the nodes said a moment ago.
    let begin = Instant::now();
    let view = "SELECT count(*), min(copies)::bigint FROM redoubt.protection_groups";
    loop {
        let row = client.query_one(view, &[]).await?;
        let (counted, copies): (i64, Option<i64>) = (row.get(0), row.get(1));
        if (counted, copies) == (total as i64, Some(6)) {
            break;
        }
        ensure!(begin.elapsed() < PATIENCE, "{counted} groups of {total}, {copies:?} copies");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // A zone dies, with four nodes; and comes back.
    for node in [1, 2, 7, 8] {
        fleet.kill_node(node)?;
    }
    client.execute(fill, &[&(ROWS + 1), &(ROWS + 1000)]).await?;
    for node in [1, 2, 7, 8] {
        fleet.start_node(node, &[])?;
    }
    let member = Some(("member".to_owned(), "up".to_owned()));
    until("they have everything again", || {
        Ok([1, 2, 7, 8].iter().all(|node| role(port, *node).ok().flatten() == member))
    })
    .await?;

    // A node loses everything, and a spare takes its place.
    fleet.kill_node(3)?;
    std::fs::remove_dir_all(fleet.data(3))?;
    let addresses = fleet.addresses().join(",");
    fleet.start_node(15, &["--storage", &addresses])?;
    let spare = Some(("spare".to_owned(), "spare".to_owned()));
    until("it offers itself", || Ok(role(port, 15)? == spare)).await?;
    let arguments = ["storage", "replace", "3", "--server", &format!("127.0.0.1:{port}")];
    let output = redoubt(arguments)?;
    ensure!(output.status.success(), "{}{}", text(&output.stderr), fleet.log());
    assert!(text(&output.stdout).contains("node 3 was replaced by node 15"), "{}", text(&output.stdout));
    until("it has everything", || Ok(role(port, 15)? == member)).await?;
    assert_eq!(role(port, 3)?, None);
    let expected = sum(&client).await?;
    assert_eq!(expected.0, ROWS + 1000);

    // Another loses everything, and comes back without: of the two that share its copies it is the one that is replaced,
    // unasked, by itself.
    fleet.kill_node(11)?;
    std::fs::remove_dir_all(fleet.data(11))?;
    fleet.start_node(11, &["--storage", &addresses])?;
    until("it is a member again", || Ok(role(port, 11)? == member && incarnation(port, 11)? > Some(0))).await?;
    assert_eq!(incarnation(port, 5)?, Some(0), "node 5, which shares its copies, stayed");

    // Power goes everywhere, and two nodes of different seats stay away.
    drop(client);
    fleet.kill_all()?;
    for node in (1..=12).filter(|node| ![3, 5, 12].contains(node)).chain([15]) {
        fleet.start_node(node, &[])?;
    }
    let (port, _) = fleet.writer(&volume).await?;
    let client = connect(port).await?;
    assert_eq!(sum(&client).await?, expected);
    client.execute(fill, &[&(ROWS + 2000), &(ROWS + 3000)]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_cluster_has_as_many_nodes_as_it_is_told() -> anyhow::Result<()> {
    let with = |more: &[&str]| {
        let mut options = Options::default();
        options.arguments.extend(more.iter().map(|word| (*word).to_owned()));
        options
    };
    let mut cluster = Cluster::start(with(&["--nodes", "9"])).await?;
    let client = cluster.connect(0).await?;
    client.batch_execute("CREATE TABLE t (n bigint PRIMARY KEY, filler text)").await?;
    let fill = "INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, $1::bigint) n";
    client.execute(fill, &[&ROWS]).await?;
    let expected = sum(&client).await?;
    drop(client);
    let port = cluster.port(0);
    until("each of the nine keeps groups", || {
        let kept = groups(port)?;
        Ok(kept.len() == 9 && kept.iter().all(|(_, groups)| *groups > 0))
    })
    .await?;
    let nodes = status(port)?["storage_nodes"].as_array().cloned().unwrap_or_default();
    for zone in ["a", "b", "c"] {
        assert_eq!(nodes.iter().filter(|node| node["zone"] == zone).count(), 3, "zone {zone}: {nodes:?}");
    }

    // One more is a spare of the cluster that is there; whoever was there comes back unasked.
    for arguments in [with(&["--nodes", "10"]), with(&[])] {
        assert!(cluster.interrupt().await?.success());
        if cluster.data().join("node-10").is_dir() {
            // One that lost its directory does not take those behind it along.
            std::fs::remove_dir_all(cluster.data().join("node-4"))?;
        }
        cluster.set_arguments(arguments.arguments);
        cluster.start_again().await?;
        let spare = Some(("spare".to_owned(), "spare".to_owned()));
        until("the tenth offers itself", || Ok(role(port, 10)? == spare)).await?;
        let member = Some(("member".to_owned(), "up".to_owned()));
        until("the nine keep the groups", || {
            let up = (1..=9).all(|node| role(port, node).ok().flatten() == member);
            Ok(up && groups(port)?.iter().filter(|(_, groups)| *groups > 0).count() == 9)
        })
        .await?;
        assert_eq!(sum(&cluster.connect(0).await?).await?, expected);
    }
    Ok(())
}
