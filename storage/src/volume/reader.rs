//! Reads one page from one of six nodes: the nearest that has it, a second when the first is late.
//!
//! A node can serve (page, read point) when its SCL has reached the tail of the page's group at the read point. Among those
//! the one with the lowest moving mean of latency is asked; now and then another, to learn how it does. When an answer is
//! late a second node is asked too, and the first valid answer wins. A page is checked (checksum, number, structure) before
//! it counts; a damaged one is asked for elsewhere.

use super::Nodes;
use super::counters::Counters;
use crate::quorum::COPIES;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use protocol::node::NodeResult;
use protocol::rpc::storage::{ReadOutcome, ReadPageReply, ReadPageRequest};
use protocol::task::{now, sleep, timeout};
use protocol::volume::Fetched;
use protocol::{Ballot, FORMAT_VERSION, Lsn, Page, PageId};
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A second node is asked no earlier than this.
pub const HEDGE_MIN: Duration = Duration::from_millis(2);
/// A second node is asked no later than this.
pub const HEDGE_MAX: Duration = Duration::from_millis(50);
/// A second node is asked after this multiple of the usual time.
const HEDGE_FACTOR: u32 = 4;
/// A node that does not answer at all is given up after this.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// One read in so many goes to another node than the best.
const PROBE_EVERY: u64 = 64;
/// What a failure adds to a node's mean latency.
const FAILURE_MICROS: u64 = 20_000;

/// As of when to read, and who is known to have it.
#[derive(Clone, Copy, Debug)]
pub struct ReadPoint {
    /// The reader's ballot.
    pub ballot: Ballot,
    /// Read as of this LSN.
    pub lsn: Lsn,
    /// Last record of the page's group at or below it, or any LSN between that and `lsn`.
    pub tail: Lsn,
    /// Nodes whose SCL is known to have reached the tail.
    pub fresh: [bool; COPIES],
}

/// Why no node served a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// None answered, or none has the tail.
    NotNow(String),
    /// These nodes lack the table of the reader's ballot.
    NeedTable(SmallVec<[usize; COPIES]>),
    /// The read point is below the GC floor.
    BelowFloor,
    /// Every node that answered sent a damaged page.
    Corrupt,
}

#[derive(Clone, Copy)]
enum Cause {
    Direct,
    Hedge,
    Retry,
}

/// Six nodes and what is known of their latency.
pub struct Reader {
    nodes: Nodes,
    volume: u64,
    micros: [AtomicU64; COPIES],
    reads: AtomicU64,
    counters: Arc<Counters>,
}

impl Reader {
    /// Reads from `nodes`.
    #[must_use]
    pub fn new(nodes: Nodes, volume: u64, counters: Arc<Counters>) -> Reader {
        Reader { nodes, volume, micros: Default::default(), reads: AtomicU64::new(0), counters }
    }

    /// Reads `page` as of `point`, asking each node at most once.
    ///
    /// # Errors
    /// See [`Failure`]: the caller takes a newer read point, waits, or gives up.
    pub async fn read(&self, page: PageId, point: ReadPoint) -> Result<Fetched, Failure> {
        let mut order = self.order(point.fresh).into_iter();
        let mut calls: FuturesUnordered<BoxFuture<'_, (usize, Cause, NodeResult<ReadPageReply>)>> =
            FuturesUnordered::new();
        let mut need_table = SmallVec::new();
        let (mut below_floor, mut corrupt) = (false, false);
        let mut last = String::from("no node was asked");
        let first = order.next().expect("there are six nodes");
        let hedge_after =
            (Duration::from_micros(self.micros[first].load(Relaxed)) * HEDGE_FACTOR).clamp(HEDGE_MIN, HEDGE_MAX);
        calls.push(self.ask(first, Cause::Direct, page, point));
        let mut asked = first;
        loop {
            let reply = tokio::select! {
                biased;
                reply = calls.next() => reply,
                () = sleep(hedge_after), if order.len() > 0 => {
                    // The late answer may never be looked at: this is where its node's mean learns of it.
                    self.late(asked, hedge_after);
                    asked = order.next().expect("its length was above zero");
                    Counters::add(&self.counters.hedges_sent, 1);
                    calls.push(self.ask(asked, Cause::Hedge, page, point));
                    continue;
                }
            };
            let Some((node, cause, reply)) = reply else { break };
            match reply {
                Err(error) => {
                    self.punish(node);
                    last = error.to_string();
                }
                Ok(reply) => match reply.outcome() {
                    ReadOutcome::Ok => match decode(&reply, page, point.lsn) {
                        Some(page) => {
                            self.count(cause);
                            return Ok(Fetched { page, read_point: point.lsn });
                        }
                        None => {
                            tracing::warn!(node, %page, "a storage node sent a damaged page");
                            Counters::add(&self.counters.reads_corrupt, 1);
                            corrupt = true;
                        }
                    },
                    ReadOutcome::Behind => last = format!("node {node} is behind"),
                    ReadOutcome::NeedTable => need_table.push(node),
                    ReadOutcome::BelowFloor => below_floor = true,
                    ReadOutcome::Corrupt => corrupt = true,
                    ReadOutcome::Unspecified => last = format!("node {node} does not say why"),
                },
            }
            if calls.is_empty() {
                let Some(node) = order.next() else { break };
                asked = node;
                calls.push(self.ask(node, Cause::Retry, page, point));
            }
        }
        Err(if below_floor {
            Failure::BelowFloor
        } else if corrupt {
            Failure::Corrupt
        } else if !need_table.is_empty() {
            Failure::NeedTable(need_table)
        } else {
            Failure::NotNow(last)
        })
    }

    /// Fresh nodes by latency, then the others: what is known of them may be old.
    fn order(&self, fresh: [bool; COPIES]) -> SmallVec<[usize; COPIES]> {
        let mut order: SmallVec<[usize; COPIES]> = (0..self.nodes.len()).collect();
        order.sort_by_key(|&node| (!fresh[node], self.micros[node].load(Relaxed)));
        let read = self.reads.fetch_add(1, Relaxed);
        let fresh = fresh.iter().filter(|&&fresh| fresh).count();
        if read % PROBE_EVERY == PROBE_EVERY - 1 && fresh > 1 {
            // Each of the others in its turn.
            let other = 1 + (read / PROBE_EVERY) as usize % (fresh - 1);
            order.swap(0, other);
            Counters::add(&self.counters.reads_probing, 1);
        }
        order
    }

    fn ask(
        &self,
        node: usize,
        cause: Cause,
        page: PageId,
        point: ReadPoint,
    ) -> BoxFuture<'_, (usize, Cause, NodeResult<ReadPageReply>)> {
        let request = ReadPageRequest {
            volume: self.volume,
            version: FORMAT_VERSION,
            ballot: point.ballot.0,
            page: page.0,
            read_point: point.lsn.0,
            group_tail: point.tail.0,
        };
        Box::pin(async move {
            let started = now();
            let late = || Err(protocol::node::NodeError::Unreachable("no answer in time".into()));
            let reply = timeout(READ_TIMEOUT, self.nodes[node].read_page(request));
            let reply = reply.await.unwrap_or_else(|_| late());
            if reply.is_ok() {
                let took = now().saturating_sub(started).as_micros() as u64;
                let mean = self.micros[node].load(Relaxed);
                self.micros[node].store(if mean == 0 { took.max(1) } else { (mean * 7 + took) / 8 }, Relaxed);
            }
            (node, cause, reply)
        })
    }

    fn late(&self, node: usize, waited: Duration) {
        let mean = self.micros[node].load(Relaxed);
        self.micros[node].store((mean * 2).max(2 * waited.as_micros() as u64).min(FAILURE_MICROS), Relaxed);
    }

    fn punish(&self, node: usize) {
        self.micros[node].fetch_max(FAILURE_MICROS, Relaxed);
    }

    fn count(&self, cause: Cause) {
        let counter = match cause {
            Cause::Direct => &self.counters.reads_direct,
            Cause::Hedge => &self.counters.reads_hedged,
            Cause::Retry => &self.counters.reads_retried,
        };
        Counters::add(counter, 1);
    }
}

/// A sound page that is not newer than what was asked for: redo that follows would be skipped, a tree would be torn.
fn decode(reply: &ReadPageReply, page: PageId, read_point: Lsn) -> Option<Page> {
    if reply.page.is_empty() {
        return Some(Page::empty(page));
    }
    Page::from_bytes(&reply.page, page).ok().filter(|page| page.lsn() <= read_point)
}
