//! nextval, currval, setval, lastval, pg_sequence_last_value. Those that wait are the executor's: see
//! [`super::waiting`].

use std::sync::Arc;

use types::oid::*;
use types::{Call, Datum, Error, Function, Result, SqlState};

use super::context::SessionContext;
use super::rights::sequence_allows;
use super::waiting;
use crate::catalog::{CatalogSnapshot, Privileges, SequenceDef};

/// Any of these lets a role see which value was drawn last.
pub(crate) const LOOKING: &[Privileges] = &[Privileges::USAGE, Privileges::SELECT];

/// The sequence with this oid.
///
/// # Errors
/// 42809 when it is another relation, 42P01 when there is none.
pub(crate) fn sequence_by_oid(catalog: &CatalogSnapshot, oid: u32) -> Result<&Arc<SequenceDef>> {
    catalog.sequence(oid).ok_or_else(|| match catalog.relation(oid) {
        Some(other) => Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a sequence", other.name())),
        None => Error::new(SqlState::UNDEFINED_TABLE, format!("could not open relation with OID {oid}")),
    })
}

/// # Errors
/// 42501 unless the current user has any of these privileges on a sequence.
pub(crate) fn check_right(
    session: &SessionContext,
    catalog: &CatalogSnapshot,
    sequence: &SequenceDef,
    any: &[Privileges],
) -> Result<()> {
    if session.actor().find(catalog).is_some_and(|user| sequence_allows(catalog, user, sequence, any)) {
        return Ok(());
    }
    let message = format!("permission denied for sequence {}", sequence.name);
    Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
}

fn currval(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let sequence = sequence_by_oid(&catalog, call.args[0].as_oid().unwrap_or(0))?;
    check_right(session, &catalog, sequence, LOOKING)?;
    session.currval(sequence.oid).map(Datum::Int8).ok_or_else(|| {
        let message = format!("currval of sequence \"{}\" is not yet defined in this session", sequence.name);
        Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
    })
}

fn lastval(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let last = session.lastval().and_then(|(oid, value)| Some((catalog.sequence(oid)?, value)));
    let Some((sequence, value)) = last else {
        let message = "lastval is not yet defined in this session";
        return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    };
    check_right(session, &catalog, sequence, LOOKING)?;
    Ok(Datum::Int8(value))
}

/// Stands in the registry for a function that the executor runs itself.
pub(super) fn waits(_: &mut Call<'_>) -> Result<Datum> {
    Err(Error::unsupported("this function in this place"))
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(waiting::NEXTVAL, "nextval", &[REGCLASS], INT8, waits).volatile(),
    Function::strict(1575, "currval", &[REGCLASS], INT8, currval).volatile(),
    Function::strict(waiting::SETVAL, "setval", &[REGCLASS, INT8], INT8, waits).volatile(),
    Function::strict(waiting::SETVAL_CALLED, "setval", &[REGCLASS, INT8, BOOL], INT8, waits).volatile(),
    Function::strict(2559, "lastval", &[], INT8, lastval).volatile(),
    Function::strict(waiting::SEQUENCE_LAST_VALUE, "pg_sequence_last_value", &[REGCLASS], INT8, waits).volatile(),
];

/// `nextval` of an identity column's sequence, which asks for no right of it. No statement can name it.
pub(crate) static NEXT_OF_IDENTITY: Function =
    Function::strict(waiting::NEXT_OF_IDENTITY, "nextval", &[REGCLASS], INT8, waits).volatile();
