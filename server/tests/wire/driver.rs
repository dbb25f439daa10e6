//! A real driver: log-in by password, both protocols, COPY, cancelling.

use futures::SinkExt;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::fake::Harness;

async fn connect(
    harness: &Harness,
    user: &str,
    password: &str,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let url = format!("host=127.0.0.1 port={} user={user} password={password} dbname=d", harness.port);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn a_driver_logs_in_with_its_password_and_works() {
    let harness = Harness::start().await;
    let client = connect(&harness, "scram", "pencil").await.expect("the right password");
    let messages = client.simple_query("select hello").await.expect("runs");
    let rows: Vec<&str> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .collect();
    assert_eq!(rows, ["hello"]);
    let row = client.query_one("select $1", &[&"world"]).await.expect("runs");
    assert_eq!(row.get::<_, String>(0), "world");
    let rows = client.query("rows 1000", &[]).await.expect("runs");
    assert_eq!(rows[999].get::<_, i32>(0), 999);
    let error = client.query("error", &[]).await.expect_err("fails");
    assert_eq!(error.code().map(|code| code.code()), Some("22012"));
    let mut sink = Box::pin(client.copy_in::<_, &[u8]>("copy").await.expect("starts"));
    sink.send(b"row\n").await.expect("is sent");
    sink.as_mut().finish().await.expect("ends");
    assert_eq!(*harness.world.table.lock(), ["row\n"]);
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let harness = Harness::start().await;
    for user in ["scram", "ghost"] {
        let error = connect(&harness, user, "pen").await.map(|_| ()).expect_err("refused");
        assert_eq!(error.code().map(|code| code.code()), Some("28P01"));
    }
}

#[tokio::test]
async fn a_driver_cancels_its_statement() {
    let harness = Harness::start().await;
    let client = connect(&harness, "ann", "").await.expect("trusted");
    let token = client.cancel_token();
    let running = tokio::spawn(async move { client.simple_query("wait").await.map(|_| ()) });
    crate::flow::eventually("a lock is held", || harness.world.locks.load(std::sync::atomic::Ordering::SeqCst) == 1)
        .await;
    token.cancel_query(NoTls).await.expect("is sent");
    let error = running.await.expect("no panic").expect_err("cancelled");
    assert_eq!(error.code().map(|code| code.code()), Some("57014"));
}

#[tokio::test]
async fn a_driver_connects_through_a_unix_socket() {
    let harness = Harness::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    harness.listen_at(&directory.path().join(".s.PGSQL.5432"));
    let url = format!("host={} port=5432 user=scram password=pencil dbname=d", directory.path().display());
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("connects");
    tokio::spawn(connection);
    let row = client.query_one("select $1", &[&"local"]).await.expect("runs");
    assert_eq!(row.get::<_, String>(0), "local");
    assert_eq!(harness.backends.list()[0].peer, server::pgwire::Peer::Unix);
}
