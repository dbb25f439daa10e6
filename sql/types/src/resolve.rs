//! Which function, operator or common type an expression means: PostgreSQL's rules (manual, chapter 10).
//!
//! The rules in short. A candidate applies when every argument has its type or can be coerced to it implicitly; an
//! untyped literal or parameter (`unknown`) can be coerced to anything. An exact match wins. Otherwise, in turn: most
//! exact matches; most exact or preferred types where a coercion is needed; for unknown arguments the category that the
//! candidates agree on (string if any accepts it); and last the assumption that unknown arguments have the type of the
//! known ones. More than one left: 42725; none: 42883.
//!
//! Domains and row types are resolved by the caller to their base types first.

use crate::aggregate::{Aggregate, AggregateKind};
use crate::cast::{Cast, CastContext};
use crate::error::{Error, Result, SqlState};
use crate::function::{Function, Registry};
use crate::operator::Operator;
use crate::sqltype::{SqlType, oid, type_row};

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

/// A candidate's declared arguments, spread to the number of arguments given.
struct Candidate<T> {
    item: T,
    oid: u32,
    declared: Vec<u32>,
    /// Where a variadic function's array begins, when it is spread.
    variadic_from: Option<usize>,
}

fn is_polymorphic(oid: u32) -> bool {
    matches!(
        oid,
        oid::ANYELEMENT
            | oid::ANYARRAY
            | oid::ANYNONARRAY
            | oid::ANYENUM
            | oid::ANYCOMPATIBLE
            | oid::ANYCOMPATIBLEARRAY
            | oid::ANYCOMPATIBLENONARRAY
    )
}

fn is_polymorphic_array(oid: u32) -> bool {
    matches!(oid, oid::ANYARRAY | oid::ANYCOMPATIBLEARRAY)
}

fn category(oid: u32) -> u8 {
    SqlType::of(oid).category()
}

/// Whether `oid` is preferred in its category; in another category never.
fn is_preferred(wanted: u8, oid: u32) -> bool {
    let ty = SqlType::of(oid);
    ty.category() == wanted && ty.is_preferred()
}

/// The types behind the polymorphic arguments of one call.
#[derive(Default)]
struct Bound {
    /// Of anyelement, anyarray, anynonarray, anyenum.
    element: Option<u32>,
    /// Of anycompatible and its kin.
    compatible: Option<u32>,
}

/// Finds the actual types of polymorphic arguments; `None` when they contradict each other.
fn bind_polymorphic(declared: &[u32], actual: &[u32]) -> Option<Bound> {
    let mut bound = Bound::default();
    let mut compatible = Vec::new();
    let mut has_polymorphic = false;
    for (declared, actual) in declared.iter().zip(actual) {
        if !is_polymorphic(*declared) {
            continue;
        }
        has_polymorphic = true;
        if *actual == oid::UNKNOWN {
            continue;
        }
        let element = if is_polymorphic_array(*declared) {
            SqlType::of(*actual).element()?.oid
        } else {
            if matches!(*declared, oid::ANYNONARRAY | oid::ANYCOMPATIBLENONARRAY) && SqlType::of(*actual).is_array() {
                return None;
            }
            if *declared == oid::ANYENUM && type_row(*actual).is_none_or(|row| row.kind != b'e') {
                return None;
            }
            *actual
        };
        if matches!(*declared, oid::ANYCOMPATIBLE | oid::ANYCOMPATIBLEARRAY | oid::ANYCOMPATIBLENONARRAY) {
            compatible.push(element);
        } else if *bound.element.get_or_insert(element) != element {
            return None;
        }
    }
    if !compatible.is_empty() {
        bound.compatible = Some(resolve_union(&compatible, "anycompatible").ok()?);
    }
    // Untyped literals alone are text, except where an array says nothing of its elements.
    if has_polymorphic && bound.element.is_none() && bound.compatible.is_none() {
        bound.element = Some(oid::TEXT);
        bound.compatible = Some(oid::TEXT);
    }
    Some(bound)
}

impl Bound {
    fn actual(&self, declared: u32) -> Option<u32> {
        let array = |element: Option<u32>| SqlType::of(element?).array().map(|ty| ty.oid);
        match declared {
            oid::ANYELEMENT | oid::ANYNONARRAY | oid::ANYENUM => self.element,
            oid::ANYARRAY => array(self.element),
            oid::ANYCOMPATIBLE | oid::ANYCOMPATIBLENONARRAY => self.compatible,
            oid::ANYCOMPATIBLEARRAY => array(self.compatible),
            other => Some(other),
        }
    }
}

impl Registry {
    /// Whether arguments of these types can be passed implicitly.
    fn accepts(&self, declared: &[u32], actual: &[u32]) -> bool {
        let direct = declared.iter().zip(actual).all(|(to, from)| {
            is_polymorphic(*to)
                || *to == oid::ANY
                || *from == oid::UNKNOWN
                || self.find_coercion(*from, *to, CastContext::Implicit).is_some()
        });
        direct && bind_polymorphic(declared, actual).is_some()
    }

    /// PostgreSQL's choice among candidates that all have the right number of arguments (`func_select_candidate`).
    /// `Ok(None)` when none applies, `Err(())` when several are equally good.
    fn choose<T>(
        &self,
        candidates: Vec<Candidate<T>>,
        actual: &[u32],
    ) -> std::result::Result<Option<Candidate<T>>, ()> {
        if let Some(at) = candidates.iter().position(|candidate| candidate.declared == actual) {
            return Ok(candidates.into_iter().nth(at));
        }
        let mut left: Vec<Candidate<T>> =
            candidates.into_iter().filter(|candidate| self.accepts(&candidate.declared, actual)).collect();
        if left.len() <= 1 {
            return Ok(left.pop());
        }
        keep_best(&mut left, |candidate| {
            candidate.declared.iter().zip(actual).filter(|(to, from)| to == from && **from != oid::UNKNOWN).count()
        });
        if left.len() == 1 {
            return Ok(left.pop());
        }
        let known = |i: usize| actual[i] != oid::UNKNOWN;
        keep_best(&mut left, |candidate| {
            let good =
                |(i, to): &(usize, &u32)| known(*i) && (**to == actual[*i] || is_preferred(category(actual[*i]), **to));
            candidate.declared.iter().enumerate().filter(good).count()
        });
        if left.len() == 1 {
            return Ok(left.pop());
        }
        let unknown: Vec<usize> = (0..actual.len()).filter(|i| !known(*i)).collect();
        if unknown.is_empty() {
            return Err(());
        }
        // For each unknown argument the category to prefer, and whether a candidate takes its preferred type.
        let mut wanted: Vec<Option<(u8, bool)>> = vec![None; actual.len()];
        let mut agreed = true;
        for i in &unknown {
            let mut slot: Option<u8> = None;
            let mut has_preferred = false;
            let mut conflict = false;
            for candidate in &left {
                let ty = SqlType::of(candidate.declared[*i]);
                match slot {
                    None => {
                        slot = Some(ty.category());
                        has_preferred = ty.is_preferred();
                    }
                    Some(category) if category == ty.category() => has_preferred |= ty.is_preferred(),
                    Some(_) if ty.category() == b'S' => {
                        slot = Some(b'S');
                        has_preferred = ty.is_preferred();
                    }
                    Some(_) => conflict = true,
                }
            }
            if conflict && slot != Some(b'S') {
                agreed = false;
                break;
            }
            wanted[*i] = slot.map(|category| (category, has_preferred));
        }
        if agreed {
            let fits = |candidate: &Candidate<T>| {
                unknown.iter().all(|i| {
                    let ty = SqlType::of(candidate.declared[*i]);
                    wanted[*i].is_some_and(|(category, preferred)| {
                        ty.category() == category && (!preferred || ty.is_preferred())
                    })
                })
            };
            if left.iter().any(fits) {
                left.retain(fits);
            }
            if left.len() == 1 {
                return Ok(left.pop());
            }
        }
        // Last: take unknown arguments for the one type that the known ones have.
        let mut known_types = actual.iter().filter(|ty| **ty != oid::UNKNOWN);
        if let Some(first) = known_types.next()
            && known_types.all(|ty| ty == first)
        {
            let assumed = vec![*first; actual.len()];
            let mut fitting: Vec<Candidate<T>> =
                left.into_iter().filter(|candidate| self.accepts(&candidate.declared, &assumed)).collect();
            if fitting.len() == 1 {
                return Ok(fitting.pop());
            }
        }
        Err(())
    }

    /// Replaces polymorphic types by actual ones.
    fn settle(declared: &[u32], actual: &[u32], result: u32) -> Result<(Vec<u32>, u32)> {
        let undetermined = || {
            Error::new(
                SqlState::DATATYPE_MISMATCH,
                "could not determine polymorphic type because input has type unknown",
            )
        };
        let bound = bind_polymorphic(declared, actual).ok_or_else(undetermined)?;
        let types = declared.iter().zip(actual).map(|(to, from)| match *to {
            // "any" takes what comes; an untyped literal comes as text.
            oid::ANY if *from == oid::UNKNOWN => Ok(oid::TEXT),
            oid::ANY => Ok(*from),
            to => bound.actual(to).ok_or_else(undetermined),
        });
        Ok((types.collect::<Result<Vec<u32>>>()?, bound.actual(result).ok_or_else(undetermined)?))
    }

    /// # Errors
    /// 42883 no such function, 42725 ambiguous.
    pub fn resolve_function(&self, name: &str, args: &[u32]) -> Result<ResolvedFunction> {
        let mut candidates: Vec<Candidate<&'static Function>> = Vec::new();
        for function in self.functions_named(name).iter().copied() {
            if let Some((declared, variadic_from)) = spread(function, args.len()) {
                // A plain function hides a variadic one that spreads to the same arguments.
                let twin = candidates.iter().position(|other| other.declared == declared);
                let candidate = Candidate { item: function, oid: function.oid, declared, variadic_from };
                match twin {
                    Some(at) if candidates[at].variadic_from.is_some() => candidates[at] = candidate,
                    Some(_) => {}
                    None => candidates.push(candidate),
                }
            }
        }
        self.chosen_function(name, args, candidates)
    }

    /// As [`Registry::resolve_function`], of a call whose last argument is marked VARIADIC: no arguments are gathered.
    ///
    /// # Errors
    /// 42883 no such function, 42725 ambiguous.
    pub fn resolve_variadic(&self, name: &str, args: &[u32]) -> Result<ResolvedFunction> {
        let fitting = self.functions_named(name).iter().copied().filter(|function| function.args.len() == args.len());
        let candidate = |item: &'static Function| Candidate {
            item,
            oid: item.oid,
            declared: item.args.to_vec(),
            variadic_from: None,
        };
        self.chosen_function(name, args, fitting.map(candidate).collect())
    }

    fn chosen_function(
        &self,
        name: &str,
        args: &[u32],
        mut candidates: Vec<Candidate<&'static Function>>,
    ) -> Result<ResolvedFunction> {
        candidates.sort_by_key(|candidate| candidate.oid);
        match self.choose(candidates, args) {
            Ok(Some(chosen)) => {
                let (arg_types, result) = Registry::settle(&chosen.declared, args, chosen.item.result)?;
                Ok(ResolvedFunction { function: chosen.item, arg_types, result, variadic_from: chosen.variadic_from })
            }
            Ok(None) => Err(no_function(name, args)),
            Err(()) => Err(Error::new(
                SqlState::AMBIGUOUS_FUNCTION,
                format!("function {} is not unique", signature(name, args)),
            )
            .hint("Could not choose a best candidate function. You might need to add explicit type casts.")),
        }
    }

    /// An aggregate for these arguments, none for `count(*)`; those of WITHIN GROUP stand behind the direct ones.
    ///
    /// # Errors
    /// 42883 no such aggregate, 42725 ambiguous.
    pub fn resolve_aggregate(&self, name: &str, args: &[u32]) -> Result<ResolvedAggregate> {
        let mut candidates: Vec<Candidate<&'static Aggregate>> = self
            .aggregates_named(name)
            .iter()
            .filter_map(|item| {
                let declared = match item.kind {
                    AggregateKind::HypotheticalSet if !args.is_empty() => vec![oid::ANY; args.len()],
                    _ if item.args.len() == args.len() => item.args.to_vec(),
                    _ => return None,
                };
                Some(Candidate { item: *item, oid: item.oid, declared, variadic_from: None })
            })
            .collect();
        candidates.sort_by_key(|candidate| candidate.oid);
        match self.choose(candidates, args) {
            Ok(Some(chosen)) => {
                let (arg_types, result) = Registry::settle(&chosen.declared, args, chosen.item.result)?;
                Ok(ResolvedAggregate { aggregate: chosen.item, arg_types, result })
            }
            Ok(None) => Err(no_function(name, args)),
            Err(()) => Err(Error::new(
                SqlState::AMBIGUOUS_FUNCTION,
                format!("function {} is not unique", signature(name, args)),
            )
            .hint("Could not choose a best candidate function. You might need to add explicit type casts.")),
        }
    }

    /// # Errors
    /// 42883 no such operator, 42725 ambiguous.
    pub fn resolve_operator(&self, name: &str, left: Option<u32>, right: u32) -> Result<ResolvedOperator> {
        // SQL spells one operator two ways.
        let name = if name == "!=" { "<>" } else { name };
        let actual: Vec<u32> = left.into_iter().chain([right]).collect();
        let mut candidates: Vec<Candidate<&'static Operator>> = self
            .operators_named(name)
            .iter()
            .filter(|operator| operator.left.is_some() == left.is_some())
            .map(|item| {
                let declared = item.left.into_iter().chain([item.right]).collect();
                Candidate { item: *item, oid: item.oid, declared, variadic_from: None }
            })
            .collect();
        candidates.sort_by_key(|candidate| candidate.oid);
        // One unknown operand is first tried as the type of the other.
        if let Some(left) = left
            && (left == oid::UNKNOWN) != (right == oid::UNKNOWN)
        {
            let known = if left == oid::UNKNOWN { right } else { left };
            if let Some(at) = candidates.iter().position(|candidate| candidate.declared == [known, known]) {
                let operator = candidates[at].item;
                return Ok(ResolvedOperator { operator, arg_types: vec![known, known], result: operator.result });
            }
        }
        let shown = || {
            let right = SqlType::of(right).name();
            match left {
                Some(left) => format!("{} {name} {right}", SqlType::of(left).name()),
                None => format!("{name} {right}"),
            }
        };
        match self.choose(candidates, &actual) {
            Ok(Some(chosen)) => {
                let (arg_types, result) = Registry::settle(&chosen.declared, &actual, chosen.item.result)?;
                Ok(ResolvedOperator { operator: chosen.item, arg_types, result })
            }
            Ok(None) => {
                let plural = if left.is_some() { "types" } else { "type" };
                let casts = if left.is_some() { "explicit type casts" } else { "an explicit type cast" };
                Err(Error::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {}", shown())).hint(
                    format!("No operator matches the given name and argument {plural}. You might need to add {casts}."),
                ))
            }
            Err(()) => Err(Error::new(SqlState::AMBIGUOUS_FUNCTION, format!("operator is not unique: {}", shown()))
                .hint("Could not choose a best candidate operator. You might need to add explicit type casts.")),
        }
    }

    /// How to get from one type to another in this context; `None` if it is not allowed.
    pub fn find_coercion(&self, from: u32, to: u32, context: CastContext) -> Option<Coercion> {
        if from == to || to == oid::ANY {
            return Some(Coercion::Relabel);
        }
        if from == oid::UNKNOWN {
            return Some(Coercion::Text);
        }
        if let Some(cast) = self.find_cast(from, to) {
            if cast.context > context {
                return None;
            }
            // Only between these two, of the casts without a function, does our representation surely stay as it is.
            let same = [from, to].iter().all(|ty| matches!(*ty, oid::TEXT | oid::VARCHAR));
            return Some(if same { Coercion::Relabel } else { Coercion::Cast(cast) });
        }
        let (source, target) = (SqlType::of(from), SqlType::of(to));
        // The vectors are arrays, but nothing turns into them element by element: they would draw what is meant for arrays.
        if let (Some(inner), Some(outer)) = (source.element(), target.element())
            && !matches!(to, oid::OIDVECTOR | oid::INT2VECTOR)
        {
            return self.find_coercion(inner.oid, outer.oid, context).map(|_| Coercion::Elements);
        }
        let pseudo = |oid: u32| type_row(oid).is_some_and(|row| row.kind == b'p');
        if pseudo(from) && !matches!(from, oid::RECORD | oid::RECORD_ARRAY) || pseudo(to) {
            return None;
        }
        let text_way = context >= CastContext::Assignment && target.category() == b'S'
            || context == CastContext::Explicit && source.category() == b'S';
        text_way.then_some(Coercion::Text)
    }
}

fn keep_best<T>(candidates: &mut Vec<Candidate<T>>, score: impl Fn(&Candidate<T>) -> usize) {
    let best = candidates.iter().map(&score).max().unwrap_or(0);
    candidates.retain(|candidate| score(candidate) == best);
}

/// A function's declared types for a number of arguments, and where its variadic array begins if it is spread.
fn spread(function: &Function, count: usize) -> Option<(Vec<u32>, Option<usize>)> {
    let declared = function.args;
    if !function.variadic {
        return (declared.len() == count).then(|| (declared.to_vec(), None));
    }
    let fixed = declared.len() - 1;
    if count < declared.len() {
        return None;
    }
    let last = declared[fixed];
    let mut types = declared[..fixed].to_vec();
    if last == oid::ANY {
        types.resize(count, oid::ANY);
        return Some((types, None));
    }
    let element = match last {
        oid::ANYARRAY => oid::ANYELEMENT,
        oid::ANYCOMPATIBLEARRAY => oid::ANYCOMPATIBLE,
        array => SqlType::of(array).element()?.oid,
    };
    types.resize(count, element);
    Some((types, Some(fixed)))
}

fn signature(name: &str, args: &[u32]) -> String {
    let types: Vec<String> = args.iter().map(|ty| SqlType::of(*ty).name()).collect();
    format!("{name}({})", types.join(", "))
}

fn no_function(name: &str, args: &[u32]) -> Error {
    Error::new(SqlState::UNDEFINED_FUNCTION, format!("function {} does not exist", signature(name, args)))
        .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

/// The common type of the branches of CASE, UNION, VALUES, COALESCE, GREATEST, ARRAY[]; `what` names the construct in
/// the error ("CASE", "UNION", "VALUES", "COALESCE", "ARRAY").
///
/// # Errors
/// 42804 types cannot be matched.
pub fn resolve_union(types: &[u32], what: &str) -> Result<u32> {
    let mut known = types.iter().copied().filter(|ty| *ty != oid::UNKNOWN);
    let Some(mut chosen) = known.next() else { return Ok(oid::TEXT) };
    let registry = Registry::builtin();
    let implicit = |from: u32, to: u32| registry.find_coercion(from, to, CastContext::Implicit).is_some();
    for ty in known {
        if ty == chosen {
            continue;
        }
        let mismatch = || {
            let (a, b) = (SqlType::of(chosen).name(), SqlType::of(ty).name());
            Error::new(SqlState::DATATYPE_MISMATCH, format!("{what} types {a} and {b} cannot be matched"))
        };
        if category(ty) != category(chosen) {
            return Err(mismatch());
        }
        // A preferred type stays; otherwise the other wins when it can take this one but not the reverse.
        if !SqlType::of(chosen).is_preferred() && implicit(chosen, ty) && !implicit(ty, chosen) {
            chosen = ty;
        } else if !implicit(ty, chosen) && !implicit(chosen, ty) {
            let (a, b) = (SqlType::of(ty).name(), SqlType::of(chosen).name());
            return Err(Error::new(SqlState::CANNOT_COERCE, format!("{what} could not convert type {a} to {b}")));
        }
    }
    Ok(chosen)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_resolve_as_in_postgresql() {
        // (left, operator, right, left and right after coercion, result), as pg_typeof and EXPLAIN show them.
        for (left, name, right, types, result) in [
            (oid::INT4, "+", oid::INT4, [oid::INT4, oid::INT4], oid::INT4),
            (oid::INT2, "+", oid::INT8, [oid::INT2, oid::INT8], oid::INT8),
            (oid::INT4, "+", oid::NUMERIC, [oid::NUMERIC, oid::NUMERIC], oid::NUMERIC),
            (oid::NUMERIC, "*", oid::FLOAT8, [oid::FLOAT8, oid::FLOAT8], oid::FLOAT8),
            (oid::INT4, "=", oid::UNKNOWN, [oid::INT4, oid::INT4], oid::BOOL),
            (oid::VARCHAR, "=", oid::UNKNOWN, [oid::TEXT, oid::TEXT], oid::BOOL),
            (oid::VARCHAR, "=", oid::TEXT, [oid::TEXT, oid::TEXT], oid::BOOL),
            (oid::BPCHAR, "=", oid::UNKNOWN, [oid::BPCHAR, oid::BPCHAR], oid::BOOL),
            (oid::UNKNOWN, "=", oid::UNKNOWN, [oid::TEXT, oid::TEXT], oid::BOOL),
            (oid::UNKNOWN, "||", oid::UNKNOWN, [oid::TEXT, oid::TEXT], oid::TEXT),
            (oid::TEXT, "||", oid::INT4, [oid::TEXT, oid::INT4], oid::TEXT),
            (oid::INT4_ARRAY, "||", oid::INT4, [oid::INT4_ARRAY, oid::INT4], oid::INT4_ARRAY),
            (oid::TEXT, "~~", oid::UNKNOWN, [oid::TEXT, oid::TEXT], oid::BOOL),
            (oid::NAME, "=", oid::UNKNOWN, [oid::NAME, oid::NAME], oid::BOOL),
            (oid::NAME, "~", oid::UNKNOWN, [oid::NAME, oid::TEXT], oid::BOOL),
            (oid::OID, "=", oid::INT4, [oid::OID, oid::OID], oid::BOOL),
            (oid::REGCLASS, "=", oid::OID, [oid::OID, oid::OID], oid::BOOL),
            (oid::DATE, "+", oid::INT4, [oid::DATE, oid::INT4], oid::DATE),
            (oid::DATE, "+", oid::INTERVAL, [oid::DATE, oid::INTERVAL], oid::TIMESTAMP),
            (oid::TIMESTAMPTZ, "-", oid::TIMESTAMPTZ, [oid::TIMESTAMPTZ, oid::TIMESTAMPTZ], oid::INTERVAL),
            (oid::DATE, ">=", oid::UNKNOWN, [oid::DATE, oid::DATE], oid::BOOL),
            (oid::TIMESTAMPTZ, "<", oid::DATE, [oid::TIMESTAMPTZ, oid::DATE], oid::BOOL),
            (oid::CHAR, "=", oid::UNKNOWN, [oid::CHAR, oid::CHAR], oid::BOOL),
            (oid::OID_ARRAY, "=", oid::UNKNOWN, [oid::OID_ARRAY, oid::OID_ARRAY], oid::BOOL),
            (oid::INT2_ARRAY, "=", oid::UNKNOWN, [oid::INT2_ARRAY, oid::INT2_ARRAY], oid::BOOL),
            (oid::OIDVECTOR, "=", oid::UNKNOWN, [oid::OIDVECTOR, oid::OIDVECTOR], oid::BOOL),
            (oid::INT4_ARRAY, "||", oid::UNKNOWN, [oid::INT4_ARRAY, oid::INT4_ARRAY], oid::INT4_ARRAY),
        ] {
            let found = resolve_operator(name, Some(left), right)
                .unwrap_or_else(|error| panic!("{left} {name} {right}: {error}"));
            assert_eq!((&found.arg_types[..], found.result), (&types[..], result), "{left} {name} {right}");
        }
        let error = resolve_operator("=", Some(oid::INT4), oid::TEXT).expect_err("no such operator");
        assert_eq!(error.message, "operator does not exist: integer = text");
        assert_eq!(error.sqlstate, SqlState::UNDEFINED_FUNCTION);
        let error = resolve_operator("+", Some(oid::UNKNOWN), oid::UNKNOWN).expect_err("too many operators");
        assert_eq!(error.sqlstate, SqlState::AMBIGUOUS_FUNCTION);
        assert_eq!(resolve_operator("-", None, oid::INT4).expect("negation").result, oid::INT4);
    }

    #[test]
    fn functions_resolve_as_in_postgresql() {
        for (name, args, types, result) in [
            ("abs", &[oid::INT2][..], &[oid::INT2][..], oid::INT2),
            ("round", &[oid::INT4], &[oid::FLOAT8], oid::FLOAT8),
            ("round", &[oid::NUMERIC, oid::INT4], &[oid::NUMERIC, oid::INT4], oid::NUMERIC),
            ("length", &[oid::UNKNOWN], &[oid::TEXT], oid::INT4),
            ("upper", &[oid::VARCHAR], &[oid::TEXT], oid::TEXT),
            ("sqrt", &[oid::INT4], &[oid::FLOAT8], oid::FLOAT8),
            ("concat", &[oid::INT4, oid::UNKNOWN], &[oid::INT4, oid::TEXT], oid::TEXT),
            ("array_append", &[oid::INT4_ARRAY, oid::INT2], &[oid::INT4_ARRAY, oid::INT4], oid::INT4_ARRAY),
            ("unnest", &[oid::TEXT_ARRAY], &[oid::TEXT_ARRAY], oid::TEXT),
            ("date_trunc", &[oid::UNKNOWN, oid::DATE], &[oid::TEXT, oid::TIMESTAMPTZ], oid::TIMESTAMPTZ),
            ("generate_series", &[oid::INT4, oid::INT8], &[oid::INT8, oid::INT8], oid::INT8),
            ("substring", &[oid::UNKNOWN, oid::INT4, oid::INT4], &[oid::TEXT, oid::INT4, oid::INT4], oid::TEXT),
        ] {
            let found = resolve_function(name, args).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((&found.arg_types[..], found.result), (types, result), "{name} {args:?}");
        }
        let error = resolve_function("lower", &[oid::INT4]).expect_err("no such function");
        assert_eq!(error.message, "function lower(integer) does not exist");
    }

    #[test]
    fn aggregates_and_unions() {
        let registry = Registry::builtin();
        for (name, arg, result) in [
            ("sum", oid::INT4, oid::INT8),
            ("sum", oid::INT8, oid::NUMERIC),
            ("avg", oid::INT2, oid::NUMERIC),
            ("avg", oid::FLOAT4, oid::FLOAT8),
            ("min", oid::VARCHAR, oid::TEXT),
            ("max", oid::DATE, oid::DATE),
            ("array_agg", oid::INT4, oid::INT4_ARRAY),
            ("count", oid::INT4_ARRAY, oid::INT8),
        ] {
            assert_eq!(registry.resolve_aggregate(name, &[arg]).expect("an aggregate").result, result, "{name}({arg})");
        }
        assert_eq!(resolve_union(&[oid::INT4, oid::UNKNOWN, oid::NUMERIC], "CASE"), Ok(oid::NUMERIC));
        assert_eq!(resolve_union(&[oid::UNKNOWN, oid::UNKNOWN], "CASE"), Ok(oid::TEXT));
        assert_eq!(resolve_union(&[oid::DATE, oid::TIMESTAMPTZ], "CASE"), Ok(oid::TIMESTAMPTZ));
        let error = resolve_union(&[oid::INT4, oid::TEXT], "UNION").expect_err("no common type");
        assert_eq!(error.message, "UNION types integer and text cannot be matched");
        assert!(can_coerce(oid::INT4, oid::INT8, CastContext::Implicit));
        assert!(!can_coerce(oid::INT8, oid::INT4, CastContext::Implicit));
        assert!(can_coerce(oid::INT8, oid::INT4, CastContext::Assignment));
        assert!(!can_coerce(oid::TEXT, oid::INT4, CastContext::Assignment));
        assert!(can_coerce(oid::TEXT, oid::INT4, CastContext::Explicit));
    }
}
