//! Calls of functions, aggregates and window functions.

use types::cast::CastContext;
use types::{Error, Result, SqlState, SqlType, oid};

use super::aggregate::{AGGREGATES, GROUPINGS, SETS, WINDOWS, holds};
use super::{Binder, Clause};
use crate::bound::{
    AggregateCall, CallExpr, Expr, FrameBound, FrameMode, SortKey, WindowCall, WindowFrame, WindowFunction, walk,
};
use crate::parse::ast::{self, ExprKind, FunctionCall, Over};

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
            return Err(self.undefined_function(&shown, call, pos)?);
        }
        if call.args.iter().any(|arg| arg.name.is_some()) {
            return Err(Error::unsupported("named argument of a function").at(pos + 1));
        }
        if call.within_group {
            return Err(Error::unsupported("WITHIN GROUP").at(pos + 1));
        }
        let window = WINDOW_FUNCTIONS.iter().find(|(known, ..)| *known == name);
        if let Some((_, function, least, most)) = window
            && (*least..=*most).contains(&call.args.len())
        {
            return self.window_function(*function, call, pos);
        }
        if !self.registry.aggregates_named(name).is_empty() {
            return self.aggregate(call, pos);
        }
        for (given, what) in [
            (call.distinct, "DISTINCT"),
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
            args.push((self.argument(&arg.expr)?, arg.expr.pos));
        }
        // A type's name called as a function is a cast.
        if args.len() == 1
            && (args[0].0.ty().oid == oid::UNKNOWN || self.registry.functions_named(name).is_empty())
            && let Some(ty) = types::sqltype::type_by_internal_name(name)
        {
            let (arg, place) = args.remove(0);
            return self.coerce(arg, SqlType::of(ty.oid), CastContext::Explicit, place);
        }
        self.scalar_call(name, args, call.variadic, pos)
    }

    fn has_function_schema(&self, schema: &str) -> bool {
        matches!(schema, "information_schema" | "redoubt" | "pg_redoubt")
    }

    fn undefined_function(&mut self, shown: &str, call: &FunctionCall, pos: u32) -> Result<Error> {
        let mut types = Vec::new();
        for arg in &call.args {
            types.push(self.expr(&arg.expr)?.ty().name());
        }
        let message = format!("function {shown}({}) does not exist", types.join(", "));
        Ok(Error::new(SqlState::UNDEFINED_FUNCTION, message)
            .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
            .at(pos + 1))
    }

    /// An argument; `t.*` as an argument is the whole row.
    fn argument(&mut self, expr: &ast::Expr) -> Result<Expr> {
        if let ExprKind::Star(parts) = &expr.kind
            && let [.., table] = parts.as_slice()
        {
            return self.column(std::slice::from_ref(table), expr.pos);
        }
        self.expr(expr)
    }

    pub fn scalar_call(&mut self, name: &str, args: Vec<(Expr, u32)>, variadic: bool, pos: u32) -> Result<Expr> {
        let types: Vec<u32> = args.iter().map(|(arg, _)| arg.ty().oid).collect();
        let resolved = self.registry.resolve_function(name, &types).map_err(|error| error.at(pos + 1))?;
        if variadic && resolved.function.variadic && resolved.variadic_from.is_none() {
            return Err(Error::unsupported(format!("VARIADIC argument of {name}")).at(pos + 1));
        }
        let mut bound = Vec::with_capacity(args.len());
        for ((arg, place), &to) in args.into_iter().zip(&resolved.arg_types) {
            bound.push(self.coerce(arg, SqlType::of(to), CastContext::Implicit, place)?);
        }
        if let Some(from) = resolved.variadic_from
            && !variadic
        {
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
            Clause::Select if self.in_window => return refuse("window definitions"),
            Clause::Select | Clause::GroupBy => {}
            Clause::Where => return refuse("WHERE"),
            Clause::JoinOn => return refuse("JOIN conditions"),
            Clause::Having => return refuse("HAVING"),
            Clause::Limit => return refuse("LIMIT"),
            Clause::Values => return refuse("VALUES"),
            Clause::Set => return refuse("UPDATE"),
            Clause::Returning => return refuse("RETURNING"),
            Clause::Check => return refuse("check constraints"),
            Clause::Default => return refuse("DEFAULT expressions"),
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
        if call.star && name != "count" || call.args.is_empty() && !call.star {
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
        let parts = self.aggregate_parts(call, pos);
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
        let mut read = Vec::new();
        call.parts(&mut |part| rows_read(part, &mut read));
        let level = self.aggregate_level(&read, "aggregate functions", pos)?;
        let owner = self.scopes.len() - level;
        if level > 0 {
            call.parts_mut(&mut |part| walk::lift_expr(part, level));
            self.scopes[owner - 1].mentioned.truncate(mentioned[owner - 1]);
        }
        let Some(calls) = self.selects.iter_mut().rev().find(|calls| calls.level == owner) else {
            return Err(
                Error::new(SqlState::GROUPING_ERROR, "aggregate functions are not allowed in this context").at(pos + 1)
            );
        };
        // The same call twice is computed once.
        let twin = calls.aggregates.iter().position(|known| {
            std::ptr::eq(known.aggregate, call.aggregate)
                && known.distinct == call.distinct
                && known.order.is_empty()
                && call.order.is_empty()
                && known.args.len() == call.args.len()
                && known.args.iter().zip(&call.args).all(|(a, b)| walk::same(a, b))
                && match (&known.filter, &call.filter) {
                    (None, None) => true,
                    (Some(a), Some(b)) => walk::same(a, b),
                    _ => false,
                }
        });
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

    #[allow(clippy::type_complexity)]
    fn aggregate_parts(
        &mut self,
        call: &FunctionCall,
        pos: u32,
    ) -> Result<(&'static types::aggregate::Aggregate, Vec<Expr>, Vec<SortKey>, Option<Expr>, SqlType)> {
        let name = call.name.object();
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push((self.argument(&arg.expr)?, arg.expr.pos));
        }
        let types: Vec<u32> = args.iter().map(|(arg, _)| arg.ty().oid).collect();
        let resolved = self.registry.resolve_aggregate(name, &types).map_err(|error| error.at(pos + 1))?;
        let mut bound = Vec::with_capacity(args.len());
        for ((arg, place), &to) in args.into_iter().zip(&resolved.arg_types) {
            if call.distinct {
                super::select::comparable(arg.ty(), "equality").map_err(|error| error.at(place + 1))?;
            }
            bound.push(self.coerce(arg, SqlType::of(to), CastContext::Implicit, place)?);
        }
        super::json::rows_as_json(self.registry, resolved.aggregate.oid, &mut bound);
        let mut order = Vec::with_capacity(call.order.len());
        for key in &call.order {
            let expr = self.expr(&key.expr)?;
            let expr = self.known(expr)?;
            if call.distinct && !bound.iter().any(|arg| walk::same(arg, &expr)) {
                return Err(Error::new(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                )
                .at(key.expr.pos + 1));
            }
            order.push(sort_key(expr, key));
        }
        let filter = match &call.filter {
            Some(filter) => {
                let bound = self.expr(filter)?;
                Some(self.condition(bound, "FILTER", filter.pos)?)
            }
            None => None,
        };
        Ok((resolved.aggregate, bound, order, filter, SqlType::of(resolved.result)))
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
        calls.windows.push(WindowCall { function, args, partition, order, frame, filter, ty });
        Ok(Expr::column(WINDOWS + calls.windows.len() - 1, ty))
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
            partition.push(self.known(bound)?);
        }
        let mut order = Vec::with_capacity(spec.order.len());
        for key in &spec.order {
            let bound = self.expr(&key.expr)?;
            order.push(sort_key(self.known(bound)?, key));
        }
        let frame = match &spec.frame {
            None => WindowFrame {
                mode: FrameMode::Range,
                start: FrameBound::UnboundedPreceding,
                end: FrameBound::CurrentRow,
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
                WindowFrame { mode: frame.mode, start, end }
            }
        };
        Ok((partition, order, frame))
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
                (FrameMode::Range, Some(key)) if key.category() == b'D' => SqlType::of(oid::INTERVAL),
                (FrameMode::Range, Some(key)) if !matches!(key.category(), b'N' | b'T') => {
                    let ty = SqlType::of(key.oid);
                    let message =
                        format!("RANGE with offset PRECEDING/FOLLOWING is not supported for column type {ty}");
                    return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(expr.pos + 1));
                }
                (FrameMode::Range, Some(key)) => SqlType::of(key.oid),
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
        Clause::Select | Clause::Having | Clause::OrderBy => return None,
        Clause::Other => "this context",
    })
}

/// A key over a bound expression, with PostgreSQL's default for nulls: last when ascending.
pub(crate) fn sort_key(expr: Expr, item: &ast::OrderBy) -> SortKey {
    SortKey { expr, descending: item.descending, nulls_first: item.nulls_first.unwrap_or(item.descending) }
}
