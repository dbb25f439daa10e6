//! Functions over the session: who and where it is, its settings, its transaction.

use types::function::Random;
use types::oid::*;
use types::text_io::general;
use types::{Call, Datum, Error, Function, Result, SqlState};

use super::context::SessionContext;
use super::sequence::waits;
use super::waiting;
use crate::catalog::{named_part, own_temporary};
use crate::session::SERVER_VERSION;

fn text(value: &str) -> Result<Datum> {
    Ok(Datum::text(value))
}

fn current_database(call: &mut Call<'_>) -> Result<Datum> {
    text(&call.settings.database)
}

fn current_user(call: &mut Call<'_>) -> Result<Datum> {
    text(&SessionContext::of(call)?.role()?.name)
}

fn session_user(call: &mut Call<'_>) -> Result<Datum> {
    text(&SessionContext::of(call)?.session_role()?.name)
}

fn current_schema(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let path = session.usable_path();
    let found = named_part(&path).iter().find(|name| catalog.schema_named(name).is_some());
    Ok(found.map_or(Datum::Null, |name| Datum::text(name)))
}

fn current_schemas(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let catalog = session.catalog();
    let full = session.usable_path();
    let implicit = call.args[0].as_bool().unwrap_or(false);
    let path = if implicit { &*full } else { named_part(&full) };
    let implicit = implicit && !path.iter().any(|name| &**name == "pg_catalog");
    let mut names = Vec::new();
    if implicit {
        names.push(Datum::text("pg_catalog"));
    }
    names.extend(path.iter().filter(|name| catalog.schema_named(name).is_some()).map(|name| Datum::text(name)));
    Ok(Datum::array(NAME, names))
}

fn current_setting(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let name = call.args[0].as_str().unwrap_or("");
    let missing_ok = call.args.get(1).and_then(Datum::as_bool).unwrap_or(false);
    match session.variables().show(name) {
        Ok(value) => text(&value),
        Err(_) if missing_ok => Ok(Datum::Null),
        Err(error) => Err(error),
    }
}

fn set_config(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let Some(name) = call.args[0].as_str() else {
        return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "SET requires parameter name"));
    };
    let local = call.args[2].as_bool().unwrap_or(false);
    match call.args[1].as_str() {
        Some(value) => session.set_variable(name, value, local)?,
        None => session.variables().reset(name, local)?,
    }
    text(&session.variables().show(name)?)
}

fn notify(call: &mut Call<'_>) -> Result<Datum> {
    let text = |at: usize| call.args[at].as_str().unwrap_or("");
    SessionContext::of(call)?.notify(text(0), text(1))?;
    Ok(Datum::text(""))
}

fn listening_channels(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let channels = session.database.notifications.channels_of(session.backend.pid);
    call.return_set(Box::new(channels.into_iter().map(|channel| Ok(Datum::text(&channel)))))
}

fn notification_queue_usage(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Float8(SessionContext::of(call)?.database.notifications.usage()))
}

fn backend_pid(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int4(SessionContext::of(call)?.backend.pid))
}

fn version(_: &mut Call<'_>) -> Result<Datum> {
    text(&format!(
        "PostgreSQL {SERVER_VERSION} (Redoubt {}) on {}-{}, 64-bit",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    ))
}

fn client_encoding(_: &mut Call<'_>) -> Result<Datum> {
    text("UTF8")
}

fn random(call: &mut Call<'_>) -> Result<Datum> {
    let number = SessionContext::of(call).map_or_else(|_| Random::unseeded().next_f64(), SessionContext::random);
    Ok(Datum::Float8(number))
}

fn setseed(call: &mut Call<'_>) -> Result<Datum> {
    let seed = call.args[0].as_f64().unwrap_or(f64::NAN);
    if !(-1.0..=1.0).contains(&seed) {
        let message = format!("setseed parameter {} is out of allowed range [-1,1]", general(seed));
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    SessionContext::of(call)?.set_seed(seed);
    Ok(Datum::Null)
}

fn my_temp_schema(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let (catalog, path) = (session.catalog(), session.search_path());
    let schema = own_temporary(&path).and_then(|name| catalog.schema_named(name));
    Ok(Datum::Oid(schema.map_or(0, |schema| schema.oid)))
}

fn transaction_if_assigned(call: &mut Call<'_>) -> Result<Datum> {
    let id = SessionContext::of(call)?.transaction();
    Ok(id.map_or(Datum::Null, |id| Datum::Int8(id as i64)))
}

/// PostgreSQL gives no transaction an id below: they stand for none, for its first start, and for what has long been settled.
const FIRST_XID: u32 = 3;

/// How many ids have been given since a transaction's, up to this transaction's own or else the next.
fn xid_age(call: &mut Call<'_>) -> Result<Datum> {
    let xid = call.args[0].as_oid().unwrap_or(0);
    if xid < FIRST_XID {
        return Ok(Datum::Int4(i32::MAX));
    }
    let session = SessionContext::of(call)?;
    let now = session.transaction().unwrap_or_else(|| session.database.engine.next_txid_now());
    // Later than this transaction's are those of its savepoints, and later than the next may be those that a replica reads.
    let age = (now as u32).wrapping_sub(xid) as i32;
    Ok(Datum::Int4(age.max(0)))
}

/// There are none of those ids, but for the one that stands for none.
fn multixact_age(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int4(if call.args[0].as_oid() == Some(0) { i32::MAX } else { 0 }))
}

fn client_address(call: &mut Call<'_>) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    Ok(session.backend.client_address.map_or(Datum::Null, |address| Datum::text(&address.ip().to_string())))
}

fn nothing(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Null)
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(861, "current_database", &[], NAME, current_database).stable(),
    Function::strict(745, "current_user", &[], NAME, current_user).stable(),
    Function::strict(746, "session_user", &[], NAME, session_user).stable(),
    Function::strict(1402, "current_schema", &[], NAME, current_schema).stable(),
    Function::strict(1403, "current_schemas", &[BOOL], NAME_ARRAY, current_schemas).stable(),
    Function::strict(1598, "random", &[], FLOAT8, random).volatile(),
    Function::strict(1599, "setseed", &[FLOAT8], VOID, setseed).volatile(),
    Function::strict(2077, "current_setting", &[TEXT], TEXT, current_setting).stable(),
    Function::strict(3294, "current_setting", &[TEXT, BOOL], TEXT, current_setting).stable(),
    Function::strict(3035, "pg_listening_channels", &[], TEXT, listening_channels).volatile().set(),
    Function::strict(3036, "pg_notify", &[TEXT, TEXT], VOID, notify).called_on_null().volatile(),
    Function::strict(3296, "pg_notification_queue_usage", &[], FLOAT8, notification_queue_usage).volatile(),
    Function::strict(2078, "set_config", &[TEXT, TEXT, BOOL], TEXT, set_config).called_on_null().volatile(),
    Function::strict(2026, "pg_backend_pid", &[], INT4, backend_pid).stable(),
    Function::strict(89, "version", &[], TEXT, version).stable(),
    Function::strict(810, "pg_client_encoding", &[], NAME, client_encoding).stable(),
    Function::strict(1039, "getdatabaseencoding", &[], NAME, client_encoding).stable(),
    Function::strict(2854, "pg_my_temp_schema", &[], OID, my_temp_schema).stable(),
    Function::strict(waiting::TXID_CURRENT, "txid_current", &[], INT8, waits).volatile(),
    Function::strict(waiting::CURRENT_XACT_ID, "pg_current_xact_id", &[], XID8, waits).volatile(),
    Function::strict(3348, "txid_current_if_assigned", &[], INT8, transaction_if_assigned).stable(),
    Function::strict(5060, "pg_current_xact_id_if_assigned", &[], XID8, transaction_if_assigned).stable(),
    Function::strict(1181, "age", &[XID], INT4, xid_age).stable(),
    Function::strict(3939, "mxid_age", &[XID], INT4, multixact_age).stable(),
    Function::strict(2196, "inet_client_addr", &[], TEXT, client_address).stable(),
    Function::strict(2198, "inet_server_addr", &[], TEXT, nothing).stable(),
    Function::strict(2199, "inet_server_port", &[], INT4, nothing).stable(),
];
