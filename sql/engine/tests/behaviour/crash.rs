//! Crashes: exactly the commits at or below the recovered VDL are there afterwards.

use crate::support::*;
use engine::{Engine, Isolation};
use protocol::Lsn;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

#[test]
fn exactly_the_durable_commits_survive() {
    block_on(async {
        for seed in 0..12u64 {
            let mut random = StdRng::seed_from_u64(seed);
            let (volume, engine) = new_engine().await;
            let tree = new_tree(&engine).await;
            let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            let mut history = vec![(volume.last(), model.clone())];
            let mut open = Vec::new();
            for step in 0..200u32 {
                let mut txn = engine.begin(Isolation::ReadCommitted);
                let mut next = model.clone();
                for _ in 0..random.random_range(1..6) {
                    let number = random.random_range(0..80u8);
                    // Keys of open transactions are theirs.
                    let key = vec![number; 40];
                    let row = vec![step as u8; random.random_range(0..1200)];
                    if random.random_range(0..5) == 0 {
                        remove(&engine, &mut txn, tree, &key).await.expect("nothing is in the way");
                        next.remove(&key);
                    } else {
                        put(&engine, &mut txn, tree, &key, &row).await.expect("nothing is in the way");
                        next.insert(key, row);
                    }
                }
                if random.random_range(0..6) == 0 {
                    engine.rollback(txn);
                } else {
                    let lsn = engine.commit(txn).await.expect("it commits");
                    model = next;
                    // One that found nothing to delete has no record of its own.
                    if lsn > history[history.len() - 1].0 {
                        history.push((lsn, model.clone()));
                    }
                }
                if random.random_range(0..20) == 0 {
                    let mut txn = engine.begin(Isolation::ReadCommitted);
                    let key = [b"open", &step.to_be_bytes()[..]].concat();
                    put(&engine, &mut txn, tree, &key, b"never committed").await.expect("nothing is in the way");
                    open.push(txn);
                }
            }
            let boundaries = volume.boundaries();
            for _ in 0..15 {
                let cut = boundaries[random.random_range(0..boundaries.len())].max(history[0].0);
                let recovered = volume.crash_at(cut);
                let reopened = Engine::writer(recovered.clone(), small()).await.expect("the volume opens");
                let (_, wanted) = history.iter().rev().find(|(lsn, _)| *lsn <= cut).expect("the first is below");
                let wanted: Vec<_> = wanted.clone().into_iter().collect();
                assert_eq!(brief(&all_rows(&reopened, tree).await), brief(&wanted), "seed {seed}, cut {cut}");
                // And it goes on: ids of dead transactions do not come alive.
                for number in 100..110u8 {
                    put_now(&reopened, tree, &[number; 40], b"after").await;
                }
                let mut after: BTreeMap<_, _> = wanted.into_iter().collect();
                (100..110u8).for_each(|number| drop(after.insert(vec![number; 40], b"after".to_vec())));
                let wanted: Vec<_> = after.into_iter().collect();
                assert_eq!(brief(&all_rows(&reopened, tree).await), brief(&wanted));
                let again = Engine::writer(recovered.crash(), small()).await.expect("the volume opens");
                assert_eq!(brief(&all_rows(&again, tree).await), brief(&wanted));
            }
        }
    });
}

#[test]
fn the_cached_pages_are_what_storage_builds() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        for step in 0..400u32 {
            put_now(&engine, tree, &(step % 90).to_be_bytes().repeat(20), &step.to_be_bytes().repeat(40)).await;
        }
        volume.hold();
        for step in 0..50u32 {
            put_now(&engine, tree, &(step % 90).to_be_bytes().repeat(20), &step.to_be_bytes().repeat(40)).await;
        }
        let now = all_rows(&engine, tree).await;
        let reopened = Engine::writer(volume.crash_at(Lsn::MAX), small()).await.expect("the volume opens");
        assert_eq!(brief(&all_rows(&reopened, tree).await), brief(&now));
    });
}

#[test]
fn an_empty_volume_is_not_opened_and_a_full_one_not_made_again() {
    block_on(async {
        let volume = engine::testing::MemoryVolume::new();
        let refused = Engine::writer(volume.clone(), small()).await.map(|_| ());
        assert_eq!(refused, Err(engine::Error::NotBootstrapped));
        Engine::bootstrap(volume.clone(), small()).await.expect("the volume is empty");
        assert!(Engine::bootstrap(volume, small()).await.is_err());
    });
}

#[test]
fn a_fenced_writer_reports_an_unknown_fate() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        volume.hold();
        let mut txn = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut txn, tree, b"k", b"v").await.expect("nothing is in the way");
        let lsn = engine.commit(txn).await.expect("it is appended");
        volume.fence();
        let fate = engine.wait_durable(lsn, protocol::volume::Durability::Flushed).await;
        assert_eq!(fate.map_err(|error| error.sqlstate()), Err("40003"));
    });
}
