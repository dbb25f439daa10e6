//! Indexes: trees on (index columns, primary key).
//!
//! An entry's key is the index columns and then the columns of the table's key (or the hidden row id), all ascending
//! with nulls last; DESC and NULLS FIRST are remembered and shown, and served by scanning backwards or sorting.
//! Operator classes other than the default are remembered and shown, too; their order is the same. In a unique index an
//! entry without nulls has the index columns alone for its key, so that the engine's lock on the key is the lock on the
//! columns. A partial index has no entry of a row that does not meet its condition. The value is the row's key in the table's
//! tree. The primary key has no tree of its own: it is the table's.

use std::sync::{Arc, OnceLock};

use types::Result;

use crate::bound::Expr;

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
    /// As [`TableDef::options`](super::TableDef::options).
    pub options: Vec<Arc<str>>,
    /// The condition of a partial index: it has entries of the rows that meet it.
    pub predicate: Option<Predicate>,
    /// The constraint that made the index, if one did.
    pub constraint: Option<u32>,
}

/// Which rows a partial index has.
#[derive(Debug)]
pub struct Predicate {
    /// The condition as SQL text.
    pub text: Arc<str>,
    /// Positions of the columns that it names.
    pub columns: Vec<usize>,
    /// The condition over the table's row, once it was asked for.
    bound: OnceLock<Expr>,
}

/// Of the text alone: a clone may stand in a definition whose columns have other types.
impl Clone for Predicate {
    fn clone(&self) -> Predicate {
        Predicate::new(self.text.clone(), self.columns.clone())
    }
}

impl Predicate {
    pub fn new(text: Arc<str>, columns: Vec<usize>) -> Predicate {
        Predicate { text, columns, bound: OnceLock::new() }
    }

    /// The condition over the table's row, if somebody has asked for it.
    pub fn known(&self) -> Option<&Expr> {
        self.bound.get()
    }

    /// The condition over the table's row.
    ///
    /// # Errors
    /// Those of `bind`, which is asked once.
    pub fn bound(&self, bind: impl FnOnce(&str) -> Result<Expr>) -> Result<&Expr> {
        if let Some(bound) = self.bound.get() {
            return Ok(bound);
        }
        let bound = bind(&self.text)?;
        Ok(self.bound.get_or_init(|| bound))
    }
}

impl IndexDef {
    /// Positions of the indexed columns in the table.
    pub fn column_positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns.iter().map(|column| column.column)
    }

    /// Positions of all columns that its entries depend on.
    pub fn named_columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.column_positions().chain(self.predicate.iter().flat_map(|predicate| predicate.columns.iter().copied()))
    }

    /// Whether its entries depend on a column.
    pub fn covers(&self, column: usize) -> bool {
        self.named_columns().any(|named| named == column)
    }

    /// Whether it is unique over all rows.
    pub fn is_key(&self) -> bool {
        self.unique && self.predicate.is_none()
    }
}
