//! [`Sorter`]: an external merge sort on the bytes of a key. Stable.
//!
//! Rows gather in memory. When they are more than the operator may hold they are sorted and written as a run, behind the
//! runs before in the one file of the sorter. At the end up to [`FAN_IN`] runs are merged as they are read; more of them
//! are first merged into fewer, by so many at a time, into another file. With `work_mem` W that makes W * `FAN_IN` of data
//! in one pass, 128 MB at the default, and W * `FAN_IN`^2 in two. Runs with long rows are merged fewer at a time
//! ([`fan_in`]).

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use types::{Datum, Result, SqlType, keycode};

use super::file::{READ_BYTES, RecordReader, RecordWriter, Records};
use crate::exec::context::ExecContext;
use crate::exec::frames::Row;
use crate::exec::memory::{Claim, row_bytes};
use crate::exec::source::Batch;

/// How many runs are merged at a time.
pub(super) const FAN_IN: usize = 32;

/// What the next rows of the runs that are merged may take together; it is exceeded when those of two do.
const HEADS_BYTES_MAX: usize = 64 << 20;

/// How many of these runs, from the first one, are merged together.
fn fan_in(runs: &[Run]) -> usize {
    let mut bytes = 0;
    let mut count = 0;
    for run in runs.iter().take(FAN_IN) {
        bytes += run.longest;
        if count >= 2 && bytes > HEADS_BYTES_MAX {
            break;
        }
        count += 1;
    }
    count
}

/// Below this many rows a bounded sort does not bother to cut.
const CUT_ROWS_MIN: usize = 1024;

/// Rows written or merged between two looks at whether the statement was cancelled.
const CHECK_ROWS: usize = 1024;

/// Appends bytes that order as the value does in a sort: nulls are `0x00` or `0xff`, values begin in between.
pub(crate) fn order_bytes(value: &Datum, ty: SqlType, descending: bool, nulls_first: bool, key: &mut Vec<u8>) {
    if value.is_null() {
        key.push(if nulls_first { 0x00 } else { 0xff });
        return;
    }
    let start = key.len();
    keycode::encode_key_typed(std::slice::from_ref(value), std::slice::from_ref(&ty), key);
    if descending {
        // No key is the beginning of another, so the first differing byte decides either way.
        key[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// A row and what it is sorted on.
pub(crate) struct Entry {
    pub key: Box<[u8]>,
    pub row: Row,
}

impl Entry {
    fn bytes(&self) -> usize {
        size_of::<Entry>() + self.key.len() + row_bytes(&self.row)
    }
}

/// Gathers rows to be sorted.
pub(crate) struct Sorter {
    context: Arc<ExecContext>,
    /// How many rows are wanted at most.
    bound: Option<usize>,
    entries: Vec<Entry>,
    claim: Claim,
    runs: Option<Runs>,
}

struct Runs {
    writer: RecordWriter,
    runs: Vec<Run>,
}

/// Rows in order, in a file.
struct Run {
    range: Range<u64>,
    /// What the longest of its rows takes in memory.
    longest: usize,
}

impl Sorter {
    /// A sorter for all rows, or for the first `bound` of them.
    pub fn new(context: &Arc<ExecContext>, bound: Option<usize>) -> Sorter {
        let claim = Claim::new(context.memory());
        Sorter { context: context.clone(), bound, entries: Vec::new(), claim, runs: None }
    }

    /// # Errors
    /// 53200; those of writing a temporary file.
    pub async fn push(&mut self, key: Vec<u8>, row: Row) -> Result<()> {
        let entry = Entry { key: key.into_boxed_slice(), row };
        self.claim.add(entry.bytes())?;
        self.entries.push(entry);
        if let Some(bound) = self.bound
            && self.entries.len() > bound.saturating_mul(2).max(CUT_ROWS_MIN)
        {
            self.sort();
        }
        if self.claim.is_over() {
            self.spill().await?;
        }
        Ok(())
    }

    fn sort(&mut self) {
        self.entries.sort_by(|a, b| a.key.cmp(&b.key));
        if let Some(bound) = self.bound
            && self.entries.len() > bound
        {
            self.entries.truncate(bound);
            self.claim.keep(self.entries.iter().map(Entry::bytes).sum());
        }
    }

    /// Writes what is in memory as a run.
    async fn spill(&mut self) -> Result<()> {
        self.sort();
        let runs = match &mut self.runs {
            Some(runs) => runs,
            empty => {
                let writer = RecordWriter::create(&self.context.session).await?;
                empty.insert(Runs { writer, runs: Vec::new() })
            }
        };
        let start = runs.writer.position();
        let mut longest = 0;
        for (at, entry) in self.entries.drain(..).enumerate() {
            if at % CHECK_ROWS == 0 {
                self.context.check()?;
            }
            longest = longest.max(entry.bytes());
            runs.writer.put(&entry.key, &entry.row).await?;
        }
        runs.runs.push(Run { range: start..runs.writer.position(), longest });
        self.claim.keep(0);
        Ok(())
    }

    /// The rows in order.
    ///
    /// # Errors
    /// 53200, 57014; those of temporary files.
    pub async fn finish(mut self) -> Result<Sorted> {
        if self.runs.is_none() {
            self.sort();
            let Sorter { entries, claim, .. } = self;
            return Ok(Sorted::Memory { entries: entries.into_iter(), _claim: claim });
        }
        if !self.entries.is_empty() {
            self.spill().await?;
        }
        let Sorter { context, bound, mut claim, runs, .. } = self;
        let Some(Runs { writer, mut runs }) = runs else { return Ok(Sorted::empty(claim)) };
        claim.add(runs.len().min(FAN_IN) * READ_BYTES)?;
        let mut file = writer.finish().await?;
        while fan_in(&runs) < runs.len() {
            let mut writer = RecordWriter::create(&context.session).await?;
            let mut merged = Vec::with_capacity(runs.len().div_ceil(FAN_IN));
            let mut rest = runs.as_slice();
            while !rest.is_empty() {
                let (part, others) = rest.split_at(fan_in(rest));
                let start = writer.position();
                let mut merge = Merge::new(&context, &file, part, bound).await?;
                while let Some(entry) = merge.next().await? {
                    writer.put(&entry.key, &entry.row).await?;
                }
                let longest = part.iter().map(|run| run.longest).max().unwrap_or(0);
                merged.push(Run { range: start..writer.position(), longest });
                rest = others;
            }
            file = writer.finish().await?;
            runs = merged;
        }
        let merge = Merge::new(&context, &file, &runs, bound).await?;
        Ok(Sorted::Merge { merge: Box::new(merge), _claim: claim })
    }
}

/// Rows in order.
pub(crate) enum Sorted {
    Memory { entries: std::vec::IntoIter<Entry>, _claim: Claim },
    Merge { merge: Box<Merge>, _claim: Claim },
}

impl Sorted {
    fn empty(claim: Claim) -> Sorted {
        Sorted::Memory { entries: Vec::new().into_iter(), _claim: claim }
    }

    /// # Errors
    /// 57014; those of temporary files.
    pub async fn next(&mut self) -> Result<Option<Entry>> {
        match self {
            Sorted::Memory { entries, .. } => Ok(entries.next()),
            Sorted::Merge { merge, .. } => merge.next().await,
        }
    }

    /// Up to `max` rows without their keys; none at the end.
    ///
    /// # Errors
    /// As [`Sorted::next`].
    pub async fn take(&mut self, max: usize) -> Result<Vec<Row>> {
        match self {
            Sorted::Memory { entries, .. } => Ok(entries.by_ref().take(max).map(|entry| entry.row).collect()),
            Sorted::Merge { merge, .. } => {
                let mut rows = Batch::new(max);
                while !rows.is_full()
                    && let Some(entry) = merge.next().await?
                {
                    rows.push(entry.row);
                }
                Ok(rows.into_rows())
            }
        }
    }
}

/// Runs being merged.
pub(crate) struct Merge {
    context: Arc<ExecContext>,
    runs: Vec<RecordReader>,
    heads: BinaryHeap<Head>,
    left: usize,
    taken: usize,
}

/// The next entry of a run.
struct Head {
    entry: Entry,
    run: usize,
}

impl Ord for Head {
    /// The heap yields its greatest: the smallest key, of equal ones that of the earliest run.
    fn cmp(&self, other: &Head) -> Ordering {
        other.entry.key.cmp(&self.entry.key).then(other.run.cmp(&self.run))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl Merge {
    async fn new(context: &Arc<ExecContext>, file: &Records, runs: &[Run], bound: Option<usize>) -> Result<Merge> {
        let runs = runs.iter().map(|run| file.read(run.range.clone())).collect();
        let left = bound.unwrap_or(usize::MAX);
        let mut merge = Merge { context: context.clone(), runs, heads: BinaryHeap::new(), left, taken: 0 };
        for run in 0..merge.runs.len() {
            merge.advance(run).await?;
        }
        Ok(merge)
    }

    async fn advance(&mut self, run: usize) -> Result<()> {
        if let Some((key, row)) = self.runs[run].next().await? {
            self.heads.push(Head { entry: Entry { key, row }, run });
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Entry>> {
        if self.left == 0 {
            return Ok(None);
        }
        let Some(Head { entry, run }) = self.heads.pop() else { return Ok(None) };
        self.left -= 1;
        self.taken += 1;
        if self.taken.is_multiple_of(CHECK_ROWS) {
            self.context.check()?;
        }
        self.advance(run).await?;
        Ok(Some(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_runs_of_long_rows_are_merged_at_a_time() {
        let count = |longest: &[usize]| {
            let run = |longest: &usize| Run { range: 0..0, longest: *longest };
            fan_in(&longest.iter().map(run).collect::<Vec<Run>>())
        };
        assert_eq!([0, 100, 1 << 20].map(|longest| count(&[longest; 40])), [FAN_IN; 3]);
        assert_eq!(count(&[HEADS_BYTES_MAX / 5; 40]), 5);
        assert_eq!([HEADS_BYTES_MAX / 2, HEADS_BYTES_MAX, 1 << 40].map(|longest| count(&[longest; 40])), [2; 3]);
        assert_eq!([0, 1, 2, 3].map(|runs: usize| count(&[HEADS_BYTES_MAX; 3][..runs])), [0, 1, 2, 2]);
        // A long row among short ones.
        let mut longest = [100; 40];
        longest[20] = HEADS_BYTES_MAX / 2;
        assert_eq!(count(&longest), FAN_IN);
        longest[20] = HEADS_BYTES_MAX;
        assert_eq!(count(&longest), 20);
    }
}
