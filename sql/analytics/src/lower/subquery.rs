//! Subqueries.
//!
//! One that reads no enclosing row is run beforehand ([`Missing`]), unless it is an IN in a filter, which is a join. A
//! correlated one is joined to the row it reads: its conditions on that row are lifted ([`Correlated`]) and become those
//! of the join. EXISTS and IN become semi joins, NOT EXISTS an anti join, NOT IN one that knows about nulls, and a scalar
//! aggregation, grouped by what it equates with the enclosing row, a left join.
//!
//! Whatever does not have one of these shapes is refused.

use std::sync::Arc;

use datafusion::common::{JoinConstraint, JoinType, NullEquality};
use datafusion::logical_expr::logical_plan as df;
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan, Operator as DfOperator};
use sql::bound::{Expr, Node, Plan, Subquery, SubqueryKind, walk};
use types::Datum;

use super::expr::balanced;
use super::plan::reads_outer;
use super::{Correlated, Field, Lowered, Lowering, Missing, Refusal, Relation, Scope, Term};

impl Lowering<'_> {
    /// Replaces the subqueries in expressions over a relation by constants, or by columns that are added to it.
    pub(super) fn resolve_subqueries(
        &mut self,
        relation: Relation,
        exprs: Vec<Expr>,
    ) -> Lowered<(Relation, Vec<Expr>)> {
        let mut relation = relation;
        let mut resolved = Vec::with_capacity(exprs.len());
        for mut expr in exprs {
            if expr.has_subquery() {
                self.resolve(&mut expr, &mut relation)?;
            }
            resolved.push(expr);
        }
        Ok((relation, resolved))
    }

    fn resolve(&mut self, expr: &mut Expr, relation: &mut Relation) -> Lowered<()> {
        let Expr::Subquery(subquery) = expr else {
            let mut result = Ok(());
            walk::children_mut(expr, &mut |child| {
                if result.is_ok() {
                    result = self.resolve(child, relation);
                }
            });
            return result;
        };
        let replacement = match (&subquery.kind, subquery.correlated) {
            (SubqueryKind::Scalar, false) => self.known_value(subquery, false)?,
            (SubqueryKind::Exists, false) => self.known_value(subquery, true)?,
            (SubqueryKind::Scalar, true) => {
                let fields = std::mem::take(&mut relation.fields);
                let correlated = std::mem::take(&mut relation.correlated);
                let plan = std::mem::take(&mut relation.plan);
                let whole = Relation { correlated, ..Relation::new(plan, fields) };
                *relation = self.join_scalar(whole, subquery)?;
                Expr::Column { index: relation.fields.len() - 1, ty: subquery.ty }
            }
            _ => return Err(Refusal::of("a subquery in an unsupported place")),
        };
        *expr = replacement;
        Ok(())
    }

    /// The value of a subquery that reads no enclosing row.
    fn known_value(&mut self, subquery: &Subquery, exists: bool) -> Lowered<Expr> {
        let address = Arc::as_ptr(&subquery.plan).addr();
        if let Some(value) = self.ready.scalars.get(&address) {
            return Ok(Expr::Const { value: value.clone(), ty: subquery.ty });
        }
        let known = |missing: &Missing| matches!(missing, Missing::Scalar { address: other, .. } if *other == address);
        if !self.missing.iter().any(known) {
            // Lowered here only to learn whether it can be.
            let (restartable, may) = (self.restartable, self.may_restart);
            (self.restartable, self.may_restart) = (false, true);
            self.relation(&subquery.plan, None)?;
            (self.restartable, self.may_restart) = (restartable, may);
            let plan = Arc::new(self.with_ctes(&subquery.plan));
            self.missing.push(Missing::Scalar { address, plan, exists });
        }
        Ok(Expr::null(subquery.ty))
    }

    /// Adds a column with the value of a correlated scalar subquery.
    fn join_scalar(&mut self, relation: Relation, subquery: &Subquery) -> Lowered<Relation> {
        let inner = self.relation(&subquery.plan, Some(&relation.fields))?;
        let (Some(empty_group), [value]) = (inner.empty_group.clone(), inner.fields.as_slice()) else {
            return Err(Refusal::of("a correlated scalar subquery other than an aggregation"));
        };
        let value = value.clone();
        let empty = empty_group.into_iter().next().unwrap_or(Datum::Null);
        let mut keys = Vec::with_capacity(inner.correlated.len());
        let mut marker = None;
        for condition in &inner.correlated {
            let (inside, around) = condition
                .equality
                .clone()
                .ok_or_else(|| Refusal::of("a scalar subquery correlated by more than equality"))?;
            if around.fallible {
                return Err(Refusal::of("a correlated condition that may fail"));
            }
            marker.get_or_insert_with(|| inside.expr.clone());
            keys.push((around, inside));
        }
        let Relation { plan, mut fields, correlated, .. } = relation;
        let joined = self.join_plans(plan, inner.plan, keys, None, JoinType::Left)?;
        if empty.is_null() {
            fields.push(value);
            return Ok(Relation { correlated, ..Relation::new(joined, fields) });
        }
        // A key found by equality is never null, so a null one means that there is no such group.
        let marker = marker.ok_or_else(|| Refusal::of("a scalar subquery without a key"))?;
        let absent = DfExpr::Literal(value.shape.scalar(&empty)?, None);
        let case = df_case(DfExpr::IsNull(Box::new(marker)), absent, value.expr());
        let shown = self.new_field(value.shape);
        let mut exprs: Vec<DfExpr> = fields.iter().map(Field::expr).collect();
        for field in correlated.iter().flat_map(|condition| &condition.inner) {
            if !exprs.contains(&field.expr()) {
                exprs.push(field.expr());
            }
        }
        exprs.push(case.alias(shown.column.name.clone()));
        fields.push(shown);
        let plan = LogicalPlan::Projection(df::Projection::try_new(exprs, Arc::new(joined))?);
        Ok(Relation { correlated, ..Relation::new(plan, fields) })
    }

    /// Applies a condition of a filter that contains subqueries.
    pub(super) fn subquery_condition(
        &mut self,
        relation: Relation,
        conjunct: Expr,
        outer: Option<&[Field]>,
    ) -> Lowered<Relation> {
        let (subquery, negated) = match &conjunct {
            Expr::Subquery(subquery) => (Some(subquery), false),
            Expr::Not(inner) => match &**inner {
                Expr::Subquery(subquery) => (Some(subquery), true),
                _ => (None, false),
            },
            _ => (None, false),
        };
        match subquery {
            Some(subquery) => match &subquery.kind {
                SubqueryKind::Exists if subquery.correlated => {
                    let inner = self.input(without_limit(&subquery.plan), Some(&relation.fields))?;
                    let conditions = inner.correlated;
                    self.semi_join(relation, inner.plan, conditions, negated)
                }
                SubqueryKind::Any { test, all: false } => self.in_subquery(relation, subquery, test, negated),
                _ => self.plain_condition(relation, conjunct, outer),
            },
            None => self.plain_condition(relation, conjunct, outer),
        }
    }

    fn plain_condition(&mut self, relation: Relation, conjunct: Expr, outer: Option<&[Field]>) -> Lowered<Relation> {
        let (mut relation, mut exprs) = self.resolve_subqueries(relation, vec![conjunct])?;
        let Some(conjunct) = exprs.pop() else { return Ok(relation) };
        if reads_outer(&conjunct) {
            let condition = self.correlated(&relation.fields, &conjunct, outer)?;
            relation.correlated.push(condition);
            return Ok(relation);
        }
        let term = self.expr(&conjunct, Scope { fields: &relation.fields, outer: None })?;
        relation.plan = self.filter_plan(relation.plan, vec![term])?;
        Ok(relation)
    }

    fn in_subquery(
        &mut self,
        relation: Relation,
        subquery: &Subquery,
        test: &Expr,
        negated: bool,
    ) -> Lowered<Relation> {
        let inner = self.input(&subquery.plan, Some(&relation.fields))?;
        let mut conditions = inner.correlated;
        let lifted = conditions.len();
        for conjunct in test.clone().into_conjuncts() {
            conditions.push(self.correlated(&inner.fields, &conjunct, Some(&relation.fields))?);
        }
        if !negated {
            return self.semi_join(relation, inner.plan, conditions, false);
        }
        // NOT IN is null, not true, when the left value or any right one is null.
        let (0, [Correlated { equality: Some((inside, around)), .. }]) = (lifted, conditions.as_slice()) else {
            return Err(Refusal::of("a correlated NOT IN"));
        };
        let pair = self.comparable(around.clone(), inside.clone())?;
        let (around, inside) = pair.ok_or_else(|| Refusal::of("a NOT IN without a common form"))?;
        let (left, right) = (Arc::new(relation.plan), Arc::new(inner.plan));
        let kind = JoinType::LeftAnti;
        let equality = NullEquality::NullEqualsNothing;
        let on = vec![(around, inside)];
        let join = df::Join::try_new(left, right, on, None, kind, JoinConstraint::On, equality, true)?;
        Ok(Relation { plan: LogicalPlan::Join(join), ..relation_of(relation.fields, relation.correlated) })
    }

    fn semi_join(
        &mut self,
        relation: Relation,
        inner: LogicalPlan,
        conditions: Vec<Correlated>,
        negated: bool,
    ) -> Lowered<Relation> {
        let mut keys: Vec<(Term, Term)> = Vec::new();
        let mut filter = Vec::new();
        for condition in conditions {
            match (condition.equality, condition.condition) {
                (Some((inside, around)), _) => keys.push((around, inside)),
                (None, Some(condition)) => filter.push(condition),
                (None, None) => {}
            }
        }
        if keys.iter().any(|(around, inside)| around.fallible || inside.fallible) {
            return Err(Refusal::of("a correlated condition that may fail"));
        }
        let kind = if negated { JoinType::LeftAnti } else { JoinType::LeftSemi };
        let filter = balanced(filter, DfOperator::And);
        let plan = self.join_plans(relation.plan, inner, keys, filter, kind)?;
        Ok(Relation { plan, ..relation_of(relation.fields, relation.correlated) })
    }
}

fn relation_of(fields: Vec<Field>, correlated: Vec<Correlated>) -> Relation {
    Relation { correlated, ..Relation::new(LogicalPlan::default(), fields) }
}

fn df_case(when: DfExpr, then: DfExpr, otherwise: DfExpr) -> DfExpr {
    let arms = vec![(Box::new(when), Box::new(then))];
    DfExpr::Case(datafusion::logical_expr::expr::Case::new(None, arms, Some(Box::new(otherwise))))
}

/// What of a plan decides whether it has a row: a LIMIT of at least one does not.
fn without_limit(plan: &Plan) -> &Plan {
    match &plan.node {
        Node::Limit {
            input,
            limit: None | Some(Expr::Const { value: Datum::Int8(1..), .. }),
            offset: None,
            with_ties: None,
        } => without_limit(input),
        _ => plan,
    }
}
