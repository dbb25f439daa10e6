//! The node's part in a recovery: the promise, what it reports with it, and the table and members that end it.
//!
//! **Rule.** A promise and a table are on the disk before anybody is told, and a table before anything that it annuls leaves.
//! What is reported is flushed: each of these jobs is a barrier, and ends the [round](super::round) before it. A table that
//! would cut what is known to be durable is refused.

use super::{Writer, until_read};
use crate::history::TruncationTable;
use crate::membership::Membership;
use crate::node::Refusal;
use crate::node::log::ReadFault;
use crate::node::segment::{Annulled, Place, Run, Segment};
use crate::node::state::Volume;
use crate::node::stored::records;
use crate::quorum::MEMBERSHIP_EPOCH;
use bytes::Bytes;
use hashbrown::HashMap;
use protocol::rpc::storage as rpc;
use protocol::{Ballot, GroupId, Lsn};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Writer {
    /// Makes a promise, durable on return.
    pub(super) fn promise(&mut self, ballot: Ballot) -> Result<(), Refusal> {
        check_jump(self.superblock.promised, ballot)?;
        if ballot > self.superblock.promised {
            self.save(|block| block.promised = ballot)?;
            self.shared.state.lock().promised = ballot;
        }
        Ok(())
    }

    pub(super) fn prepare(&mut self, ballot: Ballot, vdl_heard: Lsn) -> Result<rpc::PrepareReply, Refusal> {
        self.check_serving()?;
        let promised = ballot >= self.superblock.promised;
        if promised {
            self.promise(ballot)?;
        }
        // Every round before this one was fsynced when it ended: what counts as received is flushed.
        let mut reply = {
            let state = self.shared.state.lock();
            rpc::PrepareReply {
                promised,
                highest: state.promised.0,
                boot: state.boot.0,
                table: Some(state.table.to_rpc()),
                segments: Vec::new(),
                flushed_vdl_heard: state.vdl.0,
                config: state.volume.as_ref().map(|volume| volume.config.clone()),
                node: self.shared.options.id.0,
                hydrated: state.is_hydrated(),
                incarnation: self.superblock.incarnation,
            }
        };
        if promised {
            let vdl = vdl_heard.max(Lsn(reply.flushed_vdl_heard));
            let report = until_read(|| self.report(vdl));
            reply.segments = report.map_err(|error| Refusal::Failed(error.to_string()))?;
            // Some of it may just have been found damaged.
            reply.hydrated &= self.shared.state.lock().is_whole();
        }
        Ok(reply)
    }

    /// Every segment with the headers above what is known to be durable. A node's own VDL heard is as true as the
    /// recoverer's, whose walk starts at the highest it hears; so headers below it are of no use to anyone, also those behind
    /// a gap, of which there may be a log full.
    fn report(&self, vdl: Lsn) -> Result<Vec<rpc::SegmentReport>, ReadFault> {
        type Held = Vec<(Run, Option<Bytes>)>;
        let mut segments: Vec<(GroupId, rpc::SegmentReport, Held)> = {
            let state = self.shared.state.lock();
            let epoch = state.volume.as_ref().map_or(MEMBERSHIP_EPOCH, |volume| volume.membership.id().epoch);
            let report = |(group, segment): (&GroupId, &Segment)| {
                let runs = segment.runs().iter().filter(|run| run.last > vdl);
                let runs = runs.map(|run| (*run, state.recent.get(run.place))).collect();
                let report = rpc::SegmentReport {
                    group: group.0,
                    scl: segment.flushed().0,
                    scl_ballot: segment.ballot().0,
                    above: Vec::new(),
                    membership_epoch: epoch.into(),
                };
                (*group, report, runs)
            };
            state.segments.iter().map(report).collect()
        };
        segments.sort_unstable_by_key(|(group, ..)| *group);
        for (_, report, runs) in &mut segments {
            for (run, recent) in runs.drain(..) {
                let batch = self.shared.batch(run.place, recent)?;
                for record in records(&batch).filter_map(Result::ok) {
                    let header = record.header;
                    if header.lsn > vdl && run.first <= header.lsn && header.lsn <= run.last {
                        report.above.push(rpc::RecordHeader {
                            lsn: header.lsn.0,
                            prev_volume: header.prev_volume.0,
                            end_of_mtr: header.end_of_mtr,
                            ballot: run.ballot.0,
                        });
                    }
                }
            }
        }
        Ok(segments.into_iter().map(|(_, report, _)| report).collect())
    }

    pub(super) fn install(
        &mut self,
        ballot: Ballot,
        table: TruncationTable,
        membership: Option<Membership>,
    ) -> Result<rpc::InstallTableReply, Refusal> {
        self.check_serving()?;
        if table.ballot() != ballot {
            return Err(Refusal::Malformed("a table's last entry is of the ballot that installs it".into()));
        }
        if membership.as_ref().is_some_and(|membership| membership.id().ballot != ballot) {
            return Err(Refusal::Malformed("members are proposed by the ballot that installs them".into()));
        }
        check_jump(self.superblock.promised, ballot)?;
        let (promised, vdl, held, volume) = {
            let state = self.shared.state.lock();
            (state.promised, state.vdl, state.table.clone(), state.volume.clone())
        };
        let volume = volume.ok_or(Refusal::NoVolume)?;
        if ballot < promised {
            return Ok(self.installed(false));
        }
        let next = membership.filter(|membership| membership.id() > volume.membership.id());
        let config = next.as_ref().map(|next| next.to_rpc(&volume.config));
        // The table that is held comes again with every new stream of its writer, whose redo is durable beyond it by then.
        let news = *held != table;
        if news && table.last().is_some_and(|entry| entry.vdl < vdl) {
            return Err(Refusal::Malformed(format!("the table truncates below {vdl}, which is durable")));
        }
        let cuts = if news { until_read(|| self.cuts(&table)) } else { Ok(HashMap::new()) };
        let cuts = cuts.map_err(|error| Refusal::Failed(error.to_string()))?;
        if news || config.is_some() {
            self.save(|block| {
                block.promised = ballot;
                block.table = table.clone();
                block.config = config.or(block.config.take());
            })?;
        }
        if news {
            self.annul(table, ballot, &cuts);
        }
        if let Some(next) = next {
            tracing::info!(members = %next.id(), "the volume's members changed");
            self.adopt_members(next.to_rpc(&volume.config), next);
        }
        Ok(self.installed(true))
    }

    /// Puts members in force that the superblock has.
    pub(super) fn adopt_members(&self, config: rpc::VolumeConfig, membership: Membership) {
        let pages_per_group = config.pages_per_group.max(1);
        self.shared.quota_bytes.store(config.quota_bytes, Ordering::Relaxed);
        self.shared.state.lock().volume = Some(Arc::new(Volume { config, membership, pages_per_group }));
        self.shared.gossip.notify_one();
    }

    fn installed(&self, adopted: bool) -> rpc::InstallTableReply {
        let state = self.shared.state.lock();
        let held = state.volume.as_ref().map(|volume| volume.membership.id()).unwrap_or_default();
        rpc::InstallTableReply {
            adopted,
            promised: state.promised.0,
            node: self.superblock.node.0,
            incarnation: self.superblock.incarnation,
            membership_ballot: held.ballot.0,
            membership_epoch: held.epoch,
        }
    }

    /// The batches of runs of which a table leaves a part or nothing, read before anything is changed.
    fn cuts(&self, table: &TruncationTable) -> Result<HashMap<Place, Bytes>, ReadFault> {
        let affected: Vec<(Place, Option<Bytes>)> = {
            let state = self.shared.state.lock();
            let runs = state.segments.values().flat_map(|segment| segment.runs());
            let affected = runs.filter(|run| run.last > table.bound(run.ballot));
            affected.map(|run| (run.place, state.recent.get(run.place))).collect()
        };
        affected.into_iter().map(|(place, recent)| Ok((place, self.shared.batch(place, recent)?))).collect()
    }

    /// Puts a table in force: annulled records leave, page heads go back to what is left.
    fn annul(&self, table: TruncationTable, ballot: Ballot, batches: &HashMap<Place, Bytes>) {
        let mut state = self.shared.state.lock();
        let mut annulled: Vec<Annulled> = Vec::new();
        for segment in state.segments.values_mut() {
            let bound = |ballot| table.bound(ballot);
            annulled.extend(segment.annul(bound, |run| last_record(batches, run, table.bound(run.ballot))));
        }
        annulled.sort_unstable_by_key(|annulled| std::cmp::Reverse(annulled.run.last));
        // Of those too that count no more, for what was lost below them left them heads of their pages.
        for Annulled { run, above } in &annulled {
            let Some(batch) = batches.get(&run.place) else { continue };
            let dropped: Vec<_> = records(batch)
                .filter_map(Result::ok)
                .filter(|record| record.header.lsn > *above && run.first <= record.header.lsn)
                .filter(|record| record.header.lsn <= run.last)
                .collect();
            for record in dropped.iter().rev() {
                state.drop_record(record.header.page, record.header.lsn, record.header.prev_page);
            }
        }
        let news = table.entries().iter().filter(|entry| !state.table.has(entry));
        self.shared.cache.lock().drop_above(news.map(|entry| entry.vdl).min().unwrap_or(Lsn::MAX));
        state.table = Arc::new(table);
        state.note_repairs();
        state.tables += 1;
        state.promised = ballot;
    }
}

/// The last record of a run at or below `bound`, from its batch.
fn last_record(batches: &HashMap<Place, Bytes>, run: &Run, bound: Lsn) -> Lsn {
    let Some(batch) = batches.get(&run.place) else { return run.first };
    let valid = records(batch).filter_map(Result::ok).map(|record| record.header.lsn);
    valid.take_while(|lsn| *lsn <= bound && *lsn <= run.last).last().unwrap_or(run.first)
}

fn check_jump(promised: Ballot, ballot: Ballot) -> Result<(), Refusal> {
    if ballot.counter() > promised.counter().saturating_add(Ballot::JUMP_MAX) {
        return Err(Refusal::Malformed(format!("ballot {ballot} is too far above {promised}")));
    }
    Ok(())
}
