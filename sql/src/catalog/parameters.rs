//! Parameters of relations, `WITH (fillfactor = 70)` and the like: which there are, and what they take.
//!
//! They are kept as they are written, `name=value`, and shown so. What a view's say is done ([`ViewParameters`]). Those of
//! tables and indexes change nothing: a page is as full as it gets, and versions that nobody sees any more go unasked. They
//! are kept for whoever reads or dumps a definition, and checked as PostgreSQL checks them, so that a dump of one is taken by
//! the other.
//!
//! [`ViewParameters`]: super::view::ViewParameters

use std::sync::Arc;

use types::{Error, Result, Settings, SqlState, SqlType, text_io};

/// What has parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bearer {
    Table,
    View,
    Index,
}

/// What a parameter takes.
enum Takes {
    Bool,
    Integer(i32, i32),
    Real(f64, f64),
    /// One of these words, and how they are told.
    Word(&'static [&'static str], &'static str),
}

type Known = (&'static str, Takes);

static OF_TABLES: &[Known] = &[
    ("fillfactor", Takes::Integer(10, 100)),
    ("toast_tuple_target", Takes::Integer(128, 8160)),
    ("parallel_workers", Takes::Integer(0, 1024)),
    ("autovacuum_analyze_threshold", Takes::Integer(0, i32::MAX)),
    ("autovacuum_analyze_scale_factor", Takes::Real(0.0, 100.0)),
    ("user_catalog_table", Takes::Bool),
];

/// Of tables, and behind `toast.` of what would be their TOAST tables.
static OF_VACUUM: &[Known] = &[
    ("autovacuum_enabled", Takes::Bool),
    ("autovacuum_vacuum_threshold", Takes::Integer(0, i32::MAX)),
    ("autovacuum_vacuum_insert_threshold", Takes::Integer(-1, i32::MAX)),
    ("autovacuum_vacuum_cost_limit", Takes::Integer(1, 10_000)),
    ("autovacuum_vacuum_cost_delay", Takes::Real(0.0, 100.0)),
    ("autovacuum_vacuum_scale_factor", Takes::Real(0.0, 100.0)),
    ("autovacuum_vacuum_insert_scale_factor", Takes::Real(0.0, 100.0)),
    ("autovacuum_freeze_min_age", Takes::Integer(0, 1_000_000_000)),
    ("autovacuum_freeze_max_age", Takes::Integer(100_000, 2_000_000_000)),
    ("autovacuum_freeze_table_age", Takes::Integer(0, 2_000_000_000)),
    ("autovacuum_multixact_freeze_min_age", Takes::Integer(0, 1_000_000_000)),
    ("autovacuum_multixact_freeze_max_age", Takes::Integer(10_000, 2_000_000_000)),
    ("autovacuum_multixact_freeze_table_age", Takes::Integer(0, 2_000_000_000)),
    ("log_autovacuum_min_duration", Takes::Integer(-1, i32::MAX)),
    (
        "vacuum_index_cleanup",
        Takes::Word(&["auto", "on", "off", "true", "false", "yes", "no", "1", "0"], "\"on\", \"off\", and \"auto\""),
    ),
    ("vacuum_truncate", Takes::Bool),
];

static OF_VIEWS: &[Known] = &[
    ("security_barrier", Takes::Bool),
    ("security_invoker", Takes::Bool),
    ("check_option", Takes::Word(&["local", "cascaded"], "\"local\" and \"cascaded\"")),
];

static OF_INDEXES: &[Known] = &[
    ("fillfactor", Takes::Integer(10, 100)),
    ("deduplicate_items", Takes::Bool),
    ("vacuum_cleanup_index_scale_factor", Takes::Real(0.0, 1e10)),
];

/// Before the name of a parameter of a TOAST table, which nothing here has.
const OF_TOAST: &str = "toast.";

impl Bearer {
    fn takes(self, name: &str) -> Result<&'static Takes> {
        let (known, more): (&[Known], &[Known]) = match (self, name.split_once('.')) {
            (Bearer::Table, None) => (OF_TABLES, OF_VACUUM),
            (Bearer::Table, Some(("toast", _))) => (OF_VACUUM, &[]),
            (_, Some((namespace, _))) => {
                return Err(invalid(format!("unrecognized parameter namespace \"{namespace}\"")));
            }
            (Bearer::View, None) => (OF_VIEWS, &[]),
            (Bearer::Index, None) => (OF_INDEXES, &[]),
        };
        let name = name.strip_prefix(OF_TOAST).unwrap_or(name);
        let found = known.iter().chain(more).find(|(known, _)| *known == name);
        let found = found.ok_or_else(|| invalid(format!("unrecognized parameter \"{name}\"")))?;
        Ok(&found.1)
    }
}

/// The name and the value of a parameter as it is written.
pub fn parts(option: &str) -> (&str, &str) {
    option.split_once('=').unwrap_or((option, "true"))
}

/// Whether a value of a parameter that takes one is `true`.
pub fn is_on(value: &str) -> bool {
    truth(value).unwrap_or_default()
}

fn truth(value: &str) -> Option<bool> {
    text_io::parse(value, SqlType::BOOL, &Settings::default()).ok()?.as_bool()
}

/// Checks parameters, each `name=value`.
///
/// # Errors
/// 22023 for one that there is not, that is given twice or whose value is not one of its own.
pub fn check(bearer: Bearer, options: &[impl AsRef<str>]) -> Result<()> {
    let mut names = Vec::new();
    for option in options {
        let (name, value) = parts(option.as_ref());
        if names.contains(&name) {
            return Err(invalid(format!("parameter \"{name}\" specified more than once")));
        }
        names.push(name);
        bearer.takes(name)?.check(name.strip_prefix(OF_TOAST).unwrap_or(name), value)?;
    }
    Ok(())
}

/// What a new relation keeps of the parameters that it is given.
///
/// # Errors
/// As [`check`].
pub fn kept(bearer: Bearer, given: &[String]) -> Result<Vec<Arc<str>>> {
    let with_oids = |option: &&String| bearer == Bearer::Table && parts(option).0 == "oids";
    if given.iter().filter(with_oids).any(|option| is_on(parts(option).1)) {
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, "tables declared WITH OIDS are not supported"));
    }
    let given: Vec<&String> = given.iter().filter(|option| !with_oids(option)).collect();
    check(bearer, &given)?;
    Ok(given
        .into_iter()
        .filter(|option| !option.starts_with(OF_TOAST))
        .map(|option| Arc::from(option.as_str()))
        .collect())
}

/// `SET (...)`: those that are given take the places of those that there are.
///
/// # Errors
/// As [`check`].
pub fn set(bearer: Bearer, options: &mut Vec<Arc<str>>, given: &[String]) -> Result<()> {
    let kept = kept(bearer, given)?;
    reset(options, given);
    options.extend(kept);
    Ok(())
}

/// `RESET (...)`, by name; what there is not is no error.
pub fn reset(options: &mut Vec<Arc<str>>, names: &[String]) {
    options.retain(|old| !names.iter().any(|name| parts(name).0 == parts(old).0));
}

impl Takes {
    fn check(&self, name: &str, value: &str) -> Result<()> {
        let refused = |kind: &str| invalid(format!("invalid value for {kind} option \"{name}\": {value}"));
        let outside = |least: String, most: String| {
            invalid(format!("value {value} out of bounds for option \"{name}\""))
                .detail(format!("Valid values are between \"{least}\" and \"{most}\"."))
        };
        match self {
            Takes::Bool => truth(value).map(drop).ok_or_else(|| refused("boolean")),
            Takes::Integer(least, most) => {
                // With a fraction it is rounded, as in PostgreSQL.
                let number = number(value).map(f64::round_ties_even);
                let number = number.filter(|it| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(it));
                let number = number.ok_or_else(|| refused("integer"))?;
                let is_inside = (f64::from(*least)..=f64::from(*most)).contains(&number);
                if is_inside { Ok(()) } else { Err(outside(least.to_string(), most.to_string())) }
            }
            Takes::Real(least, most) => {
                let number = number(value).ok_or_else(|| refused("floating point"))?;
                let is_inside = (*least..=*most).contains(&number);
                if is_inside { Ok(()) } else { Err(outside(format!("{least:.6}"), format!("{most:.6}"))) }
            }
            Takes::Word(words, told) => {
                let is_known = words.iter().any(|word| word.eq_ignore_ascii_case(value));
                let error = || refused("enum").detail(format!("Valid values are {told}."));
                if is_known { Ok(()) } else { Err(error()) }
            }
        }
    }
}

/// A number as it is written, which words for what is none are not.
fn number(value: &str) -> Option<f64> {
    value.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

fn invalid(message: String) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}
