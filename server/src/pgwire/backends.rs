//! The register of one server's connected clients: places, process ids, cancel keys.
//!
//! **Rule.** A CancelRequest is never answered, whatever came of it, and its key is compared in constant time. A wrong
//! guess costs its address one of ten tries a second; without a try left even a right key is not looked at, or guessing
//! would not be limited. Right keys cost nothing, so that a pool that cancels a lot is not held up.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;
use types::{Error, SqlState};

use super::session::{CancelHandle, CancelReason};
use super::startup::{Peer, Startup};

/// The last places of a server that are for superusers, as PostgreSQL has it.
pub const CONNECTIONS_RESERVED: usize = 3;
/// Wrong cancel keys an address may send in a second.
const WRONG_KEYS_PER_SECOND: f64 = 10.0;
/// Addresses remembered for that.
const ADDRESSES_MAX: usize = 4096;

/// What is known of a connected client.
#[derive(Clone, Debug)]
pub struct BackendInfo {
    pub pid: i32,
    pub user: String,
    pub database: String,
    pub peer: Peer,
    pub connected: SystemTime,
}

/// What happened at this door since the server started.
#[derive(Default, Debug)]
pub struct Counters {
    /// Clients that were accepted, whatever came of it.
    pub accepted: AtomicU64,
    /// Sessions that were opened.
    pub opened: AtomicU64,
    /// Clients that were told a fatal error: refused logins, violations of the protocol, ends by the server.
    pub failed: AtomicU64,
    /// Panics in sessions. Each is a defect.
    pub panics: AtomicU64,
}

impl Counters {
    /// Names and values, in the order of the fields.
    #[must_use]
    pub fn list(&self) -> [(&'static str, u64); 4] {
        [("accepted", &self.accepted), ("opened", &self.opened), ("failed", &self.failed), ("panics", &self.panics)]
            .map(|(name, counter)| (name, counter.load(Ordering::Relaxed)))
    }
}

struct Entry {
    info: BackendInfo,
    secret: [u8; 4],
    cancel: Option<CancelHandle>,
    ended: CancellationToken,
}

struct Places {
    entries: HashMap<i32, Entry>,
    last_pid: i32,
}

/// See the module. Shared by the listeners of one server and by the SQL functions that look at or end its clients.
pub struct Backends {
    connections_max: usize,
    reserved: usize,
    places: Mutex<Places>,
    tries: Mutex<Tries>,
    /// For the metrics `redoubt_connections_*`.
    pub counters: Counters,
}

impl Backends {
    /// Room for `connections_max` clients, of which the last `reserved` are for superusers.
    pub fn new(connections_max: usize, reserved: usize) -> Arc<Backends> {
        Arc::new(Backends {
            connections_max,
            reserved,
            places: Mutex::new(Places { entries: HashMap::new(), last_pid: 0 }),
            tries: Mutex::new(Tries::default()),
            counters: Counters::default(),
        })
    }

    /// Takes a place, which is free again when the guard is dropped. `ended` fires to end the connection.
    ///
    /// # Errors
    /// Fatal 53300.
    pub(super) fn enter(
        self: &Arc<Backends>,
        startup: &Startup,
        superuser: bool,
        ended: CancellationToken,
    ) -> Result<Place, Error> {
        let mut places = self.places.lock();
        let free = self.connections_max.saturating_sub(places.entries.len());
        let refused = |message| Err(Error::new(SqlState::TOO_MANY_CONNECTIONS, message).fatal());
        if free == 0 {
            return refused("sorry, too many clients already");
        }
        if free <= self.reserved && !superuser {
            return refused("remaining connection slots are reserved for non-replication superuser connections");
        }
        let pid = loop {
            places.last_pid = places.last_pid.checked_add(1).unwrap_or(1);
            if !places.entries.contains_key(&places.last_pid) {
                break places.last_pid;
            }
        };
        let info = BackendInfo {
            pid,
            user: startup.user.clone(),
            database: startup.database.clone(),
            peer: startup.peer,
            connected: SystemTime::now(),
        };
        let secret = rand::random();
        places.entries.insert(pid, Entry { info, secret, cancel: None, ended: ended.clone() });
        Ok(Place { backends: self.clone(), pid, secret, ended })
    }

    /// Carries out a CancelRequest, or does not; nobody is told.
    pub(super) fn cancel_request(&self, peer: Peer, pid: i32, secret: [u8; 4]) {
        let address = match peer {
            Peer::Tcp(address) => Some(address.ip().to_canonical()),
            Peer::Unix => None,
        };
        let now = Instant::now();
        if !self.tries.lock().left(address, now) {
            return;
        }
        let cancel = {
            let places = self.places.lock();
            let entry = places.entries.get(&pid);
            // An unknown pid is compared as well, and takes as long.
            let expected = entry.map_or([0; 4], |entry| entry.secret);
            let equal: bool = expected.ct_eq(&secret).into();
            entry.filter(|_| equal).map(|entry| entry.cancel.clone())
        };
        match cancel {
            Some(Some(cancel)) => cancel(CancelReason::Request),
            Some(None) => {}
            None => {
                self.tries.lock().spend(address, now);
                tracing::info!(%peer, pid, "wrong key in cancel request");
            }
        }
    }

    /// Cancels what a client runs (`pg_cancel_backend`); false if there is no such client.
    pub fn cancel(&self, pid: i32) -> bool {
        let places = self.places.lock();
        let Some(entry) = places.entries.get(&pid) else { return false };
        let cancel = entry.cancel.clone();
        drop(places);
        if let Some(cancel) = cancel {
            cancel(CancelReason::Request);
        }
        true
    }

    /// Ends a connection with 57P01 (`pg_terminate_backend`); false if there is no such client.
    pub fn terminate(&self, pid: i32) -> bool {
        let places = self.places.lock();
        let Some(entry) = places.entries.get(&pid) else { return false };
        entry.ended.cancel();
        true
    }

    /// Everyone who is connected, in no order.
    pub fn list(&self) -> Vec<BackendInfo> {
        self.places.lock().entries.values().map(|entry| entry.info.clone()).collect()
    }

    /// How many clients are connected.
    pub fn count(&self) -> usize {
        self.places.lock().entries.len()
    }
}

/// A client's place in the register.
pub(super) struct Place {
    backends: Arc<Backends>,
    pub pid: i32,
    pub secret: [u8; 4],
    /// Fires when this connection is to end: the server stops, or the client is terminated.
    pub ended: CancellationToken,
}

impl Place {
    /// From now on the client can be cancelled.
    pub(super) fn arm(&self, cancel: CancelHandle) {
        if let Some(entry) = self.backends.places.lock().entries.get_mut(&self.pid) {
            entry.cancel = Some(cancel);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.backends.places.lock().entries.remove(&self.pid);
    }
}

/// A token bucket for each address; all Unix clients share one.
#[derive(Default)]
struct Tries {
    buckets: HashMap<Option<IpAddr>, (f64, Instant)>,
}

impl Tries {
    fn left(&mut self, address: Option<IpAddr>, now: Instant) -> bool {
        self.level(address, now) >= 1.0
    }

    fn spend(&mut self, address: Option<IpAddr>, now: Instant) {
        if self.buckets.len() >= ADDRESSES_MAX {
            // Full buckets say nothing. If none is full, this many addresses guess at once, and the oldest entries
            // are not worth a better rule.
            self.buckets.retain(|_, (_, since)| now.duration_since(*since).as_secs() < 1);
            if self.buckets.len() >= ADDRESSES_MAX {
                self.buckets.clear();
            }
        }
        let level = self.level(address, now) - 1.0;
        self.buckets.insert(address, (level, now));
    }

    fn level(&self, address: Option<IpAddr>, now: Instant) -> f64 {
        let Some((level, since)) = self.buckets.get(&address) else { return WRONG_KEYS_PER_SECOND };
        let refill = now.duration_since(*since).as_secs_f64() * WRONG_KEYS_PER_SECOND;
        (level + refill).min(WRONG_KEYS_PER_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    fn startup() -> Startup {
        Startup {
            pid: 0,
            user: "u".into(),
            database: "d".into(),
            settings: Vec::new(),
            forwarded: false,
            peer: Peer::Unix,
            encryption: None,
        }
    }

    #[test]
    fn the_last_places_are_for_superusers() {
        let backends = Backends::new(3, 1);
        let enter = |superuser| backends.enter(&startup(), superuser, CancellationToken::new());
        let message = |result: Result<Place, Error>| result.map(|_| ()).expect_err("refused").message.clone();
        let (_first, second) = (enter(false).expect("free"), enter(false).expect("free"));
        assert!(message(enter(false)).starts_with("remaining connection slots"));
        let _third = enter(true).expect("reserved");
        assert!(message(enter(true)).starts_with("sorry"));
        drop(second);
        assert_eq!(backends.count(), 2);
        assert!(enter(true).is_ok());
    }

    #[test]
    fn guessing_is_limited_and_right_keys_are_not() {
        let backends = Backends::new(1, 0);
        let place = backends.enter(&startup(), false, CancellationToken::new()).expect("free");
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = seen.clone();
        place.arm(Arc::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        }));
        let mut wrong = place.secret;
        wrong[0] ^= 1;
        for _ in 0..50 {
            backends.cancel_request(Peer::Unix, place.pid, place.secret);
        }
        assert_eq!(seen.load(Ordering::Relaxed), 50);
        for _ in 0..100_000 {
            backends.cancel_request(Peer::Unix, place.pid, wrong);
        }
        backends.cancel_request(Peer::Unix, place.pid, place.secret);
        assert_eq!(seen.load(Ordering::Relaxed), 50, "no try is left");
        let elsewhere = Peer::Tcp(([10, 0, 0, 1], 5).into());
        backends.cancel_request(elsewhere, place.pid, place.secret);
        assert_eq!(seen.load(Ordering::Relaxed), 51);
    }

    #[test]
    fn tries_come_back_with_time_and_addresses_are_bounded() {
        let mut tries = Tries::default();
        let start = Instant::now();
        for _ in 0..10 {
            tries.spend(None, start);
        }
        assert!(!tries.left(None, start));
        assert!(tries.left(None, start + Duration::from_millis(100)));
        for address in 0..3 * ADDRESSES_MAX as u32 {
            tries.spend(Some(IpAddr::V4(address.into())), start);
        }
        assert!(tries.buckets.len() <= ADDRESSES_MAX);
    }
}
