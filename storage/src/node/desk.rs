//! The desk: who has the writer, and when.
//!
//! **Rule.** Whoever brings requests queues them and then [advances](Desk::advance). Who finds the writer in another's hands
//! goes away: that one looks at the queue again after letting go of it. Jobs are taken from the queue only by who has the
//! writer, so that they take effect in the order they came.
//!
//! ```text
//!  a stream's sender ----\
//!  the end of a step -----+--> writer --> in flight --> the end of a step
//!  the log's thread -----/        (what may not fly waits for the log's thread, and it for the landing)
//! ```
//!
//! So a group of the writer is taken in by the thread that brings it and answered by the one that hears of the ends of all the
//! disk's work ([`aio`](super::aio)). The log's thread is woken where a round is held, to see to it that it is not held for long.

use super::disk::Done;
use super::queue::Job;
use super::writer::{Departure, Writer};
use super::{Mode, Shared};
use parking_lot::{Condvar, Mutex};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// See the module.
pub struct Desk {
    shared: Arc<Shared>,
    /// None after a panic in it: what it left half done must not be passed off as done.
    writer: Mutex<Option<Writer>>,
    landed: Condvar,
}

impl Desk {
    /// The writer is nobody's.
    #[must_use]
    pub fn new(shared: Arc<Shared>, writer: Writer) -> Arc<Desk> {
        Arc::new(Desk { shared, writer: Mutex::new(Some(writer)), landed: Condvar::new() })
    }

    /// What it works on.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Has what is queued worked off: here what may fly, and the rest by the log's thread. Without threads all of it here.
    pub fn advance(self: &Arc<Self>) {
        while !self.shared.queue.is_empty() {
            let Some(mut writer) = self.writer.try_lock() else { return };
            let departure = self.with(&mut writer, |writer| {
                let departure = writer.take_off(|| self.landing());
                self.or_leave(departure, writer)
            });
            if departure != Some(Departure::Done) {
                return;
            }
        }
    }

    /// What needs the log's thread is left to it; without threads it is done here.
    fn or_leave(&self, departure: Departure, writer: &mut Writer) -> Departure {
        match (departure, self.shared.options.mode) {
            (Departure::Thread, Mode::Threads) => self.shared.queue.call(),
            (Departure::Thread, _) if writer.work(self.shared.queue.take_now()) => return Departure::Done,
            _ => {}
        }
        departure
    }

    fn landing(self: &Arc<Self>) -> Done {
        let desk = Arc::clone(self);
        Box::new(move |ended| desk.land(ended))
    }

    fn land(self: &Arc<Self>, ended: io::Result<()>) {
        let mut writer = self.writer.lock();
        self.with(&mut writer, |writer| {
            let departure = writer.land(ended, || self.landing());
            self.or_leave(departure, writer)
        });
        drop(writer);
        self.landed.notify_all();
        self.advance();
    }

    /// Runs what has the writer. A panic in it is the writer's end: the log's thread goes, and whoever waits for a reply learns
    /// that there will be none. Without threads it is the caller's.
    fn with<T>(&self, writer: &mut Option<Writer>, work: impl FnOnce(&mut Writer) -> T) -> Option<T> {
        let sound = writer.as_mut()?;
        if self.shared.options.mode != Mode::Threads {
            return Some(work(sound));
        }
        let mut result = None;
        self.shared.run_or_fail("log", || result = Some(work(sound)));
        if result.is_none() {
            *writer = None;
            self.shared.queue.close();
            self.shared.queue.call();
        }
        result
    }

    /// The log's thread: works off what does not fly until [`Job::Stop`].
    pub fn serve(self: &Arc<Self>) {
        let shared = &*self.shared;
        let mut patience = None;
        loop {
            let is_called = shared.queue.wait(patience);
            let mut writer = self.writer.lock();
            while writer.as_ref().is_some_and(Writer::is_flying) {
                self.landed.wait(&mut writer);
            }
            let mut bytes = 0;
            let goes_on = self.with(&mut writer, |writer| {
                if is_called {
                    let jobs = shared.queue.take_now();
                    bytes = jobs.iter().map(Job::bytes).sum();
                    if !writer.work(jobs) {
                        return false;
                    }
                } else if writer.held_for() == Some(Duration::ZERO) {
                    writer.flush_held();
                }
                writer.ask_for_more();
                patience = writer.held_for();
                true
            });
            drop(writer);
            if goes_on != Some(true) {
                break;
            }
            shared.background.hold_back(bytes, shared.retention_bytes(), &*shared.options.clock);
            self.advance();
        }
    }

    /// Waits until nobody has the desk any more but its node: who hears of an end has it for a moment longer than the log's
    /// thread, and with it the lock of the directory.
    pub fn settle(self: &Arc<Self>) {
        while Arc::strong_count(self) > 1 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Fsyncs and acknowledges what is held, for a node without threads.
    pub fn flush_held(self: &Arc<Self>) {
        let mut writer = self.writer.lock();
        if writer.as_ref().is_some_and(|writer| !writer.is_flying()) {
            self.with(&mut writer, Writer::flush_held);
        }
        drop(writer);
        self.advance();
    }
}
