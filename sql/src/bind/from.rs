//! FROM: tables, views, queries, functions, and the joins between them.

use std::sync::Arc;

use types::{Error, Result, SqlState, SqlType, oid};

use super::query::Unknowns;
use super::row_lock::Item;
use super::scope::{Entry, Scope, StarColumn, system_type};
use super::{Binder, Clause, without_position};
use crate::bound::{
    Access, Expr, Field, FunctionScan, Join, JoinKind, Node, Plan, Relation, ResultColumn, Scan, ScanColumn,
    SystemColumn, walk,
};
use crate::catalog::{self, Privileges, TableDef, VirtualRelation};
use crate::functions::SESSION_VIEWS;
use crate::parse;
use crate::parse::ast::{self, Alias, ExprKind, JoinRef, JoinType, Name, TableRef};

/// Views inside views.
const VIEW_DEPTH_MAX: usize = 32;

/// A query of WITH that can be named.
#[derive(Clone)]
pub(crate) struct CteEntry {
    pub name: String,
    pub id: usize,
    pub columns: Vec<ResultColumn>,
    /// Inside its own recursive term, where it is the previous round.
    pub work_table: bool,
    /// A change of rows without RETURNING, of which nothing can be read.
    pub silent: bool,
}

/// What every scan offers behind the table's columns.
pub(crate) const SYSTEM_COLUMNS: [SystemColumn; 7] = [
    SystemColumn::Key,
    SystemColumn::TableOid,
    SystemColumn::Ctid,
    SystemColumn::Xmin,
    SystemColumn::Xmax,
    SystemColumn::Cmin,
    SystemColumn::Cmax,
];

impl Binder<'_> {
    /// A FROM list: the join of its items, from left to right. One row of no columns without items.
    pub fn bind_from(&mut self, items: &[TableRef]) -> Result<(Plan, Scope)> {
        let around = std::mem::replace(&mut self.from_base, self.scopes.len());
        let bound = self.joined_items(items);
        self.from_base = around;
        bound
    }

    fn joined_items(&mut self, items: &[TableRef]) -> Result<(Plan, Scope)> {
        let Some((first, rest)) = items.split_first() else { return Ok((Plan::one_row(), Scope::default())) };
        let mut left = self.table_ref(first)?;
        for item in rest {
            let (plan, scope) = left;
            left = self.joined(plan, scope, JoinKind::Inner, item, 0)?;
        }
        Ok(left)
    }

    /// Joins an item to what is on its left, which LATERAL items can see; no condition yet.
    fn joined(
        &mut self,
        left: Plan,
        scope: Scope,
        kind: JoinKind,
        right: &TableRef,
        pos: u32,
    ) -> Result<(Plan, Scope)> {
        let seen = Scope { lateral: true, ..scope.clone() };
        let mentioned = seen.mentioned.len();
        let (bound, seen) = self.with_scope(seen, |binder| binder.table_ref(right))?;
        let (mut right, right_scope) = bound;
        let lateral = reads_frame(&right);
        if lateral && matches!(kind, JoinKind::Right | JoinKind::Full) {
            let mention = seen.mentioned.get(mentioned).copied();
            let table = mention.and_then(|(index, _)| seen.entry_of(index)).map_or("", |entry| &*entry.alias);
            let message = format!("invalid reference to FROM-clause entry for table \"{table}\"");
            return Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message)
                .detail("The combining JOIN type must be INNER or LEFT for a LATERAL reference.")
                .at(mention.map_or(pos, |(_, pos)| pos) + 1));
        }
        if !lateral {
            drop_frame(&mut right);
        }
        let scope = scope.join(right_scope, kind)?;
        let fields = left.fields.iter().chain(&right.fields).cloned().collect();
        let join = Join { kind, left, right, keys: Vec::new(), filter: None, lateral, ordered: false };
        Ok((Plan::new(Node::Join(Box::new(join)), fields), scope))
    }

    fn table_ref(&mut self, item: &TableRef) -> Result<(Plan, Scope)> {
        match item {
            TableRef::Relation { name, alias } => self.relation_ref(name, alias.as_ref()),
            TableRef::Subquery { lateral, query, alias, .. } => {
                let shown = alias.as_ref().map_or("", |alias| alias.name.name.as_str());
                self.handed = self.lock_of(shown);
                let handed = self.handed.is_some();
                let (plan, columns) = self.beside(*lateral, |binder| binder.query(query, Unknowns::Text))?;
                self.locked_query(plan, columns, alias.as_ref(), handed, query)
            }
            TableRef::Function { calls, ordinality, alias, pos, .. } => {
                let alias = alias.as_ref();
                let Some(relation) = self.relation_called(calls).filter(|_| !ordinality) else {
                    return self.function_ref(calls, *ordinality, alias, *pos);
                };
                let (plan, scope) = virtual_scan(relation, alias.map_or(relation.name, |alias| &alias.name.name));
                Ok((plan, aliased(scope, alias)?))
            }
            TableRef::Join(join) => self.join(join),
        }
    }

    /// Binds a subquery of FROM, which sees the items on its left only if it is LATERAL.
    fn beside<T>(&mut self, lateral: bool, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if lateral {
            return body(self);
        }
        // Those of the FROM lists further out stay as they are: what our query sees of them, a query in its FROM does.
        let base = self.from_base;
        let visible: Vec<bool> =
            self.scopes[base..].iter_mut().map(|scope| std::mem::replace(&mut scope.hidden, true)).collect();
        let result = body(self);
        for (scope, hidden) in self.scopes[base..].iter_mut().zip(visible) {
            scope.hidden = hidden;
        }
        result
    }

    fn join(&mut self, join: &JoinRef) -> Result<(Plan, Scope)> {
        let kind = match join.kind {
            JoinType::Cross | JoinType::Inner => JoinKind::Inner,
            JoinType::Left => JoinKind::Left,
            JoinType::Right => JoinKind::Right,
            JoinType::Full => JoinKind::Full,
        };
        let (left, left_scope) = self.table_ref(&join.left)?;
        let width = left.width();
        let left_star = left_scope.star.clone();
        let (mut plan, mut scope) = self.joined(left, left_scope, kind, &join.right, join.pos)?;
        let right_star: Vec<StarColumn> = scope.star[left_star.len()..].to_vec();
        let names: Option<Vec<(String, u32)>> = if join.natural {
            let shared = left_star.iter().filter(|column| right_star.iter().any(|other| other.name == column.name));
            Some(shared.map(|column| (column.name.to_string(), join.pos)).collect())
        } else {
            join.using.as_ref().map(|names| names.iter().map(|name| (name.name.clone(), name.pos)).collect())
        };
        let mut condition = None;
        if let Some(names) = names {
            let mut terms = Vec::new();
            let mut merged = Vec::new();
            for (name, pos) in &names {
                let left = one_column(&left_star, name, "left")?;
                let right = one_column(&right_star, name, "right")?;
                let op = ast::Operator { schema: None, name: "=".into(), pos: *pos };
                terms.push(self.operator(&op, Some(left.expr.clone()), right.expr.clone())?);
                let (mut sides, ty) =
                    self.unify(vec![(left.expr.clone(), *pos), (right.expr.clone(), *pos)], "JOIN/USING")?;
                let right_side = sides.pop().expect("two sides");
                let left_side = sides.pop().expect("two sides");
                let (expr, origin) = match kind {
                    JoinKind::Right => (right_side, right.origin),
                    JoinKind::Full => (Expr::Coalesce { args: vec![left_side, right_side], ty }, (0, 0)),
                    _ => (left_side, left.origin),
                };
                merged.push(StarColumn { name: Arc::from(name.as_str()), expr, origin });
            }
            let rest = |column: &&StarColumn| !names.iter().any(|(name, _)| **name == *column.name);
            let left_rest = left_star.iter().filter(rest).cloned();
            let right_rest = right_star.iter().filter(rest).cloned();
            merged.extend(left_rest.chain(right_rest));
            scope.star = merged;
            condition = Expr::and(terms);
        } else if let Some(on) = &join.on {
            let (bound, back) = self.with_scope(scope, |binder| {
                binder.within(Clause::JoinOn, |binder| {
                    let bound = binder.expr(on)?;
                    binder.condition(bound, "JOIN/ON", on.pos)
                })
            })?;
            scope = back;
            condition = Some(bound);
        }
        if let Node::Join(node) = &mut plan.node {
            node.filter = condition;
        }
        debug_assert!(width <= plan.width());
        if let Some(alias) = &join.alias {
            scope = renamed(scope, alias)?;
        }
        Ok((plan, scope))
    }

    /// A table, view, catalog relation or query of WITH.
    fn relation_ref(&mut self, name: &Name, alias: Option<&Alias>) -> Result<(Plan, Scope)> {
        if let [only] = name.parts.as_slice()
            && let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == *only)
        {
            if cte.silent {
                let message = format!("WITH query \"{only}\" does not have a RETURNING clause");
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(name.pos + 1));
            }
            let (id, columns, work_table) = (cte.id, cte.columns.clone(), cte.work_table);
            let shown: Arc<str> = Arc::from(only.as_str());
            let node = if work_table { Node::WorkTable { id, name: shown } } else { Node::CteScan { id, name: shown } };
            let fields = columns.iter().map(|column| Field::new(column.name.clone(), column.ty)).collect();
            let fallback = Alias {
                name: ast::Ident { name: only.clone(), pos: name.pos },
                columns: Vec::new(),
                types: Vec::new(),
            };
            let plan = Plan::new(node, fields);
            return self.derived(plan, columns, Some(alias.unwrap_or(&fallback)), Some("a WITH query"));
        }
        let relation = self.find_relation(name)?;
        if self.view_depth == 0
            && name.parts.len() == 1
            && let Some(schema) = self.catalog.schema(self.catalog.schema_of(&relation))
        {
            self.unqualified.push((name.pos as usize, schema.name.clone()));
        }
        match relation {
            catalog::Relation::Table(table) => {
                self.require(table.oid, Privileges::SELECT);
                let shown = alias.map_or(&*table.name, |alias| alias.name.name.as_str()).to_owned();
                let (plan, scope) = self.table_scan(&table, &shown, false);
                let scope = aliased(scope, alias)?;
                Ok((plan, scope))
            }
            catalog::Relation::View(view) => self.view(&view, alias),
            catalog::Relation::Virtual(relation) => {
                // What the session itself has made is gathered only for who asks: see the session.
                if SESSION_VIEWS.contains(&relation.oid) {
                    self.require(relation.oid, Privileges::SELECT);
                }
                let (plan, scope) = virtual_scan(relation, alias.map_or(relation.name, |alias| &alias.name.name));
                Ok((plan, aliased(scope, alias)?))
            }
            catalog::Relation::Index(index) => Err(cannot_open(&index.name, "an index", name.pos)),
            catalog::Relation::Sequence(sequence) => self.sequence_scan(&sequence, alias),
        }
    }

    /// `SELECT ... FROM sequence`: one row made by a function.
    fn sequence_scan(&mut self, sequence: &catalog::SequenceDef, alias: Option<&Alias>) -> Result<(Plan, Scope)> {
        let arg = Expr::constant(types::Datum::Oid(sequence.oid), SqlType::REGCLASS);
        let last = self.call_named("pg_sequence_last_value", vec![arg], 0)?;
        let start = Expr::constant(types::Datum::Int8(sequence.start), SqlType::INT8);
        let called = Expr::IsNull { arg: Box::new(last.clone()), negated: true };
        let value = Expr::Coalesce { args: vec![last, start], ty: SqlType::INT8 };
        let zero = Expr::constant(types::Datum::Int8(0), SqlType::INT8);
        let fields = vec![
            Field::new("last_value", SqlType::INT8),
            Field::new("log_cnt", SqlType::INT8),
            Field::new("is_called", SqlType::BOOL),
        ];
        let plan = Plan::new(Node::Values(vec![vec![value, zero, called]]), fields);
        let columns = plan.fields.iter().map(|field| ResultColumn::new(field.name.clone(), field.ty)).collect();
        self.require(sequence.oid, Privileges::SELECT);
        let fallback = Alias {
            name: ast::Ident { name: sequence.name.to_string(), pos: 0 },
            columns: Vec::new(),
            types: Vec::new(),
        };
        self.derived(plan, columns, Some(alias.unwrap_or(&fallback)), None)
    }

    /// The scan of a table with all its columns and the system columns behind them. With `whole`, dropped columns keep
    /// their places.
    pub fn table_scan(&mut self, table: &Arc<TableDef>, alias: &str, whole: bool) -> (Plan, Scope) {
        let alias: Arc<str> = Arc::from(alias);
        let mut scope = Scope::default();
        let mut columns = Vec::new();
        let mut names = Vec::new();
        let mut attributes = vec![None; table.columns.len()];
        let field = |name: &Arc<str>, ty| Field { name: name.clone(), relation: Some(alias.clone()), ty };
        for (at, column) in table.columns.iter().enumerate() {
            if column.dropped && !whole {
                continue;
            }
            let index = columns.len();
            columns.push(ScanColumn::Attribute(at));
            scope.fields.push(field(&column.name, column.ty));
            attributes[at] = Some(index);
            if !column.dropped {
                names.push(StarColumn {
                    name: column.name.clone(),
                    expr: Expr::column(index, column.ty),
                    origin: (table.oid, at as i16 + 1),
                });
            }
        }
        let mut system = Vec::new();
        for what in SYSTEM_COLUMNS {
            system.push((what, columns.len()));
            columns.push(ScanColumn::System(what));
            scope.fields.push(field(&Arc::from("(system)"), system_type(what)));
        }
        scope.star.clone_from(&names);
        scope.items.push(Item::table(&alias, table, &columns));
        scope.entries.push(Entry {
            alias: alias.clone(),
            schema: Some(table.schema_name.clone()),
            columns: names,
            system,
            table: Some(table.clone()),
            attributes,
            qualified_only: false,
            is_value: false,
        });
        let scan = Scan {
            relation: Relation::Table(self.readable(table)),
            alias,
            columns,
            access: Access::Full,
            filter: None,
        };
        (Plan::new(Node::Scan(Box::new(scan)), scope.fields.clone()), scope)
    }

    /// A table as it may be read: without the indexes that are newer than the snapshot.
    fn readable(&self, table: &Arc<TableDef>) -> Arc<TableDef> {
        let unseen = |index: &Arc<catalog::IndexDef>| self.unseen.contains(&index.tree);
        if !table.indexes.iter().any(unseen) {
            return table.clone();
        }
        let mut readable = (**table).clone();
        readable.indexes.retain(|index| !unseen(index));
        Arc::new(readable)
    }

    /// A view: its query, bound under the search path it was written with and with its owner's privileges.
    fn view(&mut self, view: &Arc<catalog::ViewDef>, alias: Option<&Alias>) -> Result<(Plan, Scope)> {
        if self.view_depth == VIEW_DEPTH_MAX {
            return Err(Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
                .hint("Views are nested too deeply."));
        }
        self.require(view.oid, Privileges::SELECT);
        let query = parse::parse_query(&view.query).map_err(without_position)?;
        let path = std::mem::replace(&mut self.search_path, view.search_path.clone().into());
        let role = self.role.replace(view.owner);
        let ctes = std::mem::take(&mut self.ctes);
        let visible: Vec<bool> =
            self.scopes.iter_mut().map(|scope| std::mem::replace(&mut scope.hidden, true)).collect();
        self.view_depth += 1;
        self.handed = self.lock_of(alias.map_or(&*view.name, |alias| &alias.name.name));
        let handed = self.handed.is_some();
        let bound = self.query(&query, Unknowns::Text);
        self.view_depth -= 1;
        for (scope, hidden) in self.scopes.iter_mut().zip(visible) {
            scope.hidden = hidden;
        }
        self.ctes = ctes;
        self.role = role;
        self.search_path = path;
        let (plan, mut columns) = bound.map_err(without_position)?;
        for (at, (column, (name, _))) in columns.iter_mut().zip(&view.columns).enumerate() {
            column.name = name.clone();
            column.table = view.oid;
            column.attribute = at as i16 + 1;
        }
        let fallback =
            Alias { name: ast::Ident { name: view.name.to_string(), pos: 0 }, columns: Vec::new(), types: Vec::new() };
        if handed {
            self.require(view.oid, Privileges::UPDATE);
        }
        let (plan, mut scope) = self.locked_query(plan, columns, Some(alias.unwrap_or(&fallback)), handed, &query)?;
        if alias.is_none()
            && let Some(entry) = scope.entries.first_mut()
        {
            entry.schema = Some(view.schema_name.clone());
        }
        Ok((plan, scope))
    }

    /// The scope over a query in FROM. `unlockable`: what it is, if OF must not name it.
    pub fn derived(
        &mut self,
        mut plan: Plan,
        columns: Vec<ResultColumn>,
        alias: Option<&Alias>,
        unlockable: Option<&'static str>,
    ) -> Result<(Plan, Scope)> {
        let shown: Arc<str> = Arc::from(alias.map_or("", |alias| alias.name.name.as_str()));
        let mut names = Vec::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate() {
            let origin = (column.table, column.attribute);
            names.push(StarColumn { name: column.name.clone(), expr: Expr::column(at, column.ty), origin });
        }
        for (field, column) in plan.fields.iter_mut().zip(&columns) {
            field.name = column.name.clone();
            field.relation = Some(shown.clone());
        }
        let item = match unlockable {
            Some(what) => Item::without_rows(&shown, what),
            None => Item::query(&shown, Vec::new()),
        };
        let scope = Scope::of_query(shown, names, plan.fields.clone(), item);
        let scope = aliased(scope, alias)?;
        for (field, column) in plan.fields.iter_mut().zip(&scope.star) {
            field.name = column.name.clone();
        }
        Ok((plan, scope))
    }

    /// The system relation that a call without arguments stands for, such as `aurora_replica_status()`.
    fn relation_called(&self, calls: &[ast::Expr]) -> Option<&'static VirtualRelation> {
        let [ast::Expr { kind: ExprKind::Function(call), .. }] = calls else { return None };
        if !call.args.is_empty() {
            return None;
        }
        match self.find_relation(&call.name) {
            Ok(catalog::Relation::Virtual(relation)) if catalog::is_called(relation) => Some(relation),
            _ => None,
        }
    }

    fn function_ref(
        &mut self,
        calls: &[ast::Expr],
        ordinality: bool,
        alias: Option<&Alias>,
        pos: u32,
    ) -> Result<(Plan, Scope)> {
        let mut bound = Vec::with_capacity(calls.len());
        let mut columns = Vec::new();
        let mut widths = Vec::with_capacity(calls.len());
        let calls: Vec<ast::Expr> = calls.iter().flat_map(unnested).collect();
        let single = calls.len() == 1;
        let mut is_value = false;
        for call in &calls {
            let (expr, _) = self.with_scope(Scope::default(), |binder| {
                binder.within(Clause::From, |binder| {
                    let expr = binder.expr(call)?;
                    binder.known(expr)
                })
            })?;
            let ty = expr.ty();
            if let Some(named) = super::record::fields(ty) {
                columns.extend(named.iter().map(|(name, ty)| ResultColumn::new(*name, *ty)));
                widths.push(named.len());
            } else if ty.oid == oid::RECORD {
                let types = alias.map(|alias| alias.types.as_slice()).unwrap_or_default();
                if types.is_empty() {
                    let message = "a column definition list is required for functions returning \"record\"";
                    return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(call.pos + 1));
                }
                for (name, ty) in types {
                    let ty = self.type_name(ty)?;
                    columns.push(ResultColumn::new(name.name.as_str(), ty));
                }
                widths.push(types.len());
            } else {
                // A name that the function itself gives goes before that of the alias.
                let named = super::record::value_name(&expr);
                let is_named = named.is_some();
                let own = match (named, &call.kind) {
                    (Some(name), _) => name.to_owned(),
                    (None, ExprKind::Function(call)) => call.name.object().to_owned(),
                    _ => super::select::figure_name(call, ty).unwrap_or_else(|| "?column?".to_owned()),
                };
                let name = match alias {
                    Some(alias) if single && alias.columns.is_empty() && !is_named => alias.name.name.clone(),
                    _ => own,
                };
                is_value = single;
                columns.push(ResultColumn::new(name, ty));
                widths.push(1);
            }
            bound.push(expr);
        }
        if ordinality {
            columns.push(ResultColumn::new("ordinality", SqlType::INT8));
        }
        let fields = columns.iter().map(|column| Field::new(column.name.clone(), column.ty)).collect();
        let node = Node::Function(Box::new(FunctionScan { calls: bound, widths, ordinality }));
        let fallback = Alias {
            name: ast::Ident { name: columns[0].name.to_string(), pos },
            columns: Vec::new(),
            types: Vec::new(),
        };
        let (plan, mut scope) =
            self.derived(Plan::new(node, fields), columns, Some(alias.unwrap_or(&fallback)), Some("a function"))?;
        for entry in &mut scope.entries {
            entry.is_value = is_value;
        }
        Ok((plan, scope))
    }

    /// A relation by name, along the search path.
    ///
    /// # Errors
    /// 42P01 there is none, 3F000 no such schema.
    pub fn find_relation(&self, name: &Name) -> Result<catalog::Relation> {
        if name.parts.len() == 3 && name.parts[0] != *self.settings.database {
            let message = format!("cross-database references are not implemented: \"{}\"", name.shown());
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(name.pos + 1));
        }
        self.catalog.find_relation(name.schema(), name.object(), &self.search_path).cloned().ok_or_else(|| {
            let message = format!("relation \"{}\" does not exist", name.shown());
            Error::new(SqlState::UNDEFINED_TABLE, message).at(name.pos + 1)
        })
    }

    /// A table by name.
    ///
    /// # Errors
    /// 42P01 there is none, 42809 it is something else.
    pub fn find_table(&self, name: &Name) -> Result<Arc<TableDef>> {
        match self.find_relation(name)? {
            catalog::Relation::Table(table) => Ok(table),
            catalog::Relation::Virtual(_) => {
                let message = format!("permission denied: \"{}\" is a system catalog", name.object());
                Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
            }
            _ => {
                let message = format!("\"{}\" is not a table", name.object());
                Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message))
            }
        }
    }
}

fn cannot_open(name: &str, kind: &str, pos: u32) -> Error {
    Error::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot open relation \"{name}\""))
        .detail(format!("This operation is not supported for {}.", kind.trim_start_matches("an ").to_owned() + "es"))
        .at(pos + 1)
}

fn virtual_scan(relation: &'static VirtualRelation, alias: &str) -> (Plan, Scope) {
    let alias: Arc<str> = Arc::from(alias);
    let mut scope = Scope::default();
    let mut names = Vec::new();
    let mut columns = Vec::new();
    for (at, column) in relation.columns.iter().enumerate() {
        let name: Arc<str> = Arc::from(column.name);
        scope.fields.push(Field { name: name.clone(), relation: Some(alias.clone()), ty: column.ty });
        columns.push(ScanColumn::Attribute(at));
        names.push(StarColumn { name, expr: Expr::column(at, column.ty), origin: (relation.oid, at as i16 + 1) });
    }
    let system = vec![(SystemColumn::TableOid, columns.len())];
    columns.push(ScanColumn::System(SystemColumn::TableOid));
    scope.fields.push(Field { name: Arc::from("tableoid"), relation: Some(alias.clone()), ty: SqlType::OID });
    scope.star.clone_from(&names);
    // Nobody changes its rows.
    scope.items.push(Item::query(&alias, Vec::new()));
    scope.entries.push(Entry {
        alias: alias.clone(),
        schema: Some(Arc::from(relation.schema)),
        columns: names,
        system,
        table: None,
        attributes: Vec::new(),
        qualified_only: false,
        is_value: false,
    });
    let scan = Scan { relation: Relation::Virtual(relation), alias, columns, access: Access::Full, filter: None };
    (Plan::new(Node::Scan(Box::new(scan)), scope.fields.clone()), scope)
}

/// The only column with this name on one side of USING.
fn one_column<'s>(star: &'s [StarColumn], name: &str, side: &str) -> Result<&'s StarColumn> {
    let mut found = star.iter().filter(|column| *column.name == *name);
    let Some(column) = found.next() else {
        let message = format!("column \"{name}\" specified in USING clause does not exist in {side} table");
        return Err(Error::new(SqlState::UNDEFINED_COLUMN, message));
    };
    if found.next().is_some() {
        let message = format!("common column name \"{name}\" appears more than once in {side} table");
        return Err(Error::new(SqlState::AMBIGUOUS_COLUMN, message));
    }
    Ok(column)
}

/// Applies the column names of an alias to the scope of one table.
pub(super) fn aliased(mut scope: Scope, alias: Option<&Alias>) -> Result<Scope> {
    let Some(alias) = alias else { return Ok(scope) };
    let Some(entry) = scope.entries.first_mut() else { return Ok(scope) };
    entry.schema = None;
    if alias.columns.len() > entry.columns.len() {
        let message = format!(
            "table \"{}\" has {} columns available but {} columns specified",
            alias.name.name,
            entry.columns.len(),
            alias.columns.len()
        );
        return Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message));
    }
    for (column, name) in entry.columns.iter_mut().zip(&alias.columns) {
        column.name = Arc::from(name.name.as_str());
        if let Expr::Column { index, .. } = &column.expr {
            scope.fields[*index].name = column.name.clone();
        }
    }
    scope.star.clone_from(&entry.columns);
    Ok(scope)
}

/// `(a join b) as x (...)`: one table with the columns that `*` means.
fn renamed(mut scope: Scope, alias: &Alias) -> Result<Scope> {
    let shown: Arc<str> = Arc::from(alias.name.name.as_str());
    scope.items.push(Item::without_rows(&shown, "a join"));
    let of = Scope::of_query(shown, scope.star.clone(), Vec::new(), Item::query("", Vec::new()));
    scope.entries = of.entries;
    aliased(scope, Some(alias))
}

/// Whether a plan reads the frame directly around it.
pub(crate) fn reads_frame(plan: &Plan) -> bool {
    let mut reads = false;
    walk::visit_plan_frames(plan, 0, &mut |expr, level| {
        reads |= matches!(expr, Expr::Outer { depth, .. } if *depth == level);
    });
    reads
}

/// Takes away the frame directly around a plan that does not read it.
pub(crate) fn drop_frame(plan: &mut Plan) {
    walk::frames_in_plan(plan, 0, &mut |expr, level| {
        if let Expr::Outer { depth, .. } = expr
            && *depth > level
        {
            *depth -= 1;
        }
    });
}

/// `unnest(a, b)` in FROM stands for `ROWS FROM (unnest(a), unnest(b))`.
fn unnested(call: &ast::Expr) -> Vec<ast::Expr> {
    if let ExprKind::Function(function) = &call.kind
        && function.name.object() == "unnest"
        && function.args.len() > 1
    {
        let one = |arg: &ast::FunctionArg| {
            let function = ast::FunctionCall { args: vec![arg.clone()], ..(**function).clone() };
            ast::Expr { kind: ExprKind::Function(Box::new(function)), ..call.clone() }
        };
        return function.args.iter().map(one).collect();
    }
    vec![call.clone()]
}
