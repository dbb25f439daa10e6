//! What sessions saw and did, and whether it can have been.
//!
//! The lists workload: a transaction reads lists and appends values, each value once in the life of a run. At the end the
//! lists themselves tell the order of all appends to a key, so that every read can be held against it (Kingsbury and
//! Alvaro, "Elle", VLDB 2020, section 3: lists make the version order observable). What is looked for:
//!
//! - an acknowledged append that is gone; a failed one that is there; half of a transaction; a value twice;
//! - a read that is no prefix of the final list: of something that was rolled back, or lost after it was shown, or in
//!   another order than others saw it (long fork);
//! - a session that sees less of a list than it saw before;
//! - a cycle that snapshot isolation forbids: in dependencies (ww, wr, and the order of a session) each followed by at most
//!   one anti-dependency (rw) (Cerone and Gotsman, "Analysing Snapshot Isolation", JACM 2018, theorem 4.1: a history is
//!   SI exactly when the relation ((so ∪ wr ∪ ww) ; rw?) has no cycle);
//! - and, since our snapshots are LSNs, the exact content: a read at S sees an append exactly when it was committed at or
//!   below S.

use protocol::Lsn;
use std::collections::{BTreeMap, BTreeSet};

/// A list.
pub type Key = u32;
/// A value of a list, appended once.
pub type Value = u64;
/// A transaction, by its place in the history.
pub type TxnIndex = usize;

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// It saw this.
    Read(Key, Vec<Value>),
    /// It appended this.
    Append(Key, Value),
}

/// How it ended, as its client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The session died, or was told that the fate is unknown.
    Unknown,
    /// As before, but the commit record was appended at this LSN.
    Appended(Lsn),
    /// Acknowledged.
    Acknowledged(Lsn),
    /// It was rolled back, or never appended a commit record.
    Aborted,
}

impl Fate {
    fn lsn(self) -> Option<Lsn> {
        match self {
            Fate::Appended(lsn) | Fate::Acknowledged(lsn) => Some(lsn),
            _ => None,
        }
    }
}

/// A transaction.
#[derive(Clone, Debug)]
pub struct Txn {
    /// Whose: one session is one connection to one server.
    pub session: u64,
    /// The snapshot of its reads.
    pub snapshot: Lsn,
    /// In order.
    pub ops: Vec<Op>,
    /// Whether its client was given what it read.
    pub told: bool,
    /// How it ended.
    pub fate: Fate,
}

impl Txn {
    fn appends(&self) -> impl Iterator<Item = (Key, Value)> {
        self.ops.iter().filter_map(|op| match op {
            Op::Append(key, value) => Some((*key, *value)),
            Op::Read(..) => None,
        })
    }

    /// What it read of others: its own appends, which come last, are cut off.
    fn reads(&self) -> impl Iterator<Item = (Key, &[Value])> {
        let own: BTreeSet<Value> = self.appends().map(|(_, value)| value).collect();
        self.ops.iter().filter_map(move |op| match op {
            Op::Read(key, values) => {
                let foreign = values.iter().rposition(|value| !own.contains(value)).map_or(0, |last| last + 1);
                Some((*key, &values[..foreign]))
            }
            Op::Append(..) => None,
        })
    }
}

/// The lists as they are at the end.
pub type Lists = BTreeMap<Key, Vec<Value>>;

/// What is wrong with a history; empty: nothing.
#[must_use]
pub fn check(txns: &[Txn], lists: &Lists) -> Vec<String> {
    let mut wrong = Vec::new();
    let writers: BTreeMap<Value, TxnIndex> =
        txns.iter().enumerate().flat_map(|(index, txn)| txn.appends().map(move |(_, value)| (value, index))).collect();
    check_lists(txns, lists, &writers, &mut wrong);
    check_fates(txns, lists, &mut wrong);
    check_reads(txns, lists, &writers, &mut wrong);
    check_sessions(txns, &mut wrong);
    if wrong.is_empty() {
        // The graph is drawn from reads that are prefixes.
        wrong.extend(cycle(txns, lists, &writers));
    }
    wrong
}

fn check_lists(txns: &[Txn], lists: &Lists, writers: &BTreeMap<Value, TxnIndex>, wrong: &mut Vec<String>) {
    for (key, values) in lists {
        let mut seen = BTreeSet::new();
        let mut last: Option<(Value, Lsn)> = None;
        for value in values {
            if !seen.insert(value) {
                wrong.push(format!("list {key} has {value} twice"));
            }
            let Some(writer) = writers.get(value).map(|index| &txns[*index]) else {
                wrong.push(format!("list {key} has {value}, which nobody appended"));
                continue;
            };
            if writer.fate == Fate::Aborted {
                wrong.push(format!("list {key} has {value} of a transaction that was rolled back"));
            }
            if let Some(lsn) = writer.fate.lsn() {
                if let Some((before, at)) = last.filter(|(_, at)| *at > lsn) {
                    wrong.push(format!("list {key} has {before} of {at} before {value} of {lsn}"));
                }
                last = Some((*value, lsn));
            }
        }
    }
}

fn check_fates(txns: &[Txn], lists: &Lists, wrong: &mut Vec<String>) {
    let there = |(key, value): &(Key, Value)| lists.get(key).is_some_and(|values| values.contains(value));
    for txn in txns {
        let (kept, lost): (Vec<_>, Vec<_>) = txn.appends().partition(there);
        if let (Fate::Acknowledged(lsn), Some((key, value))) = (txn.fate, lost.first()) {
            wrong.push(format!("list {key} lacks {value}, whose commit at {lsn} was acknowledged"));
        } else if let (Some((key, value)), Some((other, missing))) = (kept.first(), lost.first()) {
            wrong.push(format!("list {key} has {value}, and list {other} lacks {missing} of the same transaction"));
        }
    }
}

fn check_reads(txns: &[Txn], lists: &Lists, writers: &BTreeMap<Value, TxnIndex>, wrong: &mut Vec<String>) {
    let empty = Vec::new();
    let fate = |value: &Value| writers.get(value).map_or(Fate::Unknown, |index| txns[*index].fate);
    for txn in txns.iter().filter(|txn| txn.told) {
        for (key, read) in txn.reads() {
            let list = lists.get(&key).unwrap_or(&empty);
            if !list.starts_with(read) {
                let at = read.iter().zip(list).take_while(|(read, kept)| read == kept).count();
                let odd = read.get(at).copied().unwrap_or_default();
                wrong.push(format!(
                    "session {} at {} saw {odd} ({:?}) in place {at} of list {key}, where {:?} is",
                    txn.session,
                    txn.snapshot,
                    fate(&odd),
                    list.get(at)
                ));
                continue;
            }
            let (seen, unseen) = list.split_at(read.len());
            let late = |value: &&Value| fate(value).lsn().is_some_and(|lsn| lsn > txn.snapshot);
            if let Some(value) = seen.iter().find(late) {
                let why = format!("saw {value} of list {key}, which was committed after");
                wrong.push(format!("session {} at {} {why}", txn.session, txn.snapshot));
            }
            let early = |value: &&Value| fate(value).lsn().is_some_and(|lsn| lsn <= txn.snapshot);
            if let Some(value) = unseen.iter().find(early) {
                let why = format!("did not see {value} of list {key}, which was committed before");
                wrong.push(format!("session {} at {} {why}", txn.session, txn.snapshot));
            }
        }
    }
}

fn check_sessions(txns: &[Txn], wrong: &mut Vec<String>) {
    let mut seen: BTreeMap<(u64, Key), usize> = BTreeMap::new();
    let mut snapshots: BTreeMap<u64, Lsn> = BTreeMap::new();
    for txn in txns.iter().filter(|txn| txn.told) {
        let snapshot = snapshots.entry(txn.session).or_default();
        if txn.snapshot < *snapshot {
            wrong.push(format!("session {} reads at {} after {snapshot}", txn.session, txn.snapshot));
        }
        *snapshot = txn.snapshot.max(*snapshot);
        for (key, read) in txn.reads() {
            let before = seen.entry((txn.session, key)).or_default();
            if read.len() < *before {
                let (now, before) = (read.len(), *before);
                wrong.push(format!("session {} saw {before} values of list {key}, and then {now}", txn.session));
            }
            *before = read.len().max(*before);
        }
    }
}

/// A cycle of ((so ∪ wr ∪ ww) ; rw?) among the transactions that took effect or were told something.
fn cycle(txns: &[Txn], lists: &Lists, writers: &BTreeMap<Value, TxnIndex>) -> Option<String> {
    let count = txns.len();
    let mut depends: Vec<BTreeSet<TxnIndex>> = vec![BTreeSet::new(); count];
    let mut anti: Vec<BTreeSet<TxnIndex>> = vec![BTreeSet::new(); count];
    for values in lists.values() {
        for pair in values.windows(2) {
            if let (Some(&from), Some(&to)) = (writers.get(&pair[0]), writers.get(&pair[1]))
                && from != to
            {
                depends[from].insert(to);
            }
        }
    }
    let mut last_of_session: BTreeMap<u64, TxnIndex> = BTreeMap::new();
    for (index, txn) in txns.iter().enumerate() {
        if (txn.told || matches!(txn.fate, Fate::Acknowledged(_)))
            && let Some(before) = last_of_session.insert(txn.session, index)
        {
            depends[before].insert(index);
        }
        if !txn.told {
            continue;
        }
        for (key, read) in txn.reads() {
            let list = lists.get(&key).map(Vec::as_slice).unwrap_or_default();
            if let Some(&writer) = read.last().and_then(|value| writers.get(value))
                && writer != index
            {
                depends[writer].insert(index);
            }
            if let Some(&overwriter) = list.get(read.len()).and_then(|value| writers.get(value))
                && overwriter != index
            {
                anti[index].insert(overwriter);
            }
        }
    }
    let next: Vec<BTreeSet<TxnIndex>> = depends
        .iter()
        .map(|direct| direct.iter().chain(direct.iter().flat_map(|via| &anti[*via])).copied().collect())
        .collect();
    let looped = find_cycle(&next)?;
    let names: Vec<String> = looped.iter().map(|index| format!("{index} at {}", txns[*index].snapshot)).collect();
    Some(format!("snapshot isolation forbids this cycle of transactions: {}", names.join(", ")))
}

/// Depth first, without recursion.
fn find_cycle(next: &[BTreeSet<TxnIndex>]) -> Option<Vec<TxnIndex>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Colour {
        White,
        Grey,
        Black,
    }
    let mut colour = vec![Colour::White; next.len()];
    for start in 0..next.len() {
        if colour[start] != Colour::White {
            continue;
        }
        colour[start] = Colour::Grey;
        let mut path = vec![(start, next[start].iter())];
        while let Some((at, rest)) = path.last_mut() {
            let at = *at;
            match rest.next() {
                None => {
                    colour[at] = Colour::Black;
                    path.pop();
                }
                Some(&to) if colour[to] == Colour::Grey => {
                    let from = path.iter().position(|(index, _)| *index == to).unwrap_or_default();
                    return Some(path[from..].iter().map(|(index, _)| *index).collect());
                }
                Some(&to) if colour[to] == Colour::White => {
                    colour[to] = Colour::Grey;
                    path.push((to, next[to].iter()));
                }
                Some(_) => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn txn(session: u64, snapshot: u64, ops: Vec<Op>, fate: Fate) -> Txn {
        Txn { session, snapshot: Lsn(snapshot), ops, told: true, fate }
    }

    fn acked(lsn: u64) -> Fate {
        Fate::Acknowledged(Lsn(lsn))
    }

    fn lists(lists: &[(Key, &[Value])]) -> Lists {
        lists.iter().map(|(key, values)| (*key, values.to_vec())).collect()
    }

    /// Two lists, two transactions on each, one of them across both, and readers between.
    fn good() -> (Vec<Txn>, Lists) {
        let txns = vec![
            txn(1, 10, vec![Op::Append(0, 100), Op::Read(0, vec![100])], acked(20)),
            txn(2, 20, vec![Op::Read(0, vec![100]), Op::Append(0, 101), Op::Append(1, 102)], acked(30)),
            txn(3, 25, vec![Op::Read(0, vec![100]), Op::Read(1, vec![])], Fate::Aborted),
            txn(3, 30, vec![Op::Read(0, vec![100, 101]), Op::Read(1, vec![102])], Fate::Aborted),
            txn(1, 30, vec![Op::Append(1, 103)], Fate::Aborted),
            txn(2, 31, vec![Op::Append(1, 104)], Fate::Unknown),
        ];
        (txns, lists(&[(0, &[100, 101]), (1, &[102])]))
    }

    #[test]
    fn a_good_history_passes() {
        let (txns, lists) = good();
        assert_eq!(check(&txns, &lists), [""; 0]);
    }

    #[test]
    fn each_anomaly_is_found() {
        let (txns, kept) = good();
        let finds = |txns: &[Txn], kept: &Lists, what: &str| {
            let wrong = check(txns, kept);
            assert!(wrong.iter().any(|wrong| wrong.contains(what)), "{what}: {wrong:?}");
        };
        finds(&txns, &lists(&[(0, &[100]), (1, &[102])]), "lacks 101, whose commit at 0/1E was acknowledged");
        finds(&txns, &lists(&[(0, &[100, 101]), (1, &[102, 103])]), "rolled back");
        finds(&txns, &lists(&[(0, &[100, 101, 101]), (1, &[102])]), "twice");
        finds(&txns, &lists(&[(0, &[101, 100]), (1, &[102])]), "in place 0 of list 0");
        let bend = |at: usize, bent: Txn| {
            let mut txns = txns.clone();
            txns[at] = bent;
            txns
        };
        let half = bend(1, Txn { fate: Fate::Unknown, ..txns[1].clone() });
        finds(&half, &lists(&[(0, &[100, 101]), (1, &[])]), "of the same transaction");
        let dirty = txn(3, 30, vec![Op::Read(1, vec![102, 103])], Fate::Aborted);
        finds(&bend(3, dirty), &kept, "saw 103 (Aborted)");
        let back = txn(3, 30, vec![Op::Read(0, vec![])], Fate::Aborted);
        finds(&bend(3, back), &kept, "did not see 100");
        let early = txn(3, 25, vec![Op::Read(0, vec![100, 101])], Fate::Aborted);
        finds(&bend(2, early), &kept, "committed after");
    }

    /// Two readers that see two independent appends in different orders: every read is a prefix, and LSNs are not known.
    #[test]
    fn a_long_fork_is_a_cycle() {
        let unknown = Fate::Unknown;
        let txns = vec![
            txn(1, 10, vec![Op::Append(0, 100)], unknown),
            txn(2, 10, vec![Op::Append(1, 101)], unknown),
            txn(3, 20, vec![Op::Read(0, vec![100]), Op::Read(1, vec![])], unknown),
            txn(4, 20, vec![Op::Read(0, vec![]), Op::Read(1, vec![101])], unknown),
        ];
        let wrong = check(&txns, &lists(&[(0, &[100]), (1, &[101])]));
        assert!(wrong.iter().any(|wrong| wrong.contains("forbids this cycle")), "{wrong:?}");
    }

    /// Write skew is allowed under snapshot isolation; a lost update is not.
    #[test]
    fn write_skew_passes_and_a_lost_update_does_not() {
        let skew = vec![
            txn(1, 10, vec![Op::Read(0, vec![]), Op::Append(1, 101)], acked(21)),
            txn(2, 10, vec![Op::Read(1, vec![]), Op::Append(0, 100)], acked(20)),
        ];
        assert_eq!(check(&skew, &lists(&[(0, &[100]), (1, &[101])])), [""; 0]);
        let lost = vec![
            txn(1, 10, vec![Op::Read(0, vec![]), Op::Append(0, 100)], Fate::Unknown),
            txn(2, 10, vec![Op::Read(0, vec![]), Op::Append(0, 101)], Fate::Unknown),
        ];
        let wrong = check(&lost, &lists(&[(0, &[100, 101])]));
        assert!(wrong.iter().any(|wrong| wrong.contains("forbids this cycle")), "{wrong:?}");
    }
}
