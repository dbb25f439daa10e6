//! Flushes that may wait: what a node tells of them, when it makes up for them, and what a loss of power takes.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use bytes::Bytes;
use node_support::*;
use proptest::prelude::*;
use protocol::node::StorageNode;
use protocol::rpc::storage::{AppendOutcome, AppendReply, AppendRequest};
use protocol::{Ballot, FORMAT_VERSION, Lsn, NodeId};
use std::sync::Arc;
use storage::node::disk::RealDisk;
use storage::node::{Node, NodeOptions};
use storage::sim::Loss;

/// Sends a batch whose flush may wait, and returns what is answered at once.
fn hold(rig: &mut Rig, batch: Bytes, sequence: u64) -> Option<AppendReply> {
    let request = AppendRequest { flush_later: true, sequence, ..rig.request(batch) };
    rig.stream.send(request).expect("the stream is open");
    rig.replies.lock().pop()
}

#[test]
fn a_held_batch_counts_as_received_and_one_flush_covers_all_before_it() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1]));
    let (flushed, fsyncs) = (writer.end(), rig.status().fsyncs);
    for sequence in 1..=5 {
        assert_eq!(hold(&mut rig, writer.batch(&[1, sequence]), sequence), None);
    }
    let end = writer.end();
    assert_eq!((rig.mark(0).scl_received, rig.mark(0).scl_flushed), (end.0, flushed.0));
    assert_eq!(rig.read(1, end, end), Ok(writer.fold(1, end)), "readers have it");
    let reply = rig.send_request(AppendRequest { sequence: 6, ..rig.request(writer.batch(&[9])) });
    assert_eq!((reply.outcome(), reply.sequence), (AppendOutcome::Flushed, 6));
    assert_eq!(reply.marks[0].scl_flushed, writer.end().0);
    assert!(rig.replies.lock().is_empty(), "one reply for all");
    assert_eq!(rig.status().fsyncs, fsyncs + 1);
}

#[test]
fn a_question_without_a_batch_flushes_what_is_held() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    hold(&mut rig, writer.batch(&[1]), 1);
    let reply = rig.send_request(AppendRequest { sequence: 2, ..rig.request(Bytes::new()) });
    assert_eq!(
        (reply.outcome(), reply.sequence, reply.marks[0].scl_flushed),
        (AppendOutcome::Flushed, 2, writer.end().0)
    );
    // One that may wait itself asks for nothing.
    hold(&mut rig, writer.batch(&[1]), 3);
    assert_eq!(hold(&mut rig, Bytes::new(), 4), None);
    assert!(rig.mark(0).scl_flushed < writer.end().0);
}

#[test]
fn received_is_told_of_a_held_batch_when_asked() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let request =
        AppendRequest { flush_later: true, want_received: true, sequence: 7, ..rig.request(writer.batch(&[1])) };
    let reply = rig.send_request(request);
    assert_eq!((reply.outcome(), reply.sequence), (AppendOutcome::Received, 7));
    assert_eq!((reply.marks[0].scl_received, reply.marks[0].scl_flushed), (writer.end().0, 0));
}

/// Recovery takes what a Prepare reports as flushed, and what a Fill acknowledges.
#[test]
fn what_a_recovery_is_told_is_on_the_medium() {
    for fill in [false, true] {
        let mut rig = fresh();
        let mut writer = Writer::new();
        rig.send(writer.batch(&[1]));
        hold(&mut rig, writer.batch(&[1, 2]), 1);
        let told = if fill {
            let batch = writer.batch(&[3]);
            Lsn(rig.fill(Ballot::new(1, 1), vec![batch]).marks[0].scl_flushed)
        } else {
            Lsn(rig.prepare(Ballot::new(1, 1)).segments[0].scl)
        };
        assert_eq!(told, writer.end());
        let answered = rig.replies.lock().pop().expect("what was held is acknowledged before the promise");
        assert_eq!((answered.outcome(), answered.promised), (AppendOutcome::Flushed, 0));
        let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
        assert_eq!(rig.mark(0).scl_flushed, told.0);
    }
}

#[test]
fn a_stop_and_the_background_flush_what_is_held() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    hold(&mut rig, writer.batch(&[1]), 1);
    rig.tend();
    assert_eq!(rig.mark(0).scl_flushed, writer.end().0);
    hold(&mut rig, writer.batch(&[1]), 2);
    rig.node.shutdown();
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), options(0));
    assert_eq!(rig.mark(0).scl_flushed, writer.end().0);
}

#[test]
fn a_full_log_file_is_flushed_unasked() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let mut answered = 0;
    for sequence in 1..=600 {
        answered += usize::from(hold(&mut rig, writer.batch(&[sequence % 60]), sequence).is_some());
    }
    assert!((1..30).contains(&answered), "{answered} flushes: one for each file of 32 KiB");
}

#[test]
fn too_many_requests_are_not_held() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    let batch = writer.batch(&[1]);
    let mut requests = 1;
    while hold(&mut rig, batch.clone(), requests).is_none() {
        requests += 1;
        assert!(requests <= 2000, "{requests} requests are held");
    }
    assert_eq!(rig.mark(0).scl_flushed, writer.end().0);
}

#[test]
fn when_the_fsync_fails_nothing_held_is_acknowledged_ever() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1]));
    let acked = writer.end();
    hold(&mut rig, writer.batch(&[1]), 1);
    rig.disk.fail_sync_after(0);
    assert_eq!(rig.send(writer.batch(&[1])).outcome(), AppendOutcome::Failed);
    assert_eq!(rig.send(Bytes::new()).outcome(), AppendOutcome::Failed);
    rig.node.tend().ok();
    assert_eq!((rig.status().state.as_str(), rig.mark(0).scl_flushed), ("failed", acked.0));
}

#[test]
fn a_full_disk_refuses_what_is_new_and_flushes_what_is_held() {
    let mut rig = fresh();
    let mut writer = Writer::new();
    rig.send(writer.batch(&[1]));
    rig.disk.set_room(Some(0));
    let mut outcomes = Vec::new();
    let mut held = Lsn::ZERO;
    while outcomes.last() != Some(&AppendOutcome::DiskFull) {
        held = writer.end();
        outcomes.extend(hold(&mut rig, writer.batch(&[1]), 1).map(|reply| reply.outcome()));
        // What the end of the file had flushed is told behind the refusal.
        outcomes.extend(rig.replies.lock().drain(..).map(|reply| reply.outcome()));
        outcomes.sort_unstable_by_key(|outcome| *outcome == AppendOutcome::DiskFull);
        assert!(held.0 < 1 << 20, "the disk is never full");
    }
    assert!(outcomes.contains(&AppendOutcome::Flushed), "{outcomes:?}");
    assert_eq!((rig.status().state.as_str(), rig.mark(0).scl_flushed), ("full", held.0));
}

#[tokio::test]
async fn nothing_stays_unflushed_for_long_though_nobody_asks() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let options = NodeOptions { log_file_bytes: 1 << 20, ..NodeOptions::new(NodeId(0), "a", "here") };
    let node = Node::open(Arc::new(RealDisk), dir.path(), options).expect("it is empty");
    let request = protocol::rpc::storage::CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config()) };
    node.create_volume(request).await.expect("an empty node takes a volume");
    let (replied, mut replies) = tokio::sync::mpsc::unbounded_channel();
    let on_reply = Arc::new(move |reply| drop(replied.send(reply)));
    let mut stream = node.append(on_reply).await.expect("a local stream opens");
    let mut writer = Writer::new();
    // By the log's thread, which takes the first file, and in flight.
    for sequence in 1..=3 {
        let batch = writer.batch(&[1]);
        let (volume, version) = (VOLUME, FORMAT_VERSION);
        let request = AppendRequest { volume, version, batch, sequence, flush_later: true, ..AppendRequest::default() };
        stream.send(request).expect("the stream is open");
        let reply = in_time(replies.recv()).await.expect("the node lives");
        assert_eq!((reply.outcome(), reply.marks[0].scl_flushed), (AppendOutcome::Flushed, writer.end().0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// F6, F7, F47: a loss of power at any write or fsync, with any sectors of what was not synced reaching the medium,
    /// while flushes are held at random.
    #[test]
    fn whatever_a_loss_of_power_keeps_nothing_acknowledged_is_lost(
        lives in prop::collection::vec((prop::collection::vec(any::<bool>(), 1..30), 0u64..40, any::<u64>()), 1..5),
    ) {
        let mut rig = fresh();
        let mut writer = Writer::new();
        let mut acked = Lsn::ZERO;
        for (batches, fail_after, sectors) in lives {
            match sectors % 3 {
                0 => rig.disk.fail_write_after(fail_after),
                1 => rig.disk.cut_sync_after(fail_after),
                _ => {}
            }
            for (n, held) in batches.into_iter().enumerate() {
                let pages: Vec<u64> = (0..1 + n as u64 % 9).map(|page| page * 5).collect();
                let batch = writer.batch(&pages);
                let reply = if held { hold(&mut rig, batch, 0) } else { Some(rig.send(batch)) };
                if let Some(reply) = reply {
                    if reply.outcome() != AppendOutcome::Flushed {
                        break;
                    }
                    prop_assert_eq!(reply.marks[0].scl_flushed, writer.end().0);
                    acked = writer.end();
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
            prop_assert!(rig.prepare(Ballot::ZERO).hydrated, "what was held and is gone is no loss");
            let lost: Vec<_> = writer.records.iter().filter(|(record, _)| record.header.lsn > scl).collect();
            if let Some((first, _)) = lost.first() {
                // The writer resends what it has no acknowledgement for.
                prop_assert_eq!(first.header.prev_group, scl);
                let resent: Vec<_> = lost.iter().map(|(record, _)| record.clone()).collect();
                prop_assert_eq!(rig.send(encode(&resent, Ballot::ZERO)).outcome(), AppendOutcome::Flushed);
            }
            acked = writer.end();
            rig.check_pages(&writer, 0..45, &[acked]);
        }
    }
}
