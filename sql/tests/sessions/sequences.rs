//! Sequences whose parameters somebody changes and takes back.

use std::time::Duration;

use engine::{Engine, Options};
use sql::session::{Database, Session};

use super::support::{Recorder, run, session};
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

/// What a dump reads of a sequence, and what is listed of it.
async fn told(session: &mut Session, sequence: &str) -> [String; 2] {
    let listed = format!(
        "select pg_sequence_last_value('{sequence}'), last_value from pg_sequences where sequencename = '{sequence}'"
    );
    [value(session, &format!("select last_value, is_called from {sequence}")).await, value(session, &listed).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn where_sequences_stand_is_told_after_a_crash() {
    let setup = "create sequence drawn; create sequence moved; create sequence begun; create sequence fresh start 7";
    let (volume, _database, mut one, _other) = two(setup).await;
    for statement in [
        "select nextval('drawn'), nextval('drawn')",
        "select setval('moved', 100)",
        "select nextval('begun')",
        "alter sequence begun restart 50",
    ] {
        ok(&run(&mut one, statement).await);
    }
    assert_eq!(told(&mut one, "drawn").await, ["2|t", "2|2"]);
    let engine = Engine::writer(volume.crash(), Options::default()).await.expect("the volume holds a database");
    let database = Database::open(engine, None).await.expect("the catalog");
    let mut next = session(&database).await;
    // As far as its record allows, behind which it goes on.
    assert_eq!(told(&mut next, "drawn").await, ["33|t", "33|33"]);
    assert_eq!(told(&mut next, "moved").await, ["100|t", "100|100"]);
    assert_eq!(told(&mut next, "begun").await, ["50|f", "|"]);
    assert_eq!(told(&mut next, "fresh").await, ["7|f", "|"]);
    assert_eq!(value(&mut next, "select nextval('drawn')").await, "34");
    assert_eq!(told(&mut next, "drawn").await, ["34|t", "34|34"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_sequence_stands_is_not_told_before_it_is_durable() {
    let (volume, _database, mut one, mut other) = two("create sequence q").await;
    let mut client = Recorder::default();
    volume.hold();
    one.simple("select setval('q', 7)", &mut client).await.expect("it is set");
    other.simple("select last_value from q", &mut client).await.expect("a value");
    assert_eq!(client.lines, ["setval", "7", "(1 row)", "last_value", "7", "(1 row)"]);
    assert!(tokio::time::timeout(Duration::from_millis(50), other.settle()).await.is_err(), "the value waits");
    volume.resume();
    other.settle().await.expect("durable now");
}
