//! A replica's sessions: what they are told of its role, and how they come to read what was written elsewhere.

mod support;

use std::sync::Arc;
use std::time::Duration;

use engine::testing::{MemoryReplica, MemoryVolume};
use engine::{Engine, Options};
use protocol::Lsn;
use sql::session::{Database, Session};
use support::{Recorder, database, run, session, session_of};
use types::Datum;

/// A writer with a table, and a replica that has applied all of it.
struct World {
    volume: Arc<MemoryVolume>,
    writer: Session,
    source: Arc<MemoryReplica>,
    engine: Arc<Engine>,
    replica: Arc<Database>,
    reader: Session,
}

impl World {
    async fn new() -> World {
        let (volume, database) = database(1024).await;
        let mut writer = session(&database).await;
        run(&mut writer, "create table t (id int primary key)").await;
        let start = volume.last();
        let source = MemoryReplica::new(volume.clone(), start);
        let engine = Engine::replica(source.clone(), start, Options::default()).await.expect("the replica opens");
        let replica = Database::open(engine.clone(), None).await.expect("it is open");
        let reader = session(&replica).await;
        World { volume, writer, source, engine, replica, reader }
    }

    /// Writes a row and returns the token of its commit.
    async fn write(&mut self, id: u32) -> String {
        run(&mut self.writer, &format!("insert into t values ({id})")).await;
        one(&mut self.writer, "select redoubt.last_commit_lsn()").await
    }

    fn feed(&self) {
        self.source.feed(&*self.engine, self.volume.last()).expect("redo applies");
    }

    async fn promote(&self) {
        let vdl = self.volume.last();
        self.replica.promote(self.volume.clone(), vdl).await.expect("it is promoted");
    }
}

/// The one value of a query.
async fn one(session: &mut Session, sql: &str) -> String {
    let lines = run(session, sql).await;
    assert_eq!(lines.len(), 3, "{lines:?}");
    lines[1].clone()
}

/// Whether a statement is still waiting after a moment; it is dropped then, with its session.
async fn waits(mut session: Session, sql: &str) -> bool {
    tokio::time::timeout(Duration::from_millis(30), run(&mut session, sql)).await.is_err()
}

/// What is drawn once writes are let in is not forgotten: a row id given out twice is an error of the insert.
#[tokio::test(flavor = "multi_thread")]
async fn row_ids_outlive_the_promotion_that_lets_writes_in() {
    let mut world = World::new().await;
    run(&mut world.writer, "create table h (v int)").await;
    run(&mut world.writer, "insert into h values (1)").await;
    world.feed();
    world.promote().await;
    run(&mut world.reader, "begin").await;
    assert_eq!(run(&mut world.reader, "insert into h values (2)").await, ["INSERT 0 1"]);
    // Its end comes after the first who writes.
    world.promote().await;
    let mut other = session(&world.replica).await;
    assert_eq!(run(&mut other, "insert into h values (3)").await, ["INSERT 0 1"]);
    assert_eq!(run(&mut world.reader, "commit").await, ["COMMIT"]);
    assert_eq!(one(&mut other, "select count(*) from h").await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_is_told_of_a_promotion_and_writes() {
    let mut world = World::new().await;
    let shown = |session: &Session| {
        let parameters = session.parameters();
        parameters.into_iter().find(|(name, _)| name == "in_hot_standby").map(|(_, value)| value)
    };
    assert_eq!(shown(&world.reader).as_deref(), Some("on"));
    assert_eq!(shown(&world.writer).as_deref(), Some("off"));
    assert!(tokio::time::timeout(Duration::from_millis(20), world.reader.news()).await.is_err(), "there is no news");
    world.promote().await;
    world.reader.news().await;
    let mut client = Recorder::default();
    world.reader.tell(&mut client);
    assert_eq!(client.statuses, [("in_hot_standby".to_owned(), "off".to_owned())]);
    assert_eq!(run(&mut world.reader, "insert into t values (1)").await, ["INSERT 0 1"]);
    assert!(tokio::time::timeout(Duration::from_millis(20), world.reader.news()).await.is_err(), "it was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_session_is_told_with_its_next_statement() {
    let mut world = World::new().await;
    world.promote().await;
    let mut client = Recorder::default();
    world.reader.simple("select 1", &mut client).await.expect("it runs");
    assert_eq!(client.statuses, [("in_hot_standby".to_owned(), "off".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_began_on_a_replica_stays_read_only() {
    let mut world = World::new().await;
    run(&mut world.reader, "begin").await;
    assert_eq!(one(&mut world.reader, "show transaction_read_only").await, "on");
    world.promote().await;
    let lines = run(&mut world.reader, "insert into t values (1)").await;
    assert_eq!(lines, ["ERROR:  25006: cannot execute INSERT in a read-only transaction"]);
    run(&mut world.reader, "rollback").await;
    assert_eq!(run(&mut world.reader, "insert into t values (1)").await, ["INSERT 0 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_waits_for_the_session_s_token() {
    let mut world = World::new().await;
    let token = world.write(1).await;
    run(&mut world.reader, &format!("set redoubt.read_after = '{token}'")).await;
    {
        let reading = run(&mut world.reader, "select count(*) from t");
        tokio::pin!(reading);
        let early = tokio::time::timeout(Duration::from_millis(30), &mut reading).await;
        assert!(early.is_err(), "{early:?}");
        // Redo up to just before the commit is not enough.
        world.source.feed(&*world.engine, world.volume.last()).expect("redo applies");
        assert_eq!(reading.await, ["count", "1", "(1 row)"]);
    }
    // What was there before is not waited for again, and the writer has its own commits.
    assert_eq!(one(&mut world.reader, "select count(*) from t").await, "1");
    run(&mut world.writer, &format!("set redoubt.read_after = '{token}'")).await;
    assert_eq!(one(&mut world.writer, "select count(*) from t").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_looked_up_after_the_wait() {
    let mut world = World::new().await;
    run(&mut world.writer, "create table fresh (a int)").await;
    let token = one(&mut world.writer, "select redoubt.last_commit_lsn()").await;
    run(&mut world.reader, &format!("set redoubt.read_after = '{token}'")).await;
    let mut reader = world.reader;
    let reading = tokio::spawn(async move {
        reader.parse("", "select count(*) from fresh", &[]).await.expect("it is there by then");
        one(&mut reader, "select count(*) from fresh").await
    });
    world.source.feed(&*world.engine, world.volume.last()).expect("redo applies");
    assert_eq!(reading.await.expect("no panic"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_come_is_an_error_and_can_be_taken_back() {
    let mut world = World::new().await;
    let token = world.write(1).await;
    run(&mut world.reader, &format!("set redoubt.read_after = '{token}'; set redoubt.wait_timeout = 20")).await;
    let lines = run(&mut world.reader, "select count(*) from t").await;
    let message = "ERROR:  55000: this replica did not reach redoubt.read_after within redoubt.wait_timeout";
    assert_eq!(lines[0], message, "{lines:?}");
    run(&mut world.reader, "set redoubt.read_after = ''").await;
    assert_eq!(one(&mut world.reader, "select count(*) from t").await, "0");
    let lines = run(&mut world.reader, "set redoubt.read_after = 'soon'").await;
    assert_eq!(lines, ["ERROR:  22023: invalid value for parameter \"redoubt.read_after\": \"soon\""]);
}

/// What a session has granted elsewhere holds for what it asks here next.
#[tokio::test(flavor = "multi_thread")]
async fn privileges_are_looked_at_after_the_wait() {
    for extended in [false, true] {
        let mut world = World::new().await;
        run(&mut world.writer, "create role mere login").await;
        world.feed();
        let mut mere = session_of(&world.replica, "mere").await;
        let query = "select count(*) from t";
        assert_eq!(run(&mut mere, query).await, ["ERROR:  42501: permission denied for table t"]);
        mere.parse("q", query, &[]).await.expect("a query");
        run(&mut world.writer, "grant select on t to mere").await;
        let token = one(&mut world.writer, "select redoubt.last_commit_lsn()").await;
        mere.adopt_commit(token.parse().expect("an LSN"));
        let mut reading = tokio::spawn(async move {
            let mut client = Recorder::default();
            if extended {
                mere.bind("", "q", &[], &[], &[]).await.expect("it is granted");
                mere.execute("", 0, &mut client).await.expect("it is granted");
            } else {
                mere.simple(query, &mut client).await.expect("it is granted");
            }
            client.values
        });
        tokio::time::timeout(Duration::from_millis(30), &mut reading).await.expect_err("it waits");
        world.feed();
        assert_eq!(reading.await.expect("no panic"), [[Datum::Int8(0)]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parse_that_waits_for_a_token_times_out() {
    let mut world = World::new().await;
    let token = world.write(1).await;
    run(&mut world.reader, &format!("set redoubt.read_after = '{token}'; set statement_timeout = '50ms'")).await;
    let parsing = world.reader.parse("", "select count(*) from t", &[]);
    let parsed = tokio::time::timeout(Duration::from_secs(20), parsing).await.expect("it ends");
    let error = parsed.expect_err("the token does not come");
    assert_eq!(error.sqlstate().to_string(), "57014");
    assert_eq!(&*error.message, "canceling statement due to statement timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_stays_is_not_passed_off_as_fresh() {
    let mut world = World::new().await;
    run(&mut world.reader, "begin isolation level repeatable read; select count(*) from t").await;
    let token = world.write(1).await;
    world.feed();
    run(&mut world.reader, &format!("set redoubt.read_after = '{token}'")).await;
    let lines = run(&mut world.reader, "select count(*) from t").await;
    assert_eq!(lines[0], "ERROR:  55000: the snapshot of this transaction is older than redoubt.read_after");
    run(&mut world.reader, "rollback; begin isolation level repeatable read").await;
    assert_eq!(one(&mut world.reader, "select count(*) from t").await, "1");
    let lines = run(&mut world.reader, &format!("wait for lsn '{token}'")).await;
    assert_eq!(lines[0], "ERROR:  25001: WAIT FOR must be called before any query of a REPEATABLE READ transaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_for_lsn_succeeds_times_out_or_says_that_it_never_will() {
    let mut world = World::new().await;
    let token = world.write(1).await;
    let status = |lines: Vec<String>| lines[1].clone();
    let timeout = format!("wait for lsn '{token}' with (timeout '20ms', no_throw)");
    assert_eq!(status(run(&mut world.reader, &timeout).await), "timeout");
    let lines = run(&mut world.reader, &format!("wait for lsn '{token}' timeout 20")).await;
    let message = format!("ERROR:  57014: timed out while waiting for target LSN {token} to be replayed");
    assert_eq!(lines[0], message);
    assert_eq!(one(&mut world.reader, &format!("select redoubt.wait_for_lsn('{token}', 20)")).await, "f");
    world.feed();
    assert_eq!(status(run(&mut world.reader, &format!("wait for lsn '{token}'")).await), "success");
    assert_eq!(one(&mut world.reader, &format!("select redoubt.wait_for_lsn('{token}')")).await, "t");
    assert_eq!(one(&mut world.reader, "select count(*) from t").await, "1");
    // On the writer what it has is there at once, and what it has not will not come.
    assert_eq!(status(run(&mut world.writer, &format!("wait for lsn '{token}'")).await), "success");
    let never = "wait for lsn 'FFFFFFFF/0' with (no_throw)";
    assert_eq!(status(run(&mut world.writer, never).await), "not in recovery");
    let lines = run(&mut world.writer, "wait for lsn 'FFFFFFFF/0'").await;
    assert_eq!(lines[0], "ERROR:  55000: recovery is not in progress");
    let lines = run(&mut world.reader, "wait for lsn 'x'").await;
    assert_eq!(lines[0], "ERROR:  22P02: invalid input syntax for type pg_lsn: \"x\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_ends_waits_for_what_was_not_recovered() {
    let mut world = World::new().await;
    let token = world.write(1).await;
    let beyond = "FFFFFFFF/0";
    let mut other = session(&world.replica).await;
    let waiting =
        tokio::spawn(async move { run(&mut other, &format!("wait for lsn '{beyond}' with (no_throw)")).await });
    assert!(waits(session(&world.replica).await, &format!("wait for lsn '{token}'")).await);
    world.promote().await;
    assert_eq!(waiting.await.expect("no panic")[1], "not in recovery");
    run(&mut world.reader, &format!("set redoubt.read_after = '{token}'")).await;
    assert_eq!(one(&mut world.reader, "select count(*) from t").await, "1", "what was acknowledged was recovered");
    run(&mut world.reader, &format!("set redoubt.read_after = '{beyond}'")).await;
    let lines = run(&mut world.reader, "select count(*) from t").await;
    assert_eq!(lines[0], "ERROR:  55000: recovery is not in progress");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_tells_where_sequences_stand() {
    const STATE: &str = "select last_value, is_called from s";
    const LISTED: &str = "select pg_sequence_last_value('s'), last_value from pg_sequences";
    let mut world = World::new().await;
    // Each with what is told of it: all that a record allows counts as given out.
    for (statement, state, listed) in [
        ("create sequence s start 5", "5|f", "|"),
        ("select nextval('s')", "37|t", "37|37"),
        ("select setval('s', 60)", "60|t", "60|60"),
        ("alter sequence s restart 9", "9|f", "|"),
        ("select setval('s', 70)", "70|t", "70|70"),
    ] {
        run(&mut world.writer, statement).await;
        world.feed();
        assert_eq!(one(&mut world.reader, STATE).await, state, "{statement}");
        assert_eq!(one(&mut world.reader, LISTED).await, listed, "{statement}");
    }
    // Values are of no transaction, and so of no snapshot.
    run(&mut world.reader, "begin isolation level repeatable read; select count(*) from t").await;
    for (statement, state, listed) in [
        ("select setval('s', 80)", "80|t", "80|80"),
        ("alter sequence s restart 20", "20|f", "|"),
        ("select setval('s', 70)", "70|t", "70|70"),
    ] {
        run(&mut world.writer, statement).await;
        world.feed();
        assert_eq!(one(&mut world.reader, STATE).await, state, "{statement}");
        assert_eq!(one(&mut world.reader, LISTED).await, listed, "{statement}");
    }
    run(&mut world.reader, "rollback").await;
    world.promote().await;
    assert_eq!(one(&mut world.reader, STATE).await, "70|t");
    assert_eq!(one(&mut world.reader, LISTED).await, "70|70");
    assert_eq!(one(&mut world.reader, "select nextval('s')").await, "71");
    assert_eq!(one(&mut world.reader, STATE).await, "71|t");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_wrote_elsewhere_and_no_recovery_found_is_not_waited_for() {
    let mut world = World::new().await;
    let lost = Lsn(world.volume.last().0 + 1_000);
    world.reader.adopt_commit(lost);
    let mut waiting = session(&world.replica).await;
    waiting.adopt_commit(lost);
    let waiting = tokio::spawn(async move { one(&mut waiting, "select count(*) from t").await });
    let mut other = session(&world.replica).await;
    other.adopt_commit(lost);
    assert!(waits(other, "select count(*) from t").await);
    world.promote().await;
    assert_eq!(waiting.await.expect("no panic"), "0", "nor by one that waited already");
    assert_eq!(run(&mut world.reader, "insert into t values (1)").await, ["INSERT 0 1"]);
    run(&mut world.reader, "begin isolation level repeatable read").await;
    assert_eq!(one(&mut world.reader, "select count(*) from t").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_reported_to_a_client_that_asks_for_it() {
    let mut world = World::new().await;
    let mut client = Recorder::default();
    world.writer.simple("insert into t values (1)", &mut client).await.expect("it commits");
    assert_eq!(client.statuses, [], "nobody asked");
    world.writer.simple("set redoubt.report_commit_lsn = on", &mut client).await.expect("it is set");
    client.statuses.clear();
    world.writer.simple("insert into t values (2)", &mut client).await.expect("it commits");
    let (name, token) = client.statuses.pop().expect("it was told");
    assert_eq!(name, "redoubt.commit_lsn");
    assert_eq!(one(&mut world.writer, "select redoubt.last_commit_lsn()").await, token);
    // In the extended protocol the commit is in Sync.
    world.writer.parse("", "insert into t values (3)", &[]).await.expect("it parses");
    world.writer.bind("", "", &[], &[], &[]).await.expect("it binds");
    world.writer.execute("", 0, &mut client).await.expect("it runs");
    world.writer.sync().await.expect("it commits");
    assert!(world.writer.has_news());
    client.statuses.clear();
    world.writer.tell(&mut client);
    assert_eq!(client.statuses.len(), 1);
    assert!(!world.writer.has_news());
}

/// A token that was read from a replica is judged by the writer.
#[tokio::test(flavor = "multi_thread")]
async fn system_columns_are_the_same_as_on_the_writer() {
    let mut world = World::new().await;
    for statement in [
        "insert into t select n from generate_series(-5, 5) n",
        "create table texts (k text primary key, v int); insert into texts values ('a', 1), ('b', 2)",
        "update texts set v = 3 where k = 'b'",
        "create table keyless (v int); insert into keyless values (1), (2)",
    ] {
        run(&mut world.writer, statement).await;
    }
    let query =
        "select string_agg(ctid::text || xmin::text, ',' order by ctid, xmin::text) from (select ctid, xmin from t
        union all select ctid, xmin from texts union all select ctid, xmin from keyless) s";
    let seen = one(&mut world.writer, query).await;
    world.feed();
    assert_eq!(one(&mut world.reader, query).await, seen);
    for statement in ["insert into keyless values (3)", "vacuum", "delete from keyless where v = 3", "vacuum"] {
        run(&mut world.writer, statement).await;
    }
    world.feed();
    assert_eq!(one(&mut world.reader, query).await, seen);
    world.promote().await;
    assert_eq!(one(&mut world.reader, query).await, seen);
}
