//! TPC-B for an hour, and what stays flat: `cargo run --release -p redoubt-tests --bin hour -- [SECONDS] [CLIENTS] [RATE] [SCALE]`.
//!
//! A cluster of processes with one replica; RATE transactions a second are begun, 0 for as many as it takes. For each sixtieth
//! of the time: the rate, the latency (p50, p99; with a rate counted from when a transaction was due), CPU time for a
//! transaction, resident memory of the writer, of the replica and of the six nodes together, and what the nodes' files take
//! on the disk. The table and the plot go to standard output and to `tests/bench/results`.
//! The run fails when another server is the writer at the end: nobody may take over from one that lives.

use anyhow::{Context, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tests::bench::{Subject, cpu_of, provenance, resident};
use tests::{Cluster, Options};

/// Points of the plot.
const SPANS: u64 = 60;
/// Of a hundred transactions so many are in pgbench's log.
const SAMPLED_PERCENT: u64 = 5;

/// What one span of the run showed.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    tps: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_us: f64,
    writer_mb: f64,
    replica_mb: f64,
    nodes_mb: f64,
    disk_mb: f64,
}

/// Bytes that a folder's files take on the disk, those that are preallocated included.
fn allocated(folder: &Path) -> u64 {
    // Files come and go meanwhile.
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(it) if it.is_dir() => allocated(&entry.path()),
        Ok(it) => it.blocks() * 512,
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Seconds since the epoch at which each logged transaction ended, and its latency in microseconds, schedule lag included.
fn logged(folder: &Path) -> anyhow::Result<Vec<(u64, u64)>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let text = std::fs::read_to_string(entry?.path())?;
        // client, transaction, latency, script, second, microsecond and, with a rate, the lag, which the latency contains
        let field = |line: &str, n: usize| line.split(' ').nth(n).and_then(|text| text.parse::<u64>().ok());
        all.extend(text.lines().filter_map(|line| Some((field(line, 4)?, field(line, 2)?))));
    }
    Ok(all)
}

/// Processes of a cluster that have a role.
fn pids(status: &Value, list: &str, role: &str) -> Vec<u32> {
    let all = status[list].as_array().into_iter().flatten().filter(|it| it["role"] == role);
    all.filter_map(|it| it["pid"].as_u64()).map(|pid| pid as u32).collect()
}

fn together(pids: &[u32]) -> anyhow::Result<u64> {
    pids.iter().map(|pid| resident(*pid)).sum()
}

fn percentile(sorted: &[u64], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).map_or(0.0, |micros| *micros as f64 / 1e3)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let argument = |n: usize, default| arguments.get(n).copied().unwrap_or(default);
    let (seconds, clients, rate, scale) = (argument(0, 3600), argument(1, 8), argument(2, 0), argument(3, 10));
    let length = (seconds / SPANS).max(1);

    let arguments = ["--cache-size", "256MB"].map(str::to_owned).to_vec();
    let options = Options { processes: true, arguments, ..Options::default() };
    let cluster = Cluster::start(options).await?;
    let subject =
        Subject { name: "redoubt", port: cluster.port(0), replica: Some(cluster.port(1)), pids: vec![cluster.pid()] };
    subject.load(scale as u32)?;
    let before = cluster.status(0)?;
    let [writer, replica] = ["writer", "replica"].map(|role| pids(&before, "servers", role));
    let nodes = pids(&before, "storage_nodes", "member");
    let scratch = tempfile::tempdir()?;
    let text = |n: u64| n.to_string();
    let mut load = Command::new("pgbench");
    load.args(["-h", "127.0.0.1", "-p", &text(cluster.port(0).into()), "-U", "postgres", "-n", "-M", "prepared"])
        .args(["-c", &text(clients), "-j", "2", "-T", &text(seconds), "-l"])
        .args([&format!("--log-prefix={}", scratch.path().join("log").display())])
        .args([&format!("--sampling-rate={}", SAMPLED_PERCENT as f64 / 100.0)]);
    if rate > 0 {
        load.args(["-R", &text(rate)]);
    }
    let load = load.arg("postgres").stdout(Stdio::piped()).spawn().context("pgbench: install postgresql")?;
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let begin = now();
    let (mut spans, mut cpu) = (Vec::new(), vec![cpu_of(&subject.pids)?]);
    for n in 1..=seconds / length {
        let due = begin + n * length;
        tokio::time::sleep(Duration::from_secs(due.saturating_sub(now()))).await;
        let mb = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        cpu.push(cpu_of(&subject.pids)?);
        spans.push(Span {
            writer_mb: mb(together(&writer)?),
            replica_mb: mb(together(&replica)?),
            nodes_mb: mb(together(&nodes)?),
            disk_mb: mb(allocated(&cluster.data())),
            ..Span::default()
        });
    }
    let output = tokio::task::spawn_blocking(move || load.wait_with_output()).await??;
    ensure!(output.status.success(), "pgbench failed\n{}", cluster.log());
    println!("{}", String::from_utf8_lossy(&output.stdout));
    let after = cluster.status(0)?;
    ensure!(pids(&after, "servers", "writer") == writer && after["epoch"] == before["epoch"], "the writer is another");

    let mut latencies = vec![Vec::new(); spans.len()];
    for (second, micros) in logged(scratch.path())? {
        if let Some(span) = latencies.get_mut((second.saturating_sub(begin) / length) as usize) {
            span.push(micros);
        }
    }
    for (n, (span, mut latencies)) in spans.iter_mut().zip(latencies).enumerate() {
        latencies.sort_unstable();
        let transactions = latencies.len() as f64 * 100.0 / SAMPLED_PERCENT as f64;
        span.tps = transactions / length as f64;
        span.p50_ms = percentile(&latencies, 50);
        span.p99_ms = percentile(&latencies, 99);
        span.cpu_us = (cpu[n + 1] - cpu[n]).as_secs_f64() * 1e6 / transactions.max(1.0);
    }
    let title = format!(
        "TPC-B prepared c={clients} at scale {scale}, {}, {seconds} s",
        if rate == 0 { "unthrottled".into() } else { format!("{rate} a second") }
    );
    let table = format!("{title}\n\n{}\n\n{}", provenance("just hour"), table(&spans, length));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/results");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("hour.md"), &table)?;
    std::fs::write(folder.join("hour.svg"), plot(&title, &spans, seconds))?;
    println!("{table}");
    Ok(())
}

/// Every sixth span.
fn table(spans: &[Span], length: u64) -> String {
    let mut table = String::from(
        "| second | tps | p50 ms | p99 ms | CPU us | writer, replica, nodes MB | disk MB |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (n, it) in spans.iter().enumerate().filter(|(n, _)| n % 6 == 5 || *n == 0) {
        writeln!(
            table,
            "| {} | {:.0} | {:.2} | {:.2} | {:.0} | {:.0}, {:.0}, {:.0} | {:.0} |",
            (n as u64 + 1) * length,
            it.tps,
            it.p50_ms,
            it.p99_ms,
            it.cpu_us,
            it.writer_mb,
            it.replica_mb,
            it.nodes_mb,
            it.disk_mb
        )
        .expect("a string takes all");
    }
    table
}

/// A line of a panel: its name, its colour, its values.
type Line = (&'static str, &'static str, fn(&Span) -> f64);

/// One panel below the other, each from zero to its highest value.
fn plot(title: &str, spans: &[Span], seconds: u64) -> String {
    const PANELS: [&[Line]; 5] = [
        &[("transactions a second", "#2f6f9f", |it| it.tps)],
        &[("latency p50, ms", "#2f6f9f", |it| it.p50_ms), ("p99, ms", "#b45f06", |it| it.p99_ms)],
        &[("CPU a transaction, us", "#2f6f9f", |it| it.cpu_us)],
        &[
            ("memory of the writer, MB", "#2f6f9f", |it| it.writer_mb),
            ("of the replica", "#b45f06", |it| it.replica_mb),
            ("of the six nodes", "#808080", |it| it.nodes_mb),
        ],
        &[("disk of six nodes, MB", "#2f6f9f", |it| it.disk_mb)],
    ];
    let (left, width, height, step) = (60.0, 640.0, 90.0, 120.0);
    let mut panels = String::new();
    for (n, lines) in PANELS.iter().enumerate() {
        let top = 40.0 + n as f64 * step;
        let all = lines.iter().flat_map(|(_, _, value)| spans.iter().map(value));
        let highest = all.fold(f64::MIN_POSITIVE, f64::max) * 1.05;
        let legend: Vec<String> =
            lines.iter().map(|(name, c, _)| format!("<tspan fill='{c}'>{name}</tspan>")).collect();
        writeln!(
            panels,
            "<text x='{left}' y='{}'>{}</text><text x='{}' y='{}' text-anchor='end'>{highest:.0}</text>\
             <path d='M{left} {top}v{height}h{width}' fill='none' stroke='#b4b4b4'/>",
            top - 5.0,
            legend.join(", "),
            left - 5.0,
            top + 8.0
        )
        .expect("a string takes all");
        for (_, colour, value) in *lines {
            let point = |(n, span): (usize, &Span)| {
                let x = left + width * (n as f64 + 0.5) / spans.len() as f64;
                format!("{x:.1},{:.1}", top + height * (1.0 - value(span) / highest))
            };
            let points: Vec<String> = spans.iter().enumerate().map(point).collect();
            writeln!(panels, "<polyline points='{}' fill='none' stroke='{colour}'/>", points.join(" "))
                .expect("a string takes all");
        }
    }
    let bottom = 40.0 + PANELS.len() as f64 * step;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='720' height='{}' font-family='sans-serif' font-size='11'>\n\
         <rect width='100%' height='100%' fill='white'/>\n<text x='8' y='16' font-weight='bold'>{title}</text>\n{panels}\
         <text x='{}' y='{}' text-anchor='end'>{seconds} s</text>\n</svg>\n",
        bottom + 10.0,
        left + width,
        bottom - 12.0
    )
}
