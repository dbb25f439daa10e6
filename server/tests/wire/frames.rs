//! Rows 10 to 16 and 21 to 23: frames and message bodies that lie about their structure.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fake::Harness;
use crate::raw::{Raw, bind, execute, frame, in_time, parse, query, startup, sync, with_length};

#[tokio::test]
async fn row_10_query_of_1_gb_before_authentication() {
    let harness = Harness::start().await;
    let mut raw = Raw::connect(&harness).await;
    raw.send(&startup(3, 0, &[("user", "scram")])).await;
    assert_eq!(raw.read().await.expect("a challenge").kind, 'R');
    // The header alone is enough: nothing waits for the body.
    raw.send(&with_length(b'Q', 1 << 30, b"")).await;
    raw.fatal("08P01").await;
    let mut raw = Raw::connect(&harness).await;
    raw.send(&startup(3, 0, &[("user", "scram")])).await;
    assert_eq!(raw.read().await.expect("a challenge").kind, 'R');
    raw.send(&with_length(b'p', 65_536 + 4, b"")).await;
    raw.fatal("08P01").await;
}

#[tokio::test]
async fn row_11_impossible_lengths_of_every_type() {
    let harness = Harness::start().await;
    for kind in *b"QPBDECSHXdcfFp" {
        for length in [0, 3, -1, 0x7fff_ffff] {
            let mut raw = Raw::session(&harness).await;
            raw.send(&with_length(kind, length, b"")).await;
            raw.fatal("08P01").await;
        }
    }
    Raw::session(&harness).await.usable().await;
}

#[tokio::test]
async fn row_12_unknown_type_and_function_call() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&frame(b'F', b"\0\0\0\x01\0\0\0\0\0\0")).await;
    raw.error_and_usable("0A000").await;
    raw.send(b"z").await;
    raw.fatal("08P01").await;
}

#[tokio::test]
async fn row_13_empty_and_truncated_bodies() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    let whole = [parse("s", "select $1"), bind("s", 0, &[b"abc"]), describe_s(), execute(0), frame(b'C', b"Ss\0")];
    for message in whole {
        for end in 5..message.len() {
            let cut = frame(message[0], &message[5..end]);
            raw.send(&[cut, query("insert evil"), sync()].concat()).await;
            raw.error_and_usable("08P01").await;
        }
    }
    assert!(harness.world.table.lock().is_empty(), "what follows a broken message is skipped");
}

fn describe_s() -> Vec<u8> {
    crate::raw::describe(b'S', "s")
}

#[tokio::test]
async fn row_14_parameter_lengths_beyond_the_frame() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    for length in [-2, i32::MIN, 100, i32::MAX] {
        let body = [&b"\0s\0\0\0\0\x01"[..], &length.to_be_bytes(), b"abc\0\0"].concat();
        raw.send(&[frame(b'B', &body), execute(0), sync()].concat()).await;
        raw.error_and_usable("08P01").await;
    }
}

#[tokio::test]
async fn row_15_counts_of_65535_with_a_short_body() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    for broken in [
        frame(b'P', b"s\0select 1\0\xff\xff\0\0\0\x17"),
        frame(b'B', b"\0s\0\xff\xff\0\0"),
        frame(b'B', b"\0s\0\0\0\xff\xff\0\0\0\x01a"),
        frame(b'B', b"\0s\0\0\0\0\0\xff\xff\0\x01"),
    ] {
        raw.send(&[broken, sync()].concat()).await;
        raw.error_and_usable("08P01").await;
    }
}

#[tokio::test]
async fn row_16_strings_without_nul_embedded_nul_and_bytes_left_over() {
    let harness = Harness::start().await;
    for body in [&b"select 1"[..], b"select 1\0insert evil\0", b"select 1\0\0", b""] {
        let mut raw = Raw::session(&harness).await;
        raw.send(&[frame(b'Q', body), query("insert evil")].concat()).await;
        raw.fatal("08P01").await;
    }
    // A length that ends too early: the rest must not be taken for a message that was meant.
    let mut raw = Raw::session(&harness).await;
    raw.send(&[&with_length(b'Q', 4 + 4, b"sele")[..], &query("insert evil")].concat()).await;
    raw.fatal("08P01").await;
    let mut raw = Raw::session(&harness).await;
    for broken in [
        frame(b'P', b"s\0select 1\0\0\0left"),
        frame(b'P', b"s\0select 1"),
        frame(b'P', b"s\0sel\0ect 1\0\0\0"),
        frame(b'D', b"Zs\0"),
        frame(b'C', b"?s\0"),
        frame(b'E', b"\0\0\0\0\0\0"),
    ] {
        raw.send(&[broken, query("insert evil"), sync()].concat()).await;
        raw.error_and_usable("08P01").await;
    }
    raw.send(&frame(b'S', b"left")).await;
    raw.fatal("08P01").await;
    assert!(harness.world.table.lock().is_empty());
}

#[tokio::test]
async fn row_20_wrong_number_of_parameters_and_unknown_names() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&[parse("", "select $1"), bind("", 0, &[b"a", b"b"]), execute(0), sync()].concat()).await;
    raw.error_and_usable("08P01").await;
    raw.send(&[bind("nothing", 0, &[]), sync()].concat()).await;
    raw.error_and_usable("26000").await;
    raw.send(&[execute(0), sync()].concat()).await;
    raw.error_and_usable("34000").await;
    // Two format codes for three parameters.
    let body = b"\0\0\0\x02\0\0\0\0\0\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0";
    raw.send(&[frame(b'B', body), sync()].concat()).await;
    raw.error_and_usable("08P01").await;
}

#[tokio::test]
async fn row_21_duplicate_statement_and_several_commands() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&[parse("s", "select 1"), parse("s", "select 1"), sync()].concat()).await;
    raw.error_and_usable("42P05").await;
    raw.send(&[parse("t", "select 1; select 2"), sync()].concat()).await;
    raw.error_and_usable("42601").await;
}

#[tokio::test]
async fn row_23_error_in_a_pipeline_skips_to_sync() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    let mut pipeline = [parse("", "error"), bind("", 0, &[]), execute(0)].concat();
    for _ in 0..50 {
        pipeline.extend([parse("", "insert evil"), bind("", 0, &[])].concat());
        pipeline.extend([execute(0), query("insert evil"), frame(b'B', b"broken"), frame(b'H', b"")].concat());
    }
    pipeline.extend([sync(), parse("", "select after"), bind("", 0, &[]), execute(0), sync()].concat());
    raw.send(&pipeline).await;
    assert_eq!(raw.kinds().await, "12EZ");
    assert_eq!(raw.kinds().await, "12DCZ");
    assert!(harness.world.table.lock().is_empty());
}

#[tokio::test]
async fn an_error_is_told_without_waiting_for_sync() {
    let harness = Harness::start().await;
    let mut raw = Raw::session(&harness).await;
    raw.send(&parse("", "select 1; select 2")).await;
    assert_eq!(raw.read().await.expect("at once").field('C'), "42601");
    raw.send(&[parse("", "select 1"), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "Z");
}

/// Valid pipelines with a few bytes changed, cut off or put in, in pieces of any size: the server answers or closes, and
/// everyone else is served.
#[tokio::test]
async fn mutated_streams_do_not_disturb_others() {
    let harness = Harness::start().await;
    let mut other = Raw::session(&harness).await;
    let whole = [
        query("select a; insert b"),
        [parse("s", "select $1"), bind("s", 0, &[b"value"]), describe_s(), execute(3), sync()].concat(),
        [query("copy"), frame(b'd', b"line\n"), frame(b'c', b"")].concat(),
        [parse("", "select #1"), bind("", 1, &[b"\0\0\0\x05"]), execute(0), frame(b'C', b"Ss\0"), sync()].concat(),
        query("rows 300"),
    ]
    .concat();
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..4) {
                0 => bytes[at] = random.random(),
                1 => bytes[at] ^= 1 << random.random_range(0..8),
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, random.random()),
            }
        }
        let mut raw = Raw::session(&harness).await;
        let (mut reader, mut writer) = raw.stream.split();
        let step = random.random_range(1..bytes.len() + 1);
        let send = async {
            for chunk in bytes.chunks(step) {
                if writer.write_all(chunk).await.is_err() {
                    break;
                }
            }
            let _ = writer.shutdown().await;
        };
        let mut answers = Vec::new();
        let (_, read) = in_time(async { tokio::join!(send, reader.read_to_end(&mut answers)) }).await;
        // A reset is an answer, too.
        let _ = read;
    }
    other.usable().await;
    assert_eq!(harness.backends.counters.panics.load(std::sync::atomic::Ordering::Relaxed), 0);
}
