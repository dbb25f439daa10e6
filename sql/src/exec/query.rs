//! Running a query, by whichever executor takes it.

use std::sync::Arc;

use futures::future::BoxFuture;
use types::Result;

use super::changes::StatementEnd;
use super::context::ExecContext;
use super::cte::With;
use super::frames::{Frames, Row};
use super::source::{self, BoxSource, OwnedRows};
use super::spill::Gathered;
use crate::bound::Plan;

/// Rows of a result. An empty batch is allowed and means nothing.
pub type RowBatch = Vec<Row>;

/// How far a result has come.
pub enum Step {
    /// The next rows.
    Rows(RowBatch),
    /// There are no more.
    End,
    /// The executor cannot run the plan after all. No row was handed out, and running the plan had no effect.
    GivenUp,
}

/// A result being computed.
pub trait RowStream: Send {
    /// The next step.
    ///
    /// # Errors
    /// Those that the row executor would meet as well, and any once rows were handed out.
    fn next(&mut self) -> BoxFuture<'_, Result<Step>>;
}

/// The executor of large plans.
pub trait VectorExecutor: Send + Sync {
    /// Whether [`VectorExecutor::execute`] would start the plan.
    fn takes(&self, plan: &Plan, context: &Arc<ExecContext>) -> bool;

    /// Starts the plan, or returns `None` when it does not support it or it is too small to gain.
    fn execute(&self, plan: &Plan, context: &Arc<ExecContext>) -> Option<Result<Box<dyn RowStream>>>;
}

/// The rows of a query, from either executor.
pub(crate) enum RowSource {
    Row(BoxSource),
    Vector(Box<Columns>),
}

/// A query that the vector executor runs.
pub(crate) struct Columns {
    stream: Box<dyn RowStream>,
    rest: std::vec::IntoIter<Row>,
    done: bool,
    /// What the row executor starts with if the stream is given up.
    plan: Plan,
    context: Arc<ExecContext>,
}

impl Columns {
    /// At most `max` rows, none at the end; `None` if the row executor must run the plan.
    async fn next(&mut self, max: usize) -> Result<Option<RowBatch>> {
        while self.rest.len() == 0 && !self.done {
            match self.stream.next().await? {
                Step::Rows(batch) => self.rest = batch.into_iter(),
                Step::End => self.done = true,
                Step::GivenUp => return Ok(None),
            }
        }
        Ok(Some(self.rest.by_ref().take(max).collect()))
    }
}

impl RowSource {
    /// Starts a query.
    pub fn open(plan: &Plan, context: &Arc<ExecContext>) -> Result<RowSource> {
        if let Some(vector) = context.session.database.vector()
            && let Some(stream) = vector.execute(plan, context)
        {
            let (plan, context) = (plan.clone(), context.clone());
            let columns = Columns { stream: stream?, rest: Vec::new().into_iter(), done: false, plan, context };
            return Ok(RowSource::Vector(Box::new(columns)));
        }
        Ok(RowSource::Row(source::open(plan, context, &Frames::none())?))
    }

    /// The rows of a query that may read the parts of its statement.
    #[must_use]
    pub fn after(self, end: StatementEnd) -> RowSource {
        match self {
            RowSource::Row(source) => RowSource::Row(Box::new(With::new(source, end.into_parts()))),
            // It takes no query that reads them.
            vector => vector,
        }
    }

    /// Whether the vector executor would run a query.
    pub fn is_for_vector(plan: &Plan, context: &Arc<ExecContext>) -> bool {
        context.session.database.vector().is_some_and(|vector| vector.takes(plan, context))
    }

    /// Rows that are already there.
    pub fn of(rows: Vec<Row>) -> RowSource {
        RowSource::Row(Box::new(OwnedRows::new(rows)))
    }

    /// Rows that were gathered.
    ///
    /// # Errors
    /// Those of writing a temporary file.
    pub async fn gathered(rows: Gathered) -> Result<RowSource> {
        Ok(RowSource::Row(rows.into_source().await?))
    }

    /// At most `max` rows; none at the end.
    pub async fn next(&mut self, max: usize) -> Result<RowBatch> {
        loop {
            match self {
                RowSource::Row(source) => return source.next(max).await,
                RowSource::Vector(columns) => {
                    if let Some(rows) = columns.next(max).await? {
                        return Ok(rows);
                    }
                    let source = source::open(&columns.plan, &columns.context, &Frames::none())?;
                    *self = RowSource::Row(source);
                }
            }
        }
    }
}
