//! [`Statement`]: one bound SQL statement, and [`Bound`], what binding yields.

use std::sync::Arc;
use std::time::Duration;

use types::{Datum, SqlState, SqlType};

use super::ddl::Ddl;
use super::dml::{Copy, Delete, Insert, Update};
use super::expr::Expr;
use super::plan::{Cte, LockStrength, Plan};
use crate::catalog::{Privileges, TableDef};

/// What binding yields: the statement, and what its caller needs to know besides.
#[derive(Clone, Debug)]
pub struct Bound {
    pub statement: Statement,
    /// The types of `$1`, `$2` ...: those given by the caller, or else inferred.
    pub params: Vec<SqlType>,
    /// What the user must be allowed to do for the statement to run; to be checked at execution.
    pub required: Vec<Required>,
    /// To be sent before the statement runs.
    pub notices: Vec<Notice>,
    /// The WITH clause, if it changes rows: to be run first, in order. Elsewhere WITH is part of the plan.
    pub with: Vec<WithPart>,
    /// A literal such as `'now'` was read as a time: the statement means something else a moment later.
    pub reads_clock: bool,
}

/// One query of a WITH clause that changes rows. [`Node::CteScan`](super::Node::CteScan) reads what it yields.
#[derive(Clone, Debug)]
pub enum WithPart {
    /// Run when first read.
    Query(Cte),
    /// An INSERT, UPDATE or DELETE, whose RETURNING is what the query numbered `id` yields.
    Change { id: usize, name: Arc<str>, statement: Statement },
}

/// A privilege that a statement needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Required {
    pub relation: u32,
    pub privileges: Privileges,
    /// The role whose privileges count: a view's owner for what the view reads, else the current user.
    pub role: Option<u32>,
    /// Whether the statement names the relation itself, and not only views that it reads.
    pub is_named: bool,
}

/// A notice or warning to the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// `NOTICE` or `WARNING`.
    pub severity: &'static str,
    pub sqlstate: SqlState,
    pub message: String,
}

#[derive(Clone, Debug)]
pub enum Statement {
    Query(Query),
    Insert(Arc<Insert>),
    Update(Arc<Update>),
    Delete(Arc<Delete>),
    Copy(Arc<Copy>),
    Ddl(Ddl),
    Transaction(TransactionStatement),
    /// `SET name`; `SET TRANSACTION` is a [`Statement::Transaction`].
    Set {
        scope: SetScope,
        name: String,
        value: SetValue,
    },
    /// By oid, those that can be deferred; `None` is ALL.
    SetConstraints {
        constraints: Option<Vec<u32>>,
        deferred: bool,
    },
    /// `None` is ALL.
    Reset {
        name: Option<String>,
    },
    /// `None` is ALL.
    Show {
        name: Option<String>,
    },
    Explain(Box<Explain>),
    /// `PREPARE name (types) AS statement`: the text is bound again, with these parameter types, when prepared.
    Prepare {
        name: String,
        types: Vec<SqlType>,
        text: String,
    },
    /// The arguments are expressions without an input row; the session converts them to the parameters' types.
    Execute {
        name: String,
        args: Vec<Expr>,
    },
    /// `None` is ALL.
    Deallocate {
        name: Option<String>,
    },
    Declare(Box<CursorSpec>),
    /// FETCH, or MOVE when `moving`.
    Fetch {
        cursor: String,
        direction: FetchDirection,
        moving: bool,
    },
    /// `None` is ALL.
    Close {
        cursor: Option<String>,
    },
    /// The tables to work on; empty means all of the database.
    Vacuum {
        tables: Vec<Arc<TableDef>>,
        analyze: bool,
        full: bool,
        verbose: bool,
    },
    Analyze {
        tables: Vec<Arc<TableDef>>,
        verbose: bool,
    },
    Truncate {
        tables: Vec<Arc<TableDef>>,
        restart_identity: bool,
        cascade: bool,
    },
    Lock {
        tables: Vec<Arc<TableDef>>,
        mode: LockMode,
        nowait: bool,
    },
    /// `DISCARD ALL | PLANS | SEQUENCES | TEMP`, in capitals.
    Discard(&'static str),
    Checkpoint,
    /// A channel.
    Listen(String),
    /// A channel, or all.
    Unlisten(Option<String>),
    Notify {
        channel: String,
        payload: String,
    },
    WaitForLsn(WaitForLsn),
    /// Nothing between semicolons.
    Empty,
}

/// `WAIT FOR LSN '0/16B3748' [TIMEOUT 500 | WITH (TIMEOUT '1s', NO_THROW)]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitForLsn {
    pub lsn: u64,
    pub timeout: Option<Duration>,
    /// A status instead of an error when the wait does not succeed.
    pub no_throw: bool,
}

#[derive(Clone, Debug)]
pub struct Query {
    pub plan: Arc<Plan>,
    pub columns: Arc<[ResultColumn]>,
    /// How it locks rows (FOR UPDATE ...): refused in a read-only transaction.
    pub row_lock: Option<LockStrength>,
}

/// What RowDescription says of a column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResultColumn {
    pub name: Arc<str>,
    pub ty: SqlType,
    /// The table's oid and attribute number, if the column is one of a table; else 0.
    pub table: u32,
    pub attribute: i16,
}

#[derive(Clone, Debug)]
pub enum TransactionStatement {
    Begin(TransactionModes),
    /// `START TRANSACTION`, which differs from BEGIN in its tag.
    Start(TransactionModes),
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    Savepoint(String),
    Release(String),
    RollbackTo(String),
    /// `SET TRANSACTION`.
    SetModes(TransactionModes),
    /// `SET SESSION CHARACTERISTICS AS TRANSACTION`.
    SetSessionModes(TransactionModes),
}

/// `None`: not said.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TransactionModes {
    pub isolation: Option<Isolation>,
    pub access: Option<AccessMode>,
    pub deferrable: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessMode {
    ReadWrite,
    ReadOnly,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetScope {
    Session,
    Local,
}

#[derive(Clone, PartialEq, Debug)]
pub enum SetValue {
    Default,
    /// As text; a list (search_path) has several.
    Values(Vec<String>),
}

#[derive(Clone, Debug)]
pub struct Explain {
    pub statement: Statement,
    pub analyze: bool,
    pub verbose: bool,
    pub costs: bool,
    pub timing: bool,
    pub summary: bool,
    pub buffers: bool,
    pub format: ExplainFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExplainFormat {
    Text,
    Json,
}

#[derive(Clone, Debug)]
pub struct CursorSpec {
    pub name: String,
    pub query: Query,
    pub binary: bool,
    /// `None`: not said.
    pub scroll: Option<bool>,
    pub hold: bool,
}

/// Where FETCH goes. Counts may be negative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchDirection {
    Forward(i64),
    ForwardAll,
    Backward(i64),
    BackwardAll,
    Absolute(i64),
    Relative(i64),
}

/// Table lock modes, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LockMode {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

impl Statement {
    /// The columns of its result; empty if it yields no rows. SHOW, EXPLAIN, EXECUTE and FETCH depend on more than the
    /// statement: the session answers for them.
    pub fn columns(&self) -> &[ResultColumn] {
        match self {
            Statement::Query(query) => &query.columns,
            Statement::Insert(insert) => &insert.columns,
            Statement::Update(update) => &update.columns,
            Statement::Delete(delete) => &delete.columns,
            _ => &[],
        }
    }
}

impl ResultColumn {
    pub fn new(name: impl Into<Arc<str>>, ty: SqlType) -> ResultColumn {
        ResultColumn { name: name.into(), ty, table: 0, attribute: 0 }
    }
}

/// Reads back a value of a constant expression.
pub fn constant(expr: &Expr) -> Option<&Datum> {
    match expr {
        Expr::Const { value, .. } => Some(value),
        _ => None,
    }
}
