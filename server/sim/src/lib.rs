//! The whole cluster in one thread, on virtual time, from one seed.
//!
//! **Rule.** What runs is the production code: the storage node with its log, images and gossip; the writer's and the
//! replica's volume with recovery, shipping and assembly; the engine. What is simulated is the world around it: clock,
//! scheduler, disk, network, and the processes that die. The same seed gives the same run, in any process, to the last poll.
//!
//! # The life of a seed
//!
//! 1. [`run`] makes a [`World`](world::World) and a [`Cluster`](cluster::Cluster): six [machines](machine) and three spares,
//!    three [servers](server), with sizes drawn so that files roll, groups are many, caches are small. In one run of four the
//!    seats are columns, of two machines each.
//! 2. The volume is created and the tables are filled in peace. Then [sessions](workload) begin on every server, some of which
//!    [write through the writer](forward), and the [nemesis](nemesis) does harm: it kills, stops, cuts off, fills, rots,
//!    promotes, takes disks away. An [operator] has nodes replaced whose disks are gone.
//! 3. The [ledger](ledger) reads along: what clients were told, where recoveries opened, what the network carried.
//! 4. Everything is mended. A cluster that does not take writes again, or does not fill its copies, has failed.
//! 5. Every page is compared on all nodes; sums, counters and the [history](history) of the lists are checked on the writer
//!    and on every replica.
//!
//! # How determinism is had
//!
//! - *Scheduler and time*: [`world`] is the executor. Production code reaches it through `protocol::task` alone, which the
//!   architecture test holds. The shipper, a thread in a server, is the same step function as a task here; when it lets others
//!   run, for they may join the group that it is about to seal, they run for a drawn time in half of the runs.
//! - *Choice among ready tasks* is drawn from the seed and does not depend on the order of wake-ups, which tokio's `watch`
//!   shuffles. `tokio::select!` is `biased` wherever it reaches behaviour.
//! - *Disk*: `storage::sim::SimDisk`, and nodes in `Mode::Inline`, so that the order of disk operations is that of requests.
//!   Half of what a node reads is said not to be in memory: then the request is answered again, by who may wait.
//! - *Randomness*: instances of servers and numbers of volumes are passed in; [`random`] is our own generator.
//! - *Hash maps* keep their random keys, on purpose: code whose behaviour depended on their order would part two runs, and a
//!   test compares the hashes of runs in two processes.
//!
//! A poll costs virtual time, so that a task that spins cannot stop the clock.
//!
//! # What it does not cover
//!
//! - Threads: a node's log and background threads and their races; `loom`-like interleavings inside of one poll. A node here
//!   carries a request out in one step, but for a disk that dies in the middle.
//! - Turns at a node's disk, and what happens while a request waits for it: it is answered in the same step.
//! - Group commit of several requests in one node's round: each is a round of its own.
//! - The wire to clients, SQL, DataFusion, gRPC and its flow control, the real kernel and disk. The cluster tests in `tests`
//!   have those.
//! - Damage to both copies of what a node keeps twice, several volumes on a node.
//! - When a server replaces a node by itself: the simulation's operator decides that.
//! - Messages of a size that the network would notice: bandwidth is without limit.
//! - Bugs that need more than a few thousand transactions or a minute to show.
//!
//! [`sabotage`] keeps all this honest: each deliberate bug must be found. Which trap and which fault is held by what is told in
//! `storage/FAULTS.md`.
//!
//! Sources: FoundationDB (Zhou et al., SIGMOD 2021, section 4), TigerBeetle's VOPR, `slatedb-dst`.

pub mod cluster;
pub mod forward;
pub mod history;
pub mod ledger;
pub mod machine;
pub mod nemesis;
pub mod net;
pub mod operator;
pub mod random;
pub mod run;
pub mod sabotage;
pub mod server;
pub mod tally;
pub mod trace;
pub mod workload;
pub mod world;

pub use run::{Options, Report, Summary, run_range, run_seed};
pub use trace::Verbosity;
