//! Memory for the records of a sweep, and whose turn it is to have the large one.
//!
//! **Rule.** The nodes of a process that share a [`SweepMemory`] have its large arena in turns, one at a time. Nobody waits
//! for it: who is refused asks again when it looks for work next, a second later at most. Who has it gives it back by letting
//! go of the [`Loan`], whatever the reason: the sweep is done or given up, the node stopped, failed or is dropped. Who can
//! neither have it nor do without a sweep takes a small arena of its own. So a node whose disk hangs in the middle of its
//! turn costs the others memory and passes over their logs, and stops nobody.
//!
//! **Arena.** The pages are divided into shares, by a hash of their numbers, and the records of a share lie together, in
//! blocks. When there is no block left the last share of the pass is put off to another one, and its blocks are used for the
//! others. So records are moved once, however many passes it takes; and those of a share, which are sorted and applied
//! together, fit the processor's cache, where those of all pages, in the order of the log, would be fetched from memory one
//! by one. A share that is alone takes the blocks that it needs: it is a hundredth of the log.
//!
//! Blocks are used again from share to share, sweep to sweep and node to node, for fresh memory is cleared by the system,
//! which took a tenth of a sweep. They are given back to the system when nobody has swept for [`KEPT_FOR`].

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
/// Shares of the pages: a power of two.
const SHARES: usize = 128;
/// For so long the blocks are kept after a sweep for the next.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// Records by shares of the pages.
#[derive(Debug, Default)]
pub struct Arena {
    blocks_max: usize,
    /// Blocks of each share: none of those outside `first..end`.
    shares: Vec<Vec<BytesMut>>,
    /// Shares of this pass that were not [taken](Arena::take_share).
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

fn share_of(page: PageId) -> usize {
    // Neighbours in a table go to different shares.
    (page.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SHARES.ilog2())) as usize
}

impl Arena {
    /// An arena of about so many bytes, in its first pass.
    #[must_use]
    pub fn new(bytes_max: usize) -> Arena {
        let shares = (0..SHARES).map(|_| Vec::new()).collect();
        Arena { blocks_max: bytes_max / BLOCK_BYTES, shares, end: SHARES, ..Arena::default() }
    }

    /// Bytes of the records in it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a page is of this pass.
    #[must_use]
    pub fn takes(&self, page: PageId) -> bool {
        (self.first..self.end).contains(&share_of(page))
    }

    /// Whether every page is.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        (self.first, self.end) == (0, SHARES)
    }

    /// Puts the encoding of a record in, if its page is of this pass; which it may not be any more when there is no room.
    pub fn push(&mut self, page: PageId, record: &[u8]) {
        if !self.takes(page) {
            return;
        }
        let share = share_of(page);
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
        (self.first, self.end) = (self.end, SHARES);
        self.first < SHARES
    }

    /// Begins anew.
    fn clear(&mut self) {
        (0..self.shares.len()).for_each(|share| self.empty(share));
        (self.first, self.end) = (0, SHARES);
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

    /// Gives the memory back to the system when nobody has swept for a while: to be called now and then.
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
        loop {
            passes += 1;
            (0..records).for_each(|n| arena.push(PageId(n % pages), &record(n % pages, n + 1, bytes)));
            let mut of_pass = HashSet::new();
            while let Some(blocks) = arena.take_share() {
                for record in blocks.iter().flat_map(|block| glances_from(block, 0)) {
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
    fn what_is_longer_than_a_block_or_an_arena_is_taken_all_the_same() {
        let mut arena = Arena::new(MIB);
        let (_, found) = sweep(&mut arena, 3, 60, 2 * BLOCK_BYTES);
        assert_eq!(found.values().map(Vec::len).collect::<Vec<_>>(), [20, 20, 20]);
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
    fn memory_that_nobody_uses_is_given_back_to_the_system() {
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
