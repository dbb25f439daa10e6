//! Calls of functions, aggregates and window functions.

use types::aggregate::AggregateKind;
use types::cast::CastContext;
use types::function::CALL_VARIADIC;
use types::{Datum, Error, Result, SqlState, SqlType, oid};

use super::aggregate::{AGGREGATES, GROUPINGS, SETS, WINDOWS, holds, holds_set};
use super::select::{comparable, distinguishable, has_order};
use super::{Binder, Clause};
use crate::bound::{
    AggregateCall, CallExpr, Expr, FrameBound, FrameExclusion, FrameMode, SortKey, WindowCall, WindowFrame,
    WindowFunction, walk,
};
use crate::catalog::extension;
use crate::parse::ast::{self, FunctionCall, Over};

/// An aggregate with its arguments, its order, its filter and the type of its result.
pub(super) type AggregateParts = (&'static types::aggregate::Aggregate, Vec<Expr>, Vec<SortKey>, Option<Expr>, SqlType);

/// Functions that exist only with OVER: name, least and most arguments.
const WINDOW_FUNCTIONS: &[(&str, WindowFunction, usize, usize)] = &[
    ("row_number", WindowFunction::RowNumber, 0, 0),
    ("rank", WindowFunction::Rank, 0, 0),
    ("dense_rank", WindowFunction::DenseRank, 0, 0),
    ("percent_rank", WindowFunction::PercentRank, 0, 0),
    ("cume_dist", WindowFunction::CumeDist, 0, 0),
    ("ntile", WindowFunction::Ntile, 1, 1),
    ("lag", WindowFunction::Lag, 1, 3),
    ("lead", WindowFunction::Lead, 1, 3),
    ("first_value", WindowFunction::FirstValue, 1, 1),
    ("last_value", WindowFunction::LastValue, 1, 1),
    ("nth_value", WindowFunction::NthValue, 2, 2),
];

impl Binder<'_> {
    /// A function of pg_catalog that the binder itself calls.
    pub fn call_named(&mut self, name: &str, args: Vec<Expr>, pos: u32) -> Result<Expr> {
        let args = args.into_iter().map(|arg| (arg, pos)).collect();
        self.scalar_call(name, args, false, pos)
    }

    pub fn function(&mut self, call: &FunctionCall, pos: u32) -> Result<Expr> {
        let name = call.name.object();
        if let Some(schema) = call.name.schema()
            && schema != "pg_catalog"
            && !self.has_function_schema(schema)
        {
            let shown = call.name.shown();
            if self.catalog.schema_named(schema).is_none() {
                let message = format!("schema \"{schema}\" does not exist");
                return Err(Error::new(SqlState::INVALID_SCHEMA_NAME, message).at(pos + 1));
            }
            self.check_schema(&call.name)?;
            if !extension::is_movable(name) {
                return Err(self.undefined_function(&shown, call, pos)?);
            }
        }
        if call.args.iter().any(|arg| arg.name.is_some()) {
            super::parameter::check_names(call)?;
            if !super::parameter::has_names(name) {
                return Err(self.undefined_function(&call.name.shown(), call, pos)?);
            }
        }
        let window = WINDOW_FUNCTIONS.iter().find(|(known, ..)| *known == name);
        if let Some((_, function, least, most)) = window
            && (*least..=*most).contains(&call.args.len())
            && !call.within_group
        {
            return self.window_function(*function, call, pos);
        }
        if !self.registry.aggregates_named(name).is_empty() {
            return self.aggregate(call, pos);
        }
        for (given, what) in [
            (call.distinct, "DISTINCT"),
            (call.within_group, "WITHIN GROUP"),
            (!call.order.is_empty(), "ORDER BY"),
            (call.filter.is_some(), "FILTER"),
            (call.over.is_some(), "OVER"),
        ] {
            if given {
                let message = if what == "OVER" {
                    format!("OVER specified, but {name} is not a window function nor an aggregate function")
                } else {
                    format!("{what} specified, but {name} is not an aggregate function")
                };
                return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).at(pos + 1));
            }
        }
        if call.star {
            let message = format!("{name}(*) specified, but {name} is not an aggregate function");
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).at(pos + 1));
        }
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push((self.expr(&arg.expr)?, arg.expr.pos));
        }
        let Some(mut args) = super::parameter::in_order(self.registry, call, args, pos) else {
            return Err(self.undefined_function(&call.name.shown(), call, pos)?);
        };
        // A type's name called as a function is a cast.
        if args.len() == 1
            && (args[0].0.ty().oid == oid::UNKNOWN || self.registry.functions_named(name).is_empty())
            && let Some(ty) = types::sqltype::type_by_internal_name(name)
        {
            let (arg, place) = args.remove(0);
            return self.coerce(arg, SqlType::of(ty.oid), CastContext::Explicit, place);
        }
        let as_written = args.len() == call.args.len() && call.args.iter().all(|arg| arg.name.is_none());
        match self.scalar_call(name, args, call.variadic, pos) {
            // Told of as it was written, without what was left out.
            Err(error) if !as_written && error.sqlstate() == SqlState::UNDEFINED_FUNCTION => {
                Err(self.undefined_function(&call.name.shown(), call, pos)?)
            }
            result => result,
        }
    }

    fn has_function_schema(&self, schema: &str) -> bool {
        matches!(schema, "information_schema" | "redoubt" | "pg_redoubt")
    }

    fn undefined_function(&mut self, shown: &str, call: &FunctionCall, pos: u32) -> Result<Error> {
        let mut types = Vec::new();
        for arg in &call.args {
            let ty = self.expr(&arg.expr)?.ty().name();
            types.push(match &arg.name {
                Some(name) => format!("{} => {ty}", name.name),
                None => ty,
            });
        }
        let message = format!("function {shown}({}) does not exist", types.join(", "));
        Ok(Error::new(SqlState::UNDEFINED_FUNCTION, message)
            .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
            .at(pos + 1))
    }

    pub fn scalar_call(&mut self, name: &str, args: Vec<(Expr, u32)>, variadic: bool, pos: u32) -> Result<Expr> {
        let types: Vec<u32> = args.iter().map(|(arg, _)| arg.ty().oid).collect();
        let resolved = match variadic {
            true => self.registry.resolve_variadic(name, &types),
            false => self.registry.resolve_function(name, &types),
        };
        let resolved = resolved.map_err(|error| error.at(pos + 1))?;
        let of_any = variadic && resolved.function.variadic && resolved.function.args.last() == Some(&oid::ANY);
        if of_any
            && let Some((array, place)) = args.last()
            && array.ty().element().is_none()
        {
            let message = "VARIADIC argument must be an array";
            return Err(Error::new(SqlState::DATATYPE_MISMATCH, message).at(place + 1));
        }
        let mut bound = Vec::with_capacity(args.len());
        for ((arg, place), &to) in args.into_iter().zip(&resolved.arg_types) {
            if self.clause == Clause::From && holds_set(&arg) {
                let message = "set-returning functions must appear at top level of FROM";
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(place + 1));
            }
            bound.push(self.coerce(arg, SqlType::of(to), CastContext::Implicit, place)?);
        }
        if of_any {
            let function = self.registry.function(CALL_VARIADIC);
            let function = function.ok_or_else(|| Error::internal("no function for variadic calls"))?;
            bound.insert(0, Expr::constant(Datum::Oid(resolved.function.oid), SqlType::OID));
            let ty = SqlType::of(resolved.result);
            return Ok(Expr::Call(Box::new(CallExpr { function, operator: None, args: bound, ty })));
        }
        if let Some(from) = resolved.variadic_from {
            let tail = bound.split_off(from);
            let element = tail.first().map_or(SqlType::TEXT, Expr::ty);
            let ty = SqlType::of(element.oid).array().unwrap_or(SqlType::TEXT_ARRAY);
            bound.push(Expr::Array { elements: tail, ty, nested: false });
        }
        super::json::rows_as_json(self.registry, resolved.function.oid, &mut bound);
        let ty = match resolved.result {
            oid::RECORD => super::record::record_type(resolved.function, &bound),
            result => SqlType::of(result),
        };
        let call = Expr::Call(Box::new(CallExpr { function: resolved.function, operator: None, args: bound, ty }));
        if resolved.function.returns_set && self.clause != Clause::From {
            return self.set_call(call, pos);
        }
        Ok(call)
    }

    /// A set-returning function outside of FROM: set aside if this is a select list.
    fn set_call(&mut self, call: Expr, pos: u32) -> Result<Expr> {
        let clause = self.clause;
        let refuse = |what: &str| {
            let message = format!("set-returning functions are not allowed in {what}");
            Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(pos + 1))
        };
        match clause {
            Clause::Select | Clause::OrderBy if self.in_window => return refuse("window definitions"),
            Clause::Select | Clause::OrderBy | Clause::GroupBy => {}
            Clause::Where => return refuse("WHERE"),
            Clause::JoinOn => return refuse("JOIN conditions"),
            Clause::Having => return refuse("HAVING"),
            Clause::Limit => return refuse("LIMIT"),
            Clause::Values => return refuse("VALUES"),
            Clause::Set => return refuse("UPDATE"),
            Clause::Returning => return refuse("RETURNING"),
            Clause::Check => return refuse("check constraints"),
            Clause::Default => return refuse("DEFAULT expressions"),
            Clause::Generated => return refuse("column generation expressions"),
            Clause::Predicate | Clause::ConflictTarget => return refuse("index predicates"),
            _ => return refuse("this context"),
        }
        let ty = call.ty();
        let in_aggregate = self.in_aggregate;
        match self.calls() {
            Some(calls) if !in_aggregate => {
                // Sets advance in step, so one serves for two; and GROUP BY means the one in the list.
                let twin = calls.sets.iter().position(|known| walk::same(known, &call) && !call.is_volatile());
                let at = twin.unwrap_or_else(|| {
                    calls.sets.push(call);
                    calls.sets.len() - 1
                });
                Ok(Expr::column(SETS + at, ty))
            }
            _ => Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "aggregate function calls cannot contain set-returning function calls",
            )
            .at(pos + 1)),
        }
    }

    fn aggregate(&mut self, call: &FunctionCall, pos: u32) -> Result<Expr> {
        let name = call.name.object();
        if !call.within_group && (call.star && name != "count" || call.args.is_empty() && !call.star) {
            if !call.star && name == "count" {
                return Err(Error::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    "count(*) must be used to call a parameterless aggregate function",
                )
                .at(pos + 1));
            }
            if call.star {
                return Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("function {name}() does not exist"))
                    .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
                    .at(pos + 1));
            }
        }
        // In a window call the arguments may hold aggregates of their own.
        let window = call.over.is_some();
        let outer = self.in_aggregate;
        self.in_aggregate = !window || outer;
        let mentioned: Vec<usize> = self.scopes.iter().map(|scope| scope.mentioned.len()).collect();
        let parts = if call.within_group { self.ordered_set_parts(call, pos) } else { self.aggregate_parts(call, pos) };
        self.in_aggregate = outer;
        let (aggregate, args, order, filter, ty) = parts?;
        if let Some(over) = &call.over {
            if call.distinct {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "DISTINCT is not implemented for window functions",
                )
                .at(pos + 1));
            }
            if !order.is_empty() {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "aggregate ORDER BY is not implemented for window functions",
                )
                .at(pos + 1));
            }
            return self.window(WindowFunction::Aggregate(aggregate), args, filter, ty, over, pos);
        }
        let mut call = AggregateCall { aggregate, args, distinct: call.distinct, order, filter, ty };
        let (mut read, mut direct) = (Vec::new(), Vec::new());
        call.direct().iter().for_each(|part| rows_read(part, &mut direct));
        let rows = call.args[call.direct().len()..].iter().chain(call.order.iter().map(|key| &key.expr));
        rows.chain(&call.filter).for_each(|part| rows_read(part, &mut read));
        let level = self.aggregate_level(&read, "aggregate functions", pos)?;
        let refused = |message: &str| Err(Error::new(SqlState::GROUPING_ERROR, message).at(pos + 1));
        if direct.iter().any(|(of, _)| *of < level) {
            return refused("outer-level aggregate cannot contain a lower-level variable in its direct arguments");
        }
        if direct.iter().any(|(of, index)| *of == level && (AGGREGATES..WINDOWS).contains(index)) {
            return refused("aggregate function calls cannot be nested");
        }
        let owner = self.scopes.len() - level;
        if level > 0 {
            call.parts_mut(&mut |part| walk::lift_expr(part, level));
            self.scopes[owner - 1].mentioned.truncate(mentioned[owner - 1]);
        }
        let mut is_volatile = false;
        call.parts(&mut |part| is_volatile |= part.is_volatile());
        // The same call twice is computed once; a volatile one only where ORDER BY means the one in the list.
        let may_be_shared = !is_volatile || self.clause == Clause::OrderBy;
        let Some(calls) = self.selects.iter_mut().rev().find(|calls| calls.level == owner) else {
            return Err(
                Error::new(SqlState::GROUPING_ERROR, "aggregate functions are not allowed in this context").at(pos + 1)
            );
        };
        let twin = calls.aggregates.iter().position(|known| may_be_shared && walk::same_aggregate_call(known, &call));
        let at = twin.unwrap_or_else(|| {
            calls.aggregates.push(call);
            calls.aggregates.len() - 1
        });
        Ok(stand_in(AGGREGATES + at, level, ty))
    }

    /// GROUPING, whose arguments are found among the keys when these are known.
    pub fn grouping(&mut self, args: &[ast::Expr], pos: u32) -> Result<Expr> {
        if args.len() > 31 {
            let message = "GROUPING must have fewer than 32 arguments";
            return Err(Error::new(SqlState::TOO_MANY_ARGUMENTS, message).at(pos + 1));
        }
        let outer = std::mem::replace(&mut self.in_aggregate, true);
        let mentioned: Vec<usize> = self.scopes.iter().map(|scope| scope.mentioned.len()).collect();
        let bind = |arg: &ast::Expr| -> Result<(Expr, u32)> {
            let bound = self.expr(arg)?;
            Ok((self.known(bound)?, arg.pos))
        };
        let bound = args.iter().map(bind).collect::<Result<Vec<_>>>();
        self.in_aggregate = outer;
        let mut bound = bound?;
        let mut read = Vec::new();
        bound.iter().for_each(|(arg, _)| rows_read(arg, &mut read));
        let level = self.aggregate_level(&read, "grouping operations", pos)?;
        let owner = self.scopes.len() - level;
        if level > 0 {
            bound.iter_mut().for_each(|(arg, _)| walk::lift_expr(arg, level));
            self.scopes[owner - 1].mentioned.truncate(mentioned[owner - 1]);
        }
        let Some(calls) = self.selects.iter_mut().rev().find(|calls| calls.level == owner) else {
            let message = "grouping operations are not allowed in this context";
            return Err(Error::new(SqlState::GROUPING_ERROR, message).at(pos + 1));
        };
        // DISTINCT and ORDER BY know a call again.
        let twin = calls.groupings.iter().position(|known| {
            known.len() == bound.len() && known.iter().zip(&bound).all(|((a, _), (b, _))| walk::same(a, b))
        });
        let at = twin.unwrap_or_else(|| {
            calls.groupings.push(bound);
            calls.groupings.len() - 1
        });
        Ok(stand_in(GROUPINGS + at, level, SqlType::INT4))
    }

    /// How many queries further out the one is that an aggregate belongs to: the innermost whose columns it reads, or the one
    /// it stands in if it reads none.
    ///
    /// # Errors
    /// 42803 that query has no aggregates where this one stands, or it contains another of the same query.
    fn aggregate_level(&self, read: &[(usize, usize)], what: &str, pos: u32) -> Result<usize> {
        let level = read.iter().map(|(level, _)| *level).min().unwrap_or(0);
        let refused = |message: String| Err(Error::new(SqlState::GROUPING_ERROR, message).at(pos + 1));
        let (clause, in_aggregate) = match level {
            0 => (self.clause, self.in_aggregate),
            _ => {
                let scope = &self.scopes[self.scopes.len() - 1 - level];
                if scope.lateral && self.clause != Clause::From {
                    let place = "FROM clause of their own query level";
                    return refused(format!("{what} are not allowed in {place}"));
                }
                match scope.inner {
                    Some(inner) if !scope.lateral => inner,
                    _ => (self.clause, false),
                }
            }
        };
        if let Some(place) = forbidden_clause(clause) {
            return refused(format!("{what} are not allowed in {place}"));
        }
        let nested = read.iter().any(|(of, index)| *of == level && (AGGREGATES..WINDOWS).contains(index));
        if in_aggregate || nested {
            return refused("aggregate function calls cannot be nested".to_owned());
        }
        Ok(level)
    }

    fn aggregate_parts(&mut self, call: &FunctionCall, pos: u32) -> Result<AggregateParts> {
        let name = call.name.object();
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push((self.expr(&arg.expr)?, arg.expr.pos));
        }
        let types: Vec<u32> = args.iter().map(|(arg, _)| arg.ty().oid).collect();
        let resolved = self.registry.resolve_aggregate(name, &types).map_err(|error| error.at(pos + 1))?;
        if resolved.aggregate.kind != AggregateKind::Normal {
            let message = format!("WITHIN GROUP is required for ordered-set aggregate {name}");
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).at(pos + 1));
        }
        // ORDER BY beside DISTINCT names arguments as they are written, and sorts by what they are converted to.
        let written: Vec<Expr> =
            if call.distinct { args.iter().map(|(arg, _)| arg.clone()).collect() } else { Vec::new() };
        let mut bound = Vec::with_capacity(args.len());
        for ((arg, place), &to) in args.into_iter().zip(&resolved.arg_types) {
            bound.push(self.coerce(arg, SqlType::of(to), CastContext::Implicit, place)?);
        }
        super::json::rows_as_json(self.registry, resolved.aggregate.oid, &mut bound);
        let mut order = Vec::with_capacity(call.order.len());
        for key in &call.order {
            let expr = self.expr(&key.expr)?;
            let mut expr = self.known(expr)?;
            comparable(expr.ty(), "ordering").map_err(|error| error.at(key.expr.start() + 1))?;
            if call.distinct {
                let same = |arg: &Expr| walk::same(arg, &expr);
                let Some(at) = written.iter().position(same).or_else(|| bound.iter().position(same)) else {
                    return Err(Error::new(
                        SqlState::INVALID_COLUMN_REFERENCE,
                        "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                    )
                    .at(key.expr.start() + 1));
                };
                expr = bound[at].clone();
            }
            order.push(sort_key(expr, key));
        }
        for (arg, given) in written.iter().zip(&call.args) {
            distinguishable(arg.ty()).map_err(|error| error.at(given.expr.pos + 1))?;
        }
        let filter = self.aggregate_filter(call)?;
        Ok((resolved.aggregate, bound, order, filter, SqlType::of(resolved.result)))
    }

    pub(super) fn aggregate_filter(&mut self, call: &FunctionCall) -> Result<Option<Expr>> {
        let Some(filter) = &call.filter else { return Ok(None) };
        let bound = self.expr(filter)?;
        self.condition(bound, "FILTER", filter.pos).map(Some)
    }

    fn window_function(&mut self, function: WindowFunction, call: &FunctionCall, pos: u32) -> Result<Expr> {
        let name = call.name.object();
        let Some(over) = &call.over else {
            let message = format!("window function {name} requires an OVER clause");
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).at(pos + 1));
        };
        if call.filter.is_some() {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "FILTER is not implemented for non-aggregate window functions",
            )
            .at(pos + 1));
        }
        let is_number = |at: usize| at == 1 || matches!(function, WindowFunction::Ntile);
        // The value and what stands for it where there is no row are of one type.
        let defaulted = call.args.len() == 3;
        let mut args = Vec::with_capacity(call.args.len());
        for (at, arg) in call.args.iter().enumerate() {
            let bound = self.expr(&arg.expr)?;
            args.push((if defaulted || is_number(at) { bound } else { self.known(bound)? }, arg.expr.pos));
        }
        let ty = match function {
            WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank => SqlType::INT8,
            WindowFunction::PercentRank | WindowFunction::CumeDist => SqlType::FLOAT8,
            WindowFunction::Ntile => SqlType::INT4,
            WindowFunction::Lag | WindowFunction::Lead if defaulted => {
                match self.common_type(&[args[0].0.ty(), args[2].0.ty()], name) {
                    Ok(ty) if ty.oid == oid::UNKNOWN => SqlType::TEXT,
                    Ok(ty) => SqlType::of(ty.oid),
                    Err(_) => return Err(self.undefined_function(name, call, pos)?),
                }
            }
            WindowFunction::Lag
            | WindowFunction::Lead
            | WindowFunction::FirstValue
            | WindowFunction::LastValue
            | WindowFunction::NthValue
            | WindowFunction::Aggregate(_) => args[0].0.ty(),
        };
        let mut bound = Vec::with_capacity(args.len());
        for (at, (arg, place)) in args.into_iter().enumerate() {
            let to = if is_number(at) { SqlType::INT4 } else { ty };
            if arg.ty().oid != oid::UNKNOWN
                && arg.ty().oid != to.oid
                && self.registry.find_coercion(arg.ty().oid, to.oid, CastContext::Implicit).is_none()
            {
                return Err(self.undefined_function(name, call, pos)?);
            }
            bound.push(self.coerce(arg, to, CastContext::Implicit, place)?);
        }
        self.window(function, bound, None, ty, over, pos)
    }

    fn window(
        &mut self,
        function: WindowFunction,
        args: Vec<Expr>,
        filter: Option<Expr>,
        ty: SqlType,
        over: &Over,
        pos: u32,
    ) -> Result<Expr> {
        let place = match self.clause {
            Clause::Having => Some("HAVING"),
            clause => forbidden_clause(clause),
        };
        if let Some(place) = place {
            let message = format!("window functions are not allowed in {place}");
            return Err(Error::new(SqlState::WINDOWING_ERROR, message).at(pos + 1));
        }
        if self.in_window {
            let message = "window functions are not allowed in window definitions";
            return Err(Error::new(SqlState::WINDOWING_ERROR, message).at(pos + 1));
        }
        if args.iter().any(|arg| holds(arg, WINDOWS, SETS)) {
            return Err(Error::new(SqlState::WINDOWING_ERROR, "window function calls cannot be nested").at(pos + 1));
        }
        if self.in_aggregate {
            return Err(Error::new(
                SqlState::GROUPING_ERROR,
                "aggregate function calls cannot contain window function calls",
            )
            .at(pos + 1));
        }
        let spec = match over {
            Over::Named(name) => self.named_window(&name.name, name.pos)?,
            Over::Spec(spec) => match self.calls() {
                Some(calls) => calls.merged(spec, false)?,
                None => (**spec).clone(),
            },
        };
        let (partition, order, frame) = self.window_parts(&spec)?;
        if !partition.iter().all(|expr| has_order(expr.ty())) {
            let message = "could not implement window PARTITION BY";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                .detail("Window partitioning columns must be of sortable datatypes."));
        }
        if args.iter().any(|arg| holds(arg, SETS, usize::MAX)) {
            let message = "window function calls cannot contain set-returning function calls";
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                .hint("You might be able to move the set-returning function into a LATERAL FROM item.")
                .at(pos + 1));
        }
        let Some(calls) = self.calls() else {
            return Err(
                Error::new(SqlState::WINDOWING_ERROR, "window functions are not allowed in this context").at(pos + 1)
            );
        };
        let call = WindowCall { function, args, partition, order, frame, filter, ty };
        // The same call twice is computed once, and ORDER BY beside DISTINCT means the one in the list.
        let parts = call.args.iter().chain(&call.partition).chain(&call.filter);
        let is_volatile = parts.chain(call.order.iter().map(|key| &key.expr)).any(Expr::is_volatile);
        let twin = calls.windows.iter().position(|known| !is_volatile && walk::same_window_call(known, &call));
        let at = twin.unwrap_or_else(|| {
            calls.windows.push(call);
            calls.windows.len() - 1
        });
        Ok(Expr::column(WINDOWS + at, ty))
    }

    fn named_window(&mut self, name: &str, pos: u32) -> Result<ast::WindowSpec> {
        let found = self.calls().and_then(|calls| calls.named_windows.iter().find(|(known, _)| known == name).cloned());
        match found {
            Some((_, spec)) => Ok(spec),
            None => {
                Err(Error::new(SqlState::UNDEFINED_OBJECT, format!("window \"{name}\" does not exist")).at(pos + 1))
            }
        }
    }

    /// What the windows of the WINDOW clause are made of, whether or not anybody uses them.
    pub fn declared_windows(&mut self) -> Result<Vec<Expr>> {
        let named = self.calls().map(|calls| calls.named_windows.clone()).unwrap_or_default();
        let mut exprs = Vec::new();
        for (_, spec) in &named {
            let (partition, order, _) = self.window_parts(spec)?;
            exprs.extend(partition.into_iter().chain(order.into_iter().map(|key| key.expr)));
        }
        Ok(exprs)
    }

    fn window_parts(&mut self, spec: &ast::WindowSpec) -> Result<(Vec<Expr>, Vec<SortKey>, WindowFrame)> {
        self.in_window = true;
        let parts = self.parts_in_window(spec);
        self.in_window = false;
        parts
    }

    fn parts_in_window(&mut self, spec: &ast::WindowSpec) -> Result<(Vec<Expr>, Vec<SortKey>, WindowFrame)> {
        let mut partition = Vec::with_capacity(spec.partition.len());
        for expr in &spec.partition {
            let bound = self.expr(expr)?;
            let bound = self.known(bound)?;
            comparable(bound.ty(), "equality").map_err(|error| error.at(expr.start() + 1))?;
            partition.push(bound);
        }
        let mut order = Vec::with_capacity(spec.order.len());
        for key in &spec.order {
            let bound = self.expr(&key.expr)?;
            let bound = self.known(bound)?;
            comparable(bound.ty(), "ordering").map_err(|error| error.at(key.expr.start() + 1))?;
            order.push(sort_key(bound, key));
        }
        let frame = match &spec.frame {
            None => WindowFrame {
                mode: FrameMode::Range,
                start: FrameBound::UnboundedPreceding,
                end: FrameBound::CurrentRow,
                exclude: FrameExclusion::NoOthers,
            },
            Some(frame) => {
                if frame.mode == FrameMode::Groups && spec.order.is_empty() {
                    return Err(Error::new(SqlState::WINDOWING_ERROR, "GROUPS mode requires an ORDER BY clause")
                        .at(spec.pos + 1));
                }
                let offset = |bound: &ast::FrameBound| {
                    matches!(bound, ast::FrameBound::Preceding(_) | ast::FrameBound::Following(_))
                };
                if frame.mode == FrameMode::Range && (offset(&frame.start) || offset(&frame.end)) && order.len() != 1 {
                    let message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column";
                    return Err(Error::new(SqlState::WINDOWING_ERROR, message).at(spec.pos + 1));
                }
                let key = order.first().map(|key| key.expr.ty());
                let start = self.frame_bound(&frame.start, frame.mode, key)?;
                let end = self.frame_bound(&frame.end, frame.mode, key)?;
                WindowFrame { mode: frame.mode, start, end, exclude: frame.exclude }
            }
        };
        Ok((partition, order, frame))
    }

    /// The type of a RANGE frame's offset over a column of type `key`.
    fn range_offset(&self, key: SqlType, given: SqlType, pos: u32) -> Result<SqlType> {
        let refused = |types: String| {
            let message = format!("RANGE with offset PRECEDING/FOLLOWING is not supported for {types}");
            Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(pos + 1)
        };
        let column = SqlType::of(key.oid);
        let to = match key.oid {
            oid::INT2 | oid::INT4 if given.is_integer() => given.oid,
            oid::INT2 | oid::INT4 | oid::INT8 | oid::NUMERIC => key.oid,
            oid::FLOAT4 | oid::FLOAT8 => oid::FLOAT8,
            oid::DATE | oid::TIME | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::INTERVAL => oid::INTERVAL,
            _ => return Err(refused(format!("column type {column}"))),
        };
        if given.oid != oid::UNKNOWN && self.registry.find_coercion(given.oid, to, CastContext::Implicit).is_none() {
            let types = format!("column type {column} and offset type {}", SqlType::of(given.oid));
            return Err(refused(types).hint("Cast the offset value to an appropriate type."));
        }
        Ok(SqlType::of(to))
    }

    fn frame_bound(&mut self, bound: &ast::FrameBound, mode: FrameMode, key: Option<SqlType>) -> Result<FrameBound> {
        let mut offset = |expr: &ast::Expr| -> Result<Expr> {
            let value = self.expr(expr)?;
            if super::reads_columns(&value) {
                let word = match mode {
                    FrameMode::Rows => "ROWS",
                    FrameMode::Range => "RANGE",
                    FrameMode::Groups => "GROUPS",
                };
                let message = format!("argument of {word} must not contain variables");
                return Err(Error::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(expr.pos + 1));
            }
            let to = match (mode, key) {
                (FrameMode::Range, Some(key)) => self.range_offset(key, value.ty(), expr.pos)?,
                _ => SqlType::INT8,
            };
            self.coerce(value, to, CastContext::Implicit, expr.pos)
        };
        Ok(match bound {
            ast::FrameBound::UnboundedPreceding => FrameBound::UnboundedPreceding,
            ast::FrameBound::UnboundedFollowing => FrameBound::UnboundedFollowing,
            ast::FrameBound::CurrentRow => FrameBound::CurrentRow,
            ast::FrameBound::Preceding(expr) => FrameBound::Preceding(offset(expr)?),
            ast::FrameBound::Following(expr) => FrameBound::Following(offset(expr)?),
        })
    }
}

/// The columns that a part of an aggregate reads, behind how many queries further out their rows are.
fn rows_read(part: &Expr, read: &mut Vec<(usize, usize)>) {
    walk::visit_frames(part, None, &mut |expr, inside| match (expr, inside) {
        (Expr::Column { index, .. }, None) => read.push((0, *index)),
        (Expr::Outer { depth, index, .. }, None) => read.push((depth + 1, *index)),
        (Expr::Outer { depth, index, .. }, Some(inside)) if *depth >= inside => read.push((depth - inside, *index)),
        _ => {}
    });
}

/// The column of the query `level` further out that stands for a call that was set aside.
fn stand_in(index: usize, level: usize, ty: SqlType) -> Expr {
    match level.checked_sub(1) {
        None => Expr::column(index, ty),
        Some(depth) => Expr::Outer { depth, index, ty },
    }
}

/// The words for a clause in which aggregates and windows are not allowed.
fn forbidden_clause(clause: Clause) -> Option<&'static str> {
    Some(match clause {
        Clause::Where => "WHERE",
        Clause::JoinOn => "JOIN conditions",
        Clause::GroupBy => "GROUP BY",
        Clause::Limit => "LIMIT",
        Clause::Values => "VALUES",
        Clause::From => "functions in FROM",
        Clause::Set => "UPDATE",
        Clause::Returning => "RETURNING",
        Clause::Check => "check constraints",
        Clause::Default => "DEFAULT expressions",
        Clause::Generated => "column generation expressions",
        Clause::Predicate | Clause::ConflictTarget => "index predicates",
        Clause::Select | Clause::Having | Clause::OrderBy | Clause::OutputOrder => return None,
        Clause::Other => "this context",
    })
}

/// A key over a bound expression, with PostgreSQL's default for nulls: last when ascending.
pub(crate) fn sort_key(expr: Expr, item: &ast::OrderBy) -> SortKey {
    SortKey { expr, descending: item.descending, nulls_first: item.nulls_first.unwrap_or(item.descending) }
}
