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
//! Every choice goes into a hash, and so does everything that is [noted](World::note): two runs are the same run when the
//! hashes are equal.

use crate::random::Random;
use crate::trace::Trace;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use protocol::task;
use std::collections::{BTreeMap, BTreeSet};
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

#[derive(Default)]
struct Process {
    stopped: bool,
    /// Counts kills: a task that was being polled meanwhile is of an earlier life.
    life: u64,
    /// Its tasks are being dropped: what they start is dropped, too.
    dying: bool,
}

struct Running {
    process: ProcessId,
    life: u64,
    /// Taken out while it is polled.
    future: Option<BoxFuture<'static, ()>>,
    waker: Waker,
}

struct State {
    random: Random,
    now: Duration,
    tasks: BTreeMap<TaskId, Running>,
    processes: BTreeMap<ProcessId, Process>,
    timers: BTreeMap<(Duration, u64), Waker>,
    next_task: TaskId,
    next_timer: u64,
    current: ProcessId,
    polls: u64,
}

type Ready = Arc<Mutex<BTreeSet<TaskId>>>;

struct TaskWaker {
    task: TaskId,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.lock().insert(self.task);
    }
}

/// See the module.
pub struct World {
    me: Weak<World>,
    state: Mutex<State>,
    ready: Ready,
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
            state: Mutex::new(State {
                random: Random::new(seed, 1),
                now: Duration::ZERO,
                tasks: BTreeMap::new(),
                processes: BTreeMap::new(),
                timers: BTreeMap::new(),
                next_task: 0,
                next_timer: 0,
                current: ProcessId::WORLD,
                polls: 0,
            }),
            ready: Ready::default(),
            trace: Mutex::new(trace),
        })
    }

    /// Virtual time.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.state.lock().now
    }

    /// The process whose task is running.
    #[must_use]
    pub fn current(&self) -> ProcessId {
        self.state.lock().current
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
        let entry = state.processes.entry(process).or_default();
        if entry.dying {
            drop(state);
            drop(future);
            return;
        }
        let life = entry.life;
        state.next_task += 1;
        let task = state.next_task;
        let waker = Waker::from(Arc::new(TaskWaker { task, ready: self.ready.clone() }));
        state.tasks.insert(task, Running { process, life, future: Some(future), waker });
        drop(state);
        self.ready.lock().insert(task);
    }

    /// Drops every task of `process` where it waits. Tasks started in it afterwards are those of its next life.
    pub fn kill(&self, process: ProcessId) {
        let (dropped, before) = {
            let mut state = self.state.lock();
            let entry = state.processes.entry(process).or_default();
            entry.life += 1;
            entry.dying = true;
            entry.stopped = false;
            let ids: Vec<TaskId> =
                state.tasks.iter().filter(|(_, task)| task.process == process).map(|(id, _)| *id).collect();
            let dropped: Vec<Running> = ids.iter().filter_map(|id| state.tasks.remove(id)).collect();
            (dropped, std::mem::replace(&mut state.current, process))
        };
        // Dropping runs code of the process, which may look at the world.
        drop(dropped);
        let mut state = self.state.lock();
        state.current = before;
        state.processes.entry(process).or_default().dying = false;
    }

    /// Stops a process, or lets it go on.
    pub fn set_stopped(&self, process: ProcessId, stopped: bool) {
        self.state.lock().processes.entry(process).or_default().stopped = stopped;
    }

    /// Whether a process is stopped.
    #[must_use]
    pub fn is_stopped(&self, process: ProcessId) -> bool {
        self.state.lock().processes.get(&process).is_some_and(|process| process.stopped)
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
            if let Some(value) = outcome.lock().take() {
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

    /// Drops everything that is left, inside the world. To be called before the last reference goes, for tasks hold some.
    pub fn end(self: &Arc<Self>) {
        let _entered = task::enter(self.clone());
        loop {
            let tasks = std::mem::take(&mut self.state.lock().tasks);
            if tasks.is_empty() {
                return;
            }
            drop(tasks);
        }
    }

    /// Fires the timers that are due.
    fn fire(state: &mut State) -> Vec<Waker> {
        let later = state.timers.split_off(&(state.now + Duration::from_nanos(1), 0));
        std::mem::replace(&mut state.timers, later).into_values().collect()
    }

    fn next_timer(&self) -> bool {
        let fired = {
            let mut state = self.state.lock();
            let Some(&(at, _)) = state.timers.keys().next() else { return false };
            state.now = state.now.max(at);
            World::fire(&mut state)
        };
        fired.into_iter().for_each(Waker::wake);
        true
    }

    fn poll_one(&self) -> bool {
        let (task, process, mut future, waker, fired) = {
            let mut state = self.state.lock();
            let state = &mut *state;
            let ready = self.ready.lock();
            let runnable = |id: &&TaskId| {
                state.tasks.get(id).is_some_and(|task| {
                    task.life == state.processes.get(&task.process).map_or(0, |process| process.life)
                        && !state.processes.get(&task.process).is_some_and(|process| process.stopped)
                })
            };
            let runnable: Vec<TaskId> = ready.iter().filter(runnable).copied().collect();
            drop(ready);
            if runnable.is_empty() {
                return false;
            }
            let task = runnable[state.random.index(runnable.len())];
            self.ready.lock().remove(&task);
            state.now += Duration::from_nanos(state.random.between(500, 4000));
            let fired = World::fire(state);
            let running = state.tasks.get_mut(&task).expect("it is runnable");
            let future = running.future.take().expect("a task is polled by one only");
            let (process, waker) = (running.process, running.waker.clone());
            state.current = process;
            state.polls += 1;
            (task, process, future, waker, fired)
        };
        fired.into_iter().for_each(Waker::wake);
        self.trace.lock().mix(task << 8 | u64::from(process.0));
        let done = future.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(());
        let dead = {
            let mut state = self.state.lock();
            // Killed meanwhile, by itself or through another: then it is no longer in the list.
            match state.tasks.get_mut(&task) {
                Some(running) if !done => {
                    running.future = Some(future);
                    None
                }
                Some(_) => {
                    let running = state.tasks.remove(&task);
                    Some((running, future))
                }
                None => Some((None, future)),
            }
        };
        drop(dead);
        self.state.lock().current = ProcessId::WORLD;
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
