//! The cells of tree pages, and how they are ordered and found.
//!
//! Entries of a leaf are versions, ordered by key and, for equal keys, newest first: by descending stamp. A [`Position`]
//! is a point in that order, and so is a separator.
//!
//! ```text
//! slot 0 of every tree page: the high key        leaf entry                      inner entry
//! offset  size  field                            offset  size  field             offset  size  field
//!      0     8  stamp                                 0     8  stamp                  0     8  child page
//!      8     1  1: finite, 0: none (rightmost)        8     8  txid, of five bytes    8     8  stamp
//!      9        key                                  16     1  flags                 16        key
//!                                                    17     2  key length
//!                                                    19        key, then payload
//! ```
//!
//! The sixth byte of the txid's field is 0 until the version is settled, and 1 then: who wrote it can be asked as long as it
//! lasts.
//!
//! A page holds the positions from its low bound (kept by its parent) up to, not including, its high key. The first
//! entry of an inner page stands for everything below the second: its own key is empty.
//!
//! The payload of an entry is the row; or, with [`OVERFLOW`], the row's length and the first page of its chain, eight
//! bytes each; or, of a tombstone with [`MOVED`], the key to which an update moved the row, nothing if that is too long.

use crate::commits::TXID_MAX;
use bytes::Bytes;
use protocol::page::SLOT_BYTES;
use protocol::{Lsn, Page, PageId, TxnId};
use std::cmp::Ordering;

/// The entry says that the key is absent.
pub const TOMBSTONE: u8 = 1;
/// The row lives in overflow pages.
pub const OVERFLOW: u8 = 2;
/// A tombstone whose payload is the key the row moved to; empty if the two keys were too long for one entry.
pub const MOVED: u8 = 4;
/// While its transaction is active the version locks as `FOR UPDATE` does, not only as `FOR NO KEY UPDATE`.
pub const KEY_LOCK: u8 = 8;

/// Page flag: the page is unlinked and waits for reuse.
pub const PAGE_DEAD: u8 = 1;
/// Page flag of a root: some entry may have overflow pages.
pub const PAGE_HAS_OVERFLOW: u8 = 2;

/// Bytes of a leaf entry before its key.
pub const ENTRY_HEADER_BYTES: usize = 19;
/// Offset of the byte of an entry that says whether the version is settled. It is next to the bytes of the id, so that an
/// update that changes both ships one patch.
pub const ENTRY_SETTLED_OFFSET: u16 = 13;
/// What stands there when it is.
pub const SETTLED: u8 = 1;
/// Bits of a transaction id.
const TXID_BITS: u32 = 40;
/// Bytes of a stamp, which redo does not ship.
pub const STAMP_BYTES: usize = 8;
/// Bytes of a high key's cell before the key.
pub const HIGH_HEADER_BYTES: usize = 9;
const INNER_HEADER_BYTES: usize = 16;

/// A point in the order of entries: before every entry of `key` whose stamp is at or below `stamp`, and behind those above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position<'a> {
    pub key: &'a [u8],
    pub stamp: Lsn,
}

impl<'a> Position<'a> {
    /// Before all versions of `key`.
    pub fn before(key: &'a [u8]) -> Position<'a> {
        Position { key, stamp: Lsn::MAX }
    }

    /// Behind all versions of `key`: no stamp is zero.
    pub fn after(key: &'a [u8]) -> Position<'a> {
        Position { key, stamp: Lsn::ZERO }
    }

    /// How this point stands to `other`.
    pub fn cmp(&self, other: &Position<'_>) -> Ordering {
        self.key.cmp(other.key).then_with(|| other.stamp.cmp(&self.stamp))
    }

    pub fn to_owned(self) -> OwnedPosition {
        OwnedPosition { key: self.key.to_vec(), stamp: self.stamp }
    }
}

/// A [`Position`] that owns its key: what is kept across an await.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedPosition {
    pub key: Vec<u8>,
    pub stamp: Lsn,
}

impl OwnedPosition {
    pub fn borrow(&self) -> Position<'_> {
        Position { key: &self.key, stamp: self.stamp }
    }
}

/// A leaf entry, as it lies in its page.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub cell: &'a [u8],
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

impl<'a> Entry<'a> {
    pub fn stamp(&self) -> Lsn {
        Lsn(u64_at(self.cell, 0))
    }

    /// The transaction whose commit makes the version visible; none if it is settled.
    pub fn txid(&self) -> TxnId {
        let field = u64_at(self.cell, 8);
        if field >> TXID_BITS == 0 { TxnId(field) } else { TxnId::NONE }
    }

    /// The transaction that wrote the version; none where a server of before has settled it, which cleared the id.
    pub fn writer(&self) -> TxnId {
        TxnId(u64_at(self.cell, 8) & ((1 << TXID_BITS) - 1))
    }

    pub fn flags(&self) -> u8 {
        self.cell[16]
    }

    pub fn is_tombstone(&self) -> bool {
        self.flags() & TOMBSTONE != 0
    }

    pub fn is_overflow(&self) -> bool {
        self.flags() & OVERFLOW != 0
    }

    fn key_bytes(&self) -> usize {
        usize::from(u16::from_le_bytes([self.cell[17], self.cell[18]]))
    }

    pub fn key(&self) -> &'a [u8] {
        &self.cell[ENTRY_HEADER_BYTES..ENTRY_HEADER_BYTES + self.key_bytes()]
    }

    pub fn payload(&self) -> &'a [u8] {
        &self.cell[ENTRY_HEADER_BYTES + self.key_bytes()..]
    }

    pub fn position(&self) -> Position<'a> {
        Position { key: self.key(), stamp: self.stamp() }
    }

    /// Length and first page of an overflowing row.
    pub fn overflow(&self) -> OverflowRef {
        OverflowRef::decode(self.payload())
    }
}

/// Where an overflowing row lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverflowRef {
    /// Bytes of the row.
    pub bytes: u64,
    /// First page of the chain, or [`PageId::NONE`] while nothing is written.
    pub head: PageId,
}

impl OverflowRef {
    pub fn encode(self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&self.bytes.to_le_bytes());
        out[8..].copy_from_slice(&self.head.0.to_le_bytes());
        out
    }

    fn decode(payload: &[u8]) -> OverflowRef {
        OverflowRef { bytes: u64_at(payload, 0), head: PageId(u64_at(payload, 8)) }
    }
}

/// The bytes of an entry behind its stamp: what redo ships.
pub fn entry_body(txid: TxnId, flags: u8, key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ENTRY_HEADER_BYTES - STAMP_BYTES + key.len() + payload.len());
    out.extend_from_slice(&txid.0.to_le_bytes());
    out.push(flags);
    out.extend_from_slice(&u16::try_from(key.len()).expect("the key length was checked").to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(payload);
    out
}

/// The cell of a high key.
pub fn high_cell(high: Option<Position<'_>>) -> Bytes {
    let mut out = Vec::with_capacity(HIGH_HEADER_BYTES + high.map_or(0, |high| high.key.len()));
    out.extend_from_slice(&high.map_or(0, |high| high.stamp.0).to_le_bytes());
    out.push(u8::from(high.is_some()));
    out.extend_from_slice(high.map_or(&[], |high| high.key));
    out.into()
}

/// Bytes of [`high_cell`].
pub fn high_cell_bytes(high: Option<Position<'_>>) -> usize {
    HIGH_HEADER_BYTES + high.map_or(0, |high| high.key.len())
}

/// The cell of an inner entry.
pub fn inner_cell(child: PageId, low: Position<'_>) -> Bytes {
    let mut out = Vec::with_capacity(INNER_HEADER_BYTES + low.key.len());
    out.extend_from_slice(&child.0.to_le_bytes());
    out.extend_from_slice(&low.stamp.0.to_le_bytes());
    out.extend_from_slice(low.key);
    out.into()
}

/// The least position: the low bound of a tree.
pub const LOWEST: Position<'static> = Position { key: &[], stamp: Lsn::MAX };

/// The high key of a tree page; `None` of the rightmost.
pub fn high(page: &Page) -> Option<Position<'_>> {
    let cell = page.cell(0);
    (cell[8] != 0).then(|| Position { key: &cell[HIGH_HEADER_BYTES..], stamp: Lsn(u64_at(cell, 0)) })
}

/// The leaf entry in `slot`, from 1 on.
pub fn entry(page: &Page, slot: usize) -> Entry<'_> {
    Entry { cell: page.cell(slot) }
}

/// Child and low bound of the inner entry in `slot`, from 1 on.
pub fn inner(page: &Page, slot: usize) -> (PageId, Position<'_>) {
    let cell = page.cell(slot);
    (PageId(u64_at(cell, 0)), Position { key: &cell[INNER_HEADER_BYTES..], stamp: Lsn(u64_at(cell, 8)) })
}

fn partition(mut low: usize, mut high: usize, mut before: impl FnMut(usize) -> bool) -> usize {
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The first slot whose entry is at or behind `position`; the slot count when there is none.
pub fn lower_bound(page: &Page, position: Position<'_>) -> usize {
    partition(1, page.slot_count(), |slot| entry(page, slot).position().cmp(&position) == Ordering::Less)
}

/// The slot of the child that holds `position`.
pub fn child_slot(page: &Page, position: Position<'_>) -> usize {
    partition(2, page.slot_count(), |slot| inner(page, slot).1.cmp(&position) != Ordering::Greater) - 1
}

/// The slot of the child that holds the last point before `position`.
pub fn child_slot_before(page: &Page, position: Position<'_>) -> usize {
    partition(2, page.slot_count(), |slot| inner(page, slot).1.cmp(&position) == Ordering::Less) - 1
}

/// Bytes that cells of these lengths take, slots included.
pub fn cells_bytes(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.map(|length| length + SLOT_BYTES).sum()
}

/// The shortest separator above `left` and at or below `right`.
pub fn separator(left: Position<'_>, right: Position<'_>) -> OwnedPosition {
    if left.key == right.key {
        return right.to_owned();
    }
    let common = left.key.iter().zip(right.key).take_while(|(a, b)| a == b).count();
    // `right.key` is greater, so it is longer than the common prefix.
    OwnedPosition { key: right.key[..=common].to_vec(), stamp: Lsn::MAX }
}

const _: () = assert!(TXID_MAX < 1 << TXID_BITS, "an id leaves the byte behind it free");
const _: () = assert!(ENTRY_SETTLED_OFFSET as u32 == 8 + TXID_BITS / 8);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_settled_entry_tells_who_wrote_it() {
        let mut cell = 9u64.to_le_bytes().to_vec();
        cell.extend_from_slice(&entry_body(TxnId(TXID_MAX), 0, b"key", b"row"));
        let entry = Entry { cell: &cell };
        assert_eq!((entry.txid(), entry.writer()), (TxnId(TXID_MAX), TxnId(TXID_MAX)));
        cell[usize::from(ENTRY_SETTLED_OFFSET)] = SETTLED;
        let entry = Entry { cell: &cell };
        assert_eq!((entry.txid(), entry.writer()), (TxnId::NONE, TxnId(TXID_MAX)));
        // As it was settled before.
        cell[8..16].fill(0);
        let entry = Entry { cell: &cell };
        assert_eq!((entry.txid(), entry.writer()), (TxnId::NONE, TxnId::NONE));
    }

    #[test]
    fn the_layout_of_an_entry_is_pinned() {
        let body = entry_body(TxnId(7), TOMBSTONE, b"key", b"row");
        assert_eq!(body, [7, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, b'k', b'e', b'y', b'r', b'o', b'w']);
        let mut cell = 9u64.to_le_bytes().to_vec();
        cell.extend_from_slice(&body);
        let entry = Entry { cell: &cell };
        assert_eq!(
            (entry.stamp(), entry.txid(), entry.key(), entry.payload()),
            (Lsn(9), TxnId(7), &b"key"[..], &b"row"[..])
        );
    }

    proptest! {
        #[test]
        fn a_separator_separates(a in proptest::collection::vec(0u8..3, 0..5), b in proptest::collection::vec(0u8..3, 0..5), s: u8, t: u8) {
            let (mut left, mut right) = ((a, Lsn(u64::from(s) + 1)), (b, Lsn(u64::from(t) + 1)));
            let order = Position { key: &left.0, stamp: left.1 }.cmp(&Position { key: &right.0, stamp: right.1 });
            prop_assume!(order != Ordering::Equal);
            if order == Ordering::Greater {
                std::mem::swap(&mut left, &mut right);
            }
            let (left, right) = (Position { key: &left.0, stamp: left.1 }, Position { key: &right.0, stamp: right.1 });
            let middle = separator(left, right);
            prop_assert_eq!(left.cmp(&middle.borrow()), Ordering::Less);
            prop_assert_ne!(middle.borrow().cmp(&right), Ordering::Greater);
        }
    }
}
