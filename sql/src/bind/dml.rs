//! INSERT, UPDATE and DELETE.

use std::sync::Arc;

use types::cast::CastContext;
use types::{Error, Result, SqlState, SqlType, oid};

use super::query::{Unknowns, with_ctes};
use super::scope::Scope;
use super::{Binder, Clause};
use crate::bound::{
    Assignment, ConflictAction, Cte, Delete, Expr, Field, Insert, Join, JoinKind, Node, OnConflict, Plan, ResultColumn,
    SystemColumn, Update,
};
use crate::catalog::{ConstraintKind, IndexDef, Privileges, Relation, TableDef};
use crate::parse::ast::{self, ConflictTarget, ExprKind, Ident, SetExpr, TableRef, Target};

impl Binder<'_> {
    fn outer_ctes(&mut self, with: &Option<ast::With>) -> Result<Vec<Cte>> {
        match with {
            Some(with) => self.with_clause(with),
            None => Ok(Vec::new()),
        }
    }

    pub fn insert(&mut self, insert: &ast::Insert) -> Result<Insert> {
        let ctes = self.outer_ctes(&insert.with)?;
        let table = self.written_table(&insert.table)?;
        self.require(table.oid, Privileges::INSERT);
        let mut targets = if insert.columns.is_empty() {
            table.live_columns().map(|(at, _)| at).collect()
        } else {
            self.target_columns(&table, &insert.columns)?
        };
        let positions: Vec<u32> = insert.columns.iter().map(|column| column.pos).collect();
        let types: Vec<SqlType> = targets.iter().map(|&at| table.columns[at].ty).collect();
        let mut defaulted = vec![false; targets.len()];
        let source = match &insert.source {
            None => {
                targets.clear();
                Plan::one_row()
            }
            Some(query) => match &query.body {
                SetExpr::Values(rows) if query.is_plain() => {
                    self.insert_values(rows, &table, &targets, &positions, &mut defaulted)?
                }
                _ => {
                    let (plan, columns) = self.query(query, Unknowns::As(&types))?;
                    let pos = query.pos;
                    self.check_width(columns.len(), &mut targets, !insert.columns.is_empty(), &[], pos, &positions)?;
                    self.assign_outputs(plan, &table, &targets, &super::query::target_places(query))?
                }
            },
        };
        targets.truncate(source.width());
        self.check_generated(&table, &targets, &defaulted, insert.overriding)?;
        let mut defaults = Vec::new();
        for (at, _) in table.live_columns() {
            if !targets.contains(&at)
                && let Some(value) = self.column_default(&table, at)?
            {
                defaults.push(Assignment { column: at, value });
            }
        }
        let generated = self.generated_columns(&table)?;
        let checks = self.table_checks(&table, None)?;
        let alias = insert.alias.as_ref().map_or(&*table.name, |alias| &alias.name).to_owned();
        let on_conflict = match &insert.on_conflict {
            Some(conflict) => Some(self.on_conflict(conflict, &table, &alias)?),
            None => None,
        };
        let scope = Scope::of_row(&table, &alias);
        let (returning, columns) = self.returning(insert.returning.as_deref(), scope, &table)?;
        let source = with_ctes(ctes, source);
        Ok(Insert { table, source, targets, defaults, generated, checks, on_conflict, returning, columns })
    }

    /// The table whose rows a statement changes.
    ///
    /// # Errors
    /// As [`Binder::find_table`]; 0A000 for a view.
    fn written_table(&self, name: &ast::Name) -> Result<Arc<TableDef>> {
        if let Relation::View(view) = self.find_relation(name)? {
            return Err(Error::unsupported(format!("changing rows through view \"{}\"", view.name)));
        }
        self.find_table(name)
    }

    /// The positions of columns named for insertion.
    pub fn target_columns(&mut self, table: &Arc<TableDef>, names: &[Ident]) -> Result<Vec<usize>> {
        let mut targets = Vec::with_capacity(names.len());
        for name in names {
            let at = self.target_column(table, name)?;
            if targets.contains(&at) {
                let message = format!("column \"{}\" specified more than once", name.name);
                return Err(Error::new(SqlState::DUPLICATE_COLUMN, message).at(name.pos + 1));
            }
            targets.push(at);
        }
        Ok(targets)
    }

    pub fn target_column(&self, table: &TableDef, name: &Ident) -> Result<usize> {
        table.column_named(&name.name).ok_or_else(|| {
            let message = format!("column \"{}\" of relation \"{}\" does not exist", name.name, table.name);
            Error::new(SqlState::UNDEFINED_COLUMN, message).at(name.pos + 1)
        })
    }

    /// More values than columns, or fewer: only without a column list may the last columns be left out.
    fn check_width(
        &self,
        width: usize,
        targets: &mut Vec<usize>,
        listed: bool,
        row: &[ast::Expr],
        pos: u32,
        positions: &[u32],
    ) -> Result<()> {
        if width > targets.len() {
            let place = row.get(targets.len()).map_or(pos, |expr| expr.pos);
            return Err(
                Error::new(SqlState::SYNTAX_ERROR, "INSERT has more expressions than target columns").at(place + 1)
            );
        }
        if width < targets.len() {
            if listed {
                let place = positions.get(width).copied().unwrap_or(pos);
                return Err(
                    Error::new(SqlState::SYNTAX_ERROR, "INSERT has more target columns than expressions").at(place + 1)
                );
            }
            targets.truncate(width);
        }
        Ok(())
    }

    /// VALUES of an INSERT: each value takes its column's type, and DEFAULT is allowed.
    fn insert_values(
        &mut self,
        rows: &[Vec<ast::Expr>],
        table: &Arc<TableDef>,
        targets: &[usize],
        positions: &[u32],
        defaulted: &mut [bool],
    ) -> Result<Plan> {
        let width = rows.first().map_or(0, Vec::len);
        let mut targets = targets.to_vec();
        let first = rows.first().map(Vec::as_slice).unwrap_or_default();
        self.check_width(
            width,
            &mut targets,
            !positions.is_empty(),
            first,
            first.first().map_or(0, |e| e.pos),
            positions,
        )?;
        defaulted.iter_mut().for_each(|flag| *flag = true);
        let (bound, _) = self.with_scope(Scope::default(), |binder| {
            binder.within(Clause::Values, |binder| {
                let mut bound = Vec::with_capacity(rows.len());
                for row in rows {
                    if row.len() != width {
                        let pos = row.first().map_or(0, |expr| expr.pos);
                        return Err(
                            Error::new(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length").at(pos + 1)
                        );
                    }
                    let mut values = Vec::with_capacity(width);
                    for (at, (expr, &column)) in row.iter().zip(&targets).enumerate() {
                        if !matches!(expr.kind, ExprKind::Default) {
                            defaulted[at] = false;
                        }
                        values.push(binder.stored_value(expr, table, column)?);
                    }
                    bound.push(values);
                }
                Ok(bound)
            })
        })?;
        let fields =
            targets.iter().map(|&at| Field::new(table.columns[at].name.clone(), table.columns[at].ty)).collect();
        Ok(Plan::new(Node::Values(bound), fields))
    }

    /// A value for a column, DEFAULT among them.
    fn stored_value(&mut self, expr: &ast::Expr, table: &Arc<TableDef>, column: usize) -> Result<Expr> {
        let def = &table.columns[column];
        if matches!(expr.kind, ExprKind::Default) {
            return Ok(self.column_default(table, column)?.unwrap_or_else(|| Expr::null(def.ty)));
        }
        let value = self.expr(expr)?;
        self.assign(value, &def.name, def.ty, expr.pos)
    }

    /// Converts the outputs of a query to the types of the columns they go to.
    fn assign_outputs(&mut self, plan: Plan, table: &TableDef, targets: &[usize], places: &[u32]) -> Result<Plan> {
        let matching = plan.fields.iter().zip(targets).all(|(field, &at)| field.ty == table.columns[at].ty);
        if matching {
            return Ok(plan);
        }
        let mut exprs = Vec::with_capacity(targets.len());
        let mut fields = Vec::with_capacity(targets.len());
        for (index, (field, &at)) in plan.fields.iter().zip(targets).enumerate() {
            let def = &table.columns[at];
            exprs.push(self.assign(
                Expr::column(index, field.ty),
                &def.name,
                def.ty,
                places.get(index).copied().unwrap_or(0),
            )?);
            fields.push(Field::new(def.name.clone(), def.ty));
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

    fn on_conflict(&mut self, conflict: &ast::OnConflict, table: &Arc<TableDef>, alias: &str) -> Result<OnConflict> {
        let arbiters = match &conflict.target {
            None => Vec::new(),
            Some(ConflictTarget::Constraint(name)) => vec![self.arbiter_constraint(table, name)?],
            Some(ConflictTarget::Columns(names)) => {
                let mut columns = Vec::with_capacity(names.len());
                for name in names {
                    let at = table.column_named(&name.name).ok_or_else(|| {
                        let message = format!("column \"{}\" does not exist", name.name);
                        Error::new(SqlState::UNDEFINED_COLUMN, message).at(name.pos + 1)
                    })?;
                    if !columns.contains(&at) {
                        columns.push(at);
                    }
                }
                let matches = |index: &&Arc<IndexDef>| {
                    index.unique
                        && index.columns.len() == columns.len()
                        && index.column_positions().all(|position| columns.contains(&position))
                };
                let found: Vec<Arc<IndexDef>> = table.indexes.iter().filter(matches).cloned().collect();
                if found.is_empty() {
                    return Err(Error::new(
                        SqlState::INVALID_COLUMN_REFERENCE,
                        "there is no unique or exclusion constraint matching the ON CONFLICT specification",
                    ));
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
        self.require(table.oid, Privileges::UPDATE.union(Privileges::SELECT));
        let mut scope = Scope::of_row(table, alias);
        let width = table.columns.len();
        scope.add_row(table, "excluded", width);
        if let Some(excluded) = scope.entries.last_mut() {
            excluded.qualified_only = true;
        }
        let (action, _) = self.with_scope(scope, |binder| {
            binder.within(Clause::Set, |binder| {
                let assignments = binder.assignments(&update.assignments, table)?;
                let condition = match &update.filter {
                    Some(filter) => Some(binder.within(Clause::Where, |binder| {
                        let bound = binder.expr(filter)?;
                        binder.condition(bound, "WHERE", filter.pos)
                    })?),
                    None => None,
                };
                Ok(ConflictAction::Update { assignments, condition })
            })
        })?;
        Ok(OnConflict { arbiters, action })
    }

    fn arbiter_constraint(&self, table: &TableDef, name: &Ident) -> Result<Arc<IndexDef>> {
        let constraint = table.constraints.iter().find(|constraint| *constraint.name == *name.name);
        let Some(constraint) = constraint else {
            let message = format!("constraint \"{}\" for table \"{}\" does not exist", name.name, table.name);
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

    /// SET items.
    fn assignments(&mut self, items: &[ast::Assignment], table: &Arc<TableDef>) -> Result<Vec<Assignment>> {
        let mut assignments: Vec<Assignment> = Vec::new();
        for item in items {
            let columns =
                item.columns.iter().map(|name| self.target_column(table, name)).collect::<Result<Vec<_>>>()?;
            let values = self.assigned_values(item, table, &columns)?;
            for ((column, value), name) in columns.into_iter().zip(values).zip(&item.columns) {
                if assignments.iter().any(|other| other.column == column) {
                    let message = format!("multiple assignments to same column \"{}\"", name.name);
                    return Err(Error::new(SqlState::SYNTAX_ERROR, message));
                }
                let def = &table.columns[column];
                let default = matches!(item.value.kind, ExprKind::Default);
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
                assignments.push(Assignment { column, value });
            }
        }
        Ok(assignments)
    }

    fn assigned_values(
        &mut self,
        item: &ast::Assignment,
        table: &Arc<TableDef>,
        columns: &[usize],
    ) -> Result<Vec<Expr>> {
        if !item.multiple {
            return Ok(vec![self.stored_value(&item.value, table, columns[0])?]);
        }
        let mismatch = || {
            Error::new(SqlState::SYNTAX_ERROR, "number of columns does not match number of values")
                .at(item.value.pos + 1)
        };
        match &item.value.kind {
            ExprKind::Row(fields) if fields.len() == columns.len() => {
                fields.iter().zip(columns).map(|(field, &column)| self.stored_value(field, table, column)).collect()
            }
            ExprKind::Row(_) => Err(mismatch()),
            // `(a, b) = (select ...)`: each column reads the subquery's row by itself.
            ExprKind::Subquery(query) => {
                let mut values = Vec::with_capacity(columns.len());
                for (at, &column) in columns.iter().enumerate() {
                    let (plan, outputs) = self.query(query, Unknowns::Text)?;
                    if outputs.len() != columns.len() {
                        return Err(mismatch());
                    }
                    let ty = outputs[at].ty;
                    let one = super::select::projected(plan, vec![Expr::column(at, ty)], &outputs[at..=at]);
                    let correlated = crate::bound::walk::is_correlated(&one);
                    let kind = crate::bound::SubqueryKind::Scalar;
                    let subquery = crate::bound::Subquery { kind, plan: Arc::new(one), ty, correlated };
                    let def = &table.columns[column];
                    values.push(self.assign(Expr::Subquery(Box::new(subquery)), &def.name, def.ty, item.value.pos)?);
                }
                Ok(values)
            }
            _ if columns.len() == 1 => Ok(vec![self.stored_value(&item.value, table, columns[0])?]),
            _ => Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
            )
            .at(item.value.pos + 1)),
        }
    }

    /// The target of UPDATE or DELETE joined to the tables of FROM or USING, and where the target's key is.
    fn changed_rows(
        &mut self,
        table: &Arc<TableDef>,
        alias: &str,
        others: &[TableRef],
    ) -> Result<(Plan, Scope, usize)> {
        let (mut plan, mut scope) = self.table_scan(table, alias, true);
        let key = table.columns.len();
        debug_assert_eq!(scope.entries[0].system[0], (SystemColumn::Key, key));
        if !others.is_empty() {
            // FROM does not see the target, unless by LATERAL, which we do not offer either.
            let hidden = Scope { hidden: true, lateral: true, ..scope.clone() };
            let ((mut right, right_scope), _) = self.with_scope(hidden, |binder| binder.bind_from(others))?;
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

    fn filtered(&mut self, plan: Plan, filter: Option<&ast::Expr>) -> Result<(Plan, Option<Expr>)> {
        let Some(filter) = filter else { return Ok((plan, None)) };
        let predicate = self.within(Clause::Where, |binder| {
            let bound = binder.expr(filter)?;
            binder.condition(bound, "WHERE", filter.pos)
        })?;
        let recheck = Some(predicate.clone());
        Ok((plan.filtered(predicate), recheck))
    }

    pub fn update(&mut self, update: &ast::Update) -> Result<Update> {
        let ctes = self.outer_ctes(&update.with)?;
        let table = self.written_table(&update.table)?;
        let alias = update.alias.as_ref().map_or(&*table.name, |alias| &alias.name).to_owned();
        let mut privileges = Privileges::UPDATE;
        if update.filter.is_some() || update.returning.is_some() {
            privileges = privileges.union(Privileges::SELECT);
        }
        self.require(table.oid, privileges);
        let (plan, scope, key) = self.changed_rows(&table, &alias, &update.from)?;
        let ((assignments, source, recheck), scope) = self.with_scope(scope, |binder| {
            let assignments = binder.within(Clause::Set, |binder| binder.assignments(&update.assignments, &table))?;
            let (source, recheck) = binder.filtered(plan, update.filter.as_ref())?;
            Ok((assignments, source, recheck))
        })?;
        let changed: Vec<usize> = assignments.iter().map(|assignment| assignment.column).collect();
        let generated = self.generated_columns(&table)?;
        let touched: Vec<usize> = changed.iter().copied().chain(generated.iter().map(|g| g.column)).collect();
        let checks = self.table_checks(&table, Some(&touched))?;
        let (returning, columns) = self.returning(update.returning.as_deref(), scope, &table)?;
        let source = with_ctes(ctes, source);
        Ok(Update { table, source, key, assignments, generated, checks, recheck, returning, columns })
    }

    pub fn delete(&mut self, delete: &ast::Delete) -> Result<Delete> {
        let ctes = self.outer_ctes(&delete.with)?;
        let table = self.written_table(&delete.table)?;
        let alias = delete.alias.as_ref().map_or(&*table.name, |alias| &alias.name).to_owned();
        let mut privileges = Privileges::DELETE;
        if delete.filter.is_some() || delete.returning.is_some() {
            privileges = privileges.union(Privileges::SELECT);
        }
        self.require(table.oid, privileges);
        let (plan, scope, key) = self.changed_rows(&table, &alias, &delete.using)?;
        let ((source, recheck), scope) =
            self.with_scope(scope, |binder| binder.filtered(plan, delete.filter.as_ref()))?;
        let (returning, columns) = self.returning(delete.returning.as_deref(), scope, &table)?;
        let source = with_ctes(ctes, source);
        Ok(Delete { table, source, key, recheck, returning, columns })
    }

    fn returning(
        &mut self,
        targets: Option<&[Target]>,
        scope: Scope,
        table: &TableDef,
    ) -> Result<(Option<Vec<Expr>>, Vec<ResultColumn>)> {
        let Some(targets) = targets else { return Ok((None, Vec::new())) };
        self.require(table.oid, Privileges::SELECT);
        let (outputs, _) = self.with_scope(scope, |binder| {
            binder.within(Clause::Returning, |binder| binder.outputs(targets, Unknowns::Text))
        })?;
        let columns = outputs.iter().map(|output| output.column.clone()).collect();
        Ok((Some(outputs.into_iter().map(|output| output.expr).collect()), columns))
    }

    /// A scope over a table's row for `COPY ... WHERE` and the like.
    pub fn row_condition(&mut self, filter: &ast::Expr, table: &Arc<TableDef>) -> Result<Expr> {
        let scope = Scope::of_row(table, &table.name);
        let (bound, _) = self.with_scope(scope, |binder| {
            binder.within(Clause::Where, |binder| {
                let bound = binder.expr(filter)?;
                binder.condition(bound, "WHERE", filter.pos)
            })
        })?;
        Ok(bound)
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
        let (value, context) = match using {
            Some(using) => (self.row_expr(using, table)?, CastContext::Assignment),
            None => (Expr::column(column, def.ty), CastContext::Assignment),
        };
        let from = value.ty();
        if from.oid != to.oid
            && from.oid != oid::UNKNOWN
            && self.registry.find_coercion(from.oid, to.oid, CastContext::Assignment).is_none()
        {
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
        self.coerce(value, to, context, 0)
    }
}

/// Names an output after a table's column.
pub(crate) fn column_of(table: &TableDef, at: usize) -> ResultColumn {
    let column = &table.columns[at];
    ResultColumn { name: column.name.clone(), ty: column.ty, table: table.oid, attribute: at as i16 + 1 }
}
