//! The message loop: durability before replies, COPY, cancelling, disconnects, ends.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use server::pgwire::{Backends, CancelReason, Config};
use tokio::io::AsyncReadExt;

use crate::fake::Harness;
use crate::raw::{Raw, bind, describe, execute, frame, in_time, parse, query, sync};

/// Waits for something another task does; fails after ten seconds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn simple_and_extended_statements_are_answered_in_order() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("")).await;
    assert_eq!(raw.kinds().await, "IZ");
    raw.send(&query("select a; insert b; select c")).await;
    assert_eq!(raw.kinds().await, "TDCCTDCZ");
    let pipeline = [parse("s", "select $1"), describe(b'S', "s"), bind("s", 0, &[b"x"]), describe(b'P', "")];
    raw.send(&[pipeline.concat(), execute(0), frame(b'C', b"Ss\0"), frame(b'C', b"P\0"), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "1tT2TDC33Z");
    raw.send(&[describe(b'S', "s"), sync()].concat()).await;
    raw.error_and_usable("26000").await;
}

/// A round trip is one write of the server's, whatever the number of its messages: a write is dearer than a statement.
#[tokio::test]
async fn the_replies_of_a_pipeline_leave_together() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    let statement = || [bind("s", 0, &[b"x"]), describe(b'P', ""), execute(0)].concat();
    let pipeline = [parse("s", "select $1"), statement(), statement(), statement(), sync()].concat();
    for message in [query("select a; insert b; select c"), pipeline] {
        raw.send(&message).await;
        let mut bytes = vec![0; 64 << 10];
        let length = in_time(raw.stream.read(&mut bytes)).await.expect("an answer");
        assert_eq!(bytes[length - 6..length], *b"Z\0\0\0\x05I", "{:?}", &bytes[..length]);
    }
}

#[tokio::test]
async fn what_another_server_answers_is_passed_on_as_it_stands() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("away")).await;
    let replies = raw.until_ready().await;
    assert_eq!(replies.iter().map(|reply| reply.kind).collect::<String>(), "NZ", "nothing of ours is added");
    assert_eq!((replies[0].field('M').as_str(), &replies[1].body[..]), ("Q 5", &b"T"[..]));
    let away = [parse("s", "away"), parse("", "select 1"), bind("", 0, &[]), execute(0), bind("s", 0, &[])].concat();
    raw.send(&[away, execute(0), parse("t", "away"), sync(), query("select here")].concat()).await;
    assert_eq!(raw.kinds().await, "112DCNNNNZ", "from the first that goes away to Sync");
    assert_eq!(raw.kinds().await, "TDCZ");
    // What cannot be carried out here is the other server's to refuse, too.
    let broken = [bind("b", 0, &[b"\xff"]), frame(b'P', b""), frame(b'F', b"")].concat();
    raw.send(&[parse("b", "away"), bind("b", 0, &[]), broken, sync()].concat()).await;
    assert_eq!(raw.kinds().await, "1NNNNNZ");
    raw.usable().await;
}

#[tokio::test]
async fn a_lost_server_is_told_where_its_answer_would_have_been() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("away lost")).await;
    raw.error_and_usable("08006").await;
    let pipeline = [parse("s", "away lost"), bind("s", 0, &[]), execute(0), parse("t", "select 1")].concat();
    raw.send(&pipeline).await;
    assert_eq!(raw.read().await.expect("an answer").kind, '1');
    assert_eq!(raw.read().await.expect("an error").field('C'), "08006");
    raw.send(&sync()).await;
    assert_eq!(raw.kinds().await, "Z", "everything up to Sync was skipped");
    raw.usable().await;
}

#[tokio::test]
async fn flush_sends_without_sync() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&[parse("", "select 1"), frame(b'H', b"")].concat()).await;
    assert_eq!(raw.read().await.expect("an answer").kind, '1');
    raw.send(&sync()).await;
    assert_eq!(raw.kinds().await, "Z");
}

#[tokio::test]
async fn the_status_follows_the_transaction_block() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    for (sql, status) in [("begin", b'T'), ("error", b'E'), ("commit", b'I'), ("error", b'I')] {
        raw.send(&query(sql)).await;
        assert_eq!(raw.until_ready().await.last().expect("Z").body, [status], "{sql}");
    }
    raw.send(&query("nonsense")).await;
    assert_eq!(raw.until_ready().await[0].field('P'), "1");
}

#[tokio::test]
async fn no_reply_leaves_before_it_is_durable() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("unsettled")).await;
    let early = tokio::time::timeout(Duration::from_millis(100), raw.stream.peek(&mut [0])).await;
    assert!(early.is_err(), "a reply left before it was durable");
    harness.world.gate.add_permits(1);
    assert_eq!(raw.kinds().await, "CZ");
}

#[tokio::test]
async fn replies_that_cannot_become_durable_are_discarded() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("select a; lost; select b")).await;
    raw.fatal("40003").await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("fatal")).await;
    raw.fatal("40003").await;
}

#[tokio::test]
async fn a_panic_ends_its_own_session_only() {
    let harness = Harness::start().await;
    let (mut one, mut other) = (Raw::session(&harness).await, Raw::session(&harness).await);
    one.send(&query("panic")).await;
    one.fatal("XX000").await;
    other.usable().await;
    eventually("its place is free", || harness.backends.count() == 1).await;
    let counters = &harness.backends.counters;
    assert_eq!(counters.panics.load(Ordering::Relaxed), 1);
    assert_eq!(counters.opened.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn copy_in_is_all_or_nothing() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    // Everything sent at once, with messages in between that a client may send blindly.
    let data = [frame(b'd', b"a\n"), frame(b'H', b""), sync(), frame(b'd', b"b\n"), frame(b'c', b"")].concat();
    raw.send(&[query("copy"), data].concat()).await;
    assert_eq!(raw.kinds().await, "GCZ");
    assert_eq!(*harness.world.table.lock(), ["a\n", "b\n"]);
    raw.send(&[query("copy"), frame(b'd', b"c\n"), frame(b'f', b"changed my mind\0")].concat()).await;
    let replies = raw.until_ready().await;
    assert_eq!(replies[1].field('C'), "57014");
    assert_eq!(replies[1].field('M'), "COPY from stdin failed: changed my mind");
    raw.send(&[query("copy"), frame(b'd', b"d\n"), query("select 1")].concat()).await;
    raw.error_and_usable("08P01").await;
    // What is left of a COPY that failed is ignored.
    raw.send(&[frame(b'd', b"e\n"), frame(b'c', b""), frame(b'f', b"broken")].concat()).await;
    raw.usable().await;
    assert_eq!(harness.world.table.lock().len(), 2);
    raw.send(&[query("copy"), frame(b'd', b"f\n"), b"z".to_vec()].concat()).await;
    assert_eq!(raw.read().await.expect("an answer").kind, 'G');
    raw.fatal("08P01").await;
}

/// Within a second, by the constants of the inbox.
#[tokio::test]
async fn row_26_disconnect_frees_locks() {
    let harness = Harness::start().await;
    let locks = || harness.world.locks.load(Ordering::SeqCst);
    for begin in [&query("wait")[..], &[query("copy"), frame(b'd', b"half")].concat()] {
        let mut raw = Raw::session(&harness).await;
        raw.send(begin).await;
        eventually("a lock is held", || locks() == 1).await;
        drop(raw);
        eventually("the lock is free", || locks() == 0).await;
    }
    // Also with more pipelined behind it than is read ahead.
    let mut raw = Raw::session(&harness).await;
    let pipelined = query("insert evil").repeat(5_500);
    raw.send(&[query("wait"), pipelined].concat()).await;
    eventually("a lock is held", || locks() == 1).await;
    drop(raw);
    eventually("the lock is free", || locks() == 0).await;
    eventually("the sessions are gone", || harness.backends.count() == 0).await;
    assert!(harness.world.table.lock().is_empty(), "nothing is carried out for a client that is gone");
}

#[tokio::test]
async fn row_26_disconnect_in_mid_commit_leaves_it_whole() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("commit wait")).await;
    eventually("a lock is held", || harness.world.locks.load(Ordering::SeqCst) == 1).await;
    drop(raw);
    eventually("it was cancelled", || *harness.world.cancels.lock() == [CancelReason::Disconnect]).await;
    assert!(harness.world.table.lock().is_empty());
    harness.world.gate.add_permits(1);
    eventually("it is whole", || *harness.world.table.lock() == ["committed"]).await;
}

#[tokio::test]
async fn a_last_command_is_carried_out_for_a_client_that_does_not_wait() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&[query("insert last"), frame(b'X', b"")].concat()).await;
    drop(raw);
    eventually("it was carried out", || *harness.world.table.lock() == ["last"]).await;
}

#[tokio::test]
async fn shutdown_tells_every_session() {
    let harness = Harness::start().await;
    let (mut idle, mut busy, mut copying) =
        (Raw::session(&harness).await, Raw::session(&harness).await, Raw::session(&harness).await);
    busy.send(&query("wait")).await;
    copying.send(&query("copy")).await;
    assert_eq!(copying.read().await.expect("an answer").kind, 'G');
    eventually("locks are held", || harness.world.locks.load(Ordering::SeqCst) == 2).await;
    harness.shutdown.cancel();
    idle.fatal("57P01").await;
    copying.fatal("57P01").await;
    busy.fatal("57P01").await;
    in_time(harness.served).await.expect("it returns");
    // The COPY ends by itself.
    assert_eq!(*harness.world.cancels.lock(), [CancelReason::Shutdown]);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_clients_that_do_not_read() {
    // Far longer than it may take to be told to go.
    let config = Config { shutdown_grace: Duration::from_secs(60), ..Config::default() };
    let harness = Harness::with(config, Backends::new(100, 3)).await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("rows 100000000")).await;
    eventually("rows are made", || harness.world.rows_made.load(Ordering::Relaxed) > 0).await;
    harness.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(30), harness.served).await.expect("in time").expect("it returns");
}

#[tokio::test]
async fn an_administrator_can_cancel_and_terminate() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    let pid = harness.backends.list()[0].pid;
    raw.send(&query("wait")).await;
    eventually("a lock is held", || harness.world.locks.load(Ordering::SeqCst) == 1).await;
    assert!(harness.backends.cancel(pid));
    raw.error_and_usable("57014").await;
    assert!(harness.backends.terminate(pid));
    raw.fatal("57P01").await;
    assert!(!harness.backends.terminate(pid + 1));
}

#[tokio::test]
async fn a_client_that_is_silent_for_too_long_is_told_so() {
    let harness = Harness::start().await;
    for (sql, sqlstate) in [("idle", "57P05"), ("begin; idle", "25P03")] {
        let mut raw = Raw::session(&harness).await;
        raw.send(&query(sql)).await;
        raw.until_ready().await;
        raw.fatal(sqlstate).await;
    }
}

#[tokio::test]
async fn notices_settings_and_copied_data_are_sent_in_order() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("notice; export 2")).await;
    let replies = raw.until_ready().await;
    assert_eq!(replies.iter().map(|reply| reply.kind).collect::<String>(), "NSCHddcCZ");
    assert_eq!((replies[0].field('S').as_str(), replies[0].field('H').as_str()), ("WARNING", "Think."));
    assert_eq!(replies[1].body, b"TimeZone\0Europe/Berlin\0");
    assert_eq!(replies[3].body, b"\x01\0\x02\0\x01\0\x01");
    assert_eq!(replies[5].body, b"1\n");
}

#[tokio::test]
async fn an_idle_client_is_told_what_changed() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    harness.world.news.add_permits(1);
    assert_eq!(raw.read().await.expect("news").body, b"in_hot_standby\0off\0");
    raw.usable().await;
}
