//! INSERT, UPDATE and DELETE.

use std::sync::Arc;

use types::cast::CastContext;
use types::{Error, Result, SqlState, SqlType};

use super::part::Place;
use super::query::{Unknowns, check_row_width, with_ctes};
use super::row_lock::refuse_sequences;
use super::scope::{Scope, system_column};
use super::table::refuse_subquery;
use super::updatable::{Change, Written};
use super::{Binder, Clause, bind_predicate};
use crate::bound::{
    Assignment, ConflictAction, Cte, Delete, Expr, Field, Insert, Join, JoinKind, Node, OnConflict, Plan, ResultColumn,
    SystemColumn, Update, walk,
};
use crate::catalog::{ConstraintKind, IndexDef, Predicate, Privileges, TableDef};
use crate::parse::ast::{self, Child, ConflictTarget, Destination, ExprKind, Ident, SetExpr, TableRef, Target};
use crate::plan::implication::implied;

impl Binder<'_> {
    fn outer_ctes(&mut self, with: &Option<ast::With>) -> Result<Vec<Cte>> {
        match with {
            Some(with) => self.with_clause(with),
            None => Ok(Vec::new()),
        }
    }

    pub fn insert(&mut self, insert: &ast::Insert) -> Result<Insert> {
        let ctes = self.outer_ctes(&insert.with)?;
        let written = self.written(&insert.table, Change::Insert)?;
        written.refuse_system_columns()?;
        let table = written.table.clone();
        self.require_written(&written, Privileges::INSERT);
        let mut places = insert_places(&written, &insert.columns)?;
        let listed = !insert.columns.is_empty();
        let mut defaulted = vec![false; places.len()];
        let mut source = match &insert.source {
            None => Plan::one_row(),
            Some(query) => {
                let list = self.list_of_sets(query);
                let query = list.as_ref().unwrap_or(query);
                match &query.body {
                    SetExpr::Values(rows) if query.is_plain() => {
                        self.insert_values(rows, &written, &places, listed, &mut defaulted)?
                    }
                    _ => {
                        let types: Vec<SqlType> = places.iter().map(|place| place.ty).collect();
                        let (plan, columns) = self.query(query, Unknowns::As(&types))?;
                        check_width(&written, columns.len(), &places, listed, &[], query.pos)?;
                        self.assign_outputs(plan, &table, &places, &super::query::target_places(query))?
                    }
                }
            }
        };
        places.truncate(source.width());
        let mut numbered = places.iter().enumerate();
        if let Some((_, twice)) = numbered.find(|(at, place)| places[..*at].iter().any(|other| other.excludes(place))) {
            return Err(assigned_twice(&table.columns[twice.column].name));
        }
        let mut targets: Vec<usize> = places.iter().map(|place| place.column).collect();
        if places.iter().any(Place::is_part) {
            (source, targets) = self.with_wholes(source, &table, &places)?;
            // No part is given a default.
            let whole = places.iter().zip(&defaulted).filter(|(_, defaulted)| **defaulted);
            let whole: Vec<usize> = whole.map(|(place, _)| place.column).collect();
            defaulted = targets.iter().map(|column| whole.contains(column)).collect();
        }
        if insert.overriding == Some(false) {
            source = without_identity(source, &table, &mut targets, &mut defaulted);
        }
        self.check_generated(&table, &targets, &defaulted, insert.overriding)?;
        let defaults = self.inserted_defaults(&written, &targets, insert.overriding)?;
        let generated = self.generated_columns(&table)?;
        let checks = self.table_checks(&table, None)?;
        let alias = insert.alias.as_ref().map_or(written.name(), |alias| &alias.name).to_owned();
        let on_conflict = match &insert.on_conflict {
            Some(conflict) => Some(self.on_conflict(conflict, &written, &alias)?),
            None => None,
        };
        let scope = written.row_scope(&alias);
        let scope = if written.is_view() { scope } else { scope.with_system_columns() };
        let (returning, columns) = self.returning(insert.returning.as_deref(), scope, &written)?;
        let width = table.columns.len();
        let returns_system = returning.iter().flatten().any(|expr| reads_column(expr, &|at| at >= width));
        let source = with_ctes(ctes, source);
        let check_options = written.check_options()?;
        Ok(Insert {
            table,
            source,
            targets,
            defaults,
            generated,
            checks,
            check_options,
            on_conflict,
            returning,
            returns_system,
            columns,
        })
    }

    /// A single row of VALUES is the list of a SELECT if it holds calls of set-returning functions.
    fn list_of_sets(&self, query: &ast::Query) -> Option<ast::Query> {
        let SetExpr::Values(rows) = &query.body else { return None };
        let [row] = rows.as_slice() else { return None };
        let plain = query.is_plain() && !row.iter().any(|value| matches!(value.kind, ExprKind::Default));
        let sets = |call: &ast::FunctionCall| {
            self.registry.functions_named(call.name.object()).iter().any(|function| function.returns_set)
        };
        // In VALUES these are refused, as in a list they would not be.
        let of_many_rows = |call: &ast::FunctionCall| {
            call.over.is_some() || !self.registry.aggregates_named(call.name.object()).is_empty()
        };
        let any = |what: &dyn Fn(&ast::FunctionCall) -> bool| row.iter().any(|value| calls(value, what));
        if !plain || !any(&sets) || any(&of_many_rows) {
            return None;
        }
        let targets = row.iter().map(|value| Target { expr: value.clone(), alias: None, ends: (0, 0) }).collect();
        let select = ast::Select { targets, ..ast::Select::default() };
        Some(ast::Query { body: SetExpr::Select(Box::new(select)), ..query.clone() })
    }

    /// As [`Binder::omitted_defaults`], with those of the views before the table.
    fn inserted_defaults(
        &mut self,
        written: &Written,
        targets: &[usize],
        overriding: Option<bool>,
    ) -> Result<Vec<Assignment>> {
        let table = &written.table;
        let mut defaults = Vec::new();
        for (at, column) in table.live_columns() {
            // OVERRIDING USER VALUE: the sequence decides, whatever a view says.
            let is_drawn = column.identity.is_some() && overriding == Some(false);
            if !targets.contains(&at)
                && !is_drawn
                && let Some(text) = written.default_of(at)
            {
                self.check_generated(table, &[at], &[false], overriding)?;
                defaults.push(Assignment { column: at, value: self.kept_default(text, column.ty)? });
            }
        }
        let given: Vec<usize> = targets.iter().copied().chain(defaults.iter().map(|it| it.column)).collect();
        defaults.extend(self.omitted_defaults(table, &given)?);
        Ok(defaults)
    }

    /// The defaults of the columns that are not named for insertion.
    pub fn omitted_defaults(&mut self, table: &TableDef, targets: &[usize]) -> Result<Vec<Assignment>> {
        let mut defaults = Vec::new();
        for (at, _) in table.live_columns() {
            if !targets.contains(&at)
                && let Some(value) = self.column_default(table, at)?
            {
                defaults.push(Assignment { column: at, value });
            }
        }
        Ok(defaults)
    }

    /// VALUES of an INSERT: each value takes its column's type, and DEFAULT is allowed.
    fn insert_values(
        &mut self,
        rows: &[Vec<ast::Expr>],
        written: &Written,
        places: &[Place<'_>],
        listed: bool,
        defaulted: &mut [bool],
    ) -> Result<Plan> {
        let first = rows.first().map(Vec::as_slice).unwrap_or_default();
        let width = first.len();
        check_width(written, width, places, listed, first, first.first().map_or(0, |e| e.pos))?;
        defaulted.iter_mut().for_each(|flag| *flag = true);
        let (bound, _) = self.with_scope(Scope::default(), |binder| {
            binder.within(Clause::Values, |binder| {
                let mut bound = Vec::with_capacity(rows.len());
                for row in rows {
                    check_row_width(row, width)?;
                    let mut values = Vec::with_capacity(width);
                    for (at, (expr, place)) in row.iter().zip(places).enumerate() {
                        values.push(match binder.given_value(expr, place)? {
                            Some(value) => {
                                defaulted[at] = false;
                                value
                            }
                            None => {
                                defaulted[at] &= written.default_of(place.column).is_none();
                                binder.default_value(written, place)?
                            }
                        });
                    }
                    bound.push(values);
                }
                Ok(bound)
            })
        })?;
        let columns = &written.table.columns;
        let field = |place: &Place<'_>| Field::new(columns[place.column].name.clone(), place.ty);
        Ok(Plan::new(Node::Values(bound), places.iter().take(width).map(field).collect()))
    }

    /// A value for a column or a part of it; `None` for DEFAULT.
    fn given_value(&mut self, expr: &ast::Expr, place: &Place<'_>) -> Result<Option<Expr>> {
        if !matches!(expr.kind, ExprKind::Default) {
            let value = self.expr(expr)?;
            return self.value_for(value, place, expr.pos).map(Some);
        }
        if place.is_part() {
            let message = "cannot set an array element to DEFAULT";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(place.pos + 1));
        }
        Ok(None)
    }

    fn default_value(&mut self, written: &Written, place: &Place<'_>) -> Result<Expr> {
        if let Some(text) = written.default_of(place.column) {
            return self.kept_default(text, place.ty);
        }
        Ok(self.column_default(&written.table, place.column)?.unwrap_or_else(|| Expr::null(place.ty)))
    }

    /// Converts the outputs of a query, which stand at `positions`, to the types of where they go.
    fn assign_outputs(
        &mut self,
        plan: Plan,
        table: &TableDef,
        places: &[Place<'_>],
        positions: &[u32],
    ) -> Result<Plan> {
        let matching = plan.fields.iter().zip(places).all(|(field, place)| field.ty == place.ty);
        if matching {
            return Ok(plan);
        }
        let mut exprs = Vec::with_capacity(plan.fields.len());
        let mut fields = Vec::with_capacity(plan.fields.len());
        for (index, (field, place)) in plan.fields.iter().zip(places).enumerate() {
            let pos = positions.get(index).copied().unwrap_or(0);
            exprs.push(self.value_for(Expr::column(index, field.ty), place, pos)?);
            fields.push(Field::new(table.columns[place.column].name.clone(), place.ty));
        }
        Ok(Plan::new(Node::Project { input: Box::new(plan), exprs }, fields))
    }

    /// Identity and generated columns take only what they are allowed to.
    fn check_generated(
        &self,
        table: &TableDef,
        targets: &[usize],
        defaulted: &[bool],
        overriding: Option<bool>,
    ) -> Result<()> {
        for (&at, &defaulted) in targets.iter().zip(defaulted) {
            let column = &table.columns[at];
            if defaulted {
                continue;
            }
            let message = || format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name);
            if column.generated.is_some() {
                return Err(Error::new(SqlState::GENERATED_ALWAYS, message())
                    .detail(format!("Column \"{}\" is a generated column.", column.name)));
            }
            if column.identity == Some(crate::catalog::Identity::Always) && overriding != Some(true) {
                return Err(Error::new(SqlState::GENERATED_ALWAYS, message())
                    .detail(format!("Column \"{}\" is an identity column defined as GENERATED ALWAYS.", column.name))
                    .hint("Use OVERRIDING SYSTEM VALUE to override."));
            }
        }
        Ok(())
    }

    fn on_conflict(&mut self, conflict: &ast::OnConflict, written: &Written, alias: &str) -> Result<OnConflict> {
        let table = &written.table;
        let unmatched = || {
            let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
            Error::new(SqlState::INVALID_COLUMN_REFERENCE, message)
        };
        if conflict.target.is_some() {
            self.require_written(written, Privileges::SELECT);
        }
        let arbiters = match &conflict.target {
            None => Vec::new(),
            Some(ConflictTarget::Constraint(name)) => vec![arbiter_constraint(written, name)?],
            Some(ConflictTarget::Columns(names, condition)) => {
                let known = match condition {
                    Some(condition) => self.conflict_condition(condition, written, alias)?.into_conjuncts(),
                    None => Vec::new(),
                };
                let mut columns = Vec::with_capacity(names.len());
                for name in names {
                    let found = written.column_named(&name.name).ok_or_else(|| {
                        let message = format!("column \"{}\" does not exist", name.name);
                        Error::new(SqlState::UNDEFINED_COLUMN, message).at(name.pos + 1)
                    })?;
                    let at = found.map_err(|_| unmatched())?;
                    if !columns.contains(&at) {
                        columns.push(at);
                    }
                }
                let context = self.context();
                let follows = |predicate: &Predicate| {
                    bind_predicate(predicate, table, context).is_ok_and(|predicate| implied(predicate, &known))
                };
                let matches = |index: &&Arc<IndexDef>| {
                    index.unique
                        && index.columns.len() == columns.len()
                        && index.column_positions().all(|position| columns.contains(&position))
                        && index.predicate.as_ref().is_none_or(follows)
                };
                let found: Vec<Arc<IndexDef>> = table.indexes.iter().filter(matches).cloned().collect();
                if found.is_empty() {
                    return Err(unmatched());
                }
                found
            }
        };
        let Some(update) = &conflict.update else {
            return Ok(OnConflict { arbiters, action: ConflictAction::Nothing });
        };
        if conflict.target.is_none() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "ON CONFLICT DO UPDATE requires inference specification or constraint name",
            )
            .hint("For example, ON CONFLICT (column_name).")
            .at(conflict.pos + 1));
        }
        self.require_written(written, Privileges::UPDATE);
        let mut scope = written.row_scope(alias);
        written.add_row(&mut scope, "excluded", table.columns.len());
        if let Some(excluded) = scope.entries.last_mut() {
            excluded.qualified_only = true;
        }
        let width = scope.fields.len();
        let scope = if written.is_view() { scope } else { scope.with_system_columns() };
        let ((assignments, condition), _) = self.with_scope(scope, |binder| {
            binder.within(Clause::Set, |binder| {
                let assignments = binder.assignments(&update.assignments, written)?;
                Ok((assignments, binder.where_condition(update.filter.as_ref())?))
            })
        })?;
        let mut exprs = assignments.iter().map(|assignment| &assignment.value).chain(&condition);
        let reads_system = exprs.any(|expr| reads_column(expr, &|at| at >= width));
        let system = if reads_system { system_columns(width) } else { Vec::new() };
        Ok(OnConflict { arbiters, action: ConflictAction::Update { assignments, condition, system } })
    }

    /// The condition of ON CONFLICT, by which partial indexes are chosen: over the stored row.
    fn conflict_condition(&mut self, condition: &ast::Expr, written: &Written, alias: &str) -> Result<Expr> {
        let (bound, _) = self.with_scope(written.row_scope(alias), |binder| {
            binder.within(Clause::ConflictTarget, |binder| {
                let bound = binder.expr(condition)?;
                binder.condition(bound, "WHERE", condition.pos)
            })
        })?;
        refuse_subquery(&bound, "index predicate", condition.pos)?;
        Ok(bound)
    }

    /// SET items.
    fn assignments(&mut self, items: &[ast::Assignment], written: &Written) -> Result<Vec<Assignment>> {
        let table = &written.table;
        let mut assignments: Vec<Assignment> = Vec::new();
        let mut in_parts: Vec<usize> = Vec::new();
        for item in items {
            let is_system = |it: &&Destination| {
                written.column_named(&it.column.name).is_none() && system_column(&it.column.name).is_some()
            };
            if let Some(Destination { column, .. }) = item.destinations.iter().find(is_system) {
                let message = format!("cannot assign to system column \"{}\"", column.name);
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(column.pos + 1));
            }
            let places =
                item.destinations.iter().map(|it| Place::named(written, it)).collect::<Result<Vec<Place<'_>>>>()?;
            let values = self.assigned_values(item, &places)?;
            if values.iter().flatten().any(|value| reads_row(value, table)) {
                self.require_written(written, Privileges::SELECT);
            }
            for (place, value) in places.iter().zip(values) {
                // Of a view the default is that of its own column, and not that of the table's.
                let default = value.is_none() && !written.is_view();
                let value = match (value, written.own_default_of(place.column)) {
                    (Some(value), _) => value,
                    (None, _) if default => self.default_value(written, place)?,
                    (None, Some(text)) => self.kept_default(text, place.ty)?,
                    (None, None) => Expr::null(place.ty),
                };
                let column = place.column;
                let def = &table.columns[column];
                let earlier = assignments.iter().position(|other| other.column == column);
                if earlier.is_some() && !(place.is_part() && in_parts.contains(&column)) {
                    return Err(assigned_twice(named_twice(items).unwrap_or(&def.name)));
                }
                if def.generated.is_some() && !default {
                    let message = format!("column \"{}\" can only be updated to DEFAULT", def.name);
                    return Err(Error::new(SqlState::GENERATED_ALWAYS, message)
                        .detail(format!("Column \"{}\" is a generated column.", def.name)));
                }
                if def.identity == Some(crate::catalog::Identity::Always) && !default {
                    let message = format!("column \"{}\" can only be updated to DEFAULT", def.name);
                    return Err(Error::new(SqlState::GENERATED_ALWAYS, message).detail(format!(
                        "Column \"{}\" is an identity column defined as GENERATED ALWAYS.",
                        def.name
                    )));
                }
                if !place.is_part() {
                    assignments.push(Assignment { column, value });
                    continue;
                }
                let whole = match earlier {
                    Some(at) => assignments.remove(at).value,
                    None => {
                        in_parts.push(column);
                        Expr::column(column, def.ty)
                    }
                };
                let value = self.with_part(whole, place, value)?;
                assignments.push(Assignment { column, value });
            }
        }
        let mut in_parts = assignments.iter().filter(|assignment| in_parts.contains(&assignment.column));
        // The first argument is the column itself. To change a part of it is not to read it.
        let reads = |assignment: &Assignment| match &assignment.value {
            Expr::Call(call) => call.args.iter().skip(1).any(|arg| reads_row(arg, table)),
            _ => false,
        };
        if in_parts.any(reads) {
            self.require_written(written, Privileges::SELECT);
        }
        Ok(assignments)
    }

    /// The values of a SET item, as [`Binder::given_value`].
    fn assigned_values(&mut self, item: &ast::Assignment, places: &[Place<'_>]) -> Result<Vec<Option<Expr>>> {
        if !item.multiple {
            return Ok(vec![self.given_value(&item.value, &places[0])?]);
        }
        let mismatch = || {
            Error::new(SqlState::SYNTAX_ERROR, "number of columns does not match number of values")
                .at(item.value.pos + 1)
        };
        match &item.value.kind {
            ExprKind::Row(fields) => {
                let mut sources: Vec<(&ast::Expr, Option<Expr>)> = Vec::with_capacity(places.len());
                for field in fields {
                    match self.starred(field)? {
                        Some(columns) => sources.extend(columns.into_iter().map(|column| (field, Some(column.expr)))),
                        None => sources.push((field, None)),
                    }
                }
                if sources.len() != places.len() {
                    return Err(mismatch());
                }
                let value = |((field, column), place): ((&ast::Expr, Option<Expr>), &Place<'_>)| match column {
                    Some(column) => self.value_for(column, place, field.pos).map(Some),
                    None => self.given_value(field, place),
                };
                sources.into_iter().zip(places).map(value).collect()
            }
            // `(a, b) = (select ...)`: each column reads the subquery's row by itself.
            ExprKind::Subquery(query) => {
                let mut values = Vec::with_capacity(places.len());
                for (at, place) in places.iter().enumerate() {
                    let (plan, outputs) = self.query(query, Unknowns::Text)?;
                    if outputs.len() != places.len() {
                        return Err(mismatch());
                    }
                    let ty = outputs[at].ty;
                    let one = super::select::projected(plan, vec![Expr::column(at, ty)], &outputs[at..=at]);
                    let correlated = crate::bound::walk::is_correlated(&one);
                    let kind = crate::bound::SubqueryKind::Scalar;
                    let subquery = crate::bound::Subquery { kind, plan: Arc::new(one), ty, correlated };
                    values.push(Some(self.value_for(Expr::Subquery(Box::new(subquery)), place, item.value.pos)?));
                }
                Ok(values)
            }
            _ => Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
            )
            .at(item.value.pos + 1)),
        }
    }

    /// The target of UPDATE or DELETE joined to the tables of FROM or USING, and where the target's key is.
    fn changed_rows(&mut self, written: &Written, alias: &str, others: &[TableRef]) -> Result<(Plan, Scope, usize)> {
        let (mut plan, mut scope) = self.written_scan(written, alias);
        let key = written.table.columns.len();
        if !others.is_empty() {
            // FROM does not see the target, unless by LATERAL, which we do not offer either.
            let hidden = Scope { hidden: true, lateral: true, ..scope.clone() };
            let ((mut right, right_scope), _) = self.with_scope(hidden, |binder| binder.bind_from(others))?;
            refuse_sequences(&right_scope.items)?;
            super::from::drop_frame(&mut right);
            scope = scope.join(right_scope, JoinKind::Inner)?;
            let fields = plan.fields.iter().chain(&right.fields).cloned().collect();
            let join = Join {
                kind: JoinKind::Inner,
                left: plan,
                right,
                keys: Vec::new(),
                filter: None,
                lateral: false,
                ordered: false,
            };
            plan = Plan::new(Node::Join(Box::new(join)), fields);
        }
        Ok((plan, scope, key))
    }

    /// Keeps the rows that WHERE and the views before the table let through; with the whole condition.
    fn filtered(&mut self, plan: Plan, filter: Option<&ast::Expr>, written: &Written) -> Result<(Plan, Option<Expr>)> {
        let (beside, mut terms) = written.filters();
        let fenced = match Expr::and(terms.clone()) {
            Some(before) => plan.filtered(before).fenced(),
            None => plan,
        };
        let own: Vec<Expr> = self.where_condition(filter)?.into_iter().chain(beside).collect();
        terms.extend(own.iter().cloned());
        let plan = match Expr::and(own) {
            Some(predicate) => fenced.filtered(predicate),
            None => fenced,
        };
        Ok((plan, Expr::and(terms)))
    }

    /// The condition of a WHERE clause, if there is one.
    pub fn where_condition(&mut self, filter: Option<&ast::Expr>) -> Result<Option<Expr>> {
        let Some(filter) = filter else { return Ok(None) };
        self.within(Clause::Where, |binder| {
            let bound = binder.expr(filter)?;
            binder.condition(bound, "WHERE", filter.pos).map(Some)
        })
    }

    pub fn update(&mut self, update: &ast::Update) -> Result<Update> {
        let ctes = self.outer_ctes(&update.with)?;
        let written = self.written(&update.table, Change::Update)?;
        let table = written.table.clone();
        let alias = update.alias.as_ref().map_or(written.name(), |alias| &alias.name).to_owned();
        let mut privileges = Privileges::UPDATE;
        if update.filter.is_some() || update.returning.is_some() {
            privileges = privileges.union(Privileges::SELECT);
        }
        self.require_written(&written, privileges);
        let (plan, scope, key) = self.changed_rows(&written, &alias, &update.from)?;
        let ((assignments, source, recheck), scope) = self.with_scope(scope, |binder| {
            let assignments = binder.within(Clause::Set, |binder| binder.assignments(&update.assignments, &written))?;
            let (source, recheck) = binder.filtered(plan, update.filter.as_ref(), &written)?;
            Ok((assignments, source, recheck))
        })?;
        let changed: Vec<usize> = assignments.iter().map(|assignment| assignment.column).collect();
        let generated = self.generated_columns(&table)?;
        let touched: Vec<usize> = changed.iter().copied().chain(generated.iter().map(|g| g.column)).collect();
        let checks = self.table_checks(&table, Some(&touched))?;
        let (returning, columns) = self.returning(update.returning.as_deref(), scope, &written)?;
        let source = with_ctes(ctes, source);
        let check_options = written.check_options()?;
        let system = system_columns(key);
        let by_ctid = recheck.as_ref().is_some_and(|condition| reads_ctid(condition, &system));
        Ok(Update {
            table,
            source,
            key,
            system,
            by_ctid,
            assignments,
            generated,
            checks,
            check_options,
            recheck,
            returning,
            columns,
        })
    }

    pub fn delete(&mut self, delete: &ast::Delete) -> Result<Delete> {
        let ctes = self.outer_ctes(&delete.with)?;
        let written = self.written(&delete.table, Change::Delete)?;
        let table = written.table.clone();
        let alias = delete.alias.as_ref().map_or(written.name(), |alias| &alias.name).to_owned();
        let mut privileges = Privileges::DELETE;
        if delete.filter.is_some() || delete.returning.is_some() {
            privileges = privileges.union(Privileges::SELECT);
        }
        self.require_written(&written, privileges);
        let (plan, scope, key) = self.changed_rows(&written, &alias, &delete.using)?;
        let ((source, recheck), scope) =
            self.with_scope(scope, |binder| binder.filtered(plan, delete.filter.as_ref(), &written))?;
        let (returning, columns) = self.returning(delete.returning.as_deref(), scope, &written)?;
        let source = with_ctes(ctes, source);
        let system = system_columns(key);
        let by_ctid = recheck.as_ref().is_some_and(|condition| reads_ctid(condition, &system));
        Ok(Delete { table, source, key, system, by_ctid, recheck, returning, columns })
    }

    fn returning(
        &mut self,
        targets: Option<&[Target]>,
        scope: Scope,
        written: &Written,
    ) -> Result<(Option<Vec<Expr>>, Vec<ResultColumn>)> {
        let Some(targets) = targets else { return Ok((None, Vec::new())) };
        self.require_written(written, Privileges::SELECT);
        let (outputs, _) = self.with_scope(scope, |binder| {
            binder.within(Clause::Returning, |binder| binder.outputs(targets, Unknowns::Text))
        })?;
        let columns = outputs.iter().map(|output| output.column.clone()).collect();
        Ok((Some(outputs.into_iter().map(|output| output.expr).collect()), columns))
    }

    /// The value of a column type change: the old column converted, or the USING expression.
    pub fn conversion(
        &mut self,
        table: &Arc<TableDef>,
        column: usize,
        to: SqlType,
        using: Option<&ast::Expr>,
    ) -> Result<Expr> {
        let def = &table.columns[column];
        let value = match using {
            Some(using) => self.row_expr(using, table)?,
            None => Expr::column(column, def.ty),
        };
        if !self.is_assignable(value.ty(), to) {
            let base = SqlType::of(to.oid);
            return Err(if using.is_some() {
                let message = format!(
                    "result of USING clause for column \"{}\" cannot be cast automatically to type {base}",
                    def.name
                );
                Error::new(SqlState::DATATYPE_MISMATCH, message).hint("You might need to add an explicit cast.")
            } else {
                let message = format!("column \"{}\" cannot be cast automatically to type {base}", def.name);
                Error::new(SqlState::DATATYPE_MISMATCH, message)
                    .hint(format!("You might need to specify \"USING {}::{}\".", def.name, to))
            });
        }
        self.coerce(value, to, CastContext::Assignment, 0)
    }
}

/// The positions of columns named for insertion.
///
/// # Errors
/// As [`target_column`]; 42701 a column is named twice.
pub(super) fn target_columns(written: &Written, names: &[Ident]) -> Result<Vec<usize>> {
    let mut targets = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        targets.push(target_column(written, name)?);
        if names[..at].iter().any(|other| other.name == name.name) {
            let message = format!("column \"{}\" specified more than once", name.name);
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, message).at(name.pos + 1));
        }
    }
    Ok(targets)
}

/// # Errors
/// 42703 there is no such column; 0A000 a view's column that no column of its table is.
pub(super) fn target_column(written: &Written, name: &Ident) -> Result<usize> {
    written.column_named(&name.name).unwrap_or_else(|| {
        let message = format!("column \"{}\" of relation \"{}\" does not exist", name.name, written.name());
        Err(Error::new(SqlState::UNDEFINED_COLUMN, message).at(name.pos + 1))
    })
}

/// Where the values of an INSERT go. Several parts of a column may be named, but not a column twice.
///
/// # Errors
/// As [`Place::named`]; 42701 a column is named twice.
fn insert_places<'d>(written: &'d Written, destinations: &'d [Destination]) -> Result<Vec<Place<'d>>> {
    if destinations.is_empty() {
        let ty = |column: usize| written.table.columns[column].ty;
        let place = |(column, name)| Place { column, name, subscripts: &[], ty: ty(column), pos: 0 };
        return Ok(written.columns().into_iter().map(place).collect());
    }
    let mut places: Vec<Place<'d>> = Vec::with_capacity(destinations.len());
    for destination in destinations {
        let Ident { name, pos } = &destination.column;
        let whole = destination.subscripts.is_empty();
        if places.iter().any(|other| other.name == *name && (whole || !other.is_part())) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, message).at(pos + 1));
        }
        places.push(Place::named(written, destination)?);
    }
    Ok(places)
}

/// The first name that SET items assign to twice, and not to parts alone.
fn named_twice(items: &[ast::Assignment]) -> Option<&str> {
    let named: Vec<&Destination> = items.iter().flat_map(|item| &item.destinations).collect();
    let excludes = |one: &Destination, other: &Destination| {
        one.column.name == other.column.name && (one.subscripts.is_empty() || other.subscripts.is_empty())
    };
    let mut numbered = named.iter().enumerate();
    let twice = numbered.find(|(at, it)| named[..*at].iter().any(|other| excludes(other, it)));
    twice.map(|(_, it)| it.column.name.as_str())
}

/// Whether a value is made from the row that is changed.
fn reads_row(value: &Expr, table: &TableDef) -> bool {
    let mut reads = false;
    walk::columns_of(value, &mut |column| reads |= column < table.columns.len() + SystemColumn::ALL.len());
    reads
}

fn assigned_twice(column: &str) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, format!("multiple assignments to same column \"{column}\""))
}

/// More values than places, or fewer: only if no columns are `listed` may the last ones be left out. `row` is the first one
/// of VALUES.
fn check_width(
    written: &Written,
    width: usize,
    places: &[Place<'_>],
    listed: bool,
    row: &[ast::Expr],
    pos: u32,
) -> Result<()> {
    if width > places.len() {
        if !listed {
            written.check_takes(places.len(), width)?;
        }
        let place = row.get(places.len()).map_or(pos, |expr| expr.pos);
        return Err(Error::new(SqlState::SYNTAX_ERROR, "INSERT has more expressions than target columns").at(place + 1));
    }
    match places.get(width) {
        Some(place) if listed => {
            let message = "INSERT has more target columns than expressions";
            Err(Error::new(SqlState::SYNTAX_ERROR, message).at(place.pos + 1))
        }
        _ => Ok(()),
    }
}

fn arbiter_constraint(written: &Written, name: &Ident) -> Result<Arc<IndexDef>> {
    let table = &written.table;
    let mut own = table.constraints.iter().filter(|_| !written.is_view());
    let Some(constraint) = own.find(|constraint| *constraint.name == *name.name) else {
        let message = format!("constraint \"{}\" for table \"{}\" does not exist", name.name, written.name());
        return Err(Error::new(SqlState::UNDEFINED_OBJECT, message));
    };
    let index = match &constraint.kind {
        ConstraintKind::PrimaryKey { index } | ConstraintKind::Unique { index } => table.index(*index),
        _ => None,
    };
    index.cloned().ok_or_else(|| {
        Error::new(SqlState::WRONG_OBJECT_TYPE, "constraint in ON CONFLICT clause has no associated index")
    })
}

/// Names an output after a table's column.
pub(crate) fn column_of(table: &TableDef, at: usize) -> ResultColumn {
    let column = &table.columns[at];
    ResultColumn { name: column.name.clone(), ty: column.ty, table: table.oid, attribute: at as i16 + 1 }
}

/// Where the system columns of a table stand that begin at `first`; its key is another matter.
fn system_columns(first: usize) -> Vec<(SystemColumn, usize)> {
    let places = SystemColumn::ALL.into_iter().zip(first..);
    places.filter(|(what, _)| *what != SystemColumn::Key).collect()
}

fn reads_ctid(condition: &Expr, system: &[(SystemColumn, usize)]) -> bool {
    reads_column(condition, &|at| system.contains(&(SystemColumn::Ctid, at)))
}

fn reads_column(expr: &Expr, is_it: &dyn Fn(usize) -> bool) -> bool {
    let mut found = false;
    walk::columns_of(expr, &mut |at| found |= is_it(at));
    found
}

/// Whether an expression has a call for which `test` holds; subqueries do not count.
fn calls(mut expr: &ast::Expr, test: &dyn Fn(&ast::FunctionCall) -> bool) -> bool {
    // A chain of operators leans to the left and can be long.
    while let ExprKind::Binary { left, right, .. } = &expr.kind {
        if calls(right, test) {
            return true;
        }
        expr = left;
    }
    let mut found = matches!(&expr.kind, ExprKind::Function(call) if test(call));
    expr.kind.children(&mut |child| {
        if let Child::Expr(child) = child {
            found = found || calls(child, test);
        }
    });
    found
}

/// What OVERRIDING USER VALUE leaves of the rows to insert: nothing for identity columns, whose values are drawn.
fn without_identity(source: Plan, table: &TableDef, targets: &mut Vec<usize>, defaulted: &mut Vec<bool>) -> Plan {
    let kept: Vec<usize> = (0..targets.len()).filter(|&at| table.columns[targets[at]].identity.is_none()).collect();
    if kept.len() == targets.len() {
        return source;
    }
    *targets = kept.iter().map(|&at| targets[at]).collect();
    *defaulted = kept.iter().map(|&at| defaulted[at]).collect();
    let fields = kept.iter().map(|&at| source.fields[at].clone()).collect();
    let node = match source.node {
        Node::Values(rows) => {
            let chosen = |row: &Vec<Expr>| kept.iter().map(|&at| row[at].clone()).collect();
            Node::Values(rows.iter().map(chosen).collect())
        }
        node => {
            let exprs = kept.iter().map(|&at| Expr::column(at, source.fields[at].ty)).collect();
            Node::Project { input: Box::new(Plan::new(node, source.fields)), exprs }
        }
    };
    Plan::new(node, fields)
}
