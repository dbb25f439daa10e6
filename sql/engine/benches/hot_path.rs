//! What a cached point get and a single-row update cost, over a volume in memory: microseconds of processor time for each
//! operation.
//!
//! `cargo bench -p redoubt-engine` prints one line per operation. The goals are 1.5 us for a get and 4 us for an update with
//! its commit record; the volume's own share (encoding and queueing the record) is part of the figure.

use engine::testing::MemoryVolume;
use engine::{
    Direction, Engine, Isolation, KeyRange, LockStrength, Options, Rows, TableLockMode, TreeKind, Verdict, WaitPolicy,
};
use std::time::Duration;

const ROWS: u32 = 200_000;
const OPERATIONS: u32 = 400_000;

fn key(number: u32) -> [u8; 4] {
    (number.wrapping_mul(2_654_435_761) % ROWS).to_be_bytes()
}

/// What this thread has run so far: other than the time of day it does not count what else the machine does.
fn cpu() -> Duration {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    let nanos = line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("the first word");
    Duration::from_nanos(nanos)
}

fn report(what: &str, operations: u32, spent: Duration) {
    let each = spent.as_nanos() as f64 / f64::from(operations) / 1000.0;
    println!("{what:<40} {each:>8.3} us");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let volume = MemoryVolume::new();
        let options = Options { cache_pages: 64 * 1024, replica_lease: Duration::ZERO, ..Options::default() };
        let engine = Engine::bootstrap(volume, options).await.expect("the volume is empty");
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let tree = engine.create_tree(&mut txn, TreeKind::Clustered).await.expect("it is created");
        let view = engine.statement(&mut txn);
        let started = cpu();
        let mut rows = Rows::new();
        (0..ROWS).for_each(|number| rows.push(&number.to_be_bytes(), &[7; 100]));
        engine.bulk_load(&mut txn, &view, tree, &rows).await.expect("nothing is in the way");
        engine.commit(txn).await.expect("it commits");
        report("bulk load, a row of 100 bytes", ROWS, cpu() - started);

        let started = cpu();
        let view = engine.view(engine.snapshot());
        let mut row = Vec::new();
        for number in 0..OPERATIONS {
            row.clear();
            assert!(engine.get_into(&view, tree, &key(number), &mut row).await.expect("reading works"));
        }
        report("point get, one view", OPERATIONS, cpu() - started);

        let started = cpu();
        for number in 0..OPERATIONS {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut txn);
            row.clear();
            assert!(engine.get_into(&view, tree, &key(number), &mut row).await.expect("reading works"));
            engine.commit(txn).await.expect("it commits");
        }
        report("point get, a transaction each", OPERATIONS, cpu() - started);

        let both: Duration = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|thread| {
                    scope.spawn({
                        let engine = &engine;
                        move || gets(engine, tree, thread)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("it reads")).sum()
        });
        report("the same on two threads at once", 2 * OPERATIONS, both);

        let started = cpu();
        for number in 0..OPERATIONS {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            engine
                .lock_object(&mut txn, 7, TableLockMode::AccessShare, WaitPolicy::Wait)
                .await
                .expect("nothing is in the way");
            let view = engine.statement(&mut txn);
            row.clear();
            assert!(engine.get_into(&view, tree, &key(number), &mut row).await.expect("reading works"));
            engine.commit(txn).await.expect("it commits");
        }
        report("the same with the table locked", OPERATIONS, cpu() - started);

        let started = cpu();
        for _ in 0..OPERATIONS {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let mode = TableLockMode::ShareUpdateExclusive;
            engine.lock_object(&mut txn, 7, mode, WaitPolicy::Wait).await.expect("nothing is in the way");
            engine.commit(txn).await.expect("it commits");
        }
        report("a lock in the lock table, a transaction each", OPERATIONS, cpu() - started);

        let started = cpu();
        let mut scan = engine.scan(&view, tree, KeyRange::all(), Direction::Forward);
        let mut count = 0;
        while scan.next_batch(&mut rows, 1000).await.expect("scanning works") > 0 {
            count += rows.len();
        }
        assert_eq!(count, ROWS as usize);
        report("scan, a row", ROWS, cpu() - started);
        drop((scan, view));

        let started = cpu();
        for number in 0..OPERATIONS {
            update(&engine, tree, &key(number), number).await;
        }
        report("update of a random row and commit", OPERATIONS, cpu() - started);

        let started = cpu();
        for number in 0..OPERATIONS {
            update(&engine, tree, &key(1), number).await;
        }
        report("update of one row and commit", OPERATIONS, cpu() - started);

        let started = cpu();
        for number in 0..OPERATIONS {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut txn);
            let key = (ROWS + number).to_be_bytes();
            engine.insert(&mut txn, &view, tree, &key, &[7; 100]).await.expect("nothing is in the way");
            engine.commit(txn).await.expect("it commits");
        }
        report("insert and commit", OPERATIONS, cpu() - started);
        println!("{:?}", engine.stats());
    });
}

/// What point gets in transactions of their own take on this thread.
fn gets(engine: &std::sync::Arc<Engine>, tree: engine::TreeId, thread: u32) -> Duration {
    let started = cpu();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(async {
        let mut row = Vec::new();
        for number in 0..OPERATIONS {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut txn);
            row.clear();
            let key = key(number.wrapping_add(thread * ROWS / 2));
            assert!(engine.get_into(&view, tree, &key, &mut row).await.expect("reading works"));
            engine.commit(txn).await.expect("it commits");
        }
    });
    cpu() - started
}

async fn update(engine: &std::sync::Arc<Engine>, tree: engine::TreeId, key: &[u8], number: u32) {
    let mut txn = engine.begin(Isolation::ReadCommitted);
    let view = engine.statement(&mut txn);
    let mut f = |old: &[u8], _| {
        let mut row = old.to_vec();
        row[..4].copy_from_slice(&number.to_le_bytes());
        Ok(Verdict::Replace(row))
    };
    engine.update(&mut txn, &view, tree, key, LockStrength::NoKeyUpdate, &mut f).await.expect("nothing is in the way");
    engine.commit(txn).await.expect("it commits");
}
