//! `redoubt sim`: the cluster under simulation, for one seed or a range. See the crate `sim`.

use crate::options::Sim;
use crate::output::say;
use sim::{Options, Verbosity};
use std::process::ExitCode;

/// Runs the seeds in this thread; the last line printed is the summary.
#[must_use]
pub fn run(options: &Sim) -> ExitCode {
    let seeds = match (&options.seeds, options.seed) {
        (Some(seeds), _) => seeds.clone(),
        (None, seed) => {
            let seed = seed.unwrap_or_default();
            seed..seed + 1
        }
    };
    let verbosity = if options.trace { Verbosity::Print } else { Verbosity::Quiet };
    let one = options.seeds.is_none();
    let summary = sim::run_range(seeds, Options { verbosity, ..Options::default() }, |report| {
        if one && !options.trace && !report.passed() {
            report.last.iter().for_each(|line| say!("{line}"));
        }
        say!("{report}");
    });
    say!("{}{summary}", summary.table());
    if summary.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
