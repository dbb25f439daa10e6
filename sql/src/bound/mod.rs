//! The typed tree: what the binder makes of a statement, the planner rearranges, and the executors run.
//!
//! Everything is resolved here: tables are catalog definitions, functions and operators are rows of the registry, every
//! expression has a type and every conversion is written out. An executor needs no names, no type rules and no catalog.
//!
//! **Rows.** A [`Plan`] node yields rows of as many values as it has [`Plan::fields`]. An expression of a node reads the
//! node's *input* row by [`Expr::Column`]: for a join the left row followed by the right one, for a scan the scan's own
//! output row.
//!
//! **Frames.** A plan may depend on a row outside it: a correlated subquery on the row its expression is evaluated
//! over, the right side of a lateral join on the left row. Whoever runs such an inner plan pushes that row as a frame;
//! inside, [`Expr::Outer`] with depth 0 reads the innermost frame, depth 1 the next one out, and so on. Exactly two places
//! push a frame: [`Subquery`] and [`Join`] with `lateral` set. An expression directly in the inner plan therefore sees its
//! frame at depth 0; an expression in a subquery of the inner plan sees it at depth 1.

pub mod access;
pub mod ddl;
pub mod deparse;
pub mod dml;
pub mod expr;
pub mod plan;
mod same;
pub mod statement;
pub mod walk;

pub use access::{Access, AnyKey, Fit, IndexAccess, KeyBound};
pub use ddl::{
    AlterColumn, AlterIndex, AlterTable, AlterView, CheckOption, ColumnSpec, ConstraintKind, ConstraintSpec,
    CreateIndex, CreateTable, CreateTableAs, CreateView, DatabaseChange, DatabaseOptions, Ddl, DropKind,
    ForeignKeyAction, Grant, GrantTarget, Identity, IndexSpec, NewDatabase, OnCommit, RoleOption, SequenceOptions,
};
pub use dml::{
    Assignment, Check, ConflictAction, Copy, CopyDirection, CopyEnd, CopyFormat, CopyOptions, Delete, Insert,
    OnConflict, Update,
};
pub use expr::{
    BoolTest, CallExpr, CaseArm, CaseExpr, CastExpr, Expr, MinMax, RowCompare, Subquery, SubqueryKind, Subscript,
};
pub use plan::{
    Aggregate, AggregateCall, Cte, Field, FrameBound, FrameExclusion, FrameMode, FunctionScan, Join, JoinKind,
    LockRows, LockStrength, LockWait, Node, Plan, ProjectItem, Recheck, Relation, RowLock, Scan, ScanColumn, SetOp,
    SetOpKind, SortKey, SystemColumn, WindowCall, WindowFrame, WindowFunction,
};
pub use statement::{
    AccessMode, Bound, CursorSpec, Explain, ExplainFormat, FetchDirection, Isolation, LockMode, Notice, Query,
    Required, ResultColumn, SetScope, SetValue, Statement, TransactionModes, TransactionStatement, WaitForLsn,
    WithPart,
};
