//! Expressions.

use std::sync::Arc;

use types::cast::CastContext;
use types::operator::Operator;
use types::{Datum, Error, Result, SqlState, SqlType, oid};

use super::aggregate::refuse_set;
use super::scope::Scope;
use super::select::has_order;
use super::{Binder, Clause};
use crate::bound::{
    BoolTest, CallExpr, CaseArm, CaseExpr, Expr, MinMax, RowCompare, Subquery, SubqueryKind, Subscript, walk,
};
use crate::parse::ast::{self, ExprKind, LikeKind, SessionValue};

/// Types and those that PostgreSQL compares each of them with as it is, if it has to convert these.
const COMPARED_AS_THEY_ARE: [(&[u32], &[u32]); 4] = [
    (&[oid::INT2, oid::INT4, oid::INT8], &[oid::INT2, oid::INT4, oid::INT8]),
    (&[oid::FLOAT4], &[oid::INT2, oid::INT4, oid::INT8, oid::NUMERIC, oid::FLOAT4, oid::FLOAT8]),
    (&[oid::FLOAT8], &[oid::FLOAT4]),
    (&[oid::DATE, oid::TIMESTAMP, oid::TIMESTAMPTZ], &[oid::DATE, oid::TIMESTAMP, oid::TIMESTAMPTZ]),
];

impl Binder<'_> {
    pub fn expr(&mut self, expr: &ast::Expr) -> Result<Expr> {
        match &expr.kind {
            ExprKind::Binary { .. } => self.binary_chain(expr),
            kind => self.expr_kind(kind, expr.pos),
        }
    }

    pub fn exprs(&mut self, exprs: &[ast::Expr]) -> Result<Vec<Expr>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    /// The fields of a row, where a star stands for columns.
    fn expanded(&mut self, fields: &[ast::Expr]) -> Result<Vec<Expr>> {
        let mut bound = Vec::with_capacity(fields.len());
        for field in fields {
            match self.starred(field)? {
                Some(columns) => bound.extend(columns.into_iter().map(|column| column.expr)),
                None => bound.push(self.expr(field)?),
            }
        }
        Ok(bound)
    }

    /// Each with its place.
    fn placed(&mut self, exprs: &[ast::Expr]) -> Result<Vec<(Expr, u32)>> {
        exprs.iter().map(|expr| Ok((self.expr(expr)?, expr.pos))).collect()
    }

    /// A chain `a + b + c` leans to the left and can be long: it is bound from its innermost pair outwards, in a loop.
    fn binary_chain(&mut self, expr: &ast::Expr) -> Result<Expr> {
        let mut spine = Vec::new();
        let mut innermost = expr;
        while let ExprKind::Binary { op, left, right } = &innermost.kind {
            spine.push((op, left, right));
            innermost = left;
        }
        let mut done: Option<Expr> = None;
        while let Some((op, left, right)) = spine.pop() {
            let first = left;
            done = Some(match (&left.kind, &right.kind, done.take()) {
                (ExprKind::Row(a), ExprKind::Row(b), None) => self.row_comparison(op, a, b)?,
                (ExprKind::Row(a), ExprKind::Subquery(query), None) => {
                    self.compared_query(op, a, query, |test| SubqueryKind::Row { test })?
                }
                (_, _, bound) => {
                    let left = match bound {
                        Some(bound) => bound,
                        None => self.expr_kind(&left.kind, left.pos)?,
                    };
                    let places = [first.pos, right.pos];
                    let right = self.expr(right)?;
                    self.operator_at(op, Some(left), right, places)?
                }
            });
        }
        done.ok_or_else(|| Error::internal("a binary expression without operator"))
    }

    fn expr_kind(&mut self, kind: &ExprKind, pos: u32) -> Result<Expr> {
        match kind {
            ExprKind::Column(parts) => self.column(parts, pos),
            ExprKind::Star(qualifier) => self.whole_row(qualifier, pos),
            ExprKind::Param(number) => self.param(*number, pos),
            ExprKind::Null => Ok(Expr::null(SqlType::UNKNOWN)),
            ExprKind::Bool(value) => Ok(Expr::bool(*value)),
            ExprKind::Integer(digits) => self.number(digits, pos),
            ExprKind::Decimal(digits) => self.decimal(digits, pos),
            ExprKind::String(text) => Ok(Expr::constant(Datum::text(text), SqlType::UNKNOWN)),
            ExprKind::Cast { arg, ty } => self.cast(arg, ty, pos),
            ExprKind::Unary { op, arg } => self.unary(op, arg, pos),
            ExprKind::Binary { .. } => Err(Error::internal("a chain of operators is bound elsewhere")),
            ExprKind::And(terms) => self.conditions(terms, "AND").map(Expr::And),
            ExprKind::Or(terms) => self.conditions(terms, "OR").map(Expr::Or),
            ExprKind::Not(arg) => {
                let bound = self.expr(arg)?;
                Ok(Expr::Not(Box::new(self.condition(bound, "NOT", arg.pos)?)))
            }
            ExprKind::IsNull { arg, negated } => {
                let arg = self.expr(arg)?;
                let arg = self.known(arg)?;
                Ok(Expr::IsNull { arg: Box::new(arg), negated: *negated })
            }
            ExprKind::IsBool { arg, test, negated } => {
                let (test, word) = match test {
                    Some(true) => (BoolTest::True, "TRUE"),
                    Some(false) => (BoolTest::False, "FALSE"),
                    None => (BoolTest::Unknown, "UNKNOWN"),
                };
                let what = format!("IS {}{word}", if *negated { "NOT " } else { "" });
                let bound = self.expr(arg)?;
                let bound = self.condition(bound, &what, arg.pos)?;
                Ok(Expr::IsBool { arg: Box::new(bound), test, negated: *negated })
            }
            ExprKind::IsDistinct { left, right, negated } => self.is_distinct(left, right, *negated, pos),
            ExprKind::Between { arg, low, high, negated, symmetric } => {
                self.between(arg, low, high, *negated, *symmetric, pos)
            }
            ExprKind::In { arg, list, negated } => self.in_list(arg, list, *negated, pos),
            ExprKind::InQuery { arg, query, negated } => {
                let op = ast::Operator { schema: None, name: "=".into(), pos };
                let any = self.any_query(&op, arg, query, false)?;
                Ok(if *negated { Expr::Not(Box::new(any)) } else { any })
            }
            ExprKind::Like { arg, pattern, escape, negated, kind } => {
                self.like(arg, pattern, escape.as_deref(), *negated, *kind, pos)
            }
            ExprKind::AnyAll { op, left, array, all } => self.any_all(op, left, array, *all, pos),
            ExprKind::AnyAllQuery { op, left, query, all } => self.any_query(op, left, query, *all),
            ExprKind::Function(call) => self.function(call, pos),
            ExprKind::Case { operand, arms, otherwise } => self.case(operand.as_deref(), arms, otherwise.as_deref()),
            ExprKind::Coalesce(args) => {
                let args = self.placed(args)?;
                args.iter().try_for_each(|arg| refuse_set(arg, "COALESCE"))?;
                let (args, ty) = self.unify(args, "COALESCE")?;
                Ok(Expr::Coalesce { args, ty })
            }
            ExprKind::NullIf(left, right) => self.null_if(left, right, pos),
            ExprKind::MinMax { greatest, args } => {
                let args = self.placed(args)?;
                let (which, what) = if *greatest { (MinMax::Greatest, "GREATEST") } else { (MinMax::Least, "LEAST") };
                let (args, ty) = self.unify(args, what)?;
                if !has_order(ty) {
                    let message = format!("could not identify a comparison function for type {ty}");
                    return Err(Error::new(SqlState::UNDEFINED_FUNCTION, message));
                }
                Ok(Expr::MinMax { which, args, ty })
            }
            ExprKind::Array(elements) => self.array(elements, pos),
            ExprKind::ArrayQuery(query) => self.subquery(query, |_, plan, columns| {
                let array = columns[0].array().or(columns[0].element().and(Some(columns[0])));
                let ty = array.ok_or_else(|| {
                    let message = format!("could not find array type for data type {}", columns[0]);
                    Error::new(SqlState::UNDEFINED_OBJECT, message).at(pos + 1)
                })?;
                let ty = SqlType::of(ty.oid);
                Ok((SubqueryKind::Array, plan, ty))
            }),
            ExprKind::Subscript { base, subscripts } => self.subscript(base, subscripts),
            ExprKind::Field { base, name } => self.field(base, name, pos),
            ExprKind::FieldStar(_) => {
                Err(Error::new(SqlState::SYNTAX_ERROR, "row expansion via \"*\" is not supported here").at(pos + 1))
            }
            ExprKind::Row(fields) => {
                let bound = self.expanded(fields)?;
                let bound = bound.into_iter().map(|field| self.known(field)).collect::<Result<Vec<_>>>()?;
                let names = (1..=bound.len()).map(|at| Arc::from(format!("f{at}"))).collect();
                Ok(Expr::Row { fields: bound, names, optional: false, ty: SqlType::RECORD })
            }
            ExprKind::Exists(query) => {
                let (plan, correlated) = self.subquery_plan(query)?;
                let plan = Arc::new(plan);
                Ok(Expr::Subquery(Box::new(Subquery {
                    kind: SubqueryKind::Exists,
                    plan,
                    ty: SqlType::BOOL,
                    correlated,
                })))
            }
            ExprKind::Subquery(query) => {
                self.subquery(query, |_, plan, columns| Ok((SubqueryKind::Scalar, plan, columns[0])))
            }
            ExprKind::Collate { arg, collation } => self.collate(arg, collation, pos),
            ExprKind::Session(value) => self.session_value(*value, pos),
            ExprKind::Grouping(args) => self.grouping(args, pos),
            ExprKind::Default => {
                Err(Error::new(SqlState::SYNTAX_ERROR, "DEFAULT is not allowed in this context").at(pos + 1))
            }
            ExprKind::CurrentOf(_) => Err(Error::unsupported("WHERE CURRENT OF").at(pos + 1)),
        }
    }

    fn param(&mut self, number: u32, pos: u32) -> Result<Expr> {
        let missing =
            || Error::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter ${number}")).at(pos + 1);
        if number == 0
            || number > 65_535
            || self.view_depth > 0
            || matches!(self.clause, Clause::Check | Clause::Default | Clause::Predicate)
        {
            return Err(missing());
        }
        let index = number as usize - 1;
        if index >= self.params.len() {
            self.params.resize(index + 1, None);
        }
        Ok(Expr::Param { index, ty: self.params[index].unwrap_or(SqlType::UNKNOWN) })
    }

    /// The type of an integer literal is the first of int4, int8 and numeric that holds it.
    fn number(&mut self, digits: &str, pos: u32) -> Result<Expr> {
        if let Ok(value) = digits.parse::<i32>() {
            return Ok(Expr::constant(Datum::Int4(value), SqlType::INT4));
        }
        if let Ok(value) = digits.parse::<i64>() {
            return Ok(Expr::constant(Datum::Int8(value), SqlType::INT8));
        }
        self.decimal(digits, pos)
    }

    fn decimal(&mut self, digits: &str, pos: u32) -> Result<Expr> {
        let value =
            types::text_io::parse(digits, SqlType::NUMERIC, self.settings).map_err(|error| error.at(pos + 1))?;
        Ok(Expr::constant(value, SqlType::NUMERIC))
    }

    fn cast(&mut self, arg: &ast::Expr, ty: &ast::TypeName, pos: u32) -> Result<Expr> {
        let to = self.type_name(ty)?;
        if let (ExprKind::Array(elements), Some(element)) = (&arg.kind, to.element()) {
            return self.array_of(elements, to, element);
        }
        let bound = self.expr(arg)?;
        let place = if bound.ty().oid == oid::UNKNOWN { arg.pos } else { pos };
        self.coerce(bound, to, CastContext::Explicit, place)
    }

    fn unary(&mut self, op: &ast::Operator, arg: &ast::Expr, pos: u32) -> Result<Expr> {
        // A negative literal is a constant: -2147483648 is an int4.
        if op.name == "-" && op.schema.is_none() {
            match &arg.kind {
                ExprKind::Integer(digits) => return self.number(&format!("-{digits}"), pos),
                ExprKind::Decimal(digits) => return self.decimal(&format!("-{digits}"), pos),
                _ => {}
            }
        }
        let place = arg.pos;
        let arg = self.expr(arg)?;
        self.operator_at(op, None, arg, [place; 2])
    }

    /// A call of the operator that these operands choose.
    ///
    /// # Errors
    /// 42883 there is none, 42725 there are several.
    pub fn operator(&mut self, op: &ast::Operator, left: Option<Expr>, right: Expr) -> Result<Expr> {
        self.operator_at(op, left, right, [op.pos; 2])
    }

    /// As [`Binder::operator`], with the places of the operands, where literals that cannot be read are reported.
    fn operator_at(&mut self, op: &ast::Operator, left: Option<Expr>, right: Expr, places: [u32; 2]) -> Result<Expr> {
        let (operator, args, ty) = self.operands_at(op, left, right, places)?;
        Ok(Expr::Call(Box::new(CallExpr { function: operator.function, operator: Some(operator), args, ty })))
    }

    fn operands(
        &mut self,
        op: &ast::Operator,
        left: Option<Expr>,
        right: Expr,
    ) -> Result<(&'static Operator, Vec<Expr>, SqlType)> {
        self.operands_at(op, left, right, [op.pos; 2])
    }

    fn operands_at(
        &mut self,
        op: &ast::Operator,
        left: Option<Expr>,
        right: Expr,
        [left_pos, right_pos]: [u32; 2],
    ) -> Result<(&'static Operator, Vec<Expr>, SqlType)> {
        if let Some(schema) = &op.schema
            && schema != "pg_catalog"
        {
            let shown = format!("{schema}.{}", op.name);
            let message = format!("operator does not exist: {shown}");
            return Err(Error::new(SqlState::UNDEFINED_FUNCTION, message).at(op.pos + 1));
        }
        let left_type = left.as_ref().map(|expr| expr.ty().oid);
        let resolved = self
            .registry
            .resolve_operator(&op.name, left_type, right.ty().oid)
            .map_err(|error| error.at(op.pos + 1))?;
        let wanted = &resolved.arg_types;
        let args = left
            .map(|left| (left, left_pos))
            .into_iter()
            .chain([(right, right_pos)])
            .zip(wanted)
            .map(|((arg, place), &to)| self.coerce(arg, SqlType::of(to), CastContext::Implicit, place))
            .collect::<Result<Vec<_>>>()?;
        Ok((resolved.operator, args, SqlType::of(resolved.result)))
    }

    /// As [`Binder::operator`], for one that the binder itself needs.
    fn plain_operator(&mut self, name: &str, left: Expr, right: Expr, pos: u32) -> Result<Expr> {
        self.operator(&ast::Operator { schema: None, name: name.to_owned(), pos }, Some(left), right)
    }

    fn conditions(&mut self, terms: &[ast::Expr], what: &str) -> Result<Vec<Expr>> {
        terms
            .iter()
            .map(|term| {
                let bound = self.expr(term)?;
                self.condition(bound, what, term.pos)
            })
            .collect()
    }

    /// The call of `=` over two expressions.
    fn equality(&mut self, left: Expr, right: Expr, pos: u32) -> Result<Box<CallExpr>> {
        match self.plain_operator("=", left, right, pos)? {
            Expr::Call(call) => Ok(call),
            _ => Err(Error::internal("an operator is a call")),
        }
    }

    fn is_distinct(&mut self, left: &ast::Expr, right: &ast::Expr, negated: bool, pos: u32) -> Result<Expr> {
        if let (ExprKind::Row(a), ExprKind::Row(b)) = (&left.kind, &right.kind)
            && a.len() == b.len()
        {
            let mut terms = Vec::with_capacity(a.len());
            for (a, b) in a.iter().zip(b) {
                terms.push(self.is_distinct(a, b, negated, pos)?);
            }
            return Ok(if negated { Expr::And(terms) } else { Expr::Or(terms) });
        }
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        // NULL IS DISTINCT FROM x is a test for null.
        let null = |expr: &Expr| matches!(expr, Expr::Const { value: Datum::Null, .. });
        if null(&left) != null(&right) {
            let arg = self.known(if null(&left) { right } else { left })?;
            return Ok(Expr::IsNull { arg: Box::new(arg), negated: !negated });
        }
        let equal = self.equality(left, right, pos)?;
        Ok(Expr::IsDistinct { equal, negated })
    }

    fn between(
        &mut self,
        arg: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        negated: bool,
        symmetric: bool,
        pos: u32,
    ) -> Result<Expr> {
        let mut range = |low: &ast::Expr, high: &ast::Expr| -> Result<Expr> {
            let (first, second) = if negated { ("<", ">") } else { (">=", "<=") };
            let terms = [(first, low), (second, high)]
                .into_iter()
                .map(|(name, bound)| {
                    let (arg, bound) = (self.expr(arg)?, self.expr(bound)?);
                    self.plain_operator(name, arg, bound, pos)
                })
                .collect::<Result<Vec<_>>>()?;
            Ok(if negated { Expr::Or(terms) } else { Expr::And(terms) })
        };
        let forward = range(low, high)?;
        if !symmetric {
            return Ok(forward);
        }
        let backward = range(high, low)?;
        Ok(if negated { Expr::And(vec![forward, backward]) } else { Expr::Or(vec![forward, backward]) })
    }

    fn in_list(&mut self, arg: &ast::Expr, list: &[ast::Expr], negated: bool, pos: u32) -> Result<Expr> {
        if let ExprKind::Row(fields) = &arg.kind {
            let op = ast::Operator { schema: None, name: "=".into(), pos };
            let mut terms = Vec::with_capacity(list.len());
            for item in list {
                let ExprKind::Row(others) = &item.kind else {
                    return Err(Error::new(SqlState::UNDEFINED_FUNCTION, "operator does not exist: record = unknown")
                        .at(pos + 1));
                };
                terms.push(self.row_comparison(&op, fields, others)?);
            }
            let any = if terms.len() == 1 { terms.remove(0) } else { Expr::Or(terms) };
            return Ok(if negated { Expr::Not(Box::new(any)) } else { any });
        }
        let left = self.expr(arg)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            items.push((self.expr(item)?, item.pos));
        }
        // With one type for all, one operator serves the whole list; otherwise each item is compared by itself.
        let types: Vec<SqlType> = std::iter::once(left.ty()).chain(items.iter().map(|(item, _)| item.ty())).collect();
        let common = self.common_type(&types, "IN").ok().filter(|ty| ty.oid != oid::UNKNOWN);
        let Some(common) = common else {
            let mut terms = Vec::with_capacity(items.len());
            for (item, _) in items {
                terms.push(self.plain_operator(if negated { "<>" } else { "=" }, left.clone(), item, pos)?);
            }
            if terms.len() == 1 {
                return Ok(terms.remove(0));
            }
            return Ok(if negated { Expr::And(terms) } else { Expr::Or(terms) });
        };
        // Items stay narrower than the left side where an operator exists for the pair: a key column is not converted.
        let wanted = if left.ty().is_integer() && common.is_integer() { left.ty().oid } else { common.oid };
        let fits = items.iter().all(|(item, _)| match item {
            Expr::Const { value, .. } => value.as_i64().is_none_or(|value| fits_integer(value, wanted)),
            _ => item.ty().oid == wanted || item.ty().oid == oid::UNKNOWN,
        });
        let target = SqlType::of(if fits { wanted } else { common.oid });
        let left = self.coerce(left, target, CastContext::Implicit, arg.pos)?;
        let mut list = Vec::with_capacity(items.len());
        for (item, place) in items {
            list.push(match item {
                Expr::Const { ref value, .. } if fits && value.as_i64().is_some() && target.is_integer() => {
                    narrowed(value.as_i64().unwrap_or(0), target)
                }
                item => self.coerce(item, target, CastContext::Implicit, place)?,
            });
        }
        let op = ast::Operator { schema: None, name: "=".into(), pos };
        let (operator, mut args, _) = self.operands(&op, Some(left), Expr::null(target))?;
        args.truncate(1);
        let arg = args.remove(0);
        // text = is what varchar compares by: the items get the operator's type too.
        let right = SqlType::of(operator.right);
        let list = list
            .into_iter()
            .map(|item| if right.is_pseudo() { Ok(item) } else { self.coerce(item, right, CastContext::Implicit, pos) })
            .collect::<Result<Vec<_>>>()?;
        Ok(Expr::InList { arg: Box::new(arg), list, operator, negated })
    }

    fn like(
        &mut self,
        arg: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
        negated: bool,
        kind: LikeKind,
        pos: u32,
    ) -> Result<Expr> {
        let left = self.expr(arg)?;
        let mut right = self.expr(pattern)?;
        let name = match (kind, negated) {
            (LikeKind::Like, false) => "~~",
            (LikeKind::Like, true) => "!~~",
            (LikeKind::ILike, false) => "~~*",
            (LikeKind::ILike, true) => "!~~*",
            (LikeKind::Similar, false) => "~",
            (LikeKind::Similar, true) => "!~",
        };
        if kind == LikeKind::Similar || escape.is_some() {
            let mut args = vec![right];
            if let Some(escape) = escape {
                args.push(self.expr(escape)?);
            }
            let function = if kind == LikeKind::Similar { "similar_to_escape" } else { "like_escape" };
            right = self.call_named(function, args, pos)?;
        }
        self.plain_operator(name, left, right, pos)
    }

    fn any_all(
        &mut self,
        op: &ast::Operator,
        left: &ast::Expr,
        array: &ast::Expr,
        all: bool,
        pos: u32,
    ) -> Result<Expr> {
        let left = self.expr(left)?;
        let array_expr = self.expr(array)?;
        let array_type = array_expr.ty();
        let element = if array_type.oid == oid::UNKNOWN {
            // An untyped literal or parameter is an array of the left side's type.
            if left.ty().oid == oid::UNKNOWN { SqlType::TEXT } else { SqlType::of(left.ty().oid) }
        } else {
            array_type.element().map(|ty| SqlType::of(ty.oid)).ok_or_else(|| {
                Error::new(SqlState::WRONG_OBJECT_TYPE, "op ANY/ALL (array) requires array on right side").at(pos + 1)
            })?
        };
        let (operator, mut args, ty) = self.operands(op, Some(left), Expr::null(element))?;
        if ty.oid != oid::BOOL {
            return Err(Error::new(
                SqlState::WRONG_OBJECT_TYPE,
                "op ANY/ALL (array) requires operator to yield boolean",
            )
            .at(pos + 1));
        }
        args.truncate(1);
        let left = Box::new(args.remove(0));
        let right = SqlType::of(operator.right);
        let wanted = if right.is_pseudo() { element.array() } else { right.array() };
        let array = match wanted {
            Some(wanted) if array_type.oid != wanted.oid => {
                self.coerce(array_expr, SqlType::of(wanted.oid), CastContext::Implicit, array.pos)?
            }
            _ => array_expr,
        };
        Ok(Expr::AnyAll { left, array: Box::new(array), operator, all })
    }

    /// `left op ANY (query)`; the left side may be a row.
    fn any_query(&mut self, op: &ast::Operator, left: &ast::Expr, query: &ast::Query, all: bool) -> Result<Expr> {
        let left: &[ast::Expr] = match &left.kind {
            ExprKind::Row(fields) => fields,
            _ => std::slice::from_ref(left),
        };
        self.compared_query(op, left, query, |test| SubqueryKind::Any { test, all })
    }

    /// A row compared with those of a subquery.
    fn compared_query(
        &mut self,
        op: &ast::Operator,
        left: &[ast::Expr],
        query: &ast::Query,
        kind: impl FnOnce(Box<Expr>) -> SubqueryKind,
    ) -> Result<Expr> {
        let mut left = self.exprs(left)?;
        let (plan, correlated) = self.subquery_plan(query)?;
        let types = plan.types();
        if types.len() != left.len() {
            let few = if types.len() < left.len() { "few" } else { "many" };
            return Err(Error::new(SqlState::SYNTAX_ERROR, format!("subquery has too {few} columns")).at(op.pos + 1));
        }
        // The left side is evaluated over the row outside: seen from the test, a frame away.
        left.iter_mut().for_each(|value| super::scope::outward(value, 0));
        let right = types.iter().enumerate().map(|(at, ty)| Expr::column(at, *ty)).collect();
        let test = Box::new(self.compare_rows(op, left, right)?);
        Ok(Expr::Subquery(Box::new(Subquery { kind: kind(test), plan: Arc::new(plan), ty: SqlType::BOOL, correlated })))
    }

    fn row_comparison(&mut self, op: &ast::Operator, left: &[ast::Expr], right: &[ast::Expr]) -> Result<Expr> {
        let (left, right) = (self.expanded(left)?, self.expanded(right)?);
        if left.len() != right.len() {
            return Err(
                Error::new(SqlState::SYNTAX_ERROR, "unequal number of entries in row expressions").at(op.pos + 1)
            );
        }
        self.compare_rows(op, left, right)
    }

    /// Compares rows of equal length. If they have one field, any operator will do that yields a boolean.
    fn compare_rows(&mut self, op: &ast::Operator, left: Vec<Expr>, right: Vec<Expr>) -> Result<Expr> {
        if left.is_empty() {
            return Err(
                Error::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot compare rows of zero length").at(op.pos + 1)
            );
        }
        let ordering = ["<", "<=", ">", ">="].into_iter().find(|known| *known == op.name);
        let Some(operator) = ordering.filter(|_| left.len() > 1) else {
            let mut terms = Vec::with_capacity(left.len());
            for (a, b) in left.into_iter().zip(right) {
                let term = self.operator(op, Some(a), b)?;
                if term.ty().oid != oid::BOOL {
                    let message = format!("row comparison operator must yield type boolean, not type {}", term.ty());
                    return Err(Error::new(SqlState::DATATYPE_MISMATCH, message).at(op.pos + 1));
                }
                terms.push(term);
            }
            return match (op.name.as_str(), terms.len()) {
                (_, 1) => Ok(terms.remove(0)),
                ("=", _) => Ok(Expr::And(terms)),
                ("<>", _) => Ok(Expr::Or(terms)),
                (other, _) => {
                    let message = format!("could not determine interpretation of row comparison operator {other}");
                    Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                        .hint("Row comparison operators must be associated with btree operator families.")
                        .at(op.pos + 1))
                }
            };
        };
        let mut compare =
            RowCompare { operator, left: Vec::new(), right: Vec::new(), less: Vec::new(), equal: Vec::new() };
        for (a, b) in left.into_iter().zip(right) {
            let less = ast::Operator { schema: None, name: "<".into(), pos: op.pos };
            let (less, mut args, _) = self.operands(&less, Some(a), b)?;
            let (Some(b), Some(a)) = (args.pop(), args.pop()) else {
                return Err(Error::internal("a comparison has two operands"));
            };
            let equal = self.registry.resolve_operator("=", Some(a.ty().oid), b.ty().oid)?;
            compare.less.push(less);
            compare.equal.push(equal.operator);
            compare.left.push(a);
            compare.right.push(b);
        }
        Ok(Expr::RowCompare(Box::new(compare)))
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        arms: &[(ast::Expr, ast::Expr)],
        otherwise: Option<&ast::Expr>,
    ) -> Result<Expr> {
        let operand = match operand {
            Some(operand) => {
                let bound = (self.expr(operand)?, operand.pos);
                refuse_set(&bound, "CASE")?;
                Some(self.known(bound.0)?)
            }
            None => None,
        };
        let mut whens = Vec::with_capacity(arms.len());
        // PostgreSQL asks the ELSE branch for its type first.
        let mut results = Vec::with_capacity(arms.len() + 1);
        for (when, then) in arms {
            let condition = (self.expr(when)?, when.pos);
            refuse_set(&condition, "CASE")?;
            whens.push(match &operand {
                Some(operand) => {
                    let test = Expr::CaseOperand { ty: operand.ty() };
                    self.plain_operator("=", test, condition.0, when.pos)?
                }
                None => self.condition(condition.0, "CASE/WHEN", when.pos)?,
            });
            results.push((self.expr(then)?, then.pos));
        }
        match otherwise {
            Some(otherwise) => results.insert(0, (self.expr(otherwise)?, otherwise.pos)),
            None => results.insert(0, (Expr::null(SqlType::UNKNOWN), 0)),
        }
        results.iter().try_for_each(|result| refuse_set(result, "CASE"))?;
        let (mut results, ty) = self.unify(results, "CASE")?;
        let otherwise = results.remove(0);
        let arms = whens.into_iter().zip(results).map(|(when, then)| CaseArm { when, then }).collect();
        Ok(Expr::Case(Box::new(CaseExpr { operand, arms, otherwise, ty })))
    }

    fn null_if(&mut self, left: &ast::Expr, right: &ast::Expr, pos: u32) -> Result<Expr> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        // Here both may be converted first: the result is not.
        let (own, other) = (left.ty(), right.ty().oid);
        if COMPARED_AS_THEY_ARE.iter().any(|(types, others)| types.contains(&own.oid) && others.contains(&other)) {
            let equal = self.equality(Expr::CaseOperand { ty: own }, right, pos)?;
            return Ok(Expr::NullIf { arg: Box::new(left), equal });
        }
        // The result is the first argument as it is compared.
        let left =
            if own.oid == oid::VARCHAR { self.coerce(left, SqlType::TEXT, CastContext::Implicit, pos)? } else { left };
        let mut equal = self.equality(left, right, pos)?;
        let operand = Expr::CaseOperand { ty: equal.args[0].ty() };
        let arg = std::mem::replace(&mut equal.args[0], operand);
        Ok(Expr::NullIf { arg: Box::new(arg), equal })
    }

    fn array(&mut self, elements: &[ast::Expr], pos: u32) -> Result<Expr> {
        if elements.is_empty() {
            return Err(Error::new(SqlState::INDETERMINATE_DATATYPE, "cannot determine type of empty array")
                .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[].")
                .at(pos + 1));
        }
        let nested = elements.iter().all(|element| matches!(element.kind, ExprKind::Array(_)));
        let elements = self.placed(elements)?;
        let (elements, ty) = self.unify(elements, "ARRAY")?;
        let nested = nested || ty.is_array();
        let array = if nested { Some(SqlType::of(ty.oid)) } else { SqlType::of(ty.oid).array() };
        let ty = array.ok_or_else(|| {
            let message = format!("could not find array type for data type {ty}");
            Error::new(SqlState::UNDEFINED_OBJECT, message).at(pos + 1)
        })?;
        Ok(Expr::Array { elements, ty, nested })
    }

    /// An array constructor that is cast to an array type: its elements are converted, so that untyped ones are read as
    /// what is asked for, and there may be none.
    fn array_of(&mut self, elements: &[ast::Expr], to: SqlType, element: SqlType) -> Result<Expr> {
        let mut bound = Vec::with_capacity(elements.len());
        for item in elements {
            bound.push(match &item.kind {
                ExprKind::Array(inner) => self.array_of(inner, to, element)?,
                _ => self.expr(item)?,
            });
        }
        let nested = bound.iter().any(|item| item.ty().is_array());
        let wanted = if nested { to } else { element };
        let converted = bound.into_iter().zip(elements);
        let converted = converted.map(|(item, at)| self.coerce(item, wanted, CastContext::Explicit, at.start()));
        Ok(Expr::Array { elements: converted.collect::<Result<_>>()?, ty: to, nested })
    }

    fn subscript(&mut self, base: &ast::Expr, subscripts: &[ast::Subscript]) -> Result<Expr> {
        let array = self.expr(base)?;
        let ty = array.ty();
        if ty.oid == oid::NAME
            && let [ast::Subscript::Index(index)] = subscripts
        {
            return self.name_byte(array, index, base.pos);
        }
        if ty.oid == oid::JSONB {
            return self.json_part(array, subscripts, base.pos);
        }
        let Some(element) = ty.element() else {
            let message = format!("cannot subscript type {ty} because it does not support subscripting");
            return Err(Error::new(SqlState::DATATYPE_MISMATCH, message).at(base.pos + 1));
        };
        let slice = subscripts.iter().any(|subscript| matches!(subscript, ast::Subscript::Slice(..)));
        let mut bound = Vec::with_capacity(subscripts.len());
        for subscript in subscripts {
            let mut index = |expr: &ast::Expr| self.array_index(expr);
            bound.push(match subscript {
                ast::Subscript::Index(expr) => Subscript::Index(index(expr)?),
                ast::Subscript::Slice(lower, upper) => {
                    let lower = lower.as_ref().map(&mut index).transpose()?;
                    Subscript::Slice(lower, upper.as_ref().map(&mut index).transpose()?)
                }
            });
        }
        Ok(Expr::Subscript { array: Box::new(array), subscripts: bound, ty: if slice { ty } else { element } })
    }

    pub(super) fn array_index(&mut self, expr: &ast::Expr) -> Result<Expr> {
        let value = self.expr(expr)?;
        if !self.is_assignable(value.ty(), SqlType::INT4) {
            return Err(
                Error::new(SqlState::DATATYPE_MISMATCH, "array subscript must have type integer").at(expr.pos + 1)
            );
        }
        self.coerce(value, SqlType::INT4, CastContext::Assignment, expr.pos)
    }

    /// `json['key'][0]`: what the path of the subscripts leads to.
    fn json_part(&mut self, json: Expr, subscripts: &[ast::Subscript], pos: u32) -> Result<Expr> {
        let mut args = vec![(json, pos)];
        args.extend(self.json_path(subscripts)?.0);
        self.scalar_call("jsonb_extract_path", args, false, pos)
    }

    /// The subscripts of a jsonb as texts, with their places, and whether the first is a number.
    ///
    /// # Errors
    /// 42804 a slice, or a type that is neither text nor integer.
    pub(super) fn json_path(&mut self, subscripts: &[ast::Subscript]) -> Result<(Vec<(Expr, u32)>, bool)> {
        let mismatch = |message: String| Error::new(SqlState::DATATYPE_MISMATCH, message);
        let mut path = Vec::with_capacity(subscripts.len());
        let mut indexed = false;
        if subscripts.iter().any(|subscript| matches!(subscript, ast::Subscript::Slice(..))) {
            let error = mismatch("jsonb subscript does not support slices".to_owned());
            let place = subscripts.first().and_then(|first| match first {
                ast::Subscript::Index(index) => Some(index.pos),
                ast::Subscript::Slice(lower, upper) => upper.as_ref().or(lower.as_ref()).map(|bound| bound.pos),
            });
            return Err(match place {
                Some(place) => error.at(place + 1),
                None => error,
            });
        }
        for subscript in subscripts {
            let ast::Subscript::Index(index) = subscript else { continue };
            let value = self.expr(index)?;
            let given = value.ty().oid;
            let fits = |to: u32| self.registry.find_coercion(given, to, CastContext::Implicit).is_some();
            let to = match (given == oid::UNKNOWN, fits(oid::INT4), fits(oid::TEXT)) {
                (true, ..) | (_, false, true) => SqlType::TEXT,
                (_, true, false) => SqlType::INT4,
                (_, both, _) => {
                    let which = if both { "only one type," } else { "either" };
                    return Err(mismatch(format!("subscript type {} is not supported", SqlType::of(given)))
                        .hint(format!("jsonb subscript must be coercible to {which} integer or text."))
                        .at(index.pos + 1));
                }
            };
            indexed |= path.is_empty() && to == SqlType::INT4;
            let value = self.coerce(value, to, CastContext::Implicit, index.pos)?;
            path.push((self.coerce(value, SqlType::TEXT, CastContext::Explicit, index.pos)?, index.pos));
        }
        Ok((path, indexed))
    }

    /// `name[i]`: its characters count from 0, and are of type "char".
    fn name_byte(&mut self, name: Expr, index: &ast::Expr, pos: u32) -> Result<Expr> {
        let one = || Expr::constant(Datum::Int4(1), SqlType::INT4);
        let plus = ast::Operator { schema: None, name: "+".into(), pos: index.pos };
        let index = self.expr(index)?;
        let index = self.coerce(index, SqlType::INT4, CastContext::Assignment, pos)?;
        let from = self.operator(&plus, Some(index), one())?;
        let text = self.coerce(name, SqlType::TEXT, CastContext::Implicit, pos)?;
        let letter = self.scalar_call("substr", vec![(text, pos), (from, pos), (one(), pos)], false, pos)?;
        self.coerce(letter, SqlType::CHAR, CastContext::Explicit, pos)
    }

    fn field(&mut self, base: &ast::Expr, name: &str, pos: u32) -> Result<Expr> {
        let row = self.expr(base)?;
        self.record_field(row, name, pos, base.pos)
    }

    /// Text is ordered by bytes: the collations that mean so change nothing, others are not there.
    fn collate(&mut self, arg: &ast::Expr, collation: &ast::Name, pos: u32) -> Result<Expr> {
        let bound = self.expr(arg)?;
        let bound = self.known(bound)?;
        let name = collation.object();
        let known = matches!(name, "default" | "C" | "POSIX" | "ucs_basic" | "C.UTF-8" | "C.utf8");
        if !known {
            if matches!(name, "en_US" | "en_US.utf8" | "en-x-icu" | "und-x-icu" | "unicode") {
                return Err(Error::unsupported(format!("collation \"{name}\"")).at(pos + 1));
            }
            let message = format!("collation \"{}\" for encoding \"UTF8\" does not exist", collation.shown());
            return Err(Error::new(SqlState::UNDEFINED_OBJECT, message).at(pos + 1));
        }
        collatable(bound.ty(), pos)?;
        Ok(bound)
    }

    fn session_value(&mut self, value: SessionValue, pos: u32) -> Result<Expr> {
        let now = |binder: &mut Self, oid: u32, precision: Option<i32>| -> Result<Expr> {
            let now = binder.call_named("now", Vec::new(), pos)?;
            let to = SqlType { oid, typmod: precision.map_or(-1, |precision| precision.clamp(0, 6)) };
            let expr = binder.coerce(now, to, CastContext::Explicit, pos)?;
            Ok(match expr {
                Expr::Cast(mut cast) => {
                    cast.shown = true;
                    Expr::Cast(cast)
                }
                other => other,
            })
        };
        match value {
            SessionValue::CurrentDate => now(self, oid::DATE, None),
            SessionValue::CurrentTime(_) => Err(Error::unsupported("type time with time zone").at(pos + 1)),
            SessionValue::CurrentTimestamp(precision) => now(self, oid::TIMESTAMPTZ, precision),
            SessionValue::LocalTime(precision) => now(self, oid::TIME, precision),
            SessionValue::LocalTimestamp(precision) => now(self, oid::TIMESTAMP, precision),
            SessionValue::CurrentRole | SessionValue::CurrentUser | SessionValue::User => {
                self.call_named("current_user", Vec::new(), pos)
            }
            SessionValue::SessionUser => self.call_named("session_user", Vec::new(), pos),
            SessionValue::CurrentCatalog => self.call_named("current_database", Vec::new(), pos),
            SessionValue::CurrentSchema => self.call_named("current_schema", Vec::new(), pos),
        }
    }

    /// Binds a query that runs with our row as a frame; says whether it reads any frame.
    fn subquery_plan(&mut self, query: &ast::Query) -> Result<(crate::bound::Plan, bool)> {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::default());
            let result = self.query(query, None);
            self.scopes.pop();
            let plan = result?.0;
            let correlated = walk::is_correlated(&plan);
            return Ok((plan, correlated));
        }
        let (plan, _) = self.query(query, None)?;
        let correlated = walk::is_correlated(&plan);
        Ok((plan, correlated))
    }

    /// A subquery of one column.
    fn subquery(
        &mut self,
        query: &ast::Query,
        make: impl FnOnce(&mut Self, crate::bound::Plan, &[SqlType]) -> Result<(SubqueryKind, crate::bound::Plan, SqlType)>,
    ) -> Result<Expr> {
        let (plan, correlated) = self.subquery_plan(query)?;
        let types = plan.types();
        if types.len() != 1 {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "subquery must return only one column").at(query.pos));
        }
        let (kind, plan, ty) = make(self, plan, &types)?;
        Ok(Expr::Subquery(Box::new(Subquery { kind, plan: Arc::new(plan), ty, correlated })))
    }
}

/// Whether values of a type have a collation; `pos` is that of COLLATE.
///
/// # Errors
/// 42804.
pub(super) fn collatable(ty: SqlType, pos: u32) -> Result<()> {
    if ty.is_string() || ty.element().is_some_and(SqlType::is_string) {
        return Ok(());
    }
    let message = format!("collations are not supported by type {ty}");
    Err(Error::new(SqlState::DATATYPE_MISMATCH, message).at(pos + 1))
}

fn fits_integer(value: i64, ty: u32) -> bool {
    match ty {
        oid::INT2 => i16::try_from(value).is_ok(),
        oid::INT4 => i32::try_from(value).is_ok(),
        _ => true,
    }
}

/// An integer constant as a narrower type that holds it.
fn narrowed(value: i64, ty: SqlType) -> Expr {
    let value = match ty.oid {
        oid::INT2 => i16::try_from(value).map(Datum::Int2),
        oid::INT4 => i32::try_from(value).map(Datum::Int4),
        _ => Ok(Datum::Int8(value)),
    };
    Expr::constant(value.unwrap_or(Datum::Null), ty)
}
