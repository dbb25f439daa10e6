//! WITH queries: run at most once, when first read, and kept for the statement.

use std::sync::Arc;

use futures::future::BoxFuture;
use hashbrown::HashSet;
use types::Result;

use super::context::ExecContext;
use super::frames::{Frames, Row};
use super::hash_key;
use super::source::{BoxSource, Rows, Source, collect, open};
use crate::bound::Cte;

/// A WITH query of one run of its WITH clause.
pub(crate) struct CteState {
    /// `None` if its rows were there from the start.
    cte: Option<Cte>,
    context: std::sync::Weak<ExecContext>,
    frames: Frames,
    rows: tokio::sync::OnceCell<Arc<Vec<Row>>>,
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
pub(crate) fn declare_rows(id: usize, rows: Vec<Row>, context: &Arc<ExecContext>) {
    let state = CteState {
        cte: None,
        context: Arc::downgrade(context),
        frames: Frames::none(),
        rows: tokio::sync::OnceCell::new_with(Some(Arc::new(rows))),
    };
    context.declare_cte(id, Arc::new(state));
}

impl CteState {
    async fn rows(&self) -> Result<Arc<Vec<Row>>> {
        self.rows.get_or_try_init(|| self.run()).await.cloned()
    }

    async fn run(&self) -> Result<Arc<Vec<Row>>> {
        let (Some(cte), Some(context)) = (&self.cte, self.context.upgrade()) else { return Ok(Arc::default()) };
        let mut source = open(&cte.plan, &context, &self.frames)?;
        let mut rows = collect(&mut source, &context).await?;
        let Some(recursive) = &cte.recursive else { return Ok(Arc::new(rows)) };
        let mut seen = HashSet::new();
        if cte.distinct {
            rows.retain(|row| seen.insert(hash_key::of(row)));
        }
        let mut work = Arc::new(rows.clone());
        while !work.is_empty() {
            context.check()?;
            context.set_work_table(cte.id, work);
            let mut source = open(recursive, &context, &self.frames)?;
            let mut round = collect(&mut source, &context).await?;
            if cte.distinct {
                round.retain(|row| seen.insert(hash_key::of(row)));
            }
            rows.extend(round.iter().cloned());
            work = Arc::new(round);
        }
        Ok(Arc::new(rows))
    }
}

/// Reads a WITH query.
pub(crate) struct CteRows {
    state: Arc<CteState>,
    rows: Option<BoxSource>,
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
                self.rows = Some(Box::new(Rows::new(self.state.rows().await?)));
            }
            match &mut self.rows {
                Some(rows) => rows.next(max).await,
                None => Ok(Vec::new()),
            }
        })
    }
}
