//! What a statement does with more rows than `work_mem` holds: the same as with few, by way of temporary files.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sql::session::{CancelReason, Database, Session};
use support::{database, run, session};

/// The least that `work_mem` can be: a few hundred rows.
const LITTLE: &str = "set work_mem = '64kB'";
const MUCH: &str = "set work_mem = '256MB'";

/// Statements over the tables of [`filled`], each with more rows at some operator than [`LITTLE`] allows. The first word
/// says whether the order of the result is part of it.
const STATEMENTS: &[(bool, &str)] = &[
    (true, "select * from a order by v desc nulls last, s, id"),
    (true, "select * from a order by v desc, id limit 7 offset 1500"),
    (true, "select s, id from a order by s nulls first, id desc"),
    (true, "select id from a order by n, f desc, id"),
    (false, "select v, count(*), sum(id), min(s), max(n), array_agg(id order by id) from a group by v"),
    (false, "select id, count(*), count(distinct s) from a group by id"),
    (false, "select s, v, grouping(v, s), count(*) from a group by grouping sets ((s), (v), (s, v), ())"),
    (false, "select id % 1000, count(*) filter (where v > 10) from a group by 1 having count(*) > 2"),
    (true, "select distinct s, v from a order by 1, 2"),
    (true, "select distinct on (s) s, id from a order by s, id desc"),
    (false, "select distinct id, s from a"),
    (false, "select a.id, b.id from a join b on a.v = b.v and a.id < b.id"),
    (false, "select a.id, b.id, b.s from a left join b on a.id = b.v * 10 and b.s <> 'x'"),
    (false, "select a.id, b.id from a left join b on a.v::char(3) = b.v::char(9) and b.s <> 'x'"),
    (false, "select a.id, b.id from a right join b on a.id = b.v"),
    (false, "select a.id, b.id from a full join b on a.id = b.id + 1000 and a.v is not null"),
    (false, "select id from a where v in (select v from b)"),
    (false, "select id from a where exists (select from b where b.v = a.v and b.id > a.id)"),
    (false, "select id from a where not exists (select from b where b.id = a.id)"),
    (true, "select a.id, b.s from a join b on b.v = a.id order by a.id"),
    (true, "select a.id, b.s from a left join b on b.v = a.id where a.id > 100 order by a.id desc limit 500"),
    (false, "select x.id, y.id from (select id from b where id < 30) x left join a y on x.id > y.id + 1985"),
    (false, "select y.id, x.id from (select id from b where id < 30) x full join a y on x.id = y.id and x.id < y.v"),
    (
        true,
        "select count(*) from (select x.i, y.i from (select id * 2 as i from a) x full join
            (select id * 2 - 1 as i from a) y on x.i = y.i limit 1) z",
    ),
    (false, "select s, v from a union select s, v from b"),
    (false, "select s, id from a intersect select s, id from b"),
    (false, "select s, v from a intersect all select s, v from b"),
    (false, "select s, id from a except select s, id from b"),
    (false, "select v, s from a except all select v, s from b"),
    (false, "with c as materialized (select * from a) select count(*), sum(x.id) from c x join c y on x.id = y.v"),
    (
        true,
        "with recursive r(i, t) as (select 1, repeat('x', 100) union all select i + 1, t from r where i < 1500)
        select count(*), sum(i), sum(length(t)) from r",
    ),
    (
        false,
        "with c as materialized (select 10::numeric ^ 3000 + id as n from a where id <= 100)
        select sum(length(n::text)) from c",
    ),
    (false, "select id % 100, max(repeat(coalesce(s, 'y'), 300)) from a group by 1"),
    (
        false,
        "with recursive r(i, j) as (select 1, 1 union select (i * 7) % 1999, (j * 5) % 911 from r) select * from r",
    ),
];

async fn filled() -> (Arc<Database>, Session) {
    let (_volume, database) = database(4096).await;
    let mut session = session(&database).await;
    for sql in [
        "create table a (id int primary key, v int, s text, n numeric, f float8)",
        "insert into a select i, case when i % 7 <> 0 then (i * 37) % 100 end, case when i % 11 <> 0 then
            repeat(chr(97 + i % 23), i % 40) end, (i % 50)::numeric / 8, (i % 13) - 6.5 from generate_series(1, 2000) i",
        "create table b (id int primary key, v int, s text)",
        "insert into b select i, case when i % 5 <> 0 then (i * 53) % 1000 end, case when i % 13 <> 0 then
            repeat(chr(97 + i % 23), i % 40) end from generate_series(1, 1500) i",
        "analyze",
    ] {
        let lines = run(&mut session, sql).await;
        assert!(!lines.iter().any(|line| line.starts_with("ERROR")), "{sql}: {lines:?}");
    }
    (database, session)
}

/// How many temporary files the server has made.
async fn files(session: &mut Session) -> u64 {
    let lines = run(session, "select temp_files from pg_stat_database where datname = 'postgres'").await;
    lines[1].parse().expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_the_same_with_little_memory() {
    let (_database, mut session) = filled().await;
    for (ordered, sql) in STATEMENTS {
        run(&mut session, MUCH).await;
        let before = files(&mut session).await;
        let mut expected = run(&mut session, sql).await;
        assert!(!expected.iter().any(|line| line.starts_with("ERROR")), "{sql}: {expected:?}");
        assert_eq!(files(&mut session).await, before, "nothing is spilled with much memory: {sql}");
        run(&mut session, LITTLE).await;
        let mut found = run(&mut session, sql).await;
        assert!(files(&mut session).await > before, "nothing was spilled: {sql}");
        if !ordered {
            expected.sort();
            found.sort();
        }
        assert!(expected == found, "{sql}\n{} lines, {} with little memory", expected.len(), found.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_runs_than_are_merged_at_once_make_several_passes() {
    let (_database, mut session) = filled().await;
    run(&mut session, LITTLE).await;
    let sql = "select count(*), count(*) filter (where h < before) from (select h, lag(h) over () as before
        from (select (g * 7919) % 60013 as h from generate_series(1, 60000) g order by 1 offset 0) x) y";
    assert_eq!(run(&mut session, sql).await, ["count|count", "60000|0", "(1 row)"]);
    let sql = "select g from generate_series(1, 100000) g order by (g * 7919) % 100003 limit 3 offset 99996";
    let little = run(&mut session, sql).await;
    run(&mut session, MUCH).await;
    assert_eq!(run(&mut session, sql).await, little);
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_files_are_limited_and_given_back() {
    let (_database, mut session) = filled().await;
    run(&mut session, LITTLE).await;
    run(&mut session, "set temp_file_limit = '1MB'").await;
    let large = "select count(*) from (select g from generate_series(1, 100000) g order by -g offset 0) x";
    let refused = ["ERROR:  53400: temporary file size exceeds temp_file_limit (1024kB)"];
    // Each time anew: what a failed statement wrote does not count against the next.
    for _ in 0..3 {
        assert_eq!(run(&mut session, large).await, refused);
        let small = "select count(*) from (select g from generate_series(1, 10000) g order by -g offset 0) x";
        assert_eq!(run(&mut session, small).await, ["count", "10000", "(1 row)"]);
    }
    run(&mut session, "reset temp_file_limit").await;
    assert_eq!(run(&mut session, large).await, ["count", "100000", "(1 row)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_not_there_is_an_io_error() {
    let (database, mut session) = filled().await;
    let path = std::env::temp_dir().join("redoubt-no-such-directory");
    database.set_temporary_directory(sql::exec::TemporaryDirectory(path));
    run(&mut session, LITTLE).await;
    let lines = run(&mut session, "select count(*) from (select * from a order by s offset 0) x").await;
    assert!(lines[0].starts_with("ERROR:  58030: could not create temporary file"), "{lines:?}");
    assert_eq!(run(&mut session, "select 1 as one").await, ["one", "1", "(1 row)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_spill_is_refused_and_others_live() {
    let (database, mut one) = filled().await;
    let mut other = session(&database).await;
    let mut refused = 0;
    for sql in [
        "select length(string_agg(repeat('x', 1000000), '')) from generate_series(1, 1000)",
        "select max(cardinality(a)) from (select array_agg(g || repeat('x', 5000)) over () as a
            from generate_series(1, 1000000) g) x",
        "select repeat('x', 1073741824)",
        "select length(array_fill(repeat('x', 10000000), array[100000])::text)",
        "select length(concat('x', array_fill(repeat('x', 10000000), array[100000])))",
        "select length(format('%s', array_fill(repeat('x', 10000000), array[100000])))",
        "select length('x' || array_fill(repeat('x', 10000000), array[100000])::varchar)",
        "create table wide as select array_fill(repeat('x', 10000000), array[100000]) as a",
        "select array(select repeat('x', 100000) || g from generate_series(1, 100000) g)",
        "select max(length(l)) from (select lag(repeat('x', 1000000) || g) over () as l
            from generate_series(1, 1000) g) x",
        "select count(*) from (select repeat('x', 600000000) as s) x left join b using (s)",
        "select length(jsonb_pretty((repeat('[', 990) || '1' || repeat(',1', 300000) || repeat(']', 990))::jsonb))",
    ] {
        let lines = run(&mut one, sql).await;
        let line = lines.first().expect("an answer");
        if line.starts_with("ERROR:  53200") || line.starts_with("ERROR:  54000") {
            refused += 1;
        } else {
            panic!("{sql}: {line}");
        }
        assert_eq!(run(&mut other, "select count(*) from a").await, ["count", "2000", "(1 row)"]);
    }
    assert_eq!(refused, 12);
    // What a window function finds among the rows is there once, whatever the number of calls.
    let sql = "select count(m), count(n) from (select max(s) over (order by g) as m, min(s) over (order by g desc) as n
        from (select g, repeat('x', 1000000) as s from generate_series(1, 200) g offset 0) x) y";
    assert_eq!(run(&mut one, sql).await, ["count|count", "200|200", "(1 row)"]);
    // What the refused statements held was given back.
    assert_eq!(run(&mut one, "select count(distinct id) from a").await, ["count", "2000", "(1 row)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_at_the_end_of_a_statement_spills_too() {
    let (_database, mut session) = filled().await;
    run(&mut session, LITTLE).await;
    run(&mut session, "create table wide (id int primary key, v text)").await;
    for (sql, first, tag) in [
        (
            "insert into wide select g, repeat('x', 200) from generate_series(1, 2000) g returning id",
            "1",
            "INSERT 0 2000",
        ),
        ("update wide set v = v || 'y' returning id, v", "1|", "UPDATE 2000"),
        ("with gone as (delete from wide where id > 1000 returning *) select id, v from gone", "1001|", "(1000 rows)"),
        ("delete from wide returning id, v", "1|", "DELETE 1000"),
    ] {
        let before = files(&mut session).await;
        let lines = run(&mut session, sql).await;
        assert!(lines[1].starts_with(first) && lines.last().is_some_and(|last| last == tag), "{sql}");
        assert!(files(&mut session).await > before, "nothing was spilled: {sql}");
    }
    for scroll in ["no scroll", "scroll"] {
        run(&mut session, "begin").await;
        run(
            &mut session,
            &format!("declare c {scroll} cursor for select g, repeat('x', 200) from generate_series(1, 3000) g"),
        )
        .await;
        assert!(run(&mut session, "fetch 2 from c").await[2].starts_with("2|"));
        assert_eq!(run(&mut session, "move 7 in c").await, ["MOVE 7"]);
        assert!(run(&mut session, "fetch relative 3 from c").await[1].starts_with("12|"));
        let before = files(&mut session).await;
        assert_eq!(run(&mut session, "move 1988 in c").await, ["MOVE 1988"]);
        assert_eq!(files(&mut session).await, before, "what is not shown is not gathered");
        let lines = run(&mut session, "fetch all from c").await;
        assert!(lines.len() == 1002 && lines[1].starts_with("2001|") && lines[1000].starts_with("3000|"));
        assert!(files(&mut session).await > before, "nothing was spilled: {scroll}");
        run(&mut session, "rollback").await;
    }
}

/// Runs a statement that would take for ever and ends it, by a cancel request or by its timeout.
async fn endless(sql: &'static str, timeout: bool) {
    let (database, mut one) = filled().await;
    run(&mut one, LITTLE).await;
    let mut other = session(&database).await;
    if timeout {
        run(&mut one, "set statement_timeout = '1s'").await;
    }
    let cancel = one.cancel_handle();
    let running = tokio::spawn(async move { run(&mut one, sql).await });
    let mut answered = 0;
    while !running.is_finished() && answered < 20 {
        assert_eq!(run(&mut other, "select v from a where id = 3").await, ["v", "11", "(1 row)"]);
        answered += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = Instant::now();
    if !timeout {
        cancel(CancelReason::Request);
    }
    let lines = running.await.expect("no panic");
    let why = if timeout { "statement timeout" } else { "user request" };
    assert_eq!(lines, [format!("ERROR:  57014: canceling statement due to {why}")], "{sql}");
    assert!(asked.elapsed() < Duration::from_secs(20), "{sql}: {:?}", asked.elapsed());
    assert!(answered > 0, "others were held up: {sql}");
}

const SORT: &str = "select * from generate_series(1, 1000000000) g order by g desc";
const CROSS: &str = "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b";
const GROUPS: &str = "select g, count(*) from generate_series(1, 1000000000) g group by g";
/// One value takes as long as many rows.
const MATCHES: &str = "select length(regexp_replace(repeat('x', 200000000), 'x', 'y', 'g'))";
/// Back references are tried one way after the other.
const REFERENCES: &str = "select repeat('a', 3000) || 'b' || repeat('a', 2999) ~ '^(a+)(a+)(a+)(a+)b\\4\\3\\2\\1$'";
/// LIKE is tried at one place after the other.
const LIKES: &str = "select repeat('a', 400000) like '%' || repeat('a', 100000) || 'b'";

#[tokio::test(flavor = "multi_thread")]
async fn endless_statements_end_when_asked() {
    endless(SORT, false).await;
    endless(CROSS, false).await;
    endless(GROUPS, false).await;
    endless(MATCHES, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_statements_end_in_time() {
    endless(SORT, true).await;
    endless(CROSS, true).await;
    endless(MATCHES, true).await;
    endless(REFERENCES, true).await;
    endless(LIKES, true).await;
    endless(
        "select count(*) from generate_series(1, 1000000000) a(x) join generate_series(1, 1000000000) b(x) using (x)",
        true,
    )
    .await;
}
