//! Plan nodes.

use std::sync::Arc;

use arrow::datatypes::{Field as ArrowField, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::MemTable;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema, JoinConstraint, JoinType, NullEquality};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::logical_plan as df;
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan, Operator as DfOperator, TableSource, lit};
use sql::bound::{
    Access, AnyKey, Expr, IndexAccess, Join, JoinKind, Node, Plan, Relation as BoundRelation, Scan, ScanColumn, SetOp,
    SetOpKind, SortKey,
};
use sql::catalog::TableDef;
use sql::exec::{evaluate_row, needs_only_row};
use types::Datum;

use super::expr::{balanced, operator_call, same_form};
use super::{Correlated, CteState, Field, Lowered, Lowering, Missing, Refusal, Relation, Scope, Table, Term};
use crate::kernel::{self, Reshape};
use crate::repr::{Builder, Repr, Shape};
use crate::scan::TableRows;

/// Plans nested more deeply are refused.
const PLAN_DEPTH_MAX: usize = 100;

/// Whether an operator gathers rows, for which there may be no memory.
fn gathers(plan: &LogicalPlan) -> Lowered<bool> {
    use LogicalPlan::{Aggregate, Distinct, Join, Sort};
    Ok(plan.exists(|node| Ok(matches!(node, Aggregate(_) | Distinct(_) | Join(_) | Sort(_))))?)
}

impl Lowering<'_> {
    /// Lowers a plan; `outer` are the columns of the row around it, if that is going to be joined to it.
    pub(super) fn relation(&mut self, plan: &Plan, outer: Option<&[Field]>) -> Lowered<Relation> {
        self.depth += 1;
        if self.depth > PLAN_DEPTH_MAX {
            return Err(Refusal::of("a plan nested too deeply"));
        }
        let relation = self.node(plan, outer);
        self.depth -= 1;
        relation
    }

    /// As [`Self::relation`], for an input that must have a row for every group.
    pub(super) fn input(&mut self, plan: &Plan, outer: Option<&[Field]>) -> Lowered<Relation> {
        let relation = self.relation(plan, outer)?;
        match relation.empty_group {
            Some(_) => Err(Refusal::of("a correlated aggregation in an unsupported place")),
            None => Ok(relation),
        }
    }

    fn node(&mut self, plan: &Plan, outer: Option<&[Field]>) -> Lowered<Relation> {
        match &plan.node {
            Node::Values(rows) => self.values(rows, plan),
            Node::Scan(scan) => self.scan(scan, outer),
            // A subquery becomes a join, which does not keep the order of what is below it.
            Node::Filter { input, predicate, .. } if is_sorted(input) && predicate.has_subquery() => {
                Err(Refusal::of("a subquery over sorted rows"))
            }
            Node::Project { input, exprs } if is_sorted(input) && exprs.iter().any(Expr::has_subquery) => {
                Err(Refusal::of("a subquery over sorted rows"))
            }
            Node::Filter { input, predicate, .. } => {
                let conjuncts = predicate.clone().into_conjuncts();
                // DataFusion moves a filter below every projection, whatever becomes of it.
                if let Node::Project { exprs, .. } = &input.node
                    && conjuncts.iter().any(|conjunct| sql::plan::grows(conjunct, exprs))
                {
                    return Err(Refusal::of("a condition that grows below a projection"));
                }
                let relation = self.input(input, outer)?;
                self.filter(relation, conjuncts, outer)
            }
            Node::Project { input, exprs } => {
                let relation = self.relation(input, outer)?;
                self.project(relation, exprs)
            }
            Node::Join(join) => self.join(join, outer),
            Node::Aggregate(aggregate) => self.aggregate(aggregate, outer),
            Node::Sort { input, keys } => {
                let (restartable, may) = (self.restartable, self.may_restart);
                self.restartable = may;
                let relation = self.input(input, outer);
                self.restartable = restartable;
                self.sort(relation?, keys)
            }
            Node::Distinct { input, on: None } => {
                let relation = self.input(input, outer)?;
                if !relation.correlated.is_empty() {
                    return Err(Refusal::of("a correlated DISTINCT"));
                }
                self.distinct(relation)
            }
            Node::Distinct { on: Some(_), .. } => Err(Refusal::of("DISTINCT ON")),
            Node::Limit { with_ties: Some(_), .. } => Err(Refusal::of("WITH TIES")),
            // DataFusion takes it for nothing, and puts the conditions above it before those below.
            Node::Limit { limit: None, offset: None, .. } => Err(Refusal::of("a view with security_barrier")),
            Node::Limit { input, limit, offset, with_ties: None } => {
                let count = |expr: &Option<Expr>| match expr {
                    None => Ok(None),
                    Some(expr) => self.count(expr),
                };
                if may_be_ordered(input) {
                    return Err(Refusal::of("a LIMIT in the order of an index"));
                }
                let (skip, fetch) = (count(offset)?, count(limit)?);
                let relation = self.input(input, outer)?;
                if !relation.correlated.is_empty() {
                    return Err(Refusal::of("a correlated LIMIT"));
                }
                let number = |count: Option<i64>| count.map(|count| Box::new(lit(count)));
                let (skip, fetch) = (number(skip), number(fetch));
                let plan = LogicalPlan::Limit(df::Limit { skip, fetch, input: Arc::new(relation.plan) });
                Ok(Relation { plan, ..relation })
            }
            Node::SetOp(set) => {
                let (restartable, may) = (self.restartable, self.may_restart);
                // Without a blocking operator above, the first side's rows are gone when the second side is run.
                if !restartable {
                    self.may_restart = false;
                }
                let relation = self.set_op(set, outer);
                (self.restartable, self.may_restart) = (restartable, may);
                let relation = relation?;
                if !restartable && set.all && !self.streams_union {
                    self.streams_union = gathers(&relation.plan)?;
                }
                Ok(relation)
            }
            Node::With { ctes, body } => {
                for cte in ctes {
                    if cte.recursive.is_some() {
                        return Err(Refusal::of("a recursive query"));
                    }
                    self.ctes.insert(cte.id, CteState { cte: Arc::new(cte.clone()), uses: 0 });
                }
                count_uses(body, &mut |id| {
                    if let Some(state) = self.ctes.get_mut(&id) {
                        state.uses += 1;
                    }
                });
                for cte in ctes {
                    count_uses(&cte.plan, &mut |id| {
                        if let Some(state) = self.ctes.get_mut(&id) {
                            state.uses += 1;
                        }
                    });
                }
                self.relation(body, outer)
            }
            Node::CteScan { id, .. } => self.cte_scan(*id),
            Node::Function(_) | Node::ProjectSet { .. } => Err(Refusal::of("a set-returning function")),
            Node::Window { .. } => Err(Refusal::of("a window function")),
            Node::WorkTable { .. } => Err(Refusal::of("a recursive query")),
            Node::LockRows(_) => Err(Refusal::of("row locks")),
        }
    }

    /// The value of LIMIT or OFFSET; `None` for null. Negative ones are the row executor's to refuse.
    fn count(&self, expr: &Expr) -> Lowered<Option<i64>> {
        match self.constant_value(expr)? {
            Datum::Null => Ok(None),
            Datum::Int8(count @ 0..) => Ok(Some(count)),
            other => Err(Refusal(format!("LIMIT {other:?}"))),
        }
    }

    /// The value of an expression that reads no row.
    fn constant_value(&self, expr: &Expr) -> Lowered<Datum> {
        if !expr.is_stable() || !needs_only_row(expr) {
            return Err(Refusal::of("an expression that is not constant"));
        }
        Ok(evaluate_row(expr, self.context, &[])?)
    }

    fn values(&mut self, rows: &[Vec<Expr>], plan: &Plan) -> Lowered<Relation> {
        if plan.fields.is_empty() {
            let schema = Arc::new(DFSchema::empty());
            return match rows.len() {
                1 => {
                    let plan = LogicalPlan::EmptyRelation(df::EmptyRelation { produce_one_row: true, schema });
                    Ok(Relation::new(plan, Vec::new()))
                }
                _ => Err(Refusal::of("rows without columns")),
            };
        }
        let shapes: Vec<Shape> = plan.fields.iter().map(|field| Shape::of(field.ty, false)).collect();
        let mut builders: Vec<Builder> = shapes.iter().map(|shape| Builder::new(*shape, rows.len())).collect();
        for row in rows {
            for (builder, expr) in builders.iter_mut().zip(row) {
                builder.append(&self.constant_value(expr)?)?;
            }
        }
        let columns: Vec<_> = builders.iter_mut().map(Builder::finish).collect();
        let schema = anonymous_schema(&shapes);
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch =
            RecordBatch::try_new_with_options(schema, columns, &options).map_err(|error| Refusal(error.to_string()))?;
        self.table(&Table { shapes, batches: vec![batch], claim: None })
    }

    /// Rows that are already there.
    fn table(&mut self, table: &Table) -> Lowered<Relation> {
        let fields: Vec<Field> = table.shapes.iter().map(|shape| self.new_field(*shape)).collect();
        let schema = schema_of(&fields);
        let mut batches = Vec::with_capacity(table.batches.len());
        for batch in &table.batches {
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), batch.columns().to_vec(), &options);
            batches.push(batch.map_err(|error| Refusal(error.to_string()))?);
        }
        let source = provider_as_source(Arc::new(MemTable::try_new(schema, vec![batches])?));
        self.source(source, fields)
    }

    /// A scan of a source whose columns are these.
    fn source(&mut self, source: Arc<dyn TableSource>, fields: Vec<Field>) -> Lowered<Relation> {
        let name = self.new_name();
        let qualify = |field: Field| Field { column: Column::new(Some(name.clone()), field.column.name), ..field };
        let plan = LogicalPlan::TableScan(df::TableScanBuilder::new(name.clone(), source).build()?);
        let fields = fields.into_iter().map(qualify).collect();
        Ok(Relation::new(plan, fields))
    }

    fn cte_scan(&mut self, id: usize) -> Lowered<Relation> {
        if let Some(table) = self.ready.tables.get(&id) {
            return self.table(&table.clone());
        }
        let state = self.ctes.get(&id).ok_or_else(|| Refusal::of("a query out of sight"))?;
        let (cte, uses) = (Arc::clone(&state.cte), state.uses);
        if uses > 1 {
            let known =
                self.missing.iter().any(|missing| matches!(missing, Missing::Table { id: other, .. } if *other == id));
            if !known {
                let plan = self.with_ctes(&cte.plan);
                self.missing.push(Missing::Table { id, plan: Arc::new(plan) });
            }
        }
        // Run here if it is read once; else lowered to find out whether it can be, and what its columns are.
        let relation = self.input(&cte.plan, None)?;
        if !relation.correlated.is_empty() {
            return Err(Refusal::of("a correlated common table expression"));
        }
        Ok(relation)
    }

    /// A plan to be run by itself, with the definitions of the common table expressions it may read.
    pub(super) fn with_ctes(&self, plan: &Plan) -> Plan {
        let mut ids: Vec<usize> = self.ctes.keys().copied().collect();
        ids.sort_unstable();
        if ids.is_empty() {
            return plan.clone();
        }
        let ctes = ids.iter().map(|id| (*self.ctes[id].cte).clone()).collect();
        Plan { node: Node::With { ctes, body: Box::new(plan.clone()) }, fields: plan.fields.clone() }
    }

    fn scan(&mut self, scan: &Scan, outer: Option<&[Field]>) -> Lowered<Relation> {
        let BoundRelation::Table(table) = &scan.relation else {
            return Err(Refusal::of("a catalog relation"));
        };
        let mut attributes: Vec<usize> = scan.columns.iter().filter_map(|column| attribute(*column)).collect();
        let conditions = match &scan.access {
            Access::Full => Vec::new(),
            Access::Index(access) => self.access_conditions(table, access, &mut attributes)?,
        };
        let shapes = attributes.iter().map(|position| self.shape_of(table.columns[*position].ty));
        let shapes: Vec<Shape> = shapes.collect();
        let stored: Vec<Field> = shapes.iter().map(|shape| self.new_field(*shape)).collect();
        let schema = schema_of(&stored);
        let context = Arc::clone(self.context);
        let rows = TableRows::new(Arc::clone(table), &scan.access, attributes.clone(), shapes, schema, context);
        let mut relation = self.source(provider_as_source(Arc::new(rows)), stored)?;

        // The scan's row, followed by what only its access reads.
        let mut rest = std::mem::take(&mut relation.fields).into_iter();
        for column in &scan.columns {
            relation.fields.push(match column {
                ScanColumn::Attribute(_) => rest.next().ok_or_else(|| Refusal::of("a column outside of its row"))?,
                ScanColumn::System(_) => Field::unavailable(),
            });
        }
        let visible = relation.fields.len();
        relation.fields.extend(rest);
        // Conditions of the access number columns by their place among the stored ones.
        let places: Vec<usize> = (0..scan.columns.len())
            .filter(|at| attribute(scan.columns[*at]).is_some())
            .chain(visible..relation.fields.len())
            .collect();
        let mut conjuncts = conditions;
        for condition in &mut conjuncts {
            sql::bound::walk::map_columns(condition, &|index| places[index]);
        }
        if let Some(filter) = &scan.filter {
            conjuncts.extend(filter.clone().into_conjuncts());
        }
        let mut relation = self.filter(relation, conjuncts, outer)?;
        relation.fields.truncate(visible);
        Ok(relation)
    }

    /// The conditions that an access path guarantees, over a row of the stored columns `attributes`. Adds those they read.
    fn access_conditions(
        &mut self,
        table: &TableDef,
        access: &IndexAccess,
        attributes: &mut Vec<usize>,
    ) -> Lowered<Vec<Expr>> {
        let key: Vec<usize> = match &access.index {
            Some(index) => index.column_positions().collect(),
            None => table.key.clone(),
        };
        let mut column = |place: usize| {
            let position = *key.get(place).ok_or_else(|| Refusal::of("an access beyond the key"))?;
            let index = attributes.iter().position(|known| *known == position).unwrap_or_else(|| {
                attributes.push(position);
                attributes.len() - 1
            });
            Ok::<Expr, Refusal>(Expr::Column { index, ty: table.columns[position].ty })
        };
        let mut conditions = Vec::new();
        for (place, value) in access.prefix.iter().enumerate() {
            conditions.push(operator_call("=", column(place)?, value.clone())?);
        }
        let next = access.prefix.len();
        match &access.any {
            Some(AnyKey::List(list)) => {
                let terms = list.iter().map(|value| operator_call("=", column(next)?, value.clone()));
                let mut terms = terms.collect::<Lowered<Vec<Expr>>>()?;
                conditions.push(if terms.len() == 1 { terms.remove(0) } else { Expr::Or(terms) });
            }
            Some(AnyKey::Array(_)) => return Err(Refusal::of("an index access by an array")),
            None => {}
        }
        for (bound, strict, loose) in [(&access.lower, ">", ">="), (&access.upper, "<", "<=")] {
            if let Some(bound) = bound {
                let operator = if bound.inclusive { loose } else { strict };
                conditions.push(operator_call(operator, column(next)?, bound.value.clone())?);
            }
        }
        Ok(conditions)
    }

    fn project(&mut self, relation: Relation, exprs: &[Expr]) -> Lowered<Relation> {
        let empty_group = match &relation.empty_group {
            None => None,
            Some(_) if exprs.iter().any(Expr::has_subquery) => {
                return Err(Refusal::of("a subquery over a correlated aggregation"));
            }
            Some(row) => {
                if !exprs.iter().all(|expr| needs_only_row(expr) && !expr.is_volatile()) {
                    return Err(Refusal::of("an expression over a correlated aggregation"));
                }
                let value = |expr| evaluate_row(expr, self.context, row);
                Some(exprs.iter().map(value).collect::<types::Result<Vec<Datum>>>()?)
            }
        };
        let (relation, exprs) = self.resolve_subqueries(relation, exprs.to_vec())?;
        let mut terms = Vec::with_capacity(exprs.len());
        for expr in &exprs {
            if reads_outer(expr) {
                return Err(Refusal::of("a correlated select list"));
            }
            terms.push(match expr {
                // What nobody uses of it is no obstacle.
                Expr::Column { index, .. } if relation.fields.get(*index).is_some_and(Field::is_unavailable) => None,
                expr => Some(self.expr(expr, Scope { fields: &relation.fields, outer: None })?),
            });
        }
        let projected = self.project_terms(relation, terms)?;
        Ok(Relation { empty_group, ..projected })
    }

    /// A projection to these terms, with nothing in the place of what is none; columns that correlated conditions read stay
    /// beside them.
    fn project_terms(&mut self, relation: Relation, terms: Vec<Option<Term>>) -> Lowered<Relation> {
        let mut exprs = Vec::with_capacity(terms.len());
        let mut fields = Vec::with_capacity(terms.len());
        for term in terms {
            let Some(term) = term else {
                fields.push(Field::unavailable());
                continue;
            };
            let field = self.new_field(term.shape);
            exprs.push(term.named(&field));
            fields.push(field);
        }
        let mut kept: Vec<&Column> = Vec::new();
        for field in relation.correlated.iter().flat_map(|condition| &condition.inner) {
            if !kept.contains(&&field.column) {
                kept.push(&field.column);
                exprs.push(field.expr());
            }
        }
        if exprs.is_empty() {
            exprs.push(lit(true).alias(self.new_name()));
        }
        let plan = LogicalPlan::Projection(df::Projection::try_new(exprs, Arc::new(relation.plan))?);
        Ok(Relation { correlated: relation.correlated, ..Relation::new(plan, fields) })
    }

    /// The query's final projection: exactly its columns.
    pub(super) fn project_fields(&mut self, relation: Relation) -> Lowered<LogicalPlan> {
        let mut exprs = Vec::with_capacity(relation.fields.len());
        for field in &relation.fields {
            exprs.push(field.expr().alias(self.new_name()));
        }
        if exprs.is_empty() {
            exprs.push(lit(true).alias(self.new_name()));
        }
        Ok(LogicalPlan::Projection(df::Projection::try_new(exprs, Arc::new(relation.plan))?))
    }

    fn sort(&mut self, relation: Relation, keys: &[SortKey]) -> Lowered<Relation> {
        let exprs = keys.iter().map(|key| key.expr.clone()).collect();
        let fields = relation.fields.clone();
        let (relation, exprs) = self.resolve_subqueries(relation, exprs)?;
        let mut sort = Vec::with_capacity(keys.len());
        for (key, expr) in keys.iter().zip(&exprs) {
            if reads_outer(expr) {
                return Err(Refusal::of("a correlated ORDER BY"));
            }
            let term = self.expr(expr, Scope { fields: &relation.fields, outer: None })?;
            if !reads_columns(expr) {
                return Err(Refusal::of("a constant sort key"));
            }
            sort.push(SortExpr { expr: self.own_key(term)?, asc: !key.descending, nulls_first: key.nulls_first });
        }
        let plan = LogicalPlan::Sort(df::Sort { expr: sort, input: Arc::new(relation.plan), fetch: None });
        Ok(Relation { correlated: relation.correlated, ..Relation::new(plan, fields) })
    }

    fn join(&mut self, join: &Join, outer: Option<&[Field]>) -> Lowered<Relation> {
        let left = self.input(&join.left, outer)?;
        let right =
            if join.lateral { self.input(&join.right, Some(&left.fields))? } else { self.input(&join.right, outer)? };
        let mut on = Vec::with_capacity(join.keys.len());
        // An inner join's conditions may as well be applied to its result.
        let mut afterwards = Vec::new();
        for (a, b) in &join.keys {
            if reads_outer(a) || reads_outer(b) {
                return Err(Refusal::of("a correlated join key"));
            }
            if a.has_subquery() || b.has_subquery() {
                if join.kind != JoinKind::Inner {
                    return Err(Refusal::of("a subquery in a join condition"));
                }
                let mut b = b.clone();
                sql::bound::walk::map_columns(&mut b, &|index| left.fields.len() + index);
                afterwards.push(operator_call("=", a.clone(), b)?);
                continue;
            }
            let a = self.expr(a, Scope { fields: &left.fields, outer: None })?;
            let b = self.expr(b, Scope { fields: &right.fields, outer: None })?;
            on.push((a, b));
        }
        let both: Vec<Field> = left.fields.iter().chain(&right.fields).cloned().collect();
        let mut conditions = Vec::new();
        let mut correlated_conjuncts = Vec::new();
        for conjunct in join.filter.clone().map(Expr::into_conjuncts).unwrap_or_default() {
            if conjunct.has_subquery() {
                if join.kind != JoinKind::Inner {
                    return Err(Refusal::of("a subquery in a join condition"));
                }
                afterwards.push(conjunct);
                continue;
            }
            for common in common_terms(&conjunct) {
                let term = self.expr(&common, Scope { fields: &both, outer: None })?;
                // In its branch it may have a guard.
                if !term.fallible {
                    conditions.push(term);
                }
            }
            if reads_outer(&conjunct) {
                if join.kind != JoinKind::Inner {
                    return Err(Refusal::of("a correlated outer join"));
                }
                correlated_conjuncts.push(conjunct);
                continue;
            }
            conditions.push(self.expr(&conjunct, Scope { fields: &both, outer: None })?);
        }
        let Relation { plan: left_plan, fields: left_fields, mut correlated, .. } = left;
        let Relation { plan: right_plan, fields: right_fields, correlated: right_correlated, .. } = right;
        let mut filter: Vec<DfExpr> = Vec::new();
        if join.lateral {
            for condition in right_correlated {
                match (condition.equality, condition.condition) {
                    (Some((inner, around)), _) => on.push((around, inner)),
                    (None, Some(condition)) => filter.push(condition),
                    (None, None) => {}
                }
            }
        } else if join.kind == JoinKind::Inner {
            correlated.extend(right_correlated);
        } else if !right_correlated.is_empty() {
            return Err(Refusal::of("a correlated outer join"));
        }
        if !correlated.is_empty()
            && !matches!(join.kind, JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti)
        {
            return Err(Refusal::of("a correlated outer join"));
        }
        filter.extend(self.conjunction(conditions));
        let filter = balanced(filter, DfOperator::And);
        let plan = self.join_plans(left_plan, right_plan, on, filter, join_type(join.kind))?;
        let fields = match join.kind {
            JoinKind::Semi | JoinKind::Anti => left_fields,
            _ => left_fields.into_iter().chain(right_fields).collect(),
        };
        let mut relation = Relation { correlated, ..Relation::new(plan, fields) };
        for conjunct in correlated_conjuncts {
            let condition = self.correlated(&relation.fields, &conjunct, outer)?;
            relation.correlated.push(condition);
        }
        if !afterwards.is_empty() {
            return self.filter(relation, afterwards, outer);
        }
        Ok(relation)
    }

    /// Joins on pairs of equal terms and a filter.
    pub(super) fn join_plans(
        &mut self,
        left: LogicalPlan,
        right: LogicalPlan,
        on: Vec<(Term, Term)>,
        filter: Option<DfExpr>,
        kind: JoinType,
    ) -> Lowered<LogicalPlan> {
        let mut keys = Vec::with_capacity(on.len());
        for (a, b) in on {
            let (a, b) = self.comparable(a, b)?.ok_or_else(|| Refusal::of("a join key without a common form"))?;
            keys.push((a, b));
        }
        let constraint = JoinConstraint::On;
        let equality = NullEquality::NullEqualsNothing;
        let (left, right) = (Arc::new(left), Arc::new(right));
        Ok(LogicalPlan::Join(df::Join::try_new(left, right, keys, filter, kind, constraint, equality, false)?))
    }

    fn set_op(&mut self, set: &SetOp, outer: Option<&[Field]>) -> Lowered<Relation> {
        if set.all && set.kind != SetOpKind::Union {
            return Err(Refusal::of("INTERSECT ALL or EXCEPT ALL"));
        }
        let left = self.input(&set.left, outer)?;
        let right = self.input(&set.right, outer)?;
        if !left.correlated.is_empty() || !right.correlated.is_empty() {
            return Err(Refusal::of("a correlated set operation"));
        }
        if set.kind == SetOpKind::Union {
            let union = self.union(left, right)?;
            return if set.all { Ok(union) } else { self.distinct(union) };
        }
        let left = self.distinct(left)?;
        let mut keys = Vec::with_capacity(left.fields.len());
        for (a, b) in left.fields.iter().zip(&right.fields) {
            let pair = self.comparable(a.term()?, b.term()?)?;
            keys.push(pair.ok_or_else(|| Refusal::of("a set operation over values without a common form"))?);
        }
        let kind = if set.kind == SetOpKind::Intersect { JoinType::LeftSemi } else { JoinType::LeftAnti };
        let equality = NullEquality::NullEqualsNull;
        let (plan, other) = (Arc::new(left.plan), Arc::new(right.plan));
        let join = df::Join::try_new(plan, other, keys, None, kind, JoinConstraint::On, equality, false)?;
        Ok(Relation::new(LogicalPlan::Join(join), left.fields))
    }

    /// The rows of both sides, brought to common forms.
    fn union(&mut self, left: Relation, right: Relation) -> Lowered<Relation> {
        let fields: Vec<Field> = left
            .fields
            .iter()
            .zip(&right.fields)
            .map(|(a, b)| {
                let shape = common_form(a.shape, b.shape);
                self.new_field(shape)
            })
            .collect();
        let side = |relation: Relation| -> Lowered<Arc<LogicalPlan>> {
            let exprs = relation.fields.iter().zip(&fields).map(|(from, to)| {
                let from = from.term()?;
                let expr = if same_form(from.shape, to.shape) {
                    from.expr
                } else {
                    kernel::call(Reshape::new(from.shape, to.shape.repr), vec![from.expr])
                };
                Ok(expr.alias(to.column.name.clone()))
            });
            let mut exprs: Vec<DfExpr> = exprs.collect::<Lowered<_>>()?;
            if exprs.is_empty() {
                exprs.push(lit(true).alias("nothing"));
            }
            Ok(Arc::new(LogicalPlan::Projection(df::Projection::try_new(exprs, Arc::new(relation.plan))?)))
        };
        let inputs = vec![side(left)?, side(right)?];
        let plan = LogicalPlan::Union(df::Union::try_new_with_loose_types(inputs)?);
        Ok(Relation::new(plan, fields))
    }

    pub(super) fn filter(
        &mut self,
        relation: Relation,
        conjuncts: Vec<Expr>,
        outer: Option<&[Field]>,
    ) -> Lowered<Relation> {
        let mut relation = relation;
        let width = relation.fields.len();
        let (with_subqueries, plain): (Vec<Expr>, Vec<Expr>) = conjuncts.into_iter().partition(Expr::has_subquery);
        let mut terms = Vec::new();
        for conjunct in plain {
            if reads_outer(&conjunct) {
                let condition = self.correlated(&relation.fields, &conjunct, outer)?;
                relation.correlated.push(condition);
            } else {
                terms.push(self.expr(&conjunct, Scope { fields: &relation.fields, outer: None })?);
            }
        }
        relation.plan = self.filter_plan(relation.plan, terms)?;
        for conjunct in with_subqueries {
            relation = self.subquery_condition(relation, conjunct, outer)?;
        }
        relation.fields.truncate(width);
        Ok(relation)
    }

    pub(super) fn filter_plan(&mut self, plan: LogicalPlan, terms: Vec<Term>) -> Lowered<LogicalPlan> {
        Ok(match self.conjunction(terms) {
            Some(predicate) => LogicalPlan::Filter(df::Filter::try_new(predicate, Arc::new(plan))?),
            None => plan,
        })
    }

    /// Lifts a condition that reads the row around the present plan.
    pub(super) fn correlated(
        &mut self,
        fields: &[Field],
        conjunct: &Expr,
        outer: Option<&[Field]>,
    ) -> Lowered<Correlated> {
        let scope = Scope { fields, outer };
        let mut inner = Vec::new();
        sql::bound::walk::visit(conjunct, &mut |expr| {
            if let Expr::Column { index, .. } = expr
                && let Some(field) = fields.get(*index)
            {
                inner.push(field.clone());
            }
        });
        if let Expr::Call(call) = conjunct
            && call.operator.is_some_and(|operator| operator.name == "=")
            && let [a, b] = call.args.as_slice()
        {
            let (a_outer, b_outer) = (reads_outer(a), reads_outer(b));
            let (a_inner, b_inner) = (reads_columns(a), reads_columns(b));
            let sides = match (a_outer, a_inner, b_outer, b_inner) {
                (true, false, false, _) => Some((b, a)),
                (false, _, true, false) => Some((a, b)),
                _ => None,
            };
            if let Some((inside, around)) = sides {
                let inside = self.expr(inside, scope)?;
                let around = self.expr(around, scope)?;
                if self.comparable(inside.clone(), around.clone())?.is_some() {
                    return Ok(Correlated { condition: None, equality: Some((inside, around)), inner });
                }
            }
        }
        let term = self.expr(conjunct, scope)?;
        if term.fallible {
            return Err(Refusal::of("a correlated condition that may fail"));
        }
        Ok(Correlated { condition: Some(term.expr), equality: None, inner })
    }
}

/// A form that can hold the values of both.
fn common_form(a: Shape, b: Shape) -> Shape {
    let repr = match (a.repr, b.repr) {
        (Repr::Decimal { digits: d, scale: s }, Repr::Decimal { digits: e, scale: t }) if s == t => {
            Repr::Decimal { digits: d.max(e), scale: s }
        }
        (Repr::Padded, Repr::Padded) if a.ty != b.ty => Repr::Text,
        (x, y) if x == y => x,
        (Repr::Text | Repr::Padded, Repr::Text | Repr::Padded) => Repr::Text,
        _ => Repr::Opaque,
    };
    Shape { ty: a.ty, repr }
}

fn attribute(column: ScanColumn) -> Option<usize> {
    match column {
        ScanColumn::Attribute(position) => Some(position),
        ScanColumn::System(_) => None,
    }
}

fn join_type(kind: JoinKind) -> JoinType {
    match kind {
        JoinKind::Inner => JoinType::Inner,
        JoinKind::Left => JoinType::Left,
        JoinKind::Right => JoinType::Right,
        JoinKind::Full => JoinType::Full,
        JoinKind::Semi => JoinType::LeftSemi,
        JoinKind::Anti => JoinType::LeftAnti,
    }
}

pub(super) fn schema_of(fields: &[Field]) -> Arc<Schema> {
    let fields = fields.iter().map(|field| ArrowField::new(&field.column.name, field.shape.arrow(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn anonymous_schema(shapes: &[Shape]) -> Arc<Schema> {
    let fields = shapes.iter().enumerate().map(|(i, shape)| ArrowField::new(format!("v{i}"), shape.arrow(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The equalities that stand in every branch of an OR: they hold whenever it does, and a join can hash them.
fn common_terms(expr: &Expr) -> Vec<Expr> {
    let Expr::Or(branches) = expr else { return Vec::new() };
    let mut branches = branches.iter().map(|branch| branch.clone().into_conjuncts());
    let mut common = branches.next().unwrap_or_default();
    common.retain(|term| {
        matches!(term, Expr::Call(call) if call.operator.is_some_and(|operator| operator.name == "="))
            && !reads_outer(term)
    });
    for branch in branches {
        common.retain(|term| branch.iter().any(|other| sql::bound::walk::same(term, other)));
    }
    common
}

/// Whether an expression reads an enclosing row directly (not from within a subquery of its own).
pub(super) fn reads_outer(expr: &Expr) -> bool {
    let mut found = false;
    sql::bound::walk::visit(expr, &mut |expr| found |= matches!(expr, Expr::Outer { .. }));
    found
}

fn reads_columns(expr: &Expr) -> bool {
    let mut found = false;
    sql::bound::walk::visit(expr, &mut |expr| found |= matches!(expr, Expr::Column { .. }));
    found
}

/// Whether the order of a plan's rows is part of its result.
fn is_sorted(plan: &Plan) -> bool {
    match &plan.node {
        Node::Sort { .. } => true,
        Node::Filter { input, .. } | Node::Project { input, .. } | Node::Limit { input, .. } => is_sorted(input),
        Node::With { body, .. } => is_sorted(body),
        _ => false,
    }
}

/// Whether the planner may have left out a sort because the plan's rows come in the order of an index. Here they do not.
pub(crate) fn may_be_ordered(plan: &Plan) -> bool {
    match &plan.node {
        Node::Filter { input, .. } | Node::Project { input, .. } | Node::Limit { input, .. } => may_be_ordered(input),
        Node::Join(join) => may_be_ordered(&join.left),
        Node::With { body, .. } => may_be_ordered(body),
        Node::Scan(scan) => matches!(&scan.access, Access::Index(access) if !access.unique),
        _ => false,
    }
}

/// Calls `each` with the number of every common table expression that a plan reads, as often as it does.
fn count_uses(plan: &Plan, each: &mut dyn FnMut(usize)) {
    if let Node::CteScan { id, .. } = &plan.node {
        each(*id);
    }
    sql::bound::walk::node_exprs(&plan.node, &mut |expr| {
        sql::bound::walk::visit(expr, &mut |expr| {
            if let Expr::Subquery(subquery) = expr {
                count_uses(&subquery.plan, each);
            }
        });
    });
    for (input, _) in sql::bound::walk::inputs(&plan.node) {
        count_uses(input, each);
    }
}
