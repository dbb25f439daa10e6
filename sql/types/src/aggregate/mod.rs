//! Aggregate functions: rows of `pg_proc` with an accumulator behind them.

use crate::datum::Datum;
use crate::error::Result;
use crate::function::Registry;
use crate::sqltype::SqlType;

/// An aggregate.
#[derive(Debug)]
pub struct Aggregate {
    pub oid: u32,
    pub name: &'static str,
    /// Declared argument types, without those of ORDER BY. Empty for `count(*)`.
    pub args: &'static [u32],
    pub result: u32,
    /// A fresh state that has not been told the argument types: prefer [`Aggregate::start`].
    pub new: fn() -> Box<dyn Accumulator>,
}

impl Aggregate {
    /// A fresh state for arguments of these actual types.
    pub fn start(&self, arg_types: &[SqlType]) -> Box<dyn Accumulator> {
        let mut state = (self.new)();
        state.bind(arg_types);
        state
    }
}

/// The running state of one aggregate over one group.
pub trait Accumulator: Send {
    /// Tells the actual types of the arguments, before the first row.
    fn bind(&mut self, _arg_types: &[SqlType]) {}

    /// Takes one row. Strict aggregates skip nulls themselves.
    fn add(&mut self, args: &[Datum]) -> Result<()>;

    /// The result so far; the state can take more rows afterwards.
    fn finish(&mut self) -> Result<Datum>;

    /// Bytes held, for memory accounting.
    fn size(&self) -> usize;
}

/// Every aggregate.
pub fn all_aggregates() -> &'static [Aggregate] {
    &[]
}

/// Every aggregate with this name.
pub fn aggregates_named(name: &str) -> &'static [&'static Aggregate] {
    Registry::builtin().aggregates_named(name)
}
