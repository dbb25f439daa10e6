//! What a statement may hold in memory: sorted rows, hash tables, materialised subqueries.
//!
//! There is no spilling: a statement that would exceed [`STATEMENT_BYTES_MAX`] ends with 53200. The count is an estimate,
//! a fixed overhead for each row and value plus the bytes behind them.

use std::sync::atomic::{AtomicUsize, Ordering};

use types::{Datum, Error, Result, SqlState};

/// Bytes that the operators of one statement may hold together.
pub const STATEMENT_BYTES_MAX: usize = 512 << 20;

/// The bytes held by one statement.
#[derive(Debug, Default)]
pub struct Memory {
    used: AtomicUsize,
}

impl Memory {
    /// Adds to what is held. What an operator holds is given back by [`Memory::release`].
    ///
    /// # Errors
    /// 53200 beyond the limit.
    pub fn charge(&self, bytes: usize) -> Result<()> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if used <= STATEMENT_BYTES_MAX {
            return Ok(());
        }
        Err(Error::new(SqlState::OUT_OF_MEMORY, "out of memory")
            .detail(format!("The statement needs more than {} MB for sorting and hashing.", STATEMENT_BYTES_MAX >> 20))
            .hint("Reduce what has to be sorted, grouped or joined at once."))
    }

    pub fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The estimated size of one value.
pub(crate) fn datum_bytes(value: &Datum) -> usize {
    size_of::<Datum>()
        + match value {
            Datum::Text(text) => text.len() + 16,
            Datum::Bytea(bytes) => bytes.len() + 32,
            Datum::Numeric(_) => 32,
            Datum::Array(array) => 64 + array.elements.iter().map(datum_bytes).sum::<usize>(),
            Datum::Record(fields) => 16 + fields.iter().map(datum_bytes).sum::<usize>(),
            _ => 0,
        }
}

/// The estimated size of one row.
pub(crate) fn row_bytes(row: &[Datum]) -> usize {
    32 + row.iter().map(datum_bytes).sum::<usize>()
}
