//! Which server a statement needs, as its text alone says.
//!
//! **Rule.** A statement that may write, or that reads what only a session with the writer has (a sequence's last value, an
//! advisory lock), is [`Course::Writes`]. A false alarm costs a way to the writer, where the statement means the same; what
//! escapes is refused by the replica (25006), never run wrongly.
//!
//! The kind of a statement, and what COPY copies, comes from its syntax tree; what can stand anywhere within it is looked for
//! among its tokens: calls of certain functions, locking clauses, the changes of rows in WITH, each of which begins behind the
//! parenthesis that opens it. A view that calls `nextval` is what escapes.

use types::Result;

use super::ast::{CopySource, Statement};
use super::lexer::{Tok, Token, tokens};
use super::{Parsed, parse};
use crate::bound::{AccessMode, Isolation, SetValue, TransactionModes, TransactionStatement};

/// Functions of the writer, sorted.
const WRITERS_FUNCTIONS: [&str; 22] = [
    "currval",
    "lastval",
    "nextval",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_all",
    "pg_advisory_unlock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_current_wal_flush_lsn",
    "pg_current_wal_insert_lsn",
    "pg_current_wal_lsn",
    "pg_current_xact_id",
    "pg_notify",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
    "set_config",
    "setval",
    "txid_current",
];

/// What a statement asks of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Course {
    /// Any server will do.
    Reads,
    /// It shapes the session or the transaction, wherever that is.
    Shapes,
    /// It needs the writer.
    Writes,
}

/// One statement of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    pub course: Course,
    /// Without the semicolon.
    pub text: String,
    pub part: Part,
}

/// What else is to be known of a statement where its transaction changes servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    Plain,
    /// BEGIN or START TRANSACTION.
    Begins,
    /// COMMIT; `chained` begins the next block.
    Commits {
        chained: bool,
    },
    /// ROLLBACK, of all.
    RollsBack {
        chained: bool,
    },
    /// EXECUTE of this statement, also within EXPLAIN.
    Executes(String),
    /// PREPARE of this statement.
    Prepares(String),
    /// DEALLOCATE of this statement, or of all.
    Deallocates(Option<String>),
    /// DISCARD; of `all`, prepared statements too.
    Discards {
        all: bool,
    },
}

/// The modes that transactions begin with unless they say otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Defaults {
    pub repeatable: bool,
    pub read_only: bool,
}

/// The statements of a text.
///
/// # Errors
/// As [`parse`]: what is no statement is reported by whoever runs it.
pub fn steps(text: &str, defaults: Defaults) -> Result<Vec<Step>> {
    let parsed = parse(text)?;
    let (tokens, _) = tokens(text)?;
    Ok(parsed.iter().map(|it| step(it, text, &tokens, defaults)).collect())
}

fn step(parsed: &Parsed, text: &str, tokens: &[Token<'_>], defaults: Defaults) -> Step {
    let own = tokens.iter().filter(|it| it.start as usize >= parsed.start && it.end as usize <= parsed.end);
    let own: Vec<&Tok<'_>> = own.map(|it| &it.tok).collect();
    Step {
        course: course(&parsed.statement, &own, defaults),
        text: text[parsed.start..parsed.end].to_owned(),
        part: match &parsed.statement {
            Statement::Transaction(TransactionStatement::Begin(_) | TransactionStatement::Start(_)) => Part::Begins,
            Statement::Transaction(TransactionStatement::Commit { chain }) => Part::Commits { chained: *chain },
            Statement::Transaction(TransactionStatement::Rollback { chain }) => Part::RollsBack { chained: *chain },
            Statement::Execute { name, .. } => Part::Executes(name.clone()),
            Statement::Prepare { name, .. } => Part::Prepares(name.clone()),
            Statement::Explain { statement, .. } => match &**statement {
                Statement::Execute { name, .. } => Part::Executes(name.clone()),
                _ => Part::Plain,
            },
            Statement::Deallocate { name } => Part::Deallocates(name.clone()),
            Statement::Discard(what) => Part::Discards { all: *what == "ALL" },
            _ => Part::Plain,
        },
    }
}

fn course(statement: &Statement, tokens: &[&Tok<'_>], defaults: Defaults) -> Course {
    let by_tokens = || if touches_the_writer(tokens) { Course::Writes } else { Course::Reads };
    match statement {
        Statement::Empty
        | Statement::Show { .. }
        | Statement::Prepare { .. }
        | Statement::Deallocate { .. }
        | Statement::Fetch { .. }
        | Statement::Close { .. }
        | Statement::Listen(_)
        | Statement::Unlisten(_)
        | Statement::WaitForLsn(_) => Course::Reads,
        Statement::Query(_) | Statement::Execute { .. } | Statement::Declare { .. } => by_tokens(),
        Statement::Copy(copy) if !copy.from && !matches!(copy.source, CopySource::Change(_)) => by_tokens(),
        // Unless it is executed, nothing is written.
        Statement::Explain { options, .. } if !options.analyze => Course::Reads,
        Statement::Explain { statement, .. } => course(statement, tokens, defaults),
        Statement::Discard(_) | Statement::Reset { .. } | Statement::SetConstraints { .. } => Course::Shapes,
        Statement::Set { name, value, .. } => {
            let is =
                |wanted: &str| matches!(value, SetValue::Values(values) if values.len() == 1 && values[0] == wanted);
            match name.as_str() {
                "transaction_isolation" if is("repeatable read") => Course::Writes,
                _ => Course::Shapes,
            }
        }
        Statement::Transaction(statement) => match statement {
            TransactionStatement::Begin(modes) | TransactionStatement::Start(modes) => {
                of_modes(*modes, defaults.repeatable, defaults.read_only)
            }
            TransactionStatement::SetModes(modes) => of_modes(*modes, false, false),
            _ => Course::Shapes,
        },
        _ => Course::Writes,
    }
}

/// A transaction that may write and keeps one snapshot has it from the writer, from its beginning.
fn of_modes(modes: TransactionModes, repeatable: bool, read_only: bool) -> Course {
    let repeatable = match modes.isolation {
        Some(level) => matches!(level, Isolation::RepeatableRead | Isolation::Serializable),
        None => repeatable,
    };
    match modes.access {
        Some(AccessMode::ReadWrite) => Course::Writes,
        Some(AccessMode::ReadOnly) => Course::Shapes,
        None if repeatable && !read_only => Course::Writes,
        None => Course::Shapes,
    }
}

fn touches_the_writer(tokens: &[&Tok<'_>]) -> bool {
    let word = |at: usize| match tokens.get(at) {
        Some(Tok::Word(word)) => Some(&**word),
        _ => None,
    };
    let is_open = |at: usize| matches!(tokens.get(at), Some(Tok::Sym("(")));
    (0..tokens.len()).any(|at| {
        let called = match tokens[at] {
            Tok::Word(name) => Some(&**name),
            Tok::Quoted(name) => Some(name.as_str()),
            _ => None,
        };
        if called.is_some_and(|name| is_open(at + 1) && WRITERS_FUNCTIONS.binary_search(&name).is_ok()) {
            return true;
        }
        match word(at) {
            Some("for") => matches!(word(at + 1), Some("update" | "share" | "no" | "key")),
            Some("insert" | "update" | "delete" | "merge") => at > 0 && is_open(at - 1),
            Some("into") => true,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn courses(text: &str) -> Vec<Course> {
        steps(text, Defaults::default()).expect(text).into_iter().map(|step| step.course).collect()
    }

    #[test]
    fn the_functions_are_sorted() {
        assert!(WRITERS_FUNCTIONS.is_sorted());
    }

    #[test]
    fn what_reads_may_run_anywhere() {
        for text in [
            "select 1",
            "table t",
            "values (1)",
            "with a as (select 1) select * from a",
            "select 'nextval(''s'')', nextval from t",
            "select substring('abc' for 2)",
            "copy t to stdout",
            "copy (with a as (select 1) select * from a) to stdout",
            "explain insert into t values (1)",
            "explain analyze select 1",
            "prepare p as insert into t values (1)",
            "execute p(1)",
            "declare c cursor for select 1",
            "fetch c",
            "show all",
        ] {
            assert_eq!(courses(text), [Course::Reads], "{text}");
        }
    }

    #[test]
    fn what_may_write_needs_the_writer() {
        for text in [
            "insert into t values (1)",
            "update t set a = 1",
            "delete from t",
            "with a as (insert into t values (1) returning *) select * from a",
            "with a as (select 1) insert into t select * from a",
            "select * from t for update",
            "select * from (select * from t for no key update) s",
            "select * from t for key share",
            "select (select nextval('s'))",
            "select pg_catalog.nextval('s')",
            "select \"nextval\" ('s')",
            "select currval('s'), lastval()",
            "select pg_advisory_lock(1)",
            "select set_config('a.b', 'c', true)",
            "copy t from stdin",
            "copy (select nextval('s')) to stdout",
            "copy (insert into t values (1) returning a) to stdout",
            "copy (update t set a = 1 returning a) to stdout",
            "copy (delete from t returning a) to stdout",
            "copy (with a as (select 1) update t set a = 2 returning a) to stdout",
            "copy (with a as (select 1) delete from t returning a) to stdout",
            "copy (with a as (delete from t returning *) select * from a) to stdout",
            "copy (with a as (delete from t returning *) table a) to stdout",
            "explain analyze insert into t values (1)",
            "explain (analyze) select nextval('s')",
            "declare c cursor for select * from t for update",
            "create table u (a int)",
            "create table u as select 1",
            "truncate t",
            "lock table t",
            "vacuum",
            "analyze",
            "grant select on t to r",
            "begin isolation level repeatable read",
            "begin read write",
            "set transaction isolation level repeatable read",
            "set transaction_isolation = 'repeatable read'",
        ] {
            assert_eq!(courses(text), [Course::Writes], "{text}");
        }
    }

    #[test]
    fn what_shapes_a_session_is_kept() {
        for text in [
            "begin",
            "begin isolation level repeatable read read only",
            "start transaction isolation level read committed",
            "commit",
            "rollback",
            "savepoint a",
            "release a",
            "rollback to a",
            "set search_path = a",
            "set local work_mem = '8MB'",
            "reset all",
            "set constraints all deferred",
            "set transaction read only",
        ] {
            assert_eq!(courses(text), [Course::Shapes], "{text}");
        }
        let repeatable = Defaults { repeatable: true, read_only: false };
        let course = |text, defaults| steps(text, defaults).expect(text)[0].course;
        assert_eq!(course("begin", repeatable), Course::Writes);
        assert_eq!(course("begin isolation level read committed", repeatable), Course::Shapes);
        assert_eq!(course("begin", Defaults { read_only: true, ..repeatable }), Course::Shapes);
    }

    #[test]
    fn each_statement_is_judged_by_its_own_tokens() {
        let steps = steps(" begin; select 1 ;insert into t values (';'); commit", Defaults::default()).expect("four");
        let seen: Vec<_> = steps.iter().map(|step| (step.text.as_str(), step.course)).collect();
        assert_eq!(
            seen,
            [
                ("begin", Course::Shapes),
                ("select 1", Course::Reads),
                ("insert into t values (';')", Course::Writes),
                ("commit", Course::Shapes)
            ]
        );
        assert_eq!(steps[0].part, Part::Begins);
        assert_eq!(steps[3].part, Part::Commits { chained: false });
        let part = |text| super::steps(text, Defaults::default()).expect(text)[0].part.clone();
        assert_eq!(part("execute p"), Part::Executes("p".into()));
        assert_eq!(part("explain analyze execute p(1)"), Part::Executes("p".into()));
        assert_eq!(part("deallocate \"P\""), Part::Deallocates(Some("P".into())));
        assert_eq!(part("deallocate prepare all"), Part::Deallocates(None));
        assert_eq!(part("discard all"), Part::Discards { all: true });
        assert_eq!(part("discard plans"), Part::Discards { all: false });
    }
}
