//! PostgreSQL's own programs: pgbench and psql.

use crate::cluster::Cluster;
use anyhow::{Context, ensure};
use std::process::Output;

/// Output of a program that succeeded.
///
/// # Errors
/// With what it printed, when it did not.
pub fn succeeded(output: Output) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{}\n{text}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

/// Runs one psql command against the writer (0) or replica `n` and returns its unaligned output.
///
/// # Errors
/// When psql fails.
pub fn psql(cluster: &Cluster, n: u16, command: &str) -> anyhow::Result<String> {
    succeeded(cluster.client(n, "psql", &["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", command])?)
}

/// Runs pgbench and returns (transactions processed, transactions failed).
///
/// # Errors
/// When pgbench fails.
pub fn pgbench(cluster: &Cluster, arguments: &[&str]) -> anyhow::Result<(u64, u64)> {
    let text = succeeded(cluster.client(0, "pgbench", arguments)?)?;
    let number = |label: &str| -> anyhow::Result<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(label)).with_context(|| text.clone())?;
        let digits: String = line.trim_start_matches([':', ' ']).chars().take_while(char::is_ascii_digit).collect();
        Ok(digits.parse()?)
    };
    Ok((number("number of transactions actually processed")?, number("number of failed transactions")?))
}
