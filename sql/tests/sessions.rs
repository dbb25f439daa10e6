//! Sessions beside each other, durability, cancelling.

#[path = "sessions/anew.rs"]
mod anew;
#[path = "sessions/deferred.rs"]
mod deferred;
#[path = "sessions/extended.rs"]
mod extended;
#[path = "sessions/held_cursors.rs"]
mod held_cursors;
#[path = "sessions/indexes.rs"]
mod indexes;
#[path = "sessions/locks.rs"]
mod locks;
#[path = "sessions/long_keys.rs"]
mod long_keys;
#[path = "sessions/notifications.rs"]
mod notifications;
#[path = "support/pair.rs"]
mod pair;
#[path = "sessions/partial_indexes.rs"]
mod partial_indexes;
#[path = "sessions/references.rs"]
mod references;
#[path = "sessions/roles.rs"]
mod roles;
#[path = "sessions/row_locks.rs"]
mod row_locks;
#[path = "sessions/sequences.rs"]
mod sequences;
#[path = "sessions/styles.rs"]
mod styles;
mod support;
#[path = "sessions/system_columns.rs"]
mod system_columns;
#[path = "sessions/temporary.rs"]
mod temporary;
#[path = "sessions/views.rs"]
mod views;

use std::time::Duration;

use engine::testing::MemoryReplica;
use engine::{Engine, Options};
use pair::{ROWS, let_wait, ok, spawn, two, value};
use protocol::Lsn;
use protocol::volume::RedoSink;
use sql::session::{CancelReason, Client, Column, Database, Session, SessionOptions};
use support::{Recorder, run, session, session_of};
use types::{Datum, Settings};

#[tokio::test(flavor = "multi_thread")]
async fn read_committed_updates_the_newest_version() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    run(&mut one, "begin").await;
    run(&mut one, "update t set v = v + 1 where id = 1").await;
    let waiting = spawn(two, "update t set v = v + 100 where id = 1 and v < 50");
    let_wait(&database).await;
    run(&mut one, "commit").await;
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["UPDATE 1"]);
    assert_eq!(run(&mut two, "select v from t where id = 1").await, ["v", "111", "(1 row)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn read_committed_leaves_a_row_that_no_longer_qualifies() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    run(&mut one, "begin").await;
    run(&mut one, "update t set v = 99 where id = 1").await;
    let waiting = spawn(two, "delete from t where v = 10");
    let_wait(&database).await;
    run(&mut one, "commit").await;
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["DELETE 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_follows_a_row_to_its_new_key() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    run(&mut one, "begin").await;
    run(&mut one, "update t set id = 3 where id = 1").await;
    let waiting = spawn(two, "update t set v = 0 where id = 1 or v = 10");
    let_wait(&database).await;
    run(&mut one, "commit").await;
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["UPDATE 1"]);
    assert_eq!(run(&mut two, "select id, v from t order by id").await, ["id|v", "2|20", "3|0", "(2 rows)"]);
}

/// An error in it does not wait for who holds the row, as in PostgreSQL.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_take_long_is_computed_before_the_row_is_locked() {
    let (_volume, _database, mut one, mut two) = two("create table t (id int primary key, x int, s text,
        d text generated always as (repeat('a', 1 / x)) stored); insert into t (id, x) values (1, 1);
        create table u (id int primary key, x int, s text, check (length(repeat(s, 1 / x)) < 9));
        insert into u values (1, 1, '')")
    .await;
    for (hold, asked) in [
        ("update t set s = 'held'", "update t set s = repeat('a', 1 / (x - 1)) where id = 1"),
        ("update t set s = 'held'", "update t set s = 'x' where id = 1 and repeat('a', 1 / (x - 1)) is not null"),
        ("update t set s = 'held'", "update t set x = 0 where id = 1"),
        ("update u set s = 'held'", "update u set x = 0 where id = 1"),
    ] {
        ok(&run(&mut one, "begin").await);
        ok(&run(&mut one, hold).await);
        let lines =
            tokio::time::timeout(Duration::from_secs(20), run(&mut two, asked)).await.expect("it does not wait");
        assert_eq!(lines[0], "ERROR:  22012: division by zero", "{asked}");
        ok(&run(&mut one, "rollback").await);
    }
    assert_eq!(run(&mut two, "update t set x = 2, s = upper('b') where id = 1").await, ["UPDATE 1"]);
    assert_eq!(run(&mut two, "select * from t").await[1], "1|2|B|");
}

#[tokio::test(flavor = "multi_thread")]
async fn repeatable_read_fails_on_a_row_changed_behind_it() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    run(&mut two, "begin isolation level repeatable read").await;
    run(&mut two, "select * from t").await;
    run(&mut one, "update t set v = 11 where id = 1").await;
    let lines = run(&mut two, "update t set v = 12 where id = 1").await;
    assert_eq!(lines, ["ERROR:  40001: could not serialize access due to concurrent update"]);
    assert_eq!(two.status(), b'E');
    assert_eq!(run(&mut two, "select 1").await[0][..13], *"ERROR:  25P02");
    assert_eq!(run(&mut two, "rollback").await, ["ROLLBACK"]);
    assert_eq!(two.status(), b'I');
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_waits_for_the_fate_of_the_other() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    run(&mut one, "begin").await;
    run(&mut one, "insert into t values (5, 1)").await;
    let waiting = spawn(two, "insert into t values (5, 2)");
    let_wait(&database).await;
    run(&mut one, "rollback").await;
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["INSERT 0 1"]);
    assert_eq!(run(&mut two, "select v from t where id = 5").await, ["v", "2", "(1 row)"]);
}

const FAMILY: &str = "create table p (id int primary key, x int); insert into p values (1, 0);
    create table c (id int primary key, p int references p(id))";

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_cannot_go_while_a_child_comes() {
    let (_volume, database, mut one, two) = two(FAMILY).await;
    run(&mut one, "begin").await;
    assert_eq!(run(&mut one, "insert into c values (1, 1)").await, ["INSERT 0 1"]);
    let waiting = spawn(two, "delete from p where id = 1");
    let_wait(&database).await;
    run(&mut one, "commit").await;
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines[0][..13], *"ERROR:  23503");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_cannot_come_while_its_parent_goes() {
    let (_volume, database, mut one, two) = two(FAMILY).await;
    run(&mut one, "begin").await;
    assert_eq!(run(&mut one, "delete from p where id = 1").await, ["DELETE 1"]);
    let waiting = spawn(two, "insert into c values (1, 1)");
    let_wait(&database).await;
    run(&mut one, "commit").await;
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines[0][..13], *"ERROR:  23503");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_a_parent_does_not_block_its_children() {
    let (_volume, _database, mut one, mut two) = two(FAMILY).await;
    run(&mut one, "begin").await;
    run(&mut one, "update p set x = 1 where id = 1").await;
    assert_eq!(run(&mut two, "insert into c values (1, 1)").await, ["INSERT 0 1"]);
    assert_eq!(run(&mut one, "commit").await, ["COMMIT"]);
}

/// What leaves only when it is durable, and what leaves at once.
#[tokio::test(flavor = "multi_thread")]
async fn replies_wait_for_what_they_depend_on() {
    let (volume, _database, mut one, mut two) = two(ROWS).await;
    let mut client = Recorder::default();
    volume.hold();
    one.simple("begin", &mut client).await.expect("no rows");
    one.simple("update t set v = 1 where id = 1", &mut client).await.expect("an update");
    tokio::time::timeout(Duration::from_secs(5), one.settle())
        .await
        .expect("an update's tag waits for nothing")
        .expect("settled");
    one.simple("commit", &mut client).await.expect("a commit is appended at once");
    assert!(tokio::time::timeout(Duration::from_millis(50), one.settle()).await.is_err(), "COMMIT waits");
    // Another session that reads what was written must not tell it either.
    two.simple("select v from t where id = 1", &mut client).await.expect("rows");
    assert_eq!(client.lines.last().map(String::as_str), Some("(1 row)"));
    assert!(tokio::time::timeout(Duration::from_millis(50), two.settle()).await.is_err(), "rows wait");
    // One that commits without waiting does not wait.
    let mut three = session(&_database).await;
    three.simple("set synchronous_commit = off", &mut client).await.expect("a setting");
    three.simple("update t set v = 2 where id = 2", &mut client).await.expect("an update");
    tokio::time::timeout(Duration::from_secs(5), three.settle())
        .await
        .expect("off waits for nothing")
        .expect("settled");
    volume.resume();
    one.settle().await.expect("durable now");
    two.settle().await.expect("durable now");
}

/// Each level waits for its own watermark, the one that is in force at COMMIT; SET LOCAL ends with its transaction.
#[tokio::test(flavor = "multi_thread")]
async fn synchronous_commit_chooses_the_watermark() {
    let (volume, _database, mut one, mut two) = two(ROWS).await;
    volume.hold();
    let settles = async |session: &mut Session| {
        tokio::time::timeout(Duration::from_millis(50), session.settle()).await.is_ok_and(|settled| settled.is_ok())
    };
    // Without settling, which the test is about.
    let say = async |session: &mut Session, statement: &str| {
        let mut client = Recorder::default();
        session.simple(statement, &mut client).await.expect("it succeeds");
    };
    let local = async |session: &mut Session, level: &str| {
        say(session, "begin").await;
        say(session, &format!("set local synchronous_commit = {level}")).await;
        say(session, "update t set v = v + 1 where id = 1").await;
        say(session, "commit").await;
    };
    local(&mut one, "off").await;
    assert!(settles(&mut one).await, "off waits for nothing");
    local(&mut one, "remote_write").await;
    assert!(!settles(&mut one).await, "remote_write waits for a quorum to receive it");
    volume.receive_to(Lsn(u64::MAX));
    assert!(settles(&mut one).await, "and not for the flush");
    local(&mut two, "on").await;
    volume.receive_to(Lsn(u64::MAX));
    assert!(!settles(&mut two).await, "on waits for the flush");
    volume.flush_to(Lsn(u64::MAX));
    assert!(settles(&mut two).await);
    say(&mut one, "update t set v = 0 where id = 2").await;
    volume.receive_to(Lsn(u64::MAX));
    assert!(!settles(&mut one).await, "what was local is over");
    volume.resume();
    assert!(settles(&mut one).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_value_waits_for_its_record() {
    let (volume, _database, mut one, _two) = two("create sequence s").await;
    let mut client = Recorder::default();
    volume.hold();
    one.simple("select nextval('s')", &mut client).await.expect("a value");
    assert_eq!(client.lines, ["nextval", "1", "(1 row)"]);
    assert!(tokio::time::timeout(Duration::from_millis(50), one.settle()).await.is_err(), "the value waits");
    volume.resume();
    one.settle().await.expect("durable now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_does_not_repeat_after_a_crash() {
    let (volume, _database, mut one, _two) = two("create sequence s").await;
    for _ in 0..3 {
        run(&mut one, "select nextval('s')").await;
    }
    let crashed = volume.crash();
    let options = engine::Options { cache_pages: 64, ..engine::Options::default() };
    let engine = engine::Engine::writer(crashed, options).await.expect("the volume holds a database");
    let database = Database::open(engine, None).await.expect("the catalog");
    let mut session = session(&database).await;
    let lines = run(&mut session, "select nextval('s')").await;
    let value: i64 = lines[1].parse().expect("a number");
    assert!((4..=34).contains(&value), "{value}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_must_drain_has_its_turn_after_any_row() {
    let (_volume, _database, mut one, _two) = two("create sequence s").await;
    let mut client = Recorder::default();
    one.simple("select g from generate_series(1, 350) g", &mut client).await.expect("rows");
    // It must with 120 rows, however many are pulled at once, and wants to with the 110 that are left at the end.
    assert_eq!(client.drains, 3);
}

/// A client that is gone when something is written to it.
struct Leaver;

impl Client for Leaver {
    fn data_row(&mut self, _: &[Datum], _: &[Column], _: &[i16], _: &Settings) -> types::Result<()> {
        Ok(())
    }
    fn wants_drain(&self) -> bool {
        true
    }
    async fn drain(&mut self) -> types::Result<()> {
        Err(types::Error::new(types::SqlState::ADMIN_SHUTDOWN, "gone"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn few_rows_of_long_values_are_computed_at_once() {
    for query in [
        "select repeat('x', 40000000), nextval('s') from generate_series(1, 10)",
        "select repeat('x', 40000000), nextval('s'), generate_series(1, 10)",
        "select array_fill(repeat('x', 4000000), array[10]), nextval('s') from generate_series(1, 10)",
        "select row(1, array[repeat('x', 40000000)]), nextval('s'), generate_series(1, 10)",
    ] {
        let (_volume, _database, mut one, mut two) = two("create sequence s").await;
        one.simple(query, &mut Leaver).await.expect_err("the client is gone");
        one.fail();
        assert_eq!(run(&mut two, "select nextval('s')").await, ["nextval", "3", "(1 row)"], "{query}");
    }
}

/// What a writer has cached may be old news; it says so, and its sessions stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_may_have_a_successor_answers_no_statement() {
    let (volume, _database, mut one, mut two) = two(ROWS).await;
    run(&mut one, "begin").await;
    run(&mut one, "update t set v = 11 where id = 1").await;
    volume.set_confirmed(false);
    let refused = ["ERROR:  57P03: storage is unavailable: no quorum of storage nodes was heard for 1 s"];
    for statement in
        ["select v from t where id = 2", "select count(*) from t", "select 1", "insert into t values (9, 9)"]
    {
        assert_eq!(run(&mut two, statement).await, refused, "{statement}");
    }
    assert_eq!(run(&mut one, "rollback").await, ["ROLLBACK"], "ending a transaction tells nothing");
    volume.set_confirmed(true);
    assert_eq!(run(&mut two, "select v from t where id = 1").await, ["v", "10", "(1 row)"]);
}

async fn wait_event(watcher: &mut Session) -> String {
    let question = "select wait_event from pg_stat_activity where wait_event in ('RedoRoom', 'WriteQuorum')";
    for _ in 0..10_000 {
        if let [_, event, _] = run(watcher, question).await.as_slice() {
            return event.clone();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("nobody waits for storage");
}

/// F4, F39: a write that is not let in waits, is seen to wait, may be cancelled, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_not_let_in_waits_and_may_be_cancelled() {
    let (volume, _database, mut one, mut two) = two(ROWS).await;
    run(&mut one, "insert into t values (3, 30)").await;
    volume.set_open(false);
    let cancel = one.cancel_handle();
    let waiting = spawn(one, "update t set v = 0 where id = 1");
    assert_eq!(wait_event(&mut two).await, "RedoRoom");
    assert_eq!(run(&mut two, "select v from t where id = 1").await, ["v", "10", "(1 row)"], "reads go on");
    cancel(CancelReason::Request);
    let (one, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["ERROR:  57014: canceling statement due to user request"]);
    let waiting = spawn(one, "update t set v = 1 where id = 1");
    assert_eq!(wait_event(&mut two).await, "RedoRoom");
    volume.set_open(true);
    let (mut one, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["UPDATE 1"]);
    // A transaction whose changes are in the log and whose commit record is not.
    run(&mut one, "begin").await;
    run(&mut one, "update t set v = 2 where id = 1").await;
    volume.set_open(false);
    let cancel = one.cancel_handle();
    let waiting = spawn(one, "commit");
    assert_eq!(wait_event(&mut two).await, "RedoRoom");
    cancel(CancelReason::Request);
    let (_one, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["ERROR:  57014: canceling statement due to user request"]);
    volume.set_open(true);
    assert_eq!(run(&mut two, "select v from t where id = 1").await, ["v", "1", "(1 row)"], "it was rolled back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_seen_to_wait_for_its_quorum() {
    let (volume, _database, mut one, mut two) = two(ROWS).await;
    volume.hold();
    let waiting = tokio::spawn(async move {
        assert_eq!(run(&mut one, "update t set v = 1 where id = 1").await, ["UPDATE 1"]);
        one.settle().await
    });
    assert_eq!(wait_event(&mut two).await, "WriteQuorum");
    volume.resume();
    waiting.await.expect("no panic").expect("it becomes durable");
    let question = "select count(*) from pg_stat_activity where wait_event = 'WriteQuorum'";
    assert_eq!(run(&mut two, question).await, ["count", "0", "(1 row)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_statement_is_cancelled() {
    let (_volume, _database, one, mut two) = two(ROWS).await;
    let cancel = one.cancel_handle();
    let running = spawn(one, "select pg_sleep(60)");
    while _database.backends.list().iter().all(|backend| backend.state().state != "active") {
        tokio::task::yield_now().await;
    }
    cancel(CancelReason::Request);
    let (mut one, lines) = running.await.expect("no panic");
    assert_eq!(lines, ["ERROR:  57014: canceling statement due to user request"]);
    assert_eq!(run(&mut one, "select 1").await, ["?column?", "1", "(1 row)"]);
    run(&mut two, "set statement_timeout = '20ms'").await;
    let lines = run(&mut two, "select count(*) from generate_series(1, 1000000000) a").await;
    assert_eq!(lines, ["ERROR:  57014: canceling statement due to statement timeout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_go_forward_in_their_transaction() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    run(&mut one, "begin").await;
    assert_eq!(run(&mut one, "declare k cursor for select id from t order by id").await, ["DECLARE CURSOR"]);
    assert_eq!(run(&mut one, "fetch 1 from k").await, ["id", "1", "(1 row)"]);
    assert_eq!(run(&mut one, "move 1 from k").await, ["MOVE 1"]);
    assert_eq!(run(&mut one, "fetch all from k").await, ["id", "(0 rows)"]);
    assert_eq!(run(&mut one, "commit").await, ["COMMIT"]);
    assert_eq!(run(&mut one, "fetch 1 from k").await, ["ERROR:  34000: cursor \"k\" does not exist"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_rows_are_waited_for_refused_or_skipped() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    run(&mut one, "begin").await;
    assert_eq!(run(&mut one, "select id from t where id = 1 for update").await, ["id", "1", "(1 row)"]);
    let refused = run(&mut two, "select id from t where id = 1 for update nowait").await;
    assert_eq!(refused, ["ERROR:  55P03: could not obtain lock on row in relation \"t\""]);
    assert_eq!(run(&mut two, "select id from t order by id for update skip locked").await, ["id", "2", "(1 row)"]);
    run(&mut two, "set lock_timeout = '10ms'").await;
    let timed_out = run(&mut two, "update t set v = 0 where id = 1").await;
    assert_eq!(timed_out, ["ERROR:  55P03: canceling statement due to lock timeout"]);
    run(&mut one, "rollback").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_transaction_refuses_to_write() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    run(&mut one, "create sequence s").await;
    run(&mut one, "begin read only").await;
    let lines = run(&mut one, "insert into t values (9, 9)").await;
    assert_eq!(lines, ["ERROR:  25006: cannot execute INSERT in a read-only transaction"]);
    run(&mut one, "rollback").await;
    run(&mut one, "begin read only").await;
    let lines = run(&mut one, "select nextval('s')").await;
    assert_eq!(lines, ["ERROR:  25006: cannot execute nextval() in a read-only transaction"]);
    run(&mut one, "rollback").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_table_was_never_there() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    run(&mut one, "begin").await;
    run(&mut one, "create table n (a int)").await;
    assert_eq!(run(&mut one, "insert into n values (1)").await, ["INSERT 0 1"]);
    assert_eq!(run(&mut two, "select * from n").await[0][..13], *"ERROR:  42P01");
    run(&mut one, "rollback").await;
    assert_eq!(run(&mut one, "select * from n").await[0][..13], *"ERROR:  42P01");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_goes_at_repeatable_read() {
    let (_volume, _database, mut one, mut two) = two(FAMILY).await;
    run(&mut two, "insert into p values (2, 0); insert into c values (1, 1)").await;
    run(&mut one, "begin isolation level repeatable read").await;
    assert_eq!(run(&mut one, "delete from p where id = 2").await, ["DELETE 1"]);
    assert_eq!(run(&mut one, "delete from p where id = 1").await[0][..13], *"ERROR:  23503");
    run(&mut one, "rollback").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cascade_overwrites_no_newer_version() {
    const ROUNDS: usize = 400;
    const SETUP: &str = "create table p (id int primary key); insert into p values (1);
        create table c (id int primary key, p int references p(id) on update cascade, x int);
        create index on c (x); insert into c values (1, 1, 0)";
    let (_volume, _database, mut one, mut two) = two(SETUP).await;
    let moving = tokio::spawn(async move {
        for _ in 0..ROUNDS {
            assert_eq!(run(&mut two, "update p set id = 3 - id").await, ["UPDATE 1"]);
        }
    });
    for _ in 0..ROUNDS {
        assert_eq!(run(&mut one, "update c set x = x + 1").await, ["UPDATE 1"]);
    }
    moving.await.expect("no panic");
    let expected = ["x".to_owned(), ROUNDS.to_string(), "(1 row)".to_owned()];
    assert_eq!(run(&mut one, "select x from c").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_does_not_keep_the_catalog_of_an_earlier_snapshot() {
    let (volume, _database, mut one, _two) = two(ROWS).await;
    let start = volume.last();
    let source = MemoryReplica::new(volume.clone(), start);
    let replica = Engine::replica(source.clone(), start, Options::default()).await.expect("the replica opens");
    let behind = Database::open(replica.clone(), None).await.expect("it is open");
    let mut reader = session(&behind).await;
    assert_eq!(run(&mut reader, "select count(*) from t").await, ["count", "2", "(1 row)"]);
    run(&mut one, "create table n (a int)").await;
    // The redo is applied, but not published yet.
    let end = volume.last();
    replica.apply(&volume.records(start, end), start).expect("redo applies");
    let early = tokio::time::timeout(Duration::from_millis(20), run(&mut reader, "select count(*) from n")).await;
    assert!(early.is_err(), "{early:?}");
    source.feed(&*replica, end).expect("redo applies");
    let mut reader = session(&behind).await;
    assert_eq!(run(&mut reader, "select count(*) from n").await, ["count", "0", "(1 row)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_definition_says_waits_until_it_is_durable() {
    let (volume, _database, mut one, mut two) = two(ROWS).await;
    run(&mut one, "set synchronous_commit = off").await;
    volume.hold();
    run(&mut one, "create table n (a int)").await;
    let mut client = Recorder::default();
    two.simple("select count(*) from n", &mut client).await.expect("it is there");
    {
        let settling = two.settle();
        tokio::pin!(settling);
        let early = tokio::time::timeout(Duration::from_millis(20), &mut settling).await;
        assert!(early.is_err(), "a crash would take the table back");
        volume.resume();
        settling.await.expect("durable now");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn own_definitions_do_not_hide_those_of_others() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    for (level, expected) in [("read committed", "INSERT 0 1"), ("repeatable read", "ERROR:  40001")] {
        run(&mut one, &format!("begin isolation level {level}")).await;
        assert_eq!(run(&mut one, "create table n (a int)").await, ["CREATE TABLE"]);
        assert_eq!(run(&mut one, "insert into n values (1)").await, ["INSERT 0 1"]);
        assert_eq!(run(&mut two, "truncate t").await, ["TRUNCATE TABLE"]);
        // The table has another tree now.
        let lines = run(&mut one, "insert into t values (7, 7)").await;
        assert!(lines[0].starts_with(expected), "{lines:?}");
        let end = if level == "read committed" { "commit" } else { "rollback" };
        assert_eq!(run(&mut one, end).await, [end.to_uppercase()]);
        let rows = if level == "read committed" { "1" } else { "0" };
        assert_eq!(run(&mut two, "select count(*) from t").await, ["count", rows, "(1 row)"]);
        run(&mut two, "drop table if exists n").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_waits_for_rows_that_go_with_their_parents() {
    const SETUP: &str = "create table p (id int primary key); insert into p values (1);
        create table c (id int primary key, p int references p(id) on delete cascade, x int);
        insert into c values (1, 1, 5)";
    let (_volume, database, mut one, two) = two(SETUP).await;
    run(&mut one, "begin").await;
    assert_eq!(run(&mut one, "delete from p where id = 1").await, ["DELETE 1"]);
    let waiting = spawn(two, "create unique index on c (x)");
    let_wait(&database).await;
    assert_eq!(run(&mut one, "commit").await, ["COMMIT"]);
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["CREATE INDEX"]);
    // The entry of the row that went is not in the index.
    assert_eq!(run(&mut two, "insert into c values (2, null, 5)").await, ["INSERT 0 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_not_taken_away_from_its_readers() {
    for taking in ["drop table t", "truncate t", "alter table t add column w int"] {
        let (_volume, database, mut one, two) = two(ROWS).await;
        run(&mut one, "begin").await;
        let rows = run(&mut one, "select v from t where id = 1").await;
        let waiting = spawn(two, taking);
        let_wait(&database).await;
        assert!(!waiting.is_finished(), "{taking} waits");
        assert_eq!(run(&mut one, "select v from t where id = 1").await, rows);
        assert_eq!(run(&mut one, "select count(*) from t").await[1], "2");
        ok(&run(&mut one, "commit").await);
        let (_two, lines) = waiting.await.expect("no panic");
        ok(&lines);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_waited_for_a_definition_is_planned_again() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "alter table t add column w int default 7").await);
    ok(&run(&mut one, "drop table if exists u").await);
    let waiting = spawn(two, "select * from t where id = 2");
    let_wait(&database).await;
    assert!(!waiting.is_finished());
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines.get(1).map(String::as_str), Some("2|20|7"), "{lines:?}");
    // And one whose table is gone says so.
    run(&mut one, "begin").await;
    ok(&run(&mut one, "drop table t").await);
    let waiting = spawn(two, "select 1 from (select * from t) s where exists (select from t)");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    (two, _) = {
        let (two, lines) = waiting.await.expect("no panic");
        assert!(lines[0].contains("42P01"), "{lines:?}");
        (two, lines)
    };
    drop(two);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_snapshot_does_without_what_was_made_since() {
    let (_volume, _database, mut one, mut two) =
        two("create table t (id int primary key, v int); create table other (id int primary key); \
         insert into t select n, n % 50 from generate_series(1, 200) n")
        .await;
    run(&mut one, "begin isolation level repeatable read").await;
    run(&mut one, "select count(*) from other").await;
    ok(&run(&mut two, "create index t_v on t (v)").await);
    // The index holds nothing that the snapshot sees, but the table does: whatever reads it goes there.
    assert_eq!(run(&mut one, "select count(*) from t where v = 7").await[1], "4");
    assert_eq!(run(&mut one, "select count(*) from other right join t on t.v = other.id where t.v = 7").await[1], "4");
    assert_eq!(
        run(&mut one, "select (select count(*) from t where v = 7 + n) from (values (1), (2)) x (n)").await[1],
        "4"
    );
    ok(&run(&mut one, "declare c cursor for select id from t where v = 7").await);
    assert_eq!(run(&mut one, "fetch all from c").await.len(), 6, "a header, four rows and their count");
    ok(&run(&mut one, "create table copied as select id from t where v = 7").await);
    assert_eq!(run(&mut one, "select count(*) from copied").await[1], "4");
    ok(&run(&mut one, "prepare p (int) as select count(*) from t where v = $1").await);
    assert_eq!(run(&mut one, "execute p (7)").await[1], "4");
    // A plan that was made for the old snapshot is used by nobody else.
    let lines = run(&mut two, "explain select count(*) from t where v = 7").await;
    assert!(lines.iter().any(|line| line.contains("t_v")), "{lines:?}");
    // What changes a row would have to change it in the index, too.
    let lines = run(&mut one, "update t set v = 8 where id = 7").await;
    assert!(lines[0].contains("40001"), "{lines:?}");
    run(&mut one, "rollback").await;
    assert_eq!(run(&mut one, "select count(*) from t where v = 7").await[1], "4");
    run(&mut one, "begin isolation level repeatable read").await;
    run(&mut one, "select count(*) from other").await;
    ok(&run(&mut two, "alter table t alter column v type bigint").await);
    // What is only explained reads and changes nothing.
    for sql in [
        "select count(*) from t where v = 7",
        "delete from t where v = 7",
        "with d as (delete from t where v = 7 returning id) select * from d",
        "with d as (delete from t where v = 7 returning id) insert into other select id from d",
    ] {
        ok(&run(&mut one, &format!("explain {sql}")).await);
    }
    let lines = run(&mut one, "select count(*) from t").await;
    assert!(lines[0].contains("40001"), "{lines:?}");
    run(&mut one, "rollback").await;
    // What a transaction makes itself it sees.
    run(&mut one, "begin isolation level repeatable read").await;
    run(&mut one, "select count(*) from other").await;
    ok(&run(&mut one, "create index t_v2 on t (v, id)").await);
    assert_eq!(run(&mut one, "select count(*) from t where v = 7 and id > 0").await[1], "4");
    run(&mut one, "commit").await;
    // Of what others have changed since its snapshot, it is the newest state that the index was filled with.
    run(&mut one, "begin isolation level repeatable read").await;
    run(&mut one, "select count(*) from other").await;
    ok(&run(&mut two, "update t set v = 8 where id = 7; insert into t values (300, 7)").await);
    ok(&run(&mut one, "drop index t_v, t_v2; create index t_v3 on t (v)").await);
    assert_eq!(run(&mut one, "select count(*) from t where v = 7").await[1], "4");
    assert_eq!(run(&mut one, "select count(*) from t where v = 8 and id = 7").await[1], "0");
    assert_eq!(run(&mut one, "select id from t where v = 8 order by id").await.len(), 6);
    assert_eq!(run(&mut one, "update t set v = 9 where v = 58").await, ["UPDATE 0"]);
    let lines = run(&mut one, "update t set v = 9 where v = 7").await;
    assert!(lines[0].contains("40001"), "row 7 has changed since: {lines:?}");
    run(&mut one, "rollback").await;
}

/// Definitions are read as they are now, whatever the transaction's snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_snapshot_hides_no_name_and_no_reference() {
    let (_volume, _database, mut one, mut two) =
        two("create table p (id int primary key); create table c (p int)").await;
    run(&mut one, "begin isolation level repeatable read").await;
    run(&mut one, "select count(*) from p").await;
    ok(&run(&mut two, "create table foo (a int); create role early; alter table c add foreign key (p) references p")
        .await);
    run(&mut one, "savepoint s").await;
    for (sql, wanted) in [
        ("create table foo (b int)", "42P07"),
        ("create view foo as select 1", "42P07"),
        ("create index foo on c (p)", "42P07"),
        ("create role early", "42710"),
        ("drop table p", "2BP01"),
    ] {
        let lines = run(&mut one, sql).await;
        assert!(lines[0].contains(wanted), "{sql}: {lines:?}");
        run(&mut one, "rollback to s").await;
    }
    let lines = run(&mut one, "create table if not exists foo (b int)").await;
    assert_eq!(lines, ["NOTICE:  42P07: relation \"foo\" already exists, skipping", "CREATE TABLE"]);
    ok(&run(&mut one, "drop table p cascade").await);
    ok(&run(&mut one, "commit").await);
    ok(&run(&mut two, "insert into c values (1)").await);
}

/// What several statements make at once beside each other on one table.
#[tokio::test(flavor = "multi_thread")]
async fn indexes_are_made_beside_each_other() {
    let (_volume, database, mut one, two) =
        two("create table t (a int, b int); insert into t select n, n from generate_series(1, 500) n").await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "create index on t (a)").await);
    let second = spawn(two, "create index on t (a)");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = second.await.expect("no panic");
    assert_eq!(lines, ["CREATE INDEX"]);
    let names = run(&mut two, "select indexname from pg_indexes where tablename = 't' order by 1").await;
    assert_eq!(names, ["indexname", "t_a_idx", "t_a_idx1", "(2 rows)"]);
    // One that finds that the other has counted does not fail for it.
    ok(&run(&mut two, "insert into t select n, n from generate_series(1, 5000) n").await);
    run(&mut one, "begin").await;
    ok(&run(&mut one, "create index one on t (b)").await);
    let second = spawn(two, "create index two on t (b)");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    assert_eq!(second.await.expect("no panic").1, ["CREATE INDEX"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_dropped_meanwhile_is_passed_over_if_exists() {
    let (_volume, database, mut one, two) = two("create table t (a int)").await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "drop table t").await);
    let second = spawn(two, "drop table if exists t");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = second.await.expect("no panic");
    assert_eq!(lines, ["NOTICE:  00000: table \"t\" does not exist, skipping", "DROP TABLE"]);
    assert!(run(&mut two, "drop table t").await[0].contains("42P01"));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_conflict_takes_no_id_for_each_row_and_meets_a_late_rival() {
    let (_volume, database, mut one, two) =
        two("create table u (n int); create table t (id int primary key, a int unique, b int unique, c text)").await;
    let ids = async |session: &mut Session| {
        run(session, "begin").await;
        run(session, "insert into u values (1)").await;
        let lines = run(session, "select txid_current_if_assigned()").await;
        run(session, "rollback").await;
        lines[1].parse::<u64>().expect("a number")
    };
    let before = ids(&mut one).await;
    ok(&run(&mut one, "insert into t select n, n, n from generate_series(1, 300) n on conflict do nothing").await);
    assert_eq!(run(&mut one, "select count(*) from t").await[1], "300");
    assert!(ids(&mut one).await <= before + 3, "one for the statement");
    // While the row waits for a value of another index, a rival takes the one that was looked for: by then it is in the
    // table's tree and under the index between.
    let mut three = session(&database).await;
    run(&mut three, "begin").await;
    ok(&run(&mut three, "insert into t values (3000, 2000, 3000)").await);
    let waiting =
        spawn(two, "insert into t values (2000, 2000, 1001, 'second') on conflict (b) do update set c = 'late'");
    let_wait(&database).await;
    ok(&run(&mut one, "insert into t values (1000, 1000, 1001, 'first')").await);
    run(&mut three, "rollback").await;
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["INSERT 0 1"]);
    let rows = "select id, a, b, c from t where id >= 1000 or a >= 1000 or b >= 1000";
    assert_eq!(run(&mut two, rows).await[1..], ["1000|1000|1001|late", "(1 row)"]);
    // What was taken back is free.
    ok(&run(&mut one, "insert into t values (2000, 2000, 2000)").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_conflict_does_not_pass_by_what_its_snapshot_does_not_see() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    let refused = ["ERROR:  40001: could not serialize access due to concurrent update"];
    for (obstacle, key, action) in [
        ("insert into t values (3, 30)", 3, "do nothing"),
        ("update t set v = 11 where id = 1", 1, "do nothing"),
        ("insert into t values (4, 40)", 4, "(id) do update set v = 0 where t.v = 99"),
        ("update t set v = 12 where id = 1", 1, "(id) do update set v = 0 where t.v = 99"),
    ] {
        run(&mut one, "begin isolation level repeatable read").await;
        run(&mut one, "select count(*) from t").await;
        ok(&run(&mut two, obstacle).await);
        let lines = run(&mut one, &format!("insert into t values ({key}, 0) on conflict {action}")).await;
        assert_eq!(lines, refused, "{obstacle}: {action}");
        run(&mut one, "rollback").await;
    }
    run(&mut one, "begin isolation level repeatable read").await;
    assert_eq!(run(&mut one, "insert into t values (2, 0) on conflict do nothing").await, ["INSERT 0 0"]);
    ok(&run(&mut one, "insert into t values (9, 0)").await);
    assert_eq!(run(&mut one, "insert into t values (9, 0) on conflict do nothing").await, ["INSERT 0 0"]);
    let update = "insert into t values (2, 0), (9, 0) on conflict (id) do update set v = 1 where t.v = 0";
    assert_eq!(run(&mut one, update).await, ["INSERT 0 1"]);
    run(&mut one, "commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_a_sequence_goes_with_its_transaction() {
    let (_volume, database, mut one, mut two) =
        two("create sequence s; create table t (id int generated always as identity, v int)").await;
    let next = "select nextval('s')";
    assert_eq!(value(&mut one, next).await, "1");
    run(&mut one, "begin").await;
    ok(&run(&mut one, "alter sequence s restart with 100").await);
    assert_eq!(value(&mut one, next).await, "100");
    ok(&run(&mut one, "rollback").await);
    assert_eq!(value(&mut one, next).await, "2");
    assert_eq!(value(&mut two, next).await, "3");
    // One that is under way holds up everyone else, and counts when it commits.
    run(&mut one, "begin").await;
    ok(&run(&mut one, "alter sequence s restart with 200 increment by 10").await);
    let waiting = spawn(two, "select nextval('s')");
    let_wait(&database).await;
    assert!(!waiting.is_finished());
    assert_eq!(value(&mut one, next).await, "200");
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines[1], "210");
    // Likewise when it does not.
    run(&mut one, "begin").await;
    ok(&run(&mut one, "alter sequence s increment by 1000").await);
    let waiting = spawn(two, "select setval('s', 300)");
    let_wait(&database).await;
    assert!(!waiting.is_finished());
    ok(&run(&mut one, "rollback").await);
    (two, _) = waiting.await.expect("no panic");
    assert_eq!(value(&mut two, next).await, "310");
    // setval stands whatever becomes of its transaction.
    run(&mut two, "begin").await;
    value(&mut two, "select setval('s', 500)").await;
    ok(&run(&mut two, "rollback").await);
    assert_eq!(value(&mut one, next).await, "510");
    // A savepoint, too, takes back what was begun behind it.
    run(&mut one, "begin").await;
    run(&mut one, "savepoint a").await;
    ok(&run(&mut one, "alter sequence s restart with 1").await);
    assert_eq!(value(&mut one, next).await, "1");
    ok(&run(&mut one, "rollback to a").await);
    assert_eq!(value(&mut one, next).await, "520");
    ok(&run(&mut one, "commit").await);
    // And TRUNCATE ... RESTART IDENTITY.
    let insert = "insert into t (v) values (0) returning id";
    assert_eq!(run(&mut one, insert).await[1], "1");
    for (end, id) in [("rollback", "2"), ("commit", "1")] {
        run(&mut one, "begin").await;
        ok(&run(&mut one, "truncate t restart identity").await);
        ok(&run(&mut one, end).await);
        assert_eq!(run(&mut one, insert).await[1], id, "{end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_drawn_while_a_sequence_is_altered_are_all_different() {
    let (_volume, database, mut one, _two) = two("create sequence s").await;
    let drawing: Vec<_> = (0..4)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move {
                let mut session = session(&database).await;
                let mut values = Vec::new();
                for _ in 0..600 {
                    values.push(value(&mut session, "select nextval('s')").await);
                }
                values
            })
        })
        .collect();
    for round in 0..400 {
        run(&mut one, "begin").await;
        ok(&run(&mut one, "alter sequence s cache 1").await);
        ok(&run(&mut one, if round % 2 == 0 { "commit" } else { "rollback" }).await);
    }
    let mut all = std::collections::HashSet::new();
    for task in drawing {
        for value in task.await.expect("no panic") {
            assert!(all.insert(value.clone()), "{value} twice");
        }
    }
}

/// `statement_timeout` is each statement's, as it is set when that begins.
#[tokio::test(flavor = "multi_thread")]
async fn each_statement_of_a_message_has_its_own_timeout() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let canceled = "ERROR:  57014: canceling statement due to statement timeout".to_owned();
    let lines = run(&mut one, "set statement_timeout = '50ms'; select pg_sleep(60)").await;
    assert_eq!(lines, ["SET".to_owned(), canceled]);
    // None of them takes as long as the message does.
    run(&mut one, "set statement_timeout = '3s'").await;
    let lines = run(&mut one, &"select pg_sleep(0.8);".repeat(4)).await;
    assert_eq!(lines.iter().filter(|line| *line == "(1 row)").count(), 4, "{lines:?}");
    run(&mut one, "set statement_timeout = '1s'").await;
    let lines = run(&mut one, "set statement_timeout = 0; select pg_sleep(1.2)").await;
    assert_eq!(lines.last().map(String::as_str), Some("(1 row)"), "{lines:?}");
}

/// `now()`, `statement_timestamp()` and what is read as `'now'` tell when it came.
#[tokio::test(flavor = "multi_thread")]
async fn all_statements_of_a_message_are_of_one_time() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let times = "select now(), statement_timestamp() = now(), timestamptz 'now' = now()";
    let text = format!("begin; {times}; select pg_sleep(0.01); {times}; commit; {times}");
    let lines = run(&mut one, &text).await;
    let rows: Vec<&String> = lines.iter().filter(|line| line.contains(':')).collect();
    assert!(rows.len() == 3 && rows.iter().all(|row| *row == rows[0]), "{lines:?}");
    assert!(rows[0].ends_with("|t|t"), "{lines:?}");
    let later = run(&mut one, times).await;
    assert!(later[1].ends_with("|t|t") && !later.contains(rows[0]), "{later:?}");
    // A transaction's time stays; that of the next one is not the time of the one before.
    run(&mut one, "begin").await;
    run(&mut one, "select pg_sleep(0.01)").await;
    assert!(run(&mut one, times).await[1].ends_with("|f|t"));
    assert!(run(&mut one, &format!("commit; {times}")).await[2].ends_with("|t|t"));
    // What is prepared or declared is of the message's time, too.
    let prepared = "prepare p as select 1; select pg_sleep(0.01); \
                    select prepare_time = now() from pg_prepared_statements";
    assert_eq!(run(&mut one, prepared).await.iter().filter(|line| *line == "t").count(), 1);
    let declared = "begin; select pg_sleep(0.01); declare c cursor for select 1; \
                    select creation_time = now() from pg_cursors where name = 'c'; commit";
    assert_eq!(run(&mut one, declared).await.iter().filter(|line| *line == "t").count(), 1);
}

/// A setting that an error takes back is told at once, not with the next statement.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_told_of_settings_that_an_error_took_back() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let mut client = Recorder::default();
    one.simple("set timezone = 'Asia/Tokyo'; select 1/0", &mut client).await.expect_err("by zero");
    one.fail();
    assert!(one.has_news());
    one.tell(&mut client);
    let told: Vec<&str> = client.statuses.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(told, ["Asia/Tokyo", "UTC"]);
    assert!(!one.has_news());
}

/// Who may not connect to a database, and how many may.
#[tokio::test(flavor = "multi_thread")]
async fn roles_and_databases_have_their_limits() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role few login connection limit 1; create role many login; create role other login")
        .await);
    ok(&run(&mut one, "create database small connection limit 1").await);
    ok(&run(&mut one, "create database closed").await);
    ok(&run(&mut one, "revoke connect on database closed from public; grant connect on database closed to many").await);
    let open = async |user: &str, name: &str| {
        let options = SessionOptions { user: user.into(), database: name.into(), ..SessionOptions::default() };
        Session::new(database.clone(), options).await.map_err(|it| (it.sqlstate().to_string(), it.message.to_string()))
    };
    let refused = |code: &str, message: &str| Some((code.to_owned(), message.to_owned()));
    let first = open("few", "postgres").await.expect("the only one");
    let second = open("few", "postgres").await.err();
    assert_eq!(second, refused("53300", "too many connections for role \"few\""));
    drop(first);
    let first = open("few", "small").await.expect("its place is free");
    assert_eq!(open("many", "small").await.err(), refused("53300", "too many connections for database \"small\""));
    open("postgres", "small").await.expect("superusers are not counted out");
    drop(first);
    let closed = open("other", "closed").await.err();
    assert_eq!(closed, refused("42501", "permission denied for database \"closed\""));
    open("many", "closed").await.expect("it was granted");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_do_nothing_with_a_table_cannot_lock_it() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role low login; create table locked (a int)").await);
    let mut low = session_of(&database, "low").await;
    let all = ["access share", "row share", "row exclusive", "share", "access exclusive"];
    for (grant, allowed) in [
        ("grant references on locked to low", &all[..0]),
        ("grant select on locked to low", &["access share"][..]),
        ("revoke select on locked from low; grant insert on locked to low", &["row exclusive"][..]),
        ("grant update on locked to low", &all[1..]),
        ("grant select on locked to low", &all[..]),
    ] {
        ok(&run(&mut one, grant).await);
        for mode in all {
            run(&mut low, "begin").await;
            let lines = run(&mut low, &format!("lock table locked in {mode} mode")).await;
            run(&mut low, "rollback").await;
            let refused = "ERROR:  42501: permission denied for table locked";
            let wanted = if allowed.contains(&mode) { "LOCK TABLE" } else { refused };
            assert_eq!(lines, [wanted], "{mode} after {grant}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_stays_while_anything_is_its_own_in_another_database() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role low").await);
    ok(&run(&mut one, "create database away").await);
    ok(&run(&mut one, "grant connect on database away to low").await);
    let options = SessionOptions { user: "postgres".into(), database: "away".into(), ..SessionOptions::default() };
    let mut away = Session::new(database.clone(), options).await.expect("it may connect");
    ok(&run(&mut away, "create table a (id serial); create table b (id int); grant select on b to low").await);
    ok(&run(&mut away, "alter table a owner to low").await);
    let refused = "ERROR:  2BP01: role \"low\" cannot be dropped because some objects depend on it";
    let lines = run(&mut one, "drop role low").await;
    assert_eq!(lines, [refused, "DETAIL:  privileges for database away\n3 objects in database away"]);
    ok(&run(&mut away, "drop table a; revoke connect on database away from low").await);
    assert_eq!(run(&mut one, "drop role low").await, [refused, "DETAIL:  1 object in database away"]);
    ok(&run(&mut away, "drop table b").await);
    assert_eq!(run(&mut one, "drop role low").await, ["DROP ROLE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_reads_no_row_keeps_no_join_from_looking_rows_up() {
    let setup = "create table few (id int primary key, other int); insert into few values (1, 7);
        create table many (id int primary key, v int); insert into many select g, g from generate_series(1, 5000) g; analyze";
    let (_volume, _database, mut one, _two) = two(setup).await;
    for (plain, conditional) in [
        (
            "few left join many on many.id = few.other",
            "few left join many on many.id = few.other and now() > '2000-01-01'",
        ),
        (
            "few where exists (select from many where id = other)",
            "few where exists (select from many where id = other and now() > '2000-01-01')",
        ),
    ] {
        let explain = |query: &str| format!("explain (costs off) select few.id from {query}");
        let plain = run(&mut one, &explain(plain)).await;
        let lines = run(&mut one, &explain(conditional)).await;
        assert!(!lines.iter().any(|line| line.contains("Hash")), "{lines:?}");
        assert_eq!(plain[1], lines[1], "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn column_definitions_are_no_more_than_a_table_has_columns() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let query = |count: usize| {
        let columns: Vec<String> = (0..count).map(|at| format!("c{at} int")).collect();
        format!("select count(*) from json_to_record('{{}}') as ({})", columns.join(", "))
    };
    assert_eq!(run(&mut one, &query(1600)).await[1], "1");
    let lines = run(&mut one, &query(1601)).await;
    assert_eq!(lines[0], "ERROR:  54011: column definition lists can have at most 1600 entries");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_changes_rows_in_with_only_if_it_is_to_analyze() {
    let (_volume, _database, mut one, _two) =
        two("create table t (id int primary key); insert into t values (1), (2)").await;
    for (explain, left) in [("explain", "2"), ("explain analyze", "1")] {
        let statement = format!("{explain} with d as (delete from t where id = 1 returning id) select * from d");
        ok(&run(&mut one, &statement).await);
        assert_eq!(value(&mut one, "select count(*) from t").await, left);
    }
}

/// What reads a whole table for each row in vain is soon done with it. It would take minutes here.
#[tokio::test(flavor = "multi_thread")]
async fn an_exists_beside_other_conditions_is_not_run_for_every_row() {
    let (_volume, _database, mut one, _two) = two("create table a (id int primary key, k int);
        insert into a select n, n from generate_series(1, 20000) n;
        create table b (k int);
        insert into b select -n from generate_series(1, 20000) n")
    .await;
    run(&mut one, "set statement_timeout = '40s'").await;
    let query = "select count(*) from a where id < 3 or exists (select from b where b.k = a.k)";
    assert_eq!(run(&mut one, query).await, ["count", "2", "(1 row)"]);
    let query = "select count(*) from a where id < 3 or not exists (select from b where b.k = -a.k)";
    assert_eq!(run(&mut one, query).await, ["count", "2", "(1 row)"]);
}

/// What an EXISTS is not evaluated for when it is run is not refused when its table is read for keys.
#[tokio::test(flavor = "multi_thread")]
async fn an_exists_that_is_looked_up_meets_no_errors_that_it_would_not_meet() {
    let (_volume, _database, mut one, _two) = two("create table a (id int primary key, j int, d int);
        insert into a select n, n, n / 101 from generate_series(1, 200) n;
        create table b (k int, z int);
        insert into b values (3, 1), (1000, 0);
        create table c (j int, k int);
        insert into c select n, 100 from generate_series(101, 150) n")
    .await;
    let query = "select count(*) from a where id < 0 or exists (select from b where b.k = a.id and 10 / b.z > 1)";
    assert_eq!(run(&mut one, query).await, ["count", "1", "(1 row)"]);
    let query = "select count(*) from a where id < 0 or exists (select from c where c.j = a.j and c.k = 100 / a.d)";
    assert_eq!(run(&mut one, query).await, ["count", "50", "(1 row)"]);
}

/// What computes for long without a row to show lets others on its thread have their turn, the timer of its own timeout
/// among them.
#[tokio::test]
async fn a_statement_that_finds_no_row_gives_way() {
    let (_volume, _database, mut one, _two) = two("create table t (a int primary key, b int);
        insert into t select n, n from generate_series(1, 4000) n")
    .await;
    for query in [
        "select count(*) from t where t.b in (select u.b from t u where u.b + t.a < 0)",
        "select count(*) from t where exists (select from generate_series(1, 4000) n where n + t.a < 0)",
    ] {
        let mut turns = 0;
        let counting = async {
            while turns < 100 {
                tokio::task::yield_now().await;
                turns += 1;
            }
        };
        tokio::select! {
            biased;
            lines = run(&mut one, query) => panic!("nobody else had {turns} turns before {lines:?}"),
            () = counting => {}
        }
    }
}

/// Else nobody could connect who can take it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_setting_of_the_role_that_cannot_be_is_warned_of() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "alter role postgres set session_authorization = 'nobody'").await);
    ok(&run(&mut one, "alter role postgres set work_mem = '8MB'").await);
    let mut next = session(&database).await;
    assert!(next.has_news());
    let mut told = Recorder::default();
    next.tell(&mut told);
    assert_eq!(told.lines, ["WARNING:  22023: role \"nobody\" does not exist"]);
    assert!(!next.has_news());
    assert_eq!(run(&mut next, "show work_mem").await, ["work_mem", "8MB", "(1 row)"]);
}

/// What a session does is shown to those who have the rights of its user, who alone may end it.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_others_are_nobody_s_business() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role plain login; create role reader login; grant pg_read_all_stats to reader").await);
    let (mut plain, mut reader) = (session_of(&database, "plain").await, session_of(&database, "reader").await);
    let question = "select distinct query = '<insufficient privilege>', state is null, backend_start is null, \
                    (select count(*) from pg_stat_ssl s where s.pid = a.pid) \
                    from pg_stat_activity a where usename = 'postgres'";
    assert_eq!(run(&mut plain, question).await[1..], ["t|t|t|0", "(1 row)"]);
    ok(&run(&mut one, "create role chief superuser login").await);
    let mut chief = session_of(&database, "chief").await;
    ok(&run(&mut one, "alter role chief rename to head").await);
    for may in [&mut reader, &mut one, &mut chief] {
        assert_eq!(run(may, question).await[1..], ["f|f|f|1", "(1 row)"]);
    }
    let own = "select state from pg_stat_activity where usename = 'plain'";
    assert_eq!(run(&mut plain, own).await, ["state", "active", "(1 row)"]);
    for (what, whose, why) in [
        ("terminate", "postgres", "must be a superuser to terminate superuser process"),
        ("cancel", "postgres", "must be a superuser to cancel superuser query"),
        (
            "cancel",
            "reader",
            "must be a member of the role whose query is being canceled or member of pg_signal_backend",
        ),
    ] {
        let ends = format!("select pg_{what}_backend(pid) from pg_stat_activity where usename = '{whose}'");
        assert_eq!(run(&mut plain, &ends).await, [format!("ERROR:  42501: {why}")]);
    }
    ok(&run(&mut one, "grant pg_signal_backend to plain").await);
    let renamed = "select pg_cancel_backend(pid) from pg_stat_activity where usename = 'chief'";
    let refused = ["ERROR:  42501: must be a superuser to cancel superuser query"];
    assert_eq!(run(&mut plain, renamed).await, refused);
}

/// As calls within calls they would need more of the stack than there is.
#[tokio::test(flavor = "multi_thread")]
async fn many_parts_of_a_column_are_assigned_at_once() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create table parts (a int[], j jsonb); insert into parts values (null, null)").await);
    let elements = (1..=20_000).map(|i| format!("a[{i}] = {i}"));
    let slices = (1..=20_000).map(|i| format!("a[{i}:{i}] = '{{{}}}'", i + 1));
    let members = (0..5_000).map(|i| format!("j[{i}] = '{i}'"));
    let parts: Vec<String> = elements.zip(slices).flat_map(<[String; 2]>::from).chain(members).collect();
    ok(&run(&mut one, &format!("update parts set {}", parts.join(", "))).await);
    let read = run(&mut one, "select cardinality(a), a[1], a[20000], j[0], j[4999], j[5000] from parts").await;
    assert_eq!(read, ["cardinality|a|a|j|j|j", "20000|2|20001|0|4999|", "(1 row)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pg_promote_takes_its_arguments_by_name() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    for call in ["pg_promote(wait_seconds => 10)", "pg_promote(wait => false)", "pg_promote(true, wait_seconds => 1)"] {
        // Who writes already is promoted.
        assert_eq!(run(&mut one, &format!("select {call}")).await, ["pg_promote", "t", "(1 row)"]);
    }
}
