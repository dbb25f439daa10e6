//! Redo: what changes a page ([`Change`]), the record that carries it ([`Record`]), and the one function that applies it
//! ([`apply`]).
//!
//! The changes are physiological: physical as to the page, logical within it. They speak of slots and bytes, so that a
//! storage node can apply them and knows no tree, row or transaction. A change never refers to another page.

mod apply;
mod change;
mod record;

pub use apply::{apply, apply_change};
pub use change::{Change, Patch};
pub use record::{RECORD_NOMINAL_HEADER_BYTES, Record, RecordExtent, RecordHeader, RecordView};
