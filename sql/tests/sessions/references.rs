//! Foreign keys between sessions, and what their actions do to rows that others or they themselves are changing.

use std::time::Duration;

use super::support::run;
use super::{FAMILY, let_wait, ok, spawn, two, value};

/// What waits for nobody is done by then.
const SOON: Duration = Duration::from_secs(20);

/// Each reference follows its own column, so that the row moves twice in one statement.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_follows_a_row_that_moves_twice() {
    let (_volume, _database, mut one, _two) = two("create table p (a int unique, b int unique);
        create table c (a int references p (a) on update cascade, b int references p (b) on update cascade,
            u int unique, primary key (a, b));
        insert into p values (1, 1); insert into c values (1, 1, 7)")
    .await;
    assert_eq!(run(&mut one, "update p set a = 2, b = 2").await, ["UPDATE 1"]);
    assert_eq!(run(&mut one, "select * from c where u = 7").await, ["a|b|u", "2|2|7", "(1 row)"]);
}

/// Whether the first session has to wait for the second, which has run `open` and not committed.
async fn waits_for(setup: &str, open: &'static str, asked: &'static str) -> bool {
    let (_volume, database, one, mut two) = two(setup).await;
    ok(&run(&mut two, "begin").await);
    ok(&run(&mut two, open).await);
    let before = database.engine.stats().lock_waits;
    let asking = spawn(one, asked);
    // Either it ends or it comes to wait.
    while !asking.is_finished() && database.engine.stats().lock_waits == before {
        tokio::task::yield_now().await;
    }
    let waits = !asking.is_finished();
    ok(&run(&mut two, "rollback").await);
    ok(&asking.await.expect("no panic").1);
    waits
}

/// It is not made by that, so who moves it does not lock the parent; and it comes to where the search has been.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_moves_is_not_overlooked() {
    for action in ["no action", "restrict", "cascade"] {
        for (index, moves) in [
            ("", "update c set id = 1 where id = 5"),
            ("create index on c (pid)", "update c set id = 1 where id = 5"),
            ("create index on c (pid, n)", "update c set n = 1 where id = 5"),
        ] {
            let setup = format!(
                "create table p (id int primary key); insert into p values (1);
                create table c (id int primary key, n int, pid int references p on delete {action});
                insert into c values (5, 5, 1); {index}"
            );
            let (_volume, database, one, mut two) = two(&setup).await;
            ok(&run(&mut two, "begin").await);
            ok(&run(&mut two, moves).await);
            let waiting = spawn(one, "delete from p where id = 1");
            let_wait(&database).await;
            assert!(!waiting.is_finished(), "the child may be going");
            ok(&run(&mut two, "commit").await);
            let (_one, lines) = waiting.await.expect("no panic");
            let left = value(&mut two, "select count(*) from c").await;
            match action {
                "cascade" => assert_eq!((&*lines[0], &*left), ("DELETE 1", "0"), "{index}: {moves}"),
                _ => assert_eq!((&lines[0][..13], &*left), ("ERROR:  23503", "1"), "{action} {index}: {moves}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_goes_without_waiting_for_children_of_others() {
    const SETUP: &str = "create table p (id int primary key); insert into p values (1), (2), (3);
        create table c (id int primary key, pid int references p); insert into c values (5, 2), (6, 3)";
    let by_index = format!("{SETUP}; create index on c (pid)");
    for setup in [SETUP, &by_index] {
        for (open, waits) in [
            ("insert into c values (1, 2)", false),
            ("delete from c where id = 5", false),
            ("update c set pid = 3 where id = 5", false),
            ("insert into c select 1, null", false),
        ] {
            assert_eq!(waits_for(setup, open, "delete from p where id = 1").await, waits, "{open}");
        }
        let gone = "delete from c where id = 5";
        assert!(waits_for(setup, "insert into c values (1, 1)", "delete from p where id = 1").await, "a child comes");
        let (_volume, database, mut one, two) = two(setup).await;
        ok(&run(&mut one, "begin").await);
        ok(&run(&mut one, gone).await);
        let waiting = spawn(two, "delete from p where id = 2");
        let_wait(&database).await;
        assert!(!waiting.is_finished(), "the child may stay");
        ok(&run(&mut one, "commit").await);
        assert_eq!(waiting.await.expect("no panic").1, ["DELETE 1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_makes_rows_that_an_update_could_make() {
    let (_volume, _database, mut one, _two) = two("create sequence q start 5;
        create table p (id bigint primary key); insert into p values (1), (2), (5), (6);
        create table c (pid int default nextval('q') references p on delete set default on update cascade,
            twice int generated always as (pid * 2) stored, check (pid < 100), check (twice <> 12));
        insert into c (pid) values (1)")
    .await;
    for (statement, state) in [
        ("update p set id = 5000000000 where id = 1", "22003"),
        ("update p set id = 500 where id = 1", "23514"),
        ("delete from p where id = 1", "DELETE 1"),
        ("delete from p where id = 5", "23514"),
    ] {
        let lines = run(&mut one, statement).await;
        assert!(lines[0].contains(state), "{statement}: {lines:?}");
        assert_eq!(run(&mut one, "select count(*) from c where twice = pid * 2").await[1], "1");
    }
    ok(&run(&mut one, "create table n (a int, b numeric, d date, t timestamp, primary key (a), unique (d))").await);
    for (refused, state) in [
        ("create table k (a numeric references n)", "42804"),
        ("create table k (a oid references n)", "42804"),
        ("create table k (t timestamp references n (d))", "0A000"),
        ("alter table p alter id type numeric", "0A000"),
    ] {
        let lines = run(&mut one, refused).await;
        assert!(lines[0].contains(state), "{refused}: {lines:?}");
    }
}

/// Actions evaluate defaults, whose functions may need the transaction in which the action writes.
#[tokio::test(flavor = "multi_thread")]
async fn an_action_calls_functions_that_take_the_transaction() {
    for default in ["nextval('q')", "(txid_current() * 0 + 5)::int"] {
        for statement in [
            "delete from p where id = 1",
            "update p set u = 7 where id = 1",
            "insert into p values (1, 0) on conflict (id) do update set u = 7",
            "with gone as (delete from p where id = 1) select 1",
        ] {
            let (_volume, _database, mut one, _two) = two(&format!(
                "create sequence q start 5; create table p (id int primary key, u int unique);
                insert into p values (1, 1), (5, 5);
                create table c (p int default {default} references p (u) on delete set default on update set default);
                insert into c values (1); begin; alter sequence q cache 2; rollback"
            ))
            .await;
            let lines = tokio::time::timeout(SOON, run(&mut one, statement)).await.expect("it waits for nobody");
            ok(&lines);
            assert_eq!(run(&mut one, "select p from c").await[1], "5", "{statement}, {default}");
        }
    }
}

/// What was written over a deleted parent, and taken back, must not have let a child through meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_goes_stays_locked_under_weaker_changes() {
    let (_volume, database, mut one, two) = two(FAMILY).await;
    for statement in [
        "begin",
        "delete from p where id = 1",
        "savepoint s",
        "insert into p values (1, 0)",
        "update p set x = 1 where id = 1",
    ] {
        ok(&run(&mut one, statement).await);
    }
    let waiting = spawn(two, "insert into c values (1, 1)");
    let_wait(&database).await;
    ok(&run(&mut one, "rollback to s").await);
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines[0][..13], *"ERROR:  23503", "{lines:?}");
    assert_eq!(value(&mut two, "select count(*) from c").await, "0");
}

/// EXPLAIN ANALYZE runs all parts of a statement before it judges, as the statement itself does.
#[tokio::test(flavor = "multi_thread")]
async fn an_explained_statement_is_judged_at_its_end() {
    let (_volume, _database, mut one, mut two) = two(FAMILY).await;
    ok(&run(&mut one, "prepare a as with d as (delete from p where id = 1) insert into c values (1, 1)").await);
    ok(&run(&mut one, "prepare b as with x as (insert into c values (1, 2), (2, 1)) insert into p values (2, 0)")
        .await);
    ok(&run(&mut one, "prepare c as with d as (delete from p where id = 1) select 1").await);
    assert_eq!(run(&mut one, "explain analyze execute a").await[0][..13], *"ERROR:  23503");
    ok(&run(&mut one, "explain analyze execute b").await);
    assert_eq!(run(&mut one, "explain analyze execute c").await[0][..13], *"ERROR:  23503");
    assert_eq!(value(&mut two, "select count(*) from c join p on p.id = c.p").await, "2");
}

/// A parent that others have not committed is none: the child is refused at once, be its key the table's own or another.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_waits_for_no_parent_that_is_not_there_yet() {
    for (parent, key) in [("p (id)", "id"), ("p (u)", "u")] {
        let tables = format!(
            "create table p (id int primary key, u int unique); insert into p values (1, 1); \
             create table c (pid int references {parent}); create table late (pid int references {parent} \
             deferrable initially deferred)"
        );
        let (_volume, _database, mut one, mut two) = two(&tables).await;
        ok(&run(&mut one, "begin; insert into p values (9, 9)").await);
        for child in ["c", "late"] {
            let statement = format!("insert into {child} values (9)");
            let lines = tokio::time::timeout(SOON, run(&mut two, &statement)).await.expect("it waits for nobody");
            assert!(lines[0].starts_with("ERROR:  23503"), "{key} of {child}: {lines:?}");
        }
        // One that is deleted, or is to come again, is there until that is certain.
        ok(&run(&mut one, "rollback; begin; delete from p where id = 1").await);
        ok(&run(&mut two, "set lock_timeout = 50").await);
        let lines = run(&mut two, "insert into c values (1)").await;
        assert!(lines[0].starts_with("ERROR:  55P03"), "{lines:?}");
        ok(&run(&mut one, "insert into p values (1, 1); commit").await);
        ok(&run(&mut two, "insert into c values (1)").await);
    }
}
