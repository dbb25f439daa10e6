//! Statements in parts: WITH clauses that change rows, and the end of a statement that judges them all.
//!
//! The queries of WITH that change rows are run before the statement that they belong to. All parts share the statement's
//! view, so none sees what another wrote, and a row is changed by one of them at most. PostgreSQL runs them beside the main
//! query, in an order that it leaves open; here it is that of the text. Queries that only read are run when a part or the
//! statement first reads them, once.
//!
//! Foreign keys are judged when all parts have written, so that one part may bring the parents of another's rows, or take
//! their children away. The last comes first, the statement itself before its parts: PostgreSQL, which runs parts that
//! nobody reads from the last to the first, does the same. It shows where one part makes children and another acts on them.
//! A query that only reads writes nothing to be judged, and comes after that.

use std::sync::Arc;

use types::{Error, Result};

use super::context::ExecContext;
use super::cte::CteState;
use super::frames::Frames;
use super::write::TableWriter;
use super::{cte, dml};
use crate::bound::{Statement, WithPart};

/// What waits for the end of a statement: the foreign keys of the tables that its parts have written, and what reads the
/// parts.
#[derive(Default)]
#[must_use = "what waits for the end must be judged there"]
pub(crate) struct StatementEnd {
    writers: Vec<TableWriter>,
    parts: Vec<Arc<CteState>>,
    is_in_parts: bool,
}

impl StatementEnd {
    /// Whether the statement has parts, which all see the rows of one snapshot.
    pub fn is_in_parts(&self) -> bool {
        self.is_in_parts
    }

    /// Adds what a part has written, if anything of it waits.
    pub fn add(&mut self, writer: TableWriter) {
        if writer.has_unjudged() {
            self.writers.push(writer);
        }
    }

    /// Carries out the actions and checks the foreign keys of all parts.
    ///
    /// # Errors
    /// 23503, and whatever the actions meet.
    pub async fn judge(&mut self) -> Result<()> {
        let acts = self.writers.iter().any(TableWriter::has_changed_parents);
        for mut writer in std::mem::take(&mut self.writers).into_iter().rev() {
            writer.finish_beside(acts).await?;
        }
        Ok(())
    }

    /// What must be held for as long as somebody reads the parts.
    pub fn into_parts(self) -> Vec<Arc<CteState>> {
        self.parts
    }
}

/// Runs the parts of a WITH clause, and makes what they yield known to the statement.
///
/// # Errors
/// Whatever their rows meet.
pub(crate) async fn run(parts: &[WithPart], context: &Arc<ExecContext>) -> Result<StatementEnd> {
    let mut end = StatementEnd { is_in_parts: !parts.is_empty(), ..StatementEnd::default() };
    for part in parts {
        match part {
            WithPart::Query(query) => end.parts.push(cte::declare(query, context, &Frames::none())),
            WithPart::Change { id, statement, .. } => {
                let changed = match statement {
                    Statement::Insert(insert) => dml::insert_rows(insert, context, &mut end).await?,
                    Statement::Update(update) => dml::update_rows(update, context, &mut end).await?,
                    Statement::Delete(delete) => dml::delete_rows(delete, context, &mut end).await?,
                    _ => return Err(Error::internal("a part of WITH that neither reads nor changes rows")),
                };
                end.parts.push(cte::declare_rows(*id, changed.rows.finish().await?, context));
            }
        }
    }
    Ok(end)
}
