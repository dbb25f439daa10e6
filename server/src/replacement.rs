//! Which storage node takes the place of which, and when: by command, or when a member stays away.
//!
//! **Rule.** A member from which the writer has heard nothing for `--replace-after` is replaced by a spare: one of its own
//! zone, else one of the zone with the fewest copies. Where only a zone is left that has two already, a third copy there is
//! still better than a copy that does not exist. A member whose own number comes back as a spare has lost its disk, and waits
//! for nobody's patience: that spare takes its place. What was begun is given up when the new node itself stays away for
//! as long, so that another can be taken.
//!
//! What one look shows is not done before the next one shows it, too, for a writer that was stopped for a while finds
//! everybody silent for as long when it goes on: silence is counted from what was last answered. One that was held up
//! between its looks takes the first one again ([`Doubt`]). Of a column that is silent, only a node that has not answered
//! for itself all the while stays away ([`Answers`]).
//!
//! Nothing here decides about safety: a change is made by quorums of the sets after it
//! ([`storage::volume::members`]), and a member that was only slow is replaced without harm. It may be reverted until it is
//! done. Silence is measured by the writer's own monotonic clock, and starts anew with every writer.
//!
//! One replacement is begun by itself at a time; commands may have two under way.

use crate::address::NodeAddress;
use crate::compute::{Compute, Writing};
use crate::members::View;
use crate::spare::FORMER;
use protocol::rpc::storage::{Member, ServerInfo, StatusRequest};
use protocol::{FORMAT_VERSION, NodeId};
use sql::functions::NodeRole;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;
use storage::membership::{ChangeError, MemberName, name_of, nodes_of};
use storage::volume::members::MemberError;
use types::{Error, SqlState};

/// How long a member may be silent whose number offers itself as a spare.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How long a new node may take to say who it is.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// A member's node, as the writer hears it.
#[derive(Clone, Debug)]
struct Place {
    node: NodeId,
    /// Which of the six copies it has a part in.
    seat: usize,
    zone: String,
    /// It shares its copies with others.
    in_column: bool,
    silent: Duration,
    leaving: bool,
}

/// A replacement under way.
#[derive(Clone, Debug)]
struct UnderWay {
    old: NodeId,
    /// How long the new node has not answered.
    silent: Duration,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Advice {
    /// Begin to replace a member by the spare at this index.
    Replace { old: NodeId, spare: usize },
    /// Leave the member in its place: the new one is gone.
    GiveUp { old: NodeId },
}

/// Copies in a zone, without the one in which `old` has a part.
fn copies_in(places: &[Place], old: &Place, zone: &str) -> usize {
    let others = places.iter().filter(|it| it.seat != old.seat && it.zone == zone);
    others.map(|it| it.seat).collect::<BTreeSet<usize>>().len()
}

/// The spare that takes the place of `old` best: its own number, its own zone, the zone with the fewest copies, one that was
/// no member before.
fn best_spare(places: &[Place], old: &Place, spares: &[ServerInfo]) -> Option<usize> {
    let taken = |spare: &ServerInfo| places.iter().any(|it| it.node.0 == spare.node && it.node != old.node);
    let copies = |zone: &str| copies_in(places, old, zone);
    let rank = |spare: &ServerInfo| {
        (spare.node != old.node.0, spare.zone != old.zone, copies(&spare.zone), spare.role == FORMER, spare.node)
    };
    let free = spares.iter().enumerate().filter(|(_, spare)| !taken(spare));
    free.min_by_key(|(_, spare)| rank(spare)).map(|(index, _)| index)
}

/// What is to be done without being asked.
fn advise(places: &[Place], under_way: &[UnderWay], spares: &[ServerInfo], after: Duration) -> Option<Advice> {
    if let Some(gone) = under_way.iter().find(|it| it.silent >= after) {
        return Some(Advice::GiveUp { old: gone.old });
    }
    if !under_way.is_empty() {
        return None;
    }
    let is_due = |place: &&Place| {
        let lost = spares.iter().any(|spare| spare.node == place.node.0);
        !place.leaving && place.silent >= if lost { LOST_AFTER.min(after) } else { after }
    };
    let mut due: Vec<&Place> = places.iter().filter(is_due).collect();
    due.sort_by_key(|place| std::cmp::Reverse(place.silent));
    let choose = |old: &Place| Some(Advice::Replace { old: old.node, spare: best_spare(places, old, spares)? });
    due.into_iter().find_map(choose)
}

/// What a look advised, until the next one advises it, too.
#[derive(Debug, Default)]
struct Doubt {
    advised: Option<Advice>,
}

impl Doubt {
    /// Whether to do what a look advises, `slept` after the one before.
    fn ends(&mut self, advice: &Advice, slept: Duration) -> bool {
        let held_up = slept > 2 * LOOK_INTERVAL;
        let before = self.advised.replace(advice.clone());
        // Another spare will do.
        before.is_some_and(|it| it.is_about(advice)) && !held_up
    }
}

impl Advice {
    fn is_about(&self, other: &Advice) -> bool {
        match (self, other) {
            (Advice::Replace { old, .. }, Advice::Replace { old: other, .. })
            | (Advice::GiveUp { old }, Advice::GiveUp { old: other }) => old == other,
            _ => false,
        }
    }
}

/// When the nodes of columns answered last, by the writer's clock.
#[derive(Debug, Default)]
struct Answers {
    at: HashMap<NodeId, Duration>,
}

impl Answers {
    /// A column is silent when one of its nodes is: which of them, looks at each tell. One look is not enough, for a node that
    /// is only late to it is shown as one that is gone.
    fn correct(&mut self, places: &mut [Place], answers: impl Fn(NodeId) -> bool, now: Duration) {
        self.at.retain(|node, _| places.iter().any(|it| it.in_column && it.node == *node));
        for place in places.iter_mut().filter(|it| it.in_column) {
            let last = self.at.entry(place.node).or_insert(now);
            if answers(place.node) {
                *last = now;
            }
            place.silent = place.silent.min(now.saturating_sub(*last));
        }
    }
}

/// Whether a member's node answered the last look. One that is a spare was a member, and lost its disk.
fn answers(view: &View, node: NodeId) -> bool {
    let rows = view.nodes.iter().map(|(row, _)| row);
    let mut of_member = rows.filter(|row| row.node == node && row.role != NodeRole::Spare);
    of_member.any(|row| !matches!(&*row.state, "down" | "empty"))
}

fn places(writing: &Writing) -> Vec<Place> {
    let membership = writing.volume.membership();
    let heard = writing.volume.members_heard();
    let leaving = |seat: usize| membership.replacements().iter().any(|it| it.place == seat);
    let mut places = Vec::new();
    for (seat, member) in membership.members().iter().enumerate() {
        let is_column = !member.others.is_empty();
        places.extend(nodes_of(member).map(|node| Place {
            node: NodeId(node.node),
            seat,
            zone: node.zone.clone(),
            in_column: is_column,
            silent: heard[seat].0,
            leaving: leaving(seat),
        }));
    }
    places
}

/// Spares that no replacement under way has taken.
fn free_spares(server: &Compute, writing: &Writing) -> Vec<ServerInfo> {
    let membership = writing.volume.membership();
    let joins =
        |spare: &ServerInfo| membership.replacements().iter().any(|it| membership.changes(it).1.node == spare.node);
    server.spares().into_iter().filter(|spare| !joins(spare)).collect()
}

/// Replaces members that stay away for `after`, for as long as this server is the writer.
pub async fn keep(server: Weak<Compute>, writing: Writing, after: Duration) {
    let mut answered: HashMap<MemberName, Duration> = HashMap::new();
    let (mut doubt, mut answered_at) = (Doubt::default(), Answers::default());
    let mut failing = false;
    while !writing.ended.is_cancelled() {
        let Some(asleep) = server.upgrade().map(|server| server.now()) else { return };
        tokio::select! {
            () = writing.ended.cancelled() => return,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        let Some(server) = server.upgrade() else { return };
        let slept = server.now().saturating_sub(asleep);
        // What was seen a moment ago is not seen again by looking at the same.
        let view = if doubt.advised.is_some() { server.look().await } else { server.seen() };
        let now = server.now();
        let mut under_way = Vec::new();
        for progress in writing.volume.replacements().await {
            let last = answered.entry(progress.new).or_insert(now);
            if !progress.state.is_empty() {
                *last = now;
            }
            under_way.push(UnderWay { old: progress.old.node, silent: now.saturating_sub(*last) });
        }
        if under_way.is_empty() {
            answered.clear();
        }
        let (mut places, spares) = (places(&writing), free_spares(&server, &writing));
        answered_at.correct(&mut places, |node| answers(&view, node), now);
        let Some(advice) = advise(&places, &under_way, &spares, after) else {
            (doubt, failing) = (Doubt::default(), false);
            continue;
        };
        if !doubt.ends(&advice, slept) {
            continue;
        }
        let outcome = match advice {
            Advice::Replace { old, spare } => {
                let spare = &spares[spare];
                if !failing {
                    let (by, zone) = (spare.node, &*spare.zone);
                    tracing::warn!(node = old.0, by, zone, "a storage node stays away: it is replaced");
                }
                begin(&server, &writing, old, Some(&spare.address)).await.map(drop)
            }
            Advice::GiveUp { old } => {
                tracing::warn!(node = old.0, "the new storage node stays away: the replacement is given up");
                writing.volume.revert_replacement(old).await
            }
        };
        match outcome {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing && !writing.ended.is_cancelled() {
                    tracing::warn!(%error, "a storage node is not replaced");
                }
                failing = true;
            }
        }
        server.look().await;
    }
}

/// Begins to replace a member by the node at `address`, or by the best spare. Returns what takes its place.
async fn begin(server: &Compute, writing: &Writing, old: NodeId, address: Option<&str>) -> Result<String, MemberError> {
    let places = places(writing);
    let leaves = places.iter().find(|place| place.node == old).ok_or(ChangeError::NoMember(old))?;
    if leaves.leaving {
        return Err(ChangeError::UnderWay(old).into());
    }
    let address = match address {
        Some(address) => address.to_owned(),
        None => {
            let spares = free_spares(server, writing);
            let best = best_spare(&places, leaves, &spares);
            let best = best.ok_or_else(|| MemberError::NewNode("none offers itself as a spare".into()))?;
            spares[best].address.clone()
        }
    };
    let unusable = |why: String| MemberError::NewNode(format!("{address}: {why}"));
    address.parse::<NodeAddress>().map_err(unusable)?;
    let dial = server.roster().dial();
    let node = dial(&Member { address: address.clone(), ..Member::default() });
    let node = node.ok_or_else(|| unusable("it cannot be dialled".into()))?;
    let request = StatusRequest { version: FORMAT_VERSION, volume: server.roster().volume() };
    let said = tokio::time::timeout(ANSWER_WITHIN, node.status(request)).await;
    let said = said.map_err(|_| unusable("it does not answer".into()))?.map_err(|error| unusable(error.to_string()))?;
    let new = Member { node: said.node, zone: said.zone, address: address.clone(), ..Member::default() };
    let zone = new.zone.clone();
    let copies = copies_in(&places, leaves, &zone);
    if copies >= 2 {
        tracing::warn!(zone, copies, "this zone gets one more copy than a volume survives the loss of");
    }
    writing.volume.begin_replacement(old, new, node).await?;
    writing.volume.see_to_replacement(old);
    let membership = writing.volume.membership();
    let joining = membership.replacements().iter().map(|it| membership.changes(it).1).find(|new| new.node == said.node);
    let joining = joining.map(|new| name_of(&new));
    let name = joining.map_or_else(|| NodeId(said.node).to_string(), |name| name.to_string());
    Ok(format!("{name} at {address}"))
}

fn sql_error(error: &MemberError) -> Error {
    let state = match error {
        MemberError::Change(ChangeError::NoMember(_)) => SqlState::UNDEFINED_OBJECT,
        MemberError::NewNode(_) => SqlState::INVALID_PARAMETER_VALUE,
        MemberError::NotWriter => SqlState::READ_ONLY_SQL_TRANSACTION,
        _ => SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
    };
    Error::new(state, error.to_string())
}

/// As the SQL function has it.
///
/// # Errors
/// Why it cannot be begun.
pub async fn replace(server: &Arc<Compute>, old: NodeId, address: Option<String>) -> types::Result<String> {
    let writing = server.writing().ok_or_else(|| sql_error(&MemberError::NotWriter))?;
    let begun = begin(server, &writing, old, address.as_deref()).await.map_err(|error| sql_error(&error))?;
    server.look().await;
    Ok(begun)
}

/// As the SQL function has it.
///
/// # Errors
/// Why it cannot be reverted.
pub async fn revert(server: &Arc<Compute>, old: NodeId) -> types::Result<()> {
    let writing = server.writing().ok_or_else(|| sql_error(&MemberError::NotWriter))?;
    writing.volume.revert_replacement(old).await.map_err(|error| sql_error(&error))?;
    server.look().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(600);

    /// Nodes 1 to 6 in zones a a b b c c, silent for so many seconds.
    fn six(silent: [u64; 6]) -> Vec<Place> {
        let place = |(index, silent): (usize, u64)| Place {
            node: NodeId(index as u32 + 1),
            seat: index,
            zone: ["a", "b", "c"][index / 2].into(),
            in_column: false,
            silent: Duration::from_secs(silent),
            leaving: false,
        };
        silent.into_iter().enumerate().map(place).collect()
    }

    fn spare(node: u32, zone: &str) -> ServerInfo {
        ServerInfo { node, zone: zone.into(), role: "spare".into(), ..ServerInfo::default() }
    }

    fn replaces(places: &[Place], spares: &[ServerInfo]) -> Option<(u32, u32)> {
        match advise(places, &[], spares, AFTER) {
            Some(Advice::Replace { old, spare }) => Some((old.0, spares[spare].node)),
            _ => None,
        }
    }

    #[test]
    fn who_stays_away_is_replaced_by_a_spare_of_its_zone_else_where_fewest_copies_are() {
        let dead = six([0, 0, 0, 700, 0, 0]);
        assert_eq!(replaces(&dead, &[]), None, "there is no spare");
        assert_eq!(replaces(&six([0, 0, 0, 599, 0, 0]), &[spare(7, "b")]), None, "it may come back");
        assert_eq!(replaces(&dead, &[spare(7, "a"), spare(8, "b"), spare(9, "d")]), Some((4, 8)));
        let former = ServerInfo { role: FORMER.into(), ..spare(7, "b") };
        assert_eq!(replaces(&dead, &[former, spare(8, "b")]), Some((4, 8)), "the other was replaced once");
        assert_eq!(replaces(&dead, &[spare(7, "a"), spare(9, "d")]), Some((4, 9)));
        assert_eq!(replaces(&dead, &[spare(7, "a")]), Some((4, 7)), "three in a zone are better than five");
        assert_eq!(replaces(&dead, &[spare(2, "b")]), None, "the number of another member");
        assert_eq!(replaces(&six([0, 650, 0, 700, 0, 0]), &[spare(7, "a")]), Some((4, 7)), "the longest first");
    }

    #[test]
    fn a_member_that_lost_its_disk_is_replaced_by_itself_soon() {
        assert_eq!(replaces(&six([0, 0, 3, 0, 0, 0]), &[spare(7, "b"), spare(3, "b")]), Some((3, 3)));
        assert_eq!(replaces(&six([0, 0, 1, 0, 0, 0]), &[spare(3, "b")]), None, "a member that lives has its number");
    }

    #[test]
    fn one_at_a_time_and_a_new_node_that_stays_away_is_given_up() {
        let dead = six([0, 0, 0, 700, 0, 800]);
        let under_way = |silent| [UnderWay { old: NodeId(4), silent: Duration::from_secs(silent) }];
        assert_eq!(advise(&dead, &under_way(5), &[spare(7, "c")], AFTER), None);
        assert_eq!(advise(&dead, &under_way(600), &[spare(7, "c")], AFTER), Some(Advice::GiveUp { old: NodeId(4) }));
    }

    #[test]
    fn a_writer_that_was_stopped_replaces_nobody_whom_it_hears_again() {
        let spares = [spare(7, "b")];
        let look = |doubt: &mut Doubt, silent: [u64; 6], slept: Duration| {
            let advice = advise(&six(silent), &[], &spares, AFTER);
            advice.is_some_and(|advice| doubt.ends(&advice, slept))
        };
        let mut doubt = Doubt::default();
        assert!(!look(&mut doubt, [900; 6], 900 * LOST_AFTER), "it was stopped, and so was its silence");
        assert!(!look(&mut doubt, [0, 0, 0, 700, 0, 0], LOOK_INTERVAL), "another one");
        assert!(look(&mut doubt, [0, 0, 0, 700, 0, 0], LOOK_INTERVAL));
        assert!(!look(&mut doubt, [0, 0, 0, 900, 0, 0], 5 * LOOK_INTERVAL), "held up between two looks");
        assert!(look(&mut doubt, [0, 0, 0, 900, 0, 0], LOOK_INTERVAL));
        let gone = Advice::GiveUp { old: NodeId(4) };
        assert!(!doubt.ends(&gone, LOOK_INTERVAL), "another advice");
        assert!(doubt.ends(&gone, LOOK_INTERVAL));
        assert!(doubt.ends(&gone, LOOK_INTERVAL), "once more, if it came to nothing");
    }

    #[test]
    fn of_a_silent_column_the_node_that_answered_of_late_stays() {
        // Nodes 1 and 2 share the copies of a seat, which is silent because of node 2.
        let column = || {
            let mut places = six([700, 700, 0, 0, 0, 0]);
            places[..2].iter_mut().for_each(|place| place.in_column = true);
            places
        };
        let mut heard = Answers::default();
        let silence = |heard: &mut Answers, answers: &[u32], now: u64| {
            let mut places = column();
            heard.correct(&mut places, |node| answers.contains(&node.0), Duration::from_secs(now));
            [0, 1, 2].map(|index| places[index].silent.as_secs())
        };
        assert_eq!(silence(&mut heard, &[], 1_000), [0, 0, 0], "nobody knows yet");
        assert_eq!(silence(&mut heard, &[1], 1_600), [0, 600, 0]);
        assert_eq!(silence(&mut heard, &[], 1_601), [1, 601, 0], "late once");
        assert_eq!(silence(&mut heard, &[], 2_601), [700, 700, 0], "not longer than the column");
    }
}
