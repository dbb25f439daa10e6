//! Expressions.
//!
//! A native expression is used where DataFusion's has exactly the same meaning on our representation: comparisons,
//! boolean logic, tests for null, CASE, IN lists, LIKE with a plain pattern, conversions that cannot fail; and our own
//! kernels for arithmetic. All else becomes a [`BoundExprUdf`], which runs SQL's evaluator over the rows.
//!
//! **Order of evaluation.** DataFusion evaluates both sides of AND and OR, and its optimizer reorders and moves
//! conditions. That is harmless for terms that cannot fail. A term that can is only evaluated after the terms before it
//! let a row through: a conjunction of a filter becomes `CASE WHEN before THEN term ELSE false END`, and any other AND or
//! OR with such a term is left to SQL's evaluator as a whole.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::expr::{Case, InList, Like};
use datafusion::logical_expr::{Expr as DfExpr, Operator as DfOperator, binary_expr, cast, lit};
use datafusion::scalar::ScalarValue;
use sql::bound::{BoolTest, CallExpr, CaseExpr, CastExpr, Expr, walk};
use sql::exec::needs_only_row;
use types::cast::CastContext;
use types::resolve::{Coercion, resolve_operator};
use types::{Datum, Registry, SqlType, Volatility, oid};

use super::{Field, Lowered, Lowering, Refusal, Scope, Term};
use crate::kernel::{
    self, Arithmetic, BooleanByte, BoundExprUdf, CanonicalFloat, DecimalArithmetic, DecimalOperation, IntegerToDecimal,
    NumberKind, Operation, Rescale, Reshape, SortableKey, TrimBlanks,
};
use crate::repr::{Repr, Shape};

/// Expressions nested more deeply are refused: DataFusion recurses over them with large frames.
pub(super) const DEPTH_MAX: usize = 200;

impl Term {
    pub(super) fn sure(expr: DfExpr, shape: Shape) -> Term {
        Term { expr, shape, fallible: false }
    }

    fn boolean(expr: DfExpr, fallible: bool) -> Term {
        Term { expr, shape: Shape { ty: SqlType::BOOL, repr: Repr::Bool }, fallible }
    }
}

impl Lowering<'_> {
    /// Lowers an expression without subqueries.
    pub(super) fn expr(&mut self, expr: &Expr, scope: Scope<'_>) -> Lowered<Term> {
        if depth(expr) > DEPTH_MAX {
            return Err(Refusal::of("an expression nested too deeply"));
        }
        if expr.is_volatile() {
            return Err(Refusal::of("a volatile function"));
        }
        self.term(expr, scope)
    }

    fn term(&mut self, expr: &Expr, scope: Scope<'_>) -> Lowered<Term> {
        match self.native(expr, scope)? {
            Some(term) => Ok(term),
            None => self.evaluated(expr, scope),
        }
    }

    /// The native form of an expression, if it has one.
    fn native(&mut self, expr: &Expr, scope: Scope<'_>) -> Lowered<Option<Term>> {
        Ok(Some(match expr {
            Expr::Const { value, ty } => self.constant(value, *ty)?,
            Expr::Param { index, ty } => {
                let value = self.context.params.get(*index).cloned();
                self.constant(&value.ok_or_else(|| Refusal::of("a parameter without a value"))?, *ty)?
            }
            Expr::Column { index, .. } => {
                scope.fields.get(*index).ok_or_else(|| Refusal::of("a column outside of its row"))?.term()?
            }
            Expr::Outer { depth: 0, index, .. } => {
                let field = scope.outer.and_then(|outer| outer.get(*index));
                field.ok_or_else(|| Refusal::of("a correlated reference in an unsupported place"))?.term()?
            }
            Expr::Outer { .. } => return Err(Refusal::of("a reference across several queries")),
            Expr::Subquery(_) => return Err(Refusal::of("a subquery in an unsupported place")),
            Expr::Call(call) => return self.call(call, scope),
            Expr::Cast(cast) => return self.cast(cast, scope),
            Expr::And(terms) => return self.connective(terms, DfOperator::And, scope),
            Expr::Or(terms) => return self.connective(terms, DfOperator::Or, scope),
            Expr::Not(arg) => {
                let arg = self.term(arg, scope)?;
                Term::boolean(DfExpr::Not(Box::new(arg.expr)), arg.fallible)
            }
            Expr::IsNull { arg, negated } => {
                if arg.ty().oid == oid::RECORD || arg.ty().row().is_none() {
                    return Ok(None);
                }
                let arg = self.term(arg, scope)?;
                let test = if *negated { DfExpr::IsNotNull } else { DfExpr::IsNull };
                Term::boolean(test(Box::new(arg.expr)), arg.fallible)
            }
            Expr::IsBool { arg, test, negated } => {
                let arg = self.term(arg, scope)?;
                let test = match (test, negated) {
                    (BoolTest::True, false) => DfExpr::IsTrue,
                    (BoolTest::True, true) => DfExpr::IsNotTrue,
                    (BoolTest::False, false) => DfExpr::IsFalse,
                    (BoolTest::False, true) => DfExpr::IsNotFalse,
                    (BoolTest::Unknown, false) => DfExpr::IsUnknown,
                    (BoolTest::Unknown, true) => DfExpr::IsNotUnknown,
                };
                Term::boolean(test(Box::new(arg.expr)), arg.fallible)
            }
            Expr::IsDistinct { equal, negated } => {
                let operator = if *negated { DfOperator::IsNotDistinctFrom } else { DfOperator::IsDistinctFrom };
                return self.comparison(&equal.args, operator, scope);
            }
            Expr::Case(case) => return self.case(case, scope),
            Expr::InList { arg, list, operator, negated } if operator.name == "=" => {
                return self.in_list(arg, list, *negated, scope);
            }
            _ => return Ok(None),
        }))
    }

    /// Leaves an expression to SQL's evaluator.
    fn evaluated(&mut self, expr: &Expr, scope: Scope<'_>) -> Lowered<Term> {
        let mut fields: Vec<&Field> = Vec::new();
        let mut local = expr.clone();
        localize(&mut local, scope, &mut fields)?;
        if !needs_only_row(&local) {
            return Err(Refusal::of("an expression that columns do not support"));
        }
        let output = self.evaluated_shape(expr.ty());
        let fallible = !is_total(expr);
        let inputs = fields.iter().map(|field| field.shape).collect();
        let args = fields.iter().map(|field| field.expr()).collect();
        let function = BoundExprUdf::new(Arc::new(local), inputs, output, fallible, Arc::clone(self.context));
        Ok(Term { expr: kernel::call(function, args), shape: output, fallible })
    }

    /// The form of what SQL's evaluator returns. A modifier says what a column holds, not always what a function returns.
    fn evaluated_shape(&self, ty: SqlType) -> Shape {
        match Shape::of(ty, false) {
            Shape { repr: Repr::Padded, .. } => Shape { ty, repr: Repr::Text },
            shape => shape,
        }
    }

    pub(super) fn constant(&self, value: &Datum, ty: SqlType) -> Lowered<Term> {
        let mut shape = Shape::of_constant(value, ty, self.mode.decimals);
        if shape.repr == Repr::Padded {
            shape.repr = Repr::Text;
        }
        Ok(Term::sure(DfExpr::Literal(shape.scalar(value)?, None), shape))
    }

    fn call(&mut self, call: &CallExpr, scope: Scope<'_>) -> Lowered<Option<Term>> {
        let Some(operator) = call.operator else { return Ok(None) };
        let comparison = match operator.name {
            "=" => DfOperator::Eq,
            "<>" => DfOperator::NotEq,
            "<" => DfOperator::Lt,
            "<=" => DfOperator::LtEq,
            ">" => DfOperator::Gt,
            ">=" => DfOperator::GtEq,
            "+" | "-" | "*" | "/" | "%" if call.args.len() == 2 => return self.arithmetic(operator.name, call, scope),
            "~~" | "!~~" => return self.like(operator.name == "!~~", call, scope),
            _ => return Ok(None),
        };
        self.comparison(&call.args, comparison, scope)
    }

    /// `left op right` where `op` is one of DataFusion's comparisons, if both sides have a comparable form.
    fn comparison(&mut self, args: &[Expr], operator: DfOperator, scope: Scope<'_>) -> Lowered<Option<Term>> {
        let [left, right] = args else { return Ok(None) };
        let (left, right) = (self.term(left, scope)?, self.term(right, scope)?);
        let fallible = left.fallible || right.fallible;
        let Some((left, right)) = self.comparable(left, right)? else { return Ok(None) };
        Ok(Some(Term::boolean(binary_expr(left, operator, right), fallible)))
    }

    /// Brings two terms to one Arrow type whose order and equality are PostgreSQL's for their types.
    pub(super) fn comparable(&mut self, left: Term, right: Term) -> Lowered<Option<(DfExpr, DfExpr)>> {
        let (a, b) = (left.shape, right.shape);
        if a.ty.is_integer() && b.ty.is_integer() {
            let wide = wider_integer(a.repr, b.repr);
            return Ok(Some((widen(left, wide), widen(right, wide))));
        }
        if is_float(a.ty) && is_float(b.ty) {
            let double = a.repr == Repr::Float64 || b.repr == Repr::Float64;
            return Ok(Some((canonical_float(left, double), canonical_float(right, double))));
        }
        let is_text = |shape: Shape| matches!(shape.repr, Repr::Text | Repr::Padded);
        if is_text(a) && is_text(b) {
            return Ok(match (a.ty.oid == oid::BPCHAR, b.ty.oid == oid::BPCHAR) {
                (true, true) => Some((self.trimmed(left)?, self.trimmed(right)?)),
                (false, false) => Some((left.expr, right.expr)),
                _ => None,
            });
        }
        if a.ty.oid != b.ty.oid {
            return Ok(None);
        }
        Ok(match (a.repr, b.repr) {
            (Repr::Decimal { digits: d, scale: s }, Repr::Decimal { digits: e, scale: t }) => {
                let scale = s.max(t);
                match (Rescale::new(d, s, scale), Rescale::new(e, t, scale)) {
                    (Some(first), Some(second)) => Some((rescaled(left.expr, first), rescaled(right.expr, second))),
                    _ => Some((self.key(left)?, self.key(right)?)),
                }
            }
            (Repr::Opaque | Repr::Decimal { .. }, Repr::Opaque | Repr::Decimal { .. })
                if matches!(a.ty.oid, oid::NUMERIC | oid::INTERVAL) =>
            {
                Some((self.key(left)?, self.key(right)?))
            }
            (Repr::Opaque, _) | (_, Repr::Opaque) => None,
            (x, y) => (x == y).then_some((left.expr, right.expr)),
        })
    }

    /// A char without the blanks that do not count.
    fn trimmed(&self, term: Term) -> Lowered<DfExpr> {
        Ok(match term {
            Term { shape: Shape { repr: Repr::Padded, .. }, expr, .. } => expr,
            Term { expr: DfExpr::Literal(ScalarValue::Utf8View(text), _), .. } => {
                lit(ScalarValue::Utf8View(text.map(|text| text.trim_end_matches(' ').to_owned())))
            }
            Term { expr, .. } => kernel::call(TrimBlanks::new(), vec![expr]),
        })
    }

    /// An expression of Arrow's order and equality for any value: the value itself, if its form is canonical.
    pub(super) fn key(&mut self, term: Term) -> Lowered<DfExpr> {
        Ok(match term.shape.repr {
            _ if term.shape.is_canonical() && !matches!(term.shape.repr, Repr::Decimal { .. }) => term.expr,
            Repr::Float32 | Repr::Float64 => canonical_float(term.clone(), term.shape.repr == Repr::Float64),
            Repr::Text => self.trimmed(term)?,
            _ => kernel::call(SortableKey::new(term.shape), vec![term.expr]),
        })
    }

    /// As [`Self::key`], where all values compared are of this one expression: fixed-point numerics need no conversion.
    pub(super) fn own_key(&mut self, term: Term) -> Lowered<DfExpr> {
        if term.shape.is_canonical() { Ok(term.expr) } else { self.key(term) }
    }

    fn arithmetic(&mut self, operator: &str, call: &CallExpr, scope: Scope<'_>) -> Lowered<Option<Term>> {
        let [left, right] = call.args.as_slice() else { return Ok(None) };
        let operation = match operator {
            "+" => Operation::Add,
            "-" => Operation::Subtract,
            "*" => Operation::Multiply,
            "/" => Operation::Divide,
            _ => Operation::Remainder,
        };
        let (from, to) = (left.ty(), right.ty());
        let shape = self.shape_of(call.ty);
        let kind = match (shape.repr, shape.ty.oid) {
            (Repr::Int16, _) => NumberKind::Int16,
            (Repr::Int32, oid::INT4) => NumberKind::Int32,
            (Repr::Int64, oid::INT8) => NumberKind::Int64,
            (Repr::Float32, _) => NumberKind::Float32,
            (Repr::Float64, _) => NumberKind::Float64,
            (_, oid::NUMERIC) if from.oid == oid::NUMERIC && to.oid == oid::NUMERIC => {
                return self.decimal_arithmetic(operation, left, right, call, scope);
            }
            _ => return Ok(None),
        };
        let integers = shape.ty.is_integer() && from.is_integer() && to.is_integer();
        let floats = is_float(shape.ty) && is_float(from) && is_float(to) && operation != Operation::Remainder;
        if !integers && !floats {
            return Ok(None);
        }
        let left = widen(self.term(left, scope)?, shape.repr);
        let right = widen(self.term(right, scope)?, shape.repr);
        let expr = kernel::call(Arithmetic::new(operation, kind), vec![left, right]);
        Ok(Some(Term { expr, shape, fallible: true }))
    }

    fn decimal_arithmetic(
        &mut self,
        operation: Operation,
        left: &Expr,
        right: &Expr,
        call: &CallExpr,
        scope: Scope<'_>,
    ) -> Lowered<Option<Term>> {
        let operation = match operation {
            Operation::Add => DecimalOperation::Add,
            Operation::Subtract => DecimalOperation::Subtract,
            Operation::Multiply => DecimalOperation::Multiply,
            Operation::Divide | Operation::Remainder => return Ok(None),
        };
        let (left, right) = (self.term(left, scope)?, self.term(right, scope)?);
        let (Repr::Decimal { digits: d, scale: s }, Repr::Decimal { digits: e, scale: t }) =
            (left.shape.repr, right.shape.repr)
        else {
            return Ok(None);
        };
        let function = match DecimalArithmetic::new(operation, (d, s), (e, t)) {
            Some(function) if self.may_overflow() || !function.may_overflow() => function,
            _ => return Ok(None),
        };
        let (digits, scale) = function.result();
        let shape = Shape { ty: call.ty, repr: Repr::Decimal { digits, scale } };
        let expr = kernel::call(function, vec![left.expr, right.expr]);
        Ok(Some(Term { expr, shape, fallible: left.fallible || right.fallible }))
    }

    fn like(&mut self, negated: bool, call: &CallExpr, scope: Scope<'_>) -> Lowered<Option<Term>> {
        let [text, Expr::Const { value: Datum::Text(pattern), .. }] = call.args.as_slice() else { return Ok(None) };
        if pattern.contains('\\') || text.ty().oid == oid::BPCHAR || !text.ty().is_string() {
            return Ok(None);
        }
        let text = self.term(text, scope)?;
        if text.shape.repr != Repr::Text {
            return Ok(None);
        }
        let pattern = lit(ScalarValue::Utf8View(Some(pattern.as_str().to_owned())));
        let like = Like::new(negated, Box::new(text.expr), Box::new(pattern), None, false);
        Ok(Some(Term::boolean(DfExpr::Like(like), text.fallible)))
    }

    fn cast(&mut self, conversion: &CastExpr, scope: Scope<'_>) -> Lowered<Option<Term>> {
        let (from, to) = (conversion.arg.ty(), conversion.to);
        let plain = to.typmod == -1;
        if !plain && from != to {
            return Ok(None);
        }
        let text_like = |ty: SqlType| matches!(ty.oid, oid::TEXT | oid::VARCHAR);
        let wanted = self.shape_of(to);
        Ok(match conversion.coercion {
            Coercion::Relabel if from.oid == to.oid || text_like(from) && text_like(to) => {
                let arg = self.term(&conversion.arg, scope)?;
                // The length of a char(n) is what pads its values.
                let ty = if arg.shape.repr == Repr::Padded { arg.shape.ty } else { to };
                Some(Term { shape: Shape { ty, repr: arg.shape.repr }, ..arg })
            }
            Coercion::Cast(_) if from.is_integer() && to.is_integer() => {
                let arg = self.term(&conversion.arg, scope)?;
                (wider_integer(arg.shape.repr, wanted.repr) == wanted.repr).then(|| Term {
                    shape: wanted,
                    fallible: arg.fallible,
                    expr: widen(arg, wanted.repr),
                })
            }
            Coercion::Cast(_)
                if from.is_integer() && is_float(to) || from.oid == oid::FLOAT4 && to.oid == oid::FLOAT8 =>
            {
                let arg = self.term(&conversion.arg, scope)?;
                Some(Term { shape: wanted, fallible: arg.fallible, expr: widen(arg, wanted.repr) })
            }
            Coercion::Cast(_) if from.is_integer() && to.oid == oid::NUMERIC && self.mode.decimals => {
                let arg = self.term(&conversion.arg, scope)?;
                let digits = match arg.shape.repr {
                    Repr::Int16 => 5,
                    Repr::Int32 => 10,
                    _ => 19,
                };
                let shape = Shape { ty: to, repr: Repr::Decimal { digits, scale: 0 } };
                let expr = kernel::call(IntegerToDecimal::new(), vec![arg.expr]);
                Some(Term { expr, shape, fallible: arg.fallible })
            }
            // This conversion removes the padding, which our form does not have.
            Coercion::Cast(_) if from.oid == oid::BPCHAR && text_like(to) => {
                let arg = self.term(&conversion.arg, scope)?;
                let fallible = arg.fallible;
                Some(Term { shape: wanted, fallible, expr: self.trimmed(arg)? })
            }
            _ => None,
        })
    }

    fn connective(&mut self, terms: &[Expr], operator: DfOperator, scope: Scope<'_>) -> Lowered<Option<Term>> {
        let mut lowered = Vec::with_capacity(terms.len());
        for term in terms {
            lowered.push(self.term(term, scope)?);
        }
        if lowered.iter().skip(1).any(|term| term.fallible) {
            return Ok(None);
        }
        let fallible = lowered.iter().any(|term| term.fallible);
        let exprs = lowered.into_iter().map(|term| term.expr).collect();
        Ok(balanced(exprs, operator).map(|expr| Term::boolean(expr, fallible)))
    }

    fn in_list(&mut self, arg: &Expr, list: &[Expr], negated: bool, scope: Scope<'_>) -> Lowered<Option<Term>> {
        let arg = self.term(arg, scope)?;
        let mut fallible = arg.fallible;
        let mut exprs = Vec::with_capacity(list.len());
        let mut first = None;
        for item in list {
            let item = self.term(item, scope)?;
            fallible |= item.fallible;
            if item.fallible {
                return Ok(None);
            }
            let Some((left, right)) = self.comparable(arg.clone(), item)? else { return Ok(None) };
            // Every item must be comparable with the argument in the same form.
            if *first.get_or_insert_with(|| left.clone()) != left {
                return Ok(None);
            }
            exprs.push(right);
        }
        let Some(first) = first else { return Ok(None) };
        let expr = DfExpr::InList(InList::new(Box::new(first), exprs, negated));
        Ok(Some(Term::boolean(expr, fallible)))
    }

    fn case(&mut self, case: &CaseExpr, scope: Scope<'_>) -> Lowered<Option<Term>> {
        let mut arms = Vec::with_capacity(case.arms.len());
        for arm in &case.arms {
            let when = match &case.operand {
                None => self.term(&arm.when, scope)?,
                Some(operand @ (Expr::Column { .. } | Expr::Const { .. })) => {
                    let mut when = arm.when.clone();
                    substitute_operand(&mut when, operand);
                    self.term(&when, scope)?
                }
                Some(_) => return Ok(None),
            };
            arms.push((when, self.term(&arm.then, scope)?));
        }
        let otherwise = self.term(&case.otherwise, scope)?;
        let fallible = otherwise.fallible || arms.iter().any(|(when, then)| when.fallible || then.fallible);
        let is_null = |term: &Term| matches!(&term.expr, DfExpr::Literal(value, _) if value.is_null());
        let results = || arms.iter().map(|(_, then)| then).chain([&otherwise]);
        let Some(shape) = common_shape(case.ty, results().filter(|term| !is_null(term)).map(|term| term.shape)) else {
            return Ok(None);
        };
        let null = DfExpr::Literal(ScalarValue::try_from(&shape.arrow())?, None);
        let convert = |term: Term| match term {
            term if is_null(&term) => null.clone(),
            term if same_form(term.shape, shape) => term.expr,
            term => kernel::call(Reshape::new(term.shape, shape.repr), vec![term.expr]),
        };
        let arms = arms.into_iter().map(|(when, then)| (when.expr, convert(then))).collect();
        let otherwise = convert(otherwise);
        let expr =
            if shape.repr == Repr::Bool && fallible { guarded(arms, otherwise) } else { choice(arms, otherwise) };
        Ok(Some(Term { expr, shape, fallible }))
    }

    /// A condition for a filter: the conjunction, with terms that can fail evaluated only where the others hold.
    pub(super) fn conjunction(&mut self, terms: Vec<Term>) -> Option<DfExpr> {
        let (fallible, sure): (Vec<Term>, Vec<Term>) = terms.into_iter().partition(|term| term.fallible);
        let sure = balanced(sure.into_iter().map(|term| term.expr).collect(), DfOperator::And);
        let mut last: Option<DfExpr> = None;
        for term in fallible.into_iter().rev() {
            last = Some(match last {
                None => term.expr,
                Some(after) => guarded(vec![(term.expr, after)], lit(false)),
            });
        }
        match (sure, last) {
            (sure, None) => sure,
            (None, last) => last,
            (Some(sure), Some(last)) => {
                let last = guarded(vec![(sure.clone(), last)], lit(false));
                Some(binary_expr(sure, DfOperator::And, last))
            }
        }
    }
}

/// `left op right`, resolved as the binder does.
pub(super) fn operator_call(name: &str, left: Expr, right: Expr) -> Lowered<Expr> {
    let (from, to) = (left.ty(), right.ty());
    let resolved = resolve_operator(name, Some(from.oid), to.oid)?;
    let mut args = Vec::with_capacity(2);
    for (arg, wanted) in [left, right].into_iter().zip(&resolved.arg_types) {
        let ty = arg.ty();
        if ty.oid == *wanted {
            args.push(arg);
            continue;
        }
        let coercion = Registry::builtin().find_coercion(ty.oid, *wanted, CastContext::Implicit);
        let coercion = coercion.ok_or_else(|| Refusal::of("a condition without an operator"))?;
        args.push(Expr::Cast(Box::new(CastExpr {
            arg,
            coercion,
            to: SqlType::of(*wanted),
            explicit: false,
            shown: false,
        })));
    }
    let operator = resolved.operator;
    let call =
        CallExpr { function: operator.function, operator: Some(operator), args, ty: SqlType::of(resolved.result) };
    Ok(Expr::Call(Box::new(call)))
}

/// The deepest nesting of an expression, subqueries not included.
pub(super) fn depth(expr: &Expr) -> usize {
    let mut deepest = 0;
    walk::children(expr, &mut |child| deepest = deepest.max(depth(child)));
    deepest + 1
}

fn is_float(ty: SqlType) -> bool {
    matches!(ty.oid, oid::FLOAT4 | oid::FLOAT8)
}

fn wider_integer(left: Repr, right: Repr) -> Repr {
    match (left, right) {
        (Repr::Int64, _) | (_, Repr::Int64) => Repr::Int64,
        (Repr::Int32, _) | (_, Repr::Int32) => Repr::Int32,
        _ => Repr::Int16,
    }
}

/// Converts between numbers without loss of range.
fn widen(term: Term, to: Repr) -> DfExpr {
    if term.shape.repr == to { term.expr } else { cast(term.expr, to.arrow()) }
}

fn canonical_float(term: Term, double: bool) -> DfExpr {
    let target = if double { DataType::Float64 } else { DataType::Float32 };
    let expr = if term.shape.arrow() == target { term.expr } else { cast(term.expr, target) };
    kernel::call(CanonicalFloat::new(double), vec![expr])
}

fn rescaled(expr: DfExpr, rescale: Rescale) -> DfExpr {
    if rescale.is_identity() { expr } else { kernel::call(rescale, vec![expr]) }
}

/// A connective over many terms as a tree of small depth.
pub(super) fn balanced(mut exprs: Vec<DfExpr>, operator: DfOperator) -> Option<DfExpr> {
    match exprs.len() {
        0 => None,
        1 => exprs.pop(),
        count => {
            let right = exprs.split_off(count / 2);
            let (left, right) = (balanced(exprs, operator)?, balanced(right, operator)?);
            Some(binary_expr(left, operator, right))
        }
    }
}

fn choice(arms: Vec<(DfExpr, DfExpr)>, otherwise: DfExpr) -> DfExpr {
    let arms = arms.into_iter().map(|(when, then)| (Box::new(when), Box::new(then))).collect();
    DfExpr::Case(Case::new(None, arms, Some(Box::new(otherwise))))
}

/// A boolean CASE that stays a CASE.
fn guarded(arms: Vec<(DfExpr, DfExpr)>, otherwise: DfExpr) -> DfExpr {
    let byte = |expr| kernel::call(BooleanByte::new(true), vec![expr]);
    let arms = arms.into_iter().map(|(when, then)| (when, byte(then))).collect();
    kernel::call(BooleanByte::new(false), vec![choice(arms, byte(otherwise))])
}

/// The form in which all results of a CASE can be given; `None` if SQL's evaluator should decide.
fn common_shape(ty: SqlType, mut shapes: impl Iterator<Item = Shape>) -> Option<Shape> {
    let Some(mut common) = shapes.next() else { return Some(Shape::of(ty, false)) };
    for shape in shapes {
        common.repr = match (common.repr, shape.repr) {
            (Repr::Padded, Repr::Padded) if common.ty != shape.ty => Repr::Text,
            (Repr::Padded | Repr::Text, Repr::Padded | Repr::Text) if common.repr != shape.repr => Repr::Text,
            (Repr::Decimal { digits: d, scale: s }, Repr::Decimal { digits: e, scale: t }) if s == t => {
                Repr::Decimal { digits: d.max(e), scale: s }
            }
            (a, b) if a == b => a,
            _ if ty.oid == oid::NUMERIC => Repr::Opaque,
            _ => return None,
        };
    }
    let ty = if common.repr == Repr::Padded { common.ty } else { ty };
    Some(Shape { ty, repr: common.repr })
}

/// Whether values of one form can stand for those of the other.
pub(super) fn same_form(a: Shape, b: Shape) -> bool {
    a.arrow() == b.arrow()
        && (a.repr == Repr::Opaque) == (b.repr == Repr::Opaque)
        && (a.repr == Repr::Padded) == (b.repr == Repr::Padded)
}

fn substitute_operand(expr: &mut Expr, operand: &Expr) {
    match expr {
        Expr::CaseOperand { .. } => *expr = operand.clone(),
        // An inner CASE with an operand of its own hides this one.
        Expr::Case(case) if case.operand.is_some() => {}
        other => walk::children_mut(other, &mut |child| substitute_operand(child, operand)),
    }
}

/// Numbers the columns that an expression reads from 0, in `fields`.
fn localize<'a>(expr: &mut Expr, scope: Scope<'a>, fields: &mut Vec<&'a Field>) -> Lowered<()> {
    let (field, ty) = match expr {
        Expr::Column { index, ty } => (scope.fields.get(*index), *ty),
        Expr::Outer { depth: 0, index, ty } => (scope.outer.and_then(|outer| outer.get(*index)), *ty),
        Expr::Outer { .. } => return Err(Refusal::of("a reference across several queries")),
        Expr::Subquery(_) => return Err(Refusal::of("a subquery in an unsupported place")),
        other => {
            let mut result = Ok(());
            walk::children_mut(other, &mut |child| {
                if result.is_ok() {
                    result = localize(child, scope, fields);
                }
            });
            return result;
        }
    };
    let field = field.ok_or_else(|| Refusal::of("a column outside of its row"))?;
    field.term()?;
    let known = fields.iter().position(|known| known.column == field.column);
    let index = known.unwrap_or_else(|| {
        fields.push(field);
        fields.len() - 1
    });
    *expr = Expr::Column { index, ty };
    Ok(())
}

/// Functions that have a result for every argument.
const TOTAL_FUNCTIONS: &[&str] = &[
    "bpchareq",
    "bpcharne",
    "btrim",
    "char_length",
    "character_length",
    "like",
    "bpcharlike",
    "length",
    "lower",
    "ltrim",
    "notlike",
    "bpcharnlike",
    "octet_length",
    "rtrim",
    "strpos",
    "textcat",
    "textlike",
    "textnlike",
    "upper",
];

/// Whether an expression cannot fail, whatever its columns are.
fn is_total(expr: &Expr) -> bool {
    let node = match expr {
        Expr::Call(call) => match call.operator.map(|operator| operator.name) {
            Some("=" | "<>" | "<" | "<=" | ">" | ">=") => true,
            _ => {
                let function = call.function;
                function.volatility != Volatility::Volatile
                    && match function.name {
                        // A pattern may end with the escape character.
                        "like" | "notlike" | "textlike" | "textnlike" | "bpcharlike" | "bpcharnlike" => {
                            matches!(call.args.get(1), Some(Expr::Const { value: Datum::Text(pattern), .. }) if !pattern.contains('\\'))
                        }
                        // Only a negative length fails.
                        "substring" | "substr" => {
                            call.args.len() == 2 && call.args[1].ty().is_integer()
                                || matches!(call.args.get(2), Some(Expr::Const { value: Datum::Int4(0..), .. }))
                        }
                        // A known field of a date or timestamp.
                        "date_part" | "extract" => {
                            matches!(call.args.first(), Some(Expr::Const { value: Datum::Text(field), .. })
                                if matches!(field.as_str(), "year" | "month" | "day" | "quarter" | "dow" | "doy"))
                                && call.args.get(1).is_some_and(|arg| {
                                    matches!(arg.ty().oid, oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ)
                                })
                        }
                        name => TOTAL_FUNCTIONS.contains(&name),
                    }
            }
        },
        Expr::Cast(cast) => {
            matches!(cast.coercion, Coercion::Relabel) && cast.to.typmod == -1
                || cast.arg.ty().oid == oid::BPCHAR && matches!(cast.to, SqlType::TEXT | SqlType::VARCHAR)
        }
        Expr::AnyAll { .. } | Expr::Array { .. } | Expr::Subscript { .. } => false,
        _ => true,
    };
    if !node {
        return false;
    }
    let mut total = true;
    walk::children(expr, &mut |child| total = total && is_total(child));
    total
}
