//! One node by its calls: what it takes, refuses, serves and forgets.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use bytes::Bytes;
use node_support::*;
use proptest::prelude::*;
use protocol::node::{NodeError, StorageNode};
use protocol::rpc::storage::{AppendOutcome, AppendRequest, CreateVolumeRequest, ReadOutcome, VolumeConfig};
use protocol::{Ballot, FORMAT_VERSION, Lsn};
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::history::ENTRIES_MAX;
use storage::node::{NodeOptions, SweepMemory};
use storage::sim::{Loss, SimClock, SimDisk};

fn ballot(counter: u32) -> Ballot {
    Ballot::new(counter, 9)
}

#[test]
fn appends_move_both_watermarks_and_name_the_first_gap() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let first = writer.batch(&[1, 2]);
    let tail = writer.tail(0);
    let lost = writer.batch(&[1]);
    let last = writer.batch(&[3, 1]);
    let reply = rig.send(first.clone());
    assert_eq!((reply.outcome(), reply.marks[0].scl_flushed), (AppendOutcome::Flushed, tail.0));
    // Row 40: a gap is stored and named; a duplicate is fine.
    let reply = rig.send(last);
    assert_eq!(
        (reply.outcome(), reply.marks[0].scl_flushed, reply.marks[0].gap_after),
        (AppendOutcome::Flushed, tail.0, tail.0)
    );
    assert_eq!(rig.send(first).outcome(), AppendOutcome::Flushed);
    assert_eq!(rig.read(1, writer.end(), writer.tail(0)), Err(ReadOutcome::Behind));
    let reply = rig.send(lost);
    assert_eq!((reply.marks[0].scl_flushed, reply.marks[0].gap_after), (writer.tail(0).0, 0));
    rig.check_pages(&writer, 0..5, &[writer.end(), tail]);
}

#[test]
fn a_duplicate_with_other_bytes_is_refused() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1, 2]));
    let good = writer.batch(&[1, 2]);
    rig.send(good);
    let mut twisted = writer.records[3].0.clone();
    twisted.change = protocol::redo::Change::SetFlags { level: 1, flags: 1 };
    let reply = rig.send(encode(&[twisted], Ballot::ZERO));
    assert_eq!(reply.outcome(), AppendOutcome::Corrupt);
    rig.check_pages(&writer, 0..3, &[writer.end()]);
}

#[test]
fn damaged_and_foreign_batches_change_nothing() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let good = writer.batch(&[1, 2]);
    for bit in (0..good.len() * 8).step_by(7) {
        let mut bad = good.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(rig.send(bad.into()).outcome(), AppendOutcome::Corrupt, "bit {bit}");
    }
    assert_eq!(rig.mark(0).scl_received, 0);
    // Row 43, and a newer format.
    for (volume, version) in [(VOLUME + 1, FORMAT_VERSION), (VOLUME, FORMAT_VERSION + 1)] {
        let request = AppendRequest { volume, version, batch: good.clone(), ..AppendRequest::default() };
        assert!(matches!(rig.stream.send(request), Err(NodeError::Refused(_))));
    }
    assert_eq!(rig.send(good).outcome(), AppendOutcome::Flushed);
}

#[test]
fn received_is_told_before_the_fsync_when_asked() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let request = AppendRequest { want_received: true, sequence: 4, ..rig.request(writer.batch(&[1])) };
    rig.stream.send(request).expect("the stream is open");
    let replies = std::mem::take(&mut *rig.replies.lock());
    let told: Vec<_> = replies.iter().map(|r| (r.outcome(), r.sequence, r.marks[0].scl_flushed)).collect();
    let end = writer.end().0;
    assert_eq!(told, [(AppendOutcome::Received, 4, 0), (AppendOutcome::Flushed, 4, end)]);
}

#[test]
fn ballots_fence() {
    let mut rig = fresh();
    let mut old = Writer::new();
    rig.send(old.batch(&[1, 2]));
    let vdl = old.end();
    rig.send(old.batch(&[1, 2]));
    let late = old.batch(&[3]);

    // Row 41: a jump is refused; a promise fences, before any table.
    let jump = protocol::rpc::storage::PrepareRequest {
        volume: VOLUME,
        version: FORMAT_VERSION,
        ballot: Ballot::new(Ballot::JUMP_MAX + 1, 1).0,
        vdl_heard: 0,
    };
    assert!(matches!(now(rig.node.prepare(jump)), Err(NodeError::Refused(_))));
    let reply = rig.prepare(ballot(1));
    assert!(reply.promised && reply.hydrated);
    assert_eq!(reply.segments[0].scl, old.records[3].0.header.lsn.0);
    assert_eq!(reply.segments[0].above.len(), 4);
    let fenced = rig.send(late.clone());
    assert_eq!((fenced.outcome(), fenced.marks.len(), fenced.promised), (AppendOutcome::Fenced, 0, ballot(1).0));
    assert!(!rig.prepare(Ballot::new(0, 7)).promised, "a lower ballot is told who won");
    assert!(!rig.prepare(Ballot::new(1, 8)).promised, "of equal counters the higher instance wins");

    // The new writer, whose table is not here yet.
    let first = Lsn(100_000);
    let mut new = old.recovered(ballot(1), vdl, first);
    let batch = new.batch(&[1, 2, 5]);
    assert_eq!(rig.send(batch.clone()).outcome(), AppendOutcome::NeedTable);
    assert_eq!(rig.read_under(ballot(1), 1, vdl, vdl), Err(ReadOutcome::NeedTable), "a promise is not a table");
    assert!(rig.install(&table(&[(ballot(1), vdl, first)])).adopted);
    assert_eq!(rig.mark(0).scl_flushed, vdl.0, "T1: what lies above is annulled");
    rig.check_pages(&old.recovered(ballot(1), vdl, first), 0..4, &[vdl]);
    assert_eq!(rig.send(batch).marks[0].scl_flushed, new.end().0);
    rig.check_pages(&new, 0..8, &[vdl, new.end()]);

    // T1: neither the old writer nor a peer revives them.
    assert_eq!(rig.send(late.clone()).outcome(), AppendOutcome::Fenced);
    let filled =
        rig.fill(ballot(1), vec![encode(&[old.records[2].0.clone(), old.records[3].0.clone()], Ballot::ZERO), late]);
    assert_eq!((filled.outcome(), filled.marks[0].scl_flushed), (AppendOutcome::Flushed, new.end().0));
    rig.check_pages(&new, 0..8, &[vdl, new.end()]);
    let mut rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    assert_eq!(rig.mark(0).scl_flushed, new.end().0);
    rig.check_pages(&new, 0..8, &[vdl, new.end()]);
    assert_eq!(rig.send(old.batch(&[1])).outcome(), AppendOutcome::Fenced, "a promise survives");
    assert_eq!(rig.send(new.batch(&[1])).outcome(), AppendOutcome::Flushed);
}

#[test]
fn a_table_below_what_is_durable_is_refused() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1, 2]));
    rig.hear(writer.end(), Lsn::ZERO);
    // Row 45.
    let request = protocol::rpc::storage::InstallTableRequest {
        volume: VOLUME,
        version: FORMAT_VERSION,
        ballot: ballot(1).0,
        table: Some(table(&[(ballot(1), Lsn(5), Lsn(1000))]).to_rpc()),
        config: None,
    };
    assert!(matches!(now(rig.node.install_table(request)), Err(NodeError::Refused(_))));
    assert_eq!(rig.mark(0).scl_flushed, writer.end().0);
}

/// Nobody is served meanwhile.
#[test]
fn a_long_history_is_put_in_force_in_no_time() {
    let rig = fresh();
    let entry = |n: u64| (Ballot(n), Lsn::ZERO, Lsn(n));
    let entries: Vec<(Ballot, Lsn, Lsn)> = (1..=ENTRIES_MAX as u64).map(entry).collect();
    let begun = Instant::now();
    for count in [ENTRIES_MAX - 1, ENTRIES_MAX] {
        assert!(rig.install(&table(&entries[..count])).adopted);
    }
    assert!(begun.elapsed() < LONG / 6, "it takes {:?}", begun.elapsed());
}

#[test]
fn a_writer_that_comes_back_installs_its_table_again_though_its_redo_is_durable_beyond_it() {
    let mut rig = fresh();
    let opened = table(&[(ballot(1), Lsn::ZERO, Lsn(1000))]);
    rig.prepare(ballot(1));
    assert!(rig.install(&opened).adopted);
    let mut writer = Writer::new().recovered(ballot(1), Lsn::ZERO, Lsn(1000));
    rig.send(writer.batch(&[1, 2]));
    rig.hear(writer.end(), Lsn::ZERO);
    assert!(rig.install(&opened).adopted, "a new stream of the same writer");
    let mut rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    rig.hear(writer.end(), Lsn::ZERO);
    assert!(rig.install(&opened).adopted, "and after a start of the node");
    assert_eq!(rig.mark(0).scl_flushed, writer.end().0);
}

#[test]
fn a_fill_under_a_new_ballot_is_a_promise() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let batch = writer.batch(&[1, 2]);
    let reply = rig.fill(ballot(3), vec![batch.clone()]);
    assert_eq!(
        (reply.outcome(), reply.marks[0].scl_flushed, reply.promised),
        (AppendOutcome::Flushed, writer.end().0, ballot(3).0)
    );
    assert_eq!(rig.send(batch.clone()).outcome(), AppendOutcome::Fenced);
    assert_eq!(rig.fill(ballot(2), vec![batch]).outcome(), AppendOutcome::Fenced);
}

#[test]
fn pulls_give_whole_records_without_a_hole() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    for n in 0..40 {
        rig.send(writer.batch(&[n % 3, n % 7, n % 5]));
    }
    let end = writer.end();
    for (after, max_bytes) in
        [(Lsn::ZERO, 1 << 20), (writer.records[4].0.header.lsn, 300), (writer.records[60].0.header.lsn, 1)]
    {
        let mut at = after;
        while at < end {
            let reply = rig.pull(0, at, end, max_bytes);
            assert_eq!((reply.outcome(), reply.scl), (ReadOutcome::Ok, end.0));
            assert!(!reply.batches.is_empty(), "every pull makes progress");
            for batch in reply.batches {
                for record in protocol::batch::Batch::decode(batch).expect("a node sends sound batches").records {
                    assert_eq!(record.header.prev_group, at);
                    at = record.header.lsn;
                }
            }
        }
        assert_eq!(at, end);
    }
    let middle = writer.records[50].0.header.lsn;
    let reply = rig.pull(0, Lsn::ZERO, middle, 1 << 20);
    let last =
        protocol::batch::Batch::decode(reply.batches.last().expect("there is redo").clone()).expect("it is sound");
    assert_eq!(last.records.last().map(|record| record.header.lsn), Some(middle));
    assert!(rig.pull(0, end, Lsn::MAX, 1 << 20).batches.is_empty());
}

#[test]
fn a_pull_splits_no_batch_that_the_next_one_can_give_whole() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let batches: Vec<Bytes> = (0..12).map(|n| writer.batch(&[n % 3, n % 7, n % 5])).collect();
    for batch in &batches {
        rig.send(batch.clone());
    }
    let longest = batches.iter().map(Bytes::len).max().expect("there are some");
    // Two fit and a part of a third, unless these are short.
    let max_bytes = longest as u32 * 5 / 2;
    let (mut at, mut pulled) = (Lsn::ZERO, Vec::new());
    while at < writer.end() {
        let reply = rig.pull(0, at, writer.end(), max_bytes);
        assert!(!reply.batches.is_empty(), "every pull makes progress");
        assert!(reply.batches.iter().map(Bytes::len).sum::<usize>() <= max_bytes as usize);
        pulled.extend(reply.batches);
        at = writer.records[pulled.len() * 3 - 1].0.header.lsn;
    }
    assert_eq!(pulled, batches, "all of them as they came");
}

#[test]
fn images_and_retirement_never_change_what_is_read() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let mut points = Vec::new();
    for n in 0..900u64 {
        rig.send(writer.batch(&[n % 11, (n * 7) % 50, 3]));
        if n % 50 == 49 {
            let floor = points.last().copied().unwrap_or_default();
            rig.hear(writer.end(), floor);
            rig.tend();
            points.push(writer.end());
            rig.check_pages(&writer, 0..51, &[floor.max(Lsn(1)), writer.end()]);
        }
    }
    let status = rig.status();
    assert!(status.image_bytes > 0, "the hot page has an image");
    assert!(status.log_bytes < 220 << 10, "old files are retired: {}", status.log_bytes);
    assert_eq!(rig.pull(0, Lsn::ZERO, writer.end(), 1 << 20).outcome(), ReadOutcome::BelowFloor);
    assert_eq!(rig.read(3, Lsn(30), Lsn::ZERO), Err(ReadOutcome::BelowFloor));
    let floor = points[points.len() - 2];
    let mut rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    assert_eq!(rig.mark(0).scl_flushed, writer.end().0);
    assert!(rig.status().flushed_vdl_heard > 0, "the durable point heard survives");
    rig.check_pages(&writer, 0..51, &[floor, writer.end()]);
    rig.send(writer.batch(&[3, 60]));
    rig.check_pages(&writer, 0..63, &[writer.end()]);
}

#[test]
fn nothing_above_the_durable_point_becomes_an_image() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    for _ in 0..100 {
        rig.send(writer.batch(&[1; 8]));
    }
    let vdl = writer.records[700].0.header.lsn;
    rig.hear(vdl, vdl);
    rig.tend();
    assert!(rig.status().image_bytes > 0);
    // T2: a recovery that ends exactly there finds the page as it was.
    let first = Lsn(1_000_000);
    rig.prepare(ballot(1));
    assert!(rig.install(&table(&[(ballot(1), vdl, first)])).adopted);
    let new = writer.recovered(ballot(1), vdl, first);
    rig.check_pages(&new, 0..3, &[vdl]);
}

#[test]
fn an_image_that_is_due_is_not_tried_again_before_its_bound_moves() {
    let disk = SimDisk::new();
    // Whatever is built is read from the disk.
    let mut rig = open(&disk, NodeOptions { recent_bytes: 0, page_cache_bytes: 0, ..options(0) }).expect("it is sound");
    rig.create();
    let mut writer = Writer::new();
    let tend = |rig: &mut Rig, vdl: Lsn| {
        rig.hear(vdl, vdl);
        let before = rig.disk.operations();
        rig.tend();
        (rig.disk.operations() - before, rig.status().image_bytes > 0)
    };
    for _ in 0..80 {
        rig.send(writer.batch(&[1; 8]));
    }
    rig.tend();
    assert_eq!(tend(&mut rig, Lsn::ZERO), (0, false), "nothing is durable, as before");
    let first = writer.records[0].0.header.lsn;
    let (operations, imaged) = tend(&mut rig, first);
    assert!(operations > 0 && imaged, "the bound moved: {operations} operations");
    // The chain is long still: the page is due again with its next record.
    rig.send(writer.batch(&[1]));
    assert!(tend(&mut rig, first).0 > 0, "it is tried");
    assert_eq!(tend(&mut rig, first).0, 0, "the image is the newest below the bound");
    assert!(tend(&mut rig, writer.end()).0 > 0, "the bound moved");
    rig.check_pages(&writer, 0..3, &[writer.end()]);
}

#[test]
fn a_hot_pages_later_images_are_made_of_its_tail() {
    let disk = SimDisk::new();
    // Whatever is built is read from the disk.
    let options = NodeOptions {
        recent_bytes: 0,
        page_cache_bytes: 0,
        log_file_bytes: 1 << 20,
        log_retention_bytes: 256 << 20,
        ..options(0)
    };
    let mut rig = open(&disk, options).expect("it is sound");
    rig.create();
    let mut writer = Writer::new();
    let round = |rig: &mut Rig, writer: &mut Writer| {
        for _ in 0..70 {
            rig.send(writer.batch(&[1, 1, 1, 2, 1, 1, 1, 1, 1]));
        }
        let durable = writer.end();
        // Some of what follows counts and cannot become an image yet.
        rig.send(writer.batch(&[1; 4]));
        rig.hear(durable, durable);
        let before = rig.disk.operations();
        rig.tend();
        let operations = rig.disk.operations() - before;
        rig.check_pages(writer, 0..3, &[durable, writer.end()]);
        operations
    };
    let by_links = round(&mut rig, &mut writer);
    assert!(by_links > 70, "each batch is read: {by_links} operations");
    for _ in 0..6 {
        let by_tail = round(&mut rig, &mut writer);
        assert!(by_tail < 20, "what was not durable then, and the image: {by_tail} operations");
    }
    // A recovery cuts what the tail has, too.
    let (vdl, first) = (writer.records[writer.records.len() - 3].0.header.lsn, Lsn(10_000_000));
    rig.prepare(ballot(1));
    assert!(rig.install(&table(&[(ballot(1), vdl, first)])).adopted);
    let mut writer = writer.recovered(ballot(1), vdl, first);
    for _ in 0..3 {
        round(&mut rig, &mut writer);
    }
}

#[test]
fn pages_whose_records_lie_scattered_are_gathered_in_one_go() {
    let disk = SimDisk::new();
    let clock = Arc::new(SimClock::default());
    let options =
        NodeOptions { log_file_bytes: 1 << 20, log_retention_bytes: 256 << 20, clock: clock.clone(), ..options(0) };
    let mut rig = open(&disk, options).expect("it is sound");
    rig.create();
    let mut writer = Writer::new();
    let pages: Vec<u64> = (0..PAGES_PER_GROUP.into()).collect();
    let rounds = |rig: &mut Rig, writer: &mut Writer, rounds: u32| {
        for _ in 0..rounds {
            rig.send(writer.batch(&pages));
        }
        rig.hear(writer.end(), writer.end());
        let before = rig.disk.operations();
        rig.tend();
        (rig.disk.operations() - before, rig.status().image_bytes > 0)
    };
    let (_, imaged) = rounds(&mut rig, &mut writer, 600);
    assert!(!imaged, "each of their chains is long, but takes one record of a batch");
    let (_, imaged) = rounds(&mut rig, &mut writer, 1500);
    assert!(!imaged, "they wait for each other");
    clock.advance(Duration::from_secs(5));
    let before = rig.disk.operations();
    rig.tend();
    let operations = rig.disk.operations() - before;
    assert!(rig.status().image_bytes > 0);
    assert!(operations < 500, "the log is read once and not by links: {operations} operations");
    rig.check_pages(&writer, 0..PAGES_PER_GROUP.into(), &[writer.end()]);
    // What is left of their chains is in the last file.
    clock.advance(Duration::from_secs(5));
    let (operations, _) = rounds(&mut rig, &mut writer, 0);
    assert_eq!(operations, 0);
}

#[test]
fn scattered_pages_that_a_reader_keeps_from_images_are_gathered_once() {
    let disk = SimDisk::new();
    let clock = Arc::new(SimClock::default());
    let options = NodeOptions {
        log_file_bytes: 1 << 20,
        log_retention_bytes: 256 << 20,
        recent_bytes: 6 << 20,
        clock: clock.clone(),
        ..options(0)
    };
    let mut rig = open(&disk, options).expect("it is sound");
    rig.create();
    let mut writer = Writer::new();
    let pages: Vec<u64> = (0..PAGES_PER_GROUP.into()).collect();
    rig.send(writer.batch(&pages));
    // The files below the floor are full of what concerns none of them.
    let other = u64::from(PAGES_PER_GROUP);
    for _ in 0..500 {
        rig.send(writer.batch(&[other; 64]));
    }
    let floor = writer.end();
    for _ in 0..2010 {
        rig.send(writer.batch(&pages));
    }
    rig.hear(writer.end(), floor);
    let wait = |rig: &Rig| {
        clock.advance(Duration::from_secs(5));
        let before = rig.disk.operations();
        rig.tend();
        rig.disk.operations() - before
    };
    rig.tend();
    assert!(wait(&rig) > 0, "they are gathered up to the floor");
    for _ in 0..3 {
        assert_eq!(wait(&rig), 0, "the floor stands still, and there is nothing new below it");
    }
    rig.hear(writer.end(), writer.end());
    rig.tend();
    assert!(wait(&rig) > 0, "the floor moved");
    rig.check_pages(&writer, 0..PAGES_PER_GROUP.into(), &[writer.end()]);
}

/// What two nodes of one process are told.
fn neighbours_options() -> [NodeOptions; 2] {
    let sweep_memory = SweepMemory::new(1 << 20);
    [0, 1].map(|id| NodeOptions { sweep_memory: sweep_memory.clone(), ..options(id) })
}

/// Two nodes of one process.
fn neighbours() -> [Rig; 2] {
    neighbours_options().map(|options| {
        let rig = open_at(&SimDisk::new(), &dir(), options).expect("it is sound");
        rig.create();
        rig
    })
}

/// Writes the same to nodes until each of their logs has so many files, all of it durable. No chain grows long.
fn fill(rigs: &mut [Rig], writer: &mut Writer, files: u64) {
    let mut pages = (0..60).cycle();
    while rigs.iter().any(|rig| rig.status().log_bytes < files * options(0).log_file_bytes) {
        let batch = writer.batch(&pages.by_ref().take(8).collect::<Vec<u64>>());
        rigs.iter_mut().for_each(|rig| drop(rig.send(batch.clone())));
    }
    rigs.iter_mut().for_each(|rig| rig.hear(writer.end(), writer.end()));
}

#[test]
fn nodes_of_one_process_sweep_in_turns_and_who_cannot_wait_at_once() {
    let (mut rigs, mut writer) = (neighbours(), Writer::new());
    // Three of them are full, where four are kept.
    fill(&mut rigs, &mut writer, 4);
    let [first, second] = &rigs;
    assert!(first.node.tend().expect("the disk is sound"), "it begins");
    second.tend();
    assert_eq!(second.status().image_bytes, 0, "it is not its turn");
    first.tend();
    assert!(first.status().image_bytes > 0);
    assert_eq!(second.status().image_bytes, 0);
    second.tend();
    assert!(second.status().image_bytes > 0, "its turn came");
    fill(&mut rigs, &mut writer, 8);
    let [first, second] = &rigs;
    let retention = options(0).log_retention_bytes;
    assert!(first.node.tend().expect("the disk is sound"), "it begins");
    second.tend();
    assert!(second.status().log_bytes <= retention, "nothing but a sweep makes its log shorter");
    assert!(first.status().log_bytes > retention, "and the first is still at it");
    first.tend();
    assert!(first.status().log_bytes <= retention);
    rigs.iter().for_each(|rig| rig.check_pages(&writer, 0..60, &[writer.end()]));
}

#[test]
fn nodes_that_start_together_sweep_in_turns_too() {
    let (mut rigs, mut writer) = (neighbours(), Writer::new());
    fill(&mut rigs, &mut writer, 4);
    let [first, second] = rigs;
    let [of_first, of_second] = neighbours_options();
    // The start seals the fourth: the log is as long as it may be, and none of it is known to be covered.
    let mut rigs = [first.restart_at(&dir(), of_first), second.restart_at(&dir(), of_second)];
    rigs.iter_mut().for_each(|rig| rig.hear(writer.end(), writer.end()));
    let [first, second] = &rigs;
    assert!(first.node.tend().expect("the disk is sound"), "it begins");
    second.tend();
    assert_eq!(second.status().image_bytes, 0, "it is not its turn");
    first.tend();
    second.tend();
    assert!(second.status().image_bytes > 0, "its turn came");
}

#[test]
fn a_node_that_gets_no_further_in_its_turn_gives_it_back() {
    for end in ["dropped", "stopped", "out of room"] {
        let (mut rigs, mut writer) = (neighbours(), Writer::new());
        fill(&mut rigs, &mut writer, 4);
        let [first, second] = rigs;
        assert!(first.node.tend().expect("the disk is sound"), "it begins");
        second.tend();
        assert_eq!(second.status().image_bytes, 0, "it is not its turn");
        match end {
            "dropped" => drop(first),
            "stopped" => first.node.shutdown(),
            _ => {
                first.disk.set_room(Some(0));
                first.tend();
            }
        }
        second.tend();
        assert!(second.status().image_bytes > 0, "the first is {end}");
    }
}

#[test]
fn under_a_steady_load_disk_and_start_stay_as_they_are() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let mut redo = 0;
    let mut starts = Vec::new();
    let mut highest = Vec::new();
    let retention = options(0).log_retention_bytes;
    for _ in 0..4 {
        let (mut log, mut images, mut all) = (0, 0, 0);
        for n in 0..4000u64 {
            let batch = writer.batch(&[3, n % 60, 3, (n * 7) % 60, 3]);
            redo += batch.len() as u64;
            rig.send(batch);
            if n % 20 == 19 {
                rig.hear(writer.end(), writer.end());
                rig.node.tend().expect("the disk is sound");
                let status = rig.status();
                (log, images) = (status.log_bytes.max(log), status.image_file_bytes.max(images));
                all = rig.disk.stored_bytes().max(all);
            }
        }
        highest.push((log, images, all));
        let before = rig.disk.operations();
        rig = rig.restart(|disk| disk.crash(Loss::Nothing), options(0));
        starts.push(rig.disk.operations() - before);
        rig.check_pages(&writer, 0..60, &[writer.end()]);
    }
    assert!(redo > 20 * retention, "{redo} bytes of redo");
    for (log, images, all) in highest {
        assert!(log <= 2 * retention, "{log} bytes of log");
        // Sixty pages that do not shrink, twice, and what a sweep writes before it lets go of anything.
        assert!(images <= 3 * 60 * 8192, "{images} bytes of images");
        // Spare and prepared files, indexes, metadata.
        assert!(all <= log + images + 8 * options(0).log_file_bytes, "{all} bytes on the disk");
    }
    let first = starts[0];
    assert!(starts.iter().all(|operations| *operations <= first + first / 2), "{starts:?} operations at a start");
}

#[test]
fn a_volume_is_created_once() {
    let rig = fresh();
    let create = |config: VolumeConfig| {
        now(rig.node.create_volume(CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config) }))
    };
    assert_eq!(create(config()).map(|reply| reply.created), Ok(false), "the same again is fine");
    assert!(matches!(create(VolumeConfig { volume: 5, ..config() }), Err(NodeError::Refused(_))));
    let mut five = config();
    five.members.pop();
    assert!(matches!(create(five), Err(NodeError::Refused(_))));
}

#[test]
fn a_node_without_a_volume_refuses() {
    let disk = storage::sim::SimDisk::new();
    let mut rig = open(&disk, options(0)).expect("the disk is sound");
    let request = rig.request(Bytes::new());
    assert!(matches!(rig.stream.send(request), Err(NodeError::Refused(_))));
    assert!(rig.status().config.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Batches lost, repeated, reordered; background work, restarts, memory so small that everything is read back.
    #[test]
    fn any_order_of_arrival_ends_in_the_same_pages(
        steps in prop::collection::vec((0u8..10, 0u64..100, 0u64..100), 20..120),
    ) {
        let mut rig = fresh();
        let mut writer = Writer::new();
        let mut sent: Vec<Bytes> = Vec::new();
        let mut held: Vec<Bytes> = Vec::new();
        let mut floor = Lsn::ZERO;
        for (kind, a, b) in steps {
            match kind {
                0..=4 => {
                    let batch = writer.batch(&[a, b % 64].map(|page| page % 64));
                    rig.send(batch.clone());
                    sent.push(batch);
                }
                5 => held.push(writer.batch(&[a % 64, 64 - 1 - b % 64])),
                6 => {
                    if let Some(batch) = (!sent.is_empty()).then(|| sent[a as usize % sent.len()].clone()) {
                        prop_assert_eq!(rig.send(batch).outcome(), AppendOutcome::Flushed);
                    }
                }
                7 => {
                    if !held.is_empty() {
                        let batch = held.swap_remove(a as usize % held.len());
                        rig.send(batch.clone());
                        sent.push(batch);
                    }
                }
                8 => {
                    let vdl = Lsn(rig.mark(0).scl_flushed);
                    floor = vdl;
                    rig.hear(vdl, floor);
                    rig.tend();
                }
                _ => rig = rig.restart(|disk| disk.crash(if a % 2 == 0 { Loss::Everything } else { Loss::Nothing }), options(0)),
            }
        }
        // What lay behind a gap for too long was given up: a writer sends it again.
        for batch in held.into_iter().chain(sent) {
            rig.send(batch);
        }
        prop_assert_eq!(rig.mark(0).scl_flushed, writer.tail(0).0);
        rig.check_pages(&writer, 0..64, &[floor.max(Lsn(1)), writer.end()]);
    }
}
