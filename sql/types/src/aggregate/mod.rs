//! Aggregate functions: rows of `pg_proc` with an accumulator behind them.
//!
//! Result types are PostgreSQL's: sum(int4) is a bigint, sum(int8) and avg of integers are numeric. Nulls are skipped by
//! all but count(*) and array_agg. DISTINCT, ORDER BY, WITHIN GROUP and FILTER are the executor's: an accumulator sees the
//! rows that count, in the order that counts.

mod accumulate;
mod json;
mod ordered;
mod regression;
mod spread;

use crate::datum::Datum;
use crate::error::Result;
use crate::function::Registry;
use crate::settings::Settings;
use crate::sqltype::SqlType;
use crate::sqltype::oid::*;

pub use accumulate::array_of_arrays;
use accumulate::*;
use json::{JsonArray, JsonObject};
use ordered::{CUME_DIST, DENSE_RANK, Mode, PERCENT_RANK, Percentile, RANK, Standing};
use regression::{PairCount, Pairs, Regression};
use spread::*;

/// An aggregate.
#[derive(Debug)]
pub struct Aggregate {
    pub oid: u32,
    pub name: &'static str,
    pub kind: AggregateKind,
    /// Declared argument types, without those of ORDER BY but with those of WITHIN GROUP. Empty for `count(*)`.
    pub args: &'static [u32],
    pub result: u32,
    /// A fresh state that has not been told the argument types: prefer [`Aggregate::start`].
    pub new: fn() -> Box<dyn Accumulator>,
}

/// How the rows of a group come to an aggregate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AggregateKind {
    /// By its arguments.
    Normal,
    /// By the value that WITHIN GROUP sorts, the last argument; those before it are direct.
    OrderedSet,
    /// By how each compares to the hypothetical row that the direct arguments make: an integer below, at or above 0, and
    /// whether it is no peer of the one before it. There are as many direct arguments as WITHIN GROUP has columns.
    HypotheticalSet,
}

impl Aggregate {
    /// A fresh state for arguments of these actual types.
    pub fn start(&self, arg_types: &[SqlType], settings: &Settings) -> Box<dyn Accumulator> {
        let mut state = (self.new)();
        state.bind(arg_types, settings);
        state
    }
}

/// The running state of one aggregate over one group.
pub trait Accumulator: Send {
    /// Tells the actual types of the arguments and the session's settings, before the first row.
    fn bind(&mut self, _arg_types: &[SqlType], _settings: &Settings) {}

    /// Tells the direct arguments of an ordered-set aggregate, before the first row.
    fn direct(&mut self, _args: &[Datum]) {}

    /// Takes one row. Strict aggregates skip nulls themselves.
    fn add(&mut self, args: &[Datum]) -> Result<()>;

    /// The result so far; the state can take more rows afterwards.
    fn finish(&mut self) -> Result<Datum>;

    /// Bytes held beyond the state itself, for memory accounting.
    fn size(&self) -> usize {
        0
    }
}

/// The json_agg of rows, which shows each on a line of its own.
pub const JSON_AGG_OF_ROWS: u32 = 15_933;

/// Every aggregate.
pub fn all_aggregates() -> &'static [Aggregate] {
    AGGREGATES
}

/// Every aggregate with this name.
pub fn aggregates_named(name: &str) -> &'static [&'static Aggregate] {
    Registry::builtin().aggregates_named(name)
}

fn new<T: Accumulator + Default + 'static>() -> Box<dyn Accumulator> {
    Box::new(T::default())
}

const fn row(
    oid: u32,
    name: &'static str,
    args: &'static [u32],
    result: u32,
    new: fn() -> Box<dyn Accumulator>,
) -> Aggregate {
    Aggregate { oid, name, kind: AggregateKind::Normal, args, result, new }
}

const fn ordered(
    oid: u32,
    name: &'static str,
    args: &'static [u32],
    result: u32,
    new: fn() -> Box<dyn Accumulator>,
) -> Aggregate {
    Aggregate { kind: AggregateKind::OrderedSet, ..row(oid, name, args, result, new) }
}

const fn hypothetical(oid: u32, name: &'static str, result: u32, new: fn() -> Box<dyn Accumulator>) -> Aggregate {
    Aggregate { kind: AggregateKind::HypotheticalSet, ..row(oid, name, &[ANY], result, new) }
}

#[rustfmt::skip]
static AGGREGATES: &[Aggregate] = &[
    row(2050, "max", &[ANYARRAY], ANYARRAY, new::<Extreme<true>>),
    row(2051, "min", &[ANYARRAY], ANYARRAY, new::<Extreme<false>>),
    row(2100, "avg", &[INT8], NUMERIC, new::<IntegerAverage>),
    row(2101, "avg", &[INT4], NUMERIC, new::<IntegerAverage>),
    row(2102, "avg", &[INT2], NUMERIC, new::<IntegerAverage>),
    row(2103, "avg", &[NUMERIC], NUMERIC, new::<NumericAverage>),
    row(2104, "avg", &[FLOAT4], FLOAT8, new::<FloatAverage>),
    row(2105, "avg", &[FLOAT8], FLOAT8, new::<FloatAverage>),
    row(2106, "avg", &[INTERVAL], INTERVAL, new::<IntervalSum<true>>),
    row(2107, "sum", &[INT8], NUMERIC, new::<WideSum>),
    row(2108, "sum", &[INT4], INT8, new::<IntegerSum>),
    row(2109, "sum", &[INT2], INT8, new::<IntegerSum>),
    row(2110, "sum", &[FLOAT4], FLOAT4, new::<FloatSum>),
    row(2111, "sum", &[FLOAT8], FLOAT8, new::<FloatSum>),
    row(2113, "sum", &[INTERVAL], INTERVAL, new::<IntervalSum<false>>),
    row(2114, "sum", &[NUMERIC], NUMERIC, new::<NumericSum>),
    row(2115, "max", &[INT8], INT8, new::<Extreme<true>>),
    row(2116, "max", &[INT4], INT4, new::<Extreme<true>>),
    row(2117, "max", &[INT2], INT2, new::<Extreme<true>>),
    row(2118, "max", &[OID], OID, new::<Extreme<true>>),
    row(2119, "max", &[FLOAT4], FLOAT4, new::<Extreme<true>>),
    row(2120, "max", &[FLOAT8], FLOAT8, new::<Extreme<true>>),
    row(2122, "max", &[DATE], DATE, new::<Extreme<true>>),
    row(2123, "max", &[TIME], TIME, new::<Extreme<true>>),
    row(2126, "max", &[TIMESTAMP], TIMESTAMP, new::<Extreme<true>>),
    row(2127, "max", &[TIMESTAMPTZ], TIMESTAMPTZ, new::<Extreme<true>>),
    row(2128, "max", &[INTERVAL], INTERVAL, new::<Extreme<true>>),
    row(2129, "max", &[TEXT], TEXT, new::<Extreme<true>>),
    row(2130, "max", &[NUMERIC], NUMERIC, new::<Extreme<true>>),
    row(2131, "min", &[INT8], INT8, new::<Extreme<false>>),
    row(2132, "min", &[INT4], INT4, new::<Extreme<false>>),
    row(2133, "min", &[INT2], INT2, new::<Extreme<false>>),
    row(2134, "min", &[OID], OID, new::<Extreme<false>>),
    row(2135, "min", &[FLOAT4], FLOAT4, new::<Extreme<false>>),
    row(2136, "min", &[FLOAT8], FLOAT8, new::<Extreme<false>>),
    row(2138, "min", &[DATE], DATE, new::<Extreme<false>>),
    row(2139, "min", &[TIME], TIME, new::<Extreme<false>>),
    row(2142, "min", &[TIMESTAMP], TIMESTAMP, new::<Extreme<false>>),
    row(2143, "min", &[TIMESTAMPTZ], TIMESTAMPTZ, new::<Extreme<false>>),
    row(2144, "min", &[INTERVAL], INTERVAL, new::<Extreme<false>>),
    row(2145, "min", &[TEXT], TEXT, new::<Extreme<false>>),
    row(2146, "min", &[NUMERIC], NUMERIC, new::<Extreme<false>>),
    row(2147, "count", &[ANY], INT8, new::<Count>),
    row(2148, "variance", &[INT8], NUMERIC, new::<NumericSpread<false, true>>),
    row(2149, "variance", &[INT4], NUMERIC, new::<NumericSpread<false, true>>),
    row(2150, "variance", &[INT2], NUMERIC, new::<NumericSpread<false, true>>),
    row(2151, "variance", &[FLOAT4], FLOAT8, new::<FloatSpread<false, true>>),
    row(2152, "variance", &[FLOAT8], FLOAT8, new::<FloatSpread<false, true>>),
    row(2153, "variance", &[NUMERIC], NUMERIC, new::<NumericSpread<false, true>>),
    row(2154, "stddev", &[INT8], NUMERIC, new::<NumericSpread<true, true>>),
    row(2155, "stddev", &[INT4], NUMERIC, new::<NumericSpread<true, true>>),
    row(2156, "stddev", &[INT2], NUMERIC, new::<NumericSpread<true, true>>),
    row(2157, "stddev", &[FLOAT4], FLOAT8, new::<FloatSpread<true, true>>),
    row(2158, "stddev", &[FLOAT8], FLOAT8, new::<FloatSpread<true, true>>),
    row(2159, "stddev", &[NUMERIC], NUMERIC, new::<NumericSpread<true, true>>),
    row(2236, "bit_and", &[INT2], INT2, new::<Bits<'&'>>),
    row(2237, "bit_or", &[INT2], INT2, new::<Bits<'|'>>),
    row(2238, "bit_and", &[INT4], INT4, new::<Bits<'&'>>),
    row(2239, "bit_or", &[INT4], INT4, new::<Bits<'|'>>),
    row(2240, "bit_and", &[INT8], INT8, new::<Bits<'&'>>),
    row(2241, "bit_or", &[INT8], INT8, new::<Bits<'|'>>),
    row(2244, "max", &[BPCHAR], BPCHAR, new::<PaddedExtreme<true>>),
    row(2245, "min", &[BPCHAR], BPCHAR, new::<PaddedExtreme<false>>),
    row(2335, "array_agg", &[ANYNONARRAY], ANYARRAY, new::<Gathered>),
    row(2517, "bool_and", &[BOOL], BOOL, new::<Every<true>>),
    row(2518, "bool_or", &[BOOL], BOOL, new::<Every<false>>),
    row(2519, "every", &[BOOL], BOOL, new::<Every<true>>),
    row(2641, "var_samp", &[INT8], NUMERIC, new::<NumericSpread<false, true>>),
    row(2642, "var_samp", &[INT4], NUMERIC, new::<NumericSpread<false, true>>),
    row(2643, "var_samp", &[INT2], NUMERIC, new::<NumericSpread<false, true>>),
    row(2644, "var_samp", &[FLOAT4], FLOAT8, new::<FloatSpread<false, true>>),
    row(2645, "var_samp", &[FLOAT8], FLOAT8, new::<FloatSpread<false, true>>),
    row(2646, "var_samp", &[NUMERIC], NUMERIC, new::<NumericSpread<false, true>>),
    row(2712, "stddev_samp", &[INT8], NUMERIC, new::<NumericSpread<true, true>>),
    row(2713, "stddev_samp", &[INT4], NUMERIC, new::<NumericSpread<true, true>>),
    row(2714, "stddev_samp", &[INT2], NUMERIC, new::<NumericSpread<true, true>>),
    row(2715, "stddev_samp", &[FLOAT4], FLOAT8, new::<FloatSpread<true, true>>),
    row(2716, "stddev_samp", &[FLOAT8], FLOAT8, new::<FloatSpread<true, true>>),
    row(2717, "stddev_samp", &[NUMERIC], NUMERIC, new::<NumericSpread<true, true>>),
    row(2718, "var_pop", &[INT8], NUMERIC, new::<NumericSpread<false, false>>),
    row(2719, "var_pop", &[INT4], NUMERIC, new::<NumericSpread<false, false>>),
    row(2720, "var_pop", &[INT2], NUMERIC, new::<NumericSpread<false, false>>),
    row(2721, "var_pop", &[FLOAT4], FLOAT8, new::<FloatSpread<false, false>>),
    row(2722, "var_pop", &[FLOAT8], FLOAT8, new::<FloatSpread<false, false>>),
    row(2723, "var_pop", &[NUMERIC], NUMERIC, new::<NumericSpread<false, false>>),
    row(2724, "stddev_pop", &[INT8], NUMERIC, new::<NumericSpread<true, false>>),
    row(2725, "stddev_pop", &[INT4], NUMERIC, new::<NumericSpread<true, false>>),
    row(2726, "stddev_pop", &[INT2], NUMERIC, new::<NumericSpread<true, false>>),
    row(2727, "stddev_pop", &[FLOAT4], FLOAT8, new::<FloatSpread<true, false>>),
    row(2728, "stddev_pop", &[FLOAT8], FLOAT8, new::<FloatSpread<true, false>>),
    row(2729, "stddev_pop", &[NUMERIC], NUMERIC, new::<NumericSpread<true, false>>),
    row(2797, "max", &[TID], TID, new::<Extreme<true>>),
    row(2798, "min", &[TID], TID, new::<Extreme<false>>),
    row(2803, "count", &[], INT8, new::<Count>),
    row(2818, "regr_count", &[FLOAT8, FLOAT8], INT8, new::<PairCount>),
    row(2819, "regr_sxx", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::sum_xx)),
    row(2820, "regr_syy", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::sum_yy)),
    row(2821, "regr_sxy", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::sum_xy)),
    row(2822, "regr_avgx", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::average_x)),
    row(2823, "regr_avgy", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::average_y)),
    row(2824, "regr_r2", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::determination)),
    row(2825, "regr_slope", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::slope)),
    row(2826, "regr_intercept", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::intercept)),
    row(2827, "covar_pop", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::covariance)),
    row(2828, "covar_samp", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::sample_covariance)),
    row(2829, "corr", &[FLOAT8, FLOAT8], FLOAT8, || Regression::of(Pairs::correlation)),
    row(3175, "json_agg", &[ANYELEMENT], JSON, new::<JsonArray<false, false>>),
    row(3197, "json_object_agg", &[ANY, ANY], JSON, new::<JsonObject<false>>),
    row(3267, "jsonb_agg", &[ANYELEMENT], JSONB, new::<JsonArray<true, false>>),
    row(3270, "jsonb_object_agg", &[ANY, ANY], JSONB, new::<JsonObject<true>>),
    row(3526, "max", &[ANYENUM], ANYENUM, new::<Extreme<true>>),
    row(3527, "min", &[ANYENUM], ANYENUM, new::<Extreme<false>>),
    row(3538, "string_agg", &[TEXT, TEXT], TEXT, new::<Joined>),
    row(3545, "string_agg", &[BYTEA, BYTEA], BYTEA, new::<Joined>),
    ordered(3972, "percentile_disc", &[FLOAT8, ANYELEMENT], ANYELEMENT, new::<Percentile<false>>),
    ordered(3974, "percentile_cont", &[FLOAT8, FLOAT8], FLOAT8, new::<Percentile<true>>),
    ordered(3976, "percentile_cont", &[FLOAT8, INTERVAL], INTERVAL, new::<Percentile<true>>),
    ordered(3978, "percentile_disc", &[FLOAT8_ARRAY, ANYELEMENT], ANYARRAY, new::<Percentile<false>>),
    ordered(3980, "percentile_cont", &[FLOAT8_ARRAY, FLOAT8], FLOAT8_ARRAY, new::<Percentile<true>>),
    ordered(3982, "percentile_cont", &[FLOAT8_ARRAY, INTERVAL], INTERVAL_ARRAY, new::<Percentile<true>>),
    ordered(3984, "mode", &[ANYELEMENT], ANYELEMENT, new::<Mode>),
    hypothetical(3986, "rank", INT8, new::<Standing<RANK>>),
    hypothetical(3988, "percent_rank", FLOAT8, new::<Standing<PERCENT_RANK>>),
    hypothetical(3990, "cume_dist", FLOAT8, new::<Standing<CUME_DIST>>),
    hypothetical(3992, "dense_rank", INT8, new::<Standing<DENSE_RANK>>),
    row(4053, "array_agg", &[ANYARRAY], ANYARRAY, new::<GatheredArrays>),
    row(4189, "max", &[PG_LSN], PG_LSN, new::<Extreme<true>>),
    row(4190, "min", &[PG_LSN], PG_LSN, new::<Extreme<false>>),
    // An oid of our own: rows are told from other values here, not when they are met.
    row(JSON_AGG_OF_ROWS, "json_agg", &[RECORD], JSON, new::<JsonArray<false, true>>),
    row(5099, "max", &[XID8], XID8, new::<Extreme<true>>),
    row(5100, "min", &[XID8], XID8, new::<Extreme<false>>),
    row(6164, "bit_xor", &[INT2], INT2, new::<Bits<'#'>>),
    row(6165, "bit_xor", &[INT4], INT4, new::<Bits<'#'>>),
    row(6166, "bit_xor", &[INT8], INT8, new::<Bits<'#'>>),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::Numeric;
    use crate::text_io;

    fn run(name: &str, ty: SqlType, values: &[&str]) -> String {
        let settings = Settings::default();
        let found = Registry::builtin().resolve_aggregate(name, &[ty.oid]).expect("an aggregate");
        let target = SqlType::of(found.arg_types[0]);
        let mut state = found.aggregate.start(&[target], &settings);
        for value in values {
            let datum = match *value {
                "null" => Datum::Null,
                text => text_io::parse(text, ty, &settings).expect("a value"),
            };
            let datum = crate::cast::cast(&datum, ty, target, &settings, false).expect("castable");
            state.add(&[datum]).expect("fits");
        }
        let result = state.finish().expect("fits");
        if result.is_null() { "null".into() } else { text_io::to_text(&result, SqlType::of(found.result), &settings) }
    }

    #[test]
    fn results_are_those_of_postgresql() {
        for (name, ty, values, expected) in [
            ("sum", SqlType::INT4, &["2147483647", "2147483647", "null"][..], "4294967294"),
            ("sum", SqlType::INT8, &["9223372036854775807", "1"], "9223372036854775808"),
            ("sum", SqlType::NUMERIC, &["1.10", "2.2"], "3.30"),
            ("sum", SqlType::INT4, &[], "null"),
            ("sum", SqlType::FLOAT8, &["0.1", "0.2"], "0.30000000000000004"),
            ("sum", SqlType::INTERVAL, &["1 day", "2:00"], "1 day 02:00:00"),
            ("avg", SqlType::INTERVAL, &["1 day", "2 days"], "1 day 12:00:00"),
            ("avg", SqlType::INT4, &["1", "2"], "1.5000000000000000"),
            ("avg", SqlType::INT8, &["1", "2", "2"], "1.6666666666666667"),
            ("avg", SqlType::NUMERIC, &["1", "null", "2.5"], "1.7500000000000000"),
            ("avg", SqlType::FLOAT8, &["1", "2"], "1.5"),
            ("count", SqlType::INT4, &["1", "null"], "1"),
            ("min", SqlType::TEXT, &["b", "a", "null"], "a"),
            ("max", SqlType::FLOAT8, &["1", "NaN", "2"], "NaN"),
            ("max", SqlType::DATE, &["2024-01-01", "2024-02-01"], "2024-02-01"),
            ("bool_and", SqlType::BOOL, &["t", "f"], "f"),
            ("bool_or", SqlType::BOOL, &["null", "f", "t"], "t"),
            ("every", SqlType::BOOL, &["null"], "null"),
            ("array_agg", SqlType::INT4, &["1", "null", "3"], "{1,NULL,3}"),
            ("bit_or", SqlType::INT4, &["1", "4"], "5"),
            ("bit_xor", SqlType::INT8, &["7", "null", "5"], "2"),
            ("stddev", SqlType::INT4, &["1", "2", "3", "4"], "1.2909944487358056"),
            ("variance", SqlType::INT4, &["1", "2", "3", "4"], "1.6666666666666667"),
            ("var_pop", SqlType::INT4, &["1", "2", "3", "4"], "1.2500000000000000"),
            ("stddev_pop", SqlType::NUMERIC, &["1.5", "2.5"], "0.50000000000000000000"),
            ("stddev", SqlType::INT4, &["1"], "null"),
            ("var_pop", SqlType::INT4, &["1"], "0"),
            ("stddev_samp", SqlType::FLOAT8, &["1", "2", "4"], "1.5275252316519468"),
            ("var_samp", SqlType::FLOAT8, &["1", "2", "4"], "2.3333333333333335"),
        ] {
            assert_eq!(run(name, ty, values), expected, "{name} of {ty} {values:?}");
        }
    }

    #[test]
    fn string_agg_puts_separators_between() {
        let found = Registry::builtin().resolve_aggregate("string_agg", &[TEXT, TEXT]).expect("an aggregate");
        let mut state = found.aggregate.start(&[SqlType::TEXT, SqlType::TEXT], &Settings::default());
        for (value, separator) in [("a", ";"), ("b", ", "), ("c", "-")] {
            state.add(&[Datum::text(value), Datum::text(separator)]).expect("fits");
        }
        state.add(&[Datum::Null, Datum::text("!")]).expect("fits");
        assert_eq!(state.finish().expect("fits"), Datum::text("a, b-c"));
    }

    #[test]
    fn states_tell_what_they_hold() {
        let (long, digits) = ("x".repeat(1000), "9".repeat(10_000));
        let (long, digits) = (long.as_str(), digits.as_str());
        for (name, ty, value, least) in [
            ("max", TEXT, long, 1000),
            ("min", BPCHAR, long, 1000),
            ("sum", NUMERIC, digits, 4000),
            ("avg", NUMERIC, digits, 4000),
            ("stddev", NUMERIC, digits, 12_000),
            ("array_agg", NUMERIC, digits, 4000),
            ("string_agg", TEXT, long, 1000),
            ("json_agg", TEXT, long, 1000),
        ] {
            let args = if name == "string_agg" { vec![ty, ty] } else { vec![ty] };
            let found = Registry::builtin().resolve_aggregate(name, &args).expect("an aggregate");
            let types: Vec<SqlType> = args.iter().map(|arg| SqlType::of(*arg)).collect();
            let mut state = found.aggregate.start(&types, &Settings::default());
            let value = text_io::parse(value, types[0], &Settings::default()).expect("a value");
            state.add(&vec![value; args.len()]).expect("fits");
            assert!((least..3 * least).contains(&state.size()), "{name}: {}", state.size());
        }
    }

    #[test]
    fn a_nan_stays_in_a_sum() {
        let found = Registry::builtin().resolve_aggregate("sum", &[NUMERIC]).expect("an aggregate");
        let mut state = found.aggregate.start(&[SqlType::NUMERIC], &Settings::default());
        state.add(&[Datum::Numeric(Numeric::NAN)]).expect("fits");
        state.add(&[Datum::Numeric(Numeric::ONE)]).expect("fits");
        assert_eq!(state.finish().expect("fits"), Datum::Numeric(Numeric::NAN));
    }
}
