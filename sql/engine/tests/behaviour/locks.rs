//! Waiting: who waits for whom, in which order they go on, and how a wait ends otherwise.

use crate::support::*;
use engine::{
    CancelToken, Engine, Error, InsertOutcome, Isolation, LockOutcome, LockStrength, TableLockMode, TreeId, Verdict,
    Version, WaitPolicy, WriteOutcome,
};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// Adds one to a counter row in a transaction of its own.
async fn increment(engine: Arc<Engine>, tree: TreeId, key: &'static [u8], isolation: Isolation) -> Result<u64, Error> {
    let mut txn = engine.begin(isolation);
    let view = engine.statement(&mut txn);
    let mut seen = 0;
    let mut f = |row: &[u8], _| {
        seen = u64::from_le_bytes(row.try_into().expect("eight bytes"));
        Ok(Verdict::Replace((seen + 1).to_le_bytes().to_vec()))
    };
    let outcome = engine.update(&mut txn, &view, tree, key, LockStrength::NoKeyUpdate, &mut f).await?;
    assert_eq!(outcome, WriteOutcome::Done);
    tokio::task::yield_now().await;
    engine.commit(txn).await?;
    Ok(seen)
}

#[test]
fn a_hot_row_is_handed_over_first_come_first_served() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"hot", &0u64.to_le_bytes()).await;
        let mut first = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut first);
        set(&engine, &mut first, &view, tree, b"hot", &100u64.to_le_bytes()).await.expect("nothing is in the way");
        let mut waiting = Vec::new();
        for index in 0..20 {
            waiting.push(tokio::spawn(increment(engine.clone(), tree, b"hot", Isolation::ReadCommitted)));
            let engine = engine.clone();
            until(move || engine.stats().lock_waits == index + 1).await;
        }
        engine.commit(first).await.expect("it commits");
        for (index, task) in waiting.into_iter().enumerate() {
            assert_eq!(task.await.expect("the task ends"), Ok(100 + index as u64));
        }
        assert_eq!(get_now(&engine, tree, b"hot").await, Some(120u64.to_le_bytes().to_vec()));
    });
}

#[test]
fn no_increment_is_lost_on_many_threads() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("it starts");
    runtime.block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let keys: [&'static [u8]; 4] = [b"a", b"b", b"c", b"d"];
        for key in keys {
            put_now(&engine, tree, key, &0u64.to_le_bytes()).await;
        }
        let tasks: Vec<_> = (0..8usize)
            .map(|task| {
                let engine = engine.clone();
                tokio::spawn(async move {
                    let mut retries = 0;
                    for round in 0..250 {
                        let key = keys[(round + task) % 4];
                        let isolation =
                            if task % 2 == 0 { Isolation::ReadCommitted } else { Isolation::RepeatableRead };
                        loop {
                            match increment(engine.clone(), tree, key, isolation).await {
                                Ok(_) => break,
                                Err(Error::Serialization) => retries += 1,
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                    retries
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("the task ends");
        }
        for key in keys {
            assert_eq!(get_now(&engine, tree, key).await, Some(500u64.to_le_bytes().to_vec()));
        }
    });
}

#[test]
fn many_threads_grow_one_tree_in_the_smallest_cache() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("it starts");
    runtime.block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let tasks: Vec<_> = (0..8u32)
            .map(|task| {
                let engine = engine.clone();
                tokio::spawn(async move {
                    for number in 0..400u32 {
                        let key = (number.wrapping_mul(2_654_435_761) ^ task).to_be_bytes().repeat(30);
                        put_now(&engine, tree, &key, &[task as u8; 300]).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("the task ends");
        }
        let found = all_rows(&engine, tree).await;
        assert_eq!(found.len(), 3200);
        assert!(engine.stats().evictions > 100, "the rows exceed the cache");
        assert!(engine.stats().pages_cached <= 64);
        let reopened = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        assert_eq!(all_rows(&reopened, tree).await, found);
    });
}

#[test]
fn a_cycle_of_waits_is_broken() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        for key in [b"a", b"b", b"c"] {
            put_now(&engine, tree, key, b"0").await;
        }
        let keys: [&'static [u8]; 3] = [b"a", b"b", b"c"];
        let barrier = Arc::new(tokio::sync::Barrier::new(3));
        let tasks: Vec<_> = (0..3usize)
            .map(|index| {
                let (engine, barrier) = (engine.clone(), barrier.clone());
                tokio::spawn(async move {
                    let mut txn = engine.begin(Isolation::ReadCommitted);
                    put(&engine, &mut txn, tree, keys[index], b"1").await?;
                    barrier.wait().await;
                    put(&engine, &mut txn, tree, keys[(index + 1) % 3], b"2").await?;
                    engine.commit(txn).await
                })
            })
            .collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.expect("the task ends"));
        }
        assert_eq!(results.iter().filter(|result| **result == Err(Error::Deadlock)).count(), 1);
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2);
        assert_eq!(engine.stats().deadlocks, 1);
    });
}

#[test]
fn unique_keys_race_without_doubles() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        // Two inserts of one key: the second waits, and finds a duplicate or a free key.
        for commit in [true, false] {
            let key: &[u8] = if commit { b"c" } else { b"r" };
            let mut first = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut first);
            engine.insert(&mut first, &view, tree, key, b"1").await.expect("nothing is in the way");
            let waits = engine.stats().lock_waits;
            let second = tokio::spawn({
                let (engine, key) = (engine.clone(), key.to_vec());
                async move {
                    let mut txn = engine.begin(Isolation::ReadCommitted);
                    let view = engine.statement(&mut txn);
                    let outcome = engine.insert(&mut txn, &view, tree, &key, b"2").await;
                    engine.commit(txn).await.expect("it commits");
                    outcome
                }
            });
            until(|| engine.stats().lock_waits > waits).await;
            if commit {
                engine.commit(first).await.expect("it commits");
                assert_eq!(second.await.expect("it ends"), Ok(InsertOutcome::Duplicate { visible: false }));
            } else {
                engine.rollback(first);
                assert_eq!(second.await.expect("it ends"), Ok(InsertOutcome::Inserted));
            }
        }
        // A delete that is rolled back: the waiting insert finds the key taken again.
        let mut first = engine.begin(Isolation::ReadCommitted);
        remove(&engine, &mut first, tree, b"c").await.expect("nothing is in the way");
        let waits = engine.stats().lock_waits;
        let second = tokio::spawn({
            let engine = engine.clone();
            async move {
                let mut txn = engine.begin(Isolation::ReadCommitted);
                let view = engine.statement(&mut txn);
                engine.insert(&mut txn, &view, tree, b"c", b"2").await
            }
        });
        until(|| engine.stats().lock_waits > waits).await;
        engine.rollback(first);
        assert_eq!(second.await.expect("it ends"), Ok(InsertOutcome::Duplicate { visible: true }));
    });
}

#[test]
fn repeatable_read_fails_where_read_committed_looks_again() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", b"1").await;
        let (mut rr, mut rc) = (engine.begin(Isolation::RepeatableRead), engine.begin(Isolation::ReadCommitted));
        let (rr_view, rc_view) = (engine.statement(&mut rr), engine.statement(&mut rc));
        put_now(&engine, tree, b"k", b"2").await;
        assert_eq!(set(&engine, &mut rr, &rr_view, tree, b"k", b"x").await, Err(Error::Serialization));
        let locked = engine.lock_row(&mut rr, &rr_view, tree, b"k", LockStrength::Update, WaitPolicy::Wait).await;
        assert_eq!(locked, Err(Error::Serialization));
        drop(rr);
        let mut seen = Vec::new();
        let mut f = |row: &[u8], version: Version| {
            seen.push((row.to_vec(), version.changed));
            Ok(Verdict::Skip)
        };
        let outcome = engine.update(&mut rc, &rc_view, tree, b"k", LockStrength::NoKeyUpdate, &mut f).await;
        assert_eq!(outcome, Ok(WriteOutcome::Skipped));
        assert_eq!(seen, [(b"2".to_vec(), true)]);
    });
}

#[test]
fn a_moved_row_is_followed() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"1", b"row").await;
        let mut reader = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut reader);
        let mut mover = engine.begin(Isolation::ReadCommitted);
        let moving = engine.statement(&mut mover);
        engine.delete(&mut mover, &moving, tree, b"1", Some(b"2"), &mut |_, _| Ok(true)).await.expect("it deletes");
        engine.insert(&mut mover, &moving, tree, b"2", b"row").await.expect("nothing is in the way");
        engine.commit(mover).await.expect("it commits");
        let outcome = set(&engine, &mut reader, &view, tree, b"1", b"new").await;
        assert_eq!(outcome, Ok(WriteOutcome::Moved(bytes::Bytes::from_static(b"2"))));
        assert_eq!(set(&engine, &mut reader, &view, tree, b"2", b"new").await, Ok(WriteOutcome::Done));
    });
}

#[test]
fn row_locks_conflict_as_in_postgresql() {
    use LockStrength::{KeyShare, NoKeyUpdate, Share, Update};
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", b"1").await;
        for held in [KeyShare, Share, NoKeyUpdate, Update] {
            for asked in [KeyShare, Share, NoKeyUpdate, Update] {
                let (mut a, mut b) = (engine.begin(Isolation::ReadCommitted), engine.begin(Isolation::ReadCommitted));
                let view = engine.statement(&mut a);
                engine.lock_row(&mut a, &view, tree, b"k", held, WaitPolicy::Wait).await.expect("it is free");
                let outcome = engine.lock_row(&mut b, &view, tree, b"k", asked, WaitPolicy::SkipLocked).await;
                let compatible = (held == KeyShare && asked != Update)
                    || (asked == KeyShare && held != Update)
                    || (held == Share && asked == Share);
                assert_eq!(outcome != Ok(LockOutcome::Skipped), compatible, "{held:?}, {asked:?}");
                let refused = engine.lock_row(&mut b, &view, tree, b"k", asked, WaitPolicy::NoWait).await;
                assert_eq!(refused.is_err(), !compatible);
            }
        }
        // A version is a lock, too: an update of other columns lets a foreign key's check pass, a delete does not.
        let mut updater = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut updater, tree, b"k", b"2").await.expect("nothing is in the way");
        let mut child = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut child);
        let locked = engine.lock_row(&mut child, &view, tree, b"k", KeyShare, WaitPolicy::NoWait).await;
        assert!(matches!(locked, Ok(LockOutcome::Locked { row, version }) if row == b"1"[..] && !version.changed));
        let refused = engine.lock_row(&mut child, &view, tree, b"k", Share, WaitPolicy::NoWait).await;
        assert_eq!(refused, Err(Error::LockNotAvailable));
        engine.commit(updater).await.expect("it commits");
        // The child's hold keeps the parent from going, but not from changing.
        let mut parent = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut parent, tree, b"k", b"3").await.expect("nothing is in the way");
        parent.set_lock_timeout(Some(Duration::from_millis(5)));
        assert_eq!(remove(&engine, &mut parent, tree, b"k").await, Err(Error::LockNotAvailable));
        engine.commit(child).await.expect("it commits");
        assert_eq!(remove(&engine, &mut parent, tree, b"k").await, Ok(WriteOutcome::Done));
    });
}

#[test]
fn a_wait_can_be_cancelled_and_lets_others_pass() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"hot", &0u64.to_le_bytes()).await;
        let mut owner = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut owner);
        set(&engine, &mut owner, &view, tree, b"hot", &5u64.to_le_bytes()).await.expect("nothing is in the way");
        let token = CancelToken::new();
        let cancelled = tokio::spawn({
            let (engine, token) = (engine.clone(), token.clone());
            async move {
                let mut txn = engine.begin_with(Isolation::ReadCommitted, token);
                remove(&engine, &mut txn, tree, b"hot").await
            }
        });
        until(|| engine.stats().lock_waits == 1).await;
        let behind = tokio::spawn(increment(engine.clone(), tree, b"hot", Isolation::ReadCommitted));
        let dropped = tokio::spawn(increment(engine.clone(), tree, b"hot", Isolation::ReadCommitted));
        until(|| engine.stats().lock_waits == 3).await;
        token.cancel();
        assert_eq!(cancelled.await.expect("it ends"), Err(Error::Cancelled));
        dropped.abort();
        assert!(dropped.await.is_err());
        engine.commit(owner).await.expect("it commits");
        assert_eq!(behind.await.expect("it ends"), Ok(5));
    });
}

#[test]
fn rolling_back_to_a_savepoint_lets_go() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", &1u64.to_le_bytes()).await;
        let mut txn = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut txn, tree, b"other", b"1").await.expect("nothing is in the way");
        let savepoint = engine.savepoint(&mut txn);
        put(&engine, &mut txn, tree, b"k", &9u64.to_le_bytes()).await.expect("nothing is in the way");
        let waiting = tokio::spawn(increment(engine.clone(), tree, b"k", Isolation::ReadCommitted));
        until(|| engine.stats().lock_waits == 1).await;
        engine.rollback_to(&mut txn, savepoint);
        assert_eq!(waiting.await.expect("it ends"), Ok(1));
        engine.commit(txn).await.expect("it commits");
        assert_eq!(get_now(&engine, tree, b"k").await, Some(2u64.to_le_bytes().to_vec()));
        assert_eq!(get_now(&engine, tree, b"other").await, Some(b"1".to_vec()));
    });
}

#[test]
fn objects_are_locked_by_mode() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let (mut a, mut b) = (engine.begin(Isolation::ReadCommitted), engine.begin(Isolation::ReadCommitted));
        let wait = WaitPolicy::NoWait;
        engine.lock_object(&mut a, 7, TableLockMode::RowExclusive, wait).await.expect("it is free");
        engine.lock_object(&mut b, 7, TableLockMode::RowExclusive, wait).await.expect("it is compatible");
        let refused = engine.lock_object(&mut b, 7, TableLockMode::AccessExclusive, wait).await;
        assert_eq!(refused, Err(Error::LockNotAvailable));
        drop(a);
        engine.lock_object(&mut b, 7, TableLockMode::AccessExclusive, wait).await.expect("it is free");
    });
}

#[test]
fn a_probe_waits_for_what_is_in_flight() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let mut child = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut child, tree, b"parent1/child", b"1").await.expect("nothing is in the way");
        let probe = tokio::spawn({
            let engine = engine.clone();
            async move {
                let mut txn = engine.begin(Isolation::ReadCommitted);
                let view = engine.statement(&mut txn);
                engine.probe(&mut txn, &view, tree, engine::KeyRange::prefix(b"parent1/")).await
            }
        });
        until(|| engine.stats().lock_waits == 1).await;
        engine.commit(child).await.expect("it commits");
        let found = probe.await.expect("it ends").expect("it finds").map(|(key, _)| key);
        assert_eq!(found.as_deref(), Some(&b"parent1/child"[..]));
    });
}

#[test]
fn a_probe_waits_only_for_what_it_looks_for() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"a", b"wanted").await;
        put_now(&engine, tree, b"b", b"other").await;
        put_now(&engine, tree, b"d", b"wanted").await;
        // Each other transaction, and whether the probe has to wait for it.
        let long = |byte: u8| vec![byte; 10_000];
        for (steps, waits) in [
            (&[(&b"b"[..], Some(b"still other".to_vec()))][..], false),
            (&[(b"b", None)], false),
            (&[(b"c", Some(b"new".to_vec()))], false),
            (&[(b"c", Some(b"wanted".to_vec()))], false),
            (&[(b"b", Some(b"wanted".to_vec()))], false),
            (&[(b"b", Some(b"wanted".to_vec())), (b"b", Some(b"other".to_vec()))], false),
            (&[(b"a", None)], true),
            (&[(b"a", Some(b"changed".to_vec()))], true),
            (&[(b"a", Some(b"changed".to_vec())), (b"a", Some(b"wanted".to_vec()))], true),
            (&[(b"c", Some(long(1)))], false),
        ] {
            let mut writer = engine.begin(Isolation::ReadCommitted);
            for (key, row) in steps {
                engine.savepoint(&mut writer);
                match row {
                    Some(row) => put(&engine, &mut writer, tree, key, row).await.expect("nothing is in the way"),
                    None => drop(remove(&engine, &mut writer, tree, key).await.expect("nothing is in the way")),
                }
            }
            let mut prober = engine.begin(Isolation::ReadCommitted);
            prober.set_lock_timeout(Some(Duration::from_millis(5)));
            let view = engine.statement(&mut prober);
            let is_wanted = |row: &[u8]| row == b"wanted";
            let range = engine::KeyRange::all();
            let mut pass = engine.pass();
            let mut found = engine.probe_where(&mut prober, &view, tree, range, &is_wanted, &mut pass).await;
            if let Ok(Some((key, _))) = &found
                && key == "a"
            {
                let rest = engine::KeyRange {
                    lower: std::ops::Bound::Excluded(key.to_vec()),
                    upper: std::ops::Bound::Unbounded,
                };
                found = engine.probe_where(&mut prober, &view, tree, rest, &is_wanted, &mut pass).await;
            }
            match waits {
                true => assert_eq!(found, Err(Error::LockNotAvailable), "{steps:?}"),
                false => {
                    assert_eq!(found.expect("it waits for nothing").map(|(key, _)| key).as_deref(), Some(&b"d"[..]))
                }
            }
            engine.rollback(writer);
        }
    });
}

#[test]
fn a_pass_tells_of_rows_that_have_left() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"a", b"other").await;
        put_now(&engine, tree, b"d", b"wanted").await;
        let mut prober = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut prober);
        let is_wanted = |row: &[u8]| row == b"wanted";
        let mut pass = engine.pass();
        put_now(&engine, tree, b"a", b"still other").await;
        let range = engine::KeyRange::all();
        let found = engine.probe_where(&mut prober, &view, tree, range, &is_wanted, &mut pass).await;
        assert_eq!(found.expect("it waits for nothing").map(|(key, _)| key).as_deref(), Some(&b"d"[..]));
        assert!(!pass.has_lost());
        // It moves to a place before, and another row comes to its own.
        let mut mover = engine.begin(Isolation::ReadCommitted);
        remove(&engine, &mut mover, tree, b"d").await.expect("nothing is in the way");
        put(&engine, &mut mover, tree, b"b", b"wanted").await.expect("nothing is in the way");
        put(&engine, &mut mover, tree, b"d", b"other").await.expect("nothing is in the way");
        engine.commit(mover).await.expect("it commits");
        let rest =
            engine::KeyRange { lower: std::ops::Bound::Excluded(b"c".to_vec()), upper: std::ops::Bound::Unbounded };
        let found = engine.probe_where(&mut prober, &view, tree, rest, &is_wanted, &mut pass).await;
        assert_eq!(found, Ok(None));
        assert!(pass.has_lost());
    });
}

/// Long rows that nobody keeps from being replaced, and their pages from being used again.
#[test]
fn a_long_row_is_read_whole_while_it_is_replaced() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("it starts");
    runtime.block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", &[0; 50_000]).await;
        let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let writing = tokio::spawn({
            let (engine, ended) = (engine.clone(), ended.clone());
            async move {
                let mut round = 0u8;
                while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                    round = round.wrapping_add(1);
                    put_now(&engine, tree, b"k", &[round; 50_000]).await;
                    vacuum(&engine).await;
                }
            }
        });
        let is_whole = |row: &[u8]| row.len() == 50_000 && row.iter().all(|byte| *byte == row[0]);
        for _ in 0..400 {
            let mut reader = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut reader);
            let (strength, policy) = (LockStrength::KeyShare, WaitPolicy::Wait);
            let locked = engine.lock_row(&mut reader, &view, tree, b"k", strength, policy).await;
            assert!(matches!(locked, Ok(LockOutcome::Locked { row, .. }) if is_whole(&row)));
            let found = engine.probe(&mut reader, &view, tree, engine::KeyRange::all()).await.expect("it is sound");
            assert!(found.is_some_and(|(_, row)| is_whole(&row)));
        }
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
        writing.await.expect("no panic");
    });
}

/// Who was handed a row gives it back to the owner of an older version that stayed, and so makes others wait for that
/// owner, who waits for them.
#[test]
fn a_cycle_that_another_closes_is_broken() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        for key in [b"a", b"b"] {
            put_now(&engine, tree, key, b"0").await;
        }
        let mut first = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut first, tree, b"a", b"1").await.expect("nothing is in the way");
        let savepoint = engine.savepoint(&mut first);
        let mut third = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut third, tree, b"b", b"3").await.expect("nothing is in the way");
        let second = start_waiting(&engine, tree, b"a").await;
        let third = tokio::spawn({
            let engine = engine.clone();
            async move {
                put(&engine, &mut third, tree, b"a", b"3").await?;
                engine.commit(third).await
            }
        });
        until(|| engine.stats().lock_waits == 2).await;
        // The second is handed the row, but does not come to look at it before the first waits for the third.
        engine.rollback_to(&mut first, savepoint);
        let outcome = put(&engine, &mut first, tree, b"b", b"1").await;
        match outcome {
            Ok(()) => drop(engine.commit(first).await.expect("it commits")),
            Err(error) => {
                assert_eq!(error, Error::Deadlock);
                engine.rollback(first);
            }
        }
        let outcomes = [second.await.expect("it ends"), third.await.expect("it ends")];
        assert_eq!(engine.stats().deadlocks, 1);
        assert!(outcomes.iter().flatten().count() >= 1);
        assert_eq!(engine.stats().lock_bytes, 0);
    });
}

/// Writes a row in another task, which is expected to wait for it; returns when it does.
async fn start_waiting(
    engine: &Arc<Engine>,
    tree: TreeId,
    key: &'static [u8],
) -> tokio::task::JoinHandle<Result<protocol::Lsn, Error>> {
    let waits = engine.stats().lock_waits;
    let task = tokio::spawn({
        let engine = engine.clone();
        async move {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            put(&engine, &mut txn, tree, key, b"second").await?;
            engine.commit(txn).await
        }
    });
    until(|| engine.stats().lock_waits > waits).await;
    task
}

#[test]
fn a_released_savepoint_leaves_its_locks_to_the_level_around_it() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", b"0").await;
        let mut first = engine.begin(Isolation::ReadCommitted);
        let released = engine.savepoint(&mut first);
        let view = engine.statement(&mut first);
        let locked = engine.lock_row(&mut first, &view, tree, b"k", LockStrength::Update, WaitPolicy::Wait).await;
        assert!(matches!(locked, Ok(LockOutcome::Locked { .. })));
        engine.release(&mut first, released);
        let undone = engine.savepoint(&mut first);
        engine.rollback_to(&mut first, undone);
        let mut second = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut second);
        let refused = engine.lock_row(&mut second, &view, tree, b"k", LockStrength::KeyShare, WaitPolicy::NoWait).await;
        assert_eq!(refused, Err(Error::LockNotAvailable));
        engine.release(&mut first, undone);
        engine.rollback(first);
    });
}

/// What one transaction does beside savepoints, and what others then may do. Locks are numbered: rows first, then tables.
#[derive(Clone, Debug)]
enum Step {
    Savepoint,
    /// Of the savepoint that many levels further out than the innermost.
    Release(usize),
    RollBackTo(usize),
    Row(usize),
    Table(usize),
    /// Another asks for a table alone, so that weak locks on it move to the lock table.
    Disturb(usize),
}

const ROWS: usize = 3;
const TABLES: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::Savepoint),
        1 => (0..3usize).prop_map(Step::Release),
        1 => (0..3usize).prop_map(Step::RollBackTo),
        2 => (0..ROWS).prop_map(Step::Row),
        2 => (0..TABLES).prop_map(Step::Table),
        2 => (0..TABLES).prop_map(Step::Disturb),
    ];
    proptest::collection::vec(step, 1..40)
}

/// Whether nobody holds a lock on the table.
async fn is_unlocked(engine: &Arc<Engine>, table: usize) -> bool {
    let mut other = engine.begin(Isolation::ReadCommitted);
    engine.lock_object(&mut other, table as u64, TableLockMode::AccessExclusive, WaitPolicy::NoWait).await.is_ok()
}

async fn locks_follow_savepoints(steps: &[Step]) {
    let (_volume, engine) = new_engine().await;
    let tree = new_tree(&engine).await;
    let keys: [&[u8]; ROWS] = [b"a", b"b", b"c"];
    for key in keys {
        put_now(&engine, tree, key, b"0").await;
    }
    let mut txn = engine.begin(Isolation::ReadCommitted);
    let view = engine.statement(&mut txn);
    let mut savepoints = Vec::new();
    // The outermost level that holds each lock.
    let mut held: [Option<usize>; ROWS + TABLES] = [None; ROWS + TABLES];
    for step in steps {
        match *step {
            Step::Savepoint => savepoints.push(engine.savepoint(&mut txn)),
            Step::Release(out) if out < savepoints.len() => {
                let at = savepoints.len() - 1 - out;
                engine.release(&mut txn, savepoints[at]);
                savepoints.truncate(at);
                held.iter_mut().flatten().for_each(|level| *level = (*level).min(at));
            }
            Step::RollBackTo(out) if out < savepoints.len() => {
                let at = savepoints.len() - 1 - out;
                engine.rollback_to(&mut txn, savepoints[at]);
                savepoints.truncate(at + 1);
                held.iter_mut().for_each(|level| *level = level.filter(|level| *level <= at));
            }
            Step::Release(_) | Step::RollBackTo(_) => continue,
            Step::Row(row) => {
                let (strength, policy) = (LockStrength::Update, WaitPolicy::NoWait);
                engine.lock_row(&mut txn, &view, tree, keys[row], strength, policy).await.expect("it is free");
                held[row].get_or_insert(savepoints.len());
            }
            Step::Table(table) => {
                let (mode, policy) = (TableLockMode::RowExclusive, WaitPolicy::NoWait);
                engine.lock_object(&mut txn, table as u64, mode, policy).await.expect("it is free");
                held[ROWS + table].get_or_insert(savepoints.len());
            }
            Step::Disturb(table) => {
                is_unlocked(&engine, table).await;
            }
        }
        for (row, key) in keys.iter().enumerate() {
            let free = is_free_for(&engine, tree, key, LockStrength::KeyShare).await;
            assert_eq!(free, held[row].is_none(), "row {row} after {step:?}");
        }
    }
    for table in 0..TABLES {
        assert_eq!(is_unlocked(&engine, table).await, held[ROWS + table].is_none(), "table {table}");
    }
    engine.rollback(txn);
    assert_eq!(engine.stats().lock_bytes, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn locks_follow_savepoints_whoever_asks_between(steps in steps()) {
        block_on(locks_follow_savepoints(&steps));
    }
}

#[test]
fn a_lock_that_others_asked_for_hides_none_from_a_release() {
    use Step::{Disturb, Release, RollBackTo, Row, Savepoint, Table};
    block_on(async {
        for waits in [&[Table(0), Savepoint, Row(0), Disturb(0)][..], &[Savepoint, Table(0), Disturb(0), Row(0)]] {
            let end = [Release(0), Savepoint, RollBackTo(0)];
            locks_follow_savepoints(&[waits, &end].concat()).await;
        }
    });
}

#[test]
fn who_waits_for_a_row_does_not_hold_it_against_its_owner() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        for strength in [LockStrength::NoKeyUpdate, LockStrength::Update] {
            put_now(&engine, tree, b"k", b"0").await;
            let mut first = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut first);
            set(&engine, &mut first, &view, tree, b"k", b"first").await.expect("nothing is in the way");
            let savepoint = engine.savepoint(&mut first);
            let waiting = start_waiting(&engine, tree, b"k").await;
            let behind = start_waiting(&engine, tree, b"k").await;
            // The version is older than the savepoint and stays; the owner goes on with its row.
            engine.rollback_to(&mut first, savepoint);
            let view = engine.statement(&mut first);
            let mut f = |_: &[u8], _| Ok(Verdict::Replace(b"again".to_vec()));
            let outcome = engine.update(&mut first, &view, tree, b"k", strength, &mut f).await;
            assert_eq!(outcome, Ok(WriteOutcome::Done));
            engine.commit(first).await.expect("it commits");
            assert!(waiting.await.expect("the task ends").is_ok());
            assert!(behind.await.expect("the task ends").is_ok());
            assert_eq!(engine.stats().deadlocks, 0);
            assert_eq!(get_now(&engine, tree, b"k").await, Some(b"second".to_vec()));
        }
    });
}

#[test]
fn a_probe_waits_and_holds_nothing() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", b"0").await;
        let mut first = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut first);
        set(&engine, &mut first, &view, tree, b"k", b"1").await.expect("nothing is in the way");
        let waits = engine.stats().lock_waits;
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let engine = engine.clone();
                tokio::spawn(async move {
                    // As INSERT ... ON CONFLICT DO UPDATE does it.
                    let mut txn = engine.begin(Isolation::ReadCommitted);
                    let view = engine.statement(&mut txn);
                    let found = engine.probe(&mut txn, &view, tree, engine::KeyRange::prefix(b"k")).await?;
                    assert!(found.is_some());
                    tokio::task::yield_now().await;
                    set(&engine, &mut txn, &view, tree, b"k", b"2").await?;
                    engine.commit(txn).await
                })
            })
            .collect();
        until(|| engine.stats().lock_waits == waits + 2).await;
        engine.commit(first).await.expect("it commits");
        for task in tasks {
            assert!(task.await.expect("the task ends").is_ok());
        }
    });
}

#[test]
fn an_own_deleted_row_is_gone_not_changed_behind_the_snapshot() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", b"0").await;
        let mut txn = engine.begin(Isolation::RepeatableRead);
        remove(&engine, &mut txn, tree, b"k").await.expect("nothing is in the way");
        let view = engine.statement(&mut txn);
        let outcome = engine.lock_row(&mut txn, &view, tree, b"k", LockStrength::KeyShare, WaitPolicy::Wait).await;
        assert_eq!(outcome, Ok(LockOutcome::Gone));
    });
}

/// Whether another transaction gets the row in this mode at once.
async fn is_free_for(engine: &Arc<Engine>, tree: TreeId, key: &[u8], strength: LockStrength) -> bool {
    let mut other = engine.begin(Isolation::ReadCommitted);
    let view = engine.statement(&mut other);
    engine.lock_row(&mut other, &view, tree, key, strength, WaitPolicy::NoWait).await.is_ok()
}

#[test]
fn a_lock_is_as_weak_again_as_before_the_savepoint() {
    use LockStrength::{KeyShare, NoKeyUpdate, Share, Update};
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", b"v").await;
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut txn);
        let policy = WaitPolicy::NoWait;
        engine.lock_row(&mut txn, &view, tree, b"k", KeyShare, policy).await.expect("it is free");
        let outer = engine.savepoint(&mut txn);
        engine.lock_row(&mut txn, &view, tree, b"k", Share, policy).await.expect("it is free");
        let inner = engine.savepoint(&mut txn);
        engine.lock_row(&mut txn, &view, tree, b"k", Update, policy).await.expect("it is free");
        assert!(!is_free_for(&engine, tree, b"k", KeyShare).await);
        engine.rollback_to(&mut txn, inner);
        assert!(is_free_for(&engine, tree, b"k", Share).await);
        assert!(!is_free_for(&engine, tree, b"k", NoKeyUpdate).await);
        // A version is a lock, too.
        set(&engine, &mut txn, &view, tree, b"k", b"w").await.expect("nothing is in the way");
        assert!(!is_free_for(&engine, tree, b"k", Share).await);
        engine.rollback_to(&mut txn, outer);
        assert!(is_free_for(&engine, tree, b"k", NoKeyUpdate).await);
        assert!(!is_free_for(&engine, tree, b"k", Update).await);
        engine.rollback(txn);
        assert!(is_free_for(&engine, tree, b"k", Update).await);
        assert_eq!(engine.stats().lock_bytes, 0);
    });
}

#[test]
fn who_locks_more_rows_than_there_is_room_for_fails_alone() {
    block_on(async {
        let volume = engine::testing::MemoryVolume::new();
        let options = engine::Options { lock_table_bytes: 1 << 20, ..small() };
        let engine = Engine::bootstrap(volume, options).await.expect("the volume is empty");
        let tree = new_tree(&engine).await;
        for number in 0..6000u32 {
            put_now(&engine, tree, &number.to_be_bytes(), b"row").await;
        }
        let mut hog = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut hog);
        let mut locked = 0u32;
        let error = loop {
            let (key, strength) = (locked.to_be_bytes(), LockStrength::Update);
            match engine.lock_row(&mut hog, &view, tree, &key, strength, WaitPolicy::Wait).await {
                Ok(_) => locked += 1,
                Err(error) => break error,
            }
        };
        assert_eq!((error.sqlstate(), locked > 1024), ("53200", true));
        // The others go on while it lasts.
        for number in locked..locked + 200 {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut txn);
            let (key, strength) = (number.to_be_bytes(), LockStrength::Share);
            engine.lock_row(&mut txn, &view, tree, &key, strength, WaitPolicy::Wait).await.expect("there is room");
            set(&engine, &mut txn, &view, tree, &key, b"new").await.expect("nothing is in the way");
            engine.commit(txn).await.expect("it commits");
        }
        // And when many small ones want what is left, too: they are refused, not the memory of the process used up.
        let mut many = Vec::new();
        for number in (locked..locked + 1000).cycle() {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut txn);
            let (key, strength) = (number.to_be_bytes(), LockStrength::KeyShare);
            let asked = engine.lock_row(&mut txn, &view, tree, &key, strength, WaitPolicy::Wait).await;
            many.push(txn);
            if asked.is_err() {
                break;
            }
            assert!(many.len() < 20_000, "nobody is refused");
        }
        assert!(engine.stats().lock_bytes <= (1 << 20) + 1024);
        drop(many);
        engine.rollback(hog);
        assert_eq!(engine.stats().lock_bytes, 0);
    });
}

#[test]
fn readers_of_a_table_hold_up_only_who_would_take_it_away() {
    use TableLockMode::{AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share};
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let mut reader = engine.begin(Isolation::ReadCommitted);
        engine.lock_object(&mut reader, 7, AccessShare, WaitPolicy::NoWait).await.expect("it is free");
        let mut writer = engine.begin(Isolation::ReadCommitted);
        engine.lock_object(&mut writer, 7, RowExclusive, WaitPolicy::NoWait).await.expect("they get on");
        let mut other = engine.begin(Isolation::ReadCommitted);
        let share = engine.lock_object(&mut other, 7, Share, WaitPolicy::NoWait).await;
        assert_eq!(share, Err(Error::LockNotAvailable));
        // Now that they are in the lock table, weak locks come and go as before.
        engine.lock_object(&mut reader, 7, RowShare, WaitPolicy::NoWait).await.expect("they get on");
        engine.commit(writer).await.expect("it commits");
        engine.lock_object(&mut other, 7, Share, WaitPolicy::NoWait).await.expect("the writer is gone");
        assert_eq!(
            engine.lock_object(&mut other, 7, Exclusive, WaitPolicy::NoWait).await,
            Err(Error::LockNotAvailable)
        );
        let dropping = tokio::spawn({
            let engine = engine.clone();
            async move {
                let mut txn = engine.begin(Isolation::ReadCommitted);
                engine.lock_object(&mut txn, 7, AccessExclusive, WaitPolicy::Wait).await
            }
        });
        until(|| engine.stats().lock_waits == 1).await;
        // Who comes now queues behind, though readers would get on with each other.
        let mut late = engine.begin(Isolation::ReadCommitted);
        let refused = engine.lock_object(&mut late, 7, AccessShare, WaitPolicy::NoWait).await;
        assert_eq!(refused, Err(Error::LockNotAvailable));
        engine.rollback(other);
        assert!(!dropping.is_finished());
        engine.rollback(reader);
        assert_eq!(dropping.await.expect("the task ends"), Ok(()));
        engine.lock_object(&mut late, 7, AccessShare, WaitPolicy::NoWait).await.expect("it is free");
        engine.rollback(late);
        assert_eq!(engine.stats().lock_bytes, 0);
    });
}

#[test]
fn a_weak_lock_taken_behind_a_savepoint_goes_with_it() {
    use TableLockMode::{AccessExclusive, AccessShare, Exclusive, RowExclusive};
    block_on(async {
        for wanted_between in [false, true] {
            let (_volume, engine) = new_engine().await;
            let exclusive = async |mode| {
                let mut other = engine.begin(Isolation::ReadCommitted);
                engine.lock_object(&mut other, 7, mode, WaitPolicy::NoWait).await.is_ok()
            };
            let mut txn = engine.begin(Isolation::ReadCommitted);
            engine.lock_object(&mut txn, 7, AccessShare, WaitPolicy::NoWait).await.expect("it is free");
            let savepoint = engine.savepoint(&mut txn);
            let released = engine.savepoint(&mut txn);
            engine.lock_object(&mut txn, 8, AccessShare, WaitPolicy::NoWait).await.expect("it is free");
            engine.release(&mut txn, released);
            engine.lock_object(&mut txn, 7, RowExclusive, WaitPolicy::NoWait).await.expect("it is free");
            if wanted_between {
                assert!(!exclusive(Exclusive).await);
            }
            engine.rollback_to(&mut txn, savepoint);
            assert!(exclusive(Exclusive).await);
            assert!(!exclusive(AccessExclusive).await);
            let mut other = engine.begin(Isolation::ReadCommitted);
            engine.lock_object(&mut other, 8, AccessExclusive, WaitPolicy::NoWait).await.expect("it was given up");
            engine.rollback(other);
            engine.rollback(txn);
            assert!(exclusive(AccessExclusive).await);
            assert_eq!(engine.stats().lock_bytes, 0);
        }
    });
}

#[test]
fn nobody_reads_a_table_while_it_is_taken_away() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("it starts");
    runtime.block_on(async {
        let (_volume, engine) = new_engine().await;
        let inside = Arc::new(std::sync::atomic::AtomicI64::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let (engine, inside) = (engine.clone(), inside.clone());
                tokio::spawn(async move {
                    use std::sync::atomic::Ordering::SeqCst;
                    let alone = task == 0;
                    for round in 0..if alone { 300 } else { 3000 } {
                        let mut txn = engine.begin(Isolation::ReadCommitted);
                        let mode = if alone { TableLockMode::AccessExclusive } else { TableLockMode::AccessShare };
                        engine.lock_object(&mut txn, 7, mode, WaitPolicy::Wait).await.expect("it is granted");
                        let step = if alone { 1000 } else { 1 };
                        let found = inside.fetch_add(step, SeqCst);
                        assert!(if alone { found == 0 } else { found < 1000 }, "{found} inside");
                        for _ in 0..round % 4 {
                            tokio::task::yield_now().await;
                        }
                        inside.fetch_sub(step, SeqCst);
                        engine.rollback(txn);
                        if alone {
                            // Let readers take their locks with nothing strong near.
                            for _ in 0..20 {
                                tokio::task::yield_now().await;
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("the task ends");
        }
        assert_eq!(engine.stats().lock_bytes, 0);
    });
}
