//! Rows whose keys are as long as keys may be.

use sql::session::Database;
use std::time::{Duration, Instant};

use super::support::run;
use super::{ok, spawn, two, value};

/// Until somebody waits for a lock: who comes later than that finds what was committed, and nothing to follow.
async fn until_one_waits(database: &Database) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while database.engine.lock_waits().is_empty() {
        assert!(Instant::now() < deadline, "nobody waits");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A row, and others around it that fill the leaf.
fn rows(old: usize) -> String {
    format!(
        "create table t (id text primary key, x int);
        insert into t select repeat(chr(97 + n % 20), {old} - n), n from generate_series(0, 9) n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_moves_between_the_longest_keys() {
    for (old, new) in [(2701, 2701), (2701, 2600), (2400, 2701), (2000, 2701), (30, 2701), (2701, 30)] {
        let (_volume, _database, mut one, _two) = two(&rows(old)).await;
        let change = |from: &str, to: &str, bytes: usize, now: usize| {
            format!("update t set id = repeat('{to}', {now}) where id = repeat('{from}', {bytes})")
        };
        for round in 0..5 {
            let there = change("a", "z", old, new);
            assert_eq!(run(&mut one, &there).await, ["UPDATE 1"], "{old} to {new}, round {round}");
            assert_eq!(run(&mut one, &there).await, ["UPDATE 0"]);
            let found = format!("select x from t where id = repeat('z', {new})");
            assert_eq!(value(&mut one, &found).await, "0");
            assert_eq!(run(&mut one, &change("z", "a", new, old)).await, ["UPDATE 1"], "{new} to {old}, round {round}");
            assert_eq!(value(&mut one, "select count(*) from t").await, "10");
        }
    }
}

const TOO_LONG: &str = "ERROR:  54000: array size exceeds the maximum allowed (1073741823)";

/// What is small in memory may take any length where it is written, sorted or grouped.
#[tokio::test(flavor = "multi_thread")]
async fn arrays_and_rows_are_refused_where_they_are_made() {
    let (_volume, _database, mut one, _two) = two("create table n (a numeric[])").await;
    let long = "array_fill(repeat('x', 10000000), array[100000])";
    for statement in [
        format!("select distinct {long}"),
        format!("select 1 from generate_series(1, 2) order by {long}"),
        format!("select count(*) from generate_series(1, 2) group by {long}"),
        format!("select array_cat({long}, '{{}}')"),
        "insert into n values (array_fill(repeat('9', 131000)::numeric, array[1000000]))".to_owned(),
    ] {
        assert_eq!(run(&mut one, &statement).await, [TOO_LONG], "{statement}");
    }
    let row = "select row(1, repeat('x', 600000000), repeat('y', 600000000)) is null";
    assert_eq!(run(&mut one, row).await, ["ERROR:  54000: value is too large"]);
    let nested = |levels: usize| {
        format!(
            "with recursive r(n, x) as (select 1, row(1) union all select n + 1, row(x) from r where n < {levels})
            select max(n) from r"
        )
    };
    assert_eq!(value(&mut one, &nested(900)).await, "900");
    assert_eq!(run(&mut one, &nested(3000)).await, ["ERROR:  54001: stack depth limit exceeded"]);
}

/// What is small in memory may take any length as a key.
#[tokio::test(flavor = "multi_thread")]
async fn arrays_of_one_long_text_are_refused_before_they_are_keys() {
    let setup = "create table p (a text[] primary key, b text[] unique); insert into p values ('{a}', '{b}')";
    let (_volume, _database, mut one, _two) = two(setup).await;
    let long = "array_fill(repeat('x', 10000000), array[100000])";
    for statement in [
        format!("insert into p values ({long}, null)"),
        format!("insert into p select {long}, null on conflict do nothing"),
        format!("insert into p values ('{{c}}', {long}) on conflict (b) do nothing"),
        format!("insert into p values ('{{a}}', null) on conflict (a) do update set a = {long}"),
        format!("update p set a = {long}"),
        format!("update p set b = {long}"),
    ] {
        assert_eq!(run(&mut one, &statement).await, [TOO_LONG], "{statement}");
    }
    assert_eq!(run(&mut one, "select * from p").await, ["a|b", "{a}|{b}", "(1 row)"]);
}

/// Who waited for a row follows it to its new key, unless there was no room to say which that is: then it must try again.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_row_that_moved_far_tries_again() {
    const LONG: &str = "update t set id = repeat('z', 2701) where x = 0";
    const SHORT: &str = "update t set id = 'z' where x = 0";
    for (moves, outcome) in
        [(LONG, "ERROR:  40001: could not serialize access due to concurrent update"), (SHORT, "UPDATE 1")]
    {
        for asked in ["update t set x = -1 where x = 0", "delete from t where x = 0"] {
            let (_volume, database, mut one, other) = two(&rows(2701)).await;
            ok(&run(&mut one, "begin").await);
            assert_eq!(run(&mut one, moves).await, ["UPDATE 1"]);
            let waiting = spawn(other, asked);
            until_one_waits(&database).await;
            ok(&run(&mut one, "commit").await);
            let (mut other, lines) = waiting.await.expect("no panic");
            assert_eq!(lines[0].replace("DELETE", "UPDATE"), outcome, "{asked}");
            ok(&run(&mut other, asked).await);
            assert_eq!(value(&mut other, "select count(*) from t where x = 0").await, "0");
        }
        let (_volume, database, mut one, other) = two(&rows(2701)).await;
        ok(&run(&mut one, "begin").await);
        assert_eq!(run(&mut one, moves).await, ["UPDATE 1"]);
        let waiting = spawn(other, "select x from t where x = 0 for update");
        until_one_waits(&database).await;
        ok(&run(&mut one, "commit").await);
        let lines = waiting.await.expect("no panic").1;
        assert_eq!(lines[0] == "x", outcome == "UPDATE 1", "{lines:?}");
        assert_eq!(lines[0] == outcome, moves == LONG, "{lines:?}");
    }
}
