//! What one record does to one page, and its byte codec.
//!
//! A *stamped* cell begins with eight bytes that hold the LSN of the record that wrote it. Those bytes are not shipped:
//! [`apply`](super::apply) fills them in, so that every copy of the page has the same stamp and the redo is eight bytes
//! shorter.

use crate::bytes_io::{Reader, put_varint};
use crate::page::{CELL_BYTES_MAX, PAGE_BYTES, PAGE_HEADER_BYTES, PageKind};
use crate::{Error, PageId};
use bytes::Bytes;

/// Replaces `bytes.len()` bytes at `offset`: of a cell, or of a raw page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// First byte replaced, from the start of the cell or of the page.
    pub offset: u16,
    /// The new bytes.
    pub bytes: Bytes,
}

/// What one record does to one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Formats the page, whatever it held: earlier records no longer matter to it.
    Init { kind: PageKind, level: u8, flags: u8, owner: u64, right: PageId, left: PageId },
    /// Inserts cells at consecutive slots from `at`. `stamped`: each gets the record's LSN in eight bytes before it.
    Insert { at: u16, stamped: bool, cells: Vec<Bytes> },
    /// Inserts at slot `at` a copy of the cell in slot `from` (as numbered before), patched. `stamped`: the first eight
    /// bytes of the copy become the record's LSN. An update of a row ships what changed and not the row.
    InsertCopy { from: u16, at: u16, stamped: bool, patches: Vec<Patch> },
    /// Replaces the cell in `slot`, keeping its number. Not stamped: the cell is shipped whole.
    Replace { slot: u16, cell: Bytes },
    /// Patches the cell in `slot` in place; its length stays.
    PatchCell { slot: u16, patches: Vec<Patch> },
    /// Patches the same bytes in many cells: how versions are settled.
    PatchCells { slots: Vec<u16>, patch: Patch },
    /// Removes the cells in `slots`, strictly ascending.
    Delete { slots: Vec<u16> },
    /// Removes `count` cells from slot `at` on.
    DeleteRange { at: u16, count: u16 },
    /// Sets level and flags.
    SetFlags { level: u8, flags: u8 },
    /// Sets the sibling links that are given.
    SetLinks { right: Option<PageId>, left: Option<PageId> },
    /// Patches bytes of a raw page; offsets count from the start of the page and lie behind its header.
    PatchRaw { patches: Vec<Patch> },
    /// Writes the record's own LSN, eight bytes little-endian, at `offset` of a raw page: a commit.
    StampRaw { offset: u16 },
}

const INIT: u8 = 1;
const INSERT: u8 = 2;
const INSERT_STAMPED: u8 = 3;
const COPY: u8 = 4;
const COPY_STAMPED: u8 = 5;
const REPLACE: u8 = 6;
const PATCH_CELL: u8 = 7;
const PATCH_CELLS: u8 = 8;
const DELETE: u8 = 9;
const DELETE_RANGE: u8 = 10;
const SET_FLAGS: u8 = 11;
const SET_LINKS: u8 = 12;
const PATCH_RAW: u8 = 13;
const STAMP_RAW: u8 = 14;

/// Few changes have more parts.
const PARTS_USUAL: u64 = 8;
/// More of anything cannot be on one page; a larger count is damage and must not size an allocation.
const COUNT_MAX: u64 = PAGE_BYTES as u64;

impl Change {
    /// Whether the page's earlier history does not matter behind this change.
    #[must_use]
    pub fn is_init(&self) -> bool {
        matches!(self, Change::Init { .. })
    }

    /// The same of an encoded change, without decoding it.
    #[must_use]
    pub fn encodes_init(encoded: &[u8]) -> bool {
        encoded.first() == Some(&INIT)
    }

    /// Appends the encoding: a tag byte, then varints and bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Change::Init { kind, level, flags, owner, right, left } => {
                out.extend_from_slice(&[INIT, kind.code(), *level, *flags]);
                put_varint(out, *owner);
                put_link(out, *right);
                put_link(out, *left);
            }
            Change::Insert { at, stamped, cells } => {
                out.push(if *stamped { INSERT_STAMPED } else { INSERT });
                put_varint(out, (*at).into());
                put_varint(out, cells.len() as u64);
                for cell in cells {
                    put_bytes(out, cell);
                }
            }
            Change::InsertCopy { from, at, stamped, patches } => {
                out.push(if *stamped { COPY_STAMPED } else { COPY });
                put_varint(out, (*from).into());
                put_varint(out, (*at).into());
                put_patches(out, patches);
            }
            Change::Replace { slot, cell } => {
                out.push(REPLACE);
                put_varint(out, (*slot).into());
                put_bytes(out, cell);
            }
            Change::PatchCell { slot, patches } => {
                out.push(PATCH_CELL);
                put_varint(out, (*slot).into());
                put_patches(out, patches);
            }
            Change::PatchCells { slots, patch } => {
                out.push(PATCH_CELLS);
                put_slots(out, slots);
                put_varint(out, patch.offset.into());
                put_bytes(out, &patch.bytes);
            }
            Change::Delete { slots } => {
                out.push(DELETE);
                put_slots(out, slots);
            }
            Change::DeleteRange { at, count } => {
                out.push(DELETE_RANGE);
                put_varint(out, (*at).into());
                put_varint(out, (*count).into());
            }
            Change::SetFlags { level, flags } => out.extend_from_slice(&[SET_FLAGS, *level, *flags]),
            Change::SetLinks { right, left } => {
                out.extend_from_slice(&[SET_LINKS, u8::from(right.is_some()) | u8::from(left.is_some()) << 1]);
                for link in [right, left].into_iter().flatten() {
                    put_link(out, *link);
                }
            }
            Change::PatchRaw { patches } => {
                out.push(PATCH_RAW);
                put_patches(out, patches);
            }
            Change::StampRaw { offset } => {
                out.push(STAMP_RAW);
                put_varint(out, (*offset).into());
            }
        }
    }

    /// Decodes what [`Change::encode`] wrote; every byte must be used.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Malformed`].
    pub fn decode(bytes: &Bytes) -> Result<Change, Error> {
        let what = "change";
        let mut reader = Reader::new(bytes, what);
        let tag = reader.u8()?;
        let change = match tag {
            INIT => {
                let kind = PageKind::from_code(reader.u8()?).ok_or(Error::Malformed { what, why: "page kind" })?;
                let (level, flags) = (reader.u8()?, reader.u8()?);
                let owner = reader.varint()?;
                Change::Init { kind, level, flags, owner, right: link(&mut reader)?, left: link(&mut reader)? }
            }
            INSERT | INSERT_STAMPED => {
                let at = reader.varint_u16()?;
                let count = count(&mut reader)?;
                let cells = (0..count).map(|_| cell(&mut reader, bytes)).collect::<Result<_, _>>()?;
                Change::Insert { at, stamped: tag == INSERT_STAMPED, cells }
            }
            COPY | COPY_STAMPED => {
                let (from, at) = (reader.varint_u16()?, reader.varint_u16()?);
                Change::InsertCopy { from, at, stamped: tag == COPY_STAMPED, patches: patches(&mut reader, bytes)? }
            }
            REPLACE => Change::Replace { slot: reader.varint_u16()?, cell: cell(&mut reader, bytes)? },
            PATCH_CELL => Change::PatchCell { slot: reader.varint_u16()?, patches: patches(&mut reader, bytes)? },
            PATCH_CELLS => {
                let slots = slots(&mut reader)?;
                Change::PatchCells { slots, patch: patch(&mut reader, bytes)? }
            }
            DELETE => Change::Delete { slots: slots(&mut reader)? },
            DELETE_RANGE => Change::DeleteRange { at: reader.varint_u16()?, count: reader.varint_u16()? },
            SET_FLAGS => Change::SetFlags { level: reader.u8()?, flags: reader.u8()? },
            SET_LINKS => {
                let present = reader.u8()?;
                let right = (present & 1 != 0).then(|| link(&mut reader)).transpose()?;
                let left = (present & 2 != 0).then(|| link(&mut reader)).transpose()?;
                Change::SetLinks { right, left }
            }
            PATCH_RAW => Change::PatchRaw { patches: patches(&mut reader, bytes)? },
            STAMP_RAW => Change::StampRaw { offset: reader.varint_u16()? },
            _ => return Err(Error::Malformed { what, why: "unknown tag" }),
        };
        if !reader.is_empty() {
            return Err(Error::Malformed { what, why: "bytes left over" });
        }
        Ok(change)
    }
}

fn put_link(out: &mut Vec<u8>, link: PageId) {
    // NONE is the largest number: shifted by one it is the shortest.
    put_varint(out, link.0.wrapping_add(1));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_patches(out: &mut Vec<u8>, patches: &[Patch]) {
    put_varint(out, patches.len() as u64);
    for patch in patches {
        put_varint(out, patch.offset.into());
        put_bytes(out, &patch.bytes);
    }
}

fn put_slots(out: &mut Vec<u8>, slots: &[u16]) {
    put_varint(out, slots.len() as u64);
    let mut next = 0;
    for &slot in slots {
        debug_assert!(slot >= next, "slots ascend strictly");
        put_varint(out, u64::from(slot - next));
        next = slot + 1;
    }
}

#[inline]
fn link(reader: &mut Reader<'_>) -> Result<PageId, Error> {
    Ok(PageId(reader.varint()?.wrapping_sub(1)))
}

#[inline]
fn count(reader: &mut Reader<'_>) -> Result<u64, Error> {
    let count = reader.varint()?;
    if count > COUNT_MAX {
        return Err(Error::Malformed { what: "change", why: "more parts than a page holds" });
    }
    Ok(count)
}

/// A length-prefixed run of bytes, as a slice that shares `whole`.
#[inline]
fn cell(reader: &mut Reader<'_>, whole: &Bytes) -> Result<Bytes, Error> {
    let length = reader.varint()?;
    if length > CELL_BYTES_MAX as u64 {
        return Err(Error::Malformed { what: "change", why: "cell exceeds a page" });
    }
    Ok(whole.slice_ref(reader.bytes(length as usize)?))
}

#[inline]
fn patch(reader: &mut Reader<'_>, whole: &Bytes) -> Result<Patch, Error> {
    Ok(Patch { offset: reader.varint_u16()?, bytes: cell(reader, whole)? })
}

fn patches(reader: &mut Reader<'_>, whole: &Bytes) -> Result<Vec<Patch>, Error> {
    let count = count(reader)?;
    // Of a false count no more is believed than records have as a rule.
    let mut patches = Vec::with_capacity(count.min(PARTS_USUAL) as usize);
    for _ in 0..count {
        patches.push(patch(reader, whole)?);
    }
    Ok(patches)
}

fn slots(reader: &mut Reader<'_>) -> Result<Vec<u16>, Error> {
    let mut next = 0u64;
    (0..count(reader)?)
        .map(|_| {
            let slot = next.saturating_add(reader.varint()?);
            next = slot.saturating_add(1);
            u16::try_from(slot).map_err(|_| Error::Malformed { what: "change", why: "slot exceeds 16 bits" })
        })
        .collect()
}

const _: () = assert!(PAGE_HEADER_BYTES < PAGE_BYTES);
