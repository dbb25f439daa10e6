//! Errors on their way through DataFusion and out again.
//!
//! A kernel of ours that fails with a SQL error wraps it into DataFusion's `External`; operators may wrap that again
//! (`Context`, `Shared`, an Arrow error). [`classify`] digs it out, so that a client sees the SQLSTATE the kernel meant.
//! What DataFusion itself can run into while running a plan is memory (53200), disk for spills (58030) and cancellation
//! (dropped, so never seen); all else is a broken rule of ours (XX000).
//!
//! [`Inexact`] is not an error for a client: a value did not fit the representation that the plan was lowered with, fixed-point
//! for most, and the plan has to be lowered again without it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use datafusion::error::DataFusionError;
use types::{Error, SqlState};

/// A decimal value, or an intermediate result, needs more digits than the fixed-point representation has; or floats are
/// averaged that are too large for the sum to tell whether PostgreSQL would fail.
#[derive(Debug)]
pub(crate) struct Inexact;

impl fmt::Display for Inexact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value does not fit its representation")
    }
}

impl StdError for Inexact {}

/// Wraps a SQL error for its way through DataFusion.
pub(crate) fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The engine's error as a client sees it.
pub(crate) fn lift(error: &engine::Error) -> Error {
    let mut state = [0; 5];
    state.copy_from_slice(error.sqlstate().as_bytes());
    Error::new(SqlState(state), error.to_string())
}

/// The error of a kernel whose fixed-point arithmetic ran out of digits.
pub(crate) fn inexact() -> DataFusionError {
    DataFusionError::External(Box::new(Inexact))
}

/// Why a run of a plan ended early.
pub(crate) enum Failure {
    /// For the client.
    Sql(Error),
    /// The plan must be lowered again without fixed-point decimals.
    Inexact,
}

impl Failure {
    pub(crate) fn into_sql(self) -> Error {
        match self {
            Failure::Sql(error) => error,
            Failure::Inexact => Error::internal(Inexact.to_string()),
        }
    }
}

/// Finds what the error of a run means.
pub(crate) fn classify(error: &DataFusionError) -> Failure {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(sql) = current.downcast_ref::<Error>() {
            return Failure::Sql(sql.clone());
        }
        if current.is::<Inexact>() {
            return Failure::Inexact;
        }
        // An I/O error passes by what it wraps when it is asked for its source.
        if let Some(io) = current.downcast_ref::<io::Error>() {
            return Failure::Sql(sql_of(io));
        }
        match current.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::ResourcesExhausted(what)) => {
                let error = Error::new(SqlState::OUT_OF_MEMORY, "out of memory").detail(sentence(what));
                return Failure::Sql(error);
            }
            Some(DataFusionError::IoError(what)) => return Failure::Sql(sql_of(what)),
            _ => cause = current.source(),
        }
    }
    Failure::Sql(Error::internal(format!("the vector executor failed: {error}")))
}

/// Whether the row executor should run a query that ended with this error before a row of it was seen: it needs less
/// memory, lacks nothing and may evaluate less, and a fault of the query's own it finds again. Whoever is cancelled, or
/// has no disk left, is so under either executor.
pub(crate) fn is_for_rows(error: &Error) -> bool {
    let state = error.sqlstate();
    let is_of_the_query = matches!(state.class(), "0A" | "21" | "22" | "42" | "54");
    is_of_the_query || state == SqlState::OUT_OF_MEMORY || state == SqlState::INTERNAL_ERROR
}

/// What went wrong with a temporary file.
fn sql_of(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(sql) => sql.clone(),
        None => Error::new(SqlState::IO_ERROR, format!("could not use a temporary file: {error}")),
    }
}

/// The first line of a message, as a sentence.
fn sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim_end_matches('.');
    format!("{line}.")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::error::ArrowError;

    use super::*;

    #[test]
    fn a_sql_error_survives_every_wrapping() {
        let error = Error::new(SqlState::DIVISION_BY_ZERO, "division by zero");
        let inner = ArrowError::ExternalError(Box::new(to_datafusion(error.clone())));
        let wrapped = DataFusionError::Shared(Arc::new(DataFusionError::ArrowError(Box::new(inner), None)))
            .context("while reading a batch");
        assert_eq!(classify(&wrapped).into_sql(), error);
        assert_eq!(classify(&DataFusionError::Collection(vec![wrapped])).into_sql(), error);
        let written = ArrowError::IoError("writing".into(), io::Error::other(error.clone()));
        assert_eq!(classify(&DataFusionError::ArrowError(Box::new(written), None)).into_sql(), error);
    }

    #[test]
    fn memory_and_inexact_are_told_apart() {
        assert!(matches!(classify(&inexact().context("x")), Failure::Inexact));
        let memory = DataFusionError::ResourcesExhausted("no more\nsecond line".into());
        match classify(&memory) {
            Failure::Sql(error) => {
                assert_eq!(error.sqlstate().as_str(), "53200");
                assert_eq!(error.detail.as_deref(), Some("no more."));
            }
            Failure::Inexact => panic!("exhausted memory is not recognised"),
        }
    }

    #[test]
    fn rows_are_for_what_another_way_may_bring_to_an_end() {
        let is_for_rows = |state| is_for_rows(&Error::new(state, "x"));
        let again = [SqlState::OUT_OF_MEMORY, SqlState::FEATURE_NOT_SUPPORTED, SqlState::DIVISION_BY_ZERO];
        assert!(again.into_iter().all(is_for_rows));
        let not = [SqlState::QUERY_CANCELED, SqlState::CONFIGURATION_LIMIT_EXCEEDED, SqlState::DATA_CORRUPTED];
        assert!(!not.into_iter().any(is_for_rows));
    }
}
