//! A storage node's machine: its disk outlives its process.

use crate::net::{Net, address_of, node_process};
use crate::random::Random;
use crate::sabotage;
use crate::world::World;
use futures::FutureExt;
use parking_lot::Mutex;
use protocol::node::StorageNode;
use protocol::rpc::storage::{Member, StatusReply, StatusRequest};
use protocol::task::sleep;
use protocol::{FORMAT_VERSION, NodeId};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storage::node::clock::Clock;
use storage::node::gossip::Gossip;
use storage::node::{Mode, Node, NodeOptions};
use storage::quorum::COPIES;
use storage::sim::{Loss, SimDisk};

/// How often a node does a portion of background work.
const TEND_INTERVAL: Duration = Duration::from_millis(15);
/// Zones of the nodes.
pub const ZONES: [&str; 3] = ["a", "b", "c"];
/// The six that a volume begins with, and one more in each zone.
pub const MACHINES: usize = COPIES + ZONES.len();
/// With a second node on each seat, where seats are columns: node 0 shares its seat with node 9, and so on.
pub const MACHINES_MAX: usize = MACHINES + COPIES;

/// The zone in which a machine stands, by its place in [`ZONES`].
#[must_use]
pub fn zone_of(index: usize) -> usize {
    match index {
        0..COPIES => index / 2,
        COPIES..MACHINES => index - COPIES,
        _ => (index - MACHINES) / 2,
    }
}

/// A machine's node as a member, before it was given an incarnation.
#[must_use]
pub fn member(index: usize) -> Member {
    let (zone, address) = (ZONES[zone_of(index)].into(), address_of(index));
    Member { node: index as u32, zone, address, ..Member::default() }
}

/// A node's own clock: the world's, and what it jumped.
struct SkewedClock {
    world: Arc<World>,
    ahead: Mutex<Duration>,
}

impl Clock for SkewedClock {
    fn now(&self) -> Duration {
        self.world.time() + *self.ahead.lock()
    }
}

/// Sizes of a node, drawn for each run so that boundaries are met.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Of a log file, in bytes.
    pub log_file_bytes: u64,
    /// Log kept before it is retired, in bytes.
    pub log_retention_bytes: u64,
    /// Memory for recent batches, in bytes.
    pub recent_bytes: usize,
    /// Memory for built pages, in bytes.
    pub page_cache_bytes: usize,
}

impl Sizes {
    /// Small ones.
    #[must_use]
    pub fn draw(random: &mut Random) -> Sizes {
        Sizes {
            // A node takes no batch that is larger than a log file: all that sessions append while storage stalls fits.
            log_file_bytes: 512 << 10,
            log_retention_bytes: random.pick(&[1 << 20, 2 << 20, 4 << 20]),
            recent_bytes: random.pick(&[8 << 10, 256 << 10]),
            page_cache_bytes: random.pick(&[32 << 10, 1 << 20]),
        }
    }
}

/// How a node's process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The process only.
    Killed,
    /// With everything that was not fsynced.
    PowerLost,
    /// As that, but some sectors reached the medium.
    Torn,
}

/// See the module.
pub struct Machine {
    world: Arc<World>,
    net: Arc<Net>,
    index: usize,
    sizes: Sizes,
    disk: Mutex<Arc<SimDisk>>,
    clock: Arc<SkewedClock>,
    /// Somebody sees to it that a node runs here.
    in_use: AtomicBool,
}

impl Machine {
    /// A machine with an empty disk, switched off.
    #[must_use]
    pub fn new(world: Arc<World>, net: Arc<Net>, index: usize, sizes: Sizes) -> Machine {
        let clock = Arc::new(SkewedClock { world: world.clone(), ahead: Mutex::new(Duration::ZERO) });
        let machine = Machine {
            world,
            net,
            index,
            sizes,
            disk: Mutex::new(SimDisk::new()),
            clock,
            in_use: AtomicBool::new(false),
        };
        machine.lose_disk();
        machine
    }

    /// Its disk.
    #[must_use]
    pub fn disk(&self) -> Arc<SimDisk> {
        self.disk.lock().clone()
    }

    /// Takes its disk out and puts an empty one in. Its node is down.
    pub fn lose_disk(&self) {
        let disk = SimDisk::new();
        disk.remember(self.index as u64);
        sabotage::spoil_disk(&self.net, &disk);
        self.net.disks.lock().insert(self.index, disk.clone());
        self.net.forgotten.lock().remove(&self.index);
        self.net.ledger.forget_node(self.index);
        *self.disk.lock() = disk;
    }

    /// Whether somebody sees to it that a node runs here.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.in_use.load(Ordering::Relaxed)
    }

    /// Nobody starts a node here any more, until somebody does on purpose.
    pub fn abandon(&self) {
        self.in_use.store(false, Ordering::Relaxed);
    }

    /// What its node says of itself, asked without a network.
    #[must_use]
    pub fn status(&self) -> Option<StatusReply> {
        let node = self.net.node(self.index)?;
        node.status(StatusRequest { version: FORMAT_VERSION, volume: 0 }).now_or_never()?.ok()
    }

    fn dir(&self) -> PathBuf {
        Path::new("/node").to_owned()
    }

    /// Whether a node runs and works.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.status().is_some_and(|status| status.state != "failed")
    }

    /// Whether a process runs, however well.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.net.node(self.index).is_some()
    }

    /// Starts the node on its disk.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn start(&self) -> Result<(), String> {
        let id = NodeId(self.index as u32);
        let options = NodeOptions {
            log_file_bytes: self.sizes.log_file_bytes,
            log_retention_bytes: self.sizes.log_retention_bytes,
            recent_bytes: self.sizes.recent_bytes,
            page_cache_bytes: self.sizes.page_cache_bytes,
            mode: Mode::Inline,
            clock: self.clock.clone(),
            ..NodeOptions::new(id, ZONES[zone_of(self.index)], &address_of(self.index))
        };
        self.in_use.store(true, Ordering::Relaxed);
        let disk = self.disk();
        if let Some(superblocks) = self.net.forgotten.lock().remove(&self.index) {
            disk.put_back(superblocks);
        }
        let node = Node::open(disk, &self.dir(), options).map_err(|error| error.to_string())?;
        sabotage::after_start(&self.net, self.index, &node);
        let process = node_process(self.index);
        self.world.spawn_in(process, Gossip::following(&node, self.net.dial(process)).run());
        self.world.spawn_in(process, tend(self.world.clone(), self.index, Arc::downgrade(&node)));
        self.net.set_node(self.index, Some(node));
        self.world.note(|| format!("node {} starts", self.index));
        Ok(())
    }

    /// Ends the node's process, and what its disk had not made durable.
    pub fn die(&self, death: Death, random: &mut Random) {
        self.world.note(|| format!("node {} dies: {death:?}", self.index));
        match death {
            Death::Killed => self.disk().crash(Loss::Nothing),
            Death::PowerLost => self.disk().crash(Loss::Everything),
            Death::Torn => self.disk().crash(Loss::Sectors(&mut |_| random.chance(500))),
        }
        self.disk().set_room(None);
        self.net.set_node(self.index, None);
        self.world.kill(node_process(self.index));
    }

    /// Lets its clock jump ahead.
    pub fn jump_clock(&self, by: Duration) {
        *self.clock.ahead.lock() += by;
    }

    /// Flips a bit of one of its files, drawn; says of which. Of what is kept in two copies one is spared: without both a node
    /// does not start, and must be replaced.
    pub fn rot(&self, random: &mut Random) -> Option<String> {
        let spared = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let copy = self.index % 2;
            name == "lock" || name == format!("superblock.{copy}") || name == format!("manifest.{copy}")
        };
        let disk = self.disk();
        let paths: Vec<PathBuf> = disk.paths().into_iter().filter(|path| !spared(path)).collect();
        if paths.is_empty() {
            return None;
        }
        let path = &paths[random.index(paths.len())];
        let bytes = disk.bytes(path);
        // Zeros are room that was never used.
        let used: Vec<usize> = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, _)| at).collect();
        if used.is_empty() {
            return None;
        }
        let at = used[random.index(used.len())];
        disk.flip(path, at, 1 << random.below(8));
        Some(format!("{} at {at}", path.display()))
    }
}

/// Does the background work of a node for as long as it lives.
async fn tend(world: Arc<World>, index: usize, node: std::sync::Weak<Node>) {
    loop {
        sleep(TEND_INTERVAL).await;
        let Some(node) = node.upgrade() else { return };
        if let Err(error) = node.tend() {
            world.note(|| format!("node {index} cannot tend its files: {error}"));
        }
    }
}
