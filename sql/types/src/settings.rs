//! What the text form of a value and the result of a function depend on besides their arguments.
//!
//! A session owns one [`Settings`] and hands out references; a clone is a few reference counts.

use std::any::Any;
use std::sync::Arc;

use crate::datetime::{DateStyle, IntervalStyle, TimeZone};
use crate::error::{Error, Result, SqlState};

/// Turns oids of catalog objects into names and back; the SQL layer implements it over its catalog snapshot.
pub trait RegNames: Send + Sync {
    /// The text form of an oid of this reg* type (`oid::REGCLASS`, ...), schema-qualified and quoted as needed, or
    /// `None` if there is no such object (its number is printed then).
    fn name_of(&self, reg_type: u32, oid: u32) -> Option<String>;

    /// The oid of a name as written by a user.
    ///
    /// # Errors
    /// 42P01, 42883, 42704 and so on if there is none.
    fn oid_of(&self, reg_type: u32, name: &str) -> Result<u32>;
}

/// How the text form of a bytea is written; either is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ByteaOutput {
    /// `\x6a00`
    #[default]
    Hex,
    /// `j\000`
    Escape,
}

/// How values are written whose text has several forms, and how such texts are read that mean several things.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Styles {
    pub date: DateStyle,
    pub interval: IntervalStyle,
    pub bytea: ByteaOutput,
}

/// How many steps are taken between two looks at whether the statement was cancelled.
const STEPS: usize = 1024;

/// The settings of one session, and the clocks of its current statement.
#[derive(Clone)]
pub struct Settings {
    pub timezone: TimeZone,
    pub styles: Styles,
    /// 1 (the default) or more prints the shortest digits that read back; below, digits are cut.
    pub extra_float_digits: i32,
    /// Microseconds since 2000-01-01 00:00 UTC.
    pub statement_timestamp: i64,
    /// Microseconds since 2000-01-01 00:00 UTC; what `now()` returns.
    pub transaction_timestamp: i64,
    pub database: Arc<str>,
    /// Schemas in the order in which names are looked up.
    pub search_path: Arc<[Arc<str>]>,
    pub reg_names: Option<Arc<dyn RegNames>>,
    /// Whatever else the functions of another crate need to find (a session, a catalog snapshot).
    pub session: Option<Arc<dyn Any + Send + Sync>>,
    /// Whether the statement was cancelled.
    pub is_cancelled: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl Settings {
    /// Ends what was cancelled, for one value may take many steps. Called with the number of each; few of them look, and
    /// none of a value with few.
    ///
    /// # Errors
    /// 57014.
    pub(crate) fn check_cancel(&self, step: usize) -> Result<()> {
        if step % STEPS == STEPS - 1 { self.check_cancel_now() } else { Ok(()) }
    }

    /// Ends what was cancelled, before a step that takes long by itself.
    ///
    /// # Errors
    /// 57014.
    pub(crate) fn check_cancel_now(&self) -> Result<()> {
        match &self.is_cancelled {
            Some(is_cancelled) if is_cancelled() => {
                Err(Error::new(SqlState::QUERY_CANCELED, "canceling statement due to user request"))
            }
            _ => Ok(()),
        }
    }
}

impl Default for Settings {
    /// UTC, `ISO, MDY`, database `postgres`, clocks at 2000-01-01.
    fn default() -> Settings {
        Settings {
            timezone: TimeZone::UTC,
            styles: Styles::default(),
            extra_float_digits: 1,
            statement_timestamp: 0,
            transaction_timestamp: 0,
            database: Arc::from("postgres"),
            search_path: Arc::from([Arc::from("pg_catalog"), Arc::from("public")]),
            reg_names: None,
            session: None,
            is_cancelled: None,
        }
    }
}
