//! SELECT.
//!
//! The plan is built in the order in which it runs: FROM, WHERE, grouping, HAVING, windows, sets, then ORDER BY, LIMIT and
//! the select list. Sorting comes before the projection wherever that makes no difference, so that the planner sees sort
//! keys over the tables' columns; with DISTINCT, or volatile expressions, it comes after.

use types::{Error, Result, SqlState, SqlType, oid};

use super::aggregate::{AGGREGATES, Grouping, SETS, WINDOWS, holds, is_constant};
use super::call::sort_key;
use super::query::{Unknowns, ordinal};
use super::row_lock::rechecks;
use super::scope::StarColumn;
use super::{Binder, Clause};
use crate::bound::{Aggregate, Expr, Field, Node, Plan, ProjectItem, ResultColumn, SortKey, walk};
use crate::parse::ast::{self, Distinct, ExprKind, GroupItem, Query, Select, SessionValue, Target};

/// A bound item of a select list.
pub(crate) struct Output {
    pub expr: Expr,
    pub column: ResultColumn,
}

/// An item of DISTINCT ON.
struct OnItem {
    expr: Expr,
    /// The item of the select list that it means.
    output: Option<usize>,
    pos: u32,
}

impl OnItem {
    /// Whether it is this expression. An item of the select list is none but itself, even if another is written the same.
    fn is(&self, expr: &Expr, output: Option<usize>) -> bool {
        self.output == output && (output.is_some() || walk::same(&self.expr, expr))
    }
}

impl Binder<'_> {
    pub fn select(
        &mut self,
        select: &Select,
        query: &Query,
        unknowns: Unknowns<'_>,
    ) -> Result<(Plan, Vec<ResultColumn>)> {
        if let Some(name) = &select.into {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "SELECT ... INTO is not allowed here").at(name.pos + 1));
        }
        let (plan, scope) = self.bind_from(&select.from)?;
        let (bound, _) = self.with_scope(scope, |binder| {
            binder.begin_calls(&select.windows)?;
            let bound = binder.select_over(select, query, unknowns, plan);
            binder.selects.pop();
            bound
        })?;
        Ok(bound)
    }

    fn select_over(
        &mut self,
        select: &Select,
        query: &Query,
        unknowns: Unknowns<'_>,
        mut plan: Plan,
    ) -> Result<(Plan, Vec<ResultColumn>)> {
        let recursive = names_work_table(&plan);
        let condition = match &select.filter {
            Some(filter) => Some(self.within(Clause::Where, |binder| {
                let bound = binder.expr(filter)?;
                binder.condition(bound, "WHERE", filter.pos)
            })?),
            None => None,
        };
        if let Some(predicate) = condition {
            plan = plan.filtered(predicate);
        }
        let recheck = if self.locking.is_empty() { Vec::new() } else { rechecks(&plan) };
        let mut outputs = self.within(Clause::Select, |binder| binder.outputs(&select.targets, unknowns))?;
        let mut grouping = self.within(Clause::GroupBy, |binder| binder.group_by(select, &outputs))?;
        let mut having = match &select.having {
            Some(having) => Some(self.within(Clause::Having, |binder| {
                let bound = binder.expr(having)?;
                binder.condition(bound, "HAVING", having.pos)
            })?),
            None => None,
        };
        let (mut order, sorted_outputs) =
            self.within(Clause::OrderBy, |binder| binder.order_by(&query.order, &outputs, select))?;
        let mut distinct_on = Vec::new();
        match &select.distinct {
            Some(Distinct::All) => {
                if let Some((item, _)) = query.order.iter().zip(&sorted_outputs).find(|(_, output)| output.is_none()) {
                    return Err(Error::new(
                        SqlState::INVALID_COLUMN_REFERENCE,
                        "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                    )
                    .at(item.expr.start() + 1));
                }
            }
            Some(Distinct::On(exprs)) => {
                distinct_on = self.within(Clause::OrderBy, |binder| binder.distinct_on(exprs, &outputs))?;
                check_leading(&distinct_on, &order, &sorted_outputs)?;
                for item in &distinct_on {
                    comparable(item.expr.ty(), "equality").map_err(|error| error.at(item.pos + 1))?;
                }
            }
            None => {}
        }
        let mut declared = self.within(Clause::Select, |binder| binder.declared_windows())?;
        let mut calls = std::mem::take(self.selects.last_mut().expect("begun by the caller"));
        let level = calls.level;
        // Put back, so that what is bound from here on is still known to belong to this list.
        self.selects.last_mut().expect("begun by the caller").level = level;

        let aggregated = !calls.aggregates.is_empty() || !calls.groupings.is_empty();
        if recursive && aggregated {
            let message = "aggregate functions are not allowed in a recursive query's recursive term";
            return Err(Error::new(SqlState::INVALID_RECURSION, message));
        }
        let grouped = !select.group.is_empty() || aggregated || select.having.is_some();
        if grouped {
            self.refuse_row_locks(if select.group.is_empty() { "aggregate functions" } else { "GROUP BY clause" })?;
            let scope = self.scopes.last().expect("the scope of FROM").clone();
            grouping.aggregates = calls.aggregates.len();
            let asked = calls.groupings.iter().map(|args| grouping.asked(args)).collect::<Result<Vec<_>>>()?;
            let mut exprs: Vec<&mut Expr> = Vec::new();
            exprs.extend(outputs.iter_mut().map(|output| &mut output.expr));
            exprs.extend(having.iter_mut());
            exprs.extend(order.iter_mut().map(|key| &mut key.expr));
            exprs.extend(distinct_on.iter_mut().map(|item| &mut item.expr));
            for call in &mut calls.windows {
                exprs.extend(call.args.iter_mut().chain(&mut call.partition).chain(&mut call.filter));
                exprs.extend(call.order.iter_mut().map(|key| &mut key.expr));
            }
            exprs.extend(declared.iter_mut());
            // Sets that are keys are expanded before their rows are grouped, others after that.
            let sets = calls.sets.clone();
            let mut shown = vec![false; sets.len()];
            for expr in &mut exprs {
                grouping.rewrite(expr, &scope)?;
                walk::columns_of(expr, &mut |index| {
                    if index >= SETS {
                        shown[index - SETS] = true;
                    }
                });
            }
            let mut at = 0..sets.len();
            calls.sets.retain(|_| at.next().is_some_and(|at| shown[at]));
            for set in &mut calls.sets {
                grouping.rewrite(set, &scope)?;
            }
            grouping.check_direct(&calls.aggregates, &scope)?;
            let moved = |index: usize| match index.checked_sub(SETS) {
                Some(at) => SETS + shown[..at].iter().filter(|shown| **shown).count(),
                None => index,
            };
            for expr in exprs {
                grouping.settle(expr);
                walk::map_columns(expr, &moved);
            }
            calls.sets.iter_mut().for_each(|set| grouping.settle(set));
            for (at, output) in outputs.iter_mut().enumerate() {
                if let Some(key) = grouping.item_shown(at) {
                    output.column.ty = key.ty();
                    output.expr = key;
                }
            }
            // DISTINCT ON takes a constant for what it says, and so must the order that it goes with.
            let literally = !distinct_on.is_empty();
            let ordered = order.iter_mut().map(|key| &mut key.expr).zip(sorted_outputs.iter().copied());
            for (expr, output) in ordered.chain(distinct_on.iter_mut().map(|item| (&mut item.expr, item.output))) {
                if !(literally && is_constant(expr))
                    && let Some(key) = grouping.item_sorted(output, expr)
                {
                    *expr = key;
                }
            }
            plan = grouped_plan(plan, grouping, std::mem::take(&mut calls.aggregates), asked, &sets)?;
            if let Some(predicate) = having {
                plan = plan.filtered(predicate);
            }
        }
        let mut settle: Vec<&mut Expr> = outputs.iter_mut().map(|output| &mut output.expr).collect();
        settle.extend(order.iter_mut().map(|key| &mut key.expr));
        settle.extend(distinct_on.iter_mut().map(|item| &mut item.expr));
        if !calls.windows.is_empty() {
            self.refuse_row_locks("window functions")?;
            let base = plan.width();
            settle.extend(calls.sets.iter_mut());
            for expr in &mut settle {
                walk::map_columns(expr, &|index| {
                    if (WINDOWS..SETS).contains(&index) { base + index - WINDOWS } else { index }
                });
            }
            let mut fields = plan.fields.clone();
            fields.extend(calls.windows.iter().map(|call| Field::new("window", call.ty)));
            plan = Plan::new(Node::Window { input: Box::new(plan), calls: std::mem::take(&mut calls.windows) }, fields);
        }
        let sets = !calls.sets.is_empty();
        // Sets that neither ORDER BY nor DISTINCT ON reads are made of the rows that DISTINCT ON leaves.
        let mut late_sets = Vec::new();
        if sets {
            self.refuse_row_locks("set-returning functions in the target list")?;
            let base = plan.width();
            let mut keys = distinct_on.iter().map(|item| &item.expr).chain(order.iter().map(|key| &key.expr));
            let late = !order.is_empty() && !distinct_on.is_empty() && !keys.any(|key| holds(key, SETS, usize::MAX));
            for expr in outputs
                .iter_mut()
                .map(|output| &mut output.expr)
                .chain(order.iter_mut().map(|key| &mut key.expr))
                .chain(distinct_on.iter_mut().map(|item| &mut item.expr))
            {
                walk::map_columns(expr, &|index| if index >= SETS { base + index - SETS } else { index });
            }
            late_sets = std::mem::take(&mut calls.sets);
            if !late {
                plan = set_plan(plan, std::mem::take(&mut late_sets))?;
            }
        }
        let columns: Vec<ResultColumn> = outputs.iter().map(|output| output.column.clone()).collect();
        let exprs: Vec<Expr> = outputs.into_iter().map(|output| output.expr).collect();

        if matches!(select.distinct, Some(Distinct::All)) {
            self.refuse_row_locks("DISTINCT clause")?;
            exprs.iter().try_for_each(|expr| comparable(expr.ty(), "equality"))?;
            let sort_by = |(key, at): (SortKey, usize)| SortKey { expr: Expr::column(at, exprs[at].ty()), ..key };
            let sort: Vec<SortKey> = order.into_iter().zip(sorted_outputs.into_iter().flatten()).map(sort_by).collect();
            plan = projected(plan, exprs, &columns);
            let fields = plan.fields.clone();
            plan = Plan::new(Node::Distinct { input: Box::new(plan), on: None }, fields);
            plan = sorted(plan, sort.clone());
            return Ok((self.limit_of_select(plan, query, sort)?, columns));
        }
        if !distinct_on.is_empty() {
            self.refuse_row_locks("DISTINCT clause")?;
            let on: Vec<Expr> = distinct_on.into_iter().map(|item| item.expr).collect();
            let mut keys = order.clone();
            for expr in &on {
                if !keys.iter().any(|key| walk::same(&key.expr, expr)) {
                    keys.push(SortKey { expr: expr.clone(), descending: false, nulls_first: false });
                }
            }
            plan = sorted(plan, keys);
            let fields = plan.fields.clone();
            plan = Plan::new(Node::Distinct { input: Box::new(plan), on: Some(on) }, fields);
            if !late_sets.is_empty() {
                plan = set_plan(plan, late_sets)?;
            }
            plan = self.limit_of_select(plan, query, order)?;
            return Ok((projected(plan, exprs, &columns), columns));
        }
        let shared_volatile = order.iter().any(|key| key.expr.is_volatile());
        if shared_volatile && !self.locking.is_empty() {
            // The rows to be locked keep their columns; the keys come along behind them.
            let (base, fields) = (plan.width(), plan.fields.clone());
            let mut wide: Vec<Expr> = fields.iter().enumerate().map(|(at, field)| Expr::column(at, field.ty)).collect();
            let mut named = fields;
            let mut shown = exprs;
            let mut keys = Vec::with_capacity(order.len());
            for (key, output) in order.into_iter().zip(sorted_outputs) {
                let column = Expr::column(wide.len(), key.expr.ty());
                // The others are read from the row as it is when it has been locked.
                if let Some(at) = output
                    && key.expr.is_volatile()
                {
                    shown[at] = column.clone();
                }
                named.push(Field::new("sort", key.expr.ty()));
                wide.push(key.expr);
                keys.push(SortKey { expr: column, ..key });
            }
            debug_assert_eq!(wide.len(), base + keys.len());
            plan = Plan::new(Node::Project { input: Box::new(plan), exprs: wide }, named);
            plan = self.lock_rows(sorted(plan, keys.clone()), recheck)?;
            plan = self.limit_of_select(plan, query, keys)?;
            return Ok((projected(plan, shown, &columns), columns));
        }
        if shared_volatile {
            // Evaluated once: the sort reads what the list shows. Keys that are not shown come along and go again.
            let width = exprs.len();
            let mut all = exprs;
            let mut keys = Vec::with_capacity(order.len());
            for (key, output) in order.into_iter().zip(sorted_outputs) {
                let at = output.unwrap_or_else(|| {
                    all.push(key.expr.clone());
                    all.len() - 1
                });
                keys.push(SortKey { expr: Expr::column(at, key.expr.ty()), ..key });
            }
            let mut wide = columns.clone();
            wide.extend(all[width..].iter().map(|expr| ResultColumn::new("sort", expr.ty())));
            let extra = all.len() > width;
            plan = sorted(projected(plan, all, &wide), keys.clone());
            plan = self.limit_of_select(plan, query, keys)?;
            if extra {
                let back = columns.iter().enumerate().map(|(at, column)| Expr::column(at, column.ty)).collect();
                plan = projected(plan, back, &columns);
            }
            return Ok((plan, columns));
        }
        plan = sorted(plan, order.clone());
        plan = self.lock_rows(plan, recheck)?;
        // A volatile list is evaluated for the rows that are returned only, as everything else is.
        plan = self.limit_of_select(plan, query, order)?;
        if select.from.is_empty() && !grouped && !sets && matches!(plan.node, Node::Values(_)) {
            // SELECT without FROM: the list is the row.
            return Ok((row_of_values(exprs, &columns), columns));
        }
        Ok((projected(plan, exprs, &columns), columns))
    }

    /// The columns that an item of a list stands for, if it is a star.
    pub fn starred(&mut self, item: &ast::Expr) -> Result<Option<Vec<StarColumn>>> {
        Ok(match &item.kind {
            ExprKind::Star(parts) => {
                let columns = self.expand_star(parts, item.pos)?;
                self.note_star(parts, item.pos);
                Some(columns)
            }
            ExprKind::FieldStar(base) => match &base.kind {
                ExprKind::Column(parts) => Some(self.expand_star(parts, base.pos)?),
                _ => {
                    let row = self.expr(base)?;
                    Some(self.record_columns(row, base.pos)?)
                }
            },
            _ => None,
        })
    }

    /// A select list or RETURNING list.
    pub fn outputs(&mut self, targets: &[Target], unknowns: Unknowns<'_>) -> Result<Vec<Output>> {
        let mut outputs: Vec<Output> = Vec::with_capacity(targets.len());
        for target in targets {
            if let Some(columns) = self.starred(&target.expr)? {
                if columns.is_empty()
                    && matches!(&target.expr.kind, ExprKind::Star(parts) if parts.is_empty())
                    && self.scopes.last().is_none_or(|scope| scope.entries.is_empty())
                {
                    return Err(Error::new(SqlState::SYNTAX_ERROR, "SELECT * with no tables specified is not valid")
                        .at(target.expr.pos + 1));
                }
                for column in columns {
                    let ty = column.expr.ty();
                    let (table, attribute) = column.origin;
                    outputs.push(Output {
                        expr: column.expr,
                        column: ResultColumn { name: column.name, ty, table, attribute },
                    });
                }
                continue;
            }
            let mut expr = self.expr(&target.expr)?;
            if target.alias.is_none()
                && matches!(target.expr.kind, ExprKind::Column(_))
                && self.view_depth == 0
                && let Some(reference) = self.references.as_mut().and_then(|references| references.last_mut())
            {
                reference.is_output = true;
            }
            if expr.ty().oid == oid::UNKNOWN {
                expr = match unknowns {
                    Unknowns::Text => self.known(expr)?,
                    Unknowns::Keep => expr,
                    Unknowns::As(types) => match types.get(outputs.len()) {
                        Some(ty) => self.coerce(
                            expr,
                            SqlType::of(ty.oid),
                            types::cast::CastContext::Assignment,
                            target.expr.pos,
                        )?,
                        None => self.known(expr)?,
                    },
                };
            }
            let name = target
                .alias
                .clone()
                .or_else(|| figure_name(&target.expr, expr.ty()))
                .unwrap_or_else(|| "?column?".to_owned());
            let mut column = ResultColumn::new(name, expr.ty());
            if let Expr::Column { index, .. } = &expr
                && let Some((table, attribute)) = self.origin_of(*index)
            {
                (column.table, column.attribute) = (table, attribute);
            }
            outputs.push(Output { expr, column });
        }
        if outputs.len() > 1664 {
            return Err(Error::new(SqlState::TOO_MANY_COLUMNS, "target lists can have at most 1664 entries"));
        }
        Ok(outputs)
    }

    /// The table's column that a column of the innermost row is.
    fn origin_of(&self, index: usize) -> Option<(u32, i16)> {
        let scope = self.scopes.last()?;
        scope.entries.iter().flat_map(|entry| &entry.columns).find_map(|column| match &column.expr {
            Expr::Column { index: other, .. } if *other == index => Some(column.origin),
            _ => None,
        })
    }

    /// The keys of GROUP BY, and the sets of them for GROUPING SETS and its kin.
    fn group_by(&mut self, select: &Select, outputs: &[Output]) -> Result<Grouping> {
        let plain = select.group.iter().all(|item| matches!(item, GroupItem::Expr(_)));
        let mut grouping = Grouping { sets: (!plain).then(Vec::new), ..Grouping::default() };
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        for item in &select.group {
            let alternatives = self.group_sets(item, outputs, &mut grouping)?;
            sets = sets
                .iter()
                .flat_map(|set| {
                    alternatives.iter().map(move |more| {
                        let mut set = set.clone();
                        set.extend(more.iter().filter(|key| !set.contains(key)).copied().collect::<Vec<_>>());
                        set
                    })
                })
                .collect();
            if sets.len() > 4096 {
                return Err(Error::new(
                    SqlState::STATEMENT_TOO_COMPLEX,
                    "too many grouping sets present (maximum 4096)",
                ));
            }
        }
        grouping.sets = (!plain).then_some(sets);
        Ok(grouping)
    }

    fn group_sets(&mut self, item: &GroupItem, outputs: &[Output], grouping: &mut Grouping) -> Result<Vec<Vec<usize>>> {
        let mut key = |binder: &mut Self, expr: &ast::Expr| -> Result<Vec<usize>> {
            let parts: &[ast::Expr] = match &expr.kind {
                ExprKind::Row(fields) => fields,
                _ => std::slice::from_ref(expr),
            };
            let mut set = Vec::new();
            for part in parts {
                let (bound, output) = binder.group_expr(part, outputs)?;
                comparable(bound.ty(), "equality").map_err(|error| error.at(part.start() + 1))?;
                set.push(grouping.key(bound, output));
            }
            Ok(set)
        };
        Ok(match item {
            GroupItem::Empty => vec![Vec::new()],
            GroupItem::Expr(expr) => vec![key(self, expr)?],
            GroupItem::Rollup(exprs) => {
                let parts = exprs.iter().map(|expr| key(self, expr)).collect::<Result<Vec<_>>>()?;
                (0..=parts.len()).rev().map(|length| parts[..length].concat()).collect()
            }
            GroupItem::Cube(exprs) => {
                if exprs.len() > 12 {
                    return Err(Error::new(SqlState::TOO_MANY_COLUMNS, "CUBE is limited to 12 elements"));
                }
                let parts = exprs.iter().map(|expr| key(self, expr)).collect::<Result<Vec<_>>>()?;
                let subset = |mask: usize| {
                    let chosen = parts.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0);
                    chosen.flat_map(|(_, part)| part.clone()).collect()
                };
                (0..1usize << parts.len()).rev().map(subset).collect()
            }
            GroupItem::Sets(items) => {
                let mut all = Vec::new();
                for item in items {
                    all.extend(self.group_sets(item, outputs, grouping)?);
                }
                all
            }
        })
    }

    /// An item of GROUP BY: an input column's name, then an output column's, an ordinal, or an expression. With it, the item
    /// of the list that it means.
    fn group_expr(&mut self, expr: &ast::Expr, outputs: &[Output]) -> Result<(Expr, Option<usize>)> {
        match &expr.kind {
            ExprKind::Integer(digits) => {
                let at = ordinal(digits, outputs.len(), "GROUP BY", expr.pos)?;
                self.no_aggregate(&outputs[at].expr, expr.pos)?;
                return Ok((self.known(outputs[at].expr.clone())?, Some(at)));
            }
            ExprKind::Decimal(_) | ExprKind::String(_) | ExprKind::Bool(_) | ExprKind::Null => {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "non-integer constant in GROUP BY").at(expr.pos + 1));
            }
            ExprKind::Column(parts) if parts.len() == 1 => {
                let input =
                    self.scopes.last().is_some_and(|scope| scope.star.iter().any(|column| *column.name == *parts[0]));
                let output = outputs.iter().position(|output| *output.column.name == *parts[0]);
                if let (false, Some(at)) = (input, output) {
                    self.no_aggregate(&outputs[at].expr, expr.pos)?;
                    return Ok((self.known(outputs[at].expr.clone())?, Some(at)));
                }
            }
            _ => {}
        }
        let bound = self.expr(expr)?;
        let bound = self.known(bound)?;
        let output = outputs.iter().position(|output| walk::same(&output.expr, &bound));
        Ok((bound, output))
    }

    fn no_aggregate(&self, expr: &Expr, pos: u32) -> Result<()> {
        if holds(expr, AGGREGATES, WINDOWS) {
            let message = "aggregate functions are not allowed in GROUP BY";
            return Err(Error::new(SqlState::GROUPING_ERROR, message).at(pos + 1));
        }
        if holds(expr, WINDOWS, SETS) {
            let message = "window functions are not allowed in GROUP BY";
            return Err(Error::new(SqlState::WINDOWING_ERROR, message).at(pos + 1));
        }
        Ok(())
    }

    /// The items of ORDER BY, and the items of the select list that they mean.
    pub fn order_by(
        &mut self,
        items: &[ast::OrderBy],
        outputs: &[Output],
        _select: &Select,
    ) -> Result<(Vec<SortKey>, Vec<Option<usize>>)> {
        let mut keys = Vec::with_capacity(items.len());
        let mut meant = Vec::with_capacity(items.len());
        for item in items {
            let (expr, output) = self.sort_expr(&item.expr, outputs, "ORDER BY")?;
            comparable(expr.ty(), "ordering").map_err(|error| error.at(item.expr.start() + 1))?;
            keys.push(sort_key(expr, item));
            meant.push(output);
        }
        Ok((keys, meant))
    }

    /// The items of DISTINCT ON; those that are written again count once.
    fn distinct_on(&mut self, exprs: &[ast::Expr], outputs: &[Output]) -> Result<Vec<OnItem>> {
        let mut items: Vec<OnItem> = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let (bound, output) = self.sort_expr(expr, outputs, "DISTINCT ON")?;
            if !items.iter().any(|item| item.is(&bound, output)) {
                items.push(OnItem { expr: bound, output, pos: expr.start() });
            }
        }
        Ok(items)
    }

    /// An item of ORDER BY: an output column's name, an ordinal, or an expression over the input. With it, the item of the
    /// list that it means.
    fn sort_expr(&mut self, expr: &ast::Expr, outputs: &[Output], what: &str) -> Result<(Expr, Option<usize>)> {
        match &expr.kind {
            ExprKind::Integer(digits) => {
                let at = ordinal(digits, outputs.len(), what, expr.pos)?;
                return Ok((outputs[at].expr.clone(), Some(at)));
            }
            ExprKind::Decimal(_) | ExprKind::String(_) | ExprKind::Bool(_) | ExprKind::Null => {
                let message = format!("non-integer constant in {what}");
                return Err(Error::new(SqlState::SYNTAX_ERROR, message).at(expr.pos + 1));
            }
            ExprKind::Column(parts) if parts.len() == 1 => {
                let mut named = outputs.iter().enumerate().filter(|(_, output)| *output.column.name == *parts[0]);
                if let Some((at, output)) = named.next() {
                    if named.any(|(_, other)| !walk::same(&other.expr, &output.expr)) {
                        let message = format!("{what} \"{}\" is ambiguous", parts[0]);
                        return Err(Error::new(SqlState::AMBIGUOUS_COLUMN, message).at(expr.pos + 1));
                    }
                    return Ok((output.expr.clone(), Some(at)));
                }
            }
            _ => {}
        }
        let bound = self.expr(expr)?;
        let bound = self.known(bound)?;
        let output = outputs.iter().position(|output| walk::same(&output.expr, &bound));
        Ok((bound, output))
    }
}

/// 42P10 unless the order begins with the items of DISTINCT ON, in any sequence, or ends before it has named them all.
/// `meant` are the items of the select list that the order means.
fn check_leading(on: &[OnItem], order: &[SortKey], meant: &[Option<usize>]) -> Result<()> {
    let item_of = |(key, output): (&SortKey, &Option<usize>)| on.iter().position(|item| item.is(&key.expr, *output));
    let named: Vec<Option<usize>> = order.iter().zip(meant).map(item_of).collect();
    let (leading, rest) = named.split_at(named.iter().take_while(|item| item.is_some()).count());
    if rest.is_empty() {
        return Ok(());
    }
    match rest.iter().flatten().copied().chain(0..on.len()).find(|item| !leading.contains(&Some(*item))) {
        Some(missing) => Err(Error::new(
            SqlState::INVALID_COLUMN_REFERENCE,
            "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
        )
        .at(on[missing].pos + 1)),
        None => Ok(()),
    }
}

/// Whether a FROM list names the recursive query around it, itself and not in a subquery.
fn names_work_table(plan: &Plan) -> bool {
    match &plan.node {
        Node::WorkTable { .. } => true,
        Node::Join(join) => names_work_table(&join.left) || names_work_table(&join.right),
        _ => false,
    }
}

/// The rows of groups. `sets` are the set-returning calls among the keys, over the input row.
fn grouped_plan(
    mut input: Plan,
    grouping: Grouping,
    calls: Vec<crate::bound::AggregateCall>,
    groupings: Vec<Vec<usize>>,
    sets: &[Expr],
) -> Result<Plan> {
    let Grouping { mut keys, sets: grouping_sets, .. } = grouping;
    let mut used = Vec::new();
    for key in &keys {
        walk::columns_of(key, &mut |index| {
            if index >= SETS && !used.contains(&index) {
                used.push(index);
            }
        });
    }
    if !used.is_empty() {
        let base = input.width();
        input = set_plan(input, used.iter().map(|index| sets[index - SETS].clone()).collect())?;
        for key in &mut keys {
            walk::map_columns(key, &|index| used.iter().position(|set| *set == index).map_or(index, |at| base + at));
        }
    }
    let mut fields = Vec::with_capacity(keys.len() + calls.len());
    for key in &keys {
        fields.push(match key {
            Expr::Column { index, .. } => input.fields[*index].clone(),
            other => Field::new("?column?", other.ty()),
        });
    }
    fields.extend(calls.iter().map(|call| Field::new(call.aggregate.name, call.ty)));
    fields.extend(groupings.iter().map(|_| Field::new("grouping", SqlType::INT4)));
    Ok(Plan::new(Node::Aggregate(Box::new(Aggregate { input, keys, calls, grouping_sets, groupings })), fields))
}

/// The input's columns with those of the set-returning calls behind them.
fn set_plan(input: Plan, sets: Vec<Expr>) -> Result<Plan> {
    let mut fields = input.fields.clone();
    let mut items: Vec<ProjectItem> =
        fields.iter().enumerate().map(|(at, field)| ProjectItem::Scalar(Expr::column(at, field.ty))).collect();
    for set in sets {
        let Expr::Call(call) = set else { return Err(Error::internal("a set-returning call is a call")) };
        if call.args.iter().any(|arg| holds(arg, SETS, usize::MAX)) {
            return Err(Error::unsupported("a set-returning function inside another"));
        }
        fields.push(Field::new(call.function.name, call.ty));
        items.push(ProjectItem::Set { function: call.function, args: call.args, ty: call.ty });
    }
    Ok(Plan::new(Node::ProjectSet { input: Box::new(input), items }, fields))
}

/// Whether values of a type are equal or not: those of json are neither.
fn has_equality(ty: SqlType) -> bool {
    !matches!(ty.oid, oid::JSON | oid::JSON_ARRAY)
}

/// Whether values of a type have an order: transactions have none.
pub(super) fn has_order(ty: SqlType) -> bool {
    has_equality(ty) && !matches!(ty.element().unwrap_or(ty).oid, oid::XID | oid::CID)
}

fn incomparable(ty: SqlType, what: &str) -> Error {
    Error::new(SqlState::UNDEFINED_FUNCTION, format!("could not identify an {what} operator for type {ty}"))
}

/// Whether values of a type can be compared, for "equality" or "ordering".
///
/// # Errors
/// 42883.
pub(super) fn comparable(ty: SqlType, what: &str) -> Result<()> {
    match what {
        "ordering" if !has_order(ty) => {
            Err(incomparable(ty, what).hint("Use an explicit ordering operator or modify the query."))
        }
        _ if !has_equality(ty) => Err(incomparable(ty, what)),
        _ => Ok(()),
    }
}

/// Whether an aggregate can tell values of a type apart for DISTINCT.
///
/// # Errors
/// 42883.
pub(super) fn distinguishable(ty: SqlType) -> Result<()> {
    comparable(ty, "equality")?;
    if has_order(ty) {
        return Ok(());
    }
    Err(incomparable(ty, "ordering").detail("Aggregates with DISTINCT must be able to sort their inputs."))
}

fn sorted(plan: Plan, keys: Vec<SortKey>) -> Plan {
    if keys.is_empty() {
        return plan;
    }
    let fields = plan.fields.clone();
    Plan::new(Node::Sort { input: Box::new(plan), keys }, fields)
}

pub(crate) fn projected(plan: Plan, exprs: Vec<Expr>, columns: &[ResultColumn]) -> Plan {
    let fields = exprs.iter().zip(columns).map(|(expr, column)| Field::new(column.name.clone(), expr.ty())).collect();
    Plan::new(Node::Project { input: Box::new(plan), exprs }, fields)
}

fn row_of_values(exprs: Vec<Expr>, columns: &[ResultColumn]) -> Plan {
    let fields = exprs.iter().zip(columns).map(|(expr, column)| Field::new(column.name.clone(), expr.ty())).collect();
    Plan::new(Node::Values(vec![exprs]), fields)
}

/// The name an output column gets from its expression (`FigureColname` in `parse_target.c`).
pub(crate) fn figure_name(expr: &ast::Expr, ty: SqlType) -> Option<String> {
    figure(expr, Some(ty)).map(|(name, _)| name)
}

/// The name, and whether it is a good one (a weak one gives way to a CASE's own).
fn figure(expr: &ast::Expr, ty: Option<SqlType>) -> Option<(String, bool)> {
    let strong = |name: &str| Some((name.to_owned(), true));
    match &expr.kind {
        ExprKind::Column(parts) | ExprKind::Star(parts) => parts.last().map(|name| (name.clone(), true)),
        ExprKind::Field { name, .. } => strong(name),
        ExprKind::Subscript { base, .. } | ExprKind::Collate { arg: base, .. } => figure(base, None),
        ExprKind::Function(call) => strong(call.name.object()),
        ExprKind::NullIf(..) => strong("nullif"),
        ExprKind::Cast { arg, ty: name } => match figure(arg, None) {
            Some((name, true)) => Some((name, true)),
            _ => Some((type_label(name, ty), false)),
        },
        ExprKind::Case { otherwise, .. } => match otherwise.as_ref().and_then(|otherwise| figure(otherwise, None)) {
            Some((name, true)) => Some((name, true)),
            _ => Some(("case".to_owned(), false)),
        },
        ExprKind::Coalesce(_) => strong("coalesce"),
        ExprKind::MinMax { greatest, .. } => strong(if *greatest { "greatest" } else { "least" }),
        ExprKind::Array(_) | ExprKind::ArrayQuery(_) => strong("array"),
        ExprKind::Row(_) => strong("row"),
        ExprKind::Exists(_) => strong("exists"),
        ExprKind::Grouping(_) => strong("grouping"),
        ExprKind::Subquery(query) => subquery_name(query),
        ExprKind::Session(value) => strong(match value {
            SessionValue::CurrentDate => "current_date",
            SessionValue::CurrentTime(_) => "current_time",
            SessionValue::CurrentTimestamp(_) => "current_timestamp",
            SessionValue::LocalTime(_) => "localtime",
            SessionValue::LocalTimestamp(_) => "localtimestamp",
            SessionValue::CurrentRole => "current_role",
            SessionValue::CurrentUser => "current_user",
            SessionValue::SessionUser => "session_user",
            SessionValue::User => "user",
            SessionValue::CurrentCatalog => "current_catalog",
            SessionValue::CurrentSchema => "current_schema",
        }),
        _ => None,
    }
}

/// A scalar subquery is named as its column.
fn subquery_name(query: &Query) -> Option<(String, bool)> {
    let select = match &query.body {
        ast::SetExpr::Select(select) => select,
        ast::SetExpr::Values(_) => return Some(("column1".to_owned(), true)),
        ast::SetExpr::SetOp { left, .. } => return subquery_name(left),
    };
    let target = select.targets.first()?;
    match &target.alias {
        Some(alias) => Some((alias.clone(), true)),
        None => figure(&target.expr, None),
    }
}

/// The internal name of a type as written.
fn type_label(name: &ast::TypeName, ty: Option<SqlType>) -> String {
    if let Some(ty) = ty {
        let base = if name.array { ty.element().unwrap_or(ty) } else { ty };
        if let Some(row) = base.row() {
            return row.name.to_owned();
        }
    }
    let object = name.names.last().map_or("", String::as_str);
    let found = if name.exact { None } else { types::sqltype::type_by_name(object) };
    found.and_then(SqlType::row).map_or_else(|| object.to_owned(), |row| row.name.to_owned())
}
