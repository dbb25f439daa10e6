//! Processes and doors: everything around the engine and the storage nodes, and nothing about bytes.
//!
//! # The life of a cluster on one machine
//!
//! 1. [`cli`] has flags, environment and file parsed ([`settings`]) into [`options`], and starts a runtime.
//! 2. [`local`] opens the cluster's [`directory`], six storage nodes in it, and the volume across them ([`init`]; [`volumes`]
//!    drops one).
//! 3. [`life`] opens the volume as the writer (recovery) or as a replica, an engine over it, and the SQL side over that;
//!    [`compute`] is the server that results, for all others to look at.
//! 4. [`pgwire`] accepts clients, at [`ports`] that the server has had since before 3; [`sessions`] opens a SQL session for
//!    each that proves who it is ([`auth`]), encrypted when there is a certificate ([`encryption`]).
//! 5. The writer tells replicas how far the redo is durable ([`notices`]); the storage nodes keep the address book.
//! 6. `pg_promote()` in a replica's session, or a writer that falls silent ([`failover`]), makes [`life`] take the
//!    volume; the old writer finds itself fenced.
//! 7. A storage node that offers itself ([`spare`]) takes the place of one that stays away ([`replacement`]); everyone follows
//!    the members in a roster of them ([`members`] shows it).
//! 8. A replica passes writes of sessions that ask for it on to the writer ([`forward`]).
//! 9. [`simulate`] runs all of that but the wire on virtual time, under faults.
//! 10. [`report`], [`metrics`] and [`dashboard`] show all of it; [`admin`] asks for it from the command line.

pub mod address;
pub mod admin;
pub mod administration;
pub mod auth;
pub mod cli;
pub mod compute;
pub mod dashboard;
pub mod directory;
pub mod encryption;
pub mod failover;
pub mod following;
pub mod forward;
pub mod init;
pub mod life;
pub mod local;
pub mod members;
pub mod metrics;
pub mod node;
pub mod nodes;
pub mod notices;
pub mod options;
mod output;
pub mod pgwire;
pub mod ports;
pub mod promotion;
pub mod proxy;
pub mod replacement;
pub mod replication;
pub mod report;
pub mod sessions;
pub mod settings;
pub mod signals;
pub mod simulate;
pub mod single;
pub mod spare;
pub mod threads;
pub mod volumes;
