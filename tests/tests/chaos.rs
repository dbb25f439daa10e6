//! A short attack on a cluster whose every process has a host of its own; `just chaos` runs longer ones.

use std::process::Command;

/// Every kind of blow once: the order is the seed's.
const SECONDS: &str = "25";

#[test]
fn a_cluster_on_hosts_of_its_own_survives_every_kind_of_blow() {
    let output = Command::new(env!("CARGO_BIN_EXE_chaos")).args(["20261120", SECONDS]).output().expect("it was built");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("a clean history"), "{out}\n{err}");
}
