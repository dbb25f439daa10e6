//! The production recovery core under a model checker: small worlds of six nodes, a writer, and recoverers that interrupt
//! each other.
//!
//! What is modelled: nodes (promise, table, records held), records with their links, writers that a recovery did not reach
//! and that go on writing, requests and their replies as one step, in any interleaving of the actors; a recoverer that
//! crashes is one that takes no further step. What is not: messages under way for long (only whole late deliveries), the
//! flushed VDL heard as the start of the walk, membership change.
//!
//! The properties, over everything a recovery opens with: what was acknowledged or shown stays; what was cut never comes
//! back, nor does a recovery end there; no record below the VDL' is missing everywhere; no LSN is used twice; no replaced
//! writer acknowledges anything.
//! They hold under the rules, and each broken rule is refuted by a trace.

use protocol::{Ballot, GroupId, Lsn};
use stateright::{Checker, Model, Property};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use storage::history::{TableEntry, TruncationTable};
use storage::volume::recovery::{Action, Header, Pick, Promise, Recovered, Recovery, Rules, Segment};

const NODES: usize = 6;
const RECORD_BYTES: u64 = 10;

/// A set of nodes, one bit each.
type Set = u8;

fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..NODES).filter(move |node| set >> node & 1 == 1)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ModelRecord {
    lsn: Lsn,
    prev_volume: Lsn,
    prev_group: Lsn,
    group: GroupId,
    ballot: Ballot,
    /// Who acknowledged it to its writer.
    acked: Set,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    promised: Ballot,
    table: TruncationTable,
    /// Indices into the records, one bit each.
    held: u32,
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.promised, self.held).hash(state);
        for entry in self.table.entries() {
            (entry.ballot, entry.vdl, entry.first_lsn).hash(state);
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Writer {
    ballot: Ballot,
    end: Lsn,
    next: Lsn,
    tails: BTreeMap<GroupId, Lsn>,
    writes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Running {
    recovery: Recovery,
    pending: VecDeque<PendingAction>,
    reach: Set,
}

/// An action as it can be hashed: its table is in the recovery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum PendingAction {
    Prepare(usize),
    Install(usize),
    Ask(usize),
    Copy { group: GroupId, from: usize, to: usize, after: Lsn, up_to: Lsn },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    nodes: Vec<Node>,
    records: Vec<ModelRecord>,
    writers: Vec<Writer>,
    running: Vec<Running>,
    recoveries: usize,
    late: usize,
    restarts: usize,
    /// What clients and readers were told, in volume order.
    shown: Vec<usize>,
    /// What a recovery cut.
    dead: u32,
    broken: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Move {
    Start { prepare: Set, rest: Set },
    Step(usize),
    Write { writer: usize, to: Set },
    Late { record: usize, to: Set },
    Restart,
}

/// The bounds of a search.
#[derive(Clone)]
struct Bounds {
    rules: Rules,
    /// A promise survives a restart of its node.
    promise_is_durable: bool,
    /// Where each record of the first writer may lie when the search begins.
    placements: Vec<Set>,
    records: usize,
    groups: u32,
    /// Who may answer Prepare: of the first recovery, of the second, and so on; the last entry is for all further ones.
    prepares: Vec<Vec<Set>>,
    rests: Vec<Set>,
    recoveries: usize,
    writes: usize,
    write_sets: Vec<Set>,
    late: usize,
    restarts: usize,
}

const FIRST_HALF: Set = 0b000111;
const SECOND_HALF: Set = 0b111000;
const FIRST_FOUR: Set = 0b001111;
const LAST_FOUR: Set = 0b111100;
const ALL: Set = 0b111111;

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            rules: Rules::default(),
            promise_is_durable: true,
            placements: vec![0, 0b000001, FIRST_HALF, SECOND_HALF, FIRST_FOUR],
            records: 1,
            groups: 1,
            prepares: vec![vec![FIRST_HALF, SECOND_HALF, LAST_FOUR]],
            rests: vec![FIRST_FOUR, LAST_FOUR],
            recoveries: 2,
            writes: 0,
            write_sets: vec![],
            late: 0,
            restarts: 0,
        }
    }
}

fn first_ballot() -> Ballot {
    Ballot::new(1, 0)
}

impl World {
    fn scl(&self, node: usize, group: GroupId) -> Lsn {
        let mut scl = Lsn::ZERO;
        loop {
            let next = self.records.iter().enumerate().find(|(index, record)| {
                self.nodes[node].held >> index & 1 == 1
                    && record.group == group
                    && record.prev_group == scl
                    && record.lsn > scl
            });
            match next {
                Some((_, record)) => scl = record.lsn,
                None => return scl,
            }
        }
    }

    fn groups(&self) -> Vec<GroupId> {
        let mut groups: Vec<GroupId> = self.records.iter().map(|record| record.group).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    fn break_rule(&mut self, what: &'static str) {
        self.broken.get_or_insert(what);
    }

    /// The writer of a record offers it to some nodes; those that take it acknowledge what is complete.
    fn deliver(&mut self, record: usize, to: Set) {
        let (ballot, group, lsn) = (self.records[record].ballot, self.records[record].group, self.records[record].lsn);
        for node in members(to) {
            let state = &mut self.nodes[node];
            if state.promised > ballot || !state.table.contains(ballot) {
                continue;
            }
            if state.table.is_valid(lsn, ballot) {
                state.held |= 1 << record;
            }
            if self.scl(node, group) >= lsn {
                self.records[record].acked |= 1 << node;
            }
        }
        // The writer acknowledges in volume order.
        while let Some(next) = self.records.iter().position(|candidate| {
            candidate.ballot == ballot
                && candidate.acked.count_ones() >= 4
                && candidate.prev_volume == self.shown.last().map_or(Lsn::ZERO, |&last| self.records[last].lsn)
        }) {
            self.shown.push(next);
        }
        let shown = self.shown.contains(&record);
        if self.records[record].acked.count_ones() >= 4 && !shown && self.dead >> record & 1 == 1 {
            self.break_rule("a replaced writer acknowledged");
        }
    }

    fn act(&mut self, index: usize) {
        let Some(action) = self.running[index].pending.pop_front() else { return };
        let ballot = self.running[index].recovery.ballot();
        let node = match action {
            PendingAction::Prepare(node) | PendingAction::Install(node) | PendingAction::Ask(node) => node,
            PendingAction::Copy { to, .. } => to,
        };
        if self.nodes[node].promised > ballot {
            let highest = self.nodes[node].promised;
            self.running[index].recovery.on_refused(highest);
            self.running[index].pending.clear();
            return;
        }
        let actions = match action {
            PendingAction::Prepare(_) => {
                self.nodes[node].promised = ballot;
                let promise = self.promise(node);
                self.running[index].recovery.on_promise(node, promise)
            }
            PendingAction::Install(_) => {
                let table = self.running[index].recovery.decided().expect("it installs what it decided").1.clone();
                let records = &self.records;
                let state = &mut self.nodes[node];
                state.promised = ballot;
                state.table = table;
                for (index, record) in records.iter().enumerate() {
                    if !state.table.is_valid(record.lsn, record.ballot) {
                        state.held &= !(1 << index);
                    }
                }
                self.running[index].recovery.on_installed(node)
            }
            PendingAction::Ask(_) => {
                let marks: Vec<_> = self.groups().into_iter().map(|group| (group, self.scl(node, group))).collect();
                self.running[index].recovery.on_marks(node, &marks)
            }
            PendingAction::Copy { group, from, after, up_to, .. } => {
                if self.nodes[from].table.contains(ballot) {
                    for (index, record) in self.records.iter().enumerate() {
                        if record.group == group && record.lsn > after && record.lsn <= up_to {
                            let held = self.nodes[from].held & 1 << index;
                            self.nodes[node].held |= held;
                        }
                    }
                }
                let scl = self.scl(node, group);
                self.running[index].recovery.on_copied(node, group, Some(scl))
            }
        };
        self.take(index, actions);
    }

    fn take(&mut self, index: usize, actions: Vec<Action>) {
        let reach = self.running[index].reach;
        let reached = |node: usize| reach >> node & 1 == 1;
        for action in actions {
            let pending = match action {
                Action::Prepare { node, .. } => Some((PendingAction::Prepare(node), true)),
                Action::Install { node, .. } => Some((PendingAction::Install(node), reached(node))),
                Action::Ask { node } => Some((PendingAction::Ask(node), reached(node))),
                Action::Copy { group, from, to, after, up_to } => {
                    let copy = PendingAction::Copy { group, from, to, after, up_to };
                    Some((copy, reached(from) && reached(to)))
                }
                Action::Done(recovered) => {
                    self.open(&recovered);
                    None
                }
                Action::Restart { .. } => None,
                Action::Corrupt(_) => {
                    self.break_rule("recovery found storage corrupt");
                    None
                }
            };
            if let Some((action, true)) = pending {
                self.running[index].pending.push_back(action);
            }
        }
    }

    fn promise(&self, node: usize) -> Promise {
        let segment = |group| {
            let held = |(index, _): &(usize, &ModelRecord)| self.nodes[node].held >> index & 1 == 1;
            let of_group = |(_, record): &(usize, &ModelRecord)| record.group == group;
            let header = |(_, record): (usize, &ModelRecord)| Header {
                lsn: record.lsn,
                prev_volume: record.prev_volume,
                end_of_mtr: true,
                ballot: record.ballot,
            };
            let scl = self.scl(node, group);
            let at_scl = self.records.iter().enumerate().filter(held).find(|(_, record)| record.lsn == scl);
            let above = self.records.iter().enumerate().filter(held).filter(of_group).map(header).collect();
            Segment { group, scl, scl_ballot: at_scl.map_or(Ballot::ZERO, |(_, record)| record.ballot), above }
        };
        let segments = self.groups().into_iter().map(segment).collect();
        Promise { table: self.nodes[node].table.clone(), segments, vdl_heard: Lsn::ZERO, hydrated: true }
    }

    /// A recovery opens: everything up to its VDL' is shown, everything beyond is cut.
    fn open(&mut self, recovered: &Recovered) {
        let mut chain: Vec<usize> = (0..self.records.len())
            .filter(|&index| {
                let record = &self.records[index];
                record.lsn <= recovered.vdl && recovered.table.is_valid(record.lsn, record.ballot)
            })
            .collect();
        chain.sort_unstable_by_key(|&index| self.records[index].lsn);
        if !chain.starts_with(&self.shown) {
            self.break_rule("what was acknowledged or shown disappeared");
        }
        if chain.iter().any(|index| self.dead >> index & 1 == 1) {
            self.break_rule("an annulled record came back");
        }
        if chain.iter().any(|index| self.nodes.iter().all(|node| node.held >> index & 1 == 0)) {
            self.break_rule("a hole in volume order");
        }
        if recovered.vdl != chain.last().map_or(Lsn::ZERO, |&last| self.records[last].lsn) {
            self.break_rule("a recovery ended at an annulled record");
        }
        for index in 0..self.records.len() {
            if !chain.contains(&index) {
                self.dead |= 1 << index;
            }
        }
        self.shown = chain;
        self.writers.push(Writer {
            ballot: recovered.ballot,
            end: recovered.vdl,
            next: Lsn(recovered.first_lsn.0 - 1),
            tails: recovered.tails.iter().copied().collect(),
            writes: 0,
        });
    }
}

impl Model for Bounds {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        let table =
            TruncationTable::new(vec![TableEntry { ballot: first_ballot(), vdl: Lsn::ZERO, first_lsn: Lsn(1) }]);
        let node = Node { promised: first_ballot(), table: table.expect("a sound table"), held: 0 };
        let mut empty = World {
            nodes: vec![node; NODES],
            records: Vec::new(),
            writers: Vec::new(),
            running: Vec::new(),
            recoveries: 0,
            late: 0,
            restarts: 0,
            shown: Vec::new(),
            dead: 0,
            broken: None,
        };
        let mut tails: BTreeMap<GroupId, Lsn> = BTreeMap::new();
        let mut end = Lsn::ZERO;
        for index in 0..self.records {
            let lsn = end.advance(RECORD_BYTES);
            let group = GroupId(index as u32 % self.groups);
            let prev_group = tails.insert(group, lsn).unwrap_or_default();
            let ballot = first_ballot();
            empty.records.push(ModelRecord { lsn, prev_volume: end, prev_group, group, ballot, acked: 0 });
            end = lsn;
        }
        empty.writers.push(Writer { ballot: first_ballot(), end, next: end, tails, writes: self.writes });
        let mut worlds = vec![empty];
        for record in 0..self.records {
            let place = |world: World| {
                self.placements.iter().map(move |&set| {
                    let mut world = world.clone();
                    world.deliver(record, set);
                    world
                })
            };
            worlds = worlds.into_iter().flat_map(place).collect();
        }
        worlds
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        if world.broken.is_some() {
            return;
        }
        for (index, running) in world.running.iter().enumerate() {
            if !running.pending.is_empty() {
                moves.push(Move::Step(index));
            }
        }
        if world.recoveries < self.recoveries {
            let sets = self.prepares.get(world.recoveries).or(self.prepares.last()).expect("there is one");
            for &prepare in sets {
                moves.extend(self.rests.iter().map(|&rest| Move::Start { prepare, rest }));
            }
        }
        for (writer, state) in world.writers.iter().enumerate() {
            if state.writes < self.writes {
                moves.extend(self.write_sets.iter().map(|&to| Move::Write { writer, to }));
            }
        }
        if world.late < self.late {
            for record in 0..world.records.len() {
                moves.extend(self.write_sets.iter().map(|&to| Move::Late { record, to }));
            }
        }
        if world.restarts < self.restarts {
            moves.push(Move::Restart);
        }
    }

    fn next_state(&self, before: &World, step: Move) -> Option<World> {
        let mut world = before.clone();
        match step {
            Move::Start { prepare, rest } => {
                world.recoveries += 1;
                let ballot = Ballot::new(1 + world.recoveries as u32, world.recoveries as u32);
                let lal_bytes = RECORD_BYTES * self.records.max(1) as u64;
                let (mut recovery, actions) = Recovery::start(self.rules, ballot, Lsn::ZERO, lal_bytes);
                for node in members(!prepare & ALL) {
                    recovery.on_unreachable(node);
                }
                world.running.push(Running { recovery, pending: VecDeque::new(), reach: rest });
                let reached =
                    |action: &Action| matches!(action, Action::Prepare { node, .. } if prepare >> node & 1 == 1);
                let index = world.running.len() - 1;
                world.take(index, actions.into_iter().filter(reached).collect());
            }
            Move::Step(index) => world.act(index),
            Move::Write { writer, to } => {
                let state = &mut world.writers[writer];
                let lsn = state.next.advance(RECORD_BYTES);
                let group = GroupId(0);
                let prev_group = state.tails.insert(group, lsn).unwrap_or_default();
                let (prev_volume, ballot) = (state.end, state.ballot);
                (state.end, state.next, state.writes) = (lsn, lsn, state.writes + 1);
                if world.records.iter().any(|record| record.lsn == lsn) {
                    world.break_rule("an LSN was used twice");
                }
                world.records.push(ModelRecord { lsn, prev_volume, prev_group, group, ballot, acked: 0 });
                let index = world.records.len() - 1;
                if world.writers.iter().any(|other| other.ballot > ballot) {
                    world.dead |= 1 << index;
                }
                world.deliver(index, to);
            }
            Move::Late { record, to } => {
                world.late += 1;
                world.deliver(record, to);
            }
            Move::Restart => {
                world.restarts += 1;
                if !self.promise_is_durable {
                    for node in &mut world.nodes {
                        node.promised = node.table.ballot();
                    }
                }
            }
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("nothing is broken", |_, world: &World| world.broken.is_none())]
    }
}

fn search(bounds: Bounds) -> (usize, Option<&'static str>) {
    let checker = bounds.checker().spawn_bfs().join();
    let broken = checker.discovery("nothing is broken").and_then(|path| path.last_state().broken);
    (checker.unique_state_count(), broken)
}

#[track_caller]
fn holds(bounds: Bounds, least_states: usize) {
    let (states, broken) = search(bounds);
    assert_eq!(broken, None);
    assert!(states >= least_states, "only {states} states: the bounds are too small to mean anything");
}

#[track_caller]
fn refuted(bounds: Bounds, what: &str) {
    assert_eq!(search(bounds).1, Some(what));
}

fn broken(change: impl FnOnce(&mut Rules)) -> Bounds {
    let mut bounds = Bounds::default();
    change(&mut bounds.rules);
    bounds
}

#[test]
fn the_rules_hold_for_two_recoverers_that_race_or_follow_each_other() {
    holds(Bounds::default(), 10_000);
}

#[test]
fn the_rules_hold_for_three_recoverers_with_different_quorums() {
    let bounds = Bounds {
        placements: vec![FIRST_HALF],
        prepares: vec![vec![FIRST_HALF, SECOND_HALF], vec![SECOND_HALF], vec![FIRST_HALF]],
        recoveries: 3,
        ..Bounds::default()
    };
    holds(bounds, 20_000);
}

#[test]
fn the_rules_hold_for_the_highest_pgcl_as_for_the_floor() {
    holds(broken(|rules| rules.pick = Pick::Highest), 10_000);
}

#[test]
fn the_rules_hold_for_two_groups_and_records_that_never_arrived() {
    let placements = vec![0, 0b000001, FIRST_FOUR, LAST_FOUR];
    holds(Bounds { records: 3, groups: 2, recoveries: 1, placements, ..Bounds::default() }, 2_000);
}

#[test]
fn the_rules_hold_with_new_writers_late_batches_and_restarts() {
    let bounds = Bounds {
        placements: vec![0, FIRST_HALF],
        prepares: vec![vec![SECOND_HALF, LAST_FOUR]],
        rests: vec![LAST_FOUR],
        writes: 1,
        write_sets: vec![0b000100, LAST_FOUR],
        late: 1,
        restarts: 1,
        ..Bounds::default()
    };
    holds(bounds, 10_000);
}

#[test]
fn a_pgcl_by_minimum_or_one_rank_lower_loses_an_acknowledged_record() {
    for pick in [Pick::Lowest, Pick::BelowFloor] {
        refuted(broken(|rules| rules.pick = pick), "what was acknowledged or shown disappeared");
    }
}

#[test]
fn without_r7_what_was_shown_disappears_in_the_next_recovery() {
    for fill_quorum in [0, 3] {
        refuted(broken(|rules| rules.fill_quorum = fill_quorum), "what was acknowledged or shown disappeared");
    }
}

#[test]
fn without_r6_an_annulled_record_comes_back() {
    let mut bounds = broken(|rules| (rules.install_quorum, rules.fill_quorum) = (0, 0));
    bounds.prepares = vec![vec![SECOND_HALF], vec![FIRST_HALF]];
    // One node adopts the table of the first recovery, and the second does not hear it.
    bounds.rests = vec![0b001000, 0b000001];
    bounds.placements = vec![FIRST_HALF];
    // Readers see nothing that could disappear: what comes back is the record that was cut.
    refuted(bounds, "an annulled record came back");
}

#[test]
fn without_clipping_a_recovery_ends_at_an_annulled_record() {
    refuted(broken(|rules| rules.clip = false), "a recovery ended at an annulled record");
}

#[test]
fn a_promise_lost_at_a_restart_loses_an_acknowledged_record() {
    let lossy = Bounds {
        promise_is_durable: false,
        placements: vec![0],
        prepares: vec![vec![LAST_FOUR]],
        rests: vec![LAST_FOUR],
        recoveries: 1,
        write_sets: vec![LAST_FOUR],
        late: 1,
        restarts: 1,
        ..Bounds::default()
    };
    refuted(lossy.clone(), "what was acknowledged or shown disappeared");
    holds(Bounds { promise_is_durable: true, ..lossy }, 10);
}

#[test]
fn a_first_lsn_above_the_vdl_alone_is_used_twice() {
    let writing = Bounds {
        placements: vec![0],
        prepares: vec![vec![SECOND_HALF]],
        rests: vec![LAST_FOUR],
        writes: 1,
        write_sets: vec![0b000100],
        ..Bounds::default()
    };
    let mut bounds = writing.clone();
    bounds.rules.first_lsn_by_table = false;
    refuted(bounds, "an LSN was used twice");
    holds(writing, 10);
}

#[test]
fn without_the_walk_along_prev_volume_there_is_a_hole() {
    let mut bounds = broken(|rules| rules.walk = false);
    bounds.records = 3;
    bounds.groups = 2;
    bounds.recoveries = 1;
    bounds.placements = vec![0, FIRST_FOUR];
    refuted(bounds, "a hole in volume order");
}
