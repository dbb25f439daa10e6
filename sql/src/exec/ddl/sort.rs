//! [`Sorter`]: entries in any order go into a tree by ascending keys.
//!
//! Entries are gathered into runs of [`RUN_BYTES_MAX`], each sorted in memory and written at once. A run whose keys are
//! all behind those before it fills leaves from the right; one that overlaps is inserted among them, still by ascending
//! keys, so that neighbours go into one record. Input that is sorted already (an index on a serial column) is not sorted
//! again. Nothing is spilled: the tree is where the runs are merged.

use engine::{Rows, Txn, View};
use types::Result;

use crate::exec::context::ExecContext;
use crate::exec::lift::Lift;
use crate::exec::table::tree;

/// Bytes of one run.
const RUN_BYTES_MAX: usize = 32 << 20;
/// Rows handed to the engine at once.
pub(super) const LOAD_ROWS: usize = 512;
/// Bytes handed to the engine at once.
pub(super) const LOAD_BYTES: usize = 1 << 20;

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
    /// What the engine returns; 57014.
    pub async fn flush(&mut self, context: &ExecContext, txn: &mut Txn, view: &View) -> Result<Option<Duplicate>> {
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
            context.check()?;
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
                context.engine.bulk_load(txn, view, tree(self.tree), &rows).await.lift()?
            } else {
                context.engine.insert_many(txn, view, tree(self.tree), &rows).await.lift()?
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
