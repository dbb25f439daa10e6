//! Clients that have not authenticated yet, and how many there may be.
//!
//! **Rule.** They are bounded in number, in all; and of one remote address a few are attended to at a time while others of it
//! wait. A pool that opens a hundred connections at once only waits a little; an address that opens them and says nothing
//! holds up itself. Loopback and Unix sockets are exempt: everyone there shares one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::startup::Peer;

/// Those of one door.
pub struct Handshakes {
    max: usize,
    per_address_max: usize,
    present: Mutex<Present>,
}

#[derive(Default)]
struct Present {
    all: usize,
    /// How many of an address there are, and the turns they take.
    by_address: HashMap<IpAddr, (usize, Arc<Semaphore>)>,
}

/// One of them, until it is dropped.
pub struct Handshake {
    handshakes: Arc<Handshakes>,
    turns: Option<(IpAddr, Arc<Semaphore>)>,
}

impl Handshakes {
    /// At most `max` in all, and `per_address_max` of an address that have their turn.
    #[must_use]
    pub fn new(max: usize, per_address_max: usize) -> Arc<Handshakes> {
        Arc::new(Handshakes { max, per_address_max, present: Mutex::default() })
    }

    /// Somebody came; `None` if there are too many in all.
    pub fn begin(self: &Arc<Handshakes>, peer: Peer) -> Option<Handshake> {
        let address = match peer {
            Peer::Tcp(address) => Some(address.ip().to_canonical()).filter(|ip| !ip.is_loopback()),
            Peer::Unix => None,
        };
        let mut present = self.present.lock();
        if present.all >= self.max {
            return None;
        }
        present.all += 1;
        let turns = address.map(|address| {
            let turns = || (0, Arc::new(Semaphore::new(self.per_address_max)));
            let (count, turns) = present.by_address.entry(address).or_insert_with(turns);
            *count += 1;
            (address, turns.clone())
        });
        Some(Handshake { handshakes: self.clone(), turns })
    }
}

impl Handshake {
    /// Waits until few enough others of the same address are at it. The turn ends when what this returns is dropped.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let (_, turns) = self.turns.as_ref()?;
        turns.clone().acquire_owned().await.ok()
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut present = self.handshakes.present.lock();
        present.all -= 1;
        if let Some((address, _)) = &self.turns
            && let Some((count, _)) = present.by_address.get_mut(address)
        {
            *count -= 1;
            if *count == 0 {
                present.by_address.remove(address);
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
        assert_eq!((left.all, left.by_address.len()), (0, 0));
    }
}
