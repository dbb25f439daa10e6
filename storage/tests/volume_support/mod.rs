//! A volume over real nodes, and redo to put into it.

use protocol::page::PageKind;
use protocol::redo::{Change, Patch};
use protocol::rpc::storage::{Member, VolumeConfig};
use protocol::volume::{Durability, PageChange, RedoLog};
use protocol::{Lsn, PageId};
use std::time::Duration;
use storage::volume::writer::{OpenOptions, WriterVolume};
use storage::volume::{monotonic_clock, wall_clock};

/// What takes longer does not happen.
pub const LONG: Duration = Duration::from_secs(60);
pub const VOLUME: u64 = 7;

/// The zone of a node: nodes are numbered from 0.
pub fn zone(node: u32) -> &'static str {
    ["a", "b", "c"][(node as usize / 2) % 3]
}

pub fn member(node: u32) -> Member {
    Member { node, zone: zone(node).into(), address: format!("node-{node}"), ..Member::default() }
}

/// A volume of nodes 0 to 5.
pub fn config(pages_per_group: u32, lal_bytes: u64) -> VolumeConfig {
    let members = (0..6).map(member).collect();
    VolumeConfig { volume: VOLUME, pages_per_group, lal_bytes, members, ..VolumeConfig::default() }
}

pub fn open_options(instance: u32) -> OpenOptions {
    OpenOptions {
        give_up_after: Some(LONG),
        ..OpenOptions::new(instance, protocol::task::Runtime::current(), monotonic_clock(), wall_clock())
    }
}

/// Puts `value` into a page that is at `prev_page`, so many times one behind the other, from byte 64; returns the LSN. The
/// first write makes the page.
pub fn write(volume: &WriterVolume, page: u64, prev_page: Lsn, value: u64, times: usize) -> Lsn {
    let mut changes = Vec::new();
    if prev_page.is_zero() {
        let (right, left) = (PageId::NONE, PageId::NONE);
        let change = Change::Init { kind: PageKind::Raw, level: 0, flags: 0, owner: 0, right, left };
        changes.push(PageChange { page: PageId(page), prev_page, change });
    }
    let patches = vec![Patch { offset: 64, bytes: value.to_le_bytes().repeat(times).into() }];
    changes.push(PageChange { page: PageId(page), prev_page, change: Change::PatchRaw { patches } });
    let mut last = Lsn::ZERO;
    volume.append(&changes, &mut |lsns| last = *lsns.last().expect("one for each change"));
    last
}

pub async fn durable(volume: &WriterVolume, lsn: Lsn) {
    let waiting = tokio::time::timeout(LONG, volume.wait(lsn, Durability::Flushed));
    waiting.await.expect("it becomes durable").expect("nobody else writes");
}

pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
