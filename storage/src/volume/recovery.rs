//! Finding where a volume ends, and closing what lies beyond: the steps R0 to R9 as a state machine.
//!
//! The rule: whatever a client was told survives, whatever is cut never comes back, and nothing is shown before both are
//! true of every later recovery as well. Start, start after a crash and promotion are the same thing.
//!
//! ```text
//! start -> Prepare x6 -> (write quorum, all or grace) decide: table, PGCL', walk, VDL', first LSN
//!       -> Install x6 -> Ask each that adopted -> tails -> Copy what a write quorum lacks -> Done
//!                any refusal, or time out: Restart under a higher ballot
//! ```
//!
//! - R1/R2: an SCL counts only if it came with the promise; three of six replies are needed, more are better.
//! - Nothing is decided before four promised, whether or not they are whole: with three, R6 is out of reach, and each attempt
//!   would leave three nodes with one more entry in their tables and the next one another allocation limit of LSNs to skip.
//!   So a recovery that waits for a fourth node, for a day or a month, changes nothing but promises.
//! - R3: the table of the highest ballot heard, with its whole history, judges every reply. Lower tables are ignored.
//! - R4: with N replies the (N-2)-th highest clipped SCL of a group is the floor of its PGCL'; we take the floor, for what
//!   lies there is on four copies already when all six answer, so that a promotion copies nothing.
//! - R5: from the highest flushed VDL heard along `prev_volume`, while records are valid and at or below their PGCL'.
//! - R6/R7: the table on four, and everything up to VDL' on four of each group, before anyone reads or appends.
//! - R8: the first LSN lies above all that the cut writer can have used, also when its traces were not heard.
//!
//! A group's tail at VDL' cannot always be told from the replies: a copy may bear an annulled record of long ago, in a
//! group that has been idle since. So each node is asked again when it has adopted the table: then its SCL is a record
//! at or below VDL', and the highest one told by a *witness* (a node whose clipped SCL was the highest) is the tail.
//!
//! *Members.* A recovery runs under the highest membership it knows, and a quorum is one of every set of six of it
//! ([`Configuration`]): of both, while a member is being replaced. A promise that comes with a higher membership ends the
//! attempt, and the next one asks those members too. A node that does not hold all it should, a member on its way in above
//! all, counts in no read quorum, and its SCL in no rank. The membership is proposed again under this ballot by the same
//! message that installs the table.
//!
//! Pure: the caller sends the messages, keeps the time and draws the ballot. [`Rules`] is there so that the model in
//! `tests/recovery_model.rs` can break one rule at a time and see what is lost.
//!
//! Differences from Verbitski et al., SIGMOD 2018, section 4: the ballot is promised before any SCL is read; read quorums
//! are counted for each group; records are judged by a history and not by one truncation range.

use crate::history::{ENTRIES_MAX, TableEntry, TruncationTable};
use crate::membership::MembershipId;
use crate::quorum::{Configuration, READ_QUORUM, Seats, WRITE_QUORUM, nth_highest};
use protocol::{Ballot, GroupId, Lsn};
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};

/// A held record, without its change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Its LSN.
    pub lsn: Lsn,
    /// The record before it in the volume.
    pub prev_volume: Lsn,
    /// Whether it is a consistency point.
    pub end_of_mtr: bool,
    /// The ballot of its writer.
    pub ballot: Ballot,
}

/// One segment in a reply to Prepare.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Its group.
    pub group: GroupId,
    /// Flushed SCL.
    pub scl: Lsn,
    /// Ballot of the record at the SCL.
    pub scl_ballot: Ballot,
    /// Every record held above the VDL heard, the node's own or the recoverer's, those behind gaps included.
    pub above: Vec<Header>,
}

/// A promise, with what the node held when it made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The node's truncation table.
    pub table: TruncationTable,
    /// Its segments; a group that is absent has an SCL of zero.
    pub segments: Vec<Segment>,
    /// Highest flushed VDL that a writer announced to it.
    pub vdl_heard: Lsn,
    /// Whether it holds all that its membership demands. One that does not counts in no quorum.
    pub hydrated: bool,
    /// The membership it keeps.
    pub membership: MembershipId,
}

/// What the caller is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send Prepare, answer with [`Recovery::on_promise`], [`Recovery::on_refused`] or [`Recovery::on_unreachable`].
    Prepare { node: usize, ballot: Ballot, vdl_heard: Lsn },
    /// Send InstallTable; answer with [`Recovery::on_installed`] or [`Recovery::on_refused`].
    Install { node: usize, ballot: Ballot, table: TruncationTable },
    /// Ask for the flushed SCLs of a node that has adopted the table; answer with [`Recovery::on_marks`].
    Ask { node: usize },
    /// Pull (after, up_to] of a group from one node and Fill it into another; answer with [`Recovery::on_copied`].
    Copy { group: GroupId, from: usize, to: usize, after: Lsn, up_to: Lsn },
    /// Give up this ballot and start again above `above`.
    Restart { above: Ballot },
    /// R9: open.
    Done(Recovered),
    /// Storage contradicts itself: a person must look.
    Corrupt(String),
}

/// What recovery found and made true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The ballot of the new writer.
    pub ballot: Ballot,
    /// VDL': where the volume ends.
    pub vdl: Lsn,
    /// The new writer's records lie at or above this.
    pub first_lsn: Lsn,
    /// The adopted table.
    pub table: TruncationTable,
    /// The last record of each group at or below the VDL.
    pub tails: Vec<(GroupId, Lsn)>,
}

/// Which of the clipped SCLs of a group becomes its PGCL'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pick {
    /// The (N-2)-th highest. Right.
    Floor,
    /// The highest. Right.
    Highest,
    /// One rank below the floor. Loses acknowledged records.
    BelowFloor,
    /// The lowest. Loses acknowledged records.
    Lowest,
}

/// The rules that the model breaks one at a time. [`Rules::default`] is the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// R4.
    pub pick: Pick,
    /// R3: clip each SCL by the adopted table.
    pub clip: bool,
    /// R5: walk `prev_volume`; otherwise cut at the first record heard above its group's PGCL'.
    pub walk: bool,
    /// How many nodes promised, hydrated or not, before anything is decided and the table goes out. A read quorum of those that
    /// count is needed in any case. Nothing is lost with that alone, but tables grow where R6 is out of reach.
    pub promise_quorum: usize,
    /// R6: how many nodes adopt the table before opening.
    pub install_quorum: usize,
    /// R7: how many copies of each group are complete before opening.
    pub fill_quorum: usize,
    /// R8: the first LSN of the adopted table counts, too.
    pub first_lsn_by_table: bool,
    /// R2: of which sets of six a quorum is needed.
    pub sets: SetRule,
    /// R2: a node that is not hydrated counts like any other. Loses acknowledged records.
    pub count_unhydrated: bool,
}

/// Of which sets of six, while a member is being replaced, a recovery needs a quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetRule {
    /// Of every one. Right.
    All,
    /// Of any one. Loses acknowledged records.
    Any,
    /// Of the one after the change only. Loses acknowledged records.
    Newest,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            pick: Pick::Floor,
            clip: true,
            walk: true,
            promise_quorum: WRITE_QUORUM,
            install_quorum: WRITE_QUORUM,
            fill_quorum: WRITE_QUORUM,
            first_lsn_by_table: true,
            sets: SetRule::All,
            count_unhydrated: false,
        }
    }
}

/// What is known of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Node {
    promise: Option<Promise>,
    unreachable: bool,
    installed: bool,
    /// Flushed SCLs told after the table was adopted.
    marks: Option<BTreeMap<GroupId, Lsn>>,
    /// Groups being copied to it.
    copying: Vec<GroupId>,
    /// Groups whose copy to it failed.
    failed: Vec<GroupId>,
}

/// What R3 to R5 and R8 decided.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decision {
    vdl: Lsn,
    first_lsn: Lsn,
    table: TruncationTable,
    /// For each group, the nodes one of which knows its tail.
    witnesses: BTreeMap<GroupId, Vec<usize>>,
    tails: Option<BTreeMap<GroupId, Lsn>>,
}

/// One attempt under one ballot. See the module's essay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recovery {
    rules: Rules,
    ballot: Ballot,
    vdl_heard: Lsn,
    lal_bytes: u64,
    membership: MembershipId,
    configuration: Configuration,
    nodes: Vec<Node>,
    decision: Option<Decision>,
    /// Those that have not answered had their time.
    grace_over: bool,
    over: bool,
}

impl Recovery {
    /// Begins under `ballot`, which must be above every ballot heard. `vdl_heard` is the highest flushed VDL known, zero
    /// if none; `lal_bytes` the volume's allocation limit; `members` the highest membership known. Nodes are numbered by
    /// its seats.
    #[must_use]
    pub fn start(
        rules: Rules,
        ballot: Ballot,
        vdl_heard: Lsn,
        lal_bytes: u64,
        members: (MembershipId, Configuration),
    ) -> (Recovery, Vec<Action>) {
        let (membership, configuration) = members;
        let nodes = vec![Node::default(); configuration.seats()];
        let actions = (0..nodes.len()).map(|node| Action::Prepare { node, ballot, vdl_heard }).collect();
        let recovery = Recovery {
            rules,
            ballot,
            vdl_heard,
            lal_bytes,
            membership,
            configuration,
            nodes,
            decision: None,
            grace_over: false,
            over: false,
        };
        (recovery, actions)
    }

    /// The ballot of this attempt.
    #[must_use]
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// VDL' and the table, once decided.
    #[must_use]
    pub fn decided(&self) -> Option<(Lsn, &TruncationTable)> {
        self.decision.as_ref().map(|decision| (decision.vdl, &decision.table))
    }

    /// How many promises may still come: none when every node answered or is unreachable.
    #[must_use]
    pub fn awaited(&self) -> usize {
        self.nodes.iter().filter(|node| node.promise.is_none() && !node.unreachable).count()
    }

    /// Those that have promised nothing.
    pub fn silent(&self) -> impl Iterator<Item = usize> {
        (0..).zip(&self.nodes).filter(|(_, node)| node.promise.is_none()).map(|(seat, _)| seat)
    }

    /// Whether a read quorum promised: from then on the others have their grace.
    #[must_use]
    pub fn has_read_quorum(&self) -> bool {
        let responders = self.responding();
        let sets = self.configuration.sets();
        let has = |set: &Seats| seats_in(responders, *set) >= READ_QUORUM;
        match self.rules.sets {
            SetRule::All => sets.iter().all(has),
            SetRule::Any => sets.iter().any(has),
            SetRule::Newest => sets.last().is_some_and(has),
        }
    }

    /// R1: a node promised.
    pub fn on_promise(&mut self, node: usize, promise: Promise) -> Vec<Action> {
        if self.over || self.nodes[node].promise.is_some() {
            return Vec::new();
        }
        if promise.membership > self.membership {
            self.over = true;
            return vec![Action::Restart { above: self.ballot }];
        }
        self.nodes[node].promise = Some(promise);
        self.nodes[node].unreachable = false;
        self.decide()
    }

    /// A node does not answer for now. It counts again if it answers later.
    pub fn on_unreachable(&mut self, node: usize) -> Vec<Action> {
        if self.over {
            return Vec::new();
        }
        self.nodes[node].unreachable = true;
        self.decide()
    }

    /// Enough time was given to those that have not answered: from now on it decides as soon as it can.
    pub fn on_grace(&mut self) -> Vec<Action> {
        self.grace_over = true;
        self.decide()
    }

    /// A node refused in favour of `highest`.
    pub fn on_refused(&mut self, highest: Ballot) -> Vec<Action> {
        if self.over || highest <= self.ballot {
            return Vec::new();
        }
        self.over = true;
        vec![Action::Restart { above: highest }]
    }

    /// Completing under this ballot takes too long: a witness may be gone for good.
    pub fn on_timeout(&mut self) -> Vec<Action> {
        if self.over {
            return Vec::new();
        }
        self.over = true;
        vec![Action::Restart { above: self.ballot }]
    }

    /// R6: a node adopted the table, flushed.
    pub fn on_installed(&mut self, node: usize) -> Vec<Action> {
        if self.over || self.nodes[node].installed {
            return Vec::new();
        }
        self.nodes[node].installed = true;
        let mut actions = vec![Action::Ask { node }];
        actions.extend(self.advance());
        actions
    }

    /// What a node holds, flushed, told after it adopted the table.
    pub fn on_marks(&mut self, node: usize, marks: &[(GroupId, Lsn)]) -> Vec<Action> {
        let Some(decision) = self.decision.as_ref().filter(|_| !self.over) else { return Vec::new() };
        if let Some((group, scl)) = marks.iter().find(|(_, scl)| *scl > decision.vdl) {
            let why =
                format!("node {node} adopted the table and still holds {group} up to {scl}, above {}", decision.vdl);
            return self.corrupt(why);
        }
        self.nodes[node].marks = Some(marks.iter().copied().collect());
        self.advance()
    }

    /// R7: a copy ended; `scl` is the flushed SCL of the group at `node` now, `None` when the copy failed.
    pub fn on_copied(&mut self, node: usize, group: GroupId, scl: Option<Lsn>) -> Vec<Action> {
        let state = &mut self.nodes[node];
        state.copying.retain(|&copying| copying != group);
        let Some(marks) = state.marks.as_mut().filter(|_| !self.over) else { return Vec::new() };
        let before = marks.get(&group).copied().unwrap_or(Lsn::ZERO);
        match scl.filter(|&scl| scl > before) {
            Some(scl) => drop(marks.insert(group, scl)),
            None => state.failed.push(group),
        }
        self.advance()
    }

    fn corrupt(&mut self, why: String) -> Vec<Action> {
        self.over = true;
        vec![Action::Corrupt(why)]
    }

    /// Replies that count: hydrated promises.
    fn responders(&self) -> impl Iterator<Item = (usize, &Promise)> {
        self.nodes.iter().enumerate().filter_map(|(index, node)| {
            let promise = node.promise.as_ref()?;
            (promise.hydrated || self.rules.count_unhydrated).then_some((index, promise))
        })
    }

    fn responding(&self) -> Seats {
        Seats(self.responders().fold(0, |seats, (node, _)| seats | 1 << node))
    }

    /// Whether so many of every set are among `seats`.
    fn is_quorum(&self, quorum: usize, seats: Seats) -> bool {
        self.configuration.sets().iter().all(|set| seats_in(seats, *set) >= quorum)
    }

    /// Whether everybody was heard, or those that matter and the others had their time.
    fn may_decide(&self) -> bool {
        let promised = Seats::of(|seat| self.nodes.get(seat).is_some_and(|node| node.promise.is_some()));
        (self.grace_over || self.awaited() == 0)
            && self.has_read_quorum()
            && self.is_quorum(self.rules.promise_quorum, promised)
    }

    /// R3 to R5 and R8.
    fn decide(&mut self) -> Vec<Action> {
        if self.over || self.decision.is_some() || !self.may_decide() {
            return Vec::new();
        }
        // R3. Tables of one ballot are equal: only that ballot's recovery wrote them.
        let adopted = self
            .responders()
            .map(|(_, promise)| &promise.table)
            .max_by_key(|table| table.ballot())
            .expect("a read quorum has at least one reply")
            .clone();
        if adopted.entries().len() >= ENTRIES_MAX {
            return self.corrupt(format!("its history has {ENTRIES_MAX} recoveries, and no room for another"));
        }
        let (pgcl, witnesses) = self.group_points(&adopted);
        let valid = match self.valid_records(&adopted) {
            Ok(valid) => valid,
            Err(why) => return self.corrupt(why),
        };
        let start =
            self.responders().map(|(_, promise)| promise.vdl_heard).max().unwrap_or_default().max(self.vdl_heard);
        let vdl = if self.rules.walk {
            match walk(start, &valid, &pgcl) {
                Ok(vdl) => vdl,
                Err(why) => return self.corrupt(why),
            }
        } else {
            cut(start, &valid, &pgcl)
        };
        // R8.
        let first_lsn = if self.rules.first_lsn_by_table {
            let limit_base = vdl.max(Lsn(adopted.first_lsn().0.saturating_sub(1)));
            limit_base.advance(self.lal_bytes).max(self.highest_heard()).advance(1)
        } else {
            vdl.advance(self.lal_bytes).advance(1)
        };
        let table = adopted.with(TableEntry { ballot: self.ballot, vdl, first_lsn });
        let actions = (0..self.nodes.len())
            .map(|node| Action::Install { node, ballot: self.ballot, table: table.clone() })
            .collect();
        self.decision = Some(Decision { vdl, first_lsn, table, witnesses, tails: None });
        actions
    }

    /// R4 for each group: PGCL', and who has the highest clipped SCL.
    fn group_points(&self, adopted: &TruncationTable) -> (BTreeMap<GroupId, Lsn>, BTreeMap<GroupId, Vec<usize>>) {
        let mut clipped: BTreeMap<GroupId, Vec<(Lsn, usize)>> = BTreeMap::new();
        for (node, promise) in self.responders() {
            for segment in &promise.segments {
                let scl = if self.rules.clip { adopted.clip(segment.scl, segment.scl_ballot) } else { segment.scl };
                clipped.entry(segment.group).or_default().push((scl, node));
            }
        }
        let responders = self.responding();
        let mut pgcl = BTreeMap::new();
        let mut witnesses = BTreeMap::new();
        for (group, mut scls) in clipped {
            scls.sort_unstable_by_key(|&(scl, _)| std::cmp::Reverse(scl));
            // What was acknowledged was so in every set: it lies at or below what each of them yields.
            let points = self.configuration.sets().iter().filter_map(|set| {
                let count = seats_in(responders, *set);
                let rank = match self.rules.pick {
                    // Only a broken rule decides without a read quorum of a set.
                    _ if count < READ_QUORUM => return None,
                    Pick::Floor => count - READ_QUORUM,
                    Pick::Highest => 0,
                    Pick::BelowFloor => (count - READ_QUORUM + 1).min(count - 1),
                    Pick::Lowest => count - 1,
                };
                // A responder without the segment has an SCL of zero.
                let of_set: Vec<Lsn> = scls.iter().filter(|(_, node)| set.has(*node)).map(|&(scl, _)| scl).collect();
                Some(nth_highest(&of_set, rank + 1))
            });
            let point = if self.rules.pick == Pick::Highest { points.max() } else { points.min() };
            pgcl.insert(group, point.unwrap_or_default());
            let highest = scls[0].0;
            witnesses
                .insert(group, scls.iter().take_while(|(scl, _)| *scl == highest).map(|&(_, node)| node).collect());
        }
        (pgcl, witnesses)
    }

    /// Every valid record heard, by LSN, once.
    fn valid_records(&self, adopted: &TruncationTable) -> Result<BTreeMap<Lsn, (GroupId, Header)>, String> {
        let mut valid = BTreeMap::new();
        for (node, promise) in self.responders() {
            for segment in &promise.segments {
                for &header in &segment.above {
                    if self.rules.clip && !adopted.is_valid(header.lsn, header.ballot) {
                        continue;
                    }
                    let known = *valid.entry(header.lsn).or_insert((segment.group, header));
                    if known != (segment.group, header) && self.rules.clip {
                        return Err(format!("{} is one record at one node and another at node {node}", header.lsn));
                    }
                }
            }
        }
        Ok(valid)
    }

    fn highest_heard(&self) -> Lsn {
        self.responders()
            .flat_map(|(_, promise)| &promise.segments)
            .flat_map(|segment| segment.above.iter().map(|header| header.lsn).chain([segment.scl]))
            .max()
            .unwrap_or_default()
    }

    /// R6 and R7: who knows the tails, who lacks what, whether all is done.
    fn advance(&mut self) -> Vec<Action> {
        let Some(decision) = self.decision.as_mut().filter(|_| !self.over) else { return Vec::new() };
        let asked = |node: usize| self.nodes[node].marks.is_some();
        if decision.tails.is_none() {
            if !decision.witnesses.values().all(|nodes| nodes.iter().any(|&node| asked(node))) {
                return Vec::new();
            }
            let mut tails: BTreeMap<GroupId, Lsn> = BTreeMap::new();
            for marks in self.nodes.iter().filter_map(|node| node.marks.as_ref()) {
                for (&group, &scl) in marks {
                    let tail = tails.entry(group).or_default();
                    *tail = scl.max(*tail);
                }
            }
            decision.tails = Some(tails);
        }
        let Some(decision) = self.decision.as_ref() else { return Vec::new() };
        let tails = decision.tails.as_ref().expect("it was just set");
        let mut actions = Vec::new();
        let mut copies = Vec::new();
        let mut complete = true;
        for (&group, &tail) in tails {
            let scl_of = |node: &Node| node.marks.as_ref().map(|marks| marks.get(&group).copied().unwrap_or(Lsn::ZERO));
            let seats = |holds: &dyn Fn(&Node) -> bool| Seats::of(|seat| self.nodes.get(seat).is_some_and(holds));
            let holders = seats(&|node| scl_of(node).is_some_and(|scl| scl >= tail));
            complete &= self.is_quorum(self.rules.fill_quorum, holders);
            let mut expected = Seats(holders.0 | seats(&|node| node.copying.contains(&group)).0);
            let Some(from) = self.nodes.iter().position(|node| scl_of(node).is_some_and(|scl| scl >= tail)) else {
                continue;
            };
            // The fullest first: they need the least.
            let mut candidates: Vec<(Lsn, usize)> = (0..self.nodes.len())
                .filter(|&node| !self.nodes[node].copying.contains(&group) && !self.nodes[node].failed.contains(&group))
                .filter_map(|node| Some((scl_of(&self.nodes[node])?, node)))
                .filter(|(scl, _)| *scl < tail)
                .collect();
            candidates.sort_unstable_by_key(|&(scl, node)| (std::cmp::Reverse(scl), node));
            for (after, to) in candidates {
                let short = |set: &&Seats| seats_in(expected, **set) < self.rules.fill_quorum;
                if !self.configuration.sets().iter().filter(short).any(|set| set.has(to)) {
                    continue;
                }
                expected.0 |= 1 << to;
                copies.push((group, to));
                actions.push(Action::Copy { group, from, to, after, up_to: tail });
            }
        }
        for (group, to) in copies {
            self.nodes[to].copying.push(group);
        }
        let installed = Seats::of(|seat| self.nodes.get(seat).is_some_and(|node| node.installed));
        if complete && self.is_quorum(self.rules.install_quorum, installed) {
            self.over = true;
            actions.push(Action::Done(Recovered {
                ballot: self.ballot,
                vdl: decision.vdl,
                first_lsn: decision.first_lsn,
                table: decision.table.clone(),
                tails: tails.iter().map(|(&group, &tail)| (group, tail)).collect(),
            }));
        }
        actions
    }
}

fn seats_in(seats: Seats, set: Seats) -> usize {
    (seats.0 & set.0).count_ones() as usize
}

/// A model checker tells states apart by their hash.
fn hash_table<H: Hasher>(table: &TruncationTable, state: &mut H) {
    for entry in table.entries() {
        (entry.ballot, entry.vdl, entry.first_lsn).hash(state);
    }
}

impl Hash for Promise {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_table(&self.table, state);
        (&self.segments, self.vdl_heard, self.hydrated, self.membership).hash(state);
    }
}

impl Hash for Decision {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_table(&self.table, state);
        (self.vdl, self.first_lsn, &self.witnesses, &self.tails).hash(state);
    }
}

type Records = BTreeMap<Lsn, (GroupId, Header)>;

/// R5: the highest consistency point that can be reached from `start`.
fn walk(start: Lsn, valid: &Records, pgcl: &BTreeMap<GroupId, Lsn>) -> Result<Lsn, String> {
    let mut next: HashMap<Lsn, (GroupId, Header)> = HashMap::with_capacity(valid.len());
    for &(group, header) in valid.values().filter(|(_, header)| header.lsn > start) {
        if let Some((_, other)) = next.insert(header.prev_volume, (group, header)) {
            return Err(format!("both {} and {} follow {}", other.lsn, header.lsn, header.prev_volume));
        }
    }
    let (mut at, mut vdl) = (start, start);
    while let Some((group, header)) = next.get(&at) {
        if header.lsn > pgcl.get(group).copied().unwrap_or(Lsn::ZERO) {
            break;
        }
        at = header.lsn;
        if header.end_of_mtr {
            vdl = at;
        }
    }
    Ok(vdl)
}

/// The broken rule in place of R5: stop at the first record heard that lies above its group's PGCL'.
fn cut(start: Lsn, valid: &Records, pgcl: &BTreeMap<GroupId, Lsn>) -> Lsn {
    valid
        .range((std::ops::Bound::Excluded(start), std::ops::Bound::Unbounded))
        .map(|(_, record)| record)
        .take_while(|(group, header)| header.lsn <= pgcl.get(group).copied().unwrap_or(Lsn::ZERO))
        .filter(|(_, header)| header.end_of_mtr)
        .last()
        .map_or(start, |(_, header)| header.lsn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quorum::COPIES;

    const G: GroupId = GroupId(0);

    fn ballot(counter: u32) -> Ballot {
        Ballot::new(counter, 1)
    }

    fn record(lsn: u64, prev_volume: u64, end_of_mtr: bool) -> Header {
        Header { lsn: Lsn(lsn), prev_volume: Lsn(prev_volume), end_of_mtr, ballot: Ballot::ZERO }
    }

    /// A node that has the first so many of the records, with no table.
    fn promise(held: &[Header]) -> Promise {
        let scl = held.last().map_or(Lsn::ZERO, |last| last.lsn);
        let segment = Segment { group: G, scl, scl_ballot: Ballot::ZERO, above: held.to_vec() };
        Promise {
            table: TruncationTable::default(),
            segments: vec![segment],
            vdl_heard: Lsn::ZERO,
            hydrated: true,
            membership: MembershipId::default(),
        }
    }

    fn start_with(places: &[usize]) -> Recovery {
        let members = (MembershipId::default(), Configuration::new(places));
        Recovery::start(Rules::default(), ballot(1), Lsn::ZERO, 1000, members).0
    }

    fn start() -> Recovery {
        start_with(&[])
    }

    fn records() -> [Header; 3] {
        [record(10, 0, true), record(20, 10, false), record(30, 20, true)]
    }

    #[test]
    fn two_promises_decide_nothing_and_a_node_that_is_not_whole_does_not_count() {
        let mut recovery = start();
        recovery.on_promise(0, promise(&records()));
        recovery.on_promise(1, promise(&records()));
        recovery.on_promise(2, Promise { hydrated: false, ..promise(&records()) });
        assert_eq!(recovery.on_grace(), []);
        assert_eq!(recovery.on_promise(3, promise(&[])).len(), COPIES, "the others had their time");
        assert_eq!(recovery.decided().map(|(vdl, _)| vdl), Some(Lsn(30)));
    }

    #[test]
    fn a_history_without_room_is_said_and_not_tried_for_ever() {
        let entry = |ballot: u64| TableEntry { ballot: Ballot(ballot), vdl: Lsn::ZERO, first_lsn: Lsn(ballot) };
        let full = TruncationTable::new((1..=ENTRIES_MAX as u64).map(entry).collect()).expect("it may have so many");
        let mut recovery = start();
        let promise = || Promise { table: full.clone(), ..promise(&[]) };
        let mut told: Vec<Action> = (0..COPIES - 1).flat_map(|node| recovery.on_promise(node, promise())).collect();
        told.extend(recovery.on_grace());
        assert!(matches!(told[..], [Action::Corrupt(_)]));
    }

    /// One row a number of copies heard: who has how many of three records, and the VDL'.
    #[test]
    fn the_vdl_by_what_is_heard() {
        for (held, vdl, why) in [
            (&[3, 3, 3, 3, 0, 0][..], 30, "on four"),
            (&[3, 3, 3, 0, 0, 0], 0, "on three of six: nobody was told"),
            (&[3, 0, 0], 30, "on one of three: the silent ones may have it"),
            (&[3, 3, 0, 0], 30, "on two of four"),
            (&[3, 0, 0, 0], 0, "on one of four"),
            (&[2, 2, 2, 2, 2, 2], 10, "a mini-transaction that is not whole goes"),
            (&[0, 0, 0], 0, "nothing was written"),
        ] {
            let mut recovery = start();
            for (node, &count) in held.iter().enumerate() {
                recovery.on_promise(node, promise(&records()[..count]));
            }
            // Of three the fourth that is needed counts in no rank.
            if held.len() == READ_QUORUM {
                recovery.on_promise(READ_QUORUM, Promise { hydrated: false, ..promise(&records()) });
            }
            recovery.on_grace();
            let (found, table) = recovery.decided().expect("four are enough");
            assert_eq!(found, Lsn(vdl), "{held:?}: {why}");
            let last = table.last().expect("the new entry");
            assert_eq!((last.ballot, last.vdl, last.first_lsn), (ballot(1), found, Lsn(vdl + 1001)));
        }
    }

    #[test]
    fn what_four_lack_is_copied_and_then_it_opens() {
        let mut recovery = start();
        for (node, count) in [(0, 3), (1, 3), (2, 1), (3, 0)] {
            recovery.on_promise(node, promise(&records()[..count]));
        }
        assert_eq!(recovery.on_grace().len(), COPIES);
        let mut copies = Vec::new();
        for (node, scl) in [(0, 30), (1, 30), (2, 10), (3, 0)] {
            assert_eq!(recovery.on_installed(node), [Action::Ask { node }]);
            copies.extend(recovery.on_marks(node, &[(G, Lsn(scl))]));
        }
        let copy = |to, after| Action::Copy { group: G, from: 0, to, after: Lsn(after), up_to: Lsn(30) };
        assert_eq!(copies, [copy(2, 10), copy(3, 0)]);
        assert_eq!(recovery.on_copied(2, G, Some(Lsn(30))), []);
        let done = recovery.on_copied(3, G, Some(Lsn(30)));
        let [Action::Done(recovered)] = &done[..] else { panic!("{done:?}") };
        assert_eq!((recovered.vdl, &recovered.tails[..]), (Lsn(30), &[(G, Lsn(30))][..]));
    }

    #[test]
    fn a_refusal_means_a_higher_ballot_and_an_older_one_means_nothing() {
        let mut recovery = start();
        assert_eq!(recovery.on_refused(Ballot::ZERO), []);
        assert_eq!(recovery.on_refused(ballot(7)), [Action::Restart { above: ballot(7) }]);
        assert_eq!(recovery.on_promise(0, promise(&[])), [], "it is over");
    }

    /// F4: three can never adopt a table for good, so that nobody is asked to.
    #[test]
    fn three_promises_install_nothing_and_the_fourth_decides_whenever_it_comes() {
        let mut recovery = start();
        for node in 0..3 {
            assert_eq!(recovery.on_promise(node, promise(&records())), []);
        }
        for node in 3..COPIES {
            assert_eq!(recovery.on_unreachable(node), [], "everyone has answered or is gone");
        }
        assert_eq!(recovery.on_grace(), []);
        assert_eq!(recovery.decided(), None);
        // With members that are away as without them.
        let mut waiting = start();
        for node in 0..3 {
            waiting.on_promise(node, promise(&records()));
        }
        assert_eq!(waiting.on_grace(), []);
        for mut recovery in [recovery, waiting] {
            let late = recovery.on_promise(4, Promise { hydrated: false, ..promise(&[]) });
            assert_eq!(late.len(), COPIES, "it need not be whole");
            assert_eq!(recovery.decided().map(|(vdl, _)| vdl), Some(Lsn(30)));
        }
    }

    #[test]
    fn two_records_after_the_same_one_are_corruption() {
        let mut recovery = start();
        for node in 0..4 {
            recovery.on_promise(node, promise(&[record(10, 0, true), record(20, 10, true), record(25, 10, true)]));
        }
        assert!(matches!(recovery.on_grace()[..], [Action::Corrupt(_)]));
    }

    /// T7: F is being replaced by G, seat 6. One row a set of those who promise: does it decide?
    #[test]
    fn both_sets_must_be_heard_and_who_joins_counts_in_none() {
        for (heard, decides, why) in [
            (&[0, 1, 6][..], false, "the one that joins holds nothing: three of neither"),
            (&[0, 1, 5], false, "three of the old six, two of the new"),
            (&[0, 1, 5, 6], false, "and the one that joins is not the third"),
            (&[0, 1, 2], false, "those who stay, and four of neither can adopt the table"),
            (&[0, 1, 2, 6], false, "nor four of the old six"),
            (&[0, 1, 2, 3], true, "those who stay"),
            (&[0, 1, 2, 5, 6], true, "with others beside them"),
        ] {
            let mut recovery = start_with(&[5]);
            for &node in heard {
                recovery.on_promise(node, Promise { hydrated: node != 6, ..promise(&records()) });
            }
            assert_eq!(!recovery.on_grace().is_empty(), decides, "{heard:?}: {why}");
        }
    }

    #[test]
    fn a_higher_membership_ends_the_attempt_and_a_lower_one_does_not() {
        let heard = |epoch| MembershipId { ballot: Ballot::ZERO, epoch };
        let members = (heard(2), Configuration::default());
        let mut recovery = Recovery::start(Rules::default(), ballot(1), Lsn::ZERO, 1000, members).0;
        assert_eq!(recovery.on_promise(0, Promise { membership: heard(1), ..promise(&[]) }), []);
        let higher = recovery.on_promise(1, Promise { membership: heard(3), ..promise(&[]) });
        assert_eq!(higher, [Action::Restart { above: ballot(1) }]);
    }

    #[test]
    fn a_replacement_needs_copies_and_tables_in_both_sets() {
        let mut recovery = start_with(&[5]);
        for node in [0, 1, 2, 5] {
            recovery.on_promise(node, promise(&records()));
        }
        recovery.on_promise(3, promise(&[]));
        assert_eq!(recovery.on_grace().len(), COPIES + 1);
        let mut copies = Vec::new();
        for (node, scl) in [(0, 30), (1, 30), (2, 30), (5, 30), (3, 0)] {
            recovery.on_installed(node);
            copies.extend(recovery.on_marks(node, &[(G, Lsn(scl))]));
        }
        let copy = Action::Copy { group: G, from: 0, to: 3, after: Lsn(0), up_to: Lsn(30) };
        assert_eq!(copies, [copy], "four of the old six have it, three of the new");
        assert!(matches!(recovery.on_copied(3, G, Some(Lsn(30)))[..], [Action::Done(_)]));
    }
}
