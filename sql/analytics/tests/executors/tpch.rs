//! Every query of TPC-H is run by the vector executor, with PostgreSQL's answers.
//!
//! The script is one of those that the row executor is held against; its expected lines are a real PostgreSQL's.

use std::path::Path;
use std::sync::Arc;

use engine::testing::MemoryVolume;
use engine::{Engine, Options};
use sql::session::Database;

use crate::support::{Forced, lines, session};

/// A statement, and what it prints apart from the heading and the count of rows.
struct Step {
    name: Option<String>,
    sql: String,
    expected: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut name = None;
    for block in text.split("\n\n") {
        let mut step = Step { name: None, sql: String::new(), expected: Vec::new() };
        for line in block.lines() {
            if let Some(title) = line.strip_prefix("# Query ") {
                name = Some(title.trim_end_matches('.').to_owned());
            } else if let Some(sql) = line.strip_prefix("> ") {
                step.sql.push_str(sql);
                step.sql.push('\n');
            } else if !line.starts_with('#') {
                step.expected.push(line.to_owned());
            }
        }
        if step.sql.is_empty() {
            continue;
        }
        step.name = name.take();
        if step.name.is_some() {
            step.expected.remove(0);
            step.expected.pop();
        }
        steps.push(step);
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_is_run_in_columns_and_answers_as_postgresql() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scripts/tpch.sql");
    let script = std::fs::read_to_string(path).expect("the script");
    let forced = Arc::new(Forced::default());
    let engine = Engine::bootstrap(MemoryVolume::new(), Options::default()).await.expect("an empty volume");
    let database = Database::open(engine, Some(forced.clone())).await.expect("a fresh catalog");
    let mut session = session(&database).await;
    let mut queries = 0;
    let mut failures = Vec::new();
    for step in steps(&script) {
        let (ran, refused) = forced.counts();
        let found = lines(&mut session, &step.sql).await;
        let mut found = found.unwrap_or_else(|error| panic!("{}: {error}", step.sql));
        // An empty line is a row of one NULL; the script's format has no other way to say so.
        found.retain(|line| !line.is_empty());
        let Some(name) = step.name else { continue };
        queries += 1;
        let (now, refused_now) = forced.counts();
        if now != ran + 1 || refused != refused_now {
            failures.push(format!("query {name} was not run by the vector executor: {refused_now:?}"));
        } else if found != step.expected {
            failures.push(format!("query {name}\nexpected: {:#?}\nfound: {found:#?}", step.expected));
        }
    }
    assert_eq!(queries, 22);
    assert_eq!(forced.given_up(), 0);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
