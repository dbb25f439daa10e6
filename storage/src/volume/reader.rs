//! Reads one page from one of six nodes: the nearest that has it, a second when the first is late.
//!
//! A node can serve (page, read point) when its SCL has reached the tail of the page's group at the read point. Among those
//! the one with the lowest moving mean of latency is asked; now and then another, to learn how it does. When an answer is
//! late, measured by what the best is known to need, a second node is asked too, and the first valid answer wins: so a probe
//! of a node that hangs costs a read no more than that. A page is checked (checksum, number, structure) before it counts; a
//! damaged one is asked for elsewhere. A page is lost only when a read quorum has nothing but damaged copies: as long as fewer
//! say so, those that did not answer, or are behind, may have it. Only a page that was served says how fast its node is:
//! refusals are quick.

use super::Nodes;
use super::counters::Counters;
use crate::quorum::{COPIES, READ_QUORUM};
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
    /// A read quorum has only damaged copies.
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
        let (order, best) = self.order(point.fresh);
        let mut order = order.into_iter();
        let mut calls: FuturesUnordered<BoxFuture<'_, (usize, Cause, NodeResult<ReadPageReply>)>> =
            FuturesUnordered::new();
        let mut need_table = SmallVec::new();
        let (mut below_floor, mut corrupt) = (false, 0);
        let mut last = String::from("no node was asked");
        let first = order.next().expect("there are six nodes");
        let hedge_after = (best * HEDGE_FACTOR).clamp(HEDGE_MIN, HEDGE_MAX);
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
                            self.punish(node);
                            corrupt += 1;
                        }
                    },
                    ReadOutcome::Behind => last = format!("node {node} is behind"),
                    ReadOutcome::NeedTable => need_table.push(node),
                    ReadOutcome::BelowFloor => below_floor = true,
                    ReadOutcome::Corrupt => {
                        self.punish(node);
                        corrupt += 1;
                    }
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
        } else if corrupt >= READ_QUORUM {
            Failure::Corrupt
        } else if !need_table.is_empty() {
            Failure::NeedTable(need_table)
        } else if corrupt > 0 {
            Failure::NotNow(format!("{last}; damaged copies on nodes that answer: {corrupt}"))
        } else {
            Failure::NotNow(last)
        })
    }

    /// Fresh nodes by latency, then the others: what is known of them may be old. And what the best of them usually needs.
    fn order(&self, fresh: [bool; COPIES]) -> (SmallVec<[usize; COPIES]>, Duration) {
        let mut order: SmallVec<[usize; COPIES]> = (0..self.nodes.len()).collect();
        order.sort_by_key(|&node| (!fresh[node], self.micros[node].load(Relaxed)));
        let best = order.first().map_or(0, |&node| self.micros[node].load(Relaxed));
        let read = self.reads.fetch_add(1, Relaxed);
        let fresh = fresh.iter().filter(|&&fresh| fresh).count();
        if read % PROBE_EVERY == PROBE_EVERY - 1 && fresh > 1 {
            // Each of the others in its turn.
            let other = 1 + (read / PROBE_EVERY) as usize % (fresh - 1);
            order.swap(0, other);
            Counters::add(&self.counters.reads_probing, 1);
        }
        (order, Duration::from_micros(best))
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
            if reply.as_ref().is_ok_and(|reply| reply.outcome() == ReadOutcome::Ok) {
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

#[cfg(test)]
mod tests {
    use super::super::testing::{FakeNode, Faults, six};
    use super::*;

    const POINT: ReadPoint = ReadPoint { ballot: Ballot::ZERO, lsn: Lsn::ZERO, tail: Lsn::ZERO, fresh: [true; COPIES] };
    const PAGE: PageId = PageId(3);

    fn reader() -> (Vec<Arc<FakeNode>>, Reader) {
        let (fakes, nodes) = six();
        (fakes, Reader::new(nodes.into(), super::super::testing::config().volume, Arc::default()))
    }

    fn reads(fakes: &[Arc<FakeNode>]) -> Vec<u64> {
        fakes.iter().map(|node| node.reads()).collect()
    }

    async fn read(reader: &Reader, point: ReadPoint) -> Result<Fetched, Failure> {
        tokio::time::timeout(Duration::from_secs(20), reader.read(PAGE, point)).await.expect("it ends")
    }

    /// F1 for reads: a node that hangs costs one hedge, is avoided from then on, and is asked again once in a while.
    #[tokio::test]
    async fn a_hung_node_is_hedged_once_then_avoided_and_probed() {
        let (fakes, reader) = reader();
        fakes[0].set(Faults { stopped: true, ..Faults::default() });
        read(&reader, POINT).await.expect("another serves it");
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        assert_eq!((count(&reader.counters.hedges_sent), count(&reader.counters.reads_hedged)), (1, 1));
        assert_eq!(reads(&fakes)[0], 1);
        // Short of the first probe.
        for _ in 2..PROBE_EVERY {
            read(&reader, POINT).await.expect("another serves it");
        }
        assert_eq!(reads(&fakes)[0], 1, "it is avoided");
        fakes[0].set(Faults::default());
        for _ in 0..COPIES as u64 * PROBE_EVERY {
            read(&reader, POINT).await.expect("one serves it");
        }
        assert!(reads(&fakes)[0] > 1, "it is probed");
        assert!(count(&reader.counters.reads_probing) >= COPIES as u64);
        assert!(reads(&fakes).iter().all(|&reads| reads > 0), "so is every other");
    }

    /// The wait for a probed node is measured by the best one, not by itself.
    #[tokio::test]
    async fn what_is_usual_is_what_the_best_needs() {
        let (_fakes, reader) = reader();
        let micros = [900, 400, 20_000, 700, 500, 800];
        reader.micros.iter().zip(micros).for_each(|(mean, micros)| mean.store(micros, Relaxed));
        for read in 0..COPIES as u64 * PROBE_EVERY {
            let (order, best) = reader.order([true; COPIES]);
            assert_eq!(best, Duration::from_micros(400));
            let probing = read % PROBE_EVERY == PROBE_EVERY - 1;
            assert_eq!(order[0] != 1, probing);
        }
    }

    #[tokio::test]
    async fn who_is_not_fresh_is_asked_last() {
        let (fakes, reader) = reader();
        // Not in the order in which nodes of unknown latency are tried.
        for node in (0..COPIES).rev() {
            let before = reads(&fakes);
            let point = ReadPoint { fresh: std::array::from_fn(|other| other == node), ..POINT };
            read(&reader, point).await.expect("it serves it");
            let after = reads(&fakes);
            let asked: Vec<usize> = (0..COPIES).filter(|&node| after[node] > before[node]).collect();
            assert_eq!(asked, [node]);
        }
        // T34: an idle group's tail decides, not the read point; a node behind the tail says so and others are asked.
        let point = ReadPoint { lsn: Lsn(9000), ..POINT };
        assert!(read(&reader, point).await.is_ok());
        let beyond = ReadPoint { lsn: Lsn(9000), tail: Lsn(500), ..POINT };
        assert!(matches!(read(&reader, beyond).await, Err(Failure::NotNow(why)) if why.ends_with("is behind")));
    }

    #[tokio::test]
    async fn a_damaged_page_is_asked_for_elsewhere_and_its_node_avoided() {
        let (fakes, reader) = reader();
        fakes[0].set(Faults { rotten: true, ..Faults::default() });
        for _ in 0..5 {
            read(&reader, POINT).await.expect("another serves it");
        }
        assert_eq!(reads(&fakes)[0], 1, "it is not asked again soon");
        assert_eq!(reader.counters.reads_corrupt.load(Relaxed), 1);
        fakes.iter().for_each(|node| node.set(Faults { rotten: true, ..Faults::default() }));
        assert!(matches!(read(&reader, POINT).await, Err(Failure::Corrupt)));
    }

    #[tokio::test]
    async fn a_page_is_not_lost_by_the_word_of_the_few_nodes_that_are_there() {
        let (fakes, reader) = reader();
        let (rotten, down) = (Faults { rotten: true, ..Faults::default() }, Faults { down: true, ..Faults::default() });
        for (damaged, lost) in [(1, false), (2, false), (3, true)] {
            for (node, fake) in fakes.iter().enumerate() {
                fake.set(if node < damaged { rotten } else { down });
            }
            let failed = read(&reader, POINT).await.expect_err("nobody has it");
            assert_eq!(failed == Failure::Corrupt, lost, "{failed:?}");
            let tells = format!("damaged copies on nodes that answer: {damaged}");
            assert!(lost || matches!(&failed, Failure::NotNow(why) if why.ends_with(&tells)), "{failed:?}");
        }
    }
}
