//! Definitions, locks and savepoints beside other sessions, as PostgreSQL 15 decides them.

#[path = "support/pair.rs"]
mod pair;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::Isolation;
use pair::{ROWS, let_wait, ok, spawn, two, value};
use sql::session::{CancelReason, Session, SessionOptions};
use support::{run, session};

/// Long enough for whatever waits for nobody.
const SOON: Duration = Duration::from_secs(20);

/// Cancels a spawned statement until it ends: the first request may come before it runs, and is for nothing then.
async fn ended(
    cancel: impl Fn(CancelReason),
    mut waiting: tokio::task::JoinHandle<(Session, Vec<String>)>,
) -> (Session, Vec<String>) {
    let cancelling = async {
        loop {
            cancel(CancelReason::Request);
            if let Ok(done) = tokio::time::timeout(Duration::from_millis(5), &mut waiting).await {
                return done.expect("no panic");
            }
        }
    };
    tokio::time::timeout(SOON, cancelling).await.expect("it is cancelled")
}

#[tokio::test(flavor = "multi_thread")]
async fn analyze_does_not_undo_what_it_waited_for() {
    for (change, query, rows) in [
        ("alter table t add column b int default 7", "select b from t where id = 1", "7"),
        ("truncate t", "select count(*) from t", "0"),
        ("alter table t alter column v type text", "select v || 'x' from t where id = 1", "10x"),
    ] {
        let (_volume, database, mut one, two) = two(ROWS).await;
        run(&mut one, "begin").await;
        ok(&run(&mut one, change).await);
        let waiting = spawn(two, "analyze t");
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (mut two, lines) = waiting.await.expect("no panic");
        assert_eq!(lines, ["ANALYZE"], "{change}");
        assert_eq!(value(&mut two, query).await, rows, "{change}");
        assert_eq!(value(&mut one, query).await, rows, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn analyze_does_not_bring_back_a_dropped_table() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    let mut three = session(&database).await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "drop table t").await);
    let waiting = spawn(two, "analyze t");
    let_wait(&database).await;
    let all = spawn(three, "analyze");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["ERROR:  42P01: relation \"t\" does not exist"]);
    let lines;
    (three, lines) = all.await.expect("no panic");
    assert_eq!(lines, ["ANALYZE"], "all that there are now");
    for session in [&mut one, &mut two, &mut three] {
        assert!(run(session, "select * from t").await[0].contains("42P01"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_does_not_undo_a_revoke() {
    let setup = format!("{ROWS}; create role bob; grant select on t to bob; grant usage on schema public to bob");
    let (_volume, database, mut one, two) = two(&setup).await;
    let mut two = two;
    for (first, second, holds) in [
        ("revoke select on t from bob", "grant insert on t to bob", "has_table_privilege('bob', 't', 'insert')"),
        (
            "revoke create on schema public from bob",
            "grant create on schema public to bob",
            "has_schema_privilege('bob', 'public', 'create')",
        ),
        (
            "revoke temp on database postgres from bob",
            "grant create on database postgres to bob",
            "has_database_privilege('bob', 'postgres', 'create')",
        ),
    ] {
        run(&mut one, "begin").await;
        ok(&run(&mut one, first).await);
        let waiting = spawn(two, second);
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let lines;
        (two, lines) = waiting.await.expect("no panic");
        assert_eq!(lines, ["GRANT"]);
        assert_eq!(value(&mut one, &format!("select {holds}")).await, "t");
        assert_eq!(value(&mut one, "select has_table_privilege('bob', 't', 'select')").await, "f", "{second}");
    }
    // Memberships of one role, given by two.
    ok(&run(&mut one, "create role a").await);
    ok(&run(&mut one, "create role b").await);
    run(&mut one, "begin").await;
    ok(&run(&mut one, "grant a to bob").await);
    let waiting = spawn(two, "grant b to bob");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["GRANT ROLE"]);
    let groups = "select count(*) from pg_auth_members where member = 'bob'::regrole";
    assert_eq!(value(&mut one, groups).await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_keeps_its_name_until_a_default_that_names_it_is_known() {
    let (_volume, database, mut one, two) = two("create sequence s; create table t (a int)").await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "alter table t alter a set default nextval('s')").await);
    let waiting = spawn(two, "alter sequence s rename to r");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    ok(&lines);
    let lines = run(&mut one, "insert into t default values returning a").await;
    assert_eq!(lines.get(1).map(String::as_str), Some("1"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_gets_its_name_after_what_is_in_it() {
    let setup = "create schema one; create sequence one.s; create table t (a int default nextval('one.s')); \
                 create view v as select nextval('one.s') as n";
    for (first, second) in [
        ("alter sequence one.s rename to r", "alter schema one rename to two"),
        ("alter schema one rename to two", "alter sequence one.s rename to r"),
    ] {
        let (_volume, database, mut one, two) = two(setup).await;
        run(&mut one, "begin").await;
        ok(&run(&mut one, first).await);
        let waiting = spawn(two, second);
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (_two, lines) = waiting.await.expect("no panic");
        ok(&lines);
        let lines = run(&mut one, "insert into t default values returning a").await;
        assert_eq!(lines.get(1).map(String::as_str), Some("1"), "{second}: {lines:?}");
        assert_eq!(value(&mut one, "select n from v").await, "2", "{second}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_constraint_names_what_was_renamed_before_it() {
    let setup = "create sequence s; create table t (a int, constraint k check (a > 0 or currval('s') > 0))";
    let (_volume, database, mut one, two) = two(setup).await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "alter sequence s rename to r").await);
    let waiting = spawn(two, "alter table t rename constraint k to l");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    ok(&lines);
    ok(&run(&mut one, "insert into t values (1)").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_goes_with_the_table_that_it_was_just_given_to() {
    for drop in ["drop table t", "alter table t drop column a"] {
        let (_volume, database, mut one, two) = two("create table t (a int, b int)").await;
        run(&mut one, "begin").await;
        ok(&run(&mut one, "create sequence s owned by t.a").await);
        let waiting = spawn(two, drop);
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (_two, lines) = waiting.await.expect("no panic");
        ok(&lines);
        assert_eq!(value(&mut one, "select count(*) from pg_class where relname = 's'").await, "0", "{drop}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serial_column_names_its_sequence_in_the_schema_of_now() {
    let (rename, add) = ("alter schema one rename to two", "alter table one.t add column id serial");
    for (first, second) in [(rename, add), (add, rename)] {
        let (_volume, database, mut one, two) = two("create schema one; create table one.t (a int)").await;
        run(&mut one, "begin").await;
        ok(&run(&mut one, first).await);
        let waiting = spawn(two, second);
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (_two, lines) = waiting.await.expect("no panic");
        ok(&lines);
        let lines = run(&mut one, "insert into two.t default values returning id").await;
        assert_eq!(lines.get(1).map(String::as_str), Some("1"), "{second}: {lines:?}");
    }
    let (_volume, database, mut one, two) = two("create schema one").await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, rename).await);
    let waiting = spawn(two, "create table one.t (id serial)");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["ERROR:  3F000: schema \"one\" does not exist"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cascade_leaves_what_has_ceased_to_depend() {
    let setup = "create sequence s; create table t (a int default nextval('s'))";
    let (_volume, database, mut one, two) = two(setup).await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "alter table t alter a set default 7").await);
    let waiting = spawn(two, "drop sequence s cascade");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["DROP SEQUENCE"]);
    let lines = run(&mut one, "insert into t default values returning a").await;
    assert_eq!(lines.get(1).map(String::as_str), Some("7"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_not_dropped_while_another_begins_to_draw_from_its_sequence() {
    for drop in ["drop table t", "alter table t drop column id"] {
        let (_volume, database, mut one, two) = two("create table t (id serial, a int)").await;
        run(&mut one, "begin").await;
        ok(&run(&mut one, "create table u (a int default nextval('t_id_seq'))").await);
        let waiting = spawn(two, drop);
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (_two, lines) = waiting.await.expect("no panic");
        assert!(lines[0].starts_with("ERROR:  2BP01"), "{drop}: {lines:?}");
        ok(&run(&mut one, "insert into u default values").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_on_a_sequence_does_not_undo_its_restart() {
    let (_volume, database, mut one, two) = two("create sequence s; create role bob; select nextval('s')").await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "alter sequence s restart with 100").await);
    let waiting = spawn(two, "grant usage on sequence s to bob");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["GRANT"]);
    assert_eq!(value(&mut two, "select nextval('s')").await, "100");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_a_table_is_locked_before_it_is_changed() {
    let setup = "create table t (id serial, n serial); create role bob; create schema other";
    for (first, second, query, answer) in [
        // The default of the column names the sequence.
        (
            "alter table t add column b int default 1",
            "alter sequence t_id_seq rename to renamed",
            "insert into t default values returning id + b",
            "2",
        ),
        (
            "grant usage on sequence t_id_seq to bob",
            "alter table t owner to bob",
            "select has_sequence_privilege('bob', 't_id_seq', 'usage')",
            "t",
        ),
        (
            "alter sequence t_id_seq increment by 10",
            "alter table t set schema other",
            "select seqincrement from pg_sequence where seqrelid = 'other.t_id_seq'::regclass",
            "10",
        ),
        (
            "comment on table t is 'first'",
            "comment on table t is 'second'",
            "select obj_description('t'::regclass)",
            "second",
        ),
    ] {
        let (_volume, database, mut one, two) = two(setup).await;
        run(&mut one, "begin").await;
        ok(&run(&mut one, first).await);
        let waiting = spawn(two, second);
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (_two, lines) = waiting.await.expect("no panic");
        ok(&lines);
        let lines = run(&mut one, query).await;
        assert_eq!(lines.get(1).map(String::as_str), Some(answer), "{second}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_all_databases_share_is_reserved_in_all() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    drop(two);
    let options = SessionOptions { user: "postgres".into(), database: "template1".into(), ..SessionOptions::default() };
    let elsewhere = Session::new(database.clone(), options).await.expect("it takes connections");
    run(&mut one, "begin").await;
    ok(&run(&mut one, "create role bob").await);
    let waiting = spawn(elsewhere, "create role bob");
    let_wait(&database).await;
    assert!(!waiting.is_finished());
    ok(&run(&mut one, "commit").await);
    let (_elsewhere, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["ERROR:  42710: role \"bob\" already exists"]);
}

/// Two serial columns of one table: their defaults are changed one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_schema_is_in_every_default_that_names_it() {
    let (_volume, _database, mut one, _two) =
        two("create schema s; create table s.t (id serial, n serial); alter schema s rename to r").await;
    let question = "select count(*) from pg_attrdef where pg_get_expr(adbin, adrelid) like '%r.t_%'";
    assert_eq!(value(&mut one, question).await, "2");
    assert_eq!(run(&mut one, "insert into r.t default values returning id, n").await[1], "1|1");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_analyze_locks_what_it_writes() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "create index t_v on t (v)").await);
    let waiting = spawn(two, "explain (analyze, costs off, timing off) insert into t values (3, 30)");
    let_wait(&database).await;
    assert!(!waiting.is_finished());
    ok(&run(&mut one, "commit").await);
    let (two, lines) = waiting.await.expect("no panic");
    ok(&lines);
    assert_eq!(value(&mut one, "select id from t where v = 30").await, "3");
    run(&mut one, "begin").await;
    ok(&run(&mut one, "truncate t").await);
    let waiting = spawn(two, "explain analyze insert into t values (4, 40)");
    let_wait(&database).await;
    assert!(!waiting.is_finished());
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    ok(&lines);
    assert_eq!(value(&mut one, "select id from t").await, "4");
    // What is prepared is no different.
    ok(&run(&mut two, "prepare p as delete from t").await);
    ok(&run(&mut two, "prepare w as with x as (delete from t returning id) select * from x").await);
    for (statement, command) in [
        ("explain analyze delete from t", "DELETE"),
        ("explain analyze update t set v = 0", "UPDATE"),
        ("explain analyze insert into t values (9, 9)", "INSERT"),
        ("explain analyze execute p", "DELETE"),
        ("explain analyze execute w", "SELECT"),
        ("explain analyze select * from t for update", "SELECT FOR UPDATE"),
    ] {
        run(&mut two, "begin read only").await;
        let lines = run(&mut two, statement).await;
        let refused = format!("ERROR:  25006: cannot execute {command} in a read-only transaction");
        assert_eq!(lines, [refused], "{statement}");
        run(&mut two, "rollback").await;
        run(&mut two, "begin read only").await;
        ok(&run(&mut two, &statement.replace("analyze ", "")).await);
        run(&mut two, "rollback").await;
    }
    assert_eq!(value(&mut one, "select count(*) from t").await, "1");
    let lines = run(&mut two, "explain analyze execute w").await;
    assert!(lines.iter().any(|line| line.starts_with("Rows: 1")), "{lines:?}");
    assert_eq!(value(&mut one, "select count(*) from t").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_waited_for_a_definition_is_made_again() {
    let (_volume, database, mut one, mut two) = two(ROWS).await;
    for (statement, answer) in [
        ("declare c cursor for select * from t", "fetch all from c"),
        ("create table copied as select * from t", "select * from copied"),
    ] {
        ok(&run(&mut one, "insert into t values (1, 10), (2, 20) on conflict do nothing").await);
        run(&mut one, "begin").await;
        ok(&run(&mut one, "truncate t").await);
        run(&mut two, "begin").await;
        let waiting = spawn(two, statement);
        let_wait(&database).await;
        assert!(!waiting.is_finished());
        ok(&run(&mut one, "commit").await);
        let lines;
        (two, lines) = waiting.await.expect("no panic");
        ok(&lines);
        assert_eq!(run(&mut two, answer).await, ["id|v", "(0 rows)"], "{statement}");
        run(&mut two, "rollback").await;
    }
    ok(&run(&mut one, "insert into t values (1, 10), (2, 20)").await);
    run(&mut one, "begin").await;
    ok(&run(&mut one, "truncate t").await);
    let waiting = spawn(two, "explain analyze select * from t");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    assert!(lines.iter().any(|line| line == "Rows: 0"), "{lines:?}");
}

/// Each plan is outdated when it is made, and each catalog when it is read.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_never_rest_hold_up_no_statement_on_other_tables() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    let (engine, ends) = (database.engine.clone(), Arc::new(AtomicBool::new(false)));
    let ended = ends.clone();
    let moving = tokio::spawn(async move {
        while !ended.load(Ordering::Relaxed) {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            txn.touch_catalog();
            engine.assign(&mut txn).await.expect("there are ids");
            engine.commit(txn).await.expect("it commits");
            tokio::task::yield_now().await;
        }
    });
    for statement in ["select v from t where id = 1", "update t set v = v + 1", "insert into t values (3, 30)"] {
        let lines = tokio::time::timeout(SOON, run(&mut one, statement)).await.expect("it waits for nobody");
        ok(&lines);
    }
    ends.store(true, Ordering::Relaxed);
    moving.await.expect("no panic");
    assert_eq!(value(&mut one, "select sum(v) from t").await, "62");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_that_is_being_dropped_holds_up_only_who_wants_it() {
    let setup = "create sequence s; create sequence other; create table t (id serial); \
                 select count(nextval('s')) from generate_series(1, 33)";
    for end in ["rollback", "commit"] {
        let (_volume, database, mut one, two) = two(setup).await;
        let mut three = session(&database).await;
        run(&mut one, "begin").await;
        ok(&run(&mut one, "drop sequence s").await);
        let cancel = two.cancel_handle();
        let waiting = spawn(two, "select nextval('s')");
        let_wait(&database).await;
        for statement in ["select count(nextval('other')) from generate_series(1, 100)", "insert into t default values"]
        {
            let lines = tokio::time::timeout(SOON, run(&mut three, statement)).await.expect("it waits for nobody");
            ok(&lines);
            let lines = tokio::time::timeout(SOON, run(&mut one, statement)).await.expect("it waits for nobody");
            ok(&lines);
        }
        let (mut two, lines) = ended(&*cancel, waiting).await;
        assert_eq!(lines, ["ERROR:  57014: canceling statement due to user request"]);
        ok(&run(&mut two, "set lock_timeout = '10ms'").await);
        for statement in ["select nextval('s')", "select setval('s', 7)"] {
            let lines = run(&mut two, statement).await;
            assert_eq!(lines, ["ERROR:  55P03: canceling statement due to lock timeout"], "{statement}");
        }
        ok(&run(&mut two, "reset lock_timeout").await);
        let waiting = spawn(two, "select nextval('s')");
        let_wait(&database).await;
        ok(&run(&mut one, end).await);
        let (_two, lines) = waiting.await.expect("no panic");
        match end {
            "rollback" => assert_eq!(lines[1], "34"),
            _ => assert!(lines[0].contains("42P01"), "{lines:?}"),
        }
    }
}

/// Nobody's record can be written: who waits behind such a record can give up.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_record_of_a_sequence_may_be_cancelled() {
    let (volume, _database, one, mut two) = two("create sequence s; create sequence r; create table t (id int)").await;
    volume.set_open(false);
    let cancel = (one.cancel_handle(), two.cancel_handle());
    let first = spawn(one, "select nextval('s')");
    while two.status() != b'I'
        || run(&mut two, "select 1 from pg_stat_activity where wait_event = 'RedoRoom'").await.len() < 3
    {
        tokio::task::yield_now().await;
    }
    let second = spawn(two, "select nextval('s')");
    let (_two, lines) = ended(&*cancel.1, second).await;
    assert_eq!(lines, ["ERROR:  57014: canceling statement due to user request"]);
    let (mut one, lines) = ended(&*cancel.0, first).await;
    assert_eq!(lines, ["ERROR:  57014: canceling statement due to user request"]);
    volume.set_open(true);
    ok(&run(&mut one, "select nextval('s'), nextval('r')").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_timeout_counts_from_the_next_statement_on() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    const LATE: &str = "ERROR:  55P03: canceling statement due to lock timeout";
    run(&mut one, "begin").await;
    ok(&run(&mut one, "update t set v = 0 where id = 1").await);
    for statement in ["update t set v = 1 where id = 1", "lock table t", "select * from t where id = 1 for update"] {
        for set in ["set local lock_timeout = '10ms'", "select set_config('lock_timeout', '10ms', true)"] {
            run(&mut two, "begin").await;
            ok(&run(&mut two, set).await);
            let lines = tokio::time::timeout(SOON, run(&mut two, statement)).await.expect("it gives up");
            assert_eq!(lines, [LATE], "{statement}");
            run(&mut two, "rollback").await;
        }
    }
    // It goes with the savepoint behind which it was set, and with the transaction.
    run(&mut two, "set lock_timeout = '10ms'").await;
    run(&mut two, "begin").await;
    run(&mut two, "savepoint a").await;
    run(&mut two, "set local lock_timeout = 0").await;
    run(&mut two, "rollback to a").await;
    let lines =
        tokio::time::timeout(SOON, run(&mut two, "update t set v = 1 where id = 1")).await.expect("it gives up");
    assert_eq!(lines, [LATE]);
    run(&mut two, "rollback").await;
    run(&mut two, "begin; set local lock_timeout = 0; commit").await;
    let lines =
        tokio::time::timeout(SOON, run(&mut two, "update t set v = 1 where id = 1")).await.expect("it gives up");
    assert_eq!(lines, [LATE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_outlives_savepoints_behind_it() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let numbers = "cursor for select g from generate_series(1, 9) g";
    run(&mut one, "begin").await;
    ok(&run(&mut one, &format!("declare c {numbers}")).await);
    run(&mut one, "savepoint a").await;
    assert_eq!(value(&mut one, "fetch c").await, "1");
    ok(&run(&mut one, &format!("declare d {numbers}")).await);
    run(&mut one, "rollback to a").await;
    assert_eq!(value(&mut one, "fetch c").await, "2", "where it stands is not taken back");
    // That made it end the block's savepoint: the cursor declared behind it is gone.
    assert_eq!(run(&mut one, "fetch d").await, ["ERROR:  34000: cursor \"d\" does not exist"]);
    run(&mut one, "rollback to a").await;
    assert_eq!(value(&mut one, "fetch c").await, "3");
    // What is released belongs to the level around it.
    ok(&run(&mut one, &format!("declare d {numbers}")).await);
    run(&mut one, "release a").await;
    run(&mut one, "savepoint b").await;
    ok(&run(&mut one, &format!("declare e {numbers}")).await);
    run(&mut one, "savepoint deep").await;
    assert!(run(&mut one, "select 1 / 0").await[0].contains("22012"));
    run(&mut one, "rollback to b").await;
    assert_eq!(value(&mut one, "fetch d").await, "1");
    assert!(run(&mut one, "fetch e").await[0].contains("34000"));
    run(&mut one, "rollback to b").await;
    // One that failed cannot be run again.
    ok(&run(&mut one, "commit").await);
    run(&mut one, "begin").await;
    ok(&run(&mut one, "declare f cursor for select 1 / (3 - g) from generate_series(1, 5) g").await);
    run(&mut one, "savepoint a").await;
    assert!(run(&mut one, "fetch all from f").await[0].contains("22012"));
    run(&mut one, "rollback to a").await;
    let refused = ["ERROR:  55000: portal \"f\" cannot be run"];
    assert_eq!(run(&mut one, "fetch f").await, refused);
    run(&mut one, "rollback to a").await;
    assert_eq!(run(&mut one, "fetch f").await, refused);
    run(&mut one, "rollback").await;
    assert!(run(&mut one, "fetch c").await[0].contains("34000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_holds_what_it_reads_from_the_start() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "create view w as select id from t").await);
    let waiting = spawn(two, "drop table t");
    let_wait(&database).await;
    assert!(!waiting.is_finished());
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines[0], "ERROR:  2BP01: cannot drop table t because other objects depend on it");
    assert_eq!(value(&mut two, "select count(*) from w").await, "2");
    // The other way round the view is not made, or made of what the table is by then.
    run(&mut one, "begin").await;
    ok(&run(&mut one, "alter table t add column b int").await);
    let waiting = spawn(two, "create view x as select * from t");
    let_wait(&database).await;
    assert!(!waiting.is_finished());
    ok(&run(&mut one, "commit").await);
    let (two, lines) = waiting.await.expect("no panic");
    ok(&lines);
    assert_eq!(run(&mut one, "select * from x where id = 1").await[..2], ["id|v|b", "1|10|"]);
    run(&mut one, "begin").await;
    ok(&run(&mut one, "drop table t cascade").await);
    let waiting = spawn(two, "create view y as select id from t");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["ERROR:  42P01: relation \"t\" does not exist"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_gives_up_what_its_level_has_locked() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    let free = "select pg_try_advisory_lock(5), pg_try_advisory_lock(6)";
    run(&mut one, "begin").await;
    ok(&run(&mut one, "select pg_advisory_xact_lock(5)").await);
    run(&mut one, "select 1 / 0").await;
    assert_eq!(value(&mut two, free).await, "t|t");
    ok(&run(&mut two, "select pg_advisory_unlock_all()").await);
    run(&mut one, "rollback").await;
    run(&mut one, "begin").await;
    ok(&run(&mut one, "select pg_advisory_xact_lock(5)").await);
    run(&mut one, "savepoint a").await;
    ok(&run(&mut one, "select pg_advisory_xact_lock(6)").await);
    ok(&run(&mut one, "update t set v = 0 where id = 1").await);
    run(&mut one, "select 1 / 0").await;
    assert_eq!(value(&mut two, free).await, "f|t", "what was locked before the savepoint stays");
    run(&mut two, "set lock_timeout = '10s'").await;
    let lines = tokio::time::timeout(SOON, run(&mut two, "update t set v = v + 1 where id = 1")).await;
    assert_eq!(lines.expect("the row is free"), ["UPDATE 1"]);
    run(&mut one, "rollback to a").await;
    assert_eq!(value(&mut one, "select v from t where id = 1").await, "11");
    ok(&run(&mut one, "commit").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chained_transaction_has_the_modes_of_the_one_before() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    for end in ["commit and chain", "rollback and chain"] {
        run(&mut one, "begin isolation level repeatable read, read only").await;
        ok(&run(&mut one, end).await);
        assert_eq!(value(&mut one, "show transaction_isolation").await, "repeatable read");
        assert_eq!(value(&mut one, "show transaction_read_only").await, "on");
        let lines = run(&mut one, "insert into t values (3, 30)").await;
        assert_eq!(lines, ["ERROR:  25006: cannot execute INSERT in a read-only transaction"]);
        run(&mut one, "rollback and chain").await;
        assert_eq!(value(&mut one, "show transaction_read_only").await, "on");
        run(&mut one, "rollback").await;
    }
    run(&mut one, "set default_transaction_read_only = on").await;
    run(&mut one, "begin read write").await;
    ok(&run(&mut one, "commit and chain").await);
    ok(&run(&mut one, "insert into t values (3, 30)").await);
    ok(&run(&mut one, "commit").await);
    for (statement, what) in [("commit and chain", "COMMIT"), ("rollback and chain", "ROLLBACK")] {
        let refused = format!("ERROR:  25P01: {what} AND CHAIN can only be used in transaction blocks");
        assert_eq!(run(&mut one, statement).await, [refused]);
        assert_eq!(one.status(), b'I');
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn show_takes_no_snapshot() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    run(&mut one, "begin isolation level repeatable read").await;
    ok(&run(&mut one, "show work_mem").await);
    ok(&run(&mut two, "insert into t values (3, 30)").await);
    assert_eq!(value(&mut one, "select count(*) from t").await, "3");
    run(&mut one, "rollback").await;
    run(&mut one, "begin isolation level repeatable read").await;
    ok(&run(&mut one, "show all").await);
    ok(&run(&mut one, "set transaction isolation level read committed").await);
    assert_eq!(value(&mut one, "show transaction_isolation").await, "read committed");
    run(&mut one, "rollback").await;
}
