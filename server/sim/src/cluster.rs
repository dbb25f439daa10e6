//! The cluster of a run: six machines and three spares, three servers, what they share with the checks; its birth, its
//! healing and its end.

use crate::history::{self, Lists, Op, Txn};
use crate::ledger::Ledger;
use crate::machine::{MACHINES, MACHINES_MAX, Machine, Sizes, member};
use crate::net::Net;
use crate::operator;
use crate::random::Random;
use crate::sabotage::Sabotage;
use crate::server::{Role, Server, State};
use crate::tally::{Fault, Tally};
use crate::workload::{OPENING_BALANCE, key, list_in, list_row, number_row};
use crate::world::{ProcessId, World};
use engine::{Engine, Isolation, TreeId, TreeKind};
use parking_lot::Mutex;
use protocol::node::StorageNode;
use protocol::rpc::storage as rpc;
use protocol::task::{sleep, timeout};
use protocol::volume::{Durability, PageSource, RedoLog};
use protocol::{Ballot, FORMAT_VERSION, GroupId, Lsn, Page, PageId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use storage::membership::{MemberName, Membership, node_name, nodes_of};
use storage::quorum::{COPIES, READ_QUORUM, WRITE_QUORUM};
use storage::volume::cluster as calls;
use storage::volume::replica::ReplicaVolume;
use storage::volume::writer::WriterVolume;

/// Servers of a run, one in each zone.
pub const SERVERS: usize = 3;
/// Nodes of a run whose files may be damaged, or gone, at a time.
const DAMAGED_MAX: usize = 2;
/// How long a healed cluster may take to answer, to fill its copies, to bring its replicas up.
const HEAL_TIMEOUT: Duration = Duration::from_secs(120);

/// What a run is made of, drawn from its seed so that boundaries are met.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Pages of a protection group.
    pub pages_per_group: u32,
    /// The allocation limit, in bytes of LSN.
    pub lal_bytes: u64,
    /// Frames of each engine's cache.
    pub cache_pages: usize,
    /// Redo that a replica stages, in bytes.
    pub staged_bytes_max: usize,
    /// Distance at which a replica drops its cache, in bytes of LSN.
    pub far_behind_bytes: u64,
    /// Sessions of each server.
    pub sessions: usize,
    /// The longest pause between two transactions of a session, in microseconds.
    pub think_micros_max: u64,
    /// Accounts, lists, counters.
    pub accounts: u32,
    /// Lists.
    pub lists: u32,
    /// Counters.
    pub counters: u32,
    /// Bytes that make rows long: usually up to this, seldom four times as many.
    pub padding_max: usize,
    /// Of the storage nodes.
    pub sizes: Sizes,
    /// Two nodes share each of the six seats.
    pub columns: bool,
    /// The longest that others run each time that the shipper lets them join a group, in microseconds; 0: they do not.
    pub turn_micros_max: u64,
}

/// Runs whose seats are columns, of a thousand.
const COLUMNS_PERMILLE: u64 = 250;

/// The longest turns that a run may have: half of them have none. Sixteen of the longest are more than a group waits for.
const TURNS_MICROS_MAX: [u64; 6] = [0, 0, 0, 20, 120, 1500];
/// Those of runs in which who joins is told too early: a group has all of them.
const TURNS_MICROS_MAX_SABOTAGED: u64 = 120;

impl Shape {
    /// Draws one.
    #[must_use]
    pub fn draw(random: &mut Random) -> Shape {
        // Some have more pages than any cache, so that they are read from storage again and again.
        let wide = random.chance(250);
        Shape {
            pages_per_group: random.pick(&[4, 8, 16, 64]),
            lal_bytes: random.pick(&[2 << 20, 4 << 20, 16 << 20]),
            cache_pages: if wide { 64 } else { random.pick(&[64, 256]) },
            staged_bytes_max: random.pick(&[16 << 10, 1 << 20]),
            // Always above what one recovery skips, or a replica would never replay one.
            far_behind_bytes: random.pick(&[24 << 20, 1 << 30]),
            sessions: random.between(2, 7) as usize,
            think_micros_max: random.pick(&[5_000, 20_000, 60_000]),
            accounts: if wide { 400 } else { random.pick(&[10, 40, 120]) },
            lists: random.pick(&[2, 5, 12]),
            counters: 3,
            padding_max: if wide { 1200 } else { random.pick(&[0, 100, 700]) },
            sizes: Sizes::draw(random),
            columns: false,
            turn_micros_max: 0,
        }
    }
}

/// The trees of the workload.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Accounts: number to balance.
    pub accounts: TreeId,
    /// Lists: number to values.
    pub lists: TreeId,
    /// Counters: number to count.
    pub counters: TreeId,
    /// Their creation: a snapshot below does not see them.
    pub created: Lsn,
}

/// Who keeps a group on a seat.
fn keeper(seat: &[usize], group: GroupId) -> usize {
    seat[group.0 as usize % seat.len()]
}

/// Increments of a counter.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    begun: i64,
    acknowledged: i64,
}

/// See the module.
pub struct Cluster {
    /// The seed.
    pub seed: u64,
    /// Where it lives.
    pub world: Arc<World>,
    /// Between its processes.
    pub net: Arc<Net>,
    /// What must hold.
    pub ledger: Arc<Ledger>,
    /// What was done to it.
    pub tally: Arc<Tally>,
    /// What is wrong with it on purpose.
    pub sabotage: Option<Sabotage>,
    /// Its sizes.
    pub shape: Shape,
    /// The six that the volume begins with, the spares, and the others of columns.
    pub machines: Vec<Machine>,
    /// The three.
    pub servers: Vec<Arc<Server>>,
    schema: OnceLock<Schema>,
    history: Mutex<Vec<Txn>>,
    counters: Mutex<BTreeMap<u32, Counted>>,
    /// The last append that a client was told of: list, value, commit LSN.
    token: Mutex<Option<(u32, u64, Lsn)>>,
    /// Nodes whose files were damaged; true: they are gone, and nothing has taken their place yet.
    damaged: Mutex<BTreeMap<usize, bool>>,
    /// Members that the writer is being asked to replace.
    asked: Mutex<Vec<usize>>,
    /// The members by place, when they were looked at last.
    places: Mutex<Vec<MemberName>>,
    /// Nobody does harm any more.
    healing: AtomicBool,
    over: AtomicBool,
    sessions: AtomicU64,
    values: AtomicU64,
    commits: AtomicU64,
    forwarded: AtomicU64,
}

/// A wish that a member be replaced is on its way.
pub struct Asking {
    cluster: Arc<Cluster>,
    old: usize,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut asked = self.cluster.asked.lock();
        if let Some(at) = asked.iter().position(|old| *old == self.old) {
            asked.swap_remove(at);
        }
    }
}

impl Cluster {
    /// Machines and servers that are switched off.
    #[must_use]
    pub fn new(seed: u64, world: Arc<World>, sabotage: Option<Sabotage>) -> Arc<Cluster> {
        let mut random = Random::new(seed, 5);
        // A deliberate bug is one node's: where two share a seat the other often covers it up.
        let columns = sabotage.is_none() && Random::new(seed, 7).chance(COLUMNS_PERMILLE);
        let turn_micros_max = match sabotage {
            None => Random::new(seed, 8).pick(&TURNS_MICROS_MAX),
            Some(Sabotage::GroupJoinerTold) => TURNS_MICROS_MAX_SABOTAGED,
            Some(_) => 0,
        };
        world.set_turns(turn_micros_max);
        let shape = Shape { columns, turn_micros_max, ..Shape::draw(&mut random) };
        let machines = if shape.columns { MACHINES_MAX } else { MACHINES };
        let (tally, ledger) = (Arc::new(Tally::default()), Ledger::new(world.clone()));
        let net = Net::new(world.clone(), Random::new(seed, 2), tally.clone(), ledger.clone(), sabotage);
        let machine = |index| Machine::new(world.clone(), net.clone(), index, shape.sizes);
        Arc::new(Cluster {
            seed,
            machines: (0..machines).map(machine).collect(),
            servers: (0..SERVERS).map(Server::new).collect(),
            world,
            net,
            ledger,
            tally,
            sabotage,
            shape,
            schema: OnceLock::new(),
            history: Mutex::default(),
            counters: Mutex::default(),
            token: Mutex::default(),
            damaged: Mutex::default(),
            asked: Mutex::default(),
            places: Mutex::default(),
            healing: AtomicBool::new(false),
            over: AtomicBool::new(false),
            sessions: AtomicU64::new(0),
            values: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            forwarded: AtomicU64::new(0),
        })
    }

    // ---- what sessions note ----

    /// The trees, once there are any.
    #[must_use]
    pub fn schema(&self) -> Option<Schema> {
        self.schema.get().copied()
    }

    /// Numbers sessions.
    pub fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// Numbers values of lists.
    pub fn next_value(&self) -> u64 {
        self.values.fetch_add(1, Ordering::Relaxed)
    }

    /// A client was told of a commit.
    pub fn count_commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Commits that clients were told of.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// A client of a replica was told of a commit.
    pub fn count_forwarded(&self) {
        self.count_commit();
        self.forwarded.fetch_add(1, Ordering::Relaxed);
    }

    /// Commits that clients of replicas were told of.
    #[must_use]
    pub fn forwarded(&self) -> u64 {
        self.forwarded.load(Ordering::Relaxed)
    }

    /// Sessions are to stop.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Adds a transaction to the history.
    pub fn begin_txn(&self, txn: Txn) -> usize {
        let mut history = self.history.lock();
        history.push(txn);
        history.len() - 1
    }

    /// Notes more of it.
    pub fn change_txn(&self, index: usize, change: impl FnOnce(&mut Txn)) {
        change(&mut self.history.lock()[index]);
    }

    /// Whether it appended anything.
    #[must_use]
    pub fn txn_wrote(&self, index: usize) -> bool {
        self.history.lock()[index].ops.iter().any(|op| matches!(op, Op::Append(..)))
    }

    /// An increment may count; or it was acknowledged.
    pub fn note_increment(&self, counter: u32, acknowledged: bool) {
        let mut counters = self.counters.lock();
        let counted = counters.entry(counter).or_default();
        if acknowledged {
            counted.acknowledged += 1;
        } else {
            counted.begun += 1;
        }
    }

    /// An increment that was begun was rolled back.
    pub fn forget_increment(&self, counter: u32) {
        self.counters.lock().entry(counter).or_default().begun -= 1;
    }

    // ---- who the members are ----

    /// The members by the highest membership that any node keeps, made or not; `None` before there is a volume.
    #[must_use]
    pub fn membership(&self) -> Option<Membership> {
        for (index, machine) in self.machines.iter().enumerate() {
            if let Some(config) = machine.status().and_then(|status| status.config) {
                self.ledger.note_members(index, &config);
            }
        }
        self.ledger.membership()
    }

    /// The numbers of all machines.
    #[must_use]
    pub fn all(&self) -> Range<usize> {
        0..self.machines.len()
    }

    /// Those with which the volume begins, in their places.
    fn first_members(&self) -> Vec<rpc::Member> {
        let others = |seat| if self.shape.columns { vec![member(MACHINES + seat)] } else { Vec::new() };
        (0..COPIES).map(|seat| rpc::Member { others: others(seat), ..member(seat) }).collect()
    }

    /// The machines on each of the six seats, in the order of their parts.
    #[must_use]
    pub fn seats(&self) -> Vec<Vec<usize>> {
        let members = self.membership().map_or_else(|| self.first_members(), |it| it.members().to_vec());
        members.iter().map(|member| nodes_of(member).map(|node| node.node as usize).collect()).collect()
    }

    /// The machines of the six members, in their places.
    #[must_use]
    pub fn members(&self) -> Vec<usize> {
        self.seats().concat()
    }

    /// The machines of the members and of those that join, each once.
    #[must_use]
    pub fn seated(&self) -> Vec<usize> {
        let Some(membership) = self.membership() else { return self.members() };
        let seated: BTreeSet<usize> = membership.nodes().map(|node| node.node as usize).collect();
        seated.into_iter().collect()
    }

    /// Counts those that were replaced since the last look; what happened to their machines is no damage any more.
    fn look_at_members(&self) {
        let Some(membership) = self.membership() else { return };
        let names: Vec<MemberName> = membership.members().iter().flat_map(nodes_of).map(node_name).collect();
        let before = std::mem::replace(&mut *self.places.lock(), names.clone());
        let replaced = before.iter().zip(&names).filter(|(before, now)| before != now);
        for (before, now) in replaced {
            self.world.note(|| format!("{now} took the place of {before}"));
            self.tally.count(if self.shape.columns { Fault::ColumnChanged } else { Fault::NodeReplaced });
        }
        let is_out = |index: usize| membership.nodes().all(|node| node.node as usize != index);
        let is_whole = |index: usize| {
            let member = membership.members().iter().flat_map(nodes_of).find(|node| node.node as usize == index);
            self.machines[index].is_up() && member.is_some_and(|member| !operator::is_gone(self, member))
        };
        self.damaged.lock().retain(|index, gone| !(*gone && (is_out(*index) || is_whole(*index))));
    }

    /// A machine, switched off, is given an empty disk.
    pub fn lose_disk(&self, index: usize) {
        self.machines[index].lose_disk();
        self.damaged.lock().insert(index, true);
    }

    /// Whether what is on a machine's disk was damaged.
    #[must_use]
    pub fn is_damaged(&self, index: usize) -> bool {
        self.damaged.lock().get(&index) == Some(&false)
    }

    /// Whether nobody does harm any more.
    #[must_use]
    pub fn is_healing(&self) -> bool {
        self.healing.load(Ordering::Relaxed)
    }

    /// Notes that a member is to be replaced, for as long as what is returned lives.
    #[must_use]
    pub fn asking(self: &Arc<Self>, old: usize) -> Asking {
        self.asked.lock().push(old);
        Asking { cluster: self.clone(), old }
    }

    /// A node's files are to be damaged; false when so many nodes have had that already that one more would be too much.
    pub fn may_damage(&self, index: usize) -> bool {
        // Of the set in which every replacement under way is done, those that stay hold everything.
        let leaving: Vec<usize> = self
            .membership()
            .map_or_else(Vec::new, |membership| membership.replacements().iter().map(|it| it.place).collect());
        let asked = self.asked.lock().clone();
        let stays = |(place, seat): &(usize, Vec<usize>)| {
            !leaving.contains(place) && !seat.iter().any(|node| asked.contains(node))
        };
        let staying: Vec<Vec<usize>> =
            self.seats().into_iter().enumerate().filter(stays).map(|(_, seat)| seat).collect();
        let mut damaged = self.damaged.lock();
        let is_hurt = |node: &usize| *node == index || damaged.contains_key(node);
        let hurt = staying.iter().filter(|seat| seat.iter().any(is_hurt)).count();
        let enough = hurt + READ_QUORUM <= staying.len();
        let may = enough && (damaged.len() < DAMAGED_MAX || damaged.contains_key(&index));
        if may {
            damaged.entry(index).or_insert(false);
        }
        may
    }

    /// Increments of a counter that may count.
    #[must_use]
    pub fn increments_begun(&self, counter: u32) -> i64 {
        self.counters.lock().get(&counter).map_or(0, |counted| counted.begun)
    }

    /// A client was told of a transaction of the history: what it can ask for elsewhere from now on.
    pub fn hand_token(&self, index: usize, lsn: Lsn) {
        let append = self.history.lock()[index].ops.iter().find_map(|op| match op {
            Op::Append(list, value) => Some((*list, *value, lsn)),
            Op::Read(..) => None,
        });
        if append.is_some() {
            *self.token.lock() = append;
        }
    }

    /// The last token handed out: a list, a value in it, and the LSN of its commit.
    #[must_use]
    pub fn token(&self) -> Option<(u32, u64, Lsn)> {
        *self.token.lock()
    }

    /// Something was found to be corrupt.
    pub fn blame_corruption(&self, what: String) {
        self.ledger.violate(format!("corruption: {what}"));
    }

    /// The server that calls itself so in the address book.
    #[must_use]
    pub fn server_at(&self, address: &str) -> Option<Arc<Server>> {
        self.servers.get(address.parse::<usize>().ok()?).cloned()
    }

    /// The live writer of the highest ballot.
    #[must_use]
    pub fn writer(&self) -> Option<(Arc<Server>, Arc<WriterVolume>, Arc<Engine>)> {
        let writing = |server: &Arc<Server>| server.writing().map(|(volume, engine)| (server.clone(), volume, engine));
        self.servers.iter().filter_map(writing).max_by_key(|(_, volume, _)| volume.ballot())
    }

    // ---- birth ----

    /// Switches everything on, creates the volume and the tables, and starts the sessions.
    ///
    /// # Errors
    /// What went wrong: nothing is in the way yet.
    pub async fn begin(self: &Arc<Self>) -> Result<(), String> {
        let members = self.first_members();
        let mut first: Vec<usize> = members.iter().flat_map(nodes_of).map(|node| node.node as usize).collect();
        first.sort_unstable();
        for node in &first {
            self.machines[*node].start()?;
        }
        let nodes = calls::nodes(first.iter().map(|node| self.net.link(ProcessId::WORLD, *node)).collect());
        let config = rpc::VolumeConfig {
            volume: 1 + self.seed,
            pages_per_group: self.shape.pages_per_group,
            lal_bytes: self.shape.lal_bytes,
            members,
            ..rpc::VolumeConfig::default()
        };
        calls::create_volume(&nodes, &config).await.map_err(|error| error.to_string())?;
        *self.net.created.lock() = Some(config);
        self.world.spawn_in(ProcessId::WORLD, operator::keep(self.clone()));
        self.servers[0].start(self, Role::Writer);
        let (_, volume, engine) = self.await_writer().await?;
        let schema = self.create_tables(&engine).await.map_err(|error| format!("the set-up fails: {error}"))?;
        self.schema.set(schema).map_err(|_| "the set-up runs once")?;
        let ended = Arc::new(AtomicBool::new(false));
        let (server, cluster) = (self.servers[0].clone(), self.clone());
        self.world.spawn_in(server.process, async move {
            crate::workload::start_writers(&cluster, &server, &engine, volume.ballot(), &ended);
            volume.fenced().await;
            ended.store(true, Ordering::Relaxed);
        });
        for server in &self.servers[1..] {
            server.start(self, Role::Replica);
        }
        Ok(())
    }

    async fn await_writer(&self) -> Result<(Arc<Server>, Arc<WriterVolume>, Arc<Engine>), String> {
        let found = timeout(HEAL_TIMEOUT, async {
            loop {
                match self.writer() {
                    Some(writer) => return writer,
                    None => sleep(Duration::from_millis(20)).await,
                }
            }
        });
        found.await.map_err(|_| "no server becomes the writer".to_owned())
    }

    async fn create_tables(&self, engine: &Arc<Engine>) -> engine::Result<Schema> {
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let accounts = engine.create_tree(&mut txn, TreeKind::Clustered).await?;
        let lists = engine.create_tree(&mut txn, TreeKind::Clustered).await?;
        let counters = engine.create_tree(&mut txn, TreeKind::Clustered).await?;
        let rows = (0..self.shape.accounts)
            .map(|number| (accounts, number, number_row(OPENING_BALANCE, self.shape.padding_max)))
            .chain((0..self.shape.lists).map(|number| (lists, number, list_row(&[], 0))))
            .chain((0..self.shape.counters).map(|number| (counters, number, number_row(0, 0))));
        for (count, (tree, number, row)) in rows.enumerate() {
            if count % 16 == 15 {
                // In portions that storage takes.
                let lsn = engine.commit(std::mem::replace(&mut txn, engine.begin(Isolation::ReadCommitted))).await?;
                engine.wait_durable(lsn, Durability::Flushed).await?;
            }
            let view = engine.statement(&mut txn);
            engine.insert(&mut txn, &view, tree, &key(number), &row).await?;
        }
        let lsn = engine.commit(txn).await?;
        engine.wait_durable(lsn, Durability::Flushed).await?;
        Ok(Schema { accounts, lists, counters, created: lsn })
    }

    // ---- the watch ----

    /// Looks at everybody, again and again, until the run is over.
    pub async fn watch(self: Arc<Self>) {
        let mut applied: BTreeMap<usize, (Weak<ReplicaVolume>, Lsn)> = BTreeMap::new();
        let mut looks = 0u64;
        while !self.is_over() {
            sleep(Duration::from_millis(10)).await;
            looks += 1;
            if looks.is_multiple_of(4) {
                self.look_at_node((looks / 4) as usize % self.machines.len());
            }
            if looks.is_multiple_of(10) {
                self.look_at_members();
            }
            for server in &self.servers {
                match server.state() {
                    State::Writer(volume, _) => {
                        self.ledger.note_durable(volume.ballot(), volume.flushed_vdl());
                    }
                    State::Replica(volume, _) => {
                        // Held weakly, lest another one be made where this one was, and pass for it.
                        let identity = Arc::downgrade(&volume);
                        let now = volume.applied();
                        let before = applied.insert(server.index, (identity.clone(), now));
                        if let Some((_, before)) = before.filter(|(who, at)| who.ptr_eq(&identity) && *at > now) {
                            self.ledger
                                .violate(format!("I4: replica {} had applied {before} and now {now}", server.index));
                        }
                        if looks.is_multiple_of(10) {
                            self.check_floor(server, now);
                        }
                    }
                    State::Down | State::Starting => {}
                }
            }
        }
    }

    /// What a node holds, asked without a network.
    fn look_at_node(&self, index: usize) {
        let damaged = self.damaged.lock().contains_key(&index);
        if let Some(held) = crate::sabotage::ask(&self.net, index) {
            self.ledger.note_held(index, &held, damaged);
        }
    }

    /// I8 for one replica: only the floor of the writer that it reports to binds, and only while the lease lasts.
    fn check_floor(&self, server: &Server, applied: Lsn) {
        let (Some(reported), Some((_, volume, _))) = (server.reported(), self.writer()) else { return };
        if volume.ballot() != reported.ballot || self.world.time() > reported.at + crate::server::LEASE / 2 {
            return;
        }
        for index in self.members() {
            let Some(status) = self.machines[index].status() else { continue };
            if Lsn(status.gc_floor) > applied.max(reported.floor_then) {
                let floor = Lsn(status.gc_floor);
                self.ledger.violate(format!(
                    "I8: node {index} has its floor at {floor}, and replica {} reads at {applied}",
                    server.index
                ));
            }
        }
    }

    // ---- the end ----

    /// Mends everything, and starts what is down.
    pub async fn heal(self: &Arc<Self>, random: &mut Random) {
        self.world.note(|| "healing".into());
        self.healing.store(true, Ordering::Relaxed);
        self.net.heal();
        for (index, machine) in self.machines.iter().enumerate() {
            self.world.set_stopped(crate::net::node_process(index), false);
            machine.disk().mend();
        }
        for server in &self.servers {
            self.world.set_stopped(server.process, false);
        }
        self.restart_the_unwell(random);
        let nobody_writes = self.writer().is_none();
        for server in &self.servers {
            if !server.is_up() {
                let role = if nobody_writes && server.index == 0 { Role::Writer } else { Role::Replica };
                server.start(self, role);
            }
        }
        // Whoever begins to take the volume over now may do so in peace.
        sleep(Duration::from_secs(2)).await;
        if self.writer().is_none() && !self.servers.iter().any(|server| server.is_recovering()) {
            self.servers[0].promote();
        }
    }

    /// What a supervisor of processes does.
    fn restart_the_unwell(&self, random: &mut Random) {
        for machine in self.machines.iter().filter(|machine| machine.is_in_use() && !machine.is_well()) {
            if machine.is_up() {
                machine.die(crate::machine::Death::PowerLost, random);
            }
            if let Err(why) = machine.start() {
                self.world.note(|| format!("a node does not start again: {why}"));
            }
        }
    }

    /// Restarts nodes until the run is judged.
    pub async fn supervise(self: Arc<Self>, mut random: Random) {
        loop {
            sleep(Duration::from_secs(1)).await;
            self.restart_the_unwell(&mut random);
        }
    }

    /// Ends every process: what they hold of one another would outlive the run.
    pub fn end(&self) {
        self.servers.iter().for_each(|server| server.die(self));
        for index in 0..self.machines.len() {
            self.net.set_node(index, None);
            self.world.kill(crate::net::node_process(index));
        }
    }

    /// Waits until everybody is up to date, and holds everything against everything.
    pub async fn judge(self: &Arc<Self>) {
        if let Err(why) = self.try_judge().await {
            self.note_members();
            self.ledger.violate(why);
        }
    }

    /// What everybody says of the members, for whoever reads the trace of a cluster that does not come to rest.
    fn note_members(&self) {
        if let Some((_, volume, _)) = self.writer() {
            self.world.note(|| format!("the writer, under {}: {:?}", volume.ballot(), volume.membership()));
        }
        for (index, machine) in self.machines.iter().enumerate().filter(|(_, machine)| machine.is_in_use()) {
            self.world.note(|| match machine.status() {
                Some(status) => format!(
                    "node {index} is {}, incarnation {}, promised {}: {:?}",
                    status.state,
                    status.incarnation,
                    Ballot(status.promised),
                    status.config.map(|config| Membership::from_rpc(&config))
                ),
                None => format!("node {index} does not answer"),
            });
        }
    }

    async fn try_judge(self: &Arc<Self>) -> Result<(), String> {
        let late = |what: &str| format!("a healed cluster does not come to rest: {what}");
        // A commit shows that the volume takes writes; it is below everything read from here on.
        let settled = timeout(HEAL_TIMEOUT, async {
            loop {
                let Ok((_, volume, engine)) = self.await_writer().await else { continue };
                let marked = async {
                    let mut txn = engine.begin(Isolation::ReadCommitted);
                    engine.create_tree(&mut txn, TreeKind::Clustered).await?;
                    let lsn = engine.commit(txn).await?;
                    engine.wait_durable(lsn, Durability::Flushed).await?;
                    Ok::<Lsn, engine::Error>(lsn)
                };
                match marked.await {
                    Ok(lsn) => return (volume, engine, lsn),
                    Err(error) => {
                        self.world.note(|| format!("not yet: {error}"));
                        sleep(Duration::from_millis(200)).await;
                    }
                }
            }
        });
        let (mut volume, mut engine, _) = settled.await.map_err(|_| late("no commit succeeds"))?;
        self.await_members().await.map_err(|()| late("members that are gone are not replaced"))?;
        self.over.store(true, Ordering::Relaxed);
        // Sessions end, and whoever was asked to take the volume over before it was mended has done so.
        sleep(Duration::from_secs(8)).await;
        if volume.is_fenced() {
            (_, volume, engine) = self.await_writer().await?;
        }
        let end = volume.end();
        let durable = timeout(HEAL_TIMEOUT, engine.wait_durable(end, Durability::Flushed)).await;
        durable.map_err(|_| late("its last commits are not durable"))?.map_err(|error| late(&error.to_string()))?;
        self.world.note(|| format!("everything is durable up to {end}"));
        let copies = self.await_copies(end).await?;
        // The floor follows the durable point: what is compared is read there, all in one moment.
        self.compare_pages(volume.ballot(), volume.flushed_vdl(), &copies).await?;
        let lists = self.read_all(&engine).await.map_err(|error| format!("the last reads fail: {error}"))?;
        self.await_replicas(end).await?;
        let history = self.history.lock().clone();
        for wrong in history::check(&history, &lists) {
            self.ledger.violate(wrong);
        }
        Ok(())
    }

    /// Waits until every member is there, and none is on its way.
    async fn await_members(&self) -> Result<(), ()> {
        let waited = timeout(HEAL_TIMEOUT, async {
            let settled = || {
                let membership = self.membership()?;
                let (_, volume, _) = self.writer()?;
                let there = membership.nodes().all(|node| !operator::is_gone(self, node));
                let made = volume.membership() == membership && membership.replacements().is_empty();
                (made && there).then_some(())
            };
            while settled().is_none() {
                sleep(Duration::from_millis(100)).await;
            }
        });
        waited.await.map_err(drop)
    }

    /// Waits until every member that can has everything up to `end`; tells the seats of those that do.
    async fn await_copies(&self, end: Lsn) -> Result<Vec<usize>, String> {
        let waited = timeout(HEAL_TIMEOUT, async {
            while self.full_copies().len() < COPIES {
                sleep(Duration::from_millis(250)).await;
            }
        });
        let all = waited.await.is_ok();
        let copies = self.full_copies();
        if !all {
            self.world.note(|| format!("only the seats {copies:?} have everything up to {end}"));
            self.tally.count(Fault::LeftBehind);
        }
        if copies.len() < WRITE_QUORUM {
            return Err(format!("a healed cluster has only the seats {copies:?} with everything up to {end}"));
        }
        Ok(copies)
    }

    /// What each member's node that answers has flushed of each group.
    fn marks(&self) -> BTreeMap<usize, BTreeMap<GroupId, Lsn>> {
        let ask = |index| Some((index, crate::sabotage::ask(&self.net, index)?.marks));
        let answers = self.members().into_iter().filter_map(ask);
        let flushed = |mark: rpc::SegmentMark| (GroupId(mark.group), Lsn(mark.scl_flushed));
        answers.map(|(index, marks)| (index, marks.into_iter().map(flushed).collect())).collect()
    }

    /// Seats that have every group up to its tail, each on the node that is to keep it.
    fn full_copies(&self) -> Vec<usize> {
        let (marks, seats) = (self.marks(), self.seats());
        let tails = tails(&marks);
        let scl = |node: usize, group: &GroupId| marks.get(&node).and_then(|marks| marks.get(group));
        let full = |place: &usize| {
            let mut tails = tails.iter();
            tails.all(|(group, tail)| scl(keeper(&seats[*place], *group), group).is_some_and(|scl| scl >= tail))
        };
        (0..COPIES).filter(full).collect()
    }

    /// I7: every page is the same on every seat, at one LSN.
    async fn compare_pages(&self, ballot: Ballot, at: Lsn, copies: &[usize]) -> Result<(), String> {
        let (tails, seats) = (tails(&self.marks()), self.seats());
        for page in (0..=self.ledger.page_max().0).map(PageId) {
            let group = page.group(self.shape.pages_per_group);
            let tail = tails.get(&group).copied().unwrap_or_default();
            let mut first: Option<(usize, bytes::Bytes)> = None;
            for index in copies.iter().map(|place| keeper(&seats[*place], group)) {
                let Some(node) = self.net.node(index) else { continue };
                let request = rpc::ReadPageRequest {
                    volume: 1 + self.seed,
                    version: FORMAT_VERSION,
                    ballot: ballot.0,
                    page: page.0,
                    read_point: at.0,
                    group_tail: tail.0,
                };
                let reply = node.read_page(request).await.map_err(|error| format!("node {index}: {error}"))?;
                if reply.outcome() != rpc::ReadOutcome::Ok {
                    let outcome = reply.outcome().as_str_name();
                    // Damage that was done on purpose may show here for the first time; a quorum is sound.
                    self.world.note(|| format!("node {index} has no {page} at {at}: {outcome}"));
                    self.tally.count(Fault::PageRefused);
                    continue;
                }
                if !reply.page.is_empty() {
                    Page::from_bytes(&reply.page, page).map_err(|error| format!("node {index}, {page}: {error}"))?;
                }
                match &first {
                    None => first = Some((index, reply.page)),
                    Some((other, bytes)) if *bytes != reply.page => {
                        return Err(format!("I7: {page} at {at} differs between node {other} and node {index}"));
                    }
                    Some(_) => {}
                }
            }
            if first.is_none() {
                return Err(format!("no node has {page} at {at}"));
            }
        }
        Ok(())
    }

    /// Reads everything on the writer: the sum, the counters, the lists.
    async fn read_all(&self, engine: &Arc<Engine>) -> engine::Result<Lists> {
        let Some(schema) = self.schema() else { return Ok(Lists::new()) };
        let view = engine.view(engine.snapshot());
        let mut sum = 0;
        for account in 0..self.shape.accounts {
            sum += self.number(engine, &view, schema.accounts, account).await?;
        }
        if sum != i64::from(self.shape.accounts) * OPENING_BALANCE {
            self.ledger.violate(format!("in the end the accounts sum up to {sum}"));
        }
        for counter in 0..self.shape.counters {
            let count = self.number(engine, &view, schema.counters, counter).await?;
            let counted = self.counters.lock().get(&counter).copied().unwrap_or_default();
            if count < counted.acknowledged || count > counted.begun {
                self.ledger.violate(format!(
                    "counter {counter} is {count}: {} increments were begun, {} acknowledged",
                    counted.begun, counted.acknowledged
                ));
            }
        }
        let mut lists = Lists::new();
        for list in 0..self.shape.lists {
            match engine.get(&view, schema.lists, &key(list)).await? {
                Some(row) => drop(lists.insert(list, list_in(&row)?)),
                None => self.ledger.violate(format!("in the end there is no list {list}")),
            }
        }
        Ok(lists)
    }

    async fn number(&self, engine: &Engine, view: &engine::View, tree: TreeId, number: u32) -> engine::Result<i64> {
        let row = engine.get(view, tree, &key(number)).await?;
        let bytes = row.as_ref().and_then(|row| row.get(..8)).and_then(|bytes| bytes.try_into().ok());
        if bytes.is_none() {
            self.ledger.violate(format!("in the end row {number} of {tree} is gone"));
        }
        Ok(bytes.map_or(0, i64::from_le_bytes))
    }

    /// Every replica reaches `end`, and shows the same sums there.
    async fn await_replicas(&self, end: Lsn) -> Result<(), String> {
        for server in &self.servers {
            let reached = timeout(HEAL_TIMEOUT, async {
                loop {
                    match server.state() {
                        State::Replica(volume, engine) if volume.applied() >= end => return Some(engine),
                        State::Writer(volume, _) if !volume.is_fenced() => return None,
                        _ => sleep(Duration::from_millis(50)).await,
                    }
                }
            });
            let engine = reached.await.map_err(|_| format!("{} does not reach {end}", server.describe()))?;
            if let Some(engine) = engine {
                self.read_all(&engine).await.map_err(|error| format!("replica {}: {error}", server.index))?;
            }
        }
        Ok(())
    }
}

/// The highest SCL of each group: when everything is durable, its tail.
fn tails(marks: &BTreeMap<usize, BTreeMap<GroupId, Lsn>>) -> BTreeMap<GroupId, Lsn> {
    let mut tails: BTreeMap<GroupId, Lsn> = BTreeMap::new();
    for (group, scl) in marks.values().flatten() {
        let tail = tails.entry(*group).or_default();
        *tail = (*tail).max(*scl);
    }
    tails
}
