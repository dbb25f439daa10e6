//! Which server a cancel request is for: the one that gave out its key, as long as that connection passes through here.
//!
//! A server counts wrong keys by address, which is the proxy's for all its clients, and looks at no key when there were
//! too many. So a request does not go where it is not meant, and of those with a key that nobody here gave out, another
//! proxy's perhaps, few pass: they must not use up what the others need.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A process id and a secret, as BackendKeyData and CancelRequest have them.
pub(super) type Key = [u8; 8];

/// The keys of the connections that pass through, with the addresses of their servers.
#[derive(Default)]
pub(super) struct Keys {
    addresses: Mutex<HashMap<Key, String>>,
}

impl Keys {
    /// For a connection to the server at `address`.
    pub(super) fn ticket(self: &Arc<Keys>, address: &str) -> Ticket {
        Ticket { keys: self.clone(), address: address.to_owned(), key: None }
    }

    /// The address of the server that gave out a key.
    pub(super) fn address(&self, key: &[u8]) -> Option<String> {
        self.addresses.lock().get(key).cloned()
    }
}

/// A connection's entry, which ends with it.
pub(super) struct Ticket {
    keys: Arc<Keys>,
    address: String,
    key: Option<Key>,
}

impl Ticket {
    /// The server gives out this key.
    pub(super) fn enter(&mut self, key: Key) {
        self.keys.addresses.lock().insert(key, self.address.clone());
        self.key = Some(key);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.keys.addresses.lock().remove(&key);
        }
    }
}

/// Requests with a key that nobody here gave out, which pass in a second: fewer than servers bear of an address.
const STRANGERS_MAX: u32 = 5;

/// How many such requests have passed.
#[derive(Default)]
pub(super) struct Strangers {
    /// Since when they are counted.
    passed: Mutex<Option<(Instant, u32)>>,
}

impl Strangers {
    /// Whether one more may pass.
    pub(super) fn admit(&self, now: Instant) -> bool {
        let mut passed = self.passed.lock();
        match &mut *passed {
            Some((since, count)) if now.saturating_duration_since(*since) < Duration::from_secs(1) => {
                *count += 1;
                *count <= STRANGERS_MAX
            }
            other => {
                *other = Some((now, 1));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_unknown_keys_pass_in_a_second() {
        let strangers = Strangers::default();
        let now = Instant::now();
        let passed = |now| (0..9).filter(|_| strangers.admit(now)).count();
        assert_eq!(passed(now), 5);
        assert_eq!(passed(now + Duration::from_millis(900)), 0);
        assert_eq!(passed(now + Duration::from_secs(1)), 5);
    }
}
