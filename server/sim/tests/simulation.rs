//! Seeds that must pass, and that a seed is a run.

use sim::nemesis::Harm;
use sim::tally::Fault;
use sim::{Options, run_range, run_seed};
use std::process::Command;

/// Without optimisation a seed takes some seconds.
const SEEDS: u64 = if cfg!(debug_assertions) { 12 } else { 200 };

#[test]
fn no_seed_loses_or_shows_what_it_must_not() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let summary = run_range(0..SEEDS, Options { threads, ..Options::default() }, |report| {
        if !report.passed() {
            println!("{report}");
        }
    });
    println!("{}", summary.table());
    assert!(summary.passed(), "{summary}");
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    let runs = [run_seed(3, Options::default()), run_seed(3, Options::default())];
    assert_eq!(runs[0].hash, runs[1].hash, "in one process");
    assert_ne!(runs[0].hash, run_seed(4, Options::default()).hash);
    // Hash maps draw their keys, and memory its addresses, anew in each process.
    let itself = std::env::current_exe().expect("a running test has a file");
    let child = Command::new(itself).args(["--exact", "the_hash_of_a_seed", "--nocapture"]).output();
    let output = String::from_utf8(child.expect("it runs once more").stdout).expect("we print text");
    assert!(output.contains(&format!("hash {:016x}", runs[0].hash)), "in another process: {output}");
}

/// Nobody needs the address book but to find a writer that is new.
#[test]
fn without_an_address_book_the_writer_goes_on() {
    for seed in 0..4 {
        let report = run_seed(seed, Options { only: Some(Harm::LoseBook), ..Options::default() });
        assert!(report.passed(), "{report}");
        assert!(report.faults.contains_key(&Fault::BookLost), "{report}");
        assert!(report.commits > 50 && report.promotions == 0, "{report}");
    }
}

/// What a test above asks another process for.
#[test]
fn the_hash_of_a_seed() {
    println!("hash {:016x}", run_seed(3, Options::default()).hash);
}
