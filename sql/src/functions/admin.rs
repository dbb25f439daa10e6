//! Functions over the server: its log position, its role, other sessions, sizes.

use types::oid::*;
use types::{Call, Datum, Error, Function, Numeric, Result, SqlState};

use super::context::SessionContext;
use super::sequence::waits;
use super::{has_rights_of, waiting};
use crate::catalog::well_known;
use crate::session::Waits;

fn is_in_recovery(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(!SessionContext::of(call)?.database.engine.is_writer()))
}

fn writer_only(call: &Call<'_>) -> Result<()> {
    if SessionContext::of(call)?.database.engine.is_writer() {
        return Ok(());
    }
    Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "recovery is in progress")
        .hint("WAL control functions cannot be executed during recovery."))
}

/// The last published commit's LSN stands for the end of the log: nothing beyond it means anything to a client.
fn current_lsn(call: &mut Call<'_>) -> Result<Datum> {
    writer_only(call)?;
    let engine = &SessionContext::of(call)?.database.engine;
    Ok(Datum::Int8(engine.snapshot().lsn().0 as i64))
}

fn flushed_lsn(call: &mut Call<'_>) -> Result<Datum> {
    writer_only(call)?;
    Ok(Datum::Int8(SessionContext::of(call)?.database.engine.flushed_vdl().0 as i64))
}

fn replayed_lsn(call: &mut Call<'_>) -> Result<Datum> {
    let engine = &SessionContext::of(call)?.database.engine;
    if engine.is_writer() {
        return Ok(Datum::Null);
    }
    Ok(Datum::Int8(engine.snapshot().lsn().0 as i64))
}

/// The token of read-your-writes: see `session::freshness`. NULL before the first commit.
fn last_commit_lsn(call: &mut Call<'_>) -> Result<Datum> {
    let lsn = SessionContext::of(call)?.last_commit();
    Ok(if lsn.is_zero() { Datum::Null } else { Datum::Int8(lsn.0 as i64) })
}

fn lsn_diff(call: &mut Call<'_>) -> Result<Datum> {
    let lsn = |i: usize| i128::from(call.args[i].as_i64().unwrap_or(0) as u64);
    let difference = lsn(0) - lsn(1);
    // The difference of two u64 needs 65 bits; LSNs that far apart do not occur.
    Ok(Datum::Numeric(Numeric::from(difference.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)))
}

fn start_time(call: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Timestamptz(SessionContext::of(call)?.database.started))
}

fn cancel_backend(call: &mut Call<'_>) -> Result<Datum> {
    signal(call, false)
}

fn terminate_backend(call: &mut Call<'_>) -> Result<Datum> {
    signal(call, true)
}

fn signal(call: &Call<'_>, terminate: bool) -> Result<Datum> {
    let session = SessionContext::of(call)?;
    let pid = call.args[0].as_i64().unwrap_or(0) as i32;
    let Some(backend) = session.database.backends.find(pid) else { return Ok(Datum::Bool(false)) };
    let catalog = session.catalog();
    let (owner, user) = (catalog.role_named(&backend.user), session.role().ok());
    let may = |role: u32| user.as_ref().is_some_and(|user| has_rights_of(&catalog, user, role));
    // One whose role has another name by now may be a superuser's.
    let message = match (owner.is_none_or(|owner| owner.superuser), terminate) {
        (true, _) if session.is_superuser() => None,
        (true, true) => Some("must be a superuser to terminate superuser process"),
        (true, false) => Some("must be a superuser to cancel superuser query"),
        _ if owner.is_some_and(|owner| may(owner.oid)) || may(well_known::PG_SIGNAL_BACKEND) => None,
        (_, true) => {
            Some("must be a member of the role whose process is being terminated or member of pg_signal_backend")
        }
        (_, false) => Some("must be a member of the role whose query is being canceled or member of pg_signal_backend"),
    };
    if let Some(message) = message {
        return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
    }
    let admin = session.database.admin()?;
    Ok(Datum::Bool(if terminate { admin.terminate_backend(pid) } else { admin.cancel_backend(pid) }))
}

fn done(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(true))
}

/// The sessions that one waits for.
fn blocking_pids(call: &mut Call<'_>) -> Result<Datum> {
    let waits = Waits::of(&SessionContext::of(call)?.database);
    let pid = call.args[0].as_i64().unwrap_or(0) as i32;
    Ok(Datum::array(INT4, waits.blockers(pid).map(Datum::Int4).collect()))
}

fn no_pids(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::array(INT4, Vec::new()))
}

fn no(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Bool(false))
}

fn zero(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Int8(0))
}

fn nothing(_: &mut Call<'_>) -> Result<Datum> {
    Ok(Datum::Null)
}

fn live_tuples(call: &mut Call<'_>) -> Result<Datum> {
    let catalog = SessionContext::of(call)?.catalog();
    let table = catalog.table(call.args[0].as_oid().unwrap_or(0));
    Ok(Datum::Int8(table.map_or(0, |table| table.estimated_rows.max(0.0) as i64)))
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function::strict(3810, "pg_is_in_recovery", &[], BOOL, is_in_recovery).volatile(),
    Function::strict(2849, "pg_current_wal_lsn", &[], PG_LSN, current_lsn).volatile(),
    Function::strict(2852, "pg_current_wal_insert_lsn", &[], PG_LSN, current_lsn).volatile(),
    Function::strict(3330, "pg_current_wal_flush_lsn", &[], PG_LSN, flushed_lsn).volatile(),
    Function::strict(3820, "pg_last_wal_receive_lsn", &[], PG_LSN, replayed_lsn).volatile(),
    Function::strict(3821, "pg_last_wal_replay_lsn", &[], PG_LSN, replayed_lsn).volatile(),
    Function::strict(3165, "pg_wal_lsn_diff", &[PG_LSN, PG_LSN], NUMERIC, lsn_diff),
    Function::strict(2560, "pg_postmaster_start_time", &[], TIMESTAMPTZ, start_time).stable(),
    Function::strict(2034, "pg_conf_load_time", &[], TIMESTAMPTZ, start_time).stable(),
    Function::strict(2171, "pg_cancel_backend", &[INT4], BOOL, cancel_backend).volatile(),
    Function::strict(2096, "pg_terminate_backend", &[INT4], BOOL, terminate_backend).volatile(),
    Function::strict(2621, "pg_reload_conf", &[], BOOL, done).volatile(),
    Function::strict(2561, "pg_blocking_pids", &[INT4], INT4_ARRAY, blocking_pids).volatile(),
    Function::strict(3376, "pg_safe_snapshot_blocking_pids", &[INT4], INT4_ARRAY, no_pids).volatile(),
    Function::strict(3073, "pg_is_wal_replay_paused", &[], BOOL, no).volatile(),
    Function::strict(2878, "pg_stat_get_live_tuples", &[OID], INT8, live_tuples).stable(),
    Function::strict(2879, "pg_stat_get_dead_tuples", &[OID], INT8, zero).stable(),
    Function::strict(1928, "pg_stat_get_numscans", &[OID], INT8, zero).stable(),
    Function::strict(2274, "pg_stat_reset", &[], VOID, nothing).volatile(),
    Function::strict(waiting::DATABASE_SIZE, "pg_database_size", &[OID], INT8, waits).volatile(),
    Function::strict(waiting::DATABASE_SIZE_NAMED, "pg_database_size", &[NAME], INT8, waits).volatile(),
    Function::strict(waiting::SLEEP, "pg_sleep", &[FLOAT8], VOID, waits).volatile(),
    Function::strict(waiting::SLEEP_FOR, "pg_sleep_for", &[INTERVAL], VOID, waits).volatile(),
    Function::strict(waiting::SLEEP_UNTIL, "pg_sleep_until", &[TIMESTAMPTZ], VOID, waits).volatile(),
    Function::strict(waiting::PROMOTE, "pg_promote", &[BOOL, INT4], BOOL, waits).volatile(),
    Function::strict(waiting::PROMOTE_WAIT, "pg_promote", &[BOOL], BOOL, waits).volatile(),
    Function::strict(waiting::PROMOTE_DEFAULT, "pg_promote", &[], BOOL, waits).volatile(),
    Function::strict(waiting::STATUS, "status", &[], JSON, waits).volatile(),
    Function::strict(waiting::REPLACE_NODE, "replace_storage_node", &[INT4], TEXT, waits).volatile(),
    Function::strict(waiting::REPLACE_NODE_WITH, "replace_storage_node", &[INT4, TEXT], TEXT, waits).volatile(),
    Function::strict(waiting::REVERT_NODE, "revert_storage_node", &[INT4], VOID, waits).volatile(),
    Function::strict(15_920, "last_commit_lsn", &[], PG_LSN, last_commit_lsn).volatile(),
    Function::strict(waiting::WAIT_FOR_LSN, "wait_for_lsn", &[PG_LSN], BOOL, waits).volatile(),
    Function::strict(waiting::WAIT_FOR_LSN_TIMEOUT, "wait_for_lsn", &[PG_LSN, INT4], BOOL, waits).volatile(),
    Function::strict(waiting::RELATION_SIZE, "pg_relation_size", &[REGCLASS], INT8, waits).volatile(),
    Function::strict(waiting::RELATION_SIZE_FORK, "pg_relation_size", &[REGCLASS, TEXT], INT8, waits).volatile(),
    Function::strict(waiting::TABLE_SIZE, "pg_table_size", &[REGCLASS], INT8, waits).volatile(),
    Function::strict(waiting::INDEXES_SIZE, "pg_indexes_size", &[REGCLASS], INT8, waits).volatile(),
    Function::strict(waiting::TOTAL_RELATION_SIZE, "pg_total_relation_size", &[REGCLASS], INT8, waits).volatile(),
];
