//! One node on a disk that tears, loses, fails and rots; and on directories that are not its own.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use node_support::*;
use proptest::prelude::*;
use protocol::node::StorageNode;
use protocol::rpc::storage::{AppendOutcome, HoldRequest};
use protocol::{Ballot, FORMAT_VERSION, Lsn, NodeId};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::node::disk::BLOCK_BYTES;
use storage::node::gossip::Gossip;
use storage::node::{Node, NodeOptions, OpenError};
use storage::sim::{Loss, SimDisk};

fn log_files(disk: &SimDisk) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect()
}

#[test]
fn a_tail_torn_at_any_byte_keeps_everything_acknowledged() {
    // The write is of a whole block, and begins with what was flushed before.
    let mut whole = 0;
    for kept in 0..BLOCK_BYTES {
        let mut rig = fresh();
        let mut writer = Writer::new();
        for n in 0..4 {
            rig.send(writer.batch(&[n, 9]));
        }
        let acked = writer.end();
        rig.disk.cut_sync_after(0);
        assert_eq!(rig.send(writer.batch(&[1, 2, 3, 4, 5, 6, 7, 8])).outcome(), AppendOutcome::Failed);
        let rig = rig.restart(|disk| disk.crash(Loss::Behind(kept)), options(0));
        let scl = Lsn(rig.mark(0).scl_flushed);
        whole += usize::from(scl == writer.end());
        assert!(scl == acked || scl == writer.end(), "{kept}: a batch is whole or absent, not {scl}");
        assert_eq!(rig.prepare(Ballot::new(1, 1)).segments[0].scl, scl.0);
        assert!(rig.prepare(Ballot::new(1, 1)).hydrated, "a torn tail is no loss");
    }
    assert!(0 < whole && whole < BLOCK_BYTES, "the tail was torn within, and written whole");
}

#[test]
fn a_failed_fsync_is_final_and_says_so() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1]));
    let acked = writer.end();
    rig.disk.fail_sync_after(0);
    assert_eq!(rig.send(writer.batch(&[1])).outcome(), AppendOutcome::Failed);
    assert_eq!(
        rig.send(writer.batch(&[1])).outcome(),
        AppendOutcome::Failed,
        "the next fsync would succeed: it is not tried"
    );
    assert_eq!((rig.status().state.as_str(), rig.mark(0).scl_flushed), ("failed", acked.0));
    let request = protocol::rpc::storage::PrepareRequest {
        volume: VOLUME,
        version: FORMAT_VERSION,
        ballot: Ballot::new(1, 1).0,
        vdl_heard: 0,
    };
    assert!(now(rig.node.prepare(request)).is_err(), "a failed node counts in no recovery");
    // Only the process dies: the kernel still has the bytes, marked clean. They are copied before they are told.
    let rig = rig.restart(|disk| disk.crash(Loss::Nothing), options(0));
    let told = rig.mark(0).scl_flushed;
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    assert_eq!(rig.mark(0).scl_flushed, told, "what was told as flushed is on the medium");
}

#[test]
fn an_fsync_that_fails_where_a_log_file_ends_is_final_too() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1]));
    let acked = writer.end();
    rig.tend();
    // More than a file: the round ends in its middle.
    let batches: Vec<_> = (0..600).map(|n| writer.batch(&[n % 60, 1])).collect();
    rig.disk.fail_sync_after(0);
    assert_eq!(rig.fill(Ballot::ZERO, batches).outcome(), AppendOutcome::Failed);
    assert_eq!((rig.status().state.as_str(), rig.mark(0).scl_flushed), ("failed", acked.0));
}

#[test]
fn what_the_kernel_has_is_synced_before_it_is_told() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1]));
    for life in 0..6 {
        rig.send(writer.batch(&[1, life]));
        rig = rig.restart(|disk| disk.crash(Loss::Nothing), options(0));
        assert_eq!(rig.mark(0).scl_flushed, writer.end().0);
        rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
        assert_eq!(rig.mark(0).scl_flushed, writer.end().0);
    }
    rig.check_pages(&writer, 0..7, &[writer.end()]);
}

#[test]
fn a_full_disk_is_said_politely_and_reads_go_on() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1, 2]));
    for n in 0..1500 {
        rig.send(writer.batch(&[n % 60, 1]));
    }
    rig.disk.set_room(Some(0));
    let mut full = None;
    for n in 0..2000 {
        let batch = writer.batch(&[n % 60, 1]);
        if rig.send(batch.clone()).outcome() == AppendOutcome::DiskFull {
            full = Some(batch);
            break;
        }
    }
    let refused = full.expect("the log cannot grow for ever");
    assert_eq!(rig.status().state, "full");
    let held = Lsn(rig.mark(0).scl_flushed);
    assert_eq!(rig.read(1, held, held), Ok(writer.fold(1, held)));
    // Images and indexes that are due wait: a write that finds no room would end the node for good.
    let images = rig.status().image_bytes;
    rig.hear(held, held);
    rig.tend();
    assert_eq!((rig.status().state.as_str(), rig.status().image_bytes), ("full", images));
    rig.disk.set_room(None);
    assert_eq!(rig.send(refused).outcome(), AppendOutcome::Flushed);
    assert_eq!((rig.status().state.as_str(), rig.mark(0).scl_flushed), ("up", writer.end().0));
    rig.tend();
    assert!(rig.status().image_bytes > images);
    rig.check_pages(&writer, 0..60, &[writer.end()]);
}

#[test]
fn rot_below_what_was_acknowledged_is_a_loss_and_peers_repair_it() {
    // The magic and the generation of the first frame, of which an empty file has none; then a frame in the midst.
    for at in [0, 8, 1000] {
        let mut rig = fresh();
        let mut writer = Writer::new();
        let mut twins = twins();
        for n in 0..30 {
            let batch = writer.batch(&[n, 5]);
            rig.send(batch.clone());
            twins.iter_mut().for_each(|twin| drop(twin.send(batch.clone())));
        }
        let files = log_files(&rig.disk);
        let file = files.into_iter().find(|file| rig.disk.bytes(file)[4096] != 0).expect("there is a log");
        rig.disk.flip(&file, 4096 + at, 0x10);
        let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
        // T9: not a torn tail.
        assert!(rig.mark(0).scl_flushed < writer.end().0);
        assert!(rig.mark(0).gap_after > 0, "what lies behind the hole is kept");
        assert!(!rig.prepare(Ballot::new(1, 1)).hydrated, "and it counts in no recovery");
        gossip_with(&rig, &twins);
        assert_eq!(rig.mark(0).scl_flushed, writer.end().0);
        assert!(rig.prepare(Ballot::new(1, 1)).hydrated);
        rig.check_pages(&writer, 0..30, &[writer.end()]);
    }
}

/// The other members, as many as must tell an unsure node what they hold.
fn twins() -> Vec<Rig> {
    let twin = |id: u32| {
        let rig = open_at(&SimDisk::new(), Path::new("/twin"), options(id)).expect("the disk is sound");
        rig.create();
        rig
    };
    (1..5).map(twin).collect()
}

fn gossip_with(rig: &Rig, twins: &[Rig]) {
    let peers: Vec<Arc<dyn StorageNode>> = twins.iter().map(|twin| twin.node.clone() as _).collect();
    let mut gossip = Gossip::new(&rig.node, peers);
    (0..2).for_each(|_| now(gossip.round(true)));
}

/// No frame behind it speaks of its group: that it was acknowledged is told by nothing.
#[test]
fn rot_of_a_group_s_last_record_is_a_loss_though_no_frame_tells_of_it() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let mut twins = twins();
    let mut send = |rig: &mut Rig, batch: bytes::Bytes| {
        rig.send(batch.clone());
        twins.iter_mut().for_each(|twin| drop(twin.send(batch.clone())));
    };
    let other = u64::from(PAGES_PER_GROUP) + 1;
    for _ in 0..5 {
        send(&mut rig, writer.batch(&[other]));
    }
    let last = writer.batch(&[other]);
    send(&mut rig, last.clone());
    for n in 0..10 {
        send(&mut rig, writer.batch(&[n]));
    }
    let place = |file: &PathBuf| rig.disk.bytes(file).windows(last.len()).position(|bytes| bytes == last);
    let (file, at) =
        log_files(&rig.disk).iter().find_map(|file| Some((file.clone(), place(file)?))).expect("it has it");
    rig.disk.flip(&file, at + last.len() / 2, 1);
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    assert!(rig.mark(1).scl_flushed < writer.tail(1).0);
    assert!(!rig.prepare(Ballot::new(1, 1)).hydrated, "it may lack what it has acknowledged");
    gossip_with(&rig, &twins);
    assert_eq!(rig.mark(1).scl_flushed, writer.tail(1).0);
    assert!(rig.prepare(Ballot::new(2, 1)).hydrated);
    rig.check_pages(&writer, 0..10, &[writer.end()]);
}

#[test]
fn a_damaged_batch_that_a_recovery_cut_costs_no_more_than_itself() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let records = [writer.write(1), writer.write(2), writer.write(3)];
    let (kept, vdl) = (records[0].header.lsn, records[1].header.lsn);
    let batch = encode(&records, Ballot::ZERO);
    rig.send(batch.clone());
    let ballot = Ballot::new(1, 1);
    rig.prepare(ballot);
    assert!(rig.install(&table(&[(ballot, vdl, Lsn(500_000))])).adopted);
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    assert_eq!(rig.mark(0).scl_flushed, vdl.0);
    let holds = |file: &PathBuf| rig.disk.bytes(file).windows(batch.len()).position(|window| window == batch);
    let (file, at) =
        log_files(&rig.disk).iter().find_map(|file| Some((file.clone(), holds(file)?))).expect("it has it");
    rig.disk.flip(&file, at + batch.len() / 2, 1);
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    assert!(rig.mark(0).scl_flushed < kept.0);
    assert!(!rig.prepare(Ballot::new(2, 1)).hydrated);
}

#[test]
fn images_count_after_a_failed_fsync_when_they_are_on_the_medium() {
    let mut failures = 0;
    for syncs in 0..40 {
        let mut rig = fresh();
        let mut writer = Writer::new();
        for n in 0..600u64 {
            rig.send(writer.batch(&[n % 40, (n * 7) % 60]));
        }
        rig.hear(writer.end(), writer.end());
        rig.disk.fail_sync_after(syncs);
        while rig.node.tend().is_ok_and(|more| more) {}
        let failed = rig.status().state == "failed";
        failures += usize::from(failed);
        // The process is started again, and does what was left. The kernel has what it could not write.
        let rig = rig.restart(|disk| disk.crash(Loss::Nothing), options(0));
        rig.tend();
        let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
        assert_eq!(rig.mark(0).scl_flushed, writer.tail(0).0, "{syncs}");
        rig.check_pages(&writer, 0..60, &[writer.end()]);
    }
    assert!(failures > 10, "{failures}");
}

#[test]
fn a_loss_at_the_edge_of_a_ballot_is_noticed() {
    let mut rig = fresh();
    let mut old = Writer::new();
    rig.send(old.batch(&[1, 2, 3]));
    let (ballot, vdl, first) = (Ballot::new(1, 1), old.end(), Lsn(500_000));
    rig.prepare(ballot);
    rig.install(&table(&[(ballot, vdl, first)]));
    // From here on a file of its own.
    let mut rig = rig.restart(|disk| disk.crash(Loss::Nothing), options(0));
    let mut new = old.recovered(ballot, vdl, first);
    let before = log_files(&rig.disk);
    for n in 0..600 {
        assert_eq!(rig.send(new.batch(&[n % 60, 3])).outcome(), AppendOutcome::Flushed);
    }
    let first_of_ballot = log_files(&rig.disk).into_iter().find(|file| !before.contains(file)).expect("it was rolled");
    rig.disk.flip(&first_of_ballot, 0, 1);
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    // What is left ends where the recovery had cut: an honest SCL, had nothing been acknowledged since.
    assert_eq!(rig.mark(0).scl_flushed, vdl.0);
    assert!(!rig.prepare(Ballot::new(2, 1)).hydrated);
}

#[test]
fn the_loss_of_a_file_is_noticed_though_its_group_was_idle_since() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[64, 65]));
    let file = log_files(&rig.disk).into_iter().find(|file| rig.disk.bytes(file)[4096] != 0).expect("there is a log");
    let mut rig = rig.restart(|disk| disk.crash(Loss::Nothing), options(0));
    let copy = log_files(&rig.disk).into_iter().find(|other| *other != file).expect("the tail was copied");
    for n in 0..600 {
        rig.send(writer.batch(&[n % 60, 3]));
    }
    rig.tend();
    rig.disk.flip(&copy, 0, 1);
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    assert_eq!((rig.mark(0).scl_flushed, rig.mark(1).scl_flushed), (writer.end().0, 0));
    assert!(!rig.prepare(Ballot::new(1, 1)).hydrated);
}

#[test]
fn a_gap_that_nobody_fills_does_not_make_the_log_grow_for_ever() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let mut twin = open_at(&SimDisk::new(), Path::new("/twin"), options(1)).expect("the disk is sound");
    twin.create();
    let first = writer.batch(&[1, 2]);
    let mut batches = vec![first.clone(), writer.batch(&[1, 5])];
    rig.send(first);
    let held = writer.end();
    let mut longest = 0;
    for n in 0..3000 {
        // Of each group in turn: only the first one has a gap.
        let batch = writer.batch(&if n % 2 == 0 { [n % 60, 3] } else { [64 + n % 60, 67] });
        batches.push(batch.clone());
        assert_eq!(rig.send(batch).outcome(), AppendOutcome::Flushed);
        if n % 50 == 0 {
            rig.hear(writer.end(), writer.end());
            rig.tend();
            longest = longest.max(rig.status().log_bytes);
        }
    }
    assert!(longest <= 3 * options(0).log_retention_bytes, "{longest} bytes");
    let end = writer.end();
    rig.hear(end, end);
    assert!(Lsn(rig.mark(0).scl_flushed) < held, "the rest lies behind the gap");
    assert_eq!(rig.prepare(Ballot::ZERO).segments[0].above, [], "all of it is durable elsewhere");
    assert_eq!(rig.read(1, end, writer.tail(0)), Err(protocol::rpc::storage::ReadOutcome::Behind));
    rig.check_pages(&writer, 64..128, &[end]);
    // Whoever still has it brings all of it.
    for batch in batches {
        twin.send(batch);
    }
    let mut rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    let peers: Vec<Arc<dyn StorageNode>> = vec![twin.node.clone()];
    now(Gossip::new(&rig.node, peers).round(true));
    assert_eq!(rig.mark(0).scl_flushed, writer.tail(0).0);
    rig.hear(end, end);
    rig.tend();
    rig.check_pages(&writer, 0..128, &[end]);
}

#[test]
fn the_log_waits_for_a_peer_that_was_down_but_not_for_ever() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let mut twin = open_at(&SimDisk::new(), Path::new("/twin"), options(1)).expect("the disk is sound");
    twin.create();
    let mut gossip = Gossip::new(&rig.node, vec![twin.node.clone() as Arc<dyn StorageNode>]);
    let first = writer.batch(&[1, 2]);
    rig.send(first.clone());
    twin.send(first);
    now(gossip.round(true));
    let retention = options(0).log_retention_bytes;
    let go_on = |rig: &mut Rig, writer: &mut Writer, until: u64| {
        for n in 0..8_000u64 {
            rig.send(writer.batch(&[n % 60, 3]));
            if n % 50 == 0 {
                rig.hear(writer.end(), writer.end());
                rig.tend();
                if rig.status().log_bytes >= until {
                    return true;
                }
            }
        }
        false
    };
    assert!(go_on(&mut rig, &mut writer, 4 * retention), "the twin needs all of it");
    let peers: Vec<Arc<dyn StorageNode>> = vec![rig.node.clone()];
    now(Gossip::new(&twin.node, peers).round(true));
    assert_eq!(twin.mark(0).scl_flushed, writer.end().0);
    now(gossip.round(true));
    rig.tend();
    assert!(rig.status().log_bytes <= 2 * retention, "the twin has it");
    assert!(!go_on(&mut rig, &mut writer, 9 * retention), "a peer that stays away is given up");
    rig.check_pages(&writer, 0..60, &[writer.end()]);
}

#[test]
fn gossip_fills_gaps_and_brings_higher_tables() {
    let mut rig = fresh();
    let mut stale = open_at(&SimDisk::new(), Path::new("/stale"), options(1)).expect("the disk is sound");
    stale.create();
    let mut old = Writer::new();
    for n in 0..10 {
        let batch = old.batch(&[n, n + 1, 70].map(|page| page % 64));
        rig.send(batch.clone());
        if !(4..=6).contains(&n) {
            stale.send(batch);
        }
    }
    let vdl = old.records[20].0.header.lsn;
    let ballot = Ballot::new(1, 1);
    let first = Lsn(500_000);
    rig.prepare(ballot);
    rig.install(&table(&[(ballot, vdl, first)]));
    let mut new = old.recovered(ballot, vdl, first);
    for n in 0..10 {
        rig.send(new.batch(&[n, 3]));
    }
    let peers: Vec<Arc<dyn StorageNode>> = vec![rig.node.clone()];
    now(Gossip::new(&stale.node, peers).round(true));
    assert_eq!(stale.mark(0).scl_flushed, new.end().0);
    stale.check_pages(&new, 0..64, &[vdl, new.end()]);

    // The other way round nothing annulled comes back, and a promise stands against a lower table.
    let mut behind = open_at(&SimDisk::new(), Path::new("/behind"), options(2)).expect("the disk is sound");
    behind.create();
    behind.send(encode(&old.records.iter().map(|(record, _)| record.clone()).collect::<Vec<_>>(), Ballot::ZERO));
    behind.prepare(Ballot::new(2, 1));
    let reported = behind.mark(0).scl_flushed;
    let peers: Vec<Arc<dyn StorageNode>> = vec![rig.node.clone()];
    now(Gossip::new(&behind.node, peers).round(true));
    assert_eq!(behind.mark(0).scl_flushed, reported, "what was reported to a recoverer stays");
    let peers: Vec<Arc<dyn StorageNode>> = vec![behind.node.clone()];
    now(Gossip::new(&rig.node, peers).round(true));
    rig.check_pages(&new, 0..64, &[vdl, new.end()]);
    let request = HoldRequest { volume: VOLUME, version: FORMAT_VERSION, ..HoldRequest::default() };
    assert_eq!(now(rig.node.hold(request)).map(|reply| reply.promised), Ok(ballot.0));
}

#[test]
fn a_directory_has_one_process_and_one_owner() {
    let mut rig = fresh();
    rig.send(Writer::new().batch(&[1]));
    // Row 51.
    assert!(matches!(open(&rig.disk, options(0)), Err(OpenError::InUse { .. })));
    rig.node.shutdown();
    let disk = rig.disk.clone();
    drop(rig);
    // Row 53.
    let other = |found| matches!(found, Err(OpenError::OtherNode { found: NodeId(0), expected: NodeId(5), .. }));
    assert!(other(open(&disk, options(5))));
    assert!(open(&disk, options(0)).is_ok());
}

#[test]
fn foreign_and_newer_directories_are_left_alone() {
    use storage::node::disk::{Disk, OpenMode};
    // Row 52.
    let disk = SimDisk::new();
    disk.create_dir(&dir()).expect("it is memory");
    disk.open(&dir().join("letters.txt"), OpenMode::OrCreate).expect("it is memory");
    assert!(matches!(open(&disk, options(0)), Err(OpenError::NotEmpty { .. })));
    assert_eq!(disk.paths(), [dir().join("letters.txt")]);

    let rig = fresh();
    let disk = rig.disk.clone();
    drop(rig);
    let newest = dir().join("superblock.0");
    disk.flip(&newest, 8, 3);
    let before: Vec<_> = disk.paths().iter().map(|path| disk.bytes(path)).collect();
    assert!(matches!(
        open(&disk, options(0)),
        Err(OpenError::Damaged { error: protocol::Error::NewerFormat { .. }, .. })
    ));
    assert_eq!(disk.paths().iter().map(|path| disk.bytes(path)).collect::<Vec<_>>(), before);
}

#[test]
fn a_real_directory_names_the_process_that_has_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = Arc::new(storage::node::disk::RealDisk);
    let options = NodeOptions { log_file_bytes: 1 << 20, ..NodeOptions::new(NodeId(0), "a", "here") };
    let node = Node::open(disk.clone(), dir.path(), options.clone()).expect("it is empty");
    let error = Node::open(disk.clone(), dir.path(), options.clone()).err().expect("it is taken").to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    node.shutdown();
    drop(node);
    Node::open(disk, dir.path(), options).expect("it is free again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A loss of power at any write or fsync, with any sectors of what was not synced reaching the medium.
    #[test]
    fn whatever_a_loss_of_power_keeps_nothing_acknowledged_is_lost(
        lives in prop::collection::vec((1usize..30, 0u64..60, any::<u64>()), 1..6),
    ) {
        let mut rig = fresh();
        let mut writer = Writer::new();
        let mut acked = Lsn::ZERO;
        for (count, fail_after, sectors) in lives {
            if sectors % 2 == 0 {
                rig.disk.fail_write_after(fail_after);
            } else {
                rig.disk.cut_sync_after(fail_after);
            }
            for n in 0..count {
                let pages: Vec<u64> = (0..1 + n as u64 % 9).map(|page| page * 5).collect();
                let batch = writer.batch(&pages);
                let reply = rig.send(batch);
                if reply.outcome() != AppendOutcome::Flushed {
                    break;
                }
                acked = Lsn(reply.marks[0].scl_flushed);
                rig.hear(acked, acked);
                if rig.node.tend().is_err() {
                    break;
                }
            }
            let mut bits = sectors;
            let mut keep = |_| {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                bits >> 63 == 0
            };
            rig = rig.restart(|disk| disk.crash(Loss::Sectors(&mut keep)), options(0));
            let scl = Lsn(rig.mark(0).scl_flushed);
            prop_assert!(scl >= acked, "{scl} after {acked} was acknowledged");
            prop_assert!(rig.prepare(Ballot::ZERO).hydrated);
            let held: Vec<_> = writer.records.iter().filter(|(record, _)| record.header.lsn > scl).collect();
            if let Some((first, _)) = held.first() {
                // The writer resends what it has no acknowledgement for.
                prop_assert_eq!(first.header.prev_group, scl);
                let resent: Vec<_> = held.iter().map(|(record, _)| record.clone()).collect();
                prop_assert_eq!(rig.send(encode(&resent, Ballot::ZERO)).outcome(), AppendOutcome::Flushed);
            }
            acked = writer.end();
            rig.check_pages(&writer, 0..45, &[acked]);
        }
    }
}
