//! Functions over advisory locks. Those that wait are run by the executor.

use types::oid::*;
use types::{Call, Datum, Function, Result};

use super::context::SessionContext;
use super::sequence::waits;
use crate::session::{AdvisoryKey, Request, Scope};

/// What the arguments of a call name.
fn key(session: &SessionContext, args: &[Datum]) -> AdvisoryKey {
    let database = session.catalog().database;
    let number = |at: usize| args.get(at).and_then(Datum::as_i64).unwrap_or(0);
    if args.len() == 2 {
        return AdvisoryKey { database, class: number(0) as u32, object: number(1) as u32, pair: true };
    }
    AdvisoryKey { database, class: (number(0) >> 32) as u32, object: number(0) as u32, pair: false }
}

/// Oids of the functions that wait for a lock, with what they take: exclusive, for the transaction.
const WAITING: [(u32, bool, bool); 8] = [
    (2880, true, false),
    (2886, true, false),
    (2881, false, false),
    (2887, false, false),
    (3089, true, true),
    (3093, true, true),
    (3090, false, true),
    (3094, false, true),
];

/// What a function that waits for a lock takes: (exclusive, for the transaction).
pub(crate) fn waiting(function: u32) -> Option<(bool, bool)> {
    WAITING.iter().find(|(oid, ..)| *oid == function).map(|(_, exclusive, transaction)| (*exclusive, *transaction))
}

/// What a call asks for.
pub(crate) fn request(session: &SessionContext, args: &[Datum], exclusive: bool, transaction: bool) -> Request {
    let scope = if transaction { Scope::Transaction(session.note_advisory()) } else { Scope::Session };
    Request { key: key(session, args), pid: session.backend.pid, exclusive, scope }
}

fn attempt(call: &Call<'_>, exclusive: bool, transaction: bool) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let request = request(session, call.args, exclusive, transaction);
    Ok(Datum::Bool(session.database.advisory.try_lock(request)))
}

fn try_exclusive(call: &mut Call<'_>) -> Result<Datum> {
    attempt(call, true, false)
}

fn try_shared(call: &mut Call<'_>) -> Result<Datum> {
    attempt(call, false, false)
}

fn try_exclusive_transaction(call: &mut Call<'_>) -> Result<Datum> {
    attempt(call, true, true)
}

fn try_shared_transaction(call: &mut Call<'_>) -> Result<Datum> {
    attempt(call, false, true)
}

fn unlock(call: &mut Call<'_>) -> Result<Datum> {
    release(call, true)
}

fn unlock_shared(call: &mut Call<'_>) -> Result<Datum> {
    release(call, false)
}

fn release(call: &Call<'_>, exclusive: bool) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let key = key(session, call.args);
    Ok(Datum::Bool(session.database.advisory.unlock(key, session.backend.pid, exclusive)))
}

fn unlock_all(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    session.database.advisory.unlock_all(session.backend.pid);
    Ok(Datum::text(""))
}

const ONE: &[u32] = &[INT8];
const TWO: &[u32] = &[INT4, INT4];

pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(2880, "pg_advisory_lock", ONE, VOID, waits).volatile(),
    Function::strict(2886, "pg_advisory_lock", TWO, VOID, waits).volatile(),
    Function::strict(2881, "pg_advisory_lock_shared", ONE, VOID, waits).volatile(),
    Function::strict(2887, "pg_advisory_lock_shared", TWO, VOID, waits).volatile(),
    Function::strict(3089, "pg_advisory_xact_lock", ONE, VOID, waits).volatile(),
    Function::strict(3093, "pg_advisory_xact_lock", TWO, VOID, waits).volatile(),
    Function::strict(3090, "pg_advisory_xact_lock_shared", ONE, VOID, waits).volatile(),
    Function::strict(3094, "pg_advisory_xact_lock_shared", TWO, VOID, waits).volatile(),
    Function::strict(2882, "pg_try_advisory_lock", ONE, BOOL, try_exclusive).volatile(),
    Function::strict(2888, "pg_try_advisory_lock", TWO, BOOL, try_exclusive).volatile(),
    Function::strict(2883, "pg_try_advisory_lock_shared", ONE, BOOL, try_shared).volatile(),
    Function::strict(2889, "pg_try_advisory_lock_shared", TWO, BOOL, try_shared).volatile(),
    Function::strict(3091, "pg_try_advisory_xact_lock", ONE, BOOL, try_exclusive_transaction).volatile(),
    Function::strict(3095, "pg_try_advisory_xact_lock", TWO, BOOL, try_exclusive_transaction).volatile(),
    Function::strict(3092, "pg_try_advisory_xact_lock_shared", ONE, BOOL, try_shared_transaction).volatile(),
    Function::strict(3096, "pg_try_advisory_xact_lock_shared", TWO, BOOL, try_shared_transaction).volatile(),
    Function::strict(2884, "pg_advisory_unlock", ONE, BOOL, unlock).volatile(),
    Function::strict(2890, "pg_advisory_unlock", TWO, BOOL, unlock).volatile(),
    Function::strict(2885, "pg_advisory_unlock_shared", ONE, BOOL, unlock_shared).volatile(),
    Function::strict(2891, "pg_advisory_unlock_shared", TWO, BOOL, unlock_shared).volatile(),
    Function::strict(2892, "pg_advisory_unlock_all", &[], VOID, unlock_all).volatile(),
];
