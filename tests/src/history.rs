//! Transfers and appends from many clients, whatever is done to the servers meanwhile; and what must be true afterwards.
//!
//! Two kinds of transactions, because each sees what the other cannot:
//! - a *transfer* moves money between two accounts and writes a row that says so: money stays constant, every acknowledged
//!   transfer is there, balances are what the transfers add up to. It finds what is lost, torn or applied twice.
//! - an *append* puts a number that nobody else uses at the end of a list; readers, of the writer and of replicas, look at
//!   lists. All that was ever seen of a list must be a prefix of what it is in the end, and within a session on one server
//!   it must not shrink. It finds forks, stale reads that go back, and commits that were shown and then taken back.
//!
//! What a client knows of a transaction: acknowledged, refused, or unknown (the connection ended, or 40003). The unknown may
//! be there or not; the others have no choice.

use crate::cluster::PATIENCE;
use anyhow::{Context, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};

const ACCOUNTS: i32 = 64;
/// Appends until the next lists are used, so that none grows without end.
const LIST_LENGTH: u64 = 40;
const LISTS: u64 = 4;
/// A statement that takes longer than this is given up with its connection.
const STATEMENT: Duration = Duration::from_secs(15);

/// What a client knows of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    Refused,
    Unknown,
}

/// A list as somebody saw it.
#[derive(Debug)]
struct Sighting {
    list: i64,
    numbers: Vec<u64>,
    server: usize,
}

#[derive(Default)]
struct Record {
    transfers: HashMap<u64, Fate>,
    appends: HashMap<u64, (i64, Fate)>,
    sightings: Vec<Sighting>,
    /// Sightings that went back within a session.
    shrunk: Vec<String>,
    refusals: BTreeMap<String, u64>,
}

/// The clients, and all that they know.
pub struct History {
    targets: Vec<Config>,
    record: Mutex<Record>,
    next: AtomicU64,
    acknowledged: AtomicU64,
    stop: AtomicBool,
}

impl History {
    /// Creates the tables where writes are taken; the clients go to `targets`, one for each server.
    ///
    /// # Errors
    /// When no server takes them within [`PATIENCE`].
    pub async fn begin(targets: Vec<Config>) -> anyhow::Result<Arc<History>> {
        let history = History {
            targets,
            record: Mutex::default(),
            next: AtomicU64::new(1),
            acknowledged: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        };
        let tables = format!(
            "DROP TABLE IF EXISTS accounts; DROP TABLE IF EXISTS transfers; DROP TABLE IF EXISTS lists;
             CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
             INSERT INTO accounts SELECT i, 0 FROM generate_series(0, {ACCOUNTS} - 1) i;
             CREATE TABLE transfers (id bigint PRIMARY KEY, source int, target int, amount bigint);
             CREATE TABLE lists (id bigint PRIMARY KEY, numbers text NOT NULL)"
        );
        until_done(async || {
            history.connect_to_writer().await?.batch_execute(&tables).await?;
            anyhow::Ok(())
        })
        .await?;
        Ok(Arc::new(history))
    }

    /// Starts so many clients that write, and one for each server that reads.
    #[must_use]
    pub fn start(self: &Arc<History>, writers: usize, rng: &mut StdRng) -> Vec<JoinHandle<()>> {
        let mut clients = Vec::new();
        for _ in 0..writers {
            clients.push(tokio::spawn(writer(self.clone(), StdRng::from_rng(rng))));
        }
        for server in 0..self.targets.len() {
            clients.push(tokio::spawn(reader(self.clone(), server, StdRng::from_rng(rng))));
        }
        clients
    }

    /// The clients end with what they are at.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Transactions that were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// How often a list was looked at.
    #[must_use]
    pub fn sightings(&self) -> usize {
        self.record().sightings.len()
    }

    /// How often which SQLSTATE was answered.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        self.record().refusals.clone()
    }

    /// Waits for `more` acknowledgements: the cluster is whole, so they must come.
    ///
    /// # Errors
    /// When they do not.
    pub async fn progress(&self, more: u64) -> anyhow::Result<()> {
        let (begin, before) = (Instant::now(), self.acknowledged());
        while self.acknowledged() < before + more {
            ensure!(begin.elapsed() < PATIENCE, "nothing is acknowledged any more");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// The longest time without an acknowledgement until the sender of `over` is dropped.
    pub async fn longest_silence(self: Arc<History>, mut over: oneshot::Receiver<()>) -> Duration {
        let (mut count, mut since, mut longest) = (self.acknowledged(), Instant::now(), Duration::ZERO);
        loop {
            let ended = tokio::time::timeout(Duration::from_millis(1), &mut over).await.is_ok();
            longest = longest.max(since.elapsed());
            let now = self.acknowledged();
            if now > count {
                (count, since) = (now, Instant::now());
            }
            if ended {
                return longest;
            }
        }
    }

    /// The server that accepts writes, asked of all until one says so.
    ///
    /// # Errors
    /// When none does.
    pub async fn find_writer(&self) -> anyhow::Result<usize> {
        let begin = Instant::now();
        loop {
            for (server, target) in self.targets.iter().enumerate() {
                let Ok(client) = connect(target).await else { continue };
                let answer = in_time(client.simple_query("SELECT pg_is_in_recovery()")).await;
                if let Some(Ok(rows)) = answer
                    && rows.iter().find_map(row).and_then(|row| row.get(0)) == Some("f")
                {
                    return Ok(server);
                }
            }
            ensure!(begin.elapsed() < PATIENCE, "no server is the writer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn connect_to_writer(&self) -> anyhow::Result<Client> {
        connect(&self.targets[self.find_writer().await?]).await
    }

    /// What must be true when all is over: on the writer, and on every replica once it has caught up.
    ///
    /// # Errors
    /// With what is not.
    pub async fn check(&self) -> anyhow::Result<()> {
        let question = "SELECT pg_current_wal_lsn()::text";
        let end = until_done(async || {
            let row = self.connect_to_writer().await?.query_one(question, &[]).await?;
            anyhow::Ok(row.get::<_, String>(0))
        })
        .await?;
        let mut lists = None;
        for (server, target) in self.targets.iter().enumerate() {
            let context = || format!("server {server}");
            let read = until_done(async || {
                let client = caught_up(target, &end).await?;
                anyhow::Ok((read_money(&client).await?, read_lists(&client).await?))
            });
            let ((balances, transfers), here) = read.await.with_context(context)?;
            check_money(&balances, &transfers, &self.record()).with_context(context)?;
            match &lists {
                None => lists = Some(here),
                Some(lists) => ensure!(*lists == here, "server {server} has other lists than the one before"),
            }
        }
        check_lists(&lists.context("there are servers")?, &self.record())
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().expect("no holder panics")
    }

    /// What an error says of the transaction it ended.
    fn fate(&self, result: &Result<(), Error>) -> Fate {
        let Err(error) = result else {
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
            return Fate::Acknowledged;
        };
        let code = error.code().map_or("none", |code| code.code());
        *self.record().refusals.entry(code.to_owned()).or_default() += 1;
        match code {
            "none" | "40003" => Fate::Unknown,
            // The server ended: whether the commit got through is not said.
            code if code.starts_with("57P") => Fate::Unknown,
            _ => Fate::Refused,
        }
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, Error>>) -> Option<Result<T, Error>> {
    tokio::time::timeout(STATEMENT, call).await.ok()
}

/// Does something on a server until it is done: on a busy machine a replica may stand at any time, and then one server begins
/// anew and another is the writer.
async fn until_done<T>(mut work: impl AsyncFnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let begin = Instant::now();
    loop {
        match work().await {
            Ok(done) => return Ok(done),
            Err(error) => ensure!(begin.elapsed() < PATIENCE, "{error:#}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn list_of(number: u64) -> i64 {
    (number / (LIST_LENGTH * LISTS) * LISTS + number % LISTS) as i64
}

async fn transfer(history: &History, client: &Client, rng: &mut StdRng) -> bool {
    let number = history.number();
    let (from, to, amount) =
        (rng.random_range(0..ACCOUNTS), rng.random_range(0..ACCOUNTS), rng.random_range(-5000i64..5000));
    let isolation = if rng.random() { "READ COMMITTED" } else { "REPEATABLE READ" };
    let sql = format!(
        "BEGIN ISOLATION LEVEL {isolation};
         UPDATE accounts SET balance = balance - {amount} WHERE id = {from};
         UPDATE accounts SET balance = balance + {amount} WHERE id = {to};
         INSERT INTO transfers VALUES ({number}, {from}, {to}, {amount});
         COMMIT"
    );
    history.record().transfers.insert(number, Fate::Unknown);
    let Some(result) = in_time(client.batch_execute(&sql)).await else { return false };
    let fate = history.fate(&result);
    history.record().transfers.insert(number, fate);
    again(client, &result).await
}

async fn append(history: &History, client: &Client) -> bool {
    let number = history.number();
    let list = list_of(number);
    let sql = format!(
        "INSERT INTO lists VALUES ({list}, '{number}')
         ON CONFLICT (id) DO UPDATE SET numbers = lists.numbers || ',' || excluded.numbers"
    );
    history.record().appends.insert(number, (list, Fate::Unknown));
    let Some(result) = in_time(client.batch_execute(&sql)).await else { return false };
    let fate = history.fate(&result);
    history.record().appends.insert(number, (list, fate));
    again(client, &result).await
}

/// Whether the session is of further use: its connection stands, and its server writes.
async fn again(client: &Client, result: &Result<(), Error>) -> bool {
    let Err(error) = result else { return true };
    let read_only = error.code().is_some_and(|code| code.code() == "25006");
    !read_only && !client.is_closed() && client.batch_execute("ROLLBACK").await.is_ok()
}

async fn writer(history: Arc<History>, mut rng: StdRng) {
    while !history.stop.load(Ordering::Relaxed) {
        for target in &history.targets {
            let Ok(client) = connect(target).await else { continue };
            let mut useful = true;
            while useful && !history.stop.load(Ordering::Relaxed) {
                useful = match rng.random() {
                    true => transfer(&history, &client, &mut rng).await,
                    false => append(&history, &client).await,
                };
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn reader(history: Arc<History>, server: usize, mut rng: StdRng) {
    while !history.stop.load(Ordering::Relaxed) {
        if let Ok(client) = connect(&history.targets[server]).await {
            let mut seen: HashMap<i64, usize> = HashMap::new();
            let mut useful = true;
            while useful && !history.stop.load(Ordering::Relaxed) {
                useful = look(&history, server, &client, &mut rng, &mut seen).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn look(
    history: &History,
    server: usize,
    client: &Client,
    rng: &mut StdRng,
    seen: &mut HashMap<i64, usize>,
) -> bool {
    let newest = list_of(history.next.load(Ordering::Relaxed));
    let list = newest - rng.random_range(0..2 * LISTS as i64);
    let Some(Ok(numbers)) = in_time(read_list(client, list)).await else { return false };
    let length = numbers.len();
    let before = seen.insert(list, length).unwrap_or(0);
    {
        let mut record = history.record();
        if length < before {
            record.shrunk.push(format!("server {server}: list {list} had {before} numbers and then {length}"));
        }
        record.sightings.push(Sighting { list, numbers, server });
    }
    // Readers must not take the processor from what they look at.
    tokio::time::sleep(Duration::from_millis(rng.random_range(0..20))).await;
    true
}

fn numbers_of(text: &str) -> Vec<u64> {
    text.split(',').filter_map(|number| number.parse().ok()).collect()
}

async fn read_list(client: &Client, list: i64) -> Result<Vec<u64>, Error> {
    let rows = client.simple_query(&format!("SELECT numbers FROM lists WHERE id = {list}")).await?;
    Ok(rows.iter().find_map(row).map_or(Vec::new(), |row| numbers_of(row.get(0).unwrap_or_default())))
}

fn row(message: &SimpleQueryMessage) -> Option<&tokio_postgres::SimpleQueryRow> {
    if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None }
}

/// Connects; the connection ends with the client.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub async fn connect(target: &Config) -> anyhow::Result<Client> {
    let (client, connection) = target.connect(NoTls).await?;
    tokio::spawn(async move {
        // Whoever uses the client sees why the connection ended.
        let _ = connection.await;
    });
    Ok(client)
}

/// Connects to a server that has applied everything up to `end`.
async fn caught_up(target: &Config, end: &str) -> anyhow::Result<Client> {
    let begin = Instant::now();
    loop {
        if let Ok(client) = connect(target).await {
            let sql = format!(
                "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END \
                 >= '{end}'::pg_lsn"
            );
            let answer = client.query_one(&sql, &[]).await;
            if answer.is_ok_and(|row| row.get::<_, bool>(0)) {
                return Ok(client);
            }
        }
        ensure!(begin.elapsed() < PATIENCE, "it does not get to {end}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A transfer: its number, source, target and amount.
type Transfer = (u64, i32, i32, i64);

async fn read_money(client: &Client) -> anyhow::Result<(BTreeMap<i32, i64>, Vec<Transfer>)> {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let accounts = client.query("SELECT id, balance FROM accounts", &[]).await?;
    let transfers = client.query("SELECT id, source, target, amount FROM transfers", &[]).await?;
    client.batch_execute("COMMIT").await?;
    let transfers = transfers.iter().map(|row| (row.get::<_, i64>(0) as u64, row.get(1), row.get(2), row.get(3)));
    Ok((accounts.iter().map(|row| (row.get(0), row.get(1))).collect(), transfers.collect()))
}

fn check_money(balances: &BTreeMap<i32, i64>, transfers: &[Transfer], record: &Record) -> anyhow::Result<()> {
    let mut sums: BTreeMap<i32, i64> = (0..ACCOUNTS).map(|id| (id, 0)).collect();
    let mut there = HashSet::new();
    for (number, source, target, amount) in transfers {
        *sums.entry(*source).or_default() -= amount;
        *sums.entry(*target).or_default() += amount;
        ensure!(there.insert(*number), "transfer {number} is there twice");
    }
    ensure!(*balances == sums, "the balances are {balances:?}, the transfers say {sums:?}");
    for (number, fate) in &record.transfers {
        ensure!(
            *fate != Fate::Acknowledged || there.contains(number),
            "transfer {number} was acknowledged and is lost"
        );
        ensure!(*fate != Fate::Refused || !there.contains(number), "transfer {number} was refused and is there");
    }
    Ok(())
}

async fn read_lists(client: &Client) -> anyhow::Result<BTreeMap<i64, Vec<u64>>> {
    let rows = client.query("SELECT id, numbers FROM lists", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), numbers_of(row.get(1)))).collect())
}

fn check_lists(lists: &BTreeMap<i64, Vec<u64>>, record: &Record) -> anyhow::Result<()> {
    let mut wrong = String::new();
    for (number, (list, fate)) in &record.appends {
        let times = lists.get(list).map_or(0, |list| list.iter().filter(|it| *it == number).count());
        match (fate, times) {
            (Fate::Acknowledged, 1) | (Fate::Refused, 0) | (Fate::Unknown, 0 | 1) => {}
            _ => writeln!(wrong, "append {number}: {fate:?}, and {times} times in list {list}")?,
        }
    }
    for seen in &record.sightings {
        let list = lists.get(&seen.list).map_or(&[][..], |list| list);
        if !list.starts_with(&seen.numbers) {
            writeln!(wrong, "server {} showed list {} as {:?}, it is {list:?}", seen.server, seen.list, seen.numbers)?;
        }
    }
    wrong.extend(record.shrunk.iter().map(|line| format!("{line}\n")));
    ensure!(wrong.is_empty(), "the history is not clean:\n{wrong}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(list: &[u64], appends: &[(u64, Fate)], sightings: &[&[u64]]) -> bool {
        let record = Record {
            appends: appends.iter().map(|(number, fate)| (*number, (7, *fate))).collect(),
            sightings: sightings.iter().map(|it| Sighting { list: 7, numbers: it.to_vec(), server: 1 }).collect(),
            ..Record::default()
        };
        check_lists(&BTreeMap::from([(7, list.to_vec())]), &record).is_ok()
    }

    #[test]
    fn a_list_tells_what_was_lost_taken_back_or_forked() {
        use Fate::{Acknowledged, Refused, Unknown};
        let fates = [(1, Acknowledged), (2, Unknown), (3, Acknowledged), (4, Refused)];
        assert!(verdict(&[1, 2, 3], &fates, &[&[], &[1], &[1, 2], &[1, 2, 3]]));
        assert!(verdict(&[3, 1], &fates, &[&[3]]), "whoever got no answer may have failed");
        assert!(!verdict(&[1, 2], &fates, &[]), "3 was acknowledged");
        assert!(!verdict(&[1, 3, 4], &fates, &[]), "4 was refused");
        assert!(!verdict(&[1, 3, 3], &fates, &[]), "3 is there twice");
        assert!(!verdict(&[1, 3], &fates, &[&[1, 2]]), "2 was shown and taken back");
        assert!(!verdict(&[1, 3], &fates, &[&[3]]), "two orders of one list");
    }

    #[test]
    fn money_tells_what_was_lost_or_half_done() {
        let verdict = |balances: [i64; 2], transfers: &[Transfer], fate| {
            let rest = (2..ACCOUNTS).map(|id| (id, 0));
            let balances = [(0, balances[0]), (1, balances[1])].into_iter().chain(rest).collect();
            let record = Record { transfers: HashMap::from([(5, fate)]), ..Record::default() };
            check_money(&balances, transfers, &record).is_ok()
        };
        assert!(verdict([-30, 30], &[(5, 0, 1, 30)], Fate::Acknowledged));
        assert!(verdict([0, 0], &[], Fate::Unknown));
        assert!(!verdict([0, 0], &[], Fate::Acknowledged), "lost");
        assert!(!verdict([-30, 0], &[(5, 0, 1, 30)], Fate::Acknowledged), "half");
        assert!(!verdict([-30, 30], &[], Fate::Unknown), "no row says why");
        assert!(!verdict([-30, 30], &[(5, 0, 1, 30)], Fate::Refused));
    }
}
