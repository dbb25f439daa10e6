//! The two executors held equal: random tables, random queries, each run by the row executor and by the vector executor.
//!
//! The queries come from a grammar of what the vector executor takes, and of some things that it must refuse. Each is run
//! over the same tables by a server without the vector executor and by one that gives it everything it supports, and the
//! answers must be the same rows (in order, if the query orders them) or the same SQLSTATE. A failure names its seed.
//!
//! One difference is allowed, and counted: the vector executor drops what nobody needs (an output column of a subquery
//! that is not read, a subquery under a condition that is constantly false) and with it an error that the row executor
//! finds. PostgreSQL drops such things, too.
//!
//! A run of the vector executor that fails is given up for one of the row executor. Here that is for errors that both
//! find: rows that were there all the same are a difference, too.

use std::sync::Arc;

use engine::testing::MemoryVolume;
use engine::{Engine, Options};
use sql::session::Database;

use crate::grammar::{self, Query};
use crate::support::{Answer, Forced, answer, session};

/// Random tables made.
const WORLDS: u64 = 6;
/// Queries over each.
const QUERIES: u64 = 150;

/// Whether two answers are the same.
fn same(query: &Query, row: &Answer, vector: &Answer) -> bool {
    match (row, vector) {
        (Answer::Error(row), Answer::Error(vector)) => row == vector || query.errors > 1,
        (Answer::Rows(row), Answer::Rows(vector)) if query.ordered => row == vector,
        (Answer::Rows(row), Answer::Rows(vector)) => {
            let sorted = |rows: &[Vec<u8>]| {
                let mut rows = rows.to_vec();
                rows.sort();
                rows
            };
            sorted(row) == sorted(vector)
        }
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_executors_answer_alike() {
    let forced = Arc::new(Forced::default());
    let only: Option<u64> = std::env::var("REDOUBT_SEED").ok().and_then(|seed| seed.parse().ok());
    let (mut failures, mut errors, mut spared) = (Vec::new(), 0, 0);
    for world in 0..WORLDS {
        let volume = MemoryVolume::new();
        let engine = Engine::bootstrap(volume.clone(), Options::default()).await.expect("an empty volume");
        let rows = Database::open(engine.clone(), None).await.expect("a fresh catalog");
        let vectors = Database::open(engine, Some(forced.clone())).await.expect("a catalog");
        let (mut by_rows, mut by_vectors) = (session(&rows).await, session(&vectors).await);
        for statement in grammar::tables(world) {
            let done = answer(&mut by_rows, &statement).await;
            assert!(!matches!(done, Answer::Error(_)), "{statement}: {done:?}");
        }
        for number in 0..QUERIES {
            let seed = world * QUERIES + number;
            if only.is_some_and(|only| only != seed) {
                continue;
            }
            let query = grammar::query(seed);
            let row = answer(&mut by_rows, &query.sql).await;
            let given_up = forced.given_up();
            let vector = answer(&mut by_vectors, &query.sql).await;
            if forced.given_up() > given_up && matches!(vector, Answer::Rows(_)) {
                failures.push(format!("seed {seed} was given up:\n{}", query.sql));
            }
            match (&row, &vector) {
                (Answer::Error(_), Answer::Error(_)) => errors += 1,
                (Answer::Error(_), Answer::Rows(_)) => {
                    spared += 1;
                    continue;
                }
                _ => {}
            }
            if !same(&query, &row, &vector) {
                failures.push(format!("seed {seed}:\n{}\nrow:    {row}\nvector: {vector}", query.sql));
            }
        }
    }
    let (ran, refused) = forced.counts();
    println!("the vector executor ran {ran} plans and refused {refused:?}; {errors} errors, {spared} spared");
    assert!(only.is_some() || spared * 4 <= errors, "{spared} errors are not found in columns, {errors} are");
    assert!(failures.is_empty(), "{} queries differ\n{}", failures.len(), failures.join("\n\n"));
    let all = ran + refused.values().sum::<u64>();
    assert!(only.is_some() || ran * 2 > all, "only {ran} of {all} plans were run by the vector executor: {refused:?}");
}
