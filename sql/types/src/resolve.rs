//! Which function, operator or common type an expression means: PostgreSQL's rules (manual, chapter 10).
//!
//! The rules in short. A candidate applies when every argument has its type or can be coerced to it implicitly; an
//! untyped literal or parameter (`unknown`) can be coerced to anything. An exact match wins. Otherwise, in turn: most
//! exact matches; most exact or preferred types where a coercion is needed; for unknown arguments the category that the
//! candidates agree on (string if any accepts it); and last the assumption that unknown arguments have the type of the
//! known ones. More than one left: 42725; none: 42883.
//!
//! Domains and row types are resolved by the caller to their base types first.

use crate::aggregate::Aggregate;
use crate::cast::{Cast, CastContext};
use crate::error::{Error, Result, SqlState};
use crate::function::{Function, Registry};
use crate::operator::Operator;
use crate::sqltype::{SqlType, format_type, oid, type_row};

/// A function chosen for given argument types.
#[derive(Clone, Debug)]
pub struct ResolvedFunction {
    pub function: &'static Function,
    /// The type each argument must be cast to, polymorphic types replaced. As long as the argument list: the surplus
    /// arguments of a variadic function have the element type.
    pub arg_types: Vec<u32>,
    /// The actual result type.
    pub result: u32,
    /// The index of the first argument that goes into the array of a variadic function, if the arguments have to be
    /// gathered into one. `None` for ordinary functions and for `VARIADIC "any"`.
    pub variadic_from: Option<usize>,
}

/// An aggregate chosen for given argument types; fields as in [`ResolvedFunction`].
#[derive(Clone, Debug)]
pub struct ResolvedAggregate {
    pub aggregate: &'static Aggregate,
    pub arg_types: Vec<u32>,
    pub result: u32,
}

/// An operator chosen for given operand types; fields as in [`ResolvedFunction`].
#[derive(Clone, Debug)]
pub struct ResolvedOperator {
    pub operator: &'static Operator,
    /// One type for a prefix operator, two otherwise.
    pub arg_types: Vec<u32>,
    pub result: u32,
}

/// How a value of one type becomes one of another.
#[derive(Clone, Copy, Debug)]
pub enum Coercion {
    /// The representation is the same: nothing to do.
    Relabel,
    /// By this cast.
    Cast(&'static Cast),
    /// Through the text form: print, then parse.
    Text,
    /// Element by element.
    Elements,
}

impl Registry {
    /// # Errors
    /// 42883 no such function, 42725 ambiguous.
    pub fn resolve_function(&self, name: &str, args: &[u32]) -> Result<ResolvedFunction> {
        let _ = args;
        Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("function {name} does not exist")))
    }

    pub fn resolve_aggregate(&self, name: &str, args: &[u32]) -> Result<ResolvedAggregate> {
        let _ = args;
        Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("function {name} does not exist")))
    }

    /// # Errors
    /// 42883 no such operator, 42725 ambiguous.
    pub fn resolve_operator(&self, name: &str, left: Option<u32>, right: u32) -> Result<ResolvedOperator> {
        let _ = (left, right);
        Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {name}")))
    }

    /// How to get from one type to another in this context; `None` if it is not allowed.
    pub fn find_coercion(&self, from: u32, to: u32, context: CastContext) -> Option<Coercion> {
        let _ = (context, type_row(from), format_type(from, -1));
        (from == to).then_some(Coercion::Relabel)
    }
}

/// The common type of the branches of CASE, UNION, VALUES, COALESCE, GREATEST, ARRAY[]; `what` names the construct in
/// the error ("CASE", "UNION", "VALUES", "COALESCE", "ARRAY").
///
/// # Errors
/// 42804 types cannot be matched.
pub fn resolve_union(types: &[u32], what: &str) -> Result<u32> {
    let _ = what;
    Ok(types.first().copied().unwrap_or(oid::TEXT))
}

/// Whether a value of one type may become one of another in this context.
pub fn can_coerce(from: u32, to: u32, context: CastContext) -> bool {
    Registry::builtin().find_coercion(from, to, context).is_some()
}

/// [`Registry::resolve_function`] over the built-in functions.
pub fn resolve_function(name: &str, args: &[u32]) -> Result<ResolvedFunction> {
    Registry::builtin().resolve_function(name, args)
}

/// [`Registry::resolve_operator`] over the built-in operators.
pub fn resolve_operator(name: &str, left: Option<u32>, right: u32) -> Result<ResolvedOperator> {
    Registry::builtin().resolve_operator(name, left, right)
}

/// The typmod that the common type of several expressions keeps: theirs if all agree, else -1.
pub fn common_typmod(types: &[SqlType]) -> i32 {
    match types.split_first() {
        Some((first, rest)) if rest.iter().all(|other| other == first) => first.typmod,
        _ => -1,
    }
}
