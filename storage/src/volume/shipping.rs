//! Which node is sent what, and when: the writer's side of six streams.
//!
//! The rule: one group in flight per node. While a node flushes, its next group gathers; a new group is sealed when a
//! write quorum is free, for no commit can be durable before. Sealed batches stand in one queue with a place in it for
//! each node, so that a slow node is behind in that queue and holds up nobody.
//!
//! ```text
//! batches   [ 40 | 41 | 42 | 43 | 44 ]        kept until four of six flushed them, and further while there is space
//! nodes              ^2     ^0,1,3,4,5        `next` of each; in flight: what lies just below
//! ```
//!
//! A batch is skipped for a node that has it. Whatever goes wrong (a new stream, a gap named in a reply, an ack that is
//! late, a refusal) has one remedy: the node's place goes back to the first batch it lacks and can use. A hole that lies
//! below the queue is left to gossip; the node goes on receiving what is new.
//!
//! Pure: the caller brings the time, the replies and the tracker, and does the sending.

use super::log::Sealed;
use super::tracker::{Level, Tracker};
use crate::quorum::{COPIES, WRITE_QUORUM};
use bytes::Bytes;
use hashbrown::HashSet;
use protocol::{GroupId, Lsn};
use std::collections::VecDeque;
use std::time::Duration;

/// Batches that a write quorum has flushed are kept up to this many bytes, for the nodes that are behind.
pub const KEPT_BYTES_MAX: usize = 64 << 20;
/// A group to one node is at most this large, or one batch.
pub const GROUP_BYTES_MAX: usize = 8 << 20;
/// An ack is never late before this time has passed.
pub const LATE_MIN: Duration = Duration::from_millis(50);
/// An ack is late after this multiple of its usual time.
pub const LATE_FACTOR: u32 = 8;
/// So many late acks in a row end the stream.
pub const LATE_ACKS_MAX: u32 = 3;
/// How long a node whose disk is full, or that sent a damaged batch back, is left alone.
pub const PAUSE: Duration = Duration::from_millis(500);
/// An idle node hears the flushed VDL after this time.
pub const TELL_AFTER: Duration = Duration::from_millis(5);
/// A node hears something at least this often.
pub const HEARTBEAT: Duration = Duration::from_millis(100);

/// A group sent to one node, not acked yet.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    /// Number of its first batch; it ends at the link's `next`.
    from: u64,
    first_sequence: u64,
    last_sequence: u64,
    sent_at: Duration,
}

/// One node's stream.
#[derive(Debug, Default)]
struct Link {
    /// Counts streams; replies of an older one do not count.
    generation: u64,
    up: bool,
    in_flight: Option<InFlight>,
    /// The first batch not sent on this stream.
    next: u64,
    /// Nothing below was sent twice on this stream.
    sent_up_to: u64,
    sequence: u64,
    /// A group whose next record is below the queue, and the SCL there: nothing can be resent until it moves.
    hole: Option<(GroupId, Lsn)>,
    /// Moving mean of the time from sending to the flushed ack.
    usual: Duration,
    late_acks: u32,
    paused_until: Duration,
    told_vdl: Lsn,
    told_at: Duration,
    heard_at: Duration,
}

impl Link {
    fn is_free(&self, now: Duration) -> bool {
        self.up && self.in_flight.is_none() && self.paused_until <= now
    }
}

/// What to send to one node.
#[derive(Debug)]
pub struct Group {
    /// Which node.
    pub node: usize,
    /// Generation of the stream it is meant for.
    pub generation: u64,
    /// Sequence of the first message; each further one has the next.
    pub first_sequence: u64,
    /// The batches; none: a message that only carries marks.
    pub batches: Vec<Bytes>,
    /// How many of them were sent before.
    pub resent: usize,
}

/// Why a stream stopped taking batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Send again after a pause: disk full, batch damaged on its way.
    Pause,
    /// The stream must be opened anew, with what that includes (the table is installed first).
    Reopen,
}

/// The queue of sealed batches and six places in it. See the module's essay.
#[derive(Debug, Default)]
pub struct Shipping {
    batches: VecDeque<Sealed>,
    /// Number of the first batch.
    base: u64,
    bytes: usize,
    links: [Link; COPIES],
}

impl Shipping {
    /// Nothing sealed, no stream.
    #[must_use]
    pub fn new() -> Shipping {
        Shipping::default()
    }

    /// Queues a sealed batch.
    pub fn push(&mut self, batch: Sealed) {
        self.bytes += batch.bytes.len();
        self.batches.push_back(batch);
    }

    /// Whether a new group should be sealed: a write quorum is free, or as many as there are.
    #[must_use]
    pub fn is_ready(&self, now: Duration) -> bool {
        let up = self.links.iter().filter(|link| link.up).count();
        let free = self.links.iter().filter(|link| link.is_free(now)).count();
        up > 0 && free >= up.min(WRITE_QUORUM)
    }

    /// Begins a new stream to `node` and returns its generation. Until [`Shipping::on_up`] nothing is sent.
    pub fn on_connecting(&mut self, node: usize) -> u64 {
        let link = &mut self.links[node];
        link.generation += 1;
        link.up = false;
        link.in_flight = None;
        link.generation
    }

    /// The stream of this generation is open; the tracker knows what the node holds.
    pub fn on_up(&mut self, node: usize, generation: u64, now: Duration, tracker: &Tracker) {
        if self.links[node].generation != generation {
            return;
        }
        let next = self.first_missing(node, tracker).unwrap_or(self.end());
        let link = &mut self.links[node];
        link.up = true;
        link.late_acks = 0;
        link.sequence = 0;
        link.paused_until = Duration::ZERO;
        link.next = next;
        link.sent_up_to = link.sent_up_to.max(self.base);
        link.told_vdl = Lsn::ZERO;
        link.told_at = now;
        link.heard_at = now;
    }

    /// The stream ended. Returns whether it was the current one, so that the caller opens another.
    pub fn on_down(&mut self, node: usize, generation: u64) -> bool {
        let link = &mut self.links[node];
        if link.generation != generation || !link.up {
            return false;
        }
        link.up = false;
        link.in_flight = None;
        true
    }

    /// Whether replies of this stream count.
    #[must_use]
    pub fn is_current(&self, node: usize, generation: u64) -> bool {
        self.links[node].generation == generation
    }

    /// Everything up to `sequence` is flushed at the node. Returns whether the node became free.
    pub fn on_flushed(&mut self, node: usize, sequence: u64, now: Duration, tracker: &Tracker) -> bool {
        let link = &mut self.links[node];
        link.heard_at = now;
        let Some(in_flight) = link.in_flight.filter(|in_flight| sequence >= in_flight.last_sequence) else {
            return false;
        };
        let took = now.saturating_sub(in_flight.sent_at);
        link.usual = if link.usual.is_zero() { took } else { (link.usual * 7 + took) / 8 };
        link.late_acks = 0;
        link.in_flight = None;
        let first = usize::try_from(in_flight.from.saturating_sub(self.base)).expect("the queue is in memory");
        let after = usize::try_from(self.links[node].next.saturating_sub(self.base)).expect("as above");
        let behind_a_gap = |batch: &Sealed| tracker.scl(batch.group, node, Level::Received) < batch.last;
        if first < after && self.batches.range(first..after).any(behind_a_gap) {
            self.go_back(node, tracker);
        }
        true
    }

    /// A reply that acknowledges nothing.
    pub fn on_heard(&mut self, node: usize, now: Duration) {
        self.links[node].heard_at = now;
    }

    /// The node refused what is in flight. Returns whether the stream is to be opened anew.
    pub fn on_refused(
        &mut self,
        node: usize,
        sequence: u64,
        refusal: Refusal,
        now: Duration,
        tracker: &Tracker,
    ) -> bool {
        let link = &mut self.links[node];
        link.heard_at = now;
        if link.in_flight.is_none_or(|in_flight| sequence < in_flight.first_sequence) {
            return false;
        }
        link.in_flight = None;
        if refusal == Refusal::Reopen {
            link.up = false;
            return true;
        }
        link.paused_until = now + PAUSE;
        self.go_back(node, tracker);
        false
    }

    /// Takes back what is late. Returns the nodes whose streams are to be opened anew.
    pub fn on_time(&mut self, now: Duration, tracker: &Tracker) -> Vec<usize> {
        let mut reopen = Vec::new();
        for node in 0..COPIES {
            let link = &mut self.links[node];
            if !link.up || late_at(link).is_none_or(|at| at > now) {
                continue;
            }
            link.in_flight = None;
            link.late_acks += 1;
            if link.late_acks >= LATE_ACKS_MAX {
                link.up = false;
                reopen.push(node);
            } else {
                self.go_back(node, tracker);
            }
        }
        reopen
    }

    /// What to send to `node` now, if anything. It is in flight from here on.
    pub fn next_group(&mut self, node: usize, now: Duration, tracker: &Tracker) -> Option<Group> {
        if !self.links[node].is_free(now) {
            return None;
        }
        let mut batches = Vec::new();
        let mut bytes = 0;
        let mut resent = 0;
        let from = self.links[node].next.max(self.base);
        let mut at = from;
        while let Some(batch) = self.batches.get(usize::try_from(at - self.base).expect("the queue is in memory")) {
            if tracker.scl(batch.group, node, Level::Received) < batch.last {
                if !batches.is_empty() && bytes + batch.bytes.len() > GROUP_BYTES_MAX {
                    break;
                }
                bytes += batch.bytes.len();
                resent += usize::from(at < self.links[node].sent_up_to);
                batches.push(batch.bytes.clone());
            }
            at += 1;
        }
        let vdl = tracker.vdl(Level::Flushed);
        let link = &mut self.links[node];
        link.next = at;
        link.sent_up_to = link.sent_up_to.max(at);
        let idle = now.saturating_sub(link.told_at);
        if batches.is_empty() && !(idle >= HEARTBEAT || idle >= TELL_AFTER && link.told_vdl < vdl) {
            return None;
        }
        let first_sequence = link.sequence + 1;
        link.sequence += batches.len().max(1) as u64;
        link.told_vdl = vdl;
        link.told_at = now;
        if !batches.is_empty() {
            link.in_flight = Some(InFlight { from, first_sequence, last_sequence: link.sequence, sent_at: now });
        }
        Some(Group { node, generation: link.generation, first_sequence, batches, resent })
    }

    /// When [`Shipping::on_time`] or [`Shipping::next_group`] has something to do without any other event.
    #[must_use]
    pub fn deadline(&self, tracker: &Tracker) -> Option<Duration> {
        let vdl = tracker.vdl(Level::Flushed);
        self.links
            .iter()
            .filter(|link| link.up)
            .map(|link| match late_at(link) {
                Some(late) => late,
                None if link.next < self.end() => link.paused_until,
                None if link.told_vdl < vdl => (link.told_at + TELL_AFTER).max(link.paused_until),
                None => (link.told_at + HEARTBEAT).max(link.paused_until),
            })
            .min()
    }

    /// Drops batches from the front: all that every node has, and, when there are too many bytes, all that a write quorum
    /// has flushed.
    pub fn forget(&mut self, tracker: &Tracker) {
        while let Some(batch) = self.batches.front() {
            if tracker.pgcl(batch.group, Level::Flushed) < batch.last {
                break;
            }
            let everywhere = (0..COPIES)
                .all(|node| tracker.is_excluded(node) || tracker.scl(batch.group, node, Level::Flushed) >= batch.last);
            if !everywhere && self.bytes <= KEPT_BYTES_MAX {
                break;
            }
            self.bytes -= batch.bytes.len();
            self.batches.pop_front();
            self.base += 1;
        }
    }

    /// Whether `node` has batches waiting.
    #[must_use]
    pub fn is_behind(&self, node: usize) -> bool {
        self.links[node].up && self.links[node].next < self.end()
    }

    /// Whether the stream to `node` is open.
    #[must_use]
    pub fn is_up(&self, node: usize) -> bool {
        self.links[node].up
    }

    /// When a read quorum of nodes was last heard: the third latest time.
    #[must_use]
    pub fn heard_by_quorum_at(&self) -> Duration {
        let mut heard = self.links.each_ref().map(|link| link.heard_at);
        heard.sort_unstable();
        heard[COPIES - crate::quorum::READ_QUORUM]
    }

    /// Bytes kept for resending.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.bytes
    }

    fn end(&self) -> u64 {
        self.base + self.batches.len() as u64
    }

    fn go_back(&mut self, node: usize, tracker: &Tracker) {
        let unmoved = |(group, scl)| tracker.scl(group, node, Level::Received) == scl;
        if self.links[node].hole.is_some_and(unmoved) {
            return;
        }
        if let Some(missing) = self.first_missing(node, tracker) {
            self.links[node].next = self.links[node].next.min(missing);
        }
    }

    /// The first batch that the node lacks and whose predecessor it has. Others would only be stored behind their hole.
    fn first_missing(&mut self, node: usize, tracker: &Tracker) -> Option<u64> {
        self.links[node].hole = None;
        let mut hopeless = HashSet::new();
        for (index, batch) in self.batches.iter().enumerate() {
            let number = self.base + index as u64;
            let scl = tracker.scl(batch.group, node, Level::Received);
            if scl >= batch.last || hopeless.contains(&batch.group) {
                continue;
            }
            if batch.after <= scl {
                return Some(number);
            }
            hopeless.insert(batch.group);
            self.links[node].hole = Some((batch.group, scl));
        }
        None
    }
}

/// When the ack of what is in flight will be late.
fn late_at(link: &Link) -> Option<Duration> {
    let patience = LATE_MIN.max(link.usual * LATE_FACTOR) * (1 << link.late_acks);
    link.in_flight.map(|in_flight| in_flight.sent_at + patience)
}

#[cfg(test)]
mod tests {
    use super::super::tracker::{Mark, Outstanding};
    use super::*;
    use protocol::BootId;

    const G: GroupId = GroupId(0);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn batch(after: u64, last: u64) -> Sealed {
        Sealed { group: G, after: Lsn(after), last: Lsn(last), bytes: Bytes::from(last.to_string()) }
    }

    fn ack(tracker: &mut Tracker, node: usize, scl: u64) {
        tracker.ack(node, BootId(1), [Mark { group: G, received: Lsn(scl), flushed: Lsn(scl) }]);
    }

    fn world(up: &[usize]) -> (Shipping, Tracker) {
        let mut tracker = Tracker::new(Lsn::ZERO, &[]);
        for lsn in [10, 20, 30, 40] {
            tracker.append(Outstanding { lsn: Lsn(lsn), group: G, end_of_mtr: true });
        }
        let mut shipping = Shipping::new();
        for &node in up {
            let generation = shipping.on_connecting(node);
            shipping.on_up(node, generation, ms(0), &tracker);
        }
        (shipping, tracker)
    }

    fn sent(group: Option<Group>) -> Vec<Bytes> {
        group.map_or(Vec::new(), |group| group.batches)
    }

    #[test]
    fn one_group_is_in_flight_and_the_next_gathers() {
        let (mut shipping, mut tracker) = world(&[0, 1, 2, 3, 4, 5]);
        assert!(shipping.is_ready(ms(0)));
        shipping.push(batch(0, 10));
        for node in 0..6 {
            assert_eq!(sent(shipping.next_group(node, ms(0), &tracker)), ["10"]);
        }
        shipping.push(batch(10, 20));
        assert_eq!(sent(shipping.next_group(0, ms(0), &tracker)), [""; 0]);
        for node in 0..4 {
            assert!(!shipping.is_ready(ms(1)));
            ack(&mut tracker, node, 10);
            assert!(shipping.on_flushed(node, 1, ms(1), &tracker));
        }
        assert!(shipping.is_ready(ms(1)), "four are free, two need not be");
        shipping.push(batch(20, 30));
        assert_eq!(sent(shipping.next_group(0, ms(1), &tracker)), ["20", "30"]);
    }

    #[test]
    fn a_late_ack_is_sent_again_and_the_third_ends_the_stream() {
        let (mut shipping, tracker) = world(&[0]);
        shipping.push(batch(0, 10));
        assert_eq!(sent(shipping.next_group(0, ms(0), &tracker)), ["10"]);
        assert_eq!(shipping.on_time(ms(49), &tracker), [0; 0]);
        assert_eq!(shipping.deadline(&tracker), Some(ms(50)));
        assert_eq!(shipping.on_time(ms(50), &tracker), [0; 0]);
        let again = shipping.next_group(0, ms(50), &tracker).expect("it is late");
        assert_eq!((again.batches.len(), again.resent, again.first_sequence), (1, 1, 2));
        assert_eq!(shipping.on_time(ms(149), &tracker), [0; 0]);
        assert!(shipping.next_group(0, ms(149), &tracker).is_none());
        shipping.on_time(ms(150), &tracker);
        assert!(shipping.next_group(0, ms(150), &tracker).is_some());
        assert_eq!(shipping.on_time(ms(350), &tracker), [0]);
        assert!(!shipping.is_up(0));
    }

    #[test]
    fn a_gap_is_filled_from_the_first_batch_that_fits() {
        let (mut shipping, mut tracker) = world(&[0]);
        for (after, last) in [(0, 10), (10, 20), (20, 30)] {
            shipping.push(batch(after, last));
        }
        assert_eq!(sent(shipping.next_group(0, ms(0), &tracker)).len(), 3);
        // The first two were lost: the third is held behind a gap and the SCL stays.
        ack(&mut tracker, 0, 0);
        assert!(shipping.on_flushed(0, 3, ms(1), &tracker));
        assert_eq!(sent(shipping.next_group(0, ms(1), &tracker)), ["10", "20", "30"]);
    }

    #[test]
    fn a_hole_below_the_queue_is_left_to_gossip() {
        let (mut shipping, mut tracker) = world(&[0, 1, 2, 3]);
        shipping.bytes = KEPT_BYTES_MAX + 1;
        shipping.push(batch(0, 10));
        shipping.push(batch(10, 20));
        for node in 0..4 {
            ack(&mut tracker, node, 10);
        }
        shipping.forget(&tracker);
        let generation = shipping.on_connecting(5);
        shipping.on_up(5, generation, ms(0), &tracker);
        assert_eq!(sent(shipping.next_group(5, ms(0), &tracker)), [""; 0], "20 does not follow 0");
        shipping.push(batch(20, 30));
        assert_eq!(sent(shipping.next_group(5, ms(0), &tracker)), ["30"], "what is new is sent all the same");
        ack(&mut tracker, 5, 0);
        shipping.on_flushed(5, 1, ms(1), &tracker);
        assert_eq!(sent(shipping.next_group(5, ms(1), &tracker)), [""; 0], "and not again and again");
    }

    #[test]
    fn batches_stay_until_four_have_flushed_them_however_many_they_are() {
        let (mut shipping, mut tracker) = world(&[0, 1, 2, 3]);
        shipping.bytes = KEPT_BYTES_MAX + 1;
        shipping.push(batch(0, 10));
        for node in 0..3 {
            ack(&mut tracker, node, 10);
        }
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
        shipping.on_up(0, old, ms(0), &tracker);
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
}
