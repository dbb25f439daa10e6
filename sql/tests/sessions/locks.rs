//! Who holds locks, who waits for whom, and deadlocks that pass through different kinds of locks.

use std::time::{Duration, Instant};

use super::support::{run, session};
use super::{ROWS, let_wait, ok, spawn, two, value};

/// Advisory locks are waited for outside the engine, which counts no wait: until one is seen.
async fn until(watcher: &mut sql::session::Session, query: &str, wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while value(watcher, query).await != wanted {
        assert!(Instant::now() < deadline, "{query} did not come to be {wanted}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

const WAITERS: &str = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread")]
async fn parameters_and_names_of_indexes_change_beside_who_writes() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut one, "begin; update t set v = v + 1 where id = 1").await);
    ok(&run(&mut two, "set lock_timeout = '10s'").await);
    for change in [
        "alter table t set (fillfactor = 70)",
        "alter table t reset (fillfactor)",
        "alter index t_pkey set (fillfactor = 70)",
        "alter index t_pkey rename to t_key",
    ] {
        ok(&run(&mut two, change).await);
    }
    ok(&run(&mut one, "update t set v = v + 1 where id = 2; commit").await);
    assert_eq!(value(&mut one, "select reloptions from pg_class where relname = 't_key'").await, "{fillfactor=70}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_through_a_number_and_a_row_ends_one_of_the_two() {
    // Whoever waits first: the wait for the number finds it, at once or when it looks again.
    for number_first in [true, false] {
        let (_volume, database, mut one, mut two) = two(ROWS).await;
        let mut watcher = session(&database).await;
        for (session, lock) in
            [(&mut one, "select pg_advisory_xact_lock(7)"), (&mut two, "select from t where id = 1 for update")]
        {
            ok(&run(session, "begin").await);
            ok(&run(session, lock).await);
        }
        const NUMBER: &str = "select pg_advisory_xact_lock(7)";
        const ROW: &str = "update t set v = 0 where id = 1";
        let (one, two) = if number_first {
            let two = spawn(two, NUMBER);
            until(&mut watcher, WAITERS, "1").await;
            (spawn(one, ROW), two)
        } else {
            let one = spawn(one, ROW);
            until(&mut watcher, WAITERS, "1").await;
            (one, spawn(two, NUMBER))
        };
        let (two, lines) = two.await.expect("no panic");
        assert_eq!(lines, ["ERROR:  40P01: deadlock detected"]);
        // Its row is free when its transaction has ended.
        drop(two);
        let (mut one, lines) = one.await.expect("no panic");
        assert_eq!(lines, ["UPDATE 1"]);
        ok(&run(&mut one, "commit").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_and_waits_are_shown() {
    let (_volume, database, mut one, mut two) = two(ROWS).await;
    let mut watcher = session(&database).await;
    const PID: &str = "select pg_backend_pid()";
    let (holder, waiter) = (value(&mut one, PID).await, value(&mut two, PID).await);
    ok(&run(&mut one, "begin").await);
    ok(&run(&mut one, "update t set v = 1 where id = 1").await);
    let waiting = spawn(two, "update t set v = 2 where id = 1");
    let_wait(&database).await;
    until(&mut watcher, WAITERS, "1").await;
    let blocked = format!("select pg_blocking_pids({waiter})::text || pg_blocking_pids({holder})::text");
    assert_eq!(value(&mut watcher, &blocked).await, format!("{{{holder}}}{{}}"));
    let event = format!("select wait_event from pg_stat_activity where pid = {waiter}");
    assert_eq!(value(&mut watcher, &event).await, "tuple");
    // As administrators ask: what is waited for, and who has it.
    let pairs =
        "select w.pid || ' ' || h.pid || ' ' || w.relation::regclass || ' ' || w.mode from pg_locks w join pg_locks h
        on h.locktype = w.locktype and h.database = w.database and h.relation = w.relation and h.page = w.page
        and h.tuple = w.tuple where not w.granted and h.granted";
    assert_eq!(value(&mut watcher, pairs).await, format!("{waiter} {holder} t ExclusiveLock"));
    let tables = "select string_agg(mode, ',' order by mode) from pg_locks where relation = 't'::regclass
        and locktype = 'relation'";
    assert_eq!(value(&mut watcher, tables).await, "RowExclusiveLock,RowExclusiveLock");
    let transactions = "select count(*) from pg_locks where locktype = 'transactionid' and pid = ";
    assert_eq!(value(&mut watcher, &format!("{transactions}{holder}")).await, "1");
    ok(&run(&mut one, "commit").await);
    ok(&waiting.await.expect("no panic").1);
    assert_eq!(value(&mut watcher, "select count(*) from pg_locks where not granted").await, "0");
}

/// What is in flight alone no statement sees; what it hides is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_being_inserted_is_not_waited_for() {
    let setup = format!("{ROWS}; create index on t (v); insert into t values (3, 30); delete from t where id = 3");
    let (_volume, database, mut one, mut two) = two(&setup).await;
    ok(&run(&mut one, "begin").await);
    ok(&run(&mut one, "insert into t values (3, 31), (4, 40)").await);
    for (sql, tag) in [
        ("update t set v = 0 where id = 3", "UPDATE 0"),
        ("update t set v = 0 where id = 4", "UPDATE 0"),
        ("delete from t where id = 3", "DELETE 0"),
        ("delete from t where id = 4", "DELETE 0"),
    ] {
        let lines = tokio::time::timeout(Duration::from_secs(20), run(&mut two, sql)).await.expect("it does not wait");
        assert_eq!(lines, [tag], "{sql}");
    }
    ok(&run(&mut one, "commit").await);
    assert_eq!(run(&mut two, "delete from t where id = 4").await, ["DELETE 1"]);
    ok(&run(&mut one, "begin").await);
    ok(&run(&mut one, "delete from t where id = 1; insert into t values (1, 11)").await);
    let waiting = spawn(two, "delete from t where id = 1");
    let_wait(&database).await;
    assert!(!waiting.is_finished(), "the row may be there again");
    ok(&run(&mut one, "rollback").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["DELETE 1"]);
    // Its entry in the index went with it.
    assert_eq!(value(&mut two, "select count(*) from t where v = 10").await, "0");
    assert_eq!(value(&mut two, "select string_agg(id || ' ' || v, ',' order by id) from t").await, "2 20,3 31");
}

/// The condition is for the version that the statement sees, and what it makes of that; then it waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_does_not_meet_the_condition_is_not_waited_for() {
    let setup = format!("{ROWS}; alter table t add check (v > 0)");
    let (_volume, database, mut one, mut two) = two(&setup).await;
    for hold in
        ["update t set v = 5 where id = 1", "delete from t where id = 1", "select from t where id = 1 for update"]
    {
        ok(&run(&mut one, "begin").await);
        ok(&run(&mut one, hold).await);
        for (sql, expected) in [
            ("update t set v = 1 where id = 1 and v = 5", "UPDATE 0"),
            ("delete from t where id = 1 and v = 5", "DELETE 0"),
            ("update t set v = 1 / (v - 10) where id = 1", "ERROR:  22012: division by zero"),
            (
                "update t set v = v - 10 where id = 1",
                "ERROR:  23514: new row for relation \"t\" violates check constraint \"t_v_check\"",
            ),
        ] {
            let lines =
                tokio::time::timeout(Duration::from_secs(20), run(&mut two, sql)).await.expect("it does not wait");
            assert_eq!(lines[0], expected, "{sql} beside {hold}");
        }
        ok(&run(&mut one, "rollback").await);
    }
    ok(&run(&mut one, "begin").await);
    ok(&run(&mut one, "update t set v = 5 where id = 1").await);
    let waiting = spawn(two, "update t set v = v + 1 where id = 1 and v = 10");
    let_wait(&database).await;
    assert!(!waiting.is_finished(), "the row meets the condition as yet");
    ok(&run(&mut one, "commit").await);
    assert_eq!(waiting.await.expect("no panic").1, ["UPDATE 0"]);
}

/// A part sees no row that has come since the others looked, also where it is told the key.
#[tokio::test(flavor = "multi_thread")]
async fn all_parts_of_a_statement_see_the_same_rows() {
    for (sql, tag) in [
        ("with a as (update t set v = v + 1 where id = 2) delete from t where id = 9", "DELETE 0"),
        ("with a as (update t set v = v + 1 where id = 2) update t set v = 0 where id = 9", "UPDATE 0"),
    ] {
        let (_volume, database, mut one, two) = two(ROWS).await;
        let mut watcher = session(&database).await;
        ok(&run(&mut one, "begin").await);
        ok(&run(&mut one, "update t set v = 0 where id = 2").await);
        let waiting = spawn(two, sql);
        until(&mut watcher, WAITERS, "1").await;
        ok(&run(&mut one, "insert into t values (9, 90)").await);
        ok(&run(&mut one, "commit").await);
        assert_eq!(waiting.await.expect("no panic").1, [tag], "{sql}");
        assert_eq!(value(&mut one, "select string_agg(id || ' ' || v, ',' order by id) from t").await, "1 10,2 1,9 90");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_counted_in_pages() {
    let setup = "create table t (id int primary key, v text); create table empty (id int);
        insert into t select g, repeat('x', 100) from generate_series(1, 20000) g; create index on t (v, id)";
    let (_volume, _database, mut one, _two) = two(setup).await;
    assert_eq!(value(&mut one, "select pg_relation_size('empty')").await, "8192");
    assert_eq!(value(&mut one, "select pg_relation_size('t', 'vm')").await, "0");
    // Rows of 104 bytes and what the versions take: about as many pages as PostgreSQL has, 345.
    let pages = "select pg_relation_size('t') / 8192 between 300 and 500";
    assert_eq!(value(&mut one, pages).await, "t");
    let sum = "select pg_total_relation_size('t') = pg_table_size('t') + pg_indexes_size('t')
        and pg_indexes_size('t') = pg_relation_size('t_v_id_idx') and pg_indexes_size('t') > 300 * 8192";
    assert_eq!(value(&mut one, sum).await, "t");
    let all = "select pg_database_size('postgres') = pg_total_relation_size('t') + pg_total_relation_size('empty')";
    assert_eq!(value(&mut one, all).await, "t");
    ok(&run(&mut one, "truncate t").await);
    assert_eq!(value(&mut one, "select pg_table_size('t')").await, "8192");
    let missing = "select pg_database_size('nowhere')";
    assert_eq!(run(&mut one, missing).await, ["ERROR:  3D000: database \"nowhere\" does not exist"]);
}
