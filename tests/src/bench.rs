//! The same load on several servers in one run, and what it cost each.
//!
//! Machines are shared and noisy. So servers take several turns at each cell and the figure is the median turn's, and beside
//! the rate stands the CPU time that the server's processes spent on a transaction, which a neighbour disturbs least. A turn
//! ends when the server is idle: what it put off, images of pages or a vacuum, is paid for in its own time.

use crate::cluster::connect;
use anyhow::{Context, ensure};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A server under load.
pub struct Subject {
    pub name: &'static str,
    pub port: u16,
    /// Where a replica answers, if there is one.
    pub replica: Option<u16>,
    /// Its processes; their children count, too.
    pub pids: Vec<u32>,
}

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// A script of pgbench, `hot` for TPC-B at scale 1, or one of sysbench.
    pub workload: &'static str,
    /// How pgbench speaks, and what else is not as usual.
    pub mode: &'static str,
    pub clients: u32,
}

/// What one cell measured.
#[derive(Clone, Debug)]
pub struct Figures {
    pub tps: f64,
    pub p99_ms: f64,
    /// CPU time of the server's processes a transaction, with what they did until they were idle again.
    pub cpu_us: f64,
    pub failed: u64,
}

impl Figures {
    /// The median of each figure over several turns, and the failures of all; `None` of no turn.
    #[must_use]
    pub fn median(turns: &[Self]) -> Option<Self> {
        let of = |figure: fn(&Self) -> f64| median(turns.iter().map(figure));
        let failed = turns.iter().map(|turn| turn.failed).sum();
        let all =
            Self { tps: of(|turn| turn.tps), p99_ms: of(|turn| turn.p99_ms), cpu_us: of(|turn| turn.cpu_us), failed };
        (!turns.is_empty()).then_some(all)
    }
}

/// How often all servers take their turn at a cell.
const TURNS: usize = 3;

/// A server that used less than a tenth of a core for so long is idle.
const IDLE_FOR: Duration = Duration::from_millis(250);

/// So long at most a turn waits for that.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// How long a cell warms up, in seconds: longer when nothing is finished in less. Many clients take a second to
/// connect.
const WARM_UPS_SECONDS: [u32; 3] = [1, 4, 16];

/// The built-in scripts of pgbench, in the modes that matter, and those of sysbench.
pub const CELLS: [Cell; 21] = [
    cell("tpcb", "prepared", 1),
    cell("tpcb", "prepared", 8),
    cell("tpcb", "prepared", 32),
    cell("tpcb", "prepared", 256),
    cell("tpcb", "prepared, synchronous_commit=remote_write", 8),
    cell("tpcb", "prepared, synchronous_commit=off", 8),
    cell("hot", "prepared", 32),
    cell("tpcb", "extended", 8),
    cell("tpcb", "extended", 32),
    cell("tpcb", "simple", 8),
    cell("tpcb", "simple", 32),
    cell("simple-update", "prepared", 8),
    cell("simple-update", "prepared", 32),
    cell("select", "prepared", 8),
    cell("select", "prepared", 32),
    cell("select", "simple", 8),
    cell("connect", "simple", 1),
    cell("oltp_point_select", "sysbench", 8),
    cell("oltp_read_only", "sysbench", 8),
    cell("oltp_read_write", "sysbench", 8),
    cell("oltp_write_only", "sysbench", 8),
];

const fn cell(workload: &'static str, mode: &'static str, clients: u32) -> Cell {
    Cell { workload, mode, clients }
}

impl Cell {
    /// The script as the tool knows it, its mode, and a setting of the session.
    fn parts(&self) -> (&'static str, &'static str, &'static str) {
        let (mode, setting) = self.mode.split_once(", ").unwrap_or((self.mode, ""));
        (self.workload, mode, setting)
    }

    fn database(&self) -> &'static str {
        match self.mode {
            "sysbench" => "sysbench",
            _ if self.workload == "hot" => "hot",
            _ => "postgres",
        }
    }
}

impl Subject {
    fn pgbench(&self, database: &str, setting: &str, arguments: &[String]) -> anyhow::Result<String> {
        let mut command = Command::new("pgbench");
        if !setting.is_empty() {
            command.env("PGOPTIONS", format!("-c {setting}"));
        }
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"]).args(arguments).arg(database);
        self.output_of(&mut command).context("pgbench is in Debian's package postgresql")
    }

    fn sysbench(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("sysbench");
        command
            .args(["--db-driver=pgsql", "--pgsql-host=127.0.0.1", &format!("--pgsql-port={}", self.port)])
            .args(["--pgsql-user=postgres", "--pgsql-db=sysbench", "--tables=1", "--table-size=100000"])
            .args(arguments);
        self.output_of(&mut command).context("sysbench is in Debian's package sysbench")
    }

    fn output_of(&self, command: &mut Command) -> anyhow::Result<String> {
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{}: {text}{}", self.name, String::from_utf8_lossy(&output.stderr));
        Ok(text)
    }

    /// Fills the tables of pgbench; returns how long that took.
    ///
    /// # Errors
    /// When pgbench fails.
    pub fn load(&self, scale: u32) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        self.pgbench("postgres", "", &["-i", "-q", "-s", &scale.to_string()].map(str::to_owned))?;
        Ok(begin.elapsed())
    }

    /// Fills the tables of the cells that have a database of their own.
    ///
    /// # Errors
    /// When pgbench or sysbench fails.
    pub fn load_others(&self) -> anyhow::Result<()> {
        self.psql("CREATE DATABASE hot")?;
        self.pgbench("hot", "", &["-i", "-q"].map(str::to_owned))?;
        self.psql("CREATE DATABASE sysbench")?;
        self.sysbench(&["oltp_read_write", "prepare"]).map(drop)
    }

    /// Runs a cell after it has warmed up; `None` when the server finishes nothing.
    ///
    /// # Errors
    /// As [`Subject::run`].
    pub fn warm(&self, cell: Cell, seconds: u32) -> anyhow::Result<Option<Figures>> {
        for warm_up in WARM_UPS_SECONDS {
            if self.run(cell, warm_up)?.is_some() {
                return self.run(cell, seconds);
            }
        }
        Ok(None)
    }

    /// Waits until the server is done with what a load left it to do.
    fn settle(&self) -> anyhow::Result<()> {
        let begin = Instant::now();
        let mut before = cpu_of(&self.pids)?;
        while begin.elapsed() < SETTLE_MAX {
            std::thread::sleep(IDLE_FOR);
            let now = cpu_of(&self.pids)?;
            if now.saturating_sub(before) < IDLE_FOR / 10 {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// Runs a cell; `None` when the server finishes nothing in that time.
    ///
    /// # Errors
    /// When pgbench fails.
    pub fn run(&self, cell: Cell, seconds: u32) -> anyhow::Result<Option<Figures>> {
        if cell.mode == "sysbench" {
            return self.run_sysbench(cell, seconds);
        }
        let (workload, mode, setting) = cell.parts();
        let scratch = tempfile::tempdir()?;
        let prefix = scratch.path().join("log");
        let text = |text: &str| text.to_owned();
        let (threads, clients) = (cell.clients.min(2).to_string(), cell.clients.to_string());
        let mut arguments =
            ["-n", "-M", mode, "-c", &clients, "-j", &threads, "-T", &seconds.to_string()].map(text).to_vec();
        match workload {
            "select" => arguments.push(text("-S")),
            "simple-update" => arguments.push(text("-N")),
            "connect" => {
                let script = scratch.path().join("one.sql");
                std::fs::write(&script, "SELECT 1;\n")?;
                arguments.extend([text("-C"), text("-f"), script.to_string_lossy().into_owned()]);
            }
            _ => {}
        }
        let sampling = if workload == "select" { "--sampling-rate=0.1" } else { "--sampling-rate=1" };
        arguments.extend([text("-l"), format!("--log-prefix={}", prefix.display()), text(sampling)]);
        let before = cpu_of(&self.pids)?;
        let output = self.pgbench(cell.database(), setting, &arguments)?;
        self.settle()?;
        let cpu = cpu_of(&self.pids)? - before;
        let Some(Rates { transactions, tps, failed }) = rates(&output)? else { return Ok(None) };
        let p99_ms = percentile_99(scratch.path())?;
        Ok(Some(Figures { tps, p99_ms, cpu_us: cpu.as_secs_f64() * 1e6 / transactions, failed }))
    }

    fn run_sysbench(&self, cell: Cell, seconds: u32) -> anyhow::Result<Option<Figures>> {
        let (threads, time) = (format!("--threads={}", cell.clients), format!("--time={seconds}"));
        let before = cpu_of(&self.pids)?;
        let output = self.sysbench(&[cell.workload, &threads, &time, "--percentile=99", "run"])?;
        self.settle()?;
        let cpu = cpu_of(&self.pids)? - before;
        // "transactions:   12345  (2057.11 per sec.)"
        let field = |label: &str, index: usize| {
            let line =
                output.lines().find_map(|line| line.trim().strip_prefix(label)).with_context(|| output.clone())?;
            let digits = line.split_whitespace().nth(index).unwrap_or_default().trim_start_matches('(');
            digits.parse::<f64>().with_context(|| output.clone())
        };
        let transactions = field("transactions:", 0)?;
        if transactions == 0.0 {
            return Ok(None);
        }
        Ok(Some(Figures {
            tps: field("transactions:", 1)?,
            p99_ms: field("99th percentile:", 0)?,
            cpu_us: cpu.as_secs_f64() * 1e6 / transactions,
            failed: field("ignored errors:", 0)? as u64,
        }))
    }

    /// Rows a second of `COPY FROM` into a table with a primary key, and of the same table counted and copied out.
    ///
    /// # Errors
    /// When psql fails.
    pub fn copy(&self, rows: u64) -> anyhow::Result<[f64; 2]> {
        let scratch = tempfile::tempdir()?;
        let file = scratch.path().join("rows");
        let filler = " ".repeat(84);
        let lines: String = (1..=rows).map(|n| format!("{n}\t{}\t0\t{filler}\n", n / 100_000 + 1)).collect();
        std::fs::write(&file, lines)?;
        self.psql("DROP TABLE IF EXISTS copied")?;
        self.psql("CREATE TABLE copied (aid int PRIMARY KEY, bid int, abalance int, filler char(84))")?;
        let mut rates = [0.0; 2];
        for (rate, command) in rates.iter_mut().zip(["from", "to"]) {
            let begin = Instant::now();
            self.psql(&format!("\\copy copied {command} '{}'", file.display()))?;
            *rate = rows as f64 / begin.elapsed().as_secs_f64();
        }
        self.psql("DROP TABLE copied")?;
        self.settle()?;
        Ok(rates)
    }

    fn psql(&self, sql: &str) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let output = Command::new("psql")
            .args(["-X", "-q", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-c", sql, "postgres"])
            .output()?;
        ensure!(output.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// From a commit's answer to the first answer of the replica that shows it, p50 and p99 in milliseconds, while TPC-B runs
    /// with eight clients; a poll's round trip is in it.
    ///
    /// # Errors
    /// When a server refuses, or there is no replica.
    pub async fn lag(&self, seconds: u32) -> anyhow::Result<[f64; 2]> {
        let (writer, replica) = (connect(self.port).await?, connect(self.replica.context("it has no replica")?).await?);
        writer
            .batch_execute(
                "DROP TABLE IF EXISTS lag; CREATE TABLE lag (n bigint PRIMARY KEY); INSERT INTO lag VALUES (0)",
            )
            .await?;
        let insert = writer.prepare("INSERT INTO lag VALUES ($1)").await?;
        let newest = loop {
            match replica.prepare("SELECT max(n) FROM lag").await {
                Ok(statement) => break statement,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let (port, time) = (self.port.to_string(), (seconds + 1).to_string());
        let mut load = Command::new("pgbench")
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-n", "-M", "prepared", "-c", "8", "-j", "2"])
            .args(["-T", &time, "postgres"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()?;
        let (begin, mut lags) = (Instant::now(), Vec::new());
        for n in 1i64.. {
            if begin.elapsed() > Duration::from_secs(seconds.into()) {
                break;
            }
            writer.execute(&insert, &[&n]).await?;
            let told = Instant::now();
            while replica.query_one(&newest, &[]).await?.get::<_, Option<i64>>(0).unwrap_or(0) < n {
                ensure!(told.elapsed() < crate::cluster::PATIENCE, "{}: the replica stands still", self.name);
            }
            lags.push(told.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        load.wait()?;
        lags.sort_unstable();
        let at = |share: usize| lags.get(lags.len() * share / 100).map_or(0.0, |lag| lag.as_secs_f64() * 1e3);
        Ok([at(50), at(99)])
    }
}

/// Measures all servers in turns, forth and back. The figures of each server's turns; a server that has none in its first
/// gets no other.
///
/// # Errors
/// Those of `measure`, which is told whether the turn is the first.
pub fn in_turns<F: Clone>(
    subjects: &[Subject],
    mut measure: impl FnMut(&Subject, bool) -> anyhow::Result<Option<F>>,
) -> anyhow::Result<Vec<Vec<F>>> {
    let mut figures = vec![Vec::new(); subjects.len()];
    for turn in 0..TURNS {
        let mut order: Vec<usize> = (0..subjects.len()).collect();
        if turn % 2 == 1 {
            order.reverse();
        }
        for at in order {
            if turn == 0 || !figures[at].is_empty() {
                figures[at].extend(measure(&subjects[at], turn == 0)?);
            }
        }
    }
    Ok(figures)
}

/// The middle one; of an even number the upper one of the two, and 0 of none.
#[must_use]
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = figures.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

/// What pgbench's report says of a run.
#[derive(Debug, PartialEq)]
struct Rates {
    transactions: f64,
    tps: f64,
    failed: u64,
}

/// Reads a report, which ends with the number of transactions when that is 0.
fn rates(report: &str) -> anyhow::Result<Option<Rates>> {
    let number = |label: &str| {
        let line = report.lines().find_map(|line| line.strip_prefix(label)).with_context(|| report.to_owned())?;
        let digits = line.trim_start_matches([':', ' ', '=']).split(' ').next().unwrap_or_default();
        digits.parse::<f64>().with_context(|| report.to_owned())
    };
    let transactions = number("number of transactions actually processed")?;
    if transactions == 0.0 {
        return Ok(None);
    }
    let failed = number("number of failed transactions")? as u64;
    Ok(Some(Rates { transactions, tps: number("tps")?, failed }))
}

/// Latencies are the third field of pgbench's log, in microseconds.
fn percentile_99(folder: &Path) -> anyhow::Result<f64> {
    let mut all: Vec<u64> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            continue;
        }
        let text = std::fs::read_to_string(path)?;
        all.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()));
    }
    all.sort_unstable();
    Ok(all.get(all.len() * 99 / 100).map_or(0.0, |micros| *micros as f64 / 1e3))
}

/// By which command, when and at which commit something was measured: what a written figure is worth nothing without.
#[must_use]
pub fn provenance(command: &str) -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let text =
            output.ok().filter(|it| it.status.success()).map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
        text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
    };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (date, commit) = (said("date", &["-u", "+%F %R UTC"]), said("git", &["describe", "--always", "--dirty"]));
    format!("`{}`, ended {date}, commit {commit}", [command, &arguments.join(" ")].join(" ").trim_end())
}

/// Resident memory of a process, in bytes.
///
/// # Errors
/// When there is no such process.
pub fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no resident memory")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes << 10)
}

/// CPU time of processes and of all their children, those that ended and were waited for included.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn cpu_of(roots: &[u32]) -> anyhow::Result<Duration> {
    let mut times: HashMap<u32, (u32, u64)> = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // It may have ended since the folder was read.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((_, fields)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = fields.split(' ').collect();
        let field = |n: usize| fields.get(n).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        // State, parent, ...; 11 to 14: own time in user mode and in the kernel, and the same of children that ended.
        times.insert(pid, (field(1) as u32, (11..15).map(field).sum()));
    }
    let belongs = |pid: u32| {
        let chain = std::iter::successors(Some(pid), |pid| times.get(pid).map(|(parent, _)| *parent));
        chain.take_while(|pid| *pid > 1).any(|pid| roots.contains(&pid))
    };
    let ticks: u64 = times.iter().filter(|(pid, _)| belongs(**pid)).map(|(_, (_, ticks))| ticks).sum();
    // The kernel counts hundredths of a second, whatever its own tick is.
    Ok(Duration::from_millis(ticks * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_without_a_transaction_is_no_error() {
        let begin = "scaling factor: 10\nquery mode: prepared\nnumber of clients: 256\nduration: 1 s\n";
        let nothing = "number of transactions actually processed: 0\n";
        let some = "number of transactions actually processed: 1208\nnumber of failed transactions: 3 (0.248%)\n\
                    latency average = 6.6 ms\ninitial connection time = 8.1 ms\n\
                    tps = 1211.58 (without initial connection time)\n";
        let read = |rest: &str| rates(&[begin, rest].concat()).map_err(|error| error.to_string());
        assert_eq!(read(nothing), Ok(None));
        assert_eq!(read(some), Ok(Some(Rates { transactions: 1208.0, tps: 1211.58, failed: 3 })));
        assert!(read("pgbench: error: client 0 aborted\n").is_err_and(|error| error.contains("client 0 aborted")));
    }

    #[test]
    fn turns_go_forth_and_back_and_who_finishes_nothing_gets_one() {
        let subjects = ["fast", "slow", "dead"].map(|name| Subject { name, port: 0, replica: None, pids: Vec::new() });
        let mut order = Vec::new();
        let found = in_turns(&subjects, |subject, is_first| {
            order.push((subject.name, is_first));
            Ok((subject.name != "dead").then_some(order.len()))
        });
        assert_eq!(found.expect("nothing failed"), [vec![1, 5, 6], vec![2, 4, 7], vec![]]);
        let first = [("fast", true), ("slow", true), ("dead", true)];
        let others = [("slow", false), ("fast", false), ("fast", false), ("slow", false)];
        assert_eq!(order, [&first[..], &others].concat());
    }

    #[test]
    fn a_median_is_of_each_figure_and_failures_add_up() {
        let turn = |tps, p99_ms, cpu_us, failed| Figures { tps, p99_ms, cpu_us, failed };
        let turns = [turn(90.0, 3.0, 11.0, 1), turn(50.0, 1.0, 30.0, 0), turn(70.0, 2.0, 20.0, 4)];
        let median = Figures::median(&turns).map(|it| (it.tps, it.p99_ms, it.cpu_us, it.failed));
        assert_eq!(median, Some((70.0, 2.0, 20.0, 5)));
        assert!(Figures::median(&[]).is_none());
    }
}
