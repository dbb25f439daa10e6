//! The tree against `BTreeMap`. Long keys make small fanouts, so that a few hundred rows are several levels.

use crate::support::*;
use engine::{Direction, InsertOutcome, Isolation, KeyRange, Rows};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::ops::Bound;

/// A key whose length varies with its number: from a few bytes up to the longest.
fn key(number: u32, long: bool) -> Vec<u8> {
    let mut key = number.to_be_bytes().to_vec();
    let filler = if long { (number as usize * 7919) % 2700 } else { number as usize % 50 };
    key.extend(std::iter::repeat_n(number as u8, filler));
    key
}

#[derive(Clone, Debug)]
enum Action {
    Put(u32, usize),
    Remove(u32),
    Get(u32),
    Scan(u32, u32, bool, usize),
    Vacuum,
}

fn action(keys: u32) -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (0..keys, 0usize..1500).prop_map(|(key, bytes)| Action::Put(key, bytes)),
        3 => (0..keys).prop_map(Action::Remove),
        3 => (0..keys).prop_map(Action::Get),
        1 => (0..keys, 0..keys, any::<bool>(), 1usize..40).prop_map(|(a, b, back, batch)| Action::Scan(a, b, back, batch)),
        1 => Just(Action::Vacuum),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_tree_is_a_sorted_map(actions in proptest::collection::vec(action(300), 1..400), long: bool) {
        block_on(async {
            let (_volume, engine) = new_engine().await;
            let tree = new_tree(&engine).await;
            let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            for action in actions {
                match action {
                    Action::Put(number, bytes) => {
                        let row = vec![number as u8; bytes];
                        put_now(&engine, tree, &key(number, long), &row).await;
                        model.insert(key(number, long), row);
                    }
                    Action::Remove(number) => {
                        let mut txn = engine.begin(Isolation::ReadCommitted);
                        remove(&engine, &mut txn, tree, &key(number, long)).await.expect("nothing is in the way");
                        engine.commit(txn).await.expect("it commits");
                        model.remove(&key(number, long));
                    }
                    Action::Get(number) => {
                        let found = get_now(&engine, tree, &key(number, long)).await;
                        assert_eq!(found.as_ref(), model.get(&key(number, long)));
                    }
                    Action::Scan(a, b, back, batch) => {
                        let (low, high) = (key(a.min(b), long), key(a.max(b), long));
                        let bounds = (Bound::Included(low), Bound::Excluded(high));
                        let mut wanted: Vec<_> = if a == b { Vec::new() } else {
                            model.range(bounds.clone()).map(|(key, row)| (key.clone(), row.clone())).collect()
                        };
                        let direction = if back { Direction::Backward } else { Direction::Forward };
                        if back {
                            wanted.reverse();
                        }
                        let range = KeyRange { lower: bounds.0, upper: bounds.1 };
                        let view = engine.view(engine.snapshot());
                        let found = rows(&engine, &view, tree, range, direction, batch).await.expect("scanning works");
                        assert_eq!(brief(&found), brief(&wanted));
                    }
                    Action::Vacuum => {
                        vacuum(&engine).await;
                    }
                }
            }
            let wanted: Vec<_> = model.into_iter().collect();
            assert_eq!(brief(&all_rows(&engine, tree).await), brief(&wanted));
            let view = engine.view(engine.snapshot());
            let mut backward = rows(&engine, &view, tree, KeyRange::all(), Direction::Backward, 7).await.expect("scanning works");
            backward.reverse();
            assert_eq!(brief(&backward), brief(&wanted));
        });
    }
}

#[test]
fn ascending_rows_fill_leaves_and_descending_rows_do_not_break_them() {
    block_on(async {
        for descending in [false, true] {
            let (_volume, engine) = new_engine().await;
            let tree = new_tree(&engine).await;
            let mut txn = engine.begin(Isolation::ReadCommitted);
            for index in 0..5000u32 {
                let number = if descending { 5000 - index } else { index };
                put(&engine, &mut txn, tree, &number.to_be_bytes(), &[7; 100]).await.expect("nothing is in the way");
            }
            engine.commit(txn).await.expect("it commits");
            assert_eq!(all_rows(&engine, tree).await.len(), 5000);
            // 127 bytes an entry and a slot: 61 to a leaf. Splits at the right edge move nothing.
            let pages = engine.stats().pages_allocated;
            if !descending {
                assert!(pages < 5000 / 61 * 105 / 100 + 14, "{pages} pages");
            }
        }
    });
}

#[test]
fn batches_and_bulk_loads_hold_the_same_rows() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let (batched, bulk) = (new_tree(&engine).await, new_tree(&engine).await);
        let mut random = StdRng::seed_from_u64(5);
        let mut model = BTreeMap::new();
        for number in 0..4000u32 {
            let bytes = random.random_range(0..300);
            model.insert(number.wrapping_mul(2_654_435_761).to_be_bytes().to_vec(), vec![number as u8; bytes]);
        }
        let mut ascending = Rows::new();
        let mut shuffled = Rows::new();
        model.iter().for_each(|(key, row)| ascending.push(key, row));
        let mut order: Vec<_> = model.iter().collect();
        order.sort_by_key(|(key, _)| key.iter().rev().copied().collect::<Vec<u8>>());
        order.iter().for_each(|(key, row)| shuffled.push(key, row));

        let mut txn = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut txn);
        let outcome = engine.insert_many(&mut txn, &view, batched, &shuffled).await.expect("nothing is in the way");
        assert_eq!((outcome.inserted, outcome.duplicate), (4000, false));
        let again = engine.insert_many(&mut txn, &view, batched, &shuffled).await.expect("nothing is in the way");
        assert_eq!((again.inserted, again.duplicate), (0, true));
        let outcome = engine.bulk_load(&mut txn, &view, bulk, &ascending).await.expect("nothing is in the way");
        assert_eq!((outcome.inserted, outcome.duplicate), (4000, false));
        engine.commit(txn).await.expect("it commits");
        let wanted: Vec<_> = model.into_iter().collect();
        assert_eq!(brief(&all_rows(&engine, batched).await), brief(&wanted));
        assert_eq!(brief(&all_rows(&engine, bulk).await), brief(&wanted));
    });
}

#[test]
fn a_long_row_lives_out_of_line() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let long: Vec<u8> = (0..1_000_000u32).map(|at| (at % 251) as u8).collect();
        put_now(&engine, tree, b"a", b"short").await;
        put_now(&engine, tree, b"long", &long).await;
        put_now(&engine, tree, b"z", b"short").await;
        assert_eq!(get_now(&engine, tree, b"long").await.as_ref(), Some(&long));
        for direction in [Direction::Forward, Direction::Backward] {
            let view = engine.view(engine.snapshot());
            let found = rows(&engine, &view, tree, KeyRange::all(), direction, 2).await.expect("scanning works");
            assert_eq!(found.len(), 3);
            assert_eq!(found[1].1, long);
        }
        // An update sees the whole row, and its successor may be long, too.
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut txn);
        let mut f = |row: &[u8], _| Ok(engine::Verdict::Replace([row, b"!"].concat()));
        let strength = engine::LockStrength::NoKeyUpdate;
        engine.update(&mut txn, &view, tree, b"long", strength, &mut f).await.expect("nothing is in the way");
        engine.commit(txn).await.expect("it commits");
        drop(view);
        assert_eq!(get_now(&engine, tree, b"long").await.map(|row| row.len()), Some(1_000_001));
        // The pages of the first version are freed and used again.
        vacuum(&engine).await;
        let freed = engine.stats().pages_freed;
        assert!(freed >= 123, "{freed} pages freed");
        let reopened = engine::Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        assert_eq!(get_now(&reopened, tree, b"long").await.map(|row| row.len()), Some(1_000_001));
        let mut txn = engine.begin(Isolation::ReadCommitted);
        remove(&engine, &mut txn, tree, b"long").await.expect("nothing is in the way");
        engine.commit(txn).await.expect("it commits");
        vacuum(&engine).await;
        assert!(engine.stats().pages_freed >= freed + 123);
        assert_eq!(all_rows(&engine, tree).await.len(), 2);
    });
}

#[test]
fn a_batch_of_long_rows_has_few() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let row = vec![7u8; 16 << 20];
        for key in 0..5 {
            put_now(&engine, tree, &[key], &row).await;
        }
        let view = engine.view(engine.snapshot());
        for direction in [Direction::Forward, Direction::Backward] {
            let mut scan = engine.scan(&view, tree, KeyRange::all(), direction);
            let mut rows = Rows::new();
            for expected in [4, 1, 0] {
                assert_eq!(scan.next_batch(&mut rows, 100).await, Ok(expected));
                assert!(rows.iter().all(|(_, found)| found == row));
            }
        }
    });
}

#[test]
fn keys_and_rows_have_limits() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let view = engine.statement(&mut txn);
        let key = vec![1; engine::KEY_BYTES_MAX + 1];
        let refused = engine.insert(&mut txn, &view, tree, &key, b"").await;
        assert_eq!(refused.map_err(|error| error.sqlstate()), Err("54000"));
        let taken = engine.insert(&mut txn, &view, tree, &key[1..], &[0; 2048]).await;
        assert_eq!(taken, Ok(InsertOutcome::Inserted));
    });
}
