//! `chaos [SEED] [SECONDS]`: clients write and read while hosts are killed, paused and cut off. See `tests::chaos`.

use std::time::Duration;

fn main() -> anyhow::Result<()> {
    tests::hosts::enter()?;
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let seed = arguments.next().transpose()?.unwrap_or(1);
    let seconds = arguments.next().transpose()?.unwrap_or(60);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = runtime.block_on(tests::chaos::run(seed, Duration::from_secs(seconds)))?;
    println!("{} transactions acknowledged, {} looks at lists, a clean history", report.acknowledged, report.sightings);
    println!("refused: {:?}", report.refusals);
    for (blow, times) in &report.blows {
        let of_kind = report.stalls.iter().filter(|(_, kind)| kind == blow).map(|(millis, _)| *millis);
        println!("{blow:<24} {times:>4} times; longest silence of each, ms: {:?}", of_kind.collect::<Vec<_>>());
    }
    Ok(())
}
