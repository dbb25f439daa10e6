//! One node on a disk that rots under it: what is found, what it costs meanwhile, and how peers make it whole.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use futures::future::BoxFuture;
use node_support::*;
use parking_lot::Mutex;
use protocol::node::{AppendStream, NodeResult, OnReply, StorageNode};
use protocol::rpc::storage::*;
use protocol::{Ballot, FORMAT_VERSION, Lsn};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::node::disk::BLOCK_BYTES;
use storage::node::disk::{Disk, OpenMode};
use storage::node::gossip::Gossip;
use storage::node::{Node, NodeOptions};
use storage::sim::{Loss, SimDisk};

/// A node and its twin, both with the same redo: long enough for images, a sweep and sealed log files.
fn twins(batches: u64) -> (Rig, Rig, Writer) {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let mut twin = open_at(&SimDisk::new(), Path::new("/twin"), options(1)).expect("the disk is sound");
    twin.create();
    for n in 0..batches {
        let batch = writer.batch(&[n % 40, (n * 7) % 60, 3]);
        rig.send(batch.clone());
        twin.send(batch);
        if n % 40 == 39 {
            for node in [&mut rig, &mut twin] {
                node.hear(writer.end(), writer.end());
                node.tend();
            }
        }
    }
    (rig, twin, writer)
}

fn files(disk: &SimDisk, folder: &str, extension: &str) -> Vec<PathBuf> {
    let wanted =
        |path: &PathBuf| path.starts_with(dir().join(folder)) && path.extension().is_some_and(|e| e == extension);
    disk.paths().into_iter().filter(wanted).collect()
}

fn gossip_with(rig: &Rig, peer: &Rig) {
    let peers: Vec<Arc<dyn StorageNode>> = vec![peer.node.clone()];
    now(Gossip::new(&rig.node, peers).round(true));
}

/// Rows 44 and 54: a page is right or refused.
fn right_or_refused(rig: &Rig, writer: &Writer) -> usize {
    let refused = (0..60).filter(|&page| {
        let read = rig.read(page, writer.end(), writer.tail(0));
        assert!(read.is_err() || read == Ok(writer.fold(page, writer.end())), "page {page}: {read:?}");
        read.is_err()
    });
    refused.count()
}

#[test]
fn what_is_durable_under_a_table_that_is_not_here_becomes_no_image() {
    let mut rig = fresh();
    let mut old = Writer::new();
    rig.send(old.batch(&[1, 2]));
    let vdl = old.end();
    rig.hear(vdl, vdl);
    // Annulled by a recovery that this node has not heard of.
    for _ in 0..300 {
        rig.send(old.batch(&[1, 2]));
    }
    let (ballot, first) = (Ballot::new(1, 1), Lsn(500_000));
    let table = table(&[(ballot, vdl, first)]);
    let far = Lsn(600_000);
    let request = HoldRequest {
        volume: VOLUME,
        version: FORMAT_VERSION,
        flushed_vdl: far.0,
        gc_floor: far.0,
        table: Some(table.to_rpc()),
        ..HoldRequest::default()
    };
    now(rig.node.hold(request)).expect("it is answered");
    rig.tend();
    let mut new = old.recovered(ballot, vdl, first);
    let batch = new.batch(&[1]);
    let request = protocol::rpc::storage::AppendRequest { flushed_vdl: far.0, gc_floor: far.0, ..rig.request(batch) };
    assert_eq!(rig.send_request(request).outcome(), AppendOutcome::NeedTable);
    let marks = rig.request(bytes::Bytes::new());
    let marks =
        protocol::rpc::storage::AppendRequest { ballot: ballot.0, flushed_vdl: far.0, gc_floor: far.0, ..marks };
    rig.send_request(marks);
    rig.tend();
    assert_eq!((rig.status().flushed_vdl_heard, rig.status().image_bytes), (vdl.0, 0));
    rig.prepare(ballot);
    assert!(rig.install(&table).adopted);
    rig.check_pages(&old.recovered(ballot, vdl, first), 0..4, &[vdl]);
}

/// A peer of which gossip's questions and its answers are kept. One that is old knows nothing of digests.
struct Overheard {
    node: Arc<Node>,
    is_old: bool,
    said: Mutex<Vec<(HoldRequest, HoldReply)>>,
}

impl StorageNode for Overheard {
    fn append(&self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
        self.node.append(on_reply)
    }

    fn hold(&self, request: HoldRequest) -> BoxFuture<'_, NodeResult<HoldReply>> {
        Box::pin(async move {
            let known = request.known.filter(|_| !self.is_old);
            let reply = self.node.hold(HoldRequest { known, ..request.clone() }).await?;
            self.said.lock().push((request, reply.clone()));
            Ok(reply)
        })
    }

    relay! {
        prepare: PrepareRequest => PrepareReply,
        install_table: InstallTableRequest => InstallTableReply,
        fill: FillRequest => FillReply,
        read_page: ReadPageRequest => ReadPageReply,
        pull: PullRequest => PullReply,
        pull_images: PullImagesRequest => PullImagesReply,
        register: RegisterRequest => RegisterReply,
        create_volume: CreateVolumeRequest => CreateVolumeReply,
        status: StatusRequest => StatusReply,
    }
}

#[test]
fn a_history_travels_to_who_has_another_one_and_to_nobody_else() {
    let tables = [3, 4].map(|count| {
        table(&(1..=count).map(|n| (Ballot::new(n, 1), Lsn::ZERO, Lsn(u64::from(n) * 1000))).collect::<Vec<_>>())
    });
    for is_old in [false, true] {
        let rig = fresh();
        let peer = open_at(&SimDisk::new(), Path::new("/peer"), options(1)).expect("the disk is sound");
        peer.create();
        let overheard = Arc::new(Overheard { node: peer.node.clone(), is_old, said: Mutex::default() });
        let peers: Vec<Arc<dyn StorageNode>> = vec![overheard.clone()];
        let mut gossip = Gossip::new(&rig.node, peers);
        let entries = |table: &Option<TruncationTable>| table.as_ref().map_or(0, |table| table.entries.len());
        let mut asked_with = 0;
        for table in &tables {
            assert!(peer.install(table).adopted);
            for is_news in [true, false] {
                now(gossip.round(true));
                let (request, reply) = overheard.said.lock().pop().expect("it was asked");
                assert_eq!(entries(&request.table), asked_with, "the last entry says enough");
                let travels = is_news || is_old;
                assert_eq!(entries(&reply.table), if travels { table.entries().len() } else { 0 });
                assert_eq!(reply.has_known_table, !travels);
                asked_with = 1;
                let whole = HoldRequest { volume: VOLUME, version: FORMAT_VERSION, ..HoldRequest::default() };
                let held = now(rig.node.hold(whole)).expect("it is answered");
                assert_eq!(held.table, Some(table.to_rpc()), "who names none is told the whole");
            }
        }
    }
}

#[test]
fn a_damaged_image_is_refused_until_a_peer_replaces_it() {
    let (rig, twin, writer) = twins(900);
    for file in files(&rig.disk, "images", "img") {
        let length = rig.disk.bytes(&file).len();
        (100..length).step_by(700).for_each(|at| rig.disk.flip(&file, at, 0x10));
    }
    rig.node.scrub().expect("the disk answers");
    let status = rig.status();
    assert!(status.damage_found > 10, "{status:?}");
    assert!(right_or_refused(&rig, &writer) > 0, "not all of it can be rebuilt from the log");
    gossip_with(&rig, &twin);
    let repaired = rig.status().damage_repaired;
    assert!(repaired >= status.damage_found, "{repaired} of {}", status.damage_found);
    rig.check_pages(&writer, 0..60, &[writer.end()]);
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    rig.check_pages(&writer, 0..60, &[writer.end()]);
}

#[test]
fn damage_of_an_image_is_not_forgotten_at_a_start() {
    let (rig, twin, writer) = twins(900);
    for file in files(&rig.disk, "images", "img") {
        let length = rig.disk.bytes(&file).len();
        (100..length).step_by(2000).for_each(|at| rig.disk.flip(&file, at, 0x10));
    }
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    rig.node.scrub().expect("the disk answers");
    let refused = right_or_refused(&rig, &writer);
    assert!(refused > 0);
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    assert_eq!(right_or_refused(&rig, &writer), refused);
    gossip_with(&rig, &twin);
    rig.check_pages(&writer, 0..60, &[writer.end()]);
}

#[test]
fn damaged_redo_in_a_sealed_file_is_pulled_again() {
    let (rig, twin, writer) = twins(500);
    let end = writer.tail(0);
    let sealed: Vec<PathBuf> = files(&rig.disk, "log", "idx").iter().map(|file| file.with_extension("log")).collect();
    let newest = sealed.last().expect("files were sealed");
    rig.disk.flip(newest, 9000, 0x10);
    rig.node.scrub().expect("the disk answers");
    // T9: as long as it is missing the node says so, and serves nothing that needs it.
    assert!(rig.mark(0).scl_flushed < end.0 && rig.mark(0).gap_after > 0);
    assert!(!rig.prepare(Ballot::new(1, 1)).hydrated);
    assert_eq!(rig.read(3, writer.end(), end), Err(ReadOutcome::Behind));
    gossip_with(&rig, &twin);
    assert_eq!((rig.mark(0).scl_flushed, rig.mark(0).gap_after), (end.0, 0));
    assert!(rig.prepare(Ballot::new(1, 1)).hydrated);
    assert_eq!(rig.status().damage_found, 1);
    rig.check_pages(&writer, 0..60, &[writer.end()]);
    let mut rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    assert_eq!(rig.mark(0).scl_flushed, end.0);
    rig.check_pages(&writer, 0..60, &[writer.end()]);
    rig.hear(writer.end(), writer.end());
    rig.tend();
    rig.check_pages(&writer, 0..60, &[writer.end()]);
}

#[test]
fn damaged_metadata_is_written_again() {
    let (mut rig, _, mut writer) = twins(900);
    // The images of all other pages stay where they are, and their file is closed.
    for n in 0..2000 {
        rig.send(writer.batch(&[3]));
        if n % 100 == 99 {
            rig.hear(writer.end(), writer.end());
            rig.tend();
        }
    }
    let metadata = [
        dir().join("superblock.0"),
        dir().join("images/manifest.1"),
        files(&rig.disk, "images", "idx")[0].clone(),
        files(&rig.disk, "log", "idx")[0].clone(),
    ];
    let before: Vec<_> = metadata.iter().map(|file| rig.disk.bytes(file)).collect();
    metadata.iter().for_each(|file| rig.disk.flip(file, 21, 1));
    rig.node.scrub().expect("the disk answers");
    assert_eq!(metadata.iter().map(|file| rig.disk.bytes(file)).collect::<Vec<_>>()[..3], before[..3]);
    assert_eq!((rig.status().damage_found, rig.status().damage_repaired), (4, 4));
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    rig.check_pages(&writer, 0..60, &[writer.end()]);
}

#[test]
fn a_sweep_lets_no_file_go_that_has_lost_redo() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let mut twin = open_at(&SimDisk::new(), Path::new("/twin"), options(1)).expect("the disk is sound");
    twin.create();
    for n in 0..500u64 {
        // Each page is written once in a long while: what is lost is the last that happened to it.
        let batch = writer.batch(&[n % 60]);
        rig.send(batch.clone());
        twin.send(batch);
    }
    rig.tend();
    let sealed = files(&rig.disk, "log", "idx");
    assert!(sealed.len() > 1, "files are sealed, and nothing is durable yet");
    for index in &sealed {
        // The last frame of a file has none behind it that would tell.
        let file = index.with_extension("log");
        let bytes = rig.disk.bytes(&file);
        let end = bytes.iter().rposition(|byte| *byte != 0).expect("it has frames");
        rig.disk.flip(&file, end - 8, 0x10);
    }
    rig.hear(writer.end(), writer.end());
    assert!((0..9).any(|_| rig.node.tend().is_err()), "a sweep finds the first of them");
    assert!(!rig.prepare(Ballot::new(1, 1)).hydrated);
    for _ in &sealed {
        gossip_with(&rig, &twin);
        // It goes on to the next.
        (0..9).for_each(|_| drop(rig.node.tend()));
    }
    assert_eq!((rig.status().damage_found, rig.status().state.as_str()), (sealed.len() as u64, "up"));
    gossip_with(&rig, &twin);
    rig.tend();
    assert_eq!(rig.mark(0).scl_flushed, writer.tail(0).0);
    rig.check_pages(&writer, 0..60, &[writer.end()]);
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    rig.check_pages(&writer, 0..60, &[writer.end()]);
}

/// A recovery cuts at a VDL that another group's record set, far above the last record of this one. What was acknowledged
/// here above the cut is no loss: were it one, a loss of all power would leave no node that counts.
#[test]
fn a_group_cut_above_its_last_record_is_whole_after_a_start() {
    for straddling in [false, true] {
        let mut rig = fresh();
        let mut writer = Writer::new();
        rig.send(writer.batch(&[1]));
        let (last, other) = (writer.write(1), writer.write(70));
        let (tail, vdl) = (last.header.lsn, other.header.lsn);
        let annulled = writer.write(1);
        assert!(tail < vdl && vdl < annulled.header.lsn);
        rig.send(encode(&[other], Ballot::ZERO));
        if straddling {
            rig.send(encode(&[last, annulled], Ballot::ZERO));
        } else {
            rig.send(encode(&[last], Ballot::ZERO));
            rig.send(encode(&[annulled], Ballot::ZERO));
        }
        rig.send(writer.batch(&[1, 2]));
        rig.send(writer.batch(&[1, 2]));
        let ballot = Ballot::new(1, 1);
        rig.prepare(ballot);
        assert!(rig.install(&table(&[(ballot, vdl, Lsn(500_000))])).adopted);
        assert_eq!(rig.mark(0).scl_flushed, tail.0);
        let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
        assert_eq!(rig.mark(0).scl_flushed, tail.0);
        assert!(rig.prepare(Ballot::new(2, 1)).hydrated, "straddling: {straddling}");
    }
}

/// What the cut left of a damaged group, only peers can tell; two of them may have lost it as well.
#[test]
fn damage_in_a_group_that_was_cut_is_over_when_four_peers_have_no_more() {
    let mut nodes: Vec<Rig> = (0..5)
        .map(|id| {
            let rig = open_at(&SimDisk::new(), &dir(), options(id)).expect("the disk is sound");
            rig.create();
            rig
        })
        .collect();
    let mut writer = Writer::new();
    let mut batches: Vec<_> = (0..500).map(|n| writer.batch(&[n % 60])).collect();
    let tail = writer.tail(0);
    batches.push(writer.batch(&[70]));
    let vdl = writer.end();
    batches.extend((0..3).map(|_| writer.batch(&[1, 2])));
    let ballot = Ballot::new(1, 1);
    let cut = table(&[(ballot, vdl, Lsn(500_000))]);
    for (index, node) in nodes.iter_mut().enumerate() {
        batches.iter().for_each(|batch| drop(node.send(batch.clone())));
        node.tend();
        if index == 0 {
            let sealed = files(&node.disk, "log", "idx").pop().expect("files were sealed").with_extension("log");
            node.disk.flip(&sealed, 9000, 0x10);
            node.node.scrub().expect("the disk answers");
        }
        node.prepare(ballot);
        assert!(node.install(&cut).adopted);
    }
    let gossip = |peers: std::ops::Range<usize>| {
        let peers: Vec<Arc<dyn StorageNode>> = nodes[peers].iter().map(|peer| peer.node.clone() as _).collect();
        let mut gossip = Gossip::new(&nodes[0].node, peers);
        (0..2).for_each(|_| now(gossip.round(true)));
        nodes[0].prepare(Ballot::new(2, 1)).hydrated
    };
    assert!(nodes[0].mark(0).scl_flushed < tail.0);
    assert!(!gossip(1..4));
    assert_eq!(nodes[0].mark(0).scl_flushed, tail.0, "it has all there is, and cannot know");
    assert!(gossip(1..5));
}

#[test]
fn what_a_gap_held_back_counts_with_its_pages_whatever_is_found_damaged_then() {
    let disk = SimDisk::new();
    // Batches must be read again from the log.
    let small = || NodeOptions { recent_bytes: 0, ..options(0) };
    let mut rig = open(&disk, small()).expect("the disk is sound");
    rig.create();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1, 2, 3]));
    let gap = writer.batch(&[1, 2]);
    rig.send(writer.batch(&[2, 3]));
    let sound = writer.end();
    let log = files(&disk, "log", "log").remove(0);
    let before = disk.bytes(&log);
    let damaged = writer.batch(&[1, 3]);
    rig.send(damaged.clone());
    let rest = writer.batch(&[1, 2, 3]);
    rig.send(rest.clone());
    let written = disk.bytes(&log);
    let at = (0..written.len()).find(|&at| written[at..].starts_with(&damaged)).expect("the batch is in the file");
    assert!(!before[at..].starts_with(&damaged));
    // A write writes all of the last block again, and would mend it.
    while disk.bytes(&log)[at.next_multiple_of(BLOCK_BYTES)] == 0 {
        rig.send(writer.batch(&[4, 4, 4]));
    }
    disk.flip(&log, at + damaged.len() / 2, 0x10);

    rig.send(gap);
    assert_eq!(rig.mark(0).scl_flushed, sound.0, "it counts up to the damaged batch");
    for page in 1..4 {
        assert_eq!(rig.read(page, sound, sound), Ok(writer.fold(page, sound)), "page {page}");
    }
    rig.send(damaged);
    rig.check_pages(&writer, 0..5, &[sound, writer.end()]);
}

/// What a node held that nothing on its disk tells any more: an index with the last frame of its file, a whole file.
#[test]
fn a_node_that_cannot_know_what_it_held_is_whole_when_four_peers_have_no_more() {
    type Harm = fn(&SimDisk);
    let last = |disk: &SimDisk| files(disk, "log", "idx").pop().expect("files were sealed");
    let harms: [(&str, Harm); 5] = [
        ("an index and the last frame", |disk| {
            let index = files(disk, "log", "idx").pop().expect("files were sealed");
            let log = index.with_extension("log");
            let end = disk.bytes(&log).iter().rposition(|byte| *byte != 0).expect("it has frames");
            disk.flip(&log, end - 8, 0x10);
            disk.flip(&index, 50, 1);
        }),
        ("a file's header", |disk| {
            let log = files(disk, "log", "idx").pop().expect("files were sealed").with_extension("log");
            disk.flip(&log, 5, 1);
        }),
        ("a file", |disk| {
            let log = files(disk, "log", "idx").pop().expect("files were sealed").with_extension("log");
            disk.remove(&log).expect("it is there");
        }),
        ("the log", |disk| {
            let log = disk.paths().into_iter().filter(|path| path.starts_with(dir().join("log")));
            log.for_each(|path| disk.remove(&path).expect("it is there"));
        }),
        ("nothing", |_| ()),
    ];
    for (what, harm) in harms {
        let mut writer = Writer::new();
        let mut batches: Vec<_> = (0..100).map(|n| writer.batch(&[n % 60, 3, 3, 3, 3, 3])).collect();
        let images_until = writer.end();
        batches.extend((100..500).map(|n| writer.batch(&[n % 60])));
        let mut nodes: Vec<Rig> = (0..5)
            .map(|id| {
                let mut rig = open_at(&SimDisk::new(), &dir(), options(id)).expect("the disk is sound");
                rig.create();
                batches[..100].iter().for_each(|batch| drop(rig.send(batch.clone())));
                // The page with the long chain gets an image, which tells that there was a log.
                rig.hear(images_until, images_until);
                rig.tend();
                batches[100..].iter().for_each(|batch| drop(rig.send(batch.clone())));
                rig.tend();
                rig
            })
            .collect();
        // The file that was being written is gone, as far as nobody vouches for it.
        let hurt = nodes.remove(0);
        let disk = hurt.disk.clone();
        let newest = files(&disk, "log", "log").pop().expect("it writes one");
        let sealed = last(&disk);
        drop(hurt);
        disk.crash(Loss::Everything);
        if newest != sealed.with_extension("log") {
            disk.remove(&newest).expect("it is there");
        }
        harm(&disk);
        let is_whole = |rig: &Rig, counter| rig.prepare(Ballot::new(counter, 1)).hydrated;
        let rig = open(&disk, options(0)).expect("it starts");
        assert_eq!(is_whole(&rig, 1), what == "nothing", "{what}");
        // It does not forget it.
        let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
        assert_eq!(is_whole(&rig, 2), what == "nothing", "{what}");
        let gossip = |peers: &[Rig]| {
            let peers: Vec<Arc<dyn StorageNode>> = peers.iter().map(|peer| peer.node.clone() as _).collect();
            let mut gossip = Gossip::new(&rig.node, peers);
            (0..2).for_each(|_| now(gossip.round(true)));
        };
        gossip(&nodes[..3]);
        assert_eq!(is_whole(&rig, 3), what == "nothing", "{what}: three may all lack what it held");
        gossip(&nodes);
        assert!(is_whole(&rig, 4), "{what}");
        assert_eq!(rig.mark(0).scl_flushed, writer.tail(0).0, "{what}");
        rig.check_pages(&writer, 0..60, &[writer.end()]);
        let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
        assert!(is_whole(&rig, 5), "{what}: that it is whole is remembered, too");
    }
}

/// Before there are images only the superblock tells that there was redo.
#[test]
fn redo_that_is_gone_before_the_first_image_is_missed_and_what_never_was_is_not() {
    let log = dir().join("log");
    for what in ["all files", "the file with redo", "its frames"] {
        let mut writer = Writer::new();
        // More than half of a file, so that the next one is whole.
        let batches: Vec<_> = (0..3).map(|n| writer.batch(&[n; 80])).collect();
        let fresh = |id| {
            let rig = open_at(&SimDisk::new(), &dir(), options(id)).expect("the disk is sound");
            rig.create();
            rig
        };
        let mut nodes: Vec<Rig> = (0..5).map(fresh).collect();
        let is_whole = |rig: &Rig| rig.prepare(Ballot::ZERO).hydrated;
        let rig = nodes.remove(0).restart(|disk| disk.crash(Loss::Everything), options(0));
        assert!(is_whole(&rig), "it never had any redo");
        nodes.insert(0, rig);
        for node in &mut nodes {
            // A file is made ready, as by a node that runs.
            node.node.tend().expect("the disk is sound");
            batches.iter().for_each(|batch| assert_eq!(node.send(batch.clone()).outcome(), AppendOutcome::Flushed));
            node.node.tend().expect("the disk is sound");
        }
        let rig = nodes.remove(0).restart(
            |disk| {
                disk.crash(Loss::Everything);
                let mut files: Vec<_> = disk.paths().into_iter().filter(|path| path.starts_with(&log)).collect();
                files.sort();
                assert!(files.len() > 1, "{files:?}");
                match what {
                    "all files" => files.iter().for_each(|path| disk.remove(path).expect("it is there")),
                    "the file with redo" => disk.remove(&files[0]).expect("it is there"),
                    _ => {
                        let file = disk.open(&files[0], OpenMode::Existing).expect("it is there");
                        file.write_at(4096, &[0; 28 << 10]).expect("the disk is sound");
                        file.sync().expect("the disk is sound");
                    }
                }
                disk.sync_dir(&log).expect("the disk is sound");
            },
            options(0),
        );
        assert!(!is_whole(&rig), "{what}");
        let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
        assert!(!is_whole(&rig), "{what}: it does not forget it");
        let gossip = |peers: &[Rig]| {
            let peers: Vec<Arc<dyn StorageNode>> = peers.iter().map(|peer| peer.node.clone() as _).collect();
            let mut gossip = Gossip::new(&rig.node, peers);
            (0..2).for_each(|_| now(gossip.round(true)));
        };
        gossip(&nodes[..3]);
        assert!(!is_whole(&rig), "{what}: three may all lack what it held");
        gossip(&nodes);
        assert!(is_whole(&rig), "{what}");
        rig.check_pages(&writer, 0..5, &[writer.end()]);
    }
}

#[test]
fn redo_that_is_lost_during_a_sweep_is_not_passed_over() {
    for steps in 1..8 {
        let mut rig = fresh();
        let mut writer = Writer::new();
        let batches: Vec<_> = (0..900).map(|n| writer.batch(&[if n == 450 { 62 } else { n % 40 }, 3])).collect();
        batches.iter().for_each(|batch| drop(rig.send(batch.clone())));
        rig.hear(writer.end(), writer.end());
        for _ in 0..steps {
            rig.node.tend().expect("the disk is sound");
        }
        let only = &batches[450];
        let place = |file: &PathBuf| rig.disk.bytes(file).windows(only.len()).position(|bytes| bytes == only);
        let found = files(&rig.disk, "log", "log").into_iter().find_map(|file| place(&file).map(|at| (file, at)));
        let Some((file, at)) = found else { continue };
        rig.disk.flip(&file, at + only.len() / 2, 1);
        // A read finds it, and there is nobody to ask.
        let read = rig.read(62, writer.end(), writer.tail(0));
        let has_image = read.is_ok();
        for _ in 0..99 {
            drop(rig.node.tend());
        }
        assert!(has_image || !rig.prepare(Ballot::new(1, 1)).hydrated, "after {steps} steps it passes for whole");
        let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
        let read = rig.read(62, writer.end(), writer.tail(0));
        assert!(read.is_err() || read == Ok(writer.fold(62, writer.end())), "after {steps} steps: {read:?}");
    }
}

#[test]
fn a_sector_that_cannot_be_read_costs_what_was_in_it() {
    let (rig, twin, writer) = twins(900);
    let newest = |folder, extension| files(&rig.disk, folder, extension).pop().expect("there is one");
    let spoilt = [
        (newest("log", "idx").with_extension("log"), 8192),
        (newest("log", "idx"), 0),
        (newest("images", "img"), 8192),
        (dir().join("images/manifest.1"), 0),
        (dir().join("superblock.1"), 0),
    ];
    for (file, at) in &spoilt {
        rig.disk.spoil(file, *at, 512);
        rig.node.scrub().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_ne!(rig.status().state, "failed", "{}", file.display());
    }
    for _ in 0..3 {
        gossip_with(&rig, &twin);
        rig.node.scrub().expect("the disk answers");
    }
    rig.check_pages(&writer, 0..60, &[writer.end()]);
    for (file, at) in &spoilt {
        if files(&rig.disk, "log", "log").contains(file) || file.parent() != Some(&dir().join("log")) {
            rig.disk.spoil(file, *at, 512);
        }
    }
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    for _ in 0..3 {
        gossip_with(&rig, &twin);
        rig.node.scrub().expect("the disk answers");
    }
    rig.check_pages(&writer, 0..60, &[writer.end()]);
}
