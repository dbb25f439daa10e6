//! nextval, currval, setval, lastval. The executor runs the first and the third: see [`super::waiting`].

use types::oid::*;
use types::{Call, Datum, Error, Function, Result, SqlState};

use super::context::SessionContext;
use super::waiting;

fn currval(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let sequence = call.args[0].as_oid().unwrap_or(0);
    if let Some(value) = session.currval(sequence) {
        return Ok(Datum::Int8(value));
    }
    let catalog = session.catalog();
    let name = catalog.relation(sequence).map_or_else(|| sequence.to_string(), |relation| relation.name().to_owned());
    let message = format!("currval of sequence \"{name}\" is not yet defined in this session");
    Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message))
}

fn lastval(call: &mut Call<'_>) -> Result<Datum> {
    SessionContext::of(call)?.lastval().map(Datum::Int8).ok_or_else(|| {
        let message = "lastval is not yet defined in this session";
        Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
    })
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
];
