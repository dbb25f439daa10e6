//! Servers that registered here, each for as long as its lease: the cluster's address book. In memory only; leases go by the
//! node's monotonic clock and bound nothing that makes a commit safe.

use protocol::rpc::storage::ServerInfo;
use std::collections::BTreeMap;
use std::time::Duration;

/// Servers kept at once; the one whose lease ends first gives way.
pub const SERVERS_MAX: usize = 256;
/// The longest lease.
pub const LEASE_MAX: Duration = Duration::from_secs(60);

/// Live registrations by instance.
#[derive(Debug, Default)]
pub struct Leases {
    servers: BTreeMap<u64, (Duration, ServerInfo)>,
}

impl Leases {
    /// Registers or renews.
    pub fn register(&mut self, server: ServerInfo, lease: Duration, now: Duration) {
        self.expire(now);
        if self.servers.len() >= SERVERS_MAX && !self.servers.contains_key(&server.instance) {
            let first = self.servers.iter().min_by_key(|(_, (until, _))| *until).map(|(instance, _)| *instance);
            first.and_then(|instance| self.servers.remove(&instance));
        }
        self.servers.insert(server.instance, (now + lease.min(LEASE_MAX), server));
    }

    /// The live ones, by instance.
    pub fn live(&mut self, now: Duration) -> Vec<ServerInfo> {
        self.expire(now);
        self.servers.values().map(|(_, server)| server.clone()).collect()
    }

    fn expire(&mut self, now: Duration) {
        self.servers.retain(|_, (until, _)| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(instance: u64) -> ServerInfo {
        ServerInfo { instance, ..ServerInfo::default() }
    }

    #[test]
    fn a_lease_ends_unless_renewed() {
        let seconds = Duration::from_secs;
        let mut leases = Leases::default();
        leases.register(server(1), seconds(2), seconds(0));
        leases.register(server(2), seconds(5), seconds(0));
        assert_eq!(leases.live(seconds(1)).len(), 2);
        leases.register(server(1), seconds(2), seconds(1));
        assert_eq!(leases.live(seconds(2)).len(), 2);
        assert_eq!(leases.live(seconds(3)), [server(2)]);
        for instance in 10..10 + SERVERS_MAX as u64 {
            leases.register(server(instance), seconds(9), seconds(4));
        }
        assert_eq!(leases.live(seconds(4)).len(), SERVERS_MAX);
    }
}
