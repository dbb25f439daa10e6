//! `storage/FAULTS.md` names a test for each trap and each fault, and each test that it names is there.

use sim::tally::Fault;
use std::collections::BTreeSet;
use std::fs;
use tests::sources::{root, sources};

/// Every test as `file::name`.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    let root = root();
    ["protocol", "storage", "sql", "server", "tests"].iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let mut tests = BTreeSet::new();
    for file in files {
        let stem = file.file_stem().expect("a source has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("a readable source");
        let mut marked = false;
        for line in text.lines().map(str::trim_start) {
            marked |= line.starts_with("#[test") || line.starts_with("#[tokio::test");
            if let Some((before, after)) = line.split_once("fn ").filter(|_| marked) {
                if before.is_empty() || before == "async " {
                    let name = after.split(['(', '<']).next().unwrap_or_default();
                    tests.insert(format!("{stem}::{name}"));
                }
                marked = false;
            }
        }
    }
    tests
}

#[test]
fn every_trap_and_fault_has_a_row_and_every_test_in_it_exists() {
    let tests = tests();
    assert!(tests.len() > 500, "the tests were found: {}", tests.len());
    let faults: BTreeSet<&str> =
        Fault::ALL.iter().filter(|fault| fault.must_come()).map(|fault| fault.name()).collect();
    let text = fs::read_to_string(root().join("storage/FAULTS.md")).expect("the page exists");
    let mut rows = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let &["", name, _, held, ""] = cells.as_slice() else { panic!("three columns: {line}") };
        assert!(rows.insert(name.to_owned()), "{name} has two rows");
        let named: Vec<&str> = held.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() || held.contains("not covered: "), "{name} is held by nothing, and does not say why");
        for held in named {
            let exists = match held.strip_prefix("sim: ") {
                Some(fault) => faults.contains(fault),
                None => tests.contains(held),
            };
            assert!(exists, "{name} is held by `{held}`, which is not there");
        }
    }
    let wanted = (1..=34).map(|n| format!("T{n}"));
    let wanted = wanted.chain((1..=39).chain(44..=47).map(|n| format!("F{n}")));
    assert_eq!(rows, wanted.collect());
}
