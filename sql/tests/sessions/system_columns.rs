//! xmin as the token of an optimistic lock, and ctids that are not exact.

use super::support::{run, session};
use super::{ROWS, let_wait, ok, spawn, two, value};

/// A statement that is known only now, for a task of its own.
fn kept(text: String) -> &'static str {
    text.leak()
}

#[tokio::test(flavor = "multi_thread")]
async fn xmin_tells_a_lost_update() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    run(&mut one, "create index t_v on t (v)").await;
    let seen = value(&mut one, "select xmin from t where id = 1").await;
    // It is the same by whatever way the row is read, and by whoever.
    for query in [
        "select xmin from t where v = 10",
        "select xmin from t where v < 15 order by v desc",
        "select xmin from t order by id limit 1",
        "select xmin from (select xmin, id from t order by id desc) s where id = 1",
        "select xmin from t where id = 1 for update",
        "select max(xmin::text) from t where id < 2",
    ] {
        assert_eq!(value(&mut one, query).await, seen, "{query}");
        assert_eq!(value(&mut two, query).await, seen, "{query}");
    }
    let change = |xmin: &str| format!("update t set v = v + 1 where id = 1 and xmin = '{xmin}' returning xmin");
    let changed = value_and_tag(&run(&mut two, &change(&seen)).await, "UPDATE 1");
    assert_ne!(changed, seen);
    assert_eq!(run(&mut one, &change(&seen)).await, ["xmin", "(0 rows)", "UPDATE 0"]);
    assert_eq!(value(&mut one, "select xmin from t where id = 1").await, changed);
    // A change that leaves every value as it was is one.
    assert_eq!(run(&mut two, "update t set v = v where id = 1").await, ["UPDATE 1"]);
    assert_eq!(run(&mut one, &change(&changed)).await.last().map(String::as_str), Some("UPDATE 0"));
    assert_eq!(run(&mut one, &format!("delete from t where id = 1 and xmin = '{changed}'")).await, ["DELETE 0"]);
    // The other row of the same INSERT is as it was.
    assert_eq!(value(&mut one, "select xmin from t where id = 2").await, seen);
}

/// The value of one row that a change of rows returned.
fn value_and_tag(lines: &[String], tag: &str) -> String {
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(lines[3], tag);
    lines[1].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waited_judges_the_newest_xmin() {
    for statement in ["update t set v = 99 where id = 1 and xmin =", "delete from t where id = 1 and xmin ="] {
        for (change, end, expected) in [
            ("update t set v = v + 1 where id = 1", "commit", "0"),
            ("update t set v = v where id = 1", "commit", "0"),
            ("update t set v = v + 1 where id = 1", "rollback", "1"),
            ("update t set v = v + 1 where id = 2", "commit", "1"),
        ] {
            let (_volume, database, mut one, two) = two(ROWS).await;
            let seen = value(&mut one, "select xmin from t where id = 1").await;
            ok(&run(&mut one, "begin").await);
            ok(&run(&mut one, change).await);
            let waiting = spawn(two, kept(format!("{statement} '{seen}'")));
            if change.ends_with('1') {
                let_wait(&database).await;
            }
            ok(&run(&mut one, end).await);
            let (_two, lines) = waiting.await.expect("no panic");
            let tag = if statement.starts_with("update") { "UPDATE" } else { "DELETE" };
            assert_eq!(lines, [format!("{tag} {expected}")], "{statement} after {change}; {end}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waited_for_a_lock_is_told_the_newest_xmin() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    ok(&run(&mut one, "begin").await);
    let changed = value_and_tag(&run(&mut one, "update t set v = 11 where id = 1 returning xmin").await, "UPDATE 1");
    assert_eq!(value(&mut one, "select pg_current_xact_id()::xid").await, changed);
    let waiting = spawn(two, "select v, xmin, ctid from t where id = 1 for update");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines[1], format!("11|{changed}|(0,1)"));
}

/// In PostgreSQL the new version has another ctid: of two that look for work by ctid, one gets it.
#[tokio::test(flavor = "multi_thread")]
async fn who_waited_for_a_row_by_its_ctid_finds_it_no_more() {
    let cases: &[(&'static str, &[&str])] = &[
        ("update t set v = 99 where ctid = '(0,1)'", &["UPDATE 0"]),
        ("update t set v = 99 where ctid = (select ctid from t where v = 10)", &["UPDATE 0"]),
        ("update t a set v = 99 from t b where a.ctid = b.ctid and b.v = 10", &["UPDATE 0"]),
        ("delete from t where ctid = any ('{\"(0,1)\"}')", &["DELETE 0"]),
        ("delete from t where ctid in (select ctid from t where v = 10)", &["DELETE 0"]),
        ("delete from t where exists (select 1 from t o where o.ctid = t.ctid and o.v = 10)", &["DELETE 0"]),
        ("select v from t where ctid = '(0,1)' for update", &["v", "(0 rows)"]),
        ("select v from t where ctid in (select ctid from t where v = 10) for update", &["v", "(0 rows)"]),
        // It is still somewhere, and what is told of it is where.
        ("update t set v = 99 where ctid <> '(0,2)' returning v, ctid", &["v|ctid", "99|(0,1)", "(1 row)", "UPDATE 1"]),
        (
            "delete from t where ctid not in (select max(ctid) from t) returning v, ctid",
            &["v|ctid", "11|(0,1)", "(1 row)", "DELETE 1"],
        ),
        ("select v, ctid from t where ctid <> '(0,2)' for update", &["v|ctid", "11|(0,1)", "(1 row)"]),
        ("select v, ctid from t where id = 1 for update", &["v|ctid", "11|(0,1)", "(1 row)"]),
    ];
    for &(statement, expected) in cases {
        let (_volume, database, mut one, two) = two(ROWS).await;
        ok(&run(&mut one, "begin").await);
        ok(&run(&mut one, "update t set v = 11 where id = 1").await);
        let waiting = spawn(two, statement);
        let_wait(&database).await;
        ok(&run(&mut one, "commit").await);
        let (_two, lines) = waiting.await.expect("no panic");
        assert_eq!(lines, expected, "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ctid_follows_its_row_to_another_key() {
    let (_volume, database, mut one, two) = two(ROWS).await;
    ok(&run(&mut one, "begin").await);
    ok(&run(&mut one, "update t set id = 7 where id = 1").await);
    let waiting = spawn(two, "update t set v = 0 where v = 10 returning id, ctid");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines[1], "7|(0,7)");
    assert_eq!(run(&mut two, "update t set id = 9 where id = 7 returning ctid").await[1], "(0,9)");
    assert_eq!(value(&mut two, "select ctid from t where id = 9").await, "(0,9)");
}

#[tokio::test(flavor = "multi_thread")]
async fn xmin_outlives_what_vacuum_does() {
    let (_volume, database, mut one, _two) = two("create table t (id int primary key, v text);
        insert into t select n, repeat('x', n * 20) from generate_series(1, 400) n;
        update t set v = v || 'y' where id % 3 = 0;
        create table other (id int)")
    .await;
    let query = "select string_agg(xmin::text || ctid::text, ',' order by id) from t";
    let seen = value(&mut one, query).await;
    for round in 0..3 {
        // The horizon moves with what is committed.
        ok(&run(&mut one, &format!("insert into other values ({round})")).await);
        ok(&run(&mut one, "vacuum").await);
        assert_eq!(value(&mut one, query).await, seen);
    }
    assert_eq!(value(&mut session(&database).await, query).await, seen);
}

/// Two keys with one hash, as nobody meets them by chance.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_finds_two_rows_of_one_ctid_fails() {
    let (_volume, _database, mut one, _two) = two("create table t (k bytea primary key, x int);
        insert into t values ('\\x313233343536376162636465666768', 1), ('\\x7830303030303027f778325d0dfc1f', 2), ('z', 3)")
    .await;
    assert_eq!(value(&mut one, "select min(ctid) from t where x < 3").await, "(3530909772,19115)");
    assert_eq!(value(&mut one, "select count(*), count(distinct ctid) from t").await, "3|2");
    let refused = [
        "ERROR:  54000: two rows of table \"t\" have the same ctid",
        "DETAIL:  The ctid of a row is made of its primary key.",
        "HINT:  Name the rows by the primary key.",
    ];
    for statement in [
        "delete from t where ctid in (select ctid from t where x = 1)",
        "delete from t using (select ctid from t where x = 1) s where s.ctid = t.ctid",
        "delete from t where exists (select 1 from t o where o.ctid = t.ctid and o.x = 1)",
        "update t set x = 5 where ctid = '(3530909772,19115)'",
        "with c as (update t set x = 5 where ctid = '(3530909772,19115)' returning x) select * from c",
    ] {
        assert_eq!(run(&mut one, statement).await, refused, "{statement}");
    }
    assert_eq!(value(&mut one, "select string_agg(x::text, ',' order by x) from t").await, "1,2,3");
    for (statement, tag) in [
        // One of the two is met, though several times.
        ("update t set x = x + 10 from generate_series(1, 3) where ctid > '(0,1)' and x = 1", "UPDATE 1"),
        ("delete from t where ctid in (select ctid from t where x = 3)", "DELETE 1"),
        ("delete from t where x > 0", "DELETE 2"),
    ] {
        assert_eq!(run(&mut one, statement).await, [tag], "{statement}");
    }
}
