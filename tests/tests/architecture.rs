//! The arrows between the folders, held by the manifests and the imports.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in a folder of the root").to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The section `[dependencies]` of a crate's manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).expect("the manifest exists");
    let section = text.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    section.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).map(str::to_owned).collect()
}

#[test]
fn storage_and_sql_meet_only_in_protocol() {
    let ours = ["protocol", "storage", "types", "engine", "sql", "analytics", "sim", "server"];
    for (manifest, allowed) in [
        ("protocol/Cargo.toml", &[][..]),
        ("storage/Cargo.toml", &["protocol"]),
        ("sql/types/Cargo.toml", &[]),
        ("sql/engine/Cargo.toml", &["protocol"]),
        ("sql/Cargo.toml", &["protocol", "types", "engine"]),
        ("sql/analytics/Cargo.toml", &["protocol", "types", "sql", "engine"]),
        ("server/sim/Cargo.toml", &["protocol", "storage", "types", "engine", "sql"]),
        ("server/Cargo.toml", &ours[..7]),
    ] {
        for dependency in dependencies(manifest) {
            let is_ours = ours.contains(&dependency.as_str());
            assert!(!is_ours || allowed.contains(&dependency.as_str()), "{manifest} must not depend on {dependency}");
        }
    }
}

/// Which files may name an outside library: one place for each that could leak.
const CONFINED: [(&str, &[&str]); 3] = [
    ("datafusion::", &["sql/analytics/src"]),
    ("pgwire::", &["server/src/pgwire"]),
    ("tonic::", &["protocol/src/lib.rs", "storage/src/rpc", "server/src/notices"]),
];

#[test]
fn outside_libraries_stay_in_their_rooms() {
    let root = root();
    let mut found = Vec::new();
    for folder in [
        "protocol/src",
        "storage/src",
        "sql/src",
        "sql/types/src",
        "sql/engine/src",
        "sql/analytics/src",
        "server/sim/src",
        "server/src",
    ] {
        sources(&root.join(folder), &mut found);
    }
    assert!(found.len() > 50, "the sources were found");
    for path in found {
        let name = path.strip_prefix(&root).expect("it lies below the root").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a readable source");
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for (library, rooms) in CONFINED {
                let names_it = line.match_indices(library).any(|(at, _)| {
                    // `crate::pgwire::` and `server::pgwire::` are our own module of that name.
                    !line[..at].ends_with("::") && !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                });
                let at_home = rooms.iter().any(|room| name.starts_with(room));
                assert!(!names_it || at_home, "{name} names {library} outside of {rooms:?}: {line}");
            }
        }
    }
}

/// A simulation runs these on its own scheduler and clock.
#[test]
fn what_is_simulated_takes_time_and_tasks_from_one_door() {
    let root = root();
    let mut found = Vec::new();
    for folder in ["storage/src/node", "storage/src/volume", "sql/engine/src"] {
        sources(&root.join(folder), &mut found);
    }
    for path in found {
        let text = fs::read_to_string(&path).expect("a readable source");
        // Tests have tokio's.
        if path.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        for line in text.split("#[cfg(test)]").next().unwrap_or_default().lines() {
            for door in ["tokio::time", "tokio::spawn", "runtime::Handle", "Instant::now"] {
                let clock = door == "Instant::now" && (path.ends_with("clock.rs") || path.ends_with("volume/mod.rs"));
                assert!(
                    clock || !line.contains(door),
                    "{} uses {door}, and not protocol::task: {line}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn no_file_outgrows_a_reader() {
    let root = root();
    let mut found = Vec::new();
    for folder in ["protocol", "storage", "sql", "server", "tests"] {
        sources(&root.join(folder), &mut found);
    }
    for path in found {
        let lines = fs::read_to_string(&path).expect("a readable source").lines().count();
        assert!(lines <= 1200, "{} has {lines} lines: look for its second noun", path.display());
    }
}
