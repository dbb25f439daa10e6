//! COPY over the connection: the data is the executor's business, durability is ours.

use std::sync::Arc;

use bytes::Bytes;
use protocol::Lsn;
use types::{Datum, Error, Result, Settings};

use super::client::{Client, Column, CopyFormat, NoticeSeverity};
use super::state::Session;
use crate::bound::{Copy, CopyDirection};
use crate::exec::{self, ExecContext};

/// A connection that settles before anything leaves.
struct Settling<'a, C> {
    session: &'a mut Session,
    context: Arc<ExecContext>,
    client: &'a mut C,
}

impl<C: Client> Settling<'_, C> {
    async fn settle(&mut self) -> Result<()> {
        let observed: Lsn = self.context.view.observed().max(self.session.context.observed());
        self.session.depend_on(observed);
        self.session.settle().await
    }
}

impl<C: Client> Client for Settling<'_, C> {
    fn row_description(&mut self, columns: &[Column], formats: &[i16]) {
        self.client.row_description(columns, formats);
    }
    fn no_data(&mut self) {
        self.client.no_data();
    }
    fn parameter_description(&mut self, types: &[u32]) {
        self.client.parameter_description(types);
    }
    fn data_row(&mut self, row: &[Datum], columns: &[Column], formats: &[i16], settings: &Settings) -> Result<()> {
        self.client.data_row(row, columns, formats, settings)
    }
    fn command_complete(&mut self, tag: &str) {
        self.client.command_complete(tag);
    }
    fn portal_suspended(&mut self) {
        self.client.portal_suspended();
    }
    fn empty_query(&mut self) {
        self.client.empty_query();
    }
    fn notice(&mut self, severity: NoticeSeverity, notice: &Error) {
        self.client.notice(severity, notice);
    }
    fn parameter_status(&mut self, name: &str, value: &str) {
        self.client.parameter_status(name, value);
    }
    fn copy_in_response(&mut self, columns: usize, format: CopyFormat) {
        self.client.copy_in_response(columns, format);
    }
    fn copy_out_response(&mut self, columns: usize, format: CopyFormat) {
        self.client.copy_out_response(columns, format);
    }
    fn copy_data(&mut self, data: &[u8]) {
        self.client.copy_data(data);
    }
    fn copy_done(&mut self) {
        self.client.copy_done();
    }
    async fn copy_in_next(&mut self) -> Result<Option<Bytes>> {
        // The response to COPY FROM, and whatever was answered before it in this message, leave with the first read.
        self.settle().await?;
        self.client.copy_in_next().await
    }
    fn wants_drain(&self) -> bool {
        self.client.wants_drain()
    }
    fn must_drain(&self) -> bool {
        self.client.must_drain()
    }
    async fn drain(&mut self) -> Result<()> {
        self.settle().await?;
        self.client.drain().await
    }
}

impl Session {
    /// Runs a COPY; returns the number of rows.
    pub(super) async fn copy<C: Client>(
        &mut self,
        copy: &Copy,
        context: &Arc<ExecContext>,
        client: &mut C,
    ) -> Result<u64> {
        let mut settling = Settling { session: self, context: context.clone(), client };
        let rows = match &copy.direction {
            CopyDirection::In { .. } => exec::copy_in(copy, context, &mut settling).await?,
            CopyDirection::Out { .. } => exec::copy_out(copy, context, &mut settling).await?,
        };
        if matches!(copy.direction, CopyDirection::Out { .. }) {
            let observed = context.view.observed().max(self.context.observed());
            self.depend_on(observed);
        }
        Ok(rows)
    }
}
