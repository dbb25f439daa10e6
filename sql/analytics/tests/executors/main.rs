//! The vector executor against the row executor, and against PostgreSQL.

mod both;
mod choice;
mod grammar;
mod support;
mod tpch;
