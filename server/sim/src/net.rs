//! The network: every message between two processes takes time, and may be lost, repeated, held back or cut off.
//!
//! **Rule.** The contracts of [`StorageNode`] hold and nothing more: a call may be answered, never answered, answered though
//! its caller has gone, refused because nobody listens, or carried out twice. Messages of one append stream arrive in the
//! order sent or not at all. A message that meets a cut is lost, or waits in the network until the cut is mended, minutes if
//! need be: a batch of a former writer then arrives long after its successor has opened.
//!
//! **Mechanism.** A message on its way is a task of the world. What it does on arrival is a task of the process it arrives
//! at: a stopped process does it when it goes on, a killed one never does, and the caller sees the connection reset.
//!
//! The network also reads along: each batch goes to the [ledger](crate::ledger), each reply too.

use crate::ledger::Ledger;
use crate::machine::{MACHINES, MACHINES_MAX};
use crate::random::Random;
use crate::sabotage::{self, Sabotage};
use crate::tally::{Fault, Tally};
use crate::world::{ProcessId, World};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use protocol::Lsn;
use protocol::node::{AppendStream, NodeError, NodeResult, OnReply, StorageNode};
use protocol::rpc::storage as rpc;
use protocol::task::sleep;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storage::node::Node;
use storage::node::gossip::Dial;
use storage::sim::SimDisk;
use tokio::sync::{mpsc, oneshot};

/// After so long a kernel sends again what was lost.
const SENT_AGAIN: Duration = Duration::from_millis(200);
/// How often a message that is held back looks whether its way is free.
const HELD_LOOKS: Duration = Duration::from_millis(40);

/// The process of a storage node.
#[must_use]
pub fn node_process(index: usize) -> ProcessId {
    // The servers come in between.
    ProcessId(if index < MACHINES { 1 } else { 11 } + index as u32)
}

/// The address of a machine's node.
#[must_use]
pub fn address_of(index: usize) -> String {
    format!("node-{index}")
}

/// The machine at an address.
fn machine_at(address: &str) -> Option<usize> {
    address.strip_prefix("node-")?.parse().ok().filter(|index| *index < MACHINES_MAX)
}

/// The process of a server.
#[must_use]
pub fn server_process(index: usize) -> ProcessId {
    ProcessId(11 + index as u32)
}

/// How bad the network is while nobody cuts it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Messages lost, of a thousand.
    pub lost_permille: u64,
    /// Messages carried out twice, of a thousand.
    pub repeated_permille: u64,
    /// Messages that take up to a hundred times as long, of a thousand.
    pub late_permille: u64,
}

struct State {
    random: Random,
    weather: Weather,
    /// (from, to): nothing passes.
    cuts: BTreeSet<(ProcessId, ProcessId)>,
    /// Everything from and to these takes so many times as long.
    slow: BTreeMap<ProcessId, u32>,
    nodes: [Option<Arc<Node>>; MACHINES_MAX],
    /// Nodes of another version.
    upgraded: BTreeSet<usize>,
    /// Nobody gets at the address book.
    book_down: bool,
}

/// See the module.
pub struct Net {
    world: Arc<World>,
    state: Mutex<State>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) sabotage: Option<Sabotage>,
    /// The disks, for a bug that is done to them.
    pub(crate) disks: Mutex<BTreeMap<usize, Arc<SimDisk>>>,
    /// With [`Sabotage::PromiseForgotten`]: files of a node as they were before its last promise.
    pub(crate) forgotten: Mutex<BTreeMap<usize, Files>>,
    /// The volume as it was created.
    pub(crate) created: Mutex<Option<rpc::VolumeConfig>>,
}

/// Files and their contents.
pub(crate) type Files = Vec<(PathBuf, Vec<u8>)>;

/// What a message meets on its way.
enum Way {
    Free(Duration),
    Lost,
}

impl Net {
    /// A network without cuts.
    #[must_use]
    pub fn new(
        world: Arc<World>,
        random: Random,
        tally: Arc<Tally>,
        ledger: Arc<Ledger>,
        sabotage: Option<Sabotage>,
    ) -> Arc<Net> {
        let state = State {
            random,
            weather: Weather::default(),
            cuts: BTreeSet::new(),
            slow: BTreeMap::new(),
            nodes: Default::default(),
            upgraded: BTreeSet::new(),
            book_down: false,
        };
        Arc::new(Net {
            world,
            state: Mutex::new(state),
            tally,
            ledger,
            sabotage,
            disks: Mutex::default(),
            forgotten: Mutex::default(),
            created: Mutex::default(),
        })
    }

    /// Changes the weather.
    pub fn set_weather(&self, weather: Weather) {
        self.state.lock().weather = weather;
    }

    /// From now on nothing passes from one to the other; the way back is another cut.
    pub fn cut(&self, from: ProcessId, to: ProcessId) {
        self.state.lock().cuts.insert((from, to));
    }

    /// Mends one cut.
    pub fn mend(&self, from: ProcessId, to: ProcessId) {
        self.state.lock().cuts.remove(&(from, to));
    }

    /// Makes everything from and to a process take so many times as long; 1 is usual.
    pub fn set_slow(&self, process: ProcessId, times: u32) {
        self.state.lock().slow.insert(process, times);
    }

    /// Some nodes speak another version than servers and the other nodes.
    pub fn set_upgraded(&self, nodes: &[usize], upgraded: bool) {
        let mut state = self.state.lock();
        for node in nodes {
            if upgraded {
                state.upgraded.insert(*node);
            } else {
                state.upgraded.remove(node);
            }
        }
    }

    /// Whether two processes speak different versions.
    fn differ(&self, from: ProcessId, to: usize) -> bool {
        let state = self.state.lock();
        let upgraded = |node: usize| state.upgraded.contains(&node);
        sabotage::is_node(from).is_some_and(upgraded) != upgraded(to)
    }

    /// Whether the address book can be asked.
    pub fn set_book_down(&self, down: bool) {
        self.state.lock().book_down = down;
    }

    /// Fair weather, no cut, nobody slow.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.weather = Weather::default();
        state.cuts.clear();
        state.slow.clear();
        state.upgraded.clear();
        state.book_down = false;
    }

    /// Who listens as this node: nobody while it is down.
    pub fn set_node(&self, index: usize, node: Option<Arc<Node>>) {
        let before = std::mem::replace(&mut self.state.lock().nodes[index], node);
        drop(before);
    }

    /// The node that listens.
    #[must_use]
    pub fn node(&self, index: usize) -> Option<Arc<Node>> {
        self.state.lock().nodes[index].clone()
    }

    /// A machine's node as `from` sees it.
    #[must_use]
    pub fn link(self: &Arc<Self>, from: ProcessId, to: usize) -> Arc<dyn StorageNode> {
        Arc::new(Link { net: self.clone(), from, to })
    }

    /// The nodes of the first so many machines as `from` sees them.
    #[must_use]
    pub fn nodes_seen_by(self: &Arc<Self>, from: ProcessId, machines: usize) -> Vec<Arc<dyn StorageNode>> {
        (0..machines).map(|to| self.link(from, to)).collect()
    }

    /// How `from` reaches a member by its address.
    #[must_use]
    pub fn dial(self: &Arc<Self>, from: ProcessId) -> Dial {
        let net = self.clone();
        Arc::new(move |member| machine_at(&member.address).map(|to| net.link(from, to)))
    }

    fn delay(&self, from: ProcessId, to: ProcessId) -> Duration {
        let mut state = self.state.lock();
        let late = state.weather.late_permille;
        let usual = state.random.micros(40, 300);
        let times = if state.random.chance(late) { state.random.between(2, 100) as u32 } else { 1 };
        let slow = |process| state.slow.get(&process).copied().unwrap_or(1);
        usual * times * slow(from).max(slow(to))
    }

    fn way(&self, from: ProcessId, to: ProcessId) -> Way {
        let delay = self.delay(from, to);
        let mut state = self.state.lock();
        let lost = state.weather.lost_permille;
        if state.random.chance(lost) {
            self.tally.count(Fault::MessageLost);
            return Way::Lost;
        }
        Way::Free(delay)
    }

    fn is_cut(&self, from: ProcessId, to: ProcessId) -> bool {
        self.state.lock().cuts.contains(&(from, to))
    }

    /// One of a few: whether a message that meets a cut waits for it to be mended.
    fn waits_at_cut(&self) -> bool {
        self.state.lock().random.chance(400)
    }

    /// The way of one message; false when it is lost.
    async fn travel(&self, from: ProcessId, to: ProcessId) -> bool {
        match self.way(from, to) {
            Way::Free(delay) => sleep(delay).await,
            Way::Lost => return false,
        }
        self.pass_cut(from, to).await
    }

    async fn pass_cut(&self, from: ProcessId, to: ProcessId) -> bool {
        if !self.is_cut(from, to) {
            return true;
        }
        if !self.waits_at_cut() {
            self.tally.count(Fault::MessageLost);
            return false;
        }
        self.tally.count(Fault::MessageHeld);
        while self.is_cut(from, to) {
            sleep(HELD_LOOKS).await;
        }
        true
    }

    /// What a node needs to carry a request out, beside waiting its turn.
    fn service_time(&self, to: ProcessId, flushes: bool) -> Duration {
        let mut state = self.state.lock();
        let usual = if flushes { state.random.micros(100, 900) } else { state.random.micros(10, 200) };
        usual * state.slow.get(&to).copied().unwrap_or(1)
    }

    fn repeats(&self) -> bool {
        let mut state = self.state.lock();
        let repeated = state.weather.repeated_permille;
        let repeats = state.random.chance(repeated);
        if repeats {
            self.tally.count(Fault::MessageRepeated);
        }
        repeats
    }

    /// Carries a message of a connection, which is sent again until it arrives.
    pub async fn carry(&self, from: ProcessId, to: ProcessId) {
        while !self.travel(from, to).await {
            sleep(SENT_AGAIN).await;
        }
    }

    /// A message from server to server; `deliver` runs at `to`, if it arrives.
    pub fn post(self: &Arc<Self>, from: ProcessId, to: ProcessId, deliver: impl FnOnce() + Send + 'static) {
        let net = self.clone();
        self.world.spawn_in(ProcessId::WORLD, async move {
            if net.travel(from, to).await {
                net.world.spawn_in(to, async move { deliver() });
            }
        });
    }

    async fn round_trip<Q: Clone + Send + 'static, R: Send + 'static>(
        self: Arc<Self>,
        from: ProcessId,
        index: usize,
        request: Q,
        run: Run<Q, R>,
        answer: oneshot::Sender<NodeResult<R>>,
    ) {
        let to = node_process(index);
        if !self.travel(from, to).await {
            // Nobody ever answers: the caller's patience ends it.
            return;
        }
        let unreachable = |why: &str| Err(NodeError::Unreachable(why.into()));
        let Some(node) = self.node(index) else {
            if self.travel(to, from).await {
                // The caller may have given up.
                let _ = answer.send(unreachable("connection refused"));
            }
            return;
        };
        if self.repeats() {
            let (net, node, request, run) = (self.clone(), node.clone(), request.clone(), run.clone());
            self.world.spawn_in(ProcessId::WORLD, async move {
                let later = net.delay(from, to) * 20;
                sleep(later).await;
                // Its connection ended with the process: nobody carries out what a dead one would have.
                if !net.node(index).is_some_and(|listens| Arc::ptr_eq(&listens, &node)) {
                    return;
                }
                net.world.spawn_in(to, async move { drop(run(node, request).await) });
            });
        }
        let (done, result) = oneshot::channel();
        let net = self.clone();
        self.world.spawn_in(to, async move {
            sleep(net.service_time(to, false)).await;
            let _ = done.send(run(node, request).await);
        });
        let reply = result.await.unwrap_or_else(|_| unreachable("connection reset"));
        if self.travel(to, from).await {
            let _ = answer.send(reply);
        }
    }
}

/// A request says in which version it speaks.
trait Versioned {
    fn version(&mut self) -> &mut u32;
}

macro_rules! versioned {
    ($($request:ident),*) => {
        $(impl Versioned for rpc::$request {
            fn version(&mut self) -> &mut u32 {
                &mut self.version
            }
        })*
    };
}

versioned!(
    PrepareRequest,
    InstallTableRequest,
    FillRequest,
    ReadPageRequest,
    PullRequest,
    PullImagesRequest,
    HoldRequest,
    RegisterRequest,
    CreateVolumeRequest,
    StatusRequest
);

/// What a request does at its node.
type Run<Q, R> = Arc<dyn Fn(Arc<Node>, Q) -> BoxFuture<'static, NodeResult<R>> + Send + Sync>;

/// A storage node as one process sees it.
struct Link {
    net: Arc<Net>,
    from: ProcessId,
    to: usize,
}

impl Link {
    /// One call. `look` reads, and bends when the run is sabotaged, the reply as it arrives.
    fn call<Q: Versioned + Clone + Send + 'static, R: Send + 'static>(
        &self,
        mut request: Q,
        run: impl Fn(Arc<Node>, Q) -> BoxFuture<'static, NodeResult<R>> + Send + Sync + 'static,
        look: impl FnOnce(&Net, R) -> R + Send + 'static,
    ) -> BoxFuture<'static, NodeResult<R>> {
        let (net, from, to) = (self.net.clone(), self.from, self.to);
        if net.differ(from, to) {
            *request.version() += 1;
        }
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let trip = net.clone().round_trip(from, to, request, Arc::new(run), answer);
            net.world.spawn_in(ProcessId::WORLD, trip);
            match answered.await {
                Ok(reply) => reply.map(|reply| look(&net, reply)),
                Err(_) => std::future::pending().await,
            }
        })
    }
}

/// The client's end of an append stream.
struct SimStream {
    net: Arc<Net>,
    from: ProcessId,
    to: usize,
    outgoing: mpsc::UnboundedSender<(Duration, rpc::AppendRequest)>,
    /// The earliest that the next message may arrive: behind the one before.
    arrives: Duration,
    broken: Arc<AtomicBool>,
}

impl AppendStream for SimStream {
    fn send(&mut self, request: rpc::AppendRequest) -> NodeResult<()> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(NodeError::Unreachable("connection reset".into()));
        }
        let to = node_process(self.to);
        self.net.ledger.note_batch(&request.batch);
        self.net.ledger.note_announced(Lsn(request.flushed_vdl));
        let mut request = sabotage::bend_append(&self.net, self.to, request);
        if self.net.differ(self.from, self.to) {
            request.version += 1;
        }
        let copies = 1 + usize::from(self.net.repeats());
        for _ in 0..copies {
            let Way::Free(delay) = self.net.way(self.from, to) else { continue };
            self.arrives = self.arrives.max(self.net.world.time() + delay);
            let sent = self.outgoing.send((self.arrives, request.clone()));
            sent.map_err(|_| NodeError::Unreachable("connection reset".into()))?;
        }
        Ok(())
    }
}

/// Carries messages to the node's end in order.
async fn pump_requests(
    net: Arc<Net>,
    from: ProcessId,
    to: ProcessId,
    mut outgoing: mpsc::UnboundedReceiver<(Duration, rpc::AppendRequest)>,
    node_end: mpsc::UnboundedSender<rpc::AppendRequest>,
    broken: Arc<AtomicBool>,
) {
    while let Some((arrival, request)) = outgoing.recv().await {
        sleep(arrival.saturating_sub(net.world.time())).await;
        if !net.pass_cut(from, to).await {
            continue;
        }
        if node_end.send(request).is_err() {
            break;
        }
    }
    // Whoever sends next finds out.
    if net.travel(to, from).await {
        broken.store(true, Ordering::Relaxed);
    }
}

/// The node's end.
async fn serve_stream(
    net: Arc<Net>,
    to: ProcessId,
    mut stream: Box<dyn AppendStream>,
    mut arriving: mpsc::UnboundedReceiver<rpc::AppendRequest>,
) {
    while let Some(request) = arriving.recv().await {
        sleep(net.service_time(to, !request.batch.is_empty())).await;
        if stream.send(request).is_err() {
            return;
        }
    }
}

async fn pump_replies(
    net: Arc<Net>,
    from: ProcessId,
    to: ProcessId,
    mut replies: mpsc::UnboundedReceiver<rpc::AppendReply>,
    client_end: mpsc::UnboundedSender<rpc::AppendReply>,
) {
    let mut arrives = Duration::ZERO;
    while let Some(reply) = replies.recv().await {
        let Way::Free(delay) = net.way(to, from) else { continue };
        arrives = arrives.max(net.world.time() + delay);
        sleep(arrives.saturating_sub(net.world.time())).await;
        if net.pass_cut(to, from).await && client_end.send(reply).is_err() {
            return;
        }
    }
}

impl Link {
    async fn open_stream(
        net: Arc<Net>,
        from: ProcessId,
        index: usize,
        on_reply: OnReply,
    ) -> NodeResult<Box<dyn AppendStream>> {
        let to = node_process(index);
        let (answer, answered) = oneshot::channel();
        let (replies, replies_end) = mpsc::unbounded_channel();
        let (client_end, mut arriving_replies) = mpsc::unbounded_channel::<rpc::AppendReply>();
        let (node_end, arriving) = mpsc::unbounded_channel();
        // The node's end of the stream is made where it lives, and stays there.
        let ends = Arc::new(Mutex::new(Some((replies, arriving))));
        let at_node = net.clone();
        let run = move |node: Arc<Node>, ()| -> BoxFuture<'static, NodeResult<()>> {
            let (net, ends) = (at_node.clone(), ends.lock().take());
            Box::pin(async move {
                // A repeated request opens nothing more.
                let Some((replies, arriving)) = ends else { return Ok(()) };
                let ledger = net.clone();
                let told: OnReply = Arc::new(move |reply| {
                    ledger.ledger.note_promise(index, reply.promised);
                    // The stream may have ended.
                    let _ = replies.send(reply);
                });
                let stream = node.append(told).await?;
                net.world.spawn_in(to, serve_stream(net.clone(), to, stream, arriving));
                Ok(())
            })
        };
        let trip = net.clone().round_trip(from, index, (), Arc::new(run), answer);
        net.world.spawn_in(ProcessId::WORLD, trip);
        match answered.await {
            Ok(opened) => opened?,
            Err(_) => std::future::pending().await,
        }
        let bent = net.clone();
        net.world.spawn_in(from, async move {
            while let Some(reply) = arriving_replies.recv().await {
                on_reply(sabotage::bend_append_reply(&bent, index, reply));
            }
        });
        net.world.spawn_in(ProcessId::WORLD, pump_replies(net.clone(), from, to, replies_end, client_end));
        let (outgoing, sent) = mpsc::unbounded_channel();
        let broken = Arc::new(AtomicBool::new(false));
        net.world.spawn_in(ProcessId::WORLD, pump_requests(net.clone(), from, to, sent, node_end, broken.clone()));
        Ok(Box::new(SimStream { net, from, to: index, outgoing, arrives: Duration::ZERO, broken }))
    }
}

impl StorageNode for Link {
    fn append(&self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
        Box::pin(Link::open_stream(self.net.clone(), self.from, self.to, on_reply))
    }

    fn prepare(&self, request: rpc::PrepareRequest) -> BoxFuture<'_, NodeResult<rpc::PrepareReply>> {
        let (to, ledger, net) = (self.to, self.net.ledger.clone(), self.net.clone());
        self.call(
            request,
            move |node, request| {
                let (ledger, net) = (ledger.clone(), net.clone());
                Box::pin(async move {
                    sabotage::before_promise(&net, to);
                    let reply = node.prepare(request).await?;
                    ledger.note_promise(to, reply.highest);
                    Ok(reply)
                })
            },
            sabotage::bend_prepare_reply,
        )
    }

    fn install_table(&self, request: rpc::InstallTableRequest) -> BoxFuture<'_, NodeResult<rpc::InstallTableReply>> {
        let (to, net) = (self.to, self.net.clone());
        self.call(
            request,
            move |node, request| {
                net.forgotten.lock().remove(&to);
                Box::pin(async move { node.install_table(request).await })
            },
            |_, reply| reply,
        )
    }

    fn fill(&self, request: rpc::FillRequest) -> BoxFuture<'_, NodeResult<rpc::FillReply>> {
        self.call(request, |node, request| Box::pin(async move { node.fill(request).await }), |_, reply| reply)
    }

    fn read_page(&self, request: rpc::ReadPageRequest) -> BoxFuture<'_, NodeResult<rpc::ReadPageReply>> {
        // A node that repairs an image takes any version of the page.
        let (to, asked, is_server) = (self.to, request, sabotage::is_node(self.from).is_none());
        let request = sabotage::bend_read(&self.net, self.to, request);
        self.call(
            request,
            |node, request| Box::pin(async move { node.read_page(request).await }),
            move |net, reply| {
                if is_server && reply.outcome() == rpc::ReadOutcome::Ok {
                    net.ledger.note_read(to, &asked, &reply.page);
                }
                reply
            },
        )
    }

    fn pull(&self, request: rpc::PullRequest) -> BoxFuture<'_, NodeResult<rpc::PullReply>> {
        let from = self.from;
        let request = sabotage::bend_pull(&self.net, from, self.to, request);
        self.call(
            request,
            |node, request| Box::pin(async move { node.pull(request).await }),
            move |net, reply| sabotage::bend_pull_reply(net, from, reply),
        )
    }

    fn pull_images(&self, request: rpc::PullImagesRequest) -> BoxFuture<'_, NodeResult<rpc::PullImagesReply>> {
        self.call(request, |node, request| Box::pin(async move { node.pull_images(request).await }), |_, reply| reply)
    }

    fn hold(&self, request: rpc::HoldRequest) -> BoxFuture<'_, NodeResult<rpc::HoldReply>> {
        let from = self.from;
        self.call(
            request,
            |node, request| Box::pin(async move { node.hold(request).await }),
            move |net, reply| sabotage::bend_hold_reply(net, from, reply),
        )
    }

    fn register(&self, request: rpc::RegisterRequest) -> BoxFuture<'_, NodeResult<rpc::RegisterReply>> {
        if self.net.state.lock().book_down {
            return Box::pin(async { Err(NodeError::Unreachable("the address book is down".into())) });
        }
        self.call(request, |node, request| Box::pin(async move { node.register(request).await }), |_, reply| reply)
    }

    fn create_volume(&self, request: rpc::CreateVolumeRequest) -> BoxFuture<'_, NodeResult<rpc::CreateVolumeReply>> {
        self.call(request, |node, request| Box::pin(async move { node.create_volume(request).await }), |_, reply| reply)
    }

    fn status(&self, request: rpc::StatusRequest) -> BoxFuture<'_, NodeResult<rpc::StatusReply>> {
        let from = self.from;
        self.call(
            request,
            |node, request| Box::pin(async move { node.status(request).await }),
            move |net, reply| sabotage::bend_status_reply(net, from, reply),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Death, Machine, Sizes, member};
    use crate::trace::Trace;
    use protocol::{Ballot, FORMAT_VERSION};
    use storage::quorum::COPIES;

    #[test]
    fn a_repeated_message_is_not_carried_out_by_a_process_that_died() {
        let world = World::new(1, Trace::default());
        let ledger = Ledger::new(world.clone());
        let net = Net::new(world.clone(), Random::new(1, 2), Arc::default(), ledger.clone(), None);
        let mut random = Random::new(1, 3);
        let machine = Machine::new(world.clone(), net.clone(), 0, Sizes::draw(&mut random));
        net.set_weather(Weather { repeated_permille: 1000, ..Weather::default() });
        let promised = world.run(Duration::from_secs(60), async move {
            machine.start().expect("the disk is empty");
            let link = net.link(ProcessId::WORLD, 0);
            let config = rpc::VolumeConfig {
                volume: 1,
                pages_per_group: 4,
                lal_bytes: 1 << 20,
                members: (0..COPIES).map(member).collect(),
                ..rpc::VolumeConfig::default()
            };
            let request = rpc::CreateVolumeRequest { version: FORMAT_VERSION, config: Some(config) };
            link.create_volume(request).await.expect("it is the first");
            let prepare = |counter| {
                let ballot = Ballot::new(counter, 1).0;
                link.prepare(rpc::PrepareRequest { volume: 1, version: FORMAT_VERSION, ballot, vdl_heard: 0 })
            };
            let first = prepare(1).await.expect("it listens");
            machine.die(Death::Killed, &mut random);
            machine.start().expect("the disk is sound");
            let second = prepare(2).await.expect("it listens");
            // All that is repeated has arrived.
            sleep(Duration::from_secs(5)).await;
            [first.promised, second.promised]
        });
        assert_eq!(promised, Ok([true, true]));
        assert_eq!(ledger.violations(), Vec::<String>::new());
        world.end(|| {});
    }
}
