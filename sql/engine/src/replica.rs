//! A replica's side: redo comes in, pages and the few facts kept outside pages follow.
//!
//! **Rule.** Records come in volume order, whole mini-transactions at a time, all durable. One that changes several pages
//! is applied under the apply gate, held exclusively; readers hold it shared for one descent, so they see all of it or
//! nothing. The applied LSN moves when all is there. Records of pages that are neither cached nor
//! on their way are dropped, but for what they say about the control page and the commit map, and but for those that format
//! a page: with them a page that is new comes into the cache without being fetched.

use crate::cache::Residence;
use crate::cancel::CancelToken;
use crate::commits;
use crate::control::{CONTROL_PAGE, OFFSET_CATALOG_VERSION, horizon_in};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::snapshot::Horizon;
use protocol::redo::{Change, Record, apply};
use protocol::volume::{RedoSink, VolumeError};
use protocol::{Lsn, TxnId};
use std::sync::atomic::Ordering;

impl Engine {
    /// Waits until new snapshots show everything up to `lsn`. Returns whether they do: not when this server writes and `lsn`
    /// is beyond what it has, now or since it was promoted. Then `lsn` belongs to what no recovery found, or to another
    /// volume, and waiting would not bring it.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub async fn wait_visible(&self, lsn: Lsn, cancel: &CancelToken) -> Result<bool> {
        loop {
            let arrival = self.arrivals.notified();
            tokio::pin!(arrival);
            // From here on no arrival is missed.
            arrival.as_mut().enable();
            // The role first: a promotion publishes what it recovered before it writes.
            let writes = self.is_writer();
            if self.registry.current() >= lsn {
                return Ok(true);
            }
            if writes {
                return Ok(false);
            }
            tokio::select! {
                () = arrival => {}
                () = cancel.cancelled() => return Err(Error::Cancelled),
            }
        }
    }

    /// What new snapshots show: on the writer the last published commit, on a replica what it has applied.
    #[must_use]
    pub fn visible_up_to(&self) -> Lsn {
        self.registry.current()
    }

    /// What a record says beyond its page.
    fn notice(&self, record: &Record) {
        let page = record.header.page;
        match &record.change {
            Change::PatchRaw { patches } if page == CONTROL_PAGE => {
                for patch in patches {
                    if let Some(horizon) = horizon_in(patch) {
                        self.registry.set_horizon(horizon);
                    }
                    if patch.offset == OFFSET_CATALOG_VERSION
                        && let Ok(version) = <[u8; 8]>::try_from(&patch.bytes[..])
                    {
                        self.catalog_moved.fetch_max(record.header.lsn.0, Ordering::AcqRel);
                        self.catalog_version.fetch_max(u64::from_le_bytes(version), Ordering::AcqRel);
                    }
                }
            }
            Change::Init { owner, .. } => {
                if let Some(index) = commits::leaf_index(*owner) {
                    self.commits.set_leaf(index, page);
                }
            }
            Change::StampRaw { offset } => {
                if let Some(index) = self.commits.leaf_of_page(page)
                    && let Some(slot) = u64::from(*offset).checked_sub(u64::from(commits::slot_offset(0)))
                {
                    self.commits.remember(TxnId(index * commits::ENTRIES + slot / 8), record.header.lsn);
                }
            }
            _ => {}
        }
    }

    fn apply_one(&self, record: &Record) -> std::result::Result<(), VolumeError> {
        // Before the page: who reads the pruned page afterwards must find the horizon.
        self.notice(record);
        if let Residence::Resident(frame) = self.cache.route(record) {
            let mut page = frame.latch.write();
            apply(&mut page, &record.header, &record.change)
                .map_err(|error| VolumeError::Corrupt(error.to_string()))?;
        }
        Ok(())
    }
}

impl RedoSink for Engine {
    fn apply(&self, records: &[Record], applied: Lsn) -> std::result::Result<(), VolumeError> {
        let mut rest = records;
        while !rest.is_empty() {
            let count = rest.iter().position(|record| record.header.end_of_mtr).map_or(rest.len(), |end| end + 1);
            let (mtr, behind) = rest.split_at(count);
            let several = mtr.iter().any(|record| record.header.page != mtr[0].header.page);
            let _gate = several.then(|| self.gate.write());
            mtr.iter().try_for_each(|record| self.apply_one(record))?;
            rest = behind;
        }
        // Every page is as of here by now, and snapshots are taken outside the gate.
        self.registry.publish(applied);
        self.arrivals.notify_waiters();
        Ok(())
    }

    fn invalidate(&self, applied: Lsn) {
        let _gate = self.gate.write();
        self.cache.invalidate(|_| true);
        // The records between may have moved horizon and catalog: older statements end, plans are made anew.
        self.registry.set_horizon(Horizon { bound: applied, kept: Vec::new() });
        self.catalog_moved.fetch_max(applied.0, Ordering::AcqRel);
        self.catalog_skips.fetch_add(1, Ordering::AcqRel);
        self.registry.publish(applied);
        self.arrivals.notify_waiters();
    }
}
