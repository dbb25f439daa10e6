//! WITH queries: run at most once, when first read, and kept for the statement.

use std::sync::Arc;

use futures::future::BoxFuture;
use hashbrown::HashSet;
use types::Result;

use super::context::ExecContext;
use super::frames::{Frames, Row};
use super::hash_key;
use super::memory::Claim;
use super::source::{BATCH_ROWS_MAX, BoxSource, Source, SpooledRows, open};
use super::spill::{Spool, Spooled};
use crate::bound::Cte;

/// A WITH query of one run of its WITH clause.
pub(crate) struct CteState {
    /// `None` if its rows were there from the start.
    cte: Option<Cte>,
    context: std::sync::Weak<ExecContext>,
    frames: Frames,
    rows: tokio::sync::OnceCell<Arc<Spooled>>,
}

/// Makes the query known to what is opened after this.
pub(crate) fn declare(cte: &Cte, context: &Arc<ExecContext>, frames: &Frames) {
    let state = CteState {
        cte: Some(cte.clone()),
        context: Arc::downgrade(context),
        frames: frames.clone(),
        rows: tokio::sync::OnceCell::new(),
    };
    context.declare_cte(cte.id, Arc::new(state));
}

/// Makes known what a change of rows in WITH returned.
pub(crate) fn declare_rows(id: usize, rows: Arc<Spooled>, context: &Arc<ExecContext>) {
    let state = CteState {
        cte: None,
        context: Arc::downgrade(context),
        frames: Frames::none(),
        rows: tokio::sync::OnceCell::new_with(Some(rows)),
    };
    context.declare_cte(id, Arc::new(state));
}

/// The rows of UNION in a recursive query that have come up so far.
struct Seen {
    keys: HashSet<Box<[u8]>>,
    claim: Claim,
}

impl Seen {
    /// Whether the row is new.
    fn admit(&mut self, row: &Row) -> Result<bool> {
        let key = hash_key::of(row);
        let bytes = key.len() + 48;
        if !self.keys.insert(key) {
            return Ok(false);
        }
        self.claim.add(bytes)?;
        Ok(true)
    }
}

impl CteState {
    async fn rows(&self) -> Result<Arc<Spooled>> {
        self.rows.get_or_try_init(|| self.run()).await.cloned()
    }

    async fn run(&self) -> Result<Arc<Spooled>> {
        let (Some(cte), Some(context)) = (&self.cte, self.context.upgrade()) else { return Ok(Arc::default()) };
        let mut all = Spool::new(&context);
        let mut source = open(&cte.plan, &context, &self.frames)?;
        let Some(recursive) = &cte.recursive else {
            all.fill(&mut source).await?;
            return all.finish().await;
        };
        let mut seen = cte.distinct.then(|| Seen { keys: HashSet::new(), claim: Claim::new(context.memory()) });
        loop {
            let round = one_round(&mut source, &mut seen, &mut all, &context).await?;
            if round.is_empty() {
                return all.finish().await;
            }
            context.set_work_table(cte.id, round);
            source = open(recursive, &context, &self.frames)?;
        }
    }
}

/// Adds the new rows of a source to `all`, and returns them.
async fn one_round(
    source: &mut BoxSource,
    seen: &mut Option<Seen>,
    all: &mut Spool,
    context: &Arc<ExecContext>,
) -> Result<Arc<Spooled>> {
    let mut round = Spool::new(context);
    loop {
        let batch = source.next(BATCH_ROWS_MAX).await?;
        if batch.is_empty() {
            return round.finish().await;
        }
        context.check()?;
        for row in batch {
            if let Some(seen) = seen
                && !seen.admit(&row)?
            {
                continue;
            }
            all.push(row.clone()).await?;
            round.push(row).await?;
        }
    }
}

/// Reads a WITH query.
pub(crate) struct CteRows {
    state: Arc<CteState>,
    rows: Option<SpooledRows>,
}

impl CteRows {
    pub fn new(state: Arc<CteState>) -> CteRows {
        CteRows { state, rows: None }
    }
}

impl Source for CteRows {
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Row>>> {
        Box::pin(async move {
            if self.rows.is_none() {
                self.rows = Some(SpooledRows::new(&self.state.rows().await?));
            }
            match &mut self.rows {
                Some(rows) => rows.next(max).await,
                None => Ok(Vec::new()),
            }
        })
    }
}
