//! Storage nodes that are lost for good, and what happens while they are replaced.
//!
//! A member dies with its disk, or is away for long, or is taken out while it works. Its place is taken by a spare, by a
//! former member, or by itself with an empty disk ([`operator`]). Meanwhile the writer is killed, or another server takes over
//! in the joint state; the change is reverted; the new node dies, or a second member; all nodes lose power; and whoever was
//! replaced comes back with all that it had.

use super::{Nemesis, start_node};
use crate::machine::Death;
use crate::net::node_process;
use crate::operator;
use crate::random::Random;
use crate::tally::Fault;
use crate::world::ProcessId;
use protocol::task::{sleep, timeout};
use std::time::Duration;
use storage::membership::nodes_of;

/// How long a script waits for the writer to begin what it was asked for.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How often somebody looks whether a node that is down is still a member.
const BACK_LOOKS: Duration = Duration::from_millis(25);

/// What becomes of the member that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Its disk is gone.
    Lost,
    /// It is down until it is replaced, or for some seconds, and comes back with all that it had.
    Away,
    /// It works, and is started again once it is replaced.
    Well,
}

/// What happens while it is being replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    WriterDies,
    TakenOver,
    Reverted,
    NewNodeDies,
    NewNodeLost,
    AnotherDies,
    PowerLost,
}

impl Nemesis {
    /// A node's machine, or its disk alone, is gone for good.
    fn lose_disk(&mut self, node: usize) {
        self.count(Fault::DiskLost, &node);
        let machine = &self.cluster.machines[node];
        if machine.is_up() {
            machine.die(Death::PowerLost, &mut self.random);
        }
        self.cluster.lose_disk(node);
        let machine = &self.cluster.machines[node];
        if self.random.chance(500) {
            // A new disk is put in. Else it is scrap, until somebody needs a machine.
            start_node(&self.cluster, node);
        } else {
            machine.abandon();
        }
    }

    fn lose_member(&mut self, node: usize) -> Fate {
        match self.random.below(4) {
            0 | 1 if self.cluster.may_damage(node) => {
                self.lose_disk(node);
                Fate::Lost
            }
            2 => {
                self.bring_back(node, true);
                Fate::Well
            }
            _ => {
                self.count(Fault::NodeKilled, &node);
                let machine = &self.cluster.machines[node];
                if machine.is_up() {
                    machine.die(Death::Killed, &mut self.random);
                }
                self.bring_back(node, false);
                Fate::Away
            }
        }
    }

    /// Starts a node again soon after it is no member any more; one that is down sometimes just after some seconds.
    fn bring_back(&mut self, node: usize, is_well: bool) {
        let (latest, lag) = (self.random.millis(300, 8000), self.random.millis(0, 400));
        let awaits_its_end = is_well || self.random.chance(700);
        let death = self.random.pick(&[Death::Killed, Death::PowerLost, Death::Torn]);
        let (cluster, mut random) = (self.cluster.clone(), Random::new(self.random.bits(), 0));
        self.cluster.world.spawn_in(ProcessId::WORLD, async move {
            let machine = &cluster.machines[node];
            let until = cluster.world.time() + latest;
            let is_out = || !cluster.seated().contains(&node);
            while cluster.world.time() < until && !(awaits_its_end && is_out()) {
                sleep(BACK_LOOKS).await;
            }
            if is_well && is_out() && machine.is_up() && !cluster.is_over() {
                machine.die(death, &mut random);
            }
            sleep(lag).await;
            if machine.is_up() || cluster.is_over() {
                return;
            }
            if machine.is_in_use() && is_out() {
                cluster.world.note(|| format!("* {}: {node}", Fault::FormerMemberBack.name()));
                cluster.tally.count(Fault::FormerMemberBack);
            }
            start_node(&cluster, node);
        });
    }

    /// A member is replaced, and something happens meanwhile.
    pub(super) async fn replace(&mut self) {
        let Some(membership) = self.cluster.membership() else { return };
        let leaves = |place: usize| membership.replacements().iter().any(|it| it.place == place);
        let staying: Vec<usize> = membership
            .members()
            .iter()
            .enumerate()
            .filter(|(place, _)| !leaves(*place))
            .flat_map(|it| nodes_of(it.1))
            .map(|node| node.node as usize)
            .collect();
        let old = self.random.pick(&staying);
        let fate = self.lose_member(old);
        let pause = self.random.millis(0, 400);
        sleep(pause).await;
        let Some(new) = operator::free_machine(&self.cluster, &mut self.random, old) else { return };
        let machine = &self.cluster.machines[new];
        if !machine.is_up() && machine.start().is_err() {
            return;
        }
        self.cluster.world.note(|| format!("* node {old} ({fate:?}) is to be replaced by {new}"));
        let Some(begun) = operator::replace(&self.cluster, old, new) else { return };
        let meanwhile = self.random.pick(&[
            Meanwhile::Nothing,
            Meanwhile::Nothing,
            Meanwhile::WriterDies,
            Meanwhile::TakenOver,
            Meanwhile::Reverted,
            Meanwhile::NewNodeDies,
            Meanwhile::NewNodeLost,
            Meanwhile::AnotherDies,
            Meanwhile::PowerLost,
        ]);
        if self.random.chance(600) {
            // Else it happens while the nodes are being told.
            let _ = timeout(PATIENCE, begun).await;
        }
        let pause = self.random.millis(0, 120);
        sleep(pause).await;
        self.cluster.world.note(|| format!("* meanwhile: {meanwhile:?}"));
        self.cross(meanwhile, old, new);
    }

    fn cross(&mut self, meanwhile: Meanwhile, old: usize, new: usize) {
        let under_way = self.cluster.membership().is_some_and(|membership| !membership.replacements().is_empty());
        match meanwhile {
            Meanwhile::Nothing => {}
            Meanwhile::WriterDies => {
                let Some(writer) = self.writer() else { return };
                if under_way {
                    self.count(Fault::ReplacementCrossed, &writer);
                }
                self.kill_server(writer);
            }
            Meanwhile::TakenOver => {
                let Some(next) = self.a_candidate(self.writer()) else { return };
                if under_way {
                    self.count(Fault::ReplacementCrossed, &next);
                }
                self.promote_follower(next);
            }
            Meanwhile::Reverted => drop(operator::revert(&self.cluster, old)),
            Meanwhile::NewNodeDies => {
                self.count(Fault::NodePowerLost, &new);
                self.kill_node(new, Death::PowerLost);
            }
            Meanwhile::NewNodeLost => {
                // It may be a member by now.
                if self.cluster.may_damage(new) {
                    self.lose_disk(new);
                }
            }
            Meanwhile::AnotherDies => {
                let seated = self.cluster.seated();
                let another = self.random.pick(&seated);
                self.count(Fault::NodeTorn, &another);
                self.kill_node(another, Death::Torn);
            }
            Meanwhile::PowerLost => {
                self.count(Fault::AllPowerLost, &"");
                for node in self.cluster.all() {
                    let death = self.random.pick(&[Death::PowerLost, Death::Torn]);
                    self.kill_node(node, death);
                }
            }
        }
    }

    /// Two members are behind what a writer has written, and its successor, which has nothing of that to send them, reaches
    /// them, while no node does. A third member, which was not behind, loses its disk, and what takes its place reaches the
    /// servers and no node either, so that it stays empty. It and the two are all that a takeover hears: if it counts, what
    /// was acknowledged is lost.
    pub(super) async fn usurp(&mut self, writer: usize) {
        let order = self.shuffled_seats();
        // Of a column one node loses its disk, and the others are where it was.
        let (behind, old, beside) = (order[..2].concat(), order[2][0], &order[2][1..]);
        let settled = self.cluster.membership().is_some_and(|membership| membership.replacements().is_empty());
        let Some(heir) = self.a_candidate(Some(writer)).filter(|_| settled) else { return };
        let nodes: Vec<ProcessId> = self.cluster.all().map(node_process).collect();
        let servers: Vec<ProcessId> = self.cluster.servers.iter().map(|server| server.process).collect();
        let two: Vec<ProcessId> = behind.iter().map(|node| node_process(*node)).collect();
        let mut cuts = self.sever(&two, &nodes);
        let deaf = self.sever(&two, &servers);
        let pause = self.random.millis(20, 200);
        sleep(pause).await;
        self.promote_follower(heir);
        let (cluster, server) = (self.cluster.clone(), self.cluster.servers[heir].clone());
        self.await_moment(Duration::from_millis(800), || server.writing().is_some()).await;
        let next = self.a_candidate(Some(heir));
        if let Some(next) = next.filter(|_| server.writing().is_some() && self.cluster.may_damage(old)) {
            self.count(Fault::Usurped, &(old, next));
            self.count(Fault::DiskLost, &old);
            let machine = &cluster.machines[old];
            if machine.is_up() {
                machine.die(Death::PowerLost, &mut self.random);
            }
            cluster.lose_disk(old);
            let own = self.random.chance(500);
            if !own {
                machine.abandon();
            }
            let new = if own { Some(old) } else { operator::free_machine(&cluster, &mut self.random, old) };
            if let Some(new) = new {
                cuts.extend(self.sever(&[node_process(new)], &nodes));
                if cluster.machines[new].is_up() || cluster.machines[new].start().is_ok() {
                    self.mend_cuts(&deaf);
                    if let Some(begun) = operator::replace(&cluster, old, new) {
                        let _ = timeout(PATIENCE, begun).await;
                    }
                    // Who has nothing is not done with: until that is so, a takeover asks the member that it replaces, too.
                    let done = || server.writing().is_some_and(|(it, _)| it.membership().replacements().is_empty());
                    self.await_moment(Duration::from_millis(300), done).await;
                    cuts = self.take_over_hearing(next, &[&*behind, &[new], beside].concat(), cuts).await;
                }
            }
            self.mend_cuts(&deaf);
            self.mend_cuts(&cuts);
            let server = cluster.servers[next].clone();
            self.await_moment(Duration::from_millis(800), || server.writing().is_some()).await;
        }
        self.mend_cuts(&deaf);
        self.mend_cuts(&cuts);
    }
}
