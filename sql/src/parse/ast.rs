//! The syntax tree: what was written, before names and types mean anything.
//!
//! `pos` is a byte offset into the text. Identifiers are folded and cut already. Conjunctions and disjunctions are
//! lists, so that a long chain is wide rather than deep; every [`Expr`] knows its height, which the parser bounds.

use crate::bound::{
    CopyFormat, DatabaseChange, ExplainFormat, FetchDirection, ForeignKeyAction, Identity, LockMode, LockStrength,
    LockWait, NewDatabase, OnCommit, RoleOption, SetOpKind, SetScope, SetValue, TransactionStatement, WaitForLsn,
};
use crate::catalog::Timing;

/// A name of up to three parts (catalog, schema, object).
#[derive(Clone, Debug)]
pub struct Name {
    pub parts: Vec<String>,
    pub pos: u32,
}

#[derive(Clone, Debug)]
pub struct Ident {
    pub name: String,
    pub pos: u32,
}

/// A type as written. `names` holds the parts; the standard's spellings are one part (`double precision`).
#[derive(Clone, Debug)]
pub struct TypeName {
    pub names: Vec<String>,
    /// Written in quotes or with a schema: an internal name, no spelling of the standard's.
    pub exact: bool,
    pub modifiers: Vec<Expr>,
    /// Brackets behind it.
    pub array: bool,
    /// `INTERVAL DAY TO SECOND`: PostgreSQL's mask of fields.
    pub interval_fields: Option<i32>,
    pub pos: u32,
}

#[derive(Clone, Debug)]
pub struct Expr {
    pub pos: u32,
    /// The longest way down to a leaf, through subqueries too.
    pub height: u32,
    pub kind: ExprKind,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `a`, `t.a`, `s.t.a`.
    Column(Vec<String>),
    /// `*`, `t.*`.
    Star(Vec<String>),
    /// From 1.
    Param(u32),
    Null,
    Bool(bool),
    /// Digits only.
    Integer(String),
    Decimal(String),
    String(String),
    Cast {
        arg: Box<Expr>,
        ty: TypeName,
    },
    Unary {
        op: Operator,
        arg: Box<Expr>,
    },
    Binary {
        op: Operator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    IsNull {
        arg: Box<Expr>,
        negated: bool,
    },
    /// `None` is UNKNOWN.
    IsBool {
        arg: Box<Expr>,
        test: Option<bool>,
        negated: bool,
    },
    IsDistinct {
        left: Box<Expr>,
        right: Box<Expr>,
        negated: bool,
    },
    Between {
        arg: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
        symmetric: bool,
    },
    In {
        arg: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    InQuery {
        arg: Box<Expr>,
        query: Box<Query>,
        negated: bool,
    },
    Like {
        arg: Box<Expr>,
        pattern: Box<Expr>,
        escape: Option<Box<Expr>>,
        negated: bool,
        kind: LikeKind,
    },
    AnyAll {
        op: Operator,
        left: Box<Expr>,
        array: Box<Expr>,
        all: bool,
    },
    AnyAllQuery {
        op: Operator,
        left: Box<Expr>,
        query: Box<Query>,
        all: bool,
    },
    Function(Box<FunctionCall>),
    Case {
        operand: Option<Box<Expr>>,
        arms: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Coalesce(Vec<Expr>),
    NullIf(Box<Expr>, Box<Expr>),
    MinMax {
        greatest: bool,
        args: Vec<Expr>,
    },
    Array(Vec<Expr>),
    ArrayQuery(Box<Query>),
    Subscript {
        base: Box<Expr>,
        subscripts: Vec<Subscript>,
    },
    /// `(expr).field`.
    Field {
        base: Box<Expr>,
        name: String,
    },
    /// `(expr).*`.
    FieldStar(Box<Expr>),
    Row(Vec<Expr>),
    Exists(Box<Query>),
    Subquery(Box<Query>),
    Collate {
        arg: Box<Expr>,
        collation: Name,
    },
    Session(SessionValue),
    Grouping(Vec<Expr>),
    /// `DEFAULT` as a value of INSERT or UPDATE.
    Default,
    CurrentOf(String),
}

/// An operator, by `OPERATOR(schema.op)` or plainly.
#[derive(Clone, Debug)]
pub struct Operator {
    pub schema: Option<String>,
    pub name: String,
    pub pos: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LikeKind {
    Like,
    ILike,
    Similar,
}

/// The values that the standard writes without parentheses; the precision where one was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionValue {
    CurrentDate,
    CurrentTime(Option<i32>),
    CurrentTimestamp(Option<i32>),
    LocalTime(Option<i32>),
    LocalTimestamp(Option<i32>),
    CurrentRole,
    CurrentUser,
    SessionUser,
    User,
    CurrentCatalog,
    CurrentSchema,
}

#[derive(Clone, Debug)]
pub enum Subscript {
    Index(Expr),
    Slice(Option<Expr>, Option<Expr>),
}

#[derive(Clone, Debug)]
pub struct FunctionCall {
    pub name: Name,
    pub args: Vec<FunctionArg>,
    /// The last argument was marked VARIADIC.
    pub variadic: bool,
    /// `f(*)`.
    pub star: bool,
    pub distinct: bool,
    pub order: Vec<OrderBy>,
    pub within_group: bool,
    pub filter: Option<Expr>,
    pub over: Option<Over>,
}

#[derive(Clone, Debug)]
pub struct FunctionArg {
    pub name: Option<Ident>,
    pub expr: Expr,
}

#[derive(Clone, Debug)]
pub enum Over {
    Named(Ident),
    Spec(Box<WindowSpec>),
}

#[derive(Clone, Debug, Default)]
pub struct WindowSpec {
    pub base: Option<Ident>,
    pub partition: Vec<Expr>,
    pub order: Vec<OrderBy>,
    pub frame: Option<Frame>,
    pub pos: u32,
}

#[derive(Clone, Debug)]
pub struct Frame {
    pub mode: crate::bound::FrameMode,
    pub start: FrameBound,
    pub end: FrameBound,
    pub exclude: crate::bound::FrameExclusion,
}

#[derive(Clone, Debug)]
pub enum FrameBound {
    UnboundedPreceding,
    Preceding(Expr),
    CurrentRow,
    Following(Expr),
    UnboundedFollowing,
}

#[derive(Clone, Debug)]
pub struct OrderBy {
    pub expr: Expr,
    pub descending: bool,
    pub nulls_first: Option<bool>,
}

#[derive(Clone, Debug)]
pub struct Query {
    pub with: Option<With>,
    pub body: SetExpr,
    pub order: Vec<OrderBy>,
    /// That of LIMIT ALL is NULL.
    pub limit: Option<Expr>,
    pub offset: Option<Expr>,
    pub with_ties: bool,
    pub locks: Vec<LockClause>,
    pub pos: u32,
    pub height: u32,
}

impl Query {
    /// Whether nothing belongs to the whole of it but locking: it is its body.
    pub fn is_plain(&self) -> bool {
        self.with.is_none() && self.order.is_empty() && self.limit.is_none() && self.offset.is_none()
    }

    /// The leftmost SELECT of its set operations, or the only one.
    pub fn first_select(&self) -> Option<&Select> {
        let mut query = self;
        loop {
            match &query.body {
                SetExpr::Select(select) => return Some(select.as_ref()),
                SetExpr::SetOp { left, .. } => query = left,
                SetExpr::Values(_) => return None,
            }
        }
    }

    /// As [`Query::first_select`], to change it.
    pub fn first_select_mut(&mut self) -> Option<&mut Select> {
        let mut query = self;
        loop {
            match &mut query.body {
                SetExpr::Select(select) => return Some(select.as_mut()),
                SetExpr::SetOp { left, .. } => query = left.as_mut(),
                SetExpr::Values(_) => return None,
            }
        }
    }
}

#[derive(Clone, Debug)]
pub struct With {
    pub recursive: bool,
    pub ctes: Vec<Cte>,
    pub pos: u32,
}

#[derive(Clone, Debug)]
pub struct Cte {
    pub name: Ident,
    pub columns: Vec<Ident>,
    pub materialized: Option<bool>,
    pub body: CteBody,
}

#[derive(Clone, Debug)]
pub enum CteBody {
    Query(Box<Query>),
    /// INSERT, UPDATE or DELETE.
    Change(Box<Statement>),
}

#[derive(Clone, Debug)]
pub enum SetExpr {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    SetOp { kind: SetOpKind, all: bool, left: Box<Query>, right: Box<Query>, pos: u32 },
}

#[derive(Clone, Debug, Default)]
pub struct Select {
    pub distinct: Option<Distinct>,
    pub targets: Vec<Target>,
    pub into: Option<Name>,
    pub from: Vec<TableRef>,
    pub filter: Option<Expr>,
    pub group: Vec<GroupItem>,
    pub having: Option<Expr>,
    pub windows: Vec<(Ident, WindowSpec)>,
}

#[derive(Clone, Debug)]
pub enum Distinct {
    All,
    On(Vec<Expr>),
}

#[derive(Clone, Debug)]
pub enum GroupItem {
    Expr(Expr),
    /// `()`.
    Empty,
    Rollup(Vec<Expr>),
    Cube(Vec<Expr>),
    Sets(Vec<GroupItem>),
}

#[derive(Clone, Debug)]
pub struct Target {
    pub expr: Expr,
    pub alias: Option<String>,
    /// Where the text of its expression ends, and where its own does.
    pub ends: (u32, u32),
}

#[derive(Clone, Debug)]
pub enum TableRef {
    Relation {
        name: Name,
        alias: Option<Alias>,
    },
    Subquery {
        lateral: bool,
        query: Box<Query>,
        alias: Option<Alias>,
        pos: u32,
    },
    Function {
        lateral: bool,
        calls: Vec<TableFunction>,
        ordinality: bool,
        alias: Option<Alias>,
        /// `f() AS t(a int, b text)` for a call that returns records.
        definitions: Vec<ColumnDefinition>,
        pos: u32,
    },
    Join(Box<JoinRef>),
}

/// A call in FROM.
#[derive(Clone, Debug)]
pub struct TableFunction {
    pub call: Expr,
    /// `ROWS FROM (f() AS (a int, b text))`.
    pub definitions: Vec<ColumnDefinition>,
}

pub type ColumnDefinition = (Ident, TypeName);

#[derive(Clone, Debug)]
pub struct JoinRef {
    pub kind: JoinType,
    pub natural: bool,
    pub left: TableRef,
    pub right: TableRef,
    pub on: Option<Expr>,
    pub using: Option<Vec<Ident>>,
    /// Of the columns of `using`.
    pub using_alias: Option<Ident>,
    /// Around a parenthesised join.
    pub alias: Option<Alias>,
    pub pos: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinType {
    Cross,
    Inner,
    Left,
    Right,
    Full,
}

#[derive(Clone, Debug)]
pub struct Alias {
    pub name: Ident,
    pub columns: Vec<Ident>,
}

#[derive(Clone, Debug)]
pub struct LockClause {
    pub strength: LockStrength,
    pub of: Vec<Ident>,
    pub wait: LockWait,
}

#[derive(Clone, Debug)]
pub enum Statement {
    Empty,
    Query(Box<Query>),
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    Copy(Box<Copy>),
    CreateTable(Box<CreateTable>),
    CreateTableAs(Box<CreateTableAs>),
    CreateIndex(Box<CreateIndex>),
    CreateSequence { name: Name, if_not_exists: bool, options: Vec<SequenceOption> },
    AlterSequence { name: Name, if_exists: bool, options: Vec<SequenceOption> },
    CreateView(Box<CreateView>),
    CreateSchema { name: Option<Ident>, if_not_exists: bool, owner: Option<String> },
    CreateExtension { name: String, if_not_exists: bool },
    DropExtensions { names: Vec<String>, if_exists: bool },
    Drop { kind: ObjectKind, names: Vec<Name>, if_exists: bool, cascade: bool },
    AlterTable { kind: ObjectKind, name: Name, if_exists: bool, actions: Vec<AlterAction> },
    RenameSchema { name: Ident, to: String },
    SetSchemaOwner { name: Ident, owner: String },
    CreateRole { name: String, options: Vec<RoleOption> },
    AlterRole { name: String, options: Vec<RoleOption> },
    AlterRoleSet { name: String, setting: String, value: Option<Vec<String>> },
    RenameRole { name: String, to: String },
    DropRoles { names: Vec<String>, if_exists: bool },
    ReassignOwned { from: Vec<String>, to: String },
    DropOwned { roles: Vec<String>, cascade: bool },
    Grant(Box<Grant>),
    CreateDatabase(NewDatabase),
    AlterDatabase { name: String, change: DatabaseChange },
    DropDatabase { name: String, if_exists: bool },
    Comment { kind: ObjectKind, name: Name, text: Option<String> },
    CommentConstraint { constraint: Ident, table: Name, text: Option<String> },
    Reindex { tables: Vec<Name> },
    Transaction(TransactionStatement),
    Set { scope: SetScope, name: String, value: SetValue },
    SetConstraints { names: Option<Vec<Name>>, deferred: bool },
    Reset { name: Option<String> },
    Show { name: Option<String> },
    Explain { statement: Box<Statement>, options: ExplainOptions },
    Prepare { name: String, types: Vec<TypeName>, statement: Box<Statement>, text: (u32, u32) },
    Execute { name: String, args: Vec<Expr> },
    Deallocate { name: Option<String> },
    Declare { name: String, binary: bool, scroll: Option<bool>, hold: bool, query: Box<Query> },
    Fetch { cursor: String, direction: FetchDirection, moving: bool },
    Close { cursor: Option<String> },
    Vacuum { tables: Vec<Name>, analyze: bool, full: bool, verbose: bool },
    Analyze { tables: Vec<Name>, verbose: bool },
    Truncate { tables: Vec<Name>, restart_identity: bool, cascade: bool },
    Lock { tables: Vec<Name>, mode: LockMode, nowait: bool },
    Discard(&'static str),
    Checkpoint,
    Listen(String),
    Unlisten(Option<String>),
    Notify { channel: String, payload: String },
    WaitForLsn(WaitForLsn),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectKind {
    Table,
    View,
    Index,
    Sequence,
    Schema,
    Column,
    Database,
    Role,
    Extension,
}

#[derive(Clone, Debug)]
pub struct Insert {
    pub with: Option<With>,
    pub table: Name,
    pub alias: Option<Ident>,
    pub columns: Vec<Destination>,
    /// OVERRIDING: `Some(true)` SYSTEM VALUE, `Some(false)` USER VALUE.
    pub overriding: Option<bool>,
    /// `None` is DEFAULT VALUES.
    pub source: Option<Query>,
    pub on_conflict: Option<OnConflict>,
    pub returning: Option<Vec<Target>>,
}

#[derive(Clone, Debug)]
pub struct OnConflict {
    pub target: Option<ConflictTarget>,
    /// `None` is DO NOTHING.
    pub update: Option<ConflictUpdate>,
    pub pos: u32,
}

#[derive(Clone, Debug)]
pub enum ConflictTarget {
    /// With a condition that rows of a partial index meet.
    Columns(Vec<Ident>, Option<Expr>),
    Constraint(Ident),
}

#[derive(Clone, Debug)]
pub struct ConflictUpdate {
    pub assignments: Vec<Assignment>,
    pub filter: Option<Expr>,
}

/// A column that a value goes to, or with subscripts a part of it.
#[derive(Clone, Debug)]
pub struct Destination {
    pub column: Ident,
    pub subscripts: Vec<Subscript>,
}

#[derive(Clone, Debug)]
pub struct Assignment {
    pub destinations: Vec<Destination>,
    /// For several destinations a row or a subquery.
    pub value: Expr,
    /// Written `(a, b) = ...`.
    pub multiple: bool,
}

#[derive(Clone, Debug)]
pub struct Update {
    pub with: Option<With>,
    pub table: Name,
    pub alias: Option<Ident>,
    pub assignments: Vec<Assignment>,
    pub from: Vec<TableRef>,
    pub filter: Option<Expr>,
    pub returning: Option<Vec<Target>>,
}

#[derive(Clone, Debug)]
pub struct Delete {
    pub with: Option<With>,
    pub table: Name,
    pub alias: Option<Ident>,
    pub using: Vec<TableRef>,
    pub filter: Option<Expr>,
    pub returning: Option<Vec<Target>>,
}

#[derive(Clone, Debug)]
pub struct Copy {
    pub source: CopySource,
    pub from: bool,
    pub end: crate::bound::CopyEnd,
    pub options: Vec<CopyOption>,
    pub filter: Option<Expr>,
}

#[derive(Clone, Debug)]
pub enum CopySource {
    Table {
        name: Name,
        columns: Vec<Ident>,
    },
    Query(Box<Query>),
    /// An INSERT, UPDATE or DELETE, whose RETURNING is copied.
    Change(Box<Statement>),
}

#[derive(Clone, Debug)]
pub enum CopyOption {
    Format(CopyFormat),
    Freeze(bool),
    Delimiter(String),
    Null(String),
    Header(bool),
    HeaderMatch,
    Quote(String),
    Escape(String),
    /// `None` is `*`.
    ForceQuote(Option<Vec<Ident>>),
    ForceNotNull(Vec<Ident>),
    ForceNull(Vec<Ident>),
    Encoding(String),
}

#[derive(Clone, Debug)]
pub struct CreateTable {
    pub name: Name,
    pub if_not_exists: bool,
    pub unlogged: bool,
    pub elements: Vec<TableElement>,
    pub options: Vec<String>,
    pub on_commit: Option<OnCommit>,
}

#[derive(Clone, Debug)]
pub enum TableElement {
    Column(ColumnSpec),
    Constraint(ConstraintSpec),
    Like { name: Name, defaults: bool, constraints: bool, generated: bool, identity: bool, indexes: bool },
}

#[derive(Clone, Debug)]
pub struct ColumnSpec {
    pub name: Ident,
    pub ty: TypeName,
    pub constraints: Vec<ColumnConstraint>,
}

#[derive(Clone, Debug)]
pub struct ColumnConstraint {
    pub name: Option<String>,
    pub kind: ColumnConstraintKind,
    pub pos: u32,
}

#[derive(Clone, Debug)]
pub enum ColumnConstraintKind {
    NotNull,
    Null,
    Default(Expr),
    /// With the parameters of its index.
    PrimaryKey(Vec<String>),
    Unique(Vec<String>),
    Check {
        expr: Expr,
        not_valid: bool,
    },
    References(References),
    Identity(Identity, Vec<SequenceOption>),
    Generated(Expr),
    Collate(Name),
}

#[derive(Clone, Debug)]
pub struct References {
    pub table: Name,
    pub columns: Vec<Ident>,
    pub on_delete: ForeignKeyAction,
    pub on_update: ForeignKeyAction,
    pub match_full: bool,
    pub timing: Timing,
    pub not_valid: bool,
}

#[derive(Clone, Debug)]
pub struct ConstraintSpec {
    pub name: Option<String>,
    pub kind: ConstraintKind,
    pub pos: u32,
}

#[derive(Clone, Debug)]
pub enum ConstraintKind {
    PrimaryKey { columns: Vec<Ident>, options: Vec<String> },
    Unique { columns: Vec<Ident>, options: Vec<String> },
    UsingIndex { index: Ident, primary: bool },
    Check { expr: Expr, not_valid: bool },
    ForeignKey { columns: Vec<Ident>, references: References },
}

#[derive(Clone, Debug)]
pub struct CreateTableAs {
    pub name: Name,
    pub if_not_exists: bool,
    pub unlogged: bool,
    pub columns: Vec<Ident>,
    pub query: Query,
    pub with_data: bool,
    pub options: Vec<String>,
    pub on_commit: Option<OnCommit>,
}

#[derive(Clone, Debug)]
pub struct CreateView {
    pub name: Name,
    pub replace: bool,
    pub columns: Vec<Ident>,
    pub query: Query,
    /// Where the query's text begins and ends.
    pub text: (u32, u32),
    /// `name=value`; WITH CHECK OPTION is one of them.
    pub options: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct CreateIndex {
    pub name: Option<String>,
    pub table: Name,
    pub unique: bool,
    pub concurrently: bool,
    pub if_not_exists: bool,
    pub columns: Vec<IndexElement>,
    pub options: Vec<String>,
    pub predicate: Option<Expr>,
}

#[derive(Clone, Debug)]
pub struct IndexElement {
    pub expr: Expr,
    pub operator_class: Option<Name>,
    pub descending: bool,
    pub nulls_first: Option<bool>,
}

#[derive(Clone, Debug)]
pub enum SequenceOption {
    As(TypeName),
    Increment(i64),
    /// `None` is NO MINVALUE.
    Min(Option<i64>),
    Max(Option<i64>),
    Start(i64),
    Restart(Option<i64>),
    Cache(i64),
    Cycle(bool),
    /// `None` is NONE.
    OwnedBy(Option<Name>),
    Name(Name),
}

#[derive(Clone, Debug)]
pub enum AlterAction {
    AddColumn {
        column: ColumnSpec,
        if_not_exists: bool,
    },
    DropColumn {
        name: Ident,
        if_exists: bool,
        cascade: bool,
    },
    RenameColumn {
        name: Ident,
        to: String,
    },
    RenameConstraint {
        name: Ident,
        to: String,
    },
    Rename(String),
    SetSchema(Ident),
    SetDefault {
        column: Ident,
        expr: Option<Expr>,
    },
    SetNotNull {
        column: Ident,
        not_null: bool,
    },
    SetType {
        column: Ident,
        ty: TypeName,
        using: Option<Expr>,
    },
    AddIdentity {
        column: Ident,
        identity: Identity,
        options: Vec<SequenceOption>,
    },
    SetIdentity {
        column: Ident,
        identity: Option<Identity>,
        options: Vec<SequenceOption>,
    },
    DropIdentity {
        column: Ident,
        if_exists: bool,
    },
    /// SET STATISTICS and the like.
    Ignored {
        column: Ident,
    },
    AddConstraint(ConstraintSpec),
    DropConstraint {
        name: Ident,
        if_exists: bool,
        cascade: bool,
    },
    AlterConstraint {
        name: Ident,
        timing: Timing,
    },
    ValidateConstraint(Ident),
    SetOptions(Vec<String>),
    ResetOptions(Vec<String>),
    Owner(String),
    SetLogged(bool),
    /// CLUSTER ON, SET TABLESPACE pg_default, REPLICA IDENTITY: accepted and without effect.
    Nothing,
}

/// GRANT and REVOKE of relations and schemas by name.
pub type Grant = crate::bound::Grant<Name, Ident>;
pub type GrantTarget = crate::bound::GrantTarget<Name, Ident>;

#[derive(Clone, Debug)]
pub struct ExplainOptions {
    pub analyze: bool,
    pub verbose: bool,
    pub costs: bool,
    pub timing: Option<bool>,
    pub summary: Option<bool>,
    pub buffers: bool,
    pub format: ExplainFormat,
}

impl Expr {
    /// An expression over parts already made; its height is one more than theirs.
    pub fn new(pos: u32, kind: ExprKind) -> Expr {
        let mut height = 0;
        kind.children(&mut |child| height = height.max(child.height()));
        Expr { pos, height: height + 1, kind }
    }

    /// Where its leftmost part stands; `pos` is where its operator does.
    pub fn start(&self) -> u32 {
        let left = match &self.kind {
            ExprKind::Cast { arg, .. }
            | ExprKind::IsNull { arg, .. }
            | ExprKind::IsBool { arg, .. }
            | ExprKind::Between { arg, .. }
            | ExprKind::In { arg, .. }
            | ExprKind::InQuery { arg, .. }
            | ExprKind::Like { arg, .. }
            | ExprKind::Collate { arg, .. } => Some(arg.start()),
            ExprKind::Binary { left, .. }
            | ExprKind::IsDistinct { left, .. }
            | ExprKind::AnyAll { left, .. }
            | ExprKind::AnyAllQuery { left, .. } => Some(left.start()),
            ExprKind::And(terms) | ExprKind::Or(terms) => terms.first().map(Expr::start),
            ExprKind::Field { base, .. } => Some(base.start()),
            // OVERLAPS is a call, and so is AT TIME ZONE, whose first argument is the zone: it begins at its AT.
            ExprKind::Function(call) => call.args.first().map(|arg| arg.expr.start()),
            _ => None,
        };
        left.map_or(self.pos, |left| left.min(self.pos))
    }
}

/// A direct part of an expression.
#[derive(Clone, Copy)]
pub enum Child<'a> {
    Expr(&'a Expr),
    Query(&'a Query),
}

impl Child<'_> {
    fn height(self) -> u32 {
        match self {
            Child::Expr(expr) => expr.height,
            Child::Query(query) => query.height,
        }
    }
}

impl ExprKind {
    /// Calls `each` with the direct parts.
    pub fn children<'a>(&'a self, each: &mut dyn FnMut(Child<'a>)) {
        fn exprs<'e>(list: impl IntoIterator<Item = &'e Expr>, each: &mut dyn FnMut(Child<'e>)) {
            list.into_iter().for_each(|expr| each(Child::Expr(expr)));
        }
        match self {
            ExprKind::Column(_)
            | ExprKind::Star(_)
            | ExprKind::Param(_)
            | ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Integer(_)
            | ExprKind::Decimal(_)
            | ExprKind::String(_)
            | ExprKind::Session(_)
            | ExprKind::Default
            | ExprKind::CurrentOf(_) => {}
            ExprKind::Cast { arg, .. }
            | ExprKind::Unary { arg, .. }
            | ExprKind::Not(arg)
            | ExprKind::IsNull { arg, .. }
            | ExprKind::IsBool { arg, .. }
            | ExprKind::Field { base: arg, .. }
            | ExprKind::FieldStar(arg)
            | ExprKind::Collate { arg, .. } => each(Child::Expr(arg)),
            ExprKind::Binary { left, right, .. }
            | ExprKind::IsDistinct { left, right, .. }
            | ExprKind::NullIf(left, right)
            | ExprKind::AnyAll { left, array: right, .. } => {
                each(Child::Expr(left));
                each(Child::Expr(right));
            }
            ExprKind::And(list)
            | ExprKind::Or(list)
            | ExprKind::Coalesce(list)
            | ExprKind::MinMax { args: list, .. }
            | ExprKind::Array(list)
            | ExprKind::Row(list)
            | ExprKind::Grouping(list) => exprs(list, each),
            ExprKind::Between { arg, low, high, .. } => {
                each(Child::Expr(arg));
                each(Child::Expr(low));
                each(Child::Expr(high));
            }
            ExprKind::In { arg, list, .. } => {
                each(Child::Expr(arg));
                exprs(list, each);
            }
            ExprKind::InQuery { arg, query, .. } | ExprKind::AnyAllQuery { left: arg, query, .. } => {
                each(Child::Expr(arg));
                each(Child::Query(query));
            }
            ExprKind::Like { arg, pattern, escape, .. } => {
                each(Child::Expr(arg));
                each(Child::Expr(pattern));
                exprs(escape.as_deref(), each);
            }
            ExprKind::Function(call) => {
                exprs(call.args.iter().map(|arg| &arg.expr), each);
                exprs(call.order.iter().map(|key| &key.expr), each);
                exprs(&call.filter, each);
                if let Some(Over::Spec(spec)) = &call.over {
                    exprs(&spec.partition, each);
                    exprs(spec.order.iter().map(|key| &key.expr), each);
                }
            }
            ExprKind::Case { operand, arms, otherwise } => {
                exprs(operand.as_deref().into_iter().chain(otherwise.as_deref()), each);
                for (when, then) in arms {
                    each(Child::Expr(when));
                    each(Child::Expr(then));
                }
            }
            ExprKind::Subscript { base, subscripts } => {
                each(Child::Expr(base));
                for subscript in subscripts {
                    match subscript {
                        Subscript::Index(index) => each(Child::Expr(index)),
                        Subscript::Slice(lower, upper) => exprs(lower.iter().chain(upper), each),
                    }
                }
            }
            ExprKind::ArrayQuery(query) | ExprKind::Exists(query) | ExprKind::Subquery(query) => {
                each(Child::Query(query))
            }
        }
    }
}

impl Name {
    /// The last part.
    pub fn object(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }

    /// The part before the last.
    pub fn schema(&self) -> Option<&str> {
        self.parts.len().checked_sub(2).map(|at| self.parts[at].as_str())
    }

    /// As error messages show it: parts joined by dots.
    pub fn shown(&self) -> String {
        self.parts.join(".")
    }
}
