//! The front door against hostile and ordinary clients, over raw sockets and a session that needs no engine.
//!
//! A test named `row_N_...` is row N of the table of bad input that the server must survive.

mod authentication;
mod dial;
mod driver;
mod fake;
mod flow;
mod frames;
mod raw;
mod startup;
mod tls;
mod values;
