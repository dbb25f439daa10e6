//! SELECT ... FOR UPDATE: which rows it locks, and what it yields of rows that were changed while it waited.

use std::sync::Arc;

use sql::session::{Database, Session};

use super::support::{run, session};
use super::{ROWS, let_wait, ok, spawn, two};

/// The rows of table t that nobody has locked.
async fn free(database: &Arc<Database>) -> Vec<String> {
    let lines = run(&mut session(database).await, "select id from t order by id for update skip locked").await;
    lines[1..lines.len() - 1].to_vec()
}

const TABLES: &str = "create table t (id int primary key, x int); insert into t values (1, 10), (2, 20), (3, 30);
    create table u (id int primary key, t int); insert into u values (1, 1), (2, 2), (3, 4);
    create view v as select id, x + 1 as y from t;
    create view w as select * from v where y > 5;
    create view j as select t.id, u.id as other from t join u on u.t = t.id;
    create view few as select * from t order by x desc limit 1";

/// Which rows of t each query leaves to others.
#[tokio::test(flavor = "multi_thread")]
async fn the_rows_behind_a_query_are_locked() {
    let (_volume, database, mut one, _two) = two(TABLES).await;
    for (query, left) in [
        ("select * from t where id = 1 for update", &["2", "3"][..]),
        ("select * from t where id < 2 order by random() limit 1 for update of t", &["2", "3"]),
        ("select * from v where id = 1 for update", &["2", "3"]),
        ("select y from v where y = 21 for share", &["1", "3"]),
        ("select * from w where id = 1 for update", &["2", "3"]),
        ("select * from w a where a.id = 1 for no key update of a", &["2", "3"]),
        ("select * from (select * from t) s where s.id = 3 for update", &["1", "2"]),
        ("select * from (select * from t) s where s.id = 3 for update of s", &["1", "2"]),
        ("select * from (select id from (select * from t where x > 10) a) s for update", &["1"]),
        ("select * from j where other = 2 for update", &["1", "3"]),
        ("select * from u join v on v.id = u.t for update of v", &["3"]),
        ("select * from u join v on v.id = u.t for update of u", &["1", "2", "3"]),
        ("select * from (t join u on u.t = t.id) as jt (a, b, c, d) for update", &["3"]),
        ("select * from u, lateral (select * from t where t.id = u.t) s where u.id = 2 for update", &["1", "3"]),
        ("select * from few for update", &["1", "2"]),
        ("select * from (select * from t order by id limit 2) s for update", &["3"]),
        ("select * from (select * from t for update) s where id = 1", &["2", "3"]),
        ("select (select x from t where id = 2 for update) from u", &["1", "3"]),
        ("with s as (select * from t) select * from s for update", &["1", "2", "3"]),
        ("select * from generate_series(1, 3) g, (values (1)) z for update", &["1", "2", "3"]),
        ("select t.id from t left join u on u.t = t.id for update of t", &[]),
        ("select t.id from t right join u on u.t = t.id where t.x > 10 for update of t", &["1", "3"]),
    ] {
        ok(&run(&mut one, "begin").await);
        let lines = run(&mut one, query).await;
        ok(&lines);
        assert_eq!(free(&database).await, left, "{query}");
        ok(&run(&mut one, "rollback").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_takes_another_job_whatever_the_order() {
    let (_volume, _database, mut one, mut two) =
        two("create table jobs (id int primary key); insert into jobs values (1), (2)").await;
    const TAKE: &str = "select id from jobs order by random() limit 1 for update skip locked";
    ok(&run(&mut one, "begin").await);
    ok(&run(&mut two, "begin").await);
    let mut taken = vec![run(&mut one, TAKE).await[1].clone(), run(&mut two, TAKE).await[1].clone()];
    taken.sort();
    assert_eq!(taken, ["1", "2"]);
    assert_eq!(
        run(&mut one, "select random() + id - id < 2 as r from jobs order by r for update nowait").await.len(),
        1
    );
}

/// What the second session sees of a query that waited for a change of the first.
async fn after(change: &str, query: &'static str) -> Vec<String> {
    let setup = "create table a (id int primary key, x int); insert into a values (1, 1);
        create table b (x int, y int); insert into b values (1, 5);
        create table c (x int, z int); insert into c values (1, 7);
        create view va as select id, x as w from a where x < 9";
    let (_volume, database, mut one, two) = two(setup).await;
    ok(&run(&mut one, "begin").await);
    ok(&run(&mut one, change).await);
    let waiting: tokio::task::JoinHandle<(Session, Vec<String>)> = spawn(two, query);
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    waiting.await.expect("no panic").1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_must_still_meet_the_conditions_of_its_joins() {
    let two = "update a set x = 2 where id = 1";
    for (query, expected) in [
        ("select id, a.x, y from a join b on a.x = b.x for update of a", &[][..]),
        ("select * from a join b using (x) for update of a", &[]),
        ("select * from a natural join b for update of a", &[]),
        ("select id, a.x, y from a cross join b for update of a", &["1|2|5"]),
        ("select id, a.x, y from a left join b on a.x = b.x for update of a", &["1|2|"]),
        ("select id, a.x, y from b right join a on a.x = b.x for update of a", &["1|2|"]),
        (
            "select id, a.x, y, z from a join b on true left join c on c.x = a.x and c.z = 7 for update of a",
            &["1|2|5|"],
        ),
        ("select id, y, z from b join (c join a on c.x = a.x) on true for update of a", &[]),
        ("select id, y from b, lateral (select * from a where a.x = b.x) s for update of s", &[]),
        ("select id, w, y from va join b on b.x = va.w for update of va", &[]),
        ("select id, w from va for update", &["1|2"]),
        ("select id, w from va where w = 1 for update", &[]),
        ("select id, x from a order by x, random() for update", &["1|2"]),
        ("select id, x + 1 from a order by x + 1, random() for update", &["1|3"]),
    ] {
        let lines = after(two, query).await;
        ok(&lines);
        assert_eq!(lines[1..lines.len() - 1], *expected, "{query}");
    }
    assert_eq!(after("update a set x = 9 where id = 1", "select id from va for update").await, ["id", "(0 rows)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_clauses_the_strictest_counts() {
    let (_volume, database, mut one, mut two) = two(TABLES).await;
    ok(&run(&mut one, "begin").await);
    ok(&run(&mut one, "select * from t where id = 1 for share").await);
    for (clauses, state) in [
        ("for update skip locked for share nowait", "55P03"),
        ("for share nowait for update skip locked", "55P03"),
        ("for share for update skip locked", "(2 rows)"),
        ("for key share for update nowait", "55P03"),
    ] {
        let lines = run(&mut two, &format!("select id from t order by id {clauses}")).await;
        assert!(lines.last().is_some_and(|line| line.contains(state)), "{clauses}: {lines:?}");
    }
    assert_eq!(free(&database).await, ["2", "3"]);
}

/// Who asks for what no holder excludes has it, whoever waits for more.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_shared_is_shared_whoever_waits_for_it() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    let mut third = session(&database).await;
    ok(&run(&mut one, "begin; select id from t where id = 1 for share").await);
    let waiting = spawn(two, "update t set v = 11 where id = 1");
    let_wait(&database).await;
    assert_eq!(run(&mut third, "select id from t where id = 1 for share nowait").await, ["id", "1", "(1 row)"]);
    assert_eq!(run(&mut third, "select id from t where id = 1 for share skip locked").await, ["id", "1", "(1 row)"]);
    ok(&run(&mut third, "set lock_timeout = 5000; begin; select id from t where id = 1 for share; commit").await);
    // Who asks for more queues.
    let lines = run(&mut third, "select id from t where id = 1 for update nowait").await;
    assert!(lines[0].starts_with("ERROR:  55P03"), "{lines:?}");
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["UPDATE 1"]);
}
