//! Sessions over either executor, and their answers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use analytics::{DataFusionExecutor, Options};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use sql::bound::Plan;
use sql::exec::{ExecContext, RowStream, Step, VectorExecutor};
use sql::session::{Client, Column, Database, Session, SessionOptions};
use types::{Datum, Result, Settings, keycode};

/// What a statement led to.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// The rows, as bytes that are equal where values are.
    Rows(Vec<Vec<u8>>),
    /// The SQLSTATE.
    Error(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Rows(rows) => {
                write!(f, "{} rows", rows.len())?;
                let mut rows = rows.clone();
                rows.sort();
                rows.iter()
                    .take(12)
                    .try_for_each(|row| write!(f, "\n    {}", String::from_utf8_lossy(row).escape_debug()))
            }
            Answer::Error(state) => f.write_str(state),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A vector executor that takes every plan it supports, and counts.
pub struct Forced {
    inner: DataFusionExecutor,
    counts: Mutex<(u64, BTreeMap<String, u64>)>,
    given_up: Arc<AtomicU64>,
}

impl Default for Forced {
    fn default() -> Forced {
        let options = Options { only_worthwhile: false, ..Options::default() };
        Forced { inner: DataFusionExecutor::new(options), counts: Mutex::default(), given_up: Arc::default() }
    }
}

impl Forced {
    /// Plans run, and refused by reason.
    pub fn counts(&self) -> (u64, BTreeMap<String, u64>) {
        self.counts.lock().clone()
    }

    /// Plans that were begun, and then left to the row executor.
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }
}

/// A result of the vector executor, to see whether it is given up.
struct Watched {
    inner: Box<dyn RowStream>,
    given_up: Arc<AtomicU64>,
}

impl RowStream for Watched {
    fn next(&mut self) -> BoxFuture<'_, Result<Step>> {
        Box::pin(async move {
            let step = self.inner.next().await?;
            if matches!(step, Step::GivenUp) {
                self.given_up.fetch_add(1, Ordering::Relaxed);
            }
            Ok(step)
        })
    }
}

impl VectorExecutor for Forced {
    fn takes(&self, plan: &Plan, context: &Arc<ExecContext>) -> bool {
        self.inner.takes(plan, context)
    }

    fn execute(&self, plan: &Plan, context: &Arc<ExecContext>) -> Option<Result<Box<dyn RowStream>>> {
        let stream = self.inner.execute(plan, context);
        if stream.is_some() {
            self.counts.lock().0 += 1;
        } else {
            let why = self.inner.refusal(plan, context).unwrap_or_else(|| "nothing".into());
            *self.counts.lock().1.entry(why).or_default() += 1;
        }
        let given_up = self.given_up.clone();
        stream.map(|started| started.map(|inner| Box::new(Watched { inner, given_up }) as Box<dyn RowStream>))
    }
}

/// Keeps the rows of one answer.
#[derive(Default)]
struct Rows {
    rows: Vec<Vec<u8>>,
    pub lines: Vec<String>,
}

impl Client for Rows {
    fn data_row(&mut self, row: &[Datum], columns: &[Column], _: &[i16], settings: &Settings) -> Result<()> {
        let mut key = Vec::new();
        keycode::encode_key(row, &mut key);
        self.rows.push(key);
        let text = |(value, column): (&Datum, &Column)| match value {
            Datum::Null => String::new(),
            value => types::text_io::to_text(value, column.ty, settings),
        };
        self.lines.push(row.iter().zip(columns).map(text).collect::<Vec<_>>().join("|"));
        Ok(())
    }
}

pub async fn session(database: &Arc<Database>) -> Session {
    let options = SessionOptions { user: "postgres".into(), database: "postgres".into(), ..SessionOptions::default() };
    Session::new(database.clone(), options).await.expect("the superuser may connect")
}

async fn rows(session: &mut Session, sql: &str) -> Result<Rows> {
    let mut client = Rows::default();
    let done = session.simple(sql, &mut client).await;
    if done.is_err() {
        session.fail();
    }
    session.settle().await.expect("the volume is alive");
    done.map(|()| client)
}

pub async fn answer(session: &mut Session, sql: &str) -> Answer {
    match rows(session, sql).await {
        Ok(client) => Answer::Rows(client.rows),
        Err(error) => Answer::Error(error.sqlstate().to_string()),
    }
}

/// The rows of an answer as psql prints them unaligned, without a heading.
pub async fn lines(session: &mut Session, sql: &str) -> Result<Vec<String>> {
    rows(session, sql).await.map(|client| client.lines)
}
