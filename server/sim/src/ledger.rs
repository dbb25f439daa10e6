//! What the world was told, and what must therefore hold: the invariants that are checked while a run goes on.
//!
//! | | checked here |
//! |---|---|
//! | I1 | no LSN is sent twice with another content or under another ballot |
//! | I2, I5 | nothing that was acknowledged or shown lies above the VDL' of a recovery with a higher ballot, before or after |
//! | I3 | no writer's durable point passes the VDL' of a recovery with a higher ballot; ballots are used once |
//! | I4 | durable points, promises and applied LSNs never go back |
//! | I6 | a replica is given whole mini-transactions, each behind the one before, none above what is durable |
//! | I8 | no node's GC floor lies above what a replica reads that has its lease |
//!
//! I7 (equal pages) and the histories are checked when a run is over; I9 is arithmetic and checked where it is compiled.

use crate::world::World;
use bytes::Bytes;
use parking_lot::Mutex;
use protocol::batch::Batch;
use protocol::{Ballot, Lsn, PageId};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::quorum::COPIES;

#[derive(Default)]
struct State {
    /// LSN to (ballot, digest of the record).
    records: BTreeMap<Lsn, (Ballot, u32)>,
    /// Volume order: each record's predecessor, and whether it ends a mini-transaction.
    links: BTreeMap<Lsn, (Lsn, bool)>,
    page_max: PageId,
    /// The highest told under each ballot.
    told: BTreeMap<Ballot, Lsn>,
    /// VDL' by ballot.
    opened: BTreeMap<Ballot, Lsn>,
    /// Durable point by ballot.
    durable: BTreeMap<Ballot, Lsn>,
    /// Highest durable point that left a writer.
    announced: Lsn,
    promises: [u64; COPIES],
    violations: Vec<String>,
}

/// See the module.
pub struct Ledger {
    world: Arc<World>,
    state: Mutex<State>,
}

impl Ledger {
    /// Nothing told yet.
    #[must_use]
    pub fn new(world: Arc<World>) -> Arc<Ledger> {
        Arc::new(Ledger { world, state: Mutex::default() })
    }

    /// Something that must not be, is.
    pub fn violate(&self, what: String) {
        self.world.note(|| format!("VIOLATION {what}"));
        self.state.lock().violations.push(what);
    }

    /// What was violated so far.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.state.lock().violations.clone()
    }

    /// A batch as a writer sends it.
    pub fn note_batch(&self, batch: &Bytes) {
        if batch.is_empty() {
            return;
        }
        let Ok(batch) = Batch::decode(batch.clone()) else {
            return self.violate("a writer sends a batch that does not decode".into());
        };
        let mut wrong = None;
        {
            let mut state = self.state.lock();
            for record in &batch.records {
                let content = (batch.ballot, digest(&record.encoded));
                let lsn = record.header.lsn;
                let known = *state.records.entry(lsn).or_insert(content);
                if known != content {
                    wrong = Some(format!(
                        "I1: {lsn} was written under ballot {} and again, differently, under {}",
                        known.0, content.0
                    ));
                }
                state.links.insert(lsn, (record.header.prev_volume, record.header.end_of_mtr));
                state.page_max = state.page_max.max(record.header.page);
            }
        }
        if let Some(wrong) = wrong {
            self.violate(wrong);
        }
    }

    /// The highest page written so far.
    #[must_use]
    pub fn page_max(&self) -> PageId {
        self.state.lock().page_max
    }

    /// The record behind which a sent record lies in the volume, and whether it ends a mini-transaction.
    #[must_use]
    pub fn link(&self, lsn: Lsn) -> Option<(Lsn, bool)> {
        self.state.lock().links.get(&lsn).copied()
    }

    /// A node says what it promised.
    pub fn note_promise(&self, node: usize, promised: u64) {
        let before = {
            let mut state = self.state.lock();
            let before = state.promises[node];
            state.promises[node] = before.max(promised);
            before
        };
        if promised < before {
            let (promised, before) = (Ballot(promised), Ballot(before));
            self.violate(format!("I4: node {node} promised {before} and now says {promised}"));
        }
    }

    /// A client was told of everything up to `lsn`, as durable, by the writer of `ballot`.
    pub fn note_told(&self, ballot: Ballot, lsn: Lsn) {
        let cut = {
            let mut state = self.state.lock();
            let told = state.told.entry(ballot).or_default();
            *told = lsn.max(*told);
            let later = state.opened.range((std::ops::Bound::Excluded(ballot), std::ops::Bound::Unbounded));
            later.map(|(ballot, vdl)| (*vdl, *ballot)).find(|(vdl, _)| *vdl < lsn)
        };
        if let Some((vdl, later)) = cut {
            self.violate(format!("I2: {lsn} was told under {ballot}, and {later} had recovered to {vdl}"));
        }
    }

    /// A recovery under `ballot` ended at `vdl`.
    pub fn note_opened(&self, ballot: Ballot, vdl: Lsn) {
        self.world.note(|| format!("ballot {ballot} opens at {vdl}"));
        let wrong: Vec<String> = {
            let mut state = self.state.lock();
            let mut wrong = Vec::new();
            if state.opened.insert(ballot, vdl).is_some() {
                wrong.push(format!("I3: ballot {ballot} opened twice"));
            }
            for (earlier, told) in state.told.range(..ballot).filter(|(_, told)| **told > vdl) {
                wrong.push(format!("I2: {told} was told under {earlier}, and {ballot} recovers to {vdl}"));
            }
            for (earlier, durable) in state.durable.range(..ballot).filter(|(_, durable)| **durable > vdl) {
                wrong.push(format!("I3: {earlier} was durable up to {durable}, and {ballot} recovers to {vdl}"));
            }
            for (earlier, before) in state.opened.range(..ballot).filter(|(_, before)| **before > vdl) {
                wrong.push(format!("I4: {earlier} had recovered to {before}, and {ballot} recovers to {vdl}"));
            }
            wrong
        };
        wrong.into_iter().for_each(|wrong| self.violate(wrong));
    }

    /// How far the writer of `ballot` says that the volume is durable.
    pub fn note_durable(&self, ballot: Ballot, vdl: Lsn) {
        let wrong = {
            let mut state = self.state.lock();
            let before = state.durable.insert(ballot, vdl).unwrap_or_default();
            let later = state.opened.range((std::ops::Bound::Excluded(ballot), std::ops::Bound::Unbounded));
            let cut = later.map(|(ballot, cut)| (*cut, *ballot)).find(|(cut, _)| *cut < vdl);
            if vdl < before {
                Some(format!("I4: the durable point of {ballot} went from {before} back to {vdl}"))
            } else {
                cut.map(|(cut, later)| format!("I3: {ballot} says {vdl} is durable, and {later} recovered to {cut}"))
            }
        };
        wrong.into_iter().for_each(|wrong| self.violate(wrong));
    }

    /// A durable point leaves its writer.
    pub fn note_announced(&self, vdl: Lsn) {
        let mut state = self.state.lock();
        state.announced = state.announced.max(vdl);
    }

    /// The highest durable point that any writer ever told or recovered to.
    #[must_use]
    pub fn announced(&self) -> Lsn {
        let state = self.state.lock();
        state.opened.values().copied().max().unwrap_or_default().max(state.announced)
    }

    /// Who opened, and where.
    #[must_use]
    pub fn openings(&self) -> usize {
        self.state.lock().opened.len()
    }
}

/// FNV-1a: enough to tell two records apart.
fn digest(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
