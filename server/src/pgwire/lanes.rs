//! Where sessions run: on lanes, one for each core, each a thread with an event loop of its own.
//!
//! **Rule.** A session stays on one lane: the thread that reads its messages carries them out and writes the replies, on
//! the same core each time. Nothing is handed to another thread between a message and its reply. A kernel that sees a
//! client always woken from one core lets it run there, so that on a machine that runs clients, too, few wake-ups cross
//! cores; crossing is most of what a short statement costs where an interrupt between cores traps, as in a virtual machine.
//! `pgbench -S -M prepared -c 8 -j 2` at scale 10 on two virtual cores, tps beside PostgreSQL 15 in the same run, 2026-11-20:
//! 57,100 to 60,200 on threads that steal work from each other (0b02bac), 107,000 and 115,000 to 67,000 and 85,000 on lanes
//! (ebc9324).
//!
//! Three more rules:
//!
//! - **A long statement leaves.** What has computed for [`LONG`] since its client last sent something goes on in the
//!   shared threads, which do steal, and comes back when it waits for its client again. All that a session spawns runs
//!   there from the beginning. It leaves between two polls: one long poll holds up the others of its lane.
//! - **A session lives near its client.** It begins on the lane of the core that its client's packets are processed on,
//!   which is the client's own core when both are on one machine and its receive queue's when not; when they come from
//!   another core for some time, it moves there, unless that leaves the lanes uneven; two that are each on the lane of the
//!   other's client change places.
//! - **Lanes are evened out.** When one lane has been busier than another by a good part of [`WINDOW`], the session that
//!   makes up half the difference changes its lane when it next waits for its client.
//! - **A socket goes along.** A session that changes its lane takes its socket to the new lane's event loop: woken across by
//!   the old one, each message would cost what lanes are there to save. "bind, execute, sync, one row" of
//!   `cargo bench -p redoubt-server`, processor time of the server on two virtual cores with other load, 2026-11-21: 59.9 us
//!   without this (fe1316b with the bench of 05df3f9), 6.5 us with it (05df3f9).
//!
//! Lanes are tied to cores only when the process may use all the time of each: with a quota on the sum, as containers
//! have, the kernel's choice is better than ours.
//!
//! Source: the design of Seastar (Kivity and others), without its partition of the data.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use parking_lot::Mutex;
use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::threads::STACK_BYTES;

/// A session that has computed for so long without waiting for its client leaves its lane.
const LONG: Duration = Duration::from_millis(5);
/// How often lanes are compared.
const WINDOW: Duration = Duration::from_millis(100);
/// Lanes whose loads differ by less than this part of the window are left alone.
const UNEVEN_PERCENT: u64 = 25;
/// A new session goes to its client's lane if that has at most so many sessions more than another.
const SURPLUS_MAX: usize = 4;
/// A session whose client was seen on another core in so many windows in a row follows it.
const WINDOWS_APART: u32 = 2;
/// Stands for a core that is not known.
const UNKNOWN: usize = usize::MAX;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The lanes of one front door. Their threads end when it and all its sessions are gone.
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// Of each lane.
    event_loops: Arc<[Handle]>,
    /// The threads that steal work from each other.
    shared: Handle,
    /// Origin of the times below.
    started: Instant,
    /// When the lanes were last compared, in nanoseconds.
    compared: AtomicU64,
    tenants: Mutex<Vec<Weak<Tenant>>>,
}

struct Lane {
    handle: Handle,
    /// The core that it is tied to.
    core: Option<usize>,
    /// Sessions whose home it is.
    tenants: AtomicUsize,
    /// Nanoseconds that its sessions computed, in this window.
    busy: AtomicU64,
    _end: DropGuard,
}

/// What the lanes and a session know of each other.
#[derive(Debug)]
pub(super) struct Tenant {
    /// The lane it lives on.
    home: AtomicUsize,
    /// The lane whose event loop has its socket.
    socket: AtomicUsize,
    event_loops: Arc<[Handle]>,
    /// Nanoseconds that it computed, in this window.
    busy: AtomicU64,
    /// It waits for its client.
    rests: AtomicBool,
    /// It is to look where its client's packets are processed.
    looks: AtomicBool,
    /// The core where it saw them processed, or [`UNKNOWN`].
    near: AtomicUsize,
    /// Windows in a row in which that was not its lane's.
    apart: AtomicU32,
}

impl Tenant {
    /// Says that the session waits for its client and has nothing else to do.
    /// `near` tells the core that its client's packets are processed on; it is asked now and then. Returns the event loop
    /// that the session's socket is to be moved to, if that is another than it is in.
    pub(super) fn rest(&self, near: impl FnOnce() -> Option<usize>) -> Option<&Handle> {
        self.rests.store(true, Ordering::Relaxed);
        if self.looks.load(Ordering::Relaxed) {
            self.looks.store(false, Ordering::Relaxed);
            self.near.store(near().unwrap_or(UNKNOWN), Ordering::Relaxed);
        }
        let home = self.home.load(Ordering::Relaxed);
        (self.socket.swap(home, Ordering::Relaxed) != home).then(|| &self.event_loops[home])
    }
}

/// A place on a lane, given up when it is dropped.
pub(super) struct Place {
    lanes: Arc<Lanes>,
    tenant: Arc<Tenant>,
}

impl Place {
    pub(super) fn tenant(&self) -> Arc<Tenant> {
        self.tenant.clone()
    }

    /// What is made until the guard is dropped (sockets) belongs to the lane's event loop.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.lanes.lanes[self.home()].handle.enter()
    }

    /// Starts what runs here.
    pub(super) fn spawn(self, task: impl Future<Output = ()> + Send + 'static) {
        let on = On::Lane(self.home());
        Stay { task: Some(Box::pin(task)), place: Some(self), on, spent: Duration::ZERO }.spawn(on);
    }

    fn home(&self) -> usize {
        self.tenant.home.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Its home does not change meanwhile, nor later: who did nothing is not moved.
        let _tenants = self.lanes.tenants.lock();
        self.tenant.busy.store(0, Ordering::Relaxed);
        self.lanes.lanes[self.home()].tenants.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a task is polled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum On {
    Lane(usize),
    Shared,
}

impl Lanes {
    /// A lane for each core that this process may use. To be called within the runtime of the shared threads.
    ///
    /// # Errors
    /// When the threads cannot be had.
    pub(super) fn start() -> io::Result<Arc<Lanes>> {
        let count = thread::available_parallelism()?.get();
        let cores = core_affinity::get_core_ids().filter(|cores| cores.len() == count);
        let core = |n| cores.as_ref().map(|cores| cores[n]);
        let lanes = (0..count).map(|n| Lane::start(n, core(n))).collect::<io::Result<_>>()?;
        Ok(Lanes::of(lanes))
    }

    fn of(lanes: Vec<Lane>) -> Arc<Lanes> {
        let (started, compared, tenants) = (Instant::now(), AtomicU64::new(0), Mutex::default());
        let event_loops = lanes.iter().map(|lane| lane.handle.clone()).collect();
        Arc::new(Lanes { lanes, event_loops, shared: Handle::current(), started, compared, tenants })
    }

    /// A place on the lane of a core, or on the one that has the fewest sessions.
    pub(super) fn place(self: &Arc<Lanes>, near: Option<usize>) -> Place {
        let tenants = |lane: &usize| self.lanes[*lane].tenants.load(Ordering::Relaxed);
        let fewest = (0..self.lanes.len()).min_by_key(tenants).expect("a process may use at least one core");
        let home = near
            .and_then(|core| self.lane_of(core))
            .filter(|lane| tenants(lane) <= tenants(&fewest) + SURPLUS_MAX)
            .unwrap_or(fewest);
        self.lanes[home].tenants.fetch_add(1, Ordering::Relaxed);
        let tenant = Tenant {
            home: AtomicUsize::new(home),
            socket: AtomicUsize::new(home),
            event_loops: self.event_loops.clone(),
            busy: AtomicU64::new(0),
            rests: AtomicBool::new(false),
            looks: AtomicBool::new(false),
            near: AtomicUsize::new(near.unwrap_or(UNKNOWN)),
            apart: AtomicU32::new(0),
        };
        let tenant = Arc::new(tenant);
        let mut tenants = self.tenants.lock();
        if tenants.len() == tenants.capacity() {
            tenants.retain(|tenant| tenant.strong_count() > 0);
        }
        tenants.push(Arc::downgrade(&tenant));
        Place { lanes: self.clone(), tenant }
    }

    fn lane_of(&self, core: usize) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.core == Some(core))
    }

    /// Notes what a session computed, and compares the lanes when it is time.
    fn note(&self, tenant: &Tenant, computed: Duration, now: Instant) {
        let computed = computed.as_nanos() as u64;
        tenant.busy.fetch_add(computed, Ordering::Relaxed);
        self.lanes[tenant.home.load(Ordering::Relaxed)].busy.fetch_add(computed, Ordering::Relaxed);
        let now = now.duration_since(self.started).as_nanos() as u64;
        let compared = self.compared.load(Ordering::Relaxed);
        let window = now.saturating_sub(compared);
        let due = window >= WINDOW.as_nanos() as u64;
        // One of the sessions that see this does it.
        if due && self.compared.compare_exchange(compared, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.even_out(window);
        }
    }

    /// Ends a window: brings sessions to their clients, or else evens out the lanes.
    fn even_out(&self, window: u64) {
        let mut loads: Vec<u64> = self.lanes.iter().map(|lane| lane.busy.swap(0, Ordering::Relaxed)).collect();
        let mut tenants = self.tenants.lock();
        tenants.retain(|tenant| tenant.strong_count() > 0);
        let active: Vec<(Arc<Tenant>, u64)> = (tenants.iter().filter_map(Weak::upgrade))
            .map(|tenant| (tenant.busy.swap(0, Ordering::Relaxed), tenant))
            .filter(|(busy, _)| *busy > 0)
            .map(|(busy, tenant)| (tenant, busy))
            .collect();
        let uneven = window * UNEVEN_PERCENT / 100;
        // Those who would follow their clients if the lanes stayed even.
        let mut kept: Vec<(&Tenant, u64, usize, usize)> = Vec::new();
        for (tenant, busy) in &active {
            let home = tenant.home.load(Ordering::Relaxed);
            tenant.looks.store(true, Ordering::Relaxed);
            let Some(near) = self.lane_of(tenant.near.load(Ordering::Relaxed)).filter(|near| *near != home) else {
                tenant.apart.store(0, Ordering::Relaxed);
                continue;
            };
            if 1 + tenant.apart.fetch_add(1, Ordering::Relaxed) < WINDOWS_APART {
                continue;
            }
            let fits = |back: u64| loads[near] + 2 * busy <= loads[home] + 2 * back + uneven;
            let fits_back = |back: u64| loads[home] + 2 * back <= loads[near] + 2 * busy + uneven;
            let goes_back = |(_, back, from, to): &(&Tenant, u64, usize, usize)| {
                (*from, *to) == (near, home) && fits(*back) && fits_back(*back)
            };
            if !fits(0) {
                let Some(partner) = kept.iter().position(goes_back) else {
                    kept.push((tenant, *busy, home, near));
                    continue;
                };
                let (partner, back, ..) = kept.swap_remove(partner);
                self.change_home(partner, home);
                loads[near] = loads[near].saturating_sub(back);
                loads[home] += back;
            }
            self.change_home(tenant, near);
            loads[home] = loads[home].saturating_sub(*busy);
            loads[near] += busy;
        }
        let busiest = (0..loads.len()).max_by_key(|lane| loads[*lane]).expect("there is a lane");
        let idlest = (0..loads.len()).min_by_key(|lane| loads[*lane]).expect("there is a lane");
        let difference = loads[busiest] - loads[idlest];
        if difference < uneven {
            return;
        }
        // One that makes up more than all of the difference would only turn it around.
        let mover = (active.iter())
            .filter(|(tenant, busy)| tenant.home.load(Ordering::Relaxed) == busiest && *busy < difference)
            .min_by_key(|(_, busy)| (difference / 2).abs_diff(*busy));
        if let Some((tenant, _)) = mover {
            self.change_home(tenant, idlest);
        }
    }

    /// The session goes there when it next waits for its client. The caller holds the lock on the tenants.
    fn change_home(&self, tenant: &Tenant, home: usize) {
        let before = tenant.home.swap(home, Ordering::Relaxed);
        tenant.apart.store(0, Ordering::Relaxed);
        self.lanes[before].tenants.fetch_sub(1, Ordering::Relaxed);
        self.lanes[home].tenants.fetch_add(1, Ordering::Relaxed);
    }
}

impl Lane {
    fn start(n: usize, core: Option<CoreId>) -> io::Result<Lane> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let end = CancellationToken::new();
        let ended = end.clone();
        let run = move || {
            if let Some(core) = core
                && !core_affinity::set_for_current(core)
            {
                tracing::warn!(core = core.id, "a thread could not be tied to its core");
            }
            runtime.block_on(ended.cancelled());
        };
        thread::Builder::new().name(format!("lane-{n}")).stack_size(STACK_BYTES).spawn(run)?;
        let core = core.map(|core| core.id);
        let (tenants, busy) = (AtomicUsize::new(0), AtomicU64::new(0));
        Ok(Lane { handle, core, tenants, busy, _end: end.drop_guard() })
    }
}

/// A session's task, which moves between its lane and the shared threads.
struct Stay {
    /// `None` once it was spawned elsewhere.
    task: Option<Task>,
    place: Option<Place>,
    on: On,
    /// What it computed since it last waited for its client.
    spent: Duration,
}

impl Stay {
    fn spawn(self, on: On) {
        let place = self.place.as_ref().expect("it was not given away yet");
        let runtime = match on {
            On::Lane(lane) => place.lanes.lanes[lane].handle.clone(),
            On::Shared => place.lanes.shared.clone(),
        };
        drop(runtime.spawn(Stay { on, ..self }));
    }
}

impl Future for Stay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let stay = &mut *self;
        let (Some(task), Some(place)) = (&mut stay.task, &stay.place) else { return Poll::Ready(()) };
        let began = Instant::now();
        let polled = {
            let _shared = place.lanes.shared.enter();
            task.as_mut().poll(cx)
        };
        if polled.is_ready() {
            return Poll::Ready(());
        }
        let now = Instant::now();
        let computed = now - began;
        if stay.on != On::Shared {
            place.lanes.note(&place.tenant, computed, now);
        }
        stay.spent += computed;
        let on = if place.tenant.rests.swap(false, Ordering::Relaxed) {
            stay.spent = Duration::ZERO;
            On::Lane(place.home())
        } else if stay.spent > LONG {
            On::Shared
        } else {
            stay.on
        };
        if on == stay.on {
            return Poll::Pending;
        }
        Stay { task: stay.task.take(), place: stay.place.take(), on, spent: stay.spent }.spawn(on);
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    /// What a session computes until it is true.
    type Until = fn() -> bool;
    type Session = (UnboundedSender<Until>, UnboundedReceiver<String>, Arc<Tenant>);

    fn two() -> Arc<Lanes> {
        Lanes::of((0..2).map(|n| Lane::start(n, None).expect("a thread can be had")).collect())
    }

    /// Lanes that are said to be tied to the cores 10 and 11.
    fn two_with_cores() -> Arc<Lanes> {
        let mut lanes: Vec<Lane> = (0..2).map(|n| Lane::start(n, None).expect("a thread can be had")).collect();
        lanes.iter_mut().zip([10, 11]).for_each(|(lane, n)| lane.core = Some(n));
        Lanes::of(lanes)
    }

    /// A window of 100 ns in which clients were seen on these cores and their sessions were busy for so long.
    fn window(lanes: &Lanes, places: &[Place], cores: [usize; 4], busy: [u64; 4]) {
        for ((place, core), busy) in places.iter().zip(cores).zip(busy) {
            let tenant = place.tenant();
            tenant.looks.store(true, Ordering::Relaxed);
            tenant.rest(|| Some(core));
            tenant.busy.store(busy, Ordering::Relaxed);
            lanes.lanes[place.home()].busy.fetch_add(busy, Ordering::Relaxed);
        }
        lanes.even_out(100);
    }

    fn here() -> String {
        thread::current().name().unwrap_or_default().to_owned()
    }

    /// A session that says where it carries out each message, and computes at least until the message is content.
    fn session(lanes: &Arc<Lanes>) -> Session {
        let (client, mut messages) = unbounded_channel::<Until>();
        let (replies, seen) = unbounded_channel();
        let place = lanes.place(None);
        let (tenant, resting) = (place.tenant(), place.tenant());
        place.spawn(async move {
            loop {
                resting.rest(|| None);
                let Some(content) = messages.recv().await else { break };
                while !content() {
                    tokio::task::yield_now().await;
                }
                replies.send(here()).expect("the test listens");
            }
        });
        (client, seen, tenant)
    }

    async fn ask(client: &UnboundedSender<Until>, seen: &mut UnboundedReceiver<String>, until: Until) -> String {
        client.send(until).expect("the session listens");
        tokio::time::timeout(Duration::from_secs(20), seen.recv()).await.expect("in time").expect("it answers")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn sessions_are_spread_over_the_lanes_and_stay_there() {
        let lanes = two();
        let (first, mut first_seen, _) = session(&lanes);
        let (second, mut second_seen, _) = session(&lanes);
        for _ in 0..100 {
            assert_eq!(ask(&first, &mut first_seen, || true).await, "lane-0");
            assert_eq!(ask(&second, &mut second_seen, || true).await, "lane-1");
        }
        drop(first);
        while first_seen.recv().await.is_some() {}
        // Its place is given up after its last word.
        while lanes.lanes[0].tenants.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
        let (third, mut third_seen, _) = session(&lanes);
        assert_eq!(ask(&third, &mut third_seen, || true).await, "lane-0");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_long_statement_leaves_its_lane_and_comes_back() {
        let lanes = two();
        let (client, mut seen, _) = session(&lanes);
        let away = ask(&client, &mut seen, || !here().starts_with("lane")).await;
        assert!(!away.starts_with("lane"), "it went on in {away}");
        // It is back when it has waited for its client again.
        let back = ask(&client, &mut seen, || here().starts_with("lane")).await;
        assert_eq!(back, "lane-0");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_session_spawns_runs_in_the_shared_threads() {
        let lanes = two();
        let (done, spawned) = tokio::sync::oneshot::channel();
        lanes.place(None).spawn(async move {
            let child = tokio::spawn(async { here() });
            done.send((here(), child.await)).expect("the test listens");
        });
        let (parent, child) = spawned.await.expect("it answers");
        assert_eq!(parent, "lane-0");
        assert!(!child.expect("no panic").starts_with("lane"));
    }

    // Nothing runs at these places, so that the loads are those that the test notes.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_that_makes_up_half_the_difference_changes_its_lane() {
        let lanes = two();
        let places: Vec<Place> = (0..6).map(|_| lanes.place(None)).collect();
        let homes = || -> Vec<usize> { places.iter().map(Place::home).collect() };
        assert_eq!(homes(), [0, 1, 0, 1, 0, 1]);
        let load = |busy: [u64; 6]| {
            for (place, busy) in places.iter().zip(busy) {
                place.tenant.busy.store(busy, Ordering::Relaxed);
                lanes.lanes[place.home()].busy.fetch_add(busy, Ordering::Relaxed);
            }
            lanes.even_out(100);
        };
        load([90, 0, 0, 5, 0, 5]);
        assert_eq!(homes(), [0, 1, 0, 1, 0, 1], "the other lane would be as busy");
        load([30, 0, 35, 15, 20, 5]);
        assert_eq!(homes(), [1, 1, 0, 1, 0, 1], "30 of a difference of 65");
        load([0, 0, 20, 5, 0, 5]);
        assert_eq!(homes(), [1, 1, 0, 1, 0, 1], "they are even enough");
        let counts: Vec<usize> = lanes.lanes.iter().map(|lane| lane.tenants.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [2, 4]);
        let sockets_that_move = || places.iter().filter(|place| place.tenant.rest(|| None).is_some()).count();
        assert_eq!((sockets_that_move(), sockets_that_move()), (1, 0), "its socket goes along, once");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_goes_to_its_new_lane_when_it_waits() {
        let lanes = two();
        let (client, mut seen, tenant) = session(&lanes);
        assert_eq!(ask(&client, &mut seen, || true).await, "lane-0");
        lanes.change_home(&tenant, 1);
        // It hears this one on its old lane, and is on the new one when it has waited again.
        ask(&client, &mut seen, || true).await;
        assert_eq!(ask(&client, &mut seen, || here() == "lane-1").await, "lane-1");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_follows_its_client_while_the_lanes_stay_even() {
        let lanes = two_with_cores();
        let places: Vec<Place> = [Some(11), Some(11), None, Some(7)].map(|near| lanes.place(near)).into();
        let homes = || -> Vec<usize> { places.iter().map(Place::home).collect() };
        assert_eq!(homes(), [1, 1, 0, 0]);
        let window = |cores, busy| window(&lanes, &places, cores, busy);
        window([10, 11, 10, 10], [20, 20, 20, 20]);
        assert_eq!(homes(), [1, 1, 0, 0], "perhaps its client only passes by");
        window([11, 11, 10, 10], [20, 20, 20, 20]);
        window([10, 11, 10, 10], [20, 20, 20, 20]);
        assert_eq!(homes(), [1, 1, 0, 0], "it was back between");
        window([10, 11, 10, 10], [20, 20, 20, 20]);
        assert_eq!(homes(), [1, 1, 0, 0], "it would leave the lanes uneven");
        window([10, 11, 10, 10], [10, 30, 20, 20]);
        assert_eq!(homes(), [0, 1, 0, 0]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_sessions_whose_clients_are_at_each_others_lane_change_places() {
        let lanes = two_with_cores();
        let places: Vec<Place> = [10, 10, 11, 11].map(|near| lanes.place(Some(near))).into();
        let homes = || -> Vec<usize> { places.iter().map(Place::home).collect() };
        assert_eq!(homes(), [0, 0, 1, 1]);
        let window = |busy| window(&lanes, &places, [10, 11, 10, 11], busy);
        window([20, 20, 20, 20]);
        assert_eq!(homes(), [0, 0, 1, 1], "perhaps they only pass by");
        window([5, 45, 10, 30]);
        assert_eq!(homes(), [0, 0, 1, 1], "it would leave the lanes uneven");
        window([20, 20, 20, 20]);
        assert_eq!(homes(), [0, 1, 0, 1], "neither could go alone");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_that_has_ended_changes_no_lane() {
        let lanes = two();
        let place = lanes.place(None);
        let tenant = place.tenant();
        tenant.busy.store(50, Ordering::Relaxed);
        lanes.lanes[place.home()].busy.store(100, Ordering::Relaxed);
        drop(place);
        lanes.even_out(100);
        let tenants = |lane: &Lane| lane.tenants.load(Ordering::Relaxed);
        assert_eq!(lanes.lanes.iter().map(tenants).collect::<Vec<_>>(), [0, 0]);
    }

    #[test]
    fn a_crowded_lane_takes_no_more() {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let _within = runtime.enter();
        let mut lanes: Vec<Lane> = (0..2).map(|n| Lane::start(n, None).expect("a thread can be had")).collect();
        lanes[1].core = Some(3);
        let lanes = Lanes::of(lanes);
        let places: Vec<Place> = (0..8).map(|_| lanes.place(Some(3))).collect();
        let homes: Vec<usize> = places.iter().map(Place::home).collect();
        assert_eq!(homes, [1, 1, 1, 1, 1, 0, 1, 0]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn lanes_end_with_the_last_session() {
        let lanes = two();
        let left = Arc::downgrade(&lanes);
        let (client, mut seen, _) = session(&lanes);
        drop(lanes);
        assert_eq!(ask(&client, &mut seen, || true).await, "lane-0");
        drop(client);
        let gone = async {
            while left.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.expect("nothing holds them");
    }
}
