//! Deferred foreign keys between sessions, and at the end of what is no block.

use super::support::{run, run_with, session};
use super::{let_wait, ok, spawn, two, value};
use sql::session::Session;
use types::function::Random;

const SETUP: &str = "create table p (id int primary key, x int); insert into p values (1, 0), (2, 0);
    create table c (id int primary key, pid int references p deferrable initially deferred)";

/// Asserts that a statement ended with a violation.
fn refused(lines: &[String]) {
    assert_eq!(lines[0][..13], *"ERROR:  23503", "{lines:?}");
}

/// The child has not locked its parent yet, which goes without waiting for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_parent_goes_before_its_child_is_checked() {
    for actions in ["", "on delete cascade", "on delete set null", "on delete restrict"] {
        let (_volume, _database, mut one, mut two) = two(SETUP).await;
        ok(&run(&mut one, "drop table c").await);
        let table = format!(
            "create table c (id int primary key, pid int references p {actions} deferrable initially deferred)"
        );
        ok(&run(&mut one, &table).await);
        ok(&run(&mut one, "begin").await);
        ok(&run(&mut one, "insert into c values (1, 1), (2, 2)").await);
        assert_eq!(run(&mut two, "delete from p where id = 1").await, ["DELETE 1"], "{actions}");
        refused(&run(&mut one, "commit").await);
        assert_eq!(value(&mut two, "select count(*) from c").await, "0");
        // The transaction has ended, and with it all that waited.
        ok(&run(&mut one, "insert into c values (2, 2)").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_waits_for_who_takes_the_parent_away() {
    for (end, stays) in [("commit", false), ("rollback", true)] {
        let (_volume, database, mut one, mut two) = two(SETUP).await;
        ok(&run(&mut one, "begin").await);
        ok(&run(&mut one, "delete from p where id = 1").await);
        ok(&run(&mut two, "begin").await);
        ok(&run(&mut two, "insert into c values (1, 1)").await);
        let waiting = spawn(two, "commit");
        let_wait(&database).await;
        assert!(!waiting.is_finished(), "the parent may come back");
        ok(&run(&mut one, end).await);
        let (_two, lines) = waiting.await.expect("no panic");
        match stays {
            true => assert_eq!(lines, ["COMMIT"]),
            false => refused(&lines),
        }
        assert_eq!(value(&mut one, "select count(*) from c").await, if stays { "1" } else { "0" });
    }
}

/// A check that is made before the commit keeps the parent to the end, unless it is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_locks_the_parent() {
    let (_volume, database, mut one, two) = two(SETUP).await;
    for statement in ["begin", "insert into c values (1, 1)", "set constraints c_pid_fkey immediate"] {
        ok(&run(&mut one, statement).await);
    }
    let waiting = spawn(two, "delete from p where id = 1");
    let_wait(&database).await;
    assert!(!waiting.is_finished(), "the child has its parent");
    assert_eq!(run(&mut one, "commit").await, ["COMMIT"]);
    let (mut two, lines) = waiting.await.expect("no panic");
    refused(&lines);
    for statement in
        ["begin", "insert into c values (2, 2)", "savepoint s", "set constraints all immediate", "rollback to s"]
    {
        ok(&run(&mut one, statement).await);
    }
    assert_eq!(run(&mut two, "delete from p where id = 2").await, ["DELETE 1"]);
    refused(&run(&mut one, "commit").await);
}

/// Who deletes a parent is judged at the commit, by the children that there are then.
#[tokio::test(flavor = "multi_thread")]
async fn a_parent_may_go_before_its_children() {
    let (_volume, _database, mut one, mut two) = two(SETUP).await;
    ok(&run(&mut one, "insert into c values (1, 1), (2, 2)").await);
    for (parent, child, goes) in [("1", "1", true), ("2", "9", false)] {
        ok(&run(&mut one, "begin").await);
        ok(&run(&mut one, &format!("delete from p where id = {parent}")).await);
        ok(&run(&mut one, &format!("delete from c where id = {child}")).await);
        let lines = run(&mut one, "commit").await;
        match goes {
            true => assert_eq!(lines, ["COMMIT"]),
            false => refused(&lines),
        }
    }
    assert_eq!(value(&mut two, "select count(*) from p").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_block_is_judged_at_its_end() {
    let (_volume, _database, mut one, mut two) = two(SETUP).await;
    refused(&run(&mut one, "insert into c values (1, 9)").await);
    refused(&run_with(&mut one, "copy c from stdin", vec!["1\t7\n".into()]).await);
    let moves = "delete from p where id = 1; insert into c values (1, 1); insert into p values (1, 5)";
    ok(&run(&mut one, moves).await);
    assert_eq!(value(&mut two, "select x from p where id = 1").await, "5");
    let lines = run(&mut one, "insert into p values (3, 0); insert into c values (2, 4)").await;
    assert!(lines.iter().any(|line| line.starts_with("ERROR:  23503")), "{lines:?}");
    assert_eq!(value(&mut two, "select count(*) from p").await, "2");
    assert_eq!(value(&mut two, "select count(*) from c").await, "1");
}

/// Parents and children come, move and go beside each other: nobody ever sees a child without its parent.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_child_is_left_without_its_parent() {
    for checked in ["", "deferrable initially deferred"] {
        let setup = format!(
            "create table p (id int primary key); insert into p select generate_series(1, 6);
             create table c (id int primary key, pid int references p {checked}, n int); create index on c (n)"
        );
        let (_volume, database, mut one, _two) = two(&setup).await;
        let sessions = (1..=8_u8).map(|seed| {
            let database = database.clone();
            tokio::spawn(async move { come_and_go(session(&database).await, seed).await })
        });
        for running in sessions.collect::<Vec<_>>() {
            running.await.expect("no panic");
        }
        assert_eq!(value(&mut one, ORPHANS).await, "0", "{checked}");
    }
}

const ORPHANS: &str = "select count(*) from c where not exists (select from p where p.id = c.pid)";

/// Transactions of a few statements drawn from a seed.
async fn come_and_go(mut session: Session, seed: u8) {
    let mut random = Random::seeded(f64::from(seed) / 10.0);
    let mut draw = |below: u8| (random.next_f64() * f64::from(below)) as u8;
    for transaction in 0..400 {
        ok(&run(&mut session, "begin").await);
        for _ in 0..=draw(3) {
            let (a, b) = (draw(6) + 1, draw(6) + 1);
            let statement = match draw(7) {
                0 => format!("insert into p values ({a}) on conflict do nothing"),
                1 | 2 => format!("delete from p where id = {a}"),
                3 => format!("insert into c values ({a}, {b}, {b}) on conflict do nothing"),
                4 => format!("update c set id = {b} where id = {a}"),
                5 => format!("update c set n = n + 1 where pid = {a}"),
                _ => format!("delete from c where id = {a}"),
            };
            if is_refused(&run(&mut session, &statement).await) {
                break;
            }
        }
        is_refused(&run(&mut session, "commit").await);
        if transaction % 20 == 0 {
            assert_eq!(value(&mut session, ORPHANS).await, "0", "seed {seed}, transaction {transaction}");
        }
    }
}

/// Whether a statement was refused, for a reason that there may be: a violation, a duplicate key or a deadlock.
fn is_refused(lines: &[String]) -> bool {
    let refused = lines.iter().find(|line| line.starts_with("ERROR"));
    let may_be = |line: &&String| ["23503", "23505", "40P01"].contains(&&line[8..13]);
    assert!(refused.is_none_or(|line| may_be(&line)), "{lines:?}");
    refused.is_some()
}
