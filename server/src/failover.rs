//! When a replica makes itself the writer.
//!
//! **Rule.** A replica stands when a read quorum of storage nodes has heard nothing of a writer for the failover timeout,
//! each by its own monotonic clock, *and had said so a moment before*. So many silent nodes are also what denies that
//! writer its write quorum: it could not have committed in that time. Safety is not at stake in any of this. Recovery
//! fences whoever was there, and a wrong guess costs a failover that nobody needed.
//!
//! The two looks are what tells a dead writer from a machine that stood still: where nodes, writer and replica were all
//! paused together, the first look after it shows a long silence, and the second shows the writer's heartbeats (one each
//! [`HEARTBEAT`] at least, from a thread of its own). A replica that was itself held up between its looks takes the first
//! one again.
//!
//! Who stands first: replicas are ranked by their priority (the setting), then by how much they have applied, then by
//! instance, and each rank waits a step longer. A recovery that begins counts as a voice of the writer, so the next in
//! line starts its own count anew; should both begin, the lower ballot gives way ([`WriterVolume::open_over`]). One attempt
//! runs at a time, and each that fails doubles the pause before the next.
//!
//! A look is cheap: one node is asked, and only when that one has doubts all six are. What one node says also tells how
//! long nothing need be asked: a silence of 30 ms cannot become one of 500 ms sooner than in 470 ms.
//!
//! [`WriterVolume::open_over`]: storage::volume::writer::WriterVolume::open_over

use crate::promotion::{Promotion, PromotionCause};
use protocol::Ballot;
use protocol::rpc::storage::ServerInfo;
use std::cmp::Reverse;
use std::time::Duration;
use storage::quorum::{COPIES, READ_QUORUM};
use storage::volume::shipping::HEARTBEAT;
use storage::volume::{Clock, Nodes, cluster};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// The failover timeout unless it is set: how long a writer may be silent.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_millis(500);
/// The shortest that can be set: heartbeats and two looks must fit in.
pub const TIMEOUT_MIN: Duration = Duration::from_millis(300);
/// The last priority.
pub const PRIORITY_MAX: u32 = 15;
/// The priority unless it is set.
pub const PRIORITY_DEFAULT: u32 = 1;

/// How much longer each rank waits than the one before: about what a recovery takes to be heard.
const RANK_STEP: Duration = Duration::from_millis(120);
/// Replicas that rank alike by mistake differ by up to this.
const JITTER: Duration = Duration::from_millis(20);
/// Never asks more often.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// The longest pause after failed attempts.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// Differences in applied redo below this do not rank replicas, in bits of LSN: recovery makes them up in no time.
const APPLIED_BITS: u32 = 20;

const _: () = assert!(TIMEOUT_MIN.as_millis() / 4 * 3 >= 2 * HEARTBEAT.as_millis());

/// Whether and how a replica stands by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failover {
    /// How long a writer may be silent, at least [`TIMEOUT_MIN`].
    pub timeout: Duration,
    /// Lower stands first; at most [`PRIORITY_MAX`].
    pub priority: u32,
}

/// What one look at all nodes showed.
#[derive(Clone, Debug)]
pub struct Look {
    /// When, by the replica's own clock.
    pub at: Duration,
    /// How long each node that answered has heard nothing, in any order.
    pub silences: Vec<Duration>,
    /// The highest ballot that they have promised.
    pub promised: Ballot,
}

impl Look {
    /// The longest time for which a read quorum has heard nothing; `None` when fewer answered.
    fn silence(&self) -> Option<Duration> {
        let mut silences = self.silences.clone();
        silences.sort_unstable_by_key(|&silence| Reverse(silence));
        silences.get(READ_QUORUM - 1).copied()
    }
}

/// What to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing for so long.
    Wait(Duration),
    /// Become the writer, over the one of this ballot, which was silent for so long.
    Stand { over: Ballot, silence: Duration },
}

/// A silence that was seen once.
#[derive(Clone, Copy, Debug)]
struct Suspicion {
    since: Duration,
    promised: Ballot,
    /// When the next look was due.
    due: Duration,
}

/// The judgement, without clock or network. See the module's essay.
#[derive(Debug)]
pub struct Watch {
    timeout: Duration,
    /// From one look to the next at least, when both see silence.
    margin: Duration,
    suspicion: Option<Suspicion>,
    failures: u32,
    not_before: Duration,
}

impl Watch {
    /// A watch that has seen nothing yet.
    #[must_use]
    pub fn new(timeout: Duration) -> Watch {
        Watch { timeout, margin: timeout / 4, suspicion: None, failures: 0, not_before: Duration::ZERO }
    }

    /// How long nobody need ask again, if one node has heard nothing for `silence`; `None` if all should be asked now.
    #[must_use]
    pub fn nap(&self, silence: Duration) -> Option<Duration> {
        let doubt = self.timeout - self.margin;
        (silence < doubt).then(|| (doubt - silence).max(LOOK_INTERVAL_MIN))
    }

    /// Judges a look of a replica that stands `delay` after the first in line.
    pub fn look(&mut self, look: &Look, delay: Duration) -> Advice {
        let Some(silence) = look.silence() else {
            self.suspicion = None;
            return Advice::Wait(self.margin);
        };
        if let Some(nap) = self.nap(silence) {
            self.suspicion = None;
            return Advice::Wait(nap);
        }
        let held_up = |it: &Suspicion| look.at > it.due + self.margin;
        let known = self.suspicion.filter(|it| it.promised == look.promised && !held_up(it));
        let since = known.map_or(look.at, |it| it.since);
        let ready_at = (since + self.margin).max(self.not_before);
        let left = ready_at.saturating_sub(look.at).max((self.timeout + delay).saturating_sub(silence));
        if left.is_zero() {
            return Advice::Stand { over: look.promised, silence };
        }
        let wait = left.max(LOOK_INTERVAL_MIN);
        self.suspicion = Some(Suspicion { since, promised: look.promised, due: look.at + wait });
        Advice::Wait(wait)
    }

    /// An attempt to stand failed.
    pub fn failed(&mut self, at: Duration) {
        let pause = self.timeout.saturating_mul(1 << self.failures.min(16));
        self.failures += 1;
        self.not_before = at + pause.min(BACK_OFF_MAX);
        self.suspicion = None;
    }
}

/// How many live replicas stand before `own`.
#[must_use]
pub fn rank(own: &ServerInfo, servers: &[ServerInfo]) -> u32 {
    let key = |server: &ServerInfo| {
        let priority = server.failover_priority?;
        Some((priority, Reverse(server.applied_lsn >> APPLIED_BITS), server.instance))
    };
    let before = |server: &&ServerInfo| {
        server.role == "replica" && server.instance != own.instance && key(server).is_some_and(|it| Some(it) < key(own))
    };
    servers.iter().filter(before).count() as u32
}

/// Watches over the writer of `volume` for one replica, until `ended`. `own` says how the replica would register now.
pub async fn keep_watch(
    nodes: Nodes,
    volume: u64,
    clock: Clock,
    timeout: Duration,
    own: impl Fn() -> Option<ServerInfo>,
    promotions: mpsc::Sender<Promotion>,
    ended: CancellationToken,
) {
    let mut watch = Watch::new(timeout);
    let mut wait = timeout;
    let mut next = rand::random_range(0..COPIES);
    let watching = async {
        loop {
            tokio::time::sleep(wait).await;
            if watch.suspicion.is_none() {
                next = (next + 1) % COPIES;
                let heard = cluster::silence_at(&*nodes[next], volume).await;
                if let Some(nap) = heard.and_then(|(silence, _)| watch.nap(silence)) {
                    wait = nap;
                    continue;
                }
            }
            let (answers, book) = futures::join!(
                futures::future::join_all(nodes.iter().map(|node| cluster::silence_at(&**node, volume))),
                cluster::register(&nodes, volume, None, 0),
            );
            let (silences, promised): (Vec<_>, Vec<_>) = answers.into_iter().flatten().unzip();
            // After the answers: a node that does not answer must not look like a replica that was held up.
            let at = clock();
            let look = Look { at, silences, promised: promised.into_iter().max().unwrap_or_default() };
            let Some(own) = own() else {
                wait = timeout;
                continue;
            };
            let rank = rank(&own, &book.map(|book| book.servers).unwrap_or_default());
            let delay = RANK_STEP * rank + JITTER.mul_f64(rand::random());
            match watch.look(&look, delay) {
                Advice::Wait(time) => wait = time,
                Advice::Stand { over, silence } => {
                    tracing::warn!(?silence, rank, "the writer is silent: this replica stands");
                    let (reply, outcome) = oneshot::channel();
                    let cause = PromotionCause::Silence { over, silence };
                    if promotions.send(Promotion { cause, reply }).await.is_err() {
                        return;
                    }
                    match outcome.await {
                        Ok(Ok(())) => return,
                        Ok(Err(why)) => tracing::warn!(why, "the replica did not become the writer"),
                        Err(_) => return,
                    }
                    watch.failed(clock());
                    wait = LOOK_INTERVAL_MIN;
                }
            }
        }
    };
    tokio::select! {
        () = watching => {}
        () = ended.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const OVER: Ballot = Ballot(5 << 32);

    fn look(at: u64, silences: &[u64]) -> Look {
        Look { at: ms(at), silences: silences.iter().map(|&it| ms(it)).collect(), promised: OVER }
    }

    #[test]
    fn a_silent_writer_is_followed_after_the_timeout_and_two_looks() {
        let mut watch = Watch::new(ms(500));
        assert_eq!(watch.look(&look(1_000, &[380; 6]), ms(0)), Advice::Wait(ms(125)));
        assert_eq!(watch.look(&look(1_125, &[505; 6]), ms(0)), Advice::Stand { over: OVER, silence: ms(505) });
    }

    #[test]
    fn three_silent_nodes_are_enough_and_two_are_not() {
        let stands = |silences: &[u64]| {
            let mut watch = Watch::new(ms(500));
            watch.look(&look(1_000, silences), ms(0));
            matches!(watch.look(&look(1_125, silences), ms(0)), Advice::Stand { .. })
        };
        assert!(stands(&[900, 900, 900, 0, 0, 0]));
        assert!(!stands(&[900, 900, 10, 0, 0, 0]));
        assert!(stands(&[900, 900, 900]));
        assert!(!stands(&[900, 900]), "two of six that answer are no read quorum");
        assert!(!stands(&[]));
    }

    #[test]
    fn one_look_is_never_enough_however_long_the_silence() {
        let mut watch = Watch::new(ms(500));
        assert_eq!(watch.look(&look(9_000, &[5_000; 6]), ms(0)), Advice::Wait(ms(125)));
        assert_eq!(watch.look(&look(9_125, &[40; 6]), ms(0)), Advice::Wait(ms(335)), "everything had stood still");
    }

    #[test]
    fn a_replica_that_was_held_up_looks_again() {
        let mut watch = Watch::new(ms(500));
        watch.look(&look(1_000, &[400; 6]), ms(0));
        let late = watch.look(&look(3_000, &[2_400; 6]), ms(0));
        assert_eq!(late, Advice::Wait(ms(125)));
        assert!(matches!(watch.look(&look(3_125, &[2_525; 6]), ms(0)), Advice::Stand { .. }));
    }

    #[test]
    fn a_pause_of_half_the_timeout_raises_no_doubt() {
        let watch = Watch::new(ms(500));
        for silence in 0..=250 + HEARTBEAT.as_millis() as u64 {
            assert!(watch.nap(ms(silence)).is_some(), "{silence}");
        }
    }

    #[test]
    fn the_next_in_line_waits_and_starts_anew_when_another_ballot_is_about() {
        let mut watch = Watch::new(ms(500));
        watch.look(&look(1_000, &[400; 6]), ms(120));
        assert_eq!(watch.look(&look(1_125, &[525; 6]), ms(120)), Advice::Wait(ms(95)));
        let other = Look { promised: Ballot(6 << 32), ..look(1_220, &[620; 6]) };
        assert_eq!(watch.look(&other, ms(120)), Advice::Wait(ms(125)));
    }

    #[test]
    fn each_failure_doubles_the_pause() {
        let mut watch = Watch::new(ms(500));
        let mut pauses = Vec::new();
        for _ in 0..8 {
            watch.failed(ms(0));
            pauses.push(watch.not_before);
        }
        assert_eq!(pauses[..4], [ms(500), ms(1_000), ms(2_000), ms(4_000)]);
        assert_eq!(pauses[7], BACK_OFF_MAX);
        watch.look(&look(29_000, &[900; 6]), ms(0));
        assert_eq!(watch.look(&look(29_125, &[900; 6]), ms(0)), Advice::Wait(ms(875)));
    }

    #[test]
    fn replicas_are_ranked_by_priority_then_redo_then_instance() {
        let server = |instance, priority, applied_lsn| ServerInfo {
            instance,
            role: "replica".into(),
            failover_priority: priority,
            applied_lsn,
            ..ServerInfo::default()
        };
        let servers = [
            server(1, Some(1), 5 << APPLIED_BITS),
            server(2, Some(0), 0),
            server(3, Some(1), 9 << APPLIED_BITS),
            server(4, None, 99 << APPLIED_BITS),
            server(5, Some(1), 1 + (5 << APPLIED_BITS)),
            ServerInfo { role: "writer".into(), ..server(6, Some(0), 0) },
        ];
        let ranks: Vec<u32> = servers[..5].iter().map(|own| rank(own, &servers)).collect();
        assert_eq!(ranks, [2, 0, 1, 0, 3], "the fourth does not stand, and is before nobody");
    }
}
