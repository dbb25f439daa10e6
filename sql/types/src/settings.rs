//! What the text form of a value and the result of a function depend on besides their arguments.
//!
//! A session owns one [`Settings`] and hands out references; a clone is a few reference counts. DateStyle is always
//! `ISO, MDY`, IntervalStyle `postgres` and bytea output `hex`: setting another is refused by the session.

use std::any::Any;
use std::sync::Arc;

use crate::datetime::TimeZone;
use crate::error::Result;

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

/// The settings of one session, and the clocks of its current statement.
#[derive(Clone)]
pub struct Settings {
    pub timezone: TimeZone,
    /// 1 (the default) or more prints the shortest digits that read back; below, digits are cut.
    pub extra_float_digits: i32,
    /// Microseconds since 2000-01-01 00:00 UTC.
    pub statement_timestamp: i64,
    /// Microseconds since 2000-01-01 00:00 UTC; what `now()` returns.
    pub transaction_timestamp: i64,
    pub session_user: Arc<str>,
    pub current_user: Arc<str>,
    pub database: Arc<str>,
    /// Schemas in the order in which names are looked up.
    pub search_path: Arc<[Arc<str>]>,
    pub reg_names: Option<Arc<dyn RegNames>>,
    /// Whatever else the functions of another crate need to find (a session, a catalog snapshot).
    pub session: Option<Arc<dyn Any + Send + Sync>>,
}

impl Default for Settings {
    /// UTC, user and database `postgres`, clocks at 2000-01-01.
    fn default() -> Settings {
        let postgres: Arc<str> = Arc::from("postgres");
        Settings {
            timezone: TimeZone::UTC,
            extra_float_digits: 1,
            statement_timestamp: 0,
            transaction_timestamp: 0,
            session_user: postgres.clone(),
            current_user: postgres.clone(),
            database: postgres,
            search_path: Arc::from([Arc::from("pg_catalog"), Arc::from("public")]),
            reg_names: None,
            session: None,
        }
    }
}
