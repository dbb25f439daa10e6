//! The cache under every interleaving of two or three threads: loads, redo that overtakes them, invalidation, eviction,
//! and loads that are given up.
//!
//! What must hold whatever the order: no change is lost, whoever waits goes on, and every frame that takes capacity can be
//! evicted.

use crate::cache::{Cache, Load, Residence, Volume};
use crate::schedules::{await_here, explore, pause_here};
use crate::stats::Counters;
use futures::FutureExt;
use futures::future::BoxFuture;
use protocol::page::PageKind;
use protocol::redo::{Change, Record, RecordHeader, apply};
use protocol::volume::{Fetched, PageSource, VolumeError};
use protocol::{Lsn, Page, PageId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: PageId = PageId(7);

/// A record of the page: the first formats it, the others set its flags.
fn record(lsn: u64) -> Record {
    let change = match lsn {
        10 => Change::Init {
            kind: PageKind::Slotted,
            level: 0,
            flags: 0,
            owner: 1,
            right: PageId::NONE,
            left: PageId::NONE,
        },
        _ => Change::SetFlags { level: 0, flags: lsn as u8 },
    };
    let header = RecordHeader {
        lsn: Lsn(lsn),
        prev_volume: Lsn(lsn - 10),
        prev_group: Lsn(lsn - 10),
        prev_page: Lsn(lsn - 10),
        page: PAGE,
        end_of_mtr: true,
    };
    Record { header, change }
}

/// The page as of an LSN.
fn page_at(lsn: u64) -> Page {
    let mut page = Page::empty(PAGE);
    for lsn in (10..=lsn).step_by(10) {
        let record = record(lsn);
        apply(&mut page, &record.header, &record.change).expect("the records fit");
    }
    page
}

/// Storage that answers as of the LSN that was applied when the request began. A step applies redo and moves that LSN:
/// sources take a read point under the lock under which redo is applied.
struct Store {
    at: AtomicU64,
    /// What readers know to be applied.
    published: AtomicU64,
}

impl PageSource for Store {
    fn fetch(&self, page: PageId) -> BoxFuture<'_, Result<Fetched, VolumeError>> {
        async move {
            let read_point = self.at.load(Ordering::SeqCst);
            pause_here();
            let page = if page == PAGE { page_at(read_point) } else { Page::empty(page) };
            Ok(Fetched { page, read_point: Lsn(read_point) })
        }
        .boxed()
    }

    fn flushed_vdl(&self) -> Lsn {
        Lsn(self.at.load(Ordering::SeqCst))
    }
}

struct World {
    cache: Cache,
    store: Store,
}

type Body = Box<dyn FnOnce(&World) + Send>;

fn world() -> Arc<World> {
    let cache = Cache::new(8, Arc::new(Counters::default()));
    Arc::new(World { cache, store: Store { at: AtomicU64::new(20), published: AtomicU64::new(20) } })
}

impl World {
    fn load(&self) -> Lsn {
        let frame = await_here(self.cache.load(PAGE, || Volume::Replica(&self.store), Load::Use)).expect("it is there");
        frame.latch.read().lsn()
    }

    /// A replica applies the next record.
    fn apply(&self, lsn: u64) {
        let record = record(lsn);
        if let Residence::Resident(frame) = self.cache.route(&record) {
            apply(&mut frame.latch.write(), &record.header, &record.change).expect("it fits");
        }
        self.store.at.store(lsn, Ordering::SeqCst);
        pause_here();
        self.store.published.store(lsn, Ordering::SeqCst);
    }

    /// What must hold at the end.
    fn check(&self) {
        if let Some(frame) = self.cache.pin(PAGE) {
            let lsn = frame.latch.read().lsn().0;
            assert_eq!(lsn, self.store.at.load(Ordering::SeqCst), "a change was lost");
        }
        while self.cache.evict_one(Lsn::MAX) {}
        assert_eq!(self.cache.len(), 0, "a frame cannot be evicted");
        assert!(self.cache.pin(PAGE).is_none());
    }
}

fn load() -> Body {
    Box::new(|world| {
        let began = world.store.published.load(Ordering::SeqCst);
        assert!(world.load().0 >= began, "older than what was applied before");
    })
}

fn applying(lsns: &'static [u64]) -> Body {
    Box::new(|world| lsns.iter().for_each(|&lsn| world.apply(lsn)))
}

/// Redo up to `lsn` was skipped.
fn skip_to(lsn: u64) -> Body {
    Box::new(move |world| {
        world.store.at.store(lsn, Ordering::SeqCst);
        world.cache.invalidate(|_| true);
        world.store.published.store(lsn, Ordering::SeqCst);
    })
}

fn evict() -> Body {
    Box::new(|world| {
        world.cache.evict_one(world.store.flushed_vdl());
    })
}

/// Asks for the page and gives up at the first wait, or when the answer is on its way.
fn give_up() -> Body {
    Box::new(|world| {
        let mut asked = Box::pin(world.cache.load(PAGE, || Volume::Replica(&world.store), Load::Use));
        drop(futures::FutureExt::now_or_never(&mut asked));
        pause_here();
    })
}

fn all(bodies: impl Fn() -> Vec<Body>) -> usize {
    explore(|| (world(), bodies()), World::check)
}

#[test]
fn redo_that_overtakes_a_load_is_not_lost() {
    assert!(all(|| vec![load(), applying(&[30, 40])]) > 20);
    all(|| vec![load(), load(), applying(&[30])]);
}

#[test]
fn redo_that_overtakes_a_load_meets_an_eviction() {
    all(|| vec![load(), applying(&[30, 40]), evict()]);
}

#[test]
fn a_load_that_crosses_an_invalidation_is_repeated_and_its_frame_can_go() {
    assert!(all(|| vec![load(), skip_to(50)]) > 5);
    all(|| vec![load(), skip_to(50), evict()]);
}

#[test]
fn two_loads_cross_an_invalidation() {
    let cached = || {
        let world = world();
        futures::executor::block_on(world.cache.load(PAGE, || Volume::Replica(&world.store), Load::Use))
            .expect("it loads");
        world
    };
    explore(|| (cached(), vec![load(), skip_to(50)]), World::check);
    explore(|| (world(), vec![load(), load(), skip_to(50)]), World::check);
}

#[test]
fn who_waits_behind_a_load_that_is_given_up_goes_on() {
    all(|| vec![give_up(), load(), applying(&[30])]);
}
