//! `cargo run -p redoubt-sim --example sim -- A..B [--trace] [--bug=NAME] [--only=HARM] [--threads=N]`: the
//! simulation without the server's binary.

use sim::{Options, Verbosity};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let trace = arguments.iter().any(|argument| argument == "--trace");
    let named = |name: &str| sim::sabotage::Sabotage::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
    let sabotage = arguments.iter().find_map(|argument| named(argument.strip_prefix("--bug=")?));
    let harm = |name: &str| sim::nemesis::Harm::ALL.iter().copied().find(|harm| format!("{harm:?}") == name);
    let only = arguments.iter().find_map(|argument| harm(argument.strip_prefix("--only=")?));
    let threads = arguments.iter().find_map(|argument| argument.strip_prefix("--threads=")?.parse().ok()).unwrap_or(1);
    arguments.retain(|argument| !argument.starts_with("--"));
    let range = arguments.first().and_then(|range| range.split_once(".."));
    let range = range.and_then(|(from, to)| Some(from.parse::<u64>().ok()?..to.parse::<u64>().ok()?));
    let Some(range) = range else {
        eprintln!("usage: sim A..B [--trace] [--bug=NAME] [--only=HARM] [--threads=N]");
        return ExitCode::from(2);
    };
    let verbosity = if trace { Verbosity::Print } else { Verbosity::Quiet };
    let summary =
        sim::run_range(range, Options { verbosity, sabotage, only, threads, ..Options::default() }, |report| {
            println!("{report}")
        });
    print!("{}", summary.table());
    println!("{summary}");
    if summary.passed() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
