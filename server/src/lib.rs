pub mod pgwire;
