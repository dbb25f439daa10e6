//! Rows 17 to 19 and 22: bytes that are no text, binary values, row counts.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::fake::Harness;
use crate::flow::eventually;
use crate::raw::{Raw, bind, execute, frame, parse, query, sync};

#[tokio::test]
async fn row_17_invalid_utf8_everywhere() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&frame(b'Q', b"insert \xc3\x28\0")).await;
    raw.error_and_usable("22021").await;
    raw.send(&[frame(b'P', b"\xff\0insert x\0\0\0"), sync()].concat()).await;
    raw.error_and_usable("22021").await;
    raw.send(&[frame(b'P', b"\0insert \xed\xa0\x80\0\0\0"), sync()].concat()).await;
    raw.error_and_usable("22021").await;
    raw.send(&[parse("", "insert $1"), bind("", 0, &[b"\xff"]), execute(0), sync()].concat()).await;
    raw.error_and_usable("22021").await;
    raw.send(&query("copy")).await;
    assert_eq!(raw.read().await.expect("an answer").kind, 'G');
    raw.send(&[frame(b'd', b"good\n"), frame(b'd', b"\xff\n"), frame(b'c', b"")].concat()).await;
    raw.error_and_usable("22021").await;
    assert!(harness.world.table.lock().is_empty(), "nothing is stored");
}

#[tokio::test]
async fn row_18_nul_inside_a_text_parameter() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&[parse("", "insert $1"), bind("", 0, &[b"a\0b"]), execute(0), sync()].concat()).await;
    let replies = raw.until_ready().await;
    assert_eq!(replies[1].field('C'), "22021");
    assert_eq!(replies[1].field('M'), "invalid byte sequence for encoding \"UTF8\": 0x00");
    assert!(harness.world.table.lock().is_empty());
}

#[tokio::test]
async fn row_19_row_counts() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    for (max_rows, rows, end) in [(-1, 5, 'C'), (0, 5, 'C'), (i32::MAX, 5, 'C'), (2, 2, 's')] {
        raw.send(&[parse("", "rows 5"), bind("", 0, &[]), execute(max_rows), sync()].concat()).await;
        let kinds = raw.kinds().await;
        assert_eq!(kinds, format!("12{}{end}Z", "D".repeat(rows)), "{max_rows}");
    }
    raw.send(&[parse("", "rows 5"), bind("", 0, &[]), execute(2), execute(2), execute(2), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "12DDsDDsDCZ");
}

#[tokio::test]
async fn row_22_malformed_binary_parameter() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&[parse("", "select #1"), bind("", 1, &[b"\0\0\x01"]), execute(0), sync()].concat()).await;
    raw.error_and_usable("22P03").await;
    raw.send(&[parse("", "select #1"), bind("", 1, &[b"\0\0\x01\0"]), execute(0), sync()].concat()).await;
    assert_eq!(raw.until_ready().await[2].first_column(), "256");
    // Format code 2 is none.
    raw.send(&[parse("", "select #1"), bind("", 2, &[b"\0\0\x01\0"]), execute(0), sync()].concat()).await;
    raw.error_and_usable("22023").await;
}

#[tokio::test]
async fn row_27_a_client_that_does_not_read_stops_its_producer() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("rows 100000000")).await;
    let made = || harness.world.rows_made.load(Ordering::Relaxed);
    // Until the kernel's buffers are full, then no more.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if made() > 0 && made() == before {
            break;
        }
        before = made();
    }
    assert!(made() < 1_000_000, "{} rows of 120 bytes are buffered", made());
    Raw::session(&harness).await.usable().await;
    drop(raw);
    eventually("the producer ends with its client", || harness.backends.count() == 0).await;
}

#[tokio::test]
async fn results_larger_than_the_buffer_arrive_whole() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&query("rows 20000")).await;
    let replies = raw.until_ready().await;
    let rows: Vec<String> = replies.iter().filter(|reply| reply.kind == 'D').map(|row| row.first_column()).collect();
    assert_eq!(rows.len(), 20_000);
    assert!(rows.iter().enumerate().all(|(n, row)| *row == n.to_string()));
    // One large message in small pieces.
    let text = "y".repeat(3_000_000);
    for chunk in query(&format!("select {text}")).chunks(100_000) {
        raw.send(chunk).await;
    }
    assert_eq!(raw.until_ready().await[1].first_column(), text);
}
