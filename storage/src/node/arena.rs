//! Memory for the records of a sweep, and whose turn it is to have the large one.
//!
//! **Rule.** The nodes of a process that share a [`SweepMemory`] have its large arena in turns, one at a time. Nobody waits
//! for it: who is refused asks again when it looks for work next, a second later at most. Who has it gives it back by letting
//! go of the [`Loan`], whatever the reason: the sweep is done or given up, the node stopped, failed or is dropped. Who can
//! neither have it nor do without a sweep takes a small arena of its own. So a node whose disk hangs in the middle of its
//! turn costs the others memory and passes over their logs, and stops nobody.
//!
//! **Arena.** The pages are divided into shares, each a range of pages with about as many bytes of records as the others, by
//! what is known of their chains. The records of a share lie together, in blocks. When there is no block left the last share of
//! the pass is put off to another one, and its blocks are used for the others. So no record is moved once it is in; those of a
//! share, which are sorted and applied together, fit the processor's cache, where those of all pages, in the order of the log,
//! would be fetched from memory one by one; and images are made in the order of the pages, in which they are read in a row. A
//! share that is alone takes the blocks that it needs: it may be one page with very much redo.
//!
//! Blocks are used again from share to share, sweep to sweep and node to node, for fresh memory is cleared by the system. They
//! go when nobody has swept for [`KEPT_FOR`].

use super::stored::glances_from;
use bytes::{Bytes, BytesMut};
use hashbrown::HashSet;
use parking_lot::Mutex;
use protocol::PageId;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of an arena that a node has for itself.
pub const ARENA_BYTES_MAX: usize = 16 << 20;
/// Bytes of a block. A share has at most one that is not nearly full.
const BLOCK_BYTES: usize = 32 << 10;
/// Bytes of records of a share of the pages...
const SHARE_BYTES: usize = 1 << 20;
/// ...unless that makes more shares than about this.
const SHARES_MAX: usize = 256;
/// For so long the blocks are kept after a sweep for the next.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// Records by shares of the pages.
#[derive(Debug, Default)]
pub struct Arena {
    blocks_max: usize,
    /// The first page of each share but the first one, ascending.
    bounds: Vec<PageId>,
    /// Blocks of each share: none of those outside `first..end`.
    shares: Vec<Vec<BytesMut>>,
    /// The shares of this pass that were not [taken](Arena::take_share) begin here.
    first: usize,
    /// Those from here on are left to another pass.
    end: usize,
    /// Blocks in `shares`.
    blocks: usize,
    /// Bytes of records in `shares`.
    bytes: usize,
    /// Blocks for use.
    free: Vec<BytesMut>,
}

impl Arena {
    /// An arena of about so many bytes, with one share.
    #[must_use]
    pub fn new(bytes_max: usize) -> Arena {
        Arena { blocks_max: bytes_max / BLOCK_BYTES, shares: vec![Vec::new()], end: 1, ..Arena::default() }
    }

    /// Divides the pages into shares, by how many bytes of records each is expected to have. The arena is empty.
    pub fn divide(&mut self, mut pages: Vec<(PageId, u32)>) {
        assert_eq!(self.blocks, 0, "records stay in their share");
        pages.sort_unstable();
        let all: usize = pages.iter().map(|(_, bytes)| *bytes as usize).sum();
        let most = SHARE_BYTES.max(all / SHARES_MAX);
        self.bounds.clear();
        let mut taken = 0;
        for (page, bytes) in pages {
            if taken > 0 && taken + bytes as usize > most {
                self.bounds.push(page);
                taken = 0;
            }
            taken += bytes as usize;
        }
        self.shares.resize_with(self.bounds.len() + 1, Vec::new);
        (self.first, self.end) = (0, self.shares.len());
    }

    /// Bytes of the records in it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a page is of this pass.
    #[must_use]
    pub fn takes(&self, page: PageId) -> bool {
        let is_before = self.first > 0 && page < self.bounds[self.first - 1];
        let is_put_off = self.end < self.shares.len() && self.bounds[self.end - 1] <= page;
        !is_before && !is_put_off
    }

    /// Whether every page is.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        (self.first, self.end) == (0, self.shares.len())
    }

    /// Puts the encoding of a record in, if its page is of this pass; which it may not be any more when there is no room.
    pub fn push(&mut self, page: PageId, record: &[u8]) {
        if !self.takes(page) {
            return;
        }
        let share = self.bounds.partition_point(|first| *first <= page);
        let fits = |block: &BytesMut| block.capacity() - block.len() >= record.len();
        if !self.shares[share].last().is_some_and(fits) {
            while self.blocks >= self.blocks_max && self.end - self.first > 1 {
                self.end -= 1;
                self.empty(self.end);
            }
            if share >= self.end {
                return;
            }
            let block = self.free.pop().unwrap_or_else(|| BytesMut::with_capacity(BLOCK_BYTES));
            self.shares[share].push(block);
            self.blocks += 1;
        }
        if let Some(block) = self.shares[share].last_mut() {
            block.extend_from_slice(record);
            self.bytes += record.len();
        }
    }

    /// How many pages have records in it.
    #[must_use]
    pub fn pages(&self) -> usize {
        let blocks = self.shares.iter().flatten();
        blocks.flat_map(|block| glances_from(block, 0)).map(|record| record.page).collect::<HashSet<PageId>>().len()
    }

    /// The blocks of the next share of this pass that has any, in the order of the log.
    pub fn take_share(&mut self) -> Option<Vec<Bytes>> {
        while self.first < self.end {
            let blocks = std::mem::take(&mut self.shares[self.first]);
            self.first += 1;
            if !blocks.is_empty() {
                self.blocks -= blocks.len();
                self.bytes -= blocks.iter().map(BytesMut::len).sum::<usize>();
                return Some(blocks.into_iter().map(BytesMut::freeze).collect());
            }
        }
        None
    }

    /// Takes blocks back that nobody reads any more.
    pub fn recycle(&mut self, blocks: Vec<Bytes>) {
        for mut block in blocks.into_iter().filter_map(|block| block.try_into_mut().ok()) {
            block.clear();
            self.free.push(block);
        }
    }

    /// Begins the pass for the shares that were put off, once those of this one are taken. `false` when there are none.
    pub fn next_pass(&mut self) -> bool {
        (self.first, self.end) = (self.end, self.shares.len());
        self.first < self.end
    }

    /// Begins anew, with one share and no more memory than is its own.
    fn clear(&mut self) {
        (0..self.shares.len()).for_each(|share| self.empty(share));
        self.free.truncate(self.blocks_max);
        self.divide(Vec::new());
    }

    fn empty(&mut self, share: usize) {
        for mut block in self.shares[share].drain(..) {
            self.blocks -= 1;
            self.bytes -= block.len();
            block.clear();
            self.free.push(block);
        }
    }
}

/// A large arena that the sweeps of nodes of one process have in turns. They have one clock, too.
#[derive(Debug)]
pub struct SweepMemory {
    bytes_max: usize,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    is_lent: bool,
    kept: Option<Arena>,
    /// When somebody saw first that it was not lent any more.
    unused_since: Option<Duration>,
}

impl SweepMemory {
    /// One of about so many bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Arc<SweepMemory> {
        Arc::new(SweepMemory { bytes_max, shelf: Mutex::default() })
    }

    /// The arena, empty, unless somebody has it.
    pub(super) fn lend(self: &Arc<Self>) -> Option<Loan> {
        let mut shelf = self.shelf.lock();
        if shelf.is_lent {
            return None;
        }
        (shelf.is_lent, shelf.unused_since) = (true, None);
        let arena = shelf.kept.take().unwrap_or_else(|| Arena::new(self.bytes_max));
        Some(Loan { arena, lender: Some(self.clone()) })
    }

    /// Lets go of the memory when nobody has swept for a while: to be called now and then.
    pub(super) fn tidy(&self, now: Duration) {
        let mut shelf = self.shelf.lock();
        if shelf.kept.is_none() {
            return;
        }
        let since = *shelf.unused_since.get_or_insert(now);
        if now.saturating_sub(since) >= KEPT_FOR {
            let unused = shelf.kept.take();
            // Others need not wait for that.
            drop(shelf);
            drop(unused);
        }
    }
}

/// An arena for the time of a sweep.
#[derive(Debug)]
pub struct Loan {
    /// The arena.
    pub arena: Arena,
    lender: Option<Arc<SweepMemory>>,
}

impl Loan {
    /// A small arena that is nobody else's.
    #[must_use]
    pub fn own() -> Loan {
        Loan { arena: Arena::new(ARENA_BYTES_MAX), lender: None }
    }

    /// Whether others have to do without it meanwhile.
    #[must_use]
    pub fn is_turn(&self) -> bool {
        self.lender.is_some()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(lender) = &self.lender {
            let mut arena = std::mem::take(&mut self.arena);
            arena.clear();
            let mut shelf = lender.shelf.lock();
            (shelf.is_lent, shelf.kept) = (false, Some(arena));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Lsn;
    use protocol::redo::RecordHeader;
    use std::collections::BTreeMap;

    const MIB: usize = 1 << 20;

    fn record(page: u64, lsn: u64, bytes: usize) -> Vec<u8> {
        let (page, none) = (PageId(page), Lsn::ZERO);
        let header = RecordHeader {
            lsn: Lsn(lsn),
            prev_volume: none,
            prev_group: none,
            prev_page: none,
            page,
            end_of_mtr: true,
        };
        let mut encoded = Vec::new();
        header.encode(&vec![7; bytes], &mut encoded);
        encoded
    }

    /// Puts records of pages in as often as there are passes, and says which there were and what each page got.
    fn sweep(arena: &mut Arena, pages: u64, records: u64, bytes: usize) -> (usize, BTreeMap<PageId, Vec<Lsn>>) {
        let (mut passes, mut found) = (0, BTreeMap::<PageId, Vec<Lsn>>::new());
        let bytes_of_page = (records / pages) as u32 * bytes as u32;
        arena.divide((0..pages).map(|page| (PageId(page), bytes_of_page)).collect());
        loop {
            passes += 1;
            (0..records).for_each(|n| arena.push(PageId(n % pages), &record(n % pages, n + 1, bytes)));
            let mut of_pass = HashSet::<PageId>::new();
            while let Some(blocks) = arena.take_share() {
                let last = of_pass.iter().max().copied();
                for record in blocks.iter().flat_map(|block| glances_from(block, 0)) {
                    assert!(Some(record.page) > last, "shares are in the order of their pages");
                    assert!(of_pass.contains(&record.page) || !found.contains_key(&record.page), "one pass has a page");
                    of_pass.insert(record.page);
                    found.entry(record.page).or_default().push(record.lsn);
                }
                arena.recycle(blocks);
            }
            assert_eq!((arena.bytes, arena.blocks), (0, 0));
            if !arena.next_pass() {
                return (passes, found);
            }
        }
    }

    #[test]
    fn each_page_is_of_one_pass_which_has_all_its_records_in_order() {
        for (mib, expected) in [(64, 1), (32, 2), (8, 6)] {
            let mut arena = Arena::new(mib * MIB);
            let (passes, found) = sweep(&mut arena, 5000, 100_000, 390);
            assert!((expected..=expected + 1).contains(&passes), "{passes} passes over 40 MB in {mib} MiB");
            assert!(arena.free.len() <= arena.blocks_max, "{} blocks", arena.free.len());
            assert_eq!(found.len(), 5000);
            for (page, lsns) in found {
                let expected: Vec<Lsn> = (0..20).map(|n| Lsn(page.0 + n * 5000 + 1)).collect();
                assert_eq!(lsns, expected, "{page}");
            }
        }
    }

    #[test]
    fn shares_have_about_as_many_bytes_each_and_more_where_they_would_be_too_many() {
        let mut arena = Arena::new(MIB);
        let pages = |pages: u64, bytes: u32| (0..pages).map(|page| (PageId(page * 7), bytes)).collect::<Vec<_>>();
        arena.divide(pages(1024, 4 << 10));
        assert_eq!(arena.bounds, [256, 512, 768].map(|page| PageId(page * 7)));
        arena.divide(pages(3, 9 << 20));
        assert_eq!(arena.bounds, [7, 14].map(PageId), "a page is of one share");
        arena.divide(pages(64 << 10, 16 << 10));
        assert_eq!(arena.shares.len(), SHARES_MAX);
        assert!(arena.takes_all() && arena.takes(PageId(u64::MAX)), "what is not known has a share");
    }

    #[test]
    fn what_is_longer_than_a_block_or_an_arena_is_taken_all_the_same() {
        let mut arena = Arena::new(MIB);
        let (_, found) = sweep(&mut arena, 3, 60, 2 * BLOCK_BYTES);
        assert_eq!(found.values().map(Vec::len).collect::<Vec<_>>(), [20, 20, 20]);
        let mut arena = Arena::new(MIB);
        let (passes, found) = sweep(&mut arena, 1, 60, BLOCK_BYTES / 2);
        assert_eq!((passes, found.len()), (1, 1));
        assert!(arena.free.len() > arena.blocks_max);
        arena.clear();
        assert_eq!(arena.free.len(), arena.blocks_max);
    }

    #[test]
    fn one_at_a_time_has_the_large_arena_and_whoever_lets_go_gives_it_back() {
        let memory = SweepMemory::new(MIB);
        let mut first = memory.lend().expect("nobody has it");
        assert!(first.is_turn());
        assert!(memory.lend().is_none(), "the others wait");
        assert!(!Loan::own().is_turn(), "or take a small one");
        first.arena.push(PageId(1), &record(1, 1, 100));
        drop(first);
        let again = memory.lend().expect("it was given back");
        assert_eq!((again.arena.bytes(), again.arena.free.len()), (0, 1), "empty, with its memory");
        assert!(again.arena.takes_all());
        let failed = std::thread::spawn(move || {
            let _lost = again;
            std::panic::resume_unwind(Box::new("a bug"));
        });
        assert!(failed.join().is_err());
        assert!(memory.lend().is_some(), "a panic gives it back, too");
    }

    #[test]
    fn memory_that_nobody_uses_is_not_kept() {
        let memory = SweepMemory::new(MIB);
        let blocks = |loan: &Loan| loan.arena.free.len();
        memory.lend().expect("nobody has it").arena.push(PageId(1), &record(1, 1, 100));
        memory.tidy(Duration::from_secs(100));
        memory.tidy(Duration::from_secs(109));
        assert_eq!(memory.lend().as_ref().map(blocks), Some(1), "it is kept for the next");
        memory.tidy(Duration::from_secs(115));
        memory.tidy(Duration::from_secs(124));
        assert_eq!(memory.lend().as_ref().map(blocks), Some(1), "who used it meanwhile counts");
        memory.tidy(Duration::from_secs(130));
        memory.tidy(Duration::from_secs(140));
        assert_eq!(memory.lend().as_ref().map(blocks), Some(0));
    }
}
