//! SQL: from the text of a statement to rows, over the engine's versioned trees.
//!
//! The life of a statement:
//!
//! 1. [`parse`] turns the text into a syntax tree with positions, and refuses what is nested too deeply.
//! 2. [`bind`] gives every name, type and conversion its meaning, against a [`catalog::CatalogSnapshot`]; the result is a
//!    [`bound::Bound`]: the typed tree, the parameters' types, the privileges it needs.
//! 3. [`plan`] pushes conditions down, orders joins, chooses access paths, and drops sorts and columns that nobody needs.
//! 4. [`exec`] runs it row by row; large analytic plans go to another executor.
//! 5. [`session`] does all this for a client: transactions, prepared statements, portals, settings.
//!
//! [`functions`] holds the functions that need a session or the catalog; all others are in the `types` crate.

pub mod bind;
pub mod bound;
pub mod catalog;
pub mod exec;
pub mod functions;
pub mod parse;
pub mod plan;
pub mod session;
