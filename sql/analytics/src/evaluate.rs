//! Evaluation of bound expressions over rows of datums, for what has no columnar form.
//!
//! The functions, operators and conversions are those of `types`: each has one definition. This is only the walk over the
//! tree, without what can wait or see more than its row: [`is_supported`] says which expressions it takes, and plans with
//! others are refused. The row executor's evaluator is the model; a test holds the two equal.

use std::cmp::Ordering;

use sql::bound::{BoolTest, CallExpr, CaseExpr, CastExpr, Expr, MinMax, walk};
use sql::exec::ExecContext;
use types::cast::coerce_typmod;
use types::operator::Operator;
use types::resolve::Coercion;
use types::{Call, Datum, Error, Result, SqlType, oid, text_io};

/// Whether every part of an expression can be evaluated here.
pub(crate) fn is_supported(expr: &Expr) -> bool {
    let node = match expr {
        Expr::Call(call) => !call.function.returns_set,
        Expr::Cast(cast) => !matches!(cast.coercion, Coercion::Elements),
        Expr::Outer { .. }
        | Expr::Subquery(_)
        | Expr::Array { .. }
        | Expr::Subscript { .. }
        | Expr::Row { .. }
        | Expr::RowCompare(_) => false,
        _ => true,
    };
    if !node {
        return false;
    }
    let mut supported = true;
    walk::children(expr, &mut |child| supported = supported && is_supported(child));
    supported
}

/// The value of a supported expression over a row.
///
/// # Errors
/// What its functions return; an internal error for an expression that is not supported.
pub(crate) fn evaluate(expr: &Expr, context: &ExecContext, row: &[Datum]) -> Result<Datum> {
    Env { context, row, operand: None }.value(expr)
}

/// What an expression can see.
#[derive(Clone, Copy)]
struct Env<'a> {
    context: &'a ExecContext,
    row: &'a [Datum],
    /// The operand of the innermost CASE that has one.
    operand: Option<&'a Datum>,
}

fn is_true(value: &Datum) -> bool {
    matches!(value, Datum::Bool(true))
}

impl Env<'_> {
    fn value(&self, expr: &Expr) -> Result<Datum> {
        Ok(match expr {
            Expr::Const { value, .. } => value.clone(),
            Expr::Column { index, .. } => {
                self.row.get(*index).cloned().ok_or_else(|| Error::internal("a column outside of its row"))?
            }
            Expr::Param { index, .. } => self
                .context
                .params
                .get(*index)
                .cloned()
                .ok_or_else(|| Error::internal("a parameter without a value"))?,
            Expr::Call(call) => self.call(call)?,
            Expr::Cast(cast) => self.cast(cast)?,
            Expr::And(terms) => self.connective(terms, false)?,
            Expr::Or(terms) => self.connective(terms, true)?,
            Expr::Not(arg) => match self.value(arg)? {
                Datum::Bool(value) => Datum::Bool(!value),
                other => other,
            },
            Expr::IsNull { arg, negated } => Datum::Bool(match (self.value(arg)?, negated) {
                (Datum::Record(fields), false) => fields.iter().all(Datum::is_null),
                (Datum::Record(fields), true) => fields.iter().all(|field| !field.is_null()),
                (value, negated) => value.is_null() != *negated,
            }),
            Expr::IsBool { arg, test, negated } => {
                let value = self.value(arg)?;
                let is = match test {
                    BoolTest::True => is_true(&value),
                    BoolTest::False => matches!(value, Datum::Bool(false)),
                    BoolTest::Unknown => value.is_null(),
                };
                Datum::Bool(is != *negated)
            }
            Expr::IsDistinct { equal, negated } => {
                let (left, right) = (self.value(&equal.args[0])?, self.value(&equal.args[1])?);
                let distinct = match (left.is_null(), right.is_null()) {
                    (true, true) => false,
                    (false, false) => !is_true(&self.apply(equal, &[left, right])?),
                    _ => true,
                };
                Datum::Bool(distinct != *negated)
            }
            Expr::Case(case) => self.case(case)?,
            Expr::CaseOperand { .. } => self.operand.cloned().unwrap_or(Datum::Null),
            Expr::Coalesce { args, .. } => {
                for arg in args {
                    let value = self.value(arg)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Datum::Null
            }
            Expr::NullIf { arg, equal } => {
                let value = self.value(arg)?;
                if is_true(&self.call(equal)?) { Datum::Null } else { value }
            }
            Expr::MinMax { which, args, .. } => {
                let wanted = if *which == MinMax::Greatest { Ordering::Greater } else { Ordering::Less };
                let mut best = Datum::Null;
                for arg in args {
                    let value = self.value(arg)?;
                    if !value.is_null() && (best.is_null() || value.compare(&best) == wanted) {
                        best = value;
                    }
                }
                best
            }
            Expr::InList { arg, list, operator, negated } => self.in_list(arg, list, operator, *negated)?,
            Expr::AnyAll { left, array, operator, all } => self.any_all(left, array, operator, *all)?,
            Expr::Outer { .. }
            | Expr::Subquery(_)
            | Expr::Array { .. }
            | Expr::Subscript { .. }
            | Expr::Row { .. }
            | Expr::RowCompare(_) => return Err(Error::internal("an expression that columns do not support")),
        })
    }

    /// AND (decided by false) or OR (decided by true), left to right.
    fn connective(&self, terms: &[Expr], decisive: bool) -> Result<Datum> {
        let mut null = false;
        for term in terms {
            match self.value(term)? {
                Datum::Bool(value) if value == decisive => return Ok(Datum::Bool(decisive)),
                Datum::Bool(_) => {}
                _ => null = true,
            }
        }
        Ok(if null { Datum::Null } else { Datum::Bool(!decisive) })
    }

    fn call(&self, call: &CallExpr) -> Result<Datum> {
        let args = call.args.iter().map(|arg| self.value(arg)).collect::<Result<Vec<_>>>()?;
        self.apply(call, &args)
    }

    fn apply(&self, call: &CallExpr, args: &[Datum]) -> Result<Datum> {
        let types: Vec<SqlType> = call.args.iter().map(Expr::ty).collect();
        call.function.call(&mut Call::new(args, &types, call.ty, &self.context.settings))
    }

    fn compare(&self, operator: &Operator, left: Datum, right: Datum) -> Result<Datum> {
        let types = [SqlType::of(operator.left.unwrap_or(operator.right)), SqlType::of(operator.right)];
        operator.function.call(&mut Call::new(&[left, right], &types, SqlType::BOOL, &self.context.settings))
    }

    fn cast(&self, cast: &CastExpr) -> Result<Datum> {
        let value = self.value(&cast.arg)?;
        if value.is_null() {
            return Ok(value);
        }
        let (from, settings) = (cast.arg.ty(), &self.context.settings);
        let converted = match cast.coercion {
            Coercion::Relabel => value,
            Coercion::Cast(row) => (row.eval)(&mut Call::new(&[value], &[from], cast.to, settings))?,
            Coercion::Text => {
                let mut text = Vec::new();
                text_io::write_text(&value, from, settings, &mut text);
                let text = String::from_utf8(text).map_err(|_| Error::internal("a value's text form is not UTF-8"))?;
                if cast.to.is_string() && cast.to.oid != oid::NAME {
                    Datum::Text(text.into())
                } else {
                    text_io::parse(&text, SqlType::of(cast.to.oid), settings)?
                }
            }
            Coercion::Elements => return Err(Error::internal("an expression that columns do not support")),
        };
        if cast.to.typmod == -1 { Ok(converted) } else { coerce_typmod(converted, cast.to, cast.explicit) }
    }

    fn case(&self, case: &CaseExpr) -> Result<Datum> {
        let operand = case.operand.as_ref().map(|operand| self.value(operand)).transpose()?;
        let inner = Env { operand: operand.as_ref().or(self.operand), ..*self };
        for arm in &case.arms {
            if is_true(&inner.value(&arm.when)?) {
                return self.value(&arm.then);
            }
        }
        self.value(&case.otherwise)
    }

    fn in_list(&self, arg: &Expr, list: &[Expr], operator: &Operator, negated: bool) -> Result<Datum> {
        let left = self.value(arg)?;
        if left.is_null() {
            return Ok(Datum::Null);
        }
        let mut null = false;
        for item in list {
            let right = self.value(item)?;
            if right.is_null() {
                null = true;
            } else if is_true(&self.compare(operator, left.clone(), right)?) {
                return Ok(Datum::Bool(!negated));
            }
        }
        Ok(if null { Datum::Null } else { Datum::Bool(negated) })
    }

    fn any_all(&self, left: &Expr, array: &Expr, operator: &Operator, all: bool) -> Result<Datum> {
        let left = self.value(left)?;
        let Datum::Array(array) = self.value(array)? else { return Ok(Datum::Null) };
        let mut null = false;
        for element in &array.elements {
            match self.compare(operator, left.clone(), element.clone())? {
                Datum::Bool(value) if value != all => return Ok(Datum::Bool(!all)),
                Datum::Bool(_) => {}
                _ => null = true,
            }
        }
        Ok(if null { Datum::Null } else { Datum::Bool(all) })
    }
}
