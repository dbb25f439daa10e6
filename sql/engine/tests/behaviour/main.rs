//! The engine over an in-memory volume: rows against plain models, crashes, replicas, waits.

mod btree;
mod cache;
mod crash;
mod estimate;
mod history;
mod locks;
mod mvcc;
mod replica;
mod space;
mod stress;
mod support;
