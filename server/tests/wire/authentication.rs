//! Rows 24 and 25: cancel keys and SCRAM.

use std::sync::atomic::Ordering;

use crate::fake::Harness;
use crate::flow::eventually;
use crate::raw::{Raw, frame, query, startup, untyped};

/// The bodies up to ReadyForQuery of a session, and its pid and key.
async fn session_with_key(harness: &Harness) -> (Raw, Vec<u8>) {
    let mut raw = Raw::connect(harness).await;
    raw.send(&startup(3, 0, &[("user", "ann")])).await;
    let replies = raw.until_ready().await;
    let key = replies.iter().find(|reply| reply.kind == 'K').expect("a key").body.clone();
    (raw, key)
}

async fn cancel(harness: &Harness, key: &[u8]) {
    let mut raw = Raw::connect(harness).await;
    raw.send(&untyped(&[b"\x04\xd2\x16\x2e", key].concat())).await;
    raw.closed().await;
}

#[tokio::test]
async fn row_24_cancel_requests_are_never_answered() {
    let harness = Harness::start().await;
    let (mut raw, key) = session_with_key(&harness).await;
    let locks = || harness.world.locks.load(Ordering::SeqCst);
    raw.send(&query("wait")).await;
    eventually("a lock is held", || locks() == 1).await;
    let mut wrong = key.clone();
    wrong[7] ^= 1;
    for body in [&wrong[..], &key[..4], &[&key[..], &[0; 284]].concat(), b""] {
        cancel(&harness, body).await;
    }
    assert_eq!((locks(), harness.world.cancels.lock().len()), (1, 0));
    cancel(&harness, &key).await;
    raw.error_and_usable("57014").await;
    assert_eq!(locks(), 0);
    // A right key while nothing runs has no effect on what comes next.
    cancel(&harness, &key).await;
    raw.usable().await;
}

#[tokio::test]
async fn row_24_guessing_is_limited() {
    let harness = Harness::start().await;
    let (mut raw, key) = session_with_key(&harness).await;
    let mut wrong = key.clone();
    wrong[7] ^= 1;
    for _ in 0..30 {
        cancel(&harness, &wrong).await;
    }
    raw.usable().await;
}

async fn begin_scram(harness: &Harness, user: &str, client_first: &str) -> (Raw, Option<String>) {
    let mut raw = Raw::connect(harness).await;
    raw.send(&startup(3, 0, &[("user", user)])).await;
    assert_eq!(raw.read().await.expect("an answer").body, b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    let length = (client_first.len() as u32).to_be_bytes();
    raw.send(&frame(b'p', &[b"SCRAM-SHA-256\0", &length[..], client_first.as_bytes()].concat())).await;
    let reply = raw.read().await.expect("an answer");
    if reply.kind == 'E' {
        assert_eq!(reply.field('C'), "08P01");
        return (raw, None);
    }
    assert_eq!(reply.body[..4], [0, 0, 0, 11]);
    (raw, Some(String::from_utf8(reply.body[4..].to_vec()).expect("ASCII")))
}

fn nonce(server_first: &str) -> &str {
    server_first.split(',').next().and_then(|part| part.strip_prefix("r=")).expect("a nonce")
}

#[tokio::test]
async fn row_25_scram_failures_have_one_text() {
    let harness = Harness::start().await;
    let zeros = "A".repeat(43) + "=";
    for user in ["scram", "ghost"] {
        let (mut raw, first) = begin_scram(&harness, user, "n,,n=,r=0123456789abcdef").await;
        let first = first.expect("a challenge");
        assert!(first.ends_with(",i=4096"), "{first}");
        raw.send(&frame(b'p', format!("c=biws,r={},p={zeros}", nonce(&first)).as_bytes())).await;
        let message = raw.fatal("28P01").await.field('M');
        assert_eq!(message, format!("password authentication failed for user \"{user}\""));
    }
    // A final message for another exchange's nonce, and one that claims another channel binding.
    let (_, old) = begin_scram(&harness, "scram", "n,,n=,r=0123456789abcdef").await;
    let (mut raw, _) = begin_scram(&harness, "scram", "n,,n=,r=0123456789abcdef").await;
    raw.send(&frame(b'p', format!("c=biws,r={},p={zeros}", nonce(&old.expect("a challenge"))).as_bytes())).await;
    raw.fatal("28P01").await;
    let (mut raw, first) = begin_scram(&harness, "scram", "y,,n=,r=0123456789abcdef").await;
    raw.send(&frame(b'p', format!("c=biws,r={},p={zeros}", nonce(&first.expect("ok"))).as_bytes())).await;
    raw.fatal("28P01").await;
    let (_, refused) = begin_scram(&harness, "scram", "p=tls-server-end-point,,n=,r=0123456789abcdef").await;
    assert_eq!(refused, None);
    assert_eq!(harness.backends.count(), 0);
}

#[tokio::test]
async fn row_25_malformed_sasl_messages() {
    let harness = Harness::start().await;
    let bodies = [
        &b""[..],
        b"SCRAM-SHA-256",
        b"SCRAM-SHA-256\0",
        b"SCRAM-SHA-256\0\xff\xff\xff\xff",
        b"SCRAM-SHA-256\0\x7f\xff\xff\xffn,,n=,r=a",
        b"SCRAM-SHA-256\0\0\0\0\x01nleft",
        b"SCRAM-SHA-256\0\0\0\0\x03\xff\xff\xff",
        b"SCRAM-SHA-1\0\0\0\0\0",
        b"password\0",
    ];
    for body in bodies {
        let mut raw = Raw::connect(&harness).await;
        raw.send(&startup(3, 0, &[("user", "scram")])).await;
        assert_eq!(raw.read().await.expect("an answer").kind, 'R');
        raw.send(&frame(b'p', body)).await;
        raw.fatal("08P01").await;
    }
}
