//! [`Relation`]: whatever a name in FROM, or in `regclass`, can denote.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use types::{Datum, Result, SqlType};

use super::acl::Acl;
use super::index::IndexDef;
use super::sequence::SequenceDef;
use super::snapshot::CatalogSnapshot;
use super::table::TableDef;
use super::view::ViewDef;
use crate::functions::SessionContext;

#[derive(Clone, Copy, Debug)]
pub struct VirtualColumn {
    pub name: &'static str,
    pub ty: SqlType,
}

/// What a query reads of a sequence, in one row.
pub(crate) static SEQUENCE_COLUMNS: [VirtualColumn; 3] = [
    VirtualColumn { name: "last_value", ty: SqlType::INT8 },
    VirtualColumn { name: "log_cnt", ty: SqlType::INT8 },
    VirtualColumn { name: "is_called", ty: SqlType::BOOL },
];

/// What the rows of a virtual relation are made from.
pub struct VirtualSource<'a> {
    pub catalog: &'a Arc<CatalogSnapshot>,
    pub settings: &'a types::Settings,
    /// The session, for what lives outside of the catalog: settings, other sessions, the registry of functions.
    pub session: &'a SessionContext,
    /// For `pg_sequences`, which alone shows them: the last values of the sequences that were drawn from.
    pub last_values: HashMap<u32, i64>,
}

/// A relation of `pg_catalog` or `information_schema`: its rows are made when it is scanned.
pub struct VirtualRelation {
    /// PostgreSQL's oid where it has a fixed one.
    pub oid: u32,
    /// `pg_catalog`, `information_schema` or `redoubt`.
    pub schema: &'static str,
    pub name: &'static str,
    /// `r` or `v`: what pg_class says of it.
    pub kind: u8,
    pub columns: &'static [VirtualColumn],
    /// Makes all rows, each with one datum for every column.
    pub rows: fn(&VirtualSource<'_>) -> Result<Vec<Vec<Datum>>>,
}

impl fmt::Debug for VirtualRelation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

#[derive(Clone, Debug)]
pub enum Relation {
    Table(Arc<TableDef>),
    View(Arc<ViewDef>),
    Index(Arc<IndexDef>),
    Sequence(Arc<SequenceDef>),
    Virtual(&'static VirtualRelation),
}

impl Relation {
    /// Its owner and its grants. An index has its table's, a relation of the system none.
    pub fn ownership(&self) -> Option<(u32, &Acl)> {
        match self {
            Relation::Table(it) => Some((it.owner, &it.acl)),
            Relation::View(it) => Some((it.owner, &it.acl)),
            Relation::Sequence(it) => Some((it.owner, &it.acl)),
            Relation::Index(_) | Relation::Virtual(_) => None,
        }
    }

    pub fn oid(&self) -> u32 {
        match self {
            Relation::Table(table) => table.oid,
            Relation::View(view) => view.oid,
            Relation::Index(index) => index.oid,
            Relation::Sequence(sequence) => sequence.oid,
            Relation::Virtual(relation) => relation.oid,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Relation::Table(table) => &table.name,
            Relation::View(view) => &view.name,
            Relation::Index(index) => &index.name,
            Relation::Sequence(sequence) => &sequence.name,
            Relation::Virtual(relation) => relation.name,
        }
    }

    /// `table`, `view`, `index`, `sequence`: the word in error messages.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Relation::Table(_) => "table",
            Relation::View(_) => "view",
            Relation::Index(_) => "index",
            Relation::Sequence(_) => "sequence",
            Relation::Virtual(relation) if relation.kind == b'v' => "view",
            Relation::Virtual(_) => "table",
        }
    }
}
