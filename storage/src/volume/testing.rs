//! A storage node in memory, for the tests of the volume: what the protocol asks of a node, by the plainest means, and
//! switches for what can go wrong.

use super::writer::OpenOptions;
use super::{monotonic_clock, wall_clock};
use crate::history::TruncationTable;
use crate::quorum::{COPIES, MEMBERSHIP_EPOCH};
use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::{Condvar, Mutex};
use protocol::batch::{Batch, BatchBuilder};
use protocol::node::{AppendStream, NodeError, NodeResult, OnReply, StorageNode};
use protocol::redo::{self, RecordView};
use protocol::rpc::storage::*;
use protocol::{Ballot, GroupId, Lsn, Page, PageId};
use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

pub(crate) const VOLUME: u64 = 77;
pub(crate) const PAGES_PER_GROUP: u32 = 8;
pub(crate) const LAL_BYTES: u64 = 1 << 16;

pub(crate) fn config() -> VolumeConfig {
    let members = (0..COPIES as u32).map(|node| Member { node, ..Member::default() }).collect();
    VolumeConfig {
        volume: VOLUME,
        pages_per_group: PAGES_PER_GROUP,
        lal_bytes: LAL_BYTES,
        members,
        ..VolumeConfig::default()
    }
}

pub(crate) fn options(instance: u32) -> OpenOptions {
    OpenOptions {
        give_up_after: Some(Duration::from_secs(20)),
        ..OpenOptions::new(instance, protocol::task::Runtime::current(), monotonic_clock(), wall_clock())
    }
}

/// Six nodes, and the same as the volume sees them.
pub(crate) fn six() -> (Vec<Arc<FakeNode>>, Vec<Arc<dyn StorageNode>>) {
    let nodes: Vec<Arc<FakeNode>> = (0..COPIES as u32).map(|id| Arc::new(FakeNode::new(id))).collect();
    let seen = nodes.iter().map(|node| Arc::clone(node) as Arc<dyn StorageNode>).collect();
    (nodes, seen)
}

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Answers nobody; open streams end.
    pub(crate) down: bool,
    /// Takes appends and does nothing with them until this ends: a stopped process.
    pub(crate) stopped: bool,
    /// Refuses batches: there is no room.
    pub(crate) full: bool,
    /// Writes and never flushes.
    pub(crate) unflushed: bool,
    /// Serves damaged pages.
    pub(crate) rotten: bool,
    /// Loses so many appends without a word.
    pub(crate) lose: u32,
    /// Takes this long for an append.
    pub(crate) slow: Duration,
    /// Answers everything else after this.
    pub(crate) late: Duration,
}

#[derive(Default)]
struct State {
    faults: Faults,
    config: Option<VolumeConfig>,
    boot: u64,
    promised: Ballot,
    table: TruncationTable,
    groups: BTreeMap<GroupId, Segment>,
    vdl_heard: Lsn,
    gc_floor: Lsn,
    servers: BTreeMap<u64, ServerInfo>,
    reads: u64,
    /// How often it was asked for redo of a group.
    pulls: BTreeMap<GroupId, u64>,
    /// An answer that is under way.
    late: Option<HoldReply>,
}

/// Every record held of a group, by LSN, with its ballot.
#[derive(Default)]
struct Segment {
    records: BTreeMap<Lsn, (Ballot, RecordView)>,
    scl: Lsn,
    flushed: Lsn,
}

impl Segment {
    fn take(&mut self, ballot: Ballot, record: RecordView) {
        self.records.entry(record.header.lsn).or_insert((ballot, record));
        self.advance();
    }

    fn advance(&mut self) {
        while let Some(next) = self
            .records
            .values()
            .find(|(_, record)| record.header.prev_group == self.scl && record.header.lsn > self.scl)
        {
            self.scl = next.1.header.lsn;
        }
    }

    fn truncate(&mut self, table: &TruncationTable) {
        self.records.retain(|&lsn, (ballot, _)| table.is_valid(lsn, *ballot));
        self.scl = Lsn::ZERO;
        self.advance();
        self.flushed = self.flushed.min(self.scl);
    }
}

impl State {
    fn marks(&self) -> Vec<SegmentMark> {
        let mark = |(group, segment): (&GroupId, &Segment)| SegmentMark {
            group: group.0,
            scl_received: segment.scl.0,
            scl_flushed: segment.flushed.0,
            gap_after: if segment.records.range(Lsn(segment.scl.0 + 1)..).next().is_some() { segment.scl.0 } else { 0 },
        };
        self.groups.iter().map(mark).collect()
    }

    fn take(&mut self, batch: Batch) {
        for record in batch.records {
            if self.table.is_valid(record.header.lsn, batch.ballot) {
                self.groups.entry(batch.group).or_default().take(batch.ballot, record);
            }
        }
    }

    fn held(&self) -> HoldReply {
        HoldReply {
            marks: self.marks(),
            table: Some(self.table.to_rpc()),
            promised: self.promised.0,
            flushed_vdl_heard: self.vdl_heard.0,
            config: self.config.clone(),
            ..HoldReply::default()
        }
    }

    /// `None`: nothing is owed yet.
    fn append(&mut self, request: &AppendRequest) -> Option<AppendReply> {
        let mut reply = AppendReply { sequence: request.sequence, boot: self.boot, ..Default::default() };
        let mut outcome = self.append_outcome(request);
        reply.promised = self.promised.0;
        if outcome == AppendOutcome::Flushed {
            if !request.flush_later && !self.faults.unflushed {
                self.flush();
            } else if request.want_received {
                outcome = AppendOutcome::Received;
            } else {
                return None;
            }
            reply.marks = self.marks();
        }
        reply.set_outcome(outcome);
        Some(reply)
    }

    fn flush(&mut self) {
        self.groups.values_mut().for_each(|segment| segment.flushed = segment.scl);
    }

    fn append_outcome(&mut self, request: &AppendRequest) -> AppendOutcome {
        assert_eq!(request.volume, VOLUME);
        if !request.batch.is_empty() {
            if self.faults.full {
                return AppendOutcome::DiskFull;
            }
            let Ok(batch) = Batch::decode(request.batch.clone()) else { return AppendOutcome::Corrupt };
            assert_eq!(batch.membership_epoch, MEMBERSHIP_EPOCH);
            if batch.ballot < self.promised {
                return AppendOutcome::Fenced;
            }
            if !self.table.contains(batch.ballot) {
                return AppendOutcome::NeedTable;
            }
            self.take(batch);
        }
        self.vdl_heard = self.vdl_heard.max(Lsn(request.flushed_vdl));
        self.gc_floor = self.gc_floor.max(Lsn(request.gc_floor));
        AppendOutcome::Flushed
    }

    fn batches(&self, group: GroupId, after: Lsn, up_to: Lsn, max_bytes: usize) -> Vec<Bytes> {
        let Some(segment) = self.groups.get(&group) else { return Vec::new() };
        let mut batches: Vec<(Ballot, BatchBuilder)> = Vec::new();
        let range = (std::ops::Bound::Excluded(after), std::ops::Bound::Included(up_to.min(segment.scl)));
        if after >= up_to.min(segment.scl) {
            return Vec::new();
        }
        let mut bytes = 0;
        for (ballot, record) in segment.records.range(range).map(|(_, record)| record) {
            if batches.last().is_none_or(|(last, _)| last != ballot) {
                batches.push((*ballot, BatchBuilder::new(group, *ballot, MEMBERSHIP_EPOCH)));
            }
            batches.last_mut().expect("one was pushed").1.push_encoded(record);
            bytes += record.encoded.len();
            if bytes >= max_bytes {
                break;
            }
        }
        batches.into_iter().map(|(_, builder)| builder.finish()).collect()
    }
}

/// A node that holds everything in memory.
pub(crate) struct FakeNode {
    id: u32,
    state: Arc<Mutex<State>>,
    changed: Arc<Condvar>,
}

impl FakeNode {
    fn new(id: u32) -> FakeNode {
        let state = State { config: Some(config()), boot: 1, ..State::default() };
        FakeNode { id, state: Arc::new(Mutex::new(state)), changed: Arc::new(Condvar::new()) }
    }

    pub(crate) fn set(&self, faults: Faults) {
        self.state.lock().faults = faults;
        self.changed.notify_all();
    }

    pub(crate) fn scl(&self, group: u32) -> Lsn {
        self.state.lock().groups.get(&GroupId(group)).map_or(Lsn::ZERO, |segment| segment.scl)
    }

    /// A loss of power and a new start.
    pub(crate) fn power_cut(&self) {
        let mut state = self.state.lock();
        state.boot += 1;
        for segment in state.groups.values_mut() {
            let flushed = segment.flushed;
            segment.records.retain(|&lsn, _| lsn <= flushed);
            segment.scl = flushed;
        }
    }

    /// Whoever asks next what it holds is told what it holds now, however late that arrives.
    pub(crate) fn answer_late(&self) {
        let mut state = self.state.lock();
        state.late = Some(state.held());
    }

    /// How often it was asked for a page.
    pub(crate) fn reads(&self) -> u64 {
        self.state.lock().reads
    }

    /// How often it was asked for redo of a group.
    pub(crate) fn pulls(&self, group: u32) -> u64 {
        self.state.lock().pulls.get(&GroupId(group)).copied().unwrap_or_default()
    }

    pub(crate) fn vdl_heard(&self) -> Lsn {
        self.state.lock().vdl_heard
    }

    pub(crate) fn promised(&self) -> Ballot {
        self.state.lock().promised
    }

    /// How many recoveries its table has.
    pub(crate) fn recoveries(&self) -> usize {
        self.state.lock().table.entries().len()
    }

    /// Drops redo at or below `lsn`, as if it had become images long ago.
    pub(crate) fn retire(&self, lsn: Lsn) {
        self.state.lock().gc_floor = lsn;
    }

    fn answer<T: Send + 'static>(&self, of: impl FnOnce(&mut State) -> NodeResult<T>) -> BoxFuture<'_, NodeResult<T>> {
        let mut state = self.state.lock();
        let reply = if state.faults.down { Err(unreachable()) } else { of(&mut state) };
        if state.faults.stopped {
            return Box::pin(std::future::pending());
        }
        let late = state.faults.late;
        Box::pin(async move {
            if !late.is_zero() {
                protocol::task::sleep(late).await;
            }
            reply
        })
    }
}

fn unreachable() -> NodeError {
    NodeError::Unreachable("down".into())
}

struct FakeStream {
    state: Arc<Mutex<State>>,
    queue: mpsc::Sender<AppendRequest>,
}

impl AppendStream for FakeStream {
    fn send(&mut self, request: AppendRequest) -> NodeResult<()> {
        let mut state = self.state.lock();
        if state.faults.down {
            return Err(unreachable());
        }
        if state.faults.lose > 0 && !request.batch.is_empty() {
            state.faults.lose -= 1;
            return Ok(());
        }
        drop(state);
        self.queue.send(request).map_err(|_| unreachable())
    }
}

impl StorageNode for FakeNode {
    fn append(&self, on_reply: OnReply) -> BoxFuture<'_, NodeResult<Box<dyn AppendStream>>> {
        let (queue, requests) = mpsc::channel::<AppendRequest>();
        let (state, changed) = (Arc::clone(&self.state), Arc::clone(&self.changed));
        let stream = FakeStream { state: Arc::clone(&state), queue };
        self.answer(move |_| {
            std::thread::spawn(move || {
                for request in requests {
                    let mut held = state.lock();
                    while held.faults.stopped {
                        changed.wait(&mut held);
                    }
                    if held.faults.down {
                        return;
                    }
                    let slow = held.faults.slow;
                    if !slow.is_zero() {
                        parking_lot::MutexGuard::unlocked(&mut held, || std::thread::sleep(slow));
                    }
                    let reply = held.append(&request);
                    drop(held);
                    reply.into_iter().for_each(&*on_reply);
                }
            });
            Ok(Box::new(stream) as Box<dyn AppendStream>)
        })
    }

    fn prepare(&self, request: PrepareRequest) -> BoxFuture<'_, NodeResult<PrepareReply>> {
        let node = self.id;
        self.answer(move |state| {
            let ballot = Ballot(request.ballot);
            let mut reply = PrepareReply { highest: state.promised.0, boot: state.boot, node, ..Default::default() };
            if ballot < state.promised {
                return Ok(reply);
            }
            state.promised = ballot;
            state.flush();
            reply.promised = true;
            reply.hydrated = true;
            reply.table = Some(state.table.to_rpc());
            reply.flushed_vdl_heard = state.vdl_heard.0;
            reply.config = state.config.clone();
            for (group, segment) in &state.groups {
                let from = Lsn(request.vdl_heard).min(segment.scl);
                let above = segment.records.range(Lsn(from.0 + 1)..).map(|(lsn, (ballot, record))| RecordHeader {
                    lsn: lsn.0,
                    prev_volume: record.header.prev_volume.0,
                    end_of_mtr: record.header.end_of_mtr,
                    ballot: ballot.0,
                });
                reply.segments.push(SegmentReport {
                    group: group.0,
                    scl: segment.scl.0,
                    scl_ballot: segment.records.get(&segment.scl).map_or(0, |(ballot, _)| ballot.0),
                    above: above.collect(),
                    membership_epoch: MEMBERSHIP_EPOCH.into(),
                });
            }
            Ok(reply)
        })
    }

    fn install_table(&self, request: InstallTableRequest) -> BoxFuture<'_, NodeResult<InstallTableReply>> {
        let node = self.id;
        self.answer(move |state| {
            let ballot = Ballot(request.ballot);
            let adopted = ballot >= state.promised;
            if adopted && state.table.ballot() < ballot {
                state.promised = ballot;
                state.table = TruncationTable::from_rpc(&request.table.unwrap_or_default()).expect("a sound table");
                assert_eq!(state.table.ballot(), ballot);
                let table = state.table.clone();
                state.groups.values_mut().for_each(|segment| segment.truncate(&table));
            }
            if adopted && request.config.is_some() {
                state.config = request.config;
            }
            let held = state.config.clone().unwrap_or_default();
            Ok(InstallTableReply {
                adopted,
                promised: state.promised.0,
                node,
                incarnation: 0,
                membership_ballot: held.membership_ballot,
                membership_epoch: held.membership_epoch,
            })
        })
    }

    fn fill(&self, request: FillRequest) -> BoxFuture<'_, NodeResult<FillReply>> {
        self.answer(move |state| {
            let mut reply = FillReply { promised: state.promised.0, ..Default::default() };
            if Ballot(request.ballot) < state.promised {
                reply.set_outcome(AppendOutcome::Fenced);
                return Ok(reply);
            }
            for batch in request.batches {
                state.take(Batch::decode(batch).expect("a sound batch"));
            }
            state.flush();
            reply.set_outcome(AppendOutcome::Flushed);
            reply.marks = state.marks();
            Ok(reply)
        })
    }

    fn read_page(&self, request: ReadPageRequest) -> BoxFuture<'_, NodeResult<ReadPageReply>> {
        self.answer(move |state| {
            state.reads += 1;
            let mut reply = ReadPageReply::default();
            let id = PageId(request.page);
            let group = id.group(PAGES_PER_GROUP);
            let scl = state.groups.get(&group).map_or(Lsn::ZERO, |segment| segment.scl);
            if !state.table.contains(Ballot(request.ballot)) {
                reply.set_outcome(ReadOutcome::NeedTable);
            } else if scl.0 < request.group_tail {
                reply.set_outcome(ReadOutcome::Behind);
            } else {
                reply.set_outcome(ReadOutcome::Ok);
                let mut page = Page::empty(id);
                if let Some(segment) = state.groups.get(&group) {
                    for (_, record) in segment.records.range(..=Lsn(request.read_point)).map(|(_, record)| record) {
                        if record.header.page == id {
                            let change = record.change().expect("a sound record");
                            redo::apply(&mut page, &record.header, &change).expect("it fits");
                        }
                    }
                }
                if state.faults.rotten {
                    reply.page = Bytes::from(vec![7; protocol::PAGE_BYTES]);
                } else if !page.lsn().is_zero() {
                    reply.page = page.to_bytes().into();
                }
            }
            Ok(reply)
        })
    }

    fn pull(&self, request: PullRequest) -> BoxFuture<'_, NodeResult<PullReply>> {
        self.answer(move |state| {
            let mut reply = PullReply::default();
            let group = GroupId(request.group);
            *state.pulls.entry(group).or_default() += 1;
            if !state.table.contains(Ballot(request.ballot)) {
                reply.set_outcome(ReadOutcome::NeedTable);
                return Ok(reply);
            }
            reply.set_outcome(ReadOutcome::Ok);
            reply.retained_after = state.gc_floor.0;
            reply.scl = state.groups.get(&group).map_or(0, |segment| segment.scl.0);
            if request.after >= reply.retained_after {
                let max_bytes = request.max_bytes as usize;
                reply.batches = state.batches(group, Lsn(request.after), Lsn(request.up_to), max_bytes);
            }
            Ok(reply)
        })
    }

    fn pull_images(&self, _: PullImagesRequest) -> BoxFuture<'_, NodeResult<PullImagesReply>> {
        // It never retires redo, so that nobody needs its images.
        self.answer(|_| Err(NodeError::Refused("there are no images here".into())))
    }

    fn hold(&self, _: HoldRequest) -> BoxFuture<'_, NodeResult<HoldReply>> {
        let node = self.id;
        self.answer(move |state| Ok(HoldReply { node, ..state.late.take().unwrap_or_else(|| state.held()) }))
    }

    fn register(&self, request: RegisterRequest) -> BoxFuture<'_, NodeResult<RegisterReply>> {
        self.answer(move |state| {
            if let Some(server) = request.server {
                state.servers.insert(server.instance, server);
            }
            Ok(RegisterReply {
                servers: state.servers.values().cloned().collect(),
                promised: state.promised.0,
                flushed_vdl_heard: state.vdl_heard.0,
                writer_silent_ms: 0,
            })
        })
    }

    fn create_volume(&self, request: CreateVolumeRequest) -> BoxFuture<'_, NodeResult<CreateVolumeReply>> {
        self.answer(move |state| {
            let created = state.config.is_none();
            state.config = state.config.take().or(request.config);
            Ok(CreateVolumeReply { created })
        })
    }

    fn status(&self, _: StatusRequest) -> BoxFuture<'_, NodeResult<StatusReply>> {
        let node = self.id;
        self.answer(move |state| {
            Ok(StatusReply {
                node,
                boot: state.boot,
                config: state.config.clone(),
                marks: state.marks(),
                promised: state.promised.0,
                flushed_vdl_heard: state.vdl_heard.0,
                ..Default::default()
            })
        })
    }
}
