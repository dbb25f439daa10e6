//! Guesses of how much a range holds: right in the order of magnitude, whatever is cached.

use crate::support::*;
use engine::testing::MemoryVolume;
use engine::{Engine, Isolation, KeyRange, Options, Rows};
use std::ops::Bound;
use std::time::Duration;

fn between(lower: u32, upper: u32) -> KeyRange {
    let key = |key: u32| key.to_be_bytes().to_vec();
    KeyRange { lower: Bound::Included(key(lower)), upper: Bound::Excluded(key(upper)) }
}

#[test]
fn a_range_is_guessed_within_a_factor_of_three() {
    for cache_pages in [64, 4096] {
        block_on(async {
            let options = Options { cache_pages, replica_lease: Duration::ZERO, ..Options::default() };
            let engine = Engine::bootstrap(MemoryVolume::new(), options).await.expect("the volume is empty");
            let tree = new_tree(&engine).await;
            let mut rows = Rows::new();
            (0..40_000u32).for_each(|number| rows.push(&number.to_be_bytes(), &[9; 100]));
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut txn);
            engine.bulk_load(&mut txn, &view, tree, &rows).await.expect("nothing is in the way");
            engine.commit(txn).await.expect("it commits");
            for (lower, count) in [(0, 40_000), (100, 30_000), (20_000, 2_000), (39_000, 1_000), (7, 500)] {
                let Some(guess) = engine.estimate_entries(tree, &between(lower, lower + count)) else {
                    assert_eq!(cache_pages, 64, "all pages are cached");
                    continue;
                };
                let ratio = guess / f64::from(count);
                assert!((0.33..3.0).contains(&ratio), "{lower}+{count}: {guess} with {cache_pages} pages");
            }
            // Both edges in leaves that are cached: what lies between them is counted.
            for key in [4_000u32, 4_010] {
                engine.get(&engine.view(engine.snapshot()), tree, &key.to_be_bytes()).await.expect("reading works");
            }
            let guess = engine.estimate_entries(tree, &between(4_000, 4_010)).expect("the root is cached");
            assert!((8.0..100.0).contains(&guess), "{guess} of ten");
            assert_eq!(engine.estimate_entries(tree, &between(50_000, 60_000)), Some(0.0));
            assert!(engine.estimate_entries(tree, &KeyRange::all()).expect("the root is cached") > 20_000.0);
        });
    }
}
