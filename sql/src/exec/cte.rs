//! WITH queries: run once, as far as somebody reads, and kept for the statement.
//!
//! Whoever comes to the end of the rows that are there has the query make more, for all who read it. So what LIMIT leaves
//! out is not computed, and a recursive query need not end if nobody reads it to its end.
//!
//! A query lasts as long as its WITH clause does ([`With`]): its sources hold the statement's [`ExecContext`], which
//! therefore only knows of it.

use std::sync::Arc;

use futures::future::BoxFuture;
use hashbrown::HashSet;
use types::Result;

use super::context::ExecContext;
use super::frames::{Frames, Row};
use super::hash_key::KeyTypes;
use super::memory::Claim;
use super::source::{BoxSource, Source, SpooledRows, open};
use super::spill::{Spool, SpoolPlace, Spooled};
use crate::bound::Cte;

/// A WITH query of one run of its WITH clause.
pub(crate) enum CteState {
    /// What a change of rows returned.
    Rows(Arc<Spooled>),
    Query(Arc<Query>),
}

pub(crate) struct Query {
    cte: Cte,
    context: Arc<ExecContext>,
    frames: Frames,
    run: tokio::sync::Mutex<Run>,
}

/// How far a query has come.
struct Run {
    stage: Stage,
    /// The rows so far.
    all: Spool,
    /// Those of the round that is being made, if the query is recursive.
    round: Option<Spool>,
    /// Those that have come up, if it drops duplicates.
    seen: Option<Seen>,
}

enum Stage {
    /// Nobody has read it.
    Ready,
    Running(BoxSource),
    Done,
}

/// Makes the query known to what is opened after this, for as long as the state is held.
#[must_use = "the query is forgotten with its state"]
pub(crate) fn declare(cte: &Cte, context: &Arc<ExecContext>, frames: &Frames) -> Arc<CteState> {
    let seen =
        || Seen { keys: HashSet::new(), types: KeyTypes::new(cte.plan.types()), claim: Claim::new(context.memory()) };
    let recursive = cte.recursive.is_some();
    let run = Run {
        stage: Stage::Ready,
        all: Spool::new(context),
        round: recursive.then(|| Spool::new(context)),
        seen: (recursive && cte.distinct).then(seen),
    };
    let query =
        Query { cte: cte.clone(), context: context.clone(), frames: frames.clone(), run: tokio::sync::Mutex::new(run) };
    known(cte.id, CteState::Query(Arc::new(query)), context)
}

/// As [`declare`], of what a change of rows in WITH returned.
#[must_use = "the rows are forgotten with their state"]
pub(crate) fn declare_rows(id: usize, rows: Arc<Spooled>, context: &Arc<ExecContext>) -> Arc<CteState> {
    known(id, CteState::Rows(rows), context)
}

fn known(id: usize, state: CteState, context: &Arc<ExecContext>) -> Arc<CteState> {
    let state = Arc::new(state);
    context.declare_cte(id, &state);
    state
}

/// The rows of UNION in a recursive query that have come up so far.
struct Seen {
    keys: HashSet<Box<[u8]>>,
    types: KeyTypes,
    claim: Claim,
}

impl Seen {
    /// Whether the row is new.
    fn admit(&mut self, row: &Row, context: &ExecContext) -> Result<bool> {
        let key = self.types.of(row, context)?;
        let bytes = key.len() + 48;
        if !self.keys.insert(key) {
            return Ok(false);
        }
        self.claim.add(bytes)?;
        Ok(true)
    }
}

impl Query {
    /// At most `max` of the rows behind a place, which moves on; none at the end.
    async fn read(&self, place: &mut SpoolPlace, max: usize) -> Result<Vec<Row>> {
        let mut run = self.run.lock().await;
        let rows = run.all.read(place, max).await?;
        if !rows.is_empty() {
            return Ok(rows);
        }
        let rows = self.make(&mut run, max).await?;
        *place = run.all.end();
        Ok(rows)
    }

    /// Makes up to `max` more rows; none at the end.
    async fn make(&self, run: &mut Run, max: usize) -> Result<Vec<Row>> {
        loop {
            // After an error nobody reads on.
            let mut source = match std::mem::replace(&mut run.stage, Stage::Done) {
                Stage::Ready => open(&self.cte.plan, &self.context, &self.frames)?,
                Stage::Running(source) => source,
                Stage::Done => return Ok(Vec::new()),
            };
            let batch = source.next(max).await?;
            self.context.check()?;
            tokio::task::consume_budget().await;
            if batch.is_empty() {
                run.stage = self.next_round(run).await?;
                continue;
            }
            let rows = run.add(batch, &self.context).await?;
            run.stage = Stage::Running(source);
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
    }

    /// What follows a source that has no more rows: the recursive part over those that the last round made, if any.
    async fn next_round(&self, run: &mut Run) -> Result<Stage> {
        let (Some(recursive), Some(round)) = (&self.cte.recursive, run.round.take()) else { return Ok(Stage::Done) };
        let made = round.finish().await?;
        if made.is_empty() {
            return Ok(Stage::Done);
        }
        run.round = Some(Spool::new(&self.context));
        self.context.set_work_table(self.cte.id, made);
        Ok(Stage::Running(open(recursive, &self.context, &self.frames)?))
    }
}

impl Run {
    /// Keeps rows, and returns those that are new.
    async fn add(&mut self, batch: Vec<Row>, context: &ExecContext) -> Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(batch.len());
        for row in batch {
            if let Some(seen) = &mut self.seen
                && !seen.admit(&row, context)?
            {
                continue;
            }
            self.all.push(row.clone()).await?;
            if let Some(round) = &mut self.round {
                round.push(row.clone()).await?;
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

/// Reads a WITH query from its beginning.
pub(crate) fn read(state: &CteState) -> BoxSource {
    match state {
        CteState::Rows(rows) => Box::new(SpooledRows::new(rows)),
        CteState::Query(query) => Box::new(CteRows { query: query.clone(), place: SpoolPlace::default() }),
    }
}

struct CteRows {
    query: Arc<Query>,
    place: SpoolPlace,
}

impl Source for CteRows {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(self.query.read(&mut self.place, max))
    }
}

/// What reads the queries of a WITH clause, and these.
pub(crate) struct With {
    body: BoxSource,
    _queries: Vec<Arc<CteState>>,
}

impl With {
    pub fn new(body: BoxSource, queries: Vec<Arc<CteState>>) -> With {
        With { body, _queries: queries }
    }
}

impl Source for With {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        self.body.next(max)
    }
}
