//! The world as a simulator makes it: a disk that loses what was not fsynced, and a clock that stands still until moved.

mod disk;
mod sparse;

pub use disk::{Loss, SimDisk};

use crate::node::clock::Clock;
use parking_lot::Mutex;
use std::time::Duration;

/// A clock that moves when told to.
#[derive(Debug, Default)]
pub struct SimClock(Mutex<Duration>);

impl SimClock {
    /// Moves on.
    pub fn advance(&self, by: Duration) {
        *self.0.lock() += by;
    }
}

impl Clock for SimClock {
    fn now(&self) -> Duration {
        *self.0.lock()
    }
}
