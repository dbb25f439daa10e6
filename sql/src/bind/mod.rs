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
mod ordered_set;
mod parameter;
mod part;
mod query;
mod record;
mod recursion;
mod row_lock;
mod scope;
mod select;
mod table;
mod typename;
mod updatable;
mod utility;

use std::ops::Range;
use std::sync::Arc;

use types::{Error, Registry, Result, Settings, SqlState, SqlType, Styles, oid};

use crate::bound::{
    Assignment, Bound, CallExpr, Check, Ddl, Expr, LockStrength, Notice, Query, Required, ResultColumn, Statement,
    WithPart, walk,
};
use crate::catalog::describe::quote_identifier;
use crate::catalog::{
    CatalogSnapshot, ConstraintKind, FIRST_NORMAL_OID, ForeignKey, Predicate, Privileges, ReferentialAction, RoleDef,
    SchemaDef, TableDef, ViewDef,
};
use crate::functions::{NEXT_OF_IDENTITY, SessionContext, check_usable, usable_path};
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

/// What the text of a view is bound under.
fn settings_of(view: &ViewDef, settings: &Settings) -> Settings {
    Settings { search_path: view.search_path.clone().into(), styles: Styles::default(), ..settings.clone() }
}

/// The oids of the relations that a view reads, or names by literals, and of each whether the view names it itself and not
/// through another view.
///
/// # Errors
/// When the view cannot be bound, or yields other columns than it is known to have.
pub fn view_reads(
    view: &ViewDef,
    catalog: &Arc<CatalogSnapshot>,
    registry: &'static Registry,
    settings: &Settings,
) -> Result<Vec<(u32, bool)>> {
    let settings = settings_of(view, settings);
    let context = BindContext { catalog, registry, settings: &settings, unseen: &[] };
    let query = parse::parse_query(&view.query)?;
    let mut binder = Binder::new(context, &view.query);
    binder.kept_names = Some(Vec::new());
    let (_, outputs) = binder.query(&query, query::Unknowns::Text)?;
    check_columns(view, &outputs)?;
    let required = binder.required.iter().map(|required| (required.relation, required.is_named));
    let names = binder.kept_names.iter().flatten().map(|(_, relation)| *relation);
    // One may name itself, and what is the system's stays.
    let names = names.filter(|oid| *oid >= FIRST_NORMAL_OID && *oid != view.oid);
    Ok(required.chain(names.map(|oid| (oid, true))).collect())
}

/// The text of a view, in whose literals the relations that they name in the catalog `before` have the names of `catalog`.
///
/// # Errors
/// When the view cannot be bound in `before`.
pub fn view_renamed(
    view: &ViewDef,
    before: &Arc<CatalogSnapshot>,
    catalog: &Arc<CatalogSnapshot>,
    registry: &Registry,
    settings: &Settings,
) -> Result<String> {
    let settings = settings_of(view, settings);
    let query = parse::parse_query(&view.query)?;
    let mut binder =
        Binder::new(BindContext { catalog: before, registry, settings: &settings, unseen: &[] }, &view.query);
    binder.kept_names = Some(Vec::new());
    binder.query(&query, query::Unknowns::Text)?;
    binder.unqualified.clear();
    binder.catalog = catalog;
    Ok(binder.view_text(0..view.query.len(), Vec::new()))
}

/// # Errors
/// When a view yields other columns than it is known to have.
fn check_columns(view: &ViewDef, outputs: &[ResultColumn]) -> Result<()> {
    if outputs.iter().map(|column| column.ty.oid).eq(view.columns.iter().map(|it| it.1.oid)) {
        return Ok(());
    }
    Err(Error::internal("a view with other columns"))
}

/// A column that a view's text names, or a side of one that USING and NATURAL merge.
pub struct Reference {
    /// Byte offset of the name, which is of so many parts: none where the text has no name for it.
    pub pos: u32,
    pub parts: usize,
    /// What it reads.
    pub expr: Expr,
    /// The oid of the table and the number of the attribute whose own name stands there.
    pub column: Option<(u32, i16)>,
    /// It is an item of a select list, which has its name from it.
    pub is_output: bool,
}

/// The text of a view whose columns have these names, whatever `query` calls them.
pub fn with_names<'n>(query: &str, view: &str, names: impl Iterator<Item = &'n Arc<str>>) -> String {
    let names: Vec<String> = names.map(|name| quote_identifier(name)).collect();
    format!("SELECT * FROM ({query}) AS {} ({})", quote_identifier(view), names.join(", "))
}

/// The columns that `text` names if it is the text of a view, without those that it names through other views, and the names
/// that it gives the view's columns.
///
/// # Errors
/// When it cannot be bound, or yields other columns than the view is known to have.
pub fn view_references(
    view: &ViewDef,
    text: &str,
    catalog: &Arc<CatalogSnapshot>,
    registry: &'static Registry,
    settings: &Settings,
) -> Result<(Vec<Reference>, Vec<Arc<str>>)> {
    let settings = settings_of(view, settings);
    let query = parse::parse_query(text)?;
    let mut binder = Binder::new(BindContext { catalog, registry, settings: &settings, unseen: &[] }, text);
    binder.references = Some(Vec::new());
    binder.kept_names = Some(Vec::new());
    let (_, outputs) = binder.query(&query, query::Unknowns::Text)?;
    check_columns(view, &outputs)?;
    Ok((binder.references.unwrap_or_default(), outputs.into_iter().map(|column| column.name).collect()))
}

/// Of each column of a view, whether it can be assigned to; `None` if no rows change through the view.
pub fn view_updates(
    view: &Arc<ViewDef>,
    catalog: &Arc<CatalogSnapshot>,
    registry: &'static Registry,
    settings: &Settings,
) -> Option<Vec<bool>> {
    let context = BindContext { catalog, registry, settings, unseen: &[] };
    Binder::new(context, "").assignable_columns(view).ok()
}

/// Binds a statement of `text`.
///
/// `params` are the parameter types the client gave, 0 for those it did not.
///
/// # Errors
/// Whatever PostgreSQL would find wrong; positions in characters of `text`, from 1.
pub fn bind(parsed: &Parsed, text: &str, context: BindContext<'_>, params: &[u32]) -> Result<Bound> {
    let mut binder = Binder::new(context, text);
    binder.act_as_user();
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
                | Statement::Ddl(Ddl::CreateTableAs(_))
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

/// The condition of a partial index over the row of its table, bound when it is first asked for.
///
/// # Errors
/// As [`bind`].
pub fn bind_predicate<'p>(predicate: &'p Predicate, table: &TableDef, context: BindContext<'_>) -> Result<&'p Expr> {
    predicate.bound(|text| {
        let expr = parse::parse_expr(text)?;
        Binder::new(context, text).as_kept(|binder| binder.predicate_over(&expr, table))
    })
}

/// The condition of a partial index whose table has columns of other types.
///
/// # Errors
/// As [`bind`].
pub fn predicate_anew(predicate: &Predicate, table: &TableDef, context: BindContext<'_>) -> Result<Predicate> {
    let expr = parse::parse_expr(&predicate.text)?;
    Binder::new(context, &predicate.text).as_kept(|binder| binder.index_predicate(&expr, table))
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
    /// ORDER BY of what has no select list.
    OutputOrder,
    Limit,
    Values,
    From,
    Set,
    Returning,
    Check,
    Default,
    Generated,
    /// The condition of a partial index.
    Predicate,
    /// The condition by which ON CONFLICT names one.
    ConflictTarget,
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
    /// Who may look names up only in the schemas that they may use; `None`: in all, as views and superusers do.
    pub user: Option<Arc<RoleDef>>,
    /// Views being expanded, against endless recursion.
    pub view_depth: usize,
    /// Where in the text relations are named without their schema, and what it is.
    pub unqualified: Vec<(usize, Arc<str>)>,
    /// While a view is made: where its text has stars, and the columns that they stand for.
    pub stars: Option<Vec<(Range<usize>, Vec<String>)>>,
    /// While a view is made, or its text looked through: where its text names relations by literals, and their oids.
    pub kept_names: Option<Vec<(u32, u32)>>,
    /// While a table is made: the schema that it goes to.
    pub making_in: Option<Arc<SchemaDef>>,
    /// While a view's text is looked through: the columns that it names.
    pub references: Option<Vec<Reference>>,
    /// The calls set aside by the select lists being bound, innermost last.
    pub selects: Vec<aggregate::Calls>,
    /// FOR UPDATE and its kin, of the query being bound and of those around it that lock its rows.
    pub locking: Vec<ast::LockClause>,
    /// What the query that is bound next locks for the one around it.
    pub handed: Option<ast::LockClause>,
    /// How rows are locked, if they are anywhere in the statement.
    pub row_lock: Option<LockStrength>,
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
            user: None,
            view_depth: 0,
            unqualified: Vec::new(),
            stars: None,
            kept_names: None,
            making_in: None,
            references: None,
            selects: Vec::new(),
            locking: Vec::new(),
            handed: None,
            row_lock: None,
        }
    }

    /// Looks names up as the current user may.
    fn act_as_user(&mut self) {
        let catalog = self.catalog;
        let Some(actor) = SessionContext::within(self.settings).map(SessionContext::actor) else { return };
        let Some(user) = actor.find(catalog).filter(|user| !user.superuser) else { return };
        self.search_path = usable_path(catalog, user, &self.search_path);
        self.user = Some(user.clone());
    }

    /// # Errors
    /// 42501 when the name has a schema that the user may not look into.
    pub fn check_schema(&self, name: &ast::Name) -> Result<()> {
        match name.schema().and_then(|schema| self.catalog.schema_called(schema, &self.search_path)) {
            Some(schema) => self.check_usable(schema).map_err(|error| error.at(name.pos + 1)),
            None => Ok(()),
        }
    }

    /// # Errors
    /// 42501 when the user may not look into the schema.
    pub fn check_usable(&self, schema: &SchemaDef) -> Result<()> {
        self.looking().map_or(Ok(()), |user| check_usable(self.catalog, user, schema))
    }

    /// Who looks names up and may not look into all schemas.
    pub fn looking(&self) -> Option<&RoleDef> {
        self.user.as_deref().filter(|_| self.view_depth == 0)
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
        let is_named = self.view_depth == 0;
        let known = self.required.iter_mut().find(|entry| entry.relation == relation && entry.role == role);
        match known {
            Some(entry) => {
                entry.privileges = entry.privileges.union(privileges);
                entry.is_named |= is_named;
            }
            None => self.required.push(Required { relation, privileges, role, is_named }),
        }
    }

    /// What another binder needs that reads the same catalog, whatever the snapshot.
    pub fn context(&self) -> BindContext<'a> {
        BindContext { catalog: self.catalog, registry: self.registry, settings: self.settings, unseen: &[] }
    }

    pub fn notice(&mut self, sqlstate: SqlState, message: impl Into<String>) {
        self.notices.push(Notice { severity: "NOTICE", sqlstate, message: message.into() });
    }

    /// The default of a column, already of the column's type.
    pub fn column_default(&mut self, table: &TableDef, column: usize) -> Result<Option<Expr>> {
        let def = &table.columns[column];
        if def.identity.is_some() {
            let Some(sequence) = def.sequence else { return Ok(None) };
            let call = next_value(sequence);
            return self.coerce(call, def.ty, types::cast::CastContext::Assignment, 0).map(Some);
        }
        if def.generated.is_some() {
            return Ok(None);
        }
        def.default.as_ref().map(|text| self.kept_default(text, def.ty)).transpose()
    }

    /// The default of a column of this type, which the catalog keeps as `text`.
    pub fn kept_default(&mut self, text: &str, ty: SqlType) -> Result<Expr> {
        let expr = parse::parse_expr(text)?;
        let result = self.as_kept(|binder| {
            binder.with_scope(Scope::default(), |binder| {
                binder.within(Clause::Default, |binder| {
                    let value = binder.expr(&expr)?;
                    binder.coerce(value, ty, types::cast::CastContext::Assignment, 0)
                })
            })
        });
        result.map(|(value, _)| value)
    }

    /// Runs `body` on an expression that the catalog keeps: out of sight of what is around it, and with names that whoever
    /// made it has looked up.
    ///
    /// # Errors
    /// Those of `body`, without their places.
    fn as_kept<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let (scopes, user) = (std::mem::take(&mut self.scopes), self.user.take());
        let result = body(self);
        self.scopes = scopes;
        self.user = user;
        result.map_err(without_position)
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
            let expr = self.as_kept(|binder| binder.row_expr(&expr, table))?;
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
            let value = self.as_kept(|binder| binder.row_expr(&expr, table))?;
            let value = self.coerce(value, def.ty, types::cast::CastContext::Assignment, 0)?;
            generated.push(Assignment { column, value });
        }
        Ok(generated)
    }

    /// The query of a statement: whatever its columns' types still are unknown becomes text.
    pub fn statement_query(&mut self, query: &ast::Query) -> Result<Query> {
        let (plan, columns) = self.query(query, None)?;
        let columns: Vec<ResultColumn> = columns;
        Ok(Query { plan: Arc::new(plan), columns: columns.into(), row_lock: self.row_lock })
    }
}

/// The next value of a column's own sequence.
pub(crate) fn next_value(sequence: u32) -> Expr {
    let args = vec![Expr::constant(types::Datum::Oid(sequence), SqlType::REGCLASS)];
    Expr::Call(Box::new(CallExpr { function: &NEXT_OF_IDENTITY, operator: None, args, ty: SqlType::INT8 }))
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
