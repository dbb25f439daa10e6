//! What statements cost, counted rather than timed, so that a change that adds to it is seen whatever machine runs this:
//! allocations and instructions of keyed statements and of small ranges, and redo of a bank transfer.
//!
//! Instructions are counted by valgrind's callgrind, under which this program runs [`rounds_to_be_counted`].
//!
//! The figures are of the session and the engine over a volume in memory, after the statements have run a few times. The
//! bounds leave about a tenth; whoever saves something lowers them.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;

use engine::testing::MemoryVolume;
use sql::session::{Client, Column, Database, Session};
use support::{database, run, session};
use tokio::runtime::Runtime;
use types::{Datum, Result, Settings};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting the calls of each thread.
struct Counting;

// An allocator cannot be written without `unsafe`; this one passes every call on as it came.
#[allow(unsafe_code)]
// SAFETY: all is left to the system's allocator, with the arguments that the caller vouches for.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A client that keeps nothing.
#[derive(Default)]
struct Nobody {
    rows: u64,
}

impl Client for Nobody {
    fn data_row(&mut self, _: &[Datum], _: &[Column], _: &[i16], _: &Settings) -> Result<()> {
        self.rows += 1;
        Ok(())
    }
}

/// How a statement is sent.
#[derive(Clone, Copy, Debug)]
enum Mode {
    /// A Query message with the value in it.
    Simple,
    /// Parse of the unnamed statement each time.
    Extended,
    /// A named statement, parsed before.
    Prepared,
}

struct Statement {
    name: &'static str,
    text: &'static str,
}

const SELECT: Statement = Statement { name: "s", text: "SELECT abalance FROM pgbench_accounts WHERE aid = $1" };
const UPDATE: Statement =
    Statement { name: "u", text: "UPDATE pgbench_accounts SET abalance = abalance + 7 WHERE aid = $1" };
const INSERT: Statement = Statement {
    name: "i",
    text: "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, $1, 4, CURRENT_TIMESTAMP)",
};
const DELETE: Statement = Statement { name: "x", text: "DELETE FROM pgbench_accounts WHERE aid = $1" };
const REPLACE: Statement =
    Statement { name: "p", text: "INSERT INTO pgbench_accounts (aid, bid, abalance) VALUES ($1, 1, 0)" };
const RANGE: Statement =
    Statement { name: "r", text: "SELECT abalance FROM pgbench_accounts WHERE aid BETWEEN $1 AND $1 + 99" };
const SUM: Statement =
    Statement { name: "a", text: "SELECT sum(abalance) FROM pgbench_accounts WHERE aid BETWEEN $1 AND $1 + 99" };
const SORT: Statement = Statement {
    name: "o",
    text: "SELECT filler FROM pgbench_accounts WHERE aid BETWEEN $1 AND $1 + 99 ORDER BY filler",
};
const DISTINCT: Statement = Statement {
    name: "d",
    text: "SELECT DISTINCT filler FROM pgbench_accounts WHERE aid BETWEEN $1 AND $1 + 99 ORDER BY filler",
};
const BEGIN: Statement = Statement { name: "b", text: "BEGIN" };
const END: Statement = Statement { name: "e", text: "END" };
const PREPARED: [&Statement; 11] =
    [&SELECT, &UPDATE, &INSERT, &DELETE, &REPLACE, &RANGE, &SUM, &SORT, &DISTINCT, &BEGIN, &END];

async fn send(session: &mut Session, statement: &Statement, mode: Mode, value: u32) {
    let client = &mut Nobody::default();
    let digits = value.to_string();
    let takes = statement.text.contains("$1");
    if let Mode::Simple = mode {
        let text = statement.text.replace("$1", &digits);
        session.simple(&text, client).await.expect("a sound statement");
        session.settle().await.expect("the volume is alive");
        return;
    }
    let name = match mode {
        Mode::Prepared => statement.name,
        _ => {
            session.parse("", statement.text, &[]).await.expect("a sound statement");
            ""
        }
    };
    let params: &[Option<&[u8]>] = if takes { &[Some(digits.as_bytes())] } else { &[] };
    session.bind("", name, &[], params, &[0]).await.expect("a number");
    session.describe_portal("", client).await.expect("a portal");
    session.execute("", 0, client).await.expect("a sound statement");
    session.sync().await.expect("nothing in the way");
    session.settle().await.expect("the volume is alive");
}

/// Allocations of one more round of the statements, the least of many: what grows by doubling is not counted against it.
async fn count(session: &mut Session, statements: &[&Statement], mode: Mode) -> u64 {
    // The harness allocates the digits, and the text in simple mode.
    let own: u64 = statements.iter().map(|_| if let Mode::Simple = mode { 2 } else { 1 }).sum();
    let mut least = u64::MAX;
    for round in 0..50 {
        let before = COUNT.with(Cell::get);
        for statement in statements {
            send(session, statement, mode, 1 + round).await;
        }
        least = least.min(COUNT.with(Cell::get) - before);
    }
    least.saturating_sub(own)
}

/// A session on a thousand accounts, with all statements prepared.
async fn accounts() -> (Arc<MemoryVolume>, Arc<Database>, Session) {
    let (volume, database) = database(1024).await;
    let mut session = session(&database).await;
    for setup in [
        "create table pgbench_accounts (aid int not null, bid int, abalance int, filler char(84)) with (fillfactor=100)",
        "create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))",
        "insert into pgbench_accounts select n, 1, 0, '' from generate_series(1, 1000) n",
        "alter table pgbench_accounts add primary key (aid)",
    ] {
        let lines = run(&mut session, setup).await;
        assert!(!lines[0].starts_with("ERROR"), "{lines:?}");
    }
    for statement in PREPARED {
        session.parse(statement.name, statement.text, &[]).await.expect("a sound statement");
    }
    (volume, database, session)
}

#[tokio::test]
async fn keyed_statements_allocate_little() {
    let (_volume, _database, mut session) = accounts().await;
    let cases: &[(&str, &[&Statement], [u64; 3])] = &[
        ("select", &[&SELECT], [9, 9, 10]),
        ("update", &[&UPDATE], [21, 21, 22]),
        ("insert", &[&INSERT], [23, 23, 24]),
        ("delete and insert", &[&DELETE, &REPLACE], [33, 33, 35]),
        ("block", &[&BEGIN, &UPDATE, &SELECT, &END], [28, 28, 32]),
    ];
    let mut over = Vec::new();
    for (what, statements, bounds) in cases {
        for (mode, bound) in [Mode::Prepared, Mode::Extended, Mode::Simple].into_iter().zip(bounds) {
            let found = count(&mut session, statements, mode).await;
            if found > *bound {
                over.push(format!("{what} {mode:?}: {found} allocations, at most {bound} wanted"));
            }
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}

/// The redo of one TPC-B transaction, whose rows are spread as pgbench spreads them.
const TRANSFER_REDO_BYTES_MAX: u64 = 260;

#[tokio::test]
async fn a_bank_transfer_writes_little_redo() {
    let (_volume, database) = database(4096).await;
    let mut session = session(&database).await;
    for setup in [
        "create table pgbench_accounts (aid int primary key, bid int, abalance int, filler char(84))",
        "create table pgbench_tellers (tid int primary key, bid int, tbalance int, filler char(84))",
        "create table pgbench_branches (bid int primary key, bbalance int, filler char(88))",
        "create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))",
        "insert into pgbench_accounts select n, 1, 0, '' from generate_series(1, 1000) n",
        "insert into pgbench_tellers select n, 1, 0, '' from generate_series(1, 100) n",
        "insert into pgbench_branches select n, 0, '' from generate_series(1, 10) n",
    ] {
        let lines = run(&mut session, setup).await;
        assert!(!lines[0].starts_with("ERROR"), "{lines:?}");
    }
    let mut bytes = Vec::new();
    for round in 0..1500_u64 {
        let before = database.engine.snapshot().lsn();
        let (aid, tid, bid) = (round * 7919 % 1000 + 1, round * 31 % 100 + 1, round * 7 % 10 + 1);
        let delta = (round * 1237 % 10_001) as i64 - 5000;
        for statement in [
            "BEGIN;".to_owned(),
            format!("UPDATE pgbench_accounts SET abalance = abalance + {delta} WHERE aid = {aid};"),
            format!("SELECT abalance FROM pgbench_accounts WHERE aid = {aid};"),
            format!("UPDATE pgbench_tellers SET tbalance = tbalance + {delta} WHERE tid = {tid};"),
            format!("UPDATE pgbench_branches SET bbalance = bbalance + {delta} WHERE bid = {bid};"),
            format!(
                "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) \
                 VALUES ({tid}, {bid}, {aid}, {delta}, CURRENT_TIMESTAMP);"
            ),
            "END;".to_owned(),
        ] {
            let lines = run(&mut session, &statement).await;
            assert!(!lines[0].starts_with("ERROR"), "{statement}: {lines:?}");
        }
        bytes.push(database.engine.snapshot().lsn().since(before));
    }
    // At first every leaf is full and splits; from then on splits and prunes are of many transactions, and counted in.
    let settled = &bytes[1000..];
    let mean = settled.iter().sum::<u64>() / settled.len() as u64;
    assert!(
        mean <= TRANSFER_REDO_BYTES_MAX,
        "{mean} bytes of redo a transaction, at most {TRANSFER_REDO_BYTES_MAX} wanted"
    );
}

/// How often each statement is counted.
const ROUNDS: u32 = 100;

/// A function of a name that callgrind knows, which runs a statement some rounds.
macro_rules! counted {
    ($($name:ident: $statement:expr, $mode:expr;)+) => {
        $(#[inline(never)]
        fn $name(runtime: &Runtime, session: &mut Session) {
            runtime.block_on(async {
                for round in 0..ROUNDS {
                    send(session, &$statement, $mode, 1 + round).await;
                }
            });
        })+
        const COUNTED: &[fn(&Runtime, &mut Session)] = &[$($name),+];
    };
}

counted! {
    counted_select_prepared: SELECT, Mode::Prepared;
    counted_select_simple: SELECT, Mode::Simple;
    counted_update_prepared: UPDATE, Mode::Prepared;
    counted_insert_prepared: INSERT, Mode::Prepared;
    counted_range_prepared: RANGE, Mode::Prepared;
    counted_sum_prepared: SUM, Mode::Prepared;
    counted_sort_prepared: SORT, Mode::Prepared;
    counted_distinct_prepared: DISTINCT, Mode::Prepared;
    counted_delete_prepared: DELETE, Mode::Prepared;
}

/// What is counted below; by itself it only shows that the statements run.
#[test]
fn rounds_to_be_counted() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (_volume, _database, mut session) = runtime.block_on(accounts());
    // What is made once is made before.
    for statement in [&SELECT, &UPDATE, &INSERT, &RANGE, &SUM, &SORT, &DISTINCT] {
        for mode in [Mode::Prepared, Mode::Simple] {
            runtime.block_on(send(&mut session, statement, mode, 1));
        }
    }
    // Of a row that nothing is counted of.
    runtime.block_on(send(&mut session, &DELETE, Mode::Prepared, 1000));
    for counted in COUNTED {
        counted(&runtime, &mut session);
    }
}

/// Instructions that callgrind counted in the calls of functions of a name, with all that they called. The format is that
/// of valgrind's manual, chapter "Callgrind Format Specification".
fn instructions(profile: &str, function: &str) -> u64 {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut found = false;
    let mut sum = 0;
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        if let Some((kind, name)) = line.split_once('=')
            && matches!(kind, "fn" | "cfn")
        {
            let (id, name) = name.split_once(' ').unwrap_or((name, ""));
            if !name.is_empty() {
                names.insert(id, name);
            }
            found = kind == "cfn" && names.get(id).is_some_and(|name| name.contains(function));
        } else if line.starts_with("calls=") {
            let cost = lines.next().and_then(|cost| cost.split_whitespace().next_back()?.parse::<u64>().ok());
            if std::mem::take(&mut found) {
                sum += cost.expect("a call has a cost");
            }
        }
    }
    sum
}

#[test]
fn keyed_statements_run_few_instructions() {
    let directory = tempfile::tempdir().expect("a directory");
    let profile = directory.path().join("profile");
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "rounds_to_be_counted", "--test-threads=1"])
        .output()
        .expect("valgrind is installed (./check sees to that)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let profile = std::fs::read_to_string(profile).expect("callgrind wrote it");
    let bounds = [
        ("counted_select_prepared", 12_700),
        ("counted_select_simple", 15_400),
        ("counted_update_prepared", 28_800),
        ("counted_insert_prepared", 23_700),
        ("counted_range_prepared", 173_000),
        ("counted_sum_prepared", 235_000),
        ("counted_sort_prepared", 367_000),
        ("counted_distinct_prepared", 302_000),
        ("counted_delete_prepared", 20_900),
    ];
    assert_eq!(bounds.len(), COUNTED.len());
    let mut over = Vec::new();
    for (function, bound) in bounds {
        let each = instructions(&profile, function) / u64::from(ROUNDS);
        assert!(each > 0, "{function} was counted");
        if each > bound {
            over.push(format!("{function}: {each} instructions, at most {bound} wanted"));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}
