//! A client in memory, which writes down what it is sent as `psql -A` with verbose errors would print it.

use std::sync::Arc;

use bytes::Bytes;
use engine::testing::MemoryVolume;
use engine::{Engine, Options};
use sql::session::{Client, Column, CopyFormat, Database, NoticeSeverity, Session, SessionOptions};
use types::{Datum, Error, Result, Settings};

/// What came out of a session, line by line.
#[derive(Default)]
pub struct Recorder {
    pub lines: Vec<String>,
    columns: Option<usize>,
    /// Where the lines of the result in progress begin: psql shows nothing of a result that ends in an error.
    result_start: usize,
    rows: usize,
    /// What COPY FROM STDIN is to read.
    pub input: Vec<Bytes>,
    pub drains: usize,
    pub suspended: bool,
    /// Sizes of the rows since the last drain.
    buffered: usize,
    /// Values of all rows, for tests that look closer.
    pub values: Vec<Vec<Datum>>,
    /// Tags, also those that psql does not show.
    pub tags: Vec<String>,
    /// Settings that were reported.
    pub statuses: Vec<(String, String)>,
    /// Channels and payloads of notifications.
    pub notifications: Vec<(String, String)>,
}

impl Client for Recorder {
    fn row_description(&mut self, columns: &[Column], _: &[i16]) {
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        self.result_start = self.lines.len();
        self.lines.push(names.join("|"));
        self.columns = Some(columns.len());
        self.rows = 0;
    }
    fn no_data(&mut self) {}
    fn parameter_description(&mut self, types: &[u32]) {
        self.lines.push(format!("parameters {types:?}"));
    }
    fn data_row(&mut self, row: &[Datum], columns: &[Column], _: &[i16], settings: &Settings) -> Result<()> {
        assert_eq!(row.len(), columns.len(), "a row has the columns that were described");
        let text = |(value, column): (&Datum, &Column)| match value {
            Datum::Null => String::new(),
            value => types::text_io::to_text(value, column.ty, settings),
        };
        let values: Vec<String> = row.iter().zip(columns).map(text).collect();
        self.lines.push(values.join("|"));
        self.values.push(row.to_vec());
        self.rows += 1;
        self.buffered += 1;
        Ok(())
    }
    fn command_complete(&mut self, tag: &str) {
        self.tags.push(tag.into());
        let columns = self.columns.take();
        match columns {
            Some(_) if self.rows == 1 => self.lines.push("(1 row)".into()),
            Some(_) => self.lines.push(format!("({} rows)", self.rows)),
            None => {}
        }
        // psql shows the tag of what changes rows beside the rows, and no tag of a query; that of SELECT INTO it shows.
        let query = ["SELECT", "SHOW", "EXPLAIN", "FETCH"].iter().any(|word| tag.starts_with(word));
        if !query || columns.is_none() {
            self.lines.push(tag.into());
        }
    }
    fn portal_suspended(&mut self) {
        self.suspended = true;
    }
    fn empty_query(&mut self) {}
    fn notice(&mut self, severity: NoticeSeverity, notice: &Error) {
        let word = match severity {
            NoticeSeverity::Warning => "WARNING",
            NoticeSeverity::Info => "INFO",
            _ => "NOTICE",
        };
        self.lines.push(format!("{word}:  {}: {}", notice.sqlstate(), notice.message));
    }
    fn parameter_status(&mut self, name: &str, value: &str) {
        self.statuses.push((name.into(), value.into()));
    }
    fn notification(&mut self, _: i32, channel: &str, payload: &str) {
        self.notifications.push((channel.into(), payload.into()));
    }
    fn copy_in_response(&mut self, _: usize, _: CopyFormat) {}
    fn copy_out_response(&mut self, _: usize, _: CopyFormat) {}
    fn copy_data(&mut self, data: &[u8]) {
        self.lines.push(String::from_utf8_lossy(data).trim_end_matches('\n').into());
    }
    fn copy_done(&mut self) {}
    async fn copy_in_next(&mut self) -> Result<Option<Bytes>> {
        Ok(if self.input.is_empty() { None } else { Some(self.input.remove(0)) })
    }
    fn wants_drain(&self) -> bool {
        self.buffered >= 100
    }
    fn must_drain(&self) -> bool {
        self.buffered >= 120
    }
    async fn drain(&mut self) -> Result<()> {
        self.drains += 1;
        self.buffered = 0;
        Ok(())
    }
}

impl Recorder {
    pub fn error(&mut self, error: &Error) {
        if self.columns.take().is_some() {
            self.lines.truncate(self.result_start);
        }
        self.lines.push(format!("ERROR:  {}: {}", error.sqlstate(), error.message));
        if let Some(detail) = &error.detail {
            self.lines.push(format!("DETAIL:  {detail}"));
        }
        if let Some(hint) = &error.hint {
            self.lines.push(format!("HINT:  {hint}"));
        }
        if let Some(context) = &error.where_ {
            self.lines.push(format!("CONTEXT:  {context}"));
        }
    }
}

/// A fresh database with a cache of so many pages.
pub async fn database(cache_pages: usize) -> (Arc<MemoryVolume>, Arc<Database>) {
    let volume = MemoryVolume::new();
    let options = Options { cache_pages, ..Options::default() };
    let engine = Engine::bootstrap(volume.clone(), options).await.expect("an empty volume");
    let database = Database::open(engine, None).await.expect("a fresh catalog");
    (volume, database)
}

pub async fn session(database: &Arc<Database>) -> Session {
    session_of(database, "postgres").await
}

/// A session of this user.
pub async fn session_of(database: &Arc<Database>, user: &str) -> Session {
    let options = SessionOptions { user: user.into(), database: "postgres".into(), ..SessionOptions::default() };
    Session::new(database.clone(), options).await.expect("it may connect")
}

/// Runs a Query message as the wire does, and returns what was printed.
pub async fn run(session: &mut Session, sql: &str) -> Vec<String> {
    run_with(session, sql, Vec::new()).await
}

pub async fn run_with(session: &mut Session, sql: &str, input: Vec<Bytes>) -> Vec<String> {
    let mut client = Recorder { input, ..Recorder::default() };
    if let Err(error) = session.simple(sql, &mut client).await {
        client.error(&error);
        session.fail();
    }
    session.settle().await.expect("the volume is alive");
    client.lines
}
