//! WITH clauses that change rows: their queries are run before the statement that they belong to.
//!
//! All parts share the statement's view, so none sees what another wrote, and a row is changed by one of them at most.
//! PostgreSQL runs them beside the main query, in an order that it leaves open; here it is that of the text. Queries that
//! only read are run when a part or the statement first reads them, once.

use std::sync::Arc;

use types::{Error, Result};

use super::context::ExecContext;
use super::frames::Frames;
use super::{cte, dml};
use crate::bound::{Statement, WithPart};

/// Runs the parts, and makes what they yield known to the statement.
pub(crate) async fn run(parts: &[WithPart], context: &Arc<ExecContext>) -> Result<()> {
    for part in parts {
        match part {
            WithPart::Query(query) => cte::declare(query, context, &Frames::none()),
            WithPart::Change { id, statement } => {
                let changed = match statement {
                    Statement::Insert(insert) => dml::insert(insert, context).await?,
                    Statement::Update(update) => dml::update(update, context).await?,
                    Statement::Delete(delete) => dml::delete(delete, context).await?,
                    _ => return Err(Error::internal("a part of WITH that neither reads nor changes rows")),
                };
                cte::declare_rows(*id, changed.rows.finish().await?, context);
            }
        }
    }
    Ok(())
}
