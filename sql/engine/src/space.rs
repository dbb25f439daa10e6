//! Which pages are in use: the space map, and the pages waiting for reuse.
//!
//! **Layout.** One raw page maps the [`SPAN`] pages from itself on: at offset 56 the high-water mark (four bytes: pages
//! at or behind it were never used), from 64 on one bit a page. The first is page 1; the control page is not mapped.
//!
//! **Rule.** A freed page may be reused when the oldest served snapshot has passed its own LSN: a reader may still hold
//! its number. A dead page's LSN is that of the record that unlinked it, so nothing else needs to be remembered; pages of
//! dropped trees are freed only when that is past already.
//!
//! A page is *reserved* from the moment it is picked until the mini-transaction that sets its bit; when that does not
//! happen it goes back.

use bytes::Bytes;
use hashbrown::HashSet;
use parking_lot::Mutex;
use protocol::page::{PAGE_BYTES, PAGE_HEADER_BYTES, PageKind};
use protocol::redo::{Change, Patch};
use protocol::{Lsn, Page, PageId};
use std::collections::{BTreeMap, VecDeque};

const OFFSET_HIGH_WATER: usize = PAGE_HEADER_BYTES;
const OFFSET_BITS: usize = PAGE_HEADER_BYTES + 8;
/// Pages that one space map page maps, itself included.
pub const SPAN: u64 = ((PAGE_BYTES - OFFSET_BITS) * 8) as u64;
/// Space map pages changed by one mini-transaction that frees: so many are pinned at once.
pub const FREE_SPANS: usize = 4;
/// Free pages remembered; what is beyond stays free in the map and is found by the next start.
const FREE_PAGES_MAX: usize = 1 << 20;

/// The map page of span `span`.
pub fn map_page(span: u64) -> PageId {
    PageId(1 + span * SPAN)
}

/// The span of a page, and its bit there.
pub fn locate(page: PageId) -> (u64, u64) {
    let index = page.0.checked_sub(1).expect("the control page is never allocated");
    (index / SPAN, index % SPAN)
}

/// The change that formats a map page; with its own bit set by [`set_bits`] it is ready.
pub fn init() -> Change {
    Change::Init { kind: PageKind::Raw, level: 0, flags: 0, owner: 0, right: PageId::NONE, left: PageId::NONE }
}

/// Pages of the span below this were used at some time.
pub fn high_water(page: &Page) -> u64 {
    let bytes = &page.bytes()[OFFSET_HIGH_WATER..OFFSET_HIGH_WATER + 4];
    u64::from(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
}

fn byte_of(bit: u64) -> usize {
    OFFSET_BITS + (bit / 8) as usize
}

/// Whether a page of the span is in use.
pub fn is_used(page: &Page, bit: u64) -> bool {
    page.bytes()[byte_of(bit)] & 1 << (bit % 8) != 0
}

/// The change that sets or clears bits, moving the high-water mark as needed.
pub fn set_bits(page: &Page, bits: impl IntoIterator<Item = u64>, used: bool) -> Change {
    let mut bytes: BTreeMap<usize, u8> = BTreeMap::new();
    let mut mark = high_water(page);
    for bit in bits {
        let at = byte_of(bit);
        let byte = bytes.entry(at).or_insert(page.bytes()[at]);
        if used {
            *byte |= 1 << (bit % 8);
        } else {
            *byte &= !(1 << (bit % 8));
        }
        mark = mark.max(bit + 1);
    }
    let mut patches: Vec<Patch> = Vec::new();
    if mark != high_water(page) {
        let mark = u32::try_from(mark).expect("a span has fewer than 2^32 pages");
        let bytes = Bytes::copy_from_slice(&mark.to_le_bytes());
        patches.push(Patch { offset: OFFSET_HIGH_WATER as u16, bytes });
    }
    let patch = |(at, byte): (usize, u8)| Patch { offset: at as u16, bytes: Bytes::copy_from_slice(&[byte]) };
    patches.extend(bytes.into_iter().map(patch));
    Change::PatchRaw { patches }
}

/// A page picked for use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    pub page: PageId,
    /// Never used: it need not be read.
    pub fresh: bool,
}

#[derive(Default)]
struct State {
    /// The next page never used, once the last map page was read.
    next_fresh: Option<PageId>,
    spans: u64,
    free: VecDeque<(PageId, Lsn)>,
    known_free: HashSet<PageId>,
    reserved: HashSet<PageId>,
    scanned_spans: u64,
}

/// The allocator's memory. What it knows can be forgotten: the map has it all.
#[derive(Default)]
pub struct Space {
    state: Mutex<State>,
}

impl Space {
    /// Whether [`Space::open`] was called.
    pub fn is_open(&self) -> bool {
        self.state.lock().next_fresh.is_some()
    }

    /// Starts from the last span's map page.
    pub fn open(&self, spans: u64, last: &Page) {
        let mut state = self.state.lock();
        state.spans = spans;
        state.next_fresh = Some(PageId(map_page(spans - 1).0 + high_water(last)));
    }

    /// Picks a page never used or, where a used one will do, a free one whose LSN is known to be passed by `oldest`; `None`
    /// when the last span is used up.
    pub fn pick(&self, oldest: Lsn, used: bool) -> Option<Pick> {
        let mut state = self.state.lock();
        if used
            && state.free.front().is_some_and(|&(_, lsn)| lsn <= oldest)
            && let Some((page, _)) = state.free.pop_front()
        {
            state.known_free.remove(&page);
            state.reserved.insert(page);
            return Some(Pick { page, fresh: false });
        }
        let page = state.next_fresh.filter(|page| page.0 < map_page(state.spans).0)?;
        state.next_fresh = Some(PageId(page.0 + 1));
        state.reserved.insert(page);
        Some(Pick { page, fresh: true })
    }

    /// How many spans there are.
    pub fn spans(&self) -> u64 {
        self.state.lock().spans
    }

    /// Notes a span that was added; its first page is the map page itself.
    pub fn add_span(&self) {
        let mut state = self.state.lock();
        state.next_fresh = Some(PageId(map_page(state.spans).0 + 1));
        state.spans += 1;
    }

    /// The bit of a reserved page was set.
    pub fn used(&self, page: PageId) {
        self.state.lock().reserved.remove(&page);
    }

    /// A page is free, and may be reused when the oldest served snapshot passes `lsn`.
    pub fn freed(&self, page: PageId, lsn: Lsn) {
        let mut state = self.state.lock();
        state.reserved.remove(&page);
        if state.free.len() < FREE_PAGES_MAX && state.known_free.insert(page) {
            state.free.push_back((page, lsn));
        }
    }

    /// The next span whose free pages are not known, if any.
    pub fn unscanned(&self) -> Option<u64> {
        let state = self.state.lock();
        (state.scanned_spans < state.spans).then_some(state.scanned_spans)
    }

    /// Learns the free pages of a span from its latched map page. Their LSNs are seen when they are read.
    pub fn scan(&self, span: u64, page: &Page) {
        let mut state = self.state.lock();
        for bit in (0..high_water(page)).filter(|&bit| !is_used(page, bit)) {
            let id = PageId(map_page(span).0 + bit);
            if !state.reserved.contains(&id) && state.free.len() < FREE_PAGES_MAX && state.known_free.insert(id) {
                state.free.push_front((id, Lsn::ZERO));
            }
        }
        state.scanned_spans = state.scanned_spans.max(span + 1);
    }

    /// Forgets everything: another server wrote the volume meanwhile.
    pub fn close(&self) {
        *self.state.lock() = State::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::redo::apply_change;

    #[test]
    fn bits_are_set_and_cleared() {
        let mut page = Page::empty(map_page(0));
        apply_change(&mut page, Lsn(1), &init()).expect("it fits");
        let change = set_bits(&page, [0, 3, 9], true);
        apply_change(&mut page, Lsn(2), &change).expect("it fits");
        assert_eq!((high_water(&page), is_used(&page, 3), is_used(&page, 4)), (10, true, false));
        let change = set_bits(&page, [3], false);
        apply_change(&mut page, Lsn(3), &change).expect("it fits");
        assert_eq!((high_water(&page), is_used(&page, 3), is_used(&page, 9)), (10, false, true));
        let change = set_bits(&page, [SPAN - 1], true);
        apply_change(&mut page, Lsn(4), &change).expect("it fits");
        assert_eq!(high_water(&page), SPAN);
    }

    #[test]
    fn a_freed_page_waits_for_the_oldest_snapshot() {
        let mut page = Page::empty(map_page(0));
        apply_change(&mut page, Lsn(1), &init()).expect("it fits");
        let change = set_bits(&page, 0..5, true);
        apply_change(&mut page, Lsn(2), &change).expect("it fits");
        let space = Space::default();
        space.open(1, &page);
        space.freed(PageId(3), Lsn(100));
        assert_eq!(space.pick(Lsn(99), true), Some(Pick { page: PageId(6), fresh: true }));
        assert_eq!(space.pick(Lsn(100), true), Some(Pick { page: PageId(3), fresh: false }));
        assert_eq!(space.pick(Lsn(100), true), Some(Pick { page: PageId(7), fresh: true }));
    }
}
