//! Conversions: giving an expression the type its context wants.

use types::cast::{CastContext, coerce_typmod};
use types::resolve::{Coercion, common_typmod, resolve_union};
use types::{Datum, Error, Result, Settings, SqlState, SqlType, Styles, oid, text_io};

use super::Binder;
use crate::bound::{CastExpr, Expr};
use crate::functions::{check_name, relation_named};

impl Binder<'_> {
    /// Gives an expression this type, modifier included. `pos` is where errors point (a byte offset).
    ///
    /// # Errors
    /// 42846 cannot cast; 42804 cannot be coerced without being cast; those of reading a literal.
    pub fn coerce(&mut self, expr: Expr, to: SqlType, context: CastContext, pos: u32) -> Result<Expr> {
        let from = expr.ty();
        if to.oid == oid::UNKNOWN || to.oid == oid::ANY || from == to {
            return Ok(expr);
        }
        if from.oid == oid::UNKNOWN {
            match expr {
                Expr::Const { value, .. } => return self.literal(value, to, context, pos),
                Expr::Param { index, .. } => {
                    self.fix_param(index, to.oid, pos)?;
                    let param = Expr::Param { index, ty: SqlType::of(to.oid) };
                    return Ok(self.with_modifier(param, to, context));
                }
                _ => {}
            }
        }
        if from.oid == to.oid {
            return Ok(self.with_modifier(expr, to, context));
        }
        if matches!(to.oid, oid::ANYELEMENT | oid::ANYARRAY | oid::ANYNONARRAY | oid::RECORD | oid::ANYCOMPATIBLE) {
            return Ok(expr);
        }
        if let Expr::Const { value: Datum::Null, .. } = expr {
            return Ok(Expr::null(to));
        }
        let Some(coercion) = self.registry.find_coercion(from.oid, to.oid, context) else {
            let message = format!("cannot cast type {} to {}", SqlType::of(from.oid), SqlType::of(to.oid));
            return Err(Error::new(SqlState::CANNOT_COERCE, message).at(pos + 1));
        };
        // A reg* constant is a name; conversions between oids only change the label.
        let explicit = context == CastContext::Explicit;
        Ok(Expr::Cast(Box::new(CastExpr { arg: expr, coercion, to, explicit, shown: explicit })))
    }

    /// Applies the modifier of a type the expression already has. One is taken off by an explicit conversion only.
    fn with_modifier(&mut self, expr: Expr, to: SqlType, context: CastContext) -> Expr {
        let explicit = context == CastContext::Explicit;
        if expr.ty() == to || to.typmod < 0 && !explicit {
            return expr;
        }
        if to.typmod < 0
            && let Expr::Const { value, .. } = expr
        {
            return Expr::constant(value, to);
        }
        Expr::Cast(Box::new(CastExpr { arg: expr, coercion: Coercion::Relabel, to, explicit, shown: explicit }))
    }

    /// Reads a literal as a value of this type.
    fn literal(&mut self, value: Datum, to: SqlType, context: CastContext, pos: u32) -> Result<Expr> {
        let Some(text) = value.as_str() else { return Ok(Expr::null(to)) };
        let base = SqlType::of(to.oid);
        if to.is_pseudo() && !matches!(to.oid, oid::CSTRING) {
            // A polymorphic argument takes the literal as text.
            return Ok(Expr::constant(value, SqlType::TEXT));
        }
        let ty = if to.oid == oid::INTERVAL { to } else { base };
        self.reads_clock |= names_present(text, base);
        let datum = self.read_literal(text, ty, pos).map_err(|error| error.at(pos + 1))?;
        if to.typmod < 0 {
            return Ok(Expr::constant(datum, to));
        }
        // In PostgreSQL a call around the literal, whose errors have no place.
        Ok(Expr::constant(coerce_typmod(datum, to, context == CastContext::Explicit)?, to))
    }

    /// The value of a literal. Those of a view are read in the default styles whatever the session has, so that they mean
    /// what they meant when it was made; what they would mean otherwise is refused then.
    fn read_literal(&mut self, text: &str, ty: SqlType, pos: u32) -> Result<Datum> {
        if ty.oid == oid::REGCLASS
            && let Some(relation) = self.named_relation(text, pos)?
        {
            return Ok(Datum::Oid(relation));
        }
        let read = text_io::parse(text, ty, self.settings);
        let is_kept = self.view_depth > 0 || self.stars.is_some();
        if !is_kept || self.settings.styles == Styles::default() {
            return read;
        }
        let kept = text_io::parse(text, ty, &Settings { styles: Styles::default(), ..self.settings.clone() });
        if self.view_depth > 0 {
            return kept;
        }
        let read = read?;
        if kept.is_ok_and(|kept| kept == read) {
            return Ok(read);
        }
        let what = "a literal in a view that is read otherwise with the default DateStyle and IntervalStyle";
        Err(Error::unsupported(what))
    }

    /// The relation that a literal names, as other names are looked up: in what the catalog keeps by whoever made it, and in
    /// a view by the view's path. `None` for a number.
    fn named_relation(&mut self, text: &str, pos: u32) -> Result<Option<u32>> {
        if text == "-" || text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        if let Some(user) = self.looking() {
            check_name(self.catalog, text, &self.search_path, user)?;
        }
        let relation = relation_named(self.catalog, text, &self.search_path)?.oid();
        if self.view_depth == 0
            && let Some(names) = &mut self.kept_names
        {
            names.push((pos, relation));
        }
        Ok(Some(relation))
    }

    /// Decides a parameter's type, or checks that it was decided so.
    fn fix_param(&mut self, index: usize, to: u32, pos: u32) -> Result<()> {
        let slot = &mut self.params[index];
        match slot {
            None => {
                *slot = Some(SqlType::of(to));
                Ok(())
            }
            Some(ty) if ty.oid == to => Ok(()),
            Some(ty) => {
                let message = format!("inconsistent types deduced for parameter ${}", index + 1);
                let detail = format!("{} versus {}", ty, SqlType::of(to));
                Err(Error::new(SqlState::AMBIGUOUS_PARAMETER, message).detail(detail).at(pos + 1))
            }
        }
    }

    /// An expression whose type may still be unknown, as text if so.
    pub fn known(&mut self, expr: Expr) -> Result<Expr> {
        if expr.ty().oid == oid::UNKNOWN {
            self.coerce(expr, SqlType::TEXT, CastContext::Implicit, 0)
        } else {
            Ok(expr)
        }
    }

    /// A condition.
    ///
    /// # Errors
    /// 42804 not a boolean.
    pub fn condition(&mut self, expr: Expr, what: &str, pos: u32) -> Result<Expr> {
        let ty = expr.ty();
        if ty.oid == oid::BOOL {
            return Ok(expr);
        }
        if ty.oid != oid::UNKNOWN && self.registry.find_coercion(ty.oid, oid::BOOL, CastContext::Implicit).is_none() {
            let message = format!("argument of {what} must be type boolean, not type {}", SqlType::of(ty.oid));
            return Err(Error::new(SqlState::DATATYPE_MISMATCH, message).at(pos + 1));
        }
        self.coerce(expr, SqlType::BOOL, CastContext::Implicit, pos)
    }

    /// The value of LIMIT or OFFSET.
    pub fn count(&mut self, expr: Expr, what: &str, pos: u32) -> Result<Expr> {
        let ty = expr.ty();
        if !self.is_assignable(ty, SqlType::INT8) {
            let message = format!("argument of {what} must be type bigint, not type {}", SqlType::of(ty.oid));
            return Err(Error::new(SqlState::DATATYPE_MISMATCH, message).at(pos + 1));
        }
        self.coerce(expr, SqlType::INT8, CastContext::Assignment, pos)
    }

    /// The value of a column to be stored.
    ///
    /// # Errors
    /// 42804 the types do not fit.
    pub fn assign(&mut self, expr: Expr, name: &str, to: SqlType, pos: u32) -> Result<Expr> {
        let from = expr.ty();
        if !self.is_assignable(from, to) {
            let message = format!(
                "column \"{name}\" is of type {} but expression is of type {}",
                SqlType::of(to.oid),
                SqlType::of(from.oid)
            );
            return Err(Error::new(SqlState::DATATYPE_MISMATCH, message)
                .hint("You will need to rewrite or cast the expression.")
                .at(pos + 1));
        }
        self.coerce(expr, to, CastContext::Assignment, pos)
    }

    /// Whether a column of type `to` takes values of type `from`.
    pub fn is_assignable(&self, from: SqlType, to: SqlType) -> bool {
        self.registry.find_coercion(from.oid, to.oid, CastContext::Assignment).is_some()
    }

    /// Gives several expressions their common type; `what` names the construct.
    ///
    /// # Errors
    /// 42804 no common type.
    pub fn unify(&mut self, exprs: Vec<(Expr, u32)>, what: &str) -> Result<(Vec<Expr>, SqlType)> {
        let types: Vec<SqlType> = exprs.iter().map(|(expr, _)| expr.ty()).collect();
        let ty = self.common_type(&types, what).map_err(|error| {
            // PostgreSQL points at the first expression that does not fit.
            let first = types.iter().find(|ty| ty.oid != oid::UNKNOWN).map_or(0, |ty| ty.category());
            let odd = exprs.iter().find(|(expr, _)| expr.ty().oid != oid::UNKNOWN && expr.ty().category() != first);
            match odd {
                Some((_, pos)) => error.at(pos + 1),
                None => error,
            }
        })?;
        let exprs = exprs
            .into_iter()
            .map(|(expr, pos)| {
                if expr.ty().oid == ty.oid {
                    Ok(expr)
                } else {
                    self.coerce(expr, SqlType::of(ty.oid), CastContext::Implicit, pos)
                }
            })
            .collect::<Result<Vec<_>>>()?;
        Ok((exprs, ty))
    }

    /// The common type of several, with the modifier they agree on.
    pub fn common_type(&self, types: &[SqlType], what: &str) -> Result<SqlType> {
        let oids: Vec<u32> = types.iter().map(|ty| ty.oid).collect();
        let oid = resolve_union(&oids, what)?;
        let known: Vec<SqlType> = types.iter().copied().filter(|ty| ty.oid != oid::UNKNOWN).collect();
        let typmod = if known.len() == types.len() { common_typmod(types) } else { -1 };
        Ok(SqlType { oid, typmod })
    }
}

/// Whether a literal of this type may stand for a time that depends on when it is read, in an array too.
fn names_present(text: &str, ty: SqlType) -> bool {
    let ty = ty.element().unwrap_or(ty);
    if ty.category() != b'D' {
        return false;
    }
    let text = text.to_ascii_lowercase();
    ["now", "today", "tomorrow", "yesterday"].iter().any(|word| text.contains(word))
}
