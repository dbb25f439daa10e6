//! Cursors WITH HOLD as drivers use them, and where their transactions do not end well.

use protocol::Lsn;
use types::Datum;

use super::support::{Recorder, run};
use super::{ROWS, ok, two, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_held_cursor_is_executed_in_parts_and_in_no_failed_block() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "declare c cursor with hold for select it from generate_series(1, 10) as it").await);
    let mut client = Recorder::default();
    one.execute("c", 3, &mut client).await.expect("three rows");
    assert!(client.suspended);
    one.sync().await.expect("nothing to commit");
    assert_eq!(run(&mut one, "fetch c").await, ["it", "4", "(1 row)"]);
    run(&mut one, "begin; select 1 / 0").await;
    assert_eq!(one.execute("c", 1, &mut client).await.expect_err("a failed block").sqlstate().to_string(), "25P02");
    one.fail();
    one.sync().await.expect("it stays failed");
    ok(&run(&mut one, "rollback").await);
    one.execute("c", 0, &mut client).await.expect("the rest");
    one.sync().await.expect("nothing to commit");
    assert_eq!(client.values.last().expect("rows"), &[Datum::Int4(10)]);
    assert_eq!(client.tags.last().expect("a tag"), "SELECT 6");
    assert_eq!(run(&mut one, "fetch c").await, ["it", "(0 rows)"]);
    ok(&run(&mut one, "close c").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_commit_that_fails_has_gathered_goes_with_it() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "declare kept cursor with hold for select 'kept'").await);
    ok(&run(&mut one, "begin; insert into t values (3, 30)").await);
    for name in ["a", "b", "c", "d", "e", "f"] {
        ok(&run(&mut one, &format!("declare {name} cursor with hold for select id from t where id = 3")).await);
    }
    ok(&run(&mut one, "declare g cursor with hold for select 1 / (id - 3) from t").await);
    assert_eq!(run(&mut one, "commit").await, ["ERROR:  22012: division by zero"]);
    assert_eq!(value(&mut one, "select string_agg(name, ',') from pg_cursors").await, "kept");
    assert_eq!(value(&mut one, "select count(*) from t").await, "2");
    assert_eq!(value(&mut one, "fetch kept").await, "kept");
    // A step that it cannot take fails it, until it is closed.
    assert_eq!(run(&mut one, "fetch absolute 1 from kept").await[0], "ERROR:  55000: cursor can only scan forward");
    assert_eq!(run(&mut one, "fetch kept").await, ["ERROR:  55000: portal \"kept\" cannot be run"]);
    ok(&run(&mut one, "close kept").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_held_cursor_shows_is_durable() {
    let (volume, _database, mut one, _two) = two(ROWS).await;
    volume.hold();
    let mut client = Recorder::default();
    let held =
        "begin; insert into t values (3, 30); declare c cursor with hold for select id from t where id = 3; commit";
    one.simple("set synchronous_commit = off", &mut client).await.expect("a setting");
    one.simple(held, &mut client).await.expect("it commits");
    one.simple("set synchronous_commit = on", &mut client).await.expect("a setting");
    assert!(one.is_settled());
    one.simple("fetch c", &mut client).await.expect("a row");
    assert!(!one.is_settled());
    volume.flush_to(Lsn(u64::MAX));
    one.settle().await.expect("the volume is alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_memory_is_held_in_a_file() {
    let (_volume, _database, mut one, _two) = two(ROWS).await;
    ok(&run(&mut one, "set work_mem = '64kB'").await);
    ok(&run(
        &mut one,
        "declare c cursor with hold for select it, repeat('x', 100) from generate_series(1, 20000) as it",
    )
    .await);
    assert_eq!(run(&mut one, "move 19998 in c").await, ["MOVE 19998"]);
    let lines = run(&mut one, "fetch all from c").await;
    assert!(lines[1].starts_with("19999|xxx") && lines[2].starts_with("20000|xxx") && lines.len() == 4);
}
