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
//! **Held groups.** A node that is not among the four gets the group all the same, with the word that its flush may wait. It
//! owes no ack for that and is free for the next one. What it holds is asked for when it becomes one of the four, when it
//! holds a window full, when it is idle, and at once when one of the four is late ([`HASTE_FACTOR`]) or gone.
//!
//! **Patience.** A stream carries what it was given, in order, for as long as it lives: what a slow node was sent is on its
//! way or there, and is not sent again. A node whose ack is late is *asked*, with a message that carries nothing; the reply
//! tells what it holds. Only a named gap, a refusal or a new stream sends its place back, to the first batch that it lacks
//! and can use. A stream without any ack for long is opened anew, each time after twice as long, until the node's own pace
//! is known: patience is a multiple of that. A hole that lies below the queue is left to gossip; the node goes on receiving
//! what is new. Until the hole is filled its flushes make nothing durable, as quick as its acks are: it is not one of the four
//! while others are there, nor is a node that the tracker does not count, and neither passes for one that takes writes.
//!
//! Pure: the caller brings the time, the replies and the tracker, and does the sending.

use super::flushers::{Candidate, Flushers, HELD_BYTES_MAX, HELD_GROUPS_MAX};
use super::log::Sealed;
use super::tracker::{Level, Tracker};
use crate::quorum::{COPIES, READ_QUORUM, WRITE_QUORUM};
use bytes::Bytes;
use hashbrown::HashSet;
use protocol::{GroupId, Lsn};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// Batches that a write quorum has flushed are kept up to this many bytes, for the nodes that are behind.
pub const KEPT_BYTES_MAX: usize = 64 << 20;
/// A group to one node is at most this large, or one batch.
pub const GROUP_BYTES_MAX: usize = 8 << 20;
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
/// The others flush, too, when one of the four takes longer than this...
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
/// An idle node hears the flushed VDL after this time, and flushes what it holds.
pub const TELL_AFTER: Duration = Duration::from_millis(5);
/// A node hears something at least this often.
pub const HEARTBEAT: Duration = Duration::from_millis(100);

/// A flush that a node was asked for and has not acked yet.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    sent_at: Duration,
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
        let InFlight { sent_at, questions } = self.in_flight?;
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
    /// The flush may wait, and so may the ack.
    pub held: bool,
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
}

impl Shipping {
    /// Nothing sealed, no stream; all nodes count as heard `now`.
    #[must_use]
    pub fn new(now: Duration, zones: [&str; COPIES]) -> Shipping {
        let links = std::array::from_fn(|_| Link { heard_at: now, ..Link::default() });
        let counting = [true; COPIES];
        Shipping { batches: VecDeque::new(), base: 0, bytes: 0, links, counting, flushers: Flushers::new(zones) }
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
        self.flushers.begin_group(self.bytes - before, all_free);
        // Whoever comes in flushes what it holds with this group: it need not be asked.
        self.choose(now).for_each(drop);
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
        let next = self.first_missing(node, tracker).unwrap_or(self.end());
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
        if sequence < link.sequence_of_batch {
            return false;
        }
        let freed = link.in_flight.take();
        if let Some(in_flight) = freed {
            link.full = false;
            let took = now.saturating_sub(in_flight.sent_at);
            link.usual = if link.usual.is_zero() { took } else { (link.usual * 7 + took) / 8 };
            (link.reopened, link.refused) = (0, 0);
        }
        (link.held_groups, link.held_bytes) = (0, 0);
        let holes = link.holes.len();
        link.holes.retain(|hole| hole.is_open(node, tracker));
        let filled = link.holes.len() < holes;
        let first = std::mem::replace(&mut link.acked, link.next).max(self.base);
        let (first, after) = (self.index(first), self.index(self.links[node].next.max(self.base)));
        let holes = &self.links[node].holes;
        let hopeless = |group: GroupId| holes.iter().any(|hole| hole.group == group);
        let behind_a_gap =
            |batch: &Sealed| tracker.scl(batch.group, node, Level::Received) < batch.last && !hopeless(batch.group);
        // What came behind a hole while it was open was passed over.
        if filled || first < after && self.batches.range(first..after).any(behind_a_gap) {
            self.go_back(node, tracker);
        }
        freed.is_some()
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
        if !link.up || link.paused_until > now || link.in_flight.is_some() && !link.ask {
            return None;
        }
        let mut batches = Vec::new();
        let mut bytes = 0;
        let mut resent = 0;
        let mut at = link.next.max(self.base);
        // Whoever owes an ack is only asked for it.
        while link.in_flight.is_none()
            && let Some(batch) = self.batches.get(self.index(at))
        {
            if tracker.scl(batch.group, node, Level::Received) < batch.last {
                if !batches.is_empty() && bytes + batch.bytes.len() > GROUP_BYTES_MAX {
                    break;
                }
                bytes += batch.bytes.len();
                resent += usize::from(at < link.sent_up_to);
                batches.push(batch.bytes.clone());
            }
            at += 1;
        }
        let vdl = tracker.vdl(Level::Flushed);
        let chosen = self.flushers.is_chosen(node);
        let link = &mut self.links[node];
        link.next = at;
        link.sent_up_to = link.sent_up_to.max(at);
        let idle = now.saturating_sub(link.told_at);
        let news = link.told_vdl < vdl || link.held_groups > 0;
        if batches.is_empty() && !link.ask && !(idle >= HEARTBEAT || idle >= TELL_AFTER && news) {
            return None;
        }
        let asked = std::mem::take(&mut link.ask);
        let first_sequence = link.sequence + 1;
        link.sequence += batches.len().max(1) as u64;
        link.told_vdl = vdl;
        link.told_at = now;
        link.unheard.get_or_insert((link.sequence, now));
        let held = !(batches.is_empty() || chosen || asked)
            && link.held_groups < HELD_GROUPS_MAX
            && link.held_bytes < HELD_BYTES_MAX;
        if held {
            link.held_groups += 1;
            link.held_bytes += bytes;
        } else if !batches.is_empty() || link.held_groups > 0 {
            (link.held_groups, link.held_bytes) = (0, 0);
            link.in_flight.get_or_insert(InFlight { sent_at: now, questions: 0 });
        }
        // An ack of a question that asks for a flush is the ack of what was held.
        if !batches.is_empty() {
            link.sequence_of_batch = link.sequence;
        }
        Some(Group { node, generation: link.generation, first_sequence, batches, resent, held, asked })
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
            Some(match () {
                () if link.next < self.end() => link.paused_until,
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
            link.next = link.next.min(missing);
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
mod tests {
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
        for node in ALL {
            assert_eq!(sent(shipping.next_group(node, ms(0), &tracker)), ["10"]);
        }
        shipping.push([batch(10, 20)], ms(0));
        assert_eq!(sent(shipping.next_group(0, ms(0), &tracker)), [""; 0]);
        assert_eq!(sent(shipping.next_group(5, ms(0), &tracker)), ["20"], "it owes no ack");
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
    fn a_group_costs_four_flushes_and_everyone_flushes_everything() {
        let (mut shipping, mut tracker) = world(&ALL);
        let mut sequences = [0; COPIES];
        let (mut flushes, mut flushed) = (0, [0; COPIES]);
        for group in 1..=200u64 {
            let now = Duration::from_micros(300 * group);
            assert!(shipping.is_ready(now));
            shipping.push([batch(group * 10 - 10, group * 10)], now);
            let (at_once, later) = send(&mut shipping, now, &tracker);
            assert_eq!((at_once.len(), later.len()), (4, 2), "group {group}");
            flushes += at_once.len();
            sequences.iter_mut().for_each(|sequence| *sequence += 1);
            for node in at_once {
                ack(&mut tracker, node, group * 10);
                assert!(shipping.on_flushed(node, sequences[node], now, &tracker));
                flushed[node] = group;
            }
            assert_eq!(tracker.vdl(Level::Flushed), Lsn(group * 10));
            assert!(flushed.iter().all(|&flushed| group - flushed <= HELD_GROUPS_MAX as u64), "{flushed:?} at {group}");
            shipping.forget(&tracker);
            assert!(shipping.batches.len() <= HELD_GROUPS_MAX);
        }
        assert_eq!(flushes, 4 * 200);
        assert!(
            ALL.iter().all(|&node| shipping.links[node].sequence == 200),
            "one message a group and node, no question"
        );
    }

    #[test]
    fn what_is_held_is_flushed_when_its_node_is_idle() {
        let (mut shipping, mut tracker) = world(&ALL);
        shipping.push([batch(0, 10)], ms(0));
        assert_eq!(send(&mut shipping, ms(0), &tracker), (vec![0, 1, 2, 4], vec![3, 5]));
        for node in [0, 1, 2, 4] {
            ack(&mut tracker, node, 10);
            shipping.on_flushed(node, 1, ms(1), &tracker);
        }
        assert_eq!(shipping.deadline(ms(1), &tracker), Some(ms(5)));
        assert_eq!(send(&mut shipping, ms(4), &tracker), (vec![], vec![]));
        let idle = shipping.next_group(3, ms(5), &tracker).expect("it holds something");
        assert!(idle.batches.is_empty() && !idle.held && !idle.asked);
        assert!(!shipping.links[3].is_free(ms(5)), "it owes an ack for that");
        ack(&mut tracker, 3, 10);
        assert!(shipping.on_flushed(3, 2, ms(6), &tracker));
    }

    #[test]
    fn the_others_flush_too_when_one_of_the_four_is_late_or_gone() {
        for gone in [false, true] {
            let (mut shipping, mut tracker) = world(&ALL);
            shipping.push([batch(0, 10)], ms(0));
            assert_eq!(send(&mut shipping, ms(0), &tracker).1, [3, 5]);
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
            assert!(helping.batches.is_empty() && !helping.held && helping.asked);
            assert!(shipping.next_group(5, now, &tracker).is_none(), "four are enough");
            assert!(!shipping.is_ready(now));
            ack(&mut tracker, 3, 10);
            assert!(shipping.on_flushed(3, 2, now, &tracker));
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
            shipping.push([batch(group * 10 - 10, group * 10)], ms(0));
            assert_eq!(sent(shipping.next_group(3, ms(0), &tracker)).len(), 1);
        }
        ack(&mut tracker, 3, 10);
        assert!(!shipping.on_refused(3, 2, Refusal::Pause, ms(1), &tracker));
        assert!(!shipping.on_refused(3, 3, Refusal::Pause, ms(300), &tracker), "its disk was full then, too");
        assert!(shipping.next_group(3, ms(500), &tracker).is_none());
        assert_eq!(sent(shipping.next_group(3, ms(501), &tracker)), ["20", "30"]);
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
        assert_eq!(sent(shipping.next_group(5, ms(0), &tracker)), ["30"], "what is new is sent all the same");
        ack(&mut tracker, 5, 0);
        shipping.on_flushed(5, 1, ms(1), &tracker);
        assert_eq!(sent(shipping.next_group(5, ms(1), &tracker)), [""; 0], "and not again and again");
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
            assert_eq!(sent(shipping.next_group(node, ms(0), &tracker)), ["30"]);
            let had = if node == 4 { 0 } else { 30 };
            ack(&mut tracker, node, had);
            shipping.on_flushed(node, shipping.links[node].sequence, ms(1), &tracker);
        }
        assert_eq!(sent(shipping.next_group(4, ms(1), &tracker)), [""; 0], "nothing that could be resent fits");
        (shipping, tracker)
    }

    #[test]
    fn who_lacks_what_came_before_is_not_one_of_the_four_until_it_has_it() {
        let (mut shipping, mut tracker) = world_with_a_hole();
        let census = shipping.census(ms(1));
        assert_eq!((census.taking, census.incomplete), (5, 1));
        assert!(census.to_string().contains("1 incomplete") && !shipping.takes(4, ms(1)) && shipping.takes(5, ms(1)));
        let mut last = 30;
        // In whichever window.
        for _ in 0..3 * HELD_GROUPS_MAX {
            shipping.push([batch(last, last + 10)], ms(1));
            last += 10;
            let (at_once, _) = send(&mut shipping, ms(1), &tracker);
            let counting = at_once.iter().filter(|&&node| node != 4).count();
            assert_eq!(counting, WRITE_QUORUM, "{at_once:?} flush at once");
            for node in at_once {
                ack(&mut tracker, node, if node == 4 { 0 } else { last });
                shipping.on_flushed(node, shipping.links[node].sequence, ms(1), &tracker);
            }
            assert_eq!(tracker.vdl(Level::Flushed), Lsn(last));
        }
        // Gossip brings it, in two parts.
        shipping.links[4].ask = true;
        for (scl, incomplete) in [(10, 1), (last, 0)] {
            ack(&mut tracker, 4, scl);
            shipping.on_flushed(4, shipping.links[4].sequence, ms(2), &tracker);
            assert_eq!(shipping.census(ms(2)).incomplete, incomplete, "at {scl}");
        }
        assert!(shipping.takes(4, ms(2)));
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
        assert_eq!(sent(shipping.next_group(4, ms(1), &tracker)), ["40", "45"]);
        let sequence = shipping.links[4].sequence;
        assert!(!shipping.on_refused(4, sequence, Refusal::Full, ms(1), &tracker));
        let later = ms(1) + PAUSE;
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
}
