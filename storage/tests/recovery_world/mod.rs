//! The world of the model: nodes, writers, recoverers, and what may happen to them. See `recovery_model.rs` for what is
//! modelled and what must hold, `membership_model.rs` for changes of members.

use protocol::{Ballot, GroupId, Lsn};
use stateright::{Checker, Model, Property};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use storage::history::{TableEntry, TruncationTable};
use storage::membership::MembershipId;
use storage::quorum::{Configuration, READ_QUORUM, Seats, WRITE_QUORUM};
use storage::volume::recovery::{Action, Header, Pick, Promise, Recovered, Recovery, Rules, Segment};

/// Six members, and a seventh node that may take the place of the sixth.
const NODES: usize = 7;
const OLD: usize = 5;
const NEW: usize = 6;
const RECORD_BYTES: u64 = 10;

/// A set of nodes, one bit each.
pub type Set = u8;

fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..NODES).filter(move |node| set >> node & 1 == 1)
}

/// Who the members are: as `init` chose them, while the sixth is being replaced, and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Members {
    Before,
    Joint,
    After,
}

const BEFORE: Set = 0b0111111;
const AFTER: Set = 0b1011111;

impl Members {
    fn sets(self) -> &'static [Set] {
        match self {
            Members::Before => &[BEFORE],
            Members::Joint => &[BEFORE, AFTER],
            Members::After => &[AFTER],
        }
    }

    fn has_quorum(self, count: usize, of: Set) -> bool {
        self.sets().iter().all(|set| (of & set).count_ones() as usize >= count)
    }

    fn configuration(self) -> Configuration {
        Configuration::new(if self == Members::Joint { &[OLD] } else { &[] })
    }

    /// The node on a seat of a recovery under these members.
    fn node(self, seat: usize) -> usize {
        if self == Members::After && seat == OLD { NEW } else { seat }
    }

    fn seat(self, node: usize) -> Option<usize> {
        (0..self.configuration().seats()).find(|&seat| self.node(seat) == node)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelRecord {
    lsn: Lsn,
    prev_volume: Lsn,
    prev_group: Lsn,
    group: GroupId,
    ballot: Ballot,
    /// Who acknowledged it to its writer.
    acked: Set,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    promised: Ballot,
    table: TruncationTable,
    /// Indices into the records, one bit each.
    held: u32,
    membership: (MembershipId, Members),
    /// Its disk is lost: nobody answers for it, unless it may come back as the same member.
    lost: bool,
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.promised, self.held, self.membership, self.lost).hash(state);
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
    epoch: u32,
    members: Members,
    /// A change under way, and who accepted it.
    proposed: Option<(Members, Set)>,
}

impl Writer {
    /// Whether these are a quorum of the members, and of those to be.
    fn is_acked_by(&self, set: Set) -> bool {
        let proposed = self.proposed.is_none_or(|(members, _)| members.has_quorum(WRITE_QUORUM, set));
        self.members.has_quorum(WRITE_QUORUM, set) && proposed
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Running {
    recovery: Recovery,
    pending: VecDeque<PendingAction>,
    prepare: Set,
    reach: Set,
    membership: (MembershipId, Members),
}

/// An action as it can be hashed: its table is in the recovery. Nodes, not seats.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum PendingAction {
    Prepare(usize),
    Install(usize),
    Ask(usize),
    Copy { group: GroupId, from: usize, to: usize, after: Lsn, up_to: Lsn },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    nodes: Vec<Node>,
    records: Vec<ModelRecord>,
    writers: Vec<Writer>,
    running: Vec<Running>,
    recoveries: usize,
    late: usize,
    restarts: usize,
    ballots: u32,
    changes: usize,
    losses: usize,
    /// What clients and readers were told, in volume order.
    shown: Vec<usize>,
    /// What a recovery cut.
    dead: u32,
    broken: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    Start {
        prepare: Set,
        rest: Set,
    },
    Step(usize),
    Write {
        writer: usize,
        to: Set,
    },
    Late {
        record: usize,
        to: Set,
    },
    Restart,
    /// A writer offers a change of the members, or goes on offering the one under way.
    Change {
        writer: usize,
        members: Members,
        to: Set,
    },
    /// The new member gets everything that a client was told of.
    Hydrate,
    /// The sixth node loses its disk.
    Lose,
}

/// The bounds of a search.
#[derive(Clone)]
pub struct Bounds {
    pub rules: Rules,
    /// A promise survives a restart of its node.
    pub promise_is_durable: bool,
    /// Where each record of the first writer may lie when the search begins.
    pub placements: Vec<Set>,
    pub records: usize,
    pub groups: u32,
    /// Who may answer Prepare: of the first recovery, of the second, and so on; the last entry is for all further ones.
    pub prepares: Vec<Vec<Set>>,
    pub rests: Vec<Set>,
    pub recoveries: usize,
    pub writes: usize,
    pub write_sets: Vec<Set>,
    pub late: usize,
    pub restarts: usize,
    /// Offers of a change of the members.
    pub changes: usize,
    pub change_sets: Vec<Set>,
    pub changes_to: Vec<Members>,
    /// The sixth node may lose its disk.
    pub losses: usize,
    /// A change is finished although the new member does not hold everything.
    pub finished_unhydrated: bool,
    /// A node whose disk was lost comes back empty as the member it was.
    pub emptied_returns: bool,
}

pub const FIRST_HALF: Set = 0b000111;
pub const SECOND_HALF: Set = 0b111000;
pub const FIRST_FOUR: Set = 0b001111;
pub const LAST_FOUR: Set = 0b111100;
pub const ALL: Set = 0b111111;

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            // Whoever waits for a fourth promise does nothing that one who decides with three could not.
            rules: Rules { promise_quorum: 0, ..Rules::default() },
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
            changes: 0,
            change_sets: vec![],
            changes_to: vec![],
            losses: 0,
            finished_unhydrated: false,
            emptied_returns: false,
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
            if state.lost || state.promised > ballot || !state.table.contains(ballot) {
                continue;
            }
            if state.table.is_valid(lsn, ballot) {
                state.held |= 1 << record;
            }
            if self.scl(node, group) >= lsn {
                self.records[record].acked |= 1 << node;
            }
        }
        self.acknowledge(ballot);
        let shown = self.shown.contains(&record);
        if self.is_acked(record) && !shown && self.dead >> record & 1 == 1 {
            self.break_rule("a replaced writer acknowledged");
        }
    }

    fn is_acked(&self, record: usize) -> bool {
        let ModelRecord { ballot, acked, .. } = self.records[record];
        self.writers.iter().any(|writer| writer.ballot == ballot && writer.is_acked_by(acked))
    }

    /// A writer acknowledges in volume order.
    fn acknowledge(&mut self, ballot: Ballot) {
        while let Some(next) = (0..self.records.len()).find(|&index| {
            let candidate = &self.records[index];
            candidate.ballot == ballot
                && self.is_acked(index)
                && !self.shown.contains(&index)
                && candidate.prev_volume == self.shown.last().map_or(Lsn::ZERO, |&last| self.records[last].lsn)
        }) {
            self.shown.push(next);
        }
    }

    fn act(&mut self, bounds: &Bounds, index: usize) {
        let Some(action) = self.running[index].pending.pop_front() else { return };
        let ballot = self.running[index].recovery.ballot();
        let node = match action {
            PendingAction::Prepare(node) | PendingAction::Install(node) | PendingAction::Ask(node) => node,
            PendingAction::Copy { to, .. } => to,
        };
        if self.nodes[node].lost {
            return;
        }
        let members = self.running[index].membership.1;
        let seat = members.seat(node).expect("it asks only its members");
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
                if promise.membership > self.running[index].membership.0 {
                    // The attempt ends; the next one asks these members.
                    let actions = self.running[index].recovery.on_promise(seat, promise);
                    assert!(matches!(actions[..], [Action::Restart { .. }]));
                    let membership = self.nodes[node].membership;
                    self.recover(bounds, index, membership);
                    return;
                }
                self.running[index].recovery.on_promise(seat, promise)
            }
            PendingAction::Install(_) => {
                let table = self.running[index].recovery.decided().expect("it installs what it decided").1.clone();
                let records = &self.records;
                let (mut id, members) = self.running[index].membership;
                id.ballot = ballot;
                let state = &mut self.nodes[node];
                if id > state.membership.0 {
                    state.membership = (id, members);
                }
                state.promised = ballot;
                state.table = table;
                for (index, record) in records.iter().enumerate() {
                    if !state.table.is_valid(record.lsn, record.ballot) {
                        state.held &= !(1 << index);
                    }
                }
                self.running[index].recovery.on_installed(seat)
            }
            PendingAction::Ask(_) => {
                let marks: Vec<_> = self.groups().into_iter().map(|group| (group, self.scl(node, group))).collect();
                self.running[index].recovery.on_marks(seat, &marks)
            }
            PendingAction::Copy { group, from, after, up_to, .. } => {
                if self.nodes[from].table.contains(ballot) && !self.nodes[from].lost {
                    for (index, record) in self.records.iter().enumerate() {
                        if record.group == group && record.lsn > after && record.lsn <= up_to {
                            let held = self.nodes[from].held & 1 << index;
                            self.nodes[node].held |= held;
                        }
                    }
                }
                let scl = self.scl(node, group);
                self.running[index].recovery.on_copied(seat, group, Some(scl))
            }
        };
        self.take(index, actions);
    }

    fn take(&mut self, index: usize, actions: Vec<Action>) {
        let Running { reach, prepare, membership: (_, members), .. } = self.running[index];
        let reached = |node: usize| reach >> node & 1 == 1;
        let at = |seat: usize| members.node(seat);
        for action in actions {
            let pending = match action {
                Action::Prepare { node, .. } => Some((PendingAction::Prepare(at(node)), prepare >> at(node) & 1 == 1)),
                Action::Install { node, .. } => Some((PendingAction::Install(at(node)), reached(at(node)))),
                Action::Ask { node } => Some((PendingAction::Ask(at(node)), reached(at(node)))),
                Action::Copy { group, from, to, after, up_to } => {
                    let (from, to) = (at(from), at(to));
                    let copy = PendingAction::Copy { group, from, to, after, up_to };
                    Some((copy, reached(from) && reached(to)))
                }
                Action::Done(recovered) => {
                    self.open(&recovered, self.running[index].membership);
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
        let (membership, members) = self.nodes[node].membership;
        Promise {
            table: self.nodes[node].table.clone(),
            segments,
            vdl_heard: Lsn::ZERO,
            hydrated: node != NEW || members == Members::After,
            membership,
        }
    }

    /// Begins a recovery at `index`, or begins it anew.
    fn recover(&mut self, bounds: &Bounds, index: usize, membership: (MembershipId, Members)) {
        self.ballots += 1;
        let ballot = Ballot::new(1 + self.ballots, self.ballots);
        let lal_bytes = RECORD_BYTES * bounds.records.max(1) as u64;
        let members = (membership.0, membership.1.configuration());
        let (mut recovery, actions) = Recovery::start(bounds.rules, ballot, Lsn::ZERO, lal_bytes, members);
        let prepare = self.running[index].prepare;
        for seat in 0..membership.1.configuration().seats() {
            let node = membership.1.node(seat);
            if prepare >> node & 1 == 0 || self.nodes[node].lost {
                recovery.on_unreachable(seat);
            }
        }
        let running = &mut self.running[index];
        (running.recovery, running.membership) = (recovery, membership);
        running.pending.clear();
        self.take(index, actions);
    }

    /// A writer offers other members.
    fn change(&mut self, bounds: &Bounds, writer: usize, members: Members, to: Set) {
        let Writer { ballot, epoch, proposed, .. } = self.writers[writer];
        let mut accepted = proposed.map_or(0, |(_, accepted)| accepted);
        let id = MembershipId { ballot, epoch: epoch + 1 };
        let table = self.writer_table(ballot);
        for node in self::members(to) {
            let state = &mut self.nodes[node];
            if state.lost || state.promised > ballot {
                continue;
            }
            // A node that joins gets the table with it; others have it, or do not answer this writer.
            if node == NEW && !state.table.contains(ballot) {
                state.table.clone_from(&table);
                state.promised = ballot;
            }
            if !state.table.contains(ballot) {
                continue;
            }
            if id >= state.membership.0 {
                state.membership = (id, members);
                accepted |= 1 << node;
            }
        }
        let state = &mut self.writers[writer];
        if members.has_quorum(WRITE_QUORUM, accepted) {
            (state.members, state.epoch, state.proposed) = (members, epoch + 1, None);
            self.acknowledge(ballot);
        } else {
            state.proposed = Some((members, accepted));
        }
    }

    fn writer_table(&self, ballot: Ballot) -> TruncationTable {
        let holder = self.nodes.iter().find(|node| node.table.ballot() == ballot);
        holder.map_or_else(TruncationTable::default, |node| node.table.clone())
    }

    /// Whether a writer may offer these members now.
    fn may_change(&self, bounds: &Bounds, writer: usize, members: Members) -> bool {
        let state = &self.writers[writer];
        if state.proposed.is_some_and(|(proposed, _)| proposed != members) {
            return false;
        }
        match (state.members, members) {
            (Members::Before, Members::Joint) | (Members::Joint, Members::Before) => true,
            (Members::Joint, Members::After) => {
                let whole = self.shown.iter().all(|&index| self.nodes[NEW].held >> index & 1 == 1);
                whole || bounds.finished_unhydrated
            }
            _ => false,
        }
    }

    /// A recovery opens: everything up to its VDL' is shown, everything beyond is cut.
    fn open(&mut self, recovered: &Recovered, (id, members): (MembershipId, Members)) {
        let mut chain: Vec<usize> = (0..self.records.len())
            .filter(|&index| {
                let record = &self.records[index];
                record.lsn <= recovered.vdl && recovered.table.is_valid(record.lsn, record.ballot)
            })
            .collect();
        chain.sort_unstable_by_key(|&index| self.records[index].lsn);
        let writer = Writer {
            ballot: recovered.ballot,
            end: recovered.vdl,
            next: Lsn(recovered.first_lsn.0 - 1),
            tails: recovered.tails.iter().copied().collect(),
            writes: 0,
            epoch: id.epoch,
            members,
            proposed: None,
        };
        if self.writers.iter().any(|other| other.ballot > writer.ballot) {
            // It learns late that it had succeeded: a higher ballot knew, and went on from there.
            if !self.shown.starts_with(&chain) {
                self.break_rule("a replaced recoverer opens with something else");
            }
            self.writers.push(writer);
            return;
        }
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
        self.writers.push(writer);
    }
}

impl Model for Bounds {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        let table =
            TruncationTable::new(vec![TableEntry { ballot: first_ballot(), vdl: Lsn::ZERO, first_lsn: Lsn(1) }]);
        let membership = (MembershipId { ballot: first_ballot(), epoch: 1 }, Members::Before);
        let table = table.expect("a sound table");
        let node = Node { promised: first_ballot(), table, held: 0, membership, lost: false };
        let mut empty = World {
            nodes: vec![node; NODES],
            records: Vec::new(),
            writers: Vec::new(),
            running: Vec::new(),
            recoveries: 0,
            late: 0,
            restarts: 0,
            ballots: 0,
            changes: 0,
            losses: 0,
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
        empty.writers.push(Writer {
            ballot: first_ballot(),
            end,
            next: end,
            tails,
            // It has written what is placed; where members change it goes on.
            writes: if self.changes > 0 { 0 } else { self.writes },
            epoch: 1,
            members: Members::Before,
            proposed: None,
        });
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
        if world.changes < self.changes {
            for writer in 0..world.writers.len() {
                for &members in self.changes_to.iter().filter(|&&members| world.may_change(self, writer, members)) {
                    moves.extend(self.change_sets.iter().map(|&to| Move::Change { writer, members, to }));
                }
            }
            if world.writers.iter().any(|writer| writer.members == Members::Joint) {
                moves.push(Move::Hydrate);
            }
        }
        if world.losses < self.losses {
            moves.push(Move::Lose);
        }
    }

    fn next_state(&self, before: &World, step: Move) -> Option<World> {
        let mut world = before.clone();
        match step {
            Move::Start { prepare, rest } => {
                world.recoveries += 1;
                let membership = (MembershipId { ballot: first_ballot(), epoch: 1 }, Members::Before);
                let members = (membership.0, membership.1.configuration());
                let recovery = Recovery::start(self.rules, first_ballot(), Lsn::ZERO, 0, members).0;
                let pending = VecDeque::new();
                world.running.push(Running { recovery, pending, prepare, reach: rest, membership });
                world.recover(self, world.running.len() - 1, membership);
            }
            Move::Step(index) => world.act(self, index),
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
            Move::Change { writer, members, to } => {
                world.changes += 1;
                world.change(self, writer, members, to);
            }
            Move::Hydrate => {
                let everything = world.shown.iter().fold(0, |held, index| held | 1 << index);
                world.nodes[NEW].held |= everything;
            }
            Move::Lose => {
                world.losses += 1;
                let empty = self.init_states().remove(0).nodes.remove(OLD);
                world.nodes[OLD] = Node { held: 0, lost: !self.emptied_returns, ..empty };
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
pub fn holds(bounds: Bounds, least_states: usize) {
    let (states, broken) = search(bounds);
    assert_eq!(broken, None);
    assert!(states >= least_states, "only {states} states: the bounds are too small to mean anything");
}

#[track_caller]
pub fn refuted(bounds: Bounds, what: &str) {
    assert_eq!(search(bounds).1, Some(what));
}
