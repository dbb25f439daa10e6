//! The shipper: what seals groups and sends them, on a thread of its own or, in a simulated world, as a task.
//!
//! The rule: it sleeps only when there is nothing that it could send, and whoever changes that wakes it. What it takes to wake
//! it, its *appetite*, stands in one atomic number, so that an append that need not wake it costs a load:
//!
//! ```text
//! BUSY       it will look by itself, or an ack will wake it: nobody else need
//! HUNGRY     an append wakes it, and so does whoever waits
//! GATHERING  it knows of what nobody waits for: whoever waits wakes it, and whoever appends much
//! ```
//!
//! The appetite is set before the log is looked at, by the shipper and by an ack alike: an append in between sees it. Both set
//! it under the lock on the acks, by what they find there of the nodes: else an ack that frees the last node just after the
//! shipper has looked is overwritten by what the shipper saw, and nobody wakes it.

use super::{Acks, BUSY, Counters, GATHER_BYTES, GATHER_FOR_MAX, GATHERING, HUNGRY, Inner, STALLED_AFTER};
use crate::node::disk::together;
use crate::quorum::{COPIES, WRITE_QUORUM};
use crate::volume::AbortOnPanic;
use crate::volume::joining::Joining;
use crate::volume::shipping::Group;
use crate::volume::tracker::Level;
use protocol::FORMAT_VERSION;
use protocol::node::{AppendStream, NodeError, NodeResult};
use protocol::rpc::storage as rpc;
use protocol::task::{World, sleep, timeout};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::Thread;
use std::time::Duration;
use tokio::sync::Notify;

/// While writes wait, the shipper looks at the time this often.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// A stream that was opened for the shipper.
pub(super) struct Connected {
    pub(super) node: usize,
    pub(super) generation: u64,
    pub(super) stream: Box<dyn AppendStream>,
}

/// How the shipper is woken: by a token that is kept when it is awake.
pub(super) enum Bell {
    Thread(Thread),
    Task(Arc<Notify>),
}

/// What the shipper may do when it has sent all it can.
enum Rest {
    None,
    Until(Duration),
    UntilWoken,
}

/// Seals and sends: a thread of its own in a server.
pub(super) struct Shipper {
    inner: Arc<Inner>,
    streams: [Option<(u64, Box<dyn AppendStream>)>; COPIES],
    connected: mpsc::Receiver<Connected>,
    /// Since when there is something to seal.
    gathering_since: Option<Duration>,
    joining: Joining,
}

impl Shipper {
    pub(super) fn new(inner: Arc<Inner>, connected: mpsc::Receiver<Connected>) -> Shipper {
        Shipper { inner, streams: Default::default(), connected, gathering_since: None, joining: Joining::default() }
    }

    pub(super) fn run(mut self) {
        let _vital = AbortOnPanic("the shipper of redo");
        while self.inner.check_open().is_ok() {
            let now = (self.inner.clock)();
            let seals = self.look(now);
            while seals && self.lets_others_join() {
                std::thread::yield_now();
            }
            if self.work(now, seals) {
                continue;
            }
            match self.rest(now) {
                Rest::None => {}
                Rest::Until(deadline) => std::thread::park_timeout(deadline.saturating_sub(now)),
                Rest::UntilWoken => std::thread::park(),
            }
            self.inner.appetite.store(BUSY, Ordering::SeqCst);
        }
    }

    /// The same in a simulated world, which says for how long others run when they are let.
    pub(super) async fn run_as_task(mut self, bell: Arc<Notify>, world: Arc<dyn World>) {
        while self.inner.check_open().is_ok() {
            let now = (self.inner.clock)();
            let seals = self.look(now);
            while seals && self.lets_others_join() {
                sleep(world.turn()).await;
            }
            if self.work(now, seals) {
                continue;
            }
            match self.rest(now) {
                Rest::None => {}
                // Being woken and being late are the same to it.
                Rest::Until(deadline) => drop(timeout(deadline.saturating_sub(now), bell.notified()).await),
                Rest::UntilWoken => bell.notified().await,
            }
            self.inner.appetite.store(BUSY, Ordering::SeqCst);
        }
    }

    /// Looks after nodes and waits that take too long; says whether what has gathered is to be sealed: it is due, and those
    /// who would flush it are free.
    fn look(&mut self, now: Duration) -> bool {
        let (reopen, stalled, began) = {
            let mut acks = self.inner.acks.lock();
            let stalled = acks.waiting_since.is_some_and(|since| now.saturating_sub(since) >= STALLED_AFTER);
            // Under the lock, like its end: else an ack in between is overwritten, and the writer lets nothing in for ever.
            let began = stalled && !self.inner.stalled.swap(true, Ordering::AcqRel);
            (acks.shipping.on_time(now), stalled, began)
        };
        if stalled {
            self.on_stalled(now, began);
        }
        for node in reopen {
            tracing::info!(node, "a storage node does not answer appends");
            self.inner.connect(node);
        }
        let ready = self.inner.acks.lock().shipping.is_ready(now);
        if !self.is_due(now) {
            return false;
        }
        if !ready {
            self.inner.acks.lock().waiting_since.get_or_insert(now);
        }
        ready
    }

    /// Whether those are let run, once more, who are about to commit ([`Joining`]): nobody joins what nobody waits for.
    fn lets_others_join(&mut self) -> bool {
        let inner = &self.inner;
        inner.is_awaited() && self.joining.lets_others_run((inner.clock)(), inner.joined.load(Ordering::Relaxed))
    }

    /// Says whether anything was done.
    fn work(&mut self, now: Duration, seals: bool) -> bool {
        let sealed = seals && self.seal();
        // What was sealed may have waited for others to join.
        let sent = self.send(if sealed { (self.inner.clock)() } else { now });
        sealed || sent
    }

    /// Nothing becomes durable, and no more is let in: gives up who has waited too long.
    fn on_stalled(&self, now: Duration, began: bool) {
        let inner = &self.inner;
        if began {
            tracing::warn!(why = %inner.unwritable(), "commits wait");
        }
        if let Some(before) = now.checked_sub(inner.patience()) {
            inner.waiters.expire(before, &inner.unwritable());
        }
    }

    /// Seals what has gathered.
    fn seal(&mut self) -> bool {
        let now = (self.inner.clock)();
        let inner = &self.inner;
        inner.joined.store(0, Ordering::Relaxed);
        let limit = inner.limit();
        let mut batches = Vec::new();
        while let Some(chunk) = { inner.log.lock().take(limit) } {
            Counters::add(&inner.counters.grouped_mtrs, chunk.mtrs());
            inner.sealed.store(chunk.last().0, Ordering::Release);
            batches.extend(chunk.seal());
        }
        self.gathering_since = None;
        if batches.is_empty() {
            return false;
        }
        Counters::add(&inner.counters.groups, 1);
        let mut acks = inner.acks.lock();
        acks.shipping.push(batches, now);
        acks.waiting_since.get_or_insert(now);
        true
    }

    /// Whether what has gathered is to leave as soon as it can.
    fn is_due(&mut self, now: Duration) -> bool {
        let inner = &self.inner;
        let (bytes, sealable) = {
            let log = inner.log.lock();
            (log.gathered_bytes(), log.has_sealable(inner.limit()))
        };
        if !sealable {
            self.gathering_since = None;
            return false;
        }
        let since = *self.gathering_since.get_or_insert(now);
        inner.is_awaited() || bytes >= GATHER_BYTES || now >= since + GATHER_FOR_MAX
    }

    fn send(&mut self, now: Duration) -> bool {
        let is_awaited = self.inner.waiters.has_any(Level::Received);
        let want_received = self.inner.received_wanted.swap(is_awaited, Ordering::Relaxed) || is_awaited;
        let mut groups: [Option<Group>; COPIES] = {
            let mut acks = self.inner.acks.lock();
            let Acks { tracker, shipping, .. } = &mut *acks;
            // Said before it is asked who waits: who comes later sees it, and hurries.
            self.inner.unhurried.store(want_received || shipping.is_held(), Ordering::SeqCst);
            shipping.set_awaited(want_received, self.inner.waiters.has_any(Level::Flushed));
            std::array::from_fn(|node| shipping.next_group(node, now, tracker))
        };
        if groups.iter().all(Option::is_none) {
            return false;
        }
        while let Ok(Connected { node, generation, stream }) = self.connected.try_recv() {
            self.streams[node] = Some((generation, stream));
        }
        // What may be held, and what only asks, goes last: the flushes begin sooner.
        groups.sort_by_key(|group| group.as_ref().is_some_and(|group| !group.chosen || group.batches.is_empty()));
        let mut groups = groups.into_iter().flatten().peekable();
        while groups.peek().is_some() {
            // Where these are nodes of this process, their disk hears of all together.
            together(|| {
                groups.by_ref().take(WRITE_QUORUM).for_each(|group| self.send_or_give_up(group, want_received))
            });
        }
        true
    }

    fn send_or_give_up(&mut self, group: Group, want_received: bool) {
        let (node, generation) = (group.node, group.generation);
        if self.send_group(group, want_received).is_err() {
            let down = self.inner.acks.lock().shipping.on_down(node, generation);
            self.streams[node] = None;
            if down {
                self.inner.connect(node);
            }
        }
    }

    fn send_group(&mut self, group: Group, want_received: bool) -> NodeResult<()> {
        let inner = &self.inner;
        let stream = match &mut self.streams[group.node] {
            Some((generation, stream)) if *generation == group.generation => stream,
            _ => return Err(NodeError::Unreachable("the stream was replaced".into())),
        };
        let counters = &inner.counters;
        let mut request = rpc::AppendRequest {
            volume: inner.volume,
            version: FORMAT_VERSION,
            batch: bytes::Bytes::new(),
            flushed_vdl: inner.flushed.load(Ordering::Acquire),
            gc_floor: inner.floor.lowest().0,
            membership_epoch: inner.members.epoch(),
            want_received,
            sequence: group.first_sequence,
            flush_later: group.held,
            ballot: inner.ballot.0,
        };
        Counters::add(&counters.groups_held, group.held.into());
        Counters::add(&counters.flushes_asked, group.asked.into());
        if group.batches.is_empty() {
            Counters::add(&counters.heartbeats_sent, 1);
            return stream.send(request);
        }
        Counters::add(&counters.batches_sent, group.batches.len());
        Counters::add(&counters.batches_resent, group.resent);
        stream.send_all(&mut group.batches.into_iter().map(|batch| {
            Counters::add(&counters.redo_bytes_sent, batch.len());
            let next = rpc::AppendRequest { batch, ..request.clone() };
            request.sequence += 1;
            next
        }))
    }

    fn rest(&mut self, now: Duration) -> Rest {
        let inner = Arc::clone(&self.inner);
        let (ready, deadline) = {
            let mut acks = inner.acks.lock();
            let ready = acks.shipping.is_ready(now);
            // When too few nodes are free, the ack that frees one wakes us, and no append needs to. Else what is new after this
            // line wakes us, and what was there before is seen below it.
            inner.appetite.store(if ready { HUNGRY } else { BUSY }, Ordering::SeqCst);
            (ready, acks.shipping.deadline(now, &acks.tracker))
        };
        let due = self.is_due(now);
        let gathered = self.gathering_since.filter(|_| ready);
        if gathered.is_some() {
            inner.appetite.store(GATHERING, Ordering::SeqCst);
        }
        // Someone may have begun to wait in between.
        if ready && (due || self.is_due(now)) {
            return Rest::None;
        }
        // Appends wake nobody then, nor do nodes that are gone.
        let watch = (!ready).then_some(now + WATCH_INTERVAL);
        match deadline.into_iter().chain(gathered.map(|since| since + GATHER_FOR_MAX)).chain(watch).min() {
            Some(deadline) => Rest::Until(deadline),
            None => Rest::UntilWoken,
        }
    }
}
