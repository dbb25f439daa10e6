//! Constraints: CHECK, PRIMARY KEY, UNIQUE, FOREIGN KEY. NOT NULL is a property of the column.

use std::sync::Arc;

/// What happens to children when the parent row goes or changes its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReferentialAction {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

/// When a foreign key is judged. What it does to children ([`ReferentialAction`], but for NO ACTION) is never deferred.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timing {
    /// NOT DEFERRABLE: at the end of the statement.
    Immediate,
    /// DEFERRABLE INITIALLY IMMEDIATE: likewise, unless the transaction says otherwise.
    Deferrable,
    /// DEFERRABLE INITIALLY DEFERRED: at the end of the transaction, unless that says otherwise.
    Deferred,
}

impl Timing {
    /// Whether SET CONSTRAINTS may defer it.
    pub fn is_deferrable(self) -> bool {
        self != Timing::Immediate
    }

    /// Whether it is deferred where nothing else is said.
    pub fn is_deferred(self) -> bool {
        self == Timing::Deferred
    }
}

#[derive(Clone, Debug)]
pub struct ForeignKey {
    /// Positions in the referencing table.
    pub columns: Vec<usize>,
    /// Oid of the referenced table.
    pub parent: u32,
    /// Positions in the referenced table, one for each of `columns`.
    pub parent_columns: Vec<usize>,
    /// The unique index of the referenced table.
    pub parent_index: u32,
    pub on_delete: ReferentialAction,
    pub on_update: ReferentialAction,
    /// MATCH FULL; else MATCH SIMPLE.
    pub match_full: bool,
    pub timing: Timing,
}

#[derive(Clone, Debug)]
pub enum ConstraintKind {
    /// The expression as SQL text, and the positions of the columns it names.
    Check {
        expression: Arc<str>,
        columns: Vec<usize>,
    },
    PrimaryKey {
        index: u32,
    },
    Unique {
        index: u32,
    },
    Foreign(ForeignKey),
}

#[derive(Clone, Debug)]
pub struct ConstraintDef {
    pub oid: u32,
    pub name: Arc<str>,
    pub schema: u32,
    /// Oid of the constrained table.
    pub table: u32,
    pub kind: ConstraintKind,
    /// False for NOT VALID: existing rows were not checked.
    pub validated: bool,
}
