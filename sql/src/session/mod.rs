//! Sessions: the two query protocols, transactions, settings, portals, and what sessions of one server share.

mod advisory;
mod backend;
mod client;
mod copy;
mod cursor;
mod database;
mod forwarding;
mod freshness;
mod plans;
mod portal;
mod run;
mod sequences;
mod shared;
mod state;
mod transaction;
mod utility;
mod variables;
mod waits;

pub use advisory::{AdvisoryKey, AdvisoryLock, AdvisoryLocks, Request, Scope};
pub use backend::{Backend, Backends, CancelReason, Encryption};
pub use client::{Client, Column, CopyFormat, NoticeSeverity};
pub use database::Database;
pub use forwarding::{OwnWrites, Source, Unanswered, passes_on};
pub use plans::PlanStats;
pub(crate) use sequences::Drawn;
pub use sequences::Sequences;
pub use state::{IdleLimit, Session, SessionOptions};
pub(crate) use variables::parse_milliseconds;
pub use variables::{SERVER_VERSION, SavedVariables, SettingRow, Variables};
pub(crate) use waits::{Pids, Waits};
