//! Sessions: what clients do to the engines, and what they are told.
//!
//! **Rule.** A session believes only what it is told, when it is told: of a commit when the flushed VDL has passed it, of
//! what it read when the flushed VDL has passed what it observed. From then on it must stay true.
//!
//! Bank: transfers between accounts, whose sum every snapshot shows unchanged. Lists: see [`crate::history`]. Counters:
//! increments, each of which counts once, and which no session sees go back. Tokens: what a client was told on the writer it
//! sees on a replica that it asked to wait for it. Some sessions on replicas have the writer run transactions for them, and
//! see them at once ([`crate::forward`]). Long reads hold a snapshot for seconds. Scratch trees come and go, so that
//! pages are freed and used again.

use crate::cluster::{Cluster, Schema};
use crate::history::{Fate, Op, Txn as Record};
use crate::random::Random;
use crate::sabotage::Sabotage;
use crate::server::{Server, blame};
use crate::tally::Fault;
use engine::{
    Direction, Engine, Error, InsertOutcome, Isolation, KeyRange, LockStrength, Result, Rows, TreeId, TreeKind, Txn,
    Verdict, View, WriteOutcome,
};
use protocol::task::{Runtime, sleep, timeout};
use protocol::volume::Durability;
use protocol::{Ballot, Lsn};
use sql::session::OwnWrites;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storage::volume::replica::ReplicaVolume;

/// What every account begins with.
pub const OPENING_BALANCE: i64 = 1000;

/// How long a read with a token waits.
const TOKEN_PATIENCE: Duration = Duration::from_secs(2);

/// The key of a row.
#[must_use]
pub fn key(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// A row: a number, and bytes that make it long.
#[must_use]
pub fn number_row(number: i64, padding: usize) -> Vec<u8> {
    let mut row = number.to_le_bytes().to_vec();
    row.resize(8 + padding, 0x5a);
    row
}

fn number_in(row: &[u8]) -> Result<i64> {
    let bytes = row.get(..8).and_then(|bytes| bytes.try_into().ok());
    bytes.map(i64::from_le_bytes).ok_or_else(|| torn_row("a number"))
}

fn torn_row(what: &str) -> Error {
    Error::Corrupt { page: protocol::PageId::NONE, why: format!("a row is not {what}") }
}

/// A list's row: how many values, the values, and bytes that make it long.
#[must_use]
pub fn list_row(values: &[u64], padding: usize) -> Vec<u8> {
    let mut row = (values.len() as u32).to_le_bytes().to_vec();
    values.iter().for_each(|value| row.extend_from_slice(&value.to_le_bytes()));
    row.resize(row.len() + padding, 0xa5);
    row
}

/// The values of a list's row.
///
/// # Errors
/// When it is none.
pub fn list_in(row: &[u8]) -> Result<Vec<u64>> {
    let (count, rest) = row.split_first_chunk::<4>().ok_or_else(|| torn_row("a list"))?;
    let bytes = rest.get(..u32::from_le_bytes(*count) as usize * 8).ok_or_else(|| torn_row("a list"))?;
    Ok(bytes.chunks_exact(8).map(|chunk| u64::from_le_bytes(chunk.try_into().expect("chunks of eight"))).collect())
}

/// One client's connection.
pub(crate) struct Session {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) server: Arc<Server>,
    pub(crate) engine: Arc<Engine>,
    /// On a replica.
    pub(crate) following: Option<Arc<ReplicaVolume>>,
    /// Of the writer.
    ballot: Ballot,
    pub(crate) ended: Arc<AtomicBool>,
    pub(crate) random: Random,
    pub(crate) number: u64,
    schema: Schema,
    /// The least that it may see of each counter.
    pub(crate) counted: BTreeMap<u32, i64>,
    /// What it wrote through this server elsewhere.
    pub(crate) wrote: OwnWrites,
    /// Its last snapshot on a replica.
    pub(crate) seen: Lsn,
}

fn start(
    cluster: &Arc<Cluster>,
    server: &Arc<Server>,
    engine: &Arc<Engine>,
    following: Option<&Arc<ReplicaVolume>>,
    ballot: Ballot,
    ended: &Arc<AtomicBool>,
) {
    // Before there are tables there is nothing to do; the set-up starts the sessions of the first writer itself.
    let Some(schema) = cluster.schema() else { return };
    for _ in 0..cluster.shape.sessions {
        let number = cluster.next_session();
        let session = Session {
            cluster: cluster.clone(),
            server: server.clone(),
            engine: engine.clone(),
            following: following.cloned(),
            ballot,
            ended: ended.clone(),
            random: Random::new(cluster.seed, 1000 + number),
            number,
            schema,
            counted: BTreeMap::new(),
            wrote: OwnWrites::default(),
            seen: Lsn::ZERO,
        };
        Runtime::current().spawn(session.run());
    }
}

/// Adds an amount to a row's number, and gives it so much padding.
pub(crate) async fn add(
    cluster: &Cluster,
    engine: &Engine,
    txn: &mut Txn,
    tree: TreeId,
    number: u32,
    (amount, padding): (i64, usize),
) -> Result<()> {
    let view = engine.statement(txn);
    let mut change =
        |row: &[u8], _| number_in(row).map(|number| Verdict::Replace(number_row(number + amount, padding)));
    let strength = LockStrength::NoKeyUpdate;
    match engine.update(txn, &view, tree, &key(number), strength, &mut change).await? {
        WriteOutcome::Done => Ok(()),
        outcome => {
            let what = format!("row {number} of {tree} is {outcome:?} on the writer at {}", view.snapshot().lsn());
            cluster.ledger.violate(what);
            Err(Error::Serialization)
        }
    }
}

/// Appends a value to a list, and gives it so much padding.
pub(crate) async fn append(
    cluster: &Cluster,
    engine: &Engine,
    txn: &mut Txn,
    list: u32,
    (value, padding): (u64, usize),
) -> Result<()> {
    let Some(schema) = cluster.schema() else { return Err(Error::ReadOnly) };
    let view = engine.statement(txn);
    let mut change = |row: &[u8], _| {
        let mut values = list_in(row)?;
        values.push(value);
        Ok(Verdict::Replace(list_row(&values, padding)))
    };
    let outcome = engine.update(txn, &view, schema.lists, &key(list), LockStrength::NoKeyUpdate, &mut change).await?;
    if outcome != WriteOutcome::Done {
        cluster.ledger.violate(format!("list {list} is {outcome:?} on the writer"));
        return Err(Error::Serialization);
    }
    Ok(())
}

/// The values of a list.
pub(crate) async fn read_list(cluster: &Cluster, engine: &Engine, view: &View, list: u32) -> Result<Vec<u64>> {
    let Some(schema) = cluster.schema() else { return Err(Error::ReadOnly) };
    match engine.get(view, schema.lists, &key(list)).await? {
        Some(row) => list_in(&row),
        None => {
            cluster.ledger.violate(format!("there is no list {list} at {}", view.snapshot().lsn()));
            Err(Error::Serialization)
        }
    }
}

/// Starts the sessions of a writer.
pub fn start_writers(
    cluster: &Arc<Cluster>,
    server: &Arc<Server>,
    engine: &Arc<Engine>,
    ballot: Ballot,
    ended: &Arc<AtomicBool>,
) {
    start(cluster, server, engine, None, ballot, ended);
}

/// Starts the sessions of a replica.
pub fn start_readers(
    cluster: &Arc<Cluster>,
    server: &Arc<Server>,
    engine: &Arc<Engine>,
    volume: &Arc<ReplicaVolume>,
    ended: &Arc<AtomicBool>,
) {
    start(cluster, server, engine, Some(volume), Ballot::ZERO, ended);
}

impl Session {
    async fn run(mut self) {
        while !self.ended.load(Ordering::Relaxed) && !self.cluster.is_over() {
            let pause = self.random.micros(500, self.cluster.shape.think_micros_max);
            sleep(pause).await;
            if self.ended.load(Ordering::Relaxed) {
                // A replica's sessions end before its engine becomes the writer's.
                return;
            }
            let outcome = if self.following.is_some() { self.read_somehow().await } else { self.write_somehow().await };
            if let Err(error) = outcome {
                let severe = !matches!(
                    error,
                    Error::Serialization | Error::Deadlock | Error::SnapshotTooOld { .. } | Error::Cancelled
                );
                if severe {
                    blame(&self.cluster, &self.server, "a session", &error);
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    async fn write_somehow(&mut self) -> Result<()> {
        match self.random.below(100) {
            0..40 => self.transfer().await,
            40..75 => self.lists().await,
            75..85 => self.increment().await,
            85..93 => self.audit(Duration::ZERO).await,
            93..95 => self.count().await,
            95..97 => {
                let pause = self.random.millis(100, 3000);
                self.audit(pause).await
            }
            97 => self.scratch().await,
            98 => self.engine.vacuum(&engine::CancelToken::new()).await.map(drop),
            _ => self.lost_interest().await,
        }
    }

    async fn read_somehow(&mut self) -> Result<()> {
        if self.engine.snapshot().lsn() < self.schema.created {
            return Ok(());
        }
        let forwards = self.number.is_multiple_of(2) && self.random.chance(200);
        if forwards {
            return self.forward().await;
        }
        if !self.freshen().await {
            return Ok(());
        }
        match self.random.below(100) {
            0..45 => self.lists_read().await,
            45..55 => self.count().await,
            55..65 => self.read_by_token().await,
            65..90 => self.audit(Duration::ZERO).await,
            _ => {
                let pause = self.random.millis(100, 6000);
                self.audit(pause).await
            }
        }
    }

    /// What the client is told is durable.
    pub(crate) fn tell(&self, lsn: Lsn) {
        let ballot = self.following.as_ref().map_or(self.ballot, |volume| volume.ballot());
        self.cluster.ledger.note_told(ballot, lsn);
    }

    /// Waits until what was observed may be told.
    async fn may_tell(&self, observed: Lsn) -> Result<()> {
        let is_on_its_way = !self.engine.is_durable(observed, Durability::Flushed);
        let joins = is_on_its_way && self.cluster.world.is_in_turn(self.server.process);
        if joins {
            self.cluster.tally.count(Fault::GroupJoined);
        }
        let waits = match self.cluster.sabotage {
            Some(Sabotage::AckBeforeDurable) => false,
            Some(Sabotage::GroupJoinerTold) => !joins,
            _ => true,
        };
        if waits {
            self.engine.wait_durable(observed, Durability::Flushed).await?;
        }
        self.tell(observed);
        Ok(())
    }

    /// Commits, and returns the LSN when the client was told.
    async fn commit(&mut self, txn: Txn, appended: impl FnOnce(Lsn)) -> Result<Lsn> {
        let lsn = self.engine.commit(txn).await?;
        appended(lsn);
        self.may_tell(lsn).await?;
        self.cluster.count_commit();
        Ok(lsn)
    }

    pub(crate) fn padding(&mut self) -> usize {
        let max = self.cluster.shape.padding_max;
        if self.random.chance(30) { self.random.index(max * 4 + 1) } else { self.random.index(max + 1) }
    }

    async fn transfer(&mut self) -> Result<()> {
        let accounts = self.cluster.shape.accounts;
        let (from, to) = (self.random.below(accounts.into()) as u32, self.random.below(accounts.into()) as u32);
        let amount = self.random.between(1, 100) as i64;
        let isolation = self.random.pick(&[Isolation::ReadCommitted, Isolation::RepeatableRead]);
        let mut txn = self.engine.begin(isolation);
        self.add(&mut txn, self.schema.accounts, from, -amount).await?;
        if self.random.chance(100) {
            let savepoint = self.engine.savepoint(&mut txn);
            let other = self.random.below(accounts.into()) as u32;
            self.add(&mut txn, self.schema.accounts, other, 7).await?;
            self.engine.rollback_to(&mut txn, savepoint);
        }
        if self.random.chance(100) {
            let pause = self.random.millis(1, 30);
            sleep(pause).await;
        }
        self.add(&mut txn, self.schema.accounts, to, amount).await?;
        if self.random.chance(50) {
            self.engine.rollback(txn);
            return Ok(());
        }
        self.commit(txn, |_| {}).await.map(drop)
    }

    async fn add(&mut self, txn: &mut Txn, tree: TreeId, number: u32, amount: i64) -> Result<()> {
        let padding = self.padding();
        add(&self.cluster, &self.engine, txn, tree, number, (amount, padding)).await
    }

    async fn increment(&mut self) -> Result<()> {
        let counter = self.random.below(self.cluster.shape.counters.into()) as u32;
        let mut txn = self.engine.begin(Isolation::ReadCommitted);
        self.add(&mut txn, self.schema.counters, counter, 1).await?;
        let cluster = self.cluster.clone();
        // From here on it may count, whatever becomes of us.
        cluster.note_increment(counter, false);
        let committed = self.engine.commit(txn).await;
        let lsn = match committed {
            Ok(lsn) => lsn,
            Err(error) => {
                cluster.forget_increment(counter);
                return Err(error);
            }
        };
        self.may_tell(lsn).await?;
        cluster.note_increment(counter, true);
        cluster.count_commit();
        Ok(())
    }

    /// Reads lists and appends to them, in one REPEATABLE READ transaction.
    async fn lists(&mut self) -> Result<()> {
        let mut txn = self.engine.begin(Isolation::RepeatableRead);
        let first = self.engine.statement(&mut txn);
        let index = self.cluster.begin_txn(Record {
            session: self.number,
            snapshot: first.snapshot().lsn(),
            ops: Vec::new(),
            told: false,
            fate: Fate::Unknown,
        });
        let cluster = self.cluster.clone();
        let outcome = self.list_steps(&mut txn, index).await;
        if let Err(error) = outcome {
            self.engine.rollback(txn);
            cluster.change_txn(index, |record| record.fate = Fate::Aborted);
            return Err(error);
        }
        if self.random.chance(60) {
            self.engine.rollback(txn);
            cluster.change_txn(index, |record| record.fate = Fate::Aborted);
            return Ok(());
        }
        let before = cluster.clone();
        let wrote = cluster.txn_wrote(index);
        let mut reached = None;
        let committed = self
            .commit(txn, |lsn| {
                reached = Some(lsn);
                if wrote {
                    before.change_txn(index, |record| record.fate = Fate::Appended(lsn));
                }
            })
            .await;
        match committed {
            Ok(lsn) => {
                cluster.change_txn(index, |record| {
                    record.told = true;
                    if wrote {
                        record.fate = Fate::Acknowledged(lsn);
                    }
                });
                cluster.hand_token(index, lsn);
            }
            // The commit record never came into the log.
            Err(_) if reached.is_none() => cluster.change_txn(index, |record| record.fate = Fate::Aborted),
            Err(_) => {}
        }
        committed.map(drop)
    }

    async fn list_steps(&mut self, txn: &mut Txn, index: usize) -> Result<()> {
        let cluster = self.cluster.clone();
        for _ in 0..self.random.between(1, 5) {
            let list = self.random.below(cluster.shape.lists.into()) as u32;
            let view = self.engine.statement(txn);
            if self.random.chance(500) {
                let values = self.read_list(&view, list).await?;
                cluster.change_txn(index, |record| record.ops.push(Op::Read(list, values)));
                continue;
            }
            let (value, padding) = (cluster.next_value(), self.padding());
            // Noted before: from its commit on others may see it.
            cluster.change_txn(index, |record| record.ops.push(Op::Append(list, value)));
            append(&cluster, &self.engine, txn, list, (value, padding)).await?;
        }
        Ok(())
    }

    pub(crate) async fn read_list(&self, view: &View, list: u32) -> Result<Vec<u64>> {
        read_list(&self.cluster, &self.engine, view, list).await
    }

    /// Reads lists on a replica.
    async fn lists_read(&mut self) -> Result<()> {
        let view = self.engine.view(self.engine.snapshot());
        let mut ops = Vec::new();
        for _ in 0..self.random.between(1, 5) {
            let list = self.random.below(self.cluster.shape.lists.into()) as u32;
            ops.push(Op::Read(list, self.read_list(&view, list).await?));
        }
        let snapshot = view.snapshot().lsn();
        self.seen = snapshot;
        self.tell(view.observed());
        let fate = Fate::Aborted;
        self.cluster.begin_txn(Record { session: self.number, snapshot, ops, told: true, fate });
        Ok(())
    }

    /// Reads every counter: none has gone back, none has counted what nobody added.
    async fn count(&mut self) -> Result<()> {
        let view = self.engine.view(self.engine.snapshot());
        let mut counts = Vec::new();
        for counter in 0..self.cluster.shape.counters {
            let row = self.engine.get(&view, self.schema.counters, &key(counter)).await?;
            let count = row.map(|row| number_in(&row)).transpose()?;
            counts.push((counter, count.unwrap_or(-1), self.cluster.increments_begun(counter)));
        }
        self.may_tell(view.observed()).await?;
        let at = view.snapshot().lsn();
        for (counter, count, begun) in counts {
            let before = self.counted.insert(counter, count).unwrap_or_default();
            if count < before || count > begun {
                let seen = format!("session {} sees {count} on counter {counter} at {at}", self.number);
                self.cluster.ledger.violate(format!("{seen}: it had seen {before}, and {begun} were added"));
            }
        }
        Ok(())
    }

    /// Waits for what a client was told on the writer, and must then see it.
    async fn read_by_token(&mut self) -> Result<()> {
        let (Some(volume), Some((list, value, lsn))) = (self.following.clone(), self.cluster.token()) else {
            return Ok(());
        };
        if !matches!(timeout(TOKEN_PATIENCE, volume.wait_applied(lsn)).await, Ok(Ok(()))) {
            return Ok(());
        }
        let view = self.engine.view(self.engine.snapshot());
        let at = view.snapshot().lsn();
        let values = self.read_list(&view, list).await?;
        if at < lsn || !values.contains(&value) {
            let who = self.server.index;
            self.cluster
                .ledger
                .violate(format!("replica {who} applied {lsn} and shows list {list} at {at} without {value}"));
        }
        self.tell(view.observed());
        Ok(())
    }

    /// Reads every account, half of them after a `pause`: the sum is what it always was.
    async fn audit(&mut self, pause: Duration) -> Result<()> {
        let view = self.engine.view(self.engine.snapshot());
        let mut scan = self.engine.scan(&view, self.schema.accounts, KeyRange::all(), Direction::Forward);
        let (mut sum, mut count, mut rows) = (0, 0, Rows::new());
        let mut pause = (!pause.is_zero()).then_some(pause);
        while scan.next_batch(&mut rows, 16).await? > 0 {
            for (_, row) in rows.iter() {
                sum += number_in(row)?;
                count += 1;
            }
            if let Some(pause) = pause.take() {
                sleep(pause).await;
            }
        }
        let at = view.snapshot().lsn();
        let (accounts, who) = (self.cluster.shape.accounts, self.server.index);
        if (count, sum) != (accounts, i64::from(accounts) * OPENING_BALANCE) {
            self.cluster.ledger.violate(format!("server {who} at {at} counts {sum} on {count} accounts"));
        }
        self.may_tell(view.observed()).await
    }

    /// Makes a tree, fills it, and most times drops it again.
    async fn scratch(&mut self) -> Result<()> {
        let mut txn = self.engine.begin(Isolation::ReadCommitted);
        let tree = self.engine.create_tree(&mut txn, TreeKind::Clustered).await?;
        for number in 0..self.random.between(1, 30) as u32 {
            let view = self.engine.statement(&mut txn);
            let row = number_row(number.into(), self.random.index(100));
            if self.engine.insert(&mut txn, &view, tree, &key(number), &row).await? != InsertOutcome::Inserted {
                self.cluster.ledger.violate(format!("a new tree {tree} has row {number} already"));
            }
        }
        if self.random.chance(300) {
            self.engine.rollback(txn);
            return Ok(());
        }
        self.commit(txn, |_| {}).await?;
        let mut txn = self.engine.begin(Isolation::ReadCommitted);
        self.engine.drop_tree(&mut txn, tree).await?;
        self.commit(txn, |_| {}).await.map(drop)
    }

    /// A transaction that is dropped in the middle.
    async fn lost_interest(&mut self) -> Result<()> {
        let mut txn = self.engine.begin(Isolation::ReadCommitted);
        let account = self.random.below(self.cluster.shape.accounts.into()) as u32;
        self.add(&mut txn, self.schema.accounts, account, 1000).await?;
        let pause = self.random.millis(1, 200);
        sleep(pause).await;
        drop(txn);
        Ok(())
    }
}
