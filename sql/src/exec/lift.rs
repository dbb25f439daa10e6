//! The engine's errors as PostgreSQL's.

use engine::Error as EngineError;
use types::{Error, Result, SqlState};

/// The error a client sees for an error of the engine.
pub(crate) fn lift(error: EngineError) -> Error {
    let mut state = [0; 5];
    state.copy_from_slice(error.sqlstate().as_bytes());
    let state = SqlState(state);
    match error {
        EngineError::LockNotAvailable => Error::new(state, "canceling statement due to lock timeout"),
        EngineError::ReadOnly => Error::new(state, "cannot execute this statement in a read-only transaction")
            .hint("This server is a replica; connect to the writer."),
        EngineError::FateUnknown => {
            Error::new(state, "the commit's outcome is unknown: this server is no longer the writer")
                .detail("The transaction may or may not have been committed.")
                .fatal()
        }
        EngineError::LockTableFull { .. } => {
            Error::new(state, error.to_string()).hint("You might need to increase lock_table_size.")
        }
        EngineError::FateUndecided(why) => Error::new(state, format!("the statement's completion is unknown: {why}"))
            .detail("The transaction may or may not have been committed.")
            .fatal(),
        other => Error::new(state, other.to_string()),
    }
}

/// Turns the result of an engine call into one of SQL.
pub(crate) trait Lift<T> {
    fn lift(self) -> Result<T>;
}

impl<T> Lift<T> for engine::Result<T> {
    fn lift(self) -> Result<T> {
        self.map_err(lift)
    }
}
