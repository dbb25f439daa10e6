//! Tasks and time: tokio's, or those of a simulated world.
//!
//! **Rule.** What storage and the engine await for *time*, and what they start in the background, goes through this module
//! and never to `tokio::time` or `tokio::spawn` directly. In a server it is tokio's timer and tokio's scheduler, one
//! thread-local look away. A simulation [enters](enter) a [`World`] on its thread: then the same code runs on virtual time
//! and on that world's scheduler, and the same seed gives the same run. (tokio's own virtual time would have to be compiled
//! into the server, and picks neither the order of ready tasks nor that of simultaneous timers by a seed.)
//!
//! tokio's channels, locks and `Notify` need no such door: they know no scheduler. `tokio::select!` looks at its branches in
//! random order unless told `biased`; code that a simulation runs says `biased`.

use futures::future::BoxFuture;
use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A simulated scheduler with a clock of its own.
pub trait World: Send + Sync + 'static {
    /// Virtual time since the world began.
    fn now(&self) -> Duration;
    /// Wakes `waker` at `at`, once; returns what [`World::clear_timer`] takes.
    fn set_timer(&self, at: Duration, waker: Waker) -> u64;
    /// Forgets a timer that has not fired.
    fn clear_timer(&self, at: Duration, timer: u64);
    /// Starts a task of the process whose task is running.
    fn spawn(&self, task: BoxFuture<'static, ()>);
    /// For how long others run when the task that runs lets them: zero where nobody does.
    fn turn(&self) -> Duration;
}

thread_local! {
    static WORLD: RefCell<Option<Arc<dyn World>>> = const { RefCell::new(None) };
}

fn world() -> Option<Arc<dyn World>> {
    WORLD.with_borrow(Option::clone)
}

/// Ends what [`enter`] began.
#[derive(Debug)]
pub struct Entered(());

/// Until the returned guard goes, time and tasks of this thread are those of `world`.
///
/// # Panics
/// When the thread is in a world already.
#[must_use]
pub fn enter(world: Arc<dyn World>) -> Entered {
    WORLD.with_borrow_mut(|entered| {
        assert!(entered.is_none(), "a thread is in one world at a time");
        *entered = Some(world);
    });
    Entered(())
}

impl Drop for Entered {
    fn drop(&mut self) {
        // What the world's end drops may look at the time: taken out first, dropped after.
        let world = WORLD.with_borrow_mut(Option::take);
        drop(world);
    }
}

/// Monotonic time since some start of this process or world. For waiting and for figures; nothing that makes a commit safe
/// depends on it.
#[must_use]
pub fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    match world() {
        Some(world) => world.now(),
        None => START.get_or_init(Instant::now).elapsed(),
    }
}

struct VirtualSleep {
    world: Arc<dyn World>,
    at: Duration,
    timer: Option<u64>,
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = self.timer.take() {
            self.world.clear_timer(self.at, timer);
        }
        if self.world.now() >= self.at {
            return Poll::Ready(());
        }
        self.timer = Some(self.world.set_timer(self.at, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.world.clear_timer(self.at, timer);
        }
    }
}

/// Waits for `after`.
pub async fn sleep(after: Duration) {
    match world() {
        Some(world) => {
            let at = world.now().saturating_add(after);
            VirtualSleep { world, at, timer: None }.await;
        }
        None => tokio::time::sleep(after).await,
    }
}

/// A [`timeout`] was over before its future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer in time")]
pub struct Elapsed;

/// Waits for `future` for as long as `after`.
///
/// # Errors
/// [`Elapsed`]; the future is dropped then.
pub async fn timeout<F: Future>(after: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::select! {
        biased;
        output = future => Ok(output),
        () = sleep(after) => Err(Elapsed),
    }
}

/// Where tasks run.
#[derive(Clone)]
pub enum Runtime {
    /// In a server.
    Tokio(Handle),
    /// In a simulation.
    World(Arc<dyn World>),
}

/// A task that was started. Dropping this does not end it.
#[derive(Debug)]
pub struct Task(oneshot::Receiver<()>);

impl Runtime {
    /// The world that this thread has entered, else tokio's runtime.
    ///
    /// # Panics
    /// Outside of both.
    #[must_use]
    pub fn current() -> Runtime {
        world().map_or_else(|| Runtime::Tokio(Handle::current()), Runtime::World)
    }

    /// Starts a task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Task {
        let (ended, end) = oneshot::channel::<()>();
        let task = async move {
            let _ended = ended;
            task.await;
        };
        match self {
            Runtime::Tokio(runtime) => drop(runtime.spawn(task)),
            Runtime::World(world) => world.spawn(Box::pin(task)),
        }
        Task(end)
    }
}

impl Task {
    /// Waits for its end, also for one by a panic, which was reported where it happened.
    pub async fn ended(self) {
        // The sender is only ever dropped.
        let _ = self.0.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A clock that jumps to the only timer.
    #[derive(Default)]
    struct Jumping {
        now: Mutex<Duration>,
        cleared: Mutex<u32>,
    }

    impl World for Jumping {
        fn now(&self) -> Duration {
            *self.now.lock().expect("nobody panics")
        }
        fn set_timer(&self, at: Duration, waker: Waker) -> u64 {
            *self.now.lock().expect("nobody panics") = at;
            waker.wake();
            1
        }
        fn clear_timer(&self, _: Duration, _: u64) {
            *self.cleared.lock().expect("nobody panics") += 1;
        }
        fn spawn(&self, _: BoxFuture<'static, ()>) {}
        fn turn(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[test]
    fn a_thread_in_a_world_has_its_time() {
        let world = Arc::new(Jumping::default());
        let entered = enter(world.clone());
        let hour = Duration::from_secs(3600);
        assert_eq!(futures::executor::block_on(timeout(hour, std::future::pending::<()>())), Err(Elapsed));
        assert_eq!((now(), *world.cleared.lock().expect("nobody panics")), (hour, 1));
        drop(entered);
        assert!(now() < hour);
    }

    #[tokio::test]
    async fn without_a_world_it_is_tokio() {
        let (tell, told) = oneshot::channel();
        let task = Runtime::current().spawn(async move { tell.send(7).expect("it is awaited") });
        assert_eq!(timeout(Duration::from_secs(60), told).await, Ok(Ok(7)));
        task.ended().await;
        assert_eq!(timeout(Duration::from_millis(1), std::future::pending::<()>()).await, Err(Elapsed));
    }
}
