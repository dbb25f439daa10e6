//! Two sessions of one database, one of which waits for the other.

use std::sync::Arc;
use std::time::Duration;

use engine::testing::MemoryVolume;
use sql::session::{Database, Session};

use crate::support::{database, run, session};

pub async fn two(setup: &str) -> (Arc<MemoryVolume>, Arc<Database>, Session, Session) {
    let (volume, database) = database(1024).await;
    let mut one = session(&database).await;
    for statement in setup.split(';').filter(|statement| !statement.trim().is_empty()) {
        let lines = run(&mut one, statement).await;
        assert!(!lines.iter().any(|line| line.starts_with("ERROR")), "{statement}: {lines:?}");
    }
    let other = session(&database).await;
    (volume, database, one, other)
}

/// Runs a statement in another task, which is expected to wait.
pub fn spawn(mut session: Session, sql: &'static str) -> tokio::task::JoinHandle<(Session, Vec<String>)> {
    tokio::spawn(async move {
        let lines = run(&mut session, sql).await;
        (session, lines)
    })
}

/// Lets a spawned statement come to its lock. It is not needed for the outcome, only to make the wait happen.
pub async fn let_wait(database: &Arc<Database>) {
    let before = database.engine.stats().lock_waits;
    for _ in 0..200 {
        if database.engine.stats().lock_waits > before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub const ROWS: &str = "create table t (id int primary key, v int); insert into t values (1, 10), (2, 20)";

pub fn ok(lines: &[String]) {
    assert!(!lines.iter().any(|line| line.starts_with("ERROR")), "{lines:?}");
}

/// The single value of a query.
pub async fn value(session: &mut Session, sql: &str) -> String {
    let lines = run(session, sql).await;
    assert_eq!(lines.len(), 3, "{sql}: {lines:?}");
    lines[1].clone()
}
