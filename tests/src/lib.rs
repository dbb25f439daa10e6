//! Clusters of the built binary as child processes, and clients to drive them.
//!
//! A test starts a [`Cluster`], talks to it through real drivers and tools, and kills real processes. One cluster runs at a
//! time: with several on two cores, timeouts would say more about the machine than about the code.

pub mod bank;
pub mod bench;
pub mod certificates;
pub mod chaos;
pub mod cluster;
pub mod drivers;
pub mod fleet;
pub mod history;
pub mod hosts;
pub mod postgres;
pub mod rival;
pub mod sources;
pub mod stranger;
pub mod wire;

pub use cluster::{Cluster, Options};
