//! Write forwarding: a session on a replica has the writer run what writes, and then reads its own writes.
//!
//! **Rule.** What `server::forward` promises, without its wire: a transaction that writes runs on the writer, all of it; its
//! session then reads on its replica, never below its own commit ([`OwnWrites`]); and when the writer is lost on the way,
//! the client is told that the transaction was rolled back only if it cannot have been committed ([`Unanswered`]). Both
//! decisions are the production code's.
//!
//! **Mechanism.** A connection carries one question at a time, as a kernel does: what is lost is sent again. The writer's end is a
//! task of its process; when that dies the connection is reset, and when it is only silent the replica looks whether the
//! address book has another writer. A COMMIT may arrive long after its session has given up.
//!
//! What is checked: a value whose transaction was rolled back, so the client was told, is in no list; one that was
//! acknowledged is in its list at every later read of the session; counters count by the same rule.

use crate::cluster::Cluster;
use crate::history::{Fate, Op, Txn as Record};
use crate::net::Net;
use crate::sabotage::Sabotage;
use crate::server::Server;
use crate::tally::Fault;
use crate::workload::{Session, add, append, read_list};
use crate::world::ProcessId;
use engine::{Engine, Error, Isolation, Result, Txn};
use protocol::task::timeout;
use protocol::volume::Durability;
use protocol::{Ballot, Lsn};
use sql::session::Unanswered;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often somebody who waits for the writer looks whether it still is the writer.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How long a read waits for what the session wrote.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// What is asked of the writer.
#[derive(Clone, Copy, Debug)]
enum Ask {
    /// A block begins.
    Begin,
    Read(u32),
    Append(u32, u64, usize),
    /// Without a block.
    Increment(u32, usize),
    Commit,
}

/// What it answers.
#[derive(Debug)]
enum Answer {
    Begun(Lsn),
    Values(Vec<u64>),
    Appended,
    Committed(Lsn),
    /// An error: the transaction is rolled back.
    RolledBack,
    /// An error: it may have been committed.
    Unknown,
}

/// The writer is lost.
struct Lost;

/// A session's connection to the writer.
struct Upstream {
    net: Arc<Net>,
    /// The replica.
    server: Arc<Server>,
    from: ProcessId,
    to: ProcessId,
    /// The writer's.
    ballot: Ballot,
    asks: mpsc::UnboundedSender<Ask>,
    answers: mpsc::UnboundedReceiver<Answer>,
}

impl Upstream {
    /// Connects to whoever is the writer, as far as the replica knows.
    async fn open(cluster: &Arc<Cluster>, server: &Arc<Server>) -> Option<Upstream> {
        let (writer, _) = server.known_writer()?;
        let writer = cluster.servers[writer].clone();
        let (from, to) = (server.process, writer.process);
        timeout(WAIT_TIMEOUT, cluster.net.carry(from, to)).await.ok()?;
        // One that has stepped down refuses.
        let (volume, engine) = writer.writing()?;
        let (asks, asked) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::unbounded_channel();
        let ballot = volume.ballot();
        cluster.world.spawn_in(to, serve(cluster.clone(), engine, (to, from), asked, answer));
        Some(Upstream { net: cluster.net.clone(), server: server.clone(), from, to, ballot, asks, answers })
    }

    /// Asks, and waits for the answer for as long as nobody is known to have taken the writer's place.
    async fn ask(&mut self, cluster: &Cluster, ask: Ask) -> std::result::Result<Answer, Lost> {
        let (net, from, to, asks) = (self.net.clone(), self.from, self.to, self.asks.clone());
        cluster.world.spawn_in(ProcessId::WORLD, async move {
            net.carry(from, to).await;
            // The other end may be gone.
            let _ = asks.send(ask);
        });
        loop {
            match timeout(LOOK_INTERVAL, self.answers.recv()).await {
                Ok(answer) => return answer.ok_or(Lost),
                Err(_) if self.server.known_writer().is_some_and(|(_, ballot)| ballot > self.ballot) => {
                    return Err(Lost);
                }
                Err(_) => {}
            }
        }
    }
}

/// The writer's end of a connection.
async fn serve(
    cluster: Arc<Cluster>,
    engine: Arc<Engine>,
    (here, there): (ProcessId, ProcessId),
    mut asked: mpsc::UnboundedReceiver<Ask>,
    answers: mpsc::UnboundedSender<Answer>,
) {
    let mut txn = None;
    while let Some(ask) = asked.recv().await {
        let answer = answer(&cluster, &engine, &mut txn, ask).await.unwrap_or_else(|_| {
            txn = None;
            Answer::RolledBack
        });
        cluster.net.carry(here, there).await;
        if answers.send(answer).is_err() {
            return;
        }
    }
}

async fn answer(cluster: &Cluster, engine: &Arc<Engine>, txn: &mut Option<Txn>, ask: Ask) -> Result<Answer> {
    if let Ask::Begin = ask {
        let begun = txn.insert(engine.begin(Isolation::RepeatableRead));
        return Ok(Answer::Begun(engine.statement(begun).snapshot().lsn()));
    }
    if let Ask::Increment(counter, padding) = ask {
        let Some(schema) = cluster.schema() else { return Err(Error::ReadOnly) };
        let mut txn = engine.begin(Isolation::ReadCommitted);
        add(cluster, engine, &mut txn, schema.counters, counter, (1, padding)).await?;
        return commit(engine, txn).await;
    }
    let Some(open) = txn else { return Ok(Answer::RolledBack) };
    match ask {
        Ask::Read(list) => {
            let view = engine.statement(open);
            Ok(Answer::Values(read_list(cluster, engine, &view, list).await?))
        }
        Ask::Append(list, value, padding) => {
            append(cluster, engine, open, list, (value, padding)).await?;
            Ok(Answer::Appended)
        }
        _ => match txn.take() {
            Some(txn) => commit(engine, txn).await,
            None => Ok(Answer::RolledBack),
        },
    }
}

async fn commit(engine: &Engine, txn: Txn) -> Result<Answer> {
    let lsn = engine.commit(txn).await?;
    // From here on its record is in the log.
    Ok(match engine.wait_durable(lsn, Durability::Flushed).await {
        Ok(()) => Answer::Committed(lsn),
        Err(_) => Answer::Unknown,
    })
}

impl Session {
    /// Before a session reads on its replica: waits for what it wrote elsewhere. False: it is told that this takes too long.
    pub(crate) async fn freshen(&self) -> bool {
        let floor = self.wrote.floor();
        let Some(volume) = self.following.as_ref().filter(|volume| volume.applied() < floor) else { return true };
        if self.cluster.sabotage == Some(Sabotage::OwnWritesUnseen) {
            return true;
        }
        let waited = matches!(timeout(WAIT_TIMEOUT, volume.wait_applied(floor)).await, Ok(Ok(())));
        // A server that is promoted meanwhile ends its sessions here, before they read as a writer's.
        waited && !self.ended.load(Ordering::Relaxed)
    }

    /// Has the writer run a transaction, and reads what it wrote.
    pub(crate) async fn forward(&mut self) -> Result<()> {
        let (cluster, server) = (self.cluster.clone(), self.server.clone());
        let Some(mut upstream) = Upstream::open(&cluster, &server).await else { return Ok(()) };
        if self.random.chance(300) {
            self.forward_increment(&mut upstream).await;
            return Ok(());
        }
        let wrote = self.forward_lists(&mut upstream).await;
        if wrote.is_empty() || self.ended.load(Ordering::Relaxed) || !self.freshen().await {
            return Ok(());
        }
        let view = self.engine.view(self.engine.snapshot());
        let at = view.snapshot().lsn();
        let mut ops = Vec::new();
        for (list, value) in wrote {
            let values = self.read_list(&view, list).await?;
            if at < self.wrote.floor() || !values.contains(&value) {
                let (session, floor) = (self.number, self.wrote.floor());
                let what = format!("session {session} wrote {value} to list {list} by {floor} and lacks it at {at}");
                cluster.ledger.violate(what);
            }
            ops.push(Op::Read(list, values));
        }
        self.seen = at;
        self.tell(view.observed());
        cluster.begin_txn(Record { session: self.number, snapshot: at, ops, told: true, fate: Fate::Aborted });
        Ok(())
    }

    /// The writer told of a commit.
    fn acknowledged(&mut self, upstream: &Upstream, lsn: Lsn) {
        self.cluster.ledger.note_told(upstream.ballot, lsn);
        self.cluster.count_forwarded();
        self.wrote.note(lsn);
    }

    /// The writer was lost. Says whether the client is told that the transaction was rolled back.
    fn lost(&self, unanswered: Unanswered) -> bool {
        self.cluster.tally.count(Fault::ForwardingLost);
        !unanswered.may_be_committed()
    }

    /// One statement, which commits by itself.
    async fn forward_increment(&mut self, upstream: &mut Upstream) {
        let cluster = self.cluster.clone();
        let counter = self.random.below(cluster.shape.counters.into()) as u32;
        let padding = self.padding();
        cluster.note_increment(counter, false);
        match upstream.ask(&cluster, Ask::Increment(counter, padding)).await {
            Ok(Answer::Committed(lsn)) => {
                self.acknowledged(upstream, lsn);
                cluster.note_increment(counter, true);
                *self.counted.entry(counter).or_default() += 1;
            }
            Ok(Answer::Unknown) => {}
            Ok(_) => cluster.forget_increment(counter),
            Err(Lost) => {
                let unanswered = Unanswered { runs: true, ends_cycle: true, ..Unanswered::default() };
                if self.lost(unanswered) {
                    cluster.forget_increment(counter);
                }
            }
        }
    }

    /// A block that reads lists and appends to them. Returns what it appended, if that was acknowledged.
    async fn forward_lists(&mut self, upstream: &mut Upstream) -> Vec<(u32, u64)> {
        let cluster = self.cluster.clone();
        let Ok(Answer::Begun(snapshot)) = upstream.ask(&cluster, Ask::Begin).await else { return Vec::new() };
        // A writer's snapshot is the last commit, a replica's the last record: what lies between changed nothing.
        let (fate, snapshot) = (Fate::Unknown, snapshot.max(self.seen));
        let record = Record { session: self.number, snapshot, ops: Vec::new(), told: false, fate };
        let index = cluster.begin_txn(record);
        let aborted = || cluster.change_txn(index, |record| record.fate = Fate::Aborted);
        let mut wrote = Vec::new();
        let in_block = Unanswered { in_block: true, runs: true, ends_cycle: true, ..Unanswered::default() };
        for left in (0..self.random.between(1, 4)).rev() {
            let list = self.random.below(cluster.shape.lists.into()) as u32;
            // What is forwarded writes something in the end.
            let ask = if self.random.chance(300) && (left > 0 || !wrote.is_empty()) {
                Ask::Read(list)
            } else {
                let (value, padding) = (cluster.next_value(), self.padding());
                cluster.change_txn(index, |record| record.ops.push(Op::Append(list, value)));
                wrote.push((list, value));
                Ask::Append(list, value, padding)
            };
            match upstream.ask(&cluster, ask).await {
                Ok(Answer::Values(values)) => {
                    cluster.change_txn(index, |record| record.ops.push(Op::Read(list, values)));
                }
                Ok(Answer::Appended) => {}
                Ok(_) => {
                    aborted();
                    return Vec::new();
                }
                Err(Lost) => {
                    if self.lost(in_block) {
                        aborted();
                    }
                    return Vec::new();
                }
            }
        }
        match upstream.ask(&cluster, Ask::Commit).await {
            Ok(Answer::Committed(lsn)) => {
                self.acknowledged(upstream, lsn);
                cluster.change_txn(index, |record| {
                    record.told = true;
                    record.fate = Fate::Acknowledged(lsn);
                });
                cluster.hand_token(index, lsn);
                return wrote;
            }
            // Nobody knows.
            Ok(Answer::Unknown) => {}
            Ok(_) => aborted(),
            Err(Lost) => {
                if self.lost(Unanswered { commits: true, ..in_block }) {
                    aborted();
                }
            }
        }
        Vec::new()
    }
}
