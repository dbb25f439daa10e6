//! Clients that have not authenticated yet, and how many there may be.
//!
//! **Rule.** They are bounded in number, in all; and of one remote address a few are attended to at a time while others
//! of it wait. A pool that opens a hundred connections at once only waits a little; an address that opens them and says
//! nothing holds up itself, for it does not get the last quarter of all places. Loopback and Unix sockets are exempt:
//! everyone there shares one address.
//!
//! Who has one address of a network of 64 bits of IPv6 can have all of them, so places are counted by these networks.
//! Their turns are those of [`NETWORK_ADDRESSES`] addresses: one that is silent holds up itself and not its neighbours.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::startup::Peer;

/// A network of IPv6 has the turns of so many addresses.
const NETWORK_ADDRESSES: usize = 2;

/// Where somebody comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    Address(IpAddr),
    /// The upper 64 bits of an address of IPv6.
    Network(u128),
}

/// Those of one door.
pub struct Handshakes {
    max: usize,
    per_address_max: usize,
    present: Mutex<Present>,
}

#[derive(Default)]
struct Present {
    all: usize,
    /// How many of an origin there are, and the turns they take.
    by_origin: HashMap<Origin, (usize, Arc<Semaphore>)>,
}

/// One of them, until it is dropped.
pub struct Handshake {
    handshakes: Arc<Handshakes>,
    turns: Vec<(Origin, Arc<Semaphore>)>,
}

impl Handshakes {
    /// At most `max` in all, three quarters of them of one network, and `per_address_max` of one address that have
    /// their turn.
    #[must_use]
    pub fn new(max: usize, per_address_max: usize) -> Arc<Handshakes> {
        Arc::new(Handshakes { max, per_address_max, present: Mutex::default() })
    }

    /// Somebody came; `None` if there are too many, in all or of the same address.
    pub fn begin(self: &Arc<Handshakes>, peer: Peer) -> Option<Handshake> {
        let origins: Vec<Origin> = origins(peer).collect();
        let mut present = self.present.lock();
        let same = origins.last().and_then(|widest| present.by_origin.get(widest)).map_or(0, |(count, _)| *count);
        if present.all >= self.max || same >= self.max - self.max / 4 {
            return None;
        }
        present.all += 1;
        let turns = origins.into_iter().map(|origin| {
            let max = match origin {
                Origin::Address(_) => self.per_address_max,
                Origin::Network(_) => self.per_address_max * NETWORK_ADDRESSES,
            };
            let turns = || (0, Arc::new(Semaphore::new(max)));
            let (count, turns) = present.by_origin.entry(origin).or_insert_with(turns);
            *count += 1;
            (origin, turns.clone())
        });
        let turns = turns.collect();
        Some(Handshake { handshakes: self.clone(), turns })
    }
}

/// All that bounds a peer, the widest last.
fn origins(peer: Peer) -> impl Iterator<Item = Origin> {
    let address = match peer {
        Peer::Tcp(address) => Some(address.ip().to_canonical()).filter(|ip| !ip.is_loopback()),
        Peer::Unix => None,
    };
    let network = address.and_then(|address| match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Some(Origin::Network(address.to_bits() >> 64)),
    });
    address.map(Origin::Address).into_iter().chain(network)
}

impl Handshake {
    /// Waits until few enough others of the same address and network are at it. The turn ends when what this returns is
    /// dropped.
    pub async fn turn(&self) -> Vec<OwnedSemaphorePermit> {
        let mut turn = Vec::new();
        for (_, turns) in &self.turns {
            turn.extend(turns.clone().acquire_owned().await.ok());
        }
        turn
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut present = self.handshakes.present.lock();
        present.all -= 1;
        for (origin, _) in &self.turns {
            if let Some((count, _)) = present.by_origin.get_mut(origin) {
                *count -= 1;
                if *count == 0 {
                    present.by_origin.remove(origin);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn an_address_holds_up_itself_only() {
        let handshakes = Handshakes::new(10, 2);
        let begin = |address: [u8; 4]| handshakes.begin(Peer::Tcp((address, 1).into()));
        let greedy: Vec<Handshake> = (0..3).map_while(|_| begin([10, 0, 0, 1])).collect();
        let turns = [greedy[0].turn().await, greedy[1].turn().await];
        assert!(greedy[2].turn().now_or_never().is_none(), "the third waits");
        let other = begin([10, 0, 0, 2]).expect("room in all");
        assert!(other.turn().now_or_never().is_some());
        let local: Vec<Handshake> = (0..6).map_while(|_| begin([127, 0, 0, 1])).collect();
        assert!(local.iter().all(|local| local.turn().now_or_never().is_some()));
        assert!(begin([10, 0, 0, 3]).is_none(), "ten in all");
        drop(turns);
        assert!(greedy[2].turn().now_or_never().is_some());
        drop((greedy, other, local));
        let left = handshakes.present.lock();
        assert_eq!((left.all, left.by_origin.len()), (0, 0));
    }

    fn of(handshakes: &Arc<Handshakes>, address: &str) -> Option<Handshake> {
        let address: IpAddr = address.parse().expect("an address");
        handshakes.begin(Peer::Tcp((address, 1).into()))
    }

    #[tokio::test]
    async fn a_network_of_ipv6_does_not_get_all_places_or_the_turns_of_many_addresses() {
        let handshakes = Handshakes::new(10, 2);
        let greedy: Vec<Handshake> =
            (0..10).map_while(|at| of(&handshakes, &format!("2001:db8:0:1::{at:x}:1"))).collect();
        assert_eq!(greedy.len(), 8);
        let mut turns = Vec::new();
        for greedy in &greedy[..2 * NETWORK_ADDRESSES] {
            turns.push(greedy.turn().await);
        }
        assert!(greedy[2 * NETWORK_ADDRESSES].turn().now_or_never().is_none(), "they take the turns of a few");
        let other = of(&handshakes, "2001:db8:0:2::1").expect("there is room for others");
        assert!(other.turn().now_or_never().is_some());
        let (mapped, plain) = (of(&handshakes, "::ffff:10.0.0.1"), "10.0.0.1".parse().expect("an address"));
        let known = handshakes.present.lock().by_origin.contains_key(&Origin::Address(plain));
        assert!(mapped.is_some() && known, "IPv4 stays what it is");
        drop((greedy, other, mapped));
        assert!(handshakes.present.lock().by_origin.is_empty());
    }

    #[tokio::test]
    async fn a_silent_address_does_not_hold_up_its_network() {
        let handshakes = Handshakes::new(10, 2);
        let silent: Vec<Handshake> = (0..3).map_while(|_| of(&handshakes, "2001:db8:0:1::1")).collect();
        let _turns = [silent[0].turn().await, silent[1].turn().await];
        assert!(silent[2].turn().now_or_never().is_none(), "the third waits");
        let neighbour = of(&handshakes, "2001:db8:0:1::2").expect("there is room");
        assert!(neighbour.turn().now_or_never().is_some());
    }
}
