//! What `pg_proc` lists: functions, aggregates and window functions.

use types::aggregate::{Aggregate, AggregateKind, aggregates_named, all_aggregates};
use types::oid::{ANYCOMPATIBLE, ANYELEMENT, FLOAT8, INT4, INT8};
use types::{Function, SqlType, Volatility};

use super::registry;

/// A row of `pg_proc`, before it becomes one.
pub(crate) struct Procedure {
    pub oid: u32,
    pub name: &'static str,
    pub kind: ProcedureKind,
    pub args: &'static [u32],
    pub variadic: bool,
    pub result: u32,
    pub strict: bool,
    pub returns_set: bool,
    pub volatility: Volatility,
}

#[derive(Clone, Copy)]
pub(crate) enum ProcedureKind {
    Function,
    Aggregate(AggregateKind),
    Window,
}

/// Those that exist only with OVER, which the binder knows by name: oid, name, arguments, result.
static WINDOW_FUNCTIONS: &[(u32, &str, &[u32], u32)] = &[
    (3100, "row_number", &[], INT8),
    (3101, "rank", &[], INT8),
    (3102, "dense_rank", &[], INT8),
    (3103, "percent_rank", &[], FLOAT8),
    (3104, "cume_dist", &[], FLOAT8),
    (3105, "ntile", &[INT4], INT4),
    (3106, "lag", &[ANYELEMENT], ANYELEMENT),
    (3107, "lag", &[ANYELEMENT, INT4], ANYELEMENT),
    (3108, "lag", &[ANYCOMPATIBLE, INT4, ANYCOMPATIBLE], ANYCOMPATIBLE),
    (3109, "lead", &[ANYELEMENT], ANYELEMENT),
    (3110, "lead", &[ANYELEMENT, INT4], ANYELEMENT),
    (3111, "lead", &[ANYCOMPATIBLE, INT4, ANYCOMPATIBLE], ANYCOMPATIBLE),
    (3112, "first_value", &[ANYELEMENT], ANYELEMENT),
    (3113, "last_value", &[ANYELEMENT], ANYELEMENT),
    (3114, "nth_value", &[ANYELEMENT, INT4], ANYELEMENT),
];

impl Procedure {
    /// What `pg_get_function_arguments` prints.
    pub fn arguments(&self) -> String {
        let last = self.args.len().saturating_sub(1);
        let shown = |(i, arg): (usize, &u32)| {
            let variadic = if self.variadic && i == last { "VARIADIC " } else { "" };
            format!("{variadic}{}", SqlType::of(*arg).name())
        };
        let shown: Vec<String> = self.args.iter().enumerate().map(shown).collect();
        match self.kind {
            ProcedureKind::Aggregate(AggregateKind::OrderedSet) => {
                let (direct, sorted) = shown.split_at(last);
                let blank = if direct.is_empty() { "" } else { " " };
                format!("{}{blank}ORDER BY {}", direct.join(", "), sorted.join(", "))
            }
            ProcedureKind::Aggregate(AggregateKind::HypotheticalSet) => format!("{0} ORDER BY {0}", shown.join(", ")),
            _ => shown.join(", "),
        }
    }
}

impl From<&'static Function> for Procedure {
    fn from(function: &'static Function) -> Procedure {
        Procedure {
            oid: function.oid,
            name: function.name,
            kind: ProcedureKind::Function,
            args: function.args,
            variadic: function.variadic,
            result: function.result,
            strict: function.strict,
            returns_set: function.returns_set,
            volatility: function.volatility,
        }
    }
}

impl From<&'static Aggregate> for Procedure {
    fn from(aggregate: &'static Aggregate) -> Procedure {
        Procedure {
            oid: aggregate.oid,
            name: aggregate.name,
            kind: ProcedureKind::Aggregate(aggregate.kind),
            args: aggregate.args,
            variadic: aggregate.kind == AggregateKind::HypotheticalSet,
            result: aggregate.result,
            strict: false,
            returns_set: false,
            volatility: Volatility::Immutable,
        }
    }
}

fn window_functions() -> impl Iterator<Item = Procedure> {
    WINDOW_FUNCTIONS.iter().map(|&(oid, name, args, result)| Procedure {
        oid,
        name,
        kind: ProcedureKind::Window,
        args,
        variadic: false,
        result,
        strict: !args.is_empty(),
        returns_set: false,
        volatility: Volatility::Immutable,
    })
}

/// Every procedure, in no particular order.
pub(crate) fn all() -> impl Iterator<Item = Procedure> {
    let functions = registry().all_functions().map(Procedure::from);
    functions.chain(all_aggregates().iter().map(Procedure::from)).chain(window_functions())
}

/// The procedure with this oid.
pub(crate) fn by_oid(oid: u32) -> Option<Procedure> {
    let function = registry().function(oid).map(Procedure::from);
    let aggregate = || all_aggregates().iter().find(|aggregate| aggregate.oid == oid).map(Procedure::from);
    function.or_else(aggregate).or_else(|| window_functions().find(|window| window.oid == oid))
}

/// Every procedure with this name.
pub(crate) fn named(name: &str) -> Vec<Procedure> {
    let functions = registry().functions_named(name).iter().copied().map(Procedure::from);
    let aggregates = aggregates_named(name).iter().copied().map(Procedure::from);
    functions.chain(aggregates).chain(window_functions().filter(|window| window.name == name)).collect()
}
