//! Settings of a session: SET, SHOW, RESET and their undoing.
//!
//! Values are kept as text in canonical form. The whole state is one shared value that is copied when it changes, so a
//! transaction or savepoint remembers it by keeping a reference: rolling back puts the reference back, committing drops the
//! values of SET LOCAL. Settings we cannot honour in more than one way are accepted only with the value we have.

mod date_styles;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use protocol::Lsn;
use protocol::volume::Durability;
use types::datetime::{IntervalStyle, TimeZone};
use types::{ByteaOutput, Error, Result, SqlState, Styles};

use self::date_styles::DateStyles;
use super::identity::{Actor, NO_ROLE, ROLE, SESSION_AUTHORIZATION};

/// How a setting's value is read.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Bool,
    Integer {
        min: i64,
        max: i64,
        unit: Unit,
    },
    Real,
    Text,
    /// One of these; what we do not have is among them only if having it makes no difference.
    Choice(&'static [&'static str]),
    /// Only the default is accepted.
    Fixed,
    TimeZone,
    /// A list of identifiers.
    SearchPath,
    /// A layout and an order; what a value leaves out stays as it is.
    DateStyle,
    /// A position in the redo, or nothing.
    Lsn,
    /// The name of a role, which only the session can judge.
    Role,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    None,
    Milliseconds,
    Kilobytes,
    /// Of 8 kB.
    Blocks,
}

impl Unit {
    /// The unit as messages put it behind a number.
    fn shown(self) -> &'static str {
        match self {
            Unit::None => "",
            Unit::Milliseconds => " ms",
            Unit::Kilobytes => " kB",
            Unit::Blocks => " 8kB",
        }
    }
}

struct Definition {
    name: &'static str,
    default: &'static str,
    kind: Kind,
    /// Sent to the client when it changes.
    reported: bool,
    /// `user`, or `internal` for what cannot be set.
    context: &'static str,
    description: &'static str,
}

const fn user(name: &'static str, default: &'static str, kind: Kind, description: &'static str) -> Definition {
    Definition { name, default, kind, reported: false, context: "user", description }
}

const fn reported(name: &'static str, default: &'static str, kind: Kind, description: &'static str) -> Definition {
    Definition { name, default, kind, reported: true, context: "user", description }
}

const fn internal(name: &'static str, default: &'static str, told: bool, description: &'static str) -> Definition {
    Definition { name, default, kind: Kind::Fixed, reported: told, context: "internal", description }
}

const MILLISECONDS: Kind = Kind::Integer { min: 0, max: i32::MAX as i64, unit: Unit::Milliseconds };
const KILOBYTES: Kind = Kind::Integer { min: 64, max: i32::MAX as i64, unit: Unit::Kilobytes };

/// `server_version`: the release of the psql, pg_dump and judge beside us.
pub const SERVER_VERSION: &str = "15.18";

/// Follows who the current user is.
const IS_SUPERUSER: &str = "is_superuser";

/// Sorted by lower-case name.
static DEFINITIONS: &[Definition] = &[
    reported("application_name", "", Kind::Text, "Sets the application name to be reported in statistics and logs."),
    user("array_nulls", "on", Kind::Fixed, "Enable input of NULL elements in arrays."),
    user("backslash_quote", "safe_encoding", Kind::Fixed, "Sets whether \"\\'\" is allowed in string literals."),
    internal("block_size", "8192", false, "Shows the size of a disk block."),
    user("bytea_output", "hex", Kind::Choice(&["escape", "hex"]), "Sets the output format for bytea."),
    user("check_function_bodies", "on", Kind::Bool, "Check routine bodies during CREATE FUNCTION."),
    reported(
        "client_encoding",
        "UTF8",
        Kind::Choice(&["UTF8", "UTF-8", "UNICODE", "SQL_ASCII"]),
        "Sets the client's character set encoding.",
    ),
    user(
        "client_min_messages",
        "notice",
        Kind::Choice(&["debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "notice", "warning", "error"]),
        "Sets the message levels that are sent to the client.",
    ),
    user(
        "constraint_exclusion",
        "partition",
        Kind::Text,
        "Enables the planner to use constraints to optimize queries.",
    ),
    user(
        "cursor_tuple_fraction",
        "0.1",
        Kind::Real,
        "Sets the planner's estimate of the fraction of a cursor's rows that will be retrieved.",
    ),
    reported("DateStyle", "ISO, MDY", Kind::DateStyle, "Sets the display format for date and time values."),
    user(
        "default_statistics_target",
        "100",
        Kind::Integer { min: 1, max: 10_000, unit: Unit::None },
        "Sets the default statistics target.",
    ),
    user("default_table_access_method", "heap", Kind::Fixed, "Sets the default table access method for new tables."),
    user("default_tablespace", "", Kind::Fixed, "Sets the default tablespace to create tables and indexes in."),
    user("default_text_search_config", "pg_catalog.simple", Kind::Text, "Sets default text search configuration."),
    user(
        "default_toast_compression",
        "pglz",
        Kind::Text,
        "Sets the default compression method for compressible values.",
    ),
    user(
        "default_transaction_deferrable",
        "off",
        Kind::Bool,
        "Sets the default deferrable status of new transactions.",
    ),
    user(
        "default_transaction_isolation",
        "read committed",
        Kind::Choice(ISOLATION),
        "Sets the transaction isolation level of each new transaction.",
    ),
    reported(
        "default_transaction_read_only",
        "off",
        Kind::Bool,
        "Sets the default read-only status of new transactions.",
    ),
    user(
        "effective_cache_size",
        "524288",
        Kind::Integer { min: 1, max: i32::MAX as i64, unit: Unit::Blocks },
        "Sets the planner's assumption about the total size of the data caches.",
    ),
    user(
        "effective_io_concurrency",
        "1",
        Kind::Integer { min: 0, max: 1000, unit: Unit::None },
        "Number of simultaneous requests that can be handled efficiently by the disk subsystem.",
    ),
    user("enable_bitmapscan", "on", Kind::Bool, "Enables the planner's use of bitmap-scan plans."),
    user("enable_hashagg", "on", Kind::Bool, "Enables the planner's use of hashed aggregation plans."),
    user("enable_hashjoin", "on", Kind::Bool, "Enables the planner's use of hash join plans."),
    user("enable_indexonlyscan", "on", Kind::Bool, "Enables the planner's use of index-only-scan plans."),
    user("enable_indexscan", "on", Kind::Bool, "Enables the planner's use of index-scan plans."),
    user("enable_material", "on", Kind::Bool, "Enables the planner's use of materialization."),
    user("enable_mergejoin", "on", Kind::Bool, "Enables the planner's use of merge join plans."),
    user("enable_nestloop", "on", Kind::Bool, "Enables the planner's use of nested-loop join plans."),
    user("enable_seqscan", "on", Kind::Bool, "Enables the planner's use of sequential-scan plans."),
    user("enable_sort", "on", Kind::Bool, "Enables the planner's use of explicit sort steps."),
    user("escape_string_warning", "on", Kind::Bool, "Warn about backslash escapes in ordinary string literals."),
    user(
        "extra_float_digits",
        "1",
        Kind::Integer { min: -15, max: 3, unit: Unit::None },
        "Sets the number of digits displayed for floating-point values.",
    ),
    user("force_parallel_mode", "off", Kind::Text, "Forces use of parallel query facilities."),
    user(
        "from_collapse_limit",
        "8",
        Kind::Integer { min: 1, max: i32::MAX as i64, unit: Unit::None },
        "Sets the FROM-list size beyond which subqueries are not collapsed.",
    ),
    user("geqo", "on", Kind::Bool, "Enables genetic query optimization."),
    user(
        "idle_in_transaction_session_timeout",
        "0",
        MILLISECONDS,
        "Sets the maximum allowed idle time between queries, when in a transaction.",
    ),
    user(
        "idle_session_timeout",
        "0",
        MILLISECONDS,
        "Sets the maximum allowed idle time between queries, when not in a transaction.",
    ),
    internal("in_hot_standby", "off", true, "Shows whether hot standby is currently active."),
    internal("integer_datetimes", "on", true, "Shows whether datetimes are integer based."),
    reported(
        "IntervalStyle",
        "postgres",
        Kind::Choice(&["postgres", "postgres_verbose", "sql_standard", "iso_8601"]),
        "Sets the display format for interval values.",
    ),
    internal(IS_SUPERUSER, "on", true, "Shows whether the current user is a superuser."),
    user("jit", "off", Kind::Bool, "Allow JIT compilation."),
    user(
        "join_collapse_limit",
        "8",
        Kind::Integer { min: 1, max: i32::MAX as i64, unit: Unit::None },
        "Sets the FROM-list size beyond which JOIN constructs are not flattened.",
    ),
    user("lc_collate", "C.UTF-8", Kind::Fixed, "Shows the collation order locale."),
    user("lc_ctype", "C.UTF-8", Kind::Fixed, "Shows the character classification and case conversion locale."),
    user("lc_messages", "C.UTF-8", Kind::Text, "Sets the language in which messages are displayed."),
    user("lc_monetary", "C.UTF-8", Kind::Text, "Sets the locale for formatting monetary amounts."),
    user("lc_numeric", "C.UTF-8", Kind::Text, "Sets the locale for formatting numbers."),
    user("lc_time", "C.UTF-8", Kind::Text, "Sets the locale for formatting date and time values."),
    user(
        "lo_compat_privileges",
        "off",
        Kind::Bool,
        "Enables backward compatibility mode for privilege checks on large objects.",
    ),
    user("lock_timeout", "0", MILLISECONDS, "Sets the maximum allowed duration of any wait for a lock."),
    user(
        "log_min_duration_statement",
        "-1",
        Kind::Integer { min: -1, max: i32::MAX as i64, unit: Unit::Milliseconds },
        "Sets the minimum execution time above which all statements will be logged.",
    ),
    user("log_statement", "none", Kind::Text, "Sets the type of statements logged."),
    user("maintenance_work_mem", "65536", KILOBYTES, "Sets the maximum memory to be used for maintenance operations."),
    internal("max_connections", "100", false, "Sets the maximum number of concurrent connections."),
    internal("max_identifier_length", "63", false, "Shows the maximum identifier length."),
    internal("max_index_keys", "32", false, "Shows the maximum number of index keys."),
    internal("max_locks_per_transaction", "64", false, "Sets the maximum number of locks per transaction."),
    user(
        "max_parallel_workers_per_gather",
        "0",
        Kind::Integer { min: 0, max: 1024, unit: Unit::None },
        "Sets the maximum number of parallel processes per executor node.",
    ),
    internal(
        "max_prepared_transactions",
        "0",
        false,
        "Sets the maximum number of simultaneously prepared transactions.",
    ),
    internal("max_wal_senders", "10", false, "Sets the maximum number of simultaneously running WAL sender processes."),
    internal("max_worker_processes", "8", false, "Maximum number of concurrent worker processes."),
    user("password_encryption", "scram-sha-256", Kind::Fixed, "Chooses the algorithm for encrypting passwords."),
    user(
        "plan_cache_mode",
        "auto",
        Kind::Choice(&["auto", "force_generic_plan", "force_custom_plan"]),
        "Controls the planner's selection of custom or generic plan.",
    ),
    internal("port", "5432", false, "Sets the TCP port the server listens on."),
    user("quote_all_identifiers", "off", Kind::Bool, "When generating SQL fragments, quote all identifiers."),
    user(
        "random_page_cost",
        "4",
        Kind::Real,
        "Sets the planner's estimate of the cost of a nonsequentially fetched disk page.",
    ),
    user(
        "redoubt.max_staleness",
        "0",
        MILLISECONDS,
        "Sets how old what a replica shows may be; older makes statements wait or fail.",
    ),
    user(
        "redoubt.on_stale",
        "wait",
        Kind::Choice(&["wait", "error"]),
        "Sets what a statement does on a replica that is older than redoubt.max_staleness.",
    ),
    user("redoubt.read_after", "", Kind::Lsn, "Makes statements see everything up to this commit LSN, on any server."),
    user(
        "redoubt.report_commit_lsn",
        "off",
        Kind::Bool,
        "Reports the LSN of each commit to the client as redoubt.commit_lsn.",
    ),
    user(
        "redoubt.wait_timeout",
        "10000",
        MILLISECONDS,
        "Sets how long a statement waits for redoubt.read_after and redoubt.max_staleness; 0 is for ever.",
    ),
    user(
        "redoubt.write_forwarding",
        "off",
        Kind::Choice(&["off", "on", "eventual", "false", "true", "no", "yes", "0", "1"]),
        "Makes a replica pass statements that write on to the writer; with on, the session then reads what it wrote.",
    ),
    user(ROLE, NO_ROLE, Kind::Role, "Sets the current role."),
    user("row_security", "on", Kind::Bool, "Enable row security."),
    user(
        "search_path",
        "\"$user\", public",
        Kind::SearchPath,
        "Sets the schema search order for names that are not schema-qualified.",
    ),
    user(
        "seq_page_cost",
        "1",
        Kind::Real,
        "Sets the planner's estimate of the cost of a sequentially fetched disk page.",
    ),
    internal("server_encoding", "UTF8", true, "Shows the server (database) character set encoding."),
    internal("server_version", SERVER_VERSION, true, "Shows the server version."),
    internal("server_version_num", "150018", false, "Shows the server version as an integer."),
    reported(SESSION_AUTHORIZATION, "postgres", Kind::Role, "Sets the session user name."),
    user(
        "session_replication_role",
        "origin",
        Kind::Choice(&["origin", "replica", "local"]),
        "Sets the session's behavior for triggers and rewrite rules.",
    ),
    user("shared_buffers", "16384", Kind::Fixed, "Sets the number of shared memory buffers used by the server."),
    reported("standard_conforming_strings", "on", Kind::Fixed, "Causes '...' strings to treat backslashes literally."),
    user("statement_timeout", "0", MILLISECONDS, "Sets the maximum allowed duration of any statement."),
    user("synchronize_seqscans", "on", Kind::Bool, "Enable synchronized sequential scans."),
    user(
        "synchronous_commit",
        "on",
        Kind::Choice(&["on", "remote_write", "local", "off", "remote_apply", "true", "false", "yes", "no", "1", "0"]),
        "Sets the current transaction's synchronization level.",
    ),
    user(
        "temp_buffers",
        "1024",
        Kind::Integer { min: 100, max: 1_073_741_823, unit: Unit::Blocks },
        "Sets the maximum number of temporary buffers used by each session.",
    ),
    user(
        "temp_file_limit",
        "-1",
        Kind::Integer { min: -1, max: i32::MAX as i64, unit: Unit::Kilobytes },
        "Limits the total size of all temporary files used by each process.",
    ),
    reported("TimeZone", "UTC", Kind::TimeZone, "Sets the time zone for displaying and interpreting time stamps."),
    user("timezone_abbreviations", "Default", Kind::Text, "Selects a file of time zone abbreviations."),
    user(
        "transaction_deferrable",
        "off",
        Kind::Bool,
        "Whether to defer a read-only serializable transaction until it can be executed with no possible serialization failures.",
    ),
    user(
        "transaction_isolation",
        "read committed",
        Kind::Choice(ISOLATION),
        "Sets the current transaction's isolation level.",
    ),
    user("transaction_read_only", "off", Kind::Bool, "Sets the current transaction's read-only status."),
    user(
        "vacuum_freeze_min_age",
        "50000000",
        Kind::Integer { min: 0, max: 1_000_000_000, unit: Unit::None },
        "Minimum age at which VACUUM should freeze a table row.",
    ),
    internal("wal_level", "logical", false, "Sets the level of information written to the WAL."),
    user("work_mem", "4096", KILOBYTES, "Sets the maximum memory to be used for query workspaces."),
    user(
        "xmloption",
        "content",
        Kind::Text,
        "Sets whether XML data in implicit parsing and serialization operations is to be considered as documents or content fragments.",
    ),
];

const ISOLATION: &[&str] = &["read uncommitted", "read committed", "repeatable read", "serializable"];

fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name.eq_ignore_ascii_case(name))
}

/// A row of pg_settings.
pub struct SettingRow {
    pub name: &'static str,
    pub value: String,
    pub unit: Option<&'static str>,
    pub category: &'static str,
    pub description: &'static str,
    pub context: &'static str,
    pub kind: &'static str,
    pub source: &'static str,
    pub default: &'static str,
}

/// A setting's value.
#[derive(Clone, Debug)]
struct Value {
    text: String,
    /// The role that it names, of settings that name one.
    actor: Option<Actor>,
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value { text, actor: None }
    }
}

/// What is set, by lower-case name.
#[derive(Clone, Debug, Default)]
struct State {
    session: BTreeMap<String, Value>,
    /// SET LOCAL, in force until the transaction ends.
    local: BTreeMap<String, Value>,
}

/// A state to return to.
#[derive(Clone, Debug)]
pub struct SavedVariables {
    state: Arc<State>,
    generation: u64,
}

#[derive(Debug)]
struct Inner {
    state: Arc<State>,
    /// Values that RESET returns to, where they differ from the built-in defaults: start-up parameters and the like.
    defaults: BTreeMap<String, Value>,
    /// The current user that these make, who is asked for with each value of a sequence; `None` outside of a session.
    user: Option<Actor>,
    /// See [`Variables::generation`].
    generation: Arc<AtomicU64>,
    /// Names of reported settings that changed since they were last told.
    changed: Vec<Cow<'static, str>>,
    /// Whether every setting is a reported one, for a server that forwards a session's statements here.
    reports_all: bool,
}

/// The settings of one session.
#[derive(Debug)]
pub struct Variables {
    inner: Mutex<Inner>,
    /// That of `inner`, which each statement looks at several times: without the lock.
    generation: Arc<AtomicU64>,
}

impl Default for Variables {
    fn default() -> Variables {
        let generation = Arc::new(AtomicU64::new(1));
        let inner = Inner {
            state: Arc::default(),
            defaults: BTreeMap::new(),
            user: None,
            generation: generation.clone(),
            changed: Vec::new(),
            reports_all: false,
        };
        Variables { inner: Mutex::new(inner), generation }
    }
}

fn unrecognized(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""))
}

fn invalid(name: &str, value: &str) -> Error {
    let message = format!("invalid value for parameter \"{name}\": \"{value}\"");
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// Reads a boolean as PostgreSQL does: any unambiguous beginning of true, false, yes, no; on, off; 1, 0.
fn parse_bool(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str| !text.is_empty() && word.starts_with(&text);
    match text.as_str() {
        "on" | "1" => Some(true),
        "off" | "of" | "0" => Some(false),
        _ if begins("true") || begins("yes") => Some(true),
        _ if begins("false") || begins("no") => Some(false),
        _ => None,
    }
}

fn parse_integer(text: &str, unit: Unit) -> Option<i64> {
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '-' || c == '+' || c == '.')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let factor = match (unit, suffix.trim()) {
        (_, "") => 1.0,
        (Unit::Milliseconds, "us") => 0.001,
        (Unit::Milliseconds, "ms") => 1.0,
        (Unit::Milliseconds, "s") => 1_000.0,
        (Unit::Milliseconds, "min") => 60_000.0,
        (Unit::Milliseconds, "h") => 3_600_000.0,
        (Unit::Milliseconds, "d") => 86_400_000.0,
        (Unit::Kilobytes, "B") => 1.0 / 1024.0,
        (Unit::Kilobytes, "kB") => 1.0,
        (Unit::Kilobytes, "MB") => 1024.0,
        (Unit::Kilobytes, "GB") => 1024.0 * 1024.0,
        (Unit::Kilobytes, "TB") => 1024.0 * 1024.0 * 1024.0,
        (Unit::Blocks, "B") => 1.0 / 8192.0,
        (Unit::Blocks, "kB") => 1.0 / 8.0,
        (Unit::Blocks, "MB") => 128.0,
        (Unit::Blocks, "GB") => 128.0 * 1024.0,
        (Unit::Blocks, "TB") => 128.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let value = (number * factor).round();
    (value.abs() < 9e18).then_some(value as i64)
}

/// A time in milliseconds, with PostgreSQL's units.
pub(crate) fn parse_milliseconds(text: &str) -> Option<i64> {
    parse_integer(text, Unit::Milliseconds)
}

/// The form in which SHOW gives a number: in the largest unit that divides it.
fn show_integer(value: i64, unit: Unit) -> String {
    let units: &[(i64, &str)] = match unit {
        Unit::None => &[],
        Unit::Milliseconds => &[(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")],
        Unit::Kilobytes => &[(1 << 30, "TB"), (1 << 20, "GB"), (1 << 10, "MB"), (1, "kB")],
        Unit::Blocks => return show_integer(value * 8, Unit::Kilobytes),
    };
    if value > 0
        && let Some((size, name)) = units.iter().find(|(size, _)| value % size == 0)
    {
        return format!("{}{name}", value / size);
    }
    value.to_string()
}

/// Splits a list of identifiers, folding unquoted ones to lower case.
fn split_identifiers(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut name = String::new();
            let mut chars = quoted.char_indices();
            let end = loop {
                let (at, c) = chars.next()?;
                if c == '"' {
                    if quoted[at + 1..].starts_with('"') {
                        name.push('"');
                        chars.next();
                    } else {
                        break at + 1;
                    }
                } else {
                    name.push(c);
                }
            };
            names.push(name);
            rest = quoted[end..].trim_start();
        } else {
            let end = rest.find(|c: char| c == ',' || c.is_ascii_whitespace()).unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            names.push(rest[..end].to_ascii_lowercase());
            rest = rest[end..].trim_start();
        }
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None if rest.is_empty() => return Some(names),
            None => return None,
        }
    }
}

/// What [`split_identifiers`] splits into these.
fn list_of_names(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| crate::catalog::describe::quote_identifier(name)).collect();
    quoted.join(", ")
}

/// The form in which a value is kept.
fn canonical(definition: &Definition, text: &str, dates: DateStyles) -> Result<String> {
    let name = definition.name;
    Ok(match definition.kind {
        Kind::Bool => match parse_bool(text) {
            Some(value) => if value { "on" } else { "off" }.to_owned(),
            None => {
                let message = format!("parameter \"{name}\" requires a Boolean value");
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
        },
        Kind::Integer { min, max, unit } => match parse_integer(text, unit) {
            Some(value) if (min..=max).contains(&value) => value.to_string(),
            Some(value) => {
                let unit = unit.shown();
                let message =
                    format!("{value}{unit} is outside the valid range for parameter \"{name}\" ({min} .. {max})");
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
            None => return Err(invalid(name, text)),
        },
        Kind::Real => match text.trim().parse::<f64>() {
            Ok(value) => value.to_string(),
            Err(_) => return Err(invalid(name, text)),
        },
        Kind::Text => text.to_owned(),
        Kind::Choice(choices) => {
            // Of an encoding's name only letters and digits count: some drivers send it in quotes.
            let significant = |character: &char| name != "client_encoding" || character.is_ascii_alphanumeric();
            let wanted: String = text.to_ascii_lowercase().chars().filter(significant).collect();
            let found = choices.iter().find(|choice| {
                choice.chars().filter(significant).map(|character| character.to_ascii_lowercase()).eq(wanted.chars())
            });
            let found = found.ok_or_else(|| {
                let error = invalid(&name.to_lowercase(), text);
                // An encoding is not one of an enumeration's values in PostgreSQL.
                if name == "client_encoding" {
                    return error;
                }
                error.hint(format!("Available values: {}.", choices.join(", ")))
            })?;
            match (name, *found) {
                ("client_encoding", _) => "UTF8".to_owned(),
                ("synchronous_commit", "true" | "yes" | "1" | "remote_apply") => "on".to_owned(),
                ("synchronous_commit" | "redoubt.write_forwarding", "false" | "no" | "0") => "off".to_owned(),
                ("redoubt.write_forwarding", "true" | "yes" | "1") => "on".to_owned(),
                ("transaction_isolation" | "default_transaction_isolation", "serializable") => {
                    return Err(Error::unsupported("isolation level SERIALIZABLE"));
                }
                (_, found) => found.to_owned(),
            }
        }
        Kind::Fixed => {
            if text.eq_ignore_ascii_case(definition.default) {
                definition.default.to_owned()
            } else if definition.default == "on" && parse_bool(text) == Some(true) {
                "on".to_owned()
            } else {
                return Err(Error::unsupported(format!("setting \"{name}\" to \"{text}\"")));
            }
        }
        Kind::TimeZone => {
            let zone = TimeZone::parse(text).ok_or_else(|| invalid(name, text))?;
            if text.trim_start().parse::<f64>().is_ok() {
                let named = zone.to_string();
                let out_of_range = || invalid(name, text).detail("UTC timezone offset is out of range.");
                TimeZone::of_name(&named).map(|_| named).ok_or_else(out_of_range)?
            } else {
                text.to_owned()
            }
        }
        Kind::Role => return Err(Error::internal(format!("the session alone knows the roles of \"{name}\""))),
        Kind::Lsn if text.is_empty() => String::new(),
        Kind::Lsn => text.parse::<Lsn>().map_err(|_| invalid(name, text))?.to_string(),
        Kind::SearchPath => {
            let names = split_identifiers(text);
            list_of_names(&names.ok_or_else(|| invalid(name, text).detail("List syntax is invalid."))?)
        }
        Kind::DateStyle => dates.read(text).map_err(|detail| invalid(name, text).detail(detail))?.to_string(),
    })
}

impl Variables {
    /// Sets a value that RESET returns to: from the start-up packet, the role or the database.
    ///
    /// # Errors
    /// As [`Variables::set`].
    pub fn set_default(&self, name: &str, value: &str) -> Result<()> {
        let mut inner = self.inner.lock();
        let (key, value) = check(name, value, inner.date_styles())?;
        inner.defaults.insert(key, value.into());
        inner.rise();
        Ok(())
    }

    /// Who has logged in, and is the session user unless another is set.
    pub(crate) fn authenticate(&self, name: &str, actor: &Actor) {
        let value = Value { text: name.to_owned(), actor: Some(actor.clone()) };
        let mut inner = self.inner.lock();
        inner.defaults.insert(SESSION_AUTHORIZATION.to_owned(), value);
        inner.note_user();
    }

    /// The role that RESET ROLE returns to; `None` is none.
    pub(super) fn set_default_role(&self, name: &str, actor: Option<Actor>) {
        let mut inner = self.inner.lock();
        inner.defaults.insert(ROLE.to_owned(), Value { text: name.to_owned(), actor });
        inner.note_user();
        inner.rise();
    }

    /// What SET sets a variable to that is given these values: each is a name of its own where it is a list of names.
    ///
    /// # Errors
    /// 22023 for several values of what is no list.
    pub fn text_of(name: &str, values: &[String]) -> Result<String> {
        match (definition(name).map(|definition| definition.kind), values) {
            (Some(Kind::SearchPath), _) => Ok(list_of_names(values)),
            (Some(Kind::DateStyle), _) => Ok(values.join(", ")),
            (_, [value]) => Ok(value.clone()),
            _ => {
                let message = format!("SET {name} takes only one argument");
                Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
            }
        }
    }

    /// Whether a variable can have this value, as far as no session is needed to tell.
    ///
    /// # Errors
    /// As [`Variables::set`].
    pub fn judge(name: &str, value: &str) -> Result<()> {
        check(name, value, DateStyles::default()).map(drop)
    }

    /// SET, or SET LOCAL when `local`.
    ///
    /// # Errors
    /// 42704 unknown, 22023 bad value, 55P02 cannot be changed, 0A000 a value we do not have.
    pub fn set(&self, name: &str, value: &str, local: bool) -> Result<()> {
        let mut inner = self.inner.lock();
        let (key, value) = check(name, value, inner.date_styles())?;
        inner.put(&key, Some(value.into()), local);
        Ok(())
    }

    /// SET ROLE or SET SESSION AUTHORIZATION, which unsets the role.
    pub(super) fn set_actor(&self, setting: &str, name: &str, actor: Option<Actor>, local: bool) {
        let mut inner = self.inner.lock();
        inner.put(setting, Some(Value { text: name.to_owned(), actor }), local);
        if setting == SESSION_AUTHORIZATION {
            inner.put(ROLE, Some(NO_ROLE.to_owned().into()), local);
        }
    }

    /// Who the session has become elsewhere.
    pub(super) fn adopt_actor(&self, setting: &str, name: &str, actor: Option<Actor>) {
        let mut inner = self.inner.lock();
        let is_default = inner.default(setting).is_some_and(|default| default.text == name);
        let value = (!is_default).then(|| Value { text: name.to_owned(), actor });
        inner.put(setting, value, false);
    }

    /// The current user; `None` outside of a session.
    pub(super) fn actor(&self) -> Option<Actor> {
        self.inner.lock().user.clone()
    }

    /// The session user; `None` outside of a session.
    pub(super) fn session_actor(&self) -> Option<Actor> {
        self.actor_of(SESSION_AUTHORIZATION)
    }

    /// The role that a setting names.
    pub(super) fn actor_of(&self, setting: &str) -> Option<Actor> {
        self.inner.lock().actor_of(setting)
    }

    /// # Errors
    /// As [`Variables::reset`].
    pub fn check_resettable(name: &str) -> Result<()> {
        match definition(name) {
            Some(definition) if definition.context == "internal" => Err(cannot_change(definition.name)),
            None if !name.contains('.') => Err(unrecognized(name)),
            _ => Ok(()),
        }
    }

    /// SET ... TO DEFAULT and RESET; or SET LOCAL ... TO DEFAULT when `local`.
    ///
    /// # Errors
    /// 42704 unknown, 55P02 cannot be changed.
    pub fn reset(&self, name: &str, local: bool) -> Result<()> {
        Variables::check_resettable(name)?;
        let mut inner = self.inner.lock();
        let key = name.to_lowercase();
        let with_it = (key == SESSION_AUTHORIZATION).then_some(ROLE);
        for key in [key.as_str()].into_iter().chain(with_it) {
            let value = local.then(|| inner.default(key).unwrap_or_else(|| String::new().into()));
            inner.put(key, value, local);
        }
        Ok(())
    }

    /// RESET ALL, which leaves the session who it is.
    pub fn reset_all(&self) {
        let mut inner = self.inner.lock();
        let mut names = Vec::new();
        let state = Arc::make_mut(&mut inner.state);
        for values in [&mut state.session, &mut state.local] {
            values.retain(|name, _| {
                let stays = matches!(name.as_str(), ROLE | SESSION_AUTHORIZATION);
                if !stays {
                    names.push(name.clone());
                }
                stays
            });
        }
        for name in names {
            inner.touch(&name);
        }
    }

    /// The value in the form in which it is stored, such as `5000` for five seconds.
    ///
    /// # Errors
    /// 42704 unknown.
    pub fn get(&self, name: &str) -> Result<String> {
        let inner = self.inner.lock();
        inner.value(name).ok_or_else(|| unrecognized(name))
    }

    /// The value as SHOW gives it, such as `5s`.
    ///
    /// # Errors
    /// 42704 unknown.
    pub fn show(&self, name: &str) -> Result<String> {
        let value = self.get(name)?;
        Ok(match definition(name).map(|definition| definition.kind) {
            Some(Kind::Integer { unit, .. }) => show_integer(value.parse().unwrap_or(0), unit),
            _ => value,
        })
    }

    /// The name as PostgreSQL writes it.
    pub fn display_name(name: &str) -> String {
        definition(name).map_or_else(|| name.to_lowercase(), |definition| definition.name.to_owned())
    }

    /// Every setting, as SHOW ALL and pg_settings list them.
    pub fn rows(&self) -> Vec<SettingRow> {
        let inner = self.inner.lock();
        let row = |definition: &'static Definition| {
            let key = definition.name.to_lowercase();
            let set = inner.state.session.contains_key(&key) || inner.state.local.contains_key(&key);
            SettingRow {
                name: definition.name,
                value: inner.value(definition.name).unwrap_or_default(),
                unit: match definition.kind {
                    Kind::Integer { unit: Unit::Milliseconds, .. } => Some("ms"),
                    Kind::Integer { unit: Unit::Kilobytes, .. } => Some("kB"),
                    Kind::Integer { unit: Unit::Blocks, .. } => Some("8kB"),
                    _ => None,
                },
                category: "Client Connection Defaults",
                description: definition.description,
                context: definition.context,
                kind: match definition.kind {
                    Kind::Bool => "bool",
                    Kind::Integer { .. } => "integer",
                    Kind::Real => "real",
                    Kind::Choice(_) => "enum",
                    _ => "string",
                },
                source: if set {
                    "session"
                } else if inner.defaults.contains_key(&key) {
                    "client"
                } else {
                    "default"
                },
                default: definition.default,
            }
        };
        // Who the session is it tells only when it is asked for by name.
        DEFINITIONS.iter().filter(|it| !matches!(it.kind, Kind::Role) && it.name != IS_SUPERUSER).map(row).collect()
    }

    /// The reported settings with their values, for the start of a connection.
    pub fn reported(&self) -> Vec<(String, String)> {
        let inner = self.inner.lock();
        let told = DEFINITIONS.iter().filter(|definition| definition.reported);
        told.map(|definition| (definition.name.to_owned(), inner.value(definition.name).unwrap_or_default())).collect()
    }

    /// The reported settings that changed since the last call.
    pub fn take_changed(&self) -> Vec<(Cow<'static, str>, String)> {
        let mut inner = self.inner.lock();
        if inner.changed.is_empty() {
            return Vec::new();
        }
        let mut names = std::mem::take(&mut inner.changed);
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .map(|name| {
                let value = inner.value(&name).unwrap_or_default();
                (name, value)
            })
            .collect()
    }

    /// Whether [`Variables::take_changed`] would have something.
    pub fn has_changed(&self) -> bool {
        !self.inner.lock().changed.is_empty()
    }

    /// From now on every setting that changes is reported, an application's own too.
    pub fn report_all(&self) {
        self.inner.lock().reports_all = true;
    }

    /// Whether clients are told of this setting.
    #[must_use]
    pub fn is_reported(name: &str) -> bool {
        definition(name).is_some_and(|definition| definition.reported)
    }

    /// What SET has set for the session and is in force, by lower-case name, in canonical form.
    pub fn session_values(&self) -> BTreeMap<String, String> {
        let inner = self.inner.lock();
        inner.state.session.iter().map(|(name, value)| (name.clone(), value.text.clone())).collect()
    }

    /// Rises with every change.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What to return to if the transaction or subtransaction is rolled back.
    pub fn save(&self) -> SavedVariables {
        let inner = self.inner.lock();
        SavedVariables { state: inner.state.clone(), generation: self.generation() }
    }

    /// Whether anything has changed since this was saved.
    pub fn have_changed_since(&self, saved: &SavedVariables) -> bool {
        self.generation() != saved.generation
    }

    pub fn restore(&self, saved: &SavedVariables) {
        let mut inner = self.inner.lock();
        if !Arc::ptr_eq(&inner.state, &saved.state) {
            inner.replace(saved.state.clone());
        }
    }

    /// Forgets what SET LOCAL set: the transaction ends.
    pub fn end_local(&self) {
        let mut inner = self.inner.lock();
        if !inner.state.local.is_empty() {
            let session = inner.state.session.clone();
            inner.replace(Arc::new(State { session, local: BTreeMap::new() }));
        }
    }

    /// A setting that counts milliseconds; `None` for 0, which means no limit.
    pub fn timeout(&self, name: &str) -> Option<Duration> {
        let value: u64 = self.get(name).ok()?.parse().ok()?;
        (value > 0).then(|| Duration::from_millis(value))
    }

    /// `temp_file_limit` in bytes; `None` without one.
    pub fn temporary_bytes_max(&self) -> Option<u64> {
        let kilobytes: u64 = self.get("temp_file_limit").ok()?.parse().ok()?;
        Some(kilobytes.saturating_mul(1024))
    }

    /// A setting that names a position in the redo; zero when it is empty.
    pub fn lsn(&self, name: &str) -> Lsn {
        self.get(name).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    pub fn is_on(&self, name: &str) -> bool {
        self.get(name).is_ok_and(|value| value == "on")
    }

    /// `synchronous_commit`. `local` is `on`: the six copies are the local disk.
    pub fn durability(&self) -> Durability {
        match self.get("synchronous_commit").as_deref() {
            Ok("off") => Durability::None,
            Ok("remote_write") => Durability::Received,
            _ => Durability::Flushed,
        }
    }

    /// DateStyle, IntervalStyle and bytea_output.
    pub fn styles(&self) -> Styles {
        let inner = self.inner.lock();
        let interval = match inner.value("IntervalStyle").as_deref() {
            Some("postgres_verbose") => IntervalStyle::PostgresVerbose,
            Some("sql_standard") => IntervalStyle::SqlStandard,
            Some("iso_8601") => IntervalStyle::Iso8601,
            _ => IntervalStyle::Postgres,
        };
        let bytea = match inner.value("bytea_output").as_deref() {
            Some("escape") => ByteaOutput::Escape,
            _ => ByteaOutput::Hex,
        };
        Styles { date: inner.date_styles().current, interval, bytea }
    }

    /// The schemas of search_path, with `$user` replaced, or left out without a user.
    pub fn search_path(&self, user: Option<&str>) -> Vec<Arc<str>> {
        let value = self.get("search_path").unwrap_or_default();
        let names = split_identifiers(&value).unwrap_or_default();
        let shown = |name: String| -> Option<Arc<str>> {
            if name == "$user" { user.map(Arc::from) } else { Some(Arc::from(name)) }
        };
        names.into_iter().filter_map(shown).collect()
    }

    /// Sets what only the server itself may: `in_hot_standby`, `max_connections`.
    pub fn force(&self, name: &str, value: &str) {
        let mut inner = self.inner.lock();
        inner.defaults.insert(name.to_lowercase(), value.to_owned().into());
        inner.touch(name);
    }
}

fn cannot_change(name: &str) -> Error {
    Error::new(SqlState::CANT_CHANGE_RUNTIME_PARAM, format!("parameter \"{name}\" cannot be changed"))
}

fn check(name: &str, value: &str, dates: DateStyles) -> Result<(String, String)> {
    let Some(definition) = definition(name) else {
        // Names with a dot are an application's own.
        let valid = name.split('.').count() > 1 && name.split('.').all(|part| !part.is_empty());
        return if valid { Ok((name.to_lowercase(), value.to_owned())) } else { Err(unrecognized(name)) };
    };
    if definition.context == "internal" {
        return Err(cannot_change(definition.name));
    }
    Ok((definition.name.to_lowercase(), canonical(definition, value, dates)?))
}

impl Inner {
    fn value(&self, name: &str) -> Option<String> {
        if name.eq_ignore_ascii_case(IS_SUPERUSER)
            && let Some(actor) = &self.user
        {
            return Some(if actor.was_superuser() { "on" } else { "off" }.to_owned());
        }
        let key = name.to_lowercase();
        let set = self.in_force(&key).map(|value| value.text.clone());
        set.or_else(|| self.default(&key).map(|value| value.text))
    }

    /// What is set and in force.
    fn in_force(&self, key: &str) -> Option<&Value> {
        self.state.local.get(key).or_else(|| self.state.session.get(key))
    }

    fn actor_of(&self, setting: &str) -> Option<Actor> {
        self.in_force(setting).or_else(|| self.defaults.get(setting))?.actor.clone()
    }

    fn note_user(&mut self) {
        self.user = self.actor_of(ROLE).or_else(|| self.actor_of(SESSION_AUTHORIZATION));
    }

    /// Gives a setting a value for the session, or for the transaction when `local`; or takes it away.
    fn put(&mut self, key: &str, value: Option<Value>, local: bool) {
        let before = self.value(IS_SUPERUSER);
        let state = Arc::make_mut(&mut self.state);
        if !local {
            state.local.remove(key);
        }
        let values = if local { &mut state.local } else { &mut state.session };
        match value {
            Some(value) => drop(values.insert(key.to_owned(), value)),
            None => drop(values.remove(key)),
        }
        self.note_user();
        self.touch(key);
        self.touch_superuser(before.as_deref());
    }

    /// What was `before` may have followed the current user.
    fn touch_superuser(&mut self, before: Option<&str>) {
        if self.value(IS_SUPERUSER).as_deref() != before {
            self.touch(IS_SUPERUSER);
        }
    }

    fn date_styles(&self) -> DateStyles {
        let read = |text: Option<String>| DateStyles::default().read(&text.unwrap_or_default()).unwrap_or_default();
        let default = self.default("datestyle").map(|value| value.text);
        DateStyles { current: read(self.value("datestyle")), default: read(default) }
    }

    /// What RESET returns to.
    fn default(&self, key: &str) -> Option<Value> {
        let given = self.defaults.get(key).cloned();
        given.or_else(|| definition(key).map(|definition| definition.default.to_owned().into()))
    }

    fn rise(&self) {
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn touch(&mut self, name: &str) {
        self.rise();
        match definition(name) {
            Some(definition) if definition.reported || self.reports_all => {
                self.changed.push(Cow::Borrowed(definition.name));
            }
            None if self.reports_all => self.changed.push(Cow::Owned(name.to_lowercase())),
            _ => {}
        }
    }

    fn replace(&mut self, state: Arc<State>) {
        if self.reports_all {
            let states = [&self.state, &state];
            let keys = states.iter().flat_map(|it| it.session.keys().chain(it.local.keys()));
            let keys: BTreeSet<String> = keys.cloned().collect();
            let before = self.value(IS_SUPERUSER);
            self.state = state;
            self.note_user();
            // Those that are as before are told once more, which changes nothing.
            keys.iter().for_each(|key| self.touch(key));
            self.touch_superuser(before.as_deref());
            return;
        }
        let reported = DEFINITIONS.iter().filter(|definition| definition.reported);
        let before: Vec<_> = reported.map(|definition| (definition.name, self.value(definition.name))).collect();
        self.state = state;
        self.note_user();
        self.rise();
        for (name, value) in before {
            if self.value(name) != value {
                self.changed.push(Cow::Borrowed(name));
            }
        }
    }
}

#[cfg(test)]
mod tests;
