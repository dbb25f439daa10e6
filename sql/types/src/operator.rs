//! Operators: rows of `pg_operator`, each a name for a function of one or two arguments.

use std::sync::LazyLock;

use crate::function::{Function, Registry};

/// A row of `pg_operator`. Prefix operators have no left type; there are no postfix ones.
#[derive(Debug)]
pub struct Operator {
    pub oid: u32,
    pub name: &'static str,
    pub left: Option<u32>,
    pub right: u32,
    pub result: u32,
    pub function: &'static Function,
    /// The operator with the arguments swapped, or empty.
    pub commutator: &'static str,
    /// The operator with the opposite answer, or empty.
    pub negator: &'static str,
}

struct Row {
    oid: u32,
    name: &'static str,
    left: u32,
    right: u32,
    result: u32,
    function: u32,
    commutator: &'static str,
    negator: &'static str,
}

static OPERATORS: LazyLock<Vec<Operator>> = LazyLock::new(|| {
    let functions: std::collections::HashMap<u32, &'static Function> = crate::function::builtin()
        .iter()
        .flat_map(|table| table.iter())
        .map(|function| (function.oid, function))
        .collect();
    let operator = |row: &Row| {
        let function = functions.get(&row.function).copied()?;
        let Row { oid, name, right, result, commutator, negator, .. } = *row;
        let left = (row.left != 0).then_some(row.left);
        Some(Operator { oid, name, left, right, result, function, commutator, negator })
    };
    ROWS.iter().filter_map(operator).collect()
});

/// Every operator.
pub fn all_operators() -> &'static [Operator] {
    &OPERATORS
}

/// Every operator with this name.
pub fn operators_named(name: &str) -> &'static [&'static Operator] {
    Registry::builtin().operators_named(name)
}

static ROWS: &[Row] = &[];
