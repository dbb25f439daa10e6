//! The one function that changes page bytes.
//!
//! It is deterministic, so that the writer, six nodes and every replica arrive at equal pages, and idempotent by page LSN.
//! It checks everything about a change before it touches the page: a change that does not fit leaves the page as it was.

use super::{Change, Patch, RecordHeader};
use crate::page::{PAGE_BYTES, PAGE_HEADER_BYTES, Page, PageKind, SLOT_BYTES};
use crate::{Error, Lsn};

/// Bytes of a stamp at the head of a stamped cell.
const STAMP_BYTES: usize = 8;

/// Applies a record to its page, unless the page already has it. Returns whether the page changed.
///
/// # Errors
/// [`Error::OutOfOrder`] when the page is not at the record's `prev_page` (an `Init` fits any older page);
/// [`Error::Inapplicable`] when the change does not fit. The page is then unchanged.
///
/// # Panics
/// When the record is for another page.
pub fn apply(page: &mut Page, header: &RecordHeader, change: &Change) -> Result<bool, Error> {
    assert_eq!(page.id(), header.page, "a record is applied to its own page");
    if page.lsn() >= header.lsn {
        return Ok(false);
    }
    if page.lsn() != header.prev_page && !change.is_init() {
        return Err(Error::OutOfOrder {
            page: header.page,
            lsn: header.lsn,
            expected: header.prev_page,
            found: page.lsn(),
        });
    }
    apply_change(page, header.lsn, change)?;
    Ok(true)
}

/// Applies a change as of `lsn` to a page known to be at the change's predecessor: the writer's way, whose latch proves it.
///
/// # Errors
/// [`Error::Inapplicable`]; the page is then unchanged.
pub fn apply_change(page: &mut Page, lsn: Lsn, change: &Change) -> Result<(), Error> {
    let inapplicable = |page: &Page, why| Err(Error::Inapplicable { page: page.id(), lsn, why });
    let wanted = match change {
        Change::Init { .. } | Change::SetFlags { .. } | Change::SetLinks { .. } => None,
        Change::PatchRaw { .. } | Change::StampRaw { .. } => Some(PageKind::Raw),
        _ => Some(PageKind::Slotted),
    };
    if wanted.is_some_and(|kind| kind != page.kind()) {
        return inapplicable(page, "the page is of another kind");
    }
    let slots = page.slot_count();
    let fits = |slot: u16| usize::from(slot) < slots;
    match change {
        Change::Init { kind, level, flags, owner, right, left } => {
            let id = page.id();
            page.reset(id);
            let bytes = page.bytes_mut();
            (bytes[5], bytes[6], bytes[7]) = (kind.code(), *level, *flags);
            page.put_u64(24, *owner);
            page.put_u64(32, right.0);
            page.put_u64(40, left.0);
        }
        Change::Insert { at, stamped, cells } => {
            let at = usize::from(*at);
            let stamp = if *stamped { STAMP_BYTES } else { 0 };
            let wanted: usize = cells.iter().map(|cell| cell.len() + stamp + SLOT_BYTES).sum();
            if at > slots {
                return inapplicable(page, "it inserts behind the last slot");
            }
            if wanted > room(page) {
                return inapplicable(page, "the page is full");
            }
            let stamp = stamped.then_some(lsn);
            for (index, cell) in cells.iter().enumerate() {
                let offset = allocate(page, cell.len() + stamp.map_or(0, |_| STAMP_BYTES));
                let mut start = offset;
                if let Some(lsn) = stamp {
                    page.put_u64(offset, lsn.0);
                    start += STAMP_BYTES;
                }
                page.bytes_mut()[start..start + cell.len()].copy_from_slice(cell);
                open_slot(page, at + index, offset, start + cell.len() - offset);
            }
        }
        Change::InsertCopy { from, at, stamped, patches } => {
            if !fits(*from) || usize::from(*at) > slots {
                return inapplicable(page, "it copies or inserts behind the last slot");
            }
            let length = page.cell((*from).into()).len();
            if *stamped && length < STAMP_BYTES || !patches.iter().all(|patch| within(patch, 0, length)) {
                return inapplicable(page, "a patch exceeds its cell");
            }
            if length + SLOT_BYTES > room(page) {
                return inapplicable(page, "the page is full");
            }
            let offset = allocate(page, length);
            let (source, _) = page.slot((*from).into());
            page.bytes_mut().copy_within(source..source + length, offset);
            patch_bytes(page, offset, patches);
            if *stamped {
                page.put_u64(offset, lsn.0);
            }
            open_slot(page, (*at).into(), offset, length);
        }
        Change::Replace { slot, cell } => {
            if !fits(*slot) {
                return inapplicable(page, "no such slot");
            }
            let slot = usize::from(*slot);
            let old = page.cell(slot).len();
            if cell.len() > room(page) + old {
                return inapplicable(page, "the page is full");
            }
            close_slot(page, slot);
            let offset = allocate(page, cell.len());
            page.bytes_mut()[offset..offset + cell.len()].copy_from_slice(cell);
            open_slot(page, slot, offset, cell.len());
        }
        Change::PatchCell { slot, patches } => {
            if !fits(*slot) {
                return inapplicable(page, "no such slot");
            }
            let (offset, length) = page.slot((*slot).into());
            if !patches.iter().all(|patch| within(patch, 0, length)) {
                return inapplicable(page, "a patch exceeds its cell");
            }
            patch_bytes(page, offset, patches);
        }
        Change::PatchCells { slots: patched, patch } => {
            if !patched.iter().all(|&slot| fits(slot) && within(patch, 0, page.cell(slot.into()).len())) {
                return inapplicable(page, "a patch exceeds its cell");
            }
            for &slot in patched {
                let (offset, _) = page.slot(slot.into());
                patch_bytes(page, offset, std::slice::from_ref(patch));
            }
        }
        Change::Delete { slots: removed } => {
            if !removed.iter().all(|&slot| fits(slot)) || !removed.is_sorted_by(|a, b| a < b) {
                return inapplicable(page, "no such slot");
            }
            for &slot in removed.iter().rev() {
                close_slot(page, slot.into());
            }
        }
        Change::DeleteRange { at, count } => {
            let (at, count) = (usize::from(*at), usize::from(*count));
            if at + count > slots {
                return inapplicable(page, "no such slot");
            }
            for slot in (at..at + count).rev() {
                close_slot(page, slot);
            }
        }
        Change::SetFlags { level, flags } => {
            let bytes = page.bytes_mut();
            (bytes[6], bytes[7]) = (*level, *flags);
        }
        Change::SetLinks { right, left } => {
            if let Some(right) = right {
                page.put_u64(32, right.0);
            }
            if let Some(left) = left {
                page.put_u64(40, left.0);
            }
        }
        Change::PatchRaw { patches } => {
            if !patches.iter().all(|patch| within(patch, PAGE_HEADER_BYTES, PAGE_BYTES)) {
                return inapplicable(page, "a patch exceeds the payload");
            }
            patch_bytes(page, 0, patches);
        }
        Change::StampRaw { offset } => {
            let offset = usize::from(*offset);
            if offset < PAGE_HEADER_BYTES || offset + STAMP_BYTES > PAGE_BYTES {
                return inapplicable(page, "a stamp exceeds the payload");
            }
            page.put_u64(offset, lsn.0);
        }
    }
    page.put_u64(8, lsn.0);
    Ok(())
}

#[inline]
fn within(patch: &Patch, start: usize, end: usize) -> bool {
    let offset = usize::from(patch.offset);
    offset >= start && offset + patch.bytes.len() <= end
}

#[inline]
fn patch_bytes(page: &mut Page, base: usize, patches: &[Patch]) {
    for patch in patches {
        let at = base + usize::from(patch.offset);
        page.bytes_mut()[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
    }
}

/// Bytes for cells and their slots, compaction included.
#[inline]
fn room(page: &Page) -> usize {
    page.data_start() - slots_end(page) + page.dead_bytes()
}

#[inline]
fn slots_end(page: &Page) -> usize {
    PAGE_HEADER_BYTES + page.slot_count() * SLOT_BYTES
}

/// Takes `length` bytes from the cell area, leaving space for one more slot; compacts when the gap is too small.
#[inline]
fn allocate(page: &mut Page, length: usize) -> usize {
    if page.data_start() - slots_end(page) < length + SLOT_BYTES {
        compact(page);
    }
    let offset = page.data_start() - length;
    assert!(offset >= slots_end(page) + SLOT_BYTES, "the room was checked before");
    page.put_u16(50, offset as u16);
    offset
}

/// Makes place for slot `at` and points it to `length` bytes at `offset`.
#[inline]
fn open_slot(page: &mut Page, at: usize, offset: usize, length: usize) {
    let start = PAGE_HEADER_BYTES + at * SLOT_BYTES;
    let end = slots_end(page);
    page.bytes_mut().copy_within(start..end, start + SLOT_BYTES);
    page.put_u16(start, offset as u16);
    page.put_u16(start + 2, length as u16);
    page.put_u16(48, page.slot_count() as u16 + 1);
}

/// Removes slot `at`; its cell becomes dead bytes.
#[inline]
fn close_slot(page: &mut Page, at: usize) {
    let (offset, length) = page.slot(at);
    let start = PAGE_HEADER_BYTES + at * SLOT_BYTES;
    let end = slots_end(page);
    page.bytes_mut().copy_within(start + SLOT_BYTES..end, start);
    page.put_u16(48, page.slot_count() as u16 - 1);
    if offset == page.data_start() {
        page.put_u16(50, (offset + length) as u16);
    } else {
        page.put_u16(52, (page.dead_bytes() + length) as u16);
    }
    if page.slot_count() == 0 {
        page.put_u16(50, PAGE_BYTES as u16);
        page.put_u16(52, 0);
    }
}

/// Moves all cells to the end of the page, in slot order: deterministic, for every copy must get the same bytes.
fn compact(page: &mut Page) {
    let before = *page.bytes();
    let mut data = PAGE_BYTES;
    for slot in 0..page.slot_count() {
        let (offset, length) = page.slot(slot);
        data -= length;
        page.bytes_mut()[data..data + length].copy_from_slice(&before[offset..offset + length]);
        page.put_u16(PAGE_HEADER_BYTES + slot * SLOT_BYTES, data as u16);
    }
    page.put_u16(50, data as u16);
    page.put_u16(52, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PageId;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn slotted() -> Page {
        let mut page = Page::empty(PageId(5));
        let init = Change::Init {
            kind: PageKind::Slotted,
            level: 0,
            flags: 0,
            owner: 5,
            right: PageId::NONE,
            left: PageId::NONE,
        };
        apply_change(&mut page, Lsn(1), &init).expect("Init fits any page");
        page
    }

    fn arbitrary_change() -> impl Strategy<Value = Change> {
        let cell = || proptest::collection::vec(any::<u8>(), 0..400).prop_map(Bytes::from);
        let patch = || {
            (0u16..64, proptest::collection::vec(any::<u8>(), 0..16))
                .prop_map(|(offset, bytes)| Patch { offset, bytes: bytes.into() })
        };
        let patches = move || proptest::collection::vec(patch(), 0..4);
        prop_oneof![
            (0u16..40, any::<bool>(), proptest::collection::vec(cell(), 1..3))
                .prop_map(|(at, stamped, cells)| Change::Insert { at, stamped, cells }),
            (0u16..40, 0u16..40, any::<bool>(), patches())
                .prop_map(|(from, at, stamped, patches)| Change::InsertCopy { from, at, stamped, patches }),
            (0u16..40, cell()).prop_map(|(slot, cell)| Change::Replace { slot, cell }),
            (0u16..40, patches()).prop_map(|(slot, patches)| Change::PatchCell { slot, patches }),
            (proptest::collection::btree_set(0u16..40, 0..8), patch())
                .prop_map(|(slots, patch)| Change::PatchCells { slots: slots.into_iter().collect(), patch }),
            proptest::collection::btree_set(0u16..40, 0..8)
                .prop_map(|slots| Change::Delete { slots: slots.into_iter().collect() }),
            (0u16..40, 0u16..8).prop_map(|(at, count)| Change::DeleteRange { at, count }),
            any::<[u8; 2]>().prop_map(|[level, flags]| Change::SetFlags { level, flags }),
            any::<[Option<u64>; 2]>()
                .prop_map(|[right, left]| Change::SetLinks { right: right.map(PageId), left: left.map(PageId) }),
        ]
    }

    /// What the slots should hold, by the plainest means.
    fn model(cells: &mut Vec<Vec<u8>>, lsn: Lsn, change: &Change) {
        let patched = |mut cell: Vec<u8>, patches: &[Patch]| {
            for patch in patches {
                let at = usize::from(patch.offset);
                cell[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
            }
            cell
        };
        match change {
            Change::Insert { at, stamped, cells: new } => {
                for (index, cell) in new.iter().enumerate() {
                    let mut bytes = if *stamped { lsn.0.to_le_bytes().to_vec() } else { Vec::new() };
                    bytes.extend_from_slice(cell);
                    cells.insert(usize::from(*at) + index, bytes);
                }
            }
            Change::InsertCopy { from, at, stamped, patches } => {
                let mut cell = patched(cells[usize::from(*from)].clone(), patches);
                if *stamped {
                    cell[..8].copy_from_slice(&lsn.0.to_le_bytes());
                }
                cells.insert((*at).into(), cell);
            }
            Change::Replace { slot, cell } => cells[usize::from(*slot)] = cell.to_vec(),
            Change::PatchCell { slot, patches } => {
                let slot = usize::from(*slot);
                cells[slot] = patched(cells[slot].clone(), patches);
            }
            Change::PatchCells { slots, patch } => {
                for &slot in slots {
                    let slot = usize::from(slot);
                    cells[slot] = patched(cells[slot].clone(), std::slice::from_ref(patch));
                }
            }
            Change::Delete { slots } => {
                for &slot in slots.iter().rev() {
                    cells.remove(slot.into());
                }
            }
            Change::DeleteRange { at, count } => {
                cells.drain(usize::from(*at)..usize::from(*at + *count));
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn slots_behave_like_a_vector(changes in proptest::collection::vec(arbitrary_change(), 1..200)) {
            let mut page = slotted();
            let mut cells = Vec::new();
            for (index, change) in changes.iter().enumerate() {
                let lsn = Lsn(index as u64 + 2);
                let mut encoded = Vec::new();
                change.encode(&mut encoded);
                prop_assert_eq!(&Change::decode(&Bytes::from(encoded)), &Ok(change.clone()));
                let before = page.clone();
                match apply_change(&mut page, lsn, change) {
                    Ok(()) => model(&mut cells, lsn, change),
                    Err(_) => prop_assert_eq!(&page, &before),
                }
                let held: Vec<Vec<u8>> = (0..page.slot_count()).map(|slot| page.cell(slot).to_vec()).collect();
                prop_assert_eq!(&held, &cells);
                let read_back = Page::from_bytes(&page.to_bytes(), PageId(5));
                prop_assert_eq!(read_back.as_ref(), Ok(&page));
            }
        }
    }

    #[test]
    fn an_empty_cell_needs_no_space() {
        let mut page = slotted();
        let cells = vec![Bytes::from_static(b"row"), Bytes::new()];
        apply_change(&mut page, Lsn(2), &Change::Insert { at: 0, stamped: false, cells }).expect("it fits");
        // The space of the first cell, where the empty one was put, is given back.
        apply_change(&mut page, Lsn(3), &Change::Replace { slot: 0, cell: Bytes::new() }).expect("it fits");
        assert_eq!(Page::from_bytes(&page.to_bytes(), PageId(5)), Ok(page));
    }

    #[test]
    fn a_record_is_applied_once_and_in_order() {
        let mut page = slotted();
        let header = RecordHeader {
            lsn: Lsn(10),
            prev_volume: Lsn(1),
            prev_group: Lsn(1),
            prev_page: Lsn(1),
            page: PageId(5),
            end_of_mtr: true,
        };
        let change = Change::Insert { at: 0, stamped: true, cells: vec![Bytes::from_static(b"row")] };
        assert_eq!(apply(&mut page, &header, &change), Ok(true));
        assert_eq!(page.cell(0), b"\x0a\0\0\0\0\0\0\0row");
        assert_eq!(apply(&mut page, &header, &change), Ok(false));
        let later = RecordHeader { lsn: Lsn(30), prev_page: Lsn(20), ..header };
        assert!(matches!(apply(&mut page, &later, &change), Err(Error::OutOfOrder { .. })));
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let mut bytes = slotted().to_bytes();
        bytes[4000] ^= 1;
        assert_eq!(Page::from_bytes(&bytes, PageId(5)), Err(Error::Checksum { what: "page" }));
    }
}
