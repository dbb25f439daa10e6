//! Running a query, by whichever executor takes it.

use std::sync::Arc;

use futures::future::BoxFuture;
use types::Result;

use super::context::ExecContext;
use super::frames::{Frames, Row};
use super::source::{self, BoxSource, OwnedRows};
use super::spill::Gathered;
use crate::bound::Plan;

/// Rows of a result. An empty batch is allowed and means nothing.
pub type RowBatch = Vec<Row>;

/// A result being computed.
pub trait RowStream: Send {
    /// The next rows; `None` at the end.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<RowBatch>>>;
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
    Vector { stream: Box<dyn RowStream>, rest: std::vec::IntoIter<Row>, done: bool },
}

impl RowSource {
    /// Starts a query.
    pub fn open(plan: &Plan, context: &Arc<ExecContext>) -> Result<RowSource> {
        if let Some(vector) = context.session.database.vector()
            && let Some(stream) = vector.execute(plan, context)
        {
            return Ok(RowSource::Vector { stream: stream?, rest: Vec::new().into_iter(), done: false });
        }
        Ok(RowSource::Row(source::open(plan, context, &Frames::none())?))
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
        match self {
            RowSource::Row(source) => source.next(max).await,
            RowSource::Vector { stream, rest, done } => {
                while rest.len() == 0 && !*done {
                    match stream.next().await? {
                        Some(batch) => *rest = batch.into_iter(),
                        None => *done = true,
                    }
                }
                Ok(rest.by_ref().take(max).collect())
            }
        }
    }
}
