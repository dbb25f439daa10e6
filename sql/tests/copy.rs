//! COPY both ways, with the errors and context lines of PostgreSQL 15.

mod support;

use bytes::Bytes;
use sql::session::Session;
use support::{Recorder, database, run, session};
use types::Error;

const TABLES: &str = "create table t (a int primary key check (a > 0), b varchar(10)); \
    create table c (a int references t); \
    create table d (a int, b int default 9, s serial, g int generated always as (a * 2) stored); \
    create table w (a int primary key, b text unique, parent int references w)";

async fn tables() -> Session {
    let (_volume, database) = database(1024).await;
    let mut session = session(&database).await;
    for statement in TABLES.split(';') {
        assert_eq!(run(&mut session, statement).await, ["CREATE TABLE"]);
    }
    session
}

/// Runs a COPY whose data comes in pieces of seven bytes.
async fn copy(session: &mut Session, sql: &str, data: &[u8]) -> Result<Vec<String>, Error> {
    let mut client = Recorder::default();
    client.input.extend(data.chunks(7).map(Bytes::copy_from_slice));
    let result = session.simple(sql, &mut client).await;
    if result.is_err() {
        session.fail();
    }
    session.settle().await.expect("the volume is alive");
    result.map(|()| client.lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_where_they_are() {
    let cases: &[(&str, &str, &str, &str, Option<&str>)] = &[
        ("copy t from stdin", "1\tone\n2\n", "22P04", "missing data for column \"b\"", Some("COPY t, line 2: \"2\"")),
        (
            "copy t from stdin",
            "1\tone\t3\n",
            "22P04",
            "extra data after last expected column",
            Some("COPY t, line 1: \"1\tone\t3\""),
        ),
        (
            "copy t from stdin",
            "1\tone\nx2\ttwo\n",
            "22P02",
            "invalid input syntax for type integer: \"x2\"",
            Some("COPY t, line 2, column a: \"x2\""),
        ),
        (
            "copy t from stdin",
            "\\N\tone\n",
            "23502",
            "null value in column \"a\" of relation \"t\" violates not-null constraint",
            Some("COPY t, line 1: \"\\N\tone\""),
        ),
        (
            "copy t from stdin",
            "1\tone\n-5\tneg\n",
            "23514",
            "new row for relation \"t\" violates check constraint \"t_a_check\"",
            Some("COPY t, line 2: \"-5\tneg\""),
        ),
        (
            "copy t from stdin",
            "1\tone\n1\tagain\n",
            "23505",
            "duplicate key value violates unique constraint \"t_pkey\"",
            Some("COPY t, line 2"),
        ),
        (
            "copy t from stdin",
            "1\ta very long text indeed\n",
            "22001",
            "value too long for type character varying(10)",
            Some("COPY t, line 1, column b: \"a very long text indeed\""),
        ),
        (
            "copy t from stdin csv",
            "1,\"open\n2,x\n",
            "22P04",
            "unterminated CSV quoted field",
            Some("COPY t, line 1: \"1,\"open\n2,x\n\""),
        ),
        (
            "copy t from stdin (format csv, header match)",
            "a,c\n1,\n",
            "22P04",
            "column name mismatch in header line field 2: got \"c\", expected \"b\"",
            Some("COPY t, line 1: \"a,c\""),
        ),
        (
            "copy t from stdin",
            "1\ta\\xff\n",
            "22021",
            "invalid byte sequence for encoding \"UTF8\": 0xff",
            Some("COPY t, line 1: \"1\ta\\xff\""),
        ),
        (
            "copy c from stdin",
            "1\n77\n",
            "23503",
            "insert or update on table \"c\" violates foreign key constraint \"c_a_fkey\"",
            None,
        ),
        (
            "copy t from stdin",
            "1\tone\n\n",
            "22P02",
            "invalid input syntax for type integer: \"\"",
            Some("COPY t, line 2, column a: \"\""),
        ),
    ];
    let mut session = tables().await;
    for (sql, data, state, message, place) in cases {
        let error = copy(&mut session, sql, data.as_bytes()).await.expect_err("an error");
        assert_eq!((error.sqlstate().as_str(), error.message.as_str()), (*state, *message), "{sql}: {data:?}");
        assert_eq!(error.where_.as_deref(), *place, "{sql}: {data:?}");
    }
    let lines = run(&mut session, "select (select count(*) from t) + (select count(*) from c) as n").await;
    assert_eq!(lines[1], "0", "nothing is kept of a COPY that failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_completed_filtered_and_indexed() {
    let mut session = tables().await;
    let done = copy(&mut session, "copy d (a) from stdin", b"5\n6\n").await.expect("sound");
    assert_eq!(done, ["COPY 2"]);
    assert_eq!(run(&mut session, "select * from d order by a").await[1..3], ["5|9|1|10", "6|9|2|12"]);
    let done = copy(&mut session, "copy t from stdin where a > 1", b"1\tx\n2\ty\n").await.expect("sound");
    assert_eq!(done, ["COPY 1"]);
    let done = copy(&mut session, "copy t from stdin (format csv, force_null (b))", b"1,\"\"\n").await.expect("sound");
    assert_eq!(done, ["COPY 1"]);
    let done = copy(&mut session, "copy c from stdin", b"1\n2\n\\N\n").await.expect("the parents are there");
    assert_eq!(done, ["COPY 3"]);
    // Rows may refer to later ones, and entries of an index are found.
    let done = copy(&mut session, "copy w from stdin", b"1\tz\t2\n2\ty\t\\N\n3\t\\N\t1\n4\t\\N\t4\n").await;
    assert_eq!(done.expect("all parents are in the data"), ["COPY 4"]);
    assert_eq!(run(&mut session, "select a from w where b = 'y'").await[1], "2");
    let error = copy(&mut session, "copy w from stdin", b"7\tnew\t\\N\n8\ty\t\\N\n").await.expect_err("taken");
    assert_eq!(error.constraint.as_deref(), Some("w_b_key"));
    assert_eq!(error.where_.as_deref(), Some("COPY w, line 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_go_in_and_come_out_as_they_were() {
    let mut session = tables().await;
    assert_eq!(run(&mut session, "create table m (a int, b text, n numeric, x timestamptz)").await, ["CREATE TABLE"]);
    assert_eq!(run(&mut session, "create index on m (b)").await, ["CREATE INDEX"]);
    let mut data = String::new();
    for at in 0..12_000 {
        data.push_str(&format!("{at}\tr\\\\ow,\"{}\"\\n\t{at}.50\t2024-01-01 00:00:00+00\n", at % 700));
    }
    let done = copy(&mut session, "copy m from stdin", data.as_bytes()).await.expect("sound");
    assert_eq!(done, ["COPY 12000"]);
    let lines = run(&mut session, "select count(*) from m where b = E'r\\\\ow,\"7\"\\n'").await;
    assert_eq!(lines[1], "18");
    let lines = run(&mut session, "select reltuples from pg_class where relname = 'm'").await;
    assert_eq!(lines[1], "12000");
    let out = copy(&mut session, "copy (select * from m order by a) to stdout", b"").await.expect("a result");
    assert_eq!(out[..12_000].join("\n") + "\n", data);
    let csv = copy(&mut session, "copy m (a, b) to stdout (format csv, header)", b"").await.expect("a result");
    assert_eq!(csv[..2], ["a,b", "0,\"r\\ow,\"\"0\"\"\n\""]);
    // Into a table that was emptied in the same transaction, by the row ids of its new tree.
    for (sql, input, last) in [
        ("begin", &b""[..], "BEGIN"),
        ("truncate m", b"", "TRUNCATE TABLE"),
        ("copy m (a) from stdin (freeze)", b"2\n1\n", "COPY 2"),
        ("insert into m (a) values (3)", b"", "INSERT 0 1"),
        ("alter table m add primary key (a)", b"", "ALTER TABLE"),
        ("commit", b"", "COMMIT"),
    ] {
        assert_eq!(copy(&mut session, sql, input).await.expect(sql).last().expect("a tag"), last, "{sql}");
    }
    assert_eq!(run(&mut session, "select a from m").await[1..4], ["1", "2", "3"]);
}
