//! Sessions that wait for an LSN to become durable.
//!
//! Each level has one heap, lowest LSN first; an advance pops what it covers and wakes it in one pass, outside the lock.
//! A waiter that is dropped stays in the heap until its LSN passes, or until the heap has doubled since the dropped
//! ones were last taken out: while no quorum answers no LSN passes, and sessions come and go with cancelled commits.

use super::tracker::Level;
use parking_lot::Mutex;
use protocol::Lsn;
use protocol::volume::VolumeError;
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;
use tokio::sync::oneshot;

/// Fewer waiters than this are not looked through for dropped ones.
const PURGE_MIN: usize = 64;

type Outcome = Result<(), VolumeError>;

#[derive(Debug)]
struct Waiter {
    lsn: Lsn,
    since: Duration,
    wake: oneshot::Sender<Outcome>,
}

/// The lowest LSN is the greatest: the heap yields its maximum.
impl Ord for Waiter {
    fn cmp(&self, other: &Waiter) -> Ordering {
        other.lsn.cmp(&self.lsn)
    }
}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Waiter) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Waiter) -> bool {
        self.lsn == other.lsn
    }
}

impl Eq for Waiter {}

#[derive(Debug, Default)]
struct Heaps {
    heaps: [BinaryHeap<Waiter>; 2],
    /// The length at which each is next rid of the dropped ones.
    purge_at: [usize; 2],
    failed: Option<VolumeError>,
}

impl Heaps {
    /// Each waiter is looked at a bounded number of times on average: a heap doubles in between.
    fn push(&mut self, level: Level, waiter: Waiter) {
        let (heap, purge_at) = (&mut self.heaps[level as usize], &mut self.purge_at[level as usize]);
        if heap.len() >= *purge_at {
            heap.retain(|held| !held.wake.is_closed());
            *purge_at = PURGE_MIN.max(2 * heap.len());
        }
        heap.push(waiter);
    }
}

/// All waiting sessions of a writer.
#[derive(Debug, Default)]
pub struct Waiters {
    heaps: Mutex<Heaps>,
}

impl Waiters {
    /// Registers for `lsn`. `durable` reads the current durable point; it is read again under the lock, after which an
    /// advance cannot miss this waiter. `None`: it is durable already.
    pub fn register(
        &self,
        lsn: Lsn,
        level: Level,
        now: Duration,
        durable: impl Fn() -> Lsn,
    ) -> Option<oneshot::Receiver<Outcome>> {
        let mut heaps = self.heaps.lock();
        let (wake, woken) = oneshot::channel();
        if let Some(error) = &heaps.failed {
            // The receiver is still ours: the send cannot fail.
            let _ = wake.send(Err(error.clone()));
            return Some(woken);
        }
        if durable() >= lsn {
            return None;
        }
        heaps.push(level, Waiter { lsn, since: now, wake });
        Some(woken)
    }

    /// Wakes everyone at or below `durable`.
    pub fn release(&self, level: Level, durable: Lsn) {
        let mut ready: SmallVec<[oneshot::Sender<Outcome>; 32]> = SmallVec::new();
        let mut heaps = self.heaps.lock();
        let heap = &mut heaps.heaps[level as usize];
        while heap.peek().is_some_and(|waiter| waiter.lsn <= durable) {
            ready.extend(heap.pop().map(|waiter| waiter.wake));
        }
        drop(heaps);
        for wake in ready {
            // A session that gave up waiting no longer listens.
            let _ = wake.send(Ok(()));
        }
    }

    /// Tells everyone, now and from now on, that the fate of their records is unknown.
    pub fn fail(&self, error: &VolumeError) {
        let mut heaps = self.heaps.lock();
        heaps.failed.get_or_insert_with(|| error.clone());
        let waiting = std::mem::take(&mut heaps.heaps);
        drop(heaps);
        for waiter in waiting.into_iter().flatten() {
            let _ = waiter.wake.send(Err(error.clone()));
        }
    }

    /// Tells those who have waited since `before` or longer that it takes too long: the fate of their records is unknown.
    pub fn expire(&self, before: Duration, error: &VolumeError) {
        let mut expired = Vec::new();
        for heap in &mut self.heaps.lock().heaps {
            let all = std::mem::take(heap).into_iter();
            let (late, waiting): (Vec<Waiter>, Vec<Waiter>) = all.partition(|waiter| waiter.since <= before);
            *heap = waiting.into();
            expired.extend(late);
        }
        for waiter in expired {
            // A session that gave up waiting no longer listens.
            let _ = waiter.wake.send(Err(error.clone()));
        }
    }

    /// Whether someone waits at `level`.
    #[must_use]
    pub fn has_any(&self, level: Level) -> bool {
        !self.heaps.lock().heaps[level as usize].is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advance_wakes_what_it_covers_and_a_failure_the_rest() {
        let waiters = Waiters::default();
        let wait = |lsn| waiters.register(Lsn(lsn), Level::Flushed, Duration::ZERO, || Lsn(10));
        assert!(wait(10).is_none());
        let (mut late, mut early) = (wait(30).expect("30 is not durable"), wait(20).expect("20 is not durable"));
        waiters.release(Level::Received, Lsn(99));
        assert!(early.try_recv().is_err());
        waiters.release(Level::Flushed, Lsn(20));
        assert_eq!(early.try_recv(), Ok(Ok(())));
        assert!(late.try_recv().is_err());
        waiters.fail(&VolumeError::Fenced);
        assert_eq!(late.try_recv(), Ok(Err(VolumeError::Fenced)));
        assert_eq!(wait(5).expect("nothing is told any more").try_recv(), Ok(Err(VolumeError::Fenced)));
    }

    #[test]
    fn who_gave_up_takes_no_memory_though_nothing_becomes_durable() {
        let waiters = Waiters::default();
        let wait = |lsn| {
            let registered = waiters.register(Lsn(lsn), Level::Flushed, Duration::ZERO, || Lsn(0));
            registered.expect("nothing is durable")
        };
        let mut patient = Vec::new();
        for lsn in 1..=100_000 {
            let waiter = wait(lsn);
            if lsn % 500 == 0 {
                patient.push(waiter);
            }
            let kept = waiters.heaps.lock().heaps[Level::Flushed as usize].len();
            assert!(kept <= PURGE_MIN.max(2 * patient.len()), "{kept} are kept of {}", patient.len());
        }
        waiters.release(Level::Flushed, Lsn(50_000));
        let (early, late) = patient.split_at_mut(100);
        early.iter_mut().for_each(|waiter| assert_eq!(waiter.try_recv(), Ok(Ok(()))));
        late.iter_mut().for_each(|waiter| assert!(waiter.try_recv().is_err()));
    }

    #[test]
    fn who_waits_too_long_is_told_so_and_the_others_wait_on() {
        let waiters = Waiters::default();
        let wait = |lsn, level, at| {
            let registered = waiters.register(Lsn(lsn), level, Duration::from_secs(at), || Lsn(0));
            registered.expect("nothing is durable")
        };
        let mut early = [wait(30, Level::Flushed, 1), wait(10, Level::Received, 2)];
        let mut late = [wait(20, Level::Flushed, 3), wait(40, Level::Received, 4)];
        let error = VolumeError::Unavailable("three of six".into());
        waiters.expire(Duration::from_secs(2), &error);
        early.iter_mut().for_each(|waiter| assert_eq!(waiter.try_recv(), Ok(Err(error.clone()))));
        late.iter_mut().for_each(|waiter| assert!(waiter.try_recv().is_err()));
        [Level::Flushed, Level::Received].into_iter().for_each(|level| waiters.release(level, Lsn(50)));
        late.iter_mut().for_each(|waiter| assert_eq!(waiter.try_recv(), Ok(Ok(()))));
    }
}
