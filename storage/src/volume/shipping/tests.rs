//! Who is sent what, with nodes that are slow, late, gone, full, or behind a hole.

use super::super::tracker::{Mark, Outstanding};
use super::*;
use protocol::BootId;

const G: GroupId = GroupId(0);
const ZONES: [&str; COPIES] = ["a", "a", "b", "b", "c", "c"];
const ALL: [usize; COPIES] = [0, 1, 2, 3, 4, 5];

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn batch(after: u64, last: u64) -> Sealed {
    Sealed { group: G, after: Lsn(after), last: Lsn(last), bytes: Bytes::from(last.to_string()) }
}

/// One that no node waits for.
fn large(after: u64, last: u64) -> Sealed {
    Sealed { bytes: Bytes::from(vec![0; REST_BYTES_MAX]), ..batch(after, last) }
}

fn ack(tracker: &mut Tracker, node: usize, scl: u64) {
    tracker.ack(node, BootId(1), [Mark { group: G, received: Lsn(scl), flushed: Lsn(scl) }]);
}

fn world(up: &[usize]) -> (Shipping, Tracker) {
    let mut tracker = Tracker::new(Lsn::ZERO, &[]);
    for lsn in (10..=2000).step_by(10) {
        tracker.append(Outstanding { lsn: Lsn(lsn), group: G, end_of_mtr: true });
    }
    let mut shipping = Shipping::new(ms(0), ZONES);
    for &node in up {
        let generation = shipping.on_connecting(node);
        shipping.on_up(node, generation, ms(0), ms(0), &tracker);
    }
    (shipping, tracker)
}

fn sent(group: Option<Group>) -> Vec<Bytes> {
    group.map_or(Vec::new(), |group| group.batches)
}

/// Sends what there is to send and returns who has to flush at once and who may wait.
fn send(shipping: &mut Shipping, now: Duration, tracker: &Tracker) -> (Vec<usize>, Vec<usize>) {
    assert_eq!(shipping.on_time(now), [0; 0]);
    let groups: Vec<Group> = ALL.iter().filter_map(|&node| shipping.next_group(node, now, tracker)).collect();
    let nodes = |held| groups.iter().filter(|group| group.held == held).map(|group| group.node).collect();
    (nodes(false), nodes(true))
}

#[test]
fn nothing_that_the_node_before_told_counts_for_its_successor() {
    let (mut shipping, tracker) = world(&ALL);
    shipping.push([batch(0, 10)], ms(0));
    send(&mut shipping, ms(0), &tracker);
    let generation = shipping.links[5].generation;
    assert!(shipping.is_current(5, generation));
    let next = shipping.reseat(5, ms(7));
    assert!(!shipping.is_current(5, generation) && shipping.is_current(5, next));
    shipping.on_up(5, generation, ms(8), ms(8), &tracker);
    assert!(!shipping.takes(5, ms(8)), "nor does a stream that was on its way to the one before");
    shipping.on_up(5, next, ms(9), ms(9), &tracker);
    assert!(shipping.takes(5, ms(9)));
    assert_eq!(sent(shipping.next_group(5, ms(9), &tracker)), ["10"], "it has nothing, and is sent all");
}

#[test]
fn one_group_is_in_flight_and_the_next_gathers() {
    let (mut shipping, mut tracker) = world(&ALL);
    assert!(shipping.is_ready(ms(0)));
    shipping.push([batch(0, 10)], ms(0));
    assert_eq!(send(&mut shipping, ms(0), &tracker), (vec![0, 1, 2, 4], vec![]));
    shipping.push([batch(10, 20)], ms(0));
    assert_eq!(send(&mut shipping, ms(0), &tracker), (vec![], vec![]));
    for node in [0, 1, 2, 4] {
        assert!(!shipping.is_ready(ms(1)));
        ack(&mut tracker, node, 10);
        assert!(shipping.on_flushed(node, 1, ms(1), &tracker));
    }
    assert!(shipping.is_ready(ms(1)));
    shipping.push([batch(20, 30)], ms(1));
    assert_eq!(sent(shipping.next_group(0, ms(1), &tracker)), ["20", "30"]);
}

#[test]
fn a_group_has_no_more_batches_than_a_stream_takes() {
    let (mut shipping, mut tracker) = world(&ALL);
    let (most, more) = (GROUP_BATCHES_MAX as u64, 10);
    for lsn in (2010..=(most + more) * 10).step_by(10) {
        tracker.append(Outstanding { lsn: Lsn(lsn), group: G, end_of_mtr: true });
    }
    shipping.push((0..most + more).map(|n| batch(n * 10, n * 10 + 10)), ms(0));
    assert_eq!(sent(shipping.next_group(0, ms(0), &tracker)).len() as u64, most);
    assert!(shipping.is_behind(0));
    ack(&mut tracker, 0, most * 10);
    assert!(shipping.on_flushed(0, most, ms(1), &tracker));
    assert_eq!(sent(shipping.next_group(0, ms(1), &tracker)).len() as u64, more);
}

#[test]
fn a_group_costs_four_flushes_and_everyone_flushes_everything() {
    let (mut shipping, mut tracker) = world(&ALL);
    let (mut flushes, mut flushed) = (0, [0; COPIES]);
    for group in 1..=200u64 {
        let now = Duration::from_micros(300 * group);
        assert!(shipping.is_ready(now));
        shipping.push([batch(group * 10 - 10, group * 10)], now);
        let (at_once, later) = send(&mut shipping, now, &tracker);
        assert_eq!((at_once.len(), later.len()), (4, 0), "group {group}");
        flushes += at_once.len();
        for node in at_once {
            ack(&mut tracker, node, group * 10);
            assert!(shipping.on_flushed(node, shipping.links[node].sequence, now, &tracker));
            flushed[node] = group;
        }
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(group * 10));
        assert!(flushed.iter().all(|&flushed| group - flushed <= HELD_GROUPS_MAX as u64), "{flushed:?} at {group}");
        shipping.forget(&tracker);
        assert!(shipping.batches.len() <= HELD_GROUPS_MAX);
    }
    assert_eq!(flushes, 4 * 200);
    for node in ALL {
        assert_eq!(shipping.links[node].sequence, flushed[node], "one message a group and node, no question");
    }
}

#[test]
fn a_node_that_rests_is_sent_what_it_lacks_when_nothing_new_comes() {
    let (mut shipping, mut tracker) = world(&ALL);
    for (group, at) in [(1, 0), (2, 3)] {
        shipping.push([batch(group * 10 - 10, group * 10)], ms(at));
        assert_eq!(send(&mut shipping, ms(at), &tracker), (vec![0, 1, 2, 4], vec![]));
        for node in [0, 1, 2, 4] {
            ack(&mut tracker, node, group * 10);
            assert!(shipping.on_flushed(node, group, ms(at), &tracker));
        }
    }
    let told = ms(3) + TELL_AFTER;
    assert_eq!(shipping.deadline(ms(3), &tracker), Some(told));
    assert_eq!(send(&mut shipping, told, &tracker), (vec![0, 1, 2, 4], vec![]), "they hear that it is durable");
    let until = ms(3) + REST_FOR;
    assert_eq!(shipping.deadline(told, &tracker), Some(until));
    assert!(shipping.next_group(3, until - ms(1), &tracker).is_none());
    let late = shipping.next_group(3, until, &tracker).expect("it lacks something");
    assert_eq!((late.batches.len(), late.held, late.asked, late.chosen), (2, false, false, false));
    assert!(!shipping.links[3].is_free(until), "it owes an ack for that");
    ack(&mut tracker, 3, 20);
    assert!(shipping.on_flushed(3, 2, until, &tracker));
}

#[test]
fn who_rests_is_heard_as_often_as_others() {
    let (mut shipping, mut tracker) = world(&ALL);
    let between = HEARTBEAT / 8;
    for group in 1..=8 {
        let now = between * group as u32;
        shipping.push([batch(group * 10 - 10, group * 10)], now);
        let (at_once, _) = send(&mut shipping, now, &tracker);
        assert_eq!(at_once.contains(&3), now == HEARTBEAT, "at {now:?}");
        for node in at_once {
            ack(&mut tracker, node, group * 10);
            shipping.on_flushed(node, shipping.links[node].sequence, now, &tracker);
        }
    }
}

#[test]
fn what_a_stream_has_missed_does_not_wait_for_its_turn() {
    let (mut shipping, mut tracker) = world(&[0, 1, 2, 4]);
    shipping.push([batch(0, 10)], ms(0));
    assert_eq!(send(&mut shipping, ms(0), &tracker).0, [0, 1, 2, 4]);
    for node in [0, 1, 2, 4] {
        ack(&mut tracker, node, 10);
        shipping.on_flushed(node, 1, ms(1), &tracker);
    }
    let generation = shipping.on_connecting(3);
    shipping.on_up(3, generation, ms(0), ms(1), &tracker);
    let missed = shipping.next_group(3, ms(1), &tracker).expect("it lacks something");
    assert!(missed.batches == ["10"] && missed.held);
    // Nor what was lost on its way.
    shipping.on_flushed(3, 1, ms(2), &tracker);
    assert_eq!(sent(shipping.next_group(3, ms(2), &tracker)), ["10"]);
    ack(&mut tracker, 3, 10);
    shipping.on_flushed(3, 2, ms(3), &tracker);
    shipping.push([batch(10, 20)], ms(3));
    assert_eq!(sent(shipping.next_group(3, ms(3), &tracker)), [""; 0], "from here on it rests");
}

#[test]
fn what_is_much_is_sent_at_once_and_flushed_later() {
    let (mut shipping, mut tracker) = world(&ALL);
    shipping.push([large(0, 10)], ms(0));
    assert_eq!(send(&mut shipping, ms(0), &tracker), (vec![0, 1, 2, 4], vec![3, 5]));
    for node in [0, 1, 2, 4] {
        ack(&mut tracker, node, 10);
        shipping.on_flushed(node, 1, ms(1), &tracker);
    }
    assert_eq!(shipping.deadline(ms(1), &tracker), Some(ms(5)));
    assert_eq!(send(&mut shipping, ms(4), &tracker), (vec![], vec![]));
    let idle = shipping.next_group(3, ms(5), &tracker).expect("it holds something");
    assert!(idle.batches.is_empty() && !idle.held && !idle.asked);
    shipping.push([batch(10, 20)], ms(5));
    assert!(shipping.next_group(5, ms(5), &tracker).is_none(), "and little is not much because that was");
    assert!(!shipping.links[3].is_free(ms(5)), "it owes an ack for that");
    ack(&mut tracker, 3, 10);
    assert!(shipping.on_flushed(3, 2, ms(6), &tracker));
}

#[test]
fn the_others_flush_too_when_one_of_the_four_is_late_or_gone() {
    for gone in [false, true] {
        let (mut shipping, mut tracker) = world(&ALL);
        shipping.push([batch(0, 10)], ms(0));
        assert_eq!(send(&mut shipping, ms(0), &tracker).0, [0, 1, 2, 4]);
        for node in [0, 1, 2] {
            ack(&mut tracker, node, 10);
            shipping.on_flushed(node, 1, ms(1), &tracker);
        }
        let now = if gone {
            assert!(shipping.on_down(4, shipping.links[4].generation));
            ms(1)
        } else {
            assert_eq!(shipping.deadline(ms(1), &tracker), Some(HASTE_MIN));
            HASTE_MIN
        };
        shipping.on_time(now);
        let helping = shipping.next_group(3, now, &tracker).expect("it is needed");
        assert!(helping.batches == ["10"] && !helping.held && helping.chosen);
        assert!(shipping.next_group(5, now, &tracker).is_none(), "four are enough");
        assert!(!shipping.is_ready(now));
        ack(&mut tracker, 3, 10);
        assert!(shipping.on_flushed(3, 1, now, &tracker));
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(10));
        assert!(shipping.is_ready(now), "the next group does not wait for it either");
    }
}

#[test]
fn four_nodes_or_fewer_all_flush_at_once() {
    for up in [&[0, 1, 2, 3][..], &[2, 3, 5]] {
        let (mut shipping, tracker) = world(up);
        assert!(shipping.is_ready(ms(0)));
        shipping.push([batch(0, 10)], ms(0));
        assert_eq!(send(&mut shipping, ms(0), &tracker), (up.to_vec(), vec![]));
    }
}

/// A node that takes some time for each flush, one after the other.
struct Slow {
    takes: Duration,
    /// Written, held or not.
    written: u64,
    /// When a flush ends, what it covers, and the message it answers.
    busy: Option<(Duration, u64, u64)>,
    asked_meanwhile: Option<u64>,
}

/// Groups one after the other over nodes with these flush times. Returns when each was flushed on four, from when it was
/// sealed, and how many batches were sent twice.
fn latencies(takes: [Duration; COPIES], groups: u64) -> (Vec<Duration>, usize, Shipping) {
    let (mut shipping, mut tracker) = world(&ALL);
    let mut nodes = takes.map(|takes| Slow { takes, written: 0, busy: None, asked_meanwhile: None });
    let (mut sealed_at, mut took, mut resent) = (Duration::ZERO, Vec::new(), 0);
    let mut last = 0;
    for step in 0..u64::MAX {
        let now = Duration::from_micros(100) * u32::try_from(step).expect("it ends before");
        for (at, node) in nodes.iter_mut().enumerate() {
            let Some((_, scl, sequence)) = node.busy.filter(|(end, ..)| *end <= now) else { continue };
            let asked = node.asked_meanwhile.take();
            // A flush is asked for, or only how far it is.
            let next = asked.filter(|_| node.written > scl);
            node.busy = next.map(|sequence| (now + node.takes, node.written, sequence));
            tracker.ack(at, BootId(1), [Mark { group: G, received: Lsn(node.written), flushed: Lsn(scl) }]);
            shipping.on_flushed(at, sequence, now, &tracker);
            if let Some(sequence) = asked.filter(|_| node.written == scl) {
                shipping.on_flushed(at, sequence, now, &tracker);
            }
            shipping.forget(&tracker);
        }
        if last > 0 && tracker.vdl(Level::Flushed) == Lsn(last) && took.len() as u64 == last / 10 - 1 {
            took.push(now - sealed_at);
            if took.len() as u64 == groups {
                return (took, resent, shipping);
            }
        }
        assert_eq!(shipping.on_time(now), [0; 0], "no stream is given up at {now:?}");
        if took.len() as u64 == last / 10 && shipping.is_ready(now) {
            sealed_at = now;
            last += 10;
            shipping.push([batch(last - 10, last)], now);
        }
        for (at, node) in nodes.iter_mut().enumerate() {
            let Some(group) = shipping.next_group(at, now, &tracker) else { continue };
            resent += group.resent;
            if !group.batches.is_empty() {
                node.written = last;
            }
            let sequence = group.first_sequence + (group.batches.len() as u64).saturating_sub(1);
            if group.held {
                continue;
            }
            match node.busy {
                None => node.busy = Some((now + node.takes, node.written, sequence)),
                Some(_) => node.asked_meanwhile = Some(sequence),
            }
        }
    }
    unreachable!("time does not end")
}

/// F1.
#[test]
fn commits_follow_the_fourth_best_when_nodes_are_ten_times_slower() {
    let (fast, slow) = (Duration::from_micros(500), ms(5));
    for slow_ones in [&[0][..], &[4], &[1, 2]] {
        let takes = std::array::from_fn(|node| if slow_ones.contains(&node) { slow } else { fast });
        let (took, resent, _) = latencies(takes, 190);
        assert!(took.iter().all(|took| *took <= HASTE_MIN + 2 * fast), "{slow_ones:?}: {took:?}");
        let late = took.iter().filter(|took| **took > 2 * fast).count();
        assert!(late <= 10 * slow_ones.len(), "{late} with {slow_ones:?}");
        assert_eq!(resent, 0);
    }
}

/// However slow a node is, it is sent everything once, and its stream is kept.
#[test]
fn a_node_that_is_always_slow_is_never_sent_the_same_bytes_twice() {
    let fast = Duration::from_micros(500);
    for millis in [60, 400, 1900] {
        let takes = [fast, fast, ms(millis), fast, fast, fast];
        let (_, resent, shipping) = latencies(takes, 190);
        assert_eq!(resent, 0, "{millis} ms");
        assert_eq!(shipping.links[2].generation, 1);
    }
    // Also when there is no other to take its place.
    let takes = [ms(400); COPIES];
    let (took, resent, shipping) = latencies(takes, 30);
    assert_eq!(resent, 0);
    assert!(took[20..].iter().all(|took| *took <= ms(401)), "{took:?}");
    let questions: u64 = shipping.links.iter().map(|link| link.sequence).sum::<u64>() - 30 * COPIES as u64;
    assert!(questions <= 100, "{questions} questions: its time is known before long");
}

#[test]
fn patience_with_a_silent_stream_doubles_and_an_ack_ends_that() {
    let (mut shipping, mut tracker) = world(&[0]);
    shipping.push([batch(0, 10)], ms(0));
    let mut now = ms(0);
    for doubled in [2, 4, 8, 16, 32, 64, 64] {
        assert_eq!(send(&mut shipping, now, &tracker).0, [0]);
        let until = now + Duration::from_secs(doubled);
        assert_eq!(shipping.on_time(until - ms(1)), [0; 0]);
        assert_eq!(shipping.on_time(until), [0]);
        assert!(!shipping.is_up(0));
        now = until;
        let generation = shipping.on_connecting(0);
        shipping.on_up(0, generation, now, now, &tracker);
    }
    assert_eq!(send(&mut shipping, now, &tracker).0, [0]);
    ack(&mut tracker, 0, 10);
    assert!(shipping.on_flushed(0, 1, now + Duration::from_secs(30), &tracker));
    let usual = Duration::from_secs(30);
    shipping.push([batch(10, 20)], now + usual);
    assert_eq!(send(&mut shipping, now + usual, &tracker).0, [0]);
    assert_eq!(shipping.on_time(now + usual + usual * REOPEN_FACTOR - ms(1)), [0; 0], "its pace is known");
    assert_eq!(shipping.on_time(now + usual + usual * REOPEN_FACTOR), [0]);
}

#[test]
fn a_late_ack_is_asked_for_and_nothing_is_sent_again() {
    let (mut shipping, mut tracker) = world(&[0]);
    shipping.push([batch(0, 10)], ms(0));
    assert_eq!(sent(shipping.next_group(0, ms(0), &tracker)), ["10"]);
    let mut asked_at = Vec::new();
    for now in (1..=400).map(ms) {
        assert_eq!(shipping.on_time(now), [0; 0]);
        if let Some(question) = shipping.next_group(0, now, &tracker) {
            assert!(question.batches.is_empty() && !question.held && question.asked);
            asked_at.push(now);
        }
    }
    assert_eq!(asked_at, [50, 150, 350].map(ms));
    // The answer to a question says that the batch was lost on its way.
    assert!(shipping.on_flushed(0, 4, ms(400), &tracker));
    let again = shipping.next_group(0, ms(400), &tracker).expect("it lacks it");
    assert_eq!((again.batches.len(), again.resent, again.first_sequence), (1, 1, 5));
    ack(&mut tracker, 0, 10);
    assert!(shipping.on_flushed(0, 5, ms(401), &tracker));
    assert!(shipping.next_group(0, ms(402), &tracker).is_none());
}

#[test]
fn a_gap_is_filled_from_the_first_batch_that_fits() {
    let (mut shipping, mut tracker) = world(&[0]);
    shipping.push([batch(0, 10), batch(10, 20), batch(20, 30)], ms(0));
    assert_eq!(sent(shipping.next_group(0, ms(0), &tracker)).len(), 3);
    // The first two were lost: the third is held behind a gap and the SCL stays.
    ack(&mut tracker, 0, 0);
    assert!(shipping.on_flushed(0, 3, ms(1), &tracker));
    assert_eq!(sent(shipping.next_group(0, ms(1), &tracker)), ["10", "20", "30"]);
    // And the first once more.
    assert!(shipping.on_flushed(0, 6, ms(2), &tracker));
    assert_eq!(sent(shipping.next_group(0, ms(2), &tracker)), ["10", "20", "30"]);
}

#[test]
fn a_refusal_is_heeded_once_and_what_was_held_is_sent_again_too() {
    let (mut shipping, mut tracker) = world(&ALL);
    for group in 1..=3 {
        shipping.push([large(group * 10 - 10, group * 10)], ms(0));
        assert!(shipping.next_group(3, ms(0), &tracker).is_some_and(|group| group.held && group.batches.len() == 1));
    }
    ack(&mut tracker, 3, 10);
    assert!(!shipping.on_refused(3, 2, Refusal::Pause, ms(1), &tracker));
    assert!(!shipping.on_refused(3, 3, Refusal::Pause, ms(300), &tracker), "its disk was full then, too");
    assert!(shipping.next_group(3, ms(500), &tracker).is_none());
    assert!(shipping.next_group(3, ms(501), &tracker).is_some_and(|group| group.resent == 2));
    assert!(shipping.on_refused(3, 5, Refusal::Reopen, ms(502), &tracker));
    assert!(!shipping.on_refused(3, 6, Refusal::Reopen, ms(502), &tracker));
}

#[test]
fn who_refuses_on_every_new_stream_is_left_alone_for_longer_and_longer() {
    let (mut shipping, mut tracker) = world(&[0]);
    shipping.push([batch(0, 10)], ms(0));
    let mut now = ms(0);
    for pause in [0, 25, 50, 100, 200, 400, 800, 800] {
        let group = shipping.next_group(0, now, &tracker).expect("its pause is over");
        assert!(shipping.on_refused(0, group.first_sequence, Refusal::Reopen, now, &tracker));
        let generation = shipping.on_connecting(0);
        shipping.on_up(0, generation, now, now, &tracker);
        if pause > 0 {
            let before = now + ms(pause) - Duration::from_micros(1);
            assert!(shipping.next_group(0, before, &tracker).is_none(), "{pause} ms");
            assert_eq!(shipping.deadline(now, &tracker), Some(now + ms(pause)));
        }
        now += ms(pause);
    }
    assert_eq!(sent(shipping.next_group(0, now, &tracker)), ["10"]);
    ack(&mut tracker, 0, 10);
    shipping.on_flushed(0, 1, now, &tracker);
    assert_eq!(shipping.links[0].refused, 0, "it takes them again");
}

#[test]
fn the_census_tells_full_silent_and_absent_nodes_apart() {
    let (mut shipping, mut tracker) = world(&[0, 1, 2, 3, 4]);
    assert_eq!(shipping.census(ms(0)), Census { taking: 5, down: 1, ..Census::default() });
    shipping.push([batch(0, 10)], ms(0));
    assert_eq!(send(&mut shipping, ms(0), &tracker).0.len(), 4);
    shipping.on_refused(0, 1, Refusal::Full, ms(1), &tracker);
    shipping.on_refused(1, 1, Refusal::Pause, ms(1), &tracker);
    ack(&mut tracker, 2, 10);
    shipping.on_flushed(2, 1, ms(1), &tracker);
    let later = ms(1) + SILENT_MIN;
    let census = shipping.census(later);
    assert_eq!(census, Census { taking: 3, full: 1, silent: 1, down: 1, incomplete: 0 });
    assert!(!census.is_quorum());
    assert_eq!(census.to_string(), "3 of 6 storage nodes take writes, 4 are needed; 1 full; 1 silent; 1 down");
    // It takes something again: it is full no more.
    send(&mut shipping, later, &tracker);
    assert_eq!(shipping.census(later).full, 1, "as far as is known");
    ack(&mut tracker, 0, 10);
    shipping.on_flushed(0, 2, later, &tracker);
    assert_eq!(shipping.census(later).full, 0);
}

#[test]
fn a_hole_below_the_queue_is_left_to_gossip() {
    let (mut shipping, mut tracker) = world(&[0, 1, 2, 3]);
    shipping.bytes = KEPT_BYTES_MAX + 1;
    shipping.push([batch(0, 10), batch(10, 20)], ms(0));
    for node in 0..4 {
        ack(&mut tracker, node, 10);
    }
    shipping.forget(&tracker);
    let generation = shipping.on_connecting(5);
    shipping.on_up(5, generation, ms(0), ms(0), &tracker);
    assert_eq!(sent(shipping.next_group(5, ms(0), &tracker)), [""; 0], "20 does not follow 0");
    shipping.push([batch(20, 30)], ms(0));
    assert_eq!(sent(shipping.next_group(5, REST_FOR, &tracker)), ["30"], "what is new is sent all the same");
    ack(&mut tracker, 5, 0);
    shipping.on_flushed(5, 1, REST_FOR, &tracker);
    assert_eq!(sent(shipping.next_group(5, REST_FOR, &tracker)), [""; 0], "and not again and again");
}

/// The queue begins behind 20, which node 4 lacks: it acks at once, and holds what comes behind a gap.
fn world_with_a_hole() -> (Shipping, Tracker) {
    let (mut shipping, mut tracker) = world(&[0, 1, 2, 3]);
    shipping.bytes = KEPT_BYTES_MAX + 1;
    shipping.push([batch(0, 10), batch(10, 20)], ms(0));
    assert_eq!(send(&mut shipping, ms(0), &tracker).0.len(), 4);
    for node in 0..4 {
        ack(&mut tracker, node, 20);
        shipping.on_flushed(node, 2, ms(0), &tracker);
    }
    shipping.forget(&tracker);
    shipping.bytes = 0;
    assert_eq!(shipping.batches.len(), 0);
    let generation = shipping.on_connecting(4);
    shipping.on_up(4, generation, ms(0), ms(0), &tracker);
    let generation = shipping.on_connecting(5);
    ack(&mut tracker, 5, 20);
    shipping.on_up(5, generation, ms(0), ms(0), &tracker);
    shipping.push([batch(20, 30)], ms(0));
    for node in ALL {
        assert_eq!(sent(shipping.next_group(node, REST_FOR, &tracker)), ["30"]);
        let had = if node == 4 { 0 } else { 30 };
        ack(&mut tracker, node, had);
        shipping.on_flushed(node, shipping.links[node].sequence, ms(21), &tracker);
    }
    assert_eq!(sent(shipping.next_group(4, ms(21), &tracker)), [""; 0], "nothing that could be resent fits");
    (shipping, tracker)
}

#[test]
fn who_lacks_what_came_before_is_not_one_of_the_four_until_it_has_it() {
    let (mut shipping, mut tracker) = world_with_a_hole();
    let census = shipping.census(ms(21));
    assert_eq!((census.taking, census.incomplete), (5, 1));
    assert!(census.to_string().contains("1 incomplete") && !shipping.takes(4, ms(21)) && shipping.takes(5, ms(21)));
    let (mut last, mut portions) = (30, 0);
    // In whichever window.
    for _ in 0..3 * HELD_GROUPS_MAX {
        shipping.push([batch(last, last + 10)], ms(21));
        last += 10;
        let (at_once, _) = send(&mut shipping, ms(21), &tracker);
        let counting = at_once.iter().filter(|&&node| node != 4).count();
        assert_eq!(counting, WRITE_QUORUM, "{at_once:?} flush at once");
        portions += usize::from(at_once.contains(&4));
        for node in at_once {
            ack(&mut tracker, node, if node == 4 { 0 } else { last });
            shipping.on_flushed(node, shipping.links[node].sequence, ms(21), &tracker);
        }
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(last));
    }
    assert_eq!(portions, 2, "its turn never comes, and still it does not rest for longer than a window");
    // Gossip brings it, in two parts. It is asked for that, though it always has something to do.
    let mut now = ms(21);
    for (scl, incomplete) in [(10, 1), (last, 0)] {
        now += HEARTBEAT;
        shipping.push([batch(last, last + 10)], now);
        last += 10;
        now += REST_FOR;
        let question = shipping.next_group(4, now, &tracker).expect("it is time");
        assert!(question.batches.is_empty());
        ack(&mut tracker, 4, scl);
        shipping.on_flushed(4, question.first_sequence, now, &tracker);
        assert!(!sent(shipping.next_group(4, now, &tracker)).is_empty(), "and sent what is new");
        shipping.on_flushed(4, shipping.links[4].sequence, now, &tracker);
        assert_eq!(shipping.census(now).incomplete, incomplete, "at {scl}");
    }
    assert!(shipping.takes(4, now));
}

#[test]
fn who_is_being_replaced_or_has_lost_redo_is_not_one_of_the_four() {
    let (mut shipping, mut tracker) = world(&ALL);
    tracker.set_leaving(1, true);
    shipping.set_counting(tracker.counting());
    assert_eq!((shipping.census(ms(0)).taking, shipping.takes(1, ms(0))), (5, false));
    for group in 1..=3 * HELD_GROUPS_MAX as u64 {
        assert!(shipping.is_ready(ms(0)));
        shipping.push([batch(group * 10 - 10, group * 10)], ms(0));
        let (at_once, _) = send(&mut shipping, ms(0), &tracker);
        assert_eq!(at_once.iter().filter(|&&node| node != 1).count(), WRITE_QUORUM, "{at_once:?}");
        for node in at_once {
            ack(&mut tracker, node, group * 10);
            shipping.on_flushed(node, shipping.links[node].sequence, ms(0), &tracker);
        }
        assert_eq!(tracker.vdl(Level::Flushed), Lsn(group * 10));
    }
    // With two more gone it is sent what it is sent, and nothing is durable by it.
    tracker.set_leaving(1, false);
    tracker.ack(3, BootId(2), [Mark { group: G, received: Lsn(0), flushed: Lsn(0) }]);
    assert_eq!(tracker.counting(), [true, true, true, false, true, true]);
}

#[test]
fn a_hole_of_one_group_does_not_keep_another_from_being_sent_again() {
    let (mut shipping, mut tracker) = world_with_a_hole();
    let other = |after: u64, last: u64| Sealed { group: GroupId(7), ..batch(after, last) };
    shipping.push([batch(30, 40), other(0, 45)], ms(1));
    assert_eq!(sent(shipping.next_group(4, ms(21), &tracker)), ["40", "45"]);
    let sequence = shipping.links[4].sequence;
    assert!(!shipping.on_refused(4, sequence, Refusal::Full, ms(21), &tracker));
    let later = ms(21) + PAUSE;
    assert_eq!(sent(shipping.next_group(4, later, &tracker)), [""; 0], "it is asked for what it has");
    assert_eq!(sent(shipping.next_group(4, later, &tracker)), ["45"], "what fits, as soon as there is room");
    // Lost on its way: a gap in the other group.
    ack(&mut tracker, 4, 0);
    shipping.on_flushed(4, shipping.links[4].sequence, later, &tracker);
    assert_eq!(sent(shipping.next_group(4, later, &tracker)), ["45"]);
}

#[test]
fn batches_stay_until_four_have_flushed_them_however_many_they_are() {
    let (mut shipping, mut tracker) = world(&[0, 1, 2, 3]);
    shipping.bytes = KEPT_BYTES_MAX + 1;
    shipping.push([batch(0, 10)], ms(0));
    for node in 0..3 {
        ack(&mut tracker, node, 10);
    }
    // What is received and not flushed does not count.
    tracker.ack(3, BootId(1), [Mark { group: G, received: Lsn(10), flushed: Lsn(0) }]);
    shipping.forget(&tracker);
    assert_eq!(shipping.batches.len(), 1);
    ack(&mut tracker, 3, 10);
    shipping.forget(&tracker);
    assert_eq!(shipping.batches.len(), 0);
}

#[test]
fn replies_of_an_older_stream_do_not_count() {
    let (mut shipping, tracker) = world(&[0]);
    let old = shipping.links[0].generation;
    let new = shipping.on_connecting(0);
    assert!(!shipping.is_current(0, old) && shipping.is_current(0, new));
    assert!(!shipping.on_down(0, old));
    shipping.on_up(0, old, ms(0), ms(0), &tracker);
    assert!(!shipping.is_up(0));
}

#[test]
fn an_idle_node_hears_the_last_vdl_and_then_seldom() {
    let (mut shipping, mut tracker) = world(&[0]);
    for node in 0..4 {
        ack(&mut tracker, node, 40);
    }
    assert!(shipping.next_group(0, ms(4), &tracker).is_none());
    assert!(shipping.next_group(0, ms(5), &tracker).is_some_and(|group| group.batches.is_empty()));
    assert!(shipping.next_group(0, ms(104), &tracker).is_none());
    assert!(shipping.next_group(0, ms(105), &tracker).is_some());
}

#[test]
fn a_quorum_is_heard_as_of_the_third_question_that_was_answered() {
    let (mut shipping, tracker) = world(&[]);
    for (node, at) in [(0, 10), (1, 20), (2, 30), (3, 40)] {
        let generation = shipping.on_connecting(node);
        shipping.on_up(node, generation, ms(at), ms(40), &tracker);
    }
    assert_eq!(shipping.heard_by_quorum_at(), ms(20));
    for at in [140, 240] {
        assert!(shipping.next_group(0, ms(at), &tracker).is_some_and(|heartbeat| heartbeat.batches.is_empty()));
    }
    // However late it is now: the reply says what was so when the first question was under way.
    shipping.on_flushed(0, 1, ms(9000), &tracker);
    assert_eq!(shipping.heard_by_quorum_at(), ms(30));
    assert_eq!(shipping.links[0].heard_at, ms(140));
    assert!(shipping.next_group(0, ms(9000), &tracker).is_some());
    shipping.on_heard(0, 2);
    assert_eq!(shipping.links[0].heard_at, ms(140), "that was asked for before");
    shipping.on_heard(0, 3);
    assert_eq!(shipping.links[0].heard_at, ms(9000));
}

/// The four receive a group and hold its flush; says which of them that frees.
fn receive(shipping: &mut Shipping, tracker: &mut Tracker, sequence: u64, scl: u64) -> Vec<usize> {
    let freed = ALL.into_iter().filter(|&node| {
        tracker.ack(node, BootId(1), [Mark { group: G, received: Lsn(scl), flushed: Lsn::ZERO }]);
        shipping.on_received(node, sequence, tracker)
    });
    freed.collect()
}

#[test]
fn the_four_hold_a_flush_that_nobody_waits_for() {
    let (mut shipping, mut tracker) = world(&ALL);
    shipping.set_awaited(true, false);
    for group in 1..=HELD_GROUPS_MAX as u64 {
        assert!(shipping.is_ready(ms(0)));
        shipping.push([batch(group * 10 - 10, group * 10)], ms(0));
        assert_eq!(send(&mut shipping, ms(0), &tracker), (vec![], ALL.to_vec()));
        assert!(!shipping.is_ready(ms(0)), "the next group gathers until they have received this one");
        assert_eq!(receive(&mut shipping, &mut tracker, group - 1, group * 10), [0; 0], "that was the group before");
        assert_eq!(receive(&mut shipping, &mut tracker, group, group * 10), [0, 1, 2, 4]);
    }
    let (received, flushed) = (tracker.vdl(Level::Received), tracker.vdl(Level::Flushed));
    assert_eq!((received, flushed), (Lsn(HELD_GROUPS_MAX as u64 * 10), Lsn::ZERO));
    let end = HELD_GROUPS_MAX as u64 * 10 + 10;
    shipping.push([batch(end - 10, end)], ms(0));
    assert_eq!(send(&mut shipping, ms(0), &tracker), (ALL.to_vec(), vec![]), "the window is full");
    for node in ALL {
        ack(&mut tracker, node, end);
        assert!(!shipping.on_received(node, end / 10, &tracker), "it is asked for more");
        assert!(shipping.on_flushed(node, end / 10, ms(1), &tracker));
    }
    assert!(!shipping.is_held());
}

#[test]
fn a_flush_that_the_four_hold_is_asked_for_when_somebody_waits_or_they_are_idle() {
    for received in [false, true] {
        for hurried in [false, true] {
            let (mut shipping, mut tracker) = world(&ALL);
            shipping.set_awaited(true, false);
            shipping.push([batch(0, 10)], ms(0));
            send(&mut shipping, ms(0), &tracker);
            assert!(shipping.is_held());
            if received {
                assert_eq!(receive(&mut shipping, &mut tracker, 1, 10), [0, 1, 2, 4]);
            }
            let now = if hurried { ms(0) } else { TELL_AFTER };
            assert_eq!(send(&mut shipping, ms(0), &tracker), (vec![], vec![]));
            if hurried {
                assert!(shipping.hurry());
            }
            let asked = send(&mut shipping, now, &tracker).0;
            match (hurried, received) {
                (true, _) => assert_eq!(asked, [0, 1, 2, 4]),
                (false, true) => assert_eq!(asked, ALL),
                (false, false) => continue,
            }
            assert_eq!(receive(&mut shipping, &mut tracker, 1, 10), [0; 0], "they owe the flush now");
            for node in [0, 1, 2, 4] {
                ack(&mut tracker, node, 10);
                assert!(shipping.on_flushed(node, 2, now, &tracker));
            }
            assert_eq!(tracker.vdl(Level::Flushed), Lsn(10));
        }
    }
}

#[test]
fn nobody_rests_where_somebody_waits_for_receipt_and_others_for_the_flush() {
    let (mut shipping, tracker) = world(&ALL);
    shipping.set_awaited(true, true);
    shipping.push([batch(0, 10)], ms(0));
    assert_eq!(send(&mut shipping, ms(0), &tracker), (vec![0, 1, 2, 4], vec![3, 5]));
}

#[test]
fn one_of_the_four_that_does_not_receive_in_time_is_passed_over() {
    let (mut shipping, mut tracker) = world(&ALL);
    shipping.set_awaited(true, false);
    shipping.push([batch(0, 10)], ms(0));
    send(&mut shipping, ms(0), &tracker);
    for node in [0, 1, 2, 3, 5] {
        tracker.ack(node, BootId(1), [Mark { group: G, received: Lsn(10), flushed: Lsn::ZERO }]);
        shipping.on_received(node, 1, &tracker);
    }
    shipping.on_time(HASTE_MIN);
    let helping = shipping.next_group(3, HASTE_MIN, &tracker).expect("it comes in for it");
    assert!(helping.batches.is_empty() && helping.asked);
    ack(&mut tracker, 3, 10);
    assert!(shipping.on_flushed(3, 2, HASTE_MIN, &tracker));
    assert!(shipping.is_ready(HASTE_MIN), "the next group does not wait for it either");
}
