//! The library of SQL functions, and [`Registry`], in which names are looked up.
//!
//! A [`Function`] is a row of `pg_proc` with a Rust function behind it; its oid is PostgreSQL's. The files of this module
//! each hold one subject: its implementations and the table of its rows. Another crate adds rows of its own (session and
//! catalog functions) by building a [`Registry`] from several tables.
//!
//! **Calling.** Functions marked strict are never called with a null argument: [`Function::call`] answers null. A variadic
//! function receives its trailing arguments as one array when the declared last type is an array (the binder builds it),
//! and one by one when it is `"any"`. A set-returning function puts an iterator into the call instead of returning a
//! value: see [`Function::call_set`].
//!
//! Arguments arrive with the representation of the declared type, casts already done.

mod args;
mod arithmetic;
mod array;
mod bits;
mod bytea;
mod compare;
mod convert;
mod datetime;
mod degrees;
mod encoding;
mod format;
mod from_char;
mod hash;
mod input_output;
pub(crate) mod json;
mod json_record;
pub(crate) mod jsonb;
mod lexical;
mod math;
mod pattern;
mod random;
mod record;
mod regexp;
mod sets;
mod similar;
mod size;
mod text;
mod to_char;
mod uuid;
mod variadic;

use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use args::{RESULT_BYTES_MAX, out_of_range, too_long};
pub use array::SET_ARRAY_PARTS;
pub(crate) use compare::compare_padded;
pub use datetime::add_interval;
pub(crate) use datetime::{interpolated_interval, negated as negated_interval, scaled_interval};
pub use json::JSON_OF_ROW;
pub use jsonb::SET_JSONB_PARTS;
pub use random::Random;
pub use record::{EXPAND_ARRAY, RECORD_FIELD};
pub use text::{SERVER_VERSION, quoted_identifier, quoted_literal};
pub use variadic::CALL_VARIADIC;

use crate::aggregate::Aggregate;
use crate::cast::Cast;
use crate::datum::Datum;
use crate::error::{Error, Result};
use crate::operator::Operator;
use crate::settings::Settings;
use crate::sqltype::SqlType;

/// When a function may be evaluated ahead of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Volatility {
    /// Always the same result for the same arguments.
    Immutable,
    /// The same result within a statement.
    Stable,
    Volatile,
}

/// The rows of a set-returning function, one datum each (a [`Datum::Record`] when there are several columns).
pub type SetFunction = Box<dyn Iterator<Item = Result<Datum>> + Send>;

/// One evaluation: what a function is given.
pub struct Call<'a> {
    pub args: &'a [Datum],
    /// The arguments' actual types, for polymorphic functions.
    pub arg_types: &'a [SqlType],
    /// The result's actual type.
    pub result: SqlType,
    pub settings: &'a Settings,
    /// Where a set-returning function leaves its rows.
    pub set: Option<SetFunction>,
}

impl<'a> Call<'a> {
    pub fn new(args: &'a [Datum], arg_types: &'a [SqlType], result: SqlType, settings: &'a Settings) -> Call<'a> {
        Call { args, arg_types, result, settings, set: None }
    }

    /// Leaves the rows of a set-returning function; the datum returned beside them is ignored.
    pub fn return_set(&mut self, rows: SetFunction) -> Result<Datum> {
        self.set = Some(rows);
        Ok(Datum::Null)
    }

    /// The type of argument `i`, or unknown if the caller did not say.
    pub fn arg_type(&self, i: usize) -> SqlType {
        self.arg_types.get(i).copied().unwrap_or(SqlType::UNKNOWN)
    }
}

/// What a function's code looks like.
pub type Eval = fn(&mut Call<'_>) -> Result<Datum>;

/// A row of `pg_proc` that can be called.
#[derive(Debug)]
pub struct Function {
    pub oid: u32,
    pub name: &'static str,
    /// Declared argument types. The last one of a variadic function is the array (or `"any"`).
    pub args: &'static [u32],
    pub variadic: bool,
    pub result: u32,
    /// Null in, null out, without a call.
    pub strict: bool,
    pub volatility: Volatility,
    pub returns_set: bool,
    pub eval: Eval,
}

impl Function {
    /// Evaluates a function that returns one value; nulls are handled as the function's strictness says.
    #[inline]
    pub fn call(&self, call: &mut Call<'_>) -> Result<Datum> {
        if self.strict && call.args.iter().any(Datum::is_null) {
            return Ok(Datum::Null);
        }
        (self.eval)(call)
    }

    /// Evaluates a set-returning function: its rows, none if it is strict and an argument is null.
    pub fn call_set(&self, call: &mut Call<'_>) -> Result<SetFunction> {
        if self.strict && call.args.iter().any(Datum::is_null) {
            return Ok(Box::new(std::iter::empty()));
        }
        (self.eval)(call)?;
        call.set.take().ok_or_else(|| Error::internal(format!("function {} did not return a set", self.name)))
    }

    /// A strict, immutable function of one value: the common case.
    pub const fn strict(oid: u32, name: &'static str, args: &'static [u32], result: u32, eval: Eval) -> Function {
        Function {
            oid,
            name,
            args,
            variadic: false,
            result,
            strict: true,
            volatility: Volatility::Immutable,
            returns_set: false,
            eval,
        }
    }

    /// This function, called with nulls too.
    pub const fn called_on_null(mut self) -> Function {
        self.strict = false;
        self
    }

    pub const fn stable(mut self) -> Function {
        self.volatility = Volatility::Stable;
        self
    }

    pub const fn volatile(mut self) -> Function {
        self.volatility = Volatility::Volatile;
        self
    }

    pub const fn variadic(mut self) -> Function {
        self.variadic = true;
        self
    }

    pub const fn set(mut self) -> Function {
        self.returns_set = true;
        self
    }
}

/// The tables of this crate, in the form [`Registry::new`] takes.
pub fn builtin() -> [&'static [Function]; 26] {
    [
        arithmetic::FUNCTIONS,
        array::FUNCTIONS,
        bits::FUNCTIONS,
        bytea::FUNCTIONS,
        compare::FUNCTIONS,
        convert::FUNCTIONS,
        datetime::FUNCTIONS,
        degrees::FUNCTIONS,
        encoding::FUNCTIONS,
        format::FUNCTIONS,
        hash::FUNCTIONS,
        input_output::FUNCTIONS,
        json::FUNCTIONS,
        json_record::FUNCTIONS,
        jsonb::FUNCTIONS,
        lexical::FUNCTIONS,
        math::FUNCTIONS,
        pattern::FUNCTIONS,
        record::FUNCTIONS,
        sets::FUNCTIONS,
        similar::FUNCTIONS,
        size::FUNCTIONS,
        text::FUNCTIONS,
        to_char::FUNCTIONS,
        uuid::FUNCTIONS,
        variadic::FUNCTIONS,
    ]
}

/// Functions, operators, casts and aggregates by name and by oid. Built once at start-up; lookups take no lock.
pub struct Registry {
    functions: HashMap<&'static str, Vec<&'static Function>>,
    functions_by_oid: HashMap<u32, &'static Function>,
    operators: HashMap<&'static str, Vec<&'static Operator>>,
    operators_by_oid: HashMap<u32, &'static Operator>,
    casts: HashMap<(u32, u32), &'static Cast>,
    aggregates: HashMap<&'static str, Vec<&'static Aggregate>>,
}

static BUILTIN: LazyLock<Registry> = LazyLock::new(|| Registry::new(&[]));

impl Registry {
    /// The functions of this crate and those of the `extra` tables.
    ///
    /// # Panics
    /// When two functions have one oid: a mistake in a table.
    pub fn new(extra: &[&'static [Function]]) -> Registry {
        let mut functions: HashMap<&'static str, Vec<&'static Function>> = HashMap::new();
        let mut functions_by_oid = HashMap::new();
        for function in builtin().iter().chain(extra).flat_map(|table| table.iter()) {
            functions.entry(function.name).or_default().push(function);
            let twin = functions_by_oid.insert(function.oid, function);
            assert!(twin.is_none(), "two functions with oid {}: {}", function.oid, function.name);
        }
        let mut operators: HashMap<&'static str, Vec<&'static Operator>> = HashMap::new();
        let mut operators_by_oid = HashMap::new();
        for operator in crate::operator::all_operators() {
            operators.entry(operator.name).or_default().push(operator);
            operators_by_oid.insert(operator.oid, operator);
        }
        let casts = crate::cast::all_casts().iter().map(|cast| ((cast.from, cast.to), cast)).collect();
        let mut aggregates: HashMap<&'static str, Vec<&'static Aggregate>> = HashMap::new();
        for aggregate in crate::aggregate::all_aggregates() {
            aggregates.entry(aggregate.name).or_default().push(aggregate);
        }
        Registry { functions, functions_by_oid, operators, operators_by_oid, casts, aggregates }
    }

    /// The registry with this crate's functions alone.
    pub fn builtin() -> &'static Registry {
        &BUILTIN
    }

    /// Every function with this name, in no particular order; empty if there is none.
    pub fn functions_named(&self, name: &str) -> &[&'static Function] {
        self.functions.get(name).map_or(&[], Vec::as_slice)
    }

    pub fn function(&self, oid: u32) -> Option<&'static Function> {
        self.functions_by_oid.get(&oid).copied()
    }

    pub fn all_functions(&self) -> impl Iterator<Item = &'static Function> + '_ {
        self.functions_by_oid.values().copied()
    }

    pub fn operators_named(&self, name: &str) -> &[&'static Operator] {
        self.operators.get(name).map_or(&[], Vec::as_slice)
    }

    pub fn operator(&self, oid: u32) -> Option<&'static Operator> {
        self.operators_by_oid.get(&oid).copied()
    }

    pub fn find_cast(&self, from: u32, to: u32) -> Option<&'static Cast> {
        self.casts.get(&(from, to)).copied()
    }

    pub fn aggregates_named(&self, name: &str) -> &[&'static Aggregate] {
        self.aggregates.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Every built-in function with this name.
pub fn functions_named(name: &str) -> &'static [&'static Function] {
    Registry::builtin().functions_named(name)
}
