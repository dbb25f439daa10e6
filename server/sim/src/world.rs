//! The world: one thread that runs every task of every process, on time that moves only when nothing is left to do.
//!
//! **Rule.** What happens next is decided by the seed alone. Of the tasks that can run, the seed picks one: ready tasks are
//! kept in the order of their numbers, so that it does not matter in which order they were woken. A poll costs a few
//! microseconds of virtual time, drawn as well; when no task is ready, time jumps to the next timer.
//!
//! A task belongs to a process. A process can be *stopped* (SIGSTOP: none of its tasks runs, its timers fire into the void
//! and are noticed when it goes on) and *killed* (all its tasks are dropped where they wait). Tasks started by a task belong
//! to its process.
//!
//! A task runs until it waits. Where a thread would yield before that (`storage::volume::joining`), others run for a drawn
//! time, a *turn*, in some worlds; in the rest nobody does.
//!
//! Every choice goes into a hash, and so does everything that is [noted](World::note): two runs are the same run when the
//! hashes are equal.

use crate::random::Random;
use crate::trace::Trace;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use protocol::task;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A process: the world itself, a storage node, a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u32);

impl ProcessId {
    /// The network, the faults, the checks: what never fails.
    pub const WORLD: ProcessId = ProcessId(0);
}

type TaskId = u64;

struct Running {
    process: ProcessId,
    /// Taken out while it is polled.
    polled: Option<Polled>,
    handle: Arc<TaskWaker>,
}

/// What a poll needs.
struct Polled {
    future: BoxFuture<'static, ()>,
    waker: Waker,
}

struct State {
    random: Random,
    tasks: BTreeMap<TaskId, Running>,
    /// Processes whose tasks are being dropped: what those start is dropped, too.
    dying: BTreeSet<ProcessId>,
    timers: BTreeMap<(Duration, u64), Waker>,
    next_task: TaskId,
    next_timer: u64,
    polls: u64,
}

/// What is given to others by who lets them run.
struct Turns {
    random: Random,
    /// The longest, in microseconds; 0: there are none.
    micros_max: u64,
    /// When the last one of each process ends.
    ends: BTreeMap<ProcessId, Duration>,
}

/// The tasks that were woken and not polled since. It holds none that is over, and is looked at before every poll.
#[derive(Default)]
struct Ready {
    /// Those that can run, and whose they are; ascending.
    runnable: Vec<(TaskId, ProcessId)>,
    /// Those of each process that is stopped.
    held: BTreeMap<ProcessId, BTreeSet<TaskId>>,
}

impl Ready {
    fn find(&self, task: TaskId) -> Result<usize, usize> {
        self.runnable.binary_search_by_key(&task, |(task, _)| *task)
    }

    fn insert(&mut self, task: TaskId, process: ProcessId) {
        if let Some(held) = self.held.get_mut(&process) {
            held.insert(task);
        } else if let Err(at) = self.find(task) {
            self.runnable.insert(at, (task, process));
        }
    }

    fn remove(&mut self, task: TaskId, process: ProcessId) {
        if let Some(held) = self.held.get_mut(&process) {
            held.remove(&task);
        } else if let Ok(at) = self.find(task) {
            self.runnable.remove(at);
        }
    }

    fn set_stopped(&mut self, process: ProcessId, stopped: bool) {
        if !stopped {
            let held = self.held.remove(&process).unwrap_or_default();
            held.into_iter().for_each(|task| self.insert(task, process));
        } else {
            let held = self.held.entry(process).or_default();
            held.extend(self.runnable.extract_if(.., |(_, of)| *of == process).map(|(task, _)| task));
        }
    }
}

struct TaskWaker {
    task: TaskId,
    process: ProcessId,
    /// There is nothing left to wake.
    over: AtomicBool,
    ready: Arc<Mutex<Ready>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut ready = self.ready.lock();
        if !self.over.load(Ordering::Relaxed) {
            ready.insert(self.task, self.process);
        }
    }
}

impl TaskWaker {
    /// The task is done, or dropped.
    fn end(&self) {
        let mut ready = self.ready.lock();
        self.over.store(true, Ordering::Relaxed);
        ready.remove(self.task, self.process);
    }
}

/// See the module. Only one thread is ever here: what every step looks at is atomic because that costs less than a lock.
pub struct World {
    me: Weak<World>,
    /// Virtual time, in nanoseconds.
    now: AtomicU64,
    /// The process whose task is running.
    current: AtomicU32,
    state: Mutex<State>,
    ready: Arc<Mutex<Ready>>,
    turns: Mutex<Turns>,
    trace: Mutex<Trace>,
}

/// Why [`World::run`] ended without its future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Nothing can run and no timer is set.
    Idle,
    /// Time went past the limit.
    Late,
}

impl World {
    /// A world at time zero.
    #[must_use]
    pub fn new(seed: u64, trace: Trace) -> Arc<World> {
        Arc::new_cyclic(|me| World {
            me: me.clone(),
            now: AtomicU64::new(0),
            current: AtomicU32::new(ProcessId::WORLD.0),
            state: Mutex::new(State {
                random: Random::new(seed, 1),
                tasks: BTreeMap::new(),
                dying: BTreeSet::new(),
                timers: BTreeMap::new(),
                next_task: 0,
                next_timer: 0,
                polls: 0,
            }),
            ready: Arc::default(),
            turns: Mutex::new(Turns { random: Random::new(seed, 9), micros_max: 0, ends: BTreeMap::new() }),
            trace: Mutex::new(trace),
        })
    }

    /// Virtual time.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.now.load(Ordering::Relaxed))
    }

    /// The process whose task is running.
    #[must_use]
    pub fn current(&self) -> ProcessId {
        ProcessId(self.current.load(Ordering::Relaxed))
    }

    /// Adds a line to the trace.
    pub fn note(&self, line: impl FnOnce() -> String) {
        let now = self.time();
        self.trace.lock().note(now, line);
    }

    /// Adds a number to the hash of the run.
    pub fn mix(&self, value: u64) {
        self.trace.lock().mix(value);
    }

    /// The trace so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.trace.lock().clone()
    }

    /// Starts a task of `process`.
    pub fn spawn_in(&self, process: ProcessId, future: impl Future<Output = ()> + Send + 'static) {
        self.start(process, Box::pin(future));
    }

    fn start(&self, process: ProcessId, future: BoxFuture<'static, ()>) {
        let mut state = self.state.lock();
        if state.dying.contains(&process) {
            drop(state);
            drop(future);
            return;
        }
        state.next_task += 1;
        let task = state.next_task;
        let over = AtomicBool::new(false);
        let handle = Arc::new(TaskWaker { task, process, over, ready: self.ready.clone() });
        let polled = Some(Polled { future, waker: Waker::from(handle.clone()) });
        state.tasks.insert(task, Running { process, polled, handle });
        drop(state);
        self.ready.lock().insert(task, process);
    }

    /// Drops every task of `process` where it waits. Tasks started in it afterwards are those of its next life.
    pub fn kill(&self, process: ProcessId) {
        let (dropped, before) = {
            let mut state = self.state.lock();
            state.dying.insert(process);
            let ids: Vec<TaskId> =
                state.tasks.iter().filter(|(_, task)| task.process == process).map(|(id, _)| *id).collect();
            let dropped: Vec<Running> = ids.iter().filter_map(|id| state.tasks.remove(id)).collect();
            dropped.iter().for_each(|task| task.handle.end());
            self.ready.lock().set_stopped(process, false);
            (dropped, self.current.swap(process.0, Ordering::Relaxed))
        };
        // Dropping runs code of the process, which may look at the world.
        drop(dropped);
        self.current.store(before, Ordering::Relaxed);
        self.state.lock().dying.remove(&process);
    }

    /// Stops a process, or lets it go on.
    pub fn set_stopped(&self, process: ProcessId, stopped: bool) {
        self.ready.lock().set_stopped(process, stopped);
    }

    /// Whether a process is stopped.
    #[must_use]
    pub fn is_stopped(&self, process: ProcessId) -> bool {
        self.ready.lock().held.contains_key(&process)
    }

    /// From now on others run for up to so many microseconds when they are let; 0: not at all.
    pub fn set_turns(&self, micros_max: u64) {
        self.turns.lock().micros_max = micros_max;
    }

    /// Whether one of the tasks of a process lets others run just now.
    #[must_use]
    pub fn is_in_turn(&self, process: ProcessId) -> bool {
        self.turns.lock().ends.get(&process).is_some_and(|end| self.time() < *end)
    }

    /// Runs the world until `main`, a task of the world itself, is done.
    ///
    /// # Errors
    /// [`Stuck`] when that cannot be, or would take until `limit`.
    pub fn run<T: Send + 'static>(
        self: &Arc<Self>,
        limit: Duration,
        main: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Stuck> {
        let _entered = task::enter(self.clone());
        let outcome: Arc<Mutex<Option<T>>> = Arc::default();
        let sink = outcome.clone();
        self.spawn_in(ProcessId::WORLD, async move {
            let value = main.await;
            *sink.lock() = Some(value);
        });
        loop {
            // While the task is there it holds the outcome, too.
            if Arc::strong_count(&outcome) == 1
                && let Some(value) = outcome.lock().take()
            {
                return Ok(value);
            }
            if self.time() > limit {
                return Err(Stuck::Late);
            }
            if !self.poll_one() && !self.next_timer() {
                return Err(Stuck::Idle);
            }
        }
    }

    /// Runs `last`, and drops everything that is left, inside the world. To be called before the last reference goes, for
    /// tasks hold some.
    pub fn end(self: &Arc<Self>, last: impl FnOnce()) {
        let _entered = task::enter(self.clone());
        last();
        loop {
            let tasks = std::mem::take(&mut self.state.lock().tasks);
            if tasks.is_empty() {
                return;
            }
            drop(tasks);
        }
    }

    /// Fires the timers that are due.
    fn fire(state: &mut State, now: Duration) -> Vec<Waker> {
        let mut fired = Vec::new();
        while let Some(timer) = state.timers.first_entry().filter(|timer| timer.key().0 <= now) {
            fired.push(timer.remove());
        }
        fired
    }

    fn next_timer(&self) -> bool {
        let fired = {
            let mut state = self.state.lock();
            let Some(&(at, _)) = state.timers.keys().next() else { return false };
            let now = at.max(self.time());
            self.now.store(now.as_nanos() as u64, Ordering::Relaxed);
            World::fire(&mut state, now)
        };
        fired.into_iter().for_each(Waker::wake);
        true
    }

    fn poll_one(&self) -> bool {
        let (task, process, mut polled, fired) = {
            let mut state = self.state.lock();
            let state = &mut *state;
            let (task, process) = {
                let mut ready = self.ready.lock();
                if ready.runnable.is_empty() {
                    return false;
                }
                let at = state.random.index(ready.runnable.len());
                ready.runnable.remove(at)
            };
            let now = self.time() + Duration::from_nanos(state.random.between(500, 4000));
            self.now.store(now.as_nanos() as u64, Ordering::Relaxed);
            self.current.store(process.0, Ordering::Relaxed);
            state.polls += 1;
            let running = state.tasks.get_mut(&task).expect("it is runnable");
            let polled = running.polled.take().expect("a task is polled by one only");
            (task, process, polled, World::fire(state, now))
        };
        fired.into_iter().for_each(Waker::wake);
        self.trace.lock().mix(task << 8 | u64::from(process.0));
        let done = polled.future.as_mut().poll(&mut Context::from_waker(&polled.waker)) == Poll::Ready(());
        let dead = {
            let mut state = self.state.lock();
            // Killed meanwhile, by itself or through another: then it is no longer in the list.
            match state.tasks.get_mut(&task) {
                Some(running) if !done => {
                    running.polled = Some(polled);
                    None
                }
                Some(running) => {
                    running.handle.end();
                    let running = state.tasks.remove(&task);
                    Some((running, polled))
                }
                None => Some((None, polled)),
            }
        };
        drop(dead);
        self.current.store(ProcessId::WORLD.0, Ordering::Relaxed);
        true
    }

    /// Polls so far.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.state.lock().polls
    }
}

impl task::World for World {
    fn now(&self) -> Duration {
        self.time()
    }

    fn set_timer(&self, at: Duration, waker: Waker) -> u64 {
        let mut state = self.state.lock();
        state.next_timer += 1;
        let timer = state.next_timer;
        state.timers.insert((at, timer), waker);
        timer
    }

    fn clear_timer(&self, at: Duration, timer: u64) {
        let waker = self.state.lock().timers.remove(&(at, timer));
        drop(waker);
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.start(self.current(), task);
    }

    fn turn(&self) -> Duration {
        let mut turns = self.turns.lock();
        let Turns { random, micros_max, ends } = &mut *turns;
        if *micros_max == 0 {
            return Duration::ZERO;
        }
        let turn = random.micros(1, *micros_max);
        ends.insert(self.current(), self.time() + turn);
        turn
    }
}

impl World {
    /// This world, for what is started from within.
    #[must_use]
    pub fn handle(&self) -> Arc<World> {
        self.me.upgrade().expect("whoever asks holds the world")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::task::{Runtime, sleep, timeout};

    const LIMIT: Duration = Duration::from_secs(3600);
    const P: ProcessId = ProcessId(7);

    /// Three tasks that take turns; in which order they come is the seed's.
    fn order(seed: u64) -> (Vec<u64>, u64) {
        let world = World::new(seed, Trace::default());
        let log: Arc<Mutex<Vec<u64>>> = Arc::default();
        let (inner, sink) = (world.clone(), log.clone());
        let done = world.run(LIMIT, async move {
            for name in 0..3 {
                let sink = sink.clone();
                inner.spawn_in(P, async move {
                    for _ in 0..5 {
                        tokio::task::yield_now().await;
                        sink.lock().push(name);
                    }
                });
            }
            sleep(Duration::from_secs(5)).await;
        });
        assert_eq!(done, Ok(()));
        let hash = world.trace().hash();
        let order = log.lock().clone();
        (order, hash)
    }

    #[test]
    fn a_seed_is_a_run() {
        assert_eq!(order(1), order(1));
        assert_ne!(order(1).0, order(2).0);
        assert_eq!(order(1).0.len(), 15);
    }

    #[test]
    fn time_jumps_and_a_world_without_timers_is_stuck() {
        let world = World::new(1, Trace::default());
        let slept = world.run(LIMIT, async { timeout(Duration::from_secs(900), std::future::pending::<()>()).await });
        assert_eq!(slept, Ok(Err(task::Elapsed)));
        assert!(world.time() >= Duration::from_secs(900));
        assert_eq!(world.run(LIMIT, std::future::pending::<()>()), Err(Stuck::Idle));
        assert_eq!(world.run(LIMIT, sleep(2 * LIMIT)).err(), Some(Stuck::Late));
    }

    #[test]
    fn a_turn_takes_its_time_in_worlds_that_have_any() {
        let world = World::new(1, Trace::default());
        let inner = world.clone();
        let done = world.run(LIMIT, async move {
            assert!(task::World::turn(&*inner).is_zero() && !inner.is_in_turn(ProcessId::WORLD));
            inner.set_turns(50);
            let turn = task::World::turn(&*inner);
            assert!(!turn.is_zero() && turn < Duration::from_micros(50), "{turn:?}");
            assert!(inner.is_in_turn(ProcessId::WORLD) && !inner.is_in_turn(P));
            sleep(turn).await;
            assert!(!inner.is_in_turn(ProcessId::WORLD));
        });
        assert_eq!(done, Ok(()));
    }

    #[test]
    fn what_was_woken_before_its_process_stopped_waits_and_dies_with_it() {
        let world = World::new(1, Trace::default());
        let ran: Arc<Mutex<Vec<u32>>> = Arc::default();
        let (inner, sink) = (world.clone(), ran.clone());
        let start = move |name: u32| {
            let sink = sink.clone();
            inner.spawn_in(P, async move { sink.lock().push(name) });
        };
        let inner = world.clone();
        let seen = ran.clone();
        let looks = world.run(LIMIT, async move {
            let mut looks = Vec::new();
            let mut look = async || {
                sleep(Duration::from_secs(1)).await;
                looks.push(seen.lock().clone());
            };
            // No other task runs between these steps.
            start(1);
            inner.set_stopped(P, true);
            start(2);
            look().await;
            inner.set_stopped(P, false);
            look().await;
            start(3);
            inner.set_stopped(P, true);
            inner.kill(P);
            start(4);
            look().await;
            looks
        });
        let mut looks = looks.expect("timers are set");
        looks.iter_mut().for_each(|look| look.sort_unstable());
        assert_eq!(looks, [vec![], vec![1, 2], vec![1, 2, 4]]);
    }

    #[test]
    fn a_stopped_process_goes_on_and_a_killed_one_does_not() {
        let world = World::new(1, Trace::default());
        let count: Arc<Mutex<u32>> = Arc::default();
        let (inner, sink) = (world.clone(), count.clone());
        let counts = world.run(LIMIT, async move {
            let counted = sink.clone();
            inner.spawn_in(P, async move {
                // What it starts is of its process.
                Runtime::current().spawn(async move {
                    loop {
                        sleep(Duration::from_secs(1)).await;
                        *counted.lock() += 1;
                    }
                });
            });
            let mut counts = Vec::new();
            let mut look = async || {
                sleep(Duration::from_millis(10_500)).await;
                counts.push(*sink.lock());
            };
            look().await;
            inner.set_stopped(P, true);
            look().await;
            inner.set_stopped(P, false);
            look().await;
            inner.kill(P);
            look().await;
            counts
        });
        let counts = counts.expect("timers are set");
        assert_eq!(counts[0], counts[1]);
        assert!(counts[2] > counts[1] + 8);
        assert_eq!(counts[2], counts[3]);
    }
}
