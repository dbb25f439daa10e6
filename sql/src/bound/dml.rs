//! Statements that change rows, and COPY.
//!
//! UPDATE and DELETE read a *source* plan whose row begins with every attribute of the target table in order (dropped
//! ones included, as null), so that attribute i is column i; `key` says where the row's tree key is, and `system` where the
//! other system columns of the target are that somebody reads. What FROM or USING contribute follows.
//!
//! At READ COMMITTED, when the target row turns out to have been changed by a transaction that committed meanwhile, these
//! columns are replaced by the new version's and `recheck` says whether the row still qualifies, which is not found by its
//! ctid then.

use std::sync::Arc;

use types::SqlType;

use super::expr::Expr;
use super::plan::{LockStrength, Plan, SystemColumn};
use super::statement::ResultColumn;
use crate::catalog::{IndexDef, TableDef};

#[derive(Clone, Debug)]
pub struct Insert {
    pub table: Arc<TableDef>,
    /// Rows of the columns in `targets`, already converted to their types.
    pub source: Plan,
    /// Attribute positions, one for each source column.
    pub targets: Vec<usize>,
    /// What the other attributes get: an expression without input row. Attributes in neither list become null.
    pub defaults: Vec<Assignment>,
    /// Generated columns: expressions over the new row, computed after everything else.
    pub generated: Vec<Assignment>,
    pub checks: Vec<Check>,
    /// What the views before the table ask of a row once it is written, by their names: not met when false or null.
    pub check_options: Vec<Check>,
    pub on_conflict: Option<OnConflict>,
    /// Over the new row, by attribute position; behind it are all system columns if `returns_system`.
    pub returning: Option<Vec<Expr>>,
    pub returns_system: bool,
    /// Names and types of RETURNING's columns; empty without it.
    pub columns: Vec<ResultColumn>,
}

#[derive(Clone, Debug)]
pub struct OnConflict {
    /// The unique indexes (primary key included) that decide. Empty: all of them, only with DO NOTHING.
    pub arbiters: Vec<Arc<IndexDef>>,
    pub action: ConflictAction,
}

#[derive(Clone, Debug)]
pub enum ConflictAction {
    Nothing,
    /// Expressions over the existing row followed by the row proposed for insertion (`excluded`).
    Update {
        assignments: Vec<Assignment>,
        condition: Option<Expr>,
        /// Where behind these the system columns of the existing row are, if any is read.
        system: Vec<(SystemColumn, usize)>,
    },
}

#[derive(Clone, Debug)]
pub struct Update {
    pub table: Arc<TableDef>,
    pub source: Plan,
    pub key: usize,
    pub system: Vec<(SystemColumn, usize)>,
    /// Whether the condition reads the target's ctid.
    pub by_ctid: bool,
    /// Over the source row.
    pub assignments: Vec<Assignment>,
    /// Over the new row.
    pub generated: Vec<Assignment>,
    /// Those that name an assigned column, over the new row.
    pub checks: Vec<Check>,
    /// As [`Insert::check_options`].
    pub check_options: Vec<Check>,
    /// The whole WHERE condition over the source row. `None`: every row qualifies.
    pub recheck: Option<Expr>,
    /// Over the source row with the first attributes and the system columns replaced by the new values.
    pub returning: Option<Vec<Expr>>,
    pub columns: Vec<ResultColumn>,
}

#[derive(Clone, Debug)]
pub struct Delete {
    pub table: Arc<TableDef>,
    pub source: Plan,
    pub key: usize,
    /// This and the next as [`Update`]'s.
    pub system: Vec<(SystemColumn, usize)>,
    pub by_ctid: bool,
    pub recheck: Option<Expr>,
    /// Over the source row.
    pub returning: Option<Vec<Expr>>,
    pub columns: Vec<ResultColumn>,
}

/// Attribute `column` gets `value`, already of its type and modifier.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub column: usize,
    pub value: Expr,
}

/// A CHECK constraint over a row: violated when false (null passes).
#[derive(Clone, Debug)]
pub struct Check {
    pub name: Arc<str>,
    pub expr: Expr,
}

/// `COPY`.
#[derive(Clone, Debug)]
pub struct Copy {
    pub direction: CopyDirection,
    pub end: CopyEnd,
    pub options: CopyOptions,
}

#[derive(Clone, Debug)]
pub enum CopyDirection {
    /// `COPY table FROM`.
    In {
        table: Arc<TableDef>,
        /// Attribute positions in the order of the input's fields.
        targets: Vec<usize>,
        defaults: Vec<Assignment>,
        generated: Vec<Assignment>,
        checks: Vec<Check>,
        /// `WHERE`: over the new row.
        filter: Option<Expr>,
    },
    /// `COPY table TO` and `COPY (query) TO`.
    Out {
        plan: Arc<Plan>,
        columns: Vec<ResultColumn>,
        /// As a query's.
        row_lock: Option<LockStrength>,
    },
}

/// The other end of a COPY.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CopyEnd {
    /// STDIN or STDOUT: the client.
    Client,
    File(String),
    Program(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyFormat {
    Text,
    Csv,
    Binary,
}

/// Checked: delimiter, quote and escape are single bytes that do not clash.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    pub format: CopyFormat,
    pub delimiter: u8,
    pub null: String,
    pub header: bool,
    /// `HEADER MATCH`: the names must be the columns'.
    pub header_match: bool,
    pub quote: u8,
    pub escape: u8,
    /// Positions among the copied columns. `FORCE_QUOTE *` is all of them.
    pub force_quote: Vec<usize>,
    pub force_not_null: Vec<usize>,
    pub force_null: Vec<usize>,
    pub freeze: bool,
}

impl Insert {
    /// The types of the table's row.
    pub fn row_types(&self) -> Vec<SqlType> {
        self.table.column_types()
    }
}
