//! What the wire costs: microseconds of the server's processor time for a message and its reply, over a real socket and a
//! session that needs no engine. `cargo bench -p redoubt-server`.
//!
//! The client is the thread that measures, and is not counted. Each line is the best of several rounds, since whatever else
//! the machine does only adds.

#[path = "../tests/wire/fake.rs"]
#[expect(unused, reason = "a session of the tests, which use more of it")]
mod fake;
#[path = "../tests/wire/raw.rs"]
#[expect(unused, reason = "as above")]
mod raw;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use fake::Harness;
use raw::{bind, execute, parse, query, startup, sync};

const CALLS: u32 = 20_000;
const ROUNDS: usize = 5;

/// What all threads but this one have run so far.
fn cpu_of_others() -> Duration {
    let own = std::fs::read_link("/proc/thread-self").expect("Linux tells it");
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux tells it").flatten();
    let others = tasks.filter(|task| Some(task.file_name().as_os_str()) != own.file_name());
    let nanos = others.filter_map(|task| {
        // A thread may have ended since.
        let line = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// Sends a request and reads up to ReadyForQuery; returns how many bytes came.
fn ask(stream: &mut TcpStream, request: &[u8], buffer: &mut [u8]) -> usize {
    stream.write_all(request).expect("the server reads");
    let (mut filled, mut at) = (0, 0);
    loop {
        filled += stream.read(&mut buffer[filled..]).expect("the server answers");
        while let Some(head) = buffer[..filled].get(at..at + 5) {
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize + 1;
            if at + length > filled {
                break;
            }
            at += length;
            if head[0] == b'Z' {
                return filled;
            }
        }
    }
}

fn measure(name: &str, stream: &mut TcpStream, request: &[u8]) {
    let mut buffer = vec![0; 1 << 20];
    let (mut best, mut bytes) = (Duration::MAX, 0);
    for _ in 0..ROUNDS {
        let before = cpu_of_others();
        for _ in 0..CALLS {
            bytes = ask(stream, request, &mut buffer);
        }
        best = best.min(cpu_of_others() - before);
    }
    let each = best.as_secs_f64() * 1e6 / f64::from(CALLS);
    println!("{name:<36} {:>6} bytes in, {bytes:>6} out {each:>8.2} us", request.len());
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("threads can be had");
    let harness = runtime.block_on(Harness::start());
    let mut stream = TcpStream::connect(("127.0.0.1", harness.port)).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    let mut buffer = vec![0; 1 << 16];
    ask(&mut stream, &startup(3, 0, &[("user", "ann")]), &mut buffer);
    ask(&mut stream, &[parse("one", "select $1"), sync()].concat(), &mut buffer);

    measure("simple query, one row", &mut stream, &query("select alive"));
    let keyed = [bind("one", 0, &[b"alive"]), execute(0), sync()].concat();
    measure("bind, execute, sync, one row", &mut stream, &keyed);
    let pipelined = [bind("one", 0, &[b"alive"]), execute(0)].concat().repeat(16);
    measure("sixteen of these before one sync", &mut stream, &[pipelined, sync()].concat());
    measure("a hundred rows of 100 bytes", &mut stream, &query("rows 100"));
}
