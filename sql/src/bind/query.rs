//! Queries: WITH, set operations, VALUES, ORDER BY and LIMIT.

use std::sync::Arc;

use types::cast::CastContext;
use types::sqltype::format_type;
use types::{Datum, Error, Result, SqlState, SqlType, oid};

use super::aggregate::Calls;
use super::call::sort_key;
use super::from::CteEntry;
use super::recursion;
use super::scope::{Scope, StarColumn};
use super::{Binder, Clause};
use crate::bound::{Cte, Expr, Field, Node, Plan, ResultColumn, SetOp, SetOpKind, SortKey, WithPart};
use crate::parse::ast::{self, CteBody, ExprKind, Query, SetExpr};

/// What becomes of output columns whose type is still unknown.
#[derive(Clone, Copy)]
pub(crate) enum Unknowns<'t> {
    /// They become text.
    Text,
    /// They stay: the other side of a set operation decides.
    Keep,
    /// They become these, the columns of an INSERT.
    As(&'t [SqlType]),
}

impl<'t> From<Option<&'t [SqlType]>> for Unknowns<'t> {
    fn from(types: Option<&'t [SqlType]>) -> Unknowns<'t> {
        types.map_or(Unknowns::Text, Unknowns::As)
    }
}

impl Binder<'_> {
    pub fn query<'t>(&mut self, query: &Query, unknowns: impl Into<Unknowns<'t>>) -> Result<(Plan, Vec<ResultColumn>)> {
        let unknowns = unknowns.into();
        let (clause, in_aggregate, in_window) = (self.clause, self.in_aggregate, self.in_window);
        (self.in_aggregate, self.in_window) = (false, false);
        if let Some(scope) = self.scopes.last_mut() {
            scope.inner = Some((clause, in_aggregate));
        }
        let known = self.ctes.len();
        let locking = query.locks.iter().cloned().chain(self.handed.take()).collect();
        let locking = std::mem::replace(&mut self.locking, locking);
        let result = self.query_inside(query, unknowns);
        self.locking = locking;
        self.ctes.truncate(known);
        (self.clause, self.in_aggregate, self.in_window) = (clause, in_aggregate, in_window);
        result
    }

    fn query_inside(&mut self, query: &Query, unknowns: Unknowns<'_>) -> Result<(Plan, Vec<ResultColumn>)> {
        let ctes = match &query.with {
            Some(with) => self.with_clause(with)?,
            None => Vec::new(),
        };
        let (plan, columns) = match &query.body {
            SetExpr::Select(select) => self.select(select, query, unknowns)?,
            SetExpr::Values(rows) => {
                self.refuse_locks(&query.locks, "cannot be applied to VALUES")?;
                let (plan, columns) = self.values(rows, unknowns)?;
                self.order_and_limit(plan, columns, query)?
            }
            SetExpr::SetOp { .. } => {
                self.refuse_locks(&self.locking, "is not allowed with UNION/INTERSECT/EXCEPT")?;
                let (plan, columns) = self.set_operation(&query.body, unknowns)?;
                self.order_and_limit(plan, columns, query)?
            }
        };
        Ok((with_ctes(ctes, plan), columns))
    }

    fn refuse_locks(&self, locks: &[ast::LockClause], why: &str) -> Result<()> {
        let Some(lock) = locks.first() else { return Ok(()) };
        let message = format!("{} {why}", super::row_lock::lock_name(lock.strength));
        Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message))
    }

    /// Binds the queries of WITH and makes them known; the caller forgets them again.
    pub fn with_clause(&mut self, with: &ast::With) -> Result<Vec<Cte>> {
        // The clause of the query around them does not reach them.
        let locking = std::mem::take(&mut self.locking);
        let ctes = self.with_queries(with);
        self.locking = locking;
        ctes
    }

    fn with_queries(&mut self, with: &ast::With) -> Result<Vec<Cte>> {
        let changes = with.ctes.iter().any(|cte| matches!(cte.body, CteBody::Change(_)));
        for (at, cte) in with.ctes.iter().enumerate() {
            if with.ctes[..at].iter().any(|other| other.name.name == cte.name.name) {
                let message = format!("WITH query name \"{}\" specified more than once", cte.name.name);
                return Err(Error::new(SqlState::DUPLICATE_ALIAS, message).at(cte.name.pos + 1));
            }
        }
        let order =
            if with.recursive { recursion::ordered(with)? } else { with.ctes.iter().map(|cte| (cte, false)).collect() };
        let mut ctes = Vec::with_capacity(order.len());
        for (cte, recursive) in order {
            let id = self.next_cte;
            self.next_cte += 1;
            let (columns, silent) = match &cte.body {
                CteBody::Query(query) => {
                    let (bound, columns) =
                        if recursive { self.recursive_cte(cte, query, id)? } else { self.plain_cte(cte, query, id)? };
                    if changes {
                        self.with.extend(bound.into_iter().map(WithPart::Query));
                    } else {
                        ctes.extend(bound);
                    }
                    (columns, false)
                }
                CteBody::Change(change) => {
                    let statement = self.statement(change)?;
                    let mut columns = statement.columns().to_vec();
                    self.name_columns(cte, &mut columns)?;
                    let silent = columns.is_empty();
                    let name = Arc::from(cte.name.name.as_str());
                    self.with.push(WithPart::Change { id, name, statement });
                    (columns, silent)
                }
            };
            let name = cte.name.name.clone();
            self.ctes.push(CteEntry { name, id, columns, work_table: false, silent });
        }
        Ok(ctes)
    }

    fn plain_cte(&mut self, cte: &ast::Cte, query: &Query, id: usize) -> Result<(Vec<Cte>, Vec<ResultColumn>)> {
        let (plan, mut columns) = self.query(query, Unknowns::Text)?;
        self.name_columns(cte, &mut columns)?;
        let name = Arc::from(cte.name.name.as_str());
        Ok((vec![Cte { id, name, plan, recursive: None, distinct: false }], columns))
    }

    fn name_columns(&self, cte: &ast::Cte, columns: &mut [ResultColumn]) -> Result<()> {
        if cte.columns.len() > columns.len() {
            let message = format!(
                "WITH query \"{}\" has {} columns available but {} columns specified",
                cte.name.name,
                columns.len(),
                cte.columns.len()
            );
            return Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(cte.name.pos + 1));
        }
        for (column, name) in columns.iter_mut().zip(&cte.columns) {
            column.name = Arc::from(name.name.as_str());
        }
        Ok(())
    }

    /// A query of WITH RECURSIVE that names itself, behind those of its own WITH clause, which all rounds share.
    fn recursive_cte(&mut self, cte: &ast::Cte, query: &Query, id: usize) -> Result<(Vec<Cte>, Vec<ResultColumn>)> {
        let SetExpr::SetOp { all, left, right, pos, .. } = &query.body else {
            return Err(Error::internal("a recursive query is a UNION"));
        };
        let known = self.ctes.len();
        let mut bound = match &query.with {
            Some(with) => self.with_clause(with)?,
            None => Vec::new(),
        };
        let (plan, mut columns) = self.query(left, Unknowns::Text)?;
        self.name_columns(cte, &mut columns)?;
        self.ctes.push(CteEntry {
            name: cte.name.name.clone(),
            id,
            columns: columns.clone(),
            work_table: true,
            silent: false,
        });
        let types: Vec<SqlType> = columns.iter().map(|column| column.ty).collect();
        let round = self.query(right, Unknowns::As(&types));
        self.ctes.truncate(known);
        let (mut round, _) = round?;
        let (left_places, places) = (target_places(left), target_places(right));
        let place = |places: &[u32], at: usize| places.get(at).copied().unwrap_or(*pos) + 1;
        if round.width() != plan.width() {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "each UNION query must have the same number of columns")
                .at(place(&places, 0)));
        }
        for (at, (field, column)) in round.fields.iter().zip(&columns).enumerate() {
            let overall =
                self.common_type(&[column.ty, field.ty], "UNION").map_err(|error| error.at(place(&places, at)))?;
            // The length or precision is common only when both terms have it.
            if overall.oid != column.ty.oid || column.ty.typmod >= 0 && field.ty != column.ty {
                let message = format!(
                    "recursive query \"{}\" column {} has type {} in non-recursive term but type {} overall",
                    cte.name.name,
                    at + 1,
                    format_type(column.ty.oid, column.ty.typmod),
                    format_type(overall.oid, -1)
                );
                return Err(Error::new(SqlState::DATATYPE_MISMATCH, message)
                    .hint("Cast the output of the non-recursive term to the correct type.")
                    .at(place(&left_places, at)));
            }
        }
        round = self.outputs_as(round, &types, &places)?;
        let name = Arc::from(cte.name.name.as_str());
        bound.push(Cte { id, name, plan, recursive: Some(round), distinct: !all });
        Ok((bound, columns))
    }

    /// VALUES: rows of expressions without an input row.
    pub fn values(&mut self, rows: &[Vec<ast::Expr>], unknowns: Unknowns<'_>) -> Result<(Plan, Vec<ResultColumn>)> {
        let width = rows.first().map_or(0, Vec::len);
        let (mut bound, _) = self.with_scope(Scope::default(), |binder| {
            binder.within(Clause::Values, |binder| {
                let mut bound = Vec::with_capacity(rows.len());
                for row in rows {
                    check_row_width(row, width)?;
                    bound.push(binder.exprs(row)?);
                }
                Ok(bound)
            })
        })?;
        let mut columns = Vec::with_capacity(width);
        for at in 0..width {
            let types: Vec<SqlType> = bound.iter().map(|row| row[at].ty()).collect();
            let unknown = types.iter().all(|ty| ty.oid == oid::UNKNOWN);
            let ty = match unknowns {
                Unknowns::Keep if unknown => SqlType::UNKNOWN,
                Unknowns::As(wanted) if unknown => wanted.get(at).map_or(SqlType::TEXT, |ty| SqlType::of(ty.oid)),
                _ => {
                    let place = rows.iter().map(|row| row[at].pos).zip(bound.iter().map(|row| row[at].ty()));
                    let first = types.iter().find(|ty| ty.oid != oid::UNKNOWN).map_or(0, |ty| ty.category());
                    let odd = place.into_iter().find(|(_, ty)| ty.oid != oid::UNKNOWN && ty.category() != first);
                    self.common_type(&types, "VALUES").map_err(|error| match odd {
                        Some((pos, _)) => error.at(pos + 1),
                        None => error,
                    })?
                }
            };
            for (row, source) in bound.iter_mut().zip(rows) {
                let expr = std::mem::replace(&mut row[at], Expr::null(ty));
                row[at] = if expr.ty().oid == ty.oid {
                    expr
                } else {
                    self.coerce(expr, SqlType::of(ty.oid), CastContext::Implicit, source[at].pos)?
                };
            }
            columns.push(ResultColumn::new(format!("column{}", at + 1), ty));
        }
        let fields = columns.iter().map(|column| Field::new(column.name.clone(), column.ty)).collect();
        Ok((Plan::new(Node::Values(bound), fields), columns))
    }

    /// A chain of set operations leans to the left: its spine is walked in a loop.
    fn set_operation(&mut self, body: &SetExpr, unknowns: Unknowns<'_>) -> Result<(Plan, Vec<ResultColumn>)> {
        let mut spine = Vec::new();
        let mut current = body;
        let innermost = loop {
            let SetExpr::SetOp { kind, all, left, right, pos } = current else {
                return Err(Error::internal("a set operation has two sides"));
            };
            spine.push((*kind, *all, right, *pos));
            if !left.is_plain() || !matches!(left.body, SetExpr::SetOp { .. }) {
                break left;
            }
            current = &left.body;
        };
        let keep = match unknowns {
            Unknowns::As(types) => Unknowns::As(types),
            _ => Unknowns::Keep,
        };
        let (mut plan, mut columns) = self.query(innermost, keep)?;
        while let Some((kind, all, right, pos)) = spine.pop() {
            let places = target_places(right);
            let place = |at: usize| places.get(at).copied().unwrap_or(pos);
            refuse_into(right)?;
            let (right, right_columns) = self.query(right, keep)?;
            let name = match kind {
                SetOpKind::Union => "UNION",
                SetOpKind::Intersect => "INTERSECT",
                SetOpKind::Except => "EXCEPT",
            };
            if right_columns.len() != columns.len() {
                let message = format!("each {name} query must have the same number of columns");
                return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(place(0) + 1));
            }
            let mut types = Vec::with_capacity(columns.len());
            for (at, (left, right)) in columns.iter().zip(&right_columns).enumerate() {
                let mut ty = self.common_type(&[left.ty, right.ty], name).map_err(|error| error.at(place(at) + 1))?;
                if ty.oid == oid::UNKNOWN {
                    ty = SqlType::TEXT;
                }
                types.push(ty);
            }
            let left = self.outputs_as(plan, &types, &target_places(innermost))?;
            let right = self.outputs_as(right, &types, &places)?;
            if !(all && kind == SetOpKind::Union) {
                types.iter().try_for_each(|ty| super::select::comparable(*ty, "equality"))?;
            }
            for (column, ty) in columns.iter_mut().zip(&types) {
                *column = ResultColumn::new(column.name.clone(), *ty);
            }
            let fields = columns.iter().map(|column| Field::new(column.name.clone(), column.ty)).collect();
            plan = Plan::new(Node::SetOp(Box::new(SetOp { kind, all, left, right })), fields);
        }
        Ok((plan, columns))
    }

    /// Gives the outputs of a plan these types.
    pub fn outputs_as(&mut self, mut plan: Plan, types: &[SqlType], places: &[u32]) -> Result<Plan> {
        let place = |at: usize| places.get(at).copied().unwrap_or(0);
        if plan.fields.iter().zip(types).all(|(field, ty)| field.ty.oid == ty.oid) {
            return Ok(plan);
        }
        // Literals are reached where they stand, so that they are read as the type wanted.
        match &mut plan.node {
            Node::Project { exprs, .. } => {
                for (at, (expr, ty)) in exprs.iter_mut().zip(types).enumerate() {
                    self.recoerce(expr, *ty, place(at))?;
                }
            }
            Node::Values(rows) => {
                for row in rows {
                    for (at, (expr, ty)) in row.iter_mut().zip(types).enumerate() {
                        self.recoerce(expr, *ty, place(at))?;
                    }
                }
            }
            Node::Sort { input, .. }
            | Node::Limit { input, .. }
            | Node::Filter { input, .. }
            | Node::Distinct { input, on: None }
                if input
                    .fields
                    .iter()
                    .zip(types)
                    .any(|(field, ty)| field.ty.oid != ty.oid && field.ty.oid == oid::UNKNOWN) =>
            {
                let inner = std::mem::replace(&mut **input, Plan::one_row());
                **input = self.outputs_as(inner, types, places)?;
            }
            _ => {
                let mut exprs = Vec::with_capacity(types.len());
                for (at, (field, ty)) in plan.fields.iter().zip(types).enumerate() {
                    let mut expr = Expr::column(at, field.ty);
                    self.recoerce(&mut expr, *ty, place(at))?;
                    exprs.push(expr);
                }
                let fields = plan.fields.clone();
                plan = Plan::new(Node::Project { input: Box::new(plan), exprs }, fields);
            }
        }
        for (field, ty) in plan.fields.iter_mut().zip(types) {
            field.ty = *ty;
        }
        Ok(plan)
    }

    fn recoerce(&mut self, expr: &mut Expr, to: SqlType, pos: u32) -> Result<()> {
        if expr.ty().oid != to.oid {
            let old = std::mem::replace(expr, Expr::null(to));
            *expr = self.coerce(old, SqlType::of(to.oid), CastContext::Implicit, pos)?;
        }
        Ok(())
    }

    /// ORDER BY and LIMIT over a set operation or VALUES: only output columns can be named.
    fn order_and_limit(
        &mut self,
        mut plan: Plan,
        columns: Vec<ResultColumn>,
        query: &Query,
    ) -> Result<(Plan, Vec<ResultColumn>)> {
        let mut keys = Vec::with_capacity(query.order.len());
        for item in &query.order {
            let at = match &item.expr.kind {
                ExprKind::Integer(digits) => ordinal(digits, columns.len(), "ORDER BY", item.expr.pos)?,
                ExprKind::Column(parts) if parts.len() == 1 => {
                    let at = columns.iter().position(|column| *column.name == *parts[0]);
                    at.ok_or_else(|| {
                        let message = format!("column \"{}\" does not exist", parts[0]);
                        Error::new(SqlState::UNDEFINED_COLUMN, message).at(item.expr.pos + 1)
                    })?
                }
                _ if matches!(query.body, SetExpr::Values(_)) => {
                    let scope = output_scope(&columns);
                    let (expr, _) = self.with_scope(scope, |binder| {
                        binder.within(Clause::OutputOrder, |binder| binder.expr(&item.expr))
                    })?;
                    keys.push(sort_key(expr, item));
                    continue;
                }
                _ => {
                    return Err(Error::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
                    )
                    .detail("Only result column names can be used, not expressions or functions.")
                    .hint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.")
                    .at(item.expr.pos + 1));
                }
            };
            keys.push(sort_key(Expr::column(at, columns[at].ty), item));
        }
        if !keys.is_empty() {
            let fields = plan.fields.clone();
            plan = Plan::new(Node::Sort { input: Box::new(plan), keys: keys.clone() }, fields);
        }
        let plan = self.limit(plan, query, keys)?;
        Ok((plan, columns))
    }

    /// As [`Binder::limit`], of a SELECT, whose scope is the innermost. Rows of its FROM are no values here, but what encloses
    /// it is as near as it is to the SELECT itself.
    pub fn limit_of_select(&mut self, plan: Plan, query: &Query, keys: Vec<SortKey>) -> Result<Plan> {
        for (expr, what) in [(&query.limit, "LIMIT"), (&query.offset, "OFFSET")] {
            let Some(expr) = expr else { continue };
            // A name of FROM hides those of outer queries all the same.
            let bound = self.within(Clause::Limit, |binder| {
                let bound = binder.expr(expr)?;
                binder.count(bound, what, expr.pos)
            })?;
            check_reads_no_columns(&bound, what, expr.pos)?;
        }
        let scope = self.scopes.pop().expect("the scope of the SELECT");
        let plan = self.limit(plan, query, keys);
        self.scopes.push(scope);
        plan
    }

    /// LIMIT, OFFSET and FETCH over a plan sorted by `keys`.
    pub fn limit(&mut self, plan: Plan, query: &Query, keys: Vec<SortKey>) -> Result<Plan> {
        if query.limit.is_none() && query.offset.is_none() {
            return Ok(plan);
        }
        if query.with_ties && query.limit.as_ref().is_some_and(|limit| matches!(limit.kind, ExprKind::Null)) {
            let message = "row count cannot be null in FETCH FIRST ... WITH TIES clause";
            return Err(Error::new(SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE, message));
        }
        let ((limit, offset), _) = self.with_scope(Scope::default(), |binder| {
            binder.within(Clause::Limit, |binder| {
                let mut count = |expr: &Option<ast::Expr>, what: &str| -> Result<Option<Expr>> {
                    let Some(expr) = expr else { return Ok(None) };
                    let bound = binder.expr(expr)?;
                    let counted = binder.count(bound, what, expr.pos)?;
                    check_reads_no_columns(&counted, what, expr.pos)?;
                    Ok(Some(counted))
                };
                Ok((count(&query.limit, "LIMIT")?, count(&query.offset, "OFFSET")?))
            })
        })?;
        let is_none = |count: &Option<Expr>| {
            count.as_ref().is_none_or(|count| matches!(count, Expr::Const { value: Datum::Null, .. }))
        };
        // A query in FROM with LIMIT ALL locks its rows itself all the same.
        if is_none(&limit) && is_none(&offset) && self.locking.is_empty() {
            return Ok(plan);
        }
        let fields = plan.fields.clone();
        let with_ties = query.with_ties.then_some(keys);
        Ok(Plan::new(Node::Limit { input: Box::new(plan), limit, offset, with_ties }, fields))
    }

    /// A fresh set of calls for a select list over the scope just pushed.
    ///
    /// # Errors
    /// 42P20 and 42704: what the WINDOW clause says of other windows.
    pub fn begin_calls(&mut self, windows: &[(ast::Ident, ast::WindowSpec)]) -> Result<()> {
        let mut calls = Calls { level: self.scopes.len(), ..Calls::default() };
        for (name, spec) in windows {
            if calls.named_windows.iter().any(|(known, _)| *known == name.name) {
                let message = format!("window \"{}\" is already defined", name.name);
                return Err(Error::new(SqlState::WINDOWING_ERROR, message).at(spec.pos + 1));
            }
            let merged = calls.merged(spec, true)?;
            calls.named_windows.push((name.name.clone(), merged));
        }
        self.selects.push(calls);
        Ok(())
    }
}

/// Where the items of a query's list stand, as far as it has one and no stars come before them.
pub(crate) fn target_places(query: &Query) -> Vec<u32> {
    match &query.body {
        SetExpr::Select(select) => {
            let plain = select.targets.iter().take_while(|target| !matches!(target.expr.kind, ExprKind::Star(_)));
            plain.map(|target| target.expr.pos).collect()
        }
        SetExpr::Values(rows) => rows.first().map_or_else(Vec::new, |row| row.iter().map(|expr| expr.pos).collect()),
        SetExpr::SetOp { left, .. } => target_places(left),
    }
}

/// Rows of VALUES are as wide as the first.
pub(crate) fn check_row_width(row: &[ast::Expr], width: usize) -> Result<()> {
    if row.len() == width {
        return Ok(());
    }
    let pos = row.first().map_or(0, |expr| expr.pos);
    Err(Error::new(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length").at(pos + 1))
}

/// 42601 for INTO in a branch of a set operation that is not the first. What is within parentheses and has clauses of its own
/// is a query like any other, which refuses it itself.
fn refuse_into(branch: &Query) -> Result<()> {
    let mut branch = branch;
    while let SetExpr::SetOp { left, .. } = &branch.body {
        if !branch.is_plain() {
            return Ok(());
        }
        branch = left;
    }
    let SetExpr::Select(select) = &branch.body else { return Ok(()) };
    let Some(name) = &select.into else { return Ok(()) };
    let message = "INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT";
    Err(Error::new(SqlState::SYNTAX_ERROR, message).at(name.pos + 1))
}

/// 42P10 for what is evaluated once, before any row.
fn check_reads_no_columns(bound: &Expr, what: &str, pos: u32) -> Result<()> {
    if !super::reads_columns(bound) {
        return Ok(());
    }
    let message = format!("argument of {what} must not contain variables");
    Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(pos + 1))
}

/// The output columns as names.
fn output_scope(columns: &[ResultColumn]) -> Scope {
    let star = columns
        .iter()
        .enumerate()
        .map(|(at, column)| StarColumn { name: column.name.clone(), expr: Expr::column(at, column.ty), origin: (0, 0) })
        .collect();
    let fields = columns.iter().map(|column| Field::new(column.name.clone(), column.ty)).collect();
    Scope { star, fields, ..Scope::default() }
}

/// The queries of WITH around a plan.
pub(crate) fn with_ctes(ctes: Vec<Cte>, plan: Plan) -> Plan {
    if ctes.is_empty() {
        return plan;
    }
    let fields = plan.fields.clone();
    Plan::new(Node::With { ctes, body: Box::new(plan) }, fields)
}

/// The output column that a number in ORDER BY or GROUP BY means.
pub(crate) fn ordinal(digits: &str, width: usize, what: &str, pos: u32) -> Result<usize> {
    match digits.parse::<usize>() {
        Ok(at) if (1..=width).contains(&at) => Ok(at - 1),
        _ => {
            let message = format!("{what} position {digits} is not in select list");
            Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(pos + 1))
        }
    }
}
