//! A directory of format 1, as a node wrote it, opens and reads as it did. It must go on doing so: a format that changes gets
//! another number, and a directory beside this one.
//!
//! `WRITE_GOLDEN=1 cargo test -p redoubt-storage --test node_golden` makes it anew.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use node_support::*;
use protocol::Lsn;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::node::disk::RealDisk;
use storage::node::{Node, NodeOptions};

const PAGES: u64 = 20;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1")
}

fn small() -> NodeOptions {
    NodeOptions { log_file_bytes: 16 << 10, log_retention_bytes: 48 << 10, image_file_bytes: 4 << 10, ..options(0) }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory is made");
    for entry in fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it is read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file is copied");
        }
    }
}

/// One line for the group, one for each page: what the node serves at its end.
fn told(node: &Arc<Node>) -> String {
    let rig = rig(&storage::sim::SimDisk::new(), node.clone());
    let end = Lsn(rig.mark(0).scl_flushed);
    let mut text = format!("group 0 {end}\n");
    for page in 0..PAGES {
        let read = rig.read(page, end, end).expect("it is served").expect("it was written");
        let checksum = crc32c::crc32c(&read.bytes()[4..]);
        writeln!(text, "page {page} {} {checksum:08x}", read.lsn()).expect("text grows");
    }
    text
}

/// Makes a directory with retired, sealed and unsealed log files, closed image files and an open one.
fn make(dir: &Path) {
    let node = Node::open(Arc::new(RealDisk), dir, small()).expect("it is empty");
    let mut rig = rig(&storage::sim::SimDisk::new(), node);
    rig.create();
    let mut writer = Writer::new();
    for n in 0..400u64 {
        rig.send(writer.batch(&if n < 300 { [n % PAGES, (n * 7) % PAGES, 3] } else { [3, n % 5, 3] }));
        if n % 40 == 39 {
            rig.hear(writer.end(), writer.end());
            rig.tend();
        }
    }
    fs::write(dir.join("../told.txt"), told(&rig.node)).expect("it is written");
}

#[test]
fn a_directory_of_format_1_opens_and_reads_as_it_did() {
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        let _ = fs::remove_dir_all(golden());
        make(&golden().join("node"));
        // What is ready for use holds nothing; the lock is this process's.
        let _ = fs::remove_file(golden().join("node/log/spare"));
        let _ = fs::remove_file(golden().join("node/lock"));
    }
    let expected = fs::read_to_string(golden().join("told.txt")).expect("it is checked in");
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let dir = scratch.path().join("node");
    copy(&golden().join("node"), &dir);
    let node = Node::open(Arc::new(RealDisk), &dir, small()).expect("format 1 opens");
    assert_eq!(told(&node), expected);
    // And it is still a node: it goes on, and starts again on what it has made of it.
    while node.tend().expect("the disk is sound") {}
    node.scrub().expect("the disk is sound");
    assert_eq!(told(&node), expected);
    node.shutdown();
    drop(node);
    let node = Node::open(Arc::new(RealDisk), &dir, small()).expect("it opens again");
    assert_eq!(told(&node), expected);
}
