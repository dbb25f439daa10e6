//! The extended protocol: what is prepared, bound and executed, and what is found wrong with it when.

use std::time::Duration;

use sql::session::Source;
use types::Datum;

use super::support::{Recorder, run, session_of};
use super::{ROWS, let_wait, ok, two, value};

#[tokio::test(flavor = "multi_thread")]
async fn the_extended_protocol_prepares_binds_and_suspends() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let mut client = Recorder::default();
    one.parse("q", "select id, v from t where id >= $1 order by id", &[]).await.expect("a query");
    one.describe_statement("q", &mut client).await.expect("known");
    assert_eq!(client.lines, ["parameters [23]", "id|v"]);
    one.bind("", "q", &[1], &[Some(&1i32.to_be_bytes())], &[]).await.expect("binary int4");
    one.execute("", 1, &mut client).await.expect("a row");
    assert!(client.suspended);
    assert_eq!(client.values, [[Datum::Int4(1), Datum::Int4(10)]]);
    one.execute("", 0, &mut client).await.expect("the rest");
    assert_eq!(client.values.len(), 2);
    one.sync().await.expect("commits");
    // The portal went with its transaction.
    assert_eq!(one.execute("", 0, &mut client).await.expect_err("gone").sqlstate().to_string(), "34000");
    one.fail();
    one.sync().await.expect("nothing to do");
    let state = |result: types::Result<()>| result.expect_err("refused").sqlstate().to_string();
    assert_eq!(state(one.bind("", "nosuch", &[], &[], &[]).await), "26000");
    assert_eq!(state(one.bind("", "q", &[], &[], &[]).await), "08P01");
    assert_eq!(state(one.bind("", "q", &[1], &[Some(&[1, 2, 3])], &[]).await), "22P03");
    assert_eq!(state(one.bind("", "q", &[], &[Some(b"1")], &[0; 3]).await), "08P01");
    assert_eq!(state(one.bind("", "q", &[0], &[Some(b"x")], &[]).await), "22P02");
    assert_eq!(state(one.parse("q", "select 1", &[]).await), "42P05");
    assert_eq!(state(one.parse("", "select 1; select 2", &[]).await), "42601");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_have_the_time_when_they_come() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let mut client = Recorder::default();
    let text = "select now() - $1::timestamptz < '1 min', now() - timestamptz 'now' < '1 min', \
                query_start = statement_timestamp() from pg_stat_activity where pid = pg_backend_pid()";
    one.parse("q", text, &[]).await.expect("a query");
    one.bind("", "q", &[], &[Some(b"now")], &[]).await.expect("a time");
    one.execute("", 0, &mut client).await.expect("a row");
    assert_eq!(client.values, [[Datum::Bool(true), Datum::Bool(true), Datum::Bool(true)]]);
    // A transaction has that of its first statement, and each statement its own.
    tokio::time::sleep(Duration::from_millis(10)).await;
    one.parse("", "select statement_timestamp() > now()", &[]).await.expect("a query");
    one.bind("", "", &[], &[], &[]).await.expect("no parameters");
    one.execute("", 0, &mut client).await.expect("a row");
    assert_eq!(client.values[1], [Datum::Bool(true)]);
    one.sync().await.expect("commits");
}

/// A statement that was sound when it was prepared.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_statement_by_now_is_told_before_its_columns() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    let mut client = Recorder::default();
    let state = |result: types::Result<()>| result.expect_err("refused").sqlstate().to_string();
    one.parse("q", "select v from t where id = $1", &[]).await.expect("a query");
    one.sync().await.expect("nothing to commit");
    ok(&run(&mut two, "alter table t rename column v to w").await);
    assert_eq!(state(one.describe_statement("q", &mut client).await), "42703");
    assert_eq!(state(one.bind("", "q", &[], &[Some(b"1")], &[]).await), "42703");
    ok(&run(&mut two, "alter table t rename column w to v; alter table t alter column v type text").await);
    assert_eq!(state(one.bind("", "q", &[], &[Some(b"1")], &[]).await), "0A000");
    assert!(client.lines.is_empty(), "{:?}", client.lines);
    ok(&run(&mut two, "alter table t alter column v type int using v::int").await);
    one.bind("", "q", &[], &[Some(b"1")], &[]).await.expect("as it was");
    one.describe_portal("", &mut client).await.expect("known");
    one.execute("", 0, &mut client).await.expect("a row");
    assert_eq!(client.values, [[Datum::Int4(10)]]);
    one.sync().await.expect("commits");
    // Names of columns count, also of what EXECUTE executes, which has a text that says nothing of them.
    one.parse("all", "select * from t", &[]).await.expect("a query");
    ok(&run(&mut one, "prepare p as select * from t").await);
    one.parse("run", "execute p", &[]).await.expect("known");
    one.bind("early", "run", &[], &[], &[]).await.expect("no parameters");
    ok(&run(&mut two, "alter table t rename column v to w").await);
    client.lines.clear();
    assert_eq!(state(one.describe_statement("all", &mut client).await), "0A000");
    let refused = one.bind("", "all", &[], &[], &[]).await.expect_err("other names");
    let known = (refused.sqlstate().to_string(), refused.routine);
    assert_eq!(known, ("0A000".to_owned(), Some("RevalidateCachedQuery")), "drivers prepare it anew");
    assert_eq!(state(one.describe_statement("run", &mut client).await), "0A000");
    assert_eq!(state(one.describe_portal("early", &mut client).await), "0A000");
    assert_eq!(state(one.execute("early", 0, &mut client).await), "0A000");
    assert!(client.lines.is_empty(), "{:?}", client.lines);
    one.fail();
    one.sync().await.expect("nothing to do");
    ok(&run(&mut two, "alter table t rename column w to v").await);
    one.describe_statement("run", &mut client).await.expect("as it was");
    assert_eq!(client.lines, ["parameters []", "id|v"]);
}

/// As PostgreSQL checks where its executor starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_may_not_be_read_is_refused_when_it_is_bound() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role mere login").await);
    let mut mere = session_of(&database, "mere").await;
    let mut client = Recorder::default();
    let state = |result: types::Result<()>| result.expect_err("refused").sqlstate().to_string();
    mere.parse("q", "select v from t where id = $1", &[]).await.expect("a query");
    assert_eq!(state(mere.bind("", "q", &[], &[Some(b"x")], &[]).await), "22P02");
    assert_eq!(state(mere.bind("", "q", &[], &[Some(b"1")], &[]).await), "42501");
    mere.parse("i", "insert into t values (3, 30) returning id", &[]).await.expect("a change");
    mere.bind("", "i", &[], &[], &[]).await.expect("no parameters");
    assert_eq!(state(mere.execute("", 0, &mut client).await), "42501");
    mere.fail();
    mere.sync().await.expect("nothing to do");
    ok(&run(&mut one, "grant select on t to mere").await);
    mere.bind("", "q", &[], &[Some(b"1")], &[]).await.expect("it may be read");
    mere.execute("", 0, &mut client).await.expect("a row");
    assert_eq!(client.values, [[Datum::Int4(10)]]);
    mere.sync().await.expect("commits");
    mere.bind("", "q", &[], &[Some(b"1")], &[]).await.expect("it may be read still");
    ok(&run(&mut one, "revoke select on t from mere").await);
    assert_eq!(state(mere.execute("", 0, &mut client).await), "42501", "what Bind found holds for its catalog");
}

/// As PostgreSQL looks at the transaction where its executor starts, before it looks at privileges.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_locks_rows_is_refused_in_a_read_only_transaction_when_it_is_bound() {
    let (_volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role mere login").await);
    let mut mere = session_of(&database, "mere").await;
    let state = |result: types::Result<()>| result.expect_err("refused").sqlstate().to_string();
    let locking = "25006: cannot execute SELECT FOR UPDATE in a read-only transaction";
    mere.parse("q", "select v from t where id = $1 for update", &[]).await.expect("a query");
    assert_eq!(state(mere.bind("", "q", &[], &[Some(b"1")], &[]).await), "42501");
    for (statement, refused) in [
        ("select v from t for update", locking),
        ("insert into t values (3, 30)", "25006: cannot execute INSERT in a read-only transaction"),
        ("copy t from stdin", "42501: permission denied for table t"),
    ] {
        ok(&run(&mut mere, "begin read only").await);
        assert_eq!(run(&mut mere, statement).await, [format!("ERROR:  {refused}")]);
        ok(&run(&mut mere, "rollback; begin read only").await);
        assert_eq!(state(mere.bind("", "q", &[], &[Some(b"x")], &[]).await), "22P02");
        assert_eq!(state(mere.bind("", "q", &[], &[Some(b"1")], &[]).await), "25006");
        ok(&run(&mut mere, "rollback").await);
    }
    // One that has not begun will be as the setting says.
    ok(&run(&mut mere, "set default_transaction_read_only = on").await);
    assert_eq!(state(mere.bind("", "q", &[], &[Some(b"1")], &[]).await), "25006");
}

/// It may be the successor's catalog that lets the query be read.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_may_have_a_successor_refuses_no_privilege() {
    let (volume, database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "create role mere login").await);
    let mut mere = session_of(&database, "mere").await;
    let state = |result: types::Result<()>| result.expect_err("refused").sqlstate().to_string();
    mere.parse("q", "select v from t", &[]).await.expect("a query");
    mere.parse("r", "rollback", &[]).await.expect("sound");
    volume.set_confirmed(false);
    assert_eq!(state(mere.bind("", "q", &[], &[], &[]).await), "57P03");
    mere.bind("", "r", &[], &[], &[]).await.expect("ending a transaction tells nothing");
    volume.set_confirmed(true);
    assert_eq!(state(mere.bind("", "q", &[], &[], &[]).await), "42501");
}

#[tokio::test(flavor = "multi_thread")]
async fn create_table_as_takes_parameters() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let mut client = Recorder::default();
    for (sql, param) in [
        ("create table z as with d as (delete from t where v = $1 returning v) select v from d", "10"),
        ("create table y as select v + $1 as v from t where v > $1", "1"),
        ("select v into x from t where id = $1", "2"),
    ] {
        one.parse("", sql, &[]).await.expect(sql);
        one.bind("", "", &[], &[Some(param.as_bytes())], &[]).await.expect(sql);
        one.execute("", 0, &mut client).await.expect(sql);
        one.sync().await.expect(sql);
    }
    assert_eq!(client.tags, ["SELECT 1"; 3]);
    for (table, v) in [("t", "20"), ("z", "10"), ("y", "21"), ("x", "20")] {
        assert_eq!(value(&mut one, &format!("select v from {table}")).await, v, "{table}");
    }
}

/// What a client was told of parameters when it prepared a statement stays true.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_keep_the_types_that_they_were_described_with() {
    let (_volume, _database, mut one, mut two) =
        two("create table t (id int, v int); insert into t values (1, 10), (2, 20)").await;
    let mut client = Recorder::default();
    one.parse("q", "select v from t where id = $1", &[]).await.expect("a query");
    one.describe_statement("q", &mut client).await.expect("known");
    let source = Source::Parsed { sql: "select v from t where id = $1".into(), types: vec![23] };
    assert_eq!(one.source_of("q"), Some(source), "another server is told of them");
    ok(&run(&mut one, "prepare s as select v from t where id = $1").await);
    ok(&run(&mut two, "alter table t alter column id type bigint").await);
    for _ in 0..2 {
        one.bind("", "q", &[1], &[Some(&2i32.to_be_bytes())], &[]).await.expect("binary int4");
        one.execute("", 0, &mut client).await.expect("a row");
        one.sync().await.expect("commits");
        one.describe_statement("q", &mut client).await.expect("known");
        // The types are kept each time that the statement is planned again.
        ok(&run(&mut two, "alter table t alter column id type int; alter table t alter column id type bigint").await);
    }
    assert_eq!(client.values, [[Datum::Int4(20)], [Datum::Int4(20)]]);
    let described = client.lines.iter().filter(|line| line.starts_with("parameters"));
    assert_eq!(described.collect::<Vec<_>>(), ["parameters [23]"; 3]);
    assert_eq!(run(&mut one, "execute s (2)").await, ["v", "20", "(1 row)"]);
    ok(&run(&mut two, "alter table t alter column id type text").await);
    let refused = one.bind("", "q", &[1], &[Some(&2i32.to_be_bytes())], &[]).await.expect_err("no such operator");
    assert_eq!(refused.sqlstate().to_string(), "42883");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_is_one_transaction() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    let mut client = Recorder::default();
    for sql in ["insert into t values (7, 7)", "insert into t values (1, 1)"] {
        one.parse("", sql, &[]).await.expect("sound");
        one.bind("", "", &[], &[], &[]).await.expect("no parameters");
        if one.execute("", 0, &mut client).await.is_err() {
            one.fail();
        }
    }
    one.sync().await.expect("ended");
    assert_eq!(run(&mut two, "select count(*) from t").await, ["count", "2", "(1 row)"]);
}

/// Tags as PostgreSQL gives them: an Execute tells how many rows it sent itself, and what it did is not done again.
#[tokio::test(flavor = "multi_thread")]
async fn a_portal_is_executed_again() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let mut client = Recorder::default();
    one.parse("", "update t set v = v + 1 returning id", &[]).await.expect("sound");
    one.bind("", "", &[], &[], &[]).await.expect("no parameters");
    one.execute("", 1, &mut client).await.expect("the first");
    one.execute("", 0, &mut client).await.expect("the other");
    one.execute("", 0, &mut client).await.expect("no more");
    assert_eq!(client.lines, ["1", "2", "UPDATE 1", "UPDATE 0"]);
    one.sync().await.expect("commits");
    let tags = client.tags.split_off(0);
    assert_eq!(tags, ["UPDATE 1", "UPDATE 0"]);
    one.parse("", "select id from t order by id", &[]).await.expect("sound");
    one.bind("", "", &[], &[], &[]).await.expect("no parameters");
    one.execute("", 1, &mut client).await.expect("the first");
    one.execute("", 5, &mut client).await.expect("the other");
    one.execute("", 5, &mut client).await.expect("no more");
    assert_eq!(client.tags.split_off(0), ["SELECT 1", "SELECT 0"]);
    one.parse("", "update t set v = v + 1", &[]).await.expect("sound");
    one.bind("", "", &[], &[], &[]).await.expect("no parameters");
    one.execute("", 0, &mut client).await.expect("once");
    let again = one.execute("", 0, &mut client).await.expect_err("it would change the rows again");
    assert_eq!((again.sqlstate().to_string().as_str(), &*again.message), ("55000", "portal \"\" cannot be run"));
}

/// As PostgreSQL counts it, whatever the client does between messages.
#[tokio::test(flavor = "multi_thread")]
async fn the_messages_of_a_statement_share_its_timeout() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let mut client = Recorder::default();
    run(&mut one, "set statement_timeout = '1s'").await;
    let pause = || tokio::time::sleep(Duration::from_millis(1100));
    one.parse("q", "select v from t where id = 1", &[]).await.expect("a query");
    pause().await;
    let late = one.bind("", "q", &[], &[], &[]).await.expect_err("its time is over");
    assert_eq!(late.sqlstate().to_string(), "57014");
    assert_eq!(&*late.message, "canceling statement due to statement timeout");
    one.fail();
    // Neither what is behind a Sync nor what is behind the end of another has lost any.
    one.sync().await.expect("nothing to do");
    one.bind("", "q", &[], &[], &[]).await.expect("no parameters");
    one.execute("", 0, &mut client).await.expect("a row");
    pause().await;
    one.bind("", "q", &[], &[], &[]).await.expect("no parameters");
    one.execute("", 0, &mut client).await.expect("a row");
    assert_eq!(client.values, [[Datum::Int4(10)], [Datum::Int4(10)]]);
    one.sync().await.expect("commits");
}

/// As drivers send a statement that they do not keep.
async fn in_one_go(session: &mut sql::session::Session, sql: &str, by_statement: bool) -> types::Result<Recorder> {
    let mut client = Recorder::default();
    session.parse("", sql, &[]).await?;
    if by_statement {
        session.describe_statement("", &mut client).await?;
        client.lines.remove(0);
    }
    session.bind("", "", &[], &[], &[]).await?;
    if !by_statement {
        session.describe_portal("", &mut client).await?;
    }
    session.execute("", 0, &mut client).await?;
    session.sync().await?;
    Ok(client)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_change_of_its_table_is_told_the_columns_of_after() {
    for by_statement in [false, true] {
        for (sql, columns) in [
            ("select * from t where id = 1", "id|v|z"),
            ("insert into t values (7, 7) returning *", "id|v|z"),
            ("update t set v = 11 where id = 1 returning *", "id|v|z"),
        ] {
            let (_volume, database, mut one, mut two) = two(ROWS).await;
            ok(&run(&mut one, "begin; alter table t add column z int default 7").await);
            let waiting = tokio::spawn(async move { in_one_go(&mut two, sql, by_statement).await });
            let_wait(&database).await;
            ok(&run(&mut one, "commit").await);
            let client = waiting.await.expect("no panic").expect("it is answered");
            assert_eq!(client.lines[0], columns, "{sql}");
            assert_eq!(client.values[0].len(), 3);
        }
    }
    // Who was told, and has it still, is told that it is so no more.
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    two.parse("kept", "select * from t", &[]).await.expect("a query");
    two.describe_statement("kept", &mut Recorder::default()).await.expect("known");
    two.sync().await.expect("nothing to commit");
    ok(&run(&mut one, "alter table t add column z int default 7").await);
    let refused = two.bind("", "kept", &[], &[], &[]).await.expect_err("it has other columns");
    assert_eq!(refused.sqlstate().to_string(), "0A000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_bound_shows_the_rows_of_then() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    let mut client = Recorder::default();
    ok(&run(&mut one, "begin").await);
    one.parse("q", "select v from t order by id", &[]).await.expect("a query");
    for portal in ["fetched", "executed"] {
        one.bind(portal, "q", &[], &[], &[]).await.expect("no parameters");
    }
    one.sync().await.expect("the block goes on");
    ok(&run(&mut one, "insert into t values (3, 30); update t set v = v + 1").await);
    one.execute("executed", 0, &mut client).await.expect("rows");
    assert_eq!(client.values, [[Datum::Int4(10)], [Datum::Int4(20)]]);
    assert_eq!(run(&mut one, "move 1 in fetched").await, ["MOVE 1"]);
    assert_eq!(run(&mut one, "fetch all in fetched").await, ["v", "20", "(1 row)"]);
    // Whoever fetches from what went with a failed block is told of that.
    one.execute("nowhere", 0, &mut client).await.expect_err("there is none");
    one.fail();
    one.sync().await.expect("the block stays");
    let refused = one.execute("executed", 0, &mut client).await.expect_err("the block has failed");
    assert_eq!(refused.sqlstate().to_string(), "25P02");
}

/// What others define is not seen, and not looked for again and again: a lock of one's own is held the whole time.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_stays_binds_once_whatever_others_define() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut one, "begin isolation level repeatable read; select v from t; create temp table own (id int)").await);
    ok(&run(&mut two, "create table other (id int)").await);
    for by_statement in [false, true] {
        let bound = in_one_go(&mut one, "select v from t order by id", by_statement);
        let client = tokio::time::timeout(Duration::from_secs(20), bound).await.expect("it ends").expect("rows");
        assert_eq!(client.values, [[Datum::Int4(10)], [Datum::Int4(20)]]);
    }
}
