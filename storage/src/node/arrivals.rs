//! Wakes the pulls that wait at a node when records of their groups come.
//!
//! Every replica has pulls waiting, one for each group that is written to, and each round of the log brings records of
//! a few groups: if it woke them all, most would find nothing. So there is a bell for each group; groups that lie far
//! from each other share one, for a volume may have any number. Who is woken looks whether there is anything for it.

use protocol::GroupId;
use tokio::sync::Notify;

/// Groups that follow each other have bells of their own, up to so many.
const BELLS: usize = 64;

/// The bells of all groups.
pub struct Arrivals {
    bells: [Notify; BELLS],
}

impl Default for Arrivals {
    fn default() -> Arrivals {
        Arrivals { bells: std::array::from_fn(|_| Notify::new()) }
    }
}

impl Arrivals {
    /// That of a group.
    #[must_use]
    pub fn of(&self, group: GroupId) -> &Notify {
        &self.bells[group.0 as usize % BELLS]
    }

    /// Wakes everyone: something happened that is of no group.
    pub fn wake_all(&self) {
        self.bells.iter().for_each(Notify::notify_waiters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::pin::pin;

    #[test]
    fn records_wake_who_waits_for_their_group() {
        let arrivals = Arrivals::default();
        let mut waiting = pin!(arrivals.of(GroupId(3)).notified());
        let mut another = pin!(arrivals.of(GroupId(4)).notified());
        waiting.as_mut().enable();
        another.as_mut().enable();
        arrivals.of(GroupId(3)).notify_waiters();
        assert!(waiting.now_or_never().is_some());
        assert!(another.as_mut().now_or_never().is_none());
        arrivals.wake_all();
        assert!(another.now_or_never().is_some());
    }
}
