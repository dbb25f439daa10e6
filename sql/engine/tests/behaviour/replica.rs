//! Replicas: equal to the writer at every applied LSN, and its successor when promoted.

use crate::support::*;
use engine::testing::MemoryReplica;
use engine::{Direction, Engine, Error, Isolation, KeyRange, Options, Rows};
use protocol::Lsn;
use protocol::volume::PageSource;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn a_replica_equals_the_writer_at_every_applied_lsn() {
    block_on(async {
        for seed in 0..6u64 {
            let mut random = StdRng::seed_from_u64(seed);
            let (volume, engine) = new_engine().await;
            let tree = new_tree(&engine).await;
            let start = volume.last();
            let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            let mut history = vec![(start, model.clone())];
            for step in 0..300u32 {
                let mut txn = engine.begin(Isolation::ReadCommitted);
                let key = vec![random.random_range(0..60u8); 100];
                if random.random_range(0..4) == 0 {
                    remove(&engine, &mut txn, tree, &key).await.expect("nothing is in the way");
                    model.remove(&key);
                } else {
                    let row = vec![step as u8; random.random_range(0..900)];
                    put(&engine, &mut txn, tree, &key, &row).await.expect("nothing is in the way");
                    model.insert(key, row);
                }
                let lsn = engine.commit(txn).await.expect("it commits");
                // One that found nothing to delete has no record of its own.
                if lsn > history[history.len() - 1].0 {
                    history.push((lsn, model.clone()));
                }
                if step % 50 == 49 {
                    vacuum(&engine).await;
                }
            }
            let source = MemoryReplica::new(volume.clone(), start);
            let replica = Engine::replica(source.clone(), start, small()).await.expect("the replica opens");
            let mut compared = 0;
            for boundary in volume.boundaries().into_iter().filter(|boundary| *boundary > start) {
                source.feed(&*replica, boundary).expect("redo applies");
                if random.random_range(0..40) == 0 {
                    source.skip(&*replica, boundary);
                }
                if random.random_range(0..8) == 0 {
                    let (_, wanted) =
                        history.iter().rev().find(|(lsn, _)| *lsn <= boundary).expect("the first is below");
                    let wanted: Vec<_> = wanted.clone().into_iter().collect();
                    assert_eq!(brief(&all_rows(&replica, tree).await), brief(&wanted), "seed {seed} at {boundary}");
                    compared += 1;
                }
            }
            assert!(compared > 20);
            let mut txn = replica.begin(Isolation::ReadCommitted);
            assert_eq!(put(&replica, &mut txn, tree, b"k", b"v").await, Err(Error::ReadOnly));
        }
    });
}

#[test]
fn pages_that_are_new_reach_a_replica_as_redo() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let start = volume.last();
        let source = MemoryReplica::new(volume.clone(), start);
        let options = Options { cache_pages: 4096, ..small() };
        let replica = Engine::replica(source.clone(), start, options).await.expect("the replica opens");
        // What there is already is fetched: the tree's pages, and the commit map's for the versions in them.
        put_now(&engine, tree, &0u32.to_be_bytes(), &[7; 500]).await;
        source.feed(&*replica, volume.last()).expect("redo applies");
        all_rows(&replica, tree).await;
        let before = replica.stats();
        for key in 1..500u32 {
            put_now(&engine, tree, &key.to_be_bytes(), &[7; 500]).await;
        }
        source.feed(&*replica, volume.last()).expect("redo applies");
        assert_eq!(all_rows(&replica, tree).await.len(), 500);
        assert_eq!(replica.stats().pages_fetched, before.pages_fetched);
    });
}

#[test]
fn redo_that_overtakes_a_fetch_is_not_lost() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", b"1").await;
        let start = volume.last();
        let source = MemoryReplica::new(volume.clone(), start);
        let replica = Engine::replica(source.clone(), start, small()).await.expect("the replica opens");
        put_now(&engine, tree, b"k", b"2").await;
        // The read misses its pages one after the other; between its read points and the replies redo is applied.
        let reading = tokio::spawn({
            let replica = replica.clone();
            async move { get_now(&replica, tree, b"k").await }
        });
        tokio::task::yield_now().await;
        source.feed(&*replica, volume.last()).expect("redo applies");
        assert_eq!(reading.await.expect("it ends"), Some(b"1".to_vec()));
        assert_eq!(get_now(&replica, tree, b"k").await, Some(b"2".to_vec()));
    });
}

#[test]
fn a_prune_ends_the_statements_it_expels_and_spares_reported_snapshots() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", &[1; 500]).await;
        let start = volume.last();
        let source = MemoryReplica::new(volume.clone(), start);
        let replica = Engine::replica(source.clone(), start, small()).await.expect("the replica opens");
        let old = replica.view(replica.snapshot());
        let report = |lease| {
            let (floor, snapshots) = replica.live_snapshots();
            engine.set_replica_snapshots(1, floor, snapshots, lease);
        };
        report(Duration::from_secs(60));
        for round in 0..100u8 {
            put_now(&engine, tree, b"k", &[round; 500]).await;
        }
        source.feed(&*replica, volume.last()).expect("redo applies");
        assert_eq!(replica.get(&old, tree, b"k").await.map(|row| row.map(|row| row[0])), Ok(Some(1)));
        // Reported, the snapshot is kept while versions between it and the newest go.
        for round in 0..100u8 {
            put_now(&engine, tree, b"k", &[round; 500]).await;
            source.feed(&*replica, volume.last()).expect("redo applies");
            report(Duration::from_secs(60));
        }
        assert!(engine.stats().versions_pruned > 50);
        assert_eq!(replica.get(&old, tree, b"k").await.map(|row| row.map(|row| row[0])), Ok(Some(1)));
        // Without its lease it is expelled: an error, never other rows.
        report(Duration::ZERO);
        for round in 0..100u8 {
            put_now(&engine, tree, b"k", &[round; 500]).await;
        }
        source.feed(&*replica, volume.last()).expect("redo applies");
        assert_eq!(replica.get(&old, tree, b"k").await.map_err(|error| error.sqlstate()), Err("72000"));
        assert_eq!(get_now(&replica, tree, b"k").await.map(|row| row[0]), Some(99));
    });
}

#[test]
fn the_catalog_version_moves_by_redo() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let start = volume.last();
        let source = MemoryReplica::new(volume.clone(), start);
        let replica = Engine::replica(source.clone(), start, small()).await.expect("the replica opens");
        let (before, on_replica) = (engine.catalog_version(), replica.catalog_version());
        assert_eq!(before, on_replica);
        put_now(&engine, engine.catalog_tree(), b"table", b"1").await;
        assert_eq!(engine.catalog_version(), before);
        let mut txn = engine.begin(Isolation::ReadCommitted);
        txn.touch_catalog();
        put(&engine, &mut txn, engine.catalog_tree(), b"table", b"2").await.expect("nothing is in the way");
        engine.commit(txn).await.expect("it commits");
        assert_eq!(engine.catalog_version(), before + 1);
        assert_eq!(replica.catalog_version(), before);
        source.feed(&*replica, volume.last()).expect("redo applies");
        assert_eq!(replica.catalog_version(), before + 1);
        assert_eq!(get_now(&replica, replica.catalog_tree(), b"table").await, Some(b"2".to_vec()));
    });
}

#[test]
fn a_promoted_replica_goes_on_where_the_writer_stopped() {
    block_on(async {
        for behind in [false, true] {
            let (volume, engine) = new_engine().await;
            let tree = new_tree(&engine).await;
            let start = volume.last();
            let source = MemoryReplica::new(volume.clone(), start);
            let replica = Engine::replica(source.clone(), start, small()).await.expect("the replica opens");
            for number in 0..50u8 {
                put_now(&engine, tree, &[number], b"durable").await;
            }
            let middle = volume.last();
            source.feed(&*replica, middle).expect("redo applies");
            assert_eq!(all_rows(&replica, tree).await.len(), 50);
            for number in 50..60u8 {
                put_now(&engine, tree, &[number], b"durable").await;
            }
            volume.hold();
            let vdl = volume.last();
            let mut open = engine.begin(Isolation::ReadCommitted);
            put(&engine, &mut open, tree, &[200], b"open").await.expect("nothing is in the way");
            put_now(&engine, tree, &[201], b"not durable").await;
            if !behind {
                source.feed(&*replica, vdl).expect("redo applies");
            }
            let recovered = volume.crash();
            assert_eq!(recovered.flushed_vdl(), vdl);
            let fetched = replica.stats().pages_fetched;
            replica.promote(recovered.clone(), vdl).await.expect("it is promoted");
            assert!(replica.is_writer());
            assert_eq!(all_rows(&replica, tree).await.len(), 60);
            if !behind {
                assert_eq!(replica.stats().pages_fetched, fetched, "the cache stayed warm");
            }
            for number in 100..120u8 {
                put_now(&replica, tree, &[number], b"after").await;
            }
            assert_eq!(all_rows(&replica, tree).await.len(), 80);
            assert_eq!(get_now(&replica, tree, &[200]).await, None);
            let reopened = Engine::writer(recovered.crash(), small()).await.expect("the volume opens");
            assert_eq!(all_rows(&reopened, tree).await.len(), 80);
        }
    });
}

#[test]
fn a_new_writer_holds_the_horizon_for_a_lease() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", &[0; 500]).await;
        let options = engine::Options { replica_lease: Duration::from_secs(3600), ..small() };
        let reopened = Engine::writer(volume.crash_at(Lsn::MAX), options).await.expect("the volume opens");
        for round in 0..100u8 {
            put_now(&reopened, tree, b"k", &[round; 500]).await;
        }
        assert_eq!(reopened.stats().horizons_logged, 0);
    });
}

/// A scan holds no page between its batches: what it comes to next may have been split, merged, freed and used again.
#[test]
fn a_scan_on_a_replica_goes_on_while_the_writer_splits_and_merges() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let key = |number: u32, more: u8| [&number.to_be_bytes()[..], &[more]].concat();
        for number in 0..300 {
            put_now(&engine, tree, &key(number, 0), &[1; 300]).await;
        }
        let start = volume.last();
        let source = MemoryReplica::new(volume.clone(), start);
        let replica = Engine::replica(source.clone(), start, small()).await.expect("the replica opens");
        let view = replica.view(replica.snapshot());
        let (floor, snapshots) = replica.live_snapshots();
        engine.set_replica_snapshots(1, floor, snapshots, Duration::from_secs(600));
        for direction in [Direction::Forward, Direction::Backward] {
            let mut scan = replica.scan(&view, tree, KeyRange::all(), direction);
            let (mut seen, mut part, mut round) = (Vec::new(), Rows::new(), 0u32);
            while scan.next_batch(&mut part, 15).await.expect("the snapshot is kept") > 0 {
                seen.extend(part.iter().map(|(key, row)| (key.to_vec(), row.to_vec())));
                // Around the scan pages fill up and split; then most rows go, old ones too, and pages merge.
                round += 1;
                let near = (0..40).map(|step| (round * 15 + step * 7) % 300);
                for number in near.clone() {
                    put_now(&engine, tree, &key(number, 1), &[2; 700]).await;
                }
                for number in near {
                    let mut txn = engine.begin(Isolation::ReadCommitted);
                    remove(&engine, &mut txn, tree, &key(number, 1)).await.expect("nothing is in the way");
                    remove(&engine, &mut txn, tree, &key(number, 0)).await.expect("nothing is in the way");
                    engine.commit(txn).await.expect("it commits");
                }
                vacuum(&engine).await;
                source.feed(&*replica, volume.last()).expect("redo applies");
            }
            if direction == Direction::Backward {
                seen.reverse();
            }
            let wanted: Vec<_> = (0..300).map(|number| (key(number, 0), vec![1; 300])).collect();
            assert_eq!(brief(&seen), brief(&wanted), "{direction:?}");
        }
    });
}

#[test]
fn a_replica_that_starts_under_load_opens_anywhere_and_shows_nothing_that_is_in_flight() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for number in 0..40u8 {
            put_now(&engine, tree, &[number], &[0; 200]).await;
            model.insert(vec![number], vec![0; 200]);
        }
        let first = volume.last();
        let mut history = vec![(first, model.clone())];
        // Each of them changes a row and adds one, and goes on for long.
        let mut open = Vec::new();
        for number in 0..30u8 {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            put(&engine, &mut txn, tree, &[number], &[1; 300]).await.expect("nothing is in the way");
            put(&engine, &mut txn, tree, &[100 + number], &[1; 300]).await.expect("nothing is in the way");
            open.push((number, txn));
        }
        for (number, txn) in open {
            if number % 3 == 0 {
                engine.rollback(txn);
                continue;
            }
            let lsn = engine.commit(txn).await.expect("it commits");
            model.insert(vec![number], vec![1; 300]);
            model.insert(vec![100 + number], vec![1; 300]);
            history.push((lsn, model.clone()));
        }
        let mut opened = 0;
        for boundary in volume.boundaries().into_iter().filter(|boundary| *boundary >= first) {
            let source = MemoryReplica::new(volume.clone(), boundary);
            let replica = Engine::replica(source, boundary, small()).await.expect("the replica opens");
            let (_, wanted) = history.iter().rev().find(|(lsn, _)| *lsn <= boundary).expect("the first is below");
            let wanted: Vec<_> = wanted.clone().into_iter().collect();
            assert_eq!(brief(&all_rows(&replica, tree).await), brief(&wanted), "at {boundary}");
            opened += 1;
        }
        assert!(opened > 60, "{opened} mini-transactions");
    });
}
