//! The control page: page 0, raw. Where everything else is found, and what must be logged before it is used.
//!
//! ```text
//! offset  size  field
//!     56     8  magic            "REDOUBT" and a zero
//!     64     4  format           1
//!     68     4  zero
//!     72     8  txid limit       ids below may have been used
//!     80     8  map root         directory of the commit map
//!     88     8  catalog root     the catalog's first tree
//!     96     8  registry root    the tree of trees
//!    104     8  catalog version  moved by every commit that touches the catalog
//!    112     8  spans            space map pages in use
//!    120     8  horizon bound
//!    128     8  horizon kept     how many follow
//!    136   512  kept snapshots   ascending
//! ```

use crate::TreeId;
use crate::error::{Error, Result};
use crate::snapshot::{Horizon, KEPT_MAX};
use bytes::Bytes;
use protocol::page::PageKind;
use protocol::redo::{Change, Patch};
use protocol::{Lsn, Page, PageId};

/// The control page.
pub const CONTROL_PAGE: PageId = PageId(0);

const MAGIC: &[u8; 8] = b"REDOUBT\0";
const FORMAT: u32 = 1;
const OFFSET_MAGIC: u16 = 56;
pub const OFFSET_TXID_LIMIT: u16 = 72;
pub const OFFSET_CATALOG_VERSION: u16 = 104;
pub const OFFSET_SPANS: u16 = 112;
const OFFSET_HORIZON: u16 = 120;
const HORIZON_BYTES: usize = 16 + 8 * KEPT_MAX;

/// The control page, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    pub txid_limit: u64,
    pub map_root: PageId,
    pub catalog_root: TreeId,
    pub registry_root: TreeId,
    pub catalog_version: u64,
    pub spans: u64,
    pub horizon: Horizon,
}

/// Eight little-endian bytes of a raw page.
pub fn raw_u64(page: &Page, at: u16) -> u64 {
    let at = usize::from(at);
    u64::from_le_bytes(page.bytes()[at..at + 8].try_into().expect("eight bytes"))
}

/// A patch of eight bytes.
pub fn u64_patch(offset: u16, value: u64) -> Patch {
    Patch { offset, bytes: Bytes::copy_from_slice(&value.to_le_bytes()) }
}

impl Control {
    /// # Errors
    /// [`Error::NotBootstrapped`], or [`Error::Corrupt`].
    pub fn read(page: &Page) -> Result<Control> {
        if page.kind() == PageKind::Empty {
            return Err(Error::NotBootstrapped);
        }
        let corrupt = |why: &str| Error::Corrupt { page: CONTROL_PAGE, why: why.into() };
        if page.kind() != PageKind::Raw || page.bytes()[56..64] != MAGIC[..] {
            return Err(corrupt("it is no control page"));
        }
        if raw_u64(page, 64) != u64::from(FORMAT) {
            return Err(corrupt("its format is not supported"));
        }
        Ok(Control {
            txid_limit: raw_u64(page, OFFSET_TXID_LIMIT),
            map_root: PageId(raw_u64(page, 80)),
            catalog_root: PageId(raw_u64(page, 88)),
            registry_root: PageId(raw_u64(page, 96)),
            catalog_version: raw_u64(page, OFFSET_CATALOG_VERSION),
            spans: raw_u64(page, OFFSET_SPANS),
            horizon: read_horizon(page).ok_or_else(|| corrupt("its horizon keeps too many snapshots"))?,
        })
    }

    /// The changes that write the page of a new volume.
    pub fn write(&self) -> Vec<Change> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&u64::from(FORMAT).to_le_bytes());
        let fields = [
            self.txid_limit,
            self.map_root.0,
            self.catalog_root.0,
            self.registry_root.0,
            self.catalog_version,
            self.spans,
        ];
        fields.iter().for_each(|field| head.extend_from_slice(&field.to_le_bytes()));
        let init =
            Change::Init { kind: PageKind::Raw, level: 0, flags: 0, owner: 0, right: PageId::NONE, left: PageId::NONE };
        let patches = vec![Patch { offset: OFFSET_MAGIC, bytes: head.into() }, horizon_patch(&self.horizon)];
        vec![init, Change::PatchRaw { patches }]
    }
}

/// The horizon of a control page; `None` when its count is impossible.
pub fn read_horizon(page: &Page) -> Option<Horizon> {
    let at = usize::from(OFFSET_HORIZON);
    decode_horizon(&page.bytes()[at..at + HORIZON_BYTES])
}

/// The horizon in a patch of the control page, if it is one.
pub fn horizon_in(patch: &Patch) -> Option<Horizon> {
    (patch.offset == OFFSET_HORIZON).then(|| decode_horizon(&patch.bytes)).flatten()
}

fn decode_horizon(bytes: &[u8]) -> Option<Horizon> {
    let mut words = bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
    let (bound, count) = (Lsn(words.next()?), usize::try_from(words.next()?).ok()?);
    if count > KEPT_MAX {
        return None;
    }
    let kept: Vec<Lsn> = words.take(count).map(Lsn).collect();
    (kept.len() == count).then_some(Horizon { bound, kept })
}

/// The patch that logs a horizon.
pub fn horizon_patch(horizon: &Horizon) -> Patch {
    let mut bytes = horizon.bound.0.to_le_bytes().to_vec();
    bytes.extend_from_slice(&(horizon.kept.len() as u64).to_le_bytes());
    horizon.kept.iter().for_each(|kept| bytes.extend_from_slice(&kept.0.to_le_bytes()));
    Patch { offset: OFFSET_HORIZON, bytes: bytes.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::redo::apply_change;

    #[test]
    fn the_control_page_round_trips() {
        let control = Control {
            txid_limit: 1,
            map_root: PageId(4),
            catalog_root: PageId(3),
            registry_root: PageId(2),
            catalog_version: 9,
            spans: 1,
            horizon: Horizon { bound: Lsn(50), kept: vec![Lsn(10), Lsn(20)] },
        };
        let mut page = Page::empty(CONTROL_PAGE);
        assert_eq!(Control::read(&page), Err(Error::NotBootstrapped));
        for (index, change) in control.write().iter().enumerate() {
            apply_change(&mut page, Lsn(index as u64 + 1), change).expect("the changes fit");
        }
        assert_eq!(Control::read(&page), Ok(control.clone()));
        assert_eq!(horizon_in(&horizon_patch(&control.horizon)), Some(control.horizon));
    }
}
