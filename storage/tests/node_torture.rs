//! A small node's directory, damaged in every way one at a time: the node repairs itself from its peers or refuses to open with
//! a clear text, and never serves a wrong page. Rows 54 and 55, faults F7 to F10.
//!
//! Every n-th byte is flipped, n being [`STRIDE`] unless the environment variable `TORTURE_STRIDE` says otherwise: `just torture`
//! flips each.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use node_support::*;
use protocol::node::StorageNode;
use protocol::rpc::storage::AppendOutcome;
use protocol::{Lsn, NodeId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::node::disk::{Disk, OpenMode};
use storage::node::gossip::Gossip;
use storage::node::{NodeOptions, OpenError};
use storage::sim::{Loss, SimDisk};

const STRIDE: usize = 509;
const PAGES: u64 = 24;

fn small(id: u32) -> NodeOptions {
    NodeOptions {
        log_file_bytes: 16 << 10,
        log_retention_bytes: 64 << 10,
        image_file_bytes: 4 << 10,
        recent_bytes: 0,
        ..options(id)
    }
}

/// A node that has everything: retired files, sealed ones, a tail; closed image files and an open one. And a twin with the
/// same redo, whole.
struct World {
    files: BTreeMap<PathBuf, Vec<u8>>,
    twin: Rig,
    writer: Writer,
}

fn world() -> World {
    let disk = SimDisk::new();
    let mut rig = open(&disk, small(0)).expect("the disk is sound");
    rig.create();
    let mut twin = open_at(&SimDisk::new(), Path::new("/twin"), small(1)).expect("the disk is sound");
    twin.create();
    let mut writer = Writer::new();
    for n in 0..700u64 {
        let pages = if n < 500 { [n % PAGES, (n * 7) % PAGES, 3] } else { [3, n % 5, 3] };
        let batch = writer.batch(&pages);
        rig.send(batch.clone());
        twin.send(batch);
        if n % 40 == 39 {
            for node in [&mut rig, &mut twin] {
                node.hear(writer.end(), writer.end());
                node.tend();
            }
        }
    }
    disk.crash(Loss::Nothing);
    let files = disk.paths().into_iter().map(|path| (path.clone(), disk.bytes(&path)));
    let files: BTreeMap<PathBuf, Vec<u8>> = files.filter(|(path, _)| !path.ends_with("lock")).collect();
    for kind in ["log", "idx", "img"] {
        assert!(
            files.keys().any(|path| path.extension().is_some_and(|e| e == kind)),
            "there is a file of each kind: {kind}"
        );
    }
    World { files, twin, writer }
}

impl World {
    /// The directory on a new disk, changed.
    fn copy(&self, change: impl FnOnce(&mut BTreeMap<PathBuf, Vec<u8>>)) -> Arc<SimDisk> {
        let mut files = self.files.clone();
        change(&mut files);
        let disk = SimDisk::new();
        for folder in [dir(), dir().join("log"), dir().join("images")] {
            disk.create_dir(&folder).expect("it is memory");
        }
        for (path, bytes) in &files {
            let file = disk.open(path, OpenMode::OrCreate).expect("it is memory");
            file.write_at(0, bytes).and_then(|()| file.sync()).expect("it is memory");
        }
        for folder in [dir(), dir().join("log"), dir().join("images")] {
            disk.sync_dir(&folder).expect("it is memory");
        }
        disk
    }

    /// Opens the node, reads everything, lets it repair itself, reads everything again. Says whether it opened.
    fn survives(&self, disk: &Arc<SimDisk>, what: &str) -> bool {
        let rig = match open(disk, small(0)) {
            Ok(rig) => rig,
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("/data/node-0") && text.len() > 30, "{what}: {text}");
                return false;
            }
        };
        let end = self.writer.end();
        let tail = self.writer.tail(0);
        for page in 0..PAGES {
            let read = rig.read(page, end, tail);
            assert!(read.is_err() || read == Ok(self.writer.fold(page, end)), "{what}: page {page} is wrong");
        }
        rig.node.scrub().unwrap_or_else(|error| panic!("{what}: {error}"));
        for _ in 0..3 {
            let peers: Vec<Arc<dyn StorageNode>> = vec![self.twin.node.clone()];
            now(Gossip::new(&rig.node, peers).round(true));
        }
        assert_eq!(rig.mark(0).scl_flushed, tail.0, "{what}: it is whole again");
        for page in 0..PAGES {
            assert_eq!(rig.read(page, end, tail), Ok(self.writer.fold(page, end)), "{what}: page {page} is repaired");
        }
        true
    }
}

#[test]
fn any_flipped_byte_is_repaired_or_refused() {
    let world = world();
    let stride = std::env::var("TORTURE_STRIDE").ok().and_then(|stride| stride.parse().ok()).unwrap_or(STRIDE);
    let mut refused = Vec::new();
    for (path, bytes) in &world.files {
        // The beginning of each file, and samples of the rest.
        let places = (0..bytes.len().min(64)).chain((64..bytes.len()).step_by(stride));
        for at in places {
            let disk = world.copy(|files| files.get_mut(path).expect("it is there")[at] ^= 1 << (at % 8));
            if !world.survives(&disk, &format!("{} at {at}", path.display())) {
                refused.push((path.clone(), at));
            }
        }
    }
    // Only a format that looks newer is refused: whoever wrote that may know better.
    assert!(refused.iter().all(|(_, at)| (8..12).contains(at)), "{refused:?}");
}

#[test]
fn any_file_cut_anywhere_is_repaired_or_refused() {
    let world = world();
    for (path, bytes) in &world.files {
        for at in (0..bytes.len()).step_by(1024) {
            let disk = world.copy(|files| files.get_mut(path).expect("it is there").truncate(at));
            let opened = world.survives(&disk, &format!("{} cut at {at}", path.display()));
            let unsealed_image =
                path.extension().is_some_and(|e| e == "img") && !world.files.contains_key(&path.with_extension("idx"));
            assert!(opened || unsealed_image, "{} cut at {at}", path.display());
        }
    }
}

#[test]
fn any_file_gone_is_repaired_or_refused() {
    let world = world();
    for path in world.files.keys() {
        let disk = world.copy(|files| drop(files.remove(path)));
        let opened = world.survives(&disk, &format!("{} gone", path.display()));
        let unsealed_image =
            path.extension().is_some_and(|e| e == "img") && !world.files.contains_key(&path.with_extension("idx"));
        assert!(opened || unsealed_image, "{} gone", path.display());
    }
}

#[test]
fn two_damaged_copies_are_refused_with_a_clear_text() {
    let world = world();
    for pair in [["superblock.0", "superblock.1"], ["images/manifest.0", "images/manifest.1"]] {
        let disk = world.copy(|files| {
            for name in pair {
                files.get_mut(&dir().join(name)).expect("it is there")[30] ^= 1;
            }
        });
        let before: Vec<_> = disk.paths().iter().map(|path| disk.bytes(path)).collect();
        let error = open(&disk, small(0)).err().expect("it knows its promises no more").to_string();
        assert!(error.contains("wrong checksum"), "{error}");
        if pair[0].starts_with("superblock") {
            assert_eq!(
                disk.paths().iter().filter(|p| !p.ends_with("lock")).count(),
                before.len(),
                "nothing is touched"
            );
        }
    }
    let disk = world.copy(|files| files.retain(|path, _| !path.to_string_lossy().contains("superblock")));
    assert!(matches!(open(&disk, small(0)), Err(OpenError::NotEmpty { .. })));
}

#[test]
fn a_directory_of_another_node_is_refused() {
    let world = world();
    let disk = world.copy(|_| {});
    let other = open(&disk, small(5)).err().expect("it is node 0's");
    assert!(matches!(other, OpenError::OtherNode { found: NodeId(0), expected: NodeId(5), .. }));
}

/// Row 55: whatever fails, at whichever operation, nothing acknowledged is lost and nothing wrong is served.
#[test]
fn an_error_at_any_operation_loses_nothing_acknowledged() {
    let kinds = [libc::ENOSPC, libc::EIO, libc::EMFILE];
    for kind in kinds {
        let mut failing = 0;
        loop {
            let disk = SimDisk::new();
            let mut rig = open(&disk, small(0)).expect("the disk is sound");
            rig.create();
            let mut writer = Writer::new();
            let mut acked = Lsn::ZERO;
            let before = disk.operations();
            disk.fail_operation_after(failing, kind);
            let mut refused = Vec::new();
            for n in 0..240u64 {
                let batch = writer.batch(&[n % PAGES, (n * 7) % PAGES, 3]);
                let reply = rig.send(batch.clone());
                match reply.outcome() {
                    AppendOutcome::Flushed => acked = acked.max(Lsn(reply.marks[0].scl_flushed)),
                    _ => refused.push(batch),
                }
                if n % 30 == 29 {
                    rig.hear(acked, acked);
                    while rig.node.tend().unwrap_or(false) {}
                }
            }
            let reached = disk.operations() - before > failing;
            // A failure that passes costs nothing but the requests that met it.
            if kind == libc::ENOSPC && rig.status().state != "failed" {
                for batch in refused.drain(..) {
                    assert_eq!(rig.send(batch).outcome(), AppendOutcome::Flushed, "{failing}");
                }
                acked = writer.end();
                assert_eq!(rig.mark(0).scl_flushed, acked.0, "{failing}");
            }
            let rig = rig.restart(|disk| disk.crash(Loss::Everything), small(0));
            let scl = Lsn(rig.mark(0).scl_flushed);
            assert!(scl >= acked, "operation {failing}, error {kind}: {scl} after {acked} was acknowledged");
            assert!(rig.prepare(protocol::Ballot::ZERO).hydrated, "operation {failing}, error {kind}");
            for page in 0..PAGES {
                assert_eq!(rig.read(page, scl, scl), Ok(writer.fold(page, scl)), "operation {failing}, error {kind}");
            }
            if !reached {
                break;
            }
            // Most operations are writes and fsyncs of the log, all alike.
            failing += 1 + failing / 12;
        }
        assert!(failing > 100, "{failing} operations were reached");
    }
}
