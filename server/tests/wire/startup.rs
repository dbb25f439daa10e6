//! Rows 1 to 9 and 28: start-up packets, limits before authentication, places.

use std::time::{Duration, Instant};

use server::pgwire::{Backends, Config};
use tokio::io::AsyncReadExt;

use crate::fake::Harness;
use crate::raw::{Raw, in_time, query, startup, untyped, with_length};

/// What takes longer does not happen.
const LONG: Duration = Duration::from_secs(60);
const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const GSS_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";

#[tokio::test]
async fn row_1_startup_length_out_of_range() {
    let harness = Harness::start().await;
    for length in [0u32, 4, 7, 10_001, 0x7fff_ffff, 0xffff_ffff] {
        let mut raw = Raw::connect(&harness).await;
        raw.send(&length.to_be_bytes()).await;
        raw.closed().await;
    }
    Raw::session(&harness).await.usable().await;
}

#[tokio::test]
async fn row_2_startup_without_a_sound_layout() {
    let harness = Harness::start().await;
    let bodies = [&b"user\0ann\0"[..], b"user\0ann", b"user\0ann\0database\0\0", b"user\0ann\0\0left\0\0"];
    for body in bodies {
        let mut raw = Raw::connect(&harness).await;
        raw.send(&untyped(&[b"\0\x03\0\0", body].concat())).await;
        raw.fatal("08P01").await;
    }
}

#[tokio::test]
async fn row_3_other_protocols() {
    let harness = Harness::start().await;
    for major in [2, 9] {
        let mut raw = Raw::connect(&harness).await;
        raw.send(&startup(major, 0, &[("user", "ann")])).await;
        let message = raw.fatal("0A000").await.field('M');
        assert!(message.starts_with(&format!("unsupported frontend protocol {major}.0")), "{message}");
    }
}

#[tokio::test]
async fn row_4_newer_minor_version_and_unknown_options_are_negotiated() {
    let harness = Harness::start().await;
    let mut raw = Raw::connect(&harness).await;
    raw.send(&startup(3, 9, &[("user", "ann"), ("_pq_.x", "1")])).await;
    let replies = raw.until_ready().await;
    assert_eq!(replies[0].kind, 'v');
    assert_eq!(replies[0].body, b"\0\x03\0\0\0\0\0\x01_pq_.x\0");
    raw.usable().await;
    let mut raw = Raw::connect(&harness).await;
    raw.send(&startup(3, 0, &[("user", "ann")])).await;
    assert_eq!(raw.kinds().await, "RSSKZ", "nothing is negotiated where nothing is new");
}

#[tokio::test]
async fn row_5_no_user() {
    let harness = Harness::start().await;
    for pairs in [&[][..], &[("user", "")], &[("database", "d")]] {
        let mut raw = Raw::connect(&harness).await;
        raw.send(&startup(3, 0, pairs)).await;
        raw.fatal("28000").await;
    }
}

#[tokio::test]
async fn row_6_http_and_tls_are_closed_at_once() {
    let harness = Harness::start().await;
    for bytes in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"] {
        let mut raw = Raw::connect(&harness).await;
        raw.send(bytes).await;
        // Waits for less than whoever says nothing has.
        raw.closed().await;
    }
}

#[tokio::test]
async fn row_7_plaintext_behind_an_encryption_request() {
    let harness = Harness::start().await;
    for request in [SSL_REQUEST, GSS_REQUEST] {
        let mut raw = Raw::connect(&harness).await;
        raw.send(&[request, &startup(3, 0, &[("user", "ann")])].concat()).await;
        let message = raw.fatal("08P01").await.field('M');
        assert!(message.starts_with("received unencrypted data after"), "{message}");
    }
    assert!(harness.world.startups.lock().is_empty());
}

#[tokio::test]
async fn row_8_encryption_requests_are_answered_once_each() {
    let harness = Harness::start().await;
    for (first, second) in [(SSL_REQUEST, GSS_REQUEST), (GSS_REQUEST, SSL_REQUEST)] {
        let mut raw = Raw::connect(&harness).await;
        for request in [first, second] {
            raw.send(request).await;
            assert_eq!(in_time(raw.stream.read_u8()).await.expect("an answer"), b'N');
        }
        raw.send(&startup(3, 0, &[("user", "ann")])).await;
        raw.until_ready().await;
        raw.usable().await;
        let mut raw = Raw::connect(&harness).await;
        raw.send(first).await;
        assert_eq!(in_time(raw.stream.read_u8()).await.expect("an answer"), b'N');
        raw.send(first).await;
        raw.fatal("0A000").await;
    }
}

#[tokio::test]
async fn row_9_silent_clients_are_cut_and_others_unaffected() {
    let timeout = Duration::from_millis(700);
    let config = Config { authentication_timeout: timeout, ..Config::default() };
    let harness = Harness::with(config, Backends::new(10, 3)).await;
    let mut silent = Vec::new();
    for _ in 0..1000 {
        let mut raw = Raw::connect(&harness).await;
        raw.send(b"\0").await;
        silent.push(raw);
    }
    // On a busy machine a client that speaks may be late, too: it comes again.
    let mut stuck = answered(&harness, "scram").await;
    let mut session = answered(&harness, "ann").await;
    session.until_ready().await;
    session.usable().await;
    stuck.fatal("57014").await;
    // Each waits for less than whoever says nothing has unless it is set.
    for raw in &mut silent {
        raw.closed().await;
    }
}

/// A connection whose start-up packet was answered in time.
async fn answered(harness: &Harness, user: &str) -> Raw {
    let started = Instant::now();
    loop {
        let mut raw = Raw::connect(harness).await;
        raw.send(&startup(3, 0, &[("user", user)])).await;
        if raw.read().await.is_some_and(|reply| reply.kind == 'R') {
            return raw;
        }
        assert!(started.elapsed() < LONG, "nobody gets through");
    }
}

#[tokio::test]
async fn row_9_waiting_clients_are_bounded_in_number() {
    let config = Config { handshakes_max: 5, ..Config::default() };
    let harness = Harness::with(config, Backends::new(10, 3)).await;
    let mut session = Raw::session(&harness).await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(Raw::connect(&harness).await);
    }
    Raw::connect(&harness).await.closed().await;
    session.usable().await;
    drop(waiting);
    // Their ends are noticed by their tasks, one after the other.
    answered(&harness, "ann").await;
}

#[tokio::test]
async fn row_28_more_clients_than_places() {
    let harness = Harness::with(Config::default(), Backends::new(5, 3)).await;
    let (mut first, _second) = (Raw::session(&harness).await, Raw::session(&harness).await);
    let mut third = Raw::connect(&harness).await;
    third.send(&startup(3, 0, &[("user", "ann")])).await;
    let mut held = Vec::new();
    assert!(third.fatal("53300").await.field('M').contains("reserved"));
    for _ in 0..3 {
        held.push(Raw::session_of(&harness, "admin").await);
    }
    let mut last = Raw::connect(&harness).await;
    last.send(&startup(3, 0, &[("user", "admin")])).await;
    assert_eq!(last.fatal("53300").await.field('M'), "sorry, too many clients already");
    first.usable().await;
    held[0].usable().await;
}

#[tokio::test]
async fn what_a_client_says_of_itself_reaches_the_session() {
    let harness = Harness::start().await;
    let mut raw = Raw::connect(&harness).await;
    let pairs = [("user", "ann"), ("options", "-c search_path=a"), ("application_name", "test"), ("database", "shop")];
    raw.send(&startup(3, 0, &pairs)).await;
    raw.until_ready().await;
    let seen = harness.world.startups.lock()[0].clone();
    assert_eq!((seen.user.as_str(), seen.database.as_str(), seen.application_name()), ("ann", "shop", "test"));
    assert_eq!(seen.settings[0], ("search_path".to_owned(), "a".to_owned()));
    let listed = harness.backends.list();
    assert_eq!((listed.len(), listed[0].user.as_str()), (1, "ann"));
    raw.send(&with_length(b'X', 4, b"")).await;
    raw.closed().await;
    assert_eq!(harness.backends.count(), 0);
}

#[tokio::test]
async fn a_session_that_cannot_be_opened_is_refused_with_its_reason() {
    let harness = Harness::start().await;
    for (database, sqlstate) in [("missing", "3D000"), ("panic", "XX000")] {
        let mut raw = Raw::connect(&harness).await;
        raw.send(&startup(3, 0, &[("user", "ann"), ("database", database)])).await;
        raw.fatal(sqlstate).await;
    }
    assert_eq!(harness.backends.count(), 0);
    let mut raw = Raw::connect(&harness).await;
    raw.send(&[startup(3, 0, &[("user", "ann")]), query("select early")].concat()).await;
    raw.until_ready().await;
    assert_eq!(raw.until_ready().await[1].first_column(), "early");
}
