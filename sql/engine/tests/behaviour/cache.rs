//! The cache as its users feel it: what a stalled storage stops and what not, what is read ahead, and what survives a scan.

use crate::support::*;
use engine::testing::MemoryVolume;
use engine::{CancelToken, Direction, Engine, Isolation, KeyRange, Options};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

fn key(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

/// Rows that fill about `count / 20` leaves.
async fn fill(engine: &Arc<Engine>, tree: engine::TreeId, count: u32) {
    let mut txn = engine.begin(Isolation::ReadCommitted);
    let view = engine.statement(&mut txn);
    let mut rows = engine::Rows::new();
    (0..count).for_each(|number| rows.push(&key(number), &[7; 350]));
    let outcome = engine.bulk_load(&mut txn, &view, tree, &rows).await.expect("nothing is in the way");
    assert!(!outcome.duplicate);
    engine.commit(txn).await.expect("it commits");
}

#[test]
fn readers_go_on_while_storage_flushes_nothing_and_writers_wait() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        fill(&engine, tree, 4000).await;
        volume.hold();
        // Each writer changes leaves of its own, many more than there are frames.
        let writers: Vec<_> = (0..4u32)
            .map(|writer| {
                let engine = engine.clone();
                tokio::spawn(async move {
                    for number in 0..50 {
                        put_now(&engine, tree, &key(writer * 1000 + number * 20), &[8; 350]).await;
                    }
                })
            })
            .collect();
        let read_everywhere = async {
            for number in (0..4000).step_by(7) {
                assert!(get_now(&engine, tree, &key(number)).await.is_some());
            }
        };
        for _ in 0..3 {
            let read = tokio::time::timeout(Duration::from_secs(20), read_everywhere_once(&engine, tree)).await;
            read.expect("readers find frames");
        }
        read_everywhere.await;
        assert!(writers.iter().all(|writer| !writer.is_finished()), "they have changed half of the cache");
        volume.resume();
        for writer in writers {
            writer.await.expect("it ends");
        }
        assert_eq!(all_rows(&engine, tree).await.iter().filter(|(_, row)| row[0] == 8).count(), 200);
    });
}

async fn read_everywhere_once(engine: &Arc<Engine>, tree: engine::TreeId) {
    assert_eq!(all_rows(engine, tree).await.len(), 4000);
}

#[test]
fn a_read_point_that_is_gone_is_followed_by_a_newer_one_after_a_pause() {
    block_on(async {
        let (volume, engine) = new_engine().await;
        let tree = new_tree(&engine).await;
        put_now(&engine, tree, b"k", b"v").await;
        let reopened = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        drop(engine);
        let volume = volume.crash();
        let other = Engine::writer(volume.clone(), small()).await.expect("the volume opens");
        volume.lose_read_points(5);
        let started = std::time::Instant::now();
        assert_eq!(get_now(&other, tree, b"k").await, Some(b"v".to_vec()));
        // 1, 2, 4, 8 and 16 ms.
        assert!(started.elapsed() >= Duration::from_millis(31));
        volume.lose_read_points(usize::MAX);
        assert_eq!(get_now(&reopened, tree, b"k").await, Some(b"v".to_vec()));
    });
}

#[test]
fn a_long_row_is_read_many_pages_at_a_time() {
    block_on(async {
        let volume = MemoryVolume::new();
        let options = Options { cache_pages: 1024, ..small() };
        let engine = Engine::bootstrap(volume.clone(), options.clone()).await.expect("the volume is empty");
        let tree = new_tree(&engine).await;
        let row: Vec<u8> = (0..2_000_000u32).map(|at| (at / 7 % 251) as u8).collect();
        put_now(&engine, tree, b"long", &row).await;
        let volume = volume.crash();
        let reopened = Engine::writer(volume.clone(), options).await.expect("the volume opens");
        assert_eq!(get_now(&reopened, tree, b"nothing").await, None);
        volume.slow_reads(50);
        volume.reads_at_once();
        assert_eq!(get_now(&reopened, tree, b"long").await, Some(row.clone()));
        assert!(volume.reads_at_once() >= 12, "they overlap");
        // With the smallest cache, too; and there its pages are freed.
        let engine = Engine::writer(volume.crash(), small()).await.expect("the volume opens");
        assert_eq!(get_now(&engine, tree, b"long").await, Some(row));
        let mut txn = engine.begin(Isolation::ReadCommitted);
        remove(&engine, &mut txn, tree, b"long").await.expect("nothing is in the way");
        engine.commit(txn).await.expect("it commits");
        let freed = engine.stats().pages_freed;
        vacuum(&engine).await;
        assert!(engine.stats().pages_freed - freed >= 2_000_000 / 8192);
    });
}

/// Reads a range, counting its rows.
async fn count(engine: &Arc<Engine>, tree: engine::TreeId, range: KeyRange, direction: Direction) -> usize {
    let view = engine.view(engine.snapshot());
    rows(engine, &view, tree, range, direction, 100).await.expect("scanning works").len()
}

#[test]
fn a_scan_reads_the_next_leaves_while_it_waits() {
    block_on(async {
        let volume = MemoryVolume::new();
        let engine = Engine::bootstrap(volume.clone(), small()).await.expect("the volume is empty");
        let tree = new_tree(&engine).await;
        fill(&engine, tree, 10_000).await;
        for (direction, cache_pages) in [
            (Direction::Forward, 2048),
            (Direction::Backward, 2048),
            (Direction::Forward, 64),
            (Direction::Backward, 64),
        ] {
            let volume = volume.crash();
            let options = Options { cache_pages, ..small() };
            let engine = Engine::writer(volume.clone(), options).await.expect("the volume opens");
            volume.slow_reads(20);
            // What is read by key, or lies in a leaf or two, is read alone.
            assert!(get_now(&engine, tree, &key(5)).await.is_some());
            let few = KeyRange {
                lower: std::ops::Bound::Included(key(2000).to_vec()),
                upper: std::ops::Bound::Excluded(key(2010).to_vec()),
            };
            volume.reads_at_once();
            assert_eq!(count(&engine, tree, few, direction).await, 10);
            assert_eq!(volume.reads_at_once(), 1);
            let before = engine.stats();
            assert_eq!(count(&engine, tree, KeyRange::all(), direction).await, 10_000);
            let (at_once, after) = (volume.reads_at_once(), engine.stats());
            assert!(at_once >= if cache_pages == 64 { 2 } else { 12 }, "{at_once} at once");
            let (read, pages) = (after.pages_fetched - before.pages_fetched, 10_000 / 20 + 20);
            assert!(read <= pages + pages / 10, "{read} reads of about {pages} pages with {cache_pages} frames");
            // A range that ends is not read beyond its end.
            if cache_pages > 64 {
                let volume = volume.crash();
                let options = Options { cache_pages, ..small() };
                let engine = Engine::writer(volume, options).await.expect("the volume opens");
                let some = KeyRange {
                    lower: std::ops::Bound::Included(key(3000).to_vec()),
                    upper: std::ops::Bound::Excluded(key(3200).to_vec()),
                };
                assert_eq!(count(&engine, tree, some, direction).await, 200);
                let read = engine.stats().pages_fetched;
                assert!(read <= 10 + 2 + 8, "{read} pages for ten leaves");
            }
        }
    });
}

#[test]
fn a_scan_of_everything_leaves_what_is_used_in_the_cache() {
    block_on(async {
        let volume = MemoryVolume::new();
        let options = Options { cache_pages: 256, ..small() };
        let engine = Engine::bootstrap(volume.clone(), options).await.expect("the volume is empty");
        let (used, scanned) = (new_tree(&engine).await, new_tree(&engine).await);
        fill(&engine, used, 2000).await;
        fill(&engine, scanned, 20_000).await;
        let use_all = async || {
            let before = engine.stats().pages_fetched;
            for number in (0..2000).step_by(10) {
                assert!(get_now(&engine, used, &key(number)).await.is_some());
            }
            engine.stats().pages_fetched - before
        };
        for _ in 0..4 {
            use_all().await;
        }
        assert_eq!(use_all().await, 0, "about a hundred leaves, all cached");
        for direction in [Direction::Forward, Direction::Backward] {
            assert_eq!(count(&engine, scanned, KeyRange::all(), direction).await, 20_000);
            let fetched = use_all().await;
            assert!(fetched <= 10, "{fetched} of about a hundred leaves were driven out");
        }
    });
}

#[test]
fn who_reads_what_is_cached_lets_others_have_their_turn() {
    /// How often others had one.
    async fn turns(work: impl Future<Output = ()>) -> usize {
        let ended = Cell::new(false);
        let work = async {
            work.await;
            ended.set(true);
        };
        let others = async {
            let mut turns = 0;
            while !ended.get() {
                turns += 1;
                tokio::task::yield_now().await;
            }
            turns
        };
        futures::future::join(work, others).await.1
    }
    block_on(async {
        let options = Options { cache_pages: 1024, replica_lease: Duration::ZERO, ..Options::default() };
        let engine = Engine::bootstrap(MemoryVolume::new(), options).await.expect("an empty volume");
        let tree = new_tree(&engine).await;
        fill(&engine, tree, 8000).await;
        assert!(turns(async { drop(all_rows(&engine, tree).await) }).await > 1, "a scan");
        let cancel = CancelToken::new();
        let vacuum = async { _ = engine.vacuum_trees([tree], &cancel).await.expect("it is there") };
        assert!(turns(vacuum).await > 1, "a walk");
    });
}
