//! Snapshots, who holds them, and the horizon below which versions may go.
//!
//! **Rule.** A snapshot is an LSN: on the writer the last published commit, on a replica the applied LSN. The horizon is a
//! logged pair (bound, kept): whatever a snapshot at or above the bound, or a kept one, needs stays. The pair is logged
//! before the first prune under it, so whoever applies that prune has seen the pair and ended the statements it expels.
//!
//! **Mechanism.** A snapshot is read and registered under one lock, and the writer computes a new bound under the same
//! lock, so a snapshot is either counted or at or above the bound. Replicas report theirs with a lease. One that reports
//! and does not come on counts no longer than one that is silent: the redo behind it would fill every storage node.

use parking_lot::{Mutex, RwLock};
use protocol::Lsn;
use protocol::task::now;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Kept snapshots in one horizon; with more live ones the bound stays lower.
pub const KEPT_MAX: usize = 64;

/// The pair (bound, kept) of the horizon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// Snapshots at or above are served.
    pub bound: Lsn,
    /// Snapshots below the bound that are served too, ascending.
    pub kept: Vec<Lsn>,
}

impl Horizon {
    /// Whether some served snapshot lies in `from..until`: whether a version visible just there is needed.
    pub fn needs(&self, from: Lsn, until: Lsn) -> bool {
        from < until && (until > self.bound || self.kept.iter().any(|&kept| from <= kept && kept < until))
    }

    /// Whether the versions of a snapshot are all there.
    pub fn serves(&self, snapshot: Lsn) -> bool {
        snapshot >= self.bound || self.kept.binary_search(&snapshot).is_ok()
    }

    /// At or below every served snapshot.
    pub fn oldest(&self) -> Lsn {
        self.kept.first().copied().unwrap_or(self.bound)
    }
}

/// How long a replica may be behind and not come on.
const STUCK_AFTER: Duration = Duration::from_secs(30);

struct ReplicaReport {
    floor: Lsn,
    snapshots: Vec<Lsn>,
    expires: Duration,
    /// Since when it is behind and has not come on.
    stuck_since: Option<Duration>,
}

impl ReplicaReport {
    fn counts(&self, time: Duration) -> bool {
        time < self.expires && self.stuck_since.is_none_or(|since| time < since + STUCK_AFTER)
    }
}

#[derive(Default)]
struct Live {
    snapshots: BTreeMap<Lsn, u32>,
    replicas: HashMap<u64, ReplicaReport>,
    hold_until: Option<Duration>,
}

/// The live snapshots of this server and, on the writer, what replicas reported.
#[derive(Default)]
pub struct Registry {
    current: AtomicU64,
    live: Mutex<Live>,
    bound: AtomicU64,
    horizon: RwLock<Arc<Horizon>>,
}

impl Registry {
    /// The snapshot that a statement starting now would get.
    pub fn current(&self) -> Lsn {
        Lsn(self.current.load(Ordering::Acquire))
    }

    /// Makes everything up to `lsn` visible to new snapshots. Called in LSN order.
    pub fn publish(&self, lsn: Lsn) {
        self.current.fetch_max(lsn.0, Ordering::AcqRel);
    }

    /// Registers the newest snapshot.
    pub fn take(self: &Arc<Self>) -> Snapshot {
        let mut live = self.live.lock();
        let lsn = self.current();
        *live.snapshots.entry(lsn).or_insert(0) += 1;
        Snapshot { held: Arc::new(Held { lsn, registry: self.clone() }) }
    }

    /// Ascending, without duplicates.
    pub fn live(&self) -> Vec<Lsn> {
        self.live.lock().snapshots.keys().copied().collect()
    }

    pub fn count(&self) -> u64 {
        self.live.lock().snapshots.values().map(|&count| u64::from(count)).sum()
    }

    /// What a replica reports, given that it could have everything up to `flushed`: no snapshot of it, present or future, is
    /// below `floor`, except `snapshots`.
    pub fn report(&self, instance: u64, floor: Lsn, mut snapshots: Vec<Lsn>, flushed: Lsn, lease: Duration) {
        snapshots.sort_unstable();
        let time = now();
        let mut live = self.live.lock();
        let before = live.replicas.get(&instance).filter(|before| floor <= before.floor);
        let stuck_since = (floor < flushed).then(|| before.and_then(|before| before.stuck_since).unwrap_or(time));
        live.replicas.insert(instance, ReplicaReport { floor, snapshots, expires: time + lease, stuck_since });
    }

    /// Keeps the horizon where it is for `lease`: replicas may hold snapshots that this writer has not heard of.
    pub fn hold(&self, lease: Duration) {
        self.live.lock().hold_until = Some(now() + lease);
    }

    /// The horizon that would be safe to log now, given that only commits up to `flushed` are durable.
    pub fn candidate(&self, flushed: Lsn) -> Option<Horizon> {
        let mut live = self.live.lock();
        let time = now();
        if live.hold_until.is_some_and(|until| time < until) {
            return None;
        }
        live.hold_until = None;
        live.replicas.retain(|_, report| report.expires > time);
        let counting = || live.replicas.values().filter(|report| report.counts(time));
        let mut bound = counting().map(|report| report.floor).fold(self.current().min(flushed), Lsn::min);
        let reported = counting().flat_map(|report| report.snapshots.iter());
        let mut kept: Vec<Lsn> = live.snapshots.keys().chain(reported).copied().filter(|&kept| kept < bound).collect();
        kept.sort_unstable();
        kept.dedup();
        if kept.len() > KEPT_MAX {
            bound = kept[KEPT_MAX];
            kept.truncate(KEPT_MAX);
        }
        Some(Horizon { bound, kept })
    }

    /// The lowest LSN at which some server may still read pages, among those that reported. `None` while there may be
    /// some that had no time to report.
    pub fn read_floor(&self, flushed: Lsn) -> Option<Lsn> {
        let live = self.live.lock();
        let time = now();
        if live.hold_until.is_some_and(|until| time < until) {
            return None;
        }
        let counting = live.replicas.values().filter(|report| report.counts(time));
        Some(counting.map(|report| report.floor).fold(flushed, Lsn::min))
    }

    /// The logged horizon.
    pub fn horizon(&self) -> Arc<Horizon> {
        self.horizon.read().clone()
    }

    /// Takes over a horizon from the log.
    pub fn set_horizon(&self, horizon: Horizon) {
        let mut current = self.horizon.write();
        self.bound.store(horizon.bound.0, Ordering::Release);
        *current = Arc::new(horizon);
    }

    /// `Err(bound)` when the horizon no longer serves `snapshot`. To be asked *after* a page was read: the horizon is
    /// applied before the prunes under it.
    pub fn check(&self, snapshot: Lsn) -> Result<(), Lsn> {
        if snapshot.0 >= self.bound.load(Ordering::Acquire) {
            return Ok(());
        }
        let horizon = self.horizon.read();
        if horizon.serves(snapshot) { Ok(()) } else { Err(horizon.bound) }
    }
}

struct Held {
    lsn: Lsn,
    registry: Arc<Registry>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut live = self.registry.live.lock();
        if let Some(count) = live.snapshots.get_mut(&self.lsn) {
            *count -= 1;
            if *count == 0 {
                live.snapshots.remove(&self.lsn);
            }
        }
    }
}

/// A point in the commit order. Its versions are kept until the last clone is dropped.
#[derive(Clone)]
pub struct Snapshot {
    held: Arc<Held>,
}

impl Snapshot {
    /// Commits at or below are visible.
    #[must_use]
    pub fn lsn(&self) -> Lsn {
        self.held.lsn
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({})", self.lsn())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_horizon_needs_what_some_served_snapshot_sees(
            bound in 0u64..40, kept in proptest::collection::btree_set(0u64..40, 0..5), from in 0u64..40, until in 0u64..40,
        ) {
            let kept: Vec<Lsn> = kept.into_iter().filter(|&kept| kept < bound).map(Lsn).collect();
            let horizon = Horizon { bound: Lsn(bound), kept };
            let naive = (from..until).any(|snapshot| horizon.serves(Lsn(snapshot)));
            prop_assert_eq!(horizon.needs(Lsn(from), Lsn(until)), naive);
        }
    }

    #[test]
    fn live_snapshots_are_kept_and_the_bound_stops_at_a_replica() {
        let registry = Arc::new(Registry::default());
        registry.publish(Lsn(10));
        let old = registry.take();
        registry.publish(Lsn(50));
        assert_eq!(registry.candidate(Lsn(45)), Some(Horizon { bound: Lsn(45), kept: vec![Lsn(10)] }));
        registry.report(1, Lsn(30), vec![Lsn(20)], Lsn(45), Duration::from_secs(60));
        assert_eq!(registry.candidate(Lsn(45)), Some(Horizon { bound: Lsn(30), kept: vec![Lsn(10), Lsn(20)] }));
        registry.report(1, Lsn(30), vec![Lsn(20)], Lsn(45), Duration::ZERO);
        drop(old);
        assert_eq!(registry.candidate(Lsn(45)), Some(Horizon { bound: Lsn(45), kept: vec![] }));
        assert_eq!(registry.read_floor(Lsn(45)), Some(Lsn(45)));
    }

    #[test]
    fn a_replica_that_reports_and_does_not_come_on_holds_nothing_up() {
        let registry = Arc::new(Registry::default());
        registry.publish(Lsn(50));
        let report = |floor, flushed| {
            registry.report(1, Lsn(floor), vec![Lsn(20)], Lsn(flushed), Duration::from_secs(60));
            registry.live.lock().replicas[&1].stuck_since
        };
        assert_eq!(report(40, 40), None, "it has all there is");
        let since = report(40, 50);
        assert!(since.is_some());
        assert_eq!(report(40, 50), since);
        assert!(report(45, 50) > since, "it comes on");
        assert_eq!(registry.read_floor(Lsn(50)), Some(Lsn(45)));
        let since = report(45, 50).expect("it is behind");
        let counts_at = |time| registry.live.lock().replicas[&1].counts(time);
        assert!(counts_at(since + STUCK_AFTER / 2) && !counts_at(since + STUCK_AFTER));
    }

    #[test]
    fn a_new_writer_raises_nothing_before_replicas_could_report() {
        let registry = Arc::new(Registry::default());
        registry.publish(Lsn(50));
        registry.hold(Duration::from_secs(60));
        assert_eq!((registry.candidate(Lsn(50)), registry.read_floor(Lsn(50))), (None, None));
        registry.hold(Duration::ZERO);
        assert_eq!(registry.read_floor(Lsn(50)), Some(Lsn(50)));
    }

    #[test]
    fn too_many_live_snapshots_lower_the_bound() {
        let registry = Arc::new(Registry::default());
        let held: Vec<Snapshot> = (1..=100)
            .map(|lsn| {
                registry.publish(Lsn(lsn));
                registry.take()
            })
            .collect();
        registry.publish(Lsn(1000));
        let horizon = registry.candidate(Lsn(1000)).expect("nothing holds it");
        assert_eq!((horizon.kept.len(), horizon.bound), (KEPT_MAX, Lsn(KEPT_MAX as u64 + 1)));
        assert!(held.iter().all(|snapshot| horizon.serves(snapshot.lsn())));
    }
}
