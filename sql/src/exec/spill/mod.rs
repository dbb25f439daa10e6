//! Spilling: what an operator does with more rows than `work_mem` holds.
//!
//! There is one algorithm, the external merge sort of [`Sorter`], and one file form, records of a key and a row
//! ([`file`]). Rows that belong together are brought together by sorting them on the bytes of what they have in common:
//!
//! | operator | sorted on | while it fits in memory |
//! |---|---|---|
//! | ORDER BY | the sort keys | the same |
//! | GROUP BY | the group's key; groups that were in memory when it filled up stay there | a hash table |
//! | DISTINCT, UNION | the row, then what remains on its place in the input | a hash set |
//! | a join with keys | both sides on their keys, then merged | a hash table of the right side |
//! | INTERSECT, EXCEPT | both sides on the row | a hash table of the right side |
//!
//! Hashing into partitions instead would write and read each row once as well, but needs a way out for a key with more
//! rows than memory, which a sort does not: equal rows only pass by. Rows that are read again and again (the right side
//! of a join without keys, WITH queries) are kept by a [`Spool`].
//!
//! **Files** have no name: they are unlinked as they are made, so that a cancelled statement, a lost session and a killed
//! process alike leave nothing. They are counted against the session's `temp_file_limit` (53400), leave a part of the
//! disk to others (53100), make no redo, and are read and written on the runtime's threads for blocking work.

mod file;
mod gathered;
mod sorter;
mod spool;

pub use file::{SpillCounts, TemporaryDirectory, TemporaryFile};
pub(crate) use gathered::Gathered;
pub(crate) use sorter::{Entry, Sorted, Sorter, order_bytes};
pub(crate) use spool::{Spool, SpoolPlace, SpoolReader, Spooled};
