//! Partial indexes beside other sessions: what they hold, and when the planner takes them.

use super::support::{run, session};
use super::{let_wait, ok, spawn, two, value};
use sql::session::Session;
use types::function::Random;

const SETUP: &str = "create table job (id int primary key, state text not null, owner int, done boolean not null);
    create index open_jobs on job (owner) where not done;
    create unique index one_running on job (owner) where state = 'running' and not done";

/// Through each index, and beside it by a condition that does not imply the index's own.
const THROUGH: [(&str, &str, &str); 2] = [
    ("open_jobs", "not done", "done is not true"),
    ("one_running", "state = 'running' and not done", "state || '' = 'running' and done is not true"),
];

/// Asserts that what is found through the indexes is what there is.
async fn check(session: &mut Session, when: &str) {
    for (index, through, beside) in THROUGH {
        let query = |condition: &str| {
            let rows = "string_agg(id || ' ' || owner, ',' order by owner, id)";
            format!("select {rows} from job where owner in (1, 2, 3, 4, 5, 6) and {condition}")
        };
        let lines = run(session, &format!("explain {}", query(through))).await;
        assert!(lines.iter().any(|line| line.contains(&format!("using {index} "))), "{lines:?}");
        let lines = run(session, &format!("explain {}", query(beside))).await;
        assert!(lines.iter().any(|line| line.contains("Seq Scan")), "{lines:?}");
        let (one, other) = (value(session, &query(through)).await, value(session, &query(beside)).await);
        assert_eq!(one, other, "{through}: {when}");
    }
}

/// Rows come, change and go beside each other, in blocks that are undone in part: entries follow their rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entries_follow_their_rows() {
    let (_volume, database, mut one, _two) = two(SETUP).await;
    let sessions = (1..=4_u8).map(|seed| {
        let database = database.clone();
        tokio::spawn(async move { come_and_go(session(&database).await, seed).await })
    });
    for running in sessions.collect::<Vec<_>>() {
        running.await.expect("no panic");
    }
    check(&mut one, "at the end").await;
    let twice = "select count(*) from (select from job where state = 'running' and not done and owner is not null
        group by owner having count(*) > 1) x";
    assert_eq!(value(&mut one, twice).await, "0");
    ok(&run(&mut one, "create index other on job (owner, id) where not done; reindex table job").await);
    check(&mut one, "built anew").await;
}

/// Transactions of a few statements drawn from a seed.
async fn come_and_go(mut session: Session, seed: u8) {
    let mut random = Random::seeded(f64::from(seed) / 10.0);
    let mut draw = |below: u8| (random.next_f64() * f64::from(below)) as u8;
    for transaction in 0..300 {
        ok(&run(&mut session, "begin").await);
        for _ in 0..=draw(4) {
            let (a, b) = (draw(12) + 1, draw(6) + 1);
            let state = ["'running'", "'waiting'"][usize::from(draw(2))];
            let statement = match draw(9) {
                0 => format!("insert into job values ({a}, {state}, {b}, false) on conflict do nothing"),
                1 => format!(
                    "insert into job values ({a}, 'running', {b}, false)
                     on conflict (owner) where state = 'running' and not done do update set done = true"
                ),
                2 => format!("delete from job where id = {a}"),
                3 => format!("update job set done = not done where id = {a}"),
                4 => format!("update job set state = {state} where owner = {b} and not done"),
                5 => format!("update job set owner = nullif({b}, 6) where id = {a}"),
                6 => format!("update job set id = {} where owner = {b} and state = {state} and not done", a + 100),
                7 => "savepoint s".to_owned(),
                _ => format!("insert into job values ({}, {state}, {b}, true) on conflict do nothing", a + 50),
            };
            if is_refused(&run(&mut session, &statement).await) {
                break;
            }
        }
        // Without such a savepoint it fails, and so does the block.
        if draw(3) == 0 {
            run(&mut session, "rollback to s").await;
        }
        run(&mut session, "commit").await;
        if transaction % 10 == 0 {
            ok(&run(&mut session, "begin isolation level repeatable read").await);
            check(&mut session, &format!("seed {seed}, transaction {transaction}")).await;
            ok(&run(&mut session, "commit").await);
        }
    }
}

/// Whether a statement was refused, for a reason that there may be: a duplicate key, a deadlock, a block that failed.
fn is_refused(lines: &[String]) -> bool {
    let refused = lines.iter().find(|line| line.starts_with("ERROR"));
    let may_be = |line: &&String| ["23505", "40P01", "21000", "25P02"].contains(&&line[8..13]);
    assert!(refused.is_none_or(|line| may_be(&line)), "{lines:?}");
    refused.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waited_for_a_row_looks_whether_it_still_meets_the_condition() {
    let (_volume, database, mut one, two) = two(SETUP).await;
    ok(&run(&mut one, "insert into job values (1, 'running', 7, false), (2, 'waiting', 7, false)").await);
    ok(&run(&mut one, "begin; update job set done = true where id = 1").await);
    let waiting = spawn(two, "update job set owner = 9 where owner = 7 and not done");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (mut two, lines) = waiting.await.expect("no panic");
    assert_eq!(lines, ["UPDATE 1"]);
    assert_eq!(value(&mut two, "select string_agg(id || ' ' || owner, ',' order by id) from job").await, "1 7,2 9");
    check(&mut two, "after the wait").await;
}

/// Two rows that come to meet the condition at once: the second waits for the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_waited_for_only_among_the_rows_that_meet_the_condition() {
    let (_volume, database, mut one, mut two) = two(SETUP).await;
    ok(&run(&mut one, "insert into job values (1, 'waiting', 7, false), (2, 'waiting', 7, false)").await);
    ok(&run(&mut one, "begin; update job set state = 'running' where id = 1").await);
    ok(&run(&mut two, "insert into job values (3, 'running', 7, true), (4, 'waiting', 7, false)").await);
    let waiting = spawn(two, "update job set state = 'running' where id = 2");
    let_wait(&database).await;
    ok(&run(&mut one, "commit").await);
    let (_two, lines) = waiting.await.expect("no panic");
    assert_eq!(&lines[0][..13], "ERROR:  23505", "{lines:?}");
}

/// Texts that differ in a literal share no plan where the literal decides whether an index has the rows; of a parameter
/// nothing is known.
#[tokio::test(flavor = "multi_thread")]
async fn a_literal_leads_to_the_index_and_a_parameter_past_it() {
    let (_volume, _database, mut one, _two) = two(SETUP).await;
    ok(&run(&mut one, "insert into job values (1, 'running', 7, false), (2, 'waiting', 7, false)").await);
    for _ in 0..3 {
        for (state, id) in [("running", "1"), ("waiting", "2")] {
            let query = format!("select id from job where owner = 7 and state = '{state}' and not done");
            assert_eq!(value(&mut one, &query).await, id);
        }
    }
    let mut through = async |state: &str| {
        let query = format!("explain select id from job where owner = 7 and state = {state} and not done");
        run(&mut one, &query).await.concat().contains("one_running")
    };
    assert!(through("'running'").await);
    assert!(!through("'waiting'").await);
    ok(&run(&mut one, "prepare found as select id from job where owner = 7 and state = $1 and not done").await);
    for (state, id) in [("running", "1"), ("waiting", "2")] {
        assert_eq!(value(&mut one, &format!("execute found('{state}')")).await, id);
    }
}

/// Nor is a text that was planned led past it: on that way a condition meets rows over which it fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_planned_once_finds_the_index() {
    let setup = "create table few (owner int, state text, n int); create index on few (owner) where state = 'running';
        insert into few values (7, 'running', 1), (7, 'waiting', 0)";
    let (_volume, _database, mut one, _two) = two(setup).await;
    for _ in 0..3 {
        let query = "select owner from few where 10 / n > 0 and owner = 7 and state = 'running'";
        assert_eq!(value(&mut one, query).await, "7");
    }
    let query = "select owner from few where 10 / n > 0 and owner = 7 and state = 'waiting'";
    assert_eq!(run(&mut one, query).await, ["ERROR:  22012: division by zero"]);
}

/// Nobody can refer to a key that only some rows have: a change of it is no change of a key.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_partial_key_goes_beside_who_refers_to_the_row() {
    let (_volume, _database, mut one, mut two) = two(SETUP).await;
    ok(&run(&mut one, "insert into job values (1, 'running', 7, false)").await);
    ok(&run(&mut one, "begin; select from job where id = 1 for key share").await);
    ok(&run(&mut two, "set lock_timeout = '10s'; update job set owner = 9 where id = 1").await);
    ok(&run(&mut one, "commit").await);
}
