//! Which node is sent what, and when: the writer's side of six streams.
//!
//! The rule: one group in flight per node. While a node flushes, its next group gathers; a new group is sealed when the four
//! that will flush it ([`flushers`](super::flushers)) are free, for no commit can be durable before. Sealed batches stand
//! in one queue with a place in it for each node, so that a slow node is behind in that queue and holds up nobody.
//!
//! ```text
//! batches   [ 40 | 41 | 42 | 43 | 44 ]        kept until four of six flushed them, and further while there is space
//! nodes              ^2     ^0,1,3,4,5        `next` of each; in flight: what lies just below
//! ```
//!
//! **Rest.** A node that is not among the four gets the group later, and all that has gathered at once: when it becomes one of
//! the four, because its turn has come or one of them is late ([`HASTE_FACTOR`]) or gone; when a window full waits for it; when
//! nothing new has come for a while ([`REST_FOR`]). One write and one flush then do for up to nine groups, where each by itself
//! would cost a write that nobody waits for.
//!
//! **Held groups.** What is much ([`REST_BYTES_MAX`]), or was missed, does not wait for that. It is sent with the word that its
//! flush may; the node owes no ack for it, and is free for the next one. What it holds is asked for when it becomes one of the
//! four, when it holds a window full, and when it is idle.
//!
//! **Unhurried groups.** Where somebody waits for receipt nobody rests: what is not flushed is to be on six. Where nobody waits
//! for more, the four, too, may hold their flush. They are then in flight until they have told of the write, so that the next
//! group gathers meanwhile. Whoever comes to wait for the flush has it asked for ([`Shipping::hurry`]). Until it is, a loss of
//! power of all nodes takes up to eight groups, or twenty milliseconds.
//!
//! **Patience.** A stream carries what it was given, in order, for as long as it lives: what a slow node was sent is on its
//! way or there, and is not sent again. A node whose ack is late is *asked*, with a message that carries nothing; the reply
//! tells what it holds. Only a named gap, a refusal or a new stream sends its place back, to the first batch that it lacks
//! and can use. A stream without any ack for long is opened anew, each time after twice as long, until the node's own pace
//! is known: patience is a multiple of that. A hole that lies below the queue is left to gossip; the node goes on receiving
//! what is new. Until the hole is filled its flushes make nothing durable, as quick as its acks are: it is not one of the four
//! while others are there, nor is a node that the tracker does not count, and neither passes for one that takes writes. What
//! gossip has filled only an answer about everything tells, and acks tell of the groups they are about: such a node is asked
//! now and then, however busy it is.
//!
//! Pure: the caller brings the time, the replies and the tracker, and does the sending.

use super::flushers::{Candidate, Flushers, HELD_BYTES_MAX, HELD_GROUPS_MAX};
use super::log::Sealed;
use super::tracker::{Level, Tracker};
use crate::quorum::{COPIES, READ_QUORUM, WRITE_QUORUM};
use bytes::Bytes;
use hashbrown::HashSet;
use protocol::node::STREAM_REQUESTS_MAX;
use protocol::{GroupId, Lsn};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// Batches that a write quorum has flushed are kept up to this many bytes, for the nodes that are behind.
pub const KEPT_BYTES_MAX: usize = 64 << 20;
/// A group to one node is at most this large, or one batch.
pub const GROUP_BYTES_MAX: usize = 8 << 20;
/// It has at most this many batches. Where a volume has many protection groups they may be tiny, and a stream ends when
/// thousands of messages wait for its connection: of those that are held, too, it must not have so many.
pub const GROUP_BATCHES_MAX: usize = 400;
/// A node is asked what it holds when its ack takes longer than this...
pub const LATE_MIN: Duration = Duration::from_millis(50);
/// ...and longer than this multiple of its usual time; then after twice as long, and so on.
pub const LATE_FACTOR: u32 = 8;
/// A stream without the ack it owes is opened anew after this time, doubled each time up to [`REOPEN_DOUBLINGS_MAX`]...
pub const REOPEN_MIN: Duration = Duration::from_secs(2);
/// ...times, and never before this multiple of the usual time.
pub const REOPEN_FACTOR: u32 = 16;
/// See [`REOPEN_MIN`].
pub const REOPEN_DOUBLINGS_MAX: u32 = 5;
/// Another comes in when one of the four takes longer than this...
pub const HASTE_MIN: Duration = Duration::from_millis(2);
/// ...and longer than this multiple of its usual time.
pub const HASTE_FACTOR: u32 = 3;
/// A node that owes an ack for longer than this, and than [`LATE_FACTOR`] times its usual, is called silent.
pub const SILENT_MIN: Duration = Duration::from_millis(500);
/// How long a node whose disk is full, or that sent a damaged batch back, is left alone.
pub const PAUSE: Duration = Duration::from_millis(500);
/// A node that refuses again what it was sent on a new stream is left alone for this long, doubled each time up to
/// [`REFUSED_DOUBLINGS_MAX`] times. The first time is everyone's who has missed a recovery or a change of the members.
pub const REFUSED_PAUSE: Duration = Duration::from_millis(25);
/// See [`REFUSED_PAUSE`].
pub const REFUSED_DOUBLINGS_MAX: u32 = 5;
/// What gathers for a node that rests is sent, to be flushed later, when it is so many bytes...
pub const REST_BYTES_MAX: usize = 64 << 10;
/// ...and whatever it is when nothing new has come for so long.
pub const REST_FOR: Duration = Duration::from_millis(20);
/// An idle node hears the flushed VDL after this time, and flushes what it holds.
pub const TELL_AFTER: Duration = Duration::from_millis(5);
/// A node hears something at least this often.
pub const HEARTBEAT: Duration = Duration::from_millis(100);

const _: () = assert!(
    GROUP_BATCHES_MAX * (HELD_GROUPS_MAX + 1) < STREAM_REQUESTS_MAX,
    "a stream takes the groups that are held, the one in flight and questions, though nothing of it gets on"
);

/// A flush, or the receipt of a group, that a node was asked for and has not acked yet.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    sent_at: Duration,
    /// An ack of its receipt is enough.
    receipt: bool,
    /// How often it was asked for that ack.
    questions: u32,
}

/// A part of a group that a node lacks and that is not in the queue any more.
#[derive(Clone, Copy, Debug)]
struct Hole {
    group: GroupId,
    /// The first batch kept follows this record: until the node has it nothing of the group can be resent.
    end: Lsn,
}

impl Hole {
    fn is_open(&self, node: usize, tracker: &Tracker) -> bool {
        tracker.scl(self.group, node, Level::Received) < self.end
    }
}

/// One node's stream.
#[derive(Debug, Default)]
struct Link {
    /// Counts streams; replies of an older one do not count.
    generation: u64,
    up: bool,
    in_flight: Option<InFlight>,
    /// The first batch not acked on this stream.
    acked: u64,
    /// The first batch not sent on this stream.
    next: u64,
    /// Nothing below was sent twice on this stream.
    sent_up_to: u64,
    /// Sequence of the last message.
    sequence: u64,
    /// Sequence of the last message with a batch.
    sequence_of_batch: u64,
    /// Refusals of messages up to this one are known.
    refused_up_to: u64,
    /// Sent since a flush was last asked for.
    held_groups: usize,
    held_bytes: usize,
    /// Queued since it was last sent all there was; [`REST_BYTES_MAX`] also for what it has missed.
    waiting_groups: usize,
    waiting_bytes: usize,
    /// It is to flush what it holds, or to say what it has, without waiting for more.
    ask: bool,
    /// Groups whose next record is below the queue.
    holes: Vec<Hole>,
    /// Moving mean of the time from asking for a flush to its ack.
    usual: Duration,
    /// Streams opened anew since the last ack.
    reopened: u32,
    /// Streams that ended by a refusal since the last ack.
    refused: u32,
    /// Also on the next stream.
    paused_until: Duration,
    /// Its disk was full when it last refused or took something.
    full: bool,
    told_vdl: Lsn,
    told_at: Duration,
    /// When it was last asked for everything that it has.
    questioned_at: Duration,
    /// When a message was sent to which the node has replied. Not when the reply came: it may have waited here while this
    /// process was stopped.
    heard_at: Duration,
    /// A message whose reply will move that: its sequence, and when it was sent.
    unheard: Option<(u64, Duration)>,
}

impl Link {
    fn is_free(&self, now: Duration) -> bool {
        self.up && self.in_flight.is_none() && self.paused_until <= now
    }

    /// When the others are to flush, too, if this one is among the four.
    fn haste_at(&self) -> Option<Duration> {
        Some(self.in_flight?.sent_at + HASTE_MIN.max(self.usual * HASTE_FACTOR))
    }

    /// A reply to `sequence` came, or to a later one.
    fn hear(&mut self, sequence: u64) {
        if let Some((_, sent_at)) = self.unheard.take_if(|(unheard, _)| *unheard <= sequence) {
            self.heard_at = self.heard_at.max(sent_at);
        }
    }

    fn is_late(&self, now: Duration) -> bool {
        self.haste_at().is_some_and(|at| at <= now)
    }

    /// When it is asked for its ack.
    fn question_at(&self) -> Option<Duration> {
        let InFlight { sent_at, questions, .. } = self.in_flight?;
        Some(sent_at + LATE_MIN.max(self.usual * LATE_FACTOR) * ((2 << questions) - 1))
    }

    /// It owes an ack for long.
    fn is_silent(&self, now: Duration) -> bool {
        let patience = SILENT_MIN.max(self.usual * LATE_FACTOR);
        self.in_flight.is_some_and(|flight| now.saturating_sub(flight.sent_at) > patience)
    }

    /// When its stream is given up.
    fn reopen_at(&self) -> Option<Duration> {
        let doubled = REOPEN_MIN * (1 << self.reopened.min(REOPEN_DOUBLINGS_MAX));
        Some(self.in_flight?.sent_at + doubled.max(self.usual * REOPEN_FACTOR))
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
    /// The batches; none: a message that carries marks and asks for some.
    pub batches: Vec<Bytes>,
    /// How many of them were sent before.
    pub resent: usize,
    /// The flush may wait, and so may its ack.
    pub held: bool,
    /// The node is one of the four whose acks are waited for.
    pub chosen: bool,
    /// It was not its turn: one of the four is late or gone, or an ack is.
    pub asked: bool,
}

/// Why a stream stopped taking batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Send again after a pause: the batch was damaged on its way.
    Pause,
    /// The same: the node's disk is full.
    Full,
    /// The stream must be opened anew, with what that includes (the table is installed first).
    Reopen,
}

/// The nodes as the writer finds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// They take what is sent.
    pub taking: usize,
    /// Their disks are full.
    pub full: usize,
    /// They owe an ack for long.
    pub silent: usize,
    /// They take what is sent, and it does not count: they lack what came before, or are being replaced.
    pub incomplete: usize,
    /// No stream to them is open.
    pub down: usize,
}

impl Census {
    /// Whether what is appended can become durable.
    #[must_use]
    pub fn is_quorum(&self) -> bool {
        self.taking >= WRITE_QUORUM
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {COPIES} storage nodes take writes, {WRITE_QUORUM} are needed", self.taking)?;
        for (count, what) in
            [(self.full, "full"), (self.silent, "silent"), (self.incomplete, "incomplete"), (self.down, "down")]
        {
            if count > 0 {
                write!(f, "; {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// The queue of sealed batches and six places in it. See the module's essay.
#[derive(Debug)]
pub struct Shipping {
    batches: VecDeque<Sealed>,
    /// Number of the first batch.
    base: u64,
    bytes: usize,
    links: [Link; COPIES],
    /// Whose flushes count, as far as the tracker knows.
    counting: [bool; COPIES],
    flushers: Flushers,
    /// Of the groups that are sent, somebody waits for the receipt...
    receipt_awaited: bool,
    /// ...and nobody for more.
    unhurried: bool,
    /// When a group was last queued.
    pushed_at: Duration,
}

impl Shipping {
    /// Nothing sealed, no stream; all nodes count as heard `now`.
    #[must_use]
    pub fn new(now: Duration, zones: [&str; COPIES]) -> Shipping {
        let links = std::array::from_fn(|_| Link { heard_at: now, ..Link::default() });
        let counting = [true; COPIES];
        let (batches, flushers) = (VecDeque::new(), Flushers::new(zones));
        let (receipt_awaited, unhurried) = (false, false);
        Shipping { batches, base: 0, bytes: 0, links, counting, flushers, receipt_awaited, unhurried, pushed_at: now }
    }

    /// Whose flushes count from now on ([`Tracker::counting`]).
    pub fn set_counting(&mut self, counting: [bool; COPIES]) {
        self.counting = counting;
    }

    /// Whether what `node` flushes becomes durable by that.
    fn counts(&self, node: usize) -> bool {
        self.counting[node] && self.links[node].holes.is_empty()
    }

    /// Queues the batches of a group, and says whose turn it is to flush it.
    pub fn push(&mut self, group: impl IntoIterator<Item = Sealed>, now: Duration) {
        let before = self.bytes;
        self.batches.extend(group.into_iter().inspect(|batch| self.bytes += batch.bytes.len()));
        // Nodes that flush out of turn would not begin with this group at once.
        let all_free = self.links.iter().all(|link| !link.up || link.in_flight.is_none() || link.is_late(now));
        let bytes = self.bytes - before;
        self.flushers.begin_group(bytes, all_free);
        for link in &mut self.links {
            link.waiting_groups += 1;
            link.waiting_bytes += bytes;
        }
        self.pushed_at = now;
        // Whoever comes in flushes what it holds with this group: it need not be asked.
        self.choose(now).for_each(drop);
    }

    /// Until when what waits for `node` goes on waiting, if it does: it is not its turn.
    fn rests_until(&self, node: usize) -> Option<Duration> {
        let link = &self.links[node];
        let little = link.waiting_groups <= HELD_GROUPS_MAX && link.waiting_bytes < REST_BYTES_MAX;
        let rests = little && !self.receipt_awaited && !self.flushers.is_chosen(node);
        (rests && link.next < self.end()).then(|| (self.pushed_at + REST_FOR).min(link.told_at + HEARTBEAT))
    }

    /// Whether a new group should be sealed: those who would flush it at once are free.
    #[must_use]
    pub fn is_ready(&mut self, now: Duration) -> bool {
        self.take_over(now);
        let mut chosen = self.flushers.chosen().peekable();
        chosen.peek().is_some() && chosen.all(|node| self.links[node].is_free(now))
    }

    /// Has nodes that came in for others flush what they hold.
    fn take_over(&mut self, now: Duration) {
        for node in self.choose(now) {
            let link = &mut self.links[node];
            link.ask |= link.held_groups > 0;
        }
    }

    /// Chooses who flushes at once, as the nodes are now.
    fn choose(&mut self, now: Duration) -> impl Iterator<Item = usize> + use<> {
        let candidates = std::array::from_fn(|node| {
            let link = &self.links[node];
            let takes = link.up && link.paused_until <= now;
            takes.then(|| Candidate { late: link.is_late(now), usual: link.usual, counts: self.counts(node) })
        });
        self.flushers.choose(candidates)
    }

    /// Begins a new stream to `node` and returns its generation. Until [`Shipping::on_up`] nothing is sent.
    pub fn on_connecting(&mut self, node: usize) -> u64 {
        let link = &mut self.links[node];
        link.generation += 1;
        link.up = false;
        link.in_flight = None;
        link.generation
    }

    /// The stream of this generation is open; the tracker knows what the node said it holds when it was asked at `asked_at`.
    pub fn on_up(&mut self, node: usize, generation: u64, asked_at: Duration, now: Duration, tracker: &Tracker) {
        if self.links[node].generation != generation {
            return;
        }
        let end = self.end();
        let next = self.first_missing(node, tracker).unwrap_or(end);
        let link = &mut self.links[node];
        *link = Link {
            generation,
            up: true,
            acked: next,
            next,
            sent_up_to: link.sent_up_to.max(self.base),
            holes: std::mem::take(&mut link.holes),
            usual: link.usual,
            reopened: link.reopened,
            refused: link.refused,
            paused_until: link.paused_until,
            told_at: now,
            heard_at: link.heard_at.max(asked_at),
            // What it has missed does not wait for its turn.
            waiting_bytes: if next < end { REST_BYTES_MAX } else { 0 },
            ..Link::default()
        };
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
        link.hear(sequence);
        let holes = link.holes.len();
        link.holes.retain(|hole| hole.is_open(node, tracker));
        if link.holes.len() < holes {
            // What came behind the hole while it was open was passed over.
            self.go_back(node, tracker);
        }
        let link = &mut self.links[node];
        if sequence < link.sequence_of_batch {
            return false;
        }
        let freed = link.in_flight.take();
        if let Some(in_flight) = freed.filter(|in_flight| !in_flight.receipt) {
            let took = now.saturating_sub(in_flight.sent_at);
            link.usual = if link.usual.is_zero() { took } else { (link.usual * 7 + took) / 8 };
        }
        (link.held_groups, link.held_bytes) = (0, 0);
        self.on_acked(node, freed.is_some(), tracker);
        freed.is_some()
    }

    /// Everything up to `sequence` is written at the node. Returns whether the node became free.
    pub fn on_received(&mut self, node: usize, sequence: u64, tracker: &Tracker) -> bool {
        let link = &mut self.links[node];
        link.hear(sequence);
        if sequence < link.sequence_of_batch || !link.in_flight.is_some_and(|in_flight| in_flight.receipt) {
            return false;
        }
        link.in_flight = None;
        self.on_acked(node, true, tracker);
        true
    }

    /// What was sent has been acked, and if `owed`, that was waited for. Sends again what stands behind a gap.
    fn on_acked(&mut self, node: usize, owed: bool, tracker: &Tracker) {
        let link = &mut self.links[node];
        if owed {
            link.full = false;
            (link.reopened, link.refused) = (0, 0);
        }
        let first = std::mem::replace(&mut link.acked, link.next).max(self.base);
        let (first, after) = (self.index(first), self.index(self.links[node].next.max(self.base)));
        let holes = &self.links[node].holes;
        let hopeless = |group: GroupId| holes.iter().any(|hole| hole.group == group);
        let behind_a_gap =
            |batch: &Sealed| tracker.scl(batch.group, node, Level::Received) < batch.last && !hopeless(batch.group);
        if first < after && self.batches.range(first..after).any(behind_a_gap) {
            self.go_back(node, tracker);
        }
    }

    /// Whether anybody waits for the receipt of the groups that are sent from now on, and for their flush. Where nobody waits
    /// for anything they are flushed as if somebody did.
    pub fn set_awaited(&mut self, receipt: bool, flush: bool) {
        (self.receipt_awaited, self.unhurried) = (receipt, receipt && !flush);
    }

    /// Somebody waits for the flush of what was sent: has it asked for where it is held. Returns whether it is anywhere.
    pub fn hurry(&mut self) -> bool {
        for node in self.flushers.chosen() {
            let link = &mut self.links[node];
            link.ask |= link.held_groups > 0;
        }
        self.is_held()
    }

    /// Whether one of the four holds what it was sent, so that its flush is to be [asked](Shipping::hurry) for.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.flushers.chosen().any(|node| self.links[node].held_groups > 0)
    }

    /// Counts the streams to `node`.
    #[must_use]
    pub fn generation(&self, node: usize) -> u64 {
        self.links[node].generation
    }

    /// The node knew of no other writer when it was asked at `asked_at`, by a call of its own.
    pub fn on_answer(&mut self, node: usize, asked_at: Duration) {
        let link = &mut self.links[node];
        link.heard_at = link.heard_at.max(asked_at);
    }

    /// A reply that acknowledges nothing.
    pub fn on_heard(&mut self, node: usize, sequence: u64) {
        self.links[node].hear(sequence);
    }

    /// The node refused the message `sequence`. Returns whether the stream is to be opened anew.
    pub fn on_refused(
        &mut self,
        node: usize,
        sequence: u64,
        refusal: Refusal,
        now: Duration,
        tracker: &Tracker,
    ) -> bool {
        let link = &mut self.links[node];
        link.hear(sequence);
        if !link.up || sequence <= link.refused_up_to {
            return false;
        }
        // What was sent behind it is refused, too, or stands behind a gap.
        link.refused_up_to = link.sequence;
        link.in_flight = None;
        (link.held_groups, link.held_bytes) = (0, 0);
        if refusal == Refusal::Reopen {
            link.up = false;
            if let Some(doublings) = link.refused.checked_sub(1) {
                link.paused_until = now + REFUSED_PAUSE * (1 << doublings.min(REFUSED_DOUBLINGS_MAX));
            }
            link.refused += 1;
            return true;
        }
        link.paused_until = now + PAUSE;
        link.full = refusal == Refusal::Full;
        self.go_back(node, tracker);
        false
    }

    /// Looks for what is late: has others flush what a late one was to flush, has late ones asked. Returns the nodes whose
    /// streams are to be opened anew.
    pub fn on_time(&mut self, now: Duration) -> Vec<usize> {
        let mut reopen = Vec::new();
        for (node, link) in self.links.iter_mut().enumerate().filter(|(_, link)| link.up) {
            if link.reopen_at().is_some_and(|at| at <= now) {
                link.reopened += 1;
                link.in_flight = None;
                link.up = false;
                reopen.push(node);
            } else if link.question_at().is_some_and(|at| at <= now) {
                link.ask = true;
                link.in_flight.iter_mut().for_each(|in_flight| in_flight.questions += 1);
            }
        }
        self.take_over(now);
        reopen
    }

    /// What to send to `node` now, if anything. Unless it may be held, it is in flight from here on.
    pub fn next_group(&mut self, node: usize, now: Duration, tracker: &Tracker) -> Option<Group> {
        let link = &self.links[node];
        let rests = || self.rests_until(node).is_some_and(|until| now < until);
        if !link.up || link.paused_until > now || !link.ask && (link.in_flight.is_some() || rests()) {
            return None;
        }
        let mut batches = Vec::new();
        let mut bytes = 0;
        let mut resent = 0;
        let mut at = link.next.max(self.base);
        let question = !link.holes.is_empty() && now >= link.questioned_at + HEARTBEAT;
        // Whoever owes an ack is only asked for it.
        while link.in_flight.is_none()
            && !question
            && let Some(batch) = self.batches.get(self.index(at))
        {
            if tracker.scl(batch.group, node, Level::Received) < batch.last {
                let is_full = bytes + batch.bytes.len() > GROUP_BYTES_MAX || batches.len() >= GROUP_BATCHES_MAX;
                if is_full && !batches.is_empty() {
                    break;
                }
                bytes += batch.bytes.len();
                resent += usize::from(at < link.sent_up_to);
                batches.push(batch.bytes.clone());
            }
            at += 1;
        }
        let vdl = tracker.vdl(Level::Flushed);
        let (chosen, unhurried) = (self.flushers.is_chosen(node), self.unhurried);
        let receipt_awaited = self.receipt_awaited;
        let has_all = at == self.end();
        let link = &mut self.links[node];
        let much = link.waiting_bytes >= REST_BYTES_MAX;
        if has_all {
            (link.waiting_groups, link.waiting_bytes) = (0, 0);
        }
        link.next = at;
        link.sent_up_to = link.sent_up_to.max(at);
        let idle = now.saturating_sub(link.told_at);
        let news = link.told_vdl < vdl || link.held_groups > 0;
        if batches.is_empty() && !link.ask && !question && idle < HEARTBEAT && !(idle >= TELL_AFTER && news) {
            return None;
        }
        let asked = std::mem::take(&mut link.ask);
        let first_sequence = link.sequence + 1;
        link.sequence += batches.len().max(1) as u64;
        link.told_vdl = vdl;
        link.told_at = now;
        link.unheard.get_or_insert((link.sequence, now));
        let may_wait = if chosen { unhurried && bytes < HELD_BYTES_MAX } else { receipt_awaited || much };
        let held = may_wait
            && !(batches.is_empty() || asked)
            && link.held_groups < HELD_GROUPS_MAX
            && link.held_bytes < HELD_BYTES_MAX;
        let in_flight = InFlight { sent_at: now, receipt: held, questions: 0 };
        if held {
            link.held_groups += 1;
            link.held_bytes += bytes;
            link.in_flight = chosen.then_some(in_flight);
        } else if !batches.is_empty() || link.held_groups > 0 {
            (link.held_groups, link.held_bytes) = (0, 0);
            let owed = link.in_flight.get_or_insert(in_flight);
            // Of what it owes a receipt for, it is now asked for the flush: that takes its time from here on.
            if std::mem::take(&mut owed.receipt) && owed.questions == 0 {
                owed.sent_at = now;
            }
        }
        // An ack of a question that asks for a flush is the ack of what was held.
        if batches.is_empty() {
            link.questioned_at = now;
        } else {
            link.sequence_of_batch = link.sequence;
        }
        Some(Group { node, generation: link.generation, first_sequence, batches, resent, held, chosen, asked })
    }

    /// When [`Shipping::on_time`] or [`Shipping::next_group`] has something to do without any other event.
    #[must_use]
    pub fn deadline(&self, now: Duration, tracker: &Tracker) -> Option<Duration> {
        let vdl = tracker.vdl(Level::Flushed);
        let of = |(node, link): (usize, &Link)| {
            if link.in_flight.is_some() {
                let haste = link.haste_at().filter(|&at| at > now && self.flushers.is_chosen(node));
                return [haste, link.question_at(), link.reopen_at()].into_iter().flatten().min();
            }
            let news = link.told_vdl < vdl || link.held_groups > 0;
            let until = self.rests_until(node).unwrap_or_default();
            Some(match () {
                () if link.next < self.end() => until.max(link.paused_until),
                () if news => (link.told_at + TELL_AFTER).max(link.paused_until),
                () => (link.told_at + HEARTBEAT).max(link.paused_until),
            })
        };
        self.links.iter().enumerate().filter(|(_, link)| link.up).filter_map(of).min()
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

    /// When a read quorum of nodes was last known to have no other writer: the third latest time.
    #[must_use]
    pub fn heard_by_quorum_at(&self) -> Duration {
        let mut heard = self.links.each_ref().map(|link| link.heard_at);
        heard.sort_unstable();
        heard[COPIES - READ_QUORUM]
    }

    /// How the nodes are.
    #[must_use]
    pub fn census(&self, now: Duration) -> Census {
        let mut census = Census::default();
        for (node, link) in self.links.iter().enumerate() {
            *match () {
                () if !link.up => &mut census.down,
                () if link.full => &mut census.full,
                () if link.is_silent(now) => &mut census.silent,
                () if !self.counts(node) => &mut census.incomplete,
                () => &mut census.taking,
            } += 1;
        }
        census
    }

    /// Whether a node takes what is sent, and its flushes count.
    #[must_use]
    pub fn takes(&self, node: usize, now: Duration) -> bool {
        let link = &self.links[node];
        link.up && !link.full && !link.is_silent(now) && self.counts(node)
    }

    /// Another node takes this place, of which nothing was heard yet. Begins a new stream, as [`Shipping::on_connecting`].
    pub fn reseat(&mut self, node: usize, now: Duration) -> u64 {
        let generation = self.links[node].generation;
        self.links[node] = Link { generation, heard_at: now, ..Link::default() };
        self.on_connecting(node)
    }

    /// How long ago the last message was sent to a node that it has answered.
    #[must_use]
    pub fn silent_for(&self, node: usize, now: Duration) -> Duration {
        now.saturating_sub(self.links[node].heard_at)
    }

    /// Bytes kept for resending.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.bytes
    }

    fn end(&self) -> u64 {
        self.base + self.batches.len() as u64
    }

    fn index(&self, number: u64) -> usize {
        usize::try_from(number - self.base).expect("the queue is in memory")
    }

    fn go_back(&mut self, node: usize, tracker: &Tracker) {
        if let Some(missing) = self.first_missing(node, tracker) {
            let link = &mut self.links[node];
            if missing < link.next {
                link.next = missing;
                // What it should have already does not wait for its turn.
                link.waiting_bytes = REST_BYTES_MAX;
            }
            link.acked = link.acked.min(missing);
        }
    }

    /// The first batch that the node lacks and whose predecessor it has. Others would only be stored behind their hole.
    fn first_missing(&mut self, node: usize, tracker: &Tracker) -> Option<u64> {
        let holes = &mut self.links[node].holes;
        holes.retain(|hole| hole.is_open(node, tracker));
        let mut hopeless: HashSet<GroupId> = holes.iter().map(|hole| hole.group).collect();
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
            self.links[node].holes.push(Hole { group: batch.group, end: batch.after });
        }
        None
    }
}

#[cfg(test)]
mod tests;
