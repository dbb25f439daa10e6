//! Transactions against a plain model: every committed state is kept, and each view must see exactly one of them plus its
//! own writes.

use crate::support::*;
use engine::testing::MemoryReplica;
use engine::{
    CancelToken, Direction, Engine, EntryMove, Error, Isolation, KeyRange, LockOutcome, LockStrength, Rows,
    SavepointId, Snapshot, TreeId, Txn, View, WaitPolicy, WriteOutcome,
};
use protocol::TxnId;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;

type State = BTreeMap<Vec<u8>, Vec<u8>>;
/// `None`: a delete.
type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

struct Session {
    txn: Txn,
    isolation: Isolation,
    /// The committed state of a REPEATABLE READ snapshot.
    base: Option<State>,
    /// Own writes, `None` for a delete; and the stack of savepoints with what was there.
    own: Writes,
    savepoints: Vec<(SavepointId, Writes)>,
}

fn merged(base: &State, own: &Writes) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut state = base.clone();
    for (key, row) in own {
        match row {
            Some(row) => state.insert(key.clone(), row.clone()),
            None => state.remove(key),
        };
    }
    state.into_iter().collect()
}

async fn contents(engine: &Arc<Engine>, view: &View, tree: TreeId, backward: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    let direction = if backward { engine::Direction::Backward } else { engine::Direction::Forward };
    let mut found = rows(engine, view, tree, engine::KeyRange::all(), direction, 5).await.expect("scanning works");
    if backward {
        found.reverse();
    }
    found
}

/// Sessions take turns; none waits, for a write whose key another holds is left out.
async fn interleave(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let (volume, engine) = new_engine().await;
    let tree = new_tree(&engine).await;
    let mut committed = State::new();
    let mut snapshots: Vec<(Snapshot, State)> = Vec::new();
    let mut sessions: Vec<Session> = Vec::new();
    for step in 0..600u32 {
        let choice = random.random_range(0..100);
        if sessions.is_empty() || (choice < 10 && sessions.len() < 6) {
            let isolation = if random.random() { Isolation::ReadCommitted } else { Isolation::RepeatableRead };
            let txn = engine.begin(isolation);
            sessions.push(Session { txn, isolation, base: None, own: BTreeMap::new(), savepoints: Vec::new() });
            continue;
        }
        let at = random.random_range(0..sessions.len());
        if choice < 20 {
            let session = sessions.swap_remove(at);
            if random.random_range(0..3) == 0 {
                engine.rollback(session.txn);
            } else {
                engine.commit(session.txn).await.expect("it commits");
                committed = merged(&committed, &session.own).into_iter().collect();
            }
            continue;
        }
        if choice < 23 {
            snapshots.push((engine.snapshot(), committed.clone()));
            if snapshots.len() > 4 {
                snapshots.remove(random.random_range(0..4));
            }
            continue;
        }
        if choice < 26 {
            vacuum(&engine).await;
            continue;
        }
        let key = [b'k', random.random_range(0..12u8), 0].repeat(random.random_range(1..2) * 60);
        let held_by_other =
            sessions.iter().enumerate().any(|(other, session)| other != at && session.own.contains_key(&key));
        let session = &mut sessions[at];
        match choice {
            26..35 => {
                let savepoint = engine.savepoint(&mut session.txn);
                session.savepoints.push((savepoint, session.own.clone()));
            }
            35..40 => {
                if let Some((savepoint, own)) = session.savepoints.pop() {
                    if random.random() {
                        // Keys written since are let go: only the model's rows must come back.
                        engine.rollback_to(&mut session.txn, savepoint);
                        session.own = own.clone();
                        session.savepoints.push((savepoint, own));
                    } else {
                        engine.release(&mut session.txn, savepoint);
                    }
                }
            }
            40..80 if !held_by_other => {
                let view = engine.statement(&mut session.txn);
                let base = match session.isolation {
                    Isolation::RepeatableRead => session.base.get_or_insert_with(|| committed.clone()).clone(),
                    Isolation::ReadCommitted => committed.clone(),
                };
                let state: State = merged(&base, &session.own).into_iter().collect();
                let outdated = base.get(&key) != committed.get(&key) && !session.own.contains_key(&key);
                let row = vec![step as u8; random.random_range(1..900)];
                let (outcome, row) = if state.contains_key(&key) && random.random_range(0..4) == 0 {
                    let deleted = engine.delete(&mut session.txn, &view, tree, &key, None, &mut |_, _| Ok(true)).await;
                    (deleted.map(|_| ()), None)
                } else if state.contains_key(&key) {
                    (set(&engine, &mut session.txn, &view, tree, &key, &row).await.map(|_| ()), Some(row))
                } else {
                    let inserted = engine.insert(&mut session.txn, &view, tree, &key, &row).await;
                    if inserted == Ok(engine::InsertOutcome::Inserted) {
                        session.own.insert(key.clone(), Some(row));
                        continue;
                    }
                    (inserted.map(|_| ()), None)
                };
                match outcome {
                    Ok(()) if state.contains_key(&key) => {
                        assert!(!outdated, "an outdated row was changed");
                        session.own.insert(key.clone(), row);
                    }
                    Ok(()) => {}
                    Err(Error::Serialization) => assert!(outdated && session.isolation == Isolation::RepeatableRead),
                    Err(error) => panic!("{error}"),
                }
            }
            _ => {
                let view = engine.statement(&mut session.txn);
                let base = match session.isolation {
                    Isolation::RepeatableRead => session.base.get_or_insert_with(|| committed.clone()).clone(),
                    Isolation::ReadCommitted => committed.clone(),
                };
                let wanted = merged(&base, &session.own);
                let found = contents(&engine, &view, tree, random.random()).await;
                assert_eq!(brief(&found), brief(&wanted), "step {step}");
                let found = engine.get(&view, tree, &key).await.expect("reading works");
                let row = wanted.iter().find(|(wanted, _)| *wanted == key).map(|(_, row)| row.clone());
                assert_eq!(found.map(|row| row.to_vec()), row);
            }
        }
        for (snapshot, state) in &snapshots {
            if random.random_range(0..10) == 0 {
                let view = engine.view(snapshot.clone());
                let wanted: Vec<_> = state.clone().into_iter().collect();
                let found = contents(&engine, &view, tree, random.random()).await;
                assert_eq!(brief(&found), brief(&wanted), "step {step}");
            }
        }
    }
    drop(sessions);
    let reopened = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
    let wanted: Vec<_> = committed.into_iter().collect();
    assert_eq!(brief(&all_rows(&reopened, tree).await), brief(&wanted));
}

#[test]
fn every_view_sees_one_committed_state_and_its_own_writes() {
    block_on(async {
        for seed in 0..25 {
            interleave(seed).await;
        }
    });
}

#[test]
fn a_statement_does_not_see_its_own_writes() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut txn);
        engine.insert(&mut txn, &view, tree, b"a", b"1").await.expect("nothing is in the way");
        assert_eq!(engine.get(&view, tree, b"a").await, Ok(None));
        let outcome = set(&engine, &mut txn, &view, tree, b"a", b"2").await;
        assert_eq!(outcome, Ok(engine::WriteOutcome::SelfModified));
        let view = engine.statement(&mut txn);
        assert_eq!(engine.get(&view, tree, b"a").await, Ok(Some(bytes::Bytes::from_static(b"1"))));
    });
}

#[test]
fn an_entry_moves_as_far_as_one_step_does_it() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        for key in [b"b", b"d", b"f", b"i"] {
            put_now(&engine, tree, key, b"row").await;
        }
        let before = engine.view(engine.snapshot());
        let mut other = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut other, tree, b"h", b"row").await.expect("nothing is in the way");
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut txn);
        for (from, to, comes) in [
            (b"d", b"e", EntryMove::Done),
            (b"f", b"c", EntryMove::Done),
            // Taken, and being taken.
            (b"b", b"c", EntryMove::Deleted),
            (b"i", b"h", EntryMove::Deleted),
            // Gone, never there, another's, and what the statement itself has written.
            (b"d", b"g", EntryMove::Nothing),
            (b"a", b"g", EntryMove::Nothing),
            (b"h", b"g", EntryMove::Nothing),
            (b"e", b"g", EntryMove::Nothing),
        ] {
            let moved = engine.move_entry(&mut txn, &view, tree, (&from[..], &to[..]), b"row").await;
            assert_eq!(moved, Ok(comes), "{from:?} {to:?}");
        }
        engine.commit(txn).await.expect("it commits");
        let keys = |rows: &[(Vec<u8>, Vec<u8>)]| rows.iter().map(|(key, _)| key[0]).collect::<Vec<u8>>();
        assert_eq!(keys(&all_rows(&engine, tree).await), b"ce");
        let old = rows(&engine, &before, tree, KeyRange::all(), Direction::Forward, 10).await.expect("reading works");
        assert_eq!(keys(&old), b"bdfi");
        let reopened = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        assert_eq!(keys(&all_rows(&reopened, tree).await), b"ce");
    });
}

#[test]
fn a_row_that_was_seen_ends_though_another_comes_under_its_key() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        for key in [b"a", b"b", b"c"] {
            put_now(&engine, tree, key, b"row").await;
        }
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let newest = engine.statement(&mut txn);
        let view = newest.seen();
        // Several times anew, moved and anew, and changed.
        let mut other = engine.begin(Isolation::ReadCommitted);
        for round in 0..3u8 {
            remove(&engine, &mut other, tree, b"a").await.expect("nothing is in the way");
            put(&engine, &mut other, tree, b"a", &[round]).await.expect("nothing is in the way");
        }
        let there = engine.statement(&mut other);
        let moved = engine.delete(&mut other, &there, tree, b"b", Some(b"z"), &mut |_, _| Ok(true)).await;
        assert_eq!(moved, Ok(WriteOutcome::Done));
        put(&engine, &mut other, tree, b"b", b"new").await.expect("nothing is in the way");
        put(&engine, &mut other, tree, b"c", b"changed").await.expect("nothing is in the way");
        engine.commit(other).await.expect("it commits");
        put_now(&engine, tree, b"a", b"changed").await;
        for _ in 0..3 {
            let refuse = &mut |_: &[u8], _| Ok(false);
            let mut outcomes = Vec::new();
            for key in [b"a", b"b", b"c"] {
                let outcome = engine.delete(&mut txn, &view, tree, key, None, refuse).await;
                outcomes.push(outcome.expect("nobody is in the way"));
            }
            let moved = WriteOutcome::Moved(b"z".to_vec().into());
            assert_eq!(outcomes, [WriteOutcome::Gone, moved, WriteOutcome::Skipped]);
            assert_eq!(
                engine.delete(&mut txn, &newest, tree, b"a", None, refuse).await,
                Ok(WriteOutcome::Skipped),
                "whoever means the key finds it"
            );
            // The horizon moves with what is committed.
            new_tree(&engine).await;
            vacuum(&engine).await;
        }
        let (strength, policy) = (LockStrength::Update, WaitPolicy::NoWait);
        assert_eq!(engine.lock_row(&mut txn, &view, tree, b"a", strength, policy).await, Ok(LockOutcome::Gone));
    });
}

/// Of the versions of a key, each as long as the others, the leaves are cut at every place in turn.
#[test]
fn a_row_ends_in_another_leaf_than_it_lies_in() {
    block_on(async {
        let row = [1u8; 900];
        for older in 1..=8 {
            let (_volume, engine) = new_engine().await;
            let tree = new_tree(&engine).await;
            let mut held = Vec::new();
            for _ in 0..older {
                put_now(&engine, tree, b"k", &row).await;
                held.push(engine.snapshot());
            }
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut txn).seen();
            let mut other = engine.begin(Isolation::ReadCommitted);
            let there = engine.statement(&mut other);
            let moved = engine.delete(&mut other, &there, tree, b"k", Some(&[2u8; 900]), &mut |_, _| Ok(true)).await;
            assert_eq!(moved, Ok(WriteOutcome::Done));
            put(&engine, &mut other, tree, b"k", &row).await.expect("nothing is in the way");
            engine.commit(other).await.expect("it commits");
            for _ in 0..8 {
                put_now(&engine, tree, b"k", &row).await;
                held.push(engine.snapshot());
            }
            drop((there, held));
            for _ in 0..2 {
                let outcome = engine.delete(&mut txn, &view, tree, b"k", None, &mut |_, _| Ok(false)).await;
                assert_eq!(outcome, Ok(WriteOutcome::Moved(vec![2u8; 900].into())), "{older} older versions");
                // The horizon moves with what is committed.
                new_tree(&engine).await;
                vacuum(&engine).await;
            }
            engine.rollback(txn);
            drop(view);
            new_tree(&engine).await;
            let report = engine.vacuum_trees([tree], &CancelToken::new()).await.expect("vacuum works");
            assert_eq!(report.versions_pruned, 2, "the row and its end, for which nobody asks");
        }
    });
}

#[test]
fn what_is_read_is_observed() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"old", b"1").await;
        volume.hold();
        let durable = protocol::volume::PageSource::flushed_vdl(&*volume);
        put_now(&engine, tree, b"new", b"1").await;
        let mut txn = engine.begin(Isolation::ReadCommitted);
        remove(&engine, &mut txn, tree, b"old").await.expect("nothing is in the way");
        let deleted = engine.commit(txn).await.expect("it commits");
        let reads = |key: &'static [u8]| {
            let engine = engine.clone();
            async move {
                let view = engine.view(engine.snapshot());
                let found = engine.get(&view, tree, key).await.expect("reading works").is_some();
                (found, view.observed())
            }
        };
        let (found, observed) = reads(b"new").await;
        assert!(found && observed > durable);
        assert_eq!(reads(b"old").await, (false, deleted));
        assert_eq!(reads(b"never").await, (false, protocol::Lsn::ZERO));
        // A transaction that only looked has to wait for what it saw.
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut txn);
        engine.get(&view, tree, b"old").await.expect("reading works");
        assert_eq!(engine.commit(txn).await, Ok(deleted));
    });
}

/// Who wrote each row, as scans in both directions and look-ups tell.
async fn writers(engine: &Arc<Engine>, tree: TreeId) -> Vec<(Vec<u8>, TxnId)> {
    let view = engine.view(engine.snapshot());
    let mut found = Vec::new();
    for direction in [Direction::Forward, Direction::Backward] {
        let mut scan = engine.scan(&view, tree, KeyRange::all(), direction).with_writers();
        let (mut told, mut rows) = (Vec::new(), Rows::new());
        while scan.next_batch(&mut rows, 3).await.expect("scanning works") > 0 {
            for (at, (key, _)) in rows.iter().enumerate() {
                told.push((key.to_vec(), rows.writer(at).expect("the scan tells writers")));
            }
        }
        told.sort();
        found.push(told);
    }
    assert_eq!(found[0], found[1]);
    for (key, writer) in &found[0] {
        let told = engine.get_version(&view, tree, key, &mut Vec::new()).await.expect("reading works");
        assert_eq!(told, Some(*writer));
    }
    found.swap_remove(0)
}

#[test]
fn a_version_tells_who_wrote_it_as_long_as_it_lasts() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let mut wanted = BTreeMap::new();
        for number in 0..60u8 {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            // Some rows are out of line.
            let row = vec![number; if number % 7 == 0 { 9_000 } else { 300 }];
            put(&engine, &mut txn, tree, &[number], &row).await.expect("nothing is in the way");
            wanted.insert(vec![number], txn.txid().expect("it has written"));
            if number % 5 == 0 {
                let savepoint = engine.savepoint(&mut txn);
                put(&engine, &mut txn, tree, &[number / 5], &row).await.expect("nothing is in the way");
                assert_ne!(txn.writer(), txn.txid());
                wanted.insert(vec![number / 5], txn.writer().expect("it has written"));
                engine.release(&mut txn, savepoint);
            }
            engine.commit(txn).await.expect("it commits");
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        assert_eq!(writers(&engine, tree).await, wanted);
        let mut settled = 0;
        for _ in 0..2 {
            // The horizon moves with what is committed.
            new_tree(&engine).await;
            settled += vacuum(&engine).await.versions_settled;
        }
        assert!(settled > 0);
        assert_eq!(writers(&engine, tree).await, wanted);
        let source = MemoryReplica::new(volume.clone(), volume.last());
        let replica = Engine::replica(source, volume.last(), small()).await.expect("the replica opens");
        assert_eq!(writers(&replica, tree).await, wanted);
        let reopened = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        assert_eq!(writers(&reopened, tree).await, wanted);
        // What is a copy of a settled version, but for some bytes, is not settled.
        let mut txn = reopened.begin(Isolation::ReadCommitted);
        put(&reopened, &mut txn, tree, &[58], &[1; 300]).await.expect("nothing is in the way");
        assert_eq!(writers(&reopened, tree).await, wanted);
        reopened.rollback(txn);
        assert_eq!(writers(&reopened, tree).await, wanted);
        // A settled version is replaced like any other.
        let mut txn = reopened.begin(Isolation::ReadCommitted);
        put(&reopened, &mut txn, tree, &[59], &[1; 300]).await.expect("nothing is in the way");
        let writer = txn.txid().expect("it has written");
        reopened.commit(txn).await.expect("it commits");
        assert_eq!(writers(&reopened, tree).await.last(), Some(&(vec![59], writer)));
    });
}
