//! Whatever a client sends must come back as a value or an error: every function, cast and text form is given the ends of
//! its arguments' ranges, text that is cut in the middle of a character, and lengths that no machine could allocate.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use types::cast::all_casts;
use types::datetime::TimeZone;
use types::sqltype::{oid, type_by_name};
use types::{Call, Datum, Function, Numeric, Registry, Settings, SqlState, SqlType, binary_io, text_io};

/// A call that takes longer has done work that no user asked for. Generous, because tests run unoptimised.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);
/// Calls made of one function; beyond, its combinations are sampled evenly.
const CALLS_MAX: usize = 1_500;

fn new_york() -> Settings {
    Settings { timezone: TimeZone::parse("America/New_York").expect("a zone"), ..Settings::default() }
}

fn extremes(ty: SqlType) -> &'static [&'static str] {
    match ty.oid {
        oid::BOOL => &["t", "f"],
        oid::INT2 => &["-32768", "32767", "0", "1"],
        oid::INT4 => &["-2147483648", "2147483647", "0", "-1", "3"],
        oid::INT8 => &["-9223372036854775808", "9223372036854775807", "0", "-1"],
        oid::OID | oid::REGTYPE => &["0", "4294967295"],
        oid::FLOAT4 => &["NaN", "Infinity", "-Infinity", "0", "1e-30", "-1e30"],
        oid::FLOAT8 => &["NaN", "Infinity", "-Infinity", "0", "1e-300", "-1e300", "59.5"],
        oid::NUMERIC => &["NaN", "-Infinity", "0", "0.000", "1e200", "-1e-200", "1.0000000000000000000000001", "-1"],
        oid::TEXT | oid::BPCHAR | oid::VARCHAR | oid::NAME => {
            &["", "é", "a%\\", "hex", "[", "9,9.\u{1F600}D9EEEE", "epoch"]
        }
        oid::BYTEA => &["\\x", "\\xff00"],
        oid::DATE => &["infinity", "-infinity", "4714-11-24 BC", "5874897-12-31", "2000-02-29"],
        oid::TIME => &["00:00", "24:00"],
        oid::TIMESTAMP => &["infinity", "-infinity", "4714-11-24 00:00 BC", "294276-12-31 23:59:59.999999"],
        oid::TIMESTAMPTZ => &["infinity", "-infinity", "4714-11-25 00:00+00 BC", "294276-12-31 12:00+00"],
        oid::INTERVAL => &[
            "2147483647 months 2147483647 days",
            "-2147483648 days",
            "-1 us",
            "9223372036854775807 us",
            "-2147483648 months",
            "2562047788 hours",
        ],
        oid::CHAR => &["", "a"],
        oid::UUID => &["00000000-0000-0000-0000-000000000000"],
        oid::TID => &["(0,0)", "(4294967295,65535)"],
        oid::PG_LSN => &["0/0", "7FFFFFFF/FFFFFFFF"],
        oid::INT4_ARRAY => {
            &["{}", "{1,NULL}", "[2147483646:2147483646]={1}", "[-2147483648:-2147483647]={0,1}", "{{1}}"]
        }
        oid::TEXT_ARRAY => &["{}", "{a,NULL,é}"],
        _ => &[],
    }
}

/// A concrete type for a declared one.
fn concrete(declared: u32) -> SqlType {
    SqlType::of(match declared {
        oid::ANYARRAY | oid::ANYCOMPATIBLEARRAY => oid::INT4_ARRAY,
        oid::ANYELEMENT | oid::ANYCOMPATIBLE | oid::ANYNONARRAY => oid::INT4,
        oid::ANY => oid::TEXT,
        other => other,
    })
}

fn call(function: &Function, args: &[Datum], types: &[SqlType], settings: &Settings) {
    let result = concrete(function.result);
    let mut call = Call::new(args, types, result, settings);
    if function.returns_set {
        if let Ok(rows) = function.call_set(&mut call) {
            for row in rows.take(4).flatten() {
                text_io::to_text(&row, result, settings);
            }
        }
    } else if let Ok(value) = function.call(&mut call) {
        text_io::to_text(&value, result, settings);
    }
}

/// Runs `body`, noting in `faults` whether it panicked or dawdled.
fn watched(what: &dyn Fn() -> String, faults: &mut String, body: impl FnOnce()) {
    let started = Instant::now();
    let panicked = catch_unwind(AssertUnwindSafe(body)).is_err();
    if panicked || started.elapsed() > CALL_TIME_MAX {
        let _ = writeln!(
            faults,
            "{} {} after {:?}",
            what(),
            if panicked { "panicked" } else { "ended" },
            started.elapsed()
        );
    }
}

#[test]
fn functions_of_extreme_arguments_answer_or_refuse() {
    let (mut calls, mut faults) = (0, String::new());
    for settings in [Settings::default(), new_york()] {
        for function in Registry::builtin().all_functions() {
            let types: Vec<SqlType> = function.args.iter().map(|declared| concrete(*declared)).collect();
            let choices: Vec<Vec<Datum>> = types
                .iter()
                .map(|ty| {
                    let texts = extremes(*ty).iter();
                    texts
                        .map(|text| text_io::parse(text, *ty, &Settings::default()).expect("an extreme value"))
                        .collect()
                })
                .collect();
            let combinations: usize = choices.iter().map(Vec::len).product();
            // An odd step, so that no argument keeps its parity.
            let step = (combinations / CALLS_MAX) | 1;
            for n in (0..combinations).step_by(step) {
                let mut rest = n;
                let mut args = Vec::new();
                for values in &choices {
                    args.push(values[rest % values.len()].clone());
                    rest /= values.len();
                }
                watched(&|| format!("{}({args:?})", function.name), &mut faults, || {
                    call(function, &args, &types, &settings)
                });
                calls += 1;
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(calls > 20_000, "only {calls} calls were made");
}

#[test]
fn casts_of_extreme_values_answer_or_refuse() {
    let settings = new_york();
    let mut faults = String::new();
    let targets = [
        "varchar",
        "bpchar",
        "numeric",
        "int2",
        "int8",
        "float4",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "interval",
        "json",
        "jsonb",
        "uuid",
        "bytea",
        "bool",
        "_int4",
        "name",
    ];
    let targets: Vec<SqlType> = targets.iter().map(|name| type_by_name(name).expect("a type")).collect();
    let sources: Vec<SqlType> = all_casts().iter().map(|cast| SqlType::of(cast.from)).collect();
    let pairs = all_casts().iter().map(|cast| (SqlType::of(cast.from), SqlType::of(cast.to)));
    let pairs = pairs.chain(sources.iter().flat_map(|from| targets.iter().map(|to| (*from, *to))));
    for (from, to) in pairs {
        for text in extremes(from) {
            let value = text_io::parse(text, from, &settings).expect("an extreme value");
            for typmod in [-1, 0, 4, 6, 0x7fff_ffff, i32::MIN] {
                let to = SqlType::with_typmod(to.oid, typmod);
                watched(&|| format!("cast {text:?} from {} to {}", from.name(), to.name()), &mut faults, || {
                    if let Ok(value) = types::cast::cast(&value, from, to, &settings, true) {
                        text_io::to_text(&value, to, &settings);
                    }
                });
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn fields_and_templates_of_extreme_moments_answer_or_refuse() {
    let units = [
        "microseconds",
        "milliseconds",
        "second",
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "quarter",
        "year",
        "decade",
        "century",
        "millennium",
        "epoch",
        "dow",
        "isodow",
        "doy",
        "isoyear",
        "julian",
        "timezone",
        "timezone_hour",
    ];
    let templates = [
        "HH12:HH24:MI:SS.MS US SSSS AM a.m. Y,YYY YYYY YYY YY Y IYYY IYY IY I BC b.c. MONTH Month Mon DAY Dy DDD IDDD DD D ID",
        "W WW IW CC J Q TZ tz TZH:TZM OF FMMonth DDth FF1FF2FF3FF4FF5FF6",
        "HH12:HH24:MI:SS.MS US SSSS AM Y,YYY YYYY CC DDD é\"ü\\\"",
        "FM\u{1F600}YYYYé\"",
    ];
    let mut faults = String::new();
    for settings in [Settings::default(), new_york()] {
        for ty in [SqlType::DATE, SqlType::TIME, SqlType::TIMESTAMP, SqlType::TIMESTAMPTZ, SqlType::INTERVAL] {
            for text in extremes(ty) {
                let value = text_io::parse(text, ty, &Settings::default()).expect("an extreme value");
                let functions = [("extract", &units[..]), ("date_part", &units), ("date_trunc", &units)];
                for (name, words) in functions {
                    for function in
                        Registry::builtin().functions_named(name).iter().filter(|f| f.args == [oid::TEXT, ty.oid])
                    {
                        for word in words {
                            let args = [Datum::text(word), value.clone()];
                            watched(&|| format!("{name}({args:?})"), &mut faults, || {
                                call(function, &args, &[SqlType::TEXT, ty], &settings);
                            });
                        }
                    }
                }
                for function in Registry::builtin().functions_named("to_char").iter().filter(|f| f.args[0] == ty.oid) {
                    for template in templates {
                        let args = [value.clone(), Datum::text(template)];
                        watched(&|| format!("to_char({args:?})"), &mut faults, || {
                            call(function, &args, &[ty, SqlType::TEXT], &settings);
                        });
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// The answer, or the state of the error, of a function of these arguments.
fn answer(name: &str, args: &[(Datum, SqlType)]) -> Result<Datum, SqlState> {
    let oids: Vec<u32> = args.iter().map(|(_, ty)| ty.oid).collect();
    let found = Registry::builtin().resolve_function(name, &oids).expect("a function");
    let (values, types): (Vec<Datum>, Vec<SqlType>) = args.iter().cloned().unzip();
    let settings = Settings::default();
    let mut call = Call::new(&values, &types, SqlType::of(found.result), &settings);
    found.function.call(&mut call).map_err(|error| error.sqlstate)
}

fn text(value: &str) -> (Datum, SqlType) {
    (Datum::text(value), SqlType::TEXT)
}

fn int4(value: i32) -> (Datum, SqlType) {
    (Datum::Int4(value), SqlType::INT4)
}

fn numeric(value: &str) -> (Datum, SqlType) {
    (Datum::Numeric(Numeric::parse(value).expect("a number")), SqlType::NUMERIC)
}

#[test]
fn results_too_long_are_refused_before_they_are_built() {
    let limit = Err(SqlState::PROGRAM_LIMIT_EXCEEDED);
    let megabyte = "x".repeat(1 << 20);
    assert_eq!(answer("repeat", &[text("x"), int4(1 << 30)]), limit);
    assert_eq!(answer("lpad", &[text("x"), int4(i32::MAX)]), limit);
    assert_eq!(answer("rpad", &[text("x"), int4(i32::MAX), text("é")]), limit);
    assert_eq!(answer("replace", &[text(&megabyte), text("x"), text(&megabyte)]), limit);
    assert_eq!(answer("regexp_replace", &[text(&megabyte), text("x"), text(&megabyte), text("g")]), limit);
    assert_eq!(answer("format", &[text("%2147483647s"), text("x")]), limit);
    assert_eq!(answer("format", &[text("%*s"), int4(i32::MIN), text("x")]), Err(SqlState::NUMERIC_VALUE_OUT_OF_RANGE));
    let size = Datum::array(oid::INT4, vec![Datum::Int4(100_000_000)]);
    assert_eq!(answer("array_fill", &[int4(1), (size, SqlType::INT4_ARRAY)]), limit);
    let many = Datum::array(oid::INT4, vec![Datum::Int4(1); 2_000]);
    assert_eq!(answer("array_to_string", &[(many, SqlType::INT4_ARRAY), text(&megabyte)]), limit);
    let long = Datum::array(oid::TEXT, vec![Datum::text(&megabyte); 2_000]);
    assert_eq!(answer("array_to_string", &[(long.clone(), SqlType::TEXT_ARRAY), text(",")]), limit);
    // Ones of 131,072 digits, of which the array has one in memory.
    let digits = Datum::array(oid::NUMERIC, vec![numeric("1e131071").0; 10_000]);
    let shared = Datum::Record(vec![Datum::array(oid::TEXT, vec![Datum::text(&megabyte); 2]); 2_000].into());
    let numerics = SqlType::NUMERIC.array().expect("an array type");
    for (value, ty) in [(long, SqlType::TEXT_ARRAY), (digits, numerics), (shared, SqlType::RECORD)] {
        let mut out = b"before".to_vec();
        let refused = text_io::write_text(&value, ty, &Settings::default(), &mut out).expect_err("more than 1 GiB");
        assert_eq!(refused.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
        assert_eq!(out, b"before");
        if ty != numerics {
            let refused = binary_io::write_binary(&value, ty, &mut out).expect_err("more than 1 GiB");
            assert_eq!(refused.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
            assert_eq!(out, b"before");
        }
    }
    let padded = SqlType::with_typmod(oid::BPCHAR, i32::MAX);
    let refused = types::cast::coerce_typmod(Datum::text("x"), padded, true).expect_err("2 GiB of blanks");
    assert_eq!(refused.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
}

#[test]
fn powers_beyond_the_range_are_refused_at_once() {
    let power = |base: &str, exponent: &str| answer("power", &[numeric(base), numeric(exponent)]);
    let overflow = Err(SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
    let started = Instant::now();
    for (base, exponent) in
        [("10", "1e9"), ("10", "1e100000"), ("1e100", "1e100"), ("0.5", "-1e300"), ("1.5", "1e20.5")]
    {
        if let Ok(exponent) = Numeric::parse(exponent) {
            assert_eq!(power(base, &exponent.to_string()), overflow, "{base} ^ {exponent}");
        }
    }
    assert_eq!(power(&format!("1.{}1", "0".repeat(99)), "1e200"), overflow);
    for (base, exponent) in [("10", "-1e9"), ("0.5", "1e300"), ("0.0", "2147483647"), ("0.000", "1e300")] {
        assert_eq!(power(base, exponent), Ok(Datum::Numeric(Numeric::ZERO)), "{base} ^ {exponent}");
    }
    for (base, exponent) in [("1", "1e100000"), ("1.000", "0.5"), ("-1", "1e100")] {
        assert_eq!(power(base, exponent), Ok(Datum::Numeric(Numeric::ONE)), "{base} ^ {exponent}");
    }
    // (1 + 10^-100) ^ (10^100) is e but for 10^-100.
    let e = power(&format!("1.{}1", "0".repeat(99)), "1e100").expect("in range");
    let (Datum::Numeric(e), Datum::Numeric(wanted)) = (e, numeric("2.718281828459045").0) else { panic!("no numeric") };
    assert_eq!(e.round(15).expect("fits"), wanted);
    assert!(started.elapsed() < CALL_TIME_MAX);
}

#[test]
fn arrays_end_before_the_last_int4() {
    let settings = Settings::default();
    let parse = |text: &str| text_io::parse(text, SqlType::INT4_ARRAY, &settings);
    let last = (parse("[2147483646:2147483646]={7}").expect("the last subscript there is"), SqlType::INT4_ARRAY);
    let limit = SqlState::PROGRAM_LIMIT_EXCEEDED;
    assert_eq!(parse("[2147483647:2147483647]={7}").map_err(|error| error.sqlstate), Err(limit));
    assert_eq!(answer("array_upper", &[last.clone(), int4(1)]), Ok(Datum::Int4(2_147_483_646)));
    assert_eq!(answer("array_position", &[last.clone(), int4(7)]), Ok(Datum::Int4(2_147_483_646)));
    assert_eq!(answer("array_append", &[last.clone(), int4(8)]), Err(limit));
    assert_eq!(answer("array_prepend", &[int4(8), last.clone()]), Err(limit));
    assert_eq!(answer("array_cat", &[last.clone(), last]), Err(limit));
    let first = (parse("[-2147483648:-2147483648]={7}").expect("the first subscript"), SqlType::INT4_ARRAY);
    assert_eq!(answer("array_upper", &[first.clone(), int4(1)]), Ok(Datum::Int4(i32::MIN)));
    assert_eq!(answer("array_lower", &[first, int4(1)]), Ok(Datum::Int4(i32::MIN)));
    let size = (Datum::array(oid::INT4, vec![Datum::Int4(2)]), SqlType::INT4_ARRAY);
    let lower = (Datum::array(oid::INT4, vec![Datum::Int4(i32::MAX)]), SqlType::INT4_ARRAY);
    assert_eq!(answer("array_fill", &[int4(1), size, lower]), Err(limit));
}

#[test]
fn series_end_with_the_range_of_their_type() {
    let settings = Settings::default();
    let rows = |args: &[(Datum, SqlType)]| {
        let oids: Vec<u32> = args.iter().map(|(_, ty)| ty.oid).collect();
        let found = Registry::builtin().resolve_function("generate_series", &oids).expect("a function");
        let (values, types): (Vec<Datum>, Vec<SqlType>) = args.iter().cloned().unzip();
        let mut call = Call::new(&values, &types, SqlType::of(found.result), &settings);
        found.function.call_set(&mut call).expect("a set").take(5).map(|row| row.is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(rows(&[int4(i32::MAX - 1), int4(i32::MAX), int4(1)]), [true, true]);
    assert_eq!(rows(&[int4(i32::MIN), int4(i32::MAX), int4(i32::MAX)]).len(), 3);
    let int8 = |value: i64| (Datum::Int8(value), SqlType::INT8);
    assert_eq!(rows(&[int8(i64::MIN), int8(i64::MAX), int8(i64::MAX)]).len(), 3);
    assert_eq!(rows(&[int8(0), int8(i64::MIN), int8(i64::MIN)]).len(), 2);
    let largest = numeric("9e131071");
    assert_eq!(rows(&[largest.clone(), largest.clone(), largest]), [true]);
    let forever = (Datum::Timestamp(i64::MAX), SqlType::TIMESTAMP);
    let day = (text_io::parse("1 day", SqlType::INTERVAL, &settings).expect("a day"), SqlType::INTERVAL);
    assert_eq!(rows(&[forever.clone(), forever, day]), [true]);
}

#[test]
fn unsigned_values_that_would_sort_before_zero_are_refused() {
    let settings = Settings::default();
    for (name, largest, beyond) in
        [("pg_lsn", "7FFFFFFF/FFFFFFFF", "80000000/0"), ("xid8", "9223372036854775807", "9223372036854775808")]
    {
        let ty = type_by_name(name).expect("a type");
        let parse = |text: &str| text_io::parse(text, ty, &settings);
        assert_eq!(text_io::to_text(&parse(largest).expect("in range"), ty, &settings), largest);
        assert_eq!(parse(beyond).map_err(|error| error.sqlstate), Err(SqlState::FEATURE_NOT_SUPPORTED));
        let sent = binary_io::from_binary(&(1u64 << 63).to_be_bytes(), ty);
        assert_eq!(sent.map_err(|error| error.sqlstate), Err(SqlState::FEATURE_NOT_SUPPORTED));
    }
}

#[test]
fn rows_of_a_json_are_made_when_they_are_asked_for() {
    let settings = Settings::default();
    for (name, given) in [("json_array_elements", "[1,2,"), ("json_object_keys", "{\"a\":1,\"b\":2,")] {
        let found = Registry::builtin().resolve_function(name, &[oid::JSON]).expect("a function");
        let (args, types) = ([Datum::text(given)], [SqlType::JSON]);
        let mut call = Call::new(&args, &types, SqlType::of(found.result), &settings);
        let rows = found.function.call_set(&mut call).expect("a set");
        assert_eq!(rows.map(|row| row.is_ok()).collect::<Vec<_>>(), [true, true, false], "{name}");
    }
}

#[test]
fn long_numerals_are_read_in_time() {
    let started = Instant::now();
    let third = Numeric::parse(&format!("0.{}", "3".repeat(4_000_000))).expect("a third");
    assert_eq!(third.scale(), Some(16_383));
    assert!(Numeric::parse(&"9".repeat(4_000_000)).is_err());
    assert!(started.elapsed() < CALL_TIME_MAX, "{:?}", started.elapsed());
    let shown = answer("to_char", &[numeric("1.25e20000"), text("9.9EEEE")]).expect("a number");
    assert_eq!(shown, Datum::text(" 1.3e+20000"));
}

#[test]
fn templates_cut_inside_a_character_are_no_match() {
    for (given, template) in [
        ("é", "YYYY"),
        ("2024é", "YYYYMM"),
        ("ja\u{1F600}", "MON"),
        ("\u{212A}an", "Month"),
        ("2024 1é", "YYYY MMth"),
        ("1é", "HHAM"),
        ("1 p\u{1F600}", "HH A.M."),
        ("5é", "YYYY BC"),
        ("é1", "\u{1F600}é\"YYYY"),
        ("2000 999999999", "YYYY TZH"),
        ("999999999", "J"),
        ("-999999999", "J"),
        ("999999999 366", "YYYY DDD"),
        ("12é", "US"),
        ("1\u{0130}", "DD\"é"),
    ] {
        for name in ["to_date", "to_timestamp", "to_number"] {
            // The point is that it returns.
            let _ = answer(name, &[text(given), text(template)]);
        }
    }
}

/// Pieces out of which the text forms of all types are made, whole or broken.
const PIECES: &[&str] = &[
    "9223372036854775807",
    "-",
    "+",
    ":",
    ".",
    " ",
    "0",
    "12",
    "2024",
    "99",
    "month",
    "days",
    "us",
    "ago",
    "week",
    "P",
    "T",
    "Y",
    "BC",
    "am",
    "jan",
    "é",
    "\u{1F600}",
    "{",
    "}",
    ",",
    "\"",
    "\\",
    "[",
    "]",
    "=",
    "null",
    "(",
    ")",
    "1e",
    "e-",
    "inf",
    "nan",
    "epoch",
    "tomorrow",
    "europe/berlin",
    "/",
    "\\x",
    "true",
    "2147483648",
    "4294967296",
    "1.9",
    "1-2",
    "04:05",
    "040506",
    "z",
    "d",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn broken_text_is_read_or_refused(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..8)) {
        let (given, settings) = (pieces.concat(), new_york());
        for name in [
            "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "date", "time", "timestamp", "timestamptz", "interval", "bytea",
            "uuid", "json", "jsonb", "oid", "tid", "xid8", "pg_lsn", "char", "name", "_int4", "_text", "_interval", "int2vector",
        ] {
            let ty = type_by_name(name).expect("a type");
            for ty in [ty, SqlType::with_typmod(ty.oid, 3)] {
                let Ok(value) = text_io::parse(&given, ty, &settings) else { continue };
                text_io::to_text(&value, ty, &settings);
                let mut bytes = Vec::new();
                binary_io::write_binary(&value, ty, &mut bytes).expect("fits");
            }
        }
    }

    #[test]
    fn broken_patterns_and_templates_are_refused(
        given in "[0-9a-zé:., +-]{0,12}",
        pieces in proptest::collection::vec(
            proptest::sample::select(&[
                "9", "0", ".", ",", "S", "MI", "PR", "V", "EEEE", "FM", "TH", "L", "é", "\"", "\\", "YYYY", "HH12", "AM", "TZH", "TZM",
                "MON", "DDD", "J", "SSSS", "[", "]", "(", ")", "*", "{", "}", "?", "^", "[[:", ":]]", "\u{1F600}", "|", "%", "_", "$",
                "(?=", "(?<!", "\\1", "{0}", "{2,}?", "\\m",
            ][..]),
            0..8,
        ),
    ) {
        let pattern = pieces.concat();
        for name in ["to_date", "to_timestamp", "to_number", "regexp_match", "regexp_split_to_array", "like", "regexp_like"] {
            let _ = answer(name, &[text(&given), text(&pattern)]);
        }
        let _ = answer("regexp_replace", &[text(&given), text(&pattern), text("\\1é\\&\\"), text("g")]);
        let _ = answer("to_char", &[numeric("-1234.5"), text(&pattern)]);
        let _ = answer("to_char", &[(Datum::Float8(1e300), SqlType::FLOAT8), text(&pattern)]);
    }
}
