//! Nanoseconds of redo: a record encoded, a batch of an update's records sealed and taken apart, changes applied to a page.
//! `cargo bench -p redoubt-protocol`.
//!
//! Each line is the best of several rounds, since whatever else the machine does only adds.

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use protocol::batch::{Batch, BatchBuilder};
use protocol::page::PageKind;
use protocol::redo::{Change, Patch, RecordHeader, apply_change};
use protocol::{Ballot, GroupId, Lsn, Page, PageId};

const CALLS: u32 = 100_000;
const ROUNDS: usize = 15;
/// Rows of a leaf that is about two thirds full.
const ROWS: u16 = 40;
const ROW_BYTES: usize = 120;

fn measure(name: &str, mut body: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..CALLS {
            body();
        }
        best = best.min(started.elapsed().as_nanos() as f64 / f64::from(CALLS));
    }
    println!("{name:<44} {best:>8.1} ns");
}

fn header(n: u64, end_of_mtr: bool) -> RecordHeader {
    let lsn = |n: u64| Lsn((1 << 40) + n * 60);
    RecordHeader {
        lsn: lsn(n + 4),
        prev_volume: lsn(n + 3),
        prev_group: lsn(n + 2),
        prev_page: lsn(n),
        page: PageId(70_000 + n),
        end_of_mtr,
    }
}

/// A new version of a row beside the old one: four bytes of it differ.
fn update() -> Change {
    let patches = vec![Patch { offset: 40, bytes: Bytes::from_static(&[1, 2, 3, 4]) }];
    Change::InsertCopy { from: 20, at: 21, stamped: true, patches }
}

fn main() {
    let update = update();
    let mut change = Vec::new();
    measure("change encode, an updated row", || {
        change.clear();
        black_box(&update).encode(&mut change);
    });
    let encoded = Bytes::from(change.clone());
    measure("change decode, an updated row", || {
        black_box(Change::decode(black_box(&encoded)).expect("own bytes"));
    });
    let seal = || {
        let mut batch = BatchBuilder::new(GroupId(7), Ballot(1 << 32), 1);
        (0..5).for_each(|n| batch.push(&header(n, n == 4), &encoded));
        batch.finish()
    };
    measure("batch of five records, sealed", || {
        black_box(seal());
    });
    let batch = seal();
    println!("{:<44} {:>8} bytes", "the same", batch.len());
    measure("batch of five records, checked and split", || {
        black_box(Batch::decode(black_box(batch.clone())).expect("own bytes"));
    });

    let mut page = Page::empty(PageId(1));
    let init =
        Change::Init { kind: PageKind::Slotted, level: 0, flags: 0, owner: 1, right: PageId(0), left: PageId(0) };
    let cells = (0..ROWS).map(|n| Bytes::from(vec![n as u8; ROW_BYTES])).collect();
    for change in [init, Change::Insert { at: 0, stamped: true, cells }] {
        apply_change(&mut page, Lsn(1), &change).expect("it fits");
    }
    let prune = Change::Delete { slots: vec![20] };
    measure("apply, an updated row and its pruning", || {
        apply_change(&mut page, Lsn(2), black_box(&update)).expect("it fits");
        apply_change(&mut page, Lsn(3), black_box(&prune)).expect("it is there");
    });
    let patches = vec![Patch { offset: 40, bytes: Bytes::from_static(&[1, 2, 3, 4]) }];
    let patch = Change::PatchCell { slot: 20, patches };
    measure("apply, a patched cell", || {
        apply_change(&mut page, Lsn(4), black_box(&patch)).expect("it is there");
    });
}
