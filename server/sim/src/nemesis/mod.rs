//! The nemesis: does harm, within a budget, and undoes it after a while.
//!
//! **Budget.** What the design promises to survive: any number of deaths, stops and cuts that end; of *damage* (a flipped
//! bit, a failed fsync's lost write, a disk that is gone) at most two members at a time, for two further copies may be
//! behind; a member that was replaced is none any more. Everything is mended before the run is judged; until then the
//! cluster may be unavailable, and never wrong.
//!
//! Most harm is blind: drawn, done, undone. An [ambush] waits for a dangerous moment and is there when it comes. A run knows
//! all kinds, or a few, or ambushes alone.

mod ambush;
mod replacement;

use crate::cluster::{Cluster, SERVERS};
use crate::machine::{Death, zone_of};
use crate::net::{Weather, node_process};
use crate::random::Random;
use crate::server::{Role, State};
use crate::tally::Fault;
use crate::world::ProcessId;
use protocol::task::sleep;
use std::sync::Arc;
use std::time::Duration;
use storage::quorum::COPIES;

/// Room that a full disk has, in bytes.
const ROOM_BYTES: u64 = 3000;

/// See the module.
pub struct Nemesis {
    cluster: Arc<Cluster>,
    random: Random,
}

impl Nemesis {
    /// One for this cluster.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>) -> Nemesis {
        let random = Random::new(cluster.seed, 3);
        Nemesis { cluster, random }
    }

    /// Does harm for `during`, of all kinds that the seed draws or of one `only`, and hands its randomness on for the healing.
    pub async fn rage(mut self, during: Duration, only: Option<Harm>) -> Random {
        self.cluster.net.set_weather(Weather {
            lost_permille: self.random.pick(&[0, 2, 10, 40]),
            repeated_permille: self.random.pick(&[0, 5, 30]),
            late_permille: self.random.pick(&[0, 10, 50]),
        });
        // Some runs know a few kinds only, so that what one kind does is not drowned by the others.
        let (kinds, during): (Vec<Harm>, Duration) = match self.random.below(3) {
            _ if only.is_some() => (only.into_iter().collect(), during * 2),
            0 => (Harm::ALL.to_vec(), during),
            1 => ((0..self.random.between(2, 5)).map(|_| self.random.pick(Harm::ALL)).collect(), during),
            _ => ((0..self.random.between(1, 3)).map(|_| self.random.pick(Harm::AMBUSHES)).collect(), during * 2),
        };
        let until = self.cluster.world.time() + during;
        let ambushes = kinds.iter().all(|harm| Harm::AMBUSHES.contains(harm));
        let pause = match self.random.chance(200) {
            _ if ambushes => (10, 150),
            true => (800, 4000),
            false => (20, 700),
        };
        while self.cluster.world.time() < until {
            let pause = self.random.millis(pause.0, pause.1);
            sleep(pause).await;
            let harm = self.random.pick(&kinds);
            self.harm(harm).await;
            self.supervise();
        }
        self.random
    }

    fn later(&self, after: Duration, undo: impl FnOnce(&Arc<Cluster>) + Send + 'static) {
        let cluster = self.cluster.clone();
        self.cluster.world.spawn_in(ProcessId::WORLD, async move {
            sleep(after).await;
            if !cluster.is_over() {
                undo(&cluster);
            }
        });
    }

    fn any_process(&mut self) -> ProcessId {
        let nodes = self.cluster.seated();
        let at = self.random.index(nodes.len() + SERVERS);
        nodes.get(at).map_or_else(|| self.cluster.servers[at - nodes.len()].process, |node| node_process(*node))
    }

    fn everyone(&self) -> Vec<ProcessId> {
        self.cluster.all().map(node_process).chain(self.cluster.servers.iter().map(|server| server.process)).collect()
    }

    fn while_long(&mut self) -> Duration {
        if self.random.chance(150) { self.random.millis(2000, 8000) } else { self.random.millis(20, 1500) }
    }

    fn cut(&mut self, cuts: Vec<(ProcessId, ProcessId)>) {
        cuts.iter().for_each(|(from, to)| self.cluster.net.cut(*from, *to));
        let during = self.while_long();
        self.later(during, move |cluster| cuts.iter().for_each(|(from, to)| cluster.net.mend(*from, *to)));
    }

    fn count(&self, fault: Fault, whom: &dyn std::fmt::Debug) {
        self.cluster.world.note(|| format!("* {}: {whom:?}", fault.name()));
        self.cluster.tally.count(fault);
    }

    fn kill_node(&mut self, index: usize, death: Death) {
        if !self.cluster.machines[index].is_up() {
            return;
        }
        self.cluster.machines[index].die(death, &mut self.random);
        let after = self.while_long();
        self.later(after, move |cluster| start_node(cluster, index));
    }

    fn kill_server(&mut self, index: usize) {
        self.cluster.servers[index].die(&self.cluster);
        // A command line says what it is started as: a writer that comes back takes the volume over.
        let role = if self.random.chance(250) { Role::Writer } else { Role::Replica };
        let after = self.random.millis(10, 2000);
        self.later(after, move |cluster| {
            let server = &cluster.servers[index];
            if !server.is_up() {
                server.start(cluster, role);
            }
        });
    }

    fn writer(&self) -> Option<usize> {
        self.cluster.writer().map(|(server, ..)| server.index)
    }

    fn a_replica(&mut self) -> Option<usize> {
        let replicas: Vec<usize> =
            self.cluster.servers.iter().filter(|s| matches!(s.state(), State::Replica(..))).map(|s| s.index).collect();
        (!replicas.is_empty()).then(|| self.random.pick(&replicas))
    }

    /// What an operator does: restarts nodes whose disk failed, and has a writer when there is none for long.
    fn supervise(&mut self) {
        for index in self.cluster.all() {
            let machine = &self.cluster.machines[index];
            if machine.is_up() && !machine.is_well() {
                self.kill_node(index, Death::PowerLost);
            }
        }
        let servers = &self.cluster.servers;
        let nobody = self.writer().is_none() && !servers.iter().any(|server| server.is_recovering());
        if nobody
            && self.random.chance(400)
            && let Some(index) = self.a_replica()
        {
            self.cluster.servers[index].promote();
        }
    }

    async fn harm(&mut self, harm: Harm) {
        let seated = self.cluster.seated();
        let node = self.random.pick(&seated);
        let server = self.random.index(SERVERS);
        match harm {
            Harm::Isolate => {
                let alone = self.any_process();
                self.count(Fault::Isolated, &alone);
                let others = self.everyone().into_iter().filter(|other| *other != alone);
                self.cut(others.flat_map(|other| [(alone, other), (other, alone)]).collect());
            }
            Harm::OneWay => {
                let (from, to) = (self.any_process(), self.any_process());
                self.count(Fault::OneWay, &(from, to));
                self.cut(vec![(from, to)]);
            }
            Harm::Halve => {
                let process = self.cluster.servers[self.writer().unwrap_or(server)].process;
                self.count(Fault::Halved, &process);
                let (seats, first) = (self.cluster.seats(), self.random.index(COPIES));
                let half = (0..COPIES / 2).flat_map(|at| &seats[(first + at) % COPIES]).map(|node| node_process(*node));
                self.cut(half.flat_map(|node| [(node, process), (process, node)]).collect());
            }
            Harm::PartZones => {
                let zone = self.random.index(3);
                self.count(Fault::ZonesParted, &zone);
                let inside = |process: &ProcessId| self.zone_of(*process) == zone;
                let (ours, theirs): (Vec<_>, Vec<_>) = self.everyone().into_iter().partition(inside);
                let pairs = ours.iter().flat_map(|a| theirs.iter().flat_map(|b| [(*a, *b), (*b, *a)]));
                let pairs = pairs.collect();
                self.cut(pairs);
            }
            Harm::SlowNode => {
                self.count(Fault::NodeSlow, &node);
                let times = self.random.between(10, 50) as u32;
                self.cluster.net.set_slow(node_process(node), times);
                let during = self.while_long();
                self.later(during, move |cluster| cluster.net.set_slow(node_process(node), 1));
            }
            Harm::StopNode => {
                self.count(Fault::NodeStopped, &node);
                self.stop(node_process(node));
            }
            Harm::KillNode => {
                let (death, fault) = self.random.pick(&[
                    (Death::Killed, Fault::NodeKilled),
                    (Death::PowerLost, Fault::NodePowerLost),
                    (Death::Torn, Fault::NodeTorn),
                ]);
                self.count(fault, &node);
                self.kill_node(node, death);
            }
            Harm::DieFlushing => {
                self.count(Fault::NodeDiesFlushing, &node);
                let syncs = self.random.below(4);
                self.cluster.machines[node].disk().cut_sync_after(syncs);
                // Until then it acknowledges nothing more; then what it had written is torn.
                let pause = self.random.millis(2, 60);
                sleep(pause).await;
                self.kill_node(node, Death::Torn);
            }
            Harm::FailFsync if self.cluster.may_damage(node) => {
                self.count(Fault::FsyncFailed, &node);
                let syncs = self.random.below(4);
                self.cluster.machines[node].disk().fail_sync_after(syncs);
            }
            Harm::FillDisk => {
                self.count(Fault::DiskFull, &node);
                self.cluster.machines[node].disk().set_room(Some(ROOM_BYTES));
                let during = self.while_long();
                self.later(during, move |cluster| cluster.machines[node].disk().set_room(None));
            }
            Harm::Rot if self.cluster.may_damage(node) => {
                let death = self.random.pick(&[Death::Killed, Death::PowerLost]);
                self.kill_node(node, death);
                let flips = self.random.between(1, 4);
                for _ in 0..flips {
                    if let Some(what) = self.cluster.machines[node].rot(&mut self.random) {
                        self.count(Fault::BitRot, &(node, what));
                    }
                }
            }
            Harm::FailFsync | Harm::Rot => {}
            Harm::LoseZone => {
                let zone = self.random.index(3);
                self.count(Fault::ZoneLost, &zone);
                for (at, node) in seated.into_iter().filter(|node| zone_of(*node) == zone).enumerate() {
                    self.kill_node(node, [Death::PowerLost, Death::Torn][at % 2]);
                }
                self.kill_server(zone);
            }
            Harm::LosePower => {
                self.count(Fault::AllPowerLost, &"");
                for index in self.cluster.all() {
                    let death = self.random.pick(&[Death::PowerLost, Death::Torn]);
                    self.kill_node(index, death);
                }
            }
            Harm::Replace => self.replace().await,
            Harm::JumpClock => {
                self.count(Fault::ClockJumped, &node);
                let by = self.random.millis(100, 20_000);
                self.cluster.machines[node].jump_clock(by);
            }
            Harm::SetCalendar => {
                self.count(Fault::CalendarJumped, &server);
                let ahead = self.random.millis(0, 200 * 3_600_000).as_micros() as i64;
                let ahead = if self.random.chance(500) { ahead } else { -ahead };
                self.cluster.servers[server].set_calendar(ahead);
            }
            Harm::LoseBook => {
                self.count(Fault::BookLost, &"");
                self.cluster.net.set_book_down(true);
                let during = self.while_long();
                self.later(during, |cluster| cluster.net.set_book_down(false));
            }
            Harm::Upgrade => {
                let zone = self.random.index(3);
                self.count(Fault::OtherVersion, &zone);
                let nodes: Vec<usize> = self.cluster.all().filter(|node| zone_of(*node) == zone).collect();
                self.cluster.net.set_upgraded(&nodes, true);
                let during = self.while_long();
                self.later(during, move |cluster| cluster.net.set_upgraded(&nodes, false));
            }
            Harm::StopServer => {
                self.count(Fault::ServerStopped, &server);
                self.stop(self.cluster.servers[server].process);
            }
            Harm::KillServer => {
                let server = if self.random.chance(500) { self.writer().unwrap_or(server) } else { server };
                self.count(Fault::ServerKilled, &server);
                self.kill_server(server);
            }
            Harm::Promote => {
                let Some(replica) = self.a_replica() else { return };
                self.count(Fault::Promoted, &replica);
                self.cluster.servers[replica].promote();
                if self.random.chance(300) {
                    let pause = self.random.millis(1, 60);
                    sleep(pause).await;
                    if self.cluster.servers[replica].is_recovering() {
                        self.count(Fault::RecoveryKilled, &replica);
                        self.kill_server(replica);
                    }
                }
            }
            Harm::PromoteAround => {
                let (Some(writer), Some(replica)) = (self.writer(), self.a_replica()) else { return };
                self.count(Fault::PromotedAround, &(writer, replica));
                self.stop(self.cluster.servers[writer].process);
                let pause = self.random.millis(0, 20);
                sleep(pause).await;
                self.cluster.servers[replica].promote();
            }
            Harm::Relay
            | Harm::Swap
            | Harm::Amnesia
            | Harm::DieFlushingAll
            | Harm::ReadStale
            | Harm::Revive
            | Harm::Usurp => {
                let Some(writer) = self.await_writer_and_heir().await else { return };
                match harm {
                    Harm::Relay => self.relay(writer).await,
                    Harm::Swap => self.swap(writer).await,
                    Harm::Amnesia => self.amnesia(writer).await,
                    Harm::ReadStale => self.read_stale(writer).await,
                    Harm::Revive => self.revive(writer).await,
                    Harm::Usurp => self.usurp(writer).await,
                    _ => self.die_flushing_all().await,
                }
            }
            Harm::Race => {
                let replicas: Vec<_> =
                    self.cluster.servers.iter().filter(|server| matches!(server.state(), State::Replica(..))).collect();
                if let [one, other] = replicas[..] {
                    self.count(Fault::Raced, &(one.index, other.index));
                    one.promote();
                    other.promote();
                }
            }
        }
    }

    fn stop(&mut self, process: ProcessId) {
        self.cluster.world.set_stopped(process, true);
        let during = self.while_long();
        self.later(during, move |cluster| cluster.world.set_stopped(process, false));
    }

    fn zone_of(&self, process: ProcessId) -> usize {
        let servers = self.cluster.servers.iter().position(|server| server.process == process);
        let node = || self.cluster.all().find(|node| node_process(*node) == process).unwrap_or_default();
        servers.unwrap_or_else(|| zone_of(node()))
    }
}

fn start_node(cluster: &Arc<Cluster>, index: usize) {
    let machine = &cluster.machines[index];
    if machine.is_up() || !machine.is_in_use() {
        return;
    }
    if let Err(why) = machine.start() {
        cluster.world.note(|| format!("node {index} does not start: {why}"));
    }
}

/// What can be done. [`Fault`] says what each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    Isolate,
    OneWay,
    Halve,
    PartZones,
    SlowNode,
    StopNode,
    KillNode,
    DieFlushing,
    FailFsync,
    FillDisk,
    Rot,
    LoseZone,
    LosePower,
    JumpClock,
    SetCalendar,
    LoseBook,
    Upgrade,
    StopServer,
    KillServer,
    Promote,
    PromoteAround,
    Race,
    Relay,
    Swap,
    Amnesia,
    DieFlushingAll,
    ReadStale,
    Revive,
    Replace,
    Usurp,
}

impl Harm {
    /// Those that follow a script: the last ones.
    const AMBUSHES: &[Harm] = Harm::ALL.split_at(Harm::Relay as usize).1;

    /// Every kind, in the order of their declaration.
    pub const ALL: &[Harm] = &[
        Harm::Isolate,
        Harm::OneWay,
        Harm::Halve,
        Harm::PartZones,
        Harm::SlowNode,
        Harm::StopNode,
        Harm::KillNode,
        Harm::DieFlushing,
        Harm::FailFsync,
        Harm::FillDisk,
        Harm::Rot,
        Harm::LoseZone,
        Harm::LosePower,
        Harm::JumpClock,
        Harm::SetCalendar,
        Harm::LoseBook,
        Harm::Upgrade,
        Harm::StopServer,
        Harm::KillServer,
        Harm::Promote,
        Harm::PromoteAround,
        Harm::Race,
        Harm::Relay,
        Harm::Swap,
        Harm::Amnesia,
        Harm::DieFlushingAll,
        Harm::ReadStale,
        Harm::Revive,
        Harm::Replace,
        Harm::Usurp,
    ];
}
