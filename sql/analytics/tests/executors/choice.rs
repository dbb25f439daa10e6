//! Which executor runs a statement, as EXPLAIN shows it, and where the vector executor puts what memory does not hold.

use std::sync::Arc;
use std::time::{Duration, Instant};

use analytics::{DataFusionExecutor, Options};
use engine::Engine;
use engine::testing::MemoryVolume;
use sql::session::{CancelReason, Database, Session};

use crate::support::{Answer, answer, lines, session};

async fn over(options: Options) -> Session {
    let engine = Engine::bootstrap(MemoryVolume::new(), engine::Options::default()).await.expect("an empty volume");
    let vector = Arc::new(DataFusionExecutor::new(options));
    session(&Database::open(engine, Some(vector)).await.expect("a fresh catalog")).await
}

async fn ask(session: &mut Session, sql: &str) -> Vec<String> {
    lines(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn is_vector(session: &mut Session, sql: &str) -> bool {
    ask(session, &format!("explain {sql}")).await[0] == "Custom Scan (Vector)"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_range_stays_with_rows_and_a_long_one_goes_to_columns() {
    let mut one = over(Options::default()).await;
    ask(&mut one, "create table t (id int primary key, v int, w int); create index t_v on t (v)").await;
    ask(&mut one, "insert into t select n, n, n % 10 from generate_series(1, 20000) n; analyze t").await;
    for (query, expected) in [
        ("select sum(v) from t where id between 1 and 100", false),
        ("select sum(v) from t where id between 1 and 15000", true),
        ("select sum(w) from t where v between 1 and 100", false),
        ("select sum(w) from t where v between 1 and 15000", true),
        ("select w, count(*) from t group by w", true),
        // One key, however large the table.
        ("select sum(v) from t where id = 7", false),
        // What is merely read is better read as rows.
        ("select v from t", false),
        ("select count(*) from pg_class", false),
    ] {
        assert_eq!(is_vector(&mut one, query).await, expected, "{query}");
    }
    // What is needed before the statement itself may come in any order, also where an index would give one.
    for (query, expected) in [
        (
            "with c as (select v from t where id between 1 and 15000) select count(*) from c a join c b on a.v = b.v",
            "15000",
        ),
        ("select count(*) from t where w > (select w from t where v = 5)", "8000"),
    ] {
        assert!(is_vector(&mut one, query).await, "{query}");
        assert_eq!(ask(&mut one, query).await, [expected], "{query}");
    }
    // One prepared plan is for either, by the values of the moment.
    ask(&mut one, "prepare p (int) as select sum(v) from t where id between 1 and $1").await;
    assert!(!is_vector(&mut one, "execute p (100)").await);
    assert!(is_vector(&mut one, "execute p (15000)").await);
    let shown = ask(&mut one, "explain analyze execute p (15000)").await;
    assert!(shown.iter().any(|line| line == "Rows: 1"), "{shown:?}");
    assert_eq!(ask(&mut one, "execute p (4)").await, ["10"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_memory_does_not_hold_counts_as_the_sessions_temporary_files() {
    let mut one = over(Options { memory_bytes: 8 << 20, only_worthwhile: false, ..Options::default() }).await;
    ask(&mut one, "create table t (id int primary key, v text)").await;
    ask(&mut one, "insert into t select n, md5(n::text) || repeat('x', 200) from generate_series(1, 100000) n").await;
    let query = "select v from t order by v";
    assert!(is_vector(&mut one, query).await);
    let temporary = "select temp_bytes from pg_stat_database where datname = current_database()";
    let before: u64 = ask(&mut one, temporary).await[0].parse().expect("a number");
    let rows = ask(&mut one, query).await;
    assert_eq!(rows.len(), 100_000);
    assert!(rows.is_sorted());
    let after: u64 = ask(&mut one, temporary).await[0].parse().expect("a number");
    assert!(after > before + (1 << 20), "{before} {after}");
    ask(&mut one, "set temp_file_limit = '1MB'").await;
    assert_eq!(answer(&mut one, query).await, Answer::Error("53400".into()));
    // Whether there is a row is known from the first one, whatever may come behind it.
    let first = "select count(*) from t where exists
        (select 1 from t union all select 1 from (select v from t order by v offset 1) q)";
    assert!(is_vector(&mut one, first).await);
    assert_eq!(ask(&mut one, first).await, ["100000"]);
    // What the statement wrote is given back with it.
    ask(&mut one, "set temp_file_limit = '64MB'").await;
    assert_eq!(ask(&mut one, query).await.len(), 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_spilled_in_columns_is_run_in_rows() {
    let mut one = over(Options { memory_bytes: 8 << 20, only_worthwhile: false, ..Options::default() }).await;
    ask(&mut one, "create table t (id int primary key, v text)").await;
    ask(&mut one, "insert into t select n, md5(n::text) || repeat('x', 200) from generate_series(1, 50000) n").await;
    for (query, expected) in [
        ("select count(*), min(a.id), max(b.id) from t a join t b on a.v = b.v", "50000|1|50000"),
        ("select count(*), count(b.id) from t a left join t b on a.v = b.v and a.id > 10", "50000|49990"),
        ("select count(*) from t a full join t b on a.v = b.v", "50000"),
        ("select count(*) from t a where not exists (select 1 from t b where b.v = a.v and b.id > 20)", "20"),
        (
            "select count(*), sum(length(s)) from (select string_agg(v, ',' order by id) s from t group by id % 7) q",
            "7|11649993",
        ),
        ("with c as (select v from t) select count(*) from c a join c b on a.v = b.v", "50000"),
    ] {
        assert!(is_vector(&mut one, query).await, "{query}");
        assert_eq!(ask(&mut one, query).await, [expected], "{query}");
    }
    // Not even when a part of a union has made its rows.
    let query = "select count(*) from t where id <= 3 union all select count(*) from t a join t b on a.v = b.v";
    assert!(is_vector(&mut one, query).await);
    assert_eq!(ask(&mut one, query).await, ["3", "50000"]);
    // A portal goes on with whichever executor it ended up with.
    ask(&mut one, "begin; declare c cursor for select a.id from t a join t b on a.v = b.v order by a.id * 1").await;
    assert_eq!(ask(&mut one, "fetch 2 from c").await, ["1", "2"]);
    assert_eq!(ask(&mut one, "fetch 2 from c").await, ["3", "4"]);
    ask(&mut one, "commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_what_is_run_beforehand_is_one_only_if_its_value_is_asked_for() {
    let mut one = over(Options { only_worthwhile: false, ..Options::default() }).await;
    ask(&mut one, "create table t (id int primary key, v int); insert into t select n, n from generate_series(0, 9) n")
        .await;
    for query in [
        // A quotient by zero, and several rows for one value, where no row asks for them.
        "select count(*) from t where v < 100 or v = (select max(1 / v) from t)",
        "select count(*) from t where v < 100 or v = (select v from t)",
        "select count(w) from (select case when v < 100 then 1 else (select min(1 / v) from t) end as w from t) q",
    ] {
        assert!(is_vector(&mut one, query).await, "{query}");
        assert_eq!(ask(&mut one, query).await, ["10"], "{query}");
    }
    for (query, state) in [
        ("select count(*) from t where v < 5 or v = (select max(1 / v) from t)", "22012"),
        ("select count(*) from t where v < 5 or v = (select v from t)", "21000"),
        ("select v, 1 / v from t order by v", "22012"),
        ("with c as (select 1 / v as w from t) select count(*) from c a join c b on a.w = b.w", "22012"),
    ] {
        assert!(is_vector(&mut one, query).await, "{query}");
        assert_eq!(answer(&mut one, query).await, Answer::Error(state.into()), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_makes_more_than_it_reads_can_be_cancelled() {
    let mut one = over(Options::default()).await;
    ask(&mut one, "create table t (id int primary key, v int)").await;
    ask(&mut one, "insert into t select n, 1 from generate_series(1, 20000) n; analyze t").await;
    ask(&mut one, "set statement_timeout = '200ms'").await;
    let making =
        ["select count(a.id + b.id) from t a join t b on a.v = b.v", "select sum(a.id + b.id) from t a cross join t b"];
    // Those that make little or nothing of all that they compare.
    let comparing = [
        "select count(*) from t a join t b on a.id * 2 < b.id - 50000",
        "select count(*) from t a join t b on a.v = b.v and a.id * 2 < b.id - 50000",
        "select count(*) from t a where exists (select from t b where b.v = a.v)",
    ];
    for query in making.into_iter().chain(comparing) {
        let started = Instant::now();
        assert_eq!(answer(&mut one, query).await, Answer::Error("57014".into()), "{query}");
        assert!(started.elapsed() < Duration::from_secs(20), "{query}: {:?}", started.elapsed());
    }
    ask(&mut one, "set statement_timeout = 0").await;
    for query in comparing {
        assert!(is_vector(&mut one, query).await, "{query}");
        let cancel = one.cancel_handle();
        // A request that comes before the statement runs is for nothing.
        let canceller: tokio::task::JoinHandle<()> = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                cancel(CancelReason::Request);
            }
        });
        let started = Instant::now();
        assert_eq!(answer(&mut one, query).await, Answer::Error("57014".into()), "{query}");
        assert!(started.elapsed() < Duration::from_secs(20), "{query}: {:?}", started.elapsed());
        canceller.abort();
        assert!(canceller.await.is_err_and(|ended| ended.is_cancelled()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_average_fails_in_columns_too_when_squares_overflow() {
    let mut one = over(Options { only_worthwhile: false, ..Options::default() }).await;
    ask(&mut one, "create table t (id int primary key, f float8)").await;
    ask(&mut one, "insert into t values (1, 1e200), (2, 1), (3, 'infinity'), (4, 1e308), (5, 1e139), (6, -1e139)")
        .await;
    for (query, expected) in [
        ("select avg(f) from t where id between 3 and 4", "Infinity"),
        ("select avg(f) from t where id between 5 and 6", "0"),
    ] {
        assert!(is_vector(&mut one, query).await, "{query}");
        assert_eq!(ask(&mut one, query).await, [expected], "{query}");
    }
    // Below a union nothing can be started again.
    for query in [
        "select avg(f) from t where id between 1 and 2",
        "select avg(f) from t where id between 1 and 2 union all select f from t where id between 1 and 2",
    ] {
        assert!(is_vector(&mut one, query).await, "{query}");
        assert_eq!(answer(&mut one, query).await, Answer::Error("22003".into()), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blanks_at_the_end_of_a_char_do_not_count_in_columns() {
    let mut one = over(Options { only_worthwhile: false, ..Options::default() }).await;
    ask(&mut one, "create table t (id text primary key, c char(4), b bpchar)").await;
    ask(&mut one, "insert into t values (1, 'a', 'a'), (2, 'a', 'a  '), (3, E'a\\t', E'a\\t'), (4, 'b', 'b ')").await;
    for (query, expected) in [
        ("select count(*) from t x join t y on x.c = y.c", "6"),
        ("select string_agg(id, ',' order by c, id) from t", "1,2,3,4"),
        ("select string_agg(id, ',' order by b desc, id desc) from t", "4,3,2,1"),
        ("select array_length(array_agg(distinct b order by b), 1) from t", "3"),
    ] {
        assert!(is_vector(&mut one, query).await, "{query}");
        assert_eq!(ask(&mut one, query).await, [expected], "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn system_columns_are_read_as_rows() {
    let mut one = over(Options { only_worthwhile: false, ..Options::default() }).await;
    ask(&mut one, "create table t (id int primary key, w int)").await;
    ask(&mut one, "insert into t select n, n % 10 from generate_series(1, 700) n").await;
    ask(&mut one, "insert into t select n, n % 10 from generate_series(701, 1000) n").await;
    for (query, expected) in [
        ("select count(distinct ctid), count(distinct xmin::text), max(ctid) from t", "1000|2|(0,1000)"),
        ("select sum(w) from t where ctid <= '(0,100)'", "450"),
        ("select count(*) from t a join t b on a.ctid = b.ctid", "1000"),
        ("select count(*) from (select ctid from t intersect select ctid from t where w = 1) s", "100"),
        ("select count(*) from t where xmin = (select xmin from t where id = 7)", "700"),
        ("select sum(w) from (select w, xmin from t) s where xmin <> '0'", "4500"),
    ] {
        assert!(!is_vector(&mut one, query).await, "{query}");
        assert_eq!(ask(&mut one, query).await, [expected], "{query}");
    }
    // Once they are stored they are values like others.
    ask(&mut one, "create table kept as select id, ctid as place, xmin as writer from t").await;
    for (query, expected) in [
        (
            "select min(place), max(place), count(distinct place), count(distinct writer::text) from kept",
            "(0,1)|(0,1000)|1000|2",
        ),
        ("select count(*) from kept a join kept b on a.place = b.place and a.writer = b.writer", "1000"),
        ("select place from kept where id > 10 order by place desc limit 1", "(0,1000)"),
    ] {
        assert_eq!(ask(&mut one, query).await, [expected], "{query}");
    }
}
