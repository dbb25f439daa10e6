//! Indexes: trees on (index columns, primary key).
//!
//! An entry's key is the index columns and then the columns of the table's key (or the hidden row id), all ascending
//! with nulls last; DESC and NULLS FIRST are remembered and shown, and served by scanning backwards or sorting.
//! Operator classes other than the default are remembered and shown, too; their order is the same. In a unique index an
//! entry without nulls has the index columns alone for its key, so that the engine's lock on the key is the lock on the
//! columns. The value is the row's key in the table's tree. The primary key has no tree of its own: it is the table's.

use std::sync::Arc;

/// One column of an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexColumn {
    /// Position in [`TableDef::columns`](super::TableDef::columns).
    pub column: usize,
    /// As declared; the tree is ascending all the same.
    pub descending: bool,
    pub nulls_first: bool,
    /// Oid of the operator class that was named instead of the default; its order is the same.
    pub operator_class: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct IndexDef {
    pub oid: u32,
    pub name: Arc<str>,
    /// Oid of the schema, the table's.
    pub schema: u32,
    /// Oid of the table.
    pub table: u32,
    /// The engine's tree; the table's own for a primary key.
    pub tree: u64,
    /// LSN of the commit that filled the tree; a snapshot below does not use the index (0: no limit).
    pub valid_from: u64,
    pub unique: bool,
    pub primary: bool,
    pub columns: Vec<IndexColumn>,
    /// The constraint that made the index, if one did.
    pub constraint: Option<u32>,
}

impl IndexDef {
    /// Positions of the indexed columns in the table.
    pub fn column_positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns.iter().map(|column| column.column)
    }

    pub fn covers(&self, column: usize) -> bool {
        self.columns.iter().any(|indexed| indexed.column == column)
    }
}
