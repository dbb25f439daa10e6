//! Temporary tables: whose they are, and what becomes of them.

use std::sync::Arc;

use engine::testing::MemoryReplica;
use engine::{Engine, Options};
use sql::session::{Database, Session, SessionOptions};

use super::support::{run, session};
use super::{ROWS, ok, two, value};

const HOW_MANY: &str = "select count(*) from pg_namespace where nspname like 'pg_temp%'";

async fn open(engine: Arc<Engine>) -> Arc<Database> {
    Database::open(engine, None).await.expect("the catalog")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_has_its_own() {
    let (_volume, database, mut one, mut other) = two(ROWS).await;
    ok(&run(&mut one, "create temp table t (id int)").await);
    ok(&run(&mut other, "create temp table mine (id int)").await);
    // What the one has made hides nothing from the other, nor do their shared plans.
    for _ in 0..2 {
        assert_eq!(value(&mut one, "select count(*) from t").await, "0");
        assert_eq!(value(&mut other, "select count(*) from t").await, "2");
    }
    let missing = ["ERROR:  42P01: relation \"mine\" does not exist"];
    assert_eq!(run(&mut one, "select * from mine").await, missing);
    assert_eq!(value(&mut one, HOW_MANY).await, "2");

    let others = value(&mut one, "select nspname from pg_namespace where pg_is_other_temp_schema(oid)").await;
    for asked in ["select * from THEIRS", "insert into THEIRS values (1)", "alter table THEIRS add x int"] {
        let lines = run(&mut one, &asked.replace("THEIRS", &format!("{others}.mine"))).await;
        assert_eq!(lines, ["ERROR:  0A000: cannot access temporary tables of other sessions"], "{asked}");
    }
    let lines = run(&mut one, &format!("create table {others}.x (a int)")).await;
    assert_eq!(lines, ["ERROR:  42P16: cannot create relations in temporary schemas of other sessions"]);
    // Neither is found by a search path that names it.
    ok(&run(&mut one, &format!("set search_path = {others}, public")).await);
    assert_eq!(run(&mut one, "select * from mine").await, missing);

    // Listings have no more than one's own.
    ok(&run(&mut other, "alter table mine add primary key (id)").await);
    ok(&run(&mut other, "create temp sequence q").await);
    for (listing, name) in [
        ("information_schema.tables", "table_name"),
        ("information_schema.columns", "table_name"),
        ("information_schema.key_column_usage", "table_name"),
        ("information_schema.sequences", "sequence_name"),
        ("pg_sequences", "sequencename"),
    ] {
        let query = format!("select count(*) from {listing} where {name} in ('mine', 'q')");
        assert_eq!(value(&mut one, &query).await, "0", "{listing}");
        assert_eq!(value(&mut other, &query).await, "1", "{listing}");
    }

    database.drop_left(true).await.expect("the writer drops");
    assert_eq!(value(&mut other, "select count(*) from mine").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn they_go_with_their_session() {
    let (_volume, database, mut one, mut other) = two(ROWS).await;
    for statement in [
        "create temp table a (id serial primary key, v text unique)",
        "insert into a (v) values ('x')",
        "create temp table b (id int references a)",
        "create view v as select * from a",
        "create temp sequence q",
        "create table d (id int default nextval('q'))",
        "comment on table a is 'gone soon'",
        "begin",
        "create temp table c (id int)",
        "update t set v = 0",
    ] {
        ok(&run(&mut one, statement).await);
    }
    let left = "select count(*) from pg_class where relpersistence = 't'";
    assert_ne!(value(&mut other, left).await, "0");
    drop(one);
    database.temporaries_left().await;
    database.drop_left(false).await.expect("the writer drops");
    assert_eq!(value(&mut other, left).await, "0");
    assert_eq!(value(&mut other, HOW_MANY).await, "0");
    assert_eq!(value(&mut other, "select sum(v) from t").await, "30");
    assert_eq!(value(&mut other, "select count(*) from pg_description where description = 'gone soon'").await, "0");
    ok(&run(&mut other, "insert into d default values").await);
    assert_eq!(value(&mut other, "select count(*) from d where id is null").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_wait_to_go_keeps_nothing_else_from_going() {
    let (_volume, database, mut one, mut other) = two(ROWS).await;
    let mut third = session(&database).await;
    ok(&run(&mut one, "create temp sequence q").await);
    ok(&run(&mut one, "create table d (id int default nextval('q'))").await);
    ok(&run(&mut third, "create temp table x (id int)").await);
    // Nor do those who may not connect any more.
    ok(&run(&mut other, "alter role postgres nologin").await);
    ok(&run(&mut other, "begin").await);
    ok(&run(&mut other, "select * from d").await);
    drop(one);
    drop(third);
    let error = database.drop_left(true).await.expect_err("the table is in use");
    assert_eq!(error.sqlstate().as_str(), "55P03");
    assert_eq!(value(&mut other, HOW_MANY).await, "1");
    ok(&run(&mut other, "commit").await);
    database.drop_left(true).await.expect("nobody uses it any more");
    assert_eq!(value(&mut other, HOW_MANY).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_has_left_is_dropped_by_the_next_writer() {
    let (volume, _database, mut one, _other) = two(ROWS).await;
    ok(&run(&mut one, "create temp table t as select 7 as id").await);
    let crashed = volume.crash();
    let database = open(Engine::writer(crashed, Options::default()).await.expect("the volume holds a database")).await;
    let mut next = session(&database).await;
    // Whatever has not been dropped yet is in nobody's way.
    assert_eq!(value(&mut next, HOW_MANY).await, "1");
    assert_eq!(value(&mut next, "select count(*) from t").await, "2");
    ok(&run(&mut next, "create temp table t (id int)").await);
    database.drop_left(true).await.expect("the writer drops");
    assert_eq!(value(&mut next, HOW_MANY).await, "1");
    assert_eq!(value(&mut next, "select count(*) from t").await, "0");
    ok(&run(&mut next, "drop table t").await);
    assert_eq!(value(&mut next, "select count(*) from t").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_stays_sees_its_own() {
    let (_volume, _database, mut one, mut other) = two(ROWS).await;
    ok(&run(&mut one, "begin isolation level repeatable read").await);
    assert_eq!(value(&mut one, "select count(*) from t").await, "2");
    ok(&run(&mut other, "insert into t values (3, 30)").await);
    ok(&run(&mut one, "create temp table mine (id int)").await);
    ok(&run(&mut one, "insert into mine select id from t").await);
    assert_eq!(value(&mut one, "select count(*) from mine").await, "2");
    ok(&run(&mut one, "rollback").await);
    // The schema that went with it is made again.
    ok(&run(&mut one, "create temp table mine (id int)").await);
    assert_eq!(value(&mut one, "select count(*) from mine").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told() {
    let (_volume, database, mut one, mut other) = two(ROWS).await;
    for statement in ["create role app", "revoke temp on database postgres from public", "set role app"] {
        ok(&run(&mut one, statement).await);
    }
    let refused = ["ERROR:  42501: permission denied to create temporary tables in database \"postgres\""];
    assert_eq!(run(&mut one, "create temp table x (a int)").await, refused);
    ok(&run(&mut other, "grant temp on database postgres to app").await);
    ok(&run(&mut one, "create temp table x (a int)").await);
    // The right is asked for each time.
    ok(&run(&mut other, "revoke temp on database postgres from app").await);
    let lines = run(&mut one, "create temp table another (a int)").await;
    assert!(lines[0].starts_with("ERROR:  42501: permission denied for schema pg_temp_"), "{lines:?}");

    let options = SessionOptions {
        user: "postgres".into(),
        database: "postgres".into(),
        forwarded: true,
        ..SessionOptions::default()
    };
    let mut forwarded = Session::new(database.clone(), options).await.expect("the superuser may connect");
    // Where the path only searches it, nothing goes there.
    ok(&run(&mut forwarded, "set search_path = public, pg_temp").await);
    ok(&run(&mut forwarded, "create table y (a int)").await);
    let lines = run(&mut forwarded, "create temp table y (a int)").await;
    assert!(lines[0].starts_with("ERROR:  0A000: a temporary object in a session"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_has_none() {
    let (volume, _database, mut one, _other) = two(ROWS).await;
    ok(&run(&mut one, "create temp table mine (id int)").await);
    let start = volume.last();
    let source = MemoryReplica::new(volume.clone(), start);
    let replica = open(Engine::replica(source, start, Options::default()).await.expect("the replica opens")).await;
    let mut reader = session(&replica).await;
    for (statement, command) in [
        ("create temp table x (a int)", "CREATE TABLE"),
        ("create temp table x as select 1", "CREATE TABLE AS"),
        ("create temp sequence x", "CREATE SEQUENCE"),
    ] {
        let message = format!("ERROR:  25006: cannot execute {command} in a read-only transaction");
        assert_eq!(run(&mut reader, statement).await, [message]);
    }
    assert_eq!(run(&mut reader, "select * from mine").await, ["ERROR:  42P01: relation \"mine\" does not exist"]);
    replica.drop_left(true).await.expect("there is nothing to do");
    assert_eq!(value(&mut reader, HOW_MANY).await, "1");
}
