//! Grouping, DISTINCT and the choice of an aggregate's rule.
//!
//! Groups are made by keys in canonical form. Where that is not the value itself (1.0 and 1.00 are one group), the value
//! shown is that of the group's first row.

use std::sync::Arc;

use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::logical_plan as df;
use datafusion::logical_expr::{AggregateUDF, Expr as DfExpr, LogicalPlan, lit};
use sql::bound::{Aggregate, AggregateCall};
use types::aggregate::AggregateKind;
use types::{Datum, SqlType, oid};

use super::plan::reads_outer;
use super::{Correlated, Field, Lowered, Lowering, Refusal, Relation, Scope, Term};
use crate::aggregate::{self, Generic, OrderKey, Rule};
use crate::repr::{DIGITS_MAX, Repr, Shape};

/// Aggregates whose result depends on the order of the rows.
const ORDERED: &[&str] = &["array_agg", "string_agg", "json_agg", "json_object_agg", "xmlagg"];

impl Lowering<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate, outer: Option<&[Field]>) -> Lowered<Relation> {
        if aggregate.grouping_sets.is_some() {
            return Err(Refusal::of("GROUPING SETS"));
        }
        if !aggregate.groupings.is_empty() {
            return Err(Refusal::of("GROUPING"));
        }
        let (restartable, may) = (self.restartable, self.may_restart);
        self.restartable = may;
        let relation = self.grouped(aggregate, outer);
        self.restartable = restartable;
        relation
    }

    fn grouped(&mut self, aggregate: &Aggregate, outer: Option<&[Field]>) -> Lowered<Relation> {
        let relation = self.input(&aggregate.input, outer)?;
        let keys = aggregate.keys.clone();
        if keys.iter().any(reads_outer) {
            return Err(Refusal::of("a correlated GROUP BY"));
        }
        let (mut relation, keys) = self.resolve_subqueries(relation, keys)?;
        let fields = relation.fields.clone();
        let scope = Scope { fields: &fields, outer: None };
        let mut terms = keys.iter().map(|key| self.expr(key, scope)).collect::<Lowered<Vec<Term>>>()?;
        let visible = terms.len();

        // A correlated equality becomes a key by which the groups are found again.
        let correlated = std::mem::take(&mut relation.correlated);
        let mut around = Vec::with_capacity(correlated.len());
        for condition in correlated {
            let Some((inside, outside)) = condition.equality else {
                return Err(Refusal::of("an aggregation correlated by more than equality"));
            };
            if inside.fallible {
                return Err(Refusal::of("a correlated condition that may fail"));
            }
            terms.push(inside);
            around.push(outside);
        }

        let calls = aggregate.calls.iter().map(|call| self.aggregate_call(call, scope)).collect::<Lowered<Vec<_>>>()?;
        let empty_group = match aggregate.keys.is_empty() && !around.is_empty() {
            true => Some(aggregate.calls.iter().map(empty_result).collect::<types::Result<Vec<Datum>>>()?),
            false => None,
        };
        let (plan, mut fields) = self.group(relation.plan, terms, calls)?;
        let hidden: Vec<Field> = fields.splice(visible..visible + around.len(), []).collect();
        let correlated = hidden.into_iter().zip(around).map(|(field, outside)| {
            let inside = Term { expr: field.expr(), shape: field.shape, fallible: false };
            Correlated { condition: None, equality: Some((inside, outside)), inner: vec![field] }
        });
        Ok(Relation { correlated: correlated.collect(), empty_group, ..Relation::new(plan, fields) })
    }

    /// Groups a plan: the key terms, then the calls, as columns.
    fn group(
        &mut self,
        input: LogicalPlan,
        keys: Vec<Term>,
        calls: Vec<(DfExpr, Shape)>,
    ) -> Lowered<(LogicalPlan, Vec<Field>)> {
        let mut fields = Vec::with_capacity(keys.len() + calls.len());
        let mut group_exprs = Vec::with_capacity(keys.len());
        let mut aggregate_exprs = Vec::with_capacity(calls.len());
        for key in keys {
            let field = self.new_field(key.shape);
            if key.shape.is_canonical() {
                group_exprs.push(key.named(&field));
            } else {
                let shown = aggregate::call(Rule::AnyValue(key.shape), vec![key.expr.clone()], None);
                aggregate_exprs.push(shown.alias(field.column.name.clone()));
                let name = self.new_name();
                group_exprs.push(self.own_key(key)?.alias(name));
            }
            fields.push(field);
        }
        for (expr, shape) in calls {
            let field = self.new_field(shape);
            aggregate_exprs.push(expr.alias(field.column.name.clone()));
            fields.push(field);
        }
        if group_exprs.is_empty() && aggregate_exprs.is_empty() {
            // One row of no columns, whatever the input is: but the input may fail, so it is run.
            aggregate_exprs.push(count(vec![lit(1i64)], false, None).alias(self.new_name()));
        }
        let plan = df::Aggregate::try_new(Arc::new(input), group_exprs, aggregate_exprs)?;
        Ok((LogicalPlan::Aggregate(plan), fields))
    }

    /// The distinct rows of a relation.
    pub(super) fn distinct(&mut self, relation: Relation) -> Lowered<Relation> {
        if relation.fields.is_empty() {
            return Err(Refusal::of("DISTINCT without columns"));
        }
        let keys = relation.fields.iter().map(Field::term).collect::<Lowered<Vec<Term>>>()?;
        let (plan, fields) = self.group(relation.plan, keys, Vec::new())?;
        Ok(Relation::new(plan, fields))
    }

    fn aggregate_call(&mut self, call: &AggregateCall, scope: Scope<'_>) -> Lowered<(DfExpr, Shape)> {
        let name = call.aggregate.name;
        if call.aggregate.kind != AggregateKind::Normal {
            return Err(Refusal::of("WITHIN GROUP"));
        }
        let used = call.args.iter().chain(&call.filter).chain(call.order.iter().map(|key| &key.expr));
        for expr in used {
            if reads_outer(expr) || expr.has_subquery() {
                return Err(Refusal::of("a subquery or outer reference in an aggregate"));
            }
        }
        if call.order.is_empty() && ORDERED.contains(&name) {
            return Err(Refusal(format!("{name} without ORDER BY")));
        }
        if matches!(call.ty.oid, oid::JSON | oid::JSONB) {
            return Err(Refusal(format!("{name}, which reads the session's settings")));
        }
        let filter = match &call.filter {
            Some(filter) => Some(self.expr(filter, scope)?),
            None => None,
        };
        let args = call.args.iter().map(|arg| self.expr(arg, scope)).collect::<Lowered<Vec<Term>>>()?;
        if filter.is_some() && args.iter().any(|arg| arg.fallible) {
            // The argument would be computed for rows that the filter keeps out.
            return Err(Refusal::of("FILTER beside an argument that may fail"));
        }
        let filter = filter.map(|filter| filter.expr);
        let shape = self.shape_of(call.ty);
        if call.order.is_empty()
            && let Some(native) = self.native_call(name, call, &args, filter.clone(), shape)?
        {
            return Ok(native);
        }
        let output = match shape.repr {
            Repr::Decimal { .. } => Shape { ty: call.ty, repr: Repr::Opaque },
            Repr::Padded => Shape { ty: call.ty, repr: Repr::Text },
            _ => shape,
        };
        let mut exprs: Vec<DfExpr> = args.iter().map(|arg| arg.expr.clone()).collect();
        let mut order = Vec::with_capacity(call.order.len());
        for key in &call.order {
            let term = self.expr(&key.expr, scope)?;
            let (descending, nulls_first) = (key.descending, key.nulls_first);
            order.push(OrderKey { shape: term.shape, descending, nulls_first });
            exprs.push(term.expr);
        }
        if call.distinct && (!order.is_empty() || matches!(call.ty.oid, oid::FLOAT4 | oid::FLOAT8)) {
            // As PostgreSQL, which sorts to find duplicates, by the arguments last.
            for arg in &args {
                order.push(OrderKey { shape: arg.shape, descending: false, nulls_first: false });
                exprs.push(arg.expr.clone());
            }
        }
        if exprs.is_empty() {
            return Err(Refusal(format!("{name} without arguments")));
        }
        let args = args.iter().map(|arg| arg.shape).collect();
        let generic = Generic { aggregate: call.aggregate, args, output, distinct: call.distinct, order };
        Ok((aggregate::call(Rule::Generic(Arc::new(generic)), exprs, filter), output))
    }

    /// The call of an aggregate that does not need SQL's accumulators.
    fn native_call(
        &mut self,
        name: &str,
        call: &AggregateCall,
        args: &[Term],
        filter: Option<DfExpr>,
        shape: Shape,
    ) -> Lowered<Option<(DfExpr, Shape)>> {
        let sum = |rule, repr| {
            let arg = args.first().map(|arg| arg.expr.clone());
            Some((aggregate::call(rule, arg.into_iter().collect(), filter.clone()), Shape { ty: call.ty, repr }))
        };
        Ok(match (name, args) {
            ("count", []) => Some((count(vec![lit(1i64)], false, filter), shape)),
            ("count", [arg]) => {
                let key = if call.distinct { self.own_key(arg.clone())? } else { arg.expr.clone() };
                Some((count(vec![key], call.distinct, filter), shape))
            }
            ("min" | "max", [arg]) => {
                let ordered = match arg.shape.repr {
                    Repr::Int16 | Repr::Int32 | Repr::Int64 | Repr::Decimal { .. } | Repr::Text | Repr::Padded => {
                        arg.shape.is_canonical()
                    }
                    _ => false,
                };
                let function = if name == "min" { min_udaf() } else { max_udaf() };
                // The length of a char(n) is not in the call's type.
                let ty = if arg.shape.repr == Repr::Padded { arg.shape.ty } else { call.ty };
                let output = Shape { ty, repr: arg.shape.repr };
                let same = arg.shape.ty.oid == call.ty.oid || arg.shape.repr == Repr::Text;
                (ordered && same).then(|| (native(function, vec![arg.expr.clone()], false, filter), output))
            }
            ("sum", [arg]) if !call.distinct => match arg.shape.repr {
                repr @ (Repr::Int16 | Repr::Int32) if call.ty.oid == oid::INT8 && arg.shape.ty.is_integer() => {
                    sum(Rule::SumIntegers(repr), Repr::Int64)
                }
                Repr::Int64 if call.ty.oid == oid::NUMERIC && self.mode.decimals && arg.shape.ty == SqlType::INT8 => {
                    sum(Rule::SumUnits { input: Repr::Int64, scale: 0 }, Repr::Decimal { digits: DIGITS_MAX, scale: 0 })
                }
                repr @ Repr::Decimal { scale, .. } if self.may_overflow() => {
                    sum(Rule::SumUnits { input: repr, scale }, Repr::Decimal { digits: DIGITS_MAX, scale })
                }
                Repr::Float32 if call.ty.oid == oid::FLOAT4 => sum(Rule::SumFloat32, Repr::Float32),
                Repr::Float64 if call.ty.oid == oid::FLOAT8 => sum(Rule::SumFloat64, Repr::Float64),
                _ => None,
            },
            ("avg", [arg]) if !call.distinct => match arg.shape.repr {
                repr @ (Repr::Int16 | Repr::Int32 | Repr::Int64) if arg.shape.ty.is_integer() && self.restartable => {
                    sum(Rule::AverageUnits { input: repr, scale: 0 }, Repr::Opaque)
                }
                repr @ Repr::Decimal { scale, .. } if self.may_overflow() => {
                    sum(Rule::AverageUnits { input: repr, scale }, Repr::Opaque)
                }
                repr @ Repr::Float32 => sum(Rule::AverageFloats(repr), Repr::Float64),
                repr @ Repr::Float64 if self.may_overflow() => sum(Rule::AverageFloats(repr), Repr::Float64),
                _ => None,
            },
            _ => None,
        })
    }
}

fn native(function: Arc<AggregateUDF>, args: Vec<DfExpr>, distinct: bool, filter: Option<DfExpr>) -> DfExpr {
    let filter = filter.map(Box::new);
    let params = AggregateFunctionParams { args, distinct, filter, order_by: vec![], null_treatment: None };
    DfExpr::AggregateFunction(AggregateFunction { func: function, params })
}

fn count(args: Vec<DfExpr>, distinct: bool, filter: Option<DfExpr>) -> DfExpr {
    native(count_udaf(), args, distinct, filter)
}

/// What an aggregate is of no rows.
fn empty_result(call: &AggregateCall) -> types::Result<Datum> {
    let arg_types: Vec<SqlType> = call.args.iter().map(|arg| arg.ty()).collect();
    call.aggregate.start(&arg_types, &types::Settings::default()).finish()
}
