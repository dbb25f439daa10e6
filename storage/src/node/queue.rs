//! What waits for the writer: requests in the order they came, bounded in number and in bytes.

use super::Refusal;
use crate::history::TruncationTable;
use crate::membership::Membership;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use protocol::node::OnReply;
use protocol::rpc::storage::{self as rpc, AppendOutcome, AppendRequest};
use protocol::{Ballot, GroupId, Lsn};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// Requests that may wait for the log; one more ends its stream.
pub const QUEUE_REQUESTS_MAX: usize = 16 << 10;
/// Bytes of batches that may wait for the log.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;

/// An append stream, as replies need it.
pub struct Stream {
    /// What a reply is given to.
    pub on_reply: OnReply,
    /// Ballot of the last batch sent, [`NO_BALLOT`] before the first.
    ballot: AtomicU64,
}

const NO_BALLOT: u64 = u64::MAX;

impl Stream {
    /// A stream that answers through `on_reply`.
    #[must_use]
    pub fn new(on_reply: OnReply) -> Arc<Stream> {
        Arc::new(Stream { on_reply, ballot: AtomicU64::new(NO_BALLOT) })
    }

    /// A sound batch was sent.
    pub fn set_ballot(&self, ballot: Ballot) {
        self.ballot.store(ballot.0, Ordering::Relaxed);
    }

    /// Ballot of the last batch sent.
    pub fn ballot(&self) -> Option<Ballot> {
        let ballot = self.ballot.load(Ordering::Relaxed);
        (ballot != NO_BALLOT).then_some(Ballot(ballot))
    }
}

/// One request to the writer.
pub enum Job {
    /// From a stream.
    Append { stream: Arc<Stream>, request: AppendRequest },
    /// Recovery R7.
    Fill { ballot: Ballot, batches: Vec<Bytes>, reply: oneshot::Sender<rpc::FillReply> },
    /// Gossip: records of peers, acknowledged to nobody.
    Adopt { batches: Vec<Bytes>, reply: oneshot::Sender<AppendOutcome> },
    /// Recovery R1.
    Prepare { ballot: Ballot, vdl_heard: Lsn, reply: oneshot::Sender<Result<rpc::PrepareReply, Refusal>> },
    /// Recovery R6, or a table heard from a peer; with the members that the ballot proposes.
    InstallTable {
        ballot: Ballot,
        table: TruncationTable,
        membership: Option<Membership>,
        reply: oneshot::Sender<Result<rpc::InstallTableReply, Refusal>>,
    },
    /// A peer's images of a group are complete up to `base`.
    Rebase { group: GroupId, base: Lsn, ballot: Ballot, reply: oneshot::Sender<Result<bool, Refusal>> },
    /// `init`.
    CreateVolume { config: rpc::VolumeConfig, incarnation: u32, reply: oneshot::Sender<Result<bool, Refusal>> },
    /// The end: everything before it is worked off.
    Stop { reply: oneshot::Sender<()> },
}

impl Job {
    /// Bytes of its batches.
    pub fn bytes(&self) -> usize {
        match self {
            Job::Append { request, .. } => request.batch.len(),
            Job::Fill { batches, .. } | Job::Adopt { batches, .. } => batches.iter().map(Bytes::len).sum(),
            _ => 0,
        }
    }

    /// Whether only a writer asks for it, or a server that is becoming one. Tables and records come from peers, too.
    pub(super) fn is_of_a_writer(&self) -> bool {
        matches!(self, Job::Append { .. } | Job::Fill { .. } | Job::Prepare { .. })
    }

    /// Whether it must not share a round with others.
    pub fn is_barrier(&self) -> bool {
        !matches!(self, Job::Append { .. } | Job::Fill { .. } | Job::Adopt { .. })
    }
}

/// What waits for the writer, and how its thread is called.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    called: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
    /// Something is to be done that only the thread may do.
    calls: bool,
    /// The thread is to look whether it should sleep for a time only.
    stirred: bool,
}

impl Queue {
    /// Queues a job unless the queue is full or closed. There is always room for the end: without it nobody stops.
    pub fn push(&self, job: Job) -> Result<(), &'static str> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err("the node is stopping");
        }
        let stops = matches!(job, Job::Stop { .. });
        let full = waiting.jobs.len() >= QUEUE_REQUESTS_MAX || waiting.bytes + job.bytes() > QUEUE_BYTES_MAX;
        if full && !stops {
            return Err("the node's queue is full");
        }
        waiting.closed = stops;
        waiting.bytes += job.bytes();
        waiting.jobs.push_back(job);
        Ok(())
    }

    /// Takes no more jobs, and drops those that wait: their replies end.
    pub fn close(&self) {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        waiting.bytes = 0;
        let jobs = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(jobs);
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.lock().jobs.is_empty()
    }

    /// Has the thread take what is queued. Until then nobody else does.
    pub fn call(&self) {
        let mut waiting = self.waiting.lock();
        if !waiting.calls {
            waiting.calls = true;
            self.called.notify_one();
        }
    }

    /// Has a thread that sleeps until it is called look whether it should sleep for a time only.
    pub fn stir(&self) {
        let mut waiting = self.waiting.lock();
        if !waiting.stirred {
            waiting.stirred = true;
            self.called.notify_one();
        }
    }

    /// Waits until the thread is called, and says so; `false` when it is stirred, or not called for `patience`.
    pub fn wait(&self, patience: Option<Duration>) -> bool {
        let mut waiting = self.waiting.lock();
        match patience {
            Some(patience) => {
                self.called.wait_while_for(&mut waiting, |waiting| !waiting.calls, patience);
            }
            None => self.called.wait_while(&mut waiting, |waiting| !waiting.calls && !waiting.stirred),
        }
        waiting.stirred = false;
        waiting.calls
    }

    /// Everything queued, perhaps nothing: that is what the thread was called for.
    pub fn take_now(&self) -> VecDeque<Job> {
        self.waiting.lock().take()
    }

    /// Everything queued, if it is appends, of at most so many bytes, and the thread was not called.
    pub fn take_appends(&self, bytes_max: usize) -> Option<VecDeque<Job>> {
        let mut waiting = self.waiting.lock();
        let are_appends = waiting.jobs.iter().all(|job| matches!(job, Job::Append { .. }));
        (are_appends && waiting.bytes <= bytes_max && !waiting.calls).then(|| waiting.take())
    }

    /// Puts jobs back that were taken, before all others.
    pub fn put_back(&self, jobs: VecDeque<Job>) {
        let mut waiting = self.waiting.lock();
        for job in jobs.into_iter().rev() {
            waiting.bytes += job.bytes();
            waiting.jobs.push_front(job);
        }
    }
}

impl Waiting {
    fn take(&mut self) -> VecDeque<Job> {
        (self.bytes, self.calls) = (0, false);
        std::mem::take(&mut self.jobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_has_room_for_the_end() {
        let queue = Queue::default();
        let prepare = || Job::Prepare { ballot: Ballot(1), vdl_heard: Lsn::ZERO, reply: oneshot::channel().0 };
        let queued = (0..).take_while(|_| queue.push(prepare()).is_ok()).count();
        assert_eq!(queued, QUEUE_REQUESTS_MAX);
        queue.push(Job::Stop { reply: oneshot::channel().0 }).expect("there is always room for it");
        assert!(queue.push(prepare()).is_err());
        assert_eq!(queue.take_now().len(), QUEUE_REQUESTS_MAX + 1);
    }
}
