//! Sequences: their parameters. The state is kept apart, since it changes outside of transactions.

use std::sync::Arc;

use types::SqlType;

use super::acl::Acl;

/// The column that a sequence goes away with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SequenceOwner {
    pub table: u32,
    /// Position in the table's columns.
    pub column: usize,
    /// An identity column's sequence, which cannot be dropped by itself.
    pub identity: bool,
}

#[derive(Clone, Debug)]
pub struct SequenceDef {
    pub oid: u32,
    pub name: Arc<str>,
    pub schema: u32,
    pub schema_name: Arc<str>,
    pub owner: u32,
    pub acl: Acl,
    /// int2, int4 or int8.
    pub data_type: SqlType,
    pub start: i64,
    pub increment: i64,
    pub min: i64,
    pub max: i64,
    pub cache: i64,
    pub cycle: bool,
    pub owned_by: Option<SequenceOwner>,
    /// Which state belongs to these parameters: each change of them begins another, which a rollback leaves behind.
    pub generation: u32,
}
