//! [`Sorter`]: entries in any order go into a tree by ascending keys.
//!
//! Entries are gathered into runs of [`RUN_BYTES_MAX`], each sorted in memory and written at once. A run whose keys are
//! all behind those before it fills leaves from the right; one that overlaps is inserted among them, still by ascending
//! keys, so that neighbours go into one record. Input that is sorted already (an index on a serial column) is not sorted
//! again. Nothing is spilled: the tree is where the runs are merged.

use engine::{Engine, Rows, Txn, View};
use types::Result;

use crate::exec::lift::Lift;
use crate::exec::table::tree;

/// Bytes of one run; tests meet its end often.
const RUN_BYTES_MAX: usize = if cfg!(test) { 2 << 10 } else { 32 << 20 };
/// Rows handed to the engine at once.
const LOAD_ROWS: usize = 512;
/// Bytes handed to the engine at once.
const LOAD_BYTES: usize = 1 << 20;

#[derive(Clone, Copy)]
struct Place {
    start: u32,
    key_end: u32,
    end: u32,
}

/// Entries on their way into one tree that only this transaction sees.
pub(super) struct Sorter {
    tree: u64,
    bytes: Vec<u8>,
    places: Vec<Place>,
    sorted: bool,
    /// The highest key written.
    last: Option<Vec<u8>>,
}

/// The value of an entry whose key was there before.
pub(super) type Duplicate = Vec<u8>;

impl Sorter {
    pub fn new(tree: u64) -> Sorter {
        Sorter { tree, bytes: Vec::new(), places: Vec::new(), sorted: true, last: None }
    }

    fn key(&self, place: Place) -> &[u8] {
        &self.bytes[place.start as usize..place.key_end as usize]
    }

    /// Adds an entry; true when the run is full and must be [flushed](Sorter::flush).
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> bool {
        if self.sorted
            && let Some(last) = self.places.last()
        {
            self.sorted = self.key(*last) < key;
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        self.places.push(Place { start, key_end, end: self.bytes.len() as u32 });
        self.bytes.len() >= RUN_BYTES_MAX
    }

    /// Writes the run. Must be called at the end.
    ///
    /// # Errors
    /// What the engine returns, 57014 among it.
    pub async fn flush(&mut self, engine: &Engine, txn: &mut Txn, view: &View) -> Result<Option<Duplicate>> {
        let mut places = std::mem::take(&mut self.places);
        if !self.sorted {
            let key = |place: &Place| &self.bytes[place.start as usize..place.key_end as usize];
            places.sort_unstable_by(|a, b| key(a).cmp(key(b)));
            if let Some(pair) = places.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])) {
                return Ok(Some(self.bytes[pair[1].key_end as usize..pair[1].end as usize].to_vec()));
            }
        }
        let behind = match (&self.last, places.first()) {
            (Some(last), Some(first)) => last.as_slice() < self.key(*first),
            _ => true,
        };
        let mut rows = Rows::new();
        let mut at = 0;
        while at < places.len() {
            rows.clear();
            let mut bytes = 0;
            while let Some(place) = places.get(at)
                && rows.len() < LOAD_ROWS
                && bytes < LOAD_BYTES
            {
                rows.push(self.key(*place), &self.bytes[place.key_end as usize..place.end as usize]);
                bytes += (place.end - place.start) as usize;
                at += 1;
            }
            let outcome = if behind {
                engine.bulk_load(txn, view, tree(self.tree), &rows).await.lift()?
            } else {
                engine.insert_many(txn, view, tree(self.tree), &rows).await.lift()?
            };
            if outcome.duplicate {
                return Ok(Some(rows.get(outcome.inserted).1.to_vec()));
            }
        }
        if let Some(place) = places.last() {
            let last = self.key(*place);
            if self.last.as_deref().is_none_or(|before| before < last) {
                self.last = Some(last.to_vec());
            }
        }
        self.bytes.clear();
        places.clear();
        self.places = places;
        self.sorted = true;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use engine::testing::MemoryVolume;
    use engine::{Direction, Isolation, KeyRange, Options, TreeKind};
    use proptest::prelude::*;

    use super::*;

    /// Sorts entries into a new tree: what it holds then, or the value of the duplicate.
    async fn sort(entries: &[(Vec<u8>, Vec<u8>)]) -> std::result::Result<Vec<(Vec<u8>, Vec<u8>)>, Duplicate> {
        let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
        let mut txn = engine.begin(Isolation::ReadCommitted);
        let root = engine.create_tree(&mut txn, TreeKind::Index).await.expect("a tree");
        let mut sorter = Sorter::new(root.0);
        for (key, value) in entries {
            if sorter.push(key, value) {
                flush(&engine, &mut sorter, &mut txn).await?;
            }
        }
        flush(&engine, &mut sorter, &mut txn).await?;
        let view = engine.statement(&mut txn);
        let mut scan = engine.scan(&view, root, KeyRange::all(), Direction::Forward);
        let (mut found, mut rows) = (Vec::new(), Rows::new());
        while scan.next_batch(&mut rows, 64).await.expect("a scan") > 0 {
            found.extend(rows.iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
        }
        Ok(found)
    }

    async fn flush(engine: &Arc<Engine>, sorter: &mut Sorter, txn: &mut Txn) -> std::result::Result<(), Duplicate> {
        let view = engine.statement(txn);
        match sorter.flush(engine, txn, &view).await.expect("room") {
            Some(duplicate) => Err(duplicate),
            None => Ok(()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn runs_are_merged_and_duplicates_found(
            keys in proptest::collection::vec(any::<u32>().prop_map(|key| key % 5000), 0..600),
            ascending in any::<bool>(),
        ) {
            let mut keys = keys;
            if ascending {
                keys.sort_unstable();
            }
            let entry = |(at, key): (usize, &u32)| (key.to_be_bytes().to_vec(), vec![at as u8; at % 40]);
            let entries: Vec<(Vec<u8>, Vec<u8>)> = keys.iter().enumerate().map(entry).collect();
            let expected: BTreeMap<Vec<u8>, Vec<u8>> = entries.iter().cloned().collect();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            match runtime.block_on(sort(&entries)) {
                Ok(found) => {
                    prop_assert_eq!(expected.len(), entries.len(), "a duplicate was not found");
                    prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
                }
                Err(_) => prop_assert!(expected.len() < entries.len(), "there is no duplicate"),
            }
        }
    }
}
