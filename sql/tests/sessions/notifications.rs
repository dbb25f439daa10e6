//! LISTEN and NOTIFY: who is told what, when, and in which order.

use std::time::Duration;

use protocol::Lsn;
use sql::session::Session;

use super::support::{Recorder, run, session};
use super::{ROWS, ok, two, value};

/// What an idle client is told now, as `channel:payload`.
fn told(session: &mut Session) -> Vec<String> {
    let mut client = Recorder::default();
    session.tell(&mut client);
    client.notifications.into_iter().map(|(channel, payload)| format!("{channel}:{payload}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_is_told_when_the_transaction_commits() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut two, "listen news; listen \"Other\"").await);
    ok(&run(&mut one, "begin; notify news, 'first'; select pg_notify('Other', 'second'); notify unheard, 'x'").await);
    assert!(!two.has_news());
    ok(&run(&mut one, "notify news").await);
    ok(&run(&mut one, "commit").await);
    assert!(two.has_news());
    assert_eq!(told(&mut two), ["news:first", "Other:second", "news:"]);
    assert!(!two.has_news());
    // Of what is rolled back nobody hears.
    ok(&run(&mut one, "begin; notify news, 'never'; rollback").await);
    run(&mut one, "notify news, 'never'; select 1 / 0").await;
    assert!(!two.has_news());
    // Outside of a block each Query message is a transaction.
    ok(&run(&mut one, "notify news, 'third'; select pg_notify('news', null)").await);
    assert_eq!(told(&mut two), ["news:third", "news:"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_says_the_same_once_and_not_what_a_savepoint_takes_back() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut two, "listen a").await);
    ok(&run(&mut one, "begin; notify a, '1'; notify a, '1'; savepoint s; notify a, '2'; notify a, '1'").await);
    ok(&run(&mut one, "rollback to s; notify a, '3'; release s; savepoint t; notify a, '4'; release t").await);
    ok(&run(&mut one, "savepoint u; notify a, '5'; notify a, '2'").await);
    run(&mut one, "select 1 / 0").await;
    ok(&run(&mut one, "rollback to u; notify a, '4'; notify a, '6'; commit").await);
    assert_eq!(told(&mut two), ["a:1", "a:3", "a:4", "a:6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_told_outside_of_its_blocks_and_hears_itself() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut two, "listen a; notify a, 'own'").await);
    assert_eq!(told(&mut two), ["a:own"]);
    ok(&run(&mut two, "begin").await);
    ok(&run(&mut one, "notify a, 'meanwhile'").await);
    assert!(!two.has_news() && told(&mut two).is_empty());
    run(&mut two, "select 1 / 0").await;
    assert!(!two.has_news() && told(&mut two).is_empty());
    ok(&run(&mut two, "rollback").await);
    assert!(two.has_news());
    assert_eq!(told(&mut two), ["a:meanwhile"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn listening_begins_and_ends_with_a_commit() {
    let (_volume, database, mut one, mut two) = two(ROWS).await;
    let channels = "select string_agg(it, ',' order by it) from pg_listening_channels() as it";
    ok(&run(&mut two, "begin; listen a; savepoint s; listen b; rollback to s; listen c").await);
    assert_eq!(value(&mut two, channels).await, "");
    ok(&run(&mut one, "notify a, 'early'").await);
    ok(&run(&mut two, "commit").await);
    assert_eq!(value(&mut two, channels).await, "a,c");
    ok(&run(&mut one, "notify a, '1'; notify b, '2'; notify c, '3'").await);
    assert_eq!(told(&mut two), ["a:1", "c:3"]);
    // What rolls back listens to what it listened to.
    ok(&run(&mut two, "begin; unlisten a; listen b; rollback").await);
    assert_eq!(value(&mut two, channels).await, "a,c");
    // And who stops listening is not told of what came before either.
    ok(&run(&mut two, "begin").await);
    ok(&run(&mut one, "notify a, '4'; notify c, '5'").await);
    ok(&run(&mut two, "unlisten a; commit").await);
    assert_eq!(told(&mut two), ["c:5"]);
    ok(&run(&mut two, "listen a").await);
    ok(&run(&mut two, "discard all").await);
    assert_eq!(value(&mut two, channels).await, "");
    ok(&run(&mut one, "notify a; notify c").await);
    assert!(!two.has_news());
    ok(&run(&mut two, "listen a; listen b; unlisten *; listen d").await);
    assert_eq!(value(&mut two, channels).await, "d");
    // Another database's channels are others, though they have the same names.
    ok(&run(&mut one, "create database elsewhere").await);
    let options = sql::session::SessionOptions {
        user: "postgres".into(),
        database: "elsewhere".into(),
        ..sql::session::SessionOptions::default()
    };
    let mut far = Session::new(database.clone(), options).await.expect("it may connect");
    ok(&run(&mut far, "listen d").await);
    ok(&run(&mut far, "notify d, 'there'").await);
    assert!(!two.has_news());
    assert_eq!(told(&mut far), ["d:there"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_is_woken() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut two, "listen a").await);
    let waiting = tokio::spawn(async move {
        two.news().await;
        told(&mut two)
    });
    ok(&run(&mut one, "notify a, 'now'").await);
    let told = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it is woken").expect("no panic");
    assert_eq!(told, ["a:now"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_can_take_back_is_not_told() {
    let (volume, _database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut two, "listen a").await);
    volume.hold();
    let mut client = Recorder::default();
    one.simple("set synchronous_commit = off; update t set v = 0; notify a", &mut client).await.expect("it commits");
    assert_eq!(told(&mut two), ["a:"]);
    // Written to the client's buffer, which leaves when all that it tells is durable.
    assert!(!two.is_settled());
    volume.flush_to(Lsn(u64::MAX));
    two.settle().await.expect("the volume is alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_earlier_commits_and_of_sequences_is_durable() {
    let (volume, _database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut one, "create sequence s; set synchronous_commit = off").await);
    ok(&run(&mut two, "listen a").await);
    let mut client = Recorder::default();
    for said in ["notify a", "select pg_notify('a', nextval('s')::text)"] {
        two.settle().await.expect("the volume is alive");
        volume.hold();
        // In a transaction of its own, to be told of by another that writes nothing.
        one.simple("update t set v = v + 1", &mut client).await.expect("it commits");
        one.simple(said, &mut client).await.expect("it commits");
        assert_eq!(told(&mut two).len(), 1);
        assert!(!two.is_settled(), "{said}");
        volume.flush_to(Lsn(u64::MAX));
        two.settle().await.expect("the volume is alive");
        volume.resume();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_takes_its_room_once_however_many_listen() {
    let (_volume, database, mut one, mut two) = two(ROWS).await;
    let mut listeners = Vec::new();
    for _ in 0..20 {
        let mut listener = session(&database).await;
        ok(&run(&mut listener, "listen a").await);
        listeners.push(listener);
    }
    ok(&run(&mut two, "listen a; notify a, '1'").await);
    let one_s = value(&mut one, "select pg_notification_queue_usage()").await;
    for listener in &mut listeners {
        assert_eq!(value(&mut one, "select pg_notification_queue_usage()").await, one_s);
        assert_eq!(told(listener), ["a:1"]);
    }
    assert_eq!(told(&mut two), ["a:1"]);
    assert_eq!(value(&mut one, "select pg_notification_queue_usage()").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_is_bounded() {
    let (_volume, database, mut one, mut two) = two(ROWS).await;
    ok(&run(&mut two, "listen a").await);
    ok(&run(&mut two, "begin").await);
    let fill = "select count(pg_notify('a', repeat('x', 7900) || it)) from generate_series(1, 1000) as it";
    let mut lines = Vec::new();
    for _ in 0..20 {
        lines = run(&mut one, fill).await;
        if lines[0].starts_with("ERROR") {
            break;
        }
    }
    assert_eq!(lines, ["ERROR:  54000: too many notifications in the NOTIFY queue"]);
    assert_eq!(value(&mut one, "select pg_notification_queue_usage() > 0.8").await, "t");
    ok(&run(&mut two, "commit").await);
    let mut count = 0;
    while two.has_news() {
        count += told(&mut two).len();
    }
    assert_eq!(count % 1000, 0);
    assert_eq!(value(&mut one, "select pg_notification_queue_usage()").await, "0");
    // Neither what a session leaves unread nor what it does not come to say stays.
    ok(&run(&mut one, fill).await);
    assert!(two.has_news());
    drop(two);
    ok(&run(&mut one, "begin; notify a; savepoint s; notify a, '1'; rollback to s").await);
    drop(one);
    let mut other = session(&database).await;
    assert_eq!(value(&mut other, "select pg_notification_queue_usage()").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_payloads_have_limits() {
    let (_volume, _database, mut one, mut two) = two(ROWS).await;
    let refused = |lines: Vec<String>| lines[0].clone();
    assert_eq!(
        refused(run(&mut one, "select pg_notify('', 'x')").await),
        "ERROR:  22023: channel name cannot be empty"
    );
    assert_eq!(
        refused(run(&mut one, "select pg_notify(null, 'x')").await),
        "ERROR:  22023: channel name cannot be empty"
    );
    assert_eq!(
        refused(run(&mut one, "select pg_notify(repeat('c', 64), 'x')").await),
        "ERROR:  22023: channel name too long"
    );
    assert_eq!(
        refused(run(&mut one, "select pg_notify('c', repeat('x', 8000))").await),
        "ERROR:  22023: payload string too long"
    );
    ok(&run(&mut two, "listen c").await);
    ok(&run(&mut one, "select pg_notify('c', repeat('x', 7999)), pg_notify(repeat('c', 63), '')").await);
    assert_eq!(told(&mut two)[0].len(), 8001);
    assert_eq!(run(&mut one, "notify").await[0], "ERROR:  42601: syntax error at end of input");
    assert_eq!(run(&mut one, "notify a 'x'").await[0], "ERROR:  42601: syntax error at or near \"'x'\"");
    assert_eq!(run(&mut one, "listen *").await[0], "ERROR:  42601: syntax error at or near \"*\"");
}
