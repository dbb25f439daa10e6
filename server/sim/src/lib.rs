//! The whole cluster in one thread, on virtual time, from one seed.

pub mod cluster;
pub mod history;
pub mod ledger;
pub mod machine;
pub mod nemesis;
pub mod net;
pub mod random;
pub mod run;
pub mod sabotage;
pub mod server;
pub mod tally;
pub mod trace;
pub mod workload;
pub mod world;

pub use run::{Options, Report, Summary, run_range, run_seed};
pub use trace::Verbosity;
