//! `redoubt sim`: the cluster under simulation, for one seed or a range. See the crate `sim`.

use crate::cli::Sim;
use sim::{Options, Verbosity};
use std::ops::Range;
use std::process::ExitCode;

/// Parses `A..B`, without B.
///
/// # Errors
/// What is wrong with it.
pub fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("a range is A..B, without B")?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
    let (from, to) = (number(from)?, number(to)?);
    if from < to { Ok(from..to) } else { Err(format!("no seed lies in {from}..{to}")) }
}

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
            report.last.iter().for_each(|line| println!("{line}"));
        }
        println!("{report}");
    });
    print!("{}", summary.table());
    println!("{summary}");
    if summary.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_half_open_and_not_empty() {
        assert_eq!(parse_range("3..7"), Ok(3..7));
        for wrong in ["7", "7..7", "7..3", "a..b", "1..-2"] {
            assert!(parse_range(wrong).is_err(), "{wrong}");
        }
    }
}
