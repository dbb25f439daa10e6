//! Sessions: the two query protocols, transactions, settings, portals, who a session is, its temporary objects, and what
//! sessions of one server share.

mod advisory;
mod announced;
mod backend;
mod client;
mod copy;
mod cursor;
mod database;
mod forwarding;
mod freshness;
mod identity;
mod notifications;
mod plans;
mod portal;
mod run;
mod sequences;
mod shared;
mod state;
mod temporary;
mod transaction;
mod utility;
mod variables;
mod waits;

pub use advisory::{AdvisoryKey, AdvisoryLock, AdvisoryLocks, Request, Scope};
pub(crate) use announced::Announced;
pub use backend::{Backend, Backends, CancelReason, Encryption};
pub use client::{Client, Column, CopyFormat, NoticeSeverity};
pub use database::Database;
pub(crate) use database::now;
pub use forwarding::{OwnWrites, Source, Unanswered, passes_on};
pub(crate) use identity::{Actor, Refused, identity};
pub(crate) use notifications::Mailbox;
pub use plans::PlanStats;
pub use sequences::Sequences;
pub(crate) use sequences::{Drawn, Standing};
pub use state::{IdleLimit, Session, SessionOptions};
pub(crate) use variables::parse_milliseconds;
pub use variables::{SERVER_VERSION, SavedVariables, SettingRow, Variables};
pub(crate) use waits::{Pids, Waits};
