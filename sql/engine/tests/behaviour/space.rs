//! Space: hot rows, queues, dropped trees and aborted creations do not make the volume grow.

use crate::support::*;
use engine::testing::MemoryReplica;
use engine::{CancelToken, Engine, Error, Isolation, LockStrength, Rows, TreeKind, VacuumReport, Verdict};

#[test]
fn a_row_updated_without_end_stays_within_a_few_pages() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"hot", &0u64.to_le_bytes().repeat(12)).await;
        let before = engine.stats().pages_allocated;
        let long = engine.view(engine.snapshot());
        let mut short = Vec::new();
        for round in 1..=100_000u64 {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let view = engine.statement(&mut txn);
            let mut f = |_: &[u8], _| Ok(Verdict::Replace(round.to_le_bytes().repeat(12)));
            let strength = LockStrength::NoKeyUpdate;
            engine.update(&mut txn, &view, tree, b"hot", strength, &mut f).await.expect("nothing is in the way");
            engine.commit(txn).await.expect("it commits");
            if round % 97 == 0 {
                short.push((engine.view(engine.snapshot()), round));
            }
            if short.len() == 5 {
                for (view, round) in short.drain(..) {
                    let row = engine.get(&view, tree, b"hot").await.expect("reading works").expect("it is there");
                    assert_eq!(row[..8], round.to_le_bytes());
                }
            }
        }
        let row = engine.get(&long, tree, b"hot").await.expect("reading works").expect("it is there");
        assert_eq!(row[..8], 0u64.to_le_bytes());
        let grown = engine.stats().pages_allocated - before;
        // The commit map takes a page for a thousand transactions; the row may split its leaf a few times.
        assert!(grown < 110, "{grown} pages more");
    });
}

#[test]
fn a_queue_gives_its_pages_back() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let mut pages = Vec::new();
        for generation in 0..6u32 {
            for number in 0..600u32 {
                put_now(&engine, tree, &(generation * 1000 + number).to_be_bytes(), &[1; 400]).await;
            }
            let mut txn = engine.begin(Isolation::ReadCommitted);
            for number in 0..600u32 {
                let key = (generation * 1000 + number).to_be_bytes();
                remove(&engine, &mut txn, tree, &key).await.expect("nothing is in the way");
            }
            engine.commit(txn).await.expect("it commits");
            let report = engine.sweep().await.expect("the sweep works");
            assert!(report.leaves_unlinked > 20, "{report:?}");
            // The horizon must pass the unlinking before the pages are used again.
            engine.sweep().await.expect("the sweep works");
            pages.push(engine.stats().pages_allocated - engine.stats().pages_reused);
        }
        assert_eq!(all_rows(&engine, tree).await, []);
        assert!(pages[5] < pages[1] + 15, "{pages:?}");
        let reopened = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        assert_eq!(all_rows(&reopened, tree).await, []);
        put_now(&reopened, tree, b"x", b"y").await;
        assert_eq!(all_rows(&reopened, tree).await.len(), 1);
    });
}

#[test]
fn a_sweep_visits_a_leaf_once_and_again_only_for_what_stays() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        for number in 0..600u32 {
            put_now(&engine, tree, &number.to_be_bytes(), &[1; 400]).await;
        }
        let reader = engine.view(engine.snapshot());
        // A version that nothing settles while it is in flight.
        let mut open = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut open, tree, &601u32.to_be_bytes(), b"new").await.expect("nothing is in the way");
        let mut txn = engine.begin(Isolation::ReadCommitted);
        for number in 0..600u32 {
            if number % 100 >= 50 {
                remove(&engine, &mut txn, tree, &number.to_be_bytes()).await.expect("nothing is in the way");
            }
        }
        engine.commit(txn).await.expect("it commits");
        let seen = engine.sweep().await.expect("the sweep works");
        assert!((6..60).contains(&seen.leaves_visited) && seen.versions_pruned == 0, "300 places: {seen:?}");
        let again = engine.sweep().await.expect("the sweep works");
        assert_eq!((again.leaves_visited, again.versions_pruned), (seen.leaves_visited, 0), "the reader needs them");
        drop(reader);
        let pruned = engine.sweep().await.expect("the sweep works");
        assert_eq!((pruned.leaves_visited, pruned.versions_pruned), (seen.leaves_visited, 600), "tombstones, too");
        assert_eq!(engine.sweep().await.expect("the sweep works").leaves_visited, 0, "nothing is left to come for");
        engine.commit(open).await.expect("it commits");
        assert_eq!(all_rows(&engine, tree).await.len(), 301);
    });
}

async fn load(engine: &std::sync::Arc<Engine>, txn: &mut engine::Txn, tree: engine::TreeId, count: u32) {
    let mut rows = Rows::new();
    (0..count).for_each(|number| rows.push(&number.to_be_bytes(), &[9; 300]));
    let view = engine.statement(txn);
    let outcome = engine.bulk_load(txn, &view, tree, &rows).await.expect("nothing is in the way");
    assert!(!outcome.duplicate);
}

#[test]
fn dropped_trees_and_those_of_aborted_creators_are_freed() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let other = new_tree(&engine).await;
        put_now(&engine, other, b"k", b"v").await;
        let mut pages = Vec::new();
        for round in 0..6 {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let tree = engine.create_tree(&mut txn, TreeKind::Clustered).await.expect("it is created");
            load(&engine, &mut txn, tree, 8000).await;
            put(&engine, &mut txn, tree, b"long", &vec![1; 100_000]).await.expect("nothing is in the way");
            if round % 2 == 0 {
                engine.rollback(txn);
            } else {
                engine.commit(txn).await.expect("it commits");
                assert_eq!(all_rows(&engine, tree).await.len(), 8001);
                let old = engine.view(engine.snapshot());
                let mut txn = engine.begin(Isolation::ReadCommitted);
                engine.drop_tree(&mut txn, tree).await.expect("it is dropped");
                engine.commit(txn).await.expect("it commits");
                assert_eq!(vacuum(&engine).await.trees_freed, 0, "a snapshot needs it");
                assert_eq!(engine.get(&old, tree, &7u32.to_be_bytes()).await.map(|row| row.is_some()), Ok(true));
            }
            assert_eq!(vacuum(&engine).await.trees_freed, 1);
            vacuum(&engine).await;
            pages.push(engine.stats().pages_allocated - engine.stats().pages_reused);
        }
        assert!(pages[5] < pages[0] + 30, "{pages:?}");
        assert_eq!(get_now(&engine, other, b"k").await, Some(b"v".to_vec()));
        // After a restart the free pages are found in the map.
        let reopened = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        vacuum(&reopened).await;
        let mut txn = reopened.begin(Isolation::ReadCommitted);
        let tree = reopened.create_tree(&mut txn, TreeKind::Index).await.expect("it is created");
        load(&reopened, &mut txn, tree, 8000).await;
        reopened.commit(txn).await.expect("it commits");
        assert!(reopened.stats().pages_reused > 300, "{:?}", reopened.stats());
        assert_eq!(all_rows(&reopened, tree).await.len(), 8000);
        assert_eq!(get_now(&reopened, other, b"k").await, Some(b"v".to_vec()));
    });
}

#[test]
fn a_crash_while_a_tree_is_freed_frees_no_page_twice() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let tree = engine.create_tree(&mut txn, TreeKind::Clustered).await.expect("it is created");
        load(&engine, &mut txn, tree, 8000).await;
        engine.commit(txn).await.expect("it commits");
        let mut txn = engine.begin(Isolation::ReadCommitted);
        engine.drop_tree(&mut txn, tree).await.expect("it is dropped");
        let dropped = engine.commit(txn).await.expect("it commits");
        vacuum(&engine).await;
        for cut in volume.boundaries().into_iter().filter(|cut| *cut >= dropped) {
            let reopened = Engine::writer(volume.crash_at(cut), small()).await.expect("the volume opens");
            vacuum(&reopened).await;
            let (one, two) = (new_tree(&reopened).await, new_tree(&reopened).await);
            for tree in [one, two] {
                let mut txn = reopened.begin(Isolation::ReadCommitted);
                load(&reopened, &mut txn, tree, 500).await;
                reopened.commit(txn).await.expect("it commits");
            }
            vacuum(&reopened).await;
            assert_eq!(all_rows(&reopened, one).await.len(), 500);
            assert_eq!(all_rows(&reopened, two).await.len(), 500);
        }
    });
}

#[test]
fn the_commit_map_is_trimmed_behind_the_oldest_version() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"first", b"1").await;
        let mut open = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut open, tree, b"open", b"1").await.expect("nothing is in the way");
        for number in 0..6000u32 {
            put_now(&engine, tree, &(number % 50).to_be_bytes(), &number.to_le_bytes()).await;
        }
        let vacuum = || async {
            let mut freed = 0;
            for _ in 0..4 {
                freed += vacuum(&engine).await.map_pages_freed;
                put_now(&engine, tree, b"moves the horizon", b"1").await;
            }
            freed
        };
        assert_eq!(vacuum().await, 0, "an open transaction has an older id");
        engine.commit(open).await.expect("it commits");
        let freed = vacuum().await;
        assert!((4..=6).contains(&freed), "{freed} pages");
        let found = all_rows(&engine, tree).await;
        assert_eq!(found.len(), 53);
        let reopened = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        assert_eq!(all_rows(&reopened, tree).await, found);
        put_now(&reopened, tree, b"after", b"1").await;
        assert_eq!(get_now(&reopened, tree, b"open").await, Some(b"1".to_vec()));
    });
}

#[test]
fn the_top_of_a_subtransaction_outlives_its_versions() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        let mut open = engine.begin(Isolation::ReadCommitted);
        put(&engine, &mut open, tree, b"top", b"1").await.expect("nothing is in the way");
        // The subtransaction's id is on a later page of the commit map.
        for number in 0..3000u32 {
            put_now(&engine, tree, &(number % 50).to_be_bytes(), &number.to_le_bytes()).await;
        }
        let savepoint = engine.savepoint(&mut open);
        put(&engine, &mut open, tree, b"sub", b"1").await.expect("nothing is in the way");
        put(&engine, &mut open, tree, b"top", b"2").await.expect("nothing is in the way");
        engine.release(&mut open, savepoint);
        // A snapshot between the stamps and the commit keeps the versions from being settled.
        put_now(&engine, tree, b"between", b"1").await;
        let between = engine.snapshot();
        engine.commit(open).await.expect("it commits");
        put_now(&engine, tree, b"moves the horizon", b"1").await;
        for _ in 0..2 {
            vacuum(&engine).await;
            put_now(&engine, tree, b"moves the horizon", b"1").await;
        }
        drop(between);
        // What the last walk left unsettled must not lose its fate to the next one: whoever opens the volume in its middle
        // remembers no commit.
        let start = volume.last();
        vacuum(&engine).await;
        for boundary in volume.boundaries().into_iter().filter(|boundary| *boundary > start) {
            let source = MemoryReplica::new(volume.clone(), boundary);
            let replica = Engine::replica(source, boundary, small()).await.expect("the replica opens");
            assert_eq!(get_now(&replica, tree, b"sub").await, Some(b"1".to_vec()), "at {boundary}");
            assert_eq!(get_now(&replica, tree, b"top").await, Some(b"2".to_vec()), "at {boundary}");
        }
    });
}

/// Polls a future so many times; its output, if that was enough.
async fn poll_times<F: Future + Unpin>(future: &mut F, times: usize) -> Option<F::Output> {
    for _ in 0..times {
        if let std::task::Poll::Ready(output) = futures::poll!(&mut *future) {
            return Some(output);
        }
    }
    None
}

#[test]
fn a_root_that_is_taken_again_while_the_sweep_runs_stays() {
    block_on(async {
        // Where a crash leaves a tree registered whose root was never formatted, and where a dropped one is half freed.
        let (volume, engine) = new_engine().await;
        let before = volume.last();
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let tree = engine.create_tree(&mut txn, TreeKind::Clustered).await.expect("it is created");
        load(&engine, &mut txn, tree, 100).await;
        engine.commit(txn).await.expect("it commits");
        let mut txn = engine.begin(Isolation::ReadCommitted);
        engine.drop_tree(&mut txn, tree).await.expect("it is dropped");
        engine.commit(txn).await.expect("it commits");
        vacuum(&engine).await;
        vacuum(&engine).await;
        for cut in volume.boundaries().into_iter().filter(|cut| *cut > before) {
            for polls in (0..120).step_by(5) {
                let volume = volume.crash_at(cut);
                let engine = Engine::writer(volume.clone(), small()).await.expect("the volume opens");
                volume.slow_reads(10);
                let mut sweep = Box::pin(vacuum(&engine));
                let ended = poll_times(&mut sweep, polls).await.is_some();
                // Takes the same page, if it is free by now.
                let make = async {
                    let made = new_tree(&engine).await;
                    let mut txn = engine.begin(Isolation::ReadCommitted);
                    load(&engine, &mut txn, made, 100).await;
                    engine.commit(txn).await.expect("it commits");
                    made
                };
                let swept = async {
                    if !ended {
                        sweep.await;
                    }
                };
                let (made, ()) = futures::join!(make, swept);
                for _ in 0..2 {
                    vacuum(&engine).await;
                }
                let second = new_tree(&engine).await;
                put_now(&engine, second, b"k", b"v").await;
                assert_ne!(made, second);
                assert_eq!(all_rows(&engine, made).await.len(), 100, "cut {cut}, {polls} polls");
                let mut txn = engine.begin(Isolation::ReadCommitted);
                engine.drop_tree(&mut txn, made).await.expect("it is registered");
                engine.commit(txn).await.expect("it commits");
            }
        }
    });
}

/// As the writer does four times a second.
async fn sweep_often(engine: &Engine, times: u32) -> VacuumReport {
    let mut all = VacuumReport::default();
    for _ in 0..times {
        let report = engine.sweep().await.expect("the sweep works");
        all.leaves_visited += report.leaves_visited;
        all.trees_freed += report.trees_freed;
        all.versions_pruned += report.versions_pruned;
        all.map_pages_freed += report.map_pages_freed;
    }
    all
}

#[test]
fn nobody_need_ask_for_the_pages_of_dropped_trees() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let tree = engine.create_tree(&mut txn, TreeKind::Clustered).await.expect("it is created");
        load(&engine, &mut txn, tree, 60_000).await;
        engine.commit(txn).await.expect("it commits");
        let pages = engine.tree_pages(tree, &CancelToken::new()).await.expect("it is there");
        assert!(pages > 2000, "{pages}");
        let mut txn = engine.begin(Isolation::ReadCommitted);
        engine.drop_tree(&mut txn, tree).await.expect("it is dropped");
        engine.commit(txn).await.expect("it commits");
        assert_eq!(sweep_often(&engine, 100).await.trees_freed, 1);
        let missing = engine.tree_pages(tree, &CancelToken::new()).await;
        assert_eq!(missing, Err(Error::NoSuchTree(tree)));
        // Also a writer that has just begun finds them.
        for engine in [&engine, &Engine::writer(volume.crash(), small()).await.expect("the volume opens")] {
            sweep_often(engine, 2).await;
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let tree = engine.create_tree(&mut txn, TreeKind::Clustered).await.expect("it is created");
            load(engine, &mut txn, tree, 8000).await;
            assert!(engine.stats().pages_reused > 300, "{:?}", engine.stats());
            engine.rollback(txn);
        }
    });
}

#[test]
fn more_deletions_than_are_remembered_are_swept_all_the_same() {
    block_on(async {
        let (_volume, engine) = new_engine().await;
        let (tree, other) = (new_tree(&engine).await, new_tree(&engine).await);
        const ROWS: u32 = 40_000;
        let mut txn = engine.begin(Isolation::ReadCommitted);
        for tree in [tree, other] {
            let mut rows = Rows::new();
            (0..ROWS).for_each(|number| rows.push(&number.to_be_bytes(), &[9; 20]));
            let view = engine.statement(&mut txn);
            engine.insert_many(&mut txn, &view, tree, &rows).await.expect("nothing is in the way");
        }
        engine.commit(txn).await.expect("it commits");
        let full = engine.tree_pages(tree, &CancelToken::new()).await.expect("it is there");
        let mut txn = engine.begin(Isolation::ReadCommitted);
        for number in 0..ROWS {
            remove(&engine, &mut txn, tree, &number.to_be_bytes()).await.expect("nothing is in the way");
        }
        engine.commit(txn).await.expect("it commits");
        let swept = sweep_often(&engine, 60).await;
        assert!(
            swept.leaves_visited < 4 * full,
            "a leaf is visited by its places and by the walk: {swept:?} of {full}"
        );
        assert!(engine.tree_pages(tree, &CancelToken::new()).await.expect("it is there") < 10);
        assert_eq!((all_rows(&engine, tree).await.len(), all_rows(&engine, other).await.len()), (0, ROWS as usize));
    });
}

#[test]
fn all_trees_are_walked_some_time_after_the_start() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        for number in 0..3000u32 {
            put_now(&engine, tree, &number.to_be_bytes(), &[1; 40]).await;
        }
        for number in 0..3000u32 {
            let mut txn = engine.begin(Isolation::ReadCommitted);
            remove(&engine, &mut txn, tree, &number.to_be_bytes()).await.expect("nothing is in the way");
            engine.commit(txn).await.expect("it commits");
        }
        // What was to be swept goes with the writer.
        let engine = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        let before = sweep_often(&engine, 1000).await;
        assert_eq!(before.versions_pruned, 0);
        let after = sweep_often(&engine, 300).await;
        assert!(after.versions_pruned >= 3000, "{after:?}");
    });
}

/// A walk goes on where the leaf before may have taken over the next one meanwhile: what it knows of the last key is of that
/// very leaf then.
#[test]
fn rows_that_stay_outlive_a_walk_in_parts_whatever_goes_between_them() {
    block_on(async {
        for every in 98..102u32 {
            let (_volume, engine) = new_engine().await;
            let tree = new_tree(&engine).await;
            const ROWS: u32 = 120_000;
            let mut txn = engine.begin(Isolation::ReadCommitted);
            let mut rows = Rows::new();
            (0..ROWS).for_each(|number| rows.push(&number.to_be_bytes(), &[9; 24]));
            let view = engine.statement(&mut txn);
            engine.insert_many(&mut txn, &view, tree, &rows).await.expect("nothing is in the way");
            engine.commit(txn).await.expect("it commits");
            // About one row a leaf stays, and more go than places are remembered of.
            let mut txn = engine.begin(Isolation::ReadCommitted);
            for number in (0..ROWS).filter(|number| number % every != 0) {
                remove(&engine, &mut txn, tree, &number.to_be_bytes()).await.expect("nothing is in the way");
            }
            engine.commit(txn).await.expect("it commits");
            let mut left: Vec<u32> = (0..ROWS).step_by(every as usize).collect();
            // Then half of those that are left, again and again, while the walk is under way.
            for round in 0..6u32 {
                sweep_often(&engine, 1).await;
                let mut txn = engine.begin(Isolation::ReadCommitted);
                let goes = |number: &u32| number.wrapping_mul(0x9E37_79B1) >> (31 - round) & 1 == 1;
                for number in left.iter().filter(|number| goes(number)) {
                    remove(&engine, &mut txn, tree, &number.to_be_bytes()).await.expect("nothing is in the way");
                }
                left.retain(|number| !goes(number));
                engine.commit(txn).await.expect("it commits");
            }
            sweep_often(&engine, 20).await;
            let found: Vec<u32> = all_rows(&engine, tree)
                .await
                .iter()
                .map(|(key, _)| u32::from_be_bytes(key[..].try_into().expect("four bytes")))
                .collect();
            assert_eq!(found, left, "every {every}th stays");
        }
    });
}
