//! Stock drivers connect and do a small round of work.

use std::process::Command;
use tests::cluster::run_to_end;
use tests::drivers::python;
use tests::postgres::succeeded;
use tests::{Cluster, Options};

#[tokio::test]
async fn tokio_postgres_creates_reads_updates_and_deletes() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let mut client = cluster.connect(0).await?;
    client.batch_execute("CREATE TABLE item (id bigint PRIMARY KEY, name text, price numeric, at timestamptz)").await?;
    let transaction = client.transaction().await?;
    for id in 1..=10i64 {
        let inserted =
            transaction.execute("INSERT INTO item VALUES ($1, $2, 1.5, now())", &[&id, &format!("item {id}")]).await?;
        assert_eq!(inserted, 1);
    }
    transaction.commit().await?;
    let row = client.query_one("SELECT name, price::text FROM item WHERE id = $1", &[&7i64]).await?;
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("item 7", "1.5"));
    assert_eq!(client.execute("UPDATE item SET name = upper(name) WHERE id <= $1", &[&3i64]).await?, 3);
    assert_eq!(client.execute("DELETE FROM item WHERE name LIKE 'ITEM%'", &[]).await?, 3);
    let rows = client.query("SELECT id FROM item ORDER BY id DESC LIMIT 2", &[]).await?;
    assert_eq!(rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), [10, 9]);
    let error = client.execute("INSERT INTO item (id) VALUES (10)", &[]).await.expect_err("a duplicate key");
    assert_eq!(error.code().map(|code| code.code()), Some("23505"));
    Ok(())
}

/// A round of psycopg 3, the library from PyPI in an environment beside the binary.
#[tokio::test]
async fn psycopg_creates_reads_updates_and_deletes() -> anyhow::Result<()> {
    let python = python()?;
    let cluster = Cluster::start(Options::default()).await?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/drivers/psycopg_round.py");
    succeeded(run_to_end(Command::new(&python).arg(script).arg(cluster.port(0).to_string()))?)?;
    Ok(())
}
