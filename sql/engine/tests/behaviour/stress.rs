//! Everything at once on several threads, in the smallest cache: transfers that keep a sum, readers that check it on the
//! writer and on a replica that is applying, inserts and deletes that grow and shrink the tree, sweeps, dropped trees.

use crate::support::*;
use engine::testing::MemoryReplica;
use engine::{Direction, Engine, Error, Isolation, KeyRange, LockStrength, Result, TreeId, TreeKind, Verdict};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const ACCOUNTS: u32 = 200;
const TRANSFERS: u32 = 400;

fn account(number: u32) -> Vec<u8> {
    [b"account", &number.to_be_bytes()[..], &[0; 120]].concat()
}

async fn add(engine: &Arc<Engine>, txn: &mut engine::Txn, tree: TreeId, number: u32, amount: i64) -> Result<()> {
    let view = engine.statement(txn);
    let mut f = |row: &[u8], _| {
        let balance = i64::from_le_bytes(row[..8].try_into().expect("eight bytes")) + amount;
        // Rows change their length, too.
        let mut new = balance.to_le_bytes().to_vec();
        new.resize(8 + (balance.unsigned_abs() as usize % 150), 1);
        Ok(Verdict::Replace(new))
    };
    let strength = LockStrength::NoKeyUpdate;
    engine.update(txn, &view, tree, &account(number), strength, &mut f).await.map(|_| ())
}

async fn transfer(engine: &Arc<Engine>, tree: TreeId, random: &mut StdRng) -> Result<()> {
    let isolation = if random.random() { Isolation::ReadCommitted } else { Isolation::RepeatableRead };
    let mut txn = engine.begin(isolation);
    let (from, to) = (random.random_range(0..ACCOUNTS), random.random_range(0..ACCOUNTS));
    let amount = random.random_range(1..100);
    let savepoint = engine.savepoint(&mut txn);
    add(engine, &mut txn, tree, from, -amount).await?;
    if random.random_range(0..4) == 0 {
        engine.rollback_to(&mut txn, savepoint);
        add(engine, &mut txn, tree, from, -amount).await?;
    }
    tokio::task::yield_now().await;
    add(engine, &mut txn, tree, to, amount).await?;
    // Some rows come and go.
    let key = [&account(from)[..], b"note"].concat();
    if random.random() {
        put(engine, &mut txn, tree, &key, &[9; 300]).await?;
    } else {
        remove(engine, &mut txn, tree, &key).await?;
    }
    if random.random_range(0..10) == 0 {
        engine.rollback(txn);
    } else {
        engine.commit(txn).await?;
    }
    Ok(())
}

async fn check_sum(engine: &Arc<Engine>, tree: TreeId, backward: bool) -> Result<()> {
    let view = engine.view(engine.snapshot());
    let direction = if backward { Direction::Backward } else { Direction::Forward };
    let found = rows(engine, &view, tree, KeyRange::prefix(b"account"), direction, 17).await?;
    let accounts: Vec<_> = found.iter().filter(|(key, _)| !key.ends_with(b"note")).collect();
    assert_eq!(accounts.len(), ACCOUNTS as usize);
    let sum: i64 = accounts.iter().map(|(_, row)| i64::from_le_bytes(row[..8].try_into().expect("eight bytes"))).sum();
    assert_eq!(sum, 0);
    Ok(())
}

#[test]
fn sums_hold_under_everything_at_once() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("it starts");
    runtime.block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let mut txn = engine.begin(Isolation::ReadCommitted);
        for number in 0..ACCOUNTS {
            put(&engine, &mut txn, tree, &account(number), &0i64.to_le_bytes()).await.expect("nothing is in the way");
        }
        let start = engine.commit(txn).await.expect("it commits");
        let source = MemoryReplica::new(volume.clone(), start);
        let replica = Engine::replica(source.clone(), start, small()).await.expect("the replica opens");
        let stop = Arc::new(AtomicBool::new(false));

        // Reads and sweeps that have succeeded, by task: the writers may be done before a task has run at all.
        let (mut background, mut done) = (Vec::new(), Vec::new());
        for backward in [false, true] {
            for engine in [engine.clone(), replica.clone()] {
                let (stop, checked) = (stop.clone(), Arc::new(AtomicU32::new(0)));
                done.push(checked.clone());
                background.push(tokio::spawn(async move {
                    while !stop.load(Ordering::Acquire) {
                        match check_sum(&engine, tree, backward).await {
                            Ok(()) => drop(checked.fetch_add(1, Ordering::AcqRel)),
                            // A replica that does not report its snapshots may lose them.
                            Err(Error::SnapshotTooOld { .. }) if !engine.is_writer() => {}
                            Err(error) => panic!("{error}"),
                        }
                        tokio::task::yield_now().await;
                    }
                }));
            }
        }
        background.push(tokio::spawn({
            let (engine, stop, sweeps) = (engine.clone(), stop.clone(), Arc::new(AtomicU32::new(0)));
            done.push(sweeps.clone());
            async move {
                while !stop.load(Ordering::Acquire) {
                    engine.sweep().await.expect("the sweep works");
                    vacuum(&engine).await;
                    let mut txn = engine.begin(Isolation::ReadCommitted);
                    let short = engine.create_tree(&mut txn, TreeKind::Index).await.expect("it is created");
                    for number in 0..100u32 {
                        put(&engine, &mut txn, short, &number.to_be_bytes(), &[1; 500]).await.expect("it is inserted");
                    }
                    if sweeps.fetch_add(1, Ordering::AcqRel) % 2 == 0 {
                        engine.drop_tree(&mut txn, short).await.expect("it is dropped");
                        engine.commit(txn).await.expect("it commits");
                    }
                }
            }
        }));
        let feeder = std::thread::spawn({
            let (volume, replica, stop) = (volume.clone(), replica.clone(), stop.clone());
            move || {
                while !stop.load(Ordering::Acquire) {
                    source.feed(&*replica, volume.last()).expect("redo applies");
                    std::thread::yield_now();
                }
                source.feed(&*replica, volume.last()).expect("redo applies");
            }
        });
        let writers: Vec<_> = (0..6u64)
            .map(|seed| {
                let engine = engine.clone();
                tokio::spawn(async move {
                    let mut random = StdRng::seed_from_u64(seed);
                    let mut failures = 0;
                    for _ in 0..TRANSFERS {
                        match transfer(&engine, tree, &mut random).await {
                            Ok(()) => {}
                            Err(Error::Serialization | Error::Deadlock) => failures += 1,
                            Err(error) => panic!("{error}"),
                        }
                    }
                    failures
                })
            })
            .collect();
        for writer in writers {
            assert!(writer.await.expect("the task ends") < TRANSFERS);
        }
        // One that panics counts nothing more, and says why when it is waited for.
        while !background.iter().any(tokio::task::JoinHandle::is_finished)
            && done.iter().any(|done| done.load(Ordering::Acquire) == 0)
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        stop.store(true, Ordering::Release);
        for task in background {
            task.await.expect("the task ends");
        }
        feeder.join().expect("the thread ends");
        check_sum(&engine, tree, false).await.expect("reading works");
        check_sum(&replica, tree, true).await.expect("reading works");
        assert_eq!(brief(&all_rows(&engine, tree).await), brief(&all_rows(&replica, tree).await));
        let reopened = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        check_sum(&reopened, tree, false).await.expect("reading works");
        assert_eq!(engine.stats().active_transactions, 0);
    });
}
