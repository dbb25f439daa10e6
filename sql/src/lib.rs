pub mod bind;
pub mod bound;
pub mod catalog;
pub mod parse;
pub mod plan;
pub mod exec;
pub mod functions;
pub mod session;
