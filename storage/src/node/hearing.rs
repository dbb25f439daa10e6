//! When this node heard a writer last: what replicas ask before one of them stands.
//!
//! **Rule.** A node calls the writer silent only for as long as the node itself was able to hear. Whatever comes from a
//! writer, or from a server that is becoming one, counts when it *arrives*, not when the log has worked it off. And while
//! the log is held up by its disk, the writer waits for its acknowledgement and has nothing more to say: that time counts
//! as heard. So does time in which the process could not run: what the writer said meanwhile waits in a socket, and a
//! question about its silence may be read before it. A beat from where requests are read tells ([`Hearing::beat`]).
//!
//! A start counts as heard, so that a node that was away does not call anyone silent before it has listened. The clock is
//! the node's monotonic one. Nothing that makes a commit safe depends on any of this: a wrong guess costs a failover that
//! nobody needed, never a commit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Work of the log that takes longer held the node up.
const HELD_UP: Duration = Duration::from_millis(50);
/// A beat that is later than this says that the process could not run.
const BEAT_LATE: Duration = Duration::from_millis(150);
/// The log has nothing to do; nobody beats.
const RESTING: u64 = u64::MAX;

/// See the module. Times are since the start of the node's clock.
#[derive(Debug)]
pub struct Hearing {
    heard_micros: AtomicU64,
    /// When the log began what it does now, or [`RESTING`].
    busy_since_micros: AtomicU64,
    /// The last beat, or [`RESTING`].
    beat_micros: AtomicU64,
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(RESTING - 1)
}

impl Hearing {
    /// A node that starts now.
    #[must_use]
    pub fn start(now: Duration) -> Hearing {
        Hearing {
            heard_micros: AtomicU64::new(micros(now)),
            busy_since_micros: AtomicU64::new(RESTING),
            beat_micros: AtomicU64::new(RESTING),
        }
    }

    /// Something of a writer arrived.
    pub fn heard(&self, now: Duration) {
        self.heard_micros.fetch_max(micros(now), Ordering::Relaxed);
    }

    /// The log begins to work something off.
    pub fn begin_work(&self, now: Duration) {
        self.busy_since_micros.store(micros(now), Ordering::Relaxed);
    }

    /// The log has worked it off.
    pub fn end_work(&self, now: Duration) {
        let since = self.busy_since_micros.swap(RESTING, Ordering::Relaxed);
        if micros(now).saturating_sub(since) > micros(HELD_UP) {
            self.heard(now);
        }
    }

    /// The process runs: called often, from where requests are read. Once begun it must go on.
    pub fn beat(&self, now: Duration) {
        let before = self.beat_micros.swap(micros(now), Ordering::Relaxed);
        if before != RESTING && micros(now).saturating_sub(before) > micros(BEAT_LATE) {
            self.heard(now);
        }
    }

    /// For how long the writer has been silent.
    #[must_use]
    pub fn silent_for(&self, now: Duration) -> Duration {
        let now = micros(now);
        let since = self.busy_since_micros.load(Ordering::Relaxed);
        // Of `RESTING` nothing is left.
        let beat = self.beat_micros.load(Ordering::Relaxed);
        if now.saturating_sub(since) > micros(HELD_UP) || now.saturating_sub(beat) > micros(BEAT_LATE) {
            return Duration::ZERO;
        }
        Duration::from_micros(now.saturating_sub(self.heard_micros.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn silence_counts_from_the_last_arrival_and_from_the_start() {
        let hearing = Hearing::start(ms(1_000));
        assert_eq!(hearing.silent_for(ms(1_200)), ms(200));
        hearing.heard(ms(1_300));
        assert_eq!(hearing.silent_for(ms(1_450)), ms(150));
        assert_eq!(hearing.silent_for(ms(1_250)), ms(0), "a clock read a moment earlier by another thread");
    }

    #[test]
    fn a_node_that_could_not_run_calls_nobody_silent() {
        let hearing = Hearing::start(ms(0));
        for beat in (0..=600).step_by(25) {
            hearing.beat(ms(beat));
        }
        assert_eq!(hearing.silent_for(ms(610)), ms(610));
        assert_eq!(hearing.silent_for(ms(1_300)), ms(0), "it woke, and reads the question first");
        hearing.beat(ms(1_301));
        assert_eq!(hearing.silent_for(ms(1_400)), ms(99));
    }

    #[test]
    fn a_node_that_its_disk_holds_up_calls_nobody_silent() {
        let hearing = Hearing::start(ms(0));
        hearing.begin_work(ms(100));
        assert_eq!(hearing.silent_for(ms(140)), ms(140), "usual work");
        assert_eq!(hearing.silent_for(ms(900)), ms(0), "a disk that stalls");
        hearing.end_work(ms(1_000));
        assert_eq!(hearing.silent_for(ms(1_200)), ms(200));
        hearing.begin_work(ms(1_200));
        hearing.end_work(ms(1_201));
        assert_eq!(hearing.silent_for(ms(1_300)), ms(300), "usual work is not the writer's voice");
    }
}
