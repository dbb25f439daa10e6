//! Ambushes: harm that waits for the moments in which a recovery can go wrong.
//!
//! Each of them is a short script. It holds nodes back so that redo lies on a few of them, stops a server in the very step
//! in which it tells a client or opens the volume, and decides whom the next recovery hears. What it does is what networks,
//! kernels and power supplies do on a bad day; only the timing is chosen.

use super::{Nemesis, start_node};
use crate::cluster::{Cluster, SERVERS};
use crate::ledger::Moment;
use crate::machine::{Death, Machine};
use crate::net::node_process;
use crate::server::Role;
use crate::tally::Fault;
use crate::world::ProcessId;
use protocol::task::sleep;
use std::collections::BTreeMap;
use std::time::Duration;
use storage::quorum::{COPIES, READ_QUORUM};

/// How often a script looks whether its moment has come.
const LOOKS: Duration = Duration::from_micros(500);

pub(super) type Cuts = Vec<(ProcessId, ProcessId)>;

fn processes(nodes: &[usize]) -> Vec<ProcessId> {
    nodes.iter().map(|node| node_process(*node)).collect()
}

/// What a node has flushed, by group.
fn flushed(cluster: &Cluster, node: usize) -> BTreeMap<u32, u64> {
    let marks = cluster.machines[node].status().map(|status| status.marks).unwrap_or_default();
    marks.into_iter().map(|mark| (mark.group, mark.scl_flushed)).collect()
}

/// Whether one of `nodes` has flushed redo that none of `rest` has.
fn is_ahead(cluster: &Cluster, nodes: &[usize], rest: &[usize]) -> bool {
    let rest: Vec<_> = rest.iter().map(|node| flushed(cluster, *node)).collect();
    let above = |(group, scl): (&u32, &u64)| rest.iter().all(|marks| marks.get(group).is_none_or(|other| other < scl));
    nodes.iter().any(|node| flushed(cluster, *node).iter().any(above))
}

impl Nemesis {
    /// The nodes on each of the six seats, in a drawn order of the seats.
    pub(super) fn shuffled_seats(&mut self) -> Vec<Vec<usize>> {
        let mut order = self.cluster.seats();
        for at in (1..COPIES).rev() {
            order.swap(at, self.random.index(at + 1));
        }
        order
    }

    /// Between each of `some` and each of `others` nothing passes.
    pub(super) fn sever(&self, some: &[ProcessId], others: &[ProcessId]) -> Cuts {
        let pairs = some.iter().flat_map(|a| others.iter().filter(move |b| *b != a).flat_map(|b| [(*a, *b), (*b, *a)]));
        let cuts: Cuts = pairs.collect();
        cuts.iter().for_each(|(from, to)| self.cluster.net.cut(*from, *to));
        cuts
    }

    /// Nodes hear nobody, and nobody hears them.
    fn sever_nodes(&self, nodes: &[usize]) -> Cuts {
        self.sever(&processes(nodes), &self.everyone())
    }

    pub(super) fn mend_cuts(&self, cuts: &Cuts) {
        cuts.iter().for_each(|(from, to)| self.cluster.net.mend(*from, *to));
    }

    /// Waits until `come`, at most for so long. Says whether it came.
    pub(super) async fn await_moment(&self, at_most: Duration, come: impl Fn() -> bool) -> bool {
        let until = self.cluster.world.time() + at_most;
        while !come() {
            if self.cluster.world.time() >= until {
                return false;
            }
            sleep(LOOKS).await;
        }
        true
    }

    /// Stops a server in the step in which it comes to `moment`, or soon. It goes on, or dies, after a while.
    async fn stop_at(&mut self, server: usize, moment: Moment, at_most: Duration) {
        let process = self.cluster.servers[server].process;
        self.cluster.ledger.set_trap(process, moment);
        let ledger = self.cluster.ledger.clone();
        self.await_moment(at_most, || !ledger.is_trap_set()).await;
        if self.cluster.ledger.clear_trap() {
            self.cluster.world.set_stopped(process, true);
        } else {
            let fault = if moment == Moment::Told { Fault::StoppedTelling } else { Fault::StoppedOpening };
            self.count(fault, &server);
        }
    }

    /// A stopped server goes on after a while, or dies now.
    fn release(&mut self, server: usize) {
        if self.random.chance(500) {
            self.kill_server(server);
        } else {
            let process = self.cluster.servers[server].process;
            let after = self.random.millis(50, 1500);
            self.later(after, move |cluster| cluster.world.set_stopped(process, false));
        }
    }

    /// How many of `nodes` have promised a ballot above every one that opened, or is the writer's.
    fn promised(&self, nodes: &[usize], above: u64) -> usize {
        let promised =
            |node: &&usize| self.cluster.machines[**node].status().is_some_and(|status| status.promised > above);
        nodes.iter().filter(promised).count()
    }

    fn highest_promise(&self) -> u64 {
        let promised = |machine: &Machine| machine.status().map(|status| status.promised);
        self.cluster.machines.iter().filter_map(promised).max().unwrap_or_default()
    }

    /// Has a server take the volume over while it hears only `heard`, at least until it has decided. The cuts of `before` end
    /// in the same moment.
    pub(super) async fn take_over_hearing(&mut self, server: usize, heard: &[usize], before: Cuts) -> Cuts {
        let deaf: Vec<usize> = self.cluster.all().filter(|node| !heard.contains(node)).collect();
        self.mend_cuts(&before);
        let cuts = self.sever_from(server, &deaf);
        let above = self.highest_promise();
        self.promote_follower(server);
        self.await_moment(Duration::from_millis(400), || self.promised(heard, above) == heard.len()).await;
        // Its grace for the others is over in between, or not yet.
        let pause = self.random.millis(5, 60);
        sleep(pause).await;
        cuts
    }

    /// Nodes are cut off from a server and from all nodes; from the other servers too, or not.
    fn sever_from(&mut self, server: usize, nodes: &[usize]) -> Cuts {
        let mut others: Vec<ProcessId> = self.cluster.all().map(node_process).collect();
        if self.random.chance(500) {
            others = self.everyone();
        } else {
            others.push(self.cluster.servers[server].process);
        }
        self.sever(&processes(nodes), &others)
    }

    /// Who can be promoted; when there is nobody, a server is asked to take over as it starts.
    pub(super) fn a_candidate(&mut self, other_than: Option<usize>) -> Option<usize> {
        let first = self.random.index(SERVERS);
        let mut order = (0..SERVERS).map(|at| (first + at) % SERVERS).filter(|server| Some(*server) != other_than);
        let is_replica = |server: &usize| {
            let server = &self.cluster.servers[*server];
            server.is_following() && !self.cluster.world.is_stopped(server.process)
        };
        let found = order.clone().find(is_replica);
        found.or_else(|| {
            let down = order.find(|server| !self.cluster.servers[*server].is_up())?;
            self.cluster.servers[down].start(&self.cluster, Role::Writer);
            Some(down)
        })
    }

    /// Waits for a writer and for somebody who can take its place: without them there is nothing to ambush.
    pub(super) async fn await_writer_and_heir(&mut self) -> Option<usize> {
        let cluster = self.cluster.clone();
        let ready = || cluster.writer().is_some() && cluster.servers.iter().any(|server| server.is_following());
        for _ in 0..4 {
            if self.await_moment(Duration::from_millis(500), ready).await {
                return self.writer();
            }
            self.supervise();
        }
        None
    }

    /// Takeovers in quick succession. What a writer wrote last lies on one to three nodes, and by turns they are among those
    /// that the next recovery hears, and are not.
    pub(super) async fn relay(&mut self, mut writer: usize) {
        self.count(Fault::Relayed, &writer);
        let order = self.shuffled_seats();
        let (ahead, rest) = order.split_at(self.random.between(1, 4) as usize);
        let far = processes(&rest.concat());
        let mut hears_ahead = self.random.chance(500);
        let mut away = Cuts::new();
        for _ in 0..self.random.between(2, 5) {
            let process = self.cluster.servers[writer].process;
            if !self.cluster.world.is_stopped(process) {
                away.extend(self.sever(&[process], &far));
                let pause = self.random.millis(2, 40);
                sleep(pause).await;
                self.cluster.world.set_stopped(process, true);
                self.release(writer);
            }
            let Some(next) = self.a_candidate(Some(writer)) else { break };
            if self.random.chance(300) {
                self.kill_server(SERVERS - writer - next);
            }
            let mut heard: Vec<_> = if hears_ahead { order.clone() } else { rest.iter().rev().cloned().collect() };
            heard.truncate(READ_QUORUM);
            let mut back: Vec<_> = rest.iter().filter(|seat| !heard.contains(seat)).cloned().collect();
            if back.is_empty() || self.random.chance(300) {
                back.extend_from_slice(ahead);
            }
            let cuts = self.take_over_hearing(next, &heard.concat(), std::mem::take(&mut away)).await;
            if self.random.chance(200) {
                let pause = self.random.millis(0, 40);
                sleep(pause).await;
                if self.cluster.servers[next].is_recovering() {
                    self.count(Fault::RecoveryKilled, &next);
                    self.kill_server(next);
                }
            }
            let back = processes(&back.concat());
            let (back, others): (Cuts, Cuts) =
                cuts.into_iter().partition(|(from, to)| back.contains(from) || back.contains(to));
            self.mend_cuts(&back);
            away = others;
            let opened = Duration::from_millis(800);
            match self.random.below(4) {
                0 | 1 => self.stop_at(next, Moment::Opened, opened).await,
                2 => self.stop_at(next, Moment::Told, opened).await,
                _ => {
                    let server = self.cluster.servers[next].clone();
                    self.await_moment(opened, || server.writing().is_some()).await;
                    let pause = self.random.millis(0, 50);
                    sleep(pause).await;
                }
            }
            if self.cluster.world.is_stopped(self.cluster.servers[next].process) {
                self.release(next);
            }
            writer = next;
            hears_ahead ^= self.random.chance(800);
        }
        // What was held back arrives now or a little later.
        let during = self.random.millis(0, 400);
        self.later(during, move |cluster| away.iter().for_each(|(from, to)| cluster.net.mend(*from, *to)));
    }

    /// Lets what a writer writes last come to one or two seats only, and stops it there. Tells their nodes, those of the
    /// others, and the cuts around the writer.
    async fn leave_behind(&mut self, writer: usize) -> (Vec<Vec<usize>>, Vec<Vec<usize>>, Cuts) {
        let process = self.cluster.servers[writer].process;
        let order = self.shuffled_seats();
        let (ahead, rest) = order.split_at(self.random.between(1, 3) as usize);
        let others = rest.concat();
        let mut cuts = self.sever(&[process], &processes(&others));
        cuts.extend(self.sever(&processes(&ahead.concat()), &processes(&others)));
        let cluster = self.cluster.clone();
        self.await_moment(Duration::from_millis(200), || is_ahead(&cluster, &ahead[0], &others)).await;
        let pause = self.random.millis(0, 20);
        sleep(pause).await;
        self.cluster.world.set_stopped(process, true);
        (ahead.to_vec(), rest.to_vec(), cuts)
    }

    /// One or two nodes have the writer's last redo, and miss the takeover that annuls it. A replica with an empty cache, which
    /// reaches them, starts before the new writer has written anything, or when it has written a little, elsewhere: then the
    /// read point lies above what is annulled, and only the ballot tells that those nodes must not answer.
    pub(super) async fn read_stale(&mut self, writer: usize) {
        let Some(next) = self.a_candidate(Some(writer)) else { return };
        let third = SERVERS - writer - next;
        self.count(Fault::ReadStale, &third);
        let (ahead, rest, former) = self.leave_behind(writer).await;
        let mut others: Vec<ProcessId> = self.cluster.all().map(node_process).collect();
        others.push(self.cluster.servers[next].process);
        let missed = self.sever(&processes(&ahead.concat()), &others);
        self.promote_follower(next);
        if self.random.chance(300) {
            self.stop_at(next, Moment::Opened, Duration::from_millis(400)).await;
        } else {
            let highest = ahead.iter().flatten().flat_map(|node| flushed(&self.cluster, *node).into_values()).max();
            let cluster = self.cluster.clone();
            let heard = |node: &usize| {
                cluster.machines[*node].status().is_some_and(|status| Some(status.flushed_vdl_heard) > highest)
            };
            let written = || rest.iter().filter(|seat| seat.iter().all(heard)).count() >= READ_QUORUM;
            self.await_moment(Duration::from_millis(800), written).await;
            self.cluster.world.set_stopped(self.cluster.servers[next].process, true);
        }
        self.cluster.servers[third].die(&self.cluster);
        self.cluster.servers[third].start(&self.cluster, Role::Replica);
        let pause = self.random.millis(50, 400);
        sleep(pause).await;
        self.cluster.world.set_stopped(self.cluster.servers[next].process, false);
        self.mend_cuts(&missed);
        self.mend_cuts(&former);
        self.release(writer);
    }

    /// One or two nodes have the writer's last redo, and miss the takeover that annuls it. Before its writer has written
    /// anything another server takes over, and hears one of them: what it has continues the volume as well as nothing does,
    /// and only the table tells that it is annulled.
    pub(super) async fn revive(&mut self, writer: usize) {
        let Some(next) = self.a_candidate(Some(writer)) else { return };
        self.count(Fault::Revived, &next);
        let (ahead, rest, former) = self.leave_behind(writer).await;
        let missed = self.sever(&processes(&ahead.concat()), &self.everyone());
        self.promote_follower(next);
        self.stop_at(next, Moment::Opened, Duration::from_millis(600)).await;
        if let Some(third) = self.a_candidate(Some(next)) {
            let heard = [&*ahead[0], &rest[0], &rest[1]].concat();
            let mut before = missed;
            before.extend(former);
            let cuts = self.take_over_hearing(third, &heard, before).await;
            self.mend_cuts(&cuts);
            let server = self.cluster.servers[third].clone();
            self.await_moment(Duration::from_millis(800), || server.writing().is_some()).await;
        } else {
            self.mend_cuts(&missed);
            self.mend_cuts(&former);
        }
        self.release(next);
        self.release(writer);
    }

    pub(super) fn promote_follower(&self, server: usize) {
        if self.cluster.servers[server].is_following() {
            self.cluster.servers[server].promote();
        }
    }

    /// Two nodes fall behind; then they, and one that did not, are all that a takeover hears, while the writer's last words
    /// have just reached a client.
    pub(super) async fn swap(&mut self, writer: usize) {
        self.count(Fault::Swapped, &writer);
        let order = self.shuffled_seats();
        let behind = self.sever_nodes(&order[..2].concat());
        let pause = self.random.millis(20, 400);
        sleep(pause).await;
        self.stop_at(writer, Moment::Told, Duration::from_millis(200)).await;
        let Some(next) = self.a_candidate(Some(writer)) else {
            self.release(writer);
            return self.mend_cuts(&behind);
        };
        let cuts = self.take_over_hearing(next, &order[..READ_QUORUM].concat(), behind).await;
        self.mend_cuts(&cuts);
        self.release(writer);
        let server = self.cluster.servers[next].clone();
        self.await_moment(Duration::from_millis(800), || server.writing().is_some()).await;
    }

    /// Three nodes promise, and the recoverer decides by what they say. Before it goes on, some of them lose power, and the
    /// former writer, which knows of nothing, reaches them again.
    pub(super) async fn amnesia(&mut self, writer: usize) {
        let Some(next) = self.a_candidate(Some(writer)) else { return };
        self.count(Fault::PromiserDied, &next);
        let (old, new) = (self.cluster.servers[writer].process, self.cluster.servers[next].process);
        let order = self.shuffled_seats();
        let three = order[..READ_QUORUM].concat();
        let before = self.sever(&[old], &processes(&three));
        let pause = self.random.millis(1, 30);
        sleep(pause).await;
        let cuts = self.take_over_hearing(next, &three, Cuts::new()).await;
        self.cluster.world.set_stopped(new, true);
        for node in order[..self.random.between(1, 4) as usize].concat() {
            self.kill_node(node, Death::PowerLost);
            start_node(&self.cluster, node);
        }
        self.mend_cuts(&cuts);
        self.mend_cuts(&before);
        self.stop_at(writer, Moment::Told, Duration::from_millis(600)).await;
        self.cluster.world.set_stopped(new, false);
        let server = self.cluster.servers[next].clone();
        self.await_moment(Duration::from_millis(800), || server.writing().is_some()).await;
        self.release(writer);
    }

    /// All nodes are in an fsync when the power fails.
    pub(super) async fn die_flushing_all(&mut self) {
        self.count(Fault::AllDieFlushing, &"");
        let syncs = self.random.below(3);
        self.cluster.machines.iter().for_each(|machine| machine.disk().cut_sync_after(syncs));
        let pause = self.random.millis(1, 40);
        sleep(pause).await;
        for node in self.cluster.all() {
            let death = self.random.pick(&[Death::PowerLost, Death::Torn]);
            self.kill_node(node, death);
        }
    }
}
