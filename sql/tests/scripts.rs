//! Golden scripts: statements with what PostgreSQL 15 answers.
//!
//! A script is a list of statements behind `> ` (further lines of one behind `> ` too), each followed by the lines that
//! `psql -A` with verbose errors prints. `tests/judge.py` writes those lines from a real PostgreSQL; here they are held
//! against a session over a volume in memory: with a large cache, with the smallest, with every statement planned with its
//! literals in place, where the others take plans with the literals lifted out, and with every statement prepared.

mod support;

use std::fs;
use std::path::Path;

use sql::session::Session;
use support::{Recorder, database, run, session};

/// One statement and its expected lines.
struct Step {
    line: usize,
    sql: String,
    expected: Vec<String>,
}

fn read(path: &Path) -> Vec<Step> {
    let text = fs::read_to_string(path).expect("a script");
    let mut steps: Vec<Step> = Vec::new();
    let mut in_statement = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(sql) = line.strip_prefix("> ") {
            match steps.last_mut() {
                Some(step) if in_statement => {
                    step.sql.push('\n');
                    step.sql.push_str(sql);
                }
                _ => steps.push(Step { line: number + 1, sql: sql.into(), expected: Vec::new() }),
            }
            in_statement = true;
        } else if line.starts_with("# ") || (line.is_empty()) {
            in_statement = false;
        } else if let Some(step) = steps.last_mut() {
            in_statement = false;
            step.expected.push(line.into());
        }
    }
    steps
}

/// Runs a statement as a driver does that prepares each: Parse, Bind, Describe, Execute, Sync. Several go as a Query message.
async fn run_prepared(session: &mut Session, sql: &str) -> Vec<String> {
    if sql.trim_end().trim_end_matches(';').contains(';') {
        return run(session, sql).await;
    }
    let mut client = Recorder::default();
    let result = async {
        session.parse("", sql, &[]).await?;
        session.bind("", "", &[], &[], &[]).await?;
        session.describe_portal("", &mut client).await?;
        session.execute("", 0, &mut client).await
    };
    if let Err(error) = result.await {
        client.error(&error);
        session.fail();
    }
    if let Err(error) = session.sync().await {
        client.error(&error);
        session.fail();
    }
    session.settle().await.expect("the volume is alive");
    client.lines
}

/// How statements are sent.
#[derive(Clone, Copy)]
enum Protocol {
    Simple,
    Extended,
}

async fn play(path: &Path, cache_pages: usize, setting: &str, protocol: Protocol) -> Vec<String> {
    let (_volume, database) = database(cache_pages).await;
    let mut session = session(&database).await;
    run(&mut session, setting).await;
    let mut failures = Vec::new();
    for step in read(path) {
        let printed = match protocol {
            Protocol::Simple => run(&mut session, &step.sql).await,
            Protocol::Extended => run_prepared(&mut session, &step.sql).await,
        };
        let mut lines: Vec<String> = printed.iter().flat_map(|line| line.split('\n')).map(String::from).collect();
        // psql does not tell how many rows it has just written to its own output.
        if lines.last().is_some_and(|tag| tag.starts_with("COPY ")) && step.sql.contains("to stdout") {
            lines.pop();
        }
        // An empty line is a row of one NULL; the format has no other way to say so.
        lines.retain(|line| !line.is_empty());
        if lines != step.expected {
            failures.push(format!(
                "{}:{}: {}\n  expected:\n    {}\n  got:\n    {}",
                path.display(),
                step.line,
                step.sql,
                step.expected.join("\n    "),
                lines.join("\n    ")
            ));
        }
    }
    failures
}

async fn play_all(cache_pages: usize, setting: &str, protocol: Protocol) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the scripts").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let mut failures = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "sql")) {
        failures.extend(play(path, cache_pages, setting, protocol).await);
    }
    assert!(failures.is_empty(), "{} statements differ\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_answer_as_postgresql_does() {
    play_all(4096, "", Protocol::Simple).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_answer_as_postgresql_does_with_64_pages_of_cache() {
    play_all(64, "", Protocol::Simple).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_answer_as_postgresql_does_with_literals_in_place() {
    play_all(4096, "set plan_cache_mode = force_custom_plan", Protocol::Simple).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_answer_as_postgresql_does_when_each_statement_is_prepared() {
    play_all(4096, "", Protocol::Extended).await;
}
