//! One seed, or a range of them.

use crate::cluster::Cluster;
use crate::nemesis::{Harm, Nemesis};
use crate::sabotage::Sabotage;
use crate::tally::Fault;
use crate::trace::{Trace, Verbosity};
use crate::world::{ProcessId, Stuck, World};
use protocol::task::sleep;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// A run takes no more virtual time than this.
const LIMIT: Duration = Duration::from_secs(1200);

/// From so many seeds on every kind of fault must have come.
pub const SEEDS_FOR_EVERY_FAULT: u64 = 50;

/// How to run a seed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long the nemesis rages, in virtual time.
    pub rage: Duration,
    /// Print the trace.
    pub verbosity: Verbosity,
    /// Deliberate bug; `None` outside of the simulator's own tests.
    pub sabotage: Option<Sabotage>,
    /// The only harm that is done, instead of what the seed draws.
    pub only: Option<Harm>,
    /// Seeds of a range that run at the same time.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { rage: Duration::from_secs(6), verbosity: Verbosity::Quiet, sabotage: None, only: None, threads: 1 }
    }
}

/// What became of a seed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What must not be and was; empty: it passed.
    pub violations: Vec<String>,
    /// Commits that clients were told of.
    pub commits: u64,
    /// Those of sessions on replicas.
    pub forwarded: u64,
    /// Recoveries that opened the volume, after the first.
    pub promotions: u64,
    /// What was done to it.
    pub faults: BTreeMap<Fault, u64>,
    /// Two runs are one when this is equal.
    pub hash: u64,
    /// Virtual time.
    pub time: Duration,
    /// Steps of tasks.
    pub polls: u64,
    /// The last lines of the trace.
    pub last: Vec<String>,
}

impl Report {
    /// Whether it passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.violations.is_empty()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = if self.passed() { "ok  " } else { "FAIL" };
        let faults: u64 = self.faults.values().sum();
        write!(
            f,
            "seed {:>6} {verdict} {:>6} commits {:>4} promotions {:>6} faults {:>7.1} s virtual, trace {:016x}",
            self.seed,
            self.commits,
            self.promotions,
            faults,
            self.time.as_secs_f64(),
            self.hash
        )?;
        for violation in self.violations.iter().take(10) {
            write!(f, "\n    {violation}")?;
        }
        if !self.passed() {
            write!(f, "\n    again, with its trace: redoubt sim --seed {} --trace", self.seed)?;
        }
        Ok(())
    }
}

/// Runs one seed.
#[must_use]
pub fn run_seed(seed: u64, options: Options) -> Report {
    let world = World::new(seed, Trace::new(options.verbosity));
    let cluster = Cluster::new(seed, world.clone(), options.sabotage);
    let main = {
        let cluster = cluster.clone();
        async move {
            cluster.world.note(|| format!("seed {seed}: {:?}", cluster.shape));
            if let Err(why) = cluster.begin().await {
                return cluster.ledger.violate(format!("the beginning fails: {why}"));
            }
            cluster.world.spawn_in(ProcessId::WORLD, cluster.clone().watch());
            sleep(Duration::from_millis(500)).await;
            let mut random = Nemesis::new(cluster.clone()).rage(options.rage, options.only).await;
            cluster.heal(&mut random).await;
            cluster.world.spawn_in(ProcessId::WORLD, cluster.clone().supervise(random));
            cluster.judge().await;
        }
    };
    // What panics inside of a task has failed as much as what violates an invariant.
    match catch_unwind(AssertUnwindSafe(|| world.run(LIMIT, main))) {
        Ok(Ok(())) => {}
        Ok(Err(Stuck::Idle)) => cluster.ledger.violate("the world stands still: nothing waits for anything".into()),
        Ok(Err(Stuck::Late)) => cluster.ledger.violate("the world does not end".into()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text");
            cluster.ledger.violate(format!("a panic: {text}"));
        }
    }
    let trace = world.trace();
    let mut report = Report {
        seed,
        violations: cluster.ledger.violations(),
        commits: cluster.commits(),
        forwarded: cluster.forwarded(),
        promotions: cluster.ledger.openings().saturating_sub(1) as u64,
        faults: cluster.tally.counts(),
        hash: trace.hash(),
        time: world.time(),
        polls: world.polls(),
        last: trace.last().map(str::to_owned).collect(),
    };
    world.end(|| cluster.end());
    for server in cluster.servers.iter().filter(|server| server.engines_left() > 0) {
        report.violations.push(format!("{} engines of server {} outlive it", server.engines_left(), server.index));
    }
    report
}

/// The outcome of a range of seeds.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that failed.
    pub failed: Vec<u64>,
    /// Seeds that were run.
    pub seeds: u64,
    /// Seeds that committed nothing: they test nothing.
    pub barren: Vec<u64>,
    /// Commits of all.
    pub commits: u64,
    /// Those of sessions on replicas.
    pub forwarded: u64,
    /// Promotions of all.
    pub promotions: u64,
    /// Faults of all, by kind.
    pub faults: BTreeMap<Fault, u64>,
}

impl Summary {
    /// Kinds of faults that never came, in a range long enough that each should have.
    #[must_use]
    pub fn missing(&self) -> Vec<Fault> {
        if self.seeds < SEEDS_FOR_EVERY_FAULT {
            return Vec::new();
        }
        Fault::ALL.iter().copied().filter(|fault| fault.must_come() && !self.faults.contains_key(fault)).collect()
    }

    /// Whether every seed passed, none was barren, every kind of fault came, and sessions of replicas wrote.
    #[must_use]
    pub fn passed(&self) -> bool {
        let forwarded = self.forwarded > 0 || self.seeds < SEEDS_FOR_EVERY_FAULT;
        self.failed.is_empty() && self.barren.is_empty() && self.missing().is_empty() && forwarded
    }

    /// Kinds of faults, one a line.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = String::new();
        for fault in Fault::ALL {
            let count = self.faults.get(fault).copied().unwrap_or_default();
            // A String takes whatever is written.
            let _ = writeln!(table, "{:>9}  {}", count, fault.name());
        }
        table
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = if self.passed() { "ok" } else { "FAILED" };
        write!(
            f,
            "{verdict}: {} seeds, {} commits, {} of them forwarded, {} promotions",
            self.seeds, self.commits, self.forwarded, self.promotions
        )?;
        let names = |seeds: &[u64]| seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        if !self.failed.is_empty() {
            write!(f, "; failed: {}", names(&self.failed))?;
        }
        if !self.barren.is_empty() {
            write!(f, "; committed nothing: {}", names(&self.barren))?;
        }
        for fault in self.missing() {
            write!(f, "; never came: {}", fault.name())?;
        }
        Ok(())
    }
}

impl Summary {
    fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.commits += report.commits;
        self.forwarded += report.forwarded;
        self.promotions += report.promotions;
        if !report.passed() {
            self.failed.push(report.seed);
        }
        if report.commits == 0 {
            self.barren.push(report.seed);
        }
        for (fault, count) in &report.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
    }
}

/// Runs a range of seeds and hands each report on, in the order of the seeds. A run is one thread's; as many go on beside
/// each other as `options` says.
///
/// # Panics
/// When a thread cannot be started.
pub fn run_range(seeds: Range<u64>, options: Options, mut each: impl FnMut(&Report)) -> Summary {
    let threads = options.threads.max(1);
    let next = AtomicU64::new(seeds.start);
    let (done, reports) = mpsc::sync_channel(threads);
    let mut summary = Summary::default();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (done, next, end) = (done.clone(), &next, seeds.end);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || done.send(run_seed(seed, options)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut waiting: BTreeMap<u64, Report> = BTreeMap::new();
        let mut turn = seeds.start;
        for report in reports {
            waiting.insert(report.seed, report);
            while let Some(report) = waiting.remove(&turn) {
                turn += 1;
                summary.add(&report);
                each(&report);
            }
        }
    });
    summary
}
