//! The vector executor against the row executor, and against PostgreSQL.

mod both;
mod grammar;
mod support;
mod tpch;
