//! The sweep: settling and pruning what no writer touches, unlinking empty leaves, freeing trees.
//!
//! Leaves are pruned when they fill; a queue table's old leaves never fill again. [`Engine::sweep`] looks at the places
//! where rows were deleted lately, once a leaf, and again later where a tombstone must stay. And it does a little of the
//! work that has no place of its own, so that nothing grows for ever though nobody asks for [`Engine::vacuum`], which does
//! all of it at once:
//! * it learns which pages are free, which a writer does not know when it begins;
//! * it frees the trees that are gone;
//! * it walks a tree where more was deleted than it remembers places of, and all trees once after the writer has begun, for
//!   what the one before left behind, and then after so many transactions, for the commit map.
//!
//! **Trimming the commit map.** A walk over all trees also finds the lowest transaction id that still decides on a version, or
//! whose entry a subtransaction that does refers to. Of ids below it, and below every id that could be written since the walk
//! began, no page has more than settled versions as of the LSN at which the walk ended. When the oldest served snapshot is
//! past that LSN, no server reads an older page any more, and the leaves of the map below go.

use crate::TreeId;
use crate::cancel::CancelToken;
use crate::cell::{LOWEST, OwnedPosition, Position};
use crate::engine::{Engine, Pins};
use crate::error::{Error, Result};
use parking_lot::Mutex;
use protocol::{Lsn, TxnId};
use std::collections::{BTreeMap, VecDeque};

/// Places remembered for the next sweep; of trees with more, a walk finds them.
const GARBAGE_MAX: usize = 16 * 1024;
/// Leaves that one sweep visits for their places.
const PLACES_PER_SWEEP: u64 = 2048;
/// Leaves of a walk that one sweep visits.
const LEAVES_PER_SWEEP: u64 = 256;
/// Mini-transactions in which one sweep frees parts of trees that are gone, or of the commit map.
const PARTS_PER_SWEEP: u64 = 64;
/// Sweeps from one look for such trees to the next.
const SWEEPS_PER_LOOK: u64 = 16;
/// Sweeps after which a new writer begins to walk all trees: some minutes, in which it has better things to do.
const SWEEPS_BEFORE_WALK: u64 = 1200;
/// Transactions after which all trees are walked again. Each takes eight bytes of the commit map.
const TXNS_BEFORE_WALK: u64 = 16 << 20;
/// Leaves that a walk visits before the horizon is moved again.
const LEAVES_PER_HORIZON: u64 = 1024;

/// What sweeps are for.
#[derive(Default)]
pub struct Garbage {
    places: Mutex<Places>,
    trim: Mutex<Trim>,
    /// Of whoever sweeps.
    background: Mutex<Background>,
}

/// Where rows were deleted.
#[derive(Default)]
struct Places {
    known: Vec<(TreeId, Vec<u8>)>,
    /// Trees with more places than are remembered, and where the log ended when the first of those was dropped.
    crowded: BTreeMap<TreeId, Lsn>,
}

/// How far the sweeps have come with what they do in parts.
#[derive(Default)]
struct Background {
    sweeps: u64,
    /// Places that are being visited, sorted.
    places: VecDeque<(TreeId, Vec<u8>)>,
    walk: Option<Walk>,
    /// The walk before was not one over all trees.
    walked_crowded: bool,
    /// The tree of which rows out of line are being freed, and the leaf to go on with.
    overflow: Option<(TreeId, OwnedPosition)>,
}

/// What the last walk found out about the commit map.
#[derive(Clone, Copy, Default)]
struct Trim {
    /// The next id to be handed out when it began.
    next_txid: u64,
    /// Ids below decide on no version, as of the LSN.
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

/// A walk through the leaves of trees.
struct Walk {
    /// The first is being walked.
    trees: VecDeque<TreeId>,
    position: OwnedPosition,
    /// Of the leaf before, the last key and its version that counts: older ones go on in this leaf.
    newer: Option<(Vec<u8>, Lsn)>,
    /// For the commit map; `None` of a walk that leaves trees out.
    ids: Option<Ids>,
}

/// What a walk over all trees finds out about transaction ids.
struct Ids {
    /// The next to be handed out when it began.
    next: u64,
    lowest: TxnId,
    /// No tree was passed over.
    complete: bool,
}

impl Places {
    /// Takes out the crowded trees of which what was dropped can go by now.
    fn take_crowded(&mut self, oldest: Lsn) -> Vec<TreeId> {
        let due = self.crowded.iter().filter(|(_, noted)| **noted < oldest).map(|(tree, _)| *tree);
        let due: Vec<TreeId> = due.collect();
        due.iter().for_each(|tree| _ = self.crowded.remove(tree));
        due
    }
}

impl Garbage {
    /// Where the freeing of a tree's rows out of line is to go on.
    pub fn overflow_of(&self, tree: TreeId) -> OwnedPosition {
        let mut background = self.background.lock();
        let known = background.overflow.take().filter(|(known, _)| *known == tree);
        known.map_or_else(|| LOWEST.to_owned(), |(_, at)| at)
    }

    /// Goes on there.
    pub fn leave_overflow(&self, tree: TreeId, at: OwnedPosition) {
        self.background.lock().overflow = Some((tree, at));
    }
}

impl Walk {
    fn new(trees: impl IntoIterator<Item = TreeId>, ids: Option<Ids>) -> Walk {
        Walk { trees: trees.into_iter().collect(), position: LOWEST.to_owned(), newer: None, ids }
    }

    fn next_tree(&mut self) {
        self.trees.pop_front();
        self.position = LOWEST.to_owned();
        self.newer = None;
    }
}

impl Engine {
    /// Remembers that something in the leaf of `key` will go.
    pub(crate) fn note_garbage(&self, tree: TreeId, key: &[u8]) {
        let mut places = self.garbage.places.lock();
        if places.known.len() < GARBAGE_MAX {
            places.known.push((tree, key.to_vec()));
        } else {
            places.crowded.entry(tree).or_insert_with(|| self.end());
        }
    }

    /// Moves on what readers may still ask for.
    async fn keep_up(&self) -> Result<()> {
        self.advance_horizon().await?;
        if let Some(floor) = self.registry.read_floor(self.flushed_vdl()) {
            self.log()?.set_gc_floor(floor);
        }
        Ok(())
    }

    /// Visits the places where rows were deleted since the last call, and does a part of what [`Engine::vacuum`] does. To be
    /// called every second or so; does nothing while another sweep or a vacuum runs. What fails holds up nothing else.
    ///
    /// # Errors
    /// What the volume returned first; [`Error::ReadOnly`] on a replica.
    pub async fn sweep(&self) -> Result<VacuumReport> {
        let mut report = VacuumReport::default();
        let Ok(_sweeping) = self.sweeping.try_lock() else { return Ok(report) };
        self.keep_up().await?;
        let swept = self.sweep_places(&mut report).await;
        let vacuumed = self.vacuum_a_little(&mut report).await;
        swept.and(vacuumed)?;
        Ok(report)
    }

    /// Visits leaves for their places. Places of a tree that cannot be read wait for the next round.
    async fn sweep_places(&self, report: &mut VacuumReport) -> Result<()> {
        let mut places = std::mem::take(&mut self.garbage.background.lock().places);
        if places.is_empty() {
            let mut known = std::mem::take(&mut self.garbage.places.lock().known);
            known.sort_unstable();
            places = known.into();
        }
        let mut swept_all = Ok(());
        for _ in 0..PLACES_PER_SWEEP {
            let Some((tree, key)) = places.front() else { break };
            let tree = *tree;
            match self.sweep_at(tree, Position::before(key), None, report).await {
                Ok(swept) => {
                    let end = swept.next.as_ref().map(OwnedPosition::borrow);
                    let is_swept = |key: &[u8]| end.is_none_or(|end| Position::before(key).cmp(&end).is_lt());
                    // The one looked for is of that leaf, whatever became of it meanwhile.
                    places.pop_front();
                    while places.front().is_some_and(|(at, key)| *at == tree && is_swept(key)) {
                        places.pop_front();
                    }
                    self.note_leaf(tree, &swept);
                }
                Err(Error::NoSuchTree(_)) => {
                    places.pop_front();
                }
                Err(error) => {
                    let mut later = self.garbage.places.lock();
                    while let Some(place) = places.pop_front_if(|(at, _)| *at == tree) {
                        later.known.push(place);
                    }
                    swept_all = swept_all.and(Err(error));
                }
            }
        }
        self.garbage.background.lock().places = places;
        swept_all
    }

    /// Remembers a leaf in which tombstones had to stay.
    fn note_leaf(&self, tree: TreeId, swept: &Swept) {
        if let Some(key) = swept.tombstones.first() {
            self.note_garbage(tree, key);
        }
    }

    /// What there is to do beside the places, a part of it: see the module's head.
    async fn vacuum_a_little(&self, report: &mut VacuumReport) -> Result<()> {
        let sweeps = {
            let mut background = self.garbage.background.lock();
            background.sweeps += 1;
            background.sweeps
        };
        let scanned = self.scan_free_pages().await.map(drop);
        let freed = if sweeps.is_multiple_of(SWEEPS_PER_LOOK) { self.free_a_little(report).await } else { Ok(()) };
        let walked = self.walk_a_little(sweeps, report).await;
        scanned.and(freed).and(walked)
    }

    async fn free_a_little(&self, report: &mut VacuumReport) -> Result<()> {
        report.map_pages_freed = self.trim_map(PARTS_PER_SWEEP).await?;
        report.trees_freed = self.sweep_trees(PARTS_PER_SWEEP, &CancelToken::new()).await?;
        Ok(())
    }

    /// Goes on with a walk, or begins one that is due. A tree that cannot be read is passed over.
    async fn walk_a_little(&self, sweeps: u64, report: &mut VacuumReport) -> Result<()> {
        let walk = self.garbage.background.lock().walk.take();
        let Some(mut walk) = (match walk {
            Some(walk) => Some(walk),
            None => self.due_walk(sweeps).await?,
        }) else {
            return Ok(());
        };
        // The leaf before may have taken over the next one since, and then holds the very version that it would be judged by.
        walk.newer = None;
        let walked = self.go_on(&mut walk, LEAVES_PER_SWEEP, &CancelToken::new(), report).await;
        match walked {
            Ok(true) => self.walk_ended(walk),
            Ok(false) => self.garbage.background.lock().walk = Some(walk),
            Err(_) => {
                match (&mut walk.ids, walk.trees.front()) {
                    (Some(ids), _) => ids.complete = false,
                    (None, Some(tree)) => drop(self.garbage.places.lock().crowded.insert(*tree, self.end())),
                    (None, None) => {}
                }
                walk.next_tree();
                self.garbage.background.lock().walk = Some(walk);
            }
        }
        walked.map(drop)
    }

    /// A walk that is due. Those over crowded trees and those over all take turns.
    async fn due_walk(&self, sweeps: u64) -> Result<Option<Walk>> {
        let walked_at = self.garbage.trim.lock().next_txid;
        let all = match walked_at {
            0 => sweeps >= SWEEPS_BEFORE_WALK,
            walked_at => self.next_txid_now() >= walked_at + TXNS_BEFORE_WALK,
        };
        let walked_crowded = self.garbage.background.lock().walked_crowded;
        if !(all && walked_crowded) {
            let oldest = self.registry.horizon().oldest();
            let crowded = self.garbage.places.lock().take_crowded(oldest);
            if !crowded.is_empty() {
                self.garbage.background.lock().walked_crowded = true;
                return Ok(Some(Walk::new(crowded, None)));
            }
        }
        if !all {
            return Ok(None);
        }
        self.garbage.background.lock().walked_crowded = false;
        self.walk_of_all().await.map(Some)
    }

    async fn walk_of_all(&self) -> Result<Walk> {
        let before = self.garbage.trim.lock().next_txid;
        let next = self.next_txid_now();
        // An id is handed out a moment before it counts as active: one from before the last walk has counted since long.
        let lowest = self.commits.lowest_active().unwrap_or(TxnId(u64::MAX)).min(TxnId(before));
        let trees = [self.catalog_tree(), self.registry_root].into_iter().chain(self.live_trees().await?);
        Ok(Walk::new(trees, Some(Ids { next, lowest, complete: true })))
    }

    fn walk_ended(&self, walk: Walk) {
        if let Some(ids) = walk.ids {
            let mut trim = self.garbage.trim.lock();
            // What an earlier walk found stays true.
            let found = if ids.complete { Some((ids.lowest, self.end())) } else { trim.found };
            *trim = Trim { next_txid: ids.next, found };
        }
    }

    /// Visits so many leaves of a walk. Returns whether it has ended.
    async fn go_on(
        &self,
        walk: &mut Walk,
        leaves: u64,
        cancel: &CancelToken,
        report: &mut VacuumReport,
    ) -> Result<bool> {
        for _ in 0..leaves {
            let Some(&tree) = walk.trees.front() else { return Ok(true) };
            cancel.check()?;
            // As in a scan: what is cached and clean is passed by without waiting.
            tokio::task::consume_budget().await;
            let newer = walk.newer.take();
            let newer = newer.as_ref().map(|(key, lsn)| (&key[..], *lsn));
            match self.sweep_at(tree, walk.position.borrow(), newer, report).await {
                Ok(swept) => {
                    self.note_leaf(tree, &swept);
                    if let (Some(ids), Some(lowest)) = (&mut walk.ids, swept.lowest_txid) {
                        ids.lowest = ids.lowest.min(lowest);
                    }
                    walk.newer = swept.last;
                    match swept.next {
                        Some(next) => walk.position = next,
                        None => walk.next_tree(),
                    }
                }
                // Rolled back and swept, or its root is not formatted yet.
                Err(Error::NoSuchTree(_)) => walk.next_tree(),
                Err(error) => return Err(error),
            }
        }
        Ok(walk.trees.is_empty())
    }

    /// Waits for what sweeps now.
    async fn sweep_alone(&self, cancel: &CancelToken) -> Result<tokio::sync::MutexGuard<'_, ()>> {
        tokio::select! {
            biased;
            sweeping = self.sweeping.lock() => Ok(sweeping),
            () = cancel.cancelled() => Err(Error::Cancelled),
        }
    }

    /// Walks every tree and frees those that are gone, when what sweeps at the moment has ended.
    ///
    /// # Errors
    /// As [`Engine::sweep`], and [`Error::Cancelled`].
    pub async fn vacuum(&self, cancel: &CancelToken) -> Result<VacuumReport> {
        let mut report = VacuumReport::default();
        let _sweeping = self.sweep_alone(cancel).await?;
        self.keep_up().await?;
        while self.scan_free_pages().await? {
            cancel.check()?;
        }
        report.map_pages_freed = self.trim_map(u64::MAX).await?;
        let mut walk = self.walk_of_all().await?;
        self.walk_on(&mut walk, cancel, &mut report).await?;
        report.trees_freed = self.sweep_trees(u64::MAX, cancel).await?;
        self.walk_ended(walk);
        Ok(report)
    }

    /// Walks some trees.
    ///
    /// # Errors
    /// As [`Engine::vacuum`].
    pub async fn vacuum_trees(
        &self,
        trees: impl IntoIterator<Item = TreeId>,
        cancel: &CancelToken,
    ) -> Result<VacuumReport> {
        let mut report = VacuumReport::default();
        let _sweeping = self.sweep_alone(cancel).await?;
        self.keep_up().await?;
        self.walk_on(&mut Walk::new(trees, None), cancel, &mut report).await?;
        Ok(report)
    }

    /// Goes on with a walk until it ends, and with what would stand still meanwhile.
    async fn walk_on(&self, walk: &mut Walk, cancel: &CancelToken, report: &mut VacuumReport) -> Result<()> {
        while !self.go_on(walk, LEAVES_PER_HORIZON, cancel, report).await? {
            self.keep_up().await?;
        }
        Ok(())
    }

    /// Frees leaves of the commit map that no version and no server needs, so many at most. Returns how many.
    async fn trim_map(&self, at_most: u64) -> Result<u64> {
        let Some((below, ended)) = self.garbage.trim.lock().found else { return Ok(0) };
        if self.registry.horizon().oldest() <= ended {
            return Ok(0);
        }
        self.free_map_leaves(below, at_most).await
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryVolume;
    use crate::{Isolation, Options, TreeKind};

    /// As it is found by who goes on behind a leaf that has taken over the next one.
    #[tokio::test]
    async fn the_version_that_a_leaf_was_left_with_is_not_judged_by_itself() {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let tree = engine.create_tree(&mut txn, TreeKind::Clustered).await.expect("it is created");
        let view = engine.statement(&mut txn);
        engine.insert(&mut txn, &view, tree, b"k", b"row").await.expect("nothing is in the way");
        engine.commit(txn).await.expect("it commits");
        engine.sweep().await.expect("the sweep works");
        let cancel = CancelToken::new();
        let look = |position, newer| engine.sweep_leaf(tree, position, newer);
        let (plan, leaf) =
            engine.retry(&mut Pins::default(), &cancel, || look(LOWEST, None)).await.expect("reading works");
        let last = leaf.last_key.zip(plan.last).expect("it has a version");
        let newer = Some((&last.0[..], last.1));
        let (plan, _) = engine
            .retry(&mut Pins::default(), &cancel, || look(Position::before(b"z"), newer))
            .await
            .expect("reading works");
        assert!(plan.deletes.is_empty(), "{:?}", plan.deletes);
    }
}
