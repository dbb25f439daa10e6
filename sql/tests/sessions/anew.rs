//! Rows that are deleted and inserted anew under their keys: who waited for the one does not take the other for it.

use super::support::run;
use super::{ROWS, let_wait, ok, spawn, two, value};

/// What a statement of another session tells that has waited for these changes, and the rows that there are then.
async fn after(changes: &str, begin: &str, statement: &'static str) -> (Vec<String>, String) {
    let (_volume, database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut two, begin).await);
    ok(&run(&mut two, "select * from t").await);
    ok(&run(&mut one, "begin").await);
    ok(&run(&mut one, changes).await);
    let waiting = spawn(two, statement);
    let_wait(&database).await;
    assert!(!waiting.is_finished(), "{statement} waits for {changes}");
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    run(&mut two, "commit").await;
    (lines, value(&mut two, "select string_agg(id || ' ' || v, ',' order by id) from t").await)
}

const ANEW: &str = "delete from t where id = 1; insert into t values (1, 11)";

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_deleted_is_gone_though_its_key_is_there() {
    let changed_anew = format!("{ANEW}; update t set v = 12 where id = 1");
    for (statement, expected) in [
        ("delete from t where id = 1", &["DELETE 0"][..]),
        ("delete from t where id = 1 and v > 5", &["DELETE 0"]),
        ("delete from t where v < 15", &["DELETE 0"]),
        ("delete from t where id = 1 returning v", &["v", "(0 rows)", "DELETE 0"]),
        ("update t set v = 0 where id = 1", &["UPDATE 0"]),
        ("update t set v = 0 where id = 1 and v < 15", &["UPDATE 0"]),
        ("update t set v = 0 where v < 15", &["UPDATE 0"]),
        ("update t set id = 9 where id = 1", &["UPDATE 0"]),
        ("select * from t where id = 1 for update", &["id|v", "(0 rows)"]),
        ("select * from t where v < 15 for key share", &["id|v", "(0 rows)"]),
        ("with a as (update t set v = 0 where id = 1 returning v) select count(*) from a", &["count", "0", "(1 row)"]),
    ] {
        for (changes, rows) in [(ANEW, "1 11,2 20"), (changed_anew.as_str(), "1 12,2 20")] {
            let (lines, left) = after(changes, "begin", statement).await;
            assert_eq!(lines, expected, "{statement} after {changes}");
            assert_eq!(left, rows, "{statement} after {changes}");
        }
    }
    let (lines, left) = after(ANEW, "begin", "update t set v = 0 where v >= 10").await;
    assert_eq!((lines, &*left), (vec!["UPDATE 1".to_owned()], "1 11,2 0"));
    // It means whatever row is in its way.
    let upsert = "insert into t values (1, 5) on conflict (id) do update set v = 99";
    let (lines, left) = after(ANEW, "begin", upsert).await;
    assert_eq!((lines, &*left), (vec!["INSERT 0 1".to_owned()], "1 99,2 20"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_moved_is_followed_though_its_key_is_there() {
    const MOVED: &str = "update t set id = 7 where id = 1; insert into t values (1, 11)";
    const INTO_PLACE: &str = "delete from t where id = 2; update t set id = 2 where id = 1";
    for (changes, statement, expected, rows) in [
        (MOVED, "delete from t where id = 1", "DELETE 0", "1 11,2 20,7 10"),
        (MOVED, "delete from t where v = 10", "DELETE 1", "1 11,2 20"),
        (MOVED, "update t set v = 0 where v = 10", "UPDATE 1", "1 11,2 20,7 0"),
        (INTO_PLACE, "update t set v = 0 where v = 10", "UPDATE 1", "2 0"),
        (INTO_PLACE, "delete from t where v = 10", "DELETE 1", ""),
    ] {
        let (lines, left) = after(changes, "begin", statement).await;
        assert_eq!((lines, &*left), (vec![expected.to_owned()], rows), "{statement} after {changes}");
    }
    let (lines, _) = after(MOVED, "begin", "select * from t where v = 10 for update").await;
    assert_eq!(lines, ["id|v", "7|10", "(1 row)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_deletion_was_taken_back_is_the_same() {
    let changes = "savepoint a; delete from t where id = 1; rollback to a; update t set v = 11 where id = 1; release a";
    for (statement, expected, rows) in [
        ("update t set v = v + 1 where id = 1", "UPDATE 1", "1 12,2 20"),
        ("update t set v = v + 1 where v < 15", "UPDATE 1", "1 12,2 20"),
        ("delete from t where id = 1", "DELETE 1", "2 20"),
    ] {
        let (lines, left) = after(changes, "begin", statement).await;
        assert_eq!((lines, &*left), (vec![expected.to_owned()], rows), "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeatable_read_fails_on_it() {
    for statement in [
        "delete from t where id = 1",
        "update t set v = 0 where id = 1",
        "update t set v = 0 where v < 15",
        "select * from t where id = 1 for update",
    ] {
        let (lines, left) = after(ANEW, "begin isolation level repeatable read", statement).await;
        assert_eq!(lines.len(), 1, "{statement}: {lines:?}");
        assert!(lines[0].starts_with("ERROR:  40001: could not serialize access"), "{statement}: {lines:?}");
        assert_eq!(left, "1 11,2 20");
    }
}
