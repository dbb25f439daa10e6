pub mod bound;
pub mod catalog;
