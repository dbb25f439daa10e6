//! Which server a cancel request is for: the one that gave out its key, as long as that connection passes through here.
//!
//! A server counts wrong keys by address, which is the proxy's for all its clients, and looks at no key when there were
//! too many. So a request does not go where it is not meant.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

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
