//! Rounds that no thread waits for: what counts when, what gathers meanwhile, and what a loss of power takes.

#[expect(unused, reason = "each test file uses a part of it")]
mod node_support;

use bytes::Bytes;
use futures::FutureExt;
use node_support::*;
use proptest::prelude::*;
use protocol::node::StorageNode;
use protocol::rpc::storage::{AppendOutcome, AppendReply, AppendRequest, PrepareRequest};
use protocol::{Ballot, FORMAT_VERSION, Lsn};
use storage::node::{Mode, NodeOptions};
use storage::sim::{Loss, SimDisk};

/// A node that has a log file, on a disk whose writes end when the test says so.
fn flying(writer: &mut Writer) -> Rig {
    let disk = SimDisk::new();
    let mut rig = open(&disk, driven()).expect("the disk is sound");
    rig.create();
    rig.disk.let_begin();
    rig.send(writer.batch(&[1]));
    assert_eq!(rig.disk.begun(), 0, "a file is taken by who may wait");
    rig
}

fn driven() -> NodeOptions {
    NodeOptions { mode: Mode::Driven, ..options(0) }
}

fn send(rig: &mut Rig, batch: Bytes, sequence: u64) {
    let request = AppendRequest { sequence, ..rig.request(batch) };
    rig.stream.send(request).expect("the stream is open");
}

fn hold(rig: &mut Rig, batch: Bytes, sequence: u64) {
    let request = AppendRequest { sequence, flush_later: true, ..rig.request(batch) };
    rig.stream.send(request).expect("the stream is open");
}

/// What was answered since it was last asked.
fn replies(rig: &Rig) -> Vec<AppendReply> {
    std::mem::take(&mut rig.replies.lock())
}

/// Outcome, sequence and flushed mark of the only reply.
fn reply(rig: &Rig) -> (AppendOutcome, u64, u64) {
    let replies = replies(rig);
    assert_eq!(replies.len(), 1, "{replies:?}");
    (replies[0].outcome(), replies[0].sequence, replies[0].marks.first().map_or(0, |mark| mark.scl_flushed))
}

#[test]
fn what_arrives_while_a_round_is_in_flight_is_the_next_round() {
    let mut writer = Writer::new();
    let mut rig = flying(&mut writer);
    let (before, fsyncs) = (writer.end().0, rig.status().fsyncs);
    send(&mut rig, writer.batch(&[1]), 1);
    let first = writer.end().0;
    (2..=4).for_each(|sequence| send(&mut rig, writer.batch(&[sequence]), sequence));
    assert_eq!((rig.disk.begun(), replies(&rig).len()), (1, 0));
    assert_eq!((rig.mark(0).scl_received, rig.mark(0).scl_flushed), (before, before), "nothing counts before it lands");
    assert!(rig.disk.end(None));
    assert_eq!(reply(&rig), (AppendOutcome::Flushed, 1, first));
    assert_eq!(rig.disk.begun(), 1, "the rest flies together");
    assert!(rig.disk.end(None));
    assert_eq!(reply(&rig), (AppendOutcome::Flushed, 4, writer.end().0));
    assert_eq!((rig.disk.begun(), rig.status().fsyncs), (0, fsyncs + 2));
    let end = writer.end();
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), driven());
    rig.check_pages(&writer, 0..5, &[end]);
}

#[test]
fn several_that_are_sent_at_once_fly_together() {
    let mut writer = Writer::new();
    let mut rig = flying(&mut writer);
    let requests: Vec<AppendRequest> =
        (1..=3).map(|sequence| AppendRequest { sequence, ..rig.request(writer.batch(&[sequence])) }).collect();
    rig.stream.send_all(&mut requests.into_iter()).expect("the stream is open");
    assert!(rig.disk.end(None));
    assert_eq!(reply(&rig), (AppendOutcome::Flushed, 3, writer.end().0));
}

/// A durable write is that write's, and not what was written before it.
#[test]
fn what_is_held_is_fsynced_before_it_is_told() {
    let mut writer = Writer::new();
    let mut rig = flying(&mut writer);
    let flushed = writer.end().0;
    hold(&mut rig, writer.batch(&[1]), 1);
    assert!(rig.disk.end(None));
    assert_eq!((rig.mark(0).scl_received, rig.mark(0).scl_flushed), (writer.end().0, flushed));
    assert_eq!((rig.disk.begun(), replies(&rig).len()), (0, 0));
    send(&mut rig, writer.batch(&[2]), 2);
    assert!(rig.disk.end(None));
    assert_eq!((rig.mark(0).scl_received, rig.mark(0).scl_flushed), (writer.end().0, flushed));
    assert!(rig.disk.end(None));
    assert_eq!(reply(&rig), (AppendOutcome::Flushed, 2, writer.end().0));
    // Asked for without a batch, too.
    hold(&mut rig, writer.batch(&[1]), 3);
    assert!(rig.disk.end(None));
    send(&mut rig, Bytes::new(), 4);
    assert!(rig.disk.end(None));
    assert_eq!(reply(&rig), (AppendOutcome::Flushed, 4, writer.end().0));
    let end = writer.end();
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), driven());
    rig.check_pages(&writer, 0..5, &[end]);
}

#[test]
fn who_wants_to_know_of_the_write_is_told_before_the_fsync() {
    let mut writer = Writer::new();
    let mut rig = flying(&mut writer);
    let flushed = writer.end().0;
    let request = AppendRequest { want_received: true, sequence: 5, ..rig.request(writer.batch(&[1])) };
    rig.stream.send(request).expect("the stream is open");
    assert!(rig.disk.end(None));
    assert_eq!(reply(&rig), (AppendOutcome::Received, 5, flushed));
    assert!(rig.disk.end(None));
    assert_eq!(reply(&rig), (AppendOutcome::Flushed, 5, writer.end().0));
}

#[test]
fn a_promise_waits_for_what_is_in_flight_and_fences_what_came_after_it() {
    let mut writer = Writer::new();
    let mut rig = flying(&mut writer);
    send(&mut rig, writer.batch(&[1]), 1);
    let flown = writer.end().0;
    let ballot = Ballot::new(1, 1);
    let request =
        PrepareRequest { volume: VOLUME, version: FORMAT_VERSION, ballot: ballot.0, ..PrepareRequest::default() };
    let node = rig.node.clone();
    let mut prepare = node.prepare(request);
    assert!((&mut prepare).now_or_never().is_none(), "something is in flight");
    send(&mut rig, writer.batch(&[2]), 2);
    assert!(rig.disk.end(None));
    let promise = prepare.now_or_never().expect("it has landed").expect("a node promises");
    assert_eq!((promise.promised, promise.segments[0].scl), (true, flown));
    let replies = replies(&rig);
    let told = |reply: &AppendReply| (reply.outcome(), reply.sequence, reply.promised);
    assert_eq!(told(&replies[0]), (AppendOutcome::Flushed, 1, 0), "told before the promise");
    assert_eq!(told(&replies[1]), (AppendOutcome::Fenced, 2, ballot.0));
    assert_eq!((replies.len(), rig.disk.begun()), (2, 0));
}

#[test]
fn what_is_held_already_is_compared_by_who_may_wait() {
    let mut writer = Writer::new();
    let mut rig = flying(&mut writer);
    let batch = writer.batch(&[1]);
    send(&mut rig, batch.clone(), 1);
    assert!(rig.disk.end(None));
    assert_eq!(reply(&rig).1, 1);
    // Between two that may fly: it takes its turn.
    send(&mut rig, writer.batch(&[2]), 2);
    send(&mut rig, batch, 3);
    send(&mut rig, writer.batch(&[3]), 4);
    assert!(rig.disk.end(None));
    let told: Vec<u64> = replies(&rig).iter().map(|reply| reply.sequence).collect();
    assert_eq!((told, rig.disk.begun()), (vec![2, 4], 0));
}

#[test]
fn a_round_that_cannot_be_written_is_refused_or_the_last() {
    for (error, outcome) in [(libc::ENOSPC, AppendOutcome::DiskFull), (libc::EIO, AppendOutcome::Failed)] {
        for held in [false, true] {
            let mut writer = Writer::new();
            let mut rig = flying(&mut writer);
            let acked = writer.end().0;
            let batch = writer.batch(&[1]);
            if held {
                hold(&mut rig, batch.clone(), 1)
            } else {
                send(&mut rig, batch.clone(), 1)
            }
            assert!(rig.disk.end(Some(error)));
            assert_eq!(replies(&rig).iter().map(AppendReply::outcome).collect::<Vec<_>>(), [outcome]);
            assert_eq!((rig.mark(0).scl_received, rig.mark(0).scl_flushed), (acked, acked));
            send(&mut rig, batch, 2);
            if outcome == AppendOutcome::Failed {
                assert_eq!(reply(&rig).0, AppendOutcome::Failed, "nothing is acknowledged any more");
            } else {
                assert!(rig.disk.end(None));
                let end = writer.end();
                assert_eq!(reply(&rig), (AppendOutcome::Flushed, 2, end.0), "there is room again");
                let rig = rig.restart(|disk| disk.crash(Loss::Everything), driven());
                rig.check_pages(&writer, 0..5, &[end]);
            }
        }
    }
}

#[test]
fn an_fsync_in_flight_that_fails_is_final_whatever_it_says() {
    for error in [libc::EIO, libc::EINVAL, libc::EAGAIN, libc::ENOSPC] {
        let mut writer = Writer::new();
        let mut rig = flying(&mut writer);
        let acked = writer.end().0;
        hold(&mut rig, writer.batch(&[1]), 1);
        assert!(rig.disk.end(None));
        send(&mut rig, writer.batch(&[1]), 2);
        assert!(rig.disk.end(None));
        assert!(rig.disk.end(Some(error)));
        assert_eq!(reply(&rig).0, AppendOutcome::Failed);
        send(&mut rig, Bytes::new(), 3);
        assert_eq!(reply(&rig).0, AppendOutcome::Failed);
        assert_eq!((rig.status().state.as_str(), rig.mark(0).scl_flushed), ("failed", acked));
    }
}

#[test]
fn what_the_disk_cannot_do_in_flight_is_done_by_who_waits() {
    for (error, is_held) in [(libc::EINVAL, false), (libc::EINTR, true), (libc::EAGAIN, true)] {
        let mut writer = Writer::new();
        let mut rig = flying(&mut writer);
        if is_held {
            hold(&mut rig, writer.batch(&[1]), 1);
            assert!(rig.disk.end(None));
        }
        send(&mut rig, writer.batch(&[2]), 2);
        assert!(rig.disk.end(Some(error)));
        assert_eq!((reply(&rig), rig.disk.begun()), ((AppendOutcome::Flushed, 2, writer.end().0), 0));
        let end = writer.end();
        let rig = rig.restart(|disk| disk.crash(Loss::Everything), driven());
        rig.check_pages(&writer, 0..5, &[end]);
    }
}

#[test]
fn a_file_that_is_full_is_left_on_the_ground() {
    let mut writer = Writer::new();
    let mut rig = flying(&mut writer);
    // Several files of 32 KiB.
    for sequence in 1..=900 {
        send(&mut rig, writer.batch(&[sequence % 60]), sequence);
        while rig.disk.end(None) {}
        assert_eq!(reply(&rig), (AppendOutcome::Flushed, sequence, writer.end().0));
    }
    let end = writer.end();
    let rig = rig.restart(|disk| disk.crash(Loss::Everything), driven());
    rig.check_pages(&writer, 0..60, &[end]);
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
    Send { held: bool, received: bool },
    Ask,
    End(Option<i32>),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (any::<bool>(), any::<bool>()).prop_map(|(held, received)| Event::Send { held, received }),
        2 => Just(Event::Ask),
        6 => Just(Event::End(None)),
        1 => Just(Event::End(Some(libc::ENOSPC))),
        1 => Just(Event::End(Some(libc::EINVAL))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A loss of power at any moment, with any sectors of what was not made durable reaching the medium.
    #[test]
    fn whatever_is_in_flight_when_power_is_lost_nothing_acknowledged_is_lost(
        lives in prop::collection::vec((prop::collection::vec(event(), 1..40), 0u64..40, any::<u64>()), 1..5),
    ) {
        let mut writer = Writer::new();
        let mut rig = flying(&mut writer);
        let mut acked = writer.end();
        for (events, fail_after, sectors) in lives {
            match sectors % 4 {
                0 => rig.disk.fail_write_after(fail_after),
                1 => rig.disk.cut_sync_after(fail_after),
                2 => rig.disk.fail_sync_after(fail_after),
                _ => {}
            }
            for (n, event) in events.into_iter().enumerate() {
                match event {
                    Event::Send { held, received } => {
                        let pages: Vec<u64> = (0..1 + n as u64 % 9).map(|page| page * 5).collect();
                        let batch = writer.batch(&pages);
                        let request = AppendRequest {
                            flush_later: held, want_received: received, sequence: n as u64, ..rig.request(batch)
                        };
                        rig.stream.send(request).expect("the stream is open");
                    }
                    Event::Ask => send(&mut rig, Bytes::new(), n as u64),
                    Event::End(error) => drop(rig.disk.end(error)),
                }
                for reply in replies(&rig) {
                    for mark in &reply.marks {
                        prop_assert!(mark.scl_flushed <= mark.scl_received && mark.scl_received <= writer.end().0);
                        acked = acked.max(Lsn(mark.scl_flushed));
                    }
                }
                // Also to a recovery.
                acked = acked.max(Lsn(rig.mark(0).scl_flushed));
            }
            let mut bits = sectors;
            let mut keep = |_| {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                bits >> 63 == 0
            };
            rig = rig.restart(|disk| disk.crash(Loss::Sectors(&mut keep)), driven());
            let scl = Lsn(rig.mark(0).scl_flushed);
            prop_assert!(scl >= acked, "{scl} after {acked} was acknowledged");
            prop_assert!(rig.prepare(Ballot::ZERO).hydrated, "what was held and is gone is no loss");
            let lost: Vec<_> = writer.records.iter().filter(|(record, _)| record.header.lsn > scl).collect();
            if let Some((first, _)) = lost.first() {
                // The writer resends what it has no acknowledgement for.
                prop_assert_eq!(first.header.prev_group, scl);
                let resent: Vec<_> = lost.iter().map(|(record, _)| record.clone()).collect();
                send(&mut rig, encode(&resent, Ballot::ZERO), 0);
                while rig.disk.end(None) {}
                prop_assert_eq!(reply(&rig).0, AppendOutcome::Flushed);
            }
            acked = writer.end();
            rig.check_pages(&writer, 0..45, &[acked]);
        }
    }
}
