//! The arrows between the folders, held by the manifests and the imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tests::sources::{root, sources};

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
const CONFINED: [(&str, &[&str]); 5] = [
    ("datafusion::", &["sql/analytics/src"]),
    ("pgwire::", &["server/src/pgwire"]),
    ("rustls::", &["server/src/pgwire"]),
    ("tokio_rustls::", &["server/src/pgwire"]),
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

/// The modules at the top of a crate, and which of the others each one names outside of its tests.
fn modules(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = Vec::new();
    sources(source, &mut found);
    let mut modules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in found {
        let inner = path.strip_prefix(source).expect("it lies below the source").to_string_lossy().into_owned();
        let module = inner.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        if ["lib", "main"].contains(&module.as_str()) || inner.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a readable source");
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        modules.entry(module).or_default().extend(named(&code));
    }
    let all: BTreeSet<String> = modules.keys().cloned().collect();
    for (module, names) in &mut modules {
        names.retain(|name| name != module && all.contains(name));
    }
    modules
}

/// What stands behind `crate::`, also in braces.
fn named(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    for (at, prefix) in code.match_indices("crate::") {
        let rest = &code[at + prefix.len()..];
        let Some(inner) = rest.strip_prefix('{') else {
            names.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = 0;
        for (end, c) in inner.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    names.push(word(inner[start..end].trim_start()));
                    start = end + 1;
                    if c == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    names
}

/// Takes away modules that name none of those left, until there is none to take: what remains names itself in a circle.
fn circle(mut modules: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    while let Some(last) = modules.iter().find(|(_, names)| names.is_empty()).map(|(module, _)| module.clone()) {
        modules.remove(&last);
        for names in modules.values_mut() {
            names.remove(&last);
        }
    }
    modules.into_keys().collect()
}

#[test]
fn modules_point_one_way() {
    let server = modules(&root().join("server/src"));
    assert!(server["cli"].contains("options") && server["life"].contains("compute"), "imports are seen: {server:?}");
    for crate_ in ["protocol", "storage", "sql/analytics", "server"] {
        let circle = circle(modules(&root().join(crate_).join("src")));
        assert!(circle.is_empty(), "these modules of {crate_} name each other in a circle: {circle:?}");
    }
}

/// A stream of accepted connections keeps their delay of small segments: a message of a few bytes then waits until the one
/// before is acknowledged, tens of milliseconds.
#[test]
fn servers_send_small_messages_at_once() {
    let root = root();
    let mut found = Vec::new();
    for folder in ["storage/src", "server/src"] {
        sources(&root.join(folder), &mut found);
    }
    let mut servers = 0;
    for path in found {
        let text = fs::read_to_string(&path).expect("a readable source");
        servers += text.matches("TcpIncoming::from(listener).with_nodelay(Some(true))").count();
        assert!(!text.contains("TcpListenerStream"), "{} takes connections with their delay", path.display());
    }
    assert_eq!(servers, 2, "storage nodes, and the writer to its replicas");
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
