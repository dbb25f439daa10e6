//! FROM: tables, views, queries, functions, and the joins between them.

use std::sync::Arc;

use types::{Error, Result, SqlState, SqlType, oid};

use super::query::Unknowns;
use super::row_lock::Item;
use super::scope::{Entry, Scope, StarColumn, system_type};
use super::table::COLUMNS_MAX;
use super::{Binder, Clause, Reference, bind_predicate, without_position};
use crate::bound::{
    Access, Expr, Field, FunctionScan, Join, JoinKind, Node, Plan, Relation, ResultColumn, Scan, ScanColumn,
    SystemColumn, walk,
};
use crate::catalog::{self, Privileges, SEQUENCE_COLUMNS, TableDef, VirtualColumn, VirtualRelation};
use crate::functions::{SECRET, SESSION_VIEWS};
use crate::parse;
use crate::parse::ast::{
    self, Alias, ColumnDefinition, ExprKind, Ident, JoinRef, JoinType, Name, TableFunction, TableRef,
};

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
            TableRef::Function { calls, ordinality, alias, definitions, pos, .. } => {
                let alias = alias.as_ref();
                let Some(relation) = self.relation_called(calls).filter(|_| !ordinality) else {
                    return self.function_ref(calls, *ordinality, alias, definitions, *pos);
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
                for side in [left, right] {
                    let (pos, expr) = (*pos, side.expr.clone());
                    self.note_reference(Reference { pos, parts: 0, expr, column: None, is_output: false });
                }
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
            if let Some(alias) = &join.using_alias {
                if scope.entry(None, &alias.name).is_some() {
                    let message = format!("table name \"{}\" specified more than once", alias.name);
                    return Err(Error::new(SqlState::DUPLICATE_ALIAS, message));
                }
                let entry = join_entry(&mut scope, alias, merged.clone());
                scope.entries.push(entry);
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
            let fallback = Alias { name: Ident { name: only.clone(), pos: name.pos }, columns: Vec::new() };
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
                if SESSION_VIEWS.contains(&relation.oid) || SECRET.contains(&relation.oid) {
                    self.require(relation.oid, Privileges::SELECT);
                }
                let (plan, scope) = virtual_scan(relation, alias.map_or(relation.name, |alias| &alias.name.name));
                Ok((plan, aliased(scope, alias)?))
            }
            catalog::Relation::Index(index) => Err(cannot_open(&index.name, "an index", name.pos)),
            catalog::Relation::Sequence(sequence) => {
                self.require(sequence.oid, Privileges::SELECT);
                let shown = alias.map_or(&*sequence.name, |alias| alias.name.name.as_str());
                let relation = Relation::Sequence(sequence.clone());
                let (plan, scope) = made_scan(relation, sequence.oid, &sequence.schema_name, &SEQUENCE_COLUMNS, shown);
                Ok((plan, aliased(scope, alias)?))
            }
        }
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
        for what in SystemColumn::ALL {
            system.push((what, columns.len()));
            columns.push(ScanColumn::System(what));
            scope.fields.push(field(&Arc::from("(system)"), system_type(what)));
        }
        scope.star.clone_from(&names);
        scope.items.push(Item::table(&alias, table, &columns));
        let entry = Entry::of(alias.clone(), Some(table.schema_name.clone()), names);
        scope.entries.push(Entry { system, table: Some(table.clone()), attributes, ..entry });
        let scan = Scan {
            relation: Relation::Table(self.readable(table)),
            alias,
            columns,
            access: Access::Full,
            filter: None,
        };
        (Plan::new(Node::Scan(Box::new(scan)), scope.fields.clone()), scope)
    }

    /// A table as it may be read: without the indexes that are newer than the snapshot. The conditions of the others are
    /// known to the planner.
    fn readable(&self, table: &Arc<TableDef>) -> Arc<TableDef> {
        let context = self.context();
        for predicate in table.indexes.iter().filter_map(|index| index.predicate.as_ref()) {
            // One that cannot be bound serves no query; who writes is told.
            let _ = bind_predicate(predicate, table, context);
        }
        let unseen = |index: &Arc<catalog::IndexDef>| self.unseen.contains(&index.tree);
        if !table.indexes.iter().any(unseen) {
            return table.clone();
        }
        let mut readable = (**table).clone();
        readable.indexes.retain(|index| !unseen(index));
        Arc::new(readable)
    }

    /// Runs `body` on a view's own text: under the search path it was written with, with its owner's privileges unless it has
    /// its user's, and out of sight of what is around it.
    ///
    /// # Errors
    /// 54001 for views nested too deeply; those of `body`, without their places.
    pub fn inside<T>(&mut self, view: &catalog::ViewDef, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.view_depth == VIEW_DEPTH_MAX {
            return Err(nested_too_deeply());
        }
        let path = std::mem::replace(&mut self.search_path, view.search_path.clone().into());
        let role = std::mem::replace(&mut self.role, view.reader());
        let ctes = std::mem::take(&mut self.ctes);
        let visible: Vec<bool> =
            self.scopes.iter_mut().map(|scope| std::mem::replace(&mut scope.hidden, true)).collect();
        self.view_depth += 1;
        let result = body(self);
        self.view_depth -= 1;
        for (scope, hidden) in self.scopes.iter_mut().zip(visible) {
            scope.hidden = hidden;
        }
        self.ctes = ctes;
        self.role = role;
        self.search_path = path;
        result.map_err(without_position)
    }

    /// A view: its query, bound where it is used.
    fn view(&mut self, view: &Arc<catalog::ViewDef>, alias: Option<&Alias>) -> Result<(Plan, Scope)> {
        self.require(view.oid, Privileges::SELECT);
        let query = parse::parse_query(&view.query).map_err(without_position)?;
        self.handed = self.lock_of(alias.map_or(&*view.name, |alias| &alias.name.name));
        let handed = self.handed.is_some();
        let (plan, mut columns) = self.inside(view, |binder| binder.query(&query, Unknowns::Text))?;
        for (at, (column, (name, _))) in columns.iter_mut().zip(&view.columns).enumerate() {
            column.name = name.clone();
            column.table = view.oid;
            column.attribute = at as i16 + 1;
        }
        let plan = if view.parameters().security_barrier { plan.fenced() } else { plan };
        let fallback = Alias { name: Ident { name: view.name.to_string(), pos: 0 }, columns: Vec::new() };
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
    fn relation_called(&self, calls: &[TableFunction]) -> Option<&'static VirtualRelation> {
        let [TableFunction { call: ast::Expr { kind: ExprKind::Function(call), .. }, .. }] = calls else { return None };
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
        calls: &[TableFunction],
        ordinality: bool,
        alias: Option<&Alias>,
        definitions: &[ColumnDefinition],
        pos: u32,
    ) -> Result<(Plan, Scope)> {
        let mut bound = Vec::with_capacity(calls.len());
        let mut columns = Vec::new();
        let mut widths = Vec::with_capacity(calls.len());
        let unnested: Vec<TableFunction> = calls.iter().flat_map(unnested).collect();
        let single = unnested.len() == 1;
        check_definitions(definitions, calls, unnested.len(), ordinality)?;
        let mut shown = None;
        let mut is_value = false;
        for TableFunction { call, definitions: inner } in &unnested {
            let definitions = if inner.is_empty() { definitions } else { inner.as_slice() };
            let (populating, row) = self.populating(call)?.unzip();
            let call = populating.as_ref().unwrap_or(call);
            let (mut expr, _) = self.with_scope(Scope::default(), |binder| {
                binder.within(Clause::From, |binder| {
                    let expr = binder.expr(call)?;
                    binder.known(expr)
                })
            })?;
            let ty = expr.ty();
            let own = super::select::figure_name(call, ty).unwrap_or_else(|| "?column?".to_owned());
            shown.get_or_insert_with(|| own.clone());
            if let Some(row) = self.row_columns(ty, row, definitions, call.pos)? {
                super::record::with_list(&mut expr, &row);
                widths.push(row.len());
                columns.extend(row);
            } else {
                // A name that the function itself gives goes before that of the alias.
                let name = match (super::record::value_name(&expr), alias) {
                    (Some(name), _) => name.to_owned(),
                    (None, Some(alias)) if single && alias.columns.is_empty() => alias.name.name.clone(),
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
        let fallback = Alias { name: Ident { name: shown.unwrap_or_default(), pos }, columns: Vec::new() };
        let (plan, mut scope) =
            self.derived(Plan::new(node, fields), columns, Some(alias.unwrap_or(&fallback)), Some("a function"))?;
        for entry in &mut scope.entries {
            entry.is_value = is_value;
        }
        Ok((plan, scope))
    }

    /// The columns of a call that returns rows: its function's, those of the `row` that is known, or those that are
    /// defined. `None` for a call that returns other values.
    ///
    /// # Errors
    /// 42601 definitions are missing, or there are some and the columns are known.
    fn row_columns(
        &mut self,
        ty: SqlType,
        row: Option<Vec<ResultColumn>>,
        definitions: &[ColumnDefinition],
        pos: u32,
    ) -> Result<Option<Vec<ResultColumn>>> {
        let (known, refused) = if let Some(fields) = super::record::fields(ty) {
            let columns: Vec<ResultColumn> = fields.iter().map(|(name, ty)| ResultColumn::new(*name, *ty)).collect();
            (Some(columns), "a column definition list is redundant for a function with OUT parameters")
        } else if row.is_some() {
            (row, "a column definition list is redundant for a function returning a named composite type")
        } else if ty.oid != oid::RECORD {
            (None, "a column definition list is only allowed for functions returning \"record\"")
        } else if definitions.is_empty() {
            let message = "a column definition list is required for functions returning \"record\"";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(pos + 1));
        } else {
            return self.defined_columns(definitions).map(Some);
        };
        match definitions.first() {
            Some((first, _)) => Err(Error::new(SqlState::SYNTAX_ERROR, refused).at(first.pos + 1)),
            None => Ok(known),
        }
    }

    fn defined_columns(&mut self, definitions: &[ColumnDefinition]) -> Result<Vec<ResultColumn>> {
        if let Some((first, _)) = definitions.first()
            && definitions.len() > COLUMNS_MAX
        {
            let message = format!("column definition lists can have at most {COLUMNS_MAX} entries");
            return Err(Error::new(SqlState::TOO_MANY_COLUMNS, message).at(first.pos + 1));
        }
        let mut columns: Vec<ResultColumn> = Vec::with_capacity(definitions.len());
        for (Ident { name, .. }, ty) in definitions {
            if columns.iter().any(|column| *column.name == **name) {
                let message = format!("column name \"{name}\" specified more than once");
                return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
            }
            columns.push(ResultColumn::new(name.as_str(), self.type_name(ty)?));
        }
        Ok(columns)
    }

    /// A call such as `json_populate_record(null::t, json)` for a table: the call with a null of type record in place,
    /// and the columns of the table.
    ///
    /// # Errors
    /// 0A000 in the definition of a view, whose text would not follow the name of the table.
    fn populating(&mut self, call: &ast::Expr) -> Result<Option<(ast::Expr, Vec<ResultColumn>)>> {
        let ExprKind::Function(function) = &call.kind else { return Ok(None) };
        if !super::record::populates(self.registry, function.name.object()) {
            return Ok(None);
        }
        let mut function = function.clone();
        let Some(base) = function.args.first_mut() else { return Ok(None) };
        let ExprKind::Cast { arg, ty } = &mut base.expr.kind else { return Ok(None) };
        if !matches!(arg.kind, ExprKind::Null) || ty.array || !ty.modifiers.is_empty() || self.type_name(ty).is_ok() {
            return Ok(None);
        }
        let row_type = Name { parts: ty.names.clone(), pos: ty.pos };
        self.check_schema(&row_type)?;
        let Ok(catalog::Relation::Table(table)) = self.find_relation(&row_type) else { return Ok(None) };
        let row: Vec<ResultColumn> =
            table.live_columns().map(|(_, def)| ResultColumn::new(def.name.clone(), def.ty)).collect();
        if row.is_empty() {
            return Ok(None);
        }
        if self.stars.is_some() && self.view_depth == 0 {
            return Err(Error::unsupported("the row type of a table in a view").at(ty.pos + 1));
        }
        ty.names = vec!["pg_catalog".to_owned(), "record".to_owned()];
        Ok(Some((ast::Expr { kind: ExprKind::Function(function), ..*call }, row)))
    }

    /// A relation by name, along the search path.
    ///
    /// # Errors
    /// 42P01 there is none, 3F000 no such schema.
    pub fn find_relation(&self, name: &Name) -> Result<catalog::Relation> {
        self.check_database(name)?;
        self.check_schema(name)?;
        let found = self.catalog.find_relation(name.schema(), name.object(), &self.search_path).cloned();
        let found = found.ok_or_else(|| {
            let message = format!("relation \"{}\" does not exist", name.shown());
            Error::new(SqlState::UNDEFINED_TABLE, message).at(name.pos + 1)
        })?;
        let schema = self.catalog.schema_name_of(&found);
        if catalog::is_others(&schema, &self.search_path) {
            let message = "cannot access temporary tables of other sessions";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        Ok(found)
    }

    /// # Errors
    /// 0A000 for a name in another database.
    pub fn check_database(&self, name: &Name) -> Result<()> {
        if name.parts.len() == 3 && name.parts[0] != *self.settings.database {
            let message = format!("cross-database references are not implemented: \"{}\"", name.shown());
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(name.pos + 1));
        }
        Ok(())
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

pub(crate) fn nested_too_deeply() -> Error {
    Error::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded").hint("Views are nested too deeply.")
}

fn cannot_open(name: &str, kind: &str, pos: u32) -> Error {
    Error::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot open relation \"{name}\""))
        .detail(format!("This operation is not supported for {}.", kind.trim_start_matches("an ").to_owned() + "es"))
        .at(pos + 1)
}

fn virtual_scan(relation: &'static VirtualRelation, alias: &str) -> (Plan, Scope) {
    made_scan(Relation::Virtual(relation), relation.oid, relation.schema, relation.columns, alias)
}

/// The scan of what has rows only when it is read.
fn made_scan(relation: Relation, number: u32, schema: &str, made: &[VirtualColumn], alias: &str) -> (Plan, Scope) {
    let alias: Arc<str> = Arc::from(alias);
    let mut scope = Scope::default();
    let mut names = Vec::new();
    let mut columns = Vec::new();
    for (at, column) in made.iter().enumerate() {
        let name: Arc<str> = Arc::from(column.name);
        scope.fields.push(Field { name: name.clone(), relation: Some(alias.clone()), ty: column.ty });
        columns.push(ScanColumn::Attribute(at));
        names.push(StarColumn { name, expr: Expr::column(at, column.ty), origin: (number, at as i16 + 1) });
    }
    let system = vec![(SystemColumn::TableOid, columns.len())];
    columns.push(ScanColumn::System(SystemColumn::TableOid));
    scope.fields.push(Field { name: Arc::from("tableoid"), relation: Some(alias.clone()), ty: SqlType::OID });
    scope.star.clone_from(&names);
    scope.items.push(match &relation {
        Relation::Sequence(sequence) => Item::sequence(&alias, sequence),
        // Nobody changes its rows.
        _ => Item::query(&alias, Vec::new()),
    });
    scope.entries.push(Entry { system, ..Entry::of(alias.clone(), Some(Arc::from(schema)), names) });
    let scan = Scan { relation, alias, columns, access: Access::Full, filter: None };
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
    let columns = scope.star.clone();
    scope.entries = vec![join_entry(&mut scope, &alias.name, columns)];
    aliased(scope, Some(alias))
}

/// The table by which a join's columns are named. It has no rows that could be locked.
fn join_entry(scope: &mut Scope, alias: &Ident, columns: Vec<StarColumn>) -> Entry {
    let shown: Arc<str> = Arc::from(alias.name.as_str());
    scope.items.push(Item::without_rows(&shown, "a join"));
    Entry { is_join: true, ..Entry::of(shown, None, columns) }
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

/// Column definitions behind the alias are for a single function without others, and leave no room for the ordinality.
///
/// # Errors
/// 42601. The `written` calls have become `calls` of one argument.
fn check_definitions(
    definitions: &[ColumnDefinition],
    written: &[TableFunction],
    calls: usize,
    ordinality: bool,
) -> Result<()> {
    let Some((first, _)) = definitions.first() else { return Ok(()) };
    let refused = |message: &str| Error::new(SqlState::SYNTAX_ERROR, message).at(first.pos + 1);
    if written.len() > 1 {
        return Err(refused("ROWS FROM() with multiple functions cannot have a column definition list")
            .hint("Put a separate column definition list for each function inside ROWS FROM()."));
    }
    if calls > 1 {
        let hint = "Use separate UNNEST() calls inside ROWS FROM(), and attach a column definition list to each one.";
        return Err(refused("UNNEST() with multiple arguments cannot have a column definition list").hint(hint));
    }
    if written.iter().any(|function| !function.definitions.is_empty()) {
        return Err(refused("multiple column definition lists are not allowed for the same function"));
    }
    if ordinality {
        return Err(refused("WITH ORDINALITY cannot be used with a column definition list")
            .hint("Put the column definition list inside ROWS FROM()."));
    }
    Ok(())
}

/// `unnest(a, b)` in FROM stands for `ROWS FROM (unnest(a), unnest(b))`.
fn unnested(written: &TableFunction) -> Vec<TableFunction> {
    if let ExprKind::Function(function) = &written.call.kind
        && function.name.object() == "unnest"
        && function.args.len() > 1
        && written.definitions.is_empty()
    {
        let one = |arg: &ast::FunctionArg| {
            let function = ast::FunctionCall { args: vec![arg.clone()], ..(**function).clone() };
            let call = ast::Expr { kind: ExprKind::Function(Box::new(function)), ..written.call };
            TableFunction { call, definitions: Vec::new() }
        };
        return function.args.iter().map(one).collect();
    }
    vec![written.clone()]
}
