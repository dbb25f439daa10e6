//! Evaluation of expressions over one row.
//!
//! [`eval`] is synchronous and allocates only what the values themselves need. What it cannot do without waiting (run a
//! subquery, sleep, draw from a sequence whose reserve is used up) it asks for: it stops with a [`Need`], the caller
//! satisfies that with [`Need::satisfy`], remembers the answer in a [`Memo`] and evaluates the expression again from the
//! start, as the tree code does with a page that is missing. [`evaluate`] is that loop. Expressions are free of effects
//! but for volatile functions, whose values the memo keeps, too: none is called twice for one row.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::sync::Arc;

use futures::future::BoxFuture;
use smallvec::SmallVec;
use types::aggregate::array_of_arrays;
use types::cast::coerce_typmod;
use types::operator::Operator;
use types::resolve::Coercion;
use types::row::check_made;
use types::{ArrayValue, Call, Datum, Error, Function, Result, SqlState, SqlType, Volatility};

use super::context::ExecContext;
use super::frames::{Frames, Row};
use super::waits;
use crate::bound::{
    BoolTest, CallExpr, CaseExpr, CastExpr, Expr, MinMax, RowCompare, Subquery, SubqueryKind, Subscript, walk,
};

/// Answers to needs, and the values of volatile calls, by the address of the expression. Lives as long as one evaluation.
#[derive(Default)]
pub(crate) struct Memo(RefCell<SmallVec<[(usize, Datum); 2]>>);

impl Memo {
    fn find(&self, key: usize) -> Option<Datum> {
        self.0.borrow().iter().find(|(of, _)| *of == key).map(|(_, value)| value.clone())
    }

    fn note(&self, key: usize, value: Datum) {
        self.0.borrow_mut().push((key, value));
    }
}

/// Why an evaluation stopped.
pub(crate) enum Stop<'e> {
    Error(Error),
    Need(Box<Need<'e>>),
}

impl From<Error> for Stop<'_> {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

/// Something to wait for.
pub(crate) enum Need<'e> {
    Subquery(&'e Subquery),
    /// A function that waits, with its arguments.
    Call {
        call: &'e CallExpr,
        args: Vec<Datum>,
    },
}

type Step<'e, T> = std::result::Result<T, Stop<'e>>;

/// What an expression can see.
#[derive(Clone, Copy)]
pub(crate) struct Env<'a> {
    pub context: &'a ExecContext,
    pub row: &'a [Datum],
    pub frames: &'a Frames,
    memo: Option<&'a Memo>,
    case_operand: Option<&'a Datum>,
}

impl<'a> Env<'a> {
    pub fn new(context: &'a ExecContext, row: &'a [Datum], frames: &'a Frames) -> Env<'a> {
        Env { context, row, frames, memo: None, case_operand: None }
    }

    /// With what an evaluation that is begun again must find as it was.
    pub fn with_memo(self, memo: &'a Memo) -> Env<'a> {
        Env { memo: Some(memo), ..self }
    }

    fn known(&self, key: usize) -> Option<Datum> {
        self.memo?.find(key)
    }

    fn note(&self, key: usize, value: &Datum) {
        if let Some(memo) = self.memo {
            memo.note(key, value.clone());
        }
    }
}

impl Need<'_> {
    fn key(&self) -> usize {
        match self {
            Need::Subquery(subquery) => address(*subquery),
            Need::Call { call, .. } => address(*call),
        }
    }

    /// Waits for what is needed and returns the value of the expression that asked.
    ///
    /// Boxed: a subquery evaluates expressions in turn.
    pub fn satisfy<'a>(
        &'a self,
        context: &'a Arc<ExecContext>,
        row: &'a [Datum],
        frames: &'a Frames,
    ) -> BoxFuture<'a, Result<Datum>> {
        match self {
            Need::Subquery(subquery) => Box::pin(super::subquery::value(subquery, context, row, frames)),
            Need::Call { call, args } => Box::pin(waits::call(call.function, args, context)),
        }
    }
}

fn address<T>(of: &T) -> usize {
    std::ptr::from_ref(of).addr()
}

/// Evaluates to the end, waiting where it must.
pub(crate) async fn evaluate(expr: &Expr, context: &Arc<ExecContext>, row: &[Datum], frames: &Frames) -> Result<Datum> {
    let memo = Memo::default();
    let tried = eval(expr, &Env::new(context, row, frames).with_memo(&memo));
    match tried {
        Ok(value) => Ok(value),
        Err(Stop::Error(error)) => Err(error),
        Err(Stop::Need(need)) => resume(expr, need, memo, context, row, frames).await,
    }
}

/// Goes on with an evaluation that stopped for a need, to the end. The memo is the one with which it was begun.
pub(crate) async fn resume<'e>(
    expr: &'e Expr,
    mut need: Box<Need<'e>>,
    memo: Memo,
    context: &Arc<ExecContext>,
    row: &[Datum],
    frames: &Frames,
) -> Result<Datum> {
    loop {
        let answer = need.satisfy(context, row, frames).await?;
        memo.note(need.key(), answer);
        let tried = eval(expr, &Env::new(context, row, frames).with_memo(&memo));
        need = match tried {
            Ok(value) => return Ok(value),
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Need(next)) => next,
        };
    }
}

/// Whether [`evaluate_row`] can evaluate an expression: it reads no enclosing row, waits for nothing and is no set.
pub fn needs_only_row(expr: &Expr) -> bool {
    let node = match expr {
        Expr::Call(call) => !call.function.returns_set && !waits::may_wait(call.function),
        Expr::Outer { .. } | Expr::Subquery(_) => false,
        _ => true,
    };
    let mut all = node;
    walk::children(expr, &mut |child| all = all && needs_only_row(child));
    all
}

/// The value of an expression over a row, for executors other than the row executor.
///
/// # Errors
/// What its functions return; an internal error for an expression that [`needs_only_row`] does not allow.
pub fn evaluate_row(expr: &Expr, context: &ExecContext, row: &[Datum]) -> Result<Datum> {
    match eval(expr, &Env::new(context, row, &Frames::none())) {
        Ok(value) => Ok(value),
        Err(Stop::Error(error)) => Err(error),
        Err(Stop::Need(_)) => Err(Error::internal("an expression that needs more than its row")),
    }
}

/// Whether a predicate is true (false and null are not).
pub(crate) async fn holds(expr: &Expr, context: &Arc<ExecContext>, row: &[Datum], frames: &Frames) -> Result<bool> {
    Ok(matches!(evaluate(expr, context, row, frames).await?, Datum::Bool(true)))
}

/// Evaluates as far as it goes without waiting.
pub(crate) fn eval<'e>(expr: &'e Expr, env: &Env<'_>) -> Step<'e, Datum> {
    Ok(match expr {
        Expr::Const { value, .. } => value.clone(),
        Expr::Column { index, .. } => env.row[*index].clone(),
        Expr::Outer { depth, index, .. } => env.frames.get(*depth, *index)?.clone(),
        Expr::Param { index, .. } => env.context.param(*index)?.clone(),
        Expr::Call(call) => return eval_call(call, env),
        Expr::Cast(cast) => {
            let value = eval(&cast.arg, env)?;
            apply_cast(cast, value, env.context)?
        }
        Expr::And(terms) => {
            let mut null = false;
            for term in terms {
                match eval(term, env)? {
                    Datum::Bool(true) => {}
                    Datum::Null => null = true,
                    _ => return Ok(Datum::Bool(false)),
                }
            }
            if null { Datum::Null } else { Datum::Bool(true) }
        }
        Expr::Or(terms) => {
            let mut null = false;
            for term in terms {
                match eval(term, env)? {
                    Datum::Bool(false) => {}
                    Datum::Null => null = true,
                    _ => return Ok(Datum::Bool(true)),
                }
            }
            if null { Datum::Null } else { Datum::Bool(false) }
        }
        Expr::Not(arg) => match eval(arg, env)? {
            Datum::Bool(value) => Datum::Bool(!value),
            other => other,
        },
        Expr::IsNull { arg, negated } => {
            let value = eval(arg, env)?;
            Datum::Bool(match (&value, negated) {
                (Datum::Record(fields), false) => fields.iter().all(Datum::is_null),
                (Datum::Record(fields), true) => fields.iter().all(|field| !field.is_null()),
                (value, negated) => value.is_null() != *negated,
            })
        }
        Expr::IsBool { arg, test, negated } => {
            let value = eval(arg, env)?;
            let is = match test {
                BoolTest::True => matches!(value, Datum::Bool(true)),
                BoolTest::False => matches!(value, Datum::Bool(false)),
                BoolTest::Unknown => value.is_null(),
            };
            Datum::Bool(is != *negated)
        }
        Expr::IsDistinct { equal, negated } => {
            let left = eval(&equal.args[0], env)?;
            let right = eval(&equal.args[1], env)?;
            let distinct = match (left.is_null(), right.is_null()) {
                (true, true) => false,
                (true, false) | (false, true) => true,
                (false, false) => {
                    !is_true(&apply(equal.function, &[left, right], &types_of(&equal.args), equal.ty, env)?)
                }
            };
            Datum::Bool(distinct != *negated)
        }
        Expr::Case(case) => return eval_case(case, env),
        Expr::CaseOperand { .. } => env.case_operand.cloned().unwrap_or(Datum::Null),
        Expr::Coalesce { args, .. } => {
            for arg in args {
                let value = eval(arg, env)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            Datum::Null
        }
        Expr::NullIf { arg, equal } => {
            let value = eval(arg, env)?;
            let inner = Env { case_operand: Some(&value), ..*env };
            if is_true(&eval_call(equal, &inner)?) { Datum::Null } else { value }
        }
        Expr::MinMax { which, args, .. } => {
            let mut best = Datum::Null;
            let wanted = if *which == MinMax::Greatest { Ordering::Greater } else { Ordering::Less };
            for arg in args {
                let value = eval(arg, env)?;
                if !value.is_null() && (best.is_null() || value.compare(&best) == wanted) {
                    best = value;
                }
            }
            best
        }
        Expr::InList { arg, list, operator, negated } => {
            let left = eval(arg, env)?;
            if left.is_null() {
                return Ok(Datum::Null);
            }
            let mut null = false;
            for item in list {
                let right = eval(item, env)?;
                if right.is_null() {
                    null = true;
                } else if is_true(&compare(operator, left.clone(), right, env)?) {
                    return Ok(Datum::Bool(!negated));
                }
            }
            if null { Datum::Null } else { Datum::Bool(*negated) }
        }
        Expr::AnyAll { left, array, operator, all } => {
            let left = eval(left, env)?;
            match eval(array, env)? {
                Datum::Array(array) => any_all(&left, &array, operator, *all, env)?,
                _ => Datum::Null,
            }
        }
        Expr::Array { elements, ty, nested } => {
            let values = elements.iter().map(|element| eval(element, env)).collect::<Step<'e, Vec<Datum>>>()?;
            make_array(values, *ty, *nested)?
        }
        Expr::Subscript { array, subscripts, ty } => return eval_subscript(array, subscripts, *ty, env),
        Expr::Row { fields, optional, .. } => {
            let value = |field: &'e Expr| eval(field, env).map(|value| value.into_field(field.ty()));
            let values = fields.iter().map(value).collect::<Step<'e, Vec<Datum>>>()?;
            if *optional && values.iter().all(Datum::is_null) {
                return Ok(Datum::Null);
            }
            let row = Datum::Record(values.into());
            check_made(&row)?;
            row
        }
        Expr::RowCompare(rows) => return eval_row_compare(rows, env),
        Expr::Subquery(subquery) => match env.known(address(&**subquery)) {
            Some(answer) => answer,
            None => return Err(Stop::Need(Box::new(Need::Subquery(subquery)))),
        },
    })
}

fn is_true(value: &Datum) -> bool {
    matches!(value, Datum::Bool(true))
}

type Types = SmallVec<[SqlType; 4]>;

pub(crate) fn types_of(args: &[Expr]) -> Types {
    args.iter().map(Expr::ty).collect()
}

fn apply(function: &Function, args: &[Datum], arg_types: &[SqlType], result: SqlType, env: &Env<'_>) -> Result<Datum> {
    function.call(&mut Call::new(args, arg_types, result, &env.context.settings))
}

fn compare(operator: &Operator, left: Datum, right: Datum, env: &Env<'_>) -> Result<Datum> {
    let left_type = SqlType::of(operator.left.unwrap_or(operator.right));
    apply(operator.function, &[left, right], &[left_type, SqlType::of(operator.right)], SqlType::BOOL, env)
}

fn eval_call<'e>(call: &'e CallExpr, env: &Env<'_>) -> Step<'e, Datum> {
    let volatile = call.function.volatility == Volatility::Volatile;
    // Called again it would give another value.
    if volatile && let Some(value) = env.known(address(call)) {
        return Ok(value);
    }
    let mut args: SmallVec<[Datum; 4]> = SmallVec::new();
    for arg in &call.args {
        args.push(eval(arg, env)?);
    }
    let value = if waits::may_wait(call.function) && !(call.function.strict && args.iter().any(Datum::is_null)) {
        match waits::at_once(call.function, &args, env.context)? {
            Some(value) => value,
            None => return Err(Stop::Need(Box::new(Need::Call { call, args: args.into_vec() }))),
        }
    } else {
        apply(call.function, &args, &types_of(&call.args), call.ty, env)?
    };
    check_made(&value)?;
    if volatile {
        env.note(address(call), &value);
    }
    Ok(value)
}

fn eval_case<'e>(case: &'e CaseExpr, env: &Env<'_>) -> Step<'e, Datum> {
    let operand = match &case.operand {
        Some(operand) => Some(eval(operand, env)?),
        None => None,
    };
    for arm in &case.arms {
        let mut inner = *env;
        if operand.is_some() {
            inner.case_operand = operand.as_ref();
        }
        if is_true(&eval(&arm.when, &inner)?) {
            return eval(&arm.then, env);
        }
    }
    eval(&case.otherwise, env)
}

/// Converts a value as a cast says: by the coercion, then to the length or precision.
pub(crate) fn apply_cast(cast: &CastExpr, value: Datum, context: &ExecContext) -> Result<Datum> {
    if value.is_null() {
        return Ok(value);
    }
    let converted = coerce(value, cast.arg.ty(), cast.to, cast.coercion, context)?;
    if cast.to.typmod == -1 { Ok(converted) } else { coerce_typmod(converted, cast.to, cast.explicit) }
}

fn coerce(value: Datum, from: SqlType, to: SqlType, coercion: Coercion, context: &ExecContext) -> Result<Datum> {
    match coercion {
        Coercion::Relabel => Ok(value),
        Coercion::Cast(cast) => (cast.eval)(&mut Call::new(&[value], &[from], to, &context.settings)),
        Coercion::Text => {
            let text = types::text_io::as_text(&value, from, &context.settings)?;
            if to.is_string() && to.oid != types::oid::NAME {
                return Ok(Datum::Text(text.into()));
            }
            types::text_io::parse(&text, SqlType::of(to.oid), &context.settings)
        }
        Coercion::Elements => {
            let Datum::Array(array) = &value else { return Ok(value) };
            let (Some(from), Some(to)) = (from.element(), to.element()) else { return Ok(value) };
            let inner = context
                .registry()
                .find_coercion(from.oid, to.oid, types::cast::CastContext::Explicit)
                .ok_or_else(|| Error::internal("an array cast without an element cast"))?;
            let mut elements = Vec::with_capacity(array.elements.len());
            for element in &array.elements {
                elements.push(match element {
                    Datum::Null => Datum::Null,
                    element => coerce(element.clone(), from, to, inner, context)?,
                });
            }
            let (dims, lower_bounds) = (array.dims.clone(), array.lower_bounds.clone());
            Ok(Datum::Array(Arc::new(ArrayValue { element: to.oid, dims, lower_bounds, elements })))
        }
    }
}

fn any_all(left: &Datum, array: &ArrayValue, operator: &Operator, all: bool, env: &Env<'_>) -> Result<Datum> {
    let mut null = false;
    for element in &array.elements {
        match compare(operator, left.clone(), element.clone(), env)? {
            Datum::Bool(value) if value != all => return Ok(Datum::Bool(!all)),
            Datum::Bool(_) => {}
            _ => null = true,
        }
    }
    Ok(if null { Datum::Null } else { Datum::Bool(all) })
}

/// An array of elements, or of the elements of arrays.
///
/// # Errors
/// 2202E for arrays that do not fit together; as [`check_made`].
fn make_array(values: Vec<Datum>, ty: SqlType, nested: bool) -> Result<Datum> {
    let array = array_of(values, ty, nested)?;
    check_made(&array)?;
    Ok(array)
}

fn array_of(values: Vec<Datum>, ty: SqlType, nested: bool) -> Result<Datum> {
    let element = ty.element().map_or(types::oid::TEXT, |element| element.oid);
    if !nested {
        return Ok(Datum::array(element, values));
    }
    let mismatch = || {
        let state = SqlState::ARRAY_SUBSCRIPT_ERROR;
        Error::new(state, "multidimensional arrays must have array expressions with matching dimensions")
    };
    let mut inner: Option<Arc<ArrayValue>> = None;
    let mut elements = Vec::new();
    let count = values.len() as i32;
    for value in values {
        let Datum::Array(array) = value else { return Err(mismatch()) };
        match &inner {
            None => inner = Some(array.clone()),
            Some(first) if first.dims == array.dims => {}
            Some(_) => return Err(mismatch()),
        }
        elements.extend(array.elements.iter().cloned());
    }
    match inner {
        Some(first) if !first.dims.is_empty() => {
            let mut dims = vec![count];
            dims.extend(&first.dims);
            let mut lower_bounds = vec![1];
            lower_bounds.extend(&first.lower_bounds);
            Ok(Datum::Array(Arc::new(ArrayValue { element, dims, lower_bounds, elements })))
        }
        _ => Ok(Datum::array(element, Vec::new())),
    }
}

fn eval_subscript<'e>(array: &'e Expr, subscripts: &'e [Subscript], ty: SqlType, env: &Env<'_>) -> Step<'e, Datum> {
    let value = eval(array, env)?;
    let index = |expr: &'e Expr| -> Step<'e, Option<i32>> {
        Ok(eval(expr, env)?.as_i64().map(|subscript| subscript.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32))
    };
    let sliced = subscripts.iter().any(|subscript| matches!(subscript, Subscript::Slice(..)));
    if !sliced {
        let mut at: SmallVec<[i32; 4]> = SmallVec::new();
        for subscript in subscripts {
            let Subscript::Index(expr) = subscript else { unreachable!("no slice among the subscripts") };
            match index(expr)? {
                Some(subscript) => at.push(subscript),
                None => return Ok(Datum::Null),
            }
        }
        return Ok(match &value {
            Datum::Array(array) => array.get(&at).cloned().unwrap_or(Datum::Null),
            _ => Datum::Null,
        });
    }
    let Datum::Array(array) = &value else { return Ok(Datum::Null) };
    let mut bounds = Vec::with_capacity(array.dims.len());
    for (dimension, subscript) in subscripts.iter().enumerate() {
        let Some(&length) = array.dims.get(dimension) else { break };
        let first = array.lower_bounds[dimension];
        let last = first + length - 1;
        let (from, to) = match subscript {
            // A plain subscript among slices means 1 up to it.
            Subscript::Index(expr) => (Some(1), index(expr)?),
            Subscript::Slice(from, to) => (
                match from {
                    Some(expr) => index(expr)?,
                    None => Some(first),
                },
                match to {
                    Some(expr) => index(expr)?,
                    None => Some(last),
                },
            ),
        };
        let (Some(from), Some(to)) = (from, to) else { return Ok(Datum::Null) };
        bounds.push((from.max(first), to.min(last)));
    }
    while bounds.len() < array.dims.len() {
        let dimension = bounds.len();
        bounds.push((array.lower_bounds[dimension], array.lower_bounds[dimension] + array.dims[dimension] - 1));
    }
    let element = ty.element().map_or(array.element, |element| element.oid);
    if bounds.is_empty() || subscripts.len() > array.dims.len() || bounds.iter().any(|(from, to)| from > to) {
        return Ok(Datum::array(element, Vec::new()));
    }
    let dims: Vec<i32> = bounds.iter().map(|(from, to)| to - from + 1).collect();
    let mut at: Vec<i32> = bounds.iter().map(|(from, _)| *from).collect();
    let mut elements = Vec::new();
    'all: loop {
        elements.push(array.get(&at).cloned().unwrap_or(Datum::Null));
        for dimension in (0..at.len()).rev() {
            if at[dimension] < bounds[dimension].1 {
                at[dimension] += 1;
                continue 'all;
            }
            at[dimension] = bounds[dimension].0;
        }
        break;
    }
    let lower_bounds = vec![1; dims.len()];
    Ok(Datum::Array(Arc::new(ArrayValue { element, dims, lower_bounds, elements })))
}

fn eval_row_compare<'e>(rows: &'e RowCompare, env: &Env<'_>) -> Step<'e, Datum> {
    let last = rows.left.len() - 1;
    let (less_wins, equal_wins) = match rows.operator {
        "<" => (true, false),
        "<=" => (true, true),
        ">" => (false, false),
        _ => (false, true),
    };
    for i in 0..=last {
        let left = eval(&rows.left[i], env)?;
        let right = eval(&rows.right[i], env)?;
        if left.is_null() || right.is_null() {
            return Ok(Datum::Null);
        }
        if !is_true(&compare(rows.equal[i], left.clone(), right.clone(), env)?) {
            let less = is_true(&compare(rows.less[i], left, right, env)?);
            return Ok(Datum::Bool(less == less_wins));
        }
    }
    Ok(Datum::Bool(equal_wins))
}

/// The quantified comparison of a left side with the rows of a subquery, once the rows are known.
pub(crate) async fn quantified(
    test: &Expr,
    all: bool,
    rows: &[Row],
    context: &Arc<ExecContext>,
    frames: &Frames,
) -> Result<Datum> {
    let mut null = false;
    for row in rows {
        context.check()?;
        match evaluate(test, context, row, frames).await? {
            Datum::Bool(value) if value != all => return Ok(Datum::Bool(!all)),
            Datum::Bool(_) => {}
            _ => null = true,
        }
    }
    Ok(if null { Datum::Null } else { Datum::Bool(all) })
}

/// What the rows of a subquery make, for the kinds that need no test.
pub(crate) fn collect_subquery(subquery: &Subquery, rows: &[Row]) -> Result<Datum> {
    let ty = subquery.ty;
    match &subquery.kind {
        SubqueryKind::Exists => Ok(Datum::Bool(!rows.is_empty())),
        SubqueryKind::Scalar => {
            let value = single_row(rows)?.and_then(|row| row.first());
            Ok(value.cloned().unwrap_or(Datum::Null))
        }
        // Arrays have no array type of their own: they go into one of their type.
        SubqueryKind::Array if subquery.plan.types().first().is_some_and(|column| column.oid == ty.oid) => {
            let element = ty.element().map_or(types::oid::TEXT, |element| element.oid);
            let array = array_of_arrays(rows.iter().map(|row| &row[0]), element)?;
            check_made(&array)?;
            Ok(array)
        }
        SubqueryKind::Array => {
            let nested = matches!(rows.first().and_then(|row| row.first()), Some(Datum::Array(_)));
            make_array(rows.iter().map(|row| row[0].clone()).collect(), ty, nested)
        }
        SubqueryKind::Any { .. } | SubqueryKind::Row { .. } => Err(Error::internal("a comparison without its test")),
    }
}

/// The only row of a subquery, if there is one.
///
/// # Errors
/// 21000 there are several.
pub(crate) fn single_row(rows: &[Row]) -> Result<Option<&Row>> {
    match rows {
        [] => Ok(None),
        [row] => Ok(Some(row)),
        _ => Err(Error::new(
            SqlState::CARDINALITY_VIOLATION,
            "more than one row returned by a subquery used as an expression",
        )),
    }
}
