//! The page: 8 KiB with a checksum, its LSN and, when slotted, an array of cells.
//!
//! ```text
//! offset  size  field
//!      0     4  checksum   CRC32C of bytes 4..8192, set when the page leaves memory
//!      4     1  format     1
//!      5     1  kind       0 empty, 1 slotted, 2 raw
//!      6     1  level      0 leaf; free for the owner
//!      7     1  flags      free for the owner
//!      8     8  lsn        of the last record applied
//!     16     8  page id
//!     24     8  owner      which tree or array the page belongs to
//!     32     8  right      link to the right sibling, or NONE
//!     40     8  left       link to the left sibling, or NONE
//!     48     2  slots      number of slots
//!     50     2  data       lowest offset in use by cells
//!     52     2  dead       bytes of removed cells between `data` and the end
//!     54     2  zero
//!     56   4*n  slots      {offset u16, length u16} in order; cells grow down from 8192
//! ```
//!
//! All integers are little-endian. Reading is checked when a page comes from outside ([`Page::from_bytes`]); after that
//! its slot array is trusted, for only [`redo::apply`](crate::redo::apply) changes it. There is no public way to write
//! bytes: hints that are not redo live beside the page, never in it.

use crate::{Error, Lsn, PageId};
use std::fmt;

/// Bytes in a page.
pub const PAGE_BYTES: usize = 8192;
/// Bytes before the slot array, or before the payload of a raw page.
pub const PAGE_HEADER_BYTES: usize = 56;
/// Bytes of one slot array entry.
pub const SLOT_BYTES: usize = 4;
/// The largest cell that fits an otherwise empty page.
pub const CELL_BYTES_MAX: usize = PAGE_BYTES - PAGE_HEADER_BYTES - SLOT_BYTES;

const _: () = assert!(PAGE_BYTES <= u16::MAX as usize, "offsets in a page are u16");

const FORMAT: u8 = 1;

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// Never initialised.
    Empty,
    /// A slot array over cells.
    Slotted,
    /// Bytes at offsets: commit map, space map, control page.
    Raw,
}

impl PageKind {
    pub(crate) fn code(self) -> u8 {
        match self {
            PageKind::Empty => 0,
            PageKind::Slotted => 1,
            PageKind::Raw => 2,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<PageKind> {
        match code {
            0 => Some(PageKind::Empty),
            1 => Some(PageKind::Slotted),
            2 => Some(PageKind::Raw),
            _ => None,
        }
    }
}

/// One page in memory.
#[derive(Clone)]
pub struct Page {
    bytes: Box<[u8; PAGE_BYTES]>,
}

impl Page {
    /// A page that was never written: LSN zero, kind empty.
    #[must_use]
    pub fn empty(id: PageId) -> Page {
        let mut page = Page { bytes: vec![0u8; PAGE_BYTES].try_into().expect("the vector has PAGE_BYTES bytes") };
        page.reset(id);
        page
    }

    /// Makes this buffer an empty page again, for reuse.
    pub fn reset(&mut self, id: PageId) {
        self.bytes.fill(0);
        self.bytes[4] = FORMAT;
        self.put_u64(16, id.0);
        self.put_u64(32, PageId::NONE.0);
        self.put_u64(40, PageId::NONE.0);
        self.put_u16(50, PAGE_BYTES as u16);
    }

    /// A page from a disk or a network: checks size, checksum, format, that it is `id`, and its slot array.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Checksum`], [`Error::NewerFormat`] or [`Error::Malformed`].
    pub fn from_bytes(bytes: &[u8], id: PageId) -> Result<Page, Error> {
        let what = "page";
        let bytes: [u8; PAGE_BYTES] = bytes.try_into().map_err(|_| Error::Truncated { what })?;
        let page = Page { bytes: Box::new(bytes) };
        if page.u32(0) != crc32c::crc32c(&page.bytes[4..]) {
            return Err(Error::Checksum { what });
        }
        if page.bytes[4] > FORMAT {
            return Err(Error::NewerFormat { what, found: page.bytes[4].into(), supported: FORMAT.into() });
        }
        if page.id() != id {
            return Err(Error::Malformed { what, why: "it bears another page's number" });
        }
        page.check()?;
        Ok(page)
    }

    fn check(&self) -> Result<(), Error> {
        let malformed = |why| Err(Error::Malformed { what: "page", why });
        let Some(kind) = PageKind::from_code(self.bytes[5]) else { return malformed("unknown kind") };
        if kind != PageKind::Slotted {
            return Ok(());
        }
        let slots_end = PAGE_HEADER_BYTES + self.slot_count() * SLOT_BYTES;
        let data = self.data_start();
        if slots_end > data || data > PAGE_BYTES {
            return malformed("slots and cells overlap");
        }
        let mut used = 0;
        for slot in 0..self.slot_count() {
            let (offset, length) = self.slot(slot);
            // An empty cell lies nowhere: the space in which it was put may be free by now.
            if length > 0 && offset < data || offset + length > PAGE_BYTES {
                return malformed("a slot points outside the cells");
            }
            used += length;
        }
        if used + self.dead_bytes() != PAGE_BYTES - data {
            return malformed("cell bytes do not add up");
        }
        Ok(())
    }

    /// The bytes with the checksum set: what goes to a disk or a network.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        let checksum = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The page's number.
    #[must_use]
    #[inline]
    pub fn id(&self) -> PageId {
        PageId(self.u64(16))
    }

    /// LSN of the last record applied; zero when none was.
    #[must_use]
    #[inline]
    pub fn lsn(&self) -> Lsn {
        Lsn(self.u64(8))
    }

    /// What it holds.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> PageKind {
        PageKind::from_code(self.bytes[5]).expect("the kind was checked or set by Init")
    }

    /// Distance from the leaves, as its owner uses it.
    #[must_use]
    #[inline]
    pub fn level(&self) -> u8 {
        self.bytes[6]
    }

    /// The owner's flags.
    #[must_use]
    #[inline]
    pub fn flags(&self) -> u8 {
        self.bytes[7]
    }

    /// Which tree or array it belongs to.
    #[must_use]
    #[inline]
    pub fn owner(&self) -> u64 {
        self.u64(24)
    }

    /// The right sibling.
    #[must_use]
    #[inline]
    pub fn right(&self) -> PageId {
        PageId(self.u64(32))
    }

    /// The left sibling.
    #[must_use]
    #[inline]
    pub fn left(&self) -> PageId {
        PageId(self.u64(40))
    }

    /// Number of cells.
    #[must_use]
    #[inline]
    pub fn slot_count(&self) -> usize {
        self.u16(48).into()
    }

    /// The cell in `slot`.
    ///
    /// # Panics
    /// When there is no such slot.
    #[must_use]
    #[inline]
    pub fn cell(&self, slot: usize) -> &[u8] {
        let (offset, length) = self.slot(slot);
        &self.bytes[offset..offset + length]
    }

    /// Bytes that one more cell may have, compaction included.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        let slots_end = PAGE_HEADER_BYTES + self.slot_count() * SLOT_BYTES;
        (self.data_start() - slots_end + self.dead_bytes()).saturating_sub(SLOT_BYTES)
    }

    /// All bytes, checksum not up to date. A raw page's payload starts at [`PAGE_HEADER_BYTES`].
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8; PAGE_BYTES] {
        &self.bytes
    }

    /// Eight bytes at `offset`, for raw pages.
    ///
    /// # Panics
    /// When `offset + 8` exceeds the page.
    #[must_use]
    #[inline]
    pub fn u64_at(&self, offset: usize) -> u64 {
        self.u64(offset)
    }

    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; PAGE_BYTES] {
        &mut self.bytes
    }

    #[inline]
    pub(crate) fn data_start(&self) -> usize {
        self.u16(50).into()
    }

    #[inline]
    pub(crate) fn dead_bytes(&self) -> usize {
        self.u16(52).into()
    }

    #[inline]
    pub(crate) fn slot(&self, slot: usize) -> (usize, usize) {
        assert!(slot < self.slot_count(), "slot {slot} of {} in {}", self.slot_count(), self.id());
        let at = PAGE_HEADER_BYTES + slot * SLOT_BYTES;
        (self.u16(at).into(), self.u16(at + 2).into())
    }

    #[inline]
    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes[at..at + 2].try_into().expect("two bytes"))
    }

    #[inline]
    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    #[inline]
    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    #[inline]
    pub(crate) fn put_u16(&mut self, at: usize, value: u16) {
        self.bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn put_u64(&mut self, at: usize, value: u64) {
        self.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
}

/// Two pages are equal when their bytes are, whatever their checksum fields say.
impl PartialEq for Page {
    fn eq(&self, other: &Page) -> bool {
        self.bytes[4..] == other.bytes[4..]
    }
}

impl Eq for Page {}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("id", &self.id())
            .field("lsn", &self.lsn())
            .field("kind", &self.bytes[5])
            .field("level", &self.level())
            .field("owner", &self.owner())
            .field("slots", &self.slot_count())
            .finish()
    }
}
