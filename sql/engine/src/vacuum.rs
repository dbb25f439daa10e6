//! The sweep: settling and pruning what no writer touches, unlinking empty leaves, freeing trees.
//!
//! Leaves are pruned when they fill; a queue table's old leaves never fill again. [`Engine::sweep`] looks at the places
//! where rows were deleted lately, once a leaf, and again later where a tombstone must stay; [`Engine::vacuum`] walks every
//! tree.
//!
//! **Trimming the commit map.** A walk also finds the lowest transaction id that any version still bears, or whose entry a
//! subtransaction that is borne refers to. Ids below it, and
//! below every id that could be written since the walk began, occur in no page as of the LSN at which the walk ended. When
//! the oldest served snapshot is past that LSN, no server reads an older page any more, and the leaves of the map below go.

use crate::TreeId;
use crate::cancel::CancelToken;
use crate::cell::{LOWEST, OwnedPosition, Position};
use crate::engine::{Engine, Pins};
use crate::error::{Error, Result};
use parking_lot::Mutex;
use protocol::{Lsn, TxnId};
use std::sync::atomic::Ordering;

/// Places remembered for the next sweep; with more, the walk over all trees finds them.
const GARBAGE_MAX: usize = 16 * 1024;

/// Where the next sweep looks.
#[derive(Default)]
pub struct Garbage {
    places: Mutex<Vec<(TreeId, Vec<u8>)>>,
    trim: Mutex<Trim>,
}

/// What the last walk found out about the commit map.
#[derive(Clone, Copy, Default)]
struct Trim {
    /// The next id to be handed out when it began.
    next_txid: u64,
    /// Ids below occur nowhere, as of the LSN.
    found: Option<(TxnId, Lsn)>,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VacuumReport {
    pub leaves_visited: u64,
    pub versions_pruned: u64,
    pub versions_settled: u64,
    pub leaves_unlinked: u64,
    pub trees_freed: u64,
    /// Pages of the commit map given back.
    pub map_pages_freed: u64,
}

/// Ends the exclusion of other sweeps.
struct Sweeping<'a>(&'a Engine);

impl Drop for Sweeping<'_> {
    fn drop(&mut self) {
        self.0.sweeping.store(false, Ordering::Release);
    }
}

impl Engine {
    /// Remembers that something in the leaf of `key` will go.
    pub(crate) fn note_garbage(&self, tree: TreeId, key: &[u8]) {
        let mut places = self.garbage.places.lock();
        if places.len() < GARBAGE_MAX {
            places.push((tree, key.to_vec()));
        }
    }

    fn raise_gc_floor(&self) -> Result<()> {
        if let Some(floor) = self.registry.read_floor(self.flushed_vdl()) {
            self.log()?.set_gc_floor(floor);
        }
        Ok(())
    }

    fn begin_sweep(&self) -> Option<Sweeping<'_>> {
        (!self.sweeping.swap(true, Ordering::AcqRel)).then(|| Sweeping(self))
    }

    /// Visits the places where rows were deleted since the last call. To be called every second or so; does nothing while
    /// another sweep runs.
    ///
    /// # Errors
    /// What the volume returns; [`Error::ReadOnly`] on a replica.
    pub async fn sweep(&self) -> Result<VacuumReport> {
        let mut report = VacuumReport::default();
        let Some(_sweeping) = self.begin_sweep() else { return Ok(report) };
        self.advance_horizon().await?;
        self.raise_gc_floor()?;
        let mut places = std::mem::take(&mut *self.garbage.places.lock());
        places.sort_unstable();
        let mut places = places.into_iter().peekable();
        while let Some((tree, key)) = places.next() {
            match self.sweep_at(tree, Position::before(&key), None, &mut report).await {
                Ok(swept) => {
                    let end = swept.next.as_ref().map(OwnedPosition::borrow);
                    let is_swept = |key: &[u8]| end.is_none_or(|end| Position::before(key).cmp(&end).is_lt());
                    while places.next_if(|(at, key)| *at == tree && is_swept(key)).is_some() {}
                    swept.tombstones.iter().for_each(|key| self.note_garbage(tree, key));
                }
                Err(Error::NoSuchTree(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(report)
    }

    /// Walks every tree and frees those that are gone.
    ///
    /// # Errors
    /// As [`Engine::sweep`].
    pub async fn vacuum(&self) -> Result<VacuumReport> {
        let mut report = VacuumReport::default();
        let Some(_sweeping) = self.begin_sweep() else { return Ok(report) };
        self.advance_horizon().await?;
        self.raise_gc_floor()?;
        while self.scan_free_pages().await? {}
        report.map_pages_freed = self.trim_map().await?;
        let before = *self.garbage.trim.lock();
        let next_txid = self.next_txid_now();
        // An id is handed out a moment before it counts as active: one from before the last walk has counted since long.
        let mut lowest = self.commits.lowest_active().unwrap_or(TxnId(u64::MAX)).min(TxnId(before.next_txid));
        let mut trees = vec![self.catalog_tree(), self.registry_root];
        trees.extend(self.live_trees().await?);
        for tree in trees {
            match self.vacuum_tree(tree, &mut report).await {
                Ok(found) => lowest = lowest.min(found),
                // Rolled back and swept, or its root is not formatted yet.
                Err(Error::NoSuchTree(_)) => {}
                Err(error) => return Err(error),
            }
        }
        report.trees_freed = self.sweep_trees().await?;
        *self.garbage.trim.lock() = Trim { next_txid, found: Some((lowest, self.end())) };
        Ok(report)
    }

    async fn vacuum_tree(&self, tree: TreeId, report: &mut VacuumReport) -> Result<TxnId> {
        let mut lowest = TxnId(u64::MAX);
        let mut position = LOWEST.to_owned();
        let mut newer: Option<(Vec<u8>, Lsn)> = None;
        loop {
            // Versions of a key that go on from the leaf before have a newer one there.
            let context = newer.take();
            let context = context.as_ref().map(|(key, lsn)| (&key[..], *lsn));
            let swept = self.sweep_at(tree, position.borrow(), context, report).await?;
            newer = swept.last;
            lowest = lowest.min(swept.lowest_txid.unwrap_or(lowest));
            match swept.next {
                Some(next) => position = next,
                None => return Ok(lowest),
            }
        }
    }

    /// Frees the leaves of the commit map that no version and no server needs. Returns how many.
    async fn trim_map(&self) -> Result<u64> {
        let Some((below, ended)) = self.garbage.trim.lock().found else { return Ok(0) };
        if self.registry.horizon().oldest() <= ended {
            return Ok(0);
        }
        self.free_map_leaves(below).await
    }

    async fn sweep_at(
        &self,
        tree: TreeId,
        position: Position<'_>,
        newer: Option<(&[u8], Lsn)>,
        report: &mut VacuumReport,
    ) -> Result<Swept> {
        self.admit(self.log()?, &mut Pins::default()).await?;
        let cancel = CancelToken::new();
        let (plan, leaf) = self.retry(&mut Pins::default(), &cancel, || self.sweep_leaf(tree, position, newer)).await?;
        report.leaves_visited += 1;
        report.versions_pruned += plan.deletes.len() as u64;
        report.versions_settled += plan.settles.len() as u64;
        for entry in &leaf.overflow {
            self.free_overflow(tree, entry).await?;
            report.versions_pruned += 1;
        }
        if leaf.empty && tree != self.registry_root {
            report.leaves_unlinked += u64::from(self.unlink(tree, position).await?);
        }
        let last = leaf.last_key.zip(plan.last);
        Ok(Swept { next: leaf.high, last, lowest_txid: leaf.lowest_txid, tombstones: leaf.tombstones })
    }
}

struct Swept {
    next: Option<OwnedPosition>,
    last: Option<(Vec<u8>, Lsn)>,
    lowest_txid: Option<TxnId>,
    tombstones: Vec<Vec<u8>>,
}
