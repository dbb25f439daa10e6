//! Every interleaving of a few threads, for tests.
//!
//! Code under test calls [`pause_here`] between its critical sections. [`explore`] runs the threads one at a time, from one
//! such place to the next, and repeats the whole for every order in which that can be done: a depth-first search over the
//! choices, each run from the beginning. Outside of a search the call does nothing.
//!
//! **Caveat.** Only the order of the sections between the calls is explored, under sequential consistency: a place without
//! a call is taken to be atomic.

use parking_lot::{Condvar, Mutex};
use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// More schedules than this mean that a test asks for too much.
const SCHEDULES_MAX: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    Ready,
    Running,
    /// Its future waits.
    Waiting,
    /// Running, and its future was woken meanwhile.
    Woken,
    Ended,
}

#[derive(Default)]
struct State {
    threads: Vec<Thread>,
    panicked: bool,
    /// Everyone waits.
    stuck: bool,
}

#[derive(Default)]
struct Turns {
    state: Mutex<State>,
    moved: Condvar,
}

thread_local! {
    static TURN: RefCell<Option<(Arc<Turns>, usize)>> = const { RefCell::new(None) };
}

/// Lets the search choose who goes on.
pub fn pause_here() {
    TURN.with_borrow(|turn| {
        if let Some((turns, thread)) = turn {
            turns.pause(*thread);
        }
    });
}

impl Turns {
    fn pause(&self, thread: usize) {
        let mut state = self.state.lock();
        state.threads[thread] = Thread::Ready;
        self.moved.notify_all();
        while state.threads[thread] != Thread::Running {
            self.moved.wait(&mut state);
        }
    }

    /// Waits for a wake-up, unless it came already; then for a turn.
    fn rest(&self, thread: usize) {
        let mut state = self.state.lock();
        let woken = state.threads[thread] == Thread::Woken;
        state.threads[thread] = if woken { Thread::Ready } else { Thread::Waiting };
        self.moved.notify_all();
        while state.threads[thread] != Thread::Running {
            assert!(!state.stuck, "thread {thread} waits for ever");
            self.moved.wait(&mut state);
        }
    }

    /// Runs thread number `thread` up to its next pause.
    fn step(&self, thread: usize) {
        let mut state = self.state.lock();
        state.threads[thread] = Thread::Running;
        self.moved.notify_all();
        while matches!(state.threads[thread], Thread::Running | Thread::Woken) {
            self.moved.wait(&mut state);
        }
    }

    fn ready(&self) -> Vec<usize> {
        let mut state = self.state.lock();
        // Each thread begins with a pause.
        while state.threads.iter().any(|it| matches!(it, Thread::Running | Thread::Woken)) {
            self.moved.wait(&mut state);
        }
        let of = |wanted| -> Vec<usize> {
            (0..state.threads.len()).filter(|&thread| state.threads[thread] == wanted).collect()
        };
        let ready = of(Thread::Ready);
        if ready.is_empty() && !of(Thread::Waiting).is_empty() {
            // Nobody is left to wake them: let them end, and tell.
            state.stuck = true;
            self.moved.notify_all();
        }
        ready
    }
}

struct Bell(Arc<Turns>, usize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let mut state = self.0.state.lock();
        match state.threads[self.1] {
            Thread::Waiting => state.threads[self.1] = Thread::Ready,
            Thread::Running => state.threads[self.1] = Thread::Woken,
            Thread::Ready | Thread::Woken | Thread::Ended => {}
        }
        self.0.moved.notify_all();
    }
}

/// Runs a future; while it waits, others have their turns.
pub fn await_here<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let (turns, thread) = TURN.with_borrow(Clone::clone).expect("a search is on");
    let waker = Waker::from(Arc::new(Bell(turns.clone(), thread)));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        turns.rest(thread);
    }
}

struct Ends(Arc<Turns>, usize);

impl Drop for Ends {
    fn drop(&mut self) {
        TURN.set(None);
        let mut state = self.0.state.lock();
        state.threads[self.1] = Thread::Ended;
        state.panicked |= std::thread::panicking();
        self.0.moved.notify_all();
    }
}

/// Runs the threads that `set_up` makes, in every order of their steps; `check` looks at what is left. Returns how many
/// orders there are.
///
/// # Panics
/// When a thread or `check` does, after the choices that led there were printed.
pub fn explore<W: Send + Sync + 'static>(
    set_up: impl Fn() -> (Arc<W>, Vec<Box<dyn FnOnce(&W) + Send>>),
    check: impl Fn(&W),
) -> usize {
    let mut choices: Vec<usize> = Vec::new();
    for schedule in 1..SCHEDULES_MAX {
        let (world, bodies) = set_up();
        let turns = Arc::new(Turns::default());
        turns.state.lock().threads = vec![Thread::Running; bodies.len()];
        let handles: Vec<_> = bodies
            .into_iter()
            .enumerate()
            .map(|(thread, body)| {
                let (turns, world) = (turns.clone(), world.clone());
                std::thread::spawn(move || {
                    let _ends = Ends(turns.clone(), thread);
                    TURN.set(Some((turns, thread)));
                    pause_here();
                    body(&world);
                })
            })
            .collect();
        let (mut step, mut open) = (0, Vec::new());
        loop {
            let ready = turns.ready();
            if ready.is_empty() {
                break;
            }
            if step == choices.len() {
                choices.push(0);
            }
            open.push(ready.len());
            turns.step(ready[choices[step]]);
            step += 1;
        }
        handles.into_iter().for_each(|handle| drop(handle.join()));
        let failed = turns.state.lock().panicked
            || std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&world))).is_err();
        assert!(!failed, "schedule {schedule}: {choices:?}");
        // The next order: the last choice that has another.
        loop {
            match choices.pop() {
                None => return schedule,
                Some(choice) if choice + 1 < open[choices.len()] => {
                    choices.push(choice + 1);
                    break;
                }
                Some(_) => {}
            }
        }
    }
    panic!("more than {SCHEDULES_MAX} schedules");
}

#[test]
fn a_lost_update_is_found_and_every_order_is_tried() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let set_up = || {
        let add = || -> Box<dyn FnOnce(&AtomicU32) + Send> {
            Box::new(|counter| {
                let seen = counter.load(Ordering::SeqCst);
                pause_here();
                counter.store(seen + 1, Ordering::SeqCst);
            })
        };
        (Arc::new(AtomicU32::new(0)), vec![add(), add()])
    };
    // Two threads of two steps each.
    assert_eq!(explore(set_up, |_| {}), 6);
    let lost = std::panic::catch_unwind(|| explore(set_up, |counter| assert_eq!(counter.load(Ordering::SeqCst), 2)));
    assert!(lost.is_err());
}
