//! COPY, streaming: neither direction holds more than a message, a line and a batch of rows.
//!
//! **In.** Bytes become lines or records by the format's own rules ([`read`], [`binary`]), fields become values by the
//! types' input, rows are completed, checked and stored as INSERT does it, but in batches: one for the table and one for
//! each index, sorted. What a field is wrong with is reported with the line, and where known the column and the value, as
//! PostgreSQL's CONTEXT line.
//!
//! **Out.** The plan's rows, each encoded into one CopyData message; the header of the binary format goes with the first.

mod binary;
mod format;
mod input;
mod load;
mod output;
mod read;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use types::{Error, Result};

use super::context::ExecContext;
use crate::bound::{Copy, CopyDirection, CopyEnd};
use crate::session::Client;

/// `COPY ... FROM`: returns the number of rows. The session holds ROW EXCLUSIVE on the table.
///
/// # Errors
/// 22P04, 22P02, 22021 and kin with their line; whatever INSERT meets; what the client's connection meets.
pub(crate) async fn run_in(copy: &Copy, context: &Arc<ExecContext>, client: &mut impl Client) -> Result<u64> {
    only_client(copy)?;
    let CopyDirection::In { .. } = &copy.direction else {
        return Err(Error::internal("COPY TO is not an input"));
    };
    input::run(copy, context, client).await
}

/// `COPY ... TO`: returns the number of rows.
///
/// # Errors
/// Whatever the query meets; what the client's connection meets.
pub(crate) async fn run_out(copy: &Copy, context: &Arc<ExecContext>, client: &mut impl Client) -> Result<u64> {
    only_client(copy)?;
    let CopyDirection::Out { plan, columns, .. } = &copy.direction else {
        return Err(Error::internal("COPY FROM is not an output"));
    };
    output::run(plan, columns, &copy.options, context, client).await
}

/// Files and programs of the server are out of reach: it keeps nothing on its own disk.
fn only_client(copy: &Copy) -> Result<()> {
    match &copy.end {
        CopyEnd::Client => Ok(()),
        CopyEnd::File(_) => {
            Err(Error::unsupported("COPY with a file of the server").hint("Use STDIN or STDOUT, or psql's \\copy."))
        }
        CopyEnd::Program(_) => {
            Err(Error::unsupported("COPY with a program").hint("Use STDIN or STDOUT, or psql's \\copy."))
        }
    }
}
