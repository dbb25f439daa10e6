//! Calls with WITHIN GROUP: of ordered-set aggregates and of hypothetical-set aggregates.
//!
//! What is looked up has the columns of WITHIN GROUP as its last arguments. The bound call keeps them as its order, and the
//! direct arguments as its arguments.

use types::aggregate::AggregateKind;
use types::cast::CastContext;
use types::{Error, Result, SqlState, SqlType, oid};

use super::Binder;
use super::call::{AggregateParts, sort_key};
use crate::bound::Expr;
use crate::parse::ast::FunctionCall;

impl Binder<'_> {
    pub(super) fn ordered_set_parts(&mut self, call: &FunctionCall, pos: u32) -> Result<AggregateParts> {
        let name = call.name.object();
        let exprs = call.args.iter().map(|arg| &arg.expr).chain(call.order.iter().map(|key| &key.expr));
        let mut direct = Vec::with_capacity(call.args.len() + call.order.len());
        for expr in exprs {
            direct.push((self.expr(expr)?, expr.pos));
        }
        let types: Vec<u32> = direct.iter().map(|(arg, _)| arg.ty().oid).collect();
        let resolved = self.registry.resolve_aggregate(name, &types).map_err(|error| error.at(pos + 1))?;
        let sorted = direct.split_off(call.args.len());
        let wanted = match resolved.aggregate.kind {
            AggregateKind::Normal => {
                let message = format!("{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP");
                return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).at(pos + 1));
            }
            AggregateKind::OrderedSet => resolved.arg_types.len() - 1,
            AggregateKind::HypotheticalSet => sorted.len(),
        };
        if call.over.is_some() {
            let message = format!("OVER is not supported for ordered-set aggregate {name}");
            return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(pos + 1));
        }
        if direct.len() != wanted {
            let shown: Vec<String> = types.iter().map(|ty| SqlType::of(*ty).name()).collect();
            let message = format!("function {name}({}) does not exist", shown.join(", "));
            let given = direct.len();
            let hint = if resolved.aggregate.kind == AggregateKind::HypotheticalSet {
                format!(
                    "To use the hypothetical-set aggregate {name}, the number of hypothetical direct arguments (here \
                     {given}) must match the number of ordering columns (here {wanted})."
                )
            } else {
                let plural = if wanted == 1 { "" } else { "s" };
                format!(
                    "There is an ordered-set aggregate {name}, but it requires {wanted} direct argument{plural}, not \
                     {given}."
                )
            };
            return Err(Error::new(SqlState::UNDEFINED_FUNCTION, message).hint(hint).at(pos + 1));
        }
        if resolved.aggregate.args.last() == Some(&oid::ANYELEMENT) && types.last() == Some(&oid::UNKNOWN) {
            let message = "could not determine polymorphic type because input has type unknown";
            return Err(Error::new(SqlState::DATATYPE_MISMATCH, message));
        }
        let arg_types = match resolved.aggregate.kind {
            AggregateKind::HypotheticalSet => self.common_types(&direct, &sorted)?,
            _ => resolved.arg_types,
        };
        let mut args = Vec::with_capacity(wanted);
        for ((arg, place), &to) in direct.into_iter().zip(&arg_types) {
            args.push(self.coerce(arg, SqlType::of(to), CastContext::Implicit, place)?);
        }
        let mut order = Vec::with_capacity(sorted.len());
        for (((expr, place), &to), key) in sorted.into_iter().zip(&arg_types[wanted..]).zip(&call.order) {
            let expr = self.coerce(expr, SqlType::of(to), CastContext::Implicit, place)?;
            super::select::comparable(expr.ty(), "ordering").map_err(|error| error.at(key.expr.start() + 1))?;
            order.push(sort_key(expr, key));
        }
        let filter = self.aggregate_filter(call)?;
        Ok((resolved.aggregate, args, order, filter, SqlType::of(resolved.result)))
    }

    /// The types in which the columns of WITHIN GROUP compare to those of the hypothetical row: of the latter, then of the
    /// former.
    fn common_types(&self, direct: &[(Expr, u32)], sorted: &[(Expr, u32)]) -> Result<Vec<u32>> {
        let common = |((given, place), (column, _)): (&(Expr, u32), &(Expr, u32))| {
            let ty = self.common_type(&[column.ty(), given.ty()], "WITHIN GROUP");
            ty.map(|ty| ty.oid).map_err(|error| error.at(place + 1))
        };
        let types = direct.iter().zip(sorted).map(common).collect::<Result<Vec<u32>>>()?;
        Ok(types.repeat(2))
    }
}
