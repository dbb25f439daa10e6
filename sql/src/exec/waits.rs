//! Functions that may have to wait: the executor runs them itself.

use std::sync::Arc;
use std::time::Duration;

use engine::{Isolation, TableLockMode, WaitPolicy};
use protocol::page::PAGE_BYTES;
use protocol::{Lsn, NodeId, PageId};
use types::function::add_interval;
use types::{Datum, Error, Function, Result, SqlState};

use super::context::ExecContext;
use super::lift::{Lift, lift};
use crate::catalog::store::sequence_seen;
use crate::catalog::{Privileges, Relation, SequenceDef, TableDef, is_temporary, well_known};
use crate::functions::{LOOKING, Secured, advisory, check_right, has_rights_of, sequence_by_oid, waiting};
use crate::session::{Drawn, Waits, now};

/// Whether the executor runs this function itself.
pub(crate) fn may_wait(function: &Function) -> bool {
    // Every such function is volatile, which most are not.
    function.volatility == types::Volatility::Volatile
        && (advisory::waiting(function.oid).is_some()
            || matches!(
                function.oid,
                waiting::NEXTVAL
                    | waiting::NEXT_OF_IDENTITY
                    | waiting::SETVAL
                    | waiting::SETVAL_CALLED
                    | waiting::SEQUENCE_LAST_VALUE
                    | waiting::SLEEP
                    | waiting::SLEEP_FOR
                    | waiting::SLEEP_UNTIL
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
                    | waiting::DATABASE_SIZE
                    | waiting::DATABASE_SIZE_NAMED
            ))
}

/// The sequence that a function is to change, or to look at.
///
/// # Errors
/// 42809 and 42P01 for what is none, 42501 and 25006 for what may not be.
fn sequence(function: &Function, args: &[Datum], context: &ExecContext) -> Result<Arc<SequenceDef>> {
    let sequence = sequence_by_oid(&context.catalog, args.first().and_then(Datum::as_oid).unwrap_or(0))?;
    let any: &[Privileges] = match function.oid {
        waiting::NEXTVAL => &[Privileges::USAGE, Privileges::UPDATE],
        waiting::SEQUENCE_LAST_VALUE => LOOKING,
        _ => &[Privileges::UPDATE],
    };
    // Who may add a row may number it.
    if function.oid != waiting::NEXT_OF_IDENTITY {
        check_right(&context.session, &context.catalog, sequence, any)?;
    }
    if function.oid != waiting::SEQUENCE_LAST_VALUE {
        check_writable(context, function, sequence)?;
    }
    Ok(sequence.clone())
}

/// Waits for the end of the transaction that is changing a sequence's parameters, if there is one and it is not this
/// one. Returns the sequence as it is then, and opens the generation that counts.
async fn after_change(sequence: &Arc<SequenceDef>, context: &Arc<ExecContext>) -> Result<Arc<SequenceDef>> {
    let object = u64::from(sequence.oid);
    let database = context.catalog.database;
    let view = {
        let mut txn = context.txn().await?;
        let mode = TableLockMode::RowExclusive;
        context.engine().lock_object(&mut txn, object, mode, WaitPolicy::Wait).await.map_err(lift)?;
        // What was committed counts for others; here perhaps a change of this transaction's own, of which a savepoint took
        // back a part. Nobody else has one under way by now, and a GRANT that is leaves the generation alone.
        context.engine().newest(&txn)
    };
    let Some(newest) = sequence_seen(context.engine(), &view, database, sequence).await? else {
        let message = format!("could not open relation with OID {}", sequence.oid);
        return Err(Error::new(SqlState::UNDEFINED_TABLE, message));
    };
    if newest.generation == sequence.generation {
        context.session.database.sequences.open(&newest);
    }
    Ok(Arc::new(newest))
}

fn check_writable(context: &ExecContext, function: &Function, sequence: &SequenceDef) -> Result<()> {
    let is_open = !context.session.is_read_only() || is_temporary(&sequence.schema_name);
    if !is_open && context.engine().is_writer() {
        return Err(refused(function, "in a read-only transaction"));
    }
    check_writer(context, function)
}

fn check_writer(context: &ExecContext, function: &Function) -> Result<()> {
    if context.engine().is_writer() { Ok(()) } else { Err(refused(function, "during recovery")) }
}

fn refused(function: &Function, when: &str) -> Error {
    let message = format!("cannot execute {}() {when}", function.name);
    Error::new(SqlState::READ_ONLY_SQL_TRANSACTION, message)
}

/// The value, if it can be had without waiting.
pub(crate) fn at_once(function: &Function, args: &[Datum], context: &ExecContext) -> Result<Option<Datum>> {
    if !matches!(function.oid, waiting::NEXTVAL | waiting::NEXT_OF_IDENTITY) {
        return Ok(None);
    }
    let sequence = sequence(function, args, context)?;
    let value = context.session.database.sequences.next_at_once(&sequence, &context.session)?;
    Ok(value.map(Datum::Int8))
}

/// Waits for the value.
pub(crate) async fn call(function: &Function, args: &[Datum], context: &Arc<ExecContext>) -> Result<Datum> {
    let session = &context.session;
    if let Some((exclusive, transaction)) = advisory::waiting(function.oid) {
        let request = advisory::request(session, args, exclusive, transaction);
        let timeout = session.variables.timeout("lock_timeout");
        let look = || Waits::of(&session.database).is_deadlocked(request.pid);
        // Its parts are of different moments: a cycle that is one is there again.
        let deadlocked = || look() && look();
        session.database.advisory.lock(request, &context.cancel, timeout, deadlocked).await?;
        return Ok(Datum::text(""));
    }
    match function.oid {
        waiting::TXID_CURRENT | waiting::CURRENT_XACT_ID => {
            check_writer(context, function)?;
            let mut txn = context.txn().await?;
            // Inside a savepoint rows are written under an id of its own, and this is the transaction's.
            let id = match txn.txid() {
                Some(id) => id,
                None => {
                    let innermost = context.engine().assign(&mut txn).await.lift()?;
                    txn.txid().unwrap_or(innermost)
                }
            };
            session.set_transaction(id.0);
            Ok(Datum::Int8(id.0 as i64))
        }
        waiting::NEXTVAL | waiting::NEXT_OF_IDENTITY => {
            let mut sequence = sequence(function, args, context)?;
            loop {
                match session.database.sequences.next(&sequence, session).await? {
                    Drawn::Value(value) => return Ok(Datum::Int8(value)),
                    Drawn::Closed => sequence = after_change(&sequence, context).await?,
                }
            }
        }
        waiting::SETVAL | waiting::SETVAL_CALLED => {
            let mut sequence = sequence(function, args, context)?;
            let value = args[1].as_i64().unwrap_or(0);
            let called = args.get(2).and_then(Datum::as_bool).unwrap_or(true);
            while !session.database.sequences.set(&sequence, value, called, session).await? {
                sequence = after_change(&sequence, context).await?;
            }
            Ok(Datum::Int8(value))
        }
        waiting::SEQUENCE_LAST_VALUE => {
            let sequence = sequence(function, args, context)?;
            let standing = session.database.sequences.read(&sequence, &context.view, session).await?;
            Ok(if standing.called { Datum::Int8(standing.last) } else { Datum::Null })
        }
        waiting::SLEEP | waiting::SLEEP_FOR | waiting::SLEEP_UNTIL => {
            let seconds = seconds_from_now(&args[0], context)?;
            // NaN is no time, either.
            let seconds = if seconds > 0.0 { seconds.min(1e9) } else { 0.0 };
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
        waiting::DATABASE_SIZE | waiting::DATABASE_SIZE_NAMED => database_size(args, context).await,
        _ => relation_size(function.oid, args, context).await,
    }
}

/// So many seconds, those that an interval has from now on, or those until a moment.
///
/// # Errors
/// 22008 when the interval ends where no timestamp is.
fn seconds_from_now(arg: &Datum, context: &ExecContext) -> Result<f64> {
    let now = now();
    let end = match arg {
        Datum::Interval(step) => add_interval(now, *step, Some(&context.settings.timezone))?,
        Datum::Timestamptz(end) => *end,
        seconds => return Ok(seconds.as_f64().unwrap_or(0.0)),
    };
    Ok((end as f64 - now as f64) / 1e6)
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
    if context.engine().is_writer() {
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
    if !context.engine().is_writer() {
        let hint = "Only the writer changes the storage nodes: redoubt.replica_status() names it.";
        return Err(refused(function, "during recovery").hint(hint));
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
    let wait = context.engine().wait_visible(lsn, &context.cancel);
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
    let (message, at) = ("recovery is not in progress", context.engine().visible_up_to());
    Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        .detail(format!("This server is the writer and ends at {at}, before {lsn}: it will not come to have that.")))
}

/// What a tree's pages take, in bytes; nothing if it is gone by now.
async fn tree_bytes(tree: u64, context: &ExecContext) -> Result<u64> {
    match context.engine().tree_pages(PageId(tree), &context.cancel).await {
        Ok(pages) => Ok(pages * PAGE_BYTES as u64),
        Err(engine::Error::NoSuchTree(_)) => Ok(0),
        Err(error) => Err(lift(error)),
    }
}

async fn table_bytes(table: &TableDef, context: &ExecContext, rows: bool, indexes: bool) -> Result<u64> {
    let mut bytes = if rows { tree_bytes(table.tree, context).await? } else { 0 };
    // The primary key's index is the table itself.
    for index in table.indexes.iter().filter(|index| indexes && index.tree != table.tree) {
        bytes += tree_bytes(index.tree, context).await?;
    }
    Ok(bytes)
}

/// `pg_relation_size` and its kin, in bytes. NULL for what does not exist.
async fn relation_size(function: u32, args: &[Datum], context: &ExecContext) -> Result<Datum> {
    let number = args.first().and_then(Datum::as_oid).unwrap_or(0);
    let Some(relation) = context.catalog.relation(number) else { return Ok(Datum::Null) };
    let is_main = match args.get(1).and_then(Datum::as_str) {
        None | Some("main") => true,
        Some("fsm" | "vm" | "init") => false,
        Some(_) => {
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "invalid fork name")
                .hint("Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\"."));
        }
    };
    let (rows, indexes) =
        (function != waiting::INDEXES_SIZE, matches!(function, waiting::INDEXES_SIZE | waiting::TOTAL_RELATION_SIZE));
    let bytes = match relation {
        _ if !is_main => 0,
        Relation::Table(table) => table_bytes(table, context, rows, indexes).await?,
        Relation::Index(index) if rows => {
            let is_table = context.catalog.table(index.table).is_some_and(|table| table.tree == index.tree);
            if is_table { 0 } else { tree_bytes(index.tree, context).await? }
        }
        Relation::Sequence(_) if rows => PAGE_BYTES as u64,
        _ => 0,
    };
    Ok(Datum::Int8(bytes as i64))
}

/// `pg_database_size`: its tables with their indexes. The catalog, which all databases share, is nobody's.
async fn database_size(args: &[Datum], context: &ExecContext) -> Result<Datum> {
    let known = match args.first().and_then(Datum::as_str) {
        Some(name) => {
            let unknown = || Error::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{name}\" does not exist"));
            context.catalog.database_named(name).map(|database| database.oid).ok_or_else(unknown)?
        }
        None => args.first().and_then(Datum::as_oid).unwrap_or(0),
    };
    let Some(database) = context.catalog.database(known) else { return Ok(Datum::Null) };
    let user = context.session.role()?;
    if !Secured::database(database).allows(&context.catalog, &user, Privileges::CONNECT)
        && !has_rights_of(&context.catalog, &user, well_known::PG_READ_ALL_STATS)
    {
        let message = format!("permission denied for database {}", database.name);
        return Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
    }
    let catalog = context.session.database.catalog(known).await?;
    let mut bytes = 0;
    for table in catalog.tables() {
        bytes += table_bytes(table, context, true, true).await?;
    }
    Ok(Datum::Int8(bytes as i64))
}
