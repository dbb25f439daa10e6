//! [`Spool`]: rows kept to be read in their order, as often as wanted, when they are complete or while they are not. What
//! does not fit in memory follows in a file.

use std::borrow::Cow;
use std::sync::Arc;

use types::Result;

use super::file::{RecordReader, RecordWriter, Records};
use crate::exec::context::ExecContext;
use crate::exec::frames::Row;
use crate::exec::memory::{Claim, row_bytes};
use crate::exec::source::{BATCH_ROWS_MAX, Batch, BoxSource};

/// Rows being gathered.
pub(crate) struct Spool {
    context: Arc<ExecContext>,
    rows: Vec<Row>,
    claim: Claim,
    rest: Option<RecordWriter>,
    count: usize,
}

impl Spool {
    pub fn new(context: &Arc<ExecContext>) -> Spool {
        let claim = Claim::new(context.memory());
        Spool { context: context.clone(), rows: Vec::new(), claim, rest: None, count: 0 }
    }

    /// # Errors
    /// 53200; those of writing a temporary file.
    pub async fn push(&mut self, row: Row) -> Result<()> {
        self.count += 1;
        if self.rest.is_none() && self.claim.is_over() {
            self.rest = Some(RecordWriter::create(&self.context.session).await?);
        }
        match &mut self.rest {
            Some(rest) => rest.put(&[], &row).await,
            None => {
                self.claim.add(row_bytes(&row))?;
                self.rows.push(row);
                Ok(())
            }
        }
    }

    /// Adds everything that a source yields.
    ///
    /// # Errors
    /// As [`Spool::push`], and the source's.
    pub async fn fill(&mut self, source: &mut BoxSource) -> Result<()> {
        loop {
            let batch = source.next(BATCH_ROWS_MAX).await?;
            if batch.is_empty() {
                return Ok(());
            }
            self.context.check()?;
            for row in batch {
                self.push(row).await?;
            }
        }
    }

    /// Where the next row will be.
    pub fn end(&self) -> SpoolPlace {
        let offset = self.rest.as_ref().map_or(0, RecordWriter::position);
        SpoolPlace { row: self.rows.len(), offset, reader: None }
    }

    /// At most `max` of the rows behind a place, which moves on; none if it is at the end.
    ///
    /// # Errors
    /// Those of temporary files.
    pub async fn read(&mut self, place: &mut SpoolPlace, max: usize) -> Result<Vec<Row>> {
        if place.row < self.rows.len() {
            let end = self.rows.len().min(place.row.saturating_add(max));
            let rows = self.rows[place.row..end].to_vec();
            place.row = end;
            return Ok(rows);
        }
        let mut rows = Batch::new(max);
        let offset = place.offset;
        let Some(rest) = self.rest.as_mut().filter(|rest| offset < rest.position()) else { return Ok(Vec::new()) };
        if offset == rest.written() {
            rest.flush().await?;
        }
        let end = rest.written();
        let reader = place.reader.get_or_insert_with(|| rest.records().read(offset..end));
        reader.extend(end);
        while !rows.is_full()
            && let Some((_, row)) = reader.next().await?
        {
            rows.push(row);
        }
        place.offset = reader.position();
        Ok(rows.into_rows())
    }

    /// # Errors
    /// Those of writing a temporary file.
    pub async fn finish(self) -> Result<Arc<Spooled>> {
        let rest = match self.rest {
            Some(rest) => Some(rest.finish().await?),
            None => None,
        };
        Ok(Arc::new(Spooled { rows: self.rows, rest, count: self.count, _claim: Some(self.claim) }))
    }
}

/// A place among the rows of a [`Spool`]: the beginning, or where reading ended.
#[derive(Default)]
pub(crate) struct SpoolPlace {
    /// Among those in memory.
    row: usize,
    /// In the file.
    offset: u64,
    reader: Option<RecordReader>,
}

/// Rows that are complete.
#[derive(Default)]
pub(crate) struct Spooled {
    rows: Vec<Row>,
    rest: Option<Records>,
    count: usize,
    _claim: Option<Claim>,
}

impl Spooled {
    /// Rows that are already there.
    pub fn of(rows: Vec<Row>) -> Spooled {
        Spooled { count: rows.len(), rows, rest: None, _claim: None }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Reads from the beginning.
    pub fn read(self: &Arc<Spooled>) -> SpoolReader {
        SpoolReader { spooled: self.clone(), at: 0, rest: None }
    }
}

/// A place among the rows of a spool.
pub(crate) struct SpoolReader {
    spooled: Arc<Spooled>,
    at: usize,
    rest: Option<RecordReader>,
}

impl SpoolReader {
    /// At most `max` rows; none at the end. Those in memory are lent.
    ///
    /// # Errors
    /// Those of reading a temporary file.
    pub async fn next(&mut self, max: usize) -> Result<Cow<'_, [Row]>> {
        let (start, memory) = (self.at, &self.spooled.rows);
        if start < memory.len() {
            self.at = memory.len().min(start.saturating_add(max));
            return Ok(Cow::Borrowed(&memory[start..self.at]));
        }
        let mut rows = Batch::new(max);
        if let Some(file) = &self.spooled.rest {
            let reader = self.rest.get_or_insert_with(|| file.read_all());
            while !rows.is_full()
                && let Some((_, row)) = reader.next().await?
            {
                rows.push(row);
            }
        }
        Ok(Cow::Owned(rows.into_rows()))
    }
}
