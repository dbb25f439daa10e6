//! A statement answers the same whether its literals are lifted out of its plan or stay in it: rows, tags, errors and the
//! places of errors.
//!
//! Two databases get the same statements in the same order. In one they take shared plans by their shape, in the other
//! each is planned with its literals in place.

mod support;

use std::sync::Arc;

use sql::session::{Database, Session};
use support::{Recorder, database, run, session};

/// Runs a Query message, and says where an error points too.
async fn answer(session: &mut Session, sql: &str) -> Vec<String> {
    let mut client = Recorder::default();
    if let Err(error) = session.simple(sql, &mut client).await {
        client.error(&error);
        client.lines.push(format!("at {:?}", error.position));
        session.fail();
    }
    session.settle().await.expect("the volume is alive");
    client.lines
}

struct Pair {
    lifted: Session,
    in_place: Session,
    database: Arc<Database>,
    differences: Vec<String>,
}

const TABLE: &str = "create table t (id int primary key, small smallint, big bigint, n numeric(6,2), s varchar(5), \
                     c char(3), x text default 'd', d date, at timestamptz, yes bool, f float8, span interval day, \
                     check (id < 1000000))";

impl Pair {
    async fn new() -> Pair {
        let (_, one) = database(1024).await;
        let (_, other) = database(1024).await;
        let mut pair = Pair {
            lifted: session(&one).await,
            in_place: session(&other).await,
            database: one,
            differences: Vec::new(),
        };
        run(&mut pair.in_place, "set plan_cache_mode = force_custom_plan").await;
        pair.same(TABLE).await;
        pair.same("create index on t (s)").await;
        pair
    }

    async fn same(&mut self, sql: &str) {
        let expected = answer(&mut self.in_place, sql).await;
        let found = answer(&mut self.lifted, sql).await;
        if found != expected {
            self.differences.push(format!("{sql}\n  in place: {expected:?}\n  lifted:   {found:?}"));
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.differences.is_empty(), "{}", self.differences.join("\n"));
        }
    }
}

const LITERALS: &[&str] = &[
    "0",
    "1",
    "007",
    "-1",
    "- 5",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775809",
    "1.5",
    "-.5",
    "1e3",
    "12345.678",
    "1e400",
    "'1'",
    "' 2 '",
    "'-3'",
    "'1.5'",
    "'x'",
    "''",
    "'it''s'",
    "'toolong'",
    "'ab   '",
    "'abc   '",
    "'2020-01-01'",
    "'2020-13-01'",
    "'2020-01-01 12:34:56+02'",
    "'today'",
    "'infinity'",
    "'t'",
    "'maybe'",
    "'NaN'",
    "'ä'",
    "'5'",
    "null",
    "true",
    "1 + 1",
    "default",
];

/// Statements with a place for a literal.
const ONE: &[&str] = &[
    "select id, s from t where id = {} order by id",
    "select id from t where {} < id order by 1",
    "select count(*), max(n) from t where big >= {}",
    "select id from t where small <> {} order by id limit 3",
    "select id from t where n = {} order by id",
    "select id from t where s = {} order by id",
    "select id from t where c = {} order by id",
    "select id from t where x > {} order by id",
    "select id from t where d = {} order by id",
    "select id from t where at > {} order by id",
    "select id from t where yes = {} order by id",
    "select id from t where f <= {} order by id",
    "select id from t where span = {} order by id",
    "select id from t where id = {} and s = 'x' and (id = 1 or id = 2) for update",
    "select id, {} from t order by id limit 1",
    "select id from t order by {} limit 2",
    "select id from t group by id, {} order by id limit 2",
    "select id from t where id in (1, {}) order by id",
    "select id from t where abs(id) = {} order by id",
    "select id from t where not id = {} order by id",
    "select t1.id from t t1, t t2 where t1.id = t2.id and t1.id = {}",
    "select id from t where id = (select max(id) from t where id < {})",
    "select relname from pg_class where relname = {}",
    "select relname from pg_class where oid = {}",
    "select nothing from t where id = {}",
    "select id from t where nothing = {}",
    "select id from missing where id = {}",
    "select id from t where id == {}",
    "select id from t where id = {} or",
    "insert into t (id, small) values (7, {})",
    "insert into t (id, big) values ({}, 3) on conflict do nothing",
    "insert into t (id, n) values (8, {}) on conflict (id) do update set n = {}",
    "insert into t (id, s) values (9, {}) returning id, s",
    "insert into t (id, c) values (10, {}), (11, 'ab')",
    "insert into t (id, x) values (12, {})",
    "insert into t (id, d) values (13, {})",
    "insert into t (id, at) values (14, {})",
    "insert into t (id, yes) values (15, {})",
    "insert into t (id, f) values (16, {})",
    "insert into t (id, span) values (17, {})",
    "insert into t values ({})",
    "insert into t (id, nothing) values (1, {})",
    "insert into t (id) values (1, {})",
    "update t set small = {} where id = 7",
    "update t set small = small + {} where id = 7",
    "update t set big = big * {}",
    "update t set n = {} / n where id > 1",
    "update t set s = {} where id = 9",
    "update t set c = {}, x = {} where id = 10",
    "update t set d = {} where id = 13",
    "update t set d = d + {} where id = 13",
    "update t set at = {} where id < 20",
    "update t set yes = {} where f = 1",
    "update t set id = {} where id = 16 returning id",
    "update t set span = {} where id = 17",
    "update t set f = f - {}",
    "delete from t where id = {}",
    "delete from t where s = {} returning id",
    "delete from t where d between {} and '2030-01-01'",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_literal_in_every_place_means_the_same_lifted_or_not() {
    let mut pair = Pair::new().await;
    for template in ONE {
        // Twice, so that each literal meets a plan made for another and one made for itself.
        for literal in LITERALS.iter().chain(LITERALS.iter().rev()) {
            pair.same(&template.replace("{}", literal)).await;
        }
        pair.same("select * from t order by id").await;
        pair.same("insert into t (id, s, n) values (1, 'a', 1), (2, 'b', 2) on conflict do nothing").await;
    }
    let stats = pair.database.plan_stats();
    assert!(stats.found > 1000, "shared plans are used: {stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn literals_mean_the_same_in_blocks_and_after_definitions() {
    let mut pair = Pair::new().await;
    for statement in [
        "insert into t (id, s) values (1, 'a')",
        "begin",
        "update t set s = 'b' where id = 1",
        "select s from t where id = 1",
        "select s from t where id = 'x'",
        // In a failed block nothing but its end is taken, from whichever plan.
        "select s from t where id = 1",
        "select s from t where id = 2",
        "commit",
        "select s from t where id = 1",
        "begin",
        "alter table t add column y int default 5",
        "select y from t where id = 1",
        "rollback",
        "select y from t where id = 1",
        "alter table t alter column s type text",
        "select s from t where id = 1",
        "update t set s = 'longer than five' where id = 1",
        "drop index t_s_idx",
        "select id from t where s = 'b'",
        "create schema other",
        "create table other.t (id int, s text)",
        "set search_path = other, public",
        "select s from t where id = 1",
        "reset search_path",
        "select s from t where id = 1",
        "drop table t",
        "select s from t where id = 1",
    ] {
        pair.same(statement).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_plan_serves_all_values_of_one_shape() {
    let (_, database) = database(1024).await;
    let mut session = session(&database).await;
    run(&mut session, TABLE).await;
    let before = database.plan_stats();
    for id in 1..=100 {
        assert_eq!(run(&mut session, &format!("insert into t (id, s) values ({id}, 'v{id}')")).await, ["INSERT 0 1"]);
        let lines = run(&mut session, &format!("select s from t where id = {id}")).await;
        assert_eq!(lines, ["s".to_owned(), format!("v{id}"), "(1 row)".to_owned()]);
        assert_eq!(run(&mut session, &format!("update t set n = n + -{id} where id = {id};")).await, ["UPDATE 1"]);
        assert_eq!(run(&mut session, "begin").await, ["BEGIN"]);
        assert_eq!(run(&mut session, "commit").await, ["COMMIT"]);
    }
    let after = database.plan_stats();
    assert_eq!(after.made - before.made, 5);
    assert_eq!(after.found - before.found, 5 * 99);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_literal_that_names_the_present_is_read_each_time() {
    let (_, database) = database(1024).await;
    let mut session = session(&database).await;
    for (setup, statement) in [
        ("", "select 'now'::timestamptz::text"),
        ("create table now (at timestamptz)", "insert into now values ('now') returning at::text"),
    ] {
        run(&mut session, setup).await;
        let first = run(&mut session, statement).await;
        let mut seen = first.clone();
        for _ in 0..1000 {
            seen = run(&mut session, statement).await;
            if seen != first {
                break;
            }
        }
        assert_ne!(seen, first, "time passes: {statement}");
    }
}
