//! Sequences whose parameters somebody changes and takes back.

use std::time::Duration;

use super::support::run;
use super::{let_wait, ok, spawn, two, value};

/// A change that stands keeps others away, though a later one was taken back.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_back_one_change_keeps_the_sequence_for_another() {
    let (_volume, database, mut one, other) = two("create sequence q").await;
    assert_eq!(value(&mut one, "select nextval('q')").await, "1");
    for statement in
        ["begin", "alter sequence q restart 100", "savepoint s", "alter sequence q restart 200", "rollback to s"]
    {
        ok(&run(&mut one, statement).await);
    }
    assert_eq!(value(&mut one, "select nextval('q')").await, "100");
    let waiting = spawn(other, "select nextval('q')");
    let_wait(&database).await;
    assert!(!waiting.is_finished());
    ok(&run(&mut one, "commit").await);
    assert_eq!(waiting.await.expect("no panic").1[1], "101");
}

/// A sequence that was dropped, and is back, is the first transaction's to use before it is anybody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_is_taken_back_lets_everybody_draw() {
    let (_volume, _database, mut one, mut other) = two("create sequence q").await;
    assert_eq!(value(&mut one, "select nextval('q')").await, "1");
    for statement in ["begin", "savepoint s", "drop sequence q", "rollback to s"] {
        ok(&run(&mut one, statement).await);
    }
    assert_eq!(value(&mut other, "select nextval('q')").await, "2");
    assert_eq!(value(&mut one, "select nextval('q')").await, "3");
    ok(&run(&mut one, "commit").await);
    assert_eq!(value(&mut other, "select nextval('q')").await, "4");
}

/// More restarts than are remembered: a generation that a change has closed stays closed to others, and one that was
/// never drawn from is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_keeps_others_away_though_what_it_closed_is_forgotten() {
    let (_volume, database, mut one, mut other) = two("create sequence p; create sequence q; create sequence r").await;
    for statement in ["begin", "alter sequence q restart 100"] {
        ok(&run(&mut one, statement).await);
    }
    for _ in 0..600 {
        ok(&run(&mut other, "alter sequence r restart").await);
    }
    assert_eq!(value(&mut other, "select nextval('p')").await, "1");
    assert_eq!(value(&mut other, "select nextval('r')").await, "1");
    let waiting = spawn(other, "select nextval('q')");
    let_wait(&database).await;
    assert!(!waiting.is_finished());
    ok(&run(&mut one, "commit").await);
    assert_eq!(waiting.await.expect("no panic").1[1], "100");
}

/// What was forgotten and counts after all goes on behind what was given out.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_taken_back_after_it_was_forgotten_gives_no_value_twice() {
    let (_volume, _database, mut one, mut other) = two("create sequence q; create sequence r").await;
    for drawn in 1..=5 {
        assert_eq!(value(&mut one, "select nextval('q')").await, drawn.to_string());
    }
    for statement in ["begin", "alter sequence q restart 100"] {
        ok(&run(&mut one, statement).await);
    }
    for _ in 0..600 {
        ok(&run(&mut other, "alter sequence r restart").await);
    }
    ok(&run(&mut one, "rollback").await);
    let next: i64 = value(&mut other, "select nextval('q')").await.parse().expect("a number");
    assert!((6..=38).contains(&next), "{next}");
}

/// A grant leaves the generation alone: who looks which one counts does not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_under_way_keeps_nobody_from_drawing() {
    let (_volume, _database, mut one, mut other) = two("create sequence q; create role bob").await;
    assert_eq!(value(&mut one, "select nextval('q')").await, "1");
    for statement in ["begin", "alter sequence q restart 100", "rollback", "begin", "grant usage on sequence q to bob"]
    {
        ok(&run(&mut one, statement).await);
    }
    let drawing = value(&mut other, "select nextval('q')");
    let drawn = tokio::time::timeout(Duration::from_secs(20), drawing).await.expect("it waits for nobody");
    assert_eq!(drawn, "2");
    ok(&run(&mut one, "commit").await);
    assert_eq!(value(&mut one, "select nextval('q')").await, "3");
}
