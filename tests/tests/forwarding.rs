//! Sessions on a replica whose writes go to the writer.

use futures::SinkExt;
use std::process::Command;
use std::time::{Duration, Instant};
use tests::cluster::{PATIENCE, run_to_end, signal};
use tests::drivers::python;
use tests::postgres::{psql, succeeded};
use tests::stranger::{Outcome, claim};
use tests::wire::Wire;
use tests::{Cluster, Options};
use tokio_postgres::error::{Error, SqlState};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

async fn connect_as(port: u16, user: &str, options: &str) -> anyhow::Result<Client> {
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user(user).dbname("postgres").options(options);
    config.connect_timeout(Duration::from_secs(10));
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        // Whoever uses the client sees why the connection ended.
        let _ = connection.await;
    });
    Ok(client)
}

/// A session on replica 1 that forwards.
async fn forwarding(cluster: &Cluster) -> anyhow::Result<Client> {
    drop(cluster.connect_when_up(1).await?);
    connect_as(cluster.port(1), "postgres", "-c redoubt.write_forwarding=on").await
}

/// Rows of a simple query, columns joined by bars.
async fn rows(client: &Client, sql: &str) -> Result<Vec<String>, Error> {
    let messages = client.simple_query(sql).await?;
    let joined = |message: SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.get(at).unwrap_or("NULL")).collect::<Vec<_>>().join("|"))
        }
        _ => None,
    };
    Ok(messages.into_iter().filter_map(joined).collect())
}

async fn one(client: &Client, sql: &str) -> anyhow::Result<String> {
    let rows = rows(client, sql).await?;
    anyhow::ensure!(rows.len() == 1, "{sql}: {rows:?}");
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// The code of the error that a text ends in.
async fn code(client: &Client, sql: &str) -> String {
    match client.simple_query(sql).await {
        Ok(_) => "none".into(),
        Err(error) => error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()),
    }
}

/// Where a transaction runs now.
async fn is_here(client: &Client) -> anyhow::Result<bool> {
    Ok(one(client, "SELECT pg_is_in_recovery()").await? == "t")
}

#[tokio::test]
async fn a_session_reads_what_it_wrote_through_a_replica() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let client = forwarding(&cluster).await?;
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY, name text, data bytea)").await?;
    let insert = client.prepare("INSERT INTO t VALUES ($1, $2, $3) RETURNING id + 1, name").await?;
    let select = client.prepare("SELECT name, data FROM t WHERE id = $1").await?;
    for id in 0..200 {
        let name = format!("näme {id}");
        let back = client.query_one(&insert, &[&id, &name, &vec![id as u8; 100]]).await?;
        assert_eq!((back.get::<_, i32>(0), back.get::<_, String>(1)), (id + 1, name.clone()));
        let row = client.query_one(&select, &[&id]).await?;
        assert_eq!((row.get::<_, String>(0), row.get::<_, Vec<u8>>(1)), (name, vec![id as u8; 100]));
        assert!(is_here(&client).await?, "what reads stays here");
    }
    assert_eq!(client.execute("UPDATE t SET name = $1 WHERE id < $2", &[&"x", &50]).await?, 50);
    assert_eq!(one(&client, "SELECT count(*) FROM t WHERE name = 'x'").await?, "50");
    // A pipeline of statements that read and write, each its own transaction.
    let delete = client.prepare("DELETE FROM t WHERE id = $1").await?;
    let count = client.prepare("SELECT count(*) FROM t").await?;
    let (a, b, c, d) = (
        client.execute(&delete, &[&1]),
        client.query_one(&count, &[]),
        client.execute(&delete, &[&2]),
        client.query_one(&count, &[]),
    );
    let (a, b, c, d) = tokio::try_join!(a, b, c, d)?;
    assert_eq!((a, b.get::<_, i64>(0), c, d.get::<_, i64>(0)), (1, 199, 1, 198));
    // One text of several statements is one transaction, there.
    assert_eq!(code(&client, "INSERT INTO t VALUES (1000); SELECT 1/0").await, "22012");
    assert_eq!(one(&client, "SELECT count(*) FROM t WHERE id = 1000").await?, "0");
    assert_eq!(one(&client, "SELECT redoubt.last_commit_lsn() IS NOT NULL").await?, "t");
    Ok(())
}

#[tokio::test]
async fn without_the_setting_a_replica_refuses() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let client = forwarding(&cluster).await?;
    client.batch_execute("CREATE TABLE t (a int); SELECT 1").await?;
    client.batch_execute("SET redoubt.write_forwarding = off").await?;
    assert_eq!(code(&client, "INSERT INTO t VALUES (1)").await, "25006");
    client.batch_execute("BEGIN").await?;
    client.batch_execute("SET redoubt.write_forwarding = on").await?;
    assert_eq!(code(&client, "INSERT INTO t VALUES (1)").await, "0A000", "the block began before");
    client.batch_execute("ROLLBACK; SET redoubt.write_forwarding = on").await?;
    assert_eq!(code(&client, "BEGIN READ ONLY; INSERT INTO t VALUES (1)").await, "25006");
    client.batch_execute("ROLLBACK").await?;
    client.batch_execute("BEGIN READ ONLY").await?;
    assert_eq!(code(&client, "INSERT INTO t VALUES (1)").await, "25006");
    client.batch_execute("ROLLBACK; SET redoubt.write_forwarding = eventual").await?;
    client.batch_execute("INSERT INTO t VALUES (1)").await?;
    // On the writer the setting means nothing.
    let writer = connect_as(cluster.port(0), "postgres", "-c redoubt.write_forwarding=on").await?;
    writer.batch_execute("INSERT INTO t VALUES (2)").await?;
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_writes_continues_on_the_writer() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let mut client = forwarding(&cluster).await?;
    client
        .batch_execute("CREATE TABLE t (a int PRIMARY KEY, b text); CREATE SCHEMA other; CREATE TABLE other.t (a int)")
        .await?;
    // Read, savepoint, a failure, and only then a write: all that shaped the block comes along.
    client.batch_execute("BEGIN").await?;
    assert!(is_here(&client).await?);
    client.batch_execute("SAVEPOINT one; SET LOCAL search_path = other").await?;
    assert_eq!(code(&client, "SELECT 1/0").await, "22012");
    assert_eq!(code(&client, "INSERT INTO t VALUES (1)").await, "25P02");
    client.batch_execute("ROLLBACK TO one").await?;
    client.batch_execute("SET LOCAL search_path = other, public").await?;
    client.batch_execute("INSERT INTO t VALUES (7)").await?;
    assert!(!is_here(&client).await?, "from here on all of it runs there");
    assert_eq!(one(&client, "SELECT a FROM other.t").await?, "7");
    client.batch_execute("SAVEPOINT two; INSERT INTO public.t VALUES (1, 'one')").await?;
    assert_eq!(code(&client, "INSERT INTO public.t VALUES (1, 'again')").await, "23505");
    assert_eq!(code(&client, "SELECT 1").await, "25P02");
    client.batch_execute("ROLLBACK TO two; INSERT INTO public.t VALUES (2, 'two')").await?;
    client.batch_execute("COMMIT").await?;
    assert!(is_here(&client).await?);
    assert_eq!(rows(&client, "SELECT a, b FROM t").await?, ["2|two"], "search_path is what it was");
    assert_eq!(rows(&client, "SELECT a FROM other.t").await?, ["7"]);
    // By the library's own transactions, with prepared statements from before and within.
    let count = client.prepare("SELECT count(*) FROM t").await?;
    let insert = client.prepare("INSERT INTO t VALUES ($1, $2)").await?;
    let transaction = client.transaction().await?;
    assert_eq!(transaction.query_one(&count, &[]).await?.get::<_, i64>(0), 1);
    transaction.execute(&insert, &[&3, &"three"]).await?;
    assert_eq!(transaction.query_one(&count, &[]).await?.get::<_, i64>(0), 2, "it sees its own writes");
    let within = transaction.prepare("SELECT b FROM t WHERE a = $1").await?;
    assert_eq!(transaction.query_one(&within, &[&3]).await?.get::<_, String>(0), "three");
    transaction.rollback().await?;
    assert_eq!(client.query_one(&count, &[]).await?.get::<_, i64>(0), 1);
    assert!(client.query_opt(&within, &[&3]).await?.is_none(), "what was prepared there can be used here");
    assert_eq!(client.query_one(&within, &[&2]).await?.get::<_, String>(0), "two");
    // DDL and its use in one transaction, then here.
    client.batch_execute("BEGIN; CREATE TABLE made (a int); INSERT INTO made SELECT generate_series(1, 100)").await?;
    assert_eq!(one(&client, "SELECT sum(a) FROM made").await?, "5050");
    client.batch_execute("COMMIT AND CHAIN").await?;
    client.batch_execute("INSERT INTO made VALUES (0); COMMIT").await?;
    assert_eq!(one(&client, "SELECT count(*), pg_is_in_recovery() FROM made").await?, "101|t");
    Ok(())
}

#[tokio::test]
async fn what_a_transaction_was_shown_on_the_writer_is_shown_here_afterwards() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let (client, writer) = (forwarding(&cluster).await?, cluster.connect(0).await?);
    writer.batch_execute("CREATE TABLE t (a int)").await?;
    for (row, end) in ["ROLLBACK", "COMMIT", "SELECT 1 / 0; ROLLBACK"].into_iter().enumerate() {
        client.batch_execute("BEGIN READ WRITE").await?;
        assert!(!is_here(&client).await?);
        writer.batch_execute(&format!("INSERT INTO t VALUES ({row})")).await?;
        let token = one(&writer, "SELECT redoubt.last_commit_lsn()").await?;
        assert_eq!(one(&client, "SELECT count(*) FROM t").await?, (row + 1).to_string());
        for statement in end.split("; ") {
            // One of them is to fail.
            let _ = client.simple_query(statement).await;
        }
        assert!(is_here(&client).await?);
        let floor = format!("SELECT redoubt.last_commit_lsn() >= '{token}'");
        assert_eq!(one(&client, &floor).await?, "t", "it reads nothing older here after {end}");
    }
    Ok(())
}

#[tokio::test]
async fn a_transaction_of_one_snapshot_has_the_writer_s() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let client = forwarding(&cluster).await?;
    client.batch_execute("CREATE TABLE t (a int)").await?;
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    assert!(!is_here(&client).await?);
    psql(&cluster, 0, "INSERT INTO t VALUES (1)")?;
    assert_eq!(one(&client, "SELECT count(*) FROM t").await?, "0");
    client.batch_execute("INSERT INTO t VALUES (2); COMMIT").await?;
    assert_eq!(one(&client, "SELECT count(*) FROM t").await?, "2");
    client.batch_execute("BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
    assert!(!is_here(&client).await?);
    client.batch_execute("ROLLBACK; SET default_transaction_isolation = 'repeatable read'").await?;
    client.batch_execute("BEGIN").await?;
    assert!(!is_here(&client).await?);
    client.batch_execute("ROLLBACK").await?;
    client.batch_execute("BEGIN READ ONLY").await?;
    assert!(is_here(&client).await?, "one that cannot write stays");
    client.batch_execute("ROLLBACK; RESET default_transaction_isolation; BEGIN").await?;
    client.batch_execute("DECLARE c CURSOR FOR SELECT generate_series(1, 10)").await?;
    client.batch_execute("FETCH 2 FROM c").await?;
    assert_eq!(code(&client, "INSERT INTO t VALUES (3)").await, "0A000", "the cursor is here");
    client.batch_execute("ROLLBACK").await?;
    client.batch_execute("BEGIN READ WRITE").await?;
    client.batch_execute("DECLARE c CURSOR FOR SELECT generate_series(1, 10)").await?;
    client.batch_execute("FETCH 2 FROM c; INSERT INTO t VALUES (3)").await?;
    assert_eq!(one(&client, "FETCH 1 FROM c").await?, "3");
    client.batch_execute("COMMIT").await?;
    assert_eq!(one(&client, "SELECT count(*) FROM t").await?, "3");
    Ok(())
}

#[tokio::test]
async fn errors_tags_and_notices_are_the_writer_s() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let client = forwarding(&cluster).await?;
    let writer = cluster.connect(0).await?;
    client
        .batch_execute("CREATE TABLE t (a int PRIMARY KEY, b int CHECK (b > 0)); INSERT INTO t VALUES (1, 1)")
        .await?;
    for sql in [
        "INSERT INTO t VALUES (1, 1)",
        "INSERT INTO t VALUES (2, 0)",
        "INSERT INTO t VALUES (1, nosuch)",
        "INSERT INTO nosuch VALUES (1)",
        "INSERT INTO t VALES (1)",
        "UPDATE t SET b = 'x'",
        "DROP TABLE nosuch",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ] {
        let fields = async |client: &Client| {
            let error = client.simple_query(sql).await.expect_err(sql);
            let error = error.as_db_error().expect("of the server").clone();
            (
                (error.severity().to_owned(), error.code().code().to_owned(), error.message().to_owned()),
                (error.detail().map(str::to_owned), error.hint().map(str::to_owned), error.position().cloned()),
                (error.table().map(str::to_owned), error.constraint().map(str::to_owned)),
            )
        };
        assert_eq!(fields(&client).await, fields(&writer).await, "{sql}");
    }
    let error = client.execute("INSERT INTO t VALUES ($1, 1)", &[&1]).await.expect_err("a duplicate");
    assert_eq!(error.code(), Some(&SqlState::UNIQUE_VIOLATION));
    assert_eq!(client.execute("INSERT INTO t VALUES ($1, 1)", &[&2]).await?, 1, "the session goes on");
    let notices = client.simple_query("DROP TABLE IF EXISTS nosuch").await?;
    assert!(matches!(notices.last(), Some(SimpleQueryMessage::CommandComplete(0))), "{notices:?}");
    // What a role may do, it may do there.
    client.batch_execute("CREATE ROLE app LOGIN; GRANT SELECT ON t TO app").await?;
    // Reads wait for what the session wrote: from here on others see it on this server, too.
    assert_eq!(one(&client, "SELECT count(*) FROM t").await?, "2");
    let app = connect_as(cluster.port(1), "app", "-c redoubt.write_forwarding=on").await?;
    assert_eq!(one(&app, "SELECT count(*) FROM t").await?, "2");
    assert_eq!(code(&app, "INSERT INTO t VALUES (3, 3)").await, "42501");
    client.batch_execute("GRANT INSERT ON t TO app").await?;
    assert_eq!(one(&client, "SELECT count(*) FROM t").await?, "2");
    app.batch_execute("INSERT INTO t VALUES (3, 3)").await?;
    Ok(())
}

#[tokio::test]
async fn copy_sequences_settings_and_prepared_statements_are_forwarded() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let client = forwarding(&cluster).await?;
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY, b text); CREATE SEQUENCE s").await?;
    let copy = async |lines: &str| -> Result<u64, Error> {
        let sink = client.copy_in::<_, bytes::Bytes>("COPY t FROM STDIN").await?;
        futures::pin_mut!(sink);
        for line in lines.split_inclusive('\n') {
            sink.send(bytes::Bytes::from(line.to_owned())).await?;
        }
        sink.finish().await
    };
    let many: String = (0..2_000).map(|n| format!("{n}\tline {}\n", "x".repeat(100))).collect();
    assert_eq!(copy(&many).await?, 2_000);
    assert_eq!(one(&client, "SELECT count(*), sum(a), pg_is_in_recovery() FROM t").await?, "2000|1999000|t");
    let error = copy("2000\tx\nnot a number\ty\n").await.expect_err("bad data");
    assert_eq!(error.code().map(SqlState::code), Some("22P02"));
    assert_eq!(one(&client, "SELECT count(*) FROM t").await?, "2000");
    // Abandoned half-way: CopyFail.
    {
        let sink = client.copy_in::<_, bytes::Bytes>("COPY t FROM STDIN").await?;
        futures::pin_mut!(sink);
        sink.send(bytes::Bytes::from_static(b"2001\tz\n")).await?;
    }
    assert_eq!(one(&client, "SELECT count(*) FROM t").await?, "2000");

    assert_eq!(one(&client, "SELECT nextval('s')").await?, "1");
    assert_eq!(client.query_one("SELECT nextval('s'), currval('s')", &[]).await?.get::<_, i64>(0), 2);
    assert_eq!(one(&client, "SELECT currval('s'), lastval()").await?, "2|2");
    assert_eq!(one(&client, "SELECT pg_try_advisory_lock(7)").await?, "t");
    let writer = cluster.connect(0).await?;
    assert_eq!(one(&writer, "SELECT pg_try_advisory_lock(7)").await?, "f", "the lock is the writer's");

    client.batch_execute("SET TimeZone = 'Asia/Tokyo'; SET my.own = 'it''s'; SET work_mem = '8MB'").await?;
    let settings = "current_setting('TimeZone') || current_setting('my.own') || current_setting('work_mem')";
    client.batch_execute(&format!("INSERT INTO t VALUES (-1, {settings})")).await?;
    assert_eq!(one(&client, "SELECT b FROM t WHERE a = -1").await?, "Asia/Tokyoit's8MB");
    client
        .batch_execute("BEGIN; INSERT INTO t VALUES (-2); SET TimeZone = 'Europe/Paris'; SET my.own = 'kept'")
        .await?;
    client.batch_execute("COMMIT").await?;
    assert_eq!(one(&client, "SHOW TimeZone").await?, "Europe/Paris");
    assert_eq!(one(&client, "SHOW my.own").await?, "kept");
    client
        .batch_execute("BEGIN; INSERT INTO t VALUES (-3); SET TimeZone = 'Asia/Tokyo'; SET LOCAL my.own = 'gone'")
        .await?;
    client.batch_execute("ROLLBACK").await?;
    assert_eq!(one(&client, "SHOW TimeZone").await?, "Europe/Paris");
    assert_eq!(one(&client, "SHOW my.own").await?, "kept");
    client.batch_execute("RESET TimeZone").await?;
    client.batch_execute("INSERT INTO t VALUES (-4, current_setting('TimeZone'))").await?;
    assert_eq!(one(&client, "SELECT b FROM t WHERE a = -4").await?, "UTC");

    client.batch_execute("PREPARE p (int) AS INSERT INTO t VALUES ($1, 'by name')").await?;
    client.batch_execute("EXECUTE p(-5); EXECUTE p(-6)").await?;
    client.batch_execute("DEALLOCATE p; PREPARE p (int) AS DELETE FROM t WHERE a = $1").await?;
    client.batch_execute("EXECUTE p(-6)").await?;
    client.batch_execute("BEGIN; EXECUTE p(-1); PREPARE q AS SELECT count(*) FROM t WHERE a < 0; COMMIT").await?;
    assert_eq!(one(&client, "EXECUTE q").await?, "3");
    client.batch_execute("DISCARD ALL").await?;
    assert_eq!(code(&client, "SELECT currval('s')").await, "55000");
    until_one(&writer, "SELECT pg_try_advisory_lock(7)", "t", || "the lock is still held".to_owned()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forwarded_runs_as_who_the_session_is() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let client = forwarding(&cluster).await?;
    client.batch_execute("CREATE TABLE t (a int, b text DEFAULT current_user); CREATE ROLE app").await?;
    client.batch_execute("GRANT SELECT, INSERT ON t TO app").await?;
    client.batch_execute("SET ROLE app").await?;
    client.batch_execute("INSERT INTO t VALUES (1)").await?;
    assert_eq!(code(&client, "DELETE FROM t").await, "42501");
    assert_eq!(one(&client, "SELECT b, current_user, session_user FROM t").await?, "app|app|postgres");
    client.batch_execute("SET SESSION AUTHORIZATION app").await?;
    assert_eq!(code(&client, "DELETE FROM t").await, "42501");
    client.batch_execute("RESET SESSION AUTHORIZATION").await?;
    client.batch_execute("DELETE FROM t").await?;

    // What becomes of it there is so here, of a role that is not here yet, too.
    client.batch_execute("BEGIN; INSERT INTO t VALUES (2); CREATE ROLE later; GRANT SELECT ON t TO later").await?;
    client.batch_execute("SET ROLE later; COMMIT").await?;
    assert_eq!(one(&client, "SELECT current_user, count(*) FROM t").await?, "later|1");
    assert_eq!(code(&client, "INSERT INTO t VALUES (3)").await, "42501");
    client.batch_execute("RESET ROLE; INSERT INTO t VALUES (4)").await?;
    assert_eq!(one(&client, "SELECT current_user, count(*) FROM t").await?, "postgres|2");
    client.batch_execute("BEGIN; SET LOCAL ROLE app; INSERT INTO t VALUES (5)").await?;
    assert_eq!(code(&client, "DELETE FROM t").await, "42501");
    client.batch_execute("ROLLBACK").await?;
    client.batch_execute("DELETE FROM t").await?;
    assert_eq!(one(&client, "SELECT current_user").await?, "postgres");
    Ok(())
}

/// Asks until the answer is `wanted`; `why` it is not goes into the error.
async fn until_one(client: &Client, sql: &str, wanted: &str, why: impl Fn() -> String) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = one(client, sql).await?;
        if answer == wanted {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "{sql}: {answer} ({})", why());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A session on replica 1 that forwards, message by message.
async fn forwarding_wire(cluster: &Cluster) -> anyhow::Result<Wire> {
    drop(cluster.connect_when_up(1).await?);
    Wire::connect(cluster.port(1), "-c redoubt.write_forwarding=on")
}

#[tokio::test]
async fn what_a_pipeline_sets_goes_along_with_what_it_writes() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let (mut wire, writer) = (forwarding_wire(&cluster).await?, cluster.connect(0).await?);
    let tables = "CREATE TABLE t (a int PRIMARY KEY); CREATE SCHEMA b; CREATE TABLE b.t (a int PRIMARY KEY)";
    assert_eq!(wire.query(tables)?.len(), 4);
    let default = ["\"$user\", public", "SHOW", "ready I"];
    let to_b = "SET search_path = b";
    assert_eq!(wire.run(to_b)?.run("INSERT INTO t VALUES (1)")?.sync()?, ["SET", "INSERT 0 1", "ready I"]);
    assert_eq!(wire.query("SHOW search_path")?, ["b", "SHOW", "ready I"]);
    let pipeline = wire.run("RESET search_path")?.run("INSERT INTO t VALUES (2)")?;
    assert_eq!(pipeline.sync()?, ["RESET", "INSERT 0 1", "ready I"]);
    assert_eq!(wire.query("SHOW search_path")?, default);
    // All of it is one transaction.
    let pipeline = wire.run(to_b)?.run("INSERT INTO t VALUES (3)")?.run("INSERT INTO t VALUES (1)")?;
    assert_eq!(pipeline.sync()?, ["SET", "INSERT 0 1", "error 23505", "ready I"]);
    assert_eq!(wire.query("SHOW search_path")?, default);
    assert_eq!(wire.run("SET LOCAL search_path = b")?.run("INSERT INTO t VALUES (4)")?.sync()?[1], "INSERT 0 1");
    assert_eq!(wire.query("SHOW search_path")?, default);
    // Unless it ends within.
    let pipeline = wire.run(to_b)?.run("COMMIT")?.run("INSERT INTO t VALUES (1)")?;
    assert_eq!(pipeline.sync()?, ["SET", "COMMIT", "error 23505", "ready I"]);
    assert_eq!(wire.query("SHOW search_path")?, ["b", "SHOW", "ready I"]);
    let pipeline = wire.run("DISCARD ALL")?.run("INSERT INTO t VALUES (5)")?;
    assert_eq!(pipeline.sync()?, ["DISCARD ALL", "INSERT 0 1", "ready I"]);
    assert_eq!(wire.query("SHOW search_path")?, default);
    // A block that begins within has what was set before, and takes it back.
    for (row, end, kept) in [(6, "ROLLBACK", &default[0]), (7, "COMMIT", &"b")] {
        let pipeline = wire.run(to_b)?.run("BEGIN")?.run("SAVEPOINT s")?;
        let pipeline = pipeline.run(&format!("INSERT INTO t VALUES ({row})"))?;
        assert_eq!(pipeline.sync()?, ["SET", "BEGIN", "SAVEPOINT", "INSERT 0 1", "ready T"]);
        assert_eq!(wire.query(end)?, [end, "ready I"]);
        assert_eq!(wire.query("SHOW search_path")?[0], *kept);
    }
    assert_eq!(wire.query("RESET search_path")?, ["RESET", "ready I"]);
    let pipeline = wire.run(to_b)?.run("BEGIN READ WRITE")?.run("INSERT INTO t VALUES (8)")?.run("COMMIT")?;
    assert_eq!(pipeline.sync()?, ["SET", "BEGIN", "INSERT 0 1", "COMMIT", "ready I"]);
    assert_eq!(wire.query("SHOW search_path")?[0], "b");
    assert_eq!(wire.query("RESET search_path")?, ["RESET", "ready I"]);
    // What was bound before a Sync and executed after it has set something, too.
    assert_eq!(wire.query("BEGIN")?, ["BEGIN", "ready T"]);
    assert_eq!(wire.parse("s", to_b)?.bind("later", "s")?.sync()?, ["ready T"]);
    let pipeline = wire.execute("later")?.run("INSERT INTO t VALUES (9)")?.run("COMMIT")?;
    assert_eq!(pipeline.sync()?, ["SET", "INSERT 0 1", "COMMIT", "ready I"]);
    assert_eq!(wire.query("RESET search_path")?, ["RESET", "ready I"]);
    let seen = async |table: &str| rows(&writer, &format!("SELECT a FROM {table} ORDER BY a")).await;
    assert_eq!(
        (seen("t").await?, seen("b.t").await?),
        (vec!["2".into(), "5".into()], vec!["1".into(), "4".into(), "7".into(), "8".into(), "9".into()])
    );
    Ok(())
}

/// Bind of the unnamed statement with one parameter in this format.
fn bind_one(format: u8, value: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 1, 0, format, 0, 1][..], &(value.len() as u32).to_be_bytes(), value, &[0, 0]].concat()
}

#[tokio::test]
async fn a_message_that_is_none_fails_the_transaction_where_that_runs() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let mut wire = forwarding_wire(&cluster).await?;
    assert_eq!(wire.query("CREATE TABLE t (a text)")?.len(), 2);
    let insert = "INSERT INTO t VALUES ($1)";
    let broken = [
        (b'B', bind_one(0, b"a\0"), "22021"),
        (b'B', bind_one(0, b"\xff"), "22021"),
        (b'B', bind_one(2, b"a"), "22023"),
        (b'B', vec![0], "08P01"),
        (b'P', b"\0\xff\0\0\0".to_vec(), "22021"),
        (b'D', b"Z\0".to_vec(), "08P01"),
        (b'C', b"Z\0".to_vec(), "08P01"),
        (b'E', b"\0".to_vec(), "08P01"),
    ];
    for (kind, body, code) in &broken {
        let context = format!("{} {code}", char::from(*kind));
        // All of a pipeline is one transaction, which is told of in its order.
        let pipeline = wire.parse("", insert)?.raw(b'B', &bind_one(0, b"a")).execute("")?.raw(*kind, body);
        let refused = pipeline.execute("")?.sync()?;
        assert_eq!(refused, ["INSERT 0 1", &format!("error {code}"), "ready I"], "{context}");
        // A block is a failed one, and ends when the client says so.
        assert_eq!(wire.query("BEGIN; INSERT INTO t VALUES ('b')")?, ["BEGIN", "INSERT 0 1", "ready T"]);
        let refused = wire.parse("", insert)?.raw(*kind, body).execute("")?.sync()?;
        assert_eq!(refused, [&format!("error {code}"), "ready E"], "{context}");
        assert_eq!(wire.query("COMMIT")?, ["ROLLBACK", "ready I"], "{context}");
    }
    // What needs no Sync.
    for (kind, body, code) in [(b'Q', &b"SELECT '\xff'\0"[..], "22021"), (b'F', b"", "0A000")] {
        assert_eq!(wire.query("BEGIN; INSERT INTO t VALUES ('c')")?, ["BEGIN", "INSERT 0 1", "ready T"]);
        assert_eq!(wire.raw(kind, body).answers()?, [&format!("error {code}"), "ready E"]);
        assert_eq!(wire.query("COMMIT")?, ["ROLLBACK", "ready I"]);
    }
    let copy = wire.raw(b'Q', b"COPY t FROM STDIN\0").raw(b'd', b"d\n").raw(b'f', b"\xff\0");
    assert_eq!(copy.answers()?, ["error 22021", "ready I"]);
    assert_eq!(wire.query("SELECT count(*) FROM t")?, ["0", "SELECT 1", "ready I"]);
    Ok(())
}

#[tokio::test]
async fn each_copy_of_several_gets_its_data() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let mut wire = forwarding_wire(&cluster).await?;
    assert_eq!(wire.query("CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int)")?.len(), 3);
    let two = b"COPY t FROM STDIN; COPY u FROM STDIN\0";
    let whole = ["COPY 1", "COPY 2", "ready I"];
    let data = |wire: &mut Wire| {
        wire.raw(b'd', b"1\n").raw(b'c', b"").raw(b'd', b"2\n3\n").raw(b'c', b"");
    };
    data(wire.raw(b'Q', two));
    assert_eq!(wire.answers()?, whole);
    assert_eq!(wire.query("DELETE FROM t; DELETE FROM u")?, ["DELETE 1", "DELETE 2", "ready I"]);
    // In a pipeline, all of it sent before the writer asks for any.
    wire.parse("", "COPY t FROM STDIN")?.bind("", "")?.execute("")?.raw(b'd', b"1\n").raw(b'c', b"");
    wire.parse("", "COPY u FROM STDIN")?.bind("", "")?.execute("")?.raw(b'd', b"2\n3\n").raw(b'c', b"");
    assert_eq!(wire.sync()?, whole);
    // The second is not read, and its end belongs to no later one.
    assert_eq!(wire.query("BEGIN; SAVEPOINT s")?.len(), 3);
    data(wire.raw(b'Q', two));
    assert_eq!(wire.answers()?, ["error 23505", "ready E"]);
    assert_eq!(wire.query("ROLLBACK TO s; DELETE FROM t")?, ["ROLLBACK", "DELETE 1", "ready T"]);
    data(wire.raw(b'Q', two));
    assert_eq!(wire.answers()?, ["COPY 1", "COPY 2", "ready T"]);
    assert_eq!(wire.query("COMMIT; SELECT count(*) FROM u")?[1..], ["4", "SELECT 1", "ready I"]);
    Ok(())
}

#[tokio::test]
async fn what_cannot_go_along_is_refused() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let mut wire = forwarding_wire(&cluster).await?;
    assert_eq!(wire.query("CREATE TABLE t (a int)")?.len(), 2);
    let insert = "INSERT INTO t VALUES (1)";
    // A portal that was bound here and is yet to be executed.
    let pipeline = wire.parse("r", "SELECT 1")?.parse("w", insert)?.bind("a", "r")?.bind("b", "w")?;
    assert_eq!(pipeline.execute("a")?.execute("b")?.sync()?, ["error 0A000", "ready I"]);
    assert_eq!(wire.bind("", "r")?.bind("b", "w")?.execute("")?.sync()?, ["error 0A000", "ready I"]);
    assert_eq!(wire.query("BEGIN")?, ["BEGIN", "ready T"]);
    assert_eq!(wire.bind("a", "r")?.sync()?, ["ready T"]);
    assert_eq!(wire.query(insert)?, ["error 0A000", "ready E"]);
    assert_eq!(wire.query("ROLLBACK")?, ["ROLLBACK", "ready I"]);
    // One that is replaced, or has been executed, is not missed.
    let pipeline = wire.bind("", "r")?.bind("", "w")?.execute("")?;
    assert_eq!(pipeline.sync()?, ["INSERT 0 1", "ready I"]);
    let pipeline = wire.bind("a", "r")?.execute("a")?.bind("b", "w")?.execute("b")?;
    assert_eq!(pipeline.sync()?, ["1", "SELECT 1", "INSERT 0 1", "ready I"]);
    // The text of a Query has its own places of errors, so nothing is put before it.
    wire.run("SET search_path = nosuch")?;
    assert_eq!(wire.query(insert)?, ["SET", "error 0A000", "ready I"]);
    assert_eq!(wire.query(insert)?, ["INSERT 0 1", "ready I"]);
    // Statements that were not seen.
    assert_eq!(wire.query("SET redoubt.write_forwarding = off")?, ["SET", "ready I"]);
    let pipeline = wire.run("SET redoubt.write_forwarding = on")?.run(insert)?;
    assert_eq!(pipeline.sync()?, ["SET", "error 0A000", "ready I"]);
    assert_eq!(wire.run("SET redoubt.write_forwarding = on")?.sync()?, ["SET", "ready I"]);
    // A snapshot of this replica, also without a block.
    assert_eq!(wire.query("SET default_transaction_isolation = 'repeatable read'")?, ["SET", "ready I"]);
    assert_eq!(wire.run("SELECT 1")?.run(insert)?.sync()?, ["1", "SELECT 1", "error 0A000", "ready I"]);
    assert_eq!(wire.run("SET my.own = 'x'")?.run(insert)?.sync()?, ["SET", "INSERT 0 1", "ready I"]);
    assert_eq!(wire.query("SHOW my.own")?[0], "x");
    assert_eq!(wire.query("SET default_transaction_isolation = 'read committed'")?, ["SET", "ready I"]);
    // What the writer would tell a session that is idle here, and a cursor that would stay there.
    assert_eq!(wire.query("LISTEN news")?, ["error 25006", "ready I"]);
    assert_eq!(
        wire.query(&format!("BEGIN; {insert}; LISTEN news"))?,
        ["BEGIN", "INSERT 0 1", "error 0A000", "ready E"]
    );
    assert_eq!(wire.query("ROLLBACK")?, ["ROLLBACK", "ready I"]);
    let held = "DECLARE c CURSOR WITH HOLD FOR SELECT a FROM t";
    assert_eq!(wire.query(&format!("BEGIN; {insert}; {held}"))?, ["BEGIN", "INSERT 0 1", "error 0A000", "ready E"]);
    assert_eq!(wire.query("ROLLBACK")?, ["ROLLBACK", "ready I"]);
    // One that is held here stays, wherever the session writes.
    assert_eq!(wire.query("DECLARE c CURSOR WITH HOLD FOR SELECT 'kept'")?, ["DECLARE CURSOR", "ready I"]);
    assert_eq!(wire.query(insert)?, ["INSERT 0 1", "ready I"]);
    assert_eq!(wire.query("FETCH c")?, ["kept", "FETCH 1", "ready I"]);
    // And the writer's own sessions are told: in a block, later.
    let listener = cluster.connect(0).await?;
    listener.batch_execute("LISTEN news").await?;
    listener.batch_execute("BEGIN").await?;
    assert_eq!(wire.query("NOTIFY news, 'from afar'")?, ["NOTIFY", "ready I"]);
    assert_eq!(one(&listener, "SELECT pg_notification_queue_usage() > 0").await?, "t");
    Ok(())
}

#[tokio::test]
async fn a_name_is_what_the_client_made_it_on_either_server() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let (mut wire, writer) = (forwarding_wire(&cluster).await?, cluster.connect(0).await?);
    assert_eq!(wire.query("CREATE TABLE t (a int)")?.len(), 2);
    let insert = "INSERT INTO t VALUES (1)";
    let inserted = ["INSERT 0 1", "ready I"];
    let begins = "BEGIN READ WRITE";
    // Gone there, made anew here: made anew there.
    for gone in ["DEALLOCATE p", "DEALLOCATE ALL"] {
        assert_eq!(wire.parse("p", insert)?.bind("", "p")?.execute("")?.sync()?, inserted);
        assert_eq!(wire.query(&format!("{begins}; {gone}; COMMIT"))?[1], gone.trim_end_matches(" p"));
        assert_eq!(wire.bind("", "p")?.sync()?, ["error 26000", "ready I"], "{gone}");
        assert_eq!(wire.parse("p", insert)?.bind("", "p")?.execute("")?.sync()?, inserted, "{gone}");
        assert_eq!(wire.close("p")?.sync()?, ["ready I"]);
    }
    let pipeline = wire.run(insert)?.parse("p", insert)?.close("p")?;
    assert_eq!(pipeline.sync()?, inserted);
    assert_eq!(wire.parse("p", insert)?.bind("", "p")?.execute("")?.sync()?, inserted, "closed as soon as it was made");
    let pipeline = wire.run("SELECT pg_try_advisory_lock(7)")?.run("DISCARD ALL")?;
    assert_eq!(pipeline.sync()?, ["t", "SELECT 1", "DISCARD ALL", "ready I"]);
    assert_eq!(one(&writer, "SELECT pg_try_advisory_lock(7)").await?, "t");
    assert_eq!(wire.bind("", "p")?.sync()?, ["error 26000", "ready I"]);
    assert_eq!(wire.parse("p", insert)?.bind("", "p")?.execute("")?.sync()?, inserted);
    // Gone here: it can be made anew there.
    for gone in ["DEALLOCATE p", "DEALLOCATE ALL"] {
        assert_eq!(wire.query(gone)?.len(), 2);
        let pipeline = wire.run(begins)?.parse("p", insert)?.bind("", "p")?.execute("")?.run("COMMIT")?;
        assert_eq!(pipeline.sync()?, ["BEGIN", "INSERT 0 1", "COMMIT", "ready I"], "{gone}");
        // Made there: it can be used, and be gone, here.
        let duplicate = wire.query("PREPARE p AS SELECT 1")?;
        assert_eq!(duplicate, ["error 42P05", "ready I"]);
    }
    assert_eq!(wire.query("EXECUTE p")?, inserted);
    assert_eq!(wire.query("DEALLOCATE p")?, ["DEALLOCATE", "ready I"]);
    assert_eq!(wire.query("DEALLOCATE p")?, ["error 26000", "ready I"]);
    // Only here, and named there.
    assert_eq!(wire.query("PREPARE p AS SELECT 1; PREPARE q AS SELECT 2")?.len(), 3);
    assert_eq!(wire.query(&format!("{begins}; PREPARE p AS SELECT 3"))?, ["BEGIN", "error 42P05", "ready E"]);
    assert_eq!(wire.query("DEALLOCATE p")?, ["error 25P02", "ready E"]);
    assert_eq!(wire.query("ROLLBACK")?, ["ROLLBACK", "ready I"]);
    assert_eq!(wire.query("EXECUTE p")?, ["1", "SELECT 1", "ready I"], "what failed there did nothing");
    let replaced = wire.query(&format!("{begins}; DEALLOCATE p; PREPARE p AS SELECT 3; EXECUTE p; COMMIT"))?;
    assert_eq!(replaced, ["BEGIN", "DEALLOCATE", "PREPARE", "3", "SELECT 1", "COMMIT", "ready I"]);
    assert_eq!(wire.query("EXECUTE p")?, ["3", "SELECT 1", "ready I"]);
    assert_eq!(wire.query(begins)?, ["BEGIN", "ready T"]);
    assert_eq!(wire.query("EXECUTE p")?, ["3", "SELECT 1", "ready T"]);
    assert_eq!(wire.query("PREPARE r AS SELECT 4")?, ["PREPARE", "ready T"]);
    assert_eq!(wire.close("r")?.sync()?, ["ready T"]);
    let pipeline = wire.run("DEALLOCATE ALL")?.parse("q", "SELECT 5")?.bind("", "q")?.execute("")?;
    assert_eq!(pipeline.sync()?, ["DEALLOCATE ALL", "5", "SELECT 1", "ready T"]);
    assert_eq!(wire.query("COMMIT")?, ["COMMIT", "ready I"]);
    assert_eq!(wire.query("EXECUTE q")?, ["5", "SELECT 1", "ready I"]);
    for gone in ["p", "r"] {
        assert_eq!(wire.query(&format!("EXECUTE {gone}"))?, ["error 26000", "ready I"], "{gone}");
    }
    assert_eq!(wire.query(&format!("PREPARE w AS {insert}"))?, ["PREPARE", "ready I"]);
    assert!(wire.query("EXPLAIN ANALYZE EXECUTE w")?.ends_with(&["EXPLAIN".into(), "ready I".into()]));
    // Parameters have the types there that they had here, whatever was defined meanwhile.
    assert_eq!(wire.parse("", "INSERT INTO t VALUES ($1)")?.sync()?, ["ready I"]);
    rows(&writer, "ALTER TABLE t ALTER a TYPE bigint").await?;
    assert_eq!(wire.raw(b'B', &bind_one(1, &7i32.to_be_bytes())).execute("")?.sync()?, inserted);
    Ok(())
}

#[tokio::test]
async fn a_cancel_on_the_replica_cancels_on_the_writer() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let client = forwarding(&cluster).await?;
    client.batch_execute("CREATE TABLE t (a int)").await?;
    client.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await?;
    let token = client.cancel_token();
    let cancelling = async {
        let writer = cluster.connect(0).await?;
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'";
        until_one(&writer, sleeping, "1", String::new).await?;
        token.cancel_query(NoTls).await?;
        anyhow::Ok(())
    };
    let (slept, cancelled) = tokio::join!(client.simple_query("SELECT pg_sleep(60)"), cancelling);
    cancelled?;
    assert_eq!(slept.expect_err("cancelled").code(), Some(&SqlState::QUERY_CANCELED));
    assert_eq!(code(&client, "SELECT 1").await, "25P02");
    client.batch_execute("ROLLBACK").await?;
    assert_eq!(one(&client, "SELECT count(*) FROM t").await?, "0");
    // A client that leaves takes its transaction there with it.
    let other = forwarding(&cluster).await?;
    other.batch_execute("BEGIN; INSERT INTO t VALUES (2); LOCK TABLE t").await?;
    drop(other);
    tokio::time::timeout(PATIENCE, client.batch_execute("INSERT INTO t VALUES (3)")).await??;
    assert_eq!(rows(&client, "SELECT a FROM t").await?, ["3"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_says_nothing_is_given_up() -> anyhow::Result<()> {
    let mut options = Options { processes: true, ..Options::default() };
    // Nobody takes the place of the writer, and nothing says that it is gone.
    options.arguments.extend(["--failover-timeout".to_owned(), "600000".to_owned()]);
    let cluster = Cluster::start(options).await?;
    let (client, patient) = (forwarding(&cluster).await?, forwarding(&cluster).await?);
    client.batch_execute("CREATE TABLE t (a int)").await?;
    patient.batch_execute("INSERT INTO t VALUES (0)").await?;
    client.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await?;
    let pid = writer_pid(&cluster, 1).await?;
    signal(pid, "STOP")?;
    let waits = tokio::spawn(async move { patient.simple_query("INSERT INTO t VALUES (2)").await });
    let token = client.cancel_token();
    // One that comes before the statement is for nobody.
    let cancelling = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            token.cancel_query(NoTls).await?;
        }
    };
    let told = tokio::select! {
        told = client.simple_query("INSERT INTO t VALUES (1)") => told.expect_err("the writer is stopped"),
        failed = cancelling => return failed,
        () = tokio::time::sleep(PATIENCE) => anyhow::bail!("nothing is told\n{}", cluster.log()),
    };
    // So is one who does not cancel, if later.
    let told_by_itself = tokio::time::timeout(PATIENCE, waits).await??.expect_err("the writer is stopped");
    signal(pid, "CONT")?;
    assert_eq!(told.code(), Some(&SqlState::CONNECTION_FAILURE), "{told:?}");
    assert_eq!(told_by_itself.code(), Some(&SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN), "{told_by_itself:?}");
    assert_eq!(code(&client, "SELECT 1").await, "25P02");
    client.batch_execute("ROLLBACK").await?;
    // It was silent for so long that it answers nobody before it has heard from the storage nodes that it still is the
    // writer. In their address book it may be sooner than that, or later.
    let writer = cluster.connect_when_up(0).await?;
    until_done(&cluster, &writer, "SELECT 1", &SqlState::CANNOT_CONNECT_NOW).await?;
    let not_in_the_book = SqlState::SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
    until_done(&cluster, &client, "INSERT INTO t VALUES (3)", &not_in_the_book).await?;
    assert_eq!(rows(&client, "SELECT a FROM t WHERE a <> 2 ORDER BY a").await?, ["0", "3"]);
    Ok(())
}

/// Runs a statement until it is done. It may be refused before, but only for this reason.
async fn until_done(cluster: &Cluster, client: &Client, sql: &str, refused: &SqlState) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = client.batch_execute(sql).await {
        let goes_on = error.code() == Some(refused) && Instant::now() < deadline;
        anyhow::ensure!(goes_on, "{sql}: {error:?}\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The process of the writer, once it is known.
async fn writer_pid(cluster: &Cluster, asked: u16) -> anyhow::Result<u64> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = cluster.status(asked);
        let servers = status.as_ref().ok().and_then(|status| status["servers"].as_array());
        let mut found = servers.into_iter().flatten().filter(|it| it["role"] == "writer" && it["state"] == "up");
        if let Some(pid) = found.find_map(|it| it["pid"].as_u64()) {
            return Ok(pid);
        }
        anyhow::ensure!(Instant::now() < deadline, "no writer in {status:?}\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_dies_is_told_of_honestly_and_replaced() -> anyhow::Result<()> {
    let mut options = Options { processes: true, replicas: 2, ..Options::default() };
    // Long enough that nobody stands before the writer is killed: its sessions are what this is about.
    options.arguments.extend(["--failover-timeout".to_owned(), "3000".to_owned()]);
    let cluster = Cluster::start(options).await?;
    let (in_block, idle) = (forwarding(&cluster).await?, forwarding(&cluster).await?);
    let running = forwarding(&cluster).await?;
    idle.batch_execute("CREATE TABLE t (a int PRIMARY KEY)").await?;
    // A block that ends, so that what follows is committed by itself; and one that begins and ends without a Sync.
    let ended = forwarding(&cluster).await?;
    ended.batch_execute("BEGIN READ WRITE").await?;
    let mut whole = forwarding_wire(&cluster).await?;
    let ended = tokio::spawn(async move { code(&ended, "ROLLBACK; INSERT INTO t SELECT 2 FROM pg_sleep(60)").await });
    let whole = tokio::task::spawn_blocking(move || {
        whole.run("BEGIN READ WRITE")?.run("INSERT INTO t SELECT 2 FROM pg_sleep(60)")?.run("COMMIT")?.flush().answers()
    });
    in_block.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await?;
    let waits = tokio::spawn(async move { code(&running, "INSERT INTO t SELECT 2 FROM pg_sleep(60)").await });
    let writer = cluster.connect(0).await?;
    let active =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%INSERT INTO t SELECT 2%' AND state = 'active'";
    // One that has ended will never be: what it was answered is why.
    let answers = || format!("ended: {} {} {}", waits.is_finished(), ended.is_finished(), whole.is_finished());
    until_one(&writer, active, "4", answers).await?;
    Cluster::kill(writer_pid(&cluster, 1).await?)?;
    assert_eq!(waits.await?, "40003", "it may have been committed");
    assert_eq!(ended.await?, "40003", "that it follows a ROLLBACK does not take it back");
    assert_eq!(whole.await??.last().map(String::as_str), Some("error 40003"), "a COMMIT needs no Sync");
    assert_eq!(code(&in_block, "INSERT INTO t VALUES (3)").await, "08006", "it was not");
    assert_eq!(code(&in_block, "SELECT 1").await, "25P02");
    in_block.batch_execute("ROLLBACK").await?;
    // Whoever is the writer now, this server or the other: the sessions of this one can write again.
    let deadline = Instant::now() + PATIENCE;
    for (client, value) in [(&idle, 4), (&in_block, 5)] {
        while let Err(error) = client.batch_execute(&format!("INSERT INTO t VALUES ({value})")).await {
            let known = ["08001", "08006", "40003", "57P03", "23505"];
            let code = error.code().map_or("none", SqlState::code);
            anyhow::ensure!(known.contains(&code), "{error:?}");
            anyhow::ensure!(Instant::now() < deadline, "nobody takes writes: {error}");
            if code == "23505" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // Asked of who wrote last: where this server still is a replica, a session is owed its own writes only.
    assert_eq!(rows(&in_block, "SELECT a FROM t ORDER BY a").await?, ["4", "5"]);
    Ok(())
}

#[tokio::test]
async fn a_replica_that_is_promoted_writes_itself() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let (client, open) = (forwarding(&cluster).await?, forwarding(&cluster).await?);
    client.batch_execute("CREATE TABLE t (a int PRIMARY KEY)").await?;
    open.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await?;
    succeeded(tests::cluster::redoubt(["promote", &format!("127.0.0.1:{}", cluster.port(1))])?)?;
    client.batch_execute("INSERT INTO t VALUES (2)").await?;
    assert_eq!(rows(&client, "SELECT a, pg_is_in_recovery() FROM t").await?, ["2|f"]);
    let told = code(&open, "COMMIT").await;
    assert!(told == "40003", "the old writer cannot commit it, which this server does not know: {told}");
    open.batch_execute("INSERT INTO t VALUES (3)").await?;
    assert_eq!(rows(&open, "SELECT a FROM t ORDER BY a").await?, ["2", "3"]);
    Ok(())
}

#[tokio::test]
async fn a_user_s_password_is_asked_once_and_the_secret_is_not_the_user_s() -> anyhow::Result<()> {
    let mut options = Options::default();
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("password");
    std::fs::write(&file, "pencil\n")?;
    succeeded(Command::new("chmod").arg("600").arg(&file).output()?)?;
    options.arguments.extend(["--auth", "scram", "--password-file"].map(str::to_owned));
    options.arguments.push(file.display().to_string());
    options.password = Some("pencil".into());
    let cluster = Cluster::start(options).await?;
    drop(cluster.connect_when_up(1).await?);
    let mut config = Config::new();
    config.host("127.0.0.1").port(cluster.port(1)).user("postgres").dbname("postgres").password("pencil");
    config.options("-c redoubt.write_forwarding=on");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute("CREATE TABLE t (a int); CREATE ROLE app LOGIN PASSWORD 'eraser'").await?;
    assert_eq!(one(&client, "SELECT count(*) FROM t").await?, "0");
    config.user("app").password("eraser");
    let (app, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    assert_eq!(code(&app, "INSERT INTO t VALUES (1)").await, "42501", "it is that user there, too");
    // Whoever says that they are a replica must know the secret; a user's password is none, nor is nothing.
    for (user, secret) in [("app", "eraser"), ("postgres", "pencil"), ("postgres", ""), ("nobody", "pencil")] {
        let outcome = claim(&format!("127.0.0.1:{}", cluster.port(0)), user, secret)?;
        let Outcome::Refused(code, message) = outcome else { anyhow::bail!("{user} is let in by {secret:?}") };
        assert_eq!(code, "28P01", "{message}");
    }
    // A replica is nobody to forward to.
    let outcome = claim(&format!("127.0.0.1:{}", cluster.port(1)), "postgres", "pencil")?;
    assert!(matches!(&outcome, Outcome::Refused(code, _) if code == "57P03"), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn psycopg_works_through_a_replica() -> anyhow::Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    drop(cluster.connect_when_up(1).await?);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/drivers/psycopg_forwarding.py");
    succeeded(run_to_end(Command::new(python()?).arg(script).arg(cluster.port(1).to_string()))?)?;
    Ok(())
}
