//! Views through which rows of a table change: those that do no more than filter and list one relation.
//!
//! Such a view, with the views that it reads in turn, is a choice of a table's rows and a list of expressions over them.
//! A statement that names it is bound over the table's own row, under the view's names for it. So what is planned and run
//! is a change of the table. Conditions of a view with `security_barrier`, and of those that it reads, are judged before the
//! statement's own; what the views' columns have for defaults goes before those of the table.
//!
//! **Source.** PostgreSQL's `view_query_is_auto_updatable` and `rewriteTargetView`.

use std::sync::Arc;

use types::{Error, Result, SqlState};

use super::from::{aliased, nested_too_deeply};
use super::query::Unknowns;
use super::scope::{Scope, StarColumn};
use super::{Binder, Clause, without_position};
use crate::bound::{Check, CheckOption, Expr, Plan, SystemColumn, walk};
use crate::catalog::{Privileges, Relation, TableDef, ViewDef};
use crate::parse;
use crate::parse::ast::{Alias, ExprKind, Name, Query, Select, SetExpr, TableRef, Target};

/// Of how many nodes the columns of a view may consist over the row of the table behind it. Each view that names a column of
/// the next one twice doubles it.
const SIZE_MAX: usize = 20_000;

const NO_RELATION: &str = "Views that do not select from a single table or view are not automatically updatable.";
const NO_COLUMN: &str = "Views that have no updatable columns are not automatically updatable.";

/// How a statement changes rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    Insert,
    Update,
    Delete,
}

/// What a statement changes rows of: a table, which it names itself or through views.
pub(crate) struct Written {
    pub table: Arc<TableDef>,
    change: Change,
    through: Option<Through>,
}

/// The way from a view to the table behind it.
struct Through {
    /// The views on it, the one that the statement names first.
    layers: Vec<Layer>,
    /// The columns of the first.
    columns: Vec<ViewColumn>,
    /// What the last calls the table.
    alias: String,
}

struct Layer {
    view: Arc<ViewDef>,
    /// Its WHERE, over the table's row.
    filter: Option<Expr>,
    /// Its defaults: the position of the table's column, and the expression as text.
    defaults: Vec<(usize, Arc<str>)>,
}

impl Layer {
    fn default_of(&self, column: usize) -> Option<&Arc<str>> {
        self.defaults.iter().find(|(at, _)| *at == column).map(|(_, text)| text)
    }
}

struct ViewColumn {
    /// Over the table's row.
    shown: StarColumn,
    stored: Stored,
}

/// The position of the table's column that a view's column is.
type Stored = std::result::Result<usize, Computed>;

/// A column of a view that is no column of the relation that the view reads.
#[derive(Clone)]
struct Computed {
    view: Arc<str>,
    column: Arc<str>,
    why: &'static str,
}

/// A query that does no more than filter and list one relation.
struct Simple<'q> {
    select: &'q Select,
    relation: &'q Name,
    alias: Option<&'q Alias>,
    /// Of each item of its list, which of the relation's columns it is, or why it is none.
    columns: Vec<std::result::Result<usize, &'static str>>,
}

impl Change {
    /// The error of a view through which no rows change.
    fn refused(self, view: &str, why: &'static str) -> Error {
        let (verb, doing, event) = match self {
            Change::Insert => ("insert into", "inserting into", "INSERT"),
            Change::Update => ("update", "updating", "UPDATE"),
            Change::Delete => ("delete from", "deleting from", "DELETE"),
        };
        Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("cannot {verb} view \"{view}\""))
            .detail(why)
            .hint(format!(
                "To enable {doing} the view, provide an INSTEAD OF {event} trigger or an unconditional ON {event} DO \
                 INSTEAD rule."
            ))
    }

    fn refused_column(self, it: &Computed) -> Error {
        let verb = if self == Change::Insert { "insert into" } else { "update" };
        let message = format!("cannot {verb} column \"{}\" of view \"{}\"", it.column, it.view);
        Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).detail(it.why)
    }
}

impl Written {
    pub fn of_table(table: Arc<TableDef>, change: Change) -> Written {
        Written { table, change, through: None }
    }

    fn layers(&self) -> &[Layer] {
        self.through.as_ref().map(|through| through.layers.as_slice()).unwrap_or_default()
    }

    /// The name of the relation that the statement names.
    pub fn name(&self) -> &str {
        self.layers().first().map_or(&*self.table.name, |layer| &layer.view.name)
    }

    pub fn is_view(&self) -> bool {
        self.through.is_some()
    }

    /// The position of the column with this name, or why it cannot be assigned to; `None` if there is none.
    pub fn column_named(&self, name: &str) -> Option<Result<usize>> {
        let Some(through) = &self.through else { return self.table.column_named(name).map(Ok) };
        let column = through.columns.iter().find(|column| *column.shown.name == *name)?;
        Some(column.stored.clone().map_err(|computed| self.change.refused_column(&computed)))
    }

    /// The columns that values without a list of columns go to, up to the first that takes none: their positions, and what
    /// the statement calls them.
    pub fn columns(&self) -> Vec<(usize, &str)> {
        match &self.through {
            None => self.table.live_columns().map(|(at, column)| (at, &*column.name)).collect(),
            Some(through) => {
                through.columns.iter().map_while(|it| Some((*it.stored.as_ref().ok()?, &*it.shown.name))).collect()
            }
        }
    }

    /// What a new row has in a column of the table by the default of a view.
    pub fn default_of(&self, column: usize) -> Option<&Arc<str>> {
        self.layers().iter().find_map(|layer| layer.default_of(column))
    }

    /// What an UPDATE of the relation itself means by the DEFAULT of a column, if the relation is a view.
    pub fn own_default_of(&self, column: usize) -> Option<&Arc<str>> {
        self.layers().first()?.default_of(column)
    }

    fn stored(&self) -> Vec<Stored> {
        match &self.through {
            None => self.table.live_columns().map(|(at, _)| Ok(at)).collect(),
            Some(through) => through.columns.iter().map(|column| column.stored.clone()).collect(),
        }
    }

    /// Refuses so many values without a list of columns if the one at `at` would go to a column that takes none.
    ///
    /// # Errors
    /// 0A000.
    pub fn check_takes(&self, at: usize, width: usize) -> Result<()> {
        let stored = self.stored();
        match stored.get(at) {
            Some(Err(computed)) if width <= stored.len() => Err(self.change.refused_column(computed)),
            _ => Ok(()),
        }
    }

    /// The WHERE conditions of the views, over the table's row: those that stand beside the statement's own, and those, the
    /// table's side first, that a row must meet before the others see it.
    pub fn filters(&self) -> (Vec<Expr>, Vec<Expr>) {
        let layers = self.layers();
        let is_barrier = |layer: &Layer| layer.view.parameters().security_barrier;
        let (beside, before) = layers.split_at(layers.iter().position(is_barrier).unwrap_or(layers.len()));
        let of = |layer: &Layer| layer.filter.clone();
        (beside.iter().filter_map(of).collect(), before.iter().rev().filter_map(of).collect())
    }

    /// The table's row by itself, as [`Scope::of_row`].
    pub fn row_scope(&self, alias: &str) -> Scope {
        let mut scope = Scope::default();
        self.add_row(&mut scope, alias, 0);
        scope
    }

    /// As [`Scope::add_row`].
    pub fn add_row(&self, scope: &mut Scope, alias: &str, base: usize) {
        match &self.through {
            None => scope.add_row(&self.table, alias, base),
            Some(through) => {
                scope.fields.extend(Scope::of_row(&self.table, alias).fields);
                through.name_row(scope, alias, base);
            }
        }
    }

    /// Refuses a new row where the views show what it does not have yet.
    ///
    /// # Errors
    /// 0A000.
    pub fn refuse_system_columns(&self) -> Result<()> {
        let mut columns = self.through.iter().flat_map(|through| &through.columns);
        match columns.any(|column| self.reads_system_columns(&column.shown.expr)) {
            true => Err(Error::unsupported(format!("inserting into view \"{}\" of system columns", self.name()))),
            false => Ok(()),
        }
    }

    /// Whether an expression reads what only a stored row has.
    fn reads_system_columns(&self, expr: &Expr) -> bool {
        let mut found = false;
        walk::columns_of(expr, &mut |index| found |= index >= self.table.columns.len());
        found
    }

    /// The conditions that a written row must meet, those of the views nearest to the table first.
    ///
    /// # Errors
    /// 0A000 for a condition on system columns.
    pub fn check_options(&self) -> Result<Vec<Check>> {
        let mut checks = Vec::new();
        let mut cascades = false;
        for Layer { view, filter, .. } in self.layers() {
            let check_option = view.parameters().check_option;
            cascades |= check_option == Some(CheckOption::Cascaded);
            let Some(filter) = filter.as_ref().filter(|_| cascades || check_option.is_some()) else { continue };
            if self.reads_system_columns(filter) {
                return Err(Error::unsupported("a check option on system columns"));
            }
            checks.insert(0, Check { name: view.name.clone(), expr: filter.clone() });
        }
        Ok(checks)
    }
}

impl Through {
    /// Names a row of the table, which begins at column `base`, as the view does.
    fn name_row(&self, scope: &mut Scope, alias: &str, base: usize) {
        let moved = |column: &ViewColumn| {
            let mut shown = column.shown.clone();
            walk::map_columns(&mut shown.expr, &|index| index + base);
            shown
        };
        let columns = self.columns.iter().map(moved).collect();
        let schema = self.layers.first().map(|layer| layer.view.schema_name.clone());
        scope.add_columns(Arc::from(alias), schema, columns);
    }
}

impl Binder<'_> {
    /// What a statement that names this relation changes rows of.
    ///
    /// # Errors
    /// As [`Binder::find_table`]; 55000 for a view through which no rows change; 54001 for views whose columns are too large
    /// over the table's row.
    pub fn written(&mut self, name: &Name, change: Change) -> Result<Written> {
        match self.find_relation(name)? {
            Relation::View(view) => self.written_view(&view, change),
            _ => Ok(Written::of_table(self.find_table(name)?, change)),
        }
    }

    fn written_view(&mut self, view: &Arc<ViewDef>, change: Change) -> Result<Written> {
        let query = parse::parse_query(&view.query).map_err(without_position)?;
        self.inside(view, |binder| binder.written_query(view, without_names(&query), change))
    }

    fn written_query(&mut self, view: &Arc<ViewDef>, query: &Query, change: Change) -> Result<Written> {
        let simple = self.simple(query)?.map_err(|why| change.refused(&view.name, why))?;
        if change != Change::Delete && simple.columns.iter().all(std::result::Result::is_err) {
            return Err(change.refused(&view.name, NO_COLUMN));
        }
        let behind = self.written(simple.relation, change)?;
        let alias = simple.alias.map_or(behind.name(), |alias| &alias.name.name).to_owned();
        let (_, scope) = self.written_scan(&behind, &alias);
        let ((outputs, filter), _) = self.with_scope(aliased(scope, simple.alias)?, |binder| {
            binder.begin_calls(&simple.select.windows)?;
            let outputs =
                binder.within(Clause::Select, |binder| binder.outputs(&simple.select.targets, Unknowns::Text));
            binder.selects.pop();
            Ok((outputs?, binder.where_condition(simple.select.filter.as_ref())?))
        })?;
        if outputs.iter().map(|output| walk::size(&output.expr)).sum::<usize>() > SIZE_MAX {
            return Err(nested_too_deeply());
        }
        let stored = behind.stored();
        let mut columns = Vec::with_capacity(outputs.len());
        for ((output, place), (at, (name, _))) in
            outputs.into_iter().zip(simple.columns).zip(view.columns.iter().enumerate())
        {
            let computed = |why| Computed { view: view.name.clone(), column: name.clone(), why };
            let stored = match place.map_err(computed) {
                Err(computed) => Err(computed),
                Ok(place) => {
                    let stored = stored.get(place).cloned();
                    stored.ok_or_else(|| Error::internal("a view of a column that is not there"))?
                }
            };
            let origin = (view.oid, at as i16 + 1);
            columns.push(ViewColumn { shown: StarColumn { name: name.clone(), expr: output.expr, origin }, stored });
        }
        let mut defaults = Vec::with_capacity(view.defaults.len());
        for (at, text) in &view.defaults {
            match columns.get(*at).map(|column| &column.stored) {
                Some(Ok(column)) => defaults.push((*column, text.clone())),
                Some(Err(computed)) if change == Change::Insert => return Err(change.refused_column(computed)),
                _ => {}
            }
        }
        let Written { table, through, .. } = behind;
        let (mut layers, alias) = through.map_or((Vec::new(), alias), |through| (through.layers, through.alias));
        layers.insert(0, Layer { view: view.clone(), filter, defaults });
        Ok(Written { table, change, through: Some(Through { layers, columns, alias }) })
    }

    /// Of each column of a view, whether it can be assigned to. The columns are not bound over the table's row, where each
    /// view that names a column twice would double it: everybody who reads the catalogs would pay for that.
    ///
    /// # Errors
    /// 55000 for a view through which no rows change.
    pub fn assignable_columns(&mut self, view: &Arc<ViewDef>) -> Result<Vec<bool>> {
        let query = parse::parse_query(&view.query)?;
        self.inside(view, |binder| {
            let refused = |why| Change::Delete.refused(&view.name, why);
            let simple = binder.simple(without_names(&query))?.map_err(refused)?;
            let behind = match binder.find_relation(simple.relation)? {
                Relation::View(behind) => Some(binder.assignable_columns(&behind)?),
                Relation::Virtual(it) if it.kind == b'v' => return Err(refused(NO_RELATION)),
                _ => None,
            };
            let is_stored = |at: usize| behind.as_ref().is_none_or(|behind| behind.get(at) == Some(&true));
            let columns = simple.columns.into_iter().take(view.columns.len());
            Ok(columns.map(|column| column.is_ok_and(is_stored)).collect())
        })
    }

    /// Refuses a check option for a view through which no rows change.
    ///
    /// # Errors
    /// 0A000.
    pub fn check_takes_check_option(&mut self, query: &Query) -> Result<()> {
        let why = match self.simple(query)? {
            Ok(simple) if simple.columns.iter().any(std::result::Result::is_ok) => return Ok(()),
            Ok(_) => NO_COLUMN,
            Err(why) => why,
        };
        let message = "WITH CHECK OPTION is supported only on automatically updatable views";
        Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).hint(why))
    }

    /// As [`Binder::check_takes_check_option`], of a view that is there.
    ///
    /// # Errors
    /// 0A000.
    pub fn check_view_takes_check_option(&mut self, view: &ViewDef) -> Result<()> {
        let query = parse::parse_query(&view.query)?;
        self.inside(view, |binder| binder.check_takes_check_option(without_names(&query)))
    }

    /// A query as one through which rows change, or why none do.
    fn simple<'q>(&mut self, query: &'q Query) -> Result<std::result::Result<Simple<'q>, &'static str>> {
        if let Some(why) = more_than_a_list(query) {
            return Ok(Err(why));
        }
        let SetExpr::Select(select) = &query.body else { return Ok(Err(NO_RELATION)) };
        // What the statement does to the relation is another question than what reading it would require.
        let required = self.required.clone();
        let (_, scope) = self.bind_from(&select.from)?;
        let ((outputs, calls), scope) = self.with_scope(scope, |binder| {
            binder.begin_calls(&select.windows)?;
            let outputs = binder.within(Clause::Select, |binder| binder.outputs(&select.targets, Unknowns::Text))?;
            binder.within(Clause::OrderBy, |binder| binder.order_by(&query.order, &outputs, select))?;
            Ok((outputs, binder.selects.pop().unwrap_or_default()))
        })?;
        self.required = required;
        let refused = if !calls.aggregates.is_empty() || !calls.groupings.is_empty() {
            Some("Views that return aggregate functions are not automatically updatable.")
        } else if !calls.windows.is_empty() {
            Some("Views that return window functions are not automatically updatable.")
        } else if !calls.sets.is_empty() {
            Some("Views that return set-returning functions are not automatically updatable.")
        } else {
            None
        };
        if let Some(why) = refused {
            return Ok(Err(why));
        }
        let [TableRef::Relation { name, alias }] = select.from.as_slice() else { return Ok(Err(NO_RELATION)) };
        if matches!(self.find_relation(name)?, Relation::Index(_) | Relation::Sequence(_)) {
            return Ok(Err(NO_RELATION));
        }
        let named = scope.entries.first().map(|entry| entry.columns.as_slice()).unwrap_or_default();
        let columns = outputs.iter().map(|output| column_shown(&output.expr, named)).collect();
        Ok(Ok(Simple { select, relation: name, alias: alias.as_ref(), columns }))
    }

    /// The scan of the table whose rows change, and what the statement can name of them.
    pub fn written_scan(&mut self, written: &Written, alias: &str) -> (Plan, Scope) {
        let called = written.through.as_ref().map_or(alias, |through| &through.alias);
        let (plan, scope) = self.table_scan(&written.table, called, true);
        debug_assert_eq!(scope.entries[0].system[0], (SystemColumn::Key, written.table.columns.len()));
        let Some(through) = &written.through else { return (plan, scope) };
        let mut named = Scope { fields: scope.fields, items: scope.items, ..Scope::default() };
        through.name_row(&mut named, alias, 0);
        (plan, named)
    }

    /// Requires privileges on the table; and on the views before it, of each of which the owner needs them on the next, or who
    /// uses it.
    pub fn require_written(&mut self, written: &Written, privileges: Privileges) {
        let role = self.role;
        for layer in written.layers() {
            self.require(layer.view.oid, privileges);
            self.role = layer.view.reader();
        }
        self.require(written.table.oid, privileges);
        self.role = role;
    }
}

/// The query in what [`with_names`](super::with_names) makes of it.
fn without_names(query: &Query) -> &Query {
    let SetExpr::Select(select) = &query.body else { return query };
    let [Target { expr, alias: None, .. }] = select.targets.as_slice() else { return query };
    let [TableRef::Subquery { lateral: false, query: named, .. }] = select.from.as_slice() else { return query };
    // The star of a list that was written is not one any more when the view is stored.
    let is_star = matches!(&expr.kind, ExprKind::Star(parts) if parts.is_empty());
    let is_bare = query.is_plain()
        && select.distinct.is_none()
        && select.filter.is_none()
        && select.group.is_empty()
        && select.having.is_none();
    if is_star && is_bare { without_names(named) } else { query }
}

/// Why a query cannot be [`Simple`], as far as its form tells.
fn more_than_a_list(query: &Query) -> Option<&'static str> {
    if let SetExpr::Select(select) = &query.body {
        if select.distinct.is_some() {
            return Some("Views containing DISTINCT are not automatically updatable.");
        }
        if !select.group.is_empty() {
            return Some("Views containing GROUP BY are not automatically updatable.");
        }
        if select.having.is_some() {
            return Some("Views containing HAVING are not automatically updatable.");
        }
    }
    if matches!(query.body, SetExpr::SetOp { .. }) {
        return Some("Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable.");
    }
    if query.with.is_some() {
        return Some("Views containing WITH are not automatically updatable.");
    }
    if query.limit.is_some() || query.offset.is_some() {
        return Some("Views containing LIMIT or OFFSET are not automatically updatable.");
    }
    None
}

/// Which of a relation's columns an item of a list is, or why it is none.
fn column_shown(item: &Expr, columns: &[StarColumn]) -> std::result::Result<usize, &'static str> {
    match item {
        Expr::Column { index, .. } => {
            let is_it = |column: &StarColumn| matches!(&column.expr, Expr::Column { index: at, .. } if at == index);
            columns.iter().position(is_it).ok_or("View columns that refer to system columns are not updatable.")
        }
        Expr::Row { names, .. } if names.iter().eq(columns.iter().map(|column| &column.name)) => {
            Err("View columns that return whole-row references are not updatable.")
        }
        _ => Err("View columns that are not columns of their base relation are not updatable."),
    }
}
