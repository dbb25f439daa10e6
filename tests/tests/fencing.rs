//! A writer that slept while another took its place wakes with a warm cache and questions of many sessions.

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use std::time::{Duration, Instant};
use tests::cluster::{PATIENCE, allow_files, connect, redoubt, signal};
use tests::postgres::{psql, succeeded};
use tests::{Cluster, Options};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Statement};

const SESSIONS: usize = 1_000;
/// Sessions that are opened at a time.
const AT_A_TIME: usize = 32;
/// For so long a writer may answer from its cache though it has heard no quorum, and a little longer.
const LEASE: Duration = Duration::from_millis(1_200);
/// What a session may be told: that the server may have a successor, that it has one, and of what was to be committed that
/// its fate is unknown.
const TOLD: [SqlState; 3] =
    [SqlState::CANNOT_CONNECT_NOW, SqlState::ADMIN_SHUTDOWN, SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN];

/// What a session asks while the writer sleeps.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// To commit what it has written in a block.
    Commit,
    /// To write once more in a block.
    WriteInBlock,
    Write,
    Read,
}

/// A client that has a row of its own, and statements that it has prepared.
struct Session {
    id: i32,
    question: Question,
    client: Client,
    adds: Statement,
    reads: Statement,
}

impl Session {
    /// One that has added 1 to its row.
    async fn open(port: u16, id: usize) -> anyhow::Result<Session> {
        let client = connect(port).await?;
        let adds = client.prepare("UPDATE kept SET v = v + 1 WHERE id = $1").await?;
        let reads = client.prepare("SELECT v FROM kept WHERE id = $1").await?;
        let question = [Question::Commit, Question::WriteInBlock, Question::Write, Question::Read][id % 4];
        let session = Session { id: i32::try_from(id)?, question, client, adds, reads };
        session.add().await?;
        Ok(session)
    }

    async fn add(&self) -> Result<(), Error> {
        let added = self.client.execute(&self.adds, &[&self.id]).await?;
        assert_eq!(added, 1);
        Ok(())
    }

    async fn read(&self) -> Result<i32, Error> {
        Ok(self.client.query_one(&self.reads, &[&self.id]).await?.get(0))
    }

    /// Comes to the point at which it will ask: in a block, or with its row in the writer's cache.
    async fn prepare(&self) -> anyhow::Result<()> {
        let in_block = matches!(self.question, Question::Commit | Question::WriteInBlock);
        if in_block {
            self.client.batch_execute("BEGIN").await?;
            self.add().await?;
        }
        let read = self.read().await?;
        ensure!(read == 1 + i32::from(in_block), "session {} reads {read}", self.id);
        Ok(())
    }

    /// Asks, and returns the error that it was told of, or what came of it instead.
    async fn ask(self) -> Result<Error, String> {
        let answer = match self.question {
            Question::Commit => self.client.batch_execute("COMMIT").await.map(|()| "it is committed".to_owned()),
            Question::WriteInBlock | Question::Write => self.add().await.map(|()| "it is written".to_owned()),
            Question::Read => self.read().await.map(|v| format!("{v} was read")),
        };
        match answer {
            Ok(answer) => Err(format!("session {}, {:?}: {answer}", self.id, self.question)),
            Err(error) => Ok(error),
        }
    }
}

/// A session for each row, each of which has added 1.
async fn open_all(port: u16) -> anyhow::Result<Vec<Session>> {
    let mut sessions = Vec::with_capacity(SESSIONS);
    while sessions.len() < SESSIONS {
        let some = (sessions.len()..SESSIONS).take(AT_A_TIME).map(|id| Session::open(port, id));
        sessions.extend(try_join_all(some).await?);
    }
    Ok(sessions)
}

/// Stops a process, and waits until none of its threads runs any more.
fn stop(pid: u64) -> anyhow::Result<()> {
    signal(pid, "STOP")?;
    let begun = Instant::now();
    let runs = |task: std::io::Result<std::fs::DirEntry>| {
        // A thread may just have ended.
        let stat = task.and_then(|task| std::fs::read_to_string(task.path().join("stat"))).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with(['T', 'Z', 'X']))
    };
    while std::fs::read_dir(format!("/proc/{pid}/task"))?.any(runs) {
        ensure!(begun.elapsed() < PATIENCE, "process {pid} does not stop");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Whether the connection ended without a word: closed, or reset as it had not been read to its end.
fn is_lost(error: &Error) -> bool {
    error.is_closed() || std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

/// Rows whose value is this one, and all rows.
fn rows_of(cluster: &Cluster, n: u16, value: i32) -> anyhow::Result<String> {
    psql(cluster, n, &format!("SELECT count(*) FILTER (WHERE v = {value}), count(*) FROM kept"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sessions_of_a_writer_that_slept_write_nothing_and_read_nothing_old() -> anyhow::Result<()> {
    allow_files(SESSIONS + 1_000)?;
    let mut options = Options { processes: true, ..Options::default() };
    options.arguments.extend(["--max-connections".to_owned(), (SESSIONS + 100).to_string()]);
    let cluster = Cluster::start(options).await?;
    psql(&cluster, 0, "CREATE TABLE kept (id int PRIMARY KEY, v int)")?;
    psql(&cluster, 0, &format!("INSERT INTO kept SELECT id, 0 FROM generate_series(0, {}) id", SESSIONS - 1))?;
    let sessions = open_all(cluster.port(0)).await?;
    for some in sessions.chunks(AT_A_TIME) {
        try_join_all(some.iter().map(Session::prepare)).await?;
    }
    let status = cluster.status(0)?;
    let mut servers = status["servers"].as_array().into_iter().flatten();
    let writer = servers.find(|it| it["role"] == "writer").and_then(|it| it["pid"].as_u64()).context("the writer")?;
    stop(writer)?;
    let stopped = Instant::now();
    let asking: Vec<_> = sessions.into_iter().map(|session| tokio::spawn(session.ask())).collect();
    succeeded(redoubt(["promote", &format!("127.0.0.1:{}", cluster.port(1))])?)?;
    assert_eq!(psql(&cluster, 1, "UPDATE kept SET v = v + 10")?, format!("UPDATE {SESSIONS}\n"));
    tokio::time::sleep(LEASE.saturating_sub(stopped.elapsed())).await;
    // All that was asked is there when it wakes.
    signal(writer, "CONT")?;
    for asked in asking {
        let told = tokio::time::timeout(PATIENCE, asked).await.context("a session is told nothing")??;
        let error = told.map_err(anyhow::Error::msg)?;
        let known = error.code().map_or_else(|| is_lost(&error), |code| TOLD.contains(code));
        assert!(known, "{error:?}\n{}", cluster.log());
    }
    assert_eq!(rows_of(&cluster, 1, 11)?, format!("{SESSIONS}|{SESSIONS}\n"));
    // It comes back as a replica, and what it wrote before it knew is nowhere.
    let deadline = Instant::now() + PATIENCE;
    while psql(&cluster, 0, "SELECT pg_is_in_recovery()").ok().as_deref() != Some("t\n")
        || rows_of(&cluster, 0, 11).ok() != Some(format!("{SESSIONS}|{SESSIONS}\n"))
    {
        ensure!(Instant::now() < deadline, "the old writer does not follow\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // As many connect to its successor, and go on.
    let sessions = open_all(cluster.port(1)).await?;
    assert_eq!(rows_of(&cluster, 1, 12)?, format!("{SESSIONS}|{SESSIONS}\n"));
    drop(sessions);
    Ok(())
}
