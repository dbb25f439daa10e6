//! SQL types, values and functions, with PostgreSQL's oids, text and binary forms, and rules.

pub mod aggregate;
mod array_io;
pub mod binary_io;
pub mod cast;
pub mod datetime;
pub mod datum;
pub mod error;
pub mod function;
mod json;
pub mod keycode;
pub mod numeric;
pub mod operator;
pub mod resolve;
pub mod row;
pub mod settings;
pub mod sqltype;
pub mod text_io;

pub use datum::{ArrayValue, Datum, Interval, Str};
pub use error::{Error, Result, Severity, SqlState};
pub use function::{Call, Function, Registry, Volatility};
pub use numeric::Numeric;
pub use settings::{RegNames, Settings};
pub use sqltype::{Oid, SqlType, oid};
