//! Plans: trees of relational operators over rows of datums.

use std::sync::Arc;

use types::aggregate::AggregateKind;
use types::{Function, SqlType};

use super::access::Access;
use super::expr::Expr;
use crate::catalog::{SequenceDef, TableDef, VirtualRelation};

/// A node and the columns it yields.
#[derive(Clone, Debug)]
pub struct Plan {
    pub node: Node,
    pub fields: Vec<Field>,
}

/// One output column.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: Arc<str>,
    /// The alias of the table it comes from, for printing.
    pub relation: Option<Arc<str>>,
    pub ty: SqlType,
}

#[derive(Clone, Debug)]
pub enum Node {
    /// Rows of expressions without an input row (frames and parameters only). No rows at all is possible;
    /// one row of no columns is the input of a SELECT without FROM.
    Values(Vec<Vec<Expr>>),
    Scan(Box<Scan>),
    Function(Box<FunctionScan>),
    /// Rows for which the predicate is true. Made by [`Plan::filtered`].
    Filter {
        input: Box<Plan>,
        predicate: Expr,
        /// Whether the predicate is [`Expr::is_one_time`]: subqueries in it are walked once, and not for each run of the plan.
        once: bool,
    },
    Project {
        input: Box<Plan>,
        exprs: Vec<Expr>,
    },
    /// A select list with set-returning functions: see [`ProjectItem`].
    ProjectSet {
        input: Box<Plan>,
        items: Vec<ProjectItem>,
    },
    Join(Box<Join>),
    Aggregate(Box<Aggregate>),
    /// The input row followed by one value per call.
    Window {
        input: Box<Plan>,
        calls: Vec<WindowCall>,
    },
    Sort {
        input: Box<Plan>,
        keys: Vec<SortKey>,
    },
    /// One row of each set of equal ones: equal in all columns, or in the expressions of DISTINCT ON, of which the first
    /// row in input order is kept (the input is sorted by them first if the statement says ORDER BY).
    Distinct {
        input: Box<Plan>,
        on: Option<Vec<Expr>>,
    },
    /// `limit` and `offset` are int8 without an input row; a null limit is none. Negative: 2201W, 2201X. Without any of them it
    /// is a fence: see [`Plan::fenced`].
    Limit {
        input: Box<Plan>,
        limit: Option<Expr>,
        offset: Option<Expr>,
        with_ties: Option<Vec<SortKey>>,
    },
    SetOp(Box<SetOp>),
    /// Makes the queries available to [`Node::CteScan`] inside the body; each is run at most once, when first read.
    With {
        ctes: Vec<Cte>,
        body: Box<Plan>,
    },
    /// The rows of the query with this number. Numbers are unique within a statement.
    CteScan {
        id: usize,
        name: Arc<str>,
    },
    /// The rows of the previous round of the enclosing recursive query with this number.
    WorkTable {
        id: usize,
        name: Arc<str>,
    },
    LockRows(Box<LockRows>),
}

/// A table read.
#[derive(Clone, Debug)]
pub struct Scan {
    pub relation: Relation,
    /// The name it goes by in the statement.
    pub alias: Arc<str>,
    /// What the output row consists of.
    pub columns: Vec<ScanColumn>,
    pub access: Access,
    /// Over the output row; what the access already guarantees is not repeated here.
    pub filter: Option<Expr>,
}

#[derive(Clone, Debug)]
pub enum Relation {
    Table(Arc<TableDef>),
    /// A relation of pg_catalog or information_schema computed from the catalog snapshot.
    Virtual(&'static VirtualRelation),
    /// One row: where the sequence stands.
    Sequence(Arc<SequenceDef>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScanColumn {
    /// A position in the table's columns (attribute number less one).
    Attribute(usize),
    System(SystemColumn),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SystemColumn {
    /// The row's key in the table's tree, as bytea: what an UPDATE, a DELETE or a row lock needs to find it again.
    Key,
    TableOid,
    Ctid,
    Xmin,
    Xmax,
    Cmin,
    Cmax,
}

impl SystemColumn {
    /// All of them, in the order in which they stand behind a table's columns.
    pub const ALL: [SystemColumn; 7] = [
        SystemColumn::Key,
        SystemColumn::TableOid,
        SystemColumn::Ctid,
        SystemColumn::Xmin,
        SystemColumn::Xmax,
        SystemColumn::Cmin,
        SystemColumn::Cmax,
    ];
}

/// Functions in FROM: their rows side by side, the shorter ones filled up with nulls.
#[derive(Clone, Debug)]
pub struct FunctionScan {
    /// Each a call (set-returning or not), or another expression that yields one row.
    pub calls: Vec<Expr>,
    /// How many columns each yields: one unless the function returns records.
    pub widths: Vec<usize>,
    /// A last column that numbers the rows from 1 (int8).
    pub ordinality: bool,
}

/// An item of a select list with set-returning functions.
#[derive(Clone, Debug)]
pub enum ProjectItem {
    Scalar(Expr),
    /// A set-returning call at the top of the expression. Sets of one list advance in step; the row ends with the
    /// longest, shorter ones giving nulls.
    Set {
        function: &'static Function,
        args: Vec<Expr>,
        ty: SqlType,
    },
}

#[derive(Clone, Debug)]
pub struct Join {
    pub kind: JoinKind,
    pub left: Plan,
    pub right: Plan,
    /// Pairs of equal expressions, left ones over the left row, right ones over the right row: what a hash join hashes.
    /// Each pair is of one type (`Datum::compare` decides, of char(n) without the blanks at its end) and a null never
    /// matches.
    pub keys: Vec<(Expr, Expr)>,
    /// What must hold besides, over the left row followed by the right row.
    pub filter: Option<Expr>,
    /// The right side is run once per left row, which it sees as a frame.
    pub lateral: bool,
    /// A sort was left out above because the left side's rows come in its order: the result must keep it. Set by the
    /// planner.
    pub ordered: bool,
}

/// Left, inner, semi and anti joins can keep the left side's order. Semi and anti joins yield the left columns only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    /// Left rows with at least one match.
    Semi,
    /// Left rows without a match (a null comparison is no match: NOT EXISTS, not NOT IN).
    Anti,
}

/// Yields the keys, then the results of the calls, then those of GROUPING. Without keys there is one group, even of no rows.
#[derive(Clone, Debug)]
pub struct Aggregate {
    pub input: Plan,
    pub keys: Vec<Expr>,
    pub calls: Vec<AggregateCall>,
    /// For GROUPING SETS, ROLLUP and CUBE: the indexes of the keys that take part in each set; the others are null there.
    pub grouping_sets: Option<Vec<Vec<usize>>>,
    /// The keys that each GROUPING asks for. It yields a bit for each, the last one the lowest, which is set when the key takes
    /// no part in the group's set.
    pub groupings: Vec<Vec<usize>>,
}

#[derive(Clone, Debug)]
pub struct AggregateCall {
    pub aggregate: &'static types::aggregate::Aggregate,
    /// None for `count(*)`. Of an ordered-set aggregate the direct ones, which have one value in each group.
    pub args: Vec<Expr>,
    pub distinct: bool,
    /// Of an ordered-set aggregate that of WITHIN GROUP.
    pub order: Vec<SortKey>,
    pub filter: Option<Expr>,
    pub ty: SqlType,
}

#[derive(Clone, Debug)]
pub struct WindowCall {
    pub function: WindowFunction,
    pub args: Vec<Expr>,
    pub partition: Vec<Expr>,
    pub order: Vec<SortKey>,
    pub frame: WindowFrame,
    pub filter: Option<Expr>,
    pub ty: SqlType,
}

#[derive(Clone, Copy, Debug)]
pub enum WindowFunction {
    Aggregate(&'static types::aggregate::Aggregate),
    RowNumber,
    Rank,
    DenseRank,
    PercentRank,
    CumeDist,
    Ntile,
    Lag,
    Lead,
    FirstValue,
    LastValue,
    NthValue,
}

#[derive(Clone, Debug)]
pub struct WindowFrame {
    pub mode: FrameMode,
    pub start: FrameBound,
    pub end: FrameBound,
    pub exclude: FrameExclusion,
}

/// The rows that a frame leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameExclusion {
    NoOthers,
    CurrentRow,
    /// The current row and its peers.
    Group,
    /// The peers of the current row.
    Ties,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameMode {
    Rows,
    Range,
    Groups,
}

#[derive(Clone, Debug)]
pub enum FrameBound {
    UnboundedPreceding,
    Preceding(Expr),
    CurrentRow,
    Following(Expr),
    UnboundedFollowing,
}

/// Values compare by `Datum::compare`.
#[derive(Clone, Debug)]
pub struct SortKey {
    pub expr: Expr,
    pub descending: bool,
    pub nulls_first: bool,
}

#[derive(Clone, Debug)]
pub struct SetOp {
    pub kind: SetOpKind,
    pub all: bool,
    /// Both sides have the node's types.
    pub left: Plan,
    pub right: Plan,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetOpKind {
    Union,
    Intersect,
    Except,
}

#[derive(Clone, Debug)]
pub struct Cte {
    pub id: usize,
    pub name: Arc<str>,
    pub plan: Plan,
    /// `WITH RECURSIVE`: rounds of this plan over [`Node::WorkTable`] follow `plan` until one yields nothing.
    pub recursive: Option<Plan>,
    /// UNION rather than UNION ALL: rows seen before are dropped.
    pub distinct: bool,
}

/// `FOR UPDATE` and its kin: locks the rows of the tables from which each input row was made, and yields the row.
///
/// At READ COMMITTED, when a row was changed meanwhile, its columns are read again and `recheck` decides, in its order,
/// whether the row still belongs to the result.
#[derive(Clone, Debug)]
pub struct LockRows {
    pub input: Plan,
    pub locks: Vec<RowLock>,
    /// The query's WHERE and join conditions over the input row.
    pub recheck: Vec<Recheck>,
}

/// A condition that held when a row was made. Where it does not hold any more the row goes, or, if it is that of an outer
/// join, these columns become null.
#[derive(Clone, Debug)]
pub struct Recheck {
    pub condition: Expr,
    pub nulls: Vec<usize>,
}

#[derive(Clone, Debug)]
pub struct RowLock {
    pub table: Arc<TableDef>,
    /// Where the input row holds the row's key (null on the null-extended side of an outer join: nothing to lock).
    pub key: usize,
    /// (index in the input row, what it is): the values to read again after a change.
    pub columns: Vec<(usize, ScanColumn)>,
    pub strength: LockStrength,
    pub wait: LockWait,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LockStrength {
    KeyShare,
    Share,
    NoKeyUpdate,
    Update,
}

/// In the order of their strictness: of several the last counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LockWait {
    Block,
    SkipLocked,
    /// 55P03 if another transaction holds the row.
    NoWait,
}

impl AggregateCall {
    /// The arguments that are the group's and not those of a row.
    pub fn direct(&self) -> &[Expr] {
        if self.aggregate.kind == AggregateKind::Normal { &[] } else { &self.args }
    }

    /// Calls `each` with the arguments, the sort keys and the filter.
    pub fn parts(&self, each: &mut dyn FnMut(&Expr)) {
        self.args.iter().chain(self.order.iter().map(|key| &key.expr)).chain(&self.filter).for_each(each);
    }

    /// As [`AggregateCall::parts`], to change them.
    pub fn parts_mut(&mut self, each: &mut dyn FnMut(&mut Expr)) {
        let order = self.order.iter_mut().map(|key| &mut key.expr);
        self.args.iter_mut().chain(order).chain(&mut self.filter).for_each(each);
    }
}

impl Plan {
    pub fn new(node: Node, fields: Vec<Field>) -> Plan {
        Plan { node, fields }
    }

    /// The rows of a plan for which a predicate is true.
    pub fn filtered(self, predicate: Expr) -> Plan {
        let fields = self.fields.clone();
        let once = predicate.is_one_time();
        Plan { node: Node::Filter { input: Box::new(self), predicate, once }, fields }
    }

    /// The same rows, and no condition from above sees any other: none goes below that could tell of a row by failing.
    pub fn fenced(self) -> Plan {
        let fields = self.fields.clone();
        Plan { node: Node::Limit { input: Box::new(self), limit: None, offset: None, with_ties: None }, fields }
    }

    /// One row of no columns.
    pub fn one_row() -> Plan {
        Plan { node: Node::Values(vec![Vec::new()]), fields: Vec::new() }
    }

    pub fn types(&self) -> Vec<SqlType> {
        self.fields.iter().map(|field| field.ty).collect()
    }

    pub fn width(&self) -> usize {
        self.fields.len()
    }
}

impl Field {
    pub fn new(name: impl Into<Arc<str>>, ty: SqlType) -> Field {
        Field { name: name.into(), relation: None, ty }
    }
}
