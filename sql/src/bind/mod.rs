//! Syntax tree to typed tree: where PostgreSQL's semantics live.
//!
//! Binding resolves names along the search path, finds types for literals and parameters, chooses functions and operators
//! by PostgreSQL's rules, writes out every conversion, names the output columns, and reports what is wrong with
//! PostgreSQL's messages, SQLSTATEs and positions. It knows the catalog snapshot and the settings it is given and nothing
//! else: the same input gives the same tree.
//!
//! **Unknown types.** A string literal or a parameter begins as `unknown` and takes the type its context wants
//! ([`coerce`]); whatever is still unknown in a select list becomes text. A parameter whose type nothing decides is 42P18.
//!
//! **Scopes.** The names visible at a place are a stack of [`scope::Scope`]s, one for each frame that will exist when the
//! expression runs (see [`bound`](crate::bound)): the distance of a scope from the top of the stack is the depth of the
//! reference.
//!
//! **Aggregates and windows.** While a select list is bound, calls of aggregates and window functions are set aside and
//! stand in the expression as columns with numbers far beyond any row's; when the whole list is known, the expressions are
//! rewritten over the rows that grouping yields, and a column that is neither grouped nor aggregated is found (42803).

mod aggregate;
mod call;
mod coerce;
mod copy;
mod ddl;
mod dml;
mod expr;
mod from;
mod json;
mod query;
mod record;
mod recursion;
mod row_lock;
mod scope;
mod select;
mod table;
mod typename;
mod utility;

use std::sync::Arc;

use types::{Error, Registry, Result, Settings, SqlState, SqlType, oid};

use crate::bound::{
    Assignment, Bound, Check, Ddl, Expr, Notice, Query, Required, ResultColumn, Statement, WithPart, walk,
};
use crate::catalog::{CatalogSnapshot, ConstraintKind, ForeignKey, Privileges, ReferentialAction, TableDef, ViewDef};
use crate::parse::{self, Parsed, ast};
use scope::Scope;

/// What binding looks things up in.
#[derive(Clone, Copy)]
pub struct BindContext<'a> {
    pub catalog: &'a Arc<CatalogSnapshot>,
    /// Functions, operators, casts and aggregates, those of the session included.
    pub registry: &'a Registry,
    /// The search path, the current user, and what literals are read under.
    pub settings: &'a Settings,
    /// Trees of indexes that are newer than the snapshot: nothing is read through them.
    pub unseen: &'a [u64],
}

/// The oids of the relations that a view reads, and of each whether the view names it itself and not through another view.
///
/// # Errors
/// When the view cannot be bound, or yields other columns than it is known to have.
pub fn view_reads(
    view: &ViewDef,
    catalog: &Arc<CatalogSnapshot>,
    registry: &'static Registry,
    settings: &Settings,
) -> Result<Vec<(u32, bool)>> {
    let mut settings = settings.clone();
    settings.search_path = view.search_path.clone().into();
    let context = BindContext { catalog, registry, settings: &settings, unseen: &[] };
    let mut reads = Vec::new();
    for statement in &crate::parse::parse(&view.query)? {
        let bound = bind(statement, &view.query, context, &[])?;
        if !bound.statement.columns().iter().map(|column| column.ty.oid).eq(view.columns.iter().map(|it| it.1.oid)) {
            return Err(types::Error::internal("a view with other columns"));
        }
        // What a view reads is read as the view's owner.
        reads.extend(bound.required.iter().map(|required| (required.relation, required.role.is_none())));
    }
    Ok(reads)
}

/// Binds a statement of `text`.
///
/// `params` are the parameter types the client gave, 0 for those it did not.
///
/// # Errors
/// Whatever PostgreSQL would find wrong; positions in characters of `text`, from 1.
pub fn bind(parsed: &Parsed, text: &str, context: BindContext<'_>, params: &[u32]) -> Result<Bound> {
    let mut binder = Binder::new(context, text);
    binder.given = params.len();
    binder.params = params.iter().map(|&oid| (oid != 0 && oid != oid::UNKNOWN).then(|| SqlType::of(oid))).collect();
    let statement = binder.statement(&parsed.statement).map_err(|error| parse::error_position(error, text))?;
    let mut types = Vec::with_capacity(binder.params.len());
    for (at, ty) in binder.params.iter().enumerate() {
        types.push(ty.ok_or_else(|| {
            let message = format!("could not determine data type of parameter ${}", at + 1);
            Error::new(SqlState::INDETERMINATE_DATATYPE, message)
        })?);
    }
    let mut notices = parsed.notices.clone();
    notices.append(&mut binder.notices);
    let with = std::mem::take(&mut binder.with);
    if !with.is_empty()
        && !matches!(
            statement,
            Statement::Query(_)
                | Statement::Insert(_)
                | Statement::Update(_)
                | Statement::Delete(_)
                | Statement::Copy(_)
                | Statement::Explain(_)
                | Statement::Ddl(Ddl::CreateTableAs { .. })
        )
    {
        return Err(Error::unsupported("a WITH clause that changes rows in this statement"));
    }
    Ok(Bound { statement, params: types, required: binder.required, notices, with, reads_clock: binder.reads_clock })
}

/// Binds the text of a query, as a view's; parameters are not allowed.
///
/// # Errors
/// As [`bind`].
pub fn bind_query(text: &str, context: BindContext<'_>) -> Result<Query> {
    let query = parse::parse_query(text)?;
    let mut binder = Binder::new(context, text);
    binder.statement_query(&query)
}

/// Binds a column's default: an expression of the column's type without an input row. `None` if it has none; the value
/// of an identity column is its sequence's next.
///
/// # Errors
/// Those of the default's expression, which was sound when it was made.
pub fn bind_default(table: &TableDef, column: usize, context: BindContext<'_>) -> Result<Option<Expr>> {
    Binder::new(context, "").column_default(table, column)
}

/// What a referential action does to a child's row.
pub(crate) struct ChildUpdate {
    /// Over the parent's new key values, in the order of the constraint.
    pub assignments: Vec<Assignment>,
    /// Generated columns and the checks of what changes, over the row.
    pub generated: Vec<Assignment>,
    pub checks: Vec<Check>,
}

/// Binds a referential action other than a deletion.
///
/// # Errors
/// Those of the expressions of defaults, generated columns and checks.
pub(crate) fn bind_child_update(
    foreign: &ForeignKey,
    parent: &TableDef,
    child: &Arc<TableDef>,
    action: ReferentialAction,
    context: BindContext<'_>,
) -> Result<ChildUpdate> {
    let mut binder = Binder::new(context, "");
    let mut assignments = Vec::with_capacity(foreign.columns.len());
    for (at, (&column, &referenced)) in foreign.columns.iter().zip(&foreign.parent_columns).enumerate() {
        let def = &child.columns[column];
        let value = match action {
            ReferentialAction::Cascade => {
                let value = Expr::column(at, parent.columns[referenced].ty);
                binder.coerce(value, def.ty, types::cast::CastContext::Assignment, 0)?
            }
            ReferentialAction::SetDefault => {
                binder.column_default(child, column)?.unwrap_or_else(|| Expr::null(def.ty))
            }
            _ => Expr::null(def.ty),
        };
        assignments.push(Assignment { column, value });
    }
    let generated = binder.generated_columns(child)?;
    let touched: Vec<usize> = assignments.iter().chain(&generated).map(|assignment| assignment.column).collect();
    let checks = binder.table_checks(child, Some(&touched))?;
    Ok(ChildUpdate { assignments, generated, checks })
}

/// Binds the CHECK constraints of a table over its row; those that name one of `columns` if a list is given.
///
/// # Errors
/// Those of the constraints' expressions.
pub fn bind_checks(table: &Arc<TableDef>, columns: Option<&[usize]>, context: BindContext<'_>) -> Result<Vec<Check>> {
    Binder::new(context, "").table_checks(table, columns)
}

/// Binds an expression over the row of a table, as a CHECK's or a generated column's.
///
/// # Errors
/// As [`bind`].
pub fn bind_row_expr(text: &str, table: &Arc<TableDef>, context: BindContext<'_>) -> Result<Expr> {
    let expr = parse::parse_expr(text)?;
    Binder::new(context, text).row_expr(&expr, table)
}

/// Binds a type's name as written, such as `numeric(10,2)[]`.
///
/// # Errors
/// 42704 no such type.
pub fn bind_type(text: &str, context: BindContext<'_>) -> Result<SqlType> {
    let name = parse::parse_type(text)?;
    Binder::new(context, text).type_name(&name)
}

/// The place in a statement an expression is in, which decides what may be called there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clause {
    Select,
    Where,
    JoinOn,
    GroupBy,
    Having,
    OrderBy,
    Limit,
    Values,
    From,
    Set,
    Returning,
    Check,
    Default,
    Generated,
    Other,
}

pub(crate) struct Binder<'a> {
    pub catalog: &'a Arc<CatalogSnapshot>,
    pub registry: &'a Registry,
    pub settings: &'a Settings,
    /// See [`BindContext::unseen`].
    pub unseen: &'a [u64],
    pub text: &'a str,
    pub search_path: Arc<[Arc<str>]>,
    pub params: Vec<Option<SqlType>>,
    /// How many parameters the client gave types for; the others are known by being used.
    pub given: usize,
    pub required: Vec<Required>,
    pub notices: Vec<Notice>,
    /// See [`Bound::reads_clock`].
    pub reads_clock: bool,
    pub scopes: Vec<Scope>,
    /// How many scopes there were when the FROM list being bound began: those above are of its items.
    pub from_base: usize,
    pub clause: Clause,
    pub ctes: Vec<from::CteEntry>,
    pub next_cte: usize,
    /// The statement's WITH clause, if it changes rows.
    pub with: Vec<WithPart>,
    /// Whether columns are being referred to inside an aggregate's arguments.
    pub in_aggregate: bool,
    pub in_window: bool,
    /// The role whose privileges count, inside a view.
    pub role: Option<u32>,
    /// Views being expanded, against endless recursion.
    pub view_depth: usize,
    /// Where in the text relations are named without their schema, and what it is.
    pub unqualified: Vec<(usize, Arc<str>)>,
    /// The calls set aside by the select lists being bound, innermost last.
    pub selects: Vec<aggregate::Calls>,
    /// FOR UPDATE and its kin, of the query being bound and of those around it that lock its rows.
    pub locking: Vec<ast::LockClause>,
    /// What the query that is bound next locks for the one around it.
    pub handed: Option<ast::LockClause>,
    /// Whether rows are locked anywhere in the statement.
    pub locks_rows: bool,
}

impl<'a> Binder<'a> {
    pub fn new(context: BindContext<'a>, text: &'a str) -> Binder<'a> {
        Binder {
            catalog: context.catalog,
            registry: context.registry,
            settings: context.settings,
            unseen: context.unseen,
            text,
            search_path: context.settings.search_path.clone(),
            params: Vec::new(),
            given: 0,
            required: Vec::new(),
            notices: Vec::new(),
            reads_clock: false,
            scopes: Vec::new(),
            from_base: 0,
            clause: Clause::Other,
            ctes: Vec::new(),
            next_cte: 0,
            with: Vec::new(),
            in_aggregate: false,
            in_window: false,
            role: None,
            view_depth: 0,
            unqualified: Vec::new(),
            selects: Vec::new(),
            locking: Vec::new(),
            handed: None,
            locks_rows: false,
        }
    }

    /// Runs `body` with the expressions in it belonging to this clause.
    pub fn within<T>(&mut self, clause: Clause, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outer = std::mem::replace(&mut self.clause, clause);
        let result = body(self);
        self.clause = outer;
        result
    }

    /// Runs `body` with a scope on the stack.
    pub fn with_scope<T>(&mut self, scope: Scope, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<(T, Scope)> {
        self.scopes.push(scope);
        let result = body(self);
        let scope = self.scopes.pop().expect("the scope pushed above");
        Ok((result?, scope))
    }

    pub fn require(&mut self, relation: u32, privileges: Privileges) {
        let role = self.role;
        let known = self.required.iter_mut().find(|entry| entry.relation == relation && entry.role == role);
        match known {
            Some(entry) => entry.privileges = entry.privileges.union(privileges),
            None => self.required.push(Required { relation, privileges, role }),
        }
    }

    pub fn notice(&mut self, sqlstate: SqlState, message: impl Into<String>) {
        self.notices.push(Notice { severity: "NOTICE", sqlstate, message: message.into() });
    }

    /// The default of a column, already of the column's type.
    pub fn column_default(&mut self, table: &TableDef, column: usize) -> Result<Option<Expr>> {
        let def = &table.columns[column];
        if def.identity.is_some() {
            let Some(sequence) = def.sequence else { return Ok(None) };
            let call = self.next_value(sequence)?;
            return self.coerce(call, def.ty, types::cast::CastContext::Assignment, 0).map(Some);
        }
        if def.generated.is_some() {
            return Ok(None);
        }
        let Some(text) = &def.default else { return Ok(None) };
        let expr = parse::parse_expr(text)?;
        let stripped = |error: Error| without_position(error);
        let outer = std::mem::take(&mut self.scopes);
        let result = self.with_scope(Scope::default(), |binder| {
            binder.within(Clause::Default, |binder| {
                let value = binder.expr(&expr)?;
                binder.coerce(value, def.ty, types::cast::CastContext::Assignment, 0)
            })
        });
        self.scopes = outer;
        result.map(|(value, _)| Some(value)).map_err(stripped)
    }

    /// `nextval` of a sequence by its oid.
    pub fn next_value(&mut self, sequence: u32) -> Result<Expr> {
        let resolved = self.registry.resolve_function("nextval", &[oid::REGCLASS])?;
        let args = vec![Expr::constant(types::Datum::Oid(sequence), SqlType::REGCLASS)];
        Ok(Expr::Call(Box::new(crate::bound::CallExpr {
            function: resolved.function,
            operator: None,
            args,
            ty: SqlType::INT8,
        })))
    }

    pub fn row_expr(&mut self, expr: &ast::Expr, table: &Arc<TableDef>) -> Result<Expr> {
        let scope = Scope::of_row(table, &table.name);
        self.with_scope(scope, |binder| binder.within(Clause::Check, |binder| binder.expr(expr))).map(|(expr, _)| expr)
    }

    pub fn table_checks(&mut self, table: &Arc<TableDef>, columns: Option<&[usize]>) -> Result<Vec<Check>> {
        let mut checks = Vec::new();
        for constraint in &table.constraints {
            let ConstraintKind::Check { expression, columns: named } = &constraint.kind else { continue };
            if let Some(columns) = columns
                && !named.is_empty()
                && !named.iter().any(|column| columns.contains(column))
            {
                continue;
            }
            let expr = parse::parse_expr(expression)?;
            let outer = std::mem::take(&mut self.scopes);
            let bound = self.row_expr(&expr, table);
            self.scopes = outer;
            let expr = bound.map_err(without_position)?;
            checks.push(Check { name: constraint.name.clone(), expr });
        }
        Ok(checks)
    }

    /// The expressions of a table's generated columns, over its row.
    pub fn generated_columns(&mut self, table: &Arc<TableDef>) -> Result<Vec<Assignment>> {
        let mut generated = Vec::new();
        for (column, def) in table.live_columns() {
            let (Some(_), Some(text)) = (def.generated, &def.default) else { continue };
            let expr = parse::parse_expr(text)?;
            let outer = std::mem::take(&mut self.scopes);
            let bound = self.row_expr(&expr, table);
            self.scopes = outer;
            let value =
                self.coerce(bound.map_err(without_position)?, def.ty, types::cast::CastContext::Assignment, 0)?;
            generated.push(Assignment { column, value });
        }
        Ok(generated)
    }

    /// The query of a statement: whatever its columns' types still are unknown becomes text.
    pub fn statement_query(&mut self, query: &ast::Query) -> Result<Query> {
        let (plan, columns) = self.query(query, None)?;
        let columns: Vec<ResultColumn> = columns;
        Ok(Query { plan: Arc::new(plan), columns: columns.into(), locks_rows: self.locks_rows })
    }
}

/// An error of a text that the client did not send: its position would mislead.
pub(crate) fn without_position(mut error: Error) -> Error {
    error.position = None;
    error
}

/// Whether an expression reads the row of a frame or its own.
pub(crate) fn reads_columns(expr: &Expr) -> bool {
    let mut found = false;
    walk::columns_of(expr, &mut |_| found = true);
    found
}

#[cfg(test)]
mod tests;
