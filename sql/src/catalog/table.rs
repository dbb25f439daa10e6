//! Tables and their columns.
//!
//! A table is a tree of rows. The key is the primary key's columns, or, where there is none, a hidden row id of eight
//! big-endian bytes. A row holds every column that the table ever had, dropped ones as NULL, in order of attribute number.
//!
//! **Schema versions.** A row names the version of the schema it was written under. ADD COLUMN raises the version and
//! rewrites nothing: a row of an older version has fewer columns, and the missing ones read as [`ColumnDef::missing`].
//! What changes the type of a column rewrites the table.

use std::sync::Arc;

use protocol::PageId;
use types::row::RowLayout;
use types::{Datum, SqlType};

use super::acl::Acl;
use super::constraint::ConstraintDef;
use super::index::IndexDef;
use super::schema::is_temporary;

/// `GENERATED ... AS IDENTITY`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identity {
    Always,
    ByDefault,
}

/// `GENERATED ALWAYS AS (...) STORED`; the expression is the column's [`ColumnDef::default`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Generated {
    Stored,
}

/// One column. Its attribute number is its position in [`TableDef::columns`] plus one.
#[derive(Clone, Debug)]
pub struct ColumnDef {
    pub name: Arc<str>,
    pub ty: SqlType,
    pub not_null: bool,
    /// The default's expression as SQL text; `nextval('...'::regclass)` for serial columns, absent for identity ones.
    pub default: Option<Arc<str>>,
    pub identity: Option<Identity>,
    pub generated: Option<Generated>,
    /// The sequence behind a serial or identity column.
    pub sequence: Option<u32>,
    /// Dropped columns keep their place; names do not find them and `*` leaves them out.
    pub dropped: bool,
    /// The schema version in which the column came; rows of older versions do not have it.
    pub added_in: u16,
    /// The value in rows older than the column.
    pub missing: Datum,
}

/// A table with everything that hangs on it.
#[derive(Clone, Debug)]
pub struct TableDef {
    pub oid: u32,
    pub name: Arc<str>,
    /// Oid of the schema.
    pub schema: u32,
    pub schema_name: Arc<str>,
    /// Oid of the owning role.
    pub owner: u32,
    pub acl: Acl,
    /// Oid of the row type.
    pub row_type: u32,
    /// The engine's tree that holds the rows.
    pub tree: u64,
    /// LSN of the commit that filled the present tree; an older snapshot must not read it (0: no limit).
    pub valid_from: u64,
    /// What rows are written under now.
    pub schema_version: u16,
    /// All columns by attribute number, dropped ones included.
    pub columns: Vec<ColumnDef>,
    /// Positions (in `columns`) of the primary key, in key order; empty when the key is the hidden row id.
    pub key: Vec<usize>,
    /// By oid; the primary key's is among them, with the table's own tree.
    pub indexes: Vec<Arc<IndexDef>>,
    /// CHECK, PRIMARY KEY, UNIQUE and FOREIGN KEY constraints of this table, by name.
    pub constraints: Vec<Arc<ConstraintDef>>,
    /// Foreign keys of other tables (or of itself) that point at this one.
    pub referenced_by: Vec<Arc<ConstraintDef>>,
    /// Parameters as written, such as `fillfactor=100`: see [`parameters`](super::parameters).
    pub options: Vec<Arc<str>>,
    pub unlogged: bool,
    /// Rows at the last ANALYZE or bulk load; negative when never counted.
    pub estimated_rows: f64,
    /// Derived from the columns: see [`TableDef::reshape`].
    pub shape: Arc<TableShape>,
}

/// What the codecs need of a table, computed once.
#[derive(Clone, Debug)]
pub struct TableShape {
    pub layout: RowLayout,
    /// Types of the key columns.
    pub key_types: Vec<SqlType>,
}

impl Default for TableShape {
    fn default() -> TableShape {
        TableShape { layout: RowLayout::new(0, &[], &[]), key_types: Vec::new() }
    }
}

impl TableDef {
    /// The position of the column with this name, dropped ones excepted.
    pub fn column_named(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| !column.dropped && &*column.name == name)
    }

    /// The columns that exist, with their positions.
    pub fn live_columns(&self) -> impl Iterator<Item = (usize, &ColumnDef)> {
        self.columns.iter().enumerate().filter(|(_, column)| !column.dropped)
    }

    /// The types of all columns, dropped ones included: what the row codec needs.
    pub fn column_types(&self) -> Vec<SqlType> {
        self.columns.iter().map(|column| column.ty).collect()
    }

    /// Computes `shape` anew after a change of the columns or the key.
    pub fn reshape(&mut self) {
        let missing: Vec<Datum> = self.columns.iter().map(|column| column.missing.clone()).collect();
        let layout = RowLayout::new(self.schema_version, &self.column_types(), &missing);
        let key_types = self.key.iter().map(|position| self.columns[*position].ty).collect();
        self.shape = Arc::new(TableShape { layout, key_types });
    }

    /// The engine's trees of the rows and of the indexes.
    pub fn trees(&self) -> impl Iterator<Item = PageId> {
        // The primary key's index is the table's own tree.
        let indexes = self.indexes.iter().map(|index| index.tree).filter(|tree| *tree != self.tree);
        std::iter::once(self.tree).chain(indexes).map(PageId)
    }

    /// Whether it goes with the session that made it.
    pub fn is_temporary(&self) -> bool {
        is_temporary(&self.schema_name)
    }

    /// Whether the tree's key is the hidden row id.
    pub fn has_row_id(&self) -> bool {
        self.key.is_empty()
    }

    pub fn primary_key(&self) -> Option<&Arc<IndexDef>> {
        self.indexes.iter().find(|index| index.primary)
    }

    pub fn index(&self, oid: u32) -> Option<&Arc<IndexDef>> {
        self.indexes.iter().find(|index| index.oid == oid)
    }
}
