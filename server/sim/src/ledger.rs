//! What the world was told, and what must therefore hold: the invariants that are checked while a run goes on.
//!
//! | | checked here |
//! |---|---|
//! | I1 | no LSN is sent twice with another content or under another ballot; the LSNs of a ballot lie above all of the one before |
//! | I2, I5 | nothing that was acknowledged or shown lies above the VDL' of a recovery with a higher ballot, before or after |
//! | I3 | no writer's durable point passes the VDL' of a recovery with a higher ballot; ballots are used once |
//! | I4 | durable points, promises, flushed SCLs and applied LSNs never go back |
//! | I6 | a replica is given whole mini-transactions, each behind the one before, none above what is durable |
//! | I7 | a page that a node serves ends at the newest record at or below the read point that no recovery annulled |
//! | I8 | no node's GC floor lies above what a replica reads that has its lease |
//! | M1 | a membership is proposed once: its ballot and epoch mean the same members to every node |
//! | T1, T3 | no recovery ends at, and no node with the table counts, a record that an earlier recovery annulled |
//!
//! That pages are equal on all nodes, and the histories, are checked when a run is over; I9 is arithmetic and checked where it
//! is compiled.
//!
//! A *trap* stops a process in the very step in which it learns that it opened the volume, or tells a client: what a power cut
//! right behind an acknowledgement meets.

use crate::machine::MACHINES_MAX;
use crate::world::{ProcessId, World};
use bytes::Bytes;
use parking_lot::Mutex;
use protocol::batch::Batch;
use protocol::rpc::storage as rpc;
use protocol::{Ballot, GroupId, Lsn, Page, PageId};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use storage::history::TruncationTable;
use storage::membership::{Membership, MembershipId};

/// What a trap waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A client is told.
    Told,
    /// A recovery ended.
    Opened,
}

/// What a node was seen to have flushed, and under which table.
#[derive(Default)]
struct Seen {
    table: Ballot,
    flushed: BTreeMap<GroupId, Lsn>,
}

#[derive(Default)]
struct State {
    /// LSN to (ballot, digest of the record).
    records: BTreeMap<Lsn, (Ballot, u32)>,
    /// Volume order: each record's predecessor, and whether it ends a mini-transaction.
    links: BTreeMap<Lsn, (Lsn, bool)>,
    page_max: PageId,
    /// The records of each page, with their ballots.
    pages: BTreeMap<PageId, BTreeMap<Lsn, Ballot>>,
    /// The lowest and the highest LSN sent under each ballot.
    ranges: BTreeMap<Ballot, (Lsn, Lsn)>,
    /// The highest told under each ballot.
    told: BTreeMap<Ballot, Lsn>,
    /// VDL' by ballot.
    opened: BTreeMap<Ballot, Lsn>,
    /// Durable point by ballot.
    durable: BTreeMap<Ballot, Lsn>,
    /// Highest durable point that left a writer.
    announced: Lsn,
    promises: [u64; MACHINES_MAX],
    seen: [Seen; MACHINES_MAX],
    /// What was seen of who the members are.
    memberships: BTreeMap<MembershipId, Membership>,
    trap: Option<(ProcessId, Moment)>,
    violations: Vec<String>,
}

impl State {
    /// The lowest VDL' of the recoveries above `of`, up to `under`, and whose it is: above it records of `of` are annulled.
    fn cut(&self, of: Ballot, under: Ballot) -> Option<(Lsn, Ballot)> {
        let later = (of < under).then(|| self.opened.range((Bound::Excluded(of), Bound::Included(under))));
        later.into_iter().flatten().map(|(ballot, vdl)| (*vdl, *ballot)).min()
    }

    /// Whether an LSN of `ballot` lies where another ballot's do.
    fn strays(&self, ballot: Ballot, lsn: Lsn) -> Option<Ballot> {
        let below = self.ranges.range(..ballot).find(|(_, (_, last))| *last >= lsn);
        let above =
            self.ranges.range((Bound::Excluded(ballot), Bound::Unbounded)).find(|(_, (first, _))| *first <= lsn);
        below.or(above).map(|(other, _)| *other)
    }
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
                if let Some(other) = state.strays(batch.ballot, lsn) {
                    wrong = Some(format!("I1: {lsn} of {} lies among the LSNs of {other}", batch.ballot));
                }
                let range = state.ranges.entry(batch.ballot).or_insert((lsn, lsn));
                *range = (range.0.min(lsn), range.1.max(lsn));
                state.links.insert(lsn, (record.header.prev_volume, record.header.end_of_mtr));
                state.page_max = state.page_max.max(record.header.page);
                state.pages.entry(record.header.page).or_default().insert(lsn, batch.ballot);
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

    /// A node's disk is gone: whatever runs there from now on has promised and flushed nothing.
    pub fn forget_node(&self, node: usize) {
        let mut state = self.state.lock();
        state.promises[node] = 0;
        state.seen[node] = Seen::default();
    }

    /// A node says who the members are. Says whether that is news, and the highest so far.
    pub fn note_members(&self, node: usize, config: &rpc::VolumeConfig) -> bool {
        let Ok(membership) = Membership::from_rpc(config) else {
            self.violate(format!("node {node} keeps members that make no sense"));
            return false;
        };
        let (news, other) = {
            let mut state = self.state.lock();
            let last = state.memberships.last_key_value().map(|(id, _)| *id);
            let id = membership.id();
            let known = state.memberships.entry(id).or_insert_with(|| membership.clone());
            (last.is_none_or(|last| id > last), *known != membership)
        };
        if other {
            self.violate(format!("M1: node {node} keeps other members than another does as {}", membership.id()));
        }
        news
    }

    /// The members by the highest membership that any node was seen to keep.
    #[must_use]
    pub fn membership(&self) -> Option<Membership> {
        self.state.lock().memberships.last_key_value().map(|(_, membership)| membership.clone())
    }

    /// What a node has of each group, and under which table. Flushed SCLs go back only by a table, or where redo was `damaged`.
    pub fn note_held(&self, node: usize, held: &rpc::HoldReply, damaged: bool) {
        let Ok(table) = TruncationTable::from_rpc(&held.table.clone().unwrap_or_default()) else {
            return self.violate(format!("node {node} has a table that does not decode"));
        };
        let mut wrong = Vec::new();
        {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            let before = std::mem::take(&mut state.seen[node]);
            for mark in &held.marks {
                let (group, flushed) = (GroupId(mark.group), Lsn(mark.scl_flushed));
                for scl in [Lsn(mark.scl_received), flushed] {
                    let Some((ballot, _)) = state.records.get(&scl) else { continue };
                    if !table.is_valid(scl, *ballot) {
                        let under = table.ballot();
                        wrong.push(format!("T1: node {node} counts {scl} of {ballot} in {group}, annulled by {under}"));
                    }
                }
                let known = before.flushed.get(&group).copied().unwrap_or_default();
                if before.table == table.ballot() && flushed < known && !damaged {
                    wrong.push(format!("I4: node {node} had flushed {group} up to {known} and now {flushed}"));
                }
                state.seen[node].flushed.insert(group, flushed);
            }
            state.seen[node].table = table.ballot();
        }
        wrong.into_iter().for_each(|wrong| self.violate(wrong));
    }

    /// A node served a page.
    pub fn note_read(&self, node: usize, request: &rpc::ReadPageRequest, bytes: &Bytes) {
        let (id, at, under) = (PageId(request.page), Lsn(request.read_point), Ballot(request.ballot));
        let lsn = match Page::from_bytes(bytes, id) {
            _ if bytes.is_empty() => Lsn::ZERO,
            Ok(page) => page.lsn(),
            // The reader finds out.
            Err(_) => return,
        };
        let newest = {
            let state = self.state.lock();
            let valid = |of: Ballot, lsn: Lsn| state.cut(of, under).is_none_or(|(vdl, _)| lsn <= vdl);
            let records = state.pages.get(&id).map(|records| records.range(..=at));
            let newest = records.and_then(|mut records| records.rfind(|(lsn, ballot)| valid(**ballot, **lsn)));
            newest.map_or(Lsn::ZERO, |(lsn, _)| *lsn)
        };
        if lsn != newest {
            self.violate(format!(
                "I7: node {node} serves {id} of {lsn} at {at} under {under}, and its newest is {newest}"
            ));
        }
    }

    /// Stops `process` in the step in which it comes to `moment`.
    pub fn set_trap(&self, process: ProcessId, moment: Moment) {
        self.state.lock().trap = Some((process, moment));
    }

    /// Takes the trap away; says whether it had not sprung.
    pub fn clear_trap(&self) -> bool {
        self.state.lock().trap.take().is_some()
    }

    /// Whether the trap waits.
    #[must_use]
    pub fn is_trap_set(&self) -> bool {
        self.state.lock().trap.is_some()
    }

    fn spring(&self, moment: Moment) {
        let process = self.world.current();
        if self.state.lock().trap.take_if(|trap| *trap == (process, moment)).is_some() {
            self.world.note(|| format!("process {} is stopped: {moment:?}", process.0));
            self.world.set_stopped(process, true);
        }
    }

    /// A client was told of everything up to `lsn`, as durable, by the writer of `ballot`.
    pub fn note_told(&self, ballot: Ballot, lsn: Lsn) {
        self.spring(Moment::Told);
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
        self.spring(Moment::Opened);
        let wrong: Vec<String> = {
            let mut state = self.state.lock();
            let mut wrong = Vec::new();
            let of = state.records.get(&vdl).map(|(of, _)| *of);
            let cut = of.and_then(|of| state.cut(of, ballot)).filter(|(cut, _)| vdl > *cut);
            if let (Some(of), Some((cut, by))) = (of, cut) {
                wrong.push(format!("T1: {ballot} recovers to {vdl} of {of}, which {by} had annulled above {cut}"));
            }
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
