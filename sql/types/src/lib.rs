//! SQL types, values and functions, with PostgreSQL's oids, text and binary forms, and rules. No I/O, no catalog, no
//! executor: everything here is a function of its arguments and of [`Settings`].
//!
//! The life of an expression, `price * 2 > '10'`, through this crate:
//!
//! 1. The binder knows the column's [`SqlType`] (`numeric(10,2)`) and takes `2` for an int4 and `'10'` for
//!    [`oid::UNKNOWN`].
//! 2. [`resolve`] finds the operator `*` for (numeric, int4), with the type each side must be cast to, by PostgreSQL's
//!    rules, in a [`Registry`] of [`function`]s, [`operator`]s, [`cast`]s and [`aggregate`]s.
//! 3. [`text_io::parse`] turns the literal into a [`Datum`] of the type that `>` asks for; a parameter may come through
//!    [`binary_io`] instead.
//! 4. The column is read from a stored [`row`] or from an index key ([`keycode`]).
//! 5. The executor evaluates [`Function::call`] on the datums; overflow, division by zero and the rest come back as an
//!    [`Error`] with its [`SqlState`].
//! 6. [`text_io::write_text`] or [`binary_io::write_binary`] makes the bytes that the client sees.

pub mod aggregate;
mod array_io;
pub mod binary_io;
pub mod cast;
pub mod datetime;
pub mod datum;
pub mod error;
pub mod function;
pub mod in_range;
mod json;
pub mod keycode;
pub mod numeric;
pub mod operator;
pub mod resolve;
pub mod row;
pub mod settings;
pub mod sqltype;
pub mod tagged;
pub mod text_io;
mod tid;

pub use datum::{ArrayValue, Datum, Interval, Str};
pub use error::{Error, Result, Severity, SqlState};
pub use function::{Call, Function, Registry, Volatility};
pub use json::Jsonb;
pub use numeric::Numeric;
pub use settings::{ByteaOutput, RegNames, Settings, Styles};
pub use sqltype::{Oid, SqlType, oid};
pub use tid::Tid;
