//! Functions that may have to wait: the executor runs them itself.

use std::sync::Arc;
use std::time::Duration;

use engine::{Isolation, TableLockMode, WaitPolicy};
use protocol::{Lsn, NodeId};
use types::{Datum, Error, Function, Result, SqlState};

use super::context::ExecContext;
use super::lift::{Lift, lift};
use crate::catalog::SequenceDef;
use crate::catalog::store::newest_sequence;
use crate::functions::{advisory, waiting};
use crate::session::Drawn;

/// Whether the executor runs this function itself.
pub(crate) fn may_wait(function: &Function) -> bool {
    // Every such function is volatile, which most are not.
    function.volatility == types::Volatility::Volatile
        && (advisory::waiting(function.oid).is_some()
            || matches!(
                function.oid,
                waiting::NEXTVAL
                    | waiting::SETVAL
                    | waiting::SETVAL_CALLED
                    | waiting::SLEEP
                    | waiting::PROMOTE
                    | waiting::PROMOTE_DEFAULT
                    | waiting::PROMOTE_WAIT
                    | waiting::STATUS
                    | waiting::WAIT_FOR_LSN
                    | waiting::WAIT_FOR_LSN_TIMEOUT
                    | waiting::REPLACE_NODE
                    | waiting::REPLACE_NODE_WITH
                    | waiting::REVERT_NODE
                    | waiting::TXID_CURRENT
                    | waiting::CURRENT_XACT_ID
                    | waiting::RELATION_SIZE
                    | waiting::RELATION_SIZE_FORK
                    | waiting::TABLE_SIZE
                    | waiting::INDEXES_SIZE
                    | waiting::TOTAL_RELATION_SIZE
            ))
}

fn sequence(args: &[Datum], context: &ExecContext) -> Result<Arc<SequenceDef>> {
    let number = args.first().and_then(Datum::as_oid).unwrap_or(0);
    if let Some(sequence) = context.catalog.sequence(number) {
        return Ok(sequence.clone());
    }
    match context.catalog.relation(number) {
        Some(other) => Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a sequence", other.name()))),
        None => Err(Error::new(SqlState::UNDEFINED_TABLE, format!("could not open relation with OID {number}"))),
    }
}

/// Waits for the end of the transaction that is changing a sequence's parameters, unless that is this one. Returns the
/// sequence as it is then, and opens the generation that counts.
async fn after_change(sequence: &Arc<SequenceDef>, context: &Arc<ExecContext>) -> Result<Arc<SequenceDef>> {
    let object = u64::from(sequence.oid);
    let mut txn = context.txn().await?;
    let mode = TableLockMode::RowExclusive;
    context.engine.lock_object(&mut txn, object, mode, WaitPolicy::Wait).await.map_err(lift)?;
    // What was committed counts for others; here perhaps a change of this transaction's own, of which a savepoint took
    // back a part.
    let Some(newest) = newest_sequence(&context.engine, &mut txn, context.catalog.database, sequence).await? else {
        let message = format!("could not open relation with OID {}", sequence.oid);
        return Err(Error::new(SqlState::UNDEFINED_TABLE, message));
    };
    if newest.generation == sequence.generation {
        context.session.database.sequences.open(&newest);
    }
    Ok(Arc::new(newest))
}

fn check_writable(context: &ExecContext, function: &Function) -> Result<()> {
    if !context.session.is_read_only() && context.engine.is_writer() {
        return Ok(());
    }
    let what = if context.engine.is_writer() { "in a read-only transaction" } else { "during recovery" };
    let message = format!("cannot execute {}() {what}", function.name);
    Err(Error::new(SqlState::READ_ONLY_SQL_TRANSACTION, message))
}

/// The value, if it can be had without waiting.
pub(crate) fn at_once(function: &Function, args: &[Datum], context: &ExecContext) -> Result<Option<Datum>> {
    if function.oid != waiting::NEXTVAL {
        return Ok(None);
    }
    check_writable(context, function)?;
    let sequence = sequence(args, context)?;
    let value = context.session.database.sequences.next_at_once(&sequence, &context.session)?;
    Ok(value.map(Datum::Int8))
}

/// Waits for the value.
pub(crate) async fn call(function: &Function, args: &[Datum], context: &Arc<ExecContext>) -> Result<Datum> {
    let session = &context.session;
    if let Some((exclusive, transaction)) = advisory::waiting(function.oid) {
        let (key, scope) = (advisory::key(session, args), advisory::scope(session, transaction));
        let timeout = session.variables.timeout("lock_timeout");
        let (locks, pid) = (&session.database.advisory, session.backend.pid);
        locks.lock(key, pid, exclusive, scope, &context.cancel, timeout).await?;
        return Ok(Datum::text(""));
    }
    match function.oid {
        waiting::TXID_CURRENT | waiting::CURRENT_XACT_ID => {
            if !context.engine.is_writer() {
                check_writable(context, function)?;
            }
            let mut txn = context.txn().await?;
            let id = context.engine.assign(&mut txn).await.lift()?;
            session.set_transaction(id.0);
            Ok(Datum::Int8(id.0 as i64))
        }
        waiting::NEXTVAL => {
            check_writable(context, function)?;
            let mut sequence = sequence(args, context)?;
            loop {
                match session.database.sequences.next(&sequence, session).await? {
                    Drawn::Value(value) => return Ok(Datum::Int8(value)),
                    Drawn::Closed => sequence = after_change(&sequence, context).await?,
                }
            }
        }
        waiting::SETVAL | waiting::SETVAL_CALLED => {
            check_writable(context, function)?;
            let mut sequence = sequence(args, context)?;
            let value = args[1].as_i64().unwrap_or(0);
            let called = args.get(2).and_then(Datum::as_bool).unwrap_or(true);
            while !session.database.sequences.set(&sequence, value, called, session).await? {
                sequence = after_change(&sequence, context).await?;
            }
            Ok(Datum::Int8(value))
        }
        waiting::SLEEP => {
            let seconds = args[0].as_f64().unwrap_or(0.0).clamp(0.0, 1e9);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs_f64(seconds)) => Ok(Datum::Text("".into())),
                () = context.cancel.cancelled() => Err(lift(engine::Error::Cancelled)),
            }
        }
        waiting::PROMOTE | waiting::PROMOTE_DEFAULT | waiting::PROMOTE_WAIT => promote(args, context).await,
        waiting::WAIT_FOR_LSN | waiting::WAIT_FOR_LSN_TIMEOUT => wait_for_lsn(args, context).await,
        waiting::REPLACE_NODE | waiting::REPLACE_NODE_WITH | waiting::REVERT_NODE => {
            tokio::select! {
                changed = change_members(function, args, context) => changed,
                // What was begun goes on, and can be reverted.
                () = context.cancel.cancelled() => Err(lift(engine::Error::Cancelled)),
            }
        }
        waiting::STATUS => Ok(Datum::Text(session.database.admin()?.status_json().await?.into())),
        _ => relation_size(function.oid, args, context),
    }
}

/// `pg_promote(wait, wait_seconds)`: whether this server is the writer when it returns, or will be when nobody waits.
async fn promote(args: &[Datum], context: &ExecContext) -> Result<Datum> {
    /// As PostgreSQL has it.
    const WAIT_SECONDS: i64 = 60;
    let session = &context.session;
    if !session.is_superuser() {
        let message = "permission denied for function pg_promote";
        return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
    }
    let waits = args.first().and_then(Datum::as_bool).unwrap_or(true);
    let seconds = args.get(1).and_then(Datum::as_i64).unwrap_or(WAIT_SECONDS);
    let Some(seconds) = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0) else {
        let message = "\"wait_seconds\" must not be negative or zero";
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
    };
    if context.engine.is_writer() {
        return Ok(Datum::Bool(true));
    }
    let admin = session.database.admin()?.clone();
    if !waits {
        tokio::spawn(async move { admin.promote().await });
        return Ok(Datum::Bool(true));
    }
    // One that nobody waits for any more is given up by the server, unless it is about to succeed.
    tokio::select! {
        promoted = admin.promote() => promoted.map(|()| Datum::Bool(true)),
        () = tokio::time::sleep(Duration::from_secs(seconds)) => Ok(Datum::Bool(false)),
        () = context.cancel.cancelled() => Err(lift(engine::Error::Cancelled)),
    }
}

/// `redoubt.replace_storage_node` and `redoubt.revert_storage_node`.
async fn change_members(function: &Function, args: &[Datum], context: &ExecContext) -> Result<Datum> {
    let session = &context.session;
    if !session.is_superuser() {
        let message = format!("permission denied for function {}", function.name);
        return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
    }
    if !context.engine.is_writer() {
        let message = format!("cannot execute {}() during recovery", function.name);
        return Err(Error::new(SqlState::READ_ONLY_SQL_TRANSACTION, message)
            .hint("Only the writer changes the storage nodes: redoubt.replica_status() names it."));
    }
    let number = args[0].as_i64().unwrap_or(-1);
    let unknown = || Error::new(SqlState::UNDEFINED_OBJECT, format!("there is no storage node {number}"));
    let node = NodeId(u32::try_from(number).map_err(|_| unknown())?);
    let admin = session.database.admin()?;
    if function.oid == waiting::REVERT_NODE {
        admin.revert_storage_node(node).await?;
        return Ok(Datum::text(""));
    }
    let address = args.get(1).and_then(Datum::as_str).map(str::to_owned);
    Ok(Datum::text(&admin.replace_storage_node(node, address).await?))
}

/// Whether new snapshots show everything up to an LSN, after waiting for it for so many milliseconds, or for ever.
async fn wait_for_lsn(args: &[Datum], context: &ExecContext) -> Result<Datum> {
    let lsn = Lsn(args[0].as_i64().unwrap_or(0) as u64);
    if context.isolation == Isolation::RepeatableRead && context.view.snapshot().lsn() < lsn {
        let message = "waiting does not change the snapshot of a REPEATABLE READ transaction";
        return Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message)
            .hint("Use the statement WAIT FOR LSN before the first query."));
    }
    let wait = context.engine.wait_visible(lsn, &context.cancel);
    let waited = match args.get(1).and_then(Datum::as_i64) {
        None => wait.await,
        Some(milliseconds) => {
            let timeout = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
            match tokio::time::timeout(timeout, wait).await {
                Ok(waited) => waited,
                Err(_) => return Ok(Datum::Bool(false)),
            }
        }
    };
    if waited.map_err(lift)? {
        return Ok(Datum::Bool(true));
    }
    let (message, at) = ("recovery is not in progress", context.engine.visible_up_to());
    Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        .detail(format!("This server is the writer and ends at {at}, before {lsn}: it will not come to have that.")))
}

/// Trees are not counted page by page; the size is estimated from the rows counted at the last ANALYZE.
fn relation_size(function: u32, args: &[Datum], context: &ExecContext) -> Result<Datum> {
    const PAGE_BYTES: f64 = 8192.0;
    let number = args.first().and_then(Datum::as_oid).unwrap_or(0);
    let pages = |rows: f64, width: f64| (rows.max(0.0) * width / PAGE_BYTES).ceil().max(1.0) * PAGE_BYTES;
    let table = context.catalog.table(number);
    let index = context.catalog.index(number);
    let table_bytes =
        |table: &crate::catalog::TableDef| pages(table.estimated_rows, 24.0 + 12.0 * table.columns.len() as f64);
    let index_bytes = |table: &crate::catalog::TableDef, index: &crate::catalog::IndexDef| {
        pages(table.estimated_rows, 24.0 + 10.0 * index.columns.len() as f64)
    };
    let indexes = |table: &crate::catalog::TableDef| -> f64 {
        table.indexes.iter().filter(|index| index.tree != table.tree).map(|index| index_bytes(table, index)).sum()
    };
    let bytes = match (function, table, index) {
        (waiting::INDEXES_SIZE, Some(table), _) => indexes(table),
        (waiting::TOTAL_RELATION_SIZE, Some(table), _) => table_bytes(table) + indexes(table),
        (_, Some(table), _) => table_bytes(table),
        (waiting::INDEXES_SIZE, None, _) => 0.0,
        (_, None, Some(index)) => context.catalog.table(index.table).map_or(0.0, |table| index_bytes(table, index)),
        (_, None, None) => match context.catalog.relation(number) {
            Some(crate::catalog::Relation::Sequence(_)) => PAGE_BYTES,
            Some(_) => 0.0,
            None => return Ok(Datum::Null),
        },
    };
    Ok(Datum::Int8(bytes as i64))
}
